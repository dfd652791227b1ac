package csp

import (
	"iter"
	"maps"
	"slices"

	"github.com/omadm-sdk/omadm/dmtree"
)

// A DriftState tells how a device stands to what is wanted of one node.
type DriftState uint8

// The states of a node.
const (
	DriftEqual     DriftState = iota // the same value, by meaning
	DriftDifferent                   // another value
	DriftMissing                     // wanted, and not there
	DriftExtra                       // there, writable, and not wanted
	DriftUnknown                     // cannot be told: the node cannot be read, or is not in the schema
)

var driftNames = [...]string{"equal", "different", "missing", "extra", "cannot tell"}

// String implements [fmt.Stringer].
func (s DriftState) String() string { return nameOf(driftNames[:], s) }

// A Drift is the state of one node.
type Drift struct {
	URI       dmtree.URI // canonical
	State     DriftState
	Want, Got dmtree.Value // Null where there is none
	Why       string       // for people; may be empty
}

// Drift compares what is wanted of a device with what it has, both by URI in
// any spelling, and iterates over the union of both in order of URIs. What a
// device has is extra only where a server could change it: inventory is not
// drift.
func (s *Schema) Drift(want, got map[dmtree.URI]dmtree.Value) iter.Seq[Drift] {
	return func(yield func(Drift) bool) {
		type pair struct {
			uri       dmtree.URI
			want, got *dmtree.Value
		}
		pairs := make(map[dmtree.URI]pair)
		for u, v := range got {
			pairs[u.Fold()] = pair{uri: u.Canonical(), got: &v}
		}
		for u, v := range want {
			p := pairs[u.Fold()]
			p.uri, p.want = u.Canonical(), &v
			pairs[u.Fold()] = p
		}
		for _, key := range slices.Sorted(maps.Keys(pairs)) {
			p := pairs[key]
			d := Drift{URI: p.uri}
			if p.want != nil {
				d.Want = *p.want
			}
			if p.got != nil {
				d.Got = *p.got
			}
			n, known := s.Lookup(p.uri)
			switch {
			case !known && p.want != nil && p.got != nil && d.Want.Equal(d.Got):
			case !known:
				d.State, d.Why = DriftUnknown, "the schema does not know the node"
			case p.want == nil && n.access&(OpAdd|OpReplace|OpDelete) == 0:
				continue
			case p.want == nil:
				d.State = DriftExtra
			case p.got == nil && !n.Allows(OpGet):
				d.State, d.Why = DriftUnknown, "the node cannot be read"
			case p.got == nil:
				d.State = DriftMissing
			default:
				var same bool
				if same, d.Why = n.Explain(d.Want, d.Got); !same {
					d.State = DriftDifferent
				}
			}
			if !yield(d) {
				return
			}
		}
	}
}
