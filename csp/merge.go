package csp

import (
	"fmt"
	"strings"

	"github.com/omadm-sdk/omadm/dmtree"
)

// maxDepth is the number of names that a URI of a schema may have: more than
// twice what the longest of Windows has.
const maxDepth = 32

// A place is a node of the tree that several description trees make together.
type place struct {
	name     string
	dynamic  bool
	def      *Def  // nil: there only because something is below it
	tree     *Tree // not nil: def is the top of this tree
	parent   *place
	children []*place
	byName   map[string]*place
}

func (p *place) child(name string, dynamic bool) *place {
	key := dmtree.URI(".").Join(name).Fold()
	if dynamic {
		key = dmtree.URI("{" + name + "}")
	}
	c, ok := p.byName[string(key)]
	if !ok {
		c = &place{name: name, dynamic: dynamic, parent: p}
		if p.byName == nil {
			p.byName = make(map[string]*place)
		}
		p.byName[string(key)] = c
		p.children = append(p.children, c)
	}
	return c
}

// New makes a schema of trees, each hung below its path. Trees may overlap,
// as those of the Policy areas do; where two describe one node, the later one
// counts, and the children of both remain.
func New(trees ...Tree) (*Schema, error) { return build(new(place), trees) }

// With returns a schema that has the trees beside the nodes of s: those of an
// OEM beside those of Windows. Where a tree describes a node of s, the tree
// counts. With nothing changes in s.
func (s *Schema) With(trees ...Tree) (*Schema, error) {
	at := make([]*place, 1, maxDepth+1) // the way to the node before
	at[0] = new(place)
	for i := 1; i < len(s.nodes); i++ {
		n := &s.nodes[i]
		p := at[n.depth-1].child(n.Name, n.Dynamic())
		if n.Described() {
			d := n.Def()
			p.def = &d
		}
		if f, ok := n.field('t'); ok {
			var a [2]string
			s.atoms(f, a[:])
			p.tree = &Tree{File: a[0], Path: a[1]}
		}
		at = append(at[:n.depth], p)
	}
	t, err := build(at[0], trees)
	if err == nil {
		t.policies = s.policies
	}
	return t, err
}

// build adds trees to what is below root and makes a schema of all.
func build(root *place, trees []Tree) (*Schema, error) {
	for i := range trees {
		t := &trees[i]
		at := root
		path := dmtree.URI(t.Path)
		if path == "" {
			path = dmtree.Root
		}
		if !path.Valid() {
			return nil, fmt.Errorf("csp: tree %s: path %q is no URI", t.File, t.Path)
		}
		if t.Root == nil {
			return nil, fmt.Errorf("csp: tree %s at %s has no node", t.File, t.Path)
		}
		depth := 0
		for name := range path.Canonical().Names() {
			at = at.child(name, false)
			depth++
		}
		if err := at.add(t.Root, depth+1); err != nil {
			return nil, fmt.Errorf("csp: tree %s at %s: %w", t.File, t.Path, err)
		}
		at.child(t.Root.Name, t.Root.Dynamic).tree = t
	}
	return ParseText(encodeText(root))
}

func (p *place) add(d *Def, depth int) error {
	switch {
	case depth > maxDepth:
		return fmt.Errorf("nodes are nested deeper than %d", maxDepth)
	case d.Name == "" && !d.Dynamic:
		return fmt.Errorf("a node has no name")
	case strings.ContainsAny(d.Name, "{}") && d.Dynamic:
		return fmt.Errorf("{%s} is no name", d.Name)
	case int(d.Occurs) >= len(occursLetters) || int(d.Naming) >= len(namingLetters) || int(d.Conflict) >= len(conflictLetters) ||
		int(d.Reboot) >= len(rebootLetters) || int(d.Allowed.Kind) >= len(kindLetters):
		return fmt.Errorf("%s has an unknown occurrence, naming, conflict resolution, restart or kind of values", d.Name)
	}
	c := p.child(d.Name, d.Dynamic)
	c.def = d
	for _, child := range d.Children {
		if err := c.add(child, depth+1); err != nil {
			return err
		}
	}
	return nil
}
