package databases

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5"

	"github.com/understudy-api/understudy/internal/pgtest"
	"github.com/understudy-api/understudy/server/datadiff"
	"github.com/understudy-api/understudy/server/datadiff/datadifftest"
	"github.com/understudy-api/understudy/server/datadiff/postgres"
)

// What must hold where as many rows are compared as the figures are promised for.
const (
	promisedRows  = 1_000_000
	promisedRatio = 1.5
	promisedHeap  = 150 << 20
)

// TestStoreFigures compares tables in all ways beside the same work by PostgreSQL
// alone. As many rows as "make datadiff-bench" asks for make figures; fewer only
// show that all ways agree.
func TestStoreFigures(t *testing.T) {
	rows, rounds := 20_000, 1
	if text := os.Getenv("UNDERSTUDY_DATADIFF_ROUNDS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		rounds = n
	}
	if text := os.Getenv("UNDERSTUDY_DATADIFF_ROWS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		rows = n
	}
	for _, key := range []string{"", ", PRIMARY KEY (id)"} {
		name := "declared key"
		if key == "" {
			name = "key not declared"
		}
		t.Run(name, func(t *testing.T) { figures(t, rows, rounds, key) })
	}
}

func figures(t *testing.T, rows, rounds int, key string) {
	dsn := pgtest.DSN(t)
	open := func() datadiff.Source {
		s, err := postgres.Open(dsn, postgres.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	left, right := open(), open()
	setUp(t, dsn, rows, key)
	names := []string{"id", "a", "b", "c", "d", "e", "f", "g", "h", "i"}
	spec := func(a, b string, way datadiff.Algorithm) datadiff.Spec {
		return datadiff.Spec{Left: datadifftest.Of(a), Right: datadifftest.Of(b), Key: []string{"id"}, Algorithm: way}
	}
	diff := func(s datadiff.Spec, left, right datadiff.Source) func() *datadiff.Result {
		return func() *datadiff.Result {
			r, err := datadiff.Run(t.Context(), s, left, right, nil)
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
	}
	var joined *datadiff.Result
	for _, test := range []struct {
		name      string
		run       func() *datadiff.Result
		reference func()
	}{
		{"unequal, joined", diff(spec("l", "r", datadiff.Join), left, left), func() { fullJoin(t, dsn, names) }},
		{"unequal, fetched", diff(spec("l", "r", datadiff.FetchAndJoin), left, right), func() { copies(t, dsn, names) }},
		{"all unequal, fetched", diff(spec("l", "n", datadiff.FetchAndJoin), left, right), func() { copies(t, dsn, names) }},
		{"equal, fetched", diff(spec("l", "s", datadiff.FetchAndJoin), left, right), func() { hashes(t, dsn, names) }},
		{"equal, joined", diff(spec("l", "s", datadiff.Join), left, left), func() { fullJoin(t, dsn, names) }},
	} {
		var ours, theirs []time.Duration
		var r *datadiff.Result
		heap := peak(func() {
			for range rounds {
				start := time.Now()
				test.reference()
				theirs = append(theirs, time.Since(start))
				start = time.Now()
				r = test.run()
				ours = append(ours, time.Since(start))
			}
		})
		slices.Sort(ours)
		slices.Sort(theirs)
		ratio := ours[rounds/2].Seconds() / theirs[rounds/2].Seconds()
		t.Logf("%-22s %8.0f ms, beside %8.0f ms: %.2f; heap %d MB; %d rows read", test.name,
			ours[rounds/2].Seconds()*1e3, theirs[rounds/2].Seconds()*1e3, ratio, heap>>20, r.Downloaded)
		if rows >= promisedRows && ratio > promisedRatio {
			t.Errorf("%s: %.2f of what the database takes, at most %.2f was promised", test.name, ratio, promisedRatio)
		}
		if heap > promisedHeap {
			t.Errorf("%s: a heap of %d MB", test.name, heap>>20)
		}
		switch {
		case joined == nil:
			joined = r
		case test.name == "unequal, fetched":
			if d := cmp.Diff(joined, r, cmpopts.IgnoreFields(datadiff.Result{}, "Algorithm", "InDB", "Downloaded", "Schema")); d != "" {
				t.Errorf("%s: not what the join found:\n%s", test.name, d)
			}
		}
	}
	if want := (datadiff.Pair{int64(rows / 2000), int64(rows * 3 / 10000)}); joined.Keys.Exclusives != want || joined.Values.RowsWithDifferences != int64(rows/1000) {
		t.Errorf("%+v %+v", joined.Keys, joined.Values)
	}
}

// setUp makes l; s, the same; r, with exclusive and changed rows; and n, in which no
// row is the same.
func setUp(t *testing.T, dsn string, rows int, key string) {
	t.Helper()
	const columns = "id int NOT NULL, a int, b text, c numeric(12,2), d float8, e timestamp, f boolean, g text, h bigint, i date"
	row := "id, id % 1000, 'name ' || id, (id % 100000) / 7.0, id * 1.1, timestamp '2024-01-01' + id * interval '1 second', id % 2 = 0, md5(id::text), id::bigint * 1000003, date '2020-01-01' + id % 1000"
	var statements []string
	for _, name := range []string{"l", "s", "r", "n"} {
		statements = append(statements, "CREATE TABLE "+name+" ("+columns+key+")")
	}
	series := fmt.Sprintf("generate_series(1, %d) id", rows)
	statements = append(statements,
		"INSERT INTO l SELECT "+row+" FROM "+series, "INSERT INTO s SELECT * FROM l", "INSERT INTO r SELECT * FROM l WHERE id % 2000 <> 0",
		fmt.Sprintf("INSERT INTO r SELECT %s FROM generate_series(%d, %d) id", row, rows+1, rows+rows*3/10000),
		fmt.Sprintf("UPDATE r SET b = 'changed' WHERE id %% 1000 = 7 AND id <= %d", rows), "INSERT INTO n SELECT * FROM l", "UPDATE n SET a = a + 1")
	c, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(t.Context()) }()
	for _, s := range append(statements, "VACUUM FULL ANALYZE") {
		if _, err := c.Exec(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// execute runs a statement as any client would.
func execute(t *testing.T, dsn, query string) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Error(err)
		return
	}
	defer func() { _ = c.Close(context.Background()) }()
	if strings.HasPrefix(query, "COPY") {
		_, err = c.PgConn().CopyTo(t.Context(), io.Discard, query)
	} else {
		_, err = c.Exec(t.Context(), query)
	}
	if err != nil {
		t.Error(err)
	}
}

const keyCount = "SELECT count(*), sum(g), sum(g) FILTER (WHERE g > 1) FROM (SELECT count(*) g FROM %s WHERE id IS NOT NULL GROUP BY id) t"

// fullJoin is one full outer join with the aggregates of a diff, and the counts of
// both sides' keys.
func fullJoin(t *testing.T, dsn string, names []string) {
	t.Helper()
	list, differs := []string{"count(*)", "count(*) FILTER (WHERE l.id IS NULL)", "count(*) FILTER (WHERE r.id IS NULL)"}, []string{}
	for _, n := range names[1:] {
		list = append(list, "count(*) FILTER (WHERE l.id = r.id AND l."+n+" IS DISTINCT FROM r."+n+")")
		differs = append(differs, "l."+n+" IS DISTINCT FROM r."+n)
	}
	list = append(list, "count(*) FILTER (WHERE l.id = r.id AND ("+strings.Join(differs, " OR ")+"))")
	execute(t, dsn, "SELECT "+strings.Join(list, ", ")+" FROM l FULL JOIN r ON l.id = r.id")
	execute(t, dsn, fmt.Sprintf(keyCount, "l"))
	execute(t, dsn, fmt.Sprintf(keyCount, "r"))
}

// copies are both sides copied out by key, one after the other.
func copies(t *testing.T, dsn string, names []string) {
	t.Helper()
	for _, table := range []string{"l", "r"} {
		execute(t, dsn, "COPY (SELECT "+strings.Join(names, ", ")+" FROM "+table+" ORDER BY id) TO STDOUT")
	}
}

// hashes are both sides' own row hashes and counts of keys, side by side.
func hashes(t *testing.T, dsn string, names []string) {
	t.Helper()
	var wait sync.WaitGroup
	for _, table := range []string{"l", "s"} {
		wait.Go(func() {
			execute(t, dsn, "SELECT count(*), sum(hash_record_extended(ROW("+strings.Join(names, ", ")+"), 0)) FROM "+table)
			execute(t, dsn, fmt.Sprintf(keyCount, table))
		})
	}
	wait.Wait()
}

// peak is the largest heap while a function runs.
func peak(f func()) (heap uint64) {
	runtime.GC()
	var done atomic.Bool
	stopped := make(chan struct{})
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	go func() {
		defer close(stopped)
		var m runtime.MemStats
		for !done.Load() {
			runtime.ReadMemStats(&m)
			heap = max(heap, m.HeapInuse)
			<-tick.C
		}
	}()
	f()
	done.Store(true)
	<-stopped
	return heap
}
