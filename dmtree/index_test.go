package dmtree

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"unicode"
	"unicode/utf8"
)

// The index must agree with a map at any time, whatever is inserted, removed
// and renamed, and leave no rubbish behind.
func TestIndexAgreesWithMap(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var x index
	model := map[URI]uint32{}
	names := []string{"A", "b", "LongerThanEightBytes", "%C3%84", "x%2Fy", "%7B1%7D", "Q", "z.z", "12345678", "123456789"}
	pick := func() URI {
		u := Root
		for range 1 + r.IntN(4) {
			u = u.withSegment(names[r.IntN(len(names))])
		}
		return u
	}
	swapCase := func(u URI) URI {
		return URI(Root) + URI(string(u.Fold())[1:])
	}
	var insert func(u URI) uint32
	insert = func(u URI) uint32 {
		if u == Root {
			return 0
		}
		if id, ok := model[u]; ok {
			return id
		}
		id := x.insert(insert(u.Parent()), u)
		model[u] = id
		return id
	}
	for step := range 6000 {
		u := pick()
		switch r.IntN(4) {
		case 0, 1:
			insert(u)
		case 2:
			var leaf URI
			for v := range model {
				if v.Within(u) && (leaf == "" || v.Depth() > leaf.Depth()) {
					leaf = v
				}
			}
			if leaf != "" {
				x.remove(model[leaf], leaf)
				delete(model, leaf)
			}
		case 3:
			id, ok := model[u]
			to := u.Parent().withSegment(fmt.Sprintf("R%d", r.IntN(5)))
			if _, taken := model[to]; ok && !taken {
				x.rename(id, u, string(to[len(u.Parent())+1:]))
				moved := map[URI]uint32{}
				for v, id := range model {
					if v.Within(u) {
						delete(model, v)
						moved[to+v[len(u):]] = id
					}
				}
				for v, id := range moved {
					model[v] = id
				}
			}
		}
		if step%200 != 0 {
			continue
		}
		if x.used != len(model) {
			t.Fatalf("step %d: index holds %d nodes, want %d", step, x.used, len(model))
		}
		for v, want := range model {
			if id, ok := x.find(v); !ok || id != want {
				t.Fatalf("step %d: %s is %d %v, want %d", step, v, id, ok, want)
			}
			if id, ok := x.find(swapCase(v)); !ok || id != want {
				t.Fatalf("step %d: %s is %d %v, want %d", step, swapCase(v), id, ok, want)
			}
			if missing := v.withSegment("none"); model[missing] == 0 {
				if id, ok := x.find(missing); ok {
					t.Fatalf("step %d: %s found as %d", step, missing, id)
				}
			}
		}
		reached := 0
		var count func(id uint32)
		count = func(id uint32) {
			for c := range x.children(id) {
				reached++
				count(c)
			}
		}
		count(0)
		if reached != len(model) {
			t.Fatalf("step %d: %d nodes reached through children, want %d", step, reached, len(model))
		}
	}
}

// Folding decides what is equal, so it must be stable and keep lengths.
func TestFoldRune(t *testing.T) {
	for r := rune(0); r <= unicode.MaxRune; r++ {
		f := foldRune(r)
		if utf8.RuneLen(f) != utf8.RuneLen(r) || foldRune(f) != f {
			t.Fatalf("%U folds to %U and that to %U", r, f, foldRune(f))
		}
	}
}
