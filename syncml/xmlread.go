package syncml

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"
)

// An xmlReader is the source of tokens over XML. What messages are made of nearly always (names without prefix, the
// one namespace declaration on children of Meta, plain text) is read eight bytes at a time by child and content;
// everything else, and the last bytes of the window, goes through the slower functions of xmltag.go and xmltext.go.
type xmlReader struct {
	position
	window

	isEmpty bool      // the element just entered was <x/> and has no end tag
	scratch []byte    // texts of the command that could not stay where they were
	ns      []binding // prefixes in scope
	attr    string    // msft:originalerror of the last element entered that had it

	tagAt int64 // offset in the input of the start tag read last

	check    bool               // look for what only strict reading minds
	strict   bool               // and fail because of it
	forgiven func(*SyntaxError) // else tell
}

// A namespace is one of those that matter here.
type namespace uint8

const (
	nsNone namespace = iota
	nsSyncML
	nsMetInf
	nsOther
	nsDDF
)

// A binding is a prefix in scope.
type binding struct {
	prefix, uri string
	depth       int // number of frames that were open when it was declared, its own element included
}

const metInfDecl = ` xmlns="syncml:metinf">`

func (r *xmlReader) at() *position { return &r.position }

func (r *xmlReader) attribute() string {
	a := r.attr
	r.attr = ""
	return a
}

// documentType is "": markup in XML is of the type that is written.
func (r *xmlReader) documentType() string { return "" }

func (r *xmlReader) begin() {
	r.window.begin()
	r.scratch = r.scratch[:0]
}

// reset prepares for another input.
func (r *xmlReader) reset(rd io.Reader, data []byte) {
	r.window.reset(rd, data)
	r.clear()
}

func (r *xmlReader) clear() {
	r.frames, r.names, r.ns, r.scratch = r.frames[:0], r.names[:0], r.ns[:0], r.scratch[:0]
	r.err, r.isEmpty, r.attr = nil, false, ""
}

func (r *xmlReader) child() elem {
	if r.isEmpty {
		r.isEmpty = false
		r.pop()
		return elEnd
	}
	buf, i := r.buf, r.pos
	// 48 bytes hold a name of 15 letters, the namespace declaration, and what the loads read beyond.
	for i+48 <= len(buf) {
		if buf[i] != '<' {
			if !isSpace(buf[i]) {
				break
			}
			i++
			continue
		}
		at := i
		b := buf[i+1 : i+48]
		x := binary.LittleEndian.Uint64(b)
		if byte(x) == '/' {
			if end := r.closing(buf, i); end > 0 {
				r.pos = end
				r.frames = r.frames[:len(r.frames)-1]
				return elEnd
			}
			break
		}
		w := nameWord{lo: x}
		m := (x - letters) &^ x & highs
		n := 0
		if m != 0 {
			n = firstByte(m)
			w.lo &= 1<<(8*uint(n)) - 1
		} else {
			x = binary.LittleEndian.Uint64(b[8:])
			if m = (x - letters) &^ x & highs; m == 0 {
				break
			}
			n = firstByte(m)
			w.hi = x & (1<<(8*uint(n)) - 1)
			n += 8
		}
		id := names.find(w)
		if id == elNone || len(r.frames) >= r.maxDepth {
			break
		}
		b = b[n:]
		depth := len(r.frames)
		ns := r.frames[depth-1].ns
		switch {
		case b[0] == '>':
			i += n + 2
		case b[0] == ' ' && string(b[:len(metInfDecl)]) == metInfDecl:
			ns = nsMetInf
			i += n + 1 + len(metInfDecl)
		case b[0] == '/' && b[1] == '>':
			r.isEmpty = true
			i += n + 3
		default:
			r.pos = i
			return r.childSlow()
		}
		if depth == cap(r.frames) {
			r.frames = append(r.frames, frame{})
		}
		r.frames = r.frames[:depth+1]
		f := &r.frames[depth]
		f.id, f.own, f.ns, f.nth, f.nameN = id, ns, ns, 0, 0
		r.tagAt = r.base + int64(at)
		r.pos = i
		return id
	}
	r.pos = i
	if i+48 > len(buf) && r.tail() {
		return elEnd
	}
	return r.childSlow()
}

// tail leaves the current element if its end tag comes next, as it does where a message ends: near the end of the window
// there is no room for loads of eight bytes.
func (r *xmlReader) tail() bool {
	f := &r.frames[len(r.frames)-1]
	name := elemNames[f.id]
	b := r.buf[r.pos:]
	n := len(name) + 3
	if f.nameN != 0 || len(b) < n || b[0] != '<' || b[1] != '/' || string(b[2:n-1]) != name || b[n-1] != '>' {
		return false
	}
	r.pos += n
	r.frames = r.frames[:len(r.frames)-1]
	return true
}

// section reads a CDATA section at buf[i], if it is all that the current element holds and stands for itself.
func (r *xmlReader) section(i int) []byte {
	i += len(cdataOpen)
	n := bytes.Index(r.buf[i:], []byte(cdataClose))
	if n <= 0 || i+n+32 > len(r.buf) || !isCleanCDATA(r.buf[i:i+n]) {
		return nil
	}
	end := r.closing(r.buf, i+n+len(cdataClose))
	if end == 0 {
		return nil
	}
	r.pos = end
	r.frames = r.frames[:len(r.frames)-1]
	return r.buf[i : i+n : i+n]
}

// closing returns the index behind the end tag at buf[i], if it is the one that is due and is spelled as the start tag
// was, else 0. There are at least 20 bytes from i on.
func (r *xmlReader) closing(buf []byte, i int) int {
	if buf[i+1] != '/' || buf[i] != '<' {
		return 0
	}
	f := &r.frames[len(r.frames)-1]
	if f.nameN != 0 {
		return 0
	}
	n := int(names.lens[f.id])
	w := &names.words[f.id]
	x := binary.LittleEndian.Uint64(buf[i+2:])
	if n <= 8 {
		if x<<(64-8*uint(n)) != w.lo<<(64-8*uint(n)) {
			return 0
		}
	} else if x != w.lo || binary.LittleEndian.Uint64(buf[i+10:])<<(128-8*uint(n)) != w.hi<<(128-8*uint(n)) {
		return 0
	}
	if n += i + 2; n < len(buf) && buf[n] == '>' {
		return n + 1
	}
	return 0
}

func (r *xmlReader) text() []byte {
	b, _ := r.value(false)
	return b
}

func (r *xmlReader) content() ([]byte, DataKind) { return r.value(true) }

// value reads the content of the current element and leaves it. An element that may hold markup gives it as it stands;
// in others, child elements are skipped.
func (r *xmlReader) value(markup bool) ([]byte, DataKind) {
	if r.isEmpty {
		r.isEmpty = false
		r.pop()
		return nil, DataEmpty
	}
	buf, i := r.buf, r.pos
	j := i
scan:
	for j+32 <= len(buf) {
		m := plainWord(binary.LittleEndian.Uint64(buf[j:]))
		if m == 0 {
			if j += 8; j-i < longText {
				continue
			}
			e := bytes.IndexByte(buf[j:], '<')
			if e < 0 || j+e+32 > len(buf) || bytes.IndexByte(buf[j:j+e], '&') >= 0 || !isClean(buf[j:j+e]) {
				break
			}
			j += e
		} else {
			j += firstByte(m)
		}
		switch buf[j] {
		case '\n', '\t':
			j++
			continue
		case '<':
			if buf[j+1] != '/' {
				if i == j && string(buf[j:j+len(cdataOpen)]) == cdataOpen {
					if b := r.section(j); b != nil {
						return b, DataCDATA
					}
				}
				break scan
			}
			if end := r.closing(buf, j); end > 0 {
				if r.check {
					r.checkText(i, buf[i:j])
					if r.err != nil {
						return nil, DataAbsent
					}
				}
				r.pos = end
				r.frames = r.frames[:len(r.frames)-1]
				if i == j {
					return nil, DataEmpty
				}
				return buf[i:j:j], DataText
			}
		}
		break
	}
	return r.valueSlow(j-i, markup)
}

// pop leaves the innermost element.
func (r *xmlReader) pop() {
	n := len(r.frames) - 1
	if f := &r.frames[n]; f.nameN != 0 {
		r.names = r.names[:f.name]
	}
	for k := len(r.ns); k > 0 && r.ns[k-1].depth > n; k-- {
		r.ns = r.ns[:k-1]
	}
	r.frames = r.frames[:n]
}

// failAt keeps the first error, at buf[i], and ends the reading.
func (r *xmlReader) failAt(i int, err error) {
	if r.err == nil {
		r.err = r.errorAt(i, err)
	}
	r.pos, r.isEmpty = len(r.buf), false
	if r.rerr == nil {
		r.rerr = io.EOF
	}
}

// keepToLimit fails if the message is longer than it may be. The window finds that out only when it has to read on.
func (r *xmlReader) keepToLimit() {
	if r.base+int64(r.pos)-r.first > r.max {
		r.fail(r.tooLong())
	}
}

func (r *xmlReader) errorAt(i int, err error) *SyntaxError {
	e := &SyntaxError{Path: r.path(), Err: err}
	e.Offset, e.Line, e.Column = r.place(i)
	return e
}

// failEnd is for the end of the input where there must not be one.
func (r *xmlReader) failEnd() {
	switch {
	case r.err != nil:
	case r.rerr == nil || errors.Is(r.rerr, io.EOF):
		r.failAt(len(r.buf), io.ErrUnexpectedEOF)
	default:
		r.failAt(len(r.buf), r.rerr)
	}
	r.pos = len(r.buf)
}

func (r *xmlReader) fail(err error)    { r.failAt(r.pos, err) }
func (r *xmlReader) forgive(err error) { r.forgiveAt(r.pos, err) }

// forgiveAt reports what only strict reading minds, at buf[i].
func (r *xmlReader) forgiveAt(i int, err error) {
	switch {
	case !r.check || r.err != nil:
	case r.strict:
		r.failAt(i, err)
	default:
		r.forgiven(r.errorAt(i, err))
	}
}

// checkText looks for the one mistake in text, at buf[i], that only strict reading minds.
func (r *xmlReader) checkText(i int, b []byte) {
	if n := bytes.Index(b, []byte(cdataClose)); n >= 0 {
		r.forgiveAt(i+n, syntaxf("]]> in text"))
	}
}

func namespaceOf(uri string) namespace {
	switch {
	case uri == "":
		return nsNone
	case len(uri) == len("SYNCML:SYNCML1.2") && strings.EqualFold(uri[:15], "SYNCML:SYNCML1."):
		return nsSyncML
	case strings.EqualFold(uri, "syncml:metinf"):
		return nsMetInf
	case strings.EqualFold(uri, "syncml:dmddf1.2") || strings.EqualFold(uri, "syncml:dmddf"):
		return nsDDF
	}
	return nsOther
}
