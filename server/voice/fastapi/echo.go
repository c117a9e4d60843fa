package fastapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/understudy-api/understudy/server/contract"
)

// echo writes a value of the body, secrets masked, as FastAPI echoes it: members in
// the order in which they came, numbers as Python writes those that it read. What
// cannot be found in the body is given as it is.
func echo(v *contract.Violation, body *source) any {
	if body.left <= 0 {
		return notRepeated
	}
	redacted := v.Redacted()
	switch shown := redacted.(type) {
	case map[string]any, []any, json.Number:
	case string:
		return body.repeat(len(shown), func() any { return shown })
	default:
		return redacted
	}
	if text := asItCame(v, body, redacted); text != nil {
		return body.repeat(len(text), func() any { return text })
	}
	text, err := json.Marshal(redacted)
	if err != nil { // it was decoded from JSON
		return nil
	}
	return body.repeat(len(text), func() any { return redacted })
}

// asItCame finds the value of a violation in the body; nil if the body holds no such
// value.
func asItCame(v *contract.Violation, body *source, redacted any) json.RawMessage {
	path := v.Path
	if v.Rule == "required" && len(path) > 0 {
		path = path[:len(path)-1] // of a missing member it is the object
	}
	from := body.places().From(path)
	if from == nil {
		return nil
	}
	text, err := appendEcho(nil, jsontext.NewDecoder(bytes.NewBuffer(from)), redacted)
	if err != nil {
		return nil
	}
	return text
}

const (
	// maxEchoed is how much of a body an answer repeats in all its items, in bytes: the
	// parent of each missing member is repeated, so that a body of a mebibyte would
	// come back a thousand times.
	maxEchoed   = 64 << 10
	notRepeated = "(not repeated: the answer would be too long)"
)

// repeat gives what is repeated if there is room for so many bytes.
func (s *source) repeat(size int, what func() any) any {
	if s.left -= size; s.left < 0 {
		return notRepeated
	}
	return what()
}

var errOtherValue = errors.New("the body holds another value")

// appendEcho appends the value that dec is at, as far as redacted still shows it.
func appendEcho(text []byte, dec *jsontext.Decoder, redacted any) (_ []byte, err error) {
	kind := dec.PeekKind()
	switch shown := redacted.(type) {
	case map[string]any:
		if kind != '{' {
			return nil, errOtherValue
		}
		if _, err = dec.ReadToken(); err != nil {
			return nil, err
		}
		text = append(text, '{')
		for first := true; dec.PeekKind() != '}'; first = false {
			token, err := dec.ReadToken()
			if err != nil {
				return nil, err
			}
			name := token.String()
			member, ok := shown[name]
			if !ok {
				return nil, errOtherValue
			}
			if !first {
				text = append(text, ',')
			}
			if text, err = jsontext.AppendQuote(text, name); err != nil {
				return nil, err
			}
			if text, err = appendEcho(append(text, ':'), dec, member); err != nil {
				return nil, err
			}
		}
		_, err = dec.ReadToken()
		return append(text, '}'), err
	case []any:
		if kind != '[' {
			return nil, errOtherValue
		}
		if _, err = dec.ReadToken(); err != nil {
			return nil, err
		}
		text = append(text, '[')
		for i := 0; dec.PeekKind() != ']'; i++ {
			if i >= len(shown) {
				return nil, errOtherValue
			}
			if i > 0 {
				text = append(text, ',')
			}
			if text, err = appendEcho(text, dec, shown[i]); err != nil {
				return nil, err
			}
		}
		_, err = dec.ReadToken()
		return append(text, ']'), err
	case json.Number:
		token, err := dec.ReadToken()
		if err != nil || token.Kind() != '0' {
			return nil, errOtherValue
		}
		return append(text, pyNumber(token.String())...), nil
	default:
		if err = dec.SkipValue(); err != nil {
			return nil, err
		}
		scalar, err := json.Marshal(redacted)
		return append(text, scalar...), err
	}
}

// pyNumber writes a number as json.dumps writes what json.loads read: integers with
// their digits, all others as the shortest text of the float64.
func pyNumber(literal string) string {
	if !strings.ContainsAny(literal, ".eE") {
		if literal == "-0" {
			return "0"
		}
		return literal
	}
	f, err := strconv.ParseFloat(literal, 64)
	if err != nil { // it is shown as a text
		return literal
	}
	return pyFloatRepr(f, true)
}
