package edge

import (
	"cmp"
	"net/http"
	"strings"
)

// Foreign says what page a request comes from, where it is neither one of the server's
// own nor of an origin that is let in by name; "" for any other request, such as those
// of programs. Both of what browsers tell is held against it: the header Origin (RFC
// 6454) and Sec-Fetch-Site (W3C, Fetch Metadata), which no page can set.
func Foreign(r *http.Request, publicURL string, allowed []string) string {
	named := false
	for _, origin := range r.Header["Origin"] {
		if named = ownOrigin(origin, r.Host, publicURL) || letIn(origin, allowed); !named {
			return cmp.Or(origin, "a page of no origin")
		}
	}
	for _, site := range r.Header["Sec-Fetch-Site"] {
		if site != "same-origin" && site != "none" && !named {
			return "a page elsewhere (" + site + ")"
		}
	}
	return ""
}

// ownOrigin reports whether an origin is that of the server, as the request named it.
func ownOrigin(origin, host, publicURL string) bool {
	scheme, name, ok := strings.Cut(origin, "://")
	if !ok || scheme != "http" && scheme != "https" {
		return false
	}
	if strings.EqualFold(name, host) {
		return true
	}
	public, rest, _ := strings.Cut(publicURL, "://")
	publicHost, _, _ := strings.Cut(rest, "/")
	return public != "" && strings.EqualFold(origin, public+"://"+publicHost)
}

// letIn reports whether an origin is allowed by name; "*" lets none into what it guards.
func letIn(origin string, allowed []string) bool {
	for _, name := range allowed {
		if name != "*" && strings.EqualFold(name, origin) {
			return true
		}
	}
	return false
}
