// Package mgmttree reads and writes the MgmtTree documents of OMA DM: TNDS,
// which carries nodes of a tree, and DDF, which describes them (DM TNDS).
//
// A document is a [Tree], whatever its spelling: XML or WBXML. Both spellings
// meet in [Element], which knows names, text and nesting; [Parse] and
// [Tree.Element] translate between that and a Tree. What a Tree has no place
// for is kept as foreign elements, so that those who know their namespace find
// them.
//
// Documents come from peers. Readers refuse what goes beyond [Limits], run no
// deeper than the document's limit, and resolve no entity of a DTD.
package mgmttree

import "errors"

// Namespace is what a MgmtTree element declares in XML.
const Namespace = "syncml:dmddf1.2"

// What can be wrong with a document. Errors wrap one of these.
var (
	ErrSyntax   = errors.New("malformed MgmtTree document")
	ErrTooLarge = errors.New("MgmtTree document over the limit")
)

// Limits bound a document. Zero fields stand for the defaults.
type Limits struct {
	Bytes    int // 8 MB
	Depth    int // elements within elements; 512, enough for 250 nested nodes
	Elements int // 1,000,000
}

func (l Limits) withDefaults() Limits {
	if l.Bytes == 0 {
		l.Bytes = 8 << 20
	}
	if l.Depth == 0 {
		l.Depth = 512
	}
	if l.Elements == 0 {
		l.Elements = 1e6
	}
	return l
}
