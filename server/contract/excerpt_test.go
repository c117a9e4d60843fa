package contract

import (
	"fmt"
	"strings"
	"testing"
)

func TestExcerpts(t *testing.T) {
	t.Parallel()
	filler := strings.Repeat(`"0123456789",`, 100)
	body := `{"first":1,"list":[` + filler + `{"x":"here"}],"a/b~c":{"12":[` + filler + `7],"deep":{"er":"there"}},"many":[` + filler + `1],"last":true}`
	whole := Excerpts(body[:20], []string{"/first"}, 40)
	if whole["/first"] != body[:20] {
		t.Errorf("%q of a short body", whole["/first"])
	}
	for name, body := range map[string]string{"whole": body, "without an end": strings.TrimSuffix(body, `true}`)} {
		pointers := []string{"", "/first", "/list/*/x", "/a~1b~0c/deep/er", "/last", "/nothing/here", "/first/within", strings.Repeat("/a", maxSought+1)}
		found := Excerpts(body, pointers, 60)
		for pointer, want := range map[string]string{
			"": `{"first":1`, "/first": `{"first":1`, "/list/*/x": `"here"`, "/a~1b~0c/deep/er": `"there"`, "/last": `"last"`,
			"/nothing/here": `{"first":1`, "/first/within": `{"first":1`, pointers[len(pointers)-1]: `{"first":1`,
		} {
			if got := found[pointer]; !strings.Contains(got, want) || len(got) > 66 || got != Excerpts(body, []string{pointer}, 60)[pointer] {
				t.Errorf("%s, %.20s: %q", name, pointer, got)
			}
		}
	}
	if got := Excerpts(`{"a":`+filler, []string{"/a", "/b"}, 30)["/b"]; !strings.HasPrefix(got, `{"a":`) {
		t.Errorf("%q of what is no JSON", got)
	}
	var some []string
	for i := range 1000 {
		some = append(some, fmt.Sprint("/m", i))
	}
	if n := len(Excerpts(body, some, 60)); n != len(some) {
		t.Errorf("%d excerpts", n)
	}
}
