package datafold

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/understudy-api/understudy/server/site"
	"github.com/understudy-api/understudy/server/voice/fastapi"
)

// detail is FastAPI's error body: a text, or the items of a 422.
type detail struct {
	Detail any `json:"detail"`
}

// Refuse writes a refusal as Datafold words it: the only place where an error of
// this API becomes bytes.
func (a *API) Refuse(w http.ResponseWriter, r *http.Request, refusal *site.Refusal) {
	status := http.StatusInternalServerError
	body := detail{Detail: refusal.Message}
	switch refusal.Kind {
	case site.KindInvalid, site.KindMediaType:
		status, body.Detail = http.StatusUnprocessableEntity, fastapi.Words(refusal)
	case site.KindUnprocessable: // by what no keyword says, or by a database
		status = http.StatusBadRequest
		if wrong, ok := errors.AsType[*mistakes](refusal.Err); ok {
			status, body.Detail = http.StatusUnprocessableEntity, wrong.items
		}
	case site.KindUnauthenticated:
		status = http.StatusUnauthorized
		w.Header().Set("WWW-Authenticate", "APIKey")
		if refusal.Message == "" {
			body.Detail = "Not authenticated"
		}
	case site.KindForbidden:
		status = http.StatusForbidden
	case site.KindNotFound:
		status = http.StatusNotFound
	case site.KindConflict:
		status = http.StatusConflict
	case site.KindRouteNotFound:
		status, body.Detail = http.StatusNotFound, "Not Found"
	case site.KindMethodNotAllowed:
		status, body.Detail = http.StatusMethodNotAllowed, "Method Not Allowed"
		w.Header().Set("Allow", strings.Join(refusal.Allow, ", "))
	case site.KindTooLarge:
		status, body.Detail = http.StatusRequestEntityTooLarge, "Request Entity Too Large"
	case site.KindMisdirected:
		status = http.StatusMisdirectedRequest
	case site.KindFull: // nothing is known of the vendor's own bounds
		status = http.StatusRequestEntityTooLarge
	case site.KindForced:
		status = refusal.Status
		if status == http.StatusUnprocessableEntity { // FastAPI lists what is wrong
			body.Detail = fastapi.Refused(refusal.Message)
		}
	case site.KindUnavailable:
		status, body.Detail = http.StatusServiceUnavailable, "Service Unavailable"
		w.Header().Set("Retry-After", strconv.Itoa(max(refusal.RetryAfter, 1)))
	case site.KindSlashRedirect:
		w.Header().Set("Location", fastapi.Location(site.BaseURL(r)+refusal.Location))
		w.WriteHeader(http.StatusTemporaryRedirect)
		return
	default:
		body.Detail = "Internal Server Error"
	}
	text, err := json.Marshal(body)
	if err != nil { // items hold only decoded JSON
		text = []byte(`{"detail":"Internal Server Error"}`)
		status = http.StatusInternalServerError
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(text)
}

// failRequest answers a request that the generated code cannot read. A form that has no
// parts has none of its fields.
func failRequest(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, http.ErrNotMultipart) || errors.Is(err, http.ErrMissingBoundary) {
		err = unprocessable((&upload{}).check()...)
	}
	site.Fail(w, r, err)
}

// problem is what a validator says that looks at more than one member, or at what is
// there: where, and in what words.
type problem struct {
	loc     []any
	message string
}

// mistakes are the items of a 422 that no violation of the document makes.
type mistakes struct{ items []fastapi.Item }

// Error is the first of them.
func (m *mistakes) Error() string { return m.items[0].Msg }

// unprocessable refuses a request with what is wrong with it.
func unprocessable(all ...problem) error {
	m := &mistakes{}
	for _, p := range all {
		item := fastapi.Item{Type: "missing", Loc: p.loc, Msg: "Field required", Input: map[string]any{}}
		if p.message != "" {
			item = fastapi.ValueError(p.loc, p.message)
		}
		m.items = append(m.items, item)
	}
	return &site.Refusal{Kind: site.KindUnprocessable, Message: m.items[0].Msg, Err: m}
}

// missingField is a member that is needed and not there.
func missingField(path ...any) problem { return problem{loc: path} }
