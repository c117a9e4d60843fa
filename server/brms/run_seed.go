package brms

import (
	"cmp"
	"regexp"

	"github.com/google/uuid"

	"github.com/understudy-api/understudy/gen/brms"
	"github.com/understudy-api/understudy/server/job"
	"github.com/understudy-api/understudy/server/seed"
	"github.com/understudy-api/understudy/storage"
)

// runEvent is what a run does.
var runEvent = regexp.MustCompile(`^(` + requestDeploy + `|` + requestUndeploy + `)$`)

// runSeeds is how what was deployed stands in a seed: as the body that deploys. It is
// history; what is in use is said of the environment.
func runSeeds() *seed.Resource {
	const path = "/api/projects/{projectId}/releases/deploy"
	return &seed.Resource{
		List: "runs", Name: "run", Kind: runKind,
		Creates: []seed.Create{{Path: path, Vars: anyIDs(path), Read: seed.Into[brms.DeployReleaseRequest]}},
		Own: []seed.Member{
			{Name: "id", Kind: seed.UUID, About: "Without it, the next id of the workspace"},
			{Name: "createdAt", Kind: seed.Time, About: "Without it, what the clock of the workspace shows"},
			{Name: "updatedAt", Kind: seed.Time, About: "Without it, createdAt"},
			{Name: "completedAt", Kind: seed.Time, About: "When it was done; without it, createdAt"},
			{Name: "event", Kind: seed.Pattern, Form: runEvent, Example: requestDeploy, About: "deploy or undeploy; without it, deploy"},
			{Name: "previousReleaseId", Kind: seed.UUID, About: "The release that was deployed before; without it, none was"},
		},
		Insert: func(tx storage.Tx, e *seed.Entry, parent string) (string, error) {
			body, _ := e.Body.(*brms.DeployReleaseRequest)
			m := seedMeta(tx, e, parent)
			r := run{
				Event: cmp.Or(e.Own.Text("event"), requestDeploy), Environment: body.EnvironmentID.String(), Release: body.ReleaseID.String(),
				Previous: e.Own.Text("previousReleaseId"), Comment: body.Comment, Done: e.Own.Time("completedAt"),
			}
			if r.Done.IsZero() {
				if r.Done = m.Created; r.Done.IsZero() {
					r.Done = tx.Now()
				}
			}
			made, err := runs.plant(tx, m, r)
			return made.ID, err
		},
		Export: exportRuns,
	}
}

// exportRuns writes the runs of a project that were done: of what is under way, or came
// to nothing, there is nothing that a seed could say.
func exportRuns(tx storage.ReadTx, parent string) ([]seed.Exported, error) {
	found, err := runs.all(tx, storage.Query{Parent: &parent})
	if err != nil {
		return nil, err
	}
	var exported []seed.Exported
	for _, r := range found {
		state, done, err := stateOf(glancing(tx), r)
		if err != nil {
			return nil, err
		}
		if state != job.Done {
			continue
		}
		body := brms.DeployReleaseRequest{Comment: r.Value.Comment}
		body.EnvironmentID, body.ReleaseID = uuid.MustParse(r.Value.Environment), uuid.MustParse(r.Value.Release)
		own := seed.Values{"id": r.ID, "createdAt": r.Created, "updatedAt": r.Updated, "completedAt": done, "event": r.Value.Event}
		if r.Value.Previous != "" {
			own["previousReleaseId"] = r.Value.Previous
		}
		exported = append(exported, seed.Exported{ID: r.ID, Body: body, Own: own})
	}
	return exported, nil
}

// checkRuns finds what the runs of a project name that it never had.
func checkRuns(project *seed.Entry, report seed.Report) {
	known := map[string]bool{}
	for _, list := range []string{"releases", "environments"} {
		for _, e := range project.Within[list] {
			known[list+e.Own.Text("id")] = true
		}
	}
	for _, e := range project.Within["runs"] {
		if id := e.Own.Text("previousReleaseId"); id != "" && !known["releases"+id] {
			report(e, "previousReleaseId", "No release of the project has this id. Put it there.")
		}
		body, ok := e.Body.(*brms.DeployReleaseRequest)
		if !ok {
			continue
		}
		if !known["releases"+body.ReleaseID.String()] {
			report(e, "releaseId", "No release of the project has this id. Put it there.")
		}
		if !known["environments"+body.EnvironmentID.String()] {
			report(e, "environmentId", "No environment of the project has this id. Put it there.")
		}
	}
}
