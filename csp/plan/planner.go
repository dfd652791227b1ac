package plan

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/omadm-sdk/omadm/csp"
	"github.com/omadm-sdk/omadm/dmtree"
)

// A key is a URI in its folded form: one for all spellings.
type key = dmtree.URI

// A wish is what one or several owners want of a node.
type wish struct {
	uri    dmtree.URI
	node   *csp.Node
	value  dmtree.Value
	owners []string
}

type planner struct {
	in      Input
	plan    Plan
	wishes  map[key]*wish
	known   map[key]dmtree.Value
	spelled map[key]dmtree.URI // canonical, for what is known or managed
	managed map[key]bool
	blocked map[key]bool // conflicts
	gone    []key        // nodes that a step deletes
	added   map[key]bool // interior nodes that a step adds
}

func newPlanner(in Input) *planner {
	if in.Schema == nil {
		in.Schema = csp.Windows()
	}
	p := &planner{
		in: in, wishes: make(map[key]*wish), known: make(map[key]dmtree.Value), spelled: make(map[key]dmtree.URI),
		managed: make(map[key]bool), blocked: make(map[key]bool), added: make(map[key]bool),
	}
	for u, v := range in.Known {
		p.known[u.Fold()] = v
		p.spelled[u.Fold()] = u.Canonical()
	}
	for _, u := range in.Managed {
		p.managed[u.Fold()] = true
		if p.spelled[u.Fold()] == "" {
			p.spelled[u.Fold()] = u.Canonical()
		}
	}
	// A node is there if something below it is.
	for k, v := range in.Known {
		if v.IsNull() {
			continue
		}
		for up := k.Fold().Parent(); !up.IsRoot(); up = up.Parent() {
			if old, ok := p.known[up]; !ok || old.IsNull() {
				p.known[up] = dmtree.Interior()
			}
		}
	}
	return p
}

// gather collects what the owners want, without what cannot work and what they
// do not agree on.
func (p *planner) gather() {
	for _, o := range p.in.Owners {
		for _, u := range slices.Sorted(maps.Keys(o.Settings)) {
			v := o.Settings[u]
			n, err := p.check(u, v)
			if err != nil {
				p.plan.Refused = append(p.plan.Refused, Problem{URI: u, Owner: o.Name, Err: err})
				continue
			}
			k := u.Fold()
			w, ok := p.wishes[k]
			switch {
			case !ok:
				p.wishes[k] = &wish{u.Canonical(), n, v, []string{o.Name}}
			case w.value.IsNull() && v.IsNull(), !w.value.IsNull() && !v.IsNull() && n.Equal(w.value, v):
				w.owners = append(w.owners, o.Name)
			default:
				p.conflict(w, o.Name, v)
			}
		}
	}
	// What one wants away, another may want something below of.
	for _, k := range slices.Sorted(maps.Keys(p.wishes)) {
		w := p.wishes[k]
		if w.value.IsNull() {
			continue
		}
		for up := k.Parent(); !up.IsRoot(); up = up.Parent() {
			if above, ok := p.wishes[up]; ok && above.value.IsNull() {
				p.conflict(above, w.owners[0], w.value)
				p.blocked[k] = true
			}
		}
	}
	for k := range p.blocked {
		delete(p.wishes, k)
	}
}

func (p *planner) conflict(w *wish, owner string, v dmtree.Value) {
	p.blocked[w.uri.Fold()] = true
	p.plan.Conflicts = append(p.plan.Conflicts, Conflict{w.uri, [2]string{w.owners[0], owner}, [2]dmtree.Value{w.value, v}})
}

// check tells whether a setting can work at all.
func (p *planner) check(u dmtree.URI, v dmtree.Value) (*csp.Node, error) {
	n, err := p.in.Schema.Find(u)
	if err != nil {
		return nil, err
	}
	if v.IsNull() {
		return n, nil
	}
	if v.IsInterior() != (n.Format == dmtree.FormatNode) {
		return nil, fmt.Errorf("it has format %s: %w", n.Format, dmtree.ErrFormat)
	}
	if err := n.Validate(v); err != nil && !errors.Is(err, csp.ErrUndecidable) {
		return nil, err
	}
	if p.in.Target != (csp.Target{}) {
		if err := n.Applies(p.in.Target); err != nil && !errors.Is(err, csp.ErrUndecidable) {
			return nil, err
		}
	}
	if n.Access()&(csp.OpAdd|csp.OpReplace) == 0 && !v.IsInterior() {
		return nil, fmt.Errorf("it cannot be written: %w", dmtree.ErrNotAllowed)
	}
	return n, nil
}

// wantedBelow tells whether somebody wants something at or below k.
func (p *planner) wantedBelow(k key) bool {
	for w, wish := range p.wishes {
		if !wish.value.IsNull() && within(w, k) {
			return true
		}
	}
	for w := range p.blocked {
		if within(w, k) {
			return true
		}
	}
	return false
}

// within is URI.Within for folded URIs.
func within(k, root key) bool {
	return k == root || strings.HasPrefix(string(k), string(root)+"/")
}

// remove plans the Deletes: what must not be there, and what nobody wants any
// more.
func (p *planner) remove() {
	var list []*wish
	for _, k := range slices.Sorted(maps.Keys(p.managed)) {
		if p.wishes[k] != nil || p.blocked[k] || p.wantedBelow(k) {
			continue
		}
		n, err := p.in.Schema.Find(p.spelled[k])
		if err != nil {
			p.plan.Refused = append(p.plan.Refused, Problem{URI: p.spelled[k], Err: err})
			continue
		}
		list = append(list, &wish{uri: p.spelled[k], node: n})
	}
	for _, w := range p.wishes {
		if w.value.IsNull() {
			list = append(list, w)
		}
	}
	// What is above comes first, and takes what is below with it.
	slices.SortFunc(list, func(a, b *wish) int { return cmp.Compare(a.uri.Fold(), b.uri.Fold()) })
	for _, w := range list {
		k := w.uri.Fold()
		old, known := p.known[k]
		switch {
		case known && old.IsNull():
			continue
		case slices.ContainsFunc(p.gone, func(g key) bool { return within(k, g) }):
			continue
		case !w.node.Allows(csp.OpDelete):
			p.takeBack(w, old, known)
			continue
		case w.node.Format == dmtree.FormatNode && w.owners == nil && !p.ours(k):
			continue // an instance that we created and others use now
		}
		if p.hold(Step{Op: csp.OpDelete, URI: w.uri, Owner: strings.Join(w.owners, ", "), node: w.node}) {
			continue
		}
		p.gone = append(p.gone, k)
	}
}

// ours tells whether all that is known to be below k was written by us.
func (p *planner) ours(k key) bool {
	for u, v := range p.known {
		if within(u, k) && !v.IsNull() && !v.IsInterior() && !p.managed[u] {
			return false
		}
	}
	return true
}

// takeBack plans what comes closest to a Delete for nodes that take none.
func (p *planner) takeBack(w *wish, old dmtree.Value, known bool) {
	owner := strings.Join(w.owners, ", ")
	text, ok := w.node.Default()
	v, err := dmtree.Parse(w.node.Format, text)
	switch {
	case w.node.Format == dmtree.FormatNode:
		if w.owners != nil {
			p.plan.Refused = append(p.plan.Refused, Problem{w.uri, owner, fmt.Errorf("it cannot be deleted: %w", dmtree.ErrNotAllowed)})
		}
	case !ok || err != nil || !w.node.Allows(csp.OpReplace):
		p.plan.Refused = append(p.plan.Refused, Problem{w.uri, owner, fmt.Errorf("it cannot be deleted, and has no default to go back to: %w", dmtree.ErrNotAllowed)})
	case known && w.node.Equal(v, old):
	default:
		p.hold(Step{Op: csp.OpReplace, URI: w.uri, Value: v, Owner: owner, node: w.node})
	}
}

// hold adds s to the steps, or, if it needs a user who is not there, to those
// that are held.
func (p *planner) hold(s Step) (held bool) {
	if s.URI.Fold().Within("./user") && !p.in.SignedIn {
		p.plan.Held = append(p.plan.Held, s)
		return true
	}
	p.plan.Steps = append(p.plan.Steps, s)
	return false
}

// write plans Adds and Replaces, parents first, and what others depend on
// before them.
func (p *planner) write() {
	for _, k := range p.ordered() {
		w := p.wishes[k]
		if w.value.IsNull() {
			continue
		}
		old, known := p.known[k]
		if slices.ContainsFunc(p.gone, func(g key) bool { return within(k, g) }) {
			old, known = dmtree.Null, true
		}
		p.managedNow(w.uri)
		if known && !old.IsNull() && (w.value.IsInterior() || w.node.Equal(w.value, old)) {
			continue
		}
		p.parents(w)
		if w.value.IsInterior() && p.added[k] {
			continue
		}
		s := Step{URI: w.uri, Value: w.value, Owner: strings.Join(w.owners, ", "), node: w.node}
		can := w.node.Access() & (csp.OpAdd | csp.OpReplace)
		exists := known && !old.IsNull()
		switch {
		case !known, can == csp.OpAdd && !exists, can == csp.OpReplace:
			s.Op = can
		case exists && can&csp.OpReplace != 0:
			s.Op = csp.OpReplace
		case !exists:
			s.Op = csp.OpAdd
		case w.node.Allows(csp.OpDelete): // it can only be added: make room
			if p.hold(Step{Op: csp.OpDelete, URI: w.uri, Owner: s.Owner, node: w.node}) {
				continue
			}
			s.Op = csp.OpAdd
		default:
			p.plan.Refused = append(p.plan.Refused, Problem{w.uri, s.Owner, fmt.Errorf("it has another value and takes neither Replace nor Delete: %w", dmtree.ErrNotAllowed)})
			continue
		}
		if w.value.IsInterior() {
			s.Op = csp.OpAdd
			p.added[k] = true
		}
		p.hold(s)
	}
}

func (p *planner) managedNow(u dmtree.URI) {
	p.plan.Managed = append(p.plan.Managed, u)
}

// parents adds the instances above w that are known not to be there: some
// trees do not make them by themselves.
func (p *planner) parents(w *wish) {
	var missing []Step
	n, u := w.node.Parent(), w.uri.Parent()
	for ; n != nil && n.Described(); n, u = n.Parent(), u.Parent() {
		k := u.Fold()
		old, known := p.known[k]
		if slices.ContainsFunc(p.gone, func(g key) bool { return within(k, g) }) {
			old, known = dmtree.Null, true
		}
		if n.Dynamic() && n.Allows(csp.OpAdd) && known && old.IsNull() && !p.added[k] {
			missing = append(missing, Step{Op: csp.OpAdd, URI: u, Value: dmtree.Interior(), Owner: strings.Join(w.owners, ", "), node: n})
		}
	}
	for _, s := range slices.Backward(missing) {
		p.added[s.URI.Fold()] = true
		p.managedNow(s.URI)
		p.hold(s)
	}
}

// ordered returns what is wanted in an order in which each node comes after
// those that it depends on.
func (p *planner) ordered() []key {
	var order []key
	state := make(map[key]int) // 1: being visited, 2: done
	var visit func(k key)
	visit = func(k key) {
		w, ok := p.wishes[k]
		if !ok || state[k] != 0 {
			return // not wanted, done, or in a circle
		}
		state[k] = 1
		for _, d := range w.node.Dependencies() {
			for _, c := range d.Conditions {
				visit(w.node.Bind(c.URI, w.uri).Fold())
			}
		}
		state[k] = 2
		order = append(order, k)
	}
	for _, k := range slices.Sorted(maps.Keys(p.wishes)) {
		visit(k)
	}
	return order
}
