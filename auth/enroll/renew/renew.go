// Package renew is the envelope of certificate renewals: a new certificate request inside a PKCS #7 message that the old
// certificate signed. It is apart from package enroll so that only those who renew carry an implementation of PKCS #7.
//
// A server:
//
//	s := &enroll.Server{Renewal: &enroll.Renewal{Envelope: renew.PKCS7{}, Roots: roots}}
//
// A device, some weeks before its certificate ends:
//
//	next, err := client.Renew(ctx, enrolled, renew.PKCS7{})
package renew

import (
	"crypto/x509"
	"errors"
	"fmt"

	"github.com/smallstep/pkcs7"
)

// PKCS7 is an enroll.Envelope. It signs with SHA-256, and takes signatures by RSA and ECDSA keys with SHA-256 or better.
type PKCS7 struct{}

// Seal signs content with the key of cert.
func (PKCS7) Seal(content []byte, cert *x509.Certificate, key any) ([]byte, error) {
	sd, err := pkcs7.NewSignedData(content)
	if err != nil {
		return nil, fmt.Errorf("renew: %w", err)
	}
	sd.SetDigestAlgorithm(pkcs7.OIDDigestAlgorithmSHA256)
	if err := sd.AddSigner(cert, key, pkcs7.SignerInfoConfig{}); err != nil {
		return nil, fmt.Errorf("renew: sign: %w", err)
	}
	der, err := sd.Finish()
	if err != nil {
		return nil, fmt.Errorf("renew: %w", err)
	}
	return der, nil
}

// Open returns what was signed, and the certificate of the one who signed.
func (PKCS7) Open(message []byte) ([]byte, *x509.Certificate, error) {
	if err := checkShape(message); err != nil {
		return nil, nil, fmt.Errorf("renew: not a PKCS #7 message: %w", err)
	}
	p7, err := pkcs7.Parse(message)
	if err != nil {
		return nil, nil, fmt.Errorf("renew: not a PKCS #7 message: %w", err)
	}
	if n := len(p7.Signers); n != 1 {
		return nil, nil, fmt.Errorf("renew: the message has %d signatures, want 1", n)
	}
	signer := p7.GetOnlySigner()
	if signer == nil {
		return nil, nil, errors.New("renew: the certificate of the signer is not enclosed")
	}
	if err := p7.Verify(); err != nil {
		return nil, nil, fmt.Errorf("renew: the signature does not hold: %w", err)
	}
	if len(p7.Content) == 0 {
		return nil, nil, errors.New("renew: the message is empty")
	}
	return p7.Content, signer, nil
}
