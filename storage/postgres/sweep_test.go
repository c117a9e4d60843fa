package postgres

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/understudy-api/understudy/internal/pgtest"
	"github.com/understudy-api/understudy/storage"
	"github.com/understudy-api/understudy/storage/storagetest"
)

// Databases of former releases, as text.
func TestStoreOpensFormer(t *testing.T) {
	for _, version := range []string{"version1.sql", "version3.sql"} {
		t.Run(version, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join("testdata", version))
			if err != nil {
				t.Fatal(err)
			}
			dsn := pgtest.Schema(t)
			conn, err := pgx.Connect(t.Context(), dsn)
			if err != nil {
				t.Fatal(err)
			}
			_, err = conn.PgConn().Exec(t.Context(), string(text)).ReadAll()
			if e := conn.Close(t.Context()); err != nil || e != nil {
				t.Fatal(err, e)
			}
			s, err := Open(t.Context(), Options{DSN: dsn})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = s.Close() }()
			storagetest.Former(t, s)
		})
	}
}

// What nobody has is removed, and what one workspace alone has becomes one layer, unless
// its names are too long for that: then it stays as it is, and sweeping ends all the same.
func TestStoreSweeps(t *testing.T) {
	for name, suffix := range map[string]string{"short names": "", "long names": strings.Repeat("-", maxPlace)} {
		t.Run(name, func(t *testing.T) { testSweeps(t, suffix) })
	}
}

func testSweeps(t *testing.T, suffix string) {
	s := openForTest(t)
	close(s.ending) // each step is made here
	s.sweeping.Wait()
	s.ending = make(chan struct{})
	fill := func(tx storage.Tx, from, to int) error {
		for i := from; i < to; i++ {
			if _, err := tx.Insert(storage.Record{Kind: "k", ID: strconv.Itoa(i) + suffix, Parent: "p", Body: []byte("{}")},
				[]storage.Key{{Index: "x", Value: strconv.Itoa(i), Unique: true}}); err != nil {
				return err
			}
		}
		_, err := tx.PutBlob([]byte(strconv.Itoa(from)))
		return err
	}
	if err := s.Update(t.Context(), "w", func(tx storage.Tx) error { return fill(tx, 0, 700) }); err != nil {
		t.Fatal(err)
	}
	const rounds = maxDepth + 4
	for round := range rounds {
		if err := s.UpdateAll(t.Context(), []string{"w", fmt.Sprint("kept ", round)}, func(all []storage.Tx) error {
			if err := all[0].Purge("k", strconv.Itoa(round)+suffix); err != nil {
				return err
			}
			if err := fill(all[0], 1000+round, 1001+round); err != nil {
				return err
			}
			changed, err := all[0].Get("k", "650"+suffix)
			if err != nil {
				return err
			}
			if _, err := all[0].Put(changed, []storage.Key{{Index: "x", Value: "650", Unique: true}}); err != nil {
				return err
			}
			return all[1].CopyFrom(all[0])
		}); err != nil {
			t.Fatal(err)
		}
	}
	settle := func() {
		t.Helper()
		for range 3_000 {
			var left int64
			if err := s.pool.QueryRow(t.Context(), "SELECT count(*) FROM garbage").Scan(&left); err != nil {
				t.Fatal(err)
			}
			if more, err := s.sweep(); left == 0 && !more && err == nil {
				return
			}
		}
		t.Fatal("it is swept for ever")
	}
	depth := func() (n int) {
		if err := s.pool.QueryRow(t.Context(), "SELECT cardinality(layers) FROM workspace WHERE digest = $1", digestOf("w")).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	s.deep.add([]string{"w"})
	settle()
	if n := depth(); n > maxDepth && suffix == "" {
		t.Errorf("it has %d layers", n)
	}
	check := func(what, workspace string, gone int) {
		t.Helper()
		if err := s.View(t.Context(), workspace, func(tx storage.ReadTx) error {
			page, err := tx.List("k", storage.Query{Index: "x"})
			if err != nil {
				return err
			}
			n, err := tx.Count("k", "p", false)
			_, missing := tx.Get("k", strconv.Itoa(gone-1)+suffix)
			_, found := tx.Get("k", strconv.Itoa(gone)+suffix)
			if len(page.Records) != 700 || page.Total != 700 || n != 700 || !storage.IsNotFound(missing) || found != nil {
				t.Errorf("%s: %d records, total %d, count %d; %v, %v", what, len(page.Records), page.Total, n, missing, found)
			}
			return err
		}); err != nil {
			t.Error(err)
		}
	}
	for round := range rounds {
		check("kept", fmt.Sprint("kept ", round), round+1)
	}
	check("the original", "w", rounds)
	for round := range rounds {
		if err := s.Update(t.Context(), fmt.Sprint("kept ", round), func(tx storage.Tx) error { return tx.Clear() }); err != nil {
			t.Fatal(err)
		}
	}
	settle()
	s.deep.add([]string{"w"})
	settle()
	check("alone", "w", rounds)
	if suffix != "" {
		return
	}
	if n := depth(); n != 1 {
		t.Errorf("alone it has %d layers", n)
	}
	for table, want := range map[string]int64{"record": 700, "entry": 700, "counter": 3, "blob": rounds + 1, "workspace": 1} {
		var n int64
		if err := s.pool.QueryRow(t.Context(), "SELECT count(*) FROM "+table).Scan(&n); err != nil || n != want {
			t.Errorf("%d rows in %s, %v; want %d", n, table, err, want)
		}
	}
}
