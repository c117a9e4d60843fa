package verify

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"

	"github.com/understudy-api/understudy/server/contract"
)

// laws looks at every list when nothing else runs: its pages are free of duplicates
// and gaps, and its totals agree.
func (r *runner) laws(ctx context.Context) {
	if !slices.ContainsFunc([]string{CheckPaging, CheckListReflects}, func(name string) bool { return r.checks[name] }) {
		return
	}
	for i, op := range r.selected() {
		if op.Method != http.MethodGet || ctx.Err() != nil {
			continue
		}
		l := r.lane(i, "laws "+op.ID)
		_ = l.walk(ctx, Walk{Kind: kindLaws, Operation: op.ID})
		l.tidy(ctx)
	}
}

// madeForList is how many things are made for the laws of a list.
const madeForList = 5

func (l *lane) listLaws(ctx context.Context, op *operation) error {
	pg := pagerOf(op)
	var n node
	var maker *producer
	for _, p := range l.r.resources {
		for _, own := range p.nodes {
			if own.collection() == op.key() && (maker == nil || !p.chosen) {
				n, maker = own, p
			}
		}
	}
	if maker == nil && !pg.pages() {
		return nil
	}
	var made []step
	if maker != nil {
		for range madeForList {
			t, err := l.create(ctx, maker, false)
			if err != nil {
				return err
			}
			if t == nil {
				break
			}
			for _, parent := range maker.op.nodes {
				l.bound[parent.key] = t.bound[parent.key]
			}
			if len(made) == 0 {
				made = t.steps
			} else {
				made = append(slices.Clone(made), t.steps[len(t.steps)-1])
			}
		}
	}
	whole, err := l.pages(ctx, op, pg, 0)
	if err != nil || len(whole) == 0 {
		return err
	}
	name := func(item any) string {
		if n.key != "" {
			if id, _, ok := idOf(n, l.r.paramSchema(n), item); ok {
				return scalarText(id)
			}
		}
		if object, ok := item.(map[string]any); ok && object["id"] != nil {
			return scalarText(object["id"])
		}
		return string(encode(item))
	}
	runs := [][]page{whole}
	if pg.size != nil {
		small := 2
		if count := len(flatten(whole)); count > maxPages {
			small = count/(maxPages/2) + 1
		}
		for _, size := range []int{small, small + 1} {
			if pg.fits(size) {
				run, err := l.pages(ctx, op, pg, size)
				if err != nil {
					return err
				}
				runs = append(runs, run)
			}
		}
	}
	for _, f := range pagingLaws(runs, name) {
		shown := make([]*exchange, 0, 4)
		for _, page := range f.run {
			if len(shown) < 4 {
				shown = append(shown, page.exchange)
			}
		}
		steps := l.sequence(shown)
		if len(made) > 0 {
			steps = append(slices.Clone(made), steps[len(steps)-len(shown):]...)
		}
		l.report(op, f.fault, steps, l.confirm())
	}
	return nil
}

func flatten(run []page) []any {
	var all []any
	for _, p := range run {
		all = append(all, p.items...)
	}
	return all
}

// lawFault is a failure of a law, with the pages that show it.
type lawFault struct {
	fault

	run []page
}

// pagingLaws hold for a list that nobody changes: no item is on two pages, pages of
// different sizes together show the same items, a page holds no more than was asked
// for, and the total that an answer tells is the number of items.
func pagingLaws(runs [][]page, name func(any) string) []lawFault {
	var found []lawFault
	add := func(run []page, rule, got, accepted, message string) {
		for i := range found {
			if found[i].rule == rule {
				return
			}
		}
		found = append(found, lawFault{fault{
			check: CheckPaging, rule: rule, in: contract.InBody, got: got, accepted: accepted, message: message,
		}, run})
	}
	var complete map[string]bool
	for _, run := range runs {
		seen := map[string]bool{}
		for _, p := range run {
			for _, item := range p.items {
				id := name(item)
				if seen[id] {
					add(run, "duplicates", contract.Cut(id, 100), "every item once", "An item is listed twice.")
				}
				seen[id] = true
			}
			if p.asked > 0 && len(p.items) > p.asked {
				add(run, "size", strconv.Itoa(len(p.items))+" items", "at most "+strconv.Itoa(p.asked), "A page holds more than was asked for.")
			}
		}
		if len(run) == 0 || !run[len(run)-1].last {
			continue
		}
		for _, p := range run {
			if p.total >= 0 && p.total != len(seen) {
				add(run, "total", strconv.Itoa(p.total), strconv.Itoa(len(seen)), fmt.Sprintf("The answer tells a total of %d, and the pages hold %d.", p.total, len(seen)))
			}
		}
		if complete == nil {
			complete = seen
		} else if !maps.Equal(complete, seen) {
			add(run, "gaps", strconv.Itoa(len(seen))+" items", strconv.Itoa(len(complete))+" items", "Pages of another size do not hold the same items.")
		}
	}
	return found
}
