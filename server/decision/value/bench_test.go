package value

import (
	"testing"
	"time"
)

const benchJSON = `{"customer":{"id":"c-1042","name":"Ada Lovelace","age":36,"country":"UK","active":true},` +
	`"cart":{"items":[{"sku":"A1","quantity":2,"price":19.99},{"sku":"B7","quantity":1,"price":249.5}],"total":289.48,` +
	`"currency":"GBP"},"coupon":null,"when":"2025-03-12T12:30:15Z"}`

func BenchmarkParse(b *testing.B) {
	data := []byte(benchJSON)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(data); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendJSON(b *testing.B) {
	v := parse(b, benchJSON)
	buf := make([]byte, 0, 1024)
	b.SetBytes(int64(len(benchJSON)))
	b.ReportAllocs()
	for b.Loop() {
		buf = v.AppendJSON(buf[:0])
	}
}

func BenchmarkMerge(b *testing.B) {
	doc, patch := parse(b, benchJSON), parse(b, `{"cart":{"discount":0.1},"tier":"gold"}`)
	b.ReportAllocs()
	for b.Loop() {
		Merge(doc, patch)
	}
}

func BenchmarkGet(b *testing.B) {
	m := parse(b, benchJSON).AsObject()
	for b.Loop() {
		if _, ok := m.Get("when"); !ok {
			b.Fatal("not found")
		}
	}
}

func BenchmarkDecimal(b *testing.B) {
	price, rate, wide := dec(b, "249.50"), dec(b, "1.2"), dec(b, "12345678901234567890.12345678")
	for name, op := range map[string]func() (Decimal, error){
		"add":       func() (Decimal, error) { return price.Add(price) },
		"add scale": func() (Decimal, error) { return price.Add(rate) },
		"add wide":  func() (Decimal, error) { return wide.Add(rate) },
		"mul":       func() (Decimal, error) { return price.Mul(rate) },
		"mul wide":  func() (Decimal, error) { return wide.Mul(wide) },
		"div":       func() (Decimal, error) { return price.Div(rate) },
		"div third": func() (Decimal, error) { return price.Div(FromInt(3)) },
		"rem":       func() (Decimal, error) { return price.Rem(rate) },
		"pow":       func() (Decimal, error) { return rate.Pow(FromInt(12)) },
		"root":      func() (Decimal, error) { return price.Pow(Decimal{lo: 5, scale: 1}) },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = op()
			}
		})
	}
}

func BenchmarkDates(b *testing.B) {
	zoned, _ := noon.Date(String("2024-05-15 12:00"), String("America/New_York"))
	plain, _ := noon.Date(String("2024-05-15"))
	for name, op := range map[string]func(){
		"parse":         func() { _, _ = noon.Date(String("2024-05-15T12:00:00Z")) },
		"parse zoned":   func() { _, _ = noon.Date(String("2024-05-15 12:00"), String("America/New_York")) },
		"not a date":    func() { _, _ = noon.Date(String("Not a date")) },
		"startOf":       func() { plain.startOf(unitMonth) },
		"startOf zoned": func() { zoned.startOf(unitMonth) },
		"add":           func() { plain.add(duration{seconds: 5, months: 1}) },
		"format":        func() { _, _ = zoned.Format("%Y-%m-%d %H:%M:%S %Z") },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				op()
			}
		})
	}
	b.Run("string", func(b *testing.B) {
		buf := make([]byte, 0, 64)
		at := FromTime(time.Unix(1e9, 0).UTC())
		for b.Loop() {
			buf = at.Append(buf[:0])
		}
	})
}
