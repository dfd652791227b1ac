package csp

import (
	"iter"
	"slices"
	"strings"

	"github.com/omadm-sdk/omadm/dmtree"
)

// A Change is a node that two schemas define differently.
type Change struct {
	URI      dmtree.URI
	Old, New *Node    // nil: the schema has no such node
	What     []string // for a node that both have: what differs, such as "allowed values"
}

// Changes iterates over what differs between two schemas: what old has and
// new has not or defines differently, in the order of old, then what only new
// has.
func Changes(old, new *Schema) iter.Seq[Change] {
	return func(yield func(Change) bool) {
		after := make(map[dmtree.URI]*Node)
		for u, n := range new.All() {
			after[u] = n
		}
		for u, o := range old.All() {
			n := after[u]
			delete(after, u)
			c := Change{URI: u, Old: o, New: n}
			if n != nil {
				if c.What = differences(o, n); len(c.What) == 0 {
					continue
				}
			}
			if !yield(c) {
				return
			}
		}
		for u, n := range new.All() {
			if after[u] != nil && !yield(Change{URI: u, New: n}) {
				return
			}
		}
	}
}

// fieldNames names the fields of the text form for people. Where a node comes
// from is not among them.
var fieldNames = map[byte]string{
	'v': "allowed values", 'd': "default", 'n': "naming", 'b': "builds", 's': "CSP version", 'e': "editions",
	'j': "join state", 'c': "conflict resolution", 'm': "type", 'M': "type", 'r': "restart", 'g': "group policy",
	'o': "deprecation", 'k': "secrecy", 'p': "dependencies", '=': "dependencies", '+': "dependencies", '!': "dependencies", '?': "dependencies",
}

func differences(a, b *Node) (what []string) {
	headA, _, _ := strings.Cut(a.line, "\t")
	headB, _, _ := strings.Cut(b.line, "\t")
	if headA != headB {
		what = append(what, "format, commands or occurrence")
	}
	x, y := a.resolved(), b.resolved()
	for letter, name := range fieldNames {
		if !slices.Equal(x[letter], y[letter]) && !slices.Contains(what, name) {
			what = append(what, name)
		}
	}
	slices.Sort(what)
	return what
}

// resolved returns the fields of n with the texts that they share filled in.
func (n *Node) resolved() map[byte][]string {
	fields := make(map[byte][]string)
	for letter, f := range eachField(n.line) {
		var b strings.Builder
		// The kind and delimiter of values stand before their first atom.
		if strings.IndexByte("v=?", letter) >= 0 {
			var kind string
			kind, f, _ = strings.Cut(f, ":")
			b.WriteString(kind)
		}
		for a := range eachAtom(f) {
			b.WriteString("|" + n.s.atom(a))
		}
		fields[letter] = append(fields[letter], b.String())
	}
	return fields
}
