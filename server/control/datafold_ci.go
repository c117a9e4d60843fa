package control

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"

	"github.com/understudy-api/understudy/gen/understudy"
)

// DatafoldCI is what can be said of CI in Datafold, as [Datafold] is.
type DatafoldCI interface {
	// CIConfigs are what runs follow; a pull request is what is known of it.
	CIConfigs(ctx context.Context, workspace string) (json.RawMessage, error)
	SetCIConfig(ctx context.Context, workspace string, id int, text json.RawMessage) (json.RawMessage, error)
	RemoveCIConfig(ctx context.Context, workspace string, id int) error
	SetPullRequest(ctx context.Context, workspace string, id, pr int, text json.RawMessage) (json.RawMessage, error)
	// CIRun is a run, and CISummary the same as Markdown.
	CIRun(ctx context.Context, workspace string, id int) (json.RawMessage, error)
	CISummary(ctx context.Context, workspace string, id int) (string, error)
	ConfirmCIRun(ctx context.Context, workspace string, id int) (json.RawMessage, error)
	// Artifacts is the archive of an upload, of so many bytes.
	Artifacts(ctx context.Context, workspace string, id int) (io.Reader, int64, error)
}

// VisitListDatafoldCIConfigsResponse answers with configurations.
func (a jsonAnswer) VisitListDatafoldCIConfigsResponse(w http.ResponseWriter) error {
	return a.write(w)
}

// VisitPutDatafoldCIConfigResponse answers with a configuration.
func (a jsonAnswer) VisitPutDatafoldCIConfigResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitPutDatafoldPullRequestResponse answers with what is known of a pull request.
func (a jsonAnswer) VisitPutDatafoldPullRequestResponse(w http.ResponseWriter) error {
	return a.write(w)
}

// VisitGetDatafoldCIRunResponse answers with a run.
func (a jsonAnswer) VisitGetDatafoldCIRunResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitConfirmDatafoldCIRunResponse answers with a run.
func (a jsonAnswer) VisitConfirmDatafoldCIRunResponse(w http.ResponseWriter) error {
	return a.write(w)
}

// ListDatafoldCIConfigs lists configurations.
func (a *API) ListDatafoldCIConfigs(ctx context.Context, _ understudy.ListDatafoldCIConfigsRequestObject) (understudy.ListDatafoldCIConfigsResponseObject, error) {
	return a.answering(ctx, func(d Datafold, workspace string) (json.RawMessage, error) { return d.CIConfigs(ctx, workspace) })
}

// PutDatafoldCIConfig makes or changes a configuration.
func (a *API) PutDatafoldCIConfig(ctx context.Context, request understudy.PutDatafoldCIConfigRequestObject) (understudy.PutDatafoldCIConfigResponseObject, error) {
	return a.answering(ctx, func(d Datafold, workspace string) (json.RawMessage, error) {
		text, err := json.Marshal(request.Body)
		if err != nil {
			return nil, err
		}
		return d.SetCIConfig(ctx, workspace, request.CiConfigID, text)
	})
}

// DeleteDatafoldCIConfig removes a configuration.
func (a *API) DeleteDatafoldCIConfig(ctx context.Context, request understudy.DeleteDatafoldCIConfigRequestObject) (understudy.DeleteDatafoldCIConfigResponseObject, error) {
	d, workspace, err := a.datafold(ctx)
	if err == nil {
		err = d.RemoveCIConfig(ctx, workspace, request.CiConfigID)
	}
	return understudy.DeleteDatafoldCIConfig204Response{}, err
}

// PutDatafoldPullRequest says what is known of a pull request.
func (a *API) PutDatafoldPullRequest(ctx context.Context, request understudy.PutDatafoldPullRequestRequestObject) (understudy.PutDatafoldPullRequestResponseObject, error) {
	return a.answering(ctx, func(d Datafold, workspace string) (json.RawMessage, error) {
		text, err := json.Marshal(request.Body)
		if err != nil {
			return nil, err
		}
		return d.SetPullRequest(ctx, workspace, request.CiConfigID, request.PrNumber, text)
	})
}

// GetDatafoldCIRun tells of a run.
func (a *API) GetDatafoldCIRun(ctx context.Context, request understudy.GetDatafoldCIRunRequestObject) (understudy.GetDatafoldCIRunResponseObject, error) {
	return a.answering(ctx, func(d Datafold, workspace string) (json.RawMessage, error) {
		return d.CIRun(ctx, workspace, request.CiRunID)
	})
}

// GetDatafoldCISummary tells of a run in Markdown.
func (a *API) GetDatafoldCISummary(ctx context.Context, request understudy.GetDatafoldCISummaryRequestObject) (understudy.GetDatafoldCISummaryResponseObject, error) {
	d, workspace, err := a.datafold(ctx)
	if err != nil {
		return nil, err
	}
	text, err := d.CISummary(ctx, workspace, request.CiRunID)
	if err != nil {
		return nil, err
	}
	return understudy.GetDatafoldCISummary200TextMarkdownResponse{Body: strings.NewReader(text), ContentLength: int64(len(text))}, nil
}

// ConfirmDatafoldCIRun begins the data diffs of a run.
func (a *API) ConfirmDatafoldCIRun(ctx context.Context, request understudy.ConfirmDatafoldCIRunRequestObject) (understudy.ConfirmDatafoldCIRunResponseObject, error) {
	return a.answering(ctx, func(d Datafold, workspace string) (json.RawMessage, error) {
		return d.ConfirmCIRun(ctx, workspace, request.CiRunID)
	})
}

// DownloadDatafoldArtifacts gives an archive as it was uploaded.
func (a *API) DownloadDatafoldArtifacts(ctx context.Context, request understudy.DownloadDatafoldArtifactsRequestObject) (understudy.DownloadDatafoldArtifactsResponseObject, error) {
	d, workspace, err := a.datafold(ctx)
	if err != nil {
		return nil, err
	}
	archive, size, err := d.Artifacts(ctx, workspace, request.ArtifactsID)
	if err != nil {
		return nil, err
	}
	return understudy.DownloadDatafoldArtifacts200ApplicationZipResponse{Body: archive, ContentLength: size}, nil
}
