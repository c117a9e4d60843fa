// Package crash_test kills the built server while clients write, starts it again on
// the same store, and proves from outside that every operation that was
// acknowledged is there exactly once, and every other wholly or not at all.
//
// "make test" runs a few cycles of each store, "make crash" as many as it is told.
package crash_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	_ "modernc.org/sqlite" // looks at a copy of the file

	"github.com/understudy-api/understudy/internal/pgtest"
)

var errTwice = errors.New("it is there twice")

const (
	cyclesVariable = "UNDERSTUDY_CRASH_CYCLES"
	seedVariable   = "UNDERSTUDY_SEED"

	outageEvery    = 4 // cycles, on a server of a database that can be restarted
	abortedEvery   = 6 // cycles, in which a start is killed too
	integrityEvery = 20
)

// number reads a number from the environment.
func number(t *testing.T, variable string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", variable, err)
	}
	return n
}

func TestStoreCrash(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		firstStarts(t)
		file := filepath.Join(t.TempDir(), "crash.db")
		newTrial(t, "sqlite:"+file).run(func(tr *trial) { tr.integrity(file) })
	})
	t.Run("postgres", func(t *testing.T) {
		cluster := pgtest.NewCluster(t)
		tr := newTrial(t, "")
		tr.cluster, tr.dsn = cluster, cluster.DSN(t)
		tr.store = storeOf(t, tr.dsn)
		tr.run(func(*trial) {})
	})
}

// storeOf is a DSN in the form in which the command line takes one.
func storeOf(t *testing.T, dsn string) string {
	t.Helper()
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("postgres://%s@/%s?host=%s&port=%d&sslmode=disable", config.User, config.Database, config.Host, config.Port)
}

// trial is a store, the clients that write to it, and what they know.
type trial struct {
	t       *testing.T
	store   string
	cluster *pgtest.Cluster // nil for SQLite
	dsn     string
	random  *rand.Rand
	clients []*client
	ledgers []*ledger

	cycle, aborted, outages int
	unavailable             int64
}

func newTrial(t *testing.T, store string) *trial {
	t.Helper()
	seed := number(t, seedVariable, uint64(time.Now().UnixNano()))
	t.Logf("%s=%d", seedVariable, seed)
	tr := &trial{t: t, store: store, random: rand.New(rand.NewPCG(seed, 0))}
	for w, clients := range []int{3, 3, 1} { // the last one has its dump for itself
		l := newLedger(fmt.Sprintf("crash-%d", w), clients == 1)
		tr.ledgers = append(tr.ledgers, l)
		for range clients {
			n := uint64(len(tr.clients) + 1)
			tr.clients = append(tr.clients, &client{
				ledger: l, name: fmt.Sprintf("c%d", n), random: rand.New(rand.NewPCG(seed, n)), saved: map[string]dump{},
			})
		}
	}
	return tr
}

// run runs the cycles. dead is called now and then while no server runs.
func (tr *trial) run(dead func(*trial)) {
	cycles, began := int(number(tr.t, cyclesVariable, 5)), time.Now()
	if _, err := binary(); err != nil {
		tr.t.Fatal(err)
	}
	tr.abort() // while it makes its store
	s := start(tr.t, tr.store)
	defer func() { s.kill() }()
	for tr.cycle = 1; tr.cycle <= cycles && !tr.t.Failed(); tr.cycle++ {
		conn := tr.load(s)
		before := tr.processes()
		if tr.cycle%integrityEvery == 0 || tr.cycle == cycles {
			dead(tr)
		}
		if tr.cycle%abortedEvery == 0 {
			tr.abort()
		}
		s = start(tr.t, tr.store)
		tr.gone(before)
		tr.unavailable += conn.unavailable.Load()
		tr.verify(s)
	}
	// And it ends well after all that.
	if err := s.stop(); err != nil {
		tr.t.Errorf("it does not end cleanly: %v", err)
	}
	dead(tr)
	s = start(tr.t, tr.store)
	tr.verify(s)
	tr.jobsEnd(s)
	tr.summary(cycles, time.Since(began))
}

// load lets the clients work until so many operations are acknowledged, and kills
// the server then.
func (tr *trial) load(s *server) *connection {
	tr.t.Helper()
	conn := connect(s)
	defer conn.web.CloseIdleConnections()
	outage := tr.cluster != nil && tr.cycle%outageEvery == 0
	conn.outage.Store(outage)
	for _, l := range tr.ledgers {
		if err := conn.workers(l.secret); err != nil {
			tr.t.Error(err)
		}
	}
	var working sync.WaitGroup
	for _, c := range tr.clients {
		working.Go(func() { c.work(conn) })
	}
	if outage {
		tr.await(conn, s, 10+tr.random.IntN(40))
		if err := tr.cluster.Restart(pgtest.Immediate); err != nil {
			tr.t.Error(err)
		}
		tr.outages++
	}
	tr.await(conn, s, 20+tr.random.IntN(100))
	// The next operations are anywhere on their way.
	timer := time.NewTimer(time.Duration(tr.random.IntN(4000)) * time.Microsecond)
	<-timer.C
	conn.killed.Store(true)
	s.kill()
	working.Wait()
	if said := s.stderr.String(); strings.Contains(said, "panic") || !outage && said != "" {
		tr.t.Errorf("cycle %d: the server said:\n%s", tr.cycle, said)
	}
	return conn
}

// await waits until so many operations more were acknowledged.
func (tr *trial) await(conn *connection, s *server, n int) {
	tr.t.Helper()
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	for range n {
		select {
		case <-conn.acknowledged:
		case <-timeout.C:
			tr.t.Errorf("cycle %d: less than %d operations were acknowledged: %s", tr.cycle, n, s.stderr.String())
			return
		}
	}
}

// firstStarts kills servers while they make their store. They have made it, or have
// not: the next one starts, and knows nothing of anybody.
func firstStarts(t *testing.T) {
	t.Helper()
	random := rand.New(rand.NewPCG(number(t, seedVariable, uint64(time.Now().UnixNano())), 1))
	for range number(t, cyclesVariable, 5) {
		tr := &trial{t: t, store: "sqlite:" + filepath.Join(t.TempDir(), "crash.db"), random: random}
		tr.ledgers = []*ledger{newLedger("nobody", false)}
		tr.abort()
		s := start(t, tr.store)
		tr.verify(s)
		s.kill()
	}
}

// abort starts a server and kills it before it can do anything, or hardly.
func (tr *trial) abort() {
	tr.t.Helper()
	s, stdout := launch(tr.t, tr.store)
	timer := time.NewTimer(time.Duration(tr.random.IntN(120)) * time.Millisecond)
	<-timer.C
	_ = s.cmd.Process.Kill()
	_, _ = io.Copy(io.Discard, stdout)
	_ = s.cmd.Wait()
	tr.aborted++
}

// jobsEnd waits for the jobs of whatever server was killed.
func (tr *trial) jobsEnd(s *server) {
	tr.t.Helper()
	conn := connect(s)
	defer conn.web.CloseIdleConnections()
	sum := 0
	for _, l := range tr.ledgers {
		n, err := conn.synced(l.secret)
		if err != nil {
			tr.t.Errorf("%s: %v", l.secret, err)
		}
		sum += n
	}
	tr.t.Logf("%d synchronisations have ended", sum)
}

// verify holds what a server shows against what is known.
func (tr *trial) verify(s *server) {
	tr.t.Helper()
	conn := connect(s)
	defer conn.web.CloseIdleConnections()
	for _, l := range tr.ledgers {
		found, err := conn.look(l.secret)
		switch {
		case errors.Is(err, errTwice):
			tr.t.Errorf("cycle %d, %s: %v", tr.cycle, l.secret, err)
			l.mu.Lock()
			l.tally[duplicated]++
			l.mu.Unlock()
		case err != nil:
			tr.t.Errorf("cycle %d, %s: %v", tr.cycle, l.secret, err)
		default:
			l.settle(found)
			if err := conn.reread(l); err != nil {
				tr.t.Errorf("cycle %d, %s: %v", tr.cycle, l.secret, err)
			}
		}
		for problem, outcome := range l.wrong {
			tr.t.Errorf("cycle %d, %s, %s: %s", tr.cycle, l.secret, outcome, problem)
		}
		clear(l.wrong)
	}
}

// summary says what was seen, and that it was enough to tell anything.
func (tr *trial) summary(cycles int, took time.Duration) {
	tr.t.Helper()
	sum := map[string]int{}
	things := 0
	for _, l := range tr.ledgers {
		for outcome, n := range l.tally {
			sum[outcome] += n
		}
		things += len(l.sure)
	}
	tr.t.Logf("%d cycles, %d starts killed, %d outages, %.0f s", cycles, tr.aborted, tr.outages, took.Seconds())
	tr.t.Logf("%d acknowledged, %d lost, %d duplicated, %d half done, %d otherwise wrong",
		sum[acknowledged], sum[lost], sum[duplicated], sum[halved], sum[otherwise])
	tr.t.Logf("%d not answered: %d happened, %d did not; %d of them were answered with 503; %d things are there",
		sum[applied]+sum[notApplied], sum[applied], sum[notApplied], tr.unavailable, things)
	if sum[acknowledged] < 20*cycles {
		tr.t.Errorf("%d operations were acknowledged: too few to tell anything", sum[acknowledged])
	}
	for _, outcome := range []string{lost, duplicated, halved, otherwise} {
		if sum[outcome] > 0 {
			tr.t.Errorf("%s: %d", outcome, sum[outcome])
		}
	}
}

// processes lists who works on the database for the server that was killed: they
// may finish what they were told.
func (tr *trial) processes() []int32 {
	tr.t.Helper()
	if tr.cluster == nil {
		return nil
	}
	var pids []int32
	tr.query(func(ctx context.Context, conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, `SELECT pid FROM pg_stat_activity
			WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()`)
		if err == nil {
			pids, err = pgx.CollectRows(rows, pgx.RowTo[int32])
		}
		return err
	})
	return pids
}

// gone waits until those have ended.
func (tr *trial) gone(pids []int32) {
	tr.t.Helper()
	if len(pids) == 0 {
		return
	}
	tr.query(func(ctx context.Context, conn *pgx.Conn) error {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			var left int
			if err := conn.QueryRow(ctx, "SELECT count(*) FROM pg_stat_activity WHERE pid = ANY($1)", pids).Scan(&left); err != nil || left == 0 {
				return err
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return fmt.Errorf("%d processes of the killed server do not end", left)
			}
		}
	})
}

func (tr *trial) query(ask func(context.Context, *pgx.Conn) error) {
	tr.t.Helper()
	ctx, cancel := context.WithTimeout(tr.t.Context(), patience)
	defer cancel()
	conn, err := pgx.Connect(ctx, tr.dsn)
	if err == nil {
		err = errors.Join(ask(ctx, conn), conn.Close(ctx))
	}
	if err != nil {
		tr.t.Error(err)
	}
}

// integrity lets SQLite look for damage in a copy of the file, as it was left.
func (tr *trial) integrity(file string) {
	tr.t.Helper()
	dir := tr.t.TempDir()
	sizes := map[string]int{}
	for _, suffix := range []string{"", "-wal"} {
		b, err := os.ReadFile(file + suffix)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err == nil {
			sizes["file"+suffix] = len(b)
			err = os.WriteFile(filepath.Join(dir, "copy.db"+suffix), b, 0o600)
		}
		if err != nil {
			tr.t.Error(err)
			return
		}
	}
	db, err := sql.Open("sqlite", filepath.Join(dir, "copy.db"))
	if err != nil {
		tr.t.Error(err)
		return
	}
	defer db.Close()
	rows, err := db.QueryContext(tr.t.Context(), "PRAGMA integrity_check")
	if err != nil {
		tr.t.Error(err)
		return
	}
	defer rows.Close()
	for rows.Next() {
		var said string
		if err := rows.Scan(&said); err != nil || said != "ok" {
			tr.t.Errorf("cycle %d: %s, %v", tr.cycle, said, err)
		}
	}
	if err := rows.Err(); err != nil {
		tr.t.Error(err)
	}
	var told []string
	for _, name := range slices.Sorted(maps.Keys(sizes)) {
		told = append(told, fmt.Sprintf("%s %d KiB", name, sizes[name]>>10))
	}
	tr.t.Logf("cycle %d: no damage found: %s", tr.cycle, strings.Join(told, ", "))
}
