package verify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

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
			DisableCompression: true, Proxy: http.ProxyFromEnvironment, TLSClientConfig: o.TLS, ForceAttemptHTTP2: true,
			DialContext: (&net.Dialer{Timeout: o.Timeout}).DialContext,
		}
		if o.Proxy != nil {
			transport.Proxy = http.ProxyURL(o.Proxy)
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
	a := t.exchange(request, c.patience())
	if a.endless {
		c.listened()
	}
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
	// Compressed answers would be right, too; what is judged is what they say.
	header := http.Header{"User-Agent": {"understudy-verify"}, "Accept": {"*/*"}, "Accept-Encoding": {"identity"}}
	maps.Copy(header, t.header)
	maps.Copy(header, c.header)
	request := &http.Request{
		Method: c.method, URL: &u, Host: u.Host, Header: header, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
	if host := header.Get("Host"); host != "" {
		request.Host = host
	}
	t.auth.authorize(request, c)
	if len(c.body) > 0 {
		request.Body = io.NopCloser(bytes.NewReader(c.body))
		request.ContentLength = int64(len(c.body))
		request.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(c.body)), nil }
	} else {
		request.Body = http.NoBody // with Content-Length: 0 where a body is usual
	}
	return request.WithContext(ctx), nil
}

// exchange sends a request. Events that do not end are listened to for a while.
func (t *target) exchange(request *http.Request, patience time.Duration) *answer {
	if t.handler != nil {
		return t.serve(request, patience)
	}
	response, err := t.roundTrip(request)
	if err != nil {
		if inner, ok := errors.AsType[*url.Error](err); ok {
			err = inner.Err // without the address
		}
		return &answer{err: err}
	}
	defer response.Body.Close()
	var ended atomic.Bool
	if isEvents(response.Header) { // they need not end
		timer := time.AfterFunc(patience, func() {
			ended.Store(true)
			_ = response.Body.Close()
		})
		defer timer.Stop()
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	a := &answer{status: response.StatusCode, header: response.Header, body: body}
	if ended.Load() {
		a.cut, a.endless, err = true, true, nil
	}
	if err != nil {
		return &answer{err: fmt.Errorf("the answer ended early: %w", err)}
	}
	if len(body) > maxAnswer {
		a.cut, a.body = true, body[:maxAnswer]
	}
	return a
}

// roundTrip sends a request, and once more where it went out on a connection that the
// server had closed meanwhile: that is nobody's mistake (RFC 9112, section 9.6).
func (t *target) roundTrip(request *http.Request) (*http.Response, error) {
	reused := false
	traced := httptrace.WithClientTrace(request.Context(), &httptrace.ClientTrace{GotConn: func(c httptrace.GotConnInfo) { reused = c.Reused }})
	response, err := t.client.Do(request.WithContext(traced))
	if err == nil || !reused || request.Context().Err() != nil || !closed(err) {
		return response, err
	}
	again := request.Clone(request.Context())
	again.Close = true
	if request.GetBody != nil {
		if again.Body, err = request.GetBody(); err != nil {
			return nil, err
		}
	}
	return t.client.Do(again)
}

// closed reports whether an error is that of a connection that the other end closed
// before it answered.
func closed(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) ||
		strings.Contains(err.Error(), "server closed idle connection")
}

// How long events are listened to, until an operation was seen to have some that do not
// end, and from then on.
const (
	listen       = 250 * time.Millisecond
	listenAgain  = 20 * time.Millisecond
	enoughEvents = 3 // that were listened to for long
)

// patience is how long the answer to a call is listened to if it is one of events.
func (c *call) patience() time.Duration {
	if c.op != nil && c.op.endless.Load() >= enoughEvents {
		return listenAgain
	}
	return listen
}

// listened remembers that an operation has events that do not end.
func (c *call) listened() {
	if c.op != nil {
		c.op.endless.Add(1)
	}
}

// streams are media types of answers that need not end.
var streams = []string{
	"text/event-stream", "application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines",
	"application/json-seq", "application/stream+json", "multipart/x-mixed-replace",
}

// isEvents reports whether an answer is a stream of events.
func isEvents(header http.Header) bool {
	return slices.Contains(streams, contract.MediaType(header.Get("Content-Type")))
}

// serve calls the handler.
func (t *target) serve(request *http.Request, patience time.Duration) (a *answer) {
	request.RemoteAddr = "127.0.0.1:1"
	request.RequestURI = request.URL.RequestURI()
	ctx, cancel := context.WithCancel(request.Context())
	defer cancel()
	request = request.WithContext(ctx)
	w := &writer{header: http.Header{}, hangUp: cancel, patience: patience}
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
	a = &answer{status: w.status, header: w.sent, body: w.body.Bytes(), endless: isEvents(w.sent) && ctx.Err() != nil}
	a.cut = a.endless
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
	patience     time.Duration
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
			time.AfterFunc(w.patience, w.hangUp)
		}
	}
}

// Write keeps the body.
func (w *writer) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(p)
}
