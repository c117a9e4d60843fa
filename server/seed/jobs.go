package seed

import (
	"slices"
	"strings"

	"github.com/understudy-api/understudy/server/job"
	"github.com/understudy-api/understudy/storage"
)

// memberJobs holds the modes of the kinds of jobs, by their names.
const memberJobs = "jobs"

var (
	planMembers  = []string{"mode", "durations", "reads"}
	stageMembers = []string{"queued", "running"}
	planModes    = []string{string(job.Auto), string(job.Clock), string(job.Polls)}
)

// kinds lists the kinds of jobs of all APIs.
func (d *documents) kinds() []*job.Kind {
	var kinds []*job.Kind
	for i := range d.parts {
		kinds = append(kinds, d.parts[i].Jobs...)
	}
	return kinds
}

// jobs reads the modes of jobs.
func (r *reader) jobs(w *content, n *node, pointer string) {
	kinds := r.documents.kinds()
	known := make([]string, len(kinds))
	for i, k := range kinds {
		known[i] = k.Name
	}
	if !r.object(n, pointer, known, nil) {
		return
	}
	w.plans = map[*job.Kind]job.Plan{}
	for _, k := range kinds {
		if at := n.get(k.Name); at != nil {
			r.plan(w, k, at, below(pointer, k.Name))
		}
	}
}

func (r *reader) plan(w *content, k *job.Kind, n *node, pointer string) {
	before := r.problems.total
	if !r.object(n, pointer, planMembers, planMembers[:1]) {
		return
	}
	var text job.PlanText
	if at := n.get("mode"); at != nil {
		mode, ok := r.text(at, below(pointer, "mode"))
		if ok && !slices.Contains(planModes, mode) {
			r.problem(at, below(pointer, "mode"), "There is no mode %s: want %s.", shown(mode), choice(planModes))
		}
		text.Mode = job.Mode(mode)
	}
	if at := n.get("durations"); at != nil && r.object(at, below(pointer, "durations"), stageMembers, nil) {
		read := func(name string) *string {
			if of := at.get(name); of != nil {
				if d, ok := r.text(of, below(below(pointer, "durations"), name)); ok {
					return &d
				}
			}
			return nil
		}
		text.Durations = &job.DurationsText{Queued: read("queued"), Running: read("running")}
	}
	if at := n.get("reads"); at != nil && r.object(at, below(pointer, "reads"), stageMembers, nil) {
		read := func(name string) *int64 {
			if of := at.get(name); of != nil {
				if i, ok := r.number(of, below(below(pointer, "reads"), name), 0, job.MaxReads); ok {
					return &i
				}
			}
			return nil
		}
		text.Reads = &job.ReadsText{Queued: read("queued"), Running: read("running")}
	}
	if r.problems.total > before {
		return
	}
	plan, problem := text.Plan(k)
	if problem != nil {
		at := n
		for name := range strings.SplitSeq(problem.Member, "/") {
			next := at.get(name)
			if next == nil { // of what is damaged, no more is told
				break
			}
			at, pointer = next, below(pointer, name)
		}
		r.problem(at, pointer, "%s", problem.Message)
		return
	}
	w.plans[k] = plan
}

// setPlans sets the modes of jobs of a workspace, before there are jobs.
func (w *content) setPlans(tx storage.Tx) error {
	for k, plan := range w.plans {
		if err := k.SetPlan(tx, &plan); err != nil {
			return err
		}
	}
	return nil
}

// exportPlans writes the modes that a workspace has set; nil for none.
func (d *documents) exportPlans(tx storage.ReadTx) (*node, error) {
	set := object()
	for _, k := range d.kinds() {
		plan, has, err := k.PlanOf(tx)
		if err != nil {
			return nil, err
		}
		if !has {
			continue
		}
		text := plan.Text()
		n := object("mode", string(text.Mode))
		if of := text.Durations; of != nil {
			n.set("durations", object("queued", *of.Queued, "running", *of.Running))
		}
		if of := text.Reads; of != nil {
			n.set("reads", object("queued", *of.Queued, "running", *of.Running))
		}
		set.set(k.Name, n)
	}
	if len(set.members) == 0 {
		return nil, nil
	}
	return set, nil
}

// plans is the schema of the modes of jobs.
func (g *generator) plans(d *documents) map[string]any {
	stages := func(of map[string]any, about string) map[string]any {
		return map[string]any{
			"type": "object", "additionalProperties": false, "description": about,
			"properties": map[string]any{"queued": of, "running": of},
		}
	}
	only := func(mode, member string) map[string]any {
		return map[string]any{
			"if":   map[string]any{"required": []string{member}},
			"then": map[string]any{"properties": map[string]any{"mode": map[string]any{"const": mode}}},
		}
	}
	g.definitions["JobMode"] = map[string]any{
		"type": "object", "required": planMembers[:1], "additionalProperties": false,
		"properties": map[string]any{
			"mode":      map[string]any{"enum": planModes},
			"durations": stages(map[string]any{"type": "string"}, `Of the mode "clock": for how long a state shows by the clock of the workspace, such as "1m30s"`),
			"reads":     stages(map[string]any{"type": "integer", "minimum": 0, "maximum": job.MaxReads}, `Of the mode "polls": how many reads show a state`),
		},
		"allOf": []any{only(string(job.Clock), "durations"), only(string(job.Polls), "reads")},
	}
	properties := map[string]any{}
	for _, k := range d.kinds() {
		properties[k.Name] = reference("JobMode")
	}
	return map[string]any{
		"type": "object", "additionalProperties": false, "properties": properties,
		"description": "How the states of jobs show, by the kind of the jobs",
	}
}
