package ddf

import (
	"fmt"

	"github.com/beevik/etree"
	"github.com/omadm-sdk/omadm/csp"
	"github.com/omadm-sdk/omadm/dmtree"
)

// A File is what one description file says.
type File struct {
	Name    string // as given to Parse
	Version string // of the format: 1.2
	Trees   []csp.Tree
	Odd     []Oddity // what was strange and how it was read
}

// An Oddity is something in a file that does not follow the schema of DDF v2,
// or that follows it but cannot be meant. It never stops the reading.
type Oddity struct {
	File string
	URI  dmtree.URI // the node; empty for the file
	Text string
}

// String implements [fmt.Stringer].
func (o Oddity) String() string {
	s := o.File + ": "
	if o.URI != "" {
		s += string(o.URI) + ": "
	}
	return s + o.Text
}

// Options tells Parse what to keep beyond the facts.
type Options struct {
	// MaxBytes, MaxDepth and MaxElements bound the document; 0 means 8 MB, 64
	// and 200,000: several times the largest file of Windows.
	MaxBytes, MaxDepth, MaxElements int
	// Text, if not nil, is told the sentences that are no part of a schema:
	// descriptions and titles, which a user interface may want to show.
	Text func(u dmtree.URI, t Text)
}

// Text is what a file says to people about one node.
type Text struct {
	Title, Description string
	NamingRule         string            // how to name instances of a dynamic node
	Values             map[string]string // what the values of an enumeration mean
}

// Parse reads one description file: DDF v2 as Microsoft publishes it, or plain
// OMA DDF 1.2. It fails only for what is no description document, or is beyond
// the limits; all else is read as well as it can be, and reported in File.Odd.
func Parse(name string, data []byte, opts *Options) (*File, error) {
	if opts == nil {
		opts = new(Options)
	}
	data, err := check(data, opts)
	if err != nil {
		return nil, fmt.Errorf("ddf: %s: %w", name, err)
	}
	doc := etree.NewDocument()
	doc.ReadSettings.CharsetReader = charset
	if err := doc.ReadFromBytes(data); err != nil {
		return nil, fmt.Errorf("ddf: %s: %w", name, err)
	}
	root := doc.Root()
	if root == nil || root.Tag != "MgmtTree" {
		return nil, fmt.Errorf("ddf: %s: %w", name, ErrNotDDF)
	}
	p := &parser{file: &File{Name: name}, text: opts.Text}
	p.document(root)
	return p.file, nil
}

// parser holds what is the same for all nodes of a file.
type parser struct {
	file *File
	uri  dmtree.URI // of the node being read
	text func(dmtree.URI, Text)
}

func (p *parser) odd(format string, args ...any) {
	p.file.Odd = append(p.file.Odd, Oddity{File: p.file.Name, URI: p.uri, Text: fmt.Sprintf(format, args...)})
}

func (p *parser) document(root *etree.Element) {
	for _, e := range root.ChildElements() {
		switch e.Tag {
		case "VerDTD":
			if p.file.Version = text(e); p.file.Version != "1.2" {
				p.odd("VerDTD is %q, not 1.2", p.file.Version)
			}
		case "Diagnostics", "Man", "Mod": // the last two: OMA's manufacturer and model
		case "Node":
			p.tree(e)
		default:
			p.odd("element %s is not known", e.Tag)
		}
	}
	if p.file.Version == "" {
		p.odd("VerDTD is missing")
	}
	if len(p.file.Trees) == 0 {
		p.odd("the file describes no node")
	}
}

// tree reads a Node at the top of a file, with its path.
func (p *parser) tree(e *etree.Element) {
	t := csp.Tree{File: p.file.Name, Path: "."}
	at := dmtree.Root
	if path := e.SelectElement("Path"); path != nil {
		t.Path = text(path)
	} else {
		p.odd("a node at the top has no Path; read as the root of the tree")
	}
	clean := t.Path
	for len(clean) > 1 && clean[len(clean)-1] == '/' {
		clean = clean[:len(clean)-1]
		p.uri = dmtree.URI(t.Path)
		p.odd("the path ends with a slash")
	}
	t.Path = clean
	if u, err := dmtree.ParseURI(clean); err == nil {
		at = u
	} else {
		p.uri = ""
		p.odd("path %q is no URI; the tree is left out", t.Path)
		return
	}
	if t.Root = p.node(e, at); t.Root != nil {
		p.file.Trees = append(p.file.Trees, t)
	}
	p.uri = ""
}
