package control

import (
	"context"
	"net/http"

	"github.com/understudy-api/understudy/gen/understudy"
	"github.com/understudy-api/understudy/server/world"
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
	workspace, err := own(ctx)
	if err != nil {
		return nil, err
	}
	snapshots, err := a.o.Worlds.Snapshots(ctx, workspace)
	if err != nil {
		return nil, err
	}
	return jsonAnswer{struct {
		Snapshots []world.Snapshot `json:"snapshots"`
	}{snapshots}}, nil
}

// PutSnapshot keeps the caller's workspace under a name.
func (a *API) PutSnapshot(ctx context.Context, request understudy.PutSnapshotRequestObject) (understudy.PutSnapshotResponseObject, error) {
	workspace, err := own(ctx)
	if err != nil {
		return nil, err
	}
	snapshot, err := a.o.Worlds.Take(ctx, workspace, request.SnapshotName, request.Body != nil && value(request.Body.Evidence))
	if err != nil {
		return nil, err
	}
	return jsonAnswer{snapshot}, nil
}

// RestoreSnapshot makes the caller's workspace what it was.
func (a *API) RestoreSnapshot(ctx context.Context, request understudy.RestoreSnapshotRequestObject) (understudy.RestoreSnapshotResponseObject, error) {
	workspace, err := own(ctx)
	if err != nil {
		return nil, err
	}
	snapshot, err := a.o.Worlds.Restore(ctx, workspace, request.SnapshotName)
	if err != nil {
		return nil, worldError(err, noSnapshot(request.SnapshotName))
	}
	return jsonAnswer{snapshot}, nil
}

// DeleteSnapshot deletes a snapshot.
func (a *API) DeleteSnapshot(ctx context.Context, request understudy.DeleteSnapshotRequestObject) (understudy.DeleteSnapshotResponseObject, error) {
	workspace, err := own(ctx)
	if err != nil {
		return nil, err
	}
	if err := a.o.Worlds.DeleteSnapshot(ctx, workspace, request.SnapshotName); err != nil {
		return nil, worldError(err, noSnapshot(request.SnapshotName))
	}
	return understudy.DeleteSnapshot204Response{}, nil
}

// Reset empties the caller's workspace.
func (a *API) Reset(ctx context.Context, request understudy.ResetRequestObject) (understudy.ResetResponseObject, error) {
	workspace, err := own(ctx)
	if err != nil {
		return nil, err
	}
	if err := a.o.Worlds.Reset(ctx, workspace, request.Body != nil && value(request.Body.Evidence)); err != nil {
		return nil, err
	}
	return understudy.Reset204Response{}, nil
}
