package interop

import "testing"

// LibWBXML is the C library libwbxml (Debian: libwbxml2-utils), which most servers and phones with WBXML were built on.
type LibWBXML struct{ decode, encode string }

// NewLibWBXML finds the library's tools; see [Tool].
func NewLibWBXML(tb testing.TB) *LibWBXML {
	return &LibWBXML{decode: Tool(tb, "wbxml2xml"), encode: Tool(tb, "xml2wbxml")}
}

// ToXML decodes a document, without white space between the tags but with all that is within.
func (l *LibWBXML) ToXML(wbxml []byte) ([]byte, error) {
	return Run(l.decode, wbxml, "-k", "-m", "0", "-o", "-", "-")
}

// ToWBXML encodes a document, in WBXML 1.2 and, unless table is set, without a string table. White space is kept.
func (l *LibWBXML) ToWBXML(xml []byte, table bool) ([]byte, error) {
	args := []string{"-k", "-v", "1.2", "-o", "-", "-"}
	if !table {
		args = append([]string{"-n"}, args...)
	}
	return Run(l.encode, xml, args...)
}
