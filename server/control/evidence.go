package control

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/understudy-api/understudy/gen/understudy"
	"github.com/understudy-api/understudy/server/evidence"
	"github.com/understudy-api/understudy/server/site"
)

// scope is the workspaces whose evidence a request asks for.
func scope[W, A ~string](ctx context.Context, a *API, workspace *W, api *A) (evidence.Scope, error) {
	principal := site.PrincipalFrom(ctx)
	s := evidence.Scope{Workspace: principal.Workspace}
	if workspace != nil {
		if err := a.administrator(ctx); err != nil {
			return s, err
		}
		s.All = true
	}
	switch {
	case api == nil:
	case *api == "all":
		s.APIs = slices.Sorted(maps.Keys(a.o.Documents))
	default:
		s.APIs = []string{string(*api)}
	}
	return s, nil
}

// jsonAnswer answers with a value's JSON. The value is of the evidence's own type;
// that it is what the document describes is judged like any answer.
type jsonAnswer struct{ value any }

func (a jsonAnswer) write(w http.ResponseWriter) error {
	text, err := json.Marshal(a.value)
	if err != nil {
		return err
	}
	return answer(w, "application/json", text)
}

func answer(w http.ResponseWriter, contentType string, text []byte) error {
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(http.StatusOK)
	_, err := w.Write(text)
	return err
}

// VisitGetReportResponse answers with a report.
func (a jsonAnswer) VisitGetReportResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitGetCoverageResponse answers with the coverage.
func (a jsonAnswer) VisitGetCoverageResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitListViolationsResponse answers with violations.
func (a jsonAnswer) VisitListViolationsResponse(w http.ResponseWriter) error { return a.write(w) }

func (a *API) report(ctx context.Context, s evidence.Scope, of string) (*evidence.Report, error) {
	return a.o.Evidence.Report(ctx, s, of)
}

func share[T ~string](of *T) string {
	if of == nil {
		return evidence.CoverageOfPublished
	}
	return string(*of)
}

// GetReport gives coverage and violations together.
func (a *API) GetReport(ctx context.Context, request understudy.GetReportRequestObject) (understudy.GetReportResponseObject, error) {
	s, err := scope(ctx, a, request.Params.Workspace, request.Params.API)
	if err != nil {
		return nil, err
	}
	report, err := a.report(ctx, s, share(request.Params.CoverageOf))
	if err != nil {
		return nil, err
	}
	return jsonAnswer{report}, nil
}

// GetCoverage gives what was used.
func (a *API) GetCoverage(ctx context.Context, request understudy.GetCoverageRequestObject) (understudy.GetCoverageResponseObject, error) {
	s, err := scope(ctx, a, request.Params.Workspace, request.Params.API)
	if err != nil {
		return nil, err
	}
	report, err := a.report(ctx, s, share(request.Params.CoverageOf))
	if err != nil {
		return nil, err
	}
	return jsonAnswer{struct {
		Coverage   evidence.Coverage            `json:"coverage"`
		Operations []evidence.RecordedOperation `json:"operations"`
	}{report.Coverage, report.Operations}}, nil
}

// ListViolations gives what broke the contract.
func (a *API) ListViolations(ctx context.Context, request understudy.ListViolationsRequestObject) (understudy.ListViolationsResponseObject, error) {
	s, err := scope(ctx, a, request.Params.Workspace, request.Params.API)
	if err != nil {
		return nil, err
	}
	report, err := a.report(ctx, s, evidence.CoverageOfPublished)
	if err != nil {
		return nil, err
	}
	return jsonAnswer{struct {
		Violations []evidence.RecordedViolation `json:"violations"`
	}{report.Violations}}, nil
}

// defaultPage is how many exchanges a list gives if it is not told.
const defaultPage = 100

// ListExchanges gives exchanges in short, newest first.
func (a *API) ListExchanges(ctx context.Context, request understudy.ListExchangesRequestObject) (understudy.ListExchangesResponseObject, error) {
	p := request.Params
	s, err := scope(ctx, a, p.Workspace, p.API)
	if err != nil {
		return nil, err
	}
	filter := evidence.Filter{
		Operation: value(p.Operation), Status: value(p.Status), Violations: p.Violations,
		Since: value(p.Since), Limit: value(p.Limit), Cursor: value(p.Cursor),
	}
	if filter.Limit == 0 {
		filter.Limit = defaultPage
	}
	list, next, ok, err := a.o.Evidence.List(ctx, s, filter)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, &site.Refusal{Kind: site.KindInvalid, Message: "The cursor is not one that a list of exchanges gave"}
	}
	page := understudy.ListExchanges200JSONResponse{Exchanges: []understudy.ExchangeSummary{}, Next: text(next)}
	for i := range list {
		x := &list[i]
		page.Exchanges = append(page.Exchanges, understudy.ExchangeSummary{
			ID: x.ID, Time: x.Time, DurationMicroseconds: x.Duration.Microseconds(), API: x.API, Workspace: text(x.Workspace),
			Operation: text(x.Operation), Method: x.Method, Path: x.Path, Query: text(x.Query), Status: x.Status,
			Refused: x.Refused, Forced: forcedView(x.Forced), Violations: x.Violations,
		})
	}
	return page, nil
}

func value[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

// GetExchange gives the whole record of an exchange.
func (a *API) GetExchange(ctx context.Context, request understudy.GetExchangeRequestObject) (understudy.GetExchangeResponseObject, error) {
	s, err := scope[understudy.GetExchangeParamsWorkspace, string](ctx, a, request.Params.Workspace, nil)
	if err != nil {
		return nil, err
	}
	x, err := a.o.Evidence.Get(ctx, s, request.ExchangeID)
	if err != nil {
		return nil, err
	}
	if x == nil {
		return nil, site.NotFound("", "There is no exchange "+request.ExchangeID+" in this workspace")
	}
	view := understudy.GetExchange200JSONResponse{
		ID: x.ID, Time: x.Time, DurationMicroseconds: x.Duration.Microseconds(), API: x.API, Workspace: text(x.Workspace),
		Operation: text(x.Operation), Method: x.Method, Path: x.Path, Query: text(x.Query), Status: x.Status, Refused: x.Refused,
		Forced: forcedView(x.Forced), Violations: []understudy.Violation{}, Request: messageView(x.Request), Response: messageView(x.Response),
	}
	for _, e := range x.Explained {
		view.Violations = append(view.Violations, violationView(e))
	}
	return view, nil
}

func forcedView(f *site.Forced) *understudy.Forced {
	if f == nil {
		return nil
	}
	return &understudy.Forced{By: understudy.ForcedBy(f.By), Fault: text(f.Fault), What: f.What}
}

func messageView(m evidence.RecordedMessage) understudy.Message {
	header := map[string][]string{}
	maps.Copy(header, m.Header)
	return understudy.Message{Header: header, Body: m.Body}
}

// ClearExchanges clears the evidence of a workspace.
func (a *API) ClearExchanges(ctx context.Context, request understudy.ClearExchangesRequestObject) (understudy.ClearExchangesResponseObject, error) {
	s, err := scope[understudy.ClearExchangesParamsWorkspace, string](ctx, a, request.Params.Workspace, nil)
	if err != nil {
		return nil, err
	}
	if err := a.o.Evidence.Clear(ctx, s); err != nil {
		return nil, err
	}
	return understudy.ClearExchanges204Response{}, nil
}

// GetVersion tells which Understudy this is.
func (a *API) GetVersion(context.Context, understudy.GetVersionRequestObject) (understudy.GetVersionResponseObject, error) {
	return understudy.GetVersion200JSONResponse{Version: a.o.Version, Go: a.o.Go}, nil
}

type acceptKey struct{}

// rememberAccept keeps the header Accept for the operation that looks at it.
func rememberAccept(next understudy.StrictHandlerFunc, operation string) understudy.StrictHandlerFunc {
	if operation != "GetDocument" {
		return next
	}
	return func(ctx context.Context, w http.ResponseWriter, r *http.Request, request any) (any, error) {
		accept := strings.Join(r.Header.Values("Accept"), ",")
		return next(context.WithValue(ctx, acceptKey{}, accept), w, r, request)
	}
}

// document answers with a document's text as it is.
type document struct {
	contentType string
	text        []byte
}

// VisitGetDocumentResponse answers with the document.
func (d document) VisitGetDocumentResponse(w http.ResponseWriter) error {
	w.Header().Set("Vary", "Accept")
	return answer(w, d.contentType, d.text)
}

// GetDocument gives a served document.
func (a *API) GetDocument(ctx context.Context, request understudy.GetDocumentRequestObject) (understudy.GetDocumentResponseObject, error) {
	served, known := a.o.Documents[string(request.Document)]
	if !known {
		return nil, site.NotFound("", "There is no document "+string(request.Document))
	}
	accept, _ := ctx.Value(acceptKey{}).(string)
	wantJSON := prefersJSON(accept)
	if format := request.Params.Format; format != nil {
		wantJSON = *format == "json"
	}
	if wantJSON {
		return document{"application/json", served.JSON}, nil
	}
	return document{"application/yaml", served.YAML}, nil
}

// prefersJSON reads a header Accept (RFC 9110, section 12.5.1).
func prefersJSON(accept string) bool {
	var json, yaml float64
	for part := range strings.SplitSeq(accept, ",") {
		mediaType, parameters, _ := strings.Cut(strings.ToLower(part), ";")
		quality := 1.0
		for parameter := range strings.SplitSeq(parameters, ";") {
			if q, found := strings.CutPrefix(strings.TrimSpace(parameter), "q="); found {
				quality, _ = strconv.ParseFloat(q, 64)
			}
		}
		switch strings.TrimSpace(mediaType) {
		case "application/json":
			json = max(json, quality)
		case "application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml", "*/*", "application/*":
			yaml = max(yaml, quality)
		}
	}
	return json > yaml
}
