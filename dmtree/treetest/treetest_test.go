package treetest_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/dmtree/filestore"
	"github.com/omadm-sdk/omadm/dmtree/treetest"
)

func TestOurs(t *testing.T) {
	memory := func(*testing.T) dmtree.Provider { return new(dmtree.Memory) }
	for name, test := range map[string]struct {
		open func(t *testing.T) dmtree.Provider
		root dmtree.URI
	}{
		"Memory":             {memory, "./Vendor/Test"},
		"Memory at its root": {memory, "./A"},
		"Memory with case and explicit parents": {func(*testing.T) dmtree.Provider {
			m := &dmtree.Memory{CaseSensitive: true, ExplicitParents: true}
			m.Set("./Vendor", dmtree.Interior())
			return m
		}, "./Vendor/Test"},
		"filestore": {func(t *testing.T) dmtree.Provider {
			s, err := filestore.Open(filepath.Join(t.TempDir(), "tree"), &filestore.Options{CompactAt: 1000})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { s.Close() })
			return s
		}, "./User/Vendor/Test"},
		"Mux": {func(*testing.T) dmtree.Provider {
			m := new(dmtree.Mux)
			m.Handle("./Device/Vendor/Test", new(dmtree.Memory))
			m.Handle("./DevInfo/DevId", dmtree.Leaf(func(context.Context) (string, error) { return "x", nil }, nil))
			return m
		}, "./Vendor/Test"},
		"Tree": {func(*testing.T) dmtree.Provider { return &dmtree.Tree{Provider: new(dmtree.Memory)} }, "./Vendor/Test"},
		"Tree around a Mux": {func(*testing.T) dmtree.Provider {
			m := new(dmtree.Mux)
			m.Handle("./Device/Vendor/Test", new(dmtree.Memory))
			return &dmtree.Tree{Provider: m}
		}, "./Vendor/Test"},
		"Undoable": {func(*testing.T) dmtree.Provider { return dmtree.Undoable(withoutBegin(new(dmtree.Memory))) }, "./Vendor/Test"},
		"Funcs":    {func(*testing.T) dmtree.Provider { return withoutBegin(new(dmtree.Memory)) }, "./Vendor/Test"},
	} {
		t.Run(name, func(t *testing.T) { treetest.TestStore(t, test.open, test.root) })
	}
}

func withoutBegin(m *dmtree.Memory) dmtree.Provider {
	return &dmtree.Funcs{GetFunc: m.Get, AddFunc: m.Add, ReplaceFunc: m.Replace, DeleteFunc: m.Delete, NodeFunc: m.Node}
}

// faults are providers that break one promise each, and what the suite says.
var faults = map[string]struct {
	spoil func(f *dmtree.Funcs, m *dmtree.Memory)
	says  string
}{
	"lists what is not there": {func(f *dmtree.Funcs, m *dmtree.Memory) {
		f.GetFunc = func(ctx context.Context, u dmtree.URI) (dmtree.Value, error) {
			v, err := m.Get(ctx, u)
			if v.IsInterior() {
				v = dmtree.Interior("ghost")
			}
			return v, err
		}
	}, "is listed by the node above"},
	"has every node": {func(f *dmtree.Funcs, m *dmtree.Memory) {
		f.GetFunc = func(ctx context.Context, u dmtree.URI) (dmtree.Value, error) {
			if v, err := m.Get(ctx, u); err == nil {
				return v, nil
			}
			return dmtree.String(""), nil
		}
	}, "which is not there"},
	"forgets types": {func(f *dmtree.Funcs, m *dmtree.Memory) {
		f.AddFunc = func(ctx context.Context, u dmtree.URI, v dmtree.Value) error { return m.Add(ctx, u, v.WithType("")) }
	}, "added chr"},
	"adds twice": {func(f *dmtree.Funcs, m *dmtree.Memory) {
		f.AddFunc = func(ctx context.Context, u dmtree.URI, v dmtree.Value) error { m.Set(u, v); return nil }
	}, "want node exists already"},
	"creates on Replace": {func(f *dmtree.Funcs, m *dmtree.Memory) {
		f.ReplaceFunc = func(ctx context.Context, u dmtree.URI, v dmtree.Value) error { m.Set(u, v); return nil }
	}, "want node not found"},
	"deletes too little": {func(f *dmtree.Funcs, m *dmtree.Memory) {
		f.DeleteFunc = func(ctx context.Context, u dmtree.URI) error {
			if v, err := m.Get(ctx, u); err != nil || v.Text() != "" && v.IsInterior() {
				return err
			}
			return m.Delete(ctx, u)
		}
	}, "after deleting"},
}

// The suite must find each fault. It runs in a process of its own, which fails.
func TestFaultsAreFound(t *testing.T) {
	if name := os.Getenv("OMADM_TREETEST_FAULT"); name != "" {
		treetest.TestStore(t, func(*testing.T) dmtree.Provider {
			m := new(dmtree.Memory)
			f := withoutBegin(m).(*dmtree.Funcs)
			faults[name].spoil(f, m)
			return f
		}, "./Vendor/Test")
		return
	}
	for name, fault := range faults {
		cmd := exec.Command(os.Args[0], "-test.run=^TestFaultsAreFound$")
		cmd.Env = append(os.Environ(), "OMADM_TREETEST_FAULT="+name)
		if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), fault.says) {
			t.Errorf("a store that %s: %v, want a failure that says %q\n%s", name, err, fault.says, out)
		}
	}
}
