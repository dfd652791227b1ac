package syncml

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"unicode/utf8"

	"github.com/omadm-sdk/omadm/internal/wbxml"
)

// A CharsetError reports a WBXML message in a character set other than UTF-8 and US-ASCII. It is an [ErrSyntax].
type CharsetError struct {
	MIB  uint32 // number in the registry of IANA, such as 4
	Name string // such as ISO-8859-1; empty where this package does not know it
}

// Error implements error.
func (e *CharsetError) Error() string {
	return fmt.Sprintf("character set %d (%s), want UTF-8 or US-ASCII", e.MIB, e.Name)
}

// Is makes every CharsetError an ErrSyntax.
func (e *CharsetError) Is(target error) bool { return target == ErrSyntax }

// ErrNoToken reports an element of [DecoderOptions.KeepUnknown] that no code page has. WBXML must announce its name in
// the header: [Append] does, an [Encoder] has sent the header already.
var ErrNoToken = errors.New("no code page has the element")

// A wbxmlReader is the source of tokens over WBXML.
type wbxmlReader struct {
	position
	r wbxml.Reader

	maxMessage, maxText int64
	maxItems            int
	few                 int // elements that may still be skipped, kept or shown as markup: in WBXML they cost an octet

	scratch []byte // texts of the command that consist of several tokens, and markup
	typ     []byte // the last Meta/Type of the command
	docType string // that of the markup answered last, in XML

	check    bool               // look for what only strict reading minds
	strict   bool               // and fail because of it
	forgiven func(*SyntaxError) // else tell
}

// isWBXML tells a message by its first octet: no XML begins with a version of WBXML.
func isWBXML(first byte) bool { return first >= wbxml.V11 && first <= wbxml.V13 }

// reset prepares for another input: data, and behind it what rd has, unless rd is nil.
func (s *wbxmlReader) reset(rd io.Reader, data []byte) {
	l := wbxml.Limits{Document: s.maxMessage, Text: s.maxText, Depth: s.maxDepth}
	if rd != nil {
		s.r.Reset(rd, l)
		s.r.Unread(data)
	} else {
		s.r.ResetBytes(data, l)
	}
	s.clear()
}

func (s *wbxmlReader) clear() {
	s.frames, s.names, s.scratch, s.typ = s.frames[:0], s.names[:0], s.scratch[:0], nil
	s.err = nil
}

func (s *wbxmlReader) at() *position     { return &s.position }
func (s *wbxmlReader) attribute() string { return "" }

func (s *wbxmlReader) begin() {
	s.r.Release()
	s.r.Hold()
	s.scratch, s.typ, s.docType = s.scratch[:0], nil, ""
}

func (s *wbxmlReader) start() error {
	s.clear()
	s.begin()
	s.few = s.maxItems
	h, err := s.r.Header()
	if err == io.EOF {
		return io.EOF
	} else if err != nil {
		s.fail(err)
		return s.err
	}
	if _, err := s.r.Next(); err != nil {
		s.fail(err)
	} else if v := embedded(h); v != nil {
		s.fail(syntaxf("a document of %s, not a message", v.root))
	} else if id := s.enter(); s.err == nil && id != elSyncML {
		s.fail(syntaxf("the root is %.40s, not SyncML", s.name()))
	}
	return s.err
}

func (s *wbxmlReader) close() error {
	if s.err != nil {
		return s.err
	}
	if _, err := s.r.Header(); err != io.EOF {
		s.fail(syntaxf("more behind the message"))
	}
	return s.err
}

func (s *wbxmlReader) child() elem {
	switch s.r.Quick() {
	case wbxml.Start:
		return s.enter()
	case wbxml.End:
		s.pop()
		return elEnd
	}
	for s.err == nil {
		k, err := s.r.Next()
		if err != nil {
			s.fail(err)
			break
		}
		switch k {
		case wbxml.Start:
			return s.enter()
		case wbxml.End:
			s.pop()
			return elEnd
		default:
			if s.check && len(trim(s.r.Bytes())) > 0 {
				s.forgive(syntaxf("text where only elements belong"))
			}
		}
	}
	return elEnd
}

// enter opens the element whose tag has just been read.
func (s *wbxmlReader) enter() elem {
	t := s.r.Tag()
	if id := elem(t.Page<<6 | t.Token); t.Page < 2 && names.lens[id] != 0 {
		ns := nsSyncML + namespace(t.Page)
		if n := len(s.frames); n < cap(s.frames) {
			s.frames = s.frames[:n+1]
			s.frames[n] = frame{id: id, ns: ns, own: ns}
		} else {
			s.frames = append(s.frames, frame{id: id, ns: ns, own: ns})
		}
		return id
	}
	return s.enterSlow(t)
}

// enterSlow is enter for tags that are no elements of messages, or are spelled as literal tags.
func (s *wbxmlReader) enterSlow(t wbxml.Tag) elem {
	name, _, err := (*vocabulary)(nil).name(&s.r)
	if err != nil {
		s.fail(err)
		return elEnd
	}
	f := frame{id: elNone, ns: nsOther, own: nsOther}
	if t.Token == 0 {
		f = frame{id: elemOf([]byte(name)), ns: nsSyncML, own: nsSyncML}
	}
	if f.id == elNone {
		f.name, f.nameN = uint32(len(s.names)), uint32(len(name))
		s.names = append(s.names, name...)
	}
	s.frames = append(s.frames, f)
	return f.id
}

// pop leaves the innermost element.
func (s *wbxmlReader) pop() {
	n := len(s.frames) - 1
	if f := &s.frames[n]; f.nameN != 0 {
		s.names = s.names[:f.name]
	}
	s.frames = s.frames[:n]
}

func (s *wbxmlReader) text() []byte {
	id := s.frames[len(s.frames)-1].id
	b, quick := s.r.Leaf()
	if quick {
		s.pop()
	} else {
		var kind DataKind
		if b, kind = s.value(false); kind == DataOpaque && !utf8.Valid(b) {
			s.fail(syntaxf("%s holds octets that are not UTF-8", elemNames[id]))
			return nil
		}
	}
	switch id {
	case elType:
		s.typ = b
	case elCmdID:
		s.typ = nil // another command within Atomic or Sequence
	}
	return b
}

func (s *wbxmlReader) content() ([]byte, DataKind) {
	if b, quick := s.r.Leaf(); quick {
		s.pop()
		if len(b) == 0 {
			return nil, DataEmpty
		}
		return b, DataText
	}
	b, kind := s.value(true)
	base, ok := bytes.CutSuffix(trim(s.typ), []byte(typeSuffixWBXML))
	if !ok {
		return b, kind
	}
	if kind == DataOpaque {
		if xml, ok := s.document(b); ok {
			b, kind = xml, DataMarkup
		} else if s.err != nil {
			return nil, DataAbsent
		}
	}
	if kind == DataMarkup {
		s.docType = string(base) + typeSuffixXML
	}
	return b, kind
}

func (s *wbxmlReader) documentType() string {
	t := s.docType
	s.docType = ""
	return t
}

// Documents within messages have a media type for each encoding.
const (
	typeSuffixXML   = "+xml"
	typeSuffixWBXML = "+wbxml"
)

// value reads the content of the current element and leaves it. An element that may hold markup gives it as XML; in
// others, child elements are skipped.
func (s *wbxmlReader) value(markup bool) ([]byte, DataKind) {
	var first []byte                  // the only piece of text so far, where it stands
	pieces, from := 0, len(s.scratch) // several pieces are put together in scratch
	kind := DataText
	for s.err == nil {
		k, err := s.r.Next()
		if err != nil {
			s.fail(err)
			break
		}
		switch k {
		case wbxml.Opaque, wbxml.Text:
			if k == wbxml.Opaque {
				kind = DataOpaque
			}
			switch pieces++; pieces {
			case 1:
				first = s.r.Bytes()
				continue
			case 2:
				s.scratch = append(s.scratch, first...)
			}
			s.scratch = append(s.scratch, s.r.Bytes()...)
			if int64(len(s.scratch)-from) > s.maxText {
				s.fail(fmt.Errorf("text of more than %d bytes: %w", s.maxText, ErrTooLarge))
			}
		case wbxml.End:
			s.pop()
			b := first
			if pieces > 1 {
				b = s.scratch[from:len(s.scratch):len(s.scratch)]
			}
			if len(b) == 0 {
				return nil, DataEmpty
			}
			return b, kind
		case wbxml.Start:
			if !markup {
				s.enter()
				s.forgive(syntaxf("element where only text belongs"))
				s.skip(false)
				continue
			}
			x := s.renderer()
			if pieces == 1 {
				x.text(first, kind == DataOpaque)
			} else if pieces > 1 {
				x.text(s.scratch[from:], kind == DataOpaque)
			}
			x.element()
			b := x.content(s.r.Depth() - 1)
			s.rendered(x)
			return b, DataMarkup
		}
	}
	return nil, DataAbsent
}

func (s *wbxmlReader) skip(keep bool) (id, xml string) {
	depth := s.r.Depth() // of the element's content
	if s.err != nil {
		return "", ""
	}
	if keep {
		x := s.renderer()
		x.element()
		b := x.content(depth)
		s.rendered(x)
		return string(trim(x.id)), string(b)
	}
	inID := false
	var b []byte
	for s.err == nil && s.r.Depth() >= depth {
		k, err := s.r.Next()
		if err != nil {
			s.fail(err)
			return "", ""
		}
		switch k {
		case wbxml.Start:
			if s.few--; s.few < 0 {
				s.fail(fmt.Errorf("too many elements: %w", ErrTooLarge))
				return "", ""
			}
			inID = s.r.Depth() == depth+1 && s.r.Tag() == tagOfElem(elCmdID) && id == ""
		case wbxml.End:
			if inID {
				id, inID = string(trim(b)), false
			}
		default:
			if inID && s.r.Depth() == depth+1 {
				b = append(b, s.r.Bytes()...)
			}
		}
	}
	if s.err == nil {
		s.pop()
	}
	return id, ""
}

func (s *wbxmlReader) renderer() *xmlRenderer {
	return &xmlRenderer{r: &s.r, uri: uriSyncML, max: s.maxText, few: s.few}
}

// rendered leaves the element whose content was rendered.
func (s *wbxmlReader) rendered(x *xmlRenderer) {
	s.few = x.few
	if x.err != nil {
		s.fail(x.err)
	}
	if s.err == nil {
		s.pop()
	}
}

// document returns a document that stands within a message as XML, if it is one. One that is malformed is none; one that
// exceeds a limit of the message is an error. Either way it has used up what it took.
func (s *wbxmlReader) document(b []byte) ([]byte, bool) {
	// No text in it can be longer than b. One that is announced as longer is malformed, however long that is.
	l := wbxml.Limits{Depth: s.maxDepth, Text: math.MaxInt64}
	var r wbxml.Reader
	r.ResetBytes(b, l)
	if h, err := r.Header(); err != nil || embedded(h) == nil {
		return nil, false
	}
	r.ResetBytes(b, l)
	out, few, err := renderDocument(&r, min(s.maxText, s.r.Expansion()), s.few)
	s.few = few
	if over := s.r.Expand(len(out), "documents within data"); over != nil {
		s.fail(over)
	} else if errors.Is(err, ErrTooLarge) || errors.Is(err, ErrTooDeep) {
		var at *wbxml.Error
		if errors.As(err, &at) {
			err = at.Err // its offset is one in the document
		}
		s.fail(fmt.Errorf("document within data: %w", err))
	}
	return out, err == nil && s.err == nil
}

// fail keeps the first error, which then ends the reading.
func (s *wbxmlReader) fail(err error) {
	if s.err == nil {
		s.err = s.errorOf(err)
		s.r.Stop()
	}
}

func (s *wbxmlReader) errorOf(err error) *SyntaxError {
	e := placed(&s.r, err)
	e.Path = s.path()
	return e
}

// placed says where r met err.
func placed(r *wbxml.Reader, err error) *SyntaxError {
	e := &SyntaxError{Offset: r.Offset(), Path: "/", Err: err}
	var at *wbxml.Error
	if errors.As(err, &at) {
		e.Offset, e.Err = at.Offset, at.Err
		var charset *wbxml.CharsetError
		if errors.As(err, &charset) {
			e.Err = &CharsetError{MIB: charset.MIB, Name: charset.Name()}
		}
	}
	e.Offset -= r.Origin()
	return e
}

func (s *wbxmlReader) forgive(err error) {
	switch {
	case !s.check || s.err != nil:
	case s.strict:
		s.fail(err)
	default:
		s.forgiven(s.errorOf(err))
	}
}
