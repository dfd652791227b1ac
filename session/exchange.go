package session

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/omadm-sdk/omadm/auth"
	"github.com/omadm-sdk/omadm/syncml"
)

const (
	workLimit    = 256    // how much waiting work is loaded with a message, for each user
	commitTries  = 16     // how often a message is handled anew because another node was faster
	maxSessions  = 32     // of one device at a time, by mode and user
	maxOpened    = 16     // first messages of one device that are known again
	maxDeviceID  = 512    // bytes of the Source of a message; DevIds are 32 to 64
	maxUser      = 512    // bytes of the name of a user
	maxSessionID = 64     // bytes; the specification says 4
	maxTold      = 10_000 // results and alerts kept for a Handler that keeps failing
	maxTries     = 3      // sessions in which a command goes out before its outcome is called unknown
)

// Exchange handles one message of a device: the whole server is a function of what is stored, the message and the time.
//
// An answer of any kind, also a refusal, is a Reply. The error is for what should be tried again later: the store fails, or
// the Authenticator cannot decide. Nothing has changed then. The Reply must not be changed: the store may hold its octets.
func (s *Server) Exchange(ctx context.Context, now time.Time, in *Exchange) (*Reply, error) {
	if !s.engine.enter() {
		return plainReply(http.StatusServiceUnavailable, "shutting down"), nil
	}
	defer s.engine.leave()

	x := &exchange{srv: s, lim: s.Limits.withDefaults(), rules: s.Profile.rules(), ctx: ctx, now: now, in: in}
	if reply := x.read(); reply != nil {
		x.traceReceived()
		return reply, nil
	}
	x.traceReceived()
	if err := s.engine.lock(ctx, x.device); err != nil {
		return nil, x.failed(fmt.Errorf("wait for the last message: %w", err))
	}
	defer s.engine.unlock(x.device)

	for try := 1; ; try++ {
		attempt := *x
		reply, err := attempt.run()
		if errors.Is(err, ErrConflict) && try < commitTries && ctx.Err() == nil {
			continue
		}
		if err != nil {
			return nil, x.failed(err)
		}
		return reply, nil
	}
}

// exchange is one message on its way through the server.
type exchange struct {
	srv   *Server
	lim   Limits
	rules *profile
	ctx   context.Context
	now   time.Time
	in    *Exchange

	enc    syncml.Encoding
	msg    *syncml.Message
	msgID  uint64
	device string
	hash   [32]byte

	rev     int64
	work    []Work
	stored  []byte // the replies, as stored
	replies []byte // the same, once this message is answered
	st      *deviceState
	sess    *sessionState
	res     *auth.Result
	change  Change
	done    []Done // what has been committed already

	begins  bool         // the message opens the session
	aborted bool         // by the device
	taken   bool         // the device has accepted a chunk
	alive   bool         // the device says no more than that it is still busy with our last message
	doubted string       // MsgID of ours that the device wants other credentials for
	header  *StatusError // what the Handler wants the message to be answered with
	cancel  string       // why the session is to be aborted; empty: it is not
	token   string       // of the user
	hint    int          // where in pending the last search ended
	last    *pending     // whose Results came last
	lost    assembly     // names the object that this message has given up
	counted bool         // held is
	held    int64        // bytes of Results of commands that are not complete
	news    int64        // bytes of what the Handler has yet to hear; 0: not counted
	base    int          // CmdID of the last Status of the reply
	bare    bool         // the reply has as much room for commands as any: the one before was for Statuses alone
	ids     idCheck
	alerts  []*syncml.Alert              // of the server's, to go out with the reply
	answers map[string]syncml.StatusCode // what the Handler wants alerts to be answered with, by Alert.Key
	over    []*sessionState              // sessions that this message put an end to
}

// read checks and decodes the message. It returns the reply to one that cannot be read.
func (x *exchange) read() *Reply {
	var ok bool
	if x.enc, ok = syncml.EncodingOf(x.in.HTTP.Get("Content-Type")); !ok {
		return plainReply(http.StatusUnsupportedMediaType, "want "+syncml.TypeXML+" or "+syncml.TypeWBXML)
	}
	if ce := x.in.HTTP.Get("Content-Encoding"); ce != "" && ce != "identity" {
		return plainReply(http.StatusUnsupportedMediaType, "want no Content-Encoding")
	}
	if int64(len(x.in.Body)) > x.lim.Message {
		return plainReply(http.StatusRequestEntityTooLarge, "want at most "+strconv.FormatInt(x.lim.Message, 10)+" bytes")
	}
	opts := x.lim.decoderOptions(x.enc)
	opts.KeepUnknown = true // some samples of Microsoft have Type beside Meta
	msg, err := syncml.Unmarshal(x.in.Body, opts)
	if err != nil {
		h := readableHeader(x.in.Body, opts)
		x.srv.logger().InfoContext(x.ctx, "message cannot be read", "device", h.Source.URI, "session", h.SessionID, "msg", h.MsgID,
			"remote", x.in.Remote, "err", err)
		if errors.Is(err, syncml.ErrTooLarge) {
			return plainReply(http.StatusRequestEntityTooLarge, "too many commands, items or bytes")
		}
		return plainReply(http.StatusBadRequest, "the body is no SyncML message")
	}
	x.msg = msg
	x.device = msg.Header.Source.URI
	h := &msg.Header
	if !isName(x.device, maxDeviceID) || !isName(h.SessionID, maxSessionID) || !isName(h.MsgID, maxSessionID) ||
		x.srv.ID == "" && !isName(h.Target.URI, maxDeviceID) {
		return plainReply(http.StatusBadRequest, "the SyncHdr has no Source, SessionID or MsgID, or values that no device has")
	}
	x.msgID, err = strconv.ParseUint(msg.Header.MsgID, 10, 32)
	if err != nil {
		x.msgID = 0 // answered with 400, once the sender is known
	}
	x.hash = sha256.Sum256(x.in.Body)
	return nil
}

// readableHeader returns what can be read of the SyncHdr of a message that cannot be read whole, for the log.
func readableHeader(body []byte, opts *syncml.DecoderOptions) syncml.Header {
	h, err := syncml.NewDecoder(bytes.NewReader(body), opts).Next()
	if err != nil || !isName(h.Source.URI, maxDeviceID) || !isName(h.SessionID, maxSessionID) || !isName(h.MsgID, maxSessionID) {
		return syncml.Header{}
	}
	return *h
}

// An exchangeError is why a message is to be tried again later.
type exchangeError struct {
	device, session, msg string
	err                  error
}

func (e *exchangeError) Error() string {
	return fmt.Sprintf("session: device %q, message %s of session %q: %v", e.device, e.msg, e.session, e.err)
}

func (e *exchangeError) Unwrap() error { return e.err }

func (x *exchange) failed(err error) error {
	return &exchangeError{x.device, x.msg.Header.SessionID, x.msg.Header.MsgID, err}
}

// isName reports whether s is fit to name a device, a session or a message: not empty, and of characters that can be
// sent back.
func isName(s string, limit int) bool {
	return s != "" && len(s) <= limit && utf8.ValidString(s) && !strings.ContainsFunc(s, unprintable)
}

// unprintable tells the characters that no message can carry, which WBXML and references bring in.
func unprintable(r rune) bool { return r < ' ' || r == 0x7F || r == 0xFFFE || r == 0xFFFF }

// run handles the message on what the store holds now.
func (x *exchange) run() (*Reply, error) {
	rec, err := x.srv.store().Load(x.ctx, x.device, x.now, workLimit)
	if err != nil {
		return nil, fmt.Errorf("load: %w", err)
	}
	x.rev, x.work, x.stored = rec.Rev, rec.Work, rec.Reply
	if x.st, err = decodeState(rec.State); err != nil {
		return nil, fmt.Errorf("load: state of the device: %w", err)
	}

	if reply, done, err := x.repeated(); done || err != nil {
		return reply, err
	}
	if x.sess == nil { // not a message that was committed before, and not answered
		if reply, err := x.open(); reply != nil || err != nil {
			return reply, err
		}
		x.receive()
		x.complete()
		if x.srv.Handler != nil && len(x.st.told) > 0 {
			// What the device said must not get lost with a Handler that fails, or with this node.
			if err := x.commit(); err != nil {
				return nil, err
			}
		}
	} else {
		x.attach()
		x.resume()
	}
	x.handle()
	return x.answer()
}

// repeated recognizes a message that has arrived before. If it was answered it gets the same answer. What another user of
// the device sends is another message, whatever its octets.
func (x *exchange) repeated() (reply *Reply, done bool, err error) {
	var sess *sessionState
	var res *auth.Result
	before := false
	for _, s := range x.st.sessions {
		if !x.repeats(s) {
			continue
		}
		before = true
		// The proof is judged as it was the first time, so that a nonce that has been used up is good for the same octets.
		r, err := x.authenticate(s.auth, s.messages <= 1)
		if err != nil {
			return nil, false, err
		}
		switch {
		case r.Identity == nil:
		case r.Identity.User == s.user, sess == nil && r.Identity.User == "" && s.messages > 1 && x.only(s):
			sess, res = s, r
		}
	}
	if sess == nil {
		if !before {
			reply = x.late()
		}
		return reply, reply != nil, nil
	}
	if !sess.replied {
		x.sess, x.res = sess, res
		return nil, false, nil
	}
	replies, err := decodeReplies(x.stored)
	if err != nil {
		return nil, false, fmt.Errorf("load: last reply: %w", err)
	}
	r, ok := replies[sess.key()]
	if !ok {
		return nil, false, nil
	}
	x.srv.logger().DebugContext(x.ctx, "message repeated", "device", x.device, "session", sess.id, "msg", sess.last)
	if t := x.srv.Trace; t != nil && t.Repeated != nil {
		t.Repeated(x.ctx, x.traced())
	}
	reply = r.reply()
	x.traceSent(reply)
	return reply, true, nil
}

// errLate is why a copy of a first message is refused.
var errLate = errors.New("session: this message has opened a session that has gone on or ended since")

// late recognizes a copy of a message that has opened a session, when that has gone on. It has been on its way for long, or
// with a node that was, and must not begin the session again: what is out there would be lost with it, and what is about to
// be said in it taken for answers to what nobody has heard. Whoever sends it has no use for an answer; but for a device that
// gives all its sessions one number, and says the same each time. That one can be told by its patience only.
func (x *exchange) late() *Reply {
	for _, o := range x.st.opened {
		left := o.at.Add(x.lim.Replay).Sub(x.now)
		if o.hash != openingHash(x.hash) || left < 0 {
			continue
		}
		x.srv.logger().InfoContext(x.ctx, "message refused", "device", x.device, "session", x.msg.Header.SessionID,
			"msg", x.msg.Header.MsgID, "remote", x.in.Remote, "err", errLate)
		if t := x.srv.Trace; t != nil && t.Refused != nil {
			t.Refused(x.ctx, x.traced(), errLate)
		}
		reply := plainReply(http.StatusServiceUnavailable, "a session that began with this very message has gone on")
		reply.HTTP.Set("Retry-After", strconv.Itoa(int((left+time.Second-1)/time.Second)))
		return reply
	}
	return nil
}

func (x *exchange) authenticate(state []byte, first bool) (*auth.Result, error) {
	res, err := auth.Authenticate(x.ctx, x.srv.Auth, &auth.Request{
		Message: &x.msg.Header,
		HTTP:    x.in.HTTP,
		Body:    x.in.Body,
		TLS:     x.in.TLS,
		Remote:  x.in.Remote,
		First:   first,
		State:   state,
		Now:     x.now,
	})
	if err != nil {
		return nil, fmt.Errorf("authenticate: %w", err)
	}
	return res, nil
}

// open finds the session of the message, or begins one. It returns the reply to a message that is not accepted.
func (x *exchange) open() (*Reply, error) {
	h := &x.msg.Header
	res, err := x.authenticate(x.st.auth, !x.expected())
	if err != nil {
		return nil, err
	}
	if res.Identity == nil {
		return x.refuse(res)
	}
	x.res = res
	cur := x.current(res.Identity.User)
	if h.VerProto != "" && h.VerProto != "DM/1.2" {
		return x.reject(syncml.StatusProtocolNotSupported, "DM/1.2")
	}
	if h.VerDTD != "" && h.VerDTD != "1.2" {
		return x.reject(syncml.StatusVersionNotSupported, "1.2")
	}
	if cur == nil {
		if !x.startsSession() {
			x.srv.logger().InfoContext(x.ctx, "message out of order", "device", x.device, "session", h.SessionID, "msg", h.MsgID)
			return x.reject(syncml.StatusBadRequest, "")
		}
		x.begin()
	} else {
		x.sess = cur
	}
	s := x.sess
	if s.mode != ModeUser && res.Identity.User != "" {
		s.user = res.Identity.User // another one may have signed in
	}
	s.auth = x.st.auth
	x.st.auth = res.State
	s.hash, s.last, s.seen, s.replied = x.hash, x.msgID, x.now, false
	s.perMessage = res.Status != syncml.StatusAuthenticated && (h.Cred != nil || x.in.HTTP.Get(HeaderHMAC) != "")
	s.messages++
	if h.Meta.MaxMsgSize > 0 {
		s.maxMsg = h.Meta.MaxMsgSize
	}
	if h.Meta.MaxObjSize > 0 {
		s.maxObj = h.Meta.MaxObjSize
	}
	if h.RespURI != "" {
		s.respURI = h.RespURI
	}
	if s.messages > x.lim.Messages && x.lim.Messages > 0 {
		x.cancel = "more messages than Limits.Messages"
	}
	x.attach()
	return nil, nil
}

// current returns the open session that the message continues, or nil. Who sent it is "" if that is not known: it is not
// taken for that of a user then, where it could be another one's.
func (x *exchange) current(user string) *sessionState {
	var shared, theirs *sessionState
	n := 0
	for _, s := range x.st.sessions {
		switch {
		case !x.continues(s):
		case s.mode == ModeUser && user != "" && s.user == user:
			return s
		case s.mode != ModeUser:
			if shared == nil {
				shared = s
			}
		case s.isOf(user):
			theirs = s
			n++
		}
	}
	switch {
	case shared != nil:
		return shared
	case n == 1 && x.only(theirs):
		return theirs
	}
	return nil
}

// expected reports whether the message may continue an open session, whoever it is from.
func (x *exchange) expected() bool { return slices.ContainsFunc(x.st.sessions, x.continues) }

// continues reports whether the message has the numbers of the next one of s.
func (x *exchange) continues(s *sessionState) bool {
	if x.msgID <= 1 || s.id != x.msg.Header.SessionID || s.ended || s.expired(x.now, x.lim.Idle) {
		return false
	}
	// Messages that were refused have left no trace, but have taken a number.
	skipped := uint64(0)
	if s.perMessage {
		skipped = uint64(max(x.lim.Attempts, 0))
	}
	return x.msgID > s.last && x.msgID <= s.last+1+skipped
}

// repeats reports whether the message has the octets of the last one of s.
func (x *exchange) repeats(s *sessionState) bool {
	return s.hash == x.hash && s.id == x.msg.Header.SessionID && x.now.Sub(s.seen) <= x.lim.Replay
}

// only reports whether a message that does not tell its user is of s if of any session. Where another user has had a session
// too, it is nobody's.
func (x *exchange) only(s *sessionState) bool {
	return !slices.ContainsFunc(x.st.sessions, func(o *sessionState) bool {
		return o != s && (s.mode == ModeUser && o.mode == ModeUser || x.continues(o) || x.repeats(o))
	})
}

// startsSession reports whether the message may be the first of a session: number 1, or a later one if those before it
// were refused for want of credentials.
func (x *exchange) startsSession() bool {
	if x.msgID == 1 {
		return true
	}
	if x.msgID == 0 || x.msgID > 1+uint64(max(x.lim.Attempts, 0)) {
		return false
	}
	for _, c := range x.msg.Commands {
		if a, ok := c.(*syncml.Alert); ok && (a.Code == syncml.AlertClientInitiated || a.Code == syncml.AlertServerInitiated) {
			return true
		}
	}
	return false
}

// begin makes a new session. What the one before it has left undone is carried over.
func (x *exchange) begin() {
	s := &sessionState{id: x.msg.Header.SessionID, start: x.now, mode: x.modeOf(), user: x.res.Identity.User}
	if old := x.st.session(s.key()); old != nil {
		if !old.ended {
			x.over = append(x.over, old)
		}
		x.st.remove(old)
		x.take(old, s)
	}
	for len(x.st.sessions) >= maxSessions {
		old := x.st.sessions[0]
		if !old.ended {
			x.over = append(x.over, old)
		}
		x.st.remove(old)
		x.take(old, s)
	}
	x.st.sessions = append(x.st.sessions, s)
	x.st.open(x.hash, x.now, x.lim.Replay)
	x.sess, x.begins = s, true
}

// modeOf reads what the session is about from the alerts of its first message.
func (x *exchange) modeOf() Mode {
	for _, c := range x.msg.Commands {
		if a, ok := c.(*syncml.Alert); ok && a.Code == syncml.AlertClientEvent {
			for i := range a.Items {
				if alertType(&a.Items[i]) == typeSyncType {
					return parseMode(a.Items[i].Data.String())
				}
			}
		}
	}
	return ModeMixed
}

// commit makes durable what the message has changed so far.
func (x *exchange) commit() error {
	c := &x.change
	c.State = x.st.encode()
	switch {
	case x.sess.replied:
		c.Reply = x.replies
	case len(x.st.sessions) > 1:
		c.Reply = x.stored // the device has this message to repeat now, and none of those before it
	}
	c.ReplyUntil = x.now.Add(max(x.lim.Replay, 0))
	if err := x.srv.store().Commit(x.ctx, x.device, x.rev, c); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	x.rev++
	if len(c.Done) > 0 {
		x.srv.engine.announce(c.Done)
		x.done = append(x.done, c.Done...)
	}
	x.change = Change{}
	return nil
}

// attach gives queued commands their bodies, which the store has. Work that is gone was withdrawn.
func (x *exchange) attach() {
	kept := x.sess.pending[:0]
	for _, p := range x.sess.pending {
		if p.entry == nil {
			w := x.findWork(WorkID(p.id))
			if w == nil {
				continue
			}
			var err error
			if p.entry, err = parseEntry(string(w.Body)); err == nil && !p.sound() {
				err = errStored
			}
			if err != nil {
				x.unreadable(w, err)
				continue
			}
		}
		kept = append(kept, p)
	}
	clear(x.sess.pending[len(kept):])
	x.sess.pending = kept
}

// unreadable ends work whose command makes no sense, to this version at least.
func (x *exchange) unreadable(w *Work, err error) {
	x.srv.logger().ErrorContext(x.ctx, "queued command cannot be read", "device", x.device,
		"session", x.msg.Header.SessionID, "msg", x.msg.Header.MsgID, "cmd", w.ID, "err", err)
	r := &Result{ID: string(w.ID), Status: syncml.StatusServerFailure}
	x.change.Done = append(x.change.Done, Done{w.ID, x.now, storeResult(r)})
}

func (x *exchange) findWork(id WorkID) *Work {
	for i := range x.work {
		if x.work[i].ID == id {
			return &x.work[i]
		}
	}
	return nil
}

func plainReply(status int, text string) *Reply {
	return &Reply{
		Status: status,
		HTTP:   http.Header{"Content-Type": {"text/plain; charset=utf-8"}, "Cache-Control": {"no-store"}},
		Body:   []byte(text + "\n"),
	}
}
