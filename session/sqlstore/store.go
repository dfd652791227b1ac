// Package sqlstore keeps the server's side of sessions in a database: SQLite for one node, PostgreSQL for several.
//
// It imports no driver; the program does, and opens the database:
//
//	import _ "modernc.org/sqlite"
//
//	db, err := sql.Open("sqlite", "file:mdm.db?_txlock=immediate&_pragma=busy_timeout(5000)"+
//		"&_pragma=journal_mode(wal)&_pragma=synchronous(full)")
//	db.SetMaxOpenConns(2 * runtime.NumCPU())
//	db.SetMaxIdleConns(2 * runtime.NumCPU())
//	store := sqlstore.New(db, sqlstore.SQLite)
//	err = store.Migrate(ctx)
//
// Connections are to be kept, with the statements that they have prepared, and with SQLite to be few: each reads anew what
// another one has changed.
//
// With SQLite, what several devices change at the same moment is committed together, so that they share one wait for the
// disk. With PostgreSQL each message is a transaction of its own, and any node may take it.
//
// A payload that is queued for many devices is stored once. Replies are deleted when they may be forgotten, so that a
// device without a session costs little more than its name and its state.
//
// Payloads are in the database as they are sent, secrets among them. SQLite lets others read its file as far as the umask
// does, so it belongs into a folder that they cannot enter.
package sqlstore

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"encoding/base32"
	"fmt"
	"math"
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
	words   *strings.Replacer
	moves   [len(moveSizes)]string

	mu       sync.Mutex
	prepared map[string]*sql.Stmt // by the constants; written once
	sweepAt  time.Time            // when replies are to be forgotten next
	jobs     []*job               // of SQLite, that wait to be committed
	leading  bool                 // somebody commits, or has been told to

	// Of whoever leads:
	conn *sql.Conn
	kept int // how many groups have been committed over it
}

// New returns a Store in db. Its tables must be there: see [Store.Migrate].
func New(db *sql.DB, d Dialect) *Store {
	s := &Store{db: db, dialect: d, words: d.words()}
	for i, n := range moveSizes {
		s.moves[i] = moveMany(n)
	}
	return s
}

// bind writes words and parameters as the database wants them.
func (s *Store) bind(q string) string {
	q = s.words.Replace(q)
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
	for _, q := range slices.Concat(statements[:], s.moves[:]) {
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

// load yields the record of a device, if there is one, then its work. The parts about work are walks along an index, which
// end after as many rows as are wanted; but for what waits for users by their names, of which all is looked at.
const load = `WITH d AS (SELECT num, rev, state FROM omadm_device WHERE id = ?)
	SELECT CAST(NULL AS {blob}), d.rev, 0, 0, CAST(NULL AS TEXT), 0, 0, 0, COALESCE(s.state, d.state), s.reply
		FROM d LEFT JOIN omadm_session s ON s.device = d.num AND s.rev = d.rev
	UNION ALL
	SELECT w.id, w.ord, w.priority, w.scope, w.owner, w.status, w.not_before, w.expires, p.body, NULL FROM (
		SELECT {of work} FROM omadm_work WHERE device = (SELECT num FROM d) AND status = 1
		UNION ALL
		SELECT * FROM (SELECT {of work} FROM omadm_work
			WHERE device = (SELECT num FROM d) AND status = 0 AND scope = 0 AND owner = '' AND not_before <= ?
			ORDER BY priority DESC, ord LIMIT ?) a
		UNION ALL
		SELECT * FROM (SELECT {of work} FROM omadm_work
			WHERE device = (SELECT num FROM d) AND status = 0 AND scope = 1 AND owner = '' AND not_before <= ?
			ORDER BY priority DESC, ord LIMIT ?) b
		UNION ALL
		SELECT {of work} FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY owner ORDER BY priority DESC, ord) AS place FROM omadm_work
			WHERE device = (SELECT num FROM d) AND status = 0 AND scope = 2 AND not_before <= ?) c WHERE place <= ?
	) w JOIN omadm_payload p ON p.num = w.payload`

// Load implements [session.Store].
func (s *Store) Load(ctx context.Context, device string, now time.Time, limit int) (*session.Record, error) {
	if err := s.prepare(ctx); err != nil {
		return nil, err
	}
	if err := s.sweep(ctx, now); err != nil {
		return nil, err
	}
	at := now.UnixMicro()
	rows, err := s.prepared[load].QueryContext(ctx, device, at, limit, at, limit, at, limit)
	if err != nil {
		return nil, fmt.Errorf("sqlstore: load: %w", err)
	}
	defer rows.Close()
	rec := new(session.Record)
	for rows.Next() {
		w := session.Work{Device: device}
		var id, reply []byte
		var scope, notBefore, expires int64
		var owner sql.NullString // NULL with the record
		err := rows.Scan(&id, &w.Order, &w.Priority, &scope, &owner, &w.Status, &notBefore, &expires, &w.Body, &reply)
		if err != nil {
			return nil, fmt.Errorf("sqlstore: load: %w", err)
		}
		if id == nil {
			rec.Rev, rec.State, rec.Reply = w.Order, w.Body, reply
			continue
		}
		w.ID, w.User, w.NotBefore, w.Expires = unpackID(id), userOf(scope, owner.String), timeOf(notBefore), timeOf(expires)
		rec.Work = append(rec.Work, w)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("sqlstore: load: %w", err)
	}
	slices.SortFunc(rec.Work, compareWork)
	return rec, nil
}

// compareWork puts what is leased before what waits, and each in order.
func compareWork(a, b session.Work) int {
	return cmp.Or(cmp.Compare(b.Status, a.Status), cmp.Compare(b.Priority, a.Priority), cmp.Compare(a.Order, b.Order), cmp.Compare(a.ID, b.ID))
}

// sweepEvery is how often replies are looked for that may be forgotten, while devices call.
const sweepEvery = 10 * time.Second

// Nodes do not wait for each other to delete, nor for a message. A large state stays, and is not looked at again.
const (
	endSessions = `DELETE FROM omadm_session WHERE device IN (SELECT device FROM omadm_session WHERE until < ? AND state IS NULL {skip})`
	dropReplies = `UPDATE omadm_session SET reply = NULL, until = ? WHERE device IN (SELECT device FROM omadm_session WHERE until < ? {skip})`
)

// sweep deletes replies that may be forgotten, from time to time.
func (s *Store) sweep(ctx context.Context, now time.Time) error {
	s.mu.Lock()
	due := !now.Before(s.sweepAt)
	first := s.sweepAt.IsZero()
	if due {
		s.sweepAt = now.Add(sweepEvery)
	}
	s.mu.Unlock()
	if !due || first {
		return nil
	}
	err := s.do(&job{ctx: ctx, other: func(r runner) error {
		if _, err := r.exec(endSessions, microOf(now)); err != nil {
			return err
		}
		_, err := r.exec(dropReplies, int64(math.MaxInt64), microOf(now))
		return err
	}})
	if err != nil {
		return fmt.Errorf("sqlstore: delete old replies: %w", err)
	}
	return nil
}

// scopeOf returns how it is stored whom work waits for: nobody, the enrolled user, or one who is named.
func scopeOf(user string) (scope int64, owner string) {
	switch user {
	case "":
		return 0, ""
	case session.EnrolledUser:
		return 1, ""
	}
	return 2, user
}

func userOf(scope int64, owner string) string {
	if scope == 1 {
		return session.EnrolledUser
	}
	return owner
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

// WorkIDs are stored as the 16 octets that those of a Queue spell. Any other is stored as it is, with an octet more if it
// would have 16 as well.

const idSize = 16

var idText = base32.StdEncoding.WithPadding(base32.NoPadding)

func packID(id session.WorkID) []byte {
	if b, err := idText.DecodeString(string(id)); err == nil && len(b) == idSize && idText.EncodeToString(b) == string(id) {
		return b
	}
	b := []byte(id)
	if len(b) == idSize {
		b = append(b, 0)
	}
	return b
}

func unpackID(b []byte) session.WorkID {
	if len(b) == idSize {
		return session.WorkID(idText.EncodeToString(b))
	}
	return session.WorkID(bytes.TrimSuffix(b, []byte{0}))
}
