package dmtree

import (
	"context"
	"errors"
)

// Snapshot copies the node root of p and all below it, with the nodes above,
// into a Memory. A node that cannot be read is left out; the error joins what
// was wrong with each of those, and the Memory holds the rest.
func Snapshot(ctx context.Context, p Provider, root URI) (*Memory, error) {
	m := &Memory{CaseSensitive: true} // as p spells its names
	var changes []Change
	var failed []error
	for e, err := range Walk(ctx, p, root) {
		if err != nil {
			failed = append(failed, err)
			continue
		}
		if e.Value.IsInterior() {
			e.Value = Interior().WithType(e.Value.Type())
		}
		changes = append(changes, Change{Op: OpSet, URI: e.URI, Value: e.Value})
	}
	if err := m.Apply(ctx, changes...); err != nil {
		failed = append(failed, err)
	}
	return m, errors.Join(failed...)
}

// Diff returns the changes that make what from holds at root what to holds
// there: first the deletions, then additions and replacements with parents
// before their children. Names are compared without case, values as
// [Value.Equal] does. A node that is interior on one side and a leaf on the
// other is deleted and added.
func Diff(ctx context.Context, from, to Provider, root URI) ([]Change, error) {
	before, err := collect(ctx, from, root)
	if err != nil {
		return nil, err
	}
	after, err := collect(ctx, to, root)
	if err != nil {
		return nil, err
	}
	var gone, rest []Change
	stays := func(e Entry) bool { // as a node of the same kind
		now, ok := after.byKey[e.URI.Fold()]
		return ok && now.IsInterior() == e.Value.IsInterior()
	}
	dropped := make(map[URI]bool)
	for _, e := range before.all {
		key := e.URI.Fold()
		if dropped[key.Parent()] && key != Root {
			dropped[key] = true
		} else if !stays(e) && key != Root {
			dropped[key] = true
			gone = append(gone, Change{Op: OpDelete, URI: e.URI})
		}
	}
	for _, e := range after.all {
		v := e.Value
		if v.IsInterior() {
			v = Interior().WithType(v.Type())
		}
		old, was := before.byKey[e.URI.Fold()]
		switch {
		case !was || dropped[e.URI.Fold()]:
			if e.URI != Root {
				rest = append(rest, Change{Op: OpAdd, URI: e.URI, Value: v})
			}
		case !v.IsInterior() && !old.Equal(v):
			rest = append(rest, Change{Op: OpReplace, URI: e.URI, Value: v})
		}
	}
	return append(gone, rest...), nil
}

type collection struct {
	all   []Entry
	byKey map[URI]Value
}

func collect(ctx context.Context, p Provider, root URI) (*collection, error) {
	c := &collection{byKey: make(map[URI]Value)}
	for e, err := range Walk(ctx, p, root) {
		if errors.Is(err, ErrNotFound) { // of root itself: there is nothing
			continue
		}
		if err != nil {
			return nil, err
		}
		c.all = append(c.all, e)
		c.byKey[e.URI.Fold()] = e.Value
	}
	return c, nil
}

// Apply makes changes, such as a Diff, on p: in one transaction if p has them,
// otherwise one after the other up to the first that fails.
func Apply(ctx context.Context, p Provider, changes []Change) error {
	tx, err := Begin(ctx, p)
	if errors.Is(err, ErrUnsupported) {
		return apply(ctx, p, changes)
	}
	if err != nil {
		return err
	}
	if err := apply(ctx, tx, changes); err != nil {
		if undone := tx.Rollback(ctx); undone != nil {
			return errors.Join(err, undone)
		}
		return err
	}
	return tx.Commit(ctx)
}

func apply(ctx context.Context, p Provider, changes []Change) error {
	for _, c := range changes {
		var err error
		switch c.Op {
		case OpAdd:
			err = Add(ctx, p, c.URI, c.Value)
		case OpReplace:
			err = Replace(ctx, p, c.URI, c.Value)
		case OpDelete:
			err = Delete(ctx, p, c.URI)
		case OpRename:
			err = Rename(ctx, p, c.URI, c.Name)
		case OpSet:
			if err = Replace(ctx, p, c.URI, c.Value); errors.Is(err, ErrNotFound) {
				err = Add(ctx, p, c.URI, c.Value)
			}
		default:
			err = &Error{Op: "apply", URI: c.URI, Err: ErrUnsupported}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// String tells what a change does, without the value.
func (c Change) String() string {
	names := []string{"?", "add", "replace", "delete", "rename", "set"}
	s := names[0]
	if int(c.Op) < len(names) {
		s = names[c.Op]
	}
	s += " " + string(c.URI)
	if c.Op == OpRename {
		s += " to " + c.Name
	}
	return s
}
