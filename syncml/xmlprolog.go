package syncml

import (
	"bytes"
	"fmt"
	"io"
	"strings"
)

// start reads the prolog and the root's start tag.
func (r *xmlReader) start() error {
	r.clear()
	r.message()
	if n := int64(len(r.buf) - r.pos); r.rd == nil && n > r.max {
		r.failAt(r.pos, fmt.Errorf("message of %d bytes, limit %d: %w", n, r.max, ErrTooLarge))
		return r.err
	}
	const usual = `<SyncML xmlns="SYNCML:SYNCML1.2">`
	if r.need(len(usual)) && string(r.buf[r.pos:r.pos+len(usual)]) == usual {
		r.frames = append(r.frames, frame{id: elSyncML, own: nsSyncML, ns: nsSyncML})
		r.advance(len(usual))
		return nil
	}
	if r.need(3) && string(r.buf[r.pos:r.pos+3]) == "\xEF\xBB\xBF" {
		r.advance(3)
	}
	declared := false
	if r.next("<?xml") && r.need(6) && isSpace(r.buf[r.pos+5]) {
		declared = true
		r.declaration()
	}
	for doctype := false; r.err == nil; {
		for r.need(1) && isSpace(r.buf[r.pos]) {
			r.advance(1)
		}
		if !r.need(1) {
			if !declared && !doctype && r.rerr == io.EOF {
				return io.EOF
			}
			r.failEnd()
			break
		}
		if r.buf[r.pos] != '<' {
			r.failAt(r.pos, syntaxf("not XML: it begins with %q", r.buf[r.pos]))
			break
		}
		if !r.need(2) {
			r.failEnd()
			break
		}
		switch c := r.buf[r.pos+1]; {
		case c == '?':
			r.skipPI()
		case c == '!' && !doctype && r.next("<!DOCTYPE"):
			doctype = true
			r.doctype()
		case c == '!':
			r.skipComment()
		default:
			if id := r.startTag(); r.err == nil && id != elSyncML {
				r.failAt(r.pos, syntaxf("the root is %.40s, not SyncML", r.name()))
			}
			if r.err == nil && r.frames[0].own != nsSyncML {
				r.forgive(syntaxf("SyncML is not in a namespace of SyncML 1.0 to 1.2"))
			}
			return r.err
		}
	}
	return r.err
}

// declaration reads <?xml ...?>. The text is UTF-8 by now, whatever it says.
func (r *xmlReader) declaration() {
	e := r.find(5, "?>")
	if e < 0 {
		return
	}
	decl := r.buf[r.pos+5 : r.pos+e]
	_, enc, found := bytes.Cut(decl, []byte("encoding"))
	enc = bytes.Trim(enc, "= \t\r\n")
	if found && len(enc) > 2 {
		quote := enc[0]
		enc, _, _ = bytes.Cut(enc[1:], []byte{quote})
		switch strings.ToLower(string(enc)) {
		case "utf-8", "us-ascii", "utf-16":
		default:
			r.forgive(syntaxf("encoding %.40q; only UTF-8 and UTF-16 are read", enc))
		}
	}
	r.checkChars(5, e)
	r.advance(e + 2)
}

// doctype skips a document type declaration. An internal subset could declare entities, so it is refused.
func (r *xmlReader) doctype() {
	quote := byte(0)
	for n := len("<!DOCTYPE"); ; n++ {
		if r.pos+n >= len(r.buf) && !r.more() {
			r.failEnd()
			return
		}
		switch c := r.buf[r.pos+n]; {
		case c == quote:
			quote = 0
		case quote != 0:
		case c == '"' || c == '\'':
			quote = c
		case c == '[' || c == '<':
			r.failAt(r.pos+n, syntaxf("DOCTYPE with an internal subset"))
			return
		case c == '>':
			r.checkChars(0, n)
			r.advance(n + 1)
			return
		}
	}
}

// epilog skips the white space behind a message, which is part of that message: a declaration may follow.
func (r *xmlReader) epilog() {
	r.message()
	for r.need(1) && isSpace(r.buf[r.pos]) {
		r.advance(1)
	}
}

// close checks that only white space, comments and processing instructions follow the root. Some devices also send
// the NUL that ends their strings.
func (r *xmlReader) close() error {
	for r.err == nil && r.need(1) {
		switch c := r.buf[r.pos]; {
		case isSpace(c):
			r.advance(1)
		case c == 0:
			r.forgive(syntaxf("NUL behind the message"))
			r.advance(1)
		case c == '<' && r.need(2) && r.buf[r.pos+1] == '?':
			r.skipPI()
		case c == '<' && r.next("<!--"):
			r.skipComment()
		default:
			r.failAt(r.pos, syntaxf("%q behind the message", c))
		}
	}
	if r.err == nil && r.rerr != nil && r.rerr != io.EOF {
		r.failEnd()
	}
	return r.err
}
