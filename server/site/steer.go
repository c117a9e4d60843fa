package site

import (
	"context"
	"time"

	"github.com/understudy-api/understudy/server/contract"
	"github.com/understudy-api/understudy/storage"
)

// Call is a request for an operation, once it is known who calls. Nothing of it
// has been judged.
type Call struct {
	Workspace string
	Operation *contract.Operation
	Method    string
	Path      string // decoded
}

// Treatment is what a workspace makes of a call: the time and the ids that hold in it,
// and the fault that meets the call, if one does. The document says the rest.
type Treatment struct {
	Clock      storage.Clock // of the workspace
	ExchangeID string        // "" for a random one
	Fault      string        // the name of the fault that is applied, "" for none
	Force      *Force        // what it does; nil for nothing
}

// Steer finds the treatment of a call in its workspace. It is asked once for every
// call that has one, before anything is judged. An error refuses the call.
type Steer func(ctx context.Context, call Call) (Treatment, error)

// Connection is what is done to a connection on purpose.
type Connection string

// What can be done to a connection.
const (
	ConnectionReset      Connection = "reset"      // the request is not carried out
	ConnectionResetAfter Connection = "resetAfter" // it is carried out, and not answered
)

// Force is what is done to a call on purpose, in this order: the delay, a reset
// before, the forced answer or else the operation's own, a reset after or the
// truncation of what is sent. The zero value does nothing.
type Force struct {
	Delay      time.Duration
	Connection Connection
	Status     int  // of the forced answer; 0 for the operation's own answer
	Undeclared bool // the status need not be declared
	Example    string
	Header     map[string]string // more headers of the forced answer
	Body       []byte            // JSON of the forced answer; nil for one made to the schema
	RetryAfter int               // seconds, in the header Retry-After of the forced answer; 0 for none
	Truncate   *int64            // bytes of the body that are sent at most; nil for all
}
