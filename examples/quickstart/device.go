package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"path/filepath"

	"github.com/omadm-sdk/omadm/auth/enroll"
	"github.com/omadm-sdk/omadm/csp"
	"github.com/omadm-sdk/omadm/csp/apps"
	"github.com/omadm-sdk/omadm/csp/certs"
	"github.com/omadm-sdk/omadm/csp/certs/pfx"
	"github.com/omadm-sdk/omadm/csp/dmclient"
	"github.com/omadm-sdk/omadm/csp/inventory"
	"github.com/omadm-sdk/omadm/csp/nodecache"
	"github.com/omadm-sdk/omadm/csp/policy"
	"github.com/omadm-sdk/omadm/csp/wipe"
	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/session"
	"github.com/omadm-sdk/omadm/syncml"
)

// deviceID is the name of the device in its management sessions.
const deviceID = "4F1C0DA2B7E84D0F9C3E8A55D10B6C21"

// A device is an agent, and the tree that it lets a server manage.
type device struct {
	*dmclient.Agent
	apps     *apps.Manager
	numbers  dmtree.Memory     // 200 nodes of its own, which the story changes
	enforced map[string]string // the policies that hold, by name: a real agent would act on them
	wiped    []wipe.Method     // a real one would not come back
	dir      string            // for certificates and apps
}

func newDevice(dir string, srv *server, trace *session.Trace, wrap func(http.RoundTripper) http.RoundTripper) (*device, error) {
	d := &device{dir: dir, enforced: map[string]string{}}
	quiet := slog.New(slog.DiscardHandler)
	transport := func(c *tls.Config) http.RoundTripper {
		return wrap(&http.Transport{TLSClientConfig: c, ForceAttemptHTTP2: true})
	}

	// The tree: Microsoft's CSPs behind their schema, and nodes of this device's own beside them.
	schema, err := csp.Windows().With(apps.TokenTree())
	if err != nil {
		return nil, err
	}
	windows, mux := new(dmtree.Mux), new(dmtree.Mux)
	guarded := csp.Guard(schema, windows)
	for _, root := range []string{"./DevInfo", "./DevDetail", "./Device", "./User"} {
		mux.Handle(root, guarded)
	}
	mux.Handle("./Device/Vendor/Quickstart", &d.numbers)
	for i := range 200 {
		d.numbers.Set(node(i), dmtree.Int(int64(i)))
	}

	inventory.Mount(windows, inventory.Local(deviceID))
	policies := policy.New(csp.Windows(), policy.EnforcerFunc(d.enforce))
	source := policies.Source(new(dmtree.Memory))
	windows.Handle("./Device/Vendor/MSFT/Policy", source)
	windows.Handle("./User/Vendor/MSFT/Policy", source)
	certificates := &certs.Store{Host: certs.Dir(filepath.Join(dir, "certs")), DecodePFX: pfx.Decode}
	certificates.Mount(windows)
	nodecache.Mount(windows, mux, new(dmtree.Memory))
	wipe.Mount(windows, d, nil)
	d.apps = &apps.Manager{
		Host:   apps.Dir(filepath.Join(dir, "apps")),
		HTTP:   &http.Client{Transport: transport(&tls.Config{RootCAs: srv.roots})},
		Raise:  func(ctx context.Context, a *syncml.Alert) error { return d.Raise(ctx, a) },
		Logger: quiet,
	}
	d.apps.Mount(windows)
	d.Agent = &dmclient.Agent{
		Device:       enroll.Device{ID: deviceID, Name: "ADA-LAPTOP"},
		DiscoveryURL: srv.url + enroll.DiscoveryPath,
		Tree:         mux,
		Store:        new(session.MemoryClientStore),
		Roots:        srv.roots,
		Transport:    transport,
		Session:      func(c *session.Client) { c.Trace = trace },
		Remove: []func(context.Context) error{
			certificates.RemoveAll,
			d.removeApps,
			source.RemoveAll,
		},
		Logger: quiet,
	}
	d.Mount(windows)
	return d, nil
}

// node is one of the nodes of this device's own.
func node(i int) dmtree.URI {
	return dmtree.URI("./Device/Vendor/Quickstart").Join(fmt.Sprintf("Number%03d", i))
}

// enforce is what makes policies true. This device only remembers them.
func (d *device) enforce(_ context.Context, changes []policy.Change) error {
	for _, c := range changes {
		d.enforced[c.URI.Name()] = c.Value.Text()
	}
	return nil
}

// Wipe implements [wipe.Host]. This device only remembers that it was asked.
func (d *device) Wipe(_ context.Context, m wipe.Method) error {
	d.wiped = append(d.wiped, m)
	return nil
}

// Redeployment implements [wipe.Host].
func (d *device) Redeployment(context.Context) (wipe.Redeployment, error) {
	return wipe.Redeployment{}, nil
}

func (d *device) removeApps(ctx context.Context) error {
	list, err := d.apps.Host.Installed(ctx)
	if err != nil {
		return err
	}
	for _, a := range list {
		if err := d.apps.Host.Remove(ctx, a); err != nil {
			return err
		}
	}
	return nil
}

// files lists what the device has on disk.
func (d *device) files() (list []string, err error) {
	err = filepath.WalkDir(d.dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			list = append(list, path)
		}
		return err
	})
	return list, err
}
