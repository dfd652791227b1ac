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
	if want := payloadForm(text); want != "" {
		return want, nil
	}
	p := a.decode().ADMX
	return "", undecidable("what policy %s of %s needs is said in that file", p.Name, p.File)
}

// payloadForm tells what is wanted if text has not the form of a payload.
// Element names may have any case, as in Microsoft's own samples.
func payloadForm(text string) (want string) {
	const form = `<enabled/>, with <data id="…" value="…"/> after it if the policy has inputs, or <disabled/>`
	if strings.TrimSpace(text) == "" {
		return form + "; to make the policy not configured, delete the node"
	}
	// The payload has no root element of its own.
	d := xml.NewDecoder(io.MultiReader(strings.NewReader("<payload>"), strings.NewReader(text), strings.NewReader("</payload>")))
	state, depth := "", 0
	ids := make(map[string]bool)
	for {
		t, err := d.Token()
		if err == io.EOF {
			break
		} else if err != nil {
			return form + "; this is not well-formed XML"
		}
		switch t := t.(type) {
		case xml.StartElement:
			if depth++; depth == 1 {
				continue
			}
			if depth > 2 {
				return form + "; elements are not nested"
			}
			switch name := strings.ToLower(t.Name.Local); name {
			case "enabled", "disabled":
				if state != "" {
					return form + "; only one of <enabled/> and <disabled/>, once"
				}
				state = name
			case "data":
				var id string
				var hasValue bool
				for _, attr := range t.Attr {
					switch strings.ToLower(attr.Name.Local) {
					case "id":
						id = attr.Value
					case "value":
						hasValue = true
					}
				}
				switch {
				case id == "" || !hasValue:
					return form + "; data needs an id and a value"
				case ids[id]:
					return form + "; data " + id + " is there twice"
				}
				ids[id] = true
			default:
				return form + "; not <" + shorten(t.Name.Local) + ">"
			}
		case xml.EndElement:
			depth--
			if depth == 0 && d.InputOffset() < int64(len("<payload>")+len(text)) {
				return form + "; this is not well-formed XML"
			}
		case xml.CharData:
			if strings.TrimSpace(string(t)) != "" {
				return form + "; no text beside them (is the payload escaped twice?)"
			}
		case xml.Directive, xml.ProcInst:
			return form
		}
	}
	switch {
	case state == "":
		return form + "; one of <enabled/> and <disabled/> is missing"
	case state == "disabled" && len(ids) > 0:
		return form + "; <disabled/> takes no data"
	}
	return ""
}
