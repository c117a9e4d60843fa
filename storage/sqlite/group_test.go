package sqlite_test

import (
	"errors"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"github.com/understudy-api/understudy/storage"
	"github.com/understudy-api/understudy/storage/sqlite"
)

// TestLostGroups has many updates fail or panic after they have written, so that
// groups are lost and their other members run again: each of those takes effect
// exactly once, and nothing of the failed ones stays.
func TestLostGroups(t *testing.T) {
	for _, path := range []string{"", filepath.Join(t.TempDir(), "groups.db")} {
		s := open(t, sqlite.Options{Path: path})
		const workers, each = 16, 60
		failure := errors.New("after writing")
		var wg sync.WaitGroup
		for worker := range workers {
			wg.Go(func() {
				for i := range each {
					id := strconv.Itoa(worker*each + i)
					err := s.Update(t.Context(), "w", func(tx storage.Tx) error {
						if _, err := tx.Next("n"); err != nil {
							return err
						}
						if _, err := tx.Insert(storage.Record{Kind: "k", ID: id, Body: []byte(`{}`)}, nil); err != nil {
							return err
						}
						switch i % 6 {
						case 4:
							return failure
						case 5:
							panic("after writing")
						}
						return nil
					})
					if wanted := i%6 < 4; (err == nil) != wanted || (i%6 == 4) != errors.Is(err, failure) {
						t.Errorf("update %s: %v", id, err)
					}
				}
			})
		}
		wg.Wait()
		const kept = workers * each * 4 / 6
		err := s.Update(t.Context(), "w", func(tx storage.Tx) error {
			page, err := tx.List("k", storage.Query{})
			if err != nil {
				return err
			}
			seen := map[string]bool{}
			for _, r := range page.Records {
				n, err := strconv.Atoi(r.ID)
				if err != nil || n%each%6 >= 4 || seen[r.ID] {
					t.Errorf("record %s is there", r.ID)
				}
				seen[r.ID] = true
			}
			n, err := tx.Next("n")
			if len(page.Records) != kept || page.Total != kept || n != kept+1 {
				t.Errorf("%q: %d records, total %d, next %d; want %d", path, len(page.Records), page.Total, n, kept)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
