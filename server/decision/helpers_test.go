package decision_test

import (
	"context"
	"testing"

	"github.com/understudy-api/understudy/server/decision"
	"github.com/understudy-api/understudy/server/decision/value"
)

// functionStub does what the scripts of the reference's two graphs with functions do:
// JavaScript is another package's.
type functionStub struct{}

func (functionStub) Run(_ context.Context, call decision.FunctionCall) (decision.FunctionResult, error) {
	count := func(name, flag string) value.Value {
		flags, _ := call.Input.AsObject().Get(name)
		n := int64(0)
		for i := range flags.AsObject().Len() {
			if _, v := flags.AsObject().At(i); v.AsString() == flag {
				n++
			}
		}
		return value.Int(n)
	}
	if _, ok := call.Input.AsObject().Get("flags"); ok {
		b := value.NewMap(3)
		for _, c := range []string{"red", "amber", "green"} {
			b.Set(c, count("flags", c))
		}
		o := call.Input.AsObject().Clone()
		o.Set("breakdown", value.Object(b))
		overall := "green"
		for _, c := range []string{"amber", "red"} {
			if v, _ := b.Get(c); v.AsNumber().Sign() > 0 {
				overall = c
			}
		}
		o.Set("overallFlag", value.String(overall))
		return decision.FunctionResult{Output: value.Object(o)}, nil
	}
	b := value.NewMap(3)
	for _, c := range []string{"critical", "red", "amber", "green"} {
		b.Set(c, count("flag", c))
	}
	return decision.FunctionResult{Output: value.Object(b)}, nil
}

func parsed(t testing.TB, text string) *decision.Decision {
	t.Helper()
	d, err := decision.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func jsonValue(t testing.TB, text string) value.Value {
	t.Helper()
	v, err := value.Parse([]byte(text))
	if err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return v
}
