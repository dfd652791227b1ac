package dmtree

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A Tree adds to a Provider what OMA DM demands of every node: access control
// lists, the properties that ?prop= reads and writes, the lists that ?list=
// asks for, whole subtrees in one command (TNDS), and the checks that come
// before any command reaches the provider (oma-dm 9). Who asks is in the
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
	// missing parents. Nil means where Provider keeps them if it is a
	// Keeper, such as Memory, and otherwise in memory.
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
	// creator, which is what oma-dm 9.7.5 demands, but locks the creator
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

// treeOps are the commands, on a provider and a keep or on transactions of
// both. The checks of each command come in the order of oma-dm 9.9: limits,
// existence, kind and access type, ACL, and then the provider's own.
type treeOps struct {
	t        *Tree
	p        Provider
	k        keep
	counting *sync.Mutex // held while a version is counted; nil in a transaction
}

// look finds out whether a node exists and what it is. A node that exists but
// cannot be read gives its error in unreadable.
func (o *treeOps) look(ctx context.Context, u URI) (v Value, props Properties, unreadable, err error) {
	if err := o.t.Limits.Check(u); err != nil {
		return Null, props, nil, err
	}
	if props, err = Node(ctx, o.p, u); err != nil {
		return Null, props, nil, err
	}
	v, err = o.p.Get(ctx, u)
	if errors.Is(err, ErrNotFound) {
		return Null, props, nil, err
	}
	return v, props, err, nil
}

// takes checks the access type of a node, where it is known.
func takes(props Properties, command Access) error {
	if props.Access != 0 && !props.Access.Has(command) {
		return ErrNotAllowed
	}
	return nil
}

// may checks the ACL of a node for the calling server.
func (o *treeOps) may(ctx context.Context, u URI, command Access) error {
	server := CallFrom(ctx).Server
	if o.t.Open || server == "" {
		return nil
	}
	a, err := o.acl(ctx, u)
	if err == nil && !a.Allows(server, command) {
		err = ErrPermission
	}
	return err
}

// mayEither is may for a right that the node or the one above it can give.
func (o *treeOps) mayEither(ctx context.Context, u URI, command Access) error {
	err := o.may(ctx, u, command)
	if errors.Is(err, ErrPermission) {
		err = o.may(ctx, u.Parent(), command)
	}
	return err
}

// acl returns the ACL that governs a node: its own or the nearest above.
func (o *treeOps) acl(ctx context.Context, u URI) (ACL, error) {
	for {
		text, err := o.k.get(ctx, u, keptACL)
		switch {
		case err != nil:
			return ACL{}, err
		case text != "":
			return ParseACL(text)
		case u == Root:
			return DefaultACL(), nil
		}
		u = u.Parent()
	}
}

// inInbox reports whether u is ./Inbox or below, where nothing can be read.
func inInbox(u URI) bool {
	for name := range u.Names() {
		return strings.EqualFold(name, "Inbox")
	}
	return false
}

func isInbox(u URI) bool { return inInbox(u) && u.Depth() == 1 }

func (o *treeOps) Get(ctx context.Context, u URI) (Value, error) {
	if inInbox(u) {
		return Null, ErrNotAllowed
	}
	v, props, unreadable, err := o.look(ctx, u)
	if err == nil {
		err = takes(props, AccessGet)
	}
	if err == nil {
		err = o.may(ctx, u, AccessGet)
	}
	if err == nil {
		err = unreadable
	}
	if err != nil {
		return Null, err
	}
	if v.Type() == "" && props.Type != "" {
		v = v.WithType(props.Type)
	}
	return v, nil
}

func (o *treeOps) Add(ctx context.Context, u URI, v Value) error {
	if isInbox(u) { // the device finds the place for what is added here
		if err := o.may(ctx, u, AccessAdd); err != nil {
			return err
		}
		return Add(ctx, o.p, u, v)
	}
	if isTNDS(v) {
		return o.addTNDS(ctx, u, v)
	}
	return o.add(ctx, u, o.settle(v))
}

func (o *treeOps) add(ctx context.Context, u URI, v Value) error {
	_, _, _, err := o.look(ctx, u)
	switch {
	case err == nil:
		return ErrExist
	case !errors.Is(err, ErrNotFound):
		return err
	}
	above := u.Parent() // the nearest node that exists
	var missing []URI   // between it and u, lowest first
	for {
		parent, _, _, err := o.look(ctx, above)
		if errors.Is(err, ErrNotFound) && above != Root {
			missing = append(missing, above)
			above = above.Parent()
			continue
		}
		if err != nil {
			return err
		}
		if !parent.IsInterior() {
			return &Error{URI: above, Err: ErrNotAllowed}
		}
		break
	}
	if err := o.may(ctx, above, AccessAdd); err != nil {
		return wrap("", above, err)
	}
	if err := Add(ctx, o.p, u, v); err != nil {
		return err
	}
	for i := len(missing) - 1; i >= 0; i-- {
		if err := o.created(ctx, missing[i], true); err != nil {
			return err
		}
	}
	return errors.Join(o.created(ctx, u, v.IsInterior()), o.stamp(ctx, above))
}

// created gives a new node its properties (oma-dm 9.7.5).
func (o *treeOps) created(ctx context.Context, u URI, interior bool) error {
	if err := o.k.drop(ctx, u); err != nil { // of a node that was here before
		return err
	}
	if server := CallFrom(ctx).Server; interior && server != "" && !o.t.Open {
		a, err := o.acl(ctx, u.Parent())
		if err != nil {
			return err
		}
		if !a.Allows(server, AccessReplace) {
			own := ACL{}.With(server, AccessAdd|AccessDelete|AccessReplace)
			if o.t.CreatorACL != nil {
				own = o.t.CreatorACL(server)
			}
			if err := o.k.set(ctx, u, keptACL, own.String()); err != nil {
				return err
			}
		}
	}
	return o.k.set(ctx, u, keptStamp, "0 "+timestamp())
}

func timestamp() string { return time.Now().UTC().Format("20060102T150405Z") }

// stamp counts a change of a node.
func (o *treeOps) stamp(ctx context.Context, u URI) error {
	if o.counting != nil {
		o.counting.Lock()
		defer o.counting.Unlock()
	}
	version, _, err := o.stamped(ctx, u)
	if err != nil {
		return err
	}
	n, _ := strconv.Atoi(version)
	return o.k.set(ctx, u, keptStamp, strconv.Itoa((n+1)&0xffff)+" "+timestamp())
}

func (o *treeOps) stamped(ctx context.Context, u URI) (version, stamp string, err error) {
	text, err := o.k.get(ctx, u, keptStamp)
	version, stamp, _ = strings.Cut(text, " ")
	if version == "" {
		version = "0"
	}
	return version, stamp, err
}

// settle gives binary content that came as base64 the format bin: its media
// type tells that it is no text (oma-dm 9.5.3).
func (o *treeOps) settle(v Value) Value {
	if o.t.Open || v.Format() != FormatB64 || v.Type() == "" || strings.HasPrefix(strings.ToLower(v.Type()), "text/") {
		return v
	}
	b, err := v.Bytes()
	if err != nil {
		return v
	}
	bin := Bytes(b).WithType(v.Type())
	if v.IsSecret() {
		bin = bin.Secret()
	}
	return bin
}

func (o *treeOps) Replace(ctx context.Context, u URI, v Value) error {
	if isTNDS(v) {
		return o.replaceTNDS(ctx, u, v)
	}
	old, props, _, err := o.look(ctx, u)
	switch {
	case o.t.Open && errors.Is(err, ErrNotFound): // many providers of Windows create the node
		if err := Replace(ctx, o.p, u, v); err != nil {
			return err
		}
		return errors.Join(o.created(ctx, u, false), o.stamp(ctx, u.Parent()))
	case err != nil:
		return err
	case old.IsInterior():
		return ErrNotAllowed
	}
	if err := takes(props, AccessReplace); err != nil {
		return err
	}
	if err := o.may(ctx, u, AccessReplace); err != nil {
		return err
	}
	if old.Format() != FormatB64 {
		v = o.settle(v)
	}
	if err := Replace(ctx, o.p, u, v); err != nil {
		return err
	}
	return o.stamp(ctx, u)
}

func (o *treeOps) Delete(ctx context.Context, u URI) error {
	_, props, _, err := o.look(ctx, u)
	switch {
	case err != nil:
		return err
	case u == Root || props.Permanent:
		return ErrNotAllowed
	}
	if err := takes(props, AccessDelete); err != nil {
		return err
	}
	if err := o.may(ctx, u, AccessDelete); err != nil {
		return err
	}
	if err := o.deletable(ctx, u); err != nil {
		return err
	}
	if err := Delete(ctx, o.p, u); err != nil {
		return err
	}
	return errors.Join(o.k.drop(ctx, u), o.stamp(ctx, u.Parent()))
}

// deletable refuses to delete a node with a permanent one below it.
func (o *treeOps) deletable(ctx context.Context, u URI) error {
	if _, ok := o.p.(Noder); !ok {
		return nil
	}
	for e, err := range Walk(ctx, o.p, u) {
		if ctxErr := ctx.Err(); ctxErr != nil {
			return ctxErr
		}
		props, nodeErr := Node(ctx, o.p, e.URI)
		if nodeErr == nil && props.Permanent && (err == nil || !errors.Is(err, ErrNotFound)) {
			return &Error{URI: e.URI, Err: fmt.Errorf("%w: it is permanent", ErrNotAllowed)}
		}
	}
	return nil
}

func (o *treeOps) Exec(ctx context.Context, u URI, arg Value) error {
	if _, ok := o.p.(Execer); !ok {
		return ErrUnsupported
	}
	_, props, _, err := o.look(ctx, u)
	if err != nil {
		return err
	}
	if err := takes(props, AccessExec); err != nil {
		return err
	}
	if err := o.may(ctx, u, AccessExec); err != nil {
		return err
	}
	return Exec(ctx, o.p, u, arg)
}

func (o *treeOps) Copy(ctx context.Context, from, to URI) error {
	if inInbox(from) {
		return wrap("copy", from, ErrNotAllowed)
	}
	v, props, unreadable, err := o.look(ctx, from)
	if err == nil && v.IsInterior() {
		err = ErrNotAllowed
	}
	if err == nil {
		err = takes(props, AccessGet)
	}
	if err == nil {
		err = o.may(ctx, from, AccessGet)
	}
	if err == nil {
		err = unreadable
	}
	if err != nil {
		return wrap("copy", from, err)
	}
	if _, _, _, err = o.look(ctx, to); errors.Is(err, ErrNotFound) {
		err = o.add(ctx, to, v)
	} else if err == nil {
		err = o.Replace(ctx, to, v)
	}
	if errors.Is(err, ErrFormat) || errors.Is(err, ErrValue) {
		err = fmt.Errorf("%w: the target does not take the value: %w", ErrForbidden, bare(err))
	}
	return err
}

func (o *treeOps) Rename(ctx context.Context, u URI, name string) error {
	_, props, _, err := o.look(ctx, u)
	switch {
	case err != nil:
		return err
	case u == Root || props.Permanent:
		return ErrNotAllowed
	}
	if _, reason := scanSegment(Escape(name)); reason != "" {
		return fmt.Errorf("%w: the new name cannot be one: %s", ErrSyntax, reason)
	}
	renamed := u.Parent().Join(name)
	if !renamed.EqualFold(u) {
		if _, _, _, err := o.look(ctx, renamed); err == nil {
			return ErrExist
		} else if !errors.Is(err, ErrNotFound) {
			return err
		}
	}
	if err := o.may(ctx, u, AccessReplace); err != nil {
		return err
	}
	if o.t.Limits != (Limits{}) {
		for e := range Walk(ctx, o.p, u) {
			if err := o.t.Limits.Check(renamed + e.URI[len(u):]); err != nil {
				return err
			}
		}
	}
	if err := Rename(ctx, o.p, u, name); err != nil {
		return err
	}
	return errors.Join(o.k.rename(ctx, u, name), o.stamp(ctx, u.Parent()))
}

func (o *treeOps) Node(ctx context.Context, u URI) (Properties, error) { return Node(ctx, o.p, u) }
