package session_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omadm-sdk/omadm/auth"
	"github.com/omadm-sdk/omadm/internal/benchproc"
	"github.com/omadm-sdk/omadm/internal/corpus"
	"github.com/omadm-sdk/omadm/internal/testca"
	"github.com/omadm-sdk/omadm/session"
	"github.com/omadm-sdk/omadm/syncml"
)

// benchServers run in processes of their own: the engine with the memory store, and the anchor, which answers the first
// message of a session and those after it with bytes that it has.
var benchServers = map[string]benchproc.Maker{
	"engine": func(_ string, roots *x509.CertPool, control *http.ServeMux) (http.Handler, error) {
		return benchEngine(roots), nil
	},
	"fixed": func(_ string, roots *x509.CertPool, _ *http.ServeMux) (http.Handler, error) {
		first, second, err := benchReplies()
		if err != nil {
			return nil, err
		}
		h1, h2 := fixed(first), fixed(second)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/2" {
				h2.ServeHTTP(w, r)
			} else {
				h1.ServeHTTP(w, r)
			}
		}), nil
	},
}

// benchEngine answers the first message of a session with the policy of the corpus, 16 KB, and has nothing more to say.
func benchEngine(roots *x509.CertPool) *session.Server {
	policy, err := newPolicyHandler()
	if err != nil {
		panic(err) // the corpus is ours
	}
	return &session.Server{
		ID: "https://dm.example/dm", Logger: quiet(),
		Handler: session.HandlerFunc(func(w *session.Writer, r *session.Request) error {
			if r.First {
				return policy.ServeDM(w, r)
			}
			return nil
		}),
		Auth: &auth.ClientCert{Roots: roots, Device: func(_ context.Context, c *x509.Certificate) (string, error) {
			return c.Subject.CommonName, nil
		}},
	}
}

// benchReplies returns what the engine answers to the two messages of a session.
func benchReplies() (first, second []byte, err error) {
	s := benchEngine(nil)
	s.Auth = trusting
	for _, msg := range [][]byte{firstMessage(benchDevice(0), 1), answers(new(bytes.Buffer), benchDevice(0), 2)} {
		r, err := s.Exchange(context.Background(), start, &session.Exchange{HTTP: http.Header{"Content-Type": {syncml.TypeXML}}, Body: msg})
		if err != nil {
			return nil, nil, err
		}
		first, second = second, r.Body
	}
	if len(first) < 10_000 || len(second) > 1000 || len(second) == 0 {
		return nil, nil, fmt.Errorf("replies of %d and %d bytes, want a policy and an end", len(first), len(second))
	}
	return first, second, nil
}

func benchDevice(i int) string { return fmt.Sprintf("urn:uuid:7d0ab4be-15a3-4c31-9d2c-%012d", i) }

var pkg1 = sync.OnceValue(func() []byte { return corpus.Get("pkg1").XML })

// firstMessage returns the first message of a session, that of the corpus: 2 KB, as Windows sends it.
func firstMessage(device string, id int) []byte {
	msg := pkg1()
	for name, value := range map[string]string{"SessionID": fmt.Sprintf("%X", id&0xFFFF), "Source": "<LocURI>" + device + "</LocURI>"} {
		before, rest, _ := bytes.Cut(msg, []byte("<"+name+">"))
		_, after, _ := bytes.Cut(rest, []byte("</"+name+">"))
		msg = slices.Concat(before, []byte("<"+name+">"+value+"</"+name+">"), after)
	}
	return msg
}

// A benchClient is a device that holds one session after the other.
type benchClient struct {
	device string
	http   *http.Client
	id     int
	buf    bytes.Buffer
}

// session holds one session and returns how long each of its messages took.
func (c *benchClient) session(p *benchproc.Process) (took [2]time.Duration, err error) {
	c.id++
	second := bytes.Replace(answers(&c.buf, c.device, 2), []byte("<SessionID>1<"), fmt.Appendf(nil, "<SessionID>%X<", c.id&0xFFFF), 1)
	for i, body := range [][]byte{firstMessage(c.device, c.id), second} {
		begin := time.Now()
		n, err := c.post(p.URL+"/"+strconv.Itoa(i+1), body)
		if err != nil {
			return took, err
		}
		if (n > 10_000) != (i == 0) {
			return took, fmt.Errorf("message %d: a reply of %d bytes", i+1, n)
		}
		took[i] = time.Since(begin)
	}
	return took, nil
}

func (c *benchClient) post(url string, body []byte) (int64, error) {
	res, err := c.http.Post(url, syncml.TypeXML, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return 0, errors.New(res.Status)
	}
	return io.Copy(io.Discard, res.Body)
}

// devices returns n devices, each with a certificate. Key exchange is the cheapest there is, so that the engine shows most.
func devices(ca *testca.CA, n int, resume bool) []*benchClient {
	l := make([]*benchClient, n)
	for i := range l {
		d := &benchClient{device: benchDevice(i)}
		conf := ca.ClientTLS(ca.Device(d.device))
		conf.CurvePreferences = []tls.CurveID{tls.X25519}
		if resume {
			conf.ClientSessionCache = tls.NewLRUClientSessionCache(8)
		}
		d.http = &http.Client{Transport: &http.Transport{TLSClientConfig: conf}}
		l[i] = d
	}
	return l
}

// BenchmarkSession compares what sessions cost the engine, with the memory store, with what they cost a net/http handler
// that writes fixed bytes. Both are processes of their own, so the ratio is that of the servers' processor time alone, and
// not thinned by what the clients do. 16 devices call at a time.
func BenchmarkSession(b *testing.B) {
	for _, tt := range []struct {
		name         string
		resume, kept bool
	}{
		{"full handshake", false, false},
		{"resumed", true, false},
		{"kept connection", false, true},
	} {
		b.Run(tt.name, func(b *testing.B) {
			const n = 16
			ca := testca.New(b)
			type side struct {
				*benchproc.Process
				devices  []*benchClient
				cpu      []float64
				sessions []time.Duration
			}
			sides := make([]*side, 2)
			for i, name := range []string{"engine", "fixed"} {
				sides[i] = &side{Process: benchproc.Start(b, ca, name), devices: devices(ca, n, tt.resume)}
			}
			const each = 10
			run := func(s *side) {
				var mu sync.Mutex
				before := s.CPU()
				parallel(b, n, func(i int) error {
					d := s.devices[i]
					for range each {
						took, err := d.session(s.Process)
						if err != nil {
							return err
						}
						if !tt.kept {
							d.http.CloseIdleConnections()
						}
						mu.Lock()
						s.sessions = append(s.sessions, took[0]+took[1])
						mu.Unlock()
					}
					return nil
				})
				s.cpu = append(s.cpu, float64((s.CPU()-before).Microseconds())/(n*each))
			}
			for _, s := range sides {
				run(s)
				s.cpu, s.sessions = nil, nil
			}
			for b.Loop() {
				for _, s := range sides {
					run(s)
				}
			}
			ours, theirs := sides[0], sides[1]
			b.ReportMetric(median(ours.cpu), "µs-cpu/session")
			b.ReportMetric(median(theirs.cpu), "µs-cpu/fixed")
			if median(ours.cpu) > 0 {
				b.ReportMetric(median(theirs.cpu)/median(ours.cpu), "×fixed")
			}
			p99 := func(l []time.Duration) float64 {
				slices.Sort(l)
				return float64(l[len(l)*99/100].Microseconds()) / 1000
			}
			b.ReportMetric(p99(ours.sessions), "ms-p99")
			b.ReportMetric(p99(theirs.sessions), "ms-p99-fixed")
			b.ReportMetric(p99(ours.sessions)/p99(theirs.sessions), "×fixed-p99")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// BenchmarkIdleConnection is the live memory of a connection that waits for the next message of its session, beside one of
// the anchor: what is gone when all of them are closed. The session itself is still there then.
func BenchmarkIdleConnection(b *testing.B) {
	const n = 500
	ca := testca.New(b)
	all := devices(ca, n, false)
	sides := []*benchproc.Process{benchproc.Start(b, ca, "engine"), benchproc.Start(b, ca, "fixed")}
	per := make([][]float64, len(sides))
	for b.Loop() {
		for i, p := range sides {
			for _, d := range all {
				d.id++
				_, err := d.post(p.URL+"/1", firstMessage(d.device, d.id))
				require.NoError(b, err)
			}
			memory, goroutines := p.Memory(), p.Goroutines()
			for _, d := range all {
				d.http.CloseIdleConnections()
			}
			left := p.Goroutines()
			for wait := 0; left > goroutines-n && wait < 100; wait++ {
				time.Sleep(10 * time.Millisecond)
				left = p.Goroutines()
			}
			// One goroutine for each connection is net/http's. There are no others: closing them leaves none.
			require.Equal(b, goroutines-n, left, "goroutines")
			per[i] = append(per[i], float64(memory-p.Memory())/n)
		}
	}
	b.ReportMetric(median(per[0]), "B/connection")
	b.ReportMetric(median(per[1]), "B/connection-fixed")
	b.ReportMetric(median(per[0])/median(per[1]), "×fixed")
	b.ReportMetric(0, "ns/op")
}
