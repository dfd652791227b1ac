package session_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/session"
	"github.com/omadm-sdk/omadm/session/sessiontest"
	"github.com/omadm-sdk/omadm/syncml"
)

// four is what the tests of the search send: four commands, all or nothing.
func four(b *session.Batch) *session.Entry {
	return b.Atomic(func(b *session.Batch) {
		for i, name := range []string{"A", "B", "C", "D"} {
			b.Replace(dmtree.URI("./"+name), dmtree.Int(int64(i))).Label(name)
		}
	}).Label("set")
}

// spellAtomic writes down the outcome of an Atomic: its status, and that of each command, "!" being the culprit, "+" one
// that was sent alone and "?" one of which nobody knows.
func spellAtomic(r *session.Result) string {
	var b strings.Builder
	fmt.Fprint(&b, int(r.Status))
	for i := range r.Children {
		c := &r.Children[i]
		fmt.Fprint(&b, " ", int(c.Status))
		if c.Unknown {
			b.WriteString("?")
		}
		if c.Alone {
			b.WriteString("+")
		}
		if c.Blamed {
			b.WriteString("!")
		}
	}
	return b.String()
}

// answerAtomic answers an Atomic and what it holds; 0 is no answer.
func answerAtomic(d *sessiontest.Device, a *syncml.Atomic, codes ...syncml.StatusCode) (l []syncml.Command) {
	all := append([]syncml.Command{a}, a.Commands...)
	for i, code := range codes {
		if code != 0 {
			l = append(l, d.Status(all[i], code))
		}
	}
	return l
}

func TestFindCulprit(t *testing.T) {
	fails := func(codes ...syncml.StatusCode) []syncml.StatusCode { return codes }
	for _, test := range []struct {
		name   string
		fill   func(b *session.Batch) // nil: four, with FindCulprit
		atomic []syncml.StatusCode    // what the device answers
		alone  []syncml.StatusCode    // what it answers to the commands that come alone; 0 is none
		sent   string                 // those
		want   string
	}{
		{name: "the device names it", atomic: fails(507, 216, 405, 215, 215), want: "507 216 405! 215 215"},
		{name: "nobody wants to know", fill: func(b *session.Batch) { four(b) }, atomic: fails(507, 216, 216, 216, 216), want: "507 216 216 216 216"},
		{name: "all undone", atomic: fails(507, 216, 216, 216, 216), alone: fails(200, 200, 405), sent: "A B C", want: "507 200+ 200+ 405+! 216"},
		{name: "none is run", atomic: fails(507, 215, 215, 215, 215), alone: fails(404), sent: "A", want: "507 404+! 215 215 215"},
		{name: "no answer but to the Atomic", atomic: fails(507), alone: fails(200, 418), sent: "A B", want: "507 200+ 418+! 0 0"},
		{name: "each is called failed with the Atomic", atomic: fails(507, 507, 507, 507, 507), alone: fails(200, 200, 200, 425), sent: "A B C D", want: "507 200+ 200+ 200+ 425+!"},
		{name: "each is called the same", atomic: fails(507, 500, 500, 500, 500), alone: fails(200, 500), sent: "A B", want: "507 200+ 500+! 500 500"},
		{name: "alone all go well", atomic: fails(507, 216, 216, 216, 216), alone: fails(200, 200, 200, 200), sent: "A B C D", want: "507 200+ 200+ 200+ 200+"},
		{name: "no answer to one alone", atomic: fails(507, 216, 216, 216, 216), alone: fails(200, 0), sent: "A B", want: "507 200+ 0+ 216 216"},
		{name: "one alone is not executed", atomic: fails(507, 216, 216, 216, 216), alone: fails(200, 215), sent: "A B", want: "507 200+ 215+! 216 216"},
		{name: "something is left of it", atomic: fails(507, 516, 216, 216, 216), want: "507 516 216 216 216"},
		{name: "Atomic is not supported", atomic: fails(406, 215, 215, 215, 215), want: "406 215 215 215 215"},
		{name: "the statuses would not fit", atomic: fails(517, 216, 216, 216, 216), want: "517 216 216 216 216"},
		{name: "no answer at all", want: "0 0 0 0 0"},
		{name: "success", atomic: fails(200, 200, 200, 200, 200), want: "200 200 200 200 200"},
		{name: "it is only one", fill: func(b *session.Batch) {
			b.Atomic(func(b *session.Batch) { b.Delete("./A") }).FindCulprit()
		}, atomic: fails(507, 216), alone: fails(404), sent: "A", want: "507 404+!"},
		{name: "an Exec is not repeated", fill: func(b *session.Batch) {
			b.Atomic(func(b *session.Batch) {
				b.Add("./A", dmtree.Interior())
				b.Exec("./B", dmtree.Null)
				b.Add("./C", dmtree.Interior())
			}).FindCulprit()
		}, atomic: fails(507, 216, 216, 216), alone: fails(200), sent: "A", want: "507 200+ 216 216"},
		{name: "nor one in front", fill: func(b *session.Batch) {
			b.Atomic(func(b *session.Batch) {
				b.Exec("./A", dmtree.Null)
				b.Add("./B", dmtree.Interior())
			}).FindCulprit()
		}, atomic: fails(507, 216, 216), want: "507 216 216"},
		{name: "nor a question", fill: func(b *session.Batch) {
			b.Atomic(func(b *session.Batch) {
				b.Delete("./A")
				b.Alert(syncml.AlertConfirm, nil, "Sure?")
			}).FindCulprit()
		}, atomic: fails(507, 216, 216), alone: fails(200), sent: "A", want: "507 200+ 216"},
		{name: "an Exec that goes on is not to blame", fill: func(b *session.Batch) {
			b.Atomic(func(b *session.Batch) {
				b.Exec("./A", dmtree.Null)
				b.Delete("./B")
			}).FindCulprit()
		}, atomic: fails(507, 202, 404), want: "507 202 404!"},
		{name: "a command that is no Atomic", fill: func(b *session.Batch) {
			b.Sequence(func(b *session.Batch) { b.Delete("./A") }).FindCulprit()
		}, atomic: fails(507, 404), want: "507 404"},
	} {
		t.Run(test.name, func(t *testing.T) {
			fill := test.fill
			if fill == nil {
				fill = func(b *session.Batch) { four(b).FindCulprit() }
			}
			each(t, func(t *testing.T, enc syncml.Encoding) {
				for _, queued := range []bool{false, true} {
					var got []session.Result
					var over []session.TracedSession
					s := newServer(t, asks(&got, func(w *session.Writer) {
						if !queued {
							fill(&w.Batch)
						}
					}))
					s.Trace = &session.Trace{Ended: func(_ context.Context, s *session.TracedSession) { over = append(over, *s) }}
					var id session.WorkID
					if queued {
						id = enqueue(t, s, nil, fill)[0]
					}
					d := sessiontest.NewDevice(t, s)
					d.Encoding = enc
					m := d.Open()
					var a *syncml.Atomic
					switch c := sessiontest.Commands(m)[0].(type) {
					case *syncml.Atomic:
						a = c
					case *syncml.Sequence:
						a = (*syncml.Atomic)(c)
					}
					m = d.Send(answerAtomic(d, a, test.atomic...)...)
					var alone []string
					for len(sessiontest.Commands(m)) > 0 {
						require.Empty(t, got, "the Result waits for the end of the search")
						c := sessiontest.Commands(m)
						require.Len(t, c, 1)
						code := test.alone[len(alone)]
						alone = append(alone, strings.TrimPrefix(target(c[0]), "./"))
						if code == 0 {
							m = d.Send()
						} else {
							m = d.Send(d.Status(c[0], code))
						}
					}
					require.Equal(t, test.sent, strings.Join(alone, " "))
					if queued {
						r, err := s.Queue().Wait(t.Context(), id)
						require.NoError(t, err)
						require.Empty(t, got)
						got = append(got, *r)
					}
					require.Len(t, got, 1)
					require.Equal(t, test.want, spellAtomic(&got[0]))
					require.Len(t, over, 1)
					require.Equal(t, 1, over[0].Commands, "one command, one outcome")
				}
			})
		})
	}
}

// The search goes on where the session dies, and where messages are repeated; nothing is done twice that shows.
func TestFindCulpritSurvives(t *testing.T) {
	adds := func(b *session.Batch) {
		b.Atomic(func(b *session.Batch) {
			b.Add("./A", dmtree.String("1"))
			b.Add("./B", dmtree.String("2"))
			b.Delete("./C")
		}).FindCulprit().Label("set")
	}
	for _, queued := range []bool{false, true} {
		each(t, func(t *testing.T, enc syncml.Encoding) {
			var got []session.Result
			first := true
			h := session.HandlerFunc(func(w *session.Writer, r *session.Request) error {
				if first && !queued {
					adds(&w.Batch)
				}
				first = false
				got = append(got, r.Results...)
				return nil
			})
			group := nodes(t, 3, h)
			if queued {
				enqueue(t, group.nodes[0].(*session.Server), nil, adds)
			}
			d := sessiontest.NewDevice(t, group)
			d.Encoding = enc
			m := d.Open()
			d.Send(answerAtomic(d, sessiontest.Commands(m)[0].(*syncml.Atomic), 507, 216, 216, 216)...)
			m = d.Repeat() // S18
			require.Equal(t, []string{"Add ./A"}, sent(m))
			// The session dies; whether ./A was added nobody knows. It was.
			m = d.Open()
			require.Equal(t, []string{"Add ./A"}, sent(m))
			m = d.Send(d.Status(sessiontest.Commands(m)[0], 418))
			require.Equal(t, []string{"Replace ./A"}, sent(m), "that may be another's")
			m = d.Send(d.Status(sessiontest.Commands(m)[0], 200))
			require.Equal(t, []string{"Add ./B"}, sent(m))
			d.Send(alert(1223)) // whether ./B was added nobody knows
			m = d.Open()
			require.Equal(t, []string{"Add ./B"}, sent(m))
			m = d.SendPart(d.Status(sessiontest.Commands(m)[0], 200), alert(1222))
			require.Equal(t, []string{"Alert "}, sent(m))
			m = d.Send()
			require.Equal(t, []string{"Delete ./C"}, sent(m))
			require.Empty(t, got)
			m = d.Send(d.Status(sessiontest.Commands(m)[0], 404))
			require.Empty(t, sent(m))
			if queued {
				for w, err := range group.nodes[1].(*session.Server).Queue().List(t.Context(), "device-1") {
					require.NoError(t, err)
					got = append(got, *w.Result)
				}
			}
			require.Len(t, got, 1)
			require.Equal(t, "507 200+ 200+ 404+!", spellAtomic(&got[0]))
			require.Equal(t, "set", got[0].Label)
		})
	}
}

// A device that dies of each attempt ends the search: of that command nobody knows.
func TestFindCulpritUnknown(t *testing.T) {
	each(t, func(t *testing.T, enc syncml.Encoding) {
		s := newServer(t, nil)
		id := enqueue(t, s, nil, func(b *session.Batch) { four(b).FindCulprit() })[0]
		d := sessiontest.NewDevice(t, s)
		d.Encoding = enc
		m := d.Open()
		m = d.Send(answerAtomic(d, sessiontest.Commands(m)[0].(*syncml.Atomic), 507, 216, 216, 216, 216)...)
		m = d.Send(d.Status(sessiontest.Commands(m)[0], 200))
		for range 3 {
			require.Equal(t, []string{"Replace ./B"}, sent(m))
			m = d.Open()
		}
		require.Empty(t, sent(m))
		r, err := s.Queue().Wait(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, "507 200+ 0?+ 216 216", spellAtomic(r))
		require.ErrorContains(t, r.Children[1].Err(), "the session died")
		require.False(t, r.Unknown, "the Atomic has failed")
	})
}

// A device that dies of it, and says so, does not either.
func TestFindCulpritUnknownToDevice(t *testing.T) {
	each(t, func(t *testing.T, enc syncml.Encoding) {
		s := newServer(t, nil)
		id := enqueue(t, s, nil, func(b *session.Batch) { four(b).FindCulprit() })[0]
		d := sessiontest.NewDevice(t, s)
		d.Encoding = enc
		m := d.Open()
		m = d.Send(answerAtomic(d, sessiontest.Commands(m)[0].(*syncml.Atomic), 507)...)
		st := d.Status(sessiontest.Commands(m)[0], 500)
		st.Items = []syncml.Item{{Data: syncml.Text("outcome unknown")}}
		require.Empty(t, sent(d.Send(st)))
		r, err := s.Queue().Wait(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, "507 500?+ 0 0 0", spellAtomic(r), "nobody is to blame")
	})
}

// A command that does not fit any more ends the search, too: the device has changed its mind about what it takes.
func TestFindCulpritTooLarge(t *testing.T) {
	each(t, func(t *testing.T, enc syncml.Encoding) {
		s := newServer(t, nil)
		id := enqueue(t, s, nil, func(b *session.Batch) {
			b.Atomic(func(b *session.Batch) { b.Replace("./A", dmtree.String(strings.Repeat("x", 3000))) }).FindCulprit()
		})[0]
		d := sessiontest.NewDevice(t, s)
		d.Encoding = enc
		m := d.Open()
		d.Meta.MaxObjSize = 100
		m = d.Send(answerAtomic(d, sessiontest.Commands(m)[0].(*syncml.Atomic), 507, 216)...)
		require.Empty(t, sent(m))
		r, err := s.Queue().Wait(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, "507 216", spellAtomic(r))
	})
}

// An abort loses nothing that has been sent before, in this session or an earlier one.
func TestAbortKeepsWhatWasSent(t *testing.T) {
	each(t, func(t *testing.T, enc syncml.Encoding) {
		var got []session.Result
		abort, first := false, true
		d := sessiontest.NewDevice(t, newServer(t, session.HandlerFunc(func(w *session.Writer, r *session.Request) error {
			if first {
				w.Replace("./A", dmtree.Int(1)).Label("repeated")
				four(&w.Batch).FindCulprit()
			}
			first = false
			if abort {
				w.Abort()
			}
			got = append(got, r.Results...)
			return nil
		})))
		d.Encoding = enc
		m := d.Open()
		c := sessiontest.Commands(m)
		abort = true
		d.Send(append(answerAtomic(d, c[1].(*syncml.Atomic), 507), d.Status(c[0], 200))...)
		require.Len(t, got, 1)
		abort = false
		m = d.Open()
		require.Equal(t, []string{"Replace ./A"}, sent(m), "of the Atomic")
		abort = true
		require.Equal(t, []string{"Alert "}, sent(d.Open()))
		abort = false
		m = d.Open()
		require.Equal(t, []string{"Replace ./A"}, sent(m), "nobody knows what became of it")
		m = d.Send(d.Status(sessiontest.Commands(m)[0], 500))
		require.Empty(t, sent(m))
		require.Len(t, got, 2)
		require.Equal(t, "507 500+! 0 0 0", spellAtomic(&got[1]))
	})
}

// secretive is a tree whose transactions fail without a word about the reason; outside of one it says what is wrong.
type secretive struct{ *dmtree.Memory }

func (s secretive) Replace(ctx context.Context, u dmtree.URI, v dmtree.Value) error {
	if v.String() == "bad" {
		return dmtree.ErrPermission
	}
	return dmtree.Replace(ctx, s.Memory, u, v)
}

func (s secretive) Begin(ctx context.Context) (dmtree.Tx, error) {
	tx, err := s.Memory.Begin(ctx)
	return &secretiveTx{Tx: tx}, err
}

type secretiveTx struct {
	dmtree.Tx
	bad bool
}

func (t *secretiveTx) Keep() dmtree.Provider { return t.Tx.(dmtree.Keeper).Keep() }

func (t *secretiveTx) Replace(ctx context.Context, u dmtree.URI, v dmtree.Value) error {
	t.bad = t.bad || v.String() == "bad"
	return dmtree.Replace(ctx, t.Tx, u, v)
}

func (t *secretiveTx) Prepare(ctx context.Context) error {
	if t.bad {
		return errors.New("something is wrong")
	}
	return t.Tx.Prepare(ctx)
}

// Both ends, several nodes that die, and a line that loses messages: each set has one outcome, which blames the right
// command, and the tree is as the outcome says.
func TestFindCulpritUnderFaults(t *testing.T) {
	const sets, size = 6, 5
	for seed := range seeds(20) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 11))
			store := &flaky{r: r}
			tree := secretive{new(dmtree.Memory)}
			b := new(session.Batch)
			bad := make([]int, sets)
			for i := range sets {
				bad[i] = r.IntN(size + 1) // size: none
				b.Atomic(func(b *session.Batch) {
					for k := range size {
						u := dmtree.URI(fmt.Sprintf("./S%d/n%d", i, k))
						tree.Set(u, dmtree.String("old"))
						v := "new"
						if k == bad[i] {
							v = "bad"
						}
						b.Replace(u, dmtree.String(v))
					}
				}).FindCulprit()
			}
			p := sessiontest.New(t, nil, tree)
			p.Client.Encoding = encodings[seed%uint64(len(encodings))]
			group := new(roundRobin)
			for range 3 {
				s := newServer(t, nil)
				s.ID, s.Store, s.Logger = p.Server.ID, store, quiet()
				group.nodes = append(group.nodes, s)
			}
			p.Handler = group
			queue := session.NewQueue(&store.MemoryStore)
			ids, err := queue.Enqueue(t.Context(), "device-1", b, nil)
			require.NoError(t, err)
			row := 0
			p.Fault = func(int) sessiontest.Fault {
				f := sessiontest.Fault(r.IntN(10))
				if f > sessiontest.CutReply || row >= 2 {
					f = sessiontest.None
				}
				if row++; f == sessiontest.None {
					row = 0
				}
				return f
			}
			p.Client.Limits.Backoff, p.Client.Limits.Retries, p.Client.Limits.MaxBackoff = time.Millisecond, 1000, time.Millisecond
			p.Run(t.Context())
			for i, id := range ids {
				w, err := queue.Work(t.Context(), id)
				require.NoError(t, err)
				require.Equal(t, session.WorkDone, w.Status, "seed %d\n%s", seed, p.Trace())
				if bad[i] == size {
					require.NoError(t, w.Result.Err())
				} else {
					require.EqualValues(t, 507, w.Result.Status)
				}
				for k := range size {
					c := &w.Result.Children[k]
					want := "old"
					if k < bad[i] {
						want = "new"
						require.NoError(t, c.Err())
					}
					require.Equal(t, bad[i] < size && k <= bad[i], c.Alone, "seed %d: %s", seed, spellAtomic(w.Result))
					require.Equal(t, k == bad[i], c.Blamed)
					require.Equal(t, want, nodeValue(t, tree, c.URI), "seed %d: %s", seed, c.URI)
				}
			}
		})
	}
}
