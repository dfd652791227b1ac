package admx

import "strings"

// Strings are the texts of an ADML file, by their ids: those of one language.
type Strings map[string]string

// ParseADML reads the string table of an ADML file. Its limits are those of
// [Parse].
func ParseADML(name string, data []byte, opts *Options) (Strings, error) {
	r, err := root(name, data, opts, "policyDefinitionResources", ErrNotADML)
	if err != nil {
		return nil, err
	}
	s := Strings{}
	for _, resources := range r.SelectElements("resources") {
		for _, e := range within(resources, "stringTable", "string") {
			s[e.SelectAttrValue("id", "")] = strings.TrimSpace(e.Text())
		}
	}
	return s, nil
}

// Text returns what people are shown for a text of an ADMX file: that of the
// string which it refers to as $(string.id), or the text itself if it refers to
// none, or to one that is not there.
func (s Strings) Text(text string) string {
	id, ok := strings.CutPrefix(text, "$(string.")
	if !ok {
		return text
	}
	if t, ok := s[strings.TrimSuffix(id, ")")]; ok {
		return t
	}
	return text
}
