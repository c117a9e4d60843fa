package render

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/understudy-api/understudy/server/contract"
	"github.com/understudy-api/understudy/server/evidence"
)

// What the table and the job summary list at most; the other formats hold all.
const (
	maxFailures   = 50
	maxWarnings   = 25
	maxOperations = 250
	maxRows       = 60
	maxNever      = 250
	maxPlaces     = 10
)

// Colours of a terminal.
const (
	bold   = "1"
	dim    = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
)

// table writes for a terminal.
type table struct {
	b *bytes.Buffer
	v *view
}

// cell is a text in a grid, in a colour.
type cell struct{ text, colour string }

func writeTable(b *bytes.Buffer, v *view) error {
	t := &table{b, v}
	t.line(cell{t.safe(v.o.Title), bold})
	t.fact("requests", v.made())
	t.fact("period", v.period())
	t.fact("coverage", v.coverage())
	t.operations()
	t.violations("FAILURES", v.verdict.Failures, maxFailures, red)
	t.violations("WARNINGS", v.verdict.Warnings, maxWarnings, yellow)
	t.violations("NOT SERVED HERE", v.verdict.Unserved, maxWarnings, yellow)
	if n := len(v.verdict.Expected); n > 0 {
		t.head("EXPECTED")
		t.line(cell{"  " + kinds(n) + " that the client breaks on purpose, met " + times(met(v.verdict.Expected)), dim})
	}
	t.missed()
	t.undeclared()

	t.b.WriteByte('\n')
	colour := green
	if !v.ok() {
		colour = red
	}
	for _, line := range wrap(t.safe(v.headline()), v.o.Width) {
		t.line(cell{line, colour})
	}
	return nil
}

// safe makes a text fit for the terminal. The log of a CI job is one, too: what
// GitHub's runner takes for a command is broken up.
func (t *table) safe(s string) string {
	if t.v.o.Colour {
		s = clean(s)
	} else {
		s = ascii(s)
	}
	s = strings.ReplaceAll(s, "::", `:\u003a`)
	return strings.ReplaceAll(s, "##[", `#\u0023[`)
}

func (t *table) paint(c cell) string {
	if !t.v.o.Colour || c.colour == "" || c.text == "" {
		return c.text
	}
	return "\x1b[" + c.colour + "m" + c.text + "\x1b[0m"
}

func (t *table) line(c cell) {
	t.b.WriteString(t.paint(c))
	t.b.WriteByte('\n')
}

func (t *table) fact(name, value string) {
	if value != "" {
		t.b.WriteString("  " + pad(name, 10) + t.safe(value) + "\n")
	}
}

func (t *table) head(text string) {
	t.b.WriteByte('\n')
	t.line(cell{text, bold})
}

// more says that a list goes on.
func (t *table) more(n int, what string) {
	if n > 0 {
		t.line(cell{"  ... and " + count(int64(n), "more "+what), dim})
	}
}

// grid writes rows with their columns aligned. The last column is not filled up.
func (t *table) grid(indent string, rows [][]cell) {
	var widths []int
	for _, row := range rows {
		for i, c := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], columns(c.text))
		}
	}
	for _, row := range rows {
		t.b.WriteString(indent)
		for i, c := range row {
			t.b.WriteString(t.paint(c))
			if i < len(row)-1 {
				t.b.WriteString(strings.Repeat(" ", widths[i]-columns(c.text)+2))
			}
		}
		t.b.WriteByte('\n')
	}
}

// operations lists the operations that were called.
func (t *table) operations() {
	var rows [][]cell
	more := 0
	for i := range t.v.Operations {
		o := &t.v.Operations[i]
		if o.Requests == 0 {
			continue
		}
		if len(rows) == maxOperations {
			more++
			continue
		}
		covered, total := t.v.covered(o)
		rows = append(rows, []cell{
			{cut(t.safe(o.API), 16), dim},
			{cut(t.safe(o.Method+" "+o.Path), 72), ""},
			{count(o.Requests, "call"), ""},
			{bar(covered, total), ""},
			{fraction(covered, total), ""},
		})
	}
	if len(rows) > 0 {
		t.head("OPERATIONS CALLED (" + strconv.Itoa(len(rows)+more) + " of " + strconv.Itoa(len(t.v.Operations)) + ")")
		t.grid("  ", rows)
		t.more(more, "operation")
	}
}

func bar(covered, total int) string {
	const width = 10
	if total == 0 {
		return strings.Repeat(" ", width+2)
	}
	full := covered * width / total
	if covered > 0 && full == 0 {
		full = 1
	}
	return "[" + strings.Repeat("#", full) + strings.Repeat("-", width-full) + "]"
}

func fraction(covered, total int) string {
	if total == 0 {
		return "no rows that count"
	}
	return strconv.Itoa(covered) + "/" + count(int64(total), "row")
}

// violations lists violations. The first line of each holds everything, for those
// who grep; the sentence stands below.
func (t *table) violations(head string, violations []evidence.RecordedViolation, most int, colour string) {
	if len(violations) == 0 {
		return
	}
	of := kinds(len(violations))
	if violations[0].Rule == contract.RuleUnserved {
		of = count(int64(len(violations)), "kind") + " of request"
	}
	causes := evidence.Causes(violations)
	t.head(head + " (" + of + ofCauses(len(violations), len(causes)) + ", met " + times(met(violations)) + ")")
	shown := causes[:min(most, len(causes))]
	width := [3]int{}
	lead := func(x *evidence.RecordedViolation) [3]string {
		return [3]string{cut(t.safe(operation(x)), 64), cut(t.safe(field(x)), 80), cut(t.safe(x.Rule), 32)}
	}
	for i := range shown {
		for j, text := range lead(&shown[i].RecordedViolation) {
			width[j] = min(max(width[j], columns(text)), 40)
		}
	}
	for i := range shown {
		x := &shown[i].RecordedViolation
		t.b.WriteString("  ")
		for j, text := range lead(x) {
			t.b.WriteString(t.paint(cell{text, []string{bold, "", colour}[j]}))
			t.b.WriteString(strings.Repeat(" ", max(0, width[j]-columns(text))+2))
		}
		parts := details(x)
		for j, part := range parts {
			parts[j] = cut(t.safe(part), 160)
		}
		t.b.WriteString(strings.Join(parts, "; "))
		t.b.WriteByte('\n')
		for _, line := range wrap(t.safe(x.Message), t.v.o.Width-6) {
			t.line(cell{"      " + line, dim})
		}
		if x.Curl != "" { // whole, or it would be of no use
			t.line(cell{"      " + t.safe(x.Curl), dim})
		}
		for _, line := range wrap(t.safe(shared(&shown[i], maxPlaces)), t.v.o.Width-6) {
			t.line(cell{"      " + line, dim})
		}
	}
	t.more(len(causes)-len(shown), map[string]string{"FAILURES": "failure", "WARNINGS": "warning"}[head])
}

// missed lists the rows that were never met: each with its hint where the
// operation was called, and by operation where it never was.
func (t *table) missed() {
	v := t.v
	if v.Coverage.Total == 0 || v.Requests == 0 {
		return
	}
	var rows, never [][]cell
	moreRows, moreNever, others := 0, 0, 0
	for i := range v.Operations {
		o := &v.Operations[i]
		if !v.called(o.API) {
			continue
		}
		covered, total := v.covered(o)
		if o.Requests == 0 && total > 0 {
			if len(never) == maxNever {
				moreNever++
				continue
			}
			never = append(never, []cell{
				{cut(t.safe(o.API), 16), dim}, {cut(t.safe(o.Method+" "+o.Path), 72), ""}, {fraction(covered, total), ""},
			})
			continue
		}
		for j := range o.Rows {
			r := &o.Rows[j]
			switch {
			case r.Met():
			case !v.counts(r):
				others++
			case len(rows) == maxRows:
				moreRows++
			default:
				hint := r.Hint
				if hint == "" {
					hint = "not met"
				}
				rows = append(rows, []cell{{cut(t.safe(o.Method+" "+o.Path), 72), ""}, {cut(t.safe(row(r)), 64), ""}, {t.safe(hint), dim}})
			}
		}
	}
	if len(rows) > 0 {
		t.head("ROWS NEVER MET (" + strconv.Itoa(len(rows)+moreRows) + ", of operations that were called)")
		t.hinted(rows)
		t.more(moreRows, "row")
	}
	if others > 0 {
		t.line(cell{"  not met either, and not part of the percentage: " + count(int64(others), "row"), dim})
	}
	for _, api := range v.apis() {
		if n := v.operationsOf(api); n > 0 && !v.called(api) {
			t.line(cell{"  " + t.safe(api) + " was not called: its " + count(int64(n), "operation") + " do not count", dim})
		}
	}
	if len(never) > 0 {
		t.head("OPERATIONS NEVER CALLED (" + strconv.Itoa(len(never)+moreNever) + ")")
		t.grid("  ", never)
		t.more(moreNever, "operation")
	}
}

// hinted writes rows whose last column is a hint: beside the others if there is
// room, else below.
func (t *table) hinted(rows [][]cell) {
	widths := [2]int{}
	for _, r := range rows {
		widths[0], widths[1] = max(widths[0], columns(r[0].text)), max(widths[1], columns(r[1].text))
	}
	at := 2 + widths[0] + 2 + widths[1] + 2
	beside := t.v.o.Width-at >= 30
	for _, r := range rows {
		head := "  " + pad(r[0].text, widths[0]) + "  " + pad(r[1].text, widths[1])
		indent, room := strings.Repeat(" ", at), t.v.o.Width-at
		if !beside {
			indent, room = "      ", t.v.o.Width-6
		}
		lines := wrap(r[2].text, room)
		if beside && len(lines) > 0 {
			t.b.WriteString(head + "  " + t.paint(cell{lines[0], dim}) + "\n")
			lines = lines[1:]
		} else {
			t.b.WriteString(strings.TrimRight(head, " ") + "\n")
		}
		for _, line := range lines {
			t.line(cell{indent + line, dim})
		}
	}
}

// undeclared lists what was met and is not declared.
func (t *table) undeclared() {
	var rows [][]cell
	more := 0
	for i := range t.v.Operations {
		o := &t.v.Operations[i]
		for j := range o.Undeclared {
			if len(rows) == maxRows {
				more++
				continue
			}
			r := &o.Undeclared[j]
			rows = append(rows, []cell{{cut(t.safe(o.Method+" "+o.Path), 72), ""}, {cut(t.safe(row(r)), 64), ""}, {count(r.Requests, "request"), dim}})
		}
	}
	if len(rows) > 0 {
		t.head("MET, BUT NOT DECLARED (" + strconv.Itoa(len(rows)+more) + ")")
		t.grid("  ", rows)
		t.more(more, "row")
	}
}
