package site

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/understudy-api/understudy/server/contract"
	"github.com/understudy-api/understudy/server/sample"
)

// Forced tells that an answer, its delay or its end was forced, and is not what
// the API would have answered.
type Forced struct {
	By    string `json:"by"` // "fault", "prefer" (the request's header) or "workspace" (the header that names one)
	Fault string `json:"fault,omitempty"`
	What  string `json:"what"`
}

// What can force an answer.
const (
	ForcedByFault     = "fault"
	ForcedByPrefer    = "prefer"
	ForcedByWorkspace = "workspace"
)

// sample is a body of the operation's answer with this status, as JSON: the named
// example, else an example of the document that keeps its own schema, else one
// made to the schema. nil if the answer has no JSON body.
func sampleBody(o *contract.Operation, status int, example string) ([]byte, error) {
	mt := o.AnswerJSON(status)
	if mt == nil {
		if example != "" {
			return nil, fmt.Errorf("the answer has no example %q", example)
		}
		return nil, nil
	}
	var schemas []*contract.Schema
	if s := o.AnswerSchema(status); s != nil {
		schemas = []*contract.Schema{s}
	}
	if example != "" {
		ref := mt.Examples[example]
		if ref == nil || ref.Value == nil {
			return nil, fmt.Errorf("the answer has no example %q", example)
		}
		return o.Encode(ref.Value.Value, schemas...)
	}
	if mt.Example != nil {
		return o.Encode(mt.Example, schemas...)
	}
	for _, name := range slices.Sorted(maps.Keys(mt.Examples)) {
		if ref := mt.Examples[name]; ref.Value != nil {
			return o.Encode(ref.Value.Value, schemas...)
		}
	}
	if mt.Schema == nil {
		return []byte("null"), nil
	}
	value, ok := sample.Minimal(mt.Schema.Value, sample.Options{})
	if !ok {
		return nil, fmt.Errorf("no body could be made to the schema of status %d", status)
	}
	return o.Encode(value, schemas...)
}

// BodyFrom is the text of the body of the request being served, as it came: do
// not modify it.
func BodyFrom(ctx context.Context) []byte {
	if v := visitOf(ctx); v != nil {
		return v.body
	}
	return nil
}

// what says in short what is forced.
func (f *Force) what() string {
	var parts []string
	if f.Delay > 0 {
		parts = append(parts, "delay "+f.Delay.String())
	}
	if f.Status != 0 {
		parts = append(parts, "status "+strconv.Itoa(f.Status))
	}
	if f.Connection != "" {
		parts = append(parts, string(f.Connection))
	}
	if f.Truncate != nil {
		parts = append(parts, "truncate "+strconv.FormatInt(*f.Truncate, 10))
	}
	return strings.Join(parts, ", ")
}

// maxPreferredDelay bounds what a request may ask for.
const maxPreferredDelay = 5 * time.Minute

// prefer reads what a request asks for in the header Prefer (RFC 7240), in the
// words of Prism: code, example and delay (in milliseconds), and undeclared to be
// answered with a status that the operation does not declare. Other preferences
// are none of ours. It is nil if the header asks for nothing of that; problem
// says what cannot be done.
func prefer(o *contract.Operation, values []string) (f *Force, problem string) {
	asked := map[string]string{}
	for _, value := range values {
		for part := range strings.SplitSeq(value, ",") {
			part, _, _ = strings.Cut(part, ";") // its parameters
			name, text, _ := strings.Cut(part, "=")
			name = strings.ToLower(strings.TrimSpace(name))
			if _, again := asked[name]; !again { // the first counts (RFC 7240, section 2)
				asked[name] = strings.Trim(strings.TrimSpace(text), `"`)
			}
		}
	}
	f = &Force{}
	if text, ok := asked["delay"]; ok {
		ms, err := strconv.ParseFloat(text, 64)
		if err != nil || !(ms >= 0 && ms <= float64(maxPreferredDelay/time.Millisecond)) {
			return nil, fmt.Sprintf("delay: want milliseconds, from 0 to %d", maxPreferredDelay/time.Millisecond)
		}
		f.Delay = time.Duration(ms * float64(time.Millisecond))
	}
	_, f.Undeclared = asked["undeclared"]
	f.Example = asked["example"]
	if text, ok := asked["code"]; ok {
		status, err := strconv.Atoi(text)
		switch {
		case err != nil || status < 200 || status > 599:
			return nil, "code: want a status from 200 to 599"
		case !f.Undeclared && !o.Declares(status):
			return nil, fmt.Sprintf("code: %s does not declare %d; it declares %s. Add \"undeclared\" to be answered so all the same",
				o.ID, status, statusList(o.DeclaredStatuses()))
		}
		f.Status = status
	}
	if f.Example != "" {
		if f.Status == 0 {
			f.Status = successStatus(o.DeclaredStatuses())
		}
		if names := o.Examples(f.Status); !slices.Contains(names, f.Example) {
			have := "there is none"
			if len(names) > 0 {
				have = "there is " + strings.Join(names, ", ")
			}
			return nil, fmt.Sprintf("example: %s has no such example of an answer %d; %s", o.ID, f.Status, have)
		}
	}
	if f.what() == "" {
		return nil, ""
	}
	return f, ""
}

// successStatus is the first declared status that means success.
func successStatus(statuses []int) int {
	for _, status := range statuses {
		if status >= 200 && status < 300 {
			return status
		}
	}
	return statuses[0]
}

func statusList(statuses []int) string {
	texts := make([]string, len(statuses))
	for i, status := range statuses {
		texts[i] = strconv.Itoa(status)
	}
	return strings.Join(texts, ", ")
}

// treat asks how a request is to be treated beside what the document says.
func (v *visit) treat(r *http.Request, op *contract.Operation) *Refusal {
	s, x := v.site, v.exchange
	if v.unnamed {
		v.force = &Force{Status: http.StatusBadRequest, Undeclared: true}
		v.message = "The header " + WorkspaceHeader + ", or what is before .localhost in the host, is not the name of a workspace: " +
			"want letters, digits and hyphens, 63 at most, none of the hyphens first or last"
		x.Forced = &Forced{By: ForcedByWorkspace, What: "refused: not the name of a workspace"}
		return nil
	}
	if s.steer == nil {
		return nil
	}
	if x.Workspace != "" {
		t, err := s.steer(r.Context(), Call{Workspace: x.Workspace, Operation: op, Method: x.Method, Path: x.Path})
		if err != nil {
			return AsRefusal(err)
		}
		if v.clock = t.Clock; v.clock.Frozen || v.clock.Offset != 0 {
			x.Time = v.clock.Now(x.Time)
		}
		x.ID = cmp.Or(t.ExchangeID, x.ID)
		if t.Force != nil {
			v.force, x.Forced = t.Force, &Forced{By: ForcedByFault, Fault: t.Fault, What: t.Force.what()}
		}
	}
	if values := r.Header["Prefer"]; len(values) > 0 {
		force, problem := prefer(op, values)
		switch {
		case problem != "":
			v.force = &Force{Status: http.StatusBadRequest, Undeclared: true}
			v.message = "The header Prefer asks for what cannot be done: " + problem
			x.Forced = &Forced{By: ForcedByPrefer, What: "refused: " + problem}
		case force != nil:
			v.force, x.Forced = force, &Forced{By: ForcedByPrefer, What: force.what()}
		}
	}
	return nil
}

// forcedKinds are the statuses that a refusal leads to, headers included.
var forcedKinds = map[int]Kind{
	http.StatusUnauthorized:          KindUnauthenticated,
	http.StatusForbidden:             KindForbidden,
	http.StatusNotFound:              KindNotFound,
	http.StatusMethodNotAllowed:      KindMethodNotAllowed,
	http.StatusConflict:              KindConflict,
	http.StatusRequestEntityTooLarge: KindTooLarge,
	http.StatusInternalServerError:   KindInternal,
	http.StatusServiceUnavailable:    KindUnavailable,
}

// answerForced writes the answer that was forced: what was given for it, or the
// API's own error, or what the document declares.
func (v *visit) answerForced(r *http.Request) {
	f, op, a := v.force, v.exchange.Operation, v.answer
	a.reset()
	v.exchange.Refused, v.exchange.Made = false, true
	body := f.Body
	if body == nil {
		if f.Status >= http.StatusBadRequest && f.Example == "" && v.answerError(r) {
			return
		}
		var err error
		if body, err = sampleBody(op, f.Status, f.Example); err != nil {
			v.site.log.WarnContext(r.Context(), "a forced answer has no body", append(v.exchange.attributes(), "error", logText(err))...)
		}
	}
	if len(body) > 0 {
		a.Header().Set("Content-Type", "application/json")
		_, _ = a.Write(body)
	}
	if body == nil && a.Header().Get("Content-Type") == "" {
		for _, row := range op.Rows() { // of a type that no sample is made of, all but its name is left out
			if row.Status == f.Status && row.ResponseType != "" {
				a.Header().Set("Content-Type", row.ResponseType)
				break
			}
		}
	}
	a.status = f.Status
	v.dress(op, f)
}

// answerError answers with an error in the API's words, if it has words for it
// that the document allows.
func (v *visit) answerError(r *http.Request) bool {
	f, op, a := v.force, v.exchange.Operation, v.answer
	refusal := Refusal{
		Kind: KindForced, Status: f.Status, RetryAfter: f.RetryAfter, Operation: op,
		Message: cmp.Or(v.message, http.StatusText(f.Status), "Status "+strconv.Itoa(f.Status)),
	}
	if f.Status == http.StatusMethodNotAllowed {
		refusal.Allow = v.site.routes.allowed(r)
	}
	kinds := []Kind{KindForced}
	if kind, ok := forcedKinds[f.Status]; ok && v.message == "" {
		kinds = []Kind{kind, KindForced}
	}
	for _, kind := range kinds {
		refusal.Kind = kind
		v.site.api.Refuse(a, r, &refusal)
		v.dress(op, f)
		if a.status == f.Status && (!op.Declares(f.Status) ||
			len(op.JudgeResponse(r.Context(), v.exchange.Method, a.status, a.Header(), a.body)) == 0) {
			return true
		}
		a.reset()
	}
	return false
}

// dress adds the headers of a forced answer: those that the document requires,
// those that go with the status, and those that were asked for.
func (v *visit) dress(op *contract.Operation, f *Force) {
	header := v.answer.Header()
	if f.RetryAfter > 0 || f.Status == http.StatusTooManyRequests && header.Get("Retry-After") == "" {
		header.Set("Retry-After", strconv.Itoa(max(f.RetryAfter, 1)))
	}
	for name, value := range f.Header {
		header.Set(name, value)
	}
	header.Set("Understudy-Exchange", v.exchange.ID)
	for name, declared := range op.AnswerHeaders(f.Status) {
		if declared.Value == nil || !declared.Value.Required || header.Get(name) != "" || declared.Value.Schema == nil {
			continue
		}
		if value, ok := sample.Minimal(declared.Value.Schema.Value, sample.Options{}); ok {
			header.Set(name, headerText(value))
		}
	}
	if v.exchange.Forced != nil && v.exchange.Forced.By == ForcedByPrefer && v.message == "" {
		header.Set("Preference-Applied", "code="+strconv.Itoa(f.Status)) // RFC 7240, section 3
	}
}

func headerText(value any) string {
	if text, ok := value.(string); ok {
		return text
	}
	text, err := json.Marshal(value)
	if err != nil { // it was made to be JSON
		return ""
	}
	return string(text)
}

// wait waits for a delay, or until the client is gone.
// delay waits as long as the request is to be kept waiting, unless the server ends.
func (v *visit) delay(r *http.Request) {
	// The deadline of the request is none of the answer.
	_ = http.NewResponseController(v.answer.w).SetReadDeadline(time.Now().Add(v.force.Delay + v.site.limits.BodyTime))
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(v.site.life, cancel)()
	v.site.wait(ctx, v.force.Delay)
}

func wait(ctx context.Context, delay time.Duration) {
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// hangUp ends the connection of an answer, at once if abrupt. It does not return
// where the connection cannot be had.
func hangUp(w http.ResponseWriter, abrupt bool) {
	control := http.NewResponseController(w)
	_ = control.Flush() // what was written before goes out
	conn, _, err := control.Hijack()
	if err != nil {
		p := http.ErrAbortHandler // how net/http is told to drop a connection
		panic(p)
	}
	if tcp, ok := conn.(interface{ SetLinger(sec int) error }); ok && abrupt {
		_ = tcp.SetLinger(0) // RST instead of FIN
	}
	_ = conn.Close()
}
