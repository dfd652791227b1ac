package mgmttree

import (
	"fmt"
	"strconv"
)

// A Tree is a MgmtTree document.
type Tree struct {
	VerDTD  string
	Man     string
	Mod     string
	Nodes   []*Node
	Foreign []*Element
}

// A Node has either a value or nodes below it, or neither.
type Node struct {
	Name    string // "" in a DDF: assigned at creation; in a TNDS: the target's
	Path    string // URI above the node; "" for that of the Node around it
	RT      *RTProperties
	DF      *DFProperties
	Nodes   []*Node
	Value   *Text
	Foreign []*Element
}

// A Text is character data, or bytes that came as opaque data of WBXML.
type Text struct {
	Text   string
	Binary bool
}

// RTProperties are the properties of a node at run time. A nil property is not
// there, which in a DDF means that the node does not support it.
type RTProperties struct {
	ACL, Name, Size, Title, TStamp, VerNo *string
	Format                                string // "" if not there
	Type                                  Type
}

// A Type is the MIME types of a leaf or the MO identifier of an interior node.
type Type struct {
	MIME    []string
	DDFName string
}

// DFProperties are what a description says of a node.
type DFProperties struct {
	Access                           []string // Add, Copy, Delete, Exec, Get, Replace
	DefaultValue, Description, Title *string
	Format                           string
	Occurrence                       Occurrence
	Permanent                        bool // else dynamic, which is the default
	Type                             Type
	CaseSense                        string // CS, CIS or ""
	Foreign                          []*Element
}

// An Occurrence tells how many nodes may stand at one place.
type Occurrence struct {
	Min int
	Max int // 0: any number
}

// Parse reads a document from its root element. Unknown elements are kept where
// they are in another namespace and skipped otherwise; what is required for the
// meaning of the document must be there.
func Parse(root *Element) (*Tree, error) {
	if root.Name != "MgmtTree" || root.Space != "" {
		return nil, fmt.Errorf("%w: the root element is %s, want MgmtTree", ErrSyntax, root.Name)
	}
	t := new(Tree)
	for _, e := range root.Children {
		switch {
		case e.Space != "":
			t.Foreign = append(t.Foreign, e)
		case e.Name == "VerDTD":
			t.VerDTD = e.trimmed()
		case e.Name == "Man":
			t.Man = e.trimmed()
		case e.Name == "Mod":
			t.Mod = e.trimmed()
		case e.Name == "Node":
			n, err := parseNode(e)
			if err != nil {
				return nil, err
			}
			t.Nodes = append(t.Nodes, n)
		}
	}
	if len(t.Nodes) == 0 {
		return nil, fmt.Errorf("%w: there is no Node", ErrSyntax)
	}
	return t, nil
}

func parseNode(e *Element) (*Node, error) {
	n := new(Node)
	for _, c := range e.Children {
		var err error
		switch {
		case c.Space != "":
			n.Foreign = append(n.Foreign, c)
		case c.Name == "NodeName":
			n.Name = c.trimmed()
		case c.Name == "Path":
			n.Path = c.trimmed()
		case c.Name == "Value":
			n.Value = &Text{c.Text, c.Binary}
		case c.Name == "RTProperties":
			n.RT = parseRT(c)
		case c.Name == "DFProperties":
			n.DF, err = parseDF(c)
		case c.Name == "Node":
			var below *Node
			below, err = parseNode(c)
			n.Nodes = append(n.Nodes, below)
		}
		if err != nil {
			return nil, fmt.Errorf("%w (node %q)", err, n.Name)
		}
	}
	if n.Value != nil && len(n.Nodes) > 0 {
		return nil, fmt.Errorf("%w: a Node with a Value has other Nodes in it (node %q)", ErrSyntax, n.Name)
	}
	return n, nil
}

func parseRT(e *Element) *RTProperties {
	rt := new(RTProperties)
	for _, c := range e.Children {
		if c.Space != "" {
			continue
		}
		switch c.Name {
		case "ACL":
			rt.ACL = text(c)
		case "Name":
			rt.Name = text(c)
		case "Size":
			rt.Size = text(c)
		case "Title":
			rt.Title = text(c)
		case "TStamp":
			rt.TStamp = text(c)
		case "VerNo":
			rt.VerNo = text(c)
		case "Format":
			rt.Format = choice(c)
		case "Type":
			rt.Type = parseType(c)
		}
	}
	return rt
}

func parseDF(e *Element) (*DFProperties, error) {
	df := &DFProperties{Occurrence: Occurrence{1, 1}}
	for _, c := range e.Children {
		var err error
		switch {
		case c.Space != "":
			df.Foreign = append(df.Foreign, c)
		case c.Name == "AccessType":
			for _, a := range c.Children {
				if a.Space == "" {
					df.Access = append(df.Access, a.Name)
				}
			}
		case c.Name == "DefaultValue":
			s := c.Text
			df.DefaultValue = &s
		case c.Name == "Description":
			df.Description = text(c)
		case c.Name == "DFTitle":
			df.Title = text(c)
		case c.Name == "DFFormat":
			df.Format = choice(c)
		case c.Name == "Occurrence":
			df.Occurrence, err = parseOccurrence(c)
		case c.Name == "Scope":
			df.Permanent = choice(c) == "Permanent"
		case c.Name == "DFType":
			df.Type = parseType(c)
		case c.Name == "CaseSense":
			df.CaseSense = choice(c)
		}
		if err != nil {
			return nil, err
		}
	}
	return df, nil
}

func parseOccurrence(e *Element) (Occurrence, error) {
	c := new(Element)
	for _, child := range e.Children {
		if child.Space == "" {
			c = child
		}
	}
	var o Occurrence
	switch c.Name {
	case "", "One":
		return Occurrence{1, 1}, nil
	case "ZeroOrOne":
		return Occurrence{0, 1}, nil
	case "ZeroOrMore":
		return o, nil
	case "OneOrMore":
		return Occurrence{1, 0}, nil
	case "OneOrN":
		o.Min = 1
	case "ZeroOrN":
	default:
		return o, fmt.Errorf("%w: Occurrence is %s", ErrSyntax, c.Name)
	}
	if c.trimmed() == "" { // field documents leave it out: any number
		return o, nil
	}
	n, err := strconv.Atoi(c.trimmed())
	if err != nil || n < 2 || n > 65536 {
		return o, fmt.Errorf("%w: %s is %q, want a number from 2 to 65536", ErrSyntax, c.Name, c.trimmed())
	}
	o.Max = n
	return o, nil
}

// parseType takes MIME and DDFName at leaves and interior nodes alike: field
// documents mix them up (DM TND).
func parseType(e *Element) Type {
	var t Type
	for _, c := range e.Children {
		switch s := c.trimmed(); {
		case c.Space != "" || s == "":
		case c.Name == "MIME":
			t.MIME = append(t.MIME, s)
		case c.Name == "DDFName":
			t.DDFName = s
		}
	}
	return t
}

func text(e *Element) *string {
	s := e.trimmed()
	return &s
}

// choice returns the name of the one element in e.
func choice(e *Element) string {
	for _, c := range e.Children {
		if c.Space == "" {
			return c.Name
		}
	}
	return ""
}

// Element returns t as a TNDS document, with the parts of nodes that a TNDS has
// (DM TNDS). Foreign elements are left out.
func (t *Tree) Element() *Element {
	root := &Element{Name: "MgmtTree"}
	version := t.VerDTD
	if version == "" {
		version = "1.2"
	}
	root.add("VerDTD", version)
	if t.Man != "" {
		root.add("Man", t.Man)
	}
	if t.Mod != "" {
		root.add("Mod", t.Mod)
	}
	for _, n := range t.Nodes {
		root.Children = append(root.Children, n.element())
	}
	return root
}

func (n *Node) element() *Element {
	e := &Element{Name: "Node"}
	e.add("NodeName", n.Name)
	if n.Path != "" {
		e.add("Path", n.Path)
	}
	if rt := n.RT; rt != nil {
		p := e.add("RTProperties", "")
		p.option("ACL", rt.ACL)
		if rt.Format != "" {
			p.add("Format", "").add(rt.Format, "")
		}
		p.option("Title", rt.Title)
		p.option("TStamp", rt.TStamp)
		typ := p.add("Type", "")
		switch {
		case len(rt.Type.MIME) > 0:
			typ.add("MIME", rt.Type.MIME[0])
		default:
			typ.add("DDFName", rt.Type.DDFName)
		}
		p.option("VerNo", rt.VerNo)
	}
	if n.Value != nil {
		e.Children = append(e.Children, &Element{Name: "Value", Text: n.Value.Text, Binary: n.Value.Binary})
	}
	for _, c := range n.Nodes {
		e.Children = append(e.Children, c.element())
	}
	return e
}

func (e *Element) add(name, text string) *Element {
	c := &Element{Name: name, Text: text}
	e.Children = append(e.Children, c)
	return c
}

func (e *Element) option(name string, s *string) {
	if s != nil {
		e.add(name, *s)
	}
}

// Sniff reports whether data is WBXML: an XML document never starts with the
// version octet that begins a WBXML document.
func Sniff(data []byte) (isWBXML bool) {
	return len(data) > 0 && data[0] >= 0x01 && data[0] <= 0x03
}

// Read reads a document in either spelling.
func Read(data []byte, limits Limits) (*Tree, error) {
	read := ReadXML
	if Sniff(data) {
		read = ReadWBXML
	}
	root, err := read(data, limits)
	if err != nil {
		return nil, err
	}
	return Parse(root)
}
