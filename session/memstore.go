package session

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"
)

// MemoryStore is a [WorkStore] that keeps everything in memory, and loses it with the process. The zero MemoryStore is
// empty and ready to use.
type MemoryStore struct {
	mu      sync.Mutex
	devices map[string]*memoryDevice
	work    map[WorkID]*Work
	bodies  map[[sha256.Size]byte]*memoryBody
	fading  []fading  // replies that may be forgotten one day, about in the order of that
	now     time.Time // the latest that Load was told
}

type memoryDevice struct {
	id           string
	rev          int64
	state, reply []byte
	until        int64   // the microsecond after which reply may be forgotten; 0: never
	fading       bool    // it is in MemoryStore.fading
	open         []*Work // waiting or leased, in the order of Load
}

// fading says that a device has a reply that may be forgotten, but not before due.
type fading struct {
	d   *memoryDevice
	due int64
}

// memoryBody is a payload that may be that of many devices.
type memoryBody struct {
	b    []byte
	refs int
}

// Load implements [Store].
func (m *MemoryStore) Load(_ context.Context, device string, now time.Time, limit int) (*Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if now.After(m.now) {
		m.now = now
	}
	m.forget(maxForget)
	d := m.devices[device]
	if d == nil {
		return new(Record), nil
	}
	rec := &Record{Rev: d.rev, State: d.state, Reply: d.reply}
	for _, w := range d.open {
		if w.Status == WorkLeased {
			rec.Work = append(rec.Work, *w)
		}
	}
	mine := 0
	var theirs map[string]int // by user
	for _, w := range d.open {
		switch {
		case w.Status != WorkWaiting || w.NotBefore.After(now):
			continue
		case w.User == "" && mine < limit:
			mine++
		case w.User != "" && theirs[w.User] < limit:
			if theirs == nil {
				theirs = make(map[string]int)
			}
			theirs[w.User]++
		default:
			continue
		}
		rec.Work = append(rec.Work, *w)
	}
	return rec, nil
}

// Commit implements [Store].
func (m *MemoryStore) Commit(_ context.Context, device string, rev int64, c *Change) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.check(device, rev, c); err != nil {
		return err
	}
	m.apply(device, rev, c, time.Now())
	return nil
}

// check reports whether the record of the device has revision rev, and what is to be leased still waits.
func (m *MemoryStore) check(device string, rev int64, c *Change) error {
	have := int64(0)
	if d := m.devices[device]; d != nil {
		have = d.rev
	}
	if rev != AnyRev && rev != have {
		return ErrConflict
	}
	for _, id := range c.Lease {
		if w := m.work[id]; w == nil || w.Device != device || w.Status != WorkWaiting {
			if !slices.ContainsFunc(c.Put, func(w Work) bool { return w.ID == id }) {
				return ErrConflict
			}
		}
	}
	return nil
}

// apply makes c true.
func (m *MemoryStore) apply(device string, rev int64, c *Change, now time.Time) {
	d := m.device(device)
	if rev != AnyRev {
		d.rev = rev + 1
		d.state = c.State
		m.setReply(d, c.Reply, c.ReplyUntil)
	}
	for i := range c.Put {
		w := c.Put[i]
		w.Device, w.Status, w.Outcome, w.DoneAt = d.id, WorkWaiting, nil, time.Time{}
		m.put(d, w)
	}
	each := func(ids []WorkID, from, to WorkStatus) {
		for _, id := range ids {
			if w := m.work[id]; w != nil && w.Device == device && w.Status == from {
				w.Status = to
			}
		}
	}
	each(c.Lease, WorkWaiting, WorkLeased)
	each(c.Release, WorkLeased, WorkWaiting)
	for i := range c.Done {
		if w := m.work[c.Done[i].ID]; w != nil && w.Device == device && w.Status <= WorkLeased {
			d.remove(w)
			w.Status, w.DoneAt, w.Outcome = WorkDone, c.Done[i].At, c.Done[i].Outcome
		}
	}
	for _, id := range c.Cancel {
		if w := m.work[id]; w != nil && w.Device == device && w.Status == WorkWaiting {
			d.remove(w)
			w.Status, w.DoneAt = WorkCancelled, now
		}
	}
	for _, id := range c.Requeue {
		if w := m.work[id]; w != nil && w.Device == device && w.Status >= WorkDone {
			w.Status, w.DoneAt, w.Outcome = WorkWaiting, time.Time{}, nil
			d.insert(w)
		}
	}
}

func (m *MemoryStore) setReply(d *memoryDevice, reply []byte, until time.Time) {
	d.reply, d.until = reply, 0
	if until.IsZero() || reply == nil {
		return
	}
	d.until = until.UnixMicro()
	if !d.fading {
		d.fading = true
		m.fading = append(m.fading, fading{d, d.until})
	}
}

// maxForget is how many replies one Load looks at: more than one, so that they do not become more and more.
const maxForget = 4

// forget forgets replies whose time is over, n at most.
func (m *MemoryStore) forget(n int) {
	now := m.now.UnixMicro()
	for ; n > 0 && len(m.fading) > 0 && m.fading[0].due < now; n-- {
		d := m.fading[0].d
		m.fading = m.fading[1:]
		if d.fading = d.reply != nil && d.until >= now; d.fading {
			m.fading = append(m.fading, fading{d, d.until})
		} else if d.until != 0 {
			d.reply = nil
		}
	}
}

func (m *MemoryStore) device(device string) *memoryDevice {
	d := m.devices[device]
	if d == nil {
		d = new(memoryDevice)
		if m.devices == nil {
			m.devices = make(map[string]*memoryDevice)
			m.work = make(map[WorkID]*Work)
			m.bodies = make(map[[sha256.Size]byte]*memoryBody)
		}
		d.id = strings.Clone(device) // it may be a part of a message, which nobody needs any more
		m.devices[d.id] = d
	}
	return d
}

// put takes in new work, as it is.
func (m *MemoryStore) put(d *memoryDevice, w Work) {
	if m.work[w.ID] != nil {
		return
	}
	w.Body = m.share(w.Body)
	m.work[w.ID] = &w
	if w.Status <= WorkLeased {
		d.insert(&w)
	}
}

func compareWork(a, b *Work) int {
	return cmp.Or(cmp.Compare(b.Priority, a.Priority), cmp.Compare(a.Order, b.Order), cmp.Compare(a.ID, b.ID))
}

func (d *memoryDevice) insert(w *Work) {
	at, _ := slices.BinarySearchFunc(d.open, w, compareWork)
	d.open = slices.Insert(d.open, at, w)
}

func (d *memoryDevice) remove(w *Work) {
	if at, ok := slices.BinarySearchFunc(d.open, w, compareWork); ok {
		d.open = slices.Delete(d.open, at, at+1)
	}
}

// share returns b, or the same octets if they are there already.
func (m *MemoryStore) share(b []byte) []byte {
	key := sha256.Sum256(b)
	s := m.bodies[key]
	if s == nil {
		s = &memoryBody{b: b}
		m.bodies[key] = s
	}
	s.refs++
	return s.b
}

func (m *MemoryStore) release(b []byte) {
	key := sha256.Sum256(b)
	if s := m.bodies[key]; s != nil {
		if s.refs--; s.refs == 0 {
			delete(m.bodies, key)
		}
	}
}

// Work implements [WorkStore].
func (m *MemoryStore) Work(_ context.Context, id WorkID) (*Work, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	w := m.work[id]
	if w == nil {
		return nil, fmt.Errorf("%w: %s", ErrNoWork, id)
	}
	c := *w
	return &c, nil
}

// List implements [WorkStore].
func (m *MemoryStore) List(_ context.Context, device string) iter.Seq2[*Work, error] {
	m.mu.Lock()
	var l []*Work
	for _, w := range m.work {
		if device == "" || w.Device == device {
			c := *w
			l = append(l, &c)
		}
	}
	m.mu.Unlock()
	slices.SortFunc(l, func(a, b *Work) int {
		return cmp.Or(cmp.Compare(a.Device, b.Device), cmp.Compare(a.Status/WorkDone, b.Status/WorkDone), compareWork(a, b))
	})
	return func(yield func(*Work, error) bool) {
		for _, w := range l {
			if !yield(w, nil) {
				return
			}
		}
	}
}

// Purge implements [WorkStore].
func (m *MemoryStore) Purge(_ context.Context, t time.Time) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := 0
	for id, w := range m.work {
		if w.Status >= WorkDone && w.DoneAt.Before(t) {
			delete(m.work, id)
			m.release(w.Body)
			n++
		}
	}
	return n, nil
}
