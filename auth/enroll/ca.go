package enroll

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"time"
)

// A CA is an [Issuer] with a key in memory: good for tests, examples and small deployments. It keeps no list of what it
// issued; the hook Server.Provision sees every certificate. It may be used concurrently.
type CA struct {
	Certificate *x509.Certificate
	Key         crypto.Signer // RSA or ECDSA

	// Chain is what devices need beside Certificate to trust it, the root last. Nil for a CA that is a root.
	Chain []*x509.Certificate

	// Validity of a certificate; if 0, a year. None outlives the CA's own.
	Validity time.Duration

	// Backdate is how far back a certificate begins, because the clock of a new device may be slow. If 0, an hour.
	Backdate time.Duration
}

// NewCA makes a root that is valid for ten years. The kind is that of its key, RSA with 2048 bits.
func NewCA(name string, kind KeyKind) (*CA, error) {
	key, err := newKey(kind, 2048)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	t := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: name},
		NotBefore:             now.Add(-time.Hour),
		NotAfter:              now.AddDate(10, 0, 0),
		IsCA:                  true,
		BasicConstraintsValid: true,
		MaxPathLenZero:        true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, t, t, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("enroll: make the certificate of the CA: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &CA{Certificate: cert, Key: key}, nil
}

// LogValue shows the subject of the CA, and not its key.
func (ca *CA) LogValue() slog.Value { return slog.StringValue(ca.Certificate.Subject.String()) }

const (
	pemCertificate = "CERTIFICATE"
	pemKey         = "PRIVATE KEY"
)

// MarshalPEM returns the key, the certificate and the chain. It is secret: store it as such. Read it with [ParseCA].
func (ca *CA) MarshalPEM() ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(ca.Key)
	if err != nil {
		return nil, fmt.Errorf("enroll: write the key of the CA: %w", err)
	}
	var b bytes.Buffer
	pem.Encode(&b, &pem.Block{Type: pemKey, Bytes: der})
	for _, c := range append([]*x509.Certificate{ca.Certificate}, ca.Chain...) {
		pem.Encode(&b, &pem.Block{Type: pemCertificate, Bytes: c.Raw})
	}
	return b.Bytes(), nil
}

// ParseCA reads what [CA.MarshalPEM] wrote, or any PEM file with a PKCS #8 key and certificates, the CA's own first.
func ParseCA(data []byte) (*CA, error) {
	ca := new(CA)
	for {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			break
		}
		switch block.Type {
		case pemKey:
			key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
			if err != nil {
				return nil, fmt.Errorf("enroll: read the key of the CA: %w", err)
			}
			signer, ok := key.(crypto.Signer)
			if !ok || ca.Key != nil {
				return nil, errors.New("enroll: the file of a CA holds one key that can sign")
			}
			ca.Key = signer
		case pemCertificate:
			cert, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				return nil, fmt.Errorf("enroll: read the certificate of the CA: %w", err)
			}
			if ca.Certificate == nil {
				ca.Certificate = cert
			} else {
				ca.Chain = append(ca.Chain, cert)
			}
		}
	}
	switch {
	case ca.Key == nil || ca.Certificate == nil:
		return nil, errors.New("enroll: the file of a CA holds a PRIVATE KEY and a CERTIFICATE")
	case !ca.Certificate.IsCA:
		return nil, fmt.Errorf("enroll: the certificate of %s is not that of a CA", ca.Certificate.Subject)
	case !samePublicKey(ca.Key.Public(), ca.Certificate.PublicKey):
		return nil, errors.New("enroll: the key is not that of the CA's certificate")
	}
	return ca, nil
}

func samePublicKey(a, b crypto.PublicKey) bool {
	k, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && k.Equal(b)
}

// Issue certifies the key of csr for TLS clients, with the common name id.Device and a random serial number.
func (ca *CA) Issue(_ context.Context, csr *CSR, id *Identity) ([]*x509.Certificate, error) {
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	validity, backdate := ca.Validity, ca.Backdate
	if validity <= 0 {
		validity = 365 * 24 * time.Hour
	}
	if backdate <= 0 {
		backdate = time.Hour
	}
	now := time.Now()
	t := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: id.Device},
		NotBefore:             later(now.Add(-backdate), ca.Certificate.NotBefore),
		NotAfter:              now.Add(validity),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
	}
	if _, ok := csr.PublicKey.(*rsa.PublicKey); ok {
		t.KeyUsage |= x509.KeyUsageKeyEncipherment
	}
	if end := ca.Certificate.NotAfter; t.NotAfter.After(end) {
		t.NotAfter = end
	}
	if !t.NotAfter.After(now) {
		return nil, fmt.Errorf("enroll: the certificate of the CA %s expired at %s", ca.Certificate.Subject, ca.Certificate.NotAfter)
	}
	der, err := x509.CreateCertificate(rand.Reader, t, ca.Certificate, csr.PublicKey, ca.Key)
	if err != nil {
		return nil, fmt.Errorf("enroll: issue: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("enroll: issue: %w", err)
	}
	return append([]*x509.Certificate{cert, ca.Certificate}, ca.Chain...), nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// newSerial returns 127 random bits with the highest of them set: positive, of one length, and never 0 (RFC 5280 4.1.2.2).
func newSerial() (*big.Int, error) {
	high := new(big.Int).Lsh(big.NewInt(1), 126)
	n, err := rand.Int(rand.Reader, high)
	if err != nil {
		return nil, err
	}
	return n.Or(n, high), nil
}

// A KeyKind is a kind of key.
type KeyKind uint8

// The kinds. Windows makes RSA keys.
const (
	KeyP256 KeyKind = iota + 1
	KeyRSA
)

func newKey(kind KeyKind, rsaBits int) (crypto.Signer, error) {
	switch kind {
	case 0, KeyP256:
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case KeyRSA:
		return rsa.GenerateKey(rand.Reader, rsaBits)
	}
	return nil, fmt.Errorf("enroll: key kind %d is not known", kind)
}
