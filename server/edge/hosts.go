package edge

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Hosts are the names that a server answers to. A page of the internet can make a name
// of its own resolve to this machine (DNS rebinding), and is then of the server's own
// origin to a browser; what it cannot do is call the server by the server's name. The
// zero value is localhost and what is below it, and its addresses.
type Hosts struct {
	any      bool
	listener string       // as in a Host header, port included: what nearly all requests say
	address  netip.Addr   // that is listened on; unspecified for all of the machine
	patterns [][]string   // labels, in lower case
	ips      []netip.Addr // that were named
}

// ParseHosts reads names, separated by commas or spaces: of a machine, an address, or a
// pattern. "*" in a label is any text within it, "*." at the beginning any labels, and
// "*" alone any name at all. bad is the first that is none.
func ParseHosts(list string) (hosts *Hosts, bad string) {
	h := &Hosts{}
	for _, name := range strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' }) {
		if name == "*" {
			h.any = true
			continue
		}
		if ip, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil {
			h.ips = append(h.ips, ip.Unmap())
			continue
		}
		labels := strings.Split(strings.ToLower(name), ".")
		for _, label := range labels {
			if label == "" || strings.ContainsFunc(label, func(r rune) bool {
				return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '_' && r != '*'
			}) {
				return nil, name
			}
		}
		h.patterns = append(h.patterns, labels)
	}
	return h, ""
}

// Listen adds what the server listens on.
func (h *Hosts) Listen(addr net.Addr) {
	if tcp, ok := addr.(*net.TCPAddr); ok {
		h.address, _ = netip.AddrFromSlice(tcp.IP)
		h.address = h.address.Unmap()
		h.listener = addr.String()
	}
}

// Add adds the name of an address with or without a port, such as that of a public URL.
func (h *Hosts) Add(host string) {
	if more, bad := ParseHosts(bare(host)); bad == "" {
		h.patterns, h.ips = append(h.patterns, more.patterns...), append(h.ips, more.ips...)
	}
}

// Has reports whether a request came for a name of the server. One that names nothing,
// as HTTP/1.0 allows and health checks do, came for whoever is there: no browser sends
// it.
func (h *Hosts) Has(r *http.Request) bool {
	if h.any || r.Host == h.listener || r.Host == "" {
		return true
	}
	name := bare(r.Host)
	if name == "localhost" { // likewise, and no address to be tried
		return true
	}
	if ip, err := netip.ParseAddr(name); err == nil {
		return h.hasAddress(ip.Unmap(), r)
	}
	name = strings.TrimSuffix(strings.ToLower(name), ".") // the root, which every name is below
	if name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return true
	}
	if len(h.patterns) == 0 {
		return false
	}
	labels := strings.Split(name, ".")
	for _, pattern := range h.patterns {
		if fits(pattern, labels) {
			return true
		}
	}
	return false
}

func (h *Hosts) hasAddress(ip netip.Addr, r *http.Request) bool {
	if ip == h.address && !ip.IsUnspecified() || ip == netip.IPv6Loopback() || ip == netip.AddrFrom4([4]byte{127, 0, 0, 1}) {
		return true
	}
	if slices.Contains(h.ips, ip) {
		return true
	}
	if !h.address.IsUnspecified() {
		return false
	}
	// All addresses of the machine are listened on: the one that was reached is one.
	local, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	if !ok {
		return false
	}
	reached, _ := netip.AddrFromSlice(local.IP)
	return ip == reached.Unmap()
}

// bare is a host without its port and brackets; one that is malformed stays as it is.
func bare(host string) string {
	if rest, v6 := strings.CutPrefix(host, "["); v6 {
		name, port, closed := strings.Cut(rest, "]")
		if closed && (port == "" || isPort(port)) {
			return name
		}
		return host
	}
	if i := strings.LastIndexByte(host, ':'); i >= 0 && isPort(host[i:]) && strings.IndexByte(host, ':') == i {
		return host[:i]
	}
	return host
}

func isPort(text string) bool {
	return text[0] == ':' && strings.Trim(text[1:], "0123456789") == ""
}

// fits compares a name with a pattern, label by label.
func fits(pattern, labels []string) bool {
	if pattern[0] == "*" && len(labels) >= len(pattern) {
		pattern = pattern[1:]
		labels = labels[len(labels)-len(pattern):]
	}
	if len(pattern) != len(labels) {
		return false
	}
	for i := range pattern {
		if !glob(pattern[i], labels[i]) {
			return false
		}
	}
	return true
}

// glob compares a label with one in which "*" is any text.
func glob(pattern, label string) bool {
	first, rest, star := strings.Cut(pattern, "*")
	if !star {
		return pattern == label
	}
	if !strings.HasPrefix(label, first) {
		return false
	}
	label = label[len(first):]
	for {
		part, more, again := strings.Cut(rest, "*")
		if !again {
			return strings.HasSuffix(label, part)
		}
		i := strings.Index(label, part)
		if i < 0 {
			return false
		}
		label, rest = label[i+len(part):], more
	}
}
