package soap

import (
	"bytes"
	"cmp"
	"slices"
	"strings"

	"github.com/beevik/etree"
)

// canonicalizer writes elements in Canonical XML 1.0, inclusive or exclusive, without comments. The namespaces that are in
// scope, and those that the output has declared, are two maps that each element changes on its way in and restores on its
// way out, so that the work grows with the message and with nothing else.
type canonicalizer struct {
	w               bytes.Buffer
	exclusive       bool
	skip            *etree.Element // left out, with all below it
	scope, rendered map[string]string
}

const (
	c14nInclusive = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
	c14nExclusive = "http://www.w3.org/2001/10/xml-exc-c14n#"
)

// canonical returns the canonical form of el and all below it but skip, which may be nil.
func canonical(el *etree.Element, exclusive bool, skip *etree.Element) []byte {
	c := canonicalizer{exclusive: exclusive, skip: skip, scope: map[string]string{"xml": nsXML}, rendered: map[string]string{}}
	for p := el.Parent(); p != nil; p = p.Parent() {
		for _, d := range declared(p) {
			if _, inner := c.scope[d.prefix]; !inner {
				c.scope[d.prefix] = d.ns
			}
		}
	}
	c.element(el, true)
	return c.w.Bytes()
}

// nsXML needs no declaration, and sorts its attributes behind those without a namespace.
const nsXML = "http://www.w3.org/XML/1998/namespace"

type declaration struct{ prefix, ns string }

// declared returns the namespaces that an element declares itself.
func declared(el *etree.Element) []declaration {
	var ds []declaration
	for _, a := range el.Attr {
		switch {
		case a.Space == "xmlns":
			ds = append(ds, declaration{a.Key, a.Value})
		case a.Space == "" && a.Key == "xmlns":
			ds = append(ds, declaration{"", a.Value})
		}
	}
	return ds
}

// set changes m and returns what undoes that.
func set(m map[string]string, ds []declaration) (undo func()) {
	type before struct {
		declaration
		was bool
	}
	old := make([]before, len(ds))
	for i, d := range ds {
		ns, was := m[d.prefix]
		old[i] = before{declaration{d.prefix, ns}, was}
		m[d.prefix] = d.ns
	}
	return func() {
		for _, o := range slices.Backward(old) {
			if o.was {
				m[o.prefix] = o.ns
			} else {
				delete(m, o.prefix)
			}
		}
	}
}

func (c *canonicalizer) element(el *etree.Element, apex bool) {
	own := declared(el)
	defer set(c.scope, own)()

	type attribute struct{ ns, key, name, value string }
	var attrs []attribute
	var write []declaration
	want := func(prefix string) {
		ns := c.scope[prefix]
		have, ok := c.rendered[prefix]
		switch {
		case prefix == "xml", ok && have == ns, !ok && prefix == "" && ns == "":
		case slices.ContainsFunc(write, func(d declaration) bool { return d.prefix == prefix }):
		default:
			write = append(write, declaration{prefix, ns})
		}
	}
	if c.exclusive {
		want(el.Space)
	}
	for _, a := range el.Attr {
		if a.Space == "xmlns" || a.Space == "" && a.Key == "xmlns" {
			continue
		}
		at := attribute{key: a.Key, name: a.FullKey(), value: a.Value}
		if a.Space != "" {
			at.ns = c.scope[a.Space]
			if c.exclusive {
				want(a.Space)
			}
		}
		attrs = append(attrs, at)
	}
	if !c.exclusive {
		for _, d := range own {
			want(d.prefix)
		}
		if apex { // the inclusive form of a part of a document carries what is in scope around it
			for prefix := range c.scope {
				want(prefix)
			}
		}
	}
	defer set(c.rendered, write)()

	name := el.FullTag()
	c.w.WriteString("<" + name)
	slices.SortFunc(write, func(a, b declaration) int { return strings.Compare(a.prefix, b.prefix) })
	for _, d := range write {
		if d.prefix == "" {
			c.attr("xmlns", d.ns)
		} else {
			c.attr("xmlns:"+d.prefix, d.ns)
		}
	}
	slices.SortFunc(attrs, func(a, b attribute) int { return cmp.Or(strings.Compare(a.ns, b.ns), strings.Compare(a.key, b.key)) })
	for _, a := range attrs {
		c.attr(a.name, a.value)
	}
	c.w.WriteByte('>')
	for _, t := range el.Child {
		switch t := t.(type) {
		case *etree.Element:
			if t != c.skip {
				c.element(t, false)
			}
		case *etree.CharData:
			textEscapes.WriteString(&c.w, t.Data)
		case *etree.ProcInst:
			c.w.WriteString("<?" + t.Target)
			if t.Inst != "" {
				c.w.WriteString(" " + t.Inst)
			}
			c.w.WriteString("?>")
		}
	}
	c.w.WriteString("</" + name + ">")
}

func (c *canonicalizer) attr(name, value string) {
	c.w.WriteString(" " + name + `="`)
	attrEscapes.WriteString(&c.w, value)
	c.w.WriteByte('"')
}

var (
	textEscapes = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "\r", "&#xD;")
	attrEscapes = strings.NewReplacer("&", "&amp;", "<", "&lt;", `"`, "&quot;", "\t", "&#x9;", "\n", "&#xA;", "\r", "&#xD;")
)
