package enroll

import "crypto"

// A CSR is a certificate request (PKCS #10) as devices send it. Those of Windows are not always valid: without a SHA-256
// policy the common name is a PrintableString that holds '!' and a NUL, which x509.ParseCertificateRequest refuses, and
// the signature is SHA-1 under an OID that it does not know. [ParseCSR] reads both kinds.
type CSR struct {
	Raw       []byte           // the whole request, DER
	PublicKey crypto.PublicKey // *rsa.PublicKey or *ecdsa.PublicKey

	// CommonName is what the subject says, without trailing NULs. Windows puts part of a GUID, '!' and the DeviceID there,
	// and its documentation says something else: do not derive an identity from it.
	CommonName string

	// DeviceID is the content of the private extension 1.3.6.1.4.1.311.66.1.0, or "".
	DeviceID string

	// SignatureOID is the algorithm of the signature in dotted form, such as 1.2.840.113549.1.1.11.
	SignatureOID string

	tbs, signature []byte
}
