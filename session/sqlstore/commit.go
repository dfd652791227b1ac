package sqlstore

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/omadm-sdk/omadm/session"
)

// A job is one Commit, or something else that writes.
type job struct {
	ctx    context.Context
	device string
	rev    int64
	change *session.Change
	other  func(r runner) error // instead of a change
	err    error
	turn   chan bool // true: commit what waits, this job first; false: it has been done
}

// maxGroup is how many commits share one transaction at most, so that the first need not wait for too many others.
const maxGroup = 256

// Commit implements [session.Store].
func (s *Store) Commit(ctx context.Context, device string, rev int64, c *session.Change) error {
	if err := s.prepare(ctx); err != nil {
		return err
	}
	err := s.do(&job{ctx: ctx, device: device, rev: rev, change: c})
	if err != nil && !errors.Is(err, session.ErrConflict) {
		return fmt.Errorf("sqlstore: commit: %w", err)
	}
	return err
}

// do commits a job. With SQLite, all that writes goes through here, and one after the other.
func (s *Store) do(j *job) error {
	if s.dialect == Postgres {
		if done, err := s.commitPlain(j); done || err != nil {
			return err
		}
		return s.commitAlone(j)
	}
	j.turn = make(chan bool, 1)
	s.mu.Lock()
	s.jobs = append(s.jobs, j)
	lead := !s.leading
	s.leading = true
	s.mu.Unlock()
	if lead || <-j.turn {
		s.lead()
	}
	return j.err
}

// maxKept is how many groups are committed over one connection before others may have it.
const maxKept = 64

// lead commits the jobs that wait, and has one of those that have come meanwhile go on.
func (s *Store) lead() {
	s.mu.Lock()
	group := s.jobs[:min(len(s.jobs), maxGroup)]
	s.jobs = s.jobs[len(group):]
	s.mu.Unlock()

	if s.conn == nil {
		s.conn, _ = s.db.Conn(group[0].ctx) // begin finds out what is wrong, if something is
	}
	s.kept++
	s.commitGroup(group)

	for _, j := range group[1:] {
		j.turn <- false
	}
	s.mu.Lock()
	s.leading = len(s.jobs) > 0
	var free *sql.Conn
	if !s.leading || s.kept == maxKept {
		free, s.conn, s.kept = s.conn, nil, 0
	}
	if s.leading {
		s.jobs[0].turn <- true
	}
	s.mu.Unlock()
	if free != nil {
		free.Close()
	}
}

// commitGroup commits the jobs together. A job that is in conflict changes nothing; where it is too late for that, or
// something fails, each is committed by itself, so that none takes the others with it.
func (s *Store) commitGroup(group []*job) {
	if len(group) > 1 && s.commitAll(group) == nil {
		return
	}
	for _, j := range group {
		if j.err = context.Cause(j.ctx); j.err == nil {
			j.err = s.commitAlone(j)
		}
	}
}

// commitAll commits the jobs in one transaction, or none of them.
func (s *Store) commitAll(group []*job) error {
	ctx := context.Background() // the transaction is that of several callers
	tx, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	for _, j := range group {
		if j.err = context.Cause(j.ctx); j.err != nil {
			continue
		}
		if changed, err := s.apply(runner{ctx, s, tx}, j); err != nil {
			if changed || !errors.Is(err, session.ErrConflict) {
				return err
			}
			j.err = err
		}
	}
	return tx.Commit()
}

// commitAlone commits a job by itself.
func (s *Store) commitAlone(j *job) error {
	tx, err := s.begin(j.ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if _, err := s.apply(runner{j.ctx, s, tx}, j); err != nil {
		return err
	}
	return tx.Commit()
}

// begin begins a transaction. With SQLite, writers use one connection for as long as they follow each other: what it has
// of the database in memory stays good, while others have to read again what was changed.
func (s *Store) begin(ctx context.Context) (*sql.Tx, error) {
	if s.conn != nil {
		if tx, err := s.conn.BeginTx(ctx, nil); err == nil {
			return tx, nil
		}
		s.conn.Close() // there may be no other, and it may be broken
		s.conn = nil
	}
	return s.db.BeginTx(ctx, nil)
}

// commitPlain commits a job that one statement does, which needs no transaction around it: a command for a known device
// whose payload is known. It reports whether it has.
func (s *Store) commitPlain(j *job) (done bool, err error) {
	c := j.change
	if c == nil || j.rev != session.AnyRev || len(c.Put) != 1 || len(c.Lease)+len(c.Release)+len(c.Done)+len(c.Cancel)+len(c.Requeue) > 0 {
		return false, nil
	}
	n, err := runner{j.ctx, s, nil}.insertWork(j.device, &c.Put[0], sha256.Sum256(c.Put[0].Body))
	return n == 1, err
}

// A runner runs prepared statements, in a transaction if it has one.
type runner struct {
	ctx context.Context
	s   *Store
	tx  *sql.Tx
}

func (r runner) stmt(q string) *sql.Stmt {
	st := r.s.prepared[q]
	if r.tx != nil {
		st = r.tx.StmtContext(r.ctx, st)
	}
	return st
}

// exec returns how many rows a statement has changed.
func (r runner) exec(q string, args ...any) (int64, error) {
	res, err := r.stmt(q).ExecContext(r.ctx, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

const (
	// A device for which there is work may be there without ever having been seen: its revision is 0.
	newRecord = `INSERT INTO omadm_device (state, id, rev) VALUES (?, ?, 1)
		ON CONFLICT (id) DO UPDATE SET rev = 1, state = excluded.state WHERE omadm_device.rev = 0`
	updateRecord = `UPDATE omadm_device SET state = ?, rev = rev + 1 WHERE id = ? AND rev = ?`

	// What a session holds is that of a revision: without something new, the old is no longer that of the device.
	setSession = `INSERT INTO omadm_session (device, rev, until, state, reply)
		SELECT num, rev, CAST(? AS BIGINT), CAST(? AS {blob}), CAST(? AS {blob}) FROM omadm_device WHERE id = ?
		ON CONFLICT (device) DO UPDATE SET
			rev = excluded.rev, until = excluded.until, state = excluded.state, reply = excluded.reply`

	// What is known is found before anything is inserted: PostgreSQL counts up for rows that then are not inserted.
	insertDevice = `INSERT INTO omadm_device (id, rev) SELECT CAST(? AS TEXT), 0
		WHERE NOT EXISTS (SELECT 1 FROM omadm_device WHERE id = ?) ON CONFLICT (id) DO NOTHING`
	insertPayload = `INSERT INTO omadm_payload (digest, body) SELECT CAST(? AS {blob}), CAST(? AS {blob})
		WHERE NOT EXISTS (SELECT 1 FROM omadm_payload WHERE digest = ?) ON CONFLICT (digest) DO NOTHING`
	insertWork = `INSERT INTO omadm_work (id, device, payload, ord, priority, scope, owner, status, not_before, expires, done_at)
		SELECT CAST(? AS {blob}), d.num, p.num, CAST(? AS BIGINT), CAST(? AS SMALLINT), CAST(? AS SMALLINT), CAST(? AS TEXT), 0,
			CAST(? AS BIGINT), CAST(? AS BIGINT), 0
		FROM omadm_device d, omadm_payload p WHERE d.id = ? AND p.digest = ? {share p}
		ON CONFLICT (id) DO NOTHING`
)

var statements = [...]string{
	load, newRecord, updateRecord, setSession, insertDevice, insertPayload, insertWork, moveOne,
	endSessions, dropReplies, deleteWork, deletePayloads,
}

// apply makes the change of a job, and reports whether anything may have been changed before an error.
func (s *Store) apply(r runner, j *job) (changed bool, err error) {
	if j.other != nil {
		return true, j.other(r)
	}
	c := j.change
	if j.rev != session.AnyRev {
		if err := r.record(j); err != nil {
			return false, err
		}
	}
	if len(c.Put) > 0 {
		if err := r.put(j); err != nil {
			return true, err
		}
	}
	return true, r.move(j)
}

// maxState is how large a state may be to be kept with the record. That of a device without a session is smaller; a larger
// one holds commands of the session.
const maxState = 256

// record replaces state and reply.
func (r runner) record(j *job) error {
	c := j.change
	var large, small []byte
	if len(c.State) > maxState {
		large = c.State
	} else {
		small = c.State
	}
	q, args := updateRecord, []any{small, j.device, j.rev}
	if j.rev == 0 {
		q, args = newRecord, args[:2]
	}
	if n, err := r.exec(q, args...); err != nil {
		return err
	} else if n != 1 {
		return session.ErrConflict
	}
	if large == nil && c.Reply == nil {
		return nil
	}
	_, err := r.exec(setSession, until(c), large, c.Reply, j.device)
	return err
}

// until returns the time after which the reply may be forgotten, in whole minutes so that the index of it rarely changes.
func until(c *session.Change) int64 {
	if c.Reply == nil || c.ReplyUntil.IsZero() {
		return math.MaxInt64
	}
	return c.ReplyUntil.Truncate(time.Minute).Add(time.Minute).UnixMicro()
}

// put inserts new work. Payloads go first and in the order of their digests, so that nodes do not wait for each other in
// a circle.
func (r runner) put(j *job) error {
	work := j.change.Put
	bodies := make(map[[sha256.Size]byte][]byte)
	digests := make([][sha256.Size]byte, len(work))
	for i := range work {
		digests[i] = sha256.Sum256(work[i].Body)
		bodies[digests[i]] = work[i].Body
	}
	if len(work) == 1 {
		if n, err := r.insertWork(j.device, &work[0], digests[0]); n == 1 || err != nil {
			return err
		}
	}
	if _, err := r.exec(insertDevice, j.device, j.device); err != nil {
		return err
	}
	sorted := slices.Clone(digests)
	slices.SortFunc(sorted, func(a, b [sha256.Size]byte) int { return slices.Compare(a[:], b[:]) })
	for _, d := range slices.Compact(sorted) {
		body := bodies[d]
		if body == nil {
			body = []byte{}
		}
		if _, err := r.exec(insertPayload, d[:], body, d[:]); err != nil {
			return err
		}
	}
	for i := range work {
		if _, err := r.insertWork(j.device, &work[i], digests[i]); err != nil {
			return err
		}
	}
	return nil
}

// insertWork returns how many rows it has inserted: none where the device or the payload is not known, or the work is.
func (r runner) insertWork(device string, w *session.Work, digest [sha256.Size]byte) (int64, error) {
	scope, owner := scopeOf(w.User)
	return r.exec(insertWork, packID(w.ID), w.Order, w.Priority, scope, owner, microOf(w.NotBefore), microOf(w.Expires),
		device, digest[:])
}

// A move changes the status of one piece of work, if it is between two.
type move struct {
	id          session.WorkID
	least, most session.WorkStatus
	to          session.WorkStatus
	at          int64 // when it was done or cancelled, else 0
	outcome     []byte
}

// moves returns what a change does to work that is there, in order.
func moves(c *session.Change) []move {
	const waiting, leased, done, cancelled = session.WorkWaiting, session.WorkLeased, session.WorkDone, session.WorkCancelled
	l := make([]move, 0, len(c.Lease)+len(c.Release)+len(c.Done)+len(c.Cancel)+len(c.Requeue))
	for _, id := range c.Lease {
		l = append(l, move{id: id, least: waiting, most: waiting, to: leased})
	}
	for _, id := range c.Release {
		l = append(l, move{id: id, least: leased, most: leased, to: waiting})
	}
	for i := range c.Done {
		d := &c.Done[i]
		l = append(l, move{id: d.ID, least: waiting, most: leased, to: done, at: microOf(d.At), outcome: d.Outcome})
	}
	for _, id := range c.Cancel {
		l = append(l, move{id: id, least: waiting, most: waiting, to: cancelled, at: time.Now().UnixMicro()})
	}
	for _, id := range c.Requeue {
		l = append(l, move{id: id, least: done, most: cancelled, to: waiting})
	}
	return l
}

// moveSizes are how many moves one statement makes, if it is more than one. Fewer are told the last of them again, so that
// there are few statements to prepare.
var moveSizes = [...]int{4, 16, 64, 256}

const moveOne = `UPDATE omadm_work SET status = ?, done_at = ?, outcome = ?
	WHERE id = ? AND device = (SELECT num FROM omadm_device WHERE id = ?) AND status BETWEEN ? AND ?`

// moveMany returns the statement that makes n moves. It yields the new status of what was moved.
func moveMany(n int) string {
	const row = `(CAST(? AS {blob}), CAST(? AS SMALLINT), CAST(? AS SMALLINT), CAST(? AS SMALLINT), CAST(? AS BIGINT), CAST(? AS {blob}))`
	return `UPDATE omadm_work SET status = v.column4, done_at = v.column5, outcome = v.column6
		FROM (VALUES ` + row + strings.Repeat(", "+row, n-1) + `) v
		WHERE omadm_work.id = v.column1 AND omadm_work.device = (SELECT num FROM omadm_device WHERE id = ?)
			AND omadm_work.status BETWEEN v.column2 AND v.column3
		RETURNING omadm_work.status`
}

// move changes the status of work. What cannot be leased is a conflict.
func (r runner) move(j *job) error {
	leased := 0
	for l := moves(j.change); len(l) > 0; {
		n := together(l)
		more, err := r.moveSome(j.device, l[:n])
		if err != nil {
			return err
		}
		leased += more
		l = l[n:]
	}
	if leased != len(j.change.Lease) {
		return session.ErrConflict // it was cancelled, or leased by another
	}
	return nil
}

// moveSome makes moves with one statement, and returns how many of them were leases.
func (r runner) moveSome(device string, l []move) (leased int, err error) {
	if m := &l[0]; len(l) == 1 {
		n, err := r.exec(moveOne, int64(m.to), m.at, m.outcome, packID(m.id), device, int64(m.least), int64(m.most))
		if m.to == session.WorkLeased {
			leased = int(n)
		}
		return leased, err
	}
	at := slices.IndexFunc(moveSizes[:], func(size int) bool { return size >= len(l) })
	args := make([]any, 0, 6*moveSizes[at]+1)
	for i := range moveSizes[at] {
		m := &l[min(i, len(l)-1)]
		args = append(args, packID(m.id), int64(m.least), int64(m.most), int64(m.to), m.at, m.outcome)
	}
	rows, err := r.stmt(r.s.moves[at]).QueryContext(r.ctx, append(args, device)...)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	for rows.Next() {
		var to session.WorkStatus
		if err := rows.Scan(&to); err != nil {
			return 0, err
		}
		if to == session.WorkLeased {
			leased++
		}
	}
	return leased, rows.Err()
}

// together returns how many of the moves one statement makes: none of them is about the same work as another.
func together(l []move) int {
	seen := make(map[session.WorkID]bool)
	for i := range l {
		if i == moveSizes[len(moveSizes)-1] || seen[l[i].id] {
			return i
		}
		seen[l[i].id] = true
	}
	return len(l)
}
