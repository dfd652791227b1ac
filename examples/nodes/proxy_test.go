package nodes

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omadm-sdk/omadm/internal/testca"
	"github.com/omadm-sdk/omadm/session/sqlstore"
)

// A fault is what a proxy does to a message and its answer.
type fault int

const (
	passOn      fault = iota
	loseRequest       // the server does not get the message
	cutRequest        // the server gets half of it
	loseReply         // the device does not get the answer
	cutReply          // the device gets half of it
	hangUp            // the proxy does not wait for the answer
	delay             // message and answer take their time
	double            // two nodes get the message at the same time
	late              // the server gets the message once more, when the device has gone on
	overtaken         // the server gets the message after the device has repeated it
	unavailable       // the proxy has an answer of its own
	faults
)

func (f fault) String() string {
	return [...]string{"passed on", "lost", "cut", "answers lost", "answers cut", "hung up on", "delayed", "doubled", "doubled late",
		"overtaken", "refused"}[f]
}

// weights says how often each fault happens, in hundredths.
var weights = [faults]int{passOn: 56, loseRequest: 5, cutRequest: 4, loseReply: 6, cutReply: 4, hangUp: 4, delay: 6, double: 6, late: 5,
	overtaken: 1, unavailable: 3}

// A proxy ends TLS in front of several nodes, as reverse proxies do, and is a bad one.
type proxy struct {
	url     string
	address func() string // of the next node
	client  *http.Client
	seed    uint64
	counts  [faults]atomic.Int64
	left    sync.WaitGroup // deliveries for which nobody waits

	mu    sync.Mutex
	rands map[string]*rand.Rand // by device
}

// newProxy starts a proxy.
func newProxy(t *testing.T, ca *testca.CA, seed uint64, address func() string) *proxy {
	transport := &http.Transport{MaxIdleConnsPerHost: 2 * atATime}
	p := &proxy{address: address, seed: seed, client: &http.Client{Transport: transport}, rands: make(map[string]*rand.Rand)}
	srv := httptest.NewUnstartedServer(p)
	srv.TLS = ca.ServerTLS()
	srv.StartTLS()
	t.Cleanup(func() {
		srv.Close()
		p.left.Wait()
		transport.CloseIdleConnections()
	})
	p.url = srv.URL + "/dm"
	return p
}

// String returns the figures.
func (p *proxy) String() string {
	var b strings.Builder
	for f := range faults {
		if f > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%d %s", p.counts[f].Load(), f)
	}
	return b.String()
}

// chance decides about the next message of a device. What happens to one device does not depend on others.
func (p *proxy) chance(device string) (f fault, cut float64, wait time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.rands[device]
	if r == nil {
		h := fnv.New64a()
		h.Write([]byte(device))
		r = rand.New(rand.NewPCG(p.seed, h.Sum64()))
		p.rands[device] = r
	}
	n := r.IntN(100)
	for f = 0; n >= weights[f]; f++ {
		n -= weights[f]
	}
	return f, r.Float64(), time.Duration(r.Int64N(int64(100 * time.Millisecond)))
}

// ServeHTTP implements http.Handler.
func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil || len(r.TLS.PeerCertificates) == 0 {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	cert := r.TLS.PeerCertificates[0]
	m := &message{url: r.URL.RequestURI(), header: r.Header.Clone(), body: body}
	m.header.Set("Client-Cert", ":"+base64.StdEncoding.EncodeToString(cert.Raw)+":")
	f, cut, wait := p.chance(cert.Subject.CommonName)
	p.counts[f].Add(1)

	var reply *answer
	switch f {
	case loseRequest:
	case cutRequest:
		half := *m
		half.cut = int(cut * float64(len(body)))
		p.forward(&half, 0)
	case hangUp:
		p.forward(m, wait/10)
	case unavailable:
		w.WriteHeader([]int{500, 502, 503, 504}[int(cut*4)])
		w.Write([]byte("<html>no server for you</html>"))
		return
	case delay:
		time.Sleep(wait)
		reply = p.forward(m, 0)
		time.Sleep(wait)
	case double:
		second := make(chan *answer)
		go func() { second <- p.forward(m, 0) }()
		reply = p.forward(m, 0)
		if other := <-second; cut < 0.5 || reply == nil {
			reply = other
		}
	case late:
		p.later(m, wait*wait/time.Duration(7*time.Millisecond)) // mostly soon, at most 1.4 s
		reply = p.forward(m, 0)
	case overtaken:
		p.later(m, requestTimeout+10*wait)
	default:
		reply = p.forward(m, 0)
	}
	if reply == nil || f == loseReply {
		panic(http.ErrAbortHandler) // closes the connection
	}
	for name, values := range reply.header {
		w.Header()[name] = values
	}
	w.WriteHeader(reply.status)
	if f == cutReply {
		w.Write(reply.body[:int(cut*float64(len(reply.body)))])
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
	w.Write(reply.body)
}

// message is a request of a device on its way, and answer what a node says to it.
type message struct {
	url    string
	header http.Header
	body   []byte
	cut    int // how much of the body is sent; 0: all
}

type answer struct {
	status int
	header http.Header
	body   []byte
}

// later delivers m after some time. Nobody hears the answer.
func (p *proxy) later(m *message, after time.Duration) {
	p.left.Go(func() {
		time.Sleep(after)
		p.forward(m, 0)
	})
}

// forward delivers m to a node, and returns the answer; nil if there is none, or not within patience, unless that is 0.
func (p *proxy) forward(m *message, patience time.Duration) *answer {
	ctx := context.Background() // the message is on its way, whatever the device does
	if patience > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, patience)
		defer cancel()
	}
	var body io.Reader = bytes.NewReader(m.body)
	if m.cut > 0 {
		body = io.MultiReader(bytes.NewReader(m.body[:m.cut]), broken{})
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+p.address()+m.url, body)
	if err != nil {
		return nil
	}
	req.Header, req.ContentLength = m.header, int64(len(m.body))
	res, err := p.client.Do(req)
	if err != nil {
		return nil
	}
	defer res.Body.Close()
	a := &answer{status: res.StatusCode, header: res.Header}
	if a.body, err = io.ReadAll(res.Body); err != nil {
		return nil
	}
	return a
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("the line is cut") }

// TestBadProxy has devices call their servers through a proxy that loses, cuts, delays and doubles messages: three nodes on
// one PostgreSQL where CI runs it, which are killed as well, and else three servers of this process on one SQLite.
func TestBadProxy(t *testing.T) {
	devices, every := size()
	ca := testca.New(t)
	var nodes fmt.Stringer
	var f *fleet
	var p *proxy
	var begin time.Time
	if os.Getenv("CI") == "true" {
		dsn, db, store := openPostgres(t)
		c := startCluster(t, 3, nodeConfig{DSN: dsn, Roots: ca.PEM()})
		nodes = c
		p = newProxy(t, ca, 1, c.address)
		f = newFleet(t, devices, 2, ca, p.url, nil, db, store)
		begin = time.Now()
		c.whileKilling(2, every, func() { f.run(atATime) })
	} else {
		db, store := openSQLite(t)
		c := serveHere(t, 3, ca, db, store)
		nodes = c
		p = newProxy(t, ca, 1, c.address)
		f = newFleet(t, devices, 2, ca, p.url, nil, db, store)
		begin = time.Now()
		f.run(atATime)
	}
	p.left.Wait()
	took := time.Since(begin)
	v := f.check()
	t.Logf("%v; %v; %.1f s\n%v\nmessages: %v", f, nodes, took.Seconds(), v, p)
	for x := range faults {
		require.NotZero(t, p.counts[x].Load(), "the test does not reach the case: %v", x)
	}
}

// openSQLite returns a database of its own.
func openSQLite(t *testing.T) (*sql.DB, *sqlstore.Store) {
	db, err := sql.Open("sqlite", "file:"+filepath.ToSlash(filepath.Join(t.TempDir(), "db"))+
		"?_txlock=immediate&_pragma=busy_timeout(5000)&_pragma=journal_mode(wal)&_pragma=synchronous(full)")
	require.NoError(t, err)
	t.Cleanup(func() { db.Close() })
	store := sqlstore.New(db, sqlstore.SQLite)
	require.NoError(t, store.Migrate(t.Context()))
	for _, q := range []string{
		`CREATE TABLE heard (what TEXT NOT NULL)`,
		`CREATE TABLE recorded (id BLOB NOT NULL)`,
		`CREATE TRIGGER record AFTER UPDATE ON omadm_work WHEN NEW.outcome IS NOT OLD.outcome BEGIN INSERT INTO recorded VALUES (NEW.id); END`,
	} {
		_, err := db.Exec(q)
		require.NoError(t, err)
	}
	return db, store
}

// serveHere starts n servers in this process. They share the store and nothing else, so each is a node to the others.
func serveHere(t *testing.T, n int, ca *testca.CA, db *sql.DB, store *sqlstore.Store) *cluster {
	c := &cluster{t: t, nodes: make([]*node, n)}
	log := new(tail)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the last words of the servers:\n%s", log)
		}
	})
	for range n {
		srv := httptest.NewServer(newServer(nodeConfig{Roots: ca.PEM()}, db, store, log, c.event))
		t.Cleanup(srv.Close)
		c.addrs = append(c.addrs, srv.Listener.Addr().String())
	}
	return c
}
