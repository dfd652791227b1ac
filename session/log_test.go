package session_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omadm-sdk/omadm/session"
	"github.com/omadm-sdk/omadm/session/sessiontest"
	"github.com/omadm-sdk/omadm/syncml"
)

// records keeps what is logged: the text of each record, and its attributes.
type records struct {
	attrs []slog.Attr
	list  *[]record
}

type record struct {
	text  string
	attrs map[string]string
}

func (r records) Enabled(context.Context, slog.Level) bool { return true }

func (r records) WithAttrs(l []slog.Attr) slog.Handler {
	return records{append(slices.Clip(r.attrs), l...), r.list}
}

func (r records) WithGroup(string) slog.Handler { panic("nobody groups") }

func (r records) Handle(_ context.Context, rec slog.Record) error {
	m := map[string]string{}
	for _, a := range r.attrs {
		m[a.Key] = a.Value.String()
	}
	rec.Attrs(func(a slog.Attr) bool { m[a.Key] = a.Value.String(); return true })
	*r.list = append(*r.list, record{rec.Message, m})
	return nil
}

// fullStore takes nothing.
type fullStore struct{ session.MemoryStore }

func (*fullStore) Commit(context.Context, string, int64, *session.Change) error {
	return errors.New("disk full")
}

// TestLogKeys: whatever a server says of a message, it says which.
func TestLogKeys(t *testing.T) {
	const hello = `<Alert><CmdID>1</CmdID><Data>1201</Data></Alert>`
	for _, test := range []struct {
		name  string
		body  string
		again bool
		set   func(s *session.Server)
		want  string
	}{
		{"not readable behind its header", strings.Replace(message(hello), "<CmdID>1", "<CmdID>&bad;", 1), false, nil, "message cannot be read"},
		{"store fails", message(hello), false, func(s *session.Server) { s.Store = new(fullStore) }, "message not handled"},
		{"device is refused", message(hello), false, func(s *session.Server) { s.Auth = nil }, "message refused"},
		{"handler fails", message(hello), false, func(s *session.Server) {
			s.Handler = session.HandlerFunc(func(*session.Writer, *session.Request) error { return errors.New("no") })
		}, "handler failed"},
		{"repeated", message(hello), true, nil, "message repeated"},
		{"Status of nothing", message(hello + `<Status><CmdID>2</CmdID><MsgRef>1</MsgRef><CmdRef>7</CmdRef><Cmd>Get</Cmd><Data>200</Data></Status>`), false, nil,
			"status of an unknown command"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var list []record
			s := newServer(t, idle)
			s.Logger = slog.New(records{list: &list})
			if test.set != nil {
				test.set(s)
			}
			d := sessiontest.NewDevice(t, s)
			d.Post(syncml.TypeXML, []byte(test.body))
			if test.again {
				d.Post(syncml.TypeXML, []byte(test.body))
			}
			require.Len(t, list, 1)
			require.Equal(t, test.want, list[0].text)
			for key, want := range map[string]string{"device": "device-1", "session": "1", "msg": "1"} {
				require.Equal(t, want, list[0].attrs[key], "%s of %v", key, list[0])
			}
			require.NotContains(t, list[0].attrs["err"], "device-1", "said once")
		})
	}
	t.Run("nothing is known", func(t *testing.T) {
		var list []record
		s := newServer(t, idle)
		s.Logger = slog.New(records{list: &list})
		_, err := s.Exchange(t.Context(), time.Now(), &session.Exchange{
			HTTP: map[string][]string{"Content-Type": {syncml.TypeXML}}, Body: []byte("<html>"),
		})
		require.NoError(t, err)
		require.Len(t, list, 1)
		require.Empty(t, list[0].attrs["device"])
	})
}
