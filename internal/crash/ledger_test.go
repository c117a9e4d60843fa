package crash_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// key says what an entry of a dump is: by a name that a client gave it, and never
// gave twice.
type key struct {
	kind string // one of the constants below
	name string // of a project its key
	sub  string // of an integration its kind, and name is its project's
}

const (
	aProject       = "project"
	aDeleted       = "deleted project"
	anIntegration  = "integration"
	aBIIntegration = "BI integration"
	aSnapshot      = "snapshot"
)

func (k key) String() string { return strings.TrimSpace(k.kind + " " + k.name + " " + k.sub) }

// group is what changes of one entry concern: a project goes with what is in it.
func (k key) group() key {
	if k.kind == aDeleted || k.kind == anIntegration {
		return key{kind: aProject, name: k.name}
	}
	return key{kind: k.kind, name: k.name}
}

// entry is what is known of something. Where nobody has told, a member is "".
type entry struct{ id, text string }

func (e entry) matches(found entry) bool {
	return (e.id == "" || e.id == found.id) && (e.text == "" || e.text == found.text)
}

// dump is what a workspace holds, integrations of deleted projects included.
type dump map[key]entry

// visible is what can be seen of it: not what is in deleted projects.
func (w dump) visible() dump {
	seen := maps.Clone(w)
	maps.DeleteFunc(seen, func(k key, _ entry) bool {
		_, living := w[key{kind: aProject, name: k.name}]
		return k.kind == anIntegration && !living
	})
	return seen
}

// with is the dump after a change.
func (w dump) with(c *change) dump {
	after := maps.Clone(w)
	c.apply(after)
	return after
}

// change is what one operation makes of a dump: all of it, or nothing.
type change struct {
	what  string
	sets  map[key]entry
	drops []key
	// then is called when it is known to have happened.
	then func()
}

func (c *change) apply(w dump) {
	for _, k := range c.drops {
		delete(w, k)
	}
	maps.Copy(w, c.sets)
}

// concerns lists what it changes.
func (c *change) concerns() []key {
	return slices.AppendSeq(slices.Clone(c.drops), maps.Keys(c.sets))
}

// ledger is what is known of a workspace: what was acknowledged, and what was begun
// and not answered.
type ledger struct {
	secret  string
	rewinds bool // its dump is reset and restored: ids come again

	mu      sync.Mutex
	sure    dump
	unsure  []*change
	busy    map[key]bool      // the groups that unsure changes concern
	ids     map[string]key    // kind and id -> what got it first
	touched map[key]string    // since the last settlement -> the id
	tally   map[string]int    // of outcomes
	wrong   map[string]string // problem -> an example
}

// Outcomes of a tally.
const (
	acknowledged = "acknowledged"
	applied      = "not answered, happened"
	notApplied   = "not answered, did not happen"
	lost         = "lost"
	duplicated   = "duplicated"
	halved       = "half done"
	otherwise    = "otherwise wrong"
)

func newLedger(secret string, rewinds bool) *ledger {
	return &ledger{
		secret: secret, rewinds: rewinds, sure: dump{}, busy: map[key]bool{}, ids: map[string]key{},
		touched: map[key]string{}, tally: map[string]int{}, wrong: map[string]string{},
	}
}

// begin notes that an operation is about to be asked for: from here on it may happen.
func (l *ledger) begin(c *change) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.unsure = append(l.unsure, c)
	for _, k := range c.concerns() {
		l.busy[k.group()] = true
	}
}

// acknowledge notes that an operation was answered; learn completes the change by
// what the answer said.
func (l *ledger) acknowledge(c *change, learn func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tally[acknowledged]++
	if learn != nil {
		learn()
	}
	l.unsure = slices.DeleteFunc(l.unsure, func(other *change) bool { return other == c })
	for _, k := range c.concerns() {
		delete(l.busy, k.group())
	}
	l.happened(c)
}

// happened applies a change, under the lock.
func (l *ledger) happened(c *change) {
	for _, k := range c.concerns() {
		l.touched[k] = l.sure[k].id
	}
	c.apply(l.sure)
	for k, e := range c.sets {
		l.touched[k] = e.id
		if e.id == "" || l.rewinds {
			continue
		}
		name := k.group().kind + e.id
		if k.kind == anIntegration {
			name = k.kind + e.id
		}
		if first, given := l.ids[name]; given && (first.name != k.name || first.sub != k.sub) {
			l.report(duplicated, fmt.Sprintf("the id %s was given to %v and to %v", e.id, first, k))
		}
		l.ids[name] = k
	}
	if c.then != nil {
		c.then()
	}
}

// report notes what is wrong, under the lock.
func (l *ledger) report(outcome, problem string) {
	l.tally[outcome]++
	if len(l.wrong) < 20 {
		l.wrong[problem] = outcome
	}
}

// fail is report without the lock.
func (l *ledger) fail(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.report(otherwise, fmt.Sprintf(format, args...))
}

// settle holds what was found against what is known: whatever was acknowledged is
// there, once, and whatever was not answered has happened wholly or not at all.
func (l *ledger) settle(found dump) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.unsure {
		before, after := l.sure.visible(), l.sure.with(c).visible()
		is := func(w dump) bool {
			return !slices.ContainsFunc(c.concerns(), func(k key) bool {
				wanted, there := w[k]
				seen, is := found[k]
				return there != is || there && !wanted.matches(seen)
			})
		}
		switch {
		case is(before):
			l.tally[notApplied]++
			continue
		case is(after):
			l.tally[applied]++
		default:
			l.report(halved, fmt.Sprintf("%s, not answered, has half happened: %s", c.what, difference(after, found, c.concerns())))
		}
		for k := range c.sets {
			if seen, there := found[k]; there {
				c.sets[k] = seen // with the id that nobody has told
			}
		}
		l.happened(c)
	}
	l.unsure = nil
	clear(l.busy)
	expected := l.sure.visible()
	for k, wanted := range expected {
		if seen, there := found[k]; !there || !wanted.matches(seen) {
			l.report(lost, fmt.Sprintf("%v is %+v, want %+v", k, seen, wanted))
			delete(l.sure, k)
		}
	}
	for k, seen := range found {
		if _, known := expected[k]; !known {
			l.report(otherwise, fmt.Sprintf("%v is there as %+v, which it should not be", k, seen))
		}
	}
	maps.Copy(l.sure, found)
}

// difference tells how two dumps differ in some keys.
func difference(want, got dump, keys []key) string {
	var b strings.Builder
	for _, k := range keys {
		if want[k] != got[k] {
			fmt.Fprintf(&b, "\n\t%v: %+v, whole it would be %+v", k, got[k], want[k])
		}
	}
	return b.String()
}

// pick lists the keys of a kind that a client made and that no unanswered change
// concerns, in a fixed order.
func (l *ledger) pick(kind, owner string) []key {
	l.mu.Lock()
	defer l.mu.Unlock()
	var keys []key
	for k := range l.sure {
		if k.kind == kind && strings.HasPrefix(k.name, owner+"-") && !l.busy[k.group()] {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(a, b key) int { return strings.Compare(a.String(), b.String()) })
	return keys
}

// content lists the integrations of a project.
func (l *ledger) content(project string) []key {
	l.mu.Lock()
	defer l.mu.Unlock()
	var keys []key
	for k := range l.sure {
		if k.kind == anIntegration && k.name == project {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(a, b key) int { return strings.Compare(a.sub, b.sub) })
	return keys
}

// learn completes what is known by what was seen of it. What is not as it was
// acknowledged is found when it settles.
func (l *ledger) learn(seen dump) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for k, e := range seen {
		if known, there := l.sure[k]; there && known.matches(e) {
			l.sure[k], l.touched[k] = e, e.id
		}
	}
}

func (l *ledger) at(k key) entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sure[k]
}

// hangs reports whether something was begun and not answered.
func (l *ledger) hangs() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.unsure) > 0
}

// copied is the dump as it is now, without the snapshots.
func (l *ledger) copied() dump {
	l.mu.Lock()
	defer l.mu.Unlock()
	w := maps.Clone(l.sure)
	maps.DeleteFunc(w, func(k key, _ entry) bool { return k.kind == aSnapshot })
	return w
}
