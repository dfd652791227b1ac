package dmtree

import (
	"context"
	"slices"
)

// memoryTx keeps its changes in a list and shows them through a view.
type memoryTx struct {
	m        *Memory
	view     view
	changes  []Change
	prepared bool
	over     bool
}

func (t *memoryTx) Get(_ context.Context, u URI) (Value, error) {
	if t.over {
		return Null, errTxOver
	}
	v, ok := t.view.get(u)
	if !ok {
		return Null, ErrNotFound
	}
	return v, nil
}

func (t *memoryTx) peek(_ context.Context, u URI) (Value, error) {
	if t.over {
		return Null, errTxOver
	}
	if v, ok := t.view.kind(u); ok {
		return v, nil
	}
	return Null, ErrNotFound
}

func (t *memoryTx) Node(ctx context.Context, u URI) (Properties, error) {
	if t.over {
		return Properties{}, errTxOver
	}
	if _, ok := t.view.kind(u); !ok {
		return Properties{}, ErrNotFound
	}
	if u = t.view.origin(u); u == "" {
		return Properties{}, nil
	}
	return t.m.Node(ctx, u)
}

func (t *memoryTx) Add(_ context.Context, u URI, v Value) error {
	return t.change(Change{Op: OpAdd, URI: u, Value: v})
}

func (t *memoryTx) Replace(_ context.Context, u URI, v Value) error {
	return t.change(Change{Op: OpReplace, URI: u, Value: v})
}

func (t *memoryTx) Delete(_ context.Context, u URI) error {
	return t.change(Change{Op: OpDelete, URI: u})
}

func (t *memoryTx) Rename(_ context.Context, u URI, name string) error {
	return t.change(Change{Op: OpRename, URI: u, Name: name})
}

func (t *memoryTx) put(_ context.Context, c Change) error { return t.change(c) }

func (t *memoryTx) Keep() Provider { return &below{t, keepRoot} }

func (t *memoryTx) change(c Change) error {
	if t.over || t.prepared {
		return errTxOver
	}
	if err := t.view.check(c); err != nil {
		return err
	}
	t.view.apply(c)
	t.changes = append(t.changes, c)
	return nil
}

func (t *memoryTx) Prepare(ctx context.Context) error {
	if t.over {
		return errTxOver
	}
	if t.prepared {
		return nil
	}
	if err := t.m.acquire(ctx); err != nil {
		return err
	}
	if err := t.m.check(t.changes); err != nil { // others may have written since
		t.m.release()
		return wrap("prepare", "", err)
	}
	t.m.gate.Lock()
	t.m.pending = append(t.m.pending, prepared{t, t.changes})
	t.m.gate.Unlock()
	t.prepared = true
	return nil
}

func (t *memoryTx) Commit(ctx context.Context) error {
	if err := t.Prepare(ctx); err != nil {
		t.over = true
		return err
	}
	err := t.m.commit(t.changes)
	t.end()
	return err
}

func (t *memoryTx) Rollback(context.Context) error {
	if t.over {
		return errTxOver
	}
	t.end()
	return nil
}

func (t *memoryTx) end() {
	if t.prepared {
		t.m.gate.Lock()
		t.m.pending = slices.DeleteFunc(t.m.pending, func(p prepared) bool { return p.tx == t })
		t.m.gate.Unlock()
		t.m.release()
	}
	t.over = true
	t.changes, t.view = nil, view{}
}
