package app

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/understudy-api/understudy/server/quota"
	"github.com/understudy-api/understudy/storage"
)

// Many requests at once for the last places that there are: on every store each bound is
// held, and what finds room is let in.
func TestQuotasAtOnce(t *testing.T) {
	t.Parallel()
	limits := quota.Limits{Workspaces: 5, WorkspaceRecords: 60, WorkspaceBytes: 128 << 10}
	w := startServer(t, Options{Quota: limits})
	atOnce := func(n int, request func(i int) (secret, path, body string)) (granted []int) {
		t.Helper()
		var all sync.WaitGroup
		statuses := make([]int, n)
		for i := range n {
			all.Go(func() {
				secret, path, body := request(i)
				r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url+path, strings.NewReader(body))
				if err != nil {
					t.Error(err)
					return
				}
				r.Header = bearer(secret)
				r.Header.Set("Content-Type", "application/json")
				resp, err := w.client.Do(r)
				if err != nil {
					t.Error(err)
					return
				}
				defer func() { _ = resp.Body.Close() }()
				if text, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusRequestEntityTooLarge {
					t.Errorf("%d %s", resp.StatusCode, text)
				}
				statuses[i] = resp.StatusCode
			})
		}
		all.Wait()
		for i, status := range statuses {
			if status == http.StatusOK {
				granted = append(granted, i)
			}
		}
		return granted
	}
	most := func(of func(storage.Usage) int64) (most int64) {
		t.Helper()
		names, err := w.app.store.Workspaces(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if name[0] == 0 {
				continue // the server's own
			}
			if err := w.app.store.View(t.Context(), name, func(tx storage.ReadTx) error {
				held, err := tx.Usage()
				most = max(most, of(held))
				return err
			}); err != nil {
				t.Fatal(err)
			}
		}
		return most
	}
	const projects = "/api/projects"
	tenants := atOnce(16, func(i int) (string, string, string) {
		return fmt.Sprint("tenant-", i), projects, `{"name":"n","key":"first"}`
	})
	if len(tenants) != 5 {
		t.Fatalf("%d workspaces", len(tenants))
	}
	secret := func(i int) string { return fmt.Sprint("tenant-", tenants[i]) }
	project := projects + "/" + idIn(t, w.do(t, "POST", projects, bearer(secret(2)), strings.NewReader(createBody)).body)
	large := strings.Repeat("x", 10_000)
	for _, c := range []struct {
		what    string
		request func(i int) (secret, path, body string)
		of      func(storage.Usage) int64
		bound   int64
	}{
		{
			"records", func(i int) (string, string, string) {
				return secret(0), projects, fmt.Sprintf(`{"name":"n","key":"k%d"}`, i)
			},
			func(u storage.Usage) int64 { return u.Records }, limits.WorkspaceRecords,
		},
		{
			"bytes", func(i int) (string, string, string) {
				return secret(1), projects, fmt.Sprintf(`{"name":%q,"key":"k%d"}`, large, i)
			},
			func(u storage.Usage) int64 { return u.Bytes }, limits.WorkspaceBytes,
		},
		{
			"blobs", func(i int) (string, string, string) {
				return secret(2), project + "/documents", fmt.Sprintf(`{"type":"file","name":"d%[1]d","key":"d%[1]d","path":"d%[1]d","contentType":"application/vnd.gorules.decision","content":{"nodes":[],"edges":[],"x":"%[2]s%[1]d"}}`, i, large)
			},
			func(u storage.Usage) int64 { return u.Bytes }, limits.WorkspaceBytes,
		},
	} {
		before := most(c.of)
		granted := atOnce(80, c.request)
		held := most(c.of)
		if len(granted) == 0 || len(granted) == 80 {
			t.Fatalf("%s: %d of 80 are granted", c.what, len(granted))
		}
		if one := (held-before)/int64(len(granted)) + 1; held > c.bound || held+2*one <= c.bound {
			t.Errorf("%s: %d are held, of %d that may be", c.what, held, c.bound)
		}
		filled, _, _ := c.request(0)
		w.expect(t, 204, "POST", "/_understudy/reset", bearer(filled), "")
	}
}
