package verify

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/understudy-api/understudy/server/shell"
)

// Step is one call of a sequence that reproduces a finding.
type Step struct {
	Operation  string              `json:"operation,omitempty"`
	Method     string              `json:"method"`
	Path       string              `json:"path"` // escaped, below the base; {made:0} is what step 0 made
	Query      string              `json:"query,omitempty"`
	Header     map[string][]string `json:"header,omitempty"`
	Body       *string             `json:"body,omitempty"`
	BodyBase64 []byte              `json:"bodyBase64,omitempty"` // a body that is not UTF-8
	Credential string              `json:"credential,omitempty"` // "none" or "wrong"; empty for the run's own
	// Makes says where the answer holds the value that later steps use, as JSON
	// pointer.
	Makes string `json:"makes,omitempty"`
}

type step = Step

// step records an exchange.
func (l *lane) step(x *exchange) step {
	c := x.call
	s := step{Operation: c.op.name(), Method: c.method, Path: c.path, Query: c.query, Credential: string(c.credential)}
	if len(c.header) > 0 {
		s.Header = c.header
	}
	if c.hasBody {
		if utf8.Valid(c.body) {
			text := string(c.body)
			s.Body = &text
		} else {
			s.BodyBase64 = c.body
		}
	}
	return s
}

// stepsTo are the steps that lead to an exchange, itself included.
func (l *lane) stepsTo(x *exchange) []step {
	s := l.step(x)
	op := x.call.op
	if op == nil {
		op = x.call.credentialOf
	}
	if op == nil {
		return []step{s}
	}
	leading, _ := l.leading(op, &s)
	return append(leading, s)
}

// text is the body of a step.
func (s *step) text() (string, bool) {
	if s.Body != nil {
		return *s.Body, true
	}
	return string(s.BodyBase64), s.BodyBase64 != nil
}

var reference = regexp.MustCompile(`\{made:(\d+)\}`)

// quoteVariables is quote, with references to what earlier steps made as shell
// variables.
func quoteVariables(s string) string {
	var b strings.Builder
	at := 0
	for _, m := range reference.FindAllStringSubmatchIndex(s, -1) {
		if m[0] > at {
			b.WriteString(shell.Quote(s[at:m[0]]))
		}
		b.WriteString(`"$ID` + s[m[2]:m[3]] + `"`)
		at = m[1]
	}
	if at < len(s) || at == 0 {
		b.WriteString(shell.Quote(s[at:]))
	}
	return b.String()
}

// curl is a line for a POSIX shell that makes the calls. Credentials stand in it as
// variables.
func (r *runner) curl(steps []step) string {
	lines := make([]string, len(steps))
	for i := range steps {
		line := r.curlOf(&steps[i])
		switch {
		case steps[i].Makes != "":
			line = "ID" + strconv.Itoa(i) + "=$(" + line + " | jq -r " + shell.Quote(jqPath(steps[i].Makes)) + ")"
		case i < len(steps)-1:
			line += " -o /dev/null"
		}
		lines[i] = line
	}
	return r.target.auth.scrub(strings.Join(lines, " && "))
}

// jqPath turns a JSON pointer into a path of jq.
func jqPath(pointer string) string {
	if pointer == "/" || pointer == "" {
		return "."
	}
	var b strings.Builder
	for token := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		token = unescaper.Replace(token)
		if _, err := strconv.Atoi(token); err == nil {
			b.WriteString("[" + token + "]")
			continue
		}
		b.WriteString("[" + string(encode(token)) + "]")
	}
	return "." + b.String()
}

func (r *runner) curlOf(s *step) string {
	words := []string{"curl", "-sS"}
	if s.Method == http.MethodHead {
		words = append(words, "-I")
	} else if _, has := s.text(); s.Method != http.MethodGet && (s.Method != http.MethodPost || !has) {
		words = append(words, "-X", s.Method)
	} else if s.Method == http.MethodGet && has {
		words = append(words, "-X", s.Method)
	}
	c := r.callOf(s)
	probe := &http.Request{Method: s.Method, URL: &url.URL{}, Header: http.Header{}}
	r.target.auth.authorize(probe, c)
	for _, name := range sortedNames(probe.Header) {
		words = append(words, "-H", r.headerWord(name, probe.Header.Get(name)))
	}
	for _, name := range sortedNames(r.target.header) {
		words = append(words, "-H", `"`+name+`: $`+envName(name)+`"`)
	}
	for _, name := range sortedNames(s.Header) {
		for _, value := range s.Header[name] {
			words = append(words, "-H", shell.Quote(name+": "+value))
		}
	}
	if text, has := s.text(); has {
		if s.Header["Content-Type"] == nil {
			words = append(words, "-H", "Content-Type:")
		}
		words = append(words, "--data-binary", quoteVariables(text))
	}
	query := s.Query
	if probe.URL.RawQuery != "" {
		query = strings.TrimPrefix(query+"&"+probe.URL.RawQuery, "&")
	}
	address := strings.TrimSuffix(r.target.base.String(), "/") + s.Path
	if r.target.handler != nil {
		address = "$BASE" + s.Path
	}
	if query != "" {
		address += "?" + query
	}
	scrubbed := r.target.auth.scrub(address)
	switch {
	case r.target.handler != nil:
		words = append(words, `"$BASE"`+quoteVariables(strings.TrimPrefix(scrubbed, "$BASE")))
	case scrubbed != address:
		words = append(words, `"`+reference.ReplaceAllString(scrubbed, `$$ID$1`)+`"`)
	default:
		words = append(words, quoteVariables(address))
	}
	return strings.Join(words, " ")
}

// headerWord is a header as a word, with the secret in it as a variable.
func (r *runner) headerWord(name, value string) string {
	scrubbed := r.target.auth.scrub(value)
	if scrubbed == value {
		for _, s := range r.target.auth.secrets { // one too short to look for anywhere
			if s.text != "" && strings.Contains(value, s.text) {
				scrubbed = strings.ReplaceAll(value, s.text, s.placeholder)
				break
			}
		}
	}
	if scrubbed == value {
		return shell.Quote(name + ": " + value)
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "`", "\\`").Replace(name+": "+scrubbed) + `"`
}

func sortedNames[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
