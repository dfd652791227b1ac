package session_test

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/session"
	"github.com/omadm-sdk/omadm/session/sessiontest"
	"github.com/omadm-sdk/omadm/syncml"
)

// chunk is a part of the Results for the command c of the server's first message.
func chunk(c syncml.Command, uri string, size int64, data string, more bool) *syncml.Results {
	return &syncml.Results{MsgRef: "1", CmdRef: c.ID(), Items: []syncml.Item{{
		Source: syncml.Location{URI: uri}, Meta: syncml.Meta{Size: size}, Data: syncml.Text(data), MoreData: more,
	}}}
}

func get(c syncml.Command, code syncml.StatusCode) *syncml.Status {
	return &syncml.Status{MsgRef: "1", CmdRef: c.ID(), Cmd: "Get", Code: code}
}

// TestLargeResults: a device sends a value in chunks.
func TestLargeResults(t *testing.T) {
	type message struct {
		send  func(a, b syncml.Command) []syncml.Command
		final bool
		want  string
	}
	part := func(size int64, data string, more bool) func(a, b syncml.Command) []syncml.Command {
		return func(a, _ syncml.Command) []syncml.Command {
			return []syncml.Command{chunk(a, "./A", size, data, more)}
		}
	}
	first := func(size int64, data string) message {
		return message{func(a, _ syncml.Command) []syncml.Command {
			return []syncml.Command{get(a, 200), chunk(a, "./A", size, data, true)}
		}, false, `
			Status 1 2/0 SyncHdr 200
			Status 2 2/3 Results 213
			Alert 3 1222`}
	}
	tests := []struct {
		name     string
		messages []message
		a, b     string // what came, or why nothing did
	}{
		{"L11 L12 two chunks", []message{
			first(10, "01234"),
			{func(a, b syncml.Command) []syncml.Command {
				return []syncml.Command{chunk(a, "./A", 0, "56789", false), get(b, 200), chunk(b, "./B", 0, "b", false)}
			}, true, `
				Status 1 3/0 SyncHdr 200
				Final`},
		}, "0123456789", "b"},
		{"L04 three chunks", []message{
			first(9, "012"),
			{part(0, "345", true), false, `
				Status 1 3/0 SyncHdr 200
				Status 2 3/2 Results 213
				Alert 3 1222`},
			{part(0, "678", false), true, `
				Status 1 4/0 SyncHdr 200
				Final`},
		}, "012345678", "session: ./B: the device gave no answer"},
		{"L06 too short", []message{
			first(10, "01234"),
			{part(0, "567", false), true, `
				Status 1 3/0 SyncHdr 200
				Status 2 3/2 Results 424
				Final`},
		}, "session: Get ./A: the device sent no value", "session: ./B: the device gave no answer"},
		{"L06 too long", []message{
			first(7, "01234"),
			{part(0, "56789", true), false, `
				Status 1 3/0 SyncHdr 200
				Status 2 3/2 Results 424
				Alert 3 1222`},
			{func(syncml.Command, syncml.Command) []syncml.Command { return nil }, true, `
				Status 1 4/0 SyncHdr 200
				Final`},
		}, "session: Get ./A: the device sent no value", "session: ./B: the device gave no answer"},
		{"L16 no Size", []message{
			{part(0, "01234", true), false, `
				Status 1 2/0 SyncHdr 200
				Status 2 2/2 Results 411
				Alert 3 1222`},
		}, "", ""},
		{"L16 over the limit", []message{
			{part(1<<20, "01234", true), false, `
				Status 1 2/0 SyncHdr 200
				Status 2 2/2 Results 413
				Alert 3 1222`},
		}, "", ""},
		{"L07 another object before the last chunk", []message{
			first(10, "01234"),
			{func(a, b syncml.Command) []syncml.Command {
				return []syncml.Command{get(b, 200), chunk(b, "./B", 0, "b", false)}
			}, true, `
				Status 1 3/0 SyncHdr 200
				Alert 2 1225 ./A
				Final`},
		}, "session: Get ./A: the device sent no value", "b"},
		{"L07 another object in the same Results", []message{
			{func(a, b syncml.Command) []syncml.Command {
				r, more := chunk(a, "./A", 10, "01234", true), chunk(a, "./B", 10, "abcde", true)
				r.Items = append(r.Items, more.Items...)
				return []syncml.Command{get(a, 200), r}
			}, false, `
				Status 1 2/0 SyncHdr 200
				Status 2 2/3 Results 213
				Status 3 2/3 Results 213
				Alert 4 1225 ./A
				Alert 5 1222`},
			{func(a, b syncml.Command) []syncml.Command {
				return []syncml.Command{chunk(a, "./B", 0, "fghij", false), get(b, 404)}
			}, true, `
				Status 1 3/0 SyncHdr 200
				Final`},
		}, "abcdefghij", "session: ./B: status 404 Not found"},
		{"L07 the package ends before the last chunk", []message{
			first(10, "01234"),
			{func(a, b syncml.Command) []syncml.Command { return []syncml.Command{get(b, 404)} }, true, `
				Status 1 3/0 SyncHdr 200
				Alert 2 1225 ./A
				Final`},
		}, "session: Get ./A: the device sent no value", "session: ./B: status 404 Not found"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			each(t, func(t *testing.T, enc syncml.Encoding) {
				var got []session.Result
				s := newServer(t, asks(&got, func(w *session.Writer) {
					w.Get("./A")
					w.Get("./B")
				}))
				s.Limits.Object = 1000
				d := sessiontest.NewDevice(t, s)
				d.Encoding = enc
				cmds := sessiontest.Commands(d.Open())
				for _, msg := range tt.messages {
					if commands := msg.send(cmds[0], cmds[1]); msg.final {
						want(t, d.Send(commands...), msg.want)
					} else {
						require.Empty(t, got, "L05")
						want(t, d.SendPart(commands...), msg.want)
					}
				}
				if tt.a == "" {
					return
				}
				require.Len(t, got, 2)
				for i, want := range []string{tt.a, tt.b} {
					if v, err := got[i].Value(); err != nil {
						require.EqualError(t, err, want)
					} else {
						require.Equal(t, want, v.String())
					}
				}
			})
		})
	}

	t.Run("L07 an alert 1225 with nothing beside it is answered, and ends no session", func(t *testing.T) {
		each(t, func(t *testing.T, enc syncml.Encoding) {
			d := sessiontest.NewDevice(t, newServer(t, asks(nil, func(w *session.Writer) { w.Get("./A") })))
			d.Encoding = enc
			c := sessiontest.Commands(d.Open())[0]
			d.SendPart(get(c, 200), chunk(c, "./A", 10, "01234", true))
			m := d.Send()
			want(t, m, `
				Status 1 3/0 SyncHdr 200
				Alert 2 1225 ./A
				Final`)
			want(t, d.Send(ok(d, m)...), `
				Status 1 4/0 SyncHdr 200
				Final`)
			want(t, d.Send(), `
				Status 1 5/0 SyncHdr 400
				Final`)
		})
	})

	t.Run("L17 abort", func(t *testing.T) {
		var got []session.Result
		store := new(session.MemoryStore)
		s := newServer(t, asks(&got, func(w *session.Writer) { w.Get("./A") }))
		s.Store = store
		d := sessiontest.NewDevice(t, s)
		c := sessiontest.Commands(d.Open())[0]
		d.SendPart(get(c, 200), chunk(c, "./A", 100, "a large value in pieces", true))
		want(t, d.Send(alert(1223)), `
			Status 1 3/0 SyncHdr 200
			Status 2 3/2 Alert 200
			Final`)
		r, err := store.Load(t.Context(), d.ID, start, 1)
		require.NoError(t, err)
		require.NotContains(t, string(r.State), "a large value", "the buffer is gone")
	})
}

func TestLargeAlert(t *testing.T) {
	each(t, func(t *testing.T, enc syncml.Encoding) {
		var got []string
		d := sessiontest.NewDevice(t, newServer(t, session.HandlerFunc(func(w *session.Writer, r *session.Request) error {
			for _, a := range r.Alerts {
				got = append(got, a.Type+"="+a.Value.String())
			}
			return nil
		})))
		d.Encoding = enc
		part := func(size int64, data string, more bool) *syncml.Alert {
			return alert(1226, syncml.Item{
				Source: syncml.Location{URI: "./Log"}, Meta: syncml.Meta{Type: "com.example.log", Format: "chr", Size: size},
				Data: syncml.Text(data), MoreData: more,
			})
		}
		d.SessionID = "1"
		m := d.SendPart(append(d.Hello(), part(8, "0123", true))...)
		want(t, m, `
			Status 1 1/0 SyncHdr 200
			Status 2 1/1 Alert 200
			Status 3 1/2 Replace 200
			Status 4 1/3 Alert 213 ./Log
			Alert 5 1222`)
		m = d.Send(part(0, "4567", false))
		want(t, m, `
			Status 1 2/0 SyncHdr 200
			Status 2 2/2 Alert 200 ./Log
			Final`)
		require.Equal(t, []string{"com.example.log=01234567"}, got)
	})
}

// TestLargeCommand: a server of the OMA profile cuts values that fit no message.
func TestLargeCommand(t *testing.T) {
	value := strings.Repeat("0123456789", 600)
	open := func(t *testing.T, enc syncml.Encoding, got *[]session.Result) (*sessiontest.Device, *syncml.Message) {
		s := newServer(t, asks(got, func(w *session.Writer) {
			w.Get("./Before")
			w.Replace("./Big", dmtree.String(value).WithType("application/x-big"))
			w.Get("./After")
		}))
		s.Profile = session.OMA
		d := sessiontest.NewDevice(t, s)
		d.Encoding, d.Meta.MaxMsgSize = enc, 3000
		m := d.Open()
		require.Equal(t, []string{"Get ./Before"}, sent(m))
		m = d.Send(ok(d, m)...)
		return d, m
	}
	more := func(t *testing.T, m *syncml.Message) *syncml.Replace {
		t.Helper()
		require.False(t, m.Final)
		c := sessiontest.Commands(m)
		require.Len(t, c, 1, "L01: nothing but the chunk")
		r := c[0].(*syncml.Replace)
		require.True(t, r.Items[0].MoreData) // L02
		return r
	}
	each(t, func(t *testing.T, enc syncml.Encoding) {
		t.Run("L01 L02 L03 L18 taken", func(t *testing.T) {
			var got []session.Result
			d, m := open(t, enc, &got)
			joined := ""
			for i := 0; !m.Final; i++ {
				require.LessOrEqual(t, len(d.Body()), 3000)
				r := more(t, m)
				it := &r.Items[0]
				require.Equal(t, "./Big", it.Target.URI)
				require.Equal(t, "application/x-big", it.Meta.Type)
				if want := int64(0); i == 0 {
					want = int64(len(value))
					require.Equal(t, want, it.Meta.Size)
				} else {
					require.Equal(t, want, it.Meta.Size)
				}
				joined += it.Data.String()
				require.Len(t, got, 1, "L05: nothing is known of ./Big yet")
				m = d.SendPart(d.Status(r, 213), alert(1222))
			}
			last := sessiontest.Commands(m)
			require.Equal(t, []string{"Replace ./Big"}, sent(m)[:1])
			joined += last[0].(*syncml.Replace).Items[0].Data.String()
			require.Equal(t, value, joined)
			m = d.Send(ok(d, m)...)
			for len(sent(m)) > 0 {
				m = d.Send(ok(d, m)...)
			}
			require.Len(t, got, 3)
			for _, r := range got {
				require.NoError(t, r.Err())
			}
		})
		t.Run("refused in the middle", func(t *testing.T) {
			var got []session.Result
			d, m := open(t, enc, &got)
			m = d.Send(d.Status(more(t, m), 420))
			require.Equal(t, []string{"Get ./After"}, sent(m))
			require.EqualError(t, got[1].Err(), "session: ./Big: status 420 Device full")
		})
		t.Run("L07 interrupted: sent again from the start", func(t *testing.T) {
			var got []session.Result
			d, m := open(t, enc, &got)
			r := more(t, m)
			size := r.Items[0].Meta.Size
			m = d.SendPart(d.Status(r, 213), alert(1222))
			more(t, m)
			m = d.Send(alert(1225, syncml.Item{Target: syncml.Location{URI: "./Big"}}))
			require.Equal(t, size, more(t, m).Items[0].Meta.Size)
		})
		t.Run("L08 above MaxObjSize", func(t *testing.T) {
			var got []session.Result
			s := newServer(t, asks(&got, func(w *session.Writer) {
				w.Replace("./Big", dmtree.String(value))
				w.Replace("./Small", dmtree.Int(1))
			}))
			s.Profile = session.OMA
			d := sessiontest.NewDevice(t, s)
			d.Encoding, d.Meta.MaxObjSize = enc, 5000
			m := d.Open()
			require.Equal(t, []string{"Replace ./Small"}, sent(m))
			d.Meta.MaxObjSize = 100
			d.Send(ok(d, m)...)
			require.EqualError(t, got[0].Err(), "session: ./Big: status 413 Request entity too large")
		})
		t.Run("L09 a later MaxObjSize counts", func(t *testing.T) {
			n := 0
			s := newServer(t, session.HandlerFunc(func(w *session.Writer, r *session.Request) error {
				if n++; n <= 2 {
					w.Replace("./Big", dmtree.String(value))
				}
				return nil
			}))
			d := sessiontest.NewDevice(t, s)
			d.Encoding, d.Meta.MaxObjSize = enc, 6000
			m := d.Open()
			require.Len(t, sent(m), 1)
			d.Meta.MaxObjSize = 5999
			require.Empty(t, sent(d.Send(ok(d, m)...)))
		})
	})
}

// TestLargeBothEnds has a server and a client cut and join for each other.
func TestLargeBothEnds(t *testing.T) {
	binary := make([]byte, 0, 40_000)
	for i := 0; len(binary) < 40_000; i++ {
		sum := sha256.Sum256(fmt.Append(nil, i))
		binary = append(binary, sum[:]...)
	}
	values := map[dmtree.URI]dmtree.Value{ // L14, L15
		"./Text":   dmtree.String(strings.Repeat("Größe & <Maß>\n", 1500)),
		"./Binary": dmtree.Bytes(binary),
		"./Base64": dmtree.Base64(binary[:len(binary)-1]),
	}
	each(t, func(t *testing.T, enc syncml.Encoding) {
		synctest.Test(t, func(t *testing.T) {
			tree := new(dmtree.Memory)
			tree.Set("./DevDetail/LrgObj", dmtree.Bool(true)) // L10
			got := make(map[dmtree.URI]string)
			p := sessiontest.New(t, session.HandlerFunc(func(w *session.Writer, r *session.Request) error {
				for _, res := range r.Results {
					if err := res.Err(); err != nil {
						t.Error(err)
					}
					if res.Command == "Add" {
						w.Get(res.URI)
						continue
					}
					v, err := res.Value()
					if err != nil {
						return err
					}
					b, err := v.Bytes()
					if err != nil {
						return err
					}
					got[res.URI] = base64.StdEncoding.EncodeToString(b)
				}
				if r.First {
					for u, v := range values {
						w.Add(u, v)
					}
				}
				return nil
			}), tree)
			p.Server.Profile, p.Client.Profile = session.OMA, session.OMA
			p.Server.Limits.Message, p.Client.Limits.Message = 4000, 5000
			p.Client.Encoding = enc
			sum := p.Run(t.Context())
			require.Zero(t, sum.Failed)
			for u, v := range values {
				b, err := v.Bytes()
				require.NoError(t, err)
				if want := base64.StdEncoding.EncodeToString(b); got[u] != want {
					t.Errorf("%s does not come back as it went: %.100s, want %.100s (%d, %d)", u, got[u], want, len(got[u]), len(want))
				}
			}
		})
	})
}
