package script

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

// hostile are scripts that would take the process with them if they could. Each ends
// with an error: its time is up, or its memory.
var hostile = []struct{ name, source string }{
	{"backtracking expression", handler(`return /(a+)+$/.test("a".repeat(40) + "b")`)},
	{"arrays without end", handler(`const a = []; for (;;) a.push([])`)},
	{"doubling strings", handler(`let s = "x"; const all = []; for (;;) { s += s; all.push(s.split("")); }`)},
	{"sort of five million", handler(`const a = []; for (let i = 0; i < 5e6; i++) a.push(5e6 - i); a.sort(); return a.length`)},
	{"repeat of 5e8", handler(`return "x".repeat(5e8).length`)},
	{"endless loop", handler(`for (;;);`)},
	{"endless loop, caught", handler(`const f = async () => { for (;;); }; for (;;) { try { await f() } catch {} }`)},
	{"endless top level", `for (;;); export const handler = () => 1`},
	{"endless jobs", handler(`for (;;) await 0`)},
	{"jobs without number", handler(`const f = () => { Promise.resolve().then(f).then(f) }; f(); await console.sleep(1e9)`)},
	{"sleep", handler(`await console.sleep(1e9)`)},
	{"recursion", handler(`const f = () => f() + 1; return f()`)},
	{"nested brackets", handler(`return eval("[".repeat(1e6))`)},
	{"nested source", "export const handler = " + strings.Repeat("(", 500_000)},
	{"nested types", "export const handler = (x: number) => " + strings.Repeat("(", 200_000)},
	{"nested JSON", handler(`return JSON.parse("[".repeat(1e6))`)},
	{"nested expression", handler(`return new RegExp("(?:".repeat(1e6))`)},
	{"nested proxies", handler(`let p = {}; for (let i = 0; i < 1e5; i++) p = new Proxy(p, {}); return p.x`)},
	{"nested result", handler(`let a = []; for (let i = 0; i < 1e5; i++) a = [a]; return a`)},
	{"result within itself", handler(`const a = {}; a.a = a; return a`)},
	{"wide result", handler(`return Array(1e7).fill([])`)},
	{"shared result", handler(`return Array(1e5).fill("x".repeat(1e6))`)},
	{"sparse result", handler(`return Array(2 ** 32 - 1)`)},
	{"endless log", handler(`for (;;) console.log("x".repeat(1e5))`)},
	{"endless getter", handler(`return {get a() { for (;;); }}`)},
	{"endless error", handler(`throw Object.defineProperty(new Error, "message", {get() { for (;;); }})`)},
	{"endless stack", handler(`throw Object.defineProperty(new Error, "stack", {get() { for (;;); }})`)},
	{"atomic wait", handler(`Atomics.wait(new Int32Array(new SharedArrayBuffer(8)), 0, 0)`)},
	{"sparse search", handler(`return Array(2 ** 32 - 1).indexOf(1)`)},
	{"sparse join", handler(`return Array(2 ** 32 - 1).join("").length`)},
	{"long search", handler(`return ("a".repeat(4e6) + "b").repeat(2).indexOf("a".repeat(3e6) + "c")`)},
	{"expression without end", `import zen from "zen"; ` + handler(`return zen.evaluateExpression("len(map([1..100000000], # * 2))", {})`)},
}

const (
	hostileTime   = time.Second
	hostileMemory = 32 << 20
)

type figures struct {
	Err                 string
	Interrupted, Memory bool
	Took                time.Duration
	Peak, Before        int // kB
	Abandoned           int32
}

// peak is the most memory that the process had, in kB.
func peak(t testing.TB) int {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	n, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestVerifyHostile runs each script in a process of its own, to see what it takes. That
// it takes the time limit is left to the engine; the test fails when the time is far
// beyond what a busy machine explains.
func TestVerifyHostile(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("memory is measured by /proc")
	}
	if i, err := strconv.Atoi(os.Getenv("SCRIPT_HOSTILE")); err == nil {
		r := New(WithTimeLimit(hostileTime), WithMemoryLimit(hostileMemory))
		run(t, r, call(t, 2, handler("return 1")))
		f := figures{Before: peak(t)}
		began := time.Now()
		_, err := r.Run(context.Background(), call(t, 2, hostile[i].source))
		f.Took, f.Peak = time.Since(began), peak(t)
		f.Abandoned = abandoned(r)
		if failure, ok := errors.AsType[*Error](err); ok {
			f.Err, f.Interrupted, f.Memory = failure.Error(), failure.Interrupted, failure.Memory
		}
		if got, _ := run(t, r, call(t, 2, handler("return 1"))); got != "1" {
			t.Error("afterwards: ", got)
		}
		text, _ := json.Marshal(f)
		_, _ = os.Stdout.WriteString("figures " + string(text) + "\n")
		return
	}
	if testing.Short() {
		t.Skip("takes its time")
	}
	for i, c := range hostile {
		t.Run(c.name, func(t *testing.T) {
			command := exec.Command(os.Args[0], "-test.run=^TestVerifyHostile$")
			command.Env = append(os.Environ(), "SCRIPT_HOSTILE="+strconv.Itoa(i), "GOMEMLIMIT=", "GOGC=")
			out, err := command.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%.2000s", err, out)
			}
			_, rest, _ := strings.Cut(string(out), "figures ")
			line, _, _ := strings.Cut(rest, "\n")
			var f figures
			if err := json.Unmarshal([]byte(line), &f); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			taken := (f.Peak - f.Before) << 10
			t.Logf("%4d ms, %3d MiB: %.90q", f.Took.Milliseconds(), taken>>20, f.Err)
			if f.Err == "" {
				t.Error("no error")
			}
			if f.Abandoned > 0 {
				t.Error("it still runs")
			}
			if f.Took > hostileTime+2*time.Second {
				t.Errorf("took %v of %v", f.Took, hostileTime)
			}
			if taken > 2*hostileMemory {
				t.Errorf("took %d bytes of %d", taken, hostileMemory)
			}
		})
	}
}
