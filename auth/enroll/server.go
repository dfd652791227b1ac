package enroll

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/beevik/etree"
	"github.com/omadm-sdk/omadm/internal/soap"
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
	// certificate and secrets. If nil, or if it returns nil and no error, requests are answered with
	// CodeEnrollmentServer. It runs after the certificate has been issued, and for renewals too: r.Identity.Renews is set
	// then, and only the ProviderID of the Application and Extra are sent.
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
	CSR      *CSR                // whose signature has been checked
	Chain    []*x509.Certificate // as issued: the device's certificate first
	Trace    string              // appears in the log and, if the request fails, on the device
	HTTP     *http.Request       // its Body has been read
}

// A step of the server, as the path selects it.
type endpoint struct {
	step           Step
	action, answer string
	handle         func(*Server, *exchange) (*etree.Element, error)
}

var endpoints = map[string]*endpoint{
	strings.ToLower(DiscoveryPath): {StepDiscover, actionDiscover, actionDiscoverAnswer, (*Server).discover},
	strings.ToLower(PolicyPath):    {StepPolicy, actionPolicies, actionPoliciesAnswer, (*Server).policies},
	strings.ToLower(IssuePath):     {StepIssue, actionIssue, actionIssueAnswer, (*Server).issue},
}

// An exchange is one request on its way to an answer.
type exchange struct {
	http  *http.Request
	msg   *soap.Message
	trace string

	// For the log, as far as they are known.
	user, device string
	policy       AuthPolicy
}

// ServeHTTP answers a device. Answers have a Content-Length: devices do not take chunks.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ep := endpoints[strings.ToLower(r.URL.Path)]
	switch {
	case ep == nil:
		http.NotFound(w, r)
		return
	case ep.step == StepDiscover && (r.Method == http.MethodGet || r.Method == http.MethodHead):
		// The device asks whether there is anybody. It wants a 200 and reads nothing.
		w.Header().Set("Content-Length", "0")
		return
	case r.Method != http.MethodPost:
		allow := "POST"
		if ep.step == StepDiscover {
			allow = "GET, HEAD, POST"
		}
		w.Header().Set("Allow", allow)
		http.Error(w, "want "+allow, http.StatusMethodNotAllowed)
		return
	}
	x := &exchange{http: r, trace: newUUID()}
	env := &soap.Envelope{Action: ep.answer, ActivityID: x.trace, Namespaces: []string{"u", soap.NSUtility}}
	status, body, err := s.handle(w, x, ep)
	if x.msg != nil {
		env.RelatesTo = x.msg.MessageID
	}
	var data []byte
	if err == nil {
		env.Body = body
		if ep.step == StepIssue {
			now := time.Now()
			env.Security = &soap.Security{Timestamp: &soap.Timestamp{Created: now.Add(-answerSkew), Expires: now.Add(answerSkew)}}
		}
		data, err = soap.Bytes(env.Document())
	}
	var fault *Fault
	if err != nil {
		fault = toFault(err, CodeInternalService)
		fault.Trace = x.trace
		if fault.Status != 0 {
			status = fault.Status
		}
		env.Body, env.Security, env.Fault = nil, nil, fault.soap()
		data, _ = soap.Bytes(env.Document())
	}
	h := w.Header()
	if status == http.StatusTooManyRequests {
		h.Set("Retry-After", strconv.FormatInt(int64(max(fault.RetryAfter, time.Second)/time.Second), 10))
	}
	h.Set("Content-Type", soap.ContentType)
	h.Set("Content-Length", strconv.Itoa(len(data)))
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	w.Write(data)
	s.log(x, ep, fault)
}

// answerSkew is the window around now of the Timestamp in an answer.
const answerSkew = 5 * time.Minute

// handle reads the request and lets the step answer it.
func (s *Server) handle(w http.ResponseWriter, x *exchange, ep *endpoint) (status int, body *etree.Element, err error) {
	if err := checkContentType(x.http.Header.Get("Content-Type")); err != nil {
		return http.StatusUnsupportedMediaType, nil, err
	}
	limit := s.MaxRequest
	if limit <= 0 {
		limit = defaultMaxRequest
	}
	data, err := io.ReadAll(http.MaxBytesReader(w, x.http.Body, limit))
	if err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return http.StatusRequestEntityTooLarge, nil, &Fault{Code: CodeMessageFormat, Reason: fmt.Sprintf("the request has more than %d bytes", limit)}
		}
		return http.StatusBadRequest, nil, &Fault{Code: CodeMessageFormat, Reason: "the request could not be read", Err: err}
	}
	const failed = http.StatusInternalServerError // what SOAP 1.2 has for a fault of the receiver
	x.msg, err = soap.Parse(data, &soap.Limits{Bytes: limit})
	if err != nil {
		return failed, nil, &Fault{Code: CodeMessageFormat, Err: err}
	}
	action := x.msg.Action
	if action == "" {
		return failed, nil, badMessage("there is no Action header")
	}
	if strings.TrimSuffix(action, "/") != ep.action {
		return failed, nil, badMessage("the Action is %.128q, want %s at this address", action, ep.action)
	}
	if body, err = ep.handle(s, x); err != nil {
		return failed, nil, err
	}
	return http.StatusOK, body, nil
}

const defaultMaxRequest = 256 << 10

func checkContentType(ct string) error {
	if mt, _, err := mime.ParseMediaType(ct); err == nil {
		switch mt {
		case "application/soap+xml", "text/xml", "application/xml": // the last two are SOAP 1.1's
			return nil
		}
	}
	return badMessage("the Content-Type is %.64q, want application/soap+xml", ct)
}

// toFault says what a device is told of an error. What is neither a Fault nor a Code stays here.
func toFault(err error, fallback Code) *Fault {
	if f, ok := errors.AsType[*Fault](err); ok {
		c := *f
		if sub, _ := c.Code.Subcode(); sub != "" || c.Code == CodeServerTooManyRequests {
			return c.complete()
		}
		return (&Fault{Code: fallback, Err: err}).complete()
	}
	if c, ok := errors.AsType[Code](err); ok {
		f := &Fault{Code: c}
		if sub, _ := c.Subcode(); sub == "" && c != CodeServerTooManyRequests {
			f.Code = fallback
		}
		if err != error(c) {
			f.Err = err
		}
		return f.complete()
	}
	return (&Fault{Code: fallback, Err: err}).complete()
}

// complete fills in what follows from the code.
func (f Fault) complete() *Fault {
	if f.Reason == "" {
		f.Reason = f.Code.text()
	}
	f.Status = 0 // a hook may pass on what another server answered
	if f.Code == CodeServerTooManyRequests {
		f.Status = http.StatusTooManyRequests
		if f.RetryAfter <= 0 {
			f.RetryAfter = time.Minute
		}
	}
	f.Subcode, f.ErrorType = f.Code.Subcode()
	return &f
}

func (f *Fault) soap() *soap.Fault {
	subcode, errorType := f.Subcode, f.ErrorType
	if subcode == "" { // HTTP says it
		subcode, errorType = CodeEnrollmentServer.Subcode()
	}
	return &soap.Fault{Code: "Receiver", Subcode: subcode, Reason: f.Reason, ErrorType: errorType, Message: f.Reason, TraceID: f.Trace}
}

func (s *Server) log(x *exchange, ep *endpoint, f *Fault) {
	l := s.Logger
	if l == nil {
		l = slog.Default()
	}
	level, text := slog.LevelInfo, "enrollment step answered"
	attrs := []slog.Attr{slog.String("step", ep.step.String()), slog.String("trace", x.trace), slog.String("remote", x.http.RemoteAddr)}
	add := func(key, v string) {
		if v != "" {
			attrs = append(attrs, slog.String(key, clip(v)))
		}
	}
	add("policy", string(x.policy))
	add("user", x.user)
	add("device", x.device)
	if f != nil {
		level, text = slog.LevelWarn, "enrollment step refused"
		add("code", f.Code.Name())
		add("reason", f.Reason)
		if f.Err != nil {
			attrs = append(attrs, slog.Any("err", f.Err))
		}
	}
	l.LogAttrs(x.http.Context(), level, text, attrs...)
}

// clip bounds what strangers can write into the log.
func clip(s string) string {
	const limit = 256
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "") + "…"
}

// newUUID returns a random UUID (version 4).
func newUUID() string {
	var b [16]byte
	rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
