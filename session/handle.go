package session

import (
	"errors"
	"slices"

	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/syncml"
)

// handle tells the Handler what there is to tell, and takes what it writes.
func (x *exchange) handle() {
	s := x.sess
	h := x.srv.Handler
	last := x.msg.Final && s.cutAt == 0 && !x.aborted && x.cancel == ""
	if h == nil || len(x.st.told) == 0 && s.greeted && !last {
		return
	}
	r := x.request(last)
	w := &Writer{x: x}
	err := h.ServeDM(w, r)
	if err == nil {
		err = w.Err()
	}
	for _, f := range w.failed {
		x.srv.logger().ErrorContext(x.ctx, "handler failed", "device", x.device, "session", s.id, "msg", s.last, "err", f.err)
	}
	if err != nil {
		var se *StatusError
		if errors.As(err, &se) {
			x.header = se
		}
		x.srv.logger().ErrorContext(x.ctx, "handler failed", "device", x.device, "session", s.id, "msg", s.last, "err", err)
		return
	}
	x.header = w.status
	s.greeted = true
	x.heard(w)
	if w.aborted {
		x.cancel = "the handler aborts"
	}
	for _, part := range w.parts {
		if part.aborted {
			x.cancel = "the handler aborts"
		}
	}
	for i := range s.owed {
		for _, key := range s.owed[i].alerts {
			if code, ok := x.answers[key]; ok {
				s.owed[i].code = code
			}
		}
		s.owed[i].alerts = nil
	}
	if x.aborted || x.cancel != "" || x.header != nil {
		return
	}
	k := known{results: r.Results}
	x.queueUp(&w.Batch, w.owner, &k)
	for _, part := range w.parts {
		x.queueUp(&part.Batch, part.owner, &k)
	}
}

// warn notes that the script of a Handler has failed.
func (x *exchange) warn(err error) {
	x.srv.logger().ErrorContext(x.ctx, "script failed", "device", x.device, "session", x.sess.id, "msg", x.sess.last, "err", err)
}

// request makes what the Handler sees.
func (x *exchange) request(last bool) *Request {
	s := x.sess
	r := &Request{
		SessionID: s.id,
		First:     !s.greeted,
		Last:      last,
		Identity:  x.res.Identity,
		Login:     s.login,
		Mode:      s.mode,
		Token:     x.token,
		DevInfo:   make(map[string]string, len(s.devInfo)/2),
		Header:    &x.msg.Header,
		HTTP:      x.in.HTTP,
		ctx:       x.ctx,
	}
	for i := 0; i+1 < len(s.devInfo); i += 2 {
		r.DevInfo[s.devInfo[i]] = s.devInfo[i+1]
	}
	for i := range x.st.told {
		if t := &x.st.told[i]; t.result != nil {
			r.Results = append(r.Results, *t.result)
		} else {
			r.Alerts = append(r.Alerts, t.alert)
		}
	}
	return r
}

// heard forgets what has been told to all whom it concerns.
func (x *exchange) heard(w *Writer) {
	x.news = 0
	if len(w.failed) == 0 {
		x.st.told = nil
		return
	}
	x.st.told = slices.DeleteFunc(x.st.told, func(t told) bool {
		for _, f := range w.failed {
			switch {
			case t.result != nil && ownedBy(t.result.owner, f.owner):
				return false
			case t.alert != nil && t.alert.concerns(f.owner):
				t.alert.only = failedOwners(w, t.alert)
				return false
			}
		}
		return true
	})
}

// failedOwners returns those of the failed handlers that a concerns.
func failedOwners(w *Writer, a *Alert) []string {
	var l []string
	for _, f := range w.failed {
		if a.concerns(f.owner) {
			l = append(l, f.owner)
		}
	}
	return l
}

// queueUp makes the commands of a Batch wait to be sent in this session.
func (x *exchange) queueUp(b *Batch, owner string, k *known) {
	if len(b.entries) == 0 {
		return
	}
	block := make([]pending, len(b.entries))
	for i, e := range b.entries {
		block[i] = pending{id: x.sess.nextID(), owner: owner, entry: e}
		if e.kind == kindSet && k.absent(e.uri) {
			block[i].as = kindAdd
		}
		x.sess.pending = append(x.sess.pending, &block[i])
	}
}

// resume takes up a message whose content has been committed, but which has not been answered: the Handler failed to
// return, or its node was lost.
func (x *exchange) resume() {
	x.begins = x.sess.messages <= 1
	for _, c := range x.msg.Commands {
		switch c := c.(type) {
		case *syncml.Status:
			if p := x.sess.out(); c.Code == syncml.StatusChunkAccepted && x.sess.cutAt > 0 && p != nil && equalUint(c.MsgRef, p.msg) {
				x.taken = true
			}
		case *syncml.Alert:
			x.aborted = x.aborted || c.Code == syncml.AlertAbort
			for i := range c.Items {
				if alertType(&c.Items[i]) == typeUserToken {
					x.token = c.Items[i].Data.String()
				}
			}
		}
	}
}

// known is what the results that a Handler has just seen say of nodes.
type known struct {
	results []Result
	gone    map[dmtree.URI]bool // by Fold; nil: not looked at yet
}

// absent reports whether there is no node u, as the last result about it says.
func (k *known) absent(u dmtree.URI) bool {
	if k.gone == nil {
		k.gone = make(map[dmtree.URI]bool)
		for i := range k.results {
			r := &k.results[i]
			switch {
			case r.Command == kindNames[kindGet], r.Command == kindNames[kindDelete] && !succeeded(r.Status):
				k.gone[r.URI.Fold()] = r.Status == syncml.StatusNotFound
			case r.URI != "" && succeeded(r.Status):
				k.gone[r.URI.Fold()] = r.Command == kindNames[kindDelete]
			}
		}
	}
	return k.gone[u.Fold()]
}
