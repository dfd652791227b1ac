package ddf

import (
	"strings"

	"github.com/beevik/etree"
	"github.com/omadm-sdk/omadm/csp"
	"github.com/omadm-sdk/omadm/dmtree"
)

// The elements of DDFv2Msft.xsd that hold more than a word.

func (p *parser) applicability(e *etree.Element) *csp.Applicability {
	a := new(csp.Applicability)
	for _, c := range e.ChildElements() {
		switch c.Tag {
		case "OsBuildVersion":
			for b := range strings.SplitSeq(text(c), ",") {
				if build := p.build(b); build != (csp.Build{}) {
					a.Builds = append(a.Builds, build)
				}
			}
		case "CspVersion":
			a.CSPVersion = text(c)
		case "EditionAllowList":
			a.Editions = p.editions(text(c))
		case "RequiresAzureAd":
			a.EntraJoin = true
		default:
			p.odd("element %s in Applicability is not known", c.Tag)
		}
	}
	return a
}

func (p *parser) build(s string) csp.Build {
	b, err := csp.ParseBuild(s)
	if err != nil {
		p.odd("%q is not a build of Windows", s)
	}
	return b
}

// editions returns a list that is empty, not nil, for an empty element: such a
// node is on no edition.
func (p *parser) editions(s string) []csp.Edition {
	list := []csp.Edition{}
	for one := range strings.SplitSeq(s, ";") {
		if one = strings.TrimSpace(one); one == "" {
			continue
		}
		e, ok := csp.EditionOf(one)
		if !ok {
			p.odd("%q is not the number of an edition", one)
			continue
		}
		// Two spellings of one edition, 0x88 and 0x88*, stand side by side.
		if len(list) == 0 || list[len(list)-1] != e {
			list = append(list, e)
		}
	}
	return list
}

// allowed reads AllowedValues and the elements that have the same content.
// With t, it also collects what the values mean.
func (p *parser) allowed(e *etree.Element, t *Text) csp.Allowed {
	name := attr(e, "ValueType")
	kind, ok := csp.KindOf(name)
	if !ok {
		p.odd("ValueType %q is not known; read as None", name)
		kind = csp.KindNone
	}
	a := csp.Allowed{Kind: kind}
	for _, c := range e.ChildElements() {
		switch c.Tag {
		case "Enum":
			v := text(c.SelectElement("Value"))
			a.Values = append(a.Values, v)
			if d := text(c.SelectElement("ValueDescription")); t != nil && d != "" {
				if t.Values == nil {
					t.Values = make(map[string]string)
				}
				t.Values[v] = d
			}
		case "Value":
			v := text(c)
			if kind == csp.KindXSD {
				v = p.minify(v)
			}
			a.Values = append(a.Values, v)
		case "ValueDescription":
		case "AdmxBacked":
			a.ADMX = csp.ADMX{File: attr(c, "File"), Name: attr(c, "Name"), Area: attr(c, "Area")}
		case "List":
			a.Delimiter = delimiter(c.SelectAttrValue("Delimiter", ""))
			if a.Delimiter == "" {
				p.odd("List gives no delimiter")
			}
		default:
			p.odd("element %s in AllowedValues is not known", c.Tag)
		}
	}
	p.judgeAllowed(&a)
	return a
}

func (p *parser) judgeAllowed(a *csp.Allowed) {
	switch a.Kind {
	case csp.KindEnum, csp.KindFlag:
		if len(a.Values) == 0 {
			p.odd("%s without values", a.Kind)
		}
	case csp.KindRange, csp.KindRegEx, csp.KindXSD:
		if len(a.Values) == 0 {
			p.odd("%s without a Value; values cannot be checked", a.Kind)
		}
	case csp.KindNone:
		if len(a.Values) > 0 {
			// VPNv2 writes its delimiter this way.
			p.odd("None with the Value %q, which is left out", a.Values[0])
			a.Values = nil
		}
	case csp.KindADMX:
		if a.ADMX == (csp.ADMX{}) && len(a.Values) == 0 {
			p.odd("ADMX without the name of a policy")
		}
	}
}

// delimiter returns the text between the values of a list. Files spell U+F000
// both 0xF000 and \xF000.
func delimiter(s string) string {
	switch s {
	case "0xF000", `\xF000`, "0xf000", `\xf000`:
		return "\uF000"
	}
	return s
}

func (p *parser) dependencies(e *etree.Element, d *csp.Def) {
	for _, g := range e.ChildElements() {
		if g.Tag != "DependencyGroup" {
			p.odd("element %s in DependencyBehavior is not known", g.Tag)
			continue
		}
		dep := csp.Dependency{Name: attr(g, "FriendlyId")}
		for _, c := range g.ChildElements() {
			switch c.Tag {
			case "DependencyChangedAllowedValues":
				a := p.allowed(c, nil)
				dep.Changed = &a
			case "Dependency":
				dep.Conditions = append(dep.Conditions, p.condition(c))
			default:
				p.odd("element %s in DependencyGroup is not known", c.Tag)
			}
		}
		d.Dependencies = append(d.Dependencies, dep)
	}
}

func (p *parser) condition(e *etree.Element) csp.Condition {
	c := csp.Condition{URI: dmtree.URI(text(e.SelectElement("DependencyUri")))}
	switch t := attr(e, "Type"); t {
	case "DependsOn":
	case "Not":
		c.Not = true
	default:
		p.odd("Dependency of type %q is not known; read as DependsOn", t)
	}
	if a := e.SelectElement("DependencyAllowedValue"); a != nil {
		c.Allowed = p.allowed(a, nil)
	}
	if c.URI == "" {
		p.odd("a Dependency names no node")
	} else {
		c.URI = "./" + dmtree.URI(strings.TrimPrefix(string(c.URI), "./"))
	}
	return c
}

// minify returns an XML schema without comments, annotations and white space:
// what is left are the rules.
func (p *parser) minify(schema string) string {
	doc := etree.NewDocument()
	if err := doc.ReadFromString(schema); err != nil || doc.Root() == nil {
		p.odd("the XML schema of the values is malformed; values cannot be checked")
		return schema
	}
	strip(doc.Root())
	out := etree.NewDocument()
	out.SetRoot(doc.Root())
	out.WriteSettings.CanonicalEndTags = false
	s, err := out.WriteToString()
	if err != nil {
		return schema
	}
	return s
}

func strip(e *etree.Element) {
	for i := len(e.Child) - 1; i >= 0; i-- {
		switch c := e.Child[i].(type) {
		case *etree.Element:
			if c.Tag == "annotation" {
				e.RemoveChildAt(i)
				continue
			}
			strip(c)
		case *etree.CharData:
			if c.IsWhitespace() {
				e.RemoveChildAt(i)
			}
		default:
			e.RemoveChildAt(i)
		}
	}
}
