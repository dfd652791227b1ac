package enroll

import (
	"context"
	"crypto/x509"
	"log/slog"
	"net/http"
	"time"
)

// A Server is the http.Handler of an enrollment service: discovery, certificate policies, certificates and their renewal.
// It answers at [DiscoveryPath], [PolicyPath] and [IssuePath], in any case of letters, and with 404 elsewhere.
// Fields must not change after the first request. It may be used concurrently and keeps nothing between requests.
type Server struct {
	// BaseURL is what the announced addresses start with, such as https://mdm.example.com; it may hold a path that the
	// mux in front strips. If empty, https:// and the host that the device asked.
	BaseURL string

	// AuthURL is the sign-in page of Federated, which hands out a token with [WriteToken]. If empty, none is announced:
	// that is right only where Entra issues the tokens.
	AuthURL string

	// OnPremise, Federated and Certificate validate the tokens of each policy. Nil refuses everybody, and is not announced.
	OnPremise, Federated, Certificate TokenValidator

	// Prefer orders the policies where a device offers several. If nil: Federated, Certificate, OnPremise.
	Prefer []AuthPolicy

	// Issuer signs the certificates. If nil, every request for one is answered with CodeCertificateRequest.
	Issuer Issuer

	// Provision says what a device gets beside its certificate, and is where a deployment records the device: identity,
	// certificate and secrets. If nil, or if it returns nil and no error, requests are answered with CodeEnrollmentServer. It runs
	// after the certificate has been issued, for renewals too (r.Identity.Renews is set; then only the ProviderID of the
	// Application and Extra are sent).
	Provision func(ctx context.Context, r *Request) (*Provisioning, error)

	// Admit, if not nil, may refuse a device at discovery, by a Code or *Fault: CodeDeviceNotSupported, CodeInMaintenance.
	Admit func(ctx context.Context, d *Discovery) error

	// Policy is the certificate policy; nil: the zero CertificatePolicy.
	Policy *CertificatePolicy

	// Version is the highest protocol version announced; if 0, Version5.
	Version Version

	// Renewal lets devices renew their certificates, and announces it. If nil, they are told CodeNotEligibleToRenew.
	Renewal *Renewal

	// PeerCertificate returns the verified TLS client certificate of a request that came through a proxy, or nil.
	// If nil, the first certificate of r.TLS: that the client holds its key is then sure, who issued it is checked here.
	PeerCertificate func(r *http.Request) *x509.Certificate

	// MaxRequest limits the bytes of a request; if 0, 256 KiB. Windows sends 10 to 30, most of it attestation.
	MaxRequest int64

	// Logger gets one line for each request. If nil, slog.Default().
	Logger *slog.Logger
}

// A Request is a device's request for a certificate, as the hook Server.Provision sees it.
type Request struct {
	Identity *Identity
	Context  Context             // what the device says of itself
	CSR      *CSR                //
	Chain    []*x509.Certificate // as issued: the device's certificate first
	Trace    string              // appears in the log and, if the request fails, on the device
	HTTP     *http.Request       // its Body has been read
}

// Renewal is what a server needs to renew certificates. A request comes signed by the old key; see package renew.
type Renewal struct {
	// Envelope opens the PKCS #7 message of a renewal: renew.PKCS7{}. If nil, renewals are refused.
	Envelope Envelope

	// Roots verify the old certificate. If nil, renewals are refused.
	Roots *x509.CertPool

	// Identity names the owner of an old certificate, or refuses it by a Code. If nil, the device is the common name of
	// the subject, and whatever Roots issued for clientAuth may be renewed: set it to look at your records.
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

// ServeHTTP answers a device.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	http.NotFound(w, r)
}
