package zen_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/understudy-api/understudy/server/decision/value"
	"github.com/understudy-api/understudy/server/decision/zen"
)

func ExampleCompile() {
	program, err := zen.Compile(`sum(map(filter(items, #.price > 10), #.price * #.count))`)
	if err != nil {
		fmt.Println(err)
		return
	}
	root, _ := value.Parse([]byte(`{"items": [{"price": 0.1, "count": 3}, {"price": 19.99, "count": 2}]}`))
	total, err := program.Eval(&zen.Env{Root: root})
	fmt.Println(total, err)
	// Output: 39.98 <nil>
}

func ExampleCompileUnary() {
	program, err := zen.CompileUnary(`[18..65), "unknown"`)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, age := range []value.Value{value.Int(40), value.Int(65), value.String("unknown")} {
		matched, err := program.Test(&zen.Env{Reference: age, HasReference: true})
		fmt.Println(age, matched, err)
	}
	// Output:
	// 40 true <nil>
	// 65 false <nil>
	// unknown false VM error: Opcode In: Unsupported type
}

func ExampleCompileTemplate() {
	template, err := zen.CompileTemplate("{{ upper(name) }} has {{ len(orders) }} orders")
	if err != nil {
		fmt.Println(err)
		return
	}
	root, _ := value.Parse([]byte(`{"name": "ada", "orders": [7, 9]}`))
	text, err := template.Eval(&zen.Env{Root: root})
	fmt.Println(text, err)
	// Output: ADA has 2 orders <nil>
}

func ExampleEnv() {
	program, err := zen.Compile(`d().add(1, "day").format("%A, %H:%M")`)
	if err != nil {
		fmt.Println(err)
		return
	}
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		fmt.Println(err)
		return
	}
	clock := func() time.Time { return time.Date(2024, 5, 31, 12, 0, 0, 0, time.UTC) }
	text, err := program.Eval(&zen.Env{Clock: clock, Zone: zone})
	fmt.Println(text, err)
	// Output: Saturday, 14:00 <nil>
}

func ExampleLimits() {
	program, err := zen.Compile(`map([1..1e12], # * 2)`)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = program.Eval(&zen.Env{Limits: &zen.Limits{Steps: 1000}})
	fmt.Println(err, errors.Is(err, zen.ErrLimit))
	// Output: VM error: Evaluation takes more than 1000 steps true
}

func ExampleProgram_UnaryShape() {
	program, err := zen.CompileUnary(`>= 10 and < 20`)
	if err != nil {
		fmt.Println(err)
		return
	}
	shape := program.UnaryShape()
	fmt.Println(shape.Kind == zen.ShapeRange, shape.Low.Value, shape.High.Value, shape.High.Open)
	// Output: true 10 20 true
}
