// Package stores tests session/sqlstore with real databases: SQLite always, PostgreSQL where OMADM_TEST_POSTGRES has the
// address of one. That is the case in CI, where its absence is a failure.
package stores

import (
	"crypto/rand"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"

	"github.com/omadm-sdk/omadm/session"
	"github.com/omadm-sdk/omadm/session/sqlstore"
	"github.com/omadm-sdk/omadm/session/storetest"
)

// openSQLite opens, or makes, the database in the file at path.
func openSQLite(tb testing.TB, path string) (*sql.DB, *sqlstore.Store) {
	tb.Helper()
	db := rawSQLite(tb, path)
	s := sqlstore.New(db, sqlstore.SQLite)
	require.NoError(tb, s.Migrate(tb.Context()))
	return db, s
}

// sqliteDSN is what the documentation of sqlstore says.
func sqliteDSN(path string) string {
	return "file:" + filepath.ToSlash(path) +
		"?_txlock=immediate&_pragma=busy_timeout(5000)&_pragma=journal_mode(wal)&_pragma=synchronous(full)"
}

func openDB(path string) (*sql.DB, error) {
	db, err := sql.Open("sqlite", sqliteDSN(path))
	if err == nil {
		db.SetMaxOpenConns(2 * runtime.NumCPU())
		db.SetMaxIdleConns(2 * runtime.NumCPU())
	}
	return db, err
}

// rawSQLite opens a database with nothing in it.
func rawSQLite(tb testing.TB, path string) *sql.DB {
	tb.Helper()
	db, err := openDB(path)
	require.NoError(tb, err)
	tb.Cleanup(func() { db.Close() })
	return db
}

// postgres returns the address of a schema of its own in the database for tests.
func postgres(tb testing.TB) string {
	tb.Helper()
	dsn := os.Getenv("OMADM_TEST_POSTGRES")
	if dsn == "" {
		if os.Getenv("CI") == "true" {
			tb.Fatal("OMADM_TEST_POSTGRES is not set, and this is CI")
		}
		tb.Skip("OMADM_TEST_POSTGRES is not set")
	}
	db, err := sql.Open("pgx", dsn)
	require.NoError(tb, err)
	name := "t" + strings.ToLower(rand.Text())
	_, err = db.ExecContext(tb.Context(), `CREATE SCHEMA `+name)
	require.NoError(tb, err)
	tb.Cleanup(func() {
		_, err := db.Exec(`DROP SCHEMA ` + name + ` CASCADE`)
		require.NoError(tb, err)
		require.NoError(tb, db.Close())
	})
	u, err := url.Parse(dsn)
	require.NoError(tb, err, "want a URL")
	q := u.Query()
	q.Set("search_path", name)
	u.RawQuery = q.Encode()
	return u.String()
}

func openPostgres(tb testing.TB, dsn string) (*sql.DB, *sqlstore.Store) {
	tb.Helper()
	db, err := sql.Open("pgx", dsn)
	require.NoError(tb, err)
	db.SetMaxOpenConns(16)
	db.SetMaxIdleConns(16)
	tb.Cleanup(func() { db.Close() })
	s := sqlstore.New(db, sqlstore.Postgres)
	require.NoError(tb, s.Migrate(tb.Context()))
	return db, s
}

func TestSQLite(t *testing.T) {
	storetest.TestStore(t, func(t *testing.T) session.WorkStore {
		_, s := openSQLite(t, filepath.Join(t.TempDir(), "db"))
		return s
	})
	t.Run("Durable", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "db")
		var last *sql.DB
		storetest.TestDurable(t, func(t *testing.T) session.WorkStore {
			if last != nil {
				require.NoError(t, last.Close())
			}
			db, s := openSQLite(t, path)
			last = db
			return s
		})
	})
	t.Run("one connection", func(t *testing.T) {
		storetest.TestStore(t, func(t *testing.T) session.WorkStore {
			db, s := openSQLite(t, filepath.Join(t.TempDir(), "db"))
			db.SetMaxOpenConns(1)
			return s
		})
	})
}

func TestPostgres(t *testing.T) {
	storetest.TestStore(t, func(t *testing.T) session.WorkStore {
		_, s := openPostgres(t, postgres(t))
		return s
	})
	t.Run("Durable", func(t *testing.T) {
		dsn := postgres(t)
		var last *sql.DB
		storetest.TestDurable(t, func(t *testing.T) session.WorkStore {
			if last != nil {
				require.NoError(t, last.Close())
			}
			db, s := openPostgres(t, dsn)
			last = db
			return s
		})
	})
	t.Run("nodes that migrate at the same time", func(t *testing.T) {
		dsn := postgres(t)
		errs := make(chan error)
		for range 4 {
			db, err := sql.Open("pgx", dsn)
			require.NoError(t, err)
			t.Cleanup(func() { db.Close() })
			go func() { errs <- sqlstore.New(db, sqlstore.Postgres).Migrate(t.Context()) }()
		}
		for range 4 {
			require.NoError(t, <-errs)
		}
	})
}

// TestLaterSchema: an old program keeps its hands off the tables of a newer one.
func TestLaterSchema(t *testing.T) {
	db, s := openSQLite(t, filepath.Join(t.TempDir(), "db"))
	require.NoError(t, s.Migrate(t.Context()), "again is harmless")
	_, err := db.Exec(`UPDATE omadm_version SET version = 99`)
	require.NoError(t, err)
	require.EqualError(t, s.Migrate(t.Context()), "sqlstore: migrate: the tables have version 99, this program knows 1")
}

// TestPayloadOnce: what is queued for many devices is stored once, and goes with the last of them.
func TestPayloadOnce(t *testing.T) {
	test := func(t *testing.T, db *sql.DB, s *sqlstore.Store) {
		body := []byte(strings.Repeat("policy ", 3000))
		for i := range 50 {
			device := fmt.Sprint("device ", i)
			require.NoError(t, s.Commit(t.Context(), device, session.AnyRev, &session.Change{
				Put: []session.Work{{ID: session.WorkID(device), Body: body}},
			}))
		}
		count := func() (n int) {
			require.NoError(t, db.QueryRow(`SELECT count(*) FROM omadm_payload`).Scan(&n))
			return n
		}
		require.Equal(t, 1, count())
		for w, err := range s.List(t.Context(), "") {
			require.NoError(t, err)
			require.NoError(t, s.Commit(t.Context(), w.Device, session.AnyRev, &session.Change{
				Done: []session.Done{{ID: w.ID, At: time.Now().Add(-time.Hour), Outcome: []byte("x")}},
			}))
		}
		n, err := s.Purge(t.Context(), time.Now())
		require.NoError(t, err)
		require.Equal(t, []int{50, 0}, []int{n, count()})
	}
	t.Run("SQLite", func(t *testing.T) {
		db, s := openSQLite(t, filepath.Join(t.TempDir(), "db"))
		test(t, db, s)
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		db, s := openPostgres(t, postgres(t))
		test(t, db, s)
	})
}

// TestReplyIsForgotten: replies leave the database when devices do not repeat their messages any more.
func TestReplyIsForgotten(t *testing.T) {
	test := func(t *testing.T, db *sql.DB, s *sqlstore.Store) {
		start := time.Date(2026, 3, 1, 12, 0, 30, 0, time.UTC)
		count := func(at time.Time) (n int) {
			_, err := s.Load(t.Context(), "somebody", at, 1)
			require.NoError(t, err)
			require.NoError(t, db.QueryRow(`SELECT count(*) FROM omadm_session`).Scan(&n))
			return n
		}
		require.Equal(t, 0, count(start))
		for i := range 20 {
			require.NoError(t, s.Commit(t.Context(), fmt.Sprint(i), 0, &session.Change{
				Reply: []byte("reply"), ReplyUntil: start.Add(time.Duration(1+i/10) * 2 * time.Minute),
			}))
		}
		require.Equal(t, 20, count(start.Add(2*time.Minute)))
		require.Equal(t, 10, count(start.Add(3*time.Minute)))
		require.Equal(t, 10, count(start.Add(4*time.Minute)))
		require.Equal(t, 0, count(start.Add(5*time.Minute)))
		for i := range 20 {
			r, err := s.Load(t.Context(), fmt.Sprint(i), start, 1)
			require.NoError(t, err)
			require.EqualValues(t, 1, r.Rev)
			require.Nil(t, r.Reply)
		}
	}
	t.Run("SQLite", func(t *testing.T) {
		db, s := openSQLite(t, filepath.Join(t.TempDir(), "db"))
		test(t, db, s)
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		db, s := openPostgres(t, postgres(t))
		test(t, db, s)
	})
}
