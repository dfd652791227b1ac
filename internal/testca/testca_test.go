package testca_test

import (
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/omadm-sdk/omadm/internal/testca"
)

func TestMutualTLS(t *testing.T) {
	ca, other := testca.New(t), testca.New(t)
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := "nobody"
		if len(r.TLS.PeerCertificates) > 0 {
			name = r.TLS.PeerCertificates[0].Subject.CommonName
		}
		w.Header().Set("Peer", name)
	}))
	srv.TLS = ca.ServerTLS()
	srv.StartTLS()
	defer srv.Close()

	get := func(ca *testca.CA, cn string) (string, error) {
		cfg := ca.ClientTLS()
		if cn != "" {
			cfg = ca.ClientTLS(ca.Device(cn))
		}
		tr := &http.Transport{TLSClientConfig: cfg}
		defer tr.CloseIdleConnections()
		resp, err := (&http.Client{Transport: tr}).Get(srv.URL)
		if err != nil {
			return "", err
		}
		resp.Body.Close()
		return resp.Header.Get("Peer"), nil
	}
	for _, cn := range []string{"device-1", ""} {
		want := cn
		if cn == "" {
			want = "nobody"
		}
		if got, err := get(ca, cn); err != nil || got != want {
			t.Errorf("device %q: server saw %q (%v), want %q", cn, got, err, want)
		}
	}
	if _, err := get(other, "device-1"); err == nil {
		t.Error("a client that trusts another CA accepted the server")
	}
}

func TestValidity(t *testing.T) {
	ca, other := testca.New(t), testca.New(t)
	verify := func(c *x509.Certificate) error {
		_, err := c.Verify(x509.VerifyOptions{Roots: ca.Pool(), CurrentTime: time.Now(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
		return err
	}
	check := func(t *testing.T) {
		for _, row := range []struct {
			name string
			cert *x509.Certificate
			ok   bool
		}{
			{"device", ca.Device("d").Leaf, true},
			{"expired", ca.Expired("d").Leaf, false},
			{"of another CA", other.Device("d").Leaf, false},
			{"server as device", ca.Server().Leaf, false},
		} {
			if err := verify(row.cert); (err == nil) != row.ok {
				t.Errorf("%s: verified: %v, want accepted: %v", row.name, err, row.ok)
			}
		}
	}
	check(t)
	synctest.Test(t, check)
}
