package verify_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/understudy-api/understudy/server/contract"
	"github.com/understudy-api/understudy/server/site"
	"github.com/understudy-api/understudy/server/verify"
)

// wideDocument has a path with a rest, an upload, a form, a text, events and a
// download.
const wideDocument = `{"openapi":"3.1.0","info":{"title":"t","version":"1"},"paths":{
 "/p/{id}/evaluate/{key}":{"post":{"operationId":"evaluate","parameters":[
   {"name":"id","in":"path","required":true,"schema":{"type":"integer"}},
   {"name":"key","in":"path","required":true,"x-understudy-multi-segment":true,"schema":{"type":"string","pattern":"^[a-z]+/[a-z]+$"}}],
   "responses":{"200":{"description":"ok"},"422":{"description":"wrong"}}}},
 "/upload":{"post":{"operationId":"upload","requestBody":{"required":true,"content":{"multipart/form-data":{
   "schema":{"type":"object","required":["file","name"],"properties":{"file":{"type":"string","format":"binary"},"name":{"type":"string","minLength":2},
     "count":{"type":"integer","minimum":1},"meta":{"type":"object","properties":{"a":{"type":"integer"}}}}},
   "example":{"file":"PK","name":"rules","count":3}}}},
   "responses":{"200":{"description":"ok"},"415":{"description":"type"},"422":{"description":"wrong"}}}},
 "/form":{"post":{"operationId":"form","requestBody":{"required":true,"content":{"application/x-www-form-urlencoded":{
   "schema":{"type":"object","required":["grant"],"properties":{"grant":{"type":"string","enum":["a","b"]},"n":{"type":"integer"}}}}}},
   "responses":{"200":{"description":"ok"},"415":{"description":"type"},"422":{"description":"wrong"}}}},
 "/note":{"put":{"operationId":"note","requestBody":{"required":true,"content":{"text/plain":{"schema":{"type":"string","maxLength":9}}}},
   "responses":{"200":{"description":"ok"},"415":{"description":"type"},"422":{"description":"wrong"}}}},
 "/events":{"get":{"operationId":"events","responses":{"200":{"description":"ok","content":{"text/event-stream":{"schema":{"type":"string"}}}}}}},
 "/csv":{"get":{"operationId":"csv","responses":{"200":{"description":"ok","content":{"text/csv":{"schema":{"type":"string"}}}}}}}
}}`

// wideAPI serves wideDocument.
type wideAPI struct{}

func (wideAPI) Source() contract.Source {
	return contract.Source{API: "wide", File: "wide.json", JSON: []byte(wideDocument), Lines: []byte(`{}`), EncodedSlash: true}
}

func (wideAPI) Register(route site.Route) {
	read := func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }
	route(http.MethodPost, "/p/{id}/evaluate/{key}", read)
	route(http.MethodPost, "/upload", read)
	route(http.MethodPost, "/form", read)
	route(http.MethodPut, "/note", read)
	route(http.MethodGet, "/events", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = w.Write([]byte("data: 1\n\n"))
		<-r.Context().Done() // it goes on for ever
	})
	route(http.MethodGet, "/csv", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/csv")
		_, _ = w.Write([]byte("a,b\n"))
	})
}

func (wideAPI) Authenticate(*http.Request, *contract.Operation) (site.Principal, *site.Refusal) {
	return site.Principal{Workspace: "w"}, nil
}

func (wideAPI) Refuse(w http.ResponseWriter, _ *http.Request, refusal *site.Refusal) {
	status := map[site.Kind]int{site.KindInvalid: 422, site.KindRouteNotFound: 404, site.KindMethodNotAllowed: 405, site.KindInternal: 500}[refusal.Kind]
	for i := range refusal.Violations {
		if refusal.Violations[i].Rule == contract.RuleMediaType {
			status = http.StatusUnsupportedMediaType
		}
	}
	if status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", strings.Join(refusal.Allow, ", "))
	}
	w.WriteHeader(status)
}

func (wideAPI) Unmatched(_ *http.Request, allow []string, _ string) *site.Refusal {
	if len(allow) > 0 {
		return &site.Refusal{Kind: site.KindMethodNotAllowed, Allow: allow}
	}
	return &site.Refusal{Kind: site.KindRouteNotFound}
}

func (wideAPI) HeadAsGet() bool { return false }

// Operations that are no JSON are called with what they take, judged and answered.
func TestWide(t *testing.T) {
	var mu sync.Mutex
	served := map[string][]*site.Exchange{}
	site, err := site.NewSite(site.Options{API: wideAPI{}, Limits: site.DefaultLimits(), Record: func(x *site.Exchange) {
		mu.Lock()
		defer mu.Unlock()
		if x.Operation != nil && x.Status == http.StatusOK {
			served[x.Operation.ID] = append(served[x.Operation.ID], x)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	document, err := verify.FromSource(wideAPI{}.Source())
	if err != nil {
		t.Fatal(err)
	}
	result := run(t, verify.Options{Document: document, Handler: site, Seed: 1, MaxExamples: 6, Workers: 4, Authorization: "Bearer s"})
	for _, finding := range result.Findings {
		text, _ := json.Marshal(finding)
		t.Errorf("found %s", text)
	}
	for _, op := range site.Document().Operations() {
		if len(served[op.ID]) == 0 {
			t.Errorf("%s was never served", op.ID)
		}
	}
	for _, x := range served["evaluate"] {
		if !strings.Contains(x.Vars["key"], "/") {
			t.Errorf("the rest is %q", x.Vars["key"])
		}
	}
}
