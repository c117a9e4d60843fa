package parquet

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/format"

	"github.com/understudy-api/understudy/server/datadiff/sqlite"
)

// column is a column of a file that is read.
type column struct {
	name     string
	index    int    // among the leaves of the schema
	declared string // its type in SQLite
	value    func(v parquet.Value) (any, error)
}

// columnsOf are the columns of a file, none of them nested.
func columnsOf(f *parquet.File, leave func(string) bool) ([]column, error) {
	var columns []column
	index := 0
	for _, c := range f.Root().Columns() {
		leaf := c.Leaf() && !c.Repeated()
		at := index
		index += leaves(c)
		if leave != nil && leave(c.Name()) && !leaf {
			continue
		}
		declared, value := "", (func(parquet.Value) (any, error))(nil)
		if leaf {
			declared, value = typeOf(c)
		}
		if value == nil {
			return nil, unsupported("column %s of the Parquet file is %s: only columns with one plain value in each row can be compared", c.Name(), what(c))
		}
		columns = append(columns, column{name: c.Name(), index: at, declared: declared, value: value})
	}
	if len(columns) == 0 {
		return nil, invalid("the Parquet file has no columns that can be compared")
	}
	return columns, nil
}

func leaves(c *parquet.Column) int {
	if c.Leaf() {
		return 1
	}
	n := 0
	for _, child := range c.Columns() {
		n += leaves(child)
	}
	return n
}

// what a column is that is not read, in a word.
func what(c *parquet.Column) string {
	kind := format.LogicalTypeValue(nil)
	if c.Type() != nil {
		if t := c.Type().LogicalType(); t != nil {
			kind = t.Value
		}
	}
	switch kind.(type) {
	case *format.ListType:
		return "a list"
	case *format.MapType:
		return "a map"
	}
	switch {
	case c.Repeated():
		return "repeated"
	case !c.Leaf():
		return "a group"
	case kind != nil:
		return "of type " + kind.String()
	}
	return "of a type that is not known here"
}

// typeOf is how values of a column are kept; nil if they are not.
func typeOf(c *parquet.Column) (declared string, value func(parquet.Value) (any, error)) {
	t := c.Type()
	if converted := t.ConvertedType(); converted != nil && *converted == deprecated.Interval {
		return "", nil
	}
	kind := t.Kind()
	if logical := t.LogicalType(); logical != nil && logical.Value != nil {
		switch l := logical.Value.(type) {
		case *format.StringType, *format.EnumType:
			return "TEXT", plain(func(v parquet.Value) any { return string(v.ByteArray()) })
		case *format.JsonType:
			return "JSON", plain(func(v parquet.Value) any { return string(v.ByteArray()) })
		case *format.UUIDType:
			return "UUID", func(v parquet.Value) (any, error) {
				id, err := uuid.FromBytes(v.ByteArray())
				return id.String(), err
			}
		case *format.DecimalType:
			return decimal(kind, int(l.Precision), int(l.Scale))
		case *format.DateType:
			return "DATE", plain(func(v parquet.Value) any { return time.Unix(int64(v.Int32())*24*60*60, 0).UTC().Format(time.DateOnly) })
		case *format.TimeType:
			return "TIME", timeOf(kind, l.Unit, "15:04:05.000000")
		case *format.TimestampType:
			return "TIMESTAMP", timeOf(kind, l.Unit, timestamp)
		case *format.IntType:
			switch {
			case l.IsSigned:
			case kind == parquet.Int64:
				return sqlite.ExactDecimal(20, 0), plain(func(v parquet.Value) any { return strconv.FormatUint(v.Uint64(), 10) })
			default:
				return "INTEGER", plain(func(v parquet.Value) any { return int64(v.Uint32()) })
			}
		case *format.Float16Type:
			return "FLOAT4", plain(func(v parquet.Value) any { return float(float64(half(v.ByteArray())), 32) })
		default:
			return "", nil
		}
	}
	switch kind {
	case parquet.Boolean:
		return "BOOLEAN", plain(func(v parquet.Value) any { return v.Boolean() })
	case parquet.Int32:
		return "INTEGER", plain(func(v parquet.Value) any { return int64(v.Int32()) })
	case parquet.Int64:
		return "INTEGER", plain(func(v parquet.Value) any { return v.Int64() })
	case parquet.Int96:
		return "TIMESTAMP", plain(func(v parquet.Value) any { return julian(v.Int96()) })
	case parquet.Float:
		return "FLOAT4", plain(func(v parquet.Value) any { return float(float64(v.Float()), 32) })
	case parquet.Double:
		return "REAL", plain(func(v parquet.Value) any { return float(v.Double(), 64) })
	case parquet.ByteArray, parquet.FixedLenByteArray:
		return "BLOB", plain(func(v parquet.Value) any { return append([]byte{}, v.ByteArray()...) })
	}
	return "", nil
}

func plain(f func(parquet.Value) any) func(parquet.Value) (any, error) {
	return func(v parquet.Value) (any, error) { return f(v), nil }
}

// float is a number, or the text of one that SQLite would take for NULL. One of fewer
// bits is what its shortest text means, as databases write it.
func float(f float64, bits int) any {
	if math.IsNaN(f) {
		return "NaN"
	}
	if bits < 64 && !math.IsInf(f, 0) {
		f, _ = strconv.ParseFloat(strconv.FormatFloat(f, 'g', -1, bits), 64) // its own text
	}
	return f
}

// half is a binary fraction of 16 bits.
func half(b []byte) float32 {
	if len(b) != 2 {
		return float32(math.NaN())
	}
	bits := binary.LittleEndian.Uint16(b)
	exponent, fraction := int(bits>>10&0x1f), float64(bits&0x3ff)
	f := math.Ldexp(1+fraction/1024, exponent-15)
	switch {
	case exponent == 0x1f && fraction != 0:
		f = math.NaN()
	case exponent == 0x1f:
		f = math.Inf(1)
	case exponent == 0:
		f = math.Ldexp(fraction, -24)
	}
	if bits>>15 == 1 {
		f = -f
	}
	return float32(f)
}

const timestamp = "2006-01-02 15:04:05.000000"

// written is a time to the microsecond, or to the nanosecond where it has some.
func written(t time.Time, layout string) string {
	if t.Nanosecond()%1000 != 0 {
		layout += "000"
	}
	return t.UTC().Format(layout)
}

func timeOf(kind parquet.Kind, unit format.TimeUnit, layout string) func(parquet.Value) (any, error) {
	if kind != parquet.Int32 && kind != parquet.Int64 || unit.Value == nil {
		return nil
	}
	step := int64(unit.Value.Duration())
	second := int64(time.Second) / step
	return plain(func(v parquet.Value) any {
		n := v.Int64()
		if kind == parquet.Int32 {
			n = int64(v.Int32())
		}
		return written(time.Unix(n/second, n%second*step), layout)
	})
}

// julian is a time in the old way of Impala and Spark: nanoseconds of a day, and the
// number of the day, counted from 4714 BC.
func julian(v deprecated.Int96) string {
	const epoch = 2440588
	nanos := int64(uint64(v[1])<<32 | uint64(v[0]))
	return written(time.Unix((int64(int32(v[2]))-epoch)*24*60*60, nanos), timestamp)
}

func decimal(kind parquet.Kind, precision, scale int) (declared string, value func(parquet.Value) (any, error)) {
	const most = 1000
	if precision < 1 || precision > most || scale < 0 || scale > precision {
		return "", nil
	}
	text := func(n *big.Int) (any, error) {
		digits := new(big.Int).Abs(n).String()
		if len(digits) > precision {
			return nil, fmt.Errorf("a value has %d digits, and the column %d", len(digits), precision)
		}
		if pad := scale + 1 - len(digits); pad > 0 {
			digits = zeros(pad) + digits
		}
		if scale > 0 {
			digits = digits[:len(digits)-scale] + "." + digits[len(digits)-scale:]
		}
		if n.Sign() < 0 {
			digits = "-" + digits
		}
		return digits, nil
	}
	declared = sqlite.ExactDecimal(precision, scale)
	switch kind {
	case parquet.Int32:
		return declared, func(v parquet.Value) (any, error) { return text(big.NewInt(int64(v.Int32()))) }
	case parquet.Int64:
		return declared, func(v parquet.Value) (any, error) { return text(big.NewInt(v.Int64())) }
	case parquet.ByteArray, parquet.FixedLenByteArray:
		return declared, func(v parquet.Value) (any, error) {
			if len(v.ByteArray()) > most {
				return nil, fmt.Errorf("a decimal of %d bytes", len(v.ByteArray()))
			}
			return text(signed(v.ByteArray()))
		}
	}
	return "", nil
}

func zeros(n int) string { return fmt.Sprintf("%0*d", n, 0) }

// signed is a number in two's complement, its largest byte first.
func signed(b []byte) *big.Int {
	n := new(big.Int).SetBytes(b)
	if len(b) > 0 && b[0] >= 0x80 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
	}
	return n
}
