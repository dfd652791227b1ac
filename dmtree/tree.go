package dmtree

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// A Tree adds to a Provider what OMA DM demands of every node: access control
// lists, the properties that ?prop= reads and writes, the lists that ?list=
// asks for, whole subtrees in one command (TNDS), and the checks that come
// before any command reaches the provider (DM TND). Who asks is in the
// context, see [CallFrom]; the device itself, which is no server, is bound by no
// ACL.
//
// A Tree is safe for concurrent use. Fields must not change after the first
// use. Properties follow the changes that are made through the Tree; what a
// provider changes behind its back has no new TStamp.
type Tree struct {
	// Provider has the nodes.
	Provider Provider
	// Properties is where ACLs, titles, version numbers and time stamps are
	// kept: an Adder, Replacer, Deleter and Renamer whose Add creates
	// missing parents, such as the Keep of a Memory or filestore.Store that
	// a Mux serves. Nil means where Provider keeps them if it is a Keeper
	// itself, such as Memory, and otherwise in memory.
	Properties Provider
	// Open switches access control off, as on Windows: every server may do
	// everything, and there is no property ACL.
	Open bool
	// NoTNDS makes a tree without support for TNDS: ErrFormat for a TNDS
	// document, ErrUnsupported for ?list=TNDS.
	NoTNDS bool
	// Limits of URIs; what goes beyond is answered with ErrTooLong.
	Limits Limits
	// CreatorACL gives the ACL of an interior node whose creator may not
	// replace on the node above. Nil means Add, Delete and Replace for the
	// creator, which is what DM TND demands, but locks the creator
	// out of reading.
	CreatorACL func(server string) ACL

	mu      sync.Mutex // held by one writer at a time where the nodes are near, and while versions are counted
	private Memory
}

// keep returns where properties are kept outside of transactions.
func (t *Tree) keep() Provider {
	if t.Properties != nil {
		return t.Properties
	}
	if k, ok := t.Provider.(Keeper); ok {
		if p := k.Keep(); p != nil {
			return p
		}
	}
	return &t.private
}

// ops returns the commands as they work outside of transactions.
func (t *Tree) ops() *treeOps {
	return &treeOps{t: t, p: t.Provider, k: keep{t.keep()}, counting: &t.mu}
}

// write runs a command that writes. Where Provider keeps the properties too, it
// is a transaction of its own, so that both change or neither does; otherwise
// the properties follow the node.
func (t *Tree) write(ctx context.Context, f func(*treeOps) error) error {
	_, keeps := t.Provider.(Keeper)
	if _, begins := t.Provider.(Beginner); !keeps || !begins || t.Properties != nil {
		return f(t.ops())
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.atOnce(ctx, f)
}

// atOnce runs f in a transaction, which is made from reading and writing back
// if the provider has none.
func (t *Tree) atOnce(ctx context.Context, f func(*treeOps) error) error {
	tx, err := t.begin(ctx, Undoable(t.Provider))
	if err != nil {
		return err
	}
	if err := f(&tx.treeOps); err != nil {
		if undone := tx.Rollback(context.WithoutCancel(ctx)); undone != nil {
			return errors.Join(err, undone)
		}
		return err
	}
	return tx.Commit(ctx)
}

// Get implements Provider.
func (t *Tree) Get(ctx context.Context, u URI) (Value, error) { return t.ops().Get(ctx, u) }

// Add implements Adder. A TNDS document creates all its nodes or none.
func (t *Tree) Add(ctx context.Context, u URI, v Value) error {
	write := t.write
	if isTNDS(v) && !isInbox(u) {
		write = t.atOnce
	}
	return write(ctx, func(o *treeOps) error { return o.Add(ctx, u, v) })
}

// Replace implements Replacer. A TNDS document replaces the whole subtree or
// nothing.
func (t *Tree) Replace(ctx context.Context, u URI, v Value) error {
	write := t.write
	if isTNDS(v) {
		write = t.atOnce
	}
	return write(ctx, func(o *treeOps) error { return o.Replace(ctx, u, v) })
}

// Delete implements Deleter.
func (t *Tree) Delete(ctx context.Context, u URI) error {
	return t.write(ctx, func(o *treeOps) error { return o.Delete(ctx, u) })
}

// Exec implements Execer. What it does is no part of a transaction.
func (t *Tree) Exec(ctx context.Context, u URI, arg Value) error { return t.ops().Exec(ctx, u, arg) }

// Copy implements Copier.
func (t *Tree) Copy(ctx context.Context, from, to URI) error {
	return t.write(ctx, func(o *treeOps) error { return o.Copy(ctx, from, to) })
}

// Rename implements Renamer, as a Replace of the property Name does.
func (t *Tree) Rename(ctx context.Context, u URI, name string) error {
	return t.write(ctx, func(o *treeOps) error { return o.Rename(ctx, u, name) })
}

// Node implements Noder.
func (t *Tree) Node(ctx context.Context, u URI) (Properties, error) {
	return Node(ctx, t.Provider, u)
}

// Names implements Namer.
func (t *Tree) Names(ctx context.Context, u URI) ([]string, error) {
	return Names(ctx, t.Provider, u)
}

// Begin implements Beginner. Values and properties change in one transaction
// where Provider keeps both. Otherwise both prepare before either commits.
func (t *Tree) Begin(ctx context.Context) (Tx, error) {
	tx, err := t.begin(ctx, t.Provider)
	if err != nil {
		return nil, err
	}
	return tx, nil
}

func (t *Tree) begin(ctx context.Context, p Provider) (*treeTx, error) {
	tx, err := Begin(ctx, p)
	if err != nil {
		return nil, err
	}
	if k, ok := tx.(Keeper); ok && t.Properties == nil && k.Keep() != nil {
		return &treeTx{treeOps{t: t, p: tx, k: keep{k.Keep()}}, []Tx{tx}, false}, nil
	}
	kept, err := Begin(ctx, t.keep())
	if err != nil {
		return nil, errors.Join(err, tx.Rollback(ctx))
	}
	return &treeTx{treeOps{t: t, p: tx, k: keep{kept}}, []Tx{tx, kept}, false}, nil
}

// Keep implements Keeper with the place where the properties are, which has
// room for what others keep under names without a plus in front. It is nil if
// that place ends with the process.
func (t *Tree) Keep() Provider {
	if k := t.keep(); k != &t.private {
		return k
	}
	return nil
}

// OneStep reports whether the changes of a transaction, those of its Keep
// included, become durable in one step: where Provider keeps the properties
// itself. Otherwise a process that dies while it commits may leave changed
// nodes without what was to be kept of them.
func (t *Tree) OneStep() bool {
	k, ok := t.Provider.(Keeper)
	return ok && t.Properties == nil && k.Keep() != nil
}

// RemoveServer takes server out of every ACL, as must happen when its account
// is deleted. A command that the root's ACL had for this server only is open to
// every server then.
func (t *Tree) RemoveServer(ctx context.Context, server string) error {
	k := keep{t.keep()}
	changed := make(map[URI]ACL)
	err := k.acls(ctx, Root, func(u URI, a ACL) error {
		b := a.Without(server)
		if u == Root {
			for i := range a.entries {
				if a.entries[i] != "" && b.entries[i] == "" {
					b.entries[i] = "*"
				}
			}
		}
		if a != b {
			changed[u] = b
		}
		return nil
	})
	for u, a := range changed {
		err = errors.Join(err, k.set(ctx, u, keptACL, a.String()))
	}
	return wrap("replace", "", err)
}

// Keep is Tree.Keep within the transaction.
func (t *treeTx) Keep() Provider {
	if t.t.Keep() == nil {
		return nil
	}
	return t.k.p
}

// treeTx is a transaction on a Tree.
type treeTx struct {
	treeOps
	all  []Tx // of the nodes, and of the properties if they are elsewhere
	over bool
}

func (t *treeTx) Prepare(ctx context.Context) error {
	if t.over {
		return errTxOver
	}
	ctx = withGroup(ctx, t)
	for _, tx := range t.all {
		if err := tx.Prepare(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (t *treeTx) Commit(ctx context.Context) error {
	if t.over {
		return errTxOver
	}
	ctx = withGroup(ctx, t)
	if len(t.all) > 1 {
		if err := t.Prepare(ctx); err != nil {
			return errors.Join(err, t.Rollback(ctx))
		}
	}
	t.over = true
	for i, tx := range t.all {
		if err := tx.Commit(ctx); err != nil {
			if i > 0 {
				return &Error{Op: "commit", Err: fmt.Errorf("%w: nodes are committed, their properties are not: %w", ErrRollback, err)}
			}
			for _, rest := range t.all[i+1:] {
				err = errors.Join(err, rest.Rollback(ctx))
			}
			return err
		}
	}
	return nil
}

func (t *treeTx) Rollback(ctx context.Context) error {
	if t.over {
		return errTxOver
	}
	t.over = true
	var err error
	for i := len(t.all) - 1; i >= 0; i-- {
		err = errors.Join(err, t.all[i].Rollback(ctx))
	}
	return err
}
