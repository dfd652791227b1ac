package csp

import (
	"fmt"
	"strings"

	"github.com/omadm-sdk/omadm/dmtree"
)

// A DependencyError tells that a node means nothing at present, because other
// nodes have not the values that it depends on. Whether a device refuses such
// a node or ignores it differs; DeviceLock ignores it.
type DependencyError struct {
	URI    dmtree.URI
	Reason string
}

// Error implements error.
func (e *DependencyError) Error() string { return fmt.Sprintf("csp: %s: %s", e.URI, e.Reason) }

// Depends tells whether the node u, an instance of n, means something and may
// have the value v while other nodes have theirs. values returns the value of
// another node: false if it is not known, Null if the node is known not to be
// set, in which case its default counts.
//
// Depends returns nil, a [*DependencyError], a [*ValueError] if v is not among
// the values that n takes under the present conditions, or an error that wraps
// [ErrUndecidable].
func (n *Node) Depends(u dmtree.URI, v dmtree.Value, values func(dmtree.URI) (dmtree.Value, bool)) error {
	if _, ok := n.field('p'); !ok {
		return nil
	}
	var failed []string // groups that must hold and do not
	held := false
	var unknown error
	for _, g := range n.groups() {
		words, err := g.holds(u, values)
		switch {
		case err != nil:
			unknown = err
		case words != "" && g.changed == nil:
			failed = append(failed, words)
		case words == "" && g.changed != nil:
			want, err := g.changed.check(n.Format, v.Text())
			if want != "" {
				return n.valueError(v, want+", as "+g.words(u), dmtree.ErrValue)
			}
			if err != nil {
				unknown = err
			}
		case words == "":
			held = true
		}
	}
	if len(failed) > 0 && !held && unknown == nil {
		return &DependencyError{URI: u, Reason: "it means something only while " + strings.Join(failed, ", or ")}
	}
	if held {
		return nil
	}
	return unknown
}

// A group is a Dependency in its text form.
type group struct {
	n          *Node
	changed    *allowed
	conditions []condition
}

type condition struct {
	uri     dmtree.URI
	not     bool
	allowed allowed
}

func (n *Node) groups() []group {
	var groups []group
	for letter, f := range eachField(n.line) {
		if letter == 'p' {
			groups = append(groups, group{n: n})
		}
		if len(groups) == 0 {
			continue
		}
		g := &groups[len(groups)-1]
		switch letter {
		case '=':
			a := n.s.allowed(f)
			g.changed = &a
		case '+', '!':
			g.conditions = append(g.conditions, condition{uri: dmtree.URI(n.s.atom(f)), not: letter == '!'})
		case '?':
			if len(g.conditions) > 0 {
				g.conditions[len(g.conditions)-1].allowed = n.s.allowed(f)
			}
		}
	}
	return groups
}

// holds returns "" if all conditions hold, else what must be the case, in
// words.
func (g *group) holds(u dmtree.URI, values func(dmtree.URI) (dmtree.Value, bool)) (words string, err error) {
	for _, c := range g.conditions {
		at := g.n.Bind(c.uri, u)
		v, known := values(at)
		if !known {
			err = undecidable("it depends on %s, whose value is not known", at)
			continue
		}
		if !c.met(g.n.s, at, v) {
			return g.words(u), nil
		}
	}
	return "", err
}

func (c *condition) met(s *Schema, at dmtree.URI, v dmtree.Value) bool {
	text, set := v.Text(), !v.IsNull()
	format := v.Format()
	if n, ok := s.Lookup(at); ok {
		format = n.Format
		if !set {
			text, set = n.Default()
		}
	}
	if !set {
		return c.not
	}
	want, _ := c.allowed.check(format, text)
	return (want == "") != c.not
}

// words says what the group asks for.
func (g *group) words(u dmtree.URI) string {
	var parts []string
	for _, c := range g.conditions {
		is := "is"
		if c.not {
			is = "is not"
		}
		want := c.allowed.words()
		if c.allowed.kind <= KindNone {
			if is, want = "is set", ""; c.not {
				is = "is not set"
			}
		}
		parts = append(parts, strings.TrimSpace(fmt.Sprintf("%s %s %s", g.n.Bind(c.uri, u), is, want)))
	}
	return strings.Join(parts, " and ")
}

// words says in words which values a describes.
func (a *allowed) words() string {
	switch a.kind {
	case KindEnum, KindFlag:
		return a.want()
	case KindRange:
		r, _ := a.first()
		if _, ok := inRange(r, 0); ok {
			return strings.TrimPrefix(rangeWords(r), "a number ")
		}
	case KindADMX:
		return "the policy " + a.decode().ADMX.Name
	}
	return "a value of kind " + a.kind.String()
}

// Bind returns the node that a condition of n is about, for the instance u of
// n: dynamic names, which conditions write as [Name] or {Name}, become those
// of u, and ./Vendor becomes the scope of u if there is such a node.
func (n *Node) Bind(condition, u dmtree.URI) dmtree.URI {
	names := make(map[string]string)
	for what, name := range n.Bindings(u) {
		names[strings.ToLower(what)] = name
	}
	scoped := dmtree.URI("./User/")
	if path, ok := strings.CutPrefix(string(condition), "./Vendor/"); ok && u.Canonical().Within("./User") {
		scoped += dmtree.URI("Vendor/" + path)
	} else {
		scoped = ""
	}
	bind := func(c dmtree.URI) dmtree.URI {
		out := dmtree.Root
		for name := range c.Names() {
			if len(name) > 2 && (name[0] == '[' && name[len(name)-1] == ']' || name[0] == '{' && name[len(name)-1] == '}') {
				if bound, ok := names[strings.ToLower(name[1:len(name)-1])]; ok {
					name = bound
				}
			}
			out = out.Join(name)
		}
		return out.Canonical()
	}
	if scoped != "" {
		if bound := bind(scoped); n.s.has(bound) {
			return bound
		}
	}
	return bind(condition)
}

func (s *Schema) has(u dmtree.URI) bool {
	_, ok := s.Lookup(u)
	return ok
}
