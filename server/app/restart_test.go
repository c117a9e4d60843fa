package app

import (
	"bufio"
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	genbrms "github.com/understudy-api/understudy/gen/brms"
	"github.com/understudy-api/understudy/gen/brms/brmsclient"
	gendatafold "github.com/understudy-api/understudy/gen/datafold"
	"github.com/understudy-api/understudy/gen/datafold/datafoldclient"
)

// Everything is there after a restart, in both APIs, and counting goes on.
func TestStoreRestart(t *testing.T) {
	t.Parallel()
	store := "sqlite:" + filepath.Join(t.TempDir(), "restart.db")
	ctx := t.Context()
	open := func() (w *standIn, stop func()) {
		a, err := New(ctx, Options{Store: store})
		if err != nil {
			t.Fatal(err)
		}
		w = serveApp(t, a)
		return w, func() {
			if err := a.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	w, stop := open()
	b, d := w.brms("s"), w.datafold("s")
	project := want(t, 200, must(b.CreateProjectWithResponse(ctx, genbrms.CreateProjectRequest{Name: "p", Key: "pp", Protected: new(true)}))).JSON200.Project
	deleted := want(t, 200, must(b.CreateProjectWithResponse(ctx, genbrms.CreateProjectRequest{Name: "d", Key: "dd"}))).JSON200.Project.ID
	want(t, 200, must(b.DeleteProjectWithResponse(ctx, deleted)))
	made := want(t, 200, must(b.CreateIntegrationWithResponse(ctx, project.ID, rates("k")))).JSON200
	gone := want(t, 200, must(b.CreateIntegrationWithResponse(ctx, project.ID, rates("gone")))).JSON200.ID
	want(t, 200, must(b.DeleteIntegrationWithResponse(ctx, project.ID, gone)))
	for range 3 {
		want(t, 200, must(d.CreatePowerbiIntegrationWithResponse(ctx, gendatafold.PowerBIDataSourceConfig{Name: new("n")})))
	}
	want(t, 200, must(d.RemoveIntegrationWithResponse(ctx, 3)))
	synced := want(t, 200, must(d.ResyncIntegrationWithResponse(ctx, 1))).JSON200
	stop()

	w, stop = open()
	b, d = w.brms("s"), w.datafold("s")
	if diff := cmp.Diff(project, *want(t, 200, must(b.GetProjectWithResponse(ctx, project.ID))).JSON200); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(made, want(t, 200, must(b.GetIntegrationWithResponse(ctx, project.ID, made.ID))).JSON200); diff != "" {
		t.Error(diff)
	}
	want(t, 404, must(b.GetIntegrationWithResponse(ctx, project.ID, gone)))
	want(t, 404, must(b.GetProjectWithResponse(ctx, deleted)))
	want(t, 200, must(b.RestoreProjectWithResponse(ctx, deleted)))
	want(t, 409, must(b.CreateProjectWithResponse(ctx, genbrms.CreateProjectRequest{Name: "p", Key: "pp"})))
	want(t, 409, must(b.CreateIntegrationWithResponse(ctx, project.ID, rates("k"))))
	want(t, 200, must(b.CreateIntegrationWithResponse(ctx, project.ID, rates("gone"))))
	if list := want(t, 200, must(b.ListProjectsWithResponse(ctx, nil))).JSON200; list.Paginate.Total != 2 {
		t.Errorf("projects %+v", list.Paginate)
	}
	got := want(t, 200, must(d.GetIntegrationWithResponse(ctx, 1))).JSON200
	if got.Sync == nil || got.Sync.ID != synced.Sync.ID || !got.Sync.CreatedAt.Equal(synced.Sync.CreatedAt.Time) {
		t.Errorf("sync %+v, want %+v", got.Sync, synced.Sync)
	}
	want(t, 404, must(d.GetIntegrationWithResponse(ctx, 3)))
	if id := want(t, 200, must(d.CreatePowerbiIntegrationWithResponse(ctx, gendatafold.PowerBIDataSourceConfig{}))).JSON200.ID; id != 4 {
		t.Errorf("the next id is %d, want 4", id)
	}
	if list := *want(t, 200, must(w.datafold("other").GetAllIntegrationsWithResponse(ctx))).JSON200; len(list) != 0 {
		t.Errorf("another workspace sees %+v", list)
	}
	stop()
}

// builtBinary builds the real binary.
func builtBinary(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "understudy")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", path, "github.com/understudy-api/understudy/server/understudy").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return path
}

// process is a running binary.
type process struct {
	url string
	cmd *exec.Cmd
	err *lockedText
}

func startProcess(t *testing.T, binary, store string, flags ...string) *process {
	t.Helper()
	key := base64.StdEncoding.EncodeToString([]byte(keyOfTests))
	cmd := exec.CommandContext(t.Context(), binary, append([]string{"serve", "--addr", "127.0.0.1:0", "--store", store, "--store-key", key}, flags...)...)
	cmd.Dir = t.TempDir()
	stderr := &lockedText{}
	cmd.Stderr = stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{cmd: cmd, err: stderr}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	url, found := strings.CutPrefix(strings.TrimSpace(line), "listening on ")
	if err != nil || !found {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		t.Fatalf("first line %q, %v: %s", line, err, stderr)
	}
	p.url = url
	return p
}

// kill ends the process as nothing else does: it gets no chance to do anything.
func (p *process) kill(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = p.cmd.Wait() // "signal: killed"
}

// No write that was acknowledged is lost when the process is killed while clients
// write, and the store opens again.
func TestStoreKill(t *testing.T) {
	t.Parallel()
	const cycles, clients, enough = 3, 4, 60
	binary := builtBinary(t)
	store := "sqlite:" + filepath.Join(t.TempDir(), "kill.db")
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	web := &http.Client{Transport: transport, Timeout: 20 * time.Second}
	clientsOf := func(url, secret string) (*brmsclient.ClientWithResponses, *datafoldclient.ClientWithResponses) {
		return must(brmsclient.NewClientWithResponses(url, brmsclient.WithHTTPClient(web), brmsclient.WithRequestEditorFn(authorization("Bearer "+secret)))),
			must(datafoldclient.NewClientWithResponses(url, datafoldclient.WithHTTPClient(web), datafoldclient.WithRequestEditorFn(authorization("Key "+secret))))
	}
	var mu sync.Mutex
	keys := map[string]map[string]bool{} // workspace -> acknowledged keys
	ids := map[string]map[int]string{}   // workspace -> acknowledged BI integrations and their names
	for cycle := range cycles {
		p := startProcess(t, binary, store)
		acknowledged := make(chan struct{}, 1)
		var total int
		var wg sync.WaitGroup
		for c := range clients {
			secret := fmt.Sprintf("client-%d", c)
			b, d := clientsOf(p.url, secret)
			wg.Go(func() {
				for i := 0; ; i++ {
					name := fmt.Sprintf("key-%d-%d", cycle, i)
					project, err := b.CreateProjectWithResponse(context.Background(), genbrms.CreateProjectRequest{Name: name, Key: name})
					if err != nil {
						return // the process is gone
					}
					source, err := d.CreatePowerbiIntegrationWithResponse(context.Background(), gendatafold.PowerBIDataSourceConfig{Name: &name})
					mu.Lock()
					if project.StatusCode() != 200 {
						t.Errorf("create %s: %d %s", name, project.StatusCode(), project.Body)
					} else {
						if keys[secret] == nil {
							keys[secret], ids[secret] = map[string]bool{}, map[int]string{}
						}
						keys[secret][name] = true
					}
					if err == nil && source.StatusCode() == 200 {
						if was, twice := ids[secret][source.JSON200.ID]; twice {
							t.Errorf("id %d was given to %s and to %s", source.JSON200.ID, was, name)
						}
						ids[secret][source.JSON200.ID] = name
					}
					if total++; total == enough {
						acknowledged <- struct{}{}
					}
					mu.Unlock()
					if err != nil {
						return
					}
				}
			})
		}
		select {
		case <-acknowledged:
		case <-time.After(time.Minute):
			t.Error("too few writes")
		}
		p.kill(t)
		wg.Wait()

		p = startProcess(t, binary, store)
		for c := range clients {
			secret := fmt.Sprintf("client-%d", c)
			b, d := clientsOf(p.url, secret)
			found := map[string]int{}
			for page := 1.; ; page++ {
				list := want(t, 200, must(b.ListProjectsWithResponse(t.Context(), &genbrms.ListProjectsParams{Page: &page, PerPage: new(1000.)}))).JSON200
				if len(list.Results) == 0 {
					break
				}
				for _, project := range list.Results {
					found[project.Key]++
				}
			}
			for key := range keys[secret] {
				if found[key] != 1 {
					t.Errorf("cycle %d, %s: project %s is there %d times", cycle, secret, key, found[key])
				}
			}
			sources := map[int]string{}
			for _, source := range *want(t, 200, must(d.GetAllIntegrationsWithResponse(t.Context()))).JSON200 {
				if _, twice := sources[source.ID]; twice {
					t.Errorf("BI integration %d is listed twice", source.ID)
				}
				sources[source.ID] = *source.Name
			}
			for id, name := range ids[secret] {
				if sources[id] != name {
					t.Errorf("cycle %d, %s: BI integration %d is %q, want %q", cycle, secret, id, sources[id], name)
				}
			}
		}
		p.kill(t)
	}
	if len(keys) != clients {
		t.Errorf("%d clients wrote, want %d", len(keys), clients)
	}
}
