package contract

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// maxSecret bounds a credential's length.
const maxSecret = 4096

// Credential reads the Authorization header: its scheme, and the secret when the
// scheme is the wanted one (compared without case, RFC 9110 section 11.1) and the
// secret well-formed. Several Authorization headers are never well-formed: it
// would be unclear who calls.
func Credential(r *http.Request, want string) (scheme, secret string, ok bool) {
	values := r.Header[authorization]
	if len(values) != 1 {
		return "", "", false
	}
	scheme, secret, found := strings.Cut(values[0], " ")
	secret = strings.TrimLeft(secret, " ")
	if !found || !strings.EqualFold(scheme, want) || !wellFormed(secret) {
		return scheme, "", false
	}
	return scheme, secret, true
}

const authorization = "Authorization"

// Bearer is a security scheme of a document as requests use it.
type Bearer struct {
	Name  string // of the scheme in the document
	in    In     // header, query or cookie
	field string // the header's, parameter's or cookie's name
	word  string // before the secret in the header, such as "Bearer"; "" for none
	shape string // what is to be sent, for people
}

// newBearer reads a security scheme. A scheme that is none of HTTP's and no API key
// cannot be used: its field is empty.
func newBearer(name string, scheme *openapi3.SecurityScheme) Bearer {
	b := Bearer{Name: name, in: InHeader}
	switch scheme.Type {
	case "http":
		b.field, b.word = authorization, scheme.Scheme
		if scheme.Scheme == "bearer" {
			b.shape = `the header "Authorization: Bearer <token>"`
		}
	case "apiKey":
		b.in, b.field = In(scheme.In), scheme.Name
		if b.in != InHeader {
			b.shape = "the " + scheme.In + ` parameter "` + scheme.Name + `"`
			break
		}
		b.field = http.CanonicalHeaderKey(scheme.Name)
		_, format, found := strings.Cut(scheme.Description, "format '")
		format, _, closed := strings.Cut(format, "'")
		if found && closed {
			b.word, _, _ = strings.Cut(format, " ")
			b.shape = `the header "` + b.field + ": " + format + `"`
		} else {
			b.shape = `the header "` + b.field + `" (` + scheme.Description + ")"
		}
	}
	return b
}

// Secret is what a request carries for the scheme; false if that is absent, given
// more than once or malformed.
func (b *Bearer) Secret(r *http.Request) (string, bool) {
	var values []string
	switch b.in {
	case InHeader:
		if b.word != "" && b.field == authorization {
			_, secret, ok := Credential(r, b.word)
			return secret, ok
		}
		if b.field != "" {
			values = r.Header[b.field]
		}
	case InQuery:
		values = r.URL.Query()[b.field]
	case InCookie:
		for _, cookie := range r.CookiesNamed(b.field) {
			values = append(values, cookie.Value)
		}
	case InPath, InBody, InMessage:
	}
	if len(values) != 1 {
		return "", false
	}
	secret := values[0]
	if b.word != "" {
		word, rest, found := strings.Cut(secret, " ")
		if !found || !strings.EqualFold(word, b.word) {
			return "", false
		}
		secret = strings.TrimLeft(rest, " ")
	}
	return secret, wellFormed(secret)
}

// bearers are the alternatives that a security requirement gives: of one of them
// every scheme has to be used.
func (d *Document) bearers(requirements openapi3.SecurityRequirements) [][]Bearer {
	var ways [][]Bearer
	for _, requirement := range requirements {
		var way []Bearer
		for _, name := range slices.Sorted(maps.Keys(requirement)) {
			b := Bearer{Name: name} // of no use, unless it is declared
			if d.spec.Components != nil {
				if ref := d.spec.Components.SecuritySchemes[name]; ref != nil && ref.Value != nil {
					b = newBearer(name, ref.Value)
				}
			}
			way = append(way, b)
		}
		ways = append(ways, way)
	}
	return ways
}

// anybody stands for the operation of a request that matches none: any scheme of
// the document will do.
func (d *Document) anybody() *Operation {
	known := &facts{operation: openapi3.NewOperation()}
	o := &Operation{document: d, facts: func() *facts { return known }}
	if d.spec.Components == nil {
		return o
	}
	for _, name := range slices.Sorted(maps.Keys(d.spec.Components.SecuritySchemes)) {
		known.security = append(known.security, openapi3.SecurityRequirement{name: nil})
	}
	known.bearers = d.bearers(known.security)
	return o
}

// carriesSecret reports whether a header, parameter or cookie of this name carries
// the credential of a scheme of the document.
func (d *Document) carriesSecret(in In, name string) bool {
	for _, way := range d.anyone.facts().bearers {
		for i := range way {
			if way[i].in == in && way[i].field == name {
				return true
			}
		}
	}
	return false
}

// Bearers are the alternatives of schemes that the operation asks for: of one of them
// every scheme has to be used.
func (o *Operation) Bearers() [][]Bearer { return o.facts().bearers }

// CarriesCredential reports whether a request has something in a place where the
// document wants a credential.
func (o *Operation) CarriesCredential(r *http.Request) bool {
	for _, way := range o.facts().bearers {
		for i := range way {
			switch b := &way[i]; b.in {
			case InHeader:
				if len(r.Header[b.field]) > 0 {
					return true
				}
			case InQuery, InCookie:
				if _, ok := b.Secret(r); ok {
					return true
				}
			case InPath, InBody, InMessage:
			}
		}
	}
	return false
}

// wellFormed accepts visible ASCII without spaces, commas or quotes: a superset of
// token68 (RFC 9110, section 11.2), since Datafold does not publish what its keys
// are made of.
func wellFormed(secret string) bool {
	if secret == "" || len(secret) > maxSecret {
		return false
	}
	for i := range len(secret) {
		if c := secret[i]; c <= ' ' || c >= 0x7f || c == ',' || c == '"' {
			return false
		}
	}
	return true
}

// CredentialViolation says that the operation needs a credential and none of use
// came.
func (o *Operation) CredentialViolation(r *http.Request) Violation {
	v := Violation{
		Side: SideClient, Rule: RuleCredential, Basis: BasisPublished, In: InHeader, Name: authorization,
		Operation: o.ID, Where: o.document.locate(o.Pointer() + "/security"),
	}
	if !o.facts().ownSecurity {
		v.Where = o.document.locate("/security")
	}
	var ways []string
	for i, way := range o.facts().bearers {
		var shapes []string
		for j := range way {
			b := &way[j]
			if b.shape != "" {
				shapes = append(shapes, b.shape)
			}
			if b.field == "" {
				continue
			}
			if i+j == 0 {
				v.In, v.Name = b.in, b.field
			}
			if came := r.Header[b.field]; b.in == InHeader && len(came) > 0 && v.Got == nil {
				schemes := make([]string, len(came))
				for k, value := range came {
					schemes[k] = schemeOf(value)
				}
				v.Got, v.Name = schemes, b.field
			}
		}
		if len(shapes) > 0 && len(shapes) == len(way) {
			ways = append(ways, strings.Join(shapes, " and "))
		}
	}
	v.Detail = strings.Join(ways, " or ")
	if v.Got == nil {
		for _, other := range otherHeaders {
			if len(r.Header[other]) > 0 {
				v.Name, v.Mistake = other, mistakeHeader
			}
		}
	}
	return v
}

// otherHeaders are where clients put a credential that the document does not look for.
var otherHeaders = []string{"Api-Key", "X-Auth-Token", "X-Api-Key"}

// The mistakes with a credential that is well-formed.
const (
	mistakeHeader  = "in another header"
	mistakeForeign = "of another workspace"
)

// ForeignCredential says that a credential, which came in a header, is good elsewhere
// and not for what the operation is asked for.
func (o *Operation) ForeignCredential(header string) Violation {
	v := o.CredentialViolation(&http.Request{Header: http.Header{header: {""}}, URL: &url.URL{}})
	v.Got, v.Mistake = []string{Mask}, mistakeForeign
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
