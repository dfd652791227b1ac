package sessiontest

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"github.com/omadm-sdk/omadm/syncml"
)

// A watch follows a conversation and reports each rule of DM Protocol that one of the ends breaks. It knows the order in
// which messages travel, and nothing of what the commands mean.
type watch struct {
	fail func(format string, args ...any)

	session  string
	lastSent []byte // of the device
	heard    bool   // the server has answered it
	repeated bool   // the device's last message was one the server had answered before
	client   *syncml.Message
	answer   *syncml.Message
	maxSize  int64 // of what the device takes; 0: not said
	owed     []ref // commands of the server that the device has not answered
	owes     []ref // commands of the device that the server has not answered
	closed   bool  // the server has closed its package
}

// ref is a command that must be answered.
type ref struct {
	msg, cmd, name string
	done, byItem   bool // by one Status, or by one for each item
}

func newWatch(fail func(format string, args ...any)) *watch { return &watch{fail: fail} }

// device judges a message of the device.
func (w *watch) device(m *syncml.Message, body []byte) {
	h := &m.Header
	if bytes.Equal(body, w.lastSent) {
		w.repeated = w.heard
		return
	}
	hurried := !w.heard && aborts(m) // the session is given up before the last message has been answered
	w.lastSent, w.heard, w.repeated = bytes.Clone(body), false, false
	if h.SessionID != w.session || h.MsgID == "1" {
		*w = watch{fail: w.fail, lastSent: w.lastSent, session: h.SessionID}
		if h.MsgID != "1" {
			w.fail("device: session %s begins with message %s", h.SessionID, h.MsgID)
		}
	} else if w.client != nil {
		if !follows(w.client.Header.MsgID, h.MsgID) {
			w.fail("device: message %s follows %s", h.MsgID, w.client.Header.MsgID)
		}
	}
	if h.Meta.MaxMsgSize > 0 {
		w.maxSize = h.Meta.MaxMsgSize
	}
	w.numbered("device", m, w.client == nil)
	if w.client != nil && !hurried {
		w.headerFirst("device", m, w.answer)
	}
	last := 0
	for i, c := range m.Commands {
		switch c := c.(type) {
		case *syncml.Status:
			if c.CmdRef != "0" {
				last = w.answered("device", w.owed, c, last)
			}
		case *syncml.Results:
		case *syncml.Alert:
			w.owes = append(w.owes, ref{msg: h.MsgID, cmd: c.CmdID, name: c.Name()})
		case *syncml.Replace: // DevInfo: C02, C04
			w.owes = append(w.owes, ref{msg: h.MsgID, cmd: c.CmdID, name: c.Name()})
			for j := range c.Items {
				if c.Items[j].Target.URI != "" || c.Items[j].Source.URI == "" {
					w.fail("device: Replace %s (command %d) is not DevInfo by Source", c.CmdID, i+1)
				}
			}
		default:
			w.fail("device: sends %s (C04)", c.Name())
		}
	}
	if m.Final {
		if w.client != nil && !w.closed && !aborts(m) {
			w.fail("device: Final in message %s before the server's (C15)", h.MsgID)
		}
		if !aborts(m) {
			w.due("device", "C07", w.owed)
		}
		w.owed = nil
	}
	if w.client != nil && len(m.Commands) <= 1 && !aborts(m) {
		w.fail("device: message %s has nothing but the Status of the SyncHdr (C18)", h.MsgID)
	}
	w.client = m
}

// server judges the answer to the message that device was given last.
func (w *watch) server(m *syncml.Message, body []byte) {
	h := &m.Header
	if w.repeated {
		return
	}
	w.heard = true
	if h.SessionID != w.session {
		w.fail("server: answers session %s in session %s", w.session, h.SessionID)
	}
	if w.answer != nil && !follows(w.answer.Header.MsgID, h.MsgID) {
		w.fail("server: message %s follows %s", h.MsgID, w.answer.Header.MsgID)
	}
	if w.maxSize > 0 && int64(len(body)) > w.maxSize {
		w.fail("server: message %s has %d bytes, the device takes %d (S15)", h.MsgID, len(body), w.maxSize)
	}
	w.numbered("server", m, false)
	w.headerFirst("server", m, w.client)
	open := slices.ContainsFunc(w.owed, func(r ref) bool { return !r.done })
	last, next, chunk := 0, false, false
	for _, c := range m.Commands {
		switch c := c.(type) {
		case *syncml.Status:
			if c.CmdRef != "0" && c.Cmd != "Results" {
				last = w.answered("server", w.owes, c, last)
			}
			if c.Cmd == "Results" && c.Code == syncml.StatusOK {
				w.fail("server: Status 200 for Results (S10)")
			}
			continue
		case *syncml.Alert:
			next = next || c.Code == syncml.AlertNextMessage
			if c.Code == syncml.AlertNextMessage || c.Code == syncml.AlertNoEndOfData || c.Code == syncml.AlertAbort {
				w.owed = append(w.owed, ref{msg: h.MsgID, cmd: c.CmdID, name: c.Name()})
				continue
			}
		}
		if open {
			w.fail("server: %s %s while the device owes Statuses (S04)", c.Name(), c.ID())
		}
		w.owed = refs(w.owed, h.MsgID, c)
		chunk = chunk || more(c)
	}
	if !m.Final && !next && !chunk && w.closed && w.client.Final {
		w.fail("server: message %s has no Final (S06)", h.MsgID)
	}
	if m.Final {
		if next {
			w.fail("server: alert 1222 with Final (S05)")
		}
		w.due("server", "S02", w.owes)
		w.owes = nil
	}
	if !busy(w.client) {
		w.closed = m.Final || next // alert 1222 asks the device for the rest of its package, or for a message that ends it
	}
	w.answer = m
}

// headerFirst checks that the first command is the Status of the header of to (C05, C06).
func (w *watch) headerFirst(who string, m, to *syncml.Message) {
	if to == nil {
		return
	}
	if len(m.Commands) == 0 {
		w.fail("%s: message %s is empty", who, m.Header.MsgID)
		return
	}
	st, ok := m.Commands[0].(*syncml.Status)
	switch {
	case !ok || st.CmdRef != "0" || st.Cmd != "SyncHdr" || st.MsgRef != to.Header.MsgID:
		w.fail("%s: message %s does not begin with the Status of the SyncHdr of message %s", who, m.Header.MsgID, to.Header.MsgID)
	case len(st.TargetRefs) > 0 && st.TargetRefs[0] != to.Header.Target.URI,
		len(st.SourceRefs) > 0 && st.SourceRefs[0] != to.Header.Source.URI:
		w.fail("%s: the Status of the SyncHdr refers to %v from %v", who, st.TargetRefs, st.SourceRefs)
	}
}

// answered marks in l what st answers. Statuses come in the order of the commands; last is where the one before was.
func (w *watch) answered(who string, l []ref, st *syncml.Status, last int) int {
	byItem := len(st.TargetRefs)+len(st.SourceRefs) > 0
	for i := range l {
		r := &l[i]
		if r.msg != st.MsgRef || r.cmd != st.CmdRef {
			continue
		}
		switch {
		case r.name != st.Cmd:
			w.fail("%s: Status %s answers a %s as %s", who, st.CmdID, r.name, st.Cmd)
		case i < last && l[last].msg == r.msg: // an alert may come between the Statuses of a package
			w.fail("%s: Status for %s %s of message %s is out of order (C08)", who, r.name, r.cmd, r.msg)
		case r.done && !(r.byItem && byItem):
			w.fail("%s: %s %s of message %s is answered twice (C07)", who, r.name, r.cmd, r.msg)
		}
		r.done, r.byItem = !st.Code.Informational(), byItem
		return i
	}
	w.fail("%s: Status %s answers %s %s of message %s, which waits for none", who, st.CmdID, st.Cmd, st.CmdRef, st.MsgRef)
	return last
}

// due reports what of l has no Status, at the end of the package that should have held it.
func (w *watch) due(who, rule string, l []ref) {
	for _, r := range l {
		if !r.done {
			w.fail("%s: no Status for %s %s of message %s (%s)", who, r.name, r.cmd, r.msg, rule)
		}
	}
}

// refs appends the references of c and of the commands in it.
func refs(l []ref, msg string, c syncml.Command) []ref {
	l = append(l, ref{msg: msg, cmd: c.ID(), name: c.Name()})
	for _, c := range children(c) {
		l = refs(l, msg, c)
	}
	return l
}

func children(c syncml.Command) []syncml.Command {
	switch c := c.(type) {
	case *syncml.Atomic:
		return c.Commands
	case *syncml.Sequence:
		return c.Commands
	}
	return nil
}

// numbered checks that CmdIDs run without gaps, from 1, or from 2 in a first message of Windows.
func (w *watch) numbered(who string, m *syncml.Message, first bool) {
	last := -1
	var check func(l []syncml.Command)
	check = func(l []syncml.Command) {
		for _, c := range l {
			n, err := strconv.Atoi(c.ID())
			switch {
			case last < 0 && err == nil && (n == 1 || n == 2 && first):
			case err != nil || n != last+1:
				w.fail("%s: CmdID %q of %s in message %s follows %d", who, c.ID(), c.Name(), m.Header.MsgID, last)
			}
			last = n
			check(children(c))
		}
	}
	check(m.Commands)
}

func follows(a, b string) bool {
	x, err1 := strconv.Atoi(a)
	y, err2 := strconv.Atoi(b)
	return err1 == nil && err2 == nil && y == x+1
}

// typePending is the type of the alert by which a device says that it is still executing the server's last message (MS-MDM).
const typePending = "com.microsoft.mdm.requestpending"

// busy reports whether a device says so, and is let go on.
func busy(m *syncml.Message) bool { return !m.Final && len(pendings(m)) > 0 }

// pendings returns the alerts of m that say so.
func pendings(m *syncml.Message) (l []*syncml.Alert) {
	for _, c := range m.Commands {
		if a, ok := c.(*syncml.Alert); ok && a.Code == syncml.AlertClientEvent &&
			slices.ContainsFunc(a.Items, func(it syncml.Item) bool { return strings.HasSuffix(it.Meta.Type, typePending) }) {
			l = append(l, a)
		}
	}
	return l
}

func aborts(m *syncml.Message) bool {
	for _, c := range m.Commands {
		if a, ok := c.(*syncml.Alert); ok && a.Code == syncml.AlertAbort {
			return true
		}
	}
	return false
}

// more reports whether c brings a chunk that is not the last.
func more(c syncml.Command) bool {
	var items []syncml.Item
	switch c := c.(type) {
	case *syncml.Add:
		items = c.Items
	case *syncml.Replace:
		items = c.Items
	case *syncml.Exec:
		items = c.Items
	}
	for i := range items {
		if items[i].MoreData {
			return true
		}
	}
	return false
}
