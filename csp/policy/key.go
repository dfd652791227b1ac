package policy

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/omadm-sdk/omadm/dmtree"
)

// key is a policy of the device or of one user, its names in the spelling of the schema.
type key struct {
	user         string // empty: the device
	area, policy string
}

// config returns where the policy is set.
func (k key) config() dmtree.URI { return subtree(k.user).Join("Config", k.area, k.policy) }

// subtree is the Policy CSP of a scope.
func subtree(user string) dmtree.URI {
	if user == "" {
		return "./Device/Vendor/MSFT/Policy"
	}
	return "./User/Vendor/MSFT/Policy"
}

// stored returns where a source keeps its value: the whole tree of the source's store is laid out by scope.
func (k key) stored() dmtree.URI { return area(k.user, k.area).Join(k.policy) }

// area is where the store keeps the policies of an area.
func area(user, name string) dmtree.URI { return scope(user).Join(name) }

// scope is where the store keeps the policies of the device or of a user.
func scope(user string) dmtree.URI {
	if user == "" {
		return dmtree.Root.Join("Device")
	}
	return dmtree.Root.Join("Users", user)
}

// keysIn lists the policies that a store holds.
func keysIn(ctx context.Context, values dmtree.Provider) ([]key, error) {
	users, err := children(ctx, values, dmtree.Root.Join("Users"))
	if err != nil {
		return nil, err
	}
	var out []key
	for _, user := range append([]string{""}, users...) {
		areas, err := children(ctx, values, scope(user))
		if err != nil {
			return nil, err
		}
		for _, a := range areas {
			policies, err := children(ctx, values, area(user, a))
			if err != nil {
				return nil, err
			}
			for _, name := range policies {
				out = append(out, key{user, a, name})
			}
		}
	}
	return out, nil
}

// children lists the names below u in a store; a node that is not there has none.
func children(ctx context.Context, values dmtree.Provider, u dmtree.URI) ([]string, error) {
	v, err := values.Get(ctx, u)
	if errors.Is(err, dmtree.ErrNotFound) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	return slices.Collect(v.Names()), nil
}

// place is what a URI addresses inside the Policy CSP.
type place struct {
	user    string // whose scope it is; empty: the device's
	section string // Config, Result or ConfigOperations; empty: the CSP itself
	area    string
	policy  string
	deeper  bool
}

func (p place) key() key { return key{p.user, p.area, p.policy} }

// place reads a canonical URI. Policies of a user need to know which one.
func (p *Policies) place(ctx context.Context, u dmtree.URI) (place, error) {
	var pl place
	names := slices.Collect(u.Names())
	if len(names) > 0 && strings.EqualFold(names[0], "User") {
		if pl.user = dmtree.CallFrom(ctx).User; pl.user == "" {
			return pl, dmtree.ErrNotAllowed
		}
	}
	depth := subtree("").Depth()
	if len(names) <= depth {
		return pl, nil
	}
	names = names[depth:]
	for _, s := range []string{"Config", "Result", "ConfigOperations"} {
		if strings.EqualFold(names[0], s) {
			pl.section = s
		}
	}
	if pl.section == "" {
		return pl, dmtree.ErrNotFound
	}
	// Names are stored as the schema spells them, so that other spellings find them too.
	at := subtree(pl.user).Join("Config")
	for i, dst := range []*string{&pl.area, &pl.policy} {
		if len(names) <= i+1 {
			return pl, nil
		}
		*dst = names[i+1]
		at = at.Join(names[i+1])
		if n, ok := p.schema.Lookup(at); ok && !n.Dynamic() {
			*dst = n.Name
		}
	}
	pl.deeper = len(names) > 3
	return pl, nil
}
