package apps

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/omadm-sdk/omadm/csp"
	"github.com/omadm-sdk/omadm/csp/internal/backing"
	"github.com/omadm-sdk/omadm/dmtree"
)

// A TokenState says what the device thinks of an enterprise token.
type TokenState int64

// The states.
const (
	TokenEnabled         TokenState = 0
	TokenInstallDisabled TokenState = 1
	TokenRevoked         TokenState = 2
	TokenInvalid         TokenState = 3
)

// TokenTree describes EnterpriseAppManagement, which Microsoft's published descriptions do not have any more. Use it
// with [csp.Schema.With].
func TokenTree() csp.Tree {
	leaf := func(name string, access csp.Op, f dmtree.Format) *csp.Def {
		return &csp.Def{Name: name, Access: access, Format: f, Occurs: csp.OccursZeroOrOne}
	}
	interior := func(name string, children ...*csp.Def) *csp.Def {
		return &csp.Def{Name: name, Access: csp.OpGet, Format: dmtree.FormatNode, Children: children}
	}
	dynamic := func(name string, access csp.Op, children ...*csp.Def) *csp.Def {
		return &csp.Def{Name: name, Dynamic: true, Access: access, Format: dmtree.FormatNode, Occurs: csp.OccursZeroOrMore, Children: children}
	}
	const (
		g   = csp.OpGet
		ag  = csp.OpAdd | csp.OpGet
		agr = ag | csp.OpReplace
		agd = ag | csp.OpDelete
	)
	return csp.Tree{Path: "./Device/Vendor/MSFT", Root: interior(cspToken, dynamic("EnterpriseID", agd,
		leaf("EnrollmentToken", agr, dmtree.FormatChr),
		leaf("StoreUri", ag, dmtree.FormatChr),
		leaf("CertificateSearchCriteria", ag, dmtree.FormatChr),
		leaf("CRLCheck", agr, dmtree.FormatChr),
		leaf("Status", g, dmtree.FormatInt),
		interior("EnterpriseApps", interior("Inventory", dynamic("ProductID", g|csp.OpDelete,
			leaf("Version", g, dmtree.FormatChr), leaf("Title", g, dmtree.FormatChr),
			leaf("Publisher", g, dmtree.FormatChr), leaf("InstallDate", g, dmtree.FormatChr)))),
	))}
}

// token serves EnterpriseAppManagement: the token, and the inventory of the business apps, which are those that servers
// installed.
type token struct{ m *Manager }

// enterprise is what a URI addresses: names below the node of an enterprise.
type enterprise struct {
	id    string // empty: the CSP itself
	names []string
}

func locateEnterprise(u dmtree.URI) enterprise {
	names := slices.Collect(u.Names())[4:]
	if len(names) == 0 {
		return enterprise{}
	}
	return enterprise{names[0], names[1:]}
}

func (e enterprise) stored(leaf ...string) dmtree.URI {
	return dmtree.Root.Join("Token", e.id).Join(leaf...)
}

// is reports whether the place is the leaf of that name.
func (e enterprise) is(name string) bool {
	return len(e.names) == 1 && strings.EqualFold(e.names[0], name)
}

func (p *token) Get(ctx context.Context, u dmtree.URI) (dmtree.Value, error) {
	return p.get(ctx, u, p.m.Values)
}

func (p *token) get(ctx context.Context, u dmtree.URI, values dmtree.Provider) (dmtree.Value, error) {
	e := locateEnterprise(u)
	if e.id == "" {
		v, err := values.Get(ctx, dmtree.Root.Join("Token"))
		if errors.Is(err, dmtree.ErrNotFound) {
			return dmtree.Interior(), nil
		}
		return v, err
	}
	stored, err := values.Get(ctx, e.stored())
	if err != nil {
		return dmtree.Null, err
	}
	switch {
	case len(e.names) == 0:
		return dmtree.Interior(append(slices.Collect(stored.Names()), "Status", "EnterpriseApps")...), nil
	case e.is("Status"):
		return p.status(ctx, e, values)
	case strings.EqualFold(e.names[0], "EnterpriseApps"):
		return p.inventory(ctx, e.names[1:])
	}
	return values.Get(ctx, e.stored(e.names...))
}

// status tells what became of the token. A token is opaque base64, which only its issuer could judge further.
func (p *token) status(ctx context.Context, e enterprise, values dmtree.Provider) (dmtree.Value, error) {
	v, err := values.Get(ctx, e.stored("EnrollmentToken"))
	if errors.Is(err, dmtree.ErrNotFound) {
		return dmtree.Int(int64(TokenInvalid)), nil
	} else if err != nil {
		return dmtree.Null, err
	}
	if checkToken(v.Text()) != nil {
		return dmtree.Int(int64(TokenInvalid)), nil
	}
	return dmtree.Int(int64(TokenEnabled)), nil
}

func checkToken(text string) error {
	if raw, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), "")); err != nil || len(raw) == 0 {
		return fmt.Errorf("%w: want the application enrollment token in base64", dmtree.ErrValue)
	}
	return nil
}

// inventory lists the apps that servers installed: packaged apps by family name, MSI products by product code.
func (p *token) inventory(ctx context.Context, names []string) (dmtree.Value, error) {
	if len(names) == 0 {
		return dmtree.Interior("Inventory"), nil
	}
	if !strings.EqualFold(names[0], "Inventory") || len(names) > 3 {
		return dmtree.Null, dmtree.ErrNotFound
	}
	all, err := p.m.Host.Installed(ctx)
	if err != nil {
		return dmtree.Null, err
	}
	var ids []string
	for _, a := range all {
		if a.Origin == System || a.Origin == AppStore {
			continue
		}
		id := a.FamilyName + a.ProductID // one of them is empty
		if len(names) == 1 {
			ids = append(ids, id)
			continue
		}
		if !strings.EqualFold(id, names[1]) {
			continue
		}
		facts := map[string]string{"Version": a.Version, "Title": a.Name, "Publisher": a.Publisher, "InstallDate": a.InstallDate}
		if len(names) == 2 {
			return dmtree.Interior("Version", "Title", "Publisher", "InstallDate"), nil
		}
		for name, text := range facts {
			if strings.EqualFold(name, names[2]) {
				return dmtree.String(text), nil
			}
		}
		return dmtree.Null, dmtree.ErrNotFound
	}
	if len(names) == 1 {
		return dmtree.Interior(ids...), nil
	}
	return dmtree.Null, dmtree.ErrNotFound
}

func (p *token) Begin(ctx context.Context) (dmtree.Tx, error) {
	values, err := dmtree.Begin(ctx, p.m.Values)
	if err != nil {
		return nil, err
	}
	return &tokenTx{p, jobsTx{values, jobs{m: p.m}}}, nil
}

type tokenTx struct {
	p *token
	jobsTx
}

func (t *tokenTx) Get(ctx context.Context, u dmtree.URI) (dmtree.Value, error) {
	return t.p.get(ctx, u, t.Tx)
}

func (t *tokenTx) Add(ctx context.Context, u dmtree.URI, v dmtree.Value) error {
	at, err := t.writable(u, v)
	if err != nil {
		return err
	}
	return backing.Add(ctx, t.Tx, at, v)
}

func (t *tokenTx) Replace(ctx context.Context, u dmtree.URI, v dmtree.Value) error {
	at, err := t.writable(u, v)
	if err != nil {
		return err
	}
	return backing.Replace(ctx, t.Tx, at, v)
}

func (t *tokenTx) writable(u dmtree.URI, v dmtree.Value) (dmtree.URI, error) {
	e := locateEnterprise(u)
	switch {
	case e.id == "" || e.is("Status") || len(e.names) > 1 || e.is("EnterpriseApps"):
		return "", dmtree.ErrNotAllowed
	case e.is("EnrollmentToken"):
		if err := checkToken(v.Text()); err != nil {
			return "", err
		}
	}
	return e.stored(e.names...), nil
}

// Delete removes a token with all apps of the enterprise, or one app.
func (t *tokenTx) Delete(ctx context.Context, u dmtree.URI) error {
	e := locateEnterprise(u)
	product := len(e.names) == 3 && strings.EqualFold(e.names[0], "EnterpriseApps") && strings.EqualFold(e.names[1], "Inventory")
	if e.id == "" || len(e.names) > 0 && !product {
		return dmtree.ErrNotAllowed
	}
	if _, err := t.Tx.Get(ctx, e.stored()); err != nil {
		return err
	}
	all, err := t.p.m.Host.Installed(ctx)
	if err != nil {
		return err
	}
	found := false
	for _, a := range all {
		id := a.FamilyName + a.ProductID
		if a.Origin == System || a.Origin == AppStore || product && !strings.EqualFold(id, e.names[2]) {
			continue
		}
		found = true
		t.jobs.add(id, func(ctx context.Context) error { return t.p.m.Host.Remove(ctx, a) })
	}
	if product {
		if !found {
			return dmtree.ErrNotFound
		}
		return nil
	}
	return backing.Delete(ctx, t.Tx, e.stored())
}

// today is the install date of what a host installs now.
func today() string { return time.Now().UTC().Format(time.RFC3339) }
