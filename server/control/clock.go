package control

import (
	"context"
	"time"

	"github.com/understudy-api/understudy/gen/understudy"
	"github.com/understudy-api/understudy/server/site"
	"github.com/understudy-api/understudy/server/workspace"
	"github.com/understudy-api/understudy/storage"
)

func clockView(c workspace.Clock) understudy.Clock {
	view := understudy.Clock{Now: c.Now, Frozen: c.Frozen}
	if c.Offset != 0 {
		view.Offset = text(c.Offset.String())
	}
	return view
}

// GetClock reads the clock of the caller's workspace.
func (a *API) GetClock(ctx context.Context, _ understudy.GetClockRequestObject) (understudy.GetClockResponseObject, error) {
	ws, err := own(ctx)
	if err != nil {
		return nil, err
	}
	clock, err := a.o.Workspaces.Clock(ctx, ws)
	if err != nil {
		return nil, err
	}
	return understudy.GetClock200JSONResponse(clockView(clock)), nil
}

// PutClock sets the clock, and freezes it or lets it run.
func (a *API) PutClock(ctx context.Context, request understudy.PutClockRequestObject) (understudy.PutClockResponseObject, error) {
	ws, err := own(ctx)
	if err != nil {
		return nil, err
	}
	clock, err := a.o.Workspaces.SetClock(ctx, ws, request.Body.Frozen, request.Body.Now)
	if err != nil {
		return nil, workspaceError(err, "")
	}
	return understudy.PutClock200JSONResponse(clockView(clock)), nil
}

// AdvanceClock moves the clock.
func (a *API) AdvanceClock(ctx context.Context, request understudy.AdvanceClockRequestObject) (understudy.AdvanceClockResponseObject, error) {
	ws, err := own(ctx)
	if err != nil {
		return nil, err
	}
	by, err := time.ParseDuration(request.Body.By)
	if err != nil { // its form was judged
		return nil, &site.Refusal{Kind: site.KindUnprocessable, Message: "by: a clock can be moved by 292 years at a time"}
	}
	clock, err := a.o.Workspaces.AdvanceClock(ctx, ws, by)
	if err != nil {
		return nil, workspaceError(err, "")
	}
	return understudy.AdvanceClock200JSONResponse(clockView(clock)), nil
}

// The names of the sources of ids: storage calls the first "".
const randomIDs = understudy.IDsSource("random")

func idsView(ids storage.IDs) understudy.IDs {
	view := understudy.IDs{Source: understudy.IDsSource(ids.Source), Seed: &ids.Seed}
	if ids.Source == storage.IDsRandom {
		view.Source, view.Seed = randomIDs, nil
	}
	return view
}

// GetIds says where ids come from.
func (a *API) GetIds(ctx context.Context, _ understudy.GetIdsRequestObject) (understudy.GetIdsResponseObject, error) { //nolint:revive // the generated interface calls it so
	ws, err := own(ctx)
	if err != nil {
		return nil, err
	}
	ids, err := a.o.Workspaces.IDs(ctx, ws)
	if err != nil {
		return nil, err
	}
	return understudy.GetIds200JSONResponse(idsView(ids)), nil
}

// PutIds chooses where ids come from.
func (a *API) PutIds(ctx context.Context, request understudy.PutIdsRequestObject) (understudy.PutIdsResponseObject, error) { //nolint:revive // the generated interface calls it so
	ws, err := own(ctx)
	if err != nil {
		return nil, err
	}
	var ids storage.IDs
	if request.Body.Source != randomIDs {
		ids = storage.IDs{Source: storage.IDSource(request.Body.Source), Seed: value(request.Body.Seed)}
	}
	if err := a.o.Workspaces.SetIDs(ctx, ws, ids); err != nil {
		return nil, err
	}
	return understudy.PutIds200JSONResponse(idsView(ids)), nil
}
