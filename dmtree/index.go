package dmtree

import (
	"math/bits"
	"math/rand/v2"
	"strings"
)

// An index finds nodes by canonical URI without regard to case. Names lie in
// one arena, nodes refer to each other by number, and a hash table over whole
// paths answers a look-up with one probe; the names up to the root are then
// compared, so that a collision cannot mislead it. There are no pointers for
// the garbage collector to follow. What nodes hold is kept elsewhere, under the
// same numbers.
//
// The root is node 0. Before the first insert the index is ready and empty.
type index struct {
	nodes   []indexNode // nodes[0] is the root, once there is anything else
	names   []byte
	slots   []indexSlot // power of two; linear probing
	used    int         // nodes besides the root
	free    uint32      // chain of unused numbers through next
	garbage int         // bytes of names that no node uses, counting shared names for each of their nodes
	recent  []uint32    // where in names some names are, by their hash, for nodes that share one
	seed    uint64
	exact   bool // compare with regard to case
}

type indexNode struct {
	parent uint32
	last   uint32 // last child; its next is the first: children form a ring
	next   uint32
	prev   uint32
	off    uint32
	size   uint16 // length of the name, never 0 for a node in use
}

type indexSlot struct{ hash, id uint32 } // id 0: empty

// maxName bounds the length of one escaped name in an index.
const maxName = 1<<16 - 1

// find returns the node at u, which is canonical and has no query.
func (x *index) find(u URI) (id uint32, ok bool) {
	if u == Root {
		return 0, true
	}
	if len(x.slots) == 0 || len(u) < 3 || u[:2] != "./" {
		return 0, false
	}
	path := string(u[2:])
	h := x.hash(path)
	mask := uint32(len(x.slots) - 1)
	for i := h & mask; ; i = (i + 1) & mask {
		switch s := x.slots[i]; {
		case s.id == 0:
			return 0, false
		case s.hash == h && x.is(s.id, path):
			return s.id, true
		}
	}
}

// is reports whether node id has this path.
func (x *index) is(id uint32, path string) bool {
	nodes, names := x.nodes, x.names
	for end := len(path); ; {
		n := &nodes[id]
		start := end - int(n.size)
		if start < 0 {
			return false
		}
		name := names[n.off:][:n.size]
		if seg := path[start:end]; seg != string(name) && (x.exact || !equalFoldSegment(seg, name)) {
			return false
		}
		id, end = n.parent, start-1
		if id == 0 {
			return start == 0
		}
		if end < 0 || path[end] != '/' {
			return false
		}
	}
}

// insert adds a child to parent. The caller has checked that there is none of
// this name and that the name is no longer than maxName.
func (x *index) insert(parent uint32, u URI) uint32 {
	if len(x.nodes) == 0 {
		x.nodes = append(x.nodes, indexNode{})
		x.seed = rand.Uint64() // a peer must not be able to choose names that collide
	}
	if 4*(x.used+1) > 3*len(x.slots) {
		x.grow()
	}
	id := x.free
	if id != 0 {
		x.free = x.nodes[id].next
	} else {
		id = uint32(len(x.nodes))
		x.nodes = append(x.nodes, indexNode{})
	}
	name := u[strings.LastIndexByte(string(u), '/')+1:]
	x.nodes[id] = indexNode{parent: parent, off: x.name(string(name)), size: uint16(len(name))}
	x.link(id)
	x.place(indexSlot{x.hash(string(u[2:])), id})
	x.used++
	return id
}

// name returns where in the arena the name is, and puts it there unless it was
// there lately: the nodes of a tree share few names.
func (x *index) name(name string) uint32 {
	if x.recent == nil && len(x.nodes) > 64 {
		x.recent = make([]uint32, 256)
	}
	at := uint32(len(x.names))
	if x.recent != nil {
		known := &x.recent[x.hashBytes(name)%uint32(len(x.recent))]
		if end := int(*known) + len(name); end <= len(x.names) && string(x.names[*known:end]) == name {
			return *known
		}
		*known = at
	}
	x.names = append(x.names, name...)
	return at
}

// link makes id the last child of its parent.
func (x *index) link(id uint32) {
	n, p := &x.nodes[id], &x.nodes[x.nodes[id].parent]
	if p.last == 0 {
		n.next, n.prev = id, id
	} else {
		last := &x.nodes[p.last]
		n.prev, n.next = p.last, last.next
		x.nodes[last.next].prev = id
		last.next = id
	}
	p.last = id
}

// remove takes node id, which has no children and is at u, out of the index.
func (x *index) remove(id uint32, u URI) {
	n := x.nodes[id]
	if p := &x.nodes[n.parent]; p.last == id {
		p.last = n.prev
		if n.prev == id {
			p.last = 0
		}
	}
	x.nodes[n.prev].next, x.nodes[n.next].prev = n.next, n.prev
	x.unplace(x.hash(string(u[2:])), id)
	x.garbage += int(n.size)
	x.nodes[id] = indexNode{next: x.free}
	x.free = id
	x.used--
	if x.garbage > 1<<12 && x.garbage > len(x.names)/2 {
		x.compact()
	}
}

// rename gives node id, which is at u, another last segment. The paths of all
// nodes below it change, and so do their hashes.
func (x *index) rename(id uint32, u URI, segment string) {
	x.rehash(id, string(u[2:]), x.unplace)
	n := &x.nodes[id]
	x.garbage += int(n.size)
	n.off, n.size = x.name(segment), uint16(len(segment))
	renamed := u.Parent().withSegment(segment)
	x.rehash(id, string(renamed[2:]), func(h, id uint32) { x.place(indexSlot{h, id}) })
}

func (x *index) rehash(id uint32, path string, f func(hash, id uint32)) {
	f(x.hash(path), id)
	for c := range x.children(id) {
		x.rehash(c, path+"/"+x.segment(c), f)
	}
}

// children iterates over the children of id in the order of their creation.
func (x *index) children(id uint32) func(yield func(uint32) bool) {
	return func(yield func(uint32) bool) {
		if int(id) >= len(x.nodes) || x.nodes[id].last == 0 {
			return
		}
		last := x.nodes[id].last
		for c := x.nodes[last].next; ; {
			next := x.nodes[c].next
			if !yield(c) || c == last {
				return
			}
			c = next
		}
	}
}

// segment returns the escaped name of id.
func (x *index) segment(id uint32) string {
	n := &x.nodes[id]
	return string(x.names[n.off : int(n.off)+int(n.size)])
}

// place and unplace keep the probe chains without gaps, so that deleting
// leaves no trace in the table.
func (x *index) place(s indexSlot) {
	mask := uint32(len(x.slots) - 1)
	i := s.hash & mask
	for x.slots[i].id != 0 {
		i = (i + 1) & mask
	}
	x.slots[i] = s
}

func (x *index) unplace(hash, id uint32) {
	mask := uint32(len(x.slots) - 1)
	i := hash & mask
	for x.slots[i].id != id {
		i = (i + 1) & mask
	}
	for j := (i + 1) & mask; x.slots[j].id != 0; j = (j + 1) & mask {
		if home := x.slots[j].hash & mask; (j-home)&mask >= (j-i)&mask {
			x.slots[i] = x.slots[j]
			i = j
		}
	}
	x.slots[i] = indexSlot{}
}

func (x *index) grow() {
	old := x.slots
	x.slots = make([]indexSlot, max(8, 2*len(old)))
	for _, s := range old {
		if s.id != 0 {
			x.place(s)
		}
	}
}

// compact rewrites the arena without the names that nobody uses.
func (x *index) compact() {
	old := x.names
	x.names, x.garbage, x.recent = make([]byte, 0, len(old)/2), 0, nil
	for id := range x.nodes {
		if n := &x.nodes[id]; n.size > 0 {
			n.off = x.name(string(old[n.off:][:n.size]))
		}
	}
}

// hash is equal for paths that differ in case only. It reads eight bytes at a
// time and sets the bit that tells the cases of an ASCII letter apart; that
// this also joins other characters only costs a comparison. Letters outside
// ASCII, which are escaped, are folded first.
func (x *index) hash(path string) uint32 {
	if i := strings.IndexByte(path, '%'); i >= 0 {
		for ; i < len(path)-1; i++ {
			if path[i] == '%' && path[i+1] >= '8' {
				var buf [256]byte
				return x.hashBytes(string(appendFolded(buf[:0], path)))
			}
		}
	}
	return x.hashBytes(path)
}

func (x *index) hashBytes(s string) uint32 {
	const lower = 0x2020202020202020
	const k0, k1 = 0xa0761d6478bd642f, 0xe7037ed1a0b428db
	n := uint64(len(s))
	h := x.seed
	for len(s) > 16 {
		hi, lo := bits.Mul64((load64(s)|lower)^k0, (load64(s[8:])|lower)^h)
		h = hi ^ lo
		s = s[16:]
	}
	a, b := loadTail(s)
	hi, lo := bits.Mul64((a|lower)^k1, (b|lower)^h)
	hi, lo = bits.Mul64(hi^lo^k0, n^k1)
	return uint32(hi ^ lo)
}

// loadTail reads up to 16 bytes into two words, some perhaps twice.
func loadTail(s string) (a, b uint64) {
	switch {
	case len(s) >= 8:
		return load64(s), load64(s[len(s)-8:])
	case len(s) >= 4:
		return uint64(load32(s)), uint64(load32(s[len(s)-4:]))
	case len(s) > 0:
		return uint64(s[0])<<16 | uint64(s[len(s)/2])<<8 | uint64(s[len(s)-1]), 0
	}
	return 0, 0
}

func load32(s string) uint32 {
	_ = s[3]
	return uint32(s[0]) | uint32(s[1])<<8 | uint32(s[2])<<16 | uint32(s[3])<<24
}

func load64(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// equalFoldSegment compares two canonical segments of the same length.
func equalFoldSegment(a string, b []byte) bool {
	escapes := false
	for i := 0; i < len(a); i++ {
		c, d := a[i], b[i]
		if c == '%' {
			escapes = true
		}
		if c != d && (c|0x20 != d|0x20 || c|0x20 < 'a' || c|0x20 > 'z') {
			if !escapes {
				return false
			}
			return string(appendFolded(nil, a)) == string(appendFolded(nil, string(b)))
		}
	}
	return true
}

// appendFolded appends a canonical path in lower case, still escaped.
func appendFolded(b []byte, path string) []byte {
	for i := 0; i < len(path); {
		if path[i] != '%' {
			c := path[i]
			if 'A' <= c && c <= 'Z' {
				c |= 0x20
			}
			b = append(b, c)
			i++
			continue
		}
		r, size := decodeChar(path[i:])
		if size == 0 {
			return append(b, path[i:]...)
		}
		b = appendEscapedRune(b, foldRune(r))
		i += size
	}
	return b
}

// withSegment is Join for one name that is escaped already.
func (u URI) withSegment(segment string) URI { return u + URI("/"+segment) }
