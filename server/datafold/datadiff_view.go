package datafold

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/understudy-api/understudy/gen/datafold"
	"github.com/understudy-api/understudy/internal/pydantic"
	"github.com/understudy-api/understudy/server/datadiff"
	"github.com/understudy-api/understudy/server/job"
	"github.com/understudy-api/understudy/storage"
)

// jsonAnswer is an answer that is written as it is: its members stand in the order of
// the document.
type jsonAnswer struct{ body any }

func (a jsonAnswer) write(w http.ResponseWriter) error {
	text, err := json.Marshal(a.body)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
	_, err = w.Write(text)
	return err
}

// VisitCreateDatadiffResponse answers with a diff.
func (a jsonAnswer) VisitCreateDatadiffResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitGetDatadiffResponse answers with a diff.
func (a jsonAnswer) VisitGetDatadiffResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitUpdateDatadiffResponse answers with a diff.
func (a jsonAnswer) VisitUpdateDatadiffResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitListDatadiffsResponse answers with a page of diffs.
func (a jsonAnswer) VisitListDatadiffsResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitGetDiffSummaryV1Response answers with the results of a diff.
func (a jsonAnswer) VisitGetDiffSummaryV1Response(w http.ResponseWriter) error { return a.write(w) }

// diffMembers are the members of a diff and of one with its progress, in the order of
// the document.
var diffMembers = sync.OnceValues(func() (both [2][]member, err error) {
	var document struct {
		Components struct {
			Schemas map[string]json.RawMessage `json:"schemas"`
		} `json:"components"`
	}
	if err := json.Unmarshal(datafold.Document(), &document); err != nil {
		return both, err
	}
	for i, name := range []string{"ApiDataDiffFull", "ApiDataDiffWithProgressState"} {
		if both[i], _, err = membersOf(document.Components.Schemas, name); err != nil {
			return both, err
		}
	}
	return both, nil
})

// diffState is where a diff is.
type diffState struct {
	status string
	stays  bool // in a state that was scripted
	job    job.Job
	result *diffResult // of one that is done, unless it was purged
}

func (s *diffState) ended() bool { return s.job.State.Ended() }

// progress is how far a diff has come, as its job tells.
type progress struct {
	Completed int `json:"completed"`
	Total     int `json:"total"`
}

// stateOf tells where a diff is.
func stateOf(tx storage.ReadTx, look job.Look, item *storage.Item[dataDiff]) (s diffState, err error) {
	v := &item.Value
	if v.Script != nil && v.Script.State != "" {
		s.status, s.stays = v.Script.State, true
		s.job = job.Job{State: job.Running, Created: v.CreatedAt}
		if !v.Cancelled.IsZero() {
			s.status = jobWords[job.Cancelled]
			s.job.State, s.job.Finished = job.Cancelled, v.Cancelled
		}
		return s, nil
	}
	s.job, err = look(diffJobs, item.ID)
	if storage.IsNotFound(err) { // no diff is without one, but a seed's may be
		s.job, err = diffJobs.Assume(item.ID, v.CreatedAt, tx.Now()), nil
	}
	if err != nil {
		return s, err
	}
	s.status = jobWords[s.job.State]
	if s.job.State == job.Running && s.job.Plan.Mode == job.Auto && s.job.Attempt > 0 && s.job.Progress == nil {
		s.status = jobWords[job.Queued] // it waits for connections
	}
	if s.job.State == job.Done && !v.Forgotten && s.job.Result != nil {
		s.result = &diffResult{}
		err = json.Unmarshal(s.job.Result, s.result)
	}
	return s, err
}

func viewDiff(tx storage.ReadTx, look job.Look, item storage.Item[dataDiff]) (json.RawMessage, error) {
	return viewDiffAs(tx, look, item, "")
}

// viewDiffAs is the diff as it is answered, with a status of its own if that is not "".
func viewDiffAs(tx storage.ReadTx, look job.Look, item storage.Item[dataDiff], status string) (json.RawMessage, error) {
	s, err := stateOf(tx, look, &item)
	if err != nil {
		return nil, err
	}
	if status != "" {
		s = diffState{status: status, job: job.Job{State: job.Waiting}}
	}
	members, err := diffMembers()
	if err != nil {
		return nil, err
	}
	given, err := shown(&item, &s)
	return ordered(members[0], given), err
}

func viewDiffWithProgress(tx storage.ReadTx, look job.Look, item storage.Item[dataDiff]) (json.RawMessage, error) {
	s, err := stateOf(tx, look, &item)
	if err != nil {
		return nil, err
	}
	members, err := diffMembers()
	if err != nil {
		return nil, err
	}
	given, err := shown(&item, &s)
	if err != nil {
		return nil, err
	}
	var p progress
	if s.job.Progress != nil && json.Unmarshal(s.job.Progress, &p) == nil && p.Total > 0 {
		given["diff_progress"], err = json.Marshal(struct {
			Version   string `json:"version"`
			Completed int    `json:"completed_steps"`
			Total     int    `json:"total_steps"`
		}{progressVersion, p.Completed, p.Total})
	}
	return ordered(members[1], given), err
}

// progressVersion is the version of the numbers of progress. Basis: none.
const progressVersion = "1"

// theUser is who every diff is of: keys are not told apart by users.
const theUser = 1

// resultParts are the parts of a result that old clients wait for.
func (s *diffState) resultParts() map[string]string {
	parts := map[string]string{}
	state := jobWords[s.job.State]
	switch s.job.State {
	case job.Cancelled:
		state = jobWords[job.Failed] // clients know no other end
	case job.Waiting, job.Queued:
		return parts
	case job.Running, job.Done, job.Failed:
	}
	names := []string{"pks", "values"}
	if s.result != nil && s.result.Schema != nil {
		names = append(names, "schema")
	}
	for _, name := range names {
		parts[name] = state
	}
	return parts
}

// shown are the members of a diff that have a value.
func shown(item *storage.Item[dataDiff], s *diffState) (map[string]json.RawMessage, error) {
	v := &item.Value
	asked, err := v.ask()
	if err != nil {
		return nil, err
	}
	given := make(map[string]json.RawMessage, len(v.Request)+20)
	maps.Copy(given, v.Request)
	set := func(name string, value any) {
		if err == nil {
			given[name], err = json.Marshal(value)
		}
	}
	id, err := strconv.Atoi(item.ID)
	set("id", id)
	set("kind", map[bool]string{true: "in_db", false: "cross_db"}[asked.inDB()])
	set("algorithm", asked.algorithm())
	set("pk_columns", notNil(asked.Key))
	set("include_columns", notNil(asked.Include))
	set("exclude_columns", notNil(asked.Exclude))
	set("archived", v.Archived)
	set("purged", v.Purged)
	set("status", s.status)
	set("done", s.ended())
	set("source", "api")
	if v.CI != nil {
		v.CI.shown(set)
	}
	set("user_id", theUser)
	set("created_at", pydantic.Datetime{Time: v.CreatedAt})
	updated := v.UpdatedAt
	for _, at := range []time.Time{s.job.Started, s.job.Finished} {
		if at.After(updated) {
			updated = at
		}
	}
	set("updated_at", pydantic.Datetime{Time: updated})
	set("result_statuses", s.resultParts())
	set("result_revisions", map[string]int{})
	stats := diffStats{Version: datadiff.StatsVersion}
	if s.ended() {
		set("finished_at", reached(s.job.Finished))
		if !s.job.Started.IsZero() {
			set("runtime", s.job.Finished.Sub(s.job.Started).Seconds())
		}
	}
	switch {
	case s.result != nil:
		stats = s.result.Stats
		set("result", s.result.Outcome)
		set("algorithm", s.result.Algorithm)
		if len(asked.Key) == 0 { // it was inferred
			set("pk_columns", notNil(s.result.Key))
		}
	case s.job.State == job.Failed:
		set("result", string(datadiff.Failed))
		stats.Errors = new(1)
	}
	set("diff_stats", stats)
	return given, err
}

// whyFailed is why a diff has no results, in the vendor's words.
func (s *diffState) whyFailed() diffError {
	switch {
	case s.job.State == job.Cancelled:
		return diffError{Type: string(datadiff.Cancelled), Value: "The diff was cancelled.", Retryable: new(true)}
	case s.job.Failure != nil:
		kind := datadiff.Kind(s.job.Failure.Code)
		e := datadiff.Error{Kind: kind}
		retryable := e.Retryable() || kind == job.CodeLost || kind == job.CodeInternal
		return diffError{Type: s.job.Failure.Code, Value: s.job.Failure.Message, Retryable: &retryable}
	}
	return diffError{Type: string(kindPurged), Value: "The results were purged.", Retryable: new(false)}
}

// GetDiffSummaryV1 tells what a diff came to. Nothing in it is null: clients that read
// the members of a part do not look whether it is there.
func (a *API) GetDiffSummaryV1(ctx context.Context, request datafold.GetDiffSummaryV1RequestObject) (datafold.GetDiffSummaryV1ResponseObject, error) {
	how, err := a.compatibility(ctx)
	if err != nil {
		return nil, err
	}
	return reading(ctx, a, func(tx storage.ReadTx, look job.Look) (datafold.GetDiffSummaryV1ResponseObject, error) {
		item, err := dataDiffs.at(tx, request.DatadiffID)
		if err != nil {
			return nil, err
		}
		s, err := stateOf(tx, look, &item)
		if err != nil {
			return nil, err
		}
		type part struct {
			Status       string         `json:"status"`
			Error        *diffError     `json:"error,omitempty"`
			Keys         *keyStats      `json:"pks,omitempty"`
			Dependencies any            `json:"dependencies,omitempty"`
			Schema       *schemaStats   `json:"schema,omitempty"`
			Materialized *materialized  `json:"materialized_results,omitempty"`
			Profile      *exclusiveKeys `json:"exclusives_profile,omitempty"`
			Values       *valueStats    `json:"values,omitempty"`
		}
		switch r := s.result; {
		case !s.ended() && (s.status == "needs_confirmation" || s.status == "needs_authentication"):
			return jsonAnswer{part{Status: "pending"}}, nil
		case !s.ended():
			return jsonAnswer{part{Status: "running"}}, nil
		case r == nil:
			why := s.whyFailed()
			return jsonAnswer{part{Status: "failed", Error: &why}}, nil
		case r.Schema == nil:
			return jsonAnswer{part{Status: how.done(), Keys: &r.Keys, Values: r.Values, Materialized: r.Materialized}}, nil
		default:
			written := r.Materialized
			if written == nil {
				written = &materialized{}
			}
			return jsonAnswer{part{
				Status: how.done(), Keys: &r.Keys, Values: r.Values, Schema: r.Schema, Profile: r.Profile,
				Dependencies: how.dependencies(), Materialized: written,
			}}, nil
		}
	})
}

// GetDiffSummary tells of a diff in few words, wherever it is.
func (a *API) GetDiffSummary(ctx context.Context, request datafold.GetDiffSummaryRequestObject) (datafold.GetDiffSummaryResponseObject, error) {
	return reading(ctx, a, func(tx storage.ReadTx, look job.Look) (datafold.GetDiffSummaryResponseObject, error) {
		item, err := dataDiffs.at(tx, request.DatadiffID)
		if err != nil {
			return nil, err
		}
		s, err := stateOf(tx, look, &item)
		if err != nil {
			return nil, err
		}
		asked, err := item.Value.ask()
		if err != nil {
			return nil, err
		}
		answer := datafold.GetDiffSummary200JSONResponse{
			ID: request.DatadiffID, Status: datafold.JobStatus(s.status), DataSource1ID: asked.Source1, DataSource2ID: asked.Source2,
			Algorithm: new(asked.algorithm()), CreatedAt: reached(item.Value.CreatedAt), IncludeColumns: new(notNil(asked.Include)),
			PkColumns: new(notNil(asked.Key)), ResultsCount: new(0), ResultStatus: &s.status, SamplingRatio: asked.SamplingRatio,
		}
		if asked.Table1 != nil {
			answer.Table1 = &asked.Table1
		}
		if asked.Table2 != nil {
			answer.Table2 = &asked.Table2
		}
		answer.DataSource1Name, answer.DataSource2Name = nameOfSource(tx, asked.Source1), nameOfSource(tx, asked.Source2)
		if s.ended() {
			answer.FinishedAt = reached(s.job.Finished)
		}
		switch r := s.result; {
		case r != nil:
			answer.Algorithm, answer.Result, answer.Feedback = &r.Algorithm, &r.Outcome, new(r.feedback())
			answer.ResultsCount = new(len(s.resultParts()))
			if len(asked.Key) == 0 {
				answer.PkColumns = new(notNil(r.Key))
			}
			if r.Ratio > 0 {
				answer.SamplingRatio = &r.Ratio
			}
			stats := map[string]any{}
			text, err := json.Marshal(r.Stats)
			if err == nil {
				err = json.Unmarshal(text, &stats)
			}
			if err != nil {
				return nil, err
			}
			answer.DiffStats = &stats
		case s.ended():
			why := s.whyFailed()
			answer.Error = new(why.Type + ": " + why.Value)
			if s.job.State == job.Failed {
				answer.Result = new(string(datadiff.Failed))
			}
		}
		return answer, nil
	})
}

func nameOfSource(tx storage.ReadTx, id int) *string {
	item, err := dataSources.at(tx, id)
	if err != nil {
		return nil
	}
	return &item.Value.Name
}
