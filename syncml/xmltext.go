package syncml

import (
	"bytes"
	"encoding/binary"
	"slices"
	"unicode/utf8"
)

// valueSlow is value for whatever may come. The first n bytes from pos on are plain characters.
func (r *xmlReader) valueSlow(n int, markup bool) ([]byte, DataKind) {
	kind := DataText
	began := r.base + int64(r.pos) // of the content, for markup
	from := len(r.scratch)         // of the characters that could not stay where they were
	copied := false
	// keep copies the n characters behind pos, so that what follows can be something else.
	keep := func() {
		if n > 0 {
			piece := r.buf[r.pos : r.pos+n]
			r.scratch = append(r.scratch, piece...)
			copied = true
			if r.check && kind == DataText {
				r.checkText(r.pos, piece)
			}
		}
		r.advance(n)
		n = 0
	}
	for r.err == nil {
		k := r.pos + n
		if k < len(r.buf) {
			run := 0
			if n >= longText {
				run = plainStretch(r.buf[k:])
			}
			rest, lines := plainLines(r.buf[k+run:])
			run += rest
			r.known(k, k+run, lines)
			n, k = n+run, k+run
		}
		if k == len(r.buf) {
			if !r.more() {
				r.failEnd()
			}
			continue
		}
		switch c := r.buf[k]; {
		case c == '&':
			keep()
			copied = true
			r.entities()
		case c == '\r':
			// A line end is one line feed, however it was written.
			keep()
			copied = true
			r.scratch = append(r.scratch, '\n')
			if r.need(2) && r.buf[r.pos+1] == '\n' {
				r.advance(1)
			}
			r.advance(1)
		case c != '<':
			if c >= utf8.RuneSelf && !utf8.FullRune(r.buf[k:]) {
				if !r.more() {
					r.failEnd()
				}
				continue
			}
			r.badChar(k)
		case !r.need(n + 2):
			r.failEnd()
		case r.buf[r.pos+n+1] == '/':
			var b []byte
			if copied {
				keep()
				b = r.scratch[from:len(r.scratch):len(r.scratch)]
			} else {
				b = r.buf[r.pos : r.pos+n : r.pos+n]
				if r.check {
					r.checkText(r.pos, b)
				}
				r.advance(n)
			}
			if !r.endTag() {
				break
			}
			if len(b) == 0 {
				return nil, DataEmpty
			}
			return b, kind
		case r.buf[r.pos+n+1] == '!':
			keep()
			if !r.next("<![CDATA[") {
				r.skipComment()
				break
			}
			kind = DataCDATA
			e := r.find(9, "]]>")
			if e < 0 || !r.need(e+5) {
				r.failEnd()
				break
			}
			b := r.buf[r.pos+9 : r.pos+e : r.pos+e]
			next := r.buf[r.pos+e+3:]
			if !copied && next[0] == '<' && next[1] == '/' && isCleanCDATA(b) {
				// Nothing but this section: it stays where it is.
				r.advance(e + 3)
				if !r.endTag() {
					break
				}
				if len(b) == 0 {
					return nil, DataEmpty
				}
				return b, kind
			}
			r.checkChars(9, e)
			r.scratch = appendLines(r.scratch, b)
			copied = true
			r.advance(e + 3)
		case r.buf[r.pos+n+1] == '?':
			keep()
			r.skipPI()
		case markup:
			r.scratch = r.scratch[:from]
			r.advance(n)
			if !r.skipContent(nil) {
				break
			}
			b := r.buf[began-r.base : r.pos : r.pos]
			b = r.declare(b)
			r.endTag()
			return b, DataMarkup
		default:
			keep()
			copied = true
			r.startTag()
			r.forgive(syntaxf("element where only text belongs"))
			r.skip(false)
		}
	}
	return nil, DataAbsent
}

// isCleanCDATA reports whether the content of a CDATA section stands for itself.
func isCleanCDATA(b []byte) bool {
	i := 0
	for {
		i += cleanBytes(b[i:])
		// A byte that is a control or not ASCII is among the next 32, or the end is.
		for end := i + 32; i < end; {
			if i == len(b) {
				return true
			}
			switch c := b[i]; {
			case c >= utf8.RuneSelf:
				r, n := utf8.DecodeRune(b[i:])
				if n == 1 || !isChar(r) {
					return false
				}
				i += n
			case c < ' ' && c != '\n' && c != '\t':
				return false
			default:
				i++
			}
		}
	}
}

// appendLines appends b with its line ends made line feeds.
func appendLines(dst, b []byte) []byte {
	for {
		i := bytes.IndexByte(b, '\r')
		if i < 0 {
			return append(dst, b...)
		}
		dst = append(append(dst, b[:i]...), '\n')
		if b = b[i+1:]; len(b) > 0 && b[0] == '\n' {
			b = b[1:]
		}
	}
}

const (
	entLt   = 'l'<<8 | 't'<<16 | ';'<<24 | '&'
	entGt   = 'g'<<8 | 't'<<16 | ';'<<24 | '&'
	entAmp  = 'a'<<8 | 'm'<<16 | 'p'<<24 | ';'<<32 | '&'
	entQuot = 'q'<<8 | 'u'<<16 | 'o'<<24 | 't'<<32 | ';'<<40 | '&'
	entApos = 'a'<<8 | 'p'<<16 | 'o'<<24 | 's'<<32 | ';'<<40 | '&'
)

// entities resolves the entity at pos and, since they come in crowds, what follows as long as it is only characters and
// more of them.
func (r *xmlReader) entities() {
	// Stretches are short, so that what is searched here in vain is not searched again and again.
	const stretch = 4 << 10
	seg := r.buf[r.pos:min(len(r.buf), r.pos+stretch)]
	if e := bytes.IndexByte(seg, '<'); e >= 0 {
		seg = seg[:e]
	}
	// What is written is never longer than what is read, and words are stored whole before they are looked at.
	out := slices.Grow(r.scratch, len(seg)+8)
	n := len(out)
	out = out[:n+len(seg)+8]
	i := 0
	for i+8 <= len(seg) {
		x := binary.LittleEndian.Uint64(seg[i:])
		if byte(x) == '&' {
			switch {
			case uint32(x) == entLt:
				out[n] = '<'
				i += 4
			case uint32(x) == entGt:
				out[n] = '>'
				i += 4
			case x&(1<<40-1) == entAmp:
				out[n] = '&'
				i += 5
			case x&(1<<48-1) == entQuot:
				out[n] = '"'
				i += 6
			case x&(1<<48-1) == entApos:
				out[n] = '\''
				i += 6
			default:
				ch, w := resolve(seg[i:])
				if w <= 0 {
					goto one
				}
				n += utf8.EncodeRune(out[n:], ch)
				i += w
				continue
			}
			n++
			continue
		}
		binary.LittleEndian.PutUint64(out[n:], x)
		m := plainWord(x)
		if m == 0 {
			i, n = i+8, n+8
			continue
		}
		k := firstByte(m)
		i, n = i+k, n+k
		if c := seg[i]; c == '\n' || c == '\t' {
			out[n] = c
			i, n = i+1, n+1
		} else if c != '&' {
			break
		}
	}
one:
	r.scratch = out[:n]
	r.advance(i)
	// What is left is an entity near the end of the text or of the window, or no entity at all, or no & any more.
	if r.pos < len(r.buf) && r.buf[r.pos] == '&' {
		if ch, w := r.entity(); w > 0 {
			r.scratch = utf8.AppendRune(r.scratch, ch)
			r.advance(w)
		}
	}
}

// maxEntity is the length of the longest reference worth reading, &#x0010FFFF; with room for more zeros.
const maxEntity = 24

// entity resolves the reference at pos and returns its length, or fails and returns -1.
func (r *xmlReader) entity() (rune, int) {
	for {
		ch, n := resolve(r.buf[r.pos:])
		if n > 0 {
			return ch, n
		}
		if n == 0 && r.more() {
			continue
		}
		if n == 0 {
			r.failEnd()
			return 0, -1
		}
		end := r.pos + 1
		for end < min(len(r.buf), r.pos+maxEntity) && (r.buf[end] == '#' || isName(r.buf[r.pos+1:end+1])) {
			end++
		}
		r.fail(syntaxf("no entity: %q", r.buf[r.pos:end]))
		return 0, -1
	}
}

// resolve returns the character that the reference at the start of b stands for, and its length: 0 when b ends within
// it, -1 when it is none or stands for nothing that XML allows.
func resolve(b []byte) (rune, int) {
	end := bytes.IndexByte(b[:min(len(b), maxEntity)], ';')
	if end < 0 {
		if len(b) < maxEntity {
			return 0, 0
		}
		return 0, -1
	}
	name := b[1:end]
	switch string(name) {
	case "lt":
		return '<', end + 1
	case "gt":
		return '>', end + 1
	case "amp":
		return '&', end + 1
	case "quot":
		return '"', end + 1
	case "apos":
		return '\'', end + 1
	}
	if len(name) < 2 || name[0] != '#' {
		return 0, -1
	}
	base, digits := rune(10), name[1:]
	if digits[0] == 'x' {
		base, digits = 16, digits[1:]
	}
	if len(digits) == 0 {
		return 0, -1
	}
	ch := rune(0)
	for _, c := range digits {
		var d rune
		switch {
		case '0' <= c && c <= '9':
			d = rune(c - '0')
		case base == 16 && 'a' <= c && c <= 'f':
			d = rune(c-'a') + 10
		case base == 16 && 'A' <= c && c <= 'F':
			d = rune(c-'A') + 10
		default:
			return 0, -1
		}
		if ch = ch*base + d; ch > utf8.MaxRune {
			return 0, -1
		}
	}
	if !isChar(ch) {
		return 0, -1
	}
	return ch, end + 1
}
