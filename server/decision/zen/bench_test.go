package zen_test

import (
	"testing"

	"github.com/understudy-api/understudy/server/decision/value"
	"github.com/understudy-api/understudy/server/decision/zen"
)

var benchmarked = []struct{ name, source string }{
	{"arithmetic", "price * quantity * 1.2 - discount / 3"},
	{"path", "customer.address.country"},
	{"comparison", `customer.age >= 18 and customer.tier == "gold"`},
	{"conditional", `customer.age > 65 ? "senior" : customer.age > 18 ? "adult" : "child"`},
	{"list", `customer.address.country in ["DE", "AT", "CH", "FR", "IT", "ES", "PT", "NL", "BE", "PL"]`},
	{"template", "`${customer.tier}-${price}`"},
	{"closure", "sum(map(filter(items, #.price > 10), #.price * #.count))"},
	{"object", "{price: price, total: price * quantity, tier: customer.tier}"},
	{"regex", `matches(customer.address.country, "^[A-Z]{2}$")`},
	{"date", `d("2024-05-31").add(1, "M").isBefore(d("2024-07-01"))`},
	{"assignments", "a = price; b = a * 2; a + b"},
}

var benchmarkedCells = []struct{ name, source string }{
	{"equal", `"gold"`},
	{"or", `"silver", "bronze", "gold"`},
	{"range", "[10..100)"},
	{"and", "> 10 and < 100"},
	{"mismatch", "> 10"},
}

func benchmarkEnv(tb testing.TB) *zen.Env {
	root, err := value.Parse([]byte(`{"price": 12.5, "quantity": 3, "discount": 0.1,
		"customer": {"age": 42, "tier": "gold", "address": {"country": "PL", "city": "Gdynia"}},
		"items": [{"price": 5, "count": 1}, {"price": 15, "count": 2}, {"price": 25, "count": 3}, {"price": 8, "count": 4}]}`))
	if err != nil {
		tb.Fatal(err)
	}
	return &zen.Env{Root: root, Clock: clock}
}

func BenchmarkCompile(b *testing.B) {
	for _, c := range benchmarked {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := zen.Compile(c.source); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkEval(b *testing.B) {
	for _, c := range benchmarked {
		b.Run(c.name, func(b *testing.B) {
			program, err := zen.Compile(c.source)
			if err != nil {
				b.Fatal(err)
			}
			env := benchmarkEnv(b)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := program.Eval(env); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkTest(b *testing.B) {
	for _, c := range benchmarkedCells {
		b.Run(c.name, func(b *testing.B) {
			program, err := zen.CompileUnary(c.source)
			if err != nil {
				b.Fatal(err)
			}
			env := benchmarkEnv(b)
			env.HasReference, env.Reference = true, value.String("gold")
			if c.name == "range" || c.name == "and" {
				env.Reference = value.Int(42)
			}
			b.ReportAllocs()
			for b.Loop() {
				matched, err := program.Test(env)
				if matched == (c.name == "mismatch") || (err != nil) != (c.name == "mismatch") {
					b.Fatal(matched, err)
				}
			}
		})
	}
}

// TestAllocations has what evaluates without an allocation.
func TestAllocations(t *testing.T) {
	env := benchmarkEnv(t)
	env.HasReference, env.Reference = true, value.String("gold")
	for _, source := range []string{
		benchmarked[0].source, benchmarked[1].source, benchmarked[2].source, benchmarked[3].source, benchmarked[4].source,
		"count(items, #.price > 10) + sum([1, price])", "max([1, 2]) + len(customer.tier) + abs(price)",
	} {
		program, err := zen.Compile(source)
		if err != nil {
			t.Fatal(err)
		}
		want := 0.0
		if source == "count(items, #.price > 10) + sum([1, price])" {
			want = 1 // the array
		}
		if got := testing.AllocsPerRun(100, func() { _, _ = program.Eval(env) }); got > want {
			t.Errorf("%s: %v allocations", source, got)
		}
	}
	for _, c := range benchmarkedCells {
		program, err := zen.CompileUnary(c.source)
		if err != nil {
			t.Fatal(err)
		}
		if got := testing.AllocsPerRun(100, func() { _, _ = program.Test(env) }); got > 0 {
			t.Errorf("%s: %v allocations", c.source, got)
		}
	}
}
