package app

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"

	"github.com/understudy-api/understudy/server/brms"
)

// outgoing is the transport of the requests that decisions make.
type outgoing struct {
	allowed bool // to anywhere that is public
	local   bool // to loopback, private and link-local addresses too
	dialed  http.RoundTripper
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
	ip := to.Addr().Unmap()
	if !o.local && (!ip.IsGlobalUnicast() || ip.IsPrivate() || shared.Contains(ip)) {
		return fmt.Errorf("%w; to this machine and its network: --allow-outgoing-local", brms.ErrOutgoing)
	}
	return nil
}

// shared are the addresses between a provider and its customers (RFC 6598), which lead
// to machines of the network, such as those with the credentials of a cloud.
var shared = netip.MustParsePrefix("100.64.0.0/10")

// RoundTrip makes a request if it may go out.
func (o *outgoing) RoundTrip(r *http.Request) (*http.Response, error) {
	if !o.allowed && !o.local {
		return nil, brms.ErrOutgoing
	}
	return o.dialed.RoundTrip(r)
}
