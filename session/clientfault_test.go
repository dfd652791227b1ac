package session_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/session"
	"github.com/omadm-sdk/omadm/session/sessiontest"
	"github.com/omadm-sdk/omadm/syncml"
)

// ledger is a device that notes each effect.
type ledger struct {
	*dmtree.Memory
	mu   sync.Mutex
	runs map[dmtree.URI]int
	dies func() // while it is at it; nil: it does not
}

func newLedger() *ledger { return &ledger{Memory: new(dmtree.Memory)} }

func (l *ledger) Exec(_ context.Context, u dmtree.URI, _ dmtree.Value) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.runs == nil {
		l.runs = make(map[dmtree.URI]int)
	}
	l.runs[u]++
	if l.dies != nil {
		l.dies()
	}
	return nil
}

// Messages are lost, doubled and cut between a device and a server, both real: as long as the device repeats its message,
// every command has one effect and one outcome.
func TestFaultsOnTheLine(t *testing.T) {
	const rounds, each1 = 5, 4
	for seed := range seeds(30) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 7))
			outcomes := make(map[string]int)
			alerts := 0
			round := 0
			h := session.HandlerFunc(func(w *session.Writer, req *session.Request) error {
				for _, res := range req.Results {
					outcomes[res.Label]++
					if res.Err() != nil {
						t.Errorf("seed %d: %s: %v", seed, res.Label, res.Err())
					}
				}
				for _, a := range req.Alerts {
					if a.Type == "com.example:done" {
						alerts++
					}
				}
				if round == rounds || !req.Last {
					return nil
				}
				round++
				for i := range each1 {
					u := dmtree.URI(fmt.Sprintf("./A/r%dn%d", round, i))
					w.Add(u, dmtree.Int(1)).Label("add " + string(u))
					w.Exec(u, dmtree.Null).Label("exec " + string(u))
				}
				return nil
			})
			device := newLedger()
			device.Set("./A", dmtree.Interior())
			p := sessiontest.New(t, h, device)
			p.Client.Encoding = encodings[seed%uint64(len(encodings))]
			if r.IntN(2) == 0 {
				p.Client.Store = new(session.MemoryClientStore)
			}
			row := 0 // faults in a row: fewer than the client's retries
			p.Fault = func(n int) sessiontest.Fault {
				f := sessiontest.Fault(r.IntN(8))
				if f > sessiontest.CutReply || row == session.DefaultRetries {
					f = sessiontest.None
				}
				if row++; f == sessiontest.None || f == sessiontest.Double {
					row = 0
				}
				time.Sleep(time.Duration(r.IntN(3)) * time.Second) // slow
				return f
			}
			require.NoError(t, p.Client.Raise(t.Context(), &syncml.Alert{Code: syncml.AlertGeneric, Items: []syncml.Item{{
				Meta: syncml.Meta{Type: "com.example:done", Format: "int"}, Data: syncml.Text("1")}}}))
			p.Client.Limits.Backoff = time.Second
			sum := p.Run(t.Context())
			require.Equal(t, rounds*each1*2, len(outcomes), "seed %d\n%s", seed, p.Trace())
			for label, n := range outcomes {
				require.Equal(t, 1, n, "seed %d: outcomes of %s", seed, label)
			}
			require.Len(t, device.runs, rounds*each1)
			for u, n := range device.runs {
				require.Equal(t, 1, n, "seed %d: %s was run", seed, u)
			}
			require.Equal(t, 1, alerts, "seed %d", seed)
			require.Zero(t, sum.Failed)
		})
	}
}

// The device dies at any moment and comes back, with nothing but its tree and its store. Every command has one outcome
// and at most one effect; only of an Exec may nobody know whether it was run, and then the device says so.
func TestDyingDevice(t *testing.T) {
	const commands = 6
	unknown := 0
	for seed := range seeds(50) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 9))
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
				w.Exec(u, dmtree.Null).Label("exec " + string(u))
				w.Atomic(func(b *session.Batch) {
					b.Add(u+"a", dmtree.Int(1))
					b.Add(u+"b", dmtree.Int(1))
				}).Label("atomic " + string(u))
				return nil
			})
			device := newLedger()
			device.Set("./A", dmtree.Interior())
			device.dies = func() {
				if r.IntN(4) == 0 {
					panic(crash{})
				}
			}
			store := &dyingStore{}
			p := sessiontest.New(t, h, device)
			for range 100 {
				c := &session.Client{URL: p.Client.URL, ID: p.Client.ID, Tree: device, HTTP: p.Client.HTTP, Logger: p.Client.Logger, Store: store}
				store.n, store.after = 1+r.IntN(8), r.IntN(2) == 0
				if survives(func() {
					_, err := c.Run(t.Context(), nil)
					require.NoError(t, err)
				}) && asked == commands {
					break
				}
				time.Sleep(time.Duration(r.IntN(5)) * time.Second) // the session is still open then
			}
			require.Equal(t, commands*3, len(outcomes), "seed %d\n%s", seed, p.Trace())
			for label, res := range outcomes {
				var kind string
				var u dmtree.URI
				_, err := fmt.Sscanf(label, "%s %s", &kind, &u)
				require.NoError(t, err)
				if kind != "exec" {
					require.NoError(t, res.Err(), "seed %d: %s", seed, label)
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
		})
	}
	require.NotZero(t, unknown, "the test does not reach the case")
}

// survives runs f and reports whether the process lives on.
func survives(f func()) (lives bool) {
	defer func() {
		if r := recover(); r != nil && r != (crash{}) {
			panic(r)
		}
	}()
	f()
	return true
}
