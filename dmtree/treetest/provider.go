package treetest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/omadm-sdk/omadm/dmtree"
)

// TestProvider checks what every provider promises for reading, at root and
// everywhere below it: nodes that are listed exist, those that are not do not,
// a value reads back from its text, descriptions go with their nodes, and all
// of that from several goroutines at a time.
func TestProvider(t *testing.T, p dmtree.Provider, root dmtree.URI) {
	t.Helper()
	root = root.Canonical()
	if !root.Valid() {
		t.Fatalf("root %s is no valid URI", root)
	}
	nodes := visit(t, p, root)
	if len(nodes) == 0 {
		t.Fatalf("%s has nothing that could be read", root)
	}
	for _, e := range nodes {
		missing(t, p, e)
	}
	malformed(t, p, root)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for _, e := range nodes {
				if _, err := dmtree.Get(context.Background(), p, e.URI); errors.Is(err, dmtree.ErrNotFound) {
					t.Errorf("%s was there, and is not for one of several readers: %v", e.URI, err)
				}
			}
		})
	}
	wg.Wait()
}

// visit checks each node and returns those that can be read.
func visit(t *testing.T, p dmtree.Provider, root dmtree.URI) []dmtree.Entry {
	t.Helper()
	var nodes []dmtree.Entry
	for stack := []dmtree.URI{root}; len(stack) > 0; {
		u := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		v, err := dmtree.Get(t.Context(), p, u)
		switch {
		case errors.Is(err, dmtree.ErrNotFound) && u != root:
			t.Errorf("%s is listed by the node above, but Get gives %v", u, err)
			continue
		case err != nil:
			if u == root {
				t.Errorf("Get %s: %v", u, err)
			}
			continue // not for reading
		}
		if again, err := dmtree.Parse(v.Format(), v.Text()); err != nil || !again.WithType(v.Type()).Equal(v) {
			t.Errorf("%s has a value of format %s that does not read back from its text: %v", u, v.Format(), err)
		}
		if props, err := dmtree.Node(t.Context(), p, u); err != nil {
			t.Errorf("%s can be read, but its description gives %v", u, err)
		} else if props.Access != 0 && !props.Access.Has(dmtree.AccessGet) {
			t.Errorf("%s can be read, but is described as taking no Get", u)
		}
		nodes = append(nodes, dmtree.Entry{URI: u, Value: v, Data: true})
		names := slices.Sorted(v.Names())
		for i, name := range names {
			child := u.Join(name)
			switch {
			case !child.Valid():
				t.Errorf("%s lists %q, which cannot be a name", u, name)
			case i > 0 && name == names[i-1]:
				t.Errorf("%s lists %q twice", u, name)
			default:
				stack = append(stack, child)
			}
		}
	}
	return nodes
}

// missing looks for a node that is not there.
func missing(t *testing.T, p dmtree.Provider, e dmtree.Entry) {
	t.Helper()
	u := e.URI.Join("treetest no such name")
	v, err := dmtree.Get(t.Context(), p, u)
	switch {
	case err == nil:
		t.Errorf("Get %s, which is not there: %s, want an error", u, v.Format())
	case !e.Value.IsInterior() && !errors.Is(err, dmtree.ErrNotFound):
		t.Errorf("Get %s below a leaf: %v, want ErrNotFound", u, err)
	}
	// A node whose names are chosen at run time may know better why there
	// is no such node, but whatever the error, it names the node.
	var where *dmtree.Error
	if err != nil && (!errors.As(err, &where) || where.URI == "" || where.Op == "") {
		t.Errorf("Get %s: the error %q does not say what was asked of which node", u, err)
	}
}

// malformed addresses what no provider should ever see.
func malformed(t *testing.T, p dmtree.Provider, root dmtree.URI) {
	t.Helper()
	for _, u := range []dmtree.URI{"", "/", root + "/", root + "/..", root + "/%2e%2e", root + "/a//b", root + "/a\x00", root + "/%00"} {
		if _, err := dmtree.Get(t.Context(), p, u); !errors.Is(err, dmtree.ErrURI) {
			t.Errorf("Get %q: %v, want ErrURI", u, err)
		}
	}
}
