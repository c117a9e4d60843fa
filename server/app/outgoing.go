package app

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"
	"time"

	"github.com/understudy-api/understudy/server/brms"
	"github.com/understudy-api/understudy/server/site"
	"github.com/understudy-api/understudy/server/webhook"
)

// outgoing is the transport of the requests that decisions make.
type outgoing struct {
	allowed bool // to anywhere that is public
	local   bool // to loopback, private and link-local addresses too
	dialed  http.RoundTripper
	// steer says what is done to a request of a workspace instead; nil for nothing.
	steer func(ctx context.Context, workspace, method string, to *url.URL) (*site.Force, error)
	// wait waits for a delay; nil waits by the real clock.
	wait func(ctx context.Context, delay time.Duration)
}

func newOutgoing(allowed, local bool) *outgoing {
	o := &outgoing{allowed: allowed, local: local}
	// The address is looked at once it is resolved, for each connection: a name may
	// lead anywhere, and elsewhere the next time.
	dialer := &net.Dialer{Timeout: 10 * time.Second, ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
		return o.permit(address)
	}}
	o.dialed = &http.Transport{
		DialContext: dialer.DialContext, ForceAttemptHTTP2: true, MaxIdleConns: 20,
		IdleConnTimeout: time.Minute, TLSHandshakeTimeout: 10 * time.Second, MaxResponseHeaderBytes: 1 << 20,
	}
	return o
}

// permit refuses an address, resolved and with its port, that requests may not go to.
func (o *outgoing) permit(address string) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: the address cannot be read", brms.ErrOutgoing)
	}
	if !o.local && !webhook.Public(to.Addr()) {
		return fmt.Errorf("%w; to this machine and its network: --allow-outgoing-local", brms.ErrOutgoing)
	}
	return nil
}

// RoundTrip makes a request if it may go out.
func (o *outgoing) RoundTrip(r *http.Request) (*http.Response, error) {
	if answer, err := o.forced(r); answer != nil || err != nil {
		return answer, err
	}
	if !o.allowed && !o.local {
		return nil, brms.ErrOutgoing
	}
	return o.dialed.RoundTrip(r)
}

// forced is the answer that a fault gives; nil if none does.
func (o *outgoing) forced(r *http.Request) (*http.Response, error) {
	workspace := site.PrincipalFrom(r.Context()).Workspace
	if o.steer == nil || workspace == "" {
		return nil, nil //nolint:nilnil // no answer is no error
	}
	force, err := o.steer(r.Context(), workspace, r.Method, r.URL)
	if err != nil || force == nil {
		return nil, err
	}
	if force.Delay > 0 {
		wait := o.wait
		if wait == nil {
			wait = sleep
		}
		if wait(r.Context(), force.Delay); r.Context().Err() != nil {
			return nil, r.Context().Err()
		}
	}
	switch {
	case force.Connection != "":
		return nil, fmt.Errorf("read: %w", syscall.ECONNRESET)
	case force.Status == 0:
		return nil, nil //nolint:nilnil // it goes out, later
	}
	header := http.Header{}
	if force.Body != nil {
		header.Set("Content-Type", "application/json")
	}
	for name, text := range force.Header {
		header.Set(name, text)
	}
	return &http.Response{
		Status: fmt.Sprint(force.Status, " ", http.StatusText(force.Status)), StatusCode: force.Status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header, Body: io.NopCloser(bytes.NewReader(force.Body)), ContentLength: int64(len(force.Body)), Request: r,
	}, nil
}

// sleep waits for a delay, or until the context ends.
func sleep(ctx context.Context, delay time.Duration) {
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
