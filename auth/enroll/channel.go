package enroll

import (
	"bytes"
	"context"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/omadm-sdk/omadm/internal/soap"
)

// A channel sends the requests of one enrollment.
type channel struct {
	c       *Client
	user    string
	cred    credential
	stamped bool // the Security header has a Timestamp, as that of a renewal
	http    *http.Client
}

const (
	stepTimeout = time.Minute
	userAgent   = "ENROLLClient" // some services sort clients by it
)

// answerLimits allow for a document that carries many policies, in base64.
var answerLimits = soap.Limits{Bytes: 2 << 20}

// client returns an http.Client that follows no redirect by itself.
func (c *Client) client() *http.Client {
	hc := http.Client{Timeout: stepTimeout}
	if c.HTTP != nil {
		hc = *c.HTTP
	}
	hc.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &hc
}

// certified returns a client like that of c.client that offers cert, and what to do after its last request.
func (c *Client) certified(cert *tls.Certificate) (hc *http.Client, done func()) {
	hc = c.client()
	base, ok := hc.Transport.(*http.Transport)
	switch {
	case ok:
	case hc.Transport != nil:
		return hc, func() {} // the caller's own; it has to offer the certificate
	default:
		if base, ok = http.DefaultTransport.(*http.Transport); !ok {
			base = new(http.Transport)
		}
	}
	tr := base.Clone()
	if tr.TLSClientConfig == nil {
		tr.TLSClientConfig = new(tls.Config)
	}
	tr.TLSClientConfig.Certificates = nil
	tr.TLSClientConfig.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return cert, nil }
	hc.Transport = tr
	return hc, tr.CloseIdleConnections
}

func checkHTTPS(addr string) error {
	u, err := url.Parse(addr)
	if err != nil || u.Host == "" {
		return badMessage("%.128q is not an address", addr)
	}
	if u.Scheme != "https" {
		return &Fault{Code: CodeInsecureRedirect, Reason: fmt.Sprintf("%.128q is not an HTTPS address", addr)}
	}
	return nil
}

const maxRedirects = 5

// probe is the GET that finds out whether there is a service, and where.
func (c *Client) probe(ctx context.Context, hc *http.Client, at string) (string, error) {
	for range maxRedirects {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
		if err != nil {
			return at, err
		}
		req.Header.Set("User-Agent", userAgent)
		req.Header.Set("Cache-Control", "no-cache")
		req.Header.Set("Pragma", "no-cache")
		resp, err := hc.Do(req)
		if err != nil {
			return at, connectError(err, true)
		}
		io.CopyN(io.Discard, resp.Body, 4096)
		resp.Body.Close()
		if resp.StatusCode/100 != 3 {
			if resp.StatusCode == http.StatusOK {
				return at, nil
			}
			return at, statusError(resp)
		}
		to, err := resp.Location()
		if err != nil {
			return at, &Fault{Code: CodeConnectivity, Status: resp.StatusCode, Reason: "a redirect without an address"}
		}
		if err := checkHTTPS(to.String()); err != nil {
			return at, err
		}
		if c.Redirect != nil {
			if err := c.Redirect(to); err != nil {
				return at, &Fault{Code: CodeInsecureRedirect, Reason: "the redirect to " + to.Host + " was not approved", Err: err}
			}
		}
		at = to.String()
	}
	return at, &Fault{Code: CodeConnectivity, Reason: fmt.Sprintf("more than %d redirects", maxRedirects)}
}

// connectError sorts what went wrong below HTTP. Only discovery has a code of its own for an expired certificate.
func connectError(err error, discovery bool) error {
	code := CodeConnectivity
	var invalid x509.CertificateInvalidError
	var verification *tls.CertificateVerificationError
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired && discovery:
		code = CodeDiscoveryCertDate
	case errors.As(err, &verification):
		code = CodeInvalidServerCert
	}
	return &Fault{Code: code, Err: err}
}

// statusError is an answer that is no SOAP message.
func statusError(resp *http.Response) error {
	f := &Fault{Code: CodeConnectivity, Status: resp.StatusCode, Reason: fmt.Sprintf("the server answered %d %s", resp.StatusCode, http.StatusText(resp.StatusCode))}
	switch {
	case resp.StatusCode == http.StatusTooManyRequests:
		f.Code = CodeServerTooManyRequests
		f.RetryAfter = retryAfter(resp.Header.Get("Retry-After"))
	case resp.StatusCode/100 == 3:
		f.Code = CodeInsecureRedirect
	}
	return f
}

func retryAfter(v string) time.Duration {
	const most = 24 * time.Hour
	v = strings.TrimSpace(v)
	if n, err := strconv.ParseUint(v, 10, 32); err == nil {
		return min(time.Duration(n)*time.Second, most)
	}
	if t, err := http.ParseTime(v); err == nil {
		return min(max(time.Until(t), 0), most)
	}
	return 0
}

// call sends one message and reads the answer. A fault is an error, under any HTTP status.
func (ch *channel) call(ctx context.Context, to, action string, env *soap.Envelope) (*soap.Message, error) {
	env.Action, env.To, env.MessageID, env.Request = action, to, "urn:uuid:"+newUUID(), true
	env.Namespaces = []string{
		"u", soap.NSUtility, "wsse", soap.NSSecurity, "wst", nsTrust, "ac", nsAuthorization,
	}
	doc := env.Document()
	if ch.cred.kind == PolicyCertificate && env.Security != nil {
		key, ok := ch.cred.cert.PrivateKey.(crypto.Signer)
		if !ok {
			return nil, CodeCertAuthNoCertificate
		}
		if err := soap.Sign(doc, key, env.Security.Token.ID); err != nil {
			return nil, err
		}
	}
	data, err := soap.Bytes(doc)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", soap.ContentType)
	req.Header.Set("User-Agent", userAgent)
	resp, err := ch.http.Do(req)
	if err != nil {
		return nil, connectError(err, action == actionDiscover)
	}
	defer resp.Body.Close()
	body, err := soap.ReadAll(resp.Body, &answerLimits)
	if err != nil {
		return nil, &Fault{Code: CodeConnectivity, Status: resp.StatusCode, Err: err}
	}
	ch.c.debug(ctx, "answered", "url", to, "http", resp.StatusCode, "bytes", len(body))
	return ch.answer(resp, body, env)
}

func (ch *channel) answer(resp *http.Response, body []byte, env *soap.Envelope) (*soap.Message, error) {
	ok := resp.StatusCode == http.StatusOK
	if len(bytes.TrimSpace(body)) == 0 {
		if ok {
			return nil, CodeEmptyMessage
		}
		return nil, statusError(resp)
	}
	m, err := soap.Parse(body, &answerLimits)
	if err != nil {
		if !ok {
			return nil, statusError(resp)
		}
		ct, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
		return nil, &Fault{Code: CodeMessageFormat, Status: resp.StatusCode, Reason: fmt.Sprintf("the answer (%.64s) cannot be read", ct), Err: err}
	}
	if m.Fault != nil {
		return nil, readFault(resp, m)
	}
	if !ok {
		return nil, statusError(resp)
	}
	if m.RelatesTo != "" && m.RelatesTo != env.MessageID {
		return nil, badMessage("the answer relates to %.128q, not to the request", m.RelatesTo)
	}
	return m, nil
}

// readFault finds the code: the ErrorType of the detail decides where there is one, else the subcode.
func readFault(resp *http.Response, m *soap.Message) *Fault {
	sf := m.Fault
	f := &Fault{
		Code:      CodeUnknownError,
		Reason:    sf.Reason,
		Trace:     sf.TraceID,
		Subcode:   sf.Subcode,
		ErrorType: sf.ErrorType,
		Status:    resp.StatusCode,
	}
	if f.Trace == "" {
		f.Trace = m.ActivityID
	}
	if f.Reason == "" {
		f.Reason = sf.Message
	}
	if c, ok := codeOf(sf.ErrorType); ok {
		f.Code = c
	} else if c, ok := codeOf(sf.Subcode); ok {
		f.Code = c
	}
	if resp.StatusCode == http.StatusTooManyRequests {
		f.Code = CodeServerTooManyRequests
		f.RetryAfter = retryAfter(resp.Header.Get("Retry-After"))
	}
	return f
}

// codeOf finds the code of an ErrorType or of a subcode. Services are seen to repeat the subcode as the ErrorType.
func codeOf(name string) (Code, bool) {
	for _, i := range codes {
		if name != "" && i.subcode != "" && strings.EqualFold(i.errorType(), name) {
			return i.code, true
		}
	}
	return 0, false
}

// security is the header that proves who asks. The type of a certificate depends on the step.
func (ch *channel) security(step Step) *soap.Security {
	s := new(soap.Security)
	now := time.Now()
	switch ch.cred.kind {
	case PolicyOnPremise:
		s.Username = &soap.UsernameToken{Name: ch.user, Password: string(ch.cred.secret)}
	case PolicyFederated:
		s.Token = &soap.BinaryToken{ValueType: tokenTypeUser, Data: soap.Encode([]byte(ch.cred.secret))}
	case PolicyCertificate:
		s.Token = &soap.BinaryToken{ValueType: soap.X509v3, Data: soap.Encode(ch.cred.cert.Certificate[0]), ID: "uuid-" + newUUID()}
		if step == StepIssue {
			s.Token.ValueType = tokenTypeUser
		}
	}
	if ch.stamped || ch.cred.kind == PolicyCertificate {
		s.Timestamp = &soap.Timestamp{Created: now, Expires: now.Add(answerSkew)}
	}
	return s
}

// policies asks for the certificate policy; a server without the service leaves everything at its default.
func (ch *channel) policies(ctx context.Context, sv *Services) (*CertificatePolicy, error) {
	if sv.XCEPURL == "" {
		return new(CertificatePolicy), nil
	}
	m, err := ch.call(ctx, sv.XCEPURL, actionPolicies, &soap.Envelope{Security: ch.security(StepPolicy), Body: policiesRequest()})
	if err != nil {
		return nil, &Error{StepPolicy, sv.XCEPURL, err}
	}
	p, err := readPolicy(m.Body)
	if err != nil {
		return nil, &Error{StepPolicy, sv.XCEPURL, err}
	}
	return p, nil
}

// issue asks for the certificate and returns the provisioning document.
func (ch *channel) issue(ctx context.Context, sv *Services, r *tokenRequest) ([]byte, error) {
	m, err := ch.call(ctx, sv.WSTEPURL, actionIssue, &soap.Envelope{Security: ch.security(StepIssue), Body: r.element()})
	if err != nil {
		return nil, &Error{StepIssue, sv.WSTEPURL, err}
	}
	doc, err := readIssueAnswer(m.Body)
	if err != nil {
		return nil, &Error{StepIssue, sv.WSTEPURL, err}
	}
	return doc, nil
}
