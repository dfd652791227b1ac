package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/omadm-sdk/omadm/session"
)

// selectWork yields what scanWork reads.
const selectWork = `SELECT w.id, d.id, w.priority, w.ord, w.scope, w.owner, w.status, w.not_before, w.expires, w.done_at, p.body, w.outcome
	FROM omadm_work w JOIN omadm_device d ON d.num = w.device JOIN omadm_payload p ON p.num = w.payload `

func scanWork(row interface{ Scan(...any) error }) (*session.Work, error) {
	w := new(session.Work)
	var id []byte
	var scope, notBefore, expires, doneAt int64
	var owner string
	err := row.Scan(&id, &w.Device, &w.Priority, &w.Order, &scope, &owner, &w.Status, &notBefore, &expires, &doneAt, &w.Body, &w.Outcome)
	if err != nil {
		return nil, err
	}
	w.ID, w.User, w.NotBefore, w.Expires, w.DoneAt = unpackID(id), userOf(scope, owner), timeOf(notBefore), timeOf(expires), timeOf(doneAt)
	return w, nil
}

// Work implements [session.WorkStore].
func (s *Store) Work(ctx context.Context, id session.WorkID) (*session.Work, error) {
	w, err := scanWork(s.db.QueryRowContext(ctx, s.bind(selectWork+`WHERE w.id = ?`), packID(id)))
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
		q := selectWork
		var args []any
		if device != "" {
			q += `WHERE d.id = ? `
			args = append(args, device)
		}
		q += `ORDER BY d.id, CASE WHEN w.status < 2 THEN 0 ELSE 1 END, w.priority DESC, w.ord, w.id`
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

// Purge implements [session.WorkStore]. Payloads that nobody needs any more go as well; that reads all work there is.
func (s *Store) Purge(ctx context.Context, t time.Time) (int, error) {
	if err := s.prepare(ctx); err != nil {
		return 0, err
	}
	n := int64(0)
	err := s.do(&job{ctx: ctx, other: func(r runner) (err error) {
		n, err = r.purge(t)
		return err
	}})
	if err != nil {
		return 0, fmt.Errorf("sqlstore: purge: %w", err)
	}
	return int(n), nil
}

const (
	deleteWork     = `DELETE FROM omadm_work WHERE status >= 2 AND done_at < ?`
	deletePayloads = `DELETE FROM omadm_payload WHERE num NOT IN (SELECT payload FROM omadm_work)`

	// With PostgreSQL, work may be coming for a payload, which this transaction does not see yet. insertWork holds the
	// payload that it uses, so this waits until it is there, and what comes later waits for the end of this.
	lockPayloads = `LOCK TABLE omadm_payload IN EXCLUSIVE MODE`
)

func (r runner) purge(t time.Time) (int64, error) {
	n, err := r.exec(deleteWork, microOf(t))
	if err != nil {
		return 0, err
	}
	if r.s.dialect == Postgres {
		if _, err := r.tx.ExecContext(r.ctx, lockPayloads); err != nil {
			return 0, err
		}
	}
	_, err = r.exec(deletePayloads)
	return n, err
}
