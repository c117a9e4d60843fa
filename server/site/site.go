package site

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/gorilla/mux"

	"github.com/understudy-api/understudy/server/contract"
)

// Options make a Site.
type Options struct {
	API API
	// Prepared is what the API's document makes of it, where several sites serve it in one
	// process; nil for one of the site's own.
	Prepared *Prepared
	Limits   Limits
	Enforce  Enforcement // "" is EnforceStrict
	Logger   *slog.Logger
	// Record is called once with every finished exchange. It must not block.
	Record func(*Exchange)
	Now    func() time.Time
	Steer  Steer // nil for an API that cannot be steered
	// Wait waits for a delay that was asked for, or until the context ends; nil
	// waits by the real clock.
	Wait func(ctx context.Context, delay time.Duration)
	// PublicURL is where clients reach the server, without a final slash; "" for what
	// each request came for. See [BaseURL].
	PublicURL string
	// Gate is shared by the sites of a server; nil for one of its own.
	Gate *Gate
	// Life ends when the server is about to: what only waits does so no longer. nil for
	// never.
	Life context.Context
}

// Site serves one API behind its document.
type Site struct {
	api      API
	document *contract.Document
	routes   *routes
	handlers map[*contract.Operation]http.Handler
	limits   Limits
	report   bool // EnforceReport
	log      *slog.Logger
	record   func(*Exchange)
	now      func() time.Time
	steer    Steer
	wait     func(context.Context, time.Duration)

	publicURL string
	gate      *Gate
	life      context.Context
}

// Prepared is a document that is open, and its routes: what all sites of an API have in
// common, whoever's state they serve.
type Prepared struct {
	document *contract.Document
	routes   *routes
}

// Prepare opens a document.
func Prepare(source contract.Source) (*Prepared, error) {
	document, err := contract.Open(source)
	if err != nil {
		return nil, err
	}
	return &Prepared{document: document, routes: newRoutes(document)}, nil
}

// NewSite puts the API's routes behind its document.
func NewSite(o Options) (*Site, error) {
	if o.Prepared == nil {
		var err error
		if o.Prepared, err = Prepare(o.API.Source()); err != nil {
			return nil, err
		}
	}
	handlers, err := handlersOf(o.Prepared.document, o.API.Register)
	if err != nil {
		return nil, err
	}
	s := &Site{
		api: o.API, document: o.Prepared.document, routes: o.Prepared.routes, handlers: handlers, limits: o.Limits, report: o.Enforce == EnforceReport,
		log: o.Logger, record: o.Record, now: o.Now, steer: o.Steer, wait: o.Wait, publicURL: o.PublicURL, gate: o.Gate, life: o.Life,
	}
	if s.gate == nil {
		s.gate = NewGate(s.limits.Body)
	}
	if s.life == nil {
		s.life = context.Background()
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
	return s, nil
}

// Refuse answers a request that is not to be looked at any further, in the API's
// words. It is recorded nowhere.
func (s *Site) Refuse(w http.ResponseWriter, r *http.Request, refusal *Refusal) {
	guard(w.Header())
	s.api.Refuse(w, r, refusal)
}

// Document is the document the site serves.
func (s *Site) Document() *contract.Document { return s.document }

// OperationFrom gives the operation that is being served; nil outside of one.
func OperationFrom(ctx context.Context) *contract.Operation {
	if v := visitOf(ctx); v != nil {
		return v.exchange.Operation
	}
	return nil
}

// ServeHTTP serves one request.
func (s *Site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := s.now()
	a := &struct { // one piece of memory
		visit
		answer
	}{
		visit{Context: r.Context(), site: s, exchange: &Exchange{
			ID: newExchangeID(), Time: start.Round(0), API: s.document.API,
			Document: s.document, Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery, RequestHeader: r.Header,
			Origin: r.Context().Value(originKey{}), gate: s.gate,
		}},
		answer{w: w},
	}
	v := &a.visit
	v.answer, a.answer.visit = &a.answer, v
	if header := w.Header(); len(header) > 0 {
		v.answer.kept = maps.Clone(header)
	}
	r = r.WithContext(v)
	v.answer.request = r
	if r.Method == http.MethodHead && s.api.HeadAsGet() {
		r.Method = http.MethodGet
	}
	if s.document.EncodedSlash() && r.URL.RawPath != "" {
		// As it came: net/url escapes a path with raw bytes anew, and decodes its slashes.
		if kept, ok := contract.KeepSlashes(r.URL.RawPath); ok {
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
			s.log.ErrorContext(v, "panic", "exchange", v.exchange.ID, "operation", v.exchange.operationID(),
				"panic", fmt.Sprintf("%T", p), "stack", string(debug.Stack()))
			v.refuse(r, &Refusal{Kind: KindInternal, Err: errors.New("panic")})
		}
		// The record is there before the client can ask for it.
		v.answer.finish(r)
		if !v.clock.Frozen {
			v.exchange.Duration = s.now().Sub(start)
		}
		s.finish(v, v.exchange)
		v.close(s.gate) // what the body became is nobody's any more
		v.deliver(w)
		if f := v.force; f != nil && (f.Connection != "" || f.Truncate != nil) {
			hangUp(w, f.Connection != "")
		} else if v.answer.broken {
			hangUp(w, false) // or the client would take the answer for complete
		}
	}()
	match := s.routes.match(r)
	if match == nil {
		s.unmatched(v.answer, r)
		return
	}
	op := s.routes.operations[match.Route]
	v.exchange.Operation, v.exchange.Vars = op, v.pathValues(match.Vars)
	s.enforce(v, op, r, s.handlers[op])
}

// enforce stands between the matched route and the generated code.
func (s *Site) enforce(v *visit, op *contract.Operation, r *http.Request, next http.Handler) {
	if op.Secured() {
		principal, refusal := s.api.Authenticate(r, op)
		if refusal != nil {
			v.drain(r)
			refusal.Violations = append(refusal.Violations, op.CredentialViolation(r))
			v.refuse(r, refusal)
			return
		}
		v.identified(r, principal)
	} else {
		v.attribute(r)
	}
	v.readRequest(r, op)
	if refusal := v.treat(r, op); refusal != nil {
		v.refuse(r, refusal)
		return
	}
	if v.force != nil {
		if v.force.Delay > 0 {
			v.delay(r)
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
	message := &contract.Message{Method: r.Method, URL: r.URL, Header: r.Header, Vars: v.exchange.Vars, Body: v.body}
	if v.file != nil {
		message.File, message.Size = v.file, v.size
	}
	if len(v.body) > 0 {
		if weigh(v.body) > s.gate.most {
			v.refuse(r, &Refusal{Kind: KindFull, Message: fmt.Sprintf("The body holds so many values that judging it would take more than %d MiB. Send less at a time, or raise --max-body.", s.gate.most>>20)})
			return
		}
		let, ok := s.gate.enter(r.Context(), v.principal.Workspace, v.body)
		if !ok {
			v.refuse(r, busy(errBusy))
			return
		}
		v.pass = let
	}
	judged := op.JudgeRequest(r.Context(), message)
	v.pass.judged()
	if !op.HasBody() && judged.Served() == nil {
		v.pass.leave() // nothing is left but the text, for as long as the request may take
	}
	v.exchange.Violations = append(v.exchange.Violations, judged.Violations...)
	v.exchange.Value = judged.Value
	if judged.Err != nil { // the client is gone
		v.refuse(r, AsRefusal(judged.Err))
		return
	}
	if v.forcesAnswer() {
		// What is wrong with the request is recorded all the same; that its
		// answer is an error is not the client's doing.
		v.answerForced(r)
		return
	}
	refused, doubtful := judged.Refused(), judged.Doubtful()
	if refused && !s.report {
		v.refuse(r, &Refusal{Kind: KindInvalid, Violations: judged.Refusing(), Operation: op, Body: v.body})
		return
	}
	if refused || len(doubtful) > 0 {
		v.held = &Refusal{Kind: KindInvalid, Violations: doubtful, Operation: op, Body: v.body}
	}
	if refused || len(doubtful) > 0 && s.report {
		converted, wrong := op.Understand(r.Context(), message, judged)
		if converted == nil {
			v.held.Violations = wrong
			v.refuse(r, v.held)
			return
		}
		switch {
		case len(wrong) > 0: // what was converted no longer keeps it from being read
			v.held.Violations = wrong
		case refused:
			v.held.Violations = judged.Refusing()
		}
		r = mux.SetURLVars(r, converted.Vars)
		r.URL, r.Header = converted.URL, converted.Header
	}
	next.ServeHTTP(v.answer, v.handOver(r, judged))
}
