package fastapi

import (
	stdcontext "context"
	"encoding/json"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/understudy-api/understudy/server/contract"
	"github.com/understudy-api/understudy/server/site"
)

// However many items repeat however much of a body, the answer stays readable, and what
// fits is there.
func TestEchoIsBounded(t *testing.T) {
	o := shapes(t).Operation(http.MethodPost, "/person")
	long := strings.Repeat("x", 100<<10)
	for _, body := range []string{
		`{"z":"` + long + `"}`, `{"z":[` + strings.Repeat(`{},`, 50<<10) + `{}]}`, `"` + long + `"`, `[1,"` + long + `"]`,
	} {
		judged := o.JudgeRequest(t.Context(), &contract.Message{
			Method: http.MethodPost, URL: &url.URL{Path: "/person"}, Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(body),
		})
		text, err := json.Marshal(Words(&site.Refusal{Violations: judged.Violations, Operation: o, Body: []byte(body)}))
		if err != nil || len(judged.Violations) == 0 {
			t.Fatalf("%d violations (%v)", len(judged.Violations), err)
		}
		if len(text) > maxEchoed+(200+len(notRepeated))*len(judged.Violations) || !strings.Contains(string(text), notRepeated) {
			t.Errorf("%.30s: an answer of %d bytes: %.300s", body, len(text), text)
		}
	}
}

// What is echoed of a body is the value that came, whatever it looks like.
func FuzzEcho(f *testing.F) {
	for _, seed := range []string{`{"z":1,"a":-1.5e3,"n":{"y":[1E+2,-0,0.1],"x":null}}`, `[1,{"b":2,"a":"<&>"}]`, `"x"`, `{"a":1e16,"b":1e-7}`} {
		f.Add([]byte(seed))
	}
	o := shapes(f).Operation(http.MethodPost, "/person")
	f.Fuzz(func(t *testing.T, body []byte) {
		judged := o.JudgeRequest(stdcontext.Background(), &contract.Message{
			Method: http.MethodPost, URL: &url.URL{Path: "/person"}, Header: http.Header{}, Body: body,
		})
		for i := range judged.Violations {
			v := &judged.Violations[i]
			if v.Rule == contract.RuleJSON || v.In != contract.InBody {
				continue
			}
			text, err := json.Marshal(echo(v, &source{text: body, left: len(body) + 1<<20, places: func() *contract.Places { return contract.FindPlaces(body, []contract.Violation{*v}) }}))
			if err != nil {
				t.Fatal(err)
			}
			var got, want any
			plain, _ := json.Marshal(v.Redacted())
			if json.Unmarshal(text, &got) != nil || json.Unmarshal(plain, &want) != nil || !reflect.DeepEqual(got, want) {
				t.Fatalf("%s, not %s", text, plain)
			}
		}
	})
}
