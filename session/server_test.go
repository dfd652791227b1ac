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
var encodings = []syncml.Encoding{syncml.XML, syncml.WBXML}

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

// want compares the outline of a message with lines, which may be indented by tabs.
func want(t *testing.T, m *syncml.Message, lines string) {
	t.Helper()
	var b strings.Builder
	for l := range strings.Lines(lines) {
		if l = strings.TrimLeft(l, "\t\n"); l != "" {
			b.WriteString(strings.TrimRight(l, "\n") + "\n")
		}
	}
	require.Equal(t, b.String(), sessiontest.Outline(m))
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
