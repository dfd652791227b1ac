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

// migrations bring the schema from each version to the next. What is in braces differs between the dialects. What has been
// released is not changed any more.
//
// Devices and payloads have numbers, so that a million devices with one command each do not cost a million times their
// names. What is there only while a session lasts, replies and large states, is in a table of its own: among records, which
// stay, it would leave holes. WorkIDs are octets: see packID. The scope says whom work waits for: see scopeOf.
var migrations = [...][]string{
	{
		`CREATE TABLE omadm_device (
			num {serial},
			rev BIGINT NOT NULL,
			id TEXT NOT NULL UNIQUE,
			state {blob}
		)`,
		`CREATE TABLE omadm_session (
			device INTEGER PRIMARY KEY,
			rev BIGINT NOT NULL,
			until BIGINT NOT NULL,
			state {blob},
			reply {blob}
		)`,
		`CREATE INDEX omadm_session_until ON omadm_session (until)`,
		`CREATE TABLE omadm_payload (
			num {serial},
			digest {blob} NOT NULL UNIQUE,
			body {blob} NOT NULL
		)`,
		`CREATE TABLE omadm_work (
			ord BIGINT NOT NULL,
			not_before BIGINT NOT NULL,
			expires BIGINT NOT NULL,
			done_at BIGINT NOT NULL,
			device INTEGER NOT NULL,
			payload INTEGER NOT NULL,
			priority SMALLINT NOT NULL,
			scope SMALLINT NOT NULL,
			status SMALLINT NOT NULL,
			id {blob} PRIMARY KEY,
			owner TEXT NOT NULL,
			outcome {blob}
		){norowid}`,
		`CREATE INDEX omadm_work_device ON omadm_work (device, status, scope, owner, priority DESC, ord)`,
		`CREATE INDEX omadm_work_done ON omadm_work (done_at) WHERE status >= 2`,
	},
}

// ofWork are the columns of work that are loaded.
const ofWork = "id, ord, priority, scope, owner, status, not_before, expires, payload"

// words are what the dialects spell differently.
func (d Dialect) words() *strings.Replacer {
	if d == Postgres {
		return strings.NewReplacer("{of work}", ofWork, "{blob}", "BYTEA", "{norowid}", "",
			"{serial}", "INTEGER GENERATED ALWAYS AS IDENTITY PRIMARY KEY", "{share p}", "FOR KEY SHARE OF p", "{skip}", "FOR UPDATE SKIP LOCKED")
	}
	return strings.NewReplacer("{of work}", ofWork, "{blob}", "BLOB", "{norowid}", " WITHOUT ROWID",
		"{serial}", "INTEGER PRIMARY KEY", "{share p}", "", "{skip}", "")
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
			if _, err := tx.ExecContext(ctx, s.words.Replace(q)); err != nil {
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
