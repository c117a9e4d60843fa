package main

import (
	"bytes"
	"strings"
	"testing"
)

// Every operation is measured at every size and place, in a table.
func TestStoreRun(t *testing.T) {
	var out bytes.Buffer
	err := run(t.Context(), &out, settings{rounds: 1}, "10,20", "1,3", []string{"memory"}, []string{"storage", "http"})
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]int{}
	for line := range strings.Lines(out.String()) {
		cells := strings.Split(line, "|")
		if len(cells) < 4 {
			continue
		}
		if len(cells) != 7 {
			t.Errorf("a row of another width: %s", line)
		}
		rows[strings.TrimSpace(cells[1])+" "+strings.TrimSpace(cells[2])]++
	}
	for place, want := range map[string]int{
		"storage memory": 18, "http memory": 22, "where store": 2,
	} {
		if rows[place] != want {
			t.Errorf("%s: %d rows, want %d\n%s", place, rows[place], want, out.String())
		}
	}
}

// What is not asked of the largest store is measured on the others.
func TestMeasureOfSome(t *testing.T) {
	work := operation{name: "list", times: 1, run: func(int) error { return nil }}
	second := work
	second.name = "search"
	results, err := measure(t.Context(), settings{rounds: 2}, []*bed{{operations: []operation{work, second}}, {operations: []operation{work}}, {}})
	if err != nil || len(results) != 2 || len(results[1].ratios) != 2 || results[1].ratios[1] != 0 {
		t.Errorf("%+v %v", results, err)
	}
}

func TestStoreReport(t *testing.T) {
	results := []result{
		{name: "get", micros: 2, ratios: []float64{1.25, 1.5}},
		{name: "search", apart: true, micros: 1, ratios: []float64{9, 0}},
	}
	var out bytes.Buffer
	if err := report(&out, 2, "http", "memory", []int{10, 1000, 100_000}, results); err != nil {
		t.Error(err)
	}
	if want := "| http | memory | get | 2.0 | 1.25 | 1.50 |\n| http | memory | *search* | 1.0 | 9.00 | |\n"; out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
	err := report(&out, 1.4, "http", "memory", []int{10, 1000, 100_000}, results)
	if want := "get at 100000: 1.50"; err == nil || !strings.HasSuffix(err.Error(), want) || strings.Contains(err.Error(), "search") {
		t.Errorf("%v, want %s", err, want)
	}
}

func TestStoreThousands(t *testing.T) {
	for n, want := range map[int]string{1: "1", 999: "999", 1000: "1,000", 100_000: "100,000", 1_234_567: "1,234,567"} {
		if got := thousands(n); got != want {
			t.Errorf("%d is %s, want %s", n, got, want)
		}
	}
}

// What is wrong with the command line is told before anything is filled.
func TestStoreRefused(t *testing.T) {
	for _, c := range []struct{ records, store, level, want string }{
		{"ten", "memory", "storage", `size "ten"`},
		{"0", "memory", "storage", `size "0"`},
		{"10", "redis", "storage", "want memory"},
		{"10", "memory", "cloud", `level "cloud"`},
	} {
		err := run(t.Context(), &bytes.Buffer{}, settings{rounds: 1}, c.records, "", []string{c.store}, []string{c.level})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestStoreMedian(t *testing.T) {
	for _, c := range []struct {
		of   []float64
		want float64
	}{{nil, 0}, {[]float64{3}, 3}, {[]float64{9, 1, 5}, 5}} {
		if got := median(c.of); got != c.want {
			t.Errorf("%v: %v, want %v", c.of, got, c.want)
		}
	}
}
