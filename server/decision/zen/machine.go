package zen

import (
	"regexp/syntax"
	"unicode/utf8"
)

// machine runs a compiled regular expression with the bounds of words as Unicode
// has them. It keeps every way through the program at once and looks at each
// character once: its time is the length of the text times that of the program.
type machine struct {
	prog *syntax.Prog
	caps int
}

func newMachine(prog *syntax.Prog) *machine { return &machine{prog: prog, caps: prog.NumCap} }

// way is a place in the program with the bounds of the groups on the way there.
type way struct {
	pc   uint32
	caps []int
}

// run is the state of one search.
type run struct {
	m     *machine
	text  string
	ways  []way
	seen  []int // the step at which a place was last added
	step  int
	match []int
}

func (m *machine) find(f *frame, s string) ([]int, error) {
	now := &run{m: m, text: s, seen: make([]int, len(m.prog.Inst))}
	next := &run{m: m, text: s, seen: make([]int, len(m.prog.Inst))}
	before := rune(-1)
	for at := 0; ; {
		if err := f.step(len(m.prog.Inst)/16 + 1); err != nil {
			return nil, err
		}
		c, size := rune(-1), 0
		if at < len(s) {
			c, size = utf8.DecodeRuneInString(s[at:])
		}
		now.step = at + 1
		if now.match == nil {
			caps := make([]int, m.caps)
			for i := range caps {
				caps[i] = -1
			}
			caps[0] = at
			now.add(uint32(m.prog.Start), at, bounds(before, c), caps)
		}
		if len(now.ways) == 0 && now.match != nil {
			return now.match, nil
		}
		after := rune(-1)
		if at+size < len(s) {
			after, _ = utf8.DecodeRuneInString(s[at+size:])
		}
		next.ways, next.match, next.step = next.ways[:0], now.match, at+size+1
		context := bounds(c, after)
		for _, w := range now.ways {
			inst := &m.prog.Inst[w.pc]
			if inst.Op == syntax.InstMatch {
				w.caps[1] = at
				next.match = w.caps
				break // what follows is wanted less
			}
			if c >= 0 && inst.MatchRune(c) {
				next.add(inst.Out, at+size, context, w.caps)
			}
		}
		now, next = next, now
		next.ways = next.ways[:0]
		if at >= len(s) {
			return now.match, nil
		}
		before = c
		at += size
	}
}

// add follows what needs no character, the ways that are wanted most first.
func (r *run) add(pc uint32, at int, context syntax.EmptyOp, caps []int) {
	stack := []way{{pc, caps}}
	for len(stack) > 0 {
		w := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if r.seen[w.pc] == r.step {
			continue
		}
		r.seen[w.pc] = r.step
		inst := &r.m.prog.Inst[w.pc]
		switch inst.Op {
		case syntax.InstFail:
		case syntax.InstAlt, syntax.InstAltMatch:
			stack = append(stack, way{inst.Arg, w.caps}, way{inst.Out, w.caps})
		case syntax.InstEmptyWidth:
			if syntax.EmptyOp(inst.Arg)&^context == 0 {
				stack = append(stack, way{inst.Out, w.caps})
			}
		case syntax.InstCapture:
			changed := append([]int(nil), w.caps...)
			changed[inst.Arg] = at
			stack = append(stack, way{inst.Out, changed})
		case syntax.InstNop:
			stack = append(stack, way{inst.Out, w.caps})
		default:
			r.ways = append(r.ways, way{w.pc, append([]int(nil), w.caps...)})
		}
	}
}

// bounds says what holds between two characters; -1 is none.
func bounds(before, after rune) syntax.EmptyOp {
	context := syntax.EmptyOpContext(before, after) &^ (syntax.EmptyWordBoundary | syntax.EmptyNoWordBoundary)
	if isWord(before) != isWord(after) {
		return context | syntax.EmptyWordBoundary
	}
	return context | syntax.EmptyNoWordBoundary
}

func isWord(c rune) bool {
	set := wordSet()
	low, high := 0, len(set)
	for low < high {
		middle := (low + high) / 2
		switch {
		case c < set[middle].low:
			high = middle
		case c > set[middle].high:
			low = middle + 1
		default:
			return true
		}
	}
	return false
}
