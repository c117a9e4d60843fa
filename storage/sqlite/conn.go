package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"sync"

	sqlite "modernc.org/sqlite"
)

// conn is one connection with its prepared statements. It speaks to the driver
// without database/sql, which parses BEGIN and COMMIT anew each time, checks
// arguments by reflection and starts goroutines for cancelable contexts.
type conn struct {
	mu    sync.Mutex // an in-memory store shares one connection among readers
	raw   driver.Conn
	stmts map[string]*stmt
	work  int // rows written since the last checkpoint, bodies counted by page
}

const pageSize = 4096 // SQLite's default

type stmt struct {
	raw interface {
		driver.Stmt
		driver.StmtExecContext
		driver.StmtQueryContext
	}
	args []driver.NamedValue
	dest []driver.Value
}

func dial(dsn string) (*conn, error) {
	connector, err := sqlite.NewConnector(dsn)
	if err != nil {
		return nil, err
	}
	raw, err := connector.Connect(context.Background())
	if err != nil {
		return nil, err
	}
	return &conn{raw: raw, stmts: map[string]*stmt{}}, nil
}

// prepare returns the statement with its arguments in place. The number of
// distinct texts is bounded: lists have one per combination of conditions.
func (c *conn) prepare(sql string, args []any) (*stmt, error) {
	s := c.stmts[sql]
	if s == nil {
		preparer, ok := c.raw.(driver.ConnPrepareContext)
		if !ok {
			return nil, errors.New("the driver cannot prepare statements")
		}
		raw, err := preparer.PrepareContext(context.Background(), sql)
		if err != nil {
			return nil, err
		}
		s = &stmt{args: make([]driver.NamedValue, len(args))}
		if s.raw, ok = raw.(interface {
			driver.Stmt
			driver.StmtExecContext
			driver.StmtQueryContext
		}); !ok {
			return nil, errors.New("the SQLite driver lacks prepared statements with context")
		}
		for i := range s.args {
			s.args[i].Ordinal = i + 1
		}
		c.stmts[sql] = s
	}
	for i, a := range args {
		s.args[i].Value = a
	}
	return s, nil
}

// forget lets go of the arguments, which may be large.
func (s *stmt) forget() {
	for i := range s.args {
		s.args[i].Value = nil
	}
}

// exec runs a statement that returns no rows. Arguments are int64, string and
// []byte; a []byte must not be nil.
func (c *conn) exec(sql string, args ...any) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, err := c.prepare(sql, args)
	if err != nil {
		return err
	}
	_, err = s.raw.ExecContext(context.Background(), s.args)
	s.forget()
	c.work++
	for _, a := range args {
		if b, ok := a.([]byte); ok {
			c.work += len(b) / pageSize
		}
	}
	return err
}

// query calls row for every row; what row gets is valid only during the call,
// the strings and byte slices in it for ever.
func (c *conn) query(sql string, row func([]driver.Value) error, args ...any) (err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, err := c.prepare(sql, args)
	if err != nil {
		return err
	}
	rows, err := s.raw.QueryContext(context.Background(), s.args)
	s.forget()
	if err != nil {
		return err
	}
	defer func() {
		if e := rows.Close(); err == nil {
			err = e
		}
	}()
	if n := len(rows.Columns()); len(s.dest) != n {
		s.dest = make([]driver.Value, n)
	}
	for {
		switch err := rows.Next(s.dest); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		if err := row(s.dest); err != nil {
			return err
		}
	}
}

// number is the single integer that a statement returns; 0 without a row.
func (c *conn) number(sql string) (n int64, err error) {
	err = c.query(sql, func(v []driver.Value) error {
		n, _ = v[0].(int64)
		return nil
	})
	return n, err
}

func (c *conn) close() error {
	var errs []error
	for _, s := range c.stmts {
		errs = append(errs, s.raw.Close())
	}
	return errors.Join(append(errs, c.raw.Close())...)
}
