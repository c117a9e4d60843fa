package app

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-api/understudy/server/brms"
	"github.com/understudy-api/understudy/server/contract"
	"github.com/understudy-api/understudy/server/control"
	"github.com/understudy-api/understudy/server/datafold"
	"github.com/understudy-api/understudy/server/site"
)

// described is what a document says of its operations, as far as it can be told.
func described(d *contract.Document) map[string]any {
	all := map[string]any{}
	for _, op := range d.Operations() {
		var names []string
		for _, p := range op.Parameters() {
			names = append(names, p.In+" "+p.Name)
		}
		statuses := op.Statuses()
		slices.Sort(statuses)
		all[op.Method+" "+op.Path] = []any{
			op.ID, op.Secured(), op.HasBody(), names, statuses, op.Rows(), op.Parts(), op.Body(), op.HoldsSecrets(), d.Locate(op.Pointer()),
		}
	}
	return all
}

// Operations of one document can be asked for, and judged by, all at once.
func TestOpenedAtOnce(t *testing.T) {
	t.Parallel()
	opened, err := contract.Open(brms.New(nil, nil).Source())
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 4 {
		for _, op := range opened.Operations() {
			all.Go(func() {
				judged := op.JudgeRequest(t.Context(), &contract.Message{
					Method: op.Method, URL: &url.URL{Path: op.Path}, Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(`{"name":7}`),
				})
				for _, v := range judged.Violations {
					if v.Where.Pointer == "" {
						t.Errorf("%s: %+v", op.ID, v)
					}
				}
				op.Body()
			})
		}
	}
	all.Wait()
}

// A document that is read as it is asked for says what the whole says, every
// operation can be read, and it knows the same secrets.
func TestOpenedIsLoaded(t *testing.T) {
	t.Parallel()
	for _, api := range []site.API{brms.New(nil, nil), datafold.New(nil, nil), control.New(control.Options{})} {
		source := api.Source()
		opened, err := contract.Open(source)
		if err != nil {
			t.Fatal(err)
		}
		source.Marks = nil // looked for in the document
		loaded, err := contract.Load(source)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(described(loaded), described(opened)); diff != "" {
			t.Errorf("%s: %s", source.API, diff)
		}
		if want := slices.Sorted(maps.Keys(described(loaded))); len(want) == 0 {
			t.Errorf("%s: nothing was compared", source.API)
		}
		for _, text := range []string{`client_secret=a&password=b&x=c`, `token=a&page=2`, `name=a`} {
			if got, want := opened.MaskQuery(text), loaded.MaskQuery(text); got != want {
				t.Errorf("%s: %s: %s, loaded it is %s", source.API, text, got, want)
			}
		}
	}
}
