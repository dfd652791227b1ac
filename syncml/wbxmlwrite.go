package syncml

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/omadm-sdk/omadm/internal/wbxml"
)

// A wbxmlWriter is the sink of tokens in WBXML.
type wbxmlWriter struct {
	wbxml.Writer

	replace  bool // bytes that are not UTF-8 become U+FFFD
	literals literals
	check    xmlWriter    // of markup
	doc      wbxml.Writer // the markup that data is about to write, as a document of its own
}

// start writes the header. WBXML 1.2 is what peers of every age read.
func (w *wbxmlWriter) start(version string) {
	h := wbxml.Header{Version: wbxml.V12, Charset: wbxml.UTF8, PublicID: publicSyncML12}
	switch version {
	case "1.1":
		h.PublicID = publicSyncML11
	case "1.0":
		h.PublicID = publicSyncML10
	}
	h.Table = w.literals.table
	w.Header(h)
	w.open(elSyncML)
}

func (w *wbxmlWriter) open(id elem)  { w.Start(tagOfElem(id)) }
func (w *wbxmlWriter) empty(id elem) { w.Empty(tagOfElem(id)) }
func (w *wbxmlWriter) close(elem)    { w.End() }

func (w *wbxmlWriter) leaf(id elem, s string) error {
	if w.Leaf(tagOfElem(id), s) {
		return nil
	}
	if !utf8.ValidString(s) {
		if !w.replace {
			return fmt.Errorf("%w: not UTF-8", ErrBadChar)
		}
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	w.open(id)
	w.Text(s)
	w.End()
	return nil
}

func (w *wbxmlWriter) number(id elem, n int64) {
	w.open(id)
	w.Int(n)
	w.End()
}

// data writes Data: bytes as they are, characters as a string, markup as a document of its own where document has made
// one, and else as characters.
func (w *wbxmlWriter) data(d Data, _ bool, _ string) error {
	t := tagOfElem(elData)
	switch {
	case d.kind == DataOpaque:
		w.Start(t)
		if d.b != nil {
			w.Opaque(d.b)
		} else {
			w.OpaqueString(d.s)
		}
	case d.kind == DataMarkup:
		doc := w.doc.Bytes()
		if len(doc) > 0 {
			w.Start(t)
			w.Opaque(doc)
			break
		}
		if err := w.check.wellFormed(d.Bytes()); err != nil {
			return err
		}
		w.Start(t)
		w.Text(d.String())
	case d.inline && d.b != nil:
		w.InlineBytes(t, d.b)
		return nil
	case d.inline:
		w.Inline(t, d.s)
		return nil
	case d.b != nil:
		if w.LeafBytes(t, d.b) {
			return nil
		}
		w.Start(t)
		w.Opaque(d.b)
	default:
		if w.Leaf(t, d.s) {
			return nil
		}
		w.Start(t)
		w.OpaqueString(d.s)
	}
	w.End()
	return nil
}

func (w *wbxmlWriter) document(d Data, typ string) string {
	w.doc.Reset(w.doc.Bytes()[:0])
	base, ok := strings.CutSuffix(typ, typeSuffixXML)
	if !ok {
		if base, ok = strings.CutSuffix(typ, typeSuffixWBXML); !ok {
			return typ
		}
	}
	t := tokenizer{w: &w.doc, alone: true, literals: new(literals)}
	if w.check.wellFormed(d.Bytes()) != nil || t.run(d.String()) != nil {
		w.doc.Reset(w.doc.Bytes()[:0])
		return base + typeSuffixXML
	}
	return base + typeSuffixWBXML
}

// raw writes an element that is given as XML.
func (w *wbxmlWriter) raw(e Element) error {
	if err := w.check.element([]byte(e.XML)); err != nil {
		return err
	}
	t := tokenizer{w: &w.Writer, literals: &w.literals}
	return t.run(e.XML)
}

// binaryFormat is the format under which this spelling carries bytes.
func (w *wbxmlWriter) binaryFormat() string { return "bin" }

// carries reports whether d can be written, which is always so: what is no text goes out as bytes.
func (w *wbxmlWriter) carries(Data) bool { return true }

func (w *wbxmlWriter) mark() sinkMark    { return sinkMark{bin: w.Mark()} }
func (w *wbxmlWriter) rewind(m sinkMark) { w.Rollback(m.bin) }
func (w *wbxmlWriter) bytes() *[]byte    { return w.Buffer() }

// trailer returns how many bytes close the message: Final, behind a switch to its page, and the END of body and root.
func (w *wbxmlWriter) trailer() int {
	if w.Page() != 0 {
		return 5
	}
	return 3
}

func (w *wbxmlWriter) end(final bool) {
	if final {
		w.empty(elFinal)
	}
	w.End()
	w.End()
}
