package command

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/understudy-api/understudy/server/app"
	"github.com/understudy-api/understudy/server/evidence/render"
	"github.com/understudy-api/understudy/server/shell"
)

// detachedWord is the command by which "start" starts the server: nobody else's.
const detachedWord = "detached-server"

// beforeWord are arguments that stand before the command's word; for tests.
var beforeWord []string

const (
	defaultName  = "default"
	startTimeout = 30 * time.Second
	// stopTimeout is more than the server takes for requests that do not end.
	stopTimeout = 30 * time.Second
	pause       = 20 * time.Millisecond // between two looks at what another process does
	lockTries   = 10
	logTail     = 4 << 10 // bytes of a log that are shown
)

// background names a server that runs in the background, and says where what is known of
// it lies: in a folder that is its user's alone.
type background struct {
	name    string
	timeout time.Duration
	all     bool
	format  string
}

var goodName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

func (b *background) declare(fs *flag.FlagSet) {
	fs.StringVar(&b.name, "name", defaultName, "`NAME` of the server in the background, where there are several")
}

func (b *background) validate() error {
	if !goodName.MatchString(b.name) {
		return usageError("--name %q: want letters, digits, \".\", \"_\" and \"-\"", b.name)
	}
	return nil
}

func backgroundFlags(command string) (*flag.FlagSet, *background) {
	fs, b := newFlagSet(command), &background{}
	b.declare(fs)
	switch command {
	case "status":
		fs.Lookup("name").DefValue, b.name = "", ""
	case "stop":
		fs.DurationVar(&b.timeout, "timeout", stopTimeout, "how long to wait for requests that are still served")
		fs.BoolVar(&b.all, "all", false, "stop all servers of this user that run in the background")
	case "env":
		fs.StringVar(&b.format, "format", "sh", "`FORMAT` of the variables: \"sh\" for eval in a shell, \"dotenv\" for lines NAME=VALUE")
	}
	return fs, b
}

// file is a file of the server's.
func (b *background) file(ending string) (string, error) {
	dir, err := app.RuntimeDir()
	if err != nil {
		return "", fmt.Errorf("no folder for what runs in the background: %w", err)
	}
	return filepath.Join(dir, b.name+ending), nil
}

// The endings of a server's files. The lock is held by the server as long as it lives,
// whatever its process id comes to mean; the file stays.
const (
	lockEnding  = ".lock"
	stateEnding = ".server.json"
	urlEnding   = ".url"
	logEnding   = ".log"
)

// state is what a server in the background writes about itself, for its own user.
type state struct {
	PID     int       `json:"pid"`
	URL     string    `json:"url"`
	URLFile string    `json:"urlFile"`
	Log     string    `json:"log"`
	Started time.Time `json:"started"`
	Secret  string    `json:"secret"`            // of clients
	Project string    `json:"project,omitempty"` // the only one of BRMS
}

// read gives the state of a server that runs; nil if none does under the name. A server
// that is about to begin has none yet.
func (b *background) read() (*state, error) {
	lock, err := b.file(lockEnding)
	if err != nil {
		return nil, err
	}
	held, err := isLocked(lock)
	if err != nil || !held {
		return nil, err
	}
	name, err := b.file(stateEnding)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(name) //nolint:gosec // in the folder of the user who asks
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	s := &state{}
	if err := json.Unmarshal(text, s); err != nil || s.PID <= 0 {
		return nil, fmt.Errorf("%s: not the state of a server", name)
	}
	return s, nil
}

// names lists the servers that run, or that ended without a word.
func names() ([]string, error) {
	dir, err := app.RuntimeDir()
	if err != nil {
		return nil, err
	}
	found, err := filepath.Glob(filepath.Join(dir, "*"+stateEnding))
	if err != nil {
		return nil, err
	}
	for i := range found {
		found[i] = strings.TrimSuffix(filepath.Base(found[i]), stateEnding)
	}
	slices.Sort(found)
	return found, nil
}

// print writes the variables by which clients find the server.
func (s *state) print(std stdio, format string) error {
	for _, pair := range variables(s.URL, s.Secret, s.Project, std.getenv) {
		name, value, _ := strings.Cut(pair, "=")
		line := "export " + name + "=" + shell.Quote(value)
		if format == "dotenv" {
			if strings.ContainsAny(value, "\r\n") {
				return fmt.Errorf("the value of %s has several lines", name)
			}
			line = pair
		}
		if _, err := fmt.Fprintln(std.out, line); err != nil {
			return err
		}
	}
	return nil
}

const envUsage = `understudy env [flags]

Prints the variables by which clients find a server in the background, secrets included.
A secret that is set already is left out.

  eval "$(understudy env)"
  understudy env --format dotenv >> "$GITHUB_ENV"

Exits with 0, 1 if no server of the name runs, 2 after a mistake in the flags.`

func printEnv(args []string, std stdio) (int, error) {
	b, err := parseBackground("env", envUsage, args, std)
	if err != nil {
		return exitUsage, err
	}
	if b.format != "sh" && b.format != "dotenv" {
		return exitUsage, usageError("--format %q: want \"sh\" or \"dotenv\"", b.format)
	}
	s, err := b.read()
	if err != nil {
		return exitFailed, err
	}
	if s == nil {
		return exitFailed, notRunning(b.name)
	}
	return exitOK, s.print(std, b.format)
}

func notRunning(name string) error {
	return fmt.Errorf("no server named %s runs in the background: \"understudy start\" starts one", name)
}

func parseBackground(command, usage string, args []string, std stdio) (*background, error) {
	flags, b := backgroundFlags(command)
	if err := app.ParseFlags(flags, usage, args, std.getenv, std.out); err != nil {
		return nil, err
	}
	if flags.NArg() > 0 {
		return nil, usageError("%s takes no arguments, only flags", command)
	}
	if b.name == "" && command == "status" {
		return b, nil
	}
	return b, b.validate()
}

const statusUsage = `understudy status [flags]

Tells which servers of this user run in the background, where, since when, whether they can
serve, and where their logs are. No secret is shown.

Exits with 0 if all of them can serve, 1 if one cannot, or none runs, 2 after a mistake in the
flags.`

func status(args []string, std stdio) (int, error) {
	asked, err := parseBackground("status", statusUsage, args, std)
	if err != nil {
		return exitUsage, err
	}
	list := []string{asked.name}
	if asked.name == "" {
		if list, err = names(); err != nil {
			return exitFailed, err
		}
	}
	code, running := exitOK, 0
	for _, name := range list {
		s, err := (&background{name: name}).read()
		if err != nil {
			return exitFailed, err
		}
		if s == nil {
			continue
		}
		running++
		condition := "ready"
		if err := askHealth(context.Background(), s.URL, false, healthTimeout); err != nil {
			condition, code = "not ready: "+render.Clean(err.Error()), exitFailed
		}
		fmt.Fprintf(std.out, "%s: %s, process %d, since %s, %s\n  log %s\n", name, s.URL, s.PID, s.Started.Local().Format(time.DateTime), condition, s.Log)
	}
	switch {
	case running > 0:
		return code, nil
	case asked.name != "":
		return exitFailed, notRunning(asked.name)
	}
	return exitFailed, errors.New("no server runs in the background")
}

const stopUsage = `understudy stop [flags]

Ends a server that "start" has started, and waits until it has ended: requests that are still
served have 20 seconds. Nothing else is ended, whatever process has the number of one that is
gone.

Exits with 0 once it has ended, also if none runs, 1 if it does not end, 2 after a mistake in
the flags.`

func stop(args []string, std stdio) (int, error) {
	b, err := parseBackground("stop", stopUsage, args, std)
	if err != nil {
		return exitUsage, err
	}
	list := []string{b.name}
	if b.all {
		if list, err = names(); err != nil {
			return exitFailed, err
		}
	}
	for _, name := range list {
		one := &background{name: name, timeout: b.timeout}
		stopped, err := one.end()
		if err != nil {
			return exitFailed, err
		}
		if stopped {
			fmt.Fprintf(std.out, "stopped %s\n", name)
		} else if !b.all {
			fmt.Fprintf(std.out, "no server named %s runs\n", name)
		}
	}
	return exitOK, nil
}

// end ends the server; false if there was none.
func (b *background) end() (bool, error) {
	s, err := b.read()
	if err != nil {
		return false, err
	}
	if s == nil {
		return false, b.sweep()
	}
	process, err := os.FindProcess(s.PID)
	if err != nil {
		return false, b.sweep()
	}
	defer func() { _ = process.Release() }()
	// Where the system can (Linux), the process is held now, and its number cannot become
	// another's: it is the server if the lock is still the server's.
	again, err := b.read()
	if err != nil {
		return false, err
	}
	if again == nil || again.PID != s.PID {
		return false, b.sweep()
	}
	if err := process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return false, fmt.Errorf("stop %s: %w", b.name, err)
	}
	tick := time.NewTicker(pause)
	defer tick.Stop()
	limit := time.NewTimer(b.timeout)
	defer limit.Stop()
	lock, err := b.file(lockEnding)
	if err != nil {
		return false, err
	}
	for {
		held, err := isLocked(lock)
		if err != nil {
			return false, err
		}
		if !held {
			return true, b.sweep()
		}
		select {
		case <-limit.C:
			return false, fmt.Errorf("stop %s: it has not ended within %v", b.name, b.timeout)
		case <-tick.C:
		}
	}
}

// sweep removes what a server left that ended without a word, unless another one begins.
func (b *background) sweep() error {
	name, err := b.file(lockEnding)
	if err != nil {
		return err
	}
	if _, err := os.Stat(name); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	lock, err := takeLock(name)
	if errors.Is(err, errHeld) {
		return nil
	}
	if err != nil {
		return err
	}
	defer lock.Close()
	for _, ending := range []string{stateEnding, urlEnding, urlEnding + ".admin"} {
		name, err := b.file(ending)
		if err != nil {
			return err
		}
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// errHeld is the error of a lock that another process has.
var errHeld = errors.New("another process has the lock")
