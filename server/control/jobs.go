package control

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"github.com/understudy-api/understudy/gen/understudy"
	"github.com/understudy-api/understudy/server/job"
	"github.com/understudy-api/understudy/server/site"
	"github.com/understudy-api/understudy/storage"
)

// VisitListJobsResponse answers with jobs.
func (a jsonAnswer) VisitListJobsResponse(w http.ResponseWriter) error { return a.write(w) }

// jobView is a job as it is answered: its progress is as its kind wrote it.
type jobView struct {
	Kind       string                 `json:"kind"`
	ID         string                 `json:"id"`
	State      understudy.JobState    `json:"state"`
	Mode       understudy.JobModeName `json:"mode"`
	CreatedAt  time.Time              `json:"createdAt"`
	DueAt      time.Time              `json:"dueAt,omitzero"`
	StartedAt  time.Time              `json:"startedAt,omitzero"`
	FinishedAt time.Time              `json:"finishedAt,omitzero"`
	Attempts   int                    `json:"attempts"`
	Progress   json.RawMessage        `json:"progress,omitempty"`
	Failure    *understudy.JobFailure `json:"failure,omitempty"`
}

// defaultJobs is how many jobs are listed unless the request says.
const defaultJobs = 50

// ListJobs lists the jobs of the caller's workspace.
func (a *API) ListJobs(ctx context.Context, request understudy.ListJobsRequestObject) (understudy.ListJobsResponseObject, error) {
	workspace, err := own(ctx)
	if err != nil {
		return nil, err
	}
	limit := defaultJobs
	if request.Params.Limit != nil {
		limit = *request.Params.Limit
	}
	var page struct {
		Jobs []jobView      `json:"jobs"`
		Next storage.Cursor `json:"next,omitempty"`
	}
	err = a.o.Store.View(ctx, workspace, func(tx storage.ReadTx) error {
		found, next, err := job.List(tx, storage.Cursor(value(request.Params.After)), limit)
		page.Jobs, page.Next = make([]jobView, len(found)), next
		for i, j := range found {
			page.Jobs[i] = jobView{
				Kind: j.Kind, ID: j.ID, State: understudy.JobState(j.State), Mode: understudy.JobModeName(j.Plan.Mode),
				CreatedAt: j.Created, DueAt: j.Due, StartedAt: j.Started, FinishedAt: j.Finished, Attempts: j.Attempt, Progress: j.Progress,
			}
			if j.Failure != nil {
				page.Jobs[i].Failure = &understudy.JobFailure{Code: j.Failure.Code, Message: j.Failure.Message}
			}
		}
		return err
	})
	if err != nil {
		if storage.CodeOf(err) == storage.CodeInvalid {
			return nil, &site.Refusal{Kind: site.KindInvalid, Message: "after: no page of jobs has ended there"}
		}
		return nil, err
	}
	return jsonAnswer{page}, nil
}

func modeView(k *job.Kind, p job.Plan, set bool) understudy.JobMode {
	view := understudy.JobMode{Kind: k.Name, About: k.About, Mode: understudy.JobModeName(p.Mode), Set: set}
	text := p.Text()
	if d := text.Durations; d != nil {
		view.Durations = &understudy.JobDurations{Queued: d.Queued, Running: d.Running}
	}
	if text.Reads != nil {
		view.Reads = &understudy.JobReads{Queued: new(int(p.QueuedReads)), Running: new(int(p.RunningReads))}
	}
	return view
}

// ListJobModes tells how the jobs of each kind show.
func (a *API) ListJobModes(ctx context.Context, _ understudy.ListJobModesRequestObject) (understudy.ListJobModesResponseObject, error) {
	workspace, err := own(ctx)
	if err != nil {
		return nil, err
	}
	list := understudy.JobModeList{}
	err = a.o.Store.View(ctx, workspace, func(tx storage.ReadTx) error {
		list.Modes = make([]understudy.JobMode, len(a.o.Jobs))
		for i, k := range a.o.Jobs {
			plan, set, err := k.PlanOf(tx)
			if err != nil {
				return err
			}
			list.Modes[i] = modeView(k, plan, set)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return understudy.ListJobModes200JSONResponse(list), nil
}

// kindOf finds a kind of jobs by its name.
func (a *API) kindOf(name string) (*job.Kind, error) {
	i := slices.IndexFunc(a.o.Jobs, func(k *job.Kind) bool { return k.Name == name })
	if i < 0 {
		return nil, site.NotFound("", "There are no jobs of the kind "+name)
	}
	return a.o.Jobs[i], nil
}

// PutJobMode says how the jobs of a kind show.
func (a *API) PutJobMode(ctx context.Context, request understudy.PutJobModeRequestObject) (understudy.PutJobModeResponseObject, error) {
	workspace, err := own(ctx)
	if err != nil {
		return nil, err
	}
	kind, err := a.kindOf(request.JobKind)
	if err != nil {
		return nil, err
	}
	plan, problem := job.PlanText{
		Mode: job.Mode(request.Body.Mode), Durations: durationsOf(request.Body.Durations), Reads: readsOf(request.Body.Reads),
	}.Plan(kind)
	if problem != nil {
		return nil, &site.Refusal{Kind: site.KindUnprocessable, Message: problem.Member + ": " + problem.Message}
	}
	if err := a.o.Store.Update(ctx, workspace, func(tx storage.Tx) error { return kind.SetPlan(tx, &plan) }); err != nil {
		return nil, err
	}
	return understudy.PutJobMode200JSONResponse(modeView(kind, plan, true)), nil
}

func durationsOf(d *understudy.JobDurations) *job.DurationsText {
	if d == nil {
		return nil
	}
	return &job.DurationsText{Queued: d.Queued, Running: d.Running}
}

func readsOf(r *understudy.JobReads) *job.ReadsText {
	if r == nil {
		return nil
	}
	wide := func(n *int) *int64 {
		if n == nil {
			return nil
		}
		return new(int64(*n))
	}
	return &job.ReadsText{Queued: wide(r.Queued), Running: wide(r.Running)}
}

// DeleteJobMode lets the jobs of a kind show as at first.
func (a *API) DeleteJobMode(ctx context.Context, request understudy.DeleteJobModeRequestObject) (understudy.DeleteJobModeResponseObject, error) {
	workspace, err := own(ctx)
	if err != nil {
		return nil, err
	}
	kind, err := a.kindOf(request.JobKind)
	if err != nil {
		return nil, err
	}
	if err := a.o.Store.Update(ctx, workspace, func(tx storage.Tx) error { return kind.SetPlan(tx, nil) }); err != nil {
		return nil, err
	}
	return understudy.DeleteJobMode204Response{}, nil
}
