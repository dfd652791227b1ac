package enroll

import (
	"bytes"
	"cmp"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"

	"github.com/omadm-sdk/omadm/internal/soap"
)

// A Client is a device that enrolls. Fields must not change while it is used; it may then be used concurrently.
type Client struct {
	// Device is what the device says of itself. Device.ID must be set.
	Device Device

	// DiscoveryURL is where to start. If empty, [DiscoveryURL] of the user.
	DiscoveryURL string

	// HTTP makes the requests. If nil, http.DefaultTransport with a timeout of a minute for each. Its CheckRedirect is
	// not used: see Redirect.
	HTTP *http.Client

	// Redirect is asked when the discovery service sends the device elsewhere, before anything secret is said. If nil,
	// HTTPS addresses are followed. The other steps never follow a redirect.
	Redirect func(to *url.URL) error

	// Key is the kind of key to make; if 0, KeyP256. An RSA key has as many bits as the server demands, 2048 at least.
	Key KeyKind

	// Logger gets a line for each step, at level Debug. If nil, there is none.
	Logger *slog.Logger

	// Roots are trusted as the issuer of the device's certificate, beside the ones that the server delivers.
	Roots *x509.CertPool

	// Version is announced to the server; if 0, Version5.
	Version Version
}

// Enroll makes a key, has it certified for user by the server of c.DiscoveryURL, and verifies what it gets: that the
// certificate is for the key and for TLS clients, and that it chains to a root that was delivered or is in c.Roots. It
// leaves nothing behind on the device; the caller stores what it returns, and sees to it that a device which is enrolled
// already does not enroll again ([CodeAlreadyEnrolled] is what Windows says then).
//
// The error is an [*Error]; errors.Is finds the [Code], errors.As the [*Fault] of a server that refused.
func (c *Client) Enroll(ctx context.Context, user string, cred Credential) (*Enrolled, error) {
	cr, ok := cred.(credential)
	if !ok {
		return nil, &Error{Step: StepDiscover, Err: CodePasswordNeeded}
	}
	if cr.kind == PolicyCertificate && (cr.cert == nil || len(cr.cert.Certificate) == 0) {
		return nil, &Error{Step: StepDiscover, Err: CodeCertAuthNoCertificate}
	}
	if !validDeviceID(c.Device.ID) {
		return nil, &Error{Step: StepDiscover, Err: fmt.Errorf("enroll: Device.ID is %.80q, want 1 to %d bytes without control characters", c.Device.ID, maxDeviceID)}
	}
	discovery, sv, err := c.Discover(ctx, user, cr.kind)
	if err != nil {
		return nil, err
	}
	if sv.Policy != cr.kind {
		return nil, &Error{StepDiscover, discovery, &Fault{Code: CodeNotSupported, Reason: fmt.Sprintf("the server wants %s, the credential is for %s", sv.Policy, cr.kind)}}
	}
	if cr.signIn != nil {
		if cr.secret, err = c.signIn(ctx, user, sv, cr); err != nil {
			return nil, &Error{StepSignIn, sv.AuthURL, err}
		}
	}
	ch := &channel{c: c, user: user, cred: cr, http: c.client()}
	policy, err := ch.policies(ctx, sv)
	if err != nil {
		return nil, err
	}
	e := &Enrolled{User: user, DeviceID: c.Device.ID, Services: sv, DiscoveryURL: discovery}
	key, err := c.newKey(policy)
	if err != nil {
		return nil, &Error{StepIssue, sv.WSTEPURL, err}
	}
	csr, err := newCSR(key, c.Device.ID)
	if err != nil {
		return nil, &Error{StepIssue, sv.WSTEPURL, err}
	}
	doc, err := ch.issue(ctx, sv, &tokenRequest{kind: requestIssue, valueType: tokenTypePKCS10, data: csr, context: c.Device.context(sv.Version)})
	if err != nil {
		return nil, err
	}
	if err := e.apply(doc, key, c.Roots, false); err != nil {
		return nil, &Error{StepApply, sv.WSTEPURL, err}
	}
	return e, nil
}

// Discover asks where and how user can enroll, offering policies, or all that there are if none is given. It returns the
// address that answered too: c.DiscoveryURL or that of the user's domain, or where it redirected to. The error is an
// [*Error].
func (c *Client) Discover(ctx context.Context, user string, policies ...AuthPolicy) (discoveryURL string, sv *Services, err error) {
	return c.discover(ctx, c.client(), user, policies)
}

func (c *Client) discover(ctx context.Context, hc *http.Client, user string, policies []AuthPolicy) (string, *Services, error) {
	at := c.DiscoveryURL
	fail := func(err error) (string, *Services, error) { return "", nil, &Error{StepDiscover, at, err} }
	if at == "" {
		var err error
		if at, err = DiscoveryURL(user); err != nil {
			return fail(err)
		}
	}
	if err := checkHTTPS(at); err != nil {
		return fail(err)
	}
	at, err := c.probe(ctx, hc, at)
	if err != nil {
		return fail(err)
	}
	if len(policies) == 0 {
		policies = []AuthPolicy{PolicyOnPremise, PolicyFederated, PolicyCertificate}
	}
	ch := &channel{c: c, user: user, http: hc}
	d := c.Device.discovery(user, c.version(), policies...)
	m, err := ch.call(ctx, at, actionDiscover, &soap.Envelope{Body: d.element()})
	if err != nil {
		return fail(err)
	}
	sv, err := readServices(m.Body)
	if err != nil {
		return fail(err)
	}
	for _, u := range []string{sv.WSTEPURL, sv.XCEPURL, sv.AuthURL} {
		if u == "" {
			continue
		}
		if err := checkHTTPS(u); err != nil {
			return fail(err)
		}
	}
	if sv.Version == 0 || sv.Version > d.Version {
		sv.Version = min(d.Version, Version4) // a server that says nothing, or more than it was asked
	}
	c.debug(ctx, "discovered", "url", at, "policy", sv.Policy, "version", sv.Version)
	return at, sv, nil
}

func (c *Client) version() Version { return cmp.Or(c.Version, Version5) }

func (c *Client) debug(ctx context.Context, msg string, args ...any) {
	if c.Logger != nil {
		c.Logger.DebugContext(ctx, msg, args...)
	}
}

// signIn opens the sign-in page with the parameters that Windows adds to its address.
func (c *Client) signIn(ctx context.Context, user string, sv *Services, cr credential) (Secret, error) {
	if sv.AuthURL == "" {
		return "", &Fault{Code: CodeSignInFailed, Reason: "the server has no sign-in page"}
	}
	u, err := url.Parse(sv.AuthURL)
	if err != nil {
		return "", err
	}
	q := u.Query()
	q.Set("appru", appru)
	q.Set("login_hint", user)
	u.RawQuery = q.Encode()
	token, err := cr.signIn(ctx, u.String())
	if err != nil {
		return "", &Fault{Code: CodeSignInFailed, Reason: "there is no token", Err: err}
	}
	if token == "" {
		return "", &Fault{Code: CodeSignInFailed, Reason: "the token is empty"}
	}
	return Secret(token), nil
}

// appru is the address that Windows 11's Settings waits for.
const appru = "ms-app://windows.immersivecontrolpanel"

func (c *Client) newKey(policy *CertificatePolicy) (crypto.Signer, error) {
	bits := policy.keyBits()
	if bits > maxRSABits {
		return nil, &Fault{Code: CodeKeyCreationFailed, Reason: fmt.Sprintf("the certificate policy wants a key of %d bits", bits)}
	}
	key, err := newKey(c.Key, max(bits, defaultKeyBits))
	if err != nil {
		return nil, &Fault{Code: CodeKeyCreationFailed, Reason: "the key could not be made", Err: err}
	}
	return key, nil
}

func newCSR(key crypto.Signer, cn string) ([]byte, error) {
	alg := x509.ECDSAWithSHA256
	if _, ok := key.(*rsa.PrivateKey); ok {
		alg = x509.SHA256WithRSA
	}
	return x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{
		Subject:            pkix.Name{CommonName: cn},
		SignatureAlgorithm: alg,
	}, key)
}

// apply takes the document apart, and checks that the device could live with it.
func (e *Enrolled) apply(doc []byte, key crypto.Signer, roots *x509.CertPool, renewal bool) error {
	p, err := ParseProvisioning(doc)
	if err != nil {
		return err
	}
	cert := p.Client
	if cert == nil {
		return badProvisioning(CodeProvCertNotFound, "CertificateStore/My", "there is no client certificate")
	}
	if !samePublicKey(key.Public(), cert.PublicKey) {
		return badProvisioning(CodeProvCertNotFound, "CertificateStore/My", "the certificate is for another key than the one of this device")
	}
	pool := x509.NewCertPool()
	if roots != nil {
		pool = roots.Clone()
	}
	for _, r := range slices.Concat(p.Roots, e.Roots) {
		pool.AddCert(r)
	}
	inter := x509.NewCertPool()
	chain := [][]byte{cert.Raw}
	issuers := p.Intermediates
	if renewal && e.Provisioning != nil {
		// What the device has is not delivered again.
		for _, c := range e.Provisioning.Intermediates {
			issuers = addCertificate(issuers, c)
		}
	}
	for _, c := range issuers {
		inter.AddCert(c)
		chain = append(chain, c.Raw)
	}
	if _, err := cert.Verify(x509.VerifyOptions{Roots: pool, Intermediates: inter, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err != nil {
		return badProvisioning(CodeProvCertStore, "CertificateStore/My", "the certificate cannot be used: %v", err)
	}
	e.Certificate = tls.Certificate{Certificate: chain, PrivateKey: key, Leaf: cert}
	for _, r := range p.Roots {
		e.Roots = addCertificate(e.Roots, r)
	}
	p.Roots, p.Intermediates, p.Renewal = e.Roots, issuers, false
	if renewal && e.Provisioning != nil && (p.Application == nil || p.Application.Addr == "") {
		// The account stays as it is; the stored document follows the certificate.
		q := *e.Provisioning
		q.Client, q.Roots, q.Intermediates = cert, p.Roots, p.Intermediates
		e.Provisioning = &q
		return nil
	}
	return e.settle(p)
}

// Renew gets a new certificate for a new key, over a connection that the old certificate authenticates, and returns old
// with these replaced; old itself stays as it is, and counts until the caller has stored the new one. env is
// renew.PKCS7{} of package auth/enroll/renew. A c.HTTP whose Transport is neither nil nor a *http.Transport has to offer
// the old certificate itself.
//
// The error is an [*Error]. One that is a [CodeNotEligibleToRenew] will not go away: the device has to enroll again.
func (c *Client) Renew(ctx context.Context, old *Enrolled, env Envelope) (*Enrolled, error) {
	leaf := old.Certificate.Leaf
	if leaf == nil || old.Certificate.PrivateKey == nil {
		return nil, &Error{Step: StepDiscover, Err: CodeNotEnrolled}
	}
	hc, done := c.certified(&old.Certificate)
	defer done()
	start := *c
	start.DiscoveryURL = cmp.Or(old.renewURL(), old.DiscoveryURL, c.DiscoveryURL)
	discovery, sv, err := start.discover(ctx, hc, old.User, nil)
	if err != nil {
		return nil, err
	}
	// The user is named, and has no part in it: the connection says who asks.
	ch := &channel{c: c, user: old.User, cred: credential{kind: PolicyOnPremise}, stamped: true, http: hc}
	policy, err := ch.policies(ctx, sv)
	if err != nil {
		return nil, err
	}
	fail := func(step Step, err error) (*Enrolled, error) { return nil, &Error{step, sv.WSTEPURL, err} }
	key, err := c.newKey(policy)
	if err != nil {
		return fail(StepIssue, err)
	}
	csr, err := newCSR(key, old.DeviceID)
	if err != nil {
		return fail(StepIssue, err)
	}
	sealed, err := env.Seal(csr, leaf, old.Certificate.PrivateKey)
	if err != nil {
		return fail(StepIssue, err)
	}
	dev := c.Device
	dev.ID = old.DeviceID
	doc, err := ch.issue(ctx, sv, &tokenRequest{kind: requestRenew, valueType: tokenTypePKCS7, data: sealed, context: dev.context(sv.Version)})
	if err != nil {
		return nil, err
	}
	e := *old
	e.Roots = slices.Clone(old.Roots)
	if err := e.apply(doc, key, c.Roots, true); err != nil {
		return fail(StepApply, err)
	}
	if bytes.Equal(e.Certificate.Leaf.Raw, leaf.Raw) {
		return fail(StepApply, errors.New("enroll: the server sent the old certificate"))
	}
	e.Services, e.DiscoveryURL = sv, cmp.Or(old.DiscoveryURL, discovery)
	return &e, nil
}
