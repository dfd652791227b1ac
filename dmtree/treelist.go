package dmtree

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/omadm-sdk/omadm/internal/mgmttree"
)

// MIME types of TNDS documents.
const (
	TypeTNDS      = "application/vnd.syncml.dmtnds+xml"
	TypeTNDSWBXML = "application/vnd.syncml.dmtnds+wbxml"
)

// List implements Lister: ?list=Struct, StructData and TNDS. Nodes that the
// calling server may not read are left out; parents come before children.
func (t *Tree) List(ctx context.Context, u URI) iter.Seq2[Entry, error] {
	return t.ops().List(ctx, u)
}

func (o *treeOps) List(ctx context.Context, u URI) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		node, _ := u.Split()
		what := u.List()
		var want tndsParts
		err := o.t.Limits.Check(u)
		if err == nil && what != "Struct" && what != "StructData" {
			want, err = o.parseTNDSList(what)
		}
		if err == nil {
			_, err = o.Get(ctx, node) // it must exist and be readable itself
		}
		if err != nil {
			yield(Entry{}, err)
			return
		}
		if what != "Struct" && what != "StructData" {
			v, err := o.tnds(ctx, node, want)
			yield(Entry{URI: node, Value: v, Data: true}, err)
			return
		}
		for e, err := range o.readable(ctx, node) {
			if err != nil {
				yield(Entry{}, err)
				return
			}
			e.Data = what == "StructData" && !e.Value.IsInterior()
			if e.Value.IsInterior() {
				e.Value = Interior().WithType(e.Value.Type())
			}
			if !yield(e, nil) {
				return
			}
		}
	}
}

// readable iterates over the nodes that the calling server may read.
func (o *treeOps) readable(ctx context.Context, root URI) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		for e, err := range Walk(ctx, o.p, root) {
			if ctxErr := ctx.Err(); ctxErr != nil {
				yield(Entry{}, ctxErr)
				return
			}
			if err != nil || inInbox(e.URI) {
				continue
			}
			props, err := Node(ctx, o.p, e.URI)
			if err != nil || takes(props, AccessGet) != nil {
				continue
			}
			if err := o.may(ctx, e.URI, AccessGet); errors.Is(err, ErrPermission) {
				continue
			} else if err != nil {
				yield(Entry{}, err)
				return
			}
			if e.Value.Type() == "" && props.Type != "" {
				e.Value = e.Value.WithType(props.Type)
			}
			if !yield(e, nil) {
				return
			}
		}
	}
}

// tndsParts are the parts of a node that a ?list=TNDS asks for.
type tndsParts map[string]bool

func (o *treeOps) parseTNDSList(what string) (tndsParts, error) {
	rest, ok := strings.CutPrefix(what, "TNDS")
	if !ok || o.t.NoTNDS {
		return nil, ErrUnsupported
	}
	only, but := strings.Contains(rest, "+"), strings.Contains(rest, "-")
	if only && but {
		return nil, fmt.Errorf("%w: + and - in one list", ErrSyntax)
	}
	parts := make(tndsParts)
	for _, name := range []string{PropACL, PropFormat, PropTitle, PropTStamp, PropType, PropVerNo, "Value"} {
		parts[name] = !only
	}
	if o.t.Open {
		delete(parts, PropACL)
	}
	if rest == "" {
		return parts, nil
	}
	if rest[0] != '+' && rest[0] != '-' {
		return nil, ErrUnsupported
	}
	for name := range strings.SplitSeq(rest[1:], rest[:1]) {
		if _, known := parts[name]; !known {
			return nil, fmt.Errorf("%w: there is no property %.20q in a TNDS", ErrUnsupported, name)
		}
		parts[name] = only
	}
	return parts, nil
}

// tnds writes what the server may read from root down as a document. Its first
// node is root, named but without a path; a node whose parent is left out
// stands beside it, with a path that begins with root's name.
func (o *treeOps) tnds(ctx context.Context, root URI, want tndsParts) (Value, error) {
	doc := new(mgmttree.Tree)
	nodes := make(map[URI]*mgmttree.Node)
	secret := false
	for e, err := range o.readable(ctx, root) {
		if err != nil {
			return Null, err
		}
		n, err := o.tndsNode(ctx, e, e.URI == root, want)
		if err != nil {
			return Null, err
		}
		secret = secret || e.Value.IsSecret() && n.Value != nil
		nodes[e.URI] = n
		if parent := nodes[e.URI.Parent()]; parent != nil && e.URI != root {
			parent.Nodes = append(parent.Nodes, n)
			continue
		}
		if e.URI != root {
			n.Path = strings.TrimPrefix(string(e.URI.Parent()[len(root.Parent()):]), "/")
		}
		doc.Nodes = append(doc.Nodes, n)
	}
	v := XML(string(mgmttree.AppendXML(nil, doc.Element()))).WithType(TypeTNDS)
	if secret {
		v = v.Secret()
	}
	return v, nil
}

func (o *treeOps) tndsNode(ctx context.Context, e Entry, first bool, want tndsParts) (*mgmttree.Node, error) {
	n := &mgmttree.Node{Name: e.URI.Name(), RT: new(mgmttree.RTProperties)}
	switch {
	case e.URI == Root:
		n.Name = string(Root)
	case first: // the rest of a walk is as the tree spells it
		n.Name = o.name(ctx, e.URI)
	}
	if want[PropFormat] {
		n.RT.Format = e.Value.Format().String()
	}
	if want[PropType] {
		if t := typeOf(e.Value, Properties{}); e.Value.IsInterior() {
			n.RT.Type.DDFName = t
		} else {
			n.RT.Type.MIME = []string{t}
		}
	}
	for name, to := range map[string]**string{PropACL: &n.RT.ACL, PropTitle: &n.RT.Title} {
		if want[name] {
			text, err := o.k.get(ctx, e.URI, name)
			if err != nil {
				return nil, err
			}
			if text != "" {
				*to = &text
			}
		}
	}
	version, stamp, err := o.stamped(ctx, e.URI)
	if err != nil {
		return nil, err
	}
	if want[PropTStamp] && stamp != "" {
		n.RT.TStamp = &stamp
	}
	if want[PropVerNo] {
		n.RT.VerNo = &version
	}
	if want["Value"] && !e.Value.IsInterior() && !e.Value.IsNull() {
		n.Value = &mgmttree.Text{Text: e.Value.Text()}
	}
	return n, nil
}
