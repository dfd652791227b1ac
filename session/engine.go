package session

import (
	"context"
	"slices"
	"sync"
)

// engine is what a Server needs beside its configuration. The zero engine is ready.
type engine struct {
	mu      sync.Mutex
	memory  *MemoryStore
	busy    map[string][]chan struct{} // devices whose message is being handled, and who waits for that, in order
	running int
	closed  bool
	idle    chan struct{} // closed when running reaches 0 after Shutdown
	waiting map[WorkID][]chan struct{}
}

// lock waits until no other message of the device is being handled here, and all that came before have been. Other nodes
// are kept apart by the Store alone.
func (e *engine) lock(ctx context.Context, device string) error {
	e.mu.Lock()
	if e.busy == nil {
		e.busy = make(map[string][]chan struct{})
	}
	waiting, busy := e.busy[device]
	if !busy {
		e.busy[device] = nil
		e.mu.Unlock()
		return nil
	}
	turn := make(chan struct{})
	e.busy[device] = append(waiting, turn)
	e.mu.Unlock()
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
	}
	e.mu.Lock()
	i := slices.Index(e.busy[device], turn)
	if i >= 0 {
		e.busy[device] = slices.Delete(e.busy[device], i, i+1)
	}
	e.mu.Unlock()
	if i < 0 { // it has become ours meanwhile
		e.unlock(device)
	}
	return context.Cause(ctx)
}

// unlock lets the next message of the device be handled.
func (e *engine) unlock(device string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if waiting := e.busy[device]; len(waiting) > 0 {
		e.busy[device] = waiting[1:]
		close(waiting[0])
	} else {
		delete(e.busy, device)
	}
}

// enter notes that a message is being handled, unless the server is shutting down.
func (e *engine) enter() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return false
	}
	e.running++
	return true
}

func (e *engine) leave() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.running--; e.running == 0 && e.idle != nil {
		close(e.idle)
		e.idle = nil
	}
}

// shutdown lets no more messages in, and waits for those that are being handled.
func (e *engine) shutdown(ctx context.Context) error {
	e.mu.Lock()
	e.closed = true
	if e.running == 0 {
		e.mu.Unlock()
		return nil
	}
	if e.idle == nil {
		e.idle = make(chan struct{})
	}
	idle := e.idle
	e.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// announce wakes those who wait for work that is done now.
func (e *engine) announce(done []Done) {
	if e == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for i := range done {
		for _, ch := range e.waiting[done[i].ID] {
			close(ch)
		}
		delete(e.waiting, done[i].ID)
	}
}

// wait returns a channel that is closed when the work is announced; nil without an engine.
func (e *engine) wait(id WorkID) chan struct{} {
	if e == nil {
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	ch := make(chan struct{})
	if e.waiting == nil {
		e.waiting = make(map[WorkID][]chan struct{})
	}
	e.waiting[id] = append(e.waiting[id], ch)
	return ch
}

// forget ends a wait that nobody needs any more.
func (e *engine) forget(id WorkID, ch chan struct{}) {
	if e == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	l := slices.DeleteFunc(e.waiting[id], func(c chan struct{}) bool { return c == ch })
	if len(l) == 0 {
		delete(e.waiting, id)
	} else {
		e.waiting[id] = l
	}
}
