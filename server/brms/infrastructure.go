package brms

import (
	"context"

	"github.com/understudy-api/understudy/gen/brms"
	"github.com/understudy-api/understudy/server/site"
)

// GetHealth tells whether the store can be reached, as BRMS tells it of its
// database.
func (a *API) GetHealth(ctx context.Context, _ brms.GetHealthRequestObject) (brms.GetHealthResponseObject, error) {
	if err := a.store.Ping(ctx); err != nil {
		return nil, &site.Refusal{Kind: site.KindUnavailable, RetryAfter: 1, Err: err}
	}
	return brms.GetHealth200JSONResponse{Status: statusOK}, nil
}
