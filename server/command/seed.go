package command

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/understudy-api/understudy/server/app"
	"github.com/understudy-api/understudy/server/seed"
)

// seedTimeout is how long a server may take to plant or to write a seed.
const seedTimeout = 60 * time.Second

// The forms of the commands about seeds.
const (
	exportUsage = "understudy seed export [flags]"
	applyUsage  = "understudy seed apply [flags] FILE"
	checkUsage  = "understudy seed check FILE..."
)

// remote is the workspace of a server that a command is about.
type remote struct {
	place

	token     string
	workspace string
	output    string
}

func (r *remote) declare(fs *flag.FlagSet, export bool) {
	r.place.declare(fs)
	fs.StringVar(&r.token, "token", "", "`SECRET` whose workspace is meant, whatever the scheme it is sent with; better set in the environment")
	fs.StringVar(&r.workspace, "workspace", "", "`NAME` of a sub-workspace, as the header Understudy-Workspace names it")
	if export {
		fs.StringVar(&r.output, "output", "", "`FILE` that gets the seed instead of the terminal")
	}
}

func (r *remote) validate() error {
	if err := r.place.validate(); err != nil {
		return err
	}
	switch {
	case r.token == "" || strings.ContainsFunc(r.token, func(c rune) bool { return c <= ' ' || c > '~' }):
		return usageError("--token: want the secret of a workspace, printable ASCII without spaces")
	case strings.ContainsFunc(r.workspace, func(c rune) bool { return c <= ' ' || c > '~' }):
		return usageError("--workspace: want the name of a sub-workspace")
	}
	return nil
}

// seeds is "understudy seed WORD".
func seeds(args []string, std stdio) (int, error) {
	if len(args) > 0 {
		switch word, rest := args[0], args[1:]; word {
		case "export":
			return exportSeed(rest, std)
		case "apply":
			return applySeed(rest, std)
		case "check":
			return checkSeeds(rest, std)
		case "help", "-h", "--help", "-help":
			fmt.Fprintf(std.out, "Usage: %s\n       %s\n       %s\n", exportUsage, applyUsage, checkUsage)
			return exitOK, nil
		}
	}
	return exitUsage, usageError("seed: want \"export\", \"apply\" or \"check\"")
}

// seedFlags reads the flags of a command, which may stand between the files.
func seedFlags(word, form string, args []string, std stdio) (*remote, []string, error) {
	flags, files := separate(Flags("seed "+word), args)
	fs, r := newFlagSet("seed "+word), &remote{}
	if word != "check" {
		r.declare(fs, word == "export")
	}
	if err := app.ParseFlags(fs, form, flags, std.getenv, std.out); err != nil {
		return nil, nil, err
	}
	if word == "check" {
		return r, files, nil
	}
	return r, files, r.validate()
}

// exportSeed writes a workspace of a server as a seed.
func exportSeed(args []string, std stdio) (int, error) {
	r, files, err := seedFlags("export", exportUsage, args, std)
	if err != nil {
		return exitUsage, err
	}
	if len(files) > 0 { // not shown: it may be a secret
		return exitUsage, usageError("seed export takes no arguments, only flags")
	}
	text, status, err := r.ask(http.MethodGet, nil)
	if err != nil {
		return exitFailed, err
	}
	if status != http.StatusOK {
		return exitFailed, r.refused("no seed", status, text)
	}
	if r.output == "" || r.output == "-" {
		_, err = std.out.Write(text)
	} else {
		err = os.WriteFile(r.output, text, 0o600) //nolint:gosec // the file that the caller named
	}
	if err != nil {
		return exitFailed, fmt.Errorf("write the seed: %w", err)
	}
	return exitOK, nil
}

// applySeed plants a seed on a server.
func applySeed(args []string, std stdio) (int, error) {
	r, files, err := seedFlags("apply", applyUsage, args, std)
	if err != nil {
		return exitUsage, err
	}
	if len(files) != 1 {
		return exitUsage, usageError("seed apply: want one file, \"-\" for the standard input")
	}
	text, err := app.ReadSeed(files[0])
	if err != nil {
		return exitUsage, err
	}
	read, mistakes, err := app.CheckSeed(context.Background(), text)
	if err != nil {
		return exitFailed, err
	}
	// The server cannot read the files that a seed names. Where it names none, the server
	// alone judges: it may be of another release.
	inlined := read.Inlined()
	if inlined != nil && len(mistakes) > 0 {
		show(std.out, mistakes.In(files[0]))
		return exitFailed, nil
	}
	sent := text.YAML
	if inlined != nil {
		sent = inlined
	}
	answer, status, err := r.ask(http.MethodPut, sent)
	if err != nil {
		return exitFailed, err
	}
	var told struct {
		Workspaces int `json:"workspaces"`
		Resources  int `json:"resources"`
		Faults     int `json:"faults"`
		Problems   []struct {
			Line    int    `json:"line"`
			Column  int    `json:"column"`
			Pointer string `json:"pointer"`
			Message string `json:"message"`
		} `json:"problems"`
	}
	if json.Unmarshal(answer, &told) != nil || status != http.StatusOK && len(told.Problems) == 0 {
		return exitFailed, r.refused("nothing was seeded", status, answer)
	}
	if status != http.StatusOK {
		mistakes = nil
		for _, p := range told.Problems {
			if inlined != nil {
				p.Line, p.Column = read.Place(p.Pointer)
			}
			mistakes = append(mistakes, seed.Problem{Line: p.Line, Column: p.Column, Message: p.Message})
		}
		show(std.out, mistakes.In(files[0]))
		return exitFailed, nil
	}
	fmt.Fprintf(std.out, "seeded: workspaces %d, resources %d, faults %d\n", told.Workspaces, told.Resources, told.Faults)
	return exitOK, nil
}

// checkSeeds finds the mistakes of files without a server.
func checkSeeds(args []string, std stdio) (int, error) {
	_, files, err := seedFlags("check", checkUsage, args, std)
	if err != nil {
		return exitUsage, err
	}
	if len(files) == 0 {
		return exitUsage, usageError("seed check: want the files of seeds, \"-\" for the standard input")
	}
	code := exitOK
	for _, file := range files {
		text, err := app.ReadSeed(file)
		if err != nil {
			return exitUsage, err
		}
		_, mistakes, err := app.CheckSeed(context.Background(), text)
		if err != nil {
			return exitUsage, err
		}
		if len(mistakes) > 0 {
			code = exitFailed
			show(std.out, mistakes.In(file))
		}
	}
	return code, nil
}

// ask calls the control API. No error holds the secret.
func (r *remote) ask(method string, body []byte) (text []byte, status int, err error) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, seedTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, r.url+"/_understudy/seed", bytes.NewReader(body)) //nolint:gosec // the server that the caller named
	if err != nil {
		return nil, 0, fmt.Errorf("no request: %w", err)
	}
	request.Header.Set("Authorization", "Bearer "+r.token)
	if body != nil {
		request.Header.Set("Content-Type", "application/yaml") // JSON is YAML
	}
	if r.workspace != "" {
		request.Header.Set("Understudy-Workspace", r.workspace)
	}
	response, err := http.DefaultClient.Do(request) //nolint:gosec // as above
	if err != nil {
		if inner, ok := errors.AsType[*url.Error](err); ok {
			err = inner.Err
		}
		return nil, 0, fmt.Errorf("no answer from %s: %w", r.url, err)
	}
	defer response.Body.Close()
	if text, err = io.ReadAll(response.Body); err != nil {
		return nil, 0, fmt.Errorf("no answer from %s: %w", r.url, err)
	}
	return text, response.StatusCode, nil
}

// refused says why a server did not do what was asked. What is no problem details is
// not an Understudy's, and not shown.
func (r *remote) refused(what string, status int, answer []byte) error {
	var problem struct {
		Detail string `json:"detail"`
	}
	detail := ""
	if err := json.Unmarshal(answer, &problem); err == nil && problem.Detail != "" {
		detail = ": " + problem.Detail
	}
	return fmt.Errorf("%s: %s answered %d %s%s", what, r.url, status, http.StatusText(status), detail)
}
