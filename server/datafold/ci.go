package datafold

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/understudy-api/understudy/gen/datafold"
	"github.com/understudy-api/understudy/server/job"
	"github.com/understudy-api/understudy/server/site"
	"github.com/understudy-api/understudy/storage"
)

// ciRun is a run of a configuration for a commit of a pull request: there is one for
// each.
type ciRun struct {
	Config string `json:"config"`
	// PR is the number of the pull request; "" as long as only artifacts came of the
	// commit, so that nobody has said which it is.
	PR         string    `json:"pr,omitempty"`
	PRBranch   string    `json:"prBranch,omitempty"`
	PRSha      string    `json:"prSha"`
	BaseBranch string    `json:"baseBranch,omitempty"`
	BaseSha    string    `json:"baseSha,omitempty"` // "" is whatever production is
	CreatedAt  time.Time `json:"createdAt"`
	// Pairs are the tables that were named to it, without dbt.
	Pairs []ciPair `json:"pairs,omitempty"`
	Named bool     `json:"named,omitempty"` // that pairs were named, if none

	// Input says of what the diffs are made; "" as long as that is not there. Job plans
	// them, the Attempt-th.
	Input   string   `json:"input,omitempty"`
	Job     string   `json:"job,omitempty"`
	Attempt int      `json:"attempt,omitempty"`
	Missing []string `json:"missing,omitempty"` // what it waits for, in sentences
	Wants   []string `json:"wants,omitempty"`   // the artifacts of production that would do
	// Base and Head are the uploads that the diffs are made of.
	Base string `json:"base,omitempty"`
	Head string `json:"head,omitempty"`

	// Final is the state that the run has ended in, once somebody has seen it, and
	// Problems why.
	Final        string   `json:"final,omitempty"`
	Problems     []string `json:"problems,omitempty"`
	SupersededBy string   `json:"supersededBy,omitempty"`
}

// ciPair are two tables to compare.
type ciPair struct {
	Prod    string   `json:"prod"`
	PR      string   `json:"pr"`
	Key     []string `json:"pk,omitempty"`
	Include []string `json:"include,omitempty"`
	Exclude []string `json:"exclude,omitempty"`
}

const sequenceCIRun = "datafold.ci.run"

// The indexes of runs.
const (
	indexRun     = "run"     // of configuration, pull request and commit: one
	indexPR      = "pr"      // of configuration and pull request
	indexSha     = "sha"     // of configuration and commit
	indexLive    = "live"    // of configuration and pull request, unless it is known to have ended
	indexWaiting = "waiting" // of configuration and what of production a run waits for
)

var ciRunRecords = storage.Collection[ciRun]{
	Kind:    "datafold.ci.run",
	Indexes: []storage.Index{{Name: indexRun}, {Name: indexPR}, {Name: indexSha}, {Name: indexLive}, {Name: indexWaiting, Many: true}},
	Keys: func(_ storage.Meta, r ciRun) []storage.Key {
		keys := []storage.Key{
			{Index: indexRun, Value: joined(r.Config, r.PR, r.PRSha), Unique: true},
			{Index: indexPR, Value: joined(r.Config, r.PR)},
			{Index: indexSha, Value: joined(r.Config, r.PRSha)},
		}
		if r.Final == "" {
			keys = append(keys, storage.Key{Index: indexLive, Value: joined(r.Config, r.PR)})
		}
		for _, of := range r.Wants {
			keys = append(keys, storage.Key{Index: indexWaiting, Value: of})
		}
		return keys
	},
}

// joined makes one value of several, none of which is the beginning of another's. Long
// ones are hashed: a key of an index has its bounds.
func joined(parts ...string) string {
	text := strings.Join(parts, "\x00")
	if len(text) <= 200 {
		return text
	}
	sum := sha256.Sum256([]byte(text))
	return parts[0] + "\x00\x00" + hex.EncodeToString(sum[:])
}

var ciRuns = resource[ciRun, datafold.APICIRun]{noun: "CI run", sequence: sequenceCIRun, records: ciRunRecords, in: &ciConfigs}

// sourceAPI is where runs come from.
const sourceAPI = "api"

func viewCIRun(tx storage.ReadTx, look job.Look, item *storage.Item[ciRun]) (view datafold.APICIRun, ended bool, err error) {
	state, err := ciStateOf(tx, look, item)
	if err != nil {
		return view, false, err
	}
	id, err := strconv.Atoi(item.ID)
	v := &item.Value
	return datafold.APICIRun{
		ID: id, BaseBranch: v.BaseBranch, BaseSha: v.BaseSha, PrBranch: v.PRBranch, PrSha: v.PRSha, PrNum: v.PR, Status: state.status, Source: sourceAPI,
	}, state.ended(), err
}

const (
	standardRuns = 100
	// maxRuns bounds what one answer costs. Basis: the help of the vendor's client.
	maxRuns = 1000
)

// GetCI lists the runs of a configuration, the newest first. Clients wait for the end of
// a run by it: to be listed is a read of its jobs.
func (a *API) GetCI(ctx context.Context, request datafold.GetCIRequestObject) (datafold.GetCIResponseObject, error) {
	p := request.Params
	query := storage.Query{Descending: true, Limit: standardRuns}
	if p.Limit != nil {
		query.Limit = min(max(0, *p.Limit), maxRuns)
	}
	if p.Offset != nil {
		query.Offset = min(max(0, *p.Offset), 1<<31-1)
	}
	config := strconv.Itoa(request.CIConfigID)
	of := func(index string, parts ...string) {
		value := joined(append([]string{config}, parts...)...)
		query.Index, query.Equal = index, &value
	}
	switch {
	case p.PrSha != nil && p.PrNum != nil:
		of(indexRun, *p.PrNum, *p.PrSha)
	case p.PrSha != nil:
		of(indexSha, *p.PrSha)
	case p.PrNum != nil:
		of(indexPR, *p.PrNum)
	default:
		query.Parent = &config
	}
	var over []string
	answer, err := reading(ctx, a, func(tx storage.ReadTx, look job.Look) (datafold.GetCI200JSONResponse, error) {
		over = nil
		if _, err := ciConfigs.at(tx, request.CIConfigID); err != nil {
			return nil, err
		}
		runs := datafold.GetCI200JSONResponse{}
		if query.Limit == 0 {
			return runs, nil
		}
		page, err := selected(ciRunRecords, tx, query)
		for i := range page {
			item := &page[i]
			view, ended, err := viewCIRun(tx, look, item)
			if err != nil {
				return nil, err
			}
			if ended && item.Value.Final == "" {
				over = append(over, item.ID)
			}
			runs = append(runs, view)
		}
		return runs, err
	})
	if err != nil {
		return nil, err
	}
	a.keepEnds(ctx, site.PrincipalFrom(ctx).Workspace, over)
	return answer, nil
}

// TriggerCI begins the run of a commit, or finds it. Of a pull request that the
// configuration has no runs for, it tells of none.
func (a *API) TriggerCI(ctx context.Context, request datafold.TriggerCIRequestObject) (datafold.TriggerCIResponseObject, error) {
	b := request.Body
	return writing(ctx, a, func(w *work) (datafold.TriggerCIResponseObject, error) {
		config, err := ciConfigs.at(w, request.CIConfigID)
		if err != nil {
			return nil, err
		}
		pr := strconv.Itoa(b.PrNumber)
		known, err := pullRequestOf(w, config.ID, pr)
		if err != nil {
			return nil, err
		}
		if !config.Value.runs(known, b.BaseBranch) {
			return datafold.TriggerCI200JSONResponse{}, nil
		}
		run, fresh, err := runFor(w, config, pr, b.PrSha)
		if err != nil {
			return nil, err
		}
		if run.Value.SupersededBy == "" {
			if fresh || run.Value.PRBranch != b.PrBranch || run.Value.BaseBranch != b.BaseBranch || run.Value.BaseSha != b.BaseSha {
				*run, err = changeRun(w, run, func(v *ciRun) {
					v.PR, v.PRBranch, v.BaseBranch, v.BaseSha = pr, b.PrBranch, b.BaseBranch, b.BaseSha
				})
				if err == nil {
					err = nameDiffs(w, run)
				}
				if err != nil {
					return nil, err
				}
			}
			if fresh {
				if err := supersede(w, run); err != nil {
					return nil, err
				}
			}
			if err := settle(w, config, run); err != nil {
				return nil, err
			}
		}
		id, err := strconv.Atoi(run.ID)
		return datafold.TriggerCI200JSONResponse{CIRunID: &id}, err
	})
}

// runs says whether there are runs of a pull request.
func (c *ciConfig) runs(known pullRequest, baseBranch string) bool {
	switch {
	case c.BaseBranch != "" && c.BaseBranch != baseBranch, c.RequireLabel && !slices.Contains(known.Labels, labelRun):
		return false
	case len(known.CommitMessages) > 0:
		return !strings.Contains(known.CommitMessages[len(known.CommitMessages)-1], wordsSkip)
	}
	return true
}

// runFor is the run of a commit of a pull request: the one there is, or the one that
// artifacts of the commit have begun, or a new one. The last two are fresh.
func runFor(w *work, config storage.Item[ciConfig], pr, sha string) (run *storage.Item[ciRun], fresh bool, err error) {
	for _, of := range []string{pr, ""} {
		item, err := having(ciRunRecords, w.Tx, indexRun, joined(config.ID, of, sha))
		if err == nil {
			return &item, of == "" && pr != "", nil
		}
		if !storage.IsNotFound(err) {
			return nil, false, err
		}
	}
	id, err := strconv.Atoi(config.ID)
	if err != nil {
		return nil, false, err
	}
	item, err := ciRuns.insert(w, ciRun{Config: config.ID, PR: pr, PRSha: sha, CreatedAt: w.Now()}, id)
	return &item, true, err
}

// changeRun changes a run, which is told to the audit.
func changeRun(w *work, run *storage.Item[ciRun], change func(*ciRun)) (storage.Item[ciRun], error) {
	return ciRuns.update(w, func(v *ciRun) error {
		change(v)
		return nil
	}, value(numbered(run.Value.Config)), value(numbered(run.ID)))
}

// supersede ends the other runs of a pull request that have not ended.
func supersede(w *work, run *storage.Item[ciRun]) error {
	others, err := allHaving(ciRunRecords, w.Tx, indexLive, joined(run.Value.Config, run.Value.PR))
	if err != nil {
		return err
	}
	for i := range others {
		if others[i].ID == run.ID {
			continue
		}
		state, err := ciStateOf(w, looking(w), &others[i])
		if err != nil {
			return err
		}
		if !state.ended() {
			if err := abandon(w, &others[i]); err != nil {
				return err
			}
			state = ciState{status: jobWords[job.Cancelled], problems: []string{fmt.Sprintf("Run %s of a newer commit has taken its place.", run.ID)}}
		}
		if _, err := changeRun(w, &others[i], func(v *ciRun) {
			if v.Final, v.Problems = state.status, state.problems; state.status == jobWords[job.Cancelled] {
				v.SupersededBy, v.Wants, v.Missing = run.ID, nil, nil
			}
		}); err != nil {
			return err
		}
	}
	return nil
}

// latestOf is the newest run of a pull request; nil if there is none.
func latestOf(tx storage.ReadTx, config, pr string) (*storage.Item[ciRun], error) {
	value := joined(config, pr)
	return latest(ciRunRecords, tx, storage.Query{Index: indexPR, Equal: &value})
}

// UploadChanges names the tables that the active run of a pull request compares. What
// was named before is replaced; the same again changes nothing.
func (a *API) UploadChanges(ctx context.Context, request datafold.UploadChangesRequestObject) (datafold.UploadChangesResponseObject, error) {
	pairs := []ciPair{}
	for _, d := range *request.Body {
		pairs = append(pairs, ciPair{Prod: d.Prod, PR: d.Pr, Key: value(d.Pk), Include: value(d.IncludeColumns), Exclude: value(d.ExcludeColumns)})
	}
	return writing(ctx, a, func(w *work) (datafold.UploadChangesResponseObject, error) {
		config, err := ciConfigs.at(w, request.CIConfigID)
		if err != nil {
			return nil, err
		}
		run, err := latestOf(w, config.ID, strconv.Itoa(request.PrNum))
		if err != nil {
			return nil, err
		}
		if run == nil || run.Value.Final == jobWords[job.Cancelled] {
			return datafold.UploadChanges200JSONResponse{}, nil
		}
		same, err := equalJSON(run.Value.Pairs, pairs)
		if err != nil {
			return nil, err
		}
		if !same || !run.Value.Named {
			if *run, err = changeRun(w, run, func(v *ciRun) { v.Pairs, v.Named = pairs, true }); err != nil {
				return nil, err
			}
			if err := settle(w, config, run); err != nil {
				return nil, err
			}
		}
		id, err := strconv.Atoi(run.ID)
		return datafold.UploadChanges200JSONResponse{CIRunID: &id, RunID: &id}, err
	})
}

func equalJSON(a, b any) (bool, error) {
	x, err := json.Marshal(a)
	if err != nil {
		return false, err
	}
	y, err := json.Marshal(b)
	return string(x) == string(y), err
}

// settle looks what a run is to be made of, by all that has come, in whatever order. If
// that is there and is not what it is made of, its diffs are made anew.
func settle(w *work, config storage.Item[ciConfig], run *storage.Item[ciRun]) error {
	v := &run.Value
	if v.SupersededBy != "" {
		return nil
	}
	in, err := inputOf(w, config, v)
	if err != nil {
		return err
	}
	if in.hash == v.Input && slices.Equal(in.missing, v.Missing) && slices.Equal(in.wants, v.Wants) {
		return nil
	}
	again := in.hash != v.Input
	if again {
		if err := abandon(w, run); err != nil {
			return err
		}
	}
	if *run, err = changeRun(w, run, func(v *ciRun) {
		v.Missing, v.Wants, v.Base, v.Head = in.missing, in.wants, in.base, in.head
		if !again {
			return
		}
		v.Input, v.Job, v.Final, v.Problems = in.hash, "", "", nil
		if in.hash != "" {
			v.Attempt++
			v.Job = run.ID + "." + strconv.Itoa(v.Attempt)
		}
	}); err != nil || run.Value.Job == "" || !again {
		return err
	}
	_, err = ciJobs.Enqueue(w.Tx, job.Order{ID: run.Value.Job, Args: ciTask{Run: run.ID}})
	return err
}

// ciInput is what a run is made of.
type ciInput struct {
	hash           string // "" if something is missing
	missing, wants []string
	base, head     string // uploads
}

func inputOf(tx storage.ReadTx, config storage.Item[ciConfig], v *ciRun) (in ciInput, err error) {
	known, err := pullRequestOf(tx, config.ID, v.PR)
	if err != nil {
		return in, err
	}
	hash := func(parts ...any) error {
		text, err := json.Marshal(append(parts, config.Value, known))
		sum := sha256.Sum256(text)
		in.hash = hex.EncodeToString(sum[:])
		return err
	}
	if v.Named {
		return in, hash("pairs", v.Pairs)
	}
	head, err := artifactsOf(tx, config.ID, runTypePR, "", v.PRSha)
	if err != nil {
		return in, err
	}
	link := ""
	if head != nil {
		in.head, link = head.ID, head.Value.RunID
	} else {
		in.missing = append(in.missing, fmt.Sprintf("The dbt artifacts of the commit %s are missing: upload them with the run type %s.", short(v.PRSha), runTypePR))
	}
	base, err := baseOf(tx, config.ID, link, v.BaseSha)
	if err != nil {
		return in, err
	}
	switch {
	case base != nil:
		in.base = base.ID
	case link != "":
		in.missing = append(in.missing, fmt.Sprintf("The dbt artifacts of the base are missing: upload them with the run type %s and the run id %s.", runTypeProduction, short(link)))
	case v.BaseSha == "":
		in.missing = append(in.missing, fmt.Sprintf("There are no dbt artifacts of production: upload them with the run type %s.", runTypeProduction))
	default:
		in.missing = append(in.missing, fmt.Sprintf("The dbt artifacts of the base commit %s are missing: upload them with the run type %s.", short(v.BaseSha), runTypeProduction))
	}
	if base == nil {
		if in.wants = []string{joined(config.ID, "sha", v.BaseSha)}; link != "" {
			in.wants = []string{joined(config.ID, "link", link)}
		}
	}
	if len(in.missing) > 0 {
		return in, nil
	}
	return in, hash("dbt", base.Value.Digest, head.Value.Digest)
}

// short is a commit, or whatever a client calls one, for a sentence.
func short(sha string) string {
	if sha == "" {
		return "(none)"
	}
	return fmt.Sprintf("%.60s", sha)
}
