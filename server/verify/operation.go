package verify

import (
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/understudy-api/understudy/server/contract"
)

// operation is an operation to verify.
type operation struct {
	*contract.Operation

	index        int
	selected     bool                  // calls of it are made for its own sake
	params       []*openapi3.Parameter // in the judged form
	body         *openapi3.Schema      // nil if there is none that can be generated
	bodyType     string
	bodyTypes    []string
	bodyRequired bool
	security     [][]string                       // alternatives; an empty one means that none is needed
	open         bool                             // an alternative needs no credential
	takes        func(*openapi3.Schema, any) bool // nil: kin-openapi judges all
	loose        bool                             // what is valid may still be refused: a format is not known
	nodes        []node                           // of its path parameters, in path order
	refs         []string                         // keys of the nodes whose values its body and parameters hold

	endless   atomic.Int32 // how many of its answers were events that did not end
	casesOnce sync.Once
	cases     []coverageCase
}

// node is a place in the tree of paths: a parameter after what stands before it.
// Every operation below it means the same thing by its value.
type node struct {
	key   string // the path up to and including the parameter, names left out
	param string
	rest  bool // the parameter takes the rest of the path
}

// collectionOf is the path that lists what a node names one of.
func (n node) collection() string { return n.key[:strings.LastIndexByte(n.key, '/')] }

// at is the place of a node's parameter.
func (n node) at() place { return place{openapi3.ParameterInPath, n.param} }

// ignoredHeaders are parameters that say nothing (OpenAPI, section Parameter
// Object).
var ignoredHeaders = []string{"Accept", "Content-Type", "Authorization"}

var pathParam = regexp.MustCompile(`^\{([^{}]+)\}$`)

// operations lists the operations of a document.
func (d *Document) operations() []*operation {
	all := make([]*operation, 0, len(d.Contract.Operations()))
	takes := d.Contract.Takes(contract.SideClient)
	for i, o := range d.Contract.Operations() {
		op := &operation{Operation: o, index: i, takes: takes}
		d.parameters(op)
		d.requestBody(op)
		for _, requirement := range o.Security() {
			op.security = append(op.security, slices.Sorted(maps.Keys(requirement)))
			op.open = op.open || len(requirement) == 0
		}
		for _, p := range o.Parameters() {
			op.loose = op.loose || p.Schema != nil && hasLooseFormat(p.Schema.Value, map[*openapi3.Schema]bool{})
		}
		key := ""
		for segment := range strings.SplitSeq(strings.Trim(o.Path, "/"), "/") {
			if m := pathParam.FindStringSubmatch(segment); m != nil {
				key += "/{}"
				op.nodes = append(op.nodes, node{key, m[1], o.Template().TakesRest(m[1])})
			} else {
				key += "/" + segment
			}
		}
		all = append(all, op)
	}
	return all
}

// parameters takes the parameters in the judged form. One of the operation replaces
// one of the path.
func (d *Document) parameters(op *operation) {
	byPlace := map[place]int{}
	for _, p := range op.Parameters() {
		if p.In == openapi3.ParameterInHeader && slices.ContainsFunc(ignoredHeaders, func(name string) bool { return strings.EqualFold(name, p.Name) }) {
			continue
		}
		at := place{p.In, p.Name}
		if i, known := byPlace[at]; known {
			op.params[i] = p
			continue
		}
		byPlace[at] = len(op.params)
		op.params = append(op.params, p)
	}
}

func (d *Document) requestBody(op *operation) {
	content, required := op.RequestContent()
	op.bodyRequired = required
	op.bodyTypes = slices.Sorted(maps.Keys(content))
	for _, mt := range content {
		op.loose = op.loose || mt.Schema != nil && hasLooseFormat(mt.Schema.Value, map[*openapi3.Schema]bool{})
	}
	bodies := op.RequestBodies()
	for _, can := range []func(b *contract.RequestBody) bool{
		func(b *contract.RequestBody) bool { return contract.MediaType(b.Send) == "application/json" },
		func(b *contract.RequestBody) bool { return contract.IsJSON(b.Send) },
		func(b *contract.RequestBody) bool { return isForm(b.Send) || isMultipart(b.Send) },
		func(b *contract.RequestBody) bool { return isYAML(b.Send) || isText(b.Send, b.Schema) },
		func(b *contract.RequestBody) bool { return b.Schema.Type.Is(openapi3.TypeString) },
	} {
		for i := range bodies {
			if b := &bodies[i]; b.Schema != nil && can(b) {
				op.body, op.bodyType = b.Schema, b.Send
				// Of bytes the document does not say which are accepted.
				op.loose = op.loose || !contract.IsJSON(b.Send) && b.Schema.Format == "binary"
				return
			}
		}
	}
	if len(bodies) > 0 {
		op.bodyType = bodies[0].Send
	}
}

// parameter finds a parameter.
func (op *operation) parameter(at place) *openapi3.Parameter {
	for _, p := range op.params {
		if p.In == at.in && p.Name == at.name {
			return p
		}
	}
	return nil
}

// hasOptions reports whether an input gives a parameter that is not required.
func (op *operation) hasOptions(in *input) bool {
	for at := range in.values {
		if p := op.parameter(at); p != nil && !p.Required && p.In != openapi3.ParameterInPath {
			return true
		}
	}
	return false
}

// schemaOf is the schema of a parameter; nil if it has none that can be generated
// for.
func schemaOf(p *openapi3.Parameter) *openapi3.Schema {
	if p.Schema != nil {
		return p.Schema.Value
	}
	for _, mt := range p.Content {
		if mt.Schema != nil {
			return mt.Schema.Value
		}
	}
	return nil
}

// key is the path with the names of its parameters left out.
func (op *operation) key() string { return "/" + strings.Trim(op.Template().Shape(), "/") }

// last is the node that the path ends in: the operation is about one thing itself.
func (op *operation) last() (node, bool) {
	if n := len(op.nodes); n > 0 && op.nodes[n-1].key == op.key() {
		return op.nodes[n-1], true
	}
	return node{}, false
}

// name is how a finding names the operation.
func (op *operation) name() string {
	if op == nil {
		return ""
	}
	return op.ID
}

// matcher matches operations by globs of operationIds and "METHOD /path", by
// "tag:GLOB", "path:GLOB", "method:GLOB", "re:EXPRESSION" and "deprecated".
func matcher(selectors []string) (func(*operation) bool, error) {
	var all []func(*operation) bool
	for _, selector := range selectors {
		kind, rest, _ := strings.Cut(selector, ":")
		if selector == "deprecated" {
			all = append(all, (*operation).Deprecated)
			continue
		}
		var texts func(*operation) []string
		switch kind {
		case "tag":
			texts = (*operation).Tags
		case "path":
			texts = func(op *operation) []string { return []string{op.Path} }
		case "method":
			texts, rest = func(op *operation) []string { return []string{op.Method} }, strings.ToUpper(rest)
		default:
			texts = func(op *operation) []string { return []string{op.ID, op.Method + " " + op.Path} }
			if kind != "re" {
				rest = selector
			}
		}
		expression := rest
		if kind != "re" {
			expression = regexp.QuoteMeta(rest)
			expression = `^(?s:` + strings.ReplaceAll(strings.ReplaceAll(expression, `\*`, `.*`), `\?`, `.`) + `)$`
		}
		p, err := regexp.Compile(expression)
		if err != nil {
			return nil, mistake("the operations %q: %v", selector, err)
		}
		all = append(all, func(op *operation) bool { return slices.ContainsFunc(texts(op), p.MatchString) })
	}
	return func(op *operation) bool {
		return slices.ContainsFunc(all, func(matches func(*operation) bool) bool { return matches(op) })
	}, nil
}

// choose marks the operations that the options name.
func choose(ops []*operation, o *Options) error {
	wanted, err := matcher(o.Operations)
	if err != nil {
		return err
	}
	unwanted, err := matcher(o.Exclude)
	if err != nil {
		return err
	}
	for _, globs := range [][]string{o.Operations, o.Exclude} {
		for _, glob := range globs {
			one, _ := matcher([]string{glob}) // it was compiled above
			if !slices.ContainsFunc(ops, one) {
				return mistake("no operation is named by %q", glob)
			}
		}
	}
	for _, op := range ops {
		op.selected = (len(o.Operations) == 0 || wanted(op)) && !unwanted(op)
	}
	return nil
}

// judgement is what a document says of a call.
type judgement struct {
	valid      bool // it breaks nothing
	refused    bool // it breaks a rule that has to be enforced
	violations []contract.Violation
}

// first is the first rule that a request breaks and has to be enforced.
func (j *judgement) first() contract.Explained {
	for i := range j.violations {
		if j.violations[i].Refuses() {
			return j.violations[i].Explain()
		}
	}
	return contract.Explained{}
}

// paths finds which templates of a document a path matches.
type paths struct{ templates []contract.Template }

func newPaths(ops []*operation) *paths {
	p := &paths{}
	seen := map[string]bool{}
	for _, op := range ops {
		if !seen[op.Path] {
			seen[op.Path] = true
			p.templates = append(p.templates, op.Template())
		}
	}
	return p
}

// matching lists the templates that a path matches.
func (p *paths) matching(path string) []string {
	var found []string
	for _, t := range p.templates {
		if t.Match(path) {
			found = append(found, t.String())
		}
	}
	return found
}

// declared lists the methods that a document declares for a path.
func declared(ops []*operation, templates []string) []string {
	var found []string
	for _, op := range ops {
		if slices.Contains(templates, op.Path) && !slices.Contains(found, op.Method) {
			found = append(found, op.Method)
		}
	}
	if slices.Contains(found, http.MethodGet) && !slices.Contains(found, http.MethodHead) {
		found = append(found, http.MethodHead)
	}
	slices.Sort(found)
	return found
}

// otherRoute reports whether a call of an operation is answered by another path: one
// that says in plain words what this one has a parameter for.
func (p *paths) otherRoute(op *operation, path string) bool {
	return slices.ContainsFunc(p.templates, func(t contract.Template) bool {
		return t.Match(path) && t.Outranks(op.Template())
	})
}

func (op *operation) String() string { return fmt.Sprintf("%s %s", op.Method, op.Path) }
