package certs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/omadm-sdk/omadm/csp/internal/backing"
	"github.com/omadm-sdk/omadm/dmtree"
)

// The nodes below PFXCertInstall/<UniqueID>.
const (
	nodePFX        = "PFXCertInstall"
	pfxKeyLocation = "KeyLocation"
	pfxContainer   = "ContainerName"
	pfxBlob        = "PFXCertBlob"
	pfxPassword    = "PFXCertPassword"
	pfxEncryption  = "PFXCertPasswordEncryptionType"
	pfxEncStore    = "PFXCertPasswordEncryptionStore"
	pfxExportable  = "PFXKeyExportable"
	pfxThumbprint  = "Thumbprint"
	pfxStatus      = "Status"
)

// A KeyLocation says where a private key is kept.
type KeyLocation int64

// The values of KeyLocation.
const (
	TPM           KeyLocation = 1 // fails without one
	TPMOrSoftware KeyLocation = 2
	Software      KeyLocation = 3
	Hello         KeyLocation = 4 // a Windows Hello container
)

// storedRequests is where the values keep installations, beside the scopes of the stores.
const storedRequests = "Client"

// client serves ClientCertificateInstall. Its values rest beside the stores, at ./Client/<scope>/<UniqueID>.
type client struct{ store *Store }

// request is what a URI addresses: one installation, or a leaf of it.
type request struct {
	scope string
	id    string // empty: PFXCertInstall, or the CSP above it if top is true
	leaf  string
	top   bool
}

func (r request) stored(leaf ...string) dmtree.URI {
	u := dmtree.Root.Join(storedRequests, r.scope)
	if r.id != "" {
		u = u.Join(r.id)
	}
	return u.Join(leaf...)
}

func locateRequest(u dmtree.URI) (request, error) {
	names := slices.Collect(u.Names())
	r := request{scope: "Device"}
	if strings.EqualFold(names[0], "User") {
		r.scope = "User"
	}
	names = names[4:] // scope, Vendor, MSFT, ClientCertificateInstall
	switch {
	case len(names) == 0:
		r.top = true
		return r, nil
	case !strings.EqualFold(names[0], nodePFX) || len(names) > 3:
		return r, dmtree.ErrNotFound
	}
	if len(names) > 1 {
		r.id = names[1]
	}
	if len(names) > 2 {
		r.leaf = names[2]
	}
	return r, nil
}

func (c *client) Get(ctx context.Context, u dmtree.URI) (dmtree.Value, error) {
	return getRequest(ctx, c.store.Values, u)
}

func getRequest(ctx context.Context, values dmtree.Provider, u dmtree.URI) (dmtree.Value, error) {
	r, err := locateRequest(u)
	switch {
	case err != nil:
		return dmtree.Null, err
	case r.top:
		return dmtree.Interior(nodePFX), nil
	case r.id == "":
		v, err := values.Get(ctx, r.stored())
		if errors.Is(err, dmtree.ErrNotFound) {
			return dmtree.Interior(), nil
		}
		return v, err
	case r.leaf == "":
		return values.Get(ctx, r.stored())
	case strings.EqualFold(r.leaf, pfxBlob), strings.EqualFold(r.leaf, pfxPassword):
		// The schema lists Get; a secret is not given back all the same.
		if _, err := values.Get(ctx, r.stored()); err != nil {
			return dmtree.Null, err
		}
		return dmtree.Null, dmtree.ErrPermission
	}
	return values.Get(ctx, r.stored(r.leaf))
}

func (c *client) Begin(ctx context.Context) (dmtree.Tx, error) {
	values, err := dmtree.Begin(ctx, c.store.Values)
	if err != nil {
		return nil, err
	}
	return &clientTx{tx: tx{store: c.store, Tx: values}, pending: map[string]*secrets{}}, nil
}

// clientTx keeps secrets until Prepare, and never stores them.
type clientTx struct {
	tx
	order   []request
	pending map[string]*secrets // by the folded URI of the request
}

// secrets are the parts of a request that are used once.
type secrets struct {
	blob     []byte
	password string
	hasBlob  bool
	blame    dmtree.URI // of the blob, as the server wrote it
}

func (t *clientTx) Get(ctx context.Context, u dmtree.URI) (dmtree.Value, error) {
	return getRequest(ctx, t.Tx, u)
}

func (t *clientTx) secrets(r request) *secrets {
	key := string(r.stored().Fold())
	s := t.pending[key]
	if s == nil {
		s = new(secrets)
		t.pending[key] = s
		t.order = append(t.order, r)
	}
	return s
}

// Add sets a parameter of an installation, or begins one: its node comes to be on the way.
func (t *clientTx) Add(ctx context.Context, u dmtree.URI, v dmtree.Value) error {
	r, err := t.parameter(u, v)
	if err != nil {
		return err
	}
	if strings.EqualFold(r.leaf, pfxBlob) {
		if _, err := t.Tx.Get(ctx, r.stored(pfxThumbprint)); err == nil {
			return dmtree.ErrExist // Replace installs anew
		}
		return t.blob(u, r, v)
	}
	if strings.EqualFold(r.leaf, pfxPassword) {
		t.secrets(r).password = v.Text()
		return nil
	}
	return backing.Add(ctx, t.Tx, r.stored(leafOf(r)...), v)
}

// Replace changes a parameter that was set; of a blob, it installs another certificate.
func (t *clientTx) Replace(ctx context.Context, u dmtree.URI, v dmtree.Value) error {
	r, err := t.parameter(u, v)
	if err != nil {
		return err
	}
	if strings.EqualFold(r.leaf, pfxBlob) || strings.EqualFold(r.leaf, pfxPassword) {
		if _, err := t.Tx.Get(ctx, r.stored()); err != nil {
			return err
		}
		if strings.EqualFold(r.leaf, pfxPassword) {
			t.secrets(r).password = v.Text()
			return nil
		}
		return t.blob(u, r, v)
	}
	return backing.Replace(ctx, t.Tx, r.stored(leafOf(r)...), v)
}

func leafOf(r request) []string {
	if r.leaf == "" {
		return nil
	}
	return []string{r.leaf}
}

// parameter checks that u is something that a server may write.
func (t *clientTx) parameter(u dmtree.URI, v dmtree.Value) (request, error) {
	r, err := locateRequest(u)
	switch {
	case err != nil:
		return r, err
	case r.id == "", strings.EqualFold(r.leaf, pfxThumbprint), strings.EqualFold(r.leaf, pfxStatus):
		return r, dmtree.ErrNotAllowed
	case (r.leaf == "") != v.IsInterior():
		return r, dmtree.ErrFormat
	case t.store.DecodePFX == nil:
		return r, dmtree.ErrUnsupported
	}
	return r, nil
}

// blob takes the PFX, which samples send as bin, b64 or base64 in text.
func (t *clientTx) blob(u dmtree.URI, r request, v dmtree.Value) error {
	if v.Format() == dmtree.FormatChr {
		b64, err := dmtree.Parse(dmtree.FormatB64, v.Text())
		if err != nil {
			return err
		}
		v = b64
	}
	b, err := v.Bytes()
	if err != nil {
		return err
	}
	s := t.secrets(r)
	s.blob, s.hasBlob, s.blame = b, true, u
	return nil
}

// Delete removes an installation with its certificate and key.
func (t *clientTx) Delete(ctx context.Context, u dmtree.URI) error {
	r, err := locateRequest(u)
	if err != nil {
		return err
	}
	if r.id == "" || r.leaf != "" {
		return dmtree.ErrNotAllowed
	}
	if err := t.uninstall(ctx, r); err != nil {
		return err
	}
	delete(t.pending, string(r.stored().Fold()))
	return backing.Delete(ctx, t.Tx, r.stored())
}

// uninstall takes the certificate of an installation out of My, if there is one and no other installation brought it too.
func (t *clientTx) uninstall(ctx context.Context, r request) error {
	thumb, err := t.Tx.Get(ctx, r.stored(pfxThumbprint))
	if errors.Is(err, dmtree.ErrNotFound) {
		return nil
	} else if err != nil {
		return err
	}
	if shared, err := t.shared(ctx, r, thumb.Text()); err != nil || shared {
		return err
	}
	at := place{scope: r.scope, store: My, hash: thumb.Text(), leaf: leafEncoded}
	v, err := t.Tx.Get(ctx, at.stored())
	if errors.Is(err, dmtree.ErrNotFound) {
		return nil
	} else if err != nil {
		return err
	}
	if err := t.remove(dmtree.Entry{URI: at.stored(), Value: v}); err != nil {
		return err
	}
	at.leaf = ""
	return backing.Delete(ctx, t.Tx, at.stored())
}

// shared reports whether another installation than r has the certificate too.
func (t *clientTx) shared(ctx context.Context, r request, thumb string) (bool, error) {
	all, err := t.Tx.Get(ctx, request{scope: r.scope}.stored())
	if err != nil {
		return false, err
	}
	for name := range all.Names() {
		if strings.EqualFold(name, r.id) {
			continue
		}
		v, err := t.Tx.Get(ctx, request{scope: r.scope, id: name}.stored(pfxThumbprint))
		switch {
		case errors.Is(err, dmtree.ErrNotFound):
		case err != nil:
			return false, err
		case v.Text() == thumb:
			return true, nil
		}
	}
	return false, nil
}

// Prepare imports what came with a blob: only now all parameters are there, in whatever order they came.
func (t *clientTx) Prepare(ctx context.Context) error {
	for _, r := range t.order {
		s := t.pending[string(r.stored().Fold())]
		if s == nil || !s.hasBlob {
			continue
		}
		if err := t.install(ctx, r, s); err != nil {
			return &dmtree.Error{Op: "prepare", URI: s.blame, Err: err}
		}
	}
	return t.Tx.Prepare(ctx)
}

func (t *clientTx) install(ctx context.Context, r request, s *secrets) error {
	location, exportable, err := t.keyLocation(ctx, r)
	if err != nil {
		return err
	}
	b, err := t.store.DecodePFX(s.blob, s.password)
	switch {
	case errors.Is(err, ErrPassword):
		return fmt.Errorf("%w: %w", dmtree.ErrForbidden, err)
	case err != nil:
		return fmt.Errorf("%w: the PFX cannot be read: %w", dmtree.ErrValue, err)
	}
	if err := usable(b.Certificate); err != nil {
		return err
	}
	if location == TPM || location == Hello {
		return fmt.Errorf("%w: this device keeps keys in software only, want KeyLocation %d or %d, have %d",
			dmtree.ErrForbidden, TPMOrSoftware, Software, location)
	}
	if err := t.uninstall(ctx, r); err != nil {
		return err
	}
	at := place{scope: r.scope, store: My, hash: Thumbprint(b.Certificate), leaf: leafEncoded}
	err = backing.Add(ctx, t.Tx, at.stored(), dmtree.Base64(b.Certificate.Raw))
	if err != nil && !errors.Is(err, dmtree.ErrExist) {
		return err
	}
	for leaf, v := range map[string]dmtree.Value{pfxThumbprint: dmtree.String(at.hash), pfxStatus: dmtree.Int(0)} {
		u := r.stored(leaf)
		err := backing.Replace(ctx, t.Tx, u, v)
		if errors.Is(err, dmtree.ErrNotFound) {
			err = backing.Add(ctx, t.Tx, u, v)
		}
		if err != nil {
			return err
		}
	}
	t.put(Change{User: r.scope == "User", Store: My, Certificate: b.Certificate, Key: b.Key, Chain: b.Chain, Exportable: exportable})
	return nil
}

// keyLocation reads the parameters that say what becomes of the key, and holds them against each other.
func (t *clientTx) keyLocation(ctx context.Context, r request) (KeyLocation, bool, error) {
	number := func(name string, def int64) (int64, error) {
		v, err := t.Tx.Get(ctx, r.stored(name))
		if errors.Is(err, dmtree.ErrNotFound) {
			return def, nil
		} else if err != nil {
			return 0, err
		}
		return v.Int()
	}
	location, err := number(pfxKeyLocation, 0)
	switch {
	case err != nil:
		return 0, false, err
	case location < 1 || location > 4:
		return 0, false, fmt.Errorf("%w: KeyLocation, one of 1 to 4, must come with the PFX", dmtree.ErrIncomplete)
	}
	encryption, err := number(pfxEncryption, 0)
	switch {
	case err != nil:
		return 0, false, err
	case encryption != 0:
		return 0, false, fmt.Errorf("%w: PFXCertPasswordEncryptionType %d, want 0: a password in clear text", dmtree.ErrUnsupported, encryption)
	}
	exportable := true
	if v, err := t.Tx.Get(ctx, r.stored(pfxExportable)); err == nil {
		if exportable, err = v.Bool(); err != nil {
			return 0, false, err
		}
	} else if !errors.Is(err, dmtree.ErrNotFound) {
		return 0, false, err
	}
	if exportable && KeyLocation(location) != Software {
		return 0, false, fmt.Errorf("%w: PFXKeyExportable is true, which it may be with KeyLocation %d only, and by default", dmtree.ErrValue, Software)
	}
	return KeyLocation(location), exportable, nil
}
