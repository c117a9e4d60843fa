package app

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// What is asked for while a big diff runs is answered at once: the median of 50, in a
// database of UNDERSTUDY_DATADIFF_ROWS rows. It is a figure, for a machine that does
// nothing else.
func TestStoreDiffsAreTakenMeanwhile(t *testing.T) {
	rows, err := strconv.Atoi(os.Getenv("UNDERSTUDY_DATADIFF_ROWS"))
	if err != nil {
		t.Skip("set UNDERSTUDY_DATADIFF_ROWS to measure")
	}
	pg := realPostgres(t)
	for _, table := range []string{"big1", "big2"} {
		pg.exec(t, fmt.Sprintf(`CREATE TABLE %s AS SELECT i AS id, 'name ' || i AS name, i %% 97 AS a, i %% 89 AS b, i * 1.25 AS c, 'text ' || (i %% 1000) AS d,
			now() AS at, i %% 2 = 0 AS e, i::text AS f, i / 3.0 AS g FROM generate_series(1, %d) i`, table, rows), "ALTER TABLE "+table+" ADD PRIMARY KEY (id)")
	}
	pg.exec(t, `CREATE TABLE t (id int PRIMARY KEY, v text)`, `INSERT INTO t SELECT i, 'v' FROM generate_series(1, 100) i`)
	w := startServer(t, Options{AllowDatabases: "/", Store: "sqlite:" + t.TempDir() + "/state.db"})
	const secret = "figures"
	a, b := w.dataSource(t, secret, pg.source), w.dataSource(t, secret, strings.Replace(pg.source, `"name":"`, `"name":"other `, 1))
	w.diff(t, secret, fmt.Sprintf(`{"data_source1_id":%d,"data_source2_id":%d,"table1":["t"],"table2":["t"],"pk_columns":["id"]}`, a, b)) // all is warm
	post := func() time.Duration {
		began := time.Now()
		w.expect(t, 200, "POST", "/api/v1/datadiffs", key(secret), fmt.Sprintf(`{"data_source1_id":%[1]d,"data_source2_id":%[1]d,"table1":["t"],"table2":["t"],"pk_columns":["id"]}`, a))
		return time.Since(began)
	}
	median := func(n int, while func() bool) (time.Duration, time.Duration, int) {
		var took []time.Duration
		for len(took) < n && while() {
			took = append(took, post())
		}
		if len(took) == 0 {
			return 0, 0, 0
		}
		slices.Sort(took)
		return took[len(took)/2], took[len(took)-1], len(took)
	}
	alone, most, _ := median(50, func() bool { return true })
	t.Logf("alone: median %v, most %v", alone, most)
	for _, algorithm := range []string{"join", "hash", "fetch_and_join"} {
		second := b
		if algorithm == "join" {
			second = a
		}
		began := time.Now()
		id := w.number(t, w.expect(t, 200, "POST", "/api/v1/datadiffs", key(secret), fmt.Sprintf(
			`{"data_source1_id":%d,"data_source2_id":%d,"table1":["big1"],"table2":["big2"],"pk_columns":["id"],"algorithm":%q}`, a, second, algorithm)), "id")
		status := func() string {
			return w.expect(t, 200, "GET", fmt.Sprintf("/api/v1/datadiffs/%d", id), key(secret), "")
		}
		eventually(t, "the diff", func() bool { return strings.Contains(status(), `"status":"processing"`) })
		got, most, n := median(50, func() bool { return strings.Contains(status(), `"status":"processing"`) })
		w.results(t, secret, id)
		t.Logf("%s of %d rows, done in %v: median of %d %v, most %v", algorithm, rows, time.Since(began), n, got, most)
	}
}
