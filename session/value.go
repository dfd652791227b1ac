package session

import (
	"encoding/base64"
	"fmt"
	"unicode/utf8"

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

// itemOf returns the item of Results that answers for u with v. Bytes, and text that XML cannot carry, travel as base64
// in XML, and as bytes in WBXML.
func (x *executor) itemOf(u dmtree.URI, v dmtree.Value) syncml.Item {
	it := syncml.Item{Source: syncml.Location{URI: string(u)}, Meta: syncml.Meta{Type: v.Type()}}
	text, f := v.Text(), v.Format()
	if f == dmtree.FormatBin || f != dmtree.FormatB64 && !carried(text) {
		b, _ := v.Bytes()
		it.Meta.Format, it.Data = dmtree.FormatB64.String(), syncml.Text(base64.StdEncoding.EncodeToString(b))
		if x.binary {
			it.Meta.Format, it.Data = dmtree.FormatBin.String(), syncml.Opaque(b)
		}
		return it
	}
	it.Data = syncml.Text(text)
	if f != dmtree.FormatChr {
		it.Meta.Format = f.String()
	}
	if f == dmtree.FormatNode && it.Meta.Type == "" {
		it.Meta.Type = "text/plain" // as in the examples of the specification
	}
	return it
}

// carried reports whether XML can carry s.
func carried(s string) bool {
	for i, r := range s {
		switch {
		case r < ' ' && r != '\t' && r != '\n' && r != '\r', r == 0xFFFE, r == 0xFFFF:
			return false
		case r == utf8.RuneError:
			if _, size := utf8.DecodeRuneInString(s[i:]); size == 1 {
				return false
			}
		}
	}
	return true
}

// typeOf drops the default.
func typeOf(mime string) string {
	if mime == "text/plain" {
		return ""
	}
	return mime
}
