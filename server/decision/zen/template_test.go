package zen_test

import (
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/understudy-api/understudy/server/decision/value"
	"github.com/understudy-api/understudy/server/decision/zen"
)

func TestTemplates(t *testing.T) {
	for _, c := range [][2]string{
		{"", "null"},
		{"  ", "null"},
		{"{{}}", "null"},
		{"{{ }}", "parser: Unexpected end of unary expression at (0, 0)"},
		{" text ", `"text"`},
		{"{{ n }}", "1.5"},
		{" {{n}} ", "1.5"},
		{"{{ o }}", `{"a":[1,"z"]}`},
		{"{{ missing }}", "null"},
		{"{{ missing }}!", `"null!"`},
		{"{{ n }}{{ s }}", `"1.5x"`},
		{"a {{ s }} b", `"a x b"`},
		{"{{ o.a }} {{ true }}", `"[1,\"z\"] true"`},
		{"{{ [1.50, null, true, d('2024-01-01'), [1..2]] }}.", `"[1.50,null,true,2024-01-01T00:00:00Z,[1..2]]."`},
		{"{{ [{'k\"': 'a\"b\n'}, [], {}] }}.", `"[{\"k\"\":\"a\"b\n\"},[],{}]."`},
		{"{{ '{' + '}' }}", `"{}"`},
		{"{ {{ n }} }", `"{ 1.5 }"`},
		{"{{ n", "1.5"},
		{"a {{ n", `"a 1.5"`},
		{"a {{", `"a "`},
		{"{{{n}}}", "parser: Unexpected token: None at (2, 2); Expected Operator."},
		{"}}", "templateParser: closeBracket"},
		{"{{ n }} }}", "templateParser: closeBracket"},
		{"{{ {{ n }}", "templateParser: openBracket"},
		{"{{ n + }} {{ s + 1 }}", "parser: Unexpected end of unary expression at (4, 4)"},
		{"{{ s + 1 }} {{ n + }}", "vm: Opcode Add: Unsupported type"},
	} {
		template, err := zen.CompileTemplate(c[0])
		var got value.Value
		if err == nil {
			got, err = template.Eval(env(t, []byte(`{"n": 1.5, "s": "x", "o": {"a": [1, "z"]}}`)))
		}
		text := string(got.AppendJSON(nil))
		if failure, ok := errors.AsType[*zen.Error](err); ok {
			text = strings.TrimSuffix(failure.Kind, "Error") + ": " + failure.Source
		}
		if text != c[1] {
			t.Errorf("%s: %s, want %s", c[0], text, c[1])
		}
	}
}

func TestErrorsAsJSON(t *testing.T) {
	for _, c := range [][2]string{
		{"'", `{"type":"lexerError","source":"Unexpected EOF: ' at 0"}`},
		{"1 +", `{"type":"parserError","source":"Unexpected end of unary expression at (3, 3)"}`},
		{"len()", "{\"type\":\"compilerError\",\"source\":\"Invalid function call `len`: Invalid number of arguments\"}"},
		{"1 + ''", `{"type":"vmError","source":"Opcode Add: Unsupported type"}`},
	} {
		_, err := evaluate(c[0], false, &zen.Env{})
		text, failure := json.Marshal(err)
		if failure != nil || string(text) != c[1] {
			t.Errorf("%s: %s, %v; want %s", c[0], text, failure, c[1])
		}
		if zen.Stopped(err) {
			t.Errorf("%v counts as stopped", err)
		}
	}
	_, err := evaluate("x", true, &zen.Env{})
	if text, failure := json.Marshal(err); failure != nil || string(text) != `{"type":"missingContextReference"}` || err.Error() != "Missing context reference" {
		t.Errorf("%s, %v, %v", text, failure, err)
	}
	_, err = zen.CompileTemplate("}}")
	if text, failure := json.Marshal(err); failure != nil || string(text) != `{"type":"templateParserError","value":"closeBracket"}` {
		t.Errorf("%s, %v", text, failure)
	}
}

func TestReads(t *testing.T) {
	for source, want := range map[string]zen.Reads{
		"a + b.c + a":                  {Names: []string{"a", "b"}},
		"map(a as x, x + b + #)":       {Names: []string{"a", "b"}},
		"$root.a + $root['b']":         {Names: []string{"a", "b"}},
		"$root":                        {Root: true},
		"$root[a]":                     {Names: []string{"a"}, Root: true},
		"$ + $.a + $nodes.x.y":         {Reference: true, Nodes: true},
		"1 + 2":                        {},
		"d()":                          {Changes: true},
		"d('2024-01-01').year()":       {},
		"d(a)":                         {Names: []string{"a"}, Changes: true},
		"d('Europe/Berlin')":           {Changes: true},
		"d('2024-01-01').isToday()":    {Changes: true},
		"date('now')":                  {Changes: true},
		"date('2024-01-01')":           {},
		"rand(5)":                      {Changes: true},
		"year(a)":                      {Names: []string{"a"}, Changes: true},
		"a = 1; b = a; $root.c.d ?? 2": {Names: []string{"a", "c"}},
	} {
		program, err := zen.Compile(source)
		if err != nil {
			t.Fatal(err)
		}
		got, _ := json.Marshal(program.Reads())
		if wanted, _ := json.Marshal(want); string(got) != string(wanted) {
			t.Errorf("%s: %s, want %s", source, got, wanted)
		}
	}
}

func TestReferenceAndNodes(t *testing.T) {
	root := value.NewMap(1)
	root.Set("a", value.Int(1))
	e := &zen.Env{
		Root: value.Object(root), Reference: value.Int(2), HasReference: true,
		Nodes: value.String("n"), HasNodes: true,
	}
	for source, want := range map[string]string{
		"$":                   "2",
		"$nodes":              `"n"`,
		"$root":               `{"a":1,"$":2,"$nodes":"n"}`,
		"$root.$ + $root.a":   "3",
		"$root['$nodes']":     `"n"`,
		"keys($root)[1]":      `"$"`,
		"x = $; $root":        `{"a":1,"$":2,"$nodes":"n","x":2}`,
		"$ = 5; [$, $root.$]": "[5,2]",
		"a = $nodes; a + 'x'": `"nx"`,
	} {
		for range 2 {
			got, err := evaluate(source, false, e)
			if text := string(got.AppendJSON(nil)); err != nil || text != want {
				t.Errorf("%s: %s, %v; want %s", source, text, err, want)
			}
		}
	}
	if root.Len() != 1 {
		t.Error("an evaluation changed its environment")
	}
	if got, err := evaluate("$", false, &zen.Env{Root: value.Array(nil), Reference: value.Int(2), HasReference: true}); err != nil || got.String() != "2" {
		t.Errorf("%s, %v", got, err)
	}
}

func TestCache(t *testing.T) {
	cache := zen.NewCache(2000)
	first, err := cache.Compile("1 + a")
	if err != nil {
		t.Fatal(err)
	}
	again, _ := cache.Compile("1 + a")
	unary, _ := cache.CompileUnary("1 + a")
	if first != again || first == unary || !unary.Unary() || first.Source() != "1 + a" {
		t.Error("a program is not found again, or in the wrong mode")
	}
	_, refused := cache.Compile("1 +")
	if _, err := cache.Compile("1 +"); err == nil || !errors.Is(err, refused) {
		t.Errorf("what was refused: %v", err)
	}
	for i := range 100 {
		if _, err := cache.Compile(strings.Repeat(" ", i) + "2"); err != nil {
			t.Fatal(err)
		}
	}
	if again, _ = cache.Compile("1 + a"); again == first {
		t.Error("a full cache forgets nothing")
	}
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			env := &zen.Env{}
			for i := range 200 {
				program, err := cache.Compile(strings.Repeat(" ", i%40) + "d('2024-01-01').year() + len(extract('ab', 'a(b)'))")
				if err != nil {
					t.Error(err)
					return
				}
				if v, err := program.Eval(env); err != nil || v.String() != "2026" {
					t.Errorf("%s, %v", v, err)
				}
			}
		})
	}
	group.Wait()
}
