package enroll

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	_ "crypto/sha1" // Windows signs with it when no policy says otherwise
	_ "crypto/sha256"
	_ "crypto/sha512"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// A CSR is a certificate request (PKCS #10) as devices send it. Those of Windows are not always valid: without a SHA-256
// policy the common name is a PrintableString that holds '!' and a NUL, which x509.ParseCertificateRequest refuses, and
// the signature is SHA-1 under an OID that it does not know. [ParseCSR] reads both kinds.
type CSR struct {
	Raw       []byte           // the whole request, DER
	PublicKey crypto.PublicKey // *rsa.PublicKey or *ecdsa.PublicKey

	// CommonName is what the subject says, without trailing NULs; "" if it says nothing that can be read. Windows puts
	// part of a GUID, '!' and the DeviceID there, and its documentation says something else: do not derive an identity
	// from it.
	CommonName string

	// DeviceID is the content of the private extension 1.3.6.1.4.1.311.66.1.0 without trailing NULs, or "".
	DeviceID string

	// SignatureOID is the algorithm of the signature in dotted form, such as 1.2.840.113549.1.1.11.
	SignatureOID string

	tbs, signature []byte
}

var (
	oidCommonName       = asn1.ObjectIdentifier{2, 5, 4, 3}
	oidExtensionRequest = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 14}
	oidDeviceID         = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 311, 66, 1, 0}
)

var errCSR = errors.New("not a certificate request")

func badCSR(what string) error { return fmt.Errorf("enroll: %w: %s", errCSR, what) }

// ParseCSR reads a request in DER: whatever x509.ParseCertificateRequest reads of the kinds of key that can be certified,
// and any subject, version and attributes beside.
// It does not check the signature: see [CSR.CheckSignature].
func ParseCSR(der []byte) (*CSR, error) {
	c := &CSR{Raw: der}
	in := cryptobyte.String(der)
	var outer, tbs, alg cryptobyte.String
	var oid asn1.ObjectIdentifier
	var sig asn1.BitString
	switch {
	case !in.ReadASN1(&outer, cbasn1.SEQUENCE):
		return nil, badCSR("it is not an ASN.1 sequence")
	case !in.Empty():
		return nil, badCSR("data follows it")
	case !outer.ReadASN1Element(&tbs, cbasn1.SEQUENCE):
		return nil, badCSR("there is no CertificationRequestInfo")
	case !outer.ReadASN1(&alg, cbasn1.SEQUENCE) || !alg.ReadASN1ObjectIdentifier(&oid):
		return nil, badCSR("there is no signature algorithm")
	case !outer.ReadASN1BitString(&sig):
		return nil, badCSR("there is no signature")
	}
	c.tbs, c.signature, c.SignatureOID = tbs, sig.RightAlign(), oid.String()

	var info, subject, spki, attrs cryptobyte.String
	var hasAttrs bool
	switch {
	case !tbs.ReadASN1(&info, cbasn1.SEQUENCE):
		return nil, badCSR("there is no CertificationRequestInfo")
	case !info.SkipASN1(cbasn1.INTEGER):
		return nil, badCSR("there is no version")
	case !info.ReadASN1(&subject, cbasn1.SEQUENCE):
		return nil, badCSR("there is no subject")
	case !info.ReadASN1Element(&spki, cbasn1.SEQUENCE):
		return nil, badCSR("there is no public key")
	case !info.ReadOptionalASN1(&attrs, &hasAttrs, cbasn1.Tag(0).ContextSpecific().Constructed()):
		return nil, badCSR("the attributes cannot be read")
	}
	key, err := x509.ParsePKIXPublicKey(spki)
	if err != nil {
		return nil, badCSR("the public key cannot be read: " + err.Error())
	}
	switch key.(type) {
	case *rsa.PublicKey, *ecdsa.PublicKey:
		c.PublicKey = key
	default:
		return nil, badCSR(fmt.Sprintf("the public key is a %T, want RSA or ECDSA", key))
	}
	c.CommonName = commonName(subject)
	c.DeviceID = deviceIDExtension(attrs)
	return c, nil
}

// commonName takes the bytes of whatever string type there is: Windows calls "…!…\x00" a PrintableString.
func commonName(rdns cryptobyte.String) string {
	var name string
	for !rdns.Empty() {
		var set cryptobyte.String
		if !rdns.ReadASN1(&set, cbasn1.SET) {
			return name
		}
		for !set.Empty() {
			var atv, value cryptobyte.String
			var oid asn1.ObjectIdentifier
			var tag cbasn1.Tag
			if !set.ReadASN1(&atv, cbasn1.SEQUENCE) || !atv.ReadASN1ObjectIdentifier(&oid) || !atv.ReadAnyASN1(&value, &tag) {
				return name
			}
			if oid.Equal(oidCommonName) {
				name = text(value, tag)
			}
		}
	}
	return name
}

const tagBMPString = cbasn1.Tag(30)

func text(b []byte, tag cbasn1.Tag) string {
	if tag == tagBMPString {
		runes := make([]rune, 0, len(b)/2)
		for i := 0; i+1 < len(b); i += 2 {
			runes = append(runes, rune(b[i])<<8|rune(b[i+1]))
		}
		return strings.TrimRight(string(runes), "\x00")
	}
	return strings.ToValidUTF8(strings.TrimRight(string(b), "\x00"), string(utf8.RuneError))
}

// deviceIDExtension finds the extension; attributes that cannot be read are no reason to refuse a request, because
// nothing of them goes into the certificate.
func deviceIDExtension(attrs cryptobyte.String) string {
	for !attrs.Empty() {
		var attr, values, exts cryptobyte.String
		var oid asn1.ObjectIdentifier
		if !attrs.ReadASN1(&attr, cbasn1.SEQUENCE) || !attr.ReadASN1ObjectIdentifier(&oid) {
			return ""
		}
		if !oid.Equal(oidExtensionRequest) {
			continue
		}
		if !attr.ReadASN1(&values, cbasn1.SET) || !values.ReadASN1(&exts, cbasn1.SEQUENCE) {
			return ""
		}
		for !exts.Empty() {
			var ext, value cryptobyte.String
			var id asn1.ObjectIdentifier
			if !exts.ReadASN1(&ext, cbasn1.SEQUENCE) || !ext.ReadASN1ObjectIdentifier(&id) ||
				!ext.SkipOptionalASN1(cbasn1.BOOLEAN) || !ext.ReadASN1(&value, cbasn1.OCTET_STRING) {
				return ""
			}
			if id.Equal(oidDeviceID) {
				return text(value, cbasn1.UTF8String)
			}
		}
	}
	return ""
}

type signatureAlgorithm struct {
	oid  string
	hash crypto.Hash
	rsa  bool
}

var signatureAlgorithms = []signatureAlgorithm{
	{"1.2.840.113549.1.1.11", crypto.SHA256, true},
	{"1.2.840.113549.1.1.12", crypto.SHA384, true},
	{"1.2.840.113549.1.1.13", crypto.SHA512, true},
	{"1.2.840.113549.1.1.5", crypto.SHA1, true},
	{"1.3.14.3.2.29", crypto.SHA1, true}, // the OIW spelling, which Windows uses without a policy
	{"1.2.840.10045.4.3.2", crypto.SHA256, false},
	{"1.2.840.10045.4.3.3", crypto.SHA384, false},
	{"1.2.840.10045.4.3.4", crypto.SHA512, false},
}

// maxRSABits bounds the work of a signature check that a stranger asks for.
const maxRSABits = 8192

// CheckSignature tells whether whoever made the request holds the key in it. SHA-1 is good enough for that: a collision
// would have to be found for the key of the signer, by the signer.
func (c *CSR) CheckSignature() error {
	for _, alg := range signatureAlgorithms {
		if alg.oid != c.SignatureOID {
			continue
		}
		h := alg.hash.New()
		h.Write(c.tbs)
		sum := h.Sum(nil)
		ok := false
		switch key := c.PublicKey.(type) {
		case *rsa.PublicKey:
			ok = alg.rsa && key.N.BitLen() <= maxRSABits && rsa.VerifyPKCS1v15(key, alg.hash, sum, c.signature) == nil
		case *ecdsa.PublicKey:
			ok = !alg.rsa && ecdsa.VerifyASN1(key, sum, c.signature)
		}
		if !ok {
			return badCSR("the signature does not fit the key")
		}
		return nil
	}
	return badCSR("the signature algorithm " + c.SignatureOID + " is not known")
}

// checkKey tells whether the key is one to certify: RSA of minBits to 8192 bits, or a NIST curve from P-256 on.
func (c *CSR) checkKey(minBits int) error {
	switch key := c.PublicKey.(type) {
	case *rsa.PublicKey:
		if n := key.N.BitLen(); n < minBits || n > maxRSABits {
			return badCSR(fmt.Sprintf("the RSA key has %d bits, want %d to %d", n, minBits, maxRSABits))
		}
	case *ecdsa.PublicKey:
		switch key.Curve {
		case elliptic.P256(), elliptic.P384(), elliptic.P521():
		default:
			return badCSR("the curve is " + key.Curve.Params().Name + ", want P-256, P-384 or P-521")
		}
	}
	return nil
}
