package site

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// BaseURL is where the client of a request reaches the server, without a final slash:
// what addresses in an answer begin with. It is the public URL that the site was
// given, else what the request came for, as Starlette builds it. uvicorn believes a
// proxy on this machine about the scheme, and no other.
func BaseURL(r *http.Request) string {
	if v := visitOf(r.Context()); v != nil && v.site.publicURL != "" {
		return v.site.publicURL
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	if peer, err := netip.ParseAddrPort(r.RemoteAddr); err == nil && peer.Addr().IsLoopback() {
		if told := strings.TrimSpace(r.Header.Get("X-Forwarded-Proto")); told == "http" || told == "https" {
			scheme = told
		}
	}
	host := r.Host
	if host == "" { // HTTP/1.0
		if local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
			host = local.String()
		}
	}
	return scheme + "://" + host
}

// BaseURLFrom is the [BaseURL] of the request being served; "" outside of one.
func BaseURLFrom(ctx context.Context) string {
	if v := visitOf(ctx); v != nil {
		return BaseURL(v.answer.request)
	}
	return ""
}
