package session_test

import (
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/session"
	"github.com/omadm-sdk/omadm/syncml"
)

// Commands that are wrong: each has its status, changes nothing, and leaves the session usable.
func TestBadOrders(t *testing.T) {
	format := func(id, uri, f, data string) string {
		return `<Replace><CmdID>` + id + `</CmdID><Item><Target><LocURI>` + uri + `</LocURI></Target><Meta><Format xmlns="syncml:metinf">` + f +
			`</Format></Meta>` + data + `</Item></Replace>`
	}
	for _, test := range []struct{ name, say, want, oma string }{ // oma: where it differs
		{"no CmdID", `<Replace><Item><Target><LocURI>./A/x</LocURI></Target><Data>9</Data></Item></Replace>`, "Status 1/ Replace 400 ./A/x", ""},
		{"CmdID 0", replaceCmd("0", "./A/x", "9"), "Status 1/ Replace 400 ./A/x", ""},
		{"a CmdID twice", getCmd("7", "./A/y") + replaceCmd("7", "./A/x", "9"),
			"Status 1/7 Get 200 ./A/y\nResults 1/7 [./A/y \"2\"]\nStatus 1/7 Replace 400 ./A/x", ""},
		{"a CmdID twice, inside and outside", groupCmd("Sequence", "7", getCmd("8", "./A/y")) + replaceCmd("8", "./A/x", "9"),
			"Status 1/7 Sequence 200\nStatus 1/8 Get 200 ./A/y\nResults 1/8 [./A/y \"2\"]\nStatus 1/8 Replace 400 ./A/x", ""},
		{"a container without CmdID", `<Atomic>` + replaceCmd("1", "./A/x", "9") + `</Atomic>`, "Status 1/ Atomic 400\nStatus 1/1 Replace 215 ./A/x", ""},
		{"a child without CmdID", groupCmd("Atomic", "1", replaceCmd("2", "./A/x", "9"), `<Delete><Item><Target><LocURI>./A/y</LocURI></Target></Item></Delete>`),
			"Status 1/1 Atomic 507\nStatus 1/2 Replace 215 ./A/x\nStatus 1/ Delete 400 ./A/y", ""},
		{"an element that is no command", `<Put><CmdID>1</CmdID><Item><Data>9</Data></Item></Put>`, "Status 1/1 Put 400", "Status 1/1 Put 406"},
		{"one inside a Sequence", groupCmd("Sequence", "1", `<Search><CmdID>2</CmdID></Search>`), "Status 1/1 Sequence 200\nStatus 1/2 Search 400",
			"Status 1/1 Sequence 200\nStatus 1/2 Search 406"},
		{"one inside an Atomic", groupCmd("Atomic", "1", replaceCmd("3", "./A/x", "9"), `<Move><CmdID>2</CmdID></Move>`),
			"Status 1/1 Atomic 507\nStatus 1/3 Replace 215 ./A/x\nStatus 1/2 Move 400", "Status 1/1 Atomic 507\nStatus 1/3 Replace 215 ./A/x\nStatus 1/2 Move 406"},
		{"Results of a server", `<Results><CmdID>1</CmdID><MsgRef>1</MsgRef><CmdRef>1</CmdRef><Item><Data>1</Data></Item></Results>`, "Status 1/1 Results 405", ""},
		{"no items", `<Get><CmdID>1</CmdID></Get>`, "Status 1/1 Get 412", ""},
		{"an item without target", `<Replace><CmdID>1</CmdID><Item><Data>9</Data></Item></Replace>`, "Status 1/1 Replace 412", ""},
		{"an alert without code", `<Alert><CmdID>1</CmdID></Alert>`, "Status 1/1 Alert 406", ""},
		{"a leading slash", replaceCmd("1", "/A/x", "9"), "Status 1/1 Replace 400 /A/x", ""},
		{"..", replaceCmd("1", "./A/../A/x", "9"), "Status 1/1 Replace 400 ./A/../A/x", ""},
		{".. escaped", replaceCmd("1", "./A/%2E%2E/x", "9"), "Status 1/1 Replace 400 ./A/%2E%2E/x", ""},
		{". in the middle", replaceCmd("1", "./A/./x", "9"), "Status 1/1 Replace 400 ./A/./x", ""},
		{"an empty segment", replaceCmd("1", "./A//x", "9"), "Status 1/1 Replace 400 ./A//x", ""},
		{"a trailing slash", replaceCmd("1", "./A/x/", "9"), "Status 1/1 Replace 400 ./A/x/", ""},
		{"a broken escape", getCmd("1", "./A/%zz"), "Status 1/1 Get 400 ./A/%zz", ""},
		{"*", deleteCmd("1", "./A/*"), "Status 1/1 Delete 400 ./A/*", ""},
		{"an unknown query", getCmd("1", "./A/x?rm=-rf"), "Status 1/1 Get 400 ./A/x?rm=-rf", ""},
		{"int that is none", format("1", "./A/x", "int", dataXML("seven")), "Status 1/1 Replace 415 ./A/x", ""},
		{"bool that is none", format("1", "./A/x", "bool", dataXML("maybe")), "Status 1/1 Replace 415 ./A/x", ""},
		{"base64 that is none", format("1", "./A/x", "b64", dataXML("$$$")), "Status 1/1 Replace 415 ./A/x", ""},
		{"null with a value", format("1", "./A/x", "null", dataXML("9")), "Status 1/1 Replace 415 ./A/x", ""},
		{"an unknown format", format("1", "./A/x", "blob", dataXML("9")), "Status 1/1 Replace 415 ./A/x", ""},
		{"no value", format("1", "./A/x", "int", ""), "Status 1/1 Replace 412 ./A/x", ""},
		{"a leaf made interior", format("1", "./A/x", "node", ""), "Status 1/1 Replace 415 ./A/x", ""},
		{"a value for an interior node", replaceCmd("1", "./A", "9"), "Status 1/1 Replace 405 ./A", ""},
		{"delete the root", deleteCmd("1", "."), "Status 1/1 Delete 405 .", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			each(t, func(t *testing.T, e syncml.Encoding) {
				for _, p := range []session.Profile{session.Windows, session.OMA} {
					tree := deviceTree()
					before := snapshot(t, tree)
					s := begin(t, &session.Client{Tree: tree, Profile: p}, e, nil)
					s.say(test.say + finalXML)
					want := test.want
					if p == session.OMA && test.oma != "" {
						want = test.oma
					}
					s.expect("Status 1/0 SyncHdr 200\n" + want + "\nFinal")
					require.Equal(t, before, snapshot(t, tree))
					s.say(getCmd("1", "./A/x") + finalXML)
					s.expect("Status 2/0 SyncHdr 200\nStatus 2/1 Get 200 ./A/x\nResults 2/1 [./A/x \"1\"]\nFinal")
				}
			})
		})
	}
}

// Messages that cannot be answered end the session, and nothing of them is done.
func TestBadMessages(t *testing.T) {
	order := replaceCmd("1", "./A/x", "9") + finalXML
	whole := serverSays("1", order)
	for _, test := range []struct{ name, kind, body, want string }{
		{"cut off", syncml.TypeXML, whole[:len(whole)-20], "cannot be read"},
		{"cut off behind the first command", syncml.TypeXML, whole[:strings.Index(whole, "<Final/>")], "cannot be read"},
		{"not XML", syncml.TypeXML, "hello", "cannot be read"},
		{"an internal subset", syncml.TypeXML, `<!DOCTYPE SyncML [<!ENTITY a "b">]>` + whole, "cannot be read"},
		{"10,000 deep", syncml.TypeXML, serverSays("1", strings.Repeat("<Sequence>", 10_000)+strings.Repeat("</Sequence>", 10_000)), "cannot be read"},
		{"too many items", syncml.TypeXML, serverSays("1", `<Delete><CmdID>1</CmdID>`+
			strings.Repeat(`<Item><Target><LocURI>./A/x</LocURI></Target></Item>`, session.DefaultItems+1)+`</Delete>`+finalXML), "cannot be read"},
		{"two in one body", syncml.TypeXML, whole + whole, "cannot be read"},
		{"HTML", "text/html", "<html>", `"text/html"`},
		{"XML that says WBXML", syncml.TypeWBXML, whole, "cannot be read"},
		{"another session", syncml.TypeXML, strings.Replace(whole, "<SessionID>1<", "<SessionID>2<", 1), `session "1"`},
		{"MsgID 0", syncml.TypeXML, serverSays("0", order), "MsgID"},
		{"MsgID that is no number", syncml.TypeXML, serverSays("one", order), "MsgID"},
	} {
		t.Run(test.name, func(t *testing.T) {
			tree := deviceTree()
			before := snapshot(t, tree)
			s := begin(t, &session.Client{Tree: tree}, syncml.XML, nil)
			in := &session.Reply{Status: http.StatusOK, HTTP: http.Header{"Content-Type": {test.kind}}, Body: []byte(test.body)}
			out, err := s.d.Next(t.Context(), start, in)
			require.Nil(t, out)
			var pe *session.ProtocolError
			require.ErrorAs(t, err, &pe)
			require.ErrorContains(t, err, test.want)
			require.Less(t, len(err.Error()), 1000, "an error does not repeat the message")
			require.Equal(t, before, snapshot(t, tree))
		})
	}
}

func TestWrongVersion(t *testing.T) {
	for _, test := range []struct {
		name string
		set  func(h *syncml.Header)
		want string
	}{
		{"protocol", func(h *syncml.Header) { h.VerProto = "DM/2.0" }, `Status 1/0 SyncHdr 513 ["DM/1.2"]` + "\nStatus 1/1 Replace 513\nFinal"},
		{"DTD", func(h *syncml.Header) { h.VerDTD = "2.0" }, `Status 1/0 SyncHdr 505 ["1.2"]` + "\nStatus 1/1 Replace 505\nFinal"},
	} {
		tree := deviceTree()
		s := begin(t, &session.Client{Tree: tree}, syncml.XML, nil)
		s.header = test.set
		s.say(replaceCmd("1", "./A/x", "9") + finalXML)
		s.expect(test.want)
		s.say(finalXML)
		require.Nil(t, s.got)
		var pe *session.ProtocolError
		require.ErrorAs(t, s.err, &pe)
		require.Equal(t, "1", nodeValue(t, tree, "./A/x"))
	}
}

// A server that never ends is told that the session is over.
func TestEndlessServers(t *testing.T) {
	for _, test := range []struct {
		name string
		say  func(n int) string
	}{
		{"the next message, again and again", func(int) string { return alertCmd("1", 1222) }},
		{"and commands", func(int) string { return getCmd("1", "./A/x") + finalXML }},
		{"chunks", func(n int) string {
			if n == 1 {
				return chunkCmd("1", "./A/x", "", "abc", 4_000_000, true)
			}
			return chunkCmd("1", "./A/x", "", "abc", 0, true)
		}},
		{"empty chunks", func(n int) string {
			if n == 1 {
				return chunkCmd("1", "./A/x", "", "abc", 4_000_000, true)
			}
			return chunkCmd("1", "./A/x", "", "", 0, true)
		}},
		{"objects begun anew", func(n int) string { return chunkCmd("1", "./A/n"+fmt.Sprint(n), "", "abc", 4_000_000, true) }},
		{"challenges of another kind each time", func(n int) string {
			return headerStatus(fmt.Sprint(n), "200", syncml.AuthMD5, "n") + getCmd("1", "./A/x")
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			tree := deviceTree()
			s := begin(t, &session.Client{Tree: tree, Limits: session.Limits{Messages: 50}}, syncml.XML, nil)
			for n := 1; s.got != nil; n++ {
				require.LessOrEqual(t, n, 51)
				if n == 51 {
					require.Contains(t, spell(s.got), "Alert 1223\nFinal")
				}
				s.say(test.say(n))
			}
			require.ErrorContains(t, s.err, "no end after 50 messages")
			require.Equal(t, "1", nodeValue(t, tree, "./A/x"))
		})
	}
}

// A server that asks for more and more, and takes few answers at a time, is told that the session is over.
func TestServerThatTakesLittle(t *testing.T) {
	each(t, func(t *testing.T, e syncml.Encoding) {
		s := begin(t, &session.Client{Tree: deviceTree(), Limits: session.Limits{Items: 200}}, e, nil)
		var say strings.Builder
		for i := range 80 {
			say.WriteString(deleteCmd(fmt.Sprint(i+1), "./A/none"))
		}
		for n := 1; s.got != nil; n++ {
			require.Less(t, n, 10)
			s.header = func(h *syncml.Header) { h.Meta.MaxMsgSize = 900 }
			s.say(say.String())
		}
		require.ErrorContains(t, s.err, "answers wait")
		require.ErrorAs(t, s.err, new(*session.ProtocolError))
	})
}

func TestServerThatTakesNothing(t *testing.T) {
	for size := int64(1); size < 1200; size += 7 {
		s := begin(t, &session.Client{Tree: deviceTree(), Profile: session.OMA}, syncml.XML, nil)
		s.header = func(h *syncml.Header) { h.Meta.MaxMsgSize = size }
		s.say(replaceCmd("1", "./A/x", "9") + getCmd("2", "./DevDetail/SwV") + finalXML)
		for n := 0; s.got != nil; n++ {
			require.Less(t, n, 40, "no end with MaxMsgSize %d", size)
			require.LessOrEqual(t, int64(len(s.raw.Body)), size)
			if s.got.Final {
				s.say(finalXML)
			} else {
				s.say(alertCmd("1", 1222))
			}
		}
		if s.err != nil {
			require.ErrorContains(t, s.err, "too small")
			require.Less(t, size, int64(850), "%v", s.err)
		}
	}
}

func TestStaleAnswers(t *testing.T) { // C27
	tree := deviceTree()
	s := begin(t, &session.Client{Tree: tree}, syncml.XML, nil)
	first := s.message(replaceCmd("1", "./A/x", "9") + finalXML)
	s.take(s.d.Next(t.Context(), start, first))
	said := s.raw
	tree.Set("./A/x", dmtree.String("mine"))
	for range session.DefaultRetries {
		s.take(s.d.Next(t.Context(), start, first))
		require.Equal(t, said.Body, s.raw.Body, "our message is said again")
	}
	require.Equal(t, "mine", nodeValue(t, tree, "./A/x"), "nothing is done twice")
	s.take(s.d.Next(t.Context(), start, first))
	var pe *session.ProtocolError
	require.ErrorAs(t, s.err, &pe)
}

// What a hostile message makes a client hold is bounded by what it may hold.
func TestMemoryIsBounded(t *testing.T) {
	tree := deviceTree()
	tree.Set("./A/large", dmtree.String(strings.Repeat("v", 100_000)))
	var say strings.Builder
	for i := range 4000 {
		say.WriteString(getCmd(fmt.Sprint(i+1), "./A/large"))
	}
	s := begin(t, &session.Client{Tree: tree}, syncml.XML, nil)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	s.say(say.String() + finalXML)
	require.NotNil(t, s.got)
	runtime.GC()
	runtime.ReadMemStats(&after)
	require.Less(t, int64(after.HeapAlloc)-int64(before.HeapAlloc), int64(3*session.DefaultAnswers))
}

// hresult is an error that knows what Windows calls it.
type hresult uint32

func (h hresult) Error() string   { return "failed" }
func (h hresult) HRESULT() uint32 { return uint32(h) }

func TestOriginalErrors(t *testing.T) {
	each(t, func(t *testing.T, e syncml.Encoding) {
		for _, test := range []struct {
			err  error
			want string
			code syncml.StatusCode
		}{
			{dmtree.ErrNotFound, "0x86000002", 404},
			{dmtree.ErrNotAllowed, "0x86000011", 405},
			{hresult(0x80070005), "0x80070005", 500},
			{fmt.Errorf("%w: %w", dmtree.ErrPermission, hresult(0x86000017)), "0x86000017", 425},
			{errors.New("other"), "", 500},
		} {
			s := begin(t, &session.Client{Tree: failingTree{test.err}, OriginalErrors: true}, e, nil)
			s.say(getCmd("1", "./A/x") + finalXML)
			st := s.got.Commands[1].(*syncml.Status)
			require.Equal(t, test.code, st.Code)
			if e == syncml.XML { // the code pages of WBXML have no attribute for it
				require.Equal(t, test.want, st.OriginalError)
			}
		}
		s := begin(t, &session.Client{Tree: failingTree{dmtree.ErrNotFound}}, e, nil)
		s.say(getCmd("1", "./A/x") + finalXML)
		require.Empty(t, s.got.Commands[1].(*syncml.Status).OriginalError)
	})
}

// The tree may fail in ways of its own; its words stay on the device.
func TestProviderErrors(t *testing.T) {
	for _, test := range []struct {
		err  error
		want string
		oma  string
	}{
		{errors.New("password of the database is hunter2"), "500", "500"},
		{dmtree.ErrForbidden, "403", "403"},
		{dmtree.ErrValue, "500", "403"},
		{dmtree.ErrNotFound, "404", "404"},
		{dmtree.ErrNotAllowed, "405", "405"},
		{dmtree.ErrUnsupported, "406", "406"},
		{dmtree.ErrIncomplete, "412", "412"},
		{dmtree.ErrTooLarge, "413", "413"},
		{dmtree.ErrTooLong, "414", "414"},
		{dmtree.ErrFormat, "415", "415"},
		{dmtree.ErrExist, "418", "418"},
		{dmtree.ErrFull, "420", "420"},
		{dmtree.ErrPermission, "425", "425"},
		{dmtree.ErrStore, "510", "510"},
		{&session.StatusError{Code: 503}, "503", "503"},
		{fmt.Errorf("wrapped: %w", dmtree.ErrExist), "418", "418"},
		{&dmtree.Error{URI: "./A", Err: dmtree.ErrNotFound}, "404", "404"},
	} {
		for p, want := range map[session.Profile]string{session.Windows: test.want, session.OMA: test.oma} {
			s := begin(t, &session.Client{Tree: failingTree{test.err}, Profile: p}, syncml.XML, nil)
			s.say(getCmd("1", "./A/x") + finalXML)
			require.Contains(t, spell(s.got), "Status 1/1 Get "+want, "%v", test.err)
			require.NotContains(t, string(s.raw.Body), "hunter2")
			require.Equal(t, errors.As(test.err, new(*dmtree.Error)), strings.Contains(spell(s.got), "[./A]"), "the node to blame")
		}
	}
}
