package dmtree

import (
	"context"
	"errors"
	"strings"
)

// Properties that a Tree keeps lie in a tree of their own: for the node ./A/B
// the property ACL is the leaf ./+A/+B/ACL. The plus keeps names and
// properties apart, and makes deleting and renaming a node one step.
const (
	keptACL   = "ACL"
	keptTitle = "Title"
	keptStamp = "Stamp" // VerNo and TStamp, separated by a blank
)

// keepName is the name under which a Memory has the properties beside its own
// nodes. No URI from outside can hold it.
const (
	keepName = "*"
	keepRoot = Root + "/" + keepName
)

func inKeep(u URI) bool { return u == keepRoot || strings.HasPrefix(string(u), string(keepRoot)+"/") }

// below shows the part of a Memory below a node as a tree of its own.
type below struct {
	p interface {
		Provider
		Adder
		Replacer
		Deleter
		Renamer
		put(context.Context, Change) error
	}
	root URI
}

func (b *below) at(u URI) URI {
	if u == Root {
		return b.root
	}
	return b.root + u[1:]
}

func (b *below) Get(ctx context.Context, u URI) (Value, error) { return b.p.Get(ctx, b.at(u)) }
func (b *below) Add(ctx context.Context, u URI, v Value) error { return b.p.Add(ctx, b.at(u), v) }
func (b *below) set(ctx context.Context, u URI, v Value) error {
	return b.p.put(ctx, Change{Op: OpSet, URI: b.at(u), Value: v})
}
func (b *below) Delete(ctx context.Context, u URI) error { return b.p.Delete(ctx, b.at(u)) }
func (b *below) Rename(ctx context.Context, u URI, n string) error {
	return b.p.Rename(ctx, b.at(u), n)
}
func (b *below) Replace(ctx context.Context, u URI, v Value) error {
	return b.p.Replace(ctx, b.at(u), v)
}

// Begin is for a provider only: within a transaction, what is below is part of
// it.
func (b *below) Begin(ctx context.Context) (Tx, error) {
	tx, err := Begin(ctx, b.p)
	if err != nil {
		return nil, err
	}
	keeper, ok := tx.(Keeper)
	if !ok {
		return nil, ErrUnsupported
	}
	return &belowTx{keeper.Keep().(*below), tx}, nil
}

type belowTx struct {
	*below
	tx Tx
}

func (t *belowTx) Prepare(ctx context.Context) error  { return t.tx.Prepare(ctx) }
func (t *belowTx) Commit(ctx context.Context) error   { return t.tx.Commit(ctx) }
func (t *belowTx) Rollback(ctx context.Context) error { return t.tx.Rollback(ctx) }

// A keep reads and writes kept properties.
type keep struct{ p Provider }

func keptAt(u URI) URI {
	if u == Root {
		return u
	}
	return Root + URI(strings.ReplaceAll(string(u[1:]), "/", "/+"))
}

func (k keep) get(ctx context.Context, u URI, what string) (string, error) {
	v, err := k.p.Get(ctx, keptAt(u)+URI("/"+what))
	if errors.Is(err, ErrNotFound) {
		return "", nil
	}
	return v.Text(), bare(err)
}

func (k keep) set(ctx context.Context, u URI, what, text string) error {
	at := keptAt(u) + URI("/"+what)
	if text == "" {
		return k.forgive(Delete(ctx, k.p, at))
	}
	if s, ok := k.p.(interface {
		set(context.Context, URI, Value) error
	}); ok { // whatever others have done meanwhile
		return s.set(ctx, at, String(text))
	}
	err := Replace(ctx, k.p, at, String(text))
	if errors.Is(err, ErrNotFound) {
		err = Add(ctx, k.p, at, String(text))
	}
	return bare(err)
}

// drop forgets a node with all that is below it.
func (k keep) drop(ctx context.Context, u URI) error { return k.forgive(Delete(ctx, k.p, keptAt(u))) }

func (k keep) rename(ctx context.Context, u URI, name string) error {
	return k.forgive(Rename(ctx, k.p, keptAt(u), "+"+name))
}

// forgive takes it as done that there was nothing to do it to.
func (k keep) forgive(err error) error {
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return bare(err)
}

// bare takes the place where a property is kept out of an error: nobody asked
// about that node.
func bare(err error) error {
	if e, ok := err.(*Error); ok {
		return e.Err
	}
	return err
}

// acls iterates over the nodes that have an ACL, from u down.
func (k keep) acls(ctx context.Context, u URI, f func(u URI, a ACL) error) error {
	text, err := k.get(ctx, u, keptACL)
	if err != nil {
		return err
	}
	if text != "" {
		a, err := ParseACL(text)
		if err != nil {
			return err
		}
		if err := f(u, a); err != nil {
			return err
		}
	}
	v, err := k.p.Get(ctx, keptAt(u))
	if err != nil {
		return k.forgive(err)
	}
	for name := range v.Names() {
		if name, ok := strings.CutPrefix(name, "+"); ok {
			if err := k.acls(ctx, u.Join(name), f); err != nil {
				return err
			}
		}
	}
	return nil
}
