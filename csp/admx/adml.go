package admx

import "strings"

// Texts are what an ADML file says to people, in one language. A nil *Texts
// says nothing.
type Texts struct {
	strings map[string]string
	labels  map[label]string
}

// A label stands beside an element where a policy is edited.
type label struct{ presentation, element string }

// ParseADML reads an ADML file. Its limits are those of [Parse].
func ParseADML(name string, data []byte, opts *Options) (*Texts, error) {
	r, err := root(name, data, opts, "policyDefinitionResources", ErrNotADML)
	if err != nil {
		return nil, err
	}
	t := &Texts{map[string]string{}, map[label]string{}}
	for _, resources := range r.SelectElements("resources") {
		for _, e := range within(resources, "stringTable", "string") {
			t.strings[attr(e, "id")] = strings.TrimSpace(e.Text())
		}
		for _, p := range within(resources, "presentationTable", "presentation") {
			for _, e := range p.ChildElements() {
				text := e.Text()
				if l := e.SelectElement("label"); l != nil {
					text = l.Text() // of textBox and comboBox
				}
				if at := (label{attr(p, "id"), attr(e, "refId")}); at.element != "" {
					t.labels[at] = strings.TrimSpace(text)
				}
			}
		}
	}
	return t, nil
}

// Text returns what people are shown for a text of an ADMX file: that of the
// string which it refers to as $(string.id), or the text itself if it refers to
// none, or to one that is not there.
func (t *Texts) Text(text string) string {
	if id, ok := reference(text, "string"); ok && t != nil {
		if s, ok := t.strings[id]; ok {
			return s
		}
	}
	return text
}

// Label returns what people see beside an element where they edit the policy,
// or the element's id if the file does not say.
func (t *Texts) Label(p *Policy, element string) string {
	if id, ok := reference(p.Presentation, "presentation"); ok && t != nil {
		if s := t.labels[label{id, element}]; s != "" {
			return s
		}
	}
	return element
}

// reference returns the id in $(table.id).
func reference(text, table string) (id string, ok bool) {
	id, ok = strings.CutPrefix(text, "$("+table+".")
	return strings.TrimSuffix(id, ")"), ok
}
