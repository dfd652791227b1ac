package session_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/session"
	"github.com/omadm-sdk/omadm/session/sessiontest"
	"github.com/omadm-sdk/omadm/syncml"
)

// roundRobin gives each message to the next of several servers.
type roundRobin struct {
	nodes []http.Handler
	n     int
}

func (r *roundRobin) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.n++
	r.nodes[r.n%len(r.nodes)].ServeHTTP(w, req)
}

// nodes returns n servers with one store, between which the messages of a device change.
func nodes(t *testing.T, n int, h session.Handler) *roundRobin {
	r := new(roundRobin)
	store := new(session.MemoryStore)
	for range n {
		s := newServer(t, h)
		s.Store = store
		r.nodes = append(r.nodes, s)
	}
	return r
}

// TestScript: a script asks, decides and asks again, each message on another node.
func TestScript(t *testing.T) {
	each(t, func(t *testing.T, enc syncml.Encoding) {
		runs, effects := 0, 0
		var story []string
		h := session.Script(func(ctx context.Context, c *session.Conversation) error {
			runs++
			story = nil
			say := func(s string) { story = append(story, s) }
			build, err := c.Get("./DevDetail/SwV")
			if err != nil {
				return err
			}
			say("build " + build.String())
			if _, err := c.Get("./Nope"); !errors.Is(err, dmtree.ErrNotFound) {
				return errors.New("want not found")
			}
			say("nope is not there")
			id, err := session.Once(c, "ticket", func() (int, error) { effects++; return 40 + effects, nil })
			if err != nil {
				return err
			}
			if err := c.Set("./Ticket", dmtree.Int(int64(id))); err != nil {
				return err
			}
			say("ticket is set")
			r, err := c.Atomic(func(b *session.Batch) {
				b.Replace("./A", dmtree.Int(1)).Label("a")
				b.Replace("./B", dmtree.Int(2)).Label("b")
			})
			if err == nil || !r.Children[1].Blamed {
				return errors.New("want b to fail")
			}
			say("atomic fails because of " + r.Children[1].Label)
			results, err := c.Do(func(b *session.Batch) {
				b.Get("./X")
				b.Delete("./Y")
			})
			if err != nil {
				return err
			}
			say("the last two: " + results[0].Status.String() + ", " + results[1].Status.String())
			return nil
		})
		d := sessiontest.NewDevice(t, nodes(t, 3, h))
		d.Encoding = enc
		m := d.Open()
		var asked [][]string
		for len(sent(m)) > 0 {
			asked = append(asked, sent(m))
			var answers []syncml.Command
			for _, c := range sessiontest.Commands(m) {
				switch name := c.Name() + " " + target(c); name {
				case "Get ./DevDetail/SwV", "Get ./X":
					answers = append(answers, d.Status(c, 200), d.Results(c, "10.0"))
				case "Get ./Nope", "Replace ./Ticket", "Delete ./Y":
					answers = append(answers, d.Status(c, 404))
				case "Atomic ":
					kids := c.(*syncml.Atomic).Commands
					answers = append(answers, d.Status(c, 507), d.Status(kids[0], 216), d.Status(kids[1], 403))
				default:
					answers = append(answers, d.Status(c, 200))
				}
			}
			m = d.Send(answers...)
		}
		require.Equal(t, [][]string{
			{"Get ./DevDetail/SwV"}, {"Get ./Nope"}, {"Replace ./Ticket"}, {"Add ./Ticket"}, {"Atomic "}, {"Get ./X", "Delete ./Y"},
		}, asked)
		require.Equal(t, []string{
			"build 10.0", "nope is not there", "ticket is set", "atomic fails because of b", "the last two: 200 OK, 404 Not found",
		}, story)
		require.Equal(t, 1, effects)
		require.Equal(t, 7, runs)
		require.Len(t, sent(d.Open()), 1, "the next session begins anew")
		require.Equal(t, 8, runs)
	})
}

func TestScriptGoesOnInTheNextSession(t *testing.T) {
	each(t, func(t *testing.T, enc syncml.Encoding) {
		var unknown bool
		h := session.Script(func(ctx context.Context, c *session.Conversation) error {
			if err := c.Add("./A", dmtree.Int(1)); err != nil {
				return err
			}
			r, err := c.Exec("./Reboot", dmtree.Null)
			unknown = err != nil && r.Unknown
			return c.Delete("./A")
		})
		d := sessiontest.NewDevice(t, nodes(t, 2, h))
		d.Encoding = enc
		m := d.Open()
		require.Equal(t, []string{"Add ./A"}, sent(m))
		m = d.Send(ok(d, m)...)
		require.Equal(t, []string{"Exec ./Reboot"}, sent(m))
		m = d.Open() // it has rebooted at once
		require.Equal(t, []string{"Delete ./A"}, sent(m))
		require.True(t, unknown)
		require.Empty(t, sent(d.Send(ok(d, m)...)))
	})
}

func TestScriptMistakes(t *testing.T) {
	n := 0
	tests := []struct {
		name string
		f    func(ctx context.Context, c *session.Conversation) error
		log  string
		code syncml.StatusCode
	}{
		{"asks differently", func(ctx context.Context, c *session.Conversation) error {
			n++
			_, err := c.Get(dmtree.URI("./A").Join(string(rune('a' + n))))
			return err
		}, "the script asks differently than before, in call 1: Get ./A/", 200},
		{"asks less", func(ctx context.Context, c *session.Conversation) error {
			if n++; n > 1 {
				return nil
			}
			_, err := c.Get("./A")
			return err
		}, "the script asks differently than before: it ends after 0 of 1 calls", 200},
		{"fails", func(ctx context.Context, c *session.Conversation) error {
			if _, err := c.Get("./A"); err != nil {
				return err
			}
			return errors.New("no licence left")
		}, "no licence left", 200},
		{"refuses", func(ctx context.Context, c *session.Conversation) error {
			if _, err := c.Get("./A"); err != nil {
				return err
			}
			return &session.StatusError{Code: syncml.StatusForbidden}
		}, "", 403},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n = 0
			var log bytes.Buffer
			s := newServer(t, session.Script(tt.f))
			s.Logger = slog.New(slog.NewTextHandler(&log, nil))
			d := sessiontest.NewDevice(t, s)
			m := d.Open()
			require.Len(t, sent(m), 1)
			m = d.Send(ok(d, m)...)
			require.Equal(t, tt.code, sessiontest.StatusOf(m, "0"))
			require.Empty(t, sent(m))
			require.Contains(t, log.String(), tt.log)
			n = 0
			require.Len(t, sent(d.Open()), 1, "it starts over")
		})
	}

	t.Run("recovers", func(t *testing.T) {
		var log bytes.Buffer
		seen := ""
		s := newServer(t, session.Script(func(ctx context.Context, c *session.Conversation) (err error) {
			defer func() {
				if p := recover(); p != nil {
					err = fmt.Errorf("panic: %v", p)
				}
			}()
			v, err := c.Get("./A")
			seen = v.Text()
			return err
		}))
		s.Logger = slog.New(slog.NewTextHandler(&log, nil))
		d := sessiontest.NewDevice(t, s)
		m := d.Open()
		require.Len(t, sent(m), 1)
		require.Contains(t, log.String(), "the script recovered the panic")
		get := sessiontest.Commands(m)[0]
		d.Send(d.Status(get, syncml.StatusOK), d.Results(get, "7"))
		require.Equal(t, "7", seen, "it goes on all the same")
	})

	t.Run("lets it pass elsewhere", func(t *testing.T) { // where nobody would catch it, it says what it is
		var kept *session.Conversation
		said := make(chan any, 1)
		d := sessiontest.NewDevice(t, newServer(t, session.Script(func(ctx context.Context, c *session.Conversation) error {
			kept = c
			go func() {
				defer func() { said <- recover() }()
				c.Get("./A")
			}()
			said <- <-said
			return nil
		})))
		d.Open()
		require.ErrorContains(t, (<-said).(error), "the script waits for the device")
		require.PanicsWithValue(t, "session: a Conversation outside of its script", func() { kept.Get("./A") })
	})

	t.Run("a panic of its own goes on", func(t *testing.T) {
		d := sessiontest.NewDevice(t, newServer(t, session.Script(func(context.Context, *session.Conversation) error { panic("bug") })))
		require.PanicsWithValue(t, "bug", func() { d.Open() })
	})
}

// TestScriptAmongHandlers: scripts and other handlers keep to themselves.
func TestScriptAmongHandlers(t *testing.T) {
	var got []string
	script := func(u dmtree.URI) session.Handler {
		return session.Script(func(ctx context.Context, c *session.Conversation) error {
			v, err := c.Get(u)
			if err == nil {
				err = c.Replace(u, v)
			}
			got = append(got, string(u))
			return err
		})
	}
	var results []session.Result
	h := session.Handlers{"a": script("./A"), "b": script("./B"), "c": asks(&results, func(w *session.Writer) { w.Get("./C") })}
	d := sessiontest.NewDevice(t, nodes(t, 2, h))
	m := d.Open()
	require.Equal(t, []string{"Get ./A", "Get ./B", "Get ./C"}, sent(m))
	m = d.Send(ok(d, m)...)
	require.Equal(t, []string{"Replace ./A", "Replace ./B"}, sent(m))
	require.Empty(t, sent(d.Send(ok(d, m)...)))
	require.Equal(t, []string{"./A", "./B"}, got)
	require.Len(t, results, 1)
}
