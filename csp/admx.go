package csp

import (
	"encoding/xml"
	"io"
	"strings"
)

// checkADMX checks the form of a Group Policy payload: <enabled/> with any
// number of <data id="" value=""/>, or <disabled/>. Which data a policy needs
// is said in its ADMX file, not in the schema of the node, so a payload of
// good form is not decidable here.
func (a *allowed) checkADMX(text string) (want string, err error) {
	if _, want := readPayload(text); want != "" {
		return want, nil
	}
	p := a.decode().ADMX
	return "", undecidable("what policy %s of %s needs is said in that file", p.Name, p.File)
}

// A payload is the value of a node that stands for a Group Policy.
type payload struct {
	enabled bool
	data    map[string]string // by id
}

func (p *payload) state() string {
	if p.enabled {
		return "enabled"
	}
	return "disabled"
}

// payloadForm is what a payload must look like, in words.
const payloadForm = `<enabled/>, with <data id="…" value="…"/> after it if the policy has inputs, or <disabled/>`

// readPayload reads a payload, or tells what is wanted instead. Element names
// may have any case, as in Microsoft's own samples.
func readPayload(text string) (p *payload, want string) {
	if strings.TrimSpace(text) == "" {
		return nil, payloadForm + "; to make the policy not configured, delete the node"
	}
	bad := func(why string) (*payload, string) { return nil, payloadForm + "; " + why }
	// The payload has no root element of its own.
	const open, close = "<payload>", "</payload>"
	d := xml.NewDecoder(io.MultiReader(strings.NewReader(open), strings.NewReader(text), strings.NewReader(close)))
	p = &payload{data: make(map[string]string)}
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
				if _, twice := p.data[id]; twice {
					return bad("data " + shorten(id) + " is there twice")
				}
				p.data[id] = value
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
	case state == "disabled" && len(p.data) > 0:
		return bad("<disabled/> takes no data")
	}
	p.enabled = state == "enabled"
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
