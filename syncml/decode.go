package syncml

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
)

// A Decoder reads messages one after another, from a reader or from memory, and holds one command in memory at a time.
// White space may stand between them. [NewDecoder] makes one; the zero Decoder is of no use.
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
	later bool // a message has been read from this input
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
	d.found, d.state, d.err, d.final, d.later = d.encoding, between, nil, false, false
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
		if d.later && d.found != WBXML {
			d.xml.epilog()
		}
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
			d.state, d.later = inHead, true
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
			if d.src == &d.xml {
				d.xml.keepToLimit()
			}
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
	if d.src == &d.xml {
		d.xml.keepToLimit()
	}
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
		u := &utf16Reader{rd: w.rd, order: order, err: w.rerr}
		if w.rd != nil {
			u.feed(b)
		} else {
			u.rd, u.err = bytes.NewReader(b), nil // piece by piece, so that the limits bound what it takes
		}
		w.reset(u, nil)
	}
	d.found = XML
	return nil
}
