package verify

import (
	"net/http"
	"strings"
	"time"

	"github.com/understudy-api/understudy/server/contract"
)

// maxAnswer bounds how much of an answer is read.
const maxAnswer = 8 << 20

// answer is the response of the server to one call.
type answer struct {
	status int
	header http.Header
	body   []byte
	cut    bool // the body is larger than maxAnswer, or endless
	took   time.Duration
	err    error // nothing came

	endless bool // events that were listened to for a while

	value   any // the JSON body
	decoded bool
}

func (a *answer) ok() bool { return a.err == nil && a.status >= 200 && a.status < 300 }

// mediaType is the type of the body; empty without a body.
func (a *answer) mediaType() string {
	if len(a.body) == 0 {
		return ""
	}
	return contract.MediaType(a.header.Get("Content-Type"))
}

// json is the decoded body; nil if it is not JSON.
func (a *answer) json() any {
	if !a.decoded {
		a.decoded = true
		if t := a.mediaType(); t == "application/json" || strings.HasSuffix(t, "+json") {
			a.value, _ = decode(a.body)
		}
	}
	return a.value
}
