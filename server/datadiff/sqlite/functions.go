package sqlite

import (
	"cmp"
	"database/sql/driver"
	"encoding/hex"
	"errors"
	"math"
	"math/big"
	"math/bits"
	"regexp"
	"strconv"
	"strings"
	"time"

	"modernc.org/sqlite"

	"github.com/understudy-api/understudy/server/datadiff"
)

// The functions of ours that SQLite calls.
const (
	md5Function     = "understudy_md5"
	sumFunction     = "understudy_sum_md5"
	textFunction    = "understudy_text"
	decimalFunction = "understudy_decimal"
	numberCollation = "understudy_number"
)

func init() { //nolint:gochecknoinits // the driver takes functions for the whole process
	sqlite.MustRegisterFunction(md5Function, &sqlite.FunctionImpl{
		NArgs: -1, Deterministic: true,
		Scalar: func(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
			var h hasher
			return h.hash(args), nil
		},
	})
	sqlite.MustRegisterFunction(sumFunction, &sqlite.FunctionImpl{
		NArgs: -1, Deterministic: true,
		MakeAggregate: func(sqlite.FunctionContext) (sqlite.AggregateFunction, error) { return &hashSum{}, nil },
	})
	sqlite.MustRegisterFunction(textFunction, &sqlite.FunctionImpl{
		NArgs: 2, Deterministic: true,
		Scalar: func(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
			kind, _ := args[1].(string)
			return canonical(args[0], datadiff.Datatype(kind)), nil
		},
	})
	sqlite.MustRegisterCollationUtf8(numberCollation, compareDecimals)
	sqlite.MustRegisterFunction(decimalFunction, &sqlite.FunctionImpl{
		NArgs: 2, Deterministic: true,
		Scalar: func(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
			digits, _ := args[1].(int64)
			if args[0] == nil {
				return nil, nil
			}
			text := string(appendText(nil, args[0]))
			if number, ok := new(big.Rat).SetString(text); ok && len(text) < 400 {
				return number.FloatString(int(digits)), nil
			}
			return text, nil
		},
	})
}

// decimals are the parts of a decimal that is written with digits and a dot.
var decimals = regexp.MustCompile(`^(-?)0*([0-9]*)(?:\.([0-9]*?)0*)?$`)

// compareDecimals orders texts of decimals as numbers; what is none comes last.
func compareDecimals(a, b string) int {
	x, y := decimals.FindStringSubmatch(a), decimals.FindStringSubmatch(b)
	if x == nil || y == nil {
		if (x == nil) != (y == nil) {
			return 1 - 2*btoi(x != nil)
		}
		return strings.Compare(a, b)
	}
	for _, m := range [][]string{x, y} {
		if m[2] == "" && m[3] == "" {
			m[1] = "" // 0 has no sign
		}
	}
	if x[1] != y[1] {
		return 1 - 2*btoi(x[1] != "")
	}
	order := cmp.Or(cmp.Compare(len(x[2]), len(y[2])), strings.Compare(x[2], y[2]), strings.Compare(x[3], y[3]))
	if x[1] != "" {
		return -order
	}
	return order
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// hasher makes a number of a row.
type hasher struct {
	texts  [][]byte
	arena  []byte
	buffer []byte
}

func (h *hasher) hash(args []driver.Value) (hash int64) {
	h.texts, h.arena = h.texts[:0], h.arena[:0]
	for _, arg := range args {
		if arg == nil {
			h.texts = append(h.texts, nil)
			continue
		}
		from := len(h.arena)
		h.arena = appendText(h.arena, arg)
		h.texts = append(h.texts, h.arena[from:len(h.arena):len(h.arena)])
	}
	hash, h.buffer = datadiff.HashTexts(h.buffer, h.texts...)
	return hash
}

// hashSum adds up numbers of rows, in 128 bits.
type hashSum struct {
	hasher
	low, high uint64
}

func (s *hashSum) Step(_ *sqlite.FunctionContext, args []driver.Value) error {
	var carry uint64
	s.low, carry = bits.Add64(s.low, uint64(s.hash(args)), 0)
	s.high += carry
	return nil
}

func (s *hashSum) WindowInverse(*sqlite.FunctionContext, []driver.Value) error {
	return errors.New("a checksum is no window function")
}

func (s *hashSum) WindowValue(*sqlite.FunctionContext) (driver.Value, error) {
	sum := new(big.Int).Lsh(new(big.Int).SetUint64(s.high), 64)
	return sum.Or(sum, new(big.Int).SetUint64(s.low)).String(), nil
}

func (s *hashSum) Final(*sqlite.FunctionContext) {}

// integral floats are written like integers, which they are equal to.
const integral = 1 << 53

// appendText writes a value: equal ones equally.
func appendText(into []byte, value any) []byte {
	switch v := value.(type) {
	case int64:
		return strconv.AppendInt(into, v, 10)
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < integral {
			return strconv.AppendInt(into, int64(v), 10)
		}
		return strconv.AppendFloat(into, v, 'g', -1, 64)
	case string:
		return append(into, v...)
	case []byte:
		return hex.AppendEncode(append(into, `\x`...), v)
	case bool:
		if v {
			return append(into, '1')
		}
		return append(into, '0')
	case time.Time:
		return v.UTC().AppendFormat(into, canonicalTime)
	}
	return into
}

const canonicalTime = "2006-01-02 15:04:05.000000"

// canonical is a value's text as every dialect writes it.
func canonical(value driver.Value, d datadiff.Datatype) driver.Value {
	if value == nil {
		return nil
	}
	text := string(appendText(nil, value))
	if d == datadiff.Boolean {
		switch strings.ToLower(text) {
		case "true", "t", "yes", "y", "on", "1":
			return "1"
		case "false", "f", "no", "n", "off", "0":
			return "0"
		}
		return text
	}
	t, ok := datadiff.ParseTime([]byte(text))
	if !ok {
		return text
	}
	layout := canonicalTime
	switch d {
	case datadiff.Date:
		return t.Format(time.DateOnly)
	case datadiff.TimeOfDay:
		layout = "15:04:05.000000"
	}
	if t.Nanosecond()%1000 != 0 {
		layout += "000"
	}
	return t.Format(layout)
}
