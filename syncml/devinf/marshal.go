package devinf

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/omadm-sdk/omadm/syncml"
)

// Marshal writes d as a document of version 1.2, whose order it follows, in XML (and Auto) or WBXML. The XML is what
// [syncml.Markup] takes. The error is [syncml.ErrBadChar] where a text holds what XML cannot carry.
func (d *DevInf) Marshal(enc syncml.Encoding) ([]byte, error) {
	w := &writer{}
	w.b.WriteString(`<DevInf xmlns="` + Namespace + `">`)
	w.devInf(d)
	w.b.WriteString("</DevInf>")
	switch {
	case w.bad != "":
		return nil, fmt.Errorf("devinf: %s: %w", w.bad, syncml.ErrBadChar)
	case enc != syncml.WBXML:
		return []byte(w.b.String()), nil
	}
	out, err := syncml.ToWBXML([]byte(w.b.String()))
	if err != nil {
		return nil, fmt.Errorf("devinf: %w", err)
	}
	return out, nil
}

type writer struct {
	b   strings.Builder
	bad string // the first element that XML cannot carry
}

// Quotes are left alone: there are no attributes, and some devices fail on numeric references.
var escaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "\r", "&#13;")

func (w *writer) leaf(name, text string) {
	if !utf8.ValidString(text) || strings.ContainsFunc(text, forbidden) {
		if w.bad == "" {
			w.bad = name
		}
		return
	}
	w.b.WriteString("<" + name + ">" + escaper.Replace(text) + "</" + name + ">")
}

// forbidden reports whether XML forbids a character.
func forbidden(r rune) bool {
	return r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF
}

func (w *writer) text(name, text string) {
	if text != "" {
		w.leaf(name, text)
	}
}

func (w *writer) texts(name string, list []string) {
	for _, s := range list {
		w.leaf(name, s)
	}
}

func (w *writer) number(name string, n int64) {
	if n != 0 {
		w.leaf(name, strconv.FormatInt(n, 10))
	}
}

func (w *writer) flag(name string, there bool) {
	if there {
		w.b.WriteString("<" + name + "/>")
	}
}

func (w *writer) element(name string, content func()) {
	w.b.WriteString("<" + name + ">")
	content()
	w.b.WriteString("</" + name + ">")
}

func (w *writer) devInf(d *DevInf) {
	version := d.VerDTD
	if version == "" {
		version = "1.2"
	}
	w.leaf("VerDTD", version)
	w.text("Man", d.Man)
	w.text("Mod", d.Mod)
	w.text("OEM", d.OEM)
	w.text("FwV", d.FwV)
	w.text("SwV", d.SwV)
	w.text("HwV", d.HwV)
	w.leaf("DevID", d.DevID)
	w.leaf("DevTyp", d.DevTyp)
	w.flag("UTC", d.UTC)
	w.flag("SupportLargeObjs", d.SupportLargeObjs)
	w.flag("SupportNumberOfChanges", d.SupportNumberOfChanges)
	for i := range d.DataStores {
		w.element("DataStore", func() { w.dataStore(&d.DataStores[i]) })
	}
	for i := range d.CTCaps {
		w.ctCap(&d.CTCaps[i])
	}
	for _, e := range d.Ext {
		w.element("Ext", func() {
			w.leaf("XNam", e.Name)
			w.texts("XVal", e.Values)
		})
	}
}

func (w *writer) dataStore(s *DataStore) {
	w.leaf("SourceRef", s.SourceRef)
	w.text("DisplayName", s.DisplayName)
	w.number("MaxGUIDSize", s.MaxGUIDSize)
	w.contentTypes("Rx-Pref", s.RxPref)
	w.contentTypes("Rx", s.Rx...)
	w.contentTypes("Tx-Pref", s.TxPref)
	w.contentTypes("Tx", s.Tx...)
	for i := range s.CTCaps {
		w.ctCap(&s.CTCaps[i])
	}
	if m := s.DSMem; m != nil {
		w.element("DSMem", func() {
			w.flag("SharedMem", m.Shared)
			w.number("MaxMem", m.MaxMem)
			w.number("MaxID", m.MaxID)
		})
	}
	w.flag("SupportHierarchicalSync", s.SupportHierarchicalSync)
	w.element("SyncCap", func() { w.texts("SyncType", s.SyncTypes) })
	w.contentTypes("Filter-Rx", s.FilterRx...)
	for _, f := range s.FilterCaps {
		w.element("FilterCap", func() {
			w.contentType(f.ContentType)
			w.texts("FilterKeyword", f.Keywords)
			w.texts("PropName", f.Properties)
		})
	}
}

func (w *writer) contentTypes(name string, list ...ContentType) {
	for _, t := range list {
		w.element(name, func() { w.contentType(t) })
	}
}

func (w *writer) contentType(t ContentType) {
	w.leaf("CTType", t.Type)
	w.leaf("VerCT", t.Version)
}

func (w *writer) ctCap(c *CTCap) {
	w.element("CTCap", func() {
		w.contentType(c.ContentType)
		w.flag("FieldLevel", c.FieldLevel)
		for _, p := range c.Properties {
			w.element("Property", func() { w.property(&p) })
		}
	})
}

func (w *writer) property(p *Property) {
	w.leaf("PropName", p.Name)
	w.text("DataType", p.DataType)
	w.number("MaxOccur", p.MaxOccur)
	w.number("MaxSize", p.MaxSize)
	w.flag("NoTruncate", p.NoTruncate)
	w.texts("ValEnum", p.Values)
	w.text("DisplayName", p.DisplayName)
	for _, q := range p.Params {
		w.element("PropParam", func() {
			w.leaf("ParamName", q.Name)
			w.text("DataType", q.DataType)
			w.texts("ValEnum", q.Values)
			w.text("DisplayName", q.DisplayName)
		})
	}
}
