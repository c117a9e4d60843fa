package decision_test

import (
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/understudy-api/understudy/server/decision"
)

// What a decision says that it takes is about what it takes.
func TestSize(t *testing.T) {
	many := func(n int, form string) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(strings.ReplaceAll(form, "%d", strconv.Itoa(i)) + ",")
		}
		return strings.TrimSuffix(b.String(), ",")
	}
	for name, document := range map[string]string{
		"rules":       between(`t decisionTable {"hitPolicy":"first","inputs":[{"id":"x","field":"x"}],"outputs":[{"id":"y","field":"y"}],"rules":[` + many(5000, `{"x":"1"}`) + `]}`),
		"other rules": between(`t decisionTable {"hitPolicy":"first","inputs":[{"id":"x","field":"x"}],"outputs":[{"id":"y","field":"y"}],"rules":[` + many(5000, `{"_id":"rule %d","x":"> %d","y":"'text %d'"}`) + `]}`),
		"expressions": between(`e expression {"expressions":[` + many(5000, `{"id":"","key":"k","value":"a + %d"}`) + `]}`),
		"elements":    between(`e expression {"expressions":[{"id":"","key":"k","value":"[` + many(20000, `%d`) + `]"}]}`),
		"operators":   between(`e expression {"expressions":[{"id":"","key":"k","value":"a` + strings.Repeat("+a", 20000) + `"}]}`),
		"constants":   between(`e expression {"expressions":[` + many(50, `{"id":"","key":"k","value":"[1..1000%d]"}`) + `]}`),
		"nodes":       graph(strings.Split(many(3000, `n%d expression {"expressions":[]}`), ",n")),
	} {
		held := func() uint64 {
			var m runtime.MemStats
			runtime.GC()
			runtime.GC()
			runtime.ReadMemStats(&m)
			return m.HeapAlloc
		}
		before := held()
		d, err := decision.Parse([]byte(document))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		took, size := int(held()-before), d.Size()
		t.Logf("%s: %d of %d bytes, %.1f", name, size, took, float64(size)/float64(took))
		if size < took/2 || size > took*4 {
			t.Errorf("%s: %d bytes instead of %d", name, size, took)
		}
		runtime.KeepAlive(d)
	}
}
