package syncml

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"
)

// maxAttrs bounds the attributes of one element, which are compared with each other. SyncML uses two.
const maxAttrs = 32

// childSlow is child for whatever may come.
func (r *xmlReader) childSlow() elem {
	for r.err == nil {
		if !r.need(1) {
			r.failEnd()
			break
		}
		if r.buf[r.pos] != '<' {
			if !r.skipStray() {
				break
			}
			continue
		}
		if !r.need(2) {
			r.failEnd()
			break
		}
		switch r.buf[r.pos+1] {
		case '/':
			r.endTag()
			return elEnd
		case '!':
			if r.next("<![CDATA[") {
				e := r.find(9, "]]>")
				if e < 0 {
					return elEnd
				}
				if text := r.checkChars(9, e); r.err == nil && len(trim(text)) > 0 {
					r.forgive(syntaxf("text where only elements belong"))
				}
				r.advance(e + 3)
				continue
			}
			r.skipComment()
		case '?':
			r.skipPI()
		default:
			return r.startTag()
		}
	}
	return elEnd
}

// skipStray skips characters between elements, where only white space belongs.
func (r *xmlReader) skipStray() bool {
	clean := true
	for {
		if r.pos == len(r.buf) && !r.need(1) {
			r.failEnd()
			return false
		}
		switch c := r.buf[r.pos]; {
		case c == '<':
			return true
		case isSpace(c):
			r.advance(1)
		default:
			if clean {
				clean = false
				r.forgive(syntaxf("text where only elements belong"))
			}
			if r.err != nil || r.skipChar() < 0 {
				return false
			}
		}
	}
}

// skipChar checks and skips a run of characters or one entity at pos, and returns -1 when it is neither.
func (r *xmlReader) skipChar() int {
	for {
		n := plainRun(r.buf[r.pos:])
		if n > 0 {
			if r.check {
				r.checkText(r.pos, r.buf[r.pos:r.pos+n])
			}
			r.advance(n)
			return n
		}
		switch c := r.buf[r.pos]; {
		case c == '&':
			_, n := r.entity()
			r.advance(max(n, 0))
			return n
		case c == '\r':
			r.advance(1)
			return 1
		case c >= utf8.RuneSelf && !utf8.FullRune(r.buf[r.pos:]):
			if r.more() {
				continue
			}
			r.failEnd()
			return -1
		default:
			r.badChar(r.pos)
			return -1
		}
	}
}

// badChar fails because of the byte at buf[i].
func (r *xmlReader) badChar(i int) {
	c, n := utf8.DecodeRune(r.buf[i:])
	if c == utf8.RuneError && n <= 1 {
		r.failAt(i, fmt.Errorf("%w: byte %#02x is not UTF-8", ErrBadChar, r.buf[i]))
		return
	}
	r.failAt(i, fmt.Errorf("%w: %U", ErrBadChar, c))
}

// advance moves on, unless reading has ended with an error.
func (r *xmlReader) advance(n int) {
	if r.err == nil {
		r.pos += n
	}
}

// checkChars checks the characters of a section or comment, from and to counted from pos, and returns them. After a
// failure, and so after this, nothing may be counted from pos any more.
func (r *xmlReader) checkChars(from, to int) []byte {
	if r.err != nil {
		return nil
	}
	b := r.buf[r.pos+from : r.pos+to : r.pos+to]
	for i := 0; i < len(b); i++ {
		if i += plainRun(b[i:]); i == len(b) {
			break
		}
		if c := b[i]; c != '&' && c != '<' && c != '\r' {
			r.badChar(r.pos + from + i)
			break
		}
	}
	return b
}

// find returns the index of s, counted from pos, at from or behind, and reads on as needed. It fails and returns -1
// when there is none.
func (r *xmlReader) find(from int, s string) int {
	for {
		if r.pos+from <= len(r.buf) {
			if i := strings.IndexByte(s, '>'); len(s) == 1 && i == 0 {
				if i := bytes.IndexByte(r.buf[r.pos+from:], '>'); i >= 0 {
					return from + i
				}
			} else if i := bytes.Index(r.buf[r.pos+from:], []byte(s)); i >= 0 {
				return from + i
			}
			from = max(from, len(r.buf)-r.pos-len(s)+1)
		}
		if !r.more() {
			r.failEnd()
			return -1
		}
	}
}

// next reports whether s comes next.
func (r *xmlReader) next(s string) bool {
	return r.need(len(s)) && string(r.buf[r.pos:r.pos+len(s)]) == s
}

// skipComment skips <!--...-->. Anything else that begins with <! does not belong into a document.
func (r *xmlReader) skipComment() bool {
	if !r.next("<!--") {
		if rest := string(r.buf[r.pos:]); strings.HasPrefix(cdataOpen, rest) || strings.HasPrefix("<!--", rest) {
			r.failEnd()
			return false
		}
		r.failAt(r.pos, syntaxf("declaration inside the message"))
		return false
	}
	e := r.find(4, "--")
	if e < 0 {
		return false
	}
	if !r.need(e + 3) {
		r.failEnd()
		return false
	}
	if r.buf[r.pos+e+2] != '>' {
		r.failAt(r.pos+e, syntaxf("-- inside a comment"))
		return false
	}
	r.checkChars(4, e)
	r.advance(e + 3)
	return r.err == nil
}

// skipPI skips a processing instruction. The XML declaration is none, except where a document begins.
func (r *xmlReader) skipPI() bool {
	e := r.find(2, "?>")
	if e < 0 {
		return false
	}
	pi := r.buf[r.pos+2 : r.pos+e]
	target := pi
	if i := bytes.IndexAny(pi, " \t\r\n"); i >= 0 {
		target = pi[:i]
	}
	if !isName(target) || bytes.EqualFold(target, []byte("xml")) {
		r.failAt(r.pos, syntaxf("processing instruction %.20q", target))
		return false
	}
	if bytes.IndexByte(target, ':') >= 0 {
		r.forgive(syntaxf("processing instruction %.40s", target))
	}
	r.checkChars(2, e)
	r.advance(e + 2)
	return r.err == nil
}

// tagEnd returns the index of the > that ends the tag at pos, counted from pos, and -1 after a failure.
func (r *xmlReader) tagEnd() int {
	quote := byte(0)
	for n := 1; ; n++ {
		if r.pos+n >= len(r.buf) && !r.more() {
			r.failEnd()
			return -1
		}
		switch c := r.buf[r.pos+n]; {
		case c == quote:
			quote = 0
		case quote != 0:
		case c == '"' || c == '\'':
			quote = c
		case c == '>':
			return n
		case c == '<':
			r.failAt(r.pos+n, syntaxf("< inside a tag"))
			return -1
		}
	}
}

// startTag reads the tag at pos and enters its element.
func (r *xmlReader) startTag() elem {
	e := r.tagEnd()
	if e < 0 {
		return elEnd
	}
	r.tagAt = r.base + int64(r.pos)
	tag := r.buf[r.pos+1 : r.pos+e]
	empty := len(tag) > 0 && tag[len(tag)-1] == '/'
	if empty {
		tag = tag[:len(tag)-1]
	}
	name, attrs := tag, tag[len(tag):]
	for i, c := range tag {
		if isSpace(c) {
			name, attrs = tag[:i], tag[i:]
			break
		}
	}
	if !isName(name) {
		r.failAt(r.pos, syntaxf("%.20q is not a name", name))
		return elEnd
	}
	if len(r.frames) >= r.maxDepth {
		r.failAt(r.pos, fmt.Errorf("more than %d elements in elements: %w", r.maxDepth, ErrTooDeep))
		return elEnd
	}
	local := name[bytes.IndexByte(name, ':')+1:]
	f := frame{id: elemOf(local)}
	if len(r.frames) > 0 {
		f.ns = r.frames[len(r.frames)-1].ns
	}
	if len(local) != len(name) || f.id == elNone {
		f.name, f.nameN = uint32(len(r.names)), uint32(len(name))
		r.names = append(r.names, name...)
	}
	r.frames = append(r.frames, f)
	declared := len(r.ns)
	if len(attrs) > 0 && !r.attributes(attrs) {
		return elEnd
	}
	top := &r.frames[len(r.frames)-1]
	if top.nameN == 0 && len(r.ns) > declared {
		// With a name of its own it is left by pop alone, which ends the prefixes that it has declared.
		top.name, top.nameN = uint32(len(r.names)), uint32(len(name))
		r.names = append(r.names, name...)
	}
	top.own = top.ns
	if len(local) != len(name) {
		uri, ok := r.lookup(string(name[:len(name)-len(local)-1]))
		if !ok {
			r.forgive(syntaxf("prefix of %.40q is not declared", name))
			if r.err != nil {
				return elEnd
			}
		}
		top.own = namespaceOf(uri)
	}
	r.advance(e + 1)
	r.isEmpty = empty
	return f.id
}

// lookup returns the namespace that a prefix stands for.
func (r *xmlReader) lookup(prefix string) (string, bool) {
	if prefix == "xml" {
		return "http://www.w3.org/XML/1998/namespace", true
	}
	for i := len(r.ns) - 1; i >= 0; i-- {
		if r.ns[i].prefix == prefix {
			return r.ns[i].uri, true
		}
	}
	return "", false
}

// attributes reads what stands behind the name in a start tag: declarations of namespaces, msft:originalerror, and what
// only needs to be well formed.
func (r *xmlReader) attributes(b []byte) bool {
	var seen [maxAttrs][]byte
	n := 0
	for {
		rest := trimLeft(b)
		if len(rest) == 0 {
			if r.check {
				r.checkPrefixes(seen[:n])
			}
			return r.err == nil
		}
		eq := bytes.IndexByte(rest, '=')
		if eq < 0 || len(rest) == len(b) {
			r.failAt(r.pos, syntaxf("attribute without a value"))
			return false
		}
		name, v := trim(rest[:eq]), trimLeft(rest[eq+1:])
		if !isName(name) {
			r.failAt(r.pos, syntaxf("%.20q is not a name", name))
			return false
		}
		if len(v) < 2 || v[0] != '"' && v[0] != '\'' {
			r.failAt(r.pos, syntaxf("attribute %.40s is not in quotes", name))
			return false
		}
		end := bytes.IndexByte(v[1:], v[0])
		if end < 0 {
			r.failAt(r.pos, syntaxf("attribute %.40s is not closed", name))
			return false
		}
		value := v[1 : 1+end]
		b = v[end+2:]
		if n == maxAttrs {
			r.failAt(r.pos, fmt.Errorf("more than %d attributes: %w", maxAttrs, ErrTooLarge))
			return false
		}
		for _, s := range seen[:n] {
			if bytes.Equal(s, name) {
				r.failAt(r.pos, syntaxf("attribute %.40s twice", name))
				return false
			}
		}
		seen[n] = name
		n++
		if !r.readAttr(name, value) {
			return false
		}
	}
}

// checkPrefixes looks for what only strict reading minds in the attributes of a tag: breaches of Namespaces in XML.
func (r *xmlReader) checkPrefixes(names [][]byte) {
	for i, name := range names {
		prefix, local, ok := bytes.Cut(name, []byte(":"))
		if !ok {
			continue
		}
		if string(prefix) == "xmlns" {
			uri, _ := r.lookup(string(local))
			switch {
			case string(local) == "xmlns", string(local) == "xml":
				r.forgive(syntaxf("%s is reserved", name))
			case uri == "":
				r.forgive(syntaxf("%.40s declares no namespace", name))
			}
			continue
		}
		uri, ok := r.lookup(string(prefix))
		if !ok {
			r.forgive(syntaxf("prefix of %.40s is not declared", name))
			continue
		}
		for _, other := range names[:i] {
			prefix, same, ok := bytes.Cut(other, []byte(":"))
			if !ok || string(prefix) == "xmlns" || !bytes.Equal(same, local) {
				continue
			}
			if u, ok := r.lookup(string(prefix)); ok && u == uri {
				r.forgive(syntaxf("attribute %.40s is there twice", name))
			}
		}
	}
}

// readAttr reads one attribute.
func (r *xmlReader) readAttr(name, value []byte) bool {
	if plainRun(value) != len(value) || bytes.IndexByte(value, '\n') >= 0 || bytes.IndexByte(value, '\t') >= 0 {
		if value = r.unescapeAttr(value); value == nil {
			return false
		}
	}
	switch {
	case string(name) == "xmlns":
		r.frames[len(r.frames)-1].ns = namespaceOf(string(value))
	case bytes.HasPrefix(name, []byte("xmlns:")):
		r.ns = append(r.ns, binding{prefix: string(name[6:]), uri: string(value), depth: len(r.frames)})
	case bytes.HasSuffix(name, []byte(":originalerror")):
		r.attr = string(value)
	}
	return true
}

// unescapeAttr resolves the entities of an attribute's value, which may not hold <. It returns nil after a failure.
func (r *xmlReader) unescapeAttr(raw []byte) []byte {
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); {
		n := plainRun(raw[i:])
		for _, c := range raw[i : i+n] {
			if c == '\n' || c == '\t' {
				c = ' '
			}
			out = append(out, c)
		}
		if i += n; i == len(raw) {
			break
		}
		switch c := raw[i]; c {
		case '&':
			ch, n := resolve(raw[i:])
			if n <= 0 {
				r.fail(syntaxf("bad entity in an attribute"))
				return nil
			}
			out = utf8.AppendRune(out, ch)
			i += n
		case '\r':
			out = append(out, ' ')
			i++
		default:
			r.fail(syntaxf("character %q in an attribute", c))
			return nil
		}
	}
	return out
}

func trimLeft(b []byte) []byte {
	for len(b) > 0 && isSpace(b[0]) {
		b = b[1:]
	}
	return b
}

// endTag reads the tag at pos, which must close the current element, and leaves that.
func (r *xmlReader) endTag() bool {
	e := r.find(2, ">")
	if e < 0 {
		return false
	}
	got := r.buf[r.pos+2 : r.pos+e]
	for len(got) > 0 && isSpace(got[len(got)-1]) {
		got = got[:len(got)-1]
	}
	f := &r.frames[len(r.frames)-1]
	same := false
	if f.nameN != 0 {
		same = bytes.Equal(got, r.names[f.name:f.name+f.nameN])
	} else {
		same = string(got) == elemNames[f.id]
	}
	if !same {
		r.failAt(r.pos, syntaxf("</%.40s> where </%.40s> is due", got, r.name()))
		return false
	}
	r.advance(e + 1)
	r.pop()
	return true
}
