package session_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/dmtree/filestore"
	"github.com/omadm-sdk/omadm/internal/benchproc"
	"github.com/omadm-sdk/omadm/session"
)

// roleEnv tells this program that it is the device or the server of a test, and which.
const roleEnv = "OMADM_TEST_ROLE"

func TestMain(m *testing.M) {
	benchproc.Main(benchServers)
	text := os.Getenv(roleEnv)
	if text == "" {
		os.Exit(m.Run())
	}
	var r role
	err := json.Unmarshal([]byte(text), &r)
	go func() { // the end of whoever has started it is its own
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	if err == nil && r.Rounds > 0 {
		err = r.serve()
	} else if err == nil {
		err = r.call()
	}
	fmt.Println("error", err)
	os.Exit(1)
}

// A role is what a process is to do.
type role struct {
	Dir  string // for all that it keeps
	Hang string // the point at which it says so, and then waits for its death

	URL string // of a device: its server. Empty: the server's address is in a file

	Rounds int // of a server: how many rounds of commands it queues
}

// at is called at the points where a process may be told to hang.
func (r *role) at(point string) {
	if r.Hang == point {
		fmt.Println("at", point)
		select {}
	}
}

// call runs the device, which calls again and again.
func (r *role) call() error {
	nodes, err := filestore.Open(filepath.Join(r.Dir, "tree"), nil)
	if err != nil {
		return err
	}
	p := &program{nodes, r}
	// The tree tells of a change when it is durable.
	if _, err := nodes.Watch("./T/Add", func(dmtree.Event) { r.at("a change is made") }); err != nil {
		return err
	}
	c := &session.Client{
		URL: "https://dm.example/dm", ID: "device-1", Tree: &dmtree.Tree{Provider: p, Open: true}, Profile: session.OMA,
		Store: &hangingStore{session.FileClientStore{Dir: filepath.Join(r.Dir, "client")}, r, 0}, HTTP: &http.Client{Transport: r},
		Limits: session.Limits{Retries: 10_000, Backoff: time.Millisecond, MaxBackoff: 20 * time.Millisecond, Message: 3000},
		Logger: slog.New(slog.DiscardHandler),
	}
	for {
		sum, err := c.Run(context.Background(), nil)
		if err != nil {
			return err
		}
		if sum.Commands == 0 {
			time.Sleep(time.Millisecond)
		}
	}
}

// program is the tree of the device: files, and a program that may be run.
type program struct {
	*filestore.Store
	r *role
}

// Exec implements [dmtree.Execer]. What it does is a line in a file.
func (p *program) Exec(_ context.Context, _ dmtree.URI, v dmtree.Value) error {
	p.r.at("an Exec begins")
	f, err := os.OpenFile(filepath.Join(p.r.Dir, "runs"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if _, err := f.WriteString(v.Text() + "\n"); err != nil {
		return err
	}
	p.r.at("an Exec is done")
	time.Sleep(2 * time.Millisecond) // so that some die here
	return f.Close()
}

// hangingStore hangs around its writes.
type hangingStore struct {
	session.FileClientStore
	r *role
	n int
}

func (s *hangingStore) Save(ctx context.Context, key string, data []byte) error {
	s.n++
	s.r.at("save " + strconv.Itoa(s.n))
	if err := s.FileClientStore.Save(ctx, key, data); err != nil {
		return err
	}
	s.r.at("saved " + strconv.Itoa(s.n))
	return nil
}

// RoundTrip sends the device's messages to wherever the server is now.
func (r *role) RoundTrip(req *http.Request) (*http.Response, error) {
	address := r.URL
	if address == "" {
		b, err := os.ReadFile(filepath.Join(r.Dir, "address"))
		if err != nil {
			return nil, err
		}
		address = string(b)
	}
	out := req.Clone(req.Context())
	out.URL.Scheme, out.URL.Host = "http", address
	r.at("a message is sent")
	res, err := http.DefaultTransport.RoundTrip(out)
	if err == nil {
		r.at("an answer has come")
	}
	return res, err
}

// serve runs the server, which queues the commands, once, and writes down the outcomes when there are all.
func (r *role) serve() error {
	store, err := session.OpenFileStore(filepath.Join(r.Dir, "sessions"))
	if err != nil {
		return err
	}
	s := &session.Server{Auth: trusting, Store: store, Logger: slog.New(slog.DiscardHandler)}
	b := new(session.Batch)
	for n := range r.Rounds {
		round(b, n)
	}
	ids, err := s.Queue().Enqueue(context.Background(), "device-1", b, &session.EnqueueOptions{Key: "all"})
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	failed := make(chan error, 1)
	go func() { failed <- http.Serve(l, s) }()
	// The address is there whole, or not at all.
	name := filepath.Join(r.Dir, "address")
	if err := os.WriteFile(name+".new", []byte(l.Addr().String()), 0o600); err != nil {
		return err
	}
	if err := os.Rename(name+".new", name); err != nil {
		return err
	}
	fmt.Println("serving")
	var outcomes []outcome
	for _, id := range ids {
		res, err := s.Queue().Wait(context.Background(), id)
		if err != nil {
			return err
		}
		o := outcome{Unknown: res.Unknown}
		if err := res.Err(); err != nil {
			o.Err = err.Error()
		}
		outcomes = append(outcomes, o)
	}
	text, err := json.Marshal(outcomes)
	if err == nil {
		fmt.Println("outcomes", string(text))
		err = <-failed
	}
	return err
}

// outcome is what the server says of one command.
type outcome struct {
	Unknown bool
	Err     string
}

// perRound is how many commands a round is.
const perRound = 6

// round writes commands whose effects can be told from those of all others.
func round(b *session.Batch, n int) {
	name := strconv.Itoa(n)
	b.Add(dmtree.URI("./T/Add").Join(name), dmtree.String(name))
	b.Exec("./T/Run", dmtree.String(name))
	b.Replace(dmtree.URI("./T/Replace").Join(name), dmtree.String(name))
	b.Get(dmtree.URI("./T/Replace").Join(name))
	b.Delete(dmtree.URI("./T/Delete").Join(name))
	b.Atomic(func(b *session.Batch) {
		b.Add(dmtree.URI("./T/Atomic").Join(name), dmtree.String(name))
		b.Replace(dmtree.URI("./T/Both").Join(name), dmtree.String(name))
	})
}

// newDevice fills the tree of a device for n rounds.
func newDevice(t *testing.T, dir string, n int) {
	s, err := filestore.Open(filepath.Join(dir, "tree"), nil)
	require.NoError(t, err)
	changes := []dmtree.Change{{Op: dmtree.OpSet, URI: "./T/Run"}, {Op: dmtree.OpSet, URI: "./T/Add", Value: dmtree.Interior()},
		{Op: dmtree.OpSet, URI: "./T/Atomic", Value: dmtree.Interior()}}
	for i := range n {
		for _, kind := range []string{"Replace", "Delete", "Both"} {
			changes = append(changes, dmtree.Change{Op: dmtree.OpSet, URI: dmtree.URI("./T").Join(kind, strconv.Itoa(i)), Value: dmtree.String("old")})
		}
	}
	require.NoError(t, s.Apply(t.Context(), changes...))
	require.NoError(t, s.Close())
}

// checkDevice holds what is left of a device against the outcomes of n rounds. Each effect has come about once, or not at all
// where the outcome is unknown. It returns how many are.
func checkDevice(t *testing.T, dir string, n int, outcomes []outcome) (unknown int) {
	require.Len(t, outcomes, n*perRound)
	s, err := filestore.Open(filepath.Join(dir, "tree"), nil)
	require.NoError(t, err)
	defer s.Close()
	tree := &dmtree.Tree{Provider: s, Open: true}
	changed := func(u dmtree.URI) int { // how often; -1: there is no such node
		v, err := dmtree.Get(t.Context(), tree, u.WithProp("VerNo"))
		if errors.Is(err, dmtree.ErrNotFound) {
			return -1
		}
		require.NoError(t, err, u)
		k, err := v.Int()
		require.NoError(t, err)
		return int(k)
	}
	runs := make(map[string]int)
	if b, err := os.ReadFile(filepath.Join(dir, "runs")); !errors.Is(err, os.ErrNotExist) {
		require.NoError(t, err)
		for l := range strings.Lines(string(b)) {
			runs[strings.TrimSpace(l)]++
		}
	}
	fresh := dmtree.URI("./T/Add/fresh") // has the version of a node that was added once
	require.NoError(t, tree.Add(t.Context(), fresh, dmtree.Null))
	added := changed(fresh)
	for i := range n {
		name := strconv.Itoa(i)
		for k, o := range outcomes[i*perRound : (i+1)*perRound] {
			if k == 1 && o.Unknown {
				require.LessOrEqual(t, runs[name], 1, "Exec %d", i)
				unknown++
				continue
			}
			require.Empty(t, o.Err, "command %d of round %d", k, i)
		}
		if !outcomes[i*perRound+1].Unknown {
			require.Equal(t, 1, runs[name], "Exec %d", i)
		}
		at := func(kind string) dmtree.URI { return dmtree.URI("./T").Join(kind, name) }
		require.Equal(t, map[string]int{"Add": added, "Replace": 1, "Delete": -1, "Atomic": added, "Both": 1}, map[string]int{
			"Add": changed(at("Add")), "Replace": changed(at("Replace")), "Delete": changed(at("Delete")),
			"Atomic": changed(at("Atomic")), "Both": changed(at("Both")),
		}, "round %d", i)
	}
	return unknown
}

// process is one that plays a role.
type process struct {
	cmd   *exec.Cmd
	lines chan string // what it says; closed at its end
	in    io.Closer
}

// play starts a process.
func play(t *testing.T, r role) *process {
	b, err := json.Marshal(r)
	require.NoError(t, err)
	p := &process{cmd: exec.Command(os.Args[0]), lines: make(chan string, 1000)}
	p.cmd.Env = append(os.Environ(), roleEnv+"="+string(b))
	p.cmd.Stderr = os.Stderr
	p.in, err = p.cmd.StdinPipe()
	require.NoError(t, err)
	out, err := p.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, p.cmd.Start())
	go func() {
		defer close(p.lines)
		s := bufio.NewScanner(out)
		s.Buffer(nil, 1<<20) // the outcomes are one line
		for s.Scan() {
			p.lines <- s.Text()
		}
	}()
	t.Cleanup(func() { p.kill() })
	return p
}

// says waits until the process says something that begins with prefix, and returns the rest of it.
func (p *process) says(t *testing.T, prefix string) string {
	t.Helper()
	timeout := time.After(time.Minute)
	for {
		select {
		case line, ok := <-p.lines:
			if rest, is := strings.CutPrefix(line, prefix); is {
				return rest
			}
			require.True(t, ok && !strings.HasPrefix(line, "error"), "waiting for %q: %s", prefix, line)
		case <-timeout:
			t.Fatalf("the process does not say %q", prefix)
		}
	}
}

// kill kills the process as nothing else does, and returns when it is gone.
func (p *process) kill() {
	p.cmd.Process.Kill()
	for range p.lines {
	}
	p.cmd.Wait()
	p.in.Close()
}

// TestKilledDevice kills the process of a device at each point between the server's message and the device's answer. When it
// is back everything is done once, and the server knows of it.
func TestKilledDevice(t *testing.T) {
	points := map[string]bool{ // and whether the outcome of the Exec is known
		"a message is sent": true, "an answer has come": true, "a change is made": true, "an Exec begins": false, "an Exec is done": false,
		// First message, what is about to be executed, and the answer.
		"save 1": true, "saved 1": true, "save 2": true, "saved 2": true, "save 3": true, "saved 3": true,
	}
	for point, known := range points {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			newDevice(t, dir, 1)
			s := newServer(t, nil)
			s.Logger = quiet()
			srv := httptest.NewServer(s)
			defer srv.Close()
			b := new(session.Batch)
			round(b, 0)
			ids, err := s.Queue().Enqueue(t.Context(), "device-1", b, nil)
			require.NoError(t, err)

			r := role{Dir: dir, URL: srv.Listener.Addr().String(), Hang: point}
			p := play(t, r)
			p.says(t, "at "+point)
			p.kill()
			r.Hang = ""
			p = play(t, r)
			var outcomes []outcome
			for _, id := range ids {
				res, err := s.Queue().Wait(t.Context(), id)
				require.NoError(t, err)
				o := outcome{Unknown: res.Unknown}
				if err := res.Err(); err != nil {
					o.Err = err.Error()
				}
				outcomes = append(outcomes, o)
			}
			p.kill()
			unknown := checkDevice(t, dir, 1, outcomes)
			require.Equal(t, known, unknown == 0)
		})
	}
}

// TestKilledBoth kills a device and its server at random, both processes of their own with nothing but files.
func TestKilledBoth(t *testing.T) {
	if testing.Short() {
		t.Skip("starts and kills processes")
	}
	kills := 10
	if os.Getenv("CI") == "true" {
		kills = 200
	}
	rounds := 4 * kills
	dir := t.TempDir()
	newDevice(t, dir, rounds)
	roles := [2]role{{Dir: dir, Rounds: rounds}, {Dir: dir}}
	var processes [2]*process
	for i := range roles {
		processes[i] = play(t, roles[i])
	}
	processes[0].says(t, "serving")
	rnd := rand.New(rand.NewPCG(1, 1))
	begin := time.Now()
	for range kills {
		time.Sleep(time.Duration(20+rnd.IntN(80)) * time.Millisecond)
		i := rnd.IntN(2)
		processes[i].kill()
		processes[i] = play(t, roles[i])
	}
	var outcomes []outcome
	require.NoError(t, json.Unmarshal([]byte(processes[0].says(t, "outcomes ")), &outcomes))
	took := time.Since(begin)
	for _, p := range processes {
		p.kill()
	}
	unknown := checkDevice(t, dir, rounds, outcomes)
	t.Logf("%d commands, %d kills, %d outcomes unknown, %.1f s", len(outcomes), kills, unknown, took.Seconds())
}
