package nodecache

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/session"
	"github.com/omadm-sdk/omadm/syncml"
)

// A Cache is what a server knows of the nodes of one device. It is plain data: store it as JSON, say. The zero Cache but
// for its Provider is that of a device that nothing is known of.
type Cache struct {
	Provider string          // the PROVIDER-ID of the server's account on the device
	User     bool            // the cache of the signed-in user, else of the device
	Version  string          // that both ends had after the last Sync that was completed; empty: none
	Nodes    map[string]Node // by the id that the device knows them by
}

// A Node is one node as it was last seen.
type Node struct {
	URI    dmtree.URI
	Value  string // its text on the wire
	Absent bool   // the device has no such node
}

// A Change is a node that is not any more what the cache had.
type Change struct {
	Node
	Old *Node // nil: it was not in the cache
}

// ErrRefused is in the error of [Cache.Sync] for a device that does not let the server keep a cache.
var ErrRefused = errors.New("nodecache: refused by the device")

// Sync brings the cache up to date with the device and returns what has changed. want are the nodes to be watched from
// now on, all of them; nodes that are new among them are changes too.
//
// It takes three round trips, whatever the number of nodes, and one if nothing has changed. c is changed when Sync returns
// nil, so that a script may call it again and again with the same cache until then, as scripts are run.
func (c *Cache) Sync(conv *session.Conversation, want ...dmtree.URI) ([]Change, error) {
	next := &Cache{Provider: c.Provider, User: c.User, Nodes: maps.Clone(c.Nodes)}
	if next.Nodes == nil {
		next.Nodes = map[string]Node{}
	}
	next.forget(want)

	at := c.root()
	res, err := conv.Do(func(b *session.Batch) {
		b.Get(at.Join(nodeVersion))
		b.Get(at.Join(nodeData))
	})
	if err != nil {
		return nil, err
	}
	version, err := res[0].Value()
	inStep := err == nil && c.Version != "" && version.Text() == c.Version
	var seen map[string]Node
	if inStep {
		seen, err = next.changed(conv, &res[1], want)
	} else {
		next.Nodes = map[string]Node{}
		seen, err = next.readAll(conv, want)
	}
	if err != nil {
		return nil, err
	}
	gone := c.without(next)
	if inStep && len(seen) == 0 && len(gone) == 0 {
		return nil, nil
	}
	if err := next.write(conv, inStep, seen, gone); err != nil {
		return nil, err
	}
	maps.Copy(next.Nodes, seen)
	changes := c.compare(next)
	*c = *next
	return changes, nil
}

// root is the node of the provider.
func (c *Cache) root() dmtree.URI {
	if c.User {
		return roots[1].Join(c.Provider)
	}
	return roots[0].Join(c.Provider)
}

// forget drops nodes that are not wanted any more.
func (c *Cache) forget(want []dmtree.URI) {
	maps.DeleteFunc(c.Nodes, func(_ string, n Node) bool {
		return !slices.ContainsFunc(want, n.URI.EqualFold)
	})
}

// without lists the ids that other has not, sorted.
func (c *Cache) without(other *Cache) []string {
	var ids []string
	for _, id := range slices.Sorted(maps.Keys(c.Nodes)) {
		if _, ok := other.Nodes[id]; !ok {
			ids = append(ids, id)
		}
	}
	return ids
}

// changed reads the nodes that the device says have changed, and those that are new among want.
func (c *Cache) changed(conv *session.Conversation, data *session.Result, want []dmtree.URI) (map[string]Node, error) {
	seen := map[string]Node{}
	ask := map[string]dmtree.URI{}
	v, err := data.Value()
	switch {
	case err == nil:
		var doc changedNodes
		if err := xml.Unmarshal([]byte(v.Text()), &doc); err != nil && strings.TrimSpace(v.Text()) != "" {
			return nil, fmt.Errorf("nodecache: ChangedNodesData: %w", err)
		}
		for _, n := range doc.Nodes {
			known, ok := c.Nodes[n.ID]
			value, err := base64.StdEncoding.DecodeString(strings.TrimSpace(n.Value))
			switch {
			case !ok:
			case err != nil || len(value) == 0: // empty, or absent: the document does not tell
				ask[n.ID] = known.URI
			default:
				seen[n.ID] = Node{URI: known.URI, Value: string(value)}
			}
		}
	case data.Status == syncml.StatusNotFound || data.Status == syncml.StatusNotSupported || data.Status == syncml.StatusNotAllowed:
		// Before Windows 10 1703 there are the ids only.
		if ask, err = c.changedIDs(conv); err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	next := 1
	for id := range c.Nodes {
		if n, err := strconv.Atoi(id); err == nil && n >= next {
			next = n + 1
		}
	}
	for _, u := range want {
		if !slices.ContainsFunc(slices.Collect(maps.Values(c.Nodes)), func(n Node) bool { return n.URI.EqualFold(u) }) {
			ask[strconv.Itoa(next)] = u
			next++
		}
	}
	read, err := read(conv, ask)
	maps.Copy(seen, read)
	return seen, err
}

// changedIDs asks which nodes have changed, without their values.
func (c *Cache) changedIDs(conv *session.Conversation) (map[string]dmtree.URI, error) {
	v, err := conv.Get(c.root().Join(nodeChanged))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	ask := map[string]dmtree.URI{}
	for id := range strings.SplitSeq(v.Text(), ",") {
		if n, ok := c.Nodes[strings.TrimSpace(id)]; ok {
			ask[strings.TrimSpace(id)] = n.URI
		}
	}
	return ask, nil
}

// readAll reads everything, for a cache that is built anew.
func (c *Cache) readAll(conv *session.Conversation, want []dmtree.URI) (map[string]Node, error) {
	ask := map[string]dmtree.URI{}
	for i, u := range want {
		ask[strconv.Itoa(i+1)] = u
	}
	return read(conv, ask)
}

// read gets nodes by id. One that is not there is absent; any other failure leaves the node out, to be tried again in
// the next session.
func read(conv *session.Conversation, ask map[string]dmtree.URI) (map[string]Node, error) {
	ids := slices.Sorted(maps.Keys(ask))
	res, err := conv.Do(func(b *session.Batch) {
		for _, id := range ids {
			b.Get(ask[id])
		}
	})
	if err != nil {
		return nil, err
	}
	out := map[string]Node{}
	for i, id := range ids {
		v, err := res[i].Value()
		switch {
		case err == nil:
			out[id] = Node{URI: ask[id], Value: v.Text()}
		case res[i].Status == syncml.StatusNotFound:
			out[id] = Node{URI: ask[id], Absent: true}
		}
	}
	return out, nil
}

// write tells the device what the server believes from now on, and then, once all of it has been taken, the version.
func (c *Cache) write(conv *session.Conversation, inStep bool, seen map[string]Node, gone []string) error {
	at := c.root()
	res, err := conv.Do(func(b *session.Batch) {
		if !inStep {
			b.Delete(at) // with 404 if it was not there
			b.Add(at, dmtree.Interior())
		} else {
			for _, id := range gone {
				b.Delete(at.Join(nodeNodes, id))
			}
		}
		for _, id := range slices.Sorted(maps.Keys(seen)) {
			n := at.Join(nodeNodes, id)
			if _, known := c.Nodes[id]; !known {
				b.Add(n, dmtree.Interior())
				b.Add(n.Join(nodeURI), dmtree.String(string(seen[id].URI)))
			}
			b.Replace(n.Join(nodeExpected), expected(seen[id]))
		}
	})
	if err != nil {
		return err
	}
	for i := range res {
		if err := res[i].Err(); err != nil && res[i].Command != "Delete" {
			return fmt.Errorf("%w: %w", ErrRefused, err)
		}
	}
	c.Version, err = session.Once(conv, "nodecache "+string(at), func() (string, error) { return rand.Text(), nil })
	if err != nil {
		return err
	}
	if err := conv.Set(at.Join(nodeVersion), dmtree.String(c.Version)); err != nil {
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return nil
}

// expected is the ExpectedValue of a node.
func expected(n Node) dmtree.Value {
	if n.Absent {
		return dmtree.String("").WithType(typeNonexistent)
	}
	return dmtree.String(n.Value)
}

// compare lists what next has that c had not, in the order of the URIs.
func (c *Cache) compare(next *Cache) []Change {
	old := map[dmtree.URI]Node{}
	for _, n := range c.Nodes {
		old[n.URI.Fold()] = n
	}
	var out []Change
	for _, n := range next.Nodes {
		was, ok := old[n.URI.Fold()]
		switch {
		case !ok:
			out = append(out, Change{Node: n})
		case was.Value != n.Value || was.Absent != n.Absent:
			out = append(out, Change{Node: n, Old: &was})
		}
	}
	slices.SortFunc(out, func(a, b Change) int { return strings.Compare(string(a.URI), string(b.URI)) })
	return out
}
