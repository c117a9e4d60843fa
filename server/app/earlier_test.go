package app

import (
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"go.yaml.in/yaml/v3"

	"github.com/understudy-api/understudy/gen/understudy"
	"github.com/understudy-api/understudy/storage"
)

// What commit e0bc4be wrote is in testdata/earlier: a SQLite file and a dump of a
// PostgreSQL database, with a record of every kind that it knew, what records each has,
// and the seeds that it exported of two of the workspaces.
func earlier(t *testing.T, name string) []byte {
	t.Helper()
	file, err := os.Open(filepath.Join("testdata", "earlier", name))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	var in io.Reader = file
	if strings.HasSuffix(name, ".gz") {
		if in, err = gzip.NewReader(file); err != nil {
			t.Fatal(err)
		}
	}
	text, err := io.ReadAll(in)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func earlierSQLite(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "earlier.db")
	if err := os.WriteFile(path, earlier(t, "sqlite.db.gz"), 0o600); err != nil {
		t.Fatal(err)
	}
	return "sqlite:" + path
}

func earlierPostgres(t *testing.T) string {
	t.Helper()
	dsn := postgresStore(t)
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.PgConn().Exec(t.Context(), string(earlier(t, "postgres.sql.gz"))).ReadAll(); err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	return dsn
}

// A store that an earlier release wrote opens with all that it holds: twice, for the
// first time may change it.
func TestStoreEarlier(t *testing.T) {
	for driver, open := range map[string]func(*testing.T) string{"sqlite": earlierSQLite, "postgres": earlierPostgres} {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			store := open(t)
			if diff := cmp.Diff(string(earlier(t, driver+".records.txt")), recordsIn(t, store)); diff != "" {
				t.Error("records changed:", diff)
			}
			for range 2 {
				a, err := New(t.Context(), Options{Store: store})
				if err != nil {
					t.Fatal(err)
				}
				readEarlier(t, serveApp(t, a), driver)
				if err := a.Close(); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// recordsIn describes all records of a store: how many of each kind there are in each
// workspace, and a digest of what they are.
func recordsIn(t *testing.T, at string) string {
	t.Helper()
	store, err := openStore(t.Context(), Options{Store: at})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	workspaces, err := store.Workspaces(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	kinds := []string{
		"brms.integration", "brms.project", "datafold.bi", "exchange", "exchange ids", "messages",
		"recent", "recent messages", "recent total", "tally", "understudy.fault", "violation",
	}
	var text strings.Builder
	for _, workspace := range workspaces {
		for _, kind := range kinds {
			for _, deleted := range []bool{false, true} {
				n, digest := 0, sha256.New()
				if err := store.View(t.Context(), workspace, func(tx storage.ReadTx) error {
					page, err := tx.List(kind, storage.Query{Deleted: deleted})
					n = len(page.Records)
					for _, r := range page.Records {
						fmt.Fprintf(digest, "%q %q %d %d %d %s\n", r.ID, r.Parent, r.Version, r.Created.UnixMicro(), r.Updated.UnixMicro(), r.Body)
					}
					return err
				}); err != nil {
					t.Fatal(err)
				}
				if n > 0 {
					fmt.Fprintf(&text, "%q %q deleted=%t %d %.8x\n", workspace, kind, deleted, n, digest.Sum(nil))
				}
			}
		}
	}
	return text.String()
}

// meant is what a seed says, in whatever order.
func meant(t *testing.T, seed []byte) (said any) {
	t.Helper()
	if err := yaml.Unmarshal(seed, &said); err != nil {
		t.Fatal(err)
	}
	return said
}

func readEarlier(t *testing.T, w *standIn, driver string) {
	t.Helper()
	const secret = "earlier"
	now := w.export(t, secret)
	if diff := cmp.Diff(meant(t, earlier(t, "earlier.yaml")), meant(t, []byte(now))); diff != "" {
		t.Error("a workspace changed:", diff)
	}
	if diff := cmp.Diff(meant(t, earlier(t, driver+".second.yaml")), meant(t, []byte(w.export(t, "second")))); diff != "" {
		t.Error("another workspace changed:", diff)
	}
	if found := w.expect(t, 200, http.MethodGet, "/api/projects?search=ricin", bearer(secret), ""); !strings.Contains(found, `"key":"pricing"`) || !strings.Contains(found, `"total":1`) {
		t.Error("a search in what had no entries for it:", found)
	}
	// Its clock stands two seconds behind the request, which waits for one.
	sync := w.expect(t, 200, http.MethodGet, "/api/v1/lineage/bi/1/", key(secret), "")
	if !strings.Contains(sync, `"processing"`) {
		t.Error("the synchronisation:", sync)
	}
	var fault struct{ Met, Applied int }
	if err := json.Unmarshal([]byte(w.expect(t, 200, http.MethodGet, "/_understudy/faults/second", bearer(secret), "")), &fault); err != nil || fault.Applied != 1 {
		t.Errorf("the fault was applied %d times, %v", fault.Applied, err)
	}
	var kept struct {
		Violations []struct {
			Rule      string
			Exchanges []string
		}
	}
	if err := json.Unmarshal([]byte(w.expect(t, 200, http.MethodGet, "/_understudy/violations", bearer(secret), "")), &kept); err != nil {
		t.Fatal(err)
	}
	var rules []string
	for _, v := range kept.Violations {
		rules = append(rules, v.Rule)
		for _, id := range v.Exchanges {
			if got := w.do(t, http.MethodGet, "/_understudy/exchanges/"+url.PathEscape(id), bearer(secret), nil); got.status != 200 {
				t.Errorf("the exchange of a violation: %d %s", got.status, got.body)
			}
		}
	}
	if diff := cmp.Diff([]string{"type", "enum", "unknownPath", "required"}, rules); diff != "" {
		t.Error("violations:", diff)
	}
	var coverage understudy.CoverageReport
	if err := json.Unmarshal([]byte(w.expect(t, 200, http.MethodGet, "/_understudy/coverage", bearer(secret), "")), &coverage); err != nil || coverage.Coverage.Covered < 15 {
		t.Errorf("covered %d, %v", coverage.Coverage.Covered, err)
	}
	// The snapshots were taken before the last project was made.
	w.expect(t, 200, http.MethodPut, "/_understudy/snapshots/now", bearer(secret), `{}`)
	for _, name := range []string{"with", "without"} {
		w.expect(t, 200, http.MethodPost, "/_understudy/snapshots/"+name+"/restore", bearer(secret), "")
		if was := w.export(t, secret); strings.Contains(was, "name: After") || !strings.Contains(was, "name: Five") {
			t.Error("the snapshot", name, "is", was)
		}
	}
	w.expect(t, 200, http.MethodPost, "/_understudy/snapshots/now/restore", bearer(secret), "")
	if again := w.export(t, secret); again != now {
		t.Error("a workspace changed by restoring:", cmp.Diff(now, again))
	}
}
