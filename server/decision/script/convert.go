package script

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/understudy-api/understudy/server/decision/value"
)

var (
	errNumber = errors.New("failed to convert to number.") //nolint:revive,staticcheck // the vendor's engine has the dot
	errString = errors.New("failed to convert to string")
	errResult = errors.New("the result is not JSON")
	errMany   = errors.New("the result has too many values")
)

// decode reads what the internals write. Numbers are those of JavaScript: whole
// ones of 32 bits as they are, BigInts (with an n) as int64, others through the
// conversion of floats; when exact, every number is read as JSON's.
func decode(text string, exact bool, maxValues int) (value.Value, error) {
	d := decoder{text: text, exact: exact, left: maxValues}
	v, err := d.value()
	if err == nil && d.at != len(text) {
		err = errResult
	}
	return v, err
}

// A decoder reads compact JSON with the numbers of JavaScript. Its depth is bounded
// by what made the text.
type decoder struct {
	text  string
	at    int
	exact bool
	left  int
}

func (d *decoder) peek() byte {
	if d.at < len(d.text) {
		return d.text[d.at]
	}
	return 0
}

func (d *decoder) eat(b byte) bool {
	if d.peek() != b {
		return false
	}
	d.at++
	return true
}

func (d *decoder) word(word string, v value.Value) (value.Value, error) {
	if !strings.HasPrefix(d.text[d.at:], word) {
		return value.Value{}, errResult
	}
	d.at += len(word)
	return v, nil
}

func (d *decoder) value() (value.Value, error) {
	if d.left--; d.left < 0 {
		return value.Value{}, errMany
	}
	switch d.peek() {
	case 'n':
		return d.word("null", value.Null())
	case 't':
		return d.word("true", value.Bool(true))
	case 'f':
		return d.word("false", value.Bool(false))
	case '"':
		s, err := d.str()
		return value.String(s), err
	case '[':
		return d.array()
	case '{':
		return d.object()
	}
	return d.number()
}

func (d *decoder) number() (value.Value, error) {
	start := d.at
	for d.at < len(d.text) && !strings.ContainsRune(",]}", rune(d.text[d.at])) {
		d.at++
	}
	text := d.text[start:d.at]
	if big, ok := strings.CutSuffix(text, "n"); ok {
		i, err := strconv.ParseInt(big, 10, 64)
		if err != nil {
			return value.Value{}, errNumber
		}
		return value.Int(i), nil
	}
	if d.exact {
		n, err := value.ParseDecimal(text)
		return value.Number(n), err
	}
	if i, err := strconv.ParseInt(text, 10, 32); err == nil {
		return value.Int(i), nil
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
		return value.Value{}, errNumber
	}
	n, err := value.FromFloat(f)
	if err != nil {
		return value.Value{}, errNumber
	}
	return value.Number(n), nil
}

// str reads a string. A surrogate that is escaped stands alone: pairs are written as
// they are.
func (d *decoder) str() (string, error) {
	if !d.eat('"') {
		return "", errResult
	}
	end := strings.IndexAny(d.text[d.at:], `"\`)
	if end < 0 {
		return "", errResult
	}
	if d.text[d.at+end] == '"' {
		s := d.text[d.at : d.at+end]
		d.at += end + 1
		if !utf8.ValidString(s) {
			return "", errString
		}
		return s, nil
	}
	start := d.at - 1
	for d.at += end; ; {
		switch d.peek() {
		case 0:
			if d.at >= len(d.text) {
				return "", errResult
			}
			d.at++
		case '\\':
			if strings.HasPrefix(d.text[d.at:], `\ud`) {
				return "", errString
			}
			d.at = min(d.at+2, len(d.text))
		case '"':
			d.at++
			v, err := value.ParseString(d.text[start:d.at])
			if err != nil {
				return "", errString
			}
			return v.AsString(), nil
		default:
			d.at++
		}
	}
}

func (d *decoder) array() (value.Value, error) {
	d.at++
	items := []value.Value{}
	for !d.eat(']') {
		if len(items) > 0 && !d.eat(',') {
			return value.Value{}, errResult
		}
		v, err := d.value()
		if err != nil {
			return value.Value{}, err
		}
		items = append(items, v)
	}
	return value.Array(items), nil
}

func (d *decoder) object() (value.Value, error) {
	d.at++
	m := value.NewMap(0)
	for first := true; !d.eat('}'); first = false {
		if !first && !d.eat(',') {
			return value.Value{}, errResult
		}
		key, err := d.str()
		if err != nil {
			return value.Value{}, err
		}
		if !d.eat(':') {
			return value.Value{}, errResult
		}
		v, err := d.value()
		if err != nil {
			return value.Value{}, err
		}
		m.Set(key, v)
	}
	return value.Object(m), nil
}

// bytesText is a number of bytes for people.
func bytesText(n int) string {
	if n%(1<<20) == 0 {
		return strconv.Itoa(n>>20) + " MiB"
	}
	return strconv.Itoa(n) + " bytes"
}
