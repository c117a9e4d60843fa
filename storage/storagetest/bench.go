package storagetest

import (
	"context"
	"fmt"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/understudy-api/understudy/storage"
)

// widget is a body of about 400 bytes with two keys, like an integration.
type widget struct {
	Name   string            `json:"name"`
	Slug   string            `json:"slug"`
	Note   string            `json:"note"`
	Config map[string]string `json:"config,omitempty"`
}

var widgets = storage.Collection[widget]{
	Kind:    "widget",
	Indexes: []storage.Index{{Name: "name"}, {Name: "slug"}},
	Keys: func(m storage.Meta, w widget) []storage.Key {
		return []storage.Key{
			{Index: "name", Value: w.Name},
			{Index: "slug", Value: m.Parent + "\x00" + w.Slug, Unique: true},
		}
	},
}

func aWidget(n int) widget {
	s := strconv.Itoa(n)
	return widget{
		Name: "Widget number " + s, Slug: "widget-" + s,
		Note: "A note of a length that people write when they have to say something about a thing that needs no words, and some more",
		Config: map[string]string{
			"url": "https://example.com/api/v1/" + s, "account": "account-" + s,
			"project": "the project that it belongs to", "region": "eu-central-1",
		},
	}
}

// measure starts the clocks; what it returns reports processor time beside
// elapsed time, which says little on a busy machine.
func measure(b *testing.B) func() {
	b.Helper()
	b.ReportAllocs()
	b.ResetTimer()
	before := cpuTime()
	return func() {
		b.StopTimer()
		b.ReportMetric(float64(cpuTime()-before)/float64(b.N), "cpu-ns/op")
	}
}

// Benchmarks measures a driver; open is as in [Run].
func Benchmarks(b *testing.B, open func(t testing.TB, o storage.Options) storage.Store) {
	ctx := context.Background()
	fill := func(b *testing.B, s storage.Store, workspace string, n int) {
		b.Helper()
		for done := 0; done < n; {
			err := s.Update(ctx, workspace, func(tx storage.Tx) error {
				for i := done; i < min(n, done+1000); i++ {
					if _, err := widgets.Insert(tx, fmt.Sprintf("id-%d", i), "parent-"+strconv.Itoa(i%2), aWidget(i)); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				b.Fatal(err)
			}
			done += 1000
		}
	}
	view := func(b *testing.B, s storage.Store, fn func(storage.ReadTx) error) {
		if err := s.View(ctx, "bench", fn); err != nil {
			b.Fatal(err)
		}
	}
	insert := func(s storage.Store, n int) error {
		return s.Update(ctx, "bench", func(tx storage.Tx) error {
			if _, err := tx.Next("widget"); err != nil {
				return err
			}
			_, err := widgets.Insert(tx, tx.NewID(), "parent", aWidget(n))
			return err
		})
	}

	b.Run("Get", func(b *testing.B) {
		s := open(b, storage.Options{})
		fill(b, s, "bench", 1000)
		defer measure(b)()
		for i := range b.N {
			view(b, s, func(tx storage.ReadTx) error {
				_, err := tx.Get("widget", "id-"+strconv.Itoa(i%1000))
				return err
			})
		}
	})
	b.Run("Settings", func(b *testing.B) {
		s := open(b, storage.Options{})
		for _, ws := range []string{"bench", "other"} {
			update(b, s, ws, func(tx storage.Tx) error {
				return tx.SetSettings(storage.Settings{IDs: storage.IDs{Source: storage.IDsSeeded}, Data: `{"some":"data"}`})
			})
		}
		defer measure(b)()
		for range b.N {
			if got, err := s.Settings(ctx, "bench", "other"); err != nil || got[1].Data == "" {
				b.Fatal(got, err)
			}
		}
	})
	b.Run("CopyFrom/1000", func(b *testing.B) {
		s := open(b, storage.Options{})
		fill(b, s, "bench", 1000)
		defer measure(b)()
		for range b.N {
			updateAll(b, s, []string{"bench", "copy"}, func(all []storage.Tx) error { return all[1].CopyFrom(all[0]) })
		}
	})
	b.Run("Insert/alone", func(b *testing.B) {
		s := open(b, storage.Options{})
		defer measure(b)()
		for i := range b.N {
			if err := insert(s, i); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Insert/parallel", func(b *testing.B) {
		s := open(b, storage.Options{})
		b.SetParallelism(8)
		defer measure(b)()
		var n atomic.Int64
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if err := insert(s, int(n.Add(1))); err != nil {
					b.Error(err)
				}
			}
		})
	})
	remove := func(s storage.Store, n int) error {
		return s.Update(ctx, "bench", func(tx storage.Tx) error {
			_, err := widgets.Delete(tx, "id-"+strconv.Itoa(n))
			return err
		})
	}
	b.Run("Delete/alone", func(b *testing.B) {
		s := open(b, storage.Options{})
		fill(b, s, "bench", b.N)
		defer measure(b)()
		for i := range b.N {
			if err := remove(s, i); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Delete/parallel", func(b *testing.B) {
		s := open(b, storage.Options{})
		fill(b, s, "bench", b.N)
		b.SetParallelism(8)
		defer measure(b)()
		var n atomic.Int64
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if err := remove(s, int(n.Add(1))-1); err != nil {
					b.Error(err)
				}
			}
		})
	})
	for _, n := range []int{10, 100_000} {
		for _, q := range []struct {
			name  string
			query storage.Query
		}{
			{"insertion", storage.Query{Limit: 20}},
			{"index", storage.Query{Index: "name", Descending: true, Limit: 20}},
			{"parent", storage.Query{Parent: new("parent-1"), Limit: 20}},
			{"parent+index", storage.Query{Parent: new("parent-1"), Index: "name", Limit: 20}},
		} {
			b.Run(fmt.Sprintf("FirstPage/%s/%d", q.name, n), func(b *testing.B) {
				s := open(b, storage.Options{})
				fill(b, s, "bench", n)
				defer measure(b)()
				for b.Loop() { // and not b.N, for which it would be filled again and again
					view(b, s, func(tx storage.ReadTx) error {
						p, err := tx.List("widget", q.query)
						if err == nil && len(p.Records) < min(n/2, 20) {
							b.Fatalf("%d records", len(p.Records))
						}
						return err
					})
				}
			})
		}
	}
}
