package dmtree_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/omadm-sdk/omadm/dmtree"
)

func told(events []dmtree.Event) string {
	var s []string
	for _, e := range events {
		text := string(e.URI)
		if e.Subtree {
			text += "/..."
		}
		s = append(s, text)
	}
	slices.Sort(s)
	return strings.Join(s, " ")
}

func TestWatch(t *testing.T) {
	for _, test := range []struct {
		name string
		do   func(ctx context.Context, p dmtree.Provider) error
		want string
	}{
		{"replace", func(ctx context.Context, p dmtree.Provider) error {
			return dmtree.Replace(ctx, p, "./a/b/C", dmtree.Int(2))
		}, "./a/b/C"},
		{"twice is once", func(ctx context.Context, p dmtree.Provider) error {
			return errors.Join(dmtree.Replace(ctx, p, "./A/B/C", dmtree.Int(2)), dmtree.Replace(ctx, p, "./A/B/C", dmtree.Int(3)))
		}, "./A/B/C"},
		{"add and delete", func(ctx context.Context, p dmtree.Provider) error {
			return errors.Join(dmtree.Add(ctx, p, "./A/B/N", dmtree.Int(2)), dmtree.Delete(ctx, p, "./A/B/N"))
		}, "./A/B/N/..."},
		{"rename", func(ctx context.Context, p dmtree.Provider) error { return dmtree.Rename(ctx, p, "./A/B/C", "D") }, "./A/B/C/... ./A/B/D/..."},
		{"delete above", func(ctx context.Context, p dmtree.Provider) error { return dmtree.Delete(ctx, p, "./A") }, "./A/..."},
		{"elsewhere", func(ctx context.Context, p dmtree.Provider) error {
			return errors.Join(dmtree.Add(ctx, p, "./A/BB", dmtree.Int(2)), dmtree.Replace(ctx, p, "./A/B/C", dmtree.Int(2)))
		}, "./A/B/C"},
		{"refused", func(ctx context.Context, p dmtree.Provider) error {
			if dmtree.Replace(ctx, p, "./A/B/none", dmtree.Int(2)) == nil {
				return errors.New("replaced what is missing")
			}
			return dmtree.Replace(ctx, p, "./A/B/C", dmtree.Int(2))
		}, "./A/B/C"},
		{"many in one place", func(ctx context.Context, p dmtree.Provider) error {
			for i := range 1000 {
				if err := dmtree.Add(ctx, p, dmtree.URI("./A/B/Many").Join(fmt.Sprint(i%500), fmt.Sprint(i)), dmtree.Null); err != nil {
					return err
				}
			}
			return dmtree.Replace(ctx, p, "./A/B/C", dmtree.Int(2))
		}, "./A/B/C ./A/B/Many/..."},
		{"committed", func(ctx context.Context, p dmtree.Provider) error {
			tx, err := dmtree.Begin(ctx, p)
			return errors.Join(err, dmtree.Replace(ctx, tx, "./A/B/C", dmtree.Int(2)), tx.Commit(ctx))
		}, "./A/B/C"},
		{"rolled back", func(ctx context.Context, p dmtree.Provider) error {
			tx, err := dmtree.Begin(ctx, p)
			return errors.Join(err, dmtree.Replace(ctx, tx, "./A/B/C", dmtree.Int(2)), tx.Rollback(ctx))
		}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := new(dmtree.Memory)
				m.Set("./A/B/C", dmtree.Int(1))
				mux := new(dmtree.Mux)
				mux.Handle("./A", m)
				mux.Handle("./Other", echo("x"))
				watch, err := dmtree.Watch(&dmtree.Tree{Provider: mux}, "./A/b")
				if err != nil {
					t.Fatal(err)
				}
				if err := test.do(t.Context(), m); err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithCancel(t.Context())
				go func() { // by then, Next has returned or waits for good
					synctest.Wait()
					cancel()
				}()
				events, err := watch.Next(ctx)
				if got := told(events); got != test.want || (err != nil) != (test.want == "") {
					t.Errorf("told %q, %v, want %q", got, err, test.want)
				}
				watch.Close()
				m.Set("./A/B/C", dmtree.Int(9))
				if events, err := watch.Next(ctx); err == nil {
					t.Errorf("told %v after Close", events)
				}
			})
		})
	}
	if _, err := dmtree.Watch(echo("x"), "."); !errors.Is(err, dmtree.ErrUnsupported) {
		t.Errorf("watching a provider that does not tell: %v", err)
	}
}
