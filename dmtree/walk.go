package dmtree

import (
	"context"
	"errors"
	"iter"
	"slices"
)

// Walk iterates over the node root of p and all nodes below it, parents before
// children, children in the order in which their parent lists them. A node that
// cannot be read comes with its error, and the walk goes on behind it; a node
// that vanishes meanwhile is left out. The walk ends early when ctx does.
func Walk(ctx context.Context, p Provider, root URI) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		node, err := ParseURI(string(root))
		if err != nil {
			yield(Entry{URI: root}, wrap("get", root, err))
			return
		}
		node, _ = node.Split()
		first := true
		for stack := []URI{node}; len(stack) > 0; first = false {
			u := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			if err := ctx.Err(); err != nil {
				yield(Entry{URI: u}, err)
				return
			}
			v, err := Get(ctx, p, u)
			if errors.Is(err, ErrNotFound) && !first {
				continue
			}
			if !yield(Entry{URI: u, Value: v, Data: err == nil}, err) {
				return
			}
			from := len(stack)
			for name := range v.Names() {
				stack = append(stack, u.Join(name))
			}
			slices.Reverse(stack[from:])
		}
	}
}
