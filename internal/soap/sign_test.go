package soap

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/beevik/etree"
	"github.com/stretchr/testify/require"
)

// The examples of the two specifications: Canonical XML 1.0 section 3, and Exclusive XML Canonicalization sections 2.1
// and 2.2, without comments.
func TestCanonical(t *testing.T) {
	const exc = `<n0:local xmlns:n0="foo:bar" xmlns:n3="ftp://example.org"><n1:elem2 xmlns:n1="http://example.net" xml:lang="en"><n3:stuff xmlns:n3="ftp://example.org"/></n1:elem2></n0:local>`
	const exc2 = `<n2:pdu xmlns:n1="http://example.com" xmlns:n2="http://foo.example" xml:lang="fr" xml:space="retain"><n1:elem2 xmlns:n1="http://example.net" xml:lang="en"><n3:stuff xmlns:n3="ftp://example.org"/></n1:elem2></n2:pdu>`
	for _, row := range []struct {
		name, in, part string
		exclusive      bool
		want           string
	}{
		{"C14N 3.2, white space in content", "<doc>\n   <clean>   </clean>\n   <dirty>   A   B   </dirty>\n</doc>", "", false,
			"<doc>\n   <clean>   </clean>\n   <dirty>   A   B   </dirty>\n</doc>"},
		{"C14N 3.3, start and end tags", `<doc><e1   /><e2   ></e2><e3   name = "elem3"   id="elem3"   /><e5 a:attr="out" b:attr="sorted" attr2="all" attr="I'm" xmlns:b="http://www.ietf.org" xmlns:a="http://www.w3.org" xmlns="http://example.org"/><e6 xmlns="" xmlns:a="http://www.w3.org"><e7 xmlns="http://www.ietf.org"><e8 xmlns="" xmlns:a="http://www.w3.org"><e9 xmlns="" xmlns:a="http://www.ietf.org"/></e8></e7></e6></doc>`, "", false,
			`<doc><e1></e1><e2></e2><e3 id="elem3" name="elem3"></e3><e5 xmlns="http://example.org" xmlns:a="http://www.w3.org" xmlns:b="http://www.ietf.org" attr="I'm" attr2="all" b:attr="sorted" a:attr="out"></e5><e6 xmlns:a="http://www.w3.org"><e7 xmlns="http://www.ietf.org"><e8 xmlns=""><e9 xmlns:a="http://www.ietf.org"></e9></e8></e7></e6></doc>`},
		{"C14N 3.4, references and CDATA", `<doc><text>First line&#x0d;&#10;Second line</text><value>&#x32;</value><compute><![CDATA[value>"0" && value<"10" ?"valid":"error"]]></compute><compute expr='value>"0" &amp;&amp; value&lt;"10" ?"valid":"error"'>valid</compute><norm attr=' &apos;   &#x20;&#13;&#xa;&#9;   &apos; '/></doc>`, "", false,
			"<doc><text>First line&#xD;\nSecond line</text><value>2</value><compute>value&gt;\"0\" &amp;&amp; value&lt;\"10\" ?\"valid\":\"error\"</compute><compute expr=\"value>&quot;0&quot; &amp;&amp; value&lt;&quot;10&quot; ?&quot;valid&quot;:&quot;error&quot;\">valid</compute><norm attr=\" '    &#xD;&#xA;&#x9;   ' \"></norm></doc>"},
		{"comments are dropped, instructions kept", `<doc><!-- c --><?pi some data ?>x</doc>`, "", false, `<doc><?pi some data ?>x</doc>`},
		{"the inclusive form of a part carries what is around it", exc, "elem2", false,
			`<n1:elem2 xmlns:n0="foo:bar" xmlns:n1="http://example.net" xmlns:n3="ftp://example.org" xml:lang="en"><n3:stuff></n3:stuff></n1:elem2>`},
		{"exclusive 2.2, in the first document", exc, "elem2", true,
			`<n1:elem2 xmlns:n1="http://example.net" xml:lang="en"><n3:stuff xmlns:n3="ftp://example.org"></n3:stuff></n1:elem2>`},
		{"exclusive 2.2, in the second document", exc2, "elem2", true,
			`<n1:elem2 xmlns:n1="http://example.net" xml:lang="en"><n3:stuff xmlns:n3="ftp://example.org"></n3:stuff></n1:elem2>`},
		{"exclusive, the default namespace is taken back", `<a xmlns="urn:a"><b xmlns="" xmlns:u="urn:unused"><c xmlns="urn:a"/></b></a>`, "", true,
			`<a xmlns="urn:a"><b xmlns=""><c xmlns="urn:a"></c></b></a>`},
		{"attributes of xml come behind those of no namespace", `<a xml:lang="en" z="1" b="2"/>`, "", true, `<a b="2" z="1" xml:lang="en"></a>`},
	} {
		t.Run(row.name, func(t *testing.T) {
			doc, err := ParseXML([]byte(row.in), nil)
			require.NoError(t, err)
			el := doc.Root()
			if row.part != "" {
				el = el.FindElement(".//" + row.part)
			}
			require.Equal(t, row.want, string(canonical(el, row.exclusive, nil)))
		})
	}
}

type signer struct {
	cert *x509.Certificate
	key  *rsa.PrivateKey
}

var newSigner = sync.OnceValue(func() signer {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "package"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		panic(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return signer{cert, key}
})

func signed(t *testing.T) string {
	t.Helper()
	s := newSigner()
	body := etree.NewElement("GetPolicies")
	body.CreateAttr("xmlns", "urn:x")
	body.CreateElement("text").SetText("a<b>&\r\n\"'")
	env := &Envelope{
		Action:     "urn:action",
		Request:    true,
		Namespaces: []string{"u", NSUtility, "wsse", NSSecurity},
		Security: &Security{
			Timestamp: &Timestamp{Created: time.Now(), Expires: time.Now().Add(time.Minute)},
			Token:     &BinaryToken{ValueType: X509v3, Data: Encode(s.cert.Raw), ID: "uuid-1"},
		},
		Body: body,
	}
	doc := env.Document()
	require.NoError(t, Sign(doc, s.key, "uuid-1"))
	out, err := Bytes(doc)
	require.NoError(t, err)
	return string(out)
}

func TestVerify(t *testing.T) {
	good := signed(t)
	for _, row := range []struct {
		name, old, new string
		ok             bool
	}{
		{"as signed", "", "", true},
		{"a changed body", "a&lt;b", "a&lt;c", false},
		{"white space added", "<text>", " <text>", false},
		{"a changed action", "urn:action", "urn:other", false},
		{"another digest", algSHA256, "http://www.w3.org/2000/09/xmldsig#sha1", false},
		{"another signature method", algRSASHA256, "http://www.w3.org/2000/09/xmldsig#rsa-sha1", false},
		{"another canonicalization", c14nExclusive, "http://www.w3.org/2006/12/xml-c14n11", false},
		{"another transform", algEnveloped, "http://www.w3.org/TR/1999/REC-xslt-19991116", false},
		{"a reference to a part", `URI=""`, `URI="#part"`, false},
		{"a second reference", "<ds:Reference", `<ds:Reference URI="#x"/><ds:Reference`, false},
		{"no reference", "ds:Reference>", "ds:Referens>", false},
		{"no SignedInfo", "ds:SignedInfo", "ds:SignedIn", false},
		{"a certificate that is none", Encode(newSigner().cert.Raw), "AAAA", false},
		{"a certificate that is not base64", Encode(newSigner().cert.Raw), "*", false},
		{"a signature that is not base64", "<ds:SignatureValue>", "<ds:SignatureValue>*", false},
		{"a signature value of nothing", "ds:SignatureValue", "ds:SignatureVal", false},
		{"no token", "wsse:BinarySecurityToken", "wsse:BinarySecurityTok", false},
		{"no signature", "ds:Signature>", "ds:Sig>", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			in := good
			if row.old != "" {
				in = strings.ReplaceAll(in, row.old, row.new)
				require.NotEqual(t, good, in)
			}
			if row.name == "no reference" {
				in = strings.Replace(in, "<ds:Reference URI", "<ds:Referens URI", 1)
			}
			if row.name == "no signature" {
				in = strings.Replace(in, "<ds:Signature ", "<ds:Sig ", 1)
			}
			m, err := Parse([]byte(in), nil)
			require.NoError(t, err)
			cert, err := m.Verify()
			if row.ok {
				require.NoError(t, err)
				require.Equal(t, newSigner().cert.Raw, cert.Raw)
				return
			}
			require.ErrorIs(t, err, ErrSignature)
			require.Nil(t, cert)
		})
	}
}

// A digest of the exclusive form, which signers take that use it for everything.
func TestVerifyExclusiveDigest(t *testing.T) {
	for _, named := range []bool{false, true} {
		doc, err := ParseXML([]byte(signed(t)), nil)
		require.NoError(t, err)
		sig := FindPath(doc.Root(), NSEnvelope, "Header", "Security", "Signature")
		info := Find(sig, NSSignature, "SignedInfo")
		if named {
			FindPath(info, NSSignature, "Reference", "Transforms").CreateElement("ds:Transform").CreateAttr("Algorithm", c14nExclusive)
		}
		digest := sha256.Sum256(canonical(doc.Root(), true, sig))
		FindPath(info, NSSignature, "Reference", "DigestValue").SetText(Encode(digest[:]))
		sum := sha256.Sum256(canonical(info, true, nil))
		value, err := newSigner().key.Sign(rand.Reader, sum[:], crypto.SHA256)
		require.NoError(t, err)
		Find(sig, NSSignature, "SignatureValue").SetText(Encode(value))
		out, err := Bytes(doc)
		require.NoError(t, err)
		m, err := Parse(out, nil)
		require.NoError(t, err)
		_, err = m.Verify()
		require.NoError(t, err)
		m, err = Parse([]byte(strings.Replace(string(out), "a&lt;b", "a&lt;c", 1)), nil)
		require.NoError(t, err)
		_, err = m.Verify()
		require.ErrorIs(t, err, ErrSignature)
	}
}

func TestSignWithoutRSA(t *testing.T) {
	doc := (&Envelope{Action: "urn:action"}).Document()
	require.Error(t, Sign(doc, newSigner().key, "x"), "there is no Security header")
}
