package command

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/understudy-api/understudy/server/app"
	"github.com/understudy-api/understudy/server/evidence"
	"github.com/understudy-api/understudy/server/evidence/render"
)

// judging is the flags of the commands that end in a report: by what it is judged, and
// where it is written in which form.
type judging struct {
	format        string
	outputs       list
	failOn        string
	minCoverage   float64
	coverageOf    string
	allowNone     bool
	failUnserved  bool
	apis          list
	operations    list
	baseline      string
	writeBaseline string

	targets []target // what outputs say, once checked
	ended   string   // how the command of "run" ended, if not well

	unfinished string // what a run of "verify" did not come to
}

// target is a file that the report is written to. The file "-" is where the report
// goes if nothing is said.
type target struct {
	format render.Format
	file   string
}

// list is a flag that may be given several times, or once with commas.
type list []string

// String joins the list as Set takes it.
func (l *list) String() string { return strings.Join(*l, ",") }

// Set adds to the list.
func (l *list) Set(value string) error {
	for item := range strings.SplitSeq(value, ",") {
		item = strings.TrimSpace(item)
		if item == "" {
			return errors.New("an empty item")
		}
		*l = append(*l, item)
	}
	return nil
}

func (j *judging) declare(fs *flag.FlagSet) {
	fs.StringVar(&j.format, "format", string(render.Table), "`FORMAT` of the report: "+strings.Join(render.Formats(), ", "))
	fs.Var(&j.outputs, "output", "`FILE` that gets the report instead of the terminal, in the form that its ending says (.json, .xml, .sarif, .html, .md, .txt), or FORMAT=FILE for a file beside it; may be repeated")
	fs.StringVar(&j.failOn, "fail-on", string(evidence.FailOnViolations), "what breaks the contract: \"violations\" of published and documented rules, \"inferred\" for those and all others, or \"none\"")
	fs.Float64Var(&j.minCoverage, "min-coverage", 0, "least coverage in `PERCENT`")
	fs.StringVar(&j.coverageOf, "coverage-of", evidence.CoverageOfPublished, "what the coverage is taken of: \"published\" counts what the vendor publishes or documents, \"all\" everything that is served")
	fs.BoolVar(&j.allowNone, "allow-no-requests", false, "let a report without any request pass")
	fs.BoolVar(&j.failUnserved, "fail-on-unserved", false, "exit with 3 if all is well but for requests that only the vendor's service answers")
	fs.Var(&j.apis, "api", "`NAME` of an API to report on: brms or datafold; may be repeated")
	fs.Var(&j.operations, "operations", "`GLOB` of the operations to report on, as brms:*Integration*; may be repeated")
	fs.StringVar(&j.baseline, "baseline", "", "`FILE` of violations that are known and do not fail")
	fs.StringVar(&j.writeBaseline, "write-baseline", "", "`FILE` that gets the violations there are, as a baseline; the verdict stays as it is")
}

func (j *judging) validate() error {
	format, ok := render.Parse(j.format)
	if !ok {
		return usageError("--format %q: want %s", j.format, strings.Join(render.Formats(), ", "))
	}
	switch evidence.FailOn(j.failOn) {
	case evidence.FailOnViolations, evidence.FailOnInferred, evidence.FailOnNone:
	default:
		return usageError("--fail-on %q: want \"violations\", \"inferred\" or \"none\"", j.failOn)
	}
	if !(j.minCoverage >= 0 && j.minCoverage <= 100) { // NaN is neither
		return usageError("--min-coverage %s: want a number from 0 to 100", strconv.FormatFloat(j.minCoverage, 'g', -1, 64))
	}
	if j.coverageOf != evidence.CoverageOfPublished && j.coverageOf != evidence.CoverageOfAll {
		return usageError("--coverage-of %q: want \"published\" or \"all\"", j.coverageOf)
	}
	for _, name := range j.apis {
		if !slices.Contains(app.APIs(), name) {
			return usageError("--api %q: want %s", name, strings.Join(app.APIs(), " or "))
		}
	}
	return j.aim(format)
}

// globs name the operations to report on; none is all.
func (j *judging) globs() []string {
	globs := slices.Clone([]string(j.operations))
	for _, name := range j.apis {
		if len(j.operations) == 0 {
			globs = append(globs, name+":*")
		}
	}
	if len(j.apis) == 0 || len(j.operations) == 0 {
		return globs
	}
	for i, glob := range globs { // of those APIs only
		if !strings.Contains(glob, ":") {
			globs[i] = j.apis[0] + ":" + glob
			for _, name := range j.apis[1:] {
				globs = append(globs, name+":"+glob)
			}
		}
	}
	return globs
}

// endings say which form a file has.
var endings = map[string]render.Format{
	".json": render.JSON, ".xml": render.JUnit, ".junit": render.JUnit, ".sarif": render.SARIF, ".html": render.HTML, ".htm": render.HTML,
	".md": render.Markdown, ".markdown": render.Markdown, ".txt": render.Table, ".log": render.Table,
}

// aim says which file gets which form.
func (j *judging) aim(format render.Format) error {
	j.targets = nil
	instead := ""
	for _, output := range j.outputs {
		t := target{format: format, file: output}
		if name, file, named := strings.Cut(output, "="); named && !strings.ContainsAny(name, "./\\") {
			if t.format, named = render.Parse(name); !named || file == "" {
				return usageError("--output %q: want FILE or FORMAT=FILE with one of %s", output, strings.Join(render.Formats(), ", "))
			}
			t.file = file
		} else if instead != "" {
			return usageError("--output %q and %q: only one can be without a FORMAT=", instead, output)
		} else if instead = output; output != "-" {
			ending, known := endings[strings.ToLower(filepath.Ext(output))]
			switch {
			case !known && format == render.Table:
				return usageError("--output %q: its ending says no form: want FORMAT=FILE with one of %s", output, strings.Join(render.Formats(), ", "))
			case known:
				t.format = ending
			}
		}
		if slices.ContainsFunc(j.targets, func(other target) bool { return other.file == t.file }) {
			return usageError("--output %q: the file is named twice", t.file)
		}
		j.targets = append(j.targets, t)
	}
	if instead == "" && !slices.ContainsFunc(j.targets, func(t target) bool { return t.file == "-" }) {
		j.targets = append(j.targets, target{format, "-"})
	}
	return nil
}

// known reads the baseline, so that a mistake in it is told before anything runs.
func (j *judging) known() (*evidence.Baseline, error) {
	if j.baseline == "" {
		return nil, nil
	}
	file, err := os.Open(j.baseline)
	if err != nil {
		return nil, fmt.Errorf("--baseline: %w", err)
	}
	defer file.Close()
	known, err := evidence.ReadBaseline(file)
	if err != nil {
		return nil, fmt.Errorf("--baseline %s: %w", j.baseline, err)
	}
	return known, nil
}

// publish judges a report and writes it where it was asked for. The terminal is
// where it goes otherwise, log gets what is said beside it.
func (j *judging) publish(r *evidence.Report, known *evidence.Baseline, terminal *os.File, log io.Writer, getenv func(string) string) (int, error) {
	if r.Coverage.Of != j.coverageOf {
		r.Recount(j.coverageOf)
	}
	globs := j.globs()
	if err := r.Filter(globs); err != nil {
		return exitUsage, fmt.Errorf("--operations: %w", err)
	}
	if known != nil {
		if err := known.Filter(globs); err != nil {
			return exitUsage, fmt.Errorf("--operations: %w", err)
		}
		for _, v := range known.Apply(r) {
			place := strings.TrimSuffix(strings.Join([]string{v.Operation, v.Rule, v.Name + v.Pointer}, " "), " ")
			say(log, "fixed, no longer met: %s (%s)", place, v.Fingerprint)
		}
	}
	if j.writeBaseline != "" {
		var b bytes.Buffer
		written := evidence.NewBaseline(r)
		if known != nil {
			written.Keep(known, r)
		}
		if err := written.Write(&b); err != nil {
			return exitUsage, err
		}
		if err := os.WriteFile(j.writeBaseline, b.Bytes(), 0o644); err != nil {
			return exitUsage, fmt.Errorf("--write-baseline: %w", err)
		}
	}
	options := render.Options{
		Judging: evidence.Judging{FailOn: evidence.FailOn(j.failOn), MinCoverage: j.minCoverage, AllowNoRequests: j.allowNone},
		Now:     time.Now(), Ended: j.ended, Unfinished: j.unfinished,
	}
	read := false // whether the verdict is on the terminal in words
	for _, t := range j.targets {
		if t.file == "-" {
			read = read || slices.Contains([]render.Format{render.Table, render.Markdown, render.GitHub}, t.format)
			shown := options
			shown.Colour = app.Colours(terminal, getenv)
			shown.Width, _ = strconv.Atoi(getenv("COLUMNS"))
			if err := render.Write(terminal, t.format, r, shown); err != nil {
				return exitUsage, err
			}
			continue
		}
		var b bytes.Buffer
		if err := render.Write(&b, t.format, r, options); err != nil {
			return exitUsage, err
		}
		if err := os.WriteFile(t.file, b.Bytes(), 0o644); err != nil {
			return exitUsage, fmt.Errorf("--output: %w", err)
		}
	}
	verdict := r.Judge(options.Judging)
	switch {
	case verdict.OK() && j.failUnserved && len(verdict.Unserved) > 0:
		return exitUnserved, nil
	case verdict.OK():
		return exitOK, nil
	}
	if !read {
		tell(log, verdict)
		say(log, "%s", render.Headline(r, options))
	}
	return exitFailed, nil
}

// tell says what broke the contract, for a log that has no table.
func tell(log io.Writer, verdict *evidence.Verdict) {
	for i := range verdict.Failures {
		v := &verdict.Failures[i]
		place := strings.TrimSpace(string(v.In) + " " + v.Name + v.Pointer)
		say(log, "%s %s: %s: %s: %s (%s:%d)", v.Method, v.Path, place, v.Rule, v.Message, v.Document.File, v.Document.Line)
	}
}
