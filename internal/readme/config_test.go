package readme_test

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/understudy-api/understudy/server/app"
)

func environment(pairs map[string]string) func(string) string {
	return func(name string) string { return pairs[name] }
}

// others are values that a flag may have and that are not its default.
var others = map[string]string{
	"addr":                 "127.0.0.1:0",
	"allow-outgoing":       "true",
	"allow-outgoing-local": "true",
	"admin-token":          "sixteen-letters!",
	"admin-token-file":     "admin",
	"auth":                 "open", // the only one
	"cors":                 "http://localhost:3000",
	"enforce":              "report",
	"exchanges":            "50",
	"host":                 "understudy,*.example.com",
	"log-format":           "json",
	"log-level":            "debug",
	"log-requests":         "false",
	"store-bytes":          "2000000000",
	"workspace-bytes":      "100000000",
	"workspaces":           "17",
	"max-body":             "4096",
	"max-connections":      "12",
	"public-url":           "https://understudy.example.com/here",
	"record":               "all",
	"rules":                "pricing=rules",
	"rules-token":          "another",
	"watch":                "true",
	"seed":                 "seed.yaml",
	"store":                "memory",
	"store-key":            "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
	"sync":                 "full",
	"url-file":             "a.url",
	"validate-responses":   "false",
	"allow-database":       "db.example.com,10.0.0.0/8,/run/postgresql",
	"files":                "s3://bucket=data",
}

func flags(t *testing.T, visit func(f *flag.Flag)) {
	t.Helper()
	fs := flag.NewFlagSet("", flag.ContinueOnError)
	new(app.Config).Flags(fs)
	fs.VisitAll(visit)
}

func parse(t *testing.T, args []string, env map[string]string) app.Config {
	t.Helper()
	c, err := app.ParseConfig(args, environment(env), io.Discard)
	if err != nil {
		t.Fatalf("%q %v: %v", args, env, err)
	}
	return *c
}

// Every flag can be set in the environment, and a flag that is given wins.
func TestDocsEnvironment(t *testing.T) {
	defaults := parse(t, nil, nil)
	flags(t, func(f *flag.Flag) {
		other, known := others[f.Name]
		if !known {
			t.Errorf("--%s: give the test a value", f.Name)
			return
		}
		byFlag := parse(t, []string{"--" + f.Name + "=" + other}, nil)
		byEnv := parse(t, nil, map[string]string{app.EnvName("serve", f.Name): other})
		if byEnv != byFlag {
			t.Errorf("%s=%s gives %+v, the flag %+v", app.EnvName("serve", f.Name), other, byEnv, byFlag)
		}
		if byFlag == defaults && other != f.DefValue {
			t.Errorf("--%s=%s changes nothing", f.Name, other)
		}
		if f.DefValue == "" {
			return
		}
		both := parse(t, []string{"--" + f.Name + "=" + f.DefValue}, map[string]string{app.EnvName("serve", f.Name): other})
		if both != defaults {
			t.Errorf("--%s=%s does not win over the environment: %+v", f.Name, f.DefValue, both)
		}
	})
}

// Help names every flag and where its like in the environment is.
func TestDocsHelp(t *testing.T) {
	var help bytes.Buffer
	if _, err := app.ParseConfig([]string{"-h"}, environment(nil), &help); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("-h: %v", err)
	}
	flags(t, func(f *flag.Flag) {
		_, usage := flag.UnquoteUsage(f)
		told := strings.Join(strings.Fields(help.String()), " ") // however it is broken into lines
		if !strings.Contains(help.String(), "\n  --"+f.Name) || !strings.Contains(told, strings.Join(strings.Fields(usage), " ")) {
			t.Errorf("-h does not tell of --%s:\n%s", f.Name, help.String())
		}
	})
	if !strings.Contains(help.String(), "UNDERSTUDY_") {
		t.Errorf("-h does not tell of the environment:\n%s", help.String())
	}
}

// A value that makes no sense is refused in one line that names the flag or the
// variable, and the value.
func TestDocsBadValues(t *testing.T) {
	bad := map[string][]string{
		"addr":                 {"nowhere", "127.0.0.1", "127.0.0.1:http", "127.0.0.1:65536", "127.0.0.1:-1"},
		"auth":                 {"closed"},
		"cors":                 {"localhost:3000", "http://localhost:3000/", "http://*.example.com", "http://localhost:*", "https://*", "*://a.example", "http://a.*", "**", "null", "http://u@a.example"},
		"enforce":              {"lax", "STRICT"},
		"host":                 {"understudy:80", "http://understudy", "a..b"},
		"exchanges":            {"0", "-1", "many"},
		"log-format":           {"xml"},
		"log-level":            {"loud", "INFO"},
		"max-body":             {"0", "-1", "1MiB"},
		"max-connections":      {"-1", "many"},
		"public-url":           {"understudy.example.com", "ftp://a", "https://a/?b", "https://", "//a"},
		"log-requests":         {"maybe"},
		"store-bytes":          {"-1", "1GiB"},
		"workspace-bytes":      {"-1", "many"},
		"workspaces":           {"-1", "many"},
		"record":               {"none", "ALL"},
		"rules":                {"pricing", "=x", "Pricing=x"},
		"rules-token":          {"a b"},
		"watch":                {"maybe"},
		"store":                {"sqlite:", "sqlite", "redis:x"},
		"allow-outgoing":       {"maybe"},
		"allow-outgoing-local": {"maybe"},
		"sync":                 {"off", "FULL"},
		"validate-responses":   {"maybe"},
		"allow-database":       {"10.0.0.0/99", "a b", ",", "db:5432"},
		"files":                {"data", "s3://bucket=", "bucket=data"},
	}
	flags(t, func(f *flag.Flag) {
		if len(bad[f.Name]) == 0 && !slices.Contains([]string{"url-file", "admin-token", "admin-token-file", "store-key", "seed"}, f.Name) {
			t.Errorf("--%s: give the test bad values", f.Name)
		}
		for _, value := range bad[f.Name] {
			for _, c := range []struct {
				where string
				args  []string
				env   map[string]string
			}{
				{f.Name, []string{"--" + f.Name + "=" + value}, nil},
				{f.Name, nil, map[string]string{app.EnvName("serve", f.Name): value}},
			} {
				_, err := app.ParseConfig(c.args, environment(c.env), io.Discard)
				if _, ok := errors.AsType[*app.UsageError](err); !ok {
					t.Errorf("%v %v: %v, want a mistake of usage", c.args, c.env, err)
					continue
				}
				said := err.Error()
				if strings.Contains(said, "\n") || !strings.Contains(said, value) ||
					!strings.Contains(said, c.where) && !strings.Contains(said, app.EnvName("serve", f.Name)) {
					t.Errorf("%v %v: %q", c.args, c.env, said)
				}
			}
		}
	})
}
