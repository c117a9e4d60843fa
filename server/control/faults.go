package control

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/understudy-api/understudy/gen/understudy"
	"github.com/understudy-api/understudy/server/contract"
	"github.com/understudy-api/understudy/server/world"
	"github.com/understudy-api/understudy/storage"
)

// own is the workspace of the caller's credential.
func own(ctx context.Context) (string, error) {
	if workspace := contract.PrincipalFrom(ctx).Workspace; workspace != "" {
		return workspace, nil
	}
	return "", &contract.Refusal{Kind: contract.KindForbidden, Message: "This credential has no workspace of its own"}
}

// whoseFaults is the workspace whose faults a request is about: the caller's, or
// that of the faults for all workspaces, which are the administrator's.
func whoseFaults[W ~string](ctx context.Context, workspace *W) (string, error) {
	if workspace == nil {
		return own(ctx)
	}
	if !contract.PrincipalFrom(ctx).Admin {
		return "", &contract.Refusal{Kind: contract.KindForbidden, Message: "Faults for all workspaces take the token given by --admin-token " +
			"or, where none is given, a request from the machine that the server runs on"}
	}
	return world.All, nil
}

// worldError words what a world said; missing is what is said of something that is
// not there.
func worldError(err error, missing string) error {
	if invalid, ok := errors.AsType[*world.InvalidError](err); ok {
		return &contract.Refusal{Kind: contract.KindUnprocessable, Message: invalid.Error()}
	}
	if storage.IsNotFound(err) {
		return contract.NotFound("", missing)
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
	workspace, err := whoseFaults(ctx, request.Params.Workspace)
	if err != nil {
		return nil, err
	}
	faults, err := a.o.Worlds.Faults(ctx, workspace)
	if err != nil {
		return nil, err
	}
	return jsonAnswer{struct {
		Faults []world.Counted `json:"faults"`
	}{faults}}, nil
}

// GetFault gives a fault and what became of it.
func (a *API) GetFault(ctx context.Context, request understudy.GetFaultRequestObject) (understudy.GetFaultResponseObject, error) {
	workspace, err := whoseFaults(ctx, request.Params.Workspace)
	if err != nil {
		return nil, err
	}
	fault, err := a.o.Worlds.Fault(ctx, workspace, request.FaultName)
	if err != nil {
		return nil, worldError(err, noFault(request.FaultName))
	}
	return jsonAnswer{fault}, nil
}

// PutFault adds or replaces a fault.
func (a *API) PutFault(ctx context.Context, request understudy.PutFaultRequestObject) (understudy.PutFaultResponseObject, error) {
	workspace, err := whoseFaults(ctx, request.Params.Workspace)
	if err != nil {
		return nil, err
	}
	fault, err := faultOf(request.Body, contract.BodyFrom(ctx))
	if err != nil {
		return nil, err
	}
	fault.Name = request.FaultName
	put, err := a.o.Worlds.PutFault(ctx, workspace, fault)
	if err != nil {
		return nil, worldError(err, "")
	}
	return jsonAnswer{put}, nil
}

// faultOf gives the fault that a request defines. text is the request's body, from
// which the forced answer is taken as it was written, numbers and order included.
func faultOf(definition *understudy.FaultDefinition, text []byte) (world.Fault, error) {
	var fault world.Fault
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
	workspace, err := whoseFaults(ctx, request.Params.Workspace)
	if err != nil {
		return nil, err
	}
	if err := a.o.Worlds.DeleteFault(ctx, workspace, request.FaultName); err != nil {
		return nil, worldError(err, noFault(request.FaultName))
	}
	return understudy.DeleteFault204Response{}, nil
}

// ClearFaults deletes all faults of a workspace.
func (a *API) ClearFaults(ctx context.Context, request understudy.ClearFaultsRequestObject) (understudy.ClearFaultsResponseObject, error) {
	workspace, err := whoseFaults(ctx, request.Params.Workspace)
	if err != nil {
		return nil, err
	}
	if err := a.o.Worlds.ClearFaults(ctx, workspace); err != nil {
		return nil, err
	}
	return understudy.ClearFaults204Response{}, nil
}
