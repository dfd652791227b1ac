package lint

import (
	"errors"
	"strings"

	"github.com/omadm-sdk/omadm/csp"
	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/syncml"
)

// together checks what can be told only from several commands.
func (l *linter) together() {
	l.twice()
	l.order()
	l.atomicRequired()
	l.dependencies()
	l.undo()
	l.restart()
}

func writes(op csp.Op) bool { return op == csp.OpAdd || op == csp.OpReplace }

// twice finds several commands that write one node.
func (l *linter) twice() {
	last := make(map[dmtree.URI]int)
	for i := range l.steps {
		s := &l.steps[i]
		if s.op == csp.OpGet || s.op == csp.OpExec {
			continue
		}
		key := s.uri.Fold()
		j, ok := last[key]
		last[key] = i
		if !ok {
			continue
		}
		before := &l.steps[j]
		switch {
		case s.atomic != nil && s.atomic == before.atomic && before.op == csp.OpAdd && s.op == csp.OpReplace:
			l.about(i, Error, RuleAtomic, nil, "Add and then Replace of one node inside one Atomic does not work (%s adds it)", before.where)
		case before.op == csp.OpDelete && s.op == csp.OpAdd:
			// The way to be sure that nothing of the old value is left.
		case before.op == csp.OpAdd && s.op == csp.OpAdd:
			l.about(i, Error, RuleTwice, nil, "%s has added it already; this Add is answered with 418", before.where)
		case writes(before.op) && writes(s.op) && before.valid && s.valid && s.node.Equal(before.value, s.value):
			l.about(i, Note, RuleTwice, nil, "%s writes the same value", before.where)
		case before.op == csp.OpDelete && s.op == csp.OpDelete:
			l.about(i, Error, RuleTwice, nil, "%s has deleted it already; this Delete is answered with 404", before.where)
		default:
			l.about(i, Warning, RuleTwice, nil, "%s %s it too; what counts is the last", before.where, strings.ToLower(opName(before.op))+"s")
		}
	}
}

// order finds children that are written before their parent is added, or that
// a later Delete of the parent takes away.
func (l *linter) order() {
	written := make(map[dmtree.URI]int) // each node above a written one → the last that wrote below it
	for i := range l.steps {
		s := &l.steps[i]
		key := s.uri.Fold()
		if j, ok := written[key]; ok {
			switch s.op {
			case csp.OpAdd:
				l.about(i, Error, RuleOrder, nil, "%s writes below it before it is added; put the Add first", l.steps[j].where)
			case csp.OpDelete:
				l.about(i, Warning, RuleOrder, nil, "it takes away what %s has just written", l.steps[j].where)
			}
		}
		if !writes(s.op) {
			continue
		}
		for up := key; !up.IsRoot(); {
			up = up.Parent()
			written[up] = i
		}
	}
}

// atomicRequired finds nodes that belong into an Atomic, and are not in one.
func (l *linter) atomicRequired() {
	type place struct {
		atomic syncml.Command
		step   int
	}
	first := make(map[dmtree.URI]place) // the instance of the node that demands it
	for i := range l.steps {
		s := &l.steps[i]
		if s.op == csp.OpGet || !s.node.Atomic() {
			continue
		}
		if s.atomic == nil {
			l.about(i, Warning, RuleAtomic, nil, "its description asks for an Atomic around it and all that is sent with it")
			continue
		}
		top := demanding(s.node, s.uri)
		p, ok := first[top]
		if !ok {
			first[top] = place{s.atomic, i}
		} else if p.atomic != s.atomic {
			l.about(i, Warning, RuleAtomic, nil, "its description asks for one Atomic around all below %s, and %s is in another one", top, l.steps[p.step].where)
		}
	}
}

// demanding returns the URI of the highest node above u that asks for an
// Atomic.
func demanding(n *csp.Node, u dmtree.URI) dmtree.URI {
	for n.Parent() != nil && n.Parent().Atomic() {
		n, u = n.Parent(), u.Parent()
	}
	return u.Fold()
}

// dependencies checks nodes against the values that the message gives to the
// nodes they depend on.
func (l *linter) dependencies() {
	final := make(map[dmtree.URI]dmtree.Value)
	for i := range l.steps {
		s := &l.steps[i]
		switch {
		case s.op == csp.OpDelete:
			final[s.uri.Fold()] = dmtree.Null
		case writes(s.op) && s.valid:
			final[s.uri.Fold()] = s.value
		}
	}
	values := func(u dmtree.URI) (dmtree.Value, bool) {
		if v, ok := final[u.Fold()]; ok {
			return v, true
		}
		if l.Values != nil {
			return l.Values(u)
		}
		return dmtree.Null, false
	}
	for i := range l.steps {
		s := &l.steps[i]
		if !writes(s.op) || !s.valid {
			continue
		}
		err := s.node.Depends(s.uri, s.value, values)
		depends, value := new(csp.DependencyError), new(csp.ValueError)
		switch {
		case err == nil:
		case errors.As(err, &depends):
			l.about(i, Warning, RuleDependency, err, "%s", depends.Reason)
		case errors.As(err, &value):
			l.about(i, Error, RuleValue, err, "got %s, want %s", value.Value, value.Want)
		default:
			l.about(i, Note, RuleDependency, err, "%s", reasonOf(err))
		}
	}
}

// undo finds writes that no Delete takes back, and Deletes of what cannot be
// read before.
func (l *linter) undo() {
	for i := range l.steps {
		s := &l.steps[i]
		switch {
		case writes(s.op) && s.node.Format != dmtree.FormatNode && s.node.Allows(s.op) && !s.node.Allows(csp.OpDelete) && !deletable(s.node):
			if d, ok := s.node.Default(); ok {
				l.about(i, Note, RuleUndo, nil, "it takes no Delete; to take the value back, write the default, %s", d)
			} else {
				l.about(i, Note, RuleUndo, nil, "it takes no Delete and has no default; read the old value first to be able to take the new one back")
			}
		case s.op == csp.OpDelete && s.node.Allows(csp.OpDelete):
			if lost := unreadable(s.node); lost != nil {
				l.about(i, Warning, RuleUndo, nil, "the Delete cannot be taken back: %s cannot be read before", lost.URI())
			}
		}
	}
}

// deletable tells whether n goes with an instance above it that takes Delete.
func deletable(n *csp.Node) bool {
	for p := n.Parent(); p != nil && p.Described(); p = p.Parent() {
		if p.Dynamic() && p.Allows(csp.OpDelete) {
			return true
		}
	}
	return false
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

// restart tells what takes effect only after a restart.
func (l *linter) restart() {
	for i := range l.steps {
		s := &l.steps[i]
		if s.op == csp.OpGet {
			continue
		}
		switch s.node.Reboot() {
		case csp.RebootAutomatic:
			l.about(i, Note, RuleRestart, nil, "the device restarts by itself")
		case csp.RebootByServer:
			l.about(i, Note, RuleRestart, nil, "it takes effect after a restart, which the server must ask for")
		}
	}
}
