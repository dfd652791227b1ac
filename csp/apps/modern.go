package apps

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/omadm-sdk/omadm/csp/internal/backing"
	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/syncml"
)

// Types of the alerts, without their prefix.
const (
	alertHosted    = "com.microsoft.mdm.EnterpriseHostedAppInstall.result"
	alertUninstall = "com.microsoft.mdm.EnterpriseAppUninstall.result"
)

// A State is how far the installation of a packaged app is.
type State int64

// The states. On success the node goes, so that Installed is seen for a moment at most.
const (
	NotInstalled State = 0
	Installing   State = 1
	Failed       State = 2
	Installed    State = 3
)

// hosted is the payload of HostedInstall.
type hosted struct {
	XMLName           xml.Name `xml:"Application"`
	PackageURI        string   `xml:"PackageUri,attr"`
	DeploymentOptions *uint8   `xml:"DeploymentOptions,attr,omitempty"`
	Dependencies      []struct {
		PackageURI string `xml:"PackageUri,attr"`
	} `xml:"Dependencies>Dependency,omitempty"`
}

// modern serves EnterpriseModernAppManagement.
type modern struct{ m *Manager }

// modernPlace is what a URI addresses.
type modernPlace struct {
	scope string
	names []string // below the CSP
}

func locateModern(u dmtree.URI) modernPlace {
	names := slices.Collect(u.Names())
	pl := modernPlace{"Device", names[4:]} // scope, Vendor, MSFT, the CSP
	if strings.EqualFold(names[0], "User") {
		pl.scope = "User"
	}
	return pl
}

// under returns the names below the given ones, if the place is there.
func (pl modernPlace) under(names ...string) ([]string, bool) {
	if len(pl.names) < len(names) || !slices.EqualFunc(pl.names[:len(names)], names, strings.EqualFold) {
		return nil, false
	}
	return pl.names[len(names):], true
}

// install is where the values keep an installation.
func (pl modernPlace) install(family string, leaf ...string) dmtree.URI {
	return dmtree.Root.Join("Modern", pl.scope, family).Join(leaf...)
}

func (p *modern) Get(ctx context.Context, u dmtree.URI) (dmtree.Value, error) {
	return p.get(ctx, u, p.m.Values)
}

func (p *modern) get(ctx context.Context, u dmtree.URI, values dmtree.Provider) (dmtree.Value, error) {
	pl := locateModern(u)
	if len(pl.names) == 0 {
		return dmtree.Interior("AppManagement", "AppInstallation"), nil
	}
	if rest, ok := pl.under("AppInstallation"); ok {
		at := dmtree.Root.Join("Modern", pl.scope).Join(rest...)
		v, err := values.Get(ctx, at)
		switch {
		case len(rest) == 0 && errors.Is(err, dmtree.ErrNotFound):
			return dmtree.Interior(), nil
		case len(rest) == 2 && strings.EqualFold(rest[1], "HostedInstall") && errors.Is(err, dmtree.ErrNotFound):
			if _, err := values.Get(ctx, at.Parent()); err != nil {
				return dmtree.Null, err
			}
			return dmtree.XML(""), nil
		}
		return v, err
	}
	rest, ok := pl.under("AppManagement")
	switch {
	case !ok:
		return dmtree.Null, dmtree.ErrNotFound
	case len(rest) == 0:
		return dmtree.Interior(string(AppStore), string(NonStore), string(System), "AppInventoryQuery", "AppInventoryResults"), nil
	case len(rest) == 1 && strings.EqualFold(rest[0], "AppInventoryQuery"):
		v, err := values.Get(ctx, dmtree.Root.Join("Query", pl.scope))
		if errors.Is(err, dmtree.ErrNotFound) {
			return dmtree.XML(""), nil
		}
		return v, err
	case len(rest) == 1 && strings.EqualFold(rest[0], "AppInventoryResults"):
		query, err := values.Get(ctx, dmtree.Root.Join("Query", pl.scope))
		if err != nil && !errors.Is(err, dmtree.ErrNotFound) {
			return dmtree.Null, err
		}
		return p.inventory(ctx, query.Text())
	}
	return p.app(ctx, rest)
}

// app reads AppManagement/<origin>/<family>/<full name>/<leaf>.
func (p *modern) app(ctx context.Context, names []string) (dmtree.Value, error) {
	all, err := p.m.Host.Installed(ctx)
	if err != nil {
		return dmtree.Null, err
	}
	known := slices.ContainsFunc([]Origin{AppStore, NonStore, System}, func(o Origin) bool { return strings.EqualFold(string(o), names[0]) })
	if !known || len(names) > 4 {
		return dmtree.Null, dmtree.ErrNotFound
	}
	var children []string
	found := len(names) == 1
	for _, a := range all {
		path := []string{string(a.Origin), a.FamilyName, a.FullName}
		n := min(len(names), 3)
		if a.FamilyName == "" || !slices.EqualFunc(path[:n], names[:n], strings.EqualFold) {
			continue
		}
		found = true
		switch len(names) {
		case 3:
			for _, leaf := range appLeaves {
				children = append(children, leaf.name)
			}
		case 4:
			for _, leaf := range appLeaves {
				if strings.EqualFold(leaf.name, names[3]) {
					return leaf.value(a), nil
				}
			}
			return dmtree.Null, dmtree.ErrNotFound
		default:
			if !slices.Contains(children, path[n]) {
				children = append(children, path[n])
			}
		}
	}
	if !found {
		return dmtree.Null, dmtree.ErrNotFound
	}
	return dmtree.Interior(children...), nil
}

var appLeaves = []struct {
	name  string
	value func(App) dmtree.Value
}{
	{"Name", func(a App) dmtree.Value { return dmtree.String(a.Name) }},
	{"Version", func(a App) dmtree.Value { return dmtree.String(a.Version) }},
	{"Publisher", func(a App) dmtree.Value { return dmtree.String(a.Publisher) }},
	{"Architecture", func(a App) dmtree.Value { return dmtree.String(a.Architecture) }},
	{"InstallLocation", func(a App) dmtree.Value { return dmtree.String(a.InstallLocation) }},
	{"InstallDate", func(a App) dmtree.Value { return dmtree.String(a.InstallDate) }},
	{"IsFramework", func(App) dmtree.Value { return dmtree.Int(0) }},
	{"IsBundle", func(App) dmtree.Value { return dmtree.Int(0) }},
	{"PackageStatus", func(App) dmtree.Value { return dmtree.Int(0) }},
}

func (p *modern) Begin(ctx context.Context) (dmtree.Tx, error) {
	values, err := dmtree.Begin(ctx, p.m.Values)
	if err != nil {
		return nil, err
	}
	return &modernTx{p, jobsTx{values, jobs{m: p.m}}}, nil
}

type modernTx struct {
	p *modern
	jobsTx
}

func (t *modernTx) Get(ctx context.Context, u dmtree.URI) (dmtree.Value, error) {
	return t.p.get(ctx, u, t.Tx)
}

// Add makes the node of an installation, without which it cannot be started.
func (t *modernTx) Add(ctx context.Context, u dmtree.URI, v dmtree.Value) error {
	pl := locateModern(u)
	rest, ok := pl.under("AppInstallation")
	switch {
	case !ok || len(rest) == 0:
		return dmtree.ErrNotAllowed
	case len(rest) == 2 && strings.EqualFold(rest[1], "HostedInstall"):
		_, err := t.Tx.Get(ctx, pl.install(rest[0])) // the leaf is there as soon as its parent is
		return err
	case len(rest) > 1:
		return dmtree.ErrNotAllowed
	}
	at := pl.install(rest[0])
	if err := backing.Add(ctx, t.Tx, at, dmtree.Interior()); err != nil {
		return err
	}
	for leaf, v := range map[string]dmtree.Value{"Status": dmtree.Int(int64(NotInstalled)), "LastError": dmtree.Int(0),
		"LastErrorDesc": dmtree.String(""), "ProgressStatus": dmtree.Int(0)} {
		if err := backing.Add(ctx, t.Tx, at.Join(leaf), v); err != nil {
			return err
		}
	}
	return nil
}

// Replace sets the query of the inventory.
func (t *modernTx) Replace(ctx context.Context, u dmtree.URI, v dmtree.Value) error {
	pl := locateModern(u)
	if rest, ok := pl.under("AppManagement", "AppInventoryQuery"); !ok || len(rest) > 0 {
		return dmtree.ErrNotAllowed
	}
	if _, err := parseQuery(v.Text()); err != nil {
		return err
	}
	at := dmtree.Root.Join("Query", pl.scope)
	err := backing.Replace(ctx, t.Tx, at, v)
	if errors.Is(err, dmtree.ErrNotFound) {
		return backing.Add(ctx, t.Tx, at, v)
	}
	return err
}

// Delete removes an app, or the node of an installation.
func (t *modernTx) Delete(ctx context.Context, u dmtree.URI) error {
	pl := locateModern(u)
	if rest, ok := pl.under("AppInstallation"); ok {
		if len(rest) != 1 {
			return dmtree.ErrNotAllowed
		}
		return backing.Delete(ctx, t.Tx, pl.install(rest[0]))
	}
	rest, ok := pl.under("AppManagement")
	if !ok || len(rest) < 2 || len(rest) > 3 || strings.EqualFold(rest[0], string(System)) {
		return dmtree.ErrNotAllowed
	}
	all, err := t.p.m.Host.Installed(ctx)
	if err != nil {
		return err
	}
	var gone []App
	for _, a := range all {
		path := []string{string(a.Origin), a.FamilyName, a.FullName}
		if a.FamilyName != "" && slices.EqualFunc(path[:len(rest)], rest, strings.EqualFold) {
			gone = append(gone, a)
		}
	}
	if len(gone) == 0 {
		return dmtree.ErrNotFound
	}
	source := msft(pl.scope).Join(cspModern, "AppManagement", rest[1])
	t.jobs.add(rest[1], func(ctx context.Context) error {
		var err error
		for _, a := range gone {
			err = errors.Join(err, t.p.m.Host.Remove(ctx, a))
		}
		t.p.m.report(syncml.AlertGeneric, alertUninstall, source, code(err))
		return err
	})
	return nil
}

// Exec starts an installation once the transaction has succeeded.
func (t *modernTx) Exec(ctx context.Context, u dmtree.URI, arg dmtree.Value) error {
	p, pl := t.p, locateModern(u)
	rest, ok := pl.under("AppInstallation")
	if !ok || len(rest) != 2 {
		return dmtree.ErrNotAllowed
	}
	at := pl.install(rest[0])
	if _, err := t.Tx.Get(ctx, at); err != nil {
		return err // it must be added first
	}
	if !strings.EqualFold(rest[1], "HostedInstall") {
		return dmtree.ErrUnsupported // there is no store here
	}
	var job hosted
	if err := xml.Unmarshal([]byte(arg.Text()), &job); err != nil || job.PackageURI == "" {
		return fmt.Errorf("%w: want <Application PackageUri=\"https://…\"/>", dmtree.ErrValue)
	}
	pkg := &Package{URL: job.PackageURI, FamilyName: rest[0], User: pl.scope == "User"}
	source := msft(pl.scope).Join(cspModern, "AppInstallation", rest[0], "HostedInstall")
	t.jobs.add(rest[0], func(ctx context.Context) error {
		err := p.install(ctx, pkg, job, at)
		stored := context.WithoutCancel(ctx)
		if err == nil {
			// Gone is installed: that is how servers know (Microsoft's description of the CSP).
			if err := backing.Delete(stored, p.m.Values, at); err != nil && !errors.Is(err, dmtree.ErrNotFound) {
				p.m.logger().Warn("the node of an installation could not be removed", "uri", at, "err", err)
			}
		} else {
			number, text := failure(err)
			p.m.set(stored, at, map[string]dmtree.Value{"Status": dmtree.Int(int64(Failed)), "LastError": number, "LastErrorDesc": text})
		}
		p.m.report(syncml.AlertGeneric, alertHosted, source, code(err))
		return err
	})
	return dmtree.ErrAccepted
}

// install fetches the package, with what it depends on before it, and has the host install them.
func (p *modern) install(ctx context.Context, pkg *Package, job hosted, at dmtree.URI) error {
	p.m.set(ctx, at, map[string]dmtree.Value{"Status": dmtree.Int(int64(Installing)), "LastError": dmtree.Int(0), "LastErrorDesc": dmtree.String("")})
	for _, d := range job.Dependencies {
		if err := p.one(ctx, &Package{URL: d.PackageURI, User: pkg.User}, func(int64) {}); err != nil {
			return fmt.Errorf("dependency %s: %w", d.PackageURI, err)
		}
	}
	return p.one(ctx, pkg, func(percent int64) {
		p.m.set(ctx, at, map[string]dmtree.Value{"ProgressStatus": dmtree.Int(percent)})
	})
}

func (p *modern) one(ctx context.Context, pkg *Package, progress func(int64)) error {
	path, err := p.m.fetch(ctx, pkg.URL, "", progress)
	if err != nil {
		return err
	}
	defer os.Remove(path)
	pkg.Path = path
	return p.m.Host.Install(ctx, pkg)
}
