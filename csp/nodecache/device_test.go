package nodecache_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omadm-sdk/omadm/csp/nodecache"
	"github.com/omadm-sdk/omadm/dmtree"
)

const (
	cache = dmtree.URI("./Device/Vendor/MSFT/NodeCache/Fabrikam MDM")
	build = dmtree.URI("./DevDetail/SwV")
)

// device is a tree with a few nodes and a cache over it.
type device struct {
	*dmtree.Mux
	nodes dmtree.Memory
	store dmtree.Memory
}

func newDevice(t *testing.T) *device {
	d := &device{Mux: new(dmtree.Mux)}
	d.Handle("./DevDetail", &d.nodes)
	d.nodes.Set(build, dmtree.String("10.0.19045.2006"))
	nodecache.Mount(d.Mux, d.Mux, &d.store)
	require.NoError(t, dmtree.Add(t.Context(), d, cache, dmtree.Interior()))
	return d
}

// watch adds a node to the cache.
func (d *device) watch(t *testing.T, id string, u dmtree.URI, expected dmtree.Value) {
	t.Helper()
	n := cache.Join("Nodes", id)
	require.NoError(t, dmtree.Add(t.Context(), d, n, dmtree.Interior()))
	require.NoError(t, dmtree.Add(t.Context(), d, n.Join("NodeURI"), dmtree.String(string(u))))
	require.NoError(t, dmtree.Add(t.Context(), d, n.Join("ExpectedValue"), expected))
}

func (d *device) get(t *testing.T, name string) string {
	t.Helper()
	v, err := dmtree.Get(t.Context(), d, cache.Join(name))
	require.NoError(t, err)
	return v.Text()
}

func TestChangedNodes(t *testing.T) {
	absent := dmtree.String("").WithType("application/x-nodemon-nonexistent")
	tests := []struct {
		name     string
		u        dmtree.URI
		expected dmtree.Value
		changed  bool
	}{
		{"as expected", build, dmtree.String("10.0.19045.2006"), false},
		{"another value", build, dmtree.String("10.0.19045.1"), true},
		{"case counts in values", build, dmtree.String("10.0.19045.2006 "), true},
		{"an interior node is its names", "./DevDetail", dmtree.String("SwV"), false},
		{"expected to be absent, and is", "./DevDetail/Ext", absent, false},
		{"expected to be absent, and is there", build, absent, true},
		{"vanished", "./DevDetail/Ext", dmtree.String("x"), true},
		{"its digest", build, dmtree.String("c0b5d2bd0f0c1cd5bdc0e0ee3ba5d1d3e7cd2b7a0a1b2c3d4e5f60718293a4b5").WithType("application/x-nodemon-sha256"), true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := newDevice(t)
			d.watch(t, "20", tt.u, tt.expected)
			want := ""
			if tt.changed {
				want = "20"
			}
			require.Equal(t, want, d.get(t, "ChangedNodes"))
		})
	}
}

func TestDigestIsCompared(t *testing.T) {
	d := newDevice(t)
	for _, u := range []dmtree.URI{build, "./DevDetail"} {
		sum, err := nodecache.Digest(t.Context(), d, u)
		require.NoError(t, err)
		d.watch(t, u.Name(), u, dmtree.String(sum).WithType("application/x-nodemon-sha256"))
	}
	require.Empty(t, d.get(t, "ChangedNodes"))
	d.nodes.Set("./DevDetail/SwV", dmtree.String("11"))
	require.Equal(t, "SwV,DevDetail", d.get(t, "ChangedNodes"), "the leaf, and the interior node above it")
}

func TestChangedNodesData(t *testing.T) {
	d := newDevice(t)
	d.watch(t, "20", build, dmtree.String("old"))
	d.watch(t, "21", "./DevDetail/Gone", dmtree.String("old"))
	require.NoError(t, dmtree.Add(t.Context(), d, cache.Join("Nodes", "22"), dmtree.Interior()), "without a NodeURI")
	require.Equal(t, `<Nodes><Node Id="20" Uri="./DevDetail/SwV">MTAuMC4xOTA0NS4yMDA2</Node>`+
		`<Node Id="21" Uri="./DevDetail/Gone"></Node><Node Id="22" Uri=""></Node></Nodes>`, d.get(t, "ChangedNodesData"))
}

func TestACacheThatWatchesItself(t *testing.T) {
	digest := dmtree.String("00").WithType("application/x-nodemon-sha256")
	for _, u := range []dmtree.URI{cache.Join("ChangedNodes"), cache.Join("ChangedNodesData"), "./Device/Vendor/MSFT/NodeCache", "./Device"} {
		d := newDevice(t)
		d.watch(t, "1", u, digest)
		d.watch(t, "2", build, dmtree.String("10.0.19045.1"))
		require.Equal(t, "1,2", d.get(t, "ChangedNodes"), u)
		require.NoError(t, dmtree.Replace(t.Context(), d, cache.Join("Nodes", "1", "AutoSetExpectedValue"), dmtree.Null), u)
	}
}

func TestAutoSet(t *testing.T) {
	d := newDevice(t)
	d.watch(t, "20", build, dmtree.String("old"))
	d.watch(t, "21", "./DevDetail/Gone", dmtree.String("old"))
	require.Equal(t, "20,21", d.get(t, "ChangedNodes"))
	for _, id := range []string{"20", "21"} {
		require.NoError(t, dmtree.Replace(t.Context(), d, cache.Join("Nodes", id, "AutoSetExpectedValue"), dmtree.Null))
	}
	require.Empty(t, d.get(t, "ChangedNodes"))
}

func TestReplaceOfExpectedValueCreates(t *testing.T) {
	d := newDevice(t)
	n := cache.Join("Nodes", "20")
	require.NoError(t, dmtree.Add(t.Context(), d, n, dmtree.Interior()))
	require.NoError(t, dmtree.Add(t.Context(), d, n.Join("NodeURI"), dmtree.String(string(build))))
	require.Equal(t, "20", d.get(t, "ChangedNodes"))
	require.NoError(t, dmtree.Replace(t.Context(), d, n.Join("ExpectedValue"), dmtree.String("10.0.19045.2006")))
	require.Empty(t, d.get(t, "ChangedNodes"))
}

func TestRefused(t *testing.T) {
	tests := []struct {
		name string
		u    dmtree.URI
		v    dmtree.Value
		want error
	}{
		{"a second provider", "./Device/Vendor/MSFT/NodeCache/Other", dmtree.Interior(), dmtree.ErrForbidden},
		{"a comma in an id", cache.Join("Nodes", "1,2"), dmtree.Interior(), dmtree.ErrValue},
		{"a value for an interior node", cache.Join("Nodes", "1"), dmtree.String("x"), dmtree.ErrFormat},
		{"a node before its parent", cache.Join("Nodes", "9", "NodeURI"), dmtree.String(string(build)), dmtree.ErrNotFound},
		{"what is computed", cache.Join("ChangedNodes"), dmtree.String("1"), dmtree.ErrNotAllowed},
		{"no URI", cache.Join("Nodes", "20", "NodeURI"), dmtree.String("/etc//passwd"), dmtree.ErrValue},
		{"another node", cache.Join("Version"), dmtree.String("1"), dmtree.ErrNotFound},
		{"the root", "./Device/Vendor/MSFT/NodeCache", dmtree.Interior(), dmtree.ErrNotAllowed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := newDevice(t)
			require.NoError(t, dmtree.Add(t.Context(), d, cache.Join("Nodes", "20"), dmtree.Interior()))
			before := d.store.Len()
			require.ErrorIs(t, dmtree.Add(t.Context(), d, tt.u, tt.v), tt.want)
			require.Equal(t, before, d.store.Len(), "nothing is stored")
		})
	}
}

func TestUnknownProvider(t *testing.T) {
	d := newDevice(t)
	_, err := dmtree.Get(t.Context(), d, "./Vendor/MSFT/NodeCache/Other/CacheVersion")
	require.ErrorIs(t, err, dmtree.ErrNotFound)
	_, err = dmtree.Get(t.Context(), d, cache.Join("CacheVersion"))
	require.ErrorIs(t, err, dmtree.ErrNotFound, "none was set yet")
}
