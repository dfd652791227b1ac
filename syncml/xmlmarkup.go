package syncml

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// skipContent reads on to the end tag of the current element, which it leaves in front of it. The text of a child
// CmdID goes to id, if that is not nil.
func (r *xmlReader) skipContent(id *string) bool {
	depth := len(r.frames)
	for r.err == nil {
		if !r.need(1) {
			r.failEnd()
			break
		}
		if r.buf[r.pos] != '<' {
			r.skipChar()
			continue
		}
		if !r.need(2) {
			r.failEnd()
			break
		}
		switch r.buf[r.pos+1] {
		case '/':
			if len(r.frames) == depth {
				return true
			}
			r.endTag()
		case '!':
			if !r.next("<![CDATA[") {
				r.skipComment()
			} else if e := r.find(9, "]]>"); e >= 0 {
				r.checkChars(9, e)
				r.advance(e + 3)
			}
		case '?':
			r.skipPI()
		default:
			switch child := r.startTag(); {
			case child == elCmdID && id != nil && len(r.frames) == depth+1:
				*id = string(trim(r.text()))
			case r.isEmpty:
				r.isEmpty = false
				r.pop()
			}
		}
	}
	return false
}

// skip leaves the current element, whose start tag was the last thing read.
func (r *xmlReader) skip(keep bool) (id, xml string) {
	if r.err != nil {
		return "", ""
	}
	start := r.tagAt
	if r.isEmpty {
		r.isEmpty = false
		r.pop()
	} else if r.skipContent(&id) {
		r.endTag()
	}
	if keep && r.err == nil {
		xml = string(r.declare(r.buf[start-r.base : r.pos]))
	}
	return id, xml
}

// declare returns the markup b with the prefixes that it uses and takes from elements around it declared on each of its
// outermost elements, so that it can be written elsewhere. Without such prefixes, which is the rule, that is b itself.
func (r *xmlReader) declare(b []byte) []byte {
	if len(r.ns) == 0 || r.err != nil {
		return b
	}
	used := prefixes(b)
	if len(used) == 0 {
		return b
	}
	starts := outermost(b)
	for _, prefix := range used {
		uri, ok := r.lookup(prefix)
		if !ok || prefix == "xml" {
			continue
		}
		decl := " xmlns:" + prefix + `="` + attrEscaper.Replace(uri) + `"`
		if len(decl)*len(starts) > len(b)+4096 {
			r.fail(fmt.Errorf("declarations of the prefix %.20q for %d elements: %w", prefix, len(starts), ErrTooLarge))
			return nil
		}
		out := make([]byte, 0, len(b)+len(decl)*len(starts))
		done := 0
		for i, tag := range starts {
			if !bytes.Contains(b[tag.name:tag.end], []byte("xmlns:"+prefix+"=")) {
				out = append(append(out, b[done:tag.name]...), decl...)
				done = tag.name
			}
			starts[i] = startTag{tag.name + len(out) - done, tag.end + len(out) - done}
		}
		b = append(out, b[done:]...)
	}
	return b
}

// maxPrefixes is how many prefixes of elements around it markup may use.
const maxPrefixes = 16

// prefixes returns what stands before colons in names of b, perhaps more.
func prefixes(b []byte) []string {
	var used []string
	for i := 0; len(used) < maxPrefixes; i++ {
		n := bytes.IndexByte(b[i:], ':')
		if n < 0 {
			break
		}
		from := i
		i += n
		if name := bytes.LastIndexAny(b[max(from, i-64):i], "</ \t\r\n"); name >= 0 {
			p := b[max(from, i-64)+name+1 : i]
			if isName(p) && string(p) != "xmlns" && !slices.Contains(used, string(p)) {
				used = append(used, string(p))
			}
		}
	}
	return used
}

var attrEscaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", `"`, "&quot;", "\r", "&#13;")

// A startTag tells where in markup a name ends, and the tag.
type startTag struct{ name, end int }

// outermost returns the start tags of the outermost elements of b, which is well formed.
func outermost(b []byte) []startTag {
	var at []startTag
	depth := 0
	for i := 0; ; {
		n := bytes.IndexByte(b[i:], '<')
		if n < 0 {
			return at
		}
		i += n
		switch {
		case bytes.HasPrefix(b[i:], []byte("<!--")):
			i += 4 + bytes.Index(b[i+4:], []byte("-->"))
		case bytes.HasPrefix(b[i:], []byte("<![CDATA[")):
			i += bytes.Index(b[i:], []byte("]]>"))
		case b[i+1] == '?':
			i += bytes.Index(b[i:], []byte("?>"))
		case b[i+1] == '/':
			depth--
			i++
		default:
			name := i + bytes.IndexAny(b[i:], " \t\r\n/>")
			depth++
			quote := byte(0)
			for i++; quote != 0 || b[i] != '>'; i++ {
				if c := b[i]; quote != 0 && c == quote {
					quote = 0
				} else if quote == 0 && (c == '"' || c == '\'') {
					quote = c
				}
			}
			if depth == 1 {
				at = append(at, startTag{name, i})
			}
			if b[i-1] == '/' {
				depth--
			}
		}
	}
}
