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
	index  []entry           // open hash table over (parent, folded name)

	// stems are beginnings that most URIs share, and where they lead.
	stems []stem

	policies *policySet // what nodes of KindADMX stand for; nil: not known

	patterns sync.Map // *Node → *pattern; pointers as keys, as strings would be boxed at each look-up
	xsds     sync.Map // text → *xsd.Schema or error
}

type stem struct {
	text string // without "./", with the slash at the end
	node int32
}

// commonStems holds the longer ones first.
var commonStems = [...]string{
	"Device/Vendor/MSFT/Policy/Config/", "User/Vendor/MSFT/Policy/Config/", "Vendor/MSFT/Policy/Config/",
	"Device/Vendor/MSFT/", "User/Vendor/MSFT/", "Vendor/MSFT/",
}

// Lookup returns the node that u addresses, in any of its spellings: with or
// without "./", ./Vendor for ./Device/Vendor, any case, any escapes. Names
// chosen at run time match their dynamic node, unless its description has a
// pattern and they do not fit it; a fixed name goes before a dynamic one. A
// query (?prop=, ?list=) is ignored.
//
// Lookup does not allocate.
func (s *Schema) Lookup(u dmtree.URI) (*Node, bool) {
	i := s.lookup(string(u))
	if i < 0 {
		return nil, false
	}
	return &s.nodes[i], true
}

func (s *Schema) lookup(rest string) int32 {
	if q := strings.IndexByte(rest, '?'); q >= 0 {
		rest = rest[:q]
	}
	if rest == "" {
		return -1
	}
	if rest[0] == '.' && (len(rest) == 1 || rest[1] == '/') {
		rest = rest[min(2, len(rest)):]
	}
	i := int32(0)
	if isVendor(rest) {
		i = s.step(i, "Device")
	}
	for _, stem := range s.stems {
		if strings.HasPrefix(rest, stem.text) {
			i, rest = stem.node, rest[len(stem.text):]
			break
		}
	}
	for rest != "" && i >= 0 {
		seg := rest
		if end := strings.IndexByte(rest, '/'); end >= 0 {
			seg, rest = rest[:end], rest[end+1:]
		} else {
			rest = ""
		}
		i = s.step(i, seg)
	}
	return i
}

// isVendor tells whether path starts with Vendor, which is below ./Device.
func isVendor(path string) bool {
	return len(path) >= 6 && path[0]|0x20 == 'v' && foldEqual(path[:6], "Vendor") && (len(path) == 6 || path[6] == '/')
}

// step returns the child of node i that seg names, or -1.
func (s *Schema) step(i int32, seg string) int32 {
	if c := s.find(i, seg); c >= 0 {
		return c
	}
	if strings.IndexByte(seg, '%') >= 0 {
		seg = dmtree.URI(seg).Name()
		if c := s.find(i, seg); c >= 0 {
			return c
		}
	}
	for c := s.nodes[i].dynamic; c > 0; c = s.nodes[c].next {
		if n := &s.nodes[c]; n.flags&flagDynamic != 0 && seg != "" && (n.flags&flagPattern == 0 || n.nameFits(seg)) {
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
		if isVendor(rest) && !yield("Device") {
			return
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

// An entry of the index is taken if node is not 0, which is the root.
type entry struct {
	hash uint32
	node int32
}

// find looks for a fixed name below node i.
func (s *Schema) find(i int32, name string) int32 {
	mask := uint32(len(s.index) - 1)
	hash := hashName(i, name)
	for h := hash & mask; s.index[h].node != 0; h = (h + 1) & mask {
		if e := s.index[h]; e.hash == hash {
			if n := &s.nodes[e.node]; n.parent == i && (n.Name == name || foldEqual(n.Name, name)) {
				return e.node
			}
		}
	}
	return -1
}

// hashName hashes a name without regard to the case of its letters, eight
// bytes at a time. Setting bit 5 makes letters lower case; that it also makes
// some other characters equal costs nothing, as names are compared after.
func hashName(parent int32, name string) uint32 {
	const (
		multiplier = 0x9E3779B97F4A7C15
		bit5       = 0x2020202020202020
	)
	h := (uint64(uint32(parent)) + uint64(len(name))<<32) * multiplier
	for len(name) >= 8 {
		w := uint64(name[0]) | uint64(name[1])<<8 | uint64(name[2])<<16 | uint64(name[3])<<24 |
			uint64(name[4])<<32 | uint64(name[5])<<40 | uint64(name[6])<<48 | uint64(name[7])<<56
		h = (h ^ h>>32 ^ (w | bit5)) * multiplier
		name = name[8:]
	}
	var w uint64
	for i := 0; i < len(name); i++ {
		w = w<<8 | uint64(name[i]|0x20)
	}
	h = (h ^ h>>32 ^ w) * multiplier
	return uint32(h >> 32)
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
