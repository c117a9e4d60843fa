package brms

import (
	"regexp"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	gen "github.com/understudy-api/understudy/gen/brms"
)

// What the document says a name or a folder may be is what is taken.
func TestNamesAreAsTheDocumentSays(t *testing.T) {
	t.Parallel()
	document, err := openapi3.NewLoader().LoadFromData(gen.Document())
	if err != nil {
		t.Fatal(err)
	}
	pattern := func(schema, member string) *regexp.Regexp {
		return regexp.MustCompile(document.Components.Schemas[schema].Value.Properties[member].Value.Pattern)
	}
	name, parent, renamed := pattern("CreateDocumentRequest", "name"), pattern("CreateDocumentRequest", "parent"), pattern("UpdateDocumentRequest", "name")
	for _, text := range []string{
		"a", ".", "..", "...", ".a", "..a", "a.", "a..", "", "/", "//", "a/b", "/a/b/", "a//b", "a/./b", "a/..", "../a", "./", ".../a", "a/.b/..c", "a\\b", "a\x00", "a\u0085b",
		"é", "a b", " ", "fees.json", strings.Repeat("a/", 31) + "a", strings.Repeat("a/", 32) + "a",
	} {
		names, err := splitPath(text)
		for which, c := range map[string]struct {
			pattern *regexp.Regexp
			taken   bool
		}{
			// More than one name is taken too, with a warning: the answer has only the last.
			"the name of a new document": {name, err == nil && len(names) == 1 && names[0] == text},
			"its folder":                 {parent, err == nil},
			"another name":               {renamed, err == nil && len(names) == 1 && names[0] == text},
		} {
			if got := c.pattern.MatchString(text); got != c.taken {
				t.Errorf("%s %q: %t by the document, %t by us", which, text, got, c.taken)
			}
		}
	}
}
