package render

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/understudy-api/understudy/server/evidence"
)

// writeMarkdown writes the summary of a job, for GitHub and GitLab.
func writeMarkdown(b *bytes.Buffer, v *view) error {
	p := func(parts ...string) {
		for _, part := range parts {
			b.WriteString(part)
		}
		b.WriteByte('\n')
	}
	sign := ":white_check_mark: "
	if !v.ok() {
		sign = ":x: "
	}
	p("## ", plain(v.o.Title), "\n")
	p(sign, "**", plain(v.headline()), "**\n")
	p("| Requests | Coverage | Failures | Warnings |")
	p("|---|---|---|---|")
	coverage := plain(v.coverage())
	if v.o.MinCoverage > 0 {
		coverage += ", asked for " + plain(threshold(v.o.MinCoverage))
	}
	p("| ", plain(v.made()), " | ", coverage, " | ", strconv.Itoa(len(v.verdict.Failures)), " | ", strconv.Itoa(len(v.verdict.Warnings)), " |")

	if n := len(v.verdict.Failures); n > 0 {
		p("\n### Failures\n")
		violationsTable(p, v.verdict.Failures, maxFailures)
	}
	if n := len(v.verdict.Warnings); n > 0 {
		p("\n<details><summary>", kinds(n), " that only warn", map[bool]string{true: "s"}[n == 1], "</summary>\n")
		violationsTable(p, v.verdict.Warnings, maxWarnings)
		p("\n</details>")
	}
	if n := len(v.verdict.Unserved); n > 0 {
		p("\n<details><summary>", count(met(v.verdict.Unserved), "request"), " for what is not served here</summary>\n")
		violationsTable(p, v.verdict.Unserved, maxWarnings)
		p("\n</details>")
	}
	if n := len(v.verdict.Expected); n > 0 {
		p("\n", kinds(n), " expected by the client, met ", times(met(v.verdict.Expected)), ".")
	}
	called := 0
	for i := range v.Operations {
		if v.Operations[i].Requests > 0 {
			called++
		}
	}
	if called > 0 {
		p("\n<details><summary>", strconv.Itoa(called), " of ", count(int64(len(v.Operations)), "operation"), " called</summary>\n")
		p("| Operation | Requests | Rows covered |")
		p("|---|--:|--:|")
		shown := 0
		for i := range v.Operations {
			o := &v.Operations[i]
			if o.Requests == 0 {
				continue
			}
			if shown++; shown > maxOperations {
				continue
			}
			covered, total := v.covered(o)
			p("| ", code(o.Method+" "+o.Path), " | ", strconv.FormatInt(o.Requests, 10), " | ", fraction(covered, total), " |")
		}
		if more := shown - maxOperations; more > 0 {
			p("\n... and ", count(int64(more), "more operation"))
		}
		p("\n</details>")
	}
	missedTable(p, v)
	return nil
}

func violationsTable(p func(...string), violations []evidence.RecordedViolation, most int) {
	p("| Operation | Field | Rule | What is wrong | Got | Accepted | Document | Requests | Test | Exchange |")
	p("|---|---|---|---|---|---|---|--:|---|---|")
	causes := evidence.Causes(violations)
	shown := causes[:min(most, len(causes))]
	for i := range shown {
		x := &shown[i].RecordedViolation
		message := plain(x.Message)
		if others := shared(&shown[i], maxPlaces); others != "" {
			message += " *(" + plain(others) + ")*"
		}
		if notes := remarks(x); len(notes) > 0 {
			message += " *(" + plain(strings.Join(notes, "; ")) + ")*"
		}
		id := ""
		if len(x.Exchanges) > 0 {
			id = x.Exchanges[0]
		}
		p("| ", code(operation(x)), " | ", code(field(x)), " | ", code(x.Rule), " | ", message, " | ", code(gots(x)), " | ", plain(x.Accepted),
			" | ", code(document(x.Document)), " | ", strconv.FormatInt(x.Requests, 10), " | ", plain(strings.Join(x.Tests, ", ")), " | ", code(id), " |")
	}
	if more := len(causes) - len(shown); more > 0 {
		p("\n... and ", strconv.Itoa(more), " more")
	}
	for i := range shown {
		if f := shown[i].First; f != nil {
			p("\n", plain(strings.Join(append([]string{operation(&shown[i].RecordedViolation) + " (" + shown[i].Operation + ")"}, first(&shown[i].RecordedViolation)...), ", ")), "\n")
		}
	}
	told := false
	for i := range shown {
		if x := &shown[i].RecordedViolation; x.Curl != "" {
			if !told {
				p("\nReproduce with:\n")
				told = true
			}
			p("- ", code(operation(x)), ", ", code(x.Rule), ": ", code(x.Curl))
		}
	}
}

func missedTable(p func(...string), v *view) {
	shown := 0
	for i := range v.Operations {
		o := &v.Operations[i]
		for j := range o.Rows {
			r := &o.Rows[j]
			if r.Met() || !v.counts(r) || !v.called(o.API) {
				continue
			}
			if shown++; shown > maxRows {
				continue
			}
			if shown == 1 {
				p("\n<details><summary>", count(int64(v.Coverage.Total-v.Coverage.Covered), "row"), " never met</summary>\n")
				p("| Operation | Row | How to meet it |")
				p("|---|---|---|")
			}
			p("| ", code(o.Method+" "+o.Path), " | ", code(row(r)), " | ", plain(r.Hint), " |")
		}
	}
	if more := shown - maxRows; more > 0 {
		p("\n... and ", count(int64(more), "more row"))
	}
	if shown > 0 {
		p("\n</details>")
	}
}

// plain is text that Markdown and HTML take for nothing but text: what could mean
// more is written as a character reference, which cannot structure anything.
func plain(s string) string {
	s = clean(s)
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; c {
		case '&', '<', '>', '"', '|', '`', '\\', '*', '_', '[', ']', '~', '#', '@', '!', '$', '{', '}', '^':
			b.WriteString("&#" + strconv.Itoa(int(c)) + ";")
		case ':': // of addresses, which become links, and of emoji
			b.WriteString("&#58;")
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// code is plain text in a fixed width. Backticks would not do: no fence holds both
// a pipe and a backslash in a table.
func code(s string) string {
	if s == "" {
		return ""
	}
	return "<code>" + plain(s) + "</code>"
}
