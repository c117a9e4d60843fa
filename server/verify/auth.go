package verify

import (
	"crypto/sha256"
	"encoding/base64"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/understudy-api/understudy/server/shell"
)

// authorizer puts credentials on requests.
type authorizer struct {
	general string            // the Authorization header
	byName  map[string]string // security scheme -> value
	schemes openapi3.SecuritySchemes
	secrets []secret

	certificate bool // the connection may have one
}

// secret is a text that must not be shown, and what stands in its place.
type secret struct{ text, placeholder string }

func newAuthorizer(o *Options) (*authorizer, error) {
	a := &authorizer{general: o.Authorization, byName: o.Credentials, schemes: o.Document.Contract.SecuritySchemes(), certificate: o.Client != nil || o.TLS != nil && len(o.TLS.Certificates) > 0}
	for _, name := range slices.Sorted(maps.Keys(o.Credentials)) {
		if a.schemes[name] == nil {
			return nil, mistake("the document has no security scheme %q: it has %s", name, strings.Join(slices.Sorted(maps.Keys(a.schemes)), ", "))
		}
		if ref := a.schemes[name]; ref.Value != nil && ref.Value.Type == "http" && strings.EqualFold(ref.Value.Scheme, "basic") {
			if strings.ContainsFunc(o.Credentials[name], unicode.IsControl) { // any UTF-8 will do (RFC 7617, section 2.1)
				return nil, mistake("the credential for %s: want a text without control characters", name)
			}
		} else if !headerSafe(o.Credentials[name]) {
			return nil, mistake("the credential for %s: want printable ASCII", name)
		}
		a.hide(o.Credentials[name], name)
		a.hide(a.value(name), name)
		a.hide(url.QueryEscape(o.Credentials[name]), name)
	}
	if o.Authorization != "" {
		if !headerSafe(o.Authorization) {
			return nil, mistake("the authorization: want printable ASCII")
		}
		a.hide(o.Authorization, "")
	}
	for name, values := range o.Header {
		for _, value := range values {
			a.secrets = append(a.secrets, secret{value, "$" + envName(name)})
		}
	}
	slices.SortStableFunc(a.secrets, func(x, y secret) int { return len(y.text) - len(x.text) })
	return a, nil
}

// hide remembers the secret part of a credential. Of user and password that is also the
// password alone, and with another user.
func (a *authorizer) hide(value, scheme string) {
	kind, part, found := strings.Cut(value, " ")
	if found && part != "" {
		value = part
	}
	placeholder := "$" + a.variable(scheme)
	a.secrets = append(a.secrets, secret{value, placeholder})
	if plain, err := base64.StdEncoding.DecodeString(value); err == nil && strings.EqualFold(kind, "basic") {
		who, password, _ := strings.Cut(string(plain), ":")
		a.secrets = append(a.secrets, secret{password, placeholder}, secret{basicText(likeness(who), password), placeholder})
	}
}

// basicText is user and password as the scheme Basic writes them (RFC 7617, section 2).
func basicText(user, password string) string {
	return base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
}

// leastSecret is the length from which a text is taken for a secret wherever it
// stands. A shorter one would hide half of every message.
const leastSecret = 4

// scrub replaces secrets in a text.
func (a *authorizer) scrub(text string) string {
	for _, s := range a.secrets {
		if len(s.text) >= leastSecret {
			text = strings.ReplaceAll(text, s.text, s.placeholder)
		}
	}
	return text
}

func envName(header string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			return r
		}
		return '_'
	}, header)
}

// value is what a scheme's credential looks like on the wire.
func (a *authorizer) value(name string) string {
	given, scheme := a.byName[name], a.schemes[name].Value
	if scheme.Type == "apiKey" {
		return given
	}
	kind := "Bearer"
	if scheme.Type == "http" {
		kind = scheme.Scheme
	}
	if before, _, found := strings.Cut(given, " "); found && strings.EqualFold(before, kind) {
		return given
	}
	if strings.EqualFold(kind, "basic") {
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(given))
	}
	if strings.EqualFold(kind, "bearer") {
		kind = "Bearer"
	}
	return kind + " " + given
}

// has reports whether there is a credential for a scheme.
func (a *authorizer) has(name string) bool {
	if a.byName[name] != "" || a.certificate && a.schemes[name] != nil && a.schemes[name].Value.Type == "mutualTLS" {
		return true
	}
	return a.general != "" && a.inAuthorization(name)
}

func (a *authorizer) inAuthorization(name string) bool {
	ref := a.schemes[name]
	if ref == nil || ref.Value == nil {
		return false
	}
	if ref.Value.Type == "mutualTLS" {
		return false // it is none of a request's
	}
	return ref.Value.Type != "apiKey" || ref.Value.In == "header" && strings.EqualFold(ref.Value.Name, "Authorization")
}

// given are the alternatives of an operation for which there are all credentials.
func (a *authorizer) given(op *operation) [][]string {
	return slices.DeleteFunc(slices.Clone(op.security), func(schemes []string) bool {
		return len(schemes) == 0 || slices.ContainsFunc(schemes, func(name string) bool { return !a.has(name) })
	})
}

// used are the schemes of a call by the credential that it carries.
func (a *authorizer) used(op *operation, use credentialUse) ([]string, bool) {
	schemes, ok := a.alternative(op)
	if without, is := use.of(useWithout); is {
		return slices.DeleteFunc(slices.Clone(schemes), func(name string) bool { return name == without }), ok
	}
	wanted, made := use.of(useMadeUp)
	wanted = strings.TrimSuffix(wanted, userPart)
	if only, is := use.of(useOnly); is {
		wanted, made = only, true
	}
	if !made {
		return schemes, ok
	}
	for _, schemes := range a.given(op) {
		if slices.Contains(schemes, wanted) || strings.Join(schemes, "+") == wanted {
			return schemes, true
		}
	}
	return nil, false
}

// userPart says that it is the user that is made up, and not the password.
const userPart = " user"

// madeUp is a credential that looks like another, and that nobody was given: of user and
// password one is the right one, which no line shows.
func (a *authorizer) madeUp(p credentialPart, scheme *openapi3.SecurityScheme, user bool) credentialPart {
	kind, text, found := strings.Cut(p.text, " ")
	if !found || scheme.Type == "apiKey" && (scheme.In != openapi3.ParameterInHeader || !strings.EqualFold(scheme.Name, "Authorization")) {
		p.text = likeness(p.text)
		p.value = shell.Literal(p.text)
		return p
	}
	plain, err := base64.StdEncoding.DecodeString(text)
	if err != nil || scheme.Type != "http" || !strings.EqualFold(scheme.Scheme, "basic") {
		p.text = kind + " " + likeness(text)
		p.value = shell.Literal(p.text)
		return p
	}
	who, password, _ := strings.Cut(string(plain), ":")
	right := shell.Part{Filter: `split(":")[0]`}
	if user {
		right.Filter = `split(":")[1:]|join(":")`
	}
	if len(p.user) == 0 {
		right.Filter = "@base64d|" + right.Filter
	}
	right.Name = p.value[len(p.value)-1].Name
	if user {
		who = likeness(who)
		p.user = shell.Text{{Literal: who + ":"}, right}
	} else {
		password = likeness(password)
		p.user = shell.Text{right, {Literal: ":" + password}}
	}
	p.text = kind + " " + basicText(who, password)
	return p
}

// separators are what parts of secrets are set apart by.
const separators = "-_.~+/=: "

// likeness is a text of the same form as another: its separators, and digits and letters in
// the place of the rest.
func likeness(text string) string {
	sum := sha256.Sum256([]byte("understudy " + strconv.Itoa(len([]rune(text)))))
	formless, i := strings.Trim(text, separators) == "", -1
	return strings.Map(func(r rune) rune {
		i++
		n := rune(sum[i%len(sum)] ^ byte(i/len(sum)*31))
		switch {
		case r >= '0' && r <= '9':
			return '0' + n%10
		case r >= 'A' && r <= 'Z':
			return 'A' + n%26
		case strings.ContainsRune(separators, r) && !formless:
			return r
		}
		return 'a' + n%26
	}, text)
}

// byConnection reports whether an operation may be let in by what the connection proves:
// no request is without that.
func (a *authorizer) byConnection(op *operation) bool {
	return slices.ContainsFunc(op.security, func(schemes []string) bool {
		return slices.ContainsFunc(schemes, func(name string) bool {
			return a.schemes[name] != nil && a.schemes[name].Value != nil && a.schemes[name].Value.Type == "mutualTLS"
		})
	})
}

// alternative is the first of an operation's alternatives for which there are all
// credentials.
func (a *authorizer) alternative(op *operation) ([]string, bool) {
	for _, schemes := range op.security {
		if !slices.ContainsFunc(schemes, func(name string) bool { return !a.has(name) }) && len(schemes) > 0 {
			return schemes, true
		}
	}
	return nil, false
}

// credentialPart is what one scheme puts on a request.
type credentialPart struct {
	in    string // openapi3.ParameterIn...
	name  string
	text  string
	value shell.Text // the text with the secret in it as a variable
	user  shell.Text // user and password in its place
}

// parts are what the schemes of a call put on it.
func (a *authorizer) parts(c *call) []credentialPart {
	if c.credential == credentialNone {
		return nil
	}
	op := c.op
	if op == nil {
		op = c.credentialOf
	}
	if op == nil {
		return nil
	}
	schemes, ok := a.used(op, c.credential)
	if !ok {
		return nil
	}
	var out []credentialPart
	for _, name := range schemes {
		scheme := a.schemes[name].Value
		if scheme.Type == "mutualTLS" {
			continue // the connection has it
		}
		p := credentialPart{in: openapi3.ParameterInHeader, name: "Authorization", text: a.general}
		if a.byName[name] != "" {
			p.text = a.value(name)
		}
		p.value = a.hidden(p.text)
		if strings.EqualFold(scheme.Scheme, "basic") && scheme.Type == "http" && a.byName[name] != "" && !strings.HasPrefix(a.byName[name], "Basic ") {
			p.user = shell.Text{{Name: a.variable(name)}}
		}
		made, is := c.credential.of(useMadeUp)
		switch {
		case is && (made == name || made == name+userPart):
			p = a.madeUp(p, scheme, made != name)
		case c.credential == credentialWrong && !a.inAuthorization(name):
			continue // nothing is known to be wrong
		case c.credential == credentialWrong:
			p.text, p.value, p.user = wrongAuthorization, shell.Literal(wrongAuthorization), nil
		}
		if scheme.Type == "apiKey" {
			p.in, p.name = scheme.In, scheme.Name
		}
		if p.in == openapi3.ParameterInCookie {
			p.value = append(shell.Literal(p.name+"="), p.value...)
			p.text = p.name + "=" + p.text
			p.name = "Cookie"
		}
		out = append(out, p)
	}
	return out
}

// authorize puts the credential of a call on its request.
func (a *authorizer) authorize(r *http.Request, c *call) {
	for _, p := range a.parts(c) {
		switch p.in {
		case openapi3.ParameterInQuery:
			query := url.QueryEscape(p.name) + "=" + url.QueryEscape(p.text)
			if r.URL.RawQuery != "" {
				query = r.URL.RawQuery + "&" + query
			}
			r.URL.RawQuery = query
		case openapi3.ParameterInCookie:
			cookie := p.text
			if others := r.Header.Get("Cookie"); others != "" {
				cookie = others + "; " + cookie
			}
			r.Header.Set("Cookie", cookie)
		default:
			r.Header.Set(p.name, p.text)
		}
	}
}

// hidden is a text with the secret in it as a variable.
func (a *authorizer) hidden(text string) shell.Text {
	for _, s := range a.secrets {
		if before, after, found := strings.Cut(text, s.text); found && s.text != "" {
			var out shell.Text
			if before != "" {
				out = shell.Literal(before)
			}
			out = append(out, shell.Part{Name: s.placeholder[1:]})
			if after != "" {
				out = append(out, shell.Part{Literal: after})
			}
			return out
		}
	}
	return shell.Literal(text)
}

// variable is the name of the variable that holds a credential in lines for a shell.
func (a *authorizer) variable(scheme string) string {
	if scheme == "" || a.general == "" && len(a.byName) == 1 {
		return "TOKEN"
	}
	return "TOKEN_" + envName(scheme)
}

// wrongAuthorization is a credential of a scheme that nobody has registered. An
// arbitrary secret of the right scheme might be somebody's.
const wrongAuthorization = "Understudy-Wrong-Scheme wrong"
