package session

import (
	"context"
	"crypto/tls"
	"net/http"
	"slices"
	"time"

	"github.com/omadm-sdk/omadm/syncml"
)

// A Trace is a set of hooks that an engine calls as it goes: for logs, metrics and recordings. Any of them may be nil.
// They run on the engine's goroutine, so they should not take long; they may be called concurrently for different
// devices. What they are given they may read until they return.
type Trace struct {
	// Received is called with each message that has arrived, readable or not.
	Received func(ctx context.Context, m *TracedMessage)
	// Sent is called with each message that is about to leave; one that is sent again is traced again.
	Sent func(ctx context.Context, m *TracedMessage)

	// Began and Ended are called at both ends of a session.
	Began func(ctx context.Context, s *TracedSession)
	Ended func(ctx context.Context, s *TracedSession)

	// Outcome is called on a server with each result, once it is complete.
	Outcome func(ctx context.Context, s *TracedSession, r *Result)
	// Executed is called on a client with each command of the server, once it has been executed: on the goroutine that
	// executes, with [Client].KeepAlive, yet not while another hook of the session runs.
	Executed func(ctx context.Context, s *TracedSession, c syncml.Command, code syncml.StatusCode)

	// Refused is called on a server with each message that was not accepted, and the reason.
	Refused func(ctx context.Context, m *TracedMessage, reason error)
	// Repeated is called on a server with each message that had been answered before.
	Repeated func(ctx context.Context, m *TracedMessage)
}

// A TracedMessage is one message on its way.
type TracedMessage struct {
	Time      time.Time
	Device    string          // as the message says; not proved
	SessionID string          // empty if the message cannot be read
	MsgID     string          // likewise
	Encoding  syncml.Encoding // Auto if the message cannot be read
	Status    int             // of HTTP; 0 for a request
	URL       string          // of a request
	HTTP      http.Header
	Body      []byte // as it came or goes, with whatever secrets it holds
	TLS       *tls.ConnectionState
}

// A TracedSession says which session a hook is about, and what has happened in it so far.
type TracedSession struct {
	Device    string
	SessionID string
	User      string    // empty but for sessions of one user
	Start     time.Time // of its first message
	Messages  int       // of the device
	Commands  int       // of the server that have an outcome
	Failed    int       // among them
	Reason    string    // of Ended: "done", "abort", "abandoned", or what went wrong
}

func (x *exchange) traced() *TracedMessage {
	m := &TracedMessage{Time: x.now, Device: x.device, Encoding: x.enc, URL: x.in.URL, HTTP: x.in.HTTP, Body: x.in.Body, TLS: x.in.TLS}
	if x.msg != nil {
		m.SessionID, m.MsgID = x.msg.Header.SessionID, x.msg.Header.MsgID
	}
	return m
}

func (x *exchange) traceReceived() {
	if t := x.srv.Trace; t != nil && t.Received != nil {
		t.Received(x.ctx, x.traced())
	}
}

func (x *exchange) traceSent(r *Reply) {
	if t := x.srv.Trace; t != nil && t.Sent != nil {
		m := x.traced()
		m.Status, m.URL, m.HTTP, m.Body = r.Status, "", r.HTTP, r.Body
		t.Sent(x.ctx, m)
	}
}

func (x *exchange) tracedSession(s *sessionState, reason string) *TracedSession {
	return &TracedSession{
		Device: x.device, SessionID: s.id, User: s.user, Start: s.start,
		Messages: s.messages, Commands: s.commands, Failed: s.failed, Reason: reason,
	}
}

// traceSession tells which sessions have begun and ended with the message; over is why its own has, or empty.
func (x *exchange) traceSession(over string) {
	t := x.srv.Trace
	if t == nil {
		return
	}
	for _, s := range x.over {
		if t.Ended != nil {
			t.Ended(x.ctx, x.tracedSession(s, "abandoned"))
		}
	}
	if x.begins && t.Began != nil {
		t.Began(x.ctx, x.tracedSession(x.sess, ""))
	}
	if over != "" && t.Ended != nil {
		t.Ended(x.ctx, x.tracedSession(x.sess, over))
	}
}

// Traces returns hooks that call those of each of t, in this order. Nil ones are left out.
func Traces(t ...*Trace) *Trace {
	t = slices.DeleteFunc(slices.Clone(t), func(t *Trace) bool { return t == nil })
	return &Trace{
		Received: func(ctx context.Context, m *TracedMessage) {
			for _, t := range t {
				if t.Received != nil {
					t.Received(ctx, m)
				}
			}
		},
		Sent: func(ctx context.Context, m *TracedMessage) {
			for _, t := range t {
				if t.Sent != nil {
					t.Sent(ctx, m)
				}
			}
		},
		Began: func(ctx context.Context, s *TracedSession) {
			for _, t := range t {
				if t.Began != nil {
					t.Began(ctx, s)
				}
			}
		},
		Ended: func(ctx context.Context, s *TracedSession) {
			for _, t := range t {
				if t.Ended != nil {
					t.Ended(ctx, s)
				}
			}
		},
		Outcome: func(ctx context.Context, s *TracedSession, r *Result) {
			for _, t := range t {
				if t.Outcome != nil {
					t.Outcome(ctx, s, r)
				}
			}
		},
		Executed: func(ctx context.Context, s *TracedSession, c syncml.Command, code syncml.StatusCode) {
			for _, t := range t {
				if t.Executed != nil {
					t.Executed(ctx, s, c, code)
				}
			}
		},
		Refused: func(ctx context.Context, m *TracedMessage, reason error) {
			for _, t := range t {
				if t.Refused != nil {
					t.Refused(ctx, m, reason)
				}
			}
		},
		Repeated: func(ctx context.Context, m *TracedMessage) {
			for _, t := range t {
				if t.Repeated != nil {
					t.Repeated(ctx, m)
				}
			}
		},
	}
}
