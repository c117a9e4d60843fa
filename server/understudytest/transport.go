package understudytest

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"github.com/understudy-api/understudy/server/site"
)

// call is what the exchange of a request knows of who made it: a site.Exchange's Origin.
type call struct {
	of    *Understudy
	stack []uintptr
}

// testHeader is the header by which a request says which test makes it.
const testHeader = "Understudy-Test"

// address is the address that requests within the process come from.
const address = "127.0.0.1:0"

// RoundTrip makes a request of the stand-in within the process. It is an
// [http.RoundTripper], for clients that take a transport.
func (u *Understudy) RoundTrip(r *http.Request) (*http.Response, error) {
	host := r.URL.Hostname()
	if !u.server.serves(host) && !u.server.listens(r.URL.Host) {
		if u.server.options.elsewhere != nil {
			return u.server.options.elsewhere.RoundTrip(r)
		}
		closeBody(r)
		return nil, fmt.Errorf("understudytest: %s is no host that is stood in for: name it with understudytest.Hosts, or let it through with understudytest.Elsewhere", host)
	}
	if u.over() {
		closeBody(r)
		return nil, errors.New("understudytest: the test has ended, and its stand-in with it")
	}
	if err := r.Context().Err(); err != nil {
		closeBody(r)
		return nil, err
	}
	stack := make([]uintptr, 64)
	stack = stack[:runtime.Callers(2, stack)]
	received, err := receive(r)
	if err != nil {
		return nil, err
	}
	if received.Header.Get(testHeader) == "" {
		received.Header.Set(testHeader, u.name)
	}
	w := &recorder{header: http.Header{}}
	w.serve(u.server.handler, received.WithContext(site.WithOrigin(r.Context(), &call{of: u, stack: stack})))
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	return w.response(r)
}

func closeBody(r *http.Request) {
	if r.Body != nil {
		_ = r.Body.Close()
	}
}

// receive is a request as a server reads it: it goes over a wire of bytes, so that nothing
// is let through which HTTP would not carry.
func receive(r *http.Request) (*http.Request, error) {
	var wire bytes.Buffer
	if err := r.Write(&wire); err != nil { // it closes the body
		return nil, err
	}
	received, err := http.ReadRequest(bufio.NewReader(&wire))
	if err != nil {
		return nil, fmt.Errorf("understudytest: %w", err)
	}
	received.RemoteAddr = address
	if r.URL.Scheme == "https" { // addresses in answers begin as the request's does
		received.TLS = &tls.ConnectionState{HandshakeComplete: true, ServerName: r.URL.Hostname()}
	}
	return received, nil
}

// recorder takes an answer.
type recorder struct {
	header http.Header // until it is written
	sent   http.Header
	status int
	body   bytes.Buffer
	broken error // why the answer ends early
}

// errReset is what a client sees of a connection that is reset.
var errReset = &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)}

// serve has a handler answer.
func (w *recorder) serve(handler http.Handler, r *http.Request) {
	defer func() {
		if p := recover(); p != nil {
			if p != http.ErrAbortHandler { //nolint:errorlint // a sentinel by identity
				panic(p) //nolint:forbidigo // it is not ours to keep
			}
			if w.broken == nil {
				w.broken = io.ErrUnexpectedEOF
			}
		}
	}()
	handler.ServeHTTP(w, r)
}

// Header gives the headers of the answer.
func (w *recorder) Header() http.Header { return w.header }

// WriteHeader sends the status and the headers.
func (w *recorder) WriteHeader(status int) {
	if w.status == 0 {
		w.status, w.sent = status, w.header.Clone()
	}
}

// Write sends a part of the body.
func (w *recorder) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK) // unless one was written
	return w.body.Write(p)
}

// Flush does nothing: the answer is handed over as a whole.
func (*recorder) Flush() {}

// Hijack takes the connection away, which ends the answer.
func (w *recorder) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	w.broken = io.ErrUnexpectedEOF
	return &taken{of: w}, nil, nil
}

// taken is a connection of which only the end is of use.
type taken struct {
	net.Conn

	of *recorder
}

// SetLinger makes the end abrupt, as of TCP.
func (c *taken) SetLinger(sec int) error {
	if sec == 0 {
		c.of.broken = errReset
	}
	return nil
}

// Close ends nothing more.
func (*taken) Close() error { return nil }

// response is the answer as a client gets it.
func (w *recorder) response(r *http.Request) (*http.Response, error) {
	if w.broken != nil && w.status == 0 {
		if errors.Is(w.broken, io.ErrUnexpectedEOF) {
			return nil, io.EOF // as net/http says it of a connection that is closed
		}
		return nil, w.broken
	}
	w.WriteHeader(http.StatusOK) // unless one was written
	if w.sent.Get("Date") == "" {
		w.sent.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	}
	answer := &http.Response{
		Status: strconv.Itoa(w.status) + " " + http.StatusText(w.status), StatusCode: w.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: w.sent, Request: r,
		ContentLength: int64(w.body.Len()),
	}
	text := w.body.Bytes()
	if length, err := strconv.ParseInt(w.sent.Get("Content-Length"), 10, 64); err == nil {
		answer.ContentLength = length
		if r.Method != http.MethodHead && length > int64(len(text)) && w.broken == nil {
			w.broken = io.ErrUnexpectedEOF
		}
	}
	if r.Method == http.MethodHead {
		text = nil
	}
	answer.Body = io.NopCloser(io.MultiReader(bytes.NewReader(text), ending{w.broken}))
	return answer, nil
}

// ending is the end of a body.
type ending struct{ err error }

// Read gives the end.
func (e ending) Read([]byte) (int, error) {
	if e.err != nil {
		return 0, e.err
	}
	return 0, io.EOF
}
