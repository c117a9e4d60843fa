package app

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/understudy-api/understudy/internal/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// storeVariable names the kind of store that tests run on which ask for none:
// "memory", "sqlite" or "postgres". "make test-stores" sets it.
const storeVariable = "UNDERSTUDY_TEST_STORE"

// testStore is an empty store for a test: of the kind for which TestStores runs it,
// else of that which the environment names, else in memory.
func testStore(t testing.TB) string {
	t.Helper()
	kind := os.Getenv(storeVariable)
	if under, found := strings.CutPrefix(t.Name(), "TestStores/"); found {
		kind, _, _ = strings.Cut(under, "/")
	}
	switch kind {
	case "", "memory":
		return "memory"
	case "sqlite":
		return "sqlite:" + filepath.Join(t.TempDir(), "test.db")
	case "postgres":
		return asURL(t, pgtest.Schema(t))
	}
	t.Fatalf("%s=%q: want memory, sqlite or postgres", storeVariable, kind)
	return ""
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
