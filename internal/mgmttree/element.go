package mgmttree

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

// An Element is one element of a document in either spelling.
type Element struct {
	Space    string // namespace; "" for that of MgmtTree
	Name     string
	Attr     []xml.Attr
	Text     string // all character data directly in it
	Binary   bool   // Text is bytes, not characters: opaque data of WBXML
	Children []*Element
}

// trimmed is the text without the white space around it.
func (e *Element) trimmed() string { return strings.TrimSpace(e.Text) }

// ReadXML reads the root element of an XML document. A DOCTYPE is skipped.
func ReadXML(data []byte, limits Limits) (*Element, error) {
	limits = limits.withDefaults()
	if len(data) > limits.Bytes {
		return nil, fmt.Errorf("%w: %d bytes, at most %d are taken", ErrTooLarge, len(data), limits.Bytes)
	}
	dec := xml.NewDecoder(bytes.NewReader(data))
	dec.CharsetReader = func(charset string, in io.Reader) (io.Reader, error) {
		if strings.EqualFold(charset, "us-ascii") {
			return in, nil
		}
		return nil, fmt.Errorf("character set %q", charset)
	}
	b := builder{limits: limits}
	for {
		tok, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return b.end()
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrSyntax, err)
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			e := &Element{Space: tok.Name.Space, Name: tok.Name.Local}
			if ownSpace(e.Space) {
				e.Space = ""
			}
			for _, a := range tok.Attr {
				if a.Name.Space != "xmlns" && a.Name.Local != "xmlns" {
					e.Attr = append(e.Attr, a)
				}
			}
			if err := b.start(e); err != nil {
				return nil, err
			}
		case xml.EndElement:
			b.pop()
		case xml.CharData:
			b.text(tok)
		}
	}
}

// ownSpace tells the spellings of the MgmtTree namespace; field documents have
// all of these (DM TND).
func ownSpace(s string) bool {
	return s == "" || strings.HasPrefix(strings.ToLower(s), "syncml:dmddf")
}

// A builder makes a tree of elements within limits.
type builder struct {
	limits Limits
	root   *Element
	stack  []open
	count  int
}

// open is an element whose end is still to come. Its text comes in any number
// of pieces.
type open struct {
	*Element
	text []byte
}

func (b *builder) start(e *Element) error {
	b.count++
	switch {
	case len(b.stack) >= b.limits.Depth:
		return fmt.Errorf("%w: nested deeper than %d elements", ErrTooLarge, b.limits.Depth)
	case b.count > b.limits.Elements:
		return fmt.Errorf("%w: more than %d elements", ErrTooLarge, b.limits.Elements)
	case len(b.stack) > 0:
		top := b.stack[len(b.stack)-1].Element
		top.Children = append(top.Children, e)
	case b.root != nil:
		return fmt.Errorf("%w: a second root element", ErrSyntax)
	default:
		b.root = e
	}
	b.stack = append(b.stack, open{Element: e})
	return nil
}

func (b *builder) text(s []byte) {
	if len(b.stack) > 0 {
		top := &b.stack[len(b.stack)-1]
		top.text = append(top.text, s...)
	}
}

func (b *builder) pop() {
	if len(b.stack) > 0 {
		top := b.stack[len(b.stack)-1]
		top.Text = string(top.text)
		b.stack = b.stack[:len(b.stack)-1]
	}
}

func (b *builder) end() (*Element, error) {
	if b.root == nil || len(b.stack) > 0 {
		return nil, fmt.Errorf("%w: it ends too early", ErrSyntax)
	}
	return b.root, nil
}

// AppendXML appends e to dst without white space between elements. Only the
// outermost element and those of other namespaces declare one.
func AppendXML(dst []byte, e *Element) []byte { return appendXML(dst, e, "-") }

func appendXML(dst []byte, e *Element, outer string) []byte {
	dst = append(dst, '<')
	dst = append(dst, e.Name...)
	if e.Space != outer {
		space := e.Space
		if space == "" {
			space = Namespace
		}
		dst = append(dst, ` xmlns="`...)
		dst = appendText(dst, space)
		dst = append(dst, '"')
	}
	for _, a := range e.Attr {
		if a.Name.Space == "" { // a prefix of its own is more than any TNDS needs
			dst = append(dst, ' ')
			dst = append(dst, a.Name.Local...)
			dst = append(dst, `="`...)
			dst = appendText(dst, a.Value)
			dst = append(dst, '"')
		}
	}
	if e.Text == "" && len(e.Children) == 0 {
		return append(dst, '/', '>')
	}
	dst = append(dst, '>')
	dst = appendText(dst, e.Text)
	for _, c := range e.Children {
		dst = appendXML(dst, c, e.Space)
	}
	dst = append(dst, '<', '/')
	dst = append(dst, e.Name...)
	return append(dst, '>')
}

// appendText writes named entities only, but for the carriage return that
// nothing else can carry: some devices stop at numeric ones. What XML cannot
// carry at all becomes U+FFFD, as a document that nobody can read helps nobody.
func appendText(dst []byte, s string) []byte {
	s = strings.ToValidUTF8(s, "\uFFFD")
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '&':
			dst = append(dst, "&amp;"...)
		case '<':
			dst = append(dst, "&lt;"...)
		case '>':
			dst = append(dst, "&gt;"...)
		case '"':
			dst = append(dst, "&quot;"...)
		case '\r':
			dst = append(dst, "&#13;"...)
		case '\t', '\n':
			dst = append(dst, c)
		case 0xef: // U+FFFE and U+FFFF are EF BF BE and EF BF BF
			if len(s)-i >= 3 && s[i+1] == 0xbf && s[i+2] >= 0xbe {
				dst = append(dst, "\uFFFD"...)
				i += 2
				continue
			}
			dst = append(dst, c)
		default:
			if c < ' ' {
				dst = append(dst, "\uFFFD"...)
				continue
			}
			dst = append(dst, c)
		}
	}
	return dst
}
