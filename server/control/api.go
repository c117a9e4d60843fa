// Package control implements openapi/understudy: the API by which a user
// looks into the stand-in and steers it. It is served, enforced and recorded like
// the others.
package control

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/understudy-api/understudy/gen/understudy"
	"github.com/understudy-api/understudy/server/contract"
	"github.com/understudy-api/understudy/server/evidence"
	"github.com/understudy-api/understudy/server/job"
	"github.com/understudy-api/understudy/server/seed"
	"github.com/understudy-api/understudy/server/site"
	"github.com/understudy-api/understudy/server/workspace"
	"github.com/understudy-api/understudy/storage"
)

// Options make an API.
type Options struct {
	Store      storage.Store
	Keys       site.Keyring        // knows the secrets
	Evidence   *evidence.Recorder  // knows what happened
	Jobs       []*job.Kind         // there are
	Workspaces *workspace.Manager  // steers what happens
	Seeds      *seed.Seeder        // plants and writes workspaces
	Datafold   Datafold            // nil if it is not served
	Documents  map[string]Document // the served documents, by API
	// AdminToken is the administrator's secret, with which one may look into every
	// workspace. Without one nobody may.
	AdminToken string
	Logger     *slog.Logger // told of what the administrator does; nil for none
	Version    string       // of this program
	Go         string       // of the Go it was built with
}

// Document is a served document in both forms.
type Document struct{ YAML, JSON []byte }

// API serves the control API. It is a [site.API].
type API struct{ o Options }

var (
	_ site.API                         = (*API)(nil)
	_ understudy.StrictServerInterface = (*API)(nil)
)

// New makes the API.
func New(o Options) *API {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &API{o: o}
}

// Source is the served document.
func (a *API) Source() contract.Source {
	return contract.Source{API: "understudy", File: understudy.File, JSON: understudy.Document(), Lines: understudy.Lines(), Marks: understudy.Bases(), EncodedSlash: true}
}

// Register hands over the generated handlers.
func (a *API) Register(route site.Route) {
	strict := understudy.NewStrictHandlerWithOptions(a, []understudy.StrictMiddlewareFunc{rememberAccept}, understudy.StrictHTTPServerOptions{
		RequestErrorHandlerFunc:  site.Fail,
		ResponseErrorHandlerFunc: site.Fail,
	})
	understudy.Routes(strict, understudy.GorillaServerOptions{ErrorHandlerFunc: site.Fail}, route)
}

// Authenticate accepts a secret in the form of any served API, and the
// administrator's.
func (a *API) Authenticate(r *http.Request, _ *contract.Operation) (site.Principal, *site.Refusal) {
	for _, scheme := range []string{"Bearer", "Key"} {
		_, secret, ok := contract.Credential(r, scheme)
		if !ok {
			continue
		}
		principal, known := a.o.Keys.Principal(secret)
		if scheme == "Bearer" && a.o.AdminToken != "" && same(secret, a.o.AdminToken) {
			known, principal.Admin = true, true
		}
		if known {
			return principal, nil
		}
	}
	return site.Principal{}, &site.Refusal{Kind: site.KindUnauthenticated}
}

// same compares secrets in a time that tells nothing of them.
func same(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

// administrator refuses what is done to all workspaces unless the administrator does
// it. Either is one line of the log; the record of it might be cleared by the act.
func (a *API) administrator(ctx context.Context) error {
	told := []any{"operation", site.OperationFrom(ctx).ID, "exchange", site.ExchangeFrom(ctx), "address", site.AddressFrom(ctx)}
	if !site.PrincipalFrom(ctx).Admin {
		a.o.Logger.WarnContext(ctx, "refused: for all workspaces, and not the administrator", told...)
		return &site.Refusal{Kind: site.KindForbidden, Message: "All workspaces are the administrator's: send the secret given by --admin-token, " +
			"or the one that the server made at its start"}
	}
	a.o.Logger.InfoContext(ctx, "by the administrator, for all workspaces", told...)
	return nil
}

// HeadAsGet is true: HEAD is GET without its body (RFC 9110, section 9.3.2).
func (a *API) HeadAsGet() bool { return true }

// Unmatched tells 404 from 405.
func (a *API) Unmatched(_ *http.Request, allow []string, _ string) *site.Refusal {
	if len(allow) > 0 {
		allow = slices.Clone(allow)
		if i := slices.Index(allow, http.MethodGet); i >= 0 && a.HeadAsGet() {
			allow = slices.Insert(allow, i+1, http.MethodHead)
		}
		return &site.Refusal{Kind: site.KindMethodNotAllowed, Allow: allow}
	}
	return &site.Refusal{Kind: site.KindRouteNotFound, Message: "No operation of the control API has this path"}
}

// problem is problem details (RFC 9457).
type problem struct {
	Type       string                 `json:"type"`
	Title      string                 `json:"title"`
	Status     int                    `json:"status"`
	Detail     string                 `json:"detail,omitempty"`
	Violations []understudy.Violation `json:"violations,omitempty"`
	// Problems are the mistakes of a file.
	Problems []understudy.FileProblem `json:"problems,omitempty"`
}

// statuses maps the kinds of refusal to the control API's statuses.
var statuses = map[site.Kind]int{
	site.KindInvalid:          http.StatusBadRequest,
	site.KindUnauthenticated:  http.StatusUnauthorized,
	site.KindForbidden:        http.StatusForbidden,
	site.KindNotFound:         http.StatusNotFound,
	site.KindRouteNotFound:    http.StatusNotFound,
	site.KindMethodNotAllowed: http.StatusMethodNotAllowed,
	site.KindConflict:         http.StatusConflict,
	site.KindUnprocessable:    http.StatusUnprocessableEntity,
	site.KindTooLarge:         http.StatusRequestEntityTooLarge,
	site.KindFull:             http.StatusRequestEntityTooLarge,
	site.KindMediaType:        http.StatusUnsupportedMediaType,
	site.KindUnavailable:      http.StatusServiceUnavailable,
	site.KindMisdirected:      http.StatusMisdirectedRequest,
}

// Refuse writes a refusal as problem details: the only place where an error of
// this API becomes bytes.
func (a *API) Refuse(w http.ResponseWriter, _ *http.Request, refusal *site.Refusal) {
	status, known := statuses[refusal.Kind]
	switch {
	case refusal.Kind == site.KindForced:
		status = refusal.Status
	case !known:
		status = http.StatusInternalServerError
	}
	p := problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: refusal.Message}
	for i := range refusal.Violations {
		p.Violations = append(p.Violations, violationView(refusal.Violations[i].Explain()))
	}
	switch refusal.Kind {
	case site.KindInvalid:
		p.Detail = cmp.Or(p.Detail, "The request breaks the document")
	case site.KindUnprocessable:
		p.Problems = fileProblems(refusal.Err)
	case site.KindUnauthenticated:
		p.Detail = cmp.Or(p.Detail, `Send the header "Authorization: Bearer <secret>", with the secret of the requests that are asked about`)
		w.Header().Set("WWW-Authenticate", `Bearer realm="understudy"`)
	case site.KindMethodNotAllowed:
		w.Header().Set("Allow", strings.Join(refusal.Allow, ", "))
	case site.KindUnavailable:
		w.Header().Set("Retry-After", strconv.Itoa(max(refusal.RetryAfter, 1)))
	}
	text, err := json.Marshal(p)
	if err != nil { // a problem holds only texts
		text = []byte(`{"type":"about:blank","title":"Internal Server Error","status":500}`)
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_, _ = w.Write(text)
}

func violationView(e contract.Explained) understudy.Violation {
	return understudy.Violation{
		Side: understudy.ViolationSide(e.Side), Rule: e.Rule, Basis: understudy.ViolationBasis(e.Basis),
		Refused: e.Refused, In: understudy.ViolationIn(e.In), Name: text(e.Name), Pointer: text(e.Pointer),
		Message: e.Message, Got: text(e.Got), Accepted: text(e.Accepted), Operation: text(e.Operation),
		Document: understudy.Location{File: e.Where.File, Pointer: e.Where.Pointer, Line: e.Where.Line},
	}
}

// text leaves an empty text out.
func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// GetLiveness answers as long as the process can.
func (a *API) GetLiveness(context.Context, understudy.GetLivenessRequestObject) (understudy.GetLivenessResponseObject, error) {
	return understudy.GetLiveness200JSONResponse{HealthyJSONResponse: healthy}, nil
}

// GetReadiness tells whether the store can be reached.
func (a *API) GetReadiness(ctx context.Context, _ understudy.GetReadinessRequestObject) (understudy.GetReadinessResponseObject, error) {
	if err := a.o.Store.Ping(ctx); err != nil {
		return nil, &site.Refusal{Kind: site.KindUnavailable, RetryAfter: 1, Message: "The store cannot be reached", Err: err}
	}
	return understudy.GetReadiness200JSONResponse{HealthyJSONResponse: healthy}, nil
}

var healthy = understudy.HealthyJSONResponse{Status: "ok"}
