package session

import (
	"context"
	"log/slog"
	"strconv"
	"time"

	"github.com/omadm-sdk/omadm/syncml"
)

// What a Dialog tells its Trace and Logger.

func (d *Dialog) logger() *slog.Logger {
	l := d.c.Logger
	if l == nil {
		l = slog.Default()
	}
	return l.With("device", d.c.ID, "session", d.s.ID)
}

func (d *Dialog) traced() *TracedSession {
	return &TracedSession{
		Device: d.c.ID, SessionID: d.s.ID, User: d.s.User, Start: d.s.Start,
		Messages: d.s.Messages, Commands: d.s.Commands, Failed: d.s.Failed,
	}
}

// hook calls one of Trace's, one at a time.
func (d *Dialog) hook(call func()) {
	d.hooks.Lock()
	defer d.hooks.Unlock()
	call()
}

func (d *Dialog) began(ctx context.Context) {
	if t := d.c.Trace; t != nil && t.Began != nil {
		d.hook(func() { t.Began(ctx, d.traced()) })
	}
}

func (d *Dialog) ended(ctx context.Context, reason error) {
	s := d.traced()
	s.Reason = "done"
	if reason != nil {
		s.Reason = reason.Error()
		d.logger().WarnContext(ctx, "session ended early", "err", reason)
	} else {
		d.logger().DebugContext(ctx, "session over", "messages", s.Messages, "commands", s.Commands, "failed", s.Failed)
	}
	if t := d.c.Trace; t != nil && t.Ended != nil {
		d.hook(func() { t.Ended(ctx, s) })
	}
}

// executed counts a command in s and tells what became of it.
func (d *Dialog) executed(ctx context.Context, s *TracedSession, c syncml.Command, code syncml.StatusCode) {
	if children(c) == nil {
		s.Commands++
		if !succeeded(code) {
			s.Failed++
			d.logger().DebugContext(ctx, "command failed", "cmd", c.Name(), "status", int(code))
		}
	}
	if t := d.c.Trace; t != nil && t.Executed != nil {
		now := *s // what a hook is given is its own
		d.hook(func() { t.Executed(ctx, &now, c, code) })
	}
}

// received traces a message of the server; msg is nil if it cannot be read.
func (d *Dialog) received(ctx context.Context, now time.Time, in *Reply, msg *syncml.Message) {
	t := d.c.Trace
	if t == nil || t.Received == nil {
		return
	}
	m := &TracedMessage{Time: now, Device: d.c.ID, Status: in.Status, HTTP: in.HTTP, Body: in.Body, TLS: in.TLS}
	if msg != nil {
		m.SessionID, m.MsgID, m.Encoding = msg.Header.SessionID, msg.Header.MsgID, d.s.Encoding
	}
	d.hook(func() { t.Received(ctx, m) })
}

// sent traces a message of ours.
func (d *Dialog) sent(ctx context.Context, now time.Time, out *Exchange) {
	t := d.c.Trace
	if t == nil || t.Sent == nil {
		return
	}
	encoding, _ := syncml.EncodingOf(out.HTTP.Get("Content-Type"))
	m := &TracedMessage{
		Time: now, Device: d.c.ID, SessionID: d.s.ID, MsgID: strconv.Itoa(d.s.MsgID), Encoding: encoding,
		URL: out.URL, HTTP: out.HTTP, Body: out.Body,
	}
	d.hook(func() { t.Sent(ctx, m) })
}
