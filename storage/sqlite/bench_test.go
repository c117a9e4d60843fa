package sqlite_test

import (
	"path/filepath"
	"testing"

	"github.com/understudy-api/understudy/storage"
	"github.com/understudy-api/understudy/storage/sqlite"
	"github.com/understudy-api/understudy/storage/storagetest"
)

func onDisk(t testing.TB, o storage.Options) storage.Store {
	t.Helper()
	return open(t, sqlite.Options{Path: filepath.Join(t.TempDir(), "test.db"), Now: o.Now, NewID: o.NewID})
}

func inMemory(t testing.TB, o storage.Options) storage.Store {
	t.Helper()
	return open(t, sqlite.Options{Now: o.Now, NewID: o.NewID})
}

func open(t testing.TB, o sqlite.Options) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// Without a cache every Get is a snapshot of the database.
func BenchmarkUncached(b *testing.B) {
	storagetest.Benchmarks(b, func(t testing.TB, o storage.Options) storage.Store {
		return open(t, sqlite.Options{Path: filepath.Join(t.TempDir(), "test.db"), CacheBytes: 1})
	})
}

func BenchmarkDisk(b *testing.B)   { storagetest.Benchmarks(b, onDisk) }
func BenchmarkMemory(b *testing.B) { storagetest.Benchmarks(b, inMemory) }
