package session_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omadm-sdk/omadm/auth"
	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/session"
	"github.com/omadm-sdk/omadm/session/sessiontest"
	"github.com/omadm-sdk/omadm/syncml"
)

// encodings are those in which every test of a session runs.
var encodings = []syncml.Encoding{syncml.XML}

// each runs f in every encoding.
func each(t *testing.T, f func(t *testing.T, enc syncml.Encoding)) {
	for _, enc := range encodings {
		t.Run(enc.String(), func(t *testing.T) { f(t, enc) })
	}
}

// trusting accepts every device as what it claims to be.
var trusting = auth.AuthenticatorFunc(func(_ context.Context, r *auth.Request) (*auth.Result, error) {
	return &auth.Result{Identity: &auth.Identity{Device: r.Message.Source.URI}}, nil
})

// newServer returns a server that trusts everybody, and logs to the test.
func newServer(t *testing.T, h session.Handler) *session.Server {
	return &session.Server{ID: "https://dm.example/dm", Handler: h, Auth: trusting, Logger: testLogger(t)}
}

func testLogger(t *testing.T) *slog.Logger {
	return slog.New(slog.NewTextHandler(testWriter{t}, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

type testWriter struct{ t *testing.T }

func (w testWriter) Write(b []byte) (int, error) {
	w.t.Log(strings.TrimSpace(string(b)))
	return len(b), nil
}

// outline renders a message in one line per command: "Status 0 212", "Get 5 ./DevDetail/SwV", "Final".
func outline(m *syncml.Message) string {
	var b strings.Builder
	for _, c := range m.Commands {
		line(&b, "", c)
	}
	if m.Final {
		b.WriteString("Final\n")
	}
	return b.String()
}

func line(b *strings.Builder, indent string, c syncml.Command) {
	b.WriteString(indent + c.Name() + " " + c.ID())
	var items []syncml.Item
	var children []syncml.Command
	switch c := c.(type) {
	case *syncml.Status:
		b.WriteString(" " + c.MsgRef + "/" + c.CmdRef + " " + c.Cmd + " " + strings.Fields(c.Code.String())[0])
		if c.Chal != nil {
			b.WriteString(" chal " + c.Chal.Meta.Type)
		}
		for i := range c.Items {
			b.WriteString(" [" + c.Items[i].Data.String() + "]")
		}
	case *syncml.Alert:
		b.WriteString(" " + strings.Fields(c.Code.String())[0])
		for i := range c.Items {
			b.WriteString(" [" + c.Items[i].Source.URI + c.Items[i].Target.URI + "]")
		}
	case *syncml.Get:
		items = c.Items
	case *syncml.Add:
		items = c.Items
	case *syncml.Replace:
		items = c.Items
	case *syncml.Delete:
		items = c.Items
	case *syncml.Exec:
		items = c.Items
	case *syncml.Copy:
		items = c.Items
	case *syncml.Atomic:
		children = c.Commands
	case *syncml.Sequence:
		children = c.Commands
	}
	for i := range items {
		it := &items[i]
		b.WriteString(" " + it.Target.URI)
		if it.Source.URI != "" {
			b.WriteString(" from " + it.Source.URI)
		}
		if !it.Data.IsAbsent() {
			b.WriteString("=" + it.Data.String())
		}
		if it.MoreData {
			b.WriteString(" more")
		}
	}
	b.WriteByte('\n')
	for _, c := range children {
		line(b, indent+"  ", c)
	}
}

// want compares the outline of a message with lines, which may be indented by tabs.
func want(t *testing.T, m *syncml.Message, lines string) {
	t.Helper()
	require.Equal(t, strings.TrimSpace(strings.ReplaceAll(lines, "\t", "")), strings.TrimSpace(outline(m)))
}

func TestInventory(t *testing.T) {
	each(t, func(t *testing.T, enc syncml.Encoding) {
		var got []session.Result
		var info map[string]string
		s := newServer(t, session.HandlerFunc(func(w *session.Writer, r *session.Request) error {
			if r.First {
				info = r.DevInfo
				w.Get("./DevDetail/SwV").Label("build")
				w.Get("./DevDetail/Nope").Label("nope")
			}
			got = append(got, r.Results...)
			return nil
		}))
		d := sessiontest.NewDevice(t, s)
		d.Encoding = enc
		m := d.Open()
		want(t, m, `
			Status 1 1/0 SyncHdr 200
			Status 2 1/1 Alert 200
			Status 3 1/2 Replace 200
			Get 4 ./DevDetail/SwV
			Get 5 ./DevDetail/Nope
			Final`)
		cmds := sessiontest.Commands(m)
		m = d.Send(d.Status(cmds[0], 200), d.Results(cmds[0], "10.0.26100.1"), d.Status(cmds[1], 404))
		want(t, m, `
			Status 1 2/0 SyncHdr 200
			Final`)

		require.Equal(t, "Contoso", info["Man"])
		require.Len(t, got, 2)
		v, err := got[0].Value()
		require.NoError(t, err)
		require.Equal(t, "10.0.26100.1", v.String())
		require.Equal(t, "build", got[0].Label)
		_, err = got[1].Value()
		require.ErrorIs(t, err, dmtree.ErrNotFound)
		require.EqualError(t, err, "session: ./DevDetail/Nope: status 404 Not found")
	})
}
