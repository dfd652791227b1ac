package auth

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/omadm-sdk/omadm/syncml"
)

// ClientCert authenticates devices by their TLS client certificates: the normal case on Windows, where the certificate
// comes from enrollment. Three things must agree: the certificate, the record of the device that Device finds for it, and
// the Source of the message.
//
// The TLS server must ask for a certificate: set ClientAuth of its [crypto/tls.Config] to RequestClientCert, and ClientCert
// verifies what comes, or to a value that verifies during the handshake already.
//
// Fields must not change after the first call. ClientCert is safe for concurrent use. Chains that have been verified
// are remembered for as long as they are valid, a few thousand of them, so that a device costs one verification.
type ClientCert struct {
	// Roots are the authorities that issue device certificates. If nil, everybody is refused.
	Roots *x509.CertPool

	// Intermediates help to build chains for devices that send their own certificate alone, as Windows does.
	Intermediates *x509.CertPool

	// Device returns the ID of the device that a certificate was issued to, from the records of the server, or from
	// the certificate itself where the issuer has put it there. It is called for each message, so that a device that
	// was removed is out with its next one: return ErrUnknown for it. Any other error says that this cannot be told
	// now. If nil, everybody is refused.
	Device func(ctx context.Context, cert *x509.Certificate) (string, error)

	// KeyUsages are the extended key usages of which a certificate must have one. If nil, it must have client
	// authentication.
	KeyUsages []x509.ExtKeyUsage

	// Revoked, if not nil, is asked for each message whether a certificate that is good otherwise has been revoked.
	// The error says that this cannot be told; the device then has to come back later. chain ends with a root.
	Revoked func(ctx context.Context, chain []*x509.Certificate) (bool, error)

	// Proxy, if not nil, takes the certificate from an HTTP header where the connection comes from a proxy that ends
	// TLS. If nil, such headers are not looked at.
	Proxy *ProxyHeader

	mu     sync.Mutex
	chains map[[sha256.Size]byte]verified
}

// verified is a chain that was found good, for the time in which all its certificates are valid.
type verified struct {
	chain     []*x509.Certificate
	from, end time.Time
}

// maxChains is how many verified chains are remembered.
const maxChains = 4096

// maxCerts is how many certificates a device may present. More than one authority between it and the root is rare.
const maxCerts = 8

// Authenticate implements [Authenticator].
func (c *ClientCert) Authenticate(ctx context.Context, r *Request) (*Result, error) {
	certs, err := c.presented(r)
	if err != nil {
		return refuse(err), nil
	}
	if len(certs) == 0 {
		res := refuse(fmt.Errorf("%w: no client certificate", ErrMissing))
		res.Status = syncml.StatusCredentialsRequired
		return res, nil
	}
	if c.Roots == nil || c.Device == nil {
		return refuse(fmt.Errorf("%w: no roots, or no way to tell devices, are configured", ErrCertificate)), nil
	}
	chain, err := c.verify(certs, r.now())
	if err != nil {
		return refuse(fmt.Errorf("%w: %w", ErrCertificate, err)), nil
	}
	leaf := chain[0]
	device, err := c.Device(ctx, leaf)
	switch {
	case errors.Is(err, ErrUnknown):
		return refuse(fmt.Errorf("certificate %X: %w", leaf.SerialNumber, err)), nil
	case err != nil:
		return nil, fmt.Errorf("auth: device of certificate %X: %w", leaf.SerialNumber, err)
	}
	if claimed := r.Message.Source.URI; device == "" || device != claimed {
		return refuse(fmt.Errorf("%w: certificate %X is of %q, the message claims to be from %q",
			ErrDevice, leaf.SerialNumber, device, claimed)), nil
	}
	if c.Revoked != nil {
		revoked, err := c.Revoked(ctx, chain)
		if err != nil {
			return nil, fmt.Errorf("auth: revocation of certificate %X: %w", leaf.SerialNumber, err)
		}
		if revoked {
			return refuse(fmt.Errorf("%w: certificate %X is revoked", ErrCertificate, leaf.SerialNumber)), nil
		}
	}
	return &Result{Identity: &Identity{Device: device, Certificate: leaf}, Status: syncml.StatusOK}, nil
}

// presented returns what the connection or the proxy's header presents, the device's own certificate first.
func (c *ClientCert) presented(r *Request) ([]*x509.Certificate, error) {
	var certs []*x509.Certificate
	switch {
	case c.Proxy != nil && c.Proxy.trusts(r.Remote.Addr()):
		// A certificate on the connection is the proxy's own.
		var err error
		if certs, err = c.Proxy.read(r.HTTP); err != nil {
			return nil, err
		}
	case r.TLS != nil:
		certs = r.TLS.PeerCertificates
	}
	if len(certs) > maxCerts {
		return nil, fmt.Errorf("%w: %d certificates, want at most %d", ErrMalformed, len(certs), maxCerts)
	}
	return certs, nil
}

// verify returns a chain from the first of certs to a root.
func (c *ClientCert) verify(certs []*x509.Certificate, now time.Time) ([]*x509.Certificate, error) {
	key := fingerprint(certs)
	c.mu.Lock()
	v, ok := c.chains[key]
	c.mu.Unlock()
	if ok && !now.Before(v.from) && !now.After(v.end) {
		return v.chain, nil
	}

	opts := x509.VerifyOptions{
		Roots:         c.Roots,
		Intermediates: x509.NewCertPool(),
		CurrentTime:   now,
		KeyUsages:     c.KeyUsages,
	}
	if c.Intermediates != nil {
		opts.Intermediates = c.Intermediates.Clone()
	}
	for _, cert := range certs[1:] {
		opts.Intermediates.AddCert(cert)
	}
	if opts.KeyUsages == nil {
		opts.KeyUsages = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	}
	chains, err := certs[0].Verify(opts)
	if err != nil {
		return nil, err
	}
	v = verified{chain: chains[0], from: chains[0][0].NotBefore, end: chains[0][0].NotAfter}
	for _, cert := range v.chain[1:] {
		v.from = latest(v.from, cert.NotBefore)
		v.end = earliest(v.end, cert.NotAfter)
	}
	c.remember(key, v)
	return v.chain, nil
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earliest(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// remember keeps v, and makes room first where there is none: whichever chains the map yields are verified again.
func (c *ClientCert) remember(key [sha256.Size]byte, v verified) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.chains == nil {
		c.chains = make(map[[sha256.Size]byte]verified)
	}
	if len(c.chains) >= maxChains {
		drop := maxChains / 4
		for k := range c.chains {
			if drop--; drop < 0 {
				break
			}
			delete(c.chains, k)
		}
	}
	c.chains[key] = v
}

// fingerprint identifies what was presented.
func fingerprint(certs []*x509.Certificate) (sum [sha256.Size]byte) {
	h := sha256.New()
	for _, cert := range certs {
		h.Write(cert.Raw) // DER says how long it is
	}
	h.Sum(sum[:0])
	return sum
}
