package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"pgregory.net/rapid"

	"github.com/understudy-api/understudy/internal/pgtest"
	"github.com/understudy-api/understudy/storage"
	"github.com/understudy-api/understudy/storage/internal/book"
)

func openForTest(t *testing.T) *Store {
	t.Helper()
	s, err := Open(t.Context(), Options{DSN: pgtest.DSN(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// number counts, and makes a record for every number.
func number(s *Store, before func()) (n int64, err error) {
	err = s.Update(context.Background(), "w", func(tx storage.Tx) (err error) {
		if n, err = tx.Next("n"); err != nil {
			return err
		}
		if before != nil {
			before()
		}
		_, err = tx.Insert(storage.Record{Kind: "k", ID: fmt.Sprint(n)}, []storage.Key{{Index: "i", Value: fmt.Sprint(n), Unique: true}})
		return err
	})
	return n, err
}

// kill ends the process of the server that runs a transaction, and waits for its end.
func kill(t *testing.T, s *Store, process int32) {
	t.Helper()
	// Waiting is up to the server: it tells when the process has gone.
	var gone bool
	if err := s.pool.QueryRow(context.Background(), "SELECT pg_terminate_backend($1::integer, 10000)", process).Scan(&gone); err != nil || !gone {
		t.Errorf("terminating: %v, %v", gone, err)
	}
}

// Whatever happens to the connection, an update happens once or says that it did
// not happen.
func TestStoreConnectionLost(t *testing.T) {
	s := openForTest(t)
	want := int64(0)
	check := func(what string, runs int, hooked *atomic.Int64, update func() (int64, error)) {
		t.Helper()
		want++
		n, err := update()
		s.beforeCommit = nil
		if err != nil || n != want {
			t.Errorf("%s: drew %d, %v; want %d", what, n, err, want)
		}
		if hooked.Load() != int64(runs) {
			t.Errorf("%s: it ran %d times, want %d", what, hooked.Load(), runs)
		}
		if err := s.View(t.Context(), "w", func(tx storage.ReadTx) error {
			last, err := tx.Last("n")
			records, err2 := tx.Count("k", "", false)
			if last != want || records != want {
				t.Errorf("%s: the sequence is at %d with %d records, want %d", what, last, records, want)
			}
			return errors.Join(err, err2)
		}); err != nil {
			t.Fatal(err)
		}
	}
	// once is a hook that does something the first time.
	once := func(runs *atomic.Int64, do func(*session)) func(*session) {
		return func(u *session) {
			if runs.Add(1) == 1 {
				do(u)
			}
		}
	}
	for _, first := range []string{"of the first update", "of a later one"} {
		var runs, begun atomic.Int64
		s.beforeCommit = func(*session) { runs.Add(1) }
		check("in the middle "+first, 1, &runs, func() (int64, error) {
			return number(s, func() {
				if begun.Add(1) > 1 {
					return
				}
				var process int32
				if err := s.pool.QueryRow(context.Background(),
					"SELECT pid FROM pg_stat_activity WHERE state = 'idle in transaction' AND datname = current_database()").Scan(&process); err != nil {
					t.Error(err)
				}
				kill(t, s, process)
			})
		})
		if begun.Load() != 2 {
			t.Errorf("it began %d times", begun.Load())
		}

		runs.Store(0)
		s.beforeCommit = once(&runs, func(u *session) { kill(t, s, u.process) })
		check("before the commit "+first, 2, &runs, func() (int64, error) { return number(s, nil) })

		runs.Store(0)
		s.beforeCommit = once(&runs, func(u *session) {
			if err := u.finish("COMMIT"); err != nil {
				t.Error(err)
			}
			u.sent()
			if err := u.conn.Conn().PgConn().Conn().Close(); err != nil {
				t.Error(err)
			}
		})
		check("after the commit "+first, 1, &runs, func() (int64, error) { return number(s, nil) })

		// Committed, and others after it, before anybody looks.
		runs.Store(0)
		other := openOn(t, s)
		s.beforeCommit = once(&runs, func(u *session) {
			if err := u.finish("COMMIT"); err != nil {
				t.Error(err)
			}
			u.sent()
			_ = u.conn.Conn().PgConn().Conn().Close()
			for range 5 {
				want++
				if _, err := number(other, nil); err != nil {
					t.Error(err)
				}
			}
		})
		check("before others "+first, 1, &runs, func() (int64, error) {
			n, err := number(s, nil)
			return n + 5, err
		})

		// The server heard nothing, and its transaction goes on with all its locks.
		runs.Store(0)
		s.beforeCommit = once(&runs, func(u *session) {
			done, err := u.find(u.txns[0], make([]byte, tokenSize))
			if done || err != nil {
				t.Errorf("a transaction that goes on: %v, %v", done, err)
			}
		})
		check("while it goes on "+first, 2, &runs, func() (int64, error) { return number(s, nil) })

		runs.Store(0)
		s.beforeCommit = once(&runs, func(u *session) {
			u.write("DO $$ BEGIN RAISE EXCEPTION SQLSTATE '40001'; END $$")
		})
		check("a serialization failure "+first, 2, &runs, func() (int64, error) { return number(s, nil) })
	}
	// Failures that stay.
	var runs atomic.Int64
	for code, kind := range map[string]storage.Code{"40P01": storage.CodeUnavailable, "53100": storage.CodeUnavailable, "23505": storage.CodeInternal} {
		s.beforeCommit = func(u *session) {
			runs.Add(1)
			u.write("DO $$ BEGIN RAISE EXCEPTION 'secret' USING ERRCODE = '" + code + "'; END $$")
		}
		_, err := number(s, nil)
		if storage.CodeOf(err) != kind || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v, want %v", code, err, kind)
		}
	}
	if runs.Load() != maxAttempts+2 {
		t.Errorf("they ran %d times", runs.Load())
	}
	s.beforeCommit = nil
	check("in the end", 0, &atomic.Int64{}, func() (int64, error) { return number(s, nil) })
}

// openOn opens another store on the same database.
func openOn(t *testing.T, s *Store) *Store {
	t.Helper()
	other, err := Open(t.Context(), Options{DSN: s.options.DSN})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = other.Close() })
	return other
}

// A View does not notice that the connections it finds are dead.
func TestStoreViewOnDeadConnections(t *testing.T) {
	s := openForTest(t)
	if _, err := number(s, nil); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		var idle []*pgx.Conn
		conns := s.pool.AcquireAllIdle(t.Context())
		for _, c := range conns {
			idle = append(idle, c.Conn())
			c.Release()
		}
		for _, c := range idle {
			_ = c.PgConn().Conn().Close()
		}
		if err := s.View(t.Context(), "w", func(tx storage.ReadTx) error {
			_, err := tx.Get("k", "1")
			return err
		}); err != nil {
			t.Error(err)
		}
		if _, err := s.Settings(t.Context(), "w"); err != nil {
			t.Error(err)
		}
	}
}

// Who waits too long for somebody else's lock is told so, and nothing happens.
func TestStoreLockedForLong(t *testing.T) {
	s := openForTest(t)
	if _, err := number(s, nil); err != nil {
		t.Fatal(err)
	}
	err := pgx.BeginFunc(t.Context(), s.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(t.Context(), "SELECT FROM workspace FOR UPDATE"); err != nil {
			return err
		}
		s.timeout = 50 * time.Millisecond
		_, err := number(s, nil)
		s.timeout = defaultTimeout
		if storage.CodeOf(err) != storage.CodeUnavailable || !strings.Contains(err.Error(), "in time") {
			t.Errorf("locked: %v", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if n, err := number(s, nil); n != 2 || err != nil {
		t.Errorf("unlocked: %d, %v", n, err)
	}
}

func TestStoreJudge(t *testing.T) {
	tokens := func(names ...string) []byte {
		return []byte(strings.Join(names, ""))
	}
	mine := []byte("mine....")
	for name, test := range map[string]struct {
		t                txn
		number, revision int64
		tokens           []byte
		done, unknown    bool
	}{
		"not committed":                 {txn{row: 7, exists: true, revision: 3}, 7, 3, tokens("c.......", "b......."), false, false},
		"committed":                     {txn{row: 7, exists: true, revision: 3}, 7, 4, tokens("mine....", "c......."), true, false},
		"another instead":               {txn{row: 7, exists: true, revision: 3}, 7, 4, tokens("other...", "mine...."), false, false},
		"committed, and others":         {txn{row: 7, exists: true, revision: 3}, 7, 6, tokens("x.......", "y.......", "mine....", "c......."), true, false},
		"not committed, but others":     {txn{row: 7, exists: true, revision: 3}, 7, 6, tokens("x.......", "y.......", "z.......", "mine...."), false, false},
		"too many others":               {txn{row: 7, exists: true, revision: 3}, 7, 6, tokens("x.......", "y......."), false, true},
		"never made":                    {txn{row: 7, exists: true, made: true}, 0, 0, nil, false, false},
		"made by another":               {txn{row: 7, exists: true, made: true}, 8, 1, tokens("mine...."), false, false},
		"made":                          {txn{row: 7, exists: true, made: true}, 7, 1, tokens("mine...."), true, false},
		"cleared":                       {txn{row: 7, revision: 3}, 0, 0, nil, true, false},
		"cleared, and there again":      {txn{row: 7, revision: 3}, 8, 1, tokens("x......."), true, false},
		"not cleared":                   {txn{row: 7, revision: 3}, 7, 3, tokens("c......."), false, false},
		"cleared by another since then": {txn{row: 7, exists: true, revision: 3}, 0, 0, nil, false, true},
	} {
		done, err := test.t.judge(test.number, test.revision, test.tokens, mine)
		if done != test.done || (err != nil) != test.unknown {
			t.Errorf("%s: %v, %v", name, done, err)
		}
	}
}

func TestStoreMapError(t *testing.T) {
	server := func(code string) error {
		return &pgconn.PgError{Severity: "ERROR", SeverityUnlocalized: "ERROR", Code: code, Message: "secret", Detail: "secret", TableName: "record"}
	}
	for _, test := range []struct {
		err       error
		kind      storage.Code
		transient bool
	}{
		{server("08006"), storage.CodeUnavailable, true},
		{server("57P01"), storage.CodeUnavailable, true},
		{server("57P02"), storage.CodeUnavailable, true},
		{server("57P03"), storage.CodeUnavailable, true},
		{server("57014"), storage.CodeUnavailable, false},
		{server("53100"), storage.CodeUnavailable, false},
		{server("53200"), storage.CodeUnavailable, false},
		{server("53300"), storage.CodeUnavailable, true},
		{server("25006"), storage.CodeUnavailable, false},
		{server("28P01"), storage.CodeUnavailable, false},
		{server("3D000"), storage.CodeUnavailable, false},
		{server("40001"), storage.CodeUnavailable, true},
		{server("40P01"), storage.CodeUnavailable, true},
		{server("42501"), storage.CodeUnavailable, false},
		{server("55P03"), storage.CodeUnavailable, false},
		{server("58030"), storage.CodeUnavailable, false},
		{server("XX001"), storage.CodeCorrupt, false},
		{server("XX002"), storage.CodeCorrupt, false},
		{server("42P01"), storage.CodeCorrupt, false},
		{server("54000"), storage.CodeInvalid, false},
		{server("23505"), storage.CodeInternal, false},
		{server("22P02"), storage.CodeInternal, false},
		{server("42601"), storage.CodeInternal, false},
		{server("XX000"), storage.CodeInternal, false},
		{server(""), storage.CodeInternal, false},
		{errors.New("secret"), storage.CodeInternal, false},
		{fmt.Errorf("secret: %w", io.ErrUnexpectedEOF), storage.CodeUnavailable, true},
		{io.EOF, storage.CodeUnavailable, true},
		{&net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}, storage.CodeUnavailable, true},
		{syscall.EPIPE, storage.CodeUnavailable, true},
		{pgconn.ErrConnClosed, storage.CodeUnavailable, true},
		{context.DeadlineExceeded, storage.CodeUnavailable, false},
		{context.Canceled, storage.CodeUnavailable, false},
		{book.Failure(storage.CodeConflict, "x", "y"), storage.CodeConflict, false},
	} {
		err := mapError("test", test.err)
		if storage.CodeOf(err) != test.kind || transient(test.err) != test.transient || transient(err) != test.transient {
			t.Errorf("%v: %v (%v), transient %v; want %v, %v", test.err, err, storage.CodeOf(err), transient(err), test.kind, test.transient)
		}
		if strings.Contains(err.Error(), "secret") {
			t.Errorf("it tells: %v", err)
		}
		if !errors.Is(err, test.err) {
			t.Errorf("%v is lost", test.err)
		}
	}
	if mapError("test", nil) != nil {
		t.Error("nothing became an error")
	}
}

// Places are equal exactly if their marks and names are.
func TestStorePlaces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.OneOf(rapid.StringN(0, 3, -1), rapid.SampledFrom([]string{
			"", "\x00", "\x01", strings.Repeat("a", 126), strings.Repeat("a", 127), strings.Repeat("b", 128), strings.Repeat("a", 5000),
		}))
		draw := func(of string) (byte, []string) {
			return rapid.SampledFrom([]byte{living, gone, withTail}).Draw(t, of), rapid.SliceOfN(name, 1, 4).Draw(t, of)
		}
		markA, a := draw("a")
		markB, b := draw("b")
		x, y := place(markA, a...), place(markB, b...)
		if (string(x) == string(y)) != (markA == markB && slices.Equal(a, b)) {
			t.Fatalf("%d %q is %x, %d %q is %x", markA, a, x, markB, b, y)
		}
		if len(x) > maxPlace {
			t.Fatalf("%q has %d bytes", a, len(x))
		}
	})
}

// node is what matters of a plan.
type node struct {
	Type    string  `json:"Node Type"`
	Index   string  `json:"Index Name"`
	Rows    float64 `json:"Actual Rows"`
	Loops   float64 `json:"Actual Loops"`
	Removed float64 `json:"Rows Removed by Filter"`
	Plans   []node
}

func (n node) walk(visit func(node)) {
	visit(n)
	for _, p := range n.Plans {
		p.walk(visit)
	}
}

// Every statement for a list reads from the place where its page begins, however
// many records there are, and whether it is planned for its arguments or for any.
func TestStoreListsReadOnlyTheirPage(t *testing.T) {
	s := openForTest(t)
	ctx := t.Context()
	if err := s.Update(ctx, "w", func(tx storage.Tx) error {
		for _, r := range []storage.Record{{Kind: "k", ID: "1", Parent: "p"}, {Kind: "k", ID: "2"}, {Kind: "other", ID: "1", Parent: "p"}} {
			if _, err := tx.Insert(r, []storage.Key{{Index: "x", Value: "v"}}); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	exec := func(sql string) {
		t.Helper()
		if _, err := conn.Exec(ctx, sql, pgx.QueryExecModeSimpleProtocol); err != nil {
			t.Fatal(err)
		}
	}
	exec("ANALYZE") // on tables of one page, which is what the planner then remembers
	const count = 100_000
	exec(fmt.Sprintf(`INSERT INTO record SELECT key + n * 3, seq + n * 3, list, family, address || int8send(n), id || int8send(n), parent,
		created, updated, deleted, version, keys, body FROM record, generate_series(1, %d / 2) n WHERE seq < 3`, count))
	exec(fmt.Sprintf(`INSERT INTO entry SELECT list, head || int8send(n * 7919 %% %d), key + n * 3, tail, family, uniq
		FROM entry, generate_series(1, %d / 2) n WHERE key & 4294967295 < 3`, count, count))
	exec("UPDATE counter SET living = 50001 WHERE living > 0")

	digest := digestOf("w")
	explain := func(sql string, args []any, what string) {
		t.Helper()
		for _, mode := range []string{"force_custom_plan", "force_generic_plan"} {
			tx, err := conn.Begin(ctx)
			if err != nil {
				t.Fatal(err)
			}
			exec(planByIndex)
			exec("SET LOCAL plan_cache_mode = " + mode)
			exec("PREPARE listing AS " + sql)
			names := make([]string, len(args))
			for i := range args {
				names[i] = fmt.Sprintf("$%d", i+1)
			}
			var raw []byte
			if err := tx.QueryRow(ctx, "EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE listing("+strings.Join(names, ", ")+")",
				append([]any{pgx.QueryExecModeSimpleProtocol}, args...)...).Scan(&raw); err != nil {
				t.Fatal(err, sql)
			}
			exec("DEALLOCATE listing")
			if err := tx.Rollback(ctx); err != nil {
				t.Fatal(err)
			}
			var plans []struct{ Plan node }
			if err := json.Unmarshal(raw, &plans); err != nil {
				t.Fatal(err)
			}
			plans[0].Plan.walk(func(n node) {
				if strings.HasPrefix(n.Type, "Seq") && n.Loops > 0 || strings.HasPrefix(n.Type, "Bitmap") || n.Rows*n.Loops > 100 || n.Removed*n.Loops > 100 {
					t.Errorf("%s, %s: %s reads %.0f rows and removes %.0f\n%s\n%s", what, mode, n.Type, n.Rows*n.Loops, n.Removed, sql, raw)
				}
			})
		}
	}
	for _, analyzed := range []bool{false, true} {
		if analyzed {
			exec("ANALYZE")
		}
		for _, kind := range []string{"k", "other", "none"} {
			for _, parent := range []*string{nil, new("p"), new("q")} {
				for _, index := range []string{"", "x", "y"} {
					for _, descending := range []bool{false, true} {
						for _, after := range []*spotAfter{nil, {"v\x00\x00\x00\x00\x00\x00\x40\x00", 777}, {strings.Repeat("v", 2000), 7}} {
							q := storage.Query{Parent: parent, Index: index, Descending: descending, Limit: 20}
							l := newListing(layer{digest: digest}, kind, q, after)
							explain(l.page, l.args, fmt.Sprintf("%s %+v %+v, analyzed %v", kind, q, after, analyzed))
						}
					}
				}
			}
		}
		for _, q := range []storage.Query{{Prefix: "v\x00\x00\x00\x00\x00\x00\x20"}, {Equal: new("v")}, {Equal: new(strings.Repeat("v", 2000))}, {Prefix: strings.Repeat("v", 2000)}} {
			q.Index, q.Limit = "x", 20
			l := newListing(layer{digest: digest}, "k", q, nil)
			explain(l.page, l.args, fmt.Sprintf("%+v, analyzed %v", q, analyzed))
		}
	}
	if err := s.View(ctx, "w", func(tx storage.ReadTx) error {
		p, err := tx.List("k", storage.Query{Index: "x", Limit: 20})
		if err != nil || len(p.Records) != 20 || p.Total != 50001 {
			t.Errorf("%d of %d, %v", len(p.Records), p.Total, err)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}
