package session

import (
	"context"
	"errors"
	"iter"
	"time"
)

// A Store holds what a server remembers of its devices: one record each, and the work that is queued for them. One
// message costs one Load and one Commit (two, where a [Handler] is told something): session state, nonces, last reply,
// leases and outcomes change together or not at all, so that any node can take the next message.
//
// Stores are safe for concurrent use. Package session/storetest tests them.
type Store interface {
	// Load returns the record of a device; that of one never seen has Rev 0 and nothing else. Its Work holds all that
	// is leased, then what waits and is due at now: at most limit for each User, in the order of Priority, highest
	// first, and Order. Work whose time has run out is due as well.
	// The caller does not change what it gets.
	Load(ctx context.Context, device string, now time.Time, limit int) (*Record, error)

	// Commit makes all of c true at once, or nothing. The record must have revision rev still, and work that is to be
	// leased must wait still, or Commit returns [ErrConflict]. After it the record has the next revision. With rev [AnyRev] it leaves the record as it is, State, Reply and
	// revision, and changes the work only. The store does not keep c's slices unless they are payloads.
	Commit(ctx context.Context, device string, rev int64, c *Change) error
}

// AnyRev is the revision for a [Store.Commit] that changes nothing but queued work.
const AnyRev int64 = -1

// ErrConflict is what [Store.Commit] returns when the record has changed since it was loaded.
var ErrConflict = errors.New("session: the device's record has changed")

// ErrNoWork is what a [WorkStore] returns for work it does not know.
var ErrNoWork = errors.New("session: no such work")

// A Record is what a Store holds of one device.
type Record struct {
	Rev   int64  // 0: never committed
	State []byte // opaque, small
	Reply []byte // opaque: the last reply of each session; none once it may be forgotten
	Work  []Work
}

// A Change is what one Commit does. Slices that are nil change nothing, except for State and Reply, which are the new
// ones in any case (but see [AnyRev]).
type Change struct {
	State, Reply []byte
	ReplyUntil   time.Time // Reply may be forgotten after that; zero: never

	Put     []Work   // new work. One whose ID is known already, waiting or done, is left alone
	Lease   []WorkID // waiting work is leased to the device's session; what does not wait is a conflict
	Release []WorkID // leased work waits again
	Done    []Done   // leased or waiting work is done; its outcome is kept
	Cancel  []WorkID // waiting work is cancelled; leased or done work is left alone
	Requeue []WorkID // done or cancelled work waits again, without outcome
}

// WorkID names one queued command: up to 32 characters of base32.
type WorkID string

// Work is one command in the queue of a device.
type Work struct {
	ID       WorkID
	Device   string
	Priority int    // higher goes first; from -32768 to 32767
	Order    int64  // among work of one priority, lower goes first
	User     string // holds the work until that user is signed in; see [EnqueueOptions]. Empty: it is for the device

	NotBefore time.Time // zero: at once
	Expires   time.Time // zero: never
	Body      []byte    // the command, opaque; the same octets for many devices, so stores keep them once

	Status  WorkStatus // set by the store
	DoneAt  time.Time  // when it was done or cancelled
	Outcome []byte     // of work that is done, opaque
}

// Done is the outcome of one piece of work.
type Done struct {
	ID      WorkID
	At      time.Time
	Outcome []byte // opaque
}

// WorkStatus says how far a piece of work is.
type WorkStatus uint8

const (
	WorkWaiting   WorkStatus = iota // has not been sent
	WorkLeased                      // a session has it
	WorkDone                        // has an outcome
	WorkCancelled                   // was withdrawn before it was sent
)

// String returns "waiting", "leased", "done" or "cancelled".
func (s WorkStatus) String() string {
	switch s {
	case WorkWaiting:
		return "waiting"
	case WorkLeased:
		return "leased"
	case WorkDone:
		return "done"
	case WorkCancelled:
		return "cancelled"
	}
	return "invalid"
}

// A WorkStore is a [Store] whose work can be looked at. Every store of this module is one; [Queue] needs it for all but
// Enqueue.
type WorkStore interface {
	Store

	// Work returns one piece of work, or ErrNoWork.
	Work(ctx context.Context, id WorkID) (*Work, error)

	// List yields the work of a device, or of all devices if device is empty: what waits or is leased in the order of
	// Load, then what is done or cancelled. An error ends it.
	List(ctx context.Context, device string) iter.Seq2[*Work, error]

	// Purge forgets work that was done or cancelled before t, and returns how much.
	Purge(ctx context.Context, t time.Time) (int, error)
}
