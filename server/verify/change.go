package verify

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"slices"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/understudy-api/understudy/server/sample"
)

// on makes the smallest call of an operation on the thing that the lane holds.
func (l *lane) on(ctx context.Context, op *operation) (*exchange, error) {
	in, ok, err := l.minimal(ctx, op)
	if err != nil || !ok {
		return nil, err
	}
	return l.send(ctx, op, in, purposeCase)
}

// changes is how many updates of one kind a life has. A PUT gets one more that
// empties what it can, a PATCH one for every member that it can change alone, and one that
// empties it.
func changes(op *operation, rich, emptying bool) int {
	n := 2
	if op.Method == http.MethodPut && rich {
		n++
	}
	if op.Method == http.MethodPatch && op.body != nil && rich {
		_, inner := op.envelope()
		members := min(len(op.Properties(inner)), maxChanges)
		n += members
		if emptying {
			n += members
		}
	}
	return n
}

const maxChanges = 16

// change makes a random valid update, the later ones of one member that gets another
// value than it has. What replaces a thing replaces it by as much as goes together, then
// by no more than it must.
func (l *lane) change(ctx context.Context, op *operation, i int, before *exchange) (*exchange, any, error) {
	in, ok, err := l.minimal(ctx, op)
	if err != nil || !ok {
		return nil, nil, err
	}
	if op.body == nil {
		return nil, nil, nil
	}
	var body any
	switch {
	case op.Method == http.MethodPut && i == 0:
		body, ok = l.full(ctx, op, in)
	case op.Method == http.MethodPut && i == 2:
		body, ok = l.cleared(ctx, op, in)
	case op.Method == http.MethodPut && i == 1:
		body, ok = sample.Minimal(op.body, l.certain())
	default:
		body, ok = sample.Valid(l.rand, op.body, l.certain())
	}
	if !ok {
		return nil, nil, nil
	}
	in = in.withBody(body)
	in.body = l.distinct(ctx, op, in)
	in.body = l.markSecrets(ctx, op, in)
	path, inner := op.envelope()
	in.body = l.named(op, path, in.body)
	names := op.Properties(inner)
	was, _ := memberAt(thingIn(before), path).(map[string]any)
	switch members := min(len(names), maxChanges); {
	case op.Method == http.MethodPut:
	case i >= 2+members && i-2-members < len(names):
		if in.body, ok = l.emptied(ctx, op, in, names[i-2-members], was); !ok {
			return nil, nil, nil
		}
	case i >= 2 && i-2 < len(names):
		if in.body, ok = l.alone(ctx, op, in, names[i-2], was); !ok {
			return nil, nil, nil
		}
	}
	x, err := l.send(ctx, op, in, purposeCase)
	return x, in.body, err
}

// emptied is a body that makes one member what many servers take for absent: null where
// that takes it away, zero, false, or nothing in it. It is none if the member is so now.
func (l *lane) emptied(ctx context.Context, op *operation, in *input, name string, was map[string]any) (any, bool) {
	now, has := was[name]
	if !has || now == nil {
		return nil, false
	}
	candidates := slices.Concat(nothing, []any{map[string]any{}})
	if op.bodyType == mergePatch {
		candidates = append([]any{nil}, nothing...)
	}
	path, _ := op.envelope()
	for _, v := range candidates {
		body := around(in.body, path, map[string]any{name: v})
		if c, err := newCall(op, in.withBody(body)); err == nil && l.r.judge(ctx, c).valid && !sameValue(nil, now, v) {
			return body, true
		}
	}
	return nil, false
}

// nothing are the values that many servers take for none.
var nothing = []any{json.Number("0"), false, "", []any{}}

// cleared is a body whose members say nothing, as far as they may.
func (l *lane) cleared(ctx context.Context, op *operation, in *input) (any, bool) {
	body, ok := l.full(ctx, op, in)
	path, inner := op.envelope()
	members, isObject := memberAt(body, path).(map[string]any)
	if !ok || !isObject {
		return nil, false
	}
	for _, name := range op.Properties(inner) {
		for _, v := range nothing {
			other := maps.Clone(members)
			other[name] = v
			if c, err := newCall(op, in.withBody(around(body, path, other))); err == nil && l.r.judge(ctx, c).valid {
				members = other
				break
			}
		}
	}
	return around(body, path, members), true
}

// alone is a body with one member only, of another value than it has if that can be.
func (l *lane) alone(ctx context.Context, op *operation, in *input, name string, was map[string]any) (body any, ok bool) {
	path, _ := op.envelope()
	for range 2 * samples {
		members, _ := memberAt(in.body, path).(map[string]any)
		if v, has := members[name]; has {
			only := around(in.body, path, map[string]any{name: v})
			c, err := newCall(op, in.withBody(only))
			if err == nil && l.r.judge(ctx, c).valid {
				body, ok = only, true
				if was == nil || !sameValue(nil, was[name], v) {
					return body, ok
				}
			}
		}
		in.body, _ = sample.Valid(l.rand, op.body, l.certain())
		in.body = l.named(op, path, in.body)
	}
	return body, ok
}

// envelope is where the members of a thing stand in the body of an operation: in the
// attributes of the data, as JSON:API has them, or in the data, or at the top.
func (op *operation) envelope() (path []string, inner *openapi3.Schema) {
	inner = op.body
	for _, name := range []string{"data", "attributes"} {
		schemas := propertySchemas(inner, name)
		if len(schemas) != 1 || len(op.Properties(schemas[0])) == 0 {
			break
		}
		path, inner = append(path, name), schemas[0]
	}
	return path, inner
}

// memberAt is what a value has at a path of members.
func memberAt(v any, path []string) any {
	for _, name := range path {
		object, _ := v.(map[string]any)
		v = object[name]
	}
	return v
}

// around is a copy of a value that has another at a path of members.
func around(v any, path []string, inner any) any {
	if len(path) == 0 {
		return inner
	}
	object, _ := v.(map[string]any)
	object = maps.Clone(object)
	if object == nil {
		object = map[string]any{}
	}
	object[path[0]] = around(object[path[0]], path[1:], inner)
	return object
}

// named puts the id of the thing that an operation is on into the envelope of a body that
// has one (JSON:API, section Updating Resources).
func (l *lane) named(op *operation, path []string, body any) any {
	n, ok := op.last()
	if len(path) == 0 || !ok {
		return body
	}
	schemas := propertySchemas(propertySchemas(op.body, path[0])[0], "id")
	data, isObject := memberAt(body, path[:1]).(map[string]any)
	id := l.bound[n.key]
	if len(schemas) != 1 || !isObject || id == nil {
		return body
	}
	if schemas[0].Type.Includes(openapi3.TypeString) {
		id = scalarText(id)
	}
	data = maps.Clone(data)
	data["id"] = id
	return around(body, path[:1], data)
}

// full is a body with as many of an object's members as go together.
func (l *lane) full(ctx context.Context, op *operation, in *input) (any, bool) {
	path, _ := op.envelope()
	body, ok := sample.Minimal(op.body, l.certain())
	members, isObject := memberAt(body, path).(map[string]any)
	if !ok || !isObject && len(path) == 0 {
		return sample.Valid(l.rand, op.body, l.certain())
	}
	if members = maps.Clone(members); members == nil {
		members = map[string]any{}
	}
	for range samples {
		sample, _ := sample.Valid(l.rand, op.body, l.certain())
		more, _ := memberAt(sample, path).(map[string]any)
		for _, name := range sortedNames(more) {
			held, has := members[name]
			if has && meansMore(&openapi3.Schema{}, held) && !longer(more[name], held) {
				continue
			}
			members[name] = more[name]
			if c, err := newCall(op, in.withBody(around(body, path, members))); err == nil && l.r.judge(ctx, c).valid {
				continue
			}
			if has {
				members[name] = held
			} else {
				delete(members, name)
			}
		}
	}
	return around(body, path, members), true
}

// longer reports whether a list has more items than another.
func longer(a, b any) bool {
	x, isList := a.([]any)
	y, _ := b.([]any)
	return isList && len(x) > len(y)
}
