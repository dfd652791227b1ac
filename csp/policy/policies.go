package policy

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/omadm-sdk/omadm/csp"
	"github.com/omadm-sdk/omadm/csp/internal/autocommit"
	"github.com/omadm-sdk/omadm/dmtree"
)

// An Enforcer makes policies true on a host.
//
// Enforce is called with the policies whose effective value changes, sorted by URI, before the change is stored. An
// error refuses the change as a whole: Enforce is not called again for it, so what it had begun it must undo itself.
// If the store fails afterwards, it is called once more with the values from before. Calls do not overlap, and must not
// call the Policies or their sources, which wait for them.
type Enforcer interface {
	Enforce(ctx context.Context, changes []Change) error
}

// An EnforcerFunc is a function used as an [Enforcer].
type EnforcerFunc func(ctx context.Context, changes []Change) error

// Enforce calls f.
func (f EnforcerFunc) Enforce(ctx context.Context, changes []Change) error { return f(ctx, changes) }

// A Change is a policy with a new effective value.
type Change struct {
	URI   dmtree.URI   // below Config, such as ./Device/Vendor/MSFT/Policy/Config/Camera/AllowCamera
	User  string       // whose policy it is; empty: the device's
	Value dmtree.Value // what holds now: the default, or Null without one, if IsSet is false
	IsSet bool         // at least one source sets the policy
}

// Policies evaluates the policies of one device. It is safe for concurrent use.
type Policies struct {
	schema  *csp.Schema
	enforce Enforcer

	mu      sync.RWMutex // held for writing while a change is checked, enforced and stored
	sources []*Source
	writes  map[id]int // number of the last write of each policy by each source, for LastWrite
	written int
}

// id is a policy of one source.
type id struct {
	source *Source
	key    key
}

// New returns the policies of a device, none of them set. The schema tells the default of each policy and how the
// values of several sources merge. With a nil Enforcer, policies are stored and evaluated only.
func New(schema *csp.Schema, e Enforcer) *Policies {
	if e == nil {
		e = EnforcerFunc(func(context.Context, []Change) error { return nil })
	}
	return &Policies{schema: schema, enforce: e, writes: map[id]int{}}
}

// Source adds a source of configuration. Its values rest in values, which must have transactions and be used for nothing
// else; [Policies.Enforce] brings a host in line with values from before a restart.
//
// Policies of ./User belong to the user of the call ([dmtree.Call]); without one, they are [dmtree.ErrNotAllowed].
//
// Where the last write wins, the order of writes is known since New; before that, sources that were added later win.
func (p *Policies) Source(values dmtree.Provider) *Source {
	s := &Source{policies: p, values: values}
	s.single = autocommit.Provider(s)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sources = append(p.sources, s)
	return s
}

// Enforce hands every policy that a source sets to the Enforcer: what an agent calls once it has started.
func (p *Policies) Enforce(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	seen := map[key]bool{}
	var changes []Change
	for _, s := range p.sources {
		keys, err := keysIn(ctx, s.values)
		if err != nil {
			return err
		}
		for _, k := range keys {
			if seen[k] {
				continue
			}
			seen[k] = true
			v, err := p.effective(ctx, k, view{})
			if err != nil {
				return err
			}
			changes = append(changes, v.change(k))
		}
	}
	return p.enforceSorted(ctx, changes)
}

func (p *Policies) enforceSorted(ctx context.Context, changes []Change) error {
	if len(changes) == 0 {
		return nil
	}
	slices.SortFunc(changes, func(a, b Change) int {
		return cmp.Or(cmp.Compare(a.URI, b.URI), cmp.Compare(a.User, b.User))
	})
	return p.enforce.Enforce(ctx, changes)
}

// evaluated is what holds for one policy.
type evaluated struct {
	value dmtree.Value
	isSet bool
	known bool // there is a value, or a default
}

func (e evaluated) change(k key) Change {
	return Change{URI: k.config(), User: k.user, Value: e.value, IsSet: e.isSet}
}

func (e evaluated) equal(o evaluated) bool {
	return e.isSet == o.isSet && e.known == o.known && e.value.Equal(o.value)
}

// A view is what one source sees of its own values, inside a transaction or outside of one.
type view struct {
	source  *Source
	values  dmtree.Provider
	touched []key // written in the transaction
}

// effective merges the values that all sources set.
func (p *Policies) effective(ctx context.Context, k key, v view) (evaluated, error) {
	// A schema may have lost a policy that was set with an older one: it must still be possible to remove it.
	node, known := p.schema.Lookup(k.config())
	conflict := csp.LastWrite
	if known {
		conflict = node.Conflict()
	}
	var set []dmtree.Value
	var last int
	for _, s := range p.sources {
		values := s.values
		if s == v.source {
			values = v.values
		}
		val, err := values.Get(ctx, k.stored())
		if errors.Is(err, dmtree.ErrNotFound) {
			continue
		} else if err != nil {
			return evaluated{}, err
		}
		n := p.writes[id{s, k}]
		if s == v.source && slices.Contains(v.touched, k) {
			n = p.written + 1
		}
		if n >= last || len(set) == 0 {
			// The last write comes last, whatever the merge does with the others.
			set, last = append(set, val), n
		} else {
			set = slices.Insert(set, len(set)-1, val)
		}
	}
	if len(set) > 0 {
		return evaluated{value: merge(conflict, set), isSet: true, known: true}, nil
	}
	if !known {
		return evaluated{}, nil
	}
	text, ok := node.Default()
	if !ok {
		return evaluated{}, nil
	}
	val, err := dmtree.Parse(node.Format, text)
	if err != nil {
		// Descriptions have defaults that do not fit their own format, such as "Not available" of an int.
		val = dmtree.String(text)
	}
	return evaluated{value: val, known: true}, nil
}

// merge picks the value that holds from those that sources set, the last written at the end.
func merge(c csp.Conflict, set []dmtree.Value) dmtree.Value {
	last := set[len(set)-1]
	better := func(a, b int64) bool { return false }
	switch c {
	case csp.LowestMostSecure:
		better = func(a, b int64) bool { return a < b }
	case csp.HighestMostSecure:
		better = func(a, b int64) bool { return a > b }
	case csp.LowestMostSecureZeroUnlimited:
		better = func(a, b int64) bool { return a != 0 && (a < b || b == 0) }
	case csp.HighestMostSecureZeroUnlimited:
		better = func(a, b int64) bool { return a != 0 && a > b }
	}
	for _, v := range set {
		a, errA := v.Int()
		b, errB := last.Int()
		if errA == nil && errB == nil && better(a, b) {
			last = v
		}
	}
	return last
}
