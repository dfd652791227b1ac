package session_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/session"
	"github.com/omadm-sdk/omadm/session/sessiontest"
)

// flaky is the store of several nodes, any of which may die before or after a commit.
type flaky struct {
	session.MemoryStore
	r *rand.Rand
}

var errDied = errors.New("the node has died")

func (s *flaky) Commit(ctx context.Context, device string, rev int64, c *session.Change) error {
	if s.r.IntN(5) == 0 {
		return errDied
	}
	if err := s.MemoryStore.Commit(ctx, device, rev, c); err != nil {
		return err
	}
	if s.r.IntN(5) == 0 {
		return errDied // committed, and nobody knows
	}
	return nil
}

// TestNodesThatDie has a device call three nodes in turn, with a proxy between that loses, doubles and cuts messages, and
// nodes that die around their commits. The device repeats its messages, so each queued command is done once and has one
// outcome, and a Handler hears of each of its commands.
func TestNodesThatDie(t *testing.T) {
	const commands = 30
	for seed := range seeds(30) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 3))
			store := &flaky{r: r}
			heard := make(map[string]bool) // by Result.ID
			h := session.HandlerFunc(func(w *session.Writer, req *session.Request) error {
				if req.First {
					w.Exec("./Hello", dmtree.Null)
				}
				for _, res := range req.Results {
					heard[res.ID] = true
				}
				return nil
			})
			device := newLedger()
			device.Set("./A", dmtree.Interior())
			p := sessiontest.New(t, h, device)
			var group roundRobin
			for range 3 {
				s := newServer(t, h)
				s.ID, s.Store, s.Logger = p.Server.ID, store, quiet()
				group.nodes = append(group.nodes, s)
			}
			p.Handler = &group
			queue := session.NewQueue(&store.MemoryStore)
			var ids []session.WorkID
			b := new(session.Batch)
			for i := range commands {
				u := dmtree.URI("./A").Join(fmt.Sprint(i))
				switch i % 3 {
				case 0:
					b.Exec(u, dmtree.Null)
				case 1:
					b.Add(u, dmtree.Int(1))
				case 2:
					b.Get("./A")
				}
			}
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
				require.Equal(t, session.WorkDone, w.Status, "seed %d: command %d\n%s", seed, i, p.Trace())
				require.NoError(t, w.Result.Err(), "seed %d: command %d", seed, i)
				if u := dmtree.URI("./A").Join(fmt.Sprint(i)); i%3 == 0 {
					require.Equal(t, 1, device.runs[u], "seed %d: %s", seed, u)
				}
			}
			require.GreaterOrEqual(t, device.runs["./Hello"], 1)
			require.Len(t, heard, device.runs["./Hello"])
		})
	}
}
