package session_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/session"
	"github.com/omadm-sdk/omadm/session/sessiontest"
	"github.com/omadm-sdk/omadm/syncml"
)

// TestRedelivery: results and alerts are told again, under the same key, until the Handler returns nil.
func TestRedelivery(t *testing.T) {
	each(t, func(t *testing.T, enc syncml.Encoding) {
		var keys []string
		broken := true
		h := session.HandlerFunc(func(w *session.Writer, r *session.Request) error {
			if len(keys) == 0 && len(r.Alerts) == 0 {
				w.Get("./A")
			}
			for _, a := range r.Alerts {
				keys = append(keys, a.Key)
			}
			for _, res := range r.Results {
				keys = append(keys, res.ID)
			}
			if broken && len(r.Results) > 0 {
				w.Delete("./Everything") // discarded
				return errors.New("database is away")
			}
			return nil
		})
		d := sessiontest.NewDevice(t, newServer(t, h))
		d.Encoding = enc
		m := d.Open()
		m = d.Send(append(ok(d, m), alert(1226, event("com.example.x", "chr", "x")))...)
		want(t, m, `
			Status 1 2/0 SyncHdr 200
			Status 2 2/4 Alert 200
			Final`)
		require.Len(t, keys, 2)
		first := keys
		keys, broken = nil, false
		d.Open() // in a later session, since that one is over
		require.Equal(t, first, keys)
		keys = nil
		d.Open()
		require.Empty(t, keys)
	})
}

func TestHandlerStatusError(t *testing.T) {
	each(t, func(t *testing.T, enc syncml.Encoding) {
		h := session.HandlerFunc(func(w *session.Writer, r *session.Request) error {
			w.Get("./A")
			return &session.StatusError{Code: syncml.StatusServiceUnavailable, Text: "come back later"}
		})
		d := sessiontest.NewDevice(t, newServer(t, h))
		d.Encoding = enc
		want(t, d.Open(), `
			Status 1 1/0 SyncHdr 503
			Status 2 1/1 Alert 200
			Status 3 1/2 Replace 200
			Final`)
	})
}

func TestBatchMistakeIsAHandlerError(t *testing.T) {
	h := session.HandlerFunc(func(w *session.Writer, r *session.Request) error {
		w.Get("./A")
		w.Atomic(func(b *session.Batch) { b.Get("./B") })
		return nil
	})
	d := sessiontest.NewDevice(t, newServer(t, h))
	require.Empty(t, sessiontest.Commands(d.Open()))
}

// TestHandlers: each of several handlers hears of its own commands only, and fails alone.
func TestHandlers(t *testing.T) {
	each(t, func(t *testing.T, enc syncml.Encoding) {
		heard := make(map[string][]string)
		fail := ""
		one := func(name string, uri dmtree.URI) session.Handler {
			return session.HandlerFunc(func(w *session.Writer, r *session.Request) error {
				if fail == name {
					return errors.New("broken")
				}
				if r.First {
					w.Get(uri)
				}
				for _, res := range r.Results {
					heard[name] = append(heard[name], string(res.URI))
				}
				for _, a := range r.Alerts {
					heard[name] = append(heard[name], a.Type)
				}
				return nil
			})
		}
		h := session.Handlers{
			"b": one("b", "./B"),
			"a": one("a", "./A"),
			"c": session.Handlers{"d": one("d", "./D")},
		}
		d := sessiontest.NewDevice(t, newServer(t, h))
		d.Encoding = enc
		m := d.Open()
		require.Equal(t, []string{"Get ./A", "Get ./B", "Get ./D"}, sent(m))
		fail = "b"
		d.Send(append(ok(d, m), alert(1226, event("news", "chr", "x")))...)
		require.Equal(t, map[string][]string{"a": {"./A", "news"}, "d": {"./D", "news"}}, heard)
		fail = ""
		m = d.Open()
		require.Equal(t, []string{"./B", "news"}, heard["b"])
		require.Equal(t, []string{"./A", "news"}, heard["a"], "nobody hears anything twice")
		d.Send(ok(d, m)...)
		require.Equal(t, map[string][]string{
			"a": {"./A", "news", "./A"}, "b": {"./B", "news", "./B"}, "d": {"./D", "news", "./D"},
		}, heard)
	})
}

// failing is a store whose Commit fails as told.
type failing struct {
	session.MemoryStore
	fail func() error
}

func (s *failing) Commit(ctx context.Context, device string, rev int64, c *session.Change) error {
	if s.fail != nil {
		if err := s.fail(); err != nil {
			return err
		}
	}
	return s.MemoryStore.Commit(ctx, device, rev, c)
}

// TestCrashBetweenCommits: the node dies after it has committed what the device said, and before it has answered. The
// device repeats its message, perhaps to another node.
func TestCrashBetweenCommits(t *testing.T) {
	each(t, func(t *testing.T, enc syncml.Encoding) {
		store := new(failing)
		heard := make(map[string]int)
		h := session.HandlerFunc(func(w *session.Writer, r *session.Request) error {
			if r.First && len(r.Alerts) == 0 {
				w.Get("./A")
			}
			for _, a := range r.Alerts {
				heard[a.Key]++
				w.Replace("./Heard", a.Value)
			}
			for _, res := range r.Results {
				heard[res.ID]++
			}
			return nil
		})
		s := newServer(t, h)
		s.Store = store
		d := sessiontest.NewDevice(t, s)
		d.Encoding = enc
		m := d.Open()
		commits := 0
		store.fail = func() error {
			if commits++; commits == 2 {
				return errors.New("power cut")
			}
			return nil
		}
		d.MsgID++
		all := append(ok(d, m), alert(1226, event("news", "chr", "x")))
		for i, c := range all {
			c.SetID(string(rune('1' + i)))
		}
		body, err := syncml.Append(nil, &syncml.Message{Header: d.Header(), Commands: all, Final: true}, &syncml.EncoderOptions{Encoding: enc})
		require.NoError(t, err)
		require.Equal(t, 500, d.Post(enc.ContentType(), body).StatusCode)
		require.Equal(t, 2, commits)
		other := newServer(t, h)
		other.Store = store
		for range 2 { // the second time the answer is the stored one
			d2 := sessiontest.NewDevice(t, other)
			require.Equal(t, 200, d2.Post(enc.ContentType(), body).StatusCode)
			m, err = syncml.Unmarshal(d2.Body(), nil)
			require.NoError(t, err)
			want(t, m, `
				Status 1 2/0 SyncHdr 200
				Status 2 2/3 Alert 200
				Replace 3 ./Heard=x
				Final`)
		}
		require.Len(t, heard, 2)
		for key, n := range heard {
			require.Equal(t, 2, n, "%s: told once before the crash and once after", key)
		}
	})
}

// TestConflict: another node was faster; the message is handled on what it left.
func TestConflict(t *testing.T) {
	store := new(failing)
	calls := 0
	s := newServer(t, session.HandlerFunc(func(w *session.Writer, r *session.Request) error {
		if calls++; calls == 1 {
			w.Get("./A")
		}
		return nil
	}))
	s.Store = store
	conflicts := 0
	store.fail = func() error {
		if conflicts++; conflicts <= 3 {
			return session.ErrConflict
		}
		return nil
	}
	d := sessiontest.NewDevice(t, s)
	m := d.Open()
	require.Equal(t, 4, calls)
	require.Empty(t, sessiontest.Commands(m), "what came of the attempts that failed is gone")
}

func TestStoreFails(t *testing.T) {
	store := &failing{fail: func() error { return errors.New("disk is gone") }}
	s := newServer(t, idle)
	s.Store = store
	d := sessiontest.NewDevice(t, s)
	body := []byte(`<SyncML xmlns="SYNCML:SYNCML1.2"><SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto><SessionID>1</SessionID>` +
		`<MsgID>1</MsgID><Target><LocURI>x</LocURI></Target><Source><LocURI>device-1</LocURI></Source></SyncHdr><SyncBody>` +
		`<Alert><CmdID>1</CmdID><Data>1201</Data></Alert><Final/></SyncBody></SyncML>`)
	res := d.Post(syncml.TypeXML, body)
	require.Equal(t, 500, res.StatusCode)
	require.NotContains(t, string(d.Body()), "disk", "causes stay inside")
}

// TestOneAtATime: a slow handler delays its own device and nobody else.
func TestOneAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var running, most atomic.Int32
		h := session.HandlerFunc(func(w *session.Writer, r *session.Request) error {
			most.Store(max(most.Load(), running.Add(1)))
			time.Sleep(time.Second)
			running.Add(-1)
			return nil
		})
		s := newServer(t, h)
		begin := time.Now()
		done := make(chan string)
		for _, id := range []string{"device-1", "device-1", "device-1"} {
			go func() {
				d := sessiontest.NewDevice(t, s)
				d.ID = id
				d.Open()
				done <- id
			}()
		}
		for range 3 {
			<-done
		}
		require.EqualValues(t, 1, most.Load())
		// The three are one message: it was handled once, and answered three times.
		require.Equal(t, time.Second, time.Since(begin))

		begin, most = time.Now(), atomic.Int32{}
		for _, id := range []string{"a", "b", "c"} {
			go func() {
				d := sessiontest.NewDevice(t, s)
				d.ID = id
				d.Open()
				done <- id
			}()
		}
		for range 3 {
			<-done
		}
		require.EqualValues(t, 3, most.Load())
		require.Equal(t, time.Second, time.Since(begin))
	})
}

func TestShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, session.HandlerFunc(func(w *session.Writer, r *session.Request) error {
			time.Sleep(time.Second)
			return nil
		}))
		answered := make(chan struct{})
		go func() {
			sessiontest.NewDevice(t, s).Open()
			close(answered)
		}()
		synctest.Wait()
		short, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		require.ErrorIs(t, s.Shutdown(short), context.DeadlineExceeded)
		require.NoError(t, s.Shutdown(t.Context()))
		<-answered
		require.NoError(t, s.Shutdown(t.Context()))
		d := sessiontest.NewDevice(t, s)
		require.Equal(t, 503, d.Post(syncml.TypeXML, []byte("<SyncML/>")).StatusCode)
	})
}
