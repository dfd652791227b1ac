package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net/http"

	"github.com/omadm-sdk/omadm/auth/enroll"
	"github.com/omadm-sdk/omadm/csp"
	"github.com/omadm-sdk/omadm/csp/inventory"
	"github.com/omadm-sdk/omadm/csp/policy"
	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/session"
)

// deviceID is the name of the device in its management sessions.
const deviceID = "4F1C0DA2B7E84D0F9C3E8A55D10B6C21"

// A device is an agent: the tree that it lets a server manage, and what enrollment gave it.
type device struct {
	tree     dmtree.Provider
	enforced map[string]string // the policies that hold, by name: a real agent would act on them
	store    session.MemoryClientStore

	roots    *x509.CertPool
	trace    *session.Trace
	wrap     func(http.RoundTripper) http.RoundTripper
	enrolled *enroll.Enrolled
}

func newDevice(roots *x509.CertPool, trace *session.Trace, wrap func(http.RoundTripper) http.RoundTripper) *device {
	d := &device{enforced: map[string]string{}, roots: roots, trace: trace, wrap: wrap}
	mux := new(dmtree.Mux)
	inventory.Mount(mux, inventory.Local(deviceID))
	policies := policy.New(csp.Windows(), policy.EnforcerFunc(d.enforce)).Source(new(dmtree.Memory))
	mux.Handle("./Device/Vendor/MSFT/Policy", policies)
	mux.Handle("./User/Vendor/MSFT/Policy", policies)
	d.tree = csp.Guard(csp.Windows(), mux)
	return d
}

// enforce is what makes policies true. This device only remembers them.
func (d *device) enforce(_ context.Context, changes []policy.Change) error {
	for _, c := range changes {
		d.enforced[c.URI.Name()] = c.Value.String()
	}
	return nil
}

// enroll makes a key, has it certified, and keeps what the server hands out.
func (d *device) enroll(ctx context.Context, url, user, password string) error {
	c := &enroll.Client{
		Device:       enroll.Device{ID: deviceID, Name: "ADA-LAPTOP"},
		DiscoveryURL: url + enroll.DiscoveryPath,
		HTTP:         d.http(),
	}
	e, err := c.Enroll(ctx, user, enroll.Password(password))
	if err != nil {
		return err
	}
	d.enrolled = e
	return nil
}

// call runs a management session, proved by the given certificates.
func (d *device) call(ctx context.Context, certs ...tls.Certificate) (*session.Summary, error) {
	c := &session.Client{
		URL:    d.enrolled.ServerURL,
		ID:     deviceID,
		Tree:   d.tree,
		HTTP:   d.http(certs...),
		Store:  &d.store,
		Trace:  d.trace,
		Logger: slog.New(slog.DiscardHandler),
	}
	return c.Run(ctx, &session.RunOptions{Login: session.LoginUser, User: d.enrolled.User})
}

func (d *device) http(certs ...tls.Certificate) *http.Client {
	return &http.Client{Transport: d.wrap(&http.Transport{
		TLSClientConfig:   &tls.Config{RootCAs: d.roots, Certificates: certs},
		ForceAttemptHTTP2: true,
	})}
}
