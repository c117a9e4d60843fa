package readme_test

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// The default address, as the README writes it.
const defaultURL = "http://127.0.0.1:8080"

var (
	session  = regexp.MustCompile("(?m)^<!-- (session|statuses) -->\n```(?:sh)?\n((?s:.*?))^```$")
	statuses = regexp.MustCompile(`(?m)^status ([0-9]{3})$`)
)

// pages are the pages with sessions, and what must be found in their answers.
var pages = map[string][]string{
	"README.md":        {`"kind":"rates"`, `/v2/quote`, `"indexing_cron":"0 6 * * *"`, `"result":"different"`, `"rule":`, `"file":"openapi/datafold/bi.yaml"`},
	"docs/control.md":  {`"applied":1`, `it declares 200, `, `"00000000-0000-4000-8000-000000000001"`, `"2026-01-02T12:00:00.000Z"`, `"name":"two-projects"`},
	"docs/releases.md": {`"result":{"fee":12`, `"version":"1.0.0"`, `"action":"load"`, `"action":"no_change"`, `"event":"release.deployed"`},
}

// The sessions of a page do what it says, pasted one after the other into one
// shell, and once more: nothing is left over that would be in the way.
func TestDocsSessions(t *testing.T) {
	for _, program := range []string{"sh", "curl", "sed"} {
		if _, err := exec.LookPath(program); err != nil {
			if os.Getenv("CI") != "" {
				t.Fatal(err)
			}
			t.Skip(err)
		}
	}
	for page, texts := range pages {
		t.Run(page, func(t *testing.T) { runSessions(t, page, texts) })
	}
}

func runSessions(t *testing.T, page string, texts []string) {
	written, err := os.ReadFile(root + "/" + page)
	if err != nil {
		t.Fatal(err)
	}
	var script, want strings.Builder
	for _, block := range session.FindAllStringSubmatch(string(written), -1) {
		if block[1] == "session" {
			script.WriteString(block[2])
		} else {
			want.WriteString(" " + strings.TrimSpace(block[2]))
		}
	}
	if strings.Count(script.String(), defaultURL) != 1 {
		t.Fatalf("the address stands once in a session:\n%s", script.String())
	}
	s := start(t, "--addr", "127.0.0.1:0", "--store", "sqlite:understudy.db")
	for range 2 {
		cmd := exec.CommandContext(t.Context(), "sh", "-eu")
		cmd.Stdin = strings.NewReader(strings.Replace(script.String(), defaultURL, s.url, 1))
		cmd.Dir = t.TempDir()
		cmd.Env = append(os.Environ(), "HOME="+cmd.Dir, "no_proxy=*") // no ~/.curlrc
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		var got strings.Builder
		for _, status := range statuses.FindAllSubmatch(out, -1) {
			got.WriteString(" " + string(status[1]))
		}
		if got.String() != want.String() {
			t.Fatalf("statuses %s\nwant     %s\n%s", got.String(), want.String(), out)
		}
		for _, text := range texts {
			if !strings.Contains(string(out), text) {
				t.Errorf("no %s in\n%s", text, out)
			}
		}
		if strings.Contains(string(out), "hush") {
			t.Errorf("a secret is answered:\n%s", out)
		}
		t.Logf("%s", out)
	}
}
