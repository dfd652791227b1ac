// Package autocommit gives a provider that has transactions the single commands too, so that there is one way to
// check, prepare and store a change.
package autocommit

import (
	"context"
	"errors"

	"github.com/omadm-sdk/omadm/dmtree"
)

// A Transactional is a provider whose changes are made in transactions.
type Transactional interface {
	dmtree.Provider
	dmtree.Beginner
}

// Provider returns p with Add, Replace and Delete, each of which is a transaction of one change. Exec goes to p as it
// is; it is [dmtree.ErrNotAllowed] if p has none.
func Provider(p Transactional) dmtree.Provider { return &provider{p} }

type provider struct{ Transactional }

func (p *provider) Add(ctx context.Context, u dmtree.URI, v dmtree.Value) error {
	return p.do(ctx, func(tx dmtree.Tx) error { return dmtree.Add(ctx, tx, u, v) })
}

func (p *provider) Replace(ctx context.Context, u dmtree.URI, v dmtree.Value) error {
	return p.do(ctx, func(tx dmtree.Tx) error { return dmtree.Replace(ctx, tx, u, v) })
}

func (p *provider) Delete(ctx context.Context, u dmtree.URI) error {
	return p.do(ctx, func(tx dmtree.Tx) error { return dmtree.Delete(ctx, tx, u) })
}

func (p *provider) Exec(ctx context.Context, u dmtree.URI, arg dmtree.Value) error {
	return dmtree.Exec(ctx, p.Transactional, u, arg)
}

func (p *provider) do(ctx context.Context, change func(dmtree.Tx) error) error {
	tx, err := p.Begin(ctx)
	if err != nil {
		return err
	}
	if err = change(tx); err == nil {
		err = tx.Prepare(ctx)
	}
	if err == nil {
		return tx.Commit(ctx)
	}
	if undo := tx.Rollback(ctx); undo != nil {
		return errors.Join(err, undo)
	}
	return err
}
