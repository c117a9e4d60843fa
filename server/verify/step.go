package verify

import (
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/getkin/kin-openapi/openapi3"

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
	// Answer is what was answered when the finding was made.
	Answer *StepAnswer `json:"answer,omitempty"`
}

type step = Step

// step records an exchange.
func (l *lane) step(x *exchange) step {
	c := x.call
	s := step{Operation: c.op.name(), Method: c.method, Path: c.path, Query: c.query, Credential: string(c.credential), Answer: answered(x)}
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
	return needed(append(leading, s))
}

// text is the body of a step.
func (s *step) text() (string, bool) {
	if s.Body != nil {
		return *s.Body, true
	}
	return string(s.BodyBase64), s.BodyBase64 != nil
}

var reference = regexp.MustCompile(`\{made:(\d+)\}`)

// variables is a text with references to what earlier steps made as shell variables.
func variables(s string, escaped bool) shell.Text {
	var out shell.Text
	at := 0
	for _, m := range reference.FindAllStringSubmatchIndex(s, -1) {
		if m[0] > at {
			out = append(out, shell.Part{Literal: s[at:m[0]]})
		}
		out = append(out, shell.Part{Name: "ID" + s[m[2]:m[3]], Escaped: escaped})
		at = m[1]
	}
	if at < len(s) {
		out = append(out, shell.Part{Literal: s[at:]})
	}
	return out
}

// needed leaves out the steps before the last that make what nothing after them uses.
func needed(steps []step) []step {
	keep := make([]bool, len(steps))
	keep[len(steps)-1] = true
	for i := len(steps) - 1; i >= 0; i-- {
		if !keep[i] {
			continue
		}
		text, _ := steps[i].text()
		for _, m := range reference.FindAllStringSubmatch(steps[i].Path+" "+text, -1) {
			if n, err := strconv.Atoi(m[1]); err == nil && n < i {
				keep[n] = true
			}
		}
	}
	places := make([]int, len(steps))
	var out []step
	for i, s := range steps {
		places[i] = len(out)
		if !keep[i] {
			continue
		}
		moved := func(n int) string { return "{made:" + strconv.Itoa(places[n]) + "}" }
		s.Path = resolve(s.Path, moved)
		if s.Body != nil && reference.MatchString(*s.Body) {
			body := resolve(*s.Body, moved)
			s.Body = &body
		}
		out = append(out, s)
	}
	return out
}

// curl is a line for a POSIX shell that makes the calls. Credentials stand in it as
// variables.
func (r *runner) curl(steps []step) string {
	lines := make([]string, len(steps))
	for i := range steps {
		line := r.curlOf(&steps[i])
		used := slices.ContainsFunc(steps[i+1:], func(later step) bool {
			text, _ := later.text()
			return strings.Contains(later.Path+text, "{made:"+strconv.Itoa(i)+"}")
		})
		switch {
		case steps[i].Makes != "" && used:
			line = "ID" + strconv.Itoa(i) + "=$(" + line + " | jq -r " + shell.Quote(jqPath(steps[i].Makes)) + ")"
		case i < len(steps)-1:
			line += " && echo" // each answer on a line of its own
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

// curlOf is the line of one step.
func (r *runner) curlOf(s *step) string {
	line := shell.Call{Method: s.Method, Header: http.Header{}}
	for _, part := range r.target.auth.parts(r.callOf(s)) {
		switch {
		case len(part.user) > 0:
			line.User = part.user
		case part.in == openapi3.ParameterInQuery:
			line.Target = append(line.Target, shell.Part{Literal: "&" + url.QueryEscape(part.name) + "="})
			for _, p := range part.value {
				p.Escaped = true
				line.Target = append(line.Target, p)
			}
		default:
			line.More = append(line.More, shell.Header{Name: part.name, Value: part.value})
		}
	}
	for _, name := range sortedNames(r.target.header) {
		line.More = append(line.More, shell.Header{Name: name, Value: shell.Text{{Name: envName(name)}}})
	}
	maps.Copy(line.Header, s.Header)
	if text, has := s.text(); has {
		body := variables(text, false)
		line.Body = &body
	}
	credential := line.Target
	address := s.Path
	if s.Query != "" {
		address += "?" + s.Query
	}
	line.Target = variables(address, true)
	if r.target.handler != nil {
		line.Base = "BASE"
	} else {
		line.Target = append(shell.Literal(strings.TrimSuffix(r.target.base.String(), "/")), line.Target...)
	}
	if len(credential) > 0 && s.Query == "" {
		credential[0].Literal = "?" + credential[0].Literal[1:]
	}
	line.Target = append(line.Target, credential...)
	return line.Line()
}

func sortedNames[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
