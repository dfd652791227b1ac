package session_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"runtime"
	"strings"
	"sync"
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

// slow is a device whose Exec takes as long as its argument says, in seconds, and that dies without a word where it does
// not live any more.
type slow struct {
	*ledger
	dead <-chan struct{} // nil: it lives
}

func newSlow() slow { return slow{ledger: newLedger()} }

func (s slow) Exec(ctx context.Context, u dmtree.URI, arg dmtree.Value) error {
	if err := s.ledger.Exec(ctx, u, arg); err != nil {
		return err
	}
	n, _ := arg.Int()
	select {
	case <-time.After(time.Duration(n) * time.Second):
	case <-ctx.Done():
		return ctx.Err()
	case <-s.dead:
		runtime.Goexit()
	}
	return nil
}

const busyAlert = `Alert 1224 [Reversed-Domain-Name:com.microsoft.mdm.requestpending "1"]`

func execCmd(id, uri string, seconds int) string {
	return fmt.Sprintf(`<Exec><CmdID>%s</CmdID><Item><Target><LocURI>%s</LocURI></Target><Meta><Format xmlns="syncml:metinf">int</Format></Meta>`+
		`<Data>%d</Data></Item></Exec>`, id, uri, seconds)
}

// What a device says while it executes a message for long, and how it takes what the server says to that.
func TestKeepAliveOfClient(t *testing.T) {
	const done = "\nStatus 1/1 Replace 200 ./A/x\nStatus 1/2 Exec 200 ./Slow\nStatus 1/3 Get 200 ./A/x\nResults 1/3 [./A/x \"9\"]\nFinal"
	order := replaceCmd("1", "./A/x", "9") + execCmd("2", "./Slow", 75) + getCmd("3", "./A/x")
	busy := func(n int) string { return fmt.Sprintf("Status %d/0 SyncHdr 200\n%s", n, busyAlert) }
	ok := func(n int) string {
		return fmt.Sprintf(`<Status><CmdID>2</CmdID><MsgRef>%d</MsgRef><CmdRef>2</CmdRef><Cmd>Alert</Cmd><Data>200</Data></Status>`, n)
	}
	type turn struct{ say, want string }
	for _, test := range []struct {
		name   string
		change func(c *session.Client)
		turns  []turn
		err    string
	}{
		{"as Windows wants it", nil, []turn{
			{order + finalXML, busy(1)}, {ok(2), busy(2)}, {ok(3), "Status 3/0 SyncHdr 200" + done}, {finalXML, "over"},
		}, ""},
		{"a server that says Final", nil, []turn{
			{order + finalXML, busy(1)}, {ok(2) + finalXML, busy(2)}, {finalXML, "Status 3/0 SyncHdr 200" + done}, {finalXML, "over"},
		}, ""},
		{"a server that asks for the next message", nil, []turn{
			{order + finalXML, busy(1)},
			{ok(2) + alertCmd("3", 1222), "Status 2/0 SyncHdr 200\nStatus 2/3 Alert 200\n" + busyAlert},
			{ok(3) + alertCmd("4", 1222), "Status 3/0 SyncHdr 200\nStatus 3/4 Alert 200" + done},
			{finalXML, "over"},
		}, ""},
		{"a server that knows no such alert", nil, []turn{
			{order + finalXML, busy(1)}, {strings.Replace(ok(2), "<Data>200", "<Data>406", 1), busy(2)},
			{"", "Status 3/0 SyncHdr 200" + done}, {finalXML, "over"},
		}, ""},
		{"a server that cannot wait", nil, []turn{ // its commands are executed after those before
			{order + finalXML, busy(1)},
			{ok(2) + replaceCmd("7", "./A/x", "10") + finalXML, "Status 2/0 SyncHdr 200" + strings.Replace(done, "Final", "Status 2/7 Replace 200 ./A/x\nFinal", 1)},
			{finalXML, "over"},
		}, ""},
		{"a server that cannot wait, and takes long again", nil, []turn{
			{order + finalXML, busy(1)},
			{ok(2) + execCmd("7", "./Slow", 40) + finalXML, busy(2)},
			{ok(3), "Status 3/0 SyncHdr 200" + strings.Replace(done, "Final", "Status 2/7 Exec 200 ./Slow\nFinal", 1)},
			{finalXML, "over"},
		}, ""},
		{"a server that asks what it knows", nil, []turn{
			{order + finalXML, busy(1)},
			{getCmd("7", "./A/y") + finalXML, "Status 2/0 SyncHdr 200" + strings.Replace(done, "Final", "Status 2/7 Get 200 ./A/y\nResults 2/7 [./A/y \"2\"]\nFinal", 1)},
		}, ""},
		{"a server that aborts", nil, []turn{{order + finalXML, busy(1)}, {alertCmd("3", 1223) + finalXML, "over"}}, "aborted"},
		{"a server that refuses", nil, []turn{{order + finalXML, busy(1)}, {headerStatus("2", "503", "", ""), "over"}}, "503"},
		{"a package of the server that is open", nil, []turn{
			{order, busy(1)}, {ok(2), busy(2)}, {ok(3), "Status 3/0 SyncHdr 200" + strings.Replace(done, "Final", "Alert 1222", 1)},
			{finalXML, "over"},
		}, ""},
		{"only Gets", nil, []turn{
			{getCmd("1", "./Slow/get") + finalXML, busy(1)}, {ok(2), busy(2)}, {ok(3), busy(3)},
			{ok(4), "Status 4/0 SyncHdr 200\nStatus 1/1 Get 404 ./Slow/get\nFinal"},
		}, ""},
		{"in time", func(c *session.Client) { c.KeepAlive = 2 * time.Minute }, []turn{{order + finalXML, "Status 1/0 SyncHdr 200" + done}}, ""},
		{"switched off", func(c *session.Client) { c.KeepAlive = 0 }, []turn{{order + finalXML, "Status 1/0 SyncHdr 200" + done}}, ""},
		{"OMA knows nothing of it", func(c *session.Client) { c.Profile = session.OMA }, []turn{{order + finalXML, "Status 1/0 SyncHdr 200" + done}}, ""},
		{"the last messages of a session are for more important things", func(c *session.Client) { c.Limits.Messages = 3 }, []turn{
			{order + finalXML, busy(1)}, {ok(2), "Status 2/0 SyncHdr 200" + done}, {finalXML, "over"},
		}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			each(t, func(t *testing.T, e syncml.Encoding) {
				for _, store := range []session.ClientStore{nil, new(session.MemoryClientStore)} {
					synctest.Test(t, func(t *testing.T) {
						tree := newSlow()
						for u, v := range map[dmtree.URI]string{"./A/x": "1", "./A/y": "2"} {
							tree.Set(u, dmtree.String(v))
						}
						c := &session.Client{Tree: slowGet{tree}, KeepAlive: 30 * time.Second, Store: store}
						if test.change != nil {
							test.change(c)
						}
						s := begin(t, c, e, nil)
						for _, turn := range test.turns {
							s.say(turn.say)
							s.expect(turn.want)
							for i := range s.commands() { // from 1, without gaps
								require.Equal(t, fmt.Sprint(i+1), s.got.Commands[i].ID())
							}
						}
						if test.err == "" {
							require.NoError(t, s.err)
						} else {
							require.ErrorContains(t, s.err, test.err)
						}
					})
				}
			})
		})
	}
}

// slowGet takes 100 seconds to find out that there is no ./Slow/get.
type slowGet struct{ slow }

func (s slowGet) Get(ctx context.Context, u dmtree.URI) (dmtree.Value, error) {
	if u == "./Slow/get" {
		time.Sleep(100 * time.Second)
	}
	return s.slow.Get(ctx, u)
}

// commands returns how many commands the last message has.
func (s *script) commands() int {
	if s.got == nil {
		return 0
	}
	return len(s.got.Commands)
}

// A server that wants each message proved can doubt one that says to wait, and the device the answer.
func TestKeepAliveWithCredentials(t *testing.T) {
	each(t, func(t *testing.T, e syncml.Encoding) {
		synctest.Test(t, func(t *testing.T) {
			tree := newSlow()
			s := begin(t, &session.Client{Tree: tree, KeepAlive: 30 * time.Second, Sign: signer(auth.MD5, bruce)}, e, nil)
			s.say(headerStatus("1", "407", syncml.AuthMD5, "one") + finalXML)
			s.say(headerStatus("2", "200", syncml.AuthMD5, "two") + execCmd("2", "./Slow", 75) + finalXML)
			s.expect("Status 2/0 SyncHdr 200\n" + busyAlert)
			before := s.got.Header.Cred.Data
			s.say(headerStatus("3", "401", syncml.AuthMD5, "three"))
			s.expect("Status 3/0 SyncHdr 200\n" + busyAlert)
			require.NotEqual(t, before, s.got.Header.Cred.Data)
			s.say(headerStatus("4", "200", syncml.AuthMD5, "four"))
			s.expect("Status 4/0 SyncHdr 200\n" + busyAlert)
			s.say(headerStatus("5", "401", syncml.AuthMD5, "five"))
			s.say(headerStatus("6", "200", syncml.AuthMD5, "six"))
			s.expect("Status 6/0 SyncHdr 200\nStatus 2/2 Exec 200 ./Slow\nFinal")
			require.Equal(t, 1, tree.runs["./Slow"])
			s.say(headerStatus("7", "200", syncml.AuthMD5, "seven") + finalXML)
			require.NoError(t, s.err)
		})
	})
}

// Both ends: the server waits, however long it takes, and everything that the device says is what the rules want. No
// goroutine is left, or the test would not end.
func TestKeepAliveAtBothEnds(t *testing.T) {
	each(t, func(t *testing.T, e syncml.Encoding) {
		synctest.Test(t, func(t *testing.T) {
			var got []session.Result
			tree := newSlow()
			tree.Set("./A", dmtree.String(strings.Repeat("long ", 2000)))
			p := sessiontest.New(t, asks(&got, func(w *session.Writer) {
				w.Exec("./Slow/1", dmtree.Int(600))
				w.Get("./A")
				w.Sequence(func(b *session.Batch) { b.Exec("./Slow/2", dmtree.Int(100)) })
			}), tree)
			p.Client.Encoding, p.Client.KeepAlive = e, 30*time.Second
			p.Server.Limits.Message = 4000 // the Results take several messages
			var executed []string
			messages := 0
			p.Client.Trace = &session.Trace{ // without locks of its own
				Executed: func(_ context.Context, s *session.TracedSession, c syncml.Command, _ syncml.StatusCode) {
					if c.Name() != "Alert" {
						executed = append(executed, fmt.Sprint(c.Name(), s.Commands))
					}
				},
				Sent: func(context.Context, *session.TracedMessage) { messages++ },
			}
			start := time.Now()
			sum := p.Run(t.Context())
			require.Len(t, got, 3)
			for i := range got {
				require.NoError(t, got[i].Err(), p.Trace())
			}
			require.Equal(t, 700*time.Second, time.Since(start))
			require.Equal(t, 23, strings.Count(p.Trace(), "requestpending"), p.Trace())
			require.Greater(t, sum.Messages, 25)
			require.Equal(t, sum.Messages, messages)
			require.Equal(t, []string{"Exec1", "Get2", "Sequence2", "Exec3"}, executed)
			require.Zero(t, sum.Failed)
		})
	})
}

// The line is cut for good while the device is busy. What it has done is not forgotten, and told in the next session.
func TestKeepAliveLosesNothing(t *testing.T) {
	for name, store := range map[string]session.ClientStore{"memory": nil, "store": new(session.MemoryClientStore)} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, e syncml.Encoding) {
				synctest.Test(t, func(t *testing.T) {
					var got []session.Result
					tree := newSlow()
					p := sessiontest.New(t, asks(&got, func(w *session.Writer) { w.Exec("./Slow", dmtree.Int(50)) }), tree)
					p.Client.Encoding, p.Client.KeepAlive, p.Client.Store, p.Client.Limits.Backoff = e, 30*time.Second, store, time.Second
					p.Fault = func(n int) sessiontest.Fault {
						if n >= 2 && n <= 2+session.DefaultRetries {
							return sessiontest.LoseRequest
						}
						return sessiontest.None
					}
					_, err := p.Client.Run(t.Context(), nil)
					require.ErrorContains(t, err, "lost")
					require.Equal(t, 1, tree.runs["./Slow"])
					require.Empty(t, got)
					p.Run(t.Context()) // finishes that session, and holds its own
					require.Len(t, got, 2)
					require.NoError(t, got[0].Err(), p.Trace())
					require.Equal(t, 2, tree.runs["./Slow"])
				})
			})
		})
	}
}

// When ctx ends, the server is told, and what runs is waited for.
func TestKeepAliveIsCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tree := newSlow()
		p := sessiontest.New(t, asks(nil, func(w *session.Writer) { w.Exec("./Slow", dmtree.Int(1000)) }), tree)
		p.Client.KeepAlive = 30 * time.Second
		ctx, cancel := context.WithTimeout(t.Context(), 70*time.Second)
		defer cancel()
		start := time.Now()
		_, err := p.Client.Run(ctx, nil)
		require.NoError(t, err, "the tree has answered the server, that it was cancelled")
		require.Equal(t, 70*time.Second, time.Since(start))

		var said []string // in the second session, whose second message finds no answer before ctx ends
		line := sessiontest.Transport(p.Server)
		p.Client.HTTP = &http.Client{Transport: transport(func(r *http.Request) (*http.Response, error) {
			body, err := io.ReadAll(r.Body)
			require.NoError(t, err)
			m, err := syncml.Unmarshal(body, nil)
			require.NoError(t, err)
			said = append(said, spell(m))
			if len(said) == 2 {
				<-r.Context().Done()
				return nil, errors.New("lost")
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
			return line.RoundTrip(r)
		})}
		ctx, cancel = context.WithTimeout(t.Context(), 35*time.Second)
		defer cancel()
		_, err = p.Client.Run(ctx, nil)
		require.ErrorContains(t, err, "lost")
		require.Equal(t, "Status 1/0 SyncHdr 200\n"+busyAlert+"\n", said[1])
		require.Equal(t, "Alert 1223\nFinal\n", said[2])
	})
}

// panicky is a tree that cannot be trusted.
type panicky struct{ slow }

func (p panicky) Exec(ctx context.Context, u dmtree.URI, v dmtree.Value) error {
	p.slow.Exec(ctx, u, v)
	panic("of the tree")
}

// A panic of the tree is one of Run, as it is without KeepAlive, and the session can go on.
func TestKeepAliveAndPanics(t *testing.T) {
	for _, seconds := range []int64{0, 100} {
		synctest.Test(t, func(t *testing.T) {
			var got []session.Result
			tree := newSlow()
			p := sessiontest.New(t, asks(&got, func(w *session.Writer) { w.Exec("./Slow", dmtree.Int(seconds)) }), panicky{tree})
			p.Client.KeepAlive, p.Client.Store = 30*time.Second, new(session.MemoryClientStore)
			require.PanicsWithValue(t, "of the tree", func() { p.Client.Run(t.Context(), nil) })
			c := &session.Client{URL: p.Client.URL, ID: p.Client.ID, Tree: tree, HTTP: p.Client.HTTP, Logger: p.Client.Logger, Store: p.Client.Store}
			_, err := c.Run(t.Context(), nil)
			require.NoError(t, err)
			require.Len(t, got, 2, "of that session, and of the one after it")
			require.EqualValues(t, 500, got[0].Status, "nobody knows what was done")
			require.EqualValues(t, 200, got[1].Status)
			require.Equal(t, 2, tree.runs["./Slow"])
		})
	}
}

// A user who thinks for long is no reason to lose the session.
func TestKeepAliveWithQuestion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []session.Result
		p := sessiontest.New(t, asks(&got, func(w *session.Writer) { w.Alert(syncml.AlertConfirm, nil, "Sure?") }), newSlow())
		p.Client.KeepAlive = 30 * time.Second
		p.Client.UI = thinking{}
		p.Run(t.Context())
		require.Len(t, got, 1)
		require.EqualValues(t, 200, got[0].Status)
		require.Equal(t, 3, strings.Count(p.Trace(), "requestpending"))
	})
}

type thinking struct{}

func (thinking) Interact(context.Context, *session.Prompt) (*session.Answer, error) {
	time.Sleep(100 * time.Second)
	return &session.Answer{Accept: true}, nil
}

// The device dies at any moment while it is busy, and messages get lost besides: every command has one outcome and at most
// one effect, and only of an Exec that was running nobody may know.
func TestKeepAliveOfDyingDevice(t *testing.T) {
	const commands = 4
	unknown, kept := 0, 0
	for seed := range seeds(40) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 13))
			outcomes := make(map[string]session.Result)
			asked := 0
			h := session.HandlerFunc(func(w *session.Writer, req *session.Request) error {
				for _, res := range req.Results {
					if old, ok := outcomes[res.Label]; ok {
						t.Errorf("seed %d: %s has outcomes %v and %v", seed, res.Label, old.Status, res.Status)
					}
					outcomes[res.Label] = res
				}
				if asked == commands || !req.Last {
					return nil
				}
				u := dmtree.URI(fmt.Sprintf("./A/n%d", asked))
				asked++
				w.Add(u, dmtree.Int(1)).Label("add " + string(u))
				w.Exec(u, dmtree.Int(r.Int64N(100))).Label("exec " + string(u))
				w.Atomic(func(b *session.Batch) {
					b.Add(u+"a", dmtree.Int(1))
					b.Add(u+"b", dmtree.Int(1))
				}).Label("atomic " + string(u))
				w.Get(u).Label("get " + string(u))
				return nil
			})
			device := newSlow()
			device.Set("./A", dmtree.Interior())
			store := &dyingStore{}
			p := sessiontest.New(t, h, device)
			row := 0
			p.Fault = func(int) sessiontest.Fault {
				f := sessiontest.Fault(r.IntN(10))
				if f > sessiontest.CutReply || row == session.DefaultRetries {
					f = sessiontest.None
				}
				if row++; f == sessiontest.None || f == sessiontest.Double {
					row = 0
				}
				return f
			}
			for range 100 {
				dead := make(chan struct{})
				var once sync.Once
				store.n, store.after = 1+r.IntN(8), r.IntN(2) == 0
				c := &session.Client{URL: p.Client.URL, ID: p.Client.ID, Tree: slow{device.ledger, dead}, HTTP: p.Client.HTTP,
					Logger: p.Client.Logger, Store: store, KeepAlive: 10 * time.Second, Encoding: encodings[seed%uint64(len(encodings))],
					Limits: session.Limits{Backoff: time.Second}}
				lives := survives(func() {
					_, err := c.Run(t.Context(), nil)
					require.NoError(t, err, "seed %d\n%s", seed, p.Trace())
				})
				once.Do(func() { close(dead) })
				synctest.Wait() // the process is gone with all that it was doing
				if lives && asked == commands {
					break
				}
				time.Sleep(time.Duration(r.IntN(5)) * time.Second) // the session is still open then
			}
			require.Equal(t, commands*4, len(outcomes), "seed %d\n%s", seed, p.Trace())
			for label, res := range outcomes {
				var kind string
				var u dmtree.URI
				_, err := fmt.Sscanf(label, "%s %s", &kind, &u)
				require.NoError(t, err)
				if kind != "exec" {
					require.NoError(t, res.Err(), "seed %d: %s\n%s", seed, label, p.Trace())
					continue
				}
				n := device.runs[u]
				require.LessOrEqual(t, n, 1, "seed %d: %s", seed, label)
				if res.Err() == nil {
					require.Equal(t, 1, n, "seed %d: %s", seed, label)
				} else {
					require.EqualValues(t, syncml.StatusCommandFailed, res.Status)
					unknown++
				}
			}
			kept += strings.Count(p.Trace(), "requestpending")
		})
	}
	require.NotZero(t, unknown, "the test does not reach the case")
	require.NotZero(t, kept, "the test does not reach the case")
}

// An HTTP error ends the session as it always does, once the execution has ended.
func TestKeepAliveHTTPError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tree := newSlow()
		s := begin(t, &session.Client{Tree: tree, KeepAlive: 30 * time.Second}, syncml.XML, nil)
		s.say(execCmd("1", "./Slow", 75) + finalXML)
		start := time.Now()
		out, err := s.d.Next(t.Context(), start, &session.Reply{Status: http.StatusForbidden})
		require.Nil(t, out)
		var he *session.HTTPError
		require.True(t, errors.As(err, &he))
		require.Equal(t, 45*time.Second, time.Since(start))
		require.Equal(t, 1, s.d.Summary().Commands)
	})
}
