package session

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/omadm-sdk/omadm/auth"
	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/syncml"
)

// A Handler decides what to do with a device that has called. ServeDM sees one message: its alerts and the results of
// earlier commands. What it writes to w is sent in reply, or in a later message of the session if the device has not
// finished its package yet; when nothing is left to send, the session ends.
//
// Results and alerts are committed before ServeDM runs and delivered again, under the same [Result.ID] and [Alert.Key],
// until it returns nil, in a later session if need be, which may be that of another user. A returned [*StatusError] becomes
// the status of the device's message; any other error is logged. After either, what ServeDM wrote is discarded.
//
// Messages of one device arrive one at a time as long as one server handles them; after the loss of a node the same
// message may be handled again by another one. Different devices are served concurrently.
type Handler interface {
	ServeDM(w *Writer, r *Request) error
}

// A HandlerFunc is a function used as a [Handler].
type HandlerFunc func(w *Writer, r *Request) error

// ServeDM calls f.
func (f HandlerFunc) ServeDM(w *Writer, r *Request) error { return f(w, r) }

// Handlers are several handlers side by side, in the order of their names. Each sees all alerts, and the results of its
// own commands only. One that fails does not keep the others from being heard: what it wrote is discarded, and what it
// was told is delivered to it again.
//
// The names are stored with the commands, so they must not change while sessions are open.
type Handlers map[string]Handler

// ServeDM calls each handler with its share of r.
func (h Handlers) ServeDM(w *Writer, r *Request) error {
	for _, name := range slices.Sorted(maps.Keys(h)) {
		owner := joinOwner(w.owner, name)
		part, ok := r.share(owner)
		if !ok {
			continue
		}
		sub := &Writer{owner: owner, x: w.x}
		err := h[name].ServeDM(sub, part)
		if err == nil {
			err = sub.Err()
		}
		if err != nil {
			var se *StatusError
			if errors.As(err, &se) && w.status == nil {
				w.status = se
			}
			w.failed = append(w.failed, failure{owner, fmt.Errorf("handler %q: %w", name, err)})
			continue
		}
		w.parts = append(w.parts, sub)
		w.parts = append(w.parts, sub.parts...)
		w.failed = append(w.failed, sub.failed...)
		if w.status == nil {
			w.status = sub.status
		}
		w.aborted = w.aborted || sub.aborted
	}
	return nil
}

// A Writer takes the commands of a reply: see [Batch]. It must not be used after ServeDM has returned.
type Writer struct {
	Batch

	owner   string
	parts   []*Writer // of Handlers
	failed  []failure
	status  *StatusError
	aborted bool

	x *exchange
}

// failure is what went wrong in one of Handlers.
type failure struct {
	owner string
	err   error
}

// Answer sets the status that a is answered with in place of 200: 202 when what it asks for has only begun, 415 for a
// type or format that nobody here understands, 406 for an event that cannot be processed. It has no effect on an alert
// that was delivered before.
func (w *Writer) Answer(a *Alert, code syncml.StatusCode) {
	if w.x.answers == nil {
		w.x.answers = make(map[string]syncml.StatusCode)
	}
	w.x.answers[a.Key] = code
}

// Abort ends the session with alert 1223. Commands that have not been sent yet are dropped, those of the queue stay
// there.
func (w *Writer) Abort() { w.aborted = true }

// A Request is what one message of a device brought.
type Request struct {
	SessionID string // chosen by the device, opaque, not unique over time
	First     bool   // this message opened the session
	Last      bool   // the device has finished its package: what is written goes out in reply to this message

	Identity *auth.Identity // who is calling
	Login    LoginState     // who is signed in on the device
	Mode     Mode           // what the session is about, on a device with several users

	// Token is the Entra token of the signed-in user (alert com.microsoft/MDM/AADUserToken), of a first message only.
	// It is what the device says: the engine has not verified it.
	Token string

	// DevInfo holds the leaves that the device sent at the start of the session, by their name below ./DevInfo,
	// the five standard ones as the specification spells them: DevId, Man, Mod, DmV, Lang.
	DevInfo map[string]string

	Alerts  []*Alert       // in the order of arrival; those that the engine serves itself are not among them
	Results []Result       // in the order in which the commands became complete
	Header  *syncml.Header // of the message
	HTTP    http.Header    // that the message came with, such as UserAgentOrigin; nil over another transport

	ctx   context.Context
	owner string
}

// Context returns the context of the exchange. It ends when the device hangs up.
func (r *Request) Context() context.Context {
	if r.ctx == nil {
		return context.Background()
	}
	return r.ctx
}

// WithContext returns a shallow copy of r with its context changed to ctx.
func (r *Request) WithContext(ctx context.Context) *Request {
	c := *r
	c.ctx = ctx
	return &c
}

// share returns the part of r that concerns one of several handlers, and whether there is a reason to call it.
func (r *Request) share(owner string) (*Request, bool) {
	part := *r
	part.owner, part.Results, part.Alerts = owner, nil, nil
	for i := range r.Results {
		if ownedBy(r.Results[i].owner, owner) {
			part.Results = append(part.Results, r.Results[i])
		}
	}
	for _, a := range r.Alerts {
		if a.concerns(owner) {
			part.Alerts = append(part.Alerts, a)
		}
	}
	return &part, r.First || r.Last || len(part.Results) > 0 || len(part.Alerts) > 0
}

// An Alert is one item of a client event (1224) or of a generic alert (1226).
type Alert struct {
	Key  string // names the alert; the same each time it is delivered
	Code syncml.AlertCode
	// Type is the type without the prefix "Reversed-Domain-Name:" or "Content-Type:", which clients spell in many ways.
	Type       string
	Source     dmtree.URI   // the node it is about; often empty
	Target     dmtree.URI   // often empty
	Mark       string       // severity; "informational" when the alert has none
	Correlator string       // of the Exec whose end this reports
	Value      dmtree.Value // what it says; text where the format is not known or does not fit

	only []string // owners it has to be delivered to; nil: all
}

func (a *Alert) concerns(owner string) bool {
	return a.only == nil || slices.ContainsFunc(a.only, func(o string) bool { return ownedBy(o, owner) })
}

// LoginState says who is signed in on a Windows device (alert com.microsoft/MDM/LoginStatus).
type LoginState string

const (
	LoginUnknown LoginState = ""       // the device has not said
	LoginUser    LoginState = "user"   // the enrolled user: settings of device and user may be sent
	LoginOthers  LoginState = "others" // somebody else: settings of the device only
	LoginNone    LoginState = "none"   // nobody: settings of the device only
)

// Mode says what a session is about (alert com.microsoft.mdm.synctype). Most devices know only mixed sessions, and do not
// say so.
type Mode string

const (
	ModeMixed  Mode = ""       // settings of device and user
	ModeDevice Mode = "device" // settings of the device only
	ModeUser   Mode = "user"   // settings of one user only; such sessions may run beside others of the device
)

// An owner says whose command or alert something is: "" is the server's handler, "/a/b" the handler b of the Handlers a
// that is one of the server's Handlers.
func joinOwner(parent, name string) string { return parent + "/" + name }

// ownedBy reports whether o is owner, or below it.
func ownedBy(o, owner string) bool {
	return o == owner || strings.HasPrefix(o, owner) && o[len(owner)] == '/'
}
