package apps

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
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
	running map[string]bool // by the app that a job is about, in small letters
	jobs    int             // how many run
	idle    sync.Cond       // none does: unlike a WaitGroup, it bears waiting while others begin
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
// Microsoft's published descriptions: the schema of a Guard around mux needs [TokenTree] as well.
//
// Installations that Values tells of as running ended with the process before: they have failed, as [Cancelled].
func (m *Manager) Mount(mux *dmtree.Mux) {
	if m.Values == nil {
		m.Values = new(dmtree.Memory)
	}
	m.ctx, m.cancel = context.WithCancel(context.Background())
	m.running, m.idle.L = map[string]bool{}, &m.mu
	m.giveUp(context.Background())
	for _, scope := range []string{"Device", "User"} {
		mux.Handle(string(msft(scope).Join(cspModern)), autocommit.Provider(&modern{m}))
		mux.Handle(string(msft(scope).Join(cspDesktop)), autocommit.Provider(&desktop{m}))
	}
	mux.Handle(string(msft("Device").Join(cspToken)), autocommit.Provider(&token{m}))
}

// giveUp says of installations which a process before this one has begun that they have failed. Otherwise servers would
// wait for their end.
func (m *Manager) giveUp(ctx context.Context) {
	number, text := failure(Cancelled)
	for _, kind := range []string{"Modern", "Desktop"} {
		for _, scope := range []string{"Device", "User"} {
			top, err := m.Values.Get(ctx, dmtree.Root.Join(kind, scope))
			if err != nil {
				continue // there is none
			}
			for _, name := range slices.Collect(top.Names()) {
				at := dmtree.Root.Join(kind, scope, name)
				v, err := m.Values.Get(ctx, at.Join("Status"))
				if err != nil {
					continue
				}
				status, err := v.Int()
				if err != nil {
					continue
				}
				_, err = m.Values.Get(ctx, at.Join("JobID"))
				if failed, ok := interrupted(kind, status, err == nil); ok {
					m.set(ctx, at, map[string]dmtree.Value{"Status": dmtree.Int(failed), "LastError": number, "LastErrorDesc": text})
				}
			}
		}
	}
}

// interrupted tells whether the status is one of an installation that runs, and the status of its failure. begun says
// that a job was accepted.
func interrupted(kind string, status int64, begun bool) (int64, bool) {
	if kind == "Modern" {
		return int64(Failed), State(status) == Installing
	}
	switch MSIState(status) {
	case MSIInitialized:
		return int64(MSIDownloadFailed), begun
	case MSIDownloading, MSIDownloadRetry, MSIDownloaded:
		return int64(MSIDownloadFailed), true
	case MSIEnforcing, MSIEnforcementRetry:
		return int64(MSIEnforcementFailed), true
	}
	return 0, false
}

// Close stops the installations that run and waits for them. They are told to the server as cancelled.
func (m *Manager) Close() {
	m.mu.Lock()
	m.closed = true
	m.mu.Unlock()
	if m.cancel != nil {
		m.cancel()
	}
	m.Wait()
}

// Wait waits until no installation runs.
func (m *Manager) Wait() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for m.jobs > 0 {
		m.idle.Wait()
	}
}

func (m *Manager) logger() *slog.Logger {
	if m.Logger == nil {
		return slog.Default()
	}
	return m.Logger
}

// A job is what a transaction has asked for, to begin after the answer.
type job struct {
	app string // that it is about: there is one job about an app at a time, whoever wants it
	run func(context.Context) error
}

// jobs are those of one transaction.
type jobs struct {
	m    *Manager
	list []job
	held int // how many of them keep others from their apps
}

// add has run begin after the answer. What one transaction asks for about the same app is done one after the other.
func (j *jobs) add(app string, run func(context.Context) error) {
	app = strings.ToLower(app)
	if i := slices.IndexFunc(j.list, func(job job) bool { return job.app == app }); i >= 0 {
		first := j.list[i].run
		j.list[i].run = func(ctx context.Context) error { return errors.Join(first(ctx), run(ctx)) }
		return
	}
	j.list = append(j.list, job{app, run})
}

// prepare keeps others from the apps, so that nothing can refuse the jobs any more.
func (j *jobs) prepare() error {
	j.m.mu.Lock()
	defer j.m.mu.Unlock()
	for _, job := range j.list[j.held:] {
		switch {
		case j.m.closed:
			return dmtree.ErrForbidden
		case j.m.running[job.app]:
			return fmt.Errorf("%w: %w", dmtree.ErrForbidden, InUse)
		}
		j.m.running[job.app] = true
		j.held++
	}
	return nil
}

// drop gives the apps free.
func (j *jobs) drop() {
	j.m.mu.Lock()
	defer j.m.mu.Unlock()
	for _, job := range j.list[:j.held] {
		delete(j.m.running, job.app)
	}
	j.list, j.held = nil, 0
}

// start begins the jobs.
func (j *jobs) start() {
	j.m.mu.Lock()
	defer j.m.mu.Unlock()
	for _, job := range j.list {
		j.m.jobs++
		go func() {
			defer func() {
				j.m.mu.Lock()
				defer j.m.mu.Unlock()
				delete(j.m.running, job.app)
				if j.m.jobs--; j.m.jobs == 0 {
					j.m.idle.Broadcast()
				}
			}()
			if err := job.run(j.m.ctx); err != nil {
				j.m.logger().Warn("installation failed", "app", job.app, "err", err)
			}
		}()
	}
}

// jobsTx is a transaction over the values, and the jobs that it asks for.
type jobsTx struct {
	dmtree.Tx
	jobs jobs
}

// Prepare makes sure of the jobs too.
func (t *jobsTx) Prepare(ctx context.Context) error {
	if err := t.jobs.prepare(); err != nil {
		return err
	}
	return t.Tx.Prepare(ctx)
}

// Commit stores what the transaction has changed, then starts the jobs.
func (t *jobsTx) Commit(ctx context.Context) error {
	if err := t.Tx.Commit(ctx); err != nil {
		t.jobs.drop()
		return err
	}
	t.jobs.start()
	return nil
}

func (t *jobsTx) Rollback(ctx context.Context) error {
	t.jobs.drop()
	return t.Tx.Rollback(ctx)
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
