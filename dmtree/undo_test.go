package dmtree_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/omadm-sdk/omadm/dmtree"
)

// Whatever a transaction has done to a provider without transactions, a
// rollback takes it back.
func TestUndoable(t *testing.T) {
	ctx := t.Context()
	r := rand.New(rand.NewPCG(7, 8))
	for range 300 {
		m := grow(r)
		before := sorted(dump(t, m, "."))
		tx, err := dmtree.Begin(ctx, dmtree.Undoable(withoutBegin(m)))
		if err != nil {
			t.Fatal(err)
		}
		var log []string
		for range 1 + r.IntN(10) {
			u := dmtree.URI(pickFrom(r))
			switch r.IntN(4) {
			case 0, 1:
				err = dmtree.Add(ctx, tx, u, dmtree.Int(99))
			case 2:
				err = dmtree.Replace(ctx, tx, u, dmtree.Int(98))
			default:
				err = dmtree.Delete(ctx, tx, u)
			}
			if err == nil {
				log = append(log, string(u))
			}
		}
		if err := tx.Rollback(ctx); err != nil {
			t.Fatal(err)
		}
		if after := sorted(dump(t, m, ".")); after != before {
			t.Fatalf("after changes of %v and a rollback\n%s\nwas\n%s", log, after, before)
		}
	}
}

func TestUndoableSaysWhatItCannot(t *testing.T) {
	ctx := t.Context()
	m := new(dmtree.Memory)
	m.Set("./A/Hidden", dmtree.String("h"))
	m.Set("./A/Sticky", dmtree.Int(1))
	m.Set("./A/Fine", dmtree.Int(1))
	stuck := false
	p := &dmtree.Funcs{
		GetFunc: func(ctx context.Context, u dmtree.URI) (dmtree.Value, error) {
			if u.Name() == "Hidden" {
				return dmtree.Null, dmtree.ErrNotAllowed
			}
			return m.Get(ctx, u)
		},
		ReplaceFunc: func(ctx context.Context, u dmtree.URI, v dmtree.Value) error {
			if u.Name() == "Sticky" && stuck {
				return errors.New("it is stuck")
			}
			stuck = u.Name() == "Sticky"
			return m.Replace(ctx, u, v)
		},
		DeleteFunc: m.Delete,
		ExecFunc:   func(context.Context, dmtree.URI, dmtree.Value) error { return dmtree.ErrAccepted },
	}
	tx, _ := dmtree.Begin(ctx, dmtree.Undoable(p))
	for name, err := range map[string]error{
		"replace what cannot be read": dmtree.Replace(ctx, tx, "./A/Hidden", dmtree.Null),
		"delete what cannot be read":  dmtree.Delete(ctx, tx, "./A"),
	} {
		if !errors.Is(err, dmtree.ErrUnsupported) {
			t.Errorf("%s: %v, want ErrUnsupported", name, err)
		}
	}
	if err := errors.Join(dmtree.Replace(ctx, tx, "./A/Fine", dmtree.Int(2)), dmtree.Replace(ctx, tx, "./A/Sticky", dmtree.Int(2))); err != nil {
		t.Fatal(err)
	}
	if err := dmtree.Exec(ctx, tx, "./A/Fine", dmtree.Null); !errors.Is(err, dmtree.ErrAccepted) {
		t.Fatal(err)
	}
	err := tx.Rollback(ctx)
	if !errors.Is(err, dmtree.ErrRollback) || !dmtree.Blames(err, "./A/Sticky") {
		t.Errorf("rollback: %v, want ErrRollback that blames ./A/Sticky", err)
	}
	if v, _ := dmtree.Get(ctx, m, "./A/Fine"); v.Text() != "1" {
		t.Errorf("a failure kept ./A/Fine from being undone: %s", v)
	}
	if p := dmtree.Undoable(m); p != dmtree.Provider(m) {
		t.Error("a provider with transactions got others")
	}
}
