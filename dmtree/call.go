package dmtree

import (
	"context"
	"sync"
)

// A Call says on whose behalf the tree is used; providers find it in the
// context. Do not change a Call that is in a context.
type Call struct {
	Server     string // the management server; "" for the device itself, which may do everything
	User       string // the signed-in user of the session, "" if none
	Correlator string // of the Exec, for the alert that follows ErrAccepted

	session *afterSession
}

type afterSession struct {
	mu   sync.Mutex
	todo []func(context.Context)
	over bool
}

// NewCall returns the Call of a session: AfterSession keeps functions until
// EndSession.
func NewCall(server, user string) *Call {
	return &Call{Server: server, User: user, session: new(afterSession)}
}

// WithCorrelator returns a copy of c for one command of the same session.
func (c *Call) WithCorrelator(correlator string) *Call {
	copied := *c
	copied.Correlator = correlator
	return &copied
}

type callKey struct{}

// WithCall returns a context that carries c.
func WithCall(ctx context.Context, c *Call) context.Context {
	return context.WithValue(ctx, callKey{}, c)
}

// CallFrom returns the Call that ctx carries, or the zero Call: the device
// itself, outside of any session. It is never nil.
func CallFrom(ctx context.Context) *Call {
	if c, ok := ctx.Value(callKey{}).(*Call); ok && c != nil {
		return c
	}
	return new(Call)
}

// AfterSession has f run once the session is over and its last answer is out:
// the place for a wipe or reboot, which would otherwise take the answer with
// it. Outside of a session, f runs at once.
func (c *Call) AfterSession(f func(context.Context)) {
	if s := c.session; s != nil {
		s.mu.Lock()
		over := s.over
		if !over {
			s.todo = append(s.todo, f)
		}
		s.mu.Unlock()
		if !over {
			return
		}
	}
	f(context.Background())
}

// EndSession runs what AfterSession has kept, in order. The engine calls it;
// a second call does nothing.
func (c *Call) EndSession(ctx context.Context) {
	s := c.session
	if s == nil {
		return
	}
	s.mu.Lock()
	todo := s.todo
	s.todo, s.over = nil, true
	s.mu.Unlock()
	for _, f := range todo {
		f(ctx)
	}
}
