package contract

import (
	"net/http"
	"strings"
)

// unmatchedViolation explains why no route matched: another method, a final
// slash too many or too few, or a path that is not declared.
func (d *Document) unmatchedViolation(r *http.Request, allow []string, other string) Violation {
	path := r.URL.Path
	v := Violation{Side: SideClient, Basis: BasisPublished, In: InMessage, Raw: path}
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

// templateOf finds the most static path template that a path matches.
func (d *Document) templateOf(path string) string {
	best, variables := "", 0
	for _, op := range d.ordered {
		if n, ok := matchTemplate(op.Path, path); ok && (best == "" || n < variables) {
			best, variables = op.Path, n
		}
	}
	return best
}

func matchTemplate(template, path string) (variables int, ok bool) {
	want, got := strings.Split(template, "/"), strings.Split(path, "/")
	if len(want) != len(got) {
		return 0, false
	}
	for i := range want {
		if strings.HasPrefix(want[i], "{") {
			variables++
		} else if want[i] != got[i] {
			return 0, false
		}
	}
	return variables, true
}

// nearest finds the declared path that differs least from a path: segment by
// segment, parameters matching anything, texts compared by edit distance.
func (d *Document) nearest(path string) string {
	best, least := "", 0
	for _, op := range d.ordered {
		if n := pathDistance(op.Path, path); best == "" || n < least {
			best, least = op.Path, n
		}
	}
	return best
}

// maxCompared bounds the segments and the characters that are compared.
const maxCompared = 64

func pathDistance(template, path string) int {
	want, got := strings.Split(template, "/"), strings.SplitN(path, "/", maxCompared)
	total := 0
	for i := range max(len(want), len(got)) {
		switch {
		case i >= len(want):
			total += 5 + min(len(got[i]), 10)
		case i >= len(got):
			total += 5 + min(len(want[i]), 10)
		case strings.HasPrefix(want[i], "{"):
			if got[i] == "" {
				total += 5
			} else {
				total++ // a text that matches exactly is nearer than a parameter
			}
		default:
			total += 2 * editDistance(want[i], got[i])
		}
	}
	return total
}

// editDistance is EditDistance over at most maxCompared bytes of each text.
func editDistance(a, b string) int {
	return EditDistance(a[:min(len(a), maxCompared)], b[:min(len(b), maxCompared)])
}

// EditDistance is how many bytes must be put, left out or changed to make one text
// of another (Levenshtein). Its cost grows with the product of their lengths.
func EditDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}

// credentialViolation says that the operation needs a credential and none of use
// came.
func (o *Operation) credentialViolation(r *http.Request) Violation {
	v := Violation{
		Side: SideClient, Rule: RuleCredential, Basis: BasisPublished, In: InHeader, Name: "Authorization",
		Operation: o.ID, Where: o.document.locate(o.Pointer() + "/security"),
	}
	if !o.ownSecurity {
		v.Where = o.document.locate("/security")
	}
	if came := r.Header.Values("Authorization"); len(came) > 0 {
		schemes := make([]string, len(came))
		for i, value := range came {
			schemes[i] = schemeOf(value)
		}
		v.Got = schemes
	}
	var ways []string
	for _, requirement := range o.security {
		for name := range requirement {
			ref := o.document.spec.Components.SecuritySchemes[name]
			if ref == nil || ref.Value == nil {
				continue
			}
			switch scheme := ref.Value; {
			case scheme.Type == "http" && scheme.Scheme == "bearer":
				ways = append(ways, `the header "Authorization: Bearer <token>"`)
			case scheme.Type == "apiKey":
				header := http.CanonicalHeaderKey(scheme.Name)
				if _, format, ok := strings.Cut(scheme.Description, "format '"); ok {
					format, _, _ = strings.Cut(format, "'")
					ways = append(ways, `the header "`+header+": "+format+`"`)
				} else {
					ways = append(ways, `the header "`+header+`" (`+scheme.Description+")")
				}
			}
		}
	}
	v.Detail = strings.Join(ways, " or ")
	return v
}

// schemeOf shows a credential: its scheme, if that is one of the usual, and
// nothing of the secret.
func schemeOf(credential string) string {
	scheme, secret, _ := strings.Cut(credential, " ")
	for _, known := range []string{"Basic", "Bearer", "Digest", "Key", "Token", "ApiKey"} {
		switch {
		case !strings.EqualFold(scheme, known):
		case strings.Trim(secret, " ") == "":
			return known
		default:
			return known + " " + Mask
		}
	}
	if credential == "" {
		return ""
	}
	return Mask
}
