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

// maxProblems bounds what is told of one seed: the first mistakes in its text.
const maxProblems = 1000

// problems collects the first mistakes of a seed. What stands behind them is counted
// and not worded.
type problems struct {
	list  []Problem
	total int
	last  *Problem // behind which nothing is told any more; nil as long as there is room
}

// wants counts a mistake, and reports whether it is told.
func (p *problems) wants(line, column int) bool {
	p.total++
	return p.last == nil || cmp.Or(cmp.Compare(line, p.last.Line), cmp.Compare(column, p.last.Column)) < 0
}

// add keeps a mistake that is wanted.
func (p *problems) add(problem Problem) {
	if p.list = append(p.list, problem); len(p.list) >= 2*maxProblems {
		p.list = inOrder(p.list)
		p.last = &p.list[maxProblems-1]
	}
}

// inOrder sorts problems by their place.
func inOrder(problems []Problem) []Problem {
	slices.SortStableFunc(problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return problems[:min(len(problems), maxProblems)]
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
