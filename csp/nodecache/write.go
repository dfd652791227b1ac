package nodecache

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/omadm-sdk/omadm/csp/internal/backing"
	"github.com/omadm-sdk/omadm/dmtree"
)

func (p *provider) Begin(ctx context.Context) (dmtree.Tx, error) {
	store, err := dmtree.Begin(ctx, p.store)
	if err != nil {
		return nil, err
	}
	return &tx{provider: p, Tx: store}, nil
}

// tx is a transaction: that of the store, with the rules of NodeCache before it.
type tx struct {
	provider *provider
	dmtree.Tx
}

func (t *tx) Get(ctx context.Context, u dmtree.URI) (dmtree.Value, error) {
	return t.provider.get(ctx, u, t.Tx)
}

func (t *tx) Add(ctx context.Context, u dmtree.URI, v dmtree.Value) error {
	if err := t.check(ctx, u, v); err != nil {
		return err
	}
	if locate(u).is(nodeNodes, "*", nodeAutoSet) {
		return t.autoSet(ctx, u.Parent())
	}
	return backing.Add(ctx, t.Tx, u, v)
}

// Replace sets a value. ExpectedValue may be missing: servers replace it without having added it.
func (t *tx) Replace(ctx context.Context, u dmtree.URI, v dmtree.Value) error {
	if err := t.check(ctx, u, v); err != nil {
		return err
	}
	pl := locate(u)
	switch {
	case pl.is(nodeNodes, "*", nodeAutoSet):
		return t.autoSet(ctx, u.Parent())
	case pl.is(nodeNodes, "*", nodeExpected):
		return t.expect(ctx, u.Parent(), v)
	}
	return backing.Replace(ctx, t.Tx, u, v)
}

func (t *tx) Delete(ctx context.Context, u dmtree.URI) error {
	pl := locate(u)
	if u.Depth() <= roots[0].Depth() || pl.is(nodeNodes) || pl.is(nodeChanged) || pl.is(nodeData) {
		return dmtree.ErrNotAllowed
	}
	return backing.Delete(ctx, t.Tx, u)
}

// check holds what is written against the shape of the tree: one provider, ids without commas, and so on.
func (t *tx) check(ctx context.Context, u dmtree.URI, v dmtree.Value) error {
	pl := locate(u)
	interior := len(pl.names) == 0 || pl.is(nodeNodes) || pl.is(nodeNodes, "*")
	switch {
	case u.Depth() <= roots[0].Depth(), pl.is(nodeChanged), pl.is(nodeData), pl.is(nodeNodes):
		return dmtree.ErrNotAllowed
	case interior != v.IsInterior() && !pl.is(nodeNodes, "*", nodeAutoSet):
		return dmtree.ErrFormat
	case len(pl.names) == 0:
		return t.onlyProvider(ctx, pl)
	case pl.is(nodeVersion), pl.is(nodeNodes, "*", nodeExpected), pl.is(nodeNodes, "*", nodeAutoSet):
		return t.exists(ctx, pl.provider)
	case pl.is(nodeNodes, "*"):
		return t.newNode(ctx, pl)
	case pl.is(nodeNodes, "*", nodeURI):
		// What cannot be an address is refused here, where the server sees it.
		if _, err := dmtree.ParseURI(v.Text()); err != nil {
			return fmt.Errorf("%w: NodeURI is no URI of a node", dmtree.ErrValue)
		}
		return t.exists(ctx, u.Parent())
	}
	return dmtree.ErrNotFound
}

// exists refuses to create parents on the way: servers add the provider and each node themselves.
func (t *tx) exists(ctx context.Context, u dmtree.URI) error {
	_, err := t.Tx.Get(ctx, u)
	return err
}

func (t *tx) onlyProvider(ctx context.Context, pl place) error {
	v, err := t.Tx.Get(ctx, pl.provider.Parent())
	if errors.Is(err, dmtree.ErrNotFound) {
		return nil
	} else if err != nil {
		return err
	}
	for name := range v.Names() {
		if !strings.EqualFold(name, pl.provider.Name()) {
			return fmt.Errorf("%w: the cache belongs to provider %s", dmtree.ErrForbidden, name)
		}
	}
	return nil
}

func (t *tx) newNode(ctx context.Context, pl place) error {
	if strings.Contains(pl.names[1], ",") {
		return fmt.Errorf("%w: a comma in the id of a node, which lists of ids could not carry", dmtree.ErrValue)
	}
	if err := t.exists(ctx, pl.provider); err != nil {
		return err
	}
	v, err := t.Tx.Get(ctx, pl.provider.Join(nodeNodes))
	if errors.Is(err, dmtree.ErrNotFound) {
		return nil
	}
	n := 0
	for range v.Names() {
		n++
	}
	if n >= MaxNodes {
		return dmtree.ErrFull
	}
	return err
}

// autoSet makes the actual value the expected one.
func (t *tx) autoSet(ctx context.Context, node dmtree.URI) error {
	u, err := t.Tx.Get(ctx, node.Join(nodeURI))
	if err != nil {
		return err
	}
	actual, err := dmtree.Get(ctx, t.provider.tree, dmtree.URI(u.Text()))
	switch {
	case errors.Is(err, dmtree.ErrNotFound):
		return t.expect(ctx, node, dmtree.String("").WithType(typeNonexistent))
	case err != nil:
		return err
	}
	return t.expect(ctx, node, dmtree.String(actual.Text()))
}

func (t *tx) expect(ctx context.Context, node dmtree.URI, v dmtree.Value) error {
	u := node.Join(nodeExpected)
	if _, err := t.Tx.Get(ctx, u); err == nil {
		return backing.Replace(ctx, t.Tx, u, v)
	}
	if err := t.exists(ctx, node); err != nil {
		return err
	}
	return backing.Add(ctx, t.Tx, u, v)
}
