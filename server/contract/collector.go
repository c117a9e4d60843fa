package contract

import (
	"context"
	"hash/maphash"
	"slices"
)

// MaxExplained bounds how many mistakes of one message are told, whatever rules they
// break. A body of a megabyte can hold 300,000.
const MaxExplained = 1000

// collector collects the violations of one message, of all rules. What is beyond its
// bound is counted and not built, unless it alone is reason to refuse.
type collector struct {
	ctx     context.Context //nolint:containedctx // lives as long as the judging of a message
	bound   int
	found   []Violation
	refuses bool
	more    int
	asked   int
	err     error // of the context
}

func newCollector(ctx context.Context) *collector {
	return &collector{ctx: ctx, bound: MaxExplained}
}

// full reports whether nothing that is found any more is kept.
func (c *collector) full() bool {
	c.asked++
	if c.asked%checkEvery == 0 && c.err == nil {
		c.err = c.ctx.Err()
	}
	return c.err != nil || c.refuses && len(c.found) >= c.bound
}

// checkEvery is after how many violations the context is asked: not once for an
// everyday request, whose client may have closed its half of the connection.
const checkEvery = 64

// add keeps a violation, or counts it.
func (c *collector) add(v *Violation) {
	if c.full() || len(c.found) >= c.bound && !v.Refuses() {
		c.more++
		return
	}
	c.found = append(c.found, *v)
	c.refuses = c.refuses || v.Refuses()
}

// skip counts violations that are not looked at.
func (c *collector) skip(n int) { c.more += n }

// inside collects what is wrong in a branch of a union: a part of what is still free,
// and one at least, for a branch in which nothing is wrong matches.
func (c *collector) inside() *collector {
	return &collector{ctx: c.ctx, bound: max(1, min(maxInBranch, c.bound-len(c.found))), err: c.err}
}

// maxInBranch bounds the violations of one branch of a union.
const maxInBranch = 100

// pathIndex finds violations by their path.
type pathIndex map[uint64][]int

// maxHashed is how much of a name is looked at to find a path.
const maxHashed = 64

// pathHash looks at the beginning of a name only: one may be a megabyte long, and above
// any number of values.
func pathHash(path []Step) uint64 {
	var h maphash.Hash
	h.SetSeed(seedA)
	for _, step := range path {
		name := step.Name[:min(len(step.Name), maxHashed)]
		_, _ = h.WriteString(name)
		maphash.WriteComparable(&h, [2]int{step.Index, len(step.Name)})
	}
	return h.Sum64()
}

func (ix pathIndex) add(path []Step, at int) {
	h := pathHash(path)
	ix[h] = append(ix[h], at)
}

// has reports whether there is a violation of a path that breaks one of some rules.
func (ix pathIndex) has(found []Violation, path []Step, rules ...string) bool {
	return slices.ContainsFunc(ix[pathHash(path)], func(at int) bool {
		return slices.Contains(rules, found[at].Rule) && slices.Equal(found[at].Path, path)
	})
}

// hasAbove is has for the path or one that leads to it.
func (ix pathIndex) hasAbove(found []Violation, path []Step, rules ...string) bool {
	if len(ix) == 0 {
		return false
	}
	for i := range len(path) + 1 {
		if ix.has(found, path[:i], rules...) {
			return true
		}
	}
	return false
}
