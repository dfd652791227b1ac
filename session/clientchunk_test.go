package session_test

import (
	"bytes"
	"encoding/base64"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/session"
	"github.com/omadm-sdk/omadm/syncml"
)

// chunkCmd is a Replace with a piece of a large object; size 0 says none.
func chunkCmd(id, uri, format, piece string, size int, more bool) string {
	meta := ""
	if format != "" {
		meta = `<Format xmlns="syncml:metinf">` + format + `</Format>`
	}
	if size > 0 {
		meta += `<Size xmlns="syncml:metinf">` + strconv.Itoa(size) + `</Size>`
	}
	s := `<Replace><CmdID>` + id + `</CmdID><Item><Target><LocURI>` + uri + `</LocURI></Target><Meta>` + meta + `</Meta>` + dataXML(piece)
	if more {
		s += `<MoreData/>`
	}
	return s + `</Item></Replace>`
}

// What a server sends in pieces, and what comes of it.
func TestLargeObjectFromServer(t *testing.T) {
	type turn struct{ say, want string }
	b64 := base64.StdEncoding.EncodeToString([]byte{0, 1, 2, 3, 4, 5, 6, 7, 8})
	taken := func(n string) string {
		return "Status " + n + "/0 SyncHdr 200\nStatus " + n + "/1 Replace 213 ./A/x\nAlert 1222"
	}
	const over = "over"
	for _, test := range []struct {
		name  string
		turns []turn
		left  string // of ./A/x
	}{
		{"L04 L05: 213 and 1222 for each piece, nothing is done before the last", []turn{
			{chunkCmd("1", "./A/x", "", "abc", 8, true), taken("1")},
			{chunkCmd("1", "./A/x", "", "def", 0, true), taken("2")},
			{chunkCmd("1", "./A/x", "", "gh", 0, false) + finalXML, "Status 3/0 SyncHdr 200\nStatus 3/1 Replace 200 ./A/x\nFinal"},
			{finalXML, over},
		}, "abcdefgh"},
		{"L05: not before the last", []turn{{chunkCmd("1", "./A/x", "", "abc", 8, true), taken("1")}}, "1"},
		{"commands before it in the message", []turn{
			{getCmd("a", "./A/y") + chunkCmd("1", "./A/x", "", "abc", 6, true),
				"Status 1/0 SyncHdr 200\nStatus 1/a Get 200 ./A/y\nResults 1/a [./A/y \"2\"]\nStatus 1/1 Replace 213 ./A/x\nAlert 1222"},
			{chunkCmd("1", "./A/x", "", "def", 0, false) + finalXML, "Status 2/0 SyncHdr 200\nStatus 2/1 Replace 200 ./A/x\nFinal"},
		}, "abcdef"},
		{"and the Status of our 1222", []turn{
			{chunkCmd("1", "./A/x", "", "abc", 6, true), taken("1")},
			{`<Status><CmdID>9</CmdID><MsgRef>2</MsgRef><CmdRef>3</CmdRef><Cmd>Alert</Cmd><Data>200</Data></Status>` +
				chunkCmd("1", "./A/x", "", "def", 0, false) + finalXML, "Status 2/0 SyncHdr 200\nStatus 2/1 Replace 200 ./A/x\nFinal"},
		}, "abcdef"},
		{"L06: shorter than announced", []turn{
			{chunkCmd("1", "./A/x", "", "abc", 8, true), taken("1")},
			{chunkCmd("1", "./A/x", "", "de", 0, false) + finalXML, "Status 2/0 SyncHdr 200\nStatus 2/1 Replace 424 ./A/x\nFinal"},
		}, "1"},
		{"L06: longer than announced", []turn{
			{chunkCmd("1", "./A/x", "", "abc", 4, true), taken("1")},
			{chunkCmd("1", "./A/x", "", "def", 0, true), "Status 2/0 SyncHdr 200\nStatus 2/1 Replace 424 ./A/x\nAlert 1222"},
			{chunkCmd("1", "./A/x", "", "g", 0, true), "Status 3/0 SyncHdr 200\nStatus 3/1 Replace 411 ./A/x\nAlert 1222"},
		}, "1"},
		{"sent again from the start", []turn{
			{chunkCmd("1", "./A/x", "", "abc", 8, true), taken("1")},
			{chunkCmd("1", "./A/x", "", "de", 0, false) + finalXML, "Status 2/0 SyncHdr 200\nStatus 2/1 Replace 424 ./A/x\nFinal"},
			{chunkCmd("1", "./A/x", "", "abc", 5, true), "Status 3/0 SyncHdr 200\nStatus 3/1 Replace 213 ./A/x\nAlert 1222"},
			{chunkCmd("1", "./A/x", "", "de", 0, false) + finalXML, "Status 4/0 SyncHdr 200\nStatus 4/1 Replace 200 ./A/x\nFinal"},
		}, "abcde"},
		{"L07: another command in between", []turn{
			{chunkCmd("1", "./A/x", "", "abc", 8, true), taken("1")},
			{getCmd("1", "./A/y") + finalXML, "Status 2/0 SyncHdr 200\nAlert 1225 [./A/x]\nStatus 2/1 Get 200 ./A/y\nResults 2/1 [./A/y \"2\"]\nFinal"},
		}, "1"},
		{"L07: another object in between", []turn{
			{chunkCmd("1", "./A/x", "", "abc", 8, true), taken("1")},
			{chunkCmd("1", "./A/y", "", "abc", 6, true), "Status 2/0 SyncHdr 200\nAlert 1225 [./A/x]\nStatus 2/1 Replace 213 ./A/y\nAlert 1222"},
			{chunkCmd("1", "./A/y", "", "def", 0, false) + finalXML, "Status 3/0 SyncHdr 200\nStatus 3/1 Replace 200 ./A/y\nFinal"},
		}, "1"},
		{"L07: the package is closed instead", []turn{
			{chunkCmd("1", "./A/x", "", "abc", 8, true), taken("1")},
			{finalXML, "Status 2/0 SyncHdr 200\nAlert 1225 [./A/x]\nFinal"},
			{finalXML, over},
		}, "1"},
		{"L15: base64 is joined before it is decoded", []turn{
			{chunkCmd("1", "./A/x", "b64", b64[:5], len(b64), true), taken("1")},
			{chunkCmd("1", "./A/x", "b64", b64[5:], 0, false) + finalXML, "Status 2/0 SyncHdr 200\nStatus 2/1 Replace 200 ./A/x\nFinal"},
		}, b64},
		{"L16: no size", []turn{
			{chunkCmd("1", "./A/x", "", "abc", 0, true), "Status 1/0 SyncHdr 200\nStatus 1/1 Replace 411 ./A/x\nAlert 1222"},
		}, "1"},
		{"L16: over the limit", []turn{
			{chunkCmd("1", "./A/x", "", "abc", 101, true), "Status 1/0 SyncHdr 200\nStatus 1/1 Replace 413 ./A/x\nAlert 1222"},
		}, "1"},
		{"L17: abort in the middle", []turn{
			{chunkCmd("1", "./A/x", "", "abc", 8, true), taken("1")},
			{alertCmd("1", 1223) + finalXML, over},
		}, "1"},
		{"L18: Meta and Target are repeated, Size as well by some", []turn{
			{chunkCmd("1", "./A/x", "chr", "abc", 6, true), taken("1")},
			{chunkCmd("1", "./A/x", "chr", "def", 6, false) + finalXML, "Status 2/0 SyncHdr 200\nStatus 2/1 Replace 200 ./A/x\nFinal"},
		}, "abcdef"},
		{"L07: something behind a piece, in the same message", []turn{
			{chunkCmd("1", "./A/x", "", "abc", 6, true) + getCmd("2", "./A/x"),
				"Status 1/0 SyncHdr 200\nStatus 1/1 Replace 213 ./A/x\nAlert 1225 [./A/x]\nStatus 1/2 Get 200 ./A/x\nResults 1/2 [./A/x \"1\"]\nAlert 1222"},
			{chunkCmd("1", "./A/x", "", "def", 0, true), "Status 2/0 SyncHdr 200\nStatus 2/1 Replace 411 ./A/x\nAlert 1222"},
		}, "1"},
		{"L07: pieces of two objects in one message", []turn{
			{chunkCmd("1", "./A/y", "", "abc", 6, true) + chunkCmd("2", "./A/x", "", "def", 6, true),
				"Status 1/0 SyncHdr 200\nStatus 1/1 Replace 213 ./A/y\nAlert 1225 [./A/y]\nStatus 1/2 Replace 213 ./A/x\nAlert 1222"},
			{chunkCmd("1", "./A/x", "", "ghi", 0, false) + finalXML, "Status 2/0 SyncHdr 200\nStatus 2/1 Replace 200 ./A/x\nFinal"},
		}, "defghi"},
		{"L07: pieces of two objects in one command", []turn{
			{`<Replace><CmdID>1</CmdID><Item><Target><LocURI>./A/y</LocURI></Target><Meta><Size xmlns="syncml:metinf">6</Size></Meta><Data>abc</Data><MoreData/></Item>` +
				`<Item><Target><LocURI>./A/x</LocURI></Target><Meta><Size xmlns="syncml:metinf">6</Size></Meta><Data>def</Data><MoreData/></Item></Replace>`,
				"Status 1/0 SyncHdr 200\nAlert 1225 [./A/y]\nStatus 1/1 Replace 213\nAlert 1222"},
			{chunkCmd("1", "./A/x", "", "ghi", 0, false) + finalXML, "Status 2/0 SyncHdr 200\nStatus 2/1 Replace 200 ./A/x\nFinal"},
		}, "defghi"},
		{"L07: a piece and a question in one message", []turn{
			{chunkCmd("1", "./A/x", "", "abc", 6, true) + alertCmd("2", 1100, "", dataXML("Hello")),
				"Status 1/0 SyncHdr 200\nStatus 1/1 Replace 213 ./A/x\nAlert 1225 [./A/x]\nStatus 1/2 Alert 406\nAlert 1222"},
		}, "1"},
		{"L07: a piece and the end of the package", []turn{
			{chunkCmd("1", "./A/x", "", "abc", 6, true) + finalXML, "Status 1/0 SyncHdr 200\nStatus 1/1 Replace 213 ./A/x\nFinal"},
			{chunkCmd("1", "./A/x", "", "def", 0, false) + finalXML, "Status 2/0 SyncHdr 200\nStatus 2/1 Replace 200 ./A/x\nFinal"},
		}, "abcdef"},
		{"L07: the rest of what has been interrupted, in the same message", []turn{
			{chunkCmd("1", "./A/x", "", "abc", 6, true) + getCmd("2", "./A/y") + chunkCmd("3", "./A/x", "", "def", 0, false) + finalXML,
				"Status 1/0 SyncHdr 200\nStatus 1/1 Replace 213 ./A/x\nAlert 1225 [./A/x]\nStatus 1/2 Get 200 ./A/y\nResults 1/2 [./A/y \"2\"]\n" +
					"Status 1/3 Replace 424 ./A/x\nFinal"},
		}, "1"},
		{"L16: the rest of what has been refused, in the same message", []turn{
			{chunkCmd("1", "./A/x", "", "abc", 101, true) + chunkCmd("2", "./A/x", "", "def", 0, true) + chunkCmd("3", "./A/x", "", "ghi", 0, false) + finalXML,
				"Status 1/0 SyncHdr 200\nStatus 1/1 Replace 413 ./A/x\nStatus 1/2 Replace 424 ./A/x\nStatus 1/3 Replace 424 ./A/x\nFinal"},
		}, "1"},
		{"the next piece in another command", []turn{
			{chunkCmd("1", "./A/x", "", "abc", 6, true), taken("1")},
			{strings.ReplaceAll(chunkCmd("1", "./A/x", "", "def", 0, false), "Replace>", "Add>") + finalXML,
				"Status 2/0 SyncHdr 200\nAlert 1225 [./A/x]\nStatus 2/1 Add 418 ./A/x\nFinal"},
		}, "1"},
		{"another size in the next piece", []turn{
			{chunkCmd("1", "./A/x", "", "abc", 6, true), taken("1")},
			{chunkCmd("1", "./A/x", "", "def", 7, false) + finalXML, "Status 2/0 SyncHdr 200\nStatus 2/1 Replace 424 ./A/x\nFinal"},
		}, "1"},
		{"pieces of what would have fitted", []turn{
			{chunkCmd("1", "./A/x", "", "abc", 3, true), taken("1")},
			{chunkCmd("1", "./A/x", "", "", 0, false) + finalXML, "Status 2/0 SyncHdr 200\nStatus 2/1 Replace 200 ./A/x\nFinal"},
		}, "abc"},
		{"a piece of a command without a value", []turn{
			{`<Get><CmdID>1</CmdID><Item><Target><LocURI>./A/x</LocURI></Target><MoreData/></Item></Get>`, "Status 1/0 SyncHdr 200\nStatus 1/1 Get 411 ./A/x\nAlert 1222"},
		}, "1"},
		{"a piece inside a container", []turn{
			{groupCmd("Sequence", "1", chunkCmd("2", "./A/x", "", "abc", 8, true)) + finalXML,
				"Status 1/0 SyncHdr 200\nStatus 1/1 Sequence 200\nStatus 1/2 Replace 413 ./A/x\nFinal"},
		}, "1"},
		{"a piece inside an Atomic", []turn{
			{groupCmd("Atomic", "1", chunkCmd("2", "./A/x", "", "abc", 8, true), replaceCmd("3", "./A/y", "1")) + finalXML,
				"Status 1/0 SyncHdr 200\nStatus 1/1 Atomic 507\nStatus 1/2 Replace 413 ./A/x\nStatus 1/3 Replace 215 ./A/y\nFinal"},
		}, "1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			each(t, func(t *testing.T, e syncml.Encoding) {
				tree := deviceTree()
				s := begin(t, &session.Client{Tree: tree, Profile: session.OMA, Limits: session.Limits{Object: 100}}, e, nil)
				for _, turn := range test.turns {
					s.say(turn.say)
					s.expect(turn.want)
				}
				require.Equal(t, test.left, nodeValue(t, tree, "./A/x"))
			})
		})
	}
}

// pull takes what the client sends in pieces until it closes its package, and checks each message.
func (s *script) pull(limit int) (object []byte, chunks int) {
	s.t.Helper()
	say := ""
	size := int64(0)
	for {
		require.LessOrEqual(s.t, len(s.raw.Body), limit)
		last := s.got.Commands[len(s.got.Commands)-1]
		r, ok := last.(*syncml.Results)
		if !ok { // L01: nothing else stands between chunks
			require.Zero(s.t, chunks, "%s", spell(s.got))
		} else {
			require.Len(s.t, r.Items, 1)
			it := r.Items[0]
			require.Equal(s.t, "./A/large", it.Source.URI) // L18
			chunks++
			if chunks == 1 {
				size = it.Meta.Size // L03: in the first chunk
			} else {
				require.Zero(s.t, it.Meta.Size, "L03: only there")
			}
			object = append(object, it.Data.Bytes()...)
			require.Equal(s.t, !s.got.Final, it.MoreData, "L02 L13: Final with the last chunk, MoreData before")
			require.NotEmpty(s.t, it.Data.Bytes())
			if it.MoreData && chunks > 1 {
				require.Greater(s.t, len(s.raw.Body), limit*7/10, "messages are well filled")
			}
			say = `<Status><CmdID>9</CmdID><MsgRef>` + s.got.Header.MsgID + `</MsgRef><CmdRef>` + r.CmdID +
				`</CmdRef><Cmd>Results</Cmd><Data>213</Data></Status>`
		}
		if s.got.Final {
			require.EqualValues(s.t, size, len(object))
			return object, chunks
		}
		s.say(say + alertCmd("10", 1222))
	}
}

func TestLargeObjectFromClient(t *testing.T) {
	const limit = 1500
	text := strings.Repeat("Zoë & Bruce <2> ", 500)
	raw := bytes.Repeat([]byte{0, 255, 10, 13, 65}, 800)
	for _, test := range []struct {
		name  string
		value dmtree.Value
		want  string
	}{
		{"text", dmtree.String(text), text},
		{"bytes", dmtree.Bytes(raw), base64.StdEncoding.EncodeToString(raw)},
		{"text that XML cannot carry", dmtree.String("\x01" + text), base64.StdEncoding.EncodeToString([]byte("\x01" + text))},
		{"line ends", dmtree.String(strings.Repeat("a\r\n", 1000)), strings.Repeat("a\r\n", 1000)},
	} {
		t.Run(test.name, func(t *testing.T) {
			each(t, func(t *testing.T, e syncml.Encoding) {
				tree := deviceTree()
				tree.Set("./A/large", test.value)
				s := begin(t, &session.Client{Tree: tree}, e, nil)
				s.header = func(h *syncml.Header) { h.Meta.MaxMsgSize = limit }
				s.say(getCmd("0a", "./A/x") + getCmd("1", "./A/large") + finalXML)
				got, chunks := s.pull(limit)
				want := test.want
				if b, err := test.value.Bytes(); e == syncml.WBXML && err == nil {
					want = string(b)
				}
				require.Equal(t, len(want), len(got)) // L14: what Size announced
				require.True(t, want == string(got))
				require.Greater(t, chunks, 2)
				s.say(finalXML)
				require.NoError(t, s.err)
				require.Nil(t, s.got)
			})
		})
	}
}

func TestObjectThatFitsIsNotCut(t *testing.T) { // L02
	const limit = 4000
	for n := 2800; n < limit; n += 3 {
		tree := deviceTree()
		tree.Set("./A/large", dmtree.String(strings.Repeat("v", n)))
		s := begin(t, &session.Client{Tree: tree}, syncml.XML, nil)
		s.header = func(h *syncml.Header) { h.Meta.MaxMsgSize = limit }
		s.say(getCmd("1", "./A/large") + finalXML)
		messages := 0
		for {
			messages++
			require.LessOrEqual(t, len(s.raw.Body), limit)
			if r, ok := s.got.Commands[len(s.got.Commands)-1].(*syncml.Results); ok && r.Items[0].MoreData {
				free := limit - 760 // what a message holds beside the data, about
				require.Greater(t, n, free)
			}
			if s.got.Final {
				break
			}
			require.Less(t, messages, 5, "no end")
			s.say(alertCmd("1", 1222))
		}
	}
}

// What the server says of the object that is being sent.
func TestLargeObjectThatTheServerStops(t *testing.T) {
	for _, test := range []struct{ name, say, want string }{
		{"413 for a chunk", `<Status><CmdID>9</CmdID><MsgRef>2</MsgRef><CmdRef>3</CmdRef><Cmd>Results</Cmd><Data>413</Data></Status>` + alertCmd("10", 1222),
			"Status 2/0 SyncHdr 200\nStatus 2/10 Alert 200\nFinal"},
		{"L07: 1225", alertCmd("10", 1225, `<Source><LocURI>./A/large</LocURI></Source>`) + finalXML,
			"Status 2/0 SyncHdr 200\nStatus 2/10 Alert 200\nFinal"},
		{"L17: abort", alertCmd("10", 1223) + finalXML, "over"},
	} {
		t.Run(test.name, func(t *testing.T) {
			tree := deviceTree()
			tree.Set("./A/large", dmtree.String(strings.Repeat("v", 5000)))
			s := begin(t, &session.Client{Tree: tree}, syncml.XML, nil)
			s.header = func(h *syncml.Header) { h.Meta.MaxMsgSize = 1500 }
			s.say(getCmd("1", "./A/large") + finalXML)
			require.IsType(t, (*syncml.Results)(nil), s.got.Commands[2])
			s.say(test.say)
			s.expect(test.want)
		})
	}
}

func TestMaxObjSize(t *testing.T) {
	tree := deviceTree()
	tree.Set("./A/large", dmtree.String(strings.Repeat("v", 5000)))
	s := begin(t, &session.Client{Tree: tree}, syncml.XML, nil)
	s.header = func(h *syncml.Header) { h.Meta.MaxObjSize = 4999 }
	s.say(getCmd("1", "./A/large") + getCmd("2", "./A/x") + finalXML)
	s.expect("Status 1/0 SyncHdr 200\nStatus 1/1 Get 413 ./A/large\nStatus 1/2 Get 200 ./A/x\nResults 1/2 [./A/x \"1\"]\nFinal") // L08
	s.say(getCmd("1", "./A/large") + finalXML)
	s.expect("Status 2/0 SyncHdr 200\nStatus 2/1 Get 413 ./A/large\nFinal")
	s.header = func(h *syncml.Header) { h.Meta.MaxObjSize = 5000 }
	s.say(getCmd("1", "./A/large") + finalXML) // L09
	s.expect("Status 3/0 SyncHdr 200\nStatus 3/1 Get 200 ./A/large\nResults 3/1 [./A/large 5000 bytes]\nFinal")
}

// A device that takes chunks says so to those who ask (L10 is the tree's: ./DevDetail/LrgObj), and announces its limits.
func TestLimitsAreAnnounced(t *testing.T) {
	s := begin(t, &session.Client{Tree: deviceTree(), Profile: session.OMA}, syncml.XML, nil)
	require.EqualValues(t, session.DefaultMessage, s.got.Header.Meta.MaxMsgSize)
	require.EqualValues(t, session.DefaultObject, s.got.Header.Meta.MaxObjSize)
}

func TestAnswersAreBounded(t *testing.T) {
	tree := deviceTree()
	tree.Set("./A/large", dmtree.String(strings.Repeat("v", 5000)))
	s := begin(t, &session.Client{Tree: tree, Limits: session.Limits{Answers: 12000}}, syncml.XML, nil)
	var say strings.Builder
	for i := range 5 {
		say.WriteString(getCmd(strconv.Itoa(i+1), "./A/large"))
	}
	s.say(say.String() + finalXML)
	var codes []int
	for _, c := range s.got.Commands {
		if st, ok := c.(*syncml.Status); ok && st.Cmd == "Get" {
			codes = append(codes, int(st.Code))
		}
	}
	require.Equal(t, []int{200, 200, 413, 413, 413}, codes)
}
