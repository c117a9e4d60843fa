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

// requestBody is the body of the request being served.
type requestBody struct {
	body    []byte // all of it, or the beginning of file
	bodyErr error
	file    *os.File // of a body that is larger than what memory is to hold
	size    int64    // of the body, in bytes
}

// close lets go of the body.
func (b *requestBody) close() {
	if b.file != nil {
		_ = b.file.Close() // it has no name any more
	}
}

// readRequest reads the whole body within the operation's limit. What exceeds it is
// read on and dropped for a while, so that a client that sends first and reads later
// can read the answer.
func (v *visit) readRequest(r *http.Request, op *contract.Operation) {
	v.requestBody = requestBody{}
	held := v.site.limits.Body
	limit, toFile := held, false
	if op != nil {
		limit = op.MaxBody(held)
		toFile = limit > held && op.Spools(r.Header.Get("Content-Type"))
	}
	if !toFile {
		held = limit
	}
	if toFile && r.ContentLength > limit {
		v.site.drain(v.answer.w, r) // of what is too large nothing is asked for
		v.bodyErr = errBodyTooLarge
		return
	}
	v.body, v.bodyErr = v.site.readBody(v.answer.w, r, held, toFile)
	v.size = int64(len(v.body))
	if toFile && v.bodyErr == nil && v.size > held {
		v.bodyErr = v.spool(r, limit)
	}
	v.exchange.RequestBody, v.exchange.RequestSize = v.body, v.size
}

// readBody reads the body as far as memory is to hold it: all of it, or one byte
// more than that if the rest goes to a file.
func (s *Site) readBody(w http.ResponseWriter, r *http.Request, held int64, toFile bool) ([]byte, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	if r.ContentLength <= held || toFile {
		var body []byte
		var err error
		if n := r.ContentLength; n > 0 && n <= held {
			body = make([]byte, n)
			_, err = io.ReadFull(r.Body, body)
		} else {
			body, err = io.ReadAll(io.LimitReader(r.Body, held+1))
		}
		if err != nil {
			return nil, err
		}
		if toFile || int64(len(body)) <= held {
			return body, nil
		}
	}
	s.drain(w, r)
	return nil, errBodyTooLarge
}

// spool puts a body, of which the beginning was read, into a file without a name.
func (v *visit) spool(r *http.Request, limit int64) error {
	file, err := os.CreateTemp("", "understudy-body-")
	if err != nil {
		return err
	}
	v.file = file
	_ = os.Remove(file.Name()) // where an open file cannot be removed it stays until the system clears it
	if _, err = file.Write(v.body); err != nil {
		return err
	}
	n, err := io.Copy(file, io.LimitReader(r.Body, limit+1-v.size))
	if v.size += n; err != nil {
		return err
	}
	if v.size > limit {
		v.site.drain(v.answer.w, r)
		return errBodyTooLarge
	}
	v.body = append([]byte(nil), v.body[:min(len(v.body), maxKept)]...)
	return nil
}

// drain reads a body that is too large to its end, for a while.
func (s *Site) drain(w http.ResponseWriter, r *http.Request) {
	if strings.EqualFold(r.Header.Get("Expect"), "100-continue") {
		// The client waits to be told: nothing is on its way that had to be read.
		w.Header().Set("Connection", "close")
		return
	}
	control := http.NewResponseController(w)
	// Neither deadline can be set on a recorder; then there is nothing to wait for.
	_ = control.SetReadDeadline(time.Now().Add(s.limits.DrainTime))
	n, err := io.CopyN(io.Discard, r.Body, s.limits.Drain)
	if err == nil && n == s.limits.Drain {
		w.Header().Set("Connection", "close")
	}
	_ = control.SetReadDeadline(time.Time{})
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

func (s *Site) bodyRefusal(op *contract.Operation, err error) *Refusal {
	var tooLarge *http.MaxBytesError
	if errors.Is(err, errBodyTooLarge) || errors.As(err, &tooLarge) {
		return &Refusal{Kind: KindTooLarge, Violations: []contract.Violation{op.BodyTooLarge(op.MaxBody(s.limits.Body))}}
	}
	if _, ours := errors.AsType[*os.PathError](err); ours {
		return &Refusal{Kind: KindUnavailable, RetryAfter: 1, Err: err} // no room for a file
	}
	return &Refusal{Kind: KindInvalid, Err: err, Violations: []contract.Violation{op.BodyBroken()}}
}
