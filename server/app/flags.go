package app

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/understudy-api/understudy/server/contract/spelling"
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

// ownNames are flags whose name means another thing elsewhere: their variables are named
// after the command as well.
var ownNames = map[string]bool{
	"verify auth": true, "verify seed": true,
	"start env": true, "start timeout": true, "stop timeout": true, "env format": true, "health timeout": true,
}

// EnvName is the environment variable of a flag of a command, such as "serve".
func EnvName(command, flagName string) string {
	name := flagName
	if ownNames[command+" "+flagName] {
		name = command + "-" + flagName
	}
	return envPrefix + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

// programName begins the name of a flag set; the command follows.
const programName = "understudy "

func envName(fs *flag.FlagSet, flagName string) string {
	return EnvName(strings.TrimPrefix(fs.Name(), programName), flagName)
}

// ParseFlags reads flags, and for those not given the environment. What is left
// of the arguments is in fs.Args. Help goes to output when it is asked for, below
// the text that tells how the command is used.
func ParseFlags(fs *flag.FlagSet, usage string, args []string, getenv func(string) string, output io.Writer) error {
	fs.SetOutput(io.Discard)
	fs.Usage = func() {} // a mistake is told in one line
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			_, err := io.WriteString(output, Help(fs, usage))
			return errors.Join(flag.ErrHelp, err)
		}
		return usageError("%s (\"%s -h\" lists the flags)", flagMistake(fs, err), fs.Name())
	}
	given := map[string]bool{}
	fs.Visit(func(f *flag.Flag) { given[f.Name] = true })
	var bad error
	fs.VisitAll(func(f *flag.Flag) {
		name := envName(fs, f.Name)
		value := getenv(name)
		if value == "" || given[f.Name] || bad != nil {
			return
		}
		if err := fs.Set(f.Name, value); err != nil {
			bad = usageError("%s=%s: want %s", name, shownValue(value), wanted(f, err))
		}
	})
	return bad
}

// The parts of what package flag says of a mistake. It gives no errors to tell apart.
var (
	invalidValue = regexp.MustCompile(`^invalid (?:boolean )?value (".*") for (?:flag )?-+([a-z-]+): (.*)$`)
	noSuchFlag   = regexp.MustCompile(`^flag provided but not defined: -+(.*)$`)
	noArgument   = regexp.MustCompile(`^flag needs an argument: -+(.*)$`)
)

// flagMistake says what is wrong with a flag, and what is wanted.
func flagMistake(fs *flag.FlagSet, err error) string {
	text := err.Error()
	if m := invalidValue.FindStringSubmatch(text); m != nil && fs.Lookup(m[2]) != nil {
		value, unquoted := strconv.Unquote(m[1])
		if unquoted != nil {
			value = m[1]
		}
		return "--" + m[2] + " " + shownValue(value) + ": want " + wanted(fs.Lookup(m[2]), errors.New(m[3]))
	}
	if m := noArgument.FindStringSubmatch(text); m != nil {
		return "--" + m[1] + ": want a value"
	}
	m := noSuchFlag.FindStringSubmatch(text)
	if m == nil {
		return text
	}
	var names []string
	fs.VisitAll(func(f *flag.Flag) { names = append(names, f.Name) })
	name, _, _ := strings.Cut(m[1], "=")
	if meant := map[string]string{"port": "addr", "listen": "addr", "db": "store", "database": "store", "spec": "document"}[name]; slices.Contains(names, meant) {
		return "there is no flag --" + name + ": perhaps --" + meant + " is meant"
	}
	if near := spelling.Nearest(name, names, 2, strings.ToLower); near != "" {
		return "there is no flag --" + name + ": perhaps --" + near + " is meant"
	}
	return "there is no flag --" + name
}

// wanted says what a flag takes.
func wanted(f *flag.Flag, err error) string {
	if getter, ok := f.Value.(flag.Getter); ok {
		switch getter.Get().(type) {
		case bool:
			return "true or false"
		case int, int64, uint, uint64:
			return "a whole number"
		case float64:
			return "a number"
		case time.Duration:
			return "a time such as 1m30s"
		}
	}
	return err.Error()
}

// shownValue is a value in a mistake, unless it may be a secret that was meant for another
// flag.
func shownValue(value string) string {
	if strings.Contains(value, " ") || len(value) > 40 {
		return "(not shown)"
	}
	return strconv.Quote(value)
}

// helpWidth is how many columns help takes.
const helpWidth = 100

// Help tells how a command is used, with all its flags and their variables.
func Help(fs *flag.FlagSet, usage string) string {
	var b strings.Builder
	b.WriteString("Usage: " + usage + "\n\nFlags, each with the variable of the environment that it can be set by; a flag wins:\n")
	fs.VisitAll(func(f *flag.Flag) {
		name, text := flag.UnquoteUsage(f)
		head := "  --" + f.Name
		if name == "string" {
			name = "VALUE"
		}
		if name != "" {
			head += " " + name
		}
		b.WriteString("\n" + head + "  (" + envName(fs, f.Name) + ")\n")
		if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "0" && f.DefValue != "0s" {
			text += " (" + f.DefValue + " if not given)"
		}
		line := "     "
		for word := range strings.FieldsSeq(text) {
			if len(line)+1+len(word) > helpWidth {
				b.WriteString(line + "\n")
				line = "     "
			}
			line += " " + word
		}
		b.WriteString(line + "\n")
	})
	return b.String()
}
