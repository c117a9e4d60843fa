package render

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/understudy-api/understudy/server/contract"
	"github.com/understudy-api/understudy/server/evidence"
)

// view is a report with its verdict, and the words that the renderings share.
type view struct {
	*evidence.Report

	o       Options
	verdict *evidence.Verdict

	calledAPIs map[string]bool
}

func newView(r *evidence.Report, o Options) *view {
	if r == nil {
		r = &evidence.Report{Coverage: evidence.Coverage{Of: evidence.CoverageOfPublished, Percent: 100}}
	}
	if o.FailOn == "" {
		o.FailOn = evidence.FailOnViolations
	}
	if o.Title == "" {
		o.Title = "Understudy report"
	}
	if o.Width <= 0 {
		o.Width = 100
	}
	o.Width = max(o.Width, 40)
	return &view{Report: r, o: o, verdict: r.Judge(o.Judging), calledAPIs: evidence.Called(r.Operations)}
}

// ok reports whether the job may go on.
func (v *view) ok() bool { return v.verdict.OK() && v.o.Ended == "" }

// headline is the verdict in one sentence.
func (v *view) headline() string {
	var why []string
	if n := len(v.verdict.Failures); n > 0 {
		why = append(why, "the contract is broken by "+kinds(n)+ofCauses(n, len(evidence.Causes(v.verdict.Failures)))+", met "+times(met(v.verdict.Failures)))
	}
	if v.verdict.Short {
		why = append(why, v.shortfall())
	}
	if v.verdict.Idle {
		why = append(why, v.idle())
	}
	text := "the contract was kept"
	switch {
	case v.o.FailOn == evidence.FailOnNone:
		text = "violations are not asked to fail"
	case v.Requests == 0:
		text = "no request was made"
	}
	switch {
	case v.o.Ended != "" && len(why) > 0:
		return "FAILED: the command " + v.o.Ended + ", and " + strings.Join(why, "; ") + "."
	case v.o.Ended != "":
		return "FAILED: the command " + v.o.Ended + " (" + text + ")."
	case len(why) > 0:
		return "FAILED: " + strings.Join(why, "; ") + "."
	}
	if v.o.Unfinished != "" {
		text = "UNFINISHED: nothing was found before the end, which came early: " + clean(v.o.Unfinished)
	} else {
		text = "PASSED: " + text
	}
	if n := len(v.verdict.Warnings); n > 0 {
		text += "; " + kinds(n) + " only warn"
		if n == 1 {
			text += "s"
		}
		if known := v.known(); known > 0 {
			text += ", " + strconv.Itoa(known) + " of them known to the baseline"
		}
	}
	if n := met(v.verdict.Unserved); n > 0 {
		text += "; " + count(n, "request") + " asked for what is not served here"
	}
	if v.LeftOut > 0 {
		text += "; " + count(v.LeftOut, "request") + " left out"
	}
	return text + "."
}

// idle says that nothing was asked of the stand-in.
func (v *view) idle() string {
	if v.LeftOut > 0 {
		return "no request was made for the operations that are selected, and " + count(v.LeftOut, "request") + " for others"
	}
	return "no request was made: the client reached another server, or none (it finds this one by BRMS_URL and DATAFOLD_HOST)"
}

// shortfall says that the coverage is below the threshold.
func (v *view) shortfall() string {
	return "the coverage of " + v.percent() + " is below the " + threshold(v.o.MinCoverage) + " asked for"
}

// known counts the violations that the baseline names.
func (v *view) known() int {
	n := 0
	for i := range v.verdict.Warnings {
		if v.verdict.Warnings[i].Known {
			n++
		}
	}
	return n
}

// coverage says how much is covered of what.
func (v *view) coverage() string {
	of := "published or documented rows"
	if v.Coverage.Of == evidence.CoverageOfAll {
		of = "declared rows"
	}
	return strconv.Itoa(v.Coverage.Covered) + " of " + strconv.Itoa(v.Coverage.Total) + " " + of + " (" + v.percent() + ")"
}

// percent shows the coverage, never more than there is: what is below the
// threshold does not look like the threshold.
func (v *view) percent() string {
	p := math.Floor(v.Coverage.Percent*10+1e-6) / 10
	return strconv.FormatFloat(p, 'f', 1, 64) + " %"
}

func threshold(percent float64) string { return strconv.FormatFloat(percent, 'f', -1, 64) + " %" }

// period says what the report is about; empty if nothing happened.
func (v *view) period() string {
	if v.From.IsZero() || v.To.IsZero() {
		return ""
	}
	from, to := v.From.UTC(), v.To.UTC()
	end := to.Format(time.DateTime)
	if from.Format(time.DateOnly) == to.Format(time.DateOnly) {
		end = to.Format(time.TimeOnly)
	}
	return from.Format(time.DateTime) + " to " + end + " UTC"
}

// made says where the requests came from.
func (v *view) made() string {
	text := count(v.Requests, "request")
	if v.Workspaces > 0 {
		text += " in " + count(int64(v.Workspaces), "workspace")
	}
	if v.LeftOut > 0 {
		text += ", " + strconv.FormatInt(v.LeftOut, 10) + " more left out"
	}
	return text
}

// called reports whether an operation of the API was called. Where none of any was, all
// count.
func (v *view) called(api string) bool { return v.calledAPIs[api] }

func (v *view) operationsOf(api string) int {
	n := 0
	for i := range v.Operations {
		if v.Operations[i].API == api {
			n++
		}
	}
	return n
}

// counts reports whether a row is part of the percentage.
func (v *view) counts(row *evidence.Row) bool {
	return row.Counts || v.Coverage.Of == evidence.CoverageOfAll
}

// covered counts an operation's rows that are part of the percentage.
func (v *view) covered(o *evidence.RecordedOperation) (covered, total int) {
	for i := range o.Rows {
		if !v.counts(&o.Rows[i]) {
			continue
		}
		total++
		if o.Rows[i].Met() {
			covered++
		}
	}
	return covered, total
}

// apis are the names of the APIs, in document order.
func (v *view) apis() []string {
	var names []string
	seen := map[string]bool{}
	for i := range v.Operations {
		if name := v.Operations[i].API; !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	for i := range v.Violations {
		if name := v.Violations[i].API; !seen[name] && v.Violations[i].Operation != "" {
			seen[name] = true
			names = append(names, name)
		}
	}
	return names
}

// met counts how often violations were met.
func met(violations []evidence.RecordedViolation) int64 {
	var n int64
	for i := range violations {
		n += violations[i].Requests
	}
	return n
}

func kinds(n int) string { return count(int64(n), "kind") + " of violation" }

func times(n int64) string {
	if n == 1 {
		return "once"
	}
	return strconv.FormatInt(n, 10) + " times"
}

func count(n int64, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return strconv.FormatInt(n, 10) + " " + thing
}

// shared tells where else a violation's cause was met, at most so many places; empty if
// nowhere.
func shared(c *evidence.Cause, most int) string {
	if len(c.Others) == 0 {
		return ""
	}
	var places []string
	for i := range c.Others {
		x := &c.Others[i]
		place := operation(x)
		if field(x) != field(&c.RecordedViolation) {
			place += " (" + field(x) + ")"
		}
		if place == operation(&c.RecordedViolation) || slices.Contains(places, place) {
			continue
		}
		places = append(places, place)
	}
	more := ""
	if len(places) > most {
		places, more = places[:most], " and "+strconv.Itoa(len(places)-most)+" more"
	}
	text := "one cause of " + kinds(len(c.Others)+1) + ", met " + times(c.Met())
	if n := len(c.Operations()); n > 1 {
		text += " in " + count(int64(n), "operation")
	}
	if len(places) > 0 {
		text += ": also " + strings.Join(places, ", ") + more
	}
	return text
}

// ofCauses says of how many causes violations are, where some share one.
func ofCauses(violations, causes int) string {
	if causes == violations {
		return ""
	}
	return " of " + count(int64(causes), "cause")
}

// operation names what a violation is about: by method and path, as a client's
// engineer knows it.
func operation(x *evidence.RecordedViolation) string {
	switch {
	case x.Path != "" && x.Operation == "" && x.First != nil:
		return x.First.Method + " " + x.First.Path
	case x.Path != "":
		return x.Method + " " + x.Path
	case x.Operation == "":
		return "any request"
	}
	return x.Operation
}

// requestChecks are the checks whose findings name a part of the request: the
// server's mistake is that it took it.
var requestChecks = map[string]bool{"negative_data_rejection": true, "missing_required_header": true}

// Violation words one violation in lines for a terminal: what was called, the place and
// the rule; the sentence; what came, what is accepted and where the rule stands; and the
// line that sends the request again.
func Violation(x *evidence.RecordedViolation) []string {
	lines := []string{operation(x) + ": " + field(x) + ": " + x.Rule, x.Message}
	if x.Got != "" {
		lines = append(lines, "got "+x.Got)
	}
	if x.Accepted != "" {
		lines = append(lines, "accepts "+x.Accepted)
	}
	if at := document(x.Document); at != "" {
		lines = append(lines, at)
	}
	if x.Curl != "" {
		lines = append(lines, x.Curl)
	}
	for i := range lines {
		lines[i] = clean(lines[i])
	}
	return lines
}

// field names the part of the message: "query page", "body /name".
func field(x *evidence.RecordedViolation) string {
	text := string(x.In)
	if x.In == contract.InMessage || text == "" {
		text = "request"
		if x.Side == contract.SideServer {
			text = "status"
		}
	}
	if x.Side == contract.SideServer && !requestChecks[x.Check] {
		text = "answer's " + text
	}
	if x.Name != "" {
		text += " " + x.Name
		if x.Pointer != "" {
			text += " at"
		}
	}
	if x.Pointer != "" {
		text += " " + x.Pointer
	}
	return text
}

// document names the place of the rule: "openapi/brms/project.yaml:12".
func document(l contract.Location) string {
	if l.File == "" || l.Line <= 0 {
		return l.File
	}
	return l.File + ":" + strconv.Itoa(l.Line)
}

// exchanges names the first exchange, and says whether there are more.
func exchanges(x *evidence.RecordedViolation) string {
	if len(x.Exchanges) == 0 {
		return ""
	}
	text := "exchange " + x.Exchanges[0]
	if more := len(x.Exchanges) - 1; more > 0 {
		text += " and " + strconv.Itoa(more) + " more"
	}
	return text
}

// details are the facts of a violation beside its sentence, in a fixed order.
func details(x *evidence.RecordedViolation) []string {
	var parts []string
	if x.Got != "" {
		parts = append(parts, "got "+x.Got)
	}
	if others := others(x); others != "" {
		parts = append(parts, "also "+others)
	}
	if x.Accepted != "" {
		parts = append(parts, "accepts "+x.Accepted)
	}
	if x.Operation != "" && x.Path != "" {
		parts = append(parts, "operation "+x.Operation)
	}
	if at := document(x.Document); at != "" {
		parts = append(parts, at)
	}
	parts = append(parts, count(x.Requests, "request"))
	if tests := tests(x); tests != "" {
		parts = append(parts, tests)
	}
	parts = append(parts, first(x)...)
	if ids := exchanges(x); ids != "" {
		parts = append(parts, ids)
	}
	return append(parts, remarks(x)...)
}

// others are the values that came besides the first.
func others(x *evidence.RecordedViolation) string {
	var list []string
	for _, value := range x.Values {
		if value != x.Got {
			list = append(list, value)
		}
	}
	return strings.Join(list, ", ")
}

// gots is all that came and is known of, the first first.
func gots(x *evidence.RecordedViolation) string {
	if more := others(x); more != "" {
		return x.Got + ", " + more
	}
	return x.Got
}

func tests(x *evidence.RecordedViolation) string {
	switch len(x.Tests) {
	case 0:
		return ""
	case 1:
		return "in the test " + x.Tests[0]
	}
	return "in the tests " + strings.Join(x.Tests, ", ")
}

// first tells of the first request where it adds to what is said besides.
func first(x *evidence.RecordedViolation) []string {
	f := x.First
	if f == nil {
		return nil
	}
	text := "first at " + f.Time.UTC().Format("15:04:05.000")
	if at := f.Method + " " + f.Path; at != operation(x) {
		text += ", " + at
	}
	text += ", answered " + strconv.Itoa(f.Status)
	parts := []string{text}
	if f.Workspace != "" {
		parts = append(parts, "workspace "+f.Workspace)
	}
	if f.Trace != "" {
		parts = append(parts, "trace "+f.Trace)
	}
	if f.UserAgent != "" {
		parts = append(parts, "by "+f.UserAgent)
	}
	return parts
}

// request is the first request as it came, line by line.
func request(x *evidence.RecordedViolation) []string {
	f := x.First
	if f == nil {
		return nil
	}
	lines := []string{clean(f.Method + " " + f.Path)}
	for _, name := range slices.Sorted(maps.Keys(f.Header)) {
		for _, value := range f.Header[name] {
			lines = append(lines, clean(name+": "+value))
		}
	}
	if f.Body != "" {
		lines = append(lines, "")
		for line := range strings.Lines(f.Body) {
			lines = append(lines, clean(strings.TrimRight(line, "\r\n")))
		}
	}
	return lines
}

// again is the line that makes the request anew.
func again(x *evidence.RecordedViolation) string {
	if x.Curl == "" {
		return ""
	}
	return "reproduce with: " + x.Curl
}

// remarks say what is unusual about a violation.
func remarks(x *evidence.RecordedViolation) []string {
	var parts []string
	if x.Side == contract.SideServer {
		parts = append(parts, "a mistake of the server")
	}
	if x.Basis != "" && !x.Basis.Refuses() && x.Rule != contract.RuleUnserved {
		parts = append(parts, "an "+string(x.Basis)+" rule")
		if x.Basis == contract.BasisClient {
			parts[len(parts)-1] = "a rule seen only in a client"
		}
	}
	if x.Expected {
		parts = append(parts, "expected by the client")
	}
	if x.Known {
		parts = append(parts, "known to the baseline")
	}
	return parts
}

// row names a row of an operation: "application/json -> 200 application/json".
func row(r *evidence.Row) string {
	text := ""
	if r.RequestType != "" {
		text = r.RequestType + " "
	}
	if text += "-> "; r.Statuses != "" {
		text += r.Statuses
	} else {
		text += status(r.Status)
	}
	if r.ResponseType != "" {
		text += " " + r.ResponseType
	}
	if r.Forced > 0 {
		text += " (forced " + times(r.Forced) + ")"
	}
	return text
}

func status(code int) string {
	if code == 0 {
		return "default"
	}
	return strconv.Itoa(code)
}
