package session

import (
	"strconv"

	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/syncml"
)

// command returns e as a command of SyncML, with CmdIDs from id on. A Set goes out as what it has been decided to be.
func (e *Entry) command(as kind, id int, enc syncml.Encoding) syncml.Command {
	cmdID := strconv.Itoa(id)
	switch as {
	case kindGet:
		return &syncml.Get{CmdID: cmdID, Items: e.items(enc)}
	case kindAdd:
		return &syncml.Add{CmdID: cmdID, Items: e.items(enc)}
	case kindReplace, kindSet:
		return &syncml.Replace{CmdID: cmdID, Items: e.items(enc)}
	case kindDelete:
		return &syncml.Delete{CmdID: cmdID, Items: e.items(enc)}
	case kindExec:
		return &syncml.Exec{CmdID: cmdID, Correlator: e.correlator, Items: e.items(enc)}
	case kindCopy:
		return &syncml.Copy{CmdID: cmdID, Items: []syncml.Item{{
			Target: syncml.Location{URI: string(e.uri)},
			Source: syncml.Location{URI: string(e.from)},
		}}}
	case kindAlert:
		a := &syncml.Alert{CmdID: cmdID, Code: e.alert, Items: make([]syncml.Item, len(e.texts))}
		for i, t := range e.texts {
			if i > 0 || t != "" { // without parameters the first item is an empty Item (oma-dm 3.2)
				a.Items[i].Data = syncml.Text(t)
			}
		}
		return a
	case kindAtomic, kindSequence:
		children := make([]syncml.Command, len(e.children))
		for i, c := range e.children {
			children[i] = c.command(c.kind, id+1+i, enc)
		}
		if as == kindAtomic {
			return &syncml.Atomic{CmdID: cmdID, Commands: children}
		}
		return &syncml.Sequence{CmdID: cmdID, Commands: children}
	}
	panic("session: entry of " + as.String())
}

func (e *Entry) items(enc syncml.Encoding) []syncml.Item {
	it := syncml.Item{Target: syncml.Location{URI: string(e.uri)}}
	switch e.kind {
	case kindAdd, kindReplace, kindSet, kindExec:
		if !e.value.IsNull() {
			it.Meta.Format, it.Data = wireValue(e.value, enc, e.as)
			it.Meta.Type = e.value.Type()
		} else if e.kind != kindExec {
			it.Meta.Format = dmtree.FormatNull.String()
		}
	}
	return []syncml.Item{it}
}

// wireValue returns how a value travels: its format, empty for chr, and its data. Octets are base64 in XML, and what they
// are in WBXML (oma-dm 1.7). Interior nodes have no data unless they list their children.
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
