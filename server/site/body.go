package site

import (
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/understudy-api/understudy/server/contract"
)

var errBodyTooLarge = errors.New("the body exceeds the limit")

// errBusy says that there is no room for a body now.
var errBusy = errors.New("too much is being read")

// requestBody is the body of the request being served.
type requestBody struct {
	body    []byte // all of it, or the beginning of file
	bodyErr error
	file    *os.File // of a body that is larger than what memory is to hold
	size    int64    // of the body, in bytes
	taken   int64    // bytes of the gate that body takes
	pass    pass     // leave to judge it
}

// close lets go of the body.
func (b *requestBody) close(g *Gate) {
	if b.file != nil {
		_ = b.file.Close() // it has no name any more
	}
	b.pass.leave()
	g.release(b.taken)
	b.taken = 0
}

// readRequest reads the whole body within the operation's limit. What exceeds it is
// read on and dropped for a while, so that a client that sends first and reads later
// can read the answer.
func (v *visit) readRequest(r *http.Request, op *contract.Operation) {
	if r.Body == nil || r.Body == http.NoBody {
		return
	}
	held := v.site.limits.Body
	limit, toFile := held, false
	if op != nil {
		limit = op.MaxBody(held)
		toFile = limit > held && op.Spools(r.Header.Get("Content-Type"))
	}
	if !toFile {
		held = limit
	}
	if r.ContentLength > limit {
		v.drain(r) // of what is too large nothing is asked for
		v.bodyErr = errBodyTooLarge
		return
	}
	from := &pacedBody{body: r.Body, control: http.NewResponseController(v.answer.w), limits: &v.site.limits, size: limit, chunked: r.ContentLength < 0}
	v.body, v.bodyErr = v.readBody(from, r.ContentLength, held)
	v.size = int64(len(v.body))
	switch {
	case v.bodyErr != nil:
		v.body, v.size = nil, 0
	case v.size > held && toFile:
		v.bodyErr = v.spool(from, limit)
	case v.size > held:
		v.body, v.size, v.bodyErr = nil, 0, errBodyTooLarge
	}
	switch {
	case v.bodyErr == nil:
		from.done()
	case errors.Is(v.bodyErr, errBodyTooLarge), errors.Is(v.bodyErr, errBusy):
		v.drain(r)
	default: // whatever comes now is not the next request
		v.answer.w.Header().Set("Connection", "close")
	}
	v.exchange.RequestBody, v.exchange.RequestSize = v.body, v.size
}

// firstRead is the size of the buffer that a body begins with, in bytes: what a client
// announces is not what it sends.
const firstRead = 4 << 10

// readAtOnce is how much has to come in the time for progress, in bytes: of a chunk,
// net/http reads as much as it is asked for.
const readAtOnce = 32 << 10

// readBody reads the body into memory: all of it, or one byte more than that is to
// hold. The buffer grows as bytes come.
func (v *visit) readBody(from io.Reader, announced, held int64) ([]byte, error) {
	largest := held + 1
	if announced >= 0 {
		largest = min(largest, announced)
	}
	var body []byte
	for {
		if len(body) == cap(body) {
			if int64(len(body)) == largest {
				return body, nil
			}
			size := min(max(4*int64(cap(body)), firstRead), largest)
			if !v.site.gate.hold(size - int64(cap(body))) {
				return nil, errBusy
			}
			v.taken += size - int64(cap(body))
			grown := make([]byte, len(body), size)
			copy(grown, body)
			body = grown
		}
		n, err := from.Read(body[len(body):min(cap(body), len(body)+readAtOnce)])
		body = body[:len(body)+n]
		if err == io.EOF {
			return body, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// pacedBody reads a body that has to keep coming: a while after the last of it, and a
// while in all, the connection is given up. The whole is more for a large body.
type pacedBody struct {
	body    io.Reader
	control *http.ResponseController
	limits  *Limits
	size    int64     // that the body may have
	chunked bool      // so that the first bytes may be many
	until   time.Time // all of it has to be there; zero before the first read
	set     time.Time // when the connection was told of a deadline; zero for never
}

// slowest is how slowly the bytes of a large body may come, in bytes a second.
const slowest = 64 << 10

// Read reads what comes. The deadline of the server holds for the first bytes, which
// are nearly always all there are.
func (p *pacedBody) Read(b []byte) (int, error) {
	if p.until.IsZero() {
		p.until = time.Now().Add(p.limits.BodyTime + time.Duration(p.size/slowest)*time.Second)
		if !p.chunked {
			return p.body.Read(b)
		}
	}
	if now := time.Now(); now.Sub(p.set) > p.limits.Progress/16 {
		next := now.Add(p.limits.Progress)
		if next.After(p.until) {
			next = p.until
		}
		// It cannot be set on a recorder; then there is nothing to wait for.
		_ = p.control.SetReadDeadline(next)
		p.set = now
	}
	return p.body.Read(b)
}

// done gives the answer the time that the server gives a request.
func (p *pacedBody) done() {
	if !p.set.IsZero() {
		_ = p.control.SetReadDeadline(time.Now().Add(p.limits.BodyTime))
	}
}

// spool puts a body, of which the beginning was read, into a file without a name.
func (v *visit) spool(from io.Reader, limit int64) error {
	file, err := os.CreateTemp("", "understudy-body-")
	if err != nil {
		return err
	}
	v.file = file
	_ = os.Remove(file.Name()) // where an open file cannot be removed it stays until the system clears it
	if _, err = file.Write(v.body); err != nil {
		return err
	}
	n, err := io.Copy(file, io.LimitReader(from, limit+1-v.size))
	if v.size += n; err != nil {
		return err
	}
	if v.size > limit {
		return errBodyTooLarge
	}
	v.body = append([]byte(nil), v.body[:min(len(v.body), maxKept)]...)
	v.site.gate.release(v.taken - int64(len(v.body)))
	v.taken = int64(len(v.body))
	return nil
}

// drain reads a body that is not wanted to its end, for a while. If it does not end, the
// connection does: nobody waits for the rest.
func (v *visit) drain(r *http.Request) {
	if r.Body == nil || r.Body == http.NoBody {
		return
	}
	s, w := v.site, v.answer.w
	if strings.EqualFold(r.Header.Get("Expect"), "100-continue") {
		// The client waits to be told: nothing is on its way that had to be read.
		w.Header().Set("Connection", "close")
		return
	}
	control := http.NewResponseController(w)
	// Neither deadline can be set on a recorder; then there is nothing to wait for.
	_ = control.SetReadDeadline(time.Now().Add(s.limits.DrainTime))
	n, err := io.CopyN(io.Discard, r.Body, s.limits.Drain)
	if errors.Is(err, io.EOF) && n < s.limits.Drain {
		_ = control.SetReadDeadline(time.Now().Add(s.limits.BodyTime))
		return
	}
	w.Header().Set("Connection", "close")
	_ = control.SetReadDeadline(time.Now()) // or the server would read on by itself
}

// handOver is the request as the generated code gets it: with the body that was
// judged.
func (v *visit) handOver(r *http.Request, j *contract.Judged) *http.Request {
	r = v.exchange.Operation.Fit(r, j)
	switch value := j.Served(); {
	case v.file != nil:
		r.Body = io.NopCloser(io.NewSectionReader(v.file, 0, v.size))
	case value != nil:
		r.Body = &validatedBody{bytesBody: bytesBody{rest: j.Body}, value: value}
	case len(j.Body) > 0:
		r.Body = newBytesBody(j.Body)
	default:
		r.Body = http.NoBody
	}
	return r
}

// bodyless reports whether a body of the method means nothing (RFC 9110, section
// 9.3.1), so that nothing about it is reason to refuse.
func bodyless(method string) bool { return method == http.MethodGet || method == http.MethodHead }

// busy refuses a request because others take what there is.
func busy(err error) *Refusal { return &Refusal{Kind: KindUnavailable, RetryAfter: 1, Err: err} }

func (s *Site) bodyRefusal(op *contract.Operation, err error) *Refusal {
	var tooLarge *http.MaxBytesError
	if errors.Is(err, errBodyTooLarge) || errors.As(err, &tooLarge) {
		return &Refusal{Kind: KindTooLarge, Violations: []contract.Violation{op.BodyTooLarge(op.MaxBody(s.limits.Body))}}
	}
	if errors.Is(err, errBusy) {
		return busy(err)
	}
	if _, ours := errors.AsType[*os.PathError](err); ours {
		return &Refusal{Kind: KindUnavailable, RetryAfter: 1, Err: err} // no room for a file
	}
	return &Refusal{Kind: KindInvalid, Err: err, Violations: []contract.Violation{op.BodyBroken()}}
}
