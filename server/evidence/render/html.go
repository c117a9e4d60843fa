package render

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // style and script
	"encoding/base64"
	"math"
	"strconv"
	"strings"
	"time"

	g "maragu.dev/gomponents"
	"maragu.dev/gomponents/html"

	"github.com/understudy-api/understudy/server/evidence"
)

var (
	//go:embed report.css
	pageStyle string
	//go:embed report.js
	pageScript string
)

// Nothing is loaded, and nothing runs but what stands in this package.
var policy = "default-src 'none'; style-src " + hash(pageStyle) + "; script-src " + hash(pageScript) + "; base-uri 'none'; form-action 'none'"

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// writeHTML writes the page. Every text and attribute is escaped by the library, and what
// is hidden in it is made visible by clean. A template would escape as well, but calls
// methods by names that no linker knows, which keeps every method in the program: a
// seventh of it, and as much of its memory.
func writeHTML(b *bytes.Buffer, v *view) error {
	return html.Doctype(g.Group{html.HTML(html.Lang("en"), newline(),
		html.Head(newline(),
			html.Meta(html.Charset("utf-8")), newline(),
			html.Meta(g.Attr("http-equiv", "Content-Security-Policy"), html.Content(policy)), newline(),
			html.Meta(html.Name("viewport"), html.Content("width=device-width, initial-scale=1")), newline(),
			html.Meta(html.Name("referrer"), html.Content("no-referrer")), newline(),
			html.TitleEl(htmlText(v.o.Title)), newline(),
			html.StyleEl(g.Raw(pageStyle)), newline(), // from this package
		), newline(),
		html.Body(newline(),
			html.Main(newline(),
				html.H1(htmlText(v.o.Title)), newline(),
				v.facts(), newline(),
				search(), newline(),
				section("failures", "Failures", "", v.verdict.Failures), newline(),
				section("warnings", "Warnings", "These do not break the verdict.", v.verdict.Warnings), newline(),
				optional("unserved", "Not served here", "The vendor has these operations, and Understudy does not serve them. They do not break the verdict.", v.verdict.Unserved),
				optional("expected", "Expected", "The client said that it breaks these rules on purpose.", v.verdict.Expected),
				v.operations(), newline(),
			), newline(),
			html.Script(g.Raw(pageScript)), newline(), // from this package
		), newline(),
	), newline()}).Render(b)
}

// newline ends a line, for who reads the page as a text.
func newline() g.Node { return g.Raw("\n") }

// htmlText is a text in which what is hidden is made visible.
func htmlText(s string) g.Node { return g.Text(clean(s)) }

func number[T int | int64](n T) g.Node { return g.Text(strconv.FormatInt(int64(n), 10)) }

// htmlCode is a text as code, of a class if there is one.
func htmlCode(s, class string) g.Node {
	return html.Code(g.If(class != "", html.Class(class)), htmlText(s))
}

// none says that a list is empty.
func none() g.Node { return html.P(html.Class("dim"), g.Text("None.")) }

// fact is a row of a list of facts.
func fact(name string, value ...g.Node) g.Node {
	return g.Group{html.Dt(g.Text(name)), html.Dd(value...), newline()}
}

// factOf is a row of a list of facts; nothing for no value.
func factOf(name, value string) g.Node {
	return g.Iff(value != "", func() g.Node { return fact(name, htmlText(value)) })
}

// codeOf is a row of a list of facts, its value as code; nothing for none.
func codeOf(name, value string) g.Node {
	return g.Iff(value != "", func() g.Node { return fact(name, htmlCode(value, "")) })
}

// progress is a bar, which label names and value reads out.
func progress(full, done, label, value string) g.Node {
	return html.Progress(html.Max(full), html.Value(done), html.Aria("label", label), g.Text(value))
}

// htmlBar is the bar of an operation or API.
func htmlBar(of string, covered, total int) g.Node {
	return progress(strconv.Itoa(total), strconv.Itoa(covered), "Coverage of "+clean(of), fraction(covered, total))
}

// facts are the verdict and what it follows from.
func (v *view) facts() g.Node {
	class := "verdict broken"
	if v.ok() {
		class = "verdict ok"
	}
	coverage := g.Group{
		progress("100", strconv.FormatFloat(v.Coverage.Percent, 'f', -1, 64), "Coverage", v.coverage()), g.Text(" " + v.coverage()),
	}
	if v.o.MinCoverage > 0 {
		coverage = append(coverage, g.Text(", asked for "+threshold(v.o.MinCoverage)))
	}
	made := ""
	if !v.o.Now.IsZero() {
		made = v.o.Now.UTC().Format(time.DateTime) + " UTC"
	}
	return g.Group{
		html.P(html.Class(class), htmlText(v.headline())), newline(),
		html.Dl(
			html.Class("facts"), newline(),
			fact("Coverage", coverage...),
			fact("Requests", g.Text(v.made())),
			factOf("Period", v.period()),
			fact("Failures", number(len(v.verdict.Failures))),
			fact("Warnings", number(len(v.verdict.Warnings))),
			factOf("Understudy", v.Version),
			factOf("Made", made),
		),
	}
}

// search is hidden until the script can search.
func search() g.Node {
	return html.Div(
		html.Class("tools"), html.ID("tools"), html.Role("search"), g.Attr("hidden"), newline(),
		html.Label(g.Text("Filter "), html.Input(html.Type("search"), html.ID("filter"), html.AutoComplete("off"))), newline(),
		html.Label(html.Input(html.Type("checkbox"), html.ID("called")), g.Text(" only operations that were called")), newline(),
		g.El("output", html.ID("found"), html.Class("dim"), html.For("filter called")), newline(),
	)
}

// section lists violations below a remark, by what caused them.
func section(id, title, remark string, violations []evidence.RecordedViolation) g.Node {
	list := g.Group{none(), newline()}
	if causes := evidence.Causes(violations); len(causes) > 0 {
		list = g.Group{g.If(remark != "", g.Group{html.P(html.Class("dim"), g.Text(remark)), newline()})}
		for i := range causes {
			list = append(list, violation(&causes[i]), newline())
		}
	}
	return html.Section(html.Aria("labelledby", id), newline(), html.H2(html.ID(id), g.Text(title)), newline(), list)
}

// optional is a section; nothing if it lists nothing.
func optional(id, title, remark string, violations []evidence.RecordedViolation) g.Node {
	return g.Iff(len(violations) > 0, func() g.Node { return g.Group{section(id, title, remark, violations), newline()} })
}

func violation(c *evidence.Cause) g.Node {
	x := &c.RecordedViolation
	var sent, ids g.Group
	for _, l := range request(x) {
		sent = append(sent, g.Text(l+"\n"))
	}
	for i, id := range x.Exchanges {
		ids = append(ids, g.If(i > 0, g.Text(", ")), htmlCode(id, ""))
	}
	return html.Article(
		html.Class("violation"), html.Data("item", "violation"), newline(),
		html.P(html.Strong(htmlCode(operation(x), "")), g.Text(" "), htmlCode(field(x), ""), g.Text(" "), htmlCode(x.Rule, "dim")), newline(),
		html.P(htmlText(x.Message)), newline(),
		html.Dl(
			html.Class("facts"), newline(),
			codeOf("Got", x.Got),
			codeOf("Also", others(x)),
			factOf("Accepted", x.Accepted),
			codeOf("Document", document(x.Document)),
			codeOf("Operation", x.Operation),
			fact("Requests", number(x.Requests)),
			factOf("Elsewhere", shared(c, math.MaxInt)),
			factOf("Tests", strings.Join(x.Tests, ", ")),
			g.Iff(x.First != nil, func() g.Node { return fact("First", firstRequest(x.First)) }),
			g.If(len(sent) > 0, fact("Request", html.Pre(sent))),
			codeOf("Reproduce with", x.Curl),
			g.If(len(ids) > 0, fact("Exchanges", ids)),
			g.Iff(len(remarks(x)) > 0, func() g.Node {
				return fact("Note", html.Class("warning"), g.Text(strings.Join(remarks(x), "; ")))
			}),
		), newline(),
	)
}

// firstRequest tells of the first request that made a violation.
func firstRequest(f *evidence.FirstRequest) g.Node {
	return g.Group{
		g.Text(f.Time.UTC().Format("2006-01-02 15:04:05.000") + " UTC, answered " + strconv.Itoa(f.Status)),
		g.If(f.Workspace != "", g.Group{g.Text(", workspace "), htmlCode(f.Workspace, "")}),
		g.If(f.UserAgent != "", htmlText(", by "+f.UserAgent)),
		g.If(f.Trace != "", g.Group{g.Text(", trace "), htmlCode(f.Trace, "")}),
	}
}

// operations list what was used of each API.
func (v *view) operations() g.Node {
	failures, warnings := byCase(v.verdict.Failures), byCase(v.verdict.Warnings)
	var apis g.Group
	for _, name := range v.apis() {
		var list g.Group
		called, covered, total := 0, 0, 0
		for i := range v.Operations {
			o := &v.Operations[i]
			if o.API != name {
				continue
			}
			key := [2]string{o.API, o.ID}
			c, t := v.covered(o)
			list = append(list, v.operation(o, c, t, len(failures[key]), len(warnings[key])), newline())
			covered, total = covered+c, total+t
			if o.Requests > 0 {
				called++
			}
		}
		if len(list) == 0 {
			continue
		}
		apis = append(
			apis, html.H3(htmlCode(name, "")), newline(),
			html.P(g.Text(strconv.Itoa(called)+" of "+strconv.Itoa(v.operationsOf(name))+" called "), htmlBar(name, covered, total), g.Text(" "+fraction(covered, total))), newline(),
			list,
		)
	}
	if len(apis) == 0 {
		apis = g.Group{none(), newline()}
	}
	return html.Section(html.Aria("labelledby", "operations"), newline(), html.H2(html.ID("operations"), g.Text("Operations")), newline(), apis)
}

func (v *view) operation(o *evidence.RecordedOperation, covered, total, failures, warnings int) g.Node {
	item := "uncalled"
	if o.Requests > 0 {
		item = "called"
	}
	var rows g.Group
	for i := range o.Rows {
		r, counts := &o.Rows[i], "no"
		if v.counts(r) {
			counts = "yes"
		}
		rows = append(rows, tableRow(row(r), htmlText(string(r.Basis)), counts, r.Requests, r.Hint), newline())
	}
	for i := range o.Undeclared {
		r := &o.Undeclared[i]
		rows = append(rows, tableRow(row(r), g.Group{html.Class("warning"), g.Text("not declared")}, "no", r.Requests, ""), newline())
	}
	return html.Details(
		html.Class("operation"), html.Data("item", item), newline(),
		html.Summary(
			htmlCode(o.Method+" "+o.Path, ""), g.Text(" "), htmlCode(o.ID, "dim"), g.Text(" "),
			html.Span(number(o.Requests), g.Text(" requests")), newline(),
			html.Span(g.If(total > 0, htmlBar(o.ID, covered, total))), newline(),
			html.Span(
				g.Text(fraction(covered, total)),
				tally("broken", failures, " failing"), tally("warning", warnings, " warning"),
			),
		), newline(),
		html.Div(
			newline(),
			g.Iff(document(o.Document) != "", func() g.Node {
				return g.Group{html.P(html.Class("dim"), g.Text("Declared in "), htmlCode(document(o.Document), "")), newline()}
			}),
			htmlTable(rows, "Row", "Basis", "Counts", "Requests", "How to meet it"), newline(),
			used("Parameters", o.Parameters), used("Values of enums", o.Enums), used("Members of the body", o.Properties),
		), newline(),
	)
}

// tally is a number of a class; nothing for 0.
func tally(class string, n int, of string) g.Node {
	return g.If(n > 0, g.Group{g.Text(" "), html.Span(html.Class(class), number(n), g.Text(of))})
}

func tableRow(name string, basis g.Node, counts string, requests int64, hint string) g.Node {
	return html.Tr(
		html.Class("row"), html.Td(htmlCode(name, "")), html.Td(basis), html.Td(g.Text(counts)),
		html.Td(html.Class("number"), number(requests)), html.Td(htmlText(hint)),
	)
}

// htmlTable is a table that scrolls by itself; the column of requests holds numbers.
func htmlTable(rows g.Group, columns ...string) g.Node {
	return html.Div(html.Class("scroll"), html.Table(
		newline(),
		html.THead(html.Tr(g.Map(columns, func(name string) g.Node {
			return html.Th(html.Scope("col"), g.If(name == "Requests", html.Class("number")), g.Text(name))
		}))), newline(),
		html.TBody(newline(), rows), newline(),
	))
}

// used tells how much of something was used; nothing if there is nothing.
func used(name string, list []evidence.Seen) g.Node {
	n := 0
	var rows g.Group
	for i := range list {
		s := &list[i]
		if s.Requests > 0 {
			n++
		}
		rows = append(rows, html.Tr(html.Td(htmlCode(s.Name, "")), html.Td(htmlText(string(s.Basis))), html.Td(html.Class("number"), number(s.Requests))), newline())
	}
	return g.Iff(len(list) > 0, func() g.Node {
		return g.Group{html.Details(
			html.Summary(g.Text(name+": "+strconv.Itoa(n)+" of "+strconv.Itoa(len(list))+" used")), newline(),
			htmlTable(rows, "Name", "Basis", "Requests"), newline(),
		), newline()}
	})
}
