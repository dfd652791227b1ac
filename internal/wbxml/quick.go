package wbxml

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// Quick reads the next token if it is the start of an element, with or without a switch of the page, or an end, as
// nearly all are that stand between elements. It returns None, and has read nothing, for all that only Next can tell.
func (r *Reader) Quick() Kind {
	if r.open {
		return r.leave()
	}
	i := r.pos
	if i+3 > r.end || r.depth == 0 {
		return None
	}
	b := r.buf[i : i+3]
	switch token := b[0]; {
	case token == tokEnd:
		r.start, r.pos = i, i+1
		return r.leave()
	case token&hasAttributes == 0 && token&tokenMask > tokLiteral:
		r.start, r.pos = i, i+1
		r.tag = uint16(r.page)<<8 | uint16(token&tokenMask)
		r.open = token&hasContent == 0
	case token == tokSwitchPage && b[2]&hasAttributes == 0 && b[2]&tokenMask > tokLiteral && r.Skipped == nil:
		r.start, r.pos = i+2, i+3
		r.page = b[1]
		r.tag = uint16(b[1])<<8 | uint16(b[2]&tokenMask)
		r.open = b[2]&hasContent == 0
	default:
		return None
	}
	if r.depth == r.limits.Depth {
		r.pos, r.open = r.start, false // Next says what is wrong
		return None
	}
	r.depth++
	return Start
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// Leaf reads to the end of the element that has just begun, if nothing is in it or one inline string, and returns that.
// It returns false, and has read nothing, for all that only Next can tell.
func (r *Reader) Leaf() ([]byte, bool) {
	if r.open {
		r.leave()
		return nil, true
	}
	i := r.pos
	buf := r.buf[:r.end]
	if i >= len(buf) || buf[i] != tokStrI || r.ascii {
		return nil, false
	}
	i++
	// Most strings are short: the NUL is looked for together with what is not ASCII, eight octets at a time.
	n := i
	for {
		if n+8 > len(buf) {
			return nil, false
		}
		x := binary.LittleEndian.Uint64(buf[n:])
		m := ((x - ones) | x) & highs
		if m != 0 {
			n += bits.TrailingZeros64(m) >> 3
			break
		}
		if n += 8; n-i == 128 {
			break
		}
	}
	if n == len(buf) || buf[n] != 0 {
		e := bytes.IndexByte(buf[n:], 0)
		if e < 0 || !utf8.Valid(buf[i:n+e]) {
			return nil, false
		}
		n += e
	}
	if n+1 >= len(buf) || buf[n+1] != tokEnd || int64(n-i) > r.limits.Text {
		return nil, false
	}
	r.start, r.pos = n+1, n+2
	r.leave()
	return buf[i:n:n], true
}

// Stop makes the Reader read nothing more until it is reset.
func (r *Reader) Stop() {
	r.open, r.depth, r.done = false, 0, true
	r.buf = r.buf[:r.pos]
	r.clip()
}
