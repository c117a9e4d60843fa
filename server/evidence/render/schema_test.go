package render

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/understudy-api/understudy/server/contract"
	"github.com/understudy-api/understudy/server/evidence"
)

// TestSARIF validates what is written by the published schema of SARIF 2.1.0.
func TestSARIF(t *testing.T) {
	file, err := os.ReadFile("testdata/schema/sarif-2.1.0.json")
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	if err := compiler.AddResource("file:///sarif.json", document); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("file:///sarif.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cases() {
		out := write(t, SARIF, c.report, c.o)
		log, err := jsonschema.UnmarshalJSON(strings.NewReader(out))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(log); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	// The schema is one that says no.
	log, err := jsonschema.UnmarshalJSON(strings.NewReader(strings.Replace(write(t, SARIF, broken(), Options{}), `"level": "error"`, `"level": "fatal"`, 1)))
	if err != nil {
		t.Fatal(err)
	}
	if schema.Validate(log) == nil {
		t.Error("the schema takes a level that SARIF does not have")
	}
}

func TestSARIFResults(t *testing.T) {
	v := newView(broken(), Options{Judging: evidence.Judging{MinCoverage: 50}})
	var b bytes.Buffer
	if err := writeSARIF(&b, v); err != nil {
		t.Fatal(err)
	}
	log, err := jsonschema.UnmarshalJSON(bytes.NewReader(b.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	get := func(value any, path ...any) any {
		for _, step := range path {
			switch step := step.(type) {
			case string:
				value = value.(map[string]any)[step]
			case int:
				value = value.([]any)[step]
			}
		}
		return value
	}
	run := get(log, "runs", 0)
	results := get(run, "results").([]any)
	if len(results) != 7 {
		t.Fatalf("%d results", len(results))
	}
	levels := []string{}
	for _, result := range results {
		levels = append(levels, get(result, "level").(string))
		index, err := strconv.Atoi(get(result, "ruleIndex").(interface{ String() string }).String())
		if err != nil {
			t.Fatal(err)
		}
		if id := get(run, "tool", "driver", "rules", index, "id"); id != get(result, "ruleId") {
			t.Errorf("rule %d is %v, not %v", index, id, get(result, "ruleId"))
		}
	}
	if want := []string{"error", "error", "error", "warning", "warning", "note", "error"}; !slices.Equal(levels, want) {
		t.Errorf("levels %q", levels)
	}
	first := results[0]
	for _, c := range []struct {
		want string
		path []any
	}{
		{"POST /api/projects, body /name: The body member /name must be a string, not 7.", []any{"message", "text"}},
		{"openapi/brms/project.yaml", []any{"locations", 0, "physicalLocation", "artifactLocation", "uri"}},
		{"createProject", []any{"locations", 0, "logicalLocations", 0, "name"}},
		{"f1", []any{"partialFingerprints", sarifFingerprint}},
	} {
		if got := get(first, c.path...); got != c.want {
			t.Errorf("%v: %v", c.path, got)
		}
	}
	if get(results[4], "suppressions", 0, "kind") != "external" {
		t.Error("a known violation is not suppressed")
	}
	for text, want := range map[string]string{
		"plain [0-9]+ {id}": "plain [0-9]+ {id}",
		"[a](b) {0}":        `\[a\](b) {{0}}`,
	} {
		if got := sarifText(text).Text; got != want {
			t.Errorf("%q: %q", text, got)
		}
	}
}

// TestRuleHelp: every rule of our own has its help. Unknown ones get a sentence.
func TestRuleHelp(t *testing.T) {
	for _, rule := range []string{
		contract.RuleJSON, contract.RuleMediaType, contract.RuleUnknownPath, contract.RuleMethod, contract.RuleCredential, contract.RuleBodySize,
		contract.RuleStatus, contract.RuleIntegerRange, contract.RuleNumberRange, contract.RuleUnknownQuery, contract.RuleRepeated,
		contract.RuleTransport, contract.RuleBodyUnused, ruleCoverage,
	} {
		if ruleTexts[rule].what == "" {
			t.Errorf("%s has no help", rule)
		}
	}
	if got := helpFor("newest"); !strings.Contains(got, "newest") {
		t.Error(got)
	}
}

// TestJUnitSchema validates what is written by Jenkins's schema, with xmllint.
func TestJUnitSchema(t *testing.T) {
	lint, err := exec.LookPath("xmllint")
	if err != nil {
		if os.Getenv("UNDERSTUDY_REQUIRE_XMLLINT") == "1" {
			t.Fatal("UNDERSTUDY_REQUIRE_XMLLINT is set, and there is no xmllint")
		}
		t.Skip("*** SKIPPED: NO xmllint (package libxml2-utils): THE JUNIT FORMAT IS NOT VALIDATED BY ITS SCHEMA ***")
	}
	validate := func(text string) ([]byte, error) {
		c := exec.CommandContext(t.Context(), lint, "--noout", "--nonet", "--huge", "--schema", "testdata/schema/junit.xsd", "-")
		c.Stdin = strings.NewReader(text)
		return c.CombinedOutput()
	}
	for _, c := range cases() {
		if out, err := validate(write(t, JUnit, c.report, c.o)); err != nil {
			t.Errorf("%s: %v: %.2000s", c.name, err, out)
		}
	}
	if _, err := validate(strings.Replace(write(t, JUnit, broken(), Options{}), "<failure ", "<failed ", 1)); err == nil {
		t.Error("the schema takes an element that JUnit does not have")
	}
}

// TestJUnit checks the structure where there is no xmllint, and the sums, which no
// schema checks.
func TestJUnit(t *testing.T) {
	// What each element may hold, in order, and its attributes; "!" marks those
	// that must be there.
	elements := map[string]struct{ children, attributes []string }{
		"testsuites": {[]string{"testsuite"}, []string{"name", "tests!", "failures!", "errors!"}},
		"testsuite":  {[]string{"properties", "testcase"}, []string{"name!", "tests!", "failures!", "errors!", "skipped", "time!", "timestamp"}},
		"properties": {[]string{"property"}, nil},
		"property":   {nil, []string{"name!", "value!"}},
		"testcase":   {[]string{"failure", "system-out"}, []string{"name!", "classname!", "time!"}},
		"failure":    {nil, []string{"message!", "type!"}},
		"system-out": {nil, nil},
	}
	for _, c := range cases() {
		out := write(t, JUnit, c.report, c.o)
		decoder := xml.NewDecoder(strings.NewReader(out))
		var open []string
		last := []int{0}
		for {
			token, err := decoder.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
			switch token := token.(type) {
			case xml.StartElement:
				name := token.Name.Local
				element, ok := elements[name]
				if !ok {
					t.Fatalf("%s: element %s", c.name, name)
				}
				if len(open) > 0 {
					i := slices.Index(elements[open[len(open)-1]].children, name)
					if i < last[len(last)-1] {
						t.Fatalf("%s: %s stands wrong in %s", c.name, name, open)
					}
					last[len(last)-1] = i
				} else if name != "testsuites" {
					t.Fatalf("%s: the root is %s", c.name, name)
				}
				had := map[string]bool{}
				for _, a := range token.Attr {
					if had[a.Name.Local] || !slices.Contains(element.attributes, a.Name.Local) && !slices.Contains(element.attributes, a.Name.Local+"!") {
						t.Errorf("%s: attribute %s of %s", c.name, a.Name.Local, name)
					}
					had[a.Name.Local] = true
				}
				for _, a := range element.attributes {
					if must, ok := strings.CutSuffix(a, "!"); ok && !had[must] {
						t.Errorf("%s: %s lacks %s", c.name, name, must)
					}
				}
				open, last = append(open, name), append(last, 0)
			case xml.EndElement:
				open, last = open[:len(open)-1], last[:len(last)-1]
			}
		}

		var all junitSuites
		if err := xml.Unmarshal([]byte(out), &all); err != nil {
			t.Fatal(err)
		}
		tests, failures := 0, 0
		names := map[[2]string]bool{}
		for _, suite := range all.Suites {
			failed := 0
			for _, testcase := range suite.Cases {
				if key := [2]string{testcase.ClassName, testcase.Name}; names[key] && c.name != "attacked" {
					t.Errorf("%s: %q twice", c.name, key)
				} else {
					names[key] = true
				}
				if testcase.Failure != nil {
					failed++
				}
			}
			if suite.Tests != len(suite.Cases) || suite.Failures != failed || len(suite.Properties) == 0 {
				t.Errorf("%s: suite %s: %d tests, %d failures, %d properties", c.name, suite.Name, suite.Tests, suite.Failures, len(suite.Properties))
			}
			tests, failures = tests+suite.Tests, failures+failed
		}
		if all.Tests != tests || all.Failures != failures || tests < 2 {
			t.Errorf("%s: %d tests, %d failures", c.name, all.Tests, all.Failures)
		}
		if (failures == 0) != c.ok {
			t.Errorf("%s: %d failures", c.name, failures)
		}
	}

	var all junitSuites
	if err := xml.Unmarshal([]byte(write(t, JUnit, broken(), Options{Judging: evidence.Judging{MinCoverage: 50}})), &all); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, suite := range all.Suites {
		for _, c := range suite.Cases {
			state := "ok"
			if c.Failure != nil {
				state = "failed"
			}
			if strings.HasPrefix(c.Output, "Warnings:") {
				state += ", warns"
			}
			got = append(got, suite.Name+"."+c.Name+" "+state)
		}
	}
	want := []string{
		"brms.POST /api/projects (createProject) failed", "datafold.GET /api/v1/integrations (listIntegrations) ok, warns", "datafold.retired ok, warns",
		"verdict." + caseUnmatched + " failed, warns", "verdict.coverage failed", "verdict." + caseRequests + " ok",
		"tests.orders/create failed", "tests.orders/twice failed",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	if text := all.Suites[0].Cases[0].Failure.Text; !strings.Contains(text, "openapi/brms/project.yaml:133") || !strings.Contains(text, "openapi/brms/project.yaml:140") {
		t.Errorf("the failure lacks a violation: %s", text)
	}
}
