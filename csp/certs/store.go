package certs

import (
	"context"
	"crypto"
	"crypto/sha1"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/omadm-sdk/omadm/csp/internal/autocommit"
	"github.com/omadm-sdk/omadm/csp/internal/backing"
	"github.com/omadm-sdk/omadm/dmtree"
)

// A Store is the certificates of a device. Fields must not change after Mount.
type Store struct {
	// Values keeps what servers have installed, private keys excepted. It must have transactions and be used for nothing
	// else. If nil, memory.
	Values dmtree.Provider

	// Host makes the certificates count. If nil, they are only kept.
	Host Host

	// DecodePFX opens a PFX: pfx.Decode. If nil, ClientCertificateInstall is not supported.
	DecodePFX func(blob []byte, password string) (*Bundle, error)
}

// A Bundle is a certificate with its private key, and the chain that came along.
type Bundle struct {
	Key         crypto.PrivateKey
	Certificate *x509.Certificate
	Chain       []*x509.Certificate // the issuer first
}

// ErrPassword is what DecodePFX returns, or wraps, where the password does not open the PFX.
var ErrPassword = errors.New("certs: the password does not open the PFX")

// A Host makes certificates count: it puts them where the TLS libraries of the device look.
//
// Apply is called with all changes of a transaction before they are stored. An error refuses all of them; what it had
// begun it must undo. If storing fails afterwards, it is called again with the opposite changes, as far as keys are
// still known.
type Host interface {
	Apply(ctx context.Context, changes []Change) error
}

// A Change puts a certificate into a store, or takes it out.
type Change struct {
	User        bool // a store of the signed-in user, else of the device
	Store       StoreName
	Certificate *x509.Certificate
	Key         crypto.PrivateKey   // of a certificate that is put into My; nil for all others
	Chain       []*x509.Certificate // that came with Key
	Exportable  bool                // the server allows that Key leaves the device
	Remove      bool
}

// Thumbprint is how the CSPs name a certificate: its SHA-1, 40 hexadecimal digits.
func Thumbprint(c *x509.Certificate) string {
	sum := sha1.Sum(c.Raw)
	return strings.ToUpper(hex.EncodeToString(sum[:]))
}

// Mount adds CertificateStore, RootCATrustedCertificates and ClientCertificateInstall to mux, in both scopes.
func (s *Store) Mount(mux *dmtree.Mux) {
	if s.Values == nil {
		s.Values = new(dmtree.Memory)
	}
	stores := autocommit.Provider(&provider{s})
	for _, scope := range []string{"Device", "User"} {
		msft := dmtree.URI("./" + scope + "/Vendor/MSFT")
		mux.Handle(string(msft.Join(cspRoots)), stores)
		mux.Handle(string(msft.Join(cspClient)), autocommit.Provider(&client{s}))
	}
	mux.Handle(string(dmtree.URI("./Device/Vendor/MSFT").Join(cspStore)), stores)
}

// RemoveAll takes out everything that servers have installed: for unenrollment.
func (s *Store) RemoveAll(ctx context.Context) error {
	if s.Values == nil {
		return nil
	}
	values, err := dmtree.Begin(ctx, s.Values)
	if err != nil {
		return err
	}
	t := &tx{store: s, Tx: values}
	var all []dmtree.Entry
	for e, err := range dmtree.Walk(ctx, s.Values, dmtree.Root) {
		if err != nil {
			return errors.Join(err, values.Rollback(ctx))
		}
		all = append(all, e)
	}
	for _, e := range all {
		// What lies below Client has names that servers chose, and is no certificate.
		names := slices.Collect(e.URI.Names())
		if err == nil && len(names) == 4 && names[0] != storedRequests && names[3] == leafEncoded {
			err = t.remove(e)
		}
	}
	for _, scope := range slices.Collect(all[0].Value.Names()) {
		if err == nil {
			err = backing.Delete(ctx, values, dmtree.Root.Join(scope))
		}
	}
	if err == nil {
		err = t.Prepare(ctx)
	}
	if err != nil {
		return errors.Join(err, values.Rollback(ctx))
	}
	return t.Commit(ctx)
}

// tx is a transaction over the values, which collects the changes for the host.
type tx struct {
	store *Store
	dmtree.Tx
	changes []Change
}

// put collects a certificate that comes in.
func (t *tx) put(c Change) { t.changes = append(t.changes, c) }

// remove collects the certificate of an entry, whose leaf is EncodedCertificate, as one that goes.
func (t *tx) remove(e dmtree.Entry) error {
	cert, err := parse(e.Value)
	if err != nil {
		return err
	}
	names := slices.Collect(e.URI.Names()) // scope, store, hash, leaf
	t.changes = append(t.changes, Change{User: names[0] == "User", Store: StoreName(names[1]), Certificate: cert, Remove: true})
	return nil
}

// Commit lets the host apply the changes, then stores them.
func (t *tx) Commit(ctx context.Context) error {
	host := t.store.Host
	if host == nil || len(t.changes) == 0 {
		return t.Tx.Commit(ctx)
	}
	if err := host.Apply(ctx, t.changes); err != nil {
		return errors.Join(err, t.Tx.Rollback(ctx))
	}
	err := t.Tx.Commit(ctx)
	if err == nil {
		return nil
	}
	undo := slices.Clone(t.changes)
	slices.Reverse(undo)
	for i := range undo {
		undo[i].Remove = !undo[i].Remove
	}
	if undoErr := host.Apply(ctx, undo); undoErr != nil {
		return errors.Join(err, dmtree.ErrRollback, undoErr)
	}
	return err
}

// parse reads a certificate from the value of EncodedCertificate.
func parse(v dmtree.Value) (*x509.Certificate, error) {
	der, err := dmtree.Parse(dmtree.FormatB64, v.Text())
	if err != nil {
		return nil, err
	}
	b, err := der.Bytes()
	if err != nil {
		return nil, err
	}
	c, err := x509.ParseCertificate(b)
	if err != nil {
		return nil, fmt.Errorf("%w: no X.509 certificate: %w", dmtree.ErrValue, err)
	}
	return c, nil
}

// usable refuses a certificate that has expired: it could only be there by mistake.
func usable(c *x509.Certificate) error {
	if now := time.Now(); now.After(c.NotAfter) {
		return fmt.Errorf("%w: the certificate expired on %s", dmtree.ErrValue, c.NotAfter.Format(time.DateOnly))
	}
	return nil
}
