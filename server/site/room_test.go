package site

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
)

// Owners take turns, however many of their requests wait, and who waits ends with its
// context.
func TestRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var all room
		first := &guest{room: &all, owner: "many"}
		if err := errors.Join(first.enter(t.Context()), first.enter(t.Context())); err != nil {
			t.Fatal(err)
		}
		var order []string
		for _, owner := range []string{"many", "many", "many", "one", "many", "other", "one"} {
			go func() {
				g := &guest{room: &all, owner: owner}
				if err := g.enter(t.Context()); err != nil {
					t.Error(err)
				}
				order = append(order, owner)
				g.leave()
			}()
			synctest.Wait()
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		gone := &guest{room: &all, owner: "gone"}
		go func() { ended <- gone.enter(ctx) }()
		synctest.Wait()
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) || gone.isInside() {
			t.Errorf("one that waits: %v", err)
		}
		first.leave()
		first.leave() // is as good as once
		synctest.Wait()
		if want := []string{"one", "other", "many", "one", "many", "many", "many"}; !slices.Equal(order, want) {
			t.Errorf("they were let in as %v, not %v", order, want)
		}
		if err := first.enter(t.Context()); err == nil || all.taken || len(all.last) > 1 {
			t.Errorf("who left comes again (%v), or the room is not free", err)
		}
	})
}
