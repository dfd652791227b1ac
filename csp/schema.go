package csp

import (
	"iter"
	"strings"
	"sync"

	"github.com/omadm-sdk/omadm/dmtree"
)

// A Schema is an immutable set of node definitions. It is safe for concurrent
// use.
//
// Its nodes hold pieces of its text form and read them when they are asked.
type Schema struct {
	shared map[string]string // texts that nodes refer to as $name, still escaped
	nodes  []Node            // in tree order; nodes[0] is the root
	index  []int32           // open hash table over (parent, folded name)

	regexps sync.Map // pattern → *regexp.Regexp or error
	xsds    sync.Map // text → *xsd.Schema or error
}

// Lookup returns the node that u addresses, in any of its spellings: with or
// without "./", ./Vendor for ./Device/Vendor, any case, any escapes. Names
// chosen at run time match their dynamic node, unless its description has a
// pattern and they do not fit it; a fixed name goes before a dynamic one. A
// query (?prop=, ?list=) is ignored.
//
// Lookup does not allocate.
func (s *Schema) Lookup(u dmtree.URI) (*Node, bool) {
	i := int32(0)
	for seg := range segments(u) {
		if i = s.step(i, seg); i < 0 {
			return nil, false
		}
	}
	return &s.nodes[i], u != ""
}

// step returns the child of node i that seg names, or -1.
func (s *Schema) step(i int32, seg string) int32 {
	escaped := strings.IndexByte(seg, '%') >= 0
	if escaped {
		seg = dmtree.URI(seg).Name()
	}
	if c := s.find(i, seg); c >= 0 {
		return c
	}
	for c := s.nodes[i].dynamic; c > 0; c = s.nodes[c].next {
		if n := &s.nodes[c]; n.flags&flagDynamic != 0 && n.nameFits(seg) {
			return c
		}
	}
	return -1
}

// segments iterates over the names of u as they are escaped, from the scope
// on: ./Vendor starts with Device.
func segments(u dmtree.URI) iter.Seq[string] {
	return func(yield func(string) bool) {
		node, _ := u.Split()
		rest := string(node)
		if rest == "." {
			return
		}
		rest = strings.TrimPrefix(rest, "./")
		if len(rest) >= 6 && foldEqual(rest[:6], "Vendor") && (len(rest) == 6 || rest[6] == '/') {
			if !yield("Device") {
				return
			}
		}
		for rest != "" {
			seg, tail := rest, ""
			if i := strings.IndexByte(rest, '/'); i >= 0 {
				seg, tail = rest[:i], rest[i+1:]
			}
			if !yield(seg) {
				return
			}
			rest = tail
		}
	}
}

// find looks for a fixed name below node i.
func (s *Schema) find(i int32, name string) int32 {
	mask := uint32(len(s.index) - 1)
	for h := hashName(i, name) & mask; s.index[h] != 0; h = (h + 1) & mask {
		c := s.index[h]
		if n := &s.nodes[c]; n.parent == i && foldEqual(n.Name, name) {
			return c
		}
	}
	return -1
}

// hashName is FNV-1a over the name in lower case, ASCII letters only: other
// letters make different hashes only if they have another case, which no name
// of a schema has; see foldEqual.
func hashName(parent int32, name string) uint32 {
	h := uint32(2166136261) ^ uint32(parent)*0x9E3779B1
	for i := 0; i < len(name); i++ {
		h = (h ^ uint32(lower(name[i]))) * 16777619
	}
	return h ^ h>>15
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// foldEqual compares without regard to the case of ASCII letters.
func foldEqual(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := 0; i < len(a); i++ {
		if a[i] != b[i] && lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

// Root returns the node at the top, which stands for ".".
func (s *Schema) Root() *Node { return &s.nodes[0] }

// All iterates over all nodes below the root with their URIs, depth first,
// each before its children. Dynamic names appear as {name}.
func (s *Schema) All() iter.Seq2[dmtree.URI, *Node] {
	return func(yield func(dmtree.URI, *Node) bool) {
		path := make([]dmtree.URI, 1, maxDepth+1)
		path[0] = dmtree.Root
		for i := 1; i < len(s.nodes); i++ {
			n := &s.nodes[i]
			path = append(path[:n.depth], path[n.depth-1]+dmtree.URI("/"+n.label()))
			if !yield(path[n.depth], n) {
				return
			}
		}
	}
}

// Len returns the number of nodes that a description file describes.
func (s *Schema) Len() int {
	count := 0
	for i := range s.nodes {
		if s.nodes[i].Described() {
			count++
		}
	}
	return count
}
