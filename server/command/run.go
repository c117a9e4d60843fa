package command

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/understudy-api/understudy/server/app"
)

// drainTimeout is how long requests that outlive the command are waited for.
const drainTimeout = 5 * time.Second

const runUsage = `understudy run [flags] -- COMMAND [ARGUMENT...]

Serves while the command runs, with UNDERSTUDY_URL, BRMS_URL, GORULES_URL, GORULES_API_URL
and DATAFOLD_HOST set to where, and UNDERSTUDY_TOKEN, GORULES_TOKEN, GORULES_API_KEY,
DATAFOLD_API_KEY and DATAFOLD_APIKEY to one secret: that of the workspace in the file of
--seed if it holds one, else one made for this run. A secret that is set already stays. If the
workspace holds one project, GORULES_PROJECT_ID is its id. NO_PROXY keeps requests on this
machine. Then reports on what all workspaces did, on standard error.

  understudy run -- ./client-tests.sh
  understudy run --seed world.yaml --output junit.xml -- go test ./...

Exits with the command's code if that is not 0, else with 1 if the contract is broken, the
coverage too low or no request was made, and 2 after a mistake in the flags.`

// runFlags are the flags of "serve", with defaults for one run, and those of a
// report.
func runFlags() (*flag.FlagSet, *app.Config, *judging) {
	fs, config, j := newFlagSet("run"), &app.Config{}, &judging{}
	config.Flags(fs)
	j.declare(fs)
	for name, value := range map[string]string{"addr": "127.0.0.1:0", "store": "memory", "log-level": "warn", "log-requests": "false"} {
		f := fs.Lookup(name)
		_ = f.Value.Set(value) // a text takes any
		f.DefValue = value
	}
	return fs, config, j
}

// run serves while a command runs, and judges what it did.
func run(args []string, std stdio) (int, error) {
	flags, config, j := runFlags()
	if err := app.ParseFlags(flags, runUsage, args, std.getenv, std.out); err != nil {
		return exitUsage, err
	}
	if err := config.Validate(); err != nil {
		return exitUsage, err
	}
	if err := j.validate(); err != nil {
		return exitUsage, err
	}
	known, err := j.known()
	if err != nil {
		return exitUsage, err
	}
	if flags.NArg() == 0 {
		return exitUsage, usageError("run: want a command, as in \"understudy run -- ./client-tests.sh\"")
	}
	program, err := exec.LookPath(flags.Arg(0))
	if err != nil {
		return notStarted(flags.Arg(0), err)
	}

	// From here on a signal is the command's.
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)

	ctx := context.Background()
	given := givenSecret(std.getenv)
	secret := cmp.Or(given, rand.Text())
	config.Secret = secret
	server, err := app.Listen(ctx, config, std.err)
	if err != nil {
		return exitUsage, err
	}
	if given == "" {
		secret = cmp.Or(server.SeedSecret, secret)
	}
	project, err := server.App.OnlyProject(ctx, secret)
	if err != nil {
		return exitUsage, errors.Join(err, server.App.Close())
	}
	code, err := attend(program, flags.Args(), environment(server.URL, secret, project, std.getenv), signals, std)
	signal.Stop(signals) // what comes now ends the report
	limit, cancel := context.WithTimeout(ctx, drainTimeout)
	defer cancel()
	if drained := server.Drain(limit); drained != nil {
		say(std.err, "requests are still running: the report is without them")
	}
	if err != nil {
		_ = server.App.Close()
		return code, err
	}
	j.ended = endedBy(code)
	r, err := server.App.Report(ctx, j.coverageOf)
	if err = errors.Join(err, server.App.Close()); err != nil {
		return first(code, exitUsage), fmt.Errorf("no report: %w", err)
	}
	verdict, err := j.publish(r, known, std.err, std.err, std.getenv)
	return first(code, verdict), err
}

// endedBy says how a command ended; "" if well.
func endedBy(code int) string {
	switch {
	case code == exitOK:
		return ""
	case code > exitSignalled && code < exitSignalled+65:
		return "was ended by signal " + strconv.Itoa(code-exitSignalled)
	}
	return "ended with " + strconv.Itoa(code)
}

// first is the exit code that is not 0: the command's goes before the verdict's.
func first(code, other int) int {
	if code != exitOK {
		return code
	}
	return other
}

// attend runs the command on the terminal until it ends. It gets every signal that
// we get; when to end is its own decision.
func attend(program string, args, env []string, signals <-chan os.Signal, std stdio) (int, error) {
	command := &exec.Cmd{Path: program, Args: args, Env: env, Stdin: std.in, Stdout: std.out, Stderr: std.err}
	forward := prepare(command)
	if err := command.Start(); err != nil {
		return notStarted(args[0], err)
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	for {
		select {
		case s := <-signals:
			forward(s)
		case err := <-ended:
			return exitCode(err)
		}
	}
}

func exitCode(err error) (int, error) {
	if err == nil {
		return exitOK, nil
	}
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok {
		return exitNotRun, fmt.Errorf("run: %w", err)
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return exitSignalled + int(status.Signal()), nil
	}
	return exit.ExitCode(), nil
}

// notStarted tells why a command did not start, with the codes that shells give.
func notStarted(name string, err error) (int, error) {
	switch {
	case errors.Is(err, exec.ErrNotFound), errors.Is(err, fs.ErrNotExist):
		return exitNotFound, fmt.Errorf("run: %s: not found", name)
	case errors.Is(err, exec.ErrDot):
		return exitNotFound, fmt.Errorf("run: %s: found only in this folder: say ./%s", name, name)
	case errors.Is(err, fs.ErrPermission):
		return exitNotRun, fmt.Errorf("run: %s: not executable", name)
	case errors.Is(err, syscall.ENOEXEC):
		return exitNotRun, fmt.Errorf("run: %s: no program: a script begins with a line as #!/bin/sh", name)
	}
	return exitNotRun, fmt.Errorf("run: %s: %w", name, err)
}

// The variables in which clients look for the server and for their secret.
var (
	urlNames    = []string{"UNDERSTUDY_URL", "BRMS_URL", "GORULES_URL", "GORULES_API_URL", "DATAFOLD_HOST"}
	secretNames = []string{"UNDERSTUDY_TOKEN", "GORULES_TOKEN", "GORULES_API_KEY", "DATAFOLD_API_KEY", "DATAFOLD_APIKEY"}
	proxyNames  = []string{"HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"}
)

// givenSecret is the secret that the caller has set for BRMS; "" for none.
func givenSecret(getenv func(string) string) string {
	for _, name := range secretNames[:3] {
		if secret := getenv(name); secret != "" {
			return secret
		}
	}
	return ""
}

// environment is the command's: where the server is, and secrets. One that the caller
// has set stays. Where the server keeps its state, a password perhaps included, and the
// administrator's secret are the server's alone.
func environment(url, secret, project string, getenv func(string) string) []string {
	env := slices.DeleteFunc(os.Environ(), func(pair string) bool {
		name, _, _ := strings.Cut(pair, "=")
		return slices.Contains([]string{"UNDERSTUDY_STORE", "UNDERSTUDY_ADMIN_TOKEN", "UNDERSTUDY_ADMIN_TOKEN_FILE"}, name)
	})
	return append(env, variables(url, secret, project, getenv)...)
}

// variables are the pairs by which clients find the server and their workspace in it. A
// secret that is set already stays.
func variables(url, secret, project string, getenv func(string) string) (env []string) {
	for _, name := range urlNames {
		env = append(env, name+"="+url)
	}
	for _, name := range secretNames {
		if getenv(name) == "" {
			env = append(env, name+"="+secret)
		}
	}
	if project != "" {
		env = append(env, "GORULES_PROJECT_ID="+project)
	}
	for _, name := range proxyNames {
		if getenv(name) == "" {
			continue
		}
		// A proxy would take what is meant for this machine to its own.
		for _, name := range []string{"NO_PROXY", "no_proxy"} {
			env = append(env, name+"="+strings.TrimPrefix(getenv(name)+",127.0.0.1,localhost,::1", ","))
		}
		break
	}
	return env
}
