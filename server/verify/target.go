package verify

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/understudy-api/understudy/server/contract"
)

// target sends calls to the server.
type target struct {
	base    *url.URL
	handler http.Handler
	client  *http.Client
	header  http.Header
	timeout time.Duration
	auth    *authorizer
	pace    pacer
}

func newTarget(o *Options) (*target, error) {
	t := &target{handler: o.Handler, client: o.Client, header: o.Header, timeout: o.Timeout, pace: pacer{every: interval(o.Rate)}}
	address := o.URL
	if o.Handler != nil {
		address = "http://in-process.invalid"
	}
	base, err := url.Parse(address)
	if err != nil || base.Scheme != "http" && base.Scheme != "https" || base.Host == "" || base.User != nil || base.RawQuery != "" {
		return nil, mistake("the URL to verify: want http://HOST:PORT/BASE, without a user or a query") // not shown: it may hold a password
	}
	t.base = base
	if t.client == nil && t.handler == nil {
		transport := &http.Transport{
			MaxIdleConns: o.Workers, MaxIdleConnsPerHost: o.Workers, IdleConnTimeout: time.Minute,
			DisableCompression: true, Proxy: http.ProxyFromEnvironment,
			DialContext: (&net.Dialer{Timeout: o.Timeout}).DialContext,
		}
		t.client = &http.Client{Transport: transport}
	}
	if t.client != nil {
		c := *t.client
		c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		t.client = &c
	}
	t.auth, err = newAuthorizer(o)
	return t, err
}

func interval(rate float64) time.Duration {
	if rate <= 0 {
		return 0
	}
	return time.Duration(float64(time.Second) / rate)
}

// pacer lets requests pass at a rate.
type pacer struct {
	every time.Duration
	mu    sync.Mutex
	next  time.Time
}

func (p *pacer) wait(ctx context.Context) error {
	if p.every == 0 {
		return ctx.Err()
	}
	p.mu.Lock()
	now := time.Now()
	if p.next.Before(now) {
		p.next = now
	}
	wait := p.next.Sub(now)
	p.next = p.next.Add(p.every)
	p.mu.Unlock()
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// send makes the request. The error is only that of the context: what goes wrong
// with the server stands in the answer.
func (t *target) send(ctx context.Context, c *call) (*answer, error) {
	if err := t.pace.wait(ctx); err != nil {
		return nil, err
	}
	limited, cancel := context.WithTimeout(ctx, t.timeout)
	defer cancel()
	request, err := t.request(limited, c)
	if err != nil {
		return &answer{err: err}, nil
	}
	began := time.Now()
	a := t.exchange(request)
	a.took = time.Since(began)
	if a.err != nil && ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return a, nil
}

func (t *target) request(ctx context.Context, c *call) (*http.Request, error) {
	u := *t.base
	escaped := strings.TrimSuffix(u.EscapedPath(), "/") + c.path
	plain, err := url.PathUnescape(escaped)
	if err != nil {
		return nil, err
	}
	u.Path, u.RawPath, u.RawQuery = plain, escaped, c.query
	header := http.Header{"User-Agent": {"understudy-verify"}, "Accept": {"*/*"}}
	maps.Copy(header, t.header)
	maps.Copy(header, c.header)
	request := &http.Request{
		Method: c.method, URL: &u, Host: u.Host, Header: header, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
	if host := header.Get("Host"); host != "" {
		request.Host = host
	}
	t.auth.authorize(request, c)
	if c.hasBody {
		request.Body = io.NopCloser(bytes.NewReader(c.body))
		request.ContentLength = int64(len(c.body))
		request.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(c.body)), nil }
	} else {
		request.Body = http.NoBody
	}
	return request.WithContext(ctx), nil
}

func (t *target) exchange(request *http.Request) *answer {
	if t.handler != nil {
		return t.serve(request)
	}
	response, err := t.client.Do(request)
	if err != nil {
		if inner, ok := errors.AsType[*url.Error](err); ok {
			err = inner.Err // without the address
		}
		return &answer{err: err}
	}
	defer response.Body.Close()
	var ended atomic.Bool
	if isEvents(response.Header) { // they need not end
		timer := time.AfterFunc(listen, func() {
			ended.Store(true)
			_ = response.Body.Close()
		})
		defer timer.Stop()
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	a := &answer{status: response.StatusCode, header: response.Header, body: body}
	if ended.Load() {
		a.cut, err = true, nil
	}
	if err != nil {
		return &answer{err: fmt.Errorf("the answer ended early: %w", err)}
	}
	if len(body) > maxAnswer {
		a.cut, a.body = true, body[:maxAnswer]
	}
	return a
}

// listen is how long events are listened to.
const listen = time.Second

// isEvents reports whether an answer is a stream of events.
func isEvents(header http.Header) bool {
	return contract.MediaType(header.Get("Content-Type")) == "text/event-stream"
}

// serve calls the handler.
func (t *target) serve(request *http.Request) (a *answer) {
	request.RemoteAddr = "127.0.0.1:1"
	request.RequestURI = request.URL.RequestURI()
	ctx, cancel := context.WithCancel(request.Context())
	defer cancel()
	request = request.WithContext(ctx)
	w := &writer{header: http.Header{}, hangUp: cancel}
	defer func() {
		if p := recover(); p != nil {
			a = &answer{err: fmt.Errorf("the handler panicked: %v", p)}
		}
	}()
	t.handler.ServeHTTP(w, request)
	if err := request.Context().Err(); err != nil && w.status == 0 {
		return &answer{err: err}
	}
	w.WriteHeader(http.StatusOK)
	a = &answer{status: w.status, header: w.sent, body: w.body.Bytes()}
	if a.body != nil && a.header.Get("Content-Type") == "" && len(a.body) > 0 {
		a.header.Set("Content-Type", http.DetectContentType(a.body)) // as net/http does
	}
	if request.Method == http.MethodHead {
		a.body = nil
	}
	if len(a.body) > maxAnswer {
		a.cut, a.body = true, a.body[:maxAnswer]
	}
	return a
}

// writer keeps what a handler answers.
type writer struct {
	header, sent http.Header
	status       int
	body         bytes.Buffer
	hangUp       func() // ends the request
}

// Flush is there for handlers that ask for it: what is written is kept.
func (w *writer) Flush() { w.WriteHeader(http.StatusOK) }

// Header is what will be sent.
func (w *writer) Header() http.Header { return w.header }

// WriteHeader sends the header, the first time.
func (w *writer) WriteHeader(status int) {
	if w.status == 0 && status >= 200 {
		w.status, w.sent = status, w.header.Clone()
		if isEvents(w.sent) { // they need not end
			time.AfterFunc(listen, w.hangUp)
		}
	}
}

// Write keeps the body.
func (w *writer) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(p)
}

// authorizer puts credentials on requests.
type authorizer struct {
	general string            // the Authorization header
	byName  map[string]string // security scheme -> value
	schemes openapi3.SecuritySchemes
	secrets []secret
}

// secret is a text that must not be shown, and what stands in its place.
type secret struct{ text, placeholder string }

func newAuthorizer(o *Options) (*authorizer, error) {
	a := &authorizer{general: o.Authorization, byName: o.Credentials, schemes: o.Document.Contract.SecuritySchemes()}
	for _, name := range slices.Sorted(maps.Keys(o.Credentials)) {
		if a.schemes[name] == nil {
			return nil, mistake("the document has no security scheme %q: it has %s", name, strings.Join(slices.Sorted(maps.Keys(a.schemes)), ", "))
		}
		if !headerSafe(o.Credentials[name]) {
			return nil, mistake("the credential for %s: want printable ASCII", name)
		}
		a.hide(o.Credentials[name])
		a.hide(a.value(name))
	}
	if o.Authorization != "" {
		if !headerSafe(o.Authorization) {
			return nil, mistake("the authorization: want printable ASCII")
		}
		a.hide(o.Authorization)
	}
	for name, values := range o.Header {
		for _, value := range values {
			a.secrets = append(a.secrets, secret{value, "$" + envName(name)})
		}
	}
	slices.SortStableFunc(a.secrets, func(x, y secret) int { return len(y.text) - len(x.text) })
	return a, nil
}

// hide remembers the secret part of a credential.
func (a *authorizer) hide(value string) {
	if _, part, found := strings.Cut(value, " "); found && part != "" {
		value = part
	}
	a.secrets = append(a.secrets, secret{value, "$TOKEN"})
}

// leastSecret is the length from which a text is taken for a secret wherever it
// stands. A shorter one would hide half of every message.
const leastSecret = 4

// scrub replaces secrets in a text.
func (a *authorizer) scrub(text string) string {
	for _, s := range a.secrets {
		if len(s.text) >= leastSecret {
			text = strings.ReplaceAll(text, s.text, s.placeholder)
		}
	}
	return text
}

func envName(header string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			return r
		}
		return '_'
	}, header)
}

// value is what a scheme's credential looks like on the wire.
func (a *authorizer) value(name string) string {
	given, scheme := a.byName[name], a.schemes[name].Value
	if scheme.Type == "apiKey" {
		return given
	}
	kind := "Bearer"
	if scheme.Type == "http" {
		kind = scheme.Scheme
	}
	if before, _, found := strings.Cut(given, " "); found && strings.EqualFold(before, kind) {
		return given
	}
	if strings.EqualFold(kind, "basic") {
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(given))
	}
	if strings.EqualFold(kind, "bearer") {
		kind = "Bearer"
	}
	return kind + " " + given
}

// has reports whether there is a credential for a scheme.
func (a *authorizer) has(name string) bool {
	if a.byName[name] != "" {
		return true
	}
	return a.general != "" && a.inAuthorization(name)
}

func (a *authorizer) inAuthorization(name string) bool {
	ref := a.schemes[name]
	if ref == nil || ref.Value == nil {
		return false
	}
	return ref.Value.Type != "apiKey" || ref.Value.In == "header" && strings.EqualFold(ref.Value.Name, "Authorization")
}

// alternative is the first of an operation's alternatives for which there are all
// credentials.
func (a *authorizer) alternative(op *operation) ([]string, bool) {
	for _, schemes := range op.security {
		if !slices.ContainsFunc(schemes, func(name string) bool { return !a.has(name) }) && len(schemes) > 0 {
			return schemes, true
		}
	}
	return nil, false
}

func (a *authorizer) authorize(r *http.Request, c *call) {
	if c.credential == credentialNone {
		return
	}
	op := c.op
	if op == nil {
		op = c.credentialOf
	}
	if op == nil {
		return
	}
	schemes, ok := a.alternative(op)
	if !ok {
		return
	}
	for _, name := range schemes {
		scheme := a.schemes[name].Value
		value := a.general
		if a.byName[name] != "" {
			value = a.value(name)
		}
		if c.credential == credentialWrong {
			value = wrongAuthorization
			if !a.inAuthorization(name) {
				continue // nothing is known to be wrong
			}
		}
		switch {
		case scheme.Type == "apiKey" && scheme.In == "query":
			query := url.QueryEscape(scheme.Name) + "=" + url.QueryEscape(value)
			if r.URL.RawQuery != "" {
				query = r.URL.RawQuery + "&" + query
			}
			r.URL.RawQuery = query
		case scheme.Type == "apiKey" && scheme.In == "cookie":
			cookie := scheme.Name + "=" + value
			if others := r.Header.Get("Cookie"); others != "" {
				cookie = others + "; " + cookie
			}
			r.Header.Set("Cookie", cookie)
		case scheme.Type == "apiKey":
			r.Header.Set(scheme.Name, value)
		default:
			r.Header.Set("Authorization", value)
		}
	}
}

// wrongAuthorization is a credential of a scheme that nobody has registered. An
// arbitrary secret of the right scheme might be somebody's.
const wrongAuthorization = "Understudy-Wrong-Scheme wrong"
