package wbxml

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A Writer appends a document to a buffer. It switches the code page where a tag asks for it and writes the shortest
// form of every number. The zero Writer is ready.
//
// A Writer cannot fail; what is on its pages and what balances is the caller's to know.
type Writer struct {
	buf  []byte
	page byte
}

// A Mark is a place in the output to which Writer.Rollback returns.
type Mark struct {
	n    int
	page byte
}

// Reset makes w append to buf.
func (w *Writer) Reset(buf []byte) { *w = Writer{buf: buf} }

// Bytes returns what has been written, behind what stood in the buffer before.
func (w *Writer) Bytes() []byte { return w.buf }

// Buffer returns where the buffer is kept, so that a caller can pass on what it holds and empty it. Marks set before
// lose their meaning.
func (w *Writer) Buffer() *[]byte { return &w.buf }

// Page returns the code page in force.
func (w *Writer) Page() byte { return w.page }

// Mark returns the place where w stands.
func (w *Writer) Mark() Mark { return Mark{len(w.buf), w.page} }

// Rollback takes back what has been written since m.
func (w *Writer) Rollback(m Mark) { w.buf, w.page = w.buf[:m.n], m.page }

// Header begins a document. A zero Version is 1.2, a zero Charset UTF-8. PublicText, which is written where PublicID is
// 0, stands first in the string table, before what h.Table holds.
func (w *Writer) Header(h Header) {
	if h.Version == 0 {
		h.Version = V12
	}
	if h.Charset == 0 {
		h.Charset = UTF8
	}
	w.page = 0
	w.buf = append(w.buf, h.Version)
	table := len(h.Table)
	if h.PublicID == 0 {
		w.buf = append(w.buf, 0, 0)
		table += len(h.PublicText) + 1
	} else {
		w.number(h.PublicID)
	}
	w.number(h.Charset)
	w.number(uint32(table))
	if h.PublicID == 0 {
		w.buf = append(append(w.buf, h.PublicText...), 0)
	}
	w.buf = append(w.buf, h.Table...)
}

// Start begins an element that End will end. A Token below 5 or above 63 is not a tag: Literal is for those.
func (w *Writer) Start(t Tag) { w.tag(t, t.Token|hasContent) }

// Empty writes an element without content.
func (w *Writer) Empty(t Tag) { w.tag(t, t.Token) }

func (w *Writer) tag(t Tag, octet byte) {
	if t.Page != w.page {
		w.page = t.Page
		w.buf = append(w.buf, tokSwitchPage, t.Page, octet)
		return
	}
	w.buf = append(w.buf, octet)
}

// Literal begins an element whose name stands at index in the string table and that End will end.
func (w *Writer) Literal(index uint32) {
	w.buf = append(w.buf, tokLiteralC)
	w.number(index)
}

// End ends the element that has begun last and is still open.
func (w *Writer) End() { w.buf = append(w.buf, tokEnd) }

// Leaf writes an element that holds characters, or nothing. It returns false, and has written nothing, where an inline
// string cannot carry them: it ends at the first NUL and must be UTF-8.
func (w *Writer) Leaf(t Tag, s string) bool { return leaf(w, t, s) }

// LeafBytes is Leaf.
func (w *Writer) LeafBytes(t Tag, s []byte) bool { return leaf(w, t, s) }

func leaf[T string | []byte](w *Writer, t Tag, s T) bool {
	b := w.buf
	if t.Page != w.page {
		b = append(b, tokSwitchPage, t.Page)
	}
	switch n := len(b); {
	case len(s) == 0:
		b = append(b, t.Token)
	case len(s) < 8 && cap(b)-n >= 16:
		// Numbers, codes, formats: checked as they are copied.
		b = b[:n+len(s)+4]
		b[n], b[n+1] = t.Token|hasContent, tokStrI
		n += 2
		m := byte(0)
		for i := range len(s) {
			c := s[i]
			m |= (c - 1) | c
			b[n+i] = c
		}
		n += len(s)
		b[n], b[n+1] = 0, tokEnd
		if m >= utf8.RuneSelf && !isInlineSlow(s) {
			return false
		}
	default:
		if !isInline(s) {
			return false
		}
		b = append(b, t.Token|hasContent, tokStrI)
		b = append(append(b, s...), 0, tokEnd)
	}
	w.buf, w.page = b, t.Page
	return true
}

// Inline is Leaf for characters of which IsInline is known, one at least.
func (w *Writer) Inline(t Tag, s string) { inline(w, t, s) }

// InlineBytes is Inline.
func (w *Writer) InlineBytes(t Tag, s []byte) { inline(w, t, s) }

func inline[T string | []byte](w *Writer, t Tag, s T) {
	b := w.buf
	if t.Page != w.page {
		b = append(b, tokSwitchPage, t.Page)
	}
	b = append(b, t.Token|hasContent, tokStrI)
	w.buf, w.page = append(append(b, s...), 0, tokEnd), t.Page
}

// Text writes characters, as opaque data where an inline string cannot carry them.
func (w *Writer) Text(s string) { text(w, s) }

// TextBytes is Text.
func (w *Writer) TextBytes(s []byte) { text(w, s) }

func text[T string | []byte](w *Writer, s T) {
	if isInline(s) {
		w.buf = append(append(append(w.buf, tokStrI), s...), 0)
		return
	}
	opaque(w, s)
}

// Opaque writes bytes.
func (w *Writer) Opaque(b []byte) { opaque(w, b) }

// OpaqueString is Opaque.
func (w *Writer) OpaqueString(s string) { opaque(w, s) }

func opaque[T string | []byte](w *Writer, s T) {
	w.buf = append(w.buf, tokOpaque)
	w.number(uint32(len(s)))
	w.buf = append(w.buf, s...)
}

// Int writes a decimal number as text.
func (w *Writer) Int(n int64) {
	w.buf = append(strconv.AppendInt(append(w.buf, tokStrI), n, 10), 0)
}

// IsInline reports whether an inline string can carry s: it is UTF-8 without NUL.
func IsInline(s string) bool { return isInline(s) }

func isInline[T string | []byte](s T) bool {
	if len(s) < 8 || len(s) > 256 {
		return isInlineSlow(s)
	}
	// Nearly all strings are short and ASCII. The source is looked at, not the copy: octets that have just been stored
	// one by one are slow to load by eights.
	m := uint64(0)
	i := 0
	for ; i < len(s)-16; i += 16 {
		x, y := load(s, i), load(s, i+8)
		m |= (x - ones) | x | (y - ones) | y
	}
	if i < len(s)-8 {
		x := load(s, i)
		m |= (x - ones) | x
	}
	x := load(s, len(s)-8)
	m |= (x - ones) | x
	return m&highs == 0 || isInlineSlow(s)
}

func isInlineSlow[T string | []byte](s T) bool {
	switch s := any(s).(type) {
	case string:
		return strings.IndexByte(s, 0) < 0 && utf8.ValidString(s)
	case []byte:
		return bytes.IndexByte(s, 0) < 0 && utf8.Valid(s)
	}
	return false
}

func load[T string | []byte](s T, i int) uint64 {
	b := s[i : i+8]
	return uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 |
		uint64(b[4])<<32 | uint64(b[5])<<40 | uint64(b[6])<<48 | uint64(b[7])<<56
}

// number writes an mb_u_int32 in its shortest form.
func (w *Writer) number(v uint32) {
	for shift := 28; shift > 0; shift -= 7 {
		if v>>shift != 0 {
			w.buf = append(w.buf, byte(v>>shift)|0x80)
		}
	}
	w.buf = append(w.buf, byte(v&0x7F))
}
