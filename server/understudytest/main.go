package understudytest

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/understudy-api/understudy/server/app"
	"github.com/understudy-api/understudy/server/evidence"
	"github.com/understudy-api/understudy/server/evidence/render"
	"github.com/understudy-api/understudy/server/site"
)

// ReportDirVariable is the variable of the environment that names a folder into which
// [Main] writes the report of each package as JSON, for "understudy report merge" to join
// and to judge.
const ReportDirVariable = "UNDERSTUDY_REPORT_DIR"

// MainOption is a choice for [Main].
type MainOption func(*mainOptions)

type mainOptions struct {
	least      float64
	operations []string
	outputs    map[render.Format]string
	bad        error
}

// MinCoverage fails the package if less than so many percent of what the documents publish
// were covered by its tests.
func MinCoverage(percent float64) MainOption { return func(o *mainOptions) { o.least = percent } }

// Operations takes the report, and the coverage, of the operations alone that are named so:
// operationIds, with "*" for any text and "?" for one character, and "brms:" or "datafold:"
// before them if need be.
func Operations(globs ...string) MainOption {
	return func(o *mainOptions) { o.operations = append(o.operations, globs...) }
}

// Output writes the report into a file as well, in a form such as "junit", "html" or
// "json".
func Output(format, file string) MainOption {
	return func(o *mainOptions) {
		f, known := render.Parse(format)
		if !known {
			o.bad = fmt.Errorf("no form of a report is called %q: want one of %s", format, strings.Join(render.Formats(), ", "))
			return
		}
		if o.outputs == nil {
			o.outputs = map[render.Format]string{}
		}
		o.outputs[f] = file
	}
}

// collector takes the evidence of all stand-ins of the process; nil if nobody asked for it.
var collector atomic.Pointer[app.App]

// collect records an exchange for the report of the process, as the exchange's own server
// does afterwards.
func collect(x *site.Exchange) {
	if a := collector.Load(); a != nil {
		same := *x
		a.Evidence().Record(&same)
	}
}

// Main runs the tests of a package, takes one report of all that their stand-ins saw, and
// ends the process. It is what a TestMain does last:
//
//	func TestMain(m *testing.M) { understudytest.Main(m, understudytest.MinCoverage(80)) }
//
// The report is printed where the tests are verbose or the coverage is too low. The coverage
// is not judged where a part of the tests was asked for (-run, -skip, -short), nor where
// the variable UNDERSTUDY_REPORT_DIR names a folder for the reports of several packages:
// "understudy report merge --min-coverage 80 FOLDER/*.json" judges those together.
func Main(m *testing.M, choices ...MainOption) {
	os.Exit(run(m, importPath(), os.Stderr, choices...))
}

// exitFailed is the code of tests that failed.
const exitFailed = 1

func run(m interface{ Run() int }, pkg string, log io.Writer, choices ...MainOption) int {
	var o mainOptions
	for _, choose := range choices {
		choose(&o)
	}
	ctx := context.Background()
	var a *app.App
	err := o.bad
	if err == nil {
		a, err = app.New(ctx, app.Options{})
	}
	if err != nil {
		fmt.Fprintf(log, "understudytest: %v\n", err)
		return exitFailed
	}
	collector.Store(a)
	code := m.Run()
	collector.Store(nil)
	failed, err := o.report(ctx, a, pkg, log)
	if closing := a.Close(); err == nil {
		err = closing
	}
	if err != nil {
		fmt.Fprintf(log, "understudytest: no report: %v\n", err)
		failed = true
	}
	if code == 0 && failed {
		return exitFailed
	}
	return code
}

// report writes the report where it is asked for, and says whether it fails the package.
func (o *mainOptions) report(ctx context.Context, a *app.App, pkg string, log io.Writer) (failed bool, err error) {
	r, err := a.Report(ctx, evidence.CoverageOfPublished)
	if err != nil {
		return false, err
	}
	if err := r.Filter(o.operations); err != nil {
		return false, err
	}
	dir := os.Getenv(ReportDirVariable)
	if dir != "" {
		if err := write(r, render.JSON, filepath.Join(dir, strings.ReplaceAll(pkg, "/", "-")+".json"), render.Options{}); err != nil {
			return false, err
		}
	}
	// What broke the contract has failed its test.
	options := render.Options{Judging: evidence.Judging{FailOn: evidence.FailOnNone, AllowNoRequests: true}, Now: time.Now(), Title: "Understudy report on " + pkg}
	if dir == "" && !partial() {
		options.MinCoverage = o.least
	}
	for format, file := range o.outputs {
		if err := write(r, format, file, options); err != nil {
			return false, err
		}
	}
	failed = !r.Judge(options.Judging).OK()
	if failed || testing.Verbose() {
		if err := render.Write(log, render.Table, r, options); err != nil {
			return failed, err
		}
	}
	return failed, nil
}

func write(r *evidence.Report, format render.Format, file string, o render.Options) error {
	var b bytes.Buffer
	if err := render.Write(&b, format, r, o); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil { //nolint:gosec // the folder that the caller named
		return err
	}
	return os.WriteFile(file, b.Bytes(), 0o644) //nolint:gosec // the file that the caller named
}

// partial reports whether a part of the tests was asked for.
func partial() bool {
	for _, name := range []string{"test.run", "test.skip", "test.list", "test.short"} {
		if f := flag.Lookup(name); f != nil && f.Value.String() != f.DefValue {
			return true
		}
	}
	return false
}

// importPath is that of the package whose TestMain calls Main.
func importPath() string {
	stack := make([]uintptr, 1)
	if runtime.Callers(3, stack) == 0 {
		return ""
	}
	frame, _ := runtime.CallersFrames(stack).Next()
	name := frame.Function
	slash := strings.LastIndexByte(name, '/')
	if dot := strings.IndexByte(name[slash+1:], '.'); dot >= 0 {
		name = name[:slash+1+dot]
	}
	return strings.TrimSuffix(name, "_test")
}
