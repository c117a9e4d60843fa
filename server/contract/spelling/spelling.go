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
	a, b := []rune(from[:min(len(from), MaxCompared)]), []rune(to[:min(len(to), MaxCompared)])
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			changed := last[j-1]
			if a[i-1] != b[j-1] {
				changed++
			}
			row[j] = min(last[j]+1, row[j-1]+1, changed)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
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
			continue // so many must at least be put in or left out
		}
		if n := Distance(name, folded); n < least {
			best, least = other, n
		}
	}
	return best
}
