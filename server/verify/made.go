package verify

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/understudy-api/understudy/server/contract"
	"github.com/understudy-api/understudy/server/sample"
)

// What is looked at when a thing was made, and when it is gone.

// located follows the Location of a thing that was made: it is what the answer 201 says
// where the thing is (RFC 9110, section 15.3.2).
func (l *lane) located(ctx context.Context, p *producer, t *thing) error {
	location := t.answer.header.Get("Location")
	if location == "" || t.answer.status != http.StatusCreated {
		return nil
	}
	f := badLocation(location)
	c, err := l.to(p.op, t.steps[len(t.steps)-1].Path, location)
	if err != nil {
		f.message = p.op.ID + " answered a Location that is no URI reference."
		l.report(p.op, f, t.steps, l.confirm())
		return nil //nolint:nilerr // it is the server's, and told
	}
	if c == nil || c.op == nil && len(p.reads) == 0 {
		return nil // nothing says that it can be read
	}
	x, err := l.look(ctx, c)
	if err != nil {
		return err
	}
	switch shown, _ := x.answer.json().(map[string]any); {
	case missing(x):
		f.message = fmt.Sprintf("The Location that %s answered leads to nothing: %d.", p.op.ID, x.answer.status)
	case settled(x) && shown != nil && slices.Contains(p.reads, c.op):
		id, _, ok := idOf(p.nodes[0], l.r.paramSchema(p.nodes[0]), shown)
		if !ok || scalarText(id) == t.id() {
			return nil
		}
		f.message = fmt.Sprintf("The Location that %s answered leads to another thing.", p.op.ID)
	default:
		return nil
	}
	l.report(p.op, f, append(slices.Clone(t.steps), l.step(x)), l.confirm())
	return nil
}

func badLocation(location string) fault {
	return fault{
		check: CheckLocation, rule: CheckLocation, in: contract.InHeader, name: "Location",
		got: contract.Cut(location, 200), accepted: "where the thing can be read",
	}
}

// to is the call that reads what a Location leads to, from the path of the request that it
// answers; nil if that is elsewhere.
func (l *lane) to(by *operation, from, location string) (*call, error) {
	to, err := url.Parse(location)
	if err != nil {
		return nil, err
	}
	base := l.r.target.base
	at, err := url.Parse(strings.TrimSuffix(base.EscapedPath(), "/") + from)
	if err != nil || to.Host != "" && to.Host != base.Host {
		return nil, nil //nolint:nilerr // references in it are no URL, or it is another server's
	}
	path, below := strings.CutPrefix(at.ResolveReference(to).EscapedPath(), strings.TrimSuffix(base.EscapedPath(), "/"))
	if !below {
		return nil, nil
	}
	c := &call{method: http.MethodGet, path: path, query: to.RawQuery, header: http.Header{}, vars: map[string]string{}, credentialOf: by}
	for _, op := range l.r.ops {
		if vars, ok := op.Template().Values(path); ok && op.Method == http.MethodGet && !l.r.paths.otherRoute(op, path) {
			c.op, c.vars, c.credentialOf = op, vars, nil
		}
	}
	return c, nil
}

func (l *lane) look(ctx context.Context, c *call) (*exchange, error) {
	x := &exchange{call: c, purpose: purposeSetUp}
	if c.op != nil {
		x.judged = l.r.judge(ctx, c)
	}
	return x, l.do(ctx, x)
}

// longestWait is after how many waits, each twice as long as the one before, what was to
// come ought to be seen where the Location of an answer 202 leads: three seconds.
const longestWait = 5

// await follows the Location of an answer 202, once for each operation: it leads to what is
// made, or to what tells how far that is (RFC 9110, section 15.3.3), if not at once then
// after a while.
func (l *lane) await(ctx context.Context, x *exchange) error {
	location := x.answer.header.Get("Location")
	if x.call.op == nil || x.answer.status != http.StatusAccepted || location == "" {
		return nil
	}
	if _, known := l.r.awaited.LoadOrStore(x.call.op.ID, true); known {
		return nil
	}
	c, err := l.to(x.call.op, x.call.path, location)
	if err != nil || c == nil {
		return nil //nolint:nilerr // what it says is nobody's path
	}
	for wait := 0; ; wait++ {
		shown, err := l.look(ctx, c)
		if err != nil || !missing(shown) {
			return err
		}
		if wait == longestWait {
			f := badLocation(location)
			f.message = fmt.Sprintf("The Location that %s answered with 202 leads to nothing: %d.", x.call.op.ID, shown.answer.status)
			l.report(x.call.op, f, append(l.stepsTo(x), l.step(shown)), nil)
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond << wait):
		}
	}
}

// defaulted looks whether what was left out has the default that the document declares
// (OpenAPI, section Schema Object: what the receiver takes if no value is provided).
func (l *lane) defaulted(p *producer, written any, x *exchange) {
	members, _ := written.(map[string]any)
	shown, _ := thingIn(x).(map[string]any)
	if members == nil || shown == nil {
		return
	}
	if !shares(members, shown) && len(members) > 0 {
		if shown, _ = onlyObject(shown); shown == nil {
			return
		}
	}
	l.defaultedIn(p, p.op.body, members, shown, "", x)
}

// defaultedIn looks at the members of an object that was written; the first that has not
// its default is told.
func (l *lane) defaultedIn(p *producer, s *openapi3.Schema, members, shown map[string]any, within string, x *exchange) bool {
	for _, name := range p.op.Properties(s) {
		schemas := propertySchemas(s, name)
		now, read := shown[name]
		inner, sentObject := members[name].(map[string]any)
		if object, isObject := now.(map[string]any); sentObject && isObject && len(schemas) == 1 {
			if l.defaultedIn(p, schemas[0], inner, object, within+"/"+escapePointer(name), x) {
				return true
			}
		}
		if _, sent := members[name]; sent || !read || len(schemas) != 1 || schemas[0].Default == nil || schemas[0].ReadOnly || schemas[0].WriteOnly {
			continue
		}
		want, ok := plain(schemas[0].Default)
		if !ok || want == nil || sameValue(schemas[0], want, now) {
			continue
		}
		l.fail(p.op, fault{
			check: CheckDefaults, in: contract.InBody, pointer: within + "/" + escapePointer(name),
			got: contract.Cut(string(encode(now)), 200), accepted: contract.Cut(string(encode(want)), 200),
			message: fmt.Sprintf("%s left out %s, whose default is declared, and another value is read.", p.op.ID, name),
		}, x)
		return true
	}
	return false
}

// smuggled sends members that are the server's to set (readOnly), and looks whether it
// takes them. It may refuse them or pass them over.
func (l *lane) smuggled(ctx context.Context, p *producer, t *thing) error {
	if p.op.body == nil || p.chosen {
		return nil
	}
	extra := l.serversOwn(p.op, t.answer)
	if len(extra) == 0 {
		return nil
	}
	in := &input{values: map[place]any{}}
	if err := l.bind(ctx, p.op, in); err != nil {
		return err
	}
	in, ok := l.creation(ctx, p, in, 0, false)
	if !ok {
		return nil
	}
	members, _ := in.body.(map[string]any)
	body := maps.Clone(members)
	maps.Copy(body, extra)
	x, err := l.send(ctx, p.op, in.withBody(body), purposeSetUp)
	if err != nil || x == nil || !x.answer.ok() {
		return err
	}
	l.litterOf(x)
	l.taken(p.op, extra, x.answer.json(), x)
	return nil
}

// smuggledLater does the same with updates, and looks at what is read then.
func (l *lane) smuggledLater(ctx context.Context, p *producer) error {
	for _, op := range selectedOf(p.updates) {
		before, err := l.state(ctx, p)
		if err != nil || before == nil {
			return err
		}
		if op.body == nil || op == p.op {
			continue
		}
		extra := l.serversOwn(op, before.answer)
		in, ok, err := l.minimal(ctx, op)
		if err != nil {
			return err
		}
		if members, isObject := in.bodyMembers(); ok && isObject && len(extra) > 0 {
			maps.Copy(members, extra)
			x, err := l.send(ctx, op, in.withBody(members), purposeSetUp)
			if err != nil {
				return err
			}
			if x == nil || !settled(x) {
				continue
			}
			after, err := l.state(ctx, p)
			if err != nil {
				return err
			}
			if after != nil {
				l.taken(op, extra, after.answer.json(), x, after)
			}
		}
	}
	return nil
}

// bodyMembers is a copy of the members of a body that is an object.
func (in *input) bodyMembers() (map[string]any, bool) {
	if in == nil {
		return nil, false
	}
	members, ok := in.body.(map[string]any)
	return maps.Clone(members), ok
}

// serversOwn are values for the members that are the server's to set.
func (l *lane) serversOwn(op *operation, shown *answer) map[string]any {
	now, _ := shown.json().(map[string]any)
	out := map[string]any{}
	for _, name := range sortedNames(op.body.Properties) {
		ref := op.body.Properties[name]
		if ref.Value == nil || !ref.Value.ReadOnly {
			continue
		}
		if v, ok := l.unmistakable(ref.Value, now[name]); ok {
			out[name] = v
		}
	}
	return out
}

// taken reports the members that a server took though they are its own.
func (l *lane) taken(op *operation, extra map[string]any, shown any, xs ...*exchange) {
	members, _ := shown.(map[string]any)
	for _, name := range sortedNames(extra) {
		if now, read := members[name]; read && sameValue(op.body.Properties[name].Value, extra[name], now) {
			l.fail(op, fault{
				check: CheckReadOnly, in: contract.InBody, pointer: "/" + escapePointer(name),
				got: contract.Cut(string(encode(now)), 200), accepted: "a value of the server's own",
				message: fmt.Sprintf("%s is readOnly, and %s took it from the request.", name, op.ID),
			}, xs...)
		}
	}
}

// unmistakable is a value that a server does not come to by itself; of a few it is
// another than it has given.
func (l *lane) unmistakable(s *openapi3.Schema, given any) (any, bool) {
	switch {
	case len(s.Enum) > 0:
		for _, e := range s.Enum {
			if v, ok := plain(e); ok && given != nil && v != nil && !sameValue(nil, v, given) {
				return v, true
			}
		}
		return nil, false
	case s.Type.Is(openapi3.TypeString) && s.Format == "date-time":
		return fmt.Sprintf("19%02d-%02d-%02dT%02d:07:42Z", 71+l.rand.IntN(25), 1+l.rand.IntN(12), 1+l.rand.IntN(28), l.rand.IntN(24)), true
	case s.Type.Is(openapi3.TypeString) && (s.Format == "uuid" || s.Format == ""), s.Type.Is(openapi3.TypeInteger):
	default:
		return nil, false
	}
	if s.Type.Is(openapi3.TypeInteger) {
		if n := 700_000_000 + l.rand.IntN(99_999_999); s.VisitJSON(float64(n)) == nil {
			return json.Number(strconv.Itoa(n)), true
		}
	}
	for range attempts * 2 {
		plain := *s
		plain.ReadOnly, plain.Example, plain.Default = false, nil, nil
		v, ok := sample.Valid(l.rand, &plain, l.options())
		if !ok {
			return nil, false
		}
		if text := scalarText(v); len(text) >= 5 {
			return v, true
		}
	}
	return nil, false
}

// children makes one of everything that can stand in a thing.
func (l *lane) children(ctx context.Context, p *producer) (made []*thing, err error) {
	for _, c := range l.r.resources {
		if !c.op.selected || c.chosen || len(c.op.nodes) == 0 || !p.makes(c.op.nodes[len(c.op.nodes)-1].key) {
			continue
		}
		t, err := l.create(ctx, c, false)
		if err != nil {
			return made, err
		}
		if t != nil && t.answer.status != http.StatusAccepted {
			l.keep(t)
			made = append(made, t)
		}
	}
	return made, nil
}

// orphaned looks, after a thing is gone, whether what stood in it is still there by the
// path of the thing.
func (l *lane) orphaned(ctx context.Context, removal *exchange, children []*thing) error {
	for _, t := range children {
		for _, op := range selectedOf(t.by.reads) {
			if !strings.HasPrefix(op.key(), removal.call.op.key()+"/") {
				continue
			}
			in := &input{values: map[place]any{}}
			for _, n := range op.nodes {
				in.values[n.at()] = t.bound[n.key]
			}
			for _, param := range op.params {
				if at := (place{param.In, param.Name}); param.Required && in.values[at] == nil {
					if v, ok := l.param(param); ok {
						in.values[at] = v
					}
				}
			}
			x, err := l.send(ctx, op, in, purposeSetUp)
			if err != nil {
				return err
			}
			if x != nil && settled(x) {
				f := freed(removal.call.op, op, x.answer.status)
				f.rule = "child"
				f.message = fmt.Sprintf("After %s removed the thing, %s still shows what stood in it: %d.", removal.call.op.ID, op.ID, x.answer.status)
				f.in = contract.InMessage
				read, remove := l.step(x), l.step(removal)
				lead, _ := l.leading(op, &read)
				l.leading(removal.call.op, &remove) // made first of all
				l.report(op, f, append(slices.Clone(lead), remove, read), l.confirm())
			}
		}
	}
	return nil
}

// serverMade are the names that say that a member is the server's to set, beside those that
// the document calls readOnly.
var serverMade = []string{
	"version", "revision", "rev", "etag", "generation", "sequence", "resourceversion", "lockversion",
	"createdat", "createdon", "created", "createdby", "updatedat", "updatedon", "updated", "updatedby", "modifiedat", "modifiedon",
	"modified", "modifiedby", "lastmodified", "lastupdated", "lastupdatedat", "changedat", "changed", "timestamp",
	"self", "href", "url", "links", "_links", "uri",
}

// isServerMade reports whether a member is set by the server and not by who writes: the
// document says so, or its name does.
func isServerMade(name string, schemas []*openapi3.Schema) bool {
	return isReadOnly(schemas) || slices.Contains(serverMade, folded(name))
}

func isReadOnly(schemas []*openapi3.Schema) bool {
	return slices.ContainsFunc(schemas, func(s *openapi3.Schema) bool {
		return s.ReadOnly || slices.ContainsFunc(s.AllOf, func(ref *openapi3.SchemaRef) bool { return ref.Value != nil && ref.Value.ReadOnly })
	})
}

// removalAnswered remembers when a removal was answered: what was made before may have
// got the id that it freed.
func (r *runner) removalAnswered(c *call) {
	if c.op == nil || c.method != http.MethodDelete {
		return
	}
	if n, one := c.op.last(); one {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.removed[scoped(n.key, c.named())] = r.requests.Load() + 1
	}
}

// named are the values of the nodes of a call's path.
func (c *call) named() map[string]any {
	out := map[string]any{}
	for _, n := range c.op.nodes {
		out[n.key] = c.vars[n.param]
	}
	return out
}

// scoped names a thing by a node and all that it stands in.
func scoped(key string, bound map[string]any) string {
	var b strings.Builder
	b.WriteString(key)
	for _, name := range sortedNames(bound) {
		if strings.HasPrefix(key+"/", name+"/") {
			b.WriteString("\x00" + scalarText(bound[name]))
		}
	}
	return b.String()
}

// idOwner is what an id was given to.
type idOwner struct {
	nodes []string          // keys of the places at which the thing is
	bound map[string]string // every node that leads to it
	sent  int64             // when what made it went out
}

// forget lets go of the ids of what a call removes, so that they may be given again:
// of the things that its path names, and of all that stands in them. A call that
// removes a whole list lets go of all that is in it.
func (r *runner) forget(c *call) {
	if c.op == nil || c.method != http.MethodDelete {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if n, one := c.op.last(); one {
		r.unlearn(n.key, c.vars[n.param])
		if r.removed == nil {
			r.removed = map[string]int64{}
		}
		r.removed[scoped(n.key, c.named())] = math.MaxInt64 // until it is answered
	}
	for key, of := range r.ids {
		within := slices.ContainsFunc(of.nodes, func(k string) bool {
			return strings.HasPrefix(k+"/", c.op.key()+"/") || strings.HasPrefix(k, c.op.key()+"/")
		})
		for _, n := range c.op.nodes {
			if v, has := of.bound[n.key]; has && v != c.vars[n.param] {
				within = false
			}
		}
		if within {
			delete(r.ids, key)
			for _, node := range of.nodes {
				r.unlearn(node, of.bound[node])
			}
		}
	}
}
