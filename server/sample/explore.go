package sample

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"

	"github.com/getkin/kin-openapi/openapi3"
)

// maxCases bounds a list of boundaries.
const maxCases = 4000

// site is a place in a valid value, and a schema that applies there.
type site struct {
	s     *openapi3.Schema // whose rules are tried
	whole *openapi3.Schema // all that applies at the place
	root  any              // a valid value that has the place
	path  []string
	rule  string // of s, within the schema of root
	// unions are the ones that the place is within, the outermost first.
	unions []union
	above  []*openapi3.Schema // the schemas that s is within
	unseen bool               // kin-openapi does not look at the place
}

type union struct {
	s       *openapi3.Schema
	keyword string
	rule    string
	pointer string
}

// value is what root has at the place.
func (st *site) value() any {
	v := st.root
	for _, token := range st.path {
		switch c := v.(type) {
		case map[string]any:
			v = c[token]
		case []any:
			i, err := strconv.Atoi(token)
			if err != nil || i < 0 || i >= len(c) {
				return nil
			}
			v = c[i]
		default:
			return nil
		}
	}
	return v
}

// below is a site for a schema within s, for the same place.
func (st *site) below(s, whole *openapi3.Schema, rule string) *site {
	next := *st
	next.s, next.whole, next.rule = s, whole, st.rule+rule
	next.above = append(slices.Clip(st.above), st.s)
	return &next
}

// inside is a site for a schema within s, for a member or an item.
func (st *site) inside(s, whole *openapi3.Schema, rule, token string, root any) *site {
	next := st.below(s, whole, rule)
	next.path, next.root = append(slices.Clip(st.path), token), root
	return next
}

// collector turns drafts into cases.
type collector struct {
	*maker

	root  *openapi3.Schema
	cases []Case
	seen  map[string]bool
}

func (c *collector) full() bool {
	return len(c.cases) >= maxCases || c.ended()
}

// judged makes a case of a draft if the schema judges its value as it should.
func (m *maker) judged(root *openapi3.Schema, st *site, n *draft) (Case, bool) {
	skip := func(rule string, s *openapi3.Schema, keyword string) bool {
		return m.Skip != nil && m.Skip(rule, s, keyword)
	}
	rule := st.rule + n.rule
	if n.rule == "/" {
		rule = st.rule
	}
	if !n.valid && skip(rule, st.s, n.keyword) {
		return Case{}, false
	}
	v, ok := n.make()
	if !ok || m.ended() {
		return Case{}, false
	}
	pointer := pointerTo(st.path)
	made := Case{Value: clone(Set(st.root, st.path, v)), Valid: n.valid, Keyword: n.keyword, Pointer: pointer, Rule: rule, Why: n.why}
	if n.member != "" {
		made.Pointer += "/" + escape(n.member)
	}
	if n.valid {
		return made, m.accepts(root, made.Value)
	}
	if n.unseen || st.unseen {
		return made, !m.accepts(root, made.Value)
	}
	found := m.faults(root, made.Value)
	if len(found) == 0 || slices.ContainsFunc(found, func(f fault) bool { return f != found[0] }) {
		return Case{}, false
	}
	f := found[0]
	if f.pointer == pointer && (f.keyword == n.keyword || slices.Contains(n.also, f.keyword)) {
		made.Keyword = f.keyword
		return made, true
	}
	for _, u := range st.unions {
		if f.pointer == u.pointer && f.keyword == u.keyword {
			made.Keyword, made.Pointer, made.Rule = u.keyword, u.pointer, u.rule
			made.Why = "no branch takes it: " + n.why
			return made, !skip(u.rule, u.s, u.keyword)
		}
	}
	return Case{}, false
}

func (c *collector) take(st *site, n *draft) {
	if c.full() {
		return
	}
	made, ok := c.judged(c.root, st, n)
	if !ok {
		return
	}
	id := strconv.FormatBool(made.Valid) + made.Keyword + " " + made.Pointer + " " + identity(made.Value)
	if c.seen[id] {
		return
	}
	c.seen[id] = true
	c.cases = append(c.cases, made)
}

// explore takes the drafts of a place, then goes on to the schemas within.
func (c *collector) explore(st *site) {
	if c.full() {
		return
	}
	// What is asked of the place, in the way that the value there has it.
	v := st.value()
	full := c.satisfied(st.whole, v)
	if full == nil {
		return
	}
	drafts := c.drafts(st.s, full, v, st.path, false)
	for i := range drafts {
		c.take(st, &drafts[i])
	}
	if slices.Contains(st.above, st.s) {
		return
	}
	for i, ref := range st.s.AllOf {
		c.explore(st.below(ref.Value, st.whole, fmt.Sprintf("/allOf/%d", i)))
	}
	c.branches(st, "oneOf", st.s.OneOf)
	c.branches(st, "anyOf", st.s.AnyOf)
	c.branch(st, "then", st.s.If, st.s.Then)
	if st.s.If != nil {
		c.branch(st, "else", (&openapi3.Schema{Not: st.s.If}).NewRef(), st.s.Else)
	}
	if len(st.path) >= c.MaxDepth {
		return
	}
	kinds := kindsOf(full)
	if slices.Contains(kinds, openapi3.TypeObject) {
		c.members(st, full)
	}
	if ref := st.s.Items; ref != nil && slices.Contains(kinds, openapi3.TypeArray) {
		_, high := limits(full.MinItems, full.MaxItems)
		c.begin(st.path)
		items, ok := c.list(full, max(1, int(min(full.MinItems, maxList))), true)
		if ok && len(items) <= high {
			c.explore(st.inside(ref.Value, full.Items.Value, "/items", "0", Set(st.root, st.path, items)))
		}
	}
}

// satisfied finds the alternative of a schema that a value satisfies; the first if it
// satisfies none.
func (m *maker) satisfied(whole *openapi3.Schema, v any) *openapi3.Schema {
	all := m.alternatives(whole)
	for _, s := range all {
		if len(all) == 1 || m.accepts(s, v) {
			return s
		}
	}
	if len(all) > 0 {
		return all[0]
	}
	return nil
}

// branches goes into each branch of a union.
func (c *collector) branches(st *site, keyword string, branches openapi3.SchemaRefs) {
	for i, ref := range branches {
		whole := chosen(st.whole, st.s, keyword, i)
		if whole == nil {
			continue
		}
		v, ok := c.at(st.path, whole, true)
		if !ok {
			continue
		}
		next := st.below(ref.Value, whole, fmt.Sprintf("/%s/%d", keyword, i))
		next.root = Set(st.root, st.path, v)
		next.unions = append(slices.Clip(st.unions), union{s: st.s, keyword: keyword, rule: st.rule + "/" + keyword, pointer: pointerTo(st.path)})
		if !c.accepts(c.root, next.root) {
			continue
		}
		c.take(st, &draft{valid: true, keyword: keyword, rule: fmt.Sprintf("/%s/%d", keyword, i), why: fmt.Sprintf("branch %d", i), make: func() (any, bool) { return v, true }})
		c.explore(next)
	}
}

// branch goes into what a condition asks for, in a value that meets the condition.
func (c *collector) branch(st *site, keyword string, condition, asked *openapi3.SchemaRef) {
	if condition == nil || asked == nil || st.whole != st.s {
		return
	}
	whole := *st.s
	whole.If, whole.Then, whole.Else, whole.Example, whole.Examples, whole.Default = nil, nil, nil, nil, nil, nil
	whole.AllOf = append(slices.Clip(whole.AllOf), condition, asked)
	v, ok := c.at(st.path, &whole, true)
	if !ok {
		return
	}
	next := st.below(asked.Value, &whole, "/"+keyword)
	next.root, next.unseen = Set(st.root, st.path, v), true
	c.explore(next)
}

// chosen gives whole with one branch of s, which whole is or has in its allOf, in the
// place of the union; nil if no value of the discriminator leads there.
func chosen(whole, s *openapi3.Schema, keyword string, i int) *openapi3.Schema {
	if whole == s {
		one := *s
		one.Example, one.Examples, one.Default = nil, nil, nil
		var ref *openapi3.SchemaRef
		if keyword == "oneOf" {
			ref, one.OneOf = s.OneOf[i], nil
		} else {
			ref, one.AnyOf = s.AnyOf[i], nil
		}
		rule, reachable := discriminated(s.Discriminator, ref)
		if !reachable {
			return nil
		}
		one.AllOf = append(slices.Clip(s.AllOf), ref)
		if rule != nil {
			one.AllOf = append(one.AllOf, rule.NewRef())
		}
		return &one
	}
	for j, ref := range whole.AllOf {
		if part := chosen(ref.Value, s, keyword, i); part != nil {
			one := *whole
			one.Example, one.Examples, one.Default = nil, nil, nil
			one.AllOf = slices.Clone(whole.AllOf)
			one.AllOf[j] = openapi3.NewSchemaRef(ref.Ref, part)
			return &one
		}
	}
	return nil
}

func (c *collector) members(st *site, full *openapi3.Schema) {
	names := slices.Sorted(maps.Keys(st.s.Properties))
	if st.s.AdditionalProperties.Schema != nil {
		names = append(names, extraName(full, nil))
	}
	byPattern := map[string]string{}
	for _, pattern := range slices.Sorted(maps.Keys(st.s.PatternProperties)) {
		if name := named(c.maker, pattern); name != "" && st.s.Properties[name] == nil {
			byPattern[name] = pattern
			names = append(names, name)
		}
	}
	for _, name := range names {
		rule, ref := "/properties/"+escape(name), st.s.Properties[name]
		pattern, unseen := byPattern[name]
		switch {
		case unseen:
			rule, ref = "/patternProperties/"+escape(pattern), st.s.PatternProperties[pattern]
		case ref == nil:
			rule, ref = "/additionalProperties", st.s.AdditionalProperties.Schema
		}
		inFull, ok := memberOf(full, name)
		if !ok || inFull == nil || c.left(ref) || c.left(inFull) {
			continue
		}
		// The value at hand, if it is one that needs no more for the member.
		members, isObject := st.value().(map[string]any)
		if _, has := members[name]; (!isObject || !has) && st.unseen {
			named := &openapi3.Schema{Required: []string{name}}
			v, _ := c.at(st.path, &openapi3.Schema{AllOf: openapi3.SchemaRefs{st.whole.NewRef(), named.NewRef()}}, true)
			if members, ok = v.(map[string]any); !ok {
				continue
			}
		} else if !isObject || !has {
			c.begin(st.path)
			if members, ok = c.object(full, true, name); !ok {
				continue
			}
		}
		next := st.inside(ref.Value, inFull.Value, rule, name, Set(st.root, st.path, members))
		next.unseen = st.unseen || unseen
		c.explore(next)
	}
}

// trace lists the sites of a value: every schema that applies to a part of it.
func (m *maker) trace(st *site, sites []*site) []*site {
	sites = append(sites, st)
	if len(sites) > maxCases {
		return sites
	}
	v := st.value()
	for i, ref := range st.s.AllOf {
		sites = m.trace(st.below(ref.Value, st.whole, fmt.Sprintf("/allOf/%d", i)), sites)
	}
	for _, u := range []struct {
		keyword  string
		branches openapi3.SchemaRefs
	}{{"oneOf", st.s.OneOf}, {"anyOf", st.s.AnyOf}} {
		for i, ref := range u.branches {
			whole := chosen(st.whole, st.s, u.keyword, i)
			if whole == nil || !m.accepts(whole, v) {
				continue
			}
			next := st.below(ref.Value, whole, fmt.Sprintf("/%s/%d", u.keyword, i))
			next.unions = append(slices.Clip(st.unions), union{s: st.s, keyword: u.keyword, rule: st.rule + "/" + u.keyword, pointer: pointerTo(st.path)})
			sites = m.trace(next, sites)
			break
		}
	}
	full := m.satisfied(st.whole, v)
	if full == nil {
		return sites
	}
	switch v := v.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			rule, ref := "/properties/"+escape(name), st.s.Properties[name]
			if ref == nil {
				rule, ref = "/additionalProperties", st.s.AdditionalProperties.Schema
			}
			if inFull, ok := memberOf(full, name); ref != nil && ok && inFull != nil {
				sites = m.trace(st.inside(ref.Value, inFull.Value, rule, name, st.root), sites)
			}
		}
	case []any:
		if st.s.Items == nil || full.Items == nil {
			break
		}
		for i := range v {
			sites = m.trace(st.inside(st.s.Items.Value, full.Items.Value, "/items", strconv.Itoa(i), st.root), sites)
		}
	}
	return sites
}

// breakOne breaks one rule at one of the sites of a valid value.
func (m *maker) breakOne(root *openapi3.Schema, v any) (Case, bool) {
	sites := m.trace(&site{s: root, whole: root, root: v}, nil)
	for range 40 {
		st := sites[m.r.IntN(len(sites))]
		here := st.value()
		full := m.satisfied(st.whole, here)
		if full == nil {
			continue
		}
		drafts := m.drafts(st.s, full, here, st.path, true)
		if len(drafts) == 0 {
			continue
		}
		n := pick(m.r, drafts)
		if made, ok := m.judged(root, st, n); ok {
			return made, true
		}
	}
	return Case{}, false
}

// pick chooses a keyword first: some have many drafts, others one.
func pick(r *rand.Rand, drafts []draft) *draft {
	var keywords []string
	for i := range drafts {
		if !slices.Contains(keywords, drafts[i].keyword) {
			keywords = append(keywords, drafts[i].keyword)
		}
	}
	keyword := keywords[r.IntN(len(keywords))]
	var of []*draft
	for i := range drafts {
		if drafts[i].keyword == keyword {
			of = append(of, &drafts[i])
		}
	}
	return of[r.IntN(len(of))]
}
