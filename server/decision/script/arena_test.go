package script

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"modernc.org/quickjs"

	"github.com/understudy-api/understudy/server/decision/value"
)

// Blocks hold what is written into them, whatever is taken, grown and given back
// around them.
func TestArena(t *testing.T) {
	a := &arena{memory: reserve(64 << 20)}
	if a.memory == nil {
		t.Skip("no arenas here")
	}
	defer unreserve(a.memory)
	a.reset()
	head := at[arenaHead](a.base())
	random := rand.New(rand.NewPCG(1, 2))
	type block struct {
		address, size uintptr
		mark          byte
	}
	fill := func(b block) {
		for i := range unsafe.Slice(at[byte](b.address), b.size) {
			*at[byte](b.address + uintptr(i)) = b.mark
		}
	}
	check := func(b block, n uintptr) {
		for i := range n {
			if *at[byte](b.address + i) != b.mark {
				t.Fatalf("byte %d of %d changed", i, b.size)
			}
		}
	}
	var blocks []block
	for range 20_000 {
		size := uintptr(1) << random.IntN(18)
		size += uintptr(random.IntN(int(size)))
		switch i := random.IntN(len(blocks) + 1); {
		case i == len(blocks) || len(blocks) < 20:
			b := block{head.alloc(size), size, byte(random.IntN(256))}
			if b.address == 0 {
				continue
			}
			if b.address%16 != 0 || *capacityOf(b.address) < size || !a.holds(b.address+size-1) {
				t.Fatalf("block of %d at %x", size, b.address)
			}
			fill(b)
			blocks = append(blocks, b)
		case random.IntN(2) == 0:
			check(blocks[i], blocks[i].size)
			head.release(blocks[i].address)
			blocks = append(blocks[:i], blocks[i+1:]...)
		default:
			b := &blocks[i]
			if moved := head.grow(b.address, size); moved != 0 {
				b.address = moved
				check(*b, min(b.size, size))
				b.size = size
				fill(*b)
			}
		}
	}
	for _, b := range blocks {
		check(b, b.size)
	}
	if head.alloc(128<<20) != 0 {
		t.Error("more than there is")
	}
	for size := uintptr(1); size < 1<<32; size += size/7 + 1 {
		number, capacity := class(size)
		if again, same := class(capacity); capacity < size || capacity%16 != 0 || again != number || same != capacity || number >= classes {
			t.Errorf("class of %d: %d, %d", size, number, capacity)
		}
	}
}

// Engines of others in the process are none of ours.
func TestEnginesOfOthers(t *testing.T) {
	other, err := quickjs.NewVM()
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	run(t, New(), call(t, 2, handler("return 1")))
	if v, err := other.Eval(`let s = ""; for (let i = 0; i < 1e4; i++) s += i; [s.length, "x".repeat(1e6).length].join()`, quickjs.EvalGlobal); err != nil || v != "38890,1000000" {
		t.Error(v, err)
	}
}

// abandoned is how many scripts still run that were given up. On a busy machine they may
// take a moment to notice.
func abandoned(r *Runner) int32 {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for patience := 1000; patience > 0 && r.abandoned.Load() > 0; patience-- {
		<-tick.C
	}
	return r.abandoned.Load()
}

// A loop that the engine does not interrupt ends with its memory, and the next script
// has memory again.
func TestForced(t *testing.T) {
	r := New(WithTimeLimit(20*time.Millisecond), WithMemoryLimit(8<<20))
	calm := New(WithMemoryLimit(8 << 20))
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			for range 5 {
				_, err := r.Run(context.Background(), call(t, 2, handler(`return Array(2 ** 32 - 1).indexOf(1)`)))
				var failure *Error
				if !errors.As(err, &failure) || !failure.Interrupted {
					t.Error(err)
				}
				if got, _ := run(t, calm, call(t, 2, handler(`return "x".repeat(1e6).length`))); got != "1000000" {
					t.Error(got)
				}
			}
		})
	}
	wait.Wait()
	if reserve(4096) != nil {
		if n := abandoned(r); n != 0 {
			t.Errorf("%d scripts are still running", n)
		}
	}
}

// FuzzScripts runs small scripts: they may fail, the engine may not.
func FuzzScripts(f *testing.F) {
	for _, source := range []string{
		handler(`return eval("[".repeat(1e4))`), handler(`const a = {}; a.a = a; return a`),
		handler(`throw Object.assign(new Error("x"), {stack: 5})`), handler(`console.log(input); await console.sleep(0); return [, input.$nodes]`),
		`import zen from "zen"; ` + handler(`return zen.evaluateExpression("a + 1", input)`), `const handler = (i) => /(a|b)*/u.exec(i.a)`,
	} {
		f.Add(source, `{"a":1}`)
	}
	f.Add(`export const handler = async (input: any) => ({...input, b: [1n, 0.1, null]})`, `[1.5,"é"]`)
	f.Add(`enum E { A } export const handler = () => E.A`, `null`)
	r := New(WithTimeLimit(10*time.Millisecond), WithMemoryLimit(4<<20))
	f.Fuzz(func(t *testing.T, source, input string) {
		c := call(t, 2, source)
		if v, err := value.Parse([]byte(input)); err == nil {
			c.Input = v
		}
		for c.Version = range 3 {
			if c.Version == 0 {
				continue
			}
			_, err := r.Run(context.Background(), c)
			if err != nil && strings.Contains(err.Error(), "the JavaScript engine failed") {
				t.Error(err)
			}
		}
	})
}
