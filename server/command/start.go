package command

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/understudy-api/understudy/server/app"
)

const startUsage = `understudy start [flags]

Serves in the background, on a free port and in memory unless the flags of "serve" say
otherwise, and returns once requests are answered. With --env it prints the variables that
"run" sets, for eval in a shell:

  eval "$(understudy start --env)"
  ./client-tests.sh
  understudy report --url "$UNDERSTUDY_URL" --all-workspaces
  understudy stop

What is known of the server is in files of this user's alone, below $XDG_RUNTIME_DIR or the
user's cache: "status" names its log.

Exits with 0 once requests are answered, 1 if the server cannot start or one of the name runs
already, 2 after a mistake in the flags.`

// starting is what "start" takes beside the flags of "serve".
type starting struct {
	background

	env bool
}

func startFlags() (*flag.FlagSet, *app.Config, *starting) {
	fs, config, s := newFlagSet("start"), &app.Config{}, &starting{}
	config.Flags(fs)
	for name, value := range map[string]string{"addr": "127.0.0.1:0", "store": "memory"} {
		f := fs.Lookup(name)
		_ = f.Value.Set(value) // a text takes any
		f.DefValue = value
	}
	s.declare(fs)
	fs.BoolVar(&s.env, "env", false, "print the variables by which clients find the server, for eval in a shell")
	fs.DurationVar(&s.timeout, "timeout", startTimeout, "how long the server may take to begin")
	return fs, config, s
}

// errand is what the server is told, on its standard input: a command line and the
// environment could be read by others.
type errand struct {
	Flags    map[string]string `json:"flags"`
	Secret   string            `json:"secret"`
	Given    bool              `json:"given"` // the secret is the caller's own
	State    string            `json:"state"` // the file
	Log      string            `json:"log"`
	StoreKey string            `json:"storeKey"`
	Admin    string            `json:"admin"`
}

func start(args []string, std stdio) (int, error) {
	flags, config, s := startFlags()
	if err := app.ParseFlags(flags, startUsage, args, std.getenv, std.out); err != nil {
		return exitUsage, err
	}
	if flags.NArg() > 0 {
		return exitUsage, usageError("start takes no arguments, only flags") // not shown: it may be a secret
	}
	if err := errors.Join(config.Validate(), s.validate()); err != nil {
		return exitUsage, firstLine(err)
	}
	known, err := s.launch(flags, config, std)
	if err != nil {
		return exitFailed, err
	}
	if s.env {
		return exitOK, known.print(std, "sh")
	}
	fmt.Fprintf(std.out, "listening on %s\n", known.URL)
	return exitOK, nil
}

// launch starts the server and waits until it answers.
func (s *starting) launch(flags *flag.FlagSet, config *app.Config, std stdio) (*state, error) {
	e := errand{Flags: map[string]string{}, StoreKey: string(config.StoreKey), Admin: string(config.AdminToken)}
	Flags("serve").VisitAll(func(f *flag.Flag) { e.Flags[f.Name] = flags.Lookup(f.Name).Value.String() })
	given := givenSecret(std.getenv)
	e.Secret, e.Given = cmp.Or(given, rand.Text()), given != ""
	files := map[string]string{}
	for _, ending := range []string{lockEnding, stateEnding, urlEnding, logEnding} {
		name, err := s.file(ending)
		if err != nil {
			return nil, err
		}
		files[ending] = name
	}
	if config.URLFile == "" {
		e.Flags["url-file"] = files[urlEnding]
	}
	e.State, e.Log = files[stateEnding], files[logEnding]
	if err := os.MkdirAll(filepath.Dir(e.State), 0o700); err != nil {
		return nil, err
	}
	if info, err := os.Stat(filepath.Dir(e.State)); err != nil || info.Mode().Perm()&0o022 != 0 {
		return nil, errors.Join(err, fmt.Errorf("%s: other users can write to it: chmod go-w", filepath.Dir(e.State)))
	}
	lock, err := takeLock(files[lockEnding])
	for range lockTries { // who asks for a moment has the lock as well
		if !errors.Is(err, errHeld) {
			break
		}
		<-time.After(pause)
		lock, err = takeLock(files[lockEnding])
	}
	if errors.Is(err, errHeld) {
		return nil, fmt.Errorf("a server named %s runs already: \"understudy env\" tells where, \"understudy stop\" ends it, and --name starts another", s.name)
	}
	if err != nil {
		return nil, err
	}
	defer lock.Close() // the server has it as well
	if err := os.Remove(e.State); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	// Replaced and not written through, whatever lies under the name.
	if err := app.WritePrivate(e.Log, ""); err != nil {
		return nil, err
	}
	log, err := os.OpenFile(e.Log, os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	text, err := json.Marshal(e) //nolint:gosec // for the server's standard input
	if err != nil {
		return nil, err
	}
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	command := exec.CommandContext(context.Background(), program, append(slices.Clone(beforeWord), detachedWord)...)
	command.Stdin, command.Stdout, command.Stderr = strings.NewReader(string(text)), log, log
	command.ExtraFiles = []*os.File{lock}
	detach(command)
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("start: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	return s.await(command, ended, e.Log, std.err)
}

// await waits until the server has told its state.
func (s *starting) await(command *exec.Cmd, ended <-chan error, log string, out io.Writer) (*state, error) {
	tick := time.NewTicker(pause)
	defer tick.Stop()
	limit := time.NewTimer(s.timeout)
	defer limit.Stop()
	for {
		select {
		case <-ended: //nolint:errcheck // its log tells more
			_, _ = io.WriteString(out, tailOf(log))
			return nil, errors.New("the server ended before it could serve")
		case <-limit.C:
			_ = command.Process.Kill()
			<-ended //nolint:errcheck // it was killed
			_, _ = io.WriteString(out, tailOf(log))
			return nil, fmt.Errorf("the server could not serve within %v", s.timeout)
		case <-tick.C:
			if known, err := s.read(); err != nil || known != nil {
				return known, err
			}
		}
	}
}

// tailOf is the end of a log.
func tailOf(name string) string {
	text, err := os.ReadFile(name)
	if err != nil {
		return ""
	}
	return string(text[max(0, len(text)-logTail):])
}

// detached is the server in the background.
func detached(std stdio) (int, error) {
	keepLock()
	var e errand
	if err := json.NewDecoder(std.in).Decode(&e); err != nil {
		return exitUsage, errors.New("this command is \"understudy start\"'s own")
	}
	config := &app.Config{}
	flags := newFlagSet("serve")
	config.Flags(flags)
	for name, value := range e.Flags {
		if f := flags.Lookup(name); f == nil || value == "" && f.DefValue == "" {
			continue
		}
		if err := flags.Set(name, value); err != nil {
			return exitUsage, usageError("--%s: %v", name, err)
		}
	}
	for name, value := range map[string]string{"store-key": e.StoreKey, "admin-token": e.Admin} {
		if value != "" {
			if err := flags.Set(name, value); err != nil {
				return exitUsage, usageError("--%s: not accepted", name)
			}
		}
	}
	config.Secret = e.Secret
	ctx, end := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer end()
	err := app.ServeConfig(ctx, config, std.out, std.err, func(server *app.Server) error {
		s := state{PID: os.Getpid(), URL: server.URL, URLFile: config.URLFile, Log: e.Log, Started: time.Now().UTC(), Secret: e.Secret}
		if !e.Given {
			s.Secret = cmp.Or(server.SeedSecret, e.Secret)
		}
		var err error
		if s.Project, err = server.App.OnlyProject(ctx, s.Secret); err != nil {
			return err
		}
		text, err := json.Marshal(s) //nolint:gosec // for a file of this user's alone
		if err != nil {
			return err
		}
		return app.WritePrivate(e.State, string(text)+"\n")
	})
	_ = os.Remove(e.State) // what is left of it says nothing: nobody holds the lock
	_ = os.Remove(config.URLFile)
	if err != nil {
		return exitFailed, err
	}
	return exitOK, nil
}
