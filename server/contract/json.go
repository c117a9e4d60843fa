package contract

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
)

// MaxDepth is how deeply arrays and objects of a body may nest. Ajv and pydantic
// recurse; a document of ours nests ten levels at most.
const MaxDepth = 200

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
	reasonYAML      = "the text is not YAML"
	reasonGzip      = "the text is compressed"
	reasonMark      = "the text begins with a byte order mark"
	reasonNaN       = "NaN and Infinity are not JSON"
	reasonSurrogate = "the text holds half of a surrogate pair"
)

// jsonText is a JSON text, read once.
type jsonText struct {
	data  []byte
	value any         // numbers are their literals
	odd   []oddNumber // in the order in which they came

	mistyped []partType // of a multipart body
	opaque   [][]Step   // parts of it that are not looked into
}

// readers are reused: a fresh one costs more than a small body.
var readers = sync.Pool{New: func() any { return &jsonReader{} }}

// jsonReader reads one text. The buffer and the path outlive it.
type jsonReader struct {
	decoder jsontext.Decoder
	buffer  bytes.Buffer
	path    []Step
	holders []*holder // of the path's steps, as far as they hold an odd number
	odd     []oddNumber
}

var errDepth = errors.New(reasonDepth)

// readJSON reads exactly one JSON value, strictly.
func readJSON(data []byte) (*jsonText, error) {
	r, _ := readers.Get().(*jsonReader)
	r.buffer = *bytes.NewBuffer(data)
	r.decoder.Reset(&r.buffer)
	defer func() {
		clear(r.holders)
		r.path, r.holders, r.odd = r.path[:0], r.holders[:0], nil
		r.buffer = bytes.Buffer{}
		readers.Put(r)
	}()
	v, err := r.value()
	if err != nil {
		return nil, jsonErrorOf(err, r.decoder.InputOffset(), data)
	}
	if _, err := r.decoder.ReadToken(); !errors.Is(err, io.EOF) {
		at := r.decoder.InputOffset()
		rest := data[at:]
		skip := len(rest) - len(bytes.TrimLeft(rest, " \t\r\n"))
		return nil, &jsonError{Offset: at + int64(skip), Reason: reasonTrailing}
	}
	return &jsonText{data: data, value: v, odd: r.odd}, nil
}

// decodeJSON reads the value alone. Numbers stay literals.
func decodeJSON(data []byte) (any, error) {
	text, err := readJSON(data)
	if err != nil {
		return nil, err
	}
	return text.value, nil
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

func (r *jsonReader) value() (any, error) {
	tok, err := r.decoder.ReadToken()
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
		literal := tok.String()
		if isOdd(literal) {
			r.odd = append(r.odd, r.oddNumber(literal))
		}
		return json.Number(literal), nil
	}
	if len(r.path) >= MaxDepth {
		return nil, errDepth
	}
	if tok.Kind() == '[' {
		return r.array()
	}
	return r.object()
}

func (r *jsonReader) array() (any, error) {
	at := r.open(Step{Array: true})
	items := []any{}
	for r.decoder.PeekKind() != ']' {
		r.path[at].Index = len(items)
		v, err := r.value()
		if err != nil {
			return nil, err
		}
		items = append(items, v)
	}
	r.close(at, items)
	_, err := r.decoder.ReadToken()
	return items, err
}

func (r *jsonReader) object() (any, error) {
	at := r.open(Step{})
	object := map[string]any{}
	for r.decoder.PeekKind() != '}' {
		name, err := r.decoder.ReadToken()
		if err != nil {
			return nil, err
		}
		key := name.String()
		r.path[at].Name = key
		v, err := r.value()
		if err != nil {
			return nil, err
		}
		object[key] = v
	}
	r.close(at, object)
	_, err := r.decoder.ReadToken()
	return object, err
}

// open enters a list or an object, and gives how many there are around it.
func (r *jsonReader) open(first Step) int {
	at := len(r.path)
	r.path, r.holders = append(r.path, first), append(r.holders, nil)
	return at
}

// close leaves a list or an object, which is complete.
func (r *jsonReader) close(at int, value any) {
	if h := r.holders[at]; h != nil {
		h.value = value
	}
	r.path, r.holders = r.path[:at], r.holders[:at]
}

func (r *jsonReader) oddNumber(literal string) oddNumber {
	n := oddNumber{literal: literal, end: int(r.decoder.InputOffset())}
	if last := len(r.path) - 1; last >= 0 {
		n.in, n.at = r.holder(last), r.path[last]
	}
	return n
}

// holder is the list or object that a step of the path is in.
func (r *jsonReader) holder(i int) *holder {
	if r.holders[i] == nil {
		h := &holder{}
		if i > 0 {
			h.in, h.at, h.depth = r.holder(i-1), r.path[i-1], i
		}
		r.holders[i] = h
	}
	return r.holders[i]
}
