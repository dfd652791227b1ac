package wbxml

import (
	"bytes"
	"encoding/binary"
	"strconv"
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
	if len(s) == 0 {
		w.buf, w.page = append(b, t.Token), t.Page
		return true
	}
	b = append(b, t.Token|hasContent, tokStrI)
	n := len(b)
	b = append(append(b, s...), 0, tokEnd)
	if !isInline(b[n : len(b)-2]) {
		return false
	}
	w.buf, w.page = b, t.Page
	return true
}

// Text writes characters, as opaque data where an inline string cannot carry them.
func (w *Writer) Text(s string) { text(w, s) }

// TextBytes is Text.
func (w *Writer) TextBytes(s []byte) { text(w, s) }

func text[T string | []byte](w *Writer, s T) {
	n := len(w.buf) + 1
	b := append(append(w.buf, tokStrI), s...)
	if isInline(b[n:]) {
		w.buf = append(b, 0)
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

// isInline reports whether an inline string can carry b.
func isInline(b []byte) bool {
	if len(b) > 32 {
		return bytes.IndexByte(b, 0) < 0 && utf8.Valid(b)
	}
	// Nearly all strings are short and ASCII.
	s := b // the part before s is ASCII
	for len(s) >= 8 {
		x := binary.LittleEndian.Uint64(s)
		if ((x-ones)|x)&highs != 0 {
			return bytes.IndexByte(s, 0) < 0 && utf8.Valid(s)
		}
		s = s[8:]
	}
	for _, c := range s {
		if c-1 >= utf8.RuneSelf-1 {
			return bytes.IndexByte(s, 0) < 0 && utf8.Valid(s)
		}
	}
	return true
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
