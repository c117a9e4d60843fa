package brms

import (
	"context"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/understudy-api/understudy/gen/brms"
	"github.com/understudy-api/understudy/server/job"
	"github.com/understudy-api/understudy/server/site"
	"github.com/understudy-api/understudy/storage"
)

// run is what is stored of a run: a deployment or an undeployment.
type run struct {
	authors

	Event       string  `json:"event"` // requestDeploy or requestUndeploy
	Environment string  `json:"environment"`
	Release     string  `json:"release"`            // that is deployed, or taken away
	Previous    string  `json:"previous,omitempty"` // that was deployed before
	Comment     *string `json:"comment,omitempty"`
	// Done is when it was done; zero for one that is done by a job.
	Done time.Time `json:"done,omitzero"`
}

// takings are the jobs that take a release to the storage of a deployment, or away from
// it, one for each run. Nothing is taken anywhere: agents get it by rules-sync.
var takings = &job.Kind{
	Name: "brms.deploy", About: "Takes a release to the storage of a deployment, or away from it",
	Plan:    job.Plan{Mode: job.Clock, Queued: time.Second, Running: 4 * time.Second},
	Outcome: func(storage.ReadTx, job.Job) (any, *job.Failure, bool, error) { return nil, nil, true, nil },
}

// runWords are the states of jobs in BRMS's words.
var runWords = map[job.State]string{
	job.Waiting: "not_started", job.Queued: "not_started", job.Running: "in_progress",
	job.Done: "completed", job.Failed: "failed", job.Cancelled: "cancelled",
}

const runKind = "brms.run"

var runs = resource[run, brms.Run]{
	code: "run", noun: "Run", in: &projects,
	records: storage.Collection[run]{Kind: runKind},
	view:    func(tx storage.ReadTx, r storage.Item[run]) (brms.Run, error) { return viewRun(tx, glancing(tx), r) },
}

// glancing looks at jobs without being a reader of theirs.
func glancing(tx storage.ReadTx) job.Look {
	return func(k *job.Kind, id string) (job.Job, error) { return shown(k, tx, id) }
}

// Jobs are the kinds of jobs that operations begin, and how they are run.
func (a *API) Jobs() []job.Handler {
	return []job.Handler{{Kind: takings, Run: func(context.Context, *job.Work) (any, error) { return nil, nil }}}
}

// stateOf is how far a run has come, and when it ended.
func stateOf(look job.Look, r storage.Item[run]) (job.State, time.Time, error) {
	if !r.Value.Done.IsZero() {
		return job.Done, r.Value.Done, nil
	}
	j, err := look(takings, r.ID)
	return j.State, j.Finished, err
}

// inUse is the release that is in use in an environment; nil for none.
func inUse(tx storage.ReadTx, e environment) (*deployed, error) {
	if e.Running == "" {
		return e.Deployed, nil
	}
	r, err := runs.of(tx, e.Running)
	if err != nil {
		return nil, err
	}
	state, at, err := stateOf(glancing(tx), r)
	switch {
	case err != nil || state != job.Done:
		return e.Deployed, err
	case r.Value.Event == requestUndeploy:
		return nil, nil
	}
	return &deployed{Release: r.Value.Release, By: r.Value.CreatedBy, At: at}, nil
}

// settled is an environment whose last run has ended, with what that came to; else it
// is refused.
func settled(tx storage.ReadTx, e environment) (environment, error) {
	if e.Running == "" {
		return e, nil
	}
	r, err := runs.of(tx, e.Running)
	if err != nil {
		return e, err
	}
	if state, _, err := stateOf(glancing(tx), r); err != nil {
		return e, err
	} else if !state.Ended() {
		return e, site.Conflict("environment.deploying", "Another deployment to the environment is in progress")
	}
	now, err := inUse(tx, e)
	e.Deployed, e.Running = now, ""
	return e, err
}

// carryOut deploys a release to an environment, or takes away what is there if the
// release is "". One that stands for a storage is done with after a while.
func carryOut(w *work, project uuid.UUID, to storage.Item[environment], release string, comment *string) error {
	now, err := settled(w, to.Value)
	if err != nil {
		return err
	}
	r := run{Event: requestDeploy, Environment: to.ID, Release: release, Comment: comment}
	if now.Deployed != nil {
		r.Previous = now.Deployed.Release
	}
	if release == "" {
		r.Event, r.Release = requestUndeploy, r.Previous
	}
	at := w.Now()
	if now.Type != typeDeployment {
		r.Done = at
	}
	made, err := runs.insert(w, r, project)
	if err != nil {
		return err
	}
	if now.Type == typeDeployment {
		now.Running = made.ID
		begun, err := takings.Enqueue(w, job.Order{ID: made.ID})
		if err != nil {
			return err
		}
		if begun.Plan.Mode == job.Clock {
			at = at.Add(begun.Plan.Queued + begun.Plan.Running)
		}
	} else if now.Deployed = nil; release != "" {
		now.Deployed = &deployed{Release: release, By: w.Principal.User, At: at}
	}
	if _, err := environments.update(w, func(e *environment) error {
		e.Deployed, e.Running = now.Deployed, now.Running
		return nil
	}, project, uuid.MustParse(to.ID)); err != nil {
		return err
	}
	view, err := runs.view(w, made)
	if err != nil {
		return err
	}
	what := eventDeploy
	if release == "" {
		what = eventUndeploy
	}
	return tellAt(w, at, project.String(), what, "env:"+to.Value.Key, view)
}

// userView is a user, as records name one.
func userView(tx storage.ReadTx, id string) brms.ProjectUser {
	user := brms.ProjectUser{ID: derivedID(tx.Workspace(), "user"), Email: "owner@example.com"}
	if parsed, err := uuid.Parse(id); err == nil {
		user.ID = parsed
	}
	return user
}

// runRelease is a release, as runs name it.
func runRelease(tx storage.ReadTx, id string) (*brms.RunRelease, error) {
	r, err := releases.of(tx, id)
	if err != nil {
		return nil, err
	}
	return &brms.RunRelease{ID: uuid.MustParse(id), Name: r.Value.Name, Version: strconv.FormatInt(r.Value.Version, 10)}, nil
}

func viewRun(tx storage.ReadTx, look job.Look, r storage.Item[run]) (view brms.Run, err error) {
	state, ended, err := stateOf(look, r)
	if err != nil {
		return view, err
	}
	release, err := runRelease(tx, r.Value.Release)
	if err != nil {
		return view, err
	}
	held, err := environments.ever(tx, r.Value.Environment)
	if err != nil {
		return view, err
	}
	e := held.Value
	id, project, environmentID := uuid.MustParse(r.ID), uuid.MustParse(r.Parent), uuid.MustParse(r.Value.Environment)
	by := userView(tx, r.Value.CreatedBy)
	name := or(release.Name, "release "+release.Version)
	view = brms.Run{
		ID: id, Status: runWords[state], ReleaseID: release.ID, ProjectID: project, CreatedByID: by.ID,
		CreatedAt: timestamp(r.Created), RunVersion: "v2", Release: *release, CreatedBy: by,
		Name: map[string]string{requestDeploy: "Deploy " + name + " to " + e.Name, requestUndeploy: "Undeploy " + name + " from " + e.Name}[r.Value.Event],
	}
	if view.Status == "not_started" { // the run has, its job has not
		view.Status = "in_progress"
	}
	if state == job.Done {
		at := timestamp(ended)
		view.CompletedAt = &at
	}
	part := brms.RunJob{
		ID: derivedID(tx.Workspace(), "job of run "+r.ID), Status: runWords[state], Order: 1, EnvironmentID: environmentID,
		ProjectID: project, DeploymentWorkflowRunID: id, CreatedAt: timestamp(r.Created), Event: r.Value.Event,
		Environment: brms.RunEnvironment{ID: environmentID, Name: e.Name, Key: e.Key},
	}
	if r.Value.Previous != "" {
		if part.PreviousRelease, err = runRelease(tx, r.Value.Previous); err != nil {
			return view, err
		}
		part.PreviousReleaseID = &part.PreviousRelease.ID
	}
	if r.Value.Comment != nil {
		part.Data = map[string]any{"comment": *r.Value.Comment}
	}
	view.Jobs = []brms.RunJob{part}
	return view, nil
}

// ListRuns lists a page of a project's runs.
func (a *API) ListRuns(ctx context.Context, request brms.ListRunsRequestObject) (brms.ListRunsResponseObject, error) {
	found, err := runs.list(ctx, a, asked{page: request.Params.Page, perPage: request.Params.PerPage}, request.ProjectID)
	return brms.ListRuns200JSONResponse(found), err
}

// GetRun reads a run. It counts as a read of its job.
func (a *API) GetRun(ctx context.Context, request brms.GetRunRequestObject) (brms.GetRunResponseObject, error) {
	found, err := looking(ctx, a, func(tx storage.ReadTx, look job.Look) (brms.Run, error) {
		r, err := runs.at(tx, request.ProjectID, request.RunID)
		if err != nil {
			return brms.Run{}, err
		}
		return viewRun(tx, look, r)
	})
	return brms.GetRun200JSONResponse(found), err
}

// UndeployEnvironment takes away what is deployed, or asks for it.
func (a *API) UndeployEnvironment(ctx context.Context, request brms.UndeployEnvironmentRequestObject) (brms.UndeployEnvironmentResponseObject, error) {
	return writing(ctx, a, func(w *work) (brms.UndeployEnvironmentResponseObject, error) {
		e, err := environments.at(w, request.ProjectID, request.EnvironmentID)
		if err != nil {
			return nil, err
		}
		now, err := settled(w, e.Value)
		if err != nil {
			return nil, err
		}
		if now.Deployed == nil {
			return nil, site.Conflict("environment.notDeployed", "No release is deployed to the environment")
		}
		if asksApproval(now.ApprovalMode) {
			view, err := requestChange(w, changeRequest{Type: requestUndeploy, Environment: e.ID, Release: now.Deployed.Release}, request.ProjectID)
			return brms.UndeployEnvironment202JSONResponse(view), err
		}
		return brms.UndeployEnvironment200JSONResponse{Status: statusOK}, carryOut(w, request.ProjectID, e, "", nil)
	})
}
