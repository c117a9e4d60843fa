package render

import (
	"bytes"
	"encoding/xml"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/understudy-api/understudy/server/evidence"
)

// The form that Jenkins and GitLab read. Where their schemas differ, what is
// written keeps both: properties first, and in a case the failure before the
// output.
type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Name     string       `xml:"name,attr"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Errors   int          `xml:"errors,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name       string          `xml:"name,attr"`
		Tests      int             `xml:"tests,attr"`
		Failures   int             `xml:"failures,attr"`
		Errors     int             `xml:"errors,attr"`
		Skipped    int             `xml:"skipped,attr"`
		Time       string          `xml:"time,attr"`
		Timestamp  string          `xml:"timestamp,attr,omitempty"`
		Properties []junitProperty `xml:"properties>property"`
		Cases      []junitCase     `xml:"testcase"`
	}
	junitProperty struct {
		Name  string `xml:"name,attr"`
		Value string `xml:"value,attr"`
	}
	junitCase struct {
		Name      string        `xml:"name,attr"`
		ClassName string        `xml:"classname,attr"`
		Time      string        `xml:"time,attr"`
		Failure   *junitFailure `xml:"failure"`
		Output    string        `xml:"system-out,omitempty"`
	}
	junitFailure struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr"`
		Text    string `xml:",chardata"`
	}
)

// Names of cases that are no operation.
const (
	ownSuite      = "verdict"
	caseUnmatched = "requests that match no operation"
	caseCoverage  = "coverage"
	caseRequests  = "requests were made"
	caseCommand   = "the command"
	testSuite     = "tests"
)

func writeJUnit(b *bytes.Buffer, v *view) error {
	failures, warnings := byCase(v.verdict.Failures), byCase(slices.Concat(v.verdict.Warnings, v.verdict.Unserved))
	all := junitSuites{Name: clean(v.o.Title)}
	for _, api := range v.apis() {
		suite := v.junitSuite(api)
		done := map[string]bool{}
		add := func(id, name string) {
			key := [2]string{api, id}
			done[id] = true
			suite.Cases = append(suite.Cases, v.junitCase(api, name, failures[key], warnings[key]))
		}
		covered, total := 0, 0
		for i := range v.Operations {
			o := &v.Operations[i]
			if o.API != api {
				continue
			}
			c, t := v.covered(o)
			covered, total = covered+c, total+t
			if key := [2]string{api, o.ID}; o.Requests > 0 || len(failures[key]) > 0 || len(warnings[key]) > 0 {
				add(o.ID, o.Method+" "+o.Path+" ("+o.ID+")")
			}
		}
		for i := range v.Violations { // of operations that the report does not list
			if x := &v.Violations[i]; x.API == api && x.Operation != "" && !done[x.Operation] {
				add(x.Operation, x.Operation)
			}
		}
		suite.Properties = []junitProperty{
			{"coverage.of", clean(v.Coverage.Of)}, {"coverage.covered", strconv.Itoa(covered)}, {"coverage.total", strconv.Itoa(total)},
		}
		all.Suites = append(all.Suites, suite)
	}

	own := v.junitSuite(ownSuite)
	own.Properties = []junitProperty{
		{"version", clean(v.Version)},
		{"verdict", clean(v.headline())},
		{"requests", strconv.FormatInt(v.Requests, 10)},
		{"workspaces", strconv.Itoa(v.Workspaces)},
		{"coverage.of", clean(v.Coverage.Of)},
		{"coverage.covered", strconv.Itoa(v.Coverage.Covered)},
		{"coverage.total", strconv.Itoa(v.Coverage.Total)},
		{"coverage.percent", strings.TrimSuffix(v.percent(), " %")},
		{"coverage.threshold", strings.TrimSuffix(threshold(v.o.MinCoverage), " %")},
	}
	own.Cases = append(own.Cases, v.junitCase(ownSuite, caseUnmatched, failures[[2]string{}], warnings[[2]string{}]))
	coverage := junitCase{Name: caseCoverage, ClassName: ownSuite, Time: "0.000", Output: v.coverage()}
	if v.verdict.Short {
		coverage.Failure = &junitFailure{Message: sentence(v.shortfall()), Type: "coverage", Text: v.unmet()}
	}
	own.Cases = append(own.Cases, coverage)
	own.Cases = append(own.Cases, v.ownCases()...)
	all.Suites = append(all.Suites, own)
	if suite := v.testsSuite(); len(suite.Cases) > 0 {
		all.Suites = append(all.Suites, suite)
	}

	for i := range all.Suites {
		suite := &all.Suites[i]
		suite.Tests = len(suite.Cases)
		for _, c := range suite.Cases {
			if c.Failure != nil {
				suite.Failures++
			}
		}
		all.Tests += suite.Tests
		all.Failures += suite.Failures
	}
	text, err := xml.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	b.WriteString(xml.Header)
	// Lines of a text may stand as they are; attributes are of one line.
	b.Write(bytes.ReplaceAll(text, []byte("&#xA;"), []byte("\n")))
	b.WriteByte('\n')
	return nil
}

// ownCases are what fails a job beside violations and coverage.
func (v *view) ownCases() []junitCase {
	requests := junitCase{Name: caseRequests, ClassName: ownSuite, Time: "0.000", Output: v.made()}
	if v.verdict.Idle {
		requests.Failure = &junitFailure{Message: sentence(v.idle()), Type: "requests"}
	}
	cases := []junitCase{requests}
	if v.o.Ended != "" {
		cases = append(cases, junitCase{
			Name: caseCommand, ClassName: ownSuite, Time: "0.000",
			Failure: &junitFailure{Message: clean("The command " + v.o.Ended + "."), Type: "command"},
		})
	}
	return cases
}

// testsSuite has a case for each test that said its name and met a violation.
func (v *view) testsSuite() junitSuite {
	suite := v.junitSuite(testSuite)
	failures, warnings := byTest(v.verdict.Failures), byTest(v.verdict.Warnings)
	for _, name := range slices.Sorted(maps.Keys(failures)) {
		suite.Cases = append(suite.Cases, v.junitCase(testSuite, name, failures[name], warnings[name]))
	}
	for _, name := range slices.Sorted(maps.Keys(warnings)) {
		if failures[name] == nil {
			suite.Cases = append(suite.Cases, v.junitCase(testSuite, name, nil, warnings[name]))
		}
	}
	suite.Properties = []junitProperty{{"violating", strconv.Itoa(len(suite.Cases))}}
	return suite
}

func byTest(violations []evidence.RecordedViolation) map[string][]evidence.RecordedViolation {
	cases := map[string][]evidence.RecordedViolation{}
	for i := range violations {
		for _, test := range violations[i].Tests {
			cases[test] = append(cases[test], violations[i])
		}
	}
	return cases
}

func (v *view) junitSuite(name string) junitSuite {
	s := junitSuite{Name: clean(name), Time: "0.000"}
	if !v.From.IsZero() {
		s.Timestamp = v.From.UTC().Format("2006-01-02T15:04:05")
		if name == ownSuite && v.To.After(v.From) {
			s.Time = strconv.FormatFloat(v.To.Sub(v.From).Round(time.Millisecond).Seconds(), 'f', 3, 64)
		}
	}
	return s
}

// byCase sorts violations to their cases. Those of no operation have one in common.
func byCase(violations []evidence.RecordedViolation) map[[2]string][]evidence.RecordedViolation {
	cases := map[[2]string][]evidence.RecordedViolation{}
	for i := range violations {
		key := [2]string{}
		if x := &violations[i]; x.Operation != "" {
			key = [2]string{x.API, x.Operation}
		}
		cases[key] = append(cases[key], violations[i])
	}
	return cases
}

// junitCase has one failure for all violations, since most readers show one.
func (v *view) junitCase(class, name string, failures, warnings []evidence.RecordedViolation) junitCase {
	c := junitCase{Name: clean(name), ClassName: clean(class), Time: "0.000"}
	if n := len(failures); n > 0 {
		c.Failure = &junitFailure{Message: clean(failures[0].Message), Type: clean(failures[0].Rule), Text: texts(failures)}
		if n > 1 {
			c.Failure.Message += " (and " + strconv.Itoa(n-1) + " more)"
		}
	}
	if len(warnings) > 0 {
		c.Output = "Warnings:\n" + texts(warnings)
	}
	return c
}

// texts tells violations in full, one after the other.
func texts(violations []evidence.RecordedViolation) string {
	var b strings.Builder
	for i := range violations {
		x := &violations[i]
		b.WriteString(clean(operation(x)+", "+field(x)+", "+x.Rule) + "\n  " + clean(x.Message) + "\n")
		for _, part := range details(x) {
			b.WriteString("  " + clean(part) + "\n")
		}
		if line := again(x); line != "" {
			b.WriteString("  " + clean(line) + "\n")
		}
	}
	return b.String()
}

// unmet lists the rows that count and were not met.
func (v *view) unmet() string {
	var b strings.Builder
	for i := range v.Operations {
		o := &v.Operations[i]
		for j := range o.Rows {
			r := &o.Rows[j]
			if r.Met() || !v.counts(r) || !v.called(o.API) {
				continue
			}
			b.WriteString(clean(o.Method + " " + o.Path + " " + row(r)))
			if r.Hint != "" {
				b.WriteString(": " + clean(r.Hint))
			}
			b.WriteByte('\n')
		}
	}
	return b.String()
}

func sentence(s string) string { return strings.ToUpper(s[:1]) + s[1:] + "." }
