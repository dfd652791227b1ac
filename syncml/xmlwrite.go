package syncml

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// An xmlWriter is the sink of tokens that spells them as XML. Nothing stands between tags, entities are named (some
// devices fail on &#34;) except for the carriage return, and namespaces are declared on the root and on the children of
// Meta, where Windows looks for them.
type xmlWriter struct {
	buf     []byte
	replace bool      // characters that XML forbids become U+FFFD
	asIs    bool      // markup need not declare its prefixes
	reader  xmlReader // for markup that callers give
	tmp     []byte
}

// A tagTable holds the tags by elem, in arrays so that they are stored without a call. It never changes after it was made.
type tagTable struct {
	open, empty          [elemCount][openSize]byte
	close                [elemCount][closeSize]byte
	openN, emptyN, endsN [elemCount]uint8
}

// Room for the longest tags, such as <MaxMsgSize xmlns="syncml:metinf"/> and </NumberOfChanges>.
const (
	openSize  = 40
	closeSize = 24
)

var tags = newTagTable()

func newTagTable() *tagTable {
	t := new(tagTable)
	for id, name := range elemNames {
		if name == "" {
			continue
		}
		decl := ""
		switch elem(id) {
		case elLast, elNext, elSharedMem, elFreeMem, elFreeID:
			// They are in Anchor and Mem, which have declared it.
		default:
			if elem(id)&metInf != 0 {
				decl = ` xmlns="syncml:metinf"`
			}
		}
		t.openN[id] = uint8(copy(t.open[id][:], "<"+name+decl+">"))
		t.endsN[id] = uint8(copy(t.close[id][:], "</"+name+">"))
		t.emptyN[id] = uint8(copy(t.empty[id][:], "<"+name+decl+"/>"))
	}
	return t
}

const (
	originalErrorDecl = ` xmlns:msft="http://schemas.microsoft.com/MobileDevice/MDM" msft:originalerror="`
	cdataOpen         = "<![CDATA["
	cdataClose        = "]]>"
)

func (w *xmlWriter) start(version string) {
	w.buf = append(w.buf, `<SyncML xmlns="SYNCML:SYNCML`...)
	w.buf = append(w.buf, version...)
	w.buf = append(w.buf, `">`...)
}

// room returns the whole buffer, with space for n bytes behind what is written, and the length of that.
func (w *xmlWriter) room(n int) ([]byte, int) {
	if cap(w.buf)-len(w.buf) < n {
		w.buf = slices.Grow(w.buf, n)
	}
	return w.buf[:cap(w.buf)], len(w.buf)
}

func (w *xmlWriter) open(id elem) {
	b, n := w.room(openSize)
	*(*[openSize]byte)(b[n:]) = tags.open[id]
	w.buf = b[:n+int(tags.openN[id])]
}

func (w *xmlWriter) close(id elem) {
	b, n := w.room(closeSize)
	*(*[closeSize]byte)(b[n:]) = tags.close[id]
	w.buf = b[:n+int(tags.endsN[id])]
}

func (w *xmlWriter) empty(id elem) {
	b, n := w.room(openSize)
	*(*[openSize]byte)(b[n:]) = tags.empty[id]
	w.buf = b[:n+int(tags.emptyN[id])]
}

func (w *xmlWriter) leaf(id elem, s string) error {
	b, n := w.room(len(s) + openSize + closeSize)
	*(*[openSize]byte)(b[n:]) = tags.open[id]
	n += int(tags.openN[id])
	if !isPlain(s) {
		w.buf = b[:n]
		if err := text(w, s); err != nil {
			return err
		}
		w.close(id)
		return nil
	}
	n += copy(b[n:], s)
	*(*[closeSize]byte)(b[n:]) = tags.close[id]
	w.buf = b[:n+int(tags.endsN[id])]
	return nil
}

// isPlain reports whether s, which is short, can be written as it is. It looks at the source: what was just stored
// would have to be waited for.
func isPlain[T string | []byte](s T) bool {
	n := len(s)
	if n >= 8 {
		m := writtenWord(load(s, n-8))
		for i := 0; i+8 < n; i += 8 {
			m |= writtenWord(load(s, i))
		}
		return m == 0
	}
	for i := range n {
		if c := s[i]; !plainByte(c) || c == '>' {
			return false
		}
	}
	return true
}

func (w *xmlWriter) number(id elem, n int64) {
	if uint64(n) < 1000 {
		w.leaf(id, ID(int(n)))
		return
	}
	w.open(id)
	w.buf = strconv.AppendInt(w.buf, n, 10)
	w.close(id)
}

func (w *xmlWriter) data(d Data, raw bool, originalError string) error {
	if originalError == "" {
		if d.kind == DataEmpty {
			w.empty(elData)
			return nil
		}
		w.open(elData)
	} else {
		w.buf = append(append(w.buf, "<Data"...), originalErrorDecl...)
		if err := escape(w, originalError); err != nil {
			return err
		}
		w.buf = append(w.buf, `">`...)
	}
	if err := w.content(d, raw); err != nil {
		return err
	}
	w.close(elData)
	return nil
}

func (w *xmlWriter) content(d Data, raw bool) error {
	switch {
	case raw:
		w.buf = base64.StdEncoding.AppendEncode(w.buf, d.Bytes())
		return nil
	case d.kind == DataCDATA && d.b != nil:
		return cdata(w, d.b)
	case d.kind == DataCDATA:
		return cdata(w, d.s)
	case d.kind == DataMarkup:
		n := len(w.buf)
		w.buf = d.AppendTo(w.buf)
		return w.wellFormed(w.buf[n:])
	}
	if d.b != nil {
		return text(w, d.b)
	}
	return text(w, d.s)
}

// text writes characters. Pieces are looked at after they were copied, while they are at hand.
func text[T string | []byte](w *xmlWriter, s T) error {
	const short, piece = 256, 8 << 10
	if len(s) <= short && isPlain(s) {
		w.buf = append(w.buf, s...)
		return nil
	}
	w.buf = slices.Grow(w.buf, len(s))
	for len(s) > 0 {
		n, m := len(w.buf), min(len(s), piece)
		w.buf = append(w.buf, s[:m]...)
		i := writtenRun(w.buf[n:])
		s = s[i:]
		if i < m {
			w.buf = w.buf[:n+i]
			return escape(w, s)
		}
	}
	return nil
}

func (w *xmlWriter) raw(e Element) error {
	n := len(w.buf)
	w.buf = append(w.buf, e.XML...)
	return w.element(w.buf[n:])
}

// binaryFormat is the format under which this spelling carries bytes.
func (w *xmlWriter) binaryFormat() string { return "b64" }

// document makes the type of a document in WBXML that of one in XML.
func (w *xmlWriter) document(_ Data, typ string) string {
	if base, ok := strings.CutSuffix(typ, typeSuffixWBXML); ok {
		return base + typeSuffixXML
	}
	return typ
}

// carries reports whether every character of d can be written.
func (w *xmlWriter) carries(d Data) bool {
	if w.replace {
		return true
	}
	w.tmp = d.AppendTo(w.tmp[:0])
	b := w.tmp
	for len(b) > 0 {
		b = b[plainRun(b):]
		if len(b) > 0 {
			if b[0] != '&' && b[0] != '<' && b[0] != '\r' {
				return false
			}
			b = b[1:]
		}
	}
	return true
}

func (w *xmlWriter) mark() sinkMark    { return sinkMark{len: len(w.buf)} }
func (w *xmlWriter) rewind(m sinkMark) { w.buf = w.buf[:m.len] }
func (w *xmlWriter) bytes() *[]byte    { return &w.buf }
func (w *xmlWriter) trailer() int      { return len(xmlTrailer) }

const xmlTrailer = "<Final/></SyncBody></SyncML>"

func (w *xmlWriter) end(final bool) {
	t := xmlTrailer
	if !final {
		t = t[len("<Final/>"):]
	}
	w.buf = append(w.buf, t...)
}

// wellFormed checks markup that a caller gave: whole elements that declare the prefixes they use, and text.
func (w *xmlWriter) wellFormed(b []byte) error {
	r := w.judge(b)
	if r.skipContent(nil) && len(w.tmp)-r.pos != len(judgeEnd) {
		r.fail(errStrayEnd)
	}
	if r.err != nil {
		return fmt.Errorf("markup: %w", r.err)
	}
	return nil
}

// element checks markup that is to be one element.
func (w *xmlWriter) element(b []byte) error {
	r := w.judge(b)
	n := 0
	for ; r.childSlow() != elEnd; n++ {
		if r.isEmpty {
			r.isEmpty = false
			r.pop()
		} else if r.skipContent(nil) {
			r.endTag()
		}
	}
	switch {
	case r.err != nil:
	case r.pos != len(w.tmp):
		r.fail(errStrayEnd)
	case n != 1:
		r.fail(syntaxf("%d elements, want one element", n))
	}
	if r.err != nil {
		return fmt.Errorf("markup: %w", r.err)
	}
	return nil
}

var errStrayEnd = syntaxf("end tag without a start tag")

// judgeEnd ends the element that judge puts around markup.
const judgeEnd = "</Data>"

// judge returns a reader of b, within an element.
func (w *xmlWriter) judge(b []byte) *xmlReader {
	w.tmp = append(append(w.tmp[:0], b...), judgeEnd...)
	r := &w.reader
	r.max, r.maxDepth, r.check, r.strict = int64(len(w.tmp)), DefaultMaxDepth, !w.asIs, true
	r.reset(nil, w.tmp)
	r.message()
	r.frames = append(r.frames, frame{id: elData, ns: nsSyncML})
	return r
}

// writtenWord flags the bytes of x that cannot be written as they are: what plainWord flags, and >.
func writtenWord(x uint64) uint64 {
	return ((x - spaces) | x | ((x ^ ampersands) - ones) | ((x | 2*ones ^ greaters) - ones)) & highs
}

// writtenRun returns the length of the run at the start of b that can be written as it is.
func writtenRun(b []byte) int {
	i := 0
	for {
		for {
			if i+8 > len(b) {
				for i < len(b) && plainByte(b[i]) && b[i] != '>' {
					i++
				}
				break
			}
			m := writtenWord(binary.LittleEndian.Uint64(b[i:]))
			if m != 0 {
				i += firstByte(m)
				break
			}
			if i += 8; i&127 == 0 && i+256 <= len(b) {
				stretch := b[i:min(len(b), i+4096)]
				if gt := bytes.IndexByte(stretch, '>'); gt >= 0 {
					stretch = stretch[:gt]
				}
				i += plainStretch(stretch)
			}
		}
		switch {
		case i == len(b):
			return i
		case b[i] == '\n' || b[i] == '\t':
			i++
		case b[i] < utf8.RuneSelf:
			return i
		default:
			r, n := utf8.DecodeRune(b[i:])
			if n == 1 || r == 0xFFFE || r == 0xFFFF {
				return i
			}
			i += n
		}
	}
}

// escape writes s with entities for what is markup. It works on stretches whose longest outcome fits the buffer, so that
// whole words can be stored before they are looked at.
func escape[T string | []byte](w *xmlWriter, s T) error {
	const stretch = 512
	for len(s) > 0 {
		part := s[:min(len(s), stretch)]
		w.buf = slices.Grow(w.buf, 6*len(part)+8)
		out := w.buf[:cap(w.buf)]
		n, i := len(w.buf), 0
		for i < len(part) {
			if i+8 <= len(part) {
				x := load(part, i)
				binary.LittleEndian.PutUint64(out[n:], x)
				m := writtenWord(x)
				if m == 0 {
					i, n = i+8, n+8
					continue
				}
				k := firstByte(m)
				i, n = i+k, n+k
			}
			switch c := part[i]; {
			case c == '<':
				n += copy(out[n:], "&lt;")
			case c == '>':
				n += copy(out[n:], "&gt;")
			case c == '&':
				n += copy(out[n:], "&amp;")
			case c == '\r':
				n += copy(out[n:], "&#13;")
			case c >= utf8.RuneSelf || c < ' ' && c != '\n' && c != '\t':
				// The character may reach beyond the stretch.
				r, size := decodeRune(s[i:])
				if r == utf8.RuneError && size <= 1 || !isChar(r) {
					if !w.replace {
						w.buf = out[:n]
						return badChar(r, size, c)
					}
					r = utf8.RuneError
				}
				n += utf8.EncodeRune(out[n:], r)
				i += size
				continue
			default:
				out[n] = c
				n++
			}
			i++
		}
		w.buf = out[:n]
		s = s[i:]
	}
	return nil
}

func load[T string | []byte](s T, i int) uint64 {
	b := s[i : i+8]
	return uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 |
		uint64(b[4])<<32 | uint64(b[5])<<40 | uint64(b[6])<<48 | uint64(b[7])<<56
}

func decodeRune[T string | []byte](s T) (rune, int) {
	return utf8.DecodeRuneInString(string(s[:min(len(s), utf8.UTFMax)]))
}

func badChar(r rune, size int, c byte) error {
	if r == utf8.RuneError && size <= 1 {
		return fmt.Errorf("%w: byte %#02x is not UTF-8", ErrBadChar, c)
	}
	return fmt.Errorf("%w: %U", ErrBadChar, r)
}

// cdata writes s as a section, or as several where it holds what ends one. A carriage return cannot be in a section:
// readers take it for a line end.
func cdata[T string | []byte](w *xmlWriter, s T) error {
	w.buf = append(w.buf, cdataOpen...)
	n := len(w.buf)
	w.buf = append(w.buf, s...)
	if b := w.buf[n:]; !isCleanCDATA(b) || bytes.Contains(b, []byte(cdataClose)) {
		w.buf = w.buf[:n]
		if err := cdataPieces(w, s); err != nil {
			return err
		}
	}
	w.buf = append(w.buf, cdataClose...)
	return nil
}

func cdataPieces[T string | []byte](w *xmlWriter, s T) error {
	for i := 0; i < len(s); {
		switch c := s[i]; {
		case c == '\r':
			w.buf = append(w.buf, cdataClose+"&#13;"+cdataOpen...)
			i++
		case c == ']' && strings.HasPrefix(string(s[i:min(i+3, len(s))]), cdataClose):
			w.buf = append(w.buf, "]]"+cdataClose+cdataOpen...)
			i += 2
		case c < utf8.RuneSelf && c >= ' ' || c == '\n' || c == '\t':
			w.buf = append(w.buf, c)
			i++
		default:
			r, size := decodeRune(s[i:])
			if r == utf8.RuneError && size <= 1 || !isChar(r) {
				if !w.replace {
					return badChar(r, size, c)
				}
				r = utf8.RuneError
			}
			w.buf = utf8.AppendRune(w.buf, r)
			i += size
		}
	}
	return nil
}
