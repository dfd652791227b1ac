package auth_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omadm-sdk/omadm/auth"
	"github.com/omadm-sdk/omadm/internal/testca"
	"github.com/omadm-sdk/omadm/syncml"
)

// byName takes the common name for the device's ID. It knows no "gone".
func byName(_ context.Context, c *x509.Certificate) (string, error) {
	if c.Subject.CommonName == "gone" {
		return "", fmt.Errorf("%w: wiped", auth.ErrUnknown)
	}
	return c.Subject.CommonName, nil
}

// over returns a message of a device over a connection with a certificate chain.
func over(id string, chain ...*x509.Certificate) *auth.Request {
	return &auth.Request{
		Message: &syncml.Header{SessionID: "1", MsgID: "1", Source: syncml.Location{URI: id}},
		TLS:     &tls.ConnectionState{PeerCertificates: chain},
		First:   true,
	}
}

func TestClientCert(t *testing.T) {
	ca, other := testca.New(t), testca.New(t)
	serverCert := ca.Server("device-1")
	for _, tt := range []struct {
		name    string
		request *auth.Request
		want    error // nil: accepted
		code    syncml.StatusCode
	}{
		{"the device's own", over("device-1", ca.Device("device-1").Leaf), nil, 200},
		{"with the root behind it", over("device-1", ca.Device("device-1").Leaf, ca.Certificate), nil, 200},
		{"of another device", over("device-2", ca.Device("device-1").Leaf), auth.ErrDevice, 401},
		{"in another case", over("Device-1", ca.Device("device-1").Leaf), auth.ErrDevice, 401},
		{"from another authority", over("device-1", other.Device("device-1").Leaf), auth.ErrCertificate, 401},
		{"from another authority, with ours behind it", over("device-1", other.Device("device-1").Leaf, ca.Certificate), auth.ErrCertificate, 401},
		{"expired", over("device-1", ca.Expired("device-1").Leaf), auth.ErrCertificate, 401},
		{"for servers", over("device-1", serverCert.Leaf), auth.ErrCertificate, 401},
		{"of a device that is gone", over("gone", ca.Device("gone").Leaf), auth.ErrUnknown, 401},
		{"of nobody", over("", ca.Device("").Leaf), auth.ErrDevice, 401},
		{"none", over("device-1"), auth.ErrMissing, 407},
		{"no TLS", &auth.Request{Message: over("device-1").Message}, auth.ErrMissing, 407},
		{"too many", over("device-1", make([]*x509.Certificate, 100)...), auth.ErrMalformed, 401},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := &auth.ClientCert{Roots: ca.Pool(), Device: byName}
			for range 2 { // once from scratch, once remembered
				res, err := auth.Authenticate(t.Context(), a, tt.request)
				require.NoError(t, err)
				require.Equal(t, tt.code, res.Status)
				require.Nil(t, res.Challenge)
				if tt.want == nil {
					require.NotNil(t, res.Identity, "%v", res.Reason)
					require.Equal(t, "device-1", res.Identity.Device)
					require.Equal(t, "device-1", res.Identity.Certificate.Subject.CommonName)
				} else {
					require.Nil(t, res.Identity)
					require.ErrorIs(t, res.Reason, tt.want)
				}
			}
		})
	}
}

func TestClientCertFields(t *testing.T) {
	ca := testca.New(t)
	good := over("device-1", ca.Device("device-1").Leaf)
	down := errors.New("database is down")
	allow := func(r *auth.Result) bool { return r.Identity != nil }
	refuse := func(r *auth.Result) bool { return r.Identity == nil && errors.Is(r.Reason, auth.ErrCertificate) }
	for _, tt := range []struct {
		name string
		auth *auth.ClientCert
		want func(*auth.Result) bool // nil: an error
	}{
		{"nothing set", &auth.ClientCert{}, refuse},
		{"no roots", &auth.ClientCert{Device: byName}, refuse},
		{"no Device", &auth.ClientCert{Roots: ca.Pool()}, refuse},
		{"another use is wanted", &auth.ClientCert{Roots: ca.Pool(), Device: byName,
			KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection}}, refuse},
		{"any use will do", &auth.ClientCert{Roots: ca.Pool(), Device: byName,
			KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}, allow},
		{"not revoked", &auth.ClientCert{Roots: ca.Pool(), Device: byName,
			Revoked: func(_ context.Context, chain []*x509.Certificate) (bool, error) {
				return len(chain) != 2 || chain[0].Subject.CommonName != "device-1", nil
			}}, allow},
		{"revoked", &auth.ClientCert{Roots: ca.Pool(), Device: byName,
			Revoked: func(context.Context, []*x509.Certificate) (bool, error) { return true, nil }}, refuse},
		{"revocation cannot be told", &auth.ClientCert{Roots: ca.Pool(), Device: byName,
			Revoked: func(context.Context, []*x509.Certificate) (bool, error) { return false, down }}, nil},
		{"the device cannot be told", &auth.ClientCert{Roots: ca.Pool(),
			Device: func(context.Context, *x509.Certificate) (string, error) { return "", down }}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			res, err := auth.Authenticate(t.Context(), tt.auth, good)
			if tt.want == nil {
				require.ErrorIs(t, err, down)
				return
			}
			require.NoError(t, err)
			require.True(t, tt.want(res), "%v", res.Reason)
		})
	}
}

// TestClientCertOverTime asks at moments when the certificate, or the authority above it, is valid or not, in an order
// in which a remembered chain would do harm.
func TestClientCertOverTime(t *testing.T) {
	day := func(n int) time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, n) }
	root := issue(t, nil, "root", day(0), day(100))
	sub := issue(t, root, "sub", day(10), day(30))
	leaf := issue(t, sub, "device-1", day(5), day(40))

	roots, subs := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(root.cert)
	subs.AddCert(sub.cert)
	for _, tt := range []struct {
		name string
		auth *auth.ClientCert
		sent []*x509.Certificate
	}{
		{"the device sends the chain", &auth.ClientCert{Roots: roots, Device: byName}, []*x509.Certificate{leaf.cert, sub.cert}},
		{"the server has it", &auth.ClientCert{Roots: roots, Intermediates: subs, Device: byName}, []*x509.Certificate{leaf.cert}},
	} {
		for _, when := range []int{20, 29, 31, 20, 7, 12, 50, 20} {
			r := over("device-1", tt.sent...)
			r.Now = day(when)
			res, err := auth.Authenticate(t.Context(), tt.auth, r)
			require.NoError(t, err)
			require.Equal(t, when >= 10 && when <= 30, res.Identity != nil, "%s, day %d: %v", tt.name, when, res.Reason)
		}
	}

	res, err := auth.Authenticate(t.Context(), &auth.ClientCert{Roots: roots, Device: byName}, over("device-1", leaf.cert))
	require.NoError(t, err)
	require.Nil(t, res.Identity, "nobody has the authority in between")
}

type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// issue makes a certificate that may do everything, signed by parent or by itself.
func issue(t *testing.T, parent *authority, name string, from, end time.Time) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(from.Unix()), Subject: pkix.Name{CommonName: name}, NotBefore: from, NotAfter: end,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	if parent == nil {
		parent = &authority{template, key}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent.cert, key.Public(), parent.key)
	require.NoError(t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return &authority{cert, key}
}

// TestClientCertOverHTTPS shakes hands for real, with a server that asks for certificates and leaves the rest to us.
func TestClientCertOverHTTPS(t *testing.T) {
	ca, other := testca.New(t), testca.New(t)
	a := &auth.ClientCert{Roots: ca.Pool(), Device: byName}
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		res, err := auth.Authenticate(r.Context(), a, &auth.Request{
			Message: &syncml.Header{SessionID: "1", MsgID: "1", Source: syncml.Location{URI: "device-1"}},
			HTTP:    r.Header, TLS: r.TLS,
		})
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		fmt.Fprint(w, int(res.Status))
	}))
	srv.TLS = ca.ServerTLS()
	srv.StartTLS()
	defer srv.Close()

	for name, tt := range map[string]struct {
		certs []tls.Certificate
		want  string
	}{
		"own":               {[]tls.Certificate{ca.Device("device-1")}, "200"},
		"another device":    {[]tls.Certificate{ca.Device("device-2")}, "401"},
		"another authority": {[]tls.Certificate{other.Device("device-1")}, "401"},
		"none":              {nil, "407"},
	} {
		t.Run(name, func(t *testing.T) {
			transport := &http.Transport{TLSClientConfig: ca.ClientTLS(tt.certs...)}
			defer transport.CloseIdleConnections()
			resp, err := (&http.Client{Transport: transport}).Get(srv.URL)
			require.NoError(t, err)
			defer resp.Body.Close()
			var got strings.Builder
			require.NoError(t, resp.Write(&got))
			require.True(t, strings.HasSuffix(got.String(), tt.want), "got %s", got.String())
		})
	}
}

func BenchmarkClientCert(b *testing.B) {
	ca := testca.New(b)
	a := &auth.ClientCert{Roots: ca.Pool(), Device: byName}
	r := over("device-1", ca.Device("device-1").Leaf)
	measure := func(b *testing.B, f func()) float64 {
		start := time.Now()
		n := 200
		for range n {
			f()
		}
		return float64(time.Since(start).Nanoseconds()) / float64(n)
	}
	verify := measure(b, func() {
		opts := x509.VerifyOptions{Roots: ca.Pool(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
		if _, err := r.TLS.PeerCertificates[0].Verify(opts); err != nil {
			b.Fatal(err)
		}
	})
	b.ReportAllocs()
	for b.Loop() {
		if res, err := a.Authenticate(b.Context(), r); err != nil || res.Identity == nil {
			b.Fatal(err, res)
		}
	}
	b.ReportMetric(verify, "ns/verify")
	b.ReportMetric(verify/(float64(b.Elapsed().Nanoseconds())/float64(b.N)), "x-verify")
}
