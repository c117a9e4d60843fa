package verify

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// ifMatch is the place of an operation's header If-Match, if it declares one.
func (op *operation) ifMatch() (place, bool) {
	for _, p := range op.params {
		if p.In == openapi3.ParameterInHeader && strings.EqualFold(p.Name, "If-Match") {
			return place{p.In, p.Name}, true
		}
	}
	return place{}, false
}

// precondition gives an input the entity tag that the thing has now, where the
// operation takes If-Match (RFC 9110, section 13.1.1).
func (l *lane) precondition(ctx context.Context, op *operation, in *input) error {
	at, ok := op.ifMatch()
	if !ok {
		return nil
	}
	delete(in.values, at)
	c, err := newCall(op, in)
	if err != nil {
		return nil //nolint:nilerr // there is no such request
	}
	if l.tags[c.path] == "" {
		for _, read := range l.r.ops {
			if read.Method != http.MethodGet || read.Path != op.Path {
				continue
			}
			reading, ok, err := l.minimal(ctx, read)
			if err != nil || !ok {
				return err
			}
			for _, n := range read.nodes {
				reading.values[n.at()] = in.values[n.at()]
			}
			if _, err := l.send(ctx, read, reading, purposeSetUp); err != nil {
				return err
			}
		}
	}
	switch tag := l.tags[c.path]; {
	case tag != "":
		in.values[at] = tag
	case op.parameter(at).Required:
		in.values[at] = `"0"`
	}
	return nil
}

// tagged remembers the entity tag that an answer gives a thing.
func (l *lane) tagged(x *exchange) {
	if x.call.op == nil || x.answer.err != nil {
		return
	}
	if l.tags == nil {
		l.tags = map[string]string{}
	}
	safe := x.call.method == http.MethodGet || x.call.method == http.MethodHead
	tag := x.answer.header.Get("ETag")
	switch {
	case x.answer.ok() && tag != "" && x.call.method != http.MethodPost && x.answer.status != http.StatusNoContent:
		l.tags[x.call.path] = tag
	case !safe && (x.answer.ok() || x.answer.status == http.StatusPreconditionFailed):
		clear(l.tags)
	}
}

// stale updates a thing by the entity tag that it had before it was changed: it must
// not be taken (RFC 9110, section 13.1.1).
func (l *lane) stale(ctx context.Context, p *producer) error {
	reads := selectedOf(p.reads)
	if len(reads) == 0 {
		return nil
	}
	for _, op := range selectedOf(append(p.updates, p.deletes...)) {
		at, ok := op.ifMatch()
		if !ok {
			continue
		}
		before, err := l.on(ctx, reads[0])
		if err != nil || before == nil || !before.answer.ok() {
			return err
		}
		tag := before.answer.header.Get("ETag")
		if tag == "" || strings.HasPrefix(tag, "W/") { // weak ones never match
			return nil
		}
		var change *exchange
		for _, update := range selectedOf(p.updates) {
			for i := range 3 {
				x, _, err := l.change(ctx, update, i, before)
				if err != nil {
					return err
				}
				if x != nil && x.answer.ok() && x.answer.status != http.StatusAccepted {
					change = x
				}
			}
		}
		after, err := l.on(ctx, reads[0])
		if err != nil || after == nil || !after.answer.ok() || change == nil {
			return err
		}
		now := after.answer.header.Get("ETag")
		if string(encode(before.answer.json())) == string(encode(after.answer.json())) || now == "" {
			continue
		}
		if now == tag {
			l.fail(reads[0], fault{
				check: CheckPrecondition, rule: "ETag", name: "ETag", got: now, accepted: "another entity tag",
				message: "The thing has changed, and its entity tag has not.",
			}, before, change, after)
			continue
		}
		in, ok, err := l.minimal(ctx, op)
		if err != nil || !ok {
			return err
		}
		in.values[at] = tag
		x, err := l.send(ctx, op, in, purposeCase)
		if err != nil || x == nil {
			return err
		}
		if x.answer.ok() {
			l.fail(op, fault{
				check: CheckPrecondition, name: "If-Match", got: fmt.Sprintf("status %d", x.answer.status), accepted: "status 412",
				message: fmt.Sprintf("The thing has changed since, and %s by the entity tag that it had before was taken.", op.ID),
			}, before, change, x)
			if op.Method == http.MethodDelete {
				return nil
			}
		}
	}
	return nil
}
