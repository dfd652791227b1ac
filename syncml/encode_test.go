package syncml_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/omadm-sdk/omadm/syncml"
	"github.com/stretchr/testify/require"
)

// everything holds each element that the encoder writes, in an order in which no specification would have it.
func everything() *syncml.Message {
	h := header()
	h.Source.Name, h.RespURI = "Bruce2", "https://dm.example/next"
	h.Cred = &syncml.Cred{Meta: syncml.Meta{Type: syncml.AuthMD5, Format: "b64"}, Data: "LAK2i25Fh0nxxGGaAzRRpg=="}
	h.Meta = syncml.Meta{MaxObjSize: 2, MaxMsgSize: 1}
	it := syncml.Item{MoreData: true, Data: syncml.Text("d"), Meta: syncml.Meta{Type: "t", Format: "chr"},
		Source: syncml.Location{URI: "./s"}, Target: syncml.Location{URI: "./t", Name: "n"}}
	one := []syncml.Item{it}
	return &syncml.Message{Header: h, Final: true, Commands: []syncml.Command{
		&syncml.Status{CmdID: "1", MsgRef: "1", CmdRef: "0", Cmd: "SyncHdr", Code: 407, Items: one,
			Chal:       &syncml.Chal{Meta: syncml.Meta{NextNonce: "Tm9uY2U=", Type: syncml.AuthMD5, Format: "b64"}},
			TargetRefs: []string{"./t"}, SourceRefs: []string{"./s"}, OriginalError: "0x86000002"},
		&syncml.Alert{CmdID: "2", Code: 1226, Correlator: "c", Items: one},
		&syncml.Exec{CmdID: "3", Correlator: "c", Meta: syncml.Meta{Mark: "minor"}, Items: one},
		&syncml.Results{CmdID: "4", MsgRef: "1", CmdRef: "2", Meta: syncml.Meta{Size: 3}, TargetRef: "./t", SourceRef: "./s", Items: one},
		&syncml.Sequence{CmdID: "5", Commands: []syncml.Command{&syncml.Copy{CmdID: "6", NoResp: true, Items: one}}},
	}}
}

func TestEncodeOrder(t *testing.T) {
	const it = `<Item><Target><LocURI>./t</LocURI><LocName>n</LocName></Target><Source><LocURI>./s</LocURI></Source>` +
		`<Meta><Format xmlns="syncml:metinf">chr</Format><Type xmlns="syncml:metinf">t</Type></Meta><Data>d</Data><MoreData/></Item>`
	parts := []struct{ statement, want string }{
		{"X02 root", `<SyncML xmlns="SYNCML:SYNCML1.2">`},
		{"X01 X04 header", `<SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto><SessionID>7</SessionID><MsgID>2</MsgID>` +
			`<Target><LocURI>http://dm.example</LocURI></Target><Source><LocURI>IMEI:1</LocURI><LocName>Bruce2</LocName></Source>` +
			`<RespURI>https://dm.example/next</RespURI><Cred><Meta><Format xmlns="syncml:metinf">b64</Format>` +
			`<Type xmlns="syncml:metinf">syncml:auth-md5</Type></Meta><Data>LAK2i25Fh0nxxGGaAzRRpg==</Data></Cred>` +
			`<Meta><MaxMsgSize xmlns="syncml:metinf">1</MaxMsgSize><MaxObjSize xmlns="syncml:metinf">2</MaxObjSize></Meta></SyncHdr><SyncBody>`},
		{"X05 status", `<Status><CmdID>1</CmdID><MsgRef>1</MsgRef><CmdRef>0</CmdRef><Cmd>SyncHdr</Cmd><TargetRef>./t</TargetRef>` +
			`<SourceRef>./s</SourceRef><Chal><Meta><Format xmlns="syncml:metinf">b64</Format><Type xmlns="syncml:metinf">syncml:auth-md5</Type>` +
			`<NextNonce xmlns="syncml:metinf">Tm9uY2U=</NextNonce></Meta></Chal>` +
			`<Data xmlns:msft="http://schemas.microsoft.com/MobileDevice/MDM" msft:originalerror="0x86000002">407</Data>`},
		{"X06 X25 item", it + `</Status>`},
		{"X07 alert", `<Alert><CmdID>2</CmdID><Data>1226</Data><Correlator>c</Correlator>` + it + `</Alert>`},
		{"X08 exec", `<Exec><CmdID>3</CmdID><Meta><Mark xmlns="syncml:metinf">minor</Mark></Meta><Correlator>c</Correlator>` + it + `</Exec>`},
		{"X09 results", `<Results><CmdID>4</CmdID><MsgRef>1</MsgRef><CmdRef>2</CmdRef><Meta><Size xmlns="syncml:metinf">3</Size></Meta>` +
			`<TargetRef>./t</TargetRef><SourceRef>./s</SourceRef>` + it + `</Results>`},
		{"nesting", `<Sequence><CmdID>5</CmdID><Copy><CmdID>6</CmdID><NoResp/>` + it + `</Copy></Sequence>`},
		{"end", `<Final/></SyncBody></SyncML>`},
	}
	out, err := syncml.Append(nil, everything(), nil)
	require.NoError(t, err)
	bin, err := syncml.Append(nil, everything(), &syncml.EncoderOptions{Encoding: syncml.WBXML})
	require.NoError(t, err)
	noAttributes := regexp.MustCompile(` (xmlns|msft)[^>]*`)
	require.Equal(t, noAttributes.ReplaceAllString(string(out), ""), xmlOf(t, bin), "the same elements in the same order")

	rest := string(out)
	for _, p := range parts {
		var found bool
		rest, found = strings.CutPrefix(rest, p.want)
		require.True(t, found, "%s: want %s, have %s", p.statement, p.want, rest)
	}
	require.Empty(t, rest)

	back, err := decode(t, string(out), &syncml.DecoderOptions{Strict: true})
	require.NoError(t, err, "what is written passes strict reading")
	want := everything()
	want.Header.VerDTD, want.Header.VerProto = "1.2", "DM/1.2"
	require.Empty(t, syncml.Diff(want, back, nil))
}

func TestX01Versions(t *testing.T) {
	h := header()
	h.VerDTD, h.VerProto = "", ""
	out, err := syncml.Append(nil, &syncml.Message{Header: h}, nil)
	require.NoError(t, err)
	require.Contains(t, string(out), `"SYNCML:SYNCML1.2"><SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto>`)
	h.VerDTD, h.VerProto = "1.1", "DM/1.1"
	out, err = syncml.Append(nil, &syncml.Message{Header: h}, nil)
	require.NoError(t, err)
	require.Contains(t, string(out), `"SYNCML:SYNCML1.1"><SyncHdr><VerDTD>1.1</VerDTD><VerProto>DM/1.1</VerProto>`)
}

// X03: the media types of both encodings, and nothing else.
func TestX03MediaTypes(t *testing.T) {
	tests := []struct {
		in   string
		want syncml.Encoding
		ok   bool
	}{
		{"application/vnd.syncml.dm+xml", syncml.XML, true},
		{"application/vnd.syncml.dm+wbxml", syncml.WBXML, true},
		{"Application/VND.syncml.DM+XML; charset=utf-8", syncml.XML, true},
		{"application/vnd.syncml.dm+xml; charset", syncml.XML, true},
		{"application/vnd.syncml+xml", syncml.XML, true},
		{"application/vnd.syncml+wbxml", syncml.WBXML, true},
		{"text/xml", syncml.Auto, false},
		{"application/octet-stream", syncml.Auto, false},
		{"", syncml.Auto, false},
	}
	for _, test := range tests {
		got, ok := syncml.EncodingOf(test.in)
		require.Equal(t, test.want, got, test.in)
		require.Equal(t, test.ok, ok, test.in)
	}
	require.Equal(t, "application/vnd.syncml.dm+xml", syncml.XML.ContentType())
	require.Equal(t, "application/vnd.syncml.dm+wbxml", syncml.WBXML.ContentType())
}

// replace returns a message with one Replace of one item.
func replace(it syncml.Item) *syncml.Message {
	return &syncml.Message{Header: header(), Final: true, Commands: []syncml.Command{
		&syncml.Replace{CmdID: "1", Items: []syncml.Item{it}}}}
}

func TestEncodeData(t *testing.T) {
	long := strings.Repeat("long text, longer than a stretch <&> ", 40)
	tests := []struct {
		name string
		it   syncml.Item
		want string
	}{
		{"absent", syncml.Item{}, ``},
		{"empty", data(syncml.Empty()), `<Data/>`},
		{"empty text", data(syncml.Text("")), `<Data/>`},
		{"X11 text", data(syncml.Text(`a<b>&"c"`)), `<Data>a&lt;b&gt;&amp;"c"</Data>`},
		{"X11 CDATA", data(syncml.CDATA(`a<b>&"c"`)), `<Data><![CDATA[a<b>&"c"]]></Data>`},
		{"CDATA that ends", data(syncml.CDATA(`a]]>b]]`)), `<Data><![CDATA[a]]]]><![CDATA[>b]]]]></Data>`},
		{"CDATA with a carriage return", data(syncml.CDATA("a\rb")), `<Data><![CDATA[a]]>&#13;<![CDATA[b]]></Data>`},
		{"carriage return", data(syncml.Text("a\r\nb\tc")), "<Data>a&#13;\nb\tc</Data>"},
		{"]]> in text", data(syncml.Text("a]]>b")), "<Data>a]]&gt;b</Data>"},
		{"long text", data(syncml.Text(long)), "<Data>" + strings.NewReplacer("<", "&lt;", ">", "&gt;", "&", "&amp;").Replace(long) + "</Data>"},
		{"beyond ASCII", data(syncml.Text("Grüße 世界 😀 <é>")), "<Data>Grüße 世界 😀 &lt;é&gt;</Data>"},
		{"markup", data(syncml.Markup(`<a x="1">b<!-- c --></a>`)), `<Data><a x="1">b<!-- c --></a></Data>`},
		{"markup with carriage returns", data(syncml.Markup("<a>x\r\ny\r<![CDATA[\r]]></a>")), "<Data><a>x\ny\n<![CDATA[\n]]></a></Data>"},
		{"opaque text", data(syncml.Opaque([]byte("a<b"))), `<Data>a&lt;b</Data>`},
		{"X23 bytes", syncml.Item{Meta: syncml.Meta{Format: "bin", Type: "a/b"}, Data: syncml.Opaque([]byte{0, 1, 255})},
			`<Meta><Format xmlns="syncml:metinf">b64</Format><Type xmlns="syncml:metinf">a/b</Type></Meta><Data>AAH/</Data>`},
		{"X23 bytes said to be base64", syncml.Item{Meta: syncml.Meta{Format: "b64"}, Data: syncml.Opaque([]byte{0, 1, 255})},
			`<Meta><Format xmlns="syncml:metinf">b64</Format></Meta><Data>AAH/</Data>`},
		{"base64 in OPAQUE", syncml.Item{Meta: syncml.Meta{Format: "b64"}, Data: syncml.Opaque([]byte("AAH/"))},
			`<Meta><Format xmlns="syncml:metinf">b64</Format></Meta><Data>AAH/</Data>`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			out, err := syncml.Append(nil, replace(test.it), nil)
			require.NoError(t, err)
			require.Equal(t, item(test.want), string(out))
			back, err := decode(t, string(out), &syncml.DecoderOptions{Strict: true})
			require.NoError(t, err)
			again, err := syncml.Append(nil, back, nil)
			require.NoError(t, err)
			require.Equal(t, string(out), string(again))
			if test.it.Data.Kind() != syncml.DataOpaque {
				require.Empty(t, syncml.Diff(replace(test.it), back, nil))
				require.Equal(t, test.it.Data.Kind(), back.Commands[0].(*syncml.Replace).Items[0].Data.Kind())
			}
		})
	}
}

func TestBytesUnderCommandMeta(t *testing.T) {
	m := replace(data(syncml.Opaque([]byte{1, 2})))
	m.Commands[0].(*syncml.Replace).Meta.Format = "bin"
	out, err := syncml.Append(nil, m, nil)
	require.NoError(t, err)
	require.Contains(t, string(out), `<Item><Meta><Format xmlns="syncml:metinf">b64</Format></Meta><Data>AQI=</Data></Item>`)
}

func TestBadChar(t *testing.T) {
	at := syncml.Location{URI: "./a"}
	for _, bad := range []string{"\x00", "a\x1Fb", "long enough for words, long enough \uFFFE", "\xFF", "\xED\xA0\x80", "x\xC3"} {
		for _, kind := range []syncml.DataKind{syncml.DataText, syncml.DataCDATA, syncml.DataOpaque} {
			m := replace(syncml.Item{Target: at, Data: syncml.Text(bad).As(kind)})
			_, err := syncml.Append(nil, m, nil)
			require.ErrorIs(t, err, syncml.ErrBadChar)
			require.ErrorContains(t, err, "Replace with CmdID 1, item 1")
			require.ErrorContains(t, err, "./a")

			out, err := syncml.Append(nil, m, &syncml.EncoderOptions{BadChar: syncml.BadCharReplace})
			require.NoError(t, err)
			back, err := decode(t, string(out), nil)
			require.NoError(t, err)
			require.Contains(t, back.Commands[0].(*syncml.Replace).Items[0].Data.String(), "\uFFFD")

			// WBXML carries anything.
			out, err = syncml.Append(nil, m, &syncml.EncoderOptions{Encoding: syncml.WBXML})
			require.NoError(t, err)
			back, err = syncml.Unmarshal(out, nil)
			require.NoError(t, err)
			require.Equal(t, bad, back.Commands[0].(*syncml.Replace).Items[0].Data.String())

			if kind == syncml.DataOpaque {
				continue // already bytes; the format says what they are
			}
			out, err = syncml.Append(nil, m, &syncml.EncoderOptions{BadChar: syncml.BadCharBase64})
			require.NoError(t, err)
			back, err = decode(t, string(out), nil)
			require.NoError(t, err)
			it := back.Commands[0].(*syncml.Replace).Items[0]
			require.Equal(t, "b64", it.Meta.Format)
			text, err := base64.StdEncoding.DecodeString(it.Data.String())
			require.NoError(t, err)
			require.Equal(t, bad, string(text))
		}
		h := header()
		h.Source.URI = bad
		_, err := syncml.Append(nil, &syncml.Message{Header: h}, &syncml.EncoderOptions{BadChar: syncml.BadCharBase64})
		require.ErrorIs(t, err, syncml.ErrBadChar, "only Data has a format")

		out, err := syncml.Append(nil, &syncml.Message{Header: h}, &syncml.EncoderOptions{Encoding: syncml.WBXML})
		if utf8.ValidString(bad) {
			require.NoError(t, err)
			back, err := syncml.Unmarshal(out, nil)
			require.NoError(t, err)
			require.Equal(t, strings.TrimSpace(bad), back.Header.Source.URI)
		} else {
			require.ErrorIs(t, err, syncml.ErrBadChar)
			out, err = syncml.Append(nil, &syncml.Message{Header: h}, &syncml.EncoderOptions{Encoding: syncml.WBXML, BadChar: syncml.BadCharReplace})
			require.NoError(t, err)
			back, err := syncml.Unmarshal(out, nil)
			require.NoError(t, err)
			require.Equal(t, strings.ToValidUTF8(bad, "\uFFFD"), back.Header.Source.URI)
		}
	}
}

// unknown returns an item with an element that nobody knows.
func unknown(xml string) syncml.Item {
	it := data(syncml.Text("x"))
	it.Unknown = []syncml.Element{{Name: "a", XML: xml}}
	return it
}

func TestEncodeRefuses(t *testing.T) {
	one := []syncml.Item{{Target: syncml.Location{URI: "./a"}}}
	tests := []struct {
		name string
		cmds []syncml.Command
		text string
	}{
		{"X12 no CmdID", []syncml.Command{&syncml.Get{Items: one}}, `Get: no command may have the CmdID ""`},
		{"X12 CmdID 0", []syncml.Command{&syncml.Get{CmdID: "0", Items: one}}, `CmdID "0"`},
		{"X12 a number twice", []syncml.Command{&syncml.Get{CmdID: "1", Items: one}, &syncml.Get{CmdID: "1", Items: one}}, `CmdID 1: the CmdID is there`},
		{"X12 a number twice, later", []syncml.Command{&syncml.Get{CmdID: "1", Items: one}, &syncml.Get{CmdID: "3", Items: one},
			&syncml.Get{CmdID: "2", Items: one}, &syncml.Get{CmdID: "3", Items: one}}, `CmdID 3: the CmdID is there`},
		{"X12 a name twice", []syncml.Command{&syncml.Get{CmdID: "a", Items: one}, &syncml.Atomic{CmdID: "b", Commands: []syncml.Command{
			&syncml.Add{CmdID: "a", Items: one}}}}, `CmdID a: the CmdID is there`},
		{"X15 Cred in a command", []syncml.Command{&syncml.Status{CmdID: "1", MsgRef: "1", CmdRef: "1", Cmd: "Get", Code: 200, Cred: &syncml.Cred{}}}, `Cred`},
		{"X17 Chal without nonce format", []syncml.Command{&syncml.Status{CmdID: "1", MsgRef: "1", CmdRef: "1", Cmd: "Get", Code: 407,
			Chal: &syncml.Chal{Meta: syncml.Meta{Type: syncml.AuthMD5, NextNonce: "Tm9uY2U="}}}}, `Format b64`},
		{"X17 Chal with a raw nonce", []syncml.Command{&syncml.Status{CmdID: "1", MsgRef: "1", CmdRef: "1", Cmd: "Get", Code: 407,
			Chal: &syncml.Chal{Meta: syncml.Meta{Type: syncml.AuthMAC, Format: "b64", NextNonce: "?"}}}}, `base64`},
		{"no items", []syncml.Command{&syncml.Add{CmdID: "1"}}, `no item`},
		{"two items", []syncml.Command{&syncml.Exec{CmdID: "1", Items: append(one, one...)}}, `2 items`},
		{"status of nothing", []syncml.Command{&syncml.Status{CmdID: "1", CmdRef: "1", Cmd: "Get", Code: 200}}, `MsgRef`},
		{"status without code", []syncml.Command{&syncml.Status{CmdID: "1", MsgRef: "1", CmdRef: "1", Cmd: "Get"}}, `code 0`},
		{"results of nothing", []syncml.Command{&syncml.Results{CmdID: "1", CmdRef: "1", Items: one}}, `MsgRef`},
		{"alert without code", []syncml.Command{&syncml.Alert{CmdID: "1"}}, `code`},
		{"empty atomic", []syncml.Command{&syncml.Atomic{CmdID: "1"}}, `no command`},
		{"status in atomic", []syncml.Command{&syncml.Atomic{CmdID: "1", Commands: []syncml.Command{
			&syncml.Status{CmdID: "2", MsgRef: "1", CmdRef: "1", Cmd: "Get", Code: 200}}}}, `Status with CmdID 2: inside Atomic`},
		{"sequence in sequence", []syncml.Command{&syncml.Sequence{CmdID: "1", Commands: []syncml.Command{&syncml.Sequence{CmdID: "2",
			Commands: []syncml.Command{&syncml.Add{CmdID: "3", Items: one}}}}}}, `Sequence with CmdID 2: inside Sequence`},
		{"unknown without its XML", []syncml.Command{&syncml.Unknown{CmdID: "1", Element: syncml.Element{Name: "Put"}}}, `Put`},
		{"unknown", []syncml.Command{&syncml.Unknown{CmdID: "1", Element: syncml.Element{Name: "Put", XML: "<Put/>"}}}, `not a command`},
		{"unknown, not kept", []syncml.Command{&syncml.Unknown{CmdID: "1"}}, `Unknown with CmdID 1: its element was not kept: see DecoderOptions.KeepUnknown`},
		{"markup that is none", []syncml.Command{replace(data(syncml.Markup("<a>"))).Commands[0]}, `markup`},
		{"markup that breaks out", []syncml.Command{replace(data(syncml.Markup("<a/></Data><Data>"))).Commands[0]}, `markup`},
		{"markup with a control in a section", []syncml.Command{replace(data(syncml.Markup("<a><![CDATA[" + strings.Repeat("long ", 9) + "\x14]]></a>"))).Commands[0]}, `U+0014`},
		{"markup with a strange prefix", []syncml.Command{replace(data(syncml.Markup("<p:a/>"))).Commands[0]}, `not declared`},
		{"markup with an attribute of a strange prefix", []syncml.Command{replace(data(syncml.Markup(`<a p:x="1"/>`))).Commands[0]}, `not declared`},
		{"document that ends what it is in", []syncml.Command{replace(syncml.Item{Meta: syncml.Meta{Type: "a/b+xml"},
			Data: syncml.Markup(`</Data><MgmtTree/>`)}).Commands[0]}, `end tag`},
		{"document with ]]>", []syncml.Command{replace(syncml.Item{Meta: syncml.Meta{Type: "a/b+xml"},
			Data: syncml.Markup(`<MgmtTree><Node>]]></Node></MgmtTree>`)}).Commands[0]}, `]]>`},
		{"element that ends what it is in", []syncml.Command{replace(unknown(`</Data><Data>`)).Commands[0]}, `end tag`},
		{"element with ]]>", []syncml.Command{replace(unknown(`<a>]]></a>`)).Commands[0]}, `]]>`},
		{"element of a reserved prefix", []syncml.Command{replace(unknown(`<xmlns:a/>`)).Commands[0]}, `not declared`},
		{"two elements in one", []syncml.Command{replace(unknown(`<a/><b/>`)).Commands[0]}, `one element`},
		{"an element that is none", []syncml.Command{replace(unknown(`a`)).Commands[0]}, `element`},
		{"nil", []syncml.Command{nil}, `no command`},
	}
	for _, test := range tests {
		for _, enc := range encodings {
			t.Run(test.name+"/"+enc.String(), func(t *testing.T) {
				opts := &syncml.EncoderOptions{Encoding: enc}
				var out bytes.Buffer
				e := syncml.NewEncoder(&out, opts)
				h := header()
				require.NoError(t, e.Begin(&h))
				last := len(test.cmds) - 1
				for _, c := range test.cmds[:last] {
					require.NoError(t, e.Encode(c))
				}
				require.ErrorContains(t, e.Encode(test.cmds[last]), test.text)
				require.NoError(t, e.End(false))
				want, err := syncml.Append(nil, &syncml.Message{Header: h, Commands: test.cmds[:last]}, opts)
				require.NoError(t, err)
				require.Equal(t, want, out.Bytes(), "a refused command leaves no trace")
			})
		}
	}
	t.Run("header", func(t *testing.T) {
		for _, breakIt := range []func(*syncml.Header){
			func(h *syncml.Header) { h.SessionID = "" },
			func(h *syncml.Header) { h.MsgID = "" },
			func(h *syncml.Header) { h.Target.URI = "" },
			func(h *syncml.Header) { h.Source.URI = "" },
			func(h *syncml.Header) { h.Cred = &syncml.Cred{Meta: syncml.Meta{Type: syncml.AuthMD5}} }, // X16
		} {
			h := header()
			breakIt(&h)
			_, err := syncml.Append(nil, &syncml.Message{Header: h}, nil)
			require.Error(t, err)
			_, err = syncml.Append(nil, &syncml.Message{Header: h}, &syncml.EncoderOptions{AsIs: true})
			require.NoError(t, err)
		}
	})
}

func TestEncodeBudget(t *testing.T) {
	for _, enc := range encodings {
		t.Run(enc.String(), func(t *testing.T) {
			var out bytes.Buffer
			const limit = 2000
			e := syncml.NewEncoder(&out, &syncml.EncoderOptions{Encoding: enc, MaxMessage: limit})
			h := header()
			require.NoError(t, e.Begin(&h))
			get := func(n int, uri string) *syncml.Get {
				return &syncml.Get{CmdID: syncml.ID(n), Items: []syncml.Item{{Target: syncml.Location{URI: uri}}}}
			}
			n := 0
			fixed := int64(0) // what a command takes beside its URI
			for err := error(nil); err == nil; n++ {
				room := e.Room()
				if err = e.Encode(get(n+1, "./DevDetail/SwV")); err != nil {
					require.ErrorIs(t, err, syncml.ErrFull)
					require.Equal(t, room, e.Room(), "a command that does not fit takes no room")
					require.Less(t, room, int64(100))
				} else {
					require.Less(t, e.Room(), room)
					fixed = room - e.Room() - int64(len("./DevDetail/SwV"))
				}
			}
			// The number is free again, and what is left takes a command that fits exactly, and then nothing.
			require.Greater(t, n, 10)
			require.ErrorIs(t, e.Encode(get(n, strings.Repeat("x", int(max(1, e.Room()-fixed+1))))), syncml.ErrFull)
			if e.Room() > fixed {
				require.NoError(t, e.Encode(get(n, strings.Repeat("x", int(e.Room()-fixed)))))
				require.Zero(t, e.Room())
			}
			require.NoError(t, e.End(true))
			require.LessOrEqual(t, out.Len(), limit)
			require.Greater(t, out.Len(), limit-100)
			_, err := syncml.Unmarshal(out.Bytes(), &syncml.DecoderOptions{Strict: true})
			require.NoError(t, err)

			small := syncml.NewEncoder(&out, &syncml.EncoderOptions{Encoding: enc, MaxMessage: 50})
			require.ErrorIs(t, small.Begin(&h), syncml.ErrFull)
		})
	}
}

func TestEncoderUse(t *testing.T) {
	h := header()
	e := syncml.NewEncoder(new(bytes.Buffer), nil)
	require.Error(t, e.Encode(&syncml.Get{}), "before Begin")
	require.Error(t, e.End(true), "before Begin")
	require.NoError(t, e.Begin(&h))
	require.Error(t, e.Begin(&h), "twice")

	broken := errors.New("broken pipe")
	e = syncml.NewEncoder(writerFunc(func([]byte) (int, error) { return 0, broken }), nil)
	require.NoError(t, e.Begin(&h))
	require.ErrorIs(t, e.End(true), broken)
	require.ErrorIs(t, e.Begin(&h), broken)

	dst := []byte("before")
	out, err := syncml.Append(dst, replace(data(syncml.Text("\x00"))), nil)
	require.Error(t, err)
	require.Equal(t, dst, out)
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// TestStreamingWriter sees that a large message goes out in pieces and still keeps to its budget.
func TestStreamingWriter(t *testing.T) {
	for _, enc := range encodings {
		t.Run(enc.String(), func(t *testing.T) {
			var sizes []int
			var out bytes.Buffer
			e := syncml.NewEncoder(writerFunc(func(p []byte) (int, error) {
				sizes = append(sizes, len(p))
				return out.Write(p)
			}), &syncml.EncoderOptions{Encoding: enc, MaxMessage: 1 << 20})
			h := header()
			require.NoError(t, e.Begin(&h))
			text := syncml.Text(strings.Repeat("x", 10_000))
			n := 0
			for e.Room() > 11_000 {
				n++
				require.NoError(t, e.Encode(&syncml.Add{CmdID: syncml.ID(n), Items: []syncml.Item{data(text)}}))
			}
			require.NoError(t, e.End(true))
			require.Greater(t, len(sizes), 20)
			require.LessOrEqual(t, out.Len(), 1<<20)
			m, err := syncml.Unmarshal(out.Bytes(), nil)
			require.NoError(t, err)
			require.Len(t, m.Commands, n)
		})
	}
}
