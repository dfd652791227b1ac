package dmtree

import (
	"context"
	"slices"
	"strings"
	"sync"
)

// An Event tells that a node was added, replaced, deleted or renamed. With
// Subtree, any node below it may have changed as well. What has become of the
// node is for Get to tell: by then it may have changed again.
type Event struct {
	URI     URI
	Subtree bool
}

// String tells which node it is.
func (e Event) String() string {
	if e.Subtree {
		return string(e.URI) + " and below"
	}
	return string(e.URI)
}

// A Watcher tells of changes. Memory, filestore.Store, Mux and Tree are
// Watchers; the last two tell what the providers behind them do.
type Watcher interface {
	// Watch has f called for each change of root, of a node below it, or of
	// a node above it that takes root with it, once the change counts, and
	// until stop is called. f must return soon and must not use the
	// provider.
	Watch(root URI, f func(Event)) (stop func(), err error)
}

// maxEvents bounds the events that a Watch keeps for a reader who does not
// come.
const maxEvents = 64

// Watch begins to collect the changes at root and below it. Events for one node
// become one event, and many events one for the node above them, so that a
// Watch takes little memory however long nobody calls Next. Without a Watcher:
// ErrUnsupported.
func Watch(p Provider, root URI) (*Changes, error) {
	c := &Changes{more: make(chan struct{}, 1)}
	err := onNode("watch", root, func(u URI) (err error) {
		w, ok := p.(Watcher)
		if !ok {
			return ErrUnsupported
		}
		c.stop, err = w.Watch(u, c.add)
		return err
	})
	if err != nil {
		return nil, err
	}
	return c, nil
}

// Changes are collected from the call of Watch on.
type Changes struct {
	stop   func()
	more   chan struct{} // holds a token while there is something for Next
	mu     sync.Mutex
	events []Event
}

// Next waits for changes and returns those since the last call, each node once.
// It returns ctx.Err when ctx ends.
func (c *Changes) Next(ctx context.Context) ([]Event, error) {
	select {
	case <-c.more:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	events := c.events
	c.events = nil
	return events, nil
}

// Close ends the collecting. A waiting Next goes on waiting for its context.
func (c *Changes) Close() { c.stop() }

func (c *Changes) add(e Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if slices.ContainsFunc(c.events, func(have Event) bool { return have.covers(e) }) {
		return
	}
	c.events = slices.DeleteFunc(c.events, e.covers)
	c.events = append(c.events, e)
	if len(c.events) > maxEvents {
		c.merge()
	}
	select {
	case c.more <- struct{}{}:
	default:
	}
}

// covers reports whether e tells what f tells.
func (e Event) covers(f Event) bool {
	return e.URI == f.URI && e.Subtree == f.Subtree || e.Subtree && f.URI.inside(e.URI)
}

// merge replaces the deepest events by one for the node above each, until they
// are few again.
func (c *Changes) merge() {
	for len(c.events) > maxEvents/2 {
		depth := 0
		for _, e := range c.events {
			depth = max(depth, e.URI.Depth())
		}
		var up []Event
		rest := slices.DeleteFunc(c.events, func(e Event) bool {
			if e.URI.Depth() < depth {
				return false
			}
			up = append(up, Event{e.URI.Parent(), true})
			return true
		})
		c.events = rest
		for _, e := range up {
			if !slices.ContainsFunc(c.events, func(have Event) bool { return have.covers(e) }) {
				c.events = append(slices.DeleteFunc(c.events, e.covers), e)
			}
		}
	}
}

// inside is Within for canonical URIs without a query.
func (u URI) inside(root URI) bool {
	rest, ok := strings.CutPrefix(string(u), string(root))
	return root == Root || ok && (rest == "" || rest[0] == '/')
}

// watchers are those of a Memory.
type watchers struct {
	mu   sync.Mutex
	all  map[int]watcher
	next int
}

type watcher struct {
	root URI // folded
	f    func(Event)
}

// Watch implements Watcher. The properties in Keep are not watched.
func (m *Memory) Watch(root URI, f func(Event)) (stop func(), err error) {
	w := &m.watchers
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.all == nil {
		w.all = make(map[int]watcher)
	}
	id := w.next
	w.next++
	w.all[id] = watcher{root.Fold(), f}
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.all, id)
	}, nil
}

// tell passes changes on that count now.
func (w *watchers) tell(changes []Change) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.all) == 0 {
		return
	}
	for _, c := range changes {
		if inKeep(c.URI) {
			continue
		}
		subtree := c.Op != OpAdd && c.Op != OpReplace
		w.send(Event{c.URI, subtree})
		if c.Op == OpRename {
			w.send(Event{c.URI.Parent().Join(c.Name), true})
		}
	}
}

func (w *watchers) send(e Event) {
	folded := e.URI.Fold()
	for _, watcher := range w.all {
		if folded.inside(watcher.root) || e.Subtree && watcher.root.inside(folded) {
			watcher.f(e)
		}
	}
}

// Watch implements Watcher for the providers that are one and are mounted when
// it is called. ErrUnsupported if there are none at root, above or below it.
func (m *Mux) Watch(root URI, f func(Event)) (stop func(), err error) {
	var stops []func()
	stop = func() {
		for _, stop := range stops {
			stop()
		}
	}
	var watched []Provider
	for mt := range m.root().mounts {
		w, ok := mt.provider.(Watcher)
		if !ok || !mt.overlaps(root) || slices.ContainsFunc(watched, func(p Provider) bool { return same(p, mt.provider) }) {
			continue
		}
		one, err := w.Watch(root, f)
		if err != nil {
			stop()
			return nil, wrap("watch", URI(mt.pattern), err)
		}
		watched = append(watched, mt.provider)
		stops = append(stops, one)
	}
	if len(stops) == 0 {
		return nil, ErrUnsupported
	}
	return stop, nil
}

// overlaps reports whether some node is both below root and in the mount.
func (mt *mount) overlaps(root URI) bool {
	i := 0
	for name := range root.Names() {
		if i == len(mt.names) {
			break
		}
		if mt.names[i] != "" && foldName(mt.names[i]) != foldName(name) {
			return false
		}
		i++
	}
	return true
}

// Watch implements Watcher.
func (t *Tree) Watch(root URI, f func(Event)) (stop func(), err error) {
	if w, ok := t.Provider.(Watcher); ok {
		return w.Watch(root, f)
	}
	return nil, ErrUnsupported
}
