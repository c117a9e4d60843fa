package contract

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"github.com/understudy-api/understudy/storage"
)

// API is what the contract asks of one of the served APIs.
type API interface {
	// Source is the served document.
	Source() Source
	// Register puts the generated routes on the router.
	Register(router *mux.Router)
	// Authenticate finds the caller by the credential that the request carries for
	// the operation; see [Authenticate]. The operation has no id where the request
	// matches none. A refusal is of KindUnauthenticated or KindForbidden.
	Authenticate(r *http.Request, operation *Operation) (Principal, *Refusal)
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

// Limits bound what one request may cost.
type Limits struct {
	Body       int64         // bytes of a request body
	Drain      int64         // bytes of a refused body that are read and dropped
	DrainTime  time.Duration // how long that may take
	JudgeReply bool          // validate answers
}

// DefaultLimits are the limits of a server that was told nothing else.
func DefaultLimits() Limits {
	return Limits{Body: 1 << 20, Drain: 64 << 20, DrainTime: 5 * time.Second, JudgeReply: true}
}

// Exchange is one request and its answer. Messages are kept as they were, secrets
// included: see [Operation.RedactRequest] before anything leaves the process.
type Exchange struct {
	ID         string
	Time       time.Time
	Duration   time.Duration
	API        string
	Document   *Document
	Workspace  string
	Operation  *Operation // nil when no operation matched
	Method     string
	Path       string
	Query      string            // as sent
	Vars       map[string]string // path parameters, decoded
	Status     int               // 0 if the connection was reset on purpose
	Refused    bool              // not served because of its violations
	Forced     *Forced           // nil unless its answer was forced
	Violations []Violation       // while the request is being served
	Explained  []Explained       // the violations in words, once it is finished
	Err        error             // why an answer was an internal error

	RequestHeader  http.Header
	RequestBody    []byte // the beginning of one that memory does not hold
	RequestSize    int64
	ResponseHeader http.Header
	ResponseBody   []byte // the beginning of one that was streamed
	ResponseSize   int64
	Value          any // the decoded body, if it was judged and found right
}

// Options make a Site.
type Options struct {
	API     API
	Limits  Limits
	Enforce Enforcement // "" is EnforceStrict
	Logger  *slog.Logger
	// Record is called once with every finished exchange. It must not block.
	Record func(*Exchange)
	Now    func() time.Time
	Steer  Steer // nil for an API that cannot be steered
	// Wait waits for a delay that was asked for, or until the context ends; nil
	// waits by the real clock.
	Wait func(ctx context.Context, delay time.Duration)
}

// Site serves one API behind its document.
type Site struct {
	api      API
	document *Document
	routes   *routes
	limits   Limits
	report   bool // EnforceReport
	log      *slog.Logger
	record   func(*Exchange)
	now      func() time.Time
	steer    Steer
	wait     func(context.Context, time.Duration)
}

// NewSite loads the API's document and puts its routes behind it.
func NewSite(o Options) (*Site, error) {
	document, err := Open(o.API.Source())
	if err != nil {
		return nil, err
	}
	s := &Site{
		api: o.API, document: document, limits: o.Limits, report: o.Enforce == EnforceReport,
		log: o.Logger, record: o.Record, now: o.Now, steer: o.Steer, wait: o.Wait,
	}
	if s.wait == nil {
		s.wait = wait
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.record == nil {
		s.record = func(*Exchange) {}
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.routes, err = newRoutes(document, o.API.Register); err != nil {
		return nil, err
	}
	s.routes.Use(s.enforce)
	s.routes.NotFoundHandler = http.HandlerFunc(s.unmatched)
	s.routes.MethodNotAllowedHandler = http.HandlerFunc(s.unmatched)
	return s, nil
}

// Document is the document the site serves.
func (s *Site) Document() *Document { return s.document }

// visit is the state of one request on its way through the site.
type visit struct {
	site      *Site
	exchange  *Exchange
	answer    *answer
	principal Principal
	requestBody
	clock storage.Clock
	force *Force // what is done on purpose; nil for nothing
	// keptSlashes says that slashes within segments stay escaped in the URL.
	keptSlashes bool
	unnamed     bool     // the header that names a workspace cannot be read
	message     string   // of a forced error; "" for the status in words
	held        *Refusal // of a request that is served all the same: reported only, or against a rule we guess
}

type visitKey struct{}

func visitOf(ctx context.Context) *visit {
	v, _ := ctx.Value(visitKey{}).(*visit)
	return v
}

// PrincipalFrom gives the caller of the request being served.
func PrincipalFrom(ctx context.Context) Principal {
	if v := visitOf(ctx); v != nil {
		return v.principal
	}
	return Principal{}
}

// OperationFrom gives the operation that is being served; nil outside of one.
func OperationFrom(ctx context.Context) *Operation {
	if v := visitOf(ctx); v != nil {
		return v.exchange.Operation
	}
	return nil
}

// Fail answers a request with an error, in the API's words. It is what the
// generated code's error handlers call.
func Fail(w http.ResponseWriter, r *http.Request, err error) {
	v := visitOf(r.Context())
	if v == nil {
		http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		return
	}
	refusal := AsRefusal(err)
	if v.held != nil && refusal.Kind == KindInternal {
		refusal = v.held // what is wrong with the request keeps it from being served
	}
	v.refuse(r, refusal)
}

// ServeHTTP serves one request.
func (s *Site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := s.now()
	v := &visit{site: s, exchange: &Exchange{
		ID: newExchangeID(), Time: start.Round(0), API: s.document.API,
		Document: s.document, Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery, RequestHeader: r.Header,
	}}
	v.answer = &answer{w: w, visit: v}
	if header := w.Header(); len(header) > 0 {
		v.answer.kept = maps.Clone(header)
	}
	ctx := context.WithValue(r.Context(), visitKey{}, v)
	r = r.WithContext(ctx)
	v.answer.request = r
	if r.Method == http.MethodHead && s.api.HeadAsGet() {
		r.Method = http.MethodGet
	}
	if s.document.EncodedSlash() && r.URL.RawPath != "" {
		if kept, ok := KeepSlashes(r.URL.EscapedPath()); ok {
			u := *r.URL
			u.Path, u.RawPath = kept, ""
			r.URL, v.keptSlashes = &u, true
		}
	}
	defer func() {
		if p := recover(); p != nil {
			if p == http.ErrAbortHandler { //nolint:errorlint // a sentinel by identity
				panic(p)
			}
			s.log.ErrorContext(ctx, "panic", "exchange", v.exchange.ID, "operation", v.exchange.operationID(),
				"panic", fmt.Sprintf("%T", p), "stack", string(debug.Stack()))
			v.refuse(r, &Refusal{Kind: KindInternal, Err: errors.New("panic")})
		}
		// The record is there before the client can ask for it.
		v.answer.finish(r)
		v.close()
		if !v.clock.Frozen {
			v.exchange.Duration = s.now().Sub(start)
		}
		s.finish(ctx, v.exchange)
		v.answer.send()
		if f := v.force; f != nil && (f.Connection != "" || f.Truncate != nil) {
			hangUp(w, f.Connection != "")
		} else if v.answer.broken {
			hangUp(w, false) // or the client would take the answer for complete
		}
	}()
	s.routes.ServeHTTP(v.answer, r)
}

// enforce is the middleware between the matched route and the generated code.
func (s *Site) enforce(next http.Handler) http.Handler {
	return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		v := visitOf(r.Context())
		op := s.routes.operations[mux.CurrentRoute(r)]
		v.exchange.Operation, v.exchange.Vars = op, v.pathValues(r)
		v.readRequest(r, op)
		if op.Secured() {
			principal, refusal := s.api.Authenticate(r, op)
			if refusal != nil {
				refusal.Violations = append(refusal.Violations, op.CredentialViolation(r))
				v.refuse(r, refusal)
				return
			}
			v.identified(r, principal)
		} else {
			v.attribute(r)
		}
		if refusal := v.treat(r, op); refusal != nil {
			v.refuse(r, refusal)
			return
		}
		if v.force != nil {
			if v.force.Delay > 0 {
				s.wait(r.Context(), v.force.Delay)
			}
			if v.force.Connection == ConnectionReset {
				return
			}
		}
		if v.bodyErr != nil && !bodyless(r.Method) {
			v.refuse(r, s.bodyRefusal(op, v.bodyErr))
			if v.forcesAnswer() {
				v.answerForced(r)
			}
			return
		}
		if v.bodyErr != nil {
			// The server cancels a request whose body breaks off; this one has none
			// that matters.
			r = r.WithContext(context.WithoutCancel(r.Context()))
		}
		message := &Message{Method: r.Method, URL: r.URL, Header: r.Header, Vars: v.exchange.Vars, Body: v.body}
		if v.file != nil {
			message.File, message.Size = v.file, v.size
		}
		judged := op.JudgeRequest(r.Context(), message)
		v.exchange.Violations = append(v.exchange.Violations, judged.Violations...)
		v.exchange.Value = judged.Value
		if v.forcesAnswer() {
			// What is wrong with the request is recorded all the same; that its
			// answer is an error is not the client's doing.
			v.answerForced(r)
			return
		}
		if judged.Refused() {
			refusal := &Refusal{Kind: KindInvalid, Violations: judged.Refusing(), Operation: op, Body: v.body}
			if !s.report {
				v.refuse(r, refusal)
				return
			}
			converted, wrong := op.Understand(r.Context(), message, judged)
			if converted == nil {
				refusal.Violations = wrong
				v.refuse(r, refusal)
				return
			}
			v.held = refusal
			r = mux.SetURLVars(r, converted.Vars)
			r.URL, r.Header = converted.URL, converted.Header
		} else if doubtful := judged.Doubtful(); len(doubtful) > 0 {
			v.held = &Refusal{Kind: KindInvalid, Violations: doubtful, Operation: op, Body: v.body}
		}
		next.ServeHTTP(v.answer, v.handOver(r, judged))
	})
}

// pathValues gives the path parameters. Where slashes within segments were kept from
// the router they are decoded, also for the generated code, which binds these
// values as they are.
func (v *visit) pathValues(r *http.Request) map[string]string {
	vars := mux.Vars(r)
	if v.keptSlashes {
		for name, value := range vars {
			vars[name] = DecodeSegment(value)
		}
	}
	return vars
}

// bodyless reports whether a body of the method means nothing (RFC 9110, section
// 9.3.1), so that nothing about it is reason to refuse.
func bodyless(method string) bool { return method == http.MethodGet || method == http.MethodHead }

func (s *Site) bodyRefusal(op *Operation, err error) *Refusal {
	var tooLarge *http.MaxBytesError
	if errors.Is(err, errBodyTooLarge) || errors.As(err, &tooLarge) {
		return &Refusal{Kind: KindTooLarge, Violations: []Violation{op.BodyTooLarge(op.MaxBody(s.limits.Body))}}
	}
	if _, ours := errors.AsType[*os.PathError](err); ours {
		return &Refusal{Kind: KindUnavailable, RetryAfter: 1, Err: err} // no room for a file
	}
	return &Refusal{Kind: KindInvalid, Err: err, Violations: []Violation{op.BodyBroken()}}
}

// unmatched answers a request that no route matched.
func (s *Site) unmatched(_ http.ResponseWriter, r *http.Request) {
	v := visitOf(r.Context())
	v.readRequest(r, nil)
	v.attribute(r)
	allow := s.routes.allowed(r)
	other := ""
	// A path that ends in an empty parameter was hardly meant.
	if len(allow) == 0 || s.document.EmptyParameter() && strings.HasSuffix(r.URL.Path, "/") {
		flipped := *r
		u := *r.URL
		if strings.HasSuffix(u.Path, "/") {
			u.Path = strings.TrimRight(u.Path, "/")
		} else {
			u.Path += "/"
		}
		u.RawPath = ""
		flipped.URL = &u
		if u.Path != "" {
			if declared := s.routes.allowed(&flipped); len(declared) > 0 && (len(allow) == 0 || slices.Contains(declared, r.Method)) {
				allow, other = nil, u.RequestURI()
			}
		}
	}
	asked := *r
	asked.Method = v.exchange.Method // HEAD is routed as GET, and not matched as HEAD
	refusal := s.api.Unmatched(&asked, allow, other)
	refusal.Violations = append(refusal.Violations, s.document.UnmatchedViolation(&asked, allow, other))
	v.refuse(r, refusal)
}

// attribute says whose exchange it is where no credential is asked for.
func (v *visit) attribute(r *http.Request) {
	if !v.site.document.Anyone().CarriesCredential(r) {
		return
	}
	if principal, refusal := v.site.api.Authenticate(r, v.site.document.Anyone()); refusal == nil {
		v.identified(r, principal)
		v.principal = Principal{} // nobody was asked to be one
	}
}

// identified notes who calls, and in which of their workspaces.
func (v *visit) identified(r *http.Request, principal Principal) {
	name, ok := subWorkspace(r)
	principal.Workspace = SubWorkspace(principal.Workspace, name)
	v.principal = principal
	v.exchange.Workspace = principal.Workspace
	if !ok {
		v.unnamed = true
	}
}

// forcesAnswer reports whether the answer is forced whatever the request says.
func (v *visit) forcesAnswer() bool { return v.force != nil && v.force.Status != 0 }

// refuse answers with a refusal, through the API's one function.
func (v *visit) refuse(r *http.Request, refusal *Refusal) {
	a := v.answer
	if a.sent || a.ended != nil {
		a.fail(refusal)
		return // too late: the status is out
	}
	a.reset()
	if refusal.Kind == KindInternal {
		v.exchange.Err = refusal
	}
	for i := range refusal.Violations {
		if !slices.ContainsFunc(v.exchange.Violations, func(x Violation) bool {
			return x.Rule == refusal.Violations[i].Rule && x.In == refusal.Violations[i].In
		}) {
			v.exchange.Violations = append(v.exchange.Violations, refusal.Violations[i])
		}
	}
	v.exchange.Refused = refusal.Kind != KindInternal && len(refusal.Violations) > 0
	a.Header().Set("Understudy-Exchange", v.exchange.ID)
	v.site.api.Refuse(a, r, refusal)
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

func newExchangeID() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return hex.EncodeToString(b[:])
}
