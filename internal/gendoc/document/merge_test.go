package document

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-api/understudy/server/contract/lines"
)

const shareds = `openapi: 3.0.3
info: {title: t, version: v}
security: []
x-understudy-refusals:
  every: {'500': Broken}
  secured: {'401': Who}
  input: {'400': Bad}
  path: {'404': Gone}
  body: {'415': Type}
  write: {'413': Large}
components:
  responses:
    Broken: {description: d}
`

const things = `paths:
  /things:
    get:
      operationId: a
      responses:
        '200': {description: d}
  /things/{id}:
    get:
      operationId: b
      security: [{k: []}]
      parameters: [{in: path, name: id}]
      x-understudy-without: ['404']
      responses:
        '401': {description: own}
        '200': {description: d}
components:
  schemas:
    T: {type: string}
`

const others = `paths:
  /things/{id}:
    put:
      operationId: c
      requestBody: {required: true}
      responses:
        '409': {description: d}
components:
  schemas:
    O: {type: string}
`

func merged(texts ...string) (*Document, error) {
	names := []string{"x/_document.yaml", "x/others.yaml", "x/things.yaml"}
	var files []File
	for i, text := range texts {
		files = append(files, File{names[i], []byte(text)})
	}
	return Merge(files)
}

func TestMerge(t *testing.T) {
	d, err := merged(shareds, others, things)
	if err != nil {
		t.Fatal(err)
	}
	ref := func(name string) string { return `{"$ref":"#/components/responses/` + name + `"}` }
	want := `{"openapi":"3.0.3","info":{"title":"t","version":"v"},"security":[],"paths":{` +
		`"/things/{id}":{"put":{"operationId":"c","requestBody":{"required":true},"responses":{"400":` + ref("Bad") +
		`,"404":` + ref("Gone") + `,"409":{"description":"d"},"413":` + ref("Large") + `,"415":` + ref("Type") + `,"500":` + ref("Broken") + `}},` +
		`"get":{"operationId":"b","security":[{"k":[]}],"parameters":[{"in":"path","name":"id"}],"responses":{"200":{"description":"d"},"400":` + ref("Bad") +
		`,"401":{"description":"own"},"500":` + ref("Broken") + `}}},` +
		`"/things":{"get":{"operationId":"a","responses":{"200":{"description":"d"},"500":` + ref("Broken") + `}}}},` +
		`"components":{"responses":{"Broken":{"description":"d"}},"schemas":{"O":{"type":"string"},"T":{"type":"string"}}}}`
	if diff := cmp.Diff(want, string(d.JSON())); diff != "" {
		t.Error(diff)
	}
	if _, err := d.YAML(); err != nil {
		t.Error(err)
	}
	table := lines.Read(d.Lines())
	for pointer, want := range map[string]lines.Place{
		"":                                   {File: "x/_document.yaml", Line: 1},
		"/paths":                             {File: "x/others.yaml", Line: 1},
		"/paths/~1things~1{id}/put":          {File: "x/others.yaml", Line: 3},
		"/paths/~1things~1{id}/get/security": {File: "x/things.yaml", Line: 10},
		"/components/schemas/T/type":         {File: "x/things.yaml", Line: 18},
		"/components/responses/Broken":       {File: "x/_document.yaml", Line: 13},
		// Written by the rule: it is where the responses are.
		"/paths/~1things~1{id}/get/responses/500": {File: "x/things.yaml", Line: 13},
	} {
		if got, _ := table.Nearest(pointer); got != want {
			t.Errorf("%s stands at %v, want %v", pointer, got, want)
		}
	}
}

func TestMergeRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		texts []string
		want  string
	}{
		"operation twice": {[]string{shareds, others, others}, "x/things.yaml:3: /paths/~1things~1{id}/put stands at x/others.yaml:3 already"},
		"component twice": {[]string{shareds, "components:\n  responses:\n    Broken: {description: d}\n"}, "x/others.yaml:3: /components/responses/Broken stands at x/_document.yaml:13 already"},
		"info twice":      {[]string{shareds, "info: {title: t}\n"}, "x/others.yaml:1: /info stands"},
		"mark twice":      {[]string{"paths: {/a: {x-understudy-basis: client}}\n", "paths: {/a: {x-understudy-basis: client}}\n"}, "/paths/~1a/x-understudy-basis stands"},
		"not an object":   {[]string{"[]"}, "x/_document.yaml: is not an object"},
		"not YAML":        {[]string{shareds, "a: ["}, "x/others.yaml: yaml:"},
		"condition":       {[]string{strings.Replace(shareds, "write:", "wrote:", 1)}, `x/_document.yaml:10: x-understudy-refusals: "wrote" is no condition`},
		"stale without":   {[]string{shareds, others, strings.Replace(things, "['404']", "['410']", 1)}, "names 410, which the rule does not ask for"},
		"kept without":    {[]string{shareds, others, strings.Replace(things, "['404']", "['401']", 1)}, "names 401, which the rule does not ask for, or the operation declares"},
	} {
		if _, err := merged(c.texts...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}
