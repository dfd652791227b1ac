package session_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omadm-sdk/omadm/auth"
	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/session"
	"github.com/omadm-sdk/omadm/session/sessiontest"
	"github.com/omadm-sdk/omadm/syncml"
)

// idle is a Handler that has nothing to ask.
var idle = session.HandlerFunc(func(*session.Writer, *session.Request) error { return nil })

// asks returns a Handler that sends what fill writes when a session opens, and keeps the results in got.
func asks(got *[]session.Result, fill func(w *session.Writer)) session.Handler {
	return session.HandlerFunc(func(w *session.Writer, r *session.Request) error {
		if r.First {
			fill(w)
		}
		if got != nil {
			*got = append(*got, r.Results...)
		}
		return nil
	})
}

func alert(code syncml.AlertCode, items ...syncml.Item) *syncml.Alert {
	return &syncml.Alert{Code: code, Items: items}
}

func event(typ, format, data string) syncml.Item {
	return syncml.Item{Meta: syncml.Meta{Type: typ, Format: format}, Data: syncml.Text(data)}
}

// ok answers all commands of m with 200, containers and their children alike, and every Get with "value".
func ok(d *sessiontest.Device, m *syncml.Message) []syncml.Command {
	var l []syncml.Command
	var add func([]syncml.Command)
	add = func(cmds []syncml.Command) {
		for _, c := range cmds {
			l = append(l, d.Status(c, syncml.StatusOK))
			switch c := c.(type) {
			case *syncml.Get:
				l = append(l, d.Results(c, "value"))
			case *syncml.Atomic:
				add(c.Commands)
			case *syncml.Sequence:
				add(c.Commands)
			}
		}
	}
	add(sessiontest.Commands(m))
	return l
}

// TestClientCommands holds what a client's message may contain, and how each part is answered.
func TestClientCommands(t *testing.T) {
	const custom = "com.example/Topic"
	tests := []struct {
		name    string
		handler session.Handler
		send    []syncml.Command
		want    string // statuses of what is sent, after those of 1201 and DevInfo
	}{
		{"S02 nothing more", idle, nil, ``},
		{"S13 client event processed", idle, []syncml.Command{alert(1224, event(custom, "chr", "x"))}, `Status 4 1/3 Alert 200`},
		{"S13 client event that nobody processes", nil, []syncml.Command{alert(1224, event(custom, "chr", "x"))}, `Status 4 1/3 Alert 406`},
		{"S13 client event of an unknown format", idle, []syncml.Command{alert(1224, event(custom, "blob", "x"))}, `Status 4 1/3 Alert 406`},
		{"S13 events the server serves itself", nil, []syncml.Command{
			alert(1224, event("com.microsoft/MDM/LoginStatus", "", "user")),
			alert(1224, event("com.microsoft/MDM/AADUserToken", "", "ey...")),
		}, `
			Status 4 1/3 Alert 200
			Status 5 1/4 Alert 200`},
		{"S12 generic alert accepted", idle, []syncml.Command{alert(1226, event("Reversed-Domain-Name: com.example.done", "int", "0"))}, `Status 4 1/3 Alert 200`},
		{"S11 generic alert of an unknown format", idle, []syncml.Command{alert(1226, event(custom, "blob", "x"))}, `Status 4 1/3 Alert 415`},
		{"S11 generic alert that nobody understands", nil, []syncml.Command{alert(1226, event(custom, "chr", "x"))}, `Status 4 1/3 Alert 415`},
		{"generic alert without type", idle, []syncml.Command{alert(1226, event("", "chr", "x"))}, `Status 4 1/3 Alert 412`},
		{"generic alert without item", idle, []syncml.Command{alert(1226)}, `Status 4 1/3 Alert 412`},
		{"items that fare differently have a Status each", idle, []syncml.Command{alert(1226,
			syncml.Item{Source: syncml.Location{URI: "./A"}, Meta: syncml.Meta{Type: custom, Format: "chr"}, Data: syncml.Text("1")},
			syncml.Item{Source: syncml.Location{URI: "./B"}, Meta: syncml.Meta{Type: custom, Format: "blob"}, Data: syncml.Text("2")},
		)}, `
			Status 4 1/3 Alert 200 ./A
			Status 5 1/3 Alert 415 ./B`},
		{"S14 UI alert from a client", idle, []syncml.Command{alert(1100, syncml.Item{}, event("", "", "hello"))}, `Status 4 1/3 Alert 406`},
		{"reserved alert", idle, []syncml.Command{alert(1221)}, `Status 4 1/3 Alert 406`},
		{"S21 commands that are the server's", idle, []syncml.Command{
			&syncml.Get{Items: []syncml.Item{{Target: syncml.Location{URI: "./A"}}}},
			&syncml.Exec{Items: []syncml.Item{{Target: syncml.Location{URI: "./A"}}}},
			&syncml.Atomic{Commands: []syncml.Command{&syncml.Delete{Items: []syncml.Item{{Target: syncml.Location{URI: "./A"}}}}}},
			&syncml.Replace{Items: []syncml.Item{{Target: syncml.Location{URI: "./A"}, Data: syncml.Text("1")}}},
			&syncml.Replace{Items: []syncml.Item{{Source: syncml.Location{URI: "./A"}, Data: syncml.Text("1")}}},
		}, `
			Status 4 1/3 Get 405
			Status 5 1/4 Exec 405
			Status 6 1/5 Atomic 405
			Status 7 1/6 Delete 405
			Status 8 1/7 Replace 405
			Status 9 1/8 Replace 405`},
		{"S17 status and results of unknown commands are ignored", idle, []syncml.Command{
			&syncml.Status{MsgRef: "7", CmdRef: "3", Cmd: "Get", Code: 200},
			&syncml.Results{MsgRef: "7", CmdRef: "3", Items: []syncml.Item{{Source: syncml.Location{URI: "./A"}, Data: syncml.Text("1")}}},
		}, ``},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			each(t, func(t *testing.T, enc syncml.Encoding) {
				d := sessiontest.NewDevice(t, newServer(t, tt.handler))
				d.Encoding = enc
				want(t, d.Open(tt.send...), `
					Status 1 1/0 SyncHdr 200
					Status 2 1/1 Alert 200
					Status 3 1/2 Replace 200
					`+tt.want+`
					Final`)
			})
		})
	}
}

func TestAlertReachesHandler(t *testing.T) {
	each(t, func(t *testing.T, enc syncml.Encoding) {
		var seen []*session.Alert
		s := newServer(t, session.HandlerFunc(func(w *session.Writer, r *session.Request) error {
			for _, a := range r.Alerts {
				if a.Type == "com.example.unheard-of" {
					w.Answer(a, syncml.StatusUnsupportedFormat)
				}
			}
			seen = append(seen, r.Alerts...)
			return nil
		}))
		d := sessiontest.NewDevice(t, s)
		d.Encoding = enc
		done := event("Reversed-Domain-Name:com.microsoft.mdm.EnterpriseHostedAppInstall.result", "int", "0")
		done.Source.URI = "./User/Vendor/MSFT/EnterpriseModernAppManagement/AppInstallation/App/HostedInstall"
		done.Meta.Mark = "critical"
		m := d.Open(
			&syncml.Alert{Code: 1226, Correlator: "op-77", Items: []syncml.Item{done}},
			alert(1226, event("com.example.unheard-of", "chr", "?")), // S11, S12: the Handler knows the types
		)
		require.EqualValues(t, 200, sessiontest.StatusOf(m, "3"))
		require.EqualValues(t, 415, sessiontest.StatusOf(m, "4"))
		require.Len(t, seen, 2)
		a := seen[0]
		require.Equal(t, "com.microsoft.mdm.EnterpriseHostedAppInstall.result", a.Type)
		require.Equal(t, dmtree.URI(done.Source.URI), a.Source)
		require.Equal(t, []string{"critical", "op-77"}, []string{a.Mark, a.Correlator})
		require.Equal(t, dmtree.Int(0), a.Value)
		require.NotEqual(t, a.Key, seen[1].Key)
	})
}

// TestNextMessage is S-WAIT: a client package in several messages.
func TestNextMessage(t *testing.T) {
	each(t, func(t *testing.T, enc syncml.Encoding) {
		var got []session.Result
		d := sessiontest.NewDevice(t, newServer(t, asks(&got, func(w *session.Writer) {
			w.Get("./A")
			w.Get("./B")
			w.Get("./C")
		})))
		d.Encoding = enc
		first := d.Open()
		cmds := sessiontest.Commands(first)
		a, b, c := cmds[0], cmds[1], cmds[2]
		statusOf := func(c syncml.Command) *syncml.Status { // d.Status refers to the last message
			return &syncml.Status{MsgRef: "1", CmdRef: c.ID(), Cmd: c.Name(), Code: 200}
		}
		results := func(c syncml.Command, v string) *syncml.Results {
			r := d.Results(c, v)
			r.MsgRef = "1"
			return r
		}
		// S05, S04: no commands, no Final while the client's package is open.
		want(t, d.SendPart(statusOf(a), results(a, "1"), statusOf(b)), `
			Status 1 2/0 SyncHdr 200
			Alert 2 1222`)
		require.Empty(t, got, "b has no Results yet, and a may get more")
		want(t, d.SendPart(alert(1222)), `
			Status 1 3/0 SyncHdr 200
			Status 2 3/2 Alert 200
			Alert 3 1222`)
		// S16: statuses are matched messages later; S06, S07: a package without commands has Final and ends the session.
		want(t, d.Send(results(b, "2"), statusOf(c), results(c, "3")), `
			Status 1 4/0 SyncHdr 200
			Final`)
		require.Len(t, got, 3)
		for i, r := range got {
			v, err := r.Value()
			require.NoError(t, err)
			require.Equal(t, strconv.Itoa(i+1), v.String())
		}
	})
}

// TestKeepAlive: a Windows device that takes long says so, as often as it likes, and is answered by Statuses alone
// (MS-MDM); under OMA that is a package that is not complete. What it says in the end answers the message from before.
func TestKeepAlive(t *testing.T) {
	pending := func() *syncml.Alert {
		return alert(1224, event("Reversed-Domain-Name:com.microsoft.mdm.requestpending", "", "1"))
	}
	for _, test := range []struct {
		profile session.Profile
		next    string
	}{{session.Windows, ""}, {session.OMA, "Alert 3 1222"}} {
		t.Run(test.profile.String(), func(t *testing.T) {
			each(t, func(t *testing.T, enc syncml.Encoding) {
				var got []session.Result
				s := newServer(t, asks(&got, func(w *session.Writer) {
					w.Get("./Quick")
					w.Exec("./Slow", dmtree.Null)
				}))
				s.Profile = test.profile
				id := enqueue(t, s, nil, func(b *session.Batch) { b.Delete("./Queued") })[0]
				d := sessiontest.NewDevice(t, s)
				d.Encoding = enc
				m := d.Open()
				answers := ok(d, m)
				for n := 2; n < 5; n++ {
					want(t, d.SendPart(pending()), fmt.Sprintf(`
						Status 1 %d/0 SyncHdr 200
						Status 2 %[1]d/2 Alert 200
						%s`, n, test.next))
					d.Repeat() // S18
					require.Empty(t, got)
					require.Equal(t, "leased", state(t, s, id))
				}
				enqueue(t, s, nil, func(b *session.Batch) { b.Delete("./More") })
				want(t, d.Send(answers...), `
					Status 1 5/0 SyncHdr 200
					Delete 2 ./More
					Final`)
				require.Len(t, got, 2)
				v, err := got[0].Value()
				require.NoError(t, err)
				require.Equal(t, "value", v.Text())
				require.NoError(t, got[1].Err())
				require.Equal(t, "done 200", state(t, s, id))
			})
		})
	}
	t.Run("without end", func(t *testing.T) {
		s := newServer(t, asks(nil, func(w *session.Writer) { w.Exec("./Slow", dmtree.Null) }))
		s.Limits.Messages = 5
		d := sessiontest.NewDevice(t, s)
		d.Open()
		for range 4 {
			require.Empty(t, sent(d.SendPart(pending())))
		}
		want(t, d.SendPart(pending()), `
			Status 1 6/0 SyncHdr 200
			Status 2 6/2 Alert 200
			Alert 3 1223
			Final`)
	})
	t.Run("between chunks", func(t *testing.T) {
		each(t, func(t *testing.T, enc syncml.Encoding) {
			s := newServer(t, asks(nil, func(w *session.Writer) { w.Replace("./A", dmtree.String(strings.Repeat("x", 5000))) }))
			s.Profile = session.OMA
			d := sessiontest.NewDevice(t, s)
			d.Encoding, d.Meta.MaxMsgSize = enc, 3000
			m := d.Open()
			for !m.Final {
				c := sessiontest.Commands(m)[0]
				taken := d.Status(c, 213)
				require.Equal(t, []string{"Alert "}, sent(d.SendPart(pending())))
				m = d.SendPart(taken, alert(1222))
			}
		})
	})
}

func TestMissingStatusIsNoSuccess(t *testing.T) {
	var got []session.Result
	d := sessiontest.NewDevice(t, newServer(t, asks(&got, func(w *session.Writer) { w.Replace("./A", dmtree.Int(1)) })))
	d.Open()
	want(t, d.Send(), `
		Status 1 2/0 SyncHdr 200
		Final`)
	require.Len(t, got, 1)
	require.EqualError(t, got[0].Err(), "session: ./A: the device gave no answer")
}

func TestAbort(t *testing.T) {
	t.Run("S08 by the client", func(t *testing.T) {
		d := sessiontest.NewDevice(t, newServer(t, asks(nil, func(w *session.Writer) { w.Get("./A") })))
		d.Open()
		want(t, d.Send(alert(1223)), `
			Status 1 2/0 SyncHdr 200
			Status 2 2/2 Alert 200
			Final`)
		want(t, d.Send(), `
			Status 1 3/0 SyncHdr 400
			Final`)
	})
	t.Run("S08 by the client, with commands out", func(t *testing.T) {
		each(t, func(t *testing.T, enc syncml.Encoding) {
			s := newServer(t, nil)
			ids := enqueue(t, s, nil, func(b *session.Batch) {
				b.Replace("./A", dmtree.Int(1))
				b.Exec("./B", dmtree.Null)
				b.Get("./C")
			})
			d := sessiontest.NewDevice(t, s)
			d.Encoding = enc
			c := sessiontest.Commands(d.Open())
			d.Send(d.Status(c[2], 200), d.Results(c[2], "c"), alert(1223))
			require.Equal(t, "done 200", state(t, s, ids[2]), "it has said so")
			require.Equal(t, []string{"Replace ./A"}, sent(d.Open()))
			require.Equal(t, "done unknown", state(t, s, ids[1]))
		})
	})
	t.Run("S09 by the handler", func(t *testing.T) {
		d := sessiontest.NewDevice(t, newServer(t, session.HandlerFunc(func(w *session.Writer, r *session.Request) error {
			w.Get("./A")
			w.Abort()
			return nil
		})))
		want(t, d.Open(), `
			Status 1 1/0 SyncHdr 200
			Status 2 1/1 Alert 200
			Status 3 1/2 Replace 200
			Alert 4 1223
			Final`)
	})
	t.Run("S09 a session that does not end", func(t *testing.T) {
		s := newServer(t, idle)
		s.Limits.Messages = 3
		d := sessiontest.NewDevice(t, s)
		d.SessionID = "9"
		d.SendPart(d.Hello()...)
		d.SendPart(alert(1222))
		d.SendPart(alert(1222))
		want(t, d.SendPart(alert(1222)), `
			Status 1 4/0 SyncHdr 200
			Status 2 4/2 Alert 200
			Alert 3 1223
			Final`)
	})
}

// TestMaxMsgSize: S15, no message is larger than the device takes, and no command is cut apart.
func TestMaxMsgSize(t *testing.T) {
	each(t, func(t *testing.T, enc syncml.Encoding) {
		var got []session.Result
		d := sessiontest.NewDevice(t, newServer(t, asks(&got, func(w *session.Writer) {
			for i := range 40 {
				w.Replace(dmtree.URI("./Vendor/MSFT/Node").Join(fmt.Sprint(i)), dmtree.String(strings.Repeat("x", 300)))
			}
		})))
		d.Encoding = enc
		d.Meta.MaxMsgSize = 4096
		m, sent, messages := d.Open(), 0, 0
		for {
			messages++
			require.LessOrEqual(t, len(d.Body()), 4096)
			require.True(t, m.Final)
			cmds := sessiontest.Commands(m)
			if len(cmds) == 0 {
				break
			}
			sent += len(cmds)
			m = d.Send(ok(d, m)...)
		}
		require.Equal(t, 40, sent)
		require.Greater(t, messages, 3)
		require.Len(t, got, 40)
		for i, r := range got {
			require.Equal(t, dmtree.URI("./Vendor/MSFT/Node").Join(fmt.Sprint(i)), r.URI)
			require.NoError(t, r.Err())
		}
	})
}

// TestTooLargeForDevice: Windows does not take commands in chunks, so one that fits no message is answered here.
func TestTooLargeForDevice(t *testing.T) {
	each(t, func(t *testing.T, enc syncml.Encoding) {
		var got []session.Result
		d := sessiontest.NewDevice(t, newServer(t, asks(&got, func(w *session.Writer) {
			w.Replace("./Big", dmtree.String(strings.Repeat("x", 5000)))
			w.Replace("./Border", dmtree.String(strings.Repeat("x", 4000)))
			w.Replace("./Small", dmtree.String("x"))
		})))
		d.Encoding = enc
		d.Meta.MaxMsgSize = 4096
		m := d.Open()
		require.False(t, m.Final, "without the Statuses of this message, ./Border might fit")
		require.Equal(t, []string{"Alert "}, sent(m))
		m = d.SendPart(d.Status(sessiontest.Commands(m)[0], 200), alert(1222))
		require.Equal(t, []string{"Replace ./Small"}, sent(m))
		d.Send(ok(d, m)...)
		require.Len(t, got, 3)
		require.EqualError(t, got[0].Err(), "session: ./Big: status 413 Request entity too large")
		require.EqualError(t, got[1].Err(), "session: ./Border: status 413 Request entity too large")
		require.NoError(t, got[2].Err())
	})
}

// TestManyStatuses: more Statuses than fit one message are spread over several, without Final until the last.
func TestManyStatuses(t *testing.T) {
	each(t, func(t *testing.T, enc syncml.Encoding) {
		d := sessiontest.NewDevice(t, newServer(t, asks(nil, func(w *session.Writer) { w.Get("./A") })))
		d.Encoding = enc
		d.Meta.MaxMsgSize = 4096
		var alerts []syncml.Command
		for range 200 {
			alerts = append(alerts, alert(1226, event("com.example/Topic", "chr", "x")))
		}
		m := d.Open(alerts...)
		seen, messages := 0, 0
		for {
			messages++
			require.LessOrEqual(t, len(d.Body()), 4096)
			for _, c := range m.Commands {
				if st, isStatus := c.(*syncml.Status); isStatus && st.MsgRef == "1" && st.Cmd == "Alert" {
					seen++
					require.EqualValues(t, 200, st.Code)
				}
			}
			if m.Final {
				break
			}
			require.Equal(t, []string{"Alert "}, sent(m), "no commands as long as Statuses are owed")
			m = d.SendPart(d.Status(sessiontest.Commands(m)[0], 200), alert(1222))
		}
		require.Equal(t, 201, seen)
		require.Greater(t, messages, 1)
		require.Len(t, sessiontest.Commands(m), 1)
	})
}

// TestManyStatusesOfAnOpenPackage: as long as the device's package is open it may owe Statuses, so there are no commands,
// however many messages the Statuses of ours take.
func TestManyStatusesOfAnOpenPackage(t *testing.T) {
	each(t, func(t *testing.T, enc syncml.Encoding) {
		s := newServer(t, asks(nil, func(w *session.Writer) { w.Get("./A") }))
		d := sessiontest.NewDevice(t, s)
		d.Encoding = enc
		d.Meta.MaxMsgSize = 4096
		answers := ok(d, d.Open())
		enqueue(t, s, nil, func(b *session.Batch) { b.Get("./B") })
		var alerts []syncml.Command
		for range 100 {
			alerts = append(alerts, alert(1226, event("com.example/Topic", "chr", "x")))
		}
		require.Equal(t, []string{"Alert "}, sent(d.SendPart(alerts...)))
		for range 10 {
			require.Equal(t, []string{"Alert "}, sent(d.SendPart(alert(1222))), "S04")
		}
		require.Equal(t, []string{"Get ./B"}, sent(d.Send(answers...)))
	})
}

func TestRepeat(t *testing.T) {
	each(t, func(t *testing.T, enc syncml.Encoding) {
		synctest.Test(t, func(t *testing.T) {
			calls := 0
			s := newServer(t, session.HandlerFunc(func(w *session.Writer, r *session.Request) error {
				calls++
				if r.First {
					w.Exec("./Reboot", dmtree.Null)
				}
				return nil
			}))
			d := sessiontest.NewDevice(t, s)
			d.Encoding = enc
			m := d.Open()
			first := string(d.Body())
			d.Repeat() // S18: the same answer, nothing is executed
			require.Equal(t, first, string(d.Body()))
			require.Equal(t, 1, calls)

			d.Send(ok(d, m)...)
			last := string(d.Body())
			time.Sleep(time.Minute)
			d.Repeat() // the session is over, and its last answer may have got lost all the same
			require.Equal(t, last, string(d.Body()))
			require.Equal(t, 2, calls)

			time.Sleep(3 * time.Minute)
			want(t, d.Repeat(), `
				Status 1 2/0 SyncHdr 400
				Final`)
		})
	})
}

// TestReplay: the limit says how long the reply to a message is kept, and that none is where it is negative.
func TestReplay(t *testing.T) {
	tests := []struct {
		name   string
		limit  time.Duration
		after  time.Duration
		again  bool // the device gets the reply again
		needed time.Duration
	}{
		{"default", 0, session.DefaultReplay, true, session.DefaultReplay},
		{"default, too late", 0, session.DefaultReplay + time.Second, false, session.DefaultReplay},
		{"long", time.Hour, 5 * time.Minute, true, time.Hour},
		{"none", -1, 0, false, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := new(lastChange)
				s := newServer(t, asks(nil, func(w *session.Writer) { w.Get("./A") }))
				s.Limits.Replay, s.Store = tt.limit, store
				d := sessiontest.NewDevice(t, s)
				m := d.Open()
				d.Send(ok(d, m)...)
				require.Equal(t, tt.needed, time.Until(store.last.ReplyUntil))
				body := string(d.Body())
				time.Sleep(tt.after)
				m = d.Repeat()
				if tt.again {
					require.Equal(t, body, string(d.Body()))
				} else {
					require.Equal(t, syncml.StatusBadRequest, sessiontest.StatusOf(m, "0"))
				}
			})
		})
	}
}

// lastChange is a store that remembers what it was told last.
type lastChange struct {
	session.MemoryStore
	last session.Change
}

func (s *lastChange) Commit(ctx context.Context, device string, rev int64, c *session.Change) error {
	s.last = *c
	return s.MemoryStore.Commit(ctx, device, rev, c)
}

func TestMessageNumbers(t *testing.T) {
	tests := []struct {
		name    string
		session string
		msgID   int
		want    syncml.StatusCode
	}{
		{"next", "1", 2, 200},
		{"S19 skipped", "1", 3, 400},
		{"S19 same number, other octets", "1", 0, 400},
		{"S22 of a session that never was", "77", 2, 400},
		{"first", "1", 1, 200},
		{"first of another session", "2", 1, 200},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := sessiontest.NewDevice(t, newServer(t, asks(nil, func(w *session.Writer) { w.Get("./A") })))
			d.Open()
			d.SessionID, d.MsgID = tt.session, tt.msgID
			h := d.Header()
			m := d.Message(&syncml.Message{Header: h, Final: true, Commands: []syncml.Command{
				&syncml.Status{CmdID: "1", MsgRef: "1", CmdRef: "0", Cmd: "SyncHdr", Code: 200},
			}})
			require.Equal(t, tt.want, sessiontest.StatusOf(m, "0"), sessiontest.Outline(m))
		})
	}
}

// TestSessionIDs: what a device calls its session means nothing to the server, and may have been another's before, though
// not just now: see TestLateCopy.
func TestSessionIDs(t *testing.T) {
	each(t, func(t *testing.T, enc syncml.Encoding) {
		synctest.Test(t, func(t *testing.T) {
			d := sessiontest.NewDevice(t, newServer(t, asks(nil, func(w *session.Writer) { w.Get("./A") })))
			d.Encoding = enc
			for _, id := range []string{"0", "1", "7F", "ffff", "0x1", "zZ9-", "1", "0"} {
				d.SessionID, d.MsgID = id, 0
				m := d.Send(d.Hello()...)
				require.Equal(t, id, m.Header.SessionID)
				require.Equal(t, []string{"Get ./A"}, sent(m))
				m = d.Send(ok(d, m)...)
				require.Empty(t, sent(m), "the session is over")
				time.Sleep(time.Minute)
			}
		})
	})
}

// TestSessionsExpire: S22, a session does not wait for its device for ever.
func TestSessionsExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := sessiontest.NewDevice(t, newServer(t, asks(nil, func(w *session.Writer) { w.Get("./A") })))
		m := d.Open()
		time.Sleep(11 * time.Minute)
		want(t, d.Send(ok(d, m)...), `
			Status 1 2/0 SyncHdr 400
			Final`)
	})
}

func TestVersions(t *testing.T) {
	tests := []struct {
		name         string
		verDTD, prot string
		want         string
	}{
		{"S20 wrong VerProto", "1.2", "DM/1.1", `
			Status 1 1/0 SyncHdr 513 =DM/1.2
			Status 2 1/1 Alert 513
			Status 3 1/2 Replace 513
			Final`},
		{"S20 wrong VerDTD", "1.1", "DM/1.2", `
			Status 1 1/0 SyncHdr 505 =1.2
			Status 2 1/1 Alert 505
			Status 3 1/2 Replace 505
			Final`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			each(t, func(t *testing.T, enc syncml.Encoding) {
				d := sessiontest.NewDevice(t, newServer(t, idle))
				d.Encoding = enc
				d.SessionID, d.MsgID = "1", 1
				h := d.Header()
				h.VerDTD, h.VerProto = tt.verDTD, tt.prot
				hello := d.Hello()
				hello[0].SetID("1")
				hello[1].SetID("2")
				want(t, d.Message(&syncml.Message{Header: h, Commands: hello, Final: true}), tt.want)
			})
		})
	}
}

// TestServerHonoursRespURI: S25. Where the transport can choose, replies go where the device wants them.
func TestServerHonoursRespURI(t *testing.T) {
	each(t, func(t *testing.T, enc syncml.Encoding) {
		s := newServer(t, asks(nil, func(w *session.Writer) { w.Get("./A") }))
		body := func(msg, uri string) []byte {
			b, err := syncml.Append(nil, &syncml.Message{Header: syncml.Header{
				SessionID: "1", MsgID: msg, Target: syncml.Location{URI: "x"}, Source: syncml.Location{URI: "device-1"}, RespURI: uri,
			}, Commands: []syncml.Command{&syncml.Alert{CmdID: "1", Code: 1201}}}, &syncml.EncoderOptions{Encoding: enc})
			require.NoError(t, err)
			return b
		}
		var got []string
		for i, uri := range []string{"", "https://device.example/1", "", "https://device.example/2"} {
			r, err := s.Exchange(t.Context(), start, &session.Exchange{
				HTTP: http.Header{"Content-Type": {enc.ContentType()}}, Body: body(strconv.Itoa(i+1), uri),
			})
			require.NoError(t, err)
			got = append(got, r.URL)
		}
		require.Equal(t, []string{"", "https://device.example/1", "https://device.example/1", "https://device.example/2"}, got)
	})
}

// TestProperties: S24, a server reads and writes all eight properties of a node; what may not be written is for the device
// to refuse.
func TestProperties(t *testing.T) {
	for _, prop := range []string{"ACL", "Format", "Name", "Size", "Title", "TStamp", "Type", "VerNo"} {
		each(t, func(t *testing.T, enc syncml.Encoding) {
			u := dmtree.URI("./Vendor/MSFT/Node").WithProp(prop)
			var got []session.Result
			d := sessiontest.NewDevice(t, newServer(t, asks(&got, func(w *session.Writer) {
				w.Get(u)
				w.Replace(u, dmtree.String("new"))
			})))
			d.Encoding = enc
			m := d.Open()
			require.Equal(t, []string{"Get ./Vendor/MSFT/Node?prop=" + prop, "Replace ./Vendor/MSFT/Node?prop=" + prop}, sent(m))
			d.Send(ok(d, m)...)
			v, err := got[0].Value()
			require.NoError(t, err)
			require.Equal(t, "value", v.String())
			require.NoError(t, got[1].Err())
		})
	}
}

// TestStandardObjects: S23, S01. A server reads DevInfo, which comes by itself, and DevDetail and DMAcc, which it asks for.
func TestStandardObjects(t *testing.T) {
	each(t, func(t *testing.T, enc syncml.Encoding) {
		tree := new(dmtree.Memory)
		for u, v := range map[dmtree.URI]dmtree.Value{
			"./DevDetail/URI/MaxDepth": dmtree.String("0"), "./DevDetail/LrgObj": dmtree.Bool(true), "./DevDetail/SwV": dmtree.String("10.0"),
			"./SyncML/DMAcc/corp/ServerID": dmtree.String("mdm"), "./SyncML/DMAcc/corp/AppAddr/1/Addr": dmtree.String("https://dm.example/dm"),
		} {
			tree.Set(u, v)
		}
		got := make(map[string]string)
		p := sessiontest.New(t, session.HandlerFunc(func(w *session.Writer, r *session.Request) error {
			if r.First {
				for name, value := range r.DevInfo {
					got["./DevInfo/"+name] = value
				}
				w.Get("./DevDetail")
				w.Get("./SyncML/DMAcc")
			}
			for _, res := range r.Results {
				v, err := res.Value()
				if err != nil {
					return err
				}
				if !v.IsInterior() {
					got[string(res.URI)] = v.String()
				}
				for name := range v.Names() {
					w.Get(res.URI.Join(name))
				}
			}
			return nil
		}), tree)
		p.Client.Encoding = enc
		p.Run(t.Context())
		require.Equal(t, "device-1", got["./DevInfo/DevId"])
		require.Equal(t, "10.0", got["./DevDetail/SwV"])
		require.Equal(t, "true", got["./DevDetail/LrgObj"])
		require.Equal(t, "0", got["./DevDetail/URI/MaxDepth"])
		require.Equal(t, "https://dm.example/dm", got["./SyncML/DMAcc/corp/AppAddr/1/Addr"], p.Trace())
	})
}

// TestFloods: what one device sends without end costs a bounded amount, and others nothing.
func TestFloods(t *testing.T) {
	t.Run("sessions of one device", func(t *testing.T) {
		store := new(session.MemoryStore)
		s := newServer(t, asks(nil, func(w *session.Writer) {
			for i := range 20 {
				w.Get(dmtree.URI("./A").Join(strconv.Itoa(i)))
			}
		}))
		s.Store, s.Logger = store, quiet()
		d := sessiontest.NewDevice(t, s)
		size := 0
		for i := range 200 {
			d.Open()
			if r, err := store.Load(t.Context(), d.ID, time.Now(), 1); err != nil {
				t.Fatal(err)
			} else if size = max(size, len(r.State)+len(r.Reply)); i == 20 {
				defer func(first int) { require.LessOrEqual(t, size, first+first/10) }(size)
			}
		}
	})
	t.Run("sessions of many users", func(t *testing.T) {
		store := new(session.MemoryStore)
		s := newServer(t, nil)
		user := 0
		s.Auth = auth.AuthenticatorFunc(func(_ context.Context, r *auth.Request) (*auth.Result, error) {
			return &auth.Result{Identity: &auth.Identity{Device: r.Message.Source.URI, User: strconv.Itoa(user)}}, nil
		})
		s.Store, s.Logger = store, quiet()
		d := sessiontest.NewDevice(t, s)
		for user = range 200 {
			d.Open(alert(1224, event("com.microsoft.mdm.synctype", "chr", "user")))
		}
		r, err := store.Load(t.Context(), d.ID, time.Now(), 1)
		require.NoError(t, err)
		require.Less(t, len(r.State)+len(r.Reply), 64<<10)
	})
	// What one session makes a server keep is bounded, however long it goes on.
	for _, flood := range []struct {
		name string
		send func(d *sessiontest.Device, get, exec syncml.Command, n int) []syncml.Command // without Final
		max  int                                                                           // bytes of the record
		want session.Result                                                                // of the Get
	}{
		{"requests for the next message", func(*sessiontest.Device, syncml.Command, syncml.Command, int) []syncml.Command {
			return []syncml.Command{alert(1222)}
		}, 4 << 10, session.Result{}},
		{"Results of one Get", func(d *sessiontest.Device, get, _ syncml.Command, _ int) []syncml.Command {
			return []syncml.Command{&syncml.Results{MsgRef: "1", CmdRef: get.ID(), Items: []syncml.Item{{
				Source: syncml.Location{URI: "./A"}, Data: syncml.Text(strings.Repeat("x", 10_000))}}}}
		}, 80 << 10, session.Result{Status: 413}},
		{"nodes without a value", func(d *sessiontest.Device, get, _ syncml.Command, _ int) []syncml.Command {
			r := &syncml.Results{MsgRef: "1", CmdRef: get.ID()}
			for range 400 {
				r.Items = append(r.Items, syncml.Item{Source: syncml.Location{URI: "./A"}, Data: syncml.Text("")})
			}
			return []syncml.Command{r}
		}, 80 << 10, session.Result{Status: 413}},
		{"pieces of one object", func(d *sessiontest.Device, get, _ syncml.Command, n int) []syncml.Command {
			size := int64(0)
			if n == 0 {
				size = 50_000
			}
			return []syncml.Command{chunk(get, "./A", size, "x", true)}
		}, 4 << 10, session.Result{}},
		{"pieces without anything", func(d *sessiontest.Device, get, _ syncml.Command, n int) []syncml.Command {
			return []syncml.Command{chunk(get, "./A", map[bool]int64{true: 50_000}[n == 0], "", true)}
		}, 4 << 10, session.Result{}},
		{"objects that are begun", func(d *sessiontest.Device, get, _ syncml.Command, n int) []syncml.Command {
			return []syncml.Command{chunk(get, "./A/"+strconv.Itoa(n), 50_000, strings.Repeat("x", 1000), true)}
		}, 8 << 10, session.Result{}},
		{"objects larger than any", func(d *sessiontest.Device, get, _ syncml.Command, n int) []syncml.Command {
			return []syncml.Command{chunk(get, "./A", 1<<40, "x", true)}
		}, 4 << 10, session.Result{}},
		{"alerts, answered in small messages", func(d *sessiontest.Device, _, _ syncml.Command, _ int) (l []syncml.Command) {
			d.Meta.MaxMsgSize = 2048
			for range 400 {
				l = append(l, alert(1221))
			}
			return l
		}, 80 << 10, session.Result{}},
		{"Statuses that say nothing yet", func(d *sessiontest.Device, get, exec syncml.Command, _ int) []syncml.Command {
			st := &syncml.Status{MsgRef: "1", CmdRef: exec.ID(), Cmd: "Exec", Code: 101, Items: []syncml.Item{{Data: syncml.Text(strings.Repeat("x", 5000))}}}
			return []syncml.Command{st}
		}, 16 << 10, session.Result{}},
		{"Statuses of the same", func(d *sessiontest.Device, get, exec syncml.Command, _ int) (l []syncml.Command) {
			for range 400 {
				l = append(l, &syncml.Status{MsgRef: "1", CmdRef: exec.ID(), Cmd: "Exec", Code: 200})
			}
			return l
		}, 4 << 10, session.Result{}},
		{"who the device is", func(d *sessiontest.Device, get, exec syncml.Command, n int) (l []syncml.Command) {
			r := new(syncml.Replace)
			for i := range 100 {
				r.Items = append(r.Items, syncml.Item{Source: syncml.Location{URI: fmt.Sprintf("./DevInfo/N%d-%d", n, i)}, Data: syncml.Text("x")})
			}
			return []syncml.Command{r}
		}, 8 << 10, session.Result{}},
	} {
		t.Run(flood.name, func(t *testing.T) {
			each(t, func(t *testing.T, enc syncml.Encoding) {
				store := new(session.MemoryStore)
				var got []session.Result
				s := newServer(t, asks(&got, func(w *session.Writer) {
					w.Get("./A")
					w.Exec("./B", dmtree.Null)
				}))
				s.Store, s.Logger = store, quiet()
				s.Limits = session.Limits{Messages: 60, Object: 100_000, Answers: 64 << 10, Items: 500}
				d := sessiontest.NewDevice(t, s)
				d.Encoding = enc
				c := sessiontest.Commands(d.Open())
				aborted := false
				for n := 0; !aborted; n++ {
					require.Less(t, n, 61)
					m := d.SendPart(flood.send(d, c[0], c[1], n)...)
					for _, cmd := range sessiontest.Commands(m) {
						a, ok := cmd.(*syncml.Alert)
						require.True(t, ok, "S04: %s", cmd.Name())
						aborted = aborted || a.Code == syncml.AlertAbort
					}
					r, err := store.Load(t.Context(), d.ID, time.Now(), 1)
					require.NoError(t, err)
					require.LessOrEqual(t, len(r.State), flood.max)
				}
				d.Meta = syncml.Meta{}
				d.Open() // what is left of that session is no more than what was out
				r, err := store.Load(t.Context(), d.ID, time.Now(), 1)
				require.NoError(t, err)
				require.Less(t, len(r.State), 4<<10)
				if flood.want.Status != 0 {
					require.Equal(t, flood.want.Status, got[0].Status)
				}
				other := sessiontest.NewDevice(t, s)
				other.ID = "device-2"
				require.EqualValues(t, 200, sessiontest.StatusOf(other.Open(), "0"))
			})
		})
	}
	t.Run("news for a handler that fails", func(t *testing.T) {
		store := new(session.MemoryStore)
		s := newServer(t, session.HandlerFunc(func(w *session.Writer, r *session.Request) error { return errors.New("always") }))
		s.Store, s.Logger = store, quiet()
		d := sessiontest.NewDevice(t, s)
		var alerts []syncml.Command
		for range 1500 {
			alerts = append(alerts, alert(1226, event("x", "chr", "y")))
		}
		for range 10 {
			for _, a := range alerts {
				a.SetID("")
			}
			d.Open(alerts...)
		}
		r, err := store.Load(t.Context(), d.ID, time.Now(), 1)
		require.NoError(t, err)
		require.Less(t, len(r.State), 2<<20)
	})
	t.Run("large news for a handler that fails", func(t *testing.T) {
		store := new(session.MemoryStore)
		failing, heard := true, []string(nil)
		s := newServer(t, session.HandlerFunc(func(w *session.Writer, r *session.Request) error {
			if failing {
				return errors.New("not yet")
			}
			for _, a := range r.Alerts {
				heard = append(heard, a.Type)
			}
			return nil
		}))
		s.Store, s.Logger, s.Limits = store, quiet(), session.Limits{Answers: 30_000, Message: 25_000}
		d := sessiontest.NewDevice(t, s)
		for n := range 20 {
			d.Open(alert(1226, event("n"+strconv.Itoa(n), "chr", strings.Repeat("x", 20_000))))
			r, err := store.Load(t.Context(), d.ID, time.Now(), 1)
			require.NoError(t, err)
			require.Less(t, len(r.State), 2*30_000+25_000)
		}
		failing = false
		d.Open()
		require.Equal(t, []string{"n16", "n17", "n18", "n19"}, heard, "the last ones")
	})
}
