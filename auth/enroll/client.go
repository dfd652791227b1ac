package enroll

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/http"
)

// A Client is a device that enrolls. Fields must not change while it is used; it may then be used concurrently.
type Client struct {
	// Device is what the device says of itself. Device.ID must be set.
	Device Device

	// DiscoveryURL is where to start. If empty, [DiscoveryURL] of the user.
	DiscoveryURL string

	// HTTP makes the requests. If nil, a client of its own with a timeout of a minute. Redirects are followed to HTTPS
	// addresses only, whatever its CheckRedirect allows.
	HTTP *http.Client

	// Key is the kind of key to make; if 0, P256. An RSA key has as many bits as the server demands, 2048 at least.
	Key KeyKind

	// Roots are trusted as the issuer of the device's certificate, beside the ones that the server delivers.
	Roots *x509.CertPool

	// Version is announced to the server; if 0, Version5.
	Version Version
}

// A KeyKind is a kind of key.
type KeyKind uint8

// The kinds. Windows makes RSA keys.
const (
	P256 KeyKind = iota + 1
	RSA
)

// A Device is what a device says of itself when it enrolls. Empty fields but ID are filled with what a Windows 11
// desktop would say, or left out.
type Device struct {
	ID        string // becomes the DeviceID of its management sessions: 32 hex digits from Windows
	Name      string // the computer's name; if empty, ID
	Hardware  string // HWDevID: 64 hex digits; if empty, left out
	Type      string // if empty, CIMClient_Windows
	OSVersion string // if empty, 10.0.22631.3447
	OSEdition int    // if 0, 48 (Professional)
	Locale    string // if empty, en-US
	MACs      []string

	EnrollmentType EnrollmentType // if empty, EnrollUser

	// Extra is sent after these items.
	Extra Context
}

// A Credential is what a device enrolls with: [Password], [Ticket], [SignIn] or [SigningCertificate].
type Credential interface {
	policy() AuthPolicy
}

// Password enrolls with the user's password (OnPremise).
func Password(password string) Credential { return credential{OnPremise, Secret(password), nil, nil} }

// Ticket enrolls with a token that the caller has already (Federated), such as the wresult of a sign-in page. It is not
// in base64.
func Ticket(token string) Credential { return credential{Federated, Secret(token), nil, nil} }

// SignIn enrolls with a token that f gets (Federated). f is given the address of the sign-in page, complete with appru and
// login_hint, and returns the wresult that the page posts to appru. The context is that of Enroll.
func SignIn(f func(ctx context.Context, page string) (token string, err error)) Credential {
	return credential{Federated, "", f, nil}
}

// SigningCertificate enrolls with a certificate whose key signs the requests (Certificate). The key must be RSA.
func SigningCertificate(c tls.Certificate) Credential { return credential{Certificate, "", nil, &c} }

type credential struct {
	kind   AuthPolicy
	secret Secret
	signIn func(context.Context, string) (string, error)
	cert   *tls.Certificate
}

func (c credential) policy() AuthPolicy { return c.kind }

// Enrolled is the outcome of an enrollment: all that a device needs to call its management server.
type Enrolled struct {
	// ServerURL, ProviderID and Poll are where to call, under which account, and when. Poll is nil if the server
	// did not say.
	ServerURL, ProviderID string
	Poll                  *Poll

	// Certificate and its key authenticate TLS connections to ServerURL. Leaf is set; the chain holds intermediates.
	Certificate tls.Certificate
	Roots       []*x509.Certificate // delivered by the server, to be trusted

	// Server and Device are the accounts of the protocol: how the server proves itself, and how the device does. Nil if
	// the server gave none.
	Server, Device *Account

	User, DeviceID string

	// Provisioning is the whole document, with what has no field here.
	Provisioning *Provisioning

	Services     *Services
	DiscoveryURL string // where a renewal starts
}

// Enroll makes a key, has it certified for user by the server of c.DiscoveryURL, and verifies what it gets: that the
// certificate is for the key, and that it chains to a root that was delivered or is in c.Roots. It leaves
// nothing behind on the device; the caller stores what it returns.
//
// The error is an [*Error]; errors.Is finds the [Code], errors.As the [*Fault] of a server that refused.
func (c *Client) Enroll(ctx context.Context, user string, cred Credential) (*Enrolled, error) {
	return nil, &Error{Step: StepDiscover, Err: CodeNotSupported}
}
