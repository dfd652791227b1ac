package session

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/omadm-sdk/omadm/auth"
	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/syncml"
)

// A Dialog is one session of a [Client] without a transport: it makes messages and takes the server's answers. [Client.Run]
// puts HTTP around it; tests and simulators drive it themselves. It is not safe for concurrent use.
type Dialog struct {
	c       *Client
	opts    RunOptions
	rules   *profile
	limits  Limits
	call    *dmtree.Call
	st      *clientState
	s       *openSession
	resumed bool // s was found in the store, and its last message is to be sent again

	over   bool
	ending error // what ends the session once the message that says so has been answered
	done   bool  // the next answer is not looked at
	again  int   // answers in a row that were none to our last message
}

// Begin opens a session at the time now, or goes on with one that was open when the process died; see Limits.Replay. Nil
// options mean a session that the device started by itself. The message comes from Next; Close must be called in the end.
func (c *Client) Begin(ctx context.Context, now time.Time, opts *RunOptions) (*Dialog, error) {
	if !c.running.CompareAndSwap(false, true) {
		return nil, errors.New("session: a session of this client is going on")
	}
	d := &Dialog{c: c, rules: c.Profile.rules(), limits: c.Limits.withDefaults()}
	if opts != nil {
		d.opts = *opts
	}
	if err := d.open(ctx, now); err != nil {
		c.running.Store(false)
		return nil, err
	}
	if left := c.cutOff; left != nil && left != d.call {
		left.EndSession(context.WithoutCancel(ctx)) // nobody waits for the rest of that session any more
	}
	c.cutOff = nil
	if d.call == nil {
		d.call = dmtree.NewCall(c.server(), d.s.User)
	}
	d.began(ctx)
	return d, nil
}

func (c *Client) server() string {
	if c.Server != "" {
		return c.Server
	}
	return c.URL
}

// open loads what is stored and makes or finds the session.
func (d *Dialog) open(ctx context.Context, now time.Time) error {
	c := d.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.loadState(ctx); err != nil {
		return err
	}
	d.st = c.state
	n := d.opts.Notification
	if s := d.st.Session; s != nil && n == nil && s.MsgID > 0 && d.limits.Replay > 0 && now.Sub(s.Saved) < d.limits.Replay {
		d.s, d.resumed, d.call = s, true, c.cutOff
		return nil
	}
	s := &openSession{User: d.opts.User, Start: now, URL: d.address(), Encoding: c.Encoding, Closed: true}
	if s.Encoding == syncml.Auto {
		s.Encoding = syncml.XML
	}
	if n != nil {
		if d.st.acted(n) {
			return ErrStale
		}
		d.st.act(n, now)
		s.ID = n.ID()
	} else {
		d.st.Counter++
		if d.st.Counter == 0 {
			d.st.Counter = 1
		}
		s.ID = strings.ToUpper(strconv.FormatUint(uint64(d.st.Counter), 16))
	}
	d.st.Session, d.s = s, s
	return nil
}

// address returns where the first message goes. Windows adds a query (windows-dm 2).
func (d *Dialog) address() string {
	u, err := url.Parse(d.c.URL)
	if err != nil || d.c.Profile == OMA {
		return d.c.URL
	}
	mode := "Machine"
	if d.opts.Login == LoginUser || d.opts.Login == LoginOthers {
		mode = "Maintenance"
	}
	if u.RawQuery != "" {
		u.RawQuery += "&"
	}
	u.RawQuery += "mode=" + mode + "&Platform=WoA"
	return u.String()
}

// Next takes the server's answer to the last message, nil at first, and returns the next message, or nil when the session
// is over. An error ends the session as well. now is the time at which the answer came.
//
// When Next has returned, what it returned is what a repeated message would be: it is stored, and nothing that was
// executed is executed again.
func (d *Dialog) Next(ctx context.Context, now time.Time, in *Reply) (*Exchange, error) {
	if d.over {
		return nil, ErrOver
	}
	var out *Exchange
	var err error
	switch {
	case in == nil && d.resumed:
		out, err = d.resume(ctx, now)
	case in == nil:
		out, err = d.first(ctx, now)
	case d.done:
		err = d.ending
	default:
		out, err = d.answer(ctx, now, in)
	}
	if out == nil || err != nil {
		return nil, errors.Join(err, d.end(ctx, err))
	}
	d.sent(ctx, now, out)
	return out, nil
}

// Abort gives the session up: it returns the message that says so (alert 1223), whose answer is of no interest, or nil
// if the session is over or has not begun.
func (d *Dialog) Abort(ctx context.Context, now time.Time) (*Exchange, error) {
	if d.over || d.s.MsgID == 0 {
		return nil, nil
	}
	d.s.Queue = []entry{{Command: &syncml.Alert{Code: syncml.AlertAbort}}}
	d.s.Object = assembly{}
	d.s.Closed = true
	d.done = true
	out, err := d.message(ctx, now, nil)
	if err != nil {
		return nil, err
	}
	d.sent(ctx, now, out)
	return out, nil
}

// Close lets the next session begin. One that Next has not ended stays stored, and the next Begin can go on with it;
// what waits for its end (see [dmtree.Call]) runs when it has ended, or when another one begins in its place.
func (d *Dialog) Close(ctx context.Context) {
	if !d.over {
		d.over = true
		d.ended(ctx, errors.New("cut off"))
		d.c.cutOff = d.call
		d.c.running.Store(false)
	}
}

// Summary tells what has happened so far.
func (d *Dialog) Summary() *Summary {
	return &Summary{SessionID: d.s.ID, Messages: d.s.Messages, Commands: d.s.Commands, Failed: d.s.Failed}
}

// end closes the session for good.
func (d *Dialog) end(ctx context.Context, reason error) error {
	d.over = true
	d.st.Session = nil
	err := d.c.save(context.WithoutCancel(ctx), keyState, d.st)
	d.ended(ctx, reason)
	d.c.running.Store(false)
	d.call.EndSession(context.WithoutCancel(ctx))
	return err
}

// first makes the first message of the session.
func (d *Dialog) first(ctx context.Context, now time.Time) (*Exchange, error) {
	start := syncml.AlertClientInitiated
	if n := d.opts.Notification; n != nil {
		start = syncml.AlertServerInitiated
		if n.Default {
			d.resync(ctx)
		}
	}
	add := func(c syncml.Command) { d.s.Queue = append(d.s.Queue, entry{Command: c}) }
	add(&syncml.Alert{Code: start})
	if d.rules.loginStatus {
		login := d.opts.Login
		if login == LoginUnknown {
			login = LoginNone
		}
		add(clientEvent("com.microsoft/MDM/LoginStatus", string(login)))
		if d.opts.Token != "" {
			add(clientEvent("com.microsoft/MDM/AADUserToken", d.opts.Token))
		}
		if d.opts.Mode != "" {
			add(clientEvent("com.microsoft.mdm.synctype", string(d.opts.Mode)))
		}
	}
	for _, a := range d.opts.Alerts {
		add(syncml.Clone(a))
	}
	if err := d.collect(ctx); err != nil {
		return nil, err
	}
	info, err := d.c.devInfo(ctx, d.c.Profile)
	if err != nil {
		return nil, err
	}
	add(info)
	return d.message(ctx, now, nil)
}

// resync has the first message signed under the default nonce, as if the server had asked for that (oma-dm 7.6). A Signer
// that cannot do so signs as it always does.
func (d *Dialog) resync(ctx context.Context) {
	if d.c.Sign == nil {
		return
	}
	state, err := auth.Judge(ctx, d.c.Sign, &auth.Verdict{Peer: d.c.URL, Status: &syncml.Status{
		Cmd: "SyncHdr", CmdRef: "0", Code: syncml.StatusInvalidCredentials,
		Chal: &syncml.Chal{Meta: syncml.Meta{
			Format: "b64", Type: syncml.AuthMD5, NextNonce: base64.StdEncoding.EncodeToString([]byte(defaultNonces[0])),
		}},
	}})
	if err == nil {
		d.st.Sign, d.s.Resync = state, true
	}
}

// clientEvent returns an alert 1224 of one event, without Format, as Windows sends it.
func clientEvent(kind, data string) *syncml.Alert {
	return &syncml.Alert{Code: syncml.AlertClientEvent, Items: []syncml.Item{{
		Meta: syncml.Meta{Type: kind}, Data: syncml.Text(data),
	}}}
}

// collect adds to the queue the alerts that have been raised and not been reported in this session.
func (d *Dialog) collect(ctx context.Context) error {
	list, err := d.c.waiting(ctx, d.s.Sent)
	for _, e := range list {
		if d.s.Sent == nil {
			d.s.Sent = make(map[string]bool)
		}
		d.s.Sent[e.Alert] = true
		d.s.Queue = append(d.s.Queue, e)
	}
	return err
}

// resume goes on where the process died: with the message that may not have been answered, or with the execution of one,
// in which nothing is run a second time.
func (d *Dialog) resume(ctx context.Context, now time.Time) (*Exchange, error) {
	s := d.s
	if len(s.In) > 0 {
		in := &Reply{Status: http.StatusOK, HTTP: http.Header{"Content-Type": {s.InType}}, Body: s.In}
		msg, err := d.parse(in)
		if err != nil {
			return nil, err
		}
		return d.execute(ctx, now, in, msg, &verdict{code: s.InCode, chal: s.InChal}, true)
	}
	return &Exchange{URL: s.URL, HTTP: s.Fields, Body: s.Body}, nil
}

// answer deals with a message of the server.
func (d *Dialog) answer(ctx context.Context, now time.Time, in *Reply) (*Exchange, error) {
	if in.Status != http.StatusOK {
		return nil, &HTTPError{Status: in.Status, After: retryAfter(in.HTTP, now)}
	}
	if len(in.Body) == 0 {
		return nil, nil // some servers end a session this way (windows-dm 1)
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
	s.PeerMsg = number
	v, err := d.judge(ctx, now, in, msg)
	if err != nil {
		return nil, err
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

// verdict is what a message of the server is answered with as a whole.
type verdict struct {
	code    syncml.StatusCode // of its SyncHdr
	chal    *syncml.Chal
	items   []syncml.Item
	refused bool  // nothing of it is executed
	last    bool  // and the session is over after the answer
	reason  error // why
}

// judge decides whether the message is accepted.
func (d *Dialog) judge(ctx context.Context, now time.Time, in *Reply, msg *syncml.Message) (*verdict, error) {
	h := &msg.Header
	switch {
	case h.VerProto != "DM/1.2" && h.VerProto != "DM/1.1" && h.VerProto != "":
		return &verdict{code: syncml.StatusProtocolNotSupported, items: []syncml.Item{{Data: syncml.Text("DM/1.2")}}, refused: true,
			last: true, reason: d.broken(msg, fmt.Sprintf("want VerProto DM/1.2, got %q", h.VerProto), nil)}, nil
	case h.VerDTD != "1.2" && h.VerDTD != "1.1" && h.VerDTD != "":
		return &verdict{code: syncml.StatusVersionNotSupported, items: []syncml.Item{{Data: syncml.Text("1.2")}}, refused: true,
			last: true, reason: d.broken(msg, fmt.Sprintf("want VerDTD 1.2, got %q", h.VerDTD), nil)}, nil
	case d.c.Auth == nil:
		return &verdict{code: syncml.StatusOK}, nil
	}
	res, err := auth.Authenticate(ctx, d.c.Auth, &auth.Request{
		Message: h, HTTP: in.HTTP, Body: in.Body, TLS: in.TLS, First: !d.s.Accepted, State: d.st.Auth, Now: now,
	})
	if err != nil {
		return nil, fmt.Errorf("session: authenticate the server: %w", err)
	}
	v := &verdict{code: res.Status, chal: res.Challenge}
	if res.Identity != nil {
		d.st.Auth = res.State
		d.s.Accepted, d.s.Refusing = true, 0
		if v.chal != nil {
			if nonce, err := base64.StdEncoding.DecodeString(v.chal.Meta.NextNonce); err == nil && len(nonce) > 0 {
				d.st.ServerNonce = nonce
			}
		}
		return v, nil
	}
	d.s.Refusing++
	v.refused = true
	v.last = res.Challenge == nil || d.limits.Attempts >= 0 && d.s.Refusing > d.limits.Attempts
	if v.last {
		v.chal = nil
	}
	v.reason = &StatusError{Code: res.Status, Text: "the server has not authenticated itself"}
	if res.Reason != nil {
		v.reason = errors.Join(v.reason, res.Reason)
	}
	return v, nil
}

// execute does what a message asks for and makes the next one. again says that this process died in the middle of it.
func (d *Dialog) execute(ctx context.Context, now time.Time, in *Reply, msg *syncml.Message, v *verdict, again bool) (*Exchange, error) {
	s := d.s
	var cmds []syncml.Command
	challenged := false
	if again { // what the Statuses say has been taken note of
		cmds = slices.DeleteFunc(msg.Commands, func(c syncml.Command) bool { _, status := c.(*syncml.Status); return status })
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
	orders := slices.ContainsFunc(cmds, isOrder)
	switch {
	case msg.Final:
		s.Closed = true
	case orders:
		s.Closed = false
	}
	if v.refused {
		if len(cmds) == 0 && !challenged {
			return nil, v.reason // nothing was wanted of us (oma-dm 4.9)
		}
		d.refuse(msg, cmds, v.code)
		if v.last {
			d.done, d.ending = true, v.reason
		}
	} else if err := d.obey(ctx, in, msg, cmds, v, again); err != nil {
		return nil, err
	}
	if err := d.collectLater(ctx, len(s.Queue) > 0 || !s.Closed); err != nil {
		return nil, err
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
	if s.MsgID >= d.limits.Messages && d.limits.Messages >= 0 && !d.done {
		d.done, d.ending = true, d.broken(msg, fmt.Sprintf("no end after %d messages", s.MsgID), nil)
		s.Queue, s.Object, s.Closed = []entry{{Command: &syncml.Alert{Code: syncml.AlertAbort}}}, assembly{}, true
	}
	return d.message(ctx, now, &reception{msg: msg, verdict: v})
}

// idleMessages is how many times in a row a server is asked for the rest of a package that it does not close.
const idleMessages = 2

// isOrder reports whether c opens or continues a package of the server, as a request for the next message does not.
func isOrder(c syncml.Command) bool {
	a, ok := c.(*syncml.Alert)
	return !ok || a.Code != syncml.AlertNextMessage
}

// collectLater adds alerts that were raised meanwhile, if there is a message to send anyway.
func (d *Dialog) collectLater(ctx context.Context, sending bool) error {
	if !sending || d.done {
		return nil
	}
	return d.collect(ctx)
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

// hasAlert reports whether an alert with this code is among cmds.
func hasAlert(cmds []syncml.Command, code syncml.AlertCode) bool {
	return slices.ContainsFunc(cmds, func(c syncml.Command) bool {
		a, ok := c.(*syncml.Alert)
		return ok && a.Code == code
	})
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
		case st.CmdRef == "0" || st.Cmd == "SyncHdr":
			if st.MsgRef != "" && st.MsgRef != strconv.Itoa(s.MsgID) {
				continue
			}
			if challenged, err = d.received401(ctx, msg, st, v); err != nil {
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

// received401 reads the Status of our header.
func (d *Dialog) received401(ctx context.Context, msg *syncml.Message, st *syncml.Status, v *verdict) (challenged bool, err error) {
	challenged = st.Code == syncml.StatusInvalidCredentials || st.Code == syncml.StatusCredentialsRequired
	if challenged && d.c.Sign == nil || !challenged && !st.Code.Success() {
		return false, &StatusError{Code: st.Code, Text: "the server refuses the session"}
	}
	state, err := auth.Judge(ctx, d.c.Sign, &auth.Verdict{
		Peer: msg.Header.Source.URI, Status: st, State: d.st.Sign, Trusted: !v.refused,
	})
	if err != nil {
		return false, errors.Join(&StatusError{Code: st.Code, Text: "the server refuses our credentials"}, err)
	}
	d.st.Sign = state
	return challenged, nil
}

// repeat puts what the last message held in front of the queue.
func (d *Dialog) repeat() {
	s := d.s
	if len(s.Queue) > 0 && s.Queue[0].Sent > 0 {
		s.Queue = s.Queue[1:] // its last chunk is the end of what was said
	}
	s.Queue = append(slices.Clone(s.Last), s.Queue...)
	s.stuck = entry{}
}

// refuse answers every command with code, and executes none (oma-dm 6.6).
func (d *Dialog) refuse(msg *syncml.Message, cmds []syncml.Command, code syncml.StatusCode) {
	var all func([]syncml.Command)
	all = func(cmds []syncml.Command) {
		for _, c := range cmds {
			d.s.Queue = append(d.s.Queue, entry{Command: &syncml.Status{
				MsgRef: msg.Header.MsgID, CmdRef: c.ID(), Cmd: c.Name(), Code: code,
			}})
			all(children(c))
		}
	}
	all(cmds)
}

// obey executes the commands of a message that has been accepted, and queues the answers.
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
	if s.Object.open() && d.interrupted(msg, cmds) {
		queue = append(queue, entry{Command: s.Object.drop()})
	}
	held := int64(0)
	for i := range s.Queue {
		held += dataSize(s.Queue[i].Command)
	}
	x := &executor{
		tree: d.c.Tree, ui: d.c.UI, rules: d.rules, limits: &d.limits, call: d.call, binary: s.Encoding == syncml.WBXML,
		msgID: msg.Header.MsgID, seen: make(map[string]bool), object: &s.Object, peerMax: s.MaxObj,
		room: d.limits.Answers - held, again: again,
		executed: func(c syncml.Command, code syncml.StatusCode) { d.executed(ctx, c, code) },
	}
	if d.c.Store != nil {
		x.journal = journalOf(d.c.Tree, s.ID+"."+strconv.FormatInt(s.Start.UnixNano(), 36), msg.Header.MsgID, again)
	}
	x.run(ctx, cmds)
	for _, c := range x.out {
		queue = append(queue, entry{Command: c})
	}
	if slices.ContainsFunc(cmds, isOrder) {
		s.Queue = append(s.Queue, queue...)
	} else {
		s.Queue = append(queue, s.Queue...) // Status of 1222, before the rest of our package
	}
	return nil
}

// interrupted reports whether something else comes where the next chunk of the object on its way should.
func (d *Dialog) interrupted(msg *syncml.Message, cmds []syncml.Command) bool {
	for _, c := range cmds {
		if !isOrder(c) {
			continue
		}
		_, items := operands(c)
		return len(items) == 0 || !d.s.Object.continues(c, &items[0])
	}
	return msg.Final
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

// devInfo returns the Replace that tells the server what this device is: the leaves below ./DevInfo, on Windows the
// standard five only. A device whose tree has none still has a DevId and a protocol version.
func (c *Client) devInfo(ctx context.Context, p Profile) (*syncml.Replace, error) {
	r := new(syncml.Replace)
	seen := make(map[string]bool)
	add := func(u dmtree.URI, v dmtree.Value) {
		x := executor{}
		it := x.itemOf(u, v)
		if p == Windows {
			it.Meta = syncml.Meta{}
		}
		r.Items = append(r.Items, it)
		seen[strings.ToLower(string(u))] = true
	}
	ctx = dmtree.WithCall(ctx, new(dmtree.Call)) // the device reads for itself
	const root dmtree.URI = "./DevInfo"
	for _, leaf := range [...]struct{ name, missing string }{
		{"DevId", c.ID}, {"Man", ""}, {"Mod", ""}, {"DmV", "1.3"}, {"Lang", ""},
	} {
		u := root.Join(leaf.name)
		v, err := dmtree.Get(ctx, c.Tree, u)
		switch {
		case err == nil && !v.IsInterior():
			add(u, v)
		case err != nil && !errors.Is(err, dmtree.ErrNotFound):
			return nil, err
		case leaf.missing != "":
			add(u, dmtree.String(leaf.missing))
		}
	}
	if p == Windows {
		return r, nil
	}
	var rest func(u dmtree.URI) error
	rest = func(u dmtree.URI) error {
		v, err := dmtree.Get(ctx, c.Tree, u)
		switch {
		case errors.Is(err, dmtree.ErrNotFound), err == nil && seen[strings.ToLower(string(u))]:
			return nil
		case err != nil:
			return err
		case !v.IsInterior():
			add(u, v)
			return nil
		}
		for _, name := range slices.Sorted(v.Names()) {
			if err := rest(u.Join(name)); err != nil {
				return err
			}
		}
		return nil
	}
	return r, rest(root)
}

// fields returns the header of a request.
func (d *Dialog) fields() http.Header {
	h := http.Header{
		"Content-Type":   {d.s.Encoding.ContentType()},
		"Accept-Charset": {"UTF-8"},
	}
	if d.c.Profile == OMA {
		h.Set("Accept", acceptPlain)
		h.Set("Cache-Control", "no-store")
	} else {
		h.Set("Accept", acceptWindows)
		h.Set("User-Agent", userAgentWindows)
		h.Set(HeaderClientID, "0")
		h.Set(HeaderVector, d.vector())
	}
	if d.c.Profile != OMA {
		if types := alertTypes(d.opts.Alerts); types != "" {
			h.Set(HeaderGenericAlert, types)
		}
	}
	maps.Copy(h, d.opts.HTTP)
	return h
}

// alertTypes lists the types of the grave alerts that made the device call, as Windows names them in each message.
func alertTypes(alerts []*syncml.Alert) string {
	var b strings.Builder
	for _, a := range alerts {
		for i := range a.Items {
			if m := &a.Items[i].Meta; a.Code == syncml.AlertGeneric && (m.Mark == "critical" || m.Mark == "fatal") {
				b.WriteString("<" + m.Type + ">")
			}
		}
	}
	return b.String()
}
