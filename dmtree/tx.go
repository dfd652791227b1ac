package dmtree

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
)

var errTxOver = errors.New("the transaction is over")

// Blames reports whether err names u as a node to blame, in any of the errors
// it wraps or joins. A Rollback that could not undo everything blames the nodes
// that keep their changes.
func Blames(err error, u URI) bool {
	switch e := err.(type) {
	case nil:
		return false
	case *Error:
		return e.URI != "" && e.URI.EqualFold(u) || Blames(e.Err, u)
	case interface{ Unwrap() []error }:
		return slices.ContainsFunc(e.Unwrap(), func(err error) bool { return Blames(err, u) })
	case interface{ Unwrap() error }:
		return Blames(e.Unwrap(), u)
	}
	return false
}

// muxTx spans the transactions of the providers that it has written to.
type muxTx struct {
	m        *Mux
	begun    []muxBegun
	prepared bool
	over     bool
}

type muxBegun struct {
	mount *mount
	tx    Tx
}

func (t *muxTx) read(mt *mount) Provider {
	if tx := t.find(mt); tx != nil {
		return tx
	}
	return mt.provider
}

// find returns the transaction of the mount's provider. A provider that is
// mounted twice has one.
func (t *muxTx) find(mt *mount) Tx {
	for _, b := range t.begun {
		if same(b.mount.provider, mt.provider) {
			return b.tx
		}
	}
	return nil
}

func same(p, q Provider) bool {
	return reflect.ValueOf(p).Comparable() && reflect.ValueOf(q).Comparable() && p == q
}

func (t *muxTx) write(ctx context.Context, mt *mount) (Provider, error) {
	if t.over {
		return nil, errTxOver
	}
	if tx := t.find(mt); tx != nil {
		return tx, nil
	}
	tx, err := Begin(ctx, mt.provider)
	if err != nil {
		return nil, err
	}
	t.begun = append(t.begun, muxBegun{mt, tx})
	return tx, nil
}

func (t *muxTx) Get(ctx context.Context, u URI) (Value, error) { return t.m.route(u).get(ctx, t) }

func (t *muxTx) peek(ctx context.Context, u URI) (Value, error) { return t.m.route(u).peek(ctx, t) }

func (t *muxTx) Add(ctx context.Context, u URI, v Value) error { return t.m.route(u).add(ctx, t, v) }

func (t *muxTx) Replace(ctx context.Context, u URI, v Value) error {
	return t.m.route(u).replace(ctx, t, v)
}

func (t *muxTx) Delete(ctx context.Context, u URI) error { return t.m.route(u).delete(ctx, t) }

func (t *muxTx) Exec(ctx context.Context, u URI, arg Value) error {
	return t.m.route(u).exec(ctx, t, arg)
}

func (t *muxTx) Rename(ctx context.Context, u URI, name string) error {
	return t.m.route(u).rename(ctx, t, name)
}

func (t *muxTx) Node(ctx context.Context, u URI) (Properties, error) {
	return t.m.route(u).node(ctx, t)
}

func (t *muxTx) Prepare(ctx context.Context) error {
	if t.over {
		return errTxOver
	}
	if t.prepared {
		return nil
	}
	ctx = withGroup(ctx, t)
	t.sort()
	for _, b := range t.begun {
		if err := b.tx.Prepare(ctx); err != nil {
			return wrap("prepare", URI(b.mount.pattern), err)
		}
	}
	t.prepared = true
	return nil
}

func (t *muxTx) sort() {
	slices.SortStableFunc(t.begun, func(a, b muxBegun) int { return cmp.Compare(a.mount.order, b.mount.order) })
}

// Commit prepares all before it commits the first: what fails later, fails
// with changes of others made already, and says so.
func (t *muxTx) Commit(ctx context.Context) error {
	if t.over {
		return errTxOver
	}
	ctx = withGroup(ctx, t)
	if err := t.Prepare(ctx); err != nil {
		return errors.Join(err, t.Rollback(ctx))
	}
	t.over = true
	for i, b := range t.begun {
		err := b.tx.Commit(ctx)
		if err == nil {
			continue
		}
		err = wrap("commit", URI(b.mount.pattern), err)
		failed := []error{err}
		for _, done := range t.begun[:i] {
			failed = append(failed, &Error{Op: "commit", URI: URI(done.mount.pattern),
				Err: fmt.Errorf("%w: committed before %s failed", ErrRollback, b.mount.pattern)})
		}
		return errors.Join(append(failed, rollback(ctx, t.begun[i+1:]))...)
	}
	return nil
}

func (t *muxTx) Rollback(ctx context.Context) error {
	if t.over {
		return errTxOver
	}
	t.over = true
	t.sort()
	return rollback(ctx, t.begun)
}

// rollback rolls all back, whatever fails, and joins the failures.
func rollback(ctx context.Context, begun []muxBegun) error {
	var failed []error
	for _, b := range slices.Backward(begun) {
		if err := b.tx.Rollback(ctx); err != nil {
			failed = append(failed, notUndone(URI(b.mount.pattern), err))
		}
	}
	return errors.Join(failed...)
}

// notUndone makes err one that wraps ErrRollback and names a node to blame.
func notUndone(u URI, err error) error {
	if !errors.Is(err, ErrRollback) {
		err = fmt.Errorf("%w: %w", ErrRollback, err)
	}
	if _, named := errors.AsType[*Error](err); named {
		return err
	}
	return &Error{Op: "rollback", URI: u, Err: err}
}
