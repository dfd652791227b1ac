package dmclient_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omadm-sdk/omadm/auth"
	"github.com/omadm-sdk/omadm/auth/enroll"
	"github.com/omadm-sdk/omadm/csp"
	"github.com/omadm-sdk/omadm/csp/dmclient"
	"github.com/omadm-sdk/omadm/csp/inventory"
	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/session"
)

const (
	user     = "ada@example.com"
	base     = "https://mdm.example.com"
	provider = "Fabrikam MDM"
)

var (
	quiet = slog.New(slog.DiscardHandler)
	node  = dmtree.URI("./Device/Vendor/MSFT/DMClient/Provider").Join(provider)
)

// A world is a management server and a device, joined without sockets, so that it runs inside a synctest bubble.
type world struct {
	*dmclient.Agent
	tree *dmtree.Mux
	mux  *http.ServeMux

	mu      sync.Mutex
	down    bool // the server cannot be reached
	calls   []time.Time
	reasons []string
	alerts  []*session.Alert
	results map[string]session.Result
	say     func(*session.Writer) // in answer to the first message of a session
	poll    *enroll.Poll

	noBackCompat bool // as enrollment says
}

func newWorld(t *testing.T) *world {
	ca, err := enroll.NewCA("Test CA", enroll.KeyP256)
	require.NoError(t, err)
	roots := x509.NewCertPool()
	roots.AddCert(ca.Certificate)

	w := &world{tree: new(dmtree.Mux), mux: http.NewServeMux(), results: map[string]session.Result{}, poll: enroll.DefaultPoll()}
	w.mux.Handle("/EnrollmentServer/", &enroll.Server{
		BaseURL: base,
		Issuer:  ca,
		Federated: enroll.TokenFunc(func(context.Context, *enroll.Token) (*enroll.Identity, error) {
			return &enroll.Identity{User: user}, nil
		}),
		AuthURL: base + "/signin",
		Provision: func(_ context.Context, r *enroll.Request) (*enroll.Provisioning, error) {
			p := enroll.NewProvisioning(r, provider, base+"/dm")
			p.DMClient.Poll, p.Application.NoBackCompat = w.poll, w.noBackCompat
			return p, nil
		},
		Logger: quiet,
	})
	server := &session.Server{
		ID:      base + "/dm",
		Handler: session.HandlerFunc(w.serve),
		Auth: &auth.ClientCert{Roots: roots, Device: func(_ context.Context, c *x509.Certificate) (string, error) {
			return c.Subject.CommonName, nil
		}},
		Logger: quiet,
	}
	w.mux.Handle("/dm", server)
	w.mux.Handle("/new", server)

	inventory.Mount(w.tree, &inventory.Device{DevInfo: inventory.DevInfo{DevId: "4F1C0DA2", Man: "Contoso", Mod: "Laptop 7", DmV: "1.3", Lang: "en-US"}})
	w.Agent = &dmclient.Agent{
		Device:       enroll.Device{ID: "4F1C0DA2", Hardware: "AA55"},
		Tree:         csp.Guard(csp.Windows(), w.tree),
		Store:        new(session.MemoryClientStore),
		Settings:     new(dmtree.Memory),
		DiscoveryURL: base + enroll.DiscoveryPath,
		Transport:    w.transport,
		Logger:       quiet,
	}
	w.Mount(w.tree)
	return w
}

// restarted is the same device after its process has ended.
func (w *world) restarted() *dmclient.Agent {
	tree := new(dmtree.Mux)
	inventory.Mount(tree, &inventory.Device{DevInfo: inventory.DevInfo{DevId: "4F1C0DA2", Man: "Contoso", Mod: "Laptop 7", DmV: "1.3", Lang: "en-US"}})
	a := &dmclient.Agent{Device: w.Device, Tree: tree, Store: w.Store, Settings: w.Settings,
		DiscoveryURL: w.DiscoveryURL, Transport: w.Transport, Remove: w.Remove, Logger: quiet}
	a.Mount(tree)
	return a
}

// serve is the server's logic.
func (w *world) serve(out *session.Writer, r *session.Request) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.alerts = append(w.alerts, r.Alerts...)
	for _, res := range r.Results {
		w.results[res.Label] = res
	}
	if r.First {
		w.calls = append(w.calls, time.Now())
		w.reasons = append(w.reasons, r.HTTP.Get("UserAgentOrigin"))
		if w.say != nil {
			w.say(out)
		}
	}
	return nil
}

// next has the server say something in the next session.
func (w *world) next(say func(*session.Writer)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.say = say
}

func (w *world) setDown(down bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.down = down
}

func (w *world) enroll(t *testing.T) {
	t.Helper()
	require.NoError(t, w.Enroll(t.Context(), user, enroll.Ticket("a token")))
}

func (w *world) get(t *testing.T, u dmtree.URI) string {
	t.Helper()
	v, err := dmtree.Get(t.Context(), w.tree, u)
	require.NoError(t, err)
	return v.Text()
}

// transport hands requests to the server as a TLS connection with a client certificate would.
func (w *world) transport(c *tls.Config) http.RoundTripper { return &wire{w, c} }

type wire struct {
	*world
	config *tls.Config
}

func (l *wire) RoundTrip(req *http.Request) (*http.Response, error) {
	l.mu.Lock()
	down := l.down
	l.mu.Unlock()
	if down {
		return nil, errors.New("no route to host")
	}
	in := req.Clone(req.Context())
	if in.Body == nil {
		in.Body = http.NoBody
	}
	in.RemoteAddr = "192.0.2.1:1234"
	in.TLS = new(tls.ConnectionState)
	for _, c := range l.config.Certificates {
		in.TLS.PeerCertificates = append(in.TLS.PeerCertificates, c.Leaf)
	}
	rec := httptest.NewRecorder()
	l.mux.ServeHTTP(rec, in)
	return rec.Result(), nil
}
