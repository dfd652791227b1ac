package dmtree_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/omadm-sdk/omadm/dmtree"
)

// A provider that does not answer holds up nobody who wants another, not even
// a writer, and not who lists the nodes above it.
func TestSlowProviderHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		mem := new(dmtree.Memory)
		mem.Set("./Fast/Node", dmtree.Int(1))
		mux := new(dmtree.Mux)
		mux.Handle("./Fast", mem)
		mux.Handle("./Slow", &dmtree.Funcs{
			GetFunc:     func(context.Context, dmtree.URI) (dmtree.Value, error) { <-release; return dmtree.Int(2), nil },
			ReplaceFunc: func(context.Context, dmtree.URI, dmtree.Value) error { <-release; return nil },
		})
		tree := &dmtree.Tree{Provider: mux}
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := dmtree.Get(t.Context(), tree, "./Slow"); err != nil {
				t.Error(err)
			}
		})
		wg.Go(func() {
			if err := dmtree.Replace(t.Context(), tree, "./Slow", dmtree.Int(3)); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait() // both are inside the provider
		start := time.Now()
		for _, err := range []error{
			second(dmtree.Get(t.Context(), tree, "./Fast/Node")),
			second(dmtree.Get(t.Context(), tree, ".")),
			second(dmtree.Get(t.Context(), tree, "./Fast?prop=VerNo")),
			dmtree.Replace(t.Context(), tree, "./Fast/Node", dmtree.Int(4)),
			dmtree.Add(t.Context(), tree, "./Fast/New", dmtree.Int(4)),
		} {
			if err != nil {
				t.Error(err)
			}
		}
		if waited := time.Since(start); waited > 0 {
			t.Errorf("others waited %v", waited)
		}
		close(release)
		wg.Wait()
	})
}

// Readers of a Memory do not wait for a transaction that is prepared.
func TestPreparedTransactionHoldsUpWritersOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		m := new(dmtree.Memory)
		m.Set("./A", dmtree.Int(1))
		tx, _ := dmtree.Begin(ctx, m)
		if err := errors.Join(dmtree.Replace(ctx, tx, "./A", dmtree.Int(2)), tx.Prepare(ctx)); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if v, err := dmtree.Get(ctx, m, "./A"); err != nil || v.Text() != "1" || time.Since(start) > 0 {
			t.Errorf("a reader sees %v, %v after %v", v, err, time.Since(start))
		}
		if err := dmtree.Replace(ctx, m, "./A", dmtree.Int(3)); !errors.Is(err, dmtree.ErrForbidden) {
			t.Errorf("a writer that waits for its own transaction: %v, want ErrForbidden in the end", err)
		}
		short, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		if err := dmtree.Replace(short, m, "./A", dmtree.Int(3)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a writer whose time is up: %v", err)
		}
		done := make(chan error)
		go func() { done <- dmtree.Replace(ctx, m, "./A", dmtree.Int(3)) }()
		synctest.Wait()
		if err := tx.Commit(ctx); err != nil {
			t.Error(err)
		}
		if err := <-done; err != nil {
			t.Errorf("the writer after the transaction: %v", err)
		}
		if v, _ := dmtree.Get(ctx, m, "./A"); v.Text() != "3" {
			t.Errorf("./A is %s, want what was written last", v)
		}
	})
}

// wrapped hides what a Memory is from a Mux, which sees two providers.
type wrapped struct{ *dmtree.Memory }

// Two providers over one Memory commit together, in one Mux and in a Tree that
// keeps its properties there too.
func TestSharedMemoryInOneTransaction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		m := new(dmtree.Memory)
		mux := new(dmtree.Mux)
		mux.Handle("./A", &wrapped{m})
		mux.Handle("./B", &wrapped{m})
		tree := &dmtree.Tree{Provider: mux, Properties: m.Keep()}
		start := time.Now()
		for i := range 2 {
			tx, err := dmtree.Begin(ctx, tree)
			if err != nil {
				t.Fatal(err)
			}
			for _, area := range []dmtree.URI{"./A", "./B"} {
				if err := dmtree.Add(ctx, tx, area.Join("x"), dmtree.Int(1)); err != nil {
					t.Error(err)
				}
			}
			if err := tx.Prepare(ctx); err != nil {
				t.Error(err)
			}
			if i == 0 {
				err = tx.Rollback(ctx)
			} else {
				err = tx.Commit(ctx)
			}
			if err != nil {
				t.Error(err)
			}
		}
		if time.Since(start) > 0 {
			t.Errorf("the transactions waited %v for each other", time.Since(start))
		}
		if got := dump(t, m, "."); got != ". node A/B\n./A node x\n./A/x int 1\n./B node x\n./B/x int 1\n" {
			t.Errorf("the tree holds\n%s", got)
		}
		if err := dmtree.Delete(ctx, m, "./A"); err != nil {
			t.Errorf("writing afterwards: %v", err)
		}
	})
}

// Whoever prepares second in one turn is checked against the first.
func TestSharedMemoryConflict(t *testing.T) {
	ctx := t.Context()
	m := new(dmtree.Memory)
	one, two := &wrapped{m}, &wrapped{m}
	mux := new(dmtree.Mux)
	mux.Handle("./A", one)
	mux.Handle("./A/B", two)
	tx, _ := dmtree.Begin(ctx, mux)
	if err := errors.Join(dmtree.Add(ctx, tx, "./A", dmtree.Int(1)), dmtree.Add(ctx, tx, "./A/B/C", dmtree.Int(1))); err == nil {
		if err := tx.Commit(ctx); err == nil || m.Len() != 0 {
			t.Errorf("a leaf with children: %v\n%s", err, dump(t, m, "."))
		}
	}
}

// Transactions and single commands on a Tree never fail because others count
// versions or keep properties at the same nodes.
func TestTreeConcurrentWriters(t *testing.T) {
	ctx := t.Context()
	m := new(dmtree.Memory)
	m.Set("./A", dmtree.Interior())
	tree := &dmtree.Tree{Provider: m}
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 25 {
				u := dmtree.URI("./A").Join(fmt.Sprintf("%d-%d", w, i))
				if w%2 == 0 {
					if err := errors.Join(dmtree.Add(ctx, tree, u, dmtree.Int(1)), dmtree.SetProperty(ctx, tree, u, "Title", "t"), dmtree.Replace(ctx, tree, u, dmtree.Int(2))); err != nil {
						t.Error(err)
					}
					continue
				}
				tx, err := dmtree.Begin(ctx, tree)
				if err := errors.Join(err, dmtree.Add(ctx, tx, u, dmtree.Int(1)), dmtree.Delete(ctx, tx, u), dmtree.Add(ctx, tx, u, dmtree.Int(3)), tx.Commit(ctx)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	v, err := dmtree.Get(ctx, tree, "./A")
	n := 0
	for range v.Names() {
		n++
	}
	if err != nil || n != 100 {
		t.Errorf("%d nodes, %v, want 100", n, err)
	}
}

// A command on a Tree changes node and properties, or neither.
func TestTreeWriteIsOneStep(t *testing.T) {
	ctx := as(t, "s")
	m := &dmtree.Memory{MaxBytes: 30}
	tree := &dmtree.Tree{Provider: m}
	if err := dmtree.Add(ctx, tree, "./New", dmtree.Interior()); !errors.Is(err, dmtree.ErrFull) {
		t.Fatalf("no room for the ACL that the creator gets: %v", err)
	}
	if m.Len() != 0 {
		t.Errorf("the node is there without its ACL:\n%s", dump(t, m, "."))
	}
}
