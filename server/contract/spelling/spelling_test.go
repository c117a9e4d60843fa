package spelling

import (
	"strings"
	"testing"
)

func TestDistance(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		from, to string
		wanted   int
	}{
		{"", "", 0},
		{"", "abc", 3},
		{"project", "project", 0},
		{"projct", "project", 1},
		{"proejct", "project", 1},
		{"kitten", "sitting", 3},
		{"größe", "grösse", 2},
		{"ca", "abc", 3},
		{strings.Repeat("a", 5000), strings.Repeat("a", 9000), 0},
	} {
		for _, texts := range [][2]string{{tt.from, tt.to}, {tt.to, tt.from}} {
			if got := Distance(texts[0], texts[1]); got != tt.wanted {
				t.Errorf("%.20q to %.20q: %d, want %d", texts[0], texts[1], got, tt.wanted)
			}
		}
	}
}

func TestNearest(t *testing.T) {
	t.Parallel()
	among := []string{"createProject", "createIntegration", "getProject", "b"}
	plain := func(name string) string { return strings.ReplaceAll(strings.ToLower(name), "_", "") }
	for _, tt := range []struct {
		name, wanted string
		most         int
		fold         func(string) string
	}{
		{"createproject", "createProject", 0, nil},
		{"create_project", "createProject", 1, nil},
		{"create_project", "", 0, nil},
		{"create_project", "createProject", 0, plain},
		{"gteProject", "getProject", 1, nil},
		{"deleteEverything", "", 4, nil},
		{"a", "b", 1, nil}, // the only one of a length like that
		{"a", "", 0, nil},
		{"", "", 3, nil},
		{strings.Repeat("createProject", 20), "", 300, nil},
	} {
		if got := Nearest(tt.name, among, tt.most, tt.fold); got != tt.wanted {
			t.Errorf("%.20q: %q, want %q", tt.name, got, tt.wanted)
		}
	}
}
