// Package tnds carries subtrees in documents: TNDS, the tree and description
// serialization of OMA DM (DM TNDS), spelled in XML or WBXML.
//
// [Marshal] writes what a provider holds, [Unmarshal] reads a document into a
// [dmtree.Memory], from where it can be walked, compared with another tree by
// [dmtree.Diff], or mounted. [Convert] changes the spelling.
//
// Who sends a document to a device, or asks for one with ?list=TNDS, does not
// need this package: Add, Replace and List of [dmtree.Tree] read and write them.
package tnds

import (
	"context"
	"fmt"
	"strings"

	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/internal/mgmttree"
)

// Options for Marshal. Nil and the zero Options write XML without secret
// values.
type Options struct {
	// WBXML writes WBXML.
	WBXML bool
	// Without leaves out parts of each node: ACL, Format, Title, TStamp,
	// Type, VerNo or Value.
	Without []string
	// Secrets writes secret values too; otherwise their nodes are written
	// with format null.
	Secrets bool
}

// Marshal writes the node root of p and all below it that can be read. If p is
// a [dmtree.Tree], the document has its ACLs, titles and versions too, and what
// the server that ctx names may not read is left out. The first node of the
// document is root, with its name alone.
func Marshal(ctx context.Context, p dmtree.Provider, root dmtree.URI, opts *Options) ([]byte, error) {
	if opts == nil {
		opts = new(Options)
	}
	if _, ok := p.(dmtree.Lister); !ok {
		p = &dmtree.Tree{Provider: p, Open: true}
	}
	node, _ := root.Canonical().Split()
	list := node + "?list=TNDS"
	for _, part := range opts.Without {
		list += dmtree.URI("-" + part)
	}
	for e, err := range dmtree.List(ctx, p, list) {
		if err != nil {
			return nil, err
		}
		doc := []byte(e.Value.Text())
		if !opts.WBXML && (opts.Secrets || !e.Value.IsSecret()) {
			return doc, nil
		}
		tree, err := mgmttree.Read(doc, mgmttree.Limits{Bytes: len(doc)})
		if err != nil {
			return nil, fmt.Errorf("tnds: marshal %s: %w", root, err)
		}
		if !opts.Secrets && e.Value.IsSecret() {
			hide(ctx, p, node, tree)
		}
		return write(tree, opts.WBXML), nil
	}
	return nil, &dmtree.Error{Op: "marshal", URI: root, Err: dmtree.ErrUnsupported}
}

// hide takes secret values out of a document that Marshal has made from p.
func hide(ctx context.Context, p dmtree.Provider, root dmtree.URI, tree *mgmttree.Tree) {
	var visit func(n *mgmttree.Node, u dmtree.URI)
	visit = func(n *mgmttree.Node, u dmtree.URI) {
		if n.Value != nil {
			// A value that cannot be looked at any more may be secret.
			if v, err := dmtree.Get(ctx, p, u); err != nil || v.IsSecret() {
				n.Value = nil
				if n.RT != nil && n.RT.Format != "" {
					n.RT.Format = dmtree.FormatNull.String()
				}
			}
		}
		for _, c := range n.Nodes {
			visit(c, u.Join(c.Name))
		}
	}
	for i, n := range tree.Nodes {
		switch {
		case i == 0:
			visit(n, root)
		case n.Path == "":
			visit(n, root.Parent().Join(n.Name))
		default:
			visit(n, (root.Parent() + dmtree.URI("/"+n.Path)).Join(n.Name))
		}
	}
}

func write(tree *mgmttree.Tree, wbxml bool) []byte {
	if wbxml {
		return mgmttree.AppendWBXML(nil, tree.Element())
	}
	return mgmttree.AppendXML(nil, tree.Element())
}

// Unmarshal reads a document in either spelling. The root node of the document
// is placed below above, or is above itself if it has no name. What the
// document says of ACLs and titles can be read through a [dmtree.Tree] around
// the result. Errors are those of dmtree: ErrSyntax for what is no such
// document, ErrTooLarge beyond 8 MB, a million elements or 250 nested nodes,
// ErrFormat for a value that does not fit its format.
func Unmarshal(data []byte, above dmtree.URI) (*dmtree.Memory, error) {
	m := new(dmtree.Memory)
	tree := &dmtree.Tree{Provider: m}
	above = above.Canonical()
	if above.Valid() && !above.IsRoot() {
		m.Set(above.Parent(), dmtree.Interior())
	}
	doc := dmtree.Bytes(data).WithType(dmtree.TypeTNDS)
	if err := dmtree.Add(context.Background(), tree, above, doc); err != nil {
		return nil, fmt.Errorf("tnds: %w", err)
	}
	return m, nil
}

// Convert writes a document, of whichever spelling, in XML or WBXML. What TNDS
// has no place for is lost. Binary values that WBXML has as they are become
// base64 in XML, with a format of bin either way.
func Convert(data []byte, toWBXML bool) ([]byte, error) {
	tree, err := mgmttree.Read(data, mgmttree.Limits{})
	if err != nil {
		return nil, fmt.Errorf("tnds: %w: %w", dmtree.ErrSyntax, err)
	}
	var visit func(nodes []*mgmttree.Node) error
	visit = func(nodes []*mgmttree.Node) error {
		for _, n := range nodes {
			if err := settle(n, toWBXML); err != nil {
				return err
			}
			if err := visit(n.Nodes); err != nil {
				return err
			}
		}
		return nil
	}
	if err := visit(tree.Nodes); err != nil {
		return nil, err
	}
	return write(tree, toWBXML), nil
}

// settle gives a binary value the form that belongs to the spelling.
func settle(n *mgmttree.Node, toWBXML bool) error {
	if n.Value == nil || n.RT == nil || n.RT.Format != "bin" || n.Value.Binary == toWBXML {
		return nil
	}
	v := dmtree.Bytes([]byte(n.Value.Text))
	if !n.Value.Binary {
		var err error
		if v, err = dmtree.Parse(dmtree.FormatBin, n.Value.Text); err != nil {
			return fmt.Errorf("tnds: node %q: %w", n.Name, err)
		}
	}
	if !toWBXML {
		n.Value = &mgmttree.Text{Text: v.Text()}
		return nil
	}
	raw, err := v.Bytes()
	n.Value = &mgmttree.Text{Text: string(raw), Binary: true}
	return err
}

// IsType reports whether a MIME type is one of TNDS, and whether it says WBXML.
func IsType(mime string) (wbxml, ok bool) {
	return strings.EqualFold(mime, dmtree.TypeTNDSWBXML),
		strings.EqualFold(mime, dmtree.TypeTNDS) || strings.EqualFold(mime, dmtree.TypeTNDSWBXML)
}
