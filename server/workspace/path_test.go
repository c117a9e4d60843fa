package workspace

import (
	"testing"

	"github.com/understudy-api/understudy/server/contract"
)

// The path of a match reaches an operation whose last parameter takes the rest of a
// path.
func TestPatternOfRest(t *testing.T) {
	document, err := contract.Load(contract.Source{API: "t", File: "t", Lines: []byte(`{}`), JSON: []byte(`{"openapi":"3.0.3",
"info":{"title":"t","version":"1"},"paths":{"/p/{id}/evaluate/{key}":{"post":{"operationId":"evaluate","parameters":[
{"name":"id","in":"path","required":true,"schema":{"type":"string"}},
{"name":"key","in":"path","required":true,"x-understudy-multi-segment":true,"schema":{"type":"string"}}],"responses":{"200":{"description":"ok"}}}}}}`)})
	if err != nil {
		t.Fatal(err)
	}
	template := document.Operations()[0].Template()
	for text, want := range map[string]bool{
		"/p/{id}/evaluate/{key}": true, "/p/7/evaluate/pricing/main": true, "/p/*/evaluate/*/main": true, "/p/**": true,
		"/p/7/evaluate/a/b/c/**": true, "/p/7/evaluate/**": true, "/p/7/evaluate": false, "/p/7/evaluated/a/b": false, "/q/**": false,
	} {
		p := newPattern(text)
		if got := p.reaches(template); got != want {
			t.Errorf("%s reaches %s: %v", text, template, got)
		}
		if path := "/p/7/evaluate/pricing/main"; text == path && !p.fits(path, template.String()) {
			t.Errorf("%s does not fit", path)
		}
	}
}
