package enroll_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/beevik/etree"
	"github.com/omadm-sdk/omadm/auth/enroll"
	"github.com/omadm-sdk/omadm/internal/golden"
	"github.com/stretchr/testify/require"
)

const soapType = "application/soap+xml; charset=utf-8"

// request is a message as Windows sends it, its placeholders filled. Of the pairs, old must be in it.
func request(t testing.TB, name string, pairs ...string) string {
	t.Helper()
	b, err := os.ReadFile("testdata/windows/" + name + ".xml")
	require.NoError(t, err)
	s := string(b)
	for i := 0; i+1 < len(pairs); i += 2 {
		require.Contains(t, s, pairs[i])
		s = strings.ReplaceAll(s, pairs[i], pairs[i+1])
	}
	return s
}

// issueRequest is that for a certificate, with a good token and a good CSR.
func (d *deployment) issueRequest(t testing.TB, pairs ...string) string {
	t.Helper()
	ticket, err := d.tickets.New(pat, nil)
	require.NoError(t, err)
	s := request(t, "issue", pairs...)
	s = strings.ReplaceAll(s, "{{TOKEN}}", base64.StdEncoding.EncodeToString([]byte(ticket)))
	return strings.ReplaceAll(s, "{{CSR}}", base64.StdEncoding.EncodeToString(windowsCSR(t, false)))
}

func (d *deployment) post(t testing.TB, path, contentType, body string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, d.URL+path, strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", contentType)
	req.Host = "EnterpriseEnrollment.fabrikam.example"
	resp, err := d.Client().Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp, string(b)
}

// text returns the text of the first element of the name, wherever it is, and whether there is one.
func textOf(t testing.TB, doc, name string) string {
	t.Helper()
	d := etree.NewDocument()
	require.NoError(t, d.ReadFromString(doc), doc)
	el := d.FindElement("//" + name)
	if el == nil {
		return ""
	}
	return el.Text()
}

var (
	times      = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`)
	document64 = regexp.MustCompile(`PHdhcC1[A-Za-z0-9+/=]+`) // base64 of "<wap-"
)

// mask replaces what is new in every answer.
func mask(t testing.TB, answer string) string {
	answer = strings.ReplaceAll(answer, textOf(t, answer, "ActivityId"), "TRACE")
	return document64.ReplaceAllString(times.ReplaceAllString(answer, "TIME"), "DOCUMENT")
}

func TestProbe(t *testing.T) {
	d := deploy(t, nil)
	for _, row := range []struct {
		method, path string
		status       int
		allow        string
	}{
		{"GET", enroll.DiscoveryPath, 200, ""},
		{"HEAD", enroll.DiscoveryPath, 200, ""},
		{"GET", "/enrollmentserver/discovery.svc", 200, ""},
		{"GET", enroll.PolicyPath, 405, "POST"},
		{"PUT", enroll.DiscoveryPath, 405, "GET, HEAD, POST"},
		{"DELETE", enroll.IssuePath, 405, "POST"},
		{"GET", "/", 404, ""},
		{"POST", "/EnrollmentServer/Other.svc", 404, ""},
	} {
		t.Run(row.method+" "+row.path, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), row.method, d.URL+row.path, nil)
			require.NoError(t, err)
			resp, err := d.Client().Do(req)
			require.NoError(t, err)
			defer resp.Body.Close()
			require.Equal(t, row.status, resp.StatusCode)
			require.Equal(t, row.allow, resp.Header.Get("Allow"))
			if row.status == 200 {
				require.Equal(t, "0", resp.Header.Get("Content-Length"))
			}
		})
	}
}

// The answers to Windows' own messages, to the byte.
func TestConversation(t *testing.T) {
	d := deploy(t, func(d *deployment) { d.enroll.BaseURL = "https://mdm.fabrikam.example" })
	for _, row := range []struct{ name, path, body string }{
		{"discover", enroll.DiscoveryPath, request(t, "discover")},
		{"policies", enroll.PolicyPath, request(t, "policies")},
		{"issue", enroll.IssuePath, d.issueRequest(t)},
		{"fault", enroll.IssuePath, d.issueRequest(t, "{{TOKEN}}", "bm8=")},
	} {
		t.Run(row.name, func(t *testing.T) {
			resp, body := d.post(t, row.path, soapType, row.body)
			require.Equal(t, soapType, resp.Header.Get("Content-Type"))
			require.Empty(t, resp.TransferEncoding, "devices do not take chunks")
			require.Equal(t, strconv.Itoa(len(body)), resp.Header.Get("Content-Length"))
			require.Equal(t, "no-store", resp.Header.Get("Cache-Control"))
			want := 200
			if row.name == "fault" {
				want = 500
			}
			require.Equal(t, want, resp.StatusCode)
			golden.Check(t, "testdata/answers/"+row.name+".xml", lines([]byte(mask(t, body))))
		})
	}
}

// What the device of Windows 10 gets for its illegal request, taken apart.
func TestIssue(t *testing.T) {
	d := deploy(t, nil)
	for _, row := range []struct {
		name    string
		pairs   []string
		store   enroll.Store
		device  string
		contain string
	}{
		{"a user's enrollment", nil, enroll.StoreUser, windowsDeviceID, "Stores=My%5CUser"},
		{"a device's enrollment", []string{"<ac:Value>Full<", "<ac:Value>Device<"}, enroll.StoreSystem, windowsDeviceID, "Stores=My%5CSystem"},
		{"Lite, as documentation has it", []string{"<ac:Value>Full<", "<ac:Value>Lite<"}, enroll.StoreUser, windowsDeviceID, "Stores=My%5CUser"},
		{"a recovery", []string{"200512/Issue<", "200512/Recovery<"}, enroll.StoreUser, windowsDeviceID, "Stores=My%5CUser"},
		{"a device id that is no GUID", []string{windowsDeviceID, "urn:uuid:0d1e5f5e-6f4a-4a52-9d0a-2b9d4c1f7a10"}, enroll.StoreUser, "urn:uuid:0d1e5f5e-6f4a-4a52-9d0a-2b9d4c1f7a10", "CN%3Durn%3Auuid%3A0d1e5f5e"},
		{"a device id in the CSR only", []string{`Name="DeviceID"`, `Name="Other"`}, enroll.StoreUser, windowsDeviceID, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			resp, body := d.post(t, enroll.IssuePath, soapType, d.issueRequest(t, row.pairs...))
			require.Equal(t, 200, resp.StatusCode, body)
			doc, err := base64.StdEncoding.DecodeString(textOf(t, body, "BinarySecurityToken"))
			require.NoError(t, err)
			p := mustParse(t, doc)
			require.Equal(t, row.store, p.Store)
			require.Equal(t, rsaKey().Public(), p.Client.PublicKey)
			require.Equal(t, row.device, p.Client.Subject.CommonName)
			require.Contains(t, p.Application.CertSearch, row.contain)
			require.Equal(t, []*cert{d.ca.Certificate}, p.Roots)
			require.Empty(t, p.Intermediates)
			require.Equal(t, &enroll.Renew{ROBO: true, Period: 42, RetryInterval: 7}, p.Renew)
			require.NotEqual(t, p.Application.Server.Secret, p.Application.Device.Secret)
			require.NotEmpty(t, p.Application.Device.Nonce)
			require.Equal(t, "PAT-LAPTOP", p.DMClient.DeviceName)

			r := d.last()
			require.Equal(t, row.device, r.Identity.Device)
			require.Equal(t, pat, r.Identity.User)
			require.Equal(t, enroll.PolicyFederated, r.Identity.Policy)
			require.Equal(t, "CF1D12AA5AE42E47D52465E9A71316CAF3AFCC1D3088F230F4D50B371FB2256F", r.Identity.Hardware)
			require.True(t, r.Context.Bool(enroll.ItemUserLoggedIn))
			require.False(t, r.Context.Bool("NotInOobe"))
		})
	}
}

// Two enrollments of one device have nothing in common that would identify or authenticate it.
func TestSecretsAreFresh(t *testing.T) {
	d := deploy(t, nil)
	var ps []*enroll.Provisioning
	for range 2 {
		_, body := d.post(t, enroll.IssuePath, soapType, d.issueRequest(t))
		doc, err := base64.StdEncoding.DecodeString(textOf(t, body, "BinarySecurityToken"))
		require.NoError(t, err)
		ps = append(ps, mustParse(t, doc))
	}
	a, b := ps[0], ps[1]
	require.NotEqual(t, a.Client.SerialNumber, b.Client.SerialNumber)
	require.NotEqual(t, a.Application.Device.Secret, b.Application.Device.Secret)
	require.NotEqual(t, a.Application.Server.Secret, b.Application.Server.Secret)
	require.NotEqual(t, a.Application.Device.Nonce, b.Application.Device.Nonce)
}

func TestDiscover(t *testing.T) {
	all := []string{"<AuthPolicy>OnPremise</AuthPolicy>", "<AuthPolicy>OnPremise</AuthPolicy><AuthPolicy>Certificate</AuthPolicy>"}
	refuseAll := enroll.TokenFunc(nil)
	for _, row := range []struct {
		name    string
		server  func(*enroll.Server)
		pairs   []string
		policy  string
		version string
		fault   enroll.Code
	}{
		{"federated is preferred", nil, nil, "Federated", "5.0", 0},
		{"a preference of one's own", func(s *enroll.Server) { s.Prefer = []enroll.AuthPolicy{enroll.PolicyOnPremise} }, nil, "OnPremise", "5.0", 0},
		{"what is not registered is not announced", func(s *enroll.Server) { s.Federated = nil }, nil, "OnPremise", "5.0", 0},
		{"certificate before password", func(s *enroll.Server) { s.Federated, s.Certificate = nil, refuseAll }, all, "Certificate", "5.0", 0},
		{"only what the device can do", func(s *enroll.Server) { s.Certificate = refuseAll }, []string{"<AuthPolicy>Federated</AuthPolicy>", ""}, "OnPremise", "5.0", 0},
		{"nothing in common", func(s *enroll.Server) { s.Federated, s.OnPremise, s.Certificate = nil, nil, refuseAll }, nil, "", "", enroll.CodeNotSupported},
		{"no validator at all", func(s *enroll.Server) { s.Federated, s.OnPremise = nil, nil }, nil, "", "", enroll.CodeNotSupported},
		{"a device that does not say what it can do", nil, []string{"AuthPolicies", "Other"}, "Federated", "5.0", 0},
		{"text in AuthPolicies, as one page has it", nil, []string{"<AuthPolicies>\n          <AuthPolicy>OnPremise</AuthPolicy>\n          <AuthPolicy>Federated</AuthPolicy>\n        </AuthPolicies>", "<AuthPolicies>OnPremise</AuthPolicies>"}, "OnPremise", "5.0", 0},
		{"an older device", nil, []string{">5.0<", ">4.0<"}, "Federated", "4.0", 0},
		{"a newer device", nil, []string{">5.0<", ">7.0<"}, "Federated", "5.0", 0},
		{"a device of the far future", func(s *enroll.Server) { s.Version = enroll.Version7 }, []string{">5.0<", ">25.3<"}, "Federated", "7.0", 0},
		{"a version that is none", nil, []string{">5.0<", ">latest<"}, "Federated", "5.0", 0},
		{"no e-mail address", nil, []string{"pat@fabrikam.example", ""}, "Federated", "5.0", 0},
		{`domain\user`, nil, []string{"pat@fabrikam.example", `FABRIKAM\pat`}, "Federated", "5.0", 0},
		{"the namespace with a slash at its end", nil, []string{`01/enrollment">`, `01/enrollment/">`}, "Federated", "5.0", 0},
		{"an element that is not in the schema", nil, []string{"<OSEdition>", "<OSVersion>10</OSVersion><OSEdition>"}, "Federated", "5.0", 0},
		{"no edition", nil, []string{"<OSEdition>48</OSEdition>", ""}, "Federated", "5.0", 0},
		{"Admit refuses", func(s *enroll.Server) {
			s.Admit = func(_ context.Context, d *enroll.Discovery) error {
				if d.OSEdition == 48 && d.DeviceType == "CIMClient_Windows" && d.OSVersion == "10.0.22631.3447" && d.Version == enroll.Version5 && d.User == pat && len(d.Policies) == 2 {
					return enroll.CodeDeviceNotSupported
				}
				return nil
			}
		}, nil, "", "", enroll.CodeDeviceNotSupported},
	} {
		t.Run(row.name, func(t *testing.T) {
			d := deploy(t, func(d *deployment) {
				if row.server != nil {
					row.server(d.enroll)
				}
			})
			resp, body := d.post(t, enroll.DiscoveryPath, soapType, request(t, "discover", row.pairs...))
			if row.fault != 0 {
				_, detail := row.fault.Subcode()
				require.Equal(t, 500, resp.StatusCode)
				require.Equal(t, detail, textOf(t, body, "ErrorType"))
				return
			}
			require.Equal(t, 200, resp.StatusCode, body)
			require.Equal(t, row.policy, textOf(t, body, "AuthPolicy"))
			require.Equal(t, row.version, textOf(t, body, "EnrollmentVersion"))
			require.Equal(t, "https://EnterpriseEnrollment.fabrikam.example/EnrollmentServer/Enrollment.svc", textOf(t, body, "EnrollmentServiceUrl"))
			require.Equal(t, "https://EnterpriseEnrollment.fabrikam.example/EnrollmentServer/Policy.svc", textOf(t, body, "EnrollmentPolicyServiceUrl"))
			auth := ""
			if row.policy == "Federated" {
				auth = "https://mdm.fabrikam.example/sign-in?tenant=7"
			}
			require.Equal(t, auth, textOf(t, body, "AuthenticationServiceUrl"))
		})
	}
}

// Each error that a hook may return, as the device sees it (MS-MDE2: subcode and ErrorType), and as our client does.
func TestFaults(t *testing.T) {
	for _, row := range []struct {
		code            enroll.Code
		subcode, detail string
		hresult         uint32
	}{
		{enroll.CodeMessageFormat, "s:MessageFormat", "MessageFormat", 0x80180001},
		{enroll.CodeAuthentication, "s:Authentication", "Authentication", 0x80180002},
		{enroll.CodeAuthorization, "s:Authorization", "Authorization", 0x80180003},
		{enroll.CodeCertificateRequest, "s:CertificateRequest", "CertificateRequest", 0x80180004},
		{enroll.CodeEnrollmentServer, "s:EnrollmentServer", "EnrollmentServer", 0x80180005},
		{enroll.CodeInternalService, "a:InternalServiceFault", "InternalServiceFault", 0x80180006},
		{enroll.CodeInvalidSecurity, "a:InvalidSecurity", "InvalidSecurity", 0x80180007},
		{enroll.CodeDeviceCapReached, "s:Authorization", "DeviceCapReached", 0x80180013},
		{enroll.CodeDeviceNotSupported, "s:Authorization", "DeviceNotSupported", 0x80180014},
		{enroll.CodeNotSupported, "s:Authorization", "NotSupported", 0x80180015},
		{enroll.CodeNotEligibleToRenew, "s:Authorization", "NotEligibleToRenew", 0x80180016},
		{enroll.CodeInMaintenance, "s:EnrollmentServer", "InMaintenance", 0x80180017},
		{enroll.CodeUserLicense, "s:Authorization", "UserLicense", 0x80180018},
		{enroll.CodeInvalidEnrollmentData, "s:MessageFormat", "InvalidEnrollmentData", 0x80180019},
		{enroll.CodeCustomServerError, "s:EnrollmentServer", "CustomServerError", 0x80180032},
	} {
		t.Run(row.code.Name(), func(t *testing.T) {
			d := deploy(t, func(d *deployment) {
				d.enroll.Federated = enroll.TokenFunc(func(context.Context, *enroll.Token) (*enroll.Identity, error) {
					return nil, &enroll.Fault{Code: row.code, Reason: "come <later>", Err: errors.New("what only the log says")}
				})
			})
			require.Equal(t, row.hresult, uint32(row.code))
			resp, body := d.post(t, enroll.IssuePath, soapType, d.issueRequest(t))
			require.Equal(t, 500, resp.StatusCode)
			require.Equal(t, soapType, resp.Header.Get("Content-Type"))
			require.Contains(t, body, "<s:Subcode><s:Value>"+row.subcode+"</s:Value></s:Subcode>")
			require.Equal(t, row.detail, textOf(t, body, "ErrorType"))
			require.Equal(t, "come <later>", textOf(t, body, "Text"))
			require.Equal(t, "urn:uuid:0d5a1441-5891-453b-becf-a2e5f6ea3749", textOf(t, body, "RelatesTo"))
			trace := textOf(t, body, "TraceId")
			require.Len(t, trace, 36)
			require.Equal(t, trace, textOf(t, body, "ActivityId"))
			require.Contains(t, d.logged(), trace)
			require.Contains(t, d.logged(), "what only the log says")
			require.NotContains(t, body, "what only")

			_, err := d.client(t).Enroll(t.Context(), pat, enroll.Ticket("x"))
			require.ErrorIs(t, err, row.code)
			var f *enroll.Fault
			require.ErrorAs(t, err, &f)
			require.Equal(t, "come <later>", f.Reason)
			require.Len(t, f.Trace, 36)
			require.Equal(t, 500, f.Status)
		})
	}
}

// An error of a hook that is none for a device stays in the log.
func TestHookErrors(t *testing.T) {
	boom := errors.New("database: password=hunter2")
	for _, row := range []struct {
		name    string
		change  func(*deployment)
		subcode string
	}{
		{"the validator fails", func(d *deployment) {
			d.enroll.Federated = enroll.TokenFunc(func(context.Context, *enroll.Token) (*enroll.Identity, error) { return nil, boom })
		}, "s:EnrollmentServer"},
		{"the validator knows nobody", func(d *deployment) {
			d.enroll.Federated = enroll.TokenFunc(func(context.Context, *enroll.Token) (*enroll.Identity, error) { return nil, nil })
		}, "s:Authentication"},
		{"the validator is a nil function", func(d *deployment) { d.enroll.Federated = enroll.TokenFunc(nil) }, "s:Authentication"},
		{"there is no validator", func(d *deployment) { d.enroll.Federated = nil }, "a:InvalidSecurity"},
		{"there is no issuer", func(d *deployment) { d.enroll.Issuer = nil }, "s:CertificateRequest"},
		{"the issuer fails", func(d *deployment) { d.enroll.Issuer = issuer{err: boom} }, "s:CertificateRequest"},
		{"the issuer issues nothing", func(d *deployment) { d.enroll.Issuer = issuer{} }, "s:CertificateRequest"},
		{"the issuer certifies another key", func(d *deployment) { d.enroll.Issuer = issuer{certs: []*cert{d.ca.Certificate}} }, "s:CertificateRequest"},
		{"there is no Provision", func(d *deployment) { d.enroll.Provision = nil }, "s:EnrollmentServer"},
		{"Provision fails", func(d *deployment) {
			d.enroll.Provision = func(context.Context, *enroll.Request) (*enroll.Provisioning, error) { return nil, boom }
		}, "s:EnrollmentServer"},
		{"Provision returns nothing", func(d *deployment) {
			d.enroll.Provision = func(context.Context, *enroll.Request) (*enroll.Provisioning, error) { return nil, nil }
		}, "s:EnrollmentServer"},
		{"Provision returns what a device would refuse", func(d *deployment) {
			d.enroll.Provision = func(_ context.Context, r *enroll.Request) (*enroll.Provisioning, error) {
				return enroll.NewProvisioning(r, "a/b", "https://mdm.fabrikam.example/dm"), nil
			}
		}, "s:EnrollmentServer"},
		{"Provision returns an error of the client's", func(d *deployment) {
			d.enroll.Provision = func(context.Context, *enroll.Request) (*enroll.Provisioning, error) {
				return nil, enroll.CodeAlreadyEnrolled
			}
		}, "s:EnrollmentServer"},
		{"Provision refuses, in an error of its own", func(d *deployment) {
			d.enroll.Provision = func(context.Context, *enroll.Request) (*enroll.Provisioning, error) {
				return nil, errors.Join(boom, enroll.CodeAuthorization)
			}
		}, "s:Authorization"},
	} {
		t.Run(row.name, func(t *testing.T) {
			d := deploy(t, row.change)
			resp, body := d.post(t, enroll.IssuePath, soapType, d.issueRequest(t))
			require.Equal(t, 500, resp.StatusCode)
			require.Contains(t, body, "<s:Subcode><s:Value>"+row.subcode+"</s:Value></s:Subcode>")
			require.NotContains(t, body, "hunter2")
			require.NotContains(t, body, "wap-provisioningdoc")
			require.Contains(t, d.logged(), "enrollment step refused")
		})
	}
}

type issuer struct {
	certs []*cert
	err   error
}

func (i issuer) Issue(context.Context, *enroll.CSR, *enroll.Identity) ([]*cert, error) {
	return i.certs, i.err
}

func TestTooManyRequests(t *testing.T) {
	d := deploy(t, func(d *deployment) {
		d.enroll.Admit = func(context.Context, *enroll.Discovery) error {
			return &enroll.Fault{Code: enroll.CodeServerTooManyRequests, RetryAfter: 90 * time.Second}
		}
	})
	resp, _ := d.post(t, enroll.DiscoveryPath, soapType, request(t, "discover"))
	require.Equal(t, http.StatusTooManyRequests, resp.StatusCode)
	require.Equal(t, "90", resp.Header.Get("Retry-After"))
	_, err := d.client(t).Enroll(t.Context(), pat, enroll.Ticket("x"))
	require.ErrorIs(t, err, enroll.CodeServerTooManyRequests)
	var f *enroll.Fault
	require.ErrorAs(t, err, &f)
	require.Equal(t, 90*time.Second, f.RetryAfter)
}

func TestHostileRequests(t *testing.T) {
	d := deploy(t, nil)
	good := d.issueRequest(t)
	edit := func(pairs ...string) string { return d.issueRequest(t, pairs...) }
	const bst = "</wsse:BinarySecurityToken>\n    </wsse:Security>"
	for _, row := range []struct {
		name, path, contentType, body string
		status                        int
		subcode                       string
	}{
		{"no body", enroll.IssuePath, soapType, "", 500, "s:MessageFormat"},
		{"no XML", enroll.IssuePath, soapType, "hello", 500, "s:MessageFormat"},
		{"300 kB", enroll.IssuePath, soapType, strings.Replace(good, "PAT-LAPTOP", strings.Repeat("x", 300<<10), 1), 413, "s:MessageFormat"},
		{"10,000 levels", enroll.IssuePath, soapType, strings.Repeat("<a>", 10000), 500, "s:MessageFormat"},
		{"a document type", enroll.IssuePath, soapType, `<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>` + good, 500, "s:MessageFormat"},
		{"JSON", enroll.IssuePath, "application/json", good, 415, "s:MessageFormat"},
		{"a form", enroll.IssuePath, "application/x-www-form-urlencoded", good, 415, "s:MessageFormat"},
		{"no content type", enroll.IssuePath, "", good, 415, "s:MessageFormat"},
		{"no action", enroll.IssuePath, soapType, edit("a:Action", "a:Axtion"), 500, "s:MessageFormat"},
		{"the action of another step", enroll.PolicyPath, soapType, good, 500, "s:MessageFormat"},
		{"a body of another step", enroll.IssuePath, soapType, edit("wst:RequestSecurityToken>", "wst:GetPolicies>"), 500, "s:MessageFormat"},
		{"an empty body", enroll.IssuePath, soapType, regexp.MustCompile(`(?s)<s:Body>.*</s:Body>`).ReplaceAllString(good, "<s:Body/>"), 500, "s:MessageFormat"},
		{"no security header", enroll.IssuePath, soapType, edit("wsse:Security ", "wsse:Secur ", "wsse:Security>", "wsse:Secur>"), 500, "a:InvalidSecurity"},
		{"an empty security header", enroll.IssuePath, soapType, regexp.MustCompile(`(?s)(<wsse:Security[^>]*>).*</wsse:Security>`).ReplaceAllString(good, "$1</wsse:Security>"), 500, "a:InvalidSecurity"},
		{"two tokens", enroll.IssuePath, soapType, edit(bst, "</wsse:BinarySecurityToken><wsse:UsernameToken><wsse:Username>x</wsse:Username></wsse:UsernameToken></wsse:Security>"), 500, "a:InvalidSecurity"},
		{"an empty token", enroll.IssuePath, soapType, edit("{{TOKEN}}", ""), 500, "a:InvalidSecurity"},
		{"a token that is not base64", enroll.IssuePath, soapType, edit("{{TOKEN}}", "<x/>*"), 500, "a:InvalidSecurity"},
		{"a token of nobody's", enroll.IssuePath, soapType, edit("{{TOKEN}}", "bm9ib2R5"), 500, "s:Authentication"},
		{"a token in base64 twice", enroll.IssuePath, soapType, edit("{{TOKEN}}", "Ym05aWIyUjU="), 500, "s:Authentication"},
		{"no request type", enroll.IssuePath, soapType, edit("wst:RequestType", "wst:Type"), 500, "s:MessageFormat"},
		{"a request type of WS-Trust's", enroll.IssuePath, soapType, edit("200512/Issue<", "200512/Validate<"), 500, "s:Authorization"},
		{"no CSR", enroll.IssuePath, soapType, edit("{{CSR}}", ""), 500, "s:CertificateRequest"},
		{"a CSR that is not base64", enroll.IssuePath, soapType, edit("{{CSR}}", "***"), 500, "s:MessageFormat"},
		{"a CSR that is text", enroll.IssuePath, soapType, edit("{{CSR}}", "aGVsbG8="), 500, "s:CertificateRequest"},
		{"a CSR of another type", enroll.IssuePath, soapType, edit("#PKCS10", "#PKCS7"), 500, "s:MessageFormat"},
		{"a CSR with another's signature", enroll.IssuePath, soapType, edit("{{CSR}}", base64.StdEncoding.EncodeToString(tampered(windowsCSR(t, true)))), 500, "s:CertificateRequest"},
		{"a CSR with a small key", enroll.IssuePath, soapType, edit("{{CSR}}", base64.StdEncoding.EncodeToString(smallCSR(t))), 500, "s:CertificateRequest"},
		{"a renewal in the clothes of an issue", enroll.IssuePath, soapType, edit("200512/Issue<", "200512/Renew<"), 500, "s:MessageFormat"},
		{"a device id with a line break", enroll.IssuePath, soapType, edit(">"+windowsDeviceID, ">1E08\nC6E9"), 500, "s:MessageFormat"},
		{"a device id of 65 bytes", enroll.IssuePath, soapType, edit(">"+windowsDeviceID, ">"+strings.Repeat("A", 65)), 500, "s:MessageFormat"},
	} {
		t.Run(row.name, func(t *testing.T) {
			resp, body := d.post(t, row.path, row.contentType, row.body)
			require.Equal(t, row.status, resp.StatusCode, body)
			require.Contains(t, body, "<s:Subcode><s:Value>"+row.subcode+"</s:Value></s:Subcode>")
			require.Less(t, len(body), 2000)
		})
	}
	require.Empty(t, d.requests, "none of them got a certificate")
	// After all that, the server serves.
	resp, body := d.post(t, enroll.IssuePath, soapType, good)
	require.Equal(t, 200, resp.StatusCode, body)
	require.NotContains(t, d.logged(), "/etc/passwd")
}

func tampered(der []byte) []byte {
	der = bytes.Clone(der)
	der[len(der)-1] ^= 1
	return der
}

// Messages that are not as the specification has them, but as somebody was seen to send them.
func TestTolerance(t *testing.T) {
	d := deploy(t, nil)
	wrap := func(s string) string { // as CryptBinaryToString breaks lines
		return regexp.MustCompile(`.{64}`).ReplaceAllString(s, "$0\r\n")
	}
	csr := base64.StdEncoding.EncodeToString(windowsCSR(t, true))
	for _, row := range []struct {
		name, contentType string
		edit              func(string) string
	}{
		{"as Windows sends it", soapType, func(s string) string { return s }},
		{"no charset", "application/soap+xml", func(s string) string { return s }},
		{"a content type with an action", `application/soap+xml; charset=UTF-8; action="x"`, func(s string) string { return s }},
		{"SOAP 1.1", "text/xml; charset=utf-8", func(s string) string {
			return strings.ReplaceAll(s, "http://www.w3.org/2003/05/soap-envelope", "http://schemas.xmlsoap.org/soap/envelope/")
		}},
		{"an XML declaration and a byte order mark", soapType, func(s string) string { return "\xef\xbb\xbf<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n" + s }},
		{"no white space", soapType, func(s string) string { return regexp.MustCompile(`>\s+<`).ReplaceAllString(s, "><") }},
		{"a CSR in lines", soapType, func(s string) string { return strings.ReplaceAll(s, "{{CSR}}", wrap(csr)) }},
		{"other prefixes", soapType, func(s string) string {
			return strings.NewReplacer("wsse:", "o:", "xmlns:wsse", "xmlns:o", "wst:", "t:", "xmlns:wst", "xmlns:t", "ac:", "q:", "xmlns:ac", "xmlns:q").Replace(s)
		}},
		{"attributes with a prefix", soapType, func(s string) string {
			return strings.NewReplacer(" ValueType", " wsse:ValueType", " EncodingType", " wsse:EncodingType").Replace(s)
		}},
		{"escaped hashes", soapType, func(s string) string {
			return strings.NewReplacer("#base64binary", `\#base64binary`, "#PKCS10", `\#PKCS10`).Replace(s)
		}},
		{"another namespace of the context", soapType, func(s string) string {
			return strings.ReplaceAll(s, "http://schemas.xmlsoap.org/ws/2006/12/authorization", "urn:other")
		}},
		{"children in another order", soapType, func(s string) string {
			m := regexp.MustCompile(`(?s)(<wst:TokenType>.*?</wst:TokenType>)\s*(<wst:RequestType>.*?</wst:RequestType>)`)
			return m.ReplaceAllString(s, "$2$1")
		}},
		{"no token type", soapType, func(s string) string { return strings.ReplaceAll(s, "wst:TokenType", "wst:Other") }},
		{"items that nobody knows yet", soapType, func(s string) string {
			return strings.Replace(s, `<ac:ContextItem Name="MAC">`, `<ac:ContextItem Name="QuantumState"><ac:Value/></ac:ContextItem><ac:ContextItem Name="MAC">`, 1)
		}},
		{"no message id", soapType, func(s string) string { return strings.ReplaceAll(s, "a:MessageID", "a:Other") }},
		{"no encoding type", soapType, func(s string) string {
			return regexp.MustCompile(` EncodingType="[^"]*"`).ReplaceAllString(s, "")
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			resp, body := d.post(t, enroll.IssuePath, row.contentType, row.edit(d.issueRequest(t)))
			require.Equal(t, 200, resp.StatusCode, body)
			require.Equal(t, windowsDeviceID, d.last().Identity.Device)
		})
	}
}

// The same token twice, the same message twice: the second gets nothing.
func TestReplay(t *testing.T) {
	d := deploy(t, nil)
	msg := d.issueRequest(t)
	resp, _ := d.post(t, enroll.IssuePath, soapType, msg)
	require.Equal(t, 200, resp.StatusCode)
	resp, body := d.post(t, enroll.IssuePath, soapType, msg)
	require.Equal(t, 500, resp.StatusCode)
	require.Contains(t, body, "s:Authentication")
	require.Len(t, d.requests, 1)
}

// A bad request does not spend the token, so that the device can try again.
func TestTokenOutlivesBadRequest(t *testing.T) {
	d := deploy(t, nil)
	good := d.issueRequest(t)
	bad := strings.Replace(good, windowsDeviceID, strings.Repeat("A", 65), 1)
	resp, _ := d.post(t, enroll.IssuePath, soapType, bad)
	require.Equal(t, 500, resp.StatusCode)
	resp, _ = d.post(t, enroll.IssuePath, soapType, good)
	require.Equal(t, 200, resp.StatusCode)
}

func TestNothingSecretIsLogged(t *testing.T) {
	d := deploy(t, nil)
	d.post(t, enroll.PolicyPath, soapType, request(t, "policies"))
	d.post(t, enroll.PolicyPath, soapType, request(t, "policies", "correct horse", "battery staple"))
	msg := d.issueRequest(t)
	d.post(t, enroll.IssuePath, soapType, msg)
	d.post(t, enroll.IssuePath, soapType, msg)
	log := d.logged()
	require.Equal(t, 4, strings.Count(log, "\n"))
	require.Contains(t, log, pat)
	require.Contains(t, log, windowsDeviceID)
	for _, secret := range []string{"correct horse", "battery staple", textOf(t, msg, "BinarySecurityToken")} {
		require.NotContains(t, log, secret)
	}
	ticket, err := base64.StdEncoding.DecodeString(textOf(t, msg, "BinarySecurityToken"))
	require.NoError(t, err)
	require.NotContains(t, log, string(ticket))
}
