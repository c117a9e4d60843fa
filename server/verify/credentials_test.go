package verify_test

import (
	"encoding/base64"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/understudy-api/understudy/server/verify"
)

var encoded = regexp.MustCompile(`[A-Za-z0-9+/]{8,}=*`)

// A server that looks at less than a security requirement asks for is accused, and one
// that looks at all of it is not, nor one of which no request says whom it lets in.
func TestLaxCredentials(t *testing.T) {
	const components = `components:
  securitySchemes:
    bearer: {type: http, scheme: bearer}
    key: {type: apiKey, in: header, name: X-Key}
    query: {type: apiKey, in: query, name: key}
    cookie: {type: apiKey, in: cookie, name: session}
    basic: {type: http, scheme: basic}
    mutual: {type: mutualTLS}
    oauth: {type: oauth2, flows: {clientCredentials: {tokenUrl: 'https://a.example', scopes: {}}}}
`
	given := map[string]string{"bearer": "b34rer-b34rer", "key": "k3y-k3y-k3y", "query": "qu3ry-qu3ry", "cookie": "c00kie-c00kie", "basic": "ada:pässwört", "oauth": "0auth-0auth"}
	type check func(*http.Request) bool
	bearer := func(r *http.Request) bool { return r.Header.Get("Authorization") == "Bearer b34rer-b34rer" }
	oauth := func(r *http.Request) bool { return r.Header.Get("Authorization") == "Bearer 0auth-0auth" }
	key := func(r *http.Request) bool { return r.Header.Get("X-Key") == "k3y-k3y-k3y" }
	anyKey := func(r *http.Request) bool { return r.Header.Get("X-Key") != "" }
	query := func(r *http.Request) bool { return r.URL.Query().Get("key") == "qu3ry-qu3ry" }
	cookie := func(r *http.Request) bool {
		c, err := r.Cookie("session")
		return err == nil && c.Value == "c00kie-c00kie"
	}
	part := func(user, password string) check {
		return func(r *http.Request) bool {
			text, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Basic ")
			plain, err := base64.StdEncoding.DecodeString(text)
			who, secret, found := strings.Cut(string(plain), ":")
			return err == nil && found && (user == "" || who == user) && (password == "" || secret == password)
		}
	}
	basic := part("ada", "pässwört")
	all := func(checks ...check) check {
		return func(r *http.Request) bool {
			return !slices.ContainsFunc(checks, func(c check) bool { return !c(r) })
		}
	}
	one := func(checks ...check) check {
		return func(r *http.Request) bool { return slices.ContainsFunc(checks, func(c check) bool { return c(r) }) }
	}
	for _, c := range []struct {
		name, security string
		takes          check
		accused        bool
	}{
		{"the bearer alone of two", "[{bearer: [], key: []}]", bearer, true},
		{"the key alone of two", "[{bearer: [], key: []}]", key, true},
		{"either of two", "[{bearer: [], key: []}]", one(bearer, key), true},
		{"two of three", "[{bearer: [], key: [], cookie: []}]", all(bearer, key), true},
		{"the query alone", "[{query: [], cookie: []}]", query, true},
		{"the cookie alone", "[{basic: [], cookie: []}]", cookie, true},
		{"both", "[{bearer: [], key: []}]", all(bearer, key), false},
		{"all three", "[{bearer: [], query: [], cookie: []}]", all(bearer, query, cookie), false},
		{"any key as the second way", "[{bearer: []}, {key: []}]", one(bearer, anyKey), true},
		{"any user as the second way", "[{key: []}, {basic: []}]", one(key, part("", "")), true},
		{"half of the second way", "[{key: []}, {bearer: [], cookie: []}]", one(key, bearer), true},
		{"either way", "[{bearer: []}, {key: []}]", one(bearer, key), false},
		{"one way or two together", "[{query: []}, {basic: [], cookie: []}]", one(query, all(basic, cookie)), false},
		{"any password", "[{basic: []}]", part("ada", ""), true},
		{"any user", "[{basic: []}]", part("", "pässwört"), true},
		{"user and password", "[{basic: []}]", basic, false},
		{"any token", "[{oauth: []}]", func(r *http.Request) bool { return strings.HasPrefix(r.Header.Get("Authorization"), "Bearer ") }, true},
		{"the token", "[{oauth: []}]", oauth, false},
		{"a certificate", "[{mutual: []}]", all(), false},
		{"a certificate or a token", "[{mutual: []}, {bearer: []}]", all(), false},
		{"none if one likes", "[{}, {bearer: []}]", all(), false},
		{"none at last", "[{key: []}, {}]", all(), false},
		{"none in place of all", "[]", all(), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, err := verify.ParseDocument("t", "t.yaml", []byte("openapi: 3.1.0\ninfo: {title: t, version: '1'}\nsecurity: [{bearer: []}]\npaths: {/a: {get: {operationId: a, security: "+c.security+
				", responses: {'204': {description: d}, '401': {description: d}}}}}\n"+components))
			if err != nil {
				t.Fatal(err)
			}
			result, err := verify.Run(t.Context(), verify.Options{Document: d, Seed: 1, Credentials: given, Phases: []verify.Phase{verify.PhaseExamples, verify.PhaseCoverage}, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch {
				case r.Method != http.MethodGet:
					w.Header().Set("Allow", "GET")
					w.WriteHeader(http.StatusMethodNotAllowed)
				case c.takes(r):
					w.WriteHeader(http.StatusNoContent)
				default:
					w.WriteHeader(http.StatusUnauthorized)
				}
			})})
			if err != nil {
				t.Fatal(err)
			}
			accused := false
			for _, f := range result.Findings {
				accused = true
				if f.Check != verify.CheckAuth && f.Check != verify.CheckSecret || !c.accused {
					t.Errorf("%s: %s\n%s", f.Check, f.Message, f.Curl)
				}
				shown := f.Curl
				for _, text := range encoded.FindAllString(f.Curl, -1) {
					plain, _ := base64.StdEncoding.DecodeString(text)
					shown += " " + string(plain)
				}
				for _, secret := range []string{"b34rer", "k3y", "qu3ry", "c00kie", "pässwört", "ada", "0auth"} {
					if strings.Contains(shown, secret) {
						t.Errorf("%s is shown: %s", secret, f.Curl)
					}
				}
			}
			if accused != c.accused {
				t.Errorf("accused: %t", accused)
			}
		})
	}
}
