package wbxml

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A Writer appends a document to a buffer. It switches the code page where a tag asks for it, sets the content bit of a
// tag once something stands in the element, and writes the shortest form of every number. The zero Writer is ready.
//
// A Writer cannot fail; what is on its pages and what balances is the caller's to know.
type Writer struct {
	buf     []byte
	page    byte
	pending bool // the last octet of buf is a tag whose element is empty so far
}

// A Mark is a place in the output to which Writer.Rollback returns.
type Mark struct {
	n       int
	page    byte
	pending bool
}

// Reset makes w append to buf.
func (w *Writer) Reset(buf []byte) { *w = Writer{buf: buf} }

// Bytes returns what has been written, behind what stood in the buffer before. The last octet may still change where an
// element has just begun.
func (w *Writer) Bytes() []byte { return w.buf }

// Len returns the length of Bytes.
func (w *Writer) Len() int { return len(w.buf) }

// Buffer returns where the buffer is kept, so that a caller can pass on what it holds and empty it. It must not do so
// between Start and what follows: that octet may still change. Marks set before lose their meaning.
func (w *Writer) Buffer() *[]byte { return &w.buf }

// Mark returns the place where w stands.
func (w *Writer) Mark() Mark { return Mark{len(w.buf), w.page, w.pending} }

// Rollback takes back what has been written since m.
func (w *Writer) Rollback(m Mark) {
	w.buf, w.page, w.pending = w.buf[:m.n], m.page, m.pending
	if w.pending {
		w.buf[m.n-1] &^= hasContent
	}
}

// Header begins a document. A zero Version is 1.2, a zero Charset UTF-8. PublicText, which is written where PublicID is
// 0, stands first in the string table, before what h.Table holds.
func (w *Writer) Header(h Header) {
	if h.Version == 0 {
		h.Version = V12
	}
	if h.Charset == 0 {
		h.Charset = UTF8
	}
	w.page, w.pending = 0, false
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

// Start begins an element. A Token below 5 or above 63 is not a tag: Literal is for those.
func (w *Writer) Start(t Tag) {
	w.content()
	if t.Page != w.page {
		w.buf = append(w.buf, tokSwitchPage, t.Page)
		w.page = t.Page
	}
	w.buf = append(w.buf, t.Token)
	w.pending = true
}

// Literal begins an element whose name stands at index in the string table. It has content.
func (w *Writer) Literal(index uint32) {
	w.content()
	w.buf = append(w.buf, tokLiteralC)
	w.number(index)
}

// End ends the element that has begun last and is still open.
func (w *Writer) End() {
	if w.pending {
		w.pending = false
		return
	}
	w.buf = append(w.buf, tokEnd)
}

// Text writes characters, and does so as opaque data where an inline string cannot carry them: it ends at the first NUL
// and must be UTF-8.
func (w *Writer) Text(s string) {
	if strings.IndexByte(s, 0) >= 0 || !utf8.ValidString(s) {
		w.OpaqueString(s)
		return
	}
	w.content()
	w.buf = append(append(append(w.buf, tokStrI), s...), 0)
}

// TextBytes is Text.
func (w *Writer) TextBytes(s []byte) {
	if bytes.IndexByte(s, 0) >= 0 || !utf8.Valid(s) {
		w.Opaque(s)
		return
	}
	w.content()
	w.buf = append(append(append(w.buf, tokStrI), s...), 0)
}

// Int writes a decimal number as text.
func (w *Writer) Int(n int64) {
	w.content()
	w.buf = append(strconv.AppendInt(append(w.buf, tokStrI), n, 10), 0)
}

// Opaque writes bytes.
func (w *Writer) Opaque(b []byte) {
	w.opaque(len(b))
	w.buf = append(w.buf, b...)
}

// OpaqueString is Opaque.
func (w *Writer) OpaqueString(s string) {
	w.opaque(len(s))
	w.buf = append(w.buf, s...)
}

func (w *Writer) opaque(n int) {
	w.content()
	w.buf = append(w.buf, tokOpaque)
	w.number(uint32(n))
}

// content notes that something stands in the element that has begun last.
func (w *Writer) content() {
	if w.pending {
		w.buf[len(w.buf)-1] |= hasContent
		w.pending = false
	}
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
