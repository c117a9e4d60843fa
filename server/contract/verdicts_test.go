package contract

import (
	"net/http"
	"testing"
)

func TestMasked(t *testing.T) {
	for in, want := range map[string]string{
		`{"id":12,"n":-3,"s":"a1\"2","f":1.5,"e":1e3,"z":0}`: `{"id":7,"n":-7,"s":"a1\"2","f":1.5,"e":1e3,"z":7}`,
		`[1,22,333]`:                `[7,7,7]`,
		`01`:                        `01`,
		`1-2`:                       `1-2`,
		`1234567890123456`:          `1234567890123456`,
		`"unterminated 1`:           `"unterminated 1`,
		`"\`:                        `"\`,
		`{"1":1,"a\\":2,"b\\\"":3}`: `{"1":7,"a\\":7,"b\\\"":7}`,
	} {
		if got := string(appendMasked(nil, []byte(in))); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

// TestRememberedVerdicts judges answers after a like one was found right: only
// integers may differ, and only where no rule looks at them.
func TestRememberedVerdicts(t *testing.T) {
	const document = `{"openapi":"3.0.3","info":{"title":"t","version":"1"},"paths":{
		"/free":{"get":{"responses":{"200":{"description":"","content":{"application/json":{"schema":
			{"type":"object","required":["id"],"properties":{"id":{"type":"integer"},"name":{"type":"string","maxLength":3}}}}}}}}},
		"/named":{"get":{"responses":{"200":{"description":"","content":{"application/json":{"schema":
			{"type":"object","properties":{"id":{"type":"integer"},"type":{"type":"string","enum":["a","b"]}}}}}}}}},
		"/listed":{"get":{"responses":{"200":{"description":"","content":{"application/json":{"schema":
			{"type":"object","properties":{"pair":{"enum":[{"n":[1]},{"n":[2]}]}}}}}}}}},
		"/bound":{"get":{"responses":{"200":{"description":"","content":{"application/json":{"schema":
			{"type":"array","items":{"type":"object","properties":{"n":{"type":"integer","maximum":9}}}}}}}}}}}}`
	d, err := Load(Source{API: "t", File: "t", JSON: []byte(document)})
	if err != nil {
		t.Fatal(err)
	}
	header := http.Header{"Content-Type": {"application/json"}}
	for _, test := range []struct {
		path, body string
		right      bool
	}{
		{"/free", `{"id":1,"name":"a1"}`, true},
		{"/free", `{"id":2,"name":"a1"}`, true},
		{"/free", `{"id":2,"name":"a1234"}`, false},
		{"/free", `{"id":2.5,"name":"a1"}`, false},
		{"/free", `{"id":-2,"name":"a1"}`, true},
		{"/free", `{"id":"2","name":"a1"}`, false},
		{"/free", `{"id":02,"name":"a1"}`, false},
		{"/named", `{"id":1,"type":"a"}`, true},
		{"/named", `{"id":2,"type":"a"}`, true},
		{"/named", `{"id":2,"type":1}`, false},
		{"/named", `{"id":2,"type":"c"}`, false},
		{"/listed", `{"pair":{"n":[1]}}`, true},
		{"/listed", `{"pair":{"n":[3]}}`, false},
		{"/bound", `[{"n":1}]`, true},
		{"/bound", `[{"n":9}]`, true},
		{"/bound", `[{"n":10}]`, false},
	} {
		for range 2 {
			found := d.Operation("GET", test.path).JudgeResponse(t.Context(), "GET", 200, header, []byte(test.body))
			if (len(found) == 0) != test.right {
				t.Errorf("%s: %d violations", test.body, len(found))
			}
		}
	}
}
