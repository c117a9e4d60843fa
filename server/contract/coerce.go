package contract

import (
	"context"
	"encoding/json"
	"maps"
	"net/url"
	"slices"
)

// Convert gives the value that the real service makes of one that broke a rule:
// the coercions of its framework. value is a JSON value of a body, or the text of
// a parameter, which is to be given as text again. ok is false where the real
// service refuses, too.
type Convert func(v *Violation, value any) (converted any, ok bool)

// maxConversions bounds how often a request is converted and judged again. A value
// that is converted shows what was hidden in it.
const maxConversions = 4

// Understand makes a request that is refused, or cannot be read for a rule that only
// warns, fit to be served where it is only reported: values are converted as the real
// service converts them, until nothing refuses the request. It gives the converted
// request and what may keep it from being read even so, or none and what is wrong even so:
// then the real service refuses as well.
func (o *Operation) Understand(ctx context.Context, m *Message, j *Judged) (understood *Message, wrong []Violation) {
	again := *m
	again.Header, again.Vars = m.Header.Clone(), maps.Clone(m.Vars)
	judged := j
	for range maxConversions {
		unfit := slices.DeleteFunc(slices.Clone(judged.Violations), func(v Violation) bool { return !v.Refuses() && !v.unreadable() })
		if o.document.convert == nil || !o.convertAll(&again, unfit) {
			break
		}
		judged = o.JudgeRequest(ctx, &again)
	}
	if wrong = judged.Refusing(); len(wrong) > 0 {
		o.asTheyCame(wrong, m)
		return nil, wrong
	}
	j.Body, j.Value, j.query, j.read = judged.Body, judged.Value, judged.query, judged.read
	wrong = judged.Doubtful()
	o.asTheyCame(wrong, m)
	return &again, wrong
}

// Refusing lists the violations that are reason to refuse.
func (j *Judged) Refusing() []Violation {
	return slices.DeleteFunc(slices.Clone(j.Violations), func(v Violation) bool { return !v.Refuses() })
}

// asTheyCame makes violations of a converted request tell what the client sent.
func (o *Operation) asTheyCame(wrong []Violation, m *Message) {
	body, err := decodeJSON(m.Body)
	for i := range wrong {
		v := &wrong[i]
		path := v.Path
		if v.Rule == "required" && len(path) > 0 {
			path = path[:len(path)-1] // of a missing member it is the object
		}
		if came := valueAt(body, path); err == nil && v.In == InBody && v.Rule != RuleMediaType && came != nil {
			v.Got = came
		}
	}
}

// convertAll converts what can be converted of what violations are about, and
// tells whether anything could.
func (o *Operation) convertAll(m *Message, wrong []Violation) (done bool) {
	if len(wrong) == 0 {
		return false
	}
	body, unread := decodeJSON(m.Body)
	inBody := false
	read := readQuery(m.URL.RawQuery, o.document.wholeEscapes)
	if o.document.starlette {
		o.lastValues(m, &read)
	}
	query := read.Values
	inQuery := false
	defer func() {
		if u := *m.URL; inQuery {
			u.RawQuery = query.Encode()
			m.URL = &u
		}
	}()
	for i := range wrong {
		v := &wrong[i]
		switch {
		case v.In != InBody:
			converted := o.convertParameter(m, query, v)
			done, inQuery = done || converted, inQuery || converted && v.In == InQuery
		case v.Rule == RuleMediaType:
			converted, ok := o.document.convert(v, v.Got)
			if text, isText := converted.(string); ok && isText {
				m.Header.Set("Content-Type", text)
				done = true
			}
		case unread == nil:
			if converted, ok := o.convertIn(body, v, 0); ok {
				body, inBody = converted, true
			}
		}
	}
	if !inBody {
		return done
	}
	text, err := json.Marshal(body)
	if err != nil { // it was read from JSON
		return false
	}
	m.Body = text
	return true
}

// convertIn converts the value of a body that a violation is about, within the value
// that the first steps of its path lead to. Of a union the first branch counts whose
// every mistake can be converted.
func (o *Operation) convertIn(around any, v *Violation, steps int) (any, bool) {
	if v.Rule == "required" || len(v.Path) < steps {
		return nil, false
	}
	path := v.Path[steps:]
	for _, branch := range v.Branches {
		if len(branch) == 0 {
			continue
		}
		tried, ok := cloneJSON(valueAt(around, path)), true
		for i := 0; ok && i < len(branch); i++ {
			o.own(&branch[i])
			tried, ok = o.convertIn(tried, &branch[i], len(v.Path))
		}
		if ok {
			return replaceAt(around, path, tried), true
		}
	}
	converted, ok := o.document.convert(v, valueAt(around, path))
	if !ok {
		return nil, false
	}
	return replaceAt(around, path, converted), true
}

func (o *Operation) convertParameter(m *Message, query url.Values, v *Violation) bool {
	at := 0
	if len(v.Path) > 0 {
		at = v.Path[0].Index
	}
	if len(v.Path) > 1 {
		return false
	}
	replace := func(texts []string) bool {
		if at >= len(texts) {
			return false
		}
		converted, ok := o.document.convert(v, texts[at])
		text, isText := converted.(string)
		if ok = ok && isText && text != texts[at]; ok {
			texts[at] = text
		}
		return ok
	}
	switch v.In {
	case InPath:
		texts := []string{m.Vars[v.Name]}
		ok := replace(texts)
		m.Vars[v.Name] = texts[0]
		return ok
	case InQuery:
		return replace(query[v.Name])
	case InHeader:
		return replace(m.Header.Values(v.Name))
	}
	return false
}

func cloneJSON(v any) any {
	switch v := v.(type) {
	case map[string]any:
		clone := make(map[string]any, len(v))
		for name, member := range v {
			clone[name] = cloneJSON(member)
		}
		return clone
	case []any:
		clone := make([]any, len(v))
		for i, item := range v {
			clone[i] = cloneJSON(item)
		}
		return clone
	}
	return v
}

// replaceAt puts a value in its place within another, in place where it can.
func replaceAt(root any, path []Step, v any) any {
	if len(path) == 0 {
		return v
	}
	switch parent := valueAt(root, path[:len(path)-1]).(type) {
	case map[string]any:
		parent[path[len(path)-1].Name] = v
	case []any:
		if i := path[len(path)-1].Index; i < len(parent) {
			parent[i] = v
		}
	}
	return root
}
