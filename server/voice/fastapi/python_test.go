package fastapi

import "testing"

// By Python 3.11: repr(json.loads(text)["tag"]).
func TestReprMember(t *testing.T) {
	for text, want := range map[string]string{
		`{"a":{"tag":1},"tag":{"b":[1,2.50,1e3],"a":{"c":null,"b":true}}}`: "{'b': [1, 2.5, 1000.0], 'a': {'c': None, 'b': True}}",
		`{"tag":["x","it's",[],{},false,-0,-0.0]}`:                         `['x', "it's", [], {}, False, 0, -0.0]`,
		`{"tag":"text"}`: "",
		`{"tag":null}`:   "",
		`{"other":[]}`:   "",
		`{"tag":[`:       "",
		`[]`:             "",
	} {
		if got := pyReprMember([]byte(text), "tag"); got != want {
			t.Errorf("%s: %s, not %s", text, got, want)
		}
	}
}
