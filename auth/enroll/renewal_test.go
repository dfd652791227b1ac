package enroll_test

import (
	"context"
	"crypto/elliptic"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/omadm-sdk/omadm/auth/enroll"
	"github.com/omadm-sdk/omadm/auth/enroll/renew"
	"github.com/omadm-sdk/omadm/internal/testca"
	"github.com/stretchr/testify/require"
)

func enrolled(t *testing.T, d *deployment) *enroll.Enrolled {
	t.Helper()
	ticket, err := d.tickets.New(pat, nil)
	require.NoError(t, err)
	e, err := d.client(t).Enroll(t.Context(), pat, enroll.Ticket(ticket))
	require.NoError(t, err)
	return e
}

func TestRenew(t *testing.T) {
	d := deploy(t, func(d *deployment) {
		d.enroll.Renewal.Renew = &enroll.Renew{ROBO: true, Period: 60, RetryInterval: 4}
		d.enroll.Renewal.Identity = func(_ context.Context, c *x509.Certificate) (*enroll.Identity, error) {
			return &enroll.Identity{User: pat, Device: c.Subject.CommonName}, nil
		}
	})
	old := enrolled(t, d)
	first, retry := old.RenewAt()
	require.Equal(t, old.Certificate.Leaf.NotAfter.Add(-60*24*time.Hour), first)
	require.Equal(t, 4*24*time.Hour, retry)

	c := d.client(t)
	next, err := c.Renew(t.Context(), old, renew.PKCS7{})
	require.NoError(t, err)
	r := d.last()
	require.Equal(t, old.Certificate.Leaf.Raw, r.Identity.Renews.Raw)
	require.Equal(t, pat, r.Identity.User)
	require.Equal(t, old.DeviceID, r.Identity.Device)
	require.Equal(t, next.Certificate.Leaf.Raw, r.Chain[0].Raw)
	require.NotEqual(t, old.Certificate.Leaf.PublicKey, next.Certificate.Leaf.PublicKey, "a new key")
	require.NotEqual(t, old.Certificate.Leaf.SerialNumber, next.Certificate.Leaf.SerialNumber)
	require.Equal(t, old.Device, next.Device, "the account stays")
	require.Equal(t, old.Poll, next.Poll)
	require.Equal(t, old.Roots, next.Roots)
	require.Equal(t, old.DiscoveryURL, next.DiscoveryURL)

	again, err := c.Renew(t.Context(), next, renew.PKCS7{})
	require.NoError(t, err, "a renewed certificate renews")
	require.Equal(t, next.Certificate.Leaf.Raw, d.last().Identity.Renews.Raw)
	require.Equal(t, old.ServerURL, again.ServerURL)
}

// A CA that succeeds another is delivered with the first certificate it signs.
func TestRenewUnderAnotherRoot(t *testing.T) {
	d := deploy(t, nil)
	old := enrolled(t, d)
	ca2, err := enroll.NewCA("Fabrikam Devices 2", enroll.KeyP256)
	require.NoError(t, err)
	d.enroll.Issuer = ca2
	next, err := d.client(t).Renew(t.Context(), old, renew.PKCS7{})
	require.NoError(t, err)
	require.Equal(t, []*cert{d.ca.Certificate, ca2.Certificate}, next.Roots)
	require.NoError(t, next.Certificate.Leaf.CheckSignatureFrom(ca2.Certificate))
}

// Behind a proxy that ends TLS, the deployment says who the peer is.
func TestRenewBehindProxy(t *testing.T) {
	d := deploy(t, nil)
	old := enrolled(t, d)
	d.enroll.PeerCertificate = func(r *http.Request) *x509.Certificate {
		if r.Header.Get("X-Verified") == "yes" {
			return old.Certificate.Leaf
		}
		return nil
	}
	c := d.client(t)
	inner := c.HTTP.Transport
	c.HTTP.Transport = roundTripFunc(func(r *http.Request) (*http.Response, error) {
		r = r.Clone(r.Context())
		r.Header.Set("X-Verified", "yes")
		return inner.RoundTrip(r)
	})
	next, err := c.Renew(t.Context(), old, renew.PKCS7{})
	require.NoError(t, err)
	require.NotEqual(t, old.Certificate.Leaf.Raw, next.Certificate.Leaf.Raw)
	c.HTTP.Transport = inner
	_, err = c.Renew(t.Context(), old, renew.PKCS7{})
	require.Error(t, err, "with such a proxy the TLS connection says nothing")
}

func TestRenewalRefused(t *testing.T) {
	foreign := testca.New(t)
	for _, row := range []struct {
		name   string
		server func(*deployment)
		device func(*deployment, *enroll.Client, *enroll.Enrolled)
		code   enroll.Code
		want   string
	}{
		{"not renewed here", func(d *deployment) { d.enroll.Renewal = nil }, nil, enroll.CodeAuthentication, ""},
		{"no envelope", func(d *deployment) { d.enroll.Renewal.Envelope = nil }, nil, enroll.CodeAuthentication, ""},
		{"no roots", func(d *deployment) { d.enroll.Renewal.Roots = nil }, nil, enroll.CodeAuthentication, ""},
		{"too early", func(d *deployment) { d.enroll.Renewal.Window = 30 * 24 * time.Hour }, nil, enroll.CodeNotEligibleToRenew, "too early"},
		{"a device that is blocked", func(d *deployment) {
			d.enroll.Renewal.Identity = func(context.Context, *x509.Certificate) (*enroll.Identity, error) {
				return nil, enroll.CodeNotEligibleToRenew
			}
		}, nil, enroll.CodeNotEligibleToRenew, ""},
		{"a device that nobody knows", func(d *deployment) {
			d.enroll.Renewal.Identity = func(context.Context, *x509.Certificate) (*enroll.Identity, error) { return nil, nil }
		}, nil, enroll.CodeNotEligibleToRenew, "belongs to nobody"},
		{"a record without a usable name", func(d *deployment) {
			d.enroll.Renewal.Identity = func(context.Context, *x509.Certificate) (*enroll.Identity, error) {
				return &enroll.Identity{Device: "a\nb"}, nil
			}
		}, nil, enroll.CodeNotEligibleToRenew, "names no device"},
		{"a certificate of another authority", nil, func(_ *deployment, _ *enroll.Client, e *enroll.Enrolled) {
			e.Certificate = foreign.Device(e.DeviceID)
		}, enroll.CodeAuthentication, ""},
		{"a connection without a certificate", func(d *deployment) {
			d.enroll.OnPremise = enroll.TokenFunc(func(context.Context, *enroll.Token) (*enroll.Identity, error) { return &enroll.Identity{}, nil })
		}, func(d *deployment, c *enroll.Client, _ *enroll.Enrolled) {
			c.HTTP = d.http(t)
			c.HTTP.Transport = roundTripper{c.HTTP.Transport} // keeps Renew from offering the certificate
		}, enroll.CodeInvalidSecurity, "client certificate of the TLS connection"},
	} {
		t.Run(row.name, func(t *testing.T) {
			d := deploy(t, nil)
			e := enrolled(t, d)
			if row.server != nil {
				row.server(d)
			}
			c := d.client(t)
			if row.device != nil {
				row.device(d, c, e)
			}
			next, err := c.Renew(t.Context(), e, renew.PKCS7{})
			require.Nil(t, next)
			require.ErrorIs(t, err, row.code)
			require.ErrorContains(t, err, row.want)
			require.Len(t, d.requests, 1, "no second certificate")
		})
	}
	_, err := new(enroll.Client).Renew(t.Context(), new(enroll.Enrolled), renew.PKCS7{})
	require.ErrorIs(t, err, enroll.CodeNotEnrolled)
}

// What reaches the enrollment service by itself, without our client.
func TestRenewalRequests(t *testing.T) {
	d := deploy(t, nil)
	e, other := enrolled(t, d), enrolled(t, d)
	short := d.shortLived(t)
	csr := goCSR(t, ecKey(t, elliptic.P256()), x509.ECDSAWithSHA256)
	seal := func(e *enroll.Enrolled, content []byte) []byte {
		der, err := renew.PKCS7{}.Seal(content, e.Certificate.Leaf, e.Certificate.PrivateKey)
		require.NoError(t, err)
		return der
	}
	good := seal(e, csr)
	user := func(password string) string {
		return `<wsse:UsernameToken><wsse:Username>` + pat + `</wsse:Username><wsse:Password>` + password + `</wsse:Password></wsse:UsernameToken>`
	}
	for _, row := range []struct {
		name     string
		pkcs7    []byte
		peer     *enroll.Enrolled
		security string
		pairs    []string
		code     enroll.Code // 0: renewed
	}{
		{"on behalf of the user", good, e, user(""), nil, 0},
		{"the other spelling of the type", good, e, user(""), []string{"secext-1.0.xsd#PKCS7", "other#PKCS7"}, 0},
		{"base64 twice, as when the user starts it", []byte(base64.StdEncoding.EncodeToString(good)), e, user(""), nil, 0},
		{"by password, without a client certificate", good, nil, user("correct horse"), nil, 0},
		{"by a wrong password", good, nil, user("battery staple"), nil, enroll.CodeAuthentication},
		{"without either", good, nil, user(""), nil, enroll.CodeInvalidSecurity},
		{"the connection of another device", good, other, user(""), nil, enroll.CodeNotEligibleToRenew},
		{"signed by another device", seal(other, csr), e, user(""), nil, enroll.CodeNotEligibleToRenew},
		{"an expired certificate", seal(short, csr), short, user(""), nil, enroll.CodeNotEligibleToRenew},
		{"a tampered message", tampered(good), e, user(""), nil, enroll.CodeNotEligibleToRenew},
		{"no PKCS #7 but the request itself", csr, e, user(""), nil, enroll.CodeNotEligibleToRenew},
		{"neither", []byte("hello, world!"), e, user(""), nil, enroll.CodeMessageFormat},
		{"nothing", nil, e, user(""), nil, enroll.CodeNotEligibleToRenew},
		{"something else inside", seal(e, []byte("hello")), e, user(""), nil, enroll.CodeCertificateRequest},
		{"100,000 levels", []byte(strings.Repeat("\x30\x80", 50000)), e, user(""), nil, enroll.CodeNotEligibleToRenew},
	} {
		t.Run(row.name, func(t *testing.T) {
			msg := request(t, "issue", "200512/Issue<", "200512/Renew<",
				"http://schemas.microsoft.com/windows/pki/2009/01/enrollment#PKCS10", "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd#PKCS7",
				"{{CSR}}", base64.StdEncoding.EncodeToString(row.pkcs7))
			i, j := strings.Index(msg, `<wsse:Security `), strings.Index(msg, "</wsse:Security>")
			msg = msg[:i] + "<wsse:Security>" + row.security + msg[j:]
			for i := 0; i+1 < len(row.pairs); i += 2 {
				require.Contains(t, msg, row.pairs[i])
				msg = strings.ReplaceAll(msg, row.pairs[i], row.pairs[i+1])
			}
			var certs []tls.Certificate
			if row.peer != nil {
				certs = append(certs, row.peer.Certificate)
			}
			resp, err := d.http(t, certs...).Post(d.URL+enroll.IssuePath, soapType, strings.NewReader(msg))
			require.NoError(t, err)
			defer resp.Body.Close()
			body := readAll(t, resp.Body)
			if row.code == 0 {
				require.Equal(t, 200, resp.StatusCode, body)
				doc, err := base64.StdEncoding.DecodeString(textOf(t, body, "BinarySecurityToken"))
				require.NoError(t, err)
				p := mustParse(t, doc)
				require.True(t, p.Renewal)
				require.Empty(t, p.Roots, "the device has the root")
				require.Nil(t, p.DMClient)
				require.Equal(t, &enroll.Application{ProviderID: "Fabrikam"}, p.Application)
				require.Equal(t, e.DeviceID, p.Client.Subject.CommonName, "who the old certificate says, not the message")
				return
			}
			require.Equal(t, 500, resp.StatusCode)
			_, errorType := row.code.Subcode()
			require.Equal(t, errorType, textOf(t, body, "ErrorType"), body)
		})
	}
}

// shortLived is a device whose certificate has just expired.
func (d *deployment) shortLived(t *testing.T) *enroll.Enrolled {
	t.Helper()
	ca := *d.ca
	key := ecKey(t, elliptic.P256())
	csr, err := enroll.ParseCSR(goCSR(t, key, x509.ECDSAWithSHA256))
	require.NoError(t, err)
	ca.Validity = time.Nanosecond
	chain, err := ca.Issue(t.Context(), csr, &enroll.Identity{Device: "short"})
	require.NoError(t, err)
	return &enroll.Enrolled{Certificate: tls.Certificate{Certificate: [][]byte{chain[0].Raw}, Leaf: chain[0], PrivateKey: key}}
}
