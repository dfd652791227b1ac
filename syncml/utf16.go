package syncml

import (
	"encoding/binary"
	"io"
	"unicode/utf16"
	"unicode/utf8"
)

// A utf16Reader gives UTF-16 as UTF-8. What is no UTF-16 becomes the byte FF, which the reader of XML refuses with the
// place where it stands. An input that ends in the middle of a character ends unexpectedly.
type utf16Reader struct {
	rd    io.Reader
	order binary.ByteOrder
	in    [4 << 10]byte
	n     int    // bytes of in that are not decoded yet: part of a character
	out   []byte // decoded
	given int    // bytes of out that Read has returned
	err   error
}

// utf16Order tells the byte order that a byte order mark announces, or nil.
func utf16Order(b []byte) binary.ByteOrder {
	switch {
	case len(b) >= 2 && b[0] == 0xFE && b[1] == 0xFF:
		return binary.BigEndian
	case len(b) >= 2 && b[0] == 0xFF && b[1] == 0xFE:
		return binary.LittleEndian
	}
	return nil
}

// Read reads no more than once from what is behind it: whether that gets on is for the window to tell.
func (r *utf16Reader) Read(p []byte) (int, error) {
	if r.given == len(r.out) && r.err == nil {
		n, err := r.rd.Read(r.in[r.n:])
		r.err = err
		r.feed(r.in[:r.n+n])
	}
	n := copy(p, r.out[r.given:])
	r.given += n
	switch {
	case r.given < len(r.out):
		return n, nil
	case r.err == io.EOF && r.n > 0:
		return n, io.ErrUnexpectedEOF
	}
	return n, r.err
}

// feed takes b for what is to be decoded.
func (r *utf16Reader) feed(b []byte) {
	out, rest := decodeUTF16(r.out[:0], b, r.order)
	r.out, r.given = out, 0
	r.n = copy(r.in[:], b[len(b)-rest:])
}

// decodeUTF16 appends b as UTF-8 to dst, and tells how many bytes at its end belong to a character that is not complete.
func decodeUTF16(dst, b []byte, order binary.ByteOrder) ([]byte, int) {
	for len(b) >= 2 {
		c := rune(order.Uint16(b))
		n := 2
		if utf16.IsSurrogate(c) {
			if c < 0xDC00 && len(b) < 4 {
				break
			}
			if len(b) >= 4 {
				c = utf16.DecodeRune(c, rune(order.Uint16(b[2:])))
			} else {
				c = utf8.RuneError
			}
			if c == utf8.RuneError {
				dst = append(dst, 0xFF)
				b = b[2:]
				continue
			}
			n = 4
		}
		dst = utf8.AppendRune(dst, c)
		b = b[n:]
	}
	return dst, len(b)
}
