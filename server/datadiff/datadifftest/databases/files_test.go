package databases

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	pq "github.com/parquet-go/parquet-go"

	"github.com/understudy-api/understudy/server/datadiff"
	"github.com/understudy-api/understudy/server/datadiff/datadifftest"
	"github.com/understudy-api/understudy/server/datadiff/file"
	"github.com/understudy-api/understudy/server/datadiff/parquet"
)

// parquetTypes are types of Parquet, and how a text is written in them.
var parquetTypes = map[string]struct {
	node  pq.Node
	value func(text string) any
}{
	datadifftest.Integer: {pq.Int(64), func(s string) any { n, _ := strconv.ParseInt(s, 10, 64); return n }},
	datadifftest.Decimal: {pq.Decimal(3, 15, pq.Int64Type), func(s string) any {
		r, _ := new(big.Rat).SetString(s)
		return r.Mul(r, big.NewRat(1000, 1)).Num().Int64()
	}},
	datadifftest.Float:   {pq.Leaf(pq.DoubleType), func(s string) any { f, _ := strconv.ParseFloat(s, 64); return f }},
	datadifftest.Text:    {pq.String(), func(s string) any { return s }},
	datadifftest.Boolean: {pq.Leaf(pq.BooleanType), func(s string) any { return s == "1" }},
	datadifftest.Date: {pq.Date(), func(s string) any {
		d, _ := time.Parse(time.DateOnly, s)
		return int32(d.Unix() / (24 * 60 * 60))
	}},
	datadifftest.Timestamp: {pq.Timestamp(pq.Microsecond), func(s string) any {
		d, _ := time.Parse(time.DateTime, s)
		return d.UnixMicro()
	}},
	datadifftest.UUID:   {pq.UUID(), func(s string) any { id := uuid.MustParse(s); return id[:] }},
	datadifftest.JSON:   {pq.JSON(), func(s string) any { return []byte(s) }},
	datadifftest.Binary: {pq.Leaf(pq.ByteArrayType), func(s string) any { return []byte(s) }},
}

// parquetFile has the columns id and v.
func parquetFile(t *testing.T, kind string, list []any) datadiff.Source {
	t.Helper()
	var b bytes.Buffer
	of := parquetTypes[kind]
	w := pq.NewWriter(&b, pq.NewSchema("t", pq.Group{"id": pq.Int(32), "v": pq.Optional(of.node)}), pq.Compression(&pq.Zstd))
	for i, v := range list {
		value := pq.NullValue().Level(0, 0, 1)
		switch v := v.(type) {
		case []byte:
			value = pq.ValueOf(v).Level(0, 1, 1)
		case string:
			value = pq.ValueOf(of.value(v)).Level(0, 1, 1)
		}
		if _, err := w.WriteRows([]pq.Row{{pq.ValueOf(int32(i)).Level(0, 0, 0), value}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := parquet.Open(t.Context(), &b, parquet.Options{Options: file.Options{Dir: t.TempDir()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// csvFile has the columns id and v.
func csvFile(t *testing.T, list []any) datadiff.Source {
	t.Helper()
	var b strings.Builder
	w := csv.NewWriter(&b)
	rows := [][]string{{"id", "v"}}
	for i, v := range list {
		text := ""
		if v != nil {
			text = fmt.Sprint(v)
		}
		rows = append(rows, []string{strconv.Itoa(i), text})
	}
	if err := w.WriteAll(rows); err != nil {
		t.Fatal(err)
	}
	s, err := file.CSV(t.Context(), strings.NewReader(b.String()), file.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// What a file holds is the same as what databases, and files of the other kind, do.
func TestStoreFilesAcross(t *testing.T) {
	for name, open := range All {
		t.Run(name, func(t *testing.T) {
			d := open(t)
			for kind, list := range datadifftest.Values() {
				sides := map[string]datadiff.Source{"parquet": parquetFile(t, kind, list)}
				d.Table(t, "data", []datadifftest.Column{{Name: "id", Type: datadifftest.Integer}, {Name: "v", Type: kind}}, "", numbered(list))
				check := func(what string, left, right datadiff.Source, key string, n int) {
					t.Helper()
					for _, way := range []datadiff.Algorithm{datadiff.FetchAndJoin, datadiff.Hash} {
						spec := datadiff.Spec{Left: datadifftest.Of("data"), Right: datadifftest.Of("data"), Key: []string{key}, Algorithm: way}
						if way == datadiff.Hash {
							spec.BisectionFactor, spec.BisectionThreshold = 2, 1
						}
						r, err := datadiff.Run(t.Context(), spec, left, right, nil)
						if err != nil {
							t.Errorf("%s, %s: %v", kind, what, err)
							continue
						}
						if r.Keys.Exclusives != (datadiff.Pair{}) || r.Values.RowsWithDifferences != 0 || r.Values.TotalRows != int64(n) || len(r.Notes) > 0 {
							t.Errorf("%s, %s, %s: %+v %+v %v", kind, what, way, r.Keys, r.Values, r.Notes)
						}
					}
				}
				if kind != datadifftest.JSON && kind != datadifftest.Binary {
					sides["csv"] = csvFile(t, list)
				}
				if kind == datadifftest.Text { // an empty field is NULL
					full := slices.DeleteFunc(slices.Clone(list), func(v any) bool { return v == "" })
					d.Table(t, "data", []datadifftest.Column{{Name: "id", Type: datadifftest.Integer}, {Name: "v", Type: kind}}, "", numbered(full))
					check("csv", csvFile(t, full), d.Source, "id", len(full))
					d.Table(t, "data", []datadifftest.Column{{Name: "id", Type: datadifftest.Integer}, {Name: "v", Type: kind}}, "", numbered(list))
					delete(sides, "csv")
				}
				for what, side := range sides {
					check(what, side, d.Source, "id", len(list))
					check(what+", swapped", d.Source, side, "id", len(list))
					if kind != datadifftest.JSON {
						check(what+", a key", side, d.Source, "v", len(list)-1) // one is NULL
					}
				}
				if len(sides) == 2 {
					check("files", sides["csv"], sides["parquet"], "id", len(list))
				}
			}
		})
	}
}

func numbered(list []any) (rows [][]any) {
	for i, v := range list {
		rows = append(rows, []any{i, v})
	}
	return rows
}
