package plan

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/omadm-sdk/omadm/csp"
	"github.com/omadm-sdk/omadm/dmtree"
)

// What keeps a step from being undone.
var (
	errOldUnknown = errors.New("the old value is not known; read it first")
	errNoWayBack  = errors.New("the node takes no command that would take it back")
)

// finish orders the steps, and works out how to take them back.
func (p *planner) finish() {
	// Managed nodes that stay so: conflicts and what is held are not decided.
	for _, k := range slices.Sorted(maps.Keys(p.managed)) {
		if p.blocked[k] {
			p.managedNow(p.spelled[k])
		}
	}
	for _, s := range p.plan.Held {
		if s.Op == csp.OpDelete && s.Owner == "" {
			p.managedNow(s.URI)
		}
	}
	// Instances that an earlier plan added stay managed while they are used.
	for k := range p.managed {
		if n, ok := p.in.Schema.Lookup(k); ok && n.Format == dmtree.FormatNode && p.wantedBelow(k) {
			p.managedNow(p.spelled[k])
		}
	}
	slices.SortFunc(p.plan.Managed, func(a, b dmtree.URI) int {
		return cmpURI(a, b)
	})
	p.plan.Managed = slices.CompactFunc(p.plan.Managed, dmtree.URI.EqualFold)
	p.plan.Steps = group(p.plan.Steps)
	p.plan.Held = group(p.plan.Held)
	for _, s := range slices.Backward(p.plan.Steps) {
		if s.node.Reboot() != csp.RebootNone {
			p.plan.Restart = true
		}
		p.undo(s)
	}
	p.plan.Undo = group(p.plan.Undo)
	slices.Reverse(p.plan.CannotUndo)
}

func cmpURI(a, b dmtree.URI) int {
	x, y := a.Fold(), b.Fold()
	switch {
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}

// undo plans how to take one step back.
func (p *planner) undo(s Step) {
	k := s.URI.Fold()
	old, known := p.known[k]
	deletedBefore := slices.ContainsFunc(p.gone, func(g key) bool { return within(k, g) })
	back := func(op csp.Op, v dmtree.Value) {
		if !s.node.Allows(op) {
			p.cannot(s, errNoWayBack)
			return
		}
		p.plan.Undo = append(p.plan.Undo, Step{Op: op, URI: s.URI, Value: v, node: s.node})
	}
	switch {
	case s.Op == csp.OpDelete:
		p.restore(s, old, known)
	case deletedBefore, known && old.IsNull():
		// It was not there. An instance that goes takes this with it.
		if p.goesWithInstance(k) {
			return
		}
		back(csp.OpDelete, dmtree.Null)
	case !known:
		p.cannot(s, errOldUnknown)
	case s.Op == csp.OpAdd: // after a Delete that makes room, whose own undoing adds the old value
		back(csp.OpDelete, dmtree.Null)
	default:
		back(csp.OpReplace, old)
	}
}

// goesWithInstance tells whether undoing the Add of an instance above k takes
// k away.
func (p *planner) goesWithInstance(k key) bool {
	for up := k.Parent(); !up.IsRoot(); up = up.Parent() {
		if n, ok := p.in.Schema.Lookup(up); ok && p.added[up] && n.Allows(csp.OpDelete) {
			return true
		}
	}
	return false
}

// restore plans how to bring back what a Delete took away: the node and all
// that is known to have been below it.
func (p *planner) restore(s Step, old dmtree.Value, known bool) {
	if !known {
		p.cannot(s, errOldUnknown)
		return
	}
	k := s.URI.Fold()
	if lost := unreadable(s.node); lost != nil {
		p.cannot(s, fmt.Errorf("%s cannot be read before", lost.URI()))
	}
	var below []key
	for u, v := range p.known {
		if within(u, k) && !v.IsNull() {
			below = append(below, u)
		}
	}
	slices.Sort(below)
	for _, u := range below {
		n, ok := p.in.Schema.Lookup(u)
		uri := p.spelled[u]
		switch {
		case !ok || uri == "":
			continue // an interior node that is known only by what is below it
		case n.Allows(csp.OpAdd):
			p.plan.Undo = append(p.plan.Undo, Step{Op: csp.OpAdd, URI: uri, Value: p.known[u], node: n})
		case n.Allows(csp.OpReplace) && n.Format != dmtree.FormatNode:
			p.plan.Undo = append(p.plan.Undo, Step{Op: csp.OpReplace, URI: uri, Value: p.known[u], node: n})
		case n.Format != dmtree.FormatNode && n.Access() != csp.OpGet:
			p.cannot(s, fmt.Errorf("%s: %w", uri, errNoWayBack))
		}
	}
}

func (p *planner) cannot(s Step, err error) {
	p.plan.CannotUndo = append(p.plan.CannotUndo, Problem{URI: s.URI, Owner: s.Owner, Err: err})
}

// unreadable returns a leaf at or below n that a server can write and not
// read.
func unreadable(n *csp.Node) *csp.Node {
	if n.Format != dmtree.FormatNode && n.Format != dmtree.FormatNull && n.Access()&(csp.OpAdd|csp.OpReplace) != 0 && !n.Allows(csp.OpGet) {
		return n
	}
	for c := range n.Children() {
		if lost := unreadable(c); lost != nil {
			return lost
		}
	}
	return nil
}
