package seed

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Problem is a mistake in a seed. Its message never holds a secret.
type Problem struct {
	Line    int    // from 1
	Column  int    // from 1, in characters
	Pointer string // JSON pointer (RFC 6901) into the seed
	Message string // what is wrong and how to mend it
}

// Mistakes is the error of a seed that cannot be taken: everything that is wrong
// with it, in the order of its text.
type Mistakes []Problem

// Error tells the first mistake and how many there are.
func (m Mistakes) Error() string {
	if len(m) == 0 {
		return "no mistake"
	}
	text := fmt.Sprintf("line %d, column %d: %s", m[0].Line, m[0].Column, m[0].Message)
	if more := len(m) - 1; more > 0 {
		text += fmt.Sprintf(" (and %d more)", more)
	}
	return text
}

// In lists the mistakes of a file, a line for each: FILE:LINE:COLUMN: message.
func (m Mistakes) In(file string) string {
	var b strings.Builder
	for _, p := range m {
		fmt.Fprintf(&b, "%s:%d:%d: %s\n", file, p.Line, p.Column, p.Message)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// maxProblems bounds what is told of one seed.
const maxProblems = 1000

// inOrder sorts problems by their place.
func inOrder(problems []Problem) []Problem {
	slices.SortStableFunc(problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	if len(problems) > maxProblems {
		problems = problems[:maxProblems]
	}
	return problems
}

// maxName is how much is shown of a name that a seed gave.
const maxName = 60

// shown is a name in quotes, cut.
func shown(name string) string {
	if utf8.RuneCountInString(name) > maxName {
		name = string([]rune(name)[:maxName]) + "..."
	}
	return fmt.Sprintf("%q", name)
}

// choice lists names in a sentence: "a", "b" or "c".
func choice(names []string) string {
	switch len(names) {
	case 0:
		return "nothing"
	case 1:
		return shown(names[0])
	}
	list := make([]string, len(names))
	for i, name := range names {
		list[i] = shown(name)
	}
	return strings.Join(list[:len(list)-1], ", ") + " or " + list[len(list)-1]
}

// nearest is the known name that a name is likely to stand for; "" if none is near.
func nearest(name string, known []string) string {
	best, least := "", max(1, utf8.RuneCountInString(name)/3)
	for _, candidate := range known {
		if d := distance(strings.ToLower(name), strings.ToLower(candidate), least); d <= least && (best == "" || d < least) {
			best, least = candidate, d
		}
	}
	return best
}

// distance is the number of characters to insert, delete, replace or swap with
// their neighbour to make one text of the other; more than most if it is more.
func distance(from, to string, most int) int {
	a, b := []rune(from), []rune(to)
	if len(a)-len(b) > most || len(b)-len(a) > most {
		return most + 1
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			replaced := last[j-1]
			if a[i-1] != b[j-1] {
				replaced++
			}
			row[j] = min(last[j]+1, row[j-1]+1, replaced)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
