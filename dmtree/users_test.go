package dmtree_test

import (
	"context"
	"errors"
	"testing"

	"github.com/omadm-sdk/omadm/dmtree"
)

func TestUsers(t *testing.T) {
	subtrees := map[string]dmtree.Provider{"a": new(dmtree.Memory), "b": new(dmtree.Memory)}
	mux := new(dmtree.Mux)
	mux.Handle("./Device/Vendor", new(dmtree.Memory))
	mux.Handle("./User", dmtree.Users(func(_ context.Context, user string) (dmtree.Provider, error) {
		if p, ok := subtrees[user]; ok {
			return p, nil
		}
		return nil, dmtree.ErrNotAllowed
	}))
	tree := &dmtree.Tree{Provider: mux, Open: true}
	by := func(user string) context.Context {
		return dmtree.WithCall(t.Context(), dmtree.NewCall("srv", user))
	}
	const node dmtree.URI = "./User/Vendor/X/Y"
	for _, test := range []struct {
		name string
		err  error
		want error
	}{
		{"the first user adds", dmtree.Add(by("a"), tree, node, dmtree.Int(1)), nil},
		{"the second does not see it", second(dmtree.Get(by("b"), tree, node)), dmtree.ErrNotFound},
		{"the second adds too", dmtree.Add(by("b"), tree, node, dmtree.Int(2)), nil},
		{"nobody is signed in", second(dmtree.Get(by(""), tree, node)), dmtree.ErrNotAllowed},
		{"nobody writes", dmtree.Replace(by(""), tree, node, dmtree.Int(3)), dmtree.ErrNotAllowed},
		{"a stranger is signed in", dmtree.Add(by("c"), tree, node, dmtree.Int(3)), dmtree.ErrNotAllowed},
		{"the device's own goes on", dmtree.Add(by(""), tree, "./Vendor/X", dmtree.Int(4)), nil},
		{"the scope stays", dmtree.Delete(by("a"), tree, "./User"), dmtree.ErrNotAllowed},
		{"rename", dmtree.Rename(by("a"), tree, "./User/Vendor/X", "Z"), nil},
		{"renamed", second(dmtree.Get(by("a"), tree, "./user/vendor/z/y")), nil},
		{"not for the other", second(dmtree.Get(by("b"), tree, node)), nil},
		{"replace", dmtree.Replace(by("b"), tree, node, dmtree.Int(5)), nil},
		{"exec", dmtree.Exec(by("b"), tree, node, dmtree.Null), dmtree.ErrNotAllowed},
		{"delete", dmtree.Delete(by("b"), tree, "./User/Vendor/X"), nil},
	} {
		if !errors.Is(test.err, test.want) || test.want == nil && test.err != nil {
			t.Errorf("%s: %v, want %v", test.name, test.err, test.want)
		}
	}
	tx, err := dmtree.Begin(by("a"), tree)
	if err != nil {
		t.Fatal(err)
	}
	if err := dmtree.Replace(by("a"), tx, "./User/Vendor/Z/Y", dmtree.Int(9)); err != nil {
		t.Error(err)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Error(err)
	}
	if v, _ := dmtree.Get(by("a"), tree, "./User/Vendor/Z/Y"); v.Text() != "1" {
		t.Errorf("after a rollback the node holds %s", v)
	}
	if v, err := dmtree.Get(by("b"), tree, "./User"); err != nil || v.Text() != "Vendor" {
		t.Errorf("./User holds %q, %v", v, err)
	}
}
