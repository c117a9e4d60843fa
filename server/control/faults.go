package control

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/understudy-api/understudy/gen/understudy"
	"github.com/understudy-api/understudy/server/site"
	"github.com/understudy-api/understudy/server/workspace"
	"github.com/understudy-api/understudy/storage"
)

// own is the workspace of the caller's credential.
func own(ctx context.Context) (string, error) {
	if workspace := site.PrincipalFrom(ctx).Workspace; workspace != "" {
		return workspace, nil
	}
	return "", &site.Refusal{Kind: site.KindForbidden, Message: "This credential has no workspace of its own"}
}

// faultsOf is the workspace that keeps the faults a request reads or changes: the
// caller's own or, for the administrator who asks for "all", the one whose faults
// meet the calls of every workspace.
func faultsOf[W ~string](ctx context.Context, a *API, ws *W) (string, error) {
	if ws == nil {
		return own(ctx)
	}
	if err := a.administrator(ctx); err != nil {
		return "", err
	}
	return workspace.All, nil
}

// workspaceError turns an error of a workspace into a refusal; missing is the message
// for something that is not there.
func workspaceError(err error, missing string) error {
	if invalid, ok := errors.AsType[*workspace.InvalidError](err); ok {
		return &site.Refusal{Kind: site.KindUnprocessable, Message: invalid.Error()}
	}
	if storage.IsNotFound(err) {
		return site.NotFound("", missing)
	}
	return err
}

func noFault(name string) string { return "There is no fault " + name }

// VisitListFaultsResponse answers with faults.
func (a jsonAnswer) VisitListFaultsResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitGetFaultResponse answers with a fault.
func (a jsonAnswer) VisitGetFaultResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitPutFaultResponse answers with a fault.
func (a jsonAnswer) VisitPutFaultResponse(w http.ResponseWriter) error { return a.write(w) }

// ListFaults lists the faults of a workspace.
func (a *API) ListFaults(ctx context.Context, request understudy.ListFaultsRequestObject) (understudy.ListFaultsResponseObject, error) {
	ws, err := faultsOf(ctx, a, request.Params.Workspace)
	if err != nil {
		return nil, err
	}
	faults, err := a.o.Workspaces.Faults(ctx, ws)
	if err != nil {
		return nil, err
	}
	return jsonAnswer{struct {
		Faults []workspace.Counted `json:"faults"`
	}{faults}}, nil
}

// GetFault gives a fault and what became of it.
func (a *API) GetFault(ctx context.Context, request understudy.GetFaultRequestObject) (understudy.GetFaultResponseObject, error) {
	ws, err := faultsOf(ctx, a, request.Params.Workspace)
	if err != nil {
		return nil, err
	}
	fault, err := a.o.Workspaces.Fault(ctx, ws, request.FaultName)
	if err != nil {
		return nil, workspaceError(err, noFault(request.FaultName))
	}
	return jsonAnswer{fault}, nil
}

// PutFault adds or replaces a fault.
func (a *API) PutFault(ctx context.Context, request understudy.PutFaultRequestObject) (understudy.PutFaultResponseObject, error) {
	ws, err := faultsOf(ctx, a, request.Params.Workspace)
	if err != nil {
		return nil, err
	}
	fault, err := faultOf(request.Body, site.BodyFrom(ctx))
	if err != nil {
		return nil, err
	}
	fault.Name = request.FaultName
	put, err := a.o.Workspaces.PutFault(ctx, ws, fault)
	if err != nil {
		return nil, workspaceError(err, "")
	}
	return jsonAnswer{put}, nil
}

// faultOf gives the fault that a request defines. text is the request's body, from
// which the forced answer is taken as it was written, numbers and order included.
func faultOf(definition *understudy.FaultDefinition, text []byte) (workspace.Fault, error) {
	var fault workspace.Fault
	rest, err := json.Marshal(definition)
	if err == nil {
		err = json.Unmarshal(rest, &fault)
	}
	if err == nil && fault.Do.Body != nil {
		var written struct {
			Do struct {
				Body json.RawMessage `json:"body"`
			} `json:"do"`
		}
		err = json.Unmarshal(text, &written)
		fault.Do.Body = written.Do.Body
	}
	return fault, err
}

// DeleteFault deletes a fault.
func (a *API) DeleteFault(ctx context.Context, request understudy.DeleteFaultRequestObject) (understudy.DeleteFaultResponseObject, error) {
	ws, err := faultsOf(ctx, a, request.Params.Workspace)
	if err != nil {
		return nil, err
	}
	if err := a.o.Workspaces.DeleteFault(ctx, ws, request.FaultName); err != nil {
		return nil, workspaceError(err, noFault(request.FaultName))
	}
	return understudy.DeleteFault204Response{}, nil
}

// ClearFaults deletes all faults of a workspace.
func (a *API) ClearFaults(ctx context.Context, request understudy.ClearFaultsRequestObject) (understudy.ClearFaultsResponseObject, error) {
	ws, err := faultsOf(ctx, a, request.Params.Workspace)
	if err != nil {
		return nil, err
	}
	if err := a.o.Workspaces.ClearFaults(ctx, ws); err != nil {
		return nil, err
	}
	return understudy.ClearFaults204Response{}, nil
}
