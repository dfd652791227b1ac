package admx

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/beevik/etree"

	"github.com/omadm-sdk/omadm/csp"
)

// Parse reads an ADMX file; name is that of the file, without folder. It fails
// for what is no ADMX file, or is beyond the limits, which are the defaults if
// opts is nil. All else is read as well as it can be, and what is wrong is in
// [File.Problems].
func Parse(name string, data []byte, opts *Options) (*File, error) {
	r, err := root(name, data, opts, "policyDefinitions", ErrNotADMX)
	if err != nil {
		return nil, err
	}
	f := &File{Name: name, Using: map[string]string{}, byName: map[string]int{}}
	f.namespaces(r)
	for _, c := range within(r, "categories", "category") {
		f.readCategory(c)
	}
	seen := map[string]csp.Class{}
	for _, e := range within(r, "policies", "policy") {
		p, ok := f.readPolicy(e)
		if !ok {
			continue
		}
		key := strings.ToLower(p.Name)
		if seen[key]&p.Class != 0 { // Both is Machine and User, as bits too
			f.fatal("policy "+p.Name, "there are two of this name")
		}
		seen[key] |= p.Class
		f.Policies = append(f.Policies, p)
	}
	return f, nil
}

// within returns the elements called tag in the one called list.
func within(e *etree.Element, list, tag string) (out []*etree.Element) {
	for _, l := range e.ChildElements() {
		if l.Tag != list {
			continue
		}
		for _, c := range l.ChildElements() {
			if c.Tag == tag {
				out = append(out, c)
			}
		}
	}
	return out
}

// attr returns an attribute without the white space around it.
func attr(e *etree.Element, name string) string {
	return strings.TrimSpace(e.SelectAttrValue(name, ""))
}

func isTrue(e *etree.Element, name string) bool {
	v := attr(e, name)
	return v == "1" || strings.EqualFold(v, "true")
}

func (f *File) namespaces(r *etree.Element) {
	for _, t := range within(r, "policyNamespaces", "target") {
		f.Prefix, f.Namespace = attr(t, "prefix"), attr(t, "namespace")
	}
	if f.Prefix == "" || f.Namespace == "" {
		f.fatal("policyNamespaces", "want a target with prefix and namespace")
	}
	for _, u := range within(r, "policyNamespaces", "using") {
		prefix, namespace := attr(u, "prefix"), attr(u, "namespace")
		switch _, twice := f.Using[prefix]; {
		case prefix == "" || namespace == "":
			f.fatal("policyNamespaces", "using needs prefix and namespace")
		case twice || prefix == f.Prefix:
			f.fatal("policyNamespaces", "prefix %s is declared twice", prefix)
		default:
			f.Using[prefix] = namespace
		}
	}
}

func (f *File) readCategory(e *etree.Element) {
	c := Category{Name: attr(e, "name"), Parent: ref(e, "parentCategory"), Display: attr(e, "displayName")}
	where := "category " + c.Name
	switch _, twice := f.category(c.Name); {
	case c.Name == "":
		f.fatal("categories", "number %d has no name", len(f.Categories)+1)
		return
	case twice:
		f.fatal(where, "there are two of this name")
		return
	case strings.ContainsAny(c.Name, "~/"):
		f.fatal(where, "a name that is part of a URI must have neither ~ nor /")
	}
	f.byName[strings.ToLower(c.Name)] = len(f.Categories)
	f.Categories = append(f.Categories, c)
}

// ref returns the reference in the element called tag below e.
func ref(e *etree.Element, tag string) string {
	if c := e.SelectElement(tag); c != nil {
		return attr(c, "ref")
	}
	return ""
}

func (f *File) readPolicy(e *etree.Element) (*Policy, bool) {
	p := &Policy{Category: ref(e, "parentCategory"), Display: attr(e, "displayName"), Explain: attr(e, "explainText"), Presentation: attr(e, "presentation"), Supported: ref(e, "supportedOn")}
	p.File, p.Name = f.Name, attr(e, "name")
	where := "policy " + p.Name
	if p.Name == "" {
		f.fatal("policies", "number %d has no name", len(f.Policies)+1)
		return nil, false
	}
	if strings.Contains(p.Name, "/") {
		f.fatal(where, "a name that is part of a URI must have no /")
	}
	var ok bool
	if p.Class, ok = csp.ClassOf(attr(e, "class")); !ok || p.Class == 0 {
		f.fatal(where, "class is %q, want Machine, User or Both", attr(e, "class"))
		return nil, false
	}
	if attr(e, "key") == "" {
		f.fatal(where, "it has no registry key")
	}
	p.Keys = keys(e)
	ids := map[string]bool{}
	for _, l := range e.ChildElements() {
		if l.Tag != "elements" {
			continue
		}
		for _, c := range l.ChildElements() {
			el, ok := f.readElement(where, c)
			if !ok {
				continue
			}
			if ids[el.ID] {
				f.fatal(where, "two elements have the id %s, which payloads cannot tell apart", el.ID)
				continue
			}
			ids[el.ID] = true
			p.Elements = append(p.Elements, el)
		}
	}
	return p, true
}

// keys returns the registry keys at e and below it.
func keys(e *etree.Element) (out []string) {
	seen := map[string]bool{}
	todo := []*etree.Element{e}
	for len(todo) > 0 {
		e, todo = todo[0], todo[1:]
		k := attr(e, "key")
		if folded := strings.ToLower(k); k != "" && !seen[folded] {
			seen[folded] = true
			out = append(out, k)
		}
		todo = append(todo, e.ChildElements()...)
	}
	return out
}

func (f *File) readElement(where string, e *etree.Element) (csp.Element, bool) {
	el := csp.Element{ID: attr(e, "id"), Required: isTrue(e, "required")}
	tag := e.Tag
	if tag == "longDecimal" {
		tag = "decimal"
	}
	where += ", " + e.Tag + " " + el.ID
	var ok bool
	if el.Type, ok = csp.ElementTypeOf(tag); !ok || el.Type == 0 {
		f.fatal(where, "this kind of element is not known")
		return el, false
	}
	if el.ID == "" {
		f.fatal(where, "it has no id")
		return el, false
	}
	number := func(name string, bits int) *int64 {
		text := attr(e, name)
		if text == "" {
			return nil
		}
		n, err := strconv.ParseUint(text, 10, bits)
		if err != nil {
			f.fatal(where, "%s %q is no number from 0 to %d", name, text, uint64(math.MaxUint64)>>(64-bits))
			return nil
		}
		v := int64(n)
		return &v
	}
	count := func(name string) int {
		if n := number(name, 31); n != nil {
			return int(*n)
		}
		return 0
	}
	switch el.Type {
	case csp.ElementDecimal:
		bits := 32
		if e.Tag == "longDecimal" {
			bits = 63
		}
		el.Min, el.Max = number("minValue", bits), number("maxValue", bits)
		if bits == 63 && el.Max == nil {
			n := int64(math.MaxInt64) // without it, it would be that of a DWORD
			el.Max = &n
		}
		if el.Min != nil && el.Max != nil && *el.Min > *el.Max {
			f.fatal(where, "minValue %d is above maxValue %d: it takes nothing", *el.Min, *el.Max)
		}
	case csp.ElementText:
		el.MaxLength = count("maxLength")
	case csp.ElementMultiText:
		el.MaxLength, el.MaxStrings = count("maxLength"), count("maxStrings")
	case csp.ElementEnum:
		el.Values = f.values(where, e)
	case csp.ElementList:
		prefix := e.SelectAttr("valuePrefix")
		el.Additive = isTrue(e, "additive")
		// With a prefix that is not empty, names are that prefix and a number.
		// Of these, csp says no more than that there are names.
		el.Explicit = isTrue(e, "explicitValue") || prefix != nil && prefix.Value != ""
		el.Prefixed = prefix != nil && !el.Explicit
	}
	return el, true
}

// values returns the values of an enum's items: what a payload holds, not what
// people see.
func (f *File) values(where string, e *etree.Element) (out []string) {
	seen := map[string]bool{}
	for i, item := range e.SelectElements("item") {
		v, ok := value(item)
		switch {
		case !ok:
			f.fatal(where, "item %d has no value", i+1)
		case seen[v]:
			f.doubt(where, "item %d has the value of one before it: %q", i+1, v)
		default:
			seen[v] = true
			out = append(out, v)
		}
	}
	if len(out) == 0 {
		f.fatal(where, "it has no items: it takes nothing")
	}
	return out
}

func value(item *etree.Element) (string, bool) {
	v := item.SelectElement("value")
	if v == nil || len(v.ChildElements()) != 1 {
		return "", false
	}
	switch c := v.ChildElements()[0]; c.Tag {
	case "decimal", "longDecimal":
		n, err := strconv.ParseUint(attr(c, "value"), 10, 64)
		return fmt.Sprint(n), err == nil
	case "string":
		return c.Text(), true
	case "delete":
		return "", true
	}
	return "", false
}
