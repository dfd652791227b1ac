package devinf

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/omadm-sdk/omadm/syncml"
)

// maxDepth bounds elements within elements; the deepest, ValEnum of a parameter, is the seventh.
const maxDepth = 16

// Unmarshal reads a document in XML or WBXML. Elements that it does not know, and numbers that are none, are skipped;
// the order of elements does not matter where the order of versions before 1.2 does not make it.
func Unmarshal(data []byte) (*DevInf, error) {
	if len(data) > 0 && data[0] >= 1 && data[0] <= 3 {
		x, err := syncml.ToXML(data)
		if err != nil {
			return nil, fmt.Errorf("devinf: %w", err)
		}
		data = x
	}
	root, err := parse(data)
	if err != nil {
		return nil, fmt.Errorf("devinf: %w", err)
	}
	if root.name != "DevInf" {
		return nil, fmt.Errorf("devinf: %w: the root is %.40s, want DevInf", syncml.ErrSyntax, root.name)
	}
	return root.devInf(), nil
}

// A node is an element: the documents are small, and read by name.
type node struct {
	name string
	text string
	raw  []byte // of text
	all  []*node
}

func parse(data []byte) (*node, error) {
	d := xml.NewDecoder(bytes.NewReader(data))
	open := []*node{{}}
	for {
		tok, err := d.Token()
		switch {
		case errors.Is(err, io.EOF):
			if len(open[0].all) == 0 {
				return nil, io.ErrUnexpectedEOF
			}
			return open[0].all[0], nil
		case err != nil:
			return nil, fmt.Errorf("%w: %w", syncml.ErrSyntax, err)
		}
		top := open[len(open)-1]
		switch tok := tok.(type) {
		case xml.StartElement:
			if len(open) > maxDepth {
				return nil, fmt.Errorf("%w: %d elements", syncml.ErrTooDeep, len(open))
			}
			n := &node{name: tok.Name.Local}
			top.all = append(top.all, n)
			open = append(open, n)
		case xml.EndElement:
			top.text, top.raw = string(bytes.TrimSpace(top.raw)), nil
			open = open[:len(open)-1]
		case xml.CharData:
			if len(top.all) == 0 {
				top.raw = append(top.raw, tok...)
			}
		}
	}
}

func (n *node) number() int64 {
	v, err := strconv.ParseInt(n.text, 10, 64)
	if err != nil || v < 0 {
		return 0
	}
	return v
}

func (n *node) devInf() *DevInf {
	d := new(DevInf)
	for _, c := range n.all {
		switch c.name {
		case "VerDTD":
			d.VerDTD = c.text
		case "Man":
			d.Man = c.text
		case "Mod":
			d.Mod = c.text
		case "OEM":
			d.OEM = c.text
		case "FwV":
			d.FwV = c.text
		case "SwV":
			d.SwV = c.text
		case "HwV":
			d.HwV = c.text
		case "DevID":
			d.DevID = c.text
		case "DevTyp":
			d.DevTyp = c.text
		case "UTC":
			d.UTC = true
		case "SupportLargeObjs":
			d.SupportLargeObjs = true
		case "SupportNumberOfChanges":
			d.SupportNumberOfChanges = true
		case "DataStore":
			d.DataStores = append(d.DataStores, c.dataStore())
		case "CTCap":
			d.CTCaps = append(d.CTCaps, c.ctCaps()...)
		case "Ext":
			var e Ext
			for _, x := range c.all {
				switch x.name {
				case "XNam":
					e.Name = x.text
				case "XVal":
					e.Values = append(e.Values, x.text)
				}
			}
			d.Ext = append(d.Ext, e)
		}
	}
	return d
}

func (n *node) dataStore() (s DataStore) {
	for _, c := range n.all {
		switch c.name {
		case "SourceRef":
			s.SourceRef = c.text
		case "DisplayName":
			s.DisplayName = c.text
		case "MaxGUIDSize":
			s.MaxGUIDSize = c.number()
		case "Rx-Pref":
			s.RxPref = c.contentType()
		case "Rx":
			s.Rx = append(s.Rx, c.contentType())
		case "Tx-Pref":
			s.TxPref = c.contentType()
		case "Tx":
			s.Tx = append(s.Tx, c.contentType())
		case "CTCap":
			s.CTCaps = append(s.CTCaps, c.ctCaps()...)
		case "DSMem":
			s.DSMem = new(DSMem)
			for _, m := range c.all {
				switch m.name {
				case "SharedMem":
					s.DSMem.Shared = true
				case "MaxMem":
					s.DSMem.MaxMem = m.number()
				case "MaxID":
					s.DSMem.MaxID = m.number()
				}
			}
		case "SupportHierarchicalSync":
			s.SupportHierarchicalSync = true
		case "SyncCap":
			for _, t := range c.all {
				if t.name == "SyncType" {
					s.SyncTypes = append(s.SyncTypes, t.text)
				}
			}
		case "Filter-Rx":
			s.FilterRx = append(s.FilterRx, c.contentType())
		case "FilterCap":
			f := FilterCap{ContentType: c.contentType()}
			for _, k := range c.all {
				switch k.name {
				case "FilterKeyword":
					f.Keywords = append(f.Keywords, k.text)
				case "PropName":
					f.Properties = append(f.Properties, k.text)
				}
			}
			s.FilterCaps = append(s.FilterCaps, f)
		}
	}
	return s
}

func (n *node) contentType() (t ContentType) {
	for _, c := range n.all {
		switch c.name {
		case "CTType":
			t.Type = c.text
		case "VerCT":
			t.Version = c.text
		}
	}
	return t
}

// ctCaps reads a CTCap. Version 1.2 has one for each content type, with a Property around what belongs to one property;
// before, one held all of them in a row, and what follows a name belongs to that.
func (n *node) ctCaps() (all []CTCap) {
	var cap *CTCap
	var prop *Property
	var param *Param
	for _, c := range n.all {
		if c.name == "CTType" || cap == nil {
			all = append(all, CTCap{})
			cap, prop, param = &all[len(all)-1], nil, nil
		}
		switch c.name {
		case "CTType":
			cap.Type = c.text
		case "VerCT":
			cap.Version = c.text
		case "FieldLevel":
			cap.FieldLevel = true
		case "Property":
			cap.Properties = append(cap.Properties, c.property())
		case "PropName":
			cap.Properties = append(cap.Properties, Property{Name: c.text})
			prop, param = &cap.Properties[len(cap.Properties)-1], nil
		case "ParamName":
			if prop != nil {
				prop.Params = append(prop.Params, Param{Name: c.text})
				param = &prop.Params[len(prop.Params)-1]
			}
		default:
			if param != nil {
				param.set(c)
			} else if prop != nil {
				prop.set(c)
			}
		}
	}
	return all
}

func (n *node) property() (p Property) {
	for _, c := range n.all {
		switch c.name {
		case "PropName":
			p.Name = c.text
		case "PropParam":
			var q Param
			for _, x := range c.all {
				if x.name == "ParamName" {
					q.Name = x.text
				} else {
					q.set(x)
				}
			}
			p.Params = append(p.Params, q)
		default:
			p.set(c)
		}
	}
	return p
}

func (p *Property) set(n *node) {
	switch n.name {
	case "DataType":
		p.DataType = n.text
	case "MaxOccur":
		p.MaxOccur = n.number()
	case "MaxSize", "Size":
		p.MaxSize = n.number()
	case "NoTruncate":
		p.NoTruncate = true
	case "ValEnum":
		p.Values = append(p.Values, n.text)
	case "DisplayName":
		p.DisplayName = n.text
	}
}

func (p *Param) set(n *node) {
	switch n.name {
	case "DataType":
		p.DataType = n.text
	case "ValEnum":
		p.Values = append(p.Values, n.text)
	case "DisplayName":
		p.DisplayName = n.text
	}
}
