package xsd

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

// A node is an element. Attributes of other namespaces are left out, and with
// them xmlns and xsi.
type node struct {
	space, name string
	attrs       map[string]string
	children    []*node
	text        string // of the element itself, joined
	buf         []byte // text while it is collected
	nilled      bool
	xmlns       map[string]string // prefixes that the element declares
	parent      *node
}

// What a document may have at most.
const (
	maxDepth = 100
	maxNodes = 200_000
)

func parse(text string) (*node, error) {
	d := xml.NewDecoder(strings.NewReader(text))
	d.CharsetReader = func(label string, r io.Reader) (io.Reader, error) {
		return r, nil // text is a Go string already, whatever the document says of its bytes
	}
	var root, at *node
	depth, count := 0, 0
	for {
		t, err := d.Token()
		if err == io.EOF {
			break
		} else if err != nil {
			return nil, errors.New("it is not well formed")
		}
		switch t := t.(type) {
		case xml.StartElement:
			if count++; count > maxNodes {
				return nil, fmt.Errorf("it has more than %d elements", maxNodes)
			}
			if depth++; depth > maxDepth {
				return nil, fmt.Errorf("it is nested deeper than %d", maxDepth)
			}
			n := &node{space: t.Name.Space, name: t.Name.Local, parent: at, attrs: make(map[string]string, len(t.Attr))}
			for _, a := range t.Attr {
				switch {
				case a.Name.Space == "xmlns":
					n.declare(a.Name.Local, a.Value)
				case a.Name.Space == "" && a.Name.Local == "xmlns":
					n.declare("", a.Value)
				case a.Name.Space == "":
					n.attrs[a.Name.Local] = a.Value
				case a.Name.Local == "nil" && a.Value == "true":
					n.nilled = true
				}
			}
			if at == nil {
				if root != nil {
					return nil, errors.New("it has two root elements")
				}
				root = n
			} else {
				at.children = append(at.children, n)
			}
			at = n
		case xml.EndElement:
			depth--
			at.text, at.buf = string(at.buf), nil
			at = at.parent
		case xml.CharData:
			if at != nil {
				at.buf = append(at.buf, t...)
			} else if strings.TrimSpace(string(t)) != "" {
				return nil, errors.New("it has text outside the root element")
			}
		case xml.Directive:
			return nil, errors.New("it has a document type")
		}
	}
	if root == nil {
		return nil, errors.New("it has no element")
	}
	return root, nil
}

func (n *node) declare(prefix, uri string) {
	if n.xmlns == nil {
		n.xmlns = make(map[string]string)
	}
	n.xmlns[prefix] = uri
}

// lookup returns the namespace of a prefix where n stands.
func (n *node) lookup(prefix string) string {
	for m := n; m != nil; m = m.parent {
		if uri, ok := m.xmlns[prefix]; ok {
			return uri
		}
	}
	return ""
}

func (n *node) attr(name string) string { return n.attrs[name] }

func (n *node) child(name string) *node {
	for _, c := range n.children {
		if c.name == name && c.space == space {
			return c
		}
	}
	return nil
}
