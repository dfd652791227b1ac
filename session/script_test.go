package session_test

import (
	"context"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/session"
	"github.com/omadm-sdk/omadm/syncml"
)

// start is the time at which conversations begin.
var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// A script is a server that says what a test tells it to, through a Dialog.
type script struct {
	t     testing.TB
	d     *session.Dialog
	e     syncml.Encoding
	msgID int
	got   *syncml.Message   // the client's last message; nil when the session is over
	raw   *session.Exchange // the same as it travelled
	err   error             // that ended the session

	header func(h *syncml.Header) // changes the next message's header
	fields http.Header            // of the next message
	bare   bool                   // the next message has no Status but what the test writes
}

// begin opens a session of c and takes its first message.
func begin(t testing.TB, c *session.Client, e syncml.Encoding, opts *session.RunOptions) *script {
	t.Helper()
	if c.URL == "" {
		c.URL = "https://mdm.example.com/dm"
	}
	if c.ID == "" {
		c.ID = "device-1"
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Store == nil {
		session.FirstNumber(c)
	}
	c.Encoding = e
	d, err := c.Begin(t.Context(), start, opts)
	require.NoError(t, err)
	t.Cleanup(func() { d.Close(t.Context()) })
	s := &script{t: t, d: d, e: e}
	s.take(d.Next(t.Context(), start, nil))
	return s
}

// take reads what the client says.
func (s *script) take(out *session.Exchange, err error) *syncml.Message {
	s.t.Helper()
	s.raw, s.err, s.got = out, err, nil
	if out == nil {
		return nil
	}
	e, ok := syncml.EncodingOf(out.HTTP.Get("Content-Type"))
	require.True(s.t, ok)
	require.Equal(s.t, s.e, e)
	m, err := syncml.Unmarshal(out.Body, &syncml.DecoderOptions{Encoding: e, Strict: true})
	require.NoError(s.t, err, "%s", out.Body)
	s.got = m
	return m
}

// message spells what the server says next: body is what stands in SyncBody, as XML. Unless it brings its own, or bare is
// set, the Status of the client's SyncHdr comes first.
func (s *script) message(body string) *session.Reply {
	s.t.Helper()
	s.msgID++
	m, err := syncml.Unmarshal([]byte(`<SyncML xmlns="SYNCML:SYNCML1.2"><SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto>`+
		`<SessionID>`+s.got.Header.SessionID+`</SessionID><MsgID>`+strconv.Itoa(s.msgID)+`</MsgID>`+
		`<Target><LocURI>device-1</LocURI></Target><Source><LocURI>https://mdm.example.com/dm</LocURI></Source></SyncHdr>`+
		`<SyncBody>`+body+`</SyncBody></SyncML>`), &syncml.DecoderOptions{KeepUnknown: true})
	require.NoError(s.t, err, "%s", body)
	if s.header != nil {
		s.header(&m.Header)
	}
	if !s.bare && !strings.Contains(body, "<Cmd>SyncHdr</Cmd>") {
		m.Commands = append([]syncml.Command{&syncml.Status{
			CmdID: "s" + strconv.Itoa(s.msgID), MsgRef: s.got.Header.MsgID, CmdRef: "0", Cmd: "SyncHdr", Code: 200,
		}}, m.Commands...)
	}
	data, err := syncml.Append(nil, m, &syncml.EncoderOptions{Encoding: s.e, AsIs: true})
	require.NoError(s.t, err)
	h := http.Header{"Content-Type": {s.e.ContentType()}}
	for k, v := range s.fields {
		h[k] = v
	}
	s.header, s.fields, s.bare = nil, nil, false
	return &session.Reply{Status: http.StatusOK, HTTP: h, Body: data}
}

// say has the server say body and returns the client's next message, nil if the session is over.
func (s *script) say(body string) *syncml.Message {
	s.t.Helper()
	return s.take(s.d.Next(s.t.Context(), start.Add(time.Duration(s.msgID)*time.Second), s.message(body)))
}

// spell puts a message into short lines: what a test compares.
//
//	Status 1/4 Get 200 ./DevInfo/Man
//	Results 1/4 ./DevInfo/Man chr "Acme"
//	Final
func spell(m *syncml.Message) string {
	if m == nil {
		return "over"
	}
	var b strings.Builder
	for _, c := range m.Commands {
		spellCommand(&b, c)
	}
	if m.Final {
		b.WriteString("Final\n")
	}
	return b.String()
}

func spellCommand(b *strings.Builder, c syncml.Command) {
	b.WriteString(c.Name())
	var items []syncml.Item
	switch c := c.(type) {
	case *syncml.Status:
		b.WriteString(" " + c.MsgRef + "/" + c.CmdRef + " " + c.Cmd + " " + strconv.Itoa(int(c.Code)))
		for _, r := range append(c.TargetRefs, c.SourceRefs...) {
			if c.Cmd != "SyncHdr" {
				b.WriteString(" " + r)
			}
		}
		if c.Chal != nil {
			b.WriteString(" " + c.Chal.Meta.Type)
		}
		items = c.Items
	case *syncml.Results:
		b.WriteString(" " + c.MsgRef + "/" + c.CmdRef)
		items = c.Items
	case *syncml.Alert:
		b.WriteString(" " + strconv.Itoa(int(c.Code)))
		if c.Correlator != "" {
			b.WriteString(" for " + c.Correlator)
		}
		items = c.Items
	case *syncml.Replace:
		items = c.Items
	}
	for i := range items {
		it := &items[i]
		b.WriteString(" [")
		var parts []string
		for _, p := range []string{it.Target.URI, it.Source.URI, it.Meta.Format, it.Meta.Type, it.Meta.Mark} {
			if p != "" {
				parts = append(parts, p)
			}
		}
		if it.Meta.Size > 0 {
			parts = append(parts, "size="+strconv.FormatInt(it.Meta.Size, 10))
		}
		if !it.Data.IsAbsent() {
			if d := it.Data.String(); len(d) > 60 {
				parts = append(parts, strconv.Itoa(len(d))+" bytes")
			} else {
				parts = append(parts, strconv.Quote(d))
			}
		}
		if it.MoreData {
			parts = append(parts, "more")
		}
		b.WriteString(strings.Join(parts, " ") + "]")
	}
	b.WriteString("\n")
}

// expect compares the client's last message with lines as spell makes them, which may be indented.
func (s *script) expect(want string) {
	s.t.Helper()
	require.Equal(s.t, strings.Join(splitLines(want), "\n"), strings.TrimSpace(spell(s.got)), "%v", s.err)
}

// deviceTree returns the tree of a device as tests know it.
func deviceTree() *dmtree.Memory {
	m := new(dmtree.Memory)
	for _, leaf := range [...][2]string{
		{"./DevInfo/DevId", "device-1"}, {"./DevInfo/Man", "Acme"}, {"./DevInfo/Mod", "M1"}, {"./DevInfo/DmV", "1.3"},
		{"./DevInfo/Lang", "en-US"}, {"./DevDetail/SwV", "10.0.26100.1"}, {"./A/x", "1"}, {"./A/y", "2"}, {"./A/z", "3"},
	} {
		m.Set(dmtree.URI(leaf[0]), dmtree.String(leaf[1]))
	}
	return m
}

// nodeValue returns what stands at u, or "-" if there is no such node.
func nodeValue(t testing.TB, p dmtree.Provider, u dmtree.URI) string {
	t.Helper()
	v, err := dmtree.Get(t.Context(), p, u)
	if err != nil {
		return "-"
	}
	return v.Text()
}

// Commands as XML.

func getCmd(id, uri string) string { return nodeCmd("Get", id, uri) }

func replaceCmd(id, uri, data string) string {
	return `<Replace><CmdID>` + id + `</CmdID><Item><Target><LocURI>` + uri + `</LocURI></Target><Data>` + data + `</Data></Item></Replace>`
}

func addCmd(id, uri, data string) string {
	return `<Add><CmdID>` + id + `</CmdID><Item><Target><LocURI>` + uri + `</LocURI></Target><Data>` + data + `</Data></Item></Add>`
}

func deleteCmd(id, uri string) string { return nodeCmd("Delete", id, uri) }

func nodeCmd(cmd, id, uri string) string {
	return `<` + cmd + `><CmdID>` + id + `</CmdID><Item><Target><LocURI>` + uri + `</LocURI></Target></Item></` + cmd + `>`
}

func groupCmd(cmd, id string, inside ...string) string {
	return `<` + cmd + `><CmdID>` + id + `</CmdID>` + strings.Join(inside, "") + `</` + cmd + `>`
}

func alertCmd(id string, code syncml.AlertCode, items ...string) string {
	s := `<Alert><CmdID>` + id + `</CmdID><Data>` + strconv.Itoa(int(code)) + `</Data>`
	for _, it := range items {
		s += `<Item>` + it + `</Item>`
	}
	return s + `</Alert>`
}

func dataXML(s string) string { return `<Data>` + s + `</Data>` }

const finalXML = `<Final/>`

// splitLines returns the lines of s, without blanks around them.
func splitLines(s string) (list []string) {
	for l := range strings.Lines(s) {
		if l = strings.TrimSpace(l); l != "" {
			list = append(list, l)
		}
	}
	return list
}

// failingTree is a tree of which nothing but DevInfo can be read.
type failingTree struct{ err error }

func (f failingTree) Get(_ context.Context, u dmtree.URI) (dmtree.Value, error) {
	if u.Within("./DevInfo") {
		return dmtree.Null, dmtree.ErrNotFound
	}
	return dmtree.Null, f.err
}
