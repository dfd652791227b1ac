package xsd_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/omadm-sdk/omadm/internal/xsd"
	"github.com/stretchr/testify/require"
)

func schema(body string) string {
	return `<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">` + body + `</xs:schema>`
}

func TestBuiltins(t *testing.T) {
	for _, tt := range []struct{ typ, good, bad string }{
		{"string", "any|thing|", ""},
		{"boolean", "true|false|1|0| true ", "yes|True|"},
		{"decimal", "1|-1.5|.5|+0.|1.", "1e3|.|a|"},
		{"integer", "0|-7|+7|99999999999999999999", "1.0|a|"},
		{"positiveInteger", "1|+2", "0|-1|a"},
		{"nonNegativeInteger", "0|-0|1", "-1"},
		{"negativeInteger", "-1", "0|1"},
		{"nonPositiveInteger", "-1|0", "1"},
		{"byte", "-128|127", "128|-129|a"},
		{"unsignedByte", "0|255", "256|-1"},
		{"unsignedInt", "4294967295", "4294967296|-1"},
		{"int", "-2147483648", "2147483648"},
		{"long", "9223372036854775807", "9223372036854775808"},
		{"double", "1e3|INF|-INF|NaN|-1.5", "inf|0x1p1|a|1_0"},
		{"dateTime", "2026-03-28T22:21:52|2026-03-28T22:21:52Z|2026-03-28T22:21:52.5+02:00", "2026-03-28|28.3.2026|2026-13-28T22:21:52"},
		{"date", "2026-03-28|2026-03-28Z", "2026-03-28T00:00:00"},
		{"time", "22:21:52|22:21:52Z", "22"},
		{"NCName", "a|_b1", "1a|"},
		{"base64Binary", "YWJj|YW Jj|", "YWJ"},
		{"hexBinary", "0aFF|", "0|xy"},
		{"anyURI", "https://example.com|urn:x", ""},
	} {
		s, err := xsd.Compile(schema(`<xs:element name="a" type="xs:` + tt.typ + `"/>`))
		require.NoError(t, err)
		for v := range strings.SplitSeq(tt.good, "|") {
			require.NoError(t, s.Check("<a>"+v+"</a>"), "%s %q", tt.typ, v)
		}
		if tt.bad == "" {
			continue
		}
		for v := range strings.SplitSeq(tt.bad, "|") {
			require.Error(t, s.Check("<a>"+v+"</a>"), "%s %q", tt.typ, v)
		}
	}
}

// TestCompileRefuses: what goes beyond the subset is said, and what is broken.
func TestCompileRefuses(t *testing.T) {
	for _, tt := range []struct {
		body    string
		unknown bool
	}{
		{`<xs:element name="a" type="xs:string"><xs:keyref name="k" refer="x"/></xs:element>`, true},
		{`<xs:element name="a"><xs:complexType><xs:complexContent/></xs:complexType></xs:element>`, true},
		{`<xs:element name="a"><xs:complexType><xs:sequence><xs:group ref="g"/></xs:sequence></xs:complexType></xs:element>`, true},
		{`<xs:element name="a"><xs:simpleType><xs:restriction base="xs:string"><xs:pattern value="\i"/></xs:restriction></xs:simpleType></xs:element>`, true},
		{`<xs:element name="a"><xs:simpleType><xs:restriction base="xs:string"><xs:totalDigits value="3"/></xs:restriction></xs:simpleType></xs:element>`, true},
		{`<xs:element name="a"><xs:complexType/><xs:unique name="u"><xs:selector xpath=".//b"/><xs:field xpath="@c"/></xs:unique></xs:element>`, true},
		{`<xs:element/>`, false},
		{`<xs:element name="a" type="missing"/>`, false},
		{`<xs:element name="a" minOccurs="x"/>`, false},
		{`<xs:element name="a"><xs:complexType><xs:attributeGroup ref="g"/></xs:complexType></xs:element>`, false},
		{`<xs:attributeGroup name="g"><xs:attributeGroup ref="g"/></xs:attributeGroup><xs:element name="a"><xs:complexType><xs:attributeGroup ref="g"/></xs:complexType></xs:element>`, false},
		{``, false},
	} {
		_, err := xsd.Compile(schema(tt.body))
		require.Error(t, err, tt.body)
		require.Equal(t, tt.unknown, errors.Is(err, xsd.ErrUnknown), "%v", err)
	}
	_, err := xsd.Compile("<a/>")
	require.Error(t, err)
	_, err = xsd.Compile("<a")
	require.Error(t, err)
}

// TestRecursive: types may contain themselves.
func TestRecursive(t *testing.T) {
	s, err := xsd.Compile(schema(`<xs:complexType name="t"><xs:sequence><xs:element name="a" type="t" minOccurs="0"/></xs:sequence></xs:complexType><xs:element name="a" type="t"/>`))
	require.NoError(t, err)
	require.NoError(t, s.Check("<a><a><a/></a></a>"))
	require.Error(t, s.Check("<a><a><b/></a></a>"))
}

// FuzzCheck: no schema and no document makes it fail other than with an error,
// and a document that a schema takes is well formed.
func FuzzCheck(f *testing.F) {
	f.Add(schema(`<xs:element name="a"><xs:complexType mixed="true"><xs:choice maxOccurs="unbounded"><xs:element name="b" type="xs:int"/><xs:any/></xs:choice><xs:attribute name="c" use="required"/></xs:complexType></xs:element>`), `<a c="1"><b>2</b></a>`)
	f.Add(schema(`<xs:simpleType name="l"><xs:list itemType="xs:int"/></xs:simpleType><xs:element name="a" type="l"/>`), "<a>1 2</a>")
	f.Add(schema(`<xs:simpleType name="u"><xs:union memberTypes="u xs:int"/></xs:simpleType><xs:element name="a" type="u"/>`), "<a>1</a>")
	f.Add(schema(`<xs:element name="a"><xs:complexType><xs:all><xs:element name="b"/><xs:element ref="a" minOccurs="0"/></xs:all></xs:complexType></xs:element>`), "<a><b/><a><b/></a></a>")
	f.Fuzz(func(t *testing.T, text, doc string) {
		s, err := xsd.Compile(text)
		if err != nil {
			return
		}
		if s.Check(doc) == nil && !strings.Contains(doc, "<") {
			t.Errorf("took %q", doc)
		}
	})
}
