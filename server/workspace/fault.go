package workspace

import (
	"encoding/json"
	"time"

	"github.com/understudy-api/understudy/server/site"
)

// Fault is something that is done to calls on purpose. Its JSON is the schema
// FaultDefinition of openapi/understudy and its name.
type Fault struct {
	Name  string `json:"name"`
	Match Match  `json:"match"`
	When  When   `json:"when"`
	Do    Action `json:"do"`
}

// Match says which calls a fault meets: those that fit everything given.
type Match struct {
	API       string `json:"api,omitempty"`
	Operation string `json:"operation,omitempty"` // operationId
	Method    string `json:"method,omitempty"`
	// Path is one of the document, or a path of a request in which "*" stands for
	// any one segment and "**" at the end for all that follow.
	Path string `json:"path,omitempty"`
	// Outgoing is the address of requests that decisions of the workspace make, instead
	// of those that are made to the server: without its query, "*" for any text without
	// a slash, "**" for any text.
	Outgoing string `json:"outgoing,omitempty"`
}

// When says which of the calls that a fault meets it is applied to. Counting
// begins at 1.
type When struct {
	From        *int64     `json:"from,omitempty"`        // the first; nil is 1
	Every       *int64     `json:"every,omitempty"`       // from there on each so many-th; nil is 1
	Times       *int64     `json:"times,omitempty"`       // how often at most; nil is without end
	Probability *float64   `json:"probability,omitempty"` // the share of the others that is left; nil is 1
	Seed        int64      `json:"seed,omitempty"`        // what is drawn is drawn from this
	Until       *time.Time `json:"until,omitempty"`       // when it ends, by the workspace's clock
}

// Action says what a fault does.
type Action struct {
	Status     *int              `json:"status,omitempty"`
	Undeclared bool              `json:"undeclared,omitempty"`
	Example    string            `json:"example,omitempty"`
	Headers    map[string]string `json:"headers,omitempty"`
	Body       json.RawMessage   `json:"body,omitempty"`
	Delay      *Delay            `json:"delay,omitempty"`
	RateLimit  *RateLimit        `json:"rateLimit,omitempty"`
	Connection site.Connection   `json:"connection,omitempty"`
	Truncate   *int64            `json:"truncate,omitempty"` // bytes of the body that are sent at most
}

// Delay is how long an answer waits, in milliseconds: one of the three is given.
type Delay struct {
	Fixed     *float64   `json:"fixed,omitempty"`
	Uniform   *Uniform   `json:"uniform,omitempty"`
	LogNormal *LogNormal `json:"logNormal,omitempty"`
}

// Uniform is drawn evenly between two bounds, in milliseconds.
type Uniform struct {
	From float64 `json:"from"`
	To   float64 `json:"to"`
}

// LogNormal is drawn from a log-normal distribution: half of the values are below
// the median, in milliseconds, and sigma is the standard deviation of their
// logarithm.
type LogNormal struct {
	Median float64 `json:"median"`
	Sigma  float64 `json:"sigma"`
}

// RateLimit serves so many requests in each window of so many seconds.
type RateLimit struct {
	Requests int64 `json:"requests"`
	Seconds  int64 `json:"seconds"`
}

// Counted is a fault and what became of it.
type Counted struct {
	Fault

	Met     int64 `json:"met"`
	Applied int64 `json:"applied"`
}
