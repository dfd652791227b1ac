package session_test

import (
	"bytes"
	"context"
	"encoding/base32"
	"errors"
	"fmt"
	"net/http"
	"slices"
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

// enqueue queues what fill writes for device-1.
func enqueue(t *testing.T, s *session.Server, opts *session.EnqueueOptions, fill func(b *session.Batch)) []session.WorkID {
	t.Helper()
	b := new(session.Batch)
	fill(b)
	ids, err := s.Queue().Enqueue(t.Context(), "device-1", b, opts)
	require.NoError(t, err)
	require.Len(t, ids, b.Len())
	return ids
}

// state renders a piece of work: "waiting", or its status and outcome.
func state(t *testing.T, s *session.Server, id session.WorkID) string {
	t.Helper()
	w, err := s.Queue().Work(t.Context(), id)
	require.NoError(t, err)
	if w.Result == nil {
		return w.Status.String()
	}
	if w.Result.Unknown {
		return "done unknown"
	}
	return fmt.Sprintf("%s %d", w.Status, int(w.Result.Status))
}

func sent(m *syncml.Message) (l []string) {
	for _, c := range sessiontest.Commands(m) {
		l = append(l, c.Name()+" "+target(c))
	}
	return l
}

func target(c syncml.Command) string {
	switch c := c.(type) {
	case *syncml.Get:
		return c.Items[0].Target.URI
	case *syncml.Add:
		return c.Items[0].Target.URI
	case *syncml.Replace:
		return c.Items[0].Target.URI
	case *syncml.Delete:
		return c.Items[0].Target.URI
	case *syncml.Exec:
		return c.Items[0].Target.URI
	}
	return ""
}

func TestQueue(t *testing.T) {
	each(t, func(t *testing.T, enc syncml.Encoding) {
		s := newServer(t, nil)
		ids := enqueue(t, s, nil, func(b *session.Batch) {
			b.Get("./DevDetail/SwV").Label("build")
			b.Atomic(func(b *session.Batch) {
				b.Replace("./A", dmtree.Int(1))
				b.Replace("./B", dmtree.Int(2)).Label("culprit")
				b.Replace("./C", dmtree.Int(3))
			}).Label("lockdown")
		})
		urgent := enqueue(t, s, &session.EnqueueOptions{Priority: 9}, func(b *session.Batch) { b.Delete("./X") })
		require.Equal(t, "waiting", state(t, s, ids[0]))

		d := sessiontest.NewDevice(t, s)
		d.Encoding = enc
		m := d.Open()
		want(t, m, `
			Status 1 1/0 SyncHdr 200
			Status 2 1/1 Alert 200
			Status 3 1/2 Replace 200
			Delete 4 ./X
			Get 5 ./DevDetail/SwV
			Atomic 6
			  Replace 7 ./A=1
			  Replace 8 ./B=2
			  Replace 9 ./C=3
			Final`)
		require.Equal(t, "leased", state(t, s, ids[0]))

		c := sessiontest.Commands(m)
		atomic := c[2].(*syncml.Atomic)
		want(t, d.Send(
			d.Status(c[0], 200), d.Status(c[1], 200), d.Results(c[1], "10.0"), d.Status(atomic, 507),
			d.Status(atomic.Commands[0], 216), d.Status(atomic.Commands[1], 405), d.Status(atomic.Commands[2], 215),
		), `
			Status 1 2/0 SyncHdr 200
			Final`)
		require.Equal(t, []string{"done 200", "done 200", "done 507"},
			[]string{state(t, s, urgent[0]), state(t, s, ids[0]), state(t, s, ids[1])})

		r, err := s.Queue().Wait(t.Context(), ids[0])
		require.NoError(t, err)
		v, err := r.Value()
		require.NoError(t, err)
		require.Equal(t, []string{"10.0", "build", string(ids[0])}, []string{v.String(), r.Label, r.ID})

		r, err = s.Queue().Wait(t.Context(), ids[1])
		require.NoError(t, err)
		require.Len(t, r.Children, 3)
		require.Equal(t, []bool{false, true, false}, []bool{r.Children[0].Blamed, r.Children[1].Blamed, r.Children[2].Blamed})
		require.EqualError(t, r.Children[1].Err(), "session: ./B: status 405 Command not allowed")
		require.Equal(t, "culprit", r.Children[1].Label)

		want(t, d.Open(), `
			Status 1 1/0 SyncHdr 200
			Status 2 1/1 Alert 200
			Status 3 1/2 Replace 200
			Final`)
	})
}

func TestQueueOptions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, nil)
		d := sessiontest.NewDevice(t, s)
		later := enqueue(t, s, &session.EnqueueOptions{NotBefore: time.Now().Add(time.Hour)}, func(b *session.Batch) { b.Get("./Later") })
		over := enqueue(t, s, &session.EnqueueOptions{Expires: time.Now().Add(time.Minute)}, func(b *session.Batch) { b.Get("./Over") })
		keyed := func() session.WorkID {
			return enqueue(t, s, &session.EnqueueOptions{Key: "update 7"}, func(b *session.Batch) { b.Get("./Keyed") })[0]
		}
		require.Equal(t, keyed(), keyed(), "an idempotency key names the work")
		time.Sleep(30 * time.Minute)
		m := d.Open()
		require.Equal(t, []string{"Get ./Keyed"}, sent(m))
		require.Equal(t, "done 514", state(t, s, over[0]))
		d.Send(ok(d, m)...)
		require.Equal(t, "done 200", state(t, s, keyed()), "work that is done is not queued again")
		time.Sleep(30 * time.Minute)
		require.Equal(t, []string{"Get ./Later"}, sent(d.Open()))
		require.Equal(t, "leased", state(t, s, later[0]))

		_, err := s.Queue().Enqueue(t.Context(), "device-1", new(session.Batch), &session.EnqueueOptions{Priority: 1 << 20})
		require.ErrorContains(t, err, "want -32768 to 32767")
		bad := new(session.Batch)
		bad.Get("/etc/passwd")
		_, err = s.Queue().Enqueue(t.Context(), "device-1", bad, nil)
		require.ErrorIs(t, err, dmtree.ErrURI)
	})
}

func TestQueueCancelAndRequeue(t *testing.T) {
	s := newServer(t, nil)
	q := s.Queue()
	ids := enqueue(t, s, nil, func(b *session.Batch) {
		b.Get("./A").Label("a")
		b.Get("./B")
	})
	w, err := q.Cancel(t.Context(), ids[0])
	require.NoError(t, err)
	require.Equal(t, session.WorkCancelled, w.Status)
	_, err = q.Wait(t.Context(), ids[0])
	require.ErrorIs(t, err, session.ErrCancelled)

	d := sessiontest.NewDevice(t, s)
	m := d.Open()
	require.Equal(t, []string{"Get ./B"}, sent(m))
	w, err = q.Cancel(t.Context(), ids[1])
	require.NoError(t, err)
	require.Equal(t, session.WorkLeased, w.Status, "it has been sent")
	d.Send(ok(d, m)...)

	for _, id := range ids {
		_, err = q.Requeue(t.Context(), id)
		require.NoError(t, err)
	}
	var list []string
	for w, err := range q.List(t.Context(), "device-1") {
		require.NoError(t, err)
		list = append(list, fmt.Sprint(w.Command, w.URI, w.Label, w.Status))
	}
	require.Equal(t, []string{"Get./Aawaiting", "Get./Bwaiting"}, list)
	require.Equal(t, []string{"Get ./A", "Get ./B"}, sent(d.Open()))
	_, err = q.Work(t.Context(), "nothing")
	require.ErrorIs(t, err, session.ErrNoWork)
}

func TestQueueWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, nil)
		ids := enqueue(t, s, nil, func(b *session.Batch) { b.Get("./A") })
		type outcome struct {
			r   *session.Result
			err error
		}
		got := make(chan outcome, 2)
		wait := func(q *session.Queue) { r, err := q.Wait(t.Context(), ids[0]); got <- outcome{r, err} }
		go wait(s.Queue())
		go wait(session.NewQueue(s.Queue().Store())) // as in another process
		time.Sleep(time.Minute)
		d := sessiontest.NewDevice(t, s)
		d.Send(ok(d, d.Open())...)
		for range 2 {
			o := <-got
			require.NoError(t, o.err)
			require.EqualValues(t, 200, o.r.Status)
		}

		ctx, cancel := context.WithCancelCause(t.Context())
		gone := errors.New("nobody cares any more")
		cancel(gone)
		_, err := s.Queue().Wait(ctx, enqueue(t, s, nil, func(b *session.Batch) { b.Get("./A") })[0])
		require.ErrorIs(t, err, gone)
	})
}

// tokens trusts every device, and takes the token of HTTP for the name of whoever is signed in.
type tokens struct{ sessiontest.Trust }

func (tokens) Authenticate(ctx context.Context, r *auth.Request) (*auth.Result, error) {
	res, err := sessiontest.Trust{}.Authenticate(ctx, r)
	res.Identity.User = strings.TrimPrefix(r.HTTP.Get("Authorization"), "Bearer ")
	return res, err
}

func login(v string) *syncml.Alert {
	return alert(1224, event("com.microsoft/MDM/LoginStatus", "chr", v))
}

func syncType(v string) *syncml.Alert {
	return alert(1224, event("com.microsoft.mdm.synctype", "chr", v))
}

// TestUserWork: work for a user waits until that one is signed in (MS-MDM, LoginStatus and session modes).
func TestUserWork(t *testing.T) {
	const device, enrolled, ada, bob = "Get ./Device/A", "Get ./User/A Get ./Device/B", "Get ./User/Ada Get ./Device/Ada", "Get ./User/Bob"
	tests := []struct {
		name   string
		token  string
		alerts []syncml.Command
		want   []string
	}{
		{"nobody is signed in", "", []syncml.Command{login("none")}, []string{device}},
		{"nobody is, whatever the token", "ada", []syncml.Command{login("none")}, []string{device}},
		{"somebody else is", "ada", []syncml.Command{login("others")}, []string{device}},
		{"nothing is said", "ada", nil, []string{device}},
		{"a user is, whose name is not known", "", []syncml.Command{login("User")}, []string{device, enrolled}},
		{"Ada is", "ada", []syncml.Command{login("user")}, []string{device, enrolled, ada}},
		{"Ada is, spelled otherwise", "Ada", []syncml.Command{login("user")}, []string{device, enrolled, ada}},
		{"Bob is", "bob", []syncml.Command{login("user")}, []string{device, enrolled, bob}},
		{"Carol is", "carol", []syncml.Command{login("user")}, []string{device, enrolled}},
		{"who calls himself like no one", session.EnrolledUser, []syncml.Command{login("user")}, []string{device, enrolled}},
		{"session of a user", "", []syncml.Command{syncType("user")}, []string{enrolled}},
		{"session of Ada", "ada", []syncml.Command{syncType("user")}, []string{enrolled, ada}},
		{"session of Bob", "bob", []syncml.Command{syncType("user")}, []string{enrolled, bob}},
		{"session of the device", "ada", []syncml.Command{login("user"), syncType("device")}, []string{device}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			each(t, func(t *testing.T, e syncml.Encoding) {
				s := newServer(t, nil)
				s.Auth = tokens{}
				get := func(user string, nodes ...dmtree.URI) {
					enqueue(t, s, &session.EnqueueOptions{User: user}, func(b *session.Batch) {
						for _, u := range nodes {
							b.Get(u)
						}
					})
				}
				get("", "./User/A", "./Device/A")
				get(session.EnrolledUser, "./Device/B")
				get("ada", "./User/Ada", "./Device/Ada")
				get("bob", "./User/Bob")
				d := sessiontest.NewDevice(t, s)
				d.Encoding, d.HTTP = e, http.Header{"Authorization": {"Bearer " + tt.token}}
				got := sent(d.Open(tt.alerts...))
				slices.Sort(got)
				want := strings.Split(strings.ReplaceAll(strings.Join(tt.want, " "), " Get", "|Get"), "|")
				slices.Sort(want)
				require.Equal(t, want, got)
			})
		})
	}
}

// TestUserLeaves: what has been sent to a user is not sent again to the next one, nor to nobody.
func TestUserLeaves(t *testing.T) {
	s := newServer(t, nil)
	s.Auth = tokens{}
	ids := enqueue(t, s, &session.EnqueueOptions{User: "ada"}, func(b *session.Batch) { b.Replace("./User/A", dmtree.Int(1)) })
	d := sessiontest.NewDevice(t, s)
	as := func(user, status string) []string {
		d.HTTP = http.Header{"Authorization": {"Bearer " + user}}
		return sent(d.Open(login(status)))
	}
	require.Equal(t, []string{"Replace ./User/A"}, as("ada", "user"))
	require.Equal(t, "leased", state(t, s, ids[0]))
	require.Empty(t, as("ada", "none"))
	require.Empty(t, as("bob", "user"))
	require.Empty(t, as("", "user"))
	require.Equal(t, []string{"Replace ./User/A"}, as("ada", "user"), "it is hers still")
}

// TestUserSessions: those of two users do not mix.
func TestUserSessions(t *testing.T) {
	s := newServer(t, nil)
	s.Auth = tokens{}
	open := func(user string) *sessiontest.Device {
		d := sessiontest.NewDevice(t, s)
		d.HTTP = http.Header{"Authorization": {"Bearer " + user}}
		return d
	}
	work := func(user string) {
		enqueue(t, s, &session.EnqueueOptions{User: user}, func(b *session.Batch) { b.Delete(dmtree.URI("./User").Join(user)) })
	}
	work("ada")
	work("bob")
	ada, bob, carol := open("ada"), open("bob"), open("carol")
	a := ada.Open(syncType("user"))
	b := bob.Open(syncType("user"))
	require.Equal(t, []string{"Delete ./User/ada"}, sent(a))
	require.Equal(t, []string{"Delete ./User/bob"}, sent(b), "a session beside hers, of the same number, that began with the same octets")
	require.Equal(t, sent(a), sent(ada.Repeat()))
	require.Equal(t, sent(b), sent(bob.Repeat()))
	require.Empty(t, sent(carol.Open(syncType("user"))))
	work("ada")
	work("bob")
	require.Equal(t, []string{"Delete ./User/bob"}, sent(bob.Send(ok(bob, b)...)))
	carol.SessionID, carol.MsgID = ada.SessionID, ada.MsgID
	require.EqualValues(t, 400, sessiontest.StatusOf(carol.Send(), "0"))
	require.Equal(t, []string{"Delete ./User/ada"}, sent(ada.Send(ok(ada, a)...)))
}

// TestUserOfMixedSession: another user's message is no repetition of hers, though its octets be the same.
func TestUserOfMixedSession(t *testing.T) {
	s := newServer(t, nil)
	s.Auth = tokens{}
	enqueue(t, s, &session.EnqueueOptions{User: "ada"}, func(b *session.Batch) { b.Replace("./User/A", dmtree.String("hers")) })
	d := sessiontest.NewDevice(t, s)
	d.HTTP = http.Header{"Authorization": {"Bearer ada"}}
	require.Equal(t, []string{"Replace ./User/A"}, sent(d.Open(login("user"))))
	d.HTTP.Set("Authorization", "Bearer bob")
	require.Empty(t, sent(d.Repeat()))
}

// TestSet: a Set takes the other way once when the device says that the first was wrong.
func TestSet(t *testing.T) {
	tests := []struct {
		name    string
		value   dmtree.Value
		answers []syncml.StatusCode
		sent    []string
		want    syncml.StatusCode
	}{
		{"there", dmtree.Int(1), []syncml.StatusCode{200}, []string{"Replace ./A"}, 200},
		{"not there", dmtree.Int(1), []syncml.StatusCode{404, 200}, []string{"Replace ./A", "Add ./A"}, 200},
		{"neither", dmtree.Int(1), []syncml.StatusCode{404, 405}, []string{"Replace ./A", "Add ./A"}, 405},
		{"made in between", dmtree.Int(1), []syncml.StatusCode{404, 418}, []string{"Replace ./A", "Add ./A"}, 418},
		{"refused", dmtree.Int(1), []syncml.StatusCode{425}, []string{"Replace ./A"}, 425},
		{"interior", dmtree.Interior(), []syncml.StatusCode{200}, []string{"Add ./A"}, 200},
		{"interior that is there", dmtree.Interior(), []syncml.StatusCode{418}, []string{"Add ./A"}, 200},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			each(t, func(t *testing.T, enc syncml.Encoding) {
				var got []session.Result
				d := sessiontest.NewDevice(t, newServer(t, asks(&got, func(w *session.Writer) { w.Set("./A", tt.value) })))
				d.Encoding = enc
				m := d.Open()
				var all []string
				for _, code := range tt.answers {
					all = append(all, sent(m)...)
					m = d.Send(d.Status(sessiontest.Commands(m)[0], code))
				}
				require.Empty(t, sent(m))
				require.Equal(t, tt.sent, all)
				require.Len(t, got, 1)
				require.Equal(t, "Set", got[0].Command)
				require.Equal(t, tt.want, got[0].Status)
			})
		})
	}
}

// TestSetKnows: what the device has just said about a node decides what a Set tries first.
func TestSetKnows(t *testing.T) {
	for _, test := range []struct {
		name   string
		ask    func(w *session.Writer)
		answer []syncml.StatusCode
		want   string
	}{
		{"it is there", func(w *session.Writer) { w.Get("./A") }, []syncml.StatusCode{200}, "Replace ./A"},
		{"a node of the device is not", func(w *session.Writer) { w.Get("./Device/a") }, []syncml.StatusCode{404}, "Replace ./A"},
		{"it is not, spelled otherwise", func(w *session.Writer) { w.Get("./a") }, []syncml.StatusCode{404}, "Add ./A"},
		{"deleted", func(w *session.Writer) { w.Delete("./A") }, []syncml.StatusCode{200}, "Add ./A"},
		{"not there to be deleted", func(w *session.Writer) { w.Delete("./A") }, []syncml.StatusCode{404}, "Add ./A"},
		{"not deleted", func(w *session.Writer) { w.Delete("./A") }, []syncml.StatusCode{405}, "Replace ./A"},
		{"added since", func(w *session.Writer) { w.Get("./A"); w.Add("./A", dmtree.Int(1)) }, []syncml.StatusCode{404, 200}, "Replace ./A"},
		{"not added since", func(w *session.Writer) { w.Get("./A"); w.Add("./A", dmtree.Int(1)) }, []syncml.StatusCode{404, 405}, "Add ./A"},
		{"another is not there", func(w *session.Writer) { w.Get("./B") }, []syncml.StatusCode{404}, "Replace ./A"},
	} {
		t.Run(test.name, func(t *testing.T) {
			each(t, func(t *testing.T, enc syncml.Encoding) {
				set := session.HandlerFunc(func(w *session.Writer, r *session.Request) error {
					if r.First {
						test.ask(w)
					} else if len(r.Results) > 1 || len(r.Results) == 1 && r.Results[0].Command != "Set" {
						w.Set("./A", dmtree.Int(1))
					}
					return nil
				})
				d := sessiontest.NewDevice(t, newServer(t, session.Handlers{"h": set}))
				d.Encoding = enc
				m := d.Open()
				var answers []syncml.Command
				for i, c := range sessiontest.Commands(m) {
					answers = append(answers, d.Status(c, test.answer[i]))
					if g, ok := c.(*syncml.Get); ok && test.answer[i] == 200 {
						answers = append(answers, d.Results(g, "1"))
					}
				}
				m = d.Send(answers...)
				require.Equal(t, []string{test.want}, sent(m))
				if test.want == "Add ./A" { // and the other way all the same
					m = d.Send(d.Status(sessiontest.Commands(m)[0], 418))
					require.Equal(t, []string{"Replace ./A"}, sent(m))
				}
				require.Empty(t, sent(d.Send(ok(d, m)...)))
			})
		})
	}
}

// TestUnknownOutcome: a session that dies with commands out (design: delivery).
func TestUnknownOutcome(t *testing.T) {
	tests := []struct {
		name    string
		fill    func(b *session.Batch)
		sent    []string            // in the next session
		answers []syncml.StatusCode // one for each message
		again   []string            // what that answer brings
		want    string
	}{
		{"Get", func(b *session.Batch) { b.Get("./A") }, []string{"Get ./A"}, []syncml.StatusCode{200}, nil, "done 200"},
		{"Replace", func(b *session.Batch) { b.Replace("./A", dmtree.Int(1)) }, []string{"Replace ./A"}, []syncml.StatusCode{200}, nil, "done 200"},
		{"Add that had not been done", func(b *session.Batch) { b.Add("./A", dmtree.Int(1)) }, []string{"Add ./A"}, []syncml.StatusCode{200}, nil, "done 200"},
		{"Add that had been done", func(b *session.Batch) { b.Add("./A", dmtree.Int(1)) }, []string{"Add ./A"}, []syncml.StatusCode{418, 200}, []string{"Replace ./A"}, "done 200"},
		{"Add of an interior node", func(b *session.Batch) { b.Add("./A", dmtree.Interior()) }, []string{"Add ./A"}, []syncml.StatusCode{418}, nil, "done 200"},
		{"Delete that had been done", func(b *session.Batch) { b.Delete("./A") }, []string{"Delete ./A"}, []syncml.StatusCode{404}, nil, "done 200"},
		{"Delete that fails", func(b *session.Batch) { b.Delete("./A") }, []string{"Delete ./A"}, []syncml.StatusCode{405}, nil, "done 405"},
		{"Copy that had not been done", func(b *session.Batch) { b.Copy("./A", "./B") }, []string{"Copy "}, []syncml.StatusCode{200}, nil, "done 200"},
		{"Copy that may have been done", func(b *session.Batch) { b.Copy("./A", "./B") }, []string{"Copy "}, []syncml.StatusCode{418}, nil, "done unknown"},
		{"Exec", func(b *session.Batch) { b.Exec("./A", dmtree.Null) }, nil, nil, nil, "done unknown"},
		{"Sequence with an Exec", func(b *session.Batch) {
			b.Sequence(func(b *session.Batch) { b.Exec("./A", dmtree.Null) })
		}, nil, nil, nil, "done unknown"},
		{"Exec with a probe", func(b *session.Batch) { b.Exec("./A", dmtree.Null).Probe("./A/Status") }, []string{"Get ./A/Status"}, []syncml.StatusCode{200}, nil, "done unknown"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			each(t, func(t *testing.T, enc syncml.Encoding) {
				s := newServer(t, nil)
				ids := enqueue(t, s, nil, tt.fill)
				d := sessiontest.NewDevice(t, s)
				d.Encoding = enc
				require.Len(t, sessiontest.Commands(d.Open()), 1)
				m := d.Open() // the device has rebooted
				require.Equal(t, tt.sent, sent(m))
				for i, code := range tt.answers {
					c := sessiontest.Commands(m)[0]
					answers := []syncml.Command{d.Status(c, code)}
					if c.Name() == "Get" {
						answers = append(answers, d.Results(c, "7"))
					}
					m = d.Send(answers...)
					if i == 0 {
						require.Equal(t, tt.again, sent(m))
					}
				}
				require.Equal(t, tt.want, state(t, s, ids[0]))
				if tt.name == "Exec with a probe" {
					w, err := s.Queue().Work(t.Context(), ids[0])
					require.NoError(t, err)
					require.Equal(t, "Exec", w.Result.Command)
					for u, v := range w.Result.Values() {
						require.Equal(t, "./A/Status=7", string(u)+"="+v.String())
					}
				}
			})
		})
	}

	t.Run("not for ever", func(t *testing.T) {
		s := newServer(t, nil)
		ids := enqueue(t, s, nil, func(b *session.Batch) { b.Get("./A") })
		d := sessiontest.NewDevice(t, s)
		for i := range 3 {
			require.Len(t, sent(d.Open()), 1, "session %d", i)
		}
		require.Empty(t, sent(d.Open()))
		require.Equal(t, "done unknown", state(t, s, ids[0]))
	})

	// What a command has left behind in the session that died makes it fail in the next one.
	t.Run("several in one", func(t *testing.T) {
		fill := func(b *session.Batch) {
			b.Replace("./A", dmtree.Int(1))
			b.Add("./B", dmtree.Int(2))
			b.Delete("./C")
		}
		for _, tt := range []struct {
			name     string
			fill     func(b *session.Batch)
			answers  []syncml.StatusCode // of the container and its children, in the second session
			want     string
			children string
		}{
			{"Atomic that had not been done", func(b *session.Batch) { b.Atomic(fill) },
				[]syncml.StatusCode{200, 200, 200, 200}, "done 200", "200 200 200"},
			{"Atomic that had been done", func(b *session.Batch) { b.Atomic(fill) },
				[]syncml.StatusCode{507, 216, 418, 215}, "done unknown", "216 418 215"},
			{"Atomic of which the Delete shows it", func(b *session.Batch) { b.Atomic(fill) },
				[]syncml.StatusCode{507, 216, 216, 404}, "done unknown", "216 216 404"},
			{"Atomic that fails", func(b *session.Batch) { b.Atomic(fill) },
				[]syncml.StatusCode{507, 216, 405, 215}, "done 507", "216 405! 215"},
			{"Atomic that fails, and nobody is to blame", func(b *session.Batch) { b.Atomic(fill).FindCulprit() },
				[]syncml.StatusCode{507, 216, 216, 216}, "done unknown", "216 216 216"},
			{"Sequence that had been done", func(b *session.Batch) { b.Sequence(fill) },
				[]syncml.StatusCode{200, 200, 418, 404}, "done unknown", "200 418? 200"},
			{"Sequence that had been done, of nodes", func(b *session.Batch) {
				b.Sequence(func(b *session.Batch) { b.Add("./B", dmtree.Interior()) })
			}, []syncml.StatusCode{200, 418}, "done 200", "200"},
		} {
			t.Run(tt.name, func(t *testing.T) {
				each(t, func(t *testing.T, enc syncml.Encoding) {
					s := newServer(t, nil)
					ids := enqueue(t, s, nil, tt.fill)
					d := sessiontest.NewDevice(t, s)
					d.Encoding = enc
					d.Open()
					c := sessiontest.Commands(d.Open())[0]
					answers := []syncml.Command{d.Status(c, tt.answers[0])}
					var children []syncml.Command
					switch c := c.(type) {
					case *syncml.Atomic:
						children = c.Commands
					case *syncml.Sequence:
						children = c.Commands
					}
					for i, c := range children {
						answers = append(answers, d.Status(c, tt.answers[i+1]))
					}
					require.Empty(t, sent(d.Send(answers...)))
					require.Equal(t, tt.want, state(t, s, ids[0]))
					w, err := s.Queue().Work(t.Context(), ids[0])
					require.NoError(t, err)
					var got []string
					for _, r := range w.Result.Children {
						s := strconv.Itoa(int(r.Status))
						if r.Unknown {
							s += "?"
						}
						if r.Blamed {
							s += "!"
						}
						got = append(got, s)
					}
					require.Equal(t, tt.children, strings.Join(got, " "))
				})
			})
		}
	})

	t.Run("Set that was being tried as Add", func(t *testing.T) {
		each(t, func(t *testing.T, enc syncml.Encoding) {
			s := newServer(t, nil)
			ids := enqueue(t, s, nil, func(b *session.Batch) { b.Set("./A", dmtree.Int(1)) })
			d := sessiontest.NewDevice(t, s)
			d.Encoding = enc
			m := d.Send(d.Status(sessiontest.Commands(d.Open())[0], 404))
			require.Equal(t, []string{"Add ./A"}, sent(m))
			m = d.Open()
			require.Equal(t, []string{"Add ./A"}, sent(m))
			m = d.Send(d.Status(sessiontest.Commands(m)[0], 418))
			require.Equal(t, []string{"Replace ./A"}, sent(m))
			d.Send(ok(d, m)...)
			require.Equal(t, "done 200", state(t, s, ids[0]))
		})
	})

	t.Run("the device does not know", func(t *testing.T) {
		each(t, func(t *testing.T, enc syncml.Encoding) {
			s := newServer(t, nil)
			ids := enqueue(t, s, nil, func(b *session.Batch) {
				b.Exec("./A", dmtree.Null)
				b.Atomic(func(b *session.Batch) { b.Replace("./B", dmtree.Int(1)) })
				b.Exec("./C", dmtree.Null)
			})
			d := sessiontest.NewDevice(t, s)
			d.Encoding = enc
			c := sessiontest.Commands(d.Open())
			status := func(c syncml.Command, text string) *syncml.Status {
				st := d.Status(c, 500)
				st.Items = []syncml.Item{{Data: syncml.Text(text)}}
				return st
			}
			atomic := c[1].(*syncml.Atomic)
			d.Send(status(c[0], "outcome unknown"), status(atomic, "outcome unknown"), status(atomic.Commands[0], "outcome unknown"),
				status(c[2], "it is broken"))
			require.Equal(t, []string{"done unknown", "done unknown", "done 500"}, []string{state(t, s, ids[0]), state(t, s, ids[1]), state(t, s, ids[2])})
			w, err := s.Queue().Work(t.Context(), ids[0])
			require.NoError(t, err)
			require.EqualError(t, w.Result.Err(), "session: ./A: status 500 Command failed: the device does not know whether it was done")
			w, err = s.Queue().Work(t.Context(), ids[1])
			require.NoError(t, err)
			require.Equal(t, []bool{true, false}, []bool{w.Result.Children[0].Unknown, w.Result.Children[0].Blamed})
		})
	})

	t.Run("a second choice is not another session", func(t *testing.T) {
		s := newServer(t, nil)
		ids := enqueue(t, s, nil, func(b *session.Batch) { b.Add("./A", dmtree.Int(1)) })
		d := sessiontest.NewDevice(t, s)
		d.Open()
		m := d.Open()
		require.Equal(t, []string{"Add ./A"}, sent(m))
		require.Equal(t, []string{"Replace ./A"}, sent(d.Send(d.Status(sessiontest.Commands(m)[0], 418))))
		m = d.Open()
		require.Equal(t, []string{"Replace ./A"}, sent(m))
		d.Send(ok(d, m)...)
		require.Equal(t, "done 200", state(t, s, ids[0]))
	})

	t.Run("what a Handler wrote", func(t *testing.T) {
		var got []session.Result
		h := session.HandlerFunc(func(w *session.Writer, r *session.Request) error {
			got = append(got, r.Results...)
			for _, a := range r.Alerts {
				w.Exec("./Retry", a.Value)
				w.Replace("./State", a.Value)
			}
			return nil
		})
		d := sessiontest.NewDevice(t, newServer(t, h))
		d.Open(alert(1226, event("com.example.failed", "chr", "x")))
		m := d.Open()
		require.Equal(t, []string{"Replace ./State"}, sent(m))
		require.Len(t, got, 1)
		require.True(t, got[0].Unknown)
		require.EqualError(t, got[0].Err(), "session: ./Retry: the session died before the outcome was known")
		d.Send(ok(d, m)...)
		require.Len(t, got, 2)
		require.NoError(t, got[1].Err())
	})
}

// TestQueueBesideHandler: a message that brings the outcomes of queued work and news for the Handler is committed twice, and
// the work is done all the same.
func TestQueueBesideHandler(t *testing.T) {
	each(t, func(t *testing.T, enc syncml.Encoding) {
		s := newServer(t, asks(nil, func(w *session.Writer) { w.Get("./Handler") }))
		ids := enqueue(t, s, nil, func(b *session.Batch) {
			b.Replace("./A", dmtree.Int(1))
			b.Exec("./B", dmtree.Null)
		})
		d := sessiontest.NewDevice(t, s)
		d.Encoding = enc
		m := d.Open()
		require.Equal(t, []string{"Get ./Handler", "Replace ./A", "Exec ./B"}, sent(m))
		later := enqueue(t, s, nil, func(b *session.Batch) { b.Replace("./C", dmtree.Int(1)) })
		require.Equal(t, []string{"Replace ./C"}, sent(d.Send(ok(d, m)...)))
		require.Equal(t, []string{"done 200", "done 200", "leased"}, []string{state(t, s, ids[0]), state(t, s, ids[1]), state(t, s, later[0])})
	})
}

// TestLostLease: work that is leased to a session nobody knows any more comes back.
func TestLostLease(t *testing.T) {
	s := newServer(t, nil)
	store := new(session.MemoryStore)
	s.Store = store
	ids := enqueue(t, s, nil, func(b *session.Batch) {
		b.Get("./A")
		b.Exec("./B", dmtree.Null)
	})
	d := sessiontest.NewDevice(t, s)
	d.Open()
	r, err := store.Load(t.Context(), d.ID, time.Now(), 10)
	require.NoError(t, err)
	require.NoError(t, store.Commit(t.Context(), d.ID, r.Rev, &session.Change{})) // an operator has reset the device
	require.Equal(t, []string{"Get ./A"}, sent(d.Open()))
	require.Equal(t, "done unknown", state(t, s, ids[1]))
}

// TestWorkIDs: names of work grow with time, are 16 octets, and differ also where time stands still.
func TestWorkIDs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := session.NewQueue(new(session.MemoryStore))
		b := new(session.Batch)
		b.Get("./A")
		b.Get("./B")
		seen := make(map[session.WorkID]bool)
		last := make([]byte, 16)
		for range 50 {
			ids, err := q.Enqueue(t.Context(), "device-1", b, nil)
			require.NoError(t, err)
			before := last
			for _, id := range ids {
				octets, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(string(id))
				require.NoError(t, err)
				require.Len(t, octets, 16)
				require.False(t, seen[id], "%s", id)
				require.Positive(t, bytes.Compare(octets, before))
				seen[id] = true
				last = octets
			}
			time.Sleep(time.Millisecond)
		}
	})
}
