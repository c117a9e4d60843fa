package app

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
)

// UsageError is a mistake in a command line or the environment.
type UsageError struct{ Reason string }

// Error tells the mistake.
func (e *UsageError) Error() string { return e.Reason }

func usageError(format string, args ...any) error {
	return &UsageError{Reason: fmt.Sprintf(format, args...)}
}

// envPrefix is before the name of every environment variable.
const envPrefix = "UNDERSTUDY_"

// EnvName is the environment variable of a flag.
func EnvName(flagName string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(flagName, "-", "_"))
}

// ParseFlags reads flags, and for those not given the environment. What is left
// of the arguments is in fs.Args. Help goes to output when it is asked for, below
// the line that shows how the command is used.
func ParseFlags(fs *flag.FlagSet, usage string, args []string, getenv func(string) string, output io.Writer) error {
	fs.SetOutput(io.Discard)
	fs.Usage = func() {} // a mistake is told in one line
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			fmt.Fprintf(output, "Usage: %s\n\nEvery flag can also be set in the environment, in upper case with the prefix "+
				envPrefix+";\na flag wins.\n\n", usage)
			fs.SetOutput(output)
			fs.PrintDefaults()
			return err
		}
		return usageError("%v", err)
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
	return bad
}
