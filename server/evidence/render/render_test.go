package render

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-api/understudy/server/contract"
	"github.com/understudy-api/understudy/server/evidence"
)

var update = flag.Bool("update", false, "write the goldens anew")

const hostile = "</script><script>document.documentElement.dataset.pwned=1</script>\"'><img src=x onerror=\"document.documentElement.dataset.pwned=2\">" +
	"|`*_[a](javascript:alert(1)) {{.}} {0} & %0A%25 ::error::pwned ##[error]pwned \x1b[31m \u202eevil\u202c\u2028 日本語 e\u0301 👩‍💻 ]]> \x00 \xff --> line\r\nnext"

func at(file string, line int) contract.Location {
	return contract.Location{File: file, Pointer: "/paths/~1x", Line: line}
}

// broken is a report of a client that breaks rules of every basis, on both sides.
func broken() *evidence.Report {
	const brms, datafold = "openapi/brms/project.yaml", "openapi/datafold/bi.yaml"
	published, inferred := contract.BasisPublished, contract.BasisInferred
	return &evidence.Report{
		Schema: evidence.SchemaURI, Version: "1.2.3",
		From: time.Date(2026, 10, 1, 10, 0, 0, 0, time.UTC), To: time.Date(2026, 10, 1, 10, 5, 30, 250e6, time.UTC),
		Workspaces: 8, Requests: 131,
		Coverage: evidence.Coverage{Of: evidence.CoverageOfPublished, Covered: 3, Total: 7, Percent: 300.0 / 7},
		Operations: []evidence.RecordedOperation{
			{
				API: "brms", ID: "createProject", Method: "POST", Path: "/api/projects", Basis: published, Document: at(brms, 120), Requests: 100,
				Rows: []evidence.Row{
					{RequestType: "application/json", Status: 201, ResponseType: "application/json", Basis: published, Counts: true, Requests: 96},
					{RequestType: "application/json", Status: 409, ResponseType: "application/json", Basis: published, Counts: true, Hint: "create a project whose key is taken"},
					{RequestType: "application/json", Status: 500, ResponseType: "application/json", Basis: inferred, Hint: "ask for a fault"},
				},
				Undeclared: []evidence.Row{{RequestType: "application/json", Status: 418, Requests: 1}},
				Properties: []evidence.Seen{{Name: "/name", Basis: published, Requests: 100}, {Name: "/key", Basis: published}},
			},
			{
				API: "brms", ID: "deleteProject", Method: "DELETE", Path: "/api/projects/{projectId}", Basis: published, Document: at(brms, 180),
				Rows: []evidence.Row{
					{Status: 204, Basis: published, Counts: true, Hint: "delete a project"},
					{Status: 404, ResponseType: "application/json", Basis: published, Counts: true, Hint: "delete one that is not there"},
				},
			},
			{
				API: "datafold", ID: "listIntegrations", Method: "GET", Path: "/api/v1/integrations", Basis: published, Document: at(datafold, 40), Requests: 30,
				Rows: []evidence.Row{
					{Status: 200, ResponseType: "application/json", Basis: published, Counts: true, Requests: 29},
					{Status: 422, ResponseType: "application/json", Basis: published, Counts: true, Requests: 1},
					{Status: 0, ResponseType: "application/json", Basis: published, Counts: true},
				},
				Parameters: []evidence.Seen{{Name: "query page", Basis: published, Requests: 3}},
				Enums:      []evidence.Seen{{Name: "query all=true", Basis: published}, {Name: "query all=false", Basis: published, Requests: 2}},
			},
		},
		Violations: []evidence.RecordedViolation{
			{
				Fingerprint: "f1", API: "brms", Operation: "createProject", Method: "POST", Path: "/api/projects", Side: contract.SideClient, Rule: "type", Basis: published,
				In: contract.InBody, Pointer: "/name", Message: "The body member /name must be a string, not 7.", Got: "7", Accepted: "a string",
				Document: at(brms, 133), Requests: 3, Exchanges: []string{"x1", "x2", "x3"}, Values: []string{"7", "[]"}, Tests: []string{"orders/create", "orders/twice"},
				Curl: `curl -sS -H 'Content-Type: application/json' --data-raw '{"name":7}' "$UNDERSTUDY_URL"/api/projects`,
				First: &evidence.FirstRequest{
					Exchange: "x1", Time: time.Date(2026, 10, 1, 10, 0, 1, 5e6, time.UTC), Workspace: "w", Test: "orders/create", UserAgent: "shop/1.0",
					Method: "POST", Path: "/api/projects", Status: 400, Header: http.Header{"Content-Type": {"application/json"}, "Authorization": {"Bearer " + contract.Mask}}, Body: `{"name":7}`,
				},
			},
			{
				Fingerprint: "f2", API: "brms", Operation: "createProject", Side: contract.SideServer, Rule: contract.RuleStatus, Basis: published,
				In: contract.InMessage, Message: "The answer's status 418 is not declared for the operation: declare it, or answer with 201 or 409.", Got: "418", Accepted: "201 or 409",
				Document: at(brms, 140), Requests: 1, Exchanges: []string{"x9"},
			},
			{
				Fingerprint: "f3", API: "datafold", Method: "GET", Path: "/api/v1/integration", Side: contract.SideClient, Rule: contract.RuleUnknownPath, Basis: published,
				In: contract.InMessage, Message: `No operation has the path "/api/v1/integration"; the nearest is /api/v1/integrations: correct the path or the base URL.`,
				Got: `"/api/v1/integration"`, Accepted: "/api/v1/integrations", Document: contract.Location{File: datafold}, Requests: 1, Exchanges: []string{"x4"},
			},
			{
				Fingerprint: "f4", API: "datafold", Operation: "listIntegrations", Side: contract.SideClient, Rule: "pattern", Basis: inferred,
				In: contract.InQuery, Name: "page", Pointer: "/0", Message: "The query parameter \"page\" must match ^[0-9]+$, not \"ü\". (The rule is a guess of ours, so it only warns.)", Got: `"ü"`, Accepted: "a string that matches ^[0-9]+$",
				Document: at(datafold, 52), Requests: 2, Exchanges: []string{"x5", "x6"},
			},
			{
				Fingerprint: "f5", API: "datafold", Operation: "retired", Side: contract.SideClient, Rule: "required", Basis: published,
				In: contract.InHeader, Name: "X-Trace", Message: "The header \"X-Trace\" is missing: send it, as a string.", Accepted: "a string",
				Document: at(datafold, 77), Requests: 1, Exchanges: []string{"x7"}, Known: true,
			},
			{
				Fingerprint: "f6", API: "datafold", Method: "GET", Path: "/api/v1/monitors", Side: contract.SideClient, Rule: contract.RuleUnserved, Basis: inferred,
				In: contract.InMessage, Message: "The vendor has the operation GET /api/v1/monitors, and Understudy does not serve it: the request may be right, and was answered 404.",
				Got: `"/api/v1/monitors"`, Accepted: "", Document: contract.Location{File: datafold}, Requests: 4, Exchanges: []string{"x8"},
			},
			{
				Fingerprint: "f7", API: "brms", Operation: "createProject", Method: "POST", Path: "/api/projects", Side: contract.SideClient, Rule: "required", Basis: published,
				In: contract.InBody, Pointer: "/name", Message: "The body member /name is missing: send it, as a string.", Document: at(brms, 131), Requests: 2, Exchanges: []string{"x10"}, Expected: true,
			},
		},
	}
}

func kept() *evidence.Report {
	r := broken()
	r.Violations = nil
	return r
}

func attacked() *evidence.Report {
	r := broken()
	for i := range r.Violations {
		x := &r.Violations[i]
		x.Message, x.Got, x.Accepted, x.Name, x.Pointer = hostile, hostile, hostile, hostile, "/"+hostile
		x.Rule, x.Exchanges, x.Document.File = hostile, []string{hostile}, "a:b/"+hostile
		x.Method, x.Path, x.Values, x.Tests, x.Curl = hostile, hostile, []string{hostile, "x"}, []string{hostile}, hostile
		x.First = &evidence.FirstRequest{
			Workspace: hostile, Test: hostile, Trace: hostile, UserAgent: hostile, Method: hostile, Path: hostile, Header: http.Header{hostile: {hostile}}, Body: hostile,
		}
		if x.Operation != "" {
			x.Operation = hostile
		}
	}
	for i := range r.Operations {
		o := &r.Operations[i]
		o.API, o.ID, o.Path, o.Method = hostile, hostile, "/"+hostile, "GET"+hostile
		for j := range o.Rows {
			o.Rows[j].Hint, o.Rows[j].RequestType = hostile, hostile
		}
		for j := range o.Parameters {
			o.Parameters[j].Name = hostile
		}
	}
	r.Version = hostile
	return r
}

const many = 5000

func huge() *evidence.Report {
	r := broken()
	x := r.Violations[0]
	r.Violations = nil
	for i := range many {
		x.Fingerprint, x.Pointer = fmt.Sprintf("f%05d", i), fmt.Sprintf("/member%05d", i)
		x.Basis = contract.BasisPublished
		if i%2 == 1 {
			x.Basis = contract.BasisInferred
		}
		r.Violations = append(r.Violations, x)
	}
	for i := range 3000 {
		o := r.Operations[i%2]
		o.ID = fmt.Sprintf("operation%04d", i)
		r.Operations = append(r.Operations, o)
	}
	return r
}

type testCase struct {
	name   string
	report *evidence.Report
	o      Options
	ok     bool
}

func cases() []testCase {
	now := time.Date(2026, 10, 1, 11, 0, 0, 0, time.UTC)
	return []testCase{
		{"empty", &evidence.Report{Coverage: evidence.Coverage{Of: evidence.CoverageOfPublished, Percent: 100}}, Options{}, false},
		{"nil", nil, Options{Judging: evidence.Judging{AllowNoRequests: true}}, true},
		{"ended", kept(), Options{Ended: "ended with 7"}, false},
		{"kept", kept(), Options{Now: now}, true},
		{"short", kept(), Options{Judging: evidence.Judging{MinCoverage: 42.9}, Now: now}, false},
		{"broken", broken(), Options{Now: now, Title: "Contract of the <shop>"}, false},
		{"inferred", broken(), Options{Judging: evidence.Judging{FailOn: evidence.FailOnInferred, MinCoverage: 50}, Width: 60, Colour: true}, false},
		{"none", broken(), Options{Judging: evidence.Judging{FailOn: evidence.FailOnNone}}, true},
		{"attacked", attacked(), Options{Judging: evidence.Judging{MinCoverage: 90}, Title: hostile}, false},
		{"shared", sharing(), Options{}, false},
		{"huge", huge(), Options{}, false},
	}
}

func write(t *testing.T, f Format, r *evidence.Report, o Options) string {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, f, r, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestGoldens(t *testing.T) {
	for _, c := range cases() {
		if c.name == "huge" {
			continue
		}
		for _, name := range Formats() {
			t.Run(c.name+"/"+name, func(t *testing.T) {
				f, _ := Parse(name)
				got := write(t, f, c.report, c.o)
				if again := write(t, f, c.report, c.o); again != got {
					t.Error("the second rendering differs from the first")
				}
				path := filepath.Join("testdata", "golden", c.name+"."+name)
				if *update {
					if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(string(want), got); diff != "" {
					t.Errorf("differs from %s (-update writes it anew):\n%s", path, diff)
				}
			})
		}
	}
}

// TestAll asks of every format and every report what all of them keep.
func TestAll(t *testing.T) {
	for _, c := range cases() {
		for _, name := range Formats() {
			t.Run(c.name+"/"+name, func(t *testing.T) {
				before, err := json.Marshal(c.report)
				if err != nil {
					t.Fatal(err)
				}
				out := write(t, Format(name), c.report, c.o)
				after, err := json.Marshal(c.report)
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(before, after) {
					t.Error("the rendering changed the report")
				}
				if !utf8.ValidString(out) || !strings.HasSuffix(out, "\n") {
					t.Error("the output is not lines of UTF-8")
				}
				for _, r := range out {
					if r != '\n' && r != '\x1b' && hidden(r) && name != "json" && name != "sarif" {
						t.Fatalf("the output holds %U", r)
					}
				}
				if strings.Contains(out, "\x1b") && (name != "table" || !c.o.Colour) {
					t.Error("the output steers the terminal")
				}
				if (name == "table" || name == "markdown" || name == "html" || name == "github") && strings.Contains(out, "PASSED") != c.ok {
					t.Errorf("the verdict is not told: PASSED is to be told: %v", c.ok)
				}
			})
		}
	}
}

func TestFormats(t *testing.T) {
	want := []string{"table", "json", "junit", "sarif", "html", "markdown", "github"}
	if got := Formats(); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	for _, name := range want {
		if f, ok := Parse(name); !ok || string(f) != name {
			t.Errorf("Parse(%q) = %q, %v", name, f, ok)
		}
	}
	for _, name := range []string{"", "xml", "TABLE"} {
		if f, ok := Parse(name); ok {
			t.Errorf("Parse(%q) = %q", name, f)
		}
	}
	if err := Write(&bytes.Buffer{}, "xml", broken(), Options{}); err == nil || !strings.Contains(err.Error(), `"xml"`) {
		t.Errorf("an unknown format: %v", err)
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errFull }

var errFull = errors.New("no space left")

func TestWriteError(t *testing.T) {
	for _, name := range Formats() {
		if err := Write(fullDisk{}, Format(name), broken(), Options{}); !errors.Is(err, errFull) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestSaid: every format names, for each failure, all that is needed to mend it.
func TestSaid(t *testing.T) {
	r := broken()
	r.Violations = r.Violations[:1]
	for _, name := range Formats() {
		out := write(t, Format(name), r, Options{})
		said := []string{"POST", "/api/projects", "createProject", "orders/create", "--data-raw", "shop/1.0", "/name", "type", "a string", "openapi/brms/project.yaml", "133", "x1", "must be a string, not 7"}
		if name == "junit" {
			said = append(said, "POST /api/projects, body /name, type", "got 7")
		}
		for _, word := range said {
			if !strings.Contains(out, word) {
				t.Errorf("%s does not say %q", name, word)
			}
		}
	}
	lines := strings.Split(write(t, Table, r, Options{Width: 40}), "\n")
	line := lines[slices.IndexFunc(lines, func(s string) bool { return strings.Contains(s, "got 7") })]
	for _, word := range []string{"POST /api/projects", "createProject", "body /name", "type", "a string", "openapi/brms/project.yaml:133", "3 requests", "exchange x1 and 2 more"} {
		if !strings.Contains(line, word) {
			t.Errorf("the failure's line does not say %q: %s", word, line)
		}
	}
}

// TestSecrets marks every text of a report, and sees that each format shows what
// came where it shows what came, and nowhere else.
func TestSecrets(t *testing.T) {
	r := broken()
	r.Violations = r.Violations[:1]
	x := &r.Violations[0]
	x.Got, x.Message, x.Tests, x.Values = "GOT_MARK", "A sentence.", nil, nil
	want := map[string]int{"table": 1, "json": 1, "junit": 1, "sarif": 1, "html": 1, "markdown": 1, "github": 1}
	for _, name := range Formats() {
		out := strings.ReplaceAll(write(t, Format(name), r, Options{}), "&#95;", "_")
		if n := strings.Count(out, "GOT_MARK"); n != want[name] {
			t.Errorf("%s shows what came %d times", name, n)
		}
	}
	x.Got = ""
	for _, name := range Formats() {
		if strings.Contains(write(t, Format(name), r, Options{}), "GOT") {
			t.Errorf("%s shows what did not come", name)
		}
	}
}

func TestBounded(t *testing.T) {
	r := huge()
	limits := map[Format]int{Table: 150_000, Markdown: 150_000, GitHub: 100_000}
	for _, f := range []Format{Table, Markdown, GitHub} {
		out := write(t, f, r, Options{})
		if len(out) > limits[f] {
			t.Errorf("%s: %d bytes", f, len(out))
		}
		more := many/2 - maxFailures
		if !strings.Contains(strings.ToLower(out), fmt.Sprintf("and %d", more)) {
			t.Errorf("%s does not say that there are %d more", f, more)
		}
	}
	for _, f := range []Format{JSON, JUnit, SARIF, HTML} {
		out := write(t, f, r, Options{})
		found := map[string]bool{}
		for _, name := range regexp.MustCompile(`/member\d{5}`).FindAllString(out, -1) {
			found[name] = true
		}
		if len(found) != many {
			t.Errorf("%s has %d violations", f, len(found))
		}
	}
}

func TestJSON(t *testing.T) {
	r := broken()
	var back evidence.Report
	if err := json.Unmarshal([]byte(write(t, JSON, r, Options{})), &back); err != nil {
		t.Fatal(err)
	}
	for i := range back.Operations { // lists are never null
		o := &back.Operations[i]
		v := reflect.ValueOf(o).Elem()
		for j := range v.NumField() {
			if f := v.Field(j); f.Kind() == reflect.Slice {
				if f.IsNil() {
					t.Errorf("%s is null", v.Type().Field(j).Name)
				}
				if f.Len() == 0 {
					f.SetZero()
				}
			}
		}
	}
	if diff := cmp.Diff(r, &back); diff != "" {
		t.Error(diff)
	}
	if out := write(t, JSON, &evidence.Report{}, Options{}); strings.Contains(out, "null") || !strings.Contains(out, evidence.SchemaURI) {
		t.Error(out)
	}
}

func TestTable(t *testing.T) {
	for _, c := range cases() {
		out := write(t, Table, c.report, Options{Judging: evidence.Judging{MinCoverage: c.o.MinCoverage}})
		for line := range strings.Lines(out) {
			if strings.IndexFunc(line, func(r rune) bool { return r > '~' || r < ' ' && r != '\n' }) >= 0 {
				t.Fatalf("%s: beyond ASCII: %q", c.name, line)
			}
			// What GitHub's runner would take for a command.
			if strings.HasPrefix(strings.TrimSpace(line), "::") || strings.Contains(line, "##[") {
				t.Fatalf("%s: a command: %q", c.name, line)
			}
		}
		lines := strings.Split(strings.TrimSpace(out), "\n")
		if last := strings.Join(lines[len(lines)-3:], " "); !strings.Contains(last, "PASSED") && !strings.Contains(last, "FAILED") {
			t.Errorf("%s: the verdict is not last: %s", c.name, last)
		}
	}
}

func TestColumns(t *testing.T) {
	for text, want := range map[string]int{"": 0, "abc": 3, "日本": 4, "e\u0301": 1, "👍": 2, "ü": 1, "한": 2} {
		if got := columns(text); got != want {
			t.Errorf("columns(%q) = %d", text, got)
		}
	}
	if got := cut("日本語日本語", 8); got != "日本..." {
		t.Errorf("cut: %q", got)
	}
	if got := wrap("a bc  def "+strings.Repeat("x", 9), 4); !slices.Equal(got, []string{"a bc", "def", "xxxxxxxxx"}) {
		t.Errorf("wrap: %q", got)
	}
	var b bytes.Buffer
	grid := &table{&b, newView(nil, Options{Colour: true})}
	grid.grid("", [][]cell{{{"日本", ""}, {"|", ""}}, {{"abcde", dim}, {"|", ""}}, {{"e\u0301", ""}, {"|", ""}}})
	for line := range strings.Lines(b.String()) {
		line = strings.NewReplacer("\x1b[2m", "", "\x1b[0m", "", "\n", "").Replace(line)
		if columns(line) != 8 {
			t.Errorf("not aligned: %q", line)
		}
	}
}

func TestPercent(t *testing.T) {
	for percent, want := range map[float64]string{0: "0.0 %", 29.0 / 100 * 100: "29.0 %", 49.99: "49.9 %", 99.999: "99.9 %", 100: "100.0 %"} {
		v := newView(&evidence.Report{Coverage: evidence.Coverage{Percent: percent}}, Options{})
		if got := v.percent(); got != want {
			t.Errorf("%v: %s", percent, got)
		}
	}
}

// TestMarkdown: no cell breaks out of its table, and no text becomes markup.
func TestMarkdown(t *testing.T) {
	for _, c := range cases() {
		width := 0
		for line := range strings.Lines(write(t, Markdown, c.report, c.o)) {
			if !strings.HasPrefix(line, "|") {
				width = 0
				continue
			}
			n := strings.Count(line, "|")
			if width != 0 && n != width {
				t.Fatalf("%s: %d bars, not %d: %s", c.name, n, width, line)
			}
			width = n
		}
	}
	out := write(t, Markdown, attacked(), Options{Title: hostile})
	for _, tag := range []string{"<script", "<img", "](", "`", "onerror=\"", "\\"} {
		if strings.Contains(out, tag) {
			t.Errorf("the summary holds %q", tag)
		}
	}
}

// TestGitHub reads the commands back as the runner does.
func TestGitHub(t *testing.T) {
	out := write(t, GitHub, attacked(), Options{Judging: evidence.Judging{MinCoverage: 90}, Title: hostile})
	commands := map[string]int{}
	for line := range strings.Lines(out) {
		line, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "::")
		head, message, cut := strings.Cut(line, "::")
		if !ok || !cut || message == "" {
			t.Fatalf("not a command: %q", line)
		}
		command, properties, _ := strings.Cut(head, " ")
		commands[command]++
		for property := range strings.SplitSeq(properties, ",") {
			name, value, ok := strings.Cut(property, "=")
			if !ok || value == "" || !slices.Contains([]string{"file", "line", "title"}, name) {
				t.Errorf("not a property: %q", property)
			}
		}
	}
	if want := (map[string]int{"error": 5, "warning": 3}); !reflect.DeepEqual(commands, want) {
		t.Errorf("got %v", commands)
	}
	r := broken()
	r.Violations = r.Violations[:1]
	r.Violations[0].Message = "100% of\r\nlines, all: of them"
	out = write(t, GitHub, r, Options{})
	if want := "::error file=openapi/brms/project.yaml,line=133,title=POST /api/projects%3A body /name (type)::100%25 of\\r%0Alines, all: of them%0APOST /api/projects, body /name, type: got 7"; !strings.HasPrefix(out, want) {
		t.Errorf("got %s", out)
	}
}

// docs/rules has a page for each rule that the contract can name, made from one table.
func TestRulePages(t *testing.T) {
	const folder = "../../../docs/rules"
	pages := Rules()
	if *update {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			t.Fatal(err)
		}
		for name, text := range pages {
			if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	files, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != len(pages) {
		t.Errorf("%d pages, %d rules", len(files), len(pages))
	}
	for name, want := range pages {
		got, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil || string(got) != want {
			t.Errorf("%s is not up to date (-update writes it anew): %v", name, err)
		}
	}
	source, err := os.ReadFile("../../contract/violation.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`(?m)^\tRule\w+ += "(\w+)"`).FindAllStringSubmatch(string(source), -1) {
		if pages[m[1]+".md"] == "" {
			t.Errorf("the rule %s has no page", m[1])
		}
	}
}
