package dmtree

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// A Mux joins providers into one tree. Each serves the subtree at its pattern,
// such as ./Device/Vendor/MSFT/WiFi/Profile/{SSID}, where {SSID} stands for any
// one name. The most specific pattern wins. Nodes above the patterns exist by
// themselves: they are permanent, can only be read, and list what is below
// them, together with what a provider mounted above lists.
//
// A provider sees whole URIs, not what is left of them behind its pattern, and
// has the node at the pattern as well: a [Memory] at ./A/B is filled with
// Set("./A/B", Interior()) and Set("./A/B/C", ...).
//
// Names in patterns match without case, and a provider sees them as its
// pattern spells them. The zero Mux is empty and ready; it is safe for
// concurrent use, and a slow provider holds up nobody who wants another.
type Mux struct {
	mu    sync.Mutex              // of Handle
	trie  atomic.Pointer[muxNode] // is never changed, only replaced
	count int
}

// A muxNode is one step of the patterns.
type muxNode struct {
	name  string              // as the first pattern that has it spells it
	fixed map[string]*muxNode // by folded name, and by that of the pattern, which needs no folding
	order []*muxNode          // of fixed
	any   *muxNode            // {name}
	mount *mount
}

type mount struct {
	pattern  string
	names    []string // "" for {name}
	provider Provider
	order    int
}

// Handle serves the subtree at pattern with p. It panics if pattern is no
// valid URI, is taken, or overlaps with another pattern so that neither is
// more specific.
func (m *Mux) Handle(pattern string, p Provider) {
	names, err := parsePattern(pattern)
	if err != nil {
		panic(fmt.Sprintf("dmtree: Mux.Handle %s: %v", pattern, err))
	}
	if p == nil {
		panic(fmt.Sprintf("dmtree: Mux.Handle %s: nil provider", pattern))
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	root := m.root().clone()
	root.refuse(pattern, names)
	n := root
	for _, name := range names {
		n = n.step(name)
	}
	m.count++
	mt := &mount{pattern: pattern, provider: p, order: m.count}
	for _, name := range names {
		if isWild(name) {
			name = ""
		}
		mt.names = append(mt.names, name)
	}
	n.mount = mt
	m.trie.Store(root)
}

// root returns the patterns as they are now.
func (m *Mux) root() *muxNode {
	if n := m.trie.Load(); n != nil {
		return n
	}
	return new(muxNode)
}

// clone copies the steps at n and below.
func (n *muxNode) clone() *muxNode {
	if n == nil {
		return nil
	}
	c := &muxNode{name: n.name, any: n.any.clone(), mount: n.mount}
	for _, step := range n.order {
		c.link(step.clone())
	}
	return c
}

// link makes c a step after n.
func (n *muxNode) link(c *muxNode) {
	if n.fixed == nil {
		n.fixed = make(map[string]*muxNode)
	}
	n.fixed[foldName(c.name)], n.fixed[c.name] = c, c
	n.order = append(n.order, c)
}

// Begin implements Beginner. The transaction reaches a provider with the first
// write to it and begins one there; a provider without transactions answers
// that write with ErrUnsupported. Prepare and Commit go through the providers
// in the order in which they were mounted, Rollback in the opposite one.
func (m *Mux) Begin(context.Context) (Tx, error) { return &muxTx{m: m}, nil }

// parsePattern returns the names of a pattern; {name} keeps its braces.
func parsePattern(pattern string) ([]string, error) {
	u, err := ParseURI(pattern)
	if err != nil {
		return nil, err
	}
	if strings.Contains(pattern, "?") {
		return nil, fmt.Errorf("%w: a pattern has no query", ErrURI)
	}
	return slices.Collect(u.Names()), nil
}

func isWild(name string) bool {
	return len(name) > 2 && name[0] == '{' && name[len(name)-1] == '}'
}

func foldName(name string) string { return strings.Map(foldRune, name) }

// refuse panics if a mounted pattern overlaps with names ambiguously.
func (n *muxNode) refuse(pattern string, names []string) {
	for other := range n.mounts {
		overlap, less, more := true, len(names) >= len(other.names), len(names) <= len(other.names)
		for i := 0; i < min(len(names), len(other.names)); i++ {
			a, b := isWild(names[i]), other.names[i] == ""
			switch {
			case !a && !b:
				overlap = overlap && foldName(names[i]) == foldName(other.names[i])
			case a && !b:
				less = false
			case b && !a:
				more = false
			}
		}
		if overlap && less == more {
			panic(fmt.Sprintf("dmtree: Mux.Handle %s: conflicts with %s", pattern, other.pattern))
		}
	}
}

// wild reports whether the step is a {name}.
func (n *muxNode) wild() bool { return isWild(n.name) }

// mounts iterates over all mounts at n and below.
func (n *muxNode) mounts(yield func(*mount) bool) { n.each(yield) }

func (n *muxNode) each(yield func(*mount) bool) bool {
	if n.mount != nil && !yield(n.mount) {
		return false
	}
	for _, c := range n.order {
		if !c.each(yield) {
			return false
		}
	}
	return n.any == nil || n.any.each(yield)
}

func (n *muxNode) step(name string) *muxNode {
	if isWild(name) {
		if n.any == nil {
			n.any = &muxNode{name: name}
		}
		return n.any
	}
	c := n.fixed[foldName(name)]
	if c == nil {
		c = &muxNode{name: name}
		n.link(c)
	}
	return c
}

// A route is where a URI leads.
type route struct {
	mount *mount     // most specific mount at or above the node; may be nil
	at    []*muxNode // steps of the patterns that end exactly at the node
	uri   URI        // as the mount's pattern spells it
}

func (m *Mux) route(u URI) route {
	r := route{uri: u}
	depth := 0
	var visit func(n *muxNode, rest string, d int)
	visit = func(n *muxNode, rest string, d int) {
		if n.mount != nil && (r.mount == nil || d > depth) {
			r.mount, depth = n.mount, d
		}
		if rest == "" {
			r.at = append(r.at, n)
			return
		}
		seg, rest, _ := strings.Cut(rest, "/")
		if len(n.fixed) > 0 {
			name := unescape(seg)
			c := n.fixed[name]
			if c == nil {
				c = n.fixed[foldName(name)]
			}
			if c != nil {
				visit(c, rest, d+1)
			}
		}
		if n.any != nil {
			visit(n.any, rest, d+1)
		}
	}
	visit(m.root(), u.path(), 0)
	if r.mount != nil {
		r.uri = r.mount.spell(u)
	}
	return r
}

// spell returns u with the names of the pattern as the pattern spells them.
func (mt *mount) spell(u URI) URI {
	same, i := true, 0
	for name := range u.Names() {
		if i == len(mt.names) {
			break
		}
		same = same && (mt.names[i] == "" || mt.names[i] == name)
		i++
	}
	if same {
		return u
	}
	spelled := Root
	i = 0
	for seg := range strings.SplitSeq(u.path(), "/") {
		if i < len(mt.names) && mt.names[i] != "" {
			seg = Escape(mt.names[i])
		}
		spelled = spelled.withSegment(seg)
		i++
	}
	return spelled
}

// muxAccess is how a Mux reaches the providers behind its mounts: directly, or
// through a transaction that begins with the first write.
type muxAccess interface {
	read(*mount) Provider
	write(context.Context, *mount) (Provider, error)
}

type direct struct{}

func (direct) read(mt *mount) Provider                              { return mt.provider }
func (direct) write(_ context.Context, mt *mount) (Provider, error) { return mt.provider, nil }

// Get implements Provider.
func (m *Mux) Get(ctx context.Context, u URI) (Value, error) { return m.route(u).get(ctx, direct{}) }

func (m *Mux) peek(ctx context.Context, u URI) (Value, error) {
	return m.route(u).peek(ctx, direct{})
}

// Add implements Adder.
func (m *Mux) Add(ctx context.Context, u URI, v Value) error {
	return m.route(u).add(ctx, direct{}, v)
}

// Replace implements Replacer.
func (m *Mux) Replace(ctx context.Context, u URI, v Value) error {
	return m.route(u).replace(ctx, direct{}, v)
}

// Delete implements Deleter. A node with patterns below it stays.
func (m *Mux) Delete(ctx context.Context, u URI) error { return m.route(u).delete(ctx, direct{}) }

// Exec implements Execer.
func (m *Mux) Exec(ctx context.Context, u URI, arg Value) error {
	return m.route(u).exec(ctx, direct{}, arg)
}

// Rename implements Renamer. What a pattern names keeps its name.
func (m *Mux) Rename(ctx context.Context, u URI, name string) error {
	return m.route(u).rename(ctx, direct{}, name)
}

// Node implements Noder.
func (m *Mux) Node(ctx context.Context, u URI) (Properties, error) {
	return m.route(u).node(ctx, direct{})
}

func (r route) get(ctx context.Context, a muxAccess) (Value, error) {
	v, err := Null, ErrNotFound
	if r.mount != nil && !r.belowLeaf() {
		v, err = a.read(r.mount).Get(ctx, r.uri)
	}
	switch {
	case !r.synthetic(), err == nil && v.format != FormatNode:
		return v, err
	case err != nil && !errors.Is(err, ErrNotFound):
		return Null, err
	}
	return r.merge(ctx, a, v, err == nil)
}

// peek is get without the names where no pattern is concerned.
func (r route) peek(ctx context.Context, a muxAccess) (Value, error) {
	if r.mount == nil || r.synthetic() || r.belowLeaf() {
		return r.get(ctx, a)
	}
	return peek(ctx, a.read(r.mount), r.uri)
}

// merge adds the names that patterns have below the node to those in v.
func (r route) merge(ctx context.Context, a muxAccess, v Value, exists bool) (Value, error) {
	names := slices.Collect(v.Names())
	seen := make(map[string]bool)
	for _, name := range names {
		seen[foldName(name)] = true
	}
	add := func(name string) {
		if key := foldName(name); !seen[key] {
			seen[key] = true
			names = append(names, name)
		}
	}
	for _, n := range r.at {
		exists = exists || !n.wild()
		for _, c := range n.order {
			add(c.name)
		}
		if n.any == nil || n.any.mount == nil {
			continue
		}
		more, err := Names(ctx, a.read(n.any.mount), n.any.mount.spell(r.uri))
		if err != nil && !errors.Is(err, ErrUnsupported) {
			return Null, err
		}
		for _, name := range more {
			add(name)
		}
	}
	if !exists && !r.anyBelow(ctx, a) {
		return Null, ErrNotFound
	}
	return Interior(names...).WithType(v.mime), nil
}

// anyBelow reports whether a provider mounted below a {name} step knows the
// node that stands there. Only that makes the node exist.
func (r route) anyBelow(ctx context.Context, a muxAccess) bool {
	for _, n := range r.at {
		for mt := range n.mounts {
			below := mt.names[r.uri.Depth():]
			if slices.Contains(below, "") {
				continue
			}
			if _, err := a.read(mt).Get(ctx, mt.spell(r.uri).Join(below...)); err == nil {
				return true
			}
		}
	}
	return false
}

func (r route) add(ctx context.Context, a muxAccess, v Value) error {
	if r.synthetic() {
		if _, err := r.get(ctx, a); err == nil {
			return ErrExist
		}
	}
	p, err := r.writable(ctx, a)
	if err != nil {
		return err
	}
	return Add(ctx, p, r.uri, v)
}

func (r route) replace(ctx context.Context, a muxAccess, v Value) error {
	p, err := r.writable(ctx, a)
	if err != nil {
		return err
	}
	return Replace(ctx, p, r.uri, v)
}

func (r route) delete(ctx context.Context, a muxAccess) error {
	if r.permanent() {
		return ErrNotAllowed
	}
	p, err := r.writable(ctx, a)
	if err != nil {
		return err
	}
	return Delete(ctx, p, r.uri)
}

func (r route) exec(ctx context.Context, a muxAccess, arg Value) error {
	p, err := r.writable(ctx, a)
	if err != nil {
		return err
	}
	return Exec(ctx, p, r.uri, arg)
}

func (r route) rename(ctx context.Context, a muxAccess, name string) error {
	for _, n := range r.at {
		if !n.wild() {
			return ErrNotAllowed
		}
	}
	p, err := r.writable(ctx, a)
	if err != nil {
		return err
	}
	return Rename(ctx, p, r.uri, name)
}

func (r route) node(ctx context.Context, a muxAccess) (Properties, error) {
	var props Properties
	err := ErrNotFound
	if r.mount != nil && !r.belowLeaf() {
		props, err = Node(ctx, a.read(r.mount), r.uri)
	}
	if errors.Is(err, ErrNotFound) && r.synthetic() {
		props = Properties{Access: AccessGet, Permanent: true}
		_, err = r.get(ctx, a)
	}
	props.Permanent = props.Permanent || r.permanent()
	return props, err
}

// writable returns what takes a write at the node, or the error that it gets.
func (r route) writable(ctx context.Context, a muxAccess) (Provider, error) {
	switch {
	case r.mount == nil && r.synthetic():
		return nil, ErrNotAllowed
	case r.mount == nil:
		return nil, ErrNotFound
	case r.belowLeaf():
		if len(r.mount.names)+1 == r.uri.Depth() {
			return nil, ErrNotAllowed
		}
		return nil, ErrNotFound
	}
	return a.write(ctx, r.mount)
}

// belowLeaf reports whether the mount is a Leaf and the node is below it.
func (r route) belowLeaf() bool {
	_, leaf := r.mount.provider.(interface{ oneNode() })
	return leaf && r.uri.Depth() > len(r.mount.names)
}

// synthetic reports whether the node is above some pattern, or the root, which
// always exists.
func (r route) synthetic() bool {
	if r.uri == Root {
		return true
	}
	for _, n := range r.at {
		if len(n.order) > 0 || n.any != nil {
			return true
		}
	}
	return false
}

// permanent reports whether a pattern leads below the node by name, so that
// the node cannot go away.
func (r route) permanent() bool {
	for _, n := range r.at {
		if !n.wild() && (len(n.order) > 0 || n.any != nil) {
			return true
		}
	}
	return false
}
