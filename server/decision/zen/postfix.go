package zen

import (
	"math"

	"github.com/understudy-api/understudy/server/decision/value"
)

// apply computes a part from the value to its left.
type apply func(f *frame, left value.Value) (value.Value, error)

// chained runs parts one after the other: a chain may be as long as the source,
// so they do not stand in each other.
func chained(base eval, parts []apply) eval {
	if len(parts) == 1 {
		part := parts[0]
		return func(f *frame) (value.Value, error) {
			v, err := base(f)
			if err != nil {
				return value.Value{}, err
			}
			return part(f, v)
		}
	}
	return func(f *frame) (value.Value, error) {
		v, err := base(f)
		for _, part := range parts {
			if err != nil {
				return value.Value{}, err
			}
			v, err = part(f, v)
		}
		return v, err
	}
}

// postfix compiles property access, indexes, slices and method calls.
func (c *compiler) postfix(n *node) code {
	var links []*node
	for n.kind == nodeMember || n.kind == nodeSlice || n.kind == nodeMethod {
		links = append(links, n)
		n = n.a
	}
	base, used := c.path(n, links)
	links = links[:len(links)-used]
	if len(links) == 0 {
		return base
	}
	all := base.constant
	parts := make([]apply, 0, len(links))
	for i := len(links) - 1; i >= 0 && c.err == nil; i-- {
		part, same := c.link(links[i])
		parts = append(parts, part)
		all = all && same
	}
	return c.fold(dynamic(chained(base.run, parts)), all)
}

// step is a part of a path: a key, or an index.
type step struct {
	key   string
	index int64
	isKey bool
}

func constantStep(n *node) (step, bool) {
	if n.kind != nodeMember {
		return step{}, false
	}
	switch n.b.kind {
	case nodeString:
		return step{key: n.b.text, isKey: true}, true
	case nodeNumber:
		i, ok := index(n.b.number)
		return step{index: i}, ok && i <= 1<<32-1
	default:
		return step{}, false
	}
}

// path compiles a variable with the constant keys that follow it: those are
// looked up as one, and a variable that cannot be looked up is null. It returns
// how many of the links, from the last one on, that took.
func (c *compiler) path(base *node, links []*node) (made code, used int) {
	aliased := false
	if base.kind == nodeIdentifier {
		_, aliased = c.alias(base.text)
	}
	if aliased || base.kind != nodeIdentifier && base.kind != nodeRoot {
		return c.compile(base), 0
	}
	var steps []step
	for used < len(links) {
		s, ok := constantStep(links[len(links)-1-used])
		if !ok {
			break
		}
		steps = append(steps, s)
		used++
	}
	if used == 0 {
		return c.compile(base), 0
	}
	if base.kind == nodeIdentifier {
		name := base.text
		c.read(name)
		return dynamic(func(f *frame) (value.Value, error) {
			v, _ := f.special(name)
			return walk(v, steps), nil
		}), used
	}
	if !steps[0].isKey {
		c.reads.Root = true
		return dynamic(func(f *frame) (value.Value, error) { return walk(f.env.Root, steps), nil }), used
	}
	name := steps[0].key
	steps = steps[1:]
	c.read(name)
	// $root.x is x as it was before anything was assigned.
	return dynamic(func(f *frame) (value.Value, error) { return walk(f.original(name), steps), nil }), used
}

func walk(v value.Value, steps []step) value.Value {
	for i := range steps {
		s := &steps[i]
		if s.isKey {
			v = member(v, s.key)
		} else {
			v = element(v, s.index)
		}
	}
	return v
}

func member(v value.Value, key string) value.Value {
	if v.Kind() != value.KindObject {
		return value.Value{}
	}
	found, _ := v.AsObject().Get(key)
	return found
}

// element is an item of an array or a byte of a string that is a character.
func element(v value.Value, i int64) value.Value {
	switch v.Kind() {
	case value.KindArray:
		if items := v.AsArray(); i < int64(len(items)) {
			return items[i]
		}
	case value.KindString:
		if s := v.AsString(); i < int64(len(s)) && s[i] < 0x80 {
			return value.String(s[i : i+1])
		}
	default:
	}
	return value.Value{}
}

// index truncates a number to an index; one with a sign is none, -0 included.
func index(d value.Decimal) (int64, bool) {
	n, ok := d.Uint64()
	return int64(min(n, math.MaxInt64)), ok
}

// link compiles what follows a value; same is set when the result depends on
// nothing else.
func (c *compiler) link(n *node) (part apply, same bool) {
	switch n.kind {
	case nodeMember:
		return c.memberLink(n)
	case nodeSlice:
		return c.sliceLink(n)
	default:
		return c.methodLink(n)
	}
}

func (c *compiler) memberLink(n *node) (part apply, same bool) {
	property := c.compile(n.b)
	if property.constant && property.value.Kind() == value.KindString {
		key := property.value.AsString()
		return func(_ *frame, of value.Value) (value.Value, error) { return member(of, key), nil }, true
	}
	run := property.run
	return func(f *frame, of value.Value) (value.Value, error) {
		key, err := run(f)
		if err != nil {
			return value.Value{}, err
		}
		if err := f.read(key); err != nil {
			return value.Value{}, err
		}
		return fetch(of, key)
	}, property.constant
}

func fetch(of, key value.Value) (value.Value, error) {
	switch {
	case key.Kind() == value.KindString:
		return member(of, key.AsString()), nil
	case key.Kind() == value.KindNumber && (of.Kind() == value.KindArray || of.Kind() == value.KindString):
		i, ok := index(key.AsNumber())
		if !ok {
			return value.Value{}, errFetch
		}
		return element(of, i), nil
	default:
		return value.Value{}, nil
	}
}

func (c *compiler) sliceLink(n *node) (part apply, same bool) {
	same = true
	var to, from eval
	if n.c != nil {
		made := c.compile(n.c)
		to, same = made.run, made.constant
	}
	if n.b != nil {
		made := c.compile(n.b)
		from, same = made.run, same && made.constant
	}
	return func(f *frame, of value.Value) (value.Value, error) {
		last, err := sliceEnd(f, of, to)
		if err != nil {
			return value.Value{}, err
		}
		first := value.Int(0)
		if from != nil {
			if first, err = from(f); err != nil {
				return value.Value{}, err
			}
		}
		return slice(f, of, first, last)
	}, same
}

// sliceEnd is the last index of a slice: what is given, or that of the last item.
func sliceEnd(f *frame, of value.Value, to eval) (value.Value, error) {
	if to != nil {
		return to(f)
	}
	switch of.Kind() {
	case value.KindString:
		return value.Int(int64(len(of.AsString())) - 1), nil
	case value.KindArray:
		return value.Int(int64(len(of.AsArray())) - 1), nil
	default:
		return value.Value{}, vmError("Len", "Cannot determine len of type "+of.Kind().String())
	}
}

func slice(f *frame, of, first, last value.Value) (value.Value, error) {
	if first.Kind() != value.KindNumber || last.Kind() != value.KindNumber {
		return value.Value{}, errSlice
	}
	from, ok := index(first.AsNumber())
	if !ok {
		return value.Value{}, errSliceFrom
	}
	to, ok := index(last.AsNumber())
	if !ok {
		return value.Value{}, errSliceTo
	}
	switch of.Kind() {
	case value.KindArray:
		items := of.AsArray()
		if to >= int64(len(items)) || from > to+1 {
			return value.Value{}, errSliceRange
		}
		// Nobody appends to what is published, so the items may be shared.
		return value.Array(items[from : to+1 : to+1]), f.step(1)
	case value.KindString:
		s := of.AsString()
		if to >= int64(len(s)) || from > to+1 || !boundary(s, from) || !boundary(s, to+1) {
			return value.Value{}, errSliceRange
		}
		return value.String(s[from : to+1]), nil
	default:
		return value.Value{}, errSlice
	}
}

// boundary reports whether a character starts at a byte, or the text ends there.
func boundary(s string, i int64) bool {
	return i == int64(len(s)) || s[i]&0xC0 != 0x80
}

// methodSteps is what a method of a date costs, compared with a closure's step.
const methodSteps = 20

func (c *compiler) methodLink(n *node) (part apply, same bool) {
	method := n.method
	if len(n.list) < method.MinArgs || len(n.list) > method.MaxArgs {
		c.fail("Invalid  method call `%s`: Invalid number of arguments", method.Name)
		return nil, false
	}
	if method.Boolean || method.Name == "diff" {
		c.reads.Changes = true // isToday and its like; others take the name of a zone for now
	}
	args := make([]eval, len(n.list))
	for i, arg := range n.list {
		args[i] = c.compile(arg).run
	}
	return func(f *frame, this value.Value) (value.Value, error) {
		base := len(f.args)
		for _, arg := range args {
			v, err := arg(f)
			if err != nil {
				return value.Value{}, err
			}
			if v.Kind() == value.KindString && len(v.AsString()) > longText {
				// A format may make many times its own length.
				if err := f.write(len(v.AsString()) * 16); err != nil {
					return value.Value{}, err
				}
			}
			f.args = append(f.args, v)
		}
		if err := f.step(methodSteps); err != nil {
			return value.Value{}, err
		}
		v, err := method.Call(f.calendar(), this, f.args[base:])
		f.args = f.args[:base]
		if err != nil {
			return value.Value{}, vmError("CallMethod", "Method `"+method.Name+"` failed: "+err.Error())
		}
		if v.Kind() == value.KindString {
			err = f.write(len(v.AsString()))
		}
		return v, err
	}, false
}
