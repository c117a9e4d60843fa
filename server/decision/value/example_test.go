package value_test

import (
	"fmt"
	"time"

	"github.com/understudy-api/understudy/server/decision/value"
)

// Numbers of JSON are exact; members come sorted by key.
func ExampleParse() {
	v, err := value.Parse([]byte(`{"price": 0.1, "fees": [0.2, 1e3]}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	price, _ := v.AsObject().Get("price")
	fees, _ := v.AsObject().Get("fees")
	sum, err := price.AsNumber().Add(fees.AsArray()[0].AsNumber())
	fmt.Println(sum, err)
	fmt.Println(string(v.AppendJSON(nil)))
	// Output:
	// 0.3 <nil>
	// {"fees":[0.2,1000],"price":0.1}
}

func ExampleDecimal_Div() {
	third, _ := value.FromInt(1).Div(value.FromInt(3))
	fmt.Println(third, "of which clients see", string(value.Number(third).AppendJSON(nil)))
	half, _ := value.FromInt(1).Div(value.FromInt(2))
	fmt.Println(half, half.Normalize())
	// Output:
	// 0.3333333333333333333333333333 of which clients see 0.3333333333333333
	// 0.50 0.5
}

func ExampleMerge() {
	doc, _ := value.ParseString(`{"customer": {"name": "Ada", "tier": "silver"}, "draft": true}`)
	patch, _ := value.ParseString(`{"customer": {"tier": "gold"}, "draft": null}`)
	fmt.Println(value.Merge(doc, patch))
	fmt.Println(doc)
	// Output:
	// {"customer":{"name":"Ada","tier":"gold"}}
	// {"customer":{"name":"Ada","tier":"silver"},"draft":true}
}

func ExampleSetPath() {
	m := value.NewMap(1)
	value.SetPath(m, "order.total", value.Int(42))
	value.SetPath(m, "order.total.tax", value.Int(8)) // a number is in the way
	fmt.Println(value.Object(m))
	// Output: {"order":{"total":42}}
}

// The calendar says what time it is; nothing else does.
func ExampleCalendar_Date() {
	calendar := value.Calendar{Now: func() time.Time { return time.Date(2025, 3, 12, 12, 0, 0, 0, time.UTC) }}
	now, _ := calendar.Date()
	skipped, _ := calendar.Date(value.String("2024-03-10 02:30"), value.String("America/New_York"))
	fmt.Println(now, "and", skipped)

	due, err := value.LookupDateMethod("add").Call(calendar, value.Date(now), []value.Value{value.String("1M 3d")})
	fmt.Println(due, err)
	_, err = value.LookupDateMethod("add").Call(calendar, value.Date(now), []value.Value{value.String("3 moons")})
	fmt.Println(err)
	// Output:
	// 2025-03-12T12:00:00Z and Invalid date
	// 2025-04-15T12:00:00Z <nil>
	// Unknown time unit moons
}

func ExampleDateTime_Format() {
	at := value.FromTime(time.Date(2024, 7, 4, 17, 5, 0, 0, time.UTC))
	text, err := at.Format("%A, %-d %B %Y, %l:%M %p")
	fmt.Println(text, err)
	// Output: Thursday, 4 July 2024,  5:05 PM <nil>
}

func ExampleRange_Contains() {
	inside, _ := value.NewRange('[', value.Int(1), value.Int(10), ')')
	outside, _ := value.NewRange(']', value.Int(1), value.Int(10), '[')
	for _, n := range []int64{1, 5, 10} {
		in, _ := inside.Contains(value.Int(n))
		out, _ := outside.Contains(value.Int(n))
		fmt.Println(n, in, out)
	}
	fmt.Println(inside, outside)
	// Output:
	// 1 true true
	// 5 true false
	// 10 false true
	// [1..10) ]1..10[
}
