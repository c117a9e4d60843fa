package evidence

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Merge joins the reports of jobs that shared one client's tests between them:
// counts are added, violations of one fingerprint become one, and the coverage is
// taken anew. What only some of the reports have is kept. The reports stay as they
// are. Two operations of one name with different routes are a mistake.
func Merge(reports ...*Report) (*Report, error) {
	if len(reports) == 0 {
		return nil, errors.New("no reports to merge")
	}
	merged := &Report{Schema: SchemaURI, Operations: []RecordedOperation{}, Violations: []RecordedViolation{}}
	var versions []string
	operations := map[string]int{}
	violations := map[string]int{}
	for _, r := range reports {
		if !slices.Contains(versions, r.Version) {
			versions = append(versions, r.Version)
		}
		merged.Workspaces += r.Workspaces
		merged.Requests += r.Requests
		merged.LeftOut += r.LeftOut
		merged.From = pick(merged.From, r.From, time.Time.Before)
		merged.To = pick(merged.To, r.To, time.Time.After)
		for i := range r.Operations {
			op := &r.Operations[i]
			key := op.API + " " + op.ID
			at, known := operations[key]
			if !known {
				at = len(merged.Operations)
				operations[key] = at
				merged.Operations = append(merged.Operations, RecordedOperation{
					API: op.API, ID: op.ID, Method: op.Method, Path: op.Path, Basis: op.Basis, Document: op.Document,
					Rows: []Row{}, Undeclared: []Row{}, Parameters: []Seen{}, Enums: []Seen{}, Properties: []Seen{},
				})
			}
			if err := merged.Operations[at].add(op); err != nil {
				return nil, err
			}
		}
		for i := range r.Violations {
			v := r.Violations[i]
			at, known := violations[v.Fingerprint]
			if !known {
				violations[v.Fingerprint] = len(merged.Violations)
				v.own()
				merged.Violations = append(merged.Violations, v)
				continue
			}
			first := &merged.Violations[at]
			first.Known = first.Known && v.Known
			first.add(&v)
		}
	}
	merged.Version = strings.Join(versions, ", ")
	sortViolations(merged.Violations, operations)
	merged.Recount(cmp.Or(reports[0].Coverage.Of, CoverageOfPublished))
	return merged, nil
}

// pick gives the time that is better; the zero time is none.
func pick(a, b time.Time, better func(time.Time, time.Time) bool) time.Time {
	if a.IsZero() || !b.IsZero() && better(b, a) {
		return b
	}
	return a
}

func (o *RecordedOperation) add(other *RecordedOperation) error {
	if o.Method != other.Method || o.Path != other.Path {
		return fmt.Errorf("the reports are of different documents: %s:%s is %s %s in one and %s %s in another",
			o.API, o.ID, o.Method, o.Path, other.Method, other.Path)
	}
	o.Requests += other.Requests
	o.Rows = addRows(o.Rows, other.Rows)
	o.Undeclared = addRows(o.Undeclared, other.Undeclared)
	o.Parameters = addSeen(o.Parameters, other.Parameters)
	o.Enums = addSeen(o.Enums, other.Enums)
	o.Properties = addSeen(o.Properties, other.Properties)
	return nil
}

func addRows(rows, others []Row) []Row {
	for _, other := range others {
		i := slices.IndexFunc(rows, func(r Row) bool {
			return r.RequestType == other.RequestType && r.Status == other.Status && r.Statuses == other.Statuses && r.ResponseType == other.ResponseType
		})
		if i < 0 {
			rows = append(rows, other)
			continue
		}
		rows[i].Requests += other.Requests
		if rows[i].Forced += other.Forced; rows[i].Met() {
			rows[i].Hint = ""
		}
	}
	return rows
}

func addSeen(list, others []Seen) []Seen {
	for _, other := range others {
		i := slices.IndexFunc(list, func(s Seen) bool { return s.Name == other.Name })
		if i < 0 {
			list = append(list, other)
			continue
		}
		list[i].Requests += other.Requests
	}
	return list
}
