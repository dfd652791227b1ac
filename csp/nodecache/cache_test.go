package nodecache_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omadm-sdk/omadm/csp/nodecache"
	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/session"
	"github.com/omadm-sdk/omadm/session/sessiontest"
)

// pair joins a device with 200 nodes and a server with a cache of it.
type pair struct {
	*sessiontest.Pair
	nodes   dmtree.Memory
	store   dmtree.Memory
	cache   nodecache.Cache
	want    []dmtree.URI
	changes []nodecache.Change
}

func newPair(t *testing.T) *pair {
	p := &pair{cache: nodecache.Cache{Provider: "Fabrikam MDM"}}
	mux := new(dmtree.Mux)
	mux.Handle("./Vendor/MSFT/Inventory", &p.nodes)
	mux.Handle("./DevInfo", dmtree.Leaf(func(context.Context) (string, error) { return "x", nil }, nil))
	nodecache.Mount(mux, mux, &p.store)
	for i := range 200 {
		u := dmtree.URI(fmt.Sprintf("./Device/Vendor/MSFT/Inventory/N%d", i))
		p.nodes.Set(u, dmtree.String(fmt.Sprintf("value-%d", i)))
		p.want = append(p.want, u)
	}
	p.Pair = sessiontest.New(t, session.Script(func(_ context.Context, c *session.Conversation) error {
		changes, err := p.cache.Sync(c, p.want...)
		if err == nil {
			p.changes = changes
		}
		return err
	}), mux)
	return p
}

// sync runs a session and returns what has changed, and what was said.
func (p *pair) sync(t *testing.T) ([]string, string) {
	before := len(p.Trace())
	p.changes = nil
	p.Run(t.Context())
	var out []string
	for _, c := range p.changes {
		old := "new"
		if c.Old != nil {
			old = told(*c.Old)
		}
		out = append(out, c.URI.Name()+": "+old+" → "+told(c.Node))
	}
	return out, p.Trace()[before:]
}

func told(n nodecache.Node) string {
	if n.Absent {
		return "absent"
	}
	return n.Value
}

func TestOnlyWhatHasChangedTravels(t *testing.T) {
	p := newPair(t)
	changes, _ := p.sync(t)
	require.Len(t, changes, 200, "nothing was known")
	version := p.cache.Version
	require.NotEmpty(t, version)

	changes, said := p.sync(t)
	require.Empty(t, changes)
	require.NotContains(t, said, "value-", "nothing has changed, so nothing travels")
	require.Equal(t, version, p.cache.Version)

	p.nodes.Set(p.want[7], dmtree.String("value-7b"))
	p.nodes.Set(p.want[42], dmtree.String("value-42b"))
	changes, said = p.sync(t)
	require.Equal(t, []string{"N42: value-42 → value-42b", "N7: value-7 → value-7b"}, changes)
	for i, u := range p.want {
		if i != 7 && i != 42 {
			require.NotContains(t, said, u.Name()+"\n")
			require.NotContains(t, said, fmt.Sprintf("value-%d<", i))
		}
	}
	require.LessOrEqual(t, strings.Count(said, "value-"), 2, "two values, told once each")
	require.NotEqual(t, version, p.cache.Version)

	changes, _ = p.sync(t)
	require.Empty(t, changes)
}

func TestNodesComeAndGo(t *testing.T) {
	p := newPair(t)
	p.want = p.want[:3]
	p.sync(t)
	require.NoError(t, dmtree.Delete(t.Context(), &p.nodes, p.want[1]))
	changes, _ := p.sync(t)
	require.Equal(t, []string{"N1: value-1 → absent"}, changes)
	changes, _ = p.sync(t)
	require.Empty(t, changes, "an absent node is expected to be absent")

	p.nodes.Set(p.want[1], dmtree.String(""))
	changes, _ = p.sync(t)
	require.Equal(t, []string{"N1: absent → "}, changes, "empty is not absent")

	p.want = append(p.want[:1:1], "./Device/Vendor/MSFT/Inventory/N9")
	changes, _ = p.sync(t)
	require.Equal(t, []string{"N9: new → value-9"}, changes, "another node is watched")
	require.Len(t, p.cache.Nodes, 2, "and two are not any more")
	changes, _ = p.sync(t)
	require.Empty(t, changes)
}

func TestOutOfStep(t *testing.T) {
	for name, harm := range map[string]func(*pair){
		"the server has lost its version": func(p *pair) { p.cache.Version = "" },
		"the server was restored":         func(p *pair) { p.cache.Version = "another" },
		"the device was reset": func(p *pair) {
			dmtree.Delete(context.Background(), &p.store, dmtree.URI("./Device/Vendor/MSFT/NodeCache"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPair(t)
			p.want = p.want[:5]
			p.sync(t)
			harm(p)
			p.nodes.Set(p.want[2], dmtree.String("value-2b"))
			changes, _ := p.sync(t)
			require.Equal(t, []string{"N2: value-2 → value-2b"}, changes, "rebuilt, and the change is told")
			changes, _ = p.sync(t)
			require.Empty(t, changes)
		})
	}
}
