package dmtree

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/omadm-sdk/omadm/internal/mgmttree"
)

// isTNDS reports whether v is a document that stands for a subtree.
func isTNDS(v Value) bool {
	return strings.EqualFold(v.Type(), TypeTNDS) || strings.EqualFold(v.Type(), TypeTNDSWBXML)
}

// A planned node comes from a TNDS document.
type planned struct {
	uri        URI
	value      Value
	acl, title *string
}

// readTNDS reads the nodes of a document, parents before children. place gives
// the URI above the root node, from its name; names and paths in the document
// are relative to that.
func (o *treeOps) readTNDS(v Value, place func(name string) (above URI, rootName string, err error)) ([]planned, error) {
	if o.t.NoTNDS {
		return nil, ErrFormat
	}
	data, err := v.Bytes()
	if err != nil {
		return nil, err
	}
	doc, err := mgmttree.Read(data, mgmttree.Limits{})
	if errors.Is(err, mgmttree.ErrTooLarge) {
		return nil, fmt.Errorf("%w: %w", ErrTooLarge, err)
	} else if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSyntax, err)
	}
	above, name, err := place(doc.Nodes[0].Name)
	if err != nil {
		return nil, err
	}
	doc.Nodes[0].Name = name
	var all []planned
	var visit func(n *mgmttree.Node, above URI) error
	visit = func(n *mgmttree.Node, above URI) error {
		u := above.Join(n.Name)
		if n == doc.Nodes[0] && n.Name == "" { // the root of the tree
			u = above
		}
		u, err := ParseURI(string(u))
		if err != nil {
			return err
		}
		p, err := plan(u, n)
		if err != nil {
			return wrap("", u, err)
		}
		if v.IsSecret() {
			p.value = p.value.Secret()
		}
		all = append(all, p)
		for _, c := range n.Nodes {
			if err := visit(c, u); err != nil {
				return err
			}
		}
		return nil
	}
	for _, n := range doc.Nodes {
		at := above
		if path := strings.TrimPrefix(strings.TrimPrefix(n.Path, "."), "/"); path != "" {
			at += URI("/" + path)
		}
		if err := visit(n, at); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(all, func(a, b planned) int { return cmp.Compare(a.uri.Depth(), b.uri.Depth()) })
	return all, nil
}

// plan reads one node. A node whose format is missing is interior if it has no
// value, and chr otherwise.
func plan(u URI, n *mgmttree.Node) (planned, error) {
	p := planned{uri: u}
	format := FormatNode
	if n.Value != nil {
		format = FormatChr
	}
	mime := ""
	if n.RT != nil {
		p.acl, p.title = n.RT.ACL, n.RT.Title
		if n.RT.Format != "" {
			f, ok := FormatOf(n.RT.Format)
			if !ok {
				return p, fmt.Errorf("%w: %.20q", ErrFormat, n.RT.Format)
			}
			format = f
		}
		mime = n.RT.Type.DDFName
		if len(n.RT.Type.MIME) > 0 {
			mime = n.RT.Type.MIME[0]
		}
	}
	var err error
	switch {
	case len(n.Nodes) > 0 && format != FormatNode:
		return p, fmt.Errorf("%w: a node of format %s has others below it", ErrFormat, format)
	case format == FormatNode && n.Value != nil && n.Value.Text != "":
		return p, fmt.Errorf("%w: an interior node has a value", ErrFormat)
	case format == FormatNode:
		p.value = Interior()
	case n.Value == nil && format != FormatNull:
		return p, ErrIncomplete
	case n.Value == nil:
	case n.Value.Binary && (format == FormatBin || format == FormatB64):
		p.value = Bytes([]byte(n.Value.Text))
	default:
		p.value, err = Parse(format, n.Value.Text)
	}
	if mime != "text/plain" {
		p.value = p.value.WithType(mime)
	}
	return p, err
}

// addTNDS creates the nodes of a document. A named root node is created below
// u, one without a name at u (DM TNDS).
func (o *treeOps) addTNDS(ctx context.Context, u URI, v Value) error {
	all, err := o.readTNDS(v, func(name string) (URI, string, error) {
		if name == "" {
			return u.Parent(), u.Name(), nil
		}
		return u, name, nil
	})
	if err != nil {
		return err
	}
	return o.addAll(ctx, all)
}

func (o *treeOps) addAll(ctx context.Context, all []planned) error {
	for _, p := range all {
		if err := wrap("add", p.uri, o.add(ctx, p.uri, o.settle(p.value))); err != nil {
			return err
		}
	}
	return o.describeAll(ctx, all)
}

// describeAll sets the properties that a document gives to its nodes, from the
// lowest up: the ACL of a node decides who may do so at those below it, and
// would keep the server out of what it is just making.
func (o *treeOps) describeAll(ctx context.Context, all []planned) error {
	for _, p := range slices.Backward(all) {
		if err := o.describe(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

func (o *treeOps) describe(ctx context.Context, p planned) error {
	if p.acl != nil && *p.acl != "" && !o.t.Open {
		if err := o.setACL(ctx, p.uri, p.value.IsInterior(), *p.acl); err != nil {
			return wrap("replace", p.uri, err)
		}
	}
	if p.title != nil && *p.title != "" {
		return wrap("replace", p.uri, o.SetProperty(ctx, p.uri, PropTitle, *p.title))
	}
	return nil
}

// replaceTNDS makes the subtree at u what a document says: nodes in both are
// replaced, those only in the tree deleted, those only in the document added.
func (o *treeOps) replaceTNDS(ctx context.Context, u URI, v Value) error {
	if _, _, _, err := o.look(ctx, u); err != nil {
		return err
	}
	for _, command := range []Access{AccessReplace, AccessAdd, AccessDelete} {
		if err := o.may(ctx, u, command); err != nil {
			return err
		}
	}
	all, err := o.readTNDS(v, func(name string) (URI, string, error) {
		if name != "" && foldName(name) != foldName(u.Name()) && !(u == Root && name == string(Root)) {
			return "", "", fmt.Errorf("%w: the document's root is %.40q, the node to replace %.40q", ErrSyntax, name, u.Name())
		}
		return u.Parent(), u.Name(), nil
	})
	if err != nil {
		return err
	}
	wanted := make(map[URI]planned, len(all))
	for _, p := range all {
		key := p.uri.Fold()
		if _, twice := wanted[key]; twice {
			return &Error{Op: "add", URI: p.uri, Err: ErrExist}
		}
		if !key.Within(u.Fold()) {
			return &Error{Op: "add", URI: p.uri, Err: fmt.Errorf("%w: it is not below the node to replace", ErrSyntax)}
		}
		wanted[key] = p
	}
	if err := o.clear(ctx, u, wanted); err != nil {
		return err
	}
	for _, p := range all {
		if err := o.put(ctx, p); err != nil {
			return err
		}
	}
	return o.describeAll(ctx, all)
}

// clear deletes what is not wanted, or is wanted as another kind of node.
func (o *treeOps) clear(ctx context.Context, u URI, wanted map[URI]planned) error {
	old, err := o.p.Get(ctx, u)
	if err != nil {
		if errors.Is(err, ErrNotAllowed) || errors.Is(err, ErrPermission) { // cannot be read, so it is a leaf
			return nil
		}
		return wrap("get", u, err)
	}
	p, keeps := wanted[u.Fold()]
	if !keeps || p.value.IsInterior() != old.IsInterior() {
		if props, err := Node(ctx, o.p, u); err != nil {
			return err
		} else if props.Permanent {
			return &Error{Op: "delete", URI: u, Err: ErrNotAllowed}
		}
		if err := o.deletable(ctx, u); err != nil {
			return err
		}
		return errors.Join(wrap("delete", u, Delete(ctx, o.p, u)), o.k.drop(ctx, u))
	}
	for name := range old.Names() {
		if err := o.clear(ctx, u.Join(name), wanted); err != nil {
			return err
		}
	}
	return nil
}

// put writes one node of a document over what there may be.
func (o *treeOps) put(ctx context.Context, p planned) error {
	_, props, _, err := o.look(ctx, p.uri)
	switch {
	case errors.Is(err, ErrNotFound):
		return wrap("add", p.uri, o.add(ctx, p.uri, o.settle(p.value)))
	case err != nil:
		return wrap("replace", p.uri, err)
	}
	if !p.value.IsInterior() {
		if err := takes(props, AccessReplace); err != nil {
			return wrap("replace", p.uri, err)
		}
		if err := Replace(ctx, o.p, p.uri, o.settle(p.value)); err != nil {
			return err
		}
	}
	for what, text := range map[string]*string{keptACL: p.acl, keptTitle: p.title} {
		if text == nil && p.uri != Root { // as if the node were new
			if err := o.k.set(ctx, p.uri, what, ""); err != nil {
				return err
			}
		}
	}
	return o.stamp(ctx, p.uri)
}
