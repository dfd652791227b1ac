// Package nodes tests a system of several server processes, a database and many devices in what it promises when any of
// them dies, and when what they say to each other gets lost: see session, "What is delivered, and how often".
package nodes

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	crand "crypto/rand"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"

	"github.com/omadm-sdk/omadm/auth"
	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/internal/testca"
	"github.com/omadm-sdk/omadm/session"
	"github.com/omadm-sdk/omadm/session/sessiontest"
	"github.com/omadm-sdk/omadm/session/sqlstore"
	"github.com/omadm-sdk/omadm/syncml"
)

// nodeEnv tells this program that it is a node, and which.
const nodeEnv = "OMADM_TEST_NODE"

func TestMain(m *testing.M) {
	config := os.Getenv(nodeEnv)
	if config == "" {
		os.Exit(m.Run())
	}
	fmt.Fprintln(os.Stderr, "node:", runNode(config))
	os.Exit(1)
}

// nodeConfig is what a node is told.
type nodeConfig struct {
	DSN             string
	Roots           []byte // PEM
	CertPEM, KeyPEM []byte // nil: devices come through a proxy, which ends TLS
}

// runNode is a server as anybody would write one. It says on standard output where it listens and what happens, and lives
// until its standard input ends.
func runNode(text string) error {
	var c nodeConfig
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		return err
	}
	db, err := sql.Open("pgx", c.DSN)
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(12)
	db.SetMaxIdleConns(12)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	h := newServer(c, db, sqlstore.New(db, sqlstore.Postgres), os.Stderr, func(event string) { fmt.Println(event) })
	fmt.Println("address", l.Addr())
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	if c.CertPEM == nil {
		return srv.Serve(l)
	}
	cert, err := tls.X509KeyPair(c.CertPEM, c.KeyPEM)
	if err != nil {
		return err
	}
	srv.TLSConfig = &tls.Config{Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequestClientCert}
	return srv.ServeTLS(l, "", "")
}

// newServer returns the server of a node. It tells event of conflicts and repeated messages.
func newServer(c nodeConfig, db *sql.DB, store *sqlstore.Store, log io.Writer, event func(string)) *session.Server {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(c.Roots)
	check := &auth.ClientCert{
		Roots:  roots,
		Device: func(_ context.Context, cert *x509.Certificate) (string, error) { return cert.Subject.CommonName, nil },
	}
	if c.CertPEM == nil {
		check.Proxy = &auth.ProxyHeader{Trusted: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
	}
	return &session.Server{
		ID:      "https://dm.example/dm",
		Auth:    check,
		Store:   &watched{store, event},
		Handler: &listener{db},
		Logger:  slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelError})),
		Trace:   &session.Trace{Repeated: func(context.Context, *session.TracedMessage) { event("repeated") }},
	}
}

// watched is a store that tells of conflicts.
type watched struct {
	*sqlstore.Store
	event func(string)
}

func (s *watched) Commit(ctx context.Context, device string, rev int64, c *session.Change) error {
	err := s.Store.Commit(ctx, device, rev, c)
	if errors.Is(err, session.ErrConflict) {
		s.event("conflict")
	}
	return err
}

// A listener greets each device that calls with a command of its own, and writes down what it hears.
type listener struct{ db *sql.DB }

// ServeDM implements [session.Handler].
func (l *listener) ServeDM(w *session.Writer, r *session.Request) error {
	if r.First {
		name := crand.Text()
		w.Exec("./Test/Hello", dmtree.String(name)).Label(name)
	}
	var heard []string
	for i := range r.Results {
		heard = append(heard, "hello "+r.Results[i].Label)
	}
	for _, a := range r.Alerts {
		heard = append(heard, "alert "+a.Value.Text())
	}
	for _, what := range heard {
		if _, err := l.db.ExecContext(r.Context(), `INSERT INTO heard VALUES ($1)`, what); err != nil {
			return err
		}
	}
	return nil
}

// A node is a process that runs runNode, and is started again each time it has been killed.
type node struct {
	cmd  *exec.Cmd
	in   io.Closer
	log  *tail
	done chan struct{} // closed when its output has ended
}

// A cluster is several nodes, and whoever chooses one of them for a connection.
type cluster struct {
	t      *testing.T
	config string
	events sync.Map // by name: *atomic.Int64
	kills  int

	mu    sync.Mutex
	nodes []*node
	addrs []string
	turn  int
}

// startCluster starts n nodes.
func startCluster(t *testing.T, n int, c nodeConfig) *cluster {
	config, err := json.Marshal(c)
	require.NoError(t, err)
	cl := &cluster{t: t, config: string(config), nodes: make([]*node, n), addrs: make([]string, n)}
	t.Cleanup(func() {
		for _, nd := range cl.nodes {
			if nd != nil {
				nd.kill()
				if t.Failed() {
					t.Logf("the last words of a node:\n%s", nd.log)
				}
			}
		}
	})
	for i := range n {
		require.NoError(t, cl.start(i))
	}
	return cl
}

// start starts node i, and returns when it can be reached.
func (c *cluster) start(i int) (err error) {
	nd := &node{cmd: exec.Command(os.Args[0]), log: new(tail), done: make(chan struct{})}
	nd.cmd.Env = append(os.Environ(), nodeEnv+"="+c.config)
	nd.cmd.Stderr = nd.log
	if nd.in, err = nd.cmd.StdinPipe(); err != nil {
		return err
	}
	out, err := nd.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := nd.cmd.Start(); err != nil {
		return err
	}
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		return fmt.Errorf("a node does not start: %w: %s", nd.cmd.Wait(), nd.log)
	}
	addr, _ := strings.CutPrefix(lines.Text(), "address ")
	go func() {
		defer close(nd.done)
		for lines.Scan() {
			c.event(lines.Text())
		}
	}()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.nodes[i], c.addrs[i] = nd, addr
	return nil
}

// kill kills the node as nothing else does (SIGKILL), and returns when it is gone.
func (n *node) kill() {
	n.cmd.Process.Kill()
	<-n.done
	n.cmd.Wait()
	n.in.Close()
}

// whileKilling kills a random node at intervals, and starts it again, until f returns.
func (c *cluster) whileKilling(seed uint64, every time.Duration, f func()) {
	stop := make(chan struct{})
	var killer sync.WaitGroup
	killer.Go(func() {
		r := rand.New(rand.NewPCG(seed, 0))
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
			}
			i := r.IntN(len(c.nodes))
			c.nodes[i].kill()
			c.kills++
			if err := c.start(i); err != nil {
				c.t.Error(err)
				return
			}
		}
	})
	f()
	close(stop)
	killer.Wait()
}

// String returns the figures.
func (c *cluster) String() string {
	return fmt.Sprintf("%d nodes, killed %d times; %d messages answered again, %d conflicts", len(c.nodes), c.kills, c.count("repeated"), c.count("conflict"))
}

// address returns where the next connection goes.
func (c *cluster) address() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.turn++
	return c.addrs[c.turn%len(c.addrs)]
}

// dial connects to the next node, whatever the address.
func (c *cluster) dial(ctx context.Context, network, _ string) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, network, c.address())
}

func (c *cluster) event(name string) {
	n, _ := c.events.LoadOrStore(name, new(atomic.Int64))
	n.(*atomic.Int64).Add(1)
}

func (c *cluster) count(name string) int64 {
	if n, ok := c.events.Load(name); ok {
		return n.(*atomic.Int64).Load()
	}
	return 0
}

// tail keeps the end of what is written to it.
type tail struct {
	mu sync.Mutex
	b  []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, p...)
	t.b = t.b[max(0, len(t.b)-8<<10):]
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.b)
}

// openPostgres returns a schema of its own in the database for tests.
func openPostgres(t *testing.T) (dsn string, db *sql.DB, store *sqlstore.Store) {
	dsn = os.Getenv("OMADM_TEST_POSTGRES")
	if dsn == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("OMADM_TEST_POSTGRES is not set, and this is CI")
		}
		t.Skip("OMADM_TEST_POSTGRES is not set")
	}
	admin, err := sql.Open("pgx", dsn)
	require.NoError(t, err)
	name := "n" + strings.ToLower(crand.Text())
	_, err = admin.Exec(`CREATE SCHEMA ` + name)
	require.NoError(t, err)
	u, err := url.Parse(dsn)
	require.NoError(t, err, "want a URL")
	q := u.Query()
	q.Set("search_path", name)
	u.RawQuery = q.Encode()
	dsn = u.String()
	db, err = sql.Open("pgx", dsn)
	require.NoError(t, err)
	db.SetMaxOpenConns(16)
	db.SetMaxIdleConns(16)
	t.Cleanup(func() {
		db.Close()
		_, err := admin.Exec(`DROP SCHEMA ` + name + ` CASCADE`)
		require.NoError(t, err)
		require.NoError(t, admin.Close())
	})
	store = sqlstore.New(db, sqlstore.Postgres)
	require.NoError(t, store.Migrate(t.Context()))
	for _, q := range []string{
		`CREATE TABLE heard (what TEXT NOT NULL)`,
		`CREATE TABLE recorded (id BYTEA NOT NULL)`,
		`CREATE FUNCTION record() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
			IF NEW.outcome IS DISTINCT FROM OLD.outcome THEN INSERT INTO recorded VALUES (NEW.id); END IF; RETURN NEW; END $$`,
		`CREATE TRIGGER record AFTER UPDATE ON omadm_work FOR EACH ROW EXECUTE FUNCTION record()`,
	} {
		_, err := db.Exec(q)
		require.NoError(t, err)
	}
	return dsn, db, store
}

// atATime is how many devices have a session at the same time.
const atATime = 48

// size is how many devices a test has, and how often a node is killed.
func size() (devices int, every time.Duration) {
	if os.Getenv("CI") == "true" {
		return 2000, time.Second
	}
	return 100, 250 * time.Millisecond
}

// certificate returns a server certificate as a file has it.
func certificate(t *testing.T, ca *testca.CA) (cert, key []byte) {
	c := ca.Server()
	der, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// TestNodesKilled has devices call three nodes on one PostgreSQL in turn, over TLS, while one node after the other is
// killed.
func TestNodesKilled(t *testing.T) {
	devices, every := size()
	dsn, db, store := openPostgres(t)
	ca := testca.New(t)
	config := nodeConfig{DSN: dsn, Roots: ca.PEM()}
	config.CertPEM, config.KeyPEM = certificate(t, ca)
	c := startCluster(t, 3, config)
	f := newFleet(t, devices, 1, ca, "https://localhost/dm", c.dial, db, store)

	begin := time.Now()
	c.whileKilling(1, every, func() { f.run(atATime) })
	took := time.Since(begin)
	v := f.check()
	t.Logf("%v; %v; %.1f s\n%v", f, c, took.Seconds(), v)
	require.Greater(t, c.kills, 2, "the test does not reach the case")
}

// TestLockedDevice: whoever holds the row of a device in the database, an operator or a node that hangs, delays that device
// and no other.
func TestLockedDevice(t *testing.T) {
	_, db, store := openPostgres(t)
	s := &session.Server{Auth: sessiontest.Trust{}, Store: store, Logger: slog.New(slog.DiscardHandler)}
	open := func(device string) {
		d := sessiontest.NewDevice(t, s)
		d.ID = device
		for range 2 {
			d.Open()
		}
	}
	open("slow")
	tx, err := db.Begin()
	require.NoError(t, err)
	defer tx.Rollback()
	var holder int
	require.NoError(t, tx.QueryRow(`SELECT pg_backend_pid() FROM omadm_device WHERE id = 'slow' FOR UPDATE`).Scan(&holder))
	done := make(chan struct{})
	go func() {
		defer close(done)
		d := sessiontest.NewDevice(t, s)
		d.ID = "slow"
		d.Open(&syncml.Alert{Code: syncml.AlertNextMessage}) // other octets than before
	}()
	require.Eventually(t, func() bool {
		var waits bool
		err := db.QueryRow(`SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE $1 = ANY (pg_blocking_pids(pid)))`, holder).Scan(&waits)
		return err == nil && waits
	}, 10*time.Second, time.Millisecond)
	for i := range 50 {
		open(fmt.Sprint("quick ", i))
	}
	select {
	case <-done:
		t.Error("the device did not wait")
	default:
	}
	require.NoError(t, tx.Rollback())
	<-done
}
