package stores

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"sync"
)

// A counter is a driver that counts what a program asks of the driver below it.
type counter struct {
	driver driver.Driver
	dsn    string

	mu sync.Mutex
	counts
}

// counts are what has been asked for.
type counts struct {
	prepared   int      // statements compiled, also those that were run without being prepared
	statements []string // run, but for BEGIN, COMMIT and ROLLBACK
	begins     int
	commits    int // transactions, and statements outside of one that change something
}

// openCounter opens a database of a registered driver.
func openCounter(name, dsn string) (*sql.DB, *counter, error) {
	db, err := sql.Open(name, dsn)
	if err != nil {
		return nil, nil, err
	}
	c := &counter{driver: db.Driver(), dsn: dsn}
	return sql.OpenDB(c), c, db.Close()
}

// take returns what was counted since it was called last.
func (c *counter) take() counts {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.counts
	c.counts = counts{}
	return n
}

func (c *counter) add(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
}

// Connect implements [driver.Connector].
func (c *counter) Connect(context.Context) (driver.Conn, error) {
	conn, err := c.driver.Open(c.dsn)
	if err != nil {
		return nil, err
	}
	return &countedConn{Conn: conn, c: c}, nil
}

// Driver implements [driver.Connector].
func (c *counter) Driver() driver.Driver { return c.driver }

type countedConn struct {
	driver.Conn
	c  *counter
	tx bool
}

func (c *countedConn) ran(query string, changes bool) {
	c.c.add(func() {
		c.c.statements = append(c.c.statements, query)
		if changes && !c.tx {
			c.c.commits++
		}
	})
}

func (c *countedConn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	tx, err := c.Conn.(driver.ConnBeginTx).BeginTx(ctx, opts)
	if err != nil {
		return nil, err
	}
	c.tx = true
	c.c.add(func() { c.c.begins++ })
	return &countedTx{tx, c}, nil
}

func (c *countedConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	st, err := c.Conn.(driver.ConnPrepareContext).PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	c.c.add(func() { c.c.prepared++ })
	return &countedStmt{st, c, query}, nil
}

func (c *countedConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	c.c.add(func() { c.c.prepared++ })
	c.ran(query, true)
	return c.Conn.(driver.ExecerContext).ExecContext(ctx, query, args)
}

func (c *countedConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	c.c.add(func() { c.c.prepared++ })
	c.ran(query, false)
	return c.Conn.(driver.QueryerContext).QueryContext(ctx, query, args)
}

func (c *countedConn) CheckNamedValue(v *driver.NamedValue) error {
	if n, ok := c.Conn.(driver.NamedValueChecker); ok {
		return n.CheckNamedValue(v)
	}
	return driver.ErrSkip
}

func (c *countedConn) ResetSession(ctx context.Context) error {
	if r, ok := c.Conn.(driver.SessionResetter); ok {
		return r.ResetSession(ctx)
	}
	return nil
}

type countedTx struct {
	driver.Tx
	conn *countedConn
}

func (t *countedTx) Commit() error {
	t.conn.tx = false
	t.conn.c.add(func() { t.conn.c.commits++ })
	return t.Tx.Commit()
}

func (t *countedTx) Rollback() error {
	t.conn.tx = false
	return t.Tx.Rollback()
}

type countedStmt struct {
	driver.Stmt
	conn  *countedConn
	query string
}

func (s *countedStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	s.conn.ran(s.query, true)
	return s.Stmt.(driver.StmtExecContext).ExecContext(ctx, args)
}

func (s *countedStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	s.conn.ran(s.query, false)
	return s.Stmt.(driver.StmtQueryContext).QueryContext(ctx, args)
}

func (s *countedStmt) CheckNamedValue(v *driver.NamedValue) error { return s.conn.CheckNamedValue(v) }
