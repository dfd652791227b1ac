package dmtree_test

import (
	"errors"
	"iter"
	"testing"

	"github.com/omadm-sdk/omadm/dmtree"
)

// disk is a journal that fails when told to, and keeps what it was told.
type disk struct {
	fail error
	told []dmtree.Change
	all  []dmtree.Change // before the last transaction
}

func (d *disk) Commit(changes []dmtree.Change, all iter.Seq[dmtree.Change]) error {
	if d.fail != nil {
		return d.fail
	}
	d.told = append(d.told, changes...)
	d.all = d.all[:0]
	for c := range all {
		d.all = append(d.all, c)
	}
	return nil
}

func TestJournal(t *testing.T) {
	ctx := t.Context()
	d := new(disk)
	m := &dmtree.Memory{Journal: d}
	tree := &dmtree.Tree{Provider: m}
	if err := errors.Join(dmtree.Add(ctx, tree, "./A/B", dmtree.Int(1)), dmtree.SetProperty(ctx, tree, "./A", "Title", "t"),
		dmtree.Rename(ctx, tree, "./A", "Z"), dmtree.Replace(ctx, tree, "./Z/B", dmtree.String("x").Secret())); err != nil {
		t.Fatal(err)
	}
	m.Set("./Last", dmtree.Null)
	replayed := new(dmtree.Memory)
	if err := replayed.Apply(ctx, d.told...); err != nil {
		t.Fatal(err)
	}
	anew := new(dmtree.Memory)
	if err := anew.Apply(ctx, d.all...); err != nil {
		t.Fatal(err)
	}
	anew.Set("./Last", dmtree.Null)
	for name, other := range map[string]*dmtree.Memory{"replayed": replayed, "written anew": anew} {
		for _, part := range [][2]dmtree.Provider{{m, other}, {m.Keep(), other.Keep()}} {
			if a, b := dump(t, part[0], "."), dump(t, part[1], "."); sorted(a) != sorted(b) {
				t.Errorf("%s holds\n%swant\n%s", name, b, a)
			}
		}
	}
}

// What the journal refuses does not count, alone, in a transaction, or in one
// with others, which says so.
func TestJournalFails(t *testing.T) {
	ctx := t.Context()
	broken := &disk{fail: dmtree.ErrStore}
	m := &dmtree.Memory{Journal: broken}
	if err := dmtree.Add(ctx, m, "./B/x", dmtree.Int(1)); !errors.Is(err, dmtree.ErrStore) || m.Len() != 0 {
		t.Errorf("a change: %v, %d nodes", err, m.Len())
	}
	tx, _ := dmtree.Begin(ctx, m)
	if err := errors.Join(dmtree.Add(ctx, tx, "./B/x", dmtree.Int(1)), tx.Prepare(ctx)); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(ctx); !errors.Is(err, dmtree.ErrStore) || m.Len() != 0 {
		t.Errorf("a transaction: %v, %d nodes", err, m.Len())
	}
	whole := new(dmtree.Memory)
	mux := new(dmtree.Mux)
	mux.Handle("./A", whole)
	mux.Handle("./B", m)
	tx, _ = dmtree.Begin(ctx, mux)
	if err := errors.Join(dmtree.Add(ctx, tx, "./A/x", dmtree.Int(1)), dmtree.Add(ctx, tx, "./B/x", dmtree.Int(1))); err != nil {
		t.Fatal(err)
	}
	err := tx.Commit(ctx)
	if !errors.Is(err, dmtree.ErrRollback) || !errors.Is(err, dmtree.ErrStore) || !dmtree.Blames(err, "./A") || m.Len() != 0 {
		t.Errorf("with one that has committed: %v, want ErrRollback that blames ./A", err)
	}
	broken.fail = nil
	if err := dmtree.Add(ctx, m, "./B/x", dmtree.Int(1)); err != nil {
		t.Errorf("once it works again: %v", err)
	}
}
