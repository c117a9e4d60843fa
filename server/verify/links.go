package verify

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
)

// producer is an operation that makes a thing, and the places in the tree of paths
// at which the thing can then be found.
type producer struct {
	op    *operation
	nodes []node
	// chosen says that the caller chooses the id: PUT on a path that no POST fills.
	chosen bool
	// pointers hold where declared links say that the value of a node is.
	pointers map[string]string
	headers  map[string]string // or in which header

	reads, updates, deletes []*operation // of the thing itself
	lists                   []*operation

	once   sync.Once
	limits []any // what a thing may be made from at the limits of the document
}

// link finds the producers: declared links first, then what paths and names tell.
func (r *runner) link() {
	r.producers = map[string][]*producer{}
	r.shownIDs = shownIDs(r.ops)
	nodes := map[string]node{}
	for _, op := range r.ops {
		for _, n := range op.nodes {
			nodes[n.key] = n
		}
	}
	for _, op := range r.ops {
		if op.Method != http.MethodPost {
			continue
		}
		p := &producer{op: op, pointers: map[string]string{}, headers: map[string]string{}}
		r.declaredLinks(p)
		if n, ok := nodes[op.key()+"/{}"]; ok {
			p.add(n)
		}
		r.kinLinks(p, nodes)
		if len(p.nodes) > 0 {
			r.resources = append(r.resources, p)
		}
	}
	r.shownLinks()
	for _, op := range r.ops {
		if n, ok := op.last(); ok && op.Method == http.MethodPut && !slices.ContainsFunc(r.resources, func(p *producer) bool { return p.makes(n.key) }) {
			r.resources = append(r.resources, &producer{op: op, nodes: []node{n}, chosen: true})
		}
	}
	for _, p := range r.resources {
		for _, n := range p.nodes {
			r.producers[n.key] = append(r.producers[n.key], p)
		}
		for _, op := range r.ops {
			r.classify(p, op)
		}
	}
	r.nodes = nodes
	for _, op := range r.ops {
		op.refs = r.referents(op)
	}
	r.singles = singlesOf(r)
}

// shownLinks finds what makes the things that nothing makes by their own path: an
// operation that answers the very schema by which they are read, as POST /exports
// answers the job that GET /jobs/{jobId} shows.
func (r *runner) shownLinks() {
	for _, read := range r.ops {
		n, ok := read.last()
		shown := read.AnswerSchema(http.StatusOK)
		if !ok || read.Method != http.MethodGet || shown == nil || len(shown.Properties) == 0 {
			continue
		}
		if slices.ContainsFunc(r.resources, func(p *producer) bool { return p.makes(n.key) }) ||
			slices.ContainsFunc(r.ops, func(op *operation) bool { return op.key() == read.key() && op.Method == http.MethodPut }) {
			continue
		}
		for _, op := range r.ops {
			if op.Method != http.MethodPost || strings.HasPrefix(op.key(), n.key) || !slices.ContainsFunc(madeStatuses, func(status int) bool { return op.AnswerSchema(status) == shown }) {
				continue
			}
			i := slices.IndexFunc(r.resources, func(p *producer) bool { return p.op == op })
			if i < 0 {
				i = len(r.resources)
				r.resources = append(r.resources, &producer{op: op, pointers: map[string]string{}})
			}
			r.resources[i].add(n)
		}
	}
}

// madeStatuses are those of answers that tell of what was made.
var madeStatuses = []int{http.StatusCreated, http.StatusAccepted}

func (p *producer) add(n node) {
	if !p.makes(n.key) {
		p.nodes = append(p.nodes, n)
	}
}

func (p *producer) makes(key string) bool {
	return slices.ContainsFunc(p.nodes, func(n node) bool { return n.key == key })
}

// kinLinks adds the places above that know things of several kinds by one
// parameter: what POST /bi/dbt/ makes is found at /bi/{id} where /bi/dbt/{id} has
// the same parameter.
func (r *runner) kinLinks(p *producer, nodes map[string]node) {
	own, ok := nodes[p.op.key()+"/{}"]
	if !ok {
		return
	}
	collection := own.collection()
	for i := strings.LastIndexByte(collection, '/'); i > 0; i = strings.LastIndexByte(collection[:i], '/') {
		if n, ok := nodes[collection[:i]+"/{}"]; ok && n.param == own.param && !strings.HasSuffix(collection[:i], "{}") {
			p.add(n)
		}
	}
}

// declaredLinks reads the links of an operation's answers (OpenAPI, section Link
// Object). Only those that lead from the answer's body, or a header of it, to a path
// parameter say where a thing is.
func (r *runner) declaredLinks(p *producer) {
	for _, status := range slices.Sorted(slices.Values(p.op.Statuses())) {
		if !strings.HasPrefix(status, "2") {
			continue
		}
		links := p.op.AnswerLinks(status)
		for _, name := range slices.Sorted(maps.Keys(links)) {
			l := links[name].Value
			to := r.linked(l)
			if to == nil {
				continue
			}
			for parameter, expression := range l.Parameters {
				text, _ := expression.(string)
				pointer, inBody := strings.CutPrefix(text, "$response.body#")
				header, inHeader := strings.CutPrefix(text, "$response.header.")
				if !inBody && !inHeader {
					continue
				}
				parameter = strings.TrimPrefix(parameter, "path.")
				for _, n := range to.nodes {
					if n.param == parameter && !strings.HasPrefix(p.op.key(), n.key) {
						p.add(n)
						if inBody {
							p.pointers[n.key] = pointer
						} else {
							p.headers[n.key] = header
						}
					}
				}
			}
		}
	}
}

func (r *runner) linked(l *openapi3.Link) *operation {
	for _, op := range r.ops {
		if l.OperationID != "" && op.ID == l.OperationID || l.OperationRef != "" && l.OperationRef == "#"+op.Pointer() {
			return op
		}
	}
	return nil
}

// classify sorts an operation to what it does with the thing.
func (r *runner) classify(p *producer, op *operation) {
	if n, ok := op.last(); ok && p.makes(n.key) && op != p.op {
		switch op.Method {
		case http.MethodGet:
			p.reads = append(p.reads, op)
		case http.MethodPut, http.MethodPatch:
			p.updates = append(p.updates, op)
		case http.MethodDelete:
			p.deletes = append(p.deletes, op)
		}
		return
	}
	if op.Method == http.MethodGet && slices.ContainsFunc(p.nodes, func(n node) bool { return n.collection() == op.key() }) {
		p.lists = append(p.lists, op)
	}
	if p.chosen && op == p.op {
		p.updates = append(p.updates, op)
	}
}

var (
	joiners   = strings.NewReplacer("_", "", "-", "", ".", "", "[", "", "]", "")
	unescaper = strings.NewReplacer("~1", "/", "~0", "~")
)

// folded is a name without what naming styles differ in.
func folded(name string) string {
	return strings.ToLower(joiners.Replace(name))
}

// singular is a guess at the name of one of several.
func singular(word string) string {
	switch {
	case strings.HasSuffix(word, "ies"):
		return word[:len(word)-3] + "y"
	case strings.HasSuffix(word, "sses"), strings.HasSuffix(word, "xes"), strings.HasSuffix(word, "ches"):
		return word[:len(word)-2]
	case strings.HasSuffix(word, "s") && !strings.HasSuffix(word, "ss"):
		return word[:len(word)-1]
	}
	return word
}

// idNames are the members that may hold the value of a node's parameter, the
// likeliest first.
func idNames(n node) []string {
	collection := n.collection()
	thing := folded(singular(collection[strings.LastIndexByte(collection, '/')+1:]))
	names := []string{folded(n.param), "id", thing + "id", "uuid", "key", "slug", "code", "name"}
	if !strings.HasSuffix(folded(n.param), "id") {
		names = append([]string{folded(n.param), thing + folded(n.param)}, names[1:]...)
	}
	return names
}

// idOf finds the value of a node's parameter in an object, and where it is. An
// object may stand in the only object of another, as in {"project": {...}}.
func idOf(n node, s *openapi3.Schema, v any) (id any, pointer string, ok bool) {
	object, isObject := v.(map[string]any)
	if !isObject {
		return nil, "", false
	}
	for _, want := range idNames(n) {
		for _, name := range slices.Sorted(maps.Keys(object)) {
			if folded(name) == want && fitsParam(s, object[name]) {
				return object[name], "/" + escapePointer(name), true
			}
		}
	}
	inner, name := onlyObject(object)
	if inner == nil {
		return nil, "", false
	}
	id, pointer, ok = idOf(n, s, inner)
	return id, "/" + escapePointer(name) + pointer, ok
}

// onlyObject is the one member that is an object; nil if there are several.
func onlyObject(object map[string]any) (inner map[string]any, name string) {
	for _, key := range slices.Sorted(maps.Keys(object)) {
		if m, ok := object[key].(map[string]any); ok {
			if inner != nil {
				return nil, ""
			}
			inner, name = m, key
		}
	}
	return inner, name
}

// fitsParam reports whether a value can be that of a path parameter.
func fitsParam(s *openapi3.Schema, v any) bool {
	switch v := v.(type) {
	case string:
		return v != "" && (s == nil || s.Type == nil || s.Type.Includes(openapi3.TypeString) || s.Type.Includes(openapi3.TypeInteger) && index(v) >= 0) // a path has texts only
	case json.Number:
		if s == nil || s.Type == nil || s.Type.Includes(openapi3.TypeNumber) || s.Type.Includes(openapi3.TypeString) {
			return true
		}
		return s.Type.Includes(openapi3.TypeInteger) && !strings.ContainsAny(v.String(), ".eE")
	}
	return false
}

// at finds the value at a JSON pointer.
func at(v any, pointer string) (any, bool) {
	if pointer == "" {
		return v, true
	}
	for token := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		token = unescaper.Replace(token)
		switch c := v.(type) {
		case map[string]any:
			member, ok := c[token]
			if !ok {
				return nil, false
			}
			v = member
		case []any:
			i := index(token)
			if i < 0 || i >= len(c) {
				return nil, false
			}
			v = c[i]
		default:
			return nil, false
		}
	}
	return v, true
}

func index(token string) int {
	n := 0
	for _, c := range token {
		if c < '0' || c > '9' || n > 1<<20 {
			return -1
		}
		n = n*10 + int(c-'0')
	}
	if token == "" {
		return -1
	}
	return n
}

// items finds the list in an answer: the answer itself, or the first member that is
// an array, at most one object deep. Beside it stands the object that holds it.
func items(v any) (list []any, within []map[string]any, ok bool) {
	switch v := v.(type) {
	case []any:
		return v, nil, true
	case map[string]any:
		var inner []map[string]any
		for _, name := range slices.SortedFunc(maps.Keys(v), listLikely) {
			switch m := v[name].(type) {
			case []any:
				return m, append([]map[string]any{v}, objects(v)...), true
			case map[string]any:
				inner = append(inner, m)
			}
		}
		for _, m := range inner {
			for _, name := range slices.SortedFunc(maps.Keys(m), listLikely) {
				if list, isList := m[name].([]any); isList {
					return list, append([]map[string]any{v}, objects(v)...), true
				}
			}
		}
	}
	return nil, nil, false
}

func objects(v map[string]any) []map[string]any {
	var found []map[string]any
	for _, name := range slices.Sorted(maps.Keys(v)) {
		if m, ok := v[name].(map[string]any); ok {
			found = append(found, m)
		}
	}
	return found
}

var listNames = []string{"items", "results", "data", "records", "entries", "values", "content", "list"}

// listLikely orders names by how likely they are those of a list.
func listLikely(a, b string) int {
	rank := func(name string) int {
		if i := slices.Index(listNames, folded(name)); i >= 0 {
			return i
		}
		return len(listNames)
	}
	if x, y := rank(a), rank(b); x != y {
		return x - y
	}
	return strings.Compare(a, b)
}

// fromLocation reads the value of a node's parameter from the header Location.
func (r *runner) fromLocation(n node, location string) (string, bool) {
	u, err := url.Parse(location)
	if err != nil || location == "" {
		return "", false
	}
	path := strings.TrimPrefix(u.EscapedPath(), strings.TrimSuffix(r.target.base.EscapedPath(), "/"))
	segments := strings.Split(strings.Trim(path, "/"), "/")
	wanted := strings.Split(strings.Trim(n.key, "/"), "/")
	if len(segments) < len(wanted) {
		return "", false
	}
	last := segments[len(wanted)-1]
	if n.rest {
		last = strings.Join(segments[len(wanted)-1:], "/")
	}
	text, err := url.PathUnescape(last)
	return text, err == nil && text != ""
}
