package app

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/understudy-api/understudy/internal/mariadbtest"
	"github.com/understudy-api/understudy/internal/pgtest"
	_ "github.com/understudy-api/understudy/server/drivers" // as in the program
)

func TestMain(m *testing.M) {
	defer mariadbtest.Stop()
	pgtest.Main(m)
}

// storeVariable names the kind of store that tests run on which ask for none:
// "memory", "sqlite" or "postgres". "make test-stores" sets it.
const storeVariable = "UNDERSTUDY_TEST_STORE"

// replicated is a store that several servers share.
const replicated = "replicas"

// kindOf is the kind of store that a test is for: the one for which TestStores runs
// it, else the one that the environment names.
func kindOf(t testing.TB) string {
	if under, found := strings.CutPrefix(t.Name(), "TestStores/"); found {
		kind, _, _ := strings.Cut(under, "/")
		return kind
	}
	return os.Getenv(storeVariable)
}

// testStore is an empty store for a test, of its kind, or in memory.
func testStore(t testing.TB) string {
	t.Helper()
	switch kind := kindOf(t); kind {
	case "", "memory":
		return "memory"
	case "sqlite":
		return "sqlite:" + filepath.Join(t.TempDir(), "test.db")
	case "postgres", replicated:
		return postgresStore(t)
	default:
		t.Fatalf("%s=%q: want memory, sqlite or postgres", storeVariable, kind)
		return ""
	}
}

// asURL is a DSN in the form of a URL, which is the one that --store takes.
func asURL(t testing.TB, dsn string) string {
	t.Helper()
	if strings.Contains(dsn, "://") {
		return dsn
	}
	u, query := url.URL{Scheme: "postgres", Path: "/"}, url.Values{}
	for word := range strings.FieldsSeq(dsn) {
		name, value, found := strings.Cut(word, "=")
		if !found || strings.ContainsAny(value, `'\`) {
			t.Fatal("a DSN that cannot be read")
		}
		query.Set(name, value)
	}
	u.RawQuery = query.Encode()
	return u.String()
}

// The core of the end-to-end tests, on replicas that share a database: on one server,
// "make test" and "make test-stores" run all of them.
func TestStores(t *testing.T) {
	core := map[string]func(*testing.T){
		"operations":     TestEveryOperation,
		"life":           TestWholeLife,
		"isolation":      TestIsolation,
		"credentials":    TestOneSecretOneWorkspace,
		"sub-workspaces": TestSubWorkspaces,
		"runs":           TestRunsAreIdentical,
		"seed":           TestSeedRoundTrip,
		"repeatable":     TestRepeatable,
		"coverage":       TestCoverage,
		"violations":     TestViolationKinds,
		"exchanges":      TestListExchanges,
		"evidence":       TestEvidenceIsolation,
		"exchange":       TestExchangeIsThere,
		"faults":         TestFaultKinds,
		"jobs":           TestJobModes,
		"report":         TestReportServes,
		"release train":  TestReleaseTrain,
		"pull":           TestPullToStorage,
		"deploys":        TestDeploysAtOnce,
		"dbt":            TestPullRequestWithDbt,
		"pairs":          TestPullRequestWithoutDbt,
		"superseded":     TestPullRequestSuperseded,
		"uploads":        TestPullRequestAtOnce,
		"run states":     TestPullRequestStates,
		"rule suite":     TestSuiteOfRules,
		"diff modes":     TestDiffModes,
		"under load":     func(t *testing.T) { restoreUnderLoad(t, "", 20) },
		"no secrets":     TestVerifyEvidenceHoldsNoSecrets,
	}
	t.Run(replicated, func(t *testing.T) {
		for name, test := range core {
			t.Run(name, test)
		}
	})
}

// What a request costs on each kind of store, evidence included.
func BenchmarkStores(b *testing.B) {
	for _, kind := range []string{"memory", "sqlite", "postgres"} {
		b.Run(kind, func(b *testing.B) {
			b.Setenv(storeVariable, kind)
			a, err := New(b.Context(), Options{Store: testStore(b)})
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() {
				if err := a.Close(); err != nil {
					b.Error(err)
				}
			})
			n := 0
			send := func(method, path, body string) []byte {
				r := httptest.NewRequestWithContext(b.Context(), method, path, strings.NewReader(body))
				r.Header.Set("Authorization", "Bearer bench")
				if body != "" {
					r.Header.Set("Content-Type", "application/json")
				}
				w := httptest.NewRecorder()
				if a.ServeHTTP(w, r); w.Code != http.StatusOK {
					b.Fatalf("%s %s: %d %s", method, path, w.Code, w.Body)
				}
				return w.Body.Bytes()
			}
			create := func() []byte {
				n++
				return send("POST", "/api/projects", fmt.Sprintf(`{"name":"n","key":"key-%d"}`, n))
			}
			var made struct{ Project struct{ ID string } }
			if err := json.Unmarshal(create(), &made); err != nil {
				b.Fatal(err)
			}
			b.Run("get", func(b *testing.B) {
				for b.Loop() {
					send("GET", "/api/projects/"+made.Project.ID, "")
				}
			})
			b.Run("create", func(b *testing.B) {
				for b.Loop() {
					create()
				}
			})
		})
	}
}
