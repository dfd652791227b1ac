package csp

import (
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/omadm-sdk/omadm/dmtree"
)

// A Payload is the value of a node that stands for a Group Policy. The zero
// Payload disables the policy. (To make it not configured, delete the node.)
type Payload struct {
	Enabled bool
	Data    map[string]string // the inputs of an enabled policy, by the id of its ADMX element
}

// ListSeparator stands between the parts of the data of a list, and between
// the strings of a multiText element: U+F000, which no keyboard types.
const ListSeparator = "\uF000"

// JoinStrings returns the data of a multiText element.
func JoinStrings(s ...string) string { return strings.Join(s, ListSeparator) }

// JoinPairs returns the data of a list element: names and values in turn. See
// [Element] for what the names must be.
func JoinPairs(pairs ...[2]string) string {
	parts := make([]string, 0, 2*len(pairs))
	for _, p := range pairs {
		parts = append(parts, p[0], p[1])
	}
	return strings.Join(parts, ListSeparator)
}

// ParsePayload reads the value of a node that stands for a Group Policy. Names
// of elements may have any case, as in Microsoft's own samples. The error says
// what was wanted; it wraps [dmtree.ErrValue].
func ParsePayload(text string) (*Payload, error) {
	p, want := readPayload(text)
	if want != "" {
		return nil, fmt.Errorf("csp: policy payload: %w: want %s", dmtree.ErrValue, want)
	}
	return p, nil
}

// String returns the payload as a node holds it, data sorted by id. It is not
// escaped for the message around it: package session does that, or writes it
// as CDATA, and both are right.
func (p *Payload) String() string {
	if !p.Enabled {
		return "<disabled/>"
	}
	b := []byte("<enabled/>")
	for _, id := range slices.Sorted(maps.Keys(p.Data)) {
		b = append(b, `<data id="`...)
		b = appendAttribute(b, id)
		b = append(b, `" value="`...)
		b = appendAttribute(b, p.Data[id])
		b = append(b, `"/>`...)
	}
	return string(b)
}

// appendAttribute escapes what cannot be in a quoted attribute, and writes the
// separator of lists, white space that a parser would change, and what XML
// could not carry otherwise by number.
func appendAttribute(b []byte, s string) []byte {
	for _, r := range s {
		switch r {
		case '&':
			b = append(b, "&amp;"...)
		case '<':
			b = append(b, "&lt;"...)
		case '"':
			b = append(b, "&quot;"...)
		case '\t', '\n', '\r', '\uF000':
			b = fmt.Appendf(b, "&#x%X;", r)
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return b
}

// checkADMX checks a Group Policy payload: its form, and its data against the
// policy, where the schema knows that.
func (a *allowed) checkADMX(text string) (want string, err error) {
	p, want := readPayload(text)
	if want != "" {
		return want, nil
	}
	ref := a.decode().ADMX
	policy, ok := a.s.Policy(ref)
	switch {
	case !ok && ref.Name == "":
		return "", undecidable("what the policy needs is said in the ADMX file that was ingested for it")
	case !ok:
		return "", undecidable("what policy %s of %s needs is said in that file", ref.Name, ref.File)
	}
	return policy.check(p), nil
}

func (p *Payload) state() string {
	if p.Enabled {
		return "enabled"
	}
	return "disabled"
}

// payloadForm is what a payload must look like, in words.
const payloadForm = `<enabled/>, with <data id="…" value="…"/> after it if the policy has inputs, or <disabled/>`

// readPayload reads a payload, or tells what is wanted instead. Element names
// may have any case, as in Microsoft's own samples.
func readPayload(text string) (p *Payload, want string) {
	if strings.TrimSpace(text) == "" {
		return nil, payloadForm + "; to make the policy not configured, delete the node"
	}
	bad := func(why string) (*Payload, string) { return nil, payloadForm + "; " + why }
	// The payload has no root element of its own.
	const open, close = "<payload>", "</payload>"
	d := xml.NewDecoder(io.MultiReader(strings.NewReader(open), strings.NewReader(text), strings.NewReader(close)))
	p = &Payload{Data: make(map[string]string)}
	state, depth := "", 0
	for {
		t, err := d.Token()
		if err == io.EOF {
			break
		} else if err != nil {
			return bad("this is not well-formed XML")
		}
		switch t := t.(type) {
		case xml.StartElement:
			if depth++; depth == 1 {
				continue
			}
			if depth > 2 {
				return bad("elements are not nested")
			}
			switch name := strings.ToLower(t.Name.Local); name {
			case "enabled", "disabled":
				if state != "" {
					return bad("only one of <enabled/> and <disabled/>, once")
				}
				state = name
			case "data":
				id, value, ok := dataAttributes(t.Attr)
				if !ok {
					return bad("data needs an id and a value")
				}
				if _, twice := p.Data[id]; twice {
					return bad("data " + shorten(id) + " is there twice")
				}
				p.Data[id] = value
			default:
				return bad("not <" + shorten(t.Name.Local) + ">")
			}
		case xml.EndElement:
			depth--
			if depth == 0 && d.InputOffset() < int64(len(open)+len(text)) {
				return bad("this is not well-formed XML")
			}
		case xml.CharData:
			if strings.TrimSpace(string(t)) != "" {
				return bad("no text beside them (is the payload escaped twice?)")
			}
		case xml.Directive, xml.ProcInst:
			return bad("nothing else")
		}
	}
	switch {
	case state == "":
		return bad("one of <enabled/> and <disabled/> is missing")
	case state == "disabled" && len(p.Data) > 0:
		return bad("<disabled/> takes no data")
	}
	p.Enabled = state == "enabled"
	return p, ""
}

func dataAttributes(attrs []xml.Attr) (id, value string, ok bool) {
	for _, a := range attrs {
		switch strings.ToLower(a.Name.Local) {
		case "id":
			id = a.Value
		case "value":
			value, ok = a.Value, true
		}
	}
	return id, value, ok && id != ""
}
