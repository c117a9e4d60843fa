package verify

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
)

// roamed is how many random calls a walk makes.
const roamed = 12

// roam makes a thing, what can stand in it, and random valid calls of all that can
// be done with them.
func (l *lane) roam(ctx context.Context, p *producer) error {
	t, err := l.create(ctx, p, true)
	if err != nil || t == nil || t.answer.status == http.StatusAccepted {
		return err
	}
	l.keep(t)
	var ways []*operation
	for _, op := range l.r.selected() {
		if len(op.nodes) > 0 && slices.ContainsFunc(op.nodes, func(n node) bool { return p.makes(n.key) }) {
			ways = append(ways, op)
		}
	}
	if len(ways) == 0 {
		return nil
	}
	removed := false      // the thing is known to be gone
	unsure := false       // something was done that may have brought it back, or removed it
	var removal *exchange //
	for range roamed {
		op := ways[l.rand.IntN(len(ways))]
		if removed && len(op.nodes) > len(p.op.nodes)+1 {
			continue // needs what stands in a thing that is gone
		}
		in, ok, err := l.random(ctx, op)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		for _, n := range op.nodes {
			if v, bound := l.bound[n.key]; bound {
				in.values[n.at()] = v
			}
		}
		x, err := l.send(ctx, op, in, purposeCase)
		if err != nil {
			return err
		}
		if x == nil || x.answer.err != nil {
			continue
		}
		n, own := op.last()
		own = own && p.makes(n.key)
		// An optional parameter may select another thing, or show a deleted one.
		optional := own && op.hasOptions(in)
		switch {
		case x.answer.status == http.StatusAccepted:
			unsure = true
		case optional && op.Method == http.MethodGet:
		case optional && x.answer.ok():
			unsure = true
		case own && op.Method == http.MethodDelete && x.answer.ok():
			removed, unsure, removal = true, false, x
		case own && removed && !unsure && x.answer.ok() && !p.chosen:
			l.fail(op, freed(removal.call.op, op, x.answer.status), removal, x)
		case own && !removed && !unsure && op.Method == http.MethodGet && missing(x):
			l.fail(op, fault{
				check: CheckAvailability, rule: "status " + strconv.Itoa(x.answer.status), accepted: "not 404",
				message: fmt.Sprintf("What %s made is not there for %s: %d.", p.op.ID, op.ID, x.answer.status),
			}, x)
		case !own && op.Method != http.MethodGet && op.Method != http.MethodHead && x.answer.ok():
			unsure = true
		case own && p.chosen && op.Method == http.MethodPut && x.answer.ok():
			removed = false
		}
	}
	return nil
}
