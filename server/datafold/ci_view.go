package datafold

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/understudy-api/understudy/server/datadiff"
	"github.com/understudy-api/understudy/server/dbt"
	"github.com/understudy-api/understudy/server/job"
	"github.com/understudy-api/understudy/storage"
)

// ciRunView is a run as the control API shows it.
type ciRunView struct {
	ID            int          `json:"id"`
	Config        int          `json:"config"`
	BaseBranch    string       `json:"baseBranch"`
	BaseSha       string       `json:"baseSha"`
	PRBranch      string       `json:"prBranch"`
	PRSha         string       `json:"prSha"`
	PRNum         string       `json:"prNum"`
	Status        string       `json:"status"`
	CreatedAt     time.Time    `json:"createdAt"`
	SupersededBy  *int         `json:"supersededBy,omitempty"`
	BaseArtifacts *int         `json:"baseArtifacts,omitempty"`
	PRArtifacts   *int         `json:"prArtifacts,omitempty"`
	WaitsFor      []string     `json:"waitsFor"`
	Problems      []string     `json:"problems"`
	Diffs         []ciDiffView `json:"diffs"`
	Left          []dbt.Left   `json:"left"`
	Added         []string     `json:"added"`
	Removed       []string     `json:"removed"`

	title string
	held  bool
}

type ciDiffView struct {
	ID        *int          `json:"id,omitempty"`
	Model     string        `json:"model"`
	Prod      []string      `json:"prod"`
	PR        []string      `json:"pr"`
	Key       []string      `json:"key"`
	KeySource dbt.KeySource `json:"keySource"`
	Status    string        `json:"status"`
	Result    string        `json:"result,omitempty"`
	Feedback  string        `json:"feedback,omitempty"`
	Notes     []string      `json:"notes"`

	result *diffResult
}

func numbered(id string) *int {
	n, err := strconv.Atoi(id)
	if err != nil {
		return nil
	}
	return &n
}

// ciRunOf is the view of a run.
func ciRunOf(tx storage.ReadTx, look job.Look, run *storage.Item[ciRun]) (v ciRunView, ended bool, err error) {
	state, err := ciStateInFull(tx, look, run)
	if err != nil {
		return v, false, err
	}
	r := &run.Value
	if r.Final != "" { // it does not change any more, whatever became of its diffs
		state.status, state.problems = r.Final, r.Problems
	}
	config, err := held(ciConfigRecords, tx, r.Config)
	if err != nil {
		return v, false, err
	}
	v = ciRunView{
		ID: value(numbered(run.ID)), Config: value(numbered(r.Config)), BaseBranch: r.BaseBranch, BaseSha: r.BaseSha, PRBranch: r.PRBranch,
		PRSha: r.PRSha, PRNum: r.PR, Status: state.status, CreatedAt: r.CreatedAt, SupersededBy: numbered(r.SupersededBy),
		BaseArtifacts: numbered(r.Base), PRArtifacts: numbered(r.Head), WaitsFor: notNil(r.Missing), Problems: notNil(state.problems),
		Diffs: []ciDiffView{}, Left: []dbt.Left{}, Added: []string{}, Removed: []string{}, title: orElse(config.Value.Name, config.Value.Repository),
	}
	p := state.plan
	if p == nil {
		return v, state.ended(), nil
	}
	v.Left, v.Added, v.Removed, v.held = notNil(p.Left), notNil(p.Added), notNil(p.Removed), p.Held
	for i := range p.Diffs {
		d := &p.Diffs[i]
		view := ciDiffView{
			ID: numbered(d.Diff), Model: d.Model, Prod: notNil(d.Prod), PR: notNil(d.PR), Key: notNil(d.Key), KeySource: d.KeySource,
			Status: statusHeld, Notes: notNil(slices.Clone(d.Notes)),
		}
		if !p.Held && i < len(state.diffs) {
			s := state.diffs[i]
			view.Status = s.status
			switch {
			case s.result != nil:
				view.result, view.Result, view.Feedback = s.result, s.result.Outcome, s.result.feedback()
				if len(view.Key) == 0 {
					view.Key = notNil(s.result.Key)
				}
			case s.job.State == job.Failed:
				why := s.whyFailed()
				view.Result, view.Feedback = string(datadiff.Failed), why.Type+": "+sentence(why.Value)
			}
		}
		v.Diffs = append(v.Diffs, view)
	}
	return v, state.ended(), nil
}

// lookAt is a run for somebody who looks at it, which is a read of its jobs.
func (a *API) lookAt(ctx context.Context, workspace string, id int) (v ciRunView, err error) {
	over := false
	v, err = lookingOn(ctx, a, workspace, func(tx storage.ReadTx, look job.Look) (ciRunView, error) {
		over = false
		run, err := held(ciRunRecords, tx, strconv.Itoa(id))
		if err != nil {
			return ciRunView{}, ciRuns.worded(err)
		}
		view, ended, err := ciRunOf(tx, look, &run)
		over = ended && run.Value.Final == ""
		return view, err
	})
	if err == nil && over {
		a.keepEnds(ctx, workspace, []string{strconv.Itoa(id)})
	}
	return v, err
}

// CIRun is a run with all that is known of it, as JSON.
func (a *API) CIRun(ctx context.Context, workspace string, id int) (json.RawMessage, error) {
	v, err := a.lookAt(ctx, workspace, id)
	if err != nil {
		return nil, err
	}
	return json.Marshal(v)
}

// CISummary is a run as Markdown for its pull request.
func (a *API) CISummary(ctx context.Context, workspace string, id int) (string, error) {
	v, err := a.lookAt(ctx, workspace, id)
	if err != nil {
		return "", err
	}
	return v.markdown(), nil
}

// plain is a text inside of Markdown: on one line, and no markup.
func plain(text string) string {
	var out strings.Builder
	for _, c := range text {
		switch {
		case c < ' ' || c == 0x7F:
			out.WriteByte(' ')
		case strings.ContainsRune("\\`*_{}[]<>()#+!|~&", c):
			out.WriteByte('\\')
			out.WriteRune(c)
		default:
			out.WriteRune(c)
		}
	}
	return out.String()
}

// code is a text as code inside of Markdown, also in a table.
func code(text string) string {
	if text == "" {
		return ""
	}
	text = strings.NewReplacer("\n", " ", "\r", " ", "|", `\|`).Replace(text)
	if strings.Contains(text, "`") {
		return "`` " + text + " ``"
	}
	return "`" + text + "`"
}

// markdown is the run as a comment on its pull request.
func (v *ciRunView) markdown() string {
	var out strings.Builder
	say := func(format string, args ...any) { _, _ = fmt.Fprintf(&out, format, args...) }
	list := func(items []string) {
		for _, item := range items {
			say("- %s\n", plain(item))
		}
		if len(items) > 0 {
			say("\n")
		}
	}
	of := "commit " + code(short(v.PRSha))
	if v.PRNum != "" {
		of = "pull request " + plain(v.PRNum)
	}
	say("## Data diffs of %s: %s\n\n", of, plain(strings.ReplaceAll(v.Status, "_", " ")))
	if v.title != "" {
		say("%s. ", plain(v.title))
	}
	say("Run %d of commit %s", v.ID, code(short(v.PRSha)))
	if v.PRBranch != "" {
		say(" on %s", code(v.PRBranch))
	}
	if v.BaseSha != "" || v.BaseBranch != "" {
		say(", compared with %s", code(strings.TrimPrefix(v.BaseBranch+"@"+v.BaseSha, "@")))
	}
	say(".\n\n")
	if len(v.WaitsFor) > 0 {
		say("It waits:\n\n")
		list(v.WaitsFor)
	}
	if v.held {
		say("There are %d data diffs, more than the configuration begins by itself. Confirm the run to begin them.\n\n", len(v.Diffs))
	}
	list(v.Problems)
	v.table(say)
	if v.Status == jobWords[job.Done] && len(v.Diffs) == 0 {
		say("No table had to be compared.\n\n")
	}
	for _, part := range []struct {
		title string
		items []string
	}{{"New models", v.Added}, {"Removed models", v.Removed}, {"Not compared", v.leftOut()}, {"Notes", v.notes()}} {
		if len(part.items) > 0 {
			say("### %s\n\n", part.title)
			list(part.items)
		}
	}
	return strings.TrimRight(out.String(), "\n") + "\n"
}

// table writes what the diffs came to.
func (v *ciRunView) table(say func(string, ...any)) {
	if len(v.Diffs) == 0 {
		return
	}
	say("| model | primary key | result | rows | only in production | only in the pull request | rows with differences |\n")
	say("|---|---|---|---|---|---|---|\n")
	for i := range v.Diffs {
		d := &v.Diffs[i]
		key := code(strings.Join(d.Key, ", "))
		result := plain(strings.ReplaceAll(orElse(d.Result, d.Status), "_", " "))
		if d.ID != nil {
			result += fmt.Sprintf(" (diff %d)", *d.ID)
		}
		rows, left, right, different := "", "", "", ""
		if r := d.result; r != nil {
			rows = fmt.Sprintf("%d → %d", r.Keys.TotalRows[0], r.Keys.TotalRows[1])
			left, right = strconv.FormatInt(r.Keys.Exclusives[0], 10), strconv.FormatInt(r.Keys.Exclusives[1], 10)
			if r.Values != nil {
				different = strconv.FormatInt(r.Values.RowsWithDifferences, 10)
			}
		}
		say("| %s | %s | %s | %s | %s | %s | %s |\n", code(d.Model), key, result, rows, left, right, different)
	}
	say("\n")
}

func (v *ciRunView) leftOut() (items []string) {
	for _, l := range v.Left {
		items = append(items, l.Model+": "+l.Why)
	}
	return items
}

func (v *ciRunView) notes() (items []string) {
	for i := range v.Diffs {
		for _, note := range v.Diffs[i].Notes {
			items = append(items, v.Diffs[i].Model+": "+note)
		}
	}
	return items
}
