// Command zenbench evaluates the same decisions on the same inputs with the vendor's
// engine, called from Node.js, and with ours, in one run, and prints the ratios.
// With -compare it generates graphs at random and compares what both answer, with
// -expressions expressions.
//
// It needs node and npm: npm fetches the vendor's engine (@gorules/zen-engine, the
// newest on its registry is 0.54.0) into a temporary folder, or into the one named
// by -modules, where it is found again the next time. It is no part of the build.
package main

import (
	"bufio"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/understudy-api/understudy/internal/cputime"
	"github.com/understudy-api/understudy/internal/zenbench/graphs"
	"github.com/understudy-api/understudy/server/decision"
	"github.com/understudy-api/understudy/server/decision/value"
)

const vendorPackage = "@gorules/zen-engine@0.54.0"

//go:embed vendor.mjs
var vendorScript []byte

func main() {
	rounds := flag.Int("rounds", 5, "rounds of every case; medians are printed")
	millis := flag.Int("ms", 200, "how long a round of a case takes on each engine, in milliseconds")
	limit := flag.Float64("limit", 0, "fail if a ratio is greater; 0 for none")
	modules := flag.String("modules", "", "folder for the vendor's package, kept; a temporary one if empty")
	compare := flag.Int("compare", 0, "compare that many random graphs instead of measuring")
	expressions := flag.Int("expressions", 0, "compare that many random expressions instead of measuring")
	seed := flag.Uint64("seed", 1, "of what is random")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Stdout, *modules, func(v *vendor) error {
		if *compare > 0 {
			return v.compare(os.Stdout, *compare, *seed)
		}
		if *expressions > 0 {
			return v.compareExpressions(os.Stdout, *expressions, *seed)
		}
		return v.measure(os.Stdout, *rounds, *millis, *limit)
	})
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "zenbench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer, modules string, use func(*vendor) error) error {
	if modules == "" {
		dir, err := os.MkdirTemp("", "zenbench")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		modules = dir
	}
	modules, err := filepath.Abs(modules)
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(modules, "node_modules", "@gorules", "zen-engine")); errors.Is(err, os.ErrNotExist) {
		fmt.Fprintln(out, "fetching", vendorPackage)
		npm := exec.CommandContext(ctx, "npm", "install", "--no-audit", "--no-fund", "--silent", "--prefix", modules, vendorPackage)
		npm.Stdout, npm.Stderr = out, os.Stderr
		if err := npm.Run(); err != nil {
			return fmt.Errorf("npm: %w", err)
		}
	}
	v, err := startVendor(ctx, modules)
	if err != nil {
		return err
	}
	defer v.close()
	return use(v)
}

// A vendor is a process that evaluates with the vendor's engine.
type vendor struct {
	ctx     context.Context
	modules string
	cmd     *exec.Cmd
	in      io.WriteCloser
	lines   *bufio.Reader
}

func startVendor(ctx context.Context, modules string) (*vendor, error) {
	v := &vendor{ctx: ctx, modules: modules}
	return v, v.start()
}

func (v *vendor) start() error {
	script := filepath.Join(v.modules, "vendor.mjs")
	if err := os.WriteFile(script, vendorScript, 0o600); err != nil {
		return err
	}
	cmd := exec.CommandContext(v.ctx, "node", script, filepath.Join(v.modules, "vendor.mjs"))
	cmd.Stderr, cmd.Env = os.Stderr, append(os.Environ(), "TZ=UTC")
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	outPipe, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	v.cmd, v.in, v.lines = cmd, in, bufio.NewReaderSize(outPipe, 1<<20)
	return nil
}

func (v *vendor) close() {
	if err := errors.Join(v.in.Close(), v.cmd.Wait()); err != nil {
		fmt.Fprintln(os.Stderr, "node:", err)
	}
}

// A request is a line to vendor.mjs, a reply one from it.
type request struct {
	Graph string          `json:"graph"`
	Input json.RawMessage `json:"input,omitempty"`
	Trace bool            `json:"trace,omitempty"`
	Text  string          `json:"text,omitempty"`
	MS    int             `json:"ms,omitempty"`
	// An expression is evaluated with Input, as a test if it is unary.
	Expression string `json:"expression,omitempty"`
	Unary      bool   `json:"unary,omitempty"`
}

type reply struct {
	Data  json.RawMessage `json:"data"`
	Error string          `json:"error"`
	Nanos float64         `json:"nanos"`
	CPU   float64         `json:"cpu"`
}

func (v *vendor) ask(r request) (reply, error) {
	line, err := json.Marshal(r)
	if err != nil {
		return reply{}, err
	}
	if _, err := v.in.Write(append(line, '\n')); err != nil {
		return reply{}, err
	}
	answer, err := v.lines.ReadBytes('\n')
	if err != nil {
		return reply{}, fmt.Errorf("the vendor's engine: %w", err)
	}
	var parsed reply
	return parsed, json.Unmarshal(answer, &parsed)
}

// ours evaluates for a while, JSON in and JSON out, and returns the nanoseconds per
// evaluation, of the clock and of the processors.
func ours(d *decision.Decision, input []byte, millis int) (nanos, cpu float64, err error) {
	engine := decision.New()
	var out []byte
	once := func() error {
		response, err := engine.EvaluateJSON(context.Background(), d, input, decision.EvaluateOptions{})
		if err != nil {
			return err
		}
		out = response.AppendJSON(out[:0])
		return nil
	}
	if err := once(); err != nil {
		return 0, 0, err
	}
	runtime.GC()
	used := cputime.Used()
	begin := time.Now()
	end := begin.Add(time.Duration(millis) * time.Millisecond)
	count := 0
	for {
		for range 8 {
			if err := once(); err != nil {
				return 0, 0, err
			}
		}
		count += 8
		if now := time.Now(); now.After(end) {
			return float64(now.Sub(begin)) / float64(count), float64(cputime.Used()-used) / float64(count), nil
		}
	}
}

func (v *vendor) measure(out io.Writer, rounds, millis int, limit float64) error {
	fmt.Fprintf(out, "%d rounds of %d ms each, medians; JSON in and JSON out\n\n", rounds, millis)
	fmt.Fprintln(out, "| decision | vendor's engine, us | ours, us | ours of vendor's | of its CPU |\n|---|---|---|---|---|")
	var slow error
	for _, c := range graphs.All() {
		d, err := decision.Parse([]byte(c.Graph))
		if err != nil {
			return fmt.Errorf("%s: %w", c.Name, err)
		}
		if err := v.agree(c, d); err != nil {
			return err
		}
		var theirs, own, ratios, shares []float64
		for range rounds {
			answer, err := v.ask(request{Graph: c.Graph, Text: c.Input, MS: millis})
			if err != nil {
				return err
			}
			if answer.Error != "" {
				return fmt.Errorf("%s: the vendor's engine: %s", c.Name, answer.Error)
			}
			nanos, cpu, err := ours(d, []byte(c.Input), millis)
			if err != nil {
				return fmt.Errorf("%s: %w", c.Name, err)
			}
			theirs, own = append(theirs, answer.Nanos), append(own, nanos)
			ratios, shares = append(ratios, nanos/answer.Nanos), append(shares, cpu/answer.CPU)
		}
		ratio := median(ratios)
		fmt.Fprintf(out, "| %s | %.1f | %.1f | %.3f | %.3f |\n", c.Name, median(theirs)/1000, median(own)/1000, ratio, median(shares))
		if limit > 0 && ratio > limit {
			slow = errors.Join(slow, fmt.Errorf("%s: %.3f of the vendor's time", c.Name, ratio))
		}
	}
	return slow
}

func median(list []float64) float64 {
	slices.Sort(list)
	return list[len(list)/2]
}

// agree fails unless both engines give the same result.
func (v *vendor) agree(c graphs.Case, d *decision.Decision) error {
	theirs, err := v.ask(request{Graph: c.Graph, Input: json.RawMessage(c.Input)})
	if err != nil {
		return err
	}
	if theirs.Error != "" {
		return fmt.Errorf("%s: the vendor's engine: %s", c.Name, theirs.Error)
	}
	response, err := decision.New().EvaluateJSON(context.Background(), d, []byte(c.Input), decision.EvaluateOptions{})
	if err != nil {
		return fmt.Errorf("%s: %w", c.Name, err)
	}
	data, err := value.Parse(theirs.Data)
	if err != nil {
		return err
	}
	result, _ := data.AsObject().Get("result")
	if !value.Same(result, response.Result) {
		return fmt.Errorf("%s: the vendor's engine answers %s, ours %s", c.Name, result, response.Result)
	}
	return nil
}
