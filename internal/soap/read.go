package soap

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/beevik/etree"
)

// Limits bound what [Parse] accepts. A zero field means its default.
type Limits struct {
	Bytes    int64 // of the whole message; 256 KiB. Windows' largest request, with attestation, has about 30.
	Depth    int   // of nested elements; 32. Enrollment needs 12.
	Elements int   // 4,096. A request has about 60, of which a context item takes two.
	Attrs    int   // of one element; 32
}

func (l *Limits) orDefault() Limits {
	var d Limits
	if l != nil {
		d = *l
	}
	if d.Bytes <= 0 {
		d.Bytes = 256 << 10
	}
	if d.Depth <= 0 {
		d.Depth = 32
	}
	if d.Elements <= 0 {
		d.Elements = 4096
	}
	if d.Attrs <= 0 {
		d.Attrs = 32
	}
	return d
}

// Why a message was refused. They come wrapped in a [*ParseError].
var (
	ErrTooLarge = errors.New("message is too large")
	ErrTooDeep  = errors.New("elements are nested too deep")
	ErrTooMany  = errors.New("too many elements or attributes")
	ErrDTD      = errors.New("document type declarations are not allowed")
	ErrSyntax   = errors.New("not well-formed")
	ErrEnvelope = errors.New("not a SOAP message")
)

// A ParseError says where a message was refused, and why.
type ParseError struct {
	Offset int64 // bytes from the start; 0 where the message as a whole is meant
	Err    error // one of the sentinels of this package, possibly wrapped
}

func (e *ParseError) Error() string {
	if e.Offset == 0 {
		return "soap: " + e.Err.Error()
	}
	return fmt.Sprintf("soap: offset %d: %v", e.Offset, e.Err)
}

// Unwrap returns Err.
func (e *ParseError) Unwrap() error { return e.Err }

// ReadAll reads a message of at most the allowed size from r.
func ReadAll(r io.Reader, lim *Limits) ([]byte, error) {
	l := lim.orDefault()
	data, err := io.ReadAll(io.LimitReader(r, l.Bytes+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > l.Bytes {
		return nil, tooLarge(l.Bytes)
	}
	return data, nil
}

func tooLarge(limit int64) error {
	return &ParseError{Err: fmt.Errorf("%w: more than %d bytes", ErrTooLarge, limit)}
}

// ParseXML builds the tree of a document that is not necessarily SOAP, under the same limits. lim may be nil.
func ParseXML(data []byte, lim *Limits) (*etree.Document, error) {
	l := lim.orDefault()
	if int64(len(data)) > l.Bytes {
		return nil, tooLarge(l.Bytes)
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if err := scan(data, l); err != nil {
		return nil, err
	}
	doc := etree.NewDocument()
	if err := doc.ReadFromBytes(data); err != nil {
		return nil, &ParseError{Err: syntaxError(err)}
	}
	if doc.Root() == nil {
		return nil, &ParseError{Err: fmt.Errorf("%w: there is no element", ErrSyntax)}
	}
	return doc, nil
}

// scan walks over a document without keeping any of it, so that a hostile one costs no memory.
func scan(data []byte, l Limits) error {
	dec := xml.NewDecoder(bytes.NewReader(data))
	var depth, elements, roots int
	for {
		tok, err := dec.RawToken()
		if err == io.EOF {
			break
		}
		fail := func(err error) error { return &ParseError{Offset: dec.InputOffset(), Err: err} }
		if err != nil {
			return fail(syntaxError(err))
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			if depth == 0 {
				roots++
			}
			depth++
			elements++
			switch {
			case depth > l.Depth:
				return fail(fmt.Errorf("%w: more than %d", ErrTooDeep, l.Depth))
			case elements > l.Elements:
				return fail(fmt.Errorf("%w: more than %d elements", ErrTooMany, l.Elements))
			case len(tok.Attr) > l.Attrs:
				return fail(fmt.Errorf("%w: more than %d attributes of one element", ErrTooMany, l.Attrs))
			}
			for i, a := range tok.Attr {
				for _, b := range tok.Attr[:i] {
					if a.Name == b.Name {
						return fail(fmt.Errorf("%w: attribute %s is there twice", ErrSyntax, a.Name.Local))
					}
				}
			}
		case xml.EndElement:
			depth--
		case xml.Directive:
			return fail(ErrDTD)
		case xml.CharData:
			if depth == 0 && len(bytes.TrimSpace(tok)) > 0 {
				return fail(fmt.Errorf("%w: text outside of the root element", ErrSyntax))
			}
		}
	}
	if roots > 1 {
		return &ParseError{Err: fmt.Errorf("%w: more than one root element", ErrSyntax)}
	}
	return nil
}

// syntaxError leaves out what the parser quotes, which may be part of a password.
func syntaxError(err error) error {
	se, ok := errors.AsType[*xml.SyntaxError](err)
	switch {
	case !ok:
		return ErrSyntax // tags that do not match, or an encoding that is not UTF-8
	case se.Msg == "unexpected EOF":
		return fmt.Errorf("%w: it ends too early", ErrSyntax)
	}
	return fmt.Errorf("%w in line %d", ErrSyntax, se.Line)
}

// A Message is a SOAP message as received.
type Message struct {
	Action, MessageID, RelatesTo, To string // without surrounding white space; empty where absent
	ActivityID                       string
	Security                         *Security      // nil: no such header
	Body                             *etree.Element // the first element in the body; nil where it is empty
	Fault                            *Fault         // not nil: the body is a fault

	doc *etree.Document
}

// Parse reads a message. lim may be nil.
func Parse(data []byte, lim *Limits) (*Message, error) {
	doc, err := ParseXML(data, lim)
	if err != nil {
		return nil, err
	}
	fail := func(format string, args ...any) (*Message, error) {
		return nil, &ParseError{Err: fmt.Errorf("%w: "+format, append([]any{ErrEnvelope}, args...)...)}
	}
	env := doc.Root()
	ns := env.NamespaceURI()
	if env.Tag != "Envelope" || ns != NSEnvelope && ns != NSEnvelope11 {
		return fail("the root is %s, want Envelope of %s", env.Tag, NSEnvelope)
	}
	m := &Message{doc: doc}
	var header, body *etree.Element
	for _, c := range env.ChildElements() {
		if c.NamespaceURI() != ns {
			continue
		}
		switch {
		case c.Tag == "Header" && header == nil && body == nil:
			header = c
		case c.Tag == "Body" && body == nil:
			body = c
		default:
			return fail("%s is there twice or out of place", c.Tag)
		}
	}
	if body == nil {
		return fail("there is no Body")
	}
	if header != nil {
		if err := m.readHeader(header); err != nil {
			return nil, err
		}
	}
	if els := body.ChildElements(); len(els) > 0 {
		m.Body = els[0]
		if m.Body.Tag == "Fault" && m.Body.NamespaceURI() == ns {
			m.Fault = readFault(m.Body)
		}
	}
	return m, nil
}

func (m *Message) readHeader(header *etree.Element) error {
	for _, c := range header.ChildElements() {
		var dst *string
		switch ns := c.NamespaceURI(); {
		case ns == NSSecurity && c.Tag == "Security":
			if m.Security != nil {
				return &ParseError{Err: fmt.Errorf("%w: two Security headers", ErrEnvelope)}
			}
			m.Security = readSecurity(c)
			continue
		case ns == NSDiagnostics && c.Tag == "ActivityId":
			dst = &m.ActivityID
		case ns != NSAddressing:
			continue // unknown headers do not end an enrollment
		case c.Tag == "Action":
			dst = &m.Action
		case c.Tag == "MessageID":
			dst = &m.MessageID
		case c.Tag == "RelatesTo":
			dst = &m.RelatesTo
		case c.Tag == "To":
			dst = &m.To
		default:
			continue
		}
		if *dst != "" {
			return &ParseError{Err: fmt.Errorf("%w: two %s headers", ErrEnvelope, c.Tag)}
		}
		*dst = Text(c)
	}
	return nil
}

// Find returns the child of el with the local name tag: the first in the namespace ns if there is one, else the first in
// any, because published messages and shipped clients disagree about namespaces more than about names. It returns nil if
// there is none or el is nil.
func Find(el *etree.Element, ns, tag string) *etree.Element {
	if el == nil {
		return nil
	}
	var other *etree.Element
	for _, c := range el.Child {
		if c, ok := c.(*etree.Element); ok && c.Tag == tag {
			if c.NamespaceURI() == ns {
				return c
			}
			if other == nil {
				other = c
			}
		}
	}
	return other
}

// FindPath is Find along a path of names.
func FindPath(el *etree.Element, ns string, tags ...string) *etree.Element {
	for _, t := range tags {
		el = Find(el, ns, t)
	}
	return el
}

// Text returns the text of el without surrounding white space, or "" if el is nil.
func Text(el *etree.Element) string {
	if el == nil {
		return ""
	}
	return strings.TrimSpace(rawText(el))
}

// rawText is all character data of el: etree's Text stops at a comment.
func rawText(el *etree.Element) string {
	var b strings.Builder
	for _, c := range el.Child {
		if c, ok := c.(*etree.CharData); ok {
			b.WriteString(c.Data)
		}
	}
	return b.String()
}

// Attr returns the attribute with the local name key, with any prefix or none.
func Attr(el *etree.Element, key string) string {
	for _, a := range el.Attr {
		if a.Key == key && a.Space != "xmlns" {
			return a.Value
		}
	}
	return ""
}

// Nil tells whether el is absent or says xsi:nil.
func Nil(el *etree.Element) bool {
	if el == nil {
		return true
	}
	v := strings.TrimSpace(Attr(el, "nil"))
	return v == "true" || v == "1"
}
