package nodecache

import (
	"context"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"slices"
	"strings"

	"github.com/omadm-sdk/omadm/csp/internal/autocommit"
	"github.com/omadm-sdk/omadm/dmtree"
)

// Names of the nodes, and the MIME types that say how an ExpectedValue is compared.
const (
	nodeVersion  = "CacheVersion"
	nodeChanged  = "ChangedNodes"
	nodeData     = "ChangedNodesData"
	nodeNodes    = "Nodes"
	nodeURI      = "NodeURI"
	nodeExpected = "ExpectedValue"
	nodeAutoSet  = "AutoSetExpectedValue"

	typeNonexistent = "application/x-nodemon-nonexistent" // the node is expected to be absent
	typeSHA256      = "application/x-nodemon-sha256"      // ExpectedValue is a digest; see [Digest]
)

// roots are the places of NodeCache, by scope.
var roots = []dmtree.URI{"./Device/Vendor/MSFT/NodeCache", "./User/Vendor/MSFT/NodeCache"}

// MaxNodes is how many nodes a server may have watched, in each scope: each of them is read whenever the server asks
// for changes.
const MaxNodes = 10_000

// Mount adds ./Device/Vendor/MSFT/NodeCache and ./User/Vendor/MSFT/NodeCache to mux. tree is what the server's URIs
// address: usually mux itself, or what is wrapped around it. What the server has set rests in store, which must have
// transactions and be used for nothing else.
func Mount(mux *dmtree.Mux, tree, store dmtree.Provider) {
	p := autocommit.Provider(&provider{tree: tree, store: store})
	for _, root := range roots {
		mux.Handle(string(root), p)
	}
}

// provider is the device's end. What the server has set is stored as it is; what is computed never is.
type provider struct {
	tree, store dmtree.Provider
}

// place is what a URI addresses inside NodeCache.
type place struct {
	provider dmtree.URI // the root, and the provider below it
	names    []string   // that follow
}

func locate(u dmtree.URI) place {
	names := slices.Collect(u.Names())
	depth := roots[0].Depth()
	if len(names) <= depth {
		return place{provider: u}
	}
	return place{dmtree.Root.Join(names[:depth+1]...), names[depth+1:]}
}

// is reports whether the place has the given names; "*" stands for any.
func (pl place) is(names ...string) bool {
	return slices.EqualFunc(pl.names, names, func(a, b string) bool { return b == "*" || strings.EqualFold(a, b) })
}

func (p *provider) Get(ctx context.Context, u dmtree.URI) (dmtree.Value, error) {
	return p.get(ctx, u, p.store)
}

// get reads u where store holds what the server has set, inside a transaction or outside of one.
func (p *provider) get(ctx context.Context, u dmtree.URI, store dmtree.Provider) (dmtree.Value, error) {
	pl := locate(u)
	if u.Depth() == roots[0].Depth() {
		v, err := store.Get(ctx, u)
		if errors.Is(err, dmtree.ErrNotFound) {
			return dmtree.Interior(), nil
		}
		return v, err
	}
	top, err := store.Get(ctx, pl.provider)
	if err != nil {
		return dmtree.Null, err
	}
	switch {
	case len(pl.names) == 0:
		names := slices.Collect(top.Names())
		for _, name := range []string{nodeChanged, nodeData, nodeNodes} {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
		return dmtree.Interior(names...), nil
	case pl.is(nodeChanged):
		changed, err := p.changed(ctx, store, pl.provider)
		var ids []string
		for _, c := range changed {
			ids = append(ids, c.ID)
		}
		return dmtree.String(strings.Join(ids, ",")), err
	case pl.is(nodeData):
		changed, err := p.changed(ctx, store, pl.provider)
		if err != nil {
			return dmtree.Null, err
		}
		b, err := xml.Marshal(changedNodes{Nodes: changed})
		return dmtree.XML(string(b)), err
	case pl.is(nodeNodes):
		v, err := store.Get(ctx, u)
		if errors.Is(err, dmtree.ErrNotFound) {
			return dmtree.Interior(), nil
		}
		return v, err
	}
	return store.Get(ctx, u)
}

// changedNodes is the document of ChangedNodesData.
type changedNodes struct {
	XMLName xml.Name      `xml:"Nodes"`
	Nodes   []changedNode `xml:"Node"`
}

type changedNode struct {
	ID    string `xml:"Id,attr"`
	URI   string `xml:"Uri,attr"`
	Value string `xml:",chardata"` // base64 of the value; empty for a node that is absent
}

// comparing marks the context of reads that a comparison makes.
type comparing struct{}

// changed lists the nodes that differ from what the server expects. A server may watch this list itself, or a digest of
// a subtree that it is in: seen from there it is empty, as it would have no end otherwise.
func (p *provider) changed(ctx context.Context, store dmtree.Provider, at dmtree.URI) ([]changedNode, error) {
	if ctx.Value(comparing{}) != nil {
		return nil, nil
	}
	ctx = context.WithValue(ctx, comparing{}, true)
	nodes, err := store.Get(ctx, at.Join(nodeNodes))
	if errors.Is(err, dmtree.ErrNotFound) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	var out []changedNode
	for id := range nodes.Names() {
		n := at.Join(nodeNodes, id)
		c, differs, err := p.compare(ctx, store, n)
		if err != nil {
			return nil, err
		}
		if differs {
			c.ID = id
			out = append(out, c)
		}
	}
	return out, nil
}

// compare holds the actual value of the node that n watches against the expected one. A node without a URI, or with one
// that cannot be read, counts as changed: the server must look at it.
func (p *provider) compare(ctx context.Context, store dmtree.Provider, n dmtree.URI) (changedNode, bool, error) {
	var c changedNode
	u, err := store.Get(ctx, n.Join(nodeURI))
	if errors.Is(err, dmtree.ErrNotFound) {
		return c, true, nil
	} else if err != nil {
		return c, true, err
	}
	c.URI = u.Text()
	expected, expErr := store.Get(ctx, n.Join(nodeExpected))
	if expErr != nil && !errors.Is(expErr, dmtree.ErrNotFound) {
		return c, true, expErr
	}
	actual, err := dmtree.Get(ctx, p.tree, dmtree.URI(c.URI))
	if err != nil {
		absent := errors.Is(err, dmtree.ErrNotFound)
		return c, !absent || expErr != nil || expected.Type() != typeNonexistent, nil
	}
	c.Value = base64.StdEncoding.EncodeToString([]byte(actual.Text()))
	switch {
	case expErr != nil || expected.Type() == typeNonexistent:
		return c, true, nil
	case expected.Type() == typeSHA256:
		same, err := sameDigest(ctx, p.tree, dmtree.URI(c.URI), expected.Text())
		return c, err != nil || !same, nil
	}
	return c, actual.Text() != expected.Text(), nil
}
