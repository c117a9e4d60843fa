package abuse_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// peakBound is the memory that the process has at most under any attack.
const peakBound = 400 * mebibyte

func (s *server) holdPeak() {
	s.t.Helper()
	if peak := s.peak(); peak > peakBound {
		s.t.Errorf("it took %d MiB of memory", peak/mebibyte)
	}
}

// requestsOf is how many requests of createProject a tenant's report counts.
func (s *server) requestsOf(token string) int {
	s.t.Helper()
	var report struct {
		Requests int `json:"requests"`
	}
	if err := json.Unmarshal([]byte(s.want(http.StatusOK, "GET", "/_understudy/report", token, "").body), &report); err != nil {
		s.t.Fatal(err)
	}
	return report.Requests
}

// Strangers by the thousand leave little in the store and in memory, drive out nobody's
// evidence, and keep nobody waiting for a report.
func TestStoreAbuseStrangers(t *testing.T) {
	many := size(2000, 30_000)
	for name, attack := range map[string]func(s *server, i int) (*http.Request, error){
		"tokens that read": func(s *server, i int) (*http.Request, error) {
			return stranger(s, "GET", "/api/projects", fmt.Sprint("stranger-", i), "", "")
		},
		"tokens that break the contract": func(s *server, i int) (*http.Request, error) {
			return stranger(s, "POST", "/api/projects", fmt.Sprint("stranger-", i), "", `{"name":7}`)
		},
		"workspaces of one token": func(s *server, i int) (*http.Request, error) {
			return stranger(s, "GET", "/api/projects", "one-token", fmt.Sprint("w", i), "")
		},
		"tokens on unknown paths": func(s *server, i int) (*http.Request, error) {
			return stranger(s, "GET", fmt.Sprint("/api/unknown/", i), fmt.Sprint("stranger-", i), "", "")
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t)
			for i := range 10 {
				s.want(http.StatusOK, "POST", "/api/projects", "victim-token", fmt.Sprintf(`{"name":"n","key":"victim-%d"}`, i))
			}
			s.requestsOf("victim-token") // which stores them
			before := s.disk()
			for i := range many {
				r, err := attack(s, i)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := s.send(r); err != nil {
					t.Fatal(err)
				}
			}
			asked := time.Now()
			if n := s.requestsOf("victim-token"); n != 10 {
				t.Errorf("the victim's report counts %d of 10 requests", n)
			}
			if took := time.Since(asked); took > 10*time.Second {
				t.Errorf("the victim waited %v for a report", took)
			}
			list := s.want(http.StatusOK, "GET", "/_understudy/exchanges", "victim-token", "").body
			if n := strings.Count(list, `"operationId"`); n < 10 && strings.Count(list, "createProject") < 10 {
				t.Errorf("the victim has not all of its 10 exchanges: %.300s", list)
			}
			// The log of writes that SQLite keeps beside the file is up to 32 MiB.
			if grown := s.disk() - before; grown > 48*mebibyte {
				t.Errorf("the store grew by %d MiB", grown/mebibyte)
			}
			s.holdPeak()
		})
	}
}

func stranger(s *server, method, path, token, workspace, body string) (*http.Request, error) {
	r, err := http.NewRequest(method, s.url+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	if workspace != "" {
		r.Header.Set("Understudy-Workspace", workspace)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	return r, nil
}

// What a tenant keeps has bounds, whatever it is kept in; another is served meanwhile,
// and the tenant itself may read and delete.
func TestStoreAbuseQuota(t *testing.T) {
	large := strings.Repeat("n", 900_000)
	for name, c := range map[string]struct {
		method string
		path   func(i int) string
		body   func(i int) string
	}{
		"records": {
			"POST", func(int) string { return "/api/projects" },
			func(i int) string { return fmt.Sprintf(`{"name":%q,"key":"k-%d"}`, large, i) },
		},
		"faults": {
			"PUT", func(i int) string { return fmt.Sprint("/_understudy/faults/f", i) },
			func(int) string {
				return fmt.Sprintf(`{"match":{},"when":{"every":1000000},"do":{"status":503,"body":{"text":%q}}}`, large)
			},
		},
		"a seed": {
			"PUT", func(int) string { return "/_understudy/seed" },
			func(int) string {
				var b strings.Builder
				for i := range 15 {
					fmt.Fprintf(&b, `,{"name":%q,"key":"k-%d"}`, large, i)
				}
				return `{"workspaces":[{"brms":{"projects":[` + b.String()[1:] + `]}}]}`
			},
		},
		"workspaces": {
			"POST", func(int) string { return "/api/projects" },
			func(i int) string { return fmt.Sprintf(`{"name":"n","key":"k-%d"}`, i) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, "--workspace-bytes", fmt.Sprint(8*mebibyte), "--workspaces", "20")
			s.want(http.StatusOK, "POST", "/api/projects", "other-tenant", `{"name":"n"}`)
			token := "greedy-tenant"
			refused := answer{}
			for i := 0; refused.status == 0; i++ {
				if name == "workspaces" {
					token = fmt.Sprint("greedy-tenant-", i)
				}
				a, err := s.ask(c.method, c.path(i), token, []byte(c.body(i)))
				if err != nil {
					t.Fatal(err)
				}
				switch {
				case a.status >= 400:
					refused = a
				case i > 50:
					t.Fatalf("%d are taken", i)
				}
			}
			if refused.status != http.StatusRequestEntityTooLarge && refused.status != http.StatusUnprocessableEntity {
				t.Errorf("%d %.300s", refused.status, refused.body)
			}
			s.want(http.StatusOK, "POST", "/api/projects", "other-tenant", `{"name":"another"}`)
			if name == "faults" { // which answer all else
				s.want(http.StatusNoContent, "DELETE", "/_understudy/faults", token, "")
			}
			s.want(http.StatusOK, "GET", "/api/projects?perPage=1", token, "")
			s.want(http.StatusOK, "GET", "/_understudy/health/ready", "", "")
			s.holdPeak()
		})
	}
}

// What a seed repeats by aliases counts as often as it is repeated.
func TestStoreAbuseAliases(t *testing.T) {
	s := start(t)
	name := strings.Repeat("A", 500_000)
	for what, text := range map[string]string{
		"a text in many projects": "workspaces: [{brms: {projects: [{name: &n " + name + ", key: aa}" + func() string {
			var b strings.Builder
			for i := range 999 {
				fmt.Fprintf(&b, ", {name: *n, key: k%d}", i)
			}
			return b.String()
		}() + "]}}]",
		"a project many times":   "workspaces: [{brms: {projects: [&p {name: " + name + "}" + strings.Repeat(",*p", 999) + "]}}]",
		"a workspace many times": "workspaces: [&w {brms: {projects: [{name: " + name + "}]}}" + strings.Repeat(",*w", 999) + "]",
		"a list within lists":    "a: &a [" + name + "]\nb: &b [" + strings.Repeat("*a,", 100) + "]\nworkspaces: [" + strings.Repeat("*b,", 100) + "]",
	} {
		r, err := stranger(s, "PUT", "/_understudy/seed", "seeding", "", text)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/yaml")
		a, err := s.send(r)
		if err != nil {
			t.Fatal(err)
		}
		if a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, "MiB") {
			t.Errorf("%s: %d %.300s", what, a.status, a.body)
		}
	}
	if disk := s.disk(); disk > 16*mebibyte {
		t.Errorf("the store takes %d MiB", disk/mebibyte)
	}
	s.holdPeak()
}

// archiveOf is a form with an archive of so many files.
func archiveOf(t *testing.T, files int, content func(i int) string) (contentType, body string) {
	t.Helper()
	var text bytes.Buffer
	form := multipart.NewWriter(&text)
	part, err := form.CreateFormFile("files", "a.zip")
	if err != nil {
		t.Fatal(err)
	}
	archive := zip.NewWriter(part)
	for i := range files {
		w, err := archive.Create(fmt.Sprint("f", i))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(w, content(i))
	}
	if err := errors.Join(archive.Close(), form.Close()); err != nil {
		t.Fatal(err)
	}
	return form.FormDataContentType(), text.String()
}

// upload makes a release of the attacker's.
func (s *server) upload(project, contentType, body string) (answer, error) {
	r, err := stranger(s, "POST", "/api/projects/"+project+"/releases/multipart", "attacker", "", body)
	if err != nil {
		return answer{}, err
	}
	r.Header.Set("Content-Type", contentType)
	return s.send(r)
}

// Archives that hold a thousand times what was sent are unpacked one after the other.
func TestStoreAbuseArchives(t *testing.T) {
	s := start(t)
	project := s.project("attacker")
	contentType, body := archiveOf(t, 4, func(int) string { return `"` + strings.Repeat("0", 15*mebibyte) + `"` })
	var uploads sync.WaitGroup
	for range size(6, 16) {
		uploads.Go(func() {
			a, err := s.upload(project, contentType, body)
			if err != nil || a.status != http.StatusOK && (a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "") {
				t.Errorf("%d %.200s (%v)", a.status, a.body, err)
			}
		})
	}
	uploads.Wait()
	t.Logf("peak %d MiB", s.peak()/mebibyte)
	s.holdPeak()
}
