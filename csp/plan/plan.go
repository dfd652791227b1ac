package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/omadm-sdk/omadm/csp"
	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/session"
)

// An Owner is one who wants settings of a device: a profile, a team, a user.
type Owner struct {
	Name string
	// Settings are the values of leaves, by URI in any spelling. Null means
	// that the node must not be there, Interior() that an interior node must.
	Settings map[dmtree.URI]dmtree.Value
}

// Input is what a plan is made from.
type Input struct {
	Owners []Owner
	// Known is what the device is known to hold: values of leaves, Interior()
	// for interior nodes, Null for what is known not to be there. What is not
	// in Known is not known.
	Known map[dmtree.URI]dmtree.Value
	// Managed are the nodes that earlier plans wrote, from Plan.Managed. Those
	// that no owner wants any more are taken back; all others are left alone.
	Managed []dmtree.URI
	Schema  *csp.Schema // nil: csp.Windows()
	Target  csp.Target  // zero fields are not checked
	// SignedIn tells that a user is signed in. Without one, what is below
	// ./User is held back.
	SignedIn bool
}

// A Plan is what to send to a device, and what not.
type Plan struct {
	Steps   []Step       // in order
	Undo    []Step       // takes the steps back, in order
	Held    []Step       // wait until a user signs in
	Managed []dmtree.URI // what the owners' settings make of Input.Managed once the steps are done

	Conflicts  []Conflict
	Refused    []Problem // settings that cannot work
	CannotUndo []Problem // steps that Undo does not take back
	Restart    bool      // some steps take effect only after a restart
}

// A Step is one command.
type Step struct {
	Op    csp.Op // OpAdd, OpReplace, OpDelete; OpAdd|OpReplace where the old value is not known: whichever works
	URI   dmtree.URI
	Value dmtree.Value
	Owner string // who wants it; several names with commas between; "" for what nobody wants any more
	// Atomic numbers the Atomic that the step belongs into, from 1; 0: none.
	// Steps of one Atomic stand together.
	Atomic int

	node *csp.Node
}

// A Conflict is a node of which two owners want different things. It is left
// as it is.
type Conflict struct {
	URI    dmtree.URI
	Owners [2]string
	Values [2]dmtree.Value
}

// String implements [fmt.Stringer].
func (c Conflict) String() string {
	want := func(v dmtree.Value) string {
		if v.IsNull() {
			return "nothing there"
		}
		return v.String()
	}
	return fmt.Sprintf("%s: %s wants %s, %s wants %s", c.URI, c.Owners[0], want(c.Values[0]), c.Owners[1], want(c.Values[1]))
}

// A Problem is a node with which something cannot be done.
type Problem struct {
	URI   dmtree.URI
	Owner string
	Err   error
}

// String implements [fmt.Stringer].
func (p Problem) String() string {
	if p.Owner == "" {
		return fmt.Sprintf("%s: %v", p.URI, p.Err)
	}
	return fmt.Sprintf("%s (%s): %v", p.URI, p.Owner, p.Err)
}

// New makes the plan that brings a device from what is known of it to what its
// owners want, with as few commands as are safe. It does not change in.
func New(in Input) *Plan {
	p := newPlanner(in)
	p.gather()
	p.remove()
	p.write()
	p.finish()
	return &p.plan
}

// Fill writes the steps of the plan into b, labelled with their URIs.
func (p *Plan) Fill(b *session.Batch) { fill(b, p.Steps) }

// FillUndo writes the steps that take the plan back into b.
func (p *Plan) FillUndo(b *session.Batch) { fill(b, p.Undo) }

func fill(b *session.Batch, steps []Step) {
	for len(steps) > 0 {
		n := 1
		for n < len(steps) && steps[n].Atomic == steps[0].Atomic {
			n++
		}
		part := steps[:n]
		steps = steps[n:]
		if part[0].Atomic == 0 {
			commands(b, part)
			continue
		}
		b.Atomic(func(b *session.Batch) { commands(b, part) })
	}
}

func commands(b *session.Batch, steps []Step) {
	for _, s := range steps {
		var e *session.Entry
		switch s.Op {
		case csp.OpAdd:
			e = b.Add(s.URI, s.Value)
		case csp.OpReplace:
			e = b.Replace(s.URI, s.Value)
		case csp.OpDelete:
			e = b.Delete(s.URI)
		default:
			e = b.Set(s.URI, s.Value)
		}
		e.Label(string(s.URI))
	}
}

// String returns the plan for people, one line for each step and problem.
func (p *Plan) String() string {
	var b strings.Builder
	counts := make(map[string]int)
	for _, s := range p.Steps {
		fmt.Fprintf(&b, "%s\n", s)
		counts[s.verb()]++
	}
	for _, s := range p.Held {
		fmt.Fprintf(&b, "%s, when a user signs in\n", s)
	}
	for _, c := range p.Conflicts {
		fmt.Fprintf(&b, "! conflict: %s\n", c)
	}
	for _, r := range p.Refused {
		fmt.Fprintf(&b, "! refused: %s\n", r)
	}
	for _, c := range p.CannotUndo {
		fmt.Fprintf(&b, "! cannot be undone: %s\n", c)
	}
	fmt.Fprintf(&b, "%d add, %d replace, %d set, %d delete; %d held, %d cannot be undone, %d conflicts, %d refused\n",
		counts["add"], counts["replace"], counts["set"], counts["delete"], len(p.Held), len(p.CannotUndo), len(p.Conflicts), len(p.Refused))
	return b.String()
}

func (s Step) verb() string {
	switch s.Op {
	case csp.OpAdd:
		return "add"
	case csp.OpReplace:
		return "replace"
	case csp.OpDelete:
		return "delete"
	}
	return "set"
}

// String returns the step as a line: add ./… = value (owner).
func (s Step) String() string {
	line := s.verb() + " " + string(s.URI)
	if s.Op != csp.OpDelete && !s.Value.IsInterior() {
		line += " = " + s.Value.String()
	}
	if s.Owner != "" {
		line += " (" + s.Owner + ")"
	}
	if s.Atomic > 0 {
		line += fmt.Sprintf(" in Atomic %d", s.Atomic)
	}
	return line
}

// group gives the steps of nodes that need it their Atomic, and puts those of
// one Atomic next to each other, where the first of them stands.
func group(steps []Step) []Step {
	numbers := make(map[dmtree.URI]int)
	for i := range steps {
		s := &steps[i]
		s.Atomic = 0
		if s.node == nil || !s.node.Atomic() {
			continue
		}
		top := demanding(s.node, s.URI)
		if numbers[top] == 0 {
			numbers[top] = len(numbers) + 1
		}
		s.Atomic = numbers[top]
	}
	first := make(map[int]int)
	for i, s := range steps {
		if _, ok := first[s.Atomic]; !ok {
			first[s.Atomic] = i
		}
	}
	type placed struct {
		step      Step
		at, index int
	}
	list := make([]placed, len(steps))
	for i, s := range steps {
		list[i] = placed{s, i, i}
		if s.Atomic > 0 {
			list[i].at = first[s.Atomic]
		}
	}
	slices.SortStableFunc(list, func(a, b placed) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.index, b.index))
	})
	for i, l := range list {
		steps[i] = l.step
	}
	return steps
}

// demanding returns the highest node above u that asks for an Atomic.
func demanding(n *csp.Node, u dmtree.URI) dmtree.URI {
	for n.Parent() != nil && n.Parent().Atomic() {
		n, u = n.Parent(), u.Parent()
	}
	return u.Fold()
}
