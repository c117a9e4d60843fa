package site

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/understudy-api/understudy/server/contract"
)

// Exchange is one request and its answer. Messages are kept as they were, secrets
// included: see [contract.Operation.RedactRequest] before anything leaves the process.
type Exchange struct {
	ID         string
	Time       time.Time
	Duration   time.Duration
	API        string
	Document   *contract.Document
	Workspace  string
	Operation  *contract.Operation // nil when no operation matched
	Method     string
	Path       string
	Query      string               // as sent
	Vars       map[string]string    // path parameters, decoded
	Status     int                  // 0 if the connection was reset on purpose
	Refused    bool                 // not served because of its violations
	Forced     *Forced              // nil unless its answer was forced
	Made       bool                 // the answer is not the API's, but made as was asked for
	Violations []contract.Violation // while the request is being served
	Explained  []contract.Explained // the violations in words, once it is finished
	Err        error                // why an answer was an internal error

	RequestHeader  http.Header
	RequestBody    []byte // the beginning of one that memory does not hold
	RequestSize    int64
	ResponseHeader http.Header
	ResponseBody   []byte // the beginning of one that was streamed
	ResponseSize   int64
	Value          any // the decoded body, if it was judged and found right
	Origin         any // what who called within the process said of the call: see WithOrigin; nil for nothing

	gate *Gate // of the server; nil for none
}

type originKey struct{}

// WithOrigin says in the context of a request that is made within the process what its
// exchange is to tell of where it came from.
func WithOrigin(ctx context.Context, origin any) context.Context {
	return context.WithValue(ctx, originKey{}, origin)
}

// Weighed does what makes as much of the request's body as judging it does, such as
// reading it once more, when there is room for that, before requests that wait: see
// [Gate]. It is done in any case. The caller holds nothing that a request may wait for.
func (x *Exchange) Weighed(do func()) {
	if x.gate == nil || len(x.RequestBody) <= smallBody {
		do()
		return
	}
	p, _ := x.gate.enterAt(context.Background(), x.Workspace, x.RequestBody, true)
	defer p.leave()
	do()
}

// finish logs and records an exchange.
func (s *Site) finish(ctx context.Context, x *Exchange) {
	if x.Err != nil {
		s.log.ErrorContext(ctx, "request failed", append(x.attributes(), "error", logText(x.Err))...)
	} else if s.log.Enabled(ctx, slog.LevelDebug) {
		s.log.DebugContext(ctx, "request", x.attributes()...)
	}
	for i := range x.Violations {
		x.Explained = append(x.Explained, x.Violations[i].Explain())
	}
	x.expectations()
	x.Violations = nil // they hold what came, secrets included
	s.record(x)
}

func (x *Exchange) attributes() []any {
	return []any{
		"exchange", x.ID, "api", x.API, "method", x.Method, "operation", x.operationID(),
		"status", x.Status, "duration", x.Duration, "violations", len(x.Violations),
	}
}

// logText is an error's text for the log. Only errors of our own making are
// logged by text; kin-openapi's hold schema and value.
func logText(err error) string {
	text := err.Error()
	if len(text) > 500 {
		text = text[:500]
	}
	return text
}

func (x *Exchange) operationID() string {
	if x.Operation == nil {
		return ""
	}
	return x.Operation.ID
}

// newExchangeID makes an id that is no other exchange's. It may be guessed: who asks for
// an exchange has to be allowed to see it.
func newExchangeID() string {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], rand.Uint64()) //nolint:gosec // no secret
	var text [2 * len(b)]byte
	hex.Encode(text[:], b[:])
	return string(text[:])
}
