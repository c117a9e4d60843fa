package site

import (
	"encoding/json"
	"reflect"
	"testing"
)

func TestPlainJSON(t *testing.T) {
	for in, want := range map[string]string{
		`{}` + "\n":                    `{}`,
		`"a"`:                          `"a"`,
		`"\u003ca\u003e\u0026"`:        `"<a>&"`,
		`"\\u003c"`:                    `"\\u003c"`,
		`"\\\u003c"`:                   `"\\<"`,
		`"\u0007\"\u003c"`:             `"\u0007\"<"`,
		`"\u2028\u2029"`:               "\"\u2028\u2029\"",
		`{"\u003c":["\u0026\u003", 1]`: `{"<":["&\u003", 1]`,
		`"\`:                           `"\`,
	} {
		if got := string(plainJSON([]byte(in))); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

func FuzzPlainJSON(f *testing.F) {
	f.Add("<b>&amp;\u2028\\u003c\"")
	f.Fuzz(func(t *testing.T, s string) {
		text, err := json.Marshal(map[string]string{s: s})
		if err != nil {
			t.Skip()
		}
		var before, after any
		if err := json.Unmarshal(text, &before); err != nil {
			t.Fatal(err)
		}
		plain := plainJSON(append([]byte(nil), text...))
		if err := json.Unmarshal(plain, &after); err != nil || !reflect.DeepEqual(before, after) {
			t.Fatalf("%s became %s: %v", text, plain, err)
		}
	})
}
