package session

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/omadm-sdk/omadm/syncml"
)

// fill puts commands into the message: first what the session has waiting, then what is queued for the device. It reports
// whether any went out, and whether the package ends with this message.
func (x *exchange) fill(c *composer) (sent, final bool, err error) {
	s := x.sess
	x.adopt()
	kept := make([]*pending, 0, len(s.pending))
	full := false
	final = true
	for i, p := range s.pending {
		if full || !final {
			kept = append(kept, s.pending[i:]...)
			break
		}
		if w := x.findWork(WorkID(p.id)); p.msg == 0 && w != nil && !x.suits(w) {
			kept = append(kept, p) // from a session before this one
			continue
		}
		switch ok, code, err := x.send(c, p); {
		case err != nil:
			return false, false, err
		case ok:
			sent = true
			final = s.cutAt == 0
			kept = append(kept, p)
		case code != 0:
			x.unsent(p, code)
		default:
			full = true
			kept = append(kept, p)
		}
	}
	s.pending = kept
	for i := range x.work {
		if full || !final {
			break
		}
		w := &x.work[i]
		if w.Status != WorkWaiting || !x.suits(w) {
			continue
		}
		e, err := parseEntry(string(w.Body))
		if err != nil {
			x.unreadable(w, err)
			continue
		}
		p := &pending{id: string(w.ID), work: true, entry: e}
		if !w.Expires.IsZero() && !w.Expires.After(x.now) {
			x.unsent(p, syncml.StatusCancelledBefore)
			continue
		}
		switch ok, code, err := x.send(c, p); {
		case err != nil:
			return false, false, err
		case ok:
			sent = true
			final = s.cutAt == 0
			s.pending = append(s.pending, p)
			x.change.Lease = append(x.change.Lease, w.ID)
		case code != 0:
			x.unsent(p, code)
		default:
			full = true
		}
	}
	if full && !sent {
		// The Statuses have taken the room.
		s.more, final = true, false
		err = c.put(&syncml.Alert{Code: syncml.AlertNextMessage})
	}
	return sent, final, err
}

// suits reports whether the session is one for w.
func (x *exchange) suits(w *Work) bool {
	s := x.sess
	if w.User == "" {
		return s.mode != ModeUser
	}
	signedIn := s.mode == ModeUser || s.mode == ModeMixed && s.login == LoginUser
	return signedIn && (w.User == EnrolledUser || strings.EqualFold(w.User, s.user))
}

// adopt takes over work that is leased to a session which does not exist any more.
func (x *exchange) adopt() {
	for i := range x.work {
		w := &x.work[i]
		if w.Status != WorkLeased || x.leased(w.ID) || !x.suits(w) {
			continue
		}
		e, err := parseEntry(string(w.Body))
		if err != nil {
			x.unreadable(w, err)
			continue
		}
		p := &pending{id: string(w.ID), work: true, entry: e, again: true}
		if !e.repeatable() {
			x.outcome(p, p.unknown())
			continue
		}
		x.sess.pending = append(x.sess.pending, p)
	}
}

// leased reports whether work that was leased when it was loaded belongs to a session still, or has its outcome by now.
func (x *exchange) leased(id WorkID) bool {
	for _, s := range x.st.sessions {
		for _, p := range s.pending {
			if p.work && p.id == string(id) {
				return true
			}
		}
	}
	done := func(d Done) bool { return d.ID == id }
	return slices.ContainsFunc(x.done, done) || slices.ContainsFunc(x.change.Done, done)
}

// unsent records that a command cannot be sent. To whoever reads the result, it looks as if the device had said so.
func (x *exchange) unsent(p *pending, code syncml.StatusCode) {
	if p.search != nil {
		x.outcome(p, p.result()) // what is known of the Atomic
		return
	}
	x.srv.logger().InfoContext(x.ctx, "command not sent", "device", x.device, "session", x.sess.id, "msg", x.sess.last, "cmd", p.id,
		"uri", string(p.entry.uri), "status", int(code))
	r := p.unknown()
	r.Unknown, r.Status = false, code
	x.outcome(p, r)
}

// send writes a command. Without an error it may be that it does not go into this message (ok is false), or into none,
// for the reason that code tells.
func (x *exchange) send(c *composer, p *pending) (ok bool, code syncml.StatusCode, err error) {
	if p.msg != 0 {
		return true, 0, nil
	}
	if p.as == 0 {
		p.as = p.sends().firstChoice()
	}
	if x.sess.maxObj > 0 && p.sends().largest() > x.sess.maxObj {
		return false, syncml.StatusTooLarge, nil // L08
	}
	cmd := c.command(p)
	switch err := c.enc.Encode(cmd); {
	case err == nil:
		x.out(c, p)
		c.id += p.size()
		return true, 0, nil
	case !errors.Is(err, syncml.ErrFull):
		x.srv.logger().WarnContext(x.ctx, "command cannot be written", "device", x.device, "session", x.sess.id, "msg", x.sess.last,
			"cmd", p.id, "err", err)
		return false, syncml.StatusBadRequest, nil
	case c.id > x.base || x.base > 1 && !x.bare && p.sends().largest() < c.limit:
		return false, 0, nil // perhaps into the next message
	}
	if x.rules.cutCommands {
		if it := itemOf(cmd); it != nil && it.Data.Len() > 0 {
			if _, err := x.sendChunk(c, p); err == nil {
				return true, 0, nil
			} else if !errors.Is(err, syncml.ErrFull) {
				return false, 0, err
			}
		}
	}
	return false, syncml.StatusTooLarge, nil
}

// out notes that p goes out, with the next CmdID as its first.
func (x *exchange) out(c *composer, p *pending) {
	if p.msg == 0 && !p.other { // a second choice goes out in the session of the first
		p.tries++
	}
	p.msg, p.cmd, p.got = x.msgID, c.id+1, nil
}

// sendChunk writes the next part of p's value, as much as there is room for. It reports whether that was the last one.
func (x *exchange) sendChunk(c *composer, p *pending) (last bool, err error) {
	cmd := c.command(p)
	it := itemOf(cmd)
	if it == nil || x.sess.cutAt >= it.Data.Len() {
		return true, nil // it was another command when it began: nothing is left of it
	}
	whole := *it
	for n := int(min(c.enc.Room(), int64(whole.Data.Len()))); n > 0; n = n * 3 / 4 {
		chunk, next := cut(&whole, x.sess.cutAt, n)
		*it = chunk
		err := c.enc.Encode(cmd)
		if errors.Is(err, syncml.ErrFull) {
			continue
		} else if err != nil {
			return false, err
		}
		x.out(c, p)
		c.id++
		x.sess.cutAt = next
		if !chunk.MoreData {
			x.sess.cutAt = 0
		}
		return !chunk.MoreData, nil
	}
	return false, syncml.ErrFull
}

// itemOf returns the item of a command whose value may be cut into chunks.
func itemOf(cmd syncml.Command) *syncml.Item {
	switch cmd := cmd.(type) {
	case *syncml.Add:
		return &cmd.Items[0]
	case *syncml.Replace:
		return &cmd.Items[0]
	case *syncml.Exec:
		return &cmd.Items[0]
	}
	return nil
}

// command returns what p sends, with the next CmdIDs.
func (c *composer) command(p *pending) syncml.Command {
	id, enc := c.id+1, c.x.enc
	if p.probe {
		return &syncml.Get{CmdID: strconv.Itoa(id), Items: []syncml.Item{{Target: syncml.Location{URI: string(p.entry.rare().probe)}}}}
	}
	return c.builder.command(p.sends(), p.as, id, enc)
}

// firstChoice decides what a Set is tried as. Many nodes of Windows are created by Replace; an interior node is never
// replaced.
func (e *Entry) firstChoice() kind {
	switch {
	case e.kind != kindSet:
		return e.kind
	case e.value.IsInterior():
		return kindAdd
	}
	return kindReplace
}

// largest returns the length of the largest value in e.
func (e *Entry) largest() int64 {
	n := int64(textLen(e.value))
	for _, c := range e.children() {
		n = max(n, c.largest())
	}
	return n
}
