package session

import (
	"encoding/base64"
	"strconv"

	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/syncml"
)

// A builder makes commands of SyncML out of entries. What it returns is valid until the next call, so that a long series
// of commands costs no memory.
type builder struct {
	nodes []syncml.Replace // of all kinds that have the same fields
	items []syncml.Item
	list  []syncml.Command
}

// room sees to it that n commands fit without anything being moved.
func (b *builder) room(n int) {
	clear(b.nodes)
	clear(b.items)
	b.nodes, b.items, b.list = b.nodes[:0], b.items[:0], b.list[:0]
	if cap(b.nodes) < n {
		b.nodes, b.items, b.list = make([]syncml.Replace, 0, n), make([]syncml.Item, 0, n), make([]syncml.Command, 0, n)
	}
}

// command returns e as a command, with CmdIDs from id on. A Set goes out as what it has been decided to be.
func (b *builder) command(e *Entry, as kind, id int, enc syncml.Encoding) syncml.Command {
	b.room(e.size())
	return b.one(e, as, id, enc)
}

func (b *builder) one(e *Entry, as kind, id int, enc syncml.Encoding) syncml.Command {
	cmdID := strconv.Itoa(id)
	switch as {
	case kindGet:
		return (*syncml.Get)(b.node(e, cmdID, enc))
	case kindAdd:
		return (*syncml.Add)(b.node(e, cmdID, enc))
	case kindReplace, kindSet:
		return b.node(e, cmdID, enc)
	case kindDelete:
		return (*syncml.Delete)(b.node(e, cmdID, enc))
	case kindCopy:
		return (*syncml.Copy)(b.node(e, cmdID, enc))
	case kindExec:
		return &syncml.Exec{CmdID: cmdID, Correlator: e.rare().correlator, Items: b.node(e, "", enc).Items}
	case kindAlert:
		m := e.rare()
		a := &syncml.Alert{CmdID: cmdID, Code: m.alert, Items: make([]syncml.Item, len(m.texts))}
		for i, t := range m.texts {
			if i > 0 || t != "" { // without parameters the first item is an empty Item (DM Protocol, alerts)
				a.Items[i].Data = syncml.Text(t)
			}
		}
		return a
	case kindAtomic, kindSequence:
		for i, c := range e.children() {
			b.list = append(b.list, b.one(c, c.kind, id+1+i, enc))
		}
		if as == kindAtomic {
			return &syncml.Atomic{CmdID: cmdID, Commands: b.list}
		}
		return &syncml.Sequence{CmdID: cmdID, Commands: b.list}
	}
	panic("session: entry of " + as.String())
}

// node returns a command with one item.
func (b *builder) node(e *Entry, cmdID string, enc syncml.Encoding) *syncml.Replace {
	n := len(b.items)
	b.items = append(b.items, syncml.Item{Target: syncml.Location{URI: string(e.uri)}})
	it := &b.items[n]
	if e.more != nil {
		it.Source.URI = string(e.more.from)
	}
	switch e.kind {
	case kindAdd, kindReplace, kindSet, kindExec:
		if !e.value.IsNull() {
			it.Meta.Format, it.Data = wireValue(e.value, enc, e.as)
			it.Meta.Type = e.value.Type()
		} else if e.kind != kindExec {
			it.Meta.Format = dmtree.FormatNull.String()
		}
	}
	b.nodes = append(b.nodes, syncml.Replace{CmdID: cmdID, Items: b.items[n : n+1 : n+1]})
	return &b.nodes[len(b.nodes)-1]
}

// wireValue returns how a value travels: its format, empty for chr, and its data. Octets are base64 in XML, and what they
// are in WBXML (DM RepPro). Interior nodes have no data unless they list their children.
func wireValue(v dmtree.Value, enc syncml.Encoding, as syncml.DataKind) (format string, d syncml.Data) {
	f := v.Format()
	switch f {
	case dmtree.FormatChr:
		format = ""
	case dmtree.FormatBin:
		if enc == syncml.WBXML {
			b, _ := v.Bytes()
			return f.String(), syncml.Opaque(b)
		}
		return dmtree.FormatB64.String(), syncml.Text(v.Text())
	case dmtree.FormatNode:
		if v.Text() == "" {
			return f.String(), syncml.Data{}
		}
		format = f.String()
	case dmtree.FormatNull:
		return f.String(), syncml.Data{}
	default:
		format = f.String()
	}
	if as == syncml.DataAbsent {
		as = syncml.DataText
	}
	switch as {
	case syncml.DataCDATA:
		return format, syncml.CDATA(v.Text())
	case syncml.DataMarkup:
		return format, syncml.Markup(v.Text())
	}
	return format, syncml.Text(v.Text())
}

// textLen returns the length of a value as text: octets count as base64.
func textLen(v dmtree.Value) int {
	if v.Format() == dmtree.FormatBin {
		return base64.StdEncoding.EncodedLen(v.Size())
	}
	return len(v.Text())
}

// wireNode reads one item of Results, or of an alert.
func wireNode(it *syncml.Item, command syncml.Meta) node {
	meta := it.Meta.Or(command)
	u := it.Source.URI
	if u == "" {
		u = it.Target.URI
	}
	return node{
		uri:    dmtree.URI(u),
		format: meta.Format,
		mime:   meta.Type,
		text:   it.Data.String(),
		binary: it.Data.Kind() == syncml.DataOpaque,
	}
}
