package contract

import (
	"slices"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
)

func (o *Operation) parameterPointer(p *openapi3.Parameter) string {
	for i, ref := range o.facts().operation.Parameters {
		if ref.Value == p {
			if ref.Ref != "" {
				return strings.TrimPrefix(ref.Ref, "#")
			}
			return o.Pointer() + "/parameters/" + itoa(i)
		}
	}
	for i, ref := range o.facts().route.PathItem.Parameters {
		if ref.Value == p {
			if ref.Ref != "" {
				return strings.TrimPrefix(ref.Ref, "#")
			}
			return "/paths/" + pointerEscaper.Replace(o.Path) + "/parameters/" + itoa(i)
		}
	}
	return o.Pointer()
}

func (o *Operation) parameterLocation(p *openapi3.Parameter, keyword string) Location {
	at := o.parameterPointer(p)
	if keyword != "" {
		at += "/schema/" + keyword
	}
	return o.document.locate(at)
}

func (o *Operation) schemaLocation(s *Schema, keyword string) Location {
	at, ok := o.document.index().find(s)
	if !ok {
		at = o.Pointer()
	}
	return o.document.locate(at + "/" + keyword)
}

func (o *Operation) schemaBasis(s *Schema, keyword, member string) Basis {
	ix := o.document.index()
	at, ok := ix.find(s)
	if !ok {
		at = o.Pointer()
	}
	return ix.basis(at, keyword, member)
}

// sort orders violations: by part of the message, then by document order of the
// place in it. Members that the document does not name come last, in the order in
// which they came.
func (o *Operation) sort(vs []Violation, p *payload) {
	parts := []In{InMessage, InPath, InQuery, InHeader, InCookie, InBody}
	arrival := sync.OnceValue(func() map[string]int {
		if p == nil || p.json == nil {
			return nil
		}
		names := map[string]bool{}
		for i := range vs {
			for _, step := range vs[i].Path {
				names[step.Name] = true
			}
		}
		return memberOrder(p.json.data, names)
	})
	keys := make(map[*Violation][]int, len(vs))
	ordered := make([]*Violation, len(vs))
	for i := range vs {
		v := &vs[i]
		ordered[i] = v
		keys[v] = append([]int{slices.Index(parts, v.In)}, o.placeKey(v, arrival)...)
	}
	slices.SortStableFunc(ordered, func(a, b *Violation) int { return slices.Compare(keys[a], keys[b]) })
	sorted := make([]Violation, len(vs))
	for i, v := range ordered {
		sorted[i] = *v
	}
	copy(vs, sorted)
}

func (o *Operation) placeKey(v *Violation, arrival func() map[string]int) []int {
	if v.In != InBody {
		for i, p := range o.facts().parameters {
			if p.Name == v.Name && In(p.In) == v.In {
				key := []int{i}
				for _, step := range v.Path {
					key = append(key, step.Index)
				}
				return key
			}
		}
		return []int{len(o.facts().parameters)}
	}
	var key []int
	var schemas []*Schema
	if v.root != nil {
		schemas = []*Schema{v.root}
	}
	ix := o.document.index()
	for i, step := range v.Path {
		for _, branch := range v.Within {
			if branch.At == i {
				schemas = []*Schema{branch.Schema}
			}
		}
		if step.Array {
			key = append(key, step.Index)
		} else {
			line := int(^uint(0) >> 1)
			for _, s := range expand(schemas) {
				if s.Properties[step.Name] != nil {
					if l, ok := ix.lines.Order(ix.at(s) + "/properties/" + pointerEscaper.Replace(step.Name)); ok {
						line = l
						break
					}
				}
			}
			key = append(key, line)
			if line == int(^uint(0)>>1) {
				key = append(key, arrival()[pointerOf(v.Path[:i+1])])
			}
		}
		schemas = children(schemas, step)
	}
	return key
}
