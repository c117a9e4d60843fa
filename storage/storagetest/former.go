package storagetest

import (
	"fmt"
	"slices"
	"strconv"
	"testing"

	"github.com/understudy-api/understudy/storage"
)

// Former holds a driver to what a store of a former release holds, which the files in
// testdata of the drivers are the text of: in workspace w records 0 to 17 of kind k, of
// which every fifth is deleted, below no parent, p and q by turns, with a key each in
// the indexes slug (unique), name and search; in workspace copy record 18 too. A record
// more was purged in both. The sequence n has come to 20, and there is a blob.
func Former(t *testing.T, s storage.Store) {
	t.Helper()
	if names := namesOf(t, s, ""); !slices.Equal(names, []string{"copy", "w"}) {
		t.Fatalf("workspaces %q", names)
	}
	for ws, n := range map[string]int{"w": 18, "copy": 19} {
		var living, deleted []string
		for i := range n {
			if i%5 == 0 {
				deleted = append(deleted, strconv.Itoa(i))
			} else {
				living = append(living, strconv.Itoa(i))
			}
		}
		look := func(tx storage.ReadTx) error {
			for _, want := range []struct {
				what string
				q    storage.Query
				ids  []string
			}{
				{"living", storage.Query{}, living},
				{"deleted", storage.Query{Deleted: true}, deleted},
				{"by slug", storage.Query{Index: "slug", Equal: new("7")}, []string{"7"}},
				{"below p", storage.Query{Parent: new("p"), Limit: 2}, []string{"1", "4"}},
				{"below q, by name", storage.Query{Parent: new("q"), Index: "name", Limit: 2}, []string{"11", "2"}},
				{"searched", storage.Query{Index: "search", Contains: "number 17"}, []string{"17"}},
				{"met", storage.Query{Where: []storage.Condition{{Index: "name", In: []string{"2"}}, {Index: "slug", Prefix: "1"}}}, []string{"12", "17"}},
			} {
				page, err := tx.List("k", want.q)
				if err != nil || !slices.Equal(ids(page.Records), want.ids) {
					t.Errorf("%s, %s: %q, %v; want %q", ws, want.what, ids(page.Records), err, want.ids)
				}
			}
			r, err := tx.Get("k", "5")
			if err != nil || string(r.Body) != `{"n":5}` || r.Living() || r.Version != 2 || r.Seq != 6 || r.Parent != "q" {
				t.Errorf("%s: record %+v, %v", ws, r, err)
			}
			count, err := tx.Count("k", "", false)
			if err != nil || count != int64(len(living)) {
				t.Errorf("%s: %d living, %v", ws, count, err)
			}
			last, err := tx.Last("n")
			if err != nil || last != 20 {
				t.Errorf("%s: the last number is %d, %v", ws, last, err)
			}
			settings, err := tx.Settings()
			if err != nil || settings.Data != "x" {
				t.Errorf("%s: settings %+v, %v", ws, settings, err)
			}
			content, err := tx.Blob(dumpBlobs[0])
			if err != nil || string(content) != "one" {
				t.Errorf("%s: blob %q, %v", ws, content, err)
			}
			usage, err := tx.Usage()
			if err != nil || usage.Records != int64(n) {
				t.Errorf("%s: usage %+v, %v", ws, usage, err)
			}
			return nil
		}
		view(t, s, ws, look)
		updateAll(t, s, []string{ws, "kept"}, func(all []storage.Tx) error { return all[1].CopyFrom(all[0]) })
		update(t, s, ws, func(tx storage.Tx) error {
			_, err := tx.Insert(storage.Record{Kind: "k", ID: "5"}, nil)
			wantCode(t, "an id that is taken", err, storage.CodeConflict)
			_, err = tx.Insert(storage.Record{Kind: "k", ID: "new"}, key("slug", "7"))
			wantCode(t, "a key that is taken", err, storage.CodeConflict)
			for i := range n {
				if err := tx.Purge("k", strconv.Itoa(i)); err != nil {
					return err
				}
			}
			r, err := tx.Insert(storage.Record{Kind: "k", ID: "5"}, key("slug", "7"))
			if err == nil && r.Seq <= 20 {
				err = fmt.Errorf("the number %d was used before", r.Seq)
			}
			if err != nil {
				return err
			}
			return tx.Purge("k", "5")
		})
		view(t, s, ws, func(tx storage.ReadTx) error {
			usage, err := tx.Usage()
			if usage != (storage.Usage{Bytes: int64(len("one"))}) {
				t.Errorf("%s: emptied, its usage is %+v", ws, usage)
			}
			return err
		})
		updateAll(t, s, []string{ws, "kept"}, func(all []storage.Tx) error { return all[0].CopyFrom(all[1]) })
		view(t, s, ws, look)
		update(t, s, "kept", func(tx storage.Tx) error { return tx.Clear() })
		view(t, s, ws, look)
	}
}
