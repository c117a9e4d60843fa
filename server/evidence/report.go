// Package evidence keeps what happened and judges by it: exchanges, coverage, and
// the report with its verdict.
package evidence

import (
	"net/http"
	"time"

	"github.com/understudy-api/understudy/server/contract"
)

// Report is what a job asks for at the end: did the client keep the contract, what
// did it use, what did it never try. It is the JSON of GET /_understudy/report and
// of "understudy report --format json"; docs/report.schema.json is its schema.
type Report struct {
	Schema     string              `json:"$schema"` // SchemaURI
	Version    string              `json:"version"` // of the Understudy that made it
	From       time.Time           `json:"from"`    // first and last exchange; zero if there is none
	To         time.Time           `json:"to"`
	Workspaces int                 `json:"workspaces"` // how many are joined in it
	Requests   int64               `json:"requests"`
	LeftOut    int64               `json:"leftOut,omitempty"` // requests that a filter left out
	Coverage   Coverage            `json:"coverage"`
	Operations []RecordedOperation `json:"operations"` // every declared one, in document order
	Violations []RecordedViolation `json:"violations"` // each kind of violation once, refusing ones first
}

// SchemaURI names the form of a Report.
const SchemaURI = "urn:understudy:report:1"

// Coverage counts rows: (operation, request media type, status, response media
// type). Only rows that the vendor publishes or documents count, unless asked for
// all.
type Coverage struct {
	Of      string  `json:"of"` // CoverageOfPublished or CoverageOfAll
	Covered int     `json:"covered"`
	Total   int     `json:"total"`
	Percent float64 `json:"percent"` // 100 when Total is 0
}

// What a coverage percentage is taken of.
const (
	CoverageOfPublished = "published"
	CoverageOfAll       = "all"
)

// RecordedOperation is what was recorded of the use of one operation.
type RecordedOperation struct {
	API        string            `json:"api"`
	ID         string            `json:"operationId"`
	Method     string            `json:"method"`
	Path       string            `json:"path"`
	Basis      contract.Basis    `json:"basis"`
	Document   contract.Location `json:"document"`
	Requests   int64             `json:"requests"`
	Rows       []Row             `json:"rows"`       // every declared one, from the start, at zero
	Undeclared []Row             `json:"undeclared"` // met, but not declared
	Parameters []Seen            `json:"parameters"` // every declared one: "query page"
	Enums      []Seen            `json:"enums"`      // every declared value: "query all=true", "body /auth_type=delegated"
	Properties []Seen            `json:"properties"` // every declared member of the request body that a client can send
}

// Row is one way an operation can be used and answered.
type Row struct {
	RequestType  string         `json:"requestType,omitempty"`
	Status       int            `json:"status"`             // 0 for several
	Statuses     string         `json:"statuses,omitempty"` // of several: a range of them, "4XX", or "default"
	ResponseType string         `json:"responseType,omitempty"`
	Basis        contract.Basis `json:"basis"`
	Counts       bool           `json:"counts"` // whether it counts for the percentage of published rows
	Requests     int64          `json:"requests"`
	Forced       int64          `json:"forced,omitempty"` // requests that were made to be answered so: by a fault, or the header Prefer
	Hint         string         `json:"hint,omitempty"`   // how to meet it, if it was not met
}

// Met reports whether a row was met. An error that was forced counts: how else would a
// client meet one that the rules forbid, or only a failing server answers. A success
// that was forced does not: nothing was done.
func (r *Row) Met() bool {
	return r.Requests > 0 || r.Forced > 0 && r.Status >= http.StatusBadRequest
}

// Seen tells how often something declared was used.
type Seen struct {
	Name     string         `json:"name"`
	Basis    contract.Basis `json:"basis"`
	Requests int64          `json:"requests"`
}

// FailOn says which violations break the verdict.
type FailOn string

// What can break the verdict.
const (
	FailOnViolations FailOn = "violations" // published and documented rules, and mistakes of the server
	FailOnInferred   FailOn = "inferred"   // those and all others
	FailOnNone       FailOn = "none"
)

// Judging is how a report is judged. The zero value fails on no kind of violation, and
// on a report without requests.
type Judging struct {
	FailOn          FailOn
	MinCoverage     float64 // in percent; 0 asks nothing
	AllowNoRequests bool
}

// Verdict is what a job's exit code is made of.
type Verdict struct {
	Failures []RecordedViolation // that break the contract
	Warnings []RecordedViolation // that do not
	Expected []RecordedViolation // that the client broke the contract by on purpose
	Unserved []RecordedViolation // requests for what the vendor has and is not served here
	Short    bool                // the coverage is below the threshold
	Idle     bool                // no request was made
}

// OK reports whether the contract was kept.
func (v *Verdict) OK() bool { return len(v.Failures) == 0 && !v.Short && !v.Idle }

// Judge gives the verdict on a report.
func (r *Report) Judge(j Judging) *Verdict {
	verdict := &Verdict{Short: r.Coverage.Percent < j.MinCoverage, Idle: r.Requests == 0 && !j.AllowNoRequests}
	for _, v := range r.Violations {
		switch {
		case v.Fails(j.FailOn):
			verdict.Failures = append(verdict.Failures, v)
		case v.Expected:
			verdict.Expected = append(verdict.Expected, v)
		case v.Rule == contract.RuleUnserved:
			verdict.Unserved = append(verdict.Unserved, v)
		default:
			verdict.Warnings = append(verdict.Warnings, v)
		}
	}
	return verdict
}
