package app

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	genbrms "github.com/understudy-api/understudy/gen/brms"
	gendatafold "github.com/understudy-api/understudy/gen/datafold"
	"github.com/understudy-api/understudy/internal/pgtest"
	"github.com/understudy-api/understudy/server/evidence"
	"github.com/understudy-api/understudy/server/site"
)

// filled makes a file that a server has written to and closed.
func filled(t *testing.T) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "state.db")
	a, err := New(t.Context(), Options{Store: "sqlite:" + path})
	if err != nil {
		t.Fatal(err)
	}
	w := serveApp(t, a)
	for i := range 60 {
		name := fmt.Sprint("n", i)
		project := want(t, 200, must(w.brms("s").CreateProjectWithResponse(t.Context(), genbrms.CreateProjectRequest{Name: name, Key: name}))).JSON200.Project
		want(t, 200, must(w.brms("s").CreateIntegrationWithResponse(t.Context(), project.ID, rates("k"))))
		want(t, 200, must(w.datafold("s").CreatePowerbiIntegrationWithResponse(t.Context(), gendatafold.PowerBIDataSourceConfig{Name: &name})))
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// runUntilRefused runs "serve" and gives the exit code and what it said. A server
// that starts is ended.
func runUntilRefused(t *testing.T, cmd *exec.Cmd) (code int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &err
	timer := time.AfterFunc(30*time.Second, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	ended := cmd.Run()
	if _, exited := errors.AsType[*exec.ExitError](ended); ended != nil && !exited {
		t.Fatal(ended)
	}
	return cmd.ProcessState.ExitCode(), out.String(), err.String()
}

// A file that cannot be served from is refused: in one line, with exit code 1, and
// it stays as it is.
func TestStoreRefusedFiles(t *testing.T) {
	t.Parallel()
	binary, whole := builtBinary(t), filled(t)
	content, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	change := func(how func(b []byte) []byte) func(t *testing.T, path string) {
		return func(t *testing.T, path string) {
			if err := os.WriteFile(path, how(bytes.Clone(content)), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	statement := func(base []byte, text string) func(t *testing.T, path string) {
		return func(t *testing.T, path string) {
			if err := os.WriteFile(path, base, 0o600); err != nil {
				t.Fatal(err)
			}
			db, err := sql.Open("sqlite", path)
			if err == nil {
				_, err = db.ExecContext(t.Context(), text)
				err = errors.Join(err, db.Close())
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, test := range map[string]struct {
		make func(t *testing.T, path string)
		says string
	}{
		"a text":            {change(func([]byte) []byte { return []byte("hello\n") }), "not a SQLite database"},
		"header flipped":    {change(func(b []byte) []byte { b[3] ^= 0xff; return b }), "not a SQLite database"},
		"middle flipped":    {change(func(b []byte) []byte { b[len(b)/4096/2*4096] ^= 0xff; return b }), "damaged"},
		"cut":               {change(func(b []byte) []byte { return b[:len(b)/2] }), "corrupt"},
		"another program":   {statement(nil, "CREATE TABLE record (id)"), "another program"},
		"newer schema":      {statement(content, "INSERT INTO schema_version VALUES (1000, 0)"), "newer version"},
		"a table is gone":   {statement(content, "DROP TABLE entry"), "entry"},
		"no version at all": {statement(content, "DELETE FROM schema_version"), "no version"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "state.db")
			test.make(t, path)
			before, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), binary, "serve", "--addr", "127.0.0.1:0", "--store", "sqlite:"+path)
			code, stdout, stderr := runUntilRefused(t, cmd)
			if code != 1 || stdout != "" || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, test.says) || !strings.Contains(stderr, path) {
				t.Errorf("exit code %d, said %q and %q; want 1, and one line with %q and the path", code, stdout, stderr, test.says)
			}
			if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
				t.Errorf("the file was changed (%v)", err)
			}
		})
	}
	t.Run("an empty file is as good as none", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "state.db")
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		startProcess(t, binary, "sqlite:"+path).kill(t)
	})
}

// A file that is damaged while it is served from makes for errors in the words of
// the API, and for nothing else.
func TestStoreDamageWhileRunning(t *testing.T) {
	t.Parallel()
	path, log := filled(t), &lockedText{}
	a, err := New(t.Context(), Options{Store: "sqlite:" + path, Logger: slog.New(slog.NewTextHandler(log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	w := serveApp(t, a)
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	info, err := file.Stat()
	if err != nil {
		t.Fatal(err)
	}
	for at := int64(4096); at < info.Size(); at += 4096 {
		if _, err := file.WriteAt(bytes.Repeat([]byte{0xa5}, 4096), at); err != nil {
			t.Fatal(err)
		}
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	statuses := map[int]int{}
	for range 3 {
		for _, call := range everyCall {
			header := bearer("s")
			if call.api == "datafold" {
				header = key("s")
			}
			got := w.do(t, call.method, call.target, header, strings.NewReader(call.body))
			statuses[got.status]++
			if got.status < 400 {
				continue
			}
			if err := inShapeOf(call.api, got.status, got.header, got.body); err != nil {
				t.Errorf("%s %s: %d: %v", call.method, call.target, got.status, err)
			}
			if strings.Contains(got.body, path) || strings.Contains(got.body, "malformed") {
				t.Errorf("%s %s tells the cause: %s", call.method, call.target, got.body)
			}
		}
	}
	if statuses[500] == 0 {
		t.Errorf("answers by status: %v; want 500s", statuses)
	}
	if said := log.String(); strings.Contains(said, "panic") || !strings.Contains(said, "corrupt") {
		t.Errorf("the log says:\n%s", said)
	}
	_ = a.Close() // its last evidence may not be stored
}

// jumping is a real clock that is put forward and back.
type jumping struct {
	mu  sync.Mutex
	now time.Time
}

func (j *jumping) Now() time.Time {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.now
}

func (j *jumping) set(at time.Time) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.now = at
}

// A real clock that jumps harms neither order nor ids nor what was written: times
// are what the clock showed, creation stays, and nothing is refused.
func TestClockJumps(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	for _, kind := range []string{"memory", "sqlite", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			store := kind
			switch kind {
			case "sqlite":
				store = "sqlite:" + filepath.Join(t.TempDir(), "state.db")
			case "postgres":
				store = asURL(t, pgtest.Schema(t))
			}
			noon := time.Date(2026, 3, 29, 12, 0, 0, 0, time.UTC)
			clock := &jumping{now: noon}
			w := startServer(t, Options{Store: store, Now: clock.Now})
			b, d := w.brms("s"), w.datafold("s")
			jumps := []time.Duration{0, time.Hour, -48 * time.Hour, 365 * 24 * time.Hour, -time.Millisecond, -60 * 365 * 24 * time.Hour, time.Minute}
			ids := map[string]bool{}
			var made []genbrms.Project
			latest := "" // of the record's own times, none of which is taken back
			for i, jump := range jumps {
				clock.set(noon.Add(jump))
				shown := noon.Add(jump).Format("2006-01-02T15:04:05.000Z")
				name := fmt.Sprint("p", i)
				project := want(t, 200, must(b.CreateProjectWithResponse(ctx, genbrms.CreateProjectRequest{Name: name, Key: name}))).JSON200.Project
				if project.CreatedAt != shown || project.UpdatedAt != shown || ids[project.ID.String()] {
					t.Errorf("at %s: made %s, %s with id %s", shown, project.CreatedAt, project.UpdatedAt, project.ID)
				}
				ids[project.ID.String()] = true
				made = append(made, project)
				latest = max(latest, shown)
				first := want(t, 200, must(b.UpdateProjectWithResponse(ctx, made[0].ID, genbrms.UpdateProjectRequest{Name: name, Key: "p0"}))).JSON200
				if first.CreatedAt != made[0].CreatedAt || first.UpdatedAt != latest || first.Name != name {
					t.Errorf("at %s: changed %+v", shown, first)
				}
				if id := want(t, 200, must(d.CreatePowerbiIntegrationWithResponse(ctx, gendatafold.PowerBIDataSourceConfig{}))).JSON200.ID; id != i+1 {
					t.Errorf("at %s: the id is %d, want %d", shown, id, i+1)
				}
				sync := want(t, 200, must(d.ResyncIntegrationWithResponse(ctx, i+1))).JSON200.Sync
				if sync == nil || !sync.CreatedAt.Equal(noon.Add(jump)) {
					t.Errorf("at %s: sync %+v", shown, sync)
				}
				list := want(t, 200, must(b.ListProjectsWithResponse(ctx, &genbrms.ListProjectsParams{PerPage: new(100.)}))).JSON200
				var order []string
				for _, p := range list.Results {
					order = append(order, p.Key)
				}
				slices.Reverse(order) // the newest is first, whatever the clock says
				for n, key := range order {
					if key != fmt.Sprint("p", n) || len(order) != i+1 || list.Paginate.Total != i+1 {
						t.Errorf("at %s: the order is %v, the total %v", shown, order, list.Paginate.Total)
						break
					}
				}
			}
			want(t, 200, must(b.DeleteProjectWithResponse(ctx, made[1].ID)))
			want(t, 200, must(b.RestoreProjectWithResponse(ctx, made[1].ID)))
		})
	}
}

// A window of a rate limit ends when the clock is put back, and nobody waits for
// longer than a window.
func TestClockJumpsAndRateLimits(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 3, 29, 12, 0, 0, 0, time.UTC)
	clock := &jumping{now: noon}
	w := startServer(t, Options{Now: clock.Now})
	w.putFault(t, bearer("s"), "limit", "", `{"match":{"operation":"listProjects"},"do":{"rateLimit":{"requests":2,"seconds":60}}}`)
	for _, jump := range []time.Duration{0, -time.Hour, 24 * time.Hour, -24 * time.Hour, time.Minute} {
		clock.set(noon.Add(jump))
		for i, status := range []int{200, 200, 429, 429} {
			got := w.do(t, "GET", "/api/projects", bearer("s"), nil)
			if got.status != status {
				t.Errorf("at %v, request %d: %d, want %d", jump, i, got.status, status)
			}
			if wait, err := strconv.Atoi(got.header.Get("Retry-After")); status == 429 && (err != nil || wait < 1 || wait > 60) {
				t.Errorf("at %v: Retry-After %q", jump, got.header.Get("Retry-After"))
			}
		}
	}
}

// The time that a report covers goes from the earliest exchange to the latest, in
// whatever order the clock showed them.
func TestClockJumpsInEvidence(t *testing.T) {
	t.Parallel()
	exchanges := make(chan *site.Exchange, 10)
	o := Options{}
	o.record = func(x *site.Exchange) {
		select {
		case exchanges <- x:
		default:
		}
	}
	w := startServer(t, o)
	w.do(t, "GET", "/api/projects", bearer("s"), nil)
	one := <-exchanges
	at := one.Time.Round(0).UTC()
	for i, jump := range []time.Duration{-time.Hour, 2 * time.Hour, -3 * time.Hour, time.Minute} {
		x := *one
		x.ID, x.Time = fmt.Sprintf("%s%d", one.ID[:len(one.ID)-1], i), at.Add(jump)
		w.app.evidence.Record(&x)
	}
	var r evidence.Report
	got := w.do(t, "GET", "/_understudy/report", bearer("s"), nil)
	if err := json.Unmarshal([]byte(got.body), &r); err != nil {
		t.Fatal(err)
	}
	if r.Requests != 5 || !r.From.Equal(at.Add(-3*time.Hour)) || !r.To.Equal(at.Add(2*time.Hour)) {
		t.Errorf("%d requests from %v to %v, the first was at %v", r.Requests, r.From, r.To, at)
	}
}

// While the connections to PostgreSQL are cut and it is restarted, no acknowledged
// write is lost, and an answer that is none is a 503 that says when to try again.
func TestStorePostgresFailsUnderLoad(t *testing.T) {
	t.Parallel()
	cluster := pgtest.NewCluster(t)
	dsn := cluster.DSN(t)
	w := startServer(t, Options{Store: asURL(t, dsn)})
	const clients = 6
	type count struct{ acknowledged, refused map[string]bool }
	var (
		done        atomic.Bool
		working     sync.WaitGroup
		counts      [clients]count
		progress    = make(chan struct{}, clients)
		unavailable = make(chan struct{}, 1)
		signal      = func(c chan struct{}) {
			select {
			case c <- struct{}{}:
			default:
			}
		}
	)
	transport := &http.Transport{MaxIdleConnsPerHost: clients}
	defer transport.CloseIdleConnections()
	create := func(path string, header http.Header, body string) (answered, error) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url+path, strings.NewReader(body))
		if err != nil {
			return answered{}, err
		}
		r.Header = header
		resp, err := transport.RoundTrip(r)
		if err != nil {
			return answered{}, err
		}
		defer func() { _ = resp.Body.Close() }()
		text, err := io.ReadAll(resp.Body)
		return answered{resp.StatusCode, resp.Header, string(text)}, err
	}
	for c := range clients {
		counts[c] = count{map[string]bool{}, map[string]bool{}}
		secret := fmt.Sprint("s", c%2)
		working.Go(func() {
			for i := 0; !done.Load(); i++ {
				name, api := fmt.Sprintf("n%d-%d", c, i), "brms"
				path, header, body := "/api/projects", bearer(secret), fmt.Sprintf(`{"name":%q,"key":%q}`, name, name)
				if i%2 == 1 {
					api, path, header, body = "datafold", "/api/v1/lineage/bi/powerbi/", key(secret), fmt.Sprintf(`{"name":%q}`, name)
				}
				got, err := create(path, header, body)
				switch {
				case err != nil:
					t.Errorf("%s: %v", path, err)
					return
				case got.status == http.StatusOK:
					counts[c].acknowledged[name] = true
					signal(progress)
				case got.status == http.StatusServiceUnavailable:
					counts[c].refused[name] = true
					signal(unavailable)
					if got.header.Get("Retry-After") != "1" {
						t.Errorf("503 with Retry-After %q", got.header.Get("Retry-After"))
					}
					if err := inShapeOf(api, 503, got.header, got.body); err != nil {
						t.Error(err)
					}
				default:
					t.Errorf("%s %s: %d %s", path, body, got.status, got.body)
				}
			}
		})
	}
	await := func(c chan struct{}, n int) {
		t.Helper()
		timeout := time.NewTimer(2 * time.Minute)
		defer timeout.Stop()
		for range n {
			select {
			case <-c:
			case <-timeout.C:
				t.Error("nothing comes any more")
				return
			}
		}
	}
	cuts := 0
	for range 8 {
		await(progress, 12)
		cuts += cut(t, dsn)
	}
	for _, mode := range []pgtest.Mode{pgtest.Immediate, pgtest.Fast} {
		await(progress, 20)
		if err := cluster.Restart(mode); err != nil {
			t.Error(err)
		}
	}
	await(progress, 20)
	if err := cluster.Stop(pgtest.Immediate); err != nil {
		t.Error(err)
	}
	select { // what was said before is not meant
	case <-unavailable:
	default:
	}
	await(unavailable, 1)
	if err := cluster.Start(); err != nil {
		t.Error(err)
	}
	await(progress, 40)
	done.Store(true)
	working.Wait()

	acknowledged, refused, happened := 0, 0, 0
	for workspace := range 2 {
		secret := fmt.Sprint("s", workspace)
		times := map[string]int{}
		var total int
		for page := 1.; ; page++ {
			list := want(t, 200, must(w.brms(secret).ListProjectsWithResponse(t.Context(), &genbrms.ListProjectsParams{Page: &page, PerPage: new(500.)}))).JSON200
			total = list.Paginate.Total
			if len(list.Results) == 0 {
				break
			}
			for _, p := range list.Results {
				times[p.Key]++
			}
		}
		if total != len(times) {
			t.Errorf("%d projects are counted, %d are there", total, len(times))
		}
		bis := *want(t, 200, must(w.datafold(secret).GetAllIntegrationsWithResponse(t.Context()))).JSON200
		seen := map[int]bool{}
		for _, bi := range bis {
			times[*bi.Name]++
			if seen[bi.ID] {
				t.Errorf("the id %d is there twice", bi.ID)
			}
			seen[bi.ID] = true
		}
		for c := workspace; c < clients; c += 2 {
			for name := range counts[c].acknowledged {
				acknowledged++
				if times[name] != 1 {
					t.Errorf("%s was acknowledged and is there %d times", name, times[name])
				}
				delete(times, name)
			}
			for name := range counts[c].refused {
				refused++
				if times[name] > 1 {
					t.Errorf("%s is there %d times", name, times[name])
				}
				happened += times[name]
				delete(times, name)
			}
		}
		if len(times) > 0 {
			t.Errorf("%v: nobody made them", times)
		}
	}
	t.Logf("%d acknowledged, %d connections cut, 3 restarts; %d answered with 503, of which %d happened", acknowledged, cuts, refused, happened)
	if cuts == 0 || refused == 0 {
		t.Error("nothing failed")
	}
}

// cut ends all connections to a database and says how many.
func cut(t *testing.T, dsn string) (n int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		t.Error(err)
		return 0
	}
	err = conn.QueryRow(ctx, `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
		WHERE datname = current_database() AND pid <> pg_backend_pid()`).Scan(&n)
	if err := errors.Join(err, conn.Close(ctx)); err != nil {
		t.Error(err)
	}
	return n
}
