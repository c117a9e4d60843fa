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
	for i, ref := range o.facts().item.Parameters {
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

// arrange orders violations, and those of the branches of unions: by part of the
// message, then by document order of the place in it. Members that the document does
// not name come last, in the order in which they came.
func (o *Operation) arrange(vs []Violation, p *payload) {
	places := placesOf(vs, p)
	o.sortBranches(vs, places)
	o.sort(vs, places)
}

// arrangeBranches orders only the violations of branches.
func (o *Operation) arrangeBranches(vs []Violation, p *payload) { o.sortBranches(vs, placesOf(vs, p)) }

func placesOf(vs []Violation, p *payload) func() *Places {
	return sync.OnceValue(func() *Places {
		if p == nil || p.json == nil {
			return &Places{}
		}
		return FindPlaces(p.json.data, vs)
	})
}

func (o *Operation) sortBranches(vs []Violation, places func() *Places) {
	for i := range vs {
		for _, branch := range vs[i].Branches {
			o.sortBranches(branch, places)
			o.sort(branch, places)
		}
	}
}

func (o *Operation) sort(vs []Violation, places func() *Places) {
	if len(vs) < 2 {
		return
	}
	parts := []In{InMessage, InPath, InQuery, InHeader, InCookie, InBody}
	type keyed struct {
		key []int
		v   Violation
	}
	ordered := make([]keyed, len(vs))
	for i := range vs {
		ordered[i] = keyed{append([]int{slices.Index(parts, vs[i].In)}, o.placeKey(&vs[i], places)...), vs[i]}
	}
	slices.SortStableFunc(ordered, func(a, b keyed) int { return slices.Compare(a.key, b.key) })
	for i := range ordered {
		vs[i] = ordered[i].v
	}
}

func (o *Operation) placeKey(v *Violation, places func() *Places) []int {
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
				key = append(key, places().Arrival(v.Path[:i+1]))
			}
		}
		schemas = children(schemas, step)
	}
	return key
}
