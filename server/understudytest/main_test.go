package understudytest

import (
	"bytes"
	"encoding/xml"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/understudy-api/understudy/server/evidence"
)

// tests is what a package's tests do.
type tests func() int

func (f tests) Run() int { return f() }

// One report of all stand-ins: its coverage, what it is taken of, and the files.
func TestMainReports(t *testing.T) {
	get := func(t *testing.T) int {
		t.Helper()
		whole := New(t)
		for _, u := range []*Understudy{whole, whole.Sub(t)} {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, BaseURL+"/api/projects", http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Authorization", "Bearer "+u.Token())
			answer, err := u.Client().Do(r)
			if err != nil {
				t.Fatal(err)
			}
			_ = answer.Body.Close()
		}
		return 0
	}
	whole := !partial() // else no coverage is judged, as this test is run with -run
	for name, test := range map[string]struct {
		choices []MainOption
		dir     bool
		code    int
		says    string
	}{
		"enough":        {[]MainOption{Operations("brms:listProjects"), MinCoverage(10)}, false, 0, ""},
		"too little":    {[]MainOption{MinCoverage(80)}, false, 1, "is below the 80 % asked for"},
		"for the merge": {[]MainOption{MinCoverage(80)}, true, 0, ""},
		"no operation":  {[]MainOption{Operations("nothing")}, false, 1, "no operation is named"},
		"no form":       {[]MainOption{Output("docx", "x")}, false, 1, "no form of a report"},
	} {
		t.Run(name, func(t *testing.T) {
			if test.code == 1 && strings.HasPrefix(test.says, "is below") && !whole {
				t.Skip("a part of the tests was asked for, and then no coverage is judged")
			}
			dir := t.TempDir()
			t.Setenv(ReportDirVariable, "")
			if test.dir {
				t.Setenv(ReportDirVariable, filepath.Join(dir, "reports"))
			}
			junit := filepath.Join(dir, "junit.xml")
			var log bytes.Buffer
			code := run(tests(func() int { return get(t) }), "example.com/fees", &log, append(test.choices, Output("junit", junit))...)
			if code != test.code || !strings.Contains(log.String(), test.says) {
				t.Errorf("exit code %d, and it says:\n%s", code, &log)
			}
			if strings.HasPrefix(test.says, "no ") {
				return
			}
			text, err := os.ReadFile(junit)
			if err != nil || xml.Unmarshal(text, new(struct{})) != nil {
				t.Errorf("the file holds no XML: %v", err)
			}
			if !test.dir {
				return
			}
			file, err := os.Open(filepath.Join(dir, "reports", "example.com-fees.json"))
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			r, err := evidence.ReadReport(file)
			if err != nil || r.Requests != 2 || r.Workspaces != 2 {
				t.Errorf("the report is of other tests: %d requests in %d workspaces, %v", r.Requests, r.Workspaces, err)
			}
		})
	}
}

func TestMainKeepsTheCodeOfTests(t *testing.T) {
	if code := run(tests(func() int { return 7 }), "example.com/fees", &bytes.Buffer{}); code != 7 {
		t.Errorf("exit code %d", code)
	}
}

func TestTokens(t *testing.T) {
	if a, b := tokenOf("TestÄ/x y"), tokenOf("TestÖ/x y"); a == b || strings.Trim(a, "abcdefghijklmnopqrstuvwxyzT0123456789-/") != "" {
		t.Errorf("the tokens are %q and %q", a, b)
	}
	if long := tokenOf(strings.Repeat("x", 1000)); len(long) > 250 {
		t.Errorf("the token has %d bytes", len(long))
	}
}
