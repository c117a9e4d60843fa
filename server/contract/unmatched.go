package contract

import (
	"net/http"
	"strings"
)

// UnmatchedViolation explains why no route matched: another method, a final
// slash too many or too few, a path that is not declared, or one that the vendor has and
// that is not served.
func (d *Document) UnmatchedViolation(r *http.Request, allow []string, other string) Violation {
	path := r.URL.Path
	v := Violation{Side: SideClient, Basis: BasisPublished, In: InMessage, Raw: path}
	if known := d.Unserved(r.Method, path); known != "" {
		v.Rule, v.Basis, v.Detail, v.Where = RuleUnserved, BasisInferred, r.Method+" "+known, Location{File: d.File}
		return v
	}
	if len(allow) > 0 {
		v.Rule, v.Raw, v.Detail = RuleMethod, r.Method, strings.Join(allow, " or ")
		v.Where = d.locate("/paths/" + pointerEscaper.Replace(d.templateOf(path)))
		return v
	}
	if op, name := d.emptied(r.Method, path); op != nil {
		v.Rule, v.Detail, v.Mistake = RuleUnknownPath, op.Path, "there is nothing where {"+name+"} stands: is a variable empty?"
		v.Where = d.locate("/paths/" + pointerEscaper.Replace(op.Path))
		return v
	}
	if single := singleSlashes(path); single != path && d.templateOf(single) != "" {
		v.Rule, v.Detail, v.Mistake = RuleUnknownPath, d.templateOf(single), mistakeDoubled
		v.Where = d.locate("/paths/" + pointerEscaper.Replace(v.Detail))
		return v
	}
	nearest := d.nearest(path)
	v.Rule, v.Detail = RuleUnknownPath, nearest
	if other != "" {
		path, _, _ := strings.Cut(other, "?")
		nearest = d.templateOf(path)
		v.Detail = nearest
	}
	v.Where = d.locate("/paths/" + pointerEscaper.Replace(nearest))
	return v
}

// mistakeDoubled is what a base URL that ends with a slash leads to.
const mistakeDoubled = "a slash is doubled: does the base URL end with one?"

func singleSlashes(path string) string {
	for strings.Contains(path, "//") {
		path = strings.ReplaceAll(path, "//", "/")
	}
	return path
}

// emptied finds the operation that a path would belong to if its first empty segment, or
// all of them, were not, and the first parameter that is.
func (d *Document) emptied(method, path string) (*Operation, string) {
	segments := strings.Split(path, "/")
	empty := -1
	var tried []string
	for i := 1; i < len(segments); i++ {
		if segments[i] != "" {
			continue
		}
		segments[i] = "-"
		if empty < 0 {
			empty = i
			tried = append(tried, strings.Join(segments, "/"))
		}
	}
	if empty < 0 {
		return nil, ""
	}
	for _, filled := range append(tried, strings.Join(segments, "/")) {
		for _, op := range d.ordered {
			parts := strings.Split(op.Path, "/")
			if op.Method == method && op.template.Match(filled) && empty < len(parts) && strings.HasPrefix(parts[empty], "{") {
				return op, strings.Trim(parts[empty], "{}")
			}
		}
	}
	return nil, ""
}

// Distance is how far a path is from the nearest that the document declares, or says
// the vendor has; 0 if it is one.
func (d *Document) Distance(path string) int {
	trees := d.trees()
	for _, t := range trees.known {
		if t.Match(path) {
			return 0
		}
	}
	number, distance := trees.all.nearest(path)
	if number < 0 {
		return -1
	}
	return max(distance, 1)
}

// templateOf finds the path template that a path belongs to.
func (d *Document) templateOf(path string) string {
	var best *Operation
	for _, op := range d.ordered {
		if op.template.Match(path) && (best == nil || op.template.Compare(best.template) < 0) {
			best = op
		}
	}
	if best == nil {
		return ""
	}
	return best.Path
}

// nearest finds the declared path that differs least from a path.
func (d *Document) nearest(path string) string {
	number, _ := d.trees().declared.nearest(path)
	if number < 0 {
		return ""
	}
	return d.ordered[number].Path
}

// pathTrees are the paths of a document as they are searched.
type pathTrees struct {
	declared *pathTree // numbered as the operations are
	all      *pathTree // and those that the vendor has besides
	known    []Template
}

func (d *Document) plantTrees() *pathTrees {
	var known []Template
	for _, op := range d.ordered {
		known = append(known, op.template)
	}
	declared := newPathTree(known)
	for _, u := range d.unserved {
		known = append(known, u.template)
	}
	return &pathTrees{declared, newPathTree(known), known}
}
