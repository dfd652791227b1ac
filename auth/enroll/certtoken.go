package enroll

import (
	"context"
	"crypto/x509"
)

// SigningCertificates is a [TokenValidator] for Certificate: it takes requests signed by certificates that Roots issued
// for TLS clients, such as those that a provisioning package installs on many devices.
type SigningCertificates struct {
	// Roots issue the certificates. If nil, everybody is refused.
	Roots *x509.CertPool

	// Intermediates help to build the chain. May be nil.
	Intermediates *x509.CertPool

	// Identity names the owner of a certificate, or refuses it by a Code. If nil, the user is its first e-mail address, or
	// else the common name of its subject.
	Identity func(ctx context.Context, c *x509.Certificate) (*Identity, error)
}

// ValidateToken checks who issued the certificate, for what, and that it has not expired. That the device holds its key has
// been checked.
func (s *SigningCertificates) ValidateToken(ctx context.Context, t *Token) (*Identity, error) {
	if t.Policy != PolicyCertificate || t.Certificate == nil || s.Roots == nil {
		return nil, CodeAuthentication
	}
	_, err := t.Certificate.Verify(x509.VerifyOptions{
		Roots:         s.Roots,
		Intermediates: s.Intermediates,
		KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err != nil {
		return nil, &Fault{Code: CodeAuthentication, Err: err}
	}
	if s.Identity != nil {
		return s.Identity(ctx, t.Certificate)
	}
	user := t.Certificate.Subject.CommonName
	if mail := t.Certificate.EmailAddresses; len(mail) > 0 {
		user = mail[0]
	}
	return &Identity{User: user}, nil
}
