package nodes

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/internal/testca"
	"github.com/omadm-sdk/omadm/session"
	"github.com/omadm-sdk/omadm/session/sessiontest"
	"github.com/omadm-sdk/omadm/session/sqlstore"
	"github.com/omadm-sdk/omadm/syncml"
)

// An order is a command that is queued for every device, with what it does to the device if it is done once.
type order struct {
	name    string
	write   func(b *session.Batch, mark func(i int) dmtree.Value)
	effects []string // "Add ./Test/New", in one transaction; a device's journal has the mark of the order behind it
	value   string   // that a Get brings; "%" stands for the device
	fails   syncml.StatusCode
	once    bool // nothing that a server may do again when a session has died
}

// orders are what each device has to do. The first of them are queued before it calls, the others while it does.
var orders = []order{
	{name: "Get", value: "kept by %", write: func(b *session.Batch, _ func(int) dmtree.Value) { b.Get("./Test/Kept") }},
	{name: "Add", effects: []string{"Add ./Test/New"}, write: func(b *session.Batch, mark func(int) dmtree.Value) {
		b.Add("./Test/New", mark(0))
	}},
	{name: "Replace", effects: []string{"Replace ./Test/Old"}, write: func(b *session.Batch, mark func(int) dmtree.Value) {
		b.Replace("./Test/Old", mark(0))
	}},
	{name: "Get of what was replaced", value: "% 2.0", write: func(b *session.Batch, _ func(int) dmtree.Value) { b.Get("./Test/Old") }},
	{name: "Delete", effects: []string{"Delete ./Test/Gone"}, write: func(b *session.Batch, _ func(int) dmtree.Value) { b.Delete("./Test/Gone") }},
	{name: "Exec", once: true, effects: []string{"Exec ./Test/Run"}, write: func(b *session.Batch, mark func(int) dmtree.Value) {
		b.Exec("./Test/Run", mark(0))
	}},
	{name: "Atomic", effects: []string{"Add ./Test/A", "Replace ./Test/B", "Delete ./Test/C"}, write: func(b *session.Batch, mark func(int) dmtree.Value) {
		b.Atomic(func(b *session.Batch) {
			b.Add("./Test/A", mark(0))
			b.Replace("./Test/B", mark(1))
			b.Delete("./Test/C")
		})
	}},
	{name: "Atomic that fails", fails: syncml.StatusAtomicFailed, write: func(b *session.Batch, mark func(int) dmtree.Value) {
		b.Atomic(func(b *session.Batch) {
			b.Replace("./Test/B", mark(0))
			b.Add("./Test/Kept", mark(1))
		})
	}},
	{name: "second Exec", once: true, effects: []string{"Exec ./Test/Run"}, write: func(b *session.Batch, mark func(int) dmtree.Value) {
		b.Exec("./Test/Run", mark(0))
	}},
	{name: "second Add", effects: []string{"Add ./Test/Last"}, write: func(b *session.Batch, mark func(int) dmtree.Value) {
		b.Add("./Test/Last", mark(0))
	}},
}

const early = 6 // orders that are queued before the device calls for the first time

// A nature says how a device fails.
type nature int

const (
	steady    nature = iota // never; it repeats its messages
	dying                   // its process dies again and again, but what it has stored is there when it is back
	forgetful               // likewise, and it stores nothing but its tree: its session dies with it
)

func (n nature) String() string { return [...]string{"steady", "dying", "forgetful"}[n] }

// A device is a session.Client with a tree, and the journal of what was done to it.
type device struct {
	id     string
	nature nature
	fleet  *fleet
	client session.Client // what each process begins with
	tree   *tree
	store  session.MemoryClientStore
	http   *http.Transport
	ids    []session.WorkID // of the orders
	rand   *rand.Rand
	deaths int    // that are still to come
	last   []byte // message
	raised bool   // an alert

	mu      sync.Mutex
	journal map[string]int // effects, with their marks, and how often each has come about
	trace   []traced
	lost    int             // sessions that died with the process
	died    map[string]bool // marks of Execs in which the process died
}

// traced is a message on the device's side of the line.
type traced struct {
	at    time.Time
	what  string
	kind  string // Content-Type of the message; empty: there is none
	octet []byte
}

func (d *device) note(what, kind string, body []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.trace = append(d.trace, traced{time.Now(), what, kind, body})
}

// did writes the device's journal.
func (d *device) did(effect string) {
	d.mu.Lock()
	d.journal[effect]++
	d.mu.Unlock()
	d.note("device: "+effect, "", nil)
}

// A tree is a device's own. What is done to it is in the device's journal.
type tree struct {
	dmtree.Memory
	d *device
}

// Exec implements [dmtree.Execer]. A device may die on either side of the effect.
func (t *tree) Exec(_ context.Context, u dmtree.URI, v dmtree.Value) error {
	t.d.died[v.Text()] = true
	t.d.mayDie(16, "before an Exec")
	t.d.did("Exec " + string(u) + " " + v.Text())
	t.d.mayDie(6, "after an Exec")
	t.d.died[v.Text()] = false
	return nil
}

// effects notes the changes of a tree as they begin to count.
type effects struct{ d *device }

// Commit implements [dmtree.Journal].
func (e effects) Commit(changes []dmtree.Change, _ iter.Seq[dmtree.Change]) error {
	for _, c := range changes {
		switch {
		case strings.HasPrefix(string(c.URI), "./*"): // the client's record of what it has done
		case c.Op == dmtree.OpAdd:
			e.d.did("Add " + string(c.URI) + " " + c.Value.Text())
		case c.Op == dmtree.OpReplace:
			e.d.did("Replace " + string(c.URI) + " " + c.Value.Text())
		case c.Op == dmtree.OpDelete:
			e.d.did("Delete " + string(c.URI))
		}
	}
	return nil
}

// death is what a device's process panics with.
type death struct{ where string }

// mayDie lets the process die, one time of n, if it is one that does.
func (d *device) mayDie(n int, where string) {
	if d.nature != steady && d.deaths > 0 && d.rand.IntN(n) == 0 {
		d.deaths--
		panic(death{where})
	}
}

// dyingStore is a store in which the process may die, before or after it has stored.
type dyingStore struct{ d *device }

func (s dyingStore) Load(ctx context.Context, key string) ([]byte, error) {
	return s.d.store.Load(ctx, key)
}

func (s dyingStore) Save(ctx context.Context, key string, data []byte) error {
	s.d.mayDie(12, "before it saved")
	if err := s.d.store.Save(ctx, key, data); err != nil {
		return err
	}
	s.d.mayDie(12, "after it had saved")
	return nil
}

// RoundTrip sends a message of the device, and notes what comes of it.
func (d *device) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	d.note("device", req.Header.Get("Content-Type"), body)
	d.fleet.requests.Add(1)
	if !bytes.Equal(body, d.last) {
		d.fleet.messages.Add(1)
		d.last = body
	}
	d.mayDie(20, "before it sent")
	again := req.Clone(req.Context())
	again.Body = io.NopCloser(strings.NewReader(string(body)))
	again.GetBody = nil // the client alone decides what is sent again
	res, err := d.http.RoundTrip(again)
	if err != nil {
		d.note("lost: "+err.Error(), "", nil)
		d.fleet.failures.Add(1)
		return nil, err
	}
	reply, err := io.ReadAll(res.Body)
	res.Body.Close()
	if err != nil {
		d.note("cut: "+err.Error(), "", nil)
		d.fleet.failures.Add(1)
		return nil, err
	}
	kind := res.Header.Get("Content-Type")
	if res.StatusCode != http.StatusOK {
		kind = ""
	}
	d.note("server: HTTP "+res.Status, kind, reply)
	d.mayDie(20, "when it had received")
	res.Body = io.NopCloser(strings.NewReader(string(reply)))
	return res, nil
}

// session runs the device's process until a session is over, or the process dies.
func (d *device) session(ctx context.Context) (err error) {
	c := &session.Client{
		URL: d.client.URL, ID: d.id, Tree: d.tree, HTTP: d.client.HTTP, Encoding: d.client.Encoding, Profile: d.client.Profile,
		Limits: d.client.Limits, Logger: d.client.Logger,
	}
	if d.nature != forgetful {
		c.Store = dyingStore{d}
	}
	defer func() {
		switch r := recover().(type) {
		case nil:
		case death:
			d.note("device dies "+r.where, "", nil)
			d.fleet.deaths.Add(1)
			if d.nature == forgetful {
				d.lost++
			}
			err = nil
		default:
			panic(r)
		}
	}()
	if d.nature == steady && !d.raised {
		d.raised = true
		if err := c.Raise(ctx, &syncml.Alert{Code: syncml.AlertGeneric, Items: []syncml.Item{{
			Meta: syncml.Meta{Type: "Reversed-Domain-Name: com.example:up", Format: "chr"}, Data: syncml.Text(d.id),
		}}}); err != nil {
			return err
		}
	}
	d.fleet.sessions.Add(1)
	_, err = c.Run(ctx, nil)
	return err
}

// maxSessions is how often a device calls at most.
const maxSessions = 40

// live has the device call until nothing is left to do for it.
func (d *device) live(ctx context.Context) error {
	defer d.http.CloseIdleConnections()
	queued := make(chan error, 1)
	wait := time.Duration(d.rand.IntN(20)) * time.Millisecond
	go func() {
		time.Sleep(wait)
		queued <- d.enqueue(ctx, early, len(orders))
	}()
	for n := range maxSessions {
		err := d.session(ctx)
		// A message that finds no answer in spite of all repeating leaves a session that the next one finishes. Everything
		// else is a session that one of the two ends has given up.
		var ne net.Error
		var he *session.HTTPError
		var se *session.StatusError
		switch {
		case err == nil, errors.As(err, &ne), errors.As(err, &he) && he.Status >= 500, errors.Is(err, io.ErrUnexpectedEOF):
		case d.nature == forgetful && errors.As(err, &se) && se.Code == syncml.StatusBadRequest:
			// A message that opened a session, and was on its way for so long that the device has forgotten it, has come to
			// the server for the first time, and has ended this session.
			d.lost++
		default:
			return fmt.Errorf("session: %w", err)
		}
		if n == 0 {
			if err := <-queued; err != nil {
				return err
			}
		}
		left := false
		for w, err := range d.fleet.queue.List(ctx, d.id) {
			if err != nil {
				return err
			}
			left = left || w.Status < session.WorkDone
		}
		if !left {
			return nil
		}
	}
	return fmt.Errorf("there is work left after %d sessions", maxSessions)
}

// enqueue queues some of the orders.
func (d *device) enqueue(ctx context.Context, from, to int) error {
	b := new(session.Batch)
	for i := from; i < to; i++ {
		orders[i].write(b, func(k int) dmtree.Value { return dmtree.String(d.mark(i, k)) })
	}
	ids, err := d.fleet.queue.Enqueue(ctx, d.id, b, nil)
	d.ids = append(d.ids, ids...)
	return err
}

// mark is the value by which an effect is known: which device, which order, and which part of it.
func (d *device) mark(order, part int) string { return fmt.Sprintf("%s %d.%d", d.id, order, part) }

// A fleet is many devices, and what they have to do.
type fleet struct {
	t       *testing.T
	devices []*device
	db      *sql.DB
	queue   *session.Queue
	trouble atomic.Int32 // that was reported

	sessions, messages, requests, failures, deaths atomic.Int64
}

// String returns the figures.
func (f *fleet) String() string {
	return fmt.Sprintf("%d devices, which died %d times; %d sessions, %d messages in %d requests, of which %d failed",
		len(f.devices), f.deaths.Load(), f.sessions.Load(), f.messages.Load(), f.requests.Load(), f.failures.Load())
}

// newFleet makes n devices that trust ca, reach the server at url by dial, and whose queue is in db.
func newFleet(t *testing.T, n int, seed uint64, ca *testca.CA, server string, dial func(ctx context.Context, network, addr string) (net.Conn, error),
	db *sql.DB, store *sqlstore.Store) *fleet {
	f := &fleet{t: t, db: db, queue: session.NewQueue(store)}
	for i := range n {
		d := &device{id: fmt.Sprintf("d%04d", i), fleet: f, rand: rand.New(rand.NewPCG(seed, uint64(i))),
			journal: make(map[string]int), died: make(map[string]bool)}
		switch i % 10 {
		case 1, 4, 7:
			d.nature, d.deaths = dying, 3
		case 9:
			d.nature, d.deaths = forgetful, 2
		}
		d.http = &http.Transport{
			TLSClientConfig: ca.ClientTLS(ca.Device(d.id)), DialContext: dial, DisableKeepAlives: i%2 == 0, ForceAttemptHTTP2: false,
		}
		d.tree = &tree{d: d}
		d.tree.Set("./Test/Kept", dmtree.String("kept by "+d.id))
		for _, name := range []string{"Old", "Gone", "B", "C"} {
			d.tree.Set(dmtree.URI("./Test").Join(name), dmtree.String("old"))
		}
		d.tree.Journal = effects{d}
		d.client = session.Client{
			URL: server, HTTP: &http.Client{Transport: d, Timeout: requestTimeout}, Logger: slog.New(slog.DiscardHandler),
			Limits: session.Limits{Retries: 200, Backoff: 10 * time.Millisecond, MaxBackoff: 200 * time.Millisecond},
		}
		if i%3 == 0 {
			d.client.Encoding = syncml.WBXML
		}
		if i%2 == 1 {
			d.client.Profile, d.client.Limits.Message = session.OMA, 2500 // what is queued takes several messages
		}
		f.devices = append(f.devices, d)
	}
	return f
}

// requestTimeout is how long a device waits for an answer.
const requestTimeout = 2 * time.Second

// maxRun is how long a test may take.
const maxRun = 4 * time.Minute

// run has all devices live, some at a time.
func (f *fleet) run(atATime int) {
	ctx, cancel := context.WithTimeout(f.t.Context(), maxRun)
	defer cancel()
	f.each(atATime, func(d *device) {
		if err := d.enqueue(ctx, 0, early); err != nil {
			f.report(d, err)
		}
	})
	f.each(atATime, func(d *device) {
		if err := d.live(ctx); err != nil {
			f.report(d, err)
		}
	})
}

func (f *fleet) each(atATime int, do func(d *device)) {
	next := make(chan *device)
	var all sync.WaitGroup
	for range atATime {
		all.Go(func() {
			for d := range next {
				do(d)
			}
		})
	}
	for _, d := range f.devices {
		next <- d
	}
	close(next)
	all.Wait()
}

// A test tells all there is to tell for the first of its troubles, what they are for some more, and no more.
const maxTraces, maxReports = 3, 30

// report fails the test, with what the device has seen.
func (f *fleet) report(d *device, err error) {
	switch n := f.trouble.Add(1); {
	case n > maxReports:
		f.t.Fail()
		return
	case n > maxTraces:
		f.t.Errorf("%s device %s: %v", d.nature, d.id, err)
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	var b strings.Builder
	for _, x := range d.trace {
		fmt.Fprintf(&b, "%s %s\n", x.at.Format("05.000"), x.what)
		if x.kind == "" {
			continue
		}
		enc, _ := syncml.EncodingOf(x.kind)
		m, err := syncml.Unmarshal(x.octet, &syncml.DecoderOptions{Encoding: enc})
		if err != nil {
			fmt.Fprintf(&b, "    %v: %q\n", err, x.octet)
			continue
		}
		fmt.Fprintf(&b, "    session %s message %s\n", m.Header.SessionID, m.Header.MsgID)
		for l := range strings.Lines(sessiontest.Outline(m)) {
			b.WriteString("    " + l)
		}
	}
	f.t.Errorf("%s device %s: %v\n%s", d.nature, d.id, err, &b)
}

// A verdict is what became of the commands.
type verdict struct {
	commands int
	again    int            // values that were set once more because a session had died
	unknown  map[string]int // outcomes that nobody knows, by the reason
}

func (v *verdict) String() string {
	n := 0
	for _, k := range v.unknown {
		n += k
	}
	s := fmt.Sprintf("%d commands, %d values set again, %d unknown outcomes", v.commands, v.again, n)
	for _, why := range slices.Sorted(maps.Keys(v.unknown)) {
		s += fmt.Sprintf("\n  %d × %s", v.unknown[why], why)
	}
	return s
}

// check holds what the queue says against what the devices did, command by command.
func (f *fleet) check() *verdict {
	v := &verdict{unknown: make(map[string]int)}
	// The database itself has counted how often each row got an outcome, or another.
	recorded := f.count(`SELECT id, count(*) FROM recorded GROUP BY id`)
	require.Len(f.t, recorded, len(f.devices)*len(orders), "commands with an outcome")
	for id, n := range recorded {
		if n != 1 {
			f.t.Errorf("work %x has got %d outcomes", id, n)
		}
	}
	heard := f.count(`SELECT what, count(*) FROM heard GROUP BY what`)
	work := make(map[session.WorkID]*session.QueuedWork)
	for w, err := range f.queue.List(f.t.Context(), "") {
		require.NoError(f.t, err)
		work[w.ID] = w
	}
	require.Len(f.t, work, len(f.devices)*len(orders))
	for _, d := range f.devices {
		explained := make(map[string]bool)
		for i := range orders {
			v.commands++
			if err := d.check(i, work[d.ids[i]], explained, v); err != nil {
				f.report(d, fmt.Errorf("command %d, %s: %w", i, orders[i].name, err))
			}
		}
		if d.nature == steady && heard["alert "+d.id] == 0 {
			f.report(d, errors.New("nobody has heard its alert"))
		}
		for effect, n := range d.journal {
			name, told := strings.CutPrefix(effect, "Exec ./Test/Hello ")
			switch {
			case explained[effect]:
			case !told:
				f.report(d, fmt.Errorf("it did %q %d times, and nothing that was queued says so", effect, n))
			case n != 1:
				f.report(d, fmt.Errorf("it did %q %d times", effect, n))
			case d.nature == steady && heard["hello "+name] == 0:
				f.report(d, fmt.Errorf("it did %q, and the handler has not heard of it", effect))
			}
		}
	}
	return v
}

// check holds one order against its outcome.
func (d *device) check(i int, w *session.QueuedWork, explained map[string]bool, v *verdict) error {
	o := &orders[i]
	switch {
	case w == nil:
		return errors.New("it was queued, and is not there")
	case w.Result == nil:
		return fmt.Errorf("it has no outcome, and is %v", w.Status)
	}
	least, most := -1, 0
	for k, effect := range o.effects {
		if !strings.HasPrefix(effect, "Delete") {
			effect += " " + d.mark(i, k)
		}
		explained[effect] = true
		n := d.journal[effect]
		most = max(most, n)
		if least < 0 || n < least {
			least = n
		}
		if most != least {
			return fmt.Errorf("parts of it were done %d times, others %d times", most, least)
		}
	}
	if d.nature == forgetful && (o.name == "Add" || o.name == "second Add") {
		// In a later session nobody knows whose the node is that is there: it gets the value again.
		again := strings.Replace(o.effects[0], "Add", "Replace", 1) + " " + d.mark(i, 0)
		explained[again] = true
		v.again += d.journal[again]
	}
	r := w.Result
	switch {
	case r.Unknown:
		switch {
		case d.nature == steady, d.nature == dying && !d.died[d.mark(i, 0)], d.nature == forgetful && d.lost == 0:
			return fmt.Errorf("its outcome is unknown without a reason: %w", r.Err())
		case most > 1:
			return fmt.Errorf("its outcome is unknown, and it was done %d times", most)
		}
		v.unknown[r.Err().Error()]++
		return nil
	case o.fails != 0:
		if r.Status != o.fails {
			return fmt.Errorf("status %d, want %d", r.Status, o.fails)
		}
		return nil
	case r.Err() != nil:
		return fmt.Errorf("it was done %d times, and the outcome says: %w", most, r.Err())
	case o.value != "":
		got, err := r.Value()
		if want := strings.ReplaceAll(o.value, "%", d.id); err != nil || got.Text() != want {
			return fmt.Errorf("got %q, %v; want %q", got, err, want)
		}
		return nil
	}
	if most == 1 {
		return nil
	}
	if d.nature == forgetful && !o.once && len(o.effects) == 1 && strings.HasPrefix(o.effects[0], "Replace") && most > 1 && most <= 1+d.lost {
		v.again++
		return nil
	}
	return fmt.Errorf("the outcome says that it was done; it was done %d times", most)
}

// count runs a query for names and numbers.
func (f *fleet) count(query string) map[string]int {
	rows, err := f.db.Query(query)
	require.NoError(f.t, err)
	defer rows.Close()
	m := make(map[string]int)
	for rows.Next() {
		var name string
		var n int
		require.NoError(f.t, rows.Scan(&name, &n))
		m[name] = n
	}
	require.NoError(f.t, rows.Err())
	return m
}
