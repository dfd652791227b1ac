package wbxml

import (
	"bytes"
	"fmt"
	"io"
)

// A window is the part of the input that is in memory: all of it, or what is being read and what is held.
type window struct {
	src    io.Reader // nil: buf is all there is
	buf    []byte
	end    int // octets of buf that may be read; those behind belong to no document, or to one that is too large
	pos    int // the next octet
	start  int // where the last token begins
	hold   int // what stands from here on must not move, if held
	held   bool
	old    []byte // what stood in buf when it was held and grew; slices of it may be in use until Release
	spare  []byte // room for the next time
	base   int64  // offset of buf[0] in the input
	origin int64  // where the document begins
	limit  int64  // offset of the first octet that the document may not have; 0: none
	err    error  // of src, once it has failed
}

const (
	windowSize = 8 << 10
	maxSpare   = 1 << 20
)

func (w *window) reset(src io.Reader) {
	w.Release()
	buf := w.buf[:0]
	if w.src == nil {
		buf, w.spare = w.spare[:0], nil // buf is the caller's
	}
	*w = window{src: src, buf: buf, spare: w.spare}
}

// Unread puts b, which somebody has read from the source already, in front of what the source still has. It must be
// called right after Reset.
func (w *window) Unread(b []byte) {
	w.buf = append(w.buf, b...)
	w.clip()
}

func (w *window) resetBytes(data []byte) {
	w.Release()
	if w.src != nil {
		w.keep(w.buf)
	}
	*w = window{buf: data, end: len(data), err: io.EOF, spare: w.spare}
}

// bound sets how many bytes the document that begins here may have.
func (w *window) bound(n int64) {
	w.origin = w.base + int64(w.pos)
	w.limit = 0
	if n > 0 {
		w.limit = w.origin + n
	}
	w.clip()
}

// clip hides what the document may not have.
func (w *window) clip() {
	w.end = len(w.buf)
	if w.limit > 0 && w.limit-w.base < int64(w.end) {
		w.end = int(w.limit - w.base)
	}
}

// Hold keeps everything that is returned from now on valid until Release, at the price of the memory it takes.
func (w *window) Hold() {
	if w.src != nil && !w.held && w.pos > 0 && 2*len(w.buf) > cap(w.buf) {
		w.shift(w.buf[:0], w.pos) // while nothing is held, what is read next can move to the front
	}
	w.held, w.hold = true, w.pos
}

// Release ends Hold.
func (w *window) Release() {
	w.held = false
	w.keep(w.old)
	w.old = nil
}

// keep makes buf room for the next time, unless there is more already or it is more than an idle reader should hold.
func (w *window) keep(buf []byte) {
	if cap(buf) > cap(w.spare) && cap(buf) <= maxSpare {
		w.spare = buf[:0]
	}
}

// need makes sure that n octets can be read from pos. It returns io.EOF where the input ends before.
func (w *window) need(n int) error { return w.need64(int64(n)) }

func (w *window) need64(n int64) error {
	for int64(w.end-w.pos) < n {
		if w.limit > 0 && w.base+int64(w.end) == w.limit && (w.err == nil || w.end < len(w.buf)) {
			return fmt.Errorf("%w: a document of more than %d bytes", ErrTooLarge, w.limit-w.origin)
		}
		if w.err != nil {
			return w.err
		}
		w.fill()
	}
	return nil
}

// fill reads once, after it has made room.
func (w *window) fill() {
	if len(w.buf) == cap(w.buf) {
		w.grow()
	}
	for range 100 {
		n, err := w.src.Read(w.buf[len(w.buf):cap(w.buf)])
		if n < 0 || n > cap(w.buf)-len(w.buf) {
			panic("wbxml: reader returned an impossible count")
		}
		w.buf = w.buf[:len(w.buf)+n]
		w.err = err
		if n > 0 || err != nil {
			w.clip()
			return
		}
	}
	w.err = io.ErrNoProgress
}

// grow makes room behind the octets that are still needed. What is held is copied, not moved: slices of it go on to show
// the old array.
func (w *window) grow() {
	from := max(w.start, 0) // it may have gone in Hold
	if w.held {
		from = min(from, w.hold)
	}
	live := w.buf[from:]
	to := w.buf[:0]
	if w.held || 2*len(live) >= cap(w.buf) {
		want := max(windowSize, 2*len(live))
		if cap(w.spare) >= want {
			to, w.spare = w.spare[:0], nil
		} else {
			to = make([]byte, 0, want)
		}
		if w.held && w.old == nil {
			w.old = w.buf
		} else if !w.held {
			w.keep(w.buf)
		}
	}
	w.shift(to, from)
}

// shift moves what stands in buf at from and behind to the front of to.
func (w *window) shift(to []byte, from int) {
	w.buf = append(to, w.buf[from:]...)
	w.base += int64(from)
	w.pos -= from
	w.start -= from
	w.hold -= from
	w.clip()
}

// terminated reads octets up to a NUL, and over it. More than limit of them (0: any number) are an error.
func (w *window) terminated(limit int64) ([]byte, error) {
	for searched := 0; ; {
		rest := w.buf[w.pos:w.end]
		n := bytes.IndexByte(rest[searched:], 0)
		if n >= 0 {
			n += searched
		} else if searched = len(rest); limit <= 0 || int64(searched) <= limit {
			if err := w.need64(int64(searched) + 1); err != nil {
				return nil, err
			}
			continue
		}
		if limit > 0 && (n < 0 || int64(n) > limit) {
			return nil, fmt.Errorf("%w: a string of more than %d octets", ErrTooLarge, limit)
		}
		w.pos += n + 1
		return rest[:n:n], nil
	}
}

// indexNUL returns the length of the string at the front of s, which a NUL or the end of s closes.
func indexNUL(s []byte) int {
	if n := bytes.IndexByte(s, 0); n >= 0 {
		return n
	}
	return len(s)
}
