package seed_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-api/understudy/server/seed"
)

// The content of a document may stand in a file beside the seed; what is wrong with it is
// told where the seed names it.
func TestFilesBesideSeeds(t *testing.T) {
	t.Parallel()
	s := seeder(t, nil)
	folder := fstest.MapFS{
		"rules/a.json":    {Data: []byte("\ufeff{\"nodes\": [], \"n\": 1.50}\n")},
		"rules/bad.json":  {Data: []byte("{\n  \"nodes\": [}\n}")},
		"rules/two.json":  {Data: []byte("{\"a\":1,\n\"a\":2}")},
		"rules/none.json": {Data: []byte("")},
		"rules/latin":     {Data: []byte("{\"a\":\n\"\xe9\"}")},
		"rules/rule.yaml": {Data: []byte("nodes: []\n")},
		"large.json":      {Data: []byte(strings.Repeat(" ", seed.MaxBytes))},
	}
	text := func(content string) []byte {
		return []byte("workspaces:\n  - brms:\n      projects:\n        - name: P\n          documents:\n            - {name: d, content: " + content + "}\n")
	}
	const of = "6:41 /workspaces/0/brms/projects/0/documents/0/content/file "
	for content, want := range map[string]string{
		`{file: rules/a.json}`:       "",
		`{file: a, nodes: []}`:       "", // a content of its own
		`{file: 7}`:                  "",
		`{file: rules/lost.json}`:    of + `There is no file "rules/lost.json" beside the seed.`,
		`{file: ../a.json}`:          of + `"../a.json" does not lead to a file in the folder of the seed or below it. Write it as rules/pricing.json.`,
		`{file: /etc/passwd}`:        of + `"/etc/passwd" does not lead to a file in the folder of the seed or below it. Write it as rules/pricing.json.`,
		`{file: rules/../../a.json}`: of + `"rules/../../a.json" does not lead to a file in the folder of the seed or below it. Write it as rules/pricing.json.`,
		`{file: 'rules\a.json'}`:     of + `"rules\\a.json" does not lead to a file in the folder of the seed or below it. Write it as rules/pricing.json.`,
		`{file: ''}`:                 of + `"" does not lead to a file in the folder of the seed or below it. Write it as rules/pricing.json.`,
		`{file: rules}`:              of + `The file "rules" cannot be read: it is a folder, a link that leads elsewhere, or not permitted.`,
		`{file: rules/bad.json}`:     of + `The file "rules/bad.json", line 2, column 13: The JSON is broken here: look for a comma, a colon, a quotation mark or a bracket too many or too few.`,
		`{file: rules/two.json}`:     of + `The file "rules/two.json", line 2, column 1: The member "a" stands twice in this object, first in line 1. Remove one of them.`,
		`{file: rules/none.json}`:    of + `The file "rules/none.json", line 1, column 1: The JSON ends too early: a closing bracket or quotation mark is missing.`,
		`{file: rules/latin}`:        of + `The file "rules/latin", line 2, column 2: The text is not UTF-8. Save it as UTF-8.`,
		`{file: rules/rule.yaml}`:    of + `The file "rules/rule.yaml", line 1, column 2: The JSON is broken here: look for a comma, a colon, a quotation mark or a bracket too many or too few.`,
		`{file: large.json}`:         of + `The seed and the files that it names are larger than 16 MiB. Split it.`,
	} {
		read, problems, err := s.Parse(t.Context(), seed.Input{YAML: text(content), Beside: folder})
		if err != nil {
			t.Fatal(err)
		}
		var told []string
		for _, p := range problems {
			told = append(told, fmt.Sprintf("%d:%d %s %s", p.Line, p.Column, p.Pointer, p.Message))
		}
		if diff := cmp.Diff(want, strings.Join(told, "\n")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", content, diff)
		}
		inlined := read.Inlined()
		if named := content == `{file: rules/a.json}`; named != (inlined != nil) && want == "" {
			t.Errorf("%s: inlined %s", content, inlined)
		} else if named {
			const want = `{"workspaces":[{"brms":{"projects":[{"name":"P","documents":[{"name":"d","content":{"nodes":[],"n":1.50}}]}]}}]}`
			if string(inlined) != want {
				t.Errorf("%s", inlined)
			}
			if line, column := read.Place("/workspaces/0/brms/projects/0/documents/0/content/nodes"); line != 6 || column != 41 {
				t.Error(line, column)
			}
		}
	}
	_, problems, err := s.Parse(t.Context(), seed.Input{YAML: text(`{file: rules/a.json}`)})
	if err != nil || len(problems) != 1 || !strings.Contains(problems[0].Message, "a seed that is a file itself") {
		t.Error(problems, err)
	}
}
