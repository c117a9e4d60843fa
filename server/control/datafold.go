package control

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/understudy-api/understudy/gen/understudy"
	"github.com/understudy-api/understudy/server/site"
)

// Datafold is what can be said of Datafold in a workspace beside its own API. The texts
// are JSON, as the document of this API has it. Errors are refusals, or the store's.
type Datafold interface {
	// Compatibility is how it answers.
	Compatibility(ctx context.Context, workspace string) (json.RawMessage, error)
	SetCompatibility(ctx context.Context, workspace string, text json.RawMessage) (json.RawMessage, error)
	// Backing is what stands in for the database of a data source; a nil text is nothing.
	Backing(ctx context.Context, workspace string, source int) (json.RawMessage, error)
	SetBacking(ctx context.Context, workspace string, source int, text json.RawMessage) (json.RawMessage, error)
	RemoveSource(ctx context.Context, workspace string, source int) error
	// Outcomes are what data diffs come to without being made.
	Outcomes(ctx context.Context, workspace string) (json.RawMessage, error)
	SetOutcome(ctx context.Context, workspace, name string, text json.RawMessage) (json.RawMessage, error)
	RemoveOutcome(ctx context.Context, workspace, name string) error

	DatafoldCI
}

// VisitGetDatafoldCompatibilityResponse answers with how Datafold answers.
func (a jsonAnswer) VisitGetDatafoldCompatibilityResponse(w http.ResponseWriter) error {
	return a.write(w)
}

// VisitPutDatafoldCompatibilityResponse answers with how Datafold answers.
func (a jsonAnswer) VisitPutDatafoldCompatibilityResponse(w http.ResponseWriter) error {
	return a.write(w)
}

// VisitGetDatafoldBackingResponse answers with a backing.
func (a jsonAnswer) VisitGetDatafoldBackingResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitPutDatafoldBackingResponse answers with a backing.
func (a jsonAnswer) VisitPutDatafoldBackingResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitListDatafoldOutcomesResponse answers with outcomes.
func (a jsonAnswer) VisitListDatafoldOutcomesResponse(w http.ResponseWriter) error {
	return a.write(w)
}

// VisitPutDatafoldOutcomeResponse answers with an outcome.
func (a jsonAnswer) VisitPutDatafoldOutcomeResponse(w http.ResponseWriter) error { return a.write(w) }

// datafold finds the caller's workspace, if there is a Datafold.
func (a *API) datafold(ctx context.Context) (Datafold, string, error) {
	workspace, err := own(ctx)
	if err == nil && a.o.Datafold == nil {
		err = site.NotFound("", "Datafold is not served")
	}
	return a.o.Datafold, workspace, err
}

// answering runs fn and answers with what it gives.
func (a *API) answering(ctx context.Context, fn func(d Datafold, workspace string) (json.RawMessage, error)) (jsonAnswer, error) {
	d, workspace, err := a.datafold(ctx)
	if err != nil {
		return jsonAnswer{}, err
	}
	text, err := fn(d, workspace)
	return jsonAnswer{text}, err
}

// GetDatafoldCompatibility tells how Datafold answers.
func (a *API) GetDatafoldCompatibility(ctx context.Context, _ understudy.GetDatafoldCompatibilityRequestObject) (understudy.GetDatafoldCompatibilityResponseObject, error) {
	return a.answering(ctx, func(d Datafold, workspace string) (json.RawMessage, error) { return d.Compatibility(ctx, workspace) })
}

// PutDatafoldCompatibility says how Datafold answers.
func (a *API) PutDatafoldCompatibility(ctx context.Context, request understudy.PutDatafoldCompatibilityRequestObject) (understudy.PutDatafoldCompatibilityResponseObject, error) {
	return a.answering(ctx, func(d Datafold, workspace string) (json.RawMessage, error) {
		text, err := json.Marshal(request.Body)
		if err != nil {
			return nil, err
		}
		return d.SetCompatibility(ctx, workspace, text)
	})
}

// GetDatafoldBacking tells what stands in for the database of a data source.
func (a *API) GetDatafoldBacking(ctx context.Context, request understudy.GetDatafoldBackingRequestObject) (understudy.GetDatafoldBackingResponseObject, error) {
	return a.answering(ctx, func(d Datafold, workspace string) (json.RawMessage, error) {
		return d.Backing(ctx, workspace, request.DataSourceID)
	})
}

// PutDatafoldBacking says what stands in for the database of a data source.
func (a *API) PutDatafoldBacking(ctx context.Context, request understudy.PutDatafoldBackingRequestObject) (understudy.PutDatafoldBackingResponseObject, error) {
	return a.answering(ctx, func(d Datafold, workspace string) (json.RawMessage, error) {
		text, err := json.Marshal(request.Body)
		if err != nil {
			return nil, err
		}
		return d.SetBacking(ctx, workspace, request.DataSourceID, text)
	})
}

// DeleteDatafoldBacking lets a data source execute on its own database again.
func (a *API) DeleteDatafoldBacking(ctx context.Context, request understudy.DeleteDatafoldBackingRequestObject) (understudy.DeleteDatafoldBackingResponseObject, error) {
	d, workspace, err := a.datafold(ctx)
	if err == nil {
		_, err = d.SetBacking(ctx, workspace, request.DataSourceID, nil)
	}
	return understudy.DeleteDatafoldBacking204Response{}, err
}

// DeleteDatafoldSource removes a data source.
func (a *API) DeleteDatafoldSource(ctx context.Context, request understudy.DeleteDatafoldSourceRequestObject) (understudy.DeleteDatafoldSourceResponseObject, error) {
	d, workspace, err := a.datafold(ctx)
	if err == nil {
		err = d.RemoveSource(ctx, workspace, request.DataSourceID)
	}
	return understudy.DeleteDatafoldSource204Response{}, err
}

// ListDatafoldOutcomes lists scripted outcomes.
func (a *API) ListDatafoldOutcomes(ctx context.Context, _ understudy.ListDatafoldOutcomesRequestObject) (understudy.ListDatafoldOutcomesResponseObject, error) {
	return a.answering(ctx, func(d Datafold, workspace string) (json.RawMessage, error) { return d.Outcomes(ctx, workspace) })
}

// PutDatafoldOutcome scripts an outcome.
func (a *API) PutDatafoldOutcome(ctx context.Context, request understudy.PutDatafoldOutcomeRequestObject) (understudy.PutDatafoldOutcomeResponseObject, error) {
	return a.answering(ctx, func(d Datafold, workspace string) (json.RawMessage, error) {
		text, err := json.Marshal(request.Body)
		if err != nil {
			return nil, err
		}
		return d.SetOutcome(ctx, workspace, request.OutcomeName, text)
	})
}

// DeleteDatafoldOutcome forgets a scripted outcome.
func (a *API) DeleteDatafoldOutcome(ctx context.Context, request understudy.DeleteDatafoldOutcomeRequestObject) (understudy.DeleteDatafoldOutcomeResponseObject, error) {
	d, workspace, err := a.datafold(ctx)
	if err == nil {
		err = d.RemoveOutcome(ctx, workspace, request.OutcomeName)
	}
	return understudy.DeleteDatafoldOutcome204Response{}, err
}
