package site

import (
	"encoding/json"
	"net/http"
	"net/url"
	"testing"

	"github.com/understudy-api/understudy/server/contract"
)

// pathDocument has parameters of every sort in its paths.
const pathDocument = `{"openapi":"3.0.3","info":{"title":"t","version":"1"},"paths":{
 "/uuid/{id}":{"get":{"operationId":"uuid","parameters":[{"name":"id","in":"path","required":true,"schema":{"type":"string","format":"uuid"}}],"responses":{"200":{"description":"ok"}}}},
 "/int/{id}/x":{"get":{"operationId":"int","parameters":[{"name":"id","in":"path","required":true,"schema":{"type":"integer"}}],"responses":{"200":{"description":"ok"}}}},
 "/key/{id}":{"get":{"operationId":"key","parameters":[{"name":"id","in":"path","required":true,"schema":{"type":"string","pattern":"^[a-z]*$","minLength":2}}],"responses":{"200":{"description":"ok"}}}},
 "/any/{id}":{"get":{"operationId":"any","parameters":[{"name":"id","in":"path","required":true,"schema":{"type":"string"}}],"responses":{"200":{"description":"ok"}}}},
 "/evaluate/{key}":{"post":{"operationId":"evaluate","parameters":[{"name":"key","in":"path","required":true,"x-understudy-multi-segment":true,"schema":{"type":"string","pattern":"^[a-z/%F2]+$"}}],"responses":{"200":{"description":"ok"}}},
   "get":{"operationId":"main","parameters":[{"name":"key","in":"path","required":true,"x-understudy-multi-segment":true,"schema":{"type":"string"}}],"responses":{"200":{"description":"ok"}}}},
 "/evaluate/{key}/trace":{"get":{"operationId":"trace","parameters":[{"name":"key","in":"path","required":true,"schema":{"type":"string"}}],"responses":{"200":{"description":"ok"}}}}
}}`

func pathSite(t *testing.T, record func(*Exchange)) *Site {
	t.Helper()
	api := &madeAPI{operations: []string{
		"GET /uuid/{id}", "GET /int/{id}/x", "GET /key/{id}", "GET /any/{id}", "POST /evaluate/{key}", "GET /evaluate/{key}", "GET /evaluate/{key}/trace",
	}}
	api.source = contract.Source{API: "made", File: "made.json", JSON: []byte(pathDocument), Lines: []byte(`{}`), EncodedSlash: true, EmptyParameter: true}
	limits := DefaultLimits()
	limits.JudgeReply = false // the refusals are not declared
	site, err := NewSite(Options{API: api, Limits: limits, Record: record})
	if err != nil {
		t.Fatal(err)
	}
	return site
}

// A slash within a segment, the rest of a path and an empty parameter reach the
// operation as the frameworks hand them over.
func TestPathParameters(t *testing.T) {
	var x *Exchange
	site := pathSite(t, func(e *Exchange) { x = e })
	for _, c := range []struct {
		method, target, operation string
		value                     string // of the parameter
		rules                     string
	}{
		{"POST", "/evaluate/pricing/main", "evaluate", "pricing/main", ""},
		{"POST", "/evaluate/pricing%2Fmain", "evaluate", "pricing/main", ""},
		{"POST", "/evaluate/pricing%2fmain/x", "evaluate", "pricing/main/x", ""},
		{"POST", "/evaluate/a/b/c/d/e/f/g", "evaluate", "a/b/c/d/e/f/g", ""},
		{"POST", "/evaluate/pricing%252Fmain", "evaluate", "pricing%2Fmain", ""},
		{"POST", "/evaluate/pricing%2F%252Fmain", "evaluate", "pricing/%2Fmain", ""},
		{"POST", "/evaluate/main", "evaluate", "main", ""},
		{"POST", "/evaluate/", "", "", "unknownPath "},
		{"POST", "/evaluate", "", "", "unknownPath "},
		{"GET", "/evaluate/a/trace", "trace", "a", ""},
		{"GET", "/evaluate/a%2Ftrace", "main", "a/trace", ""},
		{"GET", "/evaluate/a/b/trace", "main", "a/b/trace", ""},
		{"POST", "/evaluate/a/trace", "evaluate", "a/trace", ""},
		{"PUT", "/evaluate/a/b", "", "", "method "},
		{"GET", "/any/a%2Fb", "any", "a/b", ""},
		{"GET", "/any/%2F", "any", "/", ""},
		{"GET", "/key/A%2FB%20C", "key", "A/B C", "pattern id"},
		{"GET", "/uuid/", "uuid", "", "format id"},
		{"GET", "/int//x", "int", "", "type id"},
		{"GET", "/key/", "key", "", "minLength id"},
		{"GET", "/any/", "any", "", "required id"},
		{"GET", "/any//", "", "", "unknownPath "},
		{"POST", "/any/", "", "", "method "},
	} {
		t.Run(c.method+" "+c.target, func(t *testing.T) {
			u, err := url.ParseRequestURI(c.target)
			if err != nil {
				t.Fatal(err)
			}
			w := answerOf(site, &http.Request{Method: c.method, URL: u, Header: http.Header{}, Body: http.NoBody})
			operation := ""
			if x.Operation != nil {
				operation = x.Operation.ID
			}
			if operation != c.operation {
				t.Fatalf("operation %q, want %q", operation, c.operation)
			}
			for _, value := range x.Vars {
				if value != c.value {
					t.Errorf("recorded as %q, want %q", value, c.value)
				}
			}
			rules := ""
			for _, e := range x.Explained {
				rules += e.Rule + " " + e.Name
				var got string
				if e.Name != "" && e.Got != "" && (json.Unmarshal([]byte(e.Got), &got) != nil || got != c.value) {
					t.Errorf("got %s, want %q", e.Got, c.value)
				}
			}
			if rules != c.rules {
				t.Fatalf("rules %q, want %q: %+v", rules, c.rules, x.Explained)
			}
			if came := w.Header().Get("Var-Id") + w.Header().Get("Var-Key"); c.rules == "" && came != c.value {
				t.Errorf("the handler got %q, want %q", came, c.value)
			}
		})
	}
}
