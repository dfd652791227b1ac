package dmtree

import (
	"context"
	"errors"
)

// Users returns a Provider for ./User that has one subtree for each user: find
// gives that of the signed-in user of the session, see [Call]. It is asked with
// "" if nobody is signed in. Its error is the answer to every command; Windows
// gives ErrNotAllowed for a user who is not signed in or unknown.
//
// A transaction belongs to the user who is signed in when it begins. Watching
// is not offered: whose changes would be told?
func Users(find func(ctx context.Context, user string) (Provider, error)) Provider {
	return users(find)
}

type users func(ctx context.Context, user string) (Provider, error)

// of returns the subtree of the session's user.
func (f users) of(ctx context.Context) (Provider, error) {
	p, err := f(ctx, CallFrom(ctx).User)
	if err == nil && p == nil {
		err = ErrNotAllowed
	}
	return p, err
}

func (f users) Get(ctx context.Context, u URI) (Value, error) {
	p, err := f.of(ctx)
	if err != nil {
		return Null, err
	}
	v, err := p.Get(ctx, u)
	if errors.Is(err, ErrNotFound) && u == "./User" { // who is signed in has a subtree, be it empty
		return Interior(), nil
	}
	return v, err
}

func (f users) do(ctx context.Context, command func(p Provider) error) error {
	p, err := f.of(ctx)
	if err != nil {
		return err
	}
	return command(p)
}

func (f users) Add(ctx context.Context, u URI, v Value) error {
	return f.do(ctx, func(p Provider) error { return Add(ctx, p, u, v) })
}

func (f users) Replace(ctx context.Context, u URI, v Value) error {
	return f.do(ctx, func(p Provider) error { return Replace(ctx, p, u, v) })
}

func (f users) Delete(ctx context.Context, u URI) error {
	if u == "./User" {
		return ErrNotAllowed
	}
	return f.do(ctx, func(p Provider) error { return Delete(ctx, p, u) })
}

func (f users) Exec(ctx context.Context, u URI, arg Value) error {
	return f.do(ctx, func(p Provider) error { return Exec(ctx, p, u, arg) })
}

func (f users) Rename(ctx context.Context, u URI, name string) error {
	return f.do(ctx, func(p Provider) error { return Rename(ctx, p, u, name) })
}

func (f users) Node(ctx context.Context, u URI) (props Properties, err error) {
	err = f.do(ctx, func(p Provider) error {
		props, err = Node(ctx, p, u)
		if errors.Is(err, ErrNotFound) && u == "./User" {
			props, err = Properties{Access: AccessGet, Permanent: true}, nil
		}
		return err
	})
	return props, err
}

func (f users) Begin(ctx context.Context) (tx Tx, err error) {
	err = f.do(ctx, func(p Provider) error {
		tx, err = Begin(ctx, p)
		return err
	})
	return tx, err
}
