package enroll

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/beevik/etree"
	"github.com/omadm-sdk/omadm/internal/soap"
)

var (
	errWrongCertificate = errors.New("the issuer returned no certificate for the key of the request")
	errNoProvision      = errors.New("enroll: Server.Provision is nil or returned nil")
)

// validator returns nil where a policy is not served.
func (s *Server) validator(p AuthPolicy) TokenValidator {
	switch p {
	case PolicyOnPremise:
		return s.OnPremise
	case PolicyFederated:
		return s.Federated
	case PolicyCertificate:
		return s.Certificate
	}
	return nil
}

func (s *Server) discover(x *exchange) (*etree.Element, error) {
	d, err := readDiscovery(x.msg.Body)
	if err != nil {
		return nil, err
	}
	x.user = d.User
	if s.Admit != nil {
		if err := s.Admit(x.http.Context(), d); err != nil {
			return nil, toFault(err, CodeEnrollmentServer)
		}
	}
	prefer := s.Prefer
	if prefer == nil {
		prefer = []AuthPolicy{PolicyFederated, PolicyCertificate, PolicyOnPremise}
	}
	// Devices of the first version of the protocol do not say what they can do.
	i := slices.IndexFunc(prefer, func(p AuthPolicy) bool {
		return s.validator(p) != nil && (len(d.Policies) == 0 || slices.Contains(d.Policies, p))
	})
	if i < 0 {
		return nil, &Fault{Code: CodeNotSupported, Reason: "none of the device's ways to sign in is offered here"}
	}
	own := s.Version
	if own == 0 {
		own = Version5
	}
	a := &Services{Policy: prefer[i], Version: own}
	if d.Version != 0 {
		a.Version = min(d.Version, own)
	}
	x.policy = a.Policy
	base := strings.TrimSuffix(s.BaseURL, "/")
	if base == "" {
		base = "https://" + x.http.Host
	}
	a.XCEPURL, a.WSTEPURL = base+PolicyPath, base+IssuePath
	if s.Policy != nil && s.Policy.Attestation != nil {
		// The policy depends on the version, which the next request does not say.
		a.XCEPURL += "?" + versionQuery + "=" + a.Version.String()
	}
	if a.Policy == PolicyFederated {
		a.AuthURL = s.AuthURL
	}
	return a.element(), nil
}

const versionQuery = "version"

func (s *Server) policies(x *exchange) (*etree.Element, error) {
	if x.msg.Body == nil || x.msg.Body.Tag != "GetPolicies" {
		return nil, badMessage("the body holds no GetPolicies")
	}
	if sec := x.msg.Security; sec == nil || !s.renewing(x, sec.Username) {
		if _, err := s.authenticate(x, false); err != nil {
			return nil, err
		}
	}
	v, _ := ParseVersion(x.http.URL.Query().Get(versionQuery))
	return s.Policy.element(v), nil
}

// authenticate finds out who sent a request.
func (s *Server) authenticate(x *exchange, spend bool) (*Identity, error) {
	t, err := readToken(x.msg)
	if err != nil {
		return nil, err
	}
	x.policy, x.user = t.Policy, t.User
	t.Spend = spend
	v := s.validator(t.Policy)
	if v == nil {
		return nil, &Fault{Code: CodeInvalidSecurity, Reason: string(t.Policy) + " is not offered here"}
	}
	id, err := v.ValidateToken(x.http.Context(), t)
	if err != nil {
		return nil, toFault(err, CodeEnrollmentServer)
	}
	if id == nil {
		return nil, CodeAuthentication
	}
	c := *id
	c.Policy = t.Policy
	x.user = c.User
	return &c, nil
}

func invalidSecurity(reason string, err error) error {
	return &Fault{Code: CodeInvalidSecurity, Reason: reason, Err: err}
}

func readToken(m *soap.Message) (*Token, error) {
	sec := m.Security
	switch {
	case sec == nil:
		return nil, invalidSecurity("there is no Security header", nil)
	case sec.Username != nil && sec.Token != nil:
		return nil, invalidSecurity("the Security header holds two tokens", nil)
	case sec.Username != nil:
		if ty := sec.Username.Type; ty != "" && !strings.HasSuffix(ty, "#PasswordText") {
			return nil, invalidSecurity("the password is not in clear text", nil)
		}
		return &Token{Policy: PolicyOnPremise, User: sec.Username.Name, Password: Secret(sec.Username.Password)}, nil
	case sec.Token == nil:
		return nil, invalidSecurity("the Security header holds no token", nil)
	case sec.Signed():
		cert, err := m.Verify()
		if err != nil {
			return nil, invalidSecurity("the signature of the request is not acceptable", err)
		}
		if err := checkTimestamp(sec.Timestamp, time.Now()); err != nil {
			return nil, err
		}
		return &Token{Policy: PolicyCertificate, Certificate: cert}, nil
	}
	value, err := soap.Decode(sec.Token.Data)
	if err != nil || len(value) == 0 {
		return nil, invalidSecurity("the token is not base64", err)
	}
	return &Token{Policy: PolicyFederated, Value: Secret(value), ValueType: sec.Token.ValueType}, nil
}

// clockSkew is how much the clock of a new device may be wrong. A signed request can be sent again within that time.
const clockSkew = 5 * time.Minute

func checkTimestamp(t *soap.Timestamp, now time.Time) error {
	switch {
	case t == nil || t.Created.IsZero() || t.Expires.IsZero():
		return invalidSecurity("a signed request needs a Timestamp", nil)
	case now.Add(clockSkew).Before(t.Created) || now.Add(-clockSkew).After(t.Expires):
		return invalidSecurity("the Timestamp of the request is not of now: check the clock of the device", nil)
	}
	return nil
}

// maxDeviceID is what a common name can hold (RFC 5280, ub-common-name).
const maxDeviceID = 64

func (s *Server) issue(x *exchange) (*etree.Element, error) {
	req, err := readTokenRequest(x.msg.Body)
	if err != nil {
		return nil, err
	}
	x.device = req.context.Get(ItemDeviceID)
	var id *Identity
	der := req.data
	if req.kind == requestRenew {
		if der, id, err = s.openRenewal(x, req.data); err != nil {
			return nil, err
		}
	}
	// The request is read before the token is spent, so that a bad one can be sent again.
	csr, err := s.readCSR(der)
	if err != nil {
		return nil, err
	}
	if id == nil {
		device := req.context.Get(ItemDeviceID)
		if device == "" {
			device = csr.DeviceID
		}
		if !validDeviceID(device) {
			return nil, badMessage("the DeviceID is %.80q, want 1 to %d bytes without control characters", device, maxDeviceID)
		}
		if id, err = s.authenticate(x, true); err != nil {
			return nil, err
		}
		id.Device = device
	}
	x.user, x.device = id.User, id.Device
	id.Hardware = req.context.Get(ItemHWDevID)
	id.Type = EnrollmentType(req.context.Get(ItemEnrollmentType))

	r := &Request{Identity: id, Context: req.context, CSR: csr, Trace: x.trace, HTTP: x.http}
	if r.Chain, err = s.certify(x.http.Context(), csr, id); err != nil {
		return nil, err
	}
	doc, err := s.provision(x.http.Context(), r)
	if err != nil {
		return nil, toFault(err, CodeEnrollmentServer)
	}
	return issueAnswer(doc), nil
}

func validDeviceID(s string) bool {
	return s != "" && len(s) <= maxDeviceID && utf8.ValidString(s) && strings.IndexFunc(s, unicode.IsControl) < 0
}

func (s *Server) readCSR(der []byte) (*CSR, error) {
	csr, err := ParseCSR(der)
	if err == nil {
		err = csr.checkKey(s.Policy.keyBits())
	}
	if err == nil {
		err = csr.CheckSignature()
	}
	if err != nil {
		return nil, &Fault{Code: CodeCertificateRequest, Reason: "the certificate request is not acceptable", Err: err}
	}
	return csr, nil
}

func (s *Server) certify(ctx context.Context, csr *CSR, id *Identity) ([]*x509.Certificate, error) {
	if s.Issuer == nil {
		return nil, CodeCertificateRequest
	}
	chain, err := s.Issuer.Issue(ctx, csr, id)
	if err != nil {
		return nil, toFault(err, CodeCertificateRequest)
	}
	// A device drops a certificate for another key without saying why.
	if len(chain) == 0 || !samePublicKey(csr.PublicKey, chain[0].PublicKey) {
		return nil, &Fault{Code: CodeCertificateRequest, Err: errWrongCertificate}
	}
	return chain, nil
}

// provision asks the deployment what else the device gets, and writes it all down.
func (s *Server) provision(ctx context.Context, r *Request) ([]byte, error) {
	if s.Provision == nil {
		return nil, errNoProvision
	}
	given, err := s.Provision(ctx, r)
	if err != nil {
		return nil, err
	}
	if given == nil {
		return nil, errNoProvision
	}
	p := *given // the hook may keep or share what it returned
	p.Client = r.Chain[0]
	p.Store = StoreUser
	if r.Identity.Type == TypeDevice {
		p.Store = StoreSystem
	}
	if p.Renewal = r.Identity.Renews != nil; p.Renewal {
		p.DMClient, p.Renew = nil, nil
		if knows(r.Identity.Renews, r.Chain) {
			p.Roots, p.Intermediates = nil, nil
			return p.Marshal()
		}
	} else {
		s.announceRenewal(&p)
		if a := p.Application; a != nil && a.CertSearch == "" {
			c := *a
			c.CertSearch = CertSearchCriteria(p.Client.Subject.String(), p.Store)
			p.Application = &c
		}
	}
	p.Roots, p.Intermediates = slices.Clone(p.Roots), slices.Clone(p.Intermediates)
	for _, c := range r.Chain[1:] {
		if bytes.Equal(c.RawIssuer, c.RawSubject) {
			p.Roots = addCertificate(p.Roots, c)
		} else {
			p.Intermediates = addCertificate(p.Intermediates, c)
		}
	}
	return p.Marshal()
}

// announceRenewal tells devices to renew only where that would work.
func (s *Server) announceRenewal(p *Provisioning) {
	switch {
	case p.Renew != nil && p.Renew.ServerURL != "": // somewhere else
	case !s.canRenew():
		p.Renew = nil
	case p.Renew == nil && s.Renewal.Renew != nil:
		p.Renew = s.Renewal.Renew
	case p.Renew == nil:
		p.Renew = &Renew{ROBO: true}
	}
}

// knows tells whether the device that has the certificate old has the chain of its new one already.
func knows(old *x509.Certificate, chain []*x509.Certificate) bool {
	return len(chain) < 2 || old.CheckSignatureFrom(chain[1]) == nil
}

func addCertificate(to []*x509.Certificate, c *x509.Certificate) []*x509.Certificate {
	if slices.ContainsFunc(to, c.Equal) {
		return to
	}
	return append(to, c)
}
