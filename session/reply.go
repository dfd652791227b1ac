package session

import (
	"bytes"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/omadm-sdk/omadm/auth"
	"github.com/omadm-sdk/omadm/syncml"
)

// A composer writes one message to the device, within its MaxMsgSize.
type composer struct {
	x     *exchange
	enc   *syncml.Encoder
	out   auth.Outgoing
	limit int64 // bytes of the message
	id    int   // CmdID of the last command

	// What is used again for other messages.
	buf        bytes.Buffer
	status     syncml.Status // of the SyncHdr
	refs       [2]string     // its TargetRef and SourceRef
	builder    builder
	xml, wbxml *syncml.Encoder
}

// composers holds those that are not in use. One that a large message has made large is dropped, so that memory follows
// what is usual rather than what was the most.
var composers = sync.Pool{New: func() any { return new(composer) }}

const maxPooled = 64 << 10

// release makes c available for other messages. What it wrote is not valid any more.
func (c *composer) release() {
	if c.buf.Cap() > maxPooled || cap(c.builder.items) > 256 {
		return
	}
	c.x, c.enc, c.out, c.status, c.refs = nil, nil, auth.Outgoing{}, syncml.Status{}, [2]string{}
	composers.Put(c)
}

// encoder returns the encoder for an encoding, and has it write to c.buf.
func (c *composer) encoder(enc syncml.Encoding) *syncml.Encoder {
	e := &c.xml
	if enc == syncml.WBXML {
		e = &c.wbxml
	}
	if *e == nil {
		*e = syncml.NewEncoder(&c.buf, &syncml.EncoderOptions{Encoding: enc})
	}
	(*e).Reset(&c.buf)
	return *e
}

// compose begins a message. What the device takes bounds it, and what we take ourselves; a limit that would not even let
// us say that the message has arrived is no limit.
func (x *exchange) compose(first bool) (*composer, error) {
	h := &x.msg.Header
	limit := x.lim.Message
	if x.sess != nil && x.sess.maxMsg > 0 {
		limit = min(limit, x.sess.maxMsg)
	} else if x.sess == nil && h.Meta.MaxMsgSize > 0 {
		limit = min(limit, h.Meta.MaxMsgSize)
	}
	c := composers.Get().(*composer)
	c.x, c.id = x, 0
	c.buf.Reset()
	msgID := h.MsgID // each of our messages answers one of the device's, so both count alike
	if x.msgID == 0 {
		msgID = "1"
	}
	source := x.srv.ID
	if source == "" {
		source = h.Target.URI
	}
	c.out = auth.Outgoing{
		Header: &syncml.Header{
			SessionID: h.SessionID,
			MsgID:     msgID,
			Target:    syncml.Location{URI: x.device},
			Source:    syncml.Location{URI: source},
			Meta:      syncml.Meta{MaxMsgSize: x.lim.Message, MaxObjSize: x.lim.Object},
		},
		HTTP:  http.Header{"Content-Type": {x.enc.ContentType()}, "Cache-Control": {"no-store"}},
		First: first,
		State: x.st.sign,
	}
	if x.srv.Sign != nil && x.res != nil { // a stranger gets no proof, which it could use up or guess from
		if err := x.srv.Sign.Sign(x.ctx, &c.out); err != nil {
			return nil, err
		}
	}
	c.limit = max(limit, minMessage)
	c.enc = c.encoder(x.enc)
	c.enc.SetMaxMessage(c.limit)
	return c, c.enc.Begin(c.out.Header)
}

// minMessage has room for the header and its Status, with a few hundred bytes of addresses and credentials.
const minMessage = 2048

// statusRoom is what must be left of a message for one more Status to go into it, and alert 1222 after that.
const statusRoom = 1024

// put writes a command that takes one CmdID. What a Status repeats of the device's message may hold characters that
// cannot be sent back: it is sent without them.
func (c *composer) put(cmd syncml.Command) error {
	cmd.SetID(strconv.Itoa(c.id + 1))
	err := c.enc.Encode(cmd)
	if st, ok := cmd.(*syncml.Status); ok && errors.Is(err, syncml.ErrBadChar) {
		err = c.enc.Encode(printable(st))
	}
	if err == nil {
		c.id++
	}
	return err
}

// printable returns st with only characters that a message can carry in what it repeats.
func printable(st *syncml.Status) *syncml.Status {
	clean := func(s string) string {
		return strings.Map(func(r rune) rune {
			if unprintable(r) {
				return utf8.RuneError
			}
			return r
		}, strings.ToValidUTF8(s, string(utf8.RuneError)))
	}
	p := *st
	p.MsgRef, p.CmdRef, p.Cmd = clean(st.MsgRef), clean(st.CmdRef), clean(st.Cmd)
	p.TargetRefs, p.SourceRefs = slices.Clone(st.TargetRefs), slices.Clone(st.SourceRefs)
	for _, refs := range [][]string{p.TargetRefs, p.SourceRefs} {
		for i := range refs {
			refs[i] = clean(refs[i])
		}
	}
	return &p
}

// headerStatus answers the SyncHdr, as the first command.
func (c *composer) headerStatus(code syncml.StatusCode, chal *syncml.Chal, items ...string) error {
	h := &c.x.msg.Header
	st := &c.status
	*st = syncml.Status{MsgRef: h.MsgID, CmdRef: "0", Cmd: "SyncHdr", Chal: chal, Code: code}
	c.refs = [...]string{h.Target.URI, h.Source.URI}
	if c.refs[0] != "" {
		st.TargetRefs = c.refs[:1:1]
	}
	if c.refs[1] != "" {
		st.SourceRefs = c.refs[1:]
	}
	for _, s := range items {
		st.Items = append(st.Items, syncml.Item{Data: syncml.Text(s)})
	}
	return c.put(st)
}

func (o *owedStatus) command() *syncml.Status {
	st := &syncml.Status{MsgRef: o.msgRef, CmdRef: o.cmdRef, Cmd: o.cmd, Code: o.code}
	if o.target != "" {
		st.TargetRefs = []string{o.target}
	}
	if o.source != "" {
		st.SourceRefs = []string{o.source}
	}
	return st
}

// finish closes the message. Its octets are c's: see release.
func (c *composer) finish(final bool) (*Reply, error) {
	if err := c.enc.End(final); err != nil {
		return nil, err
	}
	if c.out.Seal != nil {
		if err := c.out.Seal(c.buf.Bytes()); err != nil {
			return nil, err
		}
	}
	reply := &Reply{Status: http.StatusOK, HTTP: c.out.HTTP, Body: c.buf.Bytes(), URL: c.x.msg.Header.RespURI}
	if c.x.sess != nil {
		reply.URL = c.x.sess.respURI
	}
	return reply, nil
}

// refuse answers a message whose sender has not proved itself. Nothing is executed, and nothing changes.
func (x *exchange) refuse(res *auth.Result) (*Reply, error) {
	h := &x.msg.Header
	if x.msgID == 0 || x.msgID > uint64(max(x.lim.Attempts, 0)) && !x.expected() {
		res.Challenge = nil // enough of it (DM Security)
	}
	x.srv.logger().WarnContext(x.ctx, "message refused", "device", x.device, "session", h.SessionID, "msg", h.MsgID,
		"status", int(res.Status), "remote", x.in.Remote, "err", res.Reason)
	if t := x.srv.Trace; t != nil && t.Refused != nil {
		t.Refused(x.ctx, x.traced(), res.Reason)
	}
	return x.statusOnly(res.Status, res.Challenge, res.Status)
}

// reject answers a message that is not accepted for its header. Nothing is executed, and nothing changes: the nonce of
// the message stays good, and so no other is given.
func (x *exchange) reject(code syncml.StatusCode, items ...string) (*Reply, error) {
	each := code
	if len(items) == 0 || items[0] == "" {
		items, each = nil, 0
	}
	return x.statusOnly(code, nil, each, items...)
}

// statusOnly answers the header with code, and each command with each, unless that is 0.
func (x *exchange) statusOnly(code syncml.StatusCode, chal *syncml.Chal, each syncml.StatusCode, items ...string) (*Reply, error) {
	c, err := x.compose(true)
	if err != nil {
		return nil, err
	}
	defer c.release()
	if err := c.headerStatus(code, chal, items...); err != nil {
		return nil, err
	}
	if each != 0 {
		if err := c.each(x.msg.Commands, each); err != nil && !errors.Is(err, syncml.ErrFull) {
			return nil, err
		}
	}
	reply, err := c.finish(true)
	if err != nil {
		return nil, err
	}
	reply.Body = bytes.Clone(reply.Body)
	x.traceSent(reply)
	return reply, nil
}

// each answers all commands with the same code (A06).
func (c *composer) each(commands []syncml.Command, code syncml.StatusCode) error {
	for _, cmd := range commands {
		var children []syncml.Command
		switch cmd := cmd.(type) {
		case *syncml.Status:
			continue
		case *syncml.Atomic:
			children = cmd.Commands
		case *syncml.Sequence:
			children = cmd.Commands
		}
		st := &syncml.Status{MsgRef: c.x.msg.Header.MsgID, CmdRef: cmd.ID(), Cmd: cmd.Name(), Code: code}
		if err := c.put(st); err != nil {
			return err
		}
		if err := c.each(children, code); err != nil {
			return err
		}
	}
	return nil
}

// answer composes the reply, and commits.
func (x *exchange) answer() (*Reply, error) {
	s := x.sess
	c, err := x.compose(s.messages <= 1)
	if err != nil {
		return nil, err
	}
	defer c.release()
	code := x.res.Status
	if x.header != nil && x.header.Code != 0 {
		code = x.header.Code
	}
	if err := c.headerStatus(code, x.res.Challenge); err != nil {
		return nil, err
	}
	over, final := "", true
	for len(s.owed) > 0 && final {
		if c.id > 1 && c.enc.Room() < statusRoom {
			final = false
			break
		}
		if err := c.put(s.owed[0].command()); err != nil {
			return nil, err
		}
		s.owed = s.owed[1:]
	}
	asked := false // something that the device has to answer
	for _, a := range x.alerts {
		if err := c.put(a); err != nil {
			x.srv.logger().WarnContext(x.ctx, "alert 1225 cannot be sent", "device", x.device, "session", s.id, "msg", s.last, "err", err)
			continue
		}
		asked = true
	}
	switch {
	case x.aborted:
		over, final = "abort", true
	case x.cancel != "":
		over, final = x.cancel, true
		if err := c.put(&syncml.Alert{Code: syncml.AlertAbort}); err != nil && !errors.Is(err, syncml.ErrFull) {
			return nil, err
		}
	case x.header != nil:
		over, final = "the handler refuses the message", true
	case !final: // more Statuses are owed, and go first; a device may take a message without Final for the end
		s.more = s.more || x.msg.Final // else the device's package goes on, and ours has not begun
		err = c.put(&syncml.Alert{Code: syncml.AlertNextMessage})
	case s.cutAt > 0 && x.taken:
		final, err = x.sendChunk(c, s.out())
	case x.alive && x.rules.keepAlive:
		final = false // it knows that its package is open, and 1222 would be something to answer (MS-MDM)
	case s.cutAt > 0, !x.msg.Final && !s.more:
		final, err = false, c.put(&syncml.Alert{Code: syncml.AlertNextMessage})
	default:
		x.base, x.bare, s.more = c.id, s.more, false
		var sent bool
		if sent, final, err = x.fill(c); err == nil && !sent && final && !asked {
			over = "done"
		}
	}
	if err != nil {
		return nil, err
	}
	reply, err := c.finish(final)
	if err != nil {
		return nil, err
	}
	x.st.sign = c.out.State
	s.replied = true
	if over != "" {
		s.ended, s.owed, s.join = true, nil, assembly{}
		x.drop()
	}
	if err := x.keep(reply); err != nil {
		return nil, err
	}
	if err := x.commit(); err != nil {
		return nil, err
	}
	x.traceSession(over)
	x.traceSent(reply)
	return reply, nil
}

// drop forgets the commands of an aborted session that have never been sent and are nobody's but the session's.
func (x *exchange) drop() {
	if x.cancel == "" {
		return
	}
	kept := x.sess.pending[:0]
	for _, p := range x.sess.pending {
		if p.msg != 0 || p.work || p.tries > 0 || p.probe || p.search != nil {
			kept = append(kept, p)
		}
	}
	x.sess.pending = kept
}

// keep stores the reply for the case that the device repeats its message.
func (x *exchange) keep(reply *Reply) error {
	if len(x.st.sessions) > 1 {
		var err error
		if x.st.replies, err = decodeReplies(x.stored); err != nil {
			return err
		}
	}
	if x.st.replies == nil {
		x.st.replies = make(map[string]storedReply, 1)
	}
	for key := range x.st.replies {
		if x.st.session(key) == nil {
			delete(x.st.replies, key)
		}
	}
	r := storedReply{header: make([]string, 0, 2*len(reply.HTTP)), body: reply.Body}
	for name, values := range reply.HTTP {
		for _, v := range values {
			r.header = append(r.header, name, v)
		}
	}
	key := x.sess.key()
	x.st.replies[key] = r
	x.replies, reply.Body = x.st.encodeReplies(key) // one copy serves the store and the device
	return nil
}

func (r *storedReply) reply() *Reply {
	h := make(http.Header, len(r.header)/2)
	for i := 0; i+1 < len(r.header); i += 2 {
		h.Add(r.header[i], r.header[i+1])
	}
	return &Reply{Status: http.StatusOK, HTTP: h, Body: r.body}
}
