package certs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/omadm-sdk/omadm/csp/internal/backing"
	"github.com/omadm-sdk/omadm/dmtree"
)

// The leaves of a certificate. Only the first is stored, the others are read from it.
const (
	leafEncoded  = "EncodedCertificate"
	leafIssuedBy = "IssuedBy"
	leafIssuedTo = "IssuedTo"
	leafFrom     = "ValidFrom"
	leafTo       = "ValidTo"
	leafTemplate = "TemplateName"
)

var leaves = []string{leafEncoded, leafIssuedBy, leafIssuedTo, leafFrom, leafTo, leafTemplate}

// provider serves the stores of trusted certificates.
type provider struct{ store *Store }

func (p *provider) Get(ctx context.Context, u dmtree.URI) (dmtree.Value, error) {
	return get(ctx, p.store.Values, u)
}

func get(ctx context.Context, values dmtree.Provider, u dmtree.URI) (dmtree.Value, error) {
	pl, more, ok := locate(u)
	switch {
	case !ok && len(more) == 0:
		return dmtree.Null, dmtree.ErrNotFound
	case !ok:
		return dmtree.Interior(more...), nil
	case pl.hash == "":
		v, err := values.Get(ctx, pl.stored())
		if err != nil && !errors.Is(err, dmtree.ErrNotFound) {
			return dmtree.Null, err
		}
		return dmtree.Interior(slices.Concat(more, slices.Collect(v.Names()))...), nil
	case pl.leaf == "":
		if _, err := values.Get(ctx, pl.stored()); err != nil {
			return dmtree.Null, err
		}
		return dmtree.Interior(leaves...), nil
	}
	leaf := pl.leaf
	pl.leaf = leafEncoded
	encoded, err := values.Get(ctx, pl.stored())
	if err != nil {
		return dmtree.Null, err
	}
	if strings.EqualFold(leaf, leafEncoded) {
		return encoded, nil
	}
	cert, err := parse(encoded)
	if err != nil {
		return dmtree.Null, err
	}
	switch {
	case strings.EqualFold(leaf, leafIssuedBy):
		return dmtree.String(cert.Issuer.String()), nil
	case strings.EqualFold(leaf, leafIssuedTo):
		return dmtree.String(cert.Subject.String()), nil
	case strings.EqualFold(leaf, leafFrom):
		return dmtree.String(cert.NotBefore.UTC().Format(time.RFC3339)), nil
	case strings.EqualFold(leaf, leafTo):
		return dmtree.String(cert.NotAfter.UTC().Format(time.RFC3339)), nil
	case strings.EqualFold(leaf, leafTemplate):
		return dmtree.String(""), nil
	}
	return dmtree.Null, dmtree.ErrNotFound
}

func (p *provider) Begin(ctx context.Context) (dmtree.Tx, error) {
	values, err := dmtree.Begin(ctx, p.store.Values)
	if err != nil {
		return nil, err
	}
	return &storesTx{tx{store: p.store, Tx: values}}, nil
}

type storesTx struct{ tx }

func (t *storesTx) Get(ctx context.Context, u dmtree.URI) (dmtree.Value, error) {
	return get(ctx, t.Tx, u)
}

// Add installs a certificate. The node of its hash comes to be on the way.
func (t *storesTx) Add(ctx context.Context, u dmtree.URI, v dmtree.Value) error {
	pl, err := t.writable(u, v)
	if err != nil {
		return err
	}
	if err := backing.Add(ctx, t.Tx, pl.stored(), v); err != nil {
		return err
	}
	cert, err := parse(v)
	t.put(Change{User: pl.scope == "User", Store: pl.store, Certificate: cert})
	return err
}

// Replace checks that the certificate is the one that is there: its hash is its name, so there is no other to replace it
// by, and the host has it already.
func (t *storesTx) Replace(ctx context.Context, u dmtree.URI, v dmtree.Value) error {
	pl, err := t.writable(u, v)
	if err != nil {
		return err
	}
	return backing.Replace(ctx, t.Tx, pl.stored(), v)
}

// writable checks that u is the EncodedCertificate of v.
func (t *storesTx) writable(u dmtree.URI, v dmtree.Value) (place, error) {
	pl, _, ok := locate(u)
	switch {
	case !ok:
		return pl, dmtree.ErrNotFound
	case pl.readOnly || !strings.EqualFold(pl.leaf, leafEncoded):
		return pl, dmtree.ErrNotAllowed
	}
	pl.leaf = leafEncoded
	cert, err := parse(v)
	if err != nil {
		return pl, err
	}
	if have := Thumbprint(cert); have != pl.hash {
		return pl, fmt.Errorf("%w: the URI has the hash %s, the certificate %s", dmtree.ErrValue, pl.hash, have)
	}
	if pl.store == Untrusted {
		return pl, nil // blocking one that has expired does no harm
	}
	return pl, usable(cert)
}

// Delete takes a certificate out.
func (t *storesTx) Delete(ctx context.Context, u dmtree.URI) error {
	pl, _, ok := locate(u)
	switch {
	case !ok:
		return dmtree.ErrNotFound
	case pl.hash == "" || pl.leaf != "":
		return dmtree.ErrNotAllowed
	}
	encoded := pl
	encoded.leaf = leafEncoded
	v, err := t.Tx.Get(ctx, encoded.stored())
	if err != nil {
		return err
	}
	if err := t.remove(dmtree.Entry{URI: encoded.stored(), Value: v}); err != nil {
		return err
	}
	return backing.Delete(ctx, t.Tx, pl.stored())
}
