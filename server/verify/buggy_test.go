package verify_test

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/understudy-api/understudy/server/verify"
	"github.com/understudy-api/understudy/server/verify/buggy"
)

var (
	oneBug = flag.String("bug", "", "look for this bug only, and say all that is found")
	update = flag.Bool("update", false, "write the table of the bugs into docs/verify.md")
)

func shop(t testing.TB, data []byte) *verify.Document {
	t.Helper()
	d, err := verify.ParseDocument("shop", "shop.yaml", data)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// Without a bug, nothing is found.
func TestVerifyNoBug(t *testing.T) {
	for name, data := range map[string][]byte{"3.0": buggy.Document(), "3.1": buggy.Document31()} {
		for _, seed := range drawn(*seeds) {
			result, err := verify.Run(t.Context(), verify.Options{
				Document: shop(t, data), Handler: buggy.New(), Authorization: "Bearer " + buggy.Token, Seed: seed,
			})
			if err != nil {
				t.Fatal(err)
			}
			t.Log(name, seed, result.Requests, result.To.Sub(result.From), result.Warnings)
			for _, f := range result.Findings {
				t.Errorf("%s, seed %d: %s %s %s: %s\n%s\n%s", name, seed, f.Check, f.Operation, f.Rule, f.Message, f.Got, f.Curl)
			}
		}
	}
}

// foundAfter is how many requests it took until the check of a bug failed.
func foundAfter(t *testing.T, result *verify.Result, bug buggy.Info) int64 {
	t.Helper()
	var found []string
	for _, f := range result.Findings {
		found = append(found, fmt.Sprintf("%s %s %s x%d: %s\n\t%s\n\t%s", f.Check, f.Operation, f.Rule, f.Count, f.Message, f.Got, f.Curl))
	}
	if *oneBug != "" {
		t.Logf("%d requests\n%s", result.Requests, strings.Join(found, "\n"))
	}
	i := slices.IndexFunc(result.Findings, func(f verify.Finding) bool { return f.Check == bug.Check })
	if i < 0 {
		t.Errorf("seed %d: %s: not found by %s, but\n%s", result.Seed, bug.What, bug.Check, strings.Join(found, "\n"))
		return 0
	}
	return result.Findings[i].After
}

// maxRequests bounds the default run on the shop.
const maxRequests = 5000

// row is a line of the table in docs/verify.md.
var row = regexp.MustCompile("(?m)^\\| `([a-z0-9-]+)` \\| (.*) \\| `([a-z_]+)` \\| ([0-9]+) \\|$")

// Every bug is found by the check that is about it. docs/verify.md lists it, and
// after how many requests it was found when the table was made: with requests that
// run beside each other it is a few more or less each time. A fifth of them is enough for a
// run of the tests, another one each day, and a few under the race detector; "make bugs"
// looks for all.
func TestVerifyBugs(t *testing.T) {
	document := shop(t, buggy.Document())
	const file, begin, end = "../../docs/verify.md", "<!-- bugs:begin -->\n", "<!-- bugs:end -->"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), begin)
	listed, tail, closed := strings.Cut(rest, end)
	if !ok || !closed {
		t.Fatal("docs/verify.md has no place for the bugs")
	}
	rows := row.FindAllStringSubmatch(listed, -1)
	if len(rows) != len(buggy.Bugs()) && !*update {
		t.Errorf("docs/verify.md lists %d of %d bugs: go test ./server/verify -run TestVerifyBugs -update", len(rows), len(buggy.Bugs()))
	}
	fifth, updates := time.Now().YearDay()%5, 0
	if *update {
		updates = 3
	}
	var table strings.Builder
	table.WriteString("| bug | what it does | found by | after requests |\n| --- | --- | --- | --- |\n")
	for i, bug := range buggy.Bugs() {
		expected := int64(maxRequests)
		if !*update && i < len(rows) {
			if !slices.Equal(rows[i][1:4], []string{string(bug.Bug), bug.What, bug.Check}) {
				t.Errorf("docs/verify.md says %q of %s", rows[i][0], bug.Bug)
			}
			n, _ := strconv.ParseInt(rows[i][4], 10, 64)
			expected = 2*n + 500
		}
		if *oneBug != "" && *oneBug != string(bug.Bug) || testing.Short() || raced && i%17 != 0 || *oneBug == "" && !*update && i%5 != fifth && os.Getenv("UNDERSTUDY_BUGS") == "" {
			continue
		}
		t.Run(string(bug.Bug), func(t *testing.T) {
			for _, seed := range drawn(*seeds) {
				result := run(t, verify.Options{Document: document, Handler: buggy.New(bug.Bug), Seed: seed})
				after := foundAfter(t, result, bug)
				if seed != 1 {
					continue
				}
				for range updates { // what goes out first is chance: the most of some is listed
					after = max(after, foundAfter(t, run(t, verify.Options{Document: document, Handler: buggy.New(bug.Bug), Seed: seed}), bug))
				}
				fmt.Fprintf(&table, "| `%s` | %s | `%s` | %d |\n", bug.Bug, bug.What, bug.Check, after)
				if result.Requests > maxRequests || after > expected {
					t.Errorf("found after %d requests of %d, want %d at most", after, result.Requests, expected)
				}
			}
		})
	}
	if !*update || t.Failed() {
		return
	}
	if err := os.WriteFile(file, []byte(before+begin+table.String()+end+tail), 0o644); err != nil {
		t.Fatal(err)
	}
}
