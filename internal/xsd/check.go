package xsd

import (
	"fmt"
	"slices"
	"strings"
)

// An Error tells where a document does not follow its schema.
type Error struct {
	Path string // of element names: /VPNProfile/Route[2]
	Want string
}

func (e *Error) Error() string { return fmt.Sprintf("xsd: %s: want %s", e.Path, e.Want) }

// Check tells whether doc is a document of the schema: nil, an *Error, or
// ErrUnknown if that depends on what this package does not read.
func (s *Schema) Check(doc string) error {
	root, err := parse(doc)
	if err != nil {
		return &Error{"/", "an XML document; " + err.Error()}
	}
	p, ok := s.elements[root.name]
	if !ok || root.space != "" {
		names := make([]string, 0, len(s.elements))
		for name := range s.elements {
			names = append(names, "<"+name+">")
		}
		slices.Sort(names)
		return &Error{"/" + root.name, "the root element " + strings.Join(names, " or ")}
	}
	c := &checker{schema: s}
	if err := c.element(p, root, "/"+root.name); err != nil {
		return err
	}
	if c.unknown {
		return ErrUnknown
	}
	return nil
}

type checker struct {
	schema  *Schema
	unknown bool
}

func (c *checker) element(p *particle, n *node, path string) error {
	if p.kind == kindForeign {
		global, ok := c.schema.elements[p.name]
		if !ok || n.space != "" {
			c.unknown = true
			return nil
		}
		p = global
	}
	t := p.typ
	if n.nilled || t.foreign {
		c.unknown = true
		return nil
	}
	if t.any {
		return nil
	}
	if err := c.attributes(t, n, path); err != nil {
		return err
	}
	if !t.complex || t.simple != nil {
		if len(n.children) > 0 {
			return &Error{path, "text, no elements"}
		}
		return c.text(t.simple, n.text, path)
	}
	if !t.mixed && strings.TrimSpace(n.text) != "" {
		return &Error{path, "no text between elements"}
	}
	m := &matcher{c: c, children: n.children, path: path, count: make(map[string]int)}
	if t.content != nil {
		if err := m.match(t.content); err != nil {
			return err
		}
	}
	if m.at < len(n.children) {
		return &Error{path, fmt.Sprintf("no element <%s> here%s", n.children[m.at].name, m.hint())}
	}
	for _, u := range p.unique {
		if err := u.check(n, path); err != nil {
			return err
		}
	}
	return nil
}

func (c *checker) text(t *simple, text, path string) error {
	want, err := t.check(text)
	if err != nil {
		c.unknown = true
	}
	if want != "" {
		return &Error{path, want}
	}
	return nil
}

func (c *checker) attributes(t *typ, n *node, path string) error {
	for _, a := range t.attrs {
		v, ok := n.attrs[a.name]
		switch {
		case !ok && a.required:
			return &Error{path, "the attribute " + a.name}
		case !ok:
			continue
		case a.fixed != nil && v != *a.fixed:
			return &Error{path + "/@" + a.name, *a.fixed}
		}
		if err := c.text(a.typ, v, path+"/@"+a.name); err != nil {
			return err
		}
	}
	if t.anyAttr {
		return nil
	}
	for name := range n.attrs {
		if !slices.ContainsFunc(t.attrs, func(a attribute) bool { return a.name == name }) {
			return &Error{path, "no attribute " + name}
		}
	}
	return nil
}

// A matcher walks over the children of one element. Schemas must be written so
// that the next element always tells which particle it belongs to, so there is
// nothing to try and take back.
type matcher struct {
	c        *checker
	children []*node
	at       int
	path     string
	count    map[string]int
	expected []string // what could have stood at the place where a repetition ended
}

func (m *matcher) next() *node {
	if m.at < len(m.children) {
		return m.children[m.at]
	}
	return nil
}

func (m *matcher) match(p *particle) error {
	for n := 0; n < p.max; n++ {
		next := m.next()
		if next == nil || !p.starts(next) {
			if n >= p.min || p.nullable() {
				m.expected = append(m.expected, p.firsts()...)
				return nil
			}
			found := "nothing"
			if next != nil {
				found = "<" + next.name + ">"
			}
			return &Error{m.path, fmt.Sprintf("%s, not %s", choices(append(m.expected, p.firsts()...)), found)}
		}
		before := m.at
		if err := m.once(p); err != nil {
			return err
		}
		if m.at > before {
			m.expected = m.expected[:0]
		} else if n >= p.min {
			return nil
		}
	}
	return nil
}

func (m *matcher) once(p *particle) error {
	switch p.kind {
	case kindElement, kindForeign:
		n := m.next()
		m.count[n.name]++
		path := m.path + "/" + n.name
		if k := m.count[n.name]; k > 1 {
			path = fmt.Sprintf("%s[%d]", path, k)
		}
		m.at++
		return m.c.element(p, n, path)
	case kindAny:
		m.at++
	case kindSequence:
		for _, part := range p.parts {
			if err := m.match(part); err != nil {
				return err
			}
		}
	case kindChoice:
		for _, part := range p.parts {
			if part.starts(m.next()) {
				return m.match(part)
			}
		}
	case kindAll:
		left := slices.Clone(p.parts)
		for n := m.next(); n != nil; n = m.next() {
			i := slices.IndexFunc(left, func(q *particle) bool { return q.starts(n) })
			if i < 0 {
				break
			}
			if err := m.match(left[i]); err != nil {
				return err
			}
			left = slices.Delete(left, i, i+1)
		}
		for _, q := range left {
			if err := m.match(q); err != nil {
				return err
			}
		}
	}
	return nil
}

// starts tells whether p can begin with n.
func (p *particle) starts(n *node) bool {
	if p.max == 0 {
		return false
	}
	switch p.kind {
	case kindElement:
		return n.name == p.name && n.space == ""
	case kindForeign:
		return n.name == p.name
	case kindAny:
		return true
	case kindSequence:
		for _, q := range p.parts {
			if q.starts(n) {
				return true
			}
			if !q.nullable() {
				return false
			}
		}
		return false
	}
	return slices.ContainsFunc(p.parts, func(q *particle) bool { return q.starts(n) })
}

// nullable tells whether p may be absent.
func (p *particle) nullable() bool {
	if p.min == 0 {
		return true
	}
	switch p.kind {
	case kindSequence, kindAll:
		return !slices.ContainsFunc(p.parts, func(q *particle) bool { return !q.nullable() })
	case kindChoice:
		return len(p.parts) == 0 || slices.ContainsFunc(p.parts, (*particle).nullable)
	}
	return false
}

// firsts names the elements that p can begin with.
func (p *particle) firsts() []string {
	switch p.kind {
	case kindElement, kindForeign:
		return []string{"<" + p.name + ">"}
	case kindAny:
		return nil
	}
	var names []string
	for _, q := range p.parts {
		names = append(names, q.firsts()...)
		if p.kind == kindSequence && !q.nullable() {
			break
		}
	}
	return names
}

func (m *matcher) hint() string {
	if len(m.expected) == 0 {
		return ""
	}
	return "; here may stand " + choices(m.expected)
}

func choices(names []string) string {
	slices.Sort(names)
	names = slices.Compact(names)
	if len(names) == 0 {
		return "an element"
	}
	return strings.Join(names, " or ")
}

func (u *unique) check(n *node, path string) error {
	at := []*node{n}
	for _, step := range u.path {
		var below []*node
		for _, m := range at {
			for _, c := range m.children {
				if step == "*" || c.name == step {
					below = append(below, c)
				}
			}
		}
		at = below
	}
	seen := make(map[string]bool)
	for _, m := range at {
		v, ok := m.attrs[u.attr]
		if ok && seen[v] {
			return &Error{path, fmt.Sprintf("the attribute %s of each <%s> to be different; %q is there twice", u.attr, m.name, v)}
		}
		seen[v] = true
	}
	return nil
}
