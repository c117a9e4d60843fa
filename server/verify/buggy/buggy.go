// Package buggy is a little shop behind HTTP that keeps its contract to the letter,
// or breaks it in exactly the ways it is asked to. A conformance runner is tried on
// it: without a bug it must find nothing, with a bug it must find that bug.
//
// The shop judges requests by the schemas of its own document, which it reads itself:
// by package contract it would be wrong wherever the runner is. State is kept per
// handler, in memory. An undeclared method is 405 and an unknown path 404 before a
// credential is looked at, since both belong to no operation; HEAD is answered like
// GET, and OPTIONS with the methods of the path.
package buggy

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"go.yaml.in/yaml/v3"
)

// Token is the one bearer token that the shop accepts.
const Token = "secret-token"

//go:embed shop.yaml
var shop []byte

// Document returns the shop's document, OpenAPI 3.0.3 in YAML.
func Document() []byte { return slices.Clone(shop) }

var (
	nullableType = regexp.MustCompile(`(?m)^( *)type: (\w+)\n *nullable: true$`)
	oneValue     = regexp.MustCompile(`enum: \[(\w+)\]`)
	version      = regexp.MustCompile(`(?m)^openapi: .*$`)
)

// Document31 returns the same document as OpenAPI 3.1.0, with null among the types
// and const in place of enumerations of one value.
func Document31() []byte {
	d := version.ReplaceAll(shop, []byte("openapi: 3.1.0"))
	d = nullableType.ReplaceAll(d, []byte(`${1}type: [${2}, "null"]`))
	return oneValue.ReplaceAll(d, []byte("const: ${1}"))
}

// shopJSON is the document as JSON, which loads many times as fast as YAML: every
// handler loads one of its own, to change.
var shopJSON = asJSON(shop)

func asJSON(text []byte) func() ([]byte, error) {
	return sync.OnceValues(func() ([]byte, error) {
		var document any
		if err := yaml.Unmarshal(text, &document); err != nil {
			return nil, err
		}
		return json.Marshal(document)
	})
}

// New returns a shop that is empty, and has the bugs that are given. If one of them
// is unknown, every answer is a 500 that says so.
func New(bugs ...Bug) http.Handler {
	s := &server{
		items:    make(map[int]*item),
		orders:   make(map[string]*order),
		accounts: make(map[string]*account),
		emails:   make(map[string]bool),
	}
	s.authorized, s.crash, s.coerced = s.admits, s.stumbles, s.coerce
	return s.open(shopJSON, catalogue, bugs, s.bend, s.handlers())
}

// open makes a handler of a document, after the rules that a bug is about were changed
// in it.
func (s *frame) open(source func() ([]byte, error), known []Info, bugs []Bug, bend func(*openapi3.T), handlers map[string]func(*call) answer) http.Handler {
	s.bugs = make(map[Bug]bool)
	for _, b := range bugs {
		if !slices.ContainsFunc(known, func(i Info) bool { return i.Bug == b }) {
			return broken(fmt.Sprintf("there is no bug %q", b))
		}
		s.bugs[b] = true
	}
	data, err := source()
	if err != nil {
		return broken("the document is not YAML: " + err.Error())
	}
	document, err := openapi3.NewLoader().LoadFromData(data)
	if err != nil {
		return broken("the document does not load: " + err.Error())
	}
	bend(document)
	if err := s.prepare(document, handlers); err != nil {
		return broken(err.Error())
	}
	return s
}

func broken(why string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		problem(http.StatusInternalServerError, why).write(w, r)
	})
}
