package app

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/understudy-api/understudy/internal/cputime"
)

// Alone, because it measures: the plan of a thousand models that changed, from the upload
// of the pull request's manifest to its data diffs, takes two seconds of processors at
// most.
func TestStoreThousandModels(t *testing.T) {
	const models = 1_000
	r := newRepository(t, startServer(t, Options{}), "thousand", "")
	r.expect(t, 200, "PUT", "/_understudy/datafold/outcomes/held", bearer(r.secret), `{"state":"needs_authentication"}`)
	manifest := func(code string) string {
		list := make([]dbtModel, models)
		for i := range list {
			more := keyedByTag
			if i > 0 {
				more += fmt.Sprintf(`,"depends_on":{"nodes":["model.shop.m%d"],"macros":[]}`, i-1)
			}
			list[i] = dbtModel{fmt.Sprintf("m%d", i), code + strings.Repeat(" select", 500), more}
		}
		return manifestOf("main", list...)
	}
	r.upload("production", "aaa", manifest("1"))
	id := r.trigger(5, "bbb", "aaa")
	change := manifest("2")
	used := cputime.Used()
	r.upload("pull_request", "bbb", change)
	eventually(t, "the plan", func() bool {
		return r.runs("?limit=1&pr_sha=bbb")[0].Status == "processing" && len(r.look(id).Diffs) == models
	})
	used = cputime.Used() - used
	t.Logf("%d models in a manifest of %d KB: %v of processors", models, len(change)>>10, used)
	if used > 2*time.Second && !raced {
		t.Errorf("%v of processors", used)
	}
}
