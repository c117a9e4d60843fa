package brms_test

import (
	"testing"

	"github.com/understudy-api/understudy/server/brms"
	"github.com/understudy-api/understudy/server/site"
	"github.com/understudy-api/understudy/storage/sqlite"
)

func TestHealth(t *testing.T) {
	t.Parallel()
	store, err := sqlite.Open(t.Context(), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s := startAPI(t, brms.New(store, site.OpenKeyring{}), nil)
	r := must(s.GetHealthWithResponse(t.Context()))
	want(t, 200, r)
	if r.JSON200.Status != "ok" {
		t.Errorf("status %q", r.JSON200.Status)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	r = must(s.GetHealthWithResponse(t.Context()))
	want(t, 503, r)
	if got := r.HTTPResponse.Header.Get("Retry-After"); got != "1" {
		t.Errorf("Retry-After %q", got)
	}
}
