package syncml

import (
	"bytes"
	"fmt"
	"io"
)

// A window is the part of the input that is in memory. Values of the command in progress alias buf, so nothing from
// anchor on moves or is overwritten before begin is called: a window that is too small is replaced, not shifted.
type window struct {
	buf    []byte
	pos    int   // the next byte to read
	anchor int   // start of the command in progress
	base   int64 // offset of buf[0] in the input

	rd   io.Reader // nil: buf is all there is
	rerr error     // the reader's last word
	mem  []byte    // our own buffer, kept for the next input

	first     int64 // offset in the input at which the message began
	lines     int   // line feeds of the message in front of buf
	lineStart int64 // offset in the input at which the line of buf[0] began
	held      int   // line feeds of the message in buf[:counted]
	counted   int
	max       int64 // bytes of one message
}

const (
	windowSize = 16 << 10 // to begin with
	minRead    = 512      // smallest room worth a Read
)

// reset makes the window read from rd, or from data if rd is nil.
func (w *window) reset(rd io.Reader, data []byte) {
	mem := w.mem
	*w = window{rd: rd, mem: mem, max: w.max, buf: data}
	if rd != nil {
		w.buf = mem[:0]
	}
}

// begin tells that nothing read so far is needed any more, and makes room for what comes.
func (w *window) begin() {
	if w.rd != nil && w.pos > 0 && 2*len(w.buf) > cap(w.buf) {
		w.forget(w.pos)
		n := copy(w.buf, w.buf[w.pos:])
		w.buf, w.pos = w.buf[:n], 0
	}
	w.anchor = w.pos
}

// message tells that a message begins at pos.
func (w *window) message() {
	w.begin()
	w.first = w.base + int64(w.pos)
	w.lines, w.lineStart = 0, w.first
	w.counted = max(w.counted, w.pos)
	w.held = bytes.Count(w.buf[w.pos:w.counted], lineFeed)
}

// skip returns how many bytes of buf are older than the message.
func (w *window) skip() int { return max(0, int(w.first-w.base)) }

// count counts the line feeds in front of buf[i], unless that has been done.
func (w *window) count(i int) {
	if from := max(w.counted, w.skip()); from < i {
		w.held += bytes.Count(w.buf[from:i], lineFeed)
	}
	w.counted = max(w.counted, i)
}

// known tells that there are so many line feeds in buf[from:to]: who has looked at a long text knows, and what a reader
// gave has to be counted before it goes.
func (w *window) known(from, to, lines int) {
	if w.rd == nil || to-from < minRead || to <= w.counted || from < w.counted {
		return
	}
	w.count(from)
	w.held, w.counted = w.held+lines, to
}

// forget accounts for the first n bytes of buf, which are about to go.
func (w *window) forget(n int) {
	w.count(n)
	left := bytes.Count(w.buf[n:w.counted], lineFeed)
	if gone := w.held - left; gone > 0 {
		skip := w.skip()
		w.lines += gone
		w.lineStart = w.base + int64(skip+lastLineFeed(w.buf[skip:n])) + 1
	}
	w.held, w.counted = left, w.counted-n
	w.base += int64(n)
}

// lastLineFeed is bytes.LastIndexByte, at the speed of IndexByte: lines may be a megabyte long.
func lastLineFeed(b []byte) int {
	const piece = 4 << 10
	for end := len(b); end > 0; end -= piece {
		start := max(0, end-piece)
		if bytes.IndexByte(b[start:end], '\n') >= 0 {
			return start + bytes.LastIndexByte(b[start:end], '\n')
		}
	}
	return -1
}

var lineFeed = []byte{'\n'}

// more reads on. It reports false at the end of the input, when the message is longer than it may be, and when the
// reader fails; rerr then holds the error, io.EOF included.
func (w *window) more() bool {
	if w.rd == nil {
		w.rerr = io.EOF
		return false
	}
	if w.rerr != nil {
		return false
	}
	if have := w.base + int64(len(w.buf)) - w.first; have > w.max {
		w.rerr = w.tooLong()
		return false
	}
	if cap(w.buf)-len(w.buf) < minRead {
		live := len(w.buf) - w.anchor
		nb := make([]byte, live, max(windowSize, 2*live+minRead))
		copy(nb, w.buf[w.anchor:])
		w.forget(w.anchor)
		w.pos -= w.anchor
		w.anchor = 0
		w.buf, w.mem = nb, nb
	}
	for range 100 {
		n, err := w.rd.Read(w.buf[len(w.buf):cap(w.buf)])
		w.buf = w.buf[:len(w.buf)+n]
		if err != nil {
			w.rerr = err
		}
		if n > 0 || err != nil {
			return n > 0
		}
	}
	w.rerr = io.ErrNoProgress
	return false
}

func (w *window) tooLong() error {
	return fmt.Errorf("message of more than %d bytes: %w", w.max, ErrTooLarge)
}

// need makes sure that n bytes from pos on are in the window, if the input has them.
func (w *window) need(n int) bool {
	for len(w.buf)-w.pos < n {
		if !w.more() {
			return false
		}
	}
	return true
}

// place returns offset, line and column of buf[i], counted from the start of the message.
func (w *window) place(i int) (offset int64, line, column int) {
	i = min(max(i, 0), len(w.buf))
	skip := min(w.skip(), i)
	line, start := w.lines+1+bytes.Count(w.buf[skip:i], lineFeed), w.lineStart
	if nl := lastLineFeed(w.buf[skip:i]); nl >= 0 {
		start = w.base + int64(skip+nl) + 1
	}
	at := w.base + int64(i)
	return at - w.first, line, int(at-start) + 1
}
