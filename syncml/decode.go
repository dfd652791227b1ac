package syncml

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
)

// A Decoder reads messages one after another, from a reader or from memory, and holds one command in memory at a time.
//
//	h, err := d.Next()                   // the header
//	for cmd, err := range d.Commands() { // then the commands
//	final := d.Final()                   // then how the message ended
//
// What it returns is kept in memory that it uses again: the header is valid until Next or Message is called, a command
// until the next command is asked for. Their strings may be kept for ever; bytes of [Data] and slices may not; [Clone]
// copies. A Decoder that is reused for messages of a kind does not allocate. It is not safe for concurrent use.
type Decoder struct {
	src source
	pos *position // of src
	xml xmlReader
	bin wbxmlReader

	encoding Encoding // as asked for
	found    Encoding // as met
	check    bool     // anybody wants to know what is not quite right
	strict   bool
	keep     bool // unknown elements
	fresh    bool // of Unmarshal: strings come from texts
	maxItems int
	maxText  int64
	forgiven func(*SyntaxError)

	state decoderState
	err   error
	head  Header
	cred  Cred // of head
	final bool
	body  walk
	root  walk
	msg   Message

	octets  bool              // the command being read holds opaque data
	count   int               // commands, items and repeated elements so far
	ids     map[string]bool   // CmdIDs of the message, if check
	nth     [elemCount]uint32 // commands in the body, by name, for error paths
	strings stringTable
	texts   textBlock

	nodes    slab[Replace] // and Add, Copy, Delete, Get, which have the same fields
	groups   slab[Sequence]
	alerts   slab[Alert]
	execs    slab[Exec]
	results  slab[Results]
	statuses slab[Status]
	unknowns slab[Unknown]
	chals    slab[Chal]
	creds    slab[Cred]
	items    []Item // those of one command stand together
	refs     []string
	children []Command
	pending  []Command // of the Atomics and Sequences that are open
	targets  []string  // of the Status being read
	sources  []string
}

type decoderState uint8

const (
	between decoderState = iota // messages
	inHead                      // header read, body not entered
	inBody
)

// A slab hands out values that are reused after reset.
type slab[T any] struct {
	mem []T
	n   int
}

func (s *slab[T]) new() *T {
	if s.n == len(s.mem) {
		s.mem, s.n = make([]T, max(2, 2*len(s.mem))), 0
	}
	p := &s.mem[s.n]
	s.n++
	var zero T
	*p = zero
	return p
}

// NewDecoder returns a Decoder that reads from r; nil options mean the defaults. Without a reader, give it one with
// Reset or ResetBytes.
func NewDecoder(r io.Reader, opts *DecoderOptions) *Decoder {
	d := new(Decoder)
	d.configure(opts)
	d.Reset(r)
	return d
}

func (d *Decoder) configure(opts *DecoderOptions) {
	if opts == nil {
		opts = &DecoderOptions{}
	}
	d.encoding = opts.Encoding
	d.strict, d.forgiven, d.keep = opts.Strict, opts.Forgiven, opts.KeepUnknown
	d.check = opts.Strict || opts.Forgiven != nil
	d.maxItems = orDefault(opts.MaxItems, DefaultMaxItems)
	d.xml.max = orDefault(opts.MaxMessage, DefaultMaxMessage)
	d.maxText = orDefault(opts.MaxText, d.xml.max)
	d.xml.maxDepth = orDefault(opts.MaxDepth, DefaultMaxDepth)
	d.xml.check, d.xml.strict, d.xml.forgiven = d.check, d.strict, d.forgiven
	d.bin.maxMessage, d.bin.maxText, d.bin.maxDepth = d.xml.max, d.maxText, d.xml.maxDepth
	d.bin.maxItems = d.maxItems
	d.bin.check, d.bin.strict, d.bin.forgiven = d.check, d.strict, d.forgiven
}

func orDefault[T int | int64](n, def T) T {
	if n <= 0 {
		return def
	}
	return n
}

// Reset makes the Decoder read from r, as if new. It keeps its buffers and the bounded table of strings it has met.
func (d *Decoder) Reset(r io.Reader) {
	if r == nil {
		r = bytes.NewReader(nil)
	}
	d.reset(r, nil)
}

// ResetBytes makes the Decoder read from data, as if new, without copying it: bytes of [Data] then point into data.
func (d *Decoder) ResetBytes(data []byte) { d.reset(nil, data) }

func (d *Decoder) reset(r io.Reader, data []byte) {
	d.xml.reset(r, data)
	d.src, d.pos = &d.xml, &d.xml.position
	d.found, d.state, d.err, d.final = d.encoding, between, nil, false
	if d.found == WBXML {
		d.binary()
	}
}

// binary goes on with the other source where that of XML stands.
func (d *Decoder) binary() {
	w := &d.xml.window
	d.bin.reset(w.rd, w.buf[w.pos:])
	d.src, d.pos = &d.bin, &d.bin.position
}

// Encoding tells how the message that Next found is spelled.
func (d *Decoder) Encoding() Encoding { return d.found }

// Next skips what is left of the message before and reads the header of the next one. It answers io.EOF at a clean end
// of the input.
func (d *Decoder) Next() (*Header, error) {
	for d.state != between && d.err == nil {
		if _, err := d.command(true); err != nil && err != io.EOF {
			break
		}
	}
	if d.err == nil {
		d.begin()
		d.final = false
		if d.found != WBXML {
			d.err = d.sniff()
		}
	}
	if d.err == nil {
		d.err = d.src.start()
	}
	if d.err != nil {
		return nil, d.err
	}
	d.root, d.body = walk{parent: elSyncML}, walk{parent: elSyncBody}
	d.count, d.octets = 0, false
	d.nth = [elemCount]uint32{}
	clear(d.ids)
	for {
		switch id := d.next(&d.root); id {
		case elSyncHdr:
			d.header(&d.head)
			if d.pos.err != nil {
				return nil, d.fail()
			}
			d.state = inHead
			return &d.head, nil
		case elSyncBody:
			d.failf("SyncBody without a SyncHdr before it")
		case elEnd:
			d.failf("SyncML without SyncHdr")
		default:
			d.src.skip(false)
			continue
		}
		return nil, d.fail()
	}
}

// Commands yields the commands of the message whose header Next returned. After an error it yields nothing more, and
// so it does at the end of the message. Stopping early is allowed: a second range goes on with the next command.
func (d *Decoder) Commands() iter.Seq2[Command, error] {
	return func(yield func(Command, error) bool) { d.commands(yield) }
}

func (d *Decoder) commands(yield func(Command, error) bool) {
	for {
		c, err := d.command(true)
		if err == io.EOF {
			return
		}
		if !yield(c, err) || err != nil {
			return
		}
	}
}

// Final reports whether the message said that it is the last of its package. It is meaningful once Commands has ended.
func (d *Decoder) Final() bool { return d.final }

// Message reads the next message whole. It is valid until Next or Message is called. io.EOF is a clean end of the input.
func (d *Decoder) Message() (*Message, error) {
	h, err := d.Next()
	if err != nil {
		return nil, err
	}
	d.msg.Commands = d.msg.Commands[:0]
	for {
		c, err := d.command(false)
		if err == io.EOF {
			break
		} else if err != nil {
			return nil, err
		}
		d.msg.Commands = append(d.msg.Commands, c)
	}
	d.msg.Header, d.msg.Final = *h, d.final
	return &d.msg, nil
}

// begin lets what was returned so far be overwritten.
func (d *Decoder) begin() {
	d.src.begin()
	d.nodes.n, d.groups.n, d.alerts.n, d.execs.n, d.results.n = 0, 0, 0, 0, 0
	d.statuses.n, d.unknowns.n, d.chals.n, d.creds.n = 0, 0, 0, 0
	d.items, d.refs, d.children, d.pending = d.items[:0], d.refs[:0], d.children[:0], d.pending[:0]
}

// command reads the next command of the body. io.EOF is the end of the message.
func (d *Decoder) command(alone bool) (Command, error) {
	if d.err != nil {
		return nil, d.err
	}
	if d.state == between {
		return nil, io.EOF
	}
	if d.state == inHead {
		for d.state == inHead {
			switch id := d.next(&d.root); id {
			case elSyncBody:
				d.state = inBody
			case elEnd:
				d.state = between
				if d.pos.err != nil {
					return nil, d.fail()
				}
				d.src.forgive(syntaxf("SyncML without SyncBody"))
				return nil, d.end()
			default:
				d.src.skip(false)
			}
		}
	}
	for {
		if alone {
			d.begin()
		}
		id := d.next(&d.body)
		switch {
		case id == elFinal:
			d.final = true
			d.src.text()
		case id == elEnd:
			if d.pos.err != nil {
				return nil, d.fail()
			}
			for d.next(&d.root) != elEnd {
				d.src.skip(false)
			}
			if d.pos.err != nil {
				return nil, d.fail()
			}
			return nil, d.end()
		default:
			d.nth[id]++
			d.pos.count(int(d.nth[id]))
			c := d.read(id)
			if d.pos.err != nil {
				return nil, d.fail()
			}
			return c, nil
		}
	}
}

// end finishes a message.
func (d *Decoder) end() error {
	d.state = between
	if d.pos.err != nil {
		return d.fail()
	}
	return io.EOF
}

func (d *Decoder) fail() error {
	if d.err == nil {
		d.err = d.pos.err
	}
	return d.err
}

// failf ends the decoding because of the element entered last.
func (d *Decoder) failf(format string, args ...any) { d.src.fail(syntaxf(format, args...)) }

// counted keeps to the limit of commands, items and repeated elements.
func (d *Decoder) counted() {
	if d.count++; d.count > d.maxItems {
		d.src.fail(fmt.Errorf("more than %d commands and items: %w", d.maxItems, ErrTooLarge))
	}
}

// read reads the command just entered.
func (d *Decoder) read(id elem) Command {
	d.counted()
	switch id {
	case elStatus:
		return d.status()
	case elResults:
		return d.result()
	case elReplace:
		return d.node(id)
	case elAdd:
		return (*Add)(d.node(id))
	case elCopy:
		return (*Copy)(d.node(id))
	case elDelete:
		return (*Delete)(d.node(id))
	case elGet:
		return (*Get)(d.node(id))
	case elExec:
		return d.exec()
	case elAlert:
		return d.alert()
	case elAtomic:
		return (*Atomic)(d.group(id))
	case elSequence:
		return d.group(id)
	}
	c := d.unknowns.new()
	c.Element.Name = d.pos.name()
	c.CmdID, c.Element.XML = d.src.skip(d.keep)
	return c
}

// node reads Add, Copy, Delete, Get and Replace.
func (d *Decoder) node(id elem) *Replace {
	c := d.nodes.new()
	first := len(d.items)
	for w := (walk{parent: id}); ; {
		switch id := d.next(&w); id {
		case elItem:
			first = d.item(first)
		case elCmdID:
			c.CmdID = d.cmdID()
		case elMeta:
			d.meta(&c.Meta, elMeta)
		case elNoResp:
			c.NoResp = d.flag()
		case elEnd:
			c.Items = d.itemsFrom(first, &c.Meta)
			return c
		default:
			d.unknown(&c.Unknown)
		}
	}
}

func (d *Decoder) exec() *Exec {
	c := d.execs.new()
	first := len(d.items)
	for w := (walk{parent: elExec}); ; {
		switch id := d.next(&w); id {
		case elItem:
			first = d.item(first)
		case elCmdID:
			c.CmdID = d.cmdID()
		case elMeta:
			d.meta(&c.Meta, elMeta)
		case elCorrelator:
			c.Correlator = d.exact()
		case elNoResp:
			c.NoResp = d.flag()
		case elEnd:
			c.Items = d.itemsFrom(first, &c.Meta)
			return c
		default:
			d.unknown(&c.Unknown)
		}
	}
}

func (d *Decoder) alert() *Alert {
	c := d.alerts.new()
	first := len(d.items)
	for w := (walk{parent: elAlert}); ; {
		switch id := d.next(&w); id {
		case elItem:
			first = d.item(first)
		case elCmdID:
			c.CmdID = d.cmdID()
		case elData:
			c.Code = AlertCode(d.code())
		case elCorrelator:
			c.Correlator = d.exact()
		case elNoResp:
			c.NoResp = d.flag()
		case elEnd:
			c.Items = d.itemsFrom(first, nil)
			return c
		default:
			d.unknown(&c.Unknown)
		}
	}
}

func (d *Decoder) result() *Results {
	c := d.results.new()
	first := len(d.items)
	for w := (walk{parent: elResults}); ; {
		switch id := d.next(&w); id {
		case elItem:
			first = d.item(first)
		case elCmdID:
			c.CmdID = d.cmdID()
		case elMsgRef:
			c.MsgRef = d.field()
		case elCmdRef:
			c.CmdRef = d.field()
		case elMeta:
			d.meta(&c.Meta, elMeta)
		case elTargetRef:
			c.TargetRef = d.field()
		case elSourceRef:
			c.SourceRef = d.field()
		case elEnd:
			c.Items = d.itemsFrom(first, &c.Meta)
			return c
		default:
			d.unknown(&c.Unknown)
		}
	}
}

func (d *Decoder) status() *Status {
	c := d.statuses.new()
	first := len(d.items)
	d.src.attribute()
	d.targets, d.sources = d.targets[:0], d.sources[:0]
	for w := (walk{parent: elStatus}); ; {
		switch id := d.next(&w); id {
		case elCmdID:
			c.CmdID = d.cmdID()
		case elMsgRef:
			c.MsgRef = d.field()
		case elCmdRef:
			c.CmdRef = d.field()
		case elCmd:
			c.Cmd = d.name()
		case elData:
			c.Code = StatusCode(d.code())
			if d.check && c.Code != 0 && c.Code.Class() == 0 {
				d.src.forgive(syntaxf("%d is no status code", int(c.Code)))
			}
		case elTargetRef:
			d.counted()
			d.targets = append(d.targets, d.field())
		case elSourceRef:
			d.counted()
			d.sources = append(d.sources, d.field())
		case elItem:
			first = d.item(first)
		case elChal:
			c.Chal = d.chals.new()
			d.chal(c.Chal)
		case elCred:
			c.Cred = d.creds.new()
			d.credential(c.Cred)
		case elEnd:
			c.Items = d.itemsFrom(first, nil)
			c.TargetRefs, c.SourceRefs = d.keepRefs(d.targets), d.keepRefs(d.sources)
			c.OriginalError = d.src.attribute()
			return c
		default:
			d.unknown(&c.Unknown)
		}
	}
}

// itemsFrom returns the items of the command that ends; the first of them is first, and meta, if not nil, the command's.
func (d *Decoder) itemsFrom(first int, meta *Meta) []Item {
	items := d.items[first:len(d.items):len(d.items)]
	if d.octets {
		d.octets = false
		rawOctets(items, meta)
	}
	return items
}

// keepRefs moves references from their scratch to where they may stay.
func (d *Decoder) keepRefs(refs []string) []string {
	if len(refs) == 0 {
		return nil
	}
	n := len(d.refs)
	d.refs = append(d.refs, refs...)
	return d.refs[n:len(d.refs):len(d.refs)]
}

// group reads Atomic and Sequence.
func (d *Decoder) group(id elem) *Sequence {
	c := d.groups.new()
	first := len(d.pending)
	var nth [elemCount]uint16
	for w := (walk{parent: id}); ; {
		switch id := d.next(&w); id {
		case elCmdID:
			c.CmdID = d.cmdID()
		case elMeta:
			d.meta(&c.Meta, elMeta)
		case elNoResp:
			c.NoResp = d.flag()
		case elEnd:
			n := len(d.children)
			d.children = append(d.children, d.pending[first:]...)
			d.pending = d.pending[:first]
			c.Commands = d.children[n:len(d.children):len(d.children)]
			return c
		default:
			nth[id]++
			d.pos.count(int(nth[id]))
			d.pending = append(d.pending, d.read(id))
		}
	}
}

// item reads an Item behind the others of its command, which begin at first, and returns where they begin now.
func (d *Decoder) item(first int) int {
	d.counted()
	if len(d.items) == cap(d.items) {
		// The items of the commands before stay where they are.
		of := d.items[first:]
		d.items = append(make([]Item, 0, max(4, 2*cap(d.items))), of...)
		first = 0
	}
	d.items = d.items[:len(d.items)+1]
	d.pos.count(len(d.items) - first)
	it := &d.items[len(d.items)-1]
	*it = Item{}
	for w := (walk{parent: elItem}); ; {
		switch id := d.next(&w); id {
		case elTarget:
			d.location(&it.Target, elTarget)
		case elSource:
			d.location(&it.Source, elSource)
		case elMeta:
			d.meta(&it.Meta, elMeta)
		case elData:
			it.Data = d.data()
			if it.Data.kind == DataMarkup {
				if t := d.src.documentType(); t != "" {
					it.Meta.Type = t
				}
			}
		case elMoreData:
			it.MoreData = d.flag()
		case elFormat, elType, elMark, elSize:
			// Microsoft's samples of some alerts have Type straight in Item, beside an empty Meta.
			d.metaChild(&it.Meta, id)
		case elEnd:
			return first
		default:
			d.unknown(&it.Unknown)
		}
	}
}

func (d *Decoder) location(l *Location, id elem) {
	for w := (walk{parent: id}); ; {
		switch id := d.next(&w); id {
		case elLocURI:
			l.URI = d.field()
		case elLocName:
			l.Name = d.exact()
		case elEnd:
			return
		default:
			d.src.skip(false)
		}
	}
}

// meta reads the children of Meta, or of the MetInf that may stand between.
func (d *Decoder) meta(m *Meta, id elem) {
	for w := (walk{parent: id}); ; {
		switch id := d.next(&w); {
		case id == elEnd:
			return
		case id == elMetInf && w.parent == elMeta:
			d.meta(m, elMetInf)
		default:
			d.metaChild(m, id)
		}
	}
}

func (d *Decoder) metaChild(m *Meta, id elem) {
	switch id {
	case elFormat:
		m.Format = d.format()
	case elType:
		m.Type = d.mediaType()
	case elMark:
		m.Mark = d.field()
	case elSize:
		m.Size = d.number()
	case elNextNonce:
		m.NextNonce = d.secret("")
	case elMaxMsgSize:
		m.MaxMsgSize = d.number()
	case elMaxObjSize:
		m.MaxObjSize = d.number()
	default:
		d.metaExtra(m, id)
	}
}

// metaExtra reads what DM hardly uses.
func (d *Decoder) metaExtra(m *Meta, id elem) {
	if id&metInf == 0 && !d.keep {
		d.src.skip(false)
		return
	}
	if m.Extra == nil {
		m.Extra = new(MetaExtra)
	}
	x := m.Extra
	switch id {
	case elFieldLevel:
		x.FieldLevel = d.flag()
	case elVersion:
		x.Version = d.field()
	case elEMI:
		d.counted()
		x.EMI = append(x.EMI, d.exact())
	case elAnchor:
		x.Anchor = new(Anchor)
		for w := (walk{parent: elAnchor}); ; {
			switch d.next(&w) {
			case elLast:
				x.Anchor.Last = d.field()
			case elNext:
				x.Anchor.Next = d.field()
			case elEnd:
				return
			default:
				d.src.skip(false)
			}
		}
	case elMem:
		x.Mem = new(Mem)
		for w := (walk{parent: elMem}); ; {
			switch d.next(&w) {
			case elSharedMem:
				x.Mem.SharedMem = d.flag()
			case elFreeMem:
				x.Mem.FreeMem = d.number()
			case elFreeID:
				x.Mem.FreeID = d.number()
			case elEnd:
				return
			default:
				d.src.skip(false)
			}
		}
	default:
		d.unknown(&x.Unknown)
	}
}

func (d *Decoder) header(h *Header) {
	before := d.cred.Data
	*h = Header{}
	for w := (walk{parent: elSyncHdr}); ; {
		switch id := d.next(&w); id {
		case elVerDTD:
			h.VerDTD = d.field()
		case elVerProto:
			h.VerProto = d.field()
		case elSessionID:
			h.SessionID = d.field()
			if d.check && len(h.SessionID) > 4 {
				d.src.forgive(syntaxf("SessionID of more than 4 bytes"))
			}
		case elMsgID:
			h.MsgID = d.field()
			if n, ok := decimal([]byte(h.MsgID)); d.check && (!ok || n < 1) {
				d.src.forgive(syntaxf("MsgID %.20q is not a positive number", h.MsgID))
			}
		case elTarget:
			d.location(&h.Target, elTarget)
		case elSource:
			d.location(&h.Source, elSource)
		case elRespURI:
			h.RespURI = d.field()
		case elNoResp:
			h.NoResp = d.flag()
		case elCred:
			d.cred = Cred{Data: before}
			d.credential(&d.cred)
			h.Cred = &d.cred
		case elMeta:
			d.meta(&h.Meta, elMeta)
		case elEnd:
			return
		default:
			d.unknown(&h.Unknown)
		}
	}
}

// credential reads Cred. Where a device repeats its credentials, c.Data holds the same already.
func (d *Decoder) credential(c *Cred) {
	for w := (walk{parent: elCred}); ; {
		switch id := d.next(&w); id {
		case elMeta:
			d.meta(&c.Meta, elMeta)
		case elData:
			c.Data = d.secret(c.Data)
		case elEnd:
			return
		default:
			d.src.skip(false)
		}
	}
}

func (d *Decoder) chal(c *Chal) {
	for w := (walk{parent: elChal}); ; {
		switch id := d.next(&w); id {
		case elMeta:
			d.meta(&c.Meta, elMeta)
		case elEnd:
			return
		default:
			d.src.skip(false)
		}
	}
}

// unknown skips an element that has no place in the types, or keeps it.
func (d *Decoder) unknown(to *[]Element) {
	d.counted()
	if !d.keep {
		d.src.skip(false)
		return
	}
	name := d.pos.name()
	_, xml := d.src.skip(true)
	*to = append(*to, Element{Name: name, XML: xml})
}

// data reads Data of an item.
func (d *Decoder) data() Data {
	b, kind := d.src.content()
	d.octets = d.octets || kind == DataOpaque
	if int64(len(b)) > d.maxText {
		d.tooLong(len(b))
		return Data{}
	}
	switch {
	case kind == DataAbsent: // after an error
		return Data{}
	case len(b) == 0:
		return Empty()
	case d.fresh:
		return Data{kind: kind, s: d.texts.add(b)}
	}
	return Data{kind: kind, b: b}
}

func (d *Decoder) tooLong(n int) {
	d.src.fail(fmt.Errorf("text of %d bytes, limit %d: %w", n, d.maxText, ErrTooLarge))
}

// word reads a text without the white space around it.
func (d *Decoder) word() []byte {
	b := d.src.text()
	if len(b) > 0 && (b[0] <= ' ' || b[len(b)-1] <= ' ') {
		b = trim(b)
	}
	if int64(len(b)) > d.maxText {
		d.tooLong(len(b))
		return nil
	}
	return b
}

// field reads a text without the white space around it.
func (d *Decoder) field() string { return d.string(d.word()) }

// exact reads a text that only its sender understands.
func (d *Decoder) exact() string {
	b := d.src.text()
	if int64(len(b)) > d.maxText {
		d.tooLong(len(b))
		return ""
	}
	return d.string(b)
}

func (d *Decoder) string(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	if len(b) <= 3 {
		if s, ok := number(b); ok {
			return s
		}
	}
	if d.fresh {
		return d.texts.add(b)
	}
	return d.strings.get(b)
}

// secret reads a text that is not to stay in the table of strings; before is what it may be again.
func (d *Decoder) secret(before string) string {
	b := d.word()
	if string(b) == before {
		return before
	}
	return string(b)
}

// flag reads an element whose presence is all it says.
func (d *Decoder) flag() bool {
	if b := d.src.text(); d.check && len(trim(b)) > 0 {
		d.src.forgive(syntaxf("text where nothing belongs"))
	}
	return true
}

func (d *Decoder) cmdID() string {
	id := d.field()
	if d.check {
		if id == "" || id == "0" || d.ids[id] {
			d.src.forgive(syntaxf("CmdID %.20q is empty, 0 or there already", id))
		}
		if d.ids == nil {
			d.ids = make(map[string]bool)
		}
		d.ids[id] = true
	}
	return id
}

// name reads the name of an element.
func (d *Decoder) name() string {
	b := d.word()
	if id := elemOf(b); id != elNone {
		return elemNames[id]
	}
	return d.string(b)
}

func (d *Decoder) format() string {
	b := d.word()
	switch string(b) {
	case "chr":
		return "chr"
	case "int":
		return "int"
	case "b64":
		return "b64"
	case "bool":
		return "bool"
	case "node":
		return "node"
	case "xml":
		return "xml"
	case "bin":
		return "bin"
	case "null":
		return "null"
	case "date":
		return "date"
	case "time":
		return "time"
	case "float":
		return "float"
	}
	if d.check {
		d.src.forgive(syntaxf("Format %.20q", b))
	}
	return d.string(b)
}

func (d *Decoder) mediaType() string {
	b := d.word()
	if string(b) == "text/plain" {
		return "text/plain"
	}
	return d.string(b)
}

// number reads a count of bytes; what is none counts as absent.
func (d *Decoder) number() int64 {
	b := d.word()
	n, ok := decimal(b)
	if !ok {
		d.src.forgive(syntaxf("%.20q is not a number", b))
	}
	return n
}

// code reads the code of a Status or an Alert; what is none counts as absent.
func (d *Decoder) code() int {
	b := d.word()
	n, ok := decimal(b)
	if !ok || n > 99999 {
		d.src.forgive(syntaxf("%.20q is not a code", b))
		return 0
	}
	return int(n)
}

// decimal returns the number that b spells, up to 18 digits.
func decimal(b []byte) (int64, bool) {
	if len(b) == 0 || len(b) > 18 {
		return 0, false
	}
	n := int64(0)
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = 10*n + int64(c-'0')
	}
	return n, true
}

// sniff finds out the encoding from the first bytes.
func (d *Decoder) sniff() error {
	w := &d.xml.window
	if !w.need(2) && w.rerr != nil && !errors.Is(w.rerr, io.EOF) {
		return w.rerr
	}
	b := w.buf[w.pos:]
	if len(b) == 0 {
		return io.EOF
	}
	if d.encoding == Auto && isWBXML(b[0]) {
		d.found = WBXML
		d.binary()
		return nil
	}
	if order := utf16Order(b); order != nil {
		if w.rd != nil {
			u := &utf16Reader{rd: w.rd, order: order, err: w.rerr}
			u.feed(bytes.Clone(b))
			w.rd, w.rerr, w.buf = u, nil, w.buf[:w.pos]
		} else {
			text, rest := decodeUTF16(nil, b, order)
			if rest > 0 {
				text = append(text, 0xFF)
			}
			w.buf, w.pos = text, 0
		}
	}
	d.found = XML
	return nil
}
