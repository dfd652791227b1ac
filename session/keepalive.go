package session

import (
	"bytes"
	"context"
	"errors"
	"runtime/debug"
	"slices"
	"strconv"
	"time"

	"github.com/omadm-sdk/omadm/syncml"
)

// An execution is that of one message of the server. With [Client].KeepAlive it has a goroutine of its own, and only that
// touches x, object and sum until done is closed.
type execution struct {
	in     *Reply
	orders bool    // the message holds more than a request for the next one
	queue  []entry // answers that come before those of x

	x      *executor
	object assembly
	sum    TracedSession // what has been counted, and was before

	done  chan struct{}
	cause any // that a panic of the tree gave; nil: it did not panic
}

// errGone is what an execution ended with that neither returned nor panicked.
var errGone = errors.New("session: the goroutine that executed a message has been ended")

// begin executes commands: before it returns, or with KeepAlive meanwhile.
func (d *Dialog) begin(ctx context.Context, w *execution, cmds []syncml.Command) {
	if d.alive <= 0 {
		w.x.run(ctx, cmds)
		d.work = w
		return
	}
	d.work = w
	w.done = make(chan struct{})
	go func() {
		w.cause = errGone
		defer close(w.done)
		defer func() {
			if r := recover(); r != nil {
				w.cause = r // of whoever waits for it
				d.logger().ErrorContext(ctx, "the tree panics", "panic", r, "stack", string(debug.Stack()))
			}
		}()
		w.x.run(ctx, cmds)
		w.cause = nil
	}()
}

// busy waits for the execution to end, but no longer than KeepAlive. It returns how long it has waited, and whether the
// server should be told that it has to wait: not if that were to take the last message of the session.
func (d *Dialog) busy() (waited time.Duration, busy bool) {
	w := d.work
	if w == nil || w.done == nil {
		return 0, false
	}
	start := time.Now()
	timer := time.NewTimer(d.alive)
	defer timer.Stop()
	select {
	case <-w.done:
	case <-timer.C:
		if d.limits.Messages < 0 || d.s.MsgID+1 < d.limits.Messages {
			return time.Since(start), true
		}
		<-w.done
	}
	return time.Since(start), false
}

// finish waits for the execution, if there is one, and queues the answers.
func (d *Dialog) finish() {
	w, s := d.work, d.s
	if w == nil {
		return
	}
	d.work = nil
	if w.done != nil {
		<-w.done
		if w.cause != nil {
			panic(w.cause) // what is stored says that the message was being executed
		}
	}
	queue := w.queue
	for _, c := range w.x.out {
		queue = append(queue, entry{Command: c})
	}
	if w.orders {
		s.Queue = append(s.Queue, queue...)
	} else {
		s.Queue = append(queue, s.Queue...) // Status of 1222, before the rest of our package
	}
	s.Object, s.Commands, s.Failed = w.object, w.sum.Commands, w.sum.Failed
	s.In, s.InChal = nil, nil
}

// keepAlive makes the message that tells the server to wait. first goes first.
func (d *Dialog) keepAlive(ctx context.Context, now time.Time, r *reception, first []entry) (*Exchange, error) {
	s := d.s
	if len(s.In) == 0 { // what changes nothing is not stored elsewhere
		s.In, s.InType = d.work.in.Body, d.work.in.HTTP.Get("Content-Type")
	}
	s.InCode, s.InChal = 0, nil // the message answers its header
	s.Busy = true
	return d.compose(ctx, now, r, func(p *packer) ([]byte, error) { return p.busy(first) })
}

// busy encodes a message that says no more than that the answer takes longer: without Final, and without asking for
// anything (MS-MDM). The queue stays as it is.
func (p *packer) busy(first []entry) ([]byte, error) {
	var buf bytes.Buffer
	enc := syncml.NewEncoder(&buf, p.options())
	if err := enc.Begin(p.h); err != nil {
		return nil, small(err)
	}
	cmds := []syncml.Command{p.status}
	for _, e := range first {
		cmds = append(cmds, e.Command)
	}
	for i, c := range append(cmds, clientEvent("Reversed-Domain-Name:"+typePending, "1")) {
		c.SetID(strconv.Itoa(p.id + i))
		if err := enc.Encode(c); err != nil {
			return nil, small(err)
		}
	}
	p.s.Last, p.final = nil, false
	err := enc.End(false)
	return buf.Bytes(), err
}

// kept deals with the answer to a message of keepAlive. What it asks for beyond Statuses is done once the message before it
// has been executed.
func (d *Dialog) kept(ctx context.Context, now time.Time, in *Reply, msg *syncml.Message, v *verdict) (*Exchange, error) {
	if d.work == nil && len(d.s.In) > 0 { // this process has taken over from one that died
		old, before, err := d.interruptedMessage()
		if err != nil {
			return nil, err
		}
		if err := d.obey(ctx, old, before, orders(before.Commands), v, true); err != nil {
			return nil, err
		}
	}
	if v.refused || slices.ContainsFunc(orders(msg.Commands), isOrder) {
		d.finish()
		d.s.Busy = false
		return d.execute(ctx, now, in, msg, v, false)
	}
	cmds, challenged, err := d.statuses(ctx, msg, v)
	if err != nil {
		return nil, err
	}
	d.header(&msg.Header)
	d.s.Closed = d.s.Closed || msg.Final
	x := &executor{rules: d.rules, msgID: msg.Header.MsgID, seen: make(map[string]bool)}
	x.run(ctx, cmds) // requests for the next message, which it is anyway
	var first []entry
	for _, c := range x.out {
		first = append(first, entry{Command: c})
	}
	if challenged && d.work != nil { // it is said again, with other credentials
		return d.keepAlive(ctx, now, &reception{msg: msg, verdict: v}, first)
	}
	return d.reply(ctx, now, &reception{msg: msg, verdict: v}, first)
}

// orders returns what of a message is to be executed: all but the Statuses.
func orders(cmds []syncml.Command) []syncml.Command {
	return slices.DeleteFunc(slices.Clone(cmds), func(c syncml.Command) bool { _, status := c.(*syncml.Status); return status })
}
