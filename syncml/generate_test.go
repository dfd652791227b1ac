package syncml_test

import (
	"encoding/base64"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/omadm-sdk/omadm/syncml"
)

// A maker makes messages that hold anything, from a seed.
type maker struct {
	*rand.Rand
	pieces []string // of which texts are made
	long   int      // at times a text repeats a piece, this often at most
	markup bool     // at times Data holds elements
	odd    bool     // there are elements that the types do not have

	characters bool // Data holds no octets
	id         int
}

// Texts hold whatever may have a meaning in XML or WBXML, and characters of every length.
var (
	tamePieces = []string{"a", "Office", " ", "\t", "<", ">", "&", `"`, "'", "&amp;", "&#38;", "é", "世", "😀", "./Device/Vendor",
		"a longer piece of plain text that fills words", "</Data>", "<![CDATA[", "<a/>", "--", "?>", "\u0085", "\u2028", "\u007F", "\uFFFD",
		"\uD7FF", "\uE000", "\U0010FFFF", "%2F", "1"}
	allPieces = slices.Concat(tamePieces, []string{"\n", "\r", "\r\n", "]]>", "]]"})
)

// wild returns a maker of messages that nothing is kept out of.
func wild(seed uint64) *maker {
	return &maker{Rand: rand.New(rand.NewPCG(seed, 0)), pieces: allPieces, long: 3000, markup: true, odd: seed%4 == 3}
}

func (g *maker) maybe() bool                { return g.IntN(2) == 0 }
func (g *maker) seldom() bool               { return g.IntN(8) == 0 }
func (g *maker) pick(from ...string) string { return from[g.IntN(len(from))] }

func (g *maker) text() string {
	var b strings.Builder
	for range g.IntN(8) {
		b.WriteString(g.pick(g.pieces...))
	}
	if g.long > 0 && g.IntN(20) == 0 {
		b.WriteString(strings.Repeat(g.pick(g.pieces...), g.IntN(g.long)))
	}
	return b.String()
}

// field is a text that keeps when it is trimmed.
func (g *maker) field() string { return strings.Trim(g.text(), " \t\r\n") }

// octets are no base64.
func (g *maker) octets() []byte {
	b := make([]byte, 1+g.IntN(40))
	for i := range b {
		b[i] = byte(g.Uint32())
	}
	b[g.IntN(len(b))] = byte(g.IntN(8))
	return b
}

func (g *maker) location() syncml.Location {
	return syncml.Location{URI: "./" + g.field(), Name: g.text()}
}

func (g *maker) meta() (m syncml.Meta) {
	if g.maybe() {
		m.Format = g.pick("chr", "int", "bool", "xml", "node", "null", "date", "time", "float", "odd", "b64", "bin")
	}
	if g.characters && m.Format == "bin" {
		m.Format = "b64"
	}
	if g.maybe() {
		m.Type = g.field()
	}
	if g.IntN(4) == 0 {
		m = syncml.Meta{Format: m.Format, Mark: g.field(), Size: g.Int64N(1e6), NextNonce: g.field(), MaxMsgSize: g.Int64N(1e6), MaxObjSize: g.Int64N(1e12)}
	}
	if g.seldom() {
		m.Extra = &syncml.MetaExtra{FieldLevel: g.maybe(), Version: "1" + g.field(), EMI: []string{g.text(), g.text()},
			Anchor: &syncml.Anchor{Last: g.field(), Next: g.field()}, Mem: &syncml.Mem{SharedMem: g.maybe(), FreeMem: g.Int64N(10), FreeID: g.Int64N(10)},
			Unknown: g.unknown()}
	}
	return m
}

// unknown returns elements that the types do not have, if any.
func (g *maker) unknown() (list []syncml.Element) {
	for g.odd && g.seldom() {
		list = append(list, []syncml.Element{
			{Name: "Odd", XML: `<o:Odd xmlns:o="urn:odd" a="1">x &lt; y<o:e>` + g.pick("", "z", "é") + `</o:e></o:Odd>`},
			{Name: "Odd", XML: `<Odd><Even/><Even>&amp;</Even></Odd>`},
			{Name: "Lang", XML: `<Lang>en</Lang>`},
			{Name: "Empty", XML: `<Empty></Empty>`},
		}[g.IntN(4)])
	}
	return list
}

// data returns what an item of this format may hold.
func (g *maker) data(format string) syncml.Data {
	switch n := g.IntN(7); {
	case n == 0:
		return syncml.Data{}
	case n == 1:
		return syncml.Empty()
	case format == syncml.FormatBin:
		return syncml.Opaque(g.octets())
	case format == syncml.FormatB64 && n == 2 && !g.characters:
		return syncml.Opaque(g.octets())
	case format == syncml.FormatB64:
		return syncml.Text(base64.StdEncoding.EncodeToString(g.octets()))
	case n == 2:
		return syncml.CDATA(g.text())
	case n == 3 && g.markup:
		return syncml.Markup(`<n:Node xmlns:n="urn:` + g.pick("a", "b") + `"><Name>x</Name><!-- c --></n:Node>`)
	case n == 4 && g.seldom():
		return syncml.Opaque([]byte("o" + g.text()))
	}
	return syncml.Text(g.text())
}

func (g *maker) items(n int, command syncml.Meta) (items []syncml.Item) {
	for range n {
		it := syncml.Item{Meta: g.meta(), Unknown: g.unknown()}
		if g.maybe() {
			it.Target = g.location()
		}
		if g.maybe() {
			it.Source = g.location()
		}
		it.Data = g.data(it.Meta.Or(command).Format)
		it.MoreData = !it.Data.IsAbsent() && g.seldom()
		items = append(items, it)
	}
	return items
}

func (g *maker) node() *syncml.Replace {
	c := &syncml.Replace{CmdID: syncml.ID(g.id), NoResp: g.seldom(), Meta: g.meta(), Unknown: g.unknown()}
	c.Items = g.items(1+g.IntN(4), c.Meta)
	return c
}

// command returns a command in so many others, the innermost of them a Sequence or not.
func (g *maker) command(depth int, inSequence bool) syncml.Command {
	g.id++
	id := syncml.ID(g.id)
	if depth < 3 && g.IntN(6) == 0 {
		c := &syncml.Sequence{CmdID: id, NoResp: g.maybe(), Meta: g.meta()}
		atomic := inSequence || g.maybe() // a Sequence may not be in another
		for range 1 + g.IntN(4) {
			c.Commands = append(c.Commands, g.command(depth+1, !atomic))
		}
		if atomic {
			return (*syncml.Atomic)(c)
		}
		return c
	}
	kinds := 9
	if depth > 0 {
		kinds = 7 // no answers inside others
	}
	if g.odd && g.seldom() {
		return []*syncml.Unknown{
			{CmdID: id, Element: syncml.Element{Name: "Put", XML: `<Put><CmdID>` + id + `</CmdID><Item><Data>x</Data></Item></Put>`}},
			{CmdID: id, Element: syncml.Element{Name: "Odd", XML: `<o:Odd xmlns:o="urn:odd"><o:CmdID>` + id + `</o:CmdID></o:Odd>`}},
			{Element: syncml.Element{Name: "Odd", XML: `<Odd/>`}},
		}[g.IntN(3)]
	}
	switch g.IntN(kinds) {
	case 0:
		return (*syncml.Add)(g.node())
	case 1:
		return g.node()
	case 2:
		return (*syncml.Get)(g.node())
	case 3:
		return (*syncml.Delete)(g.node())
	case 4:
		return (*syncml.Copy)(g.node())
	case 5:
		c := g.node()
		return &syncml.Exec{CmdID: id, NoResp: c.NoResp, Meta: c.Meta, Correlator: g.text(), Items: c.Items[:1], Unknown: c.Unknown}
	case 6:
		return &syncml.Alert{CmdID: id, NoResp: g.seldom(), Code: syncml.AlertGeneric, Correlator: g.text(), Items: g.items(g.IntN(3), syncml.Meta{}),
			Unknown: g.unknown()}
	case 7:
		c := g.node()
		return &syncml.Results{CmdID: id, MsgRef: "1", CmdRef: g.field(), Meta: c.Meta, TargetRef: g.field(), SourceRef: g.field(), Items: c.Items,
			Unknown: c.Unknown}
	}
	s := &syncml.Status{CmdID: id, MsgRef: "1", CmdRef: "2", Cmd: "Get", Code: syncml.StatusCodes()[g.IntN(len(syncml.StatusCodes()))],
		TargetRefs: []string{g.field(), g.field()}, SourceRefs: []string{"x"}, Items: g.items(g.IntN(3), syncml.Meta{}), Unknown: g.unknown()}
	if g.maybe() {
		s.Chal = &syncml.Chal{Meta: syncml.Meta{Format: "b64", Type: syncml.AuthMD5, NextNonce: "Tm9uY2U="}}
		s.OriginalError = "0x8600000" + g.pick("2", "9")
	}
	return s
}

func (g *maker) message() *syncml.Message {
	h := header()
	h.Source.Name, h.RespURI, h.NoResp, h.Meta, h.Unknown = g.text(), g.field(), g.maybe(), g.meta(), g.unknown()
	if g.maybe() {
		h.Cred = &syncml.Cred{Meta: syncml.Meta{Format: "b64", Type: syncml.AuthMD5}, Data: g.field()}
	}
	m := &syncml.Message{Header: h, Final: g.maybe()}
	for range 1 + g.IntN(6) {
		m.Commands = append(m.Commands, g.command(0, false))
	}
	return m
}

// asSent returns a message as it arrives in an encoding: octets under b64 or bin are base64 under b64 in XML, and octets
// under bin in WBXML.
func asSent(m *syncml.Message, enc syncml.Encoding) *syncml.Message {
	m = m.Clone()
	eachItem(m.Commands, func(it *syncml.Item, command syncml.Meta) {
		f := it.Meta.Or(command).Format
		if it.Data.Kind() != syncml.DataOpaque || f != syncml.FormatB64 && f != syncml.FormatBin {
			return
		}
		it.Meta.Format = syncml.FormatBin
		if enc == syncml.XML {
			it.Meta.Format = syncml.FormatB64
			it.Data = syncml.Text(base64.StdEncoding.EncodeToString(it.Data.Bytes()))
		}
	})
	return m
}

// eachCommand visits all commands in document order.
func eachCommand(cmds []syncml.Command, f func(syncml.Command)) {
	for _, c := range cmds {
		f(c)
		switch c := c.(type) {
		case *syncml.Atomic:
			eachCommand(c.Commands, f)
		case *syncml.Sequence:
			eachCommand(c.Commands, f)
		}
	}
}

// eachItem visits the items of all commands, with the Meta of their commands.
func eachItem(cmds []syncml.Command, f func(it *syncml.Item, command syncml.Meta)) {
	visit := func(items []syncml.Item, command syncml.Meta) {
		for i := range items {
			f(&items[i], command)
		}
	}
	eachCommand(cmds, func(c syncml.Command) {
		switch c := c.(type) {
		case *syncml.Add:
			visit(c.Items, c.Meta)
		case *syncml.Replace:
			visit(c.Items, c.Meta)
		case *syncml.Get:
			visit(c.Items, c.Meta)
		case *syncml.Delete:
			visit(c.Items, c.Meta)
		case *syncml.Copy:
			visit(c.Items, c.Meta)
		case *syncml.Exec:
			visit(c.Items, c.Meta)
		case *syncml.Results:
			visit(c.Items, c.Meta)
		case *syncml.Alert:
			visit(c.Items, syncml.Meta{})
		case *syncml.Status:
			visit(c.Items, syncml.Meta{})
		}
	})
}
