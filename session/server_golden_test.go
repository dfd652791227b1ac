package session_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/cryptotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omadm-sdk/omadm/auth"
	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/internal/golden"
	"github.com/omadm-sdk/omadm/session"
	"github.com/omadm-sdk/omadm/session/sessiontest"
	"github.com/omadm-sdk/omadm/syncml"
)

// A conversation is what a device and a server say to each other.
type conversation struct {
	name    string // of the file
	shows   string // numbered statements on servers that can be read off it; they stand at the head of the file
	profile session.Profile
	handler session.Handler
	change  func(s *session.Server)
	meta    syncml.Meta // of the device
	talk    func(l *transcript, d *sessiontest.Device)
}

// serverStatements are the numbered statements of OMA DM on sessions, large objects, authentication and notifications that
// say what a server does, or both ends.
var serverStatements = strings.Fields(`
	S01 S02 S03 S04 S05 S06 S07 S08 S09 S10 S11 S12 S13 S14 S15 S16 S17 S18 S19 S20 S21 S22 S23 S24 S25
	L01 L02 L03 L04 L05 L06 L07 L08 L09 L11 L12 L14 L15 L16 L17 L18
	A01 A02 A03 A04 A05 A06 A08 A09 A10 A11 A12 A13 A14 A15 A16 A17 A21 A22 A23 A24 A25 A26 A27 A28 A29
	N01 N02 N03 N10`)

// unseen are those that no conversation can show, and where they are proved instead.
var unseen = map[string]string{
	"A01": "digests of given octets, most of which no session hands out as nonces: TestVectors of package auth",
	"A29": "how long a comparison takes: TestA29SecretsAreComparedInConstantTime of package auth",
}

// Each statement is in a conversation, or it is said why not; and no file is left from a conversation that there was.
func TestServerStatements(t *testing.T) {
	shown := make(map[string]bool)
	files := make(map[string]bool)
	for _, c := range conversations() {
		for _, n := range strings.Fields(c.shows) {
			require.Contains(t, serverStatements, n, "shown by %s", c.name)
			shown[n] = true
		}
		for _, e := range encodings {
			require.False(t, files[c.file(e)], "two conversations are called %s", c.name)
			files[c.file(e)] = true
		}
	}
	for _, n := range serverStatements {
		if shown[n] == (unseen[n] != "") {
			t.Errorf("%s: shown by a conversation: %v; why none shows it: %q", n, shown[n], unseen[n])
		}
	}
	there, err := filepath.Glob(filepath.Join("testdata", "server", "*"))
	require.NoError(t, err)
	require.ElementsMatch(t, slices.Collect(maps.Keys(files)), there)
}

// Whole conversations, octet for octet: the files under testdata/server show what a server says, in both encodings.
func TestServerConversations(t *testing.T) {
	for _, c := range conversations() {
		t.Run(c.name, func(t *testing.T) {
			run := func(t *testing.T, e syncml.Encoding) {
				cryptotest.SetGlobalRandom(t, 1) // of which nonces are made
				l := &transcript{t: t, e: e, server: newServer(t, c.handler)}
				l.server.Profile = c.profile
				if c.change != nil {
					c.change(l.server)
				}
				if c.shows != "" {
					fmt.Fprintf(&l.b, "shows %s\n\n", c.shows)
				}
				d := l.device("device-1")
				d.Meta = c.meta
				c.talk(l, d)
				golden.Check(t, c.file(e), l.b.Bytes())
			}
			each(t, func(t *testing.T, e syncml.Encoding) { synctest.Test(t, func(t *testing.T) { run(t, e) }) })
		})
	}
}

func (c *conversation) file(e syncml.Encoding) string {
	return filepath.Join("testdata", "server", c.name+"."+strings.ToLower(e.String())+".txt")
}

// transcript writes down what passes through a server.
type transcript struct {
	t      *testing.T
	b      bytes.Buffer
	e      syncml.Encoding
	server *session.Server
	seal   func(h http.Header, body []byte) // adds to the device's messages what covers their octets; nil: nothing does
	reply  *session.Reply                   // the last
}

// device returns a device that talks to the server.
func (l *transcript) device(id string) *sessiontest.Device {
	d := sessiontest.NewDevice(l.t, l)
	d.ID, d.Encoding = id, l.e
	return d
}

func (l *transcript) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	require.NoError(l.t, err)
	if l.seal != nil {
		l.seal(r.Header, body)
	}
	l.note("client →", r.Header, body)
	reply, err := l.server.Exchange(r.Context(), time.Now(), &session.Exchange{URL: r.URL.String(), HTTP: r.Header, Body: body})
	require.NoError(l.t, err)
	to := fmt.Sprintf("server → %d", reply.Status)
	if reply.URL != "" {
		to += " " + reply.URL
	}
	l.note(to, reply.HTTP, reply.Body)
	maps.Copy(w.Header(), reply.HTTP)
	l.reply = reply
	w.WriteHeader(reply.Status)
	w.Write(reply.Body)
}

// note writes down one message.
func (l *transcript) note(to string, h http.Header, body []byte) {
	fmt.Fprintln(&l.b, to)
	if mac := h.Get(session.HeaderHMAC); mac != "" {
		fmt.Fprintf(&l.b, "x-syncml-hmac: %s\n", mac)
	}
	write(&l.b, l.e, body)
}

// conversations returns all of them.
func conversations() []conversation {
	return slices.Concat(sessionConversations(), objectConversations(), proofConversations())
}

// item is a node with its value, as a device sends it.
func item(uri, format, data string) syncml.Item {
	return syncml.Item{Source: syncml.Location{URI: uri}, Meta: syncml.Meta{Format: format}, Data: syncml.Text(data)}
}

// answerAll answers the commands of m: a Get of one of nodes with its value, or with 404, other commands with code.
func answerAll(d *sessiontest.Device, m *syncml.Message, code syncml.StatusCode, nodes ...syncml.Item) (l []syncml.Command) {
	for _, c := range sessiontest.Commands(m) {
		g, ok := c.(*syncml.Get)
		if !ok {
			l = append(l, d.Status(c, code))
			continue
		}
		i := slices.IndexFunc(nodes, func(n syncml.Item) bool { return n.Source.URI == g.Items[0].Target.URI })
		if i < 0 {
			l = append(l, d.Status(c, 404))
			continue
		}
		r := d.Results(c, "")
		r.Items = nodes[i : i+1]
		l = append(l, d.Status(c, 200), r)
	}
	return l
}

// sessionConversations are those on how a session goes on, and on what either end may say in it.
func sessionConversations() []conversation {
	return []conversation{
		{name: "inventory", shows: "S01 S02 S06 S07", handler: asks(nil, func(w *session.Writer) {
			w.Get("./DevDetail/SwV").Label("build")
			w.Get("./Nope")
		}), talk: func(_ *transcript, d *sessiontest.Device) {
			m := d.Open(alert(1224, event("com.microsoft/MDM/LoginStatus", "", "user")))
			d.Send(answerAll(d, m, 0, item("./DevDetail/SwV", "", "10.0.26100.1"))...)
		}},
		{name: "every-command", handler: asks(nil, func(w *session.Writer) {
			w.Add("./A", dmtree.Interior())
			w.Add("./A/int", dmtree.Int(-7))
			w.Replace("./A/bool", dmtree.Bool(true))
			w.Replace("./A/bin", dmtree.Bytes([]byte{0, 1, 0xfe}))
			w.Replace("./A/xml", dmtree.XML("<a b=\"c\">&amp;</a>")).As(syncml.DataCDATA)
			w.Replace("./A/type", dmtree.String("{}").WithType("application/json"))
			w.Replace("./A/empty", dmtree.String(""))
			w.Delete("./B")
			w.Exec("./C", dmtree.String("now")).Correlator("op-77")
			w.Copy("./D", "./E")
			w.Alert(1104, &session.AlertOptions{Default: "1-2", MinDisplay: 5e9}, "Which ones?", "News & more", "Sport")
			w.Sequence(func(b *session.Batch) { b.Get("./F?list=StructData") })
		}), profile: session.OMA, talk: func(_ *transcript, d *sessiontest.Device) { d.Send(ok(d, d.Open())...) }},
		{name: "set-add-after-404", handler: asks(nil, func(w *session.Writer) { w.Set("./A", dmtree.Int(1)) }),
			talk: func(_ *transcript, d *sessiontest.Device) {
				m := d.Open()
				m = d.Send(d.Status(sessiontest.Commands(m)[0], 404))
				d.Send(ok(d, m)...)
			}},
		{name: "keep-alive", handler: asks(nil, func(w *session.Writer) { w.Exec("./Slow", dmtree.Null) }), talk: func(_ *transcript, d *sessiontest.Device) {
			answers := ok(d, d.Open())
			d.SendPart(alert(1224, event("Reversed-Domain-Name:com.microsoft.mdm.requestpending", "", "1")))
			d.Send(answers...)
		}},
		{name: "culprit", handler: asks(nil, func(w *session.Writer) { four(&w.Batch).FindCulprit() }), talk: func(_ *transcript, d *sessiontest.Device) {
			m := d.Open()
			m = d.Send(answerAtomic(d, sessiontest.Commands(m)[0].(*syncml.Atomic), 507, 216, 216, 216, 216)...)
			for _, code := range []syncml.StatusCode{200, 405} {
				m = d.Send(d.Status(sessiontest.Commands(m)[0], code))
			}
		}},

		// The server wants ./C as soon as it has ./A, and waits until the device has said all.
		{name: "next-message", shows: "S04 S05 S16", handler: follow("./A", func(w *session.Writer, _ dmtree.Value) { w.Get("./C") }, "./A", "./B"),
			talk: func(_ *transcript, d *sessiontest.Device) {
				nodes := []syncml.Item{item("./A", "", "a"), item("./B", "", "b"), item("./C", "", "c")}
				says := answerAll(d, d.Open(), 0, nodes...)
				m := d.SendPart(says[:2]...)
				m = d.Send(append(answerAll(d, m, 200), says[2:]...)...)
				d.Send(answerAll(d, m, 0, nodes...)...)
			}},
		{name: "device-aborts", shows: "S08", handler: asks(nil, func(w *session.Writer) { w.Get("./A") }), talk: func(_ *transcript, d *sessiontest.Device) {
			d.Open()
			d.Send(alert(1223))
		}},
		{name: "server-aborts", shows: "S09", handler: session.HandlerFunc(func(w *session.Writer, r *session.Request) error { w.Abort(); return nil }),
			talk: func(_ *transcript, d *sessiontest.Device) { d.Open() }},
		{name: "alerts", shows: "S11 S12 S13 S14", handler: session.HandlerFunc(func(w *session.Writer, r *session.Request) error {
			for _, a := range r.Alerts {
				switch a.Type {
				case "com.example.begun":
					w.Answer(a, 202)
				case "com.example.unknown":
					w.Answer(a, map[syncml.AlertCode]syncml.StatusCode{1224: 406, 1226: 415}[a.Code])
				}
			}
			return nil
		}), talk: func(_ *transcript, d *sessiontest.Device) {
			const prefix = "Reversed-Domain-Name: "
			d.Open(
				alert(1226, event(prefix+"com.example.done", "int", "0")),
				alert(1226, event(prefix+"com.example.begun", "chr", "x")),
				alert(1226, event(prefix+"com.example.unknown", "chr", "x")),
				alert(1226, event(prefix+"com.example.done", "blob", "?")),
				alert(1224, event("com.example.event", "chr", "x")),
				alert(1224, event("com.example.unknown", "chr", "x")),
				alert(1101, syncml.Item{}, event("", "", "Sure?")),
				alert(1221))
		}},
		{name: "packed", shows: "S15", meta: syncml.Meta{MaxMsgSize: 2048}, handler: asks(nil, func(w *session.Writer) {
			for i := range 6 {
				w.Replace(dmtree.URI("./A").Join(fmt.Sprint(i)), dmtree.String(strings.Repeat("x", 300)))
			}
		}), talk: func(l *transcript, d *sessiontest.Device) {
			m := d.Open()
			for len(sessiontest.Commands(m)) > 0 {
				require.LessOrEqual(l.t, len(d.Body()), 2048)
				m = d.Send(ok(d, m)...)
			}
		}},
		{name: "strange-commands", shows: "S17 S21", handler: idle, talk: func(_ *transcript, d *sessiontest.Device) {
			a := []syncml.Item{{Target: syncml.Location{URI: "./A"}}}
			d.Open(&syncml.Get{Items: a}, &syncml.Exec{Items: a}, &syncml.Atomic{Commands: []syncml.Command{&syncml.Delete{Items: a}}},
				&syncml.Replace{Items: []syncml.Item{item("./A", "", "x")}},
				&syncml.Status{MsgRef: "9", CmdRef: "9", Cmd: "Get", Code: 200})
		}},
		// What the device repeats has a value that the server acts on, once.
		{name: "repeat", shows: "S18", handler: follow("./A", func(w *session.Writer, v dmtree.Value) { w.Exec("./B", v) }, "./A"),
			talk: func(l *transcript, d *sessiontest.Device) {
				m := d.Open()
				m = d.Send(answerAll(d, m, 0, item("./A", "", "a"))...)
				time.Sleep(time.Minute)
				require.Equal(l.t, m, d.Repeat())
				d.Send(answerAll(d, m, 200)...)
			}},
		{name: "out-of-order", shows: "S19", handler: asks(nil, func(w *session.Writer) { w.Get("./A") }), talk: func(_ *transcript, d *sessiontest.Device) {
			m := d.Open()
			d.MsgID = 6
			d.Send(answerAll(d, m, 0)...)
		}},
		{name: "versions", shows: "S20", handler: asks(nil, func(w *session.Writer) { w.Get("./A") }), talk: func(_ *transcript, d *sessiontest.Device) {
			for _, v := range [][2]string{{"1.2", "DM/1.3"}, {"1.3", "DM/1.2"}, {"1.2", "DM/1.2"}} {
				d.SessionID, d.MsgID = "1", 1
				h := d.Header()
				h.VerDTD, h.VerProto = v[0], v[1]
				d.Message(&syncml.Message{Header: h, Commands: numbered(d.Hello()), Final: true})
			}
		}},
		// Two devices have chosen one number, and the second falls silent.
		{name: "two-devices", shows: "S22", handler: session.HandlerFunc(func(w *session.Writer, r *session.Request) error {
			if r.First {
				w.Get(dmtree.URI("./Of").Join(r.Identity.Device))
			}
			return nil
		}), talk: func(l *transcript, d *sessiontest.Device) {
			d2 := l.device("device-2")
			m, m2 := d.Open(), d2.Open()
			d.Send(answerAll(d, m, 0)...)
			time.Sleep(session.DefaultIdle + time.Second)
			d2.Send(answerAll(d2, m2, 0)...)
		}},
		{name: "standard-objects", shows: "S23", profile: session.OMA, handler: session.HandlerFunc(func(w *session.Writer, r *session.Request) error {
			if r.First {
				w.Replace("./Greeting", dmtree.String("to "+r.DevInfo["Man"]+" "+r.DevInfo["Mod"]))
				w.Get("./DevDetail")
				w.Get("./DMAcc")
			}
			for _, res := range r.Results {
				if v, err := res.Value(); err == nil {
					for name := range v.Names() {
						w.Get(res.URI.Join(name))
					}
				}
			}
			return nil
		}), talk: func(_ *transcript, d *sessiontest.Device) {
			m := d.Open()
			for len(sessiontest.Commands(m)) > 0 {
				m = d.Send(answerAll(d, m, 200,
					item("./DevDetail", "node", "LrgObj/SwV"), item("./DevDetail/LrgObj", "bool", "true"), item("./DevDetail/SwV", "", "10.0"),
					item("./DMAcc", "node", "corp"), item("./DMAcc/corp", "node", "ServerID/AppAddr"), item("./DMAcc/corp/ServerID", "", "dm.example"),
					item("./DMAcc/corp/AppAddr", "node", "1"), item("./DMAcc/corp/AppAddr/1", "node", "Addr"),
					item("./DMAcc/corp/AppAddr/1/Addr", "", "https://dm.example/dm"))...)
			}
		}},
		{name: "properties", shows: "S24", profile: session.OMA, handler: asks(nil, func(w *session.Writer) {
			for _, p := range [][2]string{{"ACL", "Get=*"}, {"Format", "int"}, {"Size", "1"}, {"Title", "Hello"}, {"TStamp", "20260101T000000Z"},
				{"Type", "text/xml"}, {"VerNo", "7"}, {"Name", "B"}} {
				w.Get(dmtree.URI("./A").WithProp(p[0]))
				w.Replace(dmtree.URI("./A").WithProp(p[0]), dmtree.String(p[1]))
			}
		}), talk: func(_ *transcript, d *sessiontest.Device) {
			m := d.Open()
			says := answerAll(d, m, 200, item("./A?prop=ACL", "", ""), item("./A?prop=Format", "", "chr"), item("./A?prop=Size", "", "5"),
				item("./A?prop=Title", "", "A"), item("./A?prop=TStamp", "", "20250101T000000Z"), item("./A?prop=Type", "", "text/plain"),
				item("./A?prop=VerNo", "", "6"), item("./A?prop=Name", "", "A"))
			for i, c := range sessiontest.Commands(m) {
				if r, ok := c.(*syncml.Replace); ok && !slices.Contains([]string{"./A?prop=ACL", "./A?prop=Title", "./A?prop=Name"}, r.Items[0].Target.URI) {
					says[i/2*3+2].(*syncml.Status).Code = 405
				}
			}
			d.Send(says...)
		}},
		// The device wants credentials of the server, to be sent elsewhere, as all that follows.
		{name: "another-address", shows: "S25 A08", handler: asks(nil, func(w *session.Writer) { w.Get("./A") }), change: proves(auth.MD5), talk: func(_ *transcript, d *sessiontest.Device) {
			d.Open()
			d.MsgID++
			h := d.Header()
			h.RespURI = "https://device.example/dm?session=1"
			m := d.Message(&syncml.Message{Header: h, Final: true, Commands: numbered([]syncml.Command{
				judges("1", 407, auth.MD5, firstNonce),
				&syncml.Status{MsgRef: "1", CmdRef: "4", Cmd: "Get", Code: 407},
			})})
			d.Send(answerAll(d, m, 0, item("./A", "", "a"))...)
		}},
		{name: "notified", shows: "N01 N02 N03 N10", handler: asks(nil, func(w *session.Writer) { w.Get("./A") }), talk: func(l *transcript, d *sessiontest.Device) {
			for _, n := range []session.Notification{
				{UIMode: session.UIBackground, SessionID: 0x1234, Server: "com.mgmtsrv.manage"},
				{UIMode: session.UIInteraction, FromAdmin: true, SessionID: 0xAB, Server: "srv1", Body: []byte{0xde, 0xad}},
			} {
				data, err := n.Append(nil, serverSecret, unhex(l.t, "000102030405060708090a0b0c0d0e0f"))
				require.NoError(l.t, err)
				fmt.Fprintf(&l.b, "server → notification\n%s\n\n", hex.Dump(data))
				d.SessionID, d.MsgID = n.ID(), 0
				hello := d.Hello()
				hello[0] = alert(syncml.AlertServerInitiated)
				m := d.Send(hello...)
				d.Send(answerAll(d, m, 0, item("./A", "", "a"))...)
			}
		}},
	}
}

// follow returns a Handler that reads nodes when a session opens, and acts on the value of one of them.
func follow(u dmtree.URI, act func(w *session.Writer, v dmtree.Value), nodes ...dmtree.URI) session.Handler {
	return session.HandlerFunc(func(w *session.Writer, r *session.Request) error {
		if r.First {
			for _, u := range nodes {
				w.Get(u)
			}
		}
		for _, res := range r.Results {
			if v, err := res.Value(); res.URI == u && res.Command == "Get" && err == nil {
				act(w, v)
			}
		}
		return nil
	})
}

// numbered gives commands their CmdIDs, from 1.
func numbered(commands []syncml.Command) []syncml.Command {
	for i, c := range commands {
		c.SetID(strconv.Itoa(i + 1))
	}
	return commands
}
