// Package sqlstore keeps the server's side of sessions in a database: SQLite for one node, PostgreSQL for several.
//
// It imports no driver; the program does, and opens the database:
//
//	import _ "modernc.org/sqlite"
//
//	db, err := sql.Open("sqlite", "file:mdm.db?_txlock=immediate&_pragma=busy_timeout(5000)"+
//		"&_pragma=journal_mode(wal)&_pragma=synchronous(full)")
//	store := sqlstore.New(db, sqlstore.SQLite)
//	err = store.Migrate(ctx)
//
// With SQLite, what several devices change at the same moment is committed together, so that they share one wait for the
// disk. With PostgreSQL each message is a transaction of its own, and any node may take it.
//
// A payload that is queued for many devices is stored once.
package sqlstore

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/omadm-sdk/omadm/session"
)

// Store is a [session.WorkStore] in a database. It is safe for concurrent use.
type Store struct {
	db      *sql.DB
	dialect Dialect
	types   *strings.Replacer

	mu       sync.Mutex
	prepared map[string]*sql.Stmt // by the constants below; written once
	jobs     []*job               // of SQLite, that wait to be committed

	writing sync.Mutex // held by whoever commits, with SQLite
}

// New returns a Store in db. Its tables must be there: see [Store.Migrate].
func New(db *sql.DB, d Dialect) *Store {
	return &Store{db: db, dialect: d, types: d.types()}
}

// bind writes parameters as the database wants them.
func (s *Store) bind(q string) string {
	q = s.types.Replace(q)
	if s.dialect != Postgres {
		return q
	}
	var b strings.Builder
	n := 0
	for i := 0; i < len(q); i++ {
		if q[i] != '?' {
			b.WriteByte(q[i])
			continue
		}
		n++
		b.WriteString("$" + strconv.Itoa(n))
	}
	return b.String()
}

// prepare prepares what every message needs, once. It is called outside of transactions, which may have the only
// connection there is.
func (s *Store) prepare(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.prepared != nil {
		return nil
	}
	m := make(map[string]*sql.Stmt)
	for _, q := range [...]string{loadDevice, loadWork, insertDevice, updateDevice, insertPayload, insertWork, requeue} {
		st, err := s.db.PrepareContext(ctx, s.bind(q))
		if err != nil {
			for _, st := range m {
				st.Close()
			}
			return fmt.Errorf("sqlstore: prepare: %w", err)
		}
		m[q] = st
	}
	s.prepared = m
	return nil
}

// columns are those of a piece of work, in the order of scanWork.
const columns = `w.id, w.device, w.priority, w.ord, w.scope, w.status, w.not_before, w.expires, w.done_at, p.body, w.outcome`

const (
	insertDevice  = `INSERT INTO omadm_device (state, reply, id, rev) VALUES (?, ?, ?, 1) ON CONFLICT (id) DO NOTHING`
	updateDevice  = `UPDATE omadm_device SET rev = rev + 1, state = ?, reply = ? WHERE id = ? AND rev = ?`
	insertPayload = `INSERT INTO omadm_payload (digest, body) VALUES (?, ?) ON CONFLICT (digest) DO NOTHING`
	insertWork    = `INSERT INTO omadm_work (id, device, priority, ord, scope, status, not_before, expires, done_at, digest)
		VALUES (?, ?, ?, ?, ?, 0, ?, ?, 0, ?) ON CONFLICT (id) DO NOTHING`
	requeue = `UPDATE omadm_work SET status = 0, done_at = 0, outcome = NULL WHERE id = ? AND device = ? AND status >= 2`
)

const loadDevice = `SELECT rev, state, reply FROM omadm_device WHERE id = ?`

// Each part of loadWork is a walk along an index, which ends after as many rows as are wanted.
const loadWork = `SELECT ` + columns + ` FROM (
		SELECT * FROM omadm_work WHERE device = ? AND status = 1
		UNION ALL
		SELECT * FROM (SELECT * FROM omadm_work WHERE device = ? AND status = 0 AND scope = 0 AND not_before <= ?
			ORDER BY priority DESC, ord LIMIT ?) a
		UNION ALL
		SELECT * FROM (SELECT * FROM omadm_work WHERE device = ? AND status = 0 AND scope = 1 AND not_before <= ?
			ORDER BY priority DESC, ord LIMIT ?) b
	) w JOIN omadm_payload p ON p.digest = w.digest
	ORDER BY w.status DESC, w.priority DESC, w.ord, w.id`

// Load implements [session.Store].
func (s *Store) Load(ctx context.Context, device string, now time.Time, limit int) (*session.Record, error) {
	rec := new(session.Record)
	if err := s.prepare(ctx); err != nil {
		return nil, err
	}
	err := s.prepared[loadDevice].QueryRowContext(ctx, device).Scan(&rec.Rev, &rec.State, &rec.Reply)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("sqlstore: load device: %w", err)
	}
	at := now.UnixMicro()
	rows, err := s.prepared[loadWork].QueryContext(ctx, device, device, at, limit, device, at, limit)
	if err != nil {
		return nil, fmt.Errorf("sqlstore: load work: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		w, err := scanWork(rows)
		if err != nil {
			return nil, fmt.Errorf("sqlstore: load work: %w", err)
		}
		rec.Work = append(rec.Work, *w)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("sqlstore: load work: %w", err)
	}
	return rec, nil
}

func scanWork(row interface{ Scan(...any) error }) (*session.Work, error) {
	w := new(session.Work)
	var notBefore, expires, doneAt int64
	err := row.Scan(&w.ID, &w.Device, &w.Priority, &w.Order, &w.Scope, &w.Status, &notBefore, &expires, &doneAt, &w.Body, &w.Outcome)
	if err != nil {
		return nil, err
	}
	w.NotBefore, w.Expires, w.DoneAt = timeOf(notBefore), timeOf(expires), timeOf(doneAt)
	return w, nil
}

// Times are microseconds since 1970; 0 is the zero time.

func timeOf(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us)
}

func microOf(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// A job is one Commit.
type job struct {
	ctx    context.Context
	device string
	rev    int64
	change *session.Change
	done   bool
	err    error
}

// maxGroup is how many commits share one transaction at most, so that the first need not wait for too many others.
const maxGroup = 256

// Commit implements [session.Store].
func (s *Store) Commit(ctx context.Context, device string, rev int64, c *session.Change) error {
	if err := s.prepare(ctx); err != nil {
		return err
	}
	j := &job{ctx: ctx, device: device, rev: rev, change: c}
	if s.dialect == Postgres {
		err := s.commitOne(j)
		if err != nil && !errors.Is(err, session.ErrConflict) && len(c.Put) > 0 && ctx.Err() == nil {
			// Somebody may have purged the payload between our looking for it and our using it.
			err = s.commitOne(j)
		}
		return err
	}
	s.mu.Lock()
	s.jobs = append(s.jobs, j)
	s.mu.Unlock()

	s.writing.Lock()
	defer s.writing.Unlock()
	if !j.done {
		s.mu.Lock()
		group := s.jobs
		if len(group) > maxGroup {
			group = group[:maxGroup:maxGroup]
		}
		s.jobs = s.jobs[len(group):]
		s.mu.Unlock()
		s.commitGroup(group)
	}
	if !j.done { // more than maxGroup were waiting
		s.mu.Lock()
		s.jobs = slices.DeleteFunc(s.jobs, func(o *job) bool { return o == j })
		s.mu.Unlock()
		s.commitGroup([]*job{j})
	}
	return j.err
}

func (s *Store) commitOne(j *job) error {
	tx, err := s.db.BeginTx(j.ctx, nil)
	if err != nil {
		return fmt.Errorf("sqlstore: commit: %w", err)
	}
	defer tx.Rollback()
	if err := s.apply(tx, j); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("sqlstore: commit: %w", err)
	}
	return nil
}

// commitGroup commits the jobs together. One that fails takes none of the others with it, and one whose context has ended
// by now is left out.
func (s *Store) commitGroup(group []*job) {
	ctx := context.Background() // the transaction is that of several callers
	fail := func(err error) {
		for _, j := range group {
			if !j.done || j.err == nil {
				j.done, j.err = true, fmt.Errorf("sqlstore: commit: %w", err)
			}
		}
	}
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		fail(err)
		return
	}
	defer tx.Rollback()
	for _, j := range group {
		j.done = true
		if j.err = context.Cause(j.ctx); j.err != nil {
			continue
		}
		j.ctx = ctx
		if len(group) == 1 {
			if j.err = s.apply(tx, j); j.err != nil {
				return
			}
			break
		}
		if _, err := tx.ExecContext(ctx, `SAVEPOINT omadm`); err != nil {
			fail(err)
			return
		}
		end := `RELEASE omadm`
		if j.err = s.apply(tx, j); j.err != nil {
			end = `ROLLBACK TO omadm`
		}
		if _, err := tx.ExecContext(ctx, end); err != nil {
			fail(err)
			return
		}
	}
	if err := tx.Commit(); err != nil {
		fail(err)
	}
}

// apply makes the change of a job within tx.
func (s *Store) apply(tx *sql.Tx, j *job) error {
	c := j.change
	if j.rev != session.AnyRev {
		if err := s.record(tx, j); err != nil {
			return err
		}
	}
	if err := s.put(tx, j); err != nil {
		return err
	}
	if n, err := s.move(tx, j, c.Lease, 0, 1, 0); err != nil {
		return err
	} else if n != int64(len(c.Lease)) {
		return session.ErrConflict // it was cancelled, or leased by another
	}
	if _, err := s.move(tx, j, c.Release, 1, 0, 0); err != nil {
		return err
	}
	if err := s.finish(tx, j); err != nil {
		return err
	}
	if _, err := s.move(tx, j, c.Cancel, 0, 3, time.Now().UnixMicro()); err != nil {
		return err
	}
	for _, id := range c.Requeue {
		if err := s.exec(tx, j, requeue, string(id), j.device); err != nil {
			return err
		}
	}
	return nil
}

// record replaces state and reply.
func (s *Store) record(tx *sql.Tx, j *job) error {
	q := updateDevice
	args := []any{j.change.State, j.change.Reply, j.device, j.rev}
	if j.rev == 0 {
		q = insertDevice
		args = args[:3]
	}
	res, err := tx.StmtContext(j.ctx, s.prepared[q]).ExecContext(j.ctx, args...)
	if err != nil {
		return fmt.Errorf("sqlstore: commit device: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil {
		return fmt.Errorf("sqlstore: commit device: %w", err)
	} else if n != 1 {
		return session.ErrConflict
	}
	return nil
}

// put inserts new work. Payloads go first and in the order of their digests, so that nodes do not wait for each other in
// a circle.
func (s *Store) put(tx *sql.Tx, j *job) error {
	if len(j.change.Put) == 0 {
		return nil
	}
	bodies := make(map[[sha256.Size]byte][]byte)
	digests := make([][sha256.Size]byte, len(j.change.Put))
	for i := range j.change.Put {
		digests[i] = sha256.Sum256(j.change.Put[i].Body)
		bodies[digests[i]] = j.change.Put[i].Body
	}
	sorted := slices.Clone(digests)
	slices.SortFunc(sorted, func(a, b [sha256.Size]byte) int { return slices.Compare(a[:], b[:]) })
	for _, d := range slices.Compact(sorted) {
		body := bodies[d]
		if body == nil {
			body = []byte{}
		}
		if err := s.exec(tx, j, insertPayload, d[:], body); err != nil {
			return err
		}
	}
	for i := range j.change.Put {
		w := &j.change.Put[i]
		err := s.exec(tx, j, insertWork,
			string(w.ID), j.device, w.Priority, w.Order, int64(w.Scope), microOf(w.NotBefore), microOf(w.Expires), digests[i][:])
		if err != nil {
			return err
		}
	}
	return nil
}

// chunk is how many rows one statement changes.
const chunk = 100

// move changes the status of work, and returns how much was changed.
func (s *Store) move(tx *sql.Tx, j *job, ids []session.WorkID, from, to int, at int64) (int64, error) {
	var moved int64
	for part := range slices.Chunk(ids, chunk) {
		args := []any{to, at, j.device, from}
		for _, id := range part {
			args = append(args, string(id))
		}
		q := `UPDATE omadm_work SET status = ?, done_at = ? WHERE device = ? AND status = ? AND id IN (?` + strings.Repeat(", ?", len(part)-1) + `)`
		res, err := tx.ExecContext(j.ctx, s.bind(q), args...)
		if err != nil {
			return 0, fmt.Errorf("sqlstore: commit work: %w", err)
		}
		n, err := res.RowsAffected()
		if err != nil {
			return 0, fmt.Errorf("sqlstore: commit work: %w", err)
		}
		moved += n
	}
	return moved, nil
}

// finish records outcomes.
func (s *Store) finish(tx *sql.Tx, j *job) error {
	for part := range slices.Chunk(j.change.Done, chunk) {
		args := make([]any, 0, 3*len(part)+1)
		for i := range part {
			args = append(args, string(part[i].ID), microOf(part[i].At), part[i].Outcome)
		}
		args = append(args, j.device)
		row := `(CAST(? AS TEXT), CAST(? AS {int}), CAST(? AS {blob}))`
		q := `UPDATE omadm_work SET status = 2, done_at = v.column2, outcome = v.column3 FROM (VALUES ` +
			row + strings.Repeat(", "+row, len(part)-1) + `) v WHERE omadm_work.id = v.column1 AND omadm_work.device = ? AND omadm_work.status < 2`
		if _, err := tx.ExecContext(j.ctx, s.bind(q), args...); err != nil {
			return fmt.Errorf("sqlstore: commit outcomes: %w", err)
		}
	}
	return nil
}

func (s *Store) exec(tx *sql.Tx, j *job, q string, args ...any) error {
	if _, err := tx.StmtContext(j.ctx, s.prepared[q]).ExecContext(j.ctx, args...); err != nil {
		return fmt.Errorf("sqlstore: commit: %w", err)
	}
	return nil
}

// Work implements [session.WorkStore].
func (s *Store) Work(ctx context.Context, id session.WorkID) (*session.Work, error) {
	row := s.db.QueryRowContext(ctx, s.bind(`SELECT `+columns+` FROM omadm_work w JOIN omadm_payload p ON p.digest = w.digest WHERE w.id = ?`), string(id))
	w, err := scanWork(row)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("%w: %s", session.ErrNoWork, id)
	} else if err != nil {
		return nil, fmt.Errorf("sqlstore: work %s: %w", id, err)
	}
	return w, nil
}

// List implements [session.WorkStore].
func (s *Store) List(ctx context.Context, device string) iter.Seq2[*session.Work, error] {
	return func(yield func(*session.Work, error) bool) {
		q := `SELECT ` + columns + ` FROM omadm_work w JOIN omadm_payload p ON p.digest = w.digest`
		var args []any
		if device != "" {
			q += ` WHERE w.device = ?`
			args = append(args, device)
		}
		q += ` ORDER BY w.device, CASE WHEN w.status < 2 THEN 0 ELSE 1 END, w.priority DESC, w.ord, w.id`
		rows, err := s.db.QueryContext(ctx, s.bind(q), args...)
		if err != nil {
			yield(nil, fmt.Errorf("sqlstore: list: %w", err))
			return
		}
		defer rows.Close()
		for rows.Next() {
			w, err := scanWork(rows)
			if err != nil {
				err = fmt.Errorf("sqlstore: list: %w", err)
			}
			if !yield(w, err) || err != nil {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(nil, fmt.Errorf("sqlstore: list: %w", err))
		}
	}
}

// Purge implements [session.WorkStore]. Payloads that nobody needs any more go as well.
func (s *Store) Purge(ctx context.Context, t time.Time) (int, error) {
	if s.dialect == SQLite {
		s.writing.Lock()
		defer s.writing.Unlock()
	}
	res, err := s.db.ExecContext(ctx, s.bind(`DELETE FROM omadm_work WHERE status >= 2 AND done_at < ?`), microOf(t))
	if err != nil {
		return 0, fmt.Errorf("sqlstore: purge: %w", err)
	}
	n, err := res.RowsAffected()
	if err != nil {
		return 0, fmt.Errorf("sqlstore: purge: %w", err)
	}
	_, err = s.db.ExecContext(ctx, `DELETE FROM omadm_payload WHERE NOT EXISTS (SELECT 1 FROM omadm_work w WHERE w.digest = omadm_payload.digest)`)
	if err != nil && s.dialect != Postgres { // there, work may have come for one of them meanwhile: the next Purge will do
		return int(n), fmt.Errorf("sqlstore: purge payloads: %w", err)
	}
	return int(n), nil
}
