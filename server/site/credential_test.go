package site

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/understudy-api/understudy/server/contract"
)

// credentialDocument has credentials of every sort.
const credentialDocument = `{"openapi":"3.0.3","info":{"title":"t","version":"1"},"paths":{
 "/either":{"get":{"operationId":"either","security":[{"pat":[]},{"project":[]}],"responses":{"200":{"description":"ok"}}}},
 "/project":{"get":{"operationId":"project","security":[{"project":[]}],"responses":{"200":{"description":"ok"}}}},
 "/both":{"get":{"operationId":"both","security":[{"pat":[],"project":[]}],"responses":{"200":{"description":"ok"}}}},
 "/key":{"get":{"operationId":"key","security":[{"key":[]}],"responses":{"200":{"description":"ok"}}}},
 "/query":{"get":{"operationId":"query","security":[{"query":[]},{"cookie":[]}],"responses":{"200":{"description":"ok"}}}},
 "/closed":{"get":{"operationId":"closed","security":[{"inner":[]}],"responses":{"200":{"description":"ok"}}}},
 "/open":{"get":{"operationId":"open","responses":{"200":{"description":"ok"}}}}
},"components":{"securitySchemes":{
 "pat":{"type":"http","scheme":"bearer"},
 "project":{"type":"apiKey","in":"header","name":"X-Site-Pass","description":"of a project"},
 "key":{"type":"apiKey","in":"header","name":"Authorization","description":"with the format 'Key <api-key>'"},
 "query":{"type":"apiKey","in":"query","name":"pass"},
 "cookie":{"type":"apiKey","in":"cookie","name":"pass"},
 "inner":{"type":"http","scheme":"internal"}}}}`

// oneKey knows secrets by what stands before the dot: the workspace.
type oneKey struct{}

func (oneKey) Principal(secret string) (Principal, bool) {
	workspace, _, known := strings.Cut(secret, ".")
	return Principal{Workspace: workspace}, known
}

type credentialAPI struct{ madeAPI }

func (a *credentialAPI) Authenticate(r *http.Request, op *contract.Operation) (Principal, *Refusal) {
	return Authenticate(r, op, oneKey{}, "pat", "project", "key", "query", "cookie")
}

func (a *credentialAPI) Refuse(w http.ResponseWriter, _ *http.Request, refusal *Refusal) {
	w.WriteHeader(map[Kind]int{KindUnauthenticated: 401, KindRouteNotFound: 404}[refusal.Kind])
}

// Whatever header a credential is declared for, it opens its workspace, and a
// record does not show it.
func TestCredentials(t *testing.T) {
	var x *Exchange
	api := &credentialAPI{madeAPI{operations: []string{
		"GET /either", "GET /project", "GET /both", "GET /key", "GET /query", "GET /closed", "GET /open",
	}, source: contract.Source{API: "made", File: "made.json", JSON: []byte(credentialDocument), Lines: []byte(`{}`)}}}
	limits := DefaultLimits()
	limits.JudgeReply = false
	site, err := NewSite(Options{API: api, Limits: limits, Record: func(e *Exchange) { x = e }})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		target, header string // headers, separated by " | "
		status         int
		workspace      string
		message        string // part of the violation's
	}{
		{"/either", "Authorization: Bearer a.s", 200, "a", ""},
		{"/either", "X-Site-Pass: a.s", 200, "a", ""},
		{"/either", "X-Site-Pass: b.s | Authorization: Bearer a.s", 200, "a", ""},
		{"/either", "X-Site-Pass: b.s | Authorization: Basic x", 200, "b", ""},
		{"/either", "", 401, "", `send the header "Authorization: Bearer <token>" or the header "X-Site-Pass" (of a project)`},
		{"/project", "X-Site-Pass: a.s", 200, "a", ""},
		{"/project", "Authorization: Bearer a.s", 401, "", `send the header "X-Site-Pass"`},
		{"/project", "X-Site-Pass: unknown", 401, "", "is of no use here"},
		{"/project", "X-Site-Pass: a.s | X-Site-Pass: a.s", 401, "", "The header X-Site-Pass came 2 times"},
		{"/project", "X-Site-Pass: a b.s", 401, "", "is of no use here"},
		{"/both", "X-Site-Pass: a.s | Authorization: Bearer a.t", 200, "a", ""},
		{"/both", "X-Site-Pass: b.s | Authorization: Bearer a.s", 401, "", "The credential is malformed"},
		{"/both", "X-Site-Pass: a.s", 401, "", `send the header "Authorization: Bearer <token>" and the header "X-Site-Pass"`},
		{"/key", "Authorization: key a.s", 200, "a", ""},
		{"/key", "Authorization: Bearer a.s", 401, "", `send the header "Authorization: Key <api-key>"`},
		{"/query?pass=a.s", "", 200, "a", ""},
		{"/query", "Cookie: pass=a.s", 200, "a", ""},
		{"/query?pass=a.s&pass=b.s", "", 401, "", `send the query parameter "pass" or the cookie parameter "pass"`},
		{"/closed", "Authorization: Internal a.s", 401, "", "is of no use here"},
		{"/open", "X-Site-Pass: a.s", 200, "a", ""},
		{"/open", "", 200, "", ""},
		{"/nowhere", "X-Site-Pass: a.s", 404, "a", ""},
	} {
		t.Run(c.target+" "+c.header, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, c.target, http.NoBody)
			for pair := range strings.SplitSeq(c.header, " | ") {
				if name, value, ok := strings.Cut(pair, ": "); ok {
					r.Header.Add(name, value)
				}
			}
			if w := answerOf(site, r); w.Code != c.status {
				t.Errorf("status %d, want %d", w.Code, c.status)
			}
			if x.Workspace != c.workspace {
				t.Errorf("workspace %q, want %q", x.Workspace, c.workspace)
			}
			if c.message != "" && (len(x.Explained) == 0 || !strings.Contains(x.Explained[len(x.Explained)-1].Message, c.message)) {
				t.Errorf("explained as %+v, want %q", x.Explained, c.message)
			}
			for _, values := range x.Document.MaskHeader(x.RequestHeader) {
				if text := strings.Join(values, " "); strings.Contains(text, ".s") && !strings.HasPrefix(text, "pass=") {
					t.Errorf("recorded with %q", text)
				}
			}
			if query := x.Document.MaskQuery(x.Query); strings.Contains(query, ".s") {
				t.Errorf("recorded with the query %q", query)
			}
		})
	}
}

func TestPrincipal(t *testing.T) {
	everything, confined := Principal{}, Principal{Permissions: []string{"a"}, Projects: []string{"p"}}
	nothing := Principal{Permissions: []string{}, Projects: []string{}}
	for _, c := range []struct {
		p         *Principal
		name      string
		may, sees bool
	}{{&everything, "a", true, true}, {&confined, "a", true, false}, {&confined, "p", false, true}, {&nothing, "a", false, false}} {
		if c.p.May(c.name) != c.may || c.p.Sees(c.name) != c.sees {
			t.Errorf("%+v, %s: may %v, sees %v", *c.p, c.name, c.p.May(c.name), c.p.Sees(c.name))
		}
	}
}

// The name of a workspace does not tell the secret that opens it.
func FuzzOpenKeyring(f *testing.F) {
	f.Add("x")
	f.Fuzz(func(t *testing.T, secret string) {
		principal, known := OpenKeyring{}.Principal(secret)
		if !known || principal.Workspace == "" || len(secret) > 24 && strings.Contains(principal.Workspace, secret) {
			t.Fatalf("workspace %q", principal.Workspace)
		}
	})
}
