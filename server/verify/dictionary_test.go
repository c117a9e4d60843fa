package verify

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReadDictionary(t *testing.T) {
	for _, c := range []struct {
		text string
		want map[string][]string
	}{
		{"customerId: 42\nname: [a, \"b c\"]\n", map[string][]string{"customerId": {"42"}, "name": {"a", "b c"}}},
		{`{"id": "0012", "yes": true, "n": 1.50}`, map[string][]string{"id": {"0012"}, "yes": {"true"}, "n": {"1.50"}}},
		{"", map[string][]string{}},
		{"a: {b: c}", nil},
		{"a: [[b]]", nil},
		{"- a", nil},
		{"a: [", nil},
	} {
		got, err := ReadDictionary(strings.NewReader(c.text))
		if (err != nil) != (c.want == nil) || c.want != nil && !cmp.Equal(got, c.want) {
			t.Errorf("%q: %v, %v", c.text, got, err)
		}
	}
}

func FuzzReadDictionary(f *testing.F) {
	f.Add("a: 1")
	f.Add("a: [1, b]\n")
	f.Fuzz(func(t *testing.T, text string) {
		values, err := ReadDictionary(strings.NewReader(text))
		for name, list := range values {
			if err != nil || len(list) == 0 && !strings.Contains(text, "[") {
				t.Errorf("%q: %s has nothing", text, name)
			}
		}
	})
}
