package dmtree

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
)

// A view shows a Memory with changes that are not made yet. Only what they
// touch is kept.
type view struct {
	m       *Memory
	nodes   map[URI]*viewNode // by key
	bytes   int               // what the changes add to m.bytes
	created int               // nodes so far
}

// A viewNode stands for the node of m at its place, or for its absence.
type viewNode struct {
	value Value
	gone  bool
	fresh bool        // created here: what m has below this place does not show
	from  URI         // of a fresh node: where m has it, if it was renamed
	kids  map[URI]kid // created below it here, by key
}

// A kid is a node as it was spelled when it was created, and how many were
// before it.
type kid struct {
	name string
	nth  int
}

func (w *view) key(u URI) URI {
	if w.m.CaseSensitive {
		return u
	}
	return u.Fold()
}

// get returns the value of a node; the children that are new come last.
func (w *view) get(u URI) (Value, bool) {
	n, base := w.lookup(u)
	if n != nil && (n.gone || n.value.format != FormatNode) {
		return n.value, !n.gone
	}
	var v Value
	ok := n != nil
	if n != nil {
		v = n.value
		v.text = ""
	}
	if base {
		w.m.mu.RLock()
		b, found := w.m.get(u)
		w.m.mu.RUnlock()
		switch {
		case n == nil && (!found || b.format != FormatNode || w.nodes == nil):
			return b, found
		case n == nil:
			v, ok = b, true
		case found && b.format == FormatNode:
			v.text = b.text
		}
	}
	if !ok {
		return Null, false
	}
	var names []string
	for name := range v.Names() {
		if c := w.nodes[w.key(u.Join(name))]; c == nil || !c.gone && !c.fresh {
			names = append(names, name)
		}
	}
	if n != nil {
		byAge := func(a, b kid) int { return cmp.Compare(a.nth, b.nth) }
		for _, kid := range slices.SortedFunc(maps.Values(n.kids), byAge) {
			if u != Root || kid.name != keepName {
				names = append(names, kid.name)
			}
		}
	}
	list := Interior(names...)
	v.text = list.text
	return v, true
}

// lookup finds what the changes say of u, if anything, and whether m shows
// through at u.
func (w *view) lookup(u URI) (n *viewNode, base bool) {
	if w.nodes == nil {
		return nil, true
	}
	n = w.nodes[w.key(u)]
	if n != nil && (n.gone || n.fresh) {
		return n, false
	}
	for a := u; !a.IsRoot(); {
		a = a.Parent()
		if above := w.nodes[w.key(a)]; above != nil && (above.gone || above.fresh) {
			return n, false
		}
	}
	return n, true
}

// kind tells whether there is a node at u and whether it is interior, without
// making the list of its children.
func (w *view) kind(u URI) (v Value, ok bool) {
	n, base := w.lookup(u)
	if n != nil {
		return n.value, !n.gone
	}
	if !base {
		return Null, false
	}
	w.m.mu.RLock()
	defer w.m.mu.RUnlock()
	id, ok := w.m.index.find(u)
	if !ok {
		return Null, false
	}
	if int(id) >= len(w.m.values) {
		return Value{format: FormatNode}, true
	}
	return w.m.values[id], true
}

// origin returns where m has the node that is at u now, or "".
func (w *view) origin(u URI) URI {
	switch n, base := w.lookup(u); {
	case base:
		return u
	case n != nil:
		return n.from
	}
	return ""
}

// check tells whether the change can be made.
func (w *view) check(c Change) error {
	if u := c.URI; !inKeep(u) && !u.isCanonical() {
		return fmt.Errorf("%w: it is not canonical", ErrURI)
	}
	old, exists := w.kind(c.URI)
	switch c.Op {
	default:
		return ErrUnsupported
	case OpSet: // of the device itself without limits, of what is kept within them
		switch {
		case !inKeep(c.URI):
		case exists:
			return w.room(weigh(c.Value) - weigh(old))
		default:
			return w.checkAdd(c, false)
		}
	case OpAdd:
		return w.checkAdd(c, exists)
	case OpReplace:
		switch {
		case !exists:
			return ErrNotFound
		case old.format == FormatNode:
			return ErrNotAllowed
		case c.Value.format == FormatNode:
			return ErrFormat
		}
		return w.room(weigh(c.Value) - weigh(old))
	case OpDelete:
		switch {
		case !exists && !inKeep(c.URI): // who keeps something there wants it gone, that is all
			return ErrNotFound
		case c.URI.IsRoot():
			return ErrNotAllowed
		}
	case OpRename:
		switch {
		case !exists:
			return ErrNotFound
		case c.URI.IsRoot():
			return ErrNotAllowed
		}
		renamed := c.URI.Parent().Join(c.Name)
		if !fits(renamed) {
			return ErrTooLong
		}
		if _, taken := w.kind(renamed); taken && w.key(renamed) != w.key(c.URI) {
			return ErrExist
		}
		return w.room(len(Escape(c.Name)) - len(Escape(c.URI.Name())))
	}
	return nil
}

func (w *view) checkAdd(c Change, exists bool) error {
	if exists {
		return ErrExist
	}
	if !fits(c.URI) {
		return ErrTooLong
	}
	need := weigh(c.Value)
	for u := c.URI; ; {
		need += len(u) - len(u.Parent()) - 1
		u = u.Parent()
		above, ok := w.kind(u)
		switch {
		case ok && above.format != FormatNode:
			return ErrNotAllowed // below a leaf
		case ok:
			return w.room(need)
		case w.m.ExplicitParents && c.Op == OpAdd:
			return &Error{URI: u, Err: ErrNotFound}
		}
	}
}

func (w *view) room(more int) error {
	if w.m.MaxBytes == 0 || more <= 0 {
		return nil
	}
	w.m.mu.RLock()
	defer w.m.mu.RUnlock()
	if w.m.bytes+w.bytes+more > w.m.MaxBytes {
		return ErrFull
	}
	return nil
}

// apply notes a change that has been checked.
func (w *view) apply(c Change) {
	if w.nodes == nil {
		w.nodes = make(map[URI]*viewNode)
	}
	switch c.Op {
	case OpAdd:
		w.create(c.URI, c.Value)
	case OpSet:
		w.set(c.URI, c.Value)
	case OpReplace:
		old, _ := w.kind(c.URI)
		w.bytes += weigh(c.Value) - weigh(old)
		w.node(c.URI).value = c.Value
	case OpDelete:
		if _, exists := w.kind(c.URI); exists {
			w.remove(c.URI)
		}
	case OpRename:
		w.move(c.URI, c.URI.Parent().Join(c.Name))
	}
}

// node returns the viewNode of an existing node, made from m if need be.
func (w *view) node(u URI) *viewNode {
	k := w.key(u)
	n := w.nodes[k]
	if n == nil {
		v, _ := w.kind(u)
		n = &viewNode{value: v}
		w.nodes[k] = n
	}
	return n
}

// set does what Memory.Set does.
func (w *view) set(u URI, v Value) {
	old, exists := w.kind(u)
	switch interior := v.format == FormatNode; {
	case u == Root && !interior:
	case exists && interior != (old.format == FormatNode):
		w.remove(u)
		w.create(u, v)
	case !exists:
		w.set(u.Parent(), Interior())
		w.create(u, v)
	case interior && v.mime == "":
	default:
		if interior {
			v.text = ""
		}
		n := w.node(u)
		w.bytes += weigh(v) - weigh(old)
		n.value = v
	}
}

func (w *view) create(u URI, v Value) {
	parent := u.Parent()
	if _, ok := w.kind(parent); !ok {
		w.create(parent, Interior())
	}
	if v.format == FormatNode {
		v.text = ""
	}
	p := w.node(parent)
	if p.kids == nil {
		p.kids = make(map[URI]kid)
	}
	k := w.key(u)
	w.created++
	p.kids[k] = kid{u.Name(), w.created}
	w.nodes[k] = &viewNode{value: v, fresh: true}
	w.bytes += len(u) - len(parent) - 1 + weigh(v)
}

func (w *view) remove(u URI) {
	v, _ := w.get(u)
	for name := range v.Names() {
		w.remove(u.Join(name))
	}
	w.bytes -= len(u) - len(u.Parent()) - 1 + weigh(v)
	k := w.key(u)
	delete(w.node(u.Parent()).kids, k)
	w.nodes[k] = &viewNode{gone: true}
}

func (w *view) move(from, to URI) {
	type moved struct {
		uri, from URI
		value     Value
	}
	var all []moved
	var collect func(from, to URI)
	collect = func(from, to URI) {
		v, _ := w.get(from)
		all = append(all, moved{to, w.origin(from), v})
		for name := range v.Names() {
			collect(from.Join(name), to.Join(name))
		}
	}
	collect(from, to)
	w.remove(from)
	for _, m := range all {
		w.create(m.uri, m.value)
		w.nodes[w.key(m.uri)].from = m.from
	}
}
