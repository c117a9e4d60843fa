package sqlite

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/understudy-api/understudy/storage"
)

// What nobody has is removed, and what one workspace alone has becomes one layer.
func TestSweeps(t *testing.T) {
	s := openForTest(t, Options{})
	fill := func(tx storage.Tx, from, to int) error {
		for i := from; i < to; i++ {
			if _, err := tx.Insert(storage.Record{Kind: "k", ID: strconv.Itoa(i), Parent: "p", Body: []byte("{}")},
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
			if err := all[0].Purge("k", strconv.Itoa(round)); err != nil {
				return err
			}
			if err := fill(all[0], 1000+round, 1001+round); err != nil {
				return err
			}
			return all[1].CopyFrom(all[0])
		}); err != nil {
			t.Fatal(err)
		}
	}
	sweepAll(t, s)
	depth := func() (n int) {
		d, err := s.writer.conn.number("SELECT count(*) FROM chain WHERE workspace = (SELECT id FROM workspace WHERE name = 'w')")
		if err != nil {
			t.Fatal(err)
		}
		return int(d)
	}
	if n := depth(); n > maxDepth {
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
			_, missing := tx.Get("k", strconv.Itoa(gone-1))
			_, found := tx.Get("k", strconv.Itoa(gone))
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
	sweepAll(t, s)
	check("alone", "w", rounds)
	if n := depth(); n != 1 {
		t.Errorf("alone it has %d layers", n)
	}
	for table, want := range map[string]int64{"record": 700, "entry": 700, "counter": 3, "blob": rounds + 1, "workspace": 1, "garbage": 0} {
		if n, err := s.writer.conn.number("SELECT count(*) FROM " + table); err != nil || n != want {
			t.Errorf("%d rows in %s, %v; want %d", n, table, err, want)
		}
	}
}
