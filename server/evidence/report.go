// Package evidence keeps what happened and judges by it: exchanges, coverage, and
// the report with its verdict.
package evidence

import (
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
	Status       int            `json:"status"`
	ResponseType string         `json:"responseType,omitempty"`
	Basis        contract.Basis `json:"basis"`
	Counts       bool           `json:"counts"` // whether it counts for the percentage of published rows
	Requests     int64          `json:"requests"`
	Hint         string         `json:"hint,omitempty"` // how to meet it, if it was not met
}

// Seen tells how often something declared was used.
type Seen struct {
	Name     string         `json:"name"`
	Basis    contract.Basis `json:"basis"`
	Requests int64          `json:"requests"`
}

// RecordedViolation is what was recorded of one kind of violation: the same rule
// broken at the same place of the same operation, however often.
type RecordedViolation struct {
	Fingerprint string            `json:"fingerprint"` // stable over runs: what a baseline keeps
	API         string            `json:"api"`
	Operation   string            `json:"operationId,omitempty"`
	Side        contract.Side     `json:"side"`
	Rule        string            `json:"rule"`
	Basis       contract.Basis    `json:"basis"`
	In          contract.In       `json:"in"`
	Name        string            `json:"name,omitempty"`
	Pointer     string            `json:"pointer,omitempty"` // indices replaced by "*", so that lists do not multiply
	Message     string            `json:"message"`
	Got         string            `json:"got,omitempty"` // of the first, redacted
	Accepted    string            `json:"accepted,omitempty"`
	Document    contract.Location `json:"document"`
	Requests    int64             `json:"requests"`        // how many exchanges have it
	Exchanges   []string          `json:"exchanges"`       // ids of the first few
	Known       bool              `json:"known,omitempty"` // named by the baseline
	Check       string            `json:"check,omitempty"` // of "understudy verify" that failed
	Curl        string            `json:"curl,omitempty"`  // a line for a shell that reproduces it
}

// FailOn says which violations break the verdict.
type FailOn string

// What can break the verdict.
const (
	FailOnViolations FailOn = "violations" // published and documented rules, and mistakes of the server
	FailOnInferred   FailOn = "inferred"   // those and all others
	FailOnNone       FailOn = "none"
)

// Fails reports whether the violation breaks the verdict.
func (v *RecordedViolation) Fails(on FailOn) bool {
	switch {
	case v.Known || on == FailOnNone:
		return false
	case on == FailOnInferred:
		return true
	}
	return v.Side == contract.SideServer || v.Basis.Refuses()
}

// Verdict is what a job's exit code is made of.
type Verdict struct {
	Failures []RecordedViolation // that break the contract
	Warnings []RecordedViolation // that do not
	Short    bool                // the coverage is below the threshold
}

// OK reports whether the contract was kept.
func (v *Verdict) OK() bool { return len(v.Failures) == 0 && !v.Short }

// Judge gives the verdict on a report. minCoverage is a percentage; 0 asks nothing.
func (r *Report) Judge(on FailOn, minCoverage float64) *Verdict {
	verdict := &Verdict{Short: r.Coverage.Percent < minCoverage}
	for _, v := range r.Violations {
		if v.Fails(on) {
			verdict.Failures = append(verdict.Failures, v)
		} else {
			verdict.Warnings = append(verdict.Warnings, v)
		}
	}
	return verdict
}
