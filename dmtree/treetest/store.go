package treetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/omadm-sdk/omadm/dmtree"
)

// TestStore checks a provider that keeps what it is given: nodes of any name
// and format below root. open returns a new, empty one for each test; it need
// not have the node root. What the provider does not offer (renaming,
// transactions) is not tested; what it offers must do what package dmtree says.
func TestStore(t *testing.T, open func(t *testing.T) dmtree.Provider, root dmtree.URI) {
	root = root.Canonical()
	for _, test := range []struct {
		name string
		run  func(t *testing.T, s *store)
	}{
		{"Values", values}, {"Names", names}, {"Add", add}, {"Replace", replace}, {"Delete", deleting}, {"Rename", rename}, {"Copy", copying},
		{"Commit", commit}, {"Rollback", rollback}, {"Isolation", isolation}, {"Conflict", conflict}, {"Concurrency", concurrency},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := &store{t: t, p: open(t), root: root}
			if err := s.add("", dmtree.Interior()); err != nil && !errors.Is(err, dmtree.ErrExist) {
				t.Fatalf("making the node to test below: %v", err)
			}
			test.run(t, s)
			if !t.Failed() {
				TestProvider(t, s.p, root)
			}
		})
	}
}

// store wraps a provider for short tests; paths are relative to root.
type store struct {
	t    *testing.T
	p    dmtree.Provider
	root dmtree.URI
}

func (s *store) at(path string) dmtree.URI {
	if path == "" {
		return s.root
	}
	return s.root + dmtree.URI("/"+path)
}

func (s *store) in(p dmtree.Provider) *store { return &store{s.t, p, s.root} }

func (s *store) add(path string, v dmtree.Value) error {
	return dmtree.Add(s.t.Context(), s.p, s.at(path), v)
}

func (s *store) replace(path string, v dmtree.Value) error {
	return dmtree.Replace(s.t.Context(), s.p, s.at(path), v)
}

func (s *store) delete(path string) error { return dmtree.Delete(s.t.Context(), s.p, s.at(path)) }

// must fails the test at once if something that is only preparation fails.
func (s *store) must(errs ...error) {
	s.t.Helper()
	if err := errors.Join(errs...); err != nil {
		s.t.Fatal(err)
	}
}

// want checks an error.
func (s *store) want(what string, err, want error) {
	s.t.Helper()
	if !errors.Is(err, want) || want == nil && err != nil {
		s.t.Errorf("%s: %v, want %v", what, err, want)
	}
}

// holds checks what is below root, written as "a=1 b/c=2 d/" with a slash
// after interior nodes.
func (s *store) holds(when, want string) {
	s.t.Helper()
	var got []string
	for e, err := range dmtree.Walk(s.t.Context(), s.p, s.root) {
		path := strings.TrimPrefix(string(e.URI[len(s.root):]), "/")
		switch {
		case err != nil:
			got = append(got, fmt.Sprintf("%s: %v", path, err))
		case path == "":
		case e.Value.IsInterior():
			got = append(got, path+"/")
		default:
			got = append(got, path+"="+e.Value.Text())
		}
	}
	slices.Sort(got)
	if have := strings.Join(got, " "); have != want {
		s.t.Errorf("%s: the tree holds %q, want %q", when, have, want)
	}
}

func values(t *testing.T, s *store) {
	for name, v := range map[string]dmtree.Value{
		"null": dmtree.Null, "chr": dmtree.String(" ä\n"), "empty": dmtree.String(""), "int": dmtree.Int(-1), "bool": dmtree.Bool(true),
		"bin": dmtree.Bytes([]byte{0, 0xff}), "b64": dmtree.Base64([]byte{0, 0xff}), "xml": dmtree.XML("<a b='c'/>"),
		"float": dmtree.Float(0.5), "typed": dmtree.String("x").WithType("text/html"), "long": dmtree.String(strings.Repeat("x", 1<<17)),
	} {
		s.want("add "+name, s.add(name, v), nil)
		got, err := dmtree.Get(t.Context(), s.p, s.at(name))
		if err != nil || !got.Equal(v) {
			t.Errorf("%s: added %s %q %.20q, got %s %q %.20q, %v", name, v.Format(), v.Type(), v.Text(), got.Format(), got.Type(), got.Text(), err)
		}
	}
}

func names(t *testing.T, s *store) {
	for _, name := range []string{"a b", "{1-2}", "a/b", "a:b", `"q"`, "100%", "%2F", "ä", "...", "a.b", "~!'()*", "&=+$,@", "<>"} {
		s.want("add "+name, s.add(dmtree.Escape(name), dmtree.String(name)), nil)
		v, err := dmtree.Get(t.Context(), s.p, s.root.Join(name))
		if err != nil || v.Text() != name {
			t.Errorf("%q: holds %q, %v", name, v.Text(), err)
		}
		above, _ := dmtree.Get(t.Context(), s.p, s.root)
		if !slices.Contains(slices.Collect(above.Names()), name) {
			t.Errorf("the node above lists %q, want %q in it", above.Text(), name)
		}
	}
}

func add(t *testing.T, s *store) {
	s.want("add a leaf", s.add("a", dmtree.String("1")), nil)
	s.want("add it again", s.add("a", dmtree.String("2")), dmtree.ErrExist)
	s.want("add an interior node", s.add("d", dmtree.Interior()), nil)
	s.want("add it again as a leaf", s.add("d", dmtree.String("1")), dmtree.ErrExist)
	s.want("add below it", s.add("d/e", dmtree.String("2")), nil)
	s.want("add below a leaf", s.add("a/x", dmtree.String("3")), dmtree.ErrNotAllowed)
	s.holds("after adding", "a=1 d/ d/e=2")
	switch err := s.add("p/q/r", dmtree.String("4")); {
	case err == nil:
		s.holds("after an implicit add", "a=1 d/ d/e=2 p/ p/q/ p/q/r=4")
	case errors.Is(err, dmtree.ErrNotFound):
		s.holds("after a refused implicit add", "a=1 d/ d/e=2")
	default:
		t.Errorf("add without a parent: %v, want success or ErrNotFound", err)
	}
}

func replace(t *testing.T, s *store) {
	s.must(s.add("a", dmtree.String("1")), s.add("d", dmtree.Interior()))
	s.want("replace", s.replace("a", dmtree.Int(2)), nil)
	s.want("replace what is missing", s.replace("x", dmtree.Int(2)), dmtree.ErrNotFound)
	s.want("replace an interior node", s.replace("d", dmtree.Int(2)), dmtree.ErrNotAllowed)
	s.holds("after replacing", "a=2 d/")
	if v, err := dmtree.Get(t.Context(), s.p, s.at("a")); err != nil || v.Format() != dmtree.FormatInt {
		t.Errorf("the format did not follow: %s, %v", v.Format(), err)
	}
}

func deleting(_ *testing.T, s *store) {
	s.must(s.add("a", dmtree.String("1")), s.add("d", dmtree.Interior()), s.add("d/e", dmtree.Interior()), s.add("d/e/f", dmtree.Int(1)), s.add("dd", dmtree.Int(2)))
	s.want("delete what is missing", s.delete("x"), dmtree.ErrNotFound)
	s.want("delete a leaf", s.delete("a"), nil)
	s.want("delete a subtree", s.delete("d"), nil)
	s.holds("after deleting", "dd=2")
	s.want("add again", s.add("d", dmtree.Interior()), nil)
	s.holds("after adding again", "d/ dd=2")
}

func rename(t *testing.T, s *store) {
	s.must(s.add("a", dmtree.Interior()), s.add("a/b", dmtree.Int(1)), s.add("c", dmtree.Int(2)))
	err := dmtree.Rename(t.Context(), s.p, s.at("a"), "new")
	if errors.Is(err, dmtree.ErrNotAllowed) {
		t.Skip("renaming is not offered")
	}
	s.want("rename", err, nil)
	s.holds("after renaming", "c=2 new/ new/b=1")
	s.want("rename to a sibling's name", dmtree.Rename(t.Context(), s.p, s.at("new"), "c"), dmtree.ErrExist)
	s.want("rename what is missing", dmtree.Rename(t.Context(), s.p, s.at("x"), "y"), dmtree.ErrNotFound)
	s.want("rename to no name", dmtree.Rename(t.Context(), s.p, s.at("c"), "."), dmtree.ErrSyntax)
	s.holds("after renaming in vain", "c=2 new/ new/b=1")
}

func copying(t *testing.T, s *store) {
	s.must(s.add("a", dmtree.Int(1)), s.add("b", dmtree.String("x")), s.add("d", dmtree.Interior()))
	s.want("copy", dmtree.Copy(t.Context(), s.p, s.at("a"), s.at("b")), nil)
	s.want("copy to a new leaf", dmtree.Copy(t.Context(), s.p, s.at("a"), s.at("c")), nil)
	s.want("copy an interior node", dmtree.Copy(t.Context(), s.p, s.at("d"), s.at("e")), dmtree.ErrNotAllowed)
	s.want("copy onto an interior node", dmtree.Copy(t.Context(), s.p, s.at("a"), s.at("d")), dmtree.ErrNotAllowed)
	s.want("copy what is missing", dmtree.Copy(t.Context(), s.p, s.at("x"), s.at("a")), dmtree.ErrNotFound)
	s.must(s.replace("a", dmtree.Int(3)))
	s.holds("after copying", "a=3 b=1 c=1 d/")
}

// begin begins a transaction, or skips the test if there are none.
func begin(t *testing.T, s *store) dmtree.Tx {
	t.Helper()
	tx, err := dmtree.Begin(t.Context(), s.p)
	if errors.Is(err, dmtree.ErrUnsupported) {
		t.Skip("transactions are not offered")
	}
	s.must(err)
	return tx
}

// alter changes a=1 b/ b/c=2 in every way, to what altered says.
func alter(s *store) {
	s.must(s.add("n", dmtree.Int(9)), s.replace("a", dmtree.Int(5)), s.delete("b/c"), s.add("b/d", dmtree.Int(6)), s.replace("b/d", dmtree.Int(7)),
		s.add("x", dmtree.Interior()), s.add("x/y", dmtree.Int(1)), s.delete("x"))
}

const altered = "a=5 b/ b/d=7 n=9"

func commit(t *testing.T, s *store) {
	s.must(s.add("a", dmtree.Int(1)), s.add("b", dmtree.Interior()), s.add("b/c", dmtree.Int(2)))
	tx := begin(t, s)
	alter(s.in(tx))
	s.in(tx).holds("inside the transaction", altered)
	s.want("prepare", tx.Prepare(t.Context()), nil)
	s.want("commit", tx.Commit(t.Context()), nil)
	s.holds("after the commit", altered)
	if tx.Commit(t.Context()) == nil || tx.Rollback(t.Context()) == nil {
		t.Error("a transaction ended twice")
	}
}

func rollback(t *testing.T, s *store) {
	s.must(s.add("a", dmtree.Int(1)), s.add("b", dmtree.Interior()), s.add("b/c", dmtree.Int(2)))
	const before = "a=1 b/ b/c=2"
	tx := begin(t, s)
	alter(s.in(tx))
	s.want("rollback", tx.Rollback(t.Context()), nil)
	s.holds("after the rollback", before)
	tx = begin(t, s)
	alter(s.in(tx))
	s.want("add what is there", s.in(tx).add("n", dmtree.Null), dmtree.ErrExist)
	s.want("prepare", tx.Prepare(t.Context()), nil)
	s.want("rollback after prepare", tx.Rollback(t.Context()), nil)
	s.holds("after the second rollback", before)
	s.want("write after it", s.replace("a", dmtree.Int(3)), nil)
}

// isolation holds for stores. A provider that is made Undoable does not have
// it, and says so by showing the change.
func isolation(t *testing.T, s *store) {
	s.must(s.add("a", dmtree.Int(1)))
	tx := begin(t, s)
	s.must(s.in(tx).replace("a", dmtree.Int(2)))
	v, err := dmtree.Get(t.Context(), s.p, s.at("a"))
	s.must(err, tx.Rollback(t.Context()))
	if v.Text() != "1" {
		t.Skip("others see changes before they are committed")
	}
	one, two := begin(t, s), begin(t, s)
	s.must(s.in(one).add("one", dmtree.Int(1)), s.in(two).add("two", dmtree.Int(2)), s.in(two).replace("a", dmtree.Int(3)))
	s.want("first commit", one.Commit(t.Context()), nil)
	s.want("second commit", two.Commit(t.Context()), nil)
	s.holds("after both", "a=3 one=1 two=2")
}

// conflict: a transaction whose changes have become impossible fails as a
// whole.
func conflict(t *testing.T, s *store) {
	s.must(s.add("a", dmtree.Int(1)))
	tx := begin(t, s)
	s.must(s.in(tx).add("b", dmtree.Int(2)), s.in(tx).replace("a", dmtree.Int(3)))
	if err := s.delete("a"); err != nil {
		s.must(tx.Rollback(t.Context()))
		t.Skip("nobody else writes during a transaction")
	}
	if v, err := dmtree.Get(t.Context(), s.p, s.at("b")); err == nil {
		_ = tx.Rollback(t.Context()) // which may well be impossible now
		t.Skipf("others see changes before they are committed (%s)", v)
	}
	if err := tx.Commit(t.Context()); err == nil {
		s.holds("after a commit that did not mind", "a=3 b=2")
		return
	}
	s.holds("after a failed commit", "")
}

func concurrency(t *testing.T, s *store) {
	s.must(s.add("d", dmtree.Interior()))
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 10 {
				path := fmt.Sprintf("d/%d-%d", w, i)
				if err := errors.Join(s.add(path, dmtree.Int(1)), s.replace(path, dmtree.Int(2))); err != nil {
					t.Error(err)
				}
				if i%2 == 1 {
					if err := s.delete(path); err != nil {
						t.Error(err)
					}
				}
			}
		})
		wg.Go(func() {
			for range 10 {
				for e, err := range dmtree.Walk(context.Background(), s.p, s.root) {
					if err != nil {
						t.Errorf("%s: %v", e.URI, err)
					}
				}
			}
		})
	}
	wg.Wait()
	v, err := dmtree.Get(t.Context(), s.p, s.at("d"))
	if got := len(slices.Collect(v.Names())); err != nil || got != 20 {
		t.Errorf("%d nodes are left, %v, want 20", got, err)
	}
}
