package app

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/understudy-api/understudy/server/site"
	"github.com/understudy-api/understudy/storage"
)

// caller calls a workspace with one secret, which every API takes in its own form.
type caller struct {
	*standIn

	secret string
	client *http.Client
}

// call sends a request and gives its answer's status, body and exchange.
func (c *caller) call(method, path, body string) (status int, text, exchange string, err error) {
	r, err := http.NewRequestWithContext(context.Background(), method, c.url+path, strings.NewReader(body))
	if err != nil {
		return 0, "", "", err
	}
	scheme := "Bearer "
	if strings.HasPrefix(path, "/api/v1/") {
		scheme = "Key "
	}
	r.Header.Set("Authorization", scheme+c.secret)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.client.Do(r)
	if err != nil {
		return 0, "", "", err
	}
	defer func() { _ = resp.Body.Close() }()
	read, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(read), resp.Header.Get("Understudy-Exchange"), err
}

// known are the things that calls made so far, by their paths.
type known struct{ projects, integrations, bis []string }

func (k *known) clone() *known {
	return &known{slices.Clone(k.projects), slices.Clone(k.integrations), slices.Clone(k.bis)}
}

// model drives a workspace by what rapid draws.
type model struct {
	*caller
	*rapid.T

	known *known
}

func (m *model) send(method, path, body string) (int, string) {
	m.Helper()
	status, text, _, err := m.call(method, path, body)
	if err != nil {
		m.Fatal(err)
	}
	return status, text
}

// made notes what a call made, if it did.
func made(status int, text string, path func(id string) string, list *[]string) {
	var body struct {
		ID      any `json:"id"`
		Project struct {
			ID string `json:"id"`
		} `json:"project"`
	}
	if status != http.StatusOK || json.Unmarshal([]byte(text), &body) != nil {
		return
	}
	if body.Project.ID != "" {
		body.ID = body.Project.ID
	}
	if at := path(fmt.Sprint(body.ID)); !slices.Contains(*list, at) {
		*list = append(*list, at)
	}
}

const (
	projectsPath = "/api/projects"
	biPath       = "/api/v1/lineage/bi/"
)

// change does anything that changes a workspace.
func (m *model) change() {
	name := rapid.StringMatching(`[a-e]`)
	// pick draws one of a list, or something that is not there.
	pick := func(list []string, none string) string {
		return rapid.SampledFrom(append([]string{none}, list...)).Draw(m.T, "which")
	}
	project := func() string { return pick(m.known.projects, aProject) }
	integration := func() string {
		return pick(m.known.integrations, aProject+"/integrations/7d1a2c1e-27c5-4a3f-8f0e-2f4f2b1f6c70")
	}
	bi := func() string { return pick(m.known.bis, biPath+"99/") }
	for _, do := range []func(){
		rapid.SampledFrom([]func(){
			func() {
				n := name.Draw(m.T, "name")
				status, text := m.send("POST", projectsPath, fmt.Sprintf(`{"name":%q,"key":"","protected":%v}`, n, rapid.Bool().Draw(m.T, "protected")))
				made(status, text, func(id string) string { return projectsPath + "/" + id }, &m.known.projects)
			},
			func() {
				m.send("PUT", project(), fmt.Sprintf(`{"name":%q,"key":"k%s","protected":false}`, name.Draw(m.T, "name"), name.Draw(m.T, "key")))
			},
			func() { m.send("DELETE", project(), "") },
			func() { m.send("POST", project()+"/restore", "") },
			func() {
				at := project() + "/integrations"
				status, text := m.send("POST", at, fmt.Sprintf(`{"name":"n","type":"http","kind":%q,"config":{"url":"https://example.com"}}`, name.Draw(m.T, "kind")))
				made(status, text, func(id string) string { return at + "/" + id }, &m.known.integrations)
			},
			func() {
				m.send("PUT", integration(), fmt.Sprintf(`{"name":%q,"config":{"url":"u"}}`, name.Draw(m.T, "name")))
			},
			func() { m.send("DELETE", integration(), "") },
			func() {
				status, text := m.send("POST", biPath+"powerbi/", fmt.Sprintf(`{"name":%q}`, name.Draw(m.T, "name")))
				made(status, text, func(id string) string { return biPath + id + "/" }, &m.known.bis)
			},
			func() {
				m.send("PUT", strings.Replace(bi(), biPath, biPath+"powerbi/", 1), fmt.Sprintf(`{"name":%q}`, name.Draw(m.T, "name")))
			},
			func() { m.send("DELETE", bi(), "") },
			func() { m.send("GET", bi()+"sync/", "") },
			func() {
				m.send("PUT", "/_understudy/faults/"+name.Draw(m.T, "fault"), rapid.SampledFrom([]string{
					`{"match":{"operation":"createProject"},"when":{"every":3},"do":{"status":409}}`,
					`{"match":{"api":"brms"},"when":{"probability":0.3},"do":{"status":500}}`,
					`{"match":{"method":"GET"},"when":{"from":2,"times":2},"do":{"status":401}}`,
					`{"match":{"path":"/api/**"},"do":{"rateLimit":{"requests":9,"seconds":60}}}`,
				}).Draw(m.T, "definition"))
			},
			func() { m.send("DELETE", "/_understudy/faults/"+name.Draw(m.T, "fault"), "") },
			func() {
				m.send("POST", "/_understudy/clock/advance", rapid.SampledFrom([]string{`{"by":"1s"}`, `{"by":"24h"}`, `{"by":"-90m"}`}).Draw(m.T, "by"))
			},
			func() {
				m.send("PUT", "/_understudy/clock", rapid.SampledFrom([]string{`{"frozen":true}`, `{"frozen":false}`, `{"frozen":true,"now":"2031-05-06T07:08:09Z"}`}).Draw(m.T, "clock"))
			},
			func() {
				m.send("PUT", "/_understudy/ids", rapid.SampledFrom([]string{`{"source":"sequential"}`, `{"source":"seeded","seed":5}`}).Draw(m.T, "ids"))
			},
		}).Draw(m.T, "change"),
	} {
		do()
	}
}

// observe gives what both APIs and the control API answer, and then what the next
// calls make. It spends faults and ids: what it gives is the same only from the
// same state.
func (m *model) observe(of *known, exchanges bool) string {
	m.Helper()
	var seen strings.Builder
	look := func(method, path, body string) {
		status, text, exchange, err := m.call(method, path, body)
		if err != nil {
			m.Fatal(err)
		}
		if !exchanges || strings.HasPrefix(path, "/_understudy/") {
			exchange = ""
		}
		fmt.Fprintf(&seen, "%s %s: %d %s %s\n", method, path, status, text, exchange)
	}
	paths := []string{
		"/_understudy/faults", "/_understudy/clock", "/_understudy/ids",
		projectsPath + "?perPage=2&page=2", projectsPath + "?perPage=100", projectsPath + "?perPage=100&deleted=true", projectsPath + "?search=a", biPath,
	}
	for _, path := range of.projects {
		paths = append(paths, path, path+"/integrations?perPage=100", path+"/integrations?perPage=100&deleted=true")
	}
	paths = append(paths, of.integrations...)
	paths = append(paths, of.bis...)
	for _, path := range paths {
		look("GET", path, "")
	}
	look("POST", projectsPath, `{"name":"next","key":""}`)
	for _, path := range of.projects {
		look("POST", path+"/integrations", `{"name":"next","type":"http","kind":"next","config":{"url":"u"}}`)
	}
	look("POST", biPath+"powerbi/", `{"name":"next"}`)
	for _, path := range of.bis {
		look("GET", path+"sync/", "")
	}
	look("GET", "/_understudy/faults", "")
	return seen.String()
}

// Whatever is done to a workspace, restoring a snapshot makes it what it was: every
// answer is the same byte for byte, and so is all that is made next.
func TestSnapshotProperty(t *testing.T) {
	if checks := flag.Lookup("rapid.checks"); checks.Value.String() == checks.DefValue {
		n := "40" // each is hundreds of requests
		if raced {
			n = "12"
		}
		_ = checks.Value.Set(n)
	}
	now := time.Date(2026, 4, 5, 6, 7, 8, 0, time.UTC) // a running clock moves only by the control API
	w := startServer(t, Options{Now: func() time.Time { return now }, Wait: func(context.Context, time.Duration) {}})
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 4}}
	t.Cleanup(client.CloseIdleConnections)
	var workspaces atomic.Int64
	rapid.Check(t, func(rt *rapid.T) {
		c := &caller{w, fmt.Sprintf("s%d", workspaces.Add(1)), client}
		m := &model{caller: c, T: rt, known: &known{}}
		m.send("PUT", "/_understudy/ids", `{"source":"seeded","seed":1}`)
		for range rapid.IntRange(0, 20).Draw(rt, "before") {
			m.change()
		}
		evidence := rapid.Bool().Draw(rt, "evidence")
		if status, text := m.send("PUT", "/_understudy/snapshots/s", fmt.Sprintf(`{"evidence":%v}`, evidence)); status != http.StatusOK {
			rt.Fatalf("snapshot: %d %s", status, text)
		}
		kept := m.known.clone()
		wanted := m.observe(kept, evidence)
		for range 2 { // the snapshot stays
			for range rapid.IntRange(0, 15).Draw(rt, "after") {
				m.change()
			}
			if rapid.Bool().Draw(rt, "reset") {
				if status, text := m.send("POST", "/_understudy/reset", `{"evidence":true}`); status != http.StatusNoContent {
					rt.Fatalf("reset: %d %s", status, text)
				}
			}
			if status, text := m.send("POST", "/_understudy/snapshots/s/restore", ""); status != http.StatusOK {
				rt.Fatalf("restore: %d %s", status, text)
			}
			if got := m.observe(kept, evidence); got != wanted {
				rt.Fatal(cmp.Diff(strings.Split(wanted, "\n"), strings.Split(got, "\n")))
			}
		}
	})
}

// A Go test that runs twice gets the same bodies twice, if it fixes clock and ids.
func TestRepeatable(t *testing.T) {
	t.Parallel()
	w := startServer(t, Options{})
	run := func(secret string) string {
		c := &caller{w, secret, http.DefaultClient}
		var seen strings.Builder
		for _, call := range []struct{ method, path, body string }{
			{"POST", "/_understudy/reset", `{"evidence":true}`},
			{"PUT", "/_understudy/ids", `{"source":"sequential"}`},
			{"PUT", "/_understudy/clock", `{"frozen":true,"now":"2026-01-01T00:00:00Z"}`},
			{"POST", projectsPath, `{"name":"a","key":""}`},
			{"POST", projectsPath, `{"name":"b","key":""}`},
			{"POST", biPath + "powerbi/", `{"name":"c"}`},
			{"GET", biPath + "1/sync/", ""},
			{"POST", "/_understudy/clock/advance", `{"by":"1h"}`},
			{"GET", biPath + "1/", ""},
			{"GET", projectsPath, ""},
			{"GET", projectsPath + "/nope", ""},
		} {
			status, text, exchange, err := c.call(call.method, call.path, call.body)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&seen, "%s %s: %d %s %s\n", call.method, call.path, status, text, exchange)
		}
		return seen.String()
	}
	first := run("repeat")
	if again := run("repeat"); again != first {
		t.Error(cmp.Diff(first, again))
	}
	if !strings.Contains(first, "00000007\n") {
		t.Errorf("the exchange of the last call is not the seventh: %s", first)
	}
}

// rounds is how many states the test below brings back, one after the other.
const rounds = 200

// differentStates is how many states there are to bring back. A reader judges only what it saw
// within fewer restores than that, so that no state came back meanwhile.
const differentStates = 12

// While 16 clients write, a workspace is restored, reset and kept 200 times. Nobody
// ever sees half a state: the records of both APIs, the clock and the faults are of
// the same one, counts agree with lists, and no answer is a 5xx.
func TestStoreRestoreUnderLoad(t *testing.T) {
	stores := map[string]string{"memory": "memory", "file": "sqlite:" + t.TempDir() + "/load.db"}
	for name, store := range stores {
		t.Run(name, func(t *testing.T) {
			n := rounds
			if testing.Short() || raced { // the detector makes SQLite ten times slower; "make test-stores" does without
				n = 40
			}
			restoreUnderLoad(t, store, n)
		})
	}
}

// perRound is how many requests of the writers a round waits for.
const perRound = 8

var statesBegan = time.Date(2040, 1, 1, 0, 0, 0, 0, time.UTC)

// load is the test above while it runs.
type load struct {
	*caller

	t         *testing.T
	workspace string
	markers   []string      // the project that marks each state
	progress  chan struct{} // a token for every request of a writer, as far as there is room
	failed    context.Context
	fail      context.CancelFunc
	restores  atomic.Int64
	between   atomic.Pointer[[2]int] // the states that the workspace may be in: from one to the other
	done      atomic.Bool
	requests  atomic.Int64
	copies    atomic.Int64
	judged    atomic.Int64
	views     atomic.Int64
}

func restoreUnderLoad(t *testing.T, store string, n int) {
	t.Helper()
	w := startServer(t, Options{Store: store})
	const secret = "load"
	principal, _ := site.OpenKeyring{}.Principal(secret)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 32}}
	l := &load{caller: &caller{w, secret, client}, t: t, workspace: principal.Workspace, progress: make(chan struct{}, perRound)}
	l.failed, l.fail = context.WithCancel(t.Context())
	t.Cleanup(client.CloseIdleConnections)
	for i := range differentStates {
		l.markers = append(l.markers, l.build(i))
	}
	l.ok("POST", "/_understudy/snapshots/w0/restore", "")
	l.between.Store(&[2]int{0, 0})

	seed, err := strconv.ParseUint(os.Getenv("UNDERSTUDY_SEED"), 10, 64)
	if err != nil {
		seed = rand.Uint64()
	}
	t.Logf("UNDERSTUDY_SEED=%d", seed)
	var group sync.WaitGroup
	for i := range uint64(16) {
		group.Go(func() { l.write(rand.New(rand.NewPCG(seed, i))) })
	}
	group.Go(l.watch)
	group.Go(l.read)
	for i := range n {
		for range perRound {
			select {
			case <-l.progress:
			case <-l.failed.Done():
			}
		}
		l.restores.Add(1)
		from, to := l.between.Load()[1], i%differentStates
		switch i % 10 {
		case 7:
			to = noState
		case 9:
			to = from
		}
		l.between.Store(&[2]int{from, to})
		switch i % 10 {
		case 7:
			l.ok("POST", "/_understudy/reset", fmt.Sprintf(`{"evidence":%v}`, i%20 == 7))
		case 9:
			// What is kept under load is a whole state too.
			l.ok("PUT", "/_understudy/snapshots/live", fmt.Sprintf(`{"evidence":%v}`, i%20 == 9))
			l.ok("POST", "/_understudy/snapshots/live/restore", "")
		default:
			l.ok("POST", fmt.Sprintf("/_understudy/snapshots/w%d/restore", to), "")
		}
		l.between.Store(&[2]int{to, to})
	}
	l.done.Store(true)
	group.Wait()
	if l.copies.Load() == 0 || l.views.Load() == 0 {
		t.Errorf("%d copies, %d whole views: too few to tell anything", l.copies.Load(), l.views.Load())
	}
	t.Logf("%d rounds, %d requests, %d copies, %d whole views, %d pairs", n, l.requests.Load(), l.copies.Load(), l.views.Load(), l.judged.Load())
}

// ok sends a request that must succeed.
func (l *load) ok(method, path, body string) string {
	l.t.Helper()
	status, text, _, err := l.call(method, path, body)
	if err != nil || status >= 300 {
		l.t.Fatalf("%s %s: %d %s, %v", method, path, status, text, err)
	}
	return text
}

// build makes a state and keeps it: a project and a BI integration of the same name,
// as many integrations in the project as the name says, a clock, a fault and a
// source of ids. It gives the project's id.
func (l *load) build(i int) string {
	l.t.Helper()
	l.ok("POST", "/_understudy/reset", `{"evidence":true}`)
	l.ok("PUT", "/_understudy/ids", fmt.Sprintf(`{"source":"seeded","seed":%d}`, i+1))
	l.ok("PUT", "/_understudy/clock", fmt.Sprintf(`{"frozen":true,"now":%q}`, statesBegan.AddDate(0, 0, i).Format(time.RFC3339)))
	l.ok("PUT", fmt.Sprintf("/_understudy/faults/w%d", i), `{"match":{"operation":"getIntegration"},"do":{"delay":{"fixed":0}}}`)
	var body struct {
		Project struct {
			ID string `json:"id"`
		} `json:"project"`
	}
	if err := json.Unmarshal([]byte(l.ok("POST", projectsPath, fmt.Sprintf(`{"name":"w%d","key":"marker"}`, i))), &body); err != nil {
		l.t.Fatal(err)
	}
	for n := range i%4 + 1 {
		l.ok("POST", projectsPath+"/"+body.Project.ID+"/integrations", fmt.Sprintf(`{"name":"n","type":"http","kind":"k%d","config":{"url":"u"}}`, n))
	}
	l.ok("POST", biPath+"powerbi/", fmt.Sprintf(`{"name":"w%d"}`, i))
	l.ok("PUT", fmt.Sprintf("/_understudy/snapshots/w%d", i), fmt.Sprintf(`{"evidence":%v}`, i%2 == 0))
	return body.Project.ID
}

// write is one of the writers: it makes, changes and deletes what it can in both
// APIs, and never touches what marks a state.
func (l *load) write(random *rand.Rand) {
	var projects, bis []string
	state := 0 // that this writer saw last
	for !l.done.Load() {
		method, path, body := "", "", ""
		var list *[]string
		at := func(id string) string { return projectsPath + "/" + id }
		take := func(from *[]string) string {
			if len(*from) == 0 {
				return ""
			}
			path := (*from)[0]
			*from = (*from)[1:]
			return path
		}
		switch random.IntN(9) {
		case 0, 1, 2:
			// Only in the state of the marker there is something to copy.
			method, path, list = "POST", projectsPath, &projects
			body = fmt.Sprintf(`{"name":"copy of w%d","key":"","copyContentRef":%q}`, state, l.markers[state])
		case 3:
			if method, path = "DELETE", take(&projects); path == "" {
				continue
			}
		case 4:
			if method, path = "POST", take(&projects); path == "" {
				continue
			}
			path += "/restore"
		case 5:
			method, path, body, list = "POST", biPath+"powerbi/", `{"name":"mine"}`, &bis
			at = func(id string) string { return biPath + id + "/" }
		case 6:
			if path = take(&bis); path == "" || path == biPath+"1/" { // the first marks a state
				continue
			}
			method = "DELETE"
		case 7, 8:
			method, path = "GET", biPath+"1/"
		}
		status, text, _, err := l.call(method, path, body)
		l.requests.Add(1)
		select {
		case l.progress <- struct{}{}:
		default:
		}
		if err != nil || status >= 500 {
			l.t.Errorf("%s %s: %d %s, %v", method, path, status, text, err)
			l.fail()
			return
		}
		if method == "GET" {
			var bi struct{ Name string }
			if json.Unmarshal([]byte(text), &bi) == nil {
				_, _ = fmt.Sscanf(bi.Name, "w%d", &state)
			}
		}
		if list != nil {
			made(status, text, at, list)
		}
		if status == http.StatusOK && strings.HasPrefix(body, `{"name":"copy`) {
			l.copies.Add(1)
		}
	}
}

// watch looks at the whole workspace at one moment, again and again.
func (l *load) watch() {
	for !l.done.Load() {
		l.views.Add(1)
		possible := l.between.Load()
		state, problem := l.whole()
		// Else the workspace went on while it was looked at.
		if problem == "" && l.between.Load() == possible && !slices.Contains(possible[:], state) {
			problem = fmt.Sprintf("the state is %d while the workspace goes from %d to %d", state, possible[0], possible[1])
		}
		if problem != "" {
			l.t.Error(problem)
			l.fail()
			return
		}
	}
}

// noState is what a reset leaves.
const noState = -1

// whole tells which state the workspace is in now, and what is wrong with it: "" for
// nothing.
func (l *load) whole() (state int, problem string) {
	type thing struct {
		id, parent, Name, Key string
	}
	things := map[string][]thing{}
	counts := map[string]int64{}
	var settings storage.Settings
	if err := l.app.store.View(context.Background(), l.workspace, func(tx storage.ReadTx) (err error) {
		if settings, err = tx.Settings(); err != nil {
			return err
		}
		for _, kind := range []string{"brms.project", "brms.integration", "datafold.bi"} {
			page, err := tx.List(kind, storage.Query{})
			if err != nil {
				return err
			}
			if counts[kind], err = tx.Count(kind, "", false); err != nil {
				return err
			}
			for _, r := range page.Records {
				x := thing{id: r.ID, parent: r.Parent}
				if err := json.Unmarshal(r.Body, &x); err != nil {
					return err
				}
				things[kind] = append(things[kind], x)
			}
		}
		return nil
	}); err != nil {
		return noState, err.Error()
	}
	for kind, n := range counts {
		if n != int64(len(things[kind])) {
			return noState, fmt.Sprintf("%d of %s are counted, %d are listed", n, kind, len(things[kind]))
		}
	}
	held := map[string]int{}
	for _, x := range things["brms.integration"] {
		held[x.parent]++
	}
	marker, bi := "", ""
	for _, x := range things["brms.project"] {
		if x.Key == "marker" {
			marker = x.Name
		}
	}
	for _, x := range things["datafold.bi"] {
		if strings.HasPrefix(x.Name, "w") {
			bi = x.Name
		}
	}
	if marker != bi {
		return noState, fmt.Sprintf("BRMS is in the state %q, Datafold in %q", marker, bi)
	}
	state = noState
	if marker != "" {
		_, _ = fmt.Sscanf(marker, "w%d", &state)
	}
	for _, x := range things["brms.project"] {
		if x.Key != "marker" && x.Name != "copy of "+marker {
			return noState, fmt.Sprintf("in the state %q there is a project %q", marker, x.Name)
		}
		if held[x.id] != state%4+1 {
			return noState, fmt.Sprintf("the project %q holds %d integrations", x.Name, held[x.id])
		}
	}
	wanted := storage.Settings{}
	if state >= 0 {
		wanted.Clock = storage.Clock{}.Freeze(statesBegan.AddDate(0, 0, state))
		wanted.IDs = storage.IDs{Source: storage.IDsSeeded, Seed: int64(state + 1)}
		wanted.Data = fmt.Sprintf(`{"faults":[{"name":"w%d","match":{"operation":"getIntegration"},"when":{},"do":{"delay":{"fixed":0}}}]}`, state)
	}
	return state, cmp.Diff(wanted, settings)
}

// read looks at both APIs as a client does: what it sees of one before and after
// the other, is what the other shows too.
func (l *load) read() {
	brms := func() string {
		status, text, _, err := l.call("GET", projectsPath+"?perPage=1000", "")
		var page struct {
			Paginate struct{ Total int }
			Results  []struct{ Name, Key string }
		}
		if err == nil {
			err = json.Unmarshal([]byte(text), &page)
		}
		if err != nil || status != http.StatusOK {
			l.t.Errorf("list projects: %d %s, %v", status, text, err)
			return ""
		}
		if page.Paginate.Total != len(page.Results) && page.Paginate.Total <= 1000 {
			l.t.Errorf("%d projects are counted, %d are listed", page.Paginate.Total, len(page.Results))
		}
		for _, p := range page.Results {
			if p.Key == "marker" {
				return p.Name
			}
		}
		return ""
	}
	datafold := func() string {
		status, text, _, err := l.call("GET", biPath, "")
		var list []struct{ Name string }
		if err == nil {
			err = json.Unmarshal([]byte(text), &list)
		}
		if err != nil || status != http.StatusOK {
			l.t.Errorf("list BI integrations: %d %s, %v", status, text, err)
		}
		for _, x := range list {
			if strings.HasPrefix(x.Name, "w") {
				return x.Name
			}
		}
		return ""
	}
	for !l.done.Load() {
		begun := l.restores.Load()
		before, between, after := brms(), datafold(), brms()
		// States come back after a while, the empty one more often.
		if before != after || before == "" || l.restores.Load()-begun >= differentStates/2 {
			continue
		}
		l.judged.Add(1)
		if between != before {
			l.t.Errorf("BRMS was in the state %q before and after Datafold was in %q", before, between)
		}
	}
}
