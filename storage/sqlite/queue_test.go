package sqlite

import (
	"slices"
	"testing"

	"github.com/understudy-api/understudy/storage"
)

// Whoever has many updates waiting lets others pass, and nothing passes what is held.
func TestTurns(t *testing.T) {
	q := newQueue()
	push := func(all ...string) {
		u := &update{workspace: all[0], done: make(chan error, 1)}
		if len(all) > 1 {
			u.workspace, u.all = "", all
		}
		if err := q.push(u); err != nil {
			t.Fatal(err)
		}
	}
	pop := func(n int) (names []string) {
		for range n {
			u := q.pop()
			if u == nil {
				return append(names, "-")
			}
			names = append(names, u.names()[0])
		}
		return names
	}
	want := func(what string, got []string, want ...string) {
		t.Helper()
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
	}
	for range 1000 {
		push("a")
	}
	push("b")
	push("b")
	push("c")
	want("behind a thousand", pop(6), "a", "b", "c", "a", "b", "a")
	q.hold([]string{"a"})
	push("d", "a")
	push("c")
	want("held", pop(3), "c", "-")
	if !q.holds("c", "a") || q.holds("c", "d") {
		t.Error("it is not known what is held")
	}
	q.release([]string{"a"})
	got := pop(1000)
	if len(got) != 999 || got[998] != "-" || !slices.Contains(got, "d") {
		t.Errorf("released, %d come, the last are %q", len(got), got[len(got)-2:])
	}
	if len(q.lanes) != 0 || len(q.ready) != 0 {
		t.Errorf("%d lanes are left", len(q.lanes))
	}
	for range maxLane {
		push("a")
	}
	if err := q.push(&update{workspace: "a", done: make(chan error, 1)}); storage.CodeOf(err) != storage.CodeUnavailable {
		t.Errorf("one too many: %v", err)
	}
	push("b")
}
