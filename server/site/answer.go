package site

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/understudy-api/understudy/server/contract"
)

// answer holds back what a handler writes until it is judged. Generated code and
// Refuse functions write an answer in one slice; it is copied once.
type answer struct {
	w       http.ResponseWriter
	visit   *visit
	status  int
	body    []byte
	sent    bool        // or to be sent as it is
	ready   bool        // it is held, and to be sent
	kept    http.Header // what was there before: it is not the handler's
	request *http.Request

	decided   bool  // whether the answer is held or streamed
	streaming bool  // it goes out as it comes; body is its beginning
	ended     error // what ends a stream before its handler does
	broken    bool  // a stream ended before its end
	size      int64 // of what was streamed

	quietUntil time.Time   // the deadline of a stream
	unhook     func() bool // lets go of the server's end; nil if there is no stream
	arrived    func()      // see unburden; nil if there is no stream
}

// Header gives the answer's headers.
func (a *answer) Header() http.Header { return a.w.Header() }

// WriteHeader holds the status, or begins a stream.
func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
		a.decide()
	}
}

// Write holds the body, or sends it if the answer is a stream.
func (a *answer) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK) // unless one was written
	if a.ended != nil {
		return 0, a.ended
	}
	if a.streaming {
		return a.stream(p)
	}
	a.body = append(a.body, p...)
	return len(p), nil
}

// Flush sends what a stream has so far. An answer that is judged as a whole is held
// all the same.
func (a *answer) Flush() {
	a.WriteHeader(http.StatusOK) // unless one was written
	if a.streaming && a.ended == nil {
		_ = http.NewResponseController(a.w).Flush() // the next write tells who is gone
	}
}

// Unwrap gives the connection's writer to http.ResponseController.
func (a *answer) Unwrap() http.ResponseWriter { return a.w }

func (a *answer) reset() {
	a.status, a.body = 0, a.body[:0]
	header := a.w.Header()
	for name := range header {
		if _, before := a.kept[name]; !before && name != "Connection" {
			delete(header, name)
		}
	}
}

// The reasons for which a stream ends before its handler does.
var (
	errNotSent   = errors.New("the answer is not sent")
	errTruncated = errors.New("the answer is cut on purpose")
)

// maxKept is how much of a body that memory does not hold a record keeps, in bytes.
const maxKept = 64 << 10

// decide begins a stream, if the answer is one: its status, type and headers are
// judged before the first byte.
func (a *answer) decide() {
	if a.decided {
		return
	}
	a.decided = true
	v := a.visit
	op := v.exchange.Operation
	if op == nil || !op.Streams(a.status, contentType(a.Header())) || v.forcesAnswer() {
		return
	}
	if f := v.force; f != nil && f.Connection != "" {
		a.ended = errNotSent
		return
	}
	if v.site.limits.JudgeReply {
		if found := op.JudgeHead(v.exchange.Method, a.status, a.Header()); len(found) > 0 {
			v.refuseAnswer(found)
			a.ended = errNotSent
			return
		}
	}
	a.streaming, a.sent = true, true
	a.arrived = v.unburden(a.w)
	control := http.NewResponseController(a.w)
	a.quiet(control)
	a.dress()
	a.w.WriteHeader(a.status)
	if v.exchange.Method == http.MethodHead {
		a.ended = http.ErrBodyNotAllowed
	}
	_ = control.Flush()
}

// stream sends a part of a stream.
func (a *answer) stream(p []byte) (int, error) {
	if f := a.visit.force; f != nil && f.Truncate != nil {
		if left := *f.Truncate - a.size; int64(len(p)) > left {
			p, a.ended = p[:max(left, 0)], errTruncated
		}
	}
	control := http.NewResponseController(a.w)
	a.quiet(control)
	var n int
	var err error
	a.visit.sending(a.w, len(p), func() { n, err = a.w.Write(p) })
	a.body = append(a.body, p[:min(n, maxKept-len(a.body))]...)
	a.size += int64(n)
	if err == nil {
		err = control.Flush()
		if errors.Is(err, http.ErrNotSupported) {
			err = nil
		}
	}
	if err != nil { // the client is gone
		a.ended = err
	}
	return n, a.ended
}

// quiet says for how long a stream may say nothing from now on: the deadline of the
// request is none of the answer. A client that is gone is told by the next write, and
// the server's end by a deadline that has passed.
func (a *answer) quiet(control *http.ResponseController) {
	if life := a.visit.site.life; a.quietUntil.IsZero() && life.Done() != nil {
		a.unhook = context.AfterFunc(life, func() { _ = control.SetReadDeadline(time.Now()) })
	}
	if now := time.Now(); a.quietUntil.Sub(now) < a.visit.site.limits.Quiet/2 && a.visit.site.life.Err() == nil {
		a.quietUntil = now.Add(a.visit.site.limits.Quiet)
		_ = control.SetReadDeadline(a.quietUntil)
	}
}

// mayAnswer waits until a large answer may be judged; false if it is too heavy for that.
func (v *visit) mayAnswer(ctx context.Context) bool {
	if !strings.Contains(contentType(v.answer.Header()), "json") {
		return true
	}
	_ = Enlarge(ctx) // who waited in vain is answered all the same
	return weigh(v.answer.body) <= v.site.gate.most
}

// fail notes that a stream broke off, unless somebody wanted it to end.
func (a *answer) fail(refusal *Refusal) {
	if a.streaming && a.ended == nil {
		a.ended, a.broken = refusal, true
		a.visit.exchange.Err = refusal
	}
}

// refuseAnswer answers with an error because the answer breaks the document.
func (v *visit) refuseAnswer(found []contract.Violation) {
	v.exchange.Violations = append(v.exchange.Violations, found...)
	first := found[0]
	v.refuse(v.answer.request, &Refusal{Kind: KindInternal, Err: fmt.Errorf(
		"the answer breaks the document: status %d, rule %s at %q, %s#%s",
		v.answer.status, first.Rule, first.Pointer(), first.Where.File, first.Where.Pointer)})
}

// dress adds the headers that go with every answer.
func (a *answer) dress() {
	v := a.visit
	if len(v.exchange.Violations) > 0 {
		// Also of a request that was served: nobody would find the record else.
		a.Header().Set("Understudy-Exchange", v.exchange.ID)
	}
	guard(a.Header())
	if v.clock.Frozen || v.clock.Offset != 0 {
		a.Header().Set("Date", v.clock.Now(v.site.now()).Format(http.TimeFormat))
	}
}

// guard keeps a browser from making more of an answer than data: from guessing its
// type, and from running what a type lets it run. A fault can send any type and text,
// and what a page shows may be a tenant's.
func guard(header http.Header) {
	header["X-Content-Type-Options"] = nosniff
	if values := header["Content-Type"]; len(values) > 0 && !inert(values[0]) {
		header["Content-Security-Policy"] = sandbox
	}
}

// contentType is the one that is written; it is asked for several times an answer, and
// Get spells the name anew each time.
func contentType(header http.Header) string {
	if values := header["Content-Type"]; len(values) > 0 {
		return values[0]
	}
	return ""
}

var (
	nosniff = []string{"nosniff"}
	sandbox = []string{"sandbox; default-src 'none'; frame-ancestors 'none'"}
)

// inert reports whether a type is data to every browser.
func inert(mediaType string) bool {
	if mediaType == "application/json" { // nearly all answers
		return true
	}
	if strings.Contains(mediaType, ",") { // of several types a browser takes the last
		return false
	}
	name, _, _ := strings.Cut(mediaType, ";")
	switch name = strings.ToLower(strings.TrimSpace(name)); name {
	case "application/json", "text/plain", "text/csv", "text/event-stream", "application/octet-stream", "application/yaml", "application/zip",
		"application/x-ndjson":
		return true
	}
	return strings.HasPrefix(name, "application/") && strings.HasSuffix(name, "+json")
}

// finish judges the answer and makes it ready to be sent, or the API's 500 in its
// place.
func (a *answer) finish(r *http.Request) {
	if a.unhook != nil {
		a.unhook()
	}
	if a.streaming {
		a.arrived()
		x := a.visit.exchange
		x.Status, x.ResponseHeader, x.ResponseBody, x.ResponseSize = a.status, a.Header(), a.body, a.size
	}
	if a.sent {
		return
	}
	if a.status == 0 {
		a.status = http.StatusOK
	}
	v := a.visit
	if f := v.force; f != nil && f.Connection != "" {
		a.sent = true // it was carried out, or not; nothing is sent either way
		return
	}
	if len(a.body) > Large && !v.mayAnswer(r.Context()) {
		v.refuse(r, &Refusal{Kind: KindFull, Message: fmt.Sprintf("The answer would hold so many values that judging it takes more than %d MiB: ask for less at once.", v.site.gate.most>>20)})
	}
	if op := v.exchange.Operation; op != nil && v.site.limits.JudgeReply && !v.forcesAnswer() {
		found := op.JudgeResponse(r.Context(), v.exchange.Method, a.status, a.Header(), a.body)
		if len(found) > 0 {
			v.refuseAnswer(found)
		}
	}
	a.sent = true
	v.exchange.Status = a.status
	a.dress()
	if written := contentType(a.Header()); strings.HasPrefix(written, "application/json") {
		a.body = plainJSON(a.body)
		if spelled := v.site.document.ContentType(); spelled != "" && written == "application/json" {
			a.Header().Set("Content-Type", spelled)
		}
	}
	if a.status != http.StatusNoContent && a.status != http.StatusNotModified && a.Header().Get("Content-Length") == "" {
		a.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	}
	v.exchange.ResponseHeader, v.exchange.ResponseBody, v.exchange.ResponseSize = a.Header(), a.body, int64(len(a.body))
	a.ready = true
}

// send sends an answer that was held.
func (a *answer) send() {
	if !a.ready {
		return
	}
	v := a.visit
	a.w.WriteHeader(a.status)
	if f := v.force; f != nil && f.Truncate != nil && int64(len(a.body)) > *f.Truncate {
		_, _ = a.w.Write(a.body[:*f.Truncate])
		return
	}
	if len(a.body) > 0 && v.exchange.Method != http.MethodHead {
		_, _ = a.w.Write(a.body) // the client is gone: nobody is left to tell
	}
}
