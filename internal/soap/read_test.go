package soap_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/omadm-sdk/omadm/internal/soap"
	"github.com/stretchr/testify/require"
)

const discover = `<s:Envelope xmlns:a="http://www.w3.org/2005/08/addressing" xmlns:s="http://www.w3.org/2003/05/soap-envelope">` +
	`<s:Header><a:Action s:mustUnderstand="1">urn:action</a:Action><a:MessageID>urn:uuid: 748132ec</a:MessageID>` +
	`<a:ReplyTo><a:Address>http://www.w3.org/2005/08/addressing/anonymous</a:Address></a:ReplyTo>` +
	`<a:To s:mustUnderstand="1">https://fabrikam.example:443/x</a:To></s:Header><s:Body><Discover xmlns="urn:d"/></s:Body></s:Envelope>`

func TestParse(t *testing.T) {
	replace := func(old, new string) string {
		s := strings.ReplaceAll(discover, old, new)
		require.NotEqual(t, discover, s)
		return s
	}
	for _, row := range []struct{ name, in string }{
		{"as Windows writes it", discover},
		{"other prefixes", strings.NewReplacer("<s:", "<env:", "</s:", "</env:", " s:", " env:", "xmlns:s", "xmlns:env", "a:A", "wsa:A", "a:M", "wsa:M", "a:R", "wsa:R", "a:T", "wsa:T", "xmlns:a", "xmlns:wsa").Replace(discover)},
		{"the envelope's namespace as default", strings.NewReplacer("<s:", "<", "</s:", "</", `xmlns:s=`, `xmlns=`, `s:must`, `must`).Replace(discover)},
		{"SOAP 1.1", replace(soap.NSEnvelope, soap.NSEnvelope11)},
		{"an XML declaration", `<?xml version="1.0" encoding="utf-8"?>` + discover},
		{"a byte order mark", "\xef\xbb\xbf" + discover},
		{"white space and comments between tags", strings.ReplaceAll(discover, "><", "> \r\n\t<!-- x --><")},
		{"white space around values", replace("urn:action", "\n urn:action\t")},
		{"a comment inside a value", replace("urn:action", "urn:<!-- x -->action")},
		{"a header that is not known", replace("<s:Header>", `<s:Header><n:New xmlns:n="urn:n" s:mustUnderstand="1">1</n:New>`)},
		{"headers in another order", replace("<s:Header>", `<s:Header><a:From><a:Address>x</a:Address></a:From>`)},
	} {
		t.Run(row.name, func(t *testing.T) {
			m, err := soap.Parse([]byte(row.in), nil)
			require.NoError(t, err)
			require.Equal(t, "urn:action", m.Action)
			require.Equal(t, "urn:uuid: 748132ec", m.MessageID)
			require.Equal(t, "https://fabrikam.example:443/x", m.To)
			require.Equal(t, "Discover", m.Body.Tag)
			require.Nil(t, m.Security)
			require.Nil(t, m.Fault)
		})
	}
}

func TestParseRefuses(t *testing.T) {
	body := func(s string) string { return strings.Replace(discover, `<Discover xmlns="urn:d"/>`, s, 1) }
	for _, row := range []struct {
		name, in string
		want     error
	}{
		{"nothing", "", soap.ErrSyntax},
		{"no XML", "hello", soap.ErrSyntax},
		{"JSON", `{"a":1}`, soap.ErrSyntax},
		{"half a message", discover[:len(discover)/2], soap.ErrSyntax},
		{"crossed tags", body("<a><b></a></b>"), soap.ErrSyntax},
		{"two documents", discover + discover, soap.ErrSyntax},
		{"text after the document", discover + "x", soap.ErrSyntax},
		{"an attribute twice", body(`<a b="1" b="2"/>`), soap.ErrSyntax},
		{"an encoding that is not UTF-8", `<?xml version="1.0" encoding="iso-8859-1"?>` + discover, soap.ErrSyntax},
		{"bytes that are not UTF-8", body("<a>\xff\xfe</a>"), soap.ErrSyntax},
		{"an entity that is not defined", body("<a>&xxe;</a>"), soap.ErrSyntax},
		{"a document type", `<!DOCTYPE x>` + discover, soap.ErrDTD},
		{"an external entity", `<!DOCTYPE x [<!ENTITY xxe SYSTEM "file:///etc/passwd">]>` + body("<a>&xxe;</a>"), soap.ErrDTD},
		{"a billion laughs", `<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>` + body("<a>&b;</a>"), soap.ErrDTD},
		{"10,000 levels", body(strings.Repeat("<a>", 10000) + strings.Repeat("</a>", 10000)), soap.ErrTooDeep},
		{"10,000 levels, never closed", strings.Repeat("<a>", 10000), soap.ErrTooDeep},
		{"5,000 elements", body("<a>" + strings.Repeat("<b/>", 5000) + "</a>"), soap.ErrTooMany},
		{"40 attributes", body("<a " + attributes(40) + "/>"), soap.ErrTooMany},
		{"300 kB", body("<a>" + strings.Repeat("x", 300<<10) + "</a>"), soap.ErrTooLarge},
		{"another document", `<wap-provisioningdoc version="1.1"/>`, soap.ErrEnvelope},
		{"an envelope of nobody's", `<Envelope><Body/></Envelope>`, soap.ErrEnvelope},
		{"no body", strings.Split(discover, "<s:Body>")[0] + "</s:Envelope>", soap.ErrEnvelope},
		{"two bodies", strings.Replace(discover, "<s:Body>", "<s:Body/><s:Body>", 1), soap.ErrEnvelope},
		{"two headers", strings.Replace(discover, "<s:Header>", "<s:Header/><s:Header>", 1), soap.ErrEnvelope},
		{"two actions", strings.Replace(discover, "<a:MessageID>", "<a:Action>urn:other</a:Action><a:MessageID>", 1), soap.ErrEnvelope},
		{"two security headers", strings.Replace(discover, "<s:Header>", `<s:Header xmlns:w="`+soap.NSSecurity+`"><w:Security/><w:Security/>`, 1), soap.ErrEnvelope},
	} {
		t.Run(row.name, func(t *testing.T) {
			m, err := soap.Parse([]byte(row.in), nil)
			require.ErrorIs(t, err, row.want)
			require.Nil(t, m)
			var pe *soap.ParseError
			require.ErrorAs(t, err, &pe)
			require.Less(t, len(err.Error()), 300, "an error is not the message again")
			require.NotContains(t, err.Error(), "xxe")
		})
	}
}

func attributes(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, ` a%d=""`, i)
	}
	return b.String()
}

func TestReadAll(t *testing.T) {
	lim := &soap.Limits{Bytes: 10}
	b, err := soap.ReadAll(strings.NewReader("0123456789"), lim)
	require.NoError(t, err)
	require.Equal(t, "0123456789", string(b))
	_, err = soap.ReadAll(strings.NewReader("0123456789a"), lim)
	require.ErrorIs(t, err, soap.ErrTooLarge)
	_, err = soap.ReadAll(errReader{}, lim)
	require.ErrorIs(t, err, errBroken)
}

var errBroken = errors.New("broken")

type errReader struct{}

func (errReader) Read([]byte) (int, error) { return 0, errBroken }

func TestSecurity(t *testing.T) {
	header := func(s string) string {
		return strings.Replace(discover, "<s:Header>", `<s:Header xmlns:wsse="`+soap.NSSecurity+`" xmlns:u="`+soap.NSUtility+`">`+s, 1)
	}
	for _, row := range []struct {
		name, in string
		want     soap.Security
	}{
		{"a password", `<wsse:Security s:mustUnderstand="1"><wsse:UsernameToken u:Id="x"><wsse:Username>pat@fabrikam.example</wsse:Username>` +
			`<wsse:Password wsse:Type="` + soap.PasswordText + `"> correct horse </wsse:Password></wsse:UsernameToken></wsse:Security>`,
			soap.Security{Username: &soap.UsernameToken{Name: "pat@fabrikam.example", Password: " correct horse ", Type: soap.PasswordText}}},
		{"the type without a prefix", `<wsse:Security><wsse:UsernameToken><wsse:Username>p</wsse:Username><wsse:Password Type="t">x</wsse:Password></wsse:UsernameToken></wsse:Security>`,
			soap.Security{Username: &soap.UsernameToken{Name: "p", Password: "x", Type: "t"}}},
		{"a password with markup in it", `<wsse:Security><wsse:UsernameToken><wsse:Username>p</wsse:Username><wsse:Password>a&lt;b&amp;<![CDATA[<c>]]></wsse:Password></wsse:UsernameToken></wsse:Security>`,
			soap.Security{Username: &soap.UsernameToken{Name: "p", Password: "a<b&<c>"}}},
		{"a token", `<wsse:Security><wsse:BinarySecurityToken ValueType="v" EncodingType="` + soap.Base64Binary + `">VE9L` + "\r\n" + `RU4=</wsse:BinarySecurityToken></wsse:Security>`,
			soap.Security{Token: &soap.BinaryToken{ValueType: "v", Data: "VE9L\nRU4="}}},
		{"attributes with a prefix and an escaped hash", `<wsse:Security><wsse:BinarySecurityToken wsse:ValueType="v\#w" u:Id="7">VE9LRU4=</wsse:BinarySecurityToken></wsse:Security>`,
			soap.Security{Token: &soap.BinaryToken{ValueType: "v#w", Data: "VE9LRU4=", ID: "7"}}},
		{"an empty header", `<wsse:Security/>`, soap.Security{}},
	} {
		t.Run(row.name, func(t *testing.T) {
			m, err := soap.Parse([]byte(header(row.in)), nil)
			require.NoError(t, err)
			require.Equal(t, &row.want, m.Security)
		})
	}
}

func TestDecode(t *testing.T) {
	want := []byte{0xfb, 0xff, 0xbe, 0x00}
	for _, in := range []string{"+/++AA==", "-_--AA", "+/+\r\n+A\tA = =", "-_--AA=="} {
		got, err := soap.Decode(in)
		require.NoError(t, err, in)
		require.Equal(t, want, got, in)
	}
	for _, in := range []string{"A", "AA*A", "<a/>", "AAAAA"} {
		_, err := soap.Decode(in)
		require.Error(t, err, in)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(discover))
	f.Add([]byte(strings.Replace(discover, soap.NSEnvelope, soap.NSEnvelope11, 1)))
	f.Add([]byte(`<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body><s:Fault><s:Code><s:Value>s:Receiver</s:Value></s:Code></s:Fault></s:Body></s:Envelope>`))
	f.Fuzz(func(t *testing.T, data []byte) {
		lim := &soap.Limits{Bytes: 16 << 10, Depth: 16, Elements: 256, Attrs: 8}
		m, err := soap.Parse(data, lim)
		if err != nil {
			return
		}
		if int64(len(data)) > lim.Bytes {
			t.Fatalf("%d bytes accepted", len(data))
		}
		if bytes.Contains(data, []byte("<!DOCTYPE")) && !bytes.Contains(data, []byte("<!--")) && !bytes.Contains(data, []byte("<![CDATA[")) && !bytes.Contains(data, []byte("<?")) {
			t.Fatal("a document type was accepted")
		}
		// What was read can be written, and reads the same.
		env := &soap.Envelope{Action: m.Action, MessageID: m.MessageID, RelatesTo: m.RelatesTo, To: m.To, ActivityID: m.ActivityID}
		out, err := soap.Bytes(env.Document())
		if err != nil {
			t.Fatal(err)
		}
		again, err := soap.Parse(out, &soap.Limits{Bytes: 1 << 20})
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		for _, v := range [][2]string{{m.Action, again.Action}, {m.MessageID, again.MessageID}, {m.RelatesTo, again.RelatesTo}, {m.To, again.To}, {m.ActivityID, again.ActivityID}} {
			if v[0] != v[1] {
				t.Fatalf("%q became %q", v[0], v[1])
			}
		}
		if _, err := m.Verify(); err == nil {
			t.Fatal("a signature out of nowhere")
		}
	})
}
