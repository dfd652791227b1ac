package wbxml

import (
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// Kind is what Reader.Next found.
type Kind uint8

const (
	None   Kind = iota
	Start       // an element begins: Tag, and Name for a literal one
	End         // it ends
	Text        // characters: Bytes
	Opaque      // bytes that may be anything: Bytes
)

// A Reader reads documents one after another. The zero Reader is ready for Reset.
type Reader struct {
	window
	limits Limits

	header   Header
	ascii    bool
	page     byte
	attrPage byte
	depth    int
	open     bool   // an element without content has begun, its End is still to be told
	done     bool   // the root has ended
	tag      uint16 // page and token in one: what is stored octet by octet is slow to load as a pair
	text     []byte
	side     []byte // characters that stand nowhere in the input: entities
	expanded int64  // bytes that references to the string table have yielded, and Expand

	// Skipped, if not nil, is told of everything that Next reads over: from where to where, and what it is.
	Skipped func(what Skipped, start, end int64)
}

// Skipped is what a Reader reads over.
type Skipped uint8

const (
	SwitchPage Skipped = iota
	Attributes
	Instruction
	Extension
)

// Reset makes r read from src, which may hold several documents. Buffers are kept.
func (r *Reader) Reset(src io.Reader, l Limits) {
	r.window.reset(src)
	r.init(l)
}

// ResetBytes makes r read data, which must not change while what r returned is in use: text is not copied.
func (r *Reader) ResetBytes(data []byte, l Limits) {
	r.window.resetBytes(data)
	r.init(l)
}

func (r *Reader) init(l Limits) {
	if l.Depth == 0 {
		l.Depth = defaultDepth
	}
	if l.Text == 0 {
		l.Text = defaultText
	}
	if l.Expansion == 0 {
		l.Expansion = defaultExpansion
	}
	r.limits = l
	r.header = Header{Table: r.header.Table[:0]}
	r.depth, r.open, r.done = 0, false, true
	r.side, r.text, r.expanded = r.side[:0], nil, 0
}

// Tag returns the tag of the element that has just begun.
func (r *Reader) Tag() Tag { return Tag{Page: byte(r.tag >> 8), Token: byte(r.tag)} }

// Name returns the name of the literal tag that has just begun, and nil for any other. It is valid until the next
// document.
func (r *Reader) Name() []byte {
	if byte(r.tag) != 0 {
		return nil
	}
	return r.text
}

// Empty reports whether the element that has just begun has no content.
func (r *Reader) Empty() bool { return r.open }

// Bytes returns the text or the opaque value that Next has found. It is valid until the next call of a method of r, and
// after Hold until Release.
func (r *Reader) Bytes() []byte { return r.text }

// Offset returns where in the input the last token begins.
func (r *Reader) Offset() int64 { return r.base + int64(r.start) }

// End returns where in the input the last token ends.
func (r *Reader) End() int64 { return r.base + int64(r.pos) }

// Origin returns where in the input the document begins.
func (r *Reader) Origin() int64 { return r.origin }

// Depth returns how many elements are open.
func (r *Reader) Depth() int { return r.depth }

// Release lets r reuse what it has returned.
func (r *Reader) Release() {
	r.window.Release()
	r.side = r.side[:0]
}

// fail returns an Error at the start of the last token.
func (r *Reader) fail(err error, format string, a ...any) error {
	return r.failAt(r.Offset(), err, format, a...)
}

func (r *Reader) failAt(offset int64, err error, format string, a ...any) error {
	return &Error{Offset: offset, Err: fmt.Errorf("%w: %s", err, fmt.Sprintf(format, a...))}
}

// Header reads what stands before the next document, after what is left of the one before. It returns io.EOF where
// there is none.
func (r *Reader) Header() (Header, error) {
	for !r.done {
		if _, err := r.Next(); err != nil {
			return Header{}, err
		}
	}
	for {
		r.start = r.pos
		r.bound(r.limits.Document)
		if err := r.need(1); err == io.EOF {
			return Header{}, io.EOF
		} else if err != nil {
			return Header{}, err
		}
		// What follows the root of the document before belongs to it.
		if r.base+int64(r.pos) == 0 || r.buf[r.pos] != tokPI {
			break
		}
		if err := r.instruction(); err != nil {
			return Header{}, err
		}
	}
	r.start = r.pos
	r.bound(r.limits.Document)
	r.page, r.attrPage, r.depth, r.open, r.done, r.expanded = 0, 0, 0, false, false, 0
	h := Header{Table: r.header.Table[:0]}
	r.header = h
	version, err := r.octet()
	if err != nil {
		return h, err
	}
	if version < V11 || version > V13 {
		return h, r.fail(ErrSyntax, "version octet %#02x, want 1.1, 1.2 or 1.3", version)
	}
	h.Version = version
	at := r.End()
	if h.PublicID, err = r.number(); err != nil {
		return h, err
	}
	var index uint32
	if h.PublicID == 0 {
		if index, err = r.number(); err != nil {
			return h, err
		}
	}
	r.start = r.pos
	if h.Charset, err = r.number(); err != nil {
		return h, err
	}
	if h.Charset != UTF8 && h.Charset != ASCII {
		return h, &Error{Offset: r.Offset(), Err: &CharsetError{MIB: h.Charset}}
	}
	r.ascii = h.Charset == ASCII
	r.start = r.pos
	n, err := r.number()
	if err != nil {
		return h, err
	}
	table, err := r.take(n, "the string table")
	if err != nil {
		return h, err
	}
	// The window moves on, the table must not.
	h.Table = append(h.Table, table...)
	r.header = h
	if h.PublicID == 0 {
		if h.PublicText, err = r.reference(index); err != nil {
			var e *Error
			if errors.As(err, &e) {
				e.Offset = at
			}
			return h, err
		}
		r.header.PublicText = h.PublicText
	}
	return h, nil
}

// Next reads the next token. It returns io.EOF after the end of the root element, without reading any further.
func (r *Reader) Next() (Kind, error) {
	if r.open {
		return r.leave(), nil
	}
	if r.done {
		return None, io.EOF
	}
	for {
		r.start = r.pos
		if r.pos == r.end {
			if err := r.need(1); err != nil {
				return None, r.cut(err)
			}
		}
		b := r.buf[r.pos]
		r.pos++
		if b&tokenMask > tokLiteral {
			r.tag = uint16(r.page)<<8 | uint16(b&tokenMask)
			return Start, r.enter(b)
		}
		switch b {
		case tokEnd:
			if r.depth == 0 {
				return None, r.fail(ErrSyntax, "END without an element")
			}
			return r.leave(), nil
		case tokStrI:
			s, err := r.inline()
			if err != nil {
				return None, err
			}
			return r.found(Text, s)
		case tokSwitchPage:
			page, err := r.octet()
			if err != nil {
				return None, err
			}
			r.page = page
			r.skipped(SwitchPage)
		case tokOpaque:
			n, err := r.number()
			if err != nil {
				return None, err
			}
			s, err := r.take(n, "opaque data")
			if err != nil {
				return None, err
			}
			return r.found(Opaque, s)
		case tokStrT:
			index, err := r.number()
			if err != nil {
				return None, err
			}
			s, err := r.reference(index)
			if err != nil {
				return None, err
			}
			return r.found(Text, s)
		case tokEntity:
			s, err := r.entity()
			if err != nil {
				return None, err
			}
			return r.found(Text, s)
		case tokLiteral, tokLiteralC, tokLiteralA, tokLiteralAC:
			index, err := r.number()
			if err != nil {
				return None, err
			}
			name, err := r.reference(index)
			if err != nil {
				return None, err
			}
			r.tag, r.text = uint16(r.page)<<8, name
			return Start, r.enter(b)
		case tokPI:
			r.pos--
			if err := r.instruction(); err != nil {
				return None, err
			}
		default:
			if err := r.extension(b); err != nil {
				return None, err
			}
			r.skipped(Extension)
		}
	}
}

// Skip reads to the end of the element that has begun last and is still open, and over its End.
func (r *Reader) Skip() error {
	for depth := r.depth; r.depth >= depth; {
		if _, err := r.Next(); err != nil {
			return err
		}
	}
	return nil
}

func (r *Reader) skipped(what Skipped) {
	if r.Skipped != nil {
		r.Skipped(what, r.Offset(), r.End())
	}
}

// enter begins the element whose octet, with what follows a literal one, has been read.
func (r *Reader) enter(b byte) error {
	if r.depth == r.limits.Depth {
		return r.fail(ErrTooDeep, "more than %d elements within each other", r.limits.Depth)
	}
	r.depth++
	r.open = b&hasContent == 0
	if b&hasAttributes != 0 {
		return r.attributes()
	}
	return nil
}

func (r *Reader) leave() Kind {
	r.open = false
	r.depth--
	r.done = r.depth == 0
	return End
}

// found returns text that may stand where it stands.
func (r *Reader) found(k Kind, s []byte) (Kind, error) {
	if r.depth == 0 {
		return None, r.fail(ErrSyntax, "text outside of the root element")
	}
	r.text = s
	return k, nil
}

// inline reads the string that STR_I announced.
func (r *Reader) inline() ([]byte, error) {
	s, err := r.terminated(r.limits.Text)
	if err != nil {
		return nil, r.cut(err)
	}
	return s, r.valid(s)
}

// valid checks that s is in the character set that the header announced.
func (r *Reader) valid(s []byte) error {
	if !utf8.Valid(s) {
		return r.fail(ErrSyntax, "text is not UTF-8")
	}
	if r.ascii {
		for _, c := range s {
			if c >= utf8.RuneSelf {
				return r.fail(ErrSyntax, "octet %#02x is not US-ASCII, which the header announces", c)
			}
		}
	}
	return nil
}

// reference returns the string at an offset of the string table.
func (r *Reader) reference(index uint32) ([]byte, error) {
	if int64(index) >= int64(len(r.header.Table)) {
		return nil, r.fail(ErrSyntax, "reference to octet %d of a string table of %d", index, len(r.header.Table))
	}
	s := r.header.Table[index:]
	// The budget bounds the search for the end, too: what may not be yielded is not looked at.
	n := indexNUL(s[:min(int64(len(s)), r.Expansion()+1)])
	if err := r.Expand(n, "references to the string table"); err != nil {
		return nil, err
	}
	r.expanded++
	return s[:n:n], r.valid(s[:n])
}

// Expansion returns how many bytes what has been read of the document may still yield, by its limit.
func (r *Reader) Expansion() int64 {
	return max(0, freeExpansion+r.limits.Expansion*(r.base+int64(r.pos)-r.origin)-r.expanded)
}

// Expand tells that what has been read yields n bytes more, and of what. It returns an error where it may not.
func (r *Reader) Expand(n int, what string) error {
	if int64(n) > r.Expansion() {
		return r.fail(ErrTooLarge, "%s yield more than %d times what was read", what, r.limits.Expansion)
	}
	r.expanded += int64(n)
	return nil
}

// entity reads the number of a character.
func (r *Reader) entity() ([]byte, error) {
	c, err := r.number()
	if err != nil {
		return nil, err
	}
	if c == 0 || c > utf8.MaxRune || !utf8.ValidRune(rune(c)) {
		return nil, r.fail(ErrSyntax, "entity %#x is not a character", c)
	}
	if !r.held {
		r.side = r.side[:0]
	}
	n := len(r.side)
	r.side = utf8.AppendRune(r.side, rune(c))
	return r.side[n:len(r.side):len(r.side)], nil
}

// extension reads what follows an extension token.
func (r *Reader) extension(b byte) error {
	switch b & 0xC0 {
	case tokExtI:
		_, err := r.inline()
		return err
	case tokExtT:
		_, err := r.number()
		return err
	}
	return nil // EXT_0 to EXT_2 stand alone
}

// attributes reads over a list of attributes, which END closes.
func (r *Reader) attributes() error {
	from := r.End()
	if err := r.list(); err != nil {
		return err
	}
	if r.Skipped != nil {
		r.Skipped(Attributes, from, r.End())
	}
	return nil
}

// instruction reads over a processing instruction: PI, what it is as an attribute, END.
func (r *Reader) instruction() error {
	r.start = r.pos
	r.pos++
	if err := r.list(); err != nil {
		return err
	}
	r.skipped(Instruction)
	return nil
}

// list reads attributes up to END. They have a code space and a page of their own.
func (r *Reader) list() error {
	for {
		if int64(r.pos-r.start) > r.limits.Text {
			return r.fail(ErrTooLarge, "more than %d octets of attributes", r.limits.Text)
		}
		b, err := r.octet()
		if err != nil {
			return err
		}
		switch {
		case b&tokenMask > tokLiteral:
			// The start of an attribute, or a part of a value.
		case b == tokEnd:
			return nil
		case b == tokSwitchPage:
			r.attrPage, err = r.octet()
		case b == tokStrI:
			_, err = r.inline()
		case b == tokOpaque:
			var n uint32
			if n, err = r.number(); err == nil {
				_, err = r.take(n, "opaque data")
			}
		case b == tokStrT, b == tokLiteral, b == tokEntity:
			// Where a reference points does not matter: some toolkits refer to a table that is not there.
			_, err = r.number()
		case b == tokPI, b == tokLiteralC, b == tokLiteralA, b == tokLiteralAC:
			return r.failAt(r.End()-1, ErrSyntax, "token %#02x among attributes", b)
		default:
			err = r.extension(b)
		}
		if err != nil {
			return err
		}
	}
}

// octet reads one.
func (r *Reader) octet() (byte, error) {
	if r.pos == r.end {
		if err := r.need(1); err != nil {
			return 0, r.cut(err)
		}
	}
	b := r.buf[r.pos]
	r.pos++
	return b, nil
}

// number reads an mb_u_int32: groups of seven bits, the most significant first, at most five of them.
func (r *Reader) number() (uint32, error) {
	var v uint64
	for range 5 {
		b, err := r.octet()
		if err != nil {
			return 0, err
		}
		v = v<<7 | uint64(b&0x7F)
		if b < 0x80 {
			if v > 0xFFFF_FFFF {
				return 0, r.fail(ErrSyntax, "a number of more than 32 bits")
			}
			return uint32(v), nil
		}
	}
	return 0, r.fail(ErrSyntax, "a number of more than 5 octets")
}

// take reads n octets.
func (r *Reader) take(n uint32, what string) ([]byte, error) {
	if int64(n) > r.limits.Text {
		return nil, r.fail(ErrTooLarge, "%s of %d octets, at most %d are accepted", what, n, r.limits.Text)
	}
	if uint64(n) > uint64(r.end-r.pos) {
		if err := r.need64(int64(n)); err != nil {
			return nil, r.cut(err)
		}
	}
	s := r.buf[r.pos : r.pos+int(n) : r.pos+int(n)]
	r.pos += int(n)
	return s, nil
}

// cut makes an error of the window one of the document, where the input ends.
func (r *Reader) cut(err error) error {
	switch {
	case err == io.EOF:
		return &Error{Offset: r.base + int64(r.end), Err: io.ErrUnexpectedEOF}
	case errors.Is(err, ErrTooLarge):
		return &Error{Offset: r.Offset(), Err: err}
	}
	return err
}
