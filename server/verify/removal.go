package verify

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"github.com/understudy-api/understudy/server/contract"
)

// end removes a thing and looks whether it is gone.
func (l *lane) end(ctx context.Context, p *producer, op *operation, t *thing, children []*thing) (bool, error) {
	first, err := l.on(ctx, op)
	if err != nil || first == nil || !first.answer.ok() {
		return false, err
	}
	t.gone = true
	if !settled(first) {
		return true, nil // it is not gone yet
	}
	later := selectedOf(p.reads)
	if !p.chosen {
		later = append(later, selectedOf(p.updates)...)
	}
	for _, use := range later {
		x, err := l.on(ctx, use)
		if err != nil {
			return true, err
		}
		if x != nil && x.answer.ok() {
			l.fail(use, freed(op, use, x.answer.status), first, x)
		}
	}
	for _, list := range selectedOf(p.lists) {
		if err := l.inList(ctx, p, list, t, false, first); err != nil {
			return true, err
		}
	}
	if err := l.orphaned(ctx, first, children); err != nil {
		return true, err
	}
	for _, below := range l.r.selected() { // whether it may still be listed what stood in it, no document says
		if n := len(below.nodes); n > 0 && below.Method == http.MethodGet && p.makes(below.nodes[n-1].key) && !slices.Contains(p.reads, below) {
			if _, err := l.on(ctx, below); err != nil {
				return true, err
			}
		}
	}
	var again [2]*exchange
	for i := range again {
		if again[i], err = l.on(ctx, op); err != nil || again[i] == nil {
			return true, err
		}
	}
	if f, wrong := deletedAgain(first.answer, again[0].answer, again[1].answer); wrong {
		l.fail(op, f, first, again[0], again[1])
	}
	return true, nil
}

func freed(by, use *operation, status int) fault {
	return fault{
		check: CheckUseAfterFree, name: use.Method, accepted: "status 404 or 410",
		message: fmt.Sprintf("After %s removed the thing, %s was answered %d.", by.ID, use.ID, status),
	}
}

// deletedAgain: removing what is gone does no harm: 404, 410 or what the first time
// was answered, and the same each time. That a DELETE may be repeated (RFC 9110,
// section 9.2.2) is of use only to a client that can tell how it went.
func deletedAgain(first, second, third *answer) (fault, bool) {
	f := fault{check: CheckIdempotentDelete, accepted: fmt.Sprintf("404, 410 or %d, each time the same", first.status)}
	if second.err != nil || third.err != nil || second.status == http.StatusTooManyRequests || third.status == http.StatusTooManyRequests {
		return f, false
	}
	switch {
	case second.status != first.status && second.status != http.StatusNotFound && second.status != http.StatusGone:
		f.rule = "status " + strconv.Itoa(second.status)
		f.message = fmt.Sprintf("Removing what is gone already was answered %d, and the first time %d.", second.status, first.status)
	case second.status != third.status:
		f.rule = "differs"
		f.message = fmt.Sprintf("Removing what is gone already was answered %d, and the next time %d.", second.status, third.status)
	default:
		return f, false
	}
	return f, true
}

// inList looks for a thing in a list: whether it is there as it should.
func (l *lane) inList(ctx context.Context, p *producer, list *operation, t *thing, wanted bool, removal *exchange) error {
	var n node
	for _, own := range p.nodes {
		if own.collection() == list.key() {
			n = own
		}
	}
	if n.key == "" {
		return nil
	}
	id := scalarText(t.bound[n.key])
	schema := l.r.paramSchema(n)
	// The longest pages, so that few are needed.
	pages, err := l.pages(ctx, list, pagerOf(list), 0)
	if err != nil || len(pages) == 0 || !pages[len(pages)-1].last {
		return err // not a list, or not seen to its end
	}
	there, known := false, false
	for _, page := range pages {
		for _, item := range page.items {
			if v, _, ok := idOf(n, schema, item); ok {
				known = true
				there = there || scalarText(v) == id
			}
		}
	}
	x := pages[0].exchange
	switch {
	case wanted && !there:
		if !known && len(pages[0].items) > 0 {
			return nil // the items do not tell their ids
		}
		l.report(list, fault{
			check: CheckListReflects, rule: CheckListReflects, in: contract.InBody, accepted: "the id that was made",
			message: fmt.Sprintf("What %s made is not in the list of %s.", p.op.ID, list.ID),
		}, append(slices.Clone(t.steps), l.final(x)), l.confirm())
	case !wanted && there:
		f := freed(removal.call.op, list, x.answer.status)
		f.message = fmt.Sprintf("After %s removed the thing, it is still in the list of %s.", removal.call.op.ID, list.ID)
		l.fail(list, f, removal, x)
	}
	return nil
}
