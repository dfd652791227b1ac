package csp

import (
	"context"
	"errors"
	"iter"

	"github.com/omadm-sdk/omadm/dmtree"
)

// Guard returns a Provider that refuses what s does not allow before p sees
// it: unknown nodes (ErrNotFound), commands that a node does not take
// (ErrNotAllowed), wrong formats (ErrFormat) and values ([*ValueError], which
// wraps ErrValue). What s cannot decide is left to p. What p answers passes
// unchanged.
//
// The Provider implements every optional interface of package dmtree, and
// answers for what p lacks as the functions of that package do.
func Guard(s *Schema, p dmtree.Provider) dmtree.Provider { return &guard{s, p} }

type guard struct {
	schema *Schema
	p      dmtree.Provider
}

var _ interface {
	dmtree.Provider
	dmtree.Adder
	dmtree.Replacer
	dmtree.Deleter
	dmtree.Execer
	dmtree.Copier
	dmtree.Renamer
	dmtree.Noder
	dmtree.Lister
	dmtree.Beginner
} = (*guard)(nil)

// check returns the node for u if it takes op.
func (g *guard) check(u dmtree.URI, op Op) (*Node, error) {
	n, ok := g.schema.Lookup(u)
	switch {
	case !ok:
		return nil, dmtree.ErrNotFound
	case !n.Allows(op):
		return nil, dmtree.ErrNotAllowed
	}
	return n, nil
}

func (g *guard) checkValue(u dmtree.URI, op Op, v dmtree.Value) error {
	n, err := g.check(u, op)
	if err != nil {
		return err
	}
	if err := n.Validate(v); err != nil && !errors.Is(err, ErrUndecidable) {
		return err
	}
	return nil
}

func (g *guard) Get(ctx context.Context, u dmtree.URI) (dmtree.Value, error) {
	if _, err := g.check(u, OpGet); err != nil {
		return dmtree.Null, err
	}
	return dmtree.Get(ctx, g.p, u)
}

// Add takes a leaf that can be executed without a value: servers add the node of a job, and send the job with the Exec.
func (g *guard) Add(ctx context.Context, u dmtree.URI, v dmtree.Value) error {
	n, err := g.check(u, OpAdd)
	if err == nil && (!n.Allows(OpExec) || v.IsInterior() || v.Text() != "") {
		err = g.checkValue(u, OpAdd, v)
	}
	if err != nil {
		return err
	}
	return dmtree.Add(ctx, g.p, u, v)
}

func (g *guard) Replace(ctx context.Context, u dmtree.URI, v dmtree.Value) error {
	if err := g.checkValue(u, OpReplace, v); err != nil {
		return err
	}
	return dmtree.Replace(ctx, g.p, u, v)
}

func (g *guard) Delete(ctx context.Context, u dmtree.URI) error {
	if _, err := g.check(u, OpDelete); err != nil {
		return err
	}
	return dmtree.Delete(ctx, g.p, u)
}

// Exec takes an argument that is missing for any node: most have none. One for a node of format null is ignored, as
// Windows does: servers send the provider id to Unenroll.
func (g *guard) Exec(ctx context.Context, u dmtree.URI, arg dmtree.Value) error {
	n, err := g.check(u, OpExec)
	if err == nil && n.Format == dmtree.FormatNull {
		arg = dmtree.Null
	}
	if err == nil && !arg.IsNull() {
		err = g.checkValue(u, OpExec, arg)
	}
	if err != nil {
		return err
	}
	return dmtree.Exec(ctx, g.p, u, arg)
}

func (g *guard) Copy(ctx context.Context, from, to dmtree.URI) error {
	if _, err := g.check(from, OpGet); err != nil {
		return &dmtree.Error{Op: "copy", URI: from, Err: err}
	}
	if _, err := g.check(to, OpCopy); err != nil {
		return err
	}
	return dmtree.Copy(ctx, g.p, from, to)
}

// Rename allows another name for a dynamic node, if its description has no
// pattern or the name fits.
func (g *guard) Rename(ctx context.Context, u dmtree.URI, name string) error {
	n, err := g.check(u, OpReplace)
	if err != nil {
		return err
	}
	if to, ok := g.schema.Lookup(u.Parent().Join(name)); !n.Dynamic() || n.Permanent() || !ok || to != n {
		return dmtree.ErrNotAllowed
	}
	return dmtree.Rename(ctx, g.p, u, name)
}

// Node fills in what p does not tell.
func (g *guard) Node(ctx context.Context, u dmtree.URI) (dmtree.Properties, error) {
	n, ok := g.schema.Lookup(u)
	if !ok {
		return dmtree.Properties{}, dmtree.ErrNotFound
	}
	props, err := dmtree.Node(ctx, g.p, u)
	if err != nil {
		return props, err
	}
	if props.Access == 0 {
		props.Access = n.access
	}
	props.Permanent = props.Permanent || n.Permanent()
	return props, nil
}

func (g *guard) List(ctx context.Context, u dmtree.URI) iter.Seq2[dmtree.Entry, error] {
	if _, err := g.check(u, OpGet); err != nil {
		return func(yield func(dmtree.Entry, error) bool) { yield(dmtree.Entry{}, err) }
	}
	return dmtree.List(ctx, g.p, u)
}

func (g *guard) Begin(ctx context.Context) (dmtree.Tx, error) {
	tx, err := dmtree.Begin(ctx, g.p)
	if err != nil {
		return nil, err
	}
	return &guardTx{guard{g.schema, tx}, tx}, nil
}

// guardTx guards a transaction.
type guardTx struct {
	guard
	tx dmtree.Tx
}

func (t *guardTx) Prepare(ctx context.Context) error  { return t.tx.Prepare(ctx) }
func (t *guardTx) Commit(ctx context.Context) error   { return t.tx.Commit(ctx) }
func (t *guardTx) Rollback(ctx context.Context) error { return t.tx.Rollback(ctx) }
