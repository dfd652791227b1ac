package syncml

import (
	"io"

	"github.com/omadm-sdk/omadm/internal/wbxml"
)

// ToXML returns a document in WBXML as XML: a message, a tree (TNDS) or its description (DDF), or DevInf, by the public
// id of its header; any other counts as a message. Nothing is checked beyond WBXML, and nothing interpreted: documents
// within data stay bytes. The limits are the defaults of a [Decoder].
//
// Messages are better read with a Decoder and written with an [Encoder], which know what goes where.
func ToXML(data []byte) ([]byte, error) {
	var r wbxml.Reader
	r.ResetBytes(data, wbxml.Limits{Document: DefaultMaxMessage, Text: DefaultMaxMessage, Depth: DefaultMaxDepth})
	out, _, err := renderDocument(&r, DefaultMaxMessage, DefaultMaxMessage)
	if err == nil {
		if _, err = r.Header(); err == io.EOF {
			return out, nil
		}
		err = syntaxf("more behind the document")
	}
	return nil, placed(&r, err)
}

// ToWBXML returns a tree (TNDS), its description (DDF) or DevInf in XML as WBXML, without the attributes and the white
// space between elements. An element that the code page does not have goes through the string table. The error is
// [ErrNoToken] for any other root.
func ToWBXML(data []byte) ([]byte, error) {
	l := literals{learn: true}
	for {
		known := len(l.table)
		var w wbxml.Writer
		t := tokenizer{w: &w, alone: true, literals: &l}
		if err := t.run(string(data)); err != nil {
			return nil, err
		}
		if len(l.table) == known {
			return w.Bytes(), nil
		}
	}
}

// renderDocument returns the document that r is about to read as XML, of no more bytes than limit, and how many more
// elements it might have had. Both count where there is an error, too.
func renderDocument(r *wbxml.Reader, limit int64, elements int) (xml []byte, left int, err error) {
	h, err := r.Header()
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, elements, err
	}
	if _, err := r.Next(); err != nil {
		return nil, elements, err
	}
	x := xmlRenderer{r: r, v: embedded(h), max: limit, few: elements}
	x.element()
	out := x.content(1)
	return out, x.few, x.err
}
