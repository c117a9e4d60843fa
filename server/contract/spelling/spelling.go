// Package spelling finds what a misspelled name was meant to be.
package spelling

import (
	"strings"
	"unicode/utf8"
)

// MaxCompared bounds the characters of a text that are compared: a distance costs the
// product of the lengths.
const MaxCompared = 200

// Distance is how many characters must be put in, left out, changed, or swapped with
// their neighbour to make one text of another (optimal string alignment). Beyond
// MaxCompared bytes texts count as equal.
func Distance(from, to string) int {
	n, _ := Within(from, to, 2*MaxCompared)
	return n
}

// Within is the distance of two texts, if it is no more than most. It costs little to
// find that it is more.
func Within(from, to string, most int) (distance int, ok bool) {
	from, to = from[:min(len(from), MaxCompared)], to[:min(len(to), MaxCompared)]
	if from == to {
		return 0, most >= 0
	}
	var space [2][MaxCompared]rune
	a, b := runes(&space[0], from), runes(&space[1], to)
	// What both begin or end with is not changed.
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	if more := len(a) - len(b); max(more, -more) > most {
		return 0, false // so many must at least be put in or left out
	}
	var rows [3][MaxCompared + 1]int16
	before, last, row := rows[0][:len(b)+1], rows[1][:len(b)+1], rows[2][:len(b)+1]
	for j := range last {
		last[j] = int16(j)
	}
	least := int16(0) // of the row before
	for i := 1; i <= len(a); i++ {
		row[0] = int16(i)
		here := row[0]
		for j := 1; j <= len(b); j++ {
			changed := last[j-1]
			if a[i-1] != b[j-1] {
				changed++
			}
			row[j] = min(last[j]+1, row[j-1]+1, changed)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
			here = min(here, row[j])
		}
		if int(min(here, least)) > most {
			return 0, false // whatever follows is made of these two rows
		}
		before, last, row, least = last, row, before, here
	}
	distance = int(last[len(b)])
	return distance, distance <= most
}

func runes(space *[MaxCompared]rune, text string) []rune {
	n := 0
	for _, r := range text {
		space[n] = r
		n++
	}
	return space[:n]
}

// Nearest is the name that differs least from another, by no more than most; "" if
// none is that near, and the first of several. fold is what is done to both names
// before they are compared; nil makes their letters small.
func Nearest(name string, among []string, most int, fold func(string) string) string {
	if fold == nil {
		fold = strings.ToLower
	}
	if name == "" || len(name) > MaxCompared {
		return ""
	}
	name = fold(name)
	best, least := "", most+1
	for _, other := range among {
		folded := fold(other)
		if more := utf8.RuneCountInString(folded) - utf8.RuneCountInString(name); max(more, -more) >= least {
			continue // of texts that are cut, too
		}
		if n, ok := Within(name, folded, least-1); ok {
			best, least = other, n
		}
	}
	return best
}
