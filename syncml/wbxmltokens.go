package syncml

import (
	"bytes"
	"fmt"

	"github.com/omadm-sdk/omadm/internal/wbxml"
)

// A tokenizer writes XML as tokens of WBXML: elements that are kept although nobody knows them, and documents within
// messages. Attributes and white space between elements are dropped.
type tokenizer struct {
	w        *wbxml.Writer
	alone    bool // what is written is a document, of a vocabulary that its root tells
	v        *vocabulary
	literals *literals
	empty    bool // the element begun last has no content
}

// run writes xml, which must be one element. Where it fails, what has been written is of no use.
func (t *tokenizer) run(xml string) error {
	r := xmlReader{window: window{max: int64(len(xml)) + 1}, position: position{maxDepth: DefaultMaxDepth}}
	r.reset(nil, []byte(xml))
	// The grammar's reader expects a frame around every element.
	r.frames = append(r.frames, frame{id: elData, ns: nsSyncML, own: nsSyncML})
	for roots := 0; ; {
		if !r.need(1) {
			if roots == 0 {
				return syntaxf("no element")
			}
			return r.err
		}
		switch {
		case isSpace(r.buf[r.pos]):
			r.pos++
			continue
		case roots > 0:
			return syntaxf("more than one element")
		}
		roots++
		if err := t.element(&r); err != nil {
			return err
		}
	}
}

// element writes the element at the position of r, with all that it holds.
func (t *tokenizer) element(r *xmlReader) error {
	depth := len(r.frames)
	var text []byte
	last := runNothing
	for {
		piece, kind := r.run()
		switch {
		case r.err != nil:
			return r.err
		case kind == runNothing:
			continue
		case kind == runText && len(r.frames) == depth:
			return syntaxf("text in front of the element")
		case len(r.frames) < depth:
			return syntaxf("end tag in front of the element")
		case kind == runText:
			text = append(text, piece...)
			continue
		case len(text) == 0:
		case len(trim(text)) > 0 || last == runStart && kind == runEnd:
			t.w.TextBytes(text)
		}
		text, last = text[:0], kind
		if kind == runEnd {
			if !t.empty {
				t.w.End()
			}
			t.empty = false
		} else if err := t.start(r, len(r.frames) == depth+1); err != nil {
			return err
		}
		if len(r.frames) == depth {
			return nil
		}
	}
}

// start writes the tag of the element that r has entered.
func (t *tokenizer) start(r *xmlReader, root bool) error {
	name, own := r.name(), r.frames[len(r.frames)-1].own
	if root && t.alone {
		switch name {
		case vocabularyDDF.root:
			t.v = &vocabularyDDF
		case vocabularyDevInf.root:
			t.v = &vocabularyDevInf
		default:
			return fmt.Errorf("%w %.40q", ErrNoToken, name)
		}
		t.w.Header(wbxml.Header{PublicID: t.v.public, PublicText: []byte(t.v.text), Table: t.literals.table})
	}
	if tag, ok := t.v.tagOf(name, own); ok {
		if t.empty = r.isEmpty; t.empty {
			t.w.Empty(tag)
		} else {
			t.w.Start(tag)
		}
		return nil
	}
	index, ok := t.literals.index(name)
	if !ok {
		return fmt.Errorf("%w %.40q", ErrNoToken, name)
	}
	if t.v != nil && t.v.public == 0 {
		index += uint32(len(t.v.text)) + 1 // the public id stands first
	}
	t.w.Literal(index)
	return nil
}

// literals are the names of elements that no code page has. They stand in the string table, which goes out before
// anything else: only Append, which can begin anew, learns them.
type literals struct {
	learn bool
	at    map[string]uint32
	table []byte
}

func (l *literals) index(name string) (uint32, bool) {
	i, ok := l.at[name]
	if !ok && l.learn {
		if l.at == nil {
			l.at = make(map[string]uint32)
		}
		i, ok = uint32(len(l.table)), true
		l.at[name] = i
		l.table = append(append(l.table, name...), 0)
	}
	return i, ok
}

type runKind uint8

const (
	runNothing runKind = iota // a comment, a processing instruction
	runText
	runStart
	runEnd
)

// run reads one piece of content, whatever it is: characters, a section, the start or the end of an element. An empty
// element gives both.
func (r *xmlReader) run() ([]byte, runKind) {
	if r.isEmpty {
		r.isEmpty = false
		r.pop()
		return nil, runEnd
	}
	if !r.need(2) {
		r.failEnd()
		return nil, runNothing
	}
	if r.buf[r.pos] != '<' {
		from := r.pos
		if r.buf[from] == '&' {
			from := len(r.scratch)
			r.entities()
			return r.scratch[from:], runText
		}
		if r.skipChar() < 0 {
			return nil, runNothing
		}
		if r.buf[from] == '\r' {
			if r.buf[r.pos] == '\n' {
				return nil, runNothing // the line feed comes next
			}
			return lineFeed, runText
		}
		return r.buf[from:r.pos], runText
	}
	switch {
	case r.buf[r.pos+1] == '/':
		r.endTag()
		return nil, runEnd
	case r.buf[r.pos+1] == '?':
		r.skipPI()
	case r.next("<![CDATA["):
		e := r.find(9, "]]>")
		if e < 0 {
			return nil, runNothing
		}
		b := r.checkChars(9, e)
		r.advance(e + 3)
		if bytes.IndexByte(b, '\r') >= 0 {
			b = appendLines(nil, b)
		}
		return b, runText
	case r.buf[r.pos+1] == '!':
		r.skipComment()
	default:
		r.startTag()
		return nil, runStart
	}
	return nil, runNothing
}
