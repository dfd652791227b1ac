package dmtree_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/omadm-sdk/omadm/dmtree"
)

// dump spells out what is below a node, a line each.
func dump(t *testing.T, p dmtree.Provider, root dmtree.URI) string {
	t.Helper()
	var b strings.Builder
	for e, err := range dmtree.Walk(t.Context(), p, root) {
		if err != nil {
			t.Fatalf("walk %s: %v", e.URI, err)
		}
		fmt.Fprintf(&b, "%s %s %s\n", e.URI, e.Value.Format(), e.Value.Text())
	}
	return b.String()
}

func TestMemory(t *testing.T) {
	ctx := t.Context()
	type step struct {
		name string
		do   func(m *dmtree.Memory) error
		want error
	}
	leaf := dmtree.String("v")
	for _, test := range []struct {
		name  string
		steps []step
	}{
		{"add", []step{
			{"below what is missing", func(m *dmtree.Memory) error { return dmtree.Add(ctx, m, "./A/B/C", leaf) }, nil},
			{"again", func(m *dmtree.Memory) error { return dmtree.Add(ctx, m, "./A/B/C", leaf) }, dmtree.ErrExist},
			{"in another case", func(m *dmtree.Memory) error { return dmtree.Add(ctx, m, "./a/b/c", leaf) }, dmtree.ErrExist},
			{"an ancestor made on the way", func(m *dmtree.Memory) error { return dmtree.Add(ctx, m, "./A", dmtree.Interior()) }, dmtree.ErrExist},
			{"below a leaf", func(m *dmtree.Memory) error { return dmtree.Add(ctx, m, "./A/B/C/D", leaf) }, dmtree.ErrNotAllowed},
			{"the root", func(m *dmtree.Memory) error { return dmtree.Add(ctx, m, ".", dmtree.Interior()) }, dmtree.ErrExist},
			{"malformed", func(m *dmtree.Memory) error { return dmtree.Add(ctx, m, "./A/../B", leaf) }, dmtree.ErrURI},
			{"too deep", func(m *dmtree.Memory) error {
				return dmtree.Add(ctx, m, dmtree.URI("."+strings.Repeat("/a", 300)), leaf)
			}, dmtree.ErrTooLong},
			{"too long", func(m *dmtree.Memory) error {
				return dmtree.Add(ctx, m, dmtree.URI("./"+strings.Repeat("a", 1<<16)), leaf)
			}, dmtree.ErrTooLong},
		}},
		{"replace", []step{
			{"missing", func(m *dmtree.Memory) error { return dmtree.Replace(ctx, m, "./A", leaf) }, dmtree.ErrNotFound},
			{"", func(m *dmtree.Memory) error { return dmtree.Add(ctx, m, "./A/B", leaf) }, nil},
			{"leaf", func(m *dmtree.Memory) error { return dmtree.Replace(ctx, m, "./a/b", dmtree.Int(1)) }, nil},
			{"interior", func(m *dmtree.Memory) error { return dmtree.Replace(ctx, m, "./A", leaf) }, dmtree.ErrNotAllowed},
			{"leaf by interior", func(m *dmtree.Memory) error { return dmtree.Replace(ctx, m, "./A/B", dmtree.Interior()) }, dmtree.ErrFormat},
			{"root", func(m *dmtree.Memory) error { return dmtree.Replace(ctx, m, ".", leaf) }, dmtree.ErrNotAllowed},
		}},
		{"delete", []step{
			{"missing", func(m *dmtree.Memory) error { return dmtree.Delete(ctx, m, "./A") }, dmtree.ErrNotFound},
			{"", func(m *dmtree.Memory) error { return dmtree.Add(ctx, m, "./A/B/C", leaf) }, nil},
			{"subtree", func(m *dmtree.Memory) error { return dmtree.Delete(ctx, m, "./A/B") }, nil},
			{"below it", func(m *dmtree.Memory) error { return dmtree.Delete(ctx, m, "./A/B/C") }, dmtree.ErrNotFound},
			{"root", func(m *dmtree.Memory) error { return dmtree.Delete(ctx, m, ".") }, dmtree.ErrNotAllowed},
		}},
		{"rename", []step{
			{"missing", func(m *dmtree.Memory) error { return dmtree.Rename(ctx, m, "./A", "B") }, dmtree.ErrNotFound},
			{"", func(m *dmtree.Memory) error { return dmtree.Add(ctx, m, "./A/B/C", leaf) }, nil},
			{"", func(m *dmtree.Memory) error { return dmtree.Add(ctx, m, "./A/D", leaf) }, nil},
			{"to a sibling's name", func(m *dmtree.Memory) error { return dmtree.Rename(ctx, m, "./A/B", "d") }, dmtree.ErrExist},
			{"to no name", func(m *dmtree.Memory) error { return dmtree.Rename(ctx, m, "./A/B", "..") }, dmtree.ErrSyntax},
			{"to its own in another case", func(m *dmtree.Memory) error { return dmtree.Rename(ctx, m, "./A/B", "b") }, nil},
			{"with its subtree", func(m *dmtree.Memory) error { return dmtree.Rename(ctx, m, "./A/B", "E 1") }, nil},
			{"follows", func(m *dmtree.Memory) error { return dmtree.Replace(ctx, m, "./A/E%201/C", leaf) }, nil},
			{"gone", func(m *dmtree.Memory) error { return dmtree.Replace(ctx, m, "./A/B/C", leaf) }, dmtree.ErrNotFound},
			{"root", func(m *dmtree.Memory) error { return dmtree.Rename(ctx, m, ".", "x") }, dmtree.ErrNotAllowed},
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := new(dmtree.Memory)
			for _, s := range test.steps {
				if err := s.do(m); !errors.Is(err, s.want) || (err == nil) != (s.want == nil) {
					t.Errorf("%s %s: %v, want %v\n%s", test.name, s.name, err, s.want, dump(t, m, "."))
				}
			}
		})
	}
}

func TestMemoryOptions(t *testing.T) {
	ctx := t.Context()
	m := &dmtree.Memory{CaseSensitive: true, ExplicitParents: true, MaxBytes: 10}
	if err := dmtree.Add(ctx, m, "./A/B", dmtree.Null); !errors.Is(err, dmtree.ErrNotFound) || !dmtree.Blames(err, "./A") {
		t.Errorf("M04 add without parent: %v, want ErrNotFound that blames ./A", err)
	}
	for _, u := range []dmtree.URI{"./A", "./a"} {
		if err := dmtree.Add(ctx, m, u, dmtree.Interior()); err != nil {
			t.Errorf("add %s: %v", u, err)
		}
	}
	if err := dmtree.Add(ctx, m, "./A/B", dmtree.String("12345678")); !errors.Is(err, dmtree.ErrFull) {
		t.Errorf("M24 add beyond the limit: %v, want ErrFull", err)
	}
	if err := dmtree.Add(ctx, m, "./A/B", dmtree.String("1234567")); err != nil {
		t.Errorf("add to the limit: %v", err)
	}
	if err := dmtree.Replace(ctx, m, "./A/B", dmtree.String("12345678")); !errors.Is(err, dmtree.ErrFull) {
		t.Errorf("M24 replace beyond the limit: %v, want ErrFull", err)
	}
	if err := dmtree.Delete(ctx, m, "./A"); err != nil {
		t.Error(err)
	}
	if err := dmtree.Add(ctx, m, "./a/B", dmtree.String("12345678")); err != nil {
		t.Errorf("room is not given back: %v", err)
	}
}

// A transaction and the changes made directly must come to the same tree, step
// by step, and a rollback to the tree before it.
func TestMemoryTxAgreesWithMemory(t *testing.T) {
	ctx := context.Background()
	r := rand.New(rand.NewPCG(3, 4))
	pick := func() dmtree.URI {
		u := dmtree.Root
		for range 1 + r.IntN(4) {
			u = u.Join(string(rune('A' + r.IntN(3))))
		}
		return u
	}
	random := func(p dmtree.Provider, seed uint64) error {
		r := rand.New(rand.NewPCG(seed, 0))
		u := dmtree.URI(pickFrom(r))
		switch r.IntN(6) {
		case 0, 1:
			return dmtree.Add(ctx, p, u, dmtree.Int(int64(seed)))
		case 2:
			return dmtree.Add(ctx, p, u, dmtree.Interior())
		case 3:
			return dmtree.Replace(ctx, p, u, dmtree.Int(int64(seed)))
		case 4:
			return dmtree.Delete(ctx, p, u)
		default:
			return dmtree.Rename(ctx, p, u, string(rune('A'+r.IntN(3))))
		}
	}
	base, direct := new(dmtree.Memory), new(dmtree.Memory)
	for range 300 {
		before := sorted(dump(t, base, "."))
		tx, err := dmtree.Begin(ctx, base)
		if err != nil {
			t.Fatal(err)
		}
		commit := r.IntN(3) > 0
		for range 1 + r.IntN(20) {
			seed := r.Uint64N(1 << 40)
			errTx := random(tx, seed)
			if commit {
				if errDirect := random(direct, seed); fmt.Sprint(errTx) != fmt.Sprint(errDirect) {
					t.Fatalf("in the transaction: %v\ndirectly: %v", errTx, errDirect)
				}
				if a, b := sorted(dump(t, tx, ".")), sorted(dump(t, direct, ".")); a != b {
					t.Fatalf("in the transaction:\n%s\ndirectly:\n%s", a, b)
				}
			}
			if _, err := dmtree.Get(ctx, tx, pick()); err != nil && !errors.Is(err, dmtree.ErrNotFound) {
				t.Fatal(err)
			}
			if now := sorted(dump(t, base, ".")); now != before {
				t.Fatalf("changes show before the commit:\n%s\nwas:\n%s", now, before)
			}
		}
		want := before
		if commit {
			want = sorted(dump(t, direct, "."))
			err = tx.Commit(ctx)
		} else {
			err = tx.Rollback(ctx)
		}
		if now := sorted(dump(t, base, ".")); err != nil || now != want {
			t.Fatalf("commit %v: %v, tree:\n%s\nwant:\n%s", commit, err, now, want)
		}
	}
}

func pickFrom(r *rand.Rand) string {
	u := "."
	for range 1 + r.IntN(4) {
		u += "/" + string(rune('A'+r.IntN(3)))
	}
	return u
}

// sorted makes dumps comparable that list children in another order.
func sorted(dump string) string {
	lines := strings.Split(dump, "\n")
	for i, line := range lines {
		u, rest, _ := strings.Cut(line, " ")
		if names, ok := strings.CutPrefix(rest, "node "); ok {
			v, _ := dmtree.Parse(dmtree.FormatNode, names)
			list := []string{}
			for name := range v.Names() {
				list = append(list, name)
			}
			lines[i] = u + " node " + strings.Join(sortStrings(list), "/")
		}
	}
	return strings.Join(sortStrings(lines), "\n")
}

func TestMemoryTxConflict(t *testing.T) {
	ctx := t.Context()
	m := new(dmtree.Memory)
	m.Set("./A/B", dmtree.String("old"))
	tx, _ := dmtree.Begin(ctx, m)
	if err := dmtree.Add(ctx, tx, "./A/C", dmtree.Int(1)); err != nil {
		t.Fatal(err)
	}
	if err := dmtree.Replace(ctx, tx, "./A/B", dmtree.String("new")); err != nil {
		t.Fatal(err)
	}
	if err := dmtree.Delete(ctx, m, "./A/B"); err != nil {
		t.Fatal(err)
	}
	err := tx.Commit(ctx)
	if !errors.Is(err, dmtree.ErrNotFound) || !dmtree.Blames(err, "./A/B") {
		t.Errorf("commit over a change of another: %v, want ErrNotFound that blames ./A/B", err)
	}
	if got := dump(t, m, "./A"); got != "./A node \n" {
		t.Errorf("a failed commit left\n%s", got)
	}
	if err := tx.Rollback(ctx); err == nil {
		t.Error("a transaction ended twice")
	}
}

func TestMemoryIsSafeForConcurrentUse(t *testing.T) {
	ctx := t.Context()
	m := new(dmtree.Memory)
	m.Set("./A/Sum", dmtree.Int(0))
	m.Set("./A/Twice", dmtree.Int(0))
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 50 {
				n := int64(100*w + i)
				tx, _ := dmtree.Begin(ctx, m)
				if err := errors.Join(
					dmtree.Replace(ctx, tx, "./A/Sum", dmtree.Int(n)),
					dmtree.Replace(ctx, tx, "./A/Twice", dmtree.Int(2*n)),
					dmtree.Add(ctx, tx, dmtree.URI("./B").Join(fmt.Sprint(n)), dmtree.Int(n)),
					tx.Commit(ctx)); err != nil {
					t.Error(err)
				}
			}
		})
		wg.Go(func() {
			for range 50 {
				for _, err := range dmtree.Walk(ctx, m, ".") {
					if err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	sum, _ := dmtree.Get(ctx, m, "./A/Sum")
	twice, _ := dmtree.Get(ctx, m, "./A/Twice")
	a, _ := sum.Int()
	b, _ := twice.Int()
	if 2*a != b || m.Len() != 3+1+200 {
		t.Errorf("sum %d, twice %d, %d nodes", a, b, m.Len())
	}
}
