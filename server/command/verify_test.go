package command

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/understudy-api/understudy/server/verify/buggy"
)

// shopFile writes the document of the shop down, and gives the flags that verify it.
func shopFile(t *testing.T, dir string) []string {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "shop.yaml"), buggy.Document(), 0o644); err != nil {
		t.Fatal(err)
	}
	return []string{"verify", "--document", "shop.yaml", "--max-examples", "5", "--seed", "1"}
}

func TestVerify(t *testing.T) {
	right, wrong := httptest.NewServer(buggy.New()), httptest.NewServer(buggy.New(buggy.AnyCategory, buggy.DeletedReadable))
	defer right.Close()
	defer wrong.Close()
	for _, c := range []struct {
		name  string
		flags []string
		code  int
		says  []string
	}{
		{"kept", []string{"--url", right.URL}, 0, []string{"stateful: ", "seed 1"}},
		{"broken", []string{"--url", wrong.URL}, 1, []string{"negative_data_rejection", "use_after_free", "0 findings"}},
		{"broken elsewhere", []string{"--url", wrong.URL, "--operations", "*Account,GET /health"}, 0, nil},
		{"broken and exempt", []string{"--url", wrong.URL, "--exempt", "negative_data_rejection:*", "--exempt", "use_after_free:*", "--exempt", "response_schema_conformance:*"}, 0, nil},
		{"one phase", []string{"--url", wrong.URL, "--phases", "examples"}, 0, []string{"examples: "}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			p := understudy(t, dir, append(shopFile(t, dir), c.flags...)...)
			p.Env = append(p.Env, "UNDERSTUDY_VERIFY_AUTH=Bearer "+buggy.Token)
			if code := p.does(t); code != c.code {
				t.Errorf("exit code %d, want %d:\n%s%s", code, c.code, p.stdout.String(), p.stderr.String())
			}
			wants(t, p.stderr.String(), c.says...)
			if strings.Contains(p.stdout.String()+p.stderr.String(), buggy.Token) {
				t.Error("the credential is said")
			}
		})
	}
}

// What was found is found again by its replay, until it is mended.
func TestVerifyReplay(t *testing.T) {
	right, wrong := httptest.NewServer(buggy.New()), httptest.NewServer(buggy.New(buggy.DeletedReadable))
	defer right.Close()
	defer wrong.Close()
	dir := t.TempDir()
	flags := append(shopFile(t, dir), "--auth", "bearer="+buggy.Token)
	for _, c := range []struct {
		code  int
		flags []string
	}{
		{1, []string{"--url", wrong.URL, "--write-replay", "found.json"}},
		{1, []string{"--url", wrong.URL, "--replay", "found.json"}},
		{0, []string{"--url", right.URL, "--replay", "found.json"}},
	} {
		p := understudy(t, dir, append(flags, c.flags...)...)
		if code := p.does(t); code != c.code {
			t.Errorf("%v: exit code %d\n%s%s", c.flags, code, p.stdout.String(), p.stderr.String())
		}
	}
}

// The document may come by standard input, and refer to files beside the working directory.
func TestVerifyStandardInput(t *testing.T) {
	server := httptest.NewServer(buggy.New())
	defer server.Close()
	dir := t.TempDir()
	shopFile(t, dir)
	if err := os.WriteFile(filepath.Join(dir, "part.yaml"), []byte("get: {operationId: health, responses: {default: {description: d, content: {'*/*': {}}}}}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	const rest = "openapi: 3.0.3\ninfo: {title: t, version: '1'}\npaths: "
	for text, c := range map[string]struct {
		code int
		says string
	}{
		string(buggy.Document()):                 {0, "seed 1"},
		rest + "{/health: {$ref: part.yaml}}":    {0, "seed 1"},
		rest + "{/health: {$ref: nowhere.yaml}}": {2, "nowhere.yaml"},
		rest + "{/health: {get: {parameters: [{name: a, in: qurey, schema: {}}], responses: {default: {description: d}}}}}": {2, "stdin: line 3"},
		`{"openapi":"3.0.3","info":{"title":"t","versio`:                                                                    {2, "stdin"},
		"": {2, "stdin"},
	} {
		p := understudy(t, dir, "verify", "--document", "-", "--url", server.URL, "--phases", "examples", "--seed", "1")
		p.Env = append(p.Env, "UNDERSTUDY_VERIFY_AUTH=Bearer "+buggy.Token)
		p.Stdin = strings.NewReader(text)
		if code := p.does(t); code != c.code || !strings.Contains(p.stderr.String(), c.says) {
			t.Errorf("%.100q: exit code %d, want %d and %q:\n%s", text, code, c.code, c.says, p.stderr.String())
		}
	}
}

func TestVerifyUsage(t *testing.T) {
	dir := t.TempDir()
	shop := strings.Join(shopFile(t, dir), " ")
	for args, says := range map[string]string{
		"verify":                            "--document",
		"verify --document nowhere.yaml":    "nowhere.yaml",
		"verify --document brms " + "extra": "takes no arguments",
		"verify --document brms --url http://me:" + markedSecret + "@h": "--url",
		"verify --document brms --header " + markedSecret:               "--header",
		"verify --document brms --auth a --auth b":                      "--auth",
		"verify --document brms --auth nothing=" + markedSecret:         `"nothing"`,
		"verify --document brms --phases all":                           `"all"`,
		"verify --document brms --checks all":                           `"all"`,
		"verify --document brms --operations none":                      `"none"`,
		"verify --document brms --max-examples -1":                      "--max-examples",
		"verify --document brms --replay nowhere.json":                  "nowhere.json",
		shop + " --url http://127.0.0.1:1":                              "connection refused",
	} {
		p := understudy(t, dir, strings.Fields(args)...)
		code := p.does(t)
		said := p.stderr.String()
		if code != 2 || p.stdout.Len() > 0 || strings.Count(said, "\n") != 1 || !strings.Contains(said, says) || strings.Contains(said, markedSecret) {
			t.Errorf("%s: exit code %d\n%s%s", args, code, p.stdout.String(), said)
		}
	}
}
