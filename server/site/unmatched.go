package site

import (
	"net/http"
	"slices"
	"strings"
)

// unmatched answers a request that no route matched.
func (s *Site) unmatched(_ http.ResponseWriter, r *http.Request) {
	v := visitOf(r.Context())
	v.attribute(r)
	if v.exchange.Workspace != "" {
		v.readRequest(r, nil) // for the record
	} else {
		v.drain(r)
	}
	var allow []string
	unserved := s.document.Unserved(v.exchange.Method, r.URL.Path) != ""
	if !unserved {
		allow = s.routes.allowed(r)
	}
	other := ""
	// A path that ends in an empty parameter was hardly meant.
	if !unserved && (len(allow) == 0 || s.document.EmptyParameter() && strings.HasSuffix(r.URL.Path, "/")) {
		flipped := *r
		u := *r.URL
		if strings.HasSuffix(u.Path, "/") {
			u.Path = strings.TrimRight(u.Path, "/")
		} else {
			u.Path += "/"
		}
		u.RawPath, u.ForceQuery = "", false // no "?" with nothing behind it
		flipped.URL = &u
		if u.Path != "" {
			if declared := s.routes.allowed(&flipped); len(declared) > 0 && (len(allow) == 0 || slices.Contains(declared, r.Method)) {
				allow, other = nil, u.RequestURI()
			}
		}
	}
	asked := *r
	asked.Method = v.exchange.Method // HEAD is routed as GET, and not matched as HEAD
	refusal := s.api.Unmatched(&asked, allow, other)
	refusal.Violations = append(refusal.Violations, s.document.UnmatchedViolation(&asked, allow, other))
	v.refuse(r, refusal)
}
