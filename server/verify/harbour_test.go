package verify_test

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/understudy-api/understudy/server/verify"
	"github.com/understudy-api/understudy/server/verify/buggy"
)

var (
	seeds = flag.Int("seeds", 1, "with how many seeds servers with bugs are looked at")
	first = flag.Uint64("first", 1, "the first of these seeds")
)

// drawn are the seeds that are asked for, at most a number of them.
func drawn(most int) []uint64 {
	out := make([]uint64, min(*seeds, most))
	for i := range out {
		out[i] = *first + uint64(i)
	}
	return out
}

func harbour(t testing.TB, handler http.Handler, seed uint64) verify.Options {
	t.Helper()
	d, err := verify.ParseDocument("harbour", "harbour.yaml", buggy.HarbourDocument())
	if err != nil {
		t.Fatal(err)
	}
	return verify.Options{
		Document: d, Handler: handler, Seed: seed, TimeLimit: 20 * time.Second,
		Credentials: map[string]string{"bearer": buggy.Token, "dock": buggy.DockKey, "pass": buggy.GatePass},
	}
}

// Where the harbour keeps its contract, nothing is found: however it keeps it.
func TestVerifyHarbourClean(t *testing.T) {
	ways := [][]buggy.Bug{nil}
	for _, way := range buggy.HarbourWays() {
		ways = append(ways, []buggy.Bug{way.Bug})
	}
	for _, way := range ways {
		for _, seed := range drawn(*seeds) {
			result := run(t, harbour(t, buggy.NewHarbour(way...), seed))
			t.Log(way, seed, result.Requests, result.To.Sub(result.From), result.Warnings)
			for _, f := range result.Findings {
				t.Errorf("%v, seed %d: %s %s %s: %s\n%s want %s\n%s", way, seed, f.Check, f.Operation, f.Rule, f.Message, f.Got, f.Accepted, f.Curl)
			}
			if result.Stopped != "" {
				t.Errorf("%v, seed %d: %s", way, seed, result.Stopped)
			}
		}
	}
}

// Every bug of the harbour is found by the check that is about it, whatever the seed. A
// tenth of them is enough for a run of the tests, another one each day; "make bugs" takes
// them all.
func TestVerifyHarbourBugs(t *testing.T) {
	tenth := time.Now().YearDay() % 10
	for i, bug := range buggy.HarbourBugs() {
		if *oneBug != "" && *oneBug != string(bug.Bug) || *oneBug == "" && i%10 != tenth && os.Getenv("UNDERSTUDY_BUGS") == "" {
			continue
		}
		t.Run(string(bug.Bug), func(t *testing.T) {
			for _, seed := range drawn(*seeds) {
				foundAfter(t, run(t, harbour(t, buggy.NewHarbour(bug.Bug), seed)), bug)
			}
		})
	}
}

// slow answers a number of requests a second, one after the other.
func slow(h http.Handler, perSecond int) http.Handler {
	ticks := time.NewTicker(time.Second / time.Duration(perSecond))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-ticks.C:
			h.ServeHTTP(w, r)
		case <-r.Context().Done():
		}
	})
}

// A server that answers 70 requests a second is seen in every phase within ten seconds,
// and the limit is kept to the second. What was left out is named, and nothing is said to
// have passed.
func TestVerifySlow(t *testing.T) {
	for _, seed := range drawn(3) {
		o := harbour(t, slow(buggy.NewHarbour(), 70), seed)
		o.TimeLimit = 10 * time.Second
		began := time.Now()
		result := run(t, o)
		if took := time.Since(began); took > 11*time.Second {
			t.Errorf("took %s", took)
		}
		for _, p := range result.Phases {
			t.Log(p.Phase, p.Requests, p.Duration, p.Done, p.Jobs)
			if p.Requests == 0 || p.Done == 0 {
				t.Errorf("%s: %d requests, %d jobs", p.Phase, p.Requests, p.Done)
			}
		}
		if len(result.Phases) != len(verify.Phases()) || !strings.Contains(result.Stopped, "of coverage ") {
			t.Errorf("%d phases, ended early: %q", len(result.Phases), result.Stopped)
		}
		for _, u := range result.Usage {
			if u.Requests == 0 {
				t.Errorf("%s was not called", u.Operation.ID)
			}
		}
		for _, f := range result.Findings {
			t.Errorf("%s %s %s: %s\n%s", f.Check, f.Operation, f.Rule, f.Message, f.Curl)
		}
	}
}

// A large document is planned within the time, however many cases it has.
func TestVerifyLarge(t *testing.T) {
	var b strings.Builder
	b.WriteString(`{"openapi":"3.0.3","info":{"title":"large","version":"1"},"paths":{`)
	const operations = 800
	for i := range operations / 2 {
		if i > 0 {
			b.WriteByte(',')
		}
		var members strings.Builder
		for m := range 64 {
			fmt.Fprintf(&members, `,"m%d":{"type":"string","minLength":%d,"maxLength":%d,"description":%q}`, m, m%5, 20+m, strings.Repeat("Says what it is. ", 5))
		}
		schema := fmt.Sprintf(`{"type":"object","required":["name"],"properties":{"name":{"type":"string"}%s}}`, members.String())
		refused := `{"description":"d","content":{"application/json":{"schema":{"type":"object"}}}}`
		fmt.Fprintf(&b, `"/t%d":{"get":{"operationId":"l%d","responses":{"200":{"description":"d"},"default":%s}},"post":{"operationId":"c%d","requestBody":{"required":true,"content":{"application/json":{"schema":%s}}},"responses":{"201":{"description":"d"},"default":%s}}}`,
			i, i, refused, i, schema, refused)
	}
	b.WriteString(`}}`)
	if b.Len() < 4_000_000 {
		t.Fatalf("%d bytes", b.Len())
	}
	d, err := verify.ParseDocument("large", "large.json", []byte(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	h := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusNotFound)
		_, _ = w.Write([]byte(`{}`))
	})
	began := time.Now()
	result := run(t, verify.Options{Document: d, Handler: h, TimeLimit: 3 * time.Second, Seed: 1, Workers: 2})
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("took %s", took)
	}
	t.Log(b.Len(), result.Requests, result.Phases)
	if len(result.Phases) != len(verify.Phases()) || len(result.Usage) != operations {
		t.Errorf("%d phases, %d operations", len(result.Phases), len(result.Usage))
	}
}

// The time is kept, and each phase has its share, whatever a document makes costly to plan:
// many limits of what things are made from, many parameters, deep values, wide unions.
func TestVerifyTimeLimit(t *testing.T) {
	var members, parameters, branches strings.Builder
	for i := range 120 {
		fmt.Fprintf(&members, "m%d: {type: string, minLength: %d, maxLength: %d}, ", i, i%5, 20+i)
		fmt.Fprintf(&parameters, "{name: q%d, in: query, schema: {type: integer, minimum: %d, maximum: 1000}}, ", i, i)
		fmt.Fprintf(&branches, "{type: object, required: [k, v%d], properties: {k: {enum: [b%d]}, v%d: {type: integer, maximum: %d}}}, ", i, i, i, i)
	}
	deep := "{type: integer, minimum: 1}"
	for range 40 {
		deep = "{type: object, required: [d], properties: {d: " + deep + ", e: {type: array, maxItems: 3, items: {type: string, maxLength: 5}}}}"
	}
	stateful := []verify.Phase{verify.PhaseStateful}
	for name, c := range map[string]struct {
		schema, parameters string
		phases             []verify.Phase
	}{
		"many members":    {"{type: object, properties: {" + strings.TrimSuffix(members.String(), ", ") + "}}", "", stateful},
		"a wide union":    {"{oneOf: [" + strings.TrimSuffix(branches.String(), ", ") + "]}", "", nil},
		"a deep value":    {deep, "", stateful},
		"many parameters": {"{type: object}", strings.TrimSuffix(parameters.String(), ", "), nil},
		"a pattern":       {"{type: object, required: [p], properties: {p: {type: string, pattern: '^([a-z]{1,9}-){3}(?!x)[0-9]+$', maxLength: 300}}}", "", nil},
	} {
		var b strings.Builder
		b.WriteString("openapi: 3.0.3\ninfo: {title: t, version: '1'}\npaths:\n")
		for i := range 12 {
			fmt.Fprintf(&b, "  /t%d:\n    post: {operationId: add%d, parameters: [%s], requestBody: {content: {application/json: {schema: {$ref: '#/components/schemas/T'}}}}, responses: {'201': {description: d}, default: {description: d}}}\n"+
				"  /t%d/{id}: {get: {operationId: get%d, parameters: [{name: id, in: path, required: true, schema: {type: string}}], responses: {'200': {description: d}, default: {description: d}}}}\n", i, i, c.parameters, i, i)
		}
		d, err := verify.ParseDocument("t", "t.yaml", []byte(b.String()+"components: {schemas: {T: "+c.schema+"}}\n"))
		if err != nil {
			t.Fatal(err)
		}
		h := slow(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost {
				w.Header().Set("Location", r.URL.Path+"/1")
				w.WriteHeader(http.StatusCreated)
			}
		}), 200)
		began := time.Now()
		result := run(t, verify.Options{Document: d, Handler: h, TimeLimit: time.Second, Seed: 1, Phases: c.phases})
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("%s: took %s", name, took)
		}
		for _, p := range result.Phases {
			if p.Requests == 0 {
				t.Errorf("%s: nothing was sent in %s", name, p.Phase)
			}
		}
		if result.Stopped == "" {
			t.Errorf("%s: %d requests, and all was done", name, result.Requests)
		}
	}
}
