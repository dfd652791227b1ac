package session

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"math"
	"strings"
	"sync"
	"time"

	"github.com/omadm-sdk/omadm/dmtree"
)

// A Queue takes durable work for devices, which they get when they call. Work is leased to a session until its Status has
// arrived, so it is neither lost nor sent twice as long as the device repeats its messages; [Result.Unknown] says what
// happens else. Queues of one Store are the same queue. A Queue is safe for concurrent use.
type Queue struct {
	store  Store
	engine *engine // wakes those who wait for a server of this process; nil: there is none
}

// NewQueue returns the queue of the servers that use store: for a program that runs none itself.
func NewQueue(store Store) *Queue { return &Queue{store: store} }

// Queue returns the queue of the server's store.
func (s *Server) Queue() *Queue { return &Queue{store: s.store(), engine: &s.engine} }

// Store returns the store that holds the queue.
func (q *Queue) Store() Store { return q.store }

// EnqueueOptions say when and for whom work is done. Nil means at once, with priority 0, without end.
type EnqueueOptions struct {
	Priority  int       // higher goes first; from -32768 to 32767
	NotBefore time.Time // zero: at once
	Expires   time.Time // zero: never; work that was not sent by then has the outcome 514

	// Key makes the call repeatable: work of the same device, user, key and place in the batch is queued once, for as long as
	// the store remembers it. Empty: each call queues new work.
	Key string

	// User holds the work until that user is signed in, by the name that the [auth.Identity] of the device's session has:
	// it needs an Authenticator that finds out who that is, such as from the user's token. [EnrolledUser] is whoever the
	// device has enrolled for. Work on a node below ./User is held for the EnrolledUser if no other is named.
	User string
}

// EnrolledUser holds work until the user is signed in for whom the device has enrolled, as its LoginStatus says, or until
// there is a session of one user, whoever that is. On a device of several users, name the one.
const EnrolledUser = "*"

// Enqueue queues each command of b for a device, in their order, and returns their IDs. An Atomic or Sequence is one
// command. b is not changed, and may be queued for many devices; its payload is then stored once.
func (q *Queue) Enqueue(ctx context.Context, device string, b *Batch, opts *EnqueueOptions) ([]WorkID, error) {
	if opts == nil {
		opts = new(EnqueueOptions)
	}
	if err := b.Err(); err != nil {
		return nil, err
	}
	if device == "" || len(device) > maxDeviceID {
		return nil, fmt.Errorf("session: enqueue for device %q: want a DevId of 1 to %d bytes", device, maxDeviceID)
	}
	if opts.User != "" && !isName(opts.User, maxUser) {
		return nil, fmt.Errorf("session: enqueue for a user of device %q: want a name of 1 to %d printable bytes", device, maxUser)
	}
	if opts.Priority < math.MinInt16 || opts.Priority > math.MaxInt16 {
		return nil, fmt.Errorf("session: enqueue: priority %d: want -32768 to 32767", opts.Priority)
	}
	work := make([]Work, len(b.entries))
	ids := make([]WorkID, len(b.entries))
	order := nextOrder(len(b.entries))
	for i, e := range b.entries {
		w := &work[i]
		w.ID, w.Device, w.Priority, w.Order = newWorkID(device, opts.User, opts.Key, i), device, opts.Priority, order+int64(i)
		w.NotBefore, w.Expires = opts.NotBefore, opts.Expires
		if w.User = opts.User; w.User == "" && e.forUser() {
			w.User = EnrolledUser
		}
		w.Body = storeEntry(e)
		ids[i] = w.ID
	}
	if err := q.store.Commit(ctx, device, AnyRev, &Change{Put: work}); err != nil {
		return nil, fmt.Errorf("session: enqueue for device %q: %w", device, err)
	}
	return ids, nil
}

// lastOrder is the Order of the last work that was queued here: work of one process is in order even where the clock
// stands still.
var lastOrder struct {
	sync.Mutex
	n int64
}

func nextOrder(n int) int64 {
	lastOrder.Lock()
	defer lastOrder.Unlock()
	first := max(lastOrder.n+1, time.Now().UnixMicro())
	lastOrder.n = first + int64(n)
	return first
}

var workIDs = base32.StdEncoding.WithPadding(base32.NoPadding)

// idSize is how many octets a WorkID spells.
const idSize = 16

// newWorkID returns a new name, or with a key the one that this work has always had. New names begin with the time, so that
// work that comes and goes together lies together where a store keeps it in the order of its names.
func newWorkID(device, user, key string, i int) WorkID {
	var id [sha256.Size]byte
	if key == "" {
		binary.BigEndian.PutUint64(id[:], uint64(time.Now().UnixMilli())<<16)
		rand.Read(id[6:idSize])
	} else {
		name := fmt.Appendf(nil, "%d:%s%d:%s%d", len(device), device, len(key), key, i)
		if user != "" {
			name = fmt.Appendf(name, ":%s", strings.ToLower(user)) // names are compared so
		}
		id = sha256.Sum256(name)
	}
	return WorkID(workIDs.EncodeToString(id[:idSize]))
}

// idOctets returns the octets that id spells, and whether it is the one WorkID that spells them.
func idOctets(id string) (octets [idSize]byte, ok bool) {
	var text [(8*idSize + 4) / 5]byte
	if len(id) != len(text) {
		return octets, false
	}
	copy(text[:], id)
	if _, err := workIDs.Decode(octets[:], text[:]); err != nil {
		return octets, false
	}
	workIDs.Encode(text[:], octets[:])
	return octets, string(text[:]) == id
}

// idOctets reads a WorkID that is stored as its octets.
func (p *parser) idOctets() string {
	if len(p.s) < idSize {
		p.fail()
		return ""
	}
	var octets [idSize]byte
	copy(octets[:], p.s)
	p.s = p.s[idSize:]
	return workIDs.EncodeToString(octets[:])
}

// forUser reports whether e, or a command in it, concerns a node of the user's.
func (e *Entry) forUser() bool {
	if len(e.uri) >= 6 && strings.EqualFold(string(e.uri[:6]), "./User") && e.uri.Within("./User") {
		return true
	}
	for _, c := range e.children() {
		if c.forUser() {
			return true
		}
	}
	return false
}

// QueuedWork is work as an operator sees it.
type QueuedWork struct {
	ID        WorkID
	Device    string
	Status    WorkStatus
	User      string // whom it waits for; empty: nobody
	Priority  int
	NotBefore time.Time
	Expires   time.Time
	DoneAt    time.Time
	Command   string     // Get, Set, Atomic, ...
	URI       dmtree.URI // empty for Alert, Atomic and Sequence
	Label     string
	Result    *Result // of work that is done
}

// errNoWorkStore says that the store can do no more than the server needs.
var errNoWorkStore = errors.New("session: the store is no WorkStore")

func (q *Queue) workStore() (WorkStore, error) {
	ws, ok := q.store.(WorkStore)
	if !ok {
		return nil, fmt.Errorf("%w: %T", errNoWorkStore, q.store)
	}
	return ws, nil
}

// Work returns one piece of work; [ErrNoWork] if there is none of that ID.
func (q *Queue) Work(ctx context.Context, id WorkID) (*QueuedWork, error) {
	ws, err := q.workStore()
	if err != nil {
		return nil, err
	}
	w, err := ws.Work(ctx, id)
	if err != nil {
		return nil, err
	}
	return queuedWork(w)
}

func queuedWork(w *Work) (*QueuedWork, error) {
	e, err := parseEntry(string(w.Body))
	if err != nil {
		return nil, fmt.Errorf("session: work %s of device %q: %w", w.ID, w.Device, err)
	}
	out := &QueuedWork{
		ID: w.ID, Device: w.Device, Status: w.Status, User: w.User, Priority: w.Priority,
		NotBefore: w.NotBefore, Expires: w.Expires, DoneAt: w.DoneAt,
		Command: e.kind.String(), URI: e.uri, Label: e.label,
	}
	if w.Status == WorkDone {
		if out.Result, err = parseResult(w.Outcome); err != nil {
			return nil, fmt.Errorf("session: outcome of work %s of device %q: %w", w.ID, w.Device, err)
		}
	}
	return out, nil
}

// List yields the work of a device, or of all devices if device is empty: what is still to be done in the order in which
// it will be, then the rest. An error ends it.
func (q *Queue) List(ctx context.Context, device string) iter.Seq2[*QueuedWork, error] {
	return func(yield func(*QueuedWork, error) bool) {
		ws, err := q.workStore()
		if err != nil {
			yield(nil, err)
			return
		}
		for w, err := range ws.List(ctx, device) {
			var qw *QueuedWork
			if err == nil {
				qw, err = queuedWork(w)
			}
			if !yield(qw, err) || err != nil {
				return
			}
		}
	}
}

// ErrCancelled is what Wait returns for work that was withdrawn.
var ErrCancelled = errors.New("session: the work was cancelled")

// waitPoll is how often Wait looks for an outcome that another process may have recorded.
const waitPoll = time.Second

// Wait returns the outcome of a piece of work once it is done, or the cause of the end of ctx.
func (q *Queue) Wait(ctx context.Context, id WorkID) (*Result, error) {
	tick := time.NewTicker(waitPoll)
	defer tick.Stop()
	for {
		done := q.engine.wait(id)
		w, err := q.Work(ctx, id)
		switch {
		case err != nil:
		case w.Status == WorkDone:
			q.engine.forget(id, done)
			return w.Result, nil
		case w.Status == WorkCancelled:
			err = fmt.Errorf("%w: %s", ErrCancelled, id)
		}
		if err != nil {
			q.engine.forget(id, done)
			return nil, err
		}
		select {
		case <-done:
		case <-tick.C:
			q.engine.forget(id, done)
		case <-ctx.Done():
			q.engine.forget(id, done)
			return nil, context.Cause(ctx)
		}
	}
}

// Cancel withdraws work that has not been sent, and returns what it is now: work that is leased or done stays so.
func (q *Queue) Cancel(ctx context.Context, id WorkID) (*QueuedWork, error) {
	return q.change(ctx, id, &Change{Cancel: []WorkID{id}})
}

// Requeue queues work again that is done or was cancelled, and returns what it is now. Its outcome is forgotten.
func (q *Queue) Requeue(ctx context.Context, id WorkID) (*QueuedWork, error) {
	return q.change(ctx, id, &Change{Requeue: []WorkID{id}})
}

func (q *Queue) change(ctx context.Context, id WorkID, c *Change) (*QueuedWork, error) {
	w, err := q.Work(ctx, id)
	if err != nil {
		return nil, err
	}
	if err := q.store.Commit(ctx, w.Device, AnyRev, c); err != nil {
		return nil, fmt.Errorf("session: work %s of device %q: %w", id, w.Device, err)
	}
	q.engine.announce([]Done{{ID: id}})
	return q.Work(ctx, id)
}

// Purge forgets work that has been done or cancelled before t, and returns how much. What was queued with a key may then
// be queued again.
func (q *Queue) Purge(ctx context.Context, t time.Time) (int, error) {
	ws, err := q.workStore()
	if err != nil {
		return 0, err
	}
	return ws.Purge(ctx, t)
}
