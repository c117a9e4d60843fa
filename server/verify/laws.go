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
// and gaps, its totals agree, and it is sorted and filtered as it was asked for.
func (r *runner) laws(ctx context.Context, done *PhaseResult) {
	if !slices.ContainsFunc([]string{CheckPaging, CheckListReflects, CheckFilters, CheckSorting, CheckDefaults}, func(name string) bool { return r.checks[name] }) {
		return
	}
	for i, op := range r.selected() {
		if op.Method != http.MethodGet || !r.lists(op) {
			continue
		}
		done.Jobs++
		if ctx.Err() == nil {
			l := r.lane(ctx, i, "laws "+op.ID)
			_ = l.walk(ctx, Walk{Kind: kindLaws, Operation: op.ID})
			l.tidy(ctx)
		}
		if ctx.Err() == nil {
			done.Done++
		} else if !slices.Contains(done.Left, op.ID) {
			done.Left = append(done.Left, op.ID)
		}
	}
}

// lists reports whether an operation may be that of a list.
func (r *runner) lists(op *operation) bool {
	return pagerOf(op).pages() || r.makerOf(op) != nil
}

// makerOf finds the producer whose things a list shows; nil if there is none.
func (r *runner) makerOf(op *operation) *producer {
	var maker *producer
	for _, p := range r.resources {
		for _, own := range p.nodes {
			if own.collection() == op.key() && (maker == nil || !p.chosen) {
				maker = p
			}
		}
	}
	return maker
}

// madeForList is how many things are made for the laws of a list.
const madeForList = 5

func (l *lane) listLaws(ctx context.Context, op *operation) error {
	pg, maker := pagerOf(op), l.r.makerOf(op)
	var n node
	if maker != nil {
		for _, own := range maker.nodes {
			if own.collection() == op.key() {
				n = own
			}
		}
	}
	made, things, err := l.several(ctx, maker)
	if err != nil {
		return err
	}
	late := maker != nil && l.r.isLate(maker) // things come and go after they were asked for
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
	laws := &listing{lane: l, op: op, pager: pg, name: name, made: made, whole: whole, things: things, late: late}
	if late {
		return laws.check(ctx)
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
	linked, err := l.linkedPages(ctx, op, pg)
	if err != nil {
		return err
	}
	for _, f := range pagingLaws(append(runs, linked), name) {
		shown := make([]*exchange, 0, 4)
		for _, page := range f.run {
			if len(shown) < 4 {
				shown = append(shown, page.exchange)
			}
		}
		l.reportList(op, f.fault, made, shown...)
	}
	return laws.check(ctx)
}

// several makes a few things for a list.
func (l *lane) several(ctx context.Context, maker *producer) (made []step, things []*thing, err error) {
	if maker == nil {
		return nil, nil, nil
	}
	for i := range madeForList {
		l.variety = i + 1
		t, err := l.create(ctx, maker, i%2 == 1)
		l.variety = 0
		if err != nil {
			return nil, nil, err
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
		things = append(things, t)
		if i == 1 { // another state than the others are in
			l.keep(t)
			if err := l.act(ctx, maker); err != nil {
				return nil, nil, err
			}
		}
		if i == 2 { // the next ones refer to others
			for _, key := range maker.op.refs {
				if !slices.ContainsFunc(maker.op.nodes, func(n node) bool { return n.key == key }) {
					delete(l.bound, key)
				}
			}
		}
	}
	return made, things, nil
}

// reportList reports a failure of a list, with the things that were made for it.
func (l *lane) reportList(op *operation, f fault, made []step, shown ...*exchange) {
	if f.rule == "" {
		f.rule = f.check
	}
	if f.in == "" {
		f.in = contract.InBody
	}
	steps := l.sequence(shown)
	if len(made) > 0 {
		steps = append(slices.Clone(made), steps[len(steps)-len(shown):]...)
	}
	l.report(op, f, steps, l.confirm())
}

// isLate reports whether what a producer makes was ever answered 202: nobody knows when
// it is in a list.
func (r *runner) isLate(p *producer) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, op := range slices.Concat([]*operation{p.op}, p.updates, p.deletes) {
		for kind := range r.usage[op.index].Answers {
			if kind.Status == http.StatusAccepted {
				return true
			}
		}
	}
	return false
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
			message := "Pages of another size do not hold the same items."
			if run[0].linked {
				message = "The pages that links lead to do not hold the same items."
			}
			add(run, "gaps", strconv.Itoa(len(seen))+" items", strconv.Itoa(len(complete))+" items", message)
		}
	}
	return found
}
