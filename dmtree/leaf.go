package dmtree

import (
	"context"
	"fmt"
)

// Leaf returns a Provider of one node, for a Mux to serve at the node's URI.
// The format follows from T: chr, int, bool or bin. A nil set makes the leaf
// read-only. A replacing value of another format is converted if it reads as
// T, and refused with ErrFormat otherwise.
//
// A Leaf has no transactions; Undoable adds them where set can be undone by
// another set.
func Leaf[T string | int64 | bool | []byte](get func(context.Context) (T, error), set func(context.Context, T) error) Provider {
	return &leaf[T]{get, set}
}

type leaf[T string | int64 | bool | []byte] struct {
	get func(context.Context) (T, error)
	set func(context.Context, T) error
}

func (l *leaf[T]) Get(ctx context.Context, _ URI) (Value, error) {
	t, err := l.get(ctx)
	if err != nil {
		return Null, err
	}
	switch t := any(t).(type) {
	case string:
		return String(t), nil
	case int64:
		return Int(t), nil
	case bool:
		return Bool(t), nil
	default:
		return Bytes(t.([]byte)), nil
	}
}

func (l *leaf[T]) Replace(ctx context.Context, _ URI, v Value) error {
	if l.set == nil {
		return ErrNotAllowed
	}
	var t T
	var err error
	switch p := any(&t).(type) {
	case *string:
		if v.format == FormatNode || v.format == FormatBin {
			err = fmt.Errorf("%w: want text, not %s", ErrFormat, v.format)
		}
		*p = v.Text()
	case *int64:
		*p, err = v.Int()
	case *bool:
		*p, err = v.Bool()
	case *[]byte:
		*p, err = v.Bytes()
	}
	if err != nil {
		return err
	}
	return l.set(ctx, t)
}

func (l *leaf[T]) Node(context.Context, URI) (Properties, error) {
	if l.set == nil {
		return Properties{Access: AccessGet}, nil
	}
	return Properties{Access: AccessGet | AccessReplace}, nil
}

// oneNode tells a Mux that there is nothing below the node.
func (l *leaf[T]) oneNode() {}

// Funcs is a Provider made of functions. A nil function is a missing
// interface: the answer is what the function of that name in this package
// gives.
type Funcs struct {
	GetFunc     func(ctx context.Context, u URI) (Value, error)
	AddFunc     func(ctx context.Context, u URI, v Value) error
	ReplaceFunc func(ctx context.Context, u URI, v Value) error
	DeleteFunc  func(ctx context.Context, u URI) error
	ExecFunc    func(ctx context.Context, u URI, arg Value) error
	NodeFunc    func(ctx context.Context, u URI) (Properties, error)
}

// Get implements Provider.
func (f *Funcs) Get(ctx context.Context, u URI) (Value, error) {
	if f.GetFunc == nil {
		return Null, ErrNotAllowed
	}
	return f.GetFunc(ctx, u)
}

// Add implements Adder.
func (f *Funcs) Add(ctx context.Context, u URI, v Value) error {
	if f.AddFunc == nil {
		return ErrNotAllowed
	}
	return f.AddFunc(ctx, u, v)
}

// Replace implements Replacer.
func (f *Funcs) Replace(ctx context.Context, u URI, v Value) error {
	if f.ReplaceFunc == nil {
		return ErrNotAllowed
	}
	return f.ReplaceFunc(ctx, u, v)
}

// Delete implements Deleter.
func (f *Funcs) Delete(ctx context.Context, u URI) error {
	if f.DeleteFunc == nil {
		return ErrNotAllowed
	}
	return f.DeleteFunc(ctx, u)
}

// Exec implements Execer.
func (f *Funcs) Exec(ctx context.Context, u URI, arg Value) error {
	if f.ExecFunc == nil {
		return ErrNotAllowed
	}
	return f.ExecFunc(ctx, u, arg)
}

// Node implements Noder.
func (f *Funcs) Node(ctx context.Context, u URI) (Properties, error) {
	if f.NodeFunc == nil {
		return Properties{}, nil
	}
	return f.NodeFunc(ctx, u)
}
