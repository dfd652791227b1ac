package soap

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"

	"github.com/beevik/etree"
)

const (
	algRSASHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
	algSHA256    = "http://www.w3.org/2001/04/xmlenc#sha256"
	algEnveloped = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"

	// One example of MS-MDE2 writes the digest like this; the algorithm it means is the same.
	algSHA256Erratum = "http://www.w3.org/2000/09/xmldsig#sha256"
)

// ErrSignature is why [Message.Verify] refuses, wrapped with the particulars.
var ErrSignature = errors.New("signature not acceptable")

func badSignature(format string, args ...any) error {
	return fmt.Errorf("soap: %w: "+format, append([]any{ErrSignature}, args...)...)
}

// Verify checks the XML signature in the Security header: it must be of the whole document, RSA with SHA-256, by the
// certificate in the header's token, which is returned. Who issued the certificate is for the caller to judge, and the
// Timestamp too.
func (m *Message) Verify() (*x509.Certificate, error) {
	s := m.Security
	switch {
	case s == nil || s.signature == nil:
		return nil, badSignature("there is none")
	case s.Token == nil:
		return nil, badSignature("there is no certificate")
	}
	der, err := Decode(s.Token.Data)
	if err != nil {
		return nil, badSignature("certificate: %v", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, badSignature("certificate: %v", err)
	}
	pub, ok := cert.PublicKey.(*rsa.PublicKey)
	if !ok || pub.Size() > 1024 {
		return nil, badSignature("the certificate has no RSA key of at most 8192 bits")
	}

	info := Find(s.signature, NSSignature, "SignedInfo")
	if info == nil {
		return nil, badSignature("there is no SignedInfo")
	}
	var exclusive bool
	switch alg := algorithm(info, "CanonicalizationMethod"); alg {
	case c14nExclusive:
		exclusive = true
	case c14nInclusive:
	default:
		return nil, badSignature("CanonicalizationMethod is %q, want %s", alg, c14nExclusive)
	}
	if alg := algorithm(info, "SignatureMethod"); alg != algRSASHA256 {
		return nil, badSignature("SignatureMethod is %q, want %s", alg, algRSASHA256)
	}
	if err := m.verifyReference(info); err != nil {
		return nil, err
	}
	sig, err := Decode(Text(Find(s.signature, NSSignature, "SignatureValue")))
	if err != nil {
		return nil, badSignature("SignatureValue: %v", err)
	}
	sum := sha256.Sum256(canonical(info, exclusive, nil))
	if err := rsa.VerifyPKCS1v15(pub, crypto.SHA256, sum[:], sig); err != nil {
		return nil, badSignature("it does not fit the certificate's key")
	}
	return cert, nil
}

func algorithm(el *etree.Element, tag string) string {
	if c := Find(el, NSSignature, tag); c != nil {
		return strings.TrimSpace(Attr(c, "Algorithm"))
	}
	return ""
}

func (m *Message) verifyReference(info *etree.Element) error {
	var ref *etree.Element
	for _, c := range info.ChildElements() {
		if c.Tag != "Reference" {
			continue
		}
		if ref != nil {
			return badSignature("more than one Reference")
		}
		ref = c
	}
	if ref == nil {
		return badSignature("there is no Reference")
	}
	// Anything but the whole document would let unsigned parts be read as signed ones.
	if uri := Attr(ref, "URI"); uri != "" {
		return badSignature("Reference is to %q, want the whole document", uri)
	}
	enveloped, forms := false, []bool{false, true}
	if ts := Find(ref, NSSignature, "Transforms"); ts != nil {
		for _, t := range ts.ChildElements() {
			switch alg := strings.TrimSpace(Attr(t, "Algorithm")); alg {
			case algEnveloped:
				enveloped = true
			case c14nExclusive:
				forms = []bool{true}
			case c14nInclusive:
				forms = []bool{false}
			default:
				return badSignature("Transform %q is not known", alg)
			}
		}
	}
	if !enveloped {
		return badSignature("Transform %s is missing", algEnveloped)
	}
	if alg := algorithm(ref, "DigestMethod"); alg != algSHA256 && alg != algSHA256Erratum {
		return badSignature("DigestMethod is %q, want %s", alg, algSHA256)
	}
	want, err := Decode(Text(Find(ref, NSSignature, "DigestValue")))
	if err != nil {
		return badSignature("DigestValue: %v", err)
	}
	// Where no form is named the standard wants the inclusive one, and MS-MDE2 names the exclusive one for everything else
	// that is signed. Either covers the whole document.
	for _, exclusive := range forms {
		sum := sha256.Sum256(canonical(m.doc.Root(), exclusive, m.Security.signature))
		if subtle.ConstantTimeCompare(sum[:], want) == 1 {
			return nil
		}
	}
	return badSignature("the message was changed after it was signed")
}

// Sign adds to the Security header of doc, which must hold a BinarySecurityToken with the Id tokenID, the signature of
// the whole document that MS-MDE2 3.3 describes. The key must be RSA. Nothing of the document may change afterwards.
func Sign(doc *etree.Document, key crypto.Signer, tokenID string) error {
	if _, ok := key.Public().(*rsa.PublicKey); !ok {
		return fmt.Errorf("soap: sign with %T: want an RSA key", key.Public())
	}
	sec := FindPath(doc.Root(), NSEnvelope, "Header", "Security")
	if sec == nil {
		return errors.New("soap: sign: there is no Security header")
	}
	// Without a canonicalization in the Transforms, what is digested is the inclusive form.
	digest := sha256.Sum256(canonical(doc.Root(), false, nil))

	sig := sec.CreateElement("ds:Signature")
	sig.CreateAttr("xmlns:ds", NSSignature)
	info := sig.CreateElement("ds:SignedInfo")
	info.CreateElement("ds:CanonicalizationMethod").CreateAttr("Algorithm", c14nExclusive)
	info.CreateElement("ds:SignatureMethod").CreateAttr("Algorithm", algRSASHA256)
	ref := info.CreateElement("ds:Reference")
	ref.CreateAttr("URI", "")
	ref.CreateElement("ds:Transforms").CreateElement("ds:Transform").CreateAttr("Algorithm", algEnveloped)
	ref.CreateElement("ds:DigestMethod").CreateAttr("Algorithm", algSHA256)
	ref.CreateElement("ds:DigestValue").SetText(Encode(digest[:]))

	sum := sha256.Sum256(canonical(info, true, nil))
	value, err := key.Sign(rand.Reader, sum[:], crypto.SHA256)
	if err != nil {
		return fmt.Errorf("soap: sign: %w", err)
	}
	sig.CreateElement("ds:SignatureValue").SetText(Encode(value))
	r := sig.CreateElement("ds:KeyInfo").CreateElement("wsse:SecurityTokenReference").CreateElement("wsse:Reference")
	r.CreateAttr("URI", tokenID)
	r.CreateAttr("ValueType", x509Profile)
	return nil
}
