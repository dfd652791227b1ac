package session

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/syncml"
)

// A Dialog is one session of a [Client] without a transport: it makes messages and takes the server's answers. [Client.Run]
// puts HTTP around it; tests and simulators drive it themselves. It is not safe for concurrent use.
type Dialog struct {
	c       *Client
	opts    RunOptions
	rules   *profile
	limits  Limits
	call    *dmtree.Call
	alive   time.Duration // KeepAlive; 0: none
	st      *clientState
	s       *openSession
	resumed bool       // s was found in the store, and its last message is to be sent again
	work    *execution // of a message that is not answered yet; nil: there is none
	hooks   sync.Mutex // held while one of Trace runs

	over   bool
	ending error // what ends the session once the message that says so has been answered
	done   bool  // the next answer is not looked at
	again  int   // answers in a row that were none to our last message
}

// Begin opens a session at the time now, or goes on with one that was open when the process died; see Limits.Replay. Nil
// options mean a session that the device started by itself. The message comes from Next; Close must be called in the end.
func (c *Client) Begin(ctx context.Context, now time.Time, opts *RunOptions) (*Dialog, error) {
	if c.URL == "" || c.ID == "" || c.Tree == nil {
		return nil, errors.New("session: a client needs URL, ID and Tree")
	}
	if opts != nil && opts.Notification != nil && opts.Notification.SessionID == 0 {
		return nil, fmt.Errorf("%w: want a session ID from 1 to 65535", ErrNotification)
	}
	if !c.running.CompareAndSwap(false, true) {
		return nil, errors.New("session: a session of this client is going on")
	}
	d := &Dialog{c: c, rules: c.Profile.rules(), limits: c.Limits.withDefaults()}
	if opts != nil {
		d.opts = *opts
	}
	if d.rules.keepAlive {
		d.alive = c.KeepAlive
	}
	if err := d.open(ctx, now); err != nil {
		c.running.Store(false)
		return nil, err
	}
	if left := c.cutOff; left != nil && left != d.call {
		left.EndSession(context.WithoutCancel(ctx)) // nobody waits for the rest of that session any more
	}
	c.cutOff = nil
	if d.call == nil {
		d.call = dmtree.NewCall(c.server(), d.s.User)
	}
	d.began(ctx)
	return d, nil
}

func (c *Client) server() string {
	if c.Server != "" {
		return c.Server
	}
	return c.URL
}

// open loads what is stored and makes or finds the session.
func (d *Dialog) open(ctx context.Context, now time.Time) error {
	c := d.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.loadState(ctx); err != nil {
		return err
	}
	d.st = c.state
	n := d.opts.Notification
	if s := d.st.Session; s != nil && n == nil && s.MsgID > 0 && d.limits.Replay > 0 && now.Sub(s.Saved) < d.limits.Replay {
		d.s, d.resumed, d.call = s, true, c.cutOff
		return nil
	}
	s := &openSession{User: d.opts.User, Mode: d.opts.Mode, Start: now, URL: d.address(), Encoding: c.Encoding, Closed: true}
	if s.Encoding == syncml.Auto {
		s.Encoding = syncml.XML
	}
	if n != nil {
		if d.st.acted(n) {
			return ErrStale
		}
		d.st.act(n, now)
		s.ID = n.ID()
	} else {
		if d.st.Counter == 0 {
			// A device that does not remember its sessions must not give one the number of another: the server would take
			// its first message for that one repeated, and have it do everything once more.
			d.st.Counter = uint16(rand.N(math.MaxUint16))
		}
		d.st.Counter++
		if d.st.Counter == 0 {
			d.st.Counter = 1
		}
		s.ID = strings.ToUpper(strconv.FormatUint(uint64(d.st.Counter), 16))
	}
	d.st.Session, d.s = s, s
	return nil
}

// Next takes the server's answer to the last message, nil at first, and returns the next message, or nil when the session
// is over. An error ends the session as well. now is the time at which the answer came.
//
// When Next has returned, what it returned is what a repeated message would be: it is stored, and nothing that was
// executed is executed again.
//
// With [Client].KeepAlive, Next may return before all is executed: the message then says no more than that, and the
// rest is executed meanwhile, under this ctx. Next, Abort or Close wait for it.
func (d *Dialog) Next(ctx context.Context, now time.Time, in *Reply) (*Exchange, error) {
	if d.over {
		return nil, ErrOver
	}
	var out *Exchange
	var err error
	switch {
	case in == nil && d.resumed:
		out, err = d.resume(ctx, now)
	case in == nil:
		out, err = d.first(ctx, now)
	case d.done:
		err = d.ending
	default:
		out, err = d.answer(ctx, now, in)
	}
	if out == nil || err != nil {
		return nil, errors.Join(err, d.end(ctx, err))
	}
	d.sent(ctx, now, out)
	return out, nil
}

// Abort gives the session up: it returns the message that says so (alert 1223), whose answer is of no interest, or nil
// if the session is over or has not begun.
func (d *Dialog) Abort(ctx context.Context, now time.Time) (*Exchange, error) {
	if d.over || d.s.MsgID == 0 {
		return nil, nil
	}
	d.finish()
	d.s.Queue = []entry{{Command: &syncml.Alert{Code: syncml.AlertAbort}}}
	d.s.Object = assembly{}
	d.s.Closed = true
	d.done = true
	out, err := d.message(ctx, now, nil)
	if err != nil {
		return nil, err
	}
	d.sent(ctx, now, out)
	return out, nil
}

// Close lets the next session begin. One that Next has not ended stays stored, and the next Begin can go on with it;
// what waits for its end (see [dmtree.Call]) runs when it has ended, or when another one begins in its place.
func (d *Dialog) Close(ctx context.Context) {
	if d.over {
		return
	}
	d.over = true
	defer d.c.running.Store(false)
	d.c.cutOff = d.call
	if d.work != nil {
		d.finish()
		if err := d.c.save(context.WithoutCancel(ctx), keyState, d.st); err != nil {
			d.logger().ErrorContext(ctx, "what was executed is not stored", "err", err)
		}
	}
	d.ended(ctx, errors.New("cut off"))
}

// Summary tells what has happened so far.
func (d *Dialog) Summary() *Summary {
	return &Summary{SessionID: d.s.ID, Messages: d.s.Messages, Commands: d.s.Commands, Failed: d.s.Failed}
}

// end closes the session for good.
func (d *Dialog) end(ctx context.Context, reason error) error {
	d.over = true
	d.finish()
	d.st.Session = nil
	err := d.c.save(context.WithoutCancel(ctx), keyState, d.st)
	if reason == nil { // a session that went well, and in which the server had nothing to say to these
		for _, key := range d.s.Alert {
			err = errors.Join(err, d.c.answered(ctx, key, 0, d.limits.AlertSessions))
		}
	}
	d.ended(ctx, reason)
	d.c.running.Store(false)
	d.call.EndSession(context.WithoutCancel(ctx))
	return err
}
