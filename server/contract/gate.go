package contract

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/go-json-experiment/json/jsontext"
)

// MaxDepth is how deeply arrays and objects of a body may nest. Ajv and pydantic
// recurse; a document of ours nests ten levels at most.
const MaxDepth = 200

func init() {
	openapi3filter.RegisterBodyDecoder(judgedJSON,
		func(body io.Reader, _ http.Header, _ *openapi3.SchemaRef, _ openapi3filter.EncodingFn) (any, error) {
			data, err := io.ReadAll(body)
			if err != nil {
				return nil, err
			}
			v, err := decodeJSON(data)
			if err == nil && oddNumbers(data) {
				v = plainLiterals(v)
			}
			return v, err
		})
}

// jsonError says where and why bytes are not one JSON value (RFC 8259, and
// RFC 7493 for unique names and UTF-8). It never holds bytes of the value.
type jsonError struct {
	Offset int64
	Reason string
}

func (e *jsonError) Error() string { return "invalid JSON: " + e.Reason }

// The reasons of a jsonError that other code tells apart.
const (
	reasonDuplicate = "a member name occurs twice in one object"
	reasonUTF8      = "the text is not UTF-8"
	reasonTrailing  = "more data follows the value"
	reasonDepth     = "arrays and objects nest too deeply"
	reasonEnd       = "the text ends in the middle of the value"
	reasonSyntax    = "the text is not JSON"
	reasonGzip      = "the text is compressed"
	reasonMark      = "the text begins with a byte order mark"
	reasonNaN       = "NaN and Infinity are not JSON"
	reasonSurrogate = "the text holds half of a surrogate pair"
)

// decoders are reused: a fresh one costs more than a small body.
var decoders = sync.Pool{New: func() any { return &pooledDecoder{} }}

type pooledDecoder struct {
	decoder jsontext.Decoder
	buffer  *bytes.Buffer
}

func (p *pooledDecoder) read(data []byte) *jsontext.Decoder {
	p.buffer = bytes.NewBuffer(data)
	p.decoder.Reset(p.buffer)
	return &p.decoder
}

var errDepth = errors.New(reasonDepth)

// decodeJSON decodes exactly one JSON value, strictly. Numbers stay literals.
func decodeJSON(data []byte) (any, error) {
	p, _ := decoders.Get().(*pooledDecoder)
	defer decoders.Put(p)
	dec := p.read(data)
	v, err := decodeValue(dec)
	if err != nil {
		return nil, jsonErrorOf(err, dec.InputOffset(), data)
	}
	if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
		rest := data[dec.InputOffset():]
		skip := len(rest) - len(bytes.TrimLeft(rest, " \t\r\n"))
		return nil, &jsonError{Offset: dec.InputOffset() + int64(skip), Reason: reasonTrailing}
	}
	return v, nil
}

func jsonErrorOf(err error, offset int64, data []byte) error {
	e := &jsonError{Offset: offset, Reason: reasonSyntax}
	var syntax *jsontext.SyntacticError
	if errors.As(err, &syntax) {
		e.Offset = syntax.ByteOffset
	}
	switch {
	case errors.Is(err, jsontext.ErrDuplicateName):
		e.Reason = reasonDuplicate
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		e.Reason = reasonEnd
		e.Offset = int64(len(data))
	case syntax != nil && syntax.Err != nil && strings.Contains(syntax.Err.Error(), "UTF-8"):
		e.Reason = reasonUTF8
	case errors.Is(err, errDepth):
		e.Reason = reasonDepth
	case syntax != nil && syntax.Err != nil && strings.Contains(syntax.Err.Error(), "surrogate"):
		e.Reason = reasonSurrogate
	case bytes.HasPrefix(data, []byte("\x1F\x8B")):
		e.Reason = reasonGzip
	case e.Offset == 0 && bytes.HasPrefix(data, []byte("\xEF\xBB\xBF")):
		e.Reason = reasonMark
	case e.Offset >= 0 && e.Offset < int64(len(data)) && notANumber(data, int(e.Offset)):
		e.Reason = reasonNaN
	}
	return e
}

// notANumber reports whether NaN or Infinity stands where the text stopped being
// JSON; of "-Infinity" the sign may have been read before.
func notANumber(data []byte, at int) bool {
	rest := bytes.TrimPrefix(data[at:], []byte("-"))
	return bytes.HasPrefix(rest, []byte("NaN")) || bytes.HasPrefix(rest, []byte("Infinity"))
}

func decodeValue(dec *jsontext.Decoder) (any, error) {
	tok, err := dec.ReadToken()
	if err != nil {
		return nil, err
	}
	switch tok.Kind() {
	case 'n':
		return nil, nil
	case 't', 'f':
		return tok.Bool(), nil
	case '"':
		return tok.String(), nil
	case '0':
		return json.Number(tok.String()), nil
	case '[':
		if dec.StackDepth() > MaxDepth {
			return nil, errDepth
		}
		items := []any{}
		for dec.PeekKind() != ']' {
			v, err := decodeValue(dec)
			if err != nil {
				return nil, err
			}
			items = append(items, v)
		}
		_, err := dec.ReadToken()
		return items, err
	default:
		if dec.StackDepth() > MaxDepth {
			return nil, errDepth
		}
		object := map[string]any{}
		for dec.PeekKind() != '}' {
			name, err := dec.ReadToken()
			if err != nil {
				return nil, err
			}
			key := name.String()
			v, err := decodeValue(dec)
			if err != nil {
				return nil, err
			}
			object[key] = v
		}
		_, err := dec.ReadToken()
		return object, err
	}
}

// oddNumbers reports whether the text may hold a number that is not a plain
// integer of at most 15 digits. It looks at characters only, so it may say yes
// too often; it never says no wrongly on valid JSON.
func oddNumbers(data []byte) bool {
	for i := 0; i < len(data); i++ {
		c := data[i]
		if c == '"' {
			for i++; i < len(data) && data[i] != '"'; i++ {
				if data[i] == '\\' {
					i++
				}
			}
			continue
		}
		if c == '-' && i+1 < len(data) && data[i+1] == '0' {
			return true // -0, which is 0 to an integer
		}
		if c < '0' || c > '9' {
			continue
		}
		start := i
		for i < len(data) && data[i] >= '0' && data[i] <= '9' {
			i++
		}
		if i-start > 15 || (i < len(data) && (data[i] == '.' || data[i] == 'e' || data[i] == 'E')) {
			return true
		}
		i--
	}
	return false
}

// numberOf tells what a number literal is. It only looks at its digits: a literal
// of a megabyte, or with an exponent of a billion, costs no more than its length.
func numberOf(literal string) (integral, inFloat, inInt bool, n int64) {
	if v, err := strconv.ParseInt(literal, 10, 64); err == nil {
		return true, true, true, v
	}
	_, err := strconv.ParseFloat(literal, 64)
	inFloat = err == nil
	mantissa, power, scientific := strings.Cut(strings.ReplaceAll(literal, "E", "e"), "e")
	sign := ""
	if strings.HasPrefix(mantissa, "-") {
		sign, mantissa = "-", mantissa[1:]
	}
	before, after, _ := strings.Cut(mantissa, ".")
	digits := before + after
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return false, inFloat, false, 0
	}
	digits = strings.TrimLeft(digits, "0")
	if digits == "" {
		return true, inFloat, true, 0
	}
	exponent := 0
	if scientific {
		switch exponent, err = strconv.Atoi(power); {
		case errors.Is(err, strconv.ErrRange): // no literal is long enough to make up for it
			return !strings.HasPrefix(power, "-"), inFloat, false, 0
		case err != nil:
			return false, inFloat, false, 0
		}
	}
	significant := strings.TrimRight(digits, "0")
	exponent += len(digits) - len(significant) - len(after)
	switch {
	case exponent < 0:
		return false, inFloat, false, 0
	case exponent > 18 || len(significant)+exponent > 19:
		return true, inFloat, false, 0
	}
	n, err = strconv.ParseInt(sign+significant+strings.Repeat("0", exponent), 10, 64)
	if err != nil {
		return true, inFloat, false, 0
	}
	return true, inFloat, true, n
}

// integralLiterals rewrites every integral number that is written with a fraction
// or an exponent (7.0, 1e2) as a plain integer where the schema wants an integer,
// because the generated code binds only those. The text outside those literals
// stays as it is. It reports the paths of integers that do not fit in 64 bits, and
// of numbers that are not integral.
func integralLiterals(data []byte, schema *Schema) (out []byte, beyond, fractions [][]Step) {
	dec := jsontext.NewDecoder(bytes.NewBuffer(data))
	var path []Step
	copied := int64(0)
	var walk func(schemas []*Schema) bool
	walk = func(schemas []*Schema) bool {
		tok, err := dec.ReadToken()
		if err != nil {
			return false
		}
		switch tok.Kind() {
		case '0':
			literal := tok.String()
			end := dec.InputOffset()
			if !wantsInteger(schemas) {
				return true
			}
			integral, _, inInt, n := numberOf(literal)
			switch {
			case !integral:
				fractions = append(fractions, append([]Step(nil), path...))
			case !inInt:
				beyond = append(beyond, append([]Step(nil), path...))
			case literal != strconv.FormatInt(n, 10):
				out = append(out, data[copied:end-int64(len(literal))]...)
				out = strconv.AppendInt(out, n, 10)
				copied = end
			}
		case '[':
			items := children(schemas, Step{Array: true})
			for i := 0; dec.PeekKind() != ']'; i++ {
				path = append(path, Step{Array: true, Index: i})
				if !walk(items) {
					return false
				}
				path = path[:len(path)-1]
			}
			_, err = dec.ReadToken()
		case '{':
			for dec.PeekKind() != '}' {
				name, err := dec.ReadToken()
				if err != nil {
					return false
				}
				step := Step{Name: name.String()}
				path = append(path, step)
				if !walk(children(schemas, step)) {
					return false
				}
				path = path[:len(path)-1]
			}
			_, err = dec.ReadToken()
		}
		return err == nil
	}
	if schema != nil {
		walk([]*Schema{schema})
	}
	return append(out, data[copied:]...), beyond, fractions
}

// plainNumbers replaces every number beyond the range of a float64 by 0.
func plainNumbers(data []byte) []byte {
	dec := jsontext.NewDecoder(bytes.NewBuffer(data))
	var out []byte
	copied := int64(0)
	for {
		tok, err := dec.ReadToken()
		if err != nil {
			return append(out, data[copied:]...)
		}
		if tok.Kind() != '0' {
			continue
		}
		literal := tok.String()
		if _, err := strconv.ParseFloat(literal, 64); err != nil {
			end := dec.InputOffset()
			out = append(append(out, data[copied:end-int64(len(literal))]...), '0')
			copied = end
		}
	}
}

// plainLiterals writes equal numbers equally (1.0 and 1e0 as 1), in place:
// kin-openapi compares the items of a set by their text.
func plainLiterals(v any) any {
	switch v := v.(type) {
	case json.Number:
		if integral, _, inInt, n := numberOf(v.String()); integral && inInt {
			return json.Number(strconv.FormatInt(n, 10))
		}
		if f, err := v.Float64(); err == nil {
			return json.Number(strconv.FormatFloat(f, 'g', -1, 64))
		}
	case []any:
		for i, item := range v {
			v[i] = plainLiterals(item)
		}
	case map[string]any:
		for name, member := range v {
			v[name] = plainLiterals(member)
		}
	}
	return v
}

// memberOrder tells in which order the members with the given names came in a JSON
// text, by pointer.
func memberOrder(data []byte, names map[string]bool) map[string]int {
	order := map[string]int{}
	dec := jsontext.NewDecoder(bytes.NewBuffer(data))
	for {
		tok, err := dec.ReadToken()
		if err != nil {
			return order
		}
		if tok.Kind() != '"' {
			continue
		}
		if kind, n := dec.StackIndex(dec.StackDepth()); kind == '{' && n%2 == 1 && names[tok.String()] {
			order[string(dec.StackPointer())] = len(order)
		}
	}
}

// expand adds the schemas that apply to the same value.
func expand(schemas []*Schema) []*Schema {
	for i := 0; i < len(schemas); i++ {
		for _, refs := range []openapi3.SchemaRefs{schemas[i].AllOf, schemas[i].AnyOf, schemas[i].OneOf} {
			for _, ref := range refs {
				schemas = append(schemas, ref.Value)
			}
		}
		if len(schemas) > 64 { // a union of unions: enough to find an integer
			break
		}
	}
	return schemas
}

func wantsInteger(schemas []*Schema) bool {
	integer := false
	for _, s := range expand(schemas) {
		if s.Type.Includes(openapi3.TypeNumber) {
			return false
		}
		integer = integer || s.Type.Includes(openapi3.TypeInteger)
	}
	return integer
}

// children gives the schemas that apply one step further into the value.
func children(schemas []*Schema, step Step) []*Schema {
	var next []*Schema
	for _, s := range expand(schemas) {
		switch {
		case step.Array:
			if s.Items != nil {
				next = append(next, s.Items.Value)
			}
		case s.Properties[step.Name] != nil:
			next = append(next, s.Properties[step.Name].Value)
		case s.AdditionalProperties.Schema != nil:
			next = append(next, s.AdditionalProperties.Schema.Value)
		}
	}
	return next
}

// unrepresentable lists the paths of numbers beyond the range of a float64, in a
// decoded value. kin-openapi must not meet them: it reports them as of no type.
func unrepresentable(v any, path []Step, found [][]Step) [][]Step {
	switch v := v.(type) {
	case json.Number:
		if _, err := v.Float64(); err != nil {
			found = append(found, append([]Step(nil), path...))
		}
	case []any:
		for i, item := range v {
			found = unrepresentable(item, append(path, Step{Array: true, Index: i}), found)
		}
	case map[string]any:
		for name, item := range v {
			found = unrepresentable(item, append(path, Step{Name: name}), found)
		}
	}
	return found
}
