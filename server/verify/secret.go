package verify

import (
	"context"
	"encoding/json"
	"maps"
	"regexp"
	"strconv"

	"github.com/getkin/kin-openapi/openapi3"
)

// secretMark is the form of the values that markSecrets gives: long enough to stand
// nowhere by chance.
var secretMark = regexp.MustCompile(`^w[0-9a-z]{12,13}$`)

// writtenSecrets are the marked texts of a call's body where the document says that
// nobody reads them.
func writtenSecrets(c *call) []string {
	if c.in == nil || !c.in.hasBody || c.op.body == nil {
		return nil
	}
	var found []string
	eachSecret(c.op.body, c.in.body, 0, func(text string) string {
		if secretMark.MatchString(text) {
			found = append(found, text)
		}
		return text
	})
	return found
}

// eachSecret visits the texts of a value that are writeOnly, and gives the value
// with what the visitor makes of them.
func eachSecret(s *openapi3.Schema, v any, depth int, visit func(string) string) any {
	if s == nil || depth > 12 {
		return v
	}
	if text, ok := v.(string); ok && (s.WriteOnly || s.Format == "password") {
		return visit(text)
	}
	for _, refs := range []openapi3.SchemaRefs{s.AllOf, s.AnyOf, s.OneOf} {
		for _, ref := range refs {
			v = eachSecret(ref.Value, v, depth+1, visit)
		}
	}
	switch c := v.(type) {
	case map[string]any:
		out := maps.Clone(c)
		for _, name := range sortedNames(c) {
			if ref := s.Properties[name]; ref != nil {
				out[name] = eachSecret(ref.Value, c[name], depth+1, visit)
			}
		}
		return out
	case []any:
		if s.Items != nil {
			out := make([]any, len(c))
			for i, item := range c {
				out[i] = eachSecret(s.Items.Value, item, depth+1, visit)
			}
			return out
		}
	}
	return v
}

// markSecrets gives the secrets of a body values that stand nowhere else, so that
// one that comes back is known.
func (l *lane) markSecrets(ctx context.Context, op *operation, in *input) any {
	found := false
	marked := eachSecret(op.body, in.body, 0, func(string) string {
		found = true
		return "w" + strconv.FormatUint(l.rand.Uint64()|1<<60, 36)
	})
	if !found {
		return in.body
	}
	if c, err := newCall(op, in.withBody(marked)); err == nil && l.r.judge(ctx, c).valid {
		return marked
	}
	return in.body
}

// plain turns a value of the document into one of JSON.
func plain(v any) (any, bool) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, false
	}
	return decode(text)
}
