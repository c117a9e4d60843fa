// Package postgres keeps a store in a PostgreSQL database, version 14 or later,
// which any number of processes may use at the same time.
//
// # Transactions
//
// An Update locks the rows of its workspaces first, in the order of their names,
// and holds them until it commits: updates of one workspace run one after the
// other, whichever process they run in, and READ COMMITTED is all the isolation
// they need. What it writes is collected and sent together with the next question
// it asks, or with the COMMIT. A View is a REPEATABLE READ snapshot. Nothing is
// remembered from one transaction to the next.
//
// Deadlocks and lost connections are met by running the function again. When a
// connection is lost while it commits, the store looks whether it did: every
// update leaves a token in its workspace's row.
//
// # Connection poolers
//
// Everything belongs to a transaction, nothing to a session, so that poolers such
// as PgBouncer may work in transaction mode. Statements are prepared, which
// PgBouncer supports from version 1.21 on (max_prepared_statements); in front of
// anything else say default_query_exec_mode=exec in the DSN (or cache_describe, or
// simple_protocol). The tables are found by the search_path, which the DSN can
// name too; a pooler that refuses it as a parameter needs it set for the role.
package postgres

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/understudy-api/understudy/storage"
	"github.com/understudy-api/understudy/storage/internal/book"
)

// nameHead is what of a workspace's name is in an index.
const nameHead = "substr(name, 1, 1000)"

const (
	// defaultTimeout is how long an answer of the server may take, waiting for a
	// lock included.
	defaultTimeout = 10 * time.Second
	// maxAttempts is how often an update is tried.
	maxAttempts = 12
	// firstPause and lastPause bound the time between two attempts, which doubles.
	firstPause = 4 * time.Millisecond
	lastPause  = 500 * time.Millisecond
)

// Store is a [storage.Store] in PostgreSQL.
type Store struct {
	options Options
	pool    *pgxpool.Pool
	gates   gates
	timeout time.Duration
	alarms  chan struct{} // see AlarmsChanged

	left     chan struct{} // told that there may be something to sweep
	ending   chan struct{} // closed when the store is
	sweeping sync.WaitGroup
	deep     deep

	// life is held for reading by everything that runs.
	life   sync.RWMutex
	closed bool

	// beforeCommit is called between the work and the commit; for tests.
	beforeCommit func(*session)
}

var _ storage.Store = (*Store)(nil)

// Shared reports that other processes may use the store at the same time.
func (*Store) Shared() bool { return true }

// Update implements [storage.Store].
func (s *Store) Update(ctx context.Context, workspace string, fn func(storage.Tx) error) error {
	return s.update(ctx, []string{workspace}, func(all []*txn) error { return fn(all[0]) })
}

// UpdateAll implements [storage.Store].
func (s *Store) UpdateAll(ctx context.Context, workspaces []string, fn func([]storage.Tx) error) error {
	const op = "update"
	if err := book.CheckWorkspaces(op, workspaces); err != nil {
		return err
	}
	return s.update(ctx, slices.Clone(workspaces), func(all []*txn) error {
		out := make([]storage.Tx, len(all))
		for i, t := range all {
			out[i] = t
		}
		return fn(out)
	})
}

func (s *Store) update(ctx context.Context, names []string, fn func([]*txn) error) error {
	const op = "update"
	if err := s.enter(ctx, op, names...); err != nil {
		return err
	}
	defer s.life.RUnlock()
	// Whoever waits for a workspace that this process is writing to anyway does so
	// without a connection, and leaves them to those who write elsewhere.
	waiting, cancel := context.WithTimeout(ctx, storage.MaxWait)
	leave, err := s.gates.pass(waiting, names)
	cancel()
	if err != nil {
		return book.Unavailable(op, err)
	}
	defer leave()
	started := false
	for attempt := 0; ; attempt++ {
		again, err := s.attempt(ctx, names, fn, &started)
		if !again {
			return err
		}
		if attempt == maxAttempts-1 {
			return exhausted(op, err)
		}
		// Once the function has run, the context does not matter any more.
		if err := pause(ctx, attempt, started); err != nil {
			return book.Unavailable(op, err)
		}
	}
}

// exhausted is the error of an update that has been tried often enough.
func exhausted(op string, err error) error {
	if storage.CodeOf(mapError(op, err)) == storage.CodeUnavailable {
		return mapError(op, err)
	}
	return &storage.Error{Code: storage.CodeUnavailable, Op: op, Err: cause{err}}
}

// pause waits before another attempt: twice as long as the last time, with jitter.
func pause(ctx context.Context, attempt int, detached bool) error {
	longest := min(firstPause<<min(attempt, 20), lastPause)
	timer := time.NewTimer(longest/2 + rand.N(longest/2+1)) //nolint:gosec // it spreads attempts, it hides nothing
	defer timer.Stop()
	done := ctx.Done()
	if detached {
		done = nil
	}
	select {
	case <-timer.C:
		return nil
	case <-done:
		return ctx.Err()
	}
}

// attempt runs an update once. It says whether to do so again after this error,
// in which case nothing was written.
func (s *Store) attempt(ctx context.Context, names []string, fn func([]*txn) error, started *bool) (again bool, err error) {
	const op = "update"
	take := s.acquire
	if *started {
		take = s.replace
	}
	conn, err := take(ctx)
	if err != nil {
		if ended := ctx.Err(); ended != nil && !*started {
			return false, book.Unavailable(op, ended)
		}
		return transient(err), mapError(op, err)
	}
	u := newSession(s, conn, names, false)
	defer u.end() // also when fn ends the goroutine
	*started = true
	err = u.run(fn)
	switch {
	case u.err != nil: // whatever fn made of it
		return transient(u.err), u.err
	case err != nil:
		return false, err
	}
	return u.commit()
}

// run calls the function of an update and turns a panic into an error.
func (u *session) run(fn func([]*txn) error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &storage.Error{
				Code: storage.CodeInternal, Op: "update",
				Err: &storage.PanicError{Value: r, Stack: debug.Stack()},
			}
		}
		u.over = true
	}()
	return fn(u.txns)
}

// View implements [storage.Store].
func (s *Store) View(ctx context.Context, workspace string, fn func(storage.ReadTx) error) error {
	const op = "view"
	if err := s.enter(ctx, op, workspace); err != nil {
		return err
	}
	defer s.life.RUnlock()
	conn, err := s.acquire(ctx)
	for attempt := 0; err != nil; attempt++ {
		if ctx.Err() != nil {
			return book.Unavailable(op, ctx.Err())
		}
		if !transient(err) || attempt == maxAttempts-1 {
			return mapError(op, err)
		}
		if err := pause(ctx, attempt, false); err != nil {
			return book.Unavailable(op, err)
		}
		conn, err = s.acquire(ctx)
	}
	v := newSession(s, conn, []string{workspace}, true)
	defer v.end()
	if err := fn(v.txns[0]); err != nil {
		return err
	}
	return v.lost
}

// Settings implements [storage.Store].
func (s *Store) Settings(ctx context.Context, workspaces ...string) ([]storage.Settings, error) {
	const op = "settings"
	if err := s.enter(ctx, op, workspaces...); err != nil {
		return nil, err
	}
	defer s.life.RUnlock()
	out := make([]storage.Settings, len(workspaces))
	digests := make([][]byte, len(workspaces))
	for i, name := range workspaces {
		digests[i] = digestOf(name)
	}
	if len(workspaces) == 0 {
		return out, nil
	}
	err := s.read(ctx, op, "SELECT digest, "+settingsColumns+" FROM workspace WHERE digest = ANY($1::bytea[])",
		[]any{digests}, func() { clear(out) }, func(scan func(...any) error) error {
			var digest []byte
			var row settingsScan
			if err := scan(append([]any{&digest}, row.columns()...)...); err != nil {
				return err
			}
			for i := range digests {
				if bytes.Equal(digest, digests[i]) {
					out[i] = row.settings()
				}
			}
			return nil
		})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Workspaces implements [storage.Store].
func (s *Store) Workspaces(ctx context.Context, prefix string) ([]string, error) {
	const op = "workspaces"
	if err := s.enter(ctx, op); err != nil {
		return nil, err
	}
	defer s.life.RUnlock()
	names := []string{}
	head, _ := split(prefix)
	sql, args := "SELECT name FROM workspace WHERE "+nameHead+" >= $1::bytea", []any{head}
	if beyond := storage.BeyondPrefix(string(head)); beyond != "" {
		sql, args = sql+" AND "+nameHead+" < $2::bytea", append(args, []byte(beyond))
	}
	err := s.read(ctx, op, sql, args, func() { names = names[:0] }, func(scan func(...any) error) error {
		var name []byte
		err := scan(&name)
		if strings.HasPrefix(string(name), prefix) {
			names = append(names, string(name))
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(names, strings.Compare)
	return names, nil
}

// Size implements [storage.Store].
func (s *Store) Size(ctx context.Context) (int64, error) {
	const op = "size"
	if err := s.enter(ctx, op); err != nil {
		return 0, err
	}
	defer s.life.RUnlock()
	var n int64
	err := s.read(ctx, op, `SELECT sum(pg_total_relation_size(to_regclass(t)))::bigint
		FROM unnest(ARRAY['workspace', 'record', 'entry', 'counter', 'blob', 'alarm', 'garbage']) t`,
		nil, func() {}, func(scan func(...any) error) error { return scan(&n) })
	return n, err
}

// Ping implements [storage.Store].
func (s *Store) Ping(ctx context.Context) error {
	const op = "ping"
	if err := s.enter(ctx, op); err != nil {
		return err
	}
	defer s.life.RUnlock()
	// A server that only reads, as a standby does, cannot serve.
	readOnly := false
	err := s.read(ctx, op, "SELECT pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean FROM schema_version LIMIT 1",
		nil, func() {}, func(scan func(...any) error) error { return scan(&readOnly) })
	if err == nil && readOnly {
		err = book.Failure(storage.CodeUnavailable, op, "the database is read-only")
	}
	return err
}

// Close implements [storage.Store].
func (s *Store) Close() error {
	s.life.Lock()
	defer s.life.Unlock()
	if !s.closed {
		s.closed = true
		close(s.ending)
		s.sweeping.Wait()
		s.pool.Close()
	}
	return nil
}

// enter holds the store open until life is released, or says why it cannot.
func (s *Store) enter(ctx context.Context, op string, workspaces ...string) error {
	if slices.Contains(workspaces, "") {
		return book.Failure(storage.CodeInvalid, op, "the workspace has no name")
	}
	if err := ctx.Err(); err != nil {
		return book.Unavailable(op, err)
	}
	s.life.RLock()
	if s.closed {
		s.life.RUnlock()
		return book.Failure(storage.CodeUnavailable, op, "the store is closed")
	}
	return nil
}

// acquire takes a connection from the pool; the context may end the waiting.
func (s *Store) acquire(ctx context.Context) (*pgxpool.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	return s.pool.Acquire(ctx)
}

// replace takes a connection after one was lost. Others are likely to be lost too:
// it takes one that answers.
func (s *Store) replace(ctx context.Context) (*pgxpool.Conn, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.timeout)
	defer cancel()
	for left := s.pool.Config().MaxConns; ; left-- {
		conn, err := s.pool.Acquire(ctx)
		if err != nil {
			return nil, err
		}
		if err = conn.Ping(ctx); err == nil {
			return conn, nil
		}
		conn.Release() // which closes it
		if left <= 0 || !transient(err) {
			return nil, err
		}
	}
}

// read asks a single question, in a transaction of its own. reset forgets what
// rows said before the connection was lost.
func (s *Store) read(ctx context.Context, op, sql string, args []any, reset func(), row func(scan func(...any) error) error) error {
	for attempt := 0; ; attempt++ {
		err := s.readOnce(ctx, attempt > 0, sql, args, row)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return book.Unavailable(op, ctx.Err())
		case !transient(err) || attempt == maxAttempts-1:
			return mapError(op, err)
		}
		reset()
		if err := pause(ctx, attempt, false); err != nil {
			return book.Unavailable(op, err)
		}
	}
}

func (s *Store) readOnce(ctx context.Context, again bool, sql string, args []any, row func(scan func(...any) error) error) error {
	take := s.acquire
	if again {
		take = s.replace
	}
	conn, err := take(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	// A cancelled question would cost the connection.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.timeout)
	defer cancel()
	rows, err := conn.Query(ctx, sql, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

func digestOf(name string) []byte {
	sum := sha256.Sum256([]byte(name))
	return sum[:]
}

// gates let one update at a time through to each workspace.
type gates struct {
	mu   sync.Mutex
	open map[string]*gate
}

type gate struct {
	turn  chan struct{} // holds one token while nobody is inside
	users int           // inside or waiting
}

// pass waits for all of the names, in their order, until the context ends.
func (g *gates) pass(ctx context.Context, names []string) (leave func(), err error) {
	names = slices.Sorted(slices.Values(names))
	passed := 0
	leave = func() {
		for _, name := range names[:passed] {
			g.get(name).turn <- struct{}{}
			g.put(name, 2)
		}
	}
	for _, name := range names {
		select {
		case <-g.get(name).turn:
			passed++
		case <-ctx.Done():
			g.put(name, 1)
			leave()
			return nil, ctx.Err()
		}
	}
	return leave, nil
}

// get counts a user in.
func (g *gates) get(name string) *gate {
	g.mu.Lock()
	defer g.mu.Unlock()
	i := g.open[name]
	if i == nil {
		i = &gate{turn: make(chan struct{}, 1)}
		i.turn <- struct{}{}
		g.open[name] = i
	}
	i.users++
	return i
}

// put counts users out.
func (g *gates) put(name string, users int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	i := g.open[name]
	if i.users -= users; i.users == 0 {
		delete(g.open, name)
	}
}

var errUnknown = errors.New("the connection was lost while it committed, and whether it did cannot be found out")
