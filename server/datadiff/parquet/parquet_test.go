package parquet

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"
	"github.com/parquet-go/parquet-go/deprecated"

	"github.com/understudy-api/understudy/server/datadiff"
	"github.com/understudy-api/understudy/server/datadiff/file"
)

// cell is a column of a file to be made, its values, and what they are read as.
type cell struct {
	node   parquet.Node
	values []parquet.Value
	want   []string // "NULL" for none
}

var (
	flba = func(n int) parquet.Node { return parquet.Leaf(parquet.FixedLenByteArrayType(n)) }
	id   = uuid.MustParse("6ba7b810-9dad-11d1-80b4-00c04fd430c8")
)

func cells() map[string]cell {
	v := parquet.ValueOf
	all := func(of ...parquet.Value) []parquet.Value { return of }
	day := time.Date(2024, 2, 29, 12, 0, 0, 123456789, time.UTC)
	return map[string]cell{
		"bool":    {parquet.Leaf(parquet.BooleanType), all(v(true), v(false)), []string{"1", "0"}},
		"int8":    {parquet.Int(8), all(v(int32(-128)), v(int32(127))), []string{"-128", "127"}},
		"int64":   {parquet.Int(64), all(v(int64(math.MinInt64)), v(int64(math.MaxInt64))), []string{"-9223372036854775808", "9223372036854775807"}},
		"uint32":  {parquet.Uint(32), all(v(uint32(0)), v(uint32(math.MaxUint32))), []string{"0", "4294967295"}},
		"uint64":  {parquet.Uint(64), all(v(uint64(7)), v(uint64(math.MaxUint64))), []string{"7", "18446744073709551615"}},
		"float":   {parquet.Leaf(parquet.FloatType), all(v(float32(0.1)), v(float32(math.Inf(-1)))), []string{"0.1", "-Inf"}},
		"double":  {parquet.Leaf(parquet.DoubleType), all(v(0.1), v(math.NaN())), []string{"0.1", "NaN"}},
		"string":  {parquet.String(), all(v("a\tb\n日本"), v("")), []string{"a\tb\n日本", ""}},
		"enum":    {parquet.Enum(), all(v([]byte("x")), v([]byte("y"))), []string{"x", "y"}},
		"json":    {parquet.JSON(), all(v([]byte(`{"a":1}`)), v([]byte("[]"))), []string{`{"a":1}`, "[]"}},
		"binary":  {parquet.Leaf(parquet.ByteArrayType), all(v([]byte{0, 0xff}), v([]byte{})), []string{`\x00ff`, `\x`}},
		"fixed":   {flba(2), all(v([]byte{1, 2}).Level(0, 0, 0), v([]byte{0, 0})), []string{`\x0102`, `\x0000`}},
		"uuid":    {parquet.UUID(), all(v(id[:]), v(make([]byte, 16))), []string{id.String(), "00000000-0000-0000-0000-000000000000"}},
		"dec9":    {parquet.Decimal(2, 9, parquet.Int32Type), all(v(int32(-1)), v(int32(999999999))), []string{"-0.01", "9999999.99"}},
		"dec18":   {parquet.Decimal(18, 18, parquet.Int64Type), all(v(int64(1)), v(int64(-999999999999999999))), []string{"0.000000000000000001", "-0.999999999999999999"}},
		"dec38":   {parquet.Decimal(2, 38, parquet.FixedLenByteArrayType(16)), all(v(append([]byte{0x4b, 0x3b, 0x4c, 0xa8, 0x5a, 0x86, 0xc4, 0x7a, 0x09, 0x8a, 0x22, 0x3f}, 0xff, 0xff, 0xff, 0xff)), v(bytes.Repeat([]byte{0xff}, 16))), []string{"999999999999999999999999999999999999.99", "-0.01"}},
		"date":    {parquet.Date(), all(v(int32(0)), v(int32(-1))), []string{"1970-01-01", "1969-12-31"}},
		"millis":  {parquet.Timestamp(parquet.Millisecond), all(v(day.UnixMilli()), v(int64(-1))), []string{"2024-02-29 12:00:00.123000", "1969-12-31 23:59:59.999000"}},
		"micros":  {parquet.Timestamp(parquet.Microsecond), all(v(day.UnixMicro()), v(int64(0))), []string{"2024-02-29 12:00:00.123456", "1970-01-01 00:00:00.000000"}},
		"nanos":   {parquet.Timestamp(parquet.Nanosecond), all(v(day.UnixNano()), v(int64(-1))), []string{"2024-02-29 12:00:00.123456789", "1969-12-31 23:59:59.999999999"}},
		"int96":   {parquet.Leaf(parquet.Int96Type), all(v(deprecated.Int96{1000, 0, 2440588}), v(deprecated.Int96{0, 0, 2440587})), []string{"1970-01-01 00:00:00.000001", "1969-12-31 00:00:00.000000"}},
		"time":    {parquet.Time(parquet.Millisecond), all(v(int32(1)), v(int32(86399999))), []string{"00:00:00.001000", "23:59:59.999000"}},
		"timens":  {parquet.Time(parquet.Nanosecond), all(v(int64(1)), v(int64(0))), []string{"00:00:00.000000001", "00:00:00.000000"}},
		"nothing": {parquet.String(), all(parquet.NullValue(), parquet.NullValue()), []string{"NULL", "NULL"}},
	}
}

// made is a file of two rows for each cell, of so many row groups.
func made(t testing.TB, of map[string]cell, codec compress.Codec, groups int, options ...parquet.WriterOption) []byte {
	t.Helper()
	group := parquet.Group{}
	for name, c := range of {
		group[name] = parquet.Optional(c.node)
	}
	schema := parquet.NewSchema("t", group)
	var b bytes.Buffer
	w := parquet.NewWriter(&b, append(options, schema, parquet.Compression(codec))...)
	for range groups {
		for i := range 2 {
			var row parquet.Row
			for at, path := range schema.Columns() {
				v, level := of[path[0]].values[i], 1
				if v.IsNull() {
					level = 0
				}
				row = append(row, v.Level(0, level, at))
			}
			if _, err := w.WriteRows([]parquet.Row{row}); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func open(t testing.TB, content []byte, o Options) (*file.Source, error) {
	t.Helper()
	o.Dir = t.TempDir()
	s, err := Open(t.Context(), bytes.NewReader(content), o)
	if err == nil {
		t.Cleanup(func() { _ = s.Close() })
	}
	return s, err
}

// Every type comes out as it went in, however it was packed.
func TestStoreParquet(t *testing.T) {
	of := cells()
	for _, codec := range []compress.Codec{&parquet.Uncompressed, &parquet.Snappy, &parquet.Gzip, &parquet.Zstd, &parquet.Brotli, &parquet.Lz4Raw} {
		for _, version := range []int{1, 2} {
			s, err := open(t, made(t, of, codec, 2, parquet.DataPageVersion(version)), Options{})
			if err != nil {
				t.Fatal(codec, err)
			}
			table, err := datadiff.Select(t.Context(), s, "SELECT * FROM data", 10)
			if err != nil {
				t.Fatal(err)
			}
			if len(table.Rows) != 4 {
				t.Fatal(len(table.Rows))
			}
			for i, c := range table.Columns {
				var got []string
				for _, row := range table.Rows[2:] {
					if row[i] == nil {
						got = append(got, "NULL")
					} else {
						got = append(got, string(row[i]))
					}
				}
				// Select shows times and booleans as the driver does; what counts is their text.
				if c.Datatype == datadiff.Timestamp || c.Datatype == datadiff.Date || c.Datatype == datadiff.TimeOfDay {
					continue
				}
				if d := cmp.Diff(of[c.Name].want, got); d != "" {
					t.Error(codec, c.Name, d)
				}
			}
			texts, err := datadiff.Select(t.Context(), s, `SELECT CAST(date AS TEXT) date, CAST(millis AS TEXT) millis, CAST(micros AS TEXT) micros, CAST(nanos AS TEXT) nanos,
				CAST(int96 AS TEXT) int96, CAST(time AS TEXT) time, CAST(timens AS TEXT) timens FROM data`, 2)
			if err != nil {
				t.Fatal(err)
			}
			for i, c := range texts.Columns {
				if d := cmp.Diff(of[c.Name].want, []string{string(texts.Rows[0][i]), string(texts.Rows[1][i])}); d != "" {
					t.Error(codec, c.Name, d)
				}
			}
		}
	}
}

// A key that is a decimal of many digits, or a large number, is ordered as one, and
// two files that are packed in different ways are one table.
func TestStoreParquetKeys(t *testing.T) {
	numbers := func(of ...uint64) cell {
		c := cell{node: parquet.Uint(64)}
		for _, n := range of {
			c.values = append(c.values, parquet.ValueOf(n))
		}
		return c
	}
	text := cell{node: parquet.String(), values: []parquet.Value{parquet.ValueOf("a"), parquet.ValueOf("b")}}
	a, err := open(t, made(t, map[string]cell{"k": numbers(math.MaxUint64, 9), "v": text}, &parquet.Snappy, 1), Options{})
	if err != nil {
		t.Fatal(err)
	}
	text.values = []parquet.Value{parquet.ValueOf("b"), parquet.ValueOf("x")}
	b, err := open(t, made(t, map[string]cell{"k": numbers(9, math.MaxUint64), "v": text}, &parquet.Zstd, 1), Options{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := datadiff.Run(t.Context(), datadiff.Spec{Left: datadiff.Input{Table: file.Table}, Right: datadiff.Input{Table: file.Table}, Key: []string{"k"}}, a, b, nil)
	if err != nil || r.Values.TotalRows != 2 || r.Values.RowsWithDifferences != 1 {
		t.Errorf("%+v %v", r, err)
	}
}

func TestStoreParquetRefused(t *testing.T) {
	v := parquet.ValueOf
	one := map[string]cell{"a": {node: parquet.Int(64), values: []parquet.Value{v(int64(1)), v(int64(2))}}}
	plain := made(t, one, &parquet.Snappy, 1)
	lists := func() []byte {
		var b bytes.Buffer
		w := parquet.NewGenericWriter[struct {
			ID   int64    `parquet:"id"`
			Tags []string `parquet:"tags,list"`
			In   struct{ X int64 }
		}](&b)
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}()
	for name, test := range map[string]struct {
		content []byte
		o       Options
		kind    datadiff.Kind
		says    string
	}{
		"empty":      {nil, Options{}, datadiff.Invalid, "damaged"},
		"csv":        {[]byte("a,b\n1,2\n3,4\n"), Options{}, datadiff.Invalid, "damaged"},
		"cut short":  {plain[:len(plain)-20], Options{}, datadiff.Invalid, "damaged"},
		"encrypted":  {append(bytes.Clone(plain[:len(plain)-4]), "PARE"...), Options{}, datadiff.Unsupported, "encrypted"},
		"a footer":   {append(binary.LittleEndian.AppendUint32(bytes.Clone(plain[:len(plain)-8]), 1<<31), "PAR1"...), Options{}, datadiff.Invalid, "footer"},
		"too long":   {plain, Options{Options: file.Options{MaxBytes: 10}}, datadiff.Invalid, "longer"},
		"a list":     {lists, Options{Leave: func(name string) bool { return name == "In" }}, datadiff.Unsupported, "column tags of the Parquet file is a list"},
		"a group":    {lists, Options{Leave: func(name string) bool { return name == "tags" }}, datadiff.Unsupported, "column In of the Parquet file is a group"},
		"a page":     {bytes.Replace(plain, plain[4:24], bytes.Repeat([]byte{0xff}, 20), 1), Options{}, datadiff.Invalid, "damaged"},
		"twice":      {made(t, map[string]cell{"a": one["a"], "A": one["a"]}, &parquet.Snappy, 1), Options{}, datadiff.Invalid, "duplicate column"},
		"no columns": {lists, Options{Leave: func(string) bool { return true }}, "", ""},
	} {
		_, err := open(t, test.content, test.o)
		if datadiff.KindOf(err) != test.kind || err != nil && !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Whatever a file holds, it is read or refused, in bounded memory.
func FuzzParquet(f *testing.F) {
	of := cells()
	for _, codec := range []compress.Codec{&parquet.Uncompressed, &parquet.Snappy, &parquet.Lz4Raw, &parquet.Zstd, &parquet.Gzip} {
		f.Add(made(f, map[string]cell{"a": of["int64"], "b": of["string"], "c": of["dec38"], "d": of["nanos"]}, codec, 2))
		f.Add(made(f, of, codec, 1, parquet.DataPageVersion(1)))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		err := decode(t.Context(), bytes.NewReader(content), int64(len(content)), nil, func(_ []column, rows func(func([]any) error) error) error {
			return rows(func([]any) error { return nil })
		})
		if err != nil && datadiff.KindOf(err) == "" {
			t.Error(err)
		}
	})
}

// A file of which any byte is another is read or refused, and takes little memory.
func TestDamaged(t *testing.T) {
	of := cells()
	few := map[string]cell{"a": of["int64"], "b": of["string"], "c": of["dec38"], "d": of["nothing"]}
	const most = 64 << 20
	for _, codec := range []compress.Codec{&parquet.Uncompressed, &parquet.Lz4Raw} {
		whole := made(t, few, codec, 1)
		for at := range whole {
			for _, other := range []byte{0x7f, 0xff} {
				content := bytes.Clone(whole)
				content[at] = other
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				err := decode(t.Context(), bytes.NewReader(content), int64(len(content)), nil, func(_ []column, rows func(func([]any) error) error) error {
					return rows(func([]any) error { return nil })
				})
				runtime.ReadMemStats(&after)
				if err != nil && datadiff.KindOf(err) == "" {
					t.Errorf("%s, byte %d as %#x: %v", codec, at, other, err)
				}
				if took := after.TotalAlloc - before.TotalAlloc; took > most {
					t.Errorf("%s, byte %d as %#x: %d MiB", codec, at, other, took>>20)
				}
			}
		}
	}
}

// Lengths that are longer than what is left are found before anything is made for them.
func TestWalker(t *testing.T) {
	for name, test := range map[string]struct {
		text []byte
		want error
	}{
		"a struct":      {[]byte{0x15, 0x02, 0x11, 0x00}, nil},
		"a list":        {[]byte{0x19, 0xfc, 0xff, 0xff, 0xff, 0xff, 0x07}, errLong},
		"a short list":  {[]byte{0x19, 0xec}, errLong},
		"a text":        {[]byte{0x18, 0xff, 0xff, 0xff, 0xff, 0x07, 'a'}, errLong},
		"a map":         {[]byte{0x1b, 0xff, 0xff, 0xff, 0xff, 0x07, 0x55}, errLong},
		"no end":        {[]byte{0x15}, errShort},
		"no kind":       {[]byte{0x1e, 0x00}, errKind},
		"too deep":      {bytes.Repeat([]byte{0x1c}, 1000), errDeep},
		"lists in each": {bytes.Repeat([]byte{0x19}, 1000), errDeep},
	} {
		w := walker{text: test.text, most: 100}
		if err := w.structure(0, nil); !errors.Is(err, test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
