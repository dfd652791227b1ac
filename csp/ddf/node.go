package ddf

import (
	"strconv"
	"strings"

	"github.com/beevik/etree"
	"github.com/omadm-sdk/omadm/csp"
	"github.com/omadm-sdk/omadm/dmtree"
)

// node reads a Node element that hangs below at. It returns nil for a node that
// cannot be one.
func (p *parser) node(e *etree.Element, at dmtree.URI) *csp.Def {
	d := new(csp.Def)
	raw := ""
	if name := e.SelectElement("NodeName"); name != nil {
		raw = name.Text()
	}
	d.Name = strings.TrimSpace(raw)
	props := e.SelectElement("DFProperties")
	if d.Name == "" {
		d.Dynamic = true
		d.Name = "name"
		// The title of a dynamic node is the name that documentation and the
		// dependencies of other nodes give to the segment.
		if props != nil {
			if t := identifier(text(props.SelectElement("DFTitle"))); t != "" {
				d.Name = t
			}
		}
		p.uri = at + dmtree.URI("/{"+d.Name+"}")
	} else {
		p.uri = at.Join(d.Name)
		if !p.uri.Valid() {
			p.odd("%q cannot be the name of a node; it is left out with all below it", d.Name)
			return nil
		}
	}
	if d.Name != raw && raw != "" {
		p.odd("there is white space around the name %q", raw)
	}
	uri := p.uri
	if props == nil {
		p.odd("DFProperties is missing")
		d.Format = dmtree.FormatNode
	} else {
		p.properties(props, d)
	}
	for _, c := range e.ChildElements() {
		switch c.Tag {
		case "Node":
			if child := p.node(c, uri); child != nil {
				d.Children = append(d.Children, child)
			}
			p.uri = uri
		case "NodeName", "DFProperties", "Path":
		case "RTProperties", "Value": // values at run time, in files that serve as both
		default:
			p.odd("element %s is not known", c.Tag)
		}
	}
	if len(d.Children) > 0 && d.Format != dmtree.FormatNode {
		p.odd("has children, but format %s", d.Format)
	}
	return d
}

// properties reads the children of DFProperties in any order: many files do
// not keep that of the schema.
func (p *parser) properties(props *etree.Element, d *csp.Def) {
	var t Text
	seen := make(map[string]bool)
	for _, e := range props.ChildElements() {
		if seen[e.Tag] {
			p.odd("element %s is there twice; the last one counts", e.Tag)
		}
		seen[e.Tag] = true
		switch e.Tag {
		case "AccessType":
			p.access(e, d)
		case "DefaultValue":
			v := e.Text()
			d.Default = &v
		case "Description":
			t.Description = text(e)
		case "DFTitle":
			t.Title = text(e)
		case "DFFormat":
			p.format(e, d)
		case "Occurrence":
			p.occurrence(e, d)
		case "Scope":
			switch only(e) {
			case "Permanent":
				d.Permanent = true
			case "Dynamic":
			default:
				p.odd("Scope is %q, neither Permanent nor Dynamic", only(e))
			}
		case "DFType":
			p.types(e, d)
		case "CaseSense":
			switch only(e) {
			case "CS":
				d.Case = csp.CaseSensitive
			case "CIS":
				d.Case = csp.CaseInsensitive
			default:
				p.odd("CaseSense is %q, neither CS nor CIS", only(e))
			}
		case "Applicability":
			d.Applies = p.applicability(e)
		case "DynamicNodeNaming":
			p.naming(e, d, &t)
		case "AllowedValues":
			d.Allowed = p.allowed(e, &t)
		case "ReplaceBehavior":
			switch text(e) {
			case "Append":
				d.Replace = csp.ReplaceAppends
			case "Replace", "":
			default:
				p.odd("ReplaceBehavior is %q, neither Append nor Replace", text(e))
			}
		case "RebootBehavior":
			switch text(e) {
			case "Automatic":
				d.Reboot = csp.RebootAutomatic
			case "ServerInitiated":
				d.Reboot = csp.RebootByServer
			case "None", "":
			default:
				p.odd("RebootBehavior %q is not known", text(e))
			}
		case "GpMapping":
			d.GroupPolicy = &csp.GroupPolicy{Name: attr(e, "GpEnglishName"), Area: attr(e, "GpAreaPath"), Element: attr(e, "GpElement")}
		case "CommonErrorResults": // sentences
		case "Deprecated":
			d.Deprecated = new(csp.Deprecation)
			if b := attr(e, "OsBuildDeprecated"); b != "" {
				d.Deprecated.Since = p.build(b)
			}
		case "DependencyBehavior":
			p.dependencies(e, d)
		case "ConflictResolution":
			c, ok := csp.ConflictOf(text(e))
			if !ok && text(e) != "" {
				p.odd("ConflictResolution %q is not known", text(e))
			}
			d.Conflict = c
		case "AtomicRequired":
			d.Atomic = true
		default:
			p.odd("element %s is not known", e.Tag)
		}
	}
	for _, must := range []string{"AccessType", "DFFormat"} {
		if !seen[must] {
			p.odd("element %s is missing", must)
		}
	}
	if !seen["DFFormat"] && props.Parent().SelectElement("Node") != nil {
		d.Format = dmtree.FormatNode
	}
	p.judge(d)
	if p.text != nil && (t.Title != "" || t.Description != "" || t.NamingRule != "" || len(t.Values) > 0) {
		p.text(p.uri, t)
	}
}

// judge reports what follows the schema and cannot be meant.
func (p *parser) judge(d *csp.Def) {
	switch {
	case d.Dynamic && d.Naming == csp.NamingNone:
		p.odd("has no fixed name, and nothing says how to name it")
	case !d.Dynamic && d.Naming != csp.NamingNone:
		p.odd("has a rule for names, but a fixed name")
	}
	if (d.Occurs == csp.OccursZeroOrN || d.Occurs == csp.OccursOneOrN) && d.MaxOccurs == 0 {
		p.odd("Occurrence gives no number")
	}
	if d.Default == nil {
		return
	}
	if _, err := dmtree.Parse(d.Format, *d.Default); err != nil {
		p.odd("the default %q does not fit the format %s", *d.Default, d.Format)
	}
	if d.Allowed.Kind == csp.KindEnum && d.Allowed.Delimiter == "" {
		for _, v := range d.Allowed.Values {
			if strings.EqualFold(v, *d.Default) {
				return
			}
		}
		p.odd("the default %q is not one of its values", *d.Default)
	}
}

func (p *parser) access(e *etree.Element, d *csp.Def) {
	for _, c := range e.ChildElements() {
		op, ok := csp.OpOf(c.Tag)
		if !ok {
			p.odd("command %s is not known", c.Tag)
		}
		d.Access |= op
	}
	if d.Access == 0 {
		p.odd("AccessType allows no command")
	}
}

func (p *parser) format(e *etree.Element, d *csp.Def) {
	name := only(e)
	f, ok := dmtree.FormatOf(name)
	if !ok || name == "" {
		p.odd("format %q is not known; read as chr", name)
		f = dmtree.FormatChr
	}
	d.Format = f
}

func (p *parser) occurrence(e *etree.Element, d *csp.Def) {
	names := map[string]csp.Occurs{
		"One": csp.OccursOne, "ZeroOrOne": csp.OccursZeroOrOne, "ZeroOrMore": csp.OccursZeroOrMore,
		"OneOrMore": csp.OccursOneOrMore, "ZeroOrN": csp.OccursZeroOrN, "OneOrN": csp.OccursOneOrN,
	}
	o, ok := names[only(e)]
	if !ok {
		p.odd("Occurrence %q is not known", only(e))
	}
	d.Occurs = o
	if c := e.ChildElements(); len(c) > 0 {
		if n, err := strconv.ParseUint(text(c[0]), 10, 31); err == nil {
			d.MaxOccurs = int(n)
		}
	}
}

func (p *parser) types(e *etree.Element, d *csp.Def) {
	for _, c := range e.ChildElements() {
		switch c.Tag {
		case "MIME":
			d.Types = append(d.Types, text(c))
		case "DDFName":
			name := text(c)
			d.Object = &name
		default:
			p.odd("element %s in DFType is not known", c.Tag)
		}
	}
}

func (p *parser) naming(e *etree.Element, d *csp.Def, t *Text) {
	switch only(e) {
	case "ServerGeneratedUniqueIdentifier":
		d.Naming = csp.NamingServer
	case "ClientInventory":
		d.Naming = csp.NamingClient
	case "UniqueName":
		d.Naming = csp.NamingRule
		t.NamingRule = text(e.ChildElements()[0])
	default:
		p.odd("DynamicNodeNaming %q is not known", only(e))
	}
}

// identifier returns s without white space, if it then is a plain name.
func identifier(s string) string {
	s = strings.ReplaceAll(s, " ", "")
	for _, r := range s {
		if r != '_' && r != '-' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') {
			return ""
		}
	}
	return s
}

// text returns the trimmed text of e, "" for nil.
func text(e *etree.Element) string {
	if e == nil {
		return ""
	}
	return strings.TrimSpace(e.Text())
}

func attr(e *etree.Element, name string) string {
	return strings.TrimSpace(e.SelectAttrValue(name, ""))
}

// only returns the tag of the only child of e, "" if there is none.
func only(e *etree.Element) string {
	if c := e.ChildElements(); len(c) == 1 {
		return c[0].Tag
	}
	return ""
}
