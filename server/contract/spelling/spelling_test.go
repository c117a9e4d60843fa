package spelling

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
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

// plainDistance is the distance by its definition, each row whole.
func plainDistance(from, to string) int {
	a, b := []rune(from[:min(len(from), MaxCompared)]), []rune(to[:min(len(to), MaxCompared)])
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		for j := range rows[i] {
			switch {
			case i == 0 || j == 0:
				rows[i][j] = i + j
				continue
			case a[i-1] == b[j-1]:
				rows[i][j] = rows[i-1][j-1]
			default:
				rows[i][j] = 1 + min(rows[i-1][j-1], rows[i-1][j], rows[i][j-1])
			}
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}

func TestWithin(t *testing.T) {
	t.Parallel()
	text := rapid.OneOf(rapid.StringOfN(rapid.SampledFrom([]rune("abé")), 0, 9, -1), rapid.String(), rapid.StringN(150, 300, -1))
	rapid.Check(t, func(t *rapid.T) {
		from, to, most := text.Draw(t, "from"), text.Draw(t, "to"), rapid.IntRange(-1, 12).Draw(t, "most")
		want := plainDistance(from, to)
		if got := Distance(from, to); got != want {
			t.Fatalf("%d, want %d", got, want)
		}
		if got, ok := Within(from, to, most); ok != (want <= most) || ok && got != want {
			t.Fatalf("%d %t, want %d", got, ok, want)
		}
	})
}
