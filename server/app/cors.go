package app

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/rs/cors"

	"github.com/understudy-api/understudy/server/site"
)

// corsMaxAge is for how many seconds a browser may remember a preflight.
const corsMaxAge = 600

// origins reads a list of origins (RFC 6454, section 7), separated by commas or
// spaces; "*" is any. bad is the first that is none.
func origins(list string) (origins []string, bad string) {
	for _, origin := range strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' }) {
		if origin != "*" {
			u, err := url.Parse(origin)
			if err != nil || u.Scheme == "" || u.Host == "" || u.Scheme+"://"+u.Host != origin || strings.Contains(origin, "*") {
				return nil, origin
			}
		}
		origins = append(origins, origin)
	}
	return origins, ""
}

// allowOrigins lets pages of the origins call the handler, and answers their
// preflights, which are no requests for an operation.
func allowOrigins(next http.Handler, origins []string) http.Handler {
	if len(origins) == 0 {
		return next
	}
	return cors.New(cors.Options{
		AllowedOrigins: origins,
		AllowedMethods: []string{
			http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions,
		},
		AllowedHeaders: []string{"*"},
		ExposedHeaders: []string{
			"Understudy-Exchange", site.WorkspaceHeader, "Allow", "Location", "Preference-Applied", "Retry-After", "WWW-Authenticate",
		},
		AllowPrivateNetwork: true, // a page of the internet may call this machine
		MaxAge:              corsMaxAge,
	}).Handler(next)
}
