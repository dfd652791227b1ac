package dmtree

import (
	"context"
	"errors"
	"fmt"
	"strconv"
)

// The properties of a node (DM TND). Names are case sensitive.
const (
	PropACL    = "ACL"
	PropFormat = "Format"
	PropName   = "Name"
	PropSize   = "Size"
	PropTitle  = "Title"
	PropTStamp = "TStamp"
	PropType   = "Type"
	PropVerNo  = "VerNo"
)

// maxTitle is what OMA DM gives a title, in bytes.
const maxTitle = 255

// Property implements Propertier.
func (t *Tree) Property(ctx context.Context, u URI, name string) (string, error) {
	return t.ops().Property(ctx, u, name)
}

// SetProperty implements Propertier: ACL, Title and Name can be set.
func (t *Tree) SetProperty(ctx context.Context, u URI, name, text string) error {
	return t.write(ctx, func(o *treeOps) error { return o.SetProperty(ctx, u, name, text) })
}

func (o *treeOps) Property(ctx context.Context, u URI, name string) (string, error) {
	if inInbox(u) {
		return "", ErrNotAllowed
	}
	if err := o.t.Limits.Check(u.WithProp(name)); err != nil {
		return "", err
	}
	v, props, unreadable, err := o.look(ctx, u)
	if err == nil {
		err = o.supports(name, v.IsInterior())
	}
	if err == nil && name == PropACL {
		err = o.mayEither(ctx, u, AccessGet)
	} else if err == nil {
		err = o.may(ctx, u, AccessGet)
	}
	if err != nil {
		return "", err
	}
	switch name {
	case PropACL:
		text, err := o.k.get(ctx, u, keptACL)
		if text == "" && u == Root {
			text = DefaultACL().String()
		}
		return text, err
	case PropName:
		return o.name(ctx, u), nil
	case PropTitle:
		return o.k.get(ctx, u, keptTitle)
	case PropTStamp:
		_, stamp, err := o.stamped(ctx, u)
		return stamp, err
	case PropVerNo:
		version, _, err := o.stamped(ctx, u)
		return version, err
	}
	if unreadable != nil { // the rest depends on the value
		return "", unreadable
	}
	switch name {
	case PropFormat:
		return v.Format().String(), nil
	case PropSize:
		return strconv.Itoa(v.Size()), nil
	}
	return typeOf(v, props), nil
}

// typeOf returns the property Type: the media type of a leaf or the identifier
// of the management object at an interior node.
func typeOf(v Value, props Properties) string {
	switch {
	case v.Type() != "":
		return v.Type()
	case props.Type != "" || v.IsInterior():
		return props.Type
	}
	return "text/plain"
}

// supports tells whether there is a property of that name at such a node.
func (o *treeOps) supports(name string, interior bool) error {
	switch name {
	case PropFormat, PropName, PropTitle, PropTStamp, PropType, PropVerNo:
		return nil
	case PropACL:
		if !o.t.Open {
			return nil
		}
	case PropSize:
		if !interior {
			return nil
		}
	}
	return ErrUnsupported
}

// name returns the last name of u as the node above spells it.
func (o *treeOps) name(ctx context.Context, u URI) string {
	given := u.Name()
	above, err := o.p.Get(ctx, u.Parent())
	if err != nil {
		return given
	}
	spelled := given
	for name := range above.Names() {
		if name == given {
			return given
		}
		if len(name) == len(given) && foldName(name) == foldName(given) {
			spelled = name
		}
	}
	return spelled
}

func (o *treeOps) SetProperty(ctx context.Context, u URI, name, text string) error {
	if err := o.t.Limits.Check(u.WithProp(name)); err != nil {
		return err
	}
	v, _, _, err := o.look(ctx, u)
	if err != nil {
		return err
	}
	if err := o.supports(name, v.IsInterior()); err != nil {
		return err
	}
	switch name {
	case PropACL:
		return o.setACL(ctx, u, v.IsInterior(), text)
	case PropName:
		return o.Rename(ctx, u, text)
	case PropTitle:
		if err := o.may(ctx, u, AccessReplace); err != nil {
			return err
		}
		if len(text) > maxTitle {
			return fmt.Errorf("%w: a title has at most %d bytes, not %d", ErrTooLarge, maxTitle, len(text))
		}
		return o.k.set(ctx, u, keptTitle, text)
	}
	return ErrNotAllowed
}

// setACL replaces the ACL of a node. The right to do so at a leaf comes from
// the node above only, at an interior node also from itself.
func (o *treeOps) setACL(ctx context.Context, u URI, interior bool, text string) error {
	var err error
	switch {
	case u == Root:
		err = o.may(ctx, u, AccessReplace)
	case interior:
		err = o.mayEither(ctx, u, AccessReplace)
	default:
		err = o.may(ctx, u.Parent(), AccessReplace)
	}
	if err != nil {
		return err
	}
	a, err := ParseACL(text)
	if err != nil {
		return err
	}
	if u == Root {
		// The root belongs to the device; that anybody may add must stay.
		if a.IsEmpty() || CallFrom(ctx).Server != "" && a.entries[0] != "*" {
			return errors.Join(ErrNotAllowed, errors.New("the ACL of the root keeps Add=*"))
		}
	}
	return o.k.set(ctx, u, keptACL, a.String())
}
