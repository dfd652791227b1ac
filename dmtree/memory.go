package dmtree

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"
)

// Memory is a Provider that keeps its nodes in memory. The zero Memory is
// empty, holding only the root, and ready to use; it must not be copied. It is
// safe for concurrent use: writers take turns, readers never wait for more
// than one change, and a transaction is seen whole or not at all.
//
// Names are compared without case, and keep the spelling with which they were
// created. Fields must not change after the first use.
type Memory struct {
	// CaseSensitive makes names that differ in case different nodes.
	CaseSensitive bool
	// ExplicitParents makes Add answer ErrNotFound if the parent is missing.
	// Otherwise it creates what is missing, as Windows does.
	ExplicitParents bool
	// MaxBytes bounds the sum of all names, values and MIME types; what goes
	// beyond is refused with ErrFull. Zero means no limit.
	MaxBytes int

	// Journal, if not nil, is told of each transaction before it counts.
	Journal Journal

	ready   sync.Once
	turn    chan struct{} // holds a token while a writer has its turn; who has it may read without mu
	gate    sync.Mutex    // for the next three
	group   any           // of the writers who share the turn; nil if there is only one
	sharing int           // how many of them there are
	pending []prepared    // what they have prepared and not committed yet
	mu      sync.RWMutex
	index   index
	values  []Value // by node number
	about   map[uint32]Properties
	bytes   int

	watchers watchers
}

// Set creates or overwrites the node u without regard to access and limits: it
// is how a device fills its own tree. Missing parents are created. Setting
// Interior() on an interior node changes nothing; any other change between
// leaf and interior node replaces the node with all that is below it. It
// panics if u is not valid or longer than any peer could send, or if the change
// cannot be made because a Journal fails or because the caller holds a prepared
// transaction on the same Memory; Apply answers errors instead.
func (m *Memory) Set(u URI, v Value) {
	c, err := ParseURI(string(u))
	if err != nil || !fits(c) || c.Prop() != "" || c.List() != "" {
		panic("dmtree: Memory.Set: " + string(u) + " is no URI of a node")
	}
	err = m.acquire(context.Background())
	if err == nil {
		defer m.release()
		err = m.commit([]Change{{Op: OpSet, URI: c, Value: v}})
	}
	if err != nil {
		panic("dmtree: Memory.Set: " + err.Error())
	}
}

// Describe says what Tree is to know of the node u, such as which commands it
// takes. The node must exist; ErrNotFound otherwise. A description ends with
// its node.
func (m *Memory) Describe(u URI, p Properties) error {
	return do("describe", u, func(c URI) error {
		m.ready.Do(m.init)
		m.mu.Lock()
		defer m.mu.Unlock()
		id, ok := m.index.find(c)
		if !ok {
			return ErrNotFound
		}
		if m.about == nil {
			m.about = make(map[uint32]Properties)
		}
		m.about[id] = p
		return nil
	})
}

// Get implements Provider.
func (m *Memory) Get(_ context.Context, u URI) (Value, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	v, ok := m.get(u)
	if !ok {
		return Null, ErrNotFound
	}
	return v, nil
}

func (m *Memory) peek(_ context.Context, u URI) (Value, error) {
	if v, ok := (&view{m: m}).kind(u); ok {
		return v, nil
	}
	return Null, ErrNotFound
}

// Node implements Noder.
func (m *Memory) Node(_ context.Context, u URI) (Properties, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	id, ok := m.index.find(u)
	if !ok {
		return Properties{}, ErrNotFound
	}
	return m.about[id], nil
}

// Add implements Adder. The names of an interior value are ignored.
func (m *Memory) Add(ctx context.Context, u URI, v Value) error {
	return m.change(ctx, Change{Op: OpAdd, URI: u, Value: v})
}

// Replace implements Replacer.
func (m *Memory) Replace(ctx context.Context, u URI, v Value) error {
	return m.change(ctx, Change{Op: OpReplace, URI: u, Value: v})
}

// Delete implements Deleter. The root cannot be deleted.
func (m *Memory) Delete(ctx context.Context, u URI) error {
	return m.change(ctx, Change{Op: OpDelete, URI: u})
}

// Rename implements Renamer.
func (m *Memory) Rename(ctx context.Context, u URI, name string) error {
	return m.change(ctx, Change{Op: OpRename, URI: u, Name: name})
}

// Begin implements Beginner. A transaction sees what it has changed itself
// and, for the rest, what others have committed. Prepare checks its changes
// against the tree as it is then and keeps other writers, but no readers, out
// until the transaction ends.
func (m *Memory) Begin(context.Context) (Tx, error) {
	return &memoryTx{m: m, view: view{m: m}}, nil
}

// put makes one change, as Apply does.
func (m *Memory) put(ctx context.Context, c Change) error { return m.change(ctx, c) }

// Keep implements Keeper.
func (m *Memory) Keep() Provider { return &below{m, keepRoot} }

// Len returns the number of nodes without the root, including those of Keep.
func (m *Memory) Len() int {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.index.used
}

// Apply makes changes in one transaction, as they were once told to a Journal.
// Without changes, it only calls the Journal.
func (m *Memory) Apply(ctx context.Context, changes ...Change) error {
	if err := m.acquire(ctx); err != nil {
		return err
	}
	defer m.release()
	if err := m.check(changes); err != nil {
		return wrap("apply", "", err)
	}
	return m.commit(changes)
}

// change makes one change outside of any transaction.
func (m *Memory) change(ctx context.Context, c Change) error {
	if err := m.acquire(ctx); err != nil {
		return err
	}
	defer m.release()
	if err := m.check([]Change{c}); err != nil {
		return err
	}
	return m.commit([]Change{c})
}

// maxTurn bounds the wait for other writers. Whoever waits longer most likely
// waits for a transaction of its own.
const maxTurn = 10 * time.Second

// acquire waits for the turn to write. Transactions that commit together share
// one turn, or two of them on one Memory would wait for each other.
func (m *Memory) acquire(ctx context.Context) error {
	m.ready.Do(m.init)
	group := ctx.Value(groupKey{})
	m.gate.Lock()
	if group != nil && m.group == group {
		m.sharing++
		m.gate.Unlock()
		return nil
	}
	m.gate.Unlock()
	select {
	case m.turn <- struct{}{}:
	default:
		timer := time.NewTimer(maxTurn)
		defer timer.Stop()
		select {
		case m.turn <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
			return fmt.Errorf("%w: another writer does not end", ErrForbidden)
		}
	}
	m.gate.Lock()
	m.group, m.sharing = group, 1
	m.gate.Unlock()
	return nil
}

func (m *Memory) release() {
	m.gate.Lock()
	defer m.gate.Unlock()
	if m.sharing--; m.sharing == 0 {
		m.group, m.pending = nil, nil
		<-m.turn
	}
}

// groupKey is under what a context has the transaction that others are part of.
type groupKey struct{}

// withGroup makes what is prepared and committed with the context parts of tx,
// unless they are parts of a greater one.
func withGroup(ctx context.Context, tx Tx) context.Context {
	if ctx.Value(groupKey{}) != nil {
		return ctx
	}
	return context.WithValue(ctx, groupKey{}, tx)
}

// prepared are the changes of a transaction that has its turn.
type prepared struct {
	tx      *memoryTx
	changes []Change
}

// check tells whether changes can be made on top of those that share the turn.
func (m *Memory) check(changes []Change) error {
	m.gate.Lock()
	defer m.gate.Unlock()
	after := view{m: m}
	for _, p := range m.pending {
		for _, c := range p.changes {
			after.apply(c)
		}
	}
	for _, c := range changes {
		if err := after.check(c); err != nil {
			return wrap("", c.URI, err)
		}
		after.apply(c)
	}
	return nil
}

// init makes the zero Memory writable.
func (m *Memory) init() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.turn = make(chan struct{}, 1)
	m.index.exact = m.CaseSensitive
	m.values = append(m.values, Interior())
}

// get reads a node; mu is held. An interior node's value is made from its
// children.
func (m *Memory) get(u URI) (Value, bool) {
	id, ok := m.index.find(u)
	if !ok {
		return Null, false
	}
	if int(id) >= len(m.values) { // the root of a Memory never written to
		return Interior(), true
	}
	v := m.values[id]
	if v.format == FormatNode {
		var b strings.Builder
		for c := range m.index.children(id) {
			if id == 0 && m.index.segment(c) == keepName {
				continue
			}
			if b.Len() > 0 {
				b.WriteByte('/')
			}
			n := &m.index.nodes[c]
			b.Write(m.index.names[n.off : int(n.off)+int(n.size)])
		}
		v.text = b.String()
	}
	return v, true
}

// apply makes a change that has been checked; mu is held for writing.
func (m *Memory) apply(c Change) {
	switch c.Op {
	case OpAdd, OpSet:
		m.set(c.URI, c.Value)
	case OpReplace:
		id, _ := m.index.find(c.URI)
		m.bytes += weigh(c.Value) - weigh(m.values[id])
		m.values[id] = c.Value
	case OpDelete:
		if id, ok := m.index.find(c.URI); ok {
			m.drop(id, c.URI)
		}
	case OpRename:
		id, _ := m.index.find(c.URI)
		segment := Escape(c.Name)
		m.bytes += len(segment) - int(m.index.nodes[id].size)
		m.index.rename(id, c.URI, segment)
	}
}

// set makes u a node with value v, and its ancestors interior nodes.
func (m *Memory) set(u URI, v Value) uint32 {
	if v.format == FormatNode {
		v.text = ""
	}
	id, ok := m.index.find(u)
	if ok && (v.format == FormatNode) != (m.values[id].format == FormatNode) {
		if u == Root {
			return id
		}
		m.drop(id, u)
		ok = false
	}
	if !ok {
		parent := m.set(u.Parent(), Value{format: FormatNode})
		id = m.index.insert(parent, u)
		if int(id) == len(m.values) {
			m.values = append(m.values, Null)
		}
		m.bytes += int(m.index.nodes[id].size)
	} else if v.format == FormatNode && v.mime == "" {
		return id
	} else {
		m.bytes -= weigh(m.values[id])
	}
	m.bytes += weigh(v)
	m.values[id] = v
	return id
}

// drop removes a node and what is below it, without recursion into the depth
// of a tree that a peer may have chosen.
func (m *Memory) drop(id uint32, u URI) {
	for top := id; ; {
		if last := m.index.nodes[id].last; last != 0 {
			u = u.withSegment(m.index.segment(last))
			id = last
			continue
		}
		parent := m.index.nodes[id].parent
		m.bytes -= int(m.index.nodes[id].size) + weigh(m.values[id])
		m.index.remove(id, u)
		m.values[id] = Null
		delete(m.about, id)
		if id == top {
			return
		}
		id, u = parent, u.Parent()
	}
}

func weigh(v Value) int {
	if v.format == FormatNode {
		return len(v.mime)
	}
	return len(v.raw()) + len(v.mime)
}

// fits reports whether u can be kept. The bounds are far above what devices
// take; they keep the work for one hostile URI small.
func fits(u URI) bool { return len(u) <= maxName && u.Depth() <= 256 }
