// Package backing changes the store that lies behind a provider, without telling anybody about it: an error names what is
// wrong, and not where it is in the store. Whoever calls the provider adds the node that it asked for.
package backing

import (
	"context"

	"github.com/omadm-sdk/omadm/dmtree"
)

// Add is [dmtree.Add].
func Add(ctx context.Context, store dmtree.Provider, u dmtree.URI, v dmtree.Value) error {
	return plain(dmtree.Add(ctx, store, u, v))
}

// Replace is [dmtree.Replace].
func Replace(ctx context.Context, store dmtree.Provider, u dmtree.URI, v dmtree.Value) error {
	return plain(dmtree.Replace(ctx, store, u, v))
}

// Delete is [dmtree.Delete].
func Delete(ctx context.Context, store dmtree.Provider, u dmtree.URI) error {
	return plain(dmtree.Delete(ctx, store, u))
}

// plain takes operation and URI away.
func plain(err error) error {
	if e, ok := err.(*dmtree.Error); ok {
		return e.Err
	}
	return err
}
