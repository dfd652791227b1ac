package syncml

import (
	"encoding/binary"
	"io"
	"unicode/utf16"
	"unicode/utf8"
)

// A utf16Reader gives UTF-16 as UTF-8. What is no UTF-16 becomes the byte FF, which the reader of XML refuses with the
// place where it stands.
type utf16Reader struct {
	rd    io.Reader
	order binary.ByteOrder
	in    []byte // not decoded yet
	out   []byte // decoded, not given yet
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

func (r *utf16Reader) Read(p []byte) (int, error) {
	for len(r.out) == 0 {
		if r.err != nil {
			if len(r.in) > 0 && r.err == io.EOF {
				r.in, r.out = nil, []byte{0xFF}
				break
			}
			return 0, r.err
		}
		have := len(r.in)
		buf := make([]byte, 4096)
		n, err := r.rd.Read(buf[copy(buf, r.in):])
		r.err = err
		r.feed(buf[:have+n])
	}
	n := copy(p, r.out)
	r.out = r.out[n:]
	return n, nil
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

// feed takes b for what is to be decoded.
func (r *utf16Reader) feed(b []byte) {
	out, rest := decodeUTF16(nil, b, r.order)
	r.out, r.in = out, b[len(b)-rest:]
}
