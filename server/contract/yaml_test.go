package contract

import (
	"strings"
	"testing"
)

// What aliases of a YAML document repeat is bounded.
func TestReadYAML(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 100_000)
	for name, test := range map[string]struct {
		text string
		ok   bool
	}{
		"plain":              {"a: [1, x]", true},
		"an alias":           {"a: &a [1, 2]\nb: *a", true},
		"a long text, twice": {"a: &a " + long + "\nb: *a", true},
		"a text very often":  {"a: &a " + long + "\nb: [" + strings.Repeat("*a,", 1000) + "]", false},
		"lists within lists": {"a: &a [" + long + "]\nb: &b [" + strings.Repeat("*a,", 100) + "]\nc: [" + strings.Repeat("*b,", 100) + "]", false},
		"what holds itself":  {"a: &a [*a]", false},
		"no end of nested ones": {"a: &a [x,x]\n" + func() string {
			var b strings.Builder
			for c := 'b'; c <= 'z'; c++ {
				before := string(c - 1)
				b.WriteString(string(c) + ": &" + string(c) + " [*" + before + ",*" + before + ",*" + before + "]\n")
			}
			return b.String()
		}(), false},
	} {
		if _, err := readYAML([]byte(test.text)); (err == nil) != test.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}
