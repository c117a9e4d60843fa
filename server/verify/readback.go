package verify

import (
	"context"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/understudy-api/understudy/server/contract"
)

// uniqueID: nothing that is made has the id of something else that is there. An id that
// was sent, in capitals or not, is the caller's own, and 200 where 201 is declared too says that the thing
// was there before.
func (l *lane) uniqueID(t *thing) {
	if t.by.chosen || t.by.foundOne(t.answer) {
		return
	}
	id := t.id()
	if strings.Contains(strings.ToLower(string(encode(t.body))), strings.ToLower(`"`+id+`"`)) {
		return
	}
	parts := []string{t.by.op.ID}
	for _, n := range t.by.op.nodes {
		parts = append(parts, scalarText(t.bound[n.key]))
	}
	key := strings.Join(append(parts, id), "\x00")
	owner := idOwner{bound: map[string]string{}, sent: t.sent}
	for _, n := range t.by.nodes {
		owner.nodes = append(owner.nodes, n.key)
	}
	for node, v := range t.bound {
		owner.bound[node] = scalarText(v)
	}
	l.r.mu.Lock()
	former, again := l.r.ids[key]
	// A removal that went out since may have freed the id, whoever saw it first.
	again = again && l.r.removed[scoped(t.by.nodes[0].key, t.bound)] <= min(former.sent, t.sent)
	l.r.ids[key] = owner
	l.r.mu.Unlock()
	if again {
		l.report(t.by.op, fault{
			check: CheckUniqueIDs, rule: CheckUniqueIDs, in: contract.InBody, got: contract.Cut(id, 100), accepted: "an id that nothing else had",
			message: "Two things that were made have the same id.",
		}, append(slices.Clone(t.steps), t.steps[len(t.steps)-1]), l.confirm())
	}
}

// readBack reads a thing by every operation that can. It must be there, and hold
// what was written.
func (l *lane) readBack(ctx context.Context, p *producer, change *exchange, written any) error {
	for _, op := range selectedOf(p.reads) {
		x, err := l.on(ctx, op)
		if err != nil {
			return err
		}
		if x == nil {
			continue
		}
		xs := []*exchange{x}
		writer := p.op
		if change != nil {
			xs = []*exchange{change, x}
			writer = change.call.op
		}
		if change != nil && !settled(change) {
			continue
		}
		if missing(x) {
			l.fail(op, fault{
				check: CheckAvailability, rule: "status " + strconv.Itoa(x.answer.status), accepted: "not 404",
				message: fmt.Sprintf("What %s wrote is not there for %s: %d.", writer.ID, op.ID, x.answer.status),
			}, xs...)
			continue
		}
		if !x.answer.ok() {
			continue
		}
		if change == nil {
			l.defaulted(p, written, x)
		}
		l.r.shows(op, "", x.answer.json())
		if pointer, want, left := l.r.leftZero(op, writer.body, written, x.answer.json()); left {
			l.fail(writer, fault{
				check: CheckRoundTrip, rule: "zero", in: contract.InBody, pointer: pointer, got: "no such member", accepted: contract.Cut(string(encode(want)), 200),
				message: fmt.Sprintf("What %s wrote at %s is not in what %s reads, which has the member for other values.", writer.ID, pointer, op.ID),
			}, xs...)
		}
		if pointer, want, got, differs := lost(writer.body, written, x.answer.json()); differs && !l.runs(ctx, op, writer.body, written, got) {
			// The exemption of a check is the writer's: it is what did not write.
			l.fail(writer, fault{
				check: CheckRoundTrip, in: contract.InBody, pointer: pointer, got: contract.Cut(string(encode(got)), 200), accepted: contract.Cut(string(encode(want)), 200),
				message: fmt.Sprintf("What %s wrote at %s is not what %s reads.", writer.ID, pointer, op.ID),
			}, xs...)
		}
	}
	return nil
}

// runs reports whether a time that is not what was written goes on by itself, as that of a
// clock does: it is another one when it is read once more.
func (l *lane) runs(ctx context.Context, op *operation, s *openapi3.Schema, written, got any) bool {
	if !timeText(got) {
		return false
	}
	again, err := l.on(ctx, op)
	if err != nil || again == nil {
		return false
	}
	_, _, later, differs := lost(s, written, again.answer.json())
	return differs && timeText(later) && later != got
}

// state is what the first operation that reads a thing reads; nil if none does.
func (l *lane) state(ctx context.Context, p *producer) (*exchange, error) {
	reads := selectedOf(p.reads)
	if len(reads) == 0 {
		return nil, nil
	}
	x, err := l.on(ctx, reads[0])
	if err != nil || x == nil || !x.answer.ok() {
		return nil, err
	}
	return x, nil
}

// leftOut looks at what an update did not mention: PATCH leaves it as it was (RFC
// 5789, section 2). PUT replaces the thing (RFC 9110, section 9.3.4), which is only
// asked for where it takes the very schema that things are made from.
func (l *lane) leftOut(ctx context.Context, p *producer, change, before *exchange, written any) error {
	op := change.call.op
	members, ok := written.(map[string]any)
	if before == nil || !ok {
		return nil
	}
	after, err := l.state(ctx, p)
	if err != nil || after == nil {
		return err
	}
	l.claimed(p, before, change, after)
	if contract.MediaType(change.call.header.Get("Content-Type")) == mergePatch {
		l.merged(op, members, before, change, after)
	}
	making := p.op.body
	if len(p.nodes) == 0 { // there is one, and nothing makes it
		making = op.body
	}
	if f, wrong := unmentioned(op, making, members, before.answer.json(), after.answer.json()); wrong {
		l.fail(op, f, before, change, after)
	}
	return nil
}

// merged looks at what a JSON Merge Patch has made of a thing: a member that it sets to
// null is gone, and of an object it changes what it names (RFC 7396, section 2).
func (l *lane) merged(op *operation, patch map[string]any, before, change, after *exchange) {
	was, _ := thingIn(before).(map[string]any)
	now, _ := thingIn(after).(map[string]any)
	if was == nil || now == nil {
		return
	}
	for _, name := range sortedNames(patch) {
		schemas := propertySchemas(op.body, name)
		if len(schemas) == 0 || isServerMade(name, schemas) {
			continue
		}
		f := fault{check: CheckRoundTrip, rule: "merge", in: contract.InBody, pointer: "/" + escapePointer(name)}
		inner, isObject := patch[name].(map[string]any)
		had, _ := was[name].(map[string]any)
		has, still := now[name].(map[string]any)
		if patch[name] == nil && was[name] != nil && now[name] != nil && sameValue(schemas[0], was[name], now[name]) && meansMore(schemas[0], was[name]) {
			f.got, f.accepted = contract.Cut(string(encode(now[name])), 200), "no such member"
			f.message = fmt.Sprintf("%s set %s to null, which takes it away, and it is there as it was.", op.ID, name)
			l.fail(op, f, before, change, after)
			return
		}
		for _, member := range sortedNames(had) {
			if _, mentioned := inner[member]; !isObject || !still || mentioned || had[member] == nil {
				continue
			}
			if v, kept := has[member]; !kept || !sameValue(nil, had[member], v) {
				f.pointer += "/" + escapePointer(member)
				f.got, f.accepted = contract.Cut(string(encode(v)), 200), contract.Cut(string(encode(had[member])), 200)
				f.message = fmt.Sprintf("%s is merged into what there is, did not mention %s of %s, and changed it.", op.ID, member, name)
				l.fail(op, f, before, change, after)
				return
			}
		}
	}
}

// unmentioned compares the members that an update could have changed and did not
// name, before and after.
func unmentioned(op *operation, making *openapi3.Schema, written map[string]any, before, after any) (fault, bool) {
	body, at := op.body, ""
	was, isObject := before.(map[string]any)
	now, still := after.(map[string]any)
	if !isObject || !still {
		return fault{}, false
	}
	if !shares(written, was) {
		was, _ = onlyObject(was)
		now, _ = onlyObject(now)
	}
	for _, wrap := range []string{"data", "attributes"} { // as JSON:API has them
		inner, ok := written[wrap].(map[string]any)
		had, both := was[wrap].(map[string]any)
		has, still := now[wrap].(map[string]any)
		schemas := propertySchemas(body, wrap)
		if !ok || !both || !still || len(schemas) != 1 {
			break
		}
		written, was, now, body, at = inner, had, has, schemas[0], at+"/"+wrap
	}
	for _, name := range sortedNames(was) {
		schemas := propertySchemas(body, name)
		if _, mentioned := written[name]; mentioned || len(schemas) == 0 || isServerMade(name, schemas) || name == "id" {
			continue
		}
		f := fault{
			check: CheckRoundTrip, rule: "unmentioned", in: contract.InBody, pointer: at + "/" + escapePointer(name),
			got: contract.Cut(string(encode(now[name])), 200), accepted: contract.Cut(string(encode(was[name])), 200),
		}
		same := sameValue(schemas[0], was[name], now[name])
		switch {
		case op.Method == http.MethodPatch && !same && !sameServerMade(was[name], now[name], schemas[0]):
			f.message = fmt.Sprintf("%s did not mention %s, and changed it.", op.ID, name)
			return f, true
		case op.Method == http.MethodPut && body == making && same && meansMore(schemas[0], was[name]):
			f.accepted = "the value of a thing that was made without it"
			f.message = fmt.Sprintf("%s replaces the thing, left %s out, and it was kept.", op.ID, name)
			return f, true
		}
	}
	return fault{}, false
}

// meansMore reports whether a value is not what a member has that was left out.
func meansMore(s *openapi3.Schema, v any) bool {
	if s.Default != nil {
		d, ok := plain(s.Default)
		return ok && !sameValue(s, d, v)
	}
	switch v := v.(type) {
	case nil:
		return false
	case string:
		return v != ""
	case bool:
		return v
	case []any:
		return len(v) > 0
	case map[string]any:
		return len(v) > 0
	case json.Number:
		f, err := v.Float64()
		return err == nil && f != 0
	}
	return false
}

// shows remembers the members that an operation reads with a value that says something.
func (r *runner) shows(op *operation, at string, v any) {
	object, _ := v.(map[string]any)
	for name, member := range object {
		if place := at + "/" + escapePointer(name); meansMore(&openapi3.Schema{}, member) {
			r.read.Store(op.ID+place, true)
			r.shows(op, place, member)
		}
	}
}

// leftZero finds a member that was written as nothing much (zero, false, an empty text or
// list) and is not in what is read, although it is where it has another value: who reads
// cannot tell it from one that was never given.
func (r *runner) leftZero(op *operation, s *openapi3.Schema, written, read any) (pointer string, want any, left bool) {
	members, object, at := written, read, ""
	if a, _ := written.(map[string]any); a != nil {
		if b, isObject := read.(map[string]any); isObject && !shares(a, b) {
			inner, name := onlyObject(b)
			if inner == nil || !shares(a, inner) {
				return "", nil, false
			}
			object, at = inner, "/"+escapePointer(name)
		}
	}
	return r.leftZeroIn(op, s, members, object, at, "")
}

func (r *runner) leftZeroIn(op *operation, s *openapi3.Schema, written, read any, at, place string) (pointer string, want any, left bool) {
	members, _ := written.(map[string]any)
	object, isObject := read.(map[string]any)
	if !isObject {
		return "", nil, false
	}
	for _, name := range sortedNames(members) {
		schemas := propertySchemas(s, name)
		if len(schemas) != 1 || isServerMade(name, schemas) || schemas[0].WriteOnly || schemas[0].Format == "password" {
			continue
		}
		token := "/" + escapePointer(name)
		now, has := object[name]
		if has {
			if pointer, want, left = r.leftZeroIn(op, schemas[0], members[name], now, at+token, place+token); left {
				return pointer, want, true
			}
			continue
		}
		if _, shown := r.read.Load(op.ID + at + token); !shown || members[name] == nil || meansMore(&openapi3.Schema{}, members[name]) {
			continue
		}
		if d, ok := plain(schemas[0].Default); ok && d != nil && sameValue(schemas[0], d, members[name]) {
			continue // what is left out is so
		}
		if _, isMap := members[name].(map[string]any); !isMap {
			return place + token, members[name], true
		}
	}
	return "", nil, false
}

// lost finds the first member that was written and is read with another value. What
// the answer leaves out may be nobody's to read.
func lost(s *openapi3.Schema, written, read any) (pointer string, want, got any, differs bool) {
	members, ok := written.(map[string]any)
	object, isObject := read.(map[string]any)
	if !ok || !isObject {
		return "", nil, nil, false
	}
	if !shares(members, object) {
		inner, _ := onlyObject(object)
		if inner == nil || !shares(members, inner) {
			return "", nil, nil, false
		}
		object = inner
	}
	return lostMember(s, members, object, "")
}

func shares(a, b map[string]any) bool {
	for name := range a {
		if _, both := b[name]; both {
			return true
		}
	}
	return false
}

func lostMember(s *openapi3.Schema, written, read map[string]any, at string) (pointer string, want, got any, differs bool) {
	for _, name := range sortedNames(written) {
		there, both := read[name]
		var schema *openapi3.Schema
		schemas := propertySchemas(s, name)
		if len(schemas) > 0 {
			schema = schemas[0]
		}
		if !both || written[name] == nil || isReadOnly(schemas) || schema != nil && (schema.WriteOnly || schema.Format == "password") {
			continue
		}
		place := at + "/" + escapePointer(name)
		if inner, ok := written[name].(map[string]any); ok {
			if object, isObject := there.(map[string]any); isObject {
				if p, w, g, d := lostMember(schema, inner, object, place); d {
					return p, w, g, true
				}
				continue
			}
		}
		if schema == nil && s != nil { // the document does not know the member: it may be dropped or kept
			continue
		}
		if !sameValue(schema, written[name], there) {
			return place, written[name], there, true
		}
	}
	return "", nil, nil, false
}

// sameServerMade reports whether a member of an object differs only in what the server
// sets in it.
func sameServerMade(before, after any, s *openapi3.Schema) bool {
	was, isObject := before.(map[string]any)
	now, still := after.(map[string]any)
	if !isObject || !still {
		return false
	}
	for name, v := range was {
		schemas := propertySchemas(s, name)
		if isServerMade(name, schemas) {
			continue
		}
		var schema *openapi3.Schema
		if len(schemas) > 0 {
			schema = schemas[0]
		}
		if !sameValue(schema, v, now[name]) {
			return false
		}
	}
	return true
}

// sameNumber compares integers exactly, and others as what a double holds of them: a
// number with a fraction is kept as one nearly everywhere.
func sameNumber(s *openapi3.Schema, a, b json.Number) bool {
	if a == b {
		return true
	}
	if s != nil && s.Type.Is(openapi3.TypeInteger) && len(a) < maxDigits && len(b) < maxDigits {
		x, okX := new(big.Rat).SetString(a.String())
		y, okY := new(big.Rat).SetString(b.String())
		return okX && okY && x.Cmp(y) == 0
	}
	x, errX := a.Float64()
	y, errY := b.Float64()
	return errX == nil && errY == nil && x == y
}

// maxDigits bounds numbers that are compared exactly.
const maxDigits = 100

// timeText reports whether a value is a time, which a server may set and round at will.
func timeText(v any) bool {
	text, _ := v.(string)
	_, err := time.Parse(time.RFC3339Nano, text)
	return err == nil
}

// sameValue compares what was written with what is read, where an API may write the
// same value in another way.
func sameValue(s *openapi3.Schema, a, b any) bool {
	switch a := a.(type) {
	case json.Number:
		number, ok := b.(json.Number)
		return ok && sameNumber(s, a, number)
	case string:
		text, ok := b.(string)
		if !ok {
			return false
		}
		if a == text || s == nil {
			return a == text
		}
		switch s.Format {
		case "date-time":
			x, errX := time.Parse(time.RFC3339Nano, a)
			y, errY := time.Parse(time.RFC3339Nano, text)
			return errX == nil && errY == nil && x.Truncate(time.Millisecond).Equal(y.Truncate(time.Millisecond))
		case "uri", "email", "uuid":
			return strings.EqualFold(strings.TrimSuffix(a, "/"), strings.TrimSuffix(text, "/"))
		}
		return false
	case []any:
		list, ok := b.([]any)
		if !ok || len(a) != len(list) {
			return false
		}
		var items *openapi3.Schema
		if s != nil && s.Items != nil {
			items = s.Items.Value
		}
		if s != nil && s.UniqueItems { // a set
			for _, x := range a {
				if !slices.ContainsFunc(list, func(y any) bool { return sameValue(items, x, y) }) {
					return false
				}
			}
			return true
		}
		for i := range a {
			if !sameValue(items, a[i], list[i]) {
				return false
			}
		}
		return true
	case map[string]any:
		object, ok := b.(map[string]any)
		if !ok {
			return false
		}
		for name, x := range a {
			y, both := object[name]
			if both && x != nil && !sameValue(nil, x, y) {
				return false
			}
		}
		return true
	}
	return a == b
}
