package postgres

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/understudy-api/understudy/storage"
	"github.com/understudy-api/understudy/storage/internal/book"
)

const (
	beginUpdate = "BEGIN READ WRITE ISOLATION LEVEL READ COMMITTED"
	beginView   = "BEGIN READ ONLY ISOLATION LEVEL REPEATABLE READ"
	// planByIndex keeps the planner from reading whole tables, which it prefers
	// while they are small, and remembers when they are not any more; and from
	// planning a prepared statement anew every time, which finds the same plan and
	// takes longer than to run it.
	planByIndex = "SELECT set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true), " +
		"set_config('plan_cache_mode', 'force_generic_plan', true)"

	// planAndLook is planByIndex of a View, which asks for the layers of its workspace.
	planAndLook = planByIndex + ", (SELECT layers FROM workspace WHERE digest = $1::bytea)"

	// FOR UPDATE gives the transaction its id, and that, with the number of the
	// process, is how it is found if the connection is lost.
	lockWorkspace = "SELECT number, revision, pg_backend_pid(), pg_current_xact_id()::text, layers, records, bytes, " + settingsColumns +
		" FROM workspace WHERE digest = $1::bytea FOR UPDATE"
	makeWorkspace = `INSERT INTO workspace (digest, name, revision, tokens, frozen, stands_at, runs_ahead, id_source, id_seed, data)
		VALUES ($1::bytea, $2::bytea, 0, '', false, 0, 0, '', 0, '') ON CONFLICT (digest) DO NOTHING
		RETURNING number, pg_backend_pid(), pg_current_xact_id()::text`
	markWorkspace = `UPDATE workspace SET revision = $2::bigint, tokens = substr($3::bytea || tokens, 1, 256),
		records = $4::bigint, bytes = $5::bigint WHERE number = $1::bigint`

	tokenSize = 8
	// maxPending bounds what an update collects before it sends it, in bytes.
	maxPending = 4 << 20
)

// session is one transaction of the database: a View, or one attempt at an Update.
type session struct {
	store    *Store
	conn     *pgxpool.Conn // nil when it was given back
	readOnly bool
	txns     []*txn // in the order in which they were asked for

	begun   bool
	over    bool  // the function has returned
	err     error // the transaction is lost
	lost    error // of a View: a failure in a method that cannot report it
	clock   time.Time
	process int32  // that runs it on the server
	id      string // of the transaction there

	pending []question // written, but not sent yet
	size    int        // of what is pending, in bytes
	alarms  bool       // may ring at another time
	left    []int64    // layers that workspaces have left
	deep    []string   // workspaces that have got many layers
}

// question is a statement and what to do with its rows; row is nil for those that
// have none.
type question struct {
	sql  string
	args []any
	row  func(pgx.Rows) error
	// flat looks only at the newest layer: if there are more, it is not asked.
	flat bool
}

func newSession(s *Store, conn *pgxpool.Conn, names []string, readOnly bool) *session {
	u := &session{store: s, conn: conn, readOnly: readOnly, txns: make([]*txn, len(names))}
	for i, name := range names {
		u.txns[i] = &txn{session: u, name: name, digest: digestOf(name)}
	}
	return u
}

// inOrder is the transactions in the order in which their workspaces are locked
// and made, which is the same for everybody.
func (u *session) inOrder() []*txn {
	if len(u.txns) == 1 {
		return u.txns
	}
	return slices.SortedFunc(slices.Values(u.txns), func(a, b *txn) int { return strings.Compare(a.name, b.name) })
}

// now is the real time, the same throughout the transaction.
func (u *session) now() time.Time {
	if u.clock.IsZero() {
		u.clock = u.store.options.Now()
	}
	return u.clock
}

// write collects a statement that changes something. All that could make it fail
// has been looked at, under the lock of the workspace.
func (u *session) write(sql string, args ...any) {
	u.pending = append(u.pending, question{sql: sql, args: args})
	for _, a := range args {
		if b, ok := a.([]byte); ok {
			u.size += len(b)
		}
	}
}

// flushIfLarge sends what is pending if it is much.
func (u *session) flushIfLarge(op string) error {
	if u.size < maxPending {
		return nil
	}
	return u.ask(op, nil)
}

// ask begins the transaction if need be, sends what is pending, and asks, all in
// one round trip. t is whose workspace the questions are about: if it does not
// exist, they have no rows.
func (u *session) ask(op string, t *txn, questions ...question) error {
	for attempt := 0; ; attempt++ {
		if u.err != nil {
			return u.err
		}
		begun, rows := u.begun, 0
		err := u.send(t, questions, &rows)
		if err == nil {
			return nil
		}
		// A View has nothing to lose with a connection from which nothing came yet.
		if u.readOnly && !begun && rows == 0 && transient(err) && attempt < maxAttempts-1 {
			if u.reconnect(attempt) == nil {
				continue
			}
		}
		u.err = mapError(op, err)
	}
}

// reconnect takes another connection, before the transaction has begun.
func (u *session) reconnect(attempt int) error {
	u.release()
	u.begun = false
	if err := pause(context.Background(), attempt, true); err != nil {
		return err
	}
	conn, err := u.store.replace(context.Background())
	if err == nil {
		u.conn = conn
		return nil
	}
	if !transient(err) || attempt >= maxAttempts-1 {
		return err
	}
	return u.reconnect(attempt + 1)
}

func (u *session) send(t *txn, questions []question, rows *int) error {
	var locked []*txn
	batch := &pgx.Batch{}
	opening := !u.begun
	if opening {
		if u.readOnly {
			batch.Queue(beginView)
			batch.Queue(planAndLook, u.txns[0].digest)
		} else {
			batch.Queue(beginUpdate)
			batch.Queue(planByIndex)
			locked = u.inOrder()
		}
		for _, t := range locked {
			batch.Queue(lockWorkspace, t.digest)
		}
	}
	for _, q := range u.pending {
		batch.Queue(q.sql, q.args...)
	}
	for _, q := range questions {
		batch.Queue(q.sql, q.args...)
	}
	ctx, cancel := u.context()
	defer cancel()
	u.begun = true
	results := u.conn.SendBatch(ctx, batch)
	err := func() error {
		if opening {
			if _, err := results.Exec(); err != nil {
				return err
			}
			if err := each(results, u.looked); err != nil {
				return err
			}
		}
		for _, t := range locked {
			if err := each(results, t.locked); err != nil {
				return err
			}
		}
		for range u.pending {
			if _, err := results.Exec(); err != nil {
				return err
			}
		}
		for _, q := range questions {
			row := q.row
			if t.absent() || q.flat && t.layered() { // whatever came into being since the lock
				row = nil
			}
			if err := each(results, func(r pgx.Rows) error {
				if row == nil {
					return nil
				}
				*rows++
				return row(r)
			}); err != nil {
				return err
			}
		}
		return nil
	}()
	if e := results.Close(); err == nil {
		err = e
	}
	if err != nil {
		return err
	}
	u.sent()
	return u.verify(locked)
}

// looked reads the layers of a View's workspace.
func (u *session) looked(rows pgx.Rows) error {
	if !u.readOnly {
		return nil
	}
	var ignored *string
	return rows.Scan(&ignored, &ignored, &ignored, &u.txns[0].layers)
}

func (u *session) sent() {
	clear(u.pending)
	u.pending, u.size = u.pending[:0], 0
}

// verify makes sure that workspaces that could not be locked do not exist: the row
// that was waited for may be gone, and another in its place.
func (u *session) verify(locked []*txn) error {
	var digests [][]byte
	for _, t := range locked {
		if t.row == 0 {
			digests = append(digests, t.digest)
		}
	}
	if len(digests) == 0 {
		return nil
	}
	return u.single("SELECT FROM workspace WHERE digest = ANY($1::bytea[])", []any{digests}, func(pgx.Rows) error { return errAgain })
}

// single asks one question.
func (u *session) single(sql string, args []any, row func(pgx.Rows) error) error {
	ctx, cancel := u.context()
	defer cancel()
	rows, err := u.conn.Query(ctx, sql, args...)
	if err != nil {
		return err
	}
	return readAll(rows, row)
}

func each(results pgx.BatchResults, row func(pgx.Rows) error) error {
	rows, err := results.Query()
	if err != nil {
		return err
	}
	return readAll(rows, row)
}

func readAll(rows pgx.Rows, row func(pgx.Rows) error) error {
	defer rows.Close()
	for rows.Next() {
		if err := row(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// context bounds the time for one round trip, and nothing else: a caller who goes
// away would take the connection along.
func (u *session) context() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), u.store.timeout)
}

// make brings the workspace of t into being. With it come all others of the
// transaction that do not exist, in order, lest two transactions wait for each
// other; those that nobody wrote to are gone at the commit.
func (u *session) make(op string, t *txn) error {
	for _, each := range u.inOrder() {
		if each.row != 0 {
			continue
		}
		if !each.nameable() {
			if each == t {
				return book.Failure(storage.CodeInvalid, op, "the workspace's name is not UTF-8")
			}
			continue
		}
		err := u.single(makeWorkspace, []any{each.digest, []byte(each.name)}, func(r pgx.Rows) error {
			each.layers = nil
			return r.Scan(&each.row, &u.process, &u.id)
		})
		switch {
		case err == nil && each.row == 0: // somebody else was faster
			err = errAgain
		case err == nil && each.row > book.MaxNumber:
			err = book.Failure(storage.CodeInternal, op, "too many workspaces")
		}
		if err != nil {
			u.err = mapError(op, err)
			return u.err
		}
		each.made = true
	}
	return nil
}

// commit ends an update whose function succeeded. It says whether to run it again
// after this error, in which case nothing was written.
func (u *session) commit() (again bool, err error) {
	const op = "commit"
	if !u.begun {
		return false, nil
	}
	token := make([]byte, tokenSize)
	if _, err := rand.Read(token); err != nil {
		return false, mapError(op, err)
	}
	var witness *txn
	for _, t := range u.txns {
		t.leave(token)
		if t.wrote && (witness == nil || t.exists && !witness.exists) {
			witness = t
		}
	}
	if hook := u.store.beforeCommit; hook != nil {
		hook(u)
	}
	u.discard()
	err = u.finish("COMMIT")
	if err == nil {
		u.tell()
		return false, nil
	}
	if witness == nil { // it only looked, and saw what there was
		return false, nil
	}
	if refused(err) {
		return transient(err), mapError(op, err)
	}
	u.release()
	done, unknown := u.find(witness, token)
	switch {
	case unknown != nil:
		return false, &storage.Error{Code: storage.CodeUnavailable, Op: op, Err: errors.Join(errUnknown, cause{err})}
	case done:
		u.tell()
		return false, nil
	}
	return true, mapError(op, err)
}

// tell tells what was committed.
func (u *session) tell() {
	if u.alarms {
		book.Tell(u.store.alarms)
	}
	if len(u.left) > 0 || len(u.deep) > 0 {
		u.store.deep.add(u.deep)
		book.Tell(u.store.left)
	}
}

// finish sends what is pending and ends the transaction.
func (u *session) finish(how string) error {
	batch := &pgx.Batch{}
	for _, q := range u.pending {
		batch.Queue(q.sql, q.args...)
	}
	batch.Queue(how)
	ctx, cancel := u.context()
	defer cancel()
	results := u.conn.SendBatch(ctx, batch)
	for range batch.QueuedQueries {
		if _, err := results.Exec(); err != nil {
			_ = results.Close()
			return err
		}
	}
	if err := results.Close(); err != nil {
		return err
	}
	u.begun = false
	return nil
}

// end gives the connection back, and rolls back what is not committed.
func (u *session) end() {
	u.over = true
	if u.conn == nil {
		return
	}
	if u.begun && !u.conn.Conn().IsClosed() {
		u.sent() // is forgotten
		how := "ROLLBACK"
		if u.readOnly && u.err == nil {
			how = "COMMIT"
		}
		_ = u.finish(how) // the pool closes a connection that is still in a transaction
	}
	u.release()
}

func (u *session) release() {
	if u.conn != nil {
		u.conn.Release()
		u.conn = nil
	}
}

// find tells whether the transaction was committed, after the connection was lost
// in the middle of that.
func (u *session) find(witness *txn, token []byte) (done bool, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), u.store.timeout)
	defer cancel()
	for attempt := 0; ; attempt++ {
		var running bool
		done, running, err = u.look(ctx, witness, token, attempt > 2)
		if err == nil && !running || errors.Is(err, errUnknown) {
			return done, err
		}
		if e := pause(ctx, attempt, false); e != nil {
			return false, e
		}
	}
}

// look asks once. A transaction that goes on without us is ended on demand: it
// holds the locks.
func (u *session) look(ctx context.Context, witness *txn, token []byte, terminate bool) (done, running bool, err error) {
	conn, err := u.store.replace(ctx)
	if err != nil {
		return false, false, err
	}
	defer conn.Release()
	const activity = " FROM pg_stat_activity WHERE pid = $1::integer AND backend_xid = $2::text::xid8::xid"
	sql := "SELECT count(*)" + activity
	if terminate {
		sql = "SELECT count(pg_terminate_backend(pid))" + activity
	}
	var processes int64
	if err := conn.QueryRow(ctx, sql, u.process, u.id).Scan(&processes); err != nil || processes > 0 {
		return false, true, err
	}
	var number, revision int64
	var tokens []byte
	err = conn.QueryRow(ctx, "SELECT number, revision, tokens FROM workspace WHERE digest = $1::bytea", witness.digest).
		Scan(&number, &revision, &tokens)
	if errors.Is(err, pgx.ErrNoRows) {
		err = nil
	}
	if err != nil {
		return false, false, err
	}
	done, err = witness.judge(number, revision, tokens, token)
	return done, false, err
}

// judge concludes from a workspace's row, of which nothing is left if the number
// is 0, whether an update that wanted to leave the token was committed.
func (t *txn) judge(number, revision int64, tokens, token []byte) (done bool, err error) {
	switch {
	case number != t.row && !t.exists:
		return true, nil // it was to go, and it has gone
	case number != t.row && t.made:
		return false, nil // it never came, for numbers are not used twice
	case number != t.row:
		return false, errUnknown // somebody else has cleared it since
	}
	since := int(revision - t.revision - 1)
	if since < 0 {
		return false, nil
	}
	if since*tokenSize+tokenSize > len(tokens) {
		return false, errUnknown // too many others were committed since
	}
	return bytes.Equal(tokens[since*tokenSize:][:tokenSize], token), nil
}
