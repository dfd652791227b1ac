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

// Provider returns p with Add, Replace and Delete, each of which is a transaction of one change. So is Exec,
// unless p has one of its own; one that goes on ([dmtree.ErrAccepted]) is committed like one that is done.
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
	if _, ok := p.Transactional.(dmtree.Execer); ok {
		return dmtree.Exec(ctx, p.Transactional, u, arg)
	}
	var accepted error
	err := p.do(ctx, func(tx dmtree.Tx) error {
		err := dmtree.Exec(ctx, tx, u, arg)
		if errors.Is(err, dmtree.ErrAccepted) {
			accepted = err
			return nil
		}
		return err
	})
	if err == nil {
		err = accepted
	}
	return err
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
