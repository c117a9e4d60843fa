package contract

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// The nearest path is the one that is found by comparing all of them, one after the
// other.
func TestNearestPath(t *testing.T) {
	for _, name := range []string{"brms", "datafold"} {
		d := arenaFor(t, name).document
		templates := d.plantTrees().known
		var words []string
		for _, tpl := range templates {
			words = append(words, strings.Split(tpl.text, "/")[1:]...)
		}
		slices.Sort(words)
		words = slices.Compact(words)
		word := rapid.OneOf(rapid.SampledFrom(words), rapid.Custom(func(t *rapid.T) string {
			w := rapid.SampledFrom(words).Draw(t, "word")
			at := rapid.IntRange(0, len(w)).Draw(t, "at")
			return w[:at] + rapid.StringN(0, 3, 4).Draw(t, "put in") + w[min(at+rapid.IntRange(0, 3).Draw(t, "left out"), len(w)):]
		}), rapid.StringN(0, 12, -1))
		path := rapid.OneOf(
			rapid.Map(rapid.SliceOfN(word, 0, 9), func(parts []string) string { return "/" + strings.Join(parts, "/") }),
			rapid.Custom(func(t *rapid.T) string { // one of the document's, with a segment less, more or changed
				parts := strings.Split(rapid.SampledFrom(templates).Draw(t, "template").text, "/")
				at := rapid.IntRange(1, len(parts)-1).Draw(t, "at")
				return strings.Join(slices.Replace(parts, at, at+rapid.IntRange(0, 1).Draw(t, "left out"), rapid.SliceOfN(word, 0, 2).Draw(t, "put in")...), "/")
			}),
			rapid.Map(rapid.SliceOfN(word, 60, 70), func(parts []string) string { return strings.Join(parts, "/") }),
		)
		rapid.Check(t, func(t *rapid.T) {
			path := path.Draw(t, "path")
			best, least := "", 0
			for _, op := range d.ordered {
				if n := op.template.Distance(path); best == "" || n < least {
					best, least = op.Path, n
				}
			}
			if got := d.nearest(path); got != best {
				t.Fatalf("%q: %s, want %s", path, got, best)
			}
			all, matched := -1, false
			for _, tpl := range templates {
				matched = matched || tpl.Match(path)
				if n := tpl.Distance(path); all < 0 || n < all {
					all = n
				}
			}
			want := max(all, 1)
			if matched {
				want = 0
			}
			if got := d.Distance(path); got != want {
				t.Fatalf("%q: %d away, want %d", path, got, want)
			}
		})
	}
	d, err := Load(Source{API: "x", File: "x.yaml", JSON: []byte(`{"openapi":"3.0.3","info":{"title":"x","version":"1"},"paths":{}}`)})
	if err != nil {
		t.Fatal(err)
	}
	if v := d.UnmatchedViolation(&http.Request{Method: http.MethodGet, URL: &url.URL{Path: "/a"}}, nil, ""); v.Detail != "" || d.Distance("/a") != -1 {
		t.Errorf("%q is near where there is no path", v.Detail)
	}
}
