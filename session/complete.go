package session

import (
	"slices"

	"github.com/omadm-sdk/omadm/syncml"
)

// size returns the number of CmdIDs that p takes as it is sent.
func (p *pending) size() int {
	if p.probe || p.search != nil {
		return 1
	}
	return p.entry.size()
}

// out returns the command whose value is being sent in chunks.
func (s *sessionState) out() *pending {
	for _, p := range s.pending {
		if p.msg != 0 {
			return p
		}
	}
	return nil
}

// complete finds the commands that have their outcome, and settles them.
func (x *exchange) complete() {
	s := x.sess
	s.pending = x.settle(s.pending, func(p *pending) bool {
		switch {
		case p.msg == 0:
			return false
		case x.doubts(p):
			s.cutAt = 0
			p.rest()
			return false
		case s.cutAt > 0 && p == s.out():
			if x.taken || !x.msg.Final {
				return false // more chunks are to come
			}
			s.cutAt = 0 // the device has finished its package without a word about the chunk
		}
		switch {
		case x.aborted: // no more is to come, and of what has no answer nobody knows
			return p.answered()
		case x.msg.Final && !s.join.open():
			return true
		}
		return p != x.last && p.answered()
	})
}

// settle gives the commands for which done holds their outcome, and returns the others, in order.
func (x *exchange) settle(l []*pending, done func(*pending) bool) []*pending {
	kept := make([]*pending, 0, len(l))
	for _, p := range l {
		if !done(p) || p.goesOn() {
			kept = append(kept, p)
			continue
		}
		x.outcome(p, p.result())
	}
	return kept
}

// doubts reports whether the device has not executed p because it wants other credentials first.
func (x *exchange) doubts(p *pending) bool {
	if x.doubted == "" || !equalUint(x.doubted, p.msg) {
		return false
	}
	code := syncml.StatusCode(0)
	if p.got != nil {
		code = p.got[0].status
	}
	return code == 0 || code == syncml.StatusInvalidCredentials || code == syncml.StatusCredentialsRequired
}

// answered reports whether all that p asks for has come.
func (p *pending) answered() bool {
	if p.got == nil {
		return false
	}
	for i := range p.got {
		g := &p.got[i]
		if g.status == 0 || g.status.Informational() {
			return false
		}
		if p.kindAt(i) == kindGet && g.status.Success() && g.status != syncml.StatusNotExecuted && !g.results {
			return false
		}
	}
	return true
}

// kindAt returns what the i-th CmdID of p was sent as.
func (p *pending) kindAt(i int) kind {
	if i == 0 {
		return p.as
	}
	return p.entry.children()[i-1].kind
}

// secondChoice lets a Set, or a command that is sent again because nobody knows whether it was done, try the other way.
// Then p waits to be sent.
func (p *pending) secondChoice() bool {
	if p.got == nil || p.other {
		return false
	}
	e := p.sends()
	set := e.kind == kindSet
	switch status := p.got[0].status; {
	case p.as == kindReplace && status == syncml.StatusNotFound && set:
		p.as = kindAdd
	case p.as == kindAdd && status == syncml.StatusAlreadyExists && (set || p.again):
		if e.value.IsInterior() {
			p.got[0].status = syncml.StatusOK // there it is, and more is not asked of it
			return false
		}
		p.as = kindReplace // the value may be another's, or an older one
	case p.as == kindDelete && status == syncml.StatusNotFound && p.again:
		p.got[0].status = syncml.StatusOK
		return false
	default:
		return false
	}
	p.other = true
	p.rest()
	return true
}

// result makes the Result of what came for p.
func (p *pending) result() *Result {
	e := p.entry
	r := &Result{ID: p.id, Label: e.label, Command: e.kind.String(), URI: e.uri, owner: p.owner}
	if p.probe {
		r.Unknown = true
		if p.got != nil {
			r.nodes = p.got[0].nodes
		}
		return r
	}
	if p.search != nil {
		p.search.got[0].into(r)
	} else {
		if p.got == nil {
			p.got = make([]answer, e.size())
		}
		p.got[0].into(r)
	}
	switch {
	case e.kind == kindCopy:
		r.Unknown = r.Unknown || p.again && e.doneBefore(r.Status)
	case len(e.children()) > 0:
		r.Unknown = r.Unknown || p.doubtful()
		r.Children = p.children(r)
	}
	return r
}

// doneBefore reports whether a command that is sent again may have got this status because it was done the first time.
func (e *Entry) doneBefore(status syncml.StatusCode) bool {
	switch e.kind {
	case kindAdd, kindCopy:
		return status == syncml.StatusAlreadyExists
	case kindDelete:
		return status == syncml.StatusNotFound
	}
	return false
}

// doubtful reports whether p is an Atomic that was sent before, in a session that died, and has failed now because of what
// it may have done then.
func (p *pending) doubtful() bool {
	if !p.again || p.search != nil || p.entry.kind != kindAtomic || p.got == nil || succeeded(p.got[0].status) {
		return false
	}
	unexplained := culprit(p.got) == 0
	for i, c := range p.entry.children() {
		status := p.got[1+i].status
		if c.doneBefore(status) || unexplained && (c.doneBefore(syncml.StatusAlreadyExists) || c.doneBefore(syncml.StatusNotFound)) {
			return true
		}
	}
	return false
}

// doubt decides about a command in a Sequence that was sent before, in a session that died, and fails now because it may
// have been done then. What matters of some commands is there all the same. Of the rest nobody knows: what is there may be
// another's.
func (e *Entry) doubt(r, parent *Result) {
	switch {
	case !e.doneBefore(r.Status):
	case e.kind == kindDelete, e.kind == kindAdd && e.value.IsInterior():
		r.Status = syncml.StatusOK
	default:
		r.Unknown, parent.Unknown = true, true
	}
}

func (a *answer) into(r *Result) {
	r.Status, r.OriginalError = a.status, a.original
	r.Unknown = a.status == syncml.StatusCommandFailed && slices.Contains(a.texts, textUnknown)
	r.nodes = a.nodes
	if r.Command == kindNames[kindAlert] {
		r.Answers = a.texts
	}
}

// unknown makes the Result of a command that was sent in a session that died.
func (p *pending) unknown() *Result {
	if p.search != nil {
		r := p.result()
		c := &r.Children[p.search.tried]
		c.Status, c.Unknown, c.Alone = 0, true, true
		return r
	}
	e := p.entry
	return &Result{ID: p.id, Label: e.label, Command: e.kind.String(), URI: e.uri, Unknown: true, owner: p.owner}
}

// outcome records the result of a command: for the queue, or for the Handler.
func (x *exchange) outcome(p *pending, r *Result) {
	s := x.sess
	s.commands++
	if r.Err() != nil {
		s.failed++
	}
	if p.work {
		x.change.Done = append(x.change.Done, Done{ID: WorkID(p.id), At: x.now, Outcome: storeResult(r)})
	} else {
		x.tell(told{result: r})
	}
	if t := x.srv.Trace; t != nil && t.Outcome != nil {
		t.Outcome(x.ctx, x.tracedSession(s, ""), r)
	}
}

// take carries over what a session has left undone that is over, or was given up by the device. What waits goes on
// waiting. What had been sent has an unknown outcome: it is sent again where that does no harm.
func (x *exchange) take(old, s *sessionState) {
	x.sess = old
	x.attach()
	x.sess = s
	for _, j := range old.scripts {
		if !j.over {
			s.scripts = append(s.scripts, j)
		}
	}
	for _, p := range old.pending {
		switch {
		case p.msg == 0:
		case p.got != nil && p.answered():
			if !p.goesOn() {
				x.outcome(p, p.result())
				continue
			}
		case p.sends().repeatable() && p.tries < maxTries, p.probe && p.tries < maxTries:
			p.rest()
			p.again, p.other = true, false
		case p.search == nil && p.entry.rare().probe != "" && !p.probe:
			p.rest()
			p.probe, p.as, p.tries = true, kindGet, 0
		default:
			x.outcome(p, p.unknown())
			continue
		}
		if !p.work && old.user != s.user && (old.mode == ModeUser || p.entry.forUser()) {
			x.outcome(p, p.unknown()) // a Handler meant it for somebody else
			continue
		}
		s.pending = append(s.pending, p)
	}
}

// repeatable reports whether doing the command twice comes to the same as doing it once.
func (e *Entry) repeatable() bool {
	switch e.kind {
	case kindExec, kindAlert:
		return false
	case kindAtomic, kindSequence:
		for _, c := range e.children() {
			if !c.repeatable() {
				return false
			}
		}
	}
	return true
}
