package abuse_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"
)

const stalling = "the-staller"

// seedOf is a seed of so many projects.
func seedOf(t *testing.T, projects int, name string) string {
	t.Helper()
	list := make([]map[string]string, projects)
	for i := range list {
		list[i] = map[string]string{"name": fmt.Sprintf("%s %d", name, i), "key": fmt.Sprintf("k%d", i)}
	}
	text, err := json.Marshal(map[string]any{"workspaces": []any{map[string]any{"brms": map[string]any{"projects": list}}}})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A tenant with a large workspace seeds it, keeps it and brings it back, at every
// moment: its neighbour waits no longer for that.
func TestStoreAbuseStall(t *testing.T) {
	projects := size(400, 20_000)
	first, second := seedOf(t, projects, "first"), seedOf(t, projects, "second")
	var made atomic.Int64
	do := func(s *server, method, path, body string) {
		a, err := s.ask(method, path, stalling, []byte(body))
		if err != nil || a.status >= http.StatusBadRequest {
			s.t.Errorf("%s %s: %d %.300s, %v", method, path, a.status, a.body, err)
		}
	}
	post := func(s *server) { do(s, "POST", "/api/projects", fmt.Sprintf(`{"name":"x","key":"x%d"}`, made.Add(1))) }
	keep := func(s *server, name string) { do(s, "PUT", "/_understudy/snapshots/"+name, "{}") }
	restore := func(s *server, name string) { do(s, "POST", "/_understudy/snapshots/"+name+"/restore", "{}") }
	for _, kind := range []struct {
		name        string
		connections int
		attack      func(s *server, connection int)
	}{
		{"seeds that replace", 1, func(s *server, _ int) { do(s, "PUT", "/_understudy/seed", []string{first, second}[made.Add(1)%2]) }},
		{"snapshots", 2, func(s *server, connection int) { keep(s, fmt.Sprint("s", connection)) }},
		{"restores while it writes", 3, func(s *server, connection int) {
			if connection == 0 {
				restore(s, "kept")
			} else {
				post(s)
			}
		}},
		{"copies of copies", 1, func(s *server, _ int) {
			post(s)
			name := fmt.Sprint("c", made.Load()%12)
			keep(s, name)
			restore(s, name)
			if made.Load()%3 == 0 {
				do(s, "DELETE", "/_understudy/snapshots/"+name, "")
			}
		}},
		{"writes", 16, func(s *server, _ int) { post(s) }},
	} {
		t.Run(kind.name, func(t *testing.T) {
			s := start(t)
			s.want(http.StatusOK, "PUT", "/_understudy/seed", stalling, first)
			keep(s, "kept")
			s.neighbour(kind.connections, func(connection int) { kind.attack(s, connection) })
		})
	}
}

// What a snapshot takes does not depend on what it holds, and what is let go of is used
// again.
func TestStoreAbuseCopies(t *testing.T) {
	s := start(t)
	projects := size(2000, 20_000)
	seed := seedOf(t, projects, "one")
	s.want(http.StatusOK, "PUT", "/_understudy/seed", stalling, seed)
	var waits []time.Duration
	const snapshots = 20
	added := int64(0)
	for i := range snapshots {
		before, began := s.disk(), time.Now()
		s.want(http.StatusOK, "PUT", fmt.Sprint("/_understudy/snapshots/s", i), stalling, "{}")
		waits = append(waits, time.Since(began))
		added += s.disk() - before
		began = time.Now()
		s.want(http.StatusOK, "POST", "/_understudy/snapshots/s0/restore", stalling, "")
		waits = append(waits, time.Since(began))
		s.want(http.StatusOK, "POST", "/api/projects", stalling, fmt.Sprintf(`{"name":"x","key":"x%d"}`, i))
	}
	if added > snapshots*64<<10 {
		t.Errorf("%d snapshots of %d projects take %d KiB", snapshots, projects, added>>10)
	}
	slices.Sort(waits)
	if median := waits[len(waits)/2]; median > time.Duration(size(10, 1))*20*time.Millisecond {
		t.Errorf("a snapshot and a restore take %v", median)
	}
	// Written over, kept, brought back and deleted, again and again.
	rounds := size(6, 12)
	var most int64
	for round := range rounds {
		s.want(http.StatusOK, "PUT", "/_understudy/seed", stalling, seed)
		s.want(http.StatusOK, "PUT", "/_understudy/snapshots/over", stalling, "{}")
		s.want(http.StatusOK, "POST", "/_understudy/snapshots/over/restore", stalling, "")
		s.want(http.StatusNoContent, "DELETE", "/_understudy/snapshots/over", stalling, "")
		if size := s.disk(); round == rounds/3 {
			most = size
		} else if round > rounds/3 && size > most*3/2+32<<20 {
			t.Errorf("in round %d the store takes %d MiB, and took %d", round, size>>20, most>>20)
		}
	}
	var page struct {
		Paginate struct{ Total int } `json:"paginate"`
	}
	if err := json.Unmarshal([]byte(s.want(http.StatusOK, "GET", "/api/projects?perPage=1", stalling, "").body), &page); err != nil {
		t.Fatal(err)
	}
	if page.Paginate.Total != projects {
		t.Errorf("in the end there are %d projects, want %d", page.Paginate.Total, projects)
	}
}
