package syncml

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
)

// An Encoder writes messages: Begin, any number of Encode, End, and again. It never writes a part of a command: one that
// does not fit, or that cannot be written, leaves no trace. What has been encoded goes to the writer some 32 KB at a time,
// so a long message is not held in memory, and all of it with End. An Encoder is not safe for concurrent use, and does not
// allocate when it is used again. [NewEncoder] makes one; the zero Encoder is of no use.
type Encoder struct {
	w    io.Writer // nil: of Append
	out  sink
	xml  xmlWriter
	bin  wbxmlWriter
	opts EncoderOptions

	begun bool
	sent  int64 // bytes of the message that are no longer in the sink's buffer
	from  int   // where the message begins in the sink's buffer
	err   error // of the writer; nothing works after it

	fault  error // of the command in progress
	item   int   // being written, from 1; 0: none
	ids    []string
	lastID int64           // the highest CmdID while all are ascending numbers, else -1
	used   map[string]bool // of all CmdIDs, once they are not
}

// flushSize is how much an Encoder collects before it writes.
const flushSize = 32 << 10

// NewEncoder returns an Encoder that writes to w; nil options mean the defaults.
func NewEncoder(w io.Writer, opts *EncoderOptions) *Encoder {
	e := new(Encoder)
	if opts != nil {
		e.opts = *opts
	}
	e.Reset(w)
	return e
}

// Reset makes the Encoder write to w, as if new. It keeps its buffers.
func (e *Encoder) Reset(w io.Writer) {
	e.w, e.err, e.begun = w, nil, false
	e.xml.replace = e.opts.BadChar == BadCharReplace
	e.bin.replace = e.xml.replace
	e.xml.asIs, e.bin.check.asIs = e.opts.AsIs, e.opts.AsIs
	if e.out = &e.xml; e.opts.Encoding == WBXML {
		e.out = &e.bin
	}
	b := e.out.bytes()
	*b = (*b)[:0]
}

// SetMaxMessage changes the limit for messages that have yet to begin; 0 means none. Peers differ in what they take, so
// an Encoder that is kept for many of them needs it.
func (e *Encoder) SetMaxMessage(n int64) { e.opts.MaxMessage = n }

// Begin starts a message with its header. It answers [ErrFull] if the header alone exceeds MaxMessage.
func (e *Encoder) Begin(h *Header) error {
	if e.err != nil {
		return e.err
	}
	if e.begun {
		return errors.New("syncml: Begin inside a message")
	}
	e.sent, e.from = 0, len(*e.out.bytes())
	e.ids, e.lastID = e.ids[:0], 0
	clear(e.used)
	e.fault, e.item = nil, 0
	before := e.out.mark()
	e.header(h)
	if e.fault == nil && e.Room() < 0 {
		e.fault = ErrFull
	}
	if e.fault != nil {
		e.out.rewind(before)
		if e.fault == ErrFull {
			return ErrFull
		}
		return fmt.Errorf("syncml: SyncHdr: %w", e.fault)
	}
	e.begun = true
	return nil
}

// Encode writes a command, with those in it. [ErrFull] means that it would not fit into what is left of MaxMessage:
// nothing was written then, and the message can be ended. A command that does not fit right behind Begin fits into no
// message.
func (e *Encoder) Encode(c Command) error {
	if e.err != nil {
		return e.err
	}
	if !e.begun {
		return errors.New("syncml: Encode outside a message")
	}
	before, ids, last := e.out.mark(), len(e.ids), e.lastID
	e.fault, e.item = nil, 0
	e.command(c, nil)
	if e.fault == nil && e.opts.MaxMessage > 0 && e.Room() < 0 {
		e.fault = ErrFull
	}
	if e.fault != nil {
		e.out.rewind(before)
		for _, id := range e.ids[ids:] {
			delete(e.used, id)
		}
		e.ids, e.lastID = e.ids[:ids], last
		return e.fault
	}
	if e.w != nil && len(*e.out.bytes()) >= flushSize {
		return e.flush()
	}
	return nil
}

// Room returns how many bytes of MaxMessage are left for commands, what closes the message taken off. Without a limit,
// it is the largest number.
func (e *Encoder) Room() int64 {
	if e.opts.MaxMessage <= 0 {
		return 1<<63 - 1
	}
	return e.opts.MaxMessage - e.sent - int64(len(*e.out.bytes())-e.from) - int64(e.out.trailer())
}

// End closes the message and writes it out; final says that it is the last of its package.
func (e *Encoder) End(final bool) error {
	if e.err != nil {
		return e.err
	}
	if !e.begun {
		return errors.New("syncml: End outside a message")
	}
	e.begun = false
	e.out.end(final)
	if e.w != nil {
		return e.flush()
	}
	return nil
}

func (e *Encoder) flush() error {
	b := e.out.bytes()
	if _, err := e.w.Write(*b); err != nil {
		e.err = fmt.Errorf("syncml: write: %w", err)
		return e.err
	}
	e.sent += int64(len(*b) - e.from)
	e.from = 0
	*b = (*b)[:0]
	return nil
}

// An appender is an Encoder for Append, so that it costs no allocation, and a buffer for messages that go into a slice of
// their own, so that it costs one.
type appender struct {
	Encoder
	buf []byte
}

var appenders = sync.Pool{New: func() any { return new(appender) }}

// maxAppender is the largest buffer that is kept for messages to come, until memory is collected.
const maxAppender = 2 << 20

// Append writes a whole message behind dst and returns the longer slice, or dst and an error. What dst has of capacity
// behind what is returned may be overwritten too. Nil options mean the defaults.
func Append(dst []byte, m *Message, opts *EncoderOptions) ([]byte, error) {
	e := appenders.Get().(*appender)
	into, fresh := dst, cap(dst) == 0
	if fresh {
		into = e.buf[:0]
	}
	defer func() {
		*e.out.bytes() = nil
		appenders.Put(e)
	}()
	e.opts = EncoderOptions{}
	if opts != nil {
		e.opts = *opts
	}
	e.bin.literals = literals{learn: true}
	for {
		known := len(e.bin.literals.table)
		e.Reset(nil)
		*e.out.bytes() = into
		if err := e.message(m); err != nil {
			return dst, err
		}
		if len(e.bin.literals.table) == known {
			break
		}
		// Names have come up that WBXML must announce in the header.
	}
	out := *e.out.bytes()
	if fresh {
		if cap(out) <= maxAppender {
			e.buf = out
		}
		out = slices.Clone(out)
	}
	return out, nil
}

func (e *Encoder) message(m *Message) error {
	if err := e.Begin(&m.Header); err != nil {
		return err
	}
	for _, c := range m.Commands {
		if err := e.Encode(c); err != nil {
			return err
		}
	}
	return e.End(m.Final)
}

// failf keeps the first thing that is wrong with the command in progress.
func (e *Encoder) failf(format string, args ...any) {
	if e.fault == nil {
		e.fault = fmt.Errorf(format, args...)
	}
}

// wrong is failf for what the specification asks of a message, which tools that only convert may not mind.
func (e *Encoder) wrong(format string, args ...any) {
	if !e.opts.AsIs {
		e.failf(format, args...)
	}
}

func (e *Encoder) leaf(id elem, s string) {
	if err := e.out.leaf(id, s); err != nil {
		e.failf("%s: %w", elemNames[id], err)
	}
}

// optional writes an element that holds characters, if there are any.
func (e *Encoder) optional(id elem, s string) {
	if s != "" {
		e.leaf(id, s)
	}
}

func (e *Encoder) flag(id elem, there bool) {
	if there {
		e.out.empty(id)
	}
}

func (e *Encoder) unknown(list []Element) {
	for _, u := range list {
		if err := e.out.raw(u); err != nil {
			e.failf("%s: %w", u.Name, err)
		}
	}
}

func (e *Encoder) header(h *Header) {
	dtd, proto := h.VerDTD, h.VerProto
	if dtd == "" {
		dtd = "1.2"
	}
	if proto == "" {
		proto = "DM/1.2"
	}
	switch {
	case h.SessionID == "":
		e.wrong("no SessionID")
	case h.MsgID == "":
		e.wrong("no MsgID")
	case h.Target.URI == "":
		e.wrong("no Target")
	case h.Source.URI == "":
		e.wrong("no Source")
	}
	version := dtd
	if version != "1.0" && version != "1.1" {
		version = "1.2"
	}
	e.out.start(version)
	e.out.open(elSyncHdr)
	e.leaf(elVerDTD, dtd)
	e.leaf(elVerProto, proto)
	e.leaf(elSessionID, h.SessionID)
	e.leaf(elMsgID, h.MsgID)
	e.location(elTarget, &h.Target)
	e.location(elSource, &h.Source)
	e.optional(elRespURI, h.RespURI)
	e.flag(elNoResp, h.NoResp)
	if h.Cred != nil {
		e.cred(h.Cred)
	}
	e.meta(&h.Meta, "", "")
	e.unknown(h.Unknown)
	e.out.close(elSyncHdr)
	e.out.open(elSyncBody)
}

func (e *Encoder) cred(c *Cred) {
	if c.Meta.Type == AuthMD5 && c.Meta.Format != "b64" {
		e.wrong("Cred of type %s without Format b64", AuthMD5)
	}
	e.out.open(elCred)
	e.meta(&c.Meta, "", "")
	e.leaf(elData, c.Data)
	e.out.close(elCred)
}

func (e *Encoder) chal(c *Chal) {
	if c.Meta.Type == AuthMD5 || c.Meta.Type == AuthMAC {
		if _, err := base64.StdEncoding.DecodeString(c.Meta.NextNonce); err != nil || c.Meta.Format != "b64" {
			e.wrong("Chal of type %s without Format b64 and a nonce in base64", c.Meta.Type)
		}
	}
	e.out.open(elChal)
	if c.Meta.IsZero() {
		e.out.empty(elMeta)
	}
	e.meta(&c.Meta, "", "")
	e.out.close(elChal)
}

// cmdID writes the CmdID, which must not be 0 and be the only one of its kind.
func (e *Encoder) cmdID(id string) {
	if !e.opts.AsIs {
		e.checkID(id)
	}
	e.leaf(elCmdID, id)
}

func (e *Encoder) checkID(id string) {
	if id == "" || id == "0" {
		e.failf("no command may have the CmdID %q", id)
		return
	}
	e.ids = append(e.ids, id)
	if e.lastID >= 0 {
		// Ascending numbers, as everybody counts, need no set to be unique.
		n := int64(0)
		for i := 0; i < len(id); i++ {
			c := id[i]
			if c < '0' || c > '9' || i > 17 || c == '0' && i == 0 {
				n = -1
				break
			}
			n = 10*n + int64(c-'0')
		}
		if n > e.lastID {
			e.lastID = n
			return
		}
		e.lastID = -1
		if e.used == nil {
			e.used = make(map[string]bool)
		}
		clear(e.used)
		for _, id := range e.ids[:len(e.ids)-1] {
			e.used[id] = true
		}
	}
	if e.used[id] {
		e.ids = e.ids[:len(e.ids)-1] // the one before stays
		e.failf("the CmdID is there already")
		return
	}
	e.used[id] = true
}

// where names the item for an operator.
func (it *Item) where() string {
	if it.Target.URI != "" {
		return it.Target.URI
	}
	return it.Source.URI
}

// isBase64 reports whether opaque bytes are base64 already: WBXML has both, binary values and their text, in OPAQUE.
func isBase64(d Data) bool {
	n := 0
	for _, c := range d.Bytes() {
		switch {
		case 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '+' || c == '/' || c == '=':
			n++
		case !isSpace(c):
			return false
		}
	}
	return n%4 == 0
}

func (e *Encoder) location(id elem, l *Location) {
	if l.URI == "" && l.Name == "" {
		return
	}
	e.out.open(id)
	e.leaf(elLocURI, l.URI)
	e.optional(elLocName, l.Name)
	e.out.close(id)
}

// meta writes what there is of m, with another format and type where those are not "".
func (e *Encoder) meta(m *Meta, format, typ string) {
	if format == "" && typ == "" && m.IsZero() {
		return
	}
	if format == "" {
		format = m.Format
	}
	if typ == "" {
		typ = m.Type
	}
	x := m.Extra
	e.out.open(elMeta)
	if x != nil {
		e.flag(elFieldLevel, x.FieldLevel)
	}
	e.optional(elFormat, format)
	e.optional(elType, typ)
	e.optional(elMark, m.Mark)
	e.count(elSize, m.Size)
	if x != nil {
		if x.Anchor != nil {
			e.out.open(elAnchor)
			e.optional(elLast, x.Anchor.Last)
			e.leaf(elNext, x.Anchor.Next)
			e.out.close(elAnchor)
		}
		e.optional(elVersion, x.Version)
	}
	e.optional(elNextNonce, m.NextNonce)
	e.count(elMaxMsgSize, m.MaxMsgSize)
	e.count(elMaxObjSize, m.MaxObjSize)
	if x != nil {
		for _, emi := range x.EMI {
			e.leaf(elEMI, emi)
		}
		if x.Mem != nil {
			e.out.open(elMem)
			e.flag(elSharedMem, x.Mem.SharedMem)
			e.out.number(elFreeMem, x.Mem.FreeMem)
			e.out.number(elFreeID, x.Mem.FreeID)
			e.out.close(elMem)
		}
		e.unknown(x.Unknown)
	}
	e.out.close(elMeta)
}

// count writes a number of bytes, 0 being none.
func (e *Encoder) count(id elem, n int64) {
	if n != 0 {
		e.out.number(id, n)
	}
}
