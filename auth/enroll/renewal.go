package enroll

import (
	"bytes"
	"context"
	"crypto/x509"
	"net/http"
	"strings"
	"time"

	"github.com/omadm-sdk/omadm/internal/soap"
)

// Renewal is what a server needs to renew certificates. A request comes signed by the old key; see package renew.
type Renewal struct {
	// Envelope opens the PKCS #7 message of a renewal: renew.PKCS7{}. If nil, renewals are refused.
	Envelope Envelope

	// Roots verify the old certificate: the CAs that issued it, be they roots or not. If nil, renewals are refused.
	Roots *x509.CertPool

	// Identity names the owner of an old certificate, or refuses it by a Code; without a Device, that is the common name of
	// the subject. If nil, whatever Roots issued for clientAuth may be renewed: set it to look at your records.
	Identity func(ctx context.Context, old *x509.Certificate) (*Identity, error)

	// Window is how long before its end a certificate may be renewed. If 0, any time.
	Window time.Duration

	// Renew is what devices are told; nil: ROBO, 42 days before the end, every 7 days.
	Renew *Renew
}

// An Envelope makes and opens signed messages (PKCS #7 SignedData). It is an interface so that a program that does not
// renew does not carry the implementation, which is package auth/enroll/renew.
type Envelope interface {
	// Seal signs content with the key of cert, and encloses both.
	Seal(content []byte, cert *x509.Certificate, key any) ([]byte, error)

	// Open returns the content of a message and its signer after verifying the one signature it has. It does not verify
	// who issued the certificate, nor when.
	Open(message []byte) (content []byte, signer *x509.Certificate, err error)
}

// peer returns the client certificate of the connection, or nil.
func (s *Server) peer(r *http.Request) *x509.Certificate {
	if s.PeerCertificate != nil {
		return s.PeerCertificate(r)
	}
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return nil
	}
	return r.TLS.PeerCertificates[0]
}

// verify tells whether a certificate is one of ours that still counts.
func (rn *Renewal) verify(c *x509.Certificate) error {
	_, err := c.Verify(x509.VerifyOptions{Roots: rn.Roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	return err
}

func (s *Server) canRenew() bool {
	return s.Renewal != nil && s.Renewal.Envelope != nil && s.Renewal.Roots != nil
}

// renewing tells whether a request without a password comes over a connection with a certificate that may be renewed: so
// a device asks for the certificate policy when it renews on behalf of its user.
func (s *Server) renewing(x *exchange, u *soap.UsernameToken) bool {
	if u == nil || u.Password != "" || !s.canRenew() {
		return false
	}
	c := s.peer(x.http)
	return c != nil && s.Renewal.verify(c) == nil
}

func notEligible(reason string, err error) error {
	return &Fault{Code: CodeNotEligibleToRenew, Reason: reason, Err: err}
}

// openRenewal returns the request inside the envelope, and whose certificate it renews.
func (s *Server) openRenewal(x *exchange, data []byte) (csr []byte, id *Identity, err error) {
	if !s.canRenew() {
		return nil, nil, notEligible("certificates are not renewed here", nil)
	}
	rn := s.Renewal
	// A renewal that the user starts comes in base64 twice. PKCS #7 begins with a sequence, 0x30, and its base64 with M.
	if len(data) > 0 && data[0] != 0x30 {
		inner, err := soap.Decode(string(data))
		if err != nil {
			return nil, nil, badMessage("the BinarySecurityToken is neither PKCS #7 nor base64")
		}
		data = inner
	}
	csr, old, err := rn.Envelope.Open(data)
	if err != nil {
		return nil, nil, notEligible("the request is not signed by the certificate to renew", err)
	}
	if err := rn.verify(old); err != nil {
		return nil, nil, notEligible("the certificate was not issued here or has expired", err)
	}
	if rn.Window > 0 && time.Until(old.NotAfter) > rn.Window {
		return nil, nil, notEligible("it is too early to renew the certificate", nil)
	}
	ctx := x.http.Context()
	if rn.Identity != nil {
		if id, err = rn.Identity(ctx, old); err != nil {
			return nil, nil, toFault(err, CodeEnrollmentServer)
		}
		if id == nil {
			return nil, nil, notEligible("the certificate belongs to nobody", nil)
		}
		c := *id
		id = &c
	} else {
		id = new(Identity)
	}
	id.Renews = old
	if id.Device == "" {
		id.Device = old.Subject.CommonName
	}
	if !validDeviceID(id.Device) {
		return nil, nil, notEligible("the certificate names no device", nil)
	}

	// Who asks must hold the old key also now, not only have signed with it once: by the TLS connection, or by the
	// user's password.
	if c := s.peer(x.http); c != nil {
		if !bytes.Equal(c.Raw, old.Raw) {
			return nil, nil, notEligible("the connection has another certificate than the one to renew", nil)
		}
		return csr, id, nil
	}
	if sec := x.msg.Security; sec == nil || sec.Username == nil || sec.Username.Password == "" {
		return nil, nil, &Fault{Code: CodeInvalidSecurity, Reason: "a renewal needs the client certificate of the TLS connection, or a password"}
	}
	user, err := s.authenticate(x, true)
	if err != nil {
		return nil, nil, err
	}
	if id.User == "" {
		id.User = user.User
	} else if !strings.EqualFold(id.User, user.User) {
		return nil, nil, notEligible("the certificate belongs to another user", nil)
	}
	id.Policy = user.Policy
	return csr, id, nil
}
