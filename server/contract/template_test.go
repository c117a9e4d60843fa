package contract

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gorilla/mux"
)

func templateOf(t testing.TB, text string, empty bool) Template {
	t.Helper()
	name, rest := strings.CutSuffix(text, "*}")
	restNames := map[string]bool{}
	if rest {
		text = name + "}"
		restNames[name[strings.LastIndexByte(name, '{')+1:]] = true
	}
	made, err := newTemplate(text, restNames, empty)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func TestTemplateMatch(t *testing.T) {
	for _, test := range []struct {
		template     string
		match, other string // paths, separated by spaces
		emptyMatch   string // what matches besides where parameters may be empty
	}{
		{"/", "/", "// /a", ""},
		{"/a/b", "/a/b", "/a /a/b/ /a/B /a/b/c", ""},
		{"/a/{id}", "/a/b /a/%2F /a/{id}", "/a /a/b/ /b/b", "/a/"},
		{"/a/{id}/", "/a/b/", "/a/b /a/b/c", "/a//"},
		{"/{x}/b", "/a/b", "/a/c", "//b"},
		{"/a/{id}.json", "/a/b.json /a/.json.json", "/a/b /a/b.jso", "/a/.json"},
		{"/a/{x}-{y}", "/a/b-c /a/b-c-d /a/---", "/a/bc /a/b", "/a/- /a/b- /a/-c"},
		{"/a/v{x}", "/a/v1", "/a/1", "/a/v"},
		{"/a/{x}{y}", "/a/é1 /a/12", "/a/b/c", "/a/é /a/1 /a/"},
		{"/a/{rest*}", "/a/b /a/b/c /a/b//c/ /a//", "/a /b/c /a/", ""},
		{"/a/{id}/b/{rest*}", "/a/1/b/c /a/1/b/c/d", "/a/1/b/ /a/1/c/d", "/a//b/c"},
	} {
		for _, empty := range []bool{false, true} {
			made := templateOf(t, test.template, empty)
			route := mux.NewRouter().SkipClean(true).NewRoute().Path(gorilla(made))
			for paths, want := range map[string]bool{test.match: true, test.other: false, test.emptyMatch: empty} {
				for path := range strings.FieldsSeq(paths) {
					if got := made.Match(path); got != want {
						t.Errorf("%s matches %s: %v (empty parameters: %v)", test.template, path, got, empty)
					}
					if got := route.Match(&http.Request{URL: &url.URL{Path: path}}, &mux.RouteMatch{}); got != want {
						t.Errorf("the router matches %s with %s: %v (empty parameters: %v)", path, gorilla(made), got, empty)
					}
				}
			}
		}
	}
}

func TestTemplateRestStandsLast(t *testing.T) {
	for _, text := range []string{"/{rest}/a", "/a/x{rest}", "/a/{rest}.json", "/a/{rest}{b}"} {
		if _, err := newTemplate(text, map[string]bool{"rest": true}, false); err == nil {
			t.Errorf("%s accepted", text)
		}
	}
}

// The nearest template of a path.
func TestTemplateDistance(t *testing.T) {
	all := []string{"/api/projects", "/api/projects/{id}", "/api/projects/{id}/evaluate/{key*}", "/api/projects/{id}/integrations"}
	for path, want := range map[string]string{
		"/api/project": "/api/projects", "/api/projects/7/evaluat/a/b/c": "/api/projects/{id}/evaluate/{key*}",
		"/api/projects/7/integration":     "/api/projects/{id}/integrations",
		"/api/project/7/evaluate/pricing": "/api/projects/{id}/evaluate/{key*}",
	} {
		best, least := "", 0
		for _, text := range all {
			if n := templateOf(t, text, false).Distance(path); best == "" || n < least {
				best, least = text, n
			}
		}
		if best != want {
			t.Errorf("%s: %s, want %s", path, best, want)
		}
	}
}

// FuzzTemplate holds the templates against the router, and what is kept of an
// escaped path against net/url.
func FuzzTemplate(f *testing.F) {
	for _, seed := range [][2]string{
		{"/a/{id}", "/a/%2f%2525"},
		{"/a/{b*}", "/a/x%2Fy/z"},
		{"/{x}-{y}/z", "/1-2-3/z"},
		{"/a/{x}.json", "/a/.json"},
		{"/a/{b", "/a/%zz"},
		{"/{a}{b}", "/\n"},
		{"//", "//"},
		{"/a/{*}", "/a/%2F"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, text, escaped string) {
		rest := map[string]bool{}
		if before, ok := strings.CutSuffix(text, "*}"); ok {
			text = before + "}"
			rest[before[strings.LastIndexByte(before, '{')+1:]] = true
		}
		path, err := url.PathUnescape(escaped)
		if err != nil {
			if _, ok := KeepSlashes(escaped); ok {
				t.Fatalf("%q is kept", escaped)
			}
			return
		}
		if kept, ok := KeepSlashes(escaped); ok {
			if DecodeSegment(kept) != path {
				t.Fatalf("%q is kept as %q", escaped, kept)
			}
			if strings.Count(kept, "/") != strings.Count(escaped, "/") {
				t.Fatalf("%q has other slashes than %q", kept, escaped)
			}
			path = kept
		}
		for _, empty := range []bool{false, true} {
			made, err := newTemplate(text, rest, empty)
			if err != nil {
				return
			}
			matches := made.Match(path)
			if n := made.Distance(path); n < 0 || matches && n > 5*len(made.segments)*(1+len(text)) {
				t.Fatalf("distance %d", n)
			}
			if again, err := newTemplate(text, rest, empty); err != nil || again.Compare(made) != 0 || made.String() != text {
				t.Fatal("a template differs from itself")
			}
			if !plainTemplate(text) {
				return
			}
			route := mux.NewRouter().SkipClean(true).NewRoute().Path(gorilla(made))
			if route.GetError() != nil || strings.ContainsRune(path, '\n') && !made.Rest {
				return
			}
			var want mux.RouteMatch
			if got := route.Match(&http.Request{URL: &url.URL{Path: path}}, &want); got != matches {
				t.Fatalf("%s matches %q: %v, the router with %s: %v", text, path, matches, gorilla(made), got)
			}
			if values, ok := made.Escaped(path); ok != matches || ok && !maps.Equal(values, want.Vars) {
				t.Fatalf("%s gives %q for %q, the router with %s %q", text, values, path, gorilla(made), want.Vars)
			}
		}
	})
}

// gorilla is the template as gorilla/mux takes it.
func gorilla(t Template) string {
	one := ""
	if t.empty {
		one = ":[^/]*"
	}
	last := one
	if t.Rest {
		last = ":(?s:.+)"
	}
	var b strings.Builder
	for i, s := range t.segments {
		pattern := one
		if i == len(t.segments)-1 {
			pattern = last
		}
		if i > 0 {
			b.WriteByte('/')
		}
		for j, name := range s.names {
			b.WriteString(s.texts[j] + "{" + name + pattern + "}")
		}
		b.WriteString(s.texts[len(s.names)])
	}
	return b.String()
}

// plainTemplate reports whether a template is one that an OpenAPI document has and
// that the router takes.
func plainTemplate(text string) bool {
	names := map[string]bool{}
	for part := range strings.SplitSeq(text, "{") {
		name, _, closed := strings.Cut(part, "}")
		if !closed {
			continue
		}
		if name == "" || names[name] || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz") != "" {
			return false
		}
		names[name] = true
	}
	return strings.HasPrefix(text, "/") && strings.Count(text, "{") == len(names) && strings.Count(text, "}") == len(names)
}

// A query that net/url cannot read is text, as each framework reads it.
func TestReadQuery(t *testing.T) {
	for _, c := range []struct{ raw, name, python, node string }{
		{"page=%zz", "page", "%zz", "%zz"},
		{"page=%zz%20a+b", "page", "%zz a b", "%zz%20a b"},
		{"%zz=1", "%zz", "1", "1"},
		{"%zz", "%zz", "", ""},
		{"a=1;b=2", "a", "1;b=2", "1;b=2"},
		{"a=%ff", "a", "\uFFFD", "%ff"},
		{"a=%C3%A9%ff", "a", "\u00e9\uFFFD", "%C3%A9%ff"},
		{"a=%2", "a", "%2", "%2"},
		{"&&a=1=2&", "a", "1=2", "1=2"},
		{"a+b=%20+", "a b", "  ", "  "},
		{"=x", "", "x", "x"},
	} {
		for whole, want := range map[bool]string{false: c.python, true: c.node} {
			q := readQuery(c.raw, whole)
			if got, ok := q.Values[c.name]; !ok || got[0] != want {
				t.Errorf("%s: %q, want %q", c.raw, q.Values, want)
			}
			if again, err := url.ParseQuery(c.raw); (err != nil || again.Get(c.name) != want) != q.foreign {
				t.Errorf("%s: foreign is %v", c.raw, q.foreign)
			}
		}
	}
}

// What others ask of a template: the values of its parameters, and which of two the
// server takes.
func TestTemplateValues(t *testing.T) {
	for _, c := range []struct{ template, path, want string }{
		{"/a/{id}", "/a/x%2Fy", `{"id":"x/y"}`},
		{"/a/{rest*}", "/a/x/y%20z", `{"rest":"x/y z"}`},
		{"/a/{x}-{y}.json", "/a/1-2-3.json", `{"x":"1-2","y":"3"}`},
		{"/a/{id}", "/a/%zz", `null`},
		{"/a/{id}", "/b/1", `null`},
	} {
		values, _ := templateOf(t, c.template, false).Values(c.path)
		if got, _ := json.Marshal(values); string(got) != c.want {
			t.Errorf("%s of %s: %s, want %s", c.template, c.path, got, c.want)
		}
	}
	own := templateOf(t, "/a/{id}/c", false)
	for text, want := range map[string]bool{"/a/b/c": true, "/a/{id}/c": false, "/{x}/b/c": false, "/a/{rest*}": false} {
		if got := templateOf(t, text, false).Outranks(own); got != want {
			t.Errorf("%s outranks %s: %v", text, own, got)
		}
	}
	run := templateOf(t, "/a/{id}:run", false)
	for _, text := range []string{"/a/{id}", "/a/{id}.{type}", "/a/{rest*}", "/{x}/{y}"} {
		if other := templateOf(t, text, false); !run.Outranks(other) || other.Outranks(run) || run.Compare(other) >= 0 {
			t.Errorf("%s comes before %s", text, run)
		}
	}
	if rest := templateOf(t, "/a/{rest*}", false); !own.Outranks(rest) || rest.Stretched(4) != "/a/{rest}/{rest}/{rest}" || own.Stretched(9) != own.String() {
		t.Errorf("stretched to %s", rest.Stretched(4))
	}
}
