package file

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-api/understudy/server/datadiff"
)

func TestStoreCSV(t *testing.T) {
	open := func(text string, o Options) *Source {
		t.Helper()
		o.Dir = t.TempDir()
		s, err := CSV(t.Context(), strings.NewReader(text), o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		return s
	}
	a := open("\ufeffid,name,code,price,ok,day,at,size\n1,\"a,b\",007,1.50,true,2024-02-29,2024-02-29T12:00:00Z,1e3\n2,,01,2,FALSE,2024-03-01,2024-03-01 00:00:00,2\n", Options{})
	columns, err := datadiff.Describe(t.Context(), a, datadiff.Input{Table: Table})
	if err != nil {
		t.Fatal(err)
	}
	var types []datadiff.Datatype
	for _, c := range columns {
		types = append(types, c.Datatype)
	}
	want := []datadiff.Datatype{datadiff.Integer, datadiff.String, datadiff.String, datadiff.UnboundedDecimal, datadiff.Boolean, datadiff.Date, datadiff.Timestamp, datadiff.Float}
	if d := cmp.Diff(want, types); d != "" {
		t.Error(d)
	}
	b := open("made by hand\nid;name;code;price;ok;day;at;size\n1;a,b;007;1.5;True;2024-02-29;2024-02-29 12:00:00;1000.0\n2;;1;2.00;false;2024-03-01;2024-03-01T00:00:00;2\ntotal;;;;;;;\n",
		Options{Delimiter: ';', SkipHeadRows: 1, SkipTailRows: 1})
	r, err := datadiff.Run(t.Context(), datadiff.Spec{Left: datadiff.Input{Table: Table}, Right: datadiff.Input{Table: Table}, Key: []string{"id"}}, a, b, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int64{}
	for _, c := range r.Values.Columns {
		got[c.Name] = c.Different
	}
	if d := cmp.Diff(map[string]int64{"name": 0, "code": 1, "price": 0, "ok": 0, "day": 0, "at": 0, "size": 0}, got); d != "" {
		t.Error(d, r.Notes)
	}
}

func TestStoreCSVRefused(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		o    Options
	}{
		"empty":       {"", Options{}},
		"short row":   {"a,b\n1\n", Options{}},
		"a quote":     {"a,b\n1,\"2\n", Options{}},
		"same names":  {"a,a\n1,2\n", Options{}},
		"too long":    {"a,b\n1,2\n3,4\n", Options{MaxBytes: 9}},
		"no such row": {"a,b\n", Options{SkipHeadRows: 2}},
	} {
		test.o.Dir = t.TempDir()
		if _, err := CSV(t.Context(), strings.NewReader(test.text), test.o); datadiff.KindOf(err) != datadiff.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Whatever a file holds, it is read or refused.
func FuzzKinds(f *testing.F) {
	for _, text := range []string{"1", "-", "0.5", "1e9", "true", "2024-02-29", "2024-02-29 12:00", "007", "\x00"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if text == "" {
			return
		}
		c := column{may: anything}
		c.see(text)
		if c.may&integers != 0 && c.may&booleans != 0 || c.declared() == "" {
			t.Error(c)
		}
	})
}
