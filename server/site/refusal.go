package site

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/understudy-api/understudy/server/contract"
	"github.com/understudy-api/understudy/storage"
)

// Kind is the closed list of reasons for which a request is not served. Each API
// maps a kind to its own status and body.
type Kind int

// The kinds of refusal.
const (
	KindInternal         Kind = iota // our bug, or a failure below us
	KindInvalid                      // violations of the document
	KindUnauthenticated              // no usable credential
	KindForbidden                    // the credential does not allow it
	KindNotFound                     // the resource does not exist
	KindConflict                     // it would break a uniqueness rule
	KindRouteNotFound                // no declared path matches
	KindMethodNotAllowed             // a declared path, another method
	KindTooLarge                     // the body exceeds the limit
	KindMediaType                    // the Content-Type is not accepted
	KindUnavailable                  // the store cannot be reached now
	KindSlashRedirect                // the path exists with or without a final slash
	KindUnprocessable                // it fits the document, and cannot be all the same
	KindMisdirected                  // it came for another server's name
	KindFull                         // a bound of what may be kept or answered is reached
	KindForced                       // an error that was asked for, with the status in the refusal
)

// Refusal is the one error that leaves the stack towards a client. Its text is
// safe to send: what must not be sent is in Err and goes to the log.
type Refusal struct {
	Kind       Kind
	Code       string // the API's dotted code, if it has one: "integration.notFound"
	Message    string // for the client, in the API's words
	Violations []contract.Violation
	Operation  *contract.Operation // whose document was broken; nil when no operation matched
	Allow      []string            // for KindMethodNotAllowed: the declared methods, sorted
	Location   string              // for KindSlashRedirect
	Status     int                 // for KindForced
	RetryAfter int                 // seconds, for KindUnavailable
	Body       []byte              // the request's body, when its text matters to the wording
	Err        error               // the cause, never sent
}

// Error describes the refusal for a log.
func (r *Refusal) Error() string {
	msg := r.Message
	if msg == "" {
		msg = http.StatusText(http.StatusInternalServerError)
	}
	if r.Err != nil {
		return fmt.Sprintf("%s: %v", msg, r.Err)
	}
	return msg
}

// Unwrap gives the cause.
func (r *Refusal) Unwrap() error { return r.Err }

// NotFound refuses because the resource does not exist.
func NotFound(code, message string) *Refusal {
	return &Refusal{Kind: KindNotFound, Code: code, Message: message}
}

// Conflict refuses because a uniqueness rule would be broken.
func Conflict(code, message string) *Refusal {
	return &Refusal{Kind: KindConflict, Code: code, Message: message}
}

// Forbidden refuses because the principal may not do this.
func Forbidden(code, message string) *Refusal {
	return &Refusal{Kind: KindForbidden, Code: code, Message: message}
}

// AsRefusal turns any error into a refusal: itself when it is one, unavailable
// when the store cannot be reached or the caller is gone, otherwise internal.
func AsRefusal(err error) *Refusal {
	var r *Refusal
	switch {
	case errors.As(err, &r):
		return r
	case storage.CodeOf(err) == storage.CodeUnavailable,
		errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return &Refusal{Kind: KindUnavailable, RetryAfter: 1, Err: err}
	}
	if full, ok := errors.AsType[*storage.FullError](err); ok {
		return &Refusal{Kind: KindFull, Message: full.Reason, Err: err}
	}
	return &Refusal{Kind: KindInternal, Err: err}
}
