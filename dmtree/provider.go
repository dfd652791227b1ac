package dmtree

import (
	"context"
	"errors"
	"fmt"
	"iter"
)

// A Provider serves a subtree. Get returns the value of a leaf, or Interior
// with the names of the children; ErrNotFound if there is no such node.
//
// Methods may be called concurrently. URIs are absolute, canonical (see
// [URI.Canonical]), without a query, and inside the provider's subtree: the
// functions of this package, Mux and Tree see to that. The case of names is as
// the caller spelled it, except where a Mux pattern or a schema says better.
type Provider interface {
	Get(ctx context.Context, u URI) (Value, error)
}

// A Provider offers more by also implementing any of these. Callers use the
// functions Add, Replace, Delete, Exec, Copy, Rename, Node, List and Begin of
// this package, which answer for what is missing.
type (
	// An Adder creates nodes: a leaf with v, an interior node if v is
	// Interior() without names. ErrExist if there is such a node already,
	// ErrNotFound if its parent is missing and is not created on the way.
	Adder interface {
		Add(ctx context.Context, u URI, v Value) error
	}
	// A Replacer overwrites the values of leaves.
	Replacer interface {
		Replace(ctx context.Context, u URI, v Value) error
	}
	// A Deleter removes nodes with all that is below them.
	Deleter interface {
		Delete(ctx context.Context, u URI) error
	}
	// An Execer runs nodes. ErrAccepted means that the work goes on and an
	// alert will follow; CallFrom(ctx).Correlator belongs into that alert.
	Execer interface {
		Exec(ctx context.Context, u URI, arg Value) error
	}
	// A Copier copies a leaf onto another better than Get and Replace can.
	Copier interface {
		Copy(ctx context.Context, from, to URI) error
	}
	// A Renamer gives a node, and with it all that is below, another name.
	// ErrExist if a sibling has that name.
	Renamer interface {
		Rename(ctx context.Context, u URI, name string) error
	}
	// A Noder describes nodes beyond their value.
	Noder interface {
		Node(ctx context.Context, u URI) (Properties, error)
	}
	// A Propertier has properties for its nodes, such as ACL and Title
	// (DM TND); Tree is one. Get and Replace of this package come here
	// with a URI that has ?prop=.
	Propertier interface {
		Property(ctx context.Context, u URI, name string) (string, error)
		SetProperty(ctx context.Context, u URI, name, text string) error
	}
	// A Lister answers ?list= queries; Tree is one.
	Lister interface {
		List(ctx context.Context, u URI) iter.Seq2[Entry, error]
	}
	// A Namer tells which names exist where the Mux pattern at which it is
	// mounted ends in {name}; u is the node above. Without one, that node
	// does not list them.
	Namer interface {
		Names(ctx context.Context, u URI) ([]string, error)
	}
	// A Keeper has room beside its nodes for what belongs to no node, such
	// as the properties that a Tree keeps. What Keep returns is an Adder,
	// Replacer, Deleter and Renamer with nodes of its own; on a Tx, it is
	// part of the transaction. Nil means that there is no room after all.
	Keeper interface {
		Keep() Provider
	}
	// A Beginner has transactions.
	Beginner interface {
		Begin(ctx context.Context) (Tx, error)
	}
)

// A Tx is a Provider whose changes count only after Commit, and which sees its
// own changes before. It also implements what the provider that began it
// implements. It ends with one call of Commit or Rollback; a Tx is not safe
// for concurrent use.
type Tx interface {
	Provider
	// Prepare checks what is valid only as a whole, such as a PFX and its
	// password. Its *Error names the URI to blame. After Prepare has
	// returned nil, no change follows before Commit or Rollback, and Commit
	// should fail only for reasons that nobody could foresee.
	Prepare(ctx context.Context) error
	// Commit makes the changes count, all or none. If it fails, none do,
	// unless the error wraps ErrRollback.
	Commit(ctx context.Context) error
	// Rollback drops the changes. An error means that some may remain.
	Rollback(ctx context.Context) error
}

// Properties describe a node beyond its value. The zero Properties say
// nothing: every command is passed on to the provider.
type Properties struct {
	// Access is the set of commands that the node takes; 0 means that it is
	// not known.
	Access Access
	// Permanent nodes are never created, deleted or renamed by a server.
	Permanent bool
	// Type is the MIME type of a leaf or the identifier of the management
	// object at an interior node, for nodes whose Value does not tell it.
	Type string
}

// Access is a set of commands (DM TNDS, AccessType).
type Access uint8

// The commands of an Access.
const (
	AccessAdd Access = 1 << iota
	AccessCopy
	AccessDelete
	AccessExec
	AccessGet
	AccessReplace
)

// Has reports whether a holds all of b.
func (a Access) Has(b Access) bool { return a&b == b }

// An Entry is one node of a list or walk.
type Entry struct {
	URI   URI
	Value Value
	// Data is false if only the format and type of Value count, as in the
	// reply to ?list=Struct, and for interior nodes in lists.
	Data bool
}

// Get reads the node u of p, or with ?prop= a property. It checks u, makes it canonical, and adds
// operation and URI to an error, as all functions here do.
func Get(ctx context.Context, p Provider, u URI) (Value, error) {
	c, err := ParseURI(string(u))
	if err != nil {
		return Null, wrap("get", u, err)
	}
	if name := c.Prop(); name != "" {
		text, err := Property(ctx, p, c, name)
		return String(text), wrap("get", u, err)
	}
	if c.List() != "" {
		return Null, wrap("get", u, fmt.Errorf("%w: a list is no single value", ErrUnsupported))
	}
	v, err := p.Get(ctx, c)
	return v, wrap("get", u, err)
}

// Property reads a property of the node u of p, as Get with ?prop= does.
// Without a Propertier: ErrUnsupported.
func Property(ctx context.Context, p Provider, u URI, name string) (string, error) {
	var text string
	err := do("get", u, func(c URI) (err error) {
		node, _ := c.Split()
		if pr, ok := p.(Propertier); ok {
			text, err = pr.Property(ctx, node, name)
			return err
		}
		return ErrUnsupported
	})
	return text, err
}

// SetProperty writes a property of the node u of p, as Replace with ?prop=
// does. Without a Propertier: ErrUnsupported.
func SetProperty(ctx context.Context, p Provider, u URI, name, text string) error {
	return do("replace", u, func(c URI) error {
		node, _ := c.Split()
		if pr, ok := p.(Propertier); ok {
			return pr.SetProperty(ctx, node, name, text)
		}
		return ErrUnsupported
	})
}

// Add creates the node u of p with value v. Without an Adder: ErrNotAllowed.
func Add(ctx context.Context, p Provider, u URI, v Value) error {
	return onNode("add", u, func(c URI) error {
		if a, ok := p.(Adder); ok {
			return a.Add(ctx, c, v)
		}
		return ErrNotAllowed
	})
}

// Replace overwrites the leaf u of p. Without a Replacer: ErrNotAllowed.
func Replace(ctx context.Context, p Provider, u URI, v Value) error {
	return do("replace", u, func(c URI) error {
		if name := c.Prop(); name != "" {
			return SetProperty(ctx, p, c, name, v.Text())
		}
		if c.List() != "" {
			return ErrNotAllowed
		}
		if r, ok := p.(Replacer); ok {
			return r.Replace(ctx, c, v)
		}
		return ErrNotAllowed
	})
}

// Delete removes the node u of p and all that is below it. Without a Deleter:
// ErrNotAllowed.
func Delete(ctx context.Context, p Provider, u URI) error {
	return onNode("delete", u, func(c URI) error {
		if d, ok := p.(Deleter); ok {
			return d.Delete(ctx, c)
		}
		return ErrNotAllowed
	})
}

// Exec runs the node u of p. Without an Execer: ErrNotAllowed. An error that
// wraps ErrAccepted means that the work has begun.
func Exec(ctx context.Context, p Provider, u URI, arg Value) error {
	return onNode("exec", u, func(c URI) error {
		if e, ok := p.(Execer); ok {
			return e.Exec(ctx, c, arg)
		}
		return ErrNotAllowed
	})
}

// Copy writes the value of the leaf from to the leaf to, which is created if
// it is missing and p allows (DM TND). An interior node on either side:
// ErrNotAllowed.
func Copy(ctx context.Context, p Provider, from, to URI) error {
	src, err := ParseURI(string(from))
	if _, query := src.Split(); err == nil && query != "" {
		err = ErrNotAllowed
	}
	if err != nil {
		return wrap("copy", from, err)
	}
	return onNode("copy", to, func(dst URI) error {
		if c, ok := p.(Copier); ok {
			return c.Copy(ctx, src, dst)
		}
		v, err := p.Get(ctx, src)
		if err != nil {
			return wrap("copy", from, err)
		}
		if v.IsInterior() {
			return wrap("copy", from, ErrNotAllowed)
		}
		old, err := p.Get(ctx, dst)
		switch {
		case errors.Is(err, ErrNotFound):
			if _, adds := p.(Adder); !adds {
				return err
			}
			return Add(ctx, p, dst, v)
		case err == nil && old.IsInterior():
			return ErrNotAllowed
		}
		return Replace(ctx, p, dst, v)
	})
}

// Rename gives the node u of p another name. Without a Renamer:
// ErrNotAllowed.
func Rename(ctx context.Context, p Provider, u URI, name string) error {
	return onNode("rename", u, func(c URI) error {
		if _, reason := scanSegment(Escape(name)); reason != "" {
			return &Error{Err: errors.Join(ErrSyntax, errors.New("the new name cannot be one: "+reason))}
		}
		if r, ok := p.(Renamer); ok {
			return r.Rename(ctx, c, name)
		}
		return ErrNotAllowed
	})
}

// Node describes the node u of p. Without a Noder, the zero Properties.
func Node(ctx context.Context, p Provider, u URI) (Properties, error) {
	c, err := ParseURI(string(u))
	if err != nil {
		return Properties{}, wrap("get", u, err)
	}
	c, _ = c.Split()
	n, ok := p.(Noder)
	if !ok {
		return Properties{}, nil
	}
	props, err := n.Node(ctx, c)
	return props, wrap("get", u, err)
}

// List answers a ?list= query. Without a Lister: ErrUnsupported.
func List(ctx context.Context, p Provider, u URI) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		c, err := ParseURI(string(u))
		l, ok := p.(Lister)
		switch {
		case err != nil:
			yield(Entry{}, wrap("get", u, err))
			return
		case !ok:
			yield(Entry{}, wrap("get", u, ErrUnsupported))
			return
		}
		for e, err := range l.List(ctx, c) {
			if !yield(e, wrap("get", u, err)) || err != nil {
				return
			}
		}
	}
}

// Names lists the children of u that p serves under a pattern ending in
// {name}. Without a Namer: ErrUnsupported.
func Names(ctx context.Context, p Provider, u URI) ([]string, error) {
	n, ok := p.(Namer)
	if !ok {
		return nil, wrap("get", u, ErrUnsupported)
	}
	names, err := n.Names(ctx, u)
	return names, wrap("get", u, err)
}

// Begin begins a transaction on p. Without a Beginner: ErrUnsupported.
func Begin(ctx context.Context, p Provider) (Tx, error) {
	b, ok := p.(Beginner)
	if !ok {
		return nil, wrap("begin", "", ErrUnsupported)
	}
	tx, err := b.Begin(ctx)
	return tx, wrap("begin", "", err)
}

func do(op string, u URI, f func(URI) error) error {
	c, err := ParseURI(string(u))
	if err != nil {
		return wrap(op, u, err)
	}
	return wrap(op, u, f(c))
}

// onNode is do for commands that properties and lists do not take.
func onNode(op string, u URI, f func(URI) error) error {
	return do(op, u, func(c URI) error {
		if _, query := c.Split(); query != "" {
			return ErrNotAllowed
		}
		return f(c)
	})
}
