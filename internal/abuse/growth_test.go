package abuse_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/understudy-api/understudy/server/app"
	"github.com/understudy-api/understudy/server/brms"
	"github.com/understudy-api/understudy/server/contract"
	"github.com/understudy-api/understudy/server/control"
	"github.com/understudy-api/understudy/server/datafold"
	"github.com/understudy-api/understudy/server/sample"
	"github.com/understudy-api/understudy/server/seed"
)

// Twice the input takes at most perDoubling times the processor: nothing in the server
// looks at a list of the client's within another. It is measured from n to 4n.
const (
	perDoubling = 2.2
	fewItems    = 1500
	// outOfCache is what four times as much may take of what no cache holds any more. A
	// loop within a loop takes sixteen times as long.
	outOfCache = 8
	// negligible is what a quadratic loop over 4*fewItems would not stay below.
	negligible = 6 * time.Millisecond
)

// grower makes a value whose text grows with n.
type grower struct {
	name string
	make func(n int) any
}

func listOf(n int, item func(i int) any) any {
	items := make([]any, n)
	for i := range items {
		items[i] = item(i)
	}
	return items
}

func members(n int, name func(i int) string, value any) any {
	object := make(map[string]any, n)
	for i := range n {
		object[name(i)] = value
	}
	return object
}

// growers are what clients send too much of. Each is put in every place of every body.
var growers = []grower{
	{"fractions", func(n int) any { return listOf(n, func(int) any { return json.Number("1.5") }) }},
	{"numbers beyond a double", func(n int) any { return listOf(n, func(int) any { return json.Number("1e999") }) }},
	{"numbers beyond 64 bits", func(n int) any { return listOf(n, func(int) any { return json.Number("99999999999999999999") }) }},
	{"small numbers", func(n int) any { return listOf(n, func(i int) any { return i }) }},
	{"nulls", func(n int) any { return listOf(n, func(int) any { return nil }) }},
	{"empty objects", func(n int) any { return listOf(n, func(int) any { return map[string]any{} }) }},
	{"empty lists", func(n int) any { return listOf(n, func(int) any { return []any{} }) }},
	{"equal texts", func(n int) any { return listOf(n, func(int) any { return "aa" }) }},
	{"different texts", func(n int) any { return listOf(n, func(i int) any { return fmt.Sprint("a", i) }) }},
	{"objects of strangers", func(n int) any {
		return listOf(n/4, func(i int) any { return map[string]any{fmt.Sprint("nme", i): 1.5, "idd": nil, "typ": "x", "": 0} })
	}},
	{"members", func(n int) any { return members(n, func(i int) string { return fmt.Sprint("m", i) }, nil) }},
	{"members that hold something", func(n int) any {
		return members(n, func(i int) string { return fmt.Sprint("nam", i) }, []any{json.Number("1.5"), map[string]any{}})
	}},
	{"one long name, and a list", func(n int) any {
		return map[string]any{strings.Repeat("n", 8*n): listOf(n, func(int) any { return json.Number("2.5") })}
	}},
	{"one long name, and members", func(n int) any {
		return map[string]any{strings.Repeat("n", 8*n): members(n, func(i int) string { return fmt.Sprint("m", i) }, map[string]any{})}
	}},
	{"a deep list", func(n int) any { return deep(listOf(n, func(int) any { return json.Number("2.5") })) }},
	{"a deep object", func(n int) any {
		return deep(members(n, func(i int) string { return fmt.Sprint("m", i) }, json.Number("1e999")))
	}},
	{"a text", func(n int) any { return strings.Repeat("a", 20*n) }},
	{"a text of digits", func(n int) any { return strings.Repeat("1", 20*n) }},
	{"a text of odd characters", func(n int) any { return strings.Repeat("\u2028\"<é", 4*n) }},
	{"a number of many digits", func(n int) any { return json.Number("1" + strings.Repeat("0", 20*n)) }},
}

func deep(v any) any {
	for i := range 120 {
		if i%2 == 0 {
			v = []any{v}
		} else {
			v = map[string]any{"a": v}
		}
	}
	return v
}

// place is where in a body something is put.
type place []string // "" is the first item of a list

func (p place) String() string { return "/" + strings.Join(p, "/") }

// shapes are those of the schemas that something was put in the place of. What is said in
// the same words is judged in the same way, in whatever operation it stands, so that once
// is enough.
type shapes map[string]bool

var wordless = regexp.MustCompile(`"(description|title|example|examples|default|x-[a-z-]+)":("(\\.|[^"\\])*"|[0-9.]+|true|false|null),?`)

// new notes a shape, and reports whether it is new.
func (known shapes) new(s *contract.Schema) bool {
	text, err := json.Marshal(s)
	if err != nil {
		return true
	}
	shape := wordless.ReplaceAllString(string(text), "")
	if known[shape] {
		return false
	}
	known[shape] = true
	return true
}

// placesIn lists the places of a body that its schema names, the body itself first; of
// those within, one for each shape.
func placesIn(s *contract.Schema, at place, depth int, seen map[*contract.Schema]bool, known shapes) []place {
	var found []place
	if len(at) == 0 || s == nil || known.new(s) {
		found = []place{slices.Clone(at)}
	}
	if s == nil || depth == 0 || seen[s] {
		return found
	}
	seen[s] = true
	defer delete(seen, s)
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		found = append(found, placesIn(s.Properties[name].Value, append(slices.Clone(at), name), depth-1, seen, known)...)
	}
	if s.Items != nil {
		found = append(found, placesIn(s.Items.Value, append(slices.Clone(at), ""), depth-1, seen, known)...)
	}
	if more := s.AdditionalProperties.Schema; more != nil {
		found = append(found, placesIn(more.Value, append(slices.Clone(at), "any"), depth-1, seen, known)...)
	}
	for _, branch := range branches(s) {
		for _, within := range placesIn(branch, at, depth, seen, known) {
			if len(within) > len(at) {
				found = append(found, within)
			}
		}
	}
	return found
}

func branches(s *contract.Schema) []*contract.Schema {
	var all []*contract.Schema
	for _, ref := range slices.Concat(s.AllOf, s.AnyOf, s.OneOf) {
		all = append(all, ref.Value)
	}
	return all
}

// put puts a value in a place of another, and makes what leads there.
func put(root any, at place, v any) any {
	if len(at) == 0 {
		return v
	}
	if at[0] == "" {
		items, _ := root.([]any)
		if len(items) == 0 {
			items = []any{nil}
		}
		items = slices.Clone(items)
		items[0] = put(items[0], at[1:], v)
		return items
	}
	object, _ := root.(map[string]any)
	object = maps.Clone(object)
	if object == nil {
		object = map[string]any{}
	}
	object[at[0]] = put(object[at[0]], at[1:], v)
	return object
}

// growing is a request that grows with n.
type growing struct {
	name string
	make func(n int) *http.Request
}

// documents are those of all served APIs.
func documents(t testing.TB) []*contract.Document {
	t.Helper()
	var all []*contract.Document
	for _, source := range []contract.Source{brms.New(nil, nil).Source(), datafold.New(nil, nil).Source(), new(control.API).Source()} {
		d, err := contract.Open(source)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, d)
	}
	return all
}

var schemes = map[string]string{"brms": "Bearer ", "datafold": "Key ", "understudy": "Bearer "}

// target is an address of an operation.
func target(op *contract.Operation) string {
	path := op.Path
	for _, p := range op.Parameters() {
		if p.In != "path" {
			continue
		}
		v, _ := sample.Minimal(p.Schema.Value, sample.Options{Request: true})
		path = strings.ReplaceAll(path, "{"+p.Name+"}", url.PathEscape(fmt.Sprint(v)))
	}
	return path
}

// requests lists what grows of an operation: its query, and each place of its body.
func requests(op *contract.Operation, known shapes) []growing {
	credential := schemes[op.Document().API] + strings.ReplaceAll(op.ID, " ", "")
	at := target(op)
	request := func(query, contentType string, body []byte) *http.Request {
		r := httptest.NewRequest(op.Method, at, bytes.NewReader(body))
		r.URL.RawQuery = query
		r.Header.Set("Authorization", credential)
		if body != nil {
			r.Header.Set("Content-Type", contentType)
		}
		return r
	}
	name := op.Document().API + " " + op.Method + " " + op.Path + ": "
	var all []growing
	for flavor, pair := range map[string]func(i int) string{
		"unknown parameters": func(i int) string { return fmt.Sprint("perPag", i, "=x") },
		"secret parameters":  func(i int) string { return fmt.Sprint("token", i, "=s", i) },
		"equal parameters":   func(int) string { return "page=1" },
		"bad escapes":        func(i int) string { return fmt.Sprint("p", i, "=%zz") },
	} {
		all = append(all, growing{name + "query, " + flavor, func(n int) *http.Request {
			pairs := make([]string, n)
			for i := range pairs {
				pairs[i] = pair(i)
			}
			return request(strings.Join(pairs, "&"), "", nil)
		}})
	}
	slices.SortFunc(all, func(a, b growing) int { return strings.Compare(a.name, b.name) })
	for _, body := range op.RequestBodies() {
		if body.Schema == nil || !strings.Contains(body.MediaType, "json") {
			continue
		}
		valid, _ := sample.Minimal(body.Schema, sample.Options{Request: true})
		for _, p := range placesIn(body.Schema, nil, 5, map[*contract.Schema]bool{}, known) {
			for _, g := range growers {
				all = append(all, growing{name + p.String() + ", " + g.name, func(n int) *http.Request {
					text, err := json.Marshal(put(valid, p, g.make(n)))
					if err != nil {
						panic(err)
					}
					return request("", "application/json", text)
				}})
			}
		}
	}
	return all
}

// processor is the processor time of this process.
func processor(t testing.TB) time.Duration {
	t.Helper()
	var at unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &at); err != nil {
		t.Fatal(err)
	}
	return time.Duration(at.Nano())
}

// cost is the least of a few runs, each prepared anew. Garbage is collected between
// them, and not meanwhile.
func cost(t testing.TB, runs int, prepare func() func()) time.Duration {
	t.Helper()
	least := time.Duration(1 << 62)
	heap := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	for range runs {
		run := prepare()
		if metrics.Read(heap); heap[0].Value.Uint64() > 128*mebibyte {
			runtime.GC()
		}
		before := processor(t)
		run()
		least = min(least, processor(t)-before)
	}
	return least
}

// grows reports by how much the cost grows from n to 4n, if it grows too much at every
// scale: what only a cache or another process makes slower does not.
func grows(t testing.TB, prepare func(n int) func() func()) (ratio float64, slow bool) {
	t.Helper()
	for n := fewItems; n <= 8*fewItems; n *= 2 {
		largest, smallest := prepare(4*n), prepare(n)
		many := cost(t, 1, largest)
		if many < negligible {
			return 0, false
		}
		few := cost(t, 2, smallest)
		for range 4 {
			if ratio = float64(many) / float64(few); ratio <= perDoubling*perDoubling {
				return ratio, false
			}
			many = min(many, cost(t, 1, largest))
			few = min(few, cost(t, 1, smallest))
		}
	}
	return ratio, ratio > outOfCache
}

// seeds lists what grows of a seed: each list of each API's resources.
func seeds(t testing.TB) []growing {
	t.Helper()
	put := func(contentType string, text []byte) *http.Request {
		r := httptest.NewRequest(http.MethodPut, "/_understudy/seed", bytes.NewReader(text))
		r.Header.Set("Authorization", "Bearer seeds")
		r.Header.Set("Content-Type", contentType)
		return r
	}
	var all []growing
	add := func(name string, content func(n int) map[string]any) {
		all = append(all, growing{"seed " + name, func(n int) *http.Request {
			text, err := json.Marshal(map[string]any{"workspaces": []any{content(n)}})
			if err != nil {
				panic(err)
			}
			return put("application/json", text)
		}})
	}
	type entries struct {
		name string
		make func(valid map[string]any, i int) map[string]any
	}
	kinds := []entries{
		{"equal", func(valid map[string]any, _ int) map[string]any { return valid }},
		{"different", func(valid map[string]any, i int) map[string]any {
			other := maps.Clone(valid)
			for name, v := range other {
				if text, ok := v.(string); ok && name != "type" {
					other[name] = fmt.Sprint(text, i)
				}
			}
			return other
		}},
		{"empty", func(map[string]any, int) map[string]any { return map[string]any{} }},
		{"strange", func(_ map[string]any, i int) map[string]any { return map[string]any{"idd": i, fmt.Sprint("n", i): 1.5} }},
		{"of one id", func(valid map[string]any, _ int) map[string]any {
			other := maps.Clone(valid)
			other["id"] = "01970000-0000-7000-8000-000000000001"
			return other
		}},
	}
	var lists func(api string, d *contract.Document, resources []*seed.Resource, around func(map[string]any) map[string]any)
	lists = func(api string, d *contract.Document, resources []*seed.Resource, around func(map[string]any) map[string]any) {
		for _, r := range resources {
			create := r.Creates[0]
			op := d.Operation(http.MethodPost, create.Path)
			if create.Control {
				op = documents(t)[2].Operation(http.MethodPut, create.Path)
			}
			v, _ := sample.Minimal(op.BodySchema(), sample.Options{Request: true})
			valid, _ := v.(map[string]any)
			if valid = maps.Clone(valid); create.Type != "" {
				valid["type"] = create.Type
			}
			for _, k := range kinds {
				add(api+", "+r.List+", "+k.name, func(n int) map[string]any {
					return map[string]any{api: around(map[string]any{r.List: listOf(n/4, func(i int) any { return k.make(valid, i) })})}
				})
			}
			lists(api, d, r.Within, func(inner map[string]any) map[string]any {
				one := maps.Clone(valid)
				maps.Copy(one, inner)
				return around(map[string]any{r.List: []any{one}})
			})
		}
	}
	for i, api := range []seed.API{brms.New(nil, nil), datafold.New(nil, nil)} {
		lists(api.Source().API, documents(t)[i], api.Seed().Resources, func(inner map[string]any) map[string]any { return inner })
	}
	add("faults", func(n int) map[string]any {
		return map[string]any{"faults": listOf(min(n/8, 900), func(i int) any {
			return map[string]any{"name": fmt.Sprint("f", i), "match": map[string]any{}, "do": map[string]any{"status": 503}}
		})}
	})
	for name, text := range map[string]func(n int) string{
		"workspaces": func(n int) string { return "workspaces:\n" + strings.Repeat("- {}\n", n/4) },
		"aliases": func(n int) string {
			return "workspaces: [{brms: {projects: [&p {name: aa}" + strings.Repeat(",*p", n/4) + "]}}]"
		},
		"empty lines":    func(n int) string { return "workspaces:\n- brms:" + strings.Repeat("\n", 4*n) },
		"one line":       func(n int) string { return `{"workspaces":[` + strings.Repeat(`{"x":1},`, n) + `{}]}` },
		"tags":           func(n int) string { return "workspaces:\n" + strings.Repeat("- !x {}\n", n) },
		"repeated names": func(n int) string { return "workspaces:\n- {" + strings.Repeat("a: 1, ", n) + "}" },
		"a long name": func(n int) string {
			return "workspaces:\n- " + strings.Repeat("a", 8*n) + ":\n" + strings.Repeat("  - 1\n", n)
		},
		"brackets": func(n int) string { return "workspaces: " + strings.Repeat("[", n) },
		"comments": func(n int) string { return "workspaces:\n" + strings.Repeat("# x\n- {}  # y\n", n/4) },
	} {
		all = append(all, growing{"seed text, " + name, func(n int) *http.Request { return put("application/yaml", []byte(text(n))) }})
	}
	slices.SortFunc(all, func(a, b growing) int { return strings.Compare(a.name, b.name) })
	return all
}

// evidence asks for the last exchange of a request's workspace.
func evidence(of *http.Request) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/_understudy/exchanges?limit=1", http.NoBody)
	r.Header.Set("Authorization", strings.Replace(of.Header.Get("Authorization"), "Key ", "Bearer ", 1))
	return r
}

func TestStoreAbuseGrowth(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	a, err := app.New(t.Context(), app.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = a.Close() }()
	all := seeds(t)
	for _, d := range documents(t) {
		known := shapes{}
		for _, op := range d.Operations() {
			all = append(all, requests(op, known)...)
		}
	}
	// At full size in another order each time, for as long as there is time; all of them
	// take some twenty minutes (UNDERSTUDY_ABUSE_PART=1/1).
	first, step, most := 0, 1, 3*time.Minute
	if !full { // no multiple of how many growers there are, and some take a minute
		step, most = len(all)/24|1, 15*time.Second
	} else {
		rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	}
	// Those whose names match, and of these a part, such as "3/20": every 20th from the
	// third on.
	if cases := os.Getenv("UNDERSTUDY_ABUSE_CASES"); cases != "" {
		named := regexp.MustCompile(cases)
		all = slices.DeleteFunc(all, func(g growing) bool { return !named.MatchString(g.name) })
	}
	if part := os.Getenv("UNDERSTUDY_ABUSE_PART"); part != "" {
		if _, err := fmt.Sscanf(part, "%d/%d", &first, &step); err != nil || first < 1 || first > step {
			t.Fatalf("%q is no part", part)
		}
		first, most = first-1, time.Hour
		slices.SortFunc(all, func(a, b growing) int { return strings.Compare(a.name, b.name) })
	}
	begun, measured := processor(t), 0
	for i := first; i < len(all) && processor(t)-begun < most; i += step {
		measured++
		g := all[i]
		began := processor(t)
		ratio, slow := grows(t, func(n int) func() func() {
			r := g.make(n)
			body, _ := io.ReadAll(r.Body)
			return func() func() {
				again := r.Clone(context.Background())
				again.Body, again.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
				return func() {
					a.ServeHTTP(httptest.NewRecorder(), again)
					a.ServeHTTP(httptest.NewRecorder(), evidence(again)) // which waits for its record
				}
			}
		})
		if slow {
			t.Errorf("%s: 4 times as much takes %.1f times the processor", g.name, ratio)
		}
		if took := processor(t) - began; testing.Verbose() && took > time.Second {
			t.Logf("%s: %v, %.1f", g.name, took, ratio)
		}
	}
	t.Logf("%d of %d cases were measured", measured, len(all))
}
