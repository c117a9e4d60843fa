package sqlite

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/understudy-api/understudy/storage"
)

func put(s *Store, id string, size int) error {
	return s.Update(context.Background(), "w", func(tx storage.Tx) error {
		if _, err := tx.Next("n"); err != nil {
			return err
		}
		_, err := tx.Insert(storage.Record{Kind: "k", ID: id, Body: bytes.Repeat([]byte("1"), size)},
			[]storage.Key{{Index: "id", Value: id, Unique: true}, {Index: "name", Value: "name " + id}})
		return err
	})
}

// use reads and writes whatever a store offers and gives the errors.
func use(ctx context.Context, s *Store, id string) (errs []error) {
	note := func(err error) {
		if err != nil {
			errs = append(errs, err)
		}
	}
	note(s.View(ctx, "w", func(tx storage.ReadTx) error {
		for i := range 40 {
			_, err := tx.Get("k", strconv.Itoa(i))
			note(err)
			_, err = tx.Find("k", "id", strconv.Itoa(i))
			note(err)
		}
		for _, q := range []storage.Query{{}, {Index: "id"}, {Index: "name", Contains: "1"}, {Descending: true, Limit: 3}} {
			_, err := tx.List("k", q)
			note(err)
		}
		_, err := tx.Count("k", "", false)
		note(err)
		return nil
	}))
	_, err := s.Workspaces(ctx, "")
	note(err)
	note(put(s, id, 5000))
	note(s.Ping(ctx))
	return errs
}

// image makes a file with some pages. A hot one is as a killed process left it, with
// the last of it in the log.
func image(t *testing.T, hot bool) (path string) {
	t.Helper()
	made := filepath.Join(t.TempDir(), "made.db")
	s, err := Open(t.Context(), Options{Path: made})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 40 {
		if err := put(s, strconv.Itoa(i), 1000); err != nil {
			t.Fatal(err)
		}
	}
	if hot {
		if _, err := s.writer.conn.number("PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
			t.Fatal(err)
		}
		if err := put(s, "40", 1000); err != nil {
			t.Fatal(err)
		}
	} else if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), "test.db")
	for _, suffix := range []string{"", "-wal"} {
		b, err := os.ReadFile(made + suffix)
		if err != nil && (hot || suffix == "") {
			t.Fatal(err)
		}
		if err == nil {
			if err := os.WriteFile(path+suffix, b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	if hot {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

// A damaged file is refused and stays as it is, byte for byte, also if a process
// was killed that had written to it.
func TestStoreDamagedFile(t *testing.T) {
	flip := func(from, to int) func([]byte) []byte {
		return func(b []byte) []byte {
			for i := from; i < to; i++ {
				b[i] ^= 0xff
			}
			return b
		}
	}
	for _, hot := range []bool{false, true} {
		for _, test := range []struct {
			name   string
			damage func([]byte) []byte
			text   string
		}{
			{"its first bytes", flip(0, 16), "not a SQLite database"},
			{"its application id", flip(68, 72), "another program"},
			{"its schema", flip(100, 300), ""},
			{"a page in the middle", func(b []byte) []byte {
				middle := len(b) / pageSize / 2 * pageSize
				return flip(middle, middle+64)(b)
			}, ""},
			{"every page from the third on", func(b []byte) []byte {
				for at := 2 * pageSize; at < len(b); at += pageSize {
					flip(at, at+16)(b)
				}
				return b
			}, ""},
			{"the last page", func(b []byte) []byte { return flip(len(b)-pageSize, len(b))(b) }, ""},
			{"its second half is zero", func(b []byte) []byte { clear(b[len(b)/2:]); return b }, ""},
			{"its second half is gone", func(b []byte) []byte { return b[:len(b)/2] }, ""},
			{"a page is gone", func(b []byte) []byte { return b[:len(b)-pageSize] }, ""},
			{"half a page is gone", func(b []byte) []byte { return b[:len(b)-pageSize/2] }, ""},
			{"only its header is left", func(b []byte) []byte { return b[:headerSize] }, ""},
		} {
			t.Run(fmt.Sprintf("%s, hot %v", test.name, hot), func(t *testing.T) {
				t.Parallel()
				path := image(t, hot)
				b, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				b = test.damage(b)
				if err := os.WriteFile(path, b, 0o600); err != nil {
					t.Fatal(err)
				}
				log, _ := os.ReadFile(path + "-wal")
				s, err := Open(t.Context(), Options{Path: path})
				if err == nil {
					errs := use(t.Context(), s, "new")
					_ = s.Close()
					if !hot || len(errs) > 0 { // what is in the log is not missed in the file
						t.Errorf("it was opened; in use: %v", errs)
					}
					return
				}
				if storage.CodeOf(err) != storage.CodeCorrupt || !strings.Contains(err.Error(), test.text) || strings.Contains(err.Error(), "\n") {
					t.Errorf("%v", err)
				}
				if after, _ := os.ReadFile(path); !bytes.Equal(b, after) {
					t.Error("the file was changed")
				}
				if after, _ := os.ReadFile(path + "-wal"); !bytes.Equal(log, after) {
					t.Errorf("the log was changed: %d bytes were there, now %d", len(log), len(after))
				}
			})
		}
	}
}

// Whatever is wrong with a file, using it is answered, with an error that says so
// or with a value: nothing panics, nothing hangs.
func TestStoreRandomDamage(t *testing.T) {
	rounds := 24
	if testing.Short() {
		rounds = 10
	}
	whole := map[bool]string{false: image(t, false), true: image(t, true)}
	random := rand.New(rand.NewPCG(7, 7))
	refused, failed := 0, 0
	for round := range rounds {
		path, hot, running := filepath.Join(t.TempDir(), "test.db"), round%2 == 1, round%4 > 1
		for _, suffix := range []string{"", "-wal"} {
			if b, err := os.ReadFile(whole[hot] + suffix); err == nil {
				if err := os.WriteFile(path+suffix, b, 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for range 1 + random.IntN(30) {
			at := headerSize + random.IntN(len(b)-headerSize)
			for i := at; i < min(len(b), at+1+random.IntN(40)); i++ {
				b[i] = byte(random.Uint32())
			}
		}
		damage := func() {
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if !running {
			damage()
		}
		s, err := Open(t.Context(), Options{Path: path, CacheBytes: 1})
		if err != nil {
			refused++
			if kind := storage.CodeOf(err); kind != storage.CodeCorrupt || running {
				t.Errorf("round %d: it is not opened: %v", round, err)
			}
			if after, _ := os.ReadFile(path); !bytes.Equal(b, after) {
				t.Errorf("round %d: the file was changed", round)
			}
			continue
		}
		if running {
			damage()
		}
		for i := range 3 {
			for _, err := range use(t.Context(), s, fmt.Sprint("new", i)) {
				failed++
				switch storage.CodeOf(err) {
				case storage.CodeCorrupt, storage.CodeNotFound, storage.CodeConflict:
				case storage.CodeUnavailable, storage.CodeInvalid, storage.CodeInternal:
					t.Errorf("round %d: %v", round, err)
				}
			}
		}
		_ = s.Close() // it fails where it meets the damage
	}
	if refused == 0 || failed == 0 {
		t.Errorf("%d files were refused, %d calls failed: there was no damage", refused, failed)
	}
	t.Logf("%d files, %d refused, %d calls failed", rounds, refused, failed)
}

// A file that cannot be written to any more is read, and written to again later.
func TestStoreReadOnlyForAWhile(t *testing.T) {
	s := openForTest(t, Options{Path: filepath.Join(t.TempDir(), "test.db"), CacheBytes: 1})
	if err := put(s, "before", 10); err != nil {
		t.Fatal(err)
	}
	readOnly := func(value string) {
		if _, err := s.writer.conn.number("PRAGMA query_only = " + value); err != nil {
			t.Fatal(err)
		}
	}
	readOnly("1")
	for i := range 3 {
		if err := put(s, strconv.Itoa(i), 10); storage.CodeOf(err) != storage.CodeUnavailable {
			t.Errorf("while it is read-only: %v", err)
		}
	}
	if err := s.View(t.Context(), "w", func(tx storage.ReadTx) error { _, err := tx.Get("k", "before"); return err }); err != nil {
		t.Error("reading:", err)
	}
	if err := s.Ping(t.Context()); storage.CodeOf(err) != storage.CodeUnavailable {
		t.Error("it cannot be written to, and is ready:", err)
	}
	readOnly("0")
	if err := s.Ping(t.Context()); err != nil {
		t.Error("it can be written to, and is not ready:", err)
	}
	if err := put(s, "after", 10); err != nil {
		t.Error("afterwards:", err)
	}
	if err := s.View(t.Context(), "w", func(tx storage.ReadTx) error {
		if p, err := tx.List("k", storage.Query{}); err != nil || p.Total != 2 || len(p.Records) != 2 {
			t.Errorf("%d records, total %d, %v", len(p.Records), p.Total, err)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
}

// The log does not grow from one killed process to the next, however short they
// live.
func TestStoreLogAfterKills(t *testing.T) {
	path := filepath.Join(t.TempDir(), "0.db")
	const rounds = 4
	for round := range rounds {
		s, err := Open(t.Context(), Options{Path: path})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 3 { // less than what makes a checkpoint due
			if err := put(s, fmt.Sprintf("%d-%d", round, i), checkpointAfter/4*pageSize); err != nil {
				t.Fatal(err)
			}
		}
		next := filepath.Join(t.TempDir(), strconv.Itoa(round+1)+".db")
		for _, suffix := range []string{"", "-wal"} { // as a kill leaves them
			b, err := os.ReadFile(path + suffix)
			if err == nil {
				err = os.WriteFile(next+suffix, b, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			if limit := 2 * checkpointAfter * pageSize; suffix != "" && len(b) > limit {
				t.Errorf("after %d kills the log has %d bytes, more than %d", round+1, len(b), limit)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		path = next
	}
	s := openForTest(t, Options{Path: path})
	if err := s.View(t.Context(), "w", func(tx storage.ReadTx) error {
		if n, err := tx.Count("k", "", false); err != nil || n != 3*rounds {
			t.Errorf("%d records, %v", n, err)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
}
