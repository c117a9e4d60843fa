package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	genbrms "github.com/understudy-api/understudy/gen/brms"
	gendatafold "github.com/understudy-api/understudy/gen/datafold"
	"github.com/understudy-api/understudy/internal/pgtest"
	"github.com/understudy-api/understudy/server/evidence"
)

// fullVariable asks for the rounds of "make replicas"; else there are a few.
const fullVariable = "UNDERSTUDY_TEST_REPLICAS"

func roundsOf(full, few int) int {
	if os.Getenv(fullVariable) == "full" {
		return full
	}
	return few
}

// replicaCount is how many servers share a database in these tests.
const replicaCount = 3

// patience bounds every wait; nothing waits for as long.
const patience = 30 * time.Second

// startReplicas serves one database with several Apps, each on a listener of its
// own. The requests to the front go to one after the other.
func startReplicas(t *testing.T, dsn string, o Options) (front *standIn, all []*standIn) {
	t.Helper()
	o.Store = dsn
	for range replicaCount {
		all = append(all, startServer(t, o))
	}
	turns := &roundRobin{next: all[0].judge}
	for _, w := range all {
		turns.hosts = append(turns.hosts, strings.TrimPrefix(w.url, "http://"))
		turns.recorders = append(turns.recorders, w.app.evidence)
	}
	front = &standIn{url: all[0].url, app: all[0].app, judge: all[0].judge, client: &http.Client{
		Transport: turns, CheckRedirect: all[0].client.CheckRedirect,
	}}
	return front, all
}

// roundRobin sends each request to the next of its hosts. Evidence of the others may
// be a second late: before it is read they have stored it.
type roundRobin struct {
	hosts     []string
	recorders []*evidence.Recorder
	turn      atomic.Int64
	next      http.RoundTripper
}

func (r *roundRobin) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.Method == http.MethodGet && strings.HasPrefix(request.URL.Path, "/_understudy/") {
		for _, recorder := range r.recorders {
			if err := recorder.Flush(request.Context()); err != nil {
				return nil, err
			}
		}
	}
	request = request.Clone(request.Context())
	request.URL.Host = r.hosts[int(r.turn.Add(1))%len(r.hosts)]
	return r.next.RoundTrip(request)
}

// postgresStore is an empty place in a database.
func postgresStore(t testing.TB) string {
	t.Helper()
	return asURL(t, pgtest.Schema(t))
}

// eventually asks again until it is so.
func eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !so() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("waited too long for %s", what)
		}
	}
}

// Who writes reads what was written, on whatever replica.
func TestStoreReplicasOwnWrites(t *testing.T) {
	t.Parallel()
	w, _ := startReplicas(t, postgresStore(t), Options{})
	ctx := t.Context()
	var wg sync.WaitGroup
	for c := range 4 {
		wg.Go(func() {
			b, d := w.brms(fmt.Sprintf("own-%d", c)), w.datafold(fmt.Sprintf("own-%d", c))
			for i := range roundsOf(10, 5) {
				name := fmt.Sprintf("key-%d", i)
				made := must(b.CreateProjectWithResponse(ctx, genbrms.CreateProjectRequest{Name: name, Key: name}))
				source := must(d.CreatePowerbiIntegrationWithResponse(ctx, gendatafold.PowerBIDataSourceConfig{Name: &name}))
				if made.StatusCode() != 200 || source.StatusCode() != 200 {
					t.Errorf("create: %d %s, %d %s", made.StatusCode(), made.Body, source.StatusCode(), source.Body)
					return
				}
				var project struct{ ID string }
				_ = json.Unmarshal(made.Body, &project)
				for range replicaCount { // each of them
					if got := must(b.CreateProjectWithResponse(ctx, genbrms.CreateProjectRequest{Name: name, Key: name})); got.StatusCode() != 409 {
						t.Errorf("create again: %d %s", got.StatusCode(), got.Body)
					}
					list := must(b.ListProjectsWithResponse(ctx, nil))
					if list.StatusCode() != 200 || list.JSON200.Paginate.Total != 1 {
						t.Errorf("list: %d %s", list.StatusCode(), list.Body)
					}
					if got := must(d.GetIntegrationWithResponse(ctx, source.JSON200.ID)); got.StatusCode() != 200 || *got.JSON200.Name != name {
						t.Errorf("get: %d %s", got.StatusCode(), got.Body)
					}
				}
				id := must(b.ListProjectsWithResponse(ctx, nil)).JSON200.Results[0].ID
				if got := must(b.DeleteProjectWithResponse(ctx, id)); got.StatusCode() != 200 {
					t.Errorf("delete: %d %s", got.StatusCode(), got.Body)
				}
				if got := must(d.RemoveIntegrationWithResponse(ctx, source.JSON200.ID)); got.StatusCode() != 200 {
					t.Errorf("remove: %d %s", got.StatusCode(), got.Body)
				}
				for range replicaCount {
					if got := must(b.GetProjectWithResponse(ctx, id)); got.StatusCode() != 404 {
						t.Errorf("get deleted: %d %s", got.StatusCode(), got.Body)
					}
					if got := must(d.GetIntegrationWithResponse(ctx, source.JSON200.ID)); got.StatusCode() != 404 {
						t.Errorf("get removed: %d %s", got.StatusCode(), got.Body)
					}
				}
			}
		})
	}
	wg.Wait()
}

// Of many deletes at once exactly one wins, whichever replicas they came to.
func TestStoreReplicasRaces(t *testing.T) {
	t.Parallel()
	w, _ := startReplicas(t, postgresStore(t), Options{})
	ctx := t.Context()
	b, d := w.brms("race"), w.datafold("race")
	const n = 30
	race := func(do func() int) map[int]int {
		var mu sync.Mutex
		var wg sync.WaitGroup
		statuses := map[int]int{}
		begin := make(chan struct{})
		for range n {
			wg.Go(func() {
				<-begin
				status := do()
				mu.Lock()
				defer mu.Unlock()
				statuses[status]++
			})
		}
		close(begin)
		wg.Wait()
		return statuses
	}
	for range roundsOf(100, 5) {
		want(t, 200, must(b.CreateProjectWithResponse(ctx, genbrms.CreateProjectRequest{Name: "p", Key: "pp"})))
		project := want(t, 200, must(b.ListProjectsWithResponse(ctx, nil))).JSON200.Results[0].ID
		bi := want(t, 200, must(d.CreatePowerbiIntegrationWithResponse(ctx, gendatafold.PowerBIDataSourceConfig{}))).JSON200.ID
		for name, do := range map[string]func() int{
			"project": func() int { return must(b.DeleteProjectWithResponse(ctx, project)).StatusCode() },
			"BI":      func() int { return must(d.RemoveIntegrationWithResponse(ctx, bi)).StatusCode() },
		} {
			if diff := cmp.Diff(map[int]int{200: 1, 404: n - 1}, race(do)); diff != "" {
				t.Fatalf("%s: %s", name, diff)
			}
		}
	}
}

// Faults, clock, ids, sub-workspaces, snapshots and reset hold on all replicas as
// soon as one has answered.
func TestStoreReplicasControl(t *testing.T) {
	t.Parallel()
	w, all := startReplicas(t, postgresStore(t), Options{})
	send := func(on *standIn, method, path, body string, status int, more ...string) answered {
		t.Helper()
		header := bearer("control")
		for i := 0; i+1 < len(more); i += 2 {
			header.Set(more[i], more[i+1])
		}
		got := on.do(t, method, path, header, strings.NewReader(body))
		if got.status != status {
			t.Fatalf("%s %s: %d %s, want %d", method, path, got.status, got.body, status)
		}
		return got
	}
	for round := range roundsOf(5, 3) {
		on := func(i int) *standIn { return all[(round+i)%len(all)] }
		send(on(0), "POST", "/_understudy/reset", `{"evidence":true}`, 204)

		send(on(0), "PUT", "/_understudy/faults/f", `{"match":{"operation":"listProjects"},"do":{"status":503}}`, 200)
		for i := range all {
			send(on(i), "GET", "/api/projects", "", 503)
		}
		send(on(1), "PUT", "/_understudy/faults/f", `{"match":{"operation":"listProjects"},"when":{"times":5},"do":{"status":503}}`, 200)
		var forced atomic.Int64
		var wg sync.WaitGroup
		for range 30 {
			wg.Go(func() {
				if w.do(t, "GET", "/api/projects", bearer("control"), nil).status == 503 {
					forced.Add(1)
				}
			})
		}
		wg.Wait()
		if forced.Load() != 5 {
			t.Errorf("a fault for five calls was applied to %d", forced.Load())
		}
		for i := range all {
			if got := send(on(i), "GET", "/_understudy/faults/f", "", 200); !strings.Contains(got.body, `"applied":5`) || !strings.Contains(got.body, `"met":30`) {
				t.Errorf("the fault's counts: %s", got.body)
			}
		}
		send(on(2), "DELETE", "/_understudy/faults/f", "", 204)
		for i := range all {
			send(on(i), "GET", "/api/projects", "", 200)
		}

		send(on(0), "PUT", "/_understudy/clock", `{"frozen":true,"now":"2030-01-02T03:04:05Z"}`, 200)
		send(on(1), "PUT", "/_understudy/ids", `{"source":"sequential"}`, 200)
		seen := map[string]bool{}
		for i := range all {
			got := send(on(i), "POST", "/api/projects", fmt.Sprintf(`{"name":"p","key":"kk-%d"}`, i), 200)
			if date := got.header.Get("Date"); date != "Wed, 02 Jan 2030 03:04:05 GMT" {
				t.Errorf("the clock shows %s", date)
			}
			if body := send(on(i+1), "GET", "/api/projects", "", 200).body; strings.Count(body, `"createdAt":"2030-01-02T03:04:05`) != i+1 {
				t.Errorf("projects %s", body)
			}
			seen[got.body] = true
		}
		if len(seen) != len(all) {
			t.Errorf("ids are given twice: %v", seen)
		}
		send(on(1), "POST", "/_understudy/clock/advance", `{"by":"1h"}`, 200)
		for i := range all {
			if date := send(on(i), "GET", "/api/projects", "", 200).header.Get("Date"); date != "Wed, 02 Jan 2030 04:04:05 GMT" {
				t.Errorf("after an hour the clock shows %s", date)
			}
		}

		const sub = "Understudy-Workspace"
		send(on(0), "POST", "/api/projects", `{"name":"p","key":"kk-0"}`, 200, sub, "part")
		for i := range all {
			if body := send(on(i), "GET", "/api/projects", "", 200, sub, "part").body; !strings.Contains(body, `"total":1`) {
				t.Errorf("the sub-workspace holds %s", body)
			}
		}
		send(on(1), "POST", "/_understudy/reset", "", 204, sub, "part")
		for i := range all {
			if body := send(on(i), "GET", "/api/projects", "", 200, sub, "part").body; !strings.Contains(body, `"total":0`) {
				t.Errorf("the sub-workspace still holds %s", body)
			}
		}

		before := send(on(0), "GET", "/api/projects", "", 200).body
		send(on(1), "PUT", "/_understudy/snapshots/s", `{}`, 200)
		send(on(2), "POST", "/_understudy/reset", "", 204)
		for i := range all {
			if body := send(on(i), "GET", "/api/projects", "", 200).body; !strings.Contains(body, `"total":0`) {
				t.Errorf("after a reset there are %s", body)
			}
			if body := send(on(i), "GET", "/_understudy/snapshots", "", 200).body; !strings.Contains(body, `"name":"s"`) {
				t.Errorf("snapshots %s", body)
			}
		}
		send(on(0), "POST", "/_understudy/snapshots/s/restore", "", 200)
		for i := range all {
			if diff := cmp.Diff(before, send(on(i), "GET", "/api/projects", "", 200).body); diff != "" {
				t.Error(diff)
			}
		}
		send(on(1), "DELETE", "/_understudy/snapshots/s", "", 204)
		for i := range all {
			send(on(i), "POST", "/_understudy/snapshots/s/restore", "", 404)
		}
	}
}

// What happened on any replica shows on all within a second. What is forgotten on
// one is forgotten on all at once, and does not come back.
func TestStoreReplicasEvidence(t *testing.T) {
	t.Parallel()
	_, all := startReplicas(t, postgresStore(t), Options{})
	var longest time.Duration
	shown := func(requests int64) {
		t.Helper()
		began := time.Now()
		for _, w := range all {
			eventually(t, fmt.Sprintf("%d requests", requests), func() bool {
				r := w.reportOf(t, bearer("s"), "")
				page := w.exchangesOf(t, bearer("s"), "?limit=1000")
				if r.Requests > requests || int64(len(page.Exchanges)) > requests {
					t.Fatalf("%d requests and %d exchanges, want %d", r.Requests, len(page.Exchanges), requests)
				}
				return r.Requests == requests && int64(len(page.Exchanges)) == requests
			})
		}
		longest = max(longest, time.Since(began))
	}
	calls := func(n int) {
		t.Helper()
		for i := range n {
			w := all[i%len(all)]
			if got := w.do(t, "GET", "/api/projects", bearer("s"), nil); got.status != 200 {
				t.Fatalf("%d %s", got.status, got.body)
			}
			wrong := w.do(t, "POST", "/api/v1/lineage/bi/dbt/", key("s"), strings.NewReader(`{"ci_config_id":"x"}`))
			if wrong.status != 422 {
				t.Fatalf("%d %s", wrong.status, wrong.body)
			}
			if got := w.do(t, "GET", "/api/nothing", bearer("s"), nil); got.status != 404 {
				t.Fatalf("%d %s", got.status, got.body)
			}
		}
	}
	for round := range roundsOf(4, 2) {
		one, two := all[round%3], all[(round+1)%3]
		calls(6)
		shown(18)
		for _, x := range one.exchangesOf(t, bearer("s"), "").Exchanges {
			for _, w := range all {
				if got := w.do(t, "GET", "/_understudy/exchanges/"+x.ID, bearer("s"), nil); got.status != 200 || !strings.Contains(got.body, `"`+x.ID+`"`) {
					t.Errorf("exchange %s: %d %s", x.ID, got.status, got.body)
				}
			}
		}
		report := two.reportOf(t, bearer("s"), "")
		if row := rowIn(t, operationOf(t, report, "listProjects"), 200); row.Requests != 6 {
			t.Errorf("coverage %+v", row)
		}
		for _, v := range report.Violations {
			if v.Requests != 6 {
				t.Errorf("violation %+v", v)
			}
		}

		// Nothing of what replicas did not store yet comes after the clearing, and all
		// that happens after it.
		for name, forget := range map[string]func() answered{
			"clear": func() answered { return one.do(t, "DELETE", "/_understudy/exchanges", bearer("s"), nil) },
			"reset": func() answered {
				return one.do(t, "POST", "/_understudy/reset", bearer("s"), strings.NewReader(`{"evidence":true}`))
			},
			"all": func() answered { return two.do(t, "DELETE", "/_understudy/exchanges?workspace=all", bearer(boss), nil) },
		} {
			calls(3)
			if got := forget(); got.status != 204 {
				t.Fatalf("%s: %d %s", name, got.status, got.body)
			}
			calls(3)
			for _, w := range all {
				if err := w.app.evidence.Flush(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			for _, w := range all {
				r, page := w.reportOf(t, bearer("s"), ""), w.exchangesOf(t, bearer("s"), "")
				if r.Requests != 9 || len(page.Exchanges) != 9 || len(r.Violations) != 2 || r.Violations[0].Requests != 3 {
					t.Errorf("%s: %d requests, %d exchanges, %+v", name, r.Requests, len(page.Exchanges), r.Violations)
				}
			}
		}
		if got := one.do(t, "PUT", "/_understudy/snapshots/s", bearer("s"), strings.NewReader(`{"evidence":true}`)); got.status != 200 {
			t.Fatalf("%d %s", got.status, got.body)
		}
		calls(3)
		if got := two.do(t, "POST", "/_understudy/snapshots/s/restore", bearer("s"), nil); got.status != 200 {
			t.Fatalf("%d %s", got.status, got.body)
		}
		shown(9)
		calls(1)
		shown(12)
		if got := two.do(t, "DELETE", "/_understudy/exchanges", bearer("s"), nil); got.status != 204 {
			t.Fatalf("%d %s", got.status, got.body)
		}
	}
	t.Logf("shown everywhere after %s at most", longest.Round(time.Millisecond))
}

// Without its database every operation answers its API's 503, none hangs, and the
// same process serves again when the database is back.
func TestStoreUnreachableDatabase(t *testing.T) {
	t.Parallel()
	cluster := pgtest.NewCluster(t)
	w := startServer(t, Options{Store: asURL(t, cluster.DSN(t))})
	create := func(key string) answered {
		return w.do(t, "POST", "/api/projects", bearer("s"), strings.NewReader(`{"name":"n","key":"`+key+`"}`))
	}
	if got := create("before"); got.status != 200 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if err := cluster.Stop(pgtest.Immediate); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for _, call := range everyCall {
		wg.Go(func() {
			header := bearer("s")
			if call.api == "datafold" {
				header = key("s")
			}
			if call.body == "" {
				header.Del("Content-Type")
			}
			began := time.Now()
			got := w.do(t, call.method, call.target, header, strings.NewReader(call.body))
			if call.target == "/api/health" {
				return
			}
			if got.status != 503 || got.header.Get("Retry-After") == "" {
				t.Errorf("%s %s: %d, Retry-After %q", call.method, call.target, got.status, got.header.Get("Retry-After"))
			}
			if err := inShapeOf(call.api, 503, got.header, got.body); err != nil {
				t.Errorf("%s %s: %v", call.method, call.target, err)
			}
			if took := time.Since(began); took > patience {
				t.Errorf("%s %s: answered after %s", call.method, call.target, took)
			}
		})
	}
	wg.Wait()
	for target, status := range map[string]int{
		"/_understudy/health/ready": 503, "/_understudy/health/live": 200, "/_understudy/report": 503, "/_understudy/exchanges": 503,
		"/_understudy/faults": 503, "/api/nothing": 404,
	} {
		if got := w.do(t, "GET", target, bearer("s"), nil); got.status != status {
			t.Errorf("%s: %d, want %d", target, got.status, status)
		}
	}
	if err := cluster.Start(); err != nil {
		t.Fatal(err)
	}
	if got := w.do(t, "GET", "/_understudy/health/ready", nil, nil); got.status != 200 {
		t.Errorf("ready: %d %s", got.status, got.body)
	}
	if got := create("after"); got.status != 200 {
		t.Errorf("%d %s", got.status, got.body)
	}
	// What happened meanwhile was kept.
	r := w.reportOf(t, bearer("s"), "")
	if row := rowIn(t, operationOf(t, r, "createProject"), 503); row.Requests != 1 {
		t.Errorf("%+v", row)
	}
	if row := rowIn(t, operationOf(t, r, "createProject"), 200); row.Requests != 2 {
		t.Errorf("%+v", row)
	}
}

// fleet is replicas in processes of their own, behind a client that goes from one to
// the next and passes by one that takes no connections, as a proxy does.
type fleet struct {
	mu        sync.Mutex
	urls      []string
	turn      int
	transport *http.Transport
}

func (f *fleet) call(method, path, body string) (status int, text string, err error) {
	f.mu.Lock()
	f.turn++
	turn := f.turn
	f.mu.Unlock()
	for i := range 2 * replicaCount {
		f.mu.Lock()
		url := f.urls[(turn+i)%len(f.urls)]
		f.mu.Unlock()
		r, err := http.NewRequestWithContext(context.Background(), method, url+path, strings.NewReader(body))
		if err != nil {
			return 0, "", err
		}
		r.Header = bearer("fleet")
		if strings.HasPrefix(path, "/api/v1/") {
			r.Header = key("fleet")
		}
		resp, err := (&http.Client{Transport: f.transport, Timeout: patience}).Do(r)
		if dial, ok := errors.AsType[*net.OpError](err); ok && dial.Op == "dial" {
			continue
		}
		if err != nil {
			return 0, "", err
		}
		answer, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		return resp.StatusCode, string(answer), err
	}
	return 0, "", errors.New("no replica takes connections")
}

// writers write with several clients until it is told to stop, and notes what became
// of every write.
type writers struct {
	*fleet

	t       *testing.T
	wg      sync.WaitGroup
	stopped atomic.Bool
	sent    atomic.Int64

	mu     sync.Mutex
	kept   map[string]bool // acknowledged, by key
	broken map[string]error
}

func (w *writers) start(clients int) {
	w.kept, w.broken = map[string]bool{}, map[string]error{}
	for range clients {
		w.wg.Go(func() {
			for !w.stopped.Load() {
				key := fmt.Sprintf("key-%d", w.sent.Add(1))
				status, text, err := w.call("POST", "/api/projects", `{"name":"n","key":"`+key+`"}`)
				w.mu.Lock()
				switch {
				case err != nil:
					w.broken[key] = err
				case status != 200:
					w.t.Errorf("create: %d %s", status, text)
				default:
					w.kept[key] = true
				}
				w.mu.Unlock()
				if status, text, err := w.call("GET", "/api/projects?perPage=1", ""); err == nil && status != 200 {
					w.t.Errorf("list: %d %s", status, text)
				}
			}
		})
	}
}

func (w *writers) acknowledged() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.kept)
}

// more waits until some more writes were acknowledged.
func (w *writers) more(n int) {
	w.t.Helper()
	enough := w.acknowledged() + n
	eventually(w.t, "writes", func() bool { return w.acknowledged() >= enough || w.t.Failed() })
}

// check stops the writers and holds what is there against what became of the writes.
func (w *writers) check() {
	w.t.Helper()
	w.stopped.Store(true)
	w.wg.Wait()
	found := map[string]int{}
	for page := 1; ; page++ {
		status, text, err := w.call("GET", fmt.Sprintf("/api/projects?perPage=1000&page=%d", page), "")
		var list struct {
			Results []struct{ Key string }
		}
		if err != nil || status != 200 || json.Unmarshal([]byte(text), &list) != nil {
			w.t.Fatalf("list: %d %s, %v", status, text, err)
		}
		if len(list.Results) == 0 {
			break
		}
		for _, project := range list.Results {
			found[project.Key]++
		}
	}
	for key := range w.kept {
		if found[key] != 1 {
			w.t.Errorf("%s was acknowledged, and is there %d times", key, found[key])
		}
		delete(found, key)
	}
	for key, n := range found {
		if w.broken[key] == nil || n != 1 {
			w.t.Errorf("%s is there %d times; its answer was broken off by %v", key, n, w.broken[key])
		}
	}
	for key, err := range w.broken {
		// The connection was closed under the request, or in the moment in which it was
		// sent on one that was idle.
		if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) &&
			!strings.Contains(err.Error(), "server closed idle connection") {
			w.t.Errorf("%s: %v", key, err)
		}
	}
	w.t.Logf("%d writes acknowledged, %d broken off", len(w.kept), len(w.broken))
}

func startFleet(t *testing.T, binary, store string, flags ...string) (*fleet, []*process) {
	t.Helper()
	f := &fleet{transport: &http.Transport{MaxIdleConnsPerHost: 16}}
	t.Cleanup(f.transport.CloseIdleConnections)
	var all []*process
	for range replicaCount {
		p := startProcess(t, binary, store, flags...)
		all, f.urls = append(all, p), append(f.urls, p.url)
	}
	return f, all
}

// A replica that is killed while clients write loses nothing that was acknowledged,
// and the others serve on.
func TestStoreReplicaKilled(t *testing.T) {
	t.Parallel()
	f, all := startFleet(t, builtBinary(t), postgresStore(t))
	w := &writers{fleet: f, t: t}
	w.start(6)
	for _, p := range all[1:] {
		w.more(roundsOf(100, 60))
		p.kill(t)
	}
	w.more(roundsOf(100, 60))
	w.check()
	all[0].kill(t)
}

// Replicas that are restarted one after the other fail no request: what breaks off
// is only what was sent on a connection while it closed.
func TestStoreRollingRestart(t *testing.T) {
	t.Parallel()
	binary, store := builtBinary(t), postgresStore(t)
	f, all := startFleet(t, binary, store)
	w := &writers{fleet: f, t: t}
	w.start(6)
	for i, p := range all {
		w.more(roundsOf(80, 40))
		if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if err := p.cmd.Wait(); err != nil {
			t.Errorf("did not end cleanly: %v: %s", err, p.err)
		}
		next := startProcess(t, binary, store)
		all[i] = next
		f.mu.Lock()
		f.urls[i] = next.url
		f.mu.Unlock()
	}
	w.more(roundsOf(80, 40))
	w.check()
	// Those that ended have told what they did.
	var report evidence.Report
	eventually(t, "the evidence", func() bool {
		status, text, err := f.call("GET", "/_understudy/report", "")
		if err != nil || status != 200 || json.Unmarshal([]byte(text), &report) != nil {
			t.Fatalf("report: %d %s, %v", status, text, err)
		}
		return rowIn(t, operationOf(t, &report, "createProject"), 200).Requests >= int64(len(w.kept))
	})
	if n := rowIn(t, operationOf(t, &report, "createProject"), 200).Requests; n > int64(len(w.kept)+len(w.broken)) {
		t.Errorf("%d writes in the report, %d acknowledged, %d broken off", n, len(w.kept), len(w.broken))
	}
	for _, p := range all {
		p.kill(t)
	}
}

// Servers may begin at once on an empty database.
func TestStoreReplicasStartAtOnce(t *testing.T) {
	t.Parallel()
	dsn := asURL(t, pgtest.DSN(t))
	var wg sync.WaitGroup
	for i := range 6 {
		wg.Go(func() {
			a, err := New(context.WithoutCancel(t.Context()), Options{Store: dsn})
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { _ = a.Close() }()
			r := httptest.NewRequestWithContext(t.Context(), "POST", "/api/projects", strings.NewReader(`{"name":"n","key":"once"}`))
			r.Header = bearer(fmt.Sprintf("start-%d", i))
			answer := httptest.NewRecorder()
			if a.ServeHTTP(answer, r); answer.Code != 200 {
				t.Errorf("%d %s", answer.Code, answer.Body)
			}
		})
	}
	wg.Wait()
}
