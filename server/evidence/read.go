package evidence

import (
	"cmp"
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/understudy-api/understudy/server/contract"
	"github.com/understudy-api/understudy/server/site"
	"github.com/understudy-api/understudy/storage"
)

// Summary is what a list tells of an exchange.
type Summary struct {
	ID         string        `json:"id"`
	Time       time.Time     `json:"time"`
	Duration   time.Duration `json:"duration"`
	API        string        `json:"api"`
	Workspace  string        `json:"workspace"`
	Operation  string        `json:"operation,omitempty"`
	Method     string        `json:"method"`
	Path       string        `json:"path"`
	Query      string        `json:"query,omitempty"` // redacted
	Status     int           `json:"status"`
	Refused    bool          `json:"refused"`
	Violations int           `json:"violations"`

	Forced *site.Forced `json:"forced,omitempty"` // nil if nothing of it was
}

// RecordedExchange is the whole record of an exchange, redacted.
type RecordedExchange struct {
	Summary
	RecordedMessages

	Explained []contract.Explained
}

func summaryOf(x *site.Exchange) Summary {
	s := Summary{
		ID: x.ID, Time: x.Time.UTC().Truncate(time.Microsecond), Duration: x.Duration, API: x.API, Workspace: x.Workspace,
		Method: strings.ToValidUTF8(x.Method, "\uFFFD"), Path: strings.ToValidUTF8(x.Path, "\uFFFD"),
		Status: x.Status, Refused: x.Refused, Violations: len(x.Explained), Forced: x.Forced,
	}
	if x.Document != nil {
		s.Query = strings.ToValidUTF8(x.Document.MaskQuery(x.Query), "\uFFFD")
	}
	if x.Operation != nil {
		s.Operation = x.Operation.ID
	}
	return s
}

// Filter selects exchanges; what is zero selects nothing out.
type Filter struct {
	Operation  string
	Status     int
	Violations *bool // with violations, or without
	Since      time.Time
	Limit      int
	Cursor     string // continues a list
}

func (f *Filter) fits(s *Summary) bool {
	return (f.Operation == "" || s.Operation == f.Operation) &&
		(f.Status == 0 || s.Status == f.Status) &&
		(f.Violations == nil || *f.Violations == (s.Violations > 0)) &&
		!s.Time.Before(f.Since)
}

// newestFirst orders exchanges.
func newestFirst(a, b Summary) int {
	return cmp.Or(b.Time.Compare(a.Time), strings.Compare(b.ID, a.ID))
}

func cursorOf(s *Summary) string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(s.Time.UnixMicro(), 10) + " " + s.ID))
}

func parseCursor(text string) (Summary, bool) {
	plain, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return Summary{}, false
	}
	at, id, found := strings.Cut(string(plain), " ")
	micro, err := strconv.ParseInt(at, 10, 64)
	return Summary{ID: id, Time: time.UnixMicro(micro).UTC()}, found && err == nil
}

// List gives exchanges, newest first, and the cursor that continues the list: ""
// at its end. ok is false if the filter's cursor is none of ours.
func (r *Recorder) List(ctx context.Context, s Scope, f Filter) (list []Summary, next string, ok bool, err error) {
	var after *Summary
	if f.Cursor != "" {
		at, ok := parseCursor(f.Cursor)
		if !ok {
			return nil, "", false, nil
		}
		after = &at
	}
	if err := r.flushOf(ctx, s); err != nil {
		return nil, "", true, err
	}
	list, err = r.kept(ctx, s)
	if err != nil {
		return nil, "", true, err
	}
	list = slices.DeleteFunc(list, func(summary Summary) bool {
		return !s.wants(summary.API) || !f.fits(&summary) || after != nil && newestFirst(summary, *after) <= 0
	})
	if f.Limit > 0 && len(list) > f.Limit {
		list = list[:f.Limit]
		next = cursorOf(&list[f.Limit-1])
	}
	return list, next, true, nil
}

// kept gives the exchanges that are kept, newest first. It is never nil.
func (r *Recorder) kept(ctx context.Context, s Scope) ([]Summary, error) {
	list, here, inChunk := []Summary{}, map[string]bool{}, map[string]bool{}
	add := func(summary Summary) {
		if !here[summary.ID] {
			here[summary.ID] = true
			list = append(list, summary)
		}
	}
	if !r.o.Shared {
		for _, x := range r.newest(s) {
			add(summaryOf(x))
		}
	}
	if err := r.store.View(ctx, storeName, func(tx storage.ReadTx) error {
		page, err := storedExchanges.List(tx, storage.Query{Parent: s.parent()})
		if err != nil {
			return err
		}
		for i := range page.Items {
			add(page.Items[i].Value.Summary)
		}
		if !r.o.Shared {
			return nil
		}
		recent, err := chunks.List(tx, storage.Query{Parent: s.parent()})
		for i := range recent.Items {
			for _, summary := range recent.Items[i].Value.Summaries {
				inChunk[summary.ID] = !here[summary.ID]
				add(summary)
			}
		}
		return err
	}); err != nil {
		return nil, err
	}
	slices.SortFunc(list, newestFirst)
	return r.newestOnly(list, inChunk), nil
}

// newest gives the exchanges in memory.
func (r *Recorder) newest(s Scope) []*site.Exchange {
	r.mu.Lock()
	defer r.mu.Unlock()
	var found []*site.Exchange
	for _, q := range r.queues(s) {
		for at := q.oldest; at != nil; at = at.next[q.lane] {
			found = append(found, at.x)
		}
	}
	return found
}

// queues are those that hold the exchanges of the scope. r.mu is held.
func (r *Recorder) queues(s Scope) []*queue {
	if s.All {
		return []*queue{&r.all, &r.strangers}
	}
	if w := r.workspaces[s.Workspace]; w != nil {
		return []*queue{&w.own}
	}
	return nil
}

// inMemory is the exchange of the scope, or of nobody's workspace, that memory holds; nil
// if there is none. It looks at each: every request would pay for an index, of which few
// ask.
func (r *Recorder) inMemory(s Scope, id string) *kept {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, q := range append(r.queues(s), r.queues(Scope{})...) {
		for k := q.last; k != nil; k = k.prev[q.lane] {
			if k.x.ID == id {
				return k
			}
		}
	}
	return nil
}

// Get gives an exchange of the scope; nil if there is none. Those without a
// workspace are everybody's: nobody could look at a refused credential else.
func (r *Recorder) Get(ctx context.Context, s Scope, id string) (*RecordedExchange, error) {
	visible := func(workspace string) bool { return s.All || workspace == s.Workspace || workspace == "" }
	if r.o.Shared {
		if err := r.flushOf(ctx, s); err != nil {
			return nil, err
		}
	}
	if k := r.inMemory(s, id); k != nil && !r.o.Shared { // another process may have cleared it
		return &RecordedExchange{Summary: summaryOf(k.x), RecordedMessages: messagesOf(k.x), Explained: k.x.Explained}, nil
	}
	var found *RecordedExchange
	err := r.store.View(ctx, storeName, func(tx storage.ReadTx) error {
		item, err := storedExchanges.Get(tx, id)
		if storage.IsNotFound(err) && r.o.Shared {
			for _, workspace := range slices.Compact([]string{s.Workspace, ""}) {
				parent := &workspace
				if s.All {
					parent = nil
				}
				if found, err = findRecent(tx, parent, id); err != nil || found != nil {
					break
				}
			}
			return err
		}
		if err != nil || !visible(item.Value.Workspace) {
			return err
		}
		messages, err := storedMessages.Get(tx, id)
		if err != nil {
			return err
		}
		found = &RecordedExchange{Summary: item.Value.Summary, RecordedMessages: messages.Value, Explained: item.Value.Explained}
		return nil
	})
	if storage.CodeOf(err) == storage.CodeNotFound && err != nil {
		err = nil
	}
	return found, err
}

// Report tells what happened in the scope. of is CoverageOfPublished or
// CoverageOfAll.
func (r *Recorder) Report(ctx context.Context, s Scope, of string) (*Report, error) {
	documents, err := r.o.Documents()
	if err != nil {
		return nil, fmt.Errorf("the documents of a report: %w", err)
	}
	if err := r.flushOf(ctx, s); err != nil {
		return nil, err
	}
	report := &Report{Schema: SchemaURI, Version: r.o.Version, Operations: []RecordedOperation{}, Violations: []RecordedViolation{}}
	var sum tally
	groups := map[string]*RecordedViolation{}
	if err := r.store.View(ctx, storeName, func(tx storage.ReadTx) error {
		page, err := tallies.List(tx, storage.Query{Parent: s.parent()})
		if err != nil {
			return err
		}
		for _, item := range page.Items {
			used := false
			for api, u := range item.Value.APIs {
				used = used || u.Requests > 0 && s.wants(api)
			}
			if used {
				report.Workspaces++
			}
			sum.add(&item.Value)
		}
		violations, err := storedGroups.List(tx, storage.Query{Parent: s.parent()})
		for _, item := range violations.Items {
			v := item.Value.Violation
			if !s.wants(v.API) {
				continue
			}
			if known := groups[v.Fingerprint]; known != nil {
				known.add(&v)
				continue
			}
			v.own()
			groups[v.Fingerprint] = &v
		}
		return err
	}); err != nil {
		return nil, err
	}
	for _, t := range r.strange(s) {
		sum.add(t)
		for api, u := range t.APIs {
			if u.Requests > 0 && s.wants(api) {
				report.Workspaces++
				break
			}
		}
	}
	var whole use
	for api, u := range sum.APIs {
		if s.wants(api) {
			whole.add(u.Requests, u.From, u.To)
		}
	}
	report.Requests, report.From, report.To = whole.Requests, whole.From.UTC(), whole.To.UTC()
	order := map[string]int{}
	for _, d := range documents {
		if !s.wants(d.API) {
			continue
		}
		for _, op := range inOrder(d) {
			p := r.plan(op)
			order[d.API+" "+op.ID] = len(order)
			report.Operations = append(report.Operations, p.report(sum.Operations[p.key]))
		}
	}
	for _, v := range groups {
		report.Violations = append(report.Violations, *v)
	}
	sortViolations(report.Violations, order)
	report.Coverage = CoverageOf(report.Operations, of)
	return report, nil
}

// inOrder lists operations as they stand in the document.
func inOrder(d *contract.Document) []*contract.Operation {
	return slices.SortedStableFunc(slices.Values(d.Operations()), func(a, b *contract.Operation) int {
		return d.Locate(a.Pointer()).Compare(d.Locate(b.Pointer()))
	})
}

// sortViolations puts those that break the verdict first, then by operation.
func sortViolations(violations []RecordedViolation, order map[string]int) {
	rank := func(v *RecordedViolation) int {
		if v.Fails(FailOnViolations) {
			return 0
		}
		return 1
	}
	place := func(v *RecordedViolation) int {
		if i, known := order[v.API+" "+v.Operation]; known {
			return i
		}
		return len(order)
	}
	slices.SortFunc(violations, func(a, b RecordedViolation) int {
		return cmp.Or(cmp.Compare(rank(&a), rank(&b)), cmp.Compare(place(&a), place(&b)),
			cmp.Compare(a.API, b.API), cmp.Compare(a.Pointer, b.Pointer), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Fingerprint, b.Fingerprint))
	})
}

// Called tells of each API whether an operation of it was called: only then it counts,
// since nobody has to use all. Where no operation was called at all, all count.
func Called(operations []RecordedOperation) map[string]bool {
	called, all := map[string]bool{}, map[string]bool{}
	for i := range operations {
		all[operations[i].API] = true
		if operations[i].Requests > 0 {
			called[operations[i].API] = true
		}
	}
	if len(called) == 0 {
		return all
	}
	return called
}

// CoverageOf counts the rows of operations that were met, of the APIs that were called.
func CoverageOf(operations []RecordedOperation, of string) Coverage {
	c, called := Coverage{Of: of, Percent: 100}, Called(operations)
	for i := range operations {
		if !called[operations[i].API] {
			continue
		}
		for _, row := range operations[i].Rows {
			if !row.Counts && of != CoverageOfAll {
				continue
			}
			c.Total++
			if row.Met() {
				c.Covered++
			}
		}
	}
	if c.Total > 0 {
		c.Percent = 100 * float64(c.Covered) / float64(c.Total)
	}
	return c
}

// report tells how an operation was used; t is nil if it was not.
func (p *plan) report(t *opTally) RecordedOperation {
	if t == nil {
		t = &opTally{}
	}
	o := RecordedOperation{
		API: p.op.Document().API, ID: p.op.ID, Method: p.op.Method, Path: p.op.Path, Basis: p.op.Basis(), Document: p.where,
		Requests: t.Requests, Rows: []Row{}, Undeclared: []Row{},
	}
	declared := map[string]bool{}
	for _, row := range p.rows {
		key := rowKey(row.RequestType, row.Status, row.ResponseType)
		declared[key] = true
		r := Row{
			RequestType: row.RequestType, Status: row.Status, ResponseType: row.ResponseType,
			Basis: row.Basis, Counts: row.Basis.Refuses(), Requests: t.Rows[key], Forced: t.Forced[key],
		}
		if !r.Met() {
			r.Hint = p.hint(row)
		}
		o.Rows = append(o.Rows, r)
	}
	for key, n := range t.Rows {
		if !declared[key] {
			request, status, response := rowOf(key)
			o.Undeclared = append(o.Undeclared, Row{
				RequestType: request, Status: status, ResponseType: response, Basis: contract.BasisInferred, Requests: n,
			})
		}
	}
	slices.SortFunc(o.Undeclared, func(a, b Row) int {
		return cmp.Or(cmp.Compare(a.Status, b.Status), cmp.Compare(a.RequestType, b.RequestType), cmp.Compare(a.ResponseType, b.ResponseType))
	})
	o.Parameters = seenOf(p.parameters, seenParameter, t)
	o.Enums = seenOf(p.enums, seenValue, t)
	o.Properties = seenOf(p.properties, seenMember, t)
	return o
}

func seenOf(declared []Seen, sort string, t *opTally) []Seen {
	seen := make([]Seen, len(declared))
	for i, s := range declared {
		s.Requests = t.Seen[sort+s.Name]
		seen[i] = s
	}
	return seen
}

// hint says how to meet a row, by a request that the verdict allows.
func (p *plan) hint(row contract.Row) string {
	forced := "send the header Prefer: code=" + strconv.Itoa(row.Status) + ", or set a fault"
	wrong := ""
	switch row.Status {
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		switch {
		case p.hasBody:
			wrong = "leave a required member out of the body"
		case len(p.query) > 0:
			wrong = "send a query parameter with a value that its schema does not allow"
		case len(p.path) > 0:
			wrong = "send an id in the path that is not of the declared form"
		default:
			wrong = "send a request that breaks the document"
		}
	case http.StatusUnauthorized:
		wrong = "send no credential"
	case http.StatusRequestEntityTooLarge:
		wrong = "send a body that is larger than the server's --max-body"
	case http.StatusUnsupportedMediaType:
		wrong = "send a Content-Type that is not declared"
	case http.StatusNotFound:
		switch p.op.Method {
		case http.MethodDelete:
			return "delete the same thing twice"
		case http.MethodGet:
			return "ask for an id that does not exist, or that was deleted"
		}
		return "send an id that does not exist"
	case http.StatusConflict:
		if p.op.Method == http.MethodPost {
			return "create the same thing twice, or " + forced
		}
		return "ask for a state that is already taken, or " + forced
	}
	switch {
	case wrong != "":
		return forced + "; or " + wrong + " and say so with the header Understudy-Expect: violation"
	case row.Status >= http.StatusBadRequest:
		return forced
	case row.Status >= http.StatusMultipleChoices:
		return "call the operation so that it answers " + strconv.Itoa(row.Status)
	}
	hint := "send a request that keeps the document"
	if row.RequestType != "" {
		hint += ", with a body of the type " + row.RequestType
	}
	if len(p.path) > 0 {
		hint += ", for something that was made before"
	}
	return hint
}
