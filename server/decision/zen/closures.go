package zen

import (
	"github.com/understudy-api/understudy/server/decision/value"
)

// closureKind is which of the functions that evaluate a body per element.
type closureKind uint8

const (
	noClosure closureKind = iota
	closureAll
	closureNone
	closureSome
	closureOne
	closureFilter
	closureMap
	closureFlatMap
	closureCount
)

// sequence is what a closure runs over: the items of an array or the whole numbers
// of an interval.
type sequence struct {
	items []value.Value
	first int64
	size  int64
	whole bool
}

func listOf(v value.Value) (sequence, bool) {
	switch v.Kind() {
	case value.KindArray:
		items := v.AsArray()
		return sequence{items: items, size: int64(len(items))}, true
	case value.KindInterval:
		r := v.AsInterval()
		opening, closing := r.Brackets()
		first, last, ok := r.Ints()
		if !ok || opening != '[' && opening != '(' || closing != ']' && closing != ')' {
			return sequence{}, false
		}
		if last < first {
			return sequence{whole: true}, true
		}
		size := last - first + 1
		if size <= 0 {
			size = 1<<63 - 1 // more than anybody will wait for
		}
		return sequence{first: first, size: size, whole: true}, true
	default:
		return sequence{}, false
	}
}

func (l *sequence) at(i int64) value.Value {
	if l.whole {
		return value.Int(l.first + i)
	}
	return l.items[i]
}

// room is how many results to make room for at first.
func (l *sequence) room() int64 {
	if l.whole {
		return min(l.size, 1024)
	}
	return l.size
}

func (c *compiler) closure(n *node) code {
	over := c.compile(n.list[0]).run
	body := n.list[1]
	at := len(c.scope)
	c.scope = append(c.scope, scope{alias: body.text, slot: at})
	c.slots = max(c.slots, at+1)
	run := c.compile(body.a).run
	c.scope = c.scope[:at]

	each := loopOf(n.fn.closure)
	return dynamic(func(f *frame) (value.Value, error) {
		v, err := over(f)
		if err != nil {
			return value.Value{}, err
		}
		l, ok := listOf(v)
		if !ok {
			return value.Value{}, errBegin
		}
		return each(f, l, at, run)
	})
}

// loop evaluates a closure's body over a list; the item goes to a slot.
type loop func(f *frame, l sequence, slot int, body eval) (value.Value, error)

func loopOf(kind closureKind) loop {
	switch kind {
	case closureAll:
		return until(false, errIfFalse)
	case closureNone:
		return none
	case closureSome:
		return until(true, errIfTrue)
	case closureFilter:
		return filter
	case closureMap:
		return mapped
	case closureFlatMap:
		return flatMapped
	case closureOne:
		return func(f *frame, l sequence, slot int, body eval) (value.Value, error) {
			n, err := count(f, l, slot, body)
			return value.Bool(n == 1), err
		}
	default:
		return func(f *frame, l sequence, slot int, body eval) (value.Value, error) {
			n, err := count(f, l, slot, body)
			return value.Int(n), err
		}
	}
}

// body evaluates a closure's body for item i.
func (f *frame) body(l *sequence, i int64, slot int, body eval) (item, result value.Value, err error) {
	if err := f.step(1); err != nil {
		return value.Value{}, value.Value{}, err
	}
	item = l.at(i)
	f.slots[slot] = item
	result, err = body(f)
	return item, result, err
}

// until stops at the first body that is what; without one the result is the opposite.
func until(what bool, wrong *Error) loop {
	return func(f *frame, l sequence, slot int, body eval) (value.Value, error) {
		for i := range l.size {
			_, v, err := f.body(&l, i, slot, body)
			switch {
			case err != nil:
				return value.Value{}, err
			case v.Kind() != value.KindBool:
				return value.Value{}, wrong
			case v.AsBool() == what:
				return v, nil
			}
		}
		return value.Bool(!what), nil
	}
}

func none(f *frame, l sequence, slot int, body eval) (value.Value, error) {
	for i := range l.size {
		_, v, err := f.body(&l, i, slot, body)
		switch {
		case err != nil:
			return value.Value{}, err
		case v.Kind() != value.KindBool:
			return value.Value{}, errNot
		case v.AsBool():
			return value.Bool(false), nil
		}
	}
	return value.Bool(true), nil
}

func count(f *frame, l sequence, slot int, body eval) (int64, error) {
	n := int64(0)
	for i := range l.size {
		_, v, err := f.body(&l, i, slot, body)
		switch {
		case err != nil:
			return 0, err
		case v.Kind() != value.KindBool:
			return 0, errIfFalse
		case v.AsBool():
			n++
		}
	}
	return n, nil
}

func filter(f *frame, l sequence, slot int, body eval) (value.Value, error) {
	var kept []value.Value
	for i := range l.size {
		item, v, err := f.body(&l, i, slot, body)
		switch {
		case err != nil:
			return value.Value{}, err
		case v.Kind() != value.KindBool:
			return value.Value{}, errIfFalse
		case v.AsBool():
			if err := f.grow(1); err != nil {
				return value.Value{}, err
			}
			kept = append(kept, item)
		}
	}
	return value.Array(kept), nil
}

func mapped(f *frame, l sequence, slot int, body eval) (value.Value, error) {
	results := make([]value.Value, 0, l.room())
	for i := range l.size {
		_, v, err := f.body(&l, i, slot, body)
		if err != nil {
			return value.Value{}, err
		}
		if err := f.grow(1); err != nil {
			return value.Value{}, err
		}
		results = append(results, v)
	}
	return value.Array(results), nil
}

func flatMapped(f *frame, l sequence, slot int, body eval) (value.Value, error) {
	results := make([]value.Value, 0, l.room())
	for i := range l.size {
		_, v, err := f.body(&l, i, slot, body)
		if err != nil {
			return value.Value{}, err
		}
		if v.Kind() != value.KindArray {
			if err := f.grow(1); err != nil {
				return value.Value{}, err
			}
			results = append(results, v)
			continue
		}
		if err := f.grow(len(v.AsArray())); err != nil {
			return value.Value{}, err
		}
		results = append(results, v.AsArray()...)
	}
	return value.Array(results), nil
}
