package session

import "github.com/omadm-sdk/omadm/syncml"

// FindCulprit has an Atomic tell which of its commands is to blame even where the device does not: if it is answered 507,
// and no Status of a command in it says why, the commands are sent again, one by one and outside of an Atomic, until one
// of them fails. That one is [Result.Blamed]. The Result comes then, and is still that of the Atomic.
//
// The search has a price: what goes well in it is done, and stays so, though the Atomic has failed. [Result.Alone] tells
// which commands those are. To undo them, or to send the rest, is up to the caller. If all go well nobody is to blame,
// and everything is done; a device that demands the Atomic for a node will refuse the command for that.
//
// An Exec or a question to the user is never repeated: the search ends before it. Commands that are no Atomic ignore
// FindCulprit.
func (e *Entry) FindCulprit() *Entry {
	e.find = true
	return e
}

// A search is for the culprit of an Atomic. Its commands are sent alone, in their order.
type search struct {
	tried int      // how many have been answered; the next one is on its way
	got   []answer // as in pending, of the Atomic, and then of each command that has not been tried
}

// sends returns the command that p sends: one of an Atomic whose culprit is searched for, or its own.
func (p *pending) sends() *Entry {
	if p.search != nil {
		return p.entry.children()[p.search.tried]
	}
	return p.entry
}

// goesOn reports whether p waits to be sent once more, now that the device has answered.
func (p *pending) goesOn() bool { return p.secondChoice() || p.searches() }

// searches begins the search for a culprit, or goes on to the next command.
func (p *pending) searches() bool {
	s := p.search
	switch {
	case s == nil && !p.unexplained():
		return false
	case s == nil:
		s = &search{got: p.got}
	default:
		a := &s.got[1+s.tried]
		*a = answer{}
		if p.got != nil {
			*a = p.got[0]
		}
		s.tried++
		if !succeeded(a.status) {
			return false
		}
	}
	p.search = s
	if s.tried == len(p.entry.children()) || !p.sends().repeatable() {
		return false
	}
	p.as, p.tries, p.again, p.other = p.sends().firstChoice(), 0, false, false
	p.rest()
	return true
}

// unexplained reports whether p is an Atomic that has failed and been undone, nobody knows why, and that somebody wants
// to know of.
func (p *pending) unexplained() bool {
	if p.probe || p.got == nil || p.entry.kind != kindAtomic || !p.entry.find || p.got[0].status != syncml.StatusAtomicFailed ||
		p.doubtful() {
		return false
	}
	for i := range p.got[1:] {
		if p.got[1+i].status == syncml.StatusRollbackFailed {
			return false // what is left of the first attempt would be blamed on the second
		}
	}
	return culprit(p.got) == 0
}

// culprit returns which command of an Atomic made it fail, as what came for it says: the only one that was neither skipped
// nor undone. It returns 0 if none is, or if a device that calls each of several the same names none.
func culprit(got []answer) int {
	found, others := 0, false
	for i := 1; i < len(got); i++ {
		switch code := got[i].status; {
		case code == 0, code.Informational(), succeeded(code), code == syncml.StatusNotExecuted, code == syncml.StatusRolledBack,
			code == syncml.StatusRollbackFailed, code == syncml.StatusAtomicFailed:
			others = true
		case found == 0:
			found = i
		case code != got[found].status:
			others = true
		}
	}
	if !others && len(got) > 2 {
		return 0
	}
	return found
}

// children returns the results of the commands in an Atomic or a Sequence, whose own is parent.
func (p *pending) children(parent *Result) []Result {
	e := p.entry
	l := make([]Result, len(e.children()))
	got, tried := p.got, 0
	if p.search != nil {
		got, tried = p.search.got, p.search.tried
	}
	for i, c := range e.children() {
		r := &l[i]
		*r = Result{ID: p.id, Label: c.label, Command: c.kind.String(), URI: c.uri, Alone: i < tried, owner: p.owner}
		got[1+i].into(r)
		if p.again && e.kind == kindSequence {
			c.doubt(r, parent)
		}
	}
	switch {
	case tried > 0:
		last := &l[tried-1]
		last.Blamed = last.Status != 0 && !succeeded(last.Status) && !last.Unknown
	case e.kind == kindAtomic && !parent.Status.Success() && !parent.Unknown:
		if i := culprit(got); i > 0 {
			l[i-1].Blamed = true
		}
	}
	return l
}
