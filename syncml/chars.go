package syncml

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"unicode"
	"unicode/utf8"
)

// Text is looked at eight bytes at a time. In each of these tests the lowest flagged byte is exact; what is flagged
// above it may be an echo of the borrow.
const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080

	spaces     = ones * ' '
	ampersands = ones * '&'
	lessThans  = ones * '<'
	greaters   = ones * '>'
	letters    = ones * 0x40 // below it: everything that may follow a name, and digits
)

// plainWord flags the bytes of x that are not plain characters: controls, bytes of multi-byte characters, & and <.
func plainWord(x uint64) uint64 {
	return ((x - spaces) | x | ((x ^ ampersands) - ones) | ((x ^ lessThans) - ones)) & highs
}

// firstByte returns the index of the lowest flagged byte.
func firstByte(m uint64) int { return bits.TrailingZeros64(m) >> 3 }

// plainRun returns the length of the run at the start of b that holds only characters which stand for themselves:
// no markup, no entity, no carriage return, nothing that XML forbids, no bad UTF-8.
func plainRun(b []byte) int {
	n, _ := plainLines(b)
	return n
}

// plainLines is plainRun, and tells how many line feeds there are in the run.
func plainLines(b []byte) (i, lines int) {
	for {
		for {
			if i+8 > len(b) {
				for i < len(b) && plainByte(b[i]) {
					i++
				}
				break
			}
			m := plainWord(binary.LittleEndian.Uint64(b[i:]))
			if m != 0 {
				i += firstByte(m)
				break
			}
			if i += 8; i&(longText-1) == 0 && i+2*longText <= len(b) {
				i += plainStretch(b[i:])
			}
		}
		switch {
		case i == len(b):
			return i, lines
		case b[i] == '\n':
			i++
			lines++
		case b[i] == '\t':
			i++
		case b[i] < utf8.RuneSelf:
			return i, lines
		default:
			r, n := utf8.DecodeRune(b[i:])
			if n == 1 || r == 0xFFFE || r == 0xFFFF {
				return i, lines
			}
			i += n
		}
	}
}

// longText is how long a text is for which the searches of package bytes go faster than words.
const longText = 128

// plainStretch returns the length of a run of plain characters at the start of b, in steps of 32 bytes; at most 4 KB, so
// that what is searched in vain is not searched again and again.
func plainStretch(b []byte) int {
	b = b[:min(len(b), 4<<10)]
	if i := bytes.IndexByte(b, '<'); i >= 0 {
		b = b[:i]
	}
	if i := bytes.IndexByte(b, '&'); i >= 0 {
		b = b[:i]
	}
	return cleanBytes(b)
}

// cleanBytes returns the length of a run at the start of b, in steps of 32, that holds only ASCII without controls.
func cleanBytes(b []byte) int {
	n := len(b)
	for len(b) >= 32 {
		x0 := binary.LittleEndian.Uint64(b)
		x1 := binary.LittleEndian.Uint64(b[8:])
		x2 := binary.LittleEndian.Uint64(b[16:])
		x3 := binary.LittleEndian.Uint64(b[24:])
		if ((x0-spaces)|x0|(x1-spaces)|x1|(x2-spaces)|x2|(x3-spaces)|x3)&highs != 0 {
			break
		}
		b = b[32:]
	}
	return n - len(b)
}

func plainByte(c byte) bool { return c >= ' ' && c < utf8.RuneSelf && c != '&' && c != '<' }

// isClean reports whether b, which is long and holds neither & nor <, holds only characters that stand for themselves.
func isClean(b []byte) bool {
	b = b[cleanBytes(b):]
	return plainRun(b) == len(b)
}

// isChar reports whether XML allows the character (production Char of XML 1.0).
func isChar(r rune) bool {
	switch {
	case r < ' ':
		return r == '\t' || r == '\n' || r == '\r'
	case r < 0xD800:
		return true
	}
	return r >= 0xE000 && r != 0xFFFE && r != 0xFFFF && r <= utf8.MaxRune
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }

// trim cuts white space off both ends.
func trim(b []byte) []byte {
	for len(b) > 0 && isSpace(b[0]) {
		b = b[1:]
	}
	for len(b) > 0 && isSpace(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}

// isName reports whether b is a qualified name, with one colon at most.
func isName(b []byte) bool {
	colon := false
	start := true
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_':
			start = false
		case '0' <= c && c <= '9' || c == '-' || c == '.':
			if start {
				return false
			}
		case c == ':' && !colon && !start:
			colon, start = true, true
		case c >= utf8.RuneSelf:
			r, n := utf8.DecodeRune(b[i:])
			if n == 1 || !unicode.Is(nameStart, r) && (start || !unicode.Is(nameRest, r)) {
				return false
			}
			start = false
			i += n - 1
		default:
			return false
		}
	}
	return !start
}

// The characters beyond ASCII with which names begin, and those which may only follow (XML 1.0, fifth edition:
// NameStartChar and NameChar).
var (
	nameStart = &unicode.RangeTable{
		R16: []unicode.Range16{{0xC0, 0xD6, 1}, {0xD8, 0xF6, 1}, {0xF8, 0x2FF, 1}, {0x370, 0x37D, 1}, {0x37F, 0x1FFF, 1}, {0x200C, 0x200D, 1},
			{0x2070, 0x218F, 1}, {0x2C00, 0x2FEF, 1}, {0x3001, 0xD7FF, 1}, {0xF900, 0xFDCF, 1}, {0xFDF0, 0xFFFD, 1}},
		R32:         []unicode.Range32{{0x10000, 0xEFFFF, 1}},
		LatinOffset: 2,
	}
	nameRest = &unicode.RangeTable{
		R16:         []unicode.Range16{{0xB7, 0xB7, 1}, {0x300, 0x36F, 1}, {0x203F, 0x2040, 1}},
		LatinOffset: 1,
	}
)
