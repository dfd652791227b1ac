package auth_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omadm-sdk/omadm/auth"
	"github.com/omadm-sdk/omadm/internal/interop"
	"github.com/omadm-sdk/omadm/internal/testca"
	"github.com/omadm-sdk/omadm/syncml"
)

// TestProxies puts real proxies, configured as the files in testdata/proxies show, between a device and ClientCert.
func TestProxies(t *testing.T) {
	ca, other := testca.New(t), testca.New(t)
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o755))
	writeServerFiles(t, dir, ca)

	for _, tt := range []struct {
		file    string
		program string
		format  auth.ProxyFormat
		around  string // what the file is a part of
		args    []string
	}{
		{"nginx.conf", "nginx", auth.PEM,
			"daemon off; pid ${DIR}/nginx.pid; error_log stderr; events {}\n" +
				"http { access_log off; client_body_temp_path ${DIR}/1; proxy_temp_path ${DIR}/2; fastcgi_temp_path ${DIR}/3;\n" +
				"uwsgi_temp_path ${DIR}/4; scgi_temp_path ${DIR}/5;\n%s}",
			[]string{"-e", "stderr", "-c", "${CONFIG}"}},
		{"haproxy.cfg", "haproxy", auth.RFC9440,
			"defaults\n\ttimeout connect 5s\n\ttimeout client 5s\n\ttimeout server 5s\n%s",
			[]string{"-db", "-f", "${CONFIG}"}},
		{"apache.conf", "apache2", auth.PEM,
			"ServerName localhost\nListen ${LISTEN}\nPidFile ${DIR}/apache.pid\nErrorLog /dev/stderr\nDefaultRuntimeDir ${DIR}\n" +
				"LoadModule mpm_event_module ${MODULES}/mod_mpm_event.so\nLoadModule authz_core_module ${MODULES}/mod_authz_core.so\n" +
				"LoadModule ssl_module ${MODULES}/mod_ssl.so\nLoadModule headers_module ${MODULES}/mod_headers.so\n" +
				"LoadModule proxy_module ${MODULES}/mod_proxy.so\nLoadModule proxy_http_module ${MODULES}/mod_proxy_http.so\n%s",
			[]string{"-X", "-f", "${CONFIG}"}},
		{"Caddyfile", "caddy", auth.RFC9440, "{\n\tadmin off\n\tauto_https off\n}\n%s",
			[]string{"run", "--adapter", "caddyfile", "--config", "${CONFIG}"}},
	} {
		t.Run(tt.program, func(t *testing.T) {
			program := interop.Tool(t, tt.program)
			backend := httptest.NewServer(claims(t, &auth.ClientCert{Roots: ca.Pool(), Device: byName,
				Proxy: &auth.ProxyHeader{Trusted: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Format: tt.format}}))
			defer backend.Close()

			snippet, err := os.ReadFile(filepath.Join("testdata", "proxies", tt.file))
			require.NoError(t, err)
			listen := freeAddress(t)
			config := filepath.Join(dir, tt.file)
			_, port, err := net.SplitHostPort(listen)
			require.NoError(t, err)
			fill := strings.NewReplacer("${LISTEN}", listen, "${PORT}", port, "${DIR}", dir, "${CONFIG}", config,
				"${BACKEND}", strings.TrimPrefix(backend.URL, "http://"), "${MODULES}", "/usr/lib/apache2/modules")
			require.NoError(t, os.WriteFile(config, []byte(fill.Replace(fmt.Sprintf(tt.around, snippet))), 0o644))
			args := make([]string, len(tt.args))
			for i, a := range tt.args {
				args[i] = fill.Replace(a)
			}
			run(t, listen, ca, program, args...)

			own := ca.Device("device-1")
			forged := http.Header{
				"Client-Cert":   {":" + base64.StdEncoding.EncodeToString(own.Leaf.Raw) + ":"},
				"X-Client-Cert": {url.PathEscape(string(pemOf(own.Leaf)))},
			}
			for _, tt := range []struct {
				name   string
				certs  []tls.Certificate
				header http.Header
				want   string
			}{
				{"the device's own", []tls.Certificate{own}, nil, "200"},
				{"of another device", []tls.Certificate{ca.Device("device-2")}, nil, "401"},
				{"from another authority", []tls.Certificate{other.Device("device-1")}, nil, "401"},
				{"expired", []tls.Certificate{ca.Expired("device-1")}, nil, "no"}, // nginx and Apache refuse it themselves
				{"none", nil, nil, "407"},
				{"none, and a forged header", nil, forged, "407"},
				{"of another device, and a forged header", []tls.Certificate{ca.Device("device-2")}, forged, "401"},
			} {
				got, err := get(t, listen, ca, tt.certs, tt.header)
				if tt.want == "no" {
					require.NotEqual(t, "200", got, tt.name)
					continue
				}
				require.NoError(t, err, tt.name)
				require.Equal(t, tt.want, got, tt.name)
			}
		})
	}
}

// claims answers with the status that a asks for, for the device that the query names.
func claims(t *testing.T, a auth.Authenticator) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		res, err := auth.Authenticate(r.Context(), a, &auth.Request{
			Message: &syncml.Header{SessionID: "1", MsgID: "1", Source: syncml.Location{URI: r.URL.Query().Get("device")}},
			HTTP:    r.Header, TLS: r.TLS, Remote: netip.MustParseAddrPort(r.RemoteAddr),
		})
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		if res.Identity == nil {
			t.Log(res.Reason)
		}
		fmt.Fprint(w, int(res.Status))
	})
}

// get asks https://localhost, which is to be found at an address, as device-1.
func get(t *testing.T, address string, ca *testca.CA, certs []tls.Certificate, header http.Header) (string, error) {
	t.Helper()
	transport := &http.Transport{
		TLSClientConfig:   ca.ClientTLS(certs...),
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, address)
		},
	}
	_, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://localhost:"+port+"/?device=device-1", nil)
	require.NoError(t, err)
	for k, v := range header {
		req.Header[k] = v
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return string(body), err
}

// run starts a program that serves TLS at an address, until the test ends.
func run(t *testing.T, address string, ca *testca.CA, program string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 5 * time.Second
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir())
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	require.NoError(t, cmd.Start())
	exited := make(chan struct{})
	go func() {
		cmd.Wait()
		close(exited)
	}()
	t.Cleanup(func() {
		cancel()
		<-exited
		if t.Failed() {
			t.Logf("%s: %s", program, &output)
		}
	})

	ready, stop := context.WithTimeout(t.Context(), 20*time.Second)
	defer stop()
	dialer := &tls.Dialer{Config: ca.ClientTLS()}
	for tick := time.Tick(20 * time.Millisecond); ; {
		if conn, err := dialer.DialContext(ready, "tcp", address); err == nil {
			conn.Close()
			return
		}
		select {
		case <-tick:
		case <-exited:
			t.Fatalf("%s has ended", cmd)
		case <-ready.Done():
			t.Fatalf("%s does not answer at %s", cmd, address)
		}
	}
}

// freeAddress returns an address on the loopback interface where nobody listens.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

// writeServerFiles writes what a proxy needs to serve TLS.
func writeServerFiles(t *testing.T, dir string, ca *testca.CA) {
	t.Helper()
	server := ca.Server()
	cert := append(pemOf(server.Leaf), ca.PEM()...)
	der, err := x509.MarshalPKCS8PrivateKey(server.PrivateKey)
	require.NoError(t, err)
	key := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	for name, content := range map[string][]byte{
		"server.pem": cert, "server.key": key, "server-and-key.pem": append(cert, key...), "device-ca.pem": ca.PEM(),
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), content, 0o644))
	}
}

func pemOf(c *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
}
