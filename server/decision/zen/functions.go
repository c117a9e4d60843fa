package zen

import (
	"errors"
	"strings"
	"sync/atomic"
	"time"

	"github.com/understudy-api/understudy/server/decision/value"
)

// function is what may be called by name.
type function struct {
	name     string
	min, max int
	shape    behaviour
	closure  closureKind
	// changing functions are not computed when their arguments are constant.
	changing bool
	// call computes the result; an error is the reason alone, or an *Error.
	call func(f *frame, args []value.Value) (value.Value, error)
}

var functions = library()

func library() map[string]*function {
	all := map[string]*function{}
	add := func(shape behaviour, least, most int, name string, call func(*frame, []value.Value) (value.Value, error)) *function {
		all[name] = &function{name: name, min: least, max: most, shape: shape, call: call}
		return all[name]
	}
	add(compareEqual, 1, 1, "len", length)
	add(asBoolean, 2, 2, "contains", contains)
	add(compareIn, 1, 1, "flatten", flatten)
	add(compareIn, 1, 1, "merge", merge)
	add(compareIn, 1, 1, "mergeDeep", mergeDeep)

	add(compareEqual, 1, 1, "upper", upper)
	add(compareEqual, 1, 1, "lower", lower)
	add(compareEqual, 1, 1, "trim", trim)
	add(asBoolean, 2, 2, "startsWith", twoTexts(strings.HasPrefix))
	add(asBoolean, 2, 2, "endsWith", twoTexts(strings.HasSuffix))
	add(asBoolean, 2, 2, "matches", matches)
	add(compareIn, 2, 2, "extract", extract)
	add(compareEqual, 2, 2, "fuzzyMatch", fuzzyMatch)
	add(compareIn, 2, 2, "split", split)

	add(compareEqual, 1, 1, "abs", oneNumber(value.Decimal.Abs))
	add(compareEqual, 1, 1, "floor", oneNumber(value.Decimal.Floor))
	add(compareEqual, 1, 1, "ceil", oneNumber(value.Decimal.Ceil))
	add(compareEqual, 1, 2, "round", places(value.Decimal.Round))
	add(compareEqual, 1, 2, "trunc", places(value.Decimal.Trunc))
	add(compareEqual, 1, 1, "rand", random).changing = true
	add(compareEqual, 1, 1, "sum", sum)
	add(compareEqual, 1, 1, "avg", average)
	add(compareEqual, 1, 1, "min", extreme(-1))
	add(compareEqual, 1, 1, "max", extreme(1))
	add(compareEqual, 1, 1, "median", median)
	add(compareEqual, 1, 1, "mode", mode)

	add(asBoolean, 1, 1, "isNumeric", isNumeric)
	add(compareEqual, 1, 1, "string", text)
	add(compareEqual, 1, 1, "number", number)
	add(compareEqual, 1, 1, "bool", boolean)
	add(compareEqual, 1, 1, "type", kind)
	add(compareIn, 1, 1, "keys", keys)
	add(compareIn, 1, 1, "values", values)
	add(compareEqual, 0, 2, "d", date).changing = true

	for name, closure := range map[string]closureKind{
		"all": closureAll, "none": closureNone, "some": closureSome, "one": closureOne,
		"filter": closureFilter, "map": closureMap, "flatMap": closureFlatMap, "count": closureCount,
	} {
		shape := asBoolean
		switch closure {
		case closureFilter, closureMap, closureFlatMap:
			shape = compareIn
		case closureCount:
			shape = compareEqual
		default:
		}
		all[name] = &function{name: name, min: 2, max: 2, shape: shape, closure: closure}
	}
	for _, name := range []string{
		"date", "time", "duration", "year", "dayOfWeek", "dayOfMonth", "dayOfYear", "weekOfYear",
		"monthOfYear", "monthString", "dateString", "weekdayString", "startOf", "endOf",
	} {
		if known := value.LookupDateFunction(name); known != nil {
			add(compareEqual, known.MinArgs, known.MaxArgs, name, func(f *frame, args []value.Value) (value.Value, error) {
				if err := f.step(methodSteps); err != nil {
					return value.Value{}, err
				}
				return known.Call(f.calendar(), args)
			})
		}
	}
	return all
}

func callError(name string, reason error) error {
	if whole, ok := errors.AsType[*Error](reason); ok {
		return whole
	}
	return vmError("CallFunction", "Function `"+name+"` failed: "+reason.Error())
}

func (c *compiler) call(n *node) code {
	fn := n.fn
	if fn.closure != noClosure {
		return c.closure(n)
	}
	if len(n.list) < fn.min || len(n.list) > fn.max {
		return c.fail("Invalid function call `%s`: Invalid number of arguments", fn.name)
	}
	if inner := comparison(n); inner != n {
		return c.compile(inner)
	}
	args := make([]eval, len(n.list))
	constants := make([]value.Value, 0, 2)
	for i, arg := range n.list {
		made := c.compile(arg)
		args[i] = made.run
		if made.constant {
			constants = append(constants, made.value)
		}
	}
	all := len(constants) == len(args)
	switch fn.name {
	case "d":
		return c.date(fn, args, constants)
	case "matches", "extract":
		if len(n.list) == 2 {
			if pattern := c.compile(n.list[1]); pattern.constant && pattern.value.Kind() == value.KindString {
				return c.fold(c.search(fn, args[0], pattern.value), all)
			}
		}
	default:
	}
	// "now" is the one text of which the outcome hangs on the clock.
	now := all && len(args) > 0 && constants[0].Kind() == value.KindString && strings.TrimSpace(constants[0].AsString()) == "now"
	changing := fn.changing || now || !all && value.LookupDateFunction(fn.name) != nil
	c.reads.Changes = c.reads.Changes || changing
	return c.fold(dynamic(invoke(fn, args)), all && !changing)
}

// invoke calls a function.
func invoke(fn *function, args []eval) eval {
	name, call := fn.name, fn.call
	if len(args) == 1 {
		arg := args[0]
		return func(f *frame) (value.Value, error) {
			v, err := arg(f)
			if err != nil {
				return value.Value{}, err
			}
			if err := f.read(v); err != nil {
				return value.Value{}, err
			}
			base := len(f.args)
			f.args = append(f.args, v)
			v, err = call(f, f.args[base:])
			f.args = f.args[:base]
			if err != nil {
				return value.Value{}, callError(name, err)
			}
			return v, nil
		}
	}
	return func(f *frame) (value.Value, error) {
		base := len(f.args)
		for _, arg := range args {
			v, err := arg(f)
			if err != nil {
				return value.Value{}, err
			}
			if err := f.read(v); err != nil {
				return value.Value{}, err
			}
			f.args = append(f.args, v)
		}
		v, err := call(f, f.args[base:])
		f.args = f.args[:base]
		if err != nil {
			return value.Value{}, callError(name, err)
		}
		return v, nil
	}
}

// date compiles d(): with constants it is computed once per zone.
func (c *compiler) date(fn *function, args []eval, constants []value.Value) code {
	run := invoke(fn, args)
	fixed := len(constants) == len(args) && len(args) > 0
	if fixed && constants[0].Kind() == value.KindString {
		// Other texts may name a zone, and mean now.
		s := constants[0].AsString()
		fixed = s != "" && isDigit(s[0])
	}
	if !fixed {
		c.reads.Changes = true
		return dynamic(run)
	}
	type made struct {
		zone *time.Location
		date value.Value
	}
	var last atomic.Pointer[made]
	return dynamic(func(f *frame) (value.Value, error) {
		zone := f.zone()
		if known := last.Load(); known != nil && known.zone == zone {
			return known.date, nil
		}
		v, err := run(f)
		if err == nil {
			last.Store(&made{zone, v})
		}
		return v, err
	})
}

func date(f *frame, args []value.Value) (value.Value, error) {
	if len(args) > 1 && args[1].Kind() != value.KindString {
		return value.Value{}, notA(1, "string")
	}
	if err := f.step(methodSteps); err != nil {
		return value.Value{}, err
	}
	made, err := f.calendar().Date(args...)
	if err != nil {
		return value.Value{}, err
	}
	return value.Date(made), nil
}

// notA says that an argument is of the wrong kind.
func notA(position int, what string) error {
	return reason("Argument on " + string(rune('0'+position)) + " is not a " + what)
}

func length(_ *frame, args []value.Value) (value.Value, error) {
	switch v := args[0]; v.Kind() {
	case value.KindString:
		return value.Int(int64(len(v.AsString()))), nil
	case value.KindArray:
		return value.Int(int64(len(v.AsArray()))), nil
	default:
		return value.Value{}, reason("Cannot determine len of type " + v.Kind().String())
	}
}

// reason is why a function failed, in the engine's words.
type reason string

func (r reason) Error() string { return string(r) }

func contains(f *frame, args []value.Value) (value.Value, error) {
	in, what := args[0], args[1]
	switch {
	case in.Kind() == value.KindString && what.Kind() == value.KindString:
		return value.Bool(strings.Contains(in.AsString(), what.AsString())), nil
	case in.Kind() == value.KindArray:
		items := in.AsArray()
		if err := f.step(len(items)); err != nil {
			return value.Value{}, err
		}
		if what.Kind() == value.KindDate { // never found, by the engine's rule
			return value.Bool(false), nil
		}
		for _, item := range items {
			if value.Equal(item, what) {
				return value.Bool(true), nil
			}
		}
		return value.Bool(false), nil
	default:
		return value.Value{}, reason("Cannot determine contains for type " + in.Kind().String() + " and " + what.Kind().String())
	}
}

func flatten(f *frame, args []value.Value) (value.Value, error) {
	if args[0].Kind() != value.KindArray {
		return value.Value{}, notA(0, "array")
	}
	items := args[0].AsArray()
	flat := make([]value.Value, 0, len(items))
	for _, item := range items {
		inner := []value.Value{item}
		if item.Kind() == value.KindArray {
			inner = item.AsArray()
		}
		if err := f.grow(len(inner)); err != nil {
			return value.Value{}, err
		}
		flat = append(flat, inner...)
	}
	return value.Array(flat), f.step(len(flat))
}

func merge(f *frame, args []value.Value) (value.Value, error) {
	if args[0].Kind() != value.KindArray {
		return value.Value{}, notA(0, "array")
	}
	items := args[0].AsArray()
	if err := f.step(len(items)); err != nil {
		return value.Value{}, err
	}
	first := value.Value{}
	for _, item := range items {
		if item.Kind() != value.KindNull {
			first = item
			break
		}
	}
	switch first.Kind() {
	case value.KindNull:
		return value.Object(nil), nil
	case value.KindArray:
		var joined []value.Value
		for _, item := range items {
			switch item.Kind() {
			case value.KindNull:
			case value.KindArray:
				if err := f.grow(len(item.AsArray())); err != nil {
					return value.Value{}, err
				}
				joined = append(joined, item.AsArray()...)
			default:
				return value.Value{}, reason("Expected array of arrays")
			}
		}
		return value.Array(joined), nil
	case value.KindObject:
		joined := value.NewMap(first.AsObject().Len())
		return value.Object(joined), mergeObjects(f, items, func(m *value.Map) error {
			for i := range m.Len() {
				joined.Set(m.At(i))
			}
			return nil
		})
	default:
		return value.Value{}, reason("merge expects an array of arrays or objects, got " + first.Kind().String())
	}
}

// mergeObjects hands each object on; nulls are passed over.
func mergeObjects(f *frame, items []value.Value, with func(m *value.Map) error) error {
	for _, item := range items {
		switch item.Kind() {
		case value.KindNull:
		case value.KindObject:
			if err := f.grow(item.AsObject().Len()); err != nil {
				return err
			}
			if err := with(item.AsObject()); err != nil {
				return err
			}
		default:
			return reason("Expected array of objects")
		}
	}
	return nil
}

func mergeDeep(f *frame, args []value.Value) (value.Value, error) {
	if args[0].Kind() != value.KindArray {
		return value.Value{}, notA(0, "array")
	}
	joined := value.Object(nil)
	err := mergeObjects(f, args[0].AsArray(), func(m *value.Map) (err error) {
		joined, err = deeper(f, joined, value.Object(m))
		return err
	})
	return joined, err
}

// deeper merges objects into each other and joins arrays; anything else replaces.
func deeper(f *frame, base, patch value.Value) (value.Value, error) {
	if err := f.step(1); err != nil {
		return value.Value{}, err
	}
	switch {
	case base.Kind() == value.KindObject && patch.Kind() == value.KindObject:
		made, from := base.AsObject().Clone(), patch.AsObject()
		if err := f.grow(made.Len() + from.Len()); err != nil {
			return value.Value{}, err
		}
		for i := range from.Len() {
			key, v := from.At(i)
			if old, ok := made.Get(key); ok {
				var err error
				if v, err = deeper(f, old, v); err != nil {
					return value.Value{}, err
				}
			}
			made.Set(key, v)
		}
		return value.Object(made), nil
	case base.Kind() == value.KindArray && patch.Kind() == value.KindArray:
		a, b := base.AsArray(), patch.AsArray()
		if err := f.grow(len(a) + len(b)); err != nil {
			return value.Value{}, err
		}
		return value.Array(append(append(make([]value.Value, 0, len(a)+len(b)), a...), b...)), nil
	default:
		return patch, nil
	}
}

func keys(f *frame, args []value.Value) (value.Value, error) {
	switch v := args[0]; v.Kind() {
	case value.KindArray:
		n := len(v.AsArray())
		if err := f.grow(n); err != nil {
			return value.Value{}, err
		}
		indexes := make([]value.Value, n)
		for i := range indexes {
			indexes[i] = value.Int(int64(i))
		}
		return value.Array(indexes), nil
	case value.KindObject:
		m := v.AsObject()
		if err := f.grow(m.Len()); err != nil {
			return value.Value{}, err
		}
		names := make([]value.Value, m.Len())
		for i := range names {
			key, _ := m.At(i)
			names[i] = value.String(key)
		}
		return value.Array(names), nil
	default:
		return value.Value{}, reason("Cannot determine keys of type " + v.Kind().String())
	}
}

func values(f *frame, args []value.Value) (value.Value, error) {
	if args[0].Kind() != value.KindObject {
		return value.Value{}, notA(0, "object")
	}
	m := args[0].AsObject()
	if err := f.grow(m.Len()); err != nil {
		return value.Value{}, err
	}
	all := make([]value.Value, m.Len())
	for i := range all {
		_, all[i] = m.At(i)
	}
	return value.Array(all), nil
}
