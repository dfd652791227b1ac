package session

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/omadm-sdk/omadm/syncml"
)

// answer deals with a message of the server.
func (d *Dialog) answer(ctx context.Context, now time.Time, in *Reply) (*Exchange, error) {
	if in.Status != http.StatusOK {
		if notUnderstood(in.Status) && d.mayBeOlder() {
			return d.older(ctx, now)
		}
		return nil, &HTTPError{Status: in.Status, After: retryAfter(in.HTTP, now)}
	}
	if len(in.Body) == 0 {
		return nil, nil // some servers end a session this way (MS-MDM)
	}
	msg, err := d.parse(in)
	d.received(ctx, now, in, msg)
	if err != nil {
		return nil, err
	}
	s := d.s
	number, err := strconv.Atoi(msg.Header.MsgID)
	switch {
	case msg.Header.SessionID != s.ID:
		return nil, d.broken(msg, fmt.Sprintf("want session %q", s.ID), nil)
	case err != nil || number <= 0:
		return nil, d.broken(msg, "want a MsgID that is a positive number", nil)
	case number <= s.PeerMsg: // an answer to an earlier message; ours has not been answered yet
		if d.again++; d.again > max(d.limits.Retries, 0) {
			return nil, d.broken(msg, "the answer to an earlier message comes again and again", nil)
		}
		return &Exchange{URL: s.URL, HTTP: s.Fields, Body: s.Body}, nil
	}
	d.again = 0
	if wantsOlder(msg) && d.mayBeOlder() {
		return d.older(ctx, now)
	}
	s.PeerMsg = number
	v, err := d.judge(ctx, now, in, msg)
	if err != nil {
		return nil, err
	}
	if s.Busy {
		return d.kept(ctx, now, in, msg, v)
	}
	return d.execute(ctx, now, in, msg, v, false)
}

// parse reads a whole message, or says why it cannot be read.
func (d *Dialog) parse(in *Reply) (*syncml.Message, error) {
	encoding, ok := syncml.EncodingOf(in.HTTP.Get("Content-Type"))
	if t := in.HTTP.Get("Content-Type"); !ok && t != "" && !strings.HasPrefix(t, "application/octet-stream") {
		return nil, d.broken(nil, fmt.Sprintf("want a DM message, got %q", t), nil)
	}
	msg, err := syncml.Unmarshal(in.Body, d.limits.decoderOptions(encoding))
	if err != nil {
		return nil, d.broken(nil, "the message cannot be read", err)
	}
	if encoding != syncml.Auto {
		d.s.Encoding = encoding
	}
	return msg, nil
}

func (d *Dialog) broken(msg *syncml.Message, reason string, err error) error {
	e := &ProtocolError{Reason: reason, Err: err}
	if msg != nil {
		e.SessionID, e.MsgID = msg.Header.SessionID, msg.Header.MsgID
	}
	return e
}

// execute does what a message asks for and makes the next one. again says that this process died in the middle of it.
func (d *Dialog) execute(ctx context.Context, now time.Time, in *Reply, msg *syncml.Message, v *verdict, again bool) (*Exchange, error) {
	s := d.s
	var cmds []syncml.Command
	challenged := false
	if again { // what the Statuses say has been taken note of
		cmds = orders(msg.Commands)
	} else {
		var err error
		if cmds, challenged, err = d.statuses(ctx, msg, v); err != nil {
			return nil, err
		}
	}
	if !v.refused {
		d.header(&msg.Header)
	}
	if !v.refused && hasAlert(cmds, syncml.AlertAbort) {
		return nil, ErrAborted
	}
	switch {
	case msg.Final:
		s.Closed = true
	case slices.ContainsFunc(cmds, isOrder):
		s.Closed = false
	}
	if v.refused {
		if len(cmds) == 0 && !challenged {
			return nil, v.reason // nothing was wanted of us (DM Protocol)
		}
		d.refuse(msg, cmds, v.code)
		if v.last {
			d.done, d.ending = true, v.reason
		}
	} else if err := d.obey(ctx, in, msg, cmds, v, again); err != nil {
		return nil, err
	}
	return d.reply(ctx, now, &reception{msg: msg, verdict: v}, nil)
}

// reply makes the message that answers r, with what has been executed, or without it as long as it has not been. first
// goes first.
func (d *Dialog) reply(ctx context.Context, now time.Time, r *reception, first []entry) (*Exchange, error) {
	s := d.s
	waited, busy := d.busy()
	now = now.Add(waited)
	if busy {
		return d.keepAlive(ctx, now, r, first)
	}
	d.finish()
	s.Queue = append(first, s.Queue...)
	if !d.done && (len(s.Queue) > 0 || !s.Closed) { // there is a message to send anyway
		if err := d.collect(ctx); err != nil {
			return nil, err
		}
	}
	switch {
	case len(s.Queue) > 0 || d.done:
		s.Idle = 0
	case s.Closed || s.Final:
		return nil, nil // the answer would be the Status of the header alone
	default:
		if s.Idle++; s.Idle > idleMessages {
			return nil, nil // the server has forgotten Final
		}
	}
	switch {
	case d.done:
	case s.MsgID >= d.limits.Messages && d.limits.Messages >= 0:
		d.giveUp(r, fmt.Sprintf("no end after %d messages", s.MsgID))
	case len(s.Queue) > owedTimes*d.limits.Items:
		d.giveUp(r, fmt.Sprintf("%d answers wait, and the server takes few in one message", len(s.Queue)))
	}
	return d.message(ctx, now, r)
}

// giveUp has the next message abort the session, because of what the server does.
func (d *Dialog) giveUp(r *reception, reason string) {
	d.done, d.ending = true, d.broken(r.msg, reason, nil)
	d.s.Queue, d.s.Object, d.s.Closed = []entry{{Command: &syncml.Alert{Code: syncml.AlertAbort}}}, assembly{}, true
}

// idleMessages is how many times in a row a server is asked for the rest of a package that it does not close.
const idleMessages = 2

// isOrder reports whether c opens or continues a package of the server, as a request for the next message does not.
func isOrder(c syncml.Command) bool {
	a, ok := c.(*syncml.Alert)
	return !ok || a.Code != syncml.AlertNextMessage
}

// statuses reads what the server answered to our last messages. The rest of the message is returned, and whether the
// server wants other credentials: then the last message is to be said again.
func (d *Dialog) statuses(ctx context.Context, msg *syncml.Message, v *verdict) (rest []syncml.Command, challenged bool, err error) {
	s := d.s
	for _, c := range msg.Commands {
		st, ok := c.(*syncml.Status)
		switch {
		case !ok:
			rest = append(rest, c)
		case ofHeader(st):
			if st.MsgRef != "" && st.MsgRef != strconv.Itoa(s.MsgID) {
				continue
			}
			if challenged, err = d.judged(ctx, msg, st, v); err != nil {
				return nil, false, err
			}
		case v.refused: // whoever said so has not proved to be the server
		default:
			ref := st.MsgRef + "/" + st.CmdRef
			if key, ok := s.Alert[ref]; ok {
				delete(s.Alert, ref)
				if err := d.c.answered(ctx, key, st.Code, d.limits.AlertSessions); err != nil {
					return nil, false, err
				}
			}
			if len(s.Queue) > 0 && s.Queue[0].Sent > 0 && st.Cmd == s.Queue[0].Command.Name() && !st.Code.Success() {
				s.Queue = s.Queue[1:] // the server does not want the rest of the object
			}
		}
	}
	if challenged {
		s.Refused++
		if d.limits.Attempts >= 0 && s.Refused > d.limits.Attempts {
			return nil, false, &StatusError{Code: syncml.StatusInvalidCredentials, Text: "the server keeps refusing our credentials"}
		}
		d.repeat()
	} else {
		s.Refused = 0
	}
	return rest, challenged, nil
}

// ofHeader reports whether st answers a SyncHdr. Where it names a command, it does not, whatever its CmdRef.
func ofHeader(st *syncml.Status) bool {
	return st.Cmd == "SyncHdr" || st.CmdRef == "0" && st.Cmd == ""
}

// header takes over what a message says about those to come.
func (d *Dialog) header(h *syncml.Header) {
	if n := h.Meta.MaxMsgSize; n > 0 {
		d.s.MaxMsg = n
	}
	if n := h.Meta.MaxObjSize; n > 0 {
		d.s.MaxObj = n
		d.s.Queue = slices.DeleteFunc(d.s.Queue, func(e entry) bool { return dataSize(e.Command) > n && soleItem(e.Command) != nil })
	}
	if h.RespURI == "" {
		return
	}
	from, err1 := url.Parse(d.s.URL)
	to, err2 := url.Parse(h.RespURI)
	// A server may move us elsewhere, but not from a connection that is protected to one that is not.
	if err1 == nil && err2 == nil && to.Host != "" && (to.Scheme == "https" || to.Scheme == "http" && from.Scheme == "http") {
		d.s.URL = h.RespURI
	}
}

// obey executes the commands of a message that has been accepted, or begins to; see finish.
func (d *Dialog) obey(ctx context.Context, in *Reply, msg *syncml.Message, cmds []syncml.Command, v *verdict, again bool) error {
	s := d.s
	if len(cmds) == 0 && !s.Object.open() {
		return nil
	}
	if len(s.Queue) > 0 && s.Queue[0].Sent > 0 && hasAlert(cmds, syncml.AlertNoEndOfData) {
		s.Queue = s.Queue[1:] // the server has dropped the object that we were sending
	}
	if d.c.Store != nil && !again && slices.ContainsFunc(cmds, changes) {
		// What is about to be executed: if the process dies meanwhile, the next one must not do it again.
		s.In, s.InType, s.InCode, s.InChal = in.Body, in.HTTP.Get("Content-Type"), v.code, v.chal
		if err := d.c.save(ctx, keyState, d.st); err != nil {
			return err
		}
	}
	var queue []entry
	ordered := slices.ContainsFunc(cmds, isOrder)
	if s.Object.open() && msg.Final && !ordered { // the package is closed where the next chunk should come
		queue = append(queue, entry{Command: s.Object.drop()})
	}
	held := int64(0)
	for i := range s.Queue {
		held += dataSize(s.Queue[i].Command)
	}
	w := &execution{in: in, queue: queue, orders: ordered, object: s.Object, sum: *d.traced()}
	w.x = &executor{
		tree: d.c.Tree, ui: d.c.UI, rules: d.rules, limits: &d.limits, call: d.call, binary: s.Encoding == syncml.WBXML,
		msgID: msg.Header.MsgID, seen: make(map[string]bool), object: &w.object, peerMax: s.MaxObj,
		room: d.limits.Answers - held, again: again, mode: s.Mode, causes: d.c.OriginalErrors,
		executed: func(c syncml.Command, code syncml.StatusCode) { d.executed(ctx, &w.sum, c, code) },
	}
	if d.c.Store != nil {
		w.x.journal = journalOf(d.c.Tree, s.ID+"."+strconv.FormatInt(s.Start.UnixNano(), 36), msg.Header.MsgID, again)
	}
	d.begin(ctx, w, cmds)
	return nil
}

// hasAlert reports whether an alert with this code is among cmds.
func hasAlert(cmds []syncml.Command, code syncml.AlertCode) bool {
	return slices.ContainsFunc(cmds, func(c syncml.Command) bool {
		a, ok := c.(*syncml.Alert)
		return ok && a.Code == code
	})
}

// changes reports whether executing c may change something.
func changes(c syncml.Command) bool {
	switch c := c.(type) {
	case *syncml.Get, *syncml.Status, *syncml.Results, *syncml.Unknown:
		return false
	case *syncml.Alert:
		return c.Code.UI()
	case *syncml.Sequence:
		return slices.ContainsFunc(c.Commands, changes)
	}
	return true
}

// dataSize returns the bytes of the values in an answer.
func dataSize(c syncml.Command) (n int64) {
	if r, ok := c.(*syncml.Results); ok {
		for i := range r.Items {
			n += int64(r.Items[i].Data.Len())
		}
	}
	return n
}

// resume goes on where the process died: with the message that may not have been answered, or with the execution of one,
// in which nothing is run a second time.
func (d *Dialog) resume(ctx context.Context, now time.Time) (*Exchange, error) {
	s := d.s
	if len(s.In) > 0 && !s.Busy {
		in, msg, err := d.interruptedMessage()
		if err != nil {
			return nil, err
		}
		return d.execute(ctx, now, in, msg, &verdict{code: s.InCode, chal: s.InChal}, true)
	}
	return &Exchange{URL: s.URL, HTTP: s.Fields, Body: s.Body}, nil
}

// interruptedMessage returns the message that was being executed when the process died.
func (d *Dialog) interruptedMessage() (*Reply, *syncml.Message, error) {
	in := &Reply{Status: http.StatusOK, HTTP: http.Header{"Content-Type": {d.s.InType}}, Body: d.s.In}
	msg, err := d.parse(in)
	return in, msg, err
}
