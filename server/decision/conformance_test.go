package decision_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-api/understudy/server/decision"
	"github.com/understudy-api/understudy/server/decision/script"
)

// referenceData returns the folder with the reference's graphs and traces.
func referenceData(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("UNDERSTUDY_ZEN_DATA")
	if dir == "" {
		if os.Getenv("UNDERSTUDY_REQUIRE_ZEN_DATA") != "" {
			t.Fatal("UNDERSTUDY_ZEN_DATA names no folder")
		}
		t.Skip("NOT COMPARED WITH THE REFERENCE: UNDERSTUDY_ZEN_DATA names no folder")
	}
	return dir
}

// referenceClock is the present in which the reference made its traces.
func referenceClock() time.Time { return time.Date(2025, 8, 19, 16, 55, 2, 78_000_000, time.UTC) }

// unwrapped is JSON as data, with numbers that say the same being the same, without
// the wrappings of the reference's own serialization, and without times.
func unwrapped(v any) any {
	switch v := v.(type) {
	case map[string]any:
		if text, ok := v["$serde_json::private::Number"].(string); ok {
			return number(text)
		}
		for key, member := range v {
			if v[key] = unwrapped(member); key == "performance" {
				v[key] = "[perf]"
			}
		}
	case []any:
		for i := range v {
			v[i] = unwrapped(v[i])
		}
	case json.Number:
		return number(v.String())
	}
	return v
}

func number(text string) any {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return text
	}
	return f
}

func decoded(t testing.TB, data []byte) any {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(string(data)))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%v in %s", err, data)
	}
	return unwrapped(v)
}

// TestReferenceGraphs evaluates the reference's graphs and compares results and traces
// with what the reference has made of them.
func TestReferenceGraphs(t *testing.T) {
	dir := referenceData(t)
	files, err := filepath.Glob(filepath.Join(dir, "graphs", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no graphs in %s: %v", dir, err)
	}
	engine := decision.New(decision.WithClock(referenceClock), decision.WithFunctions(script.New()))
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var cases struct {
			Tests []struct{ Input, Output json.RawMessage }
		}
		if err := json.Unmarshal(data, &cases); err != nil {
			t.Fatal(err)
		}
		d, err := decision.Parse(data)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for i, c := range cases.Tests {
			t.Run(name+"_"+strconv.Itoa(i), func(t *testing.T) {
				traced, err := engine.EvaluateJSON(context.Background(), d, c.Input, decision.EvaluateOptions{Trace: true})
				if err != nil {
					t.Fatal(err)
				}
				reference, err := os.ReadFile(filepath.Join(dir, "traces", name+"_"+strconv.Itoa(i)+".json"))
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(decoded(t, reference), decoded(t, traced.AppendJSON(nil))); diff != "" {
					t.Errorf("with a trace (-reference +ours):\n%s", diff)
				}
				plain, err := engine.EvaluateJSON(context.Background(), d, c.Input, decision.EvaluateOptions{})
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(decoded(t, c.Output), decoded(t, plain.Result.AppendJSON(nil))); diff != "" {
					t.Errorf("result (-reference +ours):\n%s", diff)
				}
			})
		}
	}
}
