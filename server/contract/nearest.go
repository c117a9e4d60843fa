package contract

import (
	"slices"
	"strings"

	"github.com/understudy-api/understudy/server/contract/spelling"
)

// pathTree holds templates by their segments, so that a path is compared once with what
// several begin with.
type pathTree struct {
	segment templateSegment
	rest    bool // takes the rest of a path
	below   []*pathTree
	first   int // the least number of a template here or below
	ends    int // the least number of a template that ends here, -1 for none
}

// newPathTree makes a tree of templates, numbered from 0 in their order. Its root is
// before the first segment.
func newPathTree(templates []Template) *pathTree {
	root := &pathTree{ends: -1}
	for n, t := range templates {
		at := root
		for i, s := range t.segments {
			rest := t.Rest && i == len(t.segments)-1
			known := slices.IndexFunc(at.below, func(b *pathTree) bool {
				return b.rest == rest && slices.Equal(b.segment.texts, s.texts) && slices.Equal(b.segment.names, s.names)
			})
			if known < 0 {
				known = len(at.below)
				at.below = append(at.below, &pathTree{segment: s, rest: rest, first: n, ends: -1})
			}
			at = at.below[known]
		}
		if at.ends < 0 {
			at.ends = n
		}
	}
	return root
}

// nearest is the number of the template that a path is nearest to by
// [Template.Distance], the least of several, and how far it is; -1 if there is none.
func (root *pathTree) nearest(path string) (number, distance int) {
	s := search{got: strings.SplitN(path, "/", maxCompared), number: -1}
	s.left = make([]int, len(s.got)+1)
	for i := len(s.got) - 1; i >= 0; i-- {
		s.left[i] = s.left[i+1] + 5 + min(len(s.got[i]), 10)
	}
	s.visit(root, 0, 0)
	if len(s.got) < 2 {
		return s.number, s.distance
	}
	for _, before := range root.below { // and without the first segment
		total := before.segment.cost(s.got, 0)
		for _, missing := range before.below {
			less := total + 5 + min(missing.segment.length(), 10)
			for _, b := range missing.below {
				if len(b.segment.names) == 0 && b.segment.texts[0] == s.got[1] {
					s.enter(b, 1, less)
				}
			}
		}
	}
	return s.number, s.distance
}

// search looks for the template that is nearest to a path.
type search struct {
	got              []string // the segments of the path
	left             []int    // what it costs that a template ends before a segment
	number, distance int      // of the nearest so far
}

// worse reports whether no template here or below can be the nearest, if the path up to
// it costs as much.
func (s *search) worse(at *pathTree, total int) bool {
	return s.number >= 0 && (total > s.distance || total == s.distance && at.first > s.number)
}

// visit looks below a segment, which is before the i-th of the path: where the path is
// written out first, and where it is misspelled last.
func (s *search) visit(at *pathTree, i, total int) {
	misspelled := false
	for _, b := range at.below {
		if i >= len(s.got) || len(b.segment.names) > 0 || b.segment.texts[0] == s.got[i] {
			s.compare(b, i, total)
		} else {
			misspelled = true
		}
	}
	if !misspelled {
		return
	}
	for _, b := range at.below {
		if len(b.segment.names) == 0 && b.segment.texts[0] != s.got[i] {
			s.compare(b, i, total)
		}
	}
}

func (s *search) compare(at *pathTree, i, total int) {
	if s.worse(at, total) {
		return
	}
	if cost, ok := s.cost(at, i, total); ok {
		s.enter(at, i, total+cost)
	}
}

// enter takes a segment for the i-th of the path.
func (s *search) enter(at *pathTree, i, total int) {
	if at.ends >= 0 {
		whole := total
		if !at.rest && i < len(s.got) {
			whole += s.left[i+1]
		}
		if s.number < 0 || whole < s.distance || whole == s.distance && at.ends < s.number {
			s.number, s.distance = at.ends, whole
		}
	}
	if len(at.below) > 0 && !s.worse(at, total) {
		s.visit(at, i+1, total)
	}
}

// cost is how much a segment differs from the i-th of the path; false if that is more
// than the nearest template allows.
func (s *search) cost(at *pathTree, i, total int) (int, bool) {
	if i < len(s.got) && len(at.segment.names) == 0 && s.number >= 0 {
		n, ok := spelling.Within(at.segment.texts[0], s.got[i], (s.distance-total)/2)
		return 2 * n, ok
	}
	return at.segment.cost(s.got, i), true
}
