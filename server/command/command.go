// Package command is the command line: what each word of it takes, does, prints
// and exits with.
package command

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"strings"
	"syscall"

	"github.com/understudy-api/understudy/server/app"
	"github.com/understudy-api/understudy/server/contract/spelling"
)

// The exit codes. What "run" runs has its own, which are passed on.
const (
	exitOK        = 0
	exitFailed    = 1 // the contract is broken, or the coverage below the threshold; of serve: any error
	exitUnserved  = 3 // all is well but for requests that are not served here, if that is asked for
	exitUsage     = 2 // a mistake in the command line, or no report could be had
	exitNotRun    = 126
	exitNotFound  = 127
	exitSignalled = 128 // and the signal's number
)

const usage = `Understudy stands in for the APIs of GoRules BRMS and Datafold.

Usage: understudy COMMAND [flags]

Commands:
  serve         serve both APIs
  run           serve while a command runs, then report and give the verdict
  start         serve in the background
  status        tell which servers run in the background
  env           print the variables by which clients find such a server
  stop          end such a server
  health        ask whether a server can serve: for a container's health check
  verify        find where a server breaks its contract
  report        report on what a server has seen, and give the verdict
  report merge  join the reports of several jobs into one
  seed export   write a workspace as a file
  seed apply    make workspaces what a file says
  seed check    find the mistakes of a file
  document      print a document that is built in, with its lines
  version       print the version

"understudy help COMMAND" tells how a command is used, and lists its flags.
`

// stdio is where a command reads and writes.
type stdio struct {
	in       *os.File
	out, err *os.File
	getenv   func(string) string
}

// Main runs the command line and gives the exit code.
func Main(args []string) int {
	std := stdio{in: os.Stdin, out: os.Stdout, err: os.Stderr, getenv: os.Getenv}
	if len(args) == 0 {
		fmt.Fprint(std.err, usage)
		return exitUsage
	}
	slog.SetDefault(slog.New(slog.DiscardHandler)) // net/http's own lines, which repeat what others sent
	tellUnread(std, os.Environ())
	var code int
	var err error
	switch word, rest := args[0], args[1:]; word {
	case "serve":
		code, err = serve(rest, std)
	case "run":
		code, err = run(rest, std)
	case "start":
		code, err = start(rest, std)
	case "status":
		code, err = status(rest, std)
	case "env":
		code, err = printEnv(rest, std)
	case "stop":
		code, err = stop(rest, std)
	case "health":
		code, err = health(rest, std)
	case detachedWord:
		code, err = detached(std)
	case "report":
		if len(rest) > 0 && rest[0] == "merge" {
			code, err = merge(rest[1:], std)
		} else {
			code, err = report(rest, std)
		}
	case "seed":
		code, err = seeds(rest, std)
	case "verify":
		code, err = runVerify(rest, std)
	case "document":
		code, err = showDocument(rest, std)
	case "version", "-v", "--version", "-version":
		fmt.Fprintln(std.out, app.Version())
	case "help", "-h", "--help", "-help":
		if len(rest) > 0 && !strings.HasPrefix(rest[0], "-") {
			return Main(append(rest, "-h"))
		}
		fmt.Fprint(std.out, usage)
	default:
		meant := ""
		if near := spelling.Nearest(word, commands, 2, strings.ToLower); near != "" {
			meant = fmt.Sprintf(": perhaps %q is meant", near)
		}
		say(std.err, "unknown command %q%s", word, meant)
		fmt.Fprint(std.err, "\n"+usage)
		return exitUsage
	}
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitOK
	case err != nil:
		say(std.err, "%v", err)
	}
	return code
}

var commands = []string{"serve", "run", "start", "status", "env", "stop", "health", "verify", "report", "seed", "document", "version", "help"}

// ofTests are variables of our own tests, which start the program.
var ofTests = regexp.MustCompile(`^UNDERSTUDY_(TEST|REQUIRE|CRASH|JOB|DATADIFF|ABUSE|ZEN|JS|LOAD)_|^UNDERSTUDY_(ABUSE|BUGS|ORACLE|DIFFERENTIAL|DATAFOLD_PUBLISHED|CLIENTS|VERSION)$`)

// tellUnread tells of variables that look like ours and that nothing reads.
func tellUnread(std stdio, environ []string) {
	known := []string{"UNDERSTUDY_REPORT_DIR"} // read by Go tests with understudytest
	for _, command := range []string{"serve", "run", "start", "status", "env", "stop", "health", "report", "verify", "report merge", "seed export", "seed apply"} {
		Flags(command).VisitAll(func(f *flag.Flag) { known = append(known, app.EnvName(command, f.Name)) })
	}
	for _, pair := range environ {
		name, value, _ := strings.Cut(pair, "=")
		switch {
		case !strings.HasPrefix(name, "UNDERSTUDY_"), value == "", slices.Contains(known, name):
		case ofTests.MatchString(name):
		default:
			text := "nothing reads the variable " + name
			if near := spelling.Nearest(name, known, 2, strings.ToUpper); near != "" {
				text += ": perhaps " + near + " is meant"
			}
			say(std.err, "%s", text)
		}
	}
}

func serve(args []string, std stdio) (int, error) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	err := app.Serve(ctx, args, std.out, std.err)
	if err == nil {
		return exitOK, nil
	}
	if _, mistake := errors.AsType[*app.UsageError](err); mistake {
		return exitUsage, err
	}
	return exitFailed, err
}

// usageError is a mistake in the command line.
func usageError(format string, args ...any) error {
	return &app.UsageError{Reason: fmt.Sprintf(format, args...)}
}

// Flags gives the flags of a command with their defaults, such as "serve" or "report merge".
// Some have none.
func Flags(command string) *flag.FlagSet {
	switch command {
	case "serve":
		fs := newFlagSet(command)
		new(app.Config).Flags(fs)
		return fs
	case "run":
		fs, _, _ := runFlags()
		return fs
	case "start":
		fs, _, _ := startFlags()
		return fs
	case "status", "env", "stop":
		fs, _ := backgroundFlags(command)
		return fs
	case "health":
		fs, _ := healthFlags()
		return fs
	case "report":
		fs, _, _ := reportFlags()
		return fs
	case "verify":
		fs, _, _ := verifyFlags()
		return fs
	case "report merge":
		fs := newFlagSet(command)
		new(judging).declare(fs)
		return fs
	case "seed export", "seed apply":
		fs := newFlagSet(command)
		new(remote).declare(fs, command == "seed export")
		return fs
	}
	return newFlagSet(command)
}

func newFlagSet(command string) *flag.FlagSet {
	fs := flag.NewFlagSet("understudy "+command, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	return fs
}
