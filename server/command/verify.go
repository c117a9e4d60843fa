package command

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/understudy-api/understudy/server/app"
	"github.com/understudy-api/understudy/server/evidence/render"
	"github.com/understudy-api/understudy/server/verify"
)

const verifyUsage = `understudy verify --document brms|datafold|understudy|FILE|URL|- [flags]

Sends requests to a server and finds where it breaks its contract. Exits with 0 if
nothing was found, 1 if something was, 2 if the server could not be verified.`

// verifying is the flags of "verify" beside those of its report.
type verifying struct {
	clienting

	in                  io.Reader // the document, if it is "-"
	url, document       string
	auth, header        texts
	exclude, phases     list
	checks, exempt      list
	maxExamples         int
	seed                uint64
	timeLimit, timeout  time.Duration
	maxResponseTime     time.Duration
	workers             int
	rate                float64
	replay, writeReplay string
	strictDocument      bool
	allowReferences     list
	writeHAR            string
	requireCalls        bool
}

// texts is a flag that may be given several times. Its values may hold commas.
type texts []string

// String joins the texts for a list of flags.
func (t *texts) String() string { return strings.Join(*t, ", ") }

// Set adds a text.
func (t *texts) Set(value string) error {
	*t = append(*t, value)
	return nil
}

func verifyFlags() (*flag.FlagSet, *verifying, *judging) {
	fs, v, j := newFlagSet("verify"), &verifying{}, &judging{}
	j.declare(fs)
	f := fs.Lookup("operations")
	f.Usage = "`GLOB` of the operations to verify, as createThing or \"GET /things*\", or tag:GLOB, path:GLOB, method:GET, re:EXPRESSION or deprecated; may be repeated"
	v.declare(fs)
	fs.StringVar(&v.url, "url", "http://127.0.0.1:8080", "`BASE` URL of the server, with the path that stands before those of the document")
	fs.StringVar(&v.document, "document", "", "the OpenAPI document, 3.0 to 3.2, or Swagger 2: "+strings.Join(app.VerifyDocuments(), ", ")+", or a `FILE` or URL, or - for standard input")
	fs.BoolVar(&v.strictDocument, "strict-document", false, "refuse a document with a rule that cannot be judged, instead of a warning")
	fs.Var(&v.allowReferences, "allow-references", "`PLACES`, folders or URLs, to which references of the document may lead, besides its own folder or origin")
	fs.Var(&v.auth, "auth", "credential: `VALUE` of the header Authorization, as \"Bearer ...\", or NAME=VALUE for the security scheme of that name; may be repeated; better set in the environment")
	fs.Var(&v.header, "header", "`HEADER` that every request carries, as \"Name: value\"; may be repeated")
	fs.Var(&v.exclude, "exclude", "`GLOB` of operations that are left out, or the like of --operations; may be repeated")
	fs.Var(&v.phases, "phases", "`PHASES` to run, of examples, coverage, fuzzing and stateful; all if not given")
	fs.Var(&v.checks, "checks", "`CHECKS` to make, by name; all if not given")
	fs.Var(&v.exempt, "exempt", "`CHECK:GLOB` that keeps a check from judging some operations; may be repeated")
	fs.IntVar(&v.maxExamples, "max-examples", verify.DefaultMaxExamples, "random requests per operation")
	fs.Uint64Var(&v.seed, "seed", 0, "`NUMBER` that all that is random comes from; 0 draws one and says which")
	fs.DurationVar(&v.timeLimit, "time-limit", 0, "how long the run may take; 0 is no limit")
	fs.DurationVar(&v.timeout, "timeout", verify.DefaultTimeout, "how long one request may take")
	fs.DurationVar(&v.maxResponseTime, "max-response-time", 0, "how long an answer may take before the check max_response_time fails; 0 is off")
	fs.IntVar(&v.workers, "workers", 0, "requests at a time; 0 is twice the processors")
	fs.Float64Var(&v.rate, "rate", 0, "requests per second at most; 0 is no limit")
	fs.StringVar(&v.replay, "replay", "", "`FILE` of findings that are looked for again, and nothing else")
	fs.StringVar(&v.writeReplay, "write-replay", "", "`FILE` that gets the findings, for --replay")
	fs.StringVar(&v.writeHAR, "write-har", "", "`FILE` that gets the calls of the findings with their answers, as an HTTP archive")
	fs.BoolVar(&v.requireCalls, "require-calls", false, "fail if an operation was never called with success")
	return fs, v, j
}

// runVerify verifies a server.
func runVerify(args []string, std stdio) (int, error) {
	fs, v, j := verifyFlags()
	if err := app.ParseFlags(fs, verifyUsage, args, std.getenv, std.out); err != nil {
		return exitUsage, err
	}
	v.in = std.in
	if fs.NArg() > 0 { // not shown: it may be a secret
		return exitUsage, usageError("verify takes no arguments, only flags")
	}
	if err := j.validate(); err != nil {
		return exitUsage, err
	}
	known, err := j.known()
	if err != nil {
		return exitUsage, err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	o, err := v.options(ctx, j)
	if err != nil {
		return exitUsage, err
	}
	terminal := app.Colours(std.err, std.getenv)
	o.Progress = progress(std.err, terminal)
	result, err := v.verify(ctx, o)
	if terminal {
		fmt.Fprint(std.err, clearLine)
	}
	if err != nil {
		return exitUsage, err
	}
	if v.writeReplay != "" {
		var b bytes.Buffer
		if err := result.WriteReplay(&b); err != nil {
			return exitUsage, err
		}
		if err := os.WriteFile(v.writeReplay, b.Bytes(), 0o644); err != nil {
			return exitUsage, fmt.Errorf("--write-replay: %w", err)
		}
	}
	if v.writeHAR != "" {
		var b bytes.Buffer
		if err := result.WriteHAR(&b, app.Version()); err != nil {
			return exitUsage, err
		}
		if err := os.WriteFile(v.writeHAR, b.Bytes(), 0o644); err != nil {
			return exitUsage, fmt.Errorf("--write-har: %w", err)
		}
	}
	j.unfinished = result.Stopped
	j.operations = nil // they were chosen before anything was sent
	code, err := j.publish(result.Report(app.Version()), known, std.out, std.err, std.getenv)
	conclude(std.err, result)
	if err == nil && code == exitOK && ctx.Err() != nil {
		return exitUsage, errors.New("the run was interrupted before its end, and found nothing until then")
	}
	if n := len(result.Uncalled); err == nil && code == exitOK && n > 0 && v.requireCalls {
		return exitFailed, fmt.Errorf("--require-calls: %d operations were never called with success: %s", n, strings.Join(result.Uncalled, ", "))
	}
	return code, err
}

func (v *verifying) verify(ctx context.Context, o verify.Options) (*verify.Result, error) {
	if v.replay == "" {
		return verify.Run(ctx, o)
	}
	file, err := os.Open(v.replay)
	if err != nil {
		return nil, fmt.Errorf("--replay: %w", err)
	}
	defer file.Close()
	replay, err := verify.ReadReplay(file)
	if err != nil {
		return nil, fmt.Errorf("--replay %s: %w", v.replay, err)
	}
	return verify.Replay(ctx, o, replay)
}

// options turns the flags into those of a run.
func (v *verifying) options(ctx context.Context, j *judging) (verify.Options, error) {
	base, err := url.Parse(v.url)
	if err != nil || base.Scheme != "http" && base.Scheme != "https" || base.Host == "" || base.User != nil {
		return verify.Options{}, usageError("--url: want a URL as http://HOST:PORT/BASE, without a user") // not shown: it may hold a password
	}
	if v.maxExamples < 0 {
		return verify.Options{}, usageError("--max-examples %d: want a number that is not negative", v.maxExamples)
	}
	o := verify.Options{
		URL: v.url, Header: http.Header{}, Credentials: map[string]string{}, Operations: j.operations, Exclude: v.exclude,
		Checks: v.checks, MaxExamples: cmp.Or(v.maxExamples, -1), Seed: v.seed, TimeLimit: v.timeLimit, Timeout: v.timeout,
		MaxResponseTime: v.maxResponseTime, Workers: v.workers, Rate: v.rate,
	}
	if err := v.apply(&o); err != nil {
		return o, err
	}
	for _, phase := range v.phases {
		o.Phases = append(o.Phases, verify.Phase(phase))
	}
	for _, exempt := range v.exempt {
		check, glob, _ := strings.Cut(exempt, ":")
		o.Exempt = append(o.Exempt, verify.Exemption{Check: check, Operation: glob, Reason: "--exempt"})
	}
	for _, header := range v.header {
		name, value, found := strings.Cut(header, ":")
		if name = strings.TrimSpace(name); !found || name == "" || strings.ContainsFunc(name+value, func(r rune) bool { return r < ' ' || r > '~' }) {
			return o, usageError("--header: want \"Name: value\" in printable ASCII") // not shown: it may be a secret
		}
		o.Header.Add(name, strings.TrimSpace(value))
	}
	for _, auth := range v.auth {
		name, value, named := strings.Cut(auth, "=")
		if named && name != "" && !strings.ContainsAny(name, " \t") && value != "" {
			o.Credentials[name] = value
			continue
		}
		if o.Authorization != "" {
			return o, usageError("--auth: want one value of the header Authorization, and NAME=VALUE for the others")
		}
		o.Authorization = auth
	}
	o.Document, err = v.readDocument(ctx)
	return o, err
}

// clearLine goes back to the beginning of a terminal's line and clears it.
const clearLine = "\r\x1b[K"

// progress tells how far a run is: on one line of a terminal, else on a line for
// each phase.
func progress(w io.Writer, terminal bool) func(verify.Progress) {
	return func(p verify.Progress) {
		text := fmt.Sprintf("%s: %d of %d jobs, %d requests, %d findings, %s",
			p.Phase, p.Done, p.Jobs, p.Requests, p.Findings, p.Elapsed.Round(100*time.Millisecond))
		switch {
		case terminal && !p.Ended:
			fmt.Fprint(w, clearLine+render.Clean(text))
		case p.Ended && terminal:
			fmt.Fprint(w, clearLine+render.Clean(text)+"\n")
		case p.Ended:
			say(w, "%s", text)
		}
	}
}

// conclude writes the summary of a run that no rendering of the report has a place for.
func conclude(w io.Writer, r *verify.Result) {
	byCheck := map[string]int{}
	for i := range r.Findings {
		byCheck[r.Findings[i].Check]++
	}
	for _, check := range slices.Sorted(maps.Keys(byCheck)) {
		say(w, "%s: findings: %d", check, byCheck[check])
	}
	for _, warning := range r.Warnings {
		say(w, "warning: %s", warning)
	}
	if r.Stopped != "" {
		say(w, "ended early: %s", r.Stopped)
	}
	took := r.To.Sub(r.From)
	say(w, "%d requests in %s, %.0f a second, seed %d",
		r.Requests, took.Round(time.Millisecond), float64(r.Requests)/max(took.Seconds(), 1e-3), r.Seed)
}
