package datafold

import (
	"context"

	"github.com/understudy-api/understudy/gen/datafold"
)

// The organisation of every workspace: nothing is known of it but that clients ask.
const (
	organizationID   = 1
	organizationName = "Understudy"
)

// GetOrganizationMeta tells who a key belongs to.
func (a *API) GetOrganizationMeta(context.Context, datafold.GetOrganizationMetaRequestObject) (datafold.GetOrganizationMetaResponseObject, error) {
	return datafold.GetOrganizationMeta200JSONResponse{OrgID: organizationID, OrgName: organizationName, UserID: theUser}, nil
}

// LogSdkLines counts the lines of a client's log and forgets them.
func (a *API) LogSdkLines(_ context.Context, request datafold.LogSdkLinesRequestObject) (datafold.LogSdkLinesResponseObject, error) {
	lines := 0
	if request.Body != nil && request.Body.Logs != nil {
		lines = len(*request.Body.Logs)
	}
	return datafold.LogSdkLines200JSONResponse{Accepted: lines}, nil
}
