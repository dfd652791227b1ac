package dmclient

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/omadm-sdk/omadm/auth/enroll"
	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/session"
	"github.com/omadm-sdk/omadm/syncml"
)

// ErrNotEnrolled says that the device has no management server (any more).
var ErrNotEnrolled = errors.New("dmclient: the device is not enrolled")

// An Agent is a device with at most one management server. Fields must not change after the first call. Its methods may
// be called concurrently; there is one session at a time.
type Agent struct {
	// Device is what the device says of itself when it enrolls. Device.ID must be set.
	Device enroll.Device

	// Tree is what the server manages. It holds what Mount has mounted, and usually more.
	Tree dmtree.Provider

	// Store keeps the account and what sessions must not forget. It holds the device's private key, and must be durable:
	// with nil, memory, the device is not enrolled any more after a restart.
	Store session.ClientStore

	// Settings keeps the nodes of DMClient. It must have transactions and be used for nothing else. If nil, memory.
	Settings dmtree.Provider

	// DiscoveryURL is where Enroll starts. If empty, what the name of the user says; see [enroll.DiscoveryURL].
	DiscoveryURL string

	// Roots are the authorities that the server's TLS certificate may come from, beside those that enrollment delivers.
	// If nil, those of the system.
	Roots *x509.CertPool

	// Key is the kind of key of the device's certificate; if 0, P256.
	Key enroll.KeyKind

	// Transport makes connections by a TLS configuration. If nil, an http.Transport that keeps to the environment's proxies.
	Transport func(*tls.Config) http.RoundTripper

	// Session, if not nil, may change a session's client before it is used: its profile, encoding, trace, user interface.
	// What it sets as KeepAlive counts, in place of 30 seconds, where the server has EnableOmaDmKeepAliveMessage set.
	Session func(*session.Client)

	// Login, if not nil, tells who is signed in, for each session. If nil, the enrolled user always is.
	Login func() (session.LoginState, string)

	// Remove undoes what a server has configured: policies, certificates, applications. It is called in this order once the
	// device leaves, until none of them fails: each must bear being called again.
	Remove []func(context.Context) error

	// Push, if not nil, opens a channel by which a server can wake the device. If nil, Push/Status tells that there is
	// none.
	Push func(ctx context.Context, pfn string) (channelURI string, err error)

	// Logger gets what the device does by itself. If nil, slog.Default().
	Logger *slog.Logger

	once     sync.Once
	wake     chan Reason
	calling  chan struct{}   // holds a token while a session runs, or the account changes
	settings dmtree.Provider // Settings or memory
	store    session.ClientStore

	mu     sync.Mutex // guards client
	client *session.Client
	alive  time.Duration // KeepAlive of client, where the server wants it
}

// A Reason says why a session starts (MS-MDM, UserAgentOrigin).
type Reason int

// The reasons.
const (
	ByUser       Reason = 1
	ByPoll       Reason = 2
	ByPush       Reason = 3
	ByLogin      Reason = 4
	ByEnrollment Reason = 5
	ByCSP        Reason = 6 // a provider has something to report
	ByAPI        Reason = 7
)

func (a *Agent) init() {
	a.once.Do(func() {
		a.wake, a.calling = make(chan Reason, 1), make(chan struct{}, 1)
		if a.settings = a.Settings; a.settings == nil {
			a.settings = new(dmtree.Memory)
		}
		if a.store = a.Store; a.store == nil {
			a.store = new(session.MemoryClientStore)
		}
	})
}

func (a *Agent) logger() *slog.Logger {
	if a.Logger == nil {
		return slog.Default()
	}
	return a.Logger
}

// lock waits until no session runs.
func (a *Agent) lock(ctx context.Context) error {
	a.init()
	select {
	case a.calling <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (a *Agent) unlock() { <-a.calling }

// Account returns what the device knows of its server, or ErrNotEnrolled.
func (a *Agent) Account(ctx context.Context) (*Account, error) {
	a.init()
	return loadAccount(ctx, a.store)
}

// Enroll makes the device one of the server that is responsible for user: it gets a certificate and stores the account.
// A device that has a server already is refused with [enroll.CodeAlreadyEnrolled]. The error is an [*enroll.Error], or
// that of the store, or the cause of ctx.
func (a *Agent) Enroll(ctx context.Context, user string, cred enroll.Credential) error {
	if err := a.lock(ctx); err != nil {
		return err
	}
	defer a.unlock()
	switch _, err := loadAccount(ctx, a.store); {
	case err == nil:
		return &enroll.Error{Step: enroll.StepDiscover, Err: enroll.CodeAlreadyEnrolled}
	case !errors.Is(err, ErrNotEnrolled):
		return err
	}
	c := &enroll.Client{
		Device:       a.Device,
		DiscoveryURL: a.DiscoveryURL,
		HTTP:         &http.Client{Transport: a.transport(&tls.Config{RootCAs: a.Roots}), Timeout: time.Minute},
		Key:          a.Key,
	}
	e, err := c.Enroll(ctx, user, cred)
	if err != nil {
		return err
	}
	if err := a.provision(ctx, e); err != nil {
		return &enroll.Error{Step: enroll.StepApply, Err: errors.Join(enroll.CodeProvDMClient, err)}
	}
	return a.save(ctx, newAccount(e, time.Now()))
}

func (a *Agent) save(ctx context.Context, acc *Account) error {
	data, err := acc.marshal()
	if err != nil {
		return err
	}
	return a.store.Save(ctx, accountKey, data)
}

func (a *Agent) transport(c *tls.Config) http.RoundTripper {
	if a.Transport != nil {
		return a.Transport(c)
	}
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.TLSClientConfig = c
	return t
}

// Call runs a session now. It waits while another runs. A session in which the server asks the device to leave ends
// with the device not enrolled any more; that is no error. Without an error the summary is not nil.
func (a *Agent) Call(ctx context.Context, why Reason) (*session.Summary, error) {
	if err := a.lock(ctx); err != nil {
		return nil, err
	}
	defer a.unlock()
	acc, err := loadAccount(ctx, a.store)
	if err != nil {
		return nil, err
	}
	if acc.leaving {
		return new(session.Summary), a.leave(ctx, acc)
	}
	acc.LastCall = time.Now()
	if err := a.save(ctx, acc); err != nil {
		return nil, err
	}
	sum, address, err := a.session(ctx, acc, why)

	// Commands of the session may have changed the account: it is the stored one that goes on.
	stored, loadErr := loadAccount(ctx, a.store)
	if loadErr != nil {
		return sum, errors.Join(err, loadErr)
	}
	if err == nil {
		stored.LastSync, stored.address = time.Now(), address
		if err := a.save(ctx, stored); err != nil {
			return sum, err
		}
	}
	if stored.leaving {
		return sum, a.leave(ctx, stored)
	}
	return sum, err
}

// session tries the addresses of the server one after the other, the one that worked last first.
func (a *Agent) session(ctx context.Context, acc *Account, why Reason, alerts ...*syncml.Alert) (*session.Summary, string, error) {
	addresses, err := a.addresses(ctx, acc)
	if err != nil {
		return nil, "", err
	}
	opts := &session.RunOptions{
		Login: session.LoginUser, User: acc.User, Alerts: alerts,
		HTTP: http.Header{"Useragentorigin": {strconv.Itoa(int(why))}},
	}
	if a.Login != nil {
		opts.Login, opts.User = a.Login()
	}
	busy, err := setting(ctx, a.settings, acc.ProviderID, nodeKeepAlive)
	if err != nil {
		return nil, "", err
	}
	var errs []error
	for _, address := range addresses {
		sum, err := a.clientOf(acc, address, busy == "true").Run(ctx, opts)
		if err == nil {
			return sum, address, nil
		}
		errs = append(errs, fmt.Errorf("%s: %w", address, err))
		if ctx.Err() != nil || sum != nil && sum.Messages > 1 {
			// The server has answered: another address is the same server.
			return sum, address, err
		}
	}
	return nil, "", errors.Join(errs...)
}

// clientOf returns the client of an address, for a session; busy says whether the server wants to hear that the device is.
// There is one client at a time, which owns the alerts that wait.
func (a *Agent) clientOf(acc *Account, address string, busy bool) *session.Client {
	a.mu.Lock()
	defer a.mu.Unlock()
	c := a.clientLocked(acc, address)
	if c.KeepAlive = 0; busy {
		c.KeepAlive = a.alive
	}
	return c
}

func (a *Agent) clientLocked(acc *Account, address string) *session.Client {
	if a.client != nil && a.client.URL == address && a.client.ID == acc.DeviceID {
		return a.client
	}
	roots := a.Roots
	if len(acc.Roots) > 0 {
		if roots == nil {
			roots, _ = x509.SystemCertPool()
		} else {
			roots = roots.Clone()
		}
		if roots == nil {
			roots = x509.NewCertPool()
		}
		for _, r := range acc.Roots {
			roots.AddCert(r)
		}
	}
	a.client = &session.Client{
		URL:    address,
		ID:     acc.DeviceID,
		Tree:   a.Tree,
		Store:  sessionStore{a.store},
		Logger: a.logger(),

		NoBackCompat: acc.NoBackCompat,
		HTTP: &http.Client{
			Transport: a.transport(&tls.Config{RootCAs: roots, Certificates: []tls.Certificate{acc.Certificate}}),
			Timeout:   2 * time.Minute,
		},
	}
	if a.Session != nil {
		a.Session(a.client)
	}
	if a.alive = a.client.KeepAlive; a.alive <= 0 {
		a.alive = keepAlive
	}
	return a.client
}

// Raise reports an alert in the next session, and in those after it until the server has acknowledged it, and wakes the
// agent for one.
func (a *Agent) Raise(ctx context.Context, alert *syncml.Alert) error {
	a.init()
	acc, err := loadAccount(ctx, a.store)
	if err != nil {
		return err
	}
	if err := a.raise(ctx, acc, alert); err != nil {
		return err
	}
	a.Wake(ByCSP)
	return nil
}

// raise keeps the lock until the alert is stored, so that a session which changes to another address does not have a
// second client write the same list.
func (a *Agent) raise(ctx context.Context, acc *Account, alert *syncml.Alert) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.clientLocked(acc, a.current(acc)).Raise(ctx, alert)
}

// current is the address of the client that exists, or else the one to start with. The lock is held.
func (a *Agent) current(acc *Account) string {
	switch {
	case a.client != nil:
		return a.client.URL
	case acc.address != "":
		return acc.address
	}
	return acc.ServerURL
}

// Wake has Run start a session at once, or right after the one that runs. It does not wait.
func (a *Agent) Wake(why Reason) {
	a.init()
	select {
	case a.wake <- why:
	default: // one is on its way already
	}
}
