package databases

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"strings"

	"github.com/understudy-api/understudy/server/datadiff"
	"github.com/understudy-api/understudy/server/datafold"
)

// Allowed are the hosts that data sources may name.
type Allowed struct {
	names    []string // in lower case, or "*"
	networks []*net.IPNet
	paths    []string // of sockets
}

// ParseAllowed reads hosts, networks and paths, separated by commas. Loopback is always
// among them.
func ParseAllowed(text string) (a Allowed, bad string) {
	for _, loopback := range []string{"127.0.0.0/8", "::1/128"} {
		_, network, err := net.ParseCIDR(loopback)
		if err == nil { // a constant
			a.networks = append(a.networks, network)
		}
	}
	for word := range strings.SplitSeq(text, ",") {
		word = strings.TrimSpace(word)
		switch {
		case word == "":
			if text != "" {
				return a, text
			}
		case filepath.IsAbs(word):
			a.paths = append(a.paths, filepath.Clean(word))
		case strings.Contains(word, "/"):
			_, network, err := net.ParseCIDR(word)
			if err != nil {
				return a, word
			}
			a.networks = append(a.networks, network)
		case net.ParseIP(word) != nil:
			ip := net.ParseIP(word)
			bits := 8 * len(ip)
			a.networks = append(a.networks, &net.IPNet{IP: ip, Mask: net.CIDRMask(bits, bits)})
		case strings.ContainsAny(word, " :"):
			return a, word
		default:
			a.names = append(a.names, strings.ToLower(word))
		}
	}
	return a, ""
}

// Check refuses a host that is not allowed.
func (a *Allowed) Check(ctx context.Context, host string) error {
	if filepath.IsAbs(host) {
		if a.socket(host) {
			return nil
		}
		return datafold.NotAllowed("the socket is not among what --allow-database names")
	}
	_, err := a.resolve(ctx, host)
	return err
}

func (a *Allowed) socket(path string) bool {
	path = filepath.Clean(path)
	for _, p := range a.paths {
		if path == p || strings.HasPrefix(path, strings.TrimSuffix(p, "/")+"/") {
			return true
		}
	}
	return false
}

func (a *Allowed) named(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	for _, name := range a.names {
		if name == "*" || name == host {
			return true
		}
	}
	return false
}

// resolve gives the addresses of a host that may be reached: all of one that was named,
// else those in a network that was.
func (a *Allowed) resolve(ctx context.Context, host string) ([]net.IP, error) {
	found, err := net.DefaultResolver.LookupIPAddr(ctx, host)
	if err != nil {
		if !a.named(host) && net.ParseIP(host) == nil {
			return nil, datafold.NotAllowed("the host %s is not among what --allow-database names", host)
		}
		return nil, &datadiff.Error{Kind: datadiff.Unreachable, Value: "the host of the database is not known"}
	}
	var ips []net.IP
	for _, f := range found {
		within := a.named(host)
		for _, network := range a.networks {
			within = within || network.Contains(f.IP)
		}
		if within {
			ips = append(ips, f.IP)
		}
	}
	if len(ips) == 0 {
		return nil, datafold.NotAllowed("the host %s is not among what --allow-database names", host)
	}
	return ips, nil
}

// Dial connects to an address if it is allowed: to what the name means now, and not to
// what it may mean a moment later.
func (a *Allowed) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	var d net.Dialer
	if network == "unix" {
		if !a.socket(address) {
			return nil, datafold.NotAllowed("the socket is not among what --allow-database names")
		}
		return d.DialContext(ctx, network, address)
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	ips, err := a.resolve(ctx, host)
	if err != nil {
		return nil, err
	}
	var last error
	for _, ip := range ips {
		c, err := d.DialContext(ctx, "tcp", net.JoinHostPort(ip.String(), port))
		if err == nil {
			return c, nil
		}
		last = err
	}
	return nil, fmt.Errorf("connect: %w", last)
}
