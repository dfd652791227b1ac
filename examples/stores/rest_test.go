package stores

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/session"
	"github.com/omadm-sdk/omadm/session/sessiontest"
	"github.com/omadm-sdk/omadm/session/sqlstore"
)

// A moment is what the engine commits with one message.
type moment struct{ state, reply []byte }

// moments are those of the two messages of a session, with a policy of 50 settings that a Handler sends: the state that holds
// it, and the one that is left when the session is over.
func moments(tb testing.TB) [2]moment {
	store := new(session.MemoryStore)
	s := benchEngine(store)
	s.Handler = session.HandlerFunc(func(w *session.Writer, r *session.Request) error {
		if r.First {
			w.Atomic(func(b *session.Batch) {
				for i := range 50 {
					b.Replace(dmtree.URI("./Device/Vendor/MSFT/Policy/Config/Area").Join(fmt.Sprint("Policy", i)), dmtree.String(strings.Repeat("value ", 30)))
				}
			})
		}
		return nil
	})
	d := sessiontest.NewDevice(tb, s)
	d.ID = restDevice(0)
	var m [2]moment
	load := func(i int) {
		r, err := store.Load(tb.Context(), d.ID, time.Now(), 1)
		require.NoError(tb, err)
		m[i] = moment{r.State, r.Reply}
	}
	cmds := sessiontest.Commands(d.Open())
	require.Len(tb, cmds, 1)
	load(0)
	d.Send(answers(d, cmds, false)...)
	load(1)
	return m
}

// restDevice returns the name of a device, as Windows enrolls it: 45 characters, in no order.
func restDevice(i int) string {
	b := sha256.Sum256(fmt.Append(nil, i))
	return fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:16])
}

// A disk tells how much of it a database uses.
type disk func() (int64, error)

func sqliteDisk(ctx context.Context, db *sql.DB) disk {
	return func() (int64, error) {
		var pages, free, page int64
		_, err := db.ExecContext(ctx, `PRAGMA wal_checkpoint(truncate)`)
		err = errors.Join(err,
			db.QueryRowContext(ctx, `PRAGMA page_count`).Scan(&pages),
			db.QueryRowContext(ctx, `PRAGMA freelist_count`).Scan(&free),
			db.QueryRowContext(ctx, `PRAGMA page_size`).Scan(&page))
		return (pages - free) * page, err
	}
}

// postgresDisk leaves out the table of sessions, which keeps its room for the next ones, as SQLite keeps free pages.
func postgresDisk(ctx context.Context, db *sql.DB) disk {
	return func() (size int64, err error) {
		var sessions int
		if err := db.QueryRowContext(ctx, `SELECT count(*) FROM omadm_session`).Scan(&sessions); err != nil || sessions > 0 {
			return 0, fmt.Errorf("%d sessions, want none: %w", sessions, err)
		}
		for _, table := range []string{"omadm_device", "omadm_work", "omadm_payload"} {
			var n int64
			_, e := db.ExecContext(ctx, `VACUUM ANALYZE `+table)
			err = errors.Join(err, e, db.QueryRowContext(ctx, `SELECT pg_total_relation_size($1)`, table).Scan(&n))
			size += n
		}
		return size, err
	}
}

// live gives n devices a session each, in no order and several at a time, as they have it: its first message, then its last.
// Time goes on so that ten thousand of them may still repeat their last message.
func live(tb testing.TB, s *sqlstore.Store, m [2]moment, n int, now time.Time) time.Time {
	tb.Helper()
	type call struct {
		device int
		at     time.Time
	}
	calls := make(chan call)
	errs := make([]error, 32)
	var wg sync.WaitGroup
	for w := range errs {
		wg.Go(func() {
			for c := range calls {
				if errs[w] != nil {
					continue
				}
				r, err := s.Load(tb.Context(), restDevice(c.device), c.at, 256)
				for i := range m {
					if err == nil {
						err = s.Commit(tb.Context(), restDevice(c.device), r.Rev+int64(i), &session.Change{
							State: m[i].state, Reply: m[i].reply, ReplyUntil: c.at.Add(session.DefaultReplay),
						})
					}
				}
				errs[w] = err
			}
		})
	}
	for _, i := range rand.Perm(n) {
		now = now.Add(12 * time.Millisecond)
		calls <- call{i, now}
	}
	close(calls)
	wg.Wait()
	require.NoError(tb, errors.Join(errs...))
	return now
}

// rest returns what n devices cost at rest, after some sessions each, and what it costs each of them to wait for a command
// that all of them have and that so many writers queue.
func rest(tb testing.TB, s *sqlstore.Store, size disk, n, sessions, writers int) (device, pending float64) {
	tb.Helper()
	ctx := tb.Context()
	m := moments(tb)
	now := cycleStart
	measure := func() int64 {
		tb.Helper()
		now = now.Add(time.Hour) // nobody repeats a message any more
		_, err := s.Load(ctx, "nobody", now, 1)
		require.NoError(tb, err)
		used, err := size()
		require.NoError(tb, err)
		return used
	}
	empty := measure()
	for range sessions {
		now = live(tb, s, m, n, now)
	}
	full := measure()

	body := []byte(strings.Repeat("policy ", 3000))
	errs := make([]error, writers)
	var wg sync.WaitGroup
	for w := range errs {
		wg.Go(func() {
			for i := w; i < n && errs[w] == nil; i += len(errs) {
				errs[w] = s.Commit(ctx, restDevice(i), session.AnyRev, &session.Change{
					Put: []session.Work{{ID: session.WorkID(workName(i)), Order: time.Now().UnixMicro(), Body: body}},
				})
			}
		})
	}
	wg.Wait()
	require.NoError(tb, errors.Join(errs...))
	queued := measure()
	return float64(full-empty) / float64(n), float64(queued-full-int64(len(body))) / float64(n)
}

// TestAtRest: after two sessions a device costs its name, its state and little more, and a command that many have costs each
// of them a reference. CI measures more devices than fit into a test that everybody runs.
func TestAtRest(t *testing.T) {
	m := moments(t)
	t.Logf("state and reply of a session with a policy of a Handler's: %d and %d bytes; when it is over: %d and %d",
		len(m[0].state), len(m[0].reply), len(m[1].state), len(m[1].reply))
	test := func(t *testing.T, s *sqlstore.Store, size disk, n, writers int, most, mostPending float64) {
		device, pending := rest(t, s, size, n, 2, writers)
		t.Logf("%d devices: %.0f bytes each, and %.0f for a command that all of them have", n, device, pending)
		require.Less(t, device, most)
		require.Less(t, pending, mostPending)
	}
	t.Run("SQLite", func(t *testing.T) {
		n := 1_000
		if os.Getenv("CI") == "true" {
			n = 20_000
		}
		db, s := openSQLite(t, filepath.Join(t.TempDir(), "db"))
		test(t, s, sqliteDisk(t.Context(), db), n, 32, 500, 100)
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		n := 2_000
		if os.Getenv("CI") == "true" {
			n = 5_000
		}
		db, s := openPostgres(t, postgres(t))
		// Writers that wait for each other make PostgreSQL take a megabyte in advance, which is much for so few devices.
		test(t, s, postgresDisk(t.Context(), db), n, 1, 600, 300)
	})
}

// BenchmarkAtRest measures a million devices. The states are what the engine commits, and are written as a device's first
// session writes them; with PostgreSQL in one statement, since a million transactions take half an hour. With -short there
// are ten thousand.
func BenchmarkAtRest(b *testing.B) {
	n := 1_000_000
	if testing.Short() {
		n = 10_000
	}
	b.Run("SQLite", func(b *testing.B) {
		for b.Loop() {
			db, s := openSQLite(b, filepath.Join(b.TempDir(), "db"))
			device, pending := rest(b, s, sqliteDisk(b.Context(), db), n, 1, 32)
			b.ReportMetric(device, "B/device")
			b.ReportMetric(pending, "B/pending")
			b.ReportMetric(0, "ns/op")
		}
	})
	b.Run("PostgreSQL", func(b *testing.B) {
		for b.Loop() {
			db, _ := openPostgres(b, postgres(b))
			ctx, size := b.Context(), postgresDisk(b.Context(), db)
			empty, err := size()
			require.NoError(b, err)
			_, err = db.ExecContext(ctx, `INSERT INTO omadm_device (id, rev, state)
				SELECT 'urn:uuid:' || gen_random_uuid(), 2, $1 FROM generate_series(1, $2::int)`, moments(b)[1].state, n)
			require.NoError(b, err)
			full, err := size()
			require.NoError(b, err)
			_, err = db.ExecContext(ctx, `INSERT INTO omadm_work
				(id, device, payload, ord, priority, scope, owner, status, not_before, expires, done_at)
				SELECT int8send(num) || substr(uuid_send(gen_random_uuid()), 9), num, 1, 1772366400000000 + num, 0, 0, '', 0, 0, 0, 0
				FROM omadm_device`)
			require.NoError(b, err)
			queued, err := size()
			require.NoError(b, err)
			b.ReportMetric(float64(full-empty)/float64(n), "B/device")
			b.ReportMetric(float64(queued-full)/float64(n), "B/pending")
			b.ReportMetric(0, "ns/op")
		}
	})
}
