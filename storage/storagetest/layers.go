package storagetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/understudy-api/understudy/storage"
)

// changeAtRandom does something to a workspace, of the names that dumps look at.
func changeAtRandom(tx storage.Tx, random *rand.Rand, changes int) error {
	for range changes {
		id := strconv.Itoa(random.IntN(24))
		r := storage.Record{Kind: "k", ID: id, Parent: dumpParents[random.IntN(3)], Body: []byte(strconv.Itoa(random.IntN(1000)))}
		if random.IntN(4) == 0 {
			r.Deleted = tx.Now()
		}
		keys := []storage.Key{
			{Index: "slug", Value: strconv.Itoa(random.IntN(40)), Unique: true},
			{Index: "name", Value: strconv.Itoa(random.IntN(9))},
		}
		var err error
		switch random.IntN(7) {
		case 0, 1, 2:
			_, err = tx.Insert(r, keys)
		case 3, 4:
			_, err = tx.Put(r, keys)
		case 5:
			err = tx.Purge("k", id)
		case 6:
			_, err = tx.PutBlob([]byte([]string{"one", "", "alone"}[random.IntN(3)]))
			if err == nil {
				_, err = tx.Next("n")
			}
		}
		if code := storage.CodeOf(err); err != nil && code != storage.CodeConflict && code != storage.CodeNotFound {
			return err
		}
	}
	return nil
}

// testManyCopies keeps a workspace many times, with changes in between, brings back
// what was kept, and lets go of some, in whatever order: what is left is what it was.
func testManyCopies(t *testing.T, open Open) {
	s := open(t, storage.Options{Now: steps()})
	random := rand.New(rand.NewPCG(1, 2)) // the same changes each time
	kept := map[string]dump{}
	both := func(a, b string, fn func(a, b storage.Tx) error) {
		t.Helper()
		updateAll(t, s, []string{a, b}, func(all []storage.Tx) error { return fn(all[0], all[1]) })
	}
	for round := range 90 {
		update(t, s, "w", func(tx storage.Tx) error { return changeAtRandom(tx, random, 1+random.IntN(12)) })
		name := "kept " + strconv.Itoa(random.IntN(30))
		switch want, there := kept[name]; {
		case !there || random.IntN(3) == 0:
			both(name, "w", func(to, from storage.Tx) error { return to.CopyFrom(from) })
			kept[name] = dumpOf(t, s, "w")
		case random.IntN(2) == 0:
			both("w", name, func(to, from storage.Tx) error { return to.CopyFrom(from) })
			wantDump(t, fmt.Sprint("brought back in round ", round), s, "w", want)
		case round%2 == 0: // it goes its own way
			update(t, s, name, func(tx storage.Tx) error { return changeAtRandom(tx, random, 3) })
			kept[name] = dumpOf(t, s, name)
		default:
			update(t, s, name, func(tx storage.Tx) error { return tx.Clear() })
			delete(kept, name)
		}
	}
	for name, want := range kept {
		wantDump(t, "in the end", s, name, want)
	}
	want := dumpOf(t, s, "w")
	for name := range kept {
		update(t, s, name, func(tx storage.Tx) error { return tx.Clear() })
	}
	for range 20 { // while there is something to sweep
		wantDump(t, "alone", s, "w", want)
	}
}

// testCopiesCostTheSame copies much and little: what it costs in the store does not
// depend on that.
func testCopiesCostTheSame(t *testing.T, open Open) {
	s := open(t, storage.Options{})
	update(t, s, "w", func(tx storage.Tx) error {
		for i := range 800 {
			if _, err := tx.Insert(storage.Record{Kind: "k", ID: strconv.Itoa(i), Body: make([]byte, 400)}, key("slug", strconv.Itoa(i))); err != nil {
				return err
			}
		}
		return nil
	})
	size := func() int64 {
		n, err := s.Size(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := size()
	if before < 400*800 {
		t.Errorf("800 records of 400 bytes take %d", before)
	}
	for i := range 20 {
		updateAll(t, s, []string{"kept " + strconv.Itoa(i), "w"}, func(all []storage.Tx) error { return all[0].CopyFrom(all[1]) })
	}
	if more := size() - before; more > 20*8192+65536 {
		t.Errorf("20 copies of %d bytes take %d", before, more)
	}
	view(t, s, "kept 19", func(tx storage.ReadTx) error {
		page, err := tx.List("k", storage.Query{Index: "slug", Limit: 2})
		if page.Total != 800 || len(page.Records) != 2 || page.Records[1].ID != "1" {
			t.Errorf("the last holds %+v", page)
		}
		return err
	})
}

// many is more than an update may write while others wait.
const many = 700

// testLongUpdate writes so much in one update that it is done in slices, which nobody
// can tell.
func testLongUpdate(t *testing.T, open Open) {
	s := open(t, storage.Options{})
	fillMany := func(tx storage.Tx, from int) error {
		for i := from; i < from+many; i++ {
			if _, err := tx.Insert(storage.Record{Kind: "k", ID: strconv.Itoa(i), Parent: dumpParents[i%3], Body: []byte("1")}, key("slug", strconv.Itoa(i))); err != nil {
				return err
			}
			if _, err := tx.Next("n"); err != nil {
				return err
			}
		}
		_, err := tx.Insert(storage.Record{Kind: "k", ID: "more"}, key("slug", strconv.Itoa(from)))
		wantCode(t, "a key of the same update", err, storage.CodeConflict)
		return nil
	}
	holds := func(what, workspace string, records, next int) {
		t.Helper()
		view(t, s, workspace, func(tx storage.ReadTx) error {
			page, err := tx.List("k", storage.Query{Index: "slug"})
			if err != nil {
				return err
			}
			n, err := tx.Count("k", "", false)
			usage, _ := tx.Usage()
			last, _ := tx.Last("n")
			if len(page.Records) != records || page.Total != int64(records) || n != int64(records) || usage.Records != int64(records) || last != int64(next) {
				t.Errorf("%s: %d records, total %d, count %d, usage %+v, last %d; want %d, %d", what, len(page.Records), page.Total, n, usage, last, records, next)
			}
			return err
		})
	}
	update(t, s, "w", func(tx storage.Tx) error { return fillMany(tx, 0) })
	holds("new", "w", many, many)
	update(t, s, "w", func(tx storage.Tx) error { return fillMany(tx, many) })
	holds("twice", "w", 2*many, 2*many)
	before := dumpOf(t, s, "w", "k")
	mine := errors.New("mine")
	if err := s.Update(t.Context(), "w", func(tx storage.Tx) error { return errors.Join(fillMany(tx, 2*many), mine) }); !errors.Is(err, mine) {
		t.Error(err)
	}
	err := s.Update(t.Context(), "w", func(tx storage.Tx) error {
		if err := errors.Join(tx.Clear(), fillMany(tx, 2*many)); err != nil {
			return err
		}
		panic(mine)
	})
	wantCode(t, "a panic", err, storage.CodeInternal)
	if diff := before.differs(dumpOf(t, s, "w", "k")); diff != "" {
		t.Error("in vain:", diff)
	}
	updateAll(t, s, []string{"w", "copy", "other"}, func(all []storage.Tx) error {
		if err := all[1].CopyFrom(all[0]); err != nil {
			return err
		}
		if err := errors.Join(all[0].Clear(), all[0].SetSettings(storage.Settings{Data: "x"}), fillMany(all[0], 5), all[0].SetTimer("a", 0)); err != nil {
			return err
		}
		return all[2].CopyFrom(all[0])
	})
	holds("replaced", "w", many, many)
	holds("copied within", "other", many, many)
	if diff := before.differs(dumpOf(t, s, "copy", "k")); diff != "" {
		t.Error("copied before:", diff)
	}
	if got := settingsOf(t, s, "w", "other"); got[0].Data != "x" || got[1].Data != "x" {
		t.Errorf("settings %+v", got)
	}
	if names, _ := ringing(t, s, 5); len(names) != 1 {
		t.Errorf("%q ring", names)
	}
	update(t, s, "w", func(tx storage.Tx) error {
		for i := range many { // a key each is free again, and taken
			if err := tx.Purge("k", strconv.Itoa(i+5)); err != nil {
				return err
			}
		}
		_, err := tx.Insert(storage.Record{Kind: "k", ID: "5"}, key("slug", "6"))
		return err
	})
	holds("emptied", "w", 1, many)
}

// testLongUpdateBeside runs updates beside a long one, of its workspace and of others:
// nothing is lost, and nobody sees half of it.
func testLongUpdateBeside(t *testing.T, open Open) {
	s := open(t, storage.Options{})
	const rounds, workers = 3, 4
	var wg sync.WaitGroup
	var done atomic.Bool
	var beside [workers]int64
	for worker := range workers {
		wg.Go(func() {
			ws := []string{"w", "other"}[worker%2]
			for !done.Load() {
				if err := s.Update(t.Context(), ws, func(tx storage.Tx) error { _, err := tx.Next("beside"); return err }); err != nil {
					t.Error(err)
					return
				}
				beside[worker]++
				if err := s.View(t.Context(), "w", func(tx storage.ReadTx) error {
					n, err := tx.Count("k", "", false)
					if n%many != 0 {
						t.Errorf("%d records are seen", n)
					}
					return err
				}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for round := range rounds {
		if err := s.Update(t.Context(), "w", func(tx storage.Tx) error {
			for i := range many {
				if _, err := tx.Insert(storage.Record{Kind: "k", ID: strconv.Itoa(round*many + i)}, key("slug", strconv.Itoa(i))); round > 0 && storage.CodeOf(err) != storage.CodeConflict {
					return fmt.Errorf("a key that is taken: %w", err)
				} else if round == 0 && err != nil {
					return err
				}
				if round > 0 {
					if _, err := tx.Insert(storage.Record{Kind: "k", ID: strconv.Itoa(round*many + i)}, nil); err != nil {
						return err
					}
				}
			}
			return nil
		}); err != nil {
			t.Error(err)
		}
	}
	done.Store(true)
	wg.Wait()
	for i, ws := range []string{"w", "other"} {
		view(t, s, ws, func(tx storage.ReadTx) error {
			n, err := tx.Last("beside")
			if want := beside[i] + beside[i+2]; n != want {
				t.Errorf("%s has counted %d, want %d", ws, n, want)
			}
			return err
		})
	}
}
