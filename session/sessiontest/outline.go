package sessiontest

import (
	"strconv"
	"strings"

	"github.com/omadm-sdk/omadm/syncml"
)

// Outline renders a message in one line per command, as it reads in a test or a log:
//
//	Status 1 1/0 SyncHdr 200
//	Replace 2 ./Vendor/MSFT/A=1
//	Final
//
// A Status has its CmdID, MsgRef and CmdRef, the name of the command and the code; values longer than 64 bytes are cut.
func Outline(m *syncml.Message) string {
	var b strings.Builder
	for _, c := range m.Commands {
		line(&b, "", c)
	}
	if m.Final {
		b.WriteString("Final\n")
	}
	return b.String()
}

func line(b *strings.Builder, indent string, c syncml.Command) {
	b.WriteString(indent + c.Name() + " " + c.ID())
	var items []syncml.Item
	var children []syncml.Command
	switch c := c.(type) {
	case *syncml.Status:
		b.WriteString(" " + c.MsgRef + "/" + c.CmdRef + " " + c.Cmd + " " + strconv.Itoa(int(c.Code)))
		if c.Chal != nil {
			b.WriteString(" chal " + c.Chal.Meta.Type)
		}
		for _, ref := range append(c.TargetRefs[:len(c.TargetRefs):len(c.TargetRefs)], c.SourceRefs...) {
			if c.CmdRef != "0" {
				b.WriteString(" " + ref)
			}
		}
		items = c.Items
	case *syncml.Alert:
		b.WriteString(" " + strconv.Itoa(int(c.Code)))
		if c.Correlator != "" {
			b.WriteString(" correlator " + c.Correlator)
		}
		items = c.Items
	case *syncml.Results:
		b.WriteString(" " + c.MsgRef + "/" + c.CmdRef)
		items = c.Items
	case *syncml.Get:
		items = c.Items
	case *syncml.Add:
		items = c.Items
	case *syncml.Replace:
		items = c.Items
	case *syncml.Delete:
		items = c.Items
	case *syncml.Exec:
		items = c.Items
	case *syncml.Copy:
		items = c.Items
	case *syncml.Atomic:
		children = c.Commands
	case *syncml.Sequence:
		children = c.Commands
	}
	for i := range items {
		item(b, &items[i])
	}
	b.WriteByte('\n')
	for _, c := range children {
		line(b, indent+"  ", c)
	}
}

func item(b *strings.Builder, it *syncml.Item) {
	b.WriteByte(' ')
	b.WriteString(it.Target.URI)
	if it.Source.URI != "" {
		if it.Target.URI != "" {
			b.WriteString(" from ")
		}
		b.WriteString(it.Source.URI)
	}
	if it.Meta.Type != "" && it.Meta.Type != "text/plain" {
		b.WriteString(" (" + it.Meta.Type + ")")
	}
	if it.Meta.Size != 0 {
		b.WriteString(" size " + strconv.FormatInt(it.Meta.Size, 10))
	}
	if !it.Data.IsAbsent() {
		text := it.Data.String()
		if len(text) > 64 {
			text = strings.ToValidUTF8(text[:64], "") + "... " + strconv.Itoa(len(text)) + " bytes"
		}
		b.WriteString("=" + text)
	}
	if it.MoreData {
		b.WriteString(" more")
	}
}
