package session_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omadm-sdk/omadm/auth"
	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/internal/corpus"
	"github.com/omadm-sdk/omadm/internal/testca"
	"github.com/omadm-sdk/omadm/session"
	"github.com/omadm-sdk/omadm/session/sessiontest"
	"github.com/omadm-sdk/omadm/syncml"
)

// policyHandler answers each message with the policy of the corpus: an Atomic of 50 Replaces, 20 KB.
func policyHandler(tb testing.TB) session.Handler {
	h, err := newPolicyHandler()
	require.NoError(tb, err)
	return h
}

func newPolicyHandler() (session.Handler, error) {
	m, err := syncml.Unmarshal(corpus.Get("policy").XML, nil)
	if err != nil {
		return nil, err
	}
	var fill func(b *session.Batch)
	for _, c := range m.Commands {
		if a, ok := c.(*syncml.Atomic); ok {
			type setting struct {
				u dmtree.URI
				v dmtree.Value
			}
			var l []setting
			for _, c := range a.Commands {
				r := c.(*syncml.Replace)
				f, _ := dmtree.FormatOf(r.Items[0].Meta.Format)
				v, err := dmtree.Parse(f, r.Items[0].Data.String())
				if err != nil {
					return nil, err
				}
				l = append(l, setting{dmtree.URI(r.Items[0].Target.URI), v})
			}
			fill = func(b *session.Batch) {
				for i := range l {
					b.Replace(l[i].u, l[i].v)
				}
			}
		}
	}
	return session.HandlerFunc(func(w *session.Writer, r *session.Request) error {
		if r.Last {
			w.Atomic(fill)
		}
		return nil
	}), nil
}

// answers returns the n-th message of a session, of 2 KB: the statuses of what the one before was answered with, as many
// as that size holds.
func answers(b *bytes.Buffer, device string, n int) []byte {
	b.Reset()
	fmt.Fprintf(b, `<SyncML xmlns="SYNCML:SYNCML1.2"><SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto><SessionID>1</SessionID><MsgID>%d</MsgID>`+
		`<Target><LocURI>https://dm.example/dm</LocURI></Target><Source><LocURI>%s</LocURI></Source></SyncHdr><SyncBody>`+
		`<Status><CmdID>1</CmdID><MsgRef>%d</MsgRef><CmdRef>0</CmdRef><Cmd>SyncHdr</Cmd><Data>200</Data></Status>`, n, device, n-1)
	for i := 2; b.Len() < 1950; i++ {
		name := "Replace"
		if i == 2 {
			name = "Atomic"
		}
		fmt.Fprintf(b, `<Status><CmdID>%d</CmdID><MsgRef>%d</MsgRef><CmdRef>%d</CmdRef><Cmd>%s</Cmd><Data>200</Data></Status>`, i, n-1, i, name)
	}
	b.WriteString(`<Final/></SyncBody></SyncML>`)
	return b.Bytes()
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// fixed is the anchor: a handler that reads the message and answers with bytes that it has.
func fixed(reply []byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			panic(err)
		}
		w.Header().Set("Content-Type", syncml.TypeXML)
		w.Header().Set("Content-Length", strconv.Itoa(len(reply)))
		w.Write(reply)
	})
}

// BenchmarkServer compares the engine, with the memory store, with a net/http handler that writes fixed bytes: 2 KB in and
// 20 KB out, each message with a Handler that is told the results of the one before.
func BenchmarkServer(b *testing.B) {
	const device = "device-1"
	s := &session.Server{
		ID: "https://dm.example/dm", Handler: policyHandler(b), Logger: quiet(), Limits: session.Limits{Messages: -1},
	}
	ca := testca.New(b)
	s.Auth = &auth.ClientCert{Roots: ca.Pool(), Device: func(_ context.Context, c *x509.Certificate) (string, error) {
		return c.Subject.CommonName, nil
	}}
	serve := func(h http.Handler, tls bool) (*httptest.Server, *http.Client) {
		srv := httptest.NewUnstartedServer(h)
		b.Cleanup(srv.Close)
		tr := &http.Transport{}
		b.Cleanup(tr.CloseIdleConnections)
		if !tls {
			srv.Start()
			return srv, &http.Client{Transport: tr}
		}
		srv.TLS = ca.ServerTLS()
		srv.StartTLS()
		tr.TLSClientConfig = ca.ClientTLS(ca.Device(device))
		return srv, &http.Client{Transport: tr}
	}
	for _, tt := range []struct {
		name string
		tls  bool
	}{{"TLS kept", true}, {"HTTP kept", false}} {
		b.Run(tt.name, func(b *testing.B) {
			if !tt.tls {
				s.Auth, s.Store = trusting, new(session.MemoryStore)
			}
			engine, client := serve(s, tt.tls)
			msg, buf := 0, new(bytes.Buffer)
			exchange := func(c *http.Client, url string) []byte {
				msg++
				res, err := c.Post(url, syncml.TypeXML, bytes.NewReader(answers(buf, device, msg)))
				if err != nil {
					b.Fatal(err)
				}
				defer res.Body.Close()
				body, err := io.ReadAll(res.Body)
				if err != nil || res.StatusCode != 200 {
					b.Fatalf("%d %v %s", res.StatusCode, err, body)
				}
				return body
			}
			reply := exchange(client, engine.URL)
			if n := strings.Count(string(reply), "<Replace>"); n != 50 {
				b.Fatalf("%d Replaces, want 50: %.300s", n, reply)
			}
			anchor, anchorClient := serve(fixed(reply), tt.tls)
			exchange(anchorClient, anchor.URL)
			msg = 1

			var ours, theirs time.Duration
			var mine, others uint64
			var before, after runtime.MemStats
			for b.Loop() {
				const part = 20 // in turns, so that both see the same machine
				runtime.ReadMemStats(&before)
				begin := time.Now()
				for range part {
					exchange(client, engine.URL)
				}
				ours += time.Since(begin)
				runtime.ReadMemStats(&after)
				mine += after.Mallocs - before.Mallocs
				keep := msg
				before = after
				begin = time.Now()
				for range part {
					exchange(anchorClient, anchor.URL)
				}
				theirs += time.Since(begin)
				runtime.ReadMemStats(&after)
				others += after.Mallocs - before.Mallocs
				msg = keep
			}
			n := float64(20 * b.N)
			b.ReportMetric(float64(ours.Microseconds())/n, "µs/message")
			b.ReportMetric(float64(theirs.Microseconds())/n, "µs/fixed")
			b.ReportMetric(float64(theirs)/float64(ours), "×fixed")
			b.ReportMetric((float64(mine)-float64(others))/n, "allocs/message-more")
		})
	}
}

// BenchmarkExchange is the engine alone.
func BenchmarkExchange(b *testing.B) {
	s := &session.Server{ID: "x", Handler: policyHandler(b), Auth: trusting, Logger: quiet(), Limits: session.Limits{Messages: -1}}
	h := http.Header{"Content-Type": {syncml.TypeXML}}
	buf := new(bytes.Buffer)
	msg := 0
	b.ReportAllocs()
	for b.Loop() {
		msg++
		r, err := s.Exchange(b.Context(), start, &session.Exchange{HTTP: h, Body: answers(buf, "device-1", msg)})
		if err != nil || r.Status != 200 || len(r.Body) < 10_000 {
			b.Fatal(err, r)
		}
	}
}

// BenchmarkQueue is a cycle of the memory store: enqueue one command, load it, record its outcome.
func BenchmarkQueue(b *testing.B) {
	store := new(session.MemoryStore)
	body := []byte("a command")
	rev := int64(0)
	for i := 0; b.Loop(); i++ {
		id := session.WorkID(strconv.Itoa(i))
		if err := store.Commit(b.Context(), "d", session.AnyRev, &session.Change{Put: []session.Work{{ID: id, Body: body}}}); err != nil {
			b.Fatal(err)
		}
		r, err := store.Load(b.Context(), "d", start, 10)
		if err != nil || len(r.Work) != 1 {
			b.Fatal(err, r)
		}
		if err := store.Commit(b.Context(), "d", rev, &session.Change{Done: []session.Done{{ID: id, At: start}}}); err != nil {
			b.Fatal(err)
		}
		rev++
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "cycles/s")
}

// TestStateSize: what a session costs between two messages, beside its commands and the last reply.
func TestStateSize(t *testing.T) {
	size := func(n int) (state, work int) {
		store := new(session.MemoryStore)
		s := newServer(t, nil)
		s.Store = store
		enqueue(t, s, nil, func(b *session.Batch) {
			for i := range n {
				b.Get(dmtree.URI("./Vendor/MSFT/Node").Join(strconv.Itoa(i)))
			}
		})
		d := sessiontest.NewDevice(t, s)
		require.Len(t, sent(d.Open()), n)
		r, err := store.Load(t.Context(), d.ID, start, 1000)
		require.NoError(t, err)
		return len(r.State), len(r.Work)
	}
	none, _ := size(0)
	many, _ := size(200)
	t.Logf("%d bytes, and %d for each command that is out", none, (many-none)/200)
	require.Less(t, none, 640)
	require.LessOrEqual(t, (many-none)/200, 32)
}
