package site

import (
	"net/http"
	"time"

	"github.com/understudy-api/understudy/server/contract"
)

// API is what the contract asks of one of the served APIs.
type API interface {
	// Source is the served document.
	Source() contract.Source
	// Register hands over the handler of each operation.
	Register(route Route)
	// Authenticate finds the caller by the credential that the request carries for
	// the operation; see [Authenticate]. The operation has no id where the request
	// matches none. A refusal is of KindUnauthenticated or KindForbidden.
	Authenticate(r *http.Request, operation *contract.Operation) (Principal, *Refusal)
	// Refuse writes the API's own answer for a refusal: the only place where an
	// error becomes bytes.
	Refuse(w http.ResponseWriter, r *http.Request, refusal *Refusal)
	// Unmatched decides what a request is refused with that no route matched.
	// allow holds the methods declared for its path, empty if there are none;
	// other is the path with a final slash added or removed if that is declared.
	Unmatched(r *http.Request, allow []string, other string) *Refusal
	// HeadAsGet says whether a HEAD request is served like the GET of its path.
	HeadAsGet() bool
}

// Route is told of the handler of an operation.
type Route = func(method, template string, handler http.HandlerFunc)

// Limits bound what one request may cost.
type Limits struct {
	Body       int64         // bytes of a request body
	Drain      int64         // bytes of a refused body that are read and dropped
	DrainTime  time.Duration // how long that may take
	JudgeReply bool          // validate answers
	BodyTime   time.Duration // in which a body of Body bytes has to be there
	Progress   time.Duration // in which more of a body has to come
	Quiet      time.Duration // for which an answer that streams may say nothing
}

// DefaultLimits are the limits of a server that was told nothing else.
func DefaultLimits() Limits {
	return Limits{
		Body: 1 << 20, Drain: 64 << 20, DrainTime: 5 * time.Second, JudgeReply: true,
		BodyTime: 60 * time.Second, Progress: 10 * time.Second, Quiet: 10 * time.Minute,
	}
}
