package syncml_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/omadm-sdk/omadm/internal/corpus"
	"github.com/omadm-sdk/omadm/internal/wbxml"
	"github.com/omadm-sdk/omadm/syncml"
	"github.com/stretchr/testify/require"
)

// octets reads rows such as `4F 03 "text" 00 01`.
func octets(s string) []byte {
	var out []byte
	for i, part := range strings.Split(s, `"`) {
		if i%2 == 1 {
			out = append(out, part...)
			continue
		}
		b, err := hex.DecodeString(strings.Join(strings.Fields(part), ""))
		if err != nil {
			panic(err)
		}
		out = append(out, b...)
	}
	return out
}

const (
	binStart = `02 A4 01 6A 00 `
	binHdr   = `6C 71 03 "1.2" 00 01 72 03 "DM/1.2" 00 01 65 03 "7" 00 01 5B 03 "2" 00 01 ` +
		`6E 57 03 "http://dm.example" 00 01 01 67 57 03 "IMEI:1" 00 01 01 01 `
	binItem = binStart + `6D ` + binHdr + `6B 60 4B 03 "1" 00 01 54 ` // SyncML, SyncHdr, SyncBody, Replace, CmdID, Item
	binEnd  = ` 01 01 12 01 01`                                       // of Item, Replace, Final, SyncBody, SyncML
)

func asWBXML(t *testing.T, m *syncml.Message) []byte {
	t.Helper()
	b, err := syncml.Append(nil, m, &syncml.EncoderOptions{Encoding: syncml.WBXML, AsIs: true})
	require.NoError(t, err)
	return b
}

// The worked examples are the same messages in both encodings, octet for octet.
func TestVectors(t *testing.T) {
	statements := map[string]string{"message": "W05", "tnds-opaque": "W15", "tnds-inline": "W16", "binary": "W14"}
	opaque := make(map[string][]byte)
	for _, v := range corpus.Vectors() {
		opaque[v.Name] = v.WBXML
	}
	for _, v := range corpus.Vectors() {
		if v.Name == "tnds" {
			continue // not a message
		}
		t.Run(statements[v.Name]+" "+v.Name, func(t *testing.T) {
			m, err := syncml.Unmarshal(v.WBXML, nil)
			require.NoError(t, err)
			x, err := syncml.Append(nil, m, &syncml.EncoderOptions{Encoding: syncml.XML})
			require.NoError(t, err)
			require.Equal(t, string(v.XML), string(x))

			want := v.WBXML
			if v.Name == "tnds-inline" {
				want = opaque["tnds-opaque"] // both forms are read, one is written
			}
			require.Equal(t, want, asWBXML(t, m))

			fromXML, err := syncml.Unmarshal(v.XML, nil)
			require.NoError(t, err)
			if v.Name == "binary" {
				return // base64 stays base64: whether it is the value or its spelling, only the tree can tell
			}
			require.Equal(t, m, fromXML)
			require.Equal(t, want, asWBXML(t, fromXML))
		})
	}
}

// What the corpus holds survives XML to WBXML to XML and back.
func TestCorpusInBothEncodings(t *testing.T) {
	for _, c := range corpus.All() {
		t.Run(c.Name, func(t *testing.T) {
			m, err := syncml.Unmarshal(c.XML, nil)
			require.NoError(t, err)
			b := asWBXML(t, m)
			back, err := syncml.Unmarshal(b, nil)
			require.NoError(t, err)
			require.Empty(t, syncml.Diff(m, back, nil))
			x, err := syncml.Append(nil, back, nil)
			require.NoError(t, err)
			again, err := syncml.Unmarshal(x, nil)
			require.NoError(t, err)
			require.Equal(t, back, again)
			require.Equal(t, b, asWBXML(t, again))
		})
	}
}

func TestWBXMLHeaders(t *testing.T) {
	const id = `"-//SYNCML//DTD SyncML 1.2//EN"`
	body := `6D ` + binHdr + `6B 12 01 01`
	for _, c := range []struct{ name, start string }{
		{"W01 W02 version 1.1", `01 A4 01 6A 00`},
		{"W01 W02 version 1.2", `02 A4 01 6A 00`},
		{"W01 W02 version 1.3", `03 A4 01 6A 00`},
		{"W03 public id as text without NUL", `02 00 00 6A 1D ` + id},
		{"W03 public id as text with NUL", `02 00 00 6A 1E ` + id + ` 00`},
		{"unknown public id", `02 01 6A 00`},
		{"SyncML 1.1", `01 9F 53 6A 00`},
		{"US-ASCII", `02 A4 01 03 00`},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := syncml.Unmarshal(octets(c.start+body), nil)
			require.NoError(t, err)
			require.Equal(t, &syncml.Message{Header: header(), Final: true}, m)
		})
	}
	t.Run("W17 namespace as an attribute of the root", func(t *testing.T) {
		m, err := syncml.Unmarshal(octets(binStart+`ED 04 00 03 "SYNCML:SYNCML1.2" 00 01 `+binHdr+`6B 12 01 01`), nil)
		require.NoError(t, err)
		require.True(t, m.Final)
	})
	t.Run("W04", func(t *testing.T) {
		_, err := syncml.Unmarshal(octets(`02 A4 01 04 00`+body), nil)
		var charset *syncml.CharsetError
		require.ErrorAs(t, err, &charset)
		require.Equal(t, syncml.CharsetError{MIB: 4, Name: "ISO-8859-1"}, *charset)
		require.ErrorIs(t, err, syncml.ErrSyntax)
		require.ErrorContains(t, err, "ISO-8859-1")
	})
	for dtd, start := range map[string]string{"": `02 A4 01 6A 00 6D`, "1.2": `02 A4 01 6A 00 6D`, "1.1": `02 9F 53 6A 00 6D`, "1.0": `02 9F 51 6A 00 6D`} {
		h := header()
		h.VerDTD = dtd
		got := asWBXML(t, &syncml.Message{Header: h})
		require.Equal(t, octets(start), got[:6], "W01 W04 header of version %q", dtd)
	}
}

func TestWBXMLItems(t *testing.T) {
	for _, c := range []struct {
		name, in string
		want     syncml.Item
	}{
		{"W10 empty without content bit", `0F`, data(syncml.Empty())},
		{"W10 empty with END", `4F 01`, data(syncml.Empty())},
		{"empty string", `4F 03 00 01`, data(syncml.Empty())},
		{"W11 strings and entities", `4F 03 "a" 00 02 20 03 "b" 00 01`, data(syncml.Text("a b"))},
		{"W11 strings and opaque data", `4F 03 "a" 00 C3 02 00 FF 01`, data(syncml.Opaque([]byte("a\x00\xff")))},
		{"text of opaque data in a name", `6E 57 C3 03 "./a" 01 01`, syncml.Item{Target: syncml.Location{URI: "./a"}}},
		{"W09 page kept across END", `5A 00 01 47 03 "int" 00 01 53 03 "t" 00 01 01 00 00 4F 03 "1" 00 01`,
			syncml.Item{Meta: syncml.Meta{Format: "int", Type: "t"}, Data: syncml.Text("1")}},
		{"X24 EMI on page 1", `5A 00 01 46 03 "odd" 00 01 47 03 "int" 00 01 01 00 00`,
			syncml.Item{Meta: syncml.Meta{Format: "int", Extra: &syncml.MetaExtra{EMI: []string{"odd"}}}}},
		{"W18 unknown token with content", `7F 4F 03 "no" 00 01 03 "x" 00 C3 01 01 01 4F 03 "yes" 00 01`, data(syncml.Text("yes"))},
		{"W18 reserved token", `30 70 01 4F 03 "yes" 00 01`, data(syncml.Text("yes"))},
		{"W18 unknown page", `00 07 45 46 03 "no" 00 01 01 00 00 4F 03 "yes" 00 01`, data(syncml.Text("yes"))},
		{"W17 attributes of Data", `CF 05 03 "v" 00 85 01 03 "yes" 00 01`, data(syncml.Text("yes"))},
		{"extension tokens", `4F 40 "x" 00 03 "yes" 00 C0 80 05 01`, data(syncml.Text("yes"))},
		{"element where text belongs", `6E 57 03 "./" 00 4F 03 "no" 00 01 03 "a" 00 01 01`, syncml.Item{Target: syncml.Location{URI: "./a"}}},
		{"text where elements belong", `03 "no" 00 4F 03 "yes" 00 01`, data(syncml.Text("yes"))},
		{"markup on page 0", `4F 6E 57 03 "a<b" 00 01 01 01`, data(syncml.Markup(`<Target><LocURI>a&lt;b</LocURI></Target>`))},
		{"markup on page 1", `4F 00 01 47 03 "x" 00 01 01 00 00`, data(syncml.Markup(`<Format xmlns="syncml:metinf">x</Format>`))},
		{"markup behind text", `4F 03 "a&" 00 03 "b" 00 0F 01`, data(syncml.Markup(`a&amp;b<Data/>`))},
		{"markup of a page without a name", `4F 00 05 47 03 "x" 00 01 01 00 00`, data(syncml.Markup(`<wbxml-5-07>x</wbxml-5-07>`))},
		{"document of no type", `5A 00 01 53 03 "application/octet-stream" 00 01 01 00 00 4F C3 05 02 A4 01 6A 00 01`,
			syncml.Item{Meta: syncml.Meta{Type: "application/octet-stream"}, Data: syncml.Opaque([]byte{2, 0xA4, 1, 0x6A, 0})}},
		{"document that is none", `5A 00 01 53 03 "a/b+wbxml" 00 01 01 00 00 4F C3 02 02 A4 01`,
			syncml.Item{Meta: syncml.Meta{Type: "a/b+wbxml"}, Data: syncml.Opaque([]byte{2, 0xA4})}},
		{"DevInf", `5A 00 01 53 03 "application/vnd.syncml-devinf+wbxml" 00 01 01 00 00 4F C3 0F 02 A4 03 6A 00 4A 65 03 "1.2" 00 01 28 01 01`,
			syncml.Item{Meta: syncml.Meta{Type: "application/vnd.syncml-devinf+xml"},
				Data: syncml.Markup(`<DevInf xmlns="syncml:devinf"><VerDTD>1.2</VerDTD><UTC/></DevInf>`)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := syncml.Unmarshal(octets(binItem+c.in+binEnd), nil)
			require.NoError(t, err)
			want := &syncml.Message{Header: header(), Final: true, Commands: []syncml.Command{
				&syncml.Replace{CmdID: "1", Items: []syncml.Item{c.want}}}}
			require.Empty(t, syncml.Diff(want, m, nil))
			got := m.Commands[0].(*syncml.Replace).Items[0].Data
			require.Equal(t, c.want.Data.Kind(), got.Kind())

			// What was read is written so that it reads the same, in either encoding.
			for _, enc := range encodings {
				if enc == syncml.XML && got.Kind() == syncml.DataOpaque {
					continue // it has no format that says so
				}
				out, err := syncml.Append(nil, m, &syncml.EncoderOptions{Encoding: enc})
				require.NoError(t, err)
				back, err := syncml.Unmarshal(out, nil)
				require.NoError(t, err)
				require.Empty(t, syncml.Diff(m, back, nil), "%v", enc)
			}
		})
	}
}

// W18, and what else only WBXML can get wrong, among commands.
func TestWBXMLUnknownCommand(t *testing.T) {
	in := octets(binStart + `6D ` + binHdr + `6B 7F 4B 03 "4" 00 01 01 0D 53 4B 03 "5" 00 01 01 12 01 01`)
	m, err := syncml.Unmarshal(in, nil)
	require.NoError(t, err)
	require.Equal(t, []syncml.Command{
		&syncml.Unknown{CmdID: "4", Element: syncml.Element{Name: "wbxml-0-3F"}},
		&syncml.Copy{},
		&syncml.Get{CmdID: "5"},
	}, m.Commands)

	m, err = syncml.Unmarshal(in, &syncml.DecoderOptions{KeepUnknown: true})
	require.NoError(t, err)
	require.Equal(t, `<wbxml-0-3F><CmdID>4</CmdID></wbxml-0-3F>`, m.Commands[0].(*syncml.Unknown).Element.XML)
	m.Commands = m.Commands[:1]
	require.Equal(t, octets(binStart+`6D `+binHdr+`6B 7F 4B 03 "4" 00 01 01 12 01 01`), asWBXML(t, m), "it finds its way back")
}

// Names that no page has go through the string table.
func TestLiterals(t *testing.T) {
	in := message(`<Frobnicate><CmdID>1</CmdID><Odd><Even/>x</Odd></Frobnicate><Get><CmdID>2</CmdID><Item/><Odd>y</Odd></Get>`)
	m, err := syncml.Unmarshal([]byte(in), &syncml.DecoderOptions{KeepUnknown: true})
	require.NoError(t, err)
	b := asWBXML(t, m)
	require.Equal(t, octets(`02 A4 01 6A 14 "Frobnicate" 00 "Odd" 00 "Even" 00`), b[:25])
	back, err := syncml.Unmarshal(b, &syncml.DecoderOptions{KeepUnknown: true})
	require.NoError(t, err)
	require.Equal(t, m, back)

	e := syncml.NewEncoder(io.Discard, &syncml.EncoderOptions{Encoding: syncml.WBXML, AsIs: true})
	require.NoError(t, e.Begin(&m.Header))
	err = e.Encode(m.Commands[0])
	require.ErrorIs(t, err, syncml.ErrNoToken)
	require.ErrorContains(t, err, "Frobnicate")
}

// Every token has the name of the specification, in both directions.
func TestCodePages(t *testing.T) {
	for page, list := range pages[:2] {
		for i, name := range strings.Fields(list) {
			if name == "-" {
				continue
			}
			t.Run(fmt.Sprintf("%s %s", []string{"W06", "W07"}[page], name), func(t *testing.T) {
				tag := wbxml.Tag{Page: byte(page), Token: byte(5 + i)}
				id, ok := tagOf(name)
				require.True(t, ok)
				require.Equal(t, tag, id)
				// In Data, anything may stand.
				in := octets(binItem + `4F ` + fmt.Sprintf("00 %02X %02X", page, tag.Token) + ` 01 00 00` + binEnd)
				m, err := syncml.Unmarshal(in, nil)
				require.NoError(t, err)
				uri := []string{"", ` xmlns="syncml:metinf"`}[page]
				require.Equal(t, `<`+name+uri+`/>`, m.Commands[0].(*syncml.Replace).Items[0].Data.String())

				// Outside of its place it is kept as it came, if asked for, and goes out under the same token.
				m.Commands = []syncml.Command{&syncml.Unknown{Element: syncml.Element{Name: name, XML: `<` + name + uri + `/>`}}}
				out := asWBXML(t, m)
				w := fmt.Sprintf("%02X", tag.Token)
				end := `12 01 01`
				if page == 1 {
					w, end = "00 01 "+w, "00 00 "+end
				}
				require.Equal(t, octets(binStart+`6D `+binHdr+`6B `+w+end), out)
			})
		}
	}
	documents := []struct{ statement, root, list, start, uri, typ string }{
		{"W08", "MgmtTree", pages[2], `02 00 00 6A 1B "-//OMA//DTD-DM-DDF 1.2//EN" 00 00 02 60`, "syncml:dmddf1.2", "application/vnd.syncml.dmtnds"},
		{"DevInf", "DevInf", tableDevInf, `02 A4 03 6A 00 4A`, "syncml:devinf", "application/vnd.syncml-devinf"},
	}
	for _, d := range documents {
		var xml strings.Builder
		bin := octets(d.start)
		fmt.Fprintf(&xml, `<%s xmlns="%s">`, d.root, d.uri)
		for i, name := range strings.Fields(d.list) {
			if name != "-" {
				fmt.Fprintf(&xml, `<%s/>`, name)
				bin = append(bin, byte(5+i))
			}
		}
		fmt.Fprintf(&xml, `</%s>`, d.root)
		bin = append(bin, 0x01)
		t.Run(d.statement+" "+d.root, func(t *testing.T) {
			m := replace(syncml.Item{Meta: syncml.Meta{Type: d.typ + "+wbxml"}, Data: syncml.Opaque(bin)})
			back, err := syncml.Unmarshal(asWBXML(t, m), nil)
			require.NoError(t, err)
			it := back.Commands[0].(*syncml.Replace).Items[0]
			require.Equal(t, syncml.Item{Meta: syncml.Meta{Type: d.typ + "+xml"}, Data: syncml.Markup(xml.String())}, it)
			require.Equal(t, asWBXML(t, m), asWBXML(t, back))
		})
	}
	t.Run("DDF on page 0", func(t *testing.T) {
		doc := octets(`02 00 00 6A 1B "-//OMA//DTD-DM-DDF 1.2//EN" 00 60 77 03 "1.2" 00 01 01`)
		m := replace(syncml.Item{Meta: syncml.Meta{Type: "application/vnd.syncml.dmtnds+wbxml"}, Data: syncml.Opaque(doc)})
		back, err := syncml.Unmarshal(asWBXML(t, m), nil)
		require.NoError(t, err)
		require.Equal(t, `<MgmtTree xmlns="syncml:dmddf1.2"><VerDTD>1.2</VerDTD></MgmtTree>`, back.Commands[0].(*syncml.Replace).Items[0].Data.String())
	})
}

// Documents within messages, as those who use the types see them.
func TestDocuments(t *testing.T) {
	const (
		tree  = `<MgmtTree xmlns="syncml:dmddf1.2"><VerDTD>1.2</VerDTD><Node><NodeName>a &amp; b</NodeName><Value>&lt;c&gt; </Value></Node></MgmtTree>`
		other = `<a xmlns="urn:a"><b>1</b></a>`
	)
	typ := func(s string) syncml.Meta { return syncml.Meta{Type: s} }
	for _, c := range []struct {
		name    string
		item    syncml.Item
		command syncml.Meta
		want    syncml.Item // as it comes back out of WBXML
		holds   string      // by its octets
	}{
		{"tree", syncml.Item{Meta: typ("application/vnd.syncml.dmtnds+xml"), Data: syncml.Markup(tree)}, syncml.Meta{},
			syncml.Item{Meta: typ("application/vnd.syncml.dmtnds+xml"), Data: syncml.Markup(tree)}, "application/vnd.syncml.dmtnds+wbxml"},
		{"tree with its type on the command", syncml.Item{Data: syncml.Markup(tree)}, typ("application/vnd.syncml.dmtnds+xml"),
			syncml.Item{Meta: typ("application/vnd.syncml.dmtnds+xml"), Data: syncml.Markup(tree)}, "application/vnd.syncml.dmtnds+wbxml"},
		{"tree with white space", syncml.Item{Meta: typ("t+xml"), Data: syncml.Markup("\n" + strings.ReplaceAll(tree, "<N", "\n  <N"))}, syncml.Meta{},
			syncml.Item{Meta: typ("t+xml"), Data: syncml.Markup(tree)}, "t+wbxml"},
		{"tree in prefixes and sections", syncml.Item{Meta: typ("t+xml"), Data: syncml.Markup(
			`<d:MgmtTree xmlns:d="syncml:dmddf1.2"><d:VerDTD>1.<!-- no -->2</d:VerDTD><d:Node><d:NodeName>a <![CDATA[& b]]></d:NodeName><d:Value><![CDATA[<c>]]> </d:Value></d:Node></d:MgmtTree>`)},
			syncml.Meta{}, syncml.Item{Meta: typ("t+xml"), Data: syncml.Markup(tree)}, "t+wbxml"},
		{"markup of another kind", syncml.Item{Meta: typ("a/b+xml"), Data: syncml.Markup(other)}, syncml.Meta{},
			syncml.Item{Meta: typ("a/b+xml"), Data: syncml.Text(other)}, "a/b+xml"},
		{"tree with an element that it does not have", syncml.Item{Meta: typ("a/b+xml"), Data: syncml.Markup(`<MgmtTree><Odd/></MgmtTree>`)}, syncml.Meta{},
			syncml.Item{Meta: typ("a/b+xml"), Data: syncml.Text(`<MgmtTree><Odd/></MgmtTree>`)}, "a/b+xml"},
		{"two trees", syncml.Item{Meta: typ("a/b+xml"), Data: syncml.Markup(`<MgmtTree/><MgmtTree/>`)}, syncml.Meta{},
			syncml.Item{Meta: typ("a/b+xml"), Data: syncml.Text(`<MgmtTree/><MgmtTree/>`)}, "a/b+xml"},
		{"no type", syncml.Item{Data: syncml.Markup(tree)}, syncml.Meta{}, syncml.Item{Data: syncml.Text(tree)}, tree},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := replace(c.item)
			m.Commands[0].(*syncml.Replace).Meta = c.command
			b := asWBXML(t, m)
			require.Contains(t, string(b), c.holds)
			back, err := syncml.Unmarshal(b, nil)
			require.NoError(t, err)
			require.Equal(t, c.want, back.Commands[0].(*syncml.Replace).Items[0])
			require.Equal(t, b, asWBXML(t, back))
		})
	}
}

func TestWBXMLRefuses(t *testing.T) {
	deep := strings.Repeat("45 ", 70)
	for _, c := range []struct {
		name, in string
		opts     *syncml.DecoderOptions
		err      error
		path     string
		offset   int64
	}{
		{"header alone", binStart, nil, io.ErrUnexpectedEOF, "/", 5},
		{"another root", binStart + `6C 01`, nil, syncml.ErrSyntax, "/SyncHdr", 5},
		{"unknown root", binStart + `7F 01`, nil, syncml.ErrSyntax, "/wbxml-0-3F", 5},
		{"DevInf document", `02 A4 03 6A 00 4A 01`, nil, syncml.ErrSyntax, "/", 5},
		{"no header", binStart + `6D 6B 12 01 01`, nil, syncml.ErrSyntax, "/SyncML/SyncBody", 6},
		{"name of octets that are no text", binItem + `6E 57 C3 01 FF 01 01` + binEnd, nil, syncml.ErrSyntax, "/SyncML/SyncBody/Replace/Item/Target", 83},
		{"bad UTF-8", binItem + `4F 03 C3 28 00 01` + binEnd, nil, syncml.ErrSyntax, "/SyncML/SyncBody/Replace/Item/Data", 79},
		{"markup that XML cannot carry", binItem + `4F 4F 03 01 00 01 01` + binEnd, nil, syncml.ErrBadChar, "/SyncML/SyncBody/Replace/Item/Data", 80},
		{"literal that is no name", `02 A4 01 6A 02 "<" 00 6D ` + binHdr + `6B 04 00 01 01`, nil, syncml.ErrSyntax, "/SyncML/SyncBody", 73},
		{"depth", binItem + deep, nil, syncml.ErrTooDeep, "/SyncML/SyncBody/Replace/Item/Add", 138},
		{"depth of markup", binItem + `4F ` + deep, nil, syncml.ErrTooDeep, "/SyncML/SyncBody/Replace/Item/Data", 138},
		{"depth 3", binItem + binEnd, &syncml.DecoderOptions{MaxDepth: 3}, syncml.ErrTooDeep, "/SyncML/SyncHdr/Target", 35},
		{"message", binItem + binEnd, &syncml.DecoderOptions{MaxMessage: 70}, syncml.ErrTooLarge, "/SyncML", 70},
		{"text", binItem + `4F 03 "12345678" 00 01` + binEnd, &syncml.DecoderOptions{MaxText: 7}, syncml.ErrTooLarge, "/SyncML/SyncHdr/Target/LocURI", 36},
		{"text in pieces", binItem + `4F 03 "12345678901234567" 00 03 "x" 00 01` + binEnd, &syncml.DecoderOptions{MaxText: 17}, syncml.ErrTooLarge, "/SyncML/SyncBody/Replace/Item/Data", 98},
		{"markup", binItem + `4F 4F 4F 4F 4F 01 01 01 01 01` + binEnd, &syncml.DecoderOptions{MaxText: 17}, syncml.ErrTooLarge, "/SyncML/SyncBody/Replace/Item/Data", -1},
		{"items", binItem + `01 14 14 14 14 12 01 01`, &syncml.DecoderOptions{MaxItems: 4}, syncml.ErrTooLarge, "/SyncML/SyncBody/Replace/Item", -1},
		{"elements in an unknown one", binItem + `7F 3F 3F 3F 01` + binEnd, &syncml.DecoderOptions{MaxItems: 2}, syncml.ErrTooLarge, "/SyncML/SyncBody/Replace/Item/wbxml-0-3F", -1},
		{"elements in an unknown one that is kept", binItem + `01 7F 3F 3F 3F 01` + ` 01 12 01 01`, &syncml.DecoderOptions{MaxItems: 3, KeepUnknown: true},
			syncml.ErrTooLarge, "/SyncML/SyncBody/Replace/wbxml-0-3F", -1},
		{"elements of markup", binItem + `4F 05 05 05 01` + binEnd, &syncml.DecoderOptions{MaxItems: 2}, syncml.ErrTooLarge, "/SyncML/SyncBody/Replace/Item/Data", -1},
		{"strict: element twice", binItem + `4F 01 4F 01` + binEnd, &syncml.DecoderOptions{Strict: true}, syncml.ErrSyntax, "/SyncML/SyncBody/Replace/Item/Data", -1},
		{"strict: text among elements", binItem + `03 "x" 00` + binEnd, &syncml.DecoderOptions{Strict: true}, syncml.ErrSyntax, "/SyncML/SyncBody/Replace/Item", -1},
		{"strict: unknown token", binItem + `3F` + binEnd, &syncml.DecoderOptions{Strict: true}, syncml.ErrSyntax, "/SyncML/SyncBody/Replace/Item/wbxml-0-3F", -1},
		{"a second message", binItem + binEnd + binStart, nil, syncml.ErrSyntax, "/", -1},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := syncml.Unmarshal(octets(c.in), c.opts)
			require.Nil(t, m)
			require.ErrorIs(t, err, c.err)
			var se *syncml.SyntaxError
			require.ErrorAs(t, err, &se)
			require.Zero(t, se.Line)
			if c.path != "" {
				require.Equal(t, c.path, se.Path, "%v", err)
			}
			if c.offset >= 0 {
				require.Equal(t, c.offset, se.Offset, "%v", err)
			}
		})
	}
}

// W19: a message that is cut anywhere gives an error, and commands before the cut that are right.
func TestWBXMLCut(t *testing.T) {
	messages := map[string][]byte{}
	for _, name := range []string{"pkg1", "policy", "admx"} {
		m, err := syncml.Unmarshal(corpus.Get(name).XML, nil)
		require.NoError(t, err)
		messages[name] = asWBXML(t, m)
	}
	for _, v := range corpus.Vectors() {
		if v.Name != "tnds" {
			messages[v.Name] = v.WBXML
		}
	}
	for name, data := range messages {
		t.Run("W19 "+name, func(t *testing.T) {
			whole, err := syncml.Unmarshal(data, nil)
			require.NoError(t, err)
			d := syncml.NewDecoder(nil, nil)
			for n := 1; n < len(data); n += 1 + len(data)/5000 {
				d.ResetBytes(data[:n])
				h, err := d.Next()
				if err == nil {
					require.Equal(t, whole.Header, *h)
					i := 0
					for c, cmdErr := range d.Commands() {
						if err = cmdErr; err == nil {
							require.Equal(t, whole.Commands[i].ID(), c.ID())
							if i == len(whole.Commands)-1 {
								part := &syncml.Message{Commands: []syncml.Command{c}}
								require.Empty(t, syncml.Diff(&syncml.Message{Commands: whole.Commands[i:]}, part, nil))
							}
							i++
						}
					}
				}
				require.ErrorIs(t, err, io.ErrUnexpectedEOF, "after %d octets", n)
				var se *syncml.SyntaxError
				require.True(t, errors.As(err, &se) && se.Offset == int64(n), "after %d octets: %v", n, err)
			}
		})
	}
}

func TestWBXMLStream(t *testing.T) {
	var in bytes.Buffer
	for i := range 5 {
		h := header()
		h.MsgID = syncml.ID(i + 1)
		in.Write(asWBXML(t, &syncml.Message{Header: h, Final: true, Commands: []syncml.Command{&syncml.Get{CmdID: "1"}, &syncml.Get{CmdID: "2"}}}))
	}
	for _, opts := range []*syncml.DecoderOptions{nil, {Encoding: syncml.WBXML}} {
		d := syncml.NewDecoder(bytes.NewReader(in.Bytes()), opts)
		for i := range 5 {
			h, err := d.Next() // skips the command that was not read
			require.NoError(t, err)
			require.Equal(t, syncml.WBXML, d.Encoding())
			require.Equal(t, syncml.ID(i+1), h.MsgID)
			for c, err := range d.Commands() {
				require.NoError(t, err)
				require.Equal(t, "1", c.ID())
				break
			}
		}
		for range 2 {
			_, err := d.Next()
			require.Equal(t, io.EOF, err)
		}
		d.Reset(strings.NewReader(message(`<Final/>`)))
		_, err := d.Message()
		if opts == nil {
			require.NoError(t, err, "after a reset, the first octets tell anew")
		} else {
			require.ErrorIs(t, err, syncml.ErrSyntax)
		}
	}
}

// What an inline string cannot carry goes out as octets, however the Data came about.
func TestTextAsOctets(t *testing.T) {
	for _, s := range []string{"\x00", "a\x00b", "\xFF", "x\xC3", "long and not quite ASCII: é, \xED\xA0\x80, é", strings.Repeat("long enough ", 40) + "\x00"} {
		for _, d := range []syncml.Data{
			syncml.Text(s), syncml.CDATA(s), syncml.Text(s).As(syncml.DataCDATA), syncml.Markup(s).As(syncml.DataText),
			syncml.Opaque([]byte(s)), syncml.Opaque([]byte(s)).As(syncml.DataText), syncml.Text(s).As(syncml.DataOpaque),
		} {
			out, err := syncml.Append(nil, replace(data(d)), &syncml.EncoderOptions{Encoding: syncml.WBXML})
			require.NoError(t, err)
			m, err := syncml.Unmarshal(out, &syncml.DecoderOptions{Strict: true})
			require.NoError(t, err)
			got := m.Commands[0].(*syncml.Replace).Items[0].Data
			require.Equal(t, syncml.DataOpaque, got.Kind(), "%q as %v", s, d.Kind())
			require.Equal(t, s, got.String())
		}
	}
}
