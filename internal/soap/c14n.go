package soap

import (
	"bytes"
	"cmp"
	"slices"
	"strings"

	"github.com/beevik/etree"
)

// canonicalizer writes elements in Canonical XML 1.0, inclusive or exclusive, without comments.
type canonicalizer struct {
	w         bytes.Buffer
	exclusive bool
	skip      *etree.Element // left out, with all below it
}

const (
	c14nInclusive = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
	c14nExclusive = "http://www.w3.org/2001/10/xml-exc-c14n#"
)

// canonical returns the canonical form of el and all below it but skip, which may be nil.
func canonical(el *etree.Element, exclusive bool, skip *etree.Element) []byte {
	c := canonicalizer{exclusive: exclusive, skip: skip}
	inherited := map[string]string{}
	if !exclusive {
		// The inclusive form of a part of a document carries all the namespaces that are in scope around it.
		for p := el.Parent(); p != nil; p = p.Parent() {
			for prefix, ns := range declared(p) {
				if _, inner := inherited[prefix]; !inner {
					inherited[prefix] = ns
				}
			}
		}
	}
	c.element(el, inherited, map[string]string{})
	return c.w.Bytes()
}

// declared returns the namespaces that an element declares itself, by prefix.
func declared(el *etree.Element) map[string]string {
	var m map[string]string
	set := func(prefix, ns string) {
		if m == nil {
			m = map[string]string{}
		}
		m[prefix] = ns
	}
	for _, a := range el.Attr {
		switch {
		case a.Space == "xmlns":
			set(a.Key, a.Value)
		case a.Space == "" && a.Key == "xmlns":
			set("", a.Value)
		}
	}
	return m
}

// element writes el. pending are the namespaces in scope that the caller wants written if el needs or, in the
// inclusive form, has them; rendered are those that an ancestor in the output has written.
func (c *canonicalizer) element(el *etree.Element, pending, rendered map[string]string) {
	own := declared(el)
	write := map[string]string{}
	want := func(prefix, ns string) {
		if prefix == "xml" {
			return
		}
		if have, ok := rendered[prefix]; ok && have == ns || !ok && prefix == "" && ns == "" {
			return
		}
		write[prefix] = ns
	}
	if c.exclusive {
		want(el.Space, el.NamespaceURI())
		for _, a := range el.Attr {
			if a.Space != "" && a.Space != "xmlns" {
				want(a.Space, a.NamespaceURI())
			}
		}
	} else {
		for prefix, ns := range pending {
			if _, inner := own[prefix]; !inner {
				want(prefix, ns)
			}
		}
		for prefix, ns := range own {
			want(prefix, ns)
		}
	}

	name := el.FullTag()
	c.w.WriteString("<" + name)
	if len(write) > 0 {
		next := make(map[string]string, len(rendered)+len(write))
		for p, ns := range rendered {
			next[p] = ns
		}
		prefixes := make([]string, 0, len(write))
		for p, ns := range write {
			next[p] = ns
			prefixes = append(prefixes, p)
		}
		slices.Sort(prefixes)
		for _, p := range prefixes {
			if p == "" {
				c.attr("xmlns", write[p])
			} else {
				c.attr("xmlns:"+p, write[p])
			}
		}
		rendered = next
	}
	type attribute struct{ ns, key, name, value string }
	var attrs []attribute
	for _, a := range el.Attr {
		if a.Space == "xmlns" || a.Space == "" && a.Key == "xmlns" {
			continue
		}
		at := attribute{key: a.Key, name: a.FullKey(), value: a.Value}
		if a.Space != "" {
			at.ns = a.NamespaceURI()
		}
		attrs = append(attrs, at)
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
				c.element(t, nil, rendered)
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
