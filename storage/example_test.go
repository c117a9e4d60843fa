package storage_test

import (
	"context"
	"fmt"

	"github.com/understudy-api/understudy/storage"
	"github.com/understudy-api/understudy/storage/sqlite"
)

type book struct {
	Title string   `json:"title"`
	Tags  []string `json:"tags"`
}

// books are declared once: the kind of the records, and the keys by which they are
// found and listed.
var books = storage.Collection[book]{
	Kind:    "book",
	Indexes: []storage.Index{{Name: "title"}, {Name: "tag"}},
	Keys: func(_ storage.Meta, b book) []storage.Key {
		keys := []storage.Key{{Index: "title", Value: b.Title, Unique: true}}
		for _, tag := range b.Tags {
			keys = append(keys, storage.Key{Index: "tag", Value: tag})
		}
		return keys
	},
}

// Records are written in one transaction of a workspace and listed by their keys.
// Other workspaces do not see them.
func Example() {
	ctx := context.Background()
	store, err := sqlite.Open(ctx, sqlite.Options{}) // in memory
	if err != nil {
		fmt.Println(err)
		return
	}
	defer store.Close()

	err = store.Update(ctx, "library", func(tx storage.Tx) error {
		for i, b := range []book{{"Emma", []string{"novel"}}, {"Walden", []string{"essay", "nature"}}, {"Persuasion", []string{"novel"}}} {
			if _, err := books.Insert(tx, fmt.Sprint(i), "", b); err != nil {
				return err
			}
		}
		_, err := books.Insert(tx, "4", "", book{Title: "Emma"})
		fmt.Println("Emma again:", storage.CodeOf(err))
		return nil
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, workspace := range []string{"library", "elsewhere"} {
		err := store.View(ctx, workspace, func(tx storage.ReadTx) error {
			page, err := books.List(tx, storage.Query{
				Index: "title", Descending: true, Where: []storage.Condition{{Index: "tag", In: []string{"novel"}}},
			})
			fmt.Println(workspace+":", page.Total)
			for _, item := range page.Items {
				fmt.Println(item.Value.Title)
			}
			return err
		})
		if err != nil {
			fmt.Println(err)
		}
	}
	// Output:
	// Emma again: conflict
	// library: 2
	// Persuasion
	// Emma
	// elsewhere: 0
}
