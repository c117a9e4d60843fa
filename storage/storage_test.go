package storage_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/understudy-api/understudy/storage"
)

func TestKindOf(t *testing.T) {
	conflict := &storage.Error{Code: storage.CodeConflict, Op: "insert", Kind: "k", ID: "1", Index: "slug"}
	for _, test := range []struct {
		err  error
		want storage.Code
	}{
		{errors.New("unknown"), storage.CodeInternal},
		{conflict, storage.CodeConflict},
		{fmt.Errorf("wrapped: %w", conflict), storage.CodeConflict},
		{&storage.Error{Code: storage.CodeUnavailable, Err: conflict}, storage.CodeUnavailable},
	} {
		if got := storage.CodeOf(test.err); got != test.want {
			t.Errorf("%v: kind %v, want %v", test.err, got, test.want)
		}
	}
	if storage.IsNotFound(nil) || storage.IsConflict(nil) || !storage.IsConflict(conflict) {
		t.Error("no error is not an error of some kind")
	}
	if got := conflict.Error(); got != `storage: insert: conflict: k "1": index slug` {
		t.Error(got)
	}
	for k := storage.CodeInternal; k <= storage.CodeCorrupt; k++ {
		if strings.HasPrefix(k.String(), "kind ") {
			t.Errorf("kind %d has no name", k)
		}
	}
}

func TestCursors(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := storage.Query{Index: rapid.String().Draw(t, "index"), Descending: rapid.Bool().Draw(t, "descending")}
		value, seq := rapid.String().Draw(t, "value"), rapid.Int64Min(0).Draw(t, "seq")
		q.After = q.CursorAfter(value, seq)
		gotValue, gotSeq, err := q.Position()
		if q.Index == "" {
			value = ""
		}
		if err != nil || gotValue != value || gotSeq != seq {
			t.Fatalf("%q, %d, %v; want %q, %d", gotValue, gotSeq, err, value, seq)
		}
		// Whatever else comes is refused or read, but does no harm.
		b := []byte(q.After)
		b[rapid.IntRange(0, len(b)-1).Draw(t, "at")] = rapid.Byte().Draw(t, "byte")
		for _, after := range []storage.Cursor{storage.Cursor(b), storage.Cursor(rapid.String().Draw(t, "after"))} {
			q.After = after
			if _, seq, err := q.Position(); err != nil && storage.CodeOf(err) != storage.CodeInvalid || seq < 0 {
				t.Fatalf("%q: %d, %v", after, seq, err)
			}
		}
	})
}
