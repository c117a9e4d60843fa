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
	best, least := "", 0
	for _, op := range d.ordered {
		if n := op.template.Distance(path); best == "" || n < least {
			best, least = op.Path, n
		}
	}
	return best
}
