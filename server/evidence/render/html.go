package render

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // the page
	"encoding/base64"
	"html/template"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/understudy-api/understudy/server/evidence"
)

var (
	//go:embed report.html
	pageText string
	//go:embed report.css
	pageStyle string
	//go:embed report.js
	pageScript string
)

// page is the template. What is dynamic is escaped for its place by html/template,
// and what is hidden in it is made visible by clean.
var page = template.Must(template.New("report").Funcs(template.FuncMap{
	"clean":     clean,
	"operation": func(x evidence.RecordedViolation) string { return clean(operation(&x)) },
	"field":     func(x evidence.RecordedViolation) string { return clean(field(&x)) },
	"remarks":   func(x evidence.RecordedViolation) []string { return remarks(&x) },
	"document":  func(x evidence.RecordedViolation) string { return clean(document(x.Document)) },
	"others":    func(x evidence.RecordedViolation) string { return clean(others(&x)) },
	"tests":     func(x evidence.RecordedViolation) string { return clean(strings.Join(x.Tests, ", ")) },
	"request":   func(x evidence.RecordedViolation) []string { return request(&x) },
	"shared":    func(c evidence.Cause) string { return clean(shared(&c, math.MaxInt)) },
	"row":       func(r evidence.Row) string { return clean(row(&r)) },
}).Parse(pageText))

type (
	htmlPage struct {
		Title, Headline, Version, Made, Requests, Period string
		OK                                               bool
		Coverage, Threshold                              string
		Percent                                          float64
		Failures, Warnings, Unserved, Expected           []evidence.Cause
		Kinds                                            [2]int // of failures and warnings
		APIs                                             []htmlAPI
		Policy                                           string
		Style                                            template.CSS
		Script                                           template.JS
	}
	htmlAPI struct {
		Name           string
		Covered, Total int
		Called         int
		Operations     []htmlOperation
	}
	htmlOperation struct {
		evidence.RecordedOperation

		Covered, Total, Failures, Warnings int
		At                                 string
		Rows                               []htmlRow
		Seen                               []htmlSeen
	}
	htmlRow struct {
		evidence.Row

		InPercentage bool
	}
	htmlSeen struct {
		Name string
		Used int
		List []evidence.Seen
	}
)

func writeHTML(b *bytes.Buffer, v *view) error {
	p := htmlPage{
		Title: clean(v.o.Title), Headline: v.headline(), Version: clean(v.Version), Requests: v.made(), Period: v.period(),
		OK: v.ok(), Coverage: v.coverage(), Percent: v.Coverage.Percent,
		Failures: evidence.Causes(v.verdict.Failures), Warnings: evidence.Causes(v.verdict.Warnings),
		Unserved: evidence.Causes(v.verdict.Unserved), Expected: evidence.Causes(v.verdict.Expected),
		Kinds: [2]int{len(v.verdict.Failures), len(v.verdict.Warnings)},
		// Nothing is loaded, and nothing runs but what stands in this package.
		Policy: "default-src 'none'; style-src " + hash(pageStyle) + "; script-src " + hash(pageScript) + "; base-uri 'none'; form-action 'none'",
		Style:  template.CSS(pageStyle), //nolint:gosec // from this package
		Script: template.JS(pageScript), //nolint:gosec // from this package
	}
	if !v.o.Now.IsZero() {
		p.Made = v.o.Now.UTC().Format(time.DateTime) + " UTC"
	}
	if v.o.MinCoverage > 0 {
		p.Threshold = threshold(v.o.MinCoverage)
	}
	failures, warnings := byCase(v.verdict.Failures), byCase(v.verdict.Warnings)
	for _, name := range v.apis() {
		api := htmlAPI{Name: clean(name)}
		for i := range v.Operations {
			o := &v.Operations[i]
			if o.API != name {
				continue
			}
			covered, total := v.covered(o)
			api.Covered, api.Total = api.Covered+covered, api.Total+total
			if o.Requests > 0 {
				api.Called++
			}
			key := [2]string{o.API, o.ID}
			h := htmlOperation{
				RecordedOperation: *o, Covered: covered, Total: total, At: clean(document(o.Document)),
				Failures: len(failures[key]), Warnings: len(warnings[key]),
			}
			for j := range o.Rows {
				h.Rows = append(h.Rows, htmlRow{o.Rows[j], v.counts(&o.Rows[j])})
			}
			for _, s := range []htmlSeen{{"Parameters", 0, o.Parameters}, {"Values of enums", 0, o.Enums}, {"Members of the body", 0, o.Properties}} {
				if len(s.List) == 0 {
					continue
				}
				for j := range s.List {
					if s.List[j].Requests > 0 {
						s.Used++
					}
				}
				h.Seen = append(h.Seen, s)
			}
			api.Operations = append(api.Operations, h)
		}
		if len(api.Operations) > 0 {
			p.APIs = append(p.APIs, api)
		}
	}
	return page.Execute(b, p)
}

// Bar is how an operation's or API's coverage is read out.
func (o htmlOperation) Bar() string { return fraction(o.Covered, o.Total) }

// Bar is how an operation's or API's coverage is read out.
func (a htmlAPI) Bar() string { return fraction(a.Covered, a.Total) }

// Facts are the columns of what was used of something.
func (s htmlSeen) Facts() string { return strconv.Itoa(s.Used) + " of " + strconv.Itoa(len(s.List)) }

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
