package stores

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omadm-sdk/omadm/auth"
	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/session"
	"github.com/omadm-sdk/omadm/session/sessiontest"
	"github.com/omadm-sdk/omadm/session/sqlstore"
	"github.com/omadm-sdk/omadm/syncml"
)

// trusting accepts every device as what it claims to be.
var trusting = auth.AuthenticatorFunc(func(_ context.Context, r *auth.Request) (*auth.Result, error) {
	return &auth.Result{Identity: &auth.Identity{Device: r.Message.Source.URI}}, nil
})

// TestStatements counts what messages of real sessions cost a database: durable commits and statements, none of which is
// compiled anew. A message makes one commit, and two where a Handler is told something.
func TestStatements(t *testing.T) {
	asks := session.HandlerFunc(func(w *session.Writer, r *session.Request) error {
		if r.First {
			w.Get("./DevDetail/SwV")
		}
		return nil
	})
	gets := func(n int) func(b *session.Batch) {
		return func(b *session.Batch) {
			for i := range n {
				b.Get(dmtree.URI("./Vendor/MSFT/Node").Join(fmt.Sprint(i)))
			}
		}
	}
	tests := []struct {
		name    string
		handler session.Handler
		queue   func(b *session.Batch)
		sent    int // commands of the first reply
		results bool
		first   want // message 1
		second  want // message 2, which has the answers
	}{
		{"nothing to do", nil, nil, 0, false, want{1, 3}, want{}},
		{"one command", nil, gets(1), 1, true, want{1, 4}, want{1, 4}},
		{"ten commands", nil, gets(10), 10, true, want{1, 4}, want{1, 4}},
		{"two hundred commands", nil, gets(200), 200, false, want{1, 4}, want{1, 4}},
		{"Atomic of fifty", nil, func(b *session.Batch) {
			b.Atomic(func(b *session.Batch) {
				for i := range 50 {
					b.Replace(dmtree.URI("./Vendor/MSFT/Node").Join(fmt.Sprint(i)), dmtree.Int(int64(i)))
				}
			})
		}, 1, false, want{1, 4}, want{1, 4}},
		{"Handler", asks, nil, 1, true, want{1, 3}, want{2, 4}},
		{"Handler and ten commands", asks, gets(10), 11, true, want{1, 4}, want{2, 5}},
	}
	databases := []struct {
		name string
		open func(t *testing.T) (*sql.DB, *counter, sqlstore.Dialect)
	}{
		{"SQLite", func(t *testing.T) (*sql.DB, *counter, sqlstore.Dialect) {
			db, c, err := openCounter("sqlite", sqliteDSN(filepath.Join(t.TempDir(), "db")))
			require.NoError(t, err)
			return db, c, sqlstore.SQLite
		}},
		{"PostgreSQL", func(t *testing.T) (*sql.DB, *counter, sqlstore.Dialect) {
			db, c, err := openCounter("pgx", postgres(t))
			require.NoError(t, err)
			return db, c, sqlstore.Postgres
		}},
	}
	for _, d := range databases {
		t.Run(d.name, func(t *testing.T) {
			for _, tt := range tests {
				t.Run(tt.name, func(t *testing.T) {
					db, c, dialect := d.open(t)
					defer db.Close()
					db.SetMaxOpenConns(1) // a connection prepares each statement once
					store := sqlstore.New(db, dialect)
					require.NoError(t, store.Migrate(t.Context()))
					s := &session.Server{ID: "https://dm.example/dm", Handler: tt.handler, Auth: trusting, Store: store}
					var first, second counts
					for i := range 3 { // everything is prepared in the first round
						d := sessiontest.NewDevice(t, s)
						d.ID = fmt.Sprint("device ", i)
						if tt.queue != nil {
							b := new(session.Batch)
							tt.queue(b)
							_, err := s.Queue().Enqueue(t.Context(), d.ID, b, nil)
							require.NoError(t, err)
						}
						c.take()
						m := d.Open()
						first = c.take()
						cmds := sessiontest.Commands(m)
						require.Len(t, cmds, tt.sent)
						if len(cmds) == 0 {
							continue
						}
						m = d.Send(answers(d, cmds, tt.results)...)
						second = c.take()
						require.Empty(t, sessiontest.Commands(m))
					}
					first.check(t, "message 1", tt.first)
					second.check(t, "message 2", tt.second)
				})
			}
		})
	}
}

// answers answers commands with 200, and each Get with a value if there are to be results.
func answers(d *sessiontest.Device, cmds []syncml.Command, results bool) []syncml.Command {
	var l []syncml.Command
	for _, c := range cmds {
		l = append(l, d.Status(c, syncml.StatusOK))
		switch c := c.(type) {
		case *syncml.Get:
			if results {
				l = append(l, d.Results(c, "value"))
			}
		case *syncml.Atomic:
			l = append(l, answers(d, c.Commands, results)...)
		}
	}
	return l
}

// want is what a message may cost at most.
type want struct{ commits, statements int }

func (c *counts) check(t *testing.T, what string, w want) {
	t.Helper()
	t.Logf("%s: %d commits, %d statements, and BEGIN and COMMIT %d times", what, c.commits, len(c.statements), c.begins)
	require.Equal(t, w.commits, c.commits, "commits of %s:\n%s", what, strings.Join(c.statements, "\n"))
	require.LessOrEqual(t, len(c.statements), w.statements, "statements of %s:\n%s", what, strings.Join(c.statements, "\n"))
	require.Zero(t, c.prepared, "statements of %s that were compiled", what)
}

// TestPlans: no statement of a message reads a table from one end to the other, or sorts what an index has in order.
func TestPlans(t *testing.T) {
	db, c, err := openCounter("sqlite", sqliteDSN(filepath.Join(t.TempDir(), "db")))
	require.NoError(t, err)
	defer db.Close()
	store := sqlstore.New(db, sqlstore.SQLite)
	require.NoError(t, store.Migrate(t.Context()))
	c.take()
	s := &session.Server{ID: "https://dm.example/dm", Auth: trusting, Store: store}
	d := sessiontest.NewDevice(t, s)
	for _, n := range []int{1, 2} {
		b := new(session.Batch)
		for i := range n {
			b.Get(dmtree.URI("./A").Join(fmt.Sprint(i)))
		}
		_, err := s.Queue().Enqueue(t.Context(), d.ID, b, nil)
		require.NoError(t, err)
		d.Send(answers(d, sessiontest.Commands(d.Open()), false)...)
	}
	statements := make(map[string]bool)
	for _, q := range c.take().statements {
		statements[q] = true
	}
	require.GreaterOrEqual(t, len(statements), 8, "%v", statements)
	bad := regexp.MustCompile(`SCAN (omadm_|[dprw]\b)|TEMP B-TREE|AUTOMATIC`)
	for q := range statements {
		rows, err := db.Query("EXPLAIN QUERY PLAN "+q, make([]any, strings.Count(q, "?"))...)
		require.NoError(t, err)
		for rows.Next() {
			var id, parent, unused int
			var detail string
			require.NoError(t, rows.Scan(&id, &parent, &unused, &detail))
			require.NotRegexp(t, bad, detail, "%s", q)
		}
		require.NoError(t, rows.Err())
		require.NoError(t, rows.Close())
	}
}
