package csp

import (
	"iter"
	"strconv"
	"strings"

	"github.com/omadm-sdk/omadm/dmtree"
)

// A Node defines what may be done at one place of the tree. Nodes belong to
// their schema and must not be modified.
type Node struct {
	Name   string // of a dynamic node: what the name stands for, such as ProviderID
	Format dmtree.Format

	access Op
	flags  uint8
	depth  uint8
	occurs Occurs

	line   string // format, commands, occurrence; then, after tabs, fields
	s      *Schema
	parent int32
	next   int32 // sibling; 0: none
	child  int32 // first; 0: none
	// dynamic is the first child with a name chosen at run time.
	dynamic int32
}

const (
	flagDynamic = 1 << iota
	flagDescribed
	flagPermanent
	flagCaseSensitive
	flagCaseInsensitive
	flagAtomic
	flagAppends
	flagPattern
)

// read fills n from its name and the rest of its line, and tells what is
// wrong with them.
func (n *Node) read(name, rest string) (wrong string) {
	if name[0] == '{' && name[len(name)-1] == '}' {
		n.flags |= flagDynamic
		name = name[1 : len(name)-1]
	}
	if n.Name = unescapeField(name); n.Name == "" {
		return "want a name"
	}
	n.line = rest
	head, _, _ := strings.Cut(rest, "\t")
	if head == "-" {
		n.Format, n.access = dmtree.FormatNode, OpGet
		return ""
	}
	n.flags |= flagDescribed
	format, head, _ := strings.Cut(head, " ")
	access, head, ok := strings.Cut(head, " ")
	if n.Format, ok = formatOf(format, ok); !ok {
		return "want a format, the letters of the commands, the occurrence"
	}
	for i := 0; i < len(access); i++ {
		op := strings.IndexByte(opLetters, access[i])
		if op < 0 {
			return "want commands of the letters " + opLetters
		}
		n.access |= 1 << op
	}
	if head == "" {
		return "want an occurrence"
	}
	o := strings.IndexByte(occursLetters, head[0])
	if o < 0 {
		return "want an occurrence: one of " + occursLetters
	}
	n.occurs = Occurs(o)
	for i := 1; i < len(head); i++ {
		switch c := head[i]; c {
		case 'p':
			n.flags |= flagPermanent
		case 'c':
			n.flags |= flagCaseSensitive
		case 'i':
			n.flags |= flagCaseInsensitive
		case 'a':
			n.flags |= flagAtomic
		case 'x':
			n.flags |= flagAppends
		default:
			if c < '0' || c > '9' {
				return "unknown flag " + strconv.QuoteRune(rune(c))
			}
		}
	}
	if n.flags&flagDynamic != 0 && n.allowed('v').kind == KindRegEx {
		n.flags |= flagPattern
	}
	return ""
}

func formatOf(name string, ok bool) (dmtree.Format, bool) {
	if !ok || name == "" {
		return 0, false
	}
	return dmtree.FormatOf(name)
}

// Schema returns the schema that n belongs to.
func (n *Node) Schema() *Schema { return n.s }

// URI returns where n is; dynamic names appear as {name}.
func (n *Node) URI() dmtree.URI {
	if n.parent < 0 {
		return dmtree.Root
	}
	var at [maxDepth]*Node
	i := len(at)
	for m := n; m.parent >= 0; m = &m.s.nodes[m.parent] {
		i--
		at[i] = m
	}
	b := []byte(".")
	for _, m := range at[i:] {
		b = append(append(b, '/'), m.label()...)
	}
	return dmtree.URI(b)
}

// label is the segment of n in a URI for people.
func (n *Node) label() string {
	if n.Dynamic() {
		return "{" + n.Name + "}"
	}
	return dmtree.Escape(n.Name)
}

// Bindings iterates over the dynamic names in a URI that leads to n: what each
// stands for, and what it is.
func (n *Node) Bindings(u dmtree.URI) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		i := int32(0)
		for seg := range segments(u) {
			if i = n.s.step(i, seg); i < 0 {
				return
			}
			m := &n.s.nodes[i]
			if m.Dynamic() && !yield(m.Name, dmtree.URI(seg).Name()) {
				return
			}
		}
	}
}

// Parent returns the node above n, or nil for the root.
func (n *Node) Parent() *Node {
	if n.parent < 0 {
		return nil
	}
	return &n.s.nodes[n.parent]
}

// Children iterates over the nodes directly below n, in the order of the
// description files.
func (n *Node) Children() iter.Seq[*Node] {
	return func(yield func(*Node) bool) {
		for c := n.child; c != 0; c = n.s.nodes[c].next {
			if !yield(&n.s.nodes[c]) {
				return
			}
		}
	}
}

// Described reports whether a description file describes n. Nodes that are
// there only because something is below them, such as ./Device/Vendor, are
// interior and allow Get.
func (n *Node) Described() bool { return n.flags&flagDescribed != 0 }

// Dynamic reports whether the name is chosen at run time.
func (n *Node) Dynamic() bool { return n.flags&flagDynamic != 0 }

// Allows reports whether n takes all commands of op. For a command, that is
// one: Allows(OpReplace).
func (n *Node) Allows(op Op) bool { return n.access&op == op }

// Access returns all commands that n takes.
func (n *Node) Access() Op { return n.access }

// Occurs tells how many of n there may be.
func (n *Node) Occurs() Occurs { return n.occurs }

// Permanent reports whether n is always there; other nodes are created.
func (n *Node) Permanent() bool { return n.flags&flagPermanent != 0 }

// Atomic reports whether n must be sent inside an Atomic, because its
// description or that of a node above says so.
func (n *Node) Atomic() bool {
	for m := n; m != nil; m = m.Parent() {
		if m.flags&flagAtomic != 0 {
			return true
		}
	}
	return false
}

// Secret reports whether n holds a credential: its values belong in no log.
// Description files do not say so; data/errata.txt does for those of Windows.
func (n *Node) Secret() bool {
	_, ok := n.field('k')
	return ok
}

// Default returns the text that the description gives for a node that nobody
// has set. Some of Microsoft's do not fit the node's own format or values.
func (n *Node) Default() (string, bool) {
	f, ok := n.field('d')
	return n.s.atom(f), ok
}

// Naming tells who chooses the name of a dynamic node.
func (n *Node) Naming() Naming {
	f, _ := n.field('n')
	return Naming(letterOf(namingLetters, f))
}

// Pattern returns the regular expression that names of a dynamic node must
// match, or "".
func (n *Node) Pattern() string {
	if n.flags&flagPattern == 0 {
		return ""
	}
	a := n.allowed('v')
	v, _ := a.first()
	return v
}

// Conflict tells which of several sources' values wins.
func (n *Node) Conflict() Conflict {
	f, _ := n.field('c')
	return Conflict(letterOf(conflictLetters, f))
}

// Reboot tells whether a change needs a restart.
func (n *Node) Reboot() RebootBehavior {
	f, _ := n.field('r')
	return RebootBehavior(letterOf(rebootLetters, f))
}

// GroupPolicy returns the Group Policy setting that n stands for, if any.
func (n *Node) GroupPolicy() (GroupPolicy, bool) {
	f, ok := n.field('g')
	var a [3]string
	n.s.atoms(f, a[:])
	return GroupPolicy{a[0], a[1], a[2]}, ok
}

// Deprecated returns since when n should not be used any more, if so.
func (n *Node) Deprecated() (Deprecation, bool) {
	f, ok := n.field('o')
	b, _ := ParseBuild(n.s.atom(f))
	return Deprecation{b}, ok
}

// Allowed describes the values of n. Of a dynamic interior node, the values
// are its names.
func (n *Node) Allowed() Allowed {
	a := n.allowed('v')
	return a.decode()
}

// Dependencies returns the groups of conditions under which n means
// something.
func (n *Node) Dependencies() []Dependency {
	var deps []Dependency
	for letter, f := range eachField(n.line) {
		if letter == 'p' {
			deps = append(deps, Dependency{Name: n.s.atom(f)})
			continue
		}
		if len(deps) == 0 {
			continue
		}
		d := &deps[len(deps)-1]
		switch letter {
		case '=':
			a := n.s.allowed(f)
			changed := a.decode()
			d.Changed = &changed
		case '+', '!':
			d.Conditions = append(d.Conditions, Condition{URI: dmtree.URI(n.s.atom(f)), Not: letter == '!'})
		case '?':
			if len(d.Conditions) > 0 {
				a := n.s.allowed(f)
				d.Conditions[len(d.Conditions)-1].Allowed = a.decode()
			}
		}
	}
	return deps
}

// Source returns the description file that describes n and the path that it
// gives for its tree, as it is spelled there.
func (n *Node) Source() (file, path string) {
	for m := n; m != nil; m = m.Parent() {
		if f, ok := m.field('t'); ok {
			var a [2]string
			n.s.atoms(f, a[:])
			return a[0], a[1]
		}
		if !m.Described() {
			break
		}
	}
	return "", ""
}

// Def returns everything that the description says of n, without its children.
func (n *Node) Def() Def {
	d := Def{
		Name: n.Name, Dynamic: n.Dynamic(), Naming: n.Naming(),
		Access: n.access, Format: n.Format, Occurs: n.occurs, Permanent: n.Permanent(),
		Allowed: n.Allowed(), Dependencies: n.Dependencies(), Conflict: n.Conflict(), Reboot: n.Reboot(),
		Atomic: n.flags&flagAtomic != 0, Secret: n.Secret(),
	}
	switch {
	case n.flags&flagCaseInsensitive != 0:
		d.Case = CaseInsensitive
	case n.flags&flagCaseSensitive != 0:
		d.Case = CaseSensitive
	}
	for i := 0; i < len(n.line) && n.line[i] != '\t'; i++ {
		if c := n.line[i]; '0' <= c && c <= '9' && n.occurs >= OccursZeroOrN {
			d.MaxOccurs = d.MaxOccurs*10 + int(c-'0')
		}
	}
	if n.flags&flagAppends != 0 {
		d.Replace = ReplaceAppends
	}
	if v, ok := n.Default(); ok {
		d.Default = &v
	}
	if a, ok := n.ownApplicability(); ok {
		d.Applies = &a
	}
	if g, ok := n.GroupPolicy(); ok {
		d.GroupPolicy = &g
	}
	if o, ok := n.Deprecated(); ok {
		d.Deprecated = &o
	}
	if f, ok := n.field('M'); ok {
		name := n.s.atom(f)
		d.Object = &name
	} else if f, ok := n.field('m'); ok {
		for a := range eachAtom(f) {
			d.Types = append(d.Types, n.s.atom(a))
		}
		if f == "" {
			d.Types = []string{""}
		}
	} else if n.Described() {
		d.Types = []string{defaultType(n.Format)}
	}
	return d
}
