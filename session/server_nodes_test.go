package session_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/session"
	"github.com/omadm-sdk/omadm/session/sessiontest"
	"github.com/omadm-sdk/omadm/syncml"
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

// overheard is a server, and all that devices have said to it.
type overheard struct {
	*session.Server
	said [][]byte
}

func (o *overheard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	o.said = append(o.said, body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	o.Server.ServeHTTP(w, r)
}

// TestLateCopy: a copy of the first message of a session that comes when the device has gone on, by a proxy or a node that
// was slow, begins no session and ends none.
func TestLateCopy(t *testing.T) {
	each(t, func(t *testing.T, enc syncml.Encoding) {
		synctest.Test(t, func(t *testing.T) {
			s := &overheard{Server: newServer(t, nil)}
			d := sessiontest.NewDevice(t, s)
			d.Encoding = enc
			late := func(n int) *http.Response { // the n-th message once more
				return sessiontest.NewDevice(t, s.Server).Post(enc.ContentType(), s.said[n])
			}
			refused := func(n int, after string) {
				t.Helper()
				res := late(n)
				require.Equal(t, 503, res.StatusCode)
				require.Equal(t, after, res.Header.Get("Retry-After"))
			}
			fill := func(b *session.Batch) {
				b.Exec("./A", dmtree.Null)
				b.Replace("./B", dmtree.Int(1))
			}
			ids := enqueue(t, s.Server, nil, fill)
			m := d.Open()
			require.Equal(t, 200, late(0).StatusCode, "the last message: it gets its answer")
			ids = append(ids, enqueue(t, s.Server, nil, fill)...)
			time.Sleep(30 * time.Second)
			m = d.Send(ok(d, m)...)
			require.Equal(t, []string{"Exec ./A", "Replace ./B"}, sent(m))
			refused(0, "90") // in the middle of the session
			require.Equal(t, "leased", state(t, s.Server, ids[3]))
			require.Equal(t, 200, late(1).StatusCode, "what was the last message still is")
			m = d.Send(ok(d, m)...)
			require.Empty(t, sent(m))
			for _, id := range ids {
				require.Equal(t, "done 200", state(t, s.Server, id))
			}

			waits := enqueue(t, s.Server, nil, fill)
			refused(0, "90") // when it is over
			require.Equal(t, "waiting", state(t, s.Server, waits[0]))
			time.Sleep(30 * time.Second)
			m = d.Open()
			refused(0, "60") // in the next session
			d.Send(ok(d, m)...)
			require.Equal(t, "done 200", state(t, s.Server, waits[0]))

			// A device whose sessions all have the same number, and which says the same each time, has to wait.
			time.Sleep(61 * time.Second)
			require.Equal(t, 200, late(0).StatusCode)
		})
	})
}
