package verify

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/understudy-api/understudy/server/sample"
)

// Members and parameters that hold the ids of other things are known by their names:
// customerId, customer_ids, billingCustomerUuid, and the id of customer. What they
// name is made first, as what a path names is.

// idEndings end the names of members that hold ids, singular and plural.
var idEndings = []string{"ids", "id", "uuids", "uuid", "keys", "key", "refs", "ref"}

// thingWord is the word of a thing in the name of a member that holds its id; empty
// if it holds none. tokens are where it is, from the top of the body.
func thingWord(tokens []string, s *openapi3.Schema) string {
	var names []string
	for _, token := range tokens {
		if index(token) < 0 { // not an item's place
			names = append(names, token)
		}
	}
	if len(names) == 0 {
		return ""
	}
	name := names[len(names)-1]
	if word, ok := cutID(name); ok {
		if word != "" {
			return word
		}
		if len(names) < 2 {
			return "" // the thing's own
		}
		return singular(folded(names[len(names)-2]))
	}
	if s != nil && s.Format == "uuid" {
		return singular(folded(name))
	}
	return ""
}

// cutID cuts the ending of a name that holds an id. What comes before it must end in a
// word: "paid" is no "pa" with an id.
func cutID(name string) (word string, ok bool) {
	for _, ending := range idEndings {
		n := len(name) - len(ending)
		if n < 0 || !strings.EqualFold(name[n:], ending) {
			continue
		}
		if n == 0 {
			return "", ending == "id" || ending == "uuid"
		}
		if c, before := name[n], name[n-1]; c >= 'A' && c <= 'Z' && before >= 'a' && before <= 'z' || before == '_' || before == '-' {
			return folded(name[:n]), true
		}
	}
	return "", false
}

// referent finds the node whose values stand at a place of an operation's body or, with
// one token, in a parameter; empty if there is none.
func (r *runner) referent(tokens []string, s *openapi3.Schema) string {
	word := thingWord(tokens, s)
	if word == "" {
		if len(r.guesses) == 0 || len(tokens) == 0 {
			return ""
		}
		return r.guesses[ownWord+folded(tokens[len(tokens)-1])]
	}
	found, likely := "", 0
	for _, p := range r.resources {
		for _, n := range p.nodes {
			collection := n.collection()
			thing := singular(folded(collection[strings.LastIndexByte(collection, '/')+1:]))
			own, _ := cutID(n.param)
			rank := 0
			switch {
			case word == thing:
				rank = 3
			case own != "" && word == own:
				rank = 2
			case len(thing) >= 4 && strings.HasSuffix(word, thing):
				rank = 1
			}
			if rank > likely {
				found, likely = n.key, rank
			}
		}
	}
	if found == "" {
		return r.guesses[word]
	}
	return found
}

// referents lists the nodes whose values an operation's body and parameters hold.
func (r *runner) referents(op *operation) []string {
	var keys []string
	add := func(key string) {
		if key != "" && !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	for _, p := range op.params {
		if p.In == openapi3.ParameterInQuery || p.In == openapi3.ParameterInHeader {
			add(r.referent([]string{p.Name}, schemaOf(p)))
		}
	}
	walkMembers(op.body, nil, func(s *openapi3.Schema, tokens []string) { add(r.referent(tokens, s)) })
	return keys
}

// walkMembers visits the members of a body that may be written, with where they are.
func walkMembers(s *openapi3.Schema, tokens []string, visit func(*openapi3.Schema, []string)) {
	var walk func(s *openapi3.Schema, tokens []string)
	walk = func(s *openapi3.Schema, tokens []string) {
		if s == nil || len(tokens) > maxReferring {
			return
		}
		if len(tokens) > 0 && !s.ReadOnly {
			visit(s, tokens)
		}
		for _, name := range sortedNames(s.Properties) {
			if ref := s.Properties[name]; ref.Value != nil && !ref.Value.ReadOnly {
				walk(ref.Value, append(slices.Clip(tokens), name))
			}
		}
		if s.Items != nil {
			walk(s.Items.Value, append(slices.Clip(tokens), "0"))
		}
		for _, refs := range []openapi3.SchemaRefs{s.AllOf, s.AnyOf, s.OneOf} {
			for _, ref := range refs {
				if len(tokens)+1 <= maxReferring {
					walkBranch(ref, tokens, walk)
				}
			}
		}
	}
	walk(s, tokens)
}

func walkBranch(ref *openapi3.SchemaRef, tokens []string, walk func(*openapi3.Schema, []string)) {
	if ref != nil {
		walk(ref.Value, slices.Clip(tokens))
	}
}

// maxReferring is how deep in a body ids are looked for.
const maxReferring = 6

// furnish makes what an operation's body and parameters refer to, where the lane has
// none yet.
func (l *lane) furnish(ctx context.Context, op *operation) error {
	for _, key := range op.refs {
		if err := l.furnishOne(ctx, op, key); err != nil {
			return err
		}
	}
	return nil
}

func (l *lane) furnishOne(ctx context.Context, op *operation, key string) error {
	if _, has := l.bound[key]; has || l.failed[key] >= maxFailed || l.depth >= maxNesting {
		return nil
	}
	if slices.ContainsFunc(l.r.producers[key], func(p *producer) bool { return p.op == op }) {
		return nil // of its own kind: what there is of it comes later
	}
	l.failed[key]++
	for _, p := range l.r.producers[key] {
		t, err := l.create(ctx, p, false)
		if err != nil {
			return err
		}
		if t == nil {
			continue
		}
		for bound, v := range t.bound {
			if _, has := l.bound[bound]; !has || bound == key {
				l.bound[bound] = v
			}
		}
		l.failed[key] = 0
		return nil
	}
	v, err := l.listed(ctx, nil, l.r.nodes[key])
	if err != nil || v == nil {
		return err
	}
	l.bound[key] = v
	l.r.learn(key, v)
	l.failed[key] = 0
	return nil
}

// namesake gives the value of a path parameter that nothing makes what it stands for by
// its own path, and that has the name of something that is made elsewhere.
func (l *lane) namesake(ctx context.Context, op *operation, n node) (any, error) {
	if len(l.r.producers[n.key]) > 0 {
		return nil, nil
	}
	schema := l.r.paramSchema(n)
	if schema == nil {
		return nil, nil
	}
	key := l.r.referentAt([]string{n.param}, schema)
	if key == "" || key == n.key {
		return nil, nil
	}
	l.depth++
	err := l.furnishOne(ctx, op, key)
	l.depth--
	v := l.bound[key]
	if err != nil || v == nil || !fitsParam(schema, v) {
		return nil, err
	}
	l.bound[n.key] = v
	l.r.learn(n.key, v)
	if t, made := l.trails[key]; made {
		at := maps.Clone(t.at)
		at[n.key] = at[key]
		l.trails[n.key] = trail{t.steps, at}
	}
	return v, nil
}

// options are those for values of which nothing is known. None is made once the time of
// the lane is over, since one may take long.
func (l *lane) options() sample.Options {
	return sample.Options{Request: true, Takes: l.r.takes, Done: l.over, Plain: l.plain}
}

// generated are the options for values that are sent.
func (l *lane) generated() sample.Options {
	o := l.options()
	o.Known = l.known
	return o
}

// certain are the options for values that are sent, with the ids of things that there
// are wherever there is one.
func (l *lane) certain() sample.Options {
	o := l.options()
	o.Known = func(pointer string, s *openapi3.Schema, _ *rand.Rand) (any, bool) { return l.knownAt(pointer, s) }
	return o
}

// known gives the ids of things that the lane has made, for members that are named
// after them, and keeps things from being deleted in passing. One time in eight the id
// is of nothing.
func (l *lane) known(pointer string, s *openapi3.Schema, r *rand.Rand) (any, bool) {
	if v, ok := l.knownAt(pointer, s); ok && r.IntN(8) > 0 {
		return v, true
	}
	return nil, false
}

func (l *lane) knownAt(pointer string, s *openapi3.Schema) (any, bool) {
	if pointer == "" || s == nil {
		return nil, false
	}
	tokens := strings.Split(pointer[1:], "/")
	for i := range tokens {
		tokens[i] = unescaper.Replace(tokens[i])
	}
	last := tokens[len(tokens)-1]
	if v, ok := l.given(last, s); ok {
		return v, true
	}
	if folded(last) == "deleted" && s.Type.Is(openapi3.TypeBoolean) {
		return false, true // or what is written is gone
	}
	if len(l.bound) == 0 {
		return nil, false
	}
	if key := l.r.referentAt(tokens, s); key != "" && l.bound[key] != nil && fitsParam(s, l.bound[key]) {
		if text, isText := l.bound[key].(string); isText {
			return typed(text, s), true
		}
		return l.bound[key], true
	}
	return nil, false
}

// referentAt is referent, which is asked for the same places again and again.
func (r *runner) referentAt(tokens []string, s *openapi3.Schema) string {
	text := strings.Join(tokens, "/")
	if s.Format == "uuid" {
		text += "\x00"
	}
	if key, ok := r.referring.Load(text); ok {
		return key.(string) //nolint:forcetypeassert // nothing else is kept in it
	}
	key := r.referent(tokens, s)
	r.referring.Store(text, key)
	return key
}

// given is a value that the options give for a name.
func (l *lane) given(name string, s *openapi3.Schema) (any, bool) {
	values := l.r.o.Values[name]
	if len(values) == 0 {
		return nil, false
	}
	v := typed(values[l.rand.IntN(len(values))], s)
	return v, s == nil || s.VisitJSON(plainNumbers(v)) == nil
}

// typed reads a text as a value of a schema.
func typed(text string, s *openapi3.Schema) any {
	if s == nil || s.Type == nil || s.Type.Includes(openapi3.TypeString) {
		return text
	}
	if v, ok := decode([]byte(text)); ok {
		return v
	}
	return text
}

func plainNumbers(v any) any {
	if n, ok := v.(json.Number); ok {
		f, _ := n.Float64()
		return f
	}
	return v
}

// learn remembers that there is something with an id. key is the node that it is a
// value of.
func (r *runner) learn(key string, v any) { r.real.Store(key+"\x00"+scalarText(v), true) }

// unlearn remembers that it is gone.
func (r *runner) unlearn(key, text string) { r.real.Store(key+"\x00"+text, false) }

// refer puts the ids of things that there are into a body and the query, in the place
// of those that name other things of their kind: all of them, or only those of things
// that were there once. except is a place that stays as it is.
func (l *lane) refer(op *operation, in *input, all bool, except string) {
	if len(op.refs) == 0 || len(l.bound) == 0 {
		return
	}
	for at, v := range in.values {
		if at.in != openapi3.ParameterInQuery && at.in != openapi3.ParameterInHeader {
			continue
		}
		if now, ok := l.referred([]string{at.name}, v, all); ok {
			in.values[at] = now
		}
	}
	if in.hasBody && !in.hasText {
		in.body = l.referring(nil, in.body, all, except)
	}
}

func (l *lane) referring(tokens []string, v any, all bool, except string) any {
	about := except != "" && except == pointerOf(tokens)
	switch c := v.(type) {
	case map[string]any: // what is said of all of it says nothing of the ids in it
		out := make(map[string]any, len(c))
		for name, member := range c {
			out[name] = l.referring(append(slices.Clip(tokens), name), member, all, except)
		}
		return out
	case []any:
		if about && different(c) {
			return v
		}
		out := make([]any, len(c))
		for i, item := range c {
			out[i] = l.referring(append(slices.Clip(tokens), strconv.Itoa(i)), item, all, except)
		}
		return out
	case string, json.Number:
		if now, ok := l.referred(tokens, v, all); ok && !about {
			return now
		}
	}
	return v
}

// different reports whether items are single values of which no two are the same: one
// id in place of all would make another case of them.
func different(items []any) bool {
	seen := map[string]bool{}
	for _, item := range items {
		if !plainValue(item) || seen[scalarText(item)] {
			return false
		}
		seen[scalarText(item)] = true
	}
	return len(items) > 1
}

func pointerOf(tokens []string) string {
	var b strings.Builder
	for _, token := range tokens {
		b.WriteString("/" + escapePointer(token))
	}
	return b.String()
}

// referred is the id of the lane's own thing that a value stands for.
func (l *lane) referred(tokens []string, v any, all bool) (any, bool) {
	if len(tokens) == 0 {
		return nil, false
	}
	key := l.r.referentAt(tokens, &openapi3.Schema{})
	if key == "" {
		if text, isText := v.(string); isText && uuidText(text) {
			key = l.r.referentAt(tokens, &openapi3.Schema{Format: "uuid"})
		}
	}
	own := l.bound[key]
	if key == "" || own == nil {
		return nil, false
	}
	if _, was := l.r.real.Load(key + "\x00" + scalarText(v)); !all && !was {
		return nil, false
	}
	_, isText := v.(string)
	text, ownText := own.(string)
	if !isText && ownText && index(text) >= 0 { // as JSON:API gives numbers
		return json.Number(text), true
	}
	return own, isText == ownText
}

func uuidText(s string) bool {
	return len(s) == 36 && s[8] == '-' && s[13] == '-' && s[18] == '-' && s[23] == '-'
}

// madeUpReference reports whether a call names a thing by an id that nothing was seen
// to have: whether there is one, no document says.
func (r *runner) madeUpReference(c *call) bool {
	if c.in == nil {
		return false
	}
	for _, n := range c.op.nodes {
		if _, known := r.real.Load(n.key + "\x00" + scalarText(c.in.values[n.at()])); !known && len(r.producers[n.key]) == 0 {
			return true
		}
	}
	for at, v := range c.in.values {
		if at.in == openapi3.ParameterInPath || at.in == openapi3.ParameterInHeader && clientMade(at.name) && r.referent([]string{at.name}, nil) == "" {
			continue
		}
		if p := c.op.parameter(at); p != nil && r.madeUp([]string{at.name}, v, schemaOf(p)) {
			return true
		}
	}
	return c.in.hasBody && r.madeUp(nil, c.in.body, nil)
}

// clientMade reports whether a header, whatever its format, holds what the client makes up
// itself, as a key of idempotency or the id of a trace.
func clientMade(name string) bool {
	word, isID := cutID(name)
	return !isID || slices.Contains([]string{"request", "correlation", "trace", "idempotency"}, strings.TrimPrefix(word, "x"))
}

func (r *runner) madeUp(tokens []string, v any, s *openapi3.Schema) bool {
	switch c := v.(type) {
	case map[string]any:
		for name, member := range c {
			if r.madeUp(append(slices.Clip(tokens), name), member, nil) {
				return true
			}
		}
	case []any:
		for _, item := range c {
			if r.madeUp(append(slices.Clip(tokens), "0"), item, s) {
				return true
			}
		}
	case string, json.Number:
		text := scalarText(v)
		if s == nil {
			s = &openapi3.Schema{}
			if uuidText(text) {
				s.Format = "uuid"
			}
		}
		if thingWord(tokens, s) == "" && r.referentAt(tokens, s) == "" {
			return false
		}
		there, known := r.real.Load(r.referentAt(tokens, s) + "\x00" + text)
		return !known || there == false
	}
	return false
}

// marked puts references to the steps that made them in the place of the ids in a body.
func (l *lane) marked(body []byte, steps map[string]int) ([]byte, bool) {
	v, ok := decode(body)
	if !ok {
		return nil, false
	}
	found := false
	var walk func(tokens []string, v any) any
	walk = func(tokens []string, v any) any {
		switch c := v.(type) {
		case map[string]any:
			for name, member := range c {
				c[name] = walk(append(slices.Clip(tokens), name), member)
			}
		case []any:
			for i, item := range c {
				c[i] = walk(append(slices.Clip(tokens), strconv.Itoa(i)), item)
			}
		case string, json.Number:
			s := &openapi3.Schema{}
			if uuidText(scalarText(v)) {
				s.Format = "uuid"
			}
			if len(tokens) == 0 {
				return v
			}
			i, made := steps[l.r.referentAt(tokens, s)]
			if !made || scalarText(l.bound[l.r.referentAt(tokens, s)]) != scalarText(v) {
				return v
			}
			found = true
			if _, isNumber := v.(json.Number); isNumber {
				return numberMark + strconv.Itoa(i) + numberMark
			}
			return "{made:" + strconv.Itoa(i) + "}"
		}
		return v
	}
	v = walk(nil, v)
	if !found {
		return nil, false
	}
	text := encode(v)
	for _, i := range steps {
		n := strconv.Itoa(i)
		text = bytes.ReplaceAll(text, []byte(`"`+numberMark+n+numberMark+`"`), []byte("{made:"+n+"}"))
	}
	return text, true
}

// numberMark stands around a reference that is a number.
const numberMark = "understudy\u2063made"

// isList reports whether an operation that reads shows many things.
func (r *runner) isList(op *operation) bool {
	return op.Method == http.MethodGet && r.lists(op)
}
