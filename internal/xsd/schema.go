// Package xsd checks XML documents against XML schemas of the kind that
// Microsoft's device descriptions hold: no target namespace, no imports that
// matter, the common particles and facets. What a schema has beyond that makes
// a document undecidable, never silently valid.
package xsd

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
)

const space = "http://www.w3.org/2001/XMLSchema"

// ErrUnknown means that the schema uses what this package does not read where
// the document uses it too.
var ErrUnknown = errors.New("xsd: the schema goes beyond what is checked")

// A Schema is a compiled XML schema, safe for concurrent use.
type Schema struct {
	elements map[string]*particle
	types    map[string]*typ
	groups   map[string]*node // attributeGroup
	named    map[string]*node // types that are not compiled yet
	depth    int
}

// A particle is an element or a group of particles, with its occurrence.
type particle struct {
	kind     kind
	min, max int
	name     string // of an element
	typ      *typ   // of an element
	parts    []*particle
	unique   []unique
}

type kind uint8

const (
	kindElement kind = iota
	kindForeign      // an element of a schema that is not here
	kindAny
	kindSequence
	kindChoice
	kindAll
)

// A typ is a simple or a complex type; the zero typ is anyType.
type typ struct {
	simple  *simple // of the text, if it has a type
	complex bool
	mixed   bool
	content *particle // nil: no elements
	attrs   []attribute
	anyAttr bool
	any     bool // anyType
	foreign bool // not known
}

type attribute struct {
	name     string
	typ      *simple
	required bool
	fixed    *string
}

// A simple type is a built-in one, with facets, or a union or list of others.
type simple struct {
	builtin               string
	base                  *simple
	enum                  []string
	patterns              []*regexp.Regexp
	minLen, maxLen        int
	low, high             *float64
	lowStrict, highStrict bool
	union                 []*simple
	list                  *simple
	foreign               bool
}

// A unique constraint: no two elements that path leads to have the same
// attribute.
type unique struct {
	name string
	path []string
	attr string
}

// Compile reads a schema.
func Compile(text string) (*Schema, error) {
	root, err := parse(text)
	if err != nil {
		return nil, fmt.Errorf("xsd: %w", err)
	}
	if root.space != space || root.name != "schema" {
		return nil, errors.New("xsd: the root element is not schema")
	}
	if root.attr("targetNamespace") != "" {
		return nil, fmt.Errorf("%w: target namespaces", ErrUnknown)
	}
	s := &Schema{
		elements: make(map[string]*particle), types: make(map[string]*typ),
		groups: make(map[string]*node), named: make(map[string]*node),
	}
	for _, c := range root.children {
		switch c.name {
		case "simpleType", "complexType":
			s.named[c.attr("name")] = c
		case "attributeGroup":
			s.groups[c.attr("name")] = c
		}
	}
	for _, c := range root.children {
		if c.name != "element" {
			continue
		}
		p, err := s.element(c)
		if err != nil {
			return nil, err
		}
		s.elements[p.name] = p
	}
	if len(s.elements) == 0 {
		return nil, errors.New("xsd: no element is declared")
	}
	return s, nil
}

func (s *Schema) element(n *node) (*particle, error) {
	p := &particle{kind: kindElement, name: n.attr("name")}
	if err := p.occurs(n); err != nil {
		return nil, err
	}
	if ref := n.attr("ref"); ref != "" {
		// A reference to a name with a prefix leads to another schema. Plain
		// references are resolved when they are met: see element in check.go.
		p.kind, p.name = kindForeign, ref[strings.IndexByte(ref, ':')+1:]
		return p, nil
	}
	if p.name == "" {
		return nil, errors.New("xsd: an element has no name")
	}
	var err error
	if t := n.attr("type"); t != "" {
		p.typ, err = s.typeOf(n, t)
	} else if c := n.child("complexType"); c != nil {
		p.typ, err = s.complexType(c)
	} else if c := n.child("simpleType"); c != nil {
		var st *simple
		st, err = s.simpleType(c)
		p.typ = &typ{simple: st}
	} else {
		p.typ = &typ{any: true}
	}
	for _, c := range n.children {
		switch c.name {
		case "unique", "key":
			u, uerr := uniqueOf(c)
			if uerr != nil {
				return nil, uerr
			}
			p.unique = append(p.unique, u)
		case "keyref":
			return nil, fmt.Errorf("%w: keyref", ErrUnknown)
		}
	}
	return p, err
}

func (p *particle) occurs(n *node) error {
	p.min, p.max = 1, 1
	for _, o := range []struct {
		name string
		to   *int
	}{{"minOccurs", &p.min}, {"maxOccurs", &p.max}} {
		switch v := n.attr(o.name); v {
		case "":
		case "unbounded":
			*o.to = math.MaxInt
		default:
			i, err := strconv.ParseUint(v, 10, 31)
			if err != nil {
				return fmt.Errorf("xsd: %s is %q", o.name, v)
			}
			*o.to = int(i)
		}
	}
	return nil
}

// typeOf returns the type that a qualified name stands for where n stands.
func (s *Schema) typeOf(n *node, name string) (*typ, error) {
	prefix, local, ok := strings.Cut(name, ":")
	if !ok {
		prefix, local = "", name
	}
	switch n.lookup(prefix) {
	case space:
		if local == "anyType" {
			return &typ{any: true}, nil
		}
		return &typ{simple: &simple{builtin: local}}, nil
	case "":
	default:
		return &typ{foreign: true}, nil
	}
	if t, ok := s.types[local]; ok {
		return t, nil
	}
	c, ok := s.named[local]
	if !ok {
		return nil, fmt.Errorf("xsd: type %q is not declared", name)
	}
	t := new(typ)
	s.types[local] = t // before it is read: types may contain themselves
	if c.name == "simpleType" {
		st, err := s.simpleType(c)
		t.simple = st
		return t, err
	}
	got, err := s.complexType(c)
	if err == nil {
		*t = *got
	}
	return t, err
}

func (s *Schema) complexType(n *node) (*typ, error) {
	if s.depth++; s.depth > 50 {
		return nil, errors.New("xsd: types are nested too deep")
	}
	defer func() { s.depth-- }()
	t := &typ{complex: true, mixed: n.attr("mixed") == "true"}
	for _, c := range n.children {
		var err error
		switch c.name {
		case "sequence", "choice", "all":
			t.content, err = s.group(c)
		case "simpleContent":
			ext := c.child("extension")
			if ext == nil {
				return nil, fmt.Errorf("%w: simpleContent without extension", ErrUnknown)
			}
			var base *typ
			if base, err = s.typeOf(ext, ext.attr("base")); err != nil {
				return nil, err
			}
			t.simple = base.simple
			t.foreign = base.foreign
			t.attrs = append(t.attrs, base.attrs...)
			err = s.attributes(ext, t)
		case "complexContent", "group":
			return nil, fmt.Errorf("%w: %s", ErrUnknown, c.name)
		}
		if err != nil {
			return nil, err
		}
	}
	return t, s.attributes(n, t)
}

// attributes adds the attributes that n declares to t.
func (s *Schema) attributes(n *node, t *typ) error {
	for _, c := range n.children {
		switch c.name {
		case "attribute":
			if c.attr("ref") != "" {
				return fmt.Errorf("%w: attribute references", ErrUnknown)
			}
			if c.attr("use") == "prohibited" {
				continue
			}
			a := attribute{name: c.attr("name"), required: c.attr("use") == "required"}
			if v, ok := c.attrs["fixed"]; ok {
				a.fixed = &v
			}
			if name := c.attr("type"); name != "" {
				at, err := s.typeOf(c, name)
				if err != nil {
					return err
				}
				if a.typ = at.simple; a.typ == nil {
					a.typ = &simple{foreign: true}
				}
			} else if st := c.child("simpleType"); st != nil {
				var err error
				if a.typ, err = s.simpleType(st); err != nil {
					return err
				}
			} else {
				a.typ = &simple{builtin: "string"}
			}
			t.attrs = append(t.attrs, a)
		case "attributeGroup":
			g, ok := s.groups[c.attr("ref")]
			if !ok {
				return fmt.Errorf("xsd: attribute group %q is not declared", c.attr("ref"))
			}
			if s.depth++; s.depth > 50 {
				return errors.New("xsd: attribute groups are nested too deep")
			}
			err := s.attributes(g, t)
			s.depth--
			if err != nil {
				return err
			}
		case "anyAttribute":
			t.anyAttr = true
		}
	}
	return nil
}

func (s *Schema) group(n *node) (*particle, error) {
	if s.depth++; s.depth > 50 {
		return nil, errors.New("xsd: groups are nested too deep")
	}
	defer func() { s.depth-- }()
	kinds := map[string]kind{"sequence": kindSequence, "choice": kindChoice, "all": kindAll}
	p := &particle{kind: kinds[n.name]}
	if err := p.occurs(n); err != nil {
		return nil, err
	}
	for _, c := range n.children {
		var part *particle
		var err error
		switch c.name {
		case "element":
			part, err = s.element(c)
		case "sequence", "choice", "all":
			part, err = s.group(c)
		case "any":
			part = &particle{kind: kindAny}
			err = part.occurs(c)
		case "annotation":
			continue
		default:
			return nil, fmt.Errorf("%w: %s", ErrUnknown, c.name)
		}
		if err != nil {
			return nil, err
		}
		p.parts = append(p.parts, part)
	}
	return p, nil
}

func uniqueOf(n *node) (unique, error) {
	u := unique{name: n.attr("name")}
	sel, field := n.child("selector"), n.child("field")
	if sel == nil || field == nil {
		return u, errors.New("xsd: unique without selector or field")
	}
	attr, ok := strings.CutPrefix(field.attr("xpath"), "@")
	path := sel.attr("xpath")
	if !ok || strings.ContainsAny(path+attr, "[]()|.@:") || strings.Contains(path, "//") {
		return u, fmt.Errorf("%w: the XPath %s", ErrUnknown, path)
	}
	u.attr, u.path = attr, strings.Split(path, "/")
	return u, nil
}
