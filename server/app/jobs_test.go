package app

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
)

const (
	syncMode = "/_understudy/jobs/modes/datafold.bi.sync"
	onePath  = "/api/v1/lineage/bi/1/"
)

// synced is the synchronisation of a BI integration, as a client reads it.
type synced struct {
	Status    string
	CreatedAt string `json:"created_at"`
}

func (w *standIn) sync(t *testing.T, path string) synced {
	t.Helper()
	var bi struct{ Sync synced }
	if err := json.Unmarshal([]byte(w.expect(t, 200, http.MethodGet, path, key("jobs"), "")), &bi); err != nil {
		t.Fatal(err)
	}
	return bi.Sync
}

// The three modes of a synchronisation under a clock that stands, in Datafold's words;
// a snapshot that was taken half way goes on from there.
func TestJobModes(t *testing.T) {
	w := startServer(t, Options{})
	control := func(status int, method, path, body string) string {
		t.Helper()
		return w.expect(t, status, method, path, bearer("jobs"), body)
	}
	want := func(what string, got synced, status string) {
		t.Helper()
		if got.Status != status {
			t.Errorf("%s: %s, want %s", what, got.Status, status)
		}
	}
	control(200, "PUT", "/_understudy/clock", `{"frozen":true,"now":"2026-01-01T00:00:00Z"}`)
	w.expect(t, 200, "POST", "/api/v1/lineage/bi/powerbi/", key("jobs"), `{"name":"n"}`)

	// As it is unless somebody says otherwise.
	want("asked for", w.sync(t, onePath+"sync/"), "queued")
	control(200, "POST", "/_understudy/clock/advance", `{"by":"1s"}`)
	want("after a second", w.sync(t, onePath), "processing")
	want("asked for again", w.sync(t, onePath+"sync/"), "processing")
	control(200, "POST", "/_understudy/clock/advance", `{"by":"4s"}`)
	want("after five", w.sync(t, onePath), "done")

	control(200, "PUT", syncMode, `{"mode":"clock","durations":{"queued":"1h","running":"0s"}}`)
	want("asked for, for an hour", w.sync(t, onePath+"sync/"), "queued")
	control(200, "POST", "/_understudy/clock/advance", `{"by":"59m59s"}`)
	want("just before the hour", w.sync(t, onePath), "queued")
	control(200, "POST", "/_understudy/clock/advance", `{"by":"1s"}`)
	want("after the hour", w.sync(t, onePath), "done")

	control(200, "PUT", syncMode, `{"mode":"polls","reads":{"queued":2,"running":2}}`)
	want("asked for, to be polled", w.sync(t, onePath+"sync/"), "queued")
	want("read once", w.sync(t, onePath), "queued")
	control(200, "PUT", "/_understudy/snapshots/half", `{}`)
	ends := func() {
		t.Helper()
		want("read twice", w.sync(t, onePath), "queued")
		list := w.expect(t, 200, "GET", "/api/v1/lineage/bi/", key("jobs"), "")
		if !strings.Contains(list, `"processing"`) {
			t.Error("listed:", list)
		}
		want("read four times", w.sync(t, onePath), "processing")
		want("read five times", w.sync(t, onePath), "done")
		want("read six times", w.sync(t, onePath), "done")
	}
	ends()
	control(200, "POST", "/_understudy/snapshots/half/restore", "")
	ends()

	control(200, "PUT", syncMode, `{"mode":"auto"}`)
	asked := w.sync(t, onePath+"sync/")
	eventually(t, "a worker", func() bool { return w.sync(t, onePath).Status == "done" })
	if asked.CreatedAt != "2026-01-01T01:00:05Z" && !strings.HasPrefix(asked.CreatedAt, "2026-01-01T01:00:05.") {
		t.Errorf("asked for at %s", asked.CreatedAt)
	}

	var page struct {
		Jobs []struct {
			Kind, ID, State, Mode string
			Attempts              int
		}
	}
	if err := json.Unmarshal([]byte(control(200, "GET", "/_understudy/jobs", "")), &page); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(page.Jobs); got != "[{datafold.bi.sync 4 done auto 1}]" {
		t.Error(got)
	}
	for body, status := range map[string]int{
		`{"mode":"sometimes"}`:                                  400,
		`{"mode":"clock","durations":{"queued":"soon"}}`:        400,
		`{"mode":"clock","durations":{"queued":"999999h"}}`:     422,
		`{"mode":"clock","reads":{"queued":1}}`:                 422,
		`{"mode":"polls","durations":{"queued":"1s"}}`:          422,
		`{"mode":"polls","reads":{"queued":-1}}`:                400,
		`{"mode":"polls","reads":{"queued":1,"processing":10}}`: 400,
	} {
		control(status, "PUT", syncMode, body)
	}
	control(404, "PUT", "/_understudy/jobs/modes/nobody", `{"mode":"auto"}`)
	control(404, "DELETE", "/_understudy/jobs/modes/nobody", "")
	control(400, "GET", "/_understudy/jobs?after=nowhere", "")

	// What a reset and a seed make of it.
	control(204, "POST", "/_understudy/reset", "")
	if modes := control(200, "GET", "/_understudy/jobs/modes", ""); !strings.Contains(modes, `"mode":"clock"`) || !strings.Contains(modes, `"set":false`) {
		t.Error("after a reset:", modes)
	}
	const seed = `{"workspaces":[{"jobs":{"datafold.bi.sync":{"mode":"polls","reads":{"queued":0}}},"datafold":{"bi":[{"type":"powerbi","sync":{"id":7}}]}}]}`
	control(200, "PUT", seedPath, seed)
	for range 2 {
		want("planted", w.sync(t, onePath), "processing")
		want("planted and read", w.sync(t, onePath), "done")
		control(200, "POST", "/_understudy/snapshots/seed/restore", "")
	}
	export := w.export(t, "jobs")
	if !strings.Contains(export, "  - jobs:\n      datafold.bi.sync:\n        mode: polls\n        reads:\n          queued: 0\n          running: 1\n") {
		t.Error(export)
	}
	header := bearer("jobs")
	header.Set("Content-Type", "application/yaml")
	w.expect(t, 200, "PUT", seedPath, header, export)
	if again := w.export(t, "jobs"); again != export {
		t.Error("planted again:", again)
	}
}

// States go on where they were when the server is another.
func TestStoreJobsRestart(t *testing.T) {
	t.Parallel()
	store := "sqlite:" + filepath.Join(t.TempDir(), "jobs.db")
	for round, want := range []string{"queued", "processing", "done", "done"} {
		a, err := New(t.Context(), Options{Store: store})
		if err != nil {
			t.Fatal(err)
		}
		w := serveApp(t, a)
		if round == 0 {
			w.expect(t, 200, "PUT", "/_understudy/clock", bearer("jobs"), `{"frozen":true}`)
			w.expect(t, 200, "PUT", syncMode, bearer("jobs"), `{"mode":"polls","reads":{"queued":1,"running":1}}`)
			w.expect(t, 200, "POST", "/api/v1/lineage/bi/powerbi/", key("jobs"), `{"name":"n"}`)
			w.sync(t, onePath+"sync/")
		}
		if got := w.sync(t, onePath); got.Status != want {
			t.Errorf("server %d: %s, want %s", round+1, got.Status, want)
		}
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
