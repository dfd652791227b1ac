package stores

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omadm-sdk/omadm/session"
)

// A cycle of a queue is: enqueue one command, fetch what is pending, acknowledge. It makes two durable commits. What it
// costs through the Store interface is held against what somebody would write by hand for the same driver, with tables
// of the same kind.

// A queue is what a cycle goes through.
type queue interface {
	enqueue(ctx context.Context, device, id string) error
	// fetch returns the ID of the one command that is pending, and the revision of the device.
	fetch(ctx context.Context, device string) (id string, rev int64, err error)
	acknowledge(ctx context.Context, device, id string, rev int64) error
}

// What all of them write: one command for all devices, and a state as large as that of an idle session.
var (
	cycleBody    = []byte("\x01\x03\x02./Vendor/MSFT/Policy/Config/Camera/AllowCamera\x0a\x00\x010")
	cycleState   = bytes.Repeat([]byte("s"), 250)
	cycleOutcome = bytes.Repeat([]byte("o"), 40)
	cycleStart   = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
)

// ours is a queue of the SDK.
type ours struct{ session.Store }

func (q ours) enqueue(ctx context.Context, device, id string) error {
	return q.Commit(ctx, device, session.AnyRev, &session.Change{Put: []session.Work{{ID: session.WorkID(id), Body: cycleBody}}})
}

func (q ours) fetch(ctx context.Context, device string) (string, int64, error) {
	r, err := q.Load(ctx, device, cycleStart, 256)
	if err != nil {
		return "", 0, err
	}
	if len(r.Work) != 1 || !bytes.Equal(r.Work[0].Body, cycleBody) {
		return "", 0, fmt.Errorf("device %s: %d commands, want one", device, len(r.Work))
	}
	return string(r.Work[0].ID), r.Rev, nil
}

func (q ours) acknowledge(ctx context.Context, device, id string, rev int64) error {
	return q.Commit(ctx, device, rev, &session.Change{
		State: cycleState, Done: []session.Done{{ID: session.WorkID(id), At: cycleStart, Outcome: cycleOutcome}},
	})
}

// byHand are the statements of a queue that is made for this benchmark and can do nothing else.
type byHand struct {
	db                                          *sql.DB
	payload, work, device, pending, state, done *sql.Stmt
	write                                       func(ctx context.Context, op func(exec) error) error
}

// exec runs a statement in a transaction.
type exec func(s *sql.Stmt, args ...any) error

const cyclePayload = 1

func handMade(tb testing.TB, db *sql.DB, blob string, param func(n int) string) *byHand {
	ctx := tb.Context()
	for _, q := range []string{
		`CREATE TABLE device (id TEXT PRIMARY KEY, rev BIGINT NOT NULL, state ` + blob + `)`,
		`CREATE TABLE payload (id BIGINT PRIMARY KEY, body ` + blob + ` NOT NULL)`,
		`CREATE TABLE work (id TEXT PRIMARY KEY, device TEXT NOT NULL, ord BIGINT NOT NULL, status SMALLINT NOT NULL,
			payload BIGINT NOT NULL REFERENCES payload (id), outcome ` + blob + `)`,
		`CREATE INDEX work_open ON work (device, ord) WHERE status < 2`,
	} {
		_, err := db.ExecContext(ctx, q)
		require.NoError(tb, err)
	}
	prepare := func(q string) *sql.Stmt {
		parts := strings.Split(q, "?")
		q = parts[0]
		for i, part := range parts[1:] {
			q += param(i+1) + part
		}
		s, err := db.PrepareContext(ctx, q)
		require.NoError(tb, err)
		tb.Cleanup(func() { s.Close() })
		return s
	}
	return &byHand{
		db:      db,
		payload: prepare(`INSERT INTO payload (id, body) VALUES (?, ?) ON CONFLICT (id) DO NOTHING`),
		work:    prepare(`INSERT INTO work (id, device, ord, status, payload) VALUES (?, ?, ?, 0, ?)`),
		device:  prepare(`SELECT rev FROM device WHERE id = ?`),
		pending: prepare(`SELECT w.id, p.body FROM work w JOIN payload p ON p.id = w.payload WHERE w.device = ? AND w.status < 2 ORDER BY w.ord LIMIT 256`),
		state: prepare(`INSERT INTO device (id, rev, state) VALUES (?, 1, ?)
			ON CONFLICT (id) DO UPDATE SET rev = device.rev + 1, state = excluded.state WHERE device.rev = ?`),
		done: prepare(`UPDATE work SET status = 2, outcome = ? WHERE id = ?`),
	}
}

func (h *byHand) enqueue(ctx context.Context, device, id string) error {
	return h.write(ctx, func(do exec) error {
		if err := do(h.payload, cyclePayload, cycleBody); err != nil {
			return err
		}
		return do(h.work, id, device, time.Now().UnixMicro(), cyclePayload)
	})
}

func (h *byHand) fetch(ctx context.Context, device string) (id string, rev int64, err error) {
	if err := h.device.QueryRowContext(ctx, device).Scan(&rev); err != nil && err != sql.ErrNoRows {
		return "", 0, err
	}
	rows, err := h.pending.QueryContext(ctx, device)
	if err != nil {
		return "", 0, err
	}
	defer rows.Close()
	n := 0
	var body []byte
	for ; rows.Next(); n++ {
		if err := rows.Scan(&id, &body); err != nil {
			return "", 0, err
		}
	}
	if err := rows.Err(); err != nil {
		return "", 0, err
	}
	if n != 1 || !bytes.Equal(body, cycleBody) {
		return "", 0, fmt.Errorf("device %s: %d commands, want one", device, n)
	}
	return id, rev, nil
}

func (h *byHand) acknowledge(ctx context.Context, device, id string, rev int64) error {
	return h.write(ctx, func(do exec) error {
		if err := do(h.state, device, cycleState, rev); err != nil {
			return err
		}
		return do(h.done, cycleOutcome, id)
	})
}

// each commits every operation by itself.
func (h *byHand) each(ctx context.Context, op func(exec) error) error {
	tx, err := h.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if err := op(inTx(ctx, tx)); err != nil {
		return err
	}
	return tx.Commit()
}

func inTx(ctx context.Context, tx *sql.Tx) exec {
	return func(s *sql.Stmt, args ...any) error {
		res, err := tx.StmtContext(ctx, s).ExecContext(ctx, args...)
		if err != nil {
			return err
		}
		_, err = res.RowsAffected()
		return err
	}
}

// grouped has one goroutine commit all that waits together.
func (h *byHand) grouped(tb testing.TB) func(context.Context, func(exec) error) error {
	type request struct {
		op   func(exec) error
		done chan error
	}
	ch := make(chan request, 256)
	var over sync.WaitGroup
	over.Go(func() {
		for first := range ch {
			group := []request{first}
			for len(group) < cap(ch) && len(ch) > 0 {
				group = append(group, <-ch)
			}
			err := h.each(context.Background(), func(do exec) error {
				for _, r := range group {
					if err := r.op(do); err != nil {
						return err
					}
				}
				return nil
			})
			for _, r := range group {
				r.done <- err
			}
		}
	})
	tb.Cleanup(func() { close(ch); over.Wait() })
	return func(_ context.Context, op func(exec) error) error {
		r := request{op, make(chan error, 1)}
		ch <- r
		return <-r.done
	}
}

// cycles runs n cycles in each of some goroutines, and returns how long all of them took, and each.
func cycles(b *testing.B, q queue, writers, n, round int) (seconds float64, took []time.Duration) {
	took = make([]time.Duration, writers*n)
	seconds = parallel(b, writers, func(w int) error {
		for i := range n {
			start := time.Now()
			device := fmt.Sprintf("urn:uuid:7d0ab4be-15a3-4c31-9d2c-%06d%06d", w, i%20)
			name := workName((round*n+i)*writers + w)
			if err := q.enqueue(b.Context(), device, name); err != nil {
				return err
			}
			id, rev, err := q.fetch(b.Context(), device)
			if err != nil {
				return err
			}
			if id != name {
				return fmt.Errorf("command %s is pending, want %s", id, name)
			}
			if err := q.acknowledge(b.Context(), device, id, rev); err != nil {
				return err
			}
			took[w*n+i] = time.Since(start)
		}
		return nil
	})
	return seconds, took
}

// workName returns a WorkID as a Queue makes them: 16 octets in base32, which grow at their beginning with time.
func workName(i int) string {
	sum := sha256.Sum256(fmt.Append(nil, i))
	id := append(binary.BigEndian.AppendUint64(nil, uint64(i))[2:], sum[:10]...)
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(id)
}

// compareCycles runs both in turns, so that they see the same machine and disk, and reports the ratio.
func compareCycles(b *testing.B, ours, reference queue, writers, n int) {
	var mine, theirs []float64
	var each, refEach []time.Duration
	for round := 0; b.Loop(); round++ {
		d, t := cycles(b, ours, writers, n, round)
		mine, each = append(mine, d), append(each, t...)
		d, t = cycles(b, reference, writers, n, round)
		theirs, refEach = append(theirs, d), append(refEach, t...)
	}
	per := float64(writers * n)
	b.ReportMetric(per/median(mine), "cycles/s")
	b.ReportMetric(per/median(theirs), "cycles/s-reference")
	b.ReportMetric(median(theirs)/median(mine), "×reference")
	b.ReportMetric(float64(percentile(each, 99).Microseconds())/1000, "ms-p99")
	b.ReportMetric(float64(percentile(refEach, 99).Microseconds())/1000, "ms-p99-reference")
	b.ReportMetric(0, "ns/op")
}

// perMessage is how many commands a message of the next benchmark answers, and how many it takes.
const perMessage = 10

// BenchmarkPostgresMessage is what a message costs that answers some commands and takes others, in one commit, against a
// transaction for each command that is answered or taken.
func BenchmarkPostgresMessage(b *testing.B) {
	const writers, n = 16, 4
	_, s := openPostgres(b, postgres(b))
	h := openHandMade(b)
	take, err := h.db.PrepareContext(b.Context(), `UPDATE work SET status = 1 WHERE id = $1 AND status = 0`)
	require.NoError(b, err)
	b.Cleanup(func() { take.Close() })
	name := func(round, w, i, k int) string { return workName(((round*(n+1)+i)*writers+w)*perMessage + k) }
	device := func(w int) string { return fmt.Sprintf("urn:uuid:7d0ab4be-15a3-4c31-9d2c-%012d", w) }
	queued := func(round, w, from, to int) (l []session.Work) {
		for i := from; i < to; i++ {
			for k := range perMessage {
				l = append(l, session.Work{ID: session.WorkID(name(round, w, i, k)), Body: cycleBody})
			}
		}
		return l
	}
	var mine, theirs []float64
	rev := make([]int64, writers)
	refRev := make([]int64, writers)
	for round := 0; b.Loop(); round++ {
		for w := range writers {
			work := queued(round, w, 0, n+1)
			lease := make([]session.WorkID, perMessage)
			for k := range lease {
				lease[k] = work[k].ID
			}
			c := session.Change{State: cycleState, Put: work, Lease: lease}
			require.NoError(b, s.Commit(b.Context(), device(w), rev[w], &c))
			rev[w]++
			for _, q := range work {
				require.NoError(b, h.enqueue(b.Context(), device(w), string(q.ID)))
			}
		}
		mine = append(mine, parallel(b, writers, func(w int) error {
			for i := range n {
				c := session.Change{State: cycleState}
				for k := range perMessage {
					c.Done = append(c.Done, session.Done{ID: session.WorkID(name(round, w, i, k)), At: cycleStart, Outcome: cycleOutcome})
					c.Lease = append(c.Lease, session.WorkID(name(round, w, i+1, k)))
				}
				if err := s.Commit(b.Context(), device(w), rev[w], &c); err != nil {
					return err
				}
				rev[w]++
			}
			return nil
		}))
		theirs = append(theirs, parallel(b, writers, func(w int) error {
			for i := range n {
				for k := range perMessage {
					if err := h.acknowledge(b.Context(), device(w), name(round, w, i, k), refRev[w]); err != nil {
						return err
					}
					refRev[w]++
					if _, err := take.ExecContext(b.Context(), name(round, w, i+1, k)); err != nil {
						return err
					}
				}
			}
			return nil
		}))
		for w := range writers { // nothing is left over for the next round
			c := session.Change{State: cycleState}
			for k := range perMessage {
				c.Done = append(c.Done, session.Done{ID: session.WorkID(name(round, w, n, k)), At: cycleStart, Outcome: cycleOutcome})
			}
			require.NoError(b, s.Commit(b.Context(), device(w), rev[w], &c))
			rev[w]++
		}
	}
	b.ReportMetric(writers*n/median(mine), "messages/s")
	b.ReportMetric(writers*n/median(theirs), "messages/s-reference")
	b.ReportMetric(median(theirs)/median(mine), "×reference")
	b.ReportMetric(0, "ns/op")
}

// parallel runs f in some goroutines, and returns how many seconds that took.
func parallel(b *testing.B, n int, f func(i int) error) float64 {
	errs := make([]error, n)
	var wg sync.WaitGroup
	begin := time.Now()
	for i := range n {
		wg.Go(func() { errs[i] = f(i) })
	}
	wg.Wait()
	took := time.Since(begin).Seconds()
	for _, err := range errs {
		require.NoError(b, err)
	}
	return took
}

func median(l []float64) float64 {
	l = slices.Sorted(slices.Values(l))
	return l[len(l)/2]
}

func percentile(l []time.Duration, p int) time.Duration {
	l = slices.Sorted(slices.Values(l))
	return l[(len(l)-1)*p/100]
}

func BenchmarkSQLiteCycle(b *testing.B) {
	for _, tt := range []struct {
		name       string
		writers, n int
		grouped    bool
	}{{"16 writers, group commit", 16, 60, true}, {"1 writer, commit per operation", 1, 100, false}} {
		b.Run(tt.name, func(b *testing.B) {
			dir := b.TempDir()
			_, s := openSQLite(b, filepath.Join(dir, "ours"))
			h := handMade(b, rawSQLite(b, filepath.Join(dir, "reference")), "BLOB", func(int) string { return "?" })
			h.write = h.each
			if tt.grouped {
				h.write = h.grouped(b)
			}
			compareCycles(b, ours{s}, h, tt.writers, tt.n)
		})
	}
}

func BenchmarkPostgresCycle(b *testing.B) {
	_, s := openPostgres(b, postgres(b))
	compareCycles(b, ours{s}, openHandMade(b), 16, 20)
}

// openHandMade returns a queue made by hand for PostgreSQL.
func openHandMade(b *testing.B) *byHand {
	db, err := sql.Open("pgx", postgres(b))
	require.NoError(b, err)
	b.Cleanup(func() { db.Close() })
	db.SetMaxOpenConns(16)
	db.SetMaxIdleConns(16)
	h := handMade(b, db, "BYTEA", func(n int) string { return "$" + strconv.Itoa(n) })
	h.write = h.each
	return h
}
