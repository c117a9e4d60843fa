package datafold

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/understudy-api/understudy/server/datadiff"
	"github.com/understudy-api/understudy/server/dbt"
	"github.com/understudy-api/understudy/server/job"
	"github.com/understudy-api/understudy/storage"
)

// ciJobs plan the data diffs of runs.
var ciJobs = &job.Kind{Name: "datafold.ci", About: "Plans the data diffs of a pull request"}

// ciTask is what a job needs to know.
type ciTask struct {
	Run string `json:"run"`
}

// ciPlan is what a run compares. It has the id of its run.
type ciPlan struct {
	Diffs   []ciDiff   `json:"diffs"`
	Left    []dbt.Left `json:"left,omitempty"`
	Added   []string   `json:"added,omitempty"`
	Removed []string   `json:"removed,omitempty"`
	// Held says that the diffs wait to be confirmed.
	Held       bool `json:"held,omitempty"`
	FailOnKeys bool `json:"failOnKeys,omitempty"`
}

// ciDiff is a comparison, and its data diff once there is one.
type ciDiff struct {
	dbt.Comparison

	Include []string `json:"include,omitempty"`
	Diff    string   `json:"diff,omitempty"`
}

var ciPlans = storage.Collection[ciPlan]{Kind: "datafold.ci.plan"}

// ciOrigin is the run that a data diff is of.
type ciOrigin struct {
	Run        int    `json:"run"`
	PR         string `json:"pr,omitempty"`
	PRBranch   string `json:"prBranch,omitempty"`
	PRSha      string `json:"prSha,omitempty"`
	BaseBranch string `json:"baseBranch,omitempty"`
	// Ignore are patterns of columns: which the tables have is seen when they are read.
	Ignore []string `json:"ignore,omitempty"`
}

// runCI plans a run.
func (a *API) runCI(ctx context.Context, w *job.Work) (any, error) {
	var task ciTask
	if err := json.Unmarshal(w.Job.Args, &task); err != nil {
		return nil, err
	}
	gone := &job.Failure{Code: "gone", Message: "The run is not there any more", Permanent: true}
	var (
		run       storage.Item[ciRun]
		config    storage.Item[ciConfig]
		known     pullRequest
		base, now *dbt.Manifest
	)
	if err := a.peek(ctx, w.Workspace, func(tx storage.ReadTx) (err error) {
		if run, err = held(ciRunRecords, tx, task.Run); err != nil {
			return err
		}
		if config, err = held(ciConfigRecords, tx, run.Value.Config); err != nil {
			return err
		}
		if known, err = pullRequestOf(tx, config.ID, run.Value.PR); err != nil || run.Value.Named {
			return err
		}
		if base, err = unpacked(tx, run.Value.Base); err == nil {
			now, err = unpacked(tx, run.Value.Head)
		}
		return err
	}); err != nil {
		if storage.IsNotFound(err) {
			return nil, gone
		}
		return nil, err
	}
	if run.Value.Job != w.Job.ID {
		return nil, gone
	}
	options := config.Value.plan(known)
	var plan ciPlan
	if run.Value.Named {
		plan = namedPlan(run.Value.Pairs, options)
	} else {
		plan = modelPlan(dbt.NewPlan(base, now, options))
	}
	plan.FailOnKeys = config.Value.FailOnKeys
	plan.Held = config.Value.DiffThreshold != nil && len(plan.Diffs) > *config.Value.DiffThreshold
	w.OnDone(func(tx storage.Tx) error {
		current, err := held(ciRunRecords, tx, run.ID)
		if err != nil || current.Value.Job != w.Job.ID { // it was planned anew, or is gone
			if storage.IsNotFound(err) {
				return nil
			}
			return err
		}
		plan := plan // it may run again
		plan.Diffs = slices.Clone(plan.Diffs)
		if !plan.Held {
			if err := beginDiffs(&work{Tx: tx}, config.Value, current, &plan, options); err != nil {
				return err
			}
		}
		return stow(ciPlans, tx, run.ID, plan)
	})
	return map[string]int{"diffs": len(plan.Diffs)}, nil
}

func modelPlan(p *dbt.Plan) ciPlan {
	plan := ciPlan{Diffs: []ciDiff{}, Left: p.Left, Added: p.Added, Removed: p.Removed}
	for _, c := range p.Comparisons {
		plan.Diffs = append(plan.Diffs, ciDiff{Comparison: c})
	}
	return plan
}

// keyNamed is how the key of a pair was found that a client named.
const keyNamed = "named"

// namedPlan compares the tables that a client named.
func namedPlan(pairs []ciPair, options dbt.PlanOptions) ciPlan {
	plan := ciPlan{Diffs: []ciDiff{}}
	for _, p := range pairs {
		c := ciDiff{Comparison: dbt.Comparison{
			Model: p.PR, Prod: tableNamed(p.Prod), PR: tableNamed(p.PR), Key: notNil(p.Key), KeySource: keyNamed, Exclude: p.Exclude, Modified: true,
		}, Include: p.Include}
		if len(p.Key) == 0 {
			c.KeySource, c.Notes = dbt.KeyNone, []string{"The primary key is inferred from the data."}
		}
		name := c.PR[len(c.PR)-1]
		for _, r := range options.Renames {
			if r.Names(name) {
				c.Renames = append(c.Renames, [2]string{r.Old, r.New})
			}
		}
		plan.Diffs = append(plan.Diffs, c)
	}
	return plan
}

// tableNamed is the path of a table that a client named. What names none is the name of
// a table that is not there, as the diff will say.
func tableNamed(name string) []string {
	if path := dbt.PathOf(name); len(path) > 0 {
		return path
	}
	return []string{name}
}

// beginDiffs asks for the data diffs of a plan.
func beginDiffs(w *work, config ciConfig, run storage.Item[ciRun], plan *ciPlan, options dbt.PlanOptions) error {
	id, err := strconv.Atoi(run.ID)
	if err != nil {
		return err
	}
	r := &run.Value
	for i := range plan.Diffs {
		d := &plan.Diffs[i]
		v, err := d.request(config)
		if err != nil {
			return err
		}
		v.CI = &ciOrigin{Run: id, Ignore: options.Ignore}
		v.CI.of(r)
		asked, err := v.ask()
		if err != nil {
			return err
		}
		item, err := begin(w, v, asked)
		if err != nil {
			return err
		}
		d.Diff = item.ID
	}
	return nil
}

// of names the pull request of a run.
func (c *ciOrigin) of(r *ciRun) {
	c.PR, c.PRBranch, c.PRSha, c.BaseBranch = r.PR, r.PRBranch, r.PRSha, r.BaseBranch
}

// nameDiffs tells the diffs of a run which pull request they are of, if they were made
// before anybody knew.
func nameDiffs(w *work, run *storage.Item[ciRun]) error {
	plan, err := held(ciPlans, w.Tx, run.ID)
	if storage.IsNotFound(err) {
		return nil
	}
	for i := 0; err == nil && i < len(plan.Value.Diffs); i++ {
		id := plan.Value.Diffs[i].Diff
		if id == "" {
			continue
		}
		err = amend(diffRecords, w.Tx, id, func(v *dataDiff) error {
			if v.CI != nil {
				of := *v.CI
				of.of(&run.Value)
				v.CI = &of
			}
			return nil
		})
	}
	return err
}

// request is the data diff of a comparison, as a client would ask for it.
func (d *ciDiff) request(config ciConfig) (dataDiff, error) {
	members := map[string]any{
		"data_source1_id": config.DataSource, "data_source2_id": config.DataSource, "table1": d.Prod, "table2": d.PR,
	}
	if len(d.Key) > 0 {
		members["pk_columns"] = d.Key
	} else {
		members["infer_pk"] = true
	}
	set := func(name string, value any, given bool) {
		if given {
			members[name] = value
		}
	}
	o := &d.Options
	set("column_mapping", d.Renames, len(d.Renames) > 0)
	include, exclude := slices.Concat(d.Include, o.Include), slices.Concat(d.Exclude, o.Exclude)
	set("include_columns", include, len(include) > 0)
	set("exclude_columns", exclude, len(exclude) > 0)
	set("filter1", o.Where, o.Where != "")
	set("filter2", o.Where, o.Where != "")
	set("time_column", o.TimeColumn, o.TimeColumn != "")
	set("time_travel_point1", o.ProdTime, o.ProdTime != "")
	set("time_travel_point2", o.PRTime, o.PRTime != "")
	if s := config.Sampling; s != nil {
		set("sampling_tolerance", s.Tolerance, s.Tolerance != nil)
		set("sampling_confidence", s.Confidence, s.Confidence != nil)
		set("sampling_threshold", s.Threshold, s.Threshold != nil)
	}
	v := dataDiff{Request: map[string]json.RawMessage{}}
	for name, value := range members {
		text, err := json.Marshal(value)
		if err != nil {
			return v, err
		}
		v.Request[name] = text
	}
	return v, nil
}

// abandon ends what is made for a run, and forgets its plan. Diffs that have ended stay.
func abandon(w *work, run *storage.Item[ciRun]) error {
	if run.Value.Job != "" {
		if _, err := ciJobs.Cancel(w.Tx, run.Value.Job); err != nil && !storage.IsNotFound(err) {
			return err
		}
	}
	plan, err := held(ciPlans, w.Tx, run.ID)
	if storage.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, d := range plan.Value.Diffs {
		if d.Diff == "" {
			continue
		}
		if err := cancelDiff(w, d.Diff); err != nil {
			return err
		}
	}
	return drop(ciPlans, w.Tx, run.ID)
}

// cancelDiff ends a diff that has not ended.
func cancelDiff(w *work, id string) error {
	item, err := held(diffRecords, w.Tx, id)
	if storage.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	state, err := stateOf(w, looking(w), &item)
	switch {
	case err != nil || state.ended():
		return err
	case state.stays:
		return amend(diffRecords, w.Tx, id, func(v *dataDiff) error {
			v.Cancelled, v.UpdatedAt = w.Now(), w.Now()
			return nil
		})
	}
	_, err = diffJobs.Cancel(w.Tx, id)
	return err
}

// ciState is where a run is.
type ciState struct {
	status   string
	problems []string // of one that failed
	plan     *ciPlan  // nil as long as there is none
	diffs    []*diffState
}

func (s *ciState) ended() bool {
	for _, state := range []job.State{job.Done, job.Failed, job.Cancelled} {
		if s.status == jobWords[state] {
			return true
		}
	}
	return false
}

// statusHeld is the state of a run whose diffs wait to be confirmed. Basis: the words of
// the published states; what they mean here is a guess.
const statusHeld = "needs_confirmation"

// ciStateOf tells where a run is. One that is known to have ended is not looked at
// again.
func ciStateOf(tx storage.ReadTx, look job.Look, run *storage.Item[ciRun]) (s ciState, err error) {
	v := &run.Value
	if v.Final != "" {
		return ciState{status: v.Final, problems: v.Problems}, nil
	}
	return ciStateInFull(tx, look, run)
}

// ciStateInFull is ciStateOf, with the diffs in any case.
func ciStateInFull(tx storage.ReadTx, look job.Look, run *storage.Item[ciRun]) (s ciState, err error) {
	v := &run.Value
	s.status = jobWords[job.Waiting]
	switch {
	case v.SupersededBy != "":
		return ciState{status: v.Final, problems: v.Problems}, nil
	case v.Job == "":
		return s, nil
	}
	planned, err := look(ciJobs, v.Job)
	if err != nil {
		return s, err
	}
	if planned.State != job.Done {
		if s.status = jobWords[planned.State]; planned.State == job.Failed && planned.Failure != nil {
			s.problems = []string{sentence(planned.Failure.Message)}
		}
		return s, nil
	}
	plan, err := held(ciPlans, tx, run.ID)
	if err != nil {
		return s, err
	}
	s.plan = &plan.Value
	if s.plan.Held {
		s.status = statusHeld
		return s, nil
	}
	open := false
	s.diffs = make([]*diffState, len(s.plan.Diffs))
	for i, d := range s.plan.Diffs {
		item, err := held(diffRecords, tx, d.Diff)
		if err != nil {
			return s, err
		}
		state, err := stateOf(tx, look, &item)
		if err != nil {
			return s, err
		}
		s.diffs[i] = &state
		open = open || !state.ended()
		s.problems = append(s.problems, s.plan.problemOf(&d, &state)...)
	}
	switch {
	case open:
		s.status, s.problems = jobWords[job.Running], nil
	case len(s.problems) > 0:
		s.status = jobWords[job.Failed]
	default:
		s.status = jobWords[job.Done]
	}
	return s, nil
}

// problemOf is why a diff fails its run: it could not be made, or the key of the pull
// request's table is none although the configuration wants one.
func (p *ciPlan) problemOf(d *ciDiff, s *diffState) (problems []string) {
	if s.job.State == job.Failed {
		why := s.whyFailed()
		return []string{fmt.Sprintf("%s could not be compared: %s: %s", d.Model, why.Type, sentence(why.Value))}
	}
	if s.result == nil || !p.FailOnKeys {
		return nil
	}
	const pr = 1
	if n := s.result.Keys.Nulls[pr]; n > 0 {
		problems = append(problems, fmt.Sprintf("%s has %s without a whole primary key.", d.Model, count(n, "row")))
	}
	if n := s.result.Keys.Dupes[pr]; n > 0 {
		problems = append(problems, fmt.Sprintf("%s has %s whose primary key is not unique.", d.Model, count(n, "row")))
	}
	return problems
}

// keepEnds notes that runs have ended, so that nobody looks at their diffs again. If that
// cannot be written, the next reader does it.
func (a *API) keepEnds(ctx context.Context, workspace string, runs []string) {
	if len(runs) == 0 {
		return
	}
	_ = a.alter(ctx, workspace, func(tx storage.Tx) error {
		for _, id := range runs {
			run, err := held(ciRunRecords, tx, id)
			if storage.IsNotFound(err) {
				continue
			}
			if err != nil {
				return err
			}
			state, err := ciStateOf(tx, looking(tx), &run)
			if err != nil {
				return err
			}
			if run.Value.Final != "" || !state.ended() {
				continue
			}
			if err := amend(ciRunRecords, tx, id, func(v *ciRun) error {
				v.Final, v.Problems = state.status, state.problems
				return nil
			}); err != nil {
				return err
			}
		}
		return nil
	})
}

// ConfirmCIRun begins the diffs of a run that wait for it.
func (a *API) ConfirmCIRun(ctx context.Context, workspace string, id int) (json.RawMessage, error) {
	if err := a.alter(ctx, workspace, func(tx storage.Tx) error {
		run, err := held(ciRunRecords, tx, strconv.Itoa(id))
		if err != nil {
			return ciRuns.worded(err)
		}
		state, err := ciStateOf(tx, looking(tx), &run)
		if err != nil || state.status != statusHeld {
			return err
		}
		config, err := held(ciConfigRecords, tx, run.Value.Config)
		if err != nil {
			return err
		}
		known, err := pullRequestOf(tx, config.ID, run.Value.PR)
		if err != nil {
			return err
		}
		plan := *state.plan
		plan.Held, plan.Diffs = false, slices.Clone(plan.Diffs)
		if err := beginDiffs(&work{Tx: tx}, config.Value, run, &plan, config.Value.plan(known)); err != nil {
			return err
		}
		return stow(ciPlans, tx, run.ID, plan)
	}); err != nil {
		return nil, err
	}
	return a.CIRun(ctx, workspace, id)
}

// shown sets the members of a data diff that say which run it is of.
func (c *ciOrigin) shown(set func(name string, value any)) {
	set("source", "ci")
	set("ci_run_id", c.Run)
	set("ci_pr_sha", c.PRSha)
	if n, err := strconv.Atoi(c.PR); err == nil {
		set("ci_pr_num", n)
	}
	for name, text := range map[string]string{"ci_pr_branch": c.PRBranch, "ci_base_branch": c.BaseBranch} {
		if text != "" {
			set(name, text)
		}
	}
}

// fit takes from a diff what its tables do not have of the names that were given for all
// tables, and leaves out the columns that are to be ignored.
func (c *ciOrigin) fit(ctx context.Context, spec *datadiff.Spec, sources [2]datadiff.Source) error {
	if len(c.Ignore) == 0 && len(spec.ColumnMapping) == 0 {
		return nil
	}
	var has [2][]datadiff.Column
	for i, input := range []datadiff.Input{spec.Left, spec.Right} {
		var err error
		if has[i], err = datadiff.Describe(ctx, sources[i], input); err != nil {
			return onSide(err, datadiff.Side(i))
		}
	}
	name := func(side int, column string) (found string) {
		for _, c := range has[side] {
			if strings.EqualFold(c.Name, column) {
				if found = c.Name; c.Name == column {
					break
				}
			}
		}
		return found
	}
	mapping := spec.ColumnMapping
	spec.ColumnMapping = nil
	for _, pair := range mapping {
		if left, right := name(0, pair[0]), name(1, pair[1]); left != "" && right != "" {
			spec.ColumnMapping = append(spec.ColumnMapping, [2]string{left, right})
		}
	}
	isKey := func(column string) bool {
		return slices.ContainsFunc(spec.Key, func(k string) bool { return strings.EqualFold(k, column) })
	}
	ignored := func(column string) bool { return dbt.Ignored(c.Ignore, column) && !isKey(column) }
	spec.Columns = slices.DeleteFunc(spec.Columns, ignored)
	for _, column := range has[0] {
		if ignored(column.Name) {
			spec.Exclude = append(spec.Exclude, column.Name)
		}
	}
	return nil
}
