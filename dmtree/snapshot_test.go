package dmtree_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/omadm-sdk/omadm/dmtree"
)

// grow fills a tree with random nodes.
func grow(r *rand.Rand) *dmtree.Memory {
	m := new(dmtree.Memory)
	for range r.IntN(30) {
		u := dmtree.URI(pickFrom(r))
		switch r.IntN(3) {
		case 0:
			m.Set(u, dmtree.Int(r.Int64N(3)))
		case 1:
			m.Set(u, dmtree.String("x").WithType("text/html"))
		default:
			m.Set(u, dmtree.Interior())
		}
	}
	return m
}

func TestDiffMakesEqual(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 500 {
		from, to := grow(r), grow(r)
		changes, err := dmtree.Diff(t.Context(), from, to, ".")
		if err != nil {
			t.Fatal(err)
		}
		before := dump(t, from, ".")
		for _, p := range []dmtree.Provider{from, withoutBegin(from)} {
			if err := dmtree.Apply(t.Context(), p, changes); err != nil {
				t.Fatalf("%v\nfrom\n%s\nto\n%s\nchanges %v", err, before, dump(t, to, "."), changes)
			}
			if rest, err := dmtree.Diff(t.Context(), from, to, "."); err != nil || len(rest) > 0 {
				t.Fatalf("%v is still different, %v\nfrom\n%s\nto\n%s\nchanges %v", rest, err, before, dump(t, to, "."), changes)
			}
			changes = nil
		}
	}
}

func withoutBegin(m *dmtree.Memory) dmtree.Provider {
	return &dmtree.Funcs{GetFunc: m.Get, AddFunc: m.Add, ReplaceFunc: m.Replace, DeleteFunc: m.Delete}
}

func TestApplyIsAllOrNothing(t *testing.T) {
	m := new(dmtree.Memory)
	err := dmtree.Apply(t.Context(), m, []dmtree.Change{{Op: dmtree.OpAdd, URI: "./A", Value: dmtree.Int(1)}, {Op: dmtree.OpDelete, URI: "./B"}})
	if !errors.Is(err, dmtree.ErrNotFound) || !dmtree.Blames(err, "./B") || m.Len() != 0 {
		t.Errorf("a change that cannot be made: %v, %d nodes", err, m.Len())
	}
}

func TestSnapshot(t *testing.T) {
	m := new(dmtree.Memory)
	m.Set("./A/B", dmtree.Int(1))
	m.Set("./A/Secret", dmtree.String("s"))
	p := &dmtree.Funcs{GetFunc: func(ctx context.Context, u dmtree.URI) (dmtree.Value, error) {
		if u.Name() == "Secret" {
			return dmtree.Null, dmtree.ErrNotAllowed
		}
		return m.Get(ctx, u)
	}}
	s, err := dmtree.Snapshot(t.Context(), p, "./A")
	if !errors.Is(err, dmtree.ErrNotAllowed) || !dmtree.Blames(err, "./A/Secret") {
		t.Errorf("a node that cannot be read: %v", err)
	}
	m.Set("./A/B", dmtree.Int(2))
	if got := dump(t, s, "."); got != ". node A\n./A node B\n./A/B int 1\n" {
		t.Errorf("snapshot holds\n%s", got)
	}
}

func TestWriteJSON(t *testing.T) {
	m := new(dmtree.Memory)
	m.Set("./A/B/C", dmtree.Int(7))
	m.Set("./A/B/D", dmtree.Bytes([]byte{0}).WithType("application/octet-stream"))
	m.Set("./A/Empty", dmtree.Interior())
	m.Set(`./A/q"u ote`, dmtree.String("\"\n"))
	m.Set("./A/Password", dmtree.String("hunter2").Secret())
	m.Set("./A/None", dmtree.Null)
	p := &dmtree.Funcs{GetFunc: func(ctx context.Context, u dmtree.URI) (dmtree.Value, error) {
		if u.Name() == "None" {
			return dmtree.Null, dmtree.ErrNotAllowed
		}
		return m.Get(ctx, u)
	}}
	var b strings.Builder
	if err := dmtree.WriteJSON(t.Context(), &b, p, "./A"); err != nil {
		t.Fatal(err)
	}
	want := `{"uri":"./A","format":"node","children":[{"name":"B","format":"node","children":[{"name":"C","format":"int","value":"7"},` +
		`{"name":"D","format":"bin","type":"application/octet-stream","value":"AA=="}]},{"name":"Empty","format":"node","children":[]},` +
		`{"name":"q\"u ote","format":"chr","value":"\"\n"},{"name":"Password","format":"chr","secret":true},` +
		`{"name":"None","error":"command not allowed on this node"}]}` + "\n"
	if b.String() != want {
		t.Errorf("got  %swant %s", b.String(), want)
	}
	for root, ok := range map[dmtree.URI]bool{".": true, "./A/B/C": true, "./none": false} {
		var b strings.Builder
		err := dmtree.WriteJSON(t.Context(), &b, m, root)
		if (err == nil) != ok || ok && !json.Valid([]byte(b.String())) {
			t.Errorf("%s: %v, %s", root, err, b.String())
		}
	}
}

func ExampleDiff() {
	ctx := context.Background()
	now, wanted := new(dmtree.Memory), new(dmtree.Memory)
	now.Set("./Vendor/Example/Interval", dmtree.Int(30))
	now.Set("./Vendor/Example/Old", dmtree.Bool(true))
	wanted.Set("./Vendor/Example/Interval", dmtree.Int(60))
	wanted.Set("./Vendor/Example/Server/Address", dmtree.String("https://example.com"))

	changes, err := dmtree.Diff(ctx, now, wanted, "./Vendor/Example")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, c := range changes {
		fmt.Println(c)
	}
	// Output:
	// delete ./Device/Vendor/Example/Old
	// replace ./Device/Vendor/Example/Interval
	// add ./Device/Vendor/Example/Server
	// add ./Device/Vendor/Example/Server/Address
}
