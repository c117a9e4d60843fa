package brms

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/understudy-api/understudy/server/decision"
	"github.com/understudy-api/understudy/server/site"
	"github.com/understudy-api/understudy/server/voice/fastify"
)

// errorBody is Fastify's error, in Fastify's order of members.
type errorBody struct {
	StatusCode int    `json:"statusCode"`
	Code       string `json:"code,omitempty"`
	Error      string `json:"error"`
	Message    string `json:"message"`
}

// notFoundBody is what Fastify answers for an unknown route, in its own order.
type notFoundBody struct {
	Message    string `json:"message"`
	Error      string `json:"error"`
	StatusCode int    `json:"statusCode"`
}

// rulesError is a refusal in the words of the rules surface.
type rulesError struct {
	Code    string `json:"code"`
	Details any    `json:"details,omitempty"`
	Key     string `json:"key,omitempty"`
}

// fileMissing says that a set has no file at a path.
type fileMissing struct{ path string }

func (e *fileMissing) Error() string { return "no file at " + e.path }

// rulesStatuses are what the rules surface has words of its own for.
var rulesStatuses = map[site.Kind]int{
	site.KindNotFound:        http.StatusNotFound,
	site.KindUnauthenticated: http.StatusUnauthorized,
	site.KindUnprocessable:   http.StatusBadRequest,
}

// Refuse writes a refusal as BRMS words it: the only place where an error of this
// API becomes bytes.
func (a *API) Refuse(w http.ResponseWriter, r *http.Request, refusal *site.Refusal) {
	if status := rulesStatuses[refusal.Kind]; status != 0 && strings.HasPrefix(r.URL.Path, "/api/rules/") {
		e := rulesError{Code: cmp.Or(refusal.Code, "unauthorized")}
		if status == http.StatusBadRequest {
			e.Details = refusal.Message
		}
		if failed, ok := errors.AsType[*decision.Error](refusal.Err); ok {
			e.Code, e.Details = "evaluate.failed", failed
		}
		if missing, ok := errors.AsType[*fileMissing](refusal.Err); ok {
			status, e = http.StatusBadRequest, rulesError{"documents.invalid", "File not found", missing.path}
		}
		write(w, status, e)
		return
	}
	if text, ok := agentText(r, refusal); ok {
		_ = writeText(w, rulesStatuses[refusal.Kind], text)
		return
	}
	if refusal.Kind == site.KindRouteNotFound {
		write(w, http.StatusNotFound, notFoundBody{
			Message: refusal.Message, Error: http.StatusText(http.StatusNotFound), StatusCode: http.StatusNotFound,
		})
		return
	}
	if failed, ok := errors.AsType[*decision.Error](refusal.Err); ok {
		write(w, http.StatusBadRequest, failedBody{Message: refusal.Message, Data: failed})
		return
	}
	e := errorBody{Code: refusal.Code, Message: refusal.Message}
	switch refusal.Kind {
	case site.KindInvalid:
		e.StatusCode, e.Code, e.Message = fastify.Words(refusal)
	case site.KindUnprocessable:
		e.StatusCode = http.StatusBadRequest
	case site.KindMediaType:
		e.StatusCode = http.StatusUnsupportedMediaType
	case site.KindUnauthenticated:
		e.StatusCode = http.StatusUnauthorized
		if e.Message == "" {
			e.Code, e.Message = "unauthorized", "Unauthorized"
		}
	case site.KindForbidden:
		e.StatusCode = http.StatusForbidden
	case site.KindNotFound:
		e.StatusCode = http.StatusNotFound
	case site.KindConflict:
		e.StatusCode = http.StatusConflict
	case site.KindTooLarge:
		e.StatusCode, e.Code = http.StatusRequestEntityTooLarge, "FST_ERR_CTP_BODY_TOO_LARGE"
		e.Message = "Request body is too large"
	case site.KindMisdirected:
		e.StatusCode = http.StatusMisdirectedRequest
	case site.KindFull: // nothing is known of the vendor's own bounds
		e.StatusCode, e.Code = http.StatusRequestEntityTooLarge, "limit.reached"
	case site.KindForced:
		e.StatusCode = refusal.Status
	case site.KindUnavailable:
		e.StatusCode, e.Message = http.StatusServiceUnavailable, "Service Unavailable"
		w.Header().Set("Retry-After", strconv.Itoa(max(refusal.RetryAfter, 1)))
	default:
		e.StatusCode, e.Code, e.Message = http.StatusInternalServerError, "", "Internal Server Error"
	}
	e.Error = http.StatusText(e.StatusCode)
	if e.StatusCode == http.StatusRequestEntityTooLarge {
		e.Error = "Payload Too Large" // Node's name for 413
	}
	write(w, e.StatusCode, e)
}

// agentText is the text by which the vendor's Agent refuses to list entrypoints; false
// where it has none.
func agentText(r *http.Request, refusal *site.Refusal) (string, bool) {
	op := site.OperationFrom(r.Context())
	if op == nil || op.ID != entrypointsOperation {
		return "", false
	}
	switch refusal.Kind {
	case site.KindNotFound:
		return refusal.Message, true
	case site.KindUnauthenticated:
		return cmp.Or(refusal.Message, "Invalid X-Access-Token Header"), true
	}
	return "", false
}

func write(w http.ResponseWriter, status int, body any) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)                 // JavaScript writes <, > and & as they are
	if err := encoder.Encode(body); err != nil { // no member of an error body can fail to encode
		text.Reset()
		text.WriteString(`{}`)
	}
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	_, _ = w.Write(bytes.TrimSuffix(text.Bytes(), []byte{'\n'}))
}
