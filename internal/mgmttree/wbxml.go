package mgmttree

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/omadm-sdk/omadm/internal/wbxml"
)

// publicID names the document type in a WBXML header (WBXML).
const publicID = "-//OMA//DTD-DM-DDF 1.2//EN"

// page is the code page of DM DDF in the SyncML name space.
const page = 2

// tags are the names of the tokens from 0x05 on (WBXML, page 2).
var tags = [...]string{
	"AccessType", "ACL", "Add", "b64", "bin", "bool", "chr", "CaseSense", "CIS", "Copy", "CS", "date", "DDFName", "DefaultValue",
	"Delete", "Description", "DFFormat", "DFProperties", "DFTitle", "DFType", "Dynamic", "Exec", "float", "Format", "Get", "int",
	"Man", "MgmtTree",
	"MIME", "Mod", "Name", "Node", "node", "NodeName", "null", "Occurrence", "One", "OneOrMore", "OneOrN", "Path", "Permanent",
	"Replace",
	"RTProperties", "Scope", "Size", "time", "Title", "TStamp", "Type", "Value", "VerDTD", "VerNo", "xml", "ZeroOrMore", "ZeroOrN",
	"ZeroOrOne",
}

const firstTag = 0x05

// TagName returns the name of a token of the DM DDF code page, or "".
func TagName(token byte) string {
	if i := int(token) - firstTag; i >= 0 && i < len(tags) {
		return tags[i]
	}
	return ""
}

// ReadWBXML reads the root element of a WBXML document. Elements of other
// pages and unknown tokens are skipped with what they hold. Tokens on page 0
// are taken as DDF if the header says that the document is one.
func ReadWBXML(data []byte, limits Limits) (*Element, error) {
	limits = limits.withDefaults()
	if len(data) > limits.Bytes {
		return nil, fmt.Errorf("%w: %d bytes, at most %d are taken", ErrTooLarge, len(data), limits.Bytes)
	}
	var r wbxml.Reader
	r.ResetBytes(data, wbxml.Limits{Document: int64(limits.Bytes), Depth: limits.Depth})
	h, err := r.Header()
	if err != nil {
		return nil, wbxmlError(err)
	}
	pageZero := strings.Contains(strings.ToUpper(string(h.PublicText)), "DDF")
	b := builder{limits: limits}
	for {
		kind, err := r.Next()
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, wbxmlError(err)
		}
		switch {
		case kind == wbxml.Start:
			tag := r.Tag()
			name := TagName(tag.Token)
			if tag.Page != page && (tag.Page != 0 || !pageZero) {
				name = ""
			}
			if name == "" {
				if err := r.Skip(); err != nil {
					return nil, wbxmlError(err)
				}
				continue
			}
			if err := b.start(&Element{Name: name}); err != nil {
				return nil, err
			}
		case kind == wbxml.End:
			b.pop()
			if len(b.stack) == 0 {
				return b.end()
			}
		case kind == wbxml.Text:
			b.text(r.Bytes())
		case kind == wbxml.Opaque:
			b.text(r.Bytes())
			if len(b.stack) > 0 {
				b.stack[len(b.stack)-1].Binary = true
			}
		default:
			return b.end()
		}
	}
}

func wbxmlError(err error) error {
	if errors.Is(err, wbxml.ErrTooDeep) || errors.Is(err, wbxml.ErrTooLarge) {
		return fmt.Errorf("%w: %w", ErrTooLarge, err)
	}
	return fmt.Errorf("%w: %w", ErrSyntax, err)
}

// AppendWBXML appends e as a document of its own. Elements that have no token
// are left out; a Tree makes none.
func AppendWBXML(dst []byte, e *Element) []byte {
	var w wbxml.Writer
	w.Reset(dst)
	w.Header(wbxml.Header{PublicText: []byte(publicID), Charset: wbxml.UTF8})
	writeWBXML(&w, e)
	return w.Bytes()
}

func writeWBXML(w *wbxml.Writer, e *Element) {
	token, ok := tokens[e.Name]
	if !ok || e.Space != "" {
		return
	}
	tag := wbxml.Tag{Page: page, Token: token}
	if e.Text == "" && len(e.Children) == 0 {
		w.Empty(tag)
		return
	}
	w.Start(tag)
	switch {
	case e.Binary:
		w.Opaque([]byte(e.Text))
	case e.Text != "":
		w.Text(e.Text)
	}
	for _, c := range e.Children {
		writeWBXML(w, c)
	}
	w.End()
}

var tokens = func() map[string]byte {
	m := make(map[string]byte, len(tags))
	for i, name := range tags {
		m[name] = byte(firstTag + i)
	}
	return m
}()
