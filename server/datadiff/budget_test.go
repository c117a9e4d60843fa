package datadiff

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
)

// However many diffs ask, no more hold connections than there are, and none waits
// for ever: also where they take two budgets in different orders.
func TestBudget(t *testing.T) {
	a, b := NewBudget(2), NewBudget(1)
	var held atomic.Int64
	var wait sync.WaitGroup
	for i := range 200 {
		wait.Go(func() {
			left, right, each := a, b, 1
			switch i % 3 {
			case 1:
				left, right = b, a
			case 2:
				left, right, each = a, a, 2
			}
			release, err := reserve(t.Context(), left, right, each)
			if err != nil {
				t.Error(err)
				return
			}
			n := int64(1)
			if each == 2 {
				n = 2
			}
			if held.Add(n) > 2 {
				t.Error("more connections than there are")
			}
			held.Add(-n)
			release()
		})
	}
	wait.Wait()
	if a.free != 2 || b.free != 1 {
		t.Errorf("%d and %d are free", a.free, b.free)
	}
}

func TestBudgetGivenUp(t *testing.T) {
	b := NewBudget(1)
	if err := b.take(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.take(ctx, 1); KindOf(err) != Cancelled {
		t.Error(err)
	}
	b.give(1)
	if err := b.take(t.Context(), 1); err != nil {
		t.Error(err)
	}
	if err := b.take(t.Context(), 2); KindOf(err) != Invalid {
		t.Error("two of one:", err)
	}
}
