package enroll

import (
	"fmt"
	"strings"

	"github.com/beevik/etree"
	"github.com/omadm-sdk/omadm/internal/soap"
)

// A Characteristic is a node of a wap-provisioningdoc as it is written.
type Characteristic struct {
	Type     string
	Params   []Param
	Children []*Characteristic
}

// A Param is a parm: a name, a value that may be absent, and the type of the value ("string", "integer", "boolean", or
// empty where it is not said).
type Param struct {
	Name, Value, DataType string
	NoValue               bool // there is no attribute value at all
}

// Child returns the first child of the type, in any case of letters, or nil. c may be nil.
func (c *Characteristic) Child(typ string) *Characteristic {
	if c == nil {
		return nil
	}
	for _, ch := range c.Children {
		if strings.EqualFold(ch.Type, typ) {
			return ch
		}
	}
	return nil
}

// Value returns the value of the first parm of the name, in any case of letters, or "". c may be nil.
func (c *Characteristic) Value(name string) string {
	if p := c.param(name); p != nil {
		return p.Value
	}
	return ""
}

func (c *Characteristic) param(name string) *Param {
	if c == nil {
		return nil
	}
	for i := range c.Params {
		if strings.EqualFold(c.Params[i].Name, name) {
			return &c.Params[i]
		}
	}
	return nil
}

// add and the others below build documents.
func (c *Characteristic) add(typ string) *Characteristic {
	ch := &Characteristic{Type: typ}
	c.Children = append(c.Children, ch)
	return ch
}

func (c *Characteristic) set(name, value, dataType string) {
	c.Params = append(c.Params, Param{Name: name, Value: value, DataType: dataType})
}

func (c *Characteristic) setNotEmpty(name, value, dataType string) {
	if value != "" {
		c.set(name, value, dataType)
	}
}

func (c *Characteristic) setInt(name string, v int64) { c.set(name, fmt.Sprint(v), "integer") }

func (c *Characteristic) setBool(name string, v bool) { c.set(name, fmt.Sprint(v), "boolean") }

func (c *Characteristic) element() *etree.Element {
	el := etree.NewElement("characteristic")
	el.CreateAttr("type", c.Type)
	for _, p := range c.Params {
		pe := el.CreateElement("parm")
		pe.CreateAttr("name", p.Name)
		if !p.NoValue {
			pe.CreateAttr("value", p.Value)
		}
		if p.DataType != "" {
			pe.CreateAttr("datatype", p.DataType)
		}
	}
	for _, ch := range c.Children {
		el.AddChild(ch.element())
	}
	return el
}

const wapRoot = "wap-provisioningdoc"

func marshalWAP(cs []*Characteristic) ([]byte, error) {
	doc := etree.NewDocument()
	root := doc.CreateElement(wapRoot)
	root.CreateAttr("version", "1.1")
	for _, c := range cs {
		root.AddChild(c.element())
	}
	return soap.Bytes(doc)
}

// wapLimits allow for documents that configure many CSPs; an ordinary one has 6 KB, 60 elements and 6 levels.
var wapLimits = soap.Limits{Bytes: 1 << 20, Depth: 32, Elements: 16384, Attrs: 16}

func parseWAP(data []byte) ([]*Characteristic, error) {
	doc, err := soap.ParseXML(data, &wapLimits)
	if err != nil {
		return nil, err
	}
	if t := doc.Root().Tag; t != wapRoot {
		return nil, fmt.Errorf("the root is %s, want %s", t, wapRoot)
	}
	return readCharacteristics(doc.Root()), nil
}

func readCharacteristics(el *etree.Element) []*Characteristic {
	var cs []*Characteristic
	for _, e := range el.ChildElements() {
		if e.Tag != "characteristic" {
			continue
		}
		c := &Characteristic{Type: soap.Attr(e, "type"), Children: readCharacteristics(e)}
		for _, p := range e.ChildElements() {
			if p.Tag != "parm" {
				continue
			}
			param := Param{Name: soap.Attr(p, "name"), Value: soap.Attr(p, "value"), DataType: soap.Attr(p, "datatype")}
			param.NoValue = param.Value == "" && p.SelectAttr("value") == nil
			c.Params = append(c.Params, param)
		}
		cs = append(cs, c)
	}
	return cs
}
