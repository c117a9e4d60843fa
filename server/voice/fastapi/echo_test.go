package fastapi

import (
	stdcontext "context"
	"encoding/json"
	"net/http"
	"net/url"
	"reflect"
	"testing"

	"github.com/understudy-api/understudy/server/contract"
)

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
			text, err := json.Marshal(echo(v, &source{body, func() *contract.Places { return contract.FindPlaces(body, []contract.Violation{*v}) }}))
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
