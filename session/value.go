package session

import (
	"fmt"

	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/syncml"
)

// valueOf reads Data as the tree has it: as meta says, chr where it says nothing.
func valueOf(meta syncml.Meta, d syncml.Data) (dmtree.Value, error) {
	f, ok := dmtree.FormatOf(meta.Format)
	if !ok {
		return dmtree.Null, fmt.Errorf("format %q: %w", meta.Format, dmtree.ErrFormat)
	}
	var v dmtree.Value
	var err error
	switch {
	case d.IsAbsent() && f != dmtree.FormatNode:
		v = dmtree.Null
	case d.Kind() == syncml.DataOpaque && f == dmtree.FormatBin:
		v = dmtree.Bytes(d.AppendTo(nil))
	default:
		if v, err = dmtree.Parse(f, d.String()); err != nil {
			return dmtree.Null, err
		}
	}
	return v.WithType(typeOf(meta.Type)), nil
}

// itemOf returns the item of Results that answers for u with v.
func (x *executor) itemOf(u dmtree.URI, v dmtree.Value) syncml.Item {
	it := syncml.Item{Source: syncml.Location{URI: string(u)}, Meta: syncml.Meta{Type: v.Type()}}
	switch f := v.Format(); f {
	case dmtree.FormatChr:
		it.Data = syncml.Text(v.Text())
	case dmtree.FormatBin:
		if b, err := v.Bytes(); err == nil && x.binary {
			it.Meta.Format, it.Data = f.String(), syncml.Opaque(b)
			break
		}
		it.Meta.Format, it.Data = dmtree.FormatB64.String(), syncml.Text(v.Text())
	case dmtree.FormatNode:
		it.Meta.Format, it.Data = f.String(), syncml.Text(v.Text())
		if it.Meta.Type == "" {
			it.Meta.Type = "text/plain" // as in the examples of the specification
		}
	default:
		it.Meta.Format, it.Data = f.String(), syncml.Text(v.Text())
	}
	return it
}

// typeOf drops the default.
func typeOf(mime string) string {
	if mime == "text/plain" {
		return ""
	}
	return mime
}
