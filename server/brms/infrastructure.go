package brms

import (
	"cmp"
	"context"
	"net/http"

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

// versionText is what GetVersion answers.
type versionText string

// VisitGetVersionResponse writes the answer.
func (v versionText) VisitGetVersionResponse(w http.ResponseWriter) error {
	return writeText(w, http.StatusOK, string(v))
}

func writeText(w http.ResponseWriter, status int, text string) error {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, err := w.Write([]byte(text))
	return err
}

// GetVersion tells the version of this server, or that it is unknown, as the vendor's
// Agent does.
func (a *API) GetVersion(context.Context, brms.GetVersionRequestObject) (brms.GetVersionResponseObject, error) {
	return versionText(cmp.Or(a.version, "unknown")), nil
}
