package dmtree

import "iter"

// A Change is one write to a [Memory]: what a [Journal] keeps.
type Change struct {
	Op    Op
	URI   URI    // canonical; below ./* for what lies in Keep
	Value Value  // of OpAdd, OpReplace and OpSet
	Name  string // of OpRename
}

// An Op is a kind of change.
type Op uint8

// The kinds of changes. OpSet is what Memory.Set does, the others are the
// commands of the same names. The numbers are part of stored journals.
const (
	OpAdd Op = iota + 1
	OpReplace
	OpDelete
	OpRename
	OpSet
)

// A Journal makes the changes of a Memory durable.
type Journal interface {
	// Commit is told the changes of one transaction, which have been checked,
	// before they count; an error means that they do not count. all
	// iterates over the changes that would make an empty Memory what this
	// one is before the transaction, for a journal that wants to begin
	// anew; it is not to be used after Commit has returned. Calls come one
	// at a time.
	Commit(changes []Change, all iter.Seq[Change]) error
}

// commit makes changes that have been checked, all at once. The caller has its
// turn.
func (m *Memory) commit(changes []Change) error {
	if m.Journal != nil {
		if err := m.Journal.Commit(changes, m.all); err != nil {
			return err
		}
	}
	m.mu.Lock()
	for _, c := range changes {
		m.apply(c)
	}
	m.mu.Unlock()
	m.watchers.tell(changes)
	return nil
}

// all iterates over the nodes, parents before children; the caller has its turn
// to write. A root that was never given a type is left out.
func (m *Memory) all(yield func(Change) bool) {
	if m.values[0].mime != "" && !yield(Change{Op: OpSet, URI: Root, Value: m.values[0]}) {
		return
	}
	type place struct {
		id  uint32
		uri URI
	}
	for stack := []place{{0, Root}}; len(stack) > 0; {
		at := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		from := len(stack)
		for c := range m.index.children(at.id) {
			stack = append(stack, place{c, at.uri.withSegment(m.index.segment(c))})
		}
		for _, c := range stack[from:] {
			if !yield(Change{Op: OpAdd, URI: c.uri, Value: m.values[c.id]}) {
				return
			}
		}
	}
}
