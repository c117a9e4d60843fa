package app

import (
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func ruleOf(expression string) string {
	return `{"nodes":[{"id":"in","name":"in","type":"inputNode"},{"id":"n","name":"n","type":"expressionNode","content":` +
		`{"expressions":[{"id":"x","key":"v","value":"` + expression + `"}]}}],"edges":[{"id":"e","sourceId":"in","targetId":"n"}]}`
}

func writeFiles(t *testing.T, folder string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		name = filepath.Join(folder, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// A folder is a project: its decisions are published at their paths, and again when
// they change.
func TestRulesFolder(t *testing.T) {
	t.Parallel()
	w := startServer(t, Options{})
	folder := t.TempDir()
	writeFiles(t, folder, map[string]string{
		"fees.json": ruleOf("1"), "deep/down/sub.json": ruleOf("2"), "package.json": `{"name":"x"}`, "list.json": `[1]`,
		"readme.md": "hello", ".config/project.json": ruleOf("3"), "text": ruleOf("4"),
	})
	a, log := w.app, slog.New(slog.DiscardHandler)
	publish := func() error { return a.FollowRules(t.Context(), "pricing="+folder, "rules", false, log) }
	if err := publish(); err != nil {
		t.Fatal(err)
	}
	evaluated := func(path string) string {
		h := bearer("rules")
		h.Set("Content-Type", "application/json")
		got := w.do(t, "POST", "/api/projects/pricing/evaluate/"+path, h, strings.NewReader(`{"context":{}}`))
		_, result, _ := strings.Cut(got.body, `"result":`)
		return strings.TrimSuffix(result, "}")
	}
	for path, want := range map[string]string{
		"fees.json": `{"v":1}`, "deep/down/sub.json": `{"v":2}`, "package.json": "", "text": "", ".config/project.json": "",
	} {
		if got := evaluated(path); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
	before := signature(folder)
	writeFiles(t, folder, map[string]string{"fees.json": ruleOf("100 + 1")})
	if err := os.Remove(filepath.Join(folder, "deep", "down", "sub.json")); err != nil {
		t.Fatal(err)
	}
	if signature(folder) == before {
		t.Error("a change is not seen")
	}
	if err := publish(); err != nil {
		t.Fatal(err)
	}
	if got := evaluated("fees.json") + evaluated("deep/down/sub.json"); got != `{"v":101}` {
		t.Error(got)
	}
	writeFiles(t, folder, map[string]string{"fees.json": `{"nodes":`})
	if err := publish(); err == nil || !strings.Contains(err.Error(), "fees.json") {
		t.Errorf("%v", err)
	}
	if got := evaluated("fees.json"); got != `{"v":101}` {
		t.Error(got)
	}
	if err := a.FollowRules(t.Context(), "pricing="+filepath.Join(folder, "none"), "rules", false, log); err == nil {
		t.Error("a folder that is not there is followed")
	}
}

func TestParseRules(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{"": 0, "pricing=./a": 1, "pricing=./a, fees-2=b": 2, "pricing": -1, "P=x": -1, "pricing=": -1, "=x": -1} {
		list, ok := parseRules(text)
		if ok != (want >= 0) || ok && len(list) != want {
			t.Errorf("%q: %v, %v", text, list, ok)
		}
	}
}

// The first thing to try shows something: with --rules, its decisions.
func TestFirstScreen(t *testing.T) {
	for want, args := range map[string][]string{
		"try: curl -H 'Authorization: Bearer my-token' http://x/api/projects\n":                                      nil,
		"try: curl -H 'Authorization: Bearer rules' http://x/api/projects/pricing/entrypoints\n":                     {"--rules", "pricing=a,fees=b"},
		"try: curl -H \"Authorization: Bearer $UNDERSTUDY_RULES_TOKEN\" http://x/api/projects/pricing/entrypoints\n": {"--rules", "pricing=a", "--rules-token", "hush"},
	} {
		c, err := ParseConfig(args, func(string) string { return "" }, io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		if got := firstScreen("http://x", c); !strings.HasPrefix(got, want) || strings.Contains(got, "hush") || strings.Contains(got, "%") {
			t.Errorf("%q:\n%s", args, got)
		}
	}
}
