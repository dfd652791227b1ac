package session

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/syncml"
)

// Script lets straight-line code talk to a device: v, err := c.Get(uri), then decide. It begins with a session, and goes
// on until f returns; then the session ends, unless there is something else to send.
//
// f is run from its start at each message. Calls that were answered in an earlier one return at once, with the results
// recorded then; the first that was not does not return at all: its commands are sent, and f is unwound by a panic, which
// it must let pass. So a script parks no goroutine and works on any node, and f must ask the same each time as long as it
// gets the same answers: no clock, no random numbers, no database but through [Once]. A run that asks differently than
// before is an error.
//
// A script whose session dies goes on in the next one. An error that f returns ends it, and is logged, or, a
// [*StatusError], answered; f then starts over in the next session.
func Script(f func(ctx context.Context, c *Conversation) error) Handler {
	return HandlerFunc(func(w *Writer, r *Request) error { return runScript(w, r, f) })
}

// A Conversation is a script's side of a session. Its methods return once the device has answered. It must not be kept,
// nor used concurrently.
type Conversation struct {
	w    *Writer
	r    *Request
	j    *scriptLog
	step int // of the next call

	waits bool // a call has begun to unwind the script
	over  bool // the script has returned
}

// scriptLog is what has been said in a script so far.
type scriptLog struct {
	owner string // of the script
	over  bool   // it has returned
	steps []step
	once  []onceDone
}

// step is one call.
type step struct {
	sum     [8]byte // of what was asked
	results []*Result
}

// onceDone is an effect that must not be had again.
type onceDone struct {
	key, value string
}

// paused unwinds a script that waits for the device, mismatch one that asks differently than before.
type (
	paused   struct{}
	mismatch struct{ err error }
)

// Error is what shows where the panic ends in a place that it was not meant for.
func (paused) Error() string {
	return "session: the script waits for the device, and this panic unwinds it: call on its goroutine and do not recover"
}

// errScript is a run that asked differently than the one before.
var errScript = errors.New("session: the script asks differently than before")

func runScript(w *Writer, r *Request, f func(ctx context.Context, c *Conversation) error) (err error) {
	j := w.x.sess.journal(w.owner)
	j.take(r.Results)
	if j.over || !r.Last {
		return nil // commands can be sent with the last message of a package only
	}
	c := &Conversation{w: w, r: r, j: j}
	defer func() {
		c.over = true
		switch p := recover().(type) {
		case nil:
			if c.waits {
				w.x.warn(errors.New("session: the script recovered the panic that unwinds it while it waits for the device"))
				err = nil
				return
			}
			if c.step < len(j.steps) && err == nil {
				err = fmt.Errorf("%w: it ends after %d of %d calls", errScript, c.step, len(j.steps))
			}
			j.over, j.steps, j.once = true, nil, nil
			var se *StatusError
			if errors.As(err, &se) {
				w.status = se
			} else if err != nil {
				w.x.warn(err)
			}
			err = nil // what it was told, it has heard
		case paused:
			err = nil
		case mismatch:
			j.over, j.steps, j.once = true, nil, nil
			w.x.warn(p.err)
			err = nil
		default:
			panic(p)
		}
	}()
	return f(r.Context(), c)
}

// take records results.
func (j *scriptLog) take(results []Result) {
	for i := range results {
		name, ok := strings.CutPrefix(results[i].owner, j.owner+"/")
		if !ok {
			continue
		}
		s, n, _ := strings.Cut(name, ".")
		at, err1 := strconv.Atoi(s)
		of, err2 := strconv.Atoi(n)
		if err1 != nil || err2 != nil || at >= len(j.steps) || of >= len(j.steps[at].results) {
			continue
		}
		j.steps[at].results[of] = &results[i]
	}
}

// Do sends several commands at once and returns their results, in order. The error is a mistake in the batch; what the
// device did not do shows in the results.
func (c *Conversation) Do(fill func(b *Batch)) ([]Result, error) {
	switch {
	case c.over:
		panic("session: a Conversation outside of its script")
	case c.waits:
		c.pause()
	}
	b := new(Batch)
	fill(b)
	if err := b.Err(); err != nil {
		return nil, err
	}
	if len(b.entries) == 0 {
		return nil, nil
	}
	h := sha256.New()
	for _, e := range b.entries {
		h.Write(storeEntry(e))
	}
	at := c.step
	c.step++
	if at == len(c.j.steps) {
		s := step{sum: [8]byte(h.Sum(nil)), results: make([]*Result, len(b.entries))}
		c.j.steps = append(c.j.steps, s)
		for i, e := range b.entries {
			part := &Writer{owner: fmt.Sprintf("%s/%d.%d", c.j.owner, at, i)}
			part.entries = []*Entry{e}
			c.w.parts = append(c.w.parts, part)
		}
		c.pause()
	}
	s := &c.j.steps[at]
	if s.sum != [8]byte(h.Sum(nil)) || len(s.results) != len(b.entries) {
		panic(mismatch{fmt.Errorf("%w, in call %d: %s %s", errScript, at+1, b.entries[0].kind, b.entries[0].uri)})
	}
	if slices.Contains(s.results, nil) {
		c.pause()
	}
	results := make([]Result, len(s.results))
	for i, r := range s.results {
		results[i] = *r
	}
	return results, nil
}

// pause unwinds the script until the device has answered.
func (c *Conversation) pause() {
	c.waits = true
	panic(paused{})
}

// one sends one command.
func (c *Conversation) one(fill func(b *Batch)) (*Result, error) {
	results, err := c.Do(fill)
	if err != nil {
		return nil, err
	}
	return &results[0], results[0].Err()
}

// Get returns the value of a node.
func (c *Conversation) Get(u dmtree.URI) (dmtree.Value, error) {
	r, err := c.one(func(b *Batch) { b.Get(u) })
	if err != nil {
		return dmtree.Null, err
	}
	return r.Value()
}

// Add creates a node.
func (c *Conversation) Add(u dmtree.URI, v dmtree.Value) error {
	_, err := c.one(func(b *Batch) { b.Add(u, v) })
	return err
}

// Replace sets the value of a node that exists.
func (c *Conversation) Replace(u dmtree.URI, v dmtree.Value) error {
	_, err := c.one(func(b *Batch) { b.Replace(u, v) })
	return err
}

// Set gives a node a value, whether it exists or not.
func (c *Conversation) Set(u dmtree.URI, v dmtree.Value) error {
	_, err := c.one(func(b *Batch) { b.Set(u, v) })
	return err
}

// Delete removes a node with everything below it.
func (c *Conversation) Delete(u dmtree.URI) error {
	_, err := c.one(func(b *Batch) { b.Delete(u) })
	return err
}

// Exec starts what a node stands for. Status 202, goes on, is no error: see [Result.Status].
func (c *Conversation) Exec(u dmtree.URI, arg dmtree.Value) (*Result, error) {
	return c.one(func(b *Batch) { b.Exec(u, arg) })
}

// Atomic has commands done all or not at all. The Result, if there is one, tells of each of them.
func (c *Conversation) Atomic(fill func(b *Batch)) (*Result, error) {
	return c.one(func(b *Batch) { b.Atomic(fill) })
}

// Ask asks the user of the device: see [Batch.Alert].
func (c *Conversation) Ask(code syncml.AlertCode, opts *AlertOptions, text string, choices ...string) (*Result, error) {
	return c.one(func(b *Batch) { b.Alert(code, opts, text, choices...) })
}

// Request returns the message that is being handled. It differs from run to run, so nothing that the script sends may
// depend on more of it than Identity and DevInfo.
func (c *Conversation) Request() *Request { return c.r }

// Once runs f in the first run of the script that comes here, and returns what it returned then in all others: for what
// must not happen again, or would not come out the same, such as a database's answer. The value is kept as JSON under
// key, which names the effect: wherever a script comes to the same key again, in a loop say, it gets the same value. An error
// of f is returned and not kept.
//
// Should the node die before the answer to the device's message is committed, f runs again.
func Once[T any](c *Conversation, key string, f func() (T, error)) (T, error) {
	var v T
	for _, o := range c.j.once {
		if o.key == key {
			if err := json.Unmarshal([]byte(o.value), &v); err != nil {
				return v, fmt.Errorf("session: once %q: %w", key, err)
			}
			return v, nil
		}
	}
	v, err := f()
	if err != nil {
		return v, err
	}
	b, err := json.Marshal(v)
	if err != nil {
		return v, fmt.Errorf("session: once %q: %w", key, err)
	}
	c.j.once = append(c.j.once, onceDone{key, string(b)})
	return v, nil
}

func (a *appender) journal(j *scriptLog) {
	a.str(j.owner)
	a.bool(j.over)
	a.uint(uint64(len(j.steps)))
	for i := range j.steps {
		s := &j.steps[i]
		a.b = append(a.b, s.sum[:]...)
		a.uint(uint64(len(s.results)))
		for _, r := range s.results {
			a.bool(r != nil)
			if r != nil {
				a.result(r)
			}
		}
	}
	a.uint(uint64(len(j.once)))
	for _, o := range j.once {
		a.str(o.key)
		a.str(o.value)
	}
}

func (p *parser) journal() *scriptLog {
	j := &scriptLog{owner: p.str(), over: p.bool()}
	j.steps = make([]step, p.count())
	for i := range j.steps {
		s := &j.steps[i]
		if len(p.s) < len(s.sum) {
			p.fail()
			return j
		}
		copy(s.sum[:], p.s)
		p.s = p.s[len(s.sum):]
		s.results = make([]*Result, p.count())
		for k := range s.results {
			if p.bool() {
				r := p.result(1)
				s.results[k] = &r
			}
		}
	}
	for range p.count() {
		j.once = append(j.once, onceDone{p.str(), p.str()})
	}
	return j
}
