package benchproc_test

import (
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omadm-sdk/omadm/internal/benchproc"
	"github.com/omadm-sdk/omadm/internal/testca"
)

func TestMain(m *testing.M) {
	benchproc.Main(map[string]benchproc.Maker{"busy": func(dir string, _ *x509.CertPool, control *http.ServeMux) (http.Handler, error) {
		control.HandleFunc("/dir", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, dir) })
		var kept []byte
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			for begin := time.Now(); time.Since(begin) < 100*time.Millisecond; {
			}
			kept = make([]byte, 10<<20)
			fmt.Fprintf(w, "%s %d", r.TLS.PeerCertificates[0].Subject.CommonName, len(kept))
		}), nil
	}})
	os.Exit(m.Run())
}

// TestProcess: a server is told from its clients, and what it uses is seen.
func TestProcess(t *testing.T) {
	ca := testca.New(t)
	p := benchproc.Start(t, ca, "busy")
	require.DirExists(t, p.Control("/dir"))
	require.Positive(t, p.Goroutines())
	cpu, memory := p.CPU(), p.Memory()
	c := &http.Client{Transport: &http.Transport{TLSClientConfig: ca.ClientTLS(ca.Device("device-1"))}}
	defer c.CloseIdleConnections()
	res, err := c.Get(p.URL)
	require.NoError(t, err)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.Equal(t, "device-1 10485760", string(b))
	if runtime.GOOS != "windows" {
		require.Greater(t, p.CPU()-cpu, 20*time.Millisecond)
	}
	require.Greater(t, p.Memory()-memory, int64(9<<20))

	_, err = (&http.Client{Transport: &http.Transport{TLSClientConfig: ca.ClientTLS()}}).Get(p.URL)
	require.Error(t, err, "without a certificate")
}
