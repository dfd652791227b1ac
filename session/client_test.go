package session_test

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/session"
	"github.com/omadm-sdk/omadm/syncml"
)

func TestFirstMessageOfWindows(t *testing.T) {
	s := begin(t, &session.Client{Tree: deviceTree()}, syncml.XML, &session.RunOptions{Login: session.LoginUser})
	require.Equal(t, `<SyncML xmlns="SYNCML:SYNCML1.2"><SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto>`+
		`<SessionID>1</SessionID><MsgID>1</MsgID><Target><LocURI>https://mdm.example.com/dm</LocURI></Target>`+
		`<Source><LocURI>device-1</LocURI></Source></SyncHdr><SyncBody>`+
		`<Alert><CmdID>2</CmdID><Data>1201</Data></Alert>`+
		`<Alert><CmdID>3</CmdID><Data>1224</Data><Item><Meta><Type xmlns="syncml:metinf">com.microsoft/MDM/LoginStatus</Type></Meta>`+
		`<Data>user</Data></Item></Alert>`+
		`<Replace><CmdID>4</CmdID>`+
		`<Item><Source><LocURI>./DevInfo/DevId</LocURI></Source><Data>device-1</Data></Item>`+
		`<Item><Source><LocURI>./DevInfo/Man</LocURI></Source><Data>Acme</Data></Item>`+
		`<Item><Source><LocURI>./DevInfo/Mod</LocURI></Source><Data>M1</Data></Item>`+
		`<Item><Source><LocURI>./DevInfo/DmV</LocURI></Source><Data>1.3</Data></Item>`+
		`<Item><Source><LocURI>./DevInfo/Lang</LocURI></Source><Data>en-US</Data></Item>`+
		`</Replace><Final/></SyncBody></SyncML>`, string(s.raw.Body))
	require.Equal(t, "https://mdm.example.com/dm?mode=Maintenance&Platform=WoA", s.raw.URL)
	h := s.raw.HTTP
	require.Equal(t, "application/vnd.syncml.dm+xml", h.Get("Content-Type"))
	require.Equal(t, "application/vnd.syncml.dm+xml, application/vnd.syncml.dm+wbxml, application/octet-stream", h.Get("Accept"))
	require.Equal(t, "UTF-8", h.Get("Accept-Charset"))
	require.Equal(t, "0", h.Get("Client-Request-Id"))
	require.Equal(t, "MSFT OMA DM Client/1.2.0.1", h.Get("User-Agent"))
	require.Regexp(t, `^[A-Za-z0-9+/]{16}\.0\.0\.0$`, h.Get("MS-CV"))
}

// What a device says first, besides the header.
func TestFirstMessage(t *testing.T) {
	const info = `[./DevInfo/DevId "device-1"] [./DevInfo/Man "Acme"] [./DevInfo/Mod "M1"] [./DevInfo/DmV "1.3"] [./DevInfo/Lang "en-US"]`
	unenroll := &syncml.Alert{Code: syncml.AlertGeneric, Items: []syncml.Item{{
		Meta: syncml.Meta{Type: "com.microsoft:mdm.unenrollment.userrequest", Format: "int", Mark: "critical"}, Data: syncml.Text("1"),
	}}}
	trigger := &session.Notification{SessionID: 0xAB, Server: "srv"}
	for _, test := range []struct {
		name    string
		profile session.Profile
		opts    *session.RunOptions
		id      string
		want    string
	}{
		{"C01: 1201 when the device calls", session.OMA, nil, "1", "Alert 1201\nReplace " + info + "\nFinal"},
		{"C01 N08: 1200 after a notification", session.OMA, &session.RunOptions{Notification: trigger}, "AB",
			"Alert 1200\nReplace " + info + " [./DevInfo/Ext/Serial int \"7\"]\nFinal"},
		{"N08: 1200 though the user is the cause", session.OMA,
			&session.RunOptions{Notification: &session.Notification{SessionID: 1, Server: "srv", FromAdmin: false}}, "1",
			"Alert 1200\nReplace " + info + "\nFinal"},
		{"nobody is signed in", session.Windows, nil, "1",
			"Alert 1201\nAlert 1224 [com.microsoft/MDM/LoginStatus \"none\"]\nReplace " + info + "\nFinal"},
		{"token and mode", session.Windows,
			&session.RunOptions{Login: session.LoginUser, Token: "jwt", Mode: session.ModeUser}, "1",
			`Alert 1201
			Alert 1224 [com.microsoft/MDM/LoginStatus "user"]
			Alert 1224 [com.microsoft/MDM/AADUserToken "jwt"]
			Alert 1224 [com.microsoft.mdm.synctype "user"]
			Replace ` + info + "\nFinal"},
		{"C31: what happened stands after the 1201", session.Windows, &session.RunOptions{Alerts: []*syncml.Alert{unenroll}}, "1",
			`Alert 1201
			Alert 1224 [com.microsoft/MDM/LoginStatus "none"]
			Alert 1226 [int com.microsoft:mdm.unenrollment.userrequest critical "1"]
			Replace ` + info + "\nFinal"},
	} {
		t.Run(test.name, func(t *testing.T) {
			each(t, func(t *testing.T, e syncml.Encoding) {
				tree := deviceTree()
				if strings.Contains(test.want, "Serial") { // C02: all leaves of DevInfo
					tree.Set("./DevInfo/Ext/Serial", dmtree.Int(7))
				}
				s := begin(t, &session.Client{Tree: tree, Profile: test.profile}, e, test.opts)
				s.expect(test.want)
				require.Equal(t, test.id, s.got.Header.SessionID) // C03
			})
		})
	}
}

func TestFirstMessageTellsWhy(t *testing.T) {
	opts := &session.RunOptions{
		Alerts: []*syncml.Alert{{Code: syncml.AlertGeneric, Items: []syncml.Item{{
			Meta: syncml.Meta{Type: "com.example:fire", Format: "chr", Mark: "fatal"}, Data: syncml.Text("1")}}}},
		HTTP: http.Header{"Useragentorigin": {"6"}, "Client-Request-Id": {"e-1"}},
	}
	s := begin(t, &session.Client{Tree: deviceTree(), URL: "https://mdm.example.com/dm?tenant=1"}, syncml.XML, opts)
	require.Equal(t, "https://mdm.example.com/dm?tenant=1&mode=Machine&Platform=WoA", s.raw.URL)
	for range 2 { // on every message of the session
		require.Equal(t, "<com.example:fire>", s.raw.HTTP.Get("MDM-GenericAlert"))
		require.Equal(t, "6", s.raw.HTTP.Get("UserAgentOrigin"))
		require.Equal(t, "e-1", s.raw.HTTP.Get("client-request-id"))
		s.say(getCmd("1", "./A/x") + finalXML)
	}
}

func TestDeviceWithoutDevInfo(t *testing.T) {
	s := begin(t, &session.Client{Tree: new(dmtree.Memory)}, syncml.XML, nil)
	require.Contains(t, spell(s.got), `Replace [./DevInfo/DevId "device-1"] [./DevInfo/DmV "1.3"]`)
}

// One message of the server and what the device answers to it.
func TestAnswers(t *testing.T) {
	for _, test := range []struct {
		name    string
		profile session.Profile
		say     string
		want    string
	}{
		{"C05 C07 C11 C12: Status of the header first, then of each command, Results after it", session.OMA,
			getCmd("5", "./A/x") + replaceCmd("7", "./A/y", "9") + finalXML, `
			Status 1/0 SyncHdr 200
			Status 1/5 Get 200 ./A/x
			Results 1/5 [./A/x "1"]
			Status 1/7 Replace 200 ./A/y
			Final`},
		{"C08: a container's Status before those of its children", session.OMA,
			groupCmd("Sequence", "a", getCmd("b", "./A/x"), groupCmd("Atomic", "c", replaceCmd("d", "./A/x", "5"))) + finalXML, `
			Status 1/0 SyncHdr 200
			Status 1/a Sequence 200
			Status 1/b Get 200 ./A/x
			Results 1/b [./A/x "1"]
			Status 1/c Atomic 200
			Status 1/d Replace 200 ./A/x
			Final`},
		{"C09 C14: items with different outcomes, no Results of the one that failed", session.OMA,
			`<Get><CmdID>1</CmdID><Item><Target><LocURI>./A/x</LocURI></Target></Item><Item><Target><LocURI>./A/none</LocURI></Target></Item>` +
				`<Item><Target><LocURI>./A/z</LocURI></Target></Item></Get>` + finalXML, `
			Status 1/0 SyncHdr 200
			Status 1/1 Get 200 ./A/x
			Status 1/1 Get 404 ./A/none
			Status 1/1 Get 200 ./A/z
			Results 1/1 [./A/x "1"] [./A/z "3"]
			Final`},
		{"C10: one Status for several items says no target", session.OMA,
			`<Delete><CmdID>1</CmdID><Item><Target><LocURI>./A/x</LocURI></Target></Item><Item><Target><LocURI>./A/y</LocURI></Target></Item></Delete>` + finalXML, `
			Status 1/0 SyncHdr 200
			Status 1/1 Delete 200
			Final`},
		{"C13: Meta unless it is the default", session.OMA,
			getCmd("1", "./A/x") + getCmd("2", "./B/int") + getCmd("3", "./B/bin") + getCmd("4", "./B/html") + getCmd("5", "./B/null") + getCmd("6", "./B") + finalXML, `
			Status 1/0 SyncHdr 200
			Status 1/1 Get 200 ./A/x
			Results 1/1 [./A/x "1"]
			Status 1/2 Get 200 ./B/int
			Results 1/2 [./B/int int "7"]
			Status 1/3 Get 200 ./B/bin
			Results 1/3 [./B/bin b64 application/octet-stream "AAH/"]
			Status 1/4 Get 200 ./B/html
			Results 1/4 [./B/html text/html "<p>"]
			Status 1/5 Get 200 ./B/null
			Results 1/5 [./B/null null ""]
			Status 1/6 Get 200 ./B
			Results 1/6 [./B node text/plain "bin/html/int/null/sp%20ace"]
			Final`},
		{"C24: questions to a device without a user", session.OMA,
			alertCmd("1", 1100, "", dataXML("Hello")) + finalXML, `
			Status 1/0 SyncHdr 200
			Status 1/1 Alert 406
			Final`},
		{"C28: commands run in the order of the message", session.OMA,
			replaceCmd("1", "./A/x", "a") + getCmd("2", "./A/x") + replaceCmd("3", "./A/x", "b") + getCmd("4", "./A/x") + finalXML, `
			Status 1/0 SyncHdr 200
			Status 1/1 Replace 200 ./A/x
			Status 1/2 Get 200 ./A/x
			Results 1/2 [./A/x "a"]
			Status 1/3 Replace 200 ./A/x
			Status 1/4 Get 200 ./A/x
			Results 1/4 [./A/x "b"]
			Final`},
		{"Copy", session.OMA,
			`<Copy><CmdID>1</CmdID><Item><Target><LocURI>./A/y</LocURI></Target><Source><LocURI>./A/x</LocURI></Source></Item></Copy>` + getCmd("2", "./A/y") + finalXML, `
			Status 1/0 SyncHdr 200
			Status 1/1 Copy 200 ./A/y ./A/x
			Status 1/2 Get 200 ./A/y
			Results 1/2 [./A/y "1"]
			Final`},
		{"Windows knows no Copy", session.Windows,
			`<Copy><CmdID>1</CmdID><Item><Target><LocURI>./A/y</LocURI></Target><Source><LocURI>./A/x</LocURI></Source></Item></Copy>` + finalXML, `
			Status 1/0 SyncHdr 200
			Status 1/1 Copy 400 ./A/y ./A/x
			Final`},
		{"Meta of the command holds for its items, theirs come first", session.OMA,
			`<Add><CmdID>1</CmdID><Meta><Format xmlns="syncml:metinf">int</Format></Meta>` +
				`<Item><Target><LocURI>./N/a</LocURI></Target><Data>12</Data></Item>` +
				`<Item><Target><LocURI>./N/b</LocURI></Target><Meta><Format xmlns="syncml:metinf">bool</Format></Meta><Data>true</Data></Item>` +
				`<Item><Target><LocURI>./N/c</LocURI></Target><Data>twelve</Data></Item></Add>` + finalXML, `
			Status 1/0 SyncHdr 200
			Status 1/1 Add 200 ./N/a
			Status 1/1 Add 200 ./N/b
			Status 1/1 Add 415 ./N/c
			Final`},
		{"an interior node needs no Data, a leaf does", session.OMA,
			`<Add><CmdID>1</CmdID><Item><Target><LocURI>./N</LocURI></Target><Meta><Format xmlns="syncml:metinf">node</Format></Meta></Item></Add>` +
				nodeCmd("Add", "2", "./N/leaf") + getCmd("3", "./N") + finalXML, `
			Status 1/0 SyncHdr 200
			Status 1/1 Add 200 ./N
			Status 1/2 Add 412 ./N/leaf
			Status 1/3 Get 200 ./N
			Results 1/3 [./N node text/plain ""]
			Final`},
		{"the tree has no properties", session.OMA,
			getCmd("1", "./A/x?prop=Type") + getCmd("2", "./A?list=Struct") + replaceCmd("3", "./A/x?prop=Name", "q") + finalXML, `
			Status 1/0 SyncHdr 200
			Status 1/1 Get 406 ./A/x?prop=Type
			Status 1/2 Get 406 ./A?list=Struct
			Status 1/3 Replace 405 ./A/x?prop=Name
			Final`},
		{"another node than the one addressed is to blame", session.OMA,
			addCmd("1", "./A/x/below", "1") + finalXML, `
			Status 1/0 SyncHdr 200
			Status 1/1 Add 405 ./A/x/below
			Final`},
	} {
		t.Run(test.name, func(t *testing.T) {
			each(t, func(t *testing.T, e syncml.Encoding) {
				tree := deviceTree()
				tree.Set("./B/bin", dmtree.Bytes([]byte{0, 1, 255}).WithType("application/octet-stream"))
				tree.Set("./B/html", dmtree.String("<p>").WithType("text/html"))
				tree.Set("./B/int", dmtree.Int(7))
				tree.Set("./B/null", dmtree.Null)
				if strings.Contains(test.want, "sp%20ace") {
					tree.Set("./B/sp%20ace", dmtree.Int(1))
				}
				s := begin(t, &session.Client{Tree: tree, Profile: test.profile}, e, nil)
				s.say(test.say)
				want := test.want
				if e == syncml.WBXML { // bytes travel as such
					want = strings.Replace(want, `b64 application/octet-stream "AAH/"`, `bin application/octet-stream "\x00\x01\xff"`, 1)
				}
				s.expect(want)
			})
		})
	}
}

func TestHeaderStatusNamesBothEnds(t *testing.T) {
	s := begin(t, &session.Client{Tree: deviceTree()}, syncml.XML, nil)
	s.header = func(h *syncml.Header) { h.Source.URI = "https://node7.example.com/dm" }
	s.say(getCmd("1", "./A/x") + finalXML)
	st := s.got.Commands[0].(*syncml.Status)
	require.Equal(t, "0", st.CmdRef) // C05
	require.Equal(t, "SyncHdr", st.Cmd)
	require.Equal(t, []string{"device-1"}, st.TargetRefs) // C06
	require.Equal(t, []string{"https://node7.example.com/dm"}, st.SourceRefs)
	for i, c := range s.got.Commands { // later messages count from 1, without gaps
		require.Equal(t, strconv.Itoa(i+1), c.ID())
	}
}

// One conversation, line by line: what the server says, what the device answers.
func TestFlow(t *testing.T) {
	type turn struct{ say, want string }
	for _, test := range []struct {
		name  string
		turns []turn
	}{
		{"C18: nothing is sent when only the Status of the header would be left", []turn{
			{getCmd("1", "./A/x") + finalXML, "Status 1/0 SyncHdr 200\nStatus 1/1 Get 200 ./A/x\nResults 1/1 [./A/x \"1\"]\nFinal"},
			{finalXML, "over"},
		}},
		{"C18: neither when the server forgets Final", []turn{
			{"", "over"},
		}},
		{"C15 C17: a package that is open is asked for, and ours stays open", []turn{
			{replaceCmd("1", "./A/x", "4"), "Status 1/0 SyncHdr 200\nStatus 1/1 Replace 200 ./A/x\nAlert 1222"},
			{`<Status><CmdID>9</CmdID><MsgRef>2</MsgRef><CmdRef>3</CmdRef><Cmd>Alert</Cmd><Data>200</Data></Status>`,
				"Status 2/0 SyncHdr 200\nAlert 1222"},
			{getCmd("1", "./A/x") + finalXML, "Status 3/0 SyncHdr 200\nStatus 3/1 Get 200 ./A/x\nResults 3/1 [./A/x \"4\"]\nFinal"},
			{finalXML, "over"},
		}},
		{"a server that never closes its package", []turn{
			{replaceCmd("1", "./A/x", "4"), "Status 1/0 SyncHdr 200\nStatus 1/1 Replace 200 ./A/x\nAlert 1222"},
			{"", "Status 2/0 SyncHdr 200\nAlert 1222"},
			{"", "Status 3/0 SyncHdr 200\nAlert 1222"},
			{"", "over"},
		}},
		{"C20: abort by the server", []turn{
			{getCmd("1", "./A/x") + alertCmd("2", 1223) + finalXML, "over"},
		}},
		{"a request for more when there is no more", []turn{
			{alertCmd("1", 1222), "Status 1/0 SyncHdr 200\nStatus 1/1 Alert 200\nFinal"},
			{finalXML, "over"},
		}},
		{"C04: alerts that are not a server's", []turn{
			{alertCmd("1", 1201) + alertCmd("2", 1226) + alertCmd("3", 1199) + finalXML,
				"Status 1/0 SyncHdr 200\nStatus 1/1 Alert 406\nStatus 1/2 Alert 406\nStatus 1/3 Alert 406\nFinal"},
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			each(t, func(t *testing.T, e syncml.Encoding) {
				s := begin(t, &session.Client{Tree: deviceTree(), Profile: session.OMA}, e, nil)
				for _, turn := range test.turns {
					s.say(turn.say)
					s.expect(turn.want)
				}
				if strings.Contains(test.name, "C20") {
					require.ErrorIs(t, s.err, session.ErrAborted)
				} else {
					require.NoError(t, s.err)
				}
			})
		})
	}
}

func TestEmptyBodyEndsSession(t *testing.T) {
	s := begin(t, &session.Client{Tree: deviceTree()}, syncml.XML, nil)
	require.Nil(t, s.take(s.d.Next(t.Context(), start, &session.Reply{Status: http.StatusOK})))
	require.NoError(t, s.err)
	_, err := s.d.Next(t.Context(), start, nil)
	require.ErrorIs(t, err, session.ErrOver)
}

func TestAbortByClient(t *testing.T) { // C21
	s := begin(t, &session.Client{Tree: deviceTree()}, syncml.XML, nil)
	s.say(getCmd("1", "./A/x") + finalXML)
	s.take(s.d.Abort(t.Context(), start))
	s.expect("Alert 1223\nFinal")
	s.say(replaceCmd("1", "./A/x", "late") + finalXML) // the answer to an abort counts for nothing
	require.Nil(t, s.got)
	require.NoError(t, s.err)
}

func TestRespURI(t *testing.T) { // C22
	for _, test := range []struct{ name, uri, want string }{
		{"moved", "https://node7.example.com/dm?s=1", "https://node7.example.com/dm?s=1"},
		{"not to a connection without protection", "http://mdm.example.com/dm", "https://mdm.example.com/dm?mode=Machine&Platform=WoA"},
		{"not to another scheme", "file:///etc/passwd", "https://mdm.example.com/dm?mode=Machine&Platform=WoA"},
		{"not to what is no URI", "%zz", "https://mdm.example.com/dm?mode=Machine&Platform=WoA"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := begin(t, &session.Client{Tree: deviceTree()}, syncml.XML, nil)
			s.header = func(h *syncml.Header) { h.RespURI = test.uri }
			s.say(getCmd("1", "./A/x") + finalXML)
			require.Equal(t, test.want, s.raw.URL)
			s.say(getCmd("1", "./A/x") + finalXML)
			require.Equal(t, test.want, s.raw.URL, "until another one arrives")
		})
	}
}

// The reply is split, none of its messages exceeds the server's MaxMsgSize, Final stands in the last one alone.
func TestSplitReply(t *testing.T) { // C16 C23 C26
	each(t, func(t *testing.T, e syncml.Encoding) {
		tree := deviceTree()
		var say strings.Builder
		for i := range 40 {
			u := fmt.Sprintf("./Many/n%d", i)
			tree.Set(dmtree.URI(u), dmtree.String(strings.Repeat("v", 100)))
			say.WriteString(getCmd(strconv.Itoa(i+1), u))
		}
		const limit = 2000
		s := begin(t, &session.Client{Tree: tree}, e, nil)
		s.header = func(h *syncml.Header) { h.Meta.MaxMsgSize = limit }
		s.say(say.String() + finalXML)
		var refs []string
		messages := 0
		for s.got != nil {
			messages++
			require.LessOrEqual(t, len(s.raw.Body), limit)
			require.Equal(t, "SyncHdr", s.got.Commands[0].(*syncml.Status).Cmd)
			for _, c := range s.got.Commands {
				switch c := c.(type) {
				case *syncml.Status:
					if c.Cmd == "Get" {
						require.Equal(t, "1", c.MsgRef, "of the message that holds the Get")
						refs = append(refs, c.CmdRef)
					}
				case *syncml.Results:
					require.Equal(t, refs[len(refs)-1], c.CmdRef, "after its Status")
				case *syncml.Alert:
					t.Errorf("alert %d: there is something to say", c.Code)
				}
			}
			if s.got.Final {
				s.say(finalXML)
				require.Nil(t, s.got)
				break
			}
			s.say(alertCmd("1", 1222))
		}
		require.Greater(t, messages, 4)
		require.Len(t, refs, 40)
		for i, ref := range refs {
			require.Equal(t, strconv.Itoa(i+1), ref)
		}
	})
}

func TestResultsOfOneGetAreSplit(t *testing.T) { // C23
	tree := deviceTree()
	say := `<Get><CmdID>1</CmdID>`
	for i := range 20 {
		u := fmt.Sprintf("./Many/n%d", i)
		tree.Set(dmtree.URI(u), dmtree.String(strings.Repeat("v", 200)))
		say += `<Item><Target><LocURI>` + u + `</LocURI></Target></Item>`
	}
	s := begin(t, &session.Client{Tree: tree}, syncml.XML, nil)
	s.header = func(h *syncml.Header) { h.Meta.MaxMsgSize = 1500 }
	s.say(say + `</Get>` + finalXML)
	items := 0
	for s.got != nil {
		require.LessOrEqual(t, len(s.raw.Body), 1500)
		for _, c := range s.got.Commands {
			if r, ok := c.(*syncml.Results); ok {
				for _, it := range r.Items {
					require.False(t, it.MoreData, "each fits a message")
					items++
				}
			}
		}
		if s.got.Final {
			break
		}
		s.say(alertCmd("1", 1222))
	}
	require.Equal(t, 20, items)
}

// onlyGet is a provider that can do nothing else.
type onlyGet struct{ dmtree.Provider }

func TestUnsupportedCommands(t *testing.T) { // C25
	for _, test := range []struct{ cmd, want string }{
		{`<Copy><CmdID>1</CmdID><Item><Target><LocURI>./A/y</LocURI></Target><Source><LocURI>./A/x</LocURI></Source></Item></Copy>`,
			"Status 1/1 Copy 406 ./A/y ./A/x"},
		{nodeCmd("Exec", "1", "./A/x"), "Status 1/1 Exec 406 ./A/x"},
		{groupCmd("Atomic", "1", replaceCmd("2", "./A/x", "1")), "Status 1/1 Atomic 406\nStatus 1/2 Replace 215 ./A/x"},
		{addCmd("1", "./A/new", "1"), "Status 1/1 Add 405 ./A/new"},
	} {
		s := begin(t, &session.Client{Tree: onlyGet{deviceTree()}, Profile: session.OMA}, syncml.XML, nil)
		s.say(test.cmd + finalXML)
		s.expect("Status 1/0 SyncHdr 200\n" + test.want + "\nFinal")
	}
}

// execer takes every Exec and remembers it.
type execer struct {
	*dmtree.Memory
	do func(ctx context.Context, u dmtree.URI, arg dmtree.Value) error
}

func (x *execer) Exec(ctx context.Context, u dmtree.URI, arg dmtree.Value) error {
	return x.do(ctx, u, arg)
}

// An Exec that goes on after its answer: 202 now, an alert with the same Correlator later.
func TestAsynchronousExec(t *testing.T) {
	exec := func(correlator string) string {
		return `<Exec><CmdID>1</CmdID>` + correlator + `<Item><Target><LocURI>./FUMO/Download</LocURI></Target></Item></Exec>`
	}
	for _, test := range []struct {
		name    string
		profile session.Profile
		exec    string
		want    string
	}{
		{"C29: the alert repeats the Correlator", session.OMA, exec("<Correlator>op-77</Correlator>"), "Alert 1226 for op-77 "},
		{"C32: none comes of none", session.OMA, exec(""), "Alert 1226 "},
		{"Windows has none", session.Windows, exec("<Correlator>op-77</Correlator>"), "Alert 1226 "},
	} {
		t.Run(test.name, func(t *testing.T) {
			each(t, func(t *testing.T, e syncml.Encoding) {
				c := &session.Client{Profile: test.profile}
				var correlator string
				c.Tree = &execer{deviceTree(), func(ctx context.Context, _ dmtree.URI, _ dmtree.Value) error {
					correlator = dmtree.CallFrom(ctx).Correlator
					return dmtree.ErrAccepted
				}}
				s := begin(t, c, e, nil)
				s.say(test.exec + finalXML)
				s.expect("Status 1/0 SyncHdr 200\nStatus 1/1 Exec 202 ./FUMO/Download\nFinal")

				const kind = "Reversed-Domain-Name: org.openmobilealliance.dm.firmwareupdate.download"
				done := &syncml.Alert{Code: syncml.AlertGeneric, Correlator: correlator, Items: []syncml.Item{{
					Source: syncml.Location{URI: "./FUMO"}, Meta: syncml.Meta{Type: kind, Format: "chr"}, Data: syncml.Text("200"),
				}}}
				require.NoError(t, c.Raise(t.Context(), done))
				s.say(getCmd("1", "./A/x") + finalXML)
				s.expect("Status 2/0 SyncHdr 200\nStatus 2/1 Get 200 ./A/x\nResults 2/1 [./A/x \"1\"]\n" +
					test.want + "[./FUMO chr " + kind + " \"200\"]\nFinal")
			})
		})
	}
}

func TestAfterSession(t *testing.T) {
	var wiped bool
	c := &session.Client{}
	c.Tree = &execer{deviceTree(), func(ctx context.Context, _ dmtree.URI, _ dmtree.Value) error {
		dmtree.CallFrom(ctx).AfterSession(func(context.Context) { wiped = true })
		return nil
	}}
	s := begin(t, c, syncml.XML, nil)
	s.say(nodeCmd("Exec", "1", "./Wipe") + finalXML)
	require.False(t, wiped, "the answer is not out yet")
	s.say(finalXML)
	require.True(t, wiped)

	wiped = false
	s = begin(t, c, syncml.XML, nil)
	s.say(nodeCmd("Exec", "1", "./Wipe") + finalXML)
	s.d.Close(t.Context()) // the connection breaks
	require.False(t, wiped, "the answer may not have arrived")
	d, err := c.Begin(t.Context(), start, nil) // and comes back
	require.NoError(t, err)
	s.d = d
	s.take(d.Next(t.Context(), start, nil))
	s.expect("Status 1/0 SyncHdr 200\nStatus 1/1 Exec 200 ./Wipe\nFinal")
	s.say(finalXML)
	require.True(t, wiped)
}

func TestAlertsWaitForAcknowledgement(t *testing.T) {
	kind := "com.example:thing"
	raise := func(t *testing.T, c *session.Client, data string) {
		t.Helper()
		require.NoError(t, c.Raise(t.Context(), &syncml.Alert{Code: syncml.AlertGeneric, Items: []syncml.Item{{
			Meta: syncml.Meta{Type: kind, Format: "chr"}, Data: syncml.Text(data)}}}))
	}
	status := func(ref string, code int) string {
		return `<Status><CmdID>9</CmdID><MsgRef>1</MsgRef><CmdRef>` + ref + `</CmdRef><Cmd>Alert</Cmd><Data>` + strconv.Itoa(code) + `</Data></Status>`
	}
	store := new(session.MemoryClientStore)
	newClient := func() *session.Client {
		return &session.Client{Tree: deviceTree(), Store: store, Limits: session.Limits{AlertSessions: 3}}
	}
	c := newClient()
	raise(t, c, "one")
	c = newClient() // the process dies
	raise(t, c, "two")
	for _, test := range []struct {
		name, say string
		want      []string // alerts of the next session
	}{
		{"both are reported", status("4", 200), []string{"one", "two"}},
		{"what was acknowledged is not", status("4", 500), []string{"two"}},
		{"what was refused is, and what has no answer, as often as the limit says", "", []string{"two"}},
		{"and no longer", "", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			c = newClient()
			s := begin(t, c, syncml.XML, nil)
			var got []string
			for _, cmd := range s.got.Commands {
				if a, ok := cmd.(*syncml.Alert); ok && a.Code == syncml.AlertGeneric {
					require.Equal(t, kind, a.Items[0].Meta.Type) // C30
					got = append(got, a.Items[0].Data.String())
				}
			}
			require.Equal(t, test.want, got)
			s.say(test.say + finalXML)
			require.NoError(t, s.err)
		})
	}
}

func TestRaiseRefuses(t *testing.T) {
	item := func(kind, format string, d syncml.Data) []syncml.Item {
		return []syncml.Item{{Meta: syncml.Meta{Type: kind, Format: format}, Data: d}}
	}
	for _, test := range []struct {
		name    string
		profile session.Profile
		alert   syncml.Alert
	}{
		{"another code", session.OMA, syncml.Alert{Code: 1201}},
		{"no item", session.OMA, syncml.Alert{Code: 1226}},
		{"no Type", session.Windows, syncml.Alert{Code: 1226, Items: item("", "chr", syncml.Text("1"))}},
		{"no Format", session.OMA, syncml.Alert{Code: 1224, Items: item("a", "", syncml.Text("1"))}},
		{"no Data", session.Windows, syncml.Alert{Code: 1226, Items: item("a", "chr", syncml.Data{})}},
		{"C30: no prefix", session.OMA, syncml.Alert{Code: 1226, Items: item("com.example/x", "chr", syncml.Text("1"))}},
		{"text that cannot be sent", session.OMA, syncml.Alert{Code: 1224, Items: item("a\x00b", "chr", syncml.Text("1"))}},
	} {
		t.Run(test.name, func(t *testing.T) {
			require.Error(t, (&session.Client{Profile: test.profile}).Raise(t.Context(), &test.alert))
		})
	}
}

func TestAnswersFollowTheServersEncoding(t *testing.T) {
	for _, e := range encodings {
		s := begin(t, &session.Client{Tree: deviceTree()}, syncml.XML, nil)
		s.e = e
		s.say(getCmd("1", "./A/x") + finalXML)
		require.NotNil(t, s.got)
	}
}

// On a device with several users a session is about one of them, or about the device.
func TestModeOfTheSession(t *testing.T) {
	for _, test := range []struct {
		mode session.Mode
		want string
	}{
		{session.ModeMixed, "Status 1/1 Add 200 ./User/x\nStatus 1/2 Add 200 ./Device/x\nStatus 1/3 Add 200 ./Vendor/x"},
		{session.ModeDevice, "Status 1/1 Add 405 ./User/x\nStatus 1/2 Add 200 ./Device/x\nStatus 1/3 Add 200 ./Vendor/x"},
		{session.ModeUser, "Status 1/1 Add 200 ./User/x\nStatus 1/2 Add 405 ./Device/x\nStatus 1/3 Add 405 ./Vendor/x"},
	} {
		s := begin(t, &session.Client{Tree: deviceTree()}, syncml.XML, &session.RunOptions{Mode: test.mode})
		s.say(addCmd("1", "./User/x", "1") + addCmd("2", "./Device/x", "1") + addCmd("3", "./Vendor/x", "1") + finalXML)
		s.expect("Status 1/0 SyncHdr 200\n" + test.want + "\nFinal")
	}
}

func TestClientNeeds(t *testing.T) {
	for _, c := range []*session.Client{{ID: "d", Tree: deviceTree()}, {URL: serverURL, Tree: deviceTree()}, {URL: serverURL, ID: "d"}} {
		_, err := c.Run(t.Context(), nil)
		require.ErrorContains(t, err, "needs URL, ID and Tree")
	}
}
