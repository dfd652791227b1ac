package session

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/syncml"
)

// devInfo returns the Replace that tells the server what this device is: the leaves below ./DevInfo, on Windows the
// standard five only. A device whose tree has none still has a DevId and a protocol version.
func (c *Client) devInfo(ctx context.Context) (*syncml.Replace, error) {
	five := c.Profile.rules().fiveLeaves
	r := new(syncml.Replace)
	seen := make(map[string]bool)
	add := func(u dmtree.URI, v dmtree.Value) {
		x := executor{}
		it := x.itemOf(u, v)
		if five {
			it.Meta = syncml.Meta{}
		}
		r.Items = append(r.Items, it)
		seen[strings.ToLower(string(u))] = true
	}
	ctx = dmtree.WithCall(ctx, new(dmtree.Call)) // the device reads for itself
	const root dmtree.URI = "./DevInfo"
	for _, leaf := range [...]struct{ name, missing string }{
		{"DevId", c.ID}, {"Man", ""}, {"Mod", ""}, {"DmV", "1.3"}, {"Lang", ""},
	} {
		u := root.Join(leaf.name)
		v, err := dmtree.Get(ctx, c.Tree, u)
		switch {
		case err == nil && !v.IsInterior():
			add(u, v)
		case err != nil && !errors.Is(err, dmtree.ErrNotFound):
			return nil, err
		case leaf.missing != "":
			add(u, dmtree.String(leaf.missing))
		}
	}
	if five {
		return r, nil
	}
	var rest func(u dmtree.URI) error
	rest = func(u dmtree.URI) error {
		v, err := dmtree.Get(ctx, c.Tree, u)
		switch {
		case errors.Is(err, dmtree.ErrNotFound), err == nil && seen[strings.ToLower(string(u))]:
			return nil
		case err != nil:
			return err
		case !v.IsInterior():
			add(u, v)
			return nil
		}
		for _, name := range slices.Sorted(v.Names()) {
			if err := rest(u.Join(name)); err != nil {
				return err
			}
		}
		return nil
	}
	return r, rest(root)
}
