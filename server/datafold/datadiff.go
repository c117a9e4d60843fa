package datafold

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/understudy-api/understudy/gen/datafold"
	"github.com/understudy-api/understudy/server/job"
	"github.com/understudy-api/understudy/server/site"
	"github.com/understudy-api/understudy/storage"
)

// dataDiff is what is remembered of a data diff; what it came to is its job's, which
// has the same number.
type dataDiff struct {
	// Request holds the members that were asked for, as they came.
	Request   map[string]json.RawMessage `json:"request"`
	CreatedAt time.Time                  `json:"created_at"`
	UpdatedAt time.Time                  `json:"updated_at"`
	Archived  bool                       `json:"archived,omitempty"`
	Purged    bool                       `json:"purged,omitempty"`
	// Forgotten results do not come back.
	Forgotten bool `json:"forgotten,omitempty"`
	// Script is what the diff comes to without being made.
	Script *script `json:"script,omitempty"`
	// Cancelled is when a diff was cancelled that stays in a state, and has no job.
	Cancelled time.Time `json:"cancelled,omitzero"`
	// CI is the run that the diff is of; nil for none.
	CI *ciOrigin `json:"ci,omitempty"`
}

const sequenceDiff = "datafold.datadiff"

var diffRecords = storage.Collection[dataDiff]{Kind: "datafold.datadiff"}

var dataDiffs = resource[dataDiff, json.RawMessage]{
	noun: "Data diff", sequence: sequenceDiff,
	records: diffRecords,
	view:    viewDiff,
}

// diffJobs make the diffs. What a diff comes to that is scripted is known before.
var diffJobs = &job.Kind{
	Name: "datafold.datadiff", About: "Makes a data diff",
	Outcome: func(tx storage.ReadTx, j job.Job) (any, *job.Failure, bool, error) {
		item, err := held(diffRecords, tx, j.ID)
		if err != nil || item.Value.Script == nil {
			return nil, nil, false, err
		}
		result, failure := item.Value.Script.outcome()
		return result, failure, true, nil
	},
}

// diffRequest are the members of a request that mean something here.
type diffRequest struct {
	Source1 int `json:"data_source1_id"`
	Source2 int `json:"data_source2_id"`

	Table1       []string     `json:"table1"`
	Table2       []string     `json:"table2"`
	Query1       *string      `json:"query1"`
	Query2       *string      `json:"query2"`
	File1        *string      `json:"file1"`
	File2        *string      `json:"file2"`
	File1Options *fileOptions `json:"file1_options"`
	File2Options *fileOptions `json:"file2_options"`
	Filter1      *string      `json:"filter1"`
	Filter2      *string      `json:"filter2"`

	Key           []string `json:"pk_columns"`
	InferKey      bool     `json:"infer_pk"`
	AvoidKeyNames []string `json:"infer_pk_avoid_names"`
	AvoidKeyTypes []string `json:"infer_pk_avoid_types"`

	ColumnMapping [][2]string  `json:"column_mapping"`
	Compare       []string     `json:"columns_to_compare"`
	Include       []string     `json:"include_columns"`
	Exclude       []string     `json:"exclude_columns"`
	ColumnRules   []columnRule `json:"column_rules"`

	Tolerance         *float64          `json:"diff_tolerance"`
	ToleranceMode     *string           `json:"tolerance_mode"`
	ColumnTolerances  []columnTolerance `json:"diff_tolerances_per_column"`
	DatetimeTolerance *int              `json:"datetime_tolerance"`
	Modifiers         []string          `json:"table_modifiers"`
	SortArrays        *bool             `json:"sort_array_columns"`

	TimeColumn  *string         `json:"time_column"`
	TimeStart   *time.Time      `json:"time_interval_start"`
	TimeEnd     *time.Time      `json:"time_interval_end"`
	TimeTravel1 json.RawMessage `json:"time_travel_point1"`
	TimeTravel2 json.RawMessage `json:"time_travel_point2"`

	SamplingTolerance  *float64 `json:"sampling_tolerance"`
	SamplingConfidence *float64 `json:"sampling_confidence"`
	SamplingRatio      *float64 `json:"sampling_ratio"`
	SamplingMaxRows    *int64   `json:"sampling_max_rows"`
	SamplingThreshold  *int64   `json:"sampling_threshold"`

	BisectionFactor    *int   `json:"bisection_factor"`
	BisectionThreshold *int   `json:"bisection_threshold"`
	DownloadLimit      *int64 `json:"download_limit"`
	ColumnDiffLimit    *int64 `json:"per_column_diff_limit"`
	RunProfiles        *bool  `json:"run_profiles"`

	Destination     *int  `json:"materialization_destination_id"`
	WithoutSampling *bool `json:"materialize_without_sampling"`
}

type fileOptions struct {
	Type      string   `json:"file_type"`
	Delimiter *string  `json:"delimiter"`
	Head      *float64 `json:"skip_head_rows"`
	Tail      *float64 `json:"skip_tail_rows"`
}

type columnRule struct {
	Column  *string `json:"column"`
	Type    *string `json:"type"`
	EqualIf string  `json:"equal_if"`
}

type columnTolerance struct {
	Column string  `json:"column_name"`
	Value  float64 `json:"tolerance_value"`
	Mode   string  `json:"tolerance_mode"`
}

// ask reads the request of a diff.
func (v *dataDiff) ask() (*diffRequest, error) {
	text, err := json.Marshal(v.Request)
	if err != nil {
		return nil, err
	}
	r := &diffRequest{}
	return r, json.Unmarshal(text, r)
}

// inDB says whether both sides are one source: by its number alone, as the vendor has
// it, and never where a side is a file.
func (r *diffRequest) inDB() bool {
	return r.Source1 == r.Source2 && r.File1 == nil && r.File2 == nil
}

// algorithm is how the diff is made, as the answer to the request has it.
func (r *diffRequest) algorithm() string {
	switch {
	case r.inDB():
		return "join"
	case r.BisectionFactor != nil || r.BisectionThreshold != nil:
		return "hash"
	}
	return "fetch_and_join"
}

// check is what the vendor's prose asks of a request, and no keyword says.
func (r *diffRequest) check() (wrong []problem) {
	refuse := func(member, message string) { wrong = append(wrong, problem{[]any{"body", member}, message}) }
	given := func(text *string) bool { return text != nil && strings.TrimSpace(*text) != "" }
	for _, s := range []struct {
		side        string
		table       []string
		query, file *string
		options     *fileOptions
	}{{"1", r.Table1, r.Query1, r.File1, r.File1Options}, {"2", r.Table2, r.Query2, r.File2, r.File2Options}} {
		n := 0
		for _, has := range []bool{len(s.table) > 0, given(s.query), given(s.file)} {
			if has {
				n++
			}
		}
		switch {
		case n != 1:
			refuse("table"+s.side, fmt.Sprintf("exactly one of table%[1]s, query%[1]s and file%[1]s must be given", s.side))
		case given(s.file) && s.options == nil:
			refuse("file"+s.side+"_options", "a file needs its options")
		}
	}
	switch files := given(r.File1) || given(r.File2); {
	case len(r.Key) == 0 && !r.InferKey:
		refuse("pk_columns", "a primary key must be given, or infer_pk set")
	case r.InferKey && len(r.Key) == 0 && (files || !r.inDB() && (len(r.Table1) > 0 || len(r.Table2) > 0)):
		refuse("infer_pk", "the primary key of a table is not inferred across data sources, and of a file never: ask guess_pk for it")
	case (r.AvoidKeyNames != nil || r.AvoidKeyTypes != nil) && (!r.InferKey || len(r.Key) > 0):
		refuse("infer_pk", "infer_pk_avoid_names and infer_pk_avoid_types go with infer_pk and no pk_columns")
	}
	for i, rule := range r.ColumnRules {
		if (rule.Column == nil) == (rule.Type == nil) {
			wrong = append(wrong, problem{[]any{"body", "column_rules", i}, "exactly one of column and type must be given"})
		}
	}
	within := func(member string, n *float64, most float64) {
		if n != nil && !(*n > 0 && *n < most) {
			refuse(member, fmt.Sprintf("must be greater than 0 and less than %g", most))
		}
	}
	within("sampling_confidence", r.SamplingConfidence, 100)
	within("sampling_ratio", r.SamplingRatio, 1)
	within("sampling_tolerance", r.SamplingTolerance, 1)
	if r.Tolerance != nil && !(*r.Tolerance >= 0) {
		refuse("diff_tolerance", "must not be negative")
	}
	for i, t := range r.ColumnTolerances {
		if !(t.Value >= 0) {
			wrong = append(wrong, problem{[]any{"body", "diff_tolerances_per_column", i, "tolerance_value"}, "must not be negative"})
		}
	}
	if d := r.DatetimeTolerance; d != nil && (*d < 0 || *d > 6) {
		refuse("datetime_tolerance", "must be from 0 to 6")
	}
	return wrong
}

// CreateDatadiff asks for a diff, which its job makes.
func (a *API) CreateDatadiff(ctx context.Context, request datafold.CreateDatadiffRequestObject) (datafold.CreateDatadiffResponseObject, error) {
	v, err := diffOf(request.Body, site.BodyFrom(ctx))
	if err != nil {
		return nil, err
	}
	asked, err := v.ask()
	if err != nil {
		return nil, err
	}
	wrong := asked.check()
	view, err := writing(ctx, a, func(w *work) (json.RawMessage, error) {
		missing := absentSources(w, asked)
		if all := append(append([]problem(nil), wrong...), missing...); len(all) > 0 {
			return nil, unprocessable(all...)
		}
		item, err := begin(w, v, asked)
		if err != nil {
			return nil, err
		}
		return viewDiffAs(w, looking(w), item, statusOfNew(item.Value))
	})
	return jsonAnswer{view}, err
}

// statusOfNew is what the answer to a request says of its diff, whoever has taken it up
// meanwhile.
func statusOfNew(v dataDiff) string {
	if v.Script != nil && v.Script.State != "" {
		return v.Script.State
	}
	return jobWords[job.Waiting]
}

// diffOf is the diff that a body asks for. The options of files are taken from the text,
// since the generated type cannot hold them.
func diffOf(body *datafold.APIDataDiffData, text []byte) (dataDiff, error) {
	v := dataDiff{}
	given, err := json.Marshal(body)
	if err != nil {
		return v, err
	}
	if err := json.Unmarshal(given, &v.Request); err != nil {
		return v, err
	}
	var came map[string]json.RawMessage
	if err := json.Unmarshal(text, &came); err == nil {
		for _, name := range []string{"file1_options", "file2_options"} {
			delete(v.Request, name)
			if options, ok := came[name]; ok && string(options) != "null" {
				v.Request[name] = options
			}
		}
	}
	delete(v.Request, "algorithm") // a client's wish, and nothing that the service takes
	for name, flag := range map[string]*bool{"archived": &v.Archived, "purged": &v.Purged} {
		*flag = string(v.Request[name]) == "true"
		delete(v.Request, name)
	}
	return v, nil
}

// absentSources are the sources that a request names and that are not there.
func absentSources(tx storage.ReadTx, r *diffRequest) (wrong []problem) {
	for i, id := range []int{r.Source1, r.Source2} {
		if _, err := dataSources.at(tx, id); err != nil {
			wrong = append(wrong, problem{[]any{"body", fmt.Sprintf("data_source%d_id", i+1)}, fmt.Sprintf("there is no data source %d", id)})
		}
	}
	return wrong
}

// begin makes the record of a diff and its job.
func begin(w *work, v dataDiff, asked *diffRequest) (storage.Item[dataDiff], error) {
	v.CreatedAt = w.Now()
	v.UpdatedAt = v.CreatedAt
	var err error
	if v.Script, err = scriptFor(w.Tx, asked); err != nil {
		return storage.Item[dataDiff]{}, err
	}
	item, err := dataDiffs.insert(w, v)
	if err != nil || v.Script != nil && v.Script.State != "" {
		return item, err
	}
	_, err = diffJobs.Enqueue(w.Tx, job.Order{ID: item.ID})
	return item, err
}

// GetDatadiff reads a diff and how far it has come.
func (a *API) GetDatadiff(ctx context.Context, request datafold.GetDatadiffRequestObject) (datafold.GetDatadiffResponseObject, error) {
	view, err := reading(ctx, a, func(tx storage.ReadTx, look job.Look) (json.RawMessage, error) {
		item, err := dataDiffs.at(tx, request.DatadiffID)
		if err != nil {
			return nil, err
		}
		return viewDiffWithProgress(tx, look, item)
	})
	return jsonAnswer{view}, err
}

// UpdateDatadiff puts a diff away, or forgets its results.
func (a *API) UpdateDatadiff(ctx context.Context, request datafold.UpdateDatadiffRequestObject) (datafold.UpdateDatadiffResponseObject, error) {
	view, err := writing(ctx, a, func(w *work) (json.RawMessage, error) {
		item, err := dataDiffs.update(w, func(v *dataDiff) error {
			if request.Body == nil {
				return nil
			}
			v.UpdatedAt = w.Now()
			if request.Body.Archived != nil {
				v.Archived = *request.Body.Archived
			}
			if request.Body.Purged != nil {
				v.Purged = *request.Body.Purged
				v.Forgotten = v.Forgotten || v.Purged
			}
			return nil
		}, request.DatadiffID)
		if err != nil {
			return nil, err
		}
		return viewDiff(w, looking(w), item)
	})
	return jsonAnswer{view}, err
}

// CancelDiff ends a diff that has not ended; one that has stays as it is.
func (a *API) CancelDiff(ctx context.Context, request datafold.CancelDiffRequestObject) (datafold.CancelDiffResponseObject, error) {
	return writing(ctx, a, func(w *work) (datafold.CancelDiffResponseObject, error) {
		item, err := dataDiffs.at(w, request.DatadiffID)
		if err != nil {
			return nil, err
		}
		before, err := stateOf(w, looking(w), &item)
		if err != nil {
			return nil, err
		}
		switch {
		case before.ended():
			return datafold.CancelDiff200JSONResponse{ID: request.DatadiffID, Status: datafold.JobStatus(before.status)}, nil
		case before.stays:
			_, err = dataDiffs.update(w, func(v *dataDiff) error {
				v.Cancelled, v.UpdatedAt = w.Now(), w.Now()
				return nil
			}, request.DatadiffID)
		default:
			_, err = diffJobs.Cancel(w.Tx, strconv.Itoa(request.DatadiffID))
		}
		return datafold.CancelDiff200JSONResponse{ID: request.DatadiffID, Status: datafold.JobStatus(jobWords[job.Cancelled])}, err
	})
}
