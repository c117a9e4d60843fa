package control

import (
	"context"
	"net/http"

	"github.com/understudy-api/understudy/gen/understudy"
	"github.com/understudy-api/understudy/server/workspace"
)

// VisitPutSnapshotResponse answers with a snapshot.
func (a jsonAnswer) VisitPutSnapshotResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitListSnapshotsResponse answers with snapshots.
func (a jsonAnswer) VisitListSnapshotsResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitRestoreSnapshotResponse answers with a snapshot.
func (a jsonAnswer) VisitRestoreSnapshotResponse(w http.ResponseWriter) error { return a.write(w) }

func noSnapshot(name string) string { return "There is no snapshot " + name + " of this workspace" }

// ListSnapshots lists the snapshots of the caller's workspace.
func (a *API) ListSnapshots(ctx context.Context, _ understudy.ListSnapshotsRequestObject) (understudy.ListSnapshotsResponseObject, error) {
	ws, err := own(ctx)
	if err != nil {
		return nil, err
	}
	snapshots, err := a.o.Workspaces.Snapshots(ctx, ws)
	if err != nil {
		return nil, err
	}
	return jsonAnswer{struct {
		Snapshots []workspace.Snapshot `json:"snapshots"`
	}{snapshots}}, nil
}

// PutSnapshot keeps the caller's workspace under a name.
func (a *API) PutSnapshot(ctx context.Context, request understudy.PutSnapshotRequestObject) (understudy.PutSnapshotResponseObject, error) {
	ws, err := own(ctx)
	if err != nil {
		return nil, err
	}
	snapshot, err := a.o.Workspaces.Take(ctx, ws, request.SnapshotName, request.Body != nil && value(request.Body.Evidence))
	if err != nil {
		return nil, err
	}
	return jsonAnswer{snapshot}, nil
}

// RestoreSnapshot makes the caller's workspace what it was.
func (a *API) RestoreSnapshot(ctx context.Context, request understudy.RestoreSnapshotRequestObject) (understudy.RestoreSnapshotResponseObject, error) {
	ws, err := own(ctx)
	if err != nil {
		return nil, err
	}
	snapshot, err := a.o.Workspaces.Restore(ctx, ws, request.SnapshotName)
	if err != nil {
		return nil, workspaceError(err, noSnapshot(request.SnapshotName))
	}
	return jsonAnswer{snapshot}, nil
}

// DeleteSnapshot deletes a snapshot.
func (a *API) DeleteSnapshot(ctx context.Context, request understudy.DeleteSnapshotRequestObject) (understudy.DeleteSnapshotResponseObject, error) {
	ws, err := own(ctx)
	if err != nil {
		return nil, err
	}
	if err := a.o.Workspaces.DeleteSnapshot(ctx, ws, request.SnapshotName); err != nil {
		return nil, workspaceError(err, noSnapshot(request.SnapshotName))
	}
	return understudy.DeleteSnapshot204Response{}, nil
}

// Reset empties the caller's workspace.
func (a *API) Reset(ctx context.Context, request understudy.ResetRequestObject) (understudy.ResetResponseObject, error) {
	ws, err := own(ctx)
	if err != nil {
		return nil, err
	}
	if err := a.o.Workspaces.Reset(ctx, ws, request.Body != nil && value(request.Body.Evidence)); err != nil {
		return nil, err
	}
	return understudy.Reset204Response{}, nil
}
