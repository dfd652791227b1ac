package apps

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/omadm-sdk/omadm/csp/internal/autocommit"
	"github.com/omadm-sdk/omadm/csp/internal/backing"
	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/syncml"
)

// A Manager is the applications of a device. Fields must not change after Mount.
type Manager struct {
	// Host installs and removes.
	Host Host

	// Raise reports to the server how an installation ended: the method of the agent, or of a session.Client. If nil,
	// servers have to ask.
	Raise func(context.Context, *syncml.Alert) error

	// HTTP fetches packages. If nil, a client of its own; give it the device's certificate where the server demands one.
	HTTP *http.Client

	// Values keeps what servers have set and how far installations are. It must have transactions and be used for nothing
	// else. If nil, memory.
	Values dmtree.Provider

	// MaxPackage is the largest package that is fetched, in bytes. If 0, DefaultMaxPackage.
	MaxPackage int64

	// TempDir is where packages are fetched to. If empty, that of the system.
	TempDir string

	// Logger gets what goes wrong after the answer. If nil, slog.Default().
	Logger *slog.Logger

	mu      sync.Mutex
	ctx     context.Context // of all jobs
	cancel  context.CancelFunc
	running map[string]bool // by what is installed
	jobs    sync.WaitGroup
	closed  bool
}

const (
	cspModern  = "EnterpriseModernAppManagement"
	cspDesktop = "EnterpriseDesktopAppManagement"
	cspToken   = "EnterpriseAppManagement"
)

// msft is where the CSPs are.
func msft(scope string) dmtree.URI { return dmtree.URI("./" + scope + "/Vendor/MSFT") }

// Mount adds the three CSPs to mux, the modern and the desktop one in both scopes. EnterpriseAppManagement is not in
// Microsoft's published descriptions: a Guard around mux needs [TokenSchema] as well.
func (m *Manager) Mount(mux *dmtree.Mux) {
	if m.Values == nil {
		m.Values = new(dmtree.Memory)
	}
	m.ctx, m.cancel = context.WithCancel(context.Background())
	m.running = map[string]bool{}
	for _, scope := range []string{"Device", "User"} {
		mux.Handle(string(msft(scope).Join(cspModern)), autocommit.Provider(&modern{m}))
		mux.Handle(string(msft(scope).Join(cspDesktop)), autocommit.Provider(&desktop{m}))
	}
	mux.Handle(string(msft("Device").Join(cspToken)), autocommit.Provider(&token{m}))
}

// Close stops the installations that run and waits for them. They are told to the server as cancelled.
func (m *Manager) Close() {
	m.mu.Lock()
	m.closed = true
	m.mu.Unlock()
	if m.cancel != nil {
		m.cancel()
	}
	m.jobs.Wait()
}

// Wait waits for the installations that run.
func (m *Manager) Wait() { m.jobs.Wait() }

func (m *Manager) logger() *slog.Logger {
	if m.Logger == nil {
		return slog.Default()
	}
	return m.Logger
}

// start runs a job about key after the answer, or answers that one about it runs.
func (m *Manager) start(key string, job func(context.Context) error) error {
	key = strings.ToLower(key)
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.closed:
		return dmtree.ErrForbidden
	case m.running[key]:
		return InUse
	}
	m.running[key] = true
	m.jobs.Go(func() {
		defer func() {
			m.mu.Lock()
			defer m.mu.Unlock()
			delete(m.running, key)
		}()
		if err := job(m.ctx); err != nil {
			m.logger().Warn("installation failed", "app", key, "err", err)
		}
	})
	return nil
}

// commit stores what a transaction has changed, then starts the jobs that it has asked for.
func commit(ctx context.Context, values dmtree.Tx, after []func() error) error {
	if err := values.Commit(ctx); err != nil {
		return err
	}
	var errs []error
	for _, f := range after {
		if err := f(); err != nil {
			errs = append(errs, fmt.Errorf("%w: %w", dmtree.ErrForbidden, err))
		}
	}
	return errors.Join(errs...)
}

// report raises the alert about the end of a job.
func (m *Manager) report(code syncml.AlertCode, kind string, source dmtree.URI, result HRESULT) {
	if m.Raise == nil {
		return
	}
	alert := &syncml.Alert{Code: code, Items: []syncml.Item{{
		Source: syncml.Location{URI: string(source)},
		Meta:   syncml.Meta{Type: "Reversed-Domain-Name:" + kind, Format: "int", Mark: "informational"},
		Data:   syncml.Text(strconv.FormatUint(uint64(result), 10)),
	}}}
	// The job is over, and so may be the context that it ran in.
	if err := m.Raise(context.WithoutCancel(m.ctx), alert); err != nil {
		m.logger().Warn("the end of an installation could not be reported", "source", source, "err", err)
	}
}

// set stores values outside of any server's transaction: how far a job is. The node may have been deleted meanwhile.
func (m *Manager) set(ctx context.Context, at dmtree.URI, leaves map[string]dmtree.Value) {
	if _, err := m.Values.Get(ctx, at); err != nil {
		return
	}
	for leaf, v := range leaves {
		u := at.Join(leaf)
		err := backing.Replace(ctx, m.Values, u, v)
		if err != nil {
			err = backing.Add(ctx, m.Values, u, v)
		}
		if err != nil {
			m.logger().Warn("progress could not be stored", "uri", u, "err", err)
		}
	}
}

// failure is what the nodes LastError and LastErrorDesc say about err.
func failure(err error) (dmtree.Value, dmtree.Value) {
	if err == nil {
		return dmtree.Int(0), dmtree.String("")
	}
	return dmtree.Int(int64(code(err))), dmtree.String(err.Error())
}
