package syncml_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/omadm-sdk/omadm/internal/corpus"
	"github.com/omadm-sdk/omadm/internal/interop"
	"github.com/omadm-sdk/omadm/syncml"
	"github.com/stretchr/testify/require"
)

// libwbxml is asked about the corpus, the worked examples and messages of all kinds, in both directions. It says the same
// as this package, but for what TestLibWBXMLDiffers shows and theirXML, theirWBXML and the makers here allow for, and that
//   - its encoder writes CDATA, and most Data of Add and Replace, as opaque data, where we write inline strings, which are
//     no longer (three octets shorter, at best) and cannot be taken for bytes;
//   - it takes a tree that stands in line on code page 2 for unknown elements; we never write that form.
func TestLibWBXML(t *testing.T) {
	lib := interop.NewLibWBXML(t)
	try := func(name string, m *syncml.Message, decoder, tokens, table bool) {
		t.Run(name, func(t *testing.T) {
			x, err := syncml.Append(nil, m, &syncml.EncoderOptions{AsIs: true})
			require.NoError(t, err)
			dec := &syncml.DecoderOptions{KeepUnknown: true}
			if decoder {
				ours, err := syncml.Append(nil, m, &syncml.EncoderOptions{Encoding: syncml.WBXML})
				require.NoError(t, err)
				theirs, err := lib.ToXML(ours)
				require.NoError(t, err)
				back, err := syncml.Unmarshal(theirs, dec)
				require.NoError(t, err)
				same(t, "their XML of our WBXML", theirXML(t, m), back)
			}
			want := theirWBXML(m)
			ours, err := syncml.Append(nil, want, &syncml.EncoderOptions{Encoding: syncml.WBXML, AsIs: true})
			require.NoError(t, err)
			if tokens {
				theirs, err := lib.ToWBXML(x, false)
				require.NoError(t, err)
				const item = "<Item></Item>" // in two octets, where theirs takes one
				tokens := xmlOf(t, ours)
				require.Equal(t, xmlOf(t, theirs), strings.ReplaceAll(tokens, item, "<Item/>"), "the same tokens, inline strings and opaque data alike")
				require.LessOrEqual(t, len(ours), len(theirs)+strings.Count(tokens, item))
			}
			if table {
				theirs, err := lib.ToWBXML(x, true)
				require.NoError(t, err)
				back, err := syncml.Unmarshal(theirs, dec)
				require.NoError(t, err)
				for _, d := range syncml.Diff(want, back, nil) {
					if bare(d.A) != d.B {
						t.Errorf("their WBXML with a string table: %v", d)
					}
				}
			}
		})
	}
	for _, c := range corpus.All() {
		m, err := syncml.Unmarshal(c.XML, nil)
		require.NoError(t, err)
		try(c.Name, m, true, true, c.Name != "inventory") // a string table of which takes it 19 seconds
	}
	for _, v := range corpus.Vectors() {
		if v.Name != "tnds" { // no message; see TestLibWBXMLDocuments
			m, err := syncml.Unmarshal(v.WBXML, nil)
			require.NoError(t, err)
			try(v.Name, m, v.Name != "binary", true, true)
		}
	}
	// A carriage return is never beside another, where it goes by rules of its own, and texts are not long, which takes it
	// seconds.
	pieces := append([]string{"\n", "c\rr", "c\r\nl"}, tamePieces...)
	for seed := range uint64(150) {
		g := wild(seed)
		g.long, g.pieces = 0, append([]string{"]]>", "]]"}, pieces...)
		try(fmt.Sprint("wild ", seed), g.message(), false, false, true)
		g = &maker{Rand: g.Rand, pieces: pieces, characters: seed%2 == 0}
		try(fmt.Sprint("tame ", seed), g.message(), g.characters, true, true)
	}
}

// theirXML returns a message as it reads after libwbxml has made XML of it: attributes are gone, as they are in ours, and
// a carriage return is written as it is, which makes it a line end.
func theirXML(t *testing.T, m *syncml.Message) *syncml.Message {
	t.Helper()
	m = m.Clone()
	dropAttributes(m)
	eachItem(m.Commands, func(it *syncml.Item, _ syncml.Meta) {
		if it.Data.Kind() == syncml.DataCDATA {
			it.Data = it.Data.As(syncml.DataText)
		}
	})
	x, err := syncml.Append(nil, m, nil)
	require.NoError(t, err)
	m, err = syncml.Unmarshal([]byte(strings.NewReplacer("&#13;\n", "\n", "&#13;", "\n").Replace(string(x))), nil)
	require.NoError(t, err)
	return m
}

// theirWBXML returns a message as libwbxml makes it WBXML: attributes are gone, octets are the base64 that they are in
// XML, and in Data of Add and Replace each line feed has become a carriage return and a line feed, elsewhere one that is
// alone in its CDATA section. (There is a section for what stands between two carriage returns.)
func theirWBXML(m *syncml.Message) *syncml.Message {
	m = asSent(m, syncml.XML)
	dropAttributes(m)
	written := make(map[*syncml.Item]bool)
	eachCommand(m.Commands, func(c syncml.Command) {
		if c.Name() == "Add" || c.Name() == "Replace" {
			eachItem([]syncml.Command{c}, func(it *syncml.Item, _ syncml.Meta) { written[it] = true })
		}
	})
	eachItem(m.Commands, func(it *syncml.Item, _ syncml.Meta) {
		switch d := &it.Data; {
		case d.Kind() <= syncml.DataEmpty, d.Kind() == syncml.DataMarkup:
		case written[it]:
			*d = syncml.Text(strings.ReplaceAll(d.String(), "\n", "\r\n"))
		case d.Kind() == syncml.DataCDATA:
			sections := strings.Split(d.String(), "\r")
			for i, s := range sections {
				if s == "\n" {
					sections[i] = "\r\n"
				}
			}
			*d = syncml.Text(strings.Join(sections, "\r"))
		}
	})
	return m
}

func dropAttributes(m *syncml.Message) {
	eachCommand(m.Commands, func(c syncml.Command) {
		if c, ok := c.(*syncml.Status); ok {
			c.OriginalError = ""
		}
	})
}

// TestLibWBXMLDiffers shows where libwbxml does not say what was said to it.
func TestLibWBXMLDiffers(t *testing.T) {
	lib := interop.NewLibWBXML(t)
	bin := syncml.Item{Meta: syncml.Meta{Format: "bin"}, Data: syncml.Opaque([]byte{0, 1, 255})}
	vcard := syncml.Item{Meta: syncml.Meta{Type: "text/x-vcard"}, Data: syncml.Text("a\nb")}
	notBase64 := syncml.Item{Meta: syncml.Meta{Format: "b64"}, Data: syncml.CDATA("a b!")}
	named := syncml.Item{Target: syncml.Location{URI: "./a\rb"}}
	for _, c := range []struct {
		name       string
		cmd        syncml.Command
		xml, wbxml string // what the message says after it, or the error; empty: the same
	}{
		{"a carriage return is a line end then", &syncml.Get{Items: []syncml.Item{named}}, `"./a\nb"`, ``},
		{"a section ends early", &syncml.Add{Items: []syncml.Item{data(syncml.Text("a]]>b"))}}, `"ab]]>"`, ``},
		{"and what follows is no XML", &syncml.Replace{Items: []syncml.Item{data(syncml.Text("a]]>b&c"))}}, `no entity: "&c"`, ``},
		{"elsewhere Data is no section", &syncml.Get{Items: []syncml.Item{data(syncml.Text("a]]>b&c"))}}, ``, ``},
		{"octets stand there as they are", &syncml.Get{Items: []syncml.Item{bin}}, `U+0000`, ``},
		{"in a section too", &syncml.Add{Items: []syncml.Item{bin}}, `U+0000`, ``},
		{"a line feed of Add is two characters", &syncml.Add{Items: []syncml.Item{data(syncml.Text("a\nb"))}}, ``, `"a\r\nb"`},
		{"and three after a carriage return", &syncml.Replace{Items: []syncml.Item{data(syncml.CDATA("a\r\nb"))}}, `"a\nb"`, `"a\r\r\nb"`},
		{"elsewhere it is itself", &syncml.Get{Items: []syncml.Item{data(syncml.Text("a\nb"))}}, ``, ``},
		{"but in a vCard", &syncml.Get{Items: []syncml.Item{vcard}}, ``, `"a\r\nb"`},
		{"an element without a token needs a table", &syncml.Get{Items: []syncml.Item{data(syncml.Markup("<a>1</a>"))}}, ``, `can't encode Literal`},
		{"attributes are gone", &syncml.Get{Items: []syncml.Item{data(syncml.Markup(`<Meta xmlns="SYNCML:SYNCML1.2"/>`))}}, ``, `"<Meta/>"`},
		// What says b64 and is none it sends as opaque data, which we take for the octets.
		{"b64 that is none", &syncml.Get{Items: []syncml.Item{notBase64}}, ``, `"b64", "bin"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.cmd.SetID("1")
			m := &syncml.Message{Header: header(), Commands: []syncml.Command{c.cmd}}
			compare := func(want string, theirs []byte, err error) {
				t.Helper()
				got := ""
				if err == nil {
					var back *syncml.Message
					if back, err = syncml.Unmarshal(theirs, nil); err == nil {
						for _, d := range syncml.Diff(asSent(m, syncml.XML), back, nil) {
							got += d.String()
						}
					}
				}
				if err != nil {
					got = err.Error()
				}
				if want == "" {
					require.Empty(t, got)
				}
				require.Contains(t, got, want)
			}
			ours, err := syncml.Append(nil, m, &syncml.EncoderOptions{Encoding: syncml.WBXML})
			require.NoError(t, err)
			theirs, err := lib.ToXML(ours)
			compare(c.xml, theirs, err)
			ours, err = syncml.Append(nil, m, nil)
			require.NoError(t, err)
			theirs, err = lib.ToWBXML(ours, false)
			compare(c.wbxml, theirs, err)
		})
	}
}

// The documents that messages carry, alone.
func TestLibWBXMLDocuments(t *testing.T) {
	lib := interop.NewLibWBXML(t)
	for _, doc := range []string{
		`<MgmtTree xmlns="syncml:dmddf1.2"><VerDTD>1.2</VerDTD><Node><NodeName>A &amp; B</NodeName><RTProperties><Format><chr/></Format>` +
			`<Type><MIME>text/plain</MIME></Type></RTProperties><Value>v</Value></Node></MgmtTree>`,
		`<DevInf xmlns="syncml:devinf"><VerDTD>1.2</VerDTD><Man>Contoso</Man><DevID>1</DevID><DevTyp>phone</DevTyp><UTC/><DataStore>` +
			`<SourceRef>./c</SourceRef><Rx-Pref><CTType>text/vcard</CTType><VerCT>3.0</VerCT></Rx-Pref><SyncCap><SyncType>1</SyncType></SyncCap></DataStore></DevInf>`,
	} {
		ours, err := syncml.ToWBXML([]byte(doc))
		require.NoError(t, err)
		theirs, err := lib.ToWBXML([]byte(doctypes[doc[:7]]+doc), false)
		require.NoError(t, err)
		require.Equal(t, theirs, ours)
		x, err := lib.ToXML(ours)
		require.NoError(t, err)
		require.Equal(t, doc, string(x[strings.Index(string(x), doc[:7]):]))
	}
}

// libwbxml tells documents by their DOCTYPE.
var doctypes = map[string]string{
	"<MgmtTr": `<!DOCTYPE MgmtTree PUBLIC "-//OMA//DTD-DM-DDF 1.2//EN" "http://www.openmobilealliance.org/tech/DTD/dm_ddf-v1_2.dtd">`,
	"<DevInf": `<!DOCTYPE DevInf PUBLIC "-//SYNCML//DTD DevInf 1.2//EN" "http://www.openmobilealliance.org/tech/DTD/OMA-TS-SyncML_DevInf_DTD-V1_2.dtd">`,
}
