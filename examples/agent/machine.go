package main

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

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
	"github.com/omadm-sdk/omadm/dmtree/filestore"
	"github.com/omadm-sdk/omadm/session"
	"github.com/omadm-sdk/omadm/syncml"
)

// A machine is this computer as a managed device: an agent, and the tree that it lets a server manage.
type machine struct {
	*dmclient.Agent
	dir      string
	policies *policy.Policies
	apps     *apps.Manager
	stores   []*filestore.Store
}

// open prepares the machine whose state is in dir.
func open(dir string, roots *x509.CertPool) (_ *machine, err error) {
	m := &machine{dir: dir}
	defer func() {
		if err != nil {
			m.close()
		}
	}()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	id, err := m.deviceID()
	if err != nil {
		return nil, err
	}
	var stores struct{ settings, policies, certs, apps, cache, properties *filestore.Store }
	for name, s := range map[string]**filestore.Store{"settings": &stores.settings, "policies": &stores.policies,
		"certs": &stores.certs, "apps": &stores.apps, "cache": &stores.cache, "properties": &stores.properties} {
		if *s, err = filestore.Open(filepath.Join(dir, name+".tree"), nil); err != nil {
			return nil, err
		}
		m.stores = append(m.stores, *s)
	}

	// Everything is behind a schema: Microsoft's, and the one CSP which is not in it.
	schema, err := csp.Windows().With(apps.TokenTree())
	if err != nil {
		return nil, err
	}
	mux := new(dmtree.Mux)
	tree := csp.Guard(schema, mux)
	inventory.Mount(mux, inventory.Local(id))
	m.policies = policy.New(csp.Windows(), policy.EnforcerFunc(m.enforce))
	source := m.policies.Source(stores.policies)
	mux.Handle("./Device/Vendor/MSFT/Policy", source)
	mux.Handle("./User/Vendor/MSFT/Policy", source)
	certificates := &certs.Store{Values: stores.certs, Host: certs.Dir(filepath.Join(dir, "certs")), DecodePFX: pfx.Decode}
	certificates.Mount(mux)
	nodecache.Mount(mux, tree, stores.cache)
	wipe.Mount(mux, m, func(method wipe.Method, err error) { slog.Error("wipe failed", "method", method, "err", err) })
	m.apps = &apps.Manager{Host: apps.Dir(filepath.Join(dir, "apps")), Values: stores.apps}
	m.apps.Raise = func(ctx context.Context, a *syncml.Alert) error { return m.Raise(ctx, a) }
	m.apps.Mount(mux)

	name, err := os.Hostname()
	if err != nil {
		return nil, err
	}
	m.Agent = &dmclient.Agent{
		Device: enroll.Device{ID: id, Name: name},
		// What every node has beside its value (?prop=, ?list=), and the record that lets a session go on after a crash.
		Tree:     &dmtree.Tree{Open: true, Provider: tree, Properties: stores.properties.Keep()},
		Store:    &session.FileClientStore{Dir: filepath.Join(dir, "account")},
		Settings: stores.settings,
		Roots:    roots,
		Remove: []func(context.Context) error{
			source.RemoveAll,
			certificates.RemoveAll,
			func(context.Context) error {
				m.apps.Close() // or an installation that runs would bring an app back; the program ends with the enrollment
				return m.empty("apps")
			},
			func(ctx context.Context) error { return forget(ctx, stores.apps, stores.cache, stores.properties) },
		},
	}
	m.Mount(mux)
	return m, nil
}

func (m *machine) close() {
	if m.apps != nil {
		m.apps.Close()
	}
	for _, s := range m.stores {
		if s != nil {
			s.Close()
		}
	}
}

// deviceID is the name of this machine to servers: 128 random bits, made once.
func (m *machine) deviceID() (string, error) {
	file := filepath.Join(m.dir, "device-id")
	b, err := os.ReadFile(file)
	if err == nil {
		return strings.TrimSpace(string(b)), nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	raw := make([]byte, 16)
	rand.Read(raw)
	id := strings.ToUpper(hex.EncodeToString(raw))
	return id, os.WriteFile(file, []byte(id+"\n"), 0o600)
}

// enforce makes policies true: here, each is a file policies/<area>/<policy>. A real agent would call what the policy
// is about.
func (m *machine) enforce(_ context.Context, changes []policy.Change) error {
	for _, c := range changes {
		scope := "device"
		if c.User != "" {
			scope = "user"
		}
		file := filepath.Join(m.dir, "policies", scope, c.URI.Parent().Name(), c.URI.Name())
		if !c.IsSet {
			if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			slog.Info("policy is back to its default", "policy", c.URI, "value", c.Value)
			continue
		}
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(file, []byte(c.Value.Text()+"\n"), 0o600); err != nil {
			return err
		}
		slog.Info("policy holds", "policy", c.URI, "value", c.Value)
	}
	return nil
}

// Wipe implements [wipe.Host]: it empties the agent's own directory, and touches nothing else of this machine.
func (m *machine) Wipe(_ context.Context, method wipe.Method) error {
	slog.Warn("wiped", "method", method)
	return m.empty("policies", "certs", "apps")
}

// Redeployment implements [wipe.Host].
func (m *machine) Redeployment(context.Context) (wipe.Redeployment, error) {
	return wipe.Redeployment{}, nil
}

func (m *machine) empty(names ...string) error {
	var errs []error
	for _, name := range names {
		errs = append(errs, os.RemoveAll(filepath.Join(m.dir, name)))
	}
	return errors.Join(errs...)
}

// forget removes what servers have set.
func forget(ctx context.Context, stores ...*filestore.Store) error {
	for _, s := range stores {
		top, err := s.Get(ctx, dmtree.Root)
		if err != nil {
			return err
		}
		for name := range top.Names() {
			if err := dmtree.Delete(ctx, s, dmtree.Root.Join(name)); err != nil {
				return err
			}
		}
	}
	return nil
}

// status tells which server the machine has.
func (m *machine) status(ctx context.Context) error {
	acc, err := m.Account(ctx)
	if errors.Is(err, dmclient.ErrNotEnrolled) {
		fmt.Println("not enrolled")
		return nil
	} else if err != nil {
		return err
	}
	fmt.Printf("device %s of %s\nserver %s (%s)\ncertificate until %s\n", acc.DeviceID, acc.User, acc.ProviderID, acc.ServerURL,
		acc.Certificate.Leaf.NotAfter.Format(time.DateOnly))
	if !acc.LastSync.IsZero() {
		fmt.Println("last session", acc.LastSync.Format(time.RFC3339))
	}
	return nil
}
