package csp

import (
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strings"
)

func looksLikeXML(s string) bool {
	s = strings.TrimSpace(s)
	return strings.HasPrefix(s, "<") && strings.HasSuffix(s, ">")
}

// explainXML compares documents or fragments by their elements, attributes
// and text. Comments, the order of attributes, prefixes, CDATA and white space
// do not count.
func explainXML(a, b string) (same bool, why string) {
	x, y := newXMLWalker(a), newXMLWalker(b)
	for {
		ex, errX := x.next()
		ey, errY := y.next()
		switch {
		case errX == io.EOF && errY == io.EOF:
			return true, "the same XML, laid out differently"
		case errX != nil && errX != io.EOF || errY != nil && errY != io.EOF:
			return false, "not well-formed XML: " + differ(a, b)
		case errX == io.EOF:
			return false, "at " + y.where() + ": extra " + shorten(ey)
		case errY == io.EOF:
			return false, "at " + x.where() + ": missing " + shorten(ex)
		case ex != ey:
			return false, fmt.Sprintf("at %s: %s", x.where(), differ(ex, ey))
		}
	}
}

// An xmlWalker splits XML into the starts of elements with their attributes,
// texts, and the ends of elements, each as one string.
type xmlWalker struct {
	d     *xml.Decoder
	path  []string
	ended bool   // the last event was the end of the last element of path
	text  []byte // read, not yet returned
	ahead string // an event that follows text
}

func newXMLWalker(s string) *xmlWalker {
	d := xml.NewDecoder(strings.NewReader(s))
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	return &xmlWalker{d: d}
}

func (w *xmlWalker) where() string { return "/" + strings.Join(w.path, "/") }

func (w *xmlWalker) next() (string, error) {
	if e := w.ahead; e != "" {
		w.ahead = ""
		return e, nil
	}
	if w.ended {
		w.ended = false
		w.path = w.path[:len(w.path)-1]
	}
	for {
		t, err := w.d.Token()
		event := ""
		switch t := t.(type) {
		case xml.StartElement:
			const maxDepth = 200
			if len(w.path) == maxDepth {
				return "", fmt.Errorf("nested deeper than %d", maxDepth)
			}
			w.path = append(w.path, t.Name.Local)
			event = startTag(t)
		case xml.EndElement:
			w.ended = true
			event = "</" + t.Name.Local + ">"
		case xml.CharData:
			w.text = append(w.text, t...)
		}
		if event == "" && err == nil {
			continue
		}
		text := strings.Join(strings.Fields(string(w.text)), " ")
		w.text = w.text[:0]
		if text != "" {
			w.ahead = event // empty at the end, where the decoder says so again
			return text, nil
		}
		return event, err
	}
}

func startTag(t xml.StartElement) string {
	attrs := make([]string, 0, len(t.Attr))
	for _, a := range t.Attr {
		if a.Name.Space != "xmlns" && a.Name.Local != "xmlns" {
			attrs = append(attrs, fmt.Sprintf(" %s=%q", qualified(a.Name), a.Value))
		}
	}
	slices.Sort(attrs)
	return "<" + qualified(t.Name) + strings.Join(attrs, "") + ">"
}

func qualified(n xml.Name) string {
	if n.Space == "" {
		return n.Local
	}
	return "{" + n.Space + "}" + n.Local
}
