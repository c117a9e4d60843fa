package app

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strconv"
	"strings"

	"github.com/understudy-api/understudy/server/contract"
)

// UsageError is a mistake in a command line or the environment.
type UsageError struct{ Reason string }

// Error tells the mistake.
func (e *UsageError) Error() string { return e.Reason }

func usageError(format string, args ...any) error {
	return &UsageError{Reason: fmt.Sprintf(format, args...)}
}

// Config is what "understudy serve" can be told.
type Config struct {
	Addr              string
	Store             string
	Auth              string
	Enforce           string
	LogLevel          string
	LogFormat         string
	URLFile           string
	MaxBody           int64
	ValidateResponses bool
}

// envPrefix is before the name of every environment variable.
const envPrefix = "UNDERSTUDY_"

// EnvName is the environment variable of a flag.
func EnvName(flagName string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(flagName, "-", "_"))
}

// Flags declares the flags of "understudy serve", with their defaults.
func (c *Config) Flags(fs *flag.FlagSet) {
	fs.StringVar(&c.Addr, "addr", "127.0.0.1:8080", "`HOST:PORT` to listen on; port 0 takes a free one")
	fs.StringVar(&c.Store, "store", "sqlite:understudy.db", "where state is kept: \"memory\" or \"sqlite:PATH\"")
	fs.StringVar(&c.Auth, "auth", "open", "who is let in: with \"open\" every well-formed credential opens its own workspace")
	fs.StringVar(&c.Enforce, "enforce", string(contract.EnforceStrict), "what becomes of a request that breaks the contract: \"strict\" refuses it, \"report\" records it and serves it as far as it can be understood")
	fs.StringVar(&c.LogLevel, "log-level", "info", "least `LEVEL` to log: debug, info, warn or error")
	fs.StringVar(&c.LogFormat, "log-format", "text", "`FORMAT` of the log: text or json")
	fs.StringVar(&c.URLFile, "url-file", "", "`PATH` of a file that gets the base URL once the server listens")
	fs.Int64Var(&c.MaxBody, "max-body", contract.DefaultLimits().Body, "largest request body in `BYTES`")
	fs.BoolVar(&c.ValidateResponses, "validate-responses", true, "judge every answer before it is sent")
}

// ParseConfig reads flags, and for those not given the environment. Usage goes to
// output when it is asked for.
func ParseConfig(args []string, getenv func(string) string, output io.Writer) (*Config, error) {
	c := &Config{}
	fs := flag.NewFlagSet("understudy serve", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	c.Flags(fs)
	fs.Usage = func() {} // a mistake is told in one line
	usage := func() {
		fmt.Fprint(output, "Usage: understudy serve [flags]\n\nEvery flag can also be set in the environment, in upper case with the prefix "+
			envPrefix+";\na flag wins.\n\n")
		fs.SetOutput(output)
		fs.PrintDefaults()
	}
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			usage()
			return nil, err
		}
		return nil, usageError("%v", err)
	}
	if fs.NArg() > 0 {
		return nil, usageError("serve takes no arguments, got %q", fs.Arg(0))
	}
	given := map[string]bool{}
	fs.Visit(func(f *flag.Flag) { given[f.Name] = true })
	var bad error
	fs.VisitAll(func(f *flag.Flag) {
		value := getenv(EnvName(f.Name))
		if value == "" || given[f.Name] || bad != nil {
			return
		}
		if err := fs.Set(f.Name, value); err != nil {
			bad = usageError("%s=%q: %v", EnvName(f.Name), value, err)
		}
	})
	if bad != nil {
		return nil, bad
	}
	return c, c.validate()
}

func (c *Config) validate() error {
	if _, port, err := net.SplitHostPort(c.Addr); err != nil {
		return usageError("--addr %q: want HOST:PORT", c.Addr)
	} else if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return usageError("--addr %q: the port must be a number from 0 to 65535", c.Addr)
	}
	kind, path, _ := strings.Cut(c.Store, ":")
	if c.Store != "memory" && (kind != "sqlite" || path == "") {
		return usageError("--store %q: want \"memory\" or \"sqlite:PATH\"", c.Store)
	}
	if c.Auth != "open" {
		return usageError("--auth %q: want \"open\"", c.Auth)
	}
	if _, ok := contract.ParseEnforcement(c.Enforce); !ok {
		return usageError("--enforce %q: want \"strict\" or \"report\"", c.Enforce)
	}
	if c.MaxBody < 1 {
		return usageError("--max-body %d: want at least 1", c.MaxBody)
	}
	if _, err := c.logger(io.Discard); err != nil {
		return err
	}
	return nil
}

func (c *Config) logger(w io.Writer) (*slog.Logger, error) {
	var level slog.Level
	switch c.LogLevel {
	case "debug", "info", "warn", "error":
		_ = level.UnmarshalText([]byte(c.LogLevel))
	default:
		return nil, usageError("--log-level %q: want debug, info, warn or error", c.LogLevel)
	}
	options := &slog.HandlerOptions{Level: level}
	switch c.LogFormat {
	case "text":
		return slog.New(slog.NewTextHandler(w, options)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, options)), nil
	}
	return nil, usageError("--log-format %q: want text or json", c.LogFormat)
}

// writeURLFile writes the base URL in one step, so that a script that waits for
// the file never reads half of it.
func writeURLFile(path, url string) error {
	tmp := path + ".tmp"
	if err := os.WriteFile(tmp, []byte(url+"\n"), 0o644); err != nil {
		return fmt.Errorf("write url file: %w", err)
	}
	if err := os.Rename(tmp, path); err != nil {
		return fmt.Errorf("write url file: %w", err)
	}
	return nil
}
