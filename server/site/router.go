package site

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/gorilla/mux"

	"github.com/understudy-api/understudy/server/contract"
)

// routes finds the operations of one API. gorilla/mux asks its routes one after the
// other, so that the last of 200 waits for all the others. So each operation has its route
// on a small router, picked by the path's segment count and the texts of its two most
// telling segments.
type routes struct {
	operations map[*mux.Route]*contract.Operation
	small      map[smallKey]*mux.Router
	telling    map[int][]telling // segment count -> the positions that tell routes apart
	most       int               // the segment count that stands for all greater ones too
}

// smallKey picks a small router: the path's segment count and its texts in the telling
// positions, "" for any text that no route spells out.
type smallKey struct {
	segments int
	statics  [tellingPositions]string
}

// tellingPositions is how many positions of a path are looked at.
const tellingPositions = 2

// telling is a position and the texts that routes have there.
type telling struct {
	position int
	texts    map[string]bool
}

// newRoutes makes the routes of a document. They have no handlers: see handlersOf.
func newRoutes(d *contract.Document) *routes {
	t := &routes{
		operations: map[*mux.Route]*contract.Operation{},
		small:      map[smallKey]*mux.Router{},
		telling:    map[int][]telling{},
	}
	t.rehome(slices.Clone(d.Operations()))
	return t
}

// handlersOf gives the handler of each operation: every one has one, and there are no
// others.
func handlersOf(d *contract.Document, register func(Route)) (map[*contract.Operation]http.Handler, error) {
	handlers := make(map[*contract.Operation]http.Handler, len(d.Operations()))
	found := 0
	var err error
	register(func(method, template string, handler http.HandlerFunc) {
		op := d.Operation(method, template)
		if op == nil && err == nil {
			err = fmt.Errorf("%s %s is routed but not in %s", method, template, d.File)
		}
		handlers[op] = handler
		found++
	})
	if err != nil {
		return nil, err
	}
	if found != len(d.Operations()) || len(handlers) != found {
		return nil, fmt.Errorf("%s declares %d operations, %d are routed", d.File, len(d.Operations()), found)
	}
	return handlers, nil
}

// matched stands on the small routers: which operation a route is of is looked up, and its
// handler is each site's own.
var matched = http.NotFoundHandler()

// match is the route of a request with its values; nil if there is none, or none for
// its method. It asks the small router and does not have it serve, which would copy
// the request once more to tell what is known here.
func (t *routes) match(r *http.Request) *mux.RouteMatch {
	small := t.pick(r.URL.Path)
	if small == nil {
		return nil
	}
	found := &mux.RouteMatch{}
	if !small.Match(r, found) {
		return nil
	}
	return found
}

// rehome groups the routes by segment count and by the static texts of the positions
// in which routes of that count differ most. A route that takes the rest of a path is in
// the group of every count from its own on.
func (t *routes) rehome(found []*contract.Operation) {
	// Routes with static text first: "/bi/dbt/" before "/bi/{id}/".
	slices.SortStableFunc(found, func(a, b *contract.Operation) int { return a.Template().Compare(b.Template()) })
	counts := map[int]bool{}
	for _, op := range found {
		n := op.Template().Slashes()
		counts[n] = true
		t.most = max(t.most, n+1)
	}
	counts[t.most] = true // and more: only what takes the rest of a path
	for n := range counts {
		var group []*contract.Operation
		for _, op := range found {
			if own := op.Template().Slashes(); own == n || own < n && op.Template().Rest {
				group = append(group, op)
			}
		}
		if len(group) > 0 {
			t.divide(n, group)
		}
	}
}

// divide makes the small routers of the routes of a segment count. It takes the positions
// that leave the least routes in the largest of them.
func (t *routes) divide(n int, group []*contract.Operation) {
	var at []telling
	for range tellingPositions {
		best, least := at, largest(group, n, at)
		for position := range n {
			texts := map[string]bool{}
			for _, op := range group {
				if s := op.Template().Static(position); s != "" {
					texts[s] = true
				}
			}
			with := append(slices.Clone(at), telling{position, texts})
			if size := largest(group, n, with); size < least {
				best, least = with, size
			}
		}
		if len(best) == len(at) {
			break
		}
		at = best
	}
	t.telling[n] = at
	for _, key := range keysOf(n, at) {
		small := mux.NewRouter().SkipClean(true)
		for _, op := range within(group, key, at) {
			t.operations[small.NewRoute().Handler(matched).MatcherFunc(matcherOf(op))] = op
		}
		t.small[key] = small
	}
}

// matcherOf matches the method and the path of an operation, the path by its template and
// not, as gorilla/mux does, by two regular expressions: one to match and one for the values.
func matcherOf(op *contract.Operation) mux.MatcherFunc {
	template := op.Template()
	return func(r *http.Request, m *mux.RouteMatch) (ok bool) {
		if r.Method == op.Method {
			m.Vars, ok = template.Escaped(r.URL.Path)
		}
		return ok
	}
}

// keysOf lists the keys that positions make.
func keysOf(n int, at []telling) []smallKey {
	keys := []smallKey{{segments: n}}
	for i := range at {
		for _, key := range slices.Clone(keys) {
			for text := range at[i].texts {
				key.statics[i] = text
				keys = append(keys, key)
			}
		}
	}
	return keys
}

// within are the routes that a path with such texts may match.
func within(group []*contract.Operation, key smallKey, at []telling) []*contract.Operation {
	var list []*contract.Operation
	for _, op := range group {
		fits := true
		for i := range at {
			s := op.Template().Static(at[i].position)
			fits = fits && (s == "" || s == key.statics[i])
		}
		if fits {
			list = append(list, op)
		}
	}
	return list
}

func largest(group []*contract.Operation, n int, at []telling) int {
	most := 0
	for _, key := range keysOf(n, at) {
		most = max(most, len(within(group, key, at)))
	}
	return most
}

// segment is the text between the position-th slash and the next.
func segment(path string, position int) string {
	for ; position >= 0; position-- {
		i := strings.IndexByte(path, '/')
		if i < 0 {
			return ""
		}
		path = path[i+1:]
	}
	if i := strings.IndexByte(path, '/'); i >= 0 {
		return path[:i]
	}
	return path
}

// pick finds the small router for a path.
func (t *routes) pick(path string) *mux.Router {
	key := smallKey{segments: min(strings.Count(path, "/"), t.most)}
	for i, at := range t.telling[key.segments] {
		if text := segment(path, at.position); at.texts[text] {
			key.statics[i] = text
		}
	}
	return t.small[key]
}

// allowed lists the methods declared for a path, in the usual order.
func (t *routes) allowed(r *http.Request) []string {
	small := t.pick(r.URL.Path)
	if small == nil {
		return nil
	}
	var allow []string
	for _, method := range contract.Methods {
		probe := *r
		probe.Method = method
		var match mux.RouteMatch
		if small.Match(&probe, &match) {
			allow = append(allow, method)
		}
	}
	return allow
}
