package dmtree

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// Undoable returns p with transactions that read before each write, so that
// Rollback can write the old state back. If p has transactions of its own, it
// is returned as it is.
//
// Changes are made at once and are seen by everybody; Commit has nothing left
// to do. What cannot be read cannot be undone: such a write is refused with
// ErrUnsupported before it is made. An Exec cannot be undone either: it runs,
// and a Rollback reports it, as it reports each change that could not be
// taken back, by an error that wraps ErrRollback and names the node (see
// [Blames]).
func Undoable(p Provider) Provider {
	if _, ok := p.(Beginner); ok {
		return p
	}
	return &undoable{p}
}

// undoable passes everything on to the provider that it wraps.
type undoable struct{ p Provider }

func (d *undoable) Get(ctx context.Context, u URI) (Value, error)     { return d.p.Get(ctx, u) }
func (d *undoable) Add(ctx context.Context, u URI, v Value) error     { return Add(ctx, d.p, u, v) }
func (d *undoable) Replace(ctx context.Context, u URI, v Value) error { return Replace(ctx, d.p, u, v) }
func (d *undoable) Delete(ctx context.Context, u URI) error           { return Delete(ctx, d.p, u) }
func (d *undoable) Exec(ctx context.Context, u URI, arg Value) error  { return Exec(ctx, d.p, u, arg) }
func (d *undoable) Rename(ctx context.Context, u URI, name string) error {
	return Rename(ctx, d.p, u, name)
}
func (d *undoable) Node(ctx context.Context, u URI) (Properties, error) { return Node(ctx, d.p, u) }
func (d *undoable) Names(ctx context.Context, u URI) ([]string, error)  { return Names(ctx, d.p, u) }
func (d *undoable) Begin(context.Context) (Tx, error) {
	return &undoTx{undoable: undoable{d.p}}, nil
}

// undoTx writes through and remembers how to take each write back.
type undoTx struct {
	undoable
	undo []undoStep
	over bool
}

type undoStep struct {
	uri URI
	f   func(context.Context) error
}

// Begin is not for a transaction to answer.
func (t *undoTx) Begin(context.Context) (Tx, error) { return nil, ErrUnsupported }

func (t *undoTx) did(u URI, f func(context.Context) error) {
	t.undo = append(t.undo, undoStep{u, f})
}

// old reads what a write is about to change.
func (t *undoTx) old(ctx context.Context, u URI) (v Value, exists bool, err error) {
	switch v, err := t.p.Get(ctx, u); {
	case err == nil:
		return v, true, nil
	case errors.Is(err, ErrNotFound):
		return Null, false, nil
	default:
		return Null, false, fmt.Errorf("%w: a change that could not be undone, because reading gives: %w", ErrUnsupported, err)
	}
}

func (t *undoTx) Add(ctx context.Context, u URI, v Value) error {
	if t.over {
		return errTxOver
	}
	top := u // the highest node that the Add creates
	for !top.Parent().IsRoot() {
		_, exists, err := t.old(ctx, top.Parent())
		if err != nil {
			return err
		}
		if exists {
			break
		}
		top = top.Parent()
	}
	if err := Add(ctx, t.p, u, v); err != nil {
		return err
	}
	t.did(u, func(ctx context.Context) error { return Delete(ctx, t.p, top) })
	return nil
}

func (t *undoTx) Replace(ctx context.Context, u URI, v Value) error {
	if t.over {
		return errTxOver
	}
	old, exists, err := t.old(ctx, u)
	if err != nil {
		return err
	}
	if err := Replace(ctx, t.p, u, v); err != nil {
		return err
	}
	t.did(u, func(ctx context.Context) error {
		if !exists { // many providers of Windows create on Replace
			return Delete(ctx, t.p, u)
		}
		return Replace(ctx, t.p, u, old)
	})
	return nil
}

func (t *undoTx) Delete(ctx context.Context, u URI) error {
	if t.over {
		return errTxOver
	}
	var was []Entry
	for e, err := range Walk(ctx, t.p, u) {
		switch {
		case len(was) == 0 && errors.Is(err, ErrNotFound):
			return err
		case err != nil:
			return fmt.Errorf("%w: a change that could not be undone, because reading gives: %w", ErrUnsupported, err)
		}
		was = append(was, e)
	}
	if err := Delete(ctx, t.p, u); err != nil {
		return err
	}
	t.did(u, func(ctx context.Context) error {
		for _, e := range was {
			v := e.Value
			if v.IsInterior() {
				v = Interior().WithType(v.Type())
			}
			err := Add(ctx, t.p, e.URI, v)
			if errors.Is(err, ErrExist) && !v.IsInterior() { // the provider made it with its parent
				err = Replace(ctx, t.p, e.URI, v)
			}
			if err != nil && !errors.Is(err, ErrExist) {
				return err
			}
		}
		return nil
	})
	return nil
}

func (t *undoTx) Rename(ctx context.Context, u URI, name string) error {
	if t.over {
		return errTxOver
	}
	if err := Rename(ctx, t.p, u, name); err != nil {
		return err
	}
	t.did(u, func(ctx context.Context) error { return Rename(ctx, t.p, u.Parent().Join(name), u.Name()) })
	return nil
}

func (t *undoTx) Exec(ctx context.Context, u URI, arg Value) error {
	if t.over {
		return errTxOver
	}
	err := Exec(ctx, t.p, u, arg)
	if err == nil || errors.Is(err, ErrAccepted) {
		t.did(u, func(context.Context) error { return errors.New("an Exec cannot be undone") })
	}
	return err
}

func (t *undoTx) Prepare(context.Context) error {
	if t.over {
		return errTxOver
	}
	return nil
}

func (t *undoTx) Commit(context.Context) error {
	if t.over {
		return errTxOver
	}
	t.over, t.undo = true, nil
	return nil
}

// Rollback goes on after a failure, to leave as little behind as it can.
func (t *undoTx) Rollback(ctx context.Context) error {
	if t.over {
		return errTxOver
	}
	t.over = true
	var failed []error
	for _, step := range slices.Backward(t.undo) {
		if err := step.f(ctx); err != nil {
			failed = append(failed, &Error{Op: "rollback", URI: step.uri, Err: fmt.Errorf("%w: %w", ErrRollback, err)})
		}
	}
	t.undo = nil
	return errors.Join(failed...)
}
