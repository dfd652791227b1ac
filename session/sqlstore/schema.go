package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
)

// A Dialect is the database that a [Store] speaks to.
type Dialect int

const (
	SQLite   Dialect = iota // version 3.35 or later, one process
	Postgres                // version 12 or later, any number of nodes
)

// migrations bring the schema from each version to the next. {blob} and {int} stand for the types of the dialect. What has
// been released is not changed any more.
var migrations = [...][]string{
	{
		`CREATE TABLE omadm_device (
			id TEXT PRIMARY KEY,
			rev {int} NOT NULL,
			state {blob},
			reply {blob}
		){rowid}`,
		`CREATE TABLE omadm_payload (
			digest {blob} PRIMARY KEY,
			body {blob} NOT NULL
		){rowid}`,
		`CREATE TABLE omadm_work (
			id TEXT PRIMARY KEY,
			device TEXT NOT NULL,
			priority {int} NOT NULL,
			ord {int} NOT NULL,
			scope {int} NOT NULL,
			status {int} NOT NULL,
			not_before {int} NOT NULL,
			expires {int} NOT NULL,
			done_at {int} NOT NULL,
			digest {blob} NOT NULL REFERENCES omadm_payload (digest),
			outcome {blob}
		){rowid}`,
		`CREATE INDEX omadm_work_open ON omadm_work (device, status, scope, priority DESC, ord) WHERE status < 2`,
		`CREATE INDEX omadm_work_done ON omadm_work (done_at) WHERE status >= 2`,
		`CREATE INDEX omadm_work_digest ON omadm_work (digest)`,
	},
}

// Migrate makes the tables, or brings those of an earlier version of this package up to date. It may be called by several
// nodes at once. All names begin with omadm_, so that the database may hold other things.
func (s *Store) Migrate(ctx context.Context) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("sqlstore: migrate: %w", err)
	}
	defer tx.Rollback()
	if s.dialect == Postgres {
		// Nodes that start at the same time wait for each other here.
		if _, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock(7307500125)`); err != nil {
			return fmt.Errorf("sqlstore: migrate: %w", err)
		}
	}
	if _, err := tx.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS omadm_version (version INTEGER NOT NULL)`); err != nil {
		return fmt.Errorf("sqlstore: migrate: %w", err)
	}
	var version int
	err = tx.QueryRowContext(ctx, `SELECT version FROM omadm_version`).Scan(&version)
	if errors.Is(err, sql.ErrNoRows) {
		_, err = tx.ExecContext(ctx, `INSERT INTO omadm_version VALUES (0)`)
	}
	if err != nil {
		return fmt.Errorf("sqlstore: migrate: %w", err)
	}
	if version > len(migrations) {
		return fmt.Errorf("sqlstore: migrate: the tables have version %d, this program knows %d", version, len(migrations))
	}
	for i := version; i < len(migrations); i++ {
		for _, q := range migrations[i] {
			if _, err := tx.ExecContext(ctx, s.types.Replace(q)); err != nil {
				return fmt.Errorf("sqlstore: migrate to version %d: %w", i+1, err)
			}
		}
	}
	if _, err := tx.ExecContext(ctx, s.bind(`UPDATE omadm_version SET version = ?`), len(migrations)); err != nil {
		return fmt.Errorf("sqlstore: migrate: %w", err)
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("sqlstore: migrate: %w", err)
	}
	return nil
}

func (d Dialect) types() *strings.Replacer {
	if d == Postgres {
		return strings.NewReplacer("{blob}", "BYTEA", "{int}", "BIGINT", "{rowid}", "")
	}
	return strings.NewReplacer("{blob}", "BLOB", "{int}", "INTEGER", "{rowid}", " WITHOUT ROWID")
}
