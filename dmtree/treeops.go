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

// treeOps are the commands, on a provider and a keep or on transactions of
// both. The checks of each command come in the order of DM TND: limits,
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
	v, err = peek(ctx, o.p, u)
	if errors.Is(err, ErrNotFound) {
		return Null, props, nil, err
	}
	return v, props, err, nil
}

// A peeker tells what a node is without listing its children, which may be many.
type peeker interface {
	peek(ctx context.Context, u URI) (Value, error)
}

// peek is Get, but the value of an interior node may lack its names.
func peek(ctx context.Context, p Provider, u URI) (Value, error) {
	if q, ok := p.(peeker); ok {
		return q.peek(ctx, u)
	}
	return p.Get(ctx, u)
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
	if _, peeked := o.p.(peeker); peeked && err == nil && v.IsInterior() {
		v, err = o.p.Get(ctx, u)
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

// created gives a new node its properties (DM TND).
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
// type tells that it is no text (DM TND).
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
