package syncml

import (
	"encoding/base64"
	"fmt"
	"unicode/utf8"

	"github.com/omadm-sdk/omadm/internal/wbxml"
)

// An xmlRenderer writes what a reader of WBXML yields as XML: markup in Data, elements that are kept although nobody
// knows them, documents within messages.
type xmlRenderer struct {
	r   *wbxml.Reader
	v   *vocabulary // nil: of a message
	uri string      // namespace in force around what is written
	max int64       // bytes of XML; a tag of one octet may become sixty
	few int         // elements that may still come
	out []byte
	id  []byte // text of the first CmdID right below the outermost element
	had bool   // that CmdID has ended
	err error

	open []openTag
	bare bool // the start tag written last still lacks its >
}

type openTag struct{ name, uri string }

// element writes the start tag of the element whose tag has just been read.
func (x *xmlRenderer) element() {
	if x.few--; x.few < 0 {
		x.fail(fmt.Errorf("too many elements: %w", ErrTooLarge))
		return
	}
	name, uri, err := x.v.name(x.r)
	if err != nil {
		x.fail(err)
		return
	}
	x.closeTag()
	outer := x.uri
	if n := len(x.open); n > 0 {
		outer = x.open[n-1].uri
	}
	x.out = append(append(x.out, '<'), name...)
	if uri == "" {
		uri = outer
	} else if uri != outer {
		x.out = append(append(append(x.out, ` xmlns="`...), uri...), '"')
	}
	x.open = append(x.open, openTag{name, uri})
	x.bare = true
}

// content writes what follows up to the end of the element at that depth and returns all that was written.
func (x *xmlRenderer) content(depth int) []byte {
	for x.err == nil && x.r.Depth() >= depth {
		if int64(len(x.out)) > x.max {
			x.fail(fmt.Errorf("markup of more than %d bytes: %w", x.max, ErrTooLarge))
			break
		}
		k, err := x.r.Next()
		if err != nil {
			x.fail(err)
			break
		}
		switch k {
		case wbxml.Start:
			x.element()
		case wbxml.End:
			x.end()
		default:
			x.text(x.r.Bytes(), k == wbxml.Opaque)
		}
	}
	return x.out
}

// end writes the end tag of the innermost element. There is none for the element whose content alone is wanted.
func (x *xmlRenderer) end() {
	n := len(x.open) - 1
	if n < 0 {
		return
	}
	x.had = x.had || n == 1 && x.open[1].name == "CmdID"
	if x.bare {
		x.out = append(x.out, "/>"...)
		x.bare = false
	} else {
		x.out = append(append(append(x.out, "</"...), x.open[n].name...), '>')
	}
	x.open = x.open[:n]
}

// text writes characters; bytes that are none are written in base64, as the XML form of a tree has them.
func (x *xmlRenderer) text(b []byte, opaque bool) {
	if len(b) == 0 {
		return
	}
	x.closeTag()
	if len(x.open) == 2 && x.open[1].name == "CmdID" && !x.had {
		x.id = append(x.id, b...)
	}
	switch {
	case isCharacters(b):
		x.out = appendEscaped(x.out, b)
	case opaque:
		x.out = base64.StdEncoding.AppendEncode(x.out, b)
	default:
		x.fail(fmt.Errorf("%w in markup", ErrBadChar))
	}
}

func (x *xmlRenderer) closeTag() {
	if x.bare {
		x.out = append(x.out, '>')
		x.bare = false
	}
}

func (x *xmlRenderer) fail(err error) {
	if x.err == nil {
		x.err = err
	}
}

// isCharacters reports whether b is text that XML can carry.
func isCharacters(b []byte) bool {
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n == 1 || !isChar(r) {
			return false
		}
		b = b[n:]
	}
	return true
}

// appendEscaped appends text that XML can carry.
func appendEscaped(dst, b []byte) []byte {
	for _, c := range b {
		switch c {
		case '&':
			dst = append(dst, "&amp;"...)
		case '<':
			dst = append(dst, "&lt;"...)
		case '>':
			dst = append(dst, "&gt;"...)
		case '\r':
			dst = append(dst, "&#13;"...)
		default:
			dst = append(dst, c)
		}
	}
	return dst
}
