package stores

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omadm-sdk/omadm/auth"
	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/internal/benchproc"
	"github.com/omadm-sdk/omadm/internal/corpus"
	"github.com/omadm-sdk/omadm/internal/testca"
	"github.com/omadm-sdk/omadm/session"
	"github.com/omadm-sdk/omadm/session/sqlstore"
	"github.com/omadm-sdk/omadm/syncml"
)

func TestMain(m *testing.M) {
	benchproc.Main(benchServers)
	os.Exit(m.Run())
}

// benchServers run in processes of their own: the engine over SQLite, and the anchor, which answers the first message of a
// session and the second with bytes that it has.
var benchServers = map[string]benchproc.Maker{
	"sqlite": func(dir string, roots *x509.CertPool, control *http.ServeMux) (http.Handler, error) {
		db, err := openDB(filepath.Join(dir, "db"))
		if err != nil {
			return nil, err
		}
		store := sqlstore.New(db, sqlstore.SQLite)
		if err := store.Migrate(context.Background()); err != nil {
			return nil, err
		}
		s := benchEngine(store)
		s.Auth = &auth.ClientCert{Roots: roots, Device: func(_ context.Context, c *x509.Certificate) (string, error) {
			return c.Subject.CommonName, nil
		}}
		policy, err := policyBatch()
		if err != nil {
			return nil, err
		}
		control.HandleFunc("/enqueue", func(w http.ResponseWriter, r *http.Request) { // the policy, for each device
			for i := range benchDevices {
				if _, err := s.Queue().Enqueue(r.Context(), benchDevice(i), policy, nil); err != nil {
					http.Error(w, err.Error(), http.StatusInternalServerError)
				}
			}
		})
		control.HandleFunc("/done", func(w http.ResponseWriter, r *http.Request) { // how many have an outcome
			n := 0
			if err := db.QueryRow(`SELECT count(*) FROM omadm_work WHERE status = 2`).Scan(&n); err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
			}
			fmt.Fprint(w, n)
		})
		return s, nil
	},
	"fixed": func(string, *x509.CertPool, *http.ServeMux) (http.Handler, error) {
		replies, err := benchReplies()
		if err != nil {
			return nil, err
		}
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if _, err := io.Copy(io.Discard, r.Body); err != nil {
				panic(err)
			}
			reply := replies[r.URL.Path[1]-'1']
			w.Header().Set("Content-Type", syncml.TypeXML)
			w.Header().Set("Content-Length", strconv.Itoa(len(reply)))
			w.Write(reply)
		}), nil
	},
}

func benchEngine(store session.Store) *session.Server {
	return &session.Server{
		ID: "https://dm.example/dm", Auth: trusting, Store: store, Logger: slog.New(slog.DiscardHandler),
	}
}

// policyBatch returns the policy of the corpus: an Atomic of 50 Replaces.
func policyBatch() (*session.Batch, error) {
	m, err := syncml.Unmarshal(corpus.Get("policy").XML, nil)
	if err != nil {
		return nil, err
	}
	b := new(session.Batch)
	for _, c := range m.Commands {
		a, ok := c.(*syncml.Atomic)
		if !ok {
			continue
		}
		b.Atomic(func(b *session.Batch) {
			for _, c := range a.Commands {
				item := c.(*syncml.Replace).Items[0]
				f, _ := dmtree.FormatOf(item.Meta.Format)
				v, e := dmtree.Parse(f, item.Data.String())
				err = errors.Join(err, e)
				b.Replace(dmtree.URI(item.Target.URI), v)
			}
		})
	}
	return b, errors.Join(err, b.Err())
}

// benchReplies returns what the engine answers to the two messages of a session.
func benchReplies() (replies [2][]byte, err error) {
	s := benchEngine(nil)
	policy, err := policyBatch()
	if err != nil {
		return replies, err
	}
	if _, err := s.Queue().Enqueue(context.Background(), benchDevice(0), policy, nil); err != nil {
		return replies, err
	}
	for i := range replies {
		r, err := s.Exchange(context.Background(), cycleStart, &session.Exchange{
			HTTP: http.Header{"Content-Type": {syncml.TypeXML}}, Body: benchMessage(benchDevice(0), 1, i+1),
		})
		if err != nil {
			return replies, err
		}
		replies[i] = r.Body
	}
	if len(replies[0]) < 10_000 || len(replies[1]) > 1000 {
		return replies, fmt.Errorf("replies of %d and %d bytes, want a policy and an end", len(replies[0]), len(replies[1]))
	}
	return replies, nil
}

// benchDevices is how many call at a time.
const benchDevices = 16

func benchDevice(i int) string { return fmt.Sprintf("urn:uuid:7d0ab4be-15a3-4c31-9d2c-%012d", i) }

var pkg1 = sync.OnceValue(func() []byte { return corpus.Get("pkg1").XML })

// benchMessage returns one of the two messages of a session, of 2 KB: the first as the corpus has it, the second with as
// many statuses as that size holds.
func benchMessage(device string, sessionID, n int) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, `<SyncML xmlns="SYNCML:SYNCML1.2"><SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto><SessionID>%X</SessionID><MsgID>%d</MsgID>`+
		`<Target><LocURI>https://dm.example/dm</LocURI></Target><Source><LocURI>%s</LocURI></Source></SyncHdr>`, sessionID&0xFFFF, n, device)
	if n == 1 {
		_, body, _ := bytes.Cut(pkg1(), []byte("</SyncHdr>"))
		b.Write(body)
		return b.Bytes()
	}
	b.WriteString(`<SyncBody><Status><CmdID>1</CmdID><MsgRef>1</MsgRef><CmdRef>0</CmdRef><Cmd>SyncHdr</Cmd><Data>200</Data></Status>`)
	for i := 2; b.Len() < 1950; i++ {
		fmt.Fprintf(&b, `<Status><CmdID>%d</CmdID><MsgRef>1</MsgRef><CmdRef>%d</CmdRef><Cmd>Replace</Cmd><Data>200</Data></Status>`, i, i+5)
	}
	b.WriteString(`<Final/></SyncBody></SyncML>`)
	return b.Bytes()
}

// BenchmarkSQLiteSession compares what a session with a new connection costs the engine over SQLite, every commit on the
// disk, with what it costs a net/http handler that writes fixed bytes. 16 devices call at a time, each of which is given a
// policy from the queue and acknowledges it. Both servers are processes of their own: the ratio is that of their
// processor time.
func BenchmarkSQLiteSession(b *testing.B) {
	const each = 20
	ca := testca.New(b)
	type side struct {
		*benchproc.Process
		clients      [benchDevices]*http.Client
		cpu, seconds []float64 // a session
	}
	sides := make([]*side, 2)
	for i, name := range []string{"sqlite", "fixed"} {
		sides[i] = &side{Process: benchproc.Start(b, ca, name)}
		for d := range benchDevices {
			conf := ca.ClientTLS(ca.Device(benchDevice(d)))
			conf.CurvePreferences = []tls.CurveID{tls.X25519} // the cheapest there is
			sides[i].clients[d] = &http.Client{Transport: &http.Transport{TLSClientConfig: conf}}
		}
	}
	ours, theirs := sides[0], sides[1]
	run := func(s *side, round int) (cpu, seconds float64) {
		before := s.CPU()
		seconds = parallel(b, benchDevices, func(d int) error {
			defer s.clients[d].CloseIdleConnections()
			for n := 1; n <= 2; n++ {
				body := benchMessage(benchDevice(d), round, n)
				res, err := s.clients[d].Post(s.URL+"/"+strconv.Itoa(n), syncml.TypeXML, bytes.NewReader(body))
				if err != nil {
					return err
				}
				size, err := io.Copy(io.Discard, res.Body)
				res.Body.Close()
				if err != nil || res.StatusCode != http.StatusOK || (size > 10_000) != (n == 1) {
					return fmt.Errorf("message %d: %s, a reply of %d bytes, %v", n, res.Status, size, err)
				}
			}
			return nil
		})
		return float64((s.CPU() - before).Microseconds()), seconds
	}
	rounds := 0
	for b.Loop() {
		for _, s := range sides {
			var cpu, seconds float64
			for range each {
				if s == ours {
					rounds++
					s.Control("/enqueue")
				}
				c, t := run(s, rounds)
				cpu, seconds = cpu+c, seconds+t
			}
			s.cpu, s.seconds = append(s.cpu, cpu/(benchDevices*each)), append(s.seconds, seconds/(benchDevices*each))
		}
	}
	require.Equal(b, strconv.Itoa(rounds*benchDevices), ours.Control("/done"), "commands that have an outcome")
	b.ReportMetric(median(ours.cpu), "µs-cpu/session")
	b.ReportMetric(median(theirs.cpu), "µs-cpu/fixed")
	if median(ours.cpu) > 0 {
		b.ReportMetric(median(theirs.cpu)/median(ours.cpu), "×fixed")
	}
	b.ReportMetric(1/median(ours.seconds), "sessions/s")
	b.ReportMetric(median(theirs.seconds)/median(ours.seconds), "×fixed-sessions/s")
	b.ReportMetric(0, "ns/op")
}
