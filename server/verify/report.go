package verify

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/understudy-api/understudy/server/contract"
	"github.com/understudy-api/understudy/server/evidence"
)

// Report is the result as every rendering takes it: a finding is a violation of the
// server whose rule is the check. version is that of the Understudy that made it.
func (r *Result) Report(version string) *evidence.Report {
	report := &evidence.Report{
		Schema: evidence.SchemaURI, Version: version, From: r.From.UTC(), To: r.To.UTC(), Requests: r.Requests,
		Operations: []evidence.RecordedOperation{}, Violations: []evidence.RecordedViolation{},
	}
	for i := range r.Usage {
		report.Operations = append(report.Operations, operationReport(&r.Usage[i]))
	}
	for i := range r.Findings {
		f := &r.Findings[i]
		message := f.Message
		if f.Rule != f.Check {
			message = strings.TrimSuffix(message, ".") + " [" + f.Rule + "]."
		}
		v := evidence.RecordedViolation{
			API: r.Document.API, Operation: f.Operation, Side: contract.SideServer, Rule: f.Check, Basis: contract.BasisPublished,
			In: f.In, Name: f.Name, Pointer: f.Pointer, Message: message, Got: f.Got, Accepted: f.Accepted, Document: f.Where,
			Requests: f.Count, Exchanges: []string{}, Check: f.Check, Curl: f.Curl, Cause: f.Rule,
		}
		sum := sha256.Sum256([]byte(strings.Join([]string{
			v.API, v.Operation, f.Check, f.Rule, string(v.In), v.Name, v.Pointer, v.Document.Pointer,
		}, "\x00")))
		v.Fingerprint = hex.EncodeToString(sum[:16])
		report.Violations = append(report.Violations, v)
	}
	report.Recount(evidence.CoverageOfAll)
	return report
}

func operationReport(u *Usage) evidence.RecordedOperation {
	op := u.Operation
	d := op.Document()
	out := evidence.RecordedOperation{
		API: d.API, ID: op.ID, Method: op.Method, Path: op.Path, Basis: op.Basis(), Document: d.Locate(op.Pointer()),
		Requests: u.Requests, Rows: []evidence.Row{}, Undeclared: []evidence.Row{},
		Parameters: []evidence.Seen{}, Enums: []evidence.Seen{}, Properties: []evidence.Seen{},
	}
	rows := op.Rows()
	counts := make([]int64, len(rows))
	kinds := make([]AnswerKind, 0, len(u.Answers))
	for kind := range u.Answers {
		kinds = append(kinds, kind)
	}
	slices.SortFunc(kinds, func(a, b AnswerKind) int {
		if a.Status != b.Status {
			return a.Status - b.Status
		}
		return strings.Compare(a.RequestType+a.ResponseType, b.RequestType+b.ResponseType)
	})
	for _, kind := range kinds {
		if at := rowOf(rows, kind); at >= 0 {
			counts[at] += u.Answers[kind]
			continue
		}
		out.Undeclared = append(out.Undeclared, evidence.Row{
			RequestType: kind.RequestType, Status: kind.Status, ResponseType: kind.ResponseType,
			Basis: contract.BasisInferred, Requests: u.Answers[kind],
		})
	}
	for i, row := range rows {
		out.Rows = append(out.Rows, evidence.Row{
			RequestType: row.RequestType, Status: row.Status, Statuses: row.Statuses, ResponseType: row.ResponseType, Basis: row.Basis,
			Counts: row.Basis.Refuses(), Requests: counts[i],
		})
	}
	return out
}

// rowOf finds the declared row of an answer: of its status, else of the range that has
// it, else of the default. What is refused is refused whatever came.
func rowOf(rows []contract.Row, kind AnswerKind) int {
	for _, statuses := range []string{"", strconv.Itoa(kind.Status/100) + "XX", "default"} {
		declared, found := false, -1
		for i, row := range rows {
			if row.Statuses != statuses || statuses == "" && row.Status != kind.Status {
				continue
			}
			declared = true
			switch {
			case !fits(row.ResponseType, kind.ResponseType):
			case fits(row.RequestType, kind.RequestType):
				return i
			case kind.Status >= http.StatusMultipleChoices && found < 0:
				found = i
			}
		}
		if declared {
			return found
		}
	}
	return -1
}

// fits reports whether a media type, "" for none, is the declared one.
func fits(declared, came string) bool {
	return declared == came || declared != "" && came != "" && contract.TypeFits(declared, came)
}
