package zen

import (
	"strings"

	"github.com/understudy-api/understudy/server/decision/value"
)

// Template is a compiled text with expressions in {{ }}. It is immutable and may
// be used by many goroutines at once.
type Template struct {
	parts []part
}

// part is an expression, or text where there is none.
type part struct {
	program *Program
	text    string
}

// CompileTemplate compiles a text, white space around it apart. An error is an
// [*Error]; an expression that cannot be compiled fails when it is evaluated,
// after the ones before it.
func CompileTemplate(text string, opts ...Option) (*Template, error) {
	text = strings.TrimSpace(text)
	t := &Template{}
	inside, start := false, 0
	flush := func(end int) {
		if start >= end {
			return
		}
		p := part{text: text[start:end]}
		if inside {
			program, err := Compile(p.text, opts...)
			if err != nil {
				program = &Program{source: p.text, run: func(*frame) (value.Value, error) { return value.Value{}, err }}
			}
			p.program = program
		}
		t.parts = append(t.parts, p)
	}
	for i := 0; i < len(text); i++ {
		if i+1 == len(text) || text[i] != text[i+1] || text[i] != '{' && text[i] != '}' {
			continue
		}
		opens := text[i] == '{'
		if opens == inside {
			reason := "closeBracket"
			if opens {
				reason = "openBracket"
			}
			return nil, &Error{Kind: KindTemplate, Source: reason}
		}
		flush(i)
		inside = opens
		i++
		start = i + 1
	}
	flush(len(text))
	return t, nil
}

// Eval evaluates the template: an expression alone keeps its kind, several
// parts are joined to a string, none are null. An error is an [*Error].
func (t *Template) Eval(env *Env) (value.Value, error) {
	switch len(t.parts) {
	case 0:
		return value.Value{}, nil
	case 1:
		return t.parts[0].eval(env)
	}
	var joined strings.Builder
	for _, p := range t.parts {
		v, err := p.eval(env)
		if err != nil {
			return value.Value{}, err
		}
		if v.Kind() == value.KindString {
			joined.WriteString(v.AsString())
			continue
		}
		joined.WriteString(v.String())
	}
	return value.String(joined.String()), nil
}

func (p *part) eval(env *Env) (value.Value, error) {
	if p.program == nil {
		return value.String(p.text), nil
	}
	return p.program.Eval(env)
}
