package enroll_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/omadm-sdk/omadm/auth/enroll"
	"github.com/omadm-sdk/omadm/auth/enroll/renew"
	"github.com/omadm-sdk/omadm/internal/testca"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"
)

// deployment is a server over real HTTPS, with what its hooks saw.
type deployment struct {
	*httptest.Server
	enroll  *enroll.Server
	ca      *enroll.CA
	tls     *testca.CA
	tickets *enroll.Tickets
	wrap    func(http.Handler) http.Handler // between the network and the server; nil: nothing

	mu       sync.Mutex
	requests []*enroll.Request
	log      strings.Builder
}

func (d *deployment) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.log.Write(p)
}

func (d *deployment) logged() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.log.String()
}

func (d *deployment) last() *enroll.Request {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.requests[len(d.requests)-1]
}

var patsHash = sync.OnceValue(func() []byte {
	h, err := bcrypt.GenerateFromPassword([]byte("correct horse"), bcrypt.MinCost) // the race detector makes bcrypt crawl
	if err != nil {
		panic(err)
	}
	return h
})

func deploy(t *testing.T, change func(*deployment)) *deployment {
	t.Helper()
	ca, err := enroll.NewCA("Fabrikam Devices", enroll.KeyP256)
	require.NoError(t, err)
	d := &deployment{ca: ca, tls: testca.New(t), tickets: &enroll.Tickets{Key: []byte("0123456789abcdef0123456789abcdef")}}
	roots := x509.NewCertPool()
	roots.AddCert(ca.Certificate)
	d.enroll = &enroll.Server{
		AuthURL:   "https://mdm.fabrikam.example/sign-in?tenant=7",
		Federated: d.tickets,
		OnPremise: &enroll.Passwords{Cost: bcrypt.MinCost, Lookup: func(_ context.Context, user string) (*enroll.Identity, []byte, error) {
			if user != "pat@fabrikam.example" {
				return nil, nil, nil
			}
			return &enroll.Identity{User: user}, patsHash(), nil
		}},
		Issuer: ca,
		Provision: func(_ context.Context, r *enroll.Request) (*enroll.Provisioning, error) {
			d.mu.Lock()
			d.requests = append(d.requests, r)
			d.mu.Unlock()
			return enroll.NewProvisioning(r, "Fabrikam", "https://mdm.fabrikam.example/dm"), nil
		},
		Renewal: &enroll.Renewal{Envelope: renew.PKCS7{}, Roots: roots},
		Logger:  slog.New(slog.NewTextHandler(d, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	if change != nil {
		change(d)
	}
	var h http.Handler = d.enroll
	if d.wrap != nil {
		h = d.wrap(h)
	}
	d.Server = httptest.NewUnstartedServer(h)
	d.Server.TLS = d.tls.ServerTLS()
	d.Server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	d.Server.StartTLS()
	t.Cleanup(d.Close)
	return d
}

func (d *deployment) http(t *testing.T, certs ...tls.Certificate) *http.Client {
	tr := &http.Transport{TLSClientConfig: d.tls.ClientTLS(certs...)}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

func (d *deployment) client(t *testing.T) *enroll.Client {
	return &enroll.Client{
		Device:       enroll.Device{ID: "4F1C0DA2B7E84D0F9C3E8A55D10B6C21", Name: "PAT-LAPTOP", Hardware: strings.Repeat("AB", 32), MACs: []string{"00-0C-29-51-60-9D", "00-0C-29-51-60-9E"}},
		DiscoveryURL: d.URL + enroll.DiscoveryPath,
		HTTP:         d.http(t),
	}
}

type cert = x509.Certificate

// rewriteRequest changes what arrives at path.
func rewriteRequest(path string, f func(string) string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost && r.URL.Path == path {
				b, _ := io.ReadAll(r.Body)
				r.Body = io.NopCloser(strings.NewReader(f(string(b))))
			}
			next.ServeHTTP(w, r)
		})
	}
}

type roundTripper struct{ http.RoundTripper }

type roundTripFunc func(*http.Request) (*http.Response, error)

func (f roundTripFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func readAll(t testing.TB, r io.Reader) string {
	t.Helper()
	b, err := io.ReadAll(r)
	require.NoError(t, err)
	return string(b)
}
