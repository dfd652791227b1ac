package syncml_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/omadm-sdk/omadm/syncml"
	"github.com/stretchr/testify/require"
)

const hdr = `<SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto><SessionID>7</SessionID><MsgID>2</MsgID>` +
	`<Target><LocURI>http://dm.example</LocURI></Target><Source><LocURI>IMEI:1</LocURI></Source></SyncHdr>`

// message wraps commands into a message.
func message(body string) string {
	return `<SyncML xmlns="SYNCML:SYNCML1.2">` + hdr + `<SyncBody>` + body + `</SyncBody></SyncML>`
}

// item wraps the content of an item into a message with one Replace.
func item(content string) string {
	return message(`<Replace><CmdID>1</CmdID><Item>` + content + `</Item></Replace><Final/>`)
}

func header() syncml.Header {
	return syncml.Header{
		VerDTD: "1.2", VerProto: "DM/1.2", SessionID: "7", MsgID: "2",
		Target: syncml.Location{URI: "http://dm.example"}, Source: syncml.Location{URI: "IMEI:1"},
	}
}

// decode decodes in all the ways there are, the other encoding included, and fails where two of them disagree.
func decode(t *testing.T, in string, opts *syncml.DecoderOptions) (*syncml.Message, error) {
	t.Helper()
	m, err := syncml.Unmarshal([]byte(in), opts)
	readers := map[string]func(io.Reader) io.Reader{
		"whole": func(r io.Reader) io.Reader { return r },
		"bytes": iotest.OneByteReader,
		"half":  iotest.HalfReader,
		"data":  iotest.DataErrReader,
	}
	for name, wrap := range readers {
		d := syncml.NewDecoder(wrap(strings.NewReader(in)), opts)
		got, gotErr := collect(d)
		if gotErr == io.EOF {
			gotErr = &syncml.SyntaxError{Line: 1, Column: 1, Path: "/", Err: io.ErrUnexpectedEOF}
		}
		if err == nil && gotErr == nil {
			if d := syncml.Diff(m, got, nil); len(d) > 0 {
				t.Fatalf("reader %s: %v", name, d)
			}
		} else if gotErr != nil && (err == nil || err.Error() != gotErr.Error()) {
			t.Fatalf("reader %s: error %v, from memory %v", name, gotErr, err)
		}
	}
	if err == nil {
		decodeBinary(t, in, m, opts)
	}
	return m, err
}

// collect reads one message, command by command.
func collect(d *syncml.Decoder) (*syncml.Message, error) {
	h, err := d.Next()
	if err != nil {
		return nil, err
	}
	m := &syncml.Message{Header: *h.Clone()}
	for c, err := range d.Commands() {
		if err != nil {
			return nil, err
		}
		m.Commands = append(m.Commands, syncml.Clone(c))
	}
	m.Final = d.Final()
	return m, nil
}

func TestDecodeMessage(t *testing.T) {
	const in = `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE SyncML PUBLIC "-//SYNCML//DTD SyncML 1.2//EN" "http://www.openmobilealliance.org/tech/DTD/x.dtd">
<!-- as a server would write it by hand -->
<SyncML xmlns="SYNCML:SYNCML1.2">
  <SyncHdr>
    <VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto><SessionID>AB</SessionID><MsgID>1</MsgID>
    <Target><LocURI>https://dm.example/mgmt</LocURI></Target>
    <Source><LocURI>IMEI:004400112233445</LocURI><LocName>Bruce2</LocName></Source>
    <RespURI>https://dm.example/next</RespURI>
    <Cred><Meta><Format xmlns="syncml:metinf">b64</Format><Type xmlns="syncml:metinf">syncml:auth-md5</Type></Meta>
      <Data>LAK2i25Fh0nxxGGaAzRRpg==</Data></Cred>
    <Meta><MaxMsgSize xmlns="syncml:metinf">16384</MaxMsgSize><MaxObjSize xmlns="syncml:metinf">1048576</MaxObjSize></Meta>
  </SyncHdr>
  <SyncBody>
    <Status><CmdID>1</CmdID><MsgRef>1</MsgRef><CmdRef>0</CmdRef><Cmd>SyncHdr</Cmd>
      <TargetRef>a</TargetRef><TargetRef>b</TargetRef><SourceRef>c</SourceRef>
      <Chal><Meta><Format xmlns="syncml:metinf">b64</Format><Type xmlns="syncml:metinf">syncml:auth-md5</Type>
        <NextNonce xmlns="syncml:metinf">Tm9uY2U=</NextNonce></Meta></Chal>
      <Data xmlns:msft="http://schemas.microsoft.com/MobileDevice/MDM" msft:originalerror="0x86000002">407</Data>
      <Item><Data>x</Data></Item></Status>
    <Alert><CmdID>2</CmdID><Data>1226</Data><Correlator>c&amp;1</Correlator><Item><Source><LocURI>./a</LocURI></Source>
      <Meta><Mark xmlns="syncml:metinf">critical</Mark></Meta><Data/></Item></Alert>
    <Sequence><CmdID>3</CmdID>
      <Atomic><CmdID>4</CmdID><Add><CmdID>5</CmdID><Item><Target><LocURI>./b</LocURI></Target></Item></Add>
        <Delete><CmdID>6</CmdID><Item><Target><LocURI>./c</LocURI></Target></Item></Delete></Atomic>
      <Get><CmdID>7</CmdID><Item><Target><LocURI>./d</LocURI></Target></Item><Item><Target><LocURI>./e</LocURI></Target></Item></Get>
    </Sequence>
    <Exec><CmdID>8</CmdID><Correlator>77</Correlator><Item><Target><LocURI>./f</LocURI></Target></Item></Exec>
    <Copy><CmdID>9</CmdID><Item><Target><LocURI>./g</LocURI></Target><Source><LocURI>./h</LocURI></Source></Item></Copy>
    <Results><CmdID>10</CmdID><MsgRef>1</MsgRef><CmdRef>7</CmdRef><Meta><Type xmlns="syncml:metinf">text/plain</Type></Meta>
      <Item><Source><LocURI>./d</LocURI></Source><Meta><Size xmlns="syncml:metinf">9</Size></Meta><Data>part</Data><MoreData/></Item></Results>
    <Put><CmdID>11</CmdID><Item/></Put>
    <Final/>
  </SyncBody>
</SyncML>
`
	got, err := decode(t, in, nil)
	require.NoError(t, err)
	node := func(uri string) []syncml.Item { return []syncml.Item{{Target: syncml.Location{URI: uri}}} }
	want := &syncml.Message{
		Header: syncml.Header{
			VerDTD: "1.2", VerProto: "DM/1.2", SessionID: "AB", MsgID: "1",
			Target:  syncml.Location{URI: "https://dm.example/mgmt"},
			Source:  syncml.Location{URI: "IMEI:004400112233445", Name: "Bruce2"},
			RespURI: "https://dm.example/next",
			Cred:    &syncml.Cred{Meta: syncml.Meta{Format: "b64", Type: syncml.AuthMD5}, Data: "LAK2i25Fh0nxxGGaAzRRpg=="},
			Meta:    syncml.Meta{MaxMsgSize: 16384, MaxObjSize: 1048576},
		},
		Commands: []syncml.Command{
			&syncml.Status{
				CmdID: "1", MsgRef: "1", CmdRef: "0", Cmd: "SyncHdr",
				TargetRefs: []string{"a", "b"}, SourceRefs: []string{"c"},
				Chal: &syncml.Chal{Meta: syncml.Meta{Format: "b64", Type: syncml.AuthMD5, NextNonce: "Tm9uY2U="}},
				Code: syncml.StatusCredentialsRequired, OriginalError: "0x86000002",
				Items: []syncml.Item{{Data: syncml.Text("x")}},
			},
			&syncml.Alert{CmdID: "2", Code: syncml.AlertGeneric, Correlator: "c&1", Items: []syncml.Item{{
				Source: syncml.Location{URI: "./a"}, Meta: syncml.Meta{Mark: "critical"}, Data: syncml.Empty(),
			}}},
			&syncml.Sequence{CmdID: "3", Commands: []syncml.Command{
				&syncml.Atomic{CmdID: "4", Commands: []syncml.Command{
					&syncml.Add{CmdID: "5", Items: node("./b")},
					&syncml.Delete{CmdID: "6", Items: node("./c")},
				}},
				&syncml.Get{CmdID: "7", Items: append(node("./d"), node("./e")...)},
			}},
			&syncml.Exec{CmdID: "8", Correlator: "77", Items: node("./f")},
			&syncml.Copy{CmdID: "9", Items: []syncml.Item{{Target: syncml.Location{URI: "./g"}, Source: syncml.Location{URI: "./h"}}}},
			&syncml.Results{CmdID: "10", MsgRef: "1", CmdRef: "7", Meta: syncml.Meta{Type: "text/plain"}, Items: []syncml.Item{{
				Source: syncml.Location{URI: "./d"}, Meta: syncml.Meta{Size: 9}, Data: syncml.Text("part"), MoreData: true,
			}}},
			&syncml.Unknown{CmdID: "11", Element: syncml.Element{Name: "Put"}},
		},
		Final: true,
	}
	require.Empty(t, syncml.Diff(want, got, nil))
	for i, c := range got.Commands {
		require.Equal(t, want.Commands[i].Name(), c.Name())
		require.Equal(t, want.Commands[i].ID(), c.ID())
	}
}

// TestDecodeSpellings lists ways to write one thing, and what all of them mean.
func TestDecodeSpellings(t *testing.T) {
	tests := []struct {
		name string
		in   string // content of an Item
		want syncml.Item
	}{
		{"X11 entities", `<Data>&lt;a b=&quot;c&quot;&gt;&amp;&apos;&lt;/a&gt;</Data>`, data(syncml.Text(`<a b="c">&'</a>`))},
		{"X11 CDATA", `<Data><![CDATA[<a b="c">&'</a>]]></Data>`, data(syncml.CDATA(`<a b="c">&'</a>`))},
		{"CDATA in pieces", `<Data><![CDATA[a]]]]><![CDATA[>b]]></Data>`, data(syncml.CDATA(`a]]>b`))},
		{"CDATA beside text", "<Data>\n <![CDATA[<a>]]>\n</Data>", data(syncml.CDATA("\n <a>\n"))},
		{"CDATA without content", `<Data><![CDATA[]]></Data>`, data(syncml.Empty())},
		{"numeric references", `<Data>&#65;&#x42;&#x1F600;&#13;&#xD;</Data>`, data(syncml.Text("AB\U0001F600\r\r"))},
		{"line ends", "<Data>a\r\nb\rc\nd</Data>", data(syncml.Text("a\nb\nc\nd"))},
		{"line ends in CDATA", "<Data><![CDATA[a\r\nb\rc]]></Data>", data(syncml.CDATA("a\nb\nc"))},
		{"comment within", `<Data>a<!-- no -->b</Data>`, data(syncml.Text("ab"))},
		{"instruction within", `<Data>a<?no no?>b</Data>`, data(syncml.Text("ab"))},
		{"beyond ASCII", `<Data>Grüße, 世界 😀, long enough for more than one word of eight bytes</Data>`,
			data(syncml.Text("Grüße, 世界 😀, long enough for more than one word of eight bytes"))},
		{"absent", ``, syncml.Item{}},
		{"empty", `<Data></Data>`, data(syncml.Empty())},
		{"empty, one tag", `<Data/>`, data(syncml.Empty())},
		{"empty, one tag with space", `<Data />`, data(syncml.Empty())},
		{"X22 white space of Data stays", "<Data> \t a \n </Data>", data(syncml.Text(" \t a \n "))},
		{"X22 white space of LocURI, Type, Format goes",
			"<Target><LocURI>\n ./a </LocURI></Target><Meta><Format> int\n</Format><Type> text/plain </Type></Meta>",
			syncml.Item{Target: syncml.Location{URI: "./a"}, Meta: syncml.Meta{Format: "int", Type: "text/plain"}}},
		{"X26 markup", `<Data><MgmtTree xmlns="syncml:dmddf1.2"><VerDTD>1.2</VerDTD><!-- kept --></MgmtTree></Data>`,
			data(syncml.Markup(`<MgmtTree xmlns="syncml:dmddf1.2"><VerDTD>1.2</VerDTD><!-- kept --></MgmtTree>`))},
		{"X26 the same, escaped", `<Data>&lt;MgmtTree xmlns="syncml:dmddf1.2"/&gt;</Data>`,
			data(syncml.Text(`<MgmtTree xmlns="syncml:dmddf1.2"/>`))},
		{"X26 markup behind text", "<Data>\n&#32;<a><Data>x</Data></a>\n</Data>", data(syncml.Markup("\n&#32;<a><Data>x</Data></a>\n"))},
		{"prefixes", `<s:Target xmlns:s="SYNCML:SYNCML1.2"><s:LocURI>./a</s:LocURI></s:Target>` +
			`<Meta xmlns:m="syncml:metinf"><m:Format>chr</m:Format></Meta><Data>x</Data>`,
			syncml.Item{Target: syncml.Location{URI: "./a"}, Meta: syncml.Meta{Format: "chr"}, Data: syncml.Text("x")}},
		{"namespace on Meta", `<Meta><MetInf xmlns="syncml:metinf"><Format>chr</Format></MetInf></Meta>`,
			syncml.Item{Meta: syncml.Meta{Format: "chr"}}},
		{"X10 any order", `<MoreData/><Data>x</Data><Meta><Type xmlns="syncml:metinf">t</Type><Format xmlns="syncml:metinf">chr</Format></Meta>` +
			`<Source><LocName>n</LocName><LocURI>./s</LocURI></Source><Target><LocURI>./a</LocURI></Target>`,
			syncml.Item{Target: syncml.Location{URI: "./a"}, Source: syncml.Location{URI: "./s", Name: "n"},
				Meta: syncml.Meta{Format: "chr", Type: "t"}, Data: syncml.Text("x"), MoreData: true}},
		{"Type straight in Item, as in Microsoft's samples", `<Meta/><Type>com.microsoft.mdm.synctype</Type><Data>user</Data>`,
			syncml.Item{Meta: syncml.Meta{Type: "com.microsoft.mdm.synctype"}, Data: syncml.Text("user")}},
		{"X24 all of MetInf", `<Meta><FieldLevel/><Mark>minor</Mark><Size>12</Size><Anchor><Last>1</Last><Next>2</Next></Anchor>` +
			`<Version>3</Version><NextNonce>bm9uY2U=</NextNonce><MaxMsgSize>4</MaxMsgSize><MaxObjSize>5</MaxObjSize><EMI>e1</EMI><EMI>e2</EMI>` +
			`<Mem><SharedMem/><FreeMem>6</FreeMem><FreeID>7</FreeID></Mem><Odd><x/></Odd></Meta>`,
			syncml.Item{Meta: syncml.Meta{Mark: "minor", Size: 12, NextNonce: "bm9uY2U=", MaxMsgSize: 4, MaxObjSize: 5, Extra: &syncml.MetaExtra{
				FieldLevel: true, Anchor: &syncml.Anchor{Last: "1", Next: "2"}, Version: "3", EMI: []string{"e1", "e2"},
				Mem: &syncml.Mem{SharedMem: true, FreeMem: 6, FreeID: 7},
			}}}},
		{"the last of two counts", `<Data>1</Data><Data>2</Data>`, data(syncml.Text("2"))},
		{"unknown children are skipped", `<SourceParent><LocURI>x</LocURI></SourceParent><Odd a="1>2"><Data>no</Data></Odd><Data>x</Data>`,
			data(syncml.Text("x"))},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m, err := decode(t, item(test.in), nil)
			require.NoError(t, err)
			want := &syncml.Message{Header: header(), Final: true, Commands: []syncml.Command{
				&syncml.Replace{CmdID: "1", Items: []syncml.Item{test.want}}}}
			require.Empty(t, syncml.Diff(want, m, nil))
			got := m.Commands[0].(*syncml.Replace).Items[0].Data
			require.Equal(t, test.want.Data.Kind(), got.Kind(), "kind of data")
			require.Equal(t, test.want.Data.String(), string(got.Bytes()))
		})
	}
}

func data(d syncml.Data) syncml.Item { return syncml.Item{Data: d} }

// X18: what DM does not use is ignored, and the command is there to be answered.
func TestX18IgnoredElements(t *testing.T) {
	m, err := decode(t, message(`<Delete><CmdID>1</CmdID><NoResp/><Archive/><SftDel/><Cred><Data>x</Data></Cred>`+
		`<Item><Target><LocURI>./a</LocURI></Target></Item></Delete>`+
		`<Get><CmdID>2</CmdID><Lang>en</Lang><Item><Target><LocURI>./a</LocURI></Target></Item></Get>`+
		`<Sync><CmdID>3</CmdID><NumberOfChanges>2</NumberOfChanges></Sync>`), nil)
	require.NoError(t, err)
	at := []syncml.Item{{Target: syncml.Location{URI: "./a"}}}
	require.Empty(t, syncml.Diff(&syncml.Message{Header: header(), Commands: []syncml.Command{
		&syncml.Delete{CmdID: "1", NoResp: true, Items: at},
		&syncml.Get{CmdID: "2", Items: at},
		&syncml.Unknown{CmdID: "3", Element: syncml.Element{Name: "Sync"}},
	}}, m, nil))
}

func TestMetaInForce(t *testing.T) {
	item, command := syncml.Meta{Format: "int"}, syncml.Meta{Format: "chr", Type: "a/b", Mark: "minor", Size: 3}
	t.Run("X20", func(t *testing.T) {
		require.Equal(t, syncml.Meta{Format: "int", Type: "a/b", Mark: "minor", Size: 3}, item.Or(command))
	})
	t.Run("X19", func(t *testing.T) {
		require.Equal(t, syncml.Meta{Format: "chr", Type: "text/plain"}, syncml.Meta{}.WithDefaults())
		require.Equal(t, syncml.Meta{Format: "int", Type: "text/plain"}, item.WithDefaults())
	})
}

// X21: all eleven formats, and no other in strict reading.
func TestX21Formats(t *testing.T) {
	for _, f := range []string{"b64", "bin", "bool", "chr", "int", "node", "null", "xml", "date", "time", "float"} {
		m, err := decode(t, item(`<Target><LocURI>./a</LocURI></Target><Meta><Format xmlns="syncml:metinf">`+f+`</Format></Meta>`),
			&syncml.DecoderOptions{Strict: true})
		require.NoError(t, err, f)
		require.Equal(t, f, m.Commands[0].(*syncml.Replace).Items[0].Meta.Format)
	}
	_, err := decode(t, item(`<Meta><Format xmlns="syncml:metinf">blob</Format></Meta>`), &syncml.DecoderOptions{Strict: true})
	require.ErrorIs(t, err, syncml.ErrSyntax)
}

func TestDecodeUTF16(t *testing.T) {
	text := "Grüße, 世界 \U0001F600"
	in := `<?xml version="1.0" encoding="utf-16"?>` + item(`<Data>`+text+`</Data>`)
	for name, order := range map[string]binary.AppendByteOrder{"big": binary.BigEndian, "little": binary.LittleEndian} {
		t.Run(name, func(t *testing.T) {
			raw := utf16Of(in, order)
			m, err := decode(t, string(raw), nil)
			require.NoError(t, err)
			require.Equal(t, text, m.Commands[0].(*syncml.Replace).Items[0].Data.String())

			lone := order.AppendUint16(raw[:200:200], 0xD800)
			_, err = decode(t, string(append(lone, raw[202:]...)), nil)
			require.Error(t, err, "half a surrogate pair")

			// Behind a message of another kind, in memory as from a reader.
			both := append([]byte(message("<Final/>")+"\n"), raw...)
			fromMemory := syncml.NewDecoder(nil, nil)
			fromMemory.ResetBytes(both)
			for _, d := range []*syncml.Decoder{syncml.NewDecoder(bytes.NewReader(both), nil), fromMemory} {
				_, err := d.Message()
				require.NoError(t, err)
				m, err := d.Message()
				require.NoError(t, err)
				require.Equal(t, text, m.Commands[0].(*syncml.Replace).Items[0].Data.String())
				_, err = d.Message()
				require.Equal(t, io.EOF, err)
			}
			fromMemory.ResetBytes(append([]byte(message("<Final/>")), utf16Of("<", order)...))
			_, err = fromMemory.Message()
			require.NoError(t, err)
			_, err = fromMemory.Message()
			require.ErrorIs(t, err, io.ErrUnexpectedEOF)
		})
	}
	t.Run("UTF-8 with a byte order mark", func(t *testing.T) {
		m, err := decode(t, "\xEF\xBB\xBF"+item(`<Data>`+text+`</Data>`), &syncml.DecoderOptions{})
		require.NoError(t, err)
		require.Equal(t, text, m.Commands[0].(*syncml.Replace).Items[0].Data.String())
	})
}

func TestDecodeRefuses(t *testing.T) {
	long := strings.Repeat("x", 200)
	tests := []struct {
		name string
		in   string
		err  error
		path string
	}{
		{"nothing", "", io.ErrUnexpectedEOF, "/"},
		{"no XML", "hello", syncml.ErrSyntax, "/"},
		{"another root", `<html></html>`, syncml.ErrSyntax, "/html"},
		{"a control in a section between elements", "<SyncML><![CDATA[" + long + "\x14]]>", syncml.ErrBadChar, "/SyncML"},
		{"no header", `<SyncML><SyncBody><Final/></SyncBody></SyncML>`, syncml.ErrSyntax, "/SyncML/SyncBody"},
		{"nothing in the root", `<SyncML></SyncML>`, syncml.ErrSyntax, "/"},
		{"an internal subset", `<!DOCTYPE SyncML [<!ENTITY a "b">]>` + message(``), syncml.ErrSyntax, "/"},
		{"two types", `<!DOCTYPE a><!DOCTYPE b>` + message(``), syncml.ErrSyntax, "/"},
		{"an unknown entity", item(`<Data>a&nbsp;b</Data>`), syncml.ErrSyntax, "/SyncML/SyncBody/Replace/Item/Data"},
		{"an entity that does not end", item(`<Data>a&amp b</Data>`), syncml.ErrSyntax, "/SyncML/SyncBody/Replace/Item/Data"},
		{"a lone ampersand", item(`<Data>a & b, ` + long + `</Data>`), syncml.ErrSyntax, "/SyncML/SyncBody/Replace/Item/Data"},
		{"a reference to NUL", item(`<Data>&#0;</Data>`), syncml.ErrSyntax, "/SyncML/SyncBody/Replace/Item/Data"},
		{"a reference beyond Unicode", item(`<Data>&#x110000;</Data>`), syncml.ErrSyntax, "/SyncML/SyncBody/Replace/Item/Data"},
		{"a reference to half a pair", item(`<Data>&#xD800;</Data>`), syncml.ErrSyntax, "/SyncML/SyncBody/Replace/Item/Data"},
		{"a reference without digits", item(`<Data>&#x;</Data>`), syncml.ErrSyntax, "/SyncML/SyncBody/Replace/Item/Data"},
		{"NUL", item("<Data>a\x00</Data>"), syncml.ErrBadChar, "/SyncML/SyncBody/Replace/Item/Data"},
		{"a control character", item("<Data>" + long + "\x1b" + long + "</Data>"), syncml.ErrBadChar, "/SyncML/SyncBody/Replace/Item/Data"},
		{"a control character in CDATA", item("<Data><![CDATA[\x01]]></Data>"), syncml.ErrBadChar, "/SyncML/SyncBody/Replace/Item/Data"},
		{"a control character in markup", item("<Data><a>\x01</a></Data>"), syncml.ErrBadChar, "/SyncML/SyncBody/Replace/Item/Data/a"},
		{"no UTF-8", item("<Data>Gr\xFC\xDFe</Data>"), syncml.ErrBadChar, "/SyncML/SyncBody/Replace/Item/Data"},
		{"overlong UTF-8", item("<Data>\xC0\x80</Data>"), syncml.ErrBadChar, "/SyncML/SyncBody/Replace/Item/Data"},
		{"a surrogate in UTF-8", item("<Data>" + long + "\xED\xA0\x80</Data>"), syncml.ErrBadChar, "/SyncML/SyncBody/Replace/Item/Data"},
		{"U+FFFE", item("<Data>\uFFFE</Data>"), syncml.ErrBadChar, "/SyncML/SyncBody/Replace/Item/Data"},
		{"tags that cross", item(`<Target><LocURI>./a</Target></LocURI>`), syncml.ErrSyntax, "/SyncML/SyncBody/Replace/Item/Target/LocURI"},
		{"an end tag of another prefix", item(`<s:Data xmlns:s="SYNCML:SYNCML1.2">x</Data>`), syncml.ErrSyntax, "/SyncML/SyncBody/Replace/Item/Data"},
		{"tags that cross in markup", item(`<Data><a><b></a></b></Data>`), syncml.ErrSyntax, "/SyncML/SyncBody/Replace/Item/Data/a/b"},
		{"an attribute twice", item(`<Data a="1" a="2">x</Data>`), syncml.ErrSyntax, "/SyncML/SyncBody/Replace/Item/Data"},
		{"an attribute without quotes", item(`<Data a=1>x</Data>`), syncml.ErrSyntax, "/SyncML/SyncBody/Replace/Item/Data"},
		{"an attribute without value", item(`<Data a>x</Data>`), syncml.ErrSyntax, "/SyncML/SyncBody/Replace/Item/Data"},
		{"a tag without a name", item(`<>`), syncml.ErrSyntax, "/SyncML/SyncBody/Replace/Item"},
		{"a name that begins with a digit", item(`<1a/>`), syncml.ErrSyntax, "/SyncML/SyncBody/Replace/Item"},
		{"a tag in a tag", item(`<Data <b/>>`), syncml.ErrSyntax, "/SyncML/SyncBody/Replace/Item"},
		{"two hyphens in a comment", item(`<!-- a -- b -->`), syncml.ErrSyntax, "/SyncML/SyncBody/Replace/Item"},
		{"an XML declaration in Data", item(`<Data><?xml version="1.0"?><a/></Data>`), syncml.ErrSyntax, "/SyncML/SyncBody/Replace/Item/Data"},
		{"a declaration in the body", message(`<!ENTITY a "b">`), syncml.ErrSyntax, "/SyncML/SyncBody"},
		{"something behind the message", message(``) + `<SyncML/>`, syncml.ErrSyntax, "/"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m, err := decodeOne(t, test.in)
			require.Nil(t, m)
			require.ErrorIs(t, err, test.err)
			var se *syncml.SyntaxError
			require.ErrorAs(t, err, &se)
			require.Equal(t, test.path, se.Path)
			require.NotZero(t, se.Line)
			require.NotZero(t, se.Column)
			require.LessOrEqual(t, se.Offset, int64(len(test.in)))
		})
	}
}

// decodeOne is decode for inputs that may hold more than a message, which only Unmarshal minds.
func decodeOne(t *testing.T, in string) (*syncml.Message, error) {
	if strings.HasSuffix(in, "</SyncML><SyncML/>") {
		return syncml.Unmarshal([]byte(in), nil)
	}
	return decode(t, in, nil)
}

func TestErrorPlace(t *testing.T) {
	in := "<SyncML xmlns=\"SYNCML:SYNCML1.2\">\n" + hdr + "\n<SyncBody>\n" +
		"  <Replace><CmdID>1</CmdID><Item><Data>a</Data></Item></Replace>\n" +
		"  <Get><CmdID>2</CmdID></Get>\n" +
		"  <Replace><CmdID>3</CmdID><Item/><Item><Data>ab&bad;</Data></Item></Replace>\n</SyncBody></SyncML>"
	_, err := decode(t, in, nil)
	var se *syncml.SyntaxError
	require.ErrorAs(t, err, &se)
	require.Equal(t, "/SyncML/SyncBody/Replace[2]/Item[2]/Data", se.Path)
	require.Equal(t, int64(strings.Index(in, "&bad")), se.Offset)
	require.Equal(t, 6, se.Line)
	require.Equal(t, strings.Index("  <Replace><CmdID>3</CmdID><Item/><Item><Data>ab&bad;", "&")+1, se.Column)

	// In a second message of a stream, places count from its start, far behind what the window still holds.
	r := strings.NewReader(strings.Repeat(message("<!--"+strings.Repeat("x\n", 1000)+"-->"), 50) + in)
	d := syncml.NewDecoder(iotest.HalfReader(r), nil)
	for err = nil; err == nil; {
		_, err = collect(d)
	}
	var se2 *syncml.SyntaxError
	require.ErrorAs(t, err, &se2)
	require.Equal(t, *se, syncml.SyntaxError{Offset: se2.Offset, Line: se2.Line, Column: se2.Column, Path: se2.Path, Err: se.Err})
}

// TestErrorPlaceFromReader: an error is at the same place whether the messages came in pieces of any size, which a window
// forgets one by one, or in one piece.
func TestErrorPlaceFromReader(t *testing.T) {
	texts := []string{"\n", "x\n", strings.Repeat("plain ", 400), strings.Repeat("one line\n", 300), "a &amp; b\n", "\r\n", "é\n", "\t"}
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 1))
		var in strings.Builder
		for range 1 + r.IntN(3) {
			var body strings.Builder
			for id := range r.IntN(6) {
				body.WriteString("<Replace><CmdID>" + syncml.ID(id+1) + "</CmdID><Item><Data>")
				for range r.IntN(40) {
					body.WriteString(texts[r.IntN(len(texts))])
				}
				body.WriteString("</Data></Item></Replace>\n")
			}
			in.WriteString(message(body.String()) + "\n")
		}
		all := in.String()
		at := r.IntN(len(all))
		all = all[:at] + "\x01" + all[at:]
		failure := func(d *syncml.Decoder) *syncml.SyntaxError {
			for {
				_, err := collect(d)
				if err == nil {
					continue
				}
				var se *syncml.SyntaxError
				require.ErrorAs(t, err, &se)
				return se
			}
		}
		d := syncml.NewDecoder(nil, nil)
		d.ResetBytes([]byte(all))
		want := failure(d)
		for _, size := range []int{1, 7, 600, 4096, 1 << 20} {
			got := failure(syncml.NewDecoder(&pieces{all, size}, nil))
			require.Equal(t, [...]int64{want.Offset, int64(want.Line), int64(want.Column)},
				[...]int64{got.Offset, int64(got.Line), int64(got.Column)}, "seed %d, pieces of %d: %v, %v", seed, size, want, got)
		}
	}
}

// pieces gives a text in pieces of a size.
type pieces struct {
	left string
	size int
}

func (p *pieces) Read(b []byte) (int, error) {
	if p.left == "" {
		return 0, io.EOF
	}
	n := copy(b, p.left[:min(len(p.left), p.size)])
	p.left = p.left[n:]
	return n, nil
}

func TestDecodeStream(t *testing.T) {
	var in bytes.Buffer
	for i := range 5 {
		in.WriteString(" \n")
		in.WriteString(strings.Replace(message(`<Get><CmdID>1</CmdID></Get><Get><CmdID>2</CmdID></Get><Final/>`),
			"<MsgID>2", "<MsgID>"+syncml.ID(i+1), 1))
	}
	d := syncml.NewDecoder(&in, nil)
	for i := range 5 {
		h, err := d.Next() // skips the command that was not read
		require.NoError(t, err)
		require.Equal(t, syncml.XML, d.Encoding())
		require.Equal(t, syncml.ID(i+1), h.MsgID)
		for c, err := range d.Commands() {
			require.NoError(t, err)
			require.Equal(t, "1", c.ID())
			break
		}
	}
	_, err := d.Next()
	require.Equal(t, io.EOF, err)
	_, err = d.Next()
	require.Equal(t, io.EOF, err)

	d.Reset(strings.NewReader(message(`<Final/>`)))
	m, err := d.Message()
	require.NoError(t, err)
	require.True(t, m.Final)
}

// A log of messages as they came: each with its declaration, white space between them, either encoding.
func TestDecodeLog(t *testing.T) {
	m := &syncml.Message{Header: header(), Commands: []syncml.Command{&syncml.Get{CmdID: "1", Items: []syncml.Item{{Target: syncml.Location{URI: "./A"}}}}}}
	bin, err := syncml.Append(nil, m, &syncml.EncoderOptions{Encoding: syncml.WBXML})
	require.NoError(t, err)
	const declaration = `<?xml version="1.0" encoding="UTF-8"?>`
	in := declaration + message(`<Final/>`) + "\r\n" + declaration + message(`<Final/>`) + "\n\n\n" + declaration + "\n" + message(`<Final/>`) +
		" \t" + string(bin) + string(bin)
	for name, r := range map[string]io.Reader{"whole": strings.NewReader(in), "bytes": iotest.OneByteReader(strings.NewReader(in))} {
		t.Run(name, func(t *testing.T) {
			d := syncml.NewDecoder(r, &syncml.DecoderOptions{MaxMessage: 600})
			for _, want := range []syncml.Encoding{syncml.XML, syncml.XML, syncml.XML, syncml.WBXML, syncml.WBXML} {
				_, err := d.Message()
				require.NoError(t, err)
				require.Equal(t, want, d.Encoding())
			}
			_, err := d.Message()
			require.Equal(t, io.EOF, err)
		})
	}
	_, err = syncml.Unmarshal([]byte("\n"+declaration+message("")), nil)
	require.ErrorIs(t, err, syncml.ErrSyntax, "the declaration is the first in its document")
	d := syncml.NewDecoder(strings.NewReader(message("")+strings.Repeat(" ", 1<<20)+message("")), &syncml.DecoderOptions{MaxMessage: 600})
	_, err = d.Message()
	require.NoError(t, err)
	_, err = d.Message()
	require.ErrorIs(t, err, syncml.ErrTooLarge, "white space has no end either")
}

func TestReaderErrors(t *testing.T) {
	in := message(`<Get><CmdID>1</CmdID></Get>`)
	broken := errors.New("connection reset")
	for cut := range len(in) {
		r := io.MultiReader(strings.NewReader(in[:cut]), iotest.ErrReader(broken))
		_, err := collect(syncml.NewDecoder(r, nil))
		require.ErrorIs(t, err, broken, "after %d bytes", cut)
	}
}

func TestUnknownKept(t *testing.T) {
	const body = `<Put><CmdID>1</CmdID><Item/></Put>` +
		`<Get><CmdID>2</CmdID><Item><Target><LocURI>./a</LocURI></Target><SourceParent a="1"><LocURI>b</LocURI></SourceParent></Item><Lang>en</Lang></Get>`
	m, err := decode(t, message(body), &syncml.DecoderOptions{KeepUnknown: true})
	require.NoError(t, err)
	require.Equal(t, &syncml.Unknown{CmdID: "1", Element: syncml.Element{Name: "Put", XML: `<Put><CmdID>1</CmdID><Item/></Put>`}}, m.Commands[0])
	get := m.Commands[1].(*syncml.Get)
	require.Equal(t, []syncml.Element{{Name: "Lang", XML: `<Lang>en</Lang>`}}, get.Unknown)
	require.Equal(t, []syncml.Element{{Name: "SourceParent", XML: `<SourceParent a="1"><LocURI>b</LocURI></SourceParent>`}}, get.Items[0].Unknown)
	out, err := syncml.Append(nil, m, &syncml.EncoderOptions{AsIs: true})
	require.NoError(t, err)
	require.Equal(t, message(body), string(out))
}

func TestPrefixesOfMarkup(t *testing.T) {
	in := `<s:SyncML xmlns:s="SYNCML:SYNCML1.2" xmlns:x="urn:x" xmlns:y='a"&amp;b'>` +
		strings.NewReplacer("</", "</s:", "<", "<s:").Replace(hdr) +
		`<s:SyncBody><s:Add><s:CmdID>1</s:CmdID><s:Item><s:Data><x:a y:b="1"/> <x:c z=">" xmlns:x="urn:own">&lt;</x:c></s:Data></s:Item></s:Add></s:SyncBody></s:SyncML>`
	m, err := decode(t, in, nil)
	require.NoError(t, err)
	require.Equal(t, `<x:a xmlns:x="urn:x" xmlns:y="a&quot;&amp;b" y:b="1"/> <x:c xmlns:y="a&quot;&amp;b" z=">" xmlns:x="urn:own">&lt;</x:c>`,
		m.Commands[0].(*syncml.Add).Items[0].Data.String())
	_, err = syncml.Append(nil, m, nil)
	require.NoError(t, err, "what was decoded can be written again")
}

// TestNames puts characters into names of elements and of attributes, and into targets, at the beginning and behind it.
func TestNames(t *testing.T) {
	for _, c := range []struct {
		chars        string
		first, after bool
	}{
		{"_Aé\u00D8\u02FF\u0370\u1FFF\u200C\u2070\u218F\u2C00\u3001世\uD7FF\uF900\uFDF0\uFFFD\U00010000\U000EFFFF", true, true},
		{"-.1\u00B7\u0300\u036F\u203F\u2040", false, true},
		{"\u007F\u0085\u00A0\u00D7\u00F7\u037E\u2000\u2028\u2190\u2FF0\u3000\uE000\uFDD0\uFFFE\uFFFF\U000F0000\U0010FFFF", false, false},
	} {
		for _, r := range c.chars {
			for in, ok := range map[string]bool{
				"<%s/>": c.first, "<a%s/>": c.after, "<a %s='1'/>": c.first, "<a a%s='1'/>": c.after,
				"<?%s?>": c.first, "<?a%s?>": c.after, "<p:%s xmlns:p='urn:p'/>": c.first, "<p%[1]s:a xmlns:p%[1]s='urn:p'/>": c.after,
			} {
				in = fmt.Sprintf(in, string(r))
				_, err := decode(t, item("<Data><x>"+in+"</x></Data>"), nil)
				if ok {
					require.NoError(t, err, "%U in %s", r, in)
				} else {
					require.ErrorIs(t, err, syncml.ErrSyntax, "%U in %s", r, in)
				}
			}
		}
	}
}

// TestPrefixesEnd declares prefixes on elements that end before the prefix is used again.
func TestPrefixesEnd(t *testing.T) {
	outer := func(content string) string {
		return strings.Replace(item(content), `"SYNCML:SYNCML1.2"`, `"SYNCML:SYNCML1.2" xmlns:p="SYNCML:SYNCML1.2"`, 1)
	}
	for _, c := range []struct{ name, before string }{
		{"text", `<Target xmlns:p="urn:p"><LocURI>./a</LocURI></Target>`},
		{"within", `<Target><LocURI xmlns:p="urn:p">./a</LocURI></Target>`},
		{"section", `<Target><LocURI xmlns:p="urn:p"><![CDATA[./a]]></LocURI></Target>`},
		{"empty", `<Target xmlns:p="urn:p"/>`},
		{"skipped", `<Odd xmlns:p="urn:p"><Odd/></Odd>`},
	} {
		t.Run(c.name, func(t *testing.T) {
			// A prefix of its own: whoever uses it afterwards has not declared it.
			var told []string
			_, err := decode(t, item(c.before+`<p:Data>x</p:Data>`), &syncml.DecoderOptions{Forgiven: func(e *syncml.SyntaxError) { told = append(told, e.Error()) }})
			require.NoError(t, err)
			require.Contains(t, strings.Join(told, "\n"), "not declared")
			// One of the root's: it stands for what it did before, for elements and in what is kept of them.
			told = nil
			m, err := decode(t, outer(c.before+`<p:Data><p:a/></p:Data>`), &syncml.DecoderOptions{Forgiven: func(e *syncml.SyntaxError) { told = append(told, e.Error()) }})
			require.NoError(t, err)
			require.NotContains(t, strings.Join(told, "\n"), "Data is not in its namespace")
			require.Equal(t, `<p:a xmlns:p="SYNCML:SYNCML1.2"/>`, m.Commands[0].(*syncml.Replace).Items[0].Data.String())
		})
	}
}
