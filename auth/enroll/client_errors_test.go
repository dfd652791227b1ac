package enroll_test

import (
	"bytes"
	"context"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/omadm-sdk/omadm/auth/enroll"
	"github.com/omadm-sdk/omadm/auth/enroll/renew"
	"github.com/omadm-sdk/omadm/internal/testca"
	"github.com/stretchr/testify/require"
)

// answer replaces what the server answers to a method and a path.
func answer(method, path string, f http.HandlerFunc) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == method && r.URL.Path == path {
				f(w, r)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// edit changes the bytes that the server answers to a POST to path.
func edit(path string, f func(string) string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodPost || r.URL.Path != path {
				next.ServeHTTP(w, r)
				return
			}
			rec := httptest.NewRecorder()
			next.ServeHTTP(rec, r)
			w.Header().Set("Content-Type", rec.Header().Get("Content-Type"))
			w.WriteHeader(rec.Code)
			io.WriteString(w, f(rec.Body.String()))
		})
	}
}

// editDocument changes the provisioning document inside the answer.
func editDocument(t *testing.T, f func(p *enroll.Provisioning)) func(http.Handler) http.Handler {
	return edit(enroll.IssuePath, func(s string) string {
		old := textOf(t, s, "BinarySecurityToken")
		doc, err := base64.StdEncoding.DecodeString(old)
		require.NoError(t, err)
		p := mustParse(t, doc)
		f(p)
		doc, err = p.Marshal()
		require.NoError(t, err)
		return strings.Replace(s, old, base64.StdEncoding.EncodeToString(doc), 1)
	})
}

func status(code int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(code)
		io.WriteString(w, body)
	}
}

const faultForm = `<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="http://www.w3.org/2005/08/addressing"><s:Body><s:Fault>` +
	`<s:Code><s:Value>s:Receiver</s:Value><s:Subcode><s:Value>SUBCODE</s:Value></s:Subcode></s:Code><s:Reason><s:Text xml:lang="en-US">why</s:Text></s:Reason>DETAIL` +
	`</s:Fault></s:Body></s:Envelope>`

func faultWith(subcode, errorType string) string {
	detail := ""
	if errorType != "" {
		detail = `<s:Detail><DeviceEnrollmentServiceError xmlns="http://schemas.microsoft.com/windows/pki/2009/01/enrollment"><ErrorType>` + errorType +
			`</ErrorType><Message>why</Message><TraceId>7</TraceId></DeviceEnrollmentServiceError></s:Detail>`
	}
	return strings.NewReplacer("SUBCODE", subcode, "DETAIL", detail).Replace(faultForm)
}

func TestClientErrors(t *testing.T) {
	other := testca.New(t)
	discovery, policy, issue := enroll.DiscoveryPath, enroll.PolicyPath, enroll.IssuePath
	expired := func(d *deployment, c *enroll.Client) {
		d.TLS.Certificates = []tls.Certificate{d.tls.Expired("localhost")}
	}
	for _, row := range []struct {
		name   string
		wrap   func(*testing.T) func(http.Handler) http.Handler
		client func(*deployment, *enroll.Client)
		cred   enroll.Credential
		step   enroll.Step
		code   enroll.Code
		want   string
	}{
		{name: "an authority that the device does not trust", client: func(_ *deployment, c *enroll.Client) {
			c.HTTP = &http.Client{Transport: &http.Transport{TLSClientConfig: other.ClientTLS(), DisableKeepAlives: true}}
		}, step: enroll.StepDiscover, code: enroll.CodeInvalidServerCert, want: "unknown authority"},
		{name: "a certificate of another host", client: func(d *deployment, c *enroll.Client) {
			d.TLS.Certificates = []tls.Certificate{d.tls.Server("elsewhere.example")}
		}, step: enroll.StepDiscover, code: enroll.CodeInvalidServerCert, want: "127.0.0.1"},
		{name: "a certificate that has expired", client: expired, step: enroll.StepDiscover, code: enroll.CodeDiscoveryCertDate, want: "expired"},
		{name: "nobody there", client: func(_ *deployment, c *enroll.Client) { c.DiscoveryURL = "https://127.0.0.1:1/x" }, step: enroll.StepDiscover, code: enroll.CodeConnectivity, want: "refused"},
		{name: "plain HTTP", client: func(_ *deployment, c *enroll.Client) {
			c.DiscoveryURL = strings.Replace(c.DiscoveryURL, "https:", "http:", 1)
		}, step: enroll.StepDiscover, code: enroll.CodeInsecureRedirect, want: "not an HTTPS address"},
		{name: "no address", client: func(_ *deployment, c *enroll.Client) { c.DiscoveryURL = "fabrikam.example" }, step: enroll.StepDiscover, code: enroll.CodeMessageFormat, want: "not an address"},
		{name: "no service at the address", wrap: always(answer("GET", discovery, http.NotFound)), step: enroll.StepDiscover, code: enroll.CodeConnectivity, want: "404 Not Found"},
		{name: "a redirect to plain HTTP", wrap: always(answer("GET", discovery, redirect("http://mdm.fabrikam.example/"))), step: enroll.StepDiscover, code: enroll.CodeInsecureRedirect, want: "not an HTTPS address"},
		{name: "a redirect in a circle", wrap: always(answer("GET", discovery, redirect(discovery))), step: enroll.StepDiscover, code: enroll.CodeConnectivity, want: "more than 5 redirects"},
		{name: "a redirect that was not approved", wrap: always(answer("GET", discovery, redirect("https://evil.example/x"))), client: func(_ *deployment, c *enroll.Client) {
			c.Redirect = func(to *url.URL) error { return errors.New("the user does not know " + to.Host) }
		}, step: enroll.StepDiscover, code: enroll.CodeInsecureRedirect, want: "does not know evil.example"},
		{name: "discovery is empty", wrap: always(answer("POST", discovery, status(200, soapType, ""))), step: enroll.StepDiscover, code: enroll.CodeEmptyMessage},
		{name: "discovery is a web page", wrap: always(answer("POST", discovery, status(200, "text/html", "<html><body>Welcome<br></body></html>"))), step: enroll.StepDiscover, code: enroll.CodeMessageFormat, want: "text/html"},
		{name: "discovery is another message", wrap: always(edit(discovery, func(s string) string { return strings.ReplaceAll(s, "DiscoverResponse", "Pong") })), step: enroll.StepDiscover, code: enroll.CodeMessageFormat, want: "no DiscoverResponse"},
		{name: "discovery names no service", wrap: always(edit(discovery, func(s string) string { return strings.ReplaceAll(s, "EnrollmentServiceUrl", "Other") })), step: enroll.StepDiscover, code: enroll.CodeMessageFormat, want: "no EnrollmentServiceUrl"},
		{name: "discovery names a service on plain HTTP", wrap: always(edit(discovery, func(s string) string {
			return strings.ReplaceAll(s, "<EnrollmentServiceUrl>https", "<EnrollmentServiceUrl>http")
		})), step: enroll.StepDiscover, code: enroll.CodeInsecureRedirect},
		{name: "the answer belongs to another request", wrap: always(edit(discovery, func(s string) string {
			return regexp.MustCompile(`urn:uuid:[^<]*`).ReplaceAllString(s, "urn:uuid:other")
		})), step: enroll.StepDiscover, code: enroll.CodeMessageFormat, want: "urn:uuid:other"},
		{name: "the server wants a password", wrap: always(edit(discovery, func(s string) string { return strings.ReplaceAll(s, ">Federated<", ">OnPremise<") })), step: enroll.StepDiscover, code: enroll.CodeNotSupported, want: "wants OnPremise, the credential is for Federated"},
		{name: "an answer of 3 MB", wrap: always(answer("POST", discovery, status(200, soapType, "<a>"+strings.Repeat("x", 3<<20)+"</a>"))), step: enroll.StepDiscover, code: enroll.CodeConnectivity, want: "too large"},
		{name: "an answer with a document type", wrap: always(answer("POST", discovery, status(200, soapType, "<!DOCTYPE x><a/>"))), step: enroll.StepDiscover, code: enroll.CodeMessageFormat, want: "document type"},
		{name: "a proxy that is tired", wrap: always(answer("POST", policy, status(502, "text/html", "<html>"))), step: enroll.StepPolicy, code: enroll.CodeConnectivity, want: "502 Bad Gateway"},
		{name: "a policy service that sends the token elsewhere", wrap: always(answer("POST", policy, redirect("https://evil.example/x"))), step: enroll.StepPolicy, code: enroll.CodeInsecureRedirect, want: "302"},
		{name: "too many requests", wrap: always(answer("POST", policy, status(429, "text/plain", "slow down"))), step: enroll.StepPolicy, code: enroll.CodeServerTooManyRequests},
		{name: "another schema of policies", wrap: always(edit(policy, func(s string) string { return strings.ReplaceAll(s, "Schema>3<", "Schema>4<") })), step: enroll.StepPolicy, code: enroll.CodeMessageFormat, want: "want 3"},
		{name: "no policy", wrap: always(edit(policy, func(s string) string { return strings.ReplaceAll(s, "attributes>", "other>") })), step: enroll.StepPolicy, code: enroll.CodeMessageFormat, want: "no policy"},
		{name: "a key that nobody has", wrap: always(edit(policy, func(s string) string { return strings.ReplaceAll(s, ">2048<", ">65536<") })), step: enroll.StepIssue, code: enroll.CodeKeyCreationFailed, want: "65536 bits"},
		{name: "a key length that is none", wrap: always(edit(policy, func(s string) string { return strings.ReplaceAll(s, ">2048<", ">long<") })), step: enroll.StepPolicy, code: enroll.CodeMessageFormat, want: "want a number of bits"},
		{name: "a fault under 200", wrap: always(answer("POST", issue, status(200, soapType, faultWith("s:Authorization", "DeviceCapReached")))), step: enroll.StepIssue, code: enroll.CodeDeviceCapReached, want: "trace 7"},
		{name: "a fault under 400", wrap: always(answer("POST", issue, status(400, soapType, faultWith("s:Authorization", "UserLicense")))), step: enroll.StepIssue, code: enroll.CodeUserLicense},
		{name: "a fault whose ErrorType is the subcode", wrap: always(answer("POST", issue, status(500, soapType, faultWith("s:Authorization", "Authorization")))), step: enroll.StepIssue, code: enroll.CodeAuthorization},
		{name: "a fault without a detail", wrap: always(answer("POST", issue, status(500, soapType, faultWith("s:CertificateRequest", "")))), step: enroll.StepIssue, code: enroll.CodeCertificateRequest},
		{name: "a fault with the other prefix", wrap: always(answer("POST", issue, status(500, soapType, faultWith("s:InternalServiceFault", "")))), step: enroll.StepIssue, code: enroll.CodeInternalService},
		{name: "an ErrorType that nobody knows", wrap: always(answer("POST", issue, status(500, soapType, faultWith("s:Authorization", "QuotaOfTheFuture")))), step: enroll.StepIssue, code: enroll.CodeAuthorization, want: "why"},
		{name: "a fault that nobody knows", wrap: always(answer("POST", issue, status(500, soapType, faultWith("s:Moon", "")))), step: enroll.StepIssue, code: enroll.CodeUnknownError, want: "why"},
		{name: "no document", wrap: always(edit(issue, func(s string) string { return strings.ReplaceAll(s, "RequestedSecurityToken", "Other") })), step: enroll.StepIssue, code: enroll.CodeMessageFormat, want: "no BinarySecurityToken"},
		{name: "another kind of token", wrap: always(edit(issue, func(s string) string { return strings.ReplaceAll(s, "ProvisionDoc", "Other") })), step: enroll.StepIssue, code: enroll.CodeMessageFormat, want: "ValueType"},
		{name: "a document that is none", wrap: always(edit(issue, func(s string) string {
			return regexp.MustCompile(`>PHdhcC1[^<]*<`).ReplaceAllString(s, ">aGVsbG8=<")
		})), step: enroll.StepApply, code: enroll.CodeProvUnknown},
		{name: "no certificate", wrap: func(t *testing.T) func(http.Handler) http.Handler {
			return editDocument(t, func(p *enroll.Provisioning) { p.Client = nil })
		}, step: enroll.StepApply, code: enroll.CodeProvCertNotFound, want: "no client certificate"},
		{name: "a certificate for another key", wrap: func(t *testing.T) func(http.Handler) http.Handler {
			return editDocument(t, func(p *enroll.Provisioning) { p.Client = other.Device("x").Leaf })
		}, step: enroll.StepApply, code: enroll.CodeProvCertNotFound, want: "another key"},
		{name: "a certificate without its root", wrap: func(t *testing.T) func(http.Handler) http.Handler {
			return editDocument(t, func(p *enroll.Provisioning) { p.Roots = nil })
		}, step: enroll.StepApply, code: enroll.CodeProvCertStore, want: "unknown authority"},
		{name: "a certificate with another root", wrap: func(t *testing.T) func(http.Handler) http.Handler {
			return editDocument(t, func(p *enroll.Provisioning) { p.Roots = []*cert{other.Certificate} })
		}, step: enroll.StepApply, code: enroll.CodeProvCertStore, want: "unknown authority"},
		{name: "no account", wrap: func(t *testing.T) func(http.Handler) http.Handler {
			return editDocument(t, func(p *enroll.Provisioning) { p.Application = nil })
		}, step: enroll.StepApply, code: enroll.CodeProvW7, want: "there is none"},
		{name: "no device id", client: func(_ *deployment, c *enroll.Client) { c.Device.ID = "" }, step: enroll.StepDiscover, want: "Device.ID"},
		{name: "no certificate to sign with", cred: enroll.SigningCertificate(tls.Certificate{}), step: enroll.StepDiscover, code: enroll.CodeCertAuthNoCertificate},
		{name: "a sign-in that the user leaves", cred: enroll.SignIn(func(context.Context, string) (string, error) { return "", enroll.CodeUserCanceled }), step: enroll.StepSignIn, code: enroll.CodeUserCanceled},
		{name: "a sign-in without a token", cred: enroll.SignIn(func(context.Context, string) (string, error) { return "", nil }), step: enroll.StepSignIn, code: enroll.CodeSignInFailed},
		{name: "a sign-in page that is not there", wrap: always(edit(discovery, func(s string) string { return strings.ReplaceAll(s, "AuthenticationServiceUrl", "Other") })),
			cred: enroll.SignIn(func(context.Context, string) (string, error) { return "x", nil }), step: enroll.StepSignIn, code: enroll.CodeSignInFailed, want: "no sign-in page"},
	} {
		t.Run(row.name, func(t *testing.T) {
			d := deploy(t, func(d *deployment) {
				if row.wrap != nil {
					d.wrap = row.wrap(t)
				}
			})
			c := d.client(t)
			if row.client != nil {
				row.client(d, c)
			}
			cred := row.cred
			if cred == nil {
				ticket, err := d.tickets.New(pat, nil)
				require.NoError(t, err)
				cred = enroll.Ticket(ticket)
			}
			e, err := c.Enroll(t.Context(), pat, cred)
			require.Nil(t, e)
			var ee *enroll.Error
			require.ErrorAs(t, err, &ee)
			require.Equal(t, row.step, ee.Step, err)
			if row.code != 0 {
				require.ErrorIs(t, err, row.code)
			}
			require.ErrorContains(t, err, row.want)
		})
	}
}

func always(w func(http.Handler) http.Handler) func(*testing.T) func(http.Handler) http.Handler {
	return func(*testing.T) func(http.Handler) http.Handler { return w }
}

func redirect(to string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusFound) }
}

func TestNoCredential(t *testing.T) {
	_, err := new(enroll.Client).Enroll(t.Context(), pat, nil)
	require.ErrorIs(t, err, enroll.CodePasswordNeeded)
}

func TestCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	d := deploy(t, func(d *deployment) {
		d.wrap = answer("POST", enroll.PolicyPath, func(_ http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body) // the server sees that the client is gone once it has read everything
			cancel()
			<-r.Context().Done()
		})
	})
	ticket, err := d.tickets.New(pat, nil)
	require.NoError(t, err)
	_, err = d.client(t).Enroll(ctx, pat, enroll.Ticket(ticket))
	require.ErrorIs(t, err, context.Canceled)
}

// A discovery service may hand the device on to another host, which then gets the rest.
func TestRedirectIsFollowed(t *testing.T) {
	d := deploy(t, nil)
	front := deploy(t, func(f *deployment) {
		f.tls = d.tls
		f.wrap = answer("GET", enroll.DiscoveryPath, redirect(d.URL+enroll.DiscoveryPath))
	})
	ticket, err := d.tickets.New(pat, nil)
	require.NoError(t, err)
	c := d.client(t)
	c.DiscoveryURL = front.URL + enroll.DiscoveryPath
	var asked []string
	c.Redirect = func(to *url.URL) error { asked = append(asked, to.String()); return nil }
	e, err := c.Enroll(t.Context(), pat, enroll.Ticket(ticket))
	require.NoError(t, err)
	require.Equal(t, []string{d.URL + enroll.DiscoveryPath}, asked)
	require.Equal(t, d.URL+enroll.DiscoveryPath, e.DiscoveryURL)
	require.Empty(t, front.requests)
}

// Servers that leave out what the protocol lets them leave out.
func TestClientTolerance(t *testing.T) {
	for _, row := range []struct {
		name string
		wrap func(*testing.T) func(http.Handler) http.Handler
		bits int // of an RSA key; 0: any key
	}{
		{"no policy service", always(edit(enroll.DiscoveryPath, func(s string) string {
			return strings.ReplaceAll(s, "EnrollmentPolicyServiceUrl", "Other")
		})), 0},
		{"elements that are nil", always(edit(enroll.DiscoveryPath, func(s string) string {
			return regexp.MustCompile(`<EnrollmentPolicyServiceUrl>[^<]*</EnrollmentPolicyServiceUrl>`).ReplaceAllString(s, `<EnrollmentPolicyServiceUrl xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:nil="true"/>`)
		})), 0},
		{"a longer key", always(edit(enroll.PolicyPath, func(s string) string { return strings.ReplaceAll(s, ">2048<", ">2304<") })), 2304},
		{"a key that is too short: ours is longer", always(edit(enroll.PolicyPath, func(s string) string { return strings.ReplaceAll(s, ">2048<", ">1024<") })), 2048},
		{"no hash", always(edit(enroll.PolicyPath, func(s string) string {
			return strings.ReplaceAll(s, "<hashAlgorithmOIDReference>0<", `<hashAlgorithmOIDReference xsi:nil="true"><`)
		})), 0},
		{"the ValueType of one sentence", always(edit(enroll.IssuePath, func(s string) string {
			return strings.ReplaceAll(s, "com/5.0.0.0/ConfigurationManager/Enrollment/DeviceEnrollmentProvisionDoc", "com/ConfigurationManager/Enrollment/DeviceEnrollmentProvisionDoc")
		})), 0},
		{"SOAP 1.1", always(edit(enroll.IssuePath, func(s string) string {
			return strings.ReplaceAll(s, "http://www.w3.org/2003/05/soap-envelope", "http://schemas.xmlsoap.org/soap/envelope/")
		})), 0},
		{"white space", always(edit(enroll.IssuePath, func(s string) string { return strings.ReplaceAll(s, "><", ">\n  <") })), 0},
		{"a version above the device's", always(edit(enroll.DiscoveryPath, func(s string) string { return strings.ReplaceAll(s, ">5.0<", ">9.0<") })), 0},
		{"no version", always(edit(enroll.DiscoveryPath, func(s string) string { return strings.ReplaceAll(s, "EnrollmentVersion", "Other") })), 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			d := deploy(t, func(d *deployment) { d.wrap = row.wrap(t) })
			ticket, err := d.tickets.New(pat, nil)
			require.NoError(t, err)
			c := d.client(t)
			if row.bits != 0 {
				c.Key = enroll.KeyRSA
			}
			e, err := c.Enroll(t.Context(), pat, enroll.Ticket(ticket))
			require.NoError(t, err)
			if row.bits != 0 {
				require.Equal(t, row.bits, e.Certificate.PrivateKey.(*rsa.PrivateKey).N.BitLen())
			}
			require.LessOrEqual(t, e.Services.Version, enroll.Version5)
		})
	}
}

// Documents spell renewals and first enrollments in either way: what the device asked for decides.
func TestContainerPlacement(t *testing.T) {
	const beside, inside = `</characteristic><characteristic type="PrivateKeyContainer"/>`, `<characteristic type="PrivateKeyContainer"/></characteristic>`
	addr := "https://mdm.fabrikam.example/dm"
	for _, row := range []struct{ name, old, new, renewed string }{
		{"as in the examples of MS-MDE2", "", "", addr},
		{"a first enrollment with the container inside", beside, inside, addr},
		{"a renewal with the container beside", inside, beside, addr},
		{"a renewal with a whole account", `<characteristic type="APPLICATION"><parm name="PROVIDER-ID" value="Fabrikam"/>`,
			`<characteristic type="APPLICATION"><parm name="PROVIDER-ID" value="Fabrikam"/><parm name="ADDR" value="https://elsewhere.example/dm"/>`, "https://elsewhere.example/dm"},
	} {
		t.Run(row.name, func(t *testing.T) {
			d := deploy(t, func(d *deployment) {
				d.wrap = edit(enroll.IssuePath, func(s string) string {
					old := textOf(t, s, "BinarySecurityToken")
					doc, err := base64.StdEncoding.DecodeString(old)
					require.NoError(t, err)
					if row.old != "" {
						doc = bytes.ReplaceAll(doc, []byte(row.old), []byte(row.new))
					}
					return strings.Replace(s, old, base64.StdEncoding.EncodeToString(doc), 1)
				})
			})
			e := enrolled(t, d)
			require.Equal(t, addr, e.ServerURL)
			next, err := d.client(t).Renew(t.Context(), e, renew.PKCS7{})
			require.NoError(t, err)
			require.Equal(t, row.renewed, next.ServerURL)
			require.Equal(t, next.Certificate.Leaf, next.Provisioning.Client)
			require.False(t, next.Provisioning.Renewal)
			_, err = next.MarshalPEM()
			require.NoError(t, err)
		})
	}
}

// The roots of the device count as much as those that the server delivers.
func TestClientRoots(t *testing.T) {
	d := deploy(t, func(d *deployment) {
		d.wrap = editDocument(t, func(p *enroll.Provisioning) { p.Roots = nil })
	})
	ticket, err := d.tickets.New(pat, nil)
	require.NoError(t, err)
	c := d.client(t)
	c.Roots = x509.NewCertPool()
	c.Roots.AddCert(d.ca.Certificate)
	e, err := c.Enroll(t.Context(), pat, enroll.Ticket(ticket))
	require.NoError(t, err)
	require.Empty(t, e.Roots)
}

// The page gets the parameters that Windows adds, beside those that it has.
func TestSignIn(t *testing.T) {
	d := deploy(t, nil)
	e, err := d.client(t).Enroll(t.Context(), pat, enroll.SignIn(func(_ context.Context, page string) (string, error) {
		u, err := url.Parse(page)
		require.NoError(t, err)
		require.Equal(t, "/sign-in", u.Path)
		require.Equal(t, url.Values{"tenant": {"7"}, "appru": {"ms-app://windows.immersivecontrolpanel"}, "login_hint": {pat}}, u.Query())
		return d.tickets.New("somebody.else@fabrikam.example", nil)
	}))
	require.NoError(t, err)
	require.Equal(t, "Fabrikam", e.ProviderID)
	require.Equal(t, "somebody.else@fabrikam.example", d.last().Identity.User, "the token says who it is, not the device")
}

func TestClientLogsNoSecret(t *testing.T) {
	d := deploy(t, nil)
	var log bytes.Buffer
	c := d.client(t)
	c.Logger = slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	e, err := c.Enroll(t.Context(), pat, enroll.Password("correct horse"))
	require.NoError(t, err)
	require.NotEmpty(t, log.String())
	require.NotContains(t, log.String(), "correct horse")
	c.Logger.Debug("enrolled", "e", e.Device, "secret", e.Device.Secret)
	require.NotContains(t, log.String(), string(e.Device.Secret))
	require.Contains(t, log.String(), "[redacted]")
}
