package zen_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/understudy-api/understudy/server/decision/value"
	"github.com/understudy-api/understudy/server/decision/zen"
)

// row is an expression with its outcome on the vendor's engine.
type row struct {
	Mode   string          `json:"mode"`
	Expr   string          `json:"expr"`
	Ctx    json.RawMessage `json:"ctx"`
	Want   json.RawMessage `json:"want"`
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Type   string `json:"type"`
		Source string `json:"source"`
	} `json:"error"`
	Crash bool `json:"crash054"`
}

func dataFolder(t *testing.T) string {
	folder := os.Getenv("UNDERSTUDY_ZEN_DATA")
	if folder == "" {
		if os.Getenv("UNDERSTUDY_REQUIRE_ZEN_DATA") == "1" {
			t.Fatal("UNDERSTUDY_ZEN_DATA names no folder, and UNDERSTUDY_REQUIRE_ZEN_DATA wants one")
		}
		t.Skip("SKIPPED: UNDERSTUDY_ZEN_DATA names no folder with the conformance data")
	}
	return folder
}

func rows(t *testing.T, name string) []row {
	data, err := os.ReadFile(filepath.Join(dataFolder(t), name))
	if err != nil {
		t.Fatal(err)
	}
	var all []row
	for lines := bufio.NewScanner(bytes.NewReader(data)); lines.Scan(); {
		var r row
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Fatalf("%s: %v", lines.Bytes(), err)
		}
		all = append(all, r)
	}
	if len(all) < 50 {
		t.Fatalf("%s has %d rows", name, len(all))
	}
	return all
}

// clock stands at the moment at which the vendor's own cases are run.
func clock() time.Time { return time.Date(2025, 8, 19, 16, 55, 2, 78_000_000, time.UTC) }

func env(t *testing.T, ctx json.RawMessage) *zen.Env {
	root, err := value.Parse(ctx)
	if err != nil {
		t.Fatalf("context %s: %v", ctx, err)
	}
	return &zen.Env{Root: root, Clock: clock}
}

func evaluate(source string, unary bool, env *zen.Env) (value.Value, error) {
	compile := zen.Compile
	if unary {
		compile = zen.CompileUnary
	}
	program, err := compile(source)
	if err != nil {
		return value.Value{}, err
	}
	if unary {
		matched, err := program.Test(env)
		return value.Bool(matched), err
	}
	return program.Eval(env)
}

// sameJSON compares JSON texts; the order of members does not count.
func sameJSON(t *testing.T, got, want []byte) bool {
	var a, b any
	for text, into := range map[*any][]byte{&a: got, &b: want} {
		if err := json.Unmarshal(into, text); err != nil {
			t.Fatalf("%s: %v", into, err)
		}
	}
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	return bytes.Equal(x, y)
}

func checkRow(t *testing.T, r *row, unary bool, want json.RawMessage) {
	got, err := evaluate(r.Expr, unary, env(t, r.Ctx))
	if r.Error != nil {
		var failure *zen.Error
		if !errors.As(err, &failure) || failure.Kind != r.Error.Type || failure.Source != r.Error.Source {
			t.Errorf("%s | %s\n got %s, %v\nwant %+v", r.Expr, r.Ctx, got, err, *r.Error)
		}
		return
	}
	if err != nil {
		t.Errorf("%s | %s\n got error %v\nwant %s", r.Expr, r.Ctx, err, want)
		return
	}
	if text := got.AppendJSON(nil); !sameJSON(t, text, want) {
		t.Errorf("%s | %s\n got %s\nwant %s", r.Expr, r.Ctx, text, want)
	}
}

func TestConformance(t *testing.T) {
	for _, name := range []string{"standard", "date", "unary"} {
		t.Run(name, func(t *testing.T) {
			for _, r := range rows(t, name+".jsonl") {
				checkRow(t, &r, name == "unary", r.Want)
			}
		})
	}
}

func TestProbes(t *testing.T) {
	used := map[string]bool{}
	for _, r := range rows(t, "probes.jsonl") {
		key := r.Expr + "|" + string(r.Ctx)
		differs, ok := deviations[key]
		if !ok {
			key = r.Expr
			differs, ok = deviations[key]
		}
		if ok {
			used[key] = true
			r.Error, r.Crash = nil, false
			r.Result = json.RawMessage(differs.want)
			if differs.kind != "" {
				r.Error = &struct {
					Type   string `json:"type"`
					Source string `json:"source"`
				}{differs.kind, differs.want}
			}
		}
		if r.Crash {
			t.Errorf("%s: nothing is said about what crashed the engine", r.Expr)
			continue
		}
		checkRow(t, &r, r.Mode == "unary", r.Result)
	}
	if len(used) != len(deviations) {
		t.Errorf("%d deviations are listed, %d were met", len(deviations), len(used))
	}
}

// deviations are the probes, run on 0.54.0, of which 2.0.1 makes something else.
var deviations = map[string]struct{ want, kind, why string }{
	"5%0":                                    {want: "null", why: "the remainder of a division by zero is null; it crashed"},
	"10^28":                                  {want: "1e28", why: "it crashed when it printed the number"},
	"79228162514264337593543950335":          {want: "79228162514264337593543950335", why: "it crashed when it printed the number"},
	"79228162514264337593543950335+1":        {want: "Number overflow", kind: zen.KindVM, why: "an overflow is an error; it crashed"},
	`a|{"a": 12345678901234567890123456789}`: {want: "12345678901234567890123456789", why: "it crashed when it printed the number"},
	`a|{"a": 1e+30}`:                         {want: "null", why: "a number out of range is null; it crashed"},
	`a + 1|{"a": 1e+28}`:                     {want: "1e28", why: "it crashed when it printed the number"},
	"`\\``":                                  {want: "Incomplete parser output", kind: zen.KindParser, why: "the end of the source closes a template"},
	"`line1":                                 {want: `"line1"`, why: "the end of the source closes a template"},
	"`unclosed ${1}":                         {want: `"unclosed 1"`, why: "the end of the source closes a template"},
	"s[1]":                                   {want: `"b"`, why: "a constant index reads one byte of a string"},
	`d("2024-05-31").offsetName()`:           {want: `"UTC"`, why: "the name of the default zone is the host's; here it is the environment's"},
	"keys({b:1,a:2})":                        {want: `["a","b"]`, why: "members of a literal are taken off a stack, in reverse; they had no order"},
	"string(1.5^100)":                        {want: `"406561177535215237.39727970757"`, why: "powers are computed with more digits"},
	"2^0.5":                                  {want: "1.4142135623730951", why: "fractional powers are accurate"},
	"string(0.5^0.5)":                        {want: `"0.7071067811865475244008443621"`, why: "fractional powers are accurate"},
	"string(10^0.5)":                         {want: `"3.1622776601683793319988935444"`, why: "fractional powers are accurate"},
	"string(27^(1/3))":                       {want: `"2.9999999999999999999999999997"`, why: "fractional powers are accurate"},
	"string(2^-0.5)":                         {want: `"0.7071067811865475244008443621"`, why: "fractional powers are accurate"},
	"string(2^0.5)":                          {want: `"1.4142135623730950488016887242"`, why: "fractional powers are accurate"},
	"string(2^1.5)":                          {want: `"2.8284271247461900976033774484"`, why: "fractional powers are accurate"},
	"string(4^0.5)":                          {want: `"2"`, why: "fractional powers are accurate"},
	"string(9^0.5)":                          {want: `"3"`, why: "fractional powers are accurate"},
}
