package inventory

import (
	"errors"
	"fmt"
	"slices"

	"github.com/omadm-sdk/omadm/csp/internal/structtree"
	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/session"
	"github.com/omadm-sdk/omadm/syncml"
)

// Ask adds a Get for each given node, or, without any, for each leaf of DevDetail and DeviceStatus whose name is known
// beforehand. DevInfo needs no asking: devices send it when they call ([session.Request.DevInfo]).
//
// What lies below NetworkIdentifiers and CellularIdentities has names that only the device knows: ask for the names
// first, then for the leaves.
func Ask(b *session.Batch, nodes ...dmtree.URI) {
	if len(nodes) == 0 {
		nodes = Leaves()
	}
	for _, u := range nodes {
		b.Get(u)
	}
}

// Leaves returns the leaves of DevDetail and DeviceStatus whose names are known beforehand.
func Leaves() []dmtree.URI {
	var out []dmtree.URI
	var d Device
	for _, s := range subtrees {
		if s.root == rootDevInfo {
			continue
		}
		for _, names := range structtree.Leaves(s.part(&d)) {
			out = append(out, s.root.Join(names...))
		}
	}
	return out
}

// Read fills d with the answers among results, and leaves the rest of it as it is. A node that the device does not
// have (404) is no error. All other failures come joined in the error, each with its URI; what could be read is in d.
func (d *Device) Read(results []session.Result) error {
	var errs []error
	for i := range results {
		r := &results[i]
		s, names, ok := locate(r.URI)
		if !ok || r.Status == syncml.StatusNotFound {
			continue
		}
		v, err := r.Value()
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if v.IsInterior() {
			continue
		}
		if err := structtree.Set(s.part(d), names, v); err != nil {
			errs = append(errs, fmt.Errorf("inventory: %s: %w", r.URI, err))
		}
	}
	return errors.Join(errs...)
}

// locate finds the object that u is in, and the names that lead to u from there.
func locate(u dmtree.URI) (subtree, []string, bool) {
	fold := u.Fold()
	for _, s := range subtrees {
		if fold.Within(s.root.Fold()) {
			return s, slices.Collect(u.Canonical().Names())[s.root.Depth():], true
		}
	}
	return subtree{}, nil, false
}
