package session_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omadm-sdk/omadm/auth"
	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/session"
	"github.com/omadm-sdk/omadm/session/sessiontest"
	"github.com/omadm-sdk/omadm/syncml"
)

// version is what a message of the device says of itself.
func (s *script) version() string {
	if s.got == nil {
		return "over"
	}
	return s.got.Header.VerDTD + " " + s.got.Header.VerProto + " " + s.got.Header.MsgID
}

// When a first message is said again in version 1.1 of the protocol, and when it is not.
func TestOlderVersion(t *testing.T) {
	refused := func(code string, versions ...string) func(s *script) {
		return func(s *script) {
			say := headerStatus("1", code, "", "")
			for _, v := range versions {
				say = strings.Replace(say, "</Status>", "<Item>"+dataXML(v)+"</Item></Status>", 1)
			}
			s.say(say + `<Status><CmdID>2</CmdID><MsgRef>1</MsgRef><CmdRef>2</CmdRef><Cmd>Alert</Cmd><Data>` + code + `</Data></Status>` + finalXML)
		}
	}
	status := func(code int) func(s *script) {
		return func(s *script) { s.take(s.d.Next(s.t.Context(), start, &session.Reply{Status: code})) }
	}
	const again = "1.1 DM/1.1 1"
	for _, test := range []struct {
		name   string
		change func(c *session.Client)
		refuse func(s *script)
		want   string // the next message
		err    string
	}{
		{"VerDTD", nil, refused("505"), again, ""},
		{"VerProto", nil, refused("513"), again, ""},
		{"the server knows 1.1", nil, refused("513", "DM/1.0", "DM/1.1"), again, ""},
		{"and only that", nil, refused("505", "1.1"), again, ""},
		{"the server knows others only", nil, refused("513", "DM/1.2"), "over", "513"},
		{"refused for another reason", nil, refused("503"), "over", "503"},
		{"no message, says HTTP", nil, status(400), again, ""},
		{"not implemented, says HTTP", nil, status(501), again, ""},
		{"version, says HTTP", nil, status(505), again, ""},
		{"forbidden, says HTTP", nil, status(403), "over", "HTTP 403"},
		{"another type, says HTTP", nil, status(415), "over", "HTTP 415"},
		{"switched off", func(c *session.Client) { c.NoBackCompat = true }, refused("505"), "over", "505"},
		{"switched off, and HTTP", func(c *session.Client) { c.NoBackCompat = true }, status(400), "over", "HTTP 400"},
		{"OMA has no such rule", func(c *session.Client) { c.Profile = session.OMA }, refused("505"), "over", "505"},
	} {
		t.Run(test.name, func(t *testing.T) {
			each(t, func(t *testing.T, e syncml.Encoding) {
				tree := deviceTree()
				c := &session.Client{Tree: tree}
				if test.change != nil {
					test.change(c)
				}
				s := begin(t, c, e, nil)
				require.Equal(t, "1.2 DM/1.2 1", s.version())
				first, id := spell(s.got), s.got.Header.SessionID
				test.refuse(s)
				require.Equal(t, test.want, s.version())
				if test.err != "" {
					require.ErrorContains(t, s.err, test.err)
					return
				}
				require.Equal(t, first, spell(s.got), "the same is said")
				require.Equal(t, id, s.got.Header.SessionID)
				namespace := map[syncml.Encoding]string{syncml.XML: `<SyncML xmlns="SYNCML:SYNCML1.1">`, syncml.WBXML: "\x02\x9f\x53"}[e]
				require.True(t, bytes.HasPrefix(s.raw.Body, []byte(namespace)), "%.40q", s.raw.Body)

				s.header = func(h *syncml.Header) { h.VerDTD, h.VerProto = "1.1", "DM/1.1" }
				s.msgID = 0
				s.say(replaceCmd("1", "./A/x", "9") + finalXML)
				s.expect("Status 1/0 SyncHdr 200\nStatus 1/1 Replace 200 ./A/x\nFinal")
				require.Equal(t, "1.1 DM/1.1 2", s.version())
				s.header = func(h *syncml.Header) { h.VerDTD, h.VerProto = "1.1", "DM/1.1" }
				s.say(finalXML)
				require.NoError(t, s.err)
				require.Equal(t, &session.Summary{SessionID: id, Messages: 2, Commands: 1}, s.d.Summary())
			})
		})
	}
}

// It is said again once, and only if the server has said nothing else.
func TestOlderVersionOnce(t *testing.T) {
	each(t, func(t *testing.T, e syncml.Encoding) {
		s := begin(t, &session.Client{Tree: deviceTree()}, e, nil)
		s.say(headerStatus("1", "505", "", "") + finalXML)
		require.Equal(t, "1.1 DM/1.1 1", s.version())
		s.say(headerStatus("1", "505", "", "") + finalXML)
		require.Equal(t, "over", s.version())
		require.ErrorContains(t, s.err, "505")

		s = begin(t, &session.Client{Tree: deviceTree()}, e, nil)
		s.say(getCmd("1", "./A/x") + finalXML)
		s.take(s.d.Next(t.Context(), start, &session.Reply{Status: 400}))
		require.Equal(t, "over", s.version())
		require.ErrorContains(t, s.err, "HTTP 400")
	})
}

// Alerts that wait are reported in the message that counts, credentials are those that the server asks for then, and a
// process that dies goes on in the version that it had come to.
func TestOlderVersionGoesOn(t *testing.T) {
	each(t, func(t *testing.T, e syncml.Encoding) {
		store := new(session.MemoryClientStore)
		c := &session.Client{Tree: deviceTree(), Sign: signer(auth.MD5, bruce), Store: store}
		require.NoError(t, c.Raise(t.Context(), &syncml.Alert{Code: syncml.AlertGeneric, Items: []syncml.Item{{
			Meta: syncml.Meta{Type: "com.example:done", Format: "int"}, Data: syncml.Text("1")}}}))
		s := begin(t, c, e, nil)
		s.say(headerStatus("1", "513", "", "") + finalXML)
		s.say(headerStatus("1", "407", syncml.AuthMD5, "one") + finalXML)
		require.Equal(t, "1.1 DM/1.1 2", s.version())
		require.Equal(t, "md5 one", s.proof(bruce, "one"))
		require.Contains(t, spell(s.got), "com.example:done")
		s.d.Close(t.Context())

		c = &session.Client{URL: serverURL, ID: "device-1", Tree: c.Tree, Sign: c.Sign, Store: store, Logger: testLogger(t), Encoding: e}
		d, err := c.Begin(t.Context(), start.Add(time.Minute), nil)
		require.NoError(t, err)
		defer d.Close(t.Context())
		s.d = d
		s.take(d.Next(t.Context(), start, nil))
		require.Equal(t, "1.1 DM/1.1 2", s.version())
		alert := ""
		for _, c := range s.got.Commands {
			if a, ok := c.(*syncml.Alert); ok && a.Code == syncml.AlertGeneric {
				alert = a.CmdID
			}
		}
		s.say(headerStatus("2", "212", "", "") + `<Status><CmdID>2</CmdID><MsgRef>2</MsgRef><CmdRef>` + alert + `</CmdRef><Cmd>Alert</Cmd><Data>200</Data></Status>` +
			getCmd("3", "./A/x") + finalXML)
		require.Equal(t, "1.1 DM/1.1 3", s.version())
		s.say(finalXML)
		require.NoError(t, s.err)
		s = begin(t, c, e, nil)
		require.NotContains(t, spell(s.got), "com.example:done", "it has been acknowledged")
		require.Equal(t, "1.2 DM/1.2 1", s.version(), "the next session begins as all do")
	})
}

// ofOldAge makes a server of version 1.1 out of one of version 1.2.
type ofOldAge struct {
	t testing.TB
	h http.Handler
	e syncml.Encoding
}

func (o ofOldAge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m, err := syncml.Unmarshal(readAll(o.t, r.Body), nil)
	require.NoError(o.t, err)
	reply := &syncml.Message{Header: syncml.Header{
		SessionID: m.Header.SessionID, MsgID: m.Header.MsgID, Target: m.Header.Source, Source: m.Header.Target}, Final: true}
	if m.Header.VerDTD != "1.1" {
		reply.Commands = append(reply.Commands, &syncml.Status{CmdID: "1", MsgRef: m.Header.MsgID, CmdRef: "0", Cmd: "SyncHdr", Code: 505,
			Items: []syncml.Item{{Data: syncml.Text("1.1")}}})
		for i, c := range m.Commands {
			reply.Commands = append(reply.Commands, &syncml.Status{CmdID: string(rune('2' + i)), MsgRef: m.Header.MsgID, CmdRef: c.ID(), Cmd: c.Name(), Code: 505})
		}
	} else {
		m.Header.VerDTD, m.Header.VerProto = "", ""
		body, err := syncml.Append(nil, m, &syncml.EncoderOptions{Encoding: o.e, AsIs: true})
		require.NoError(o.t, err)
		rec := httptest.NewRecorder()
		again := r.Clone(r.Context())
		again.Body, again.ContentLength = readCloser{bytes.NewReader(body)}, int64(len(body))
		o.h.ServeHTTP(rec, again)
		reply, err = syncml.Unmarshal(rec.Body.Bytes(), nil)
		require.NoError(o.t, err)
	}
	reply.Header.VerDTD, reply.Header.VerProto = "1.1", "DM/1.1"
	body, err := syncml.Append(nil, reply, &syncml.EncoderOptions{Encoding: o.e, AsIs: true})
	require.NoError(o.t, err)
	w.Header().Set("Content-Type", o.e.ContentType())
	w.Write(body)
}

type readCloser struct{ *bytes.Reader }

func (readCloser) Close() error { return nil }

// Both ends, where the server is an old one.
func TestOlderServer(t *testing.T) {
	each(t, func(t *testing.T, e syncml.Encoding) {
		var got []session.Result
		p := sessiontest.New(t, asks(&got, func(w *session.Writer) {
			w.Get("./DevDetail/SwV")
			w.Replace("./A/x", dmtree.Int(9))
		}), deviceTree())
		p.Client.Encoding = e
		p.Handler = ofOldAge{t, p.Server, e}
		p.Run(t.Context())
		require.Len(t, got, 2, p.Trace())
		require.NoError(t, got[0].Err())
		require.NoError(t, got[1].Err())
	})
}

func readAll(t testing.TB, r io.Reader) []byte {
	t.Helper()
	b, err := io.ReadAll(r)
	require.NoError(t, err)
	return b
}
