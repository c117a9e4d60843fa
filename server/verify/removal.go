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
			x, err := l.on(ctx, below)
			if err != nil {
				return true, err
			}
			l.stillListed(first, x, children)
		}
	}
	if back, err := l.revived(ctx, p, first); err != nil || back {
		t.gone = !back
		return true, err
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

// revived calls what can be done with a thing that is gone, which may bring it back. What
// is answered with the thing itself is there again.
func (l *lane) revived(ctx context.Context, p *producer, removal *exchange) (bool, error) {
	reads := selectedOf(p.reads)
	if len(reads) == 0 {
		return false, nil
	}
	for _, op := range l.r.actions(p) {
		x, err := l.on(ctx, op)
		if err != nil {
			return false, err
		}
		if x == nil || !settled(x) {
			continue
		}
		after, err := l.on(ctx, reads[0])
		if err != nil || after == nil || after.answer.ok() {
			return true, err
		}
		said, _ := x.answer.json().(map[string]any)
		if id, _, ok := idOf(p.nodes[0], l.r.paramSchema(p.nodes[0]), said); missing(after) && ok && scalarText(id) == scalarText(l.bound[p.nodes[0].key]) {
			l.fail(reads[0], fault{
				check: CheckAvailability, rule: "status " + strconv.Itoa(after.answer.status), accepted: "not 404",
				message: fmt.Sprintf("%s answered with the thing that was removed, and it is not there for %s: %d.", op.ID, reads[0].ID, after.answer.status),
			}, removal, x, after)
		}
		return true, nil
	}
	return false, nil
}

// stillListed looks, after a thing is gone, whether what stood in it is still listed by
// its path. An empty list is no list of anything.
func (l *lane) stillListed(removal, x *exchange, children []*thing) {
	if x == nil || !settled(x) {
		return
	}
	list, _, _ := items(x.answer.json())
	for _, t := range children {
		n := t.by.nodes[0]
		if n.collection() != x.call.op.key() {
			continue
		}
		for _, item := range list {
			if id, _, ok := idOf(n, l.r.paramSchema(n), item); ok && scalarText(id) == t.id() {
				f := freed(removal.call.op, x.call.op, x.answer.status)
				f.rule = "child"
				f.message = fmt.Sprintf("After %s removed the thing, %s still lists what stood in it.", removal.call.op.ID, x.call.op.ID)
				f.in = contract.InBody
				lead := slices.Clone(t.steps)
				read, remove := l.step(x), l.step(removal)
				l.leading(x.call.op, &read)
				l.leading(removal.call.op, &remove)
				l.report(x.call.op, f, append(lead, remove, read), l.confirm())
				return
			}
		}
	}
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
			v, _, ok := idOf(n, schema, item)
			if !ok && p.chosen && fitsParam(schema, item) { // a list of the names that callers gave
				v, ok = item, true
			}
			if ok {
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
