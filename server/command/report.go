package command

import (
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
	"github.com/understudy-api/understudy/server/evidence"
)

// reportTimeout is how long a server may take to give its report.
const reportTimeout = 60 * time.Second

// source is the server that a report is fetched from.
type source struct {
	place

	token         string
	adminToken    string
	allWorkspaces bool
}

func (s *source) declare(fs *flag.FlagSet) {
	s.place.declare(fs)
	fs.StringVar(&s.token, "token", "", "`SECRET` whose workspace is reported on; better set in the environment")
	fs.StringVar(&s.adminToken, "admin-token", "", "`SECRET` of the server's administrator, for --all-workspaces; better set in the environment. Without one, what a server of the same user made at its start")
	fs.BoolVar(&s.allWorkspaces, "all-workspaces", false, "report on all workspaces together, which is the administrator's")
}

func (s *source) validate() error {
	if err := s.place.validate(); err != nil {
		return err
	}
	if s.token == "" && !s.allWorkspaces {
		return usageError("--token or --all-workspaces: want the secret of a workspace, or all of them")
	}
	for name, token := range map[string]string{"token": s.token, "admin-token": s.adminToken} {
		if strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return usageError("--%s: want printable ASCII without spaces", name)
		}
	}
	return nil
}

func reportFlags() (*flag.FlagSet, *source, *judging) {
	fs, s, j := newFlagSet("report"), &source{}, &judging{}
	s.declare(fs)
	j.declare(fs)
	return fs, s, j
}

// report asks a server for its report.
func report(args []string, std stdio) (int, error) {
	fs, s, j := reportFlags()
	if err := app.ParseFlags(fs, "understudy report [flags]\n       understudy report merge [flags] REPORT.json...", args, std.getenv, std.out); err != nil {
		return exitUsage, err
	}
	if fs.NArg() > 0 { // not shown: it may be a secret
		return exitUsage, usageError("report takes no arguments, only flags and \"merge\"")
	}
	if err := errors.Join(s.validate(), j.validate()); err != nil {
		return exitUsage, firstLine(err)
	}
	known, err := j.known()
	if err != nil {
		return exitUsage, err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	r, err := s.fetch(ctx, j.coverageOf)
	if err != nil {
		return exitUsage, err
	}
	return j.publish(r, known, std.out, std.err, std.getenv)
}

// firstLine keeps the first of several mistakes.
func firstLine(err error) error {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return usageError("%s", line)
}

// fetch asks the control API. No error holds the secret.
func (s *source) fetch(ctx context.Context, coverageOf string) (*evidence.Report, error) {
	query, token := url.Values{"coverageOf": {coverageOf}}, s.token
	if s.allWorkspaces {
		query.Set("workspace", "all")
		var err error
		if token, err = s.admin(s.adminToken, s.token); err != nil {
			return nil, err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, reportTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/_understudy/report?"+query.Encode(), nil)
	if err != nil {
		return nil, fmt.Errorf("no report: %w", err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		if inner, ok := errors.AsType[*url.Error](err); ok {
			err = inner.Err
		}
		return nil, fmt.Errorf("no report from %s: %w", s.url, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		var problem struct {
			Detail string `json:"detail"`
		}
		text := ""
		// What is no problem details is not an Understudy's, and not shown.
		if err := json.NewDecoder(io.LimitReader(response.Body, 1<<16)).Decode(&problem); err == nil && problem.Detail != "" {
			text = ": " + problem.Detail
		}
		return nil, fmt.Errorf("no report from %s: %s%s", s.url, response.Status, text)
	}
	r, err := evidence.ReadReport(response.Body)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.url, err)
	}
	return r, nil
}

// merge joins reports that were written with --format json.
func merge(args []string, std stdio) (int, error) {
	flags, files := separate(Flags("report merge"), args)
	fs, j := newFlagSet("report merge"), &judging{}
	j.declare(fs)
	if err := app.ParseFlags(fs, "understudy report merge [flags] REPORT.json...", flags, std.getenv, std.out); err != nil {
		return exitUsage, err
	}
	if len(files) == 0 {
		return exitUsage, usageError("report merge: want the files of reports, as \"understudy report --format json\" writes them")
	}
	if err := j.validate(); err != nil {
		return exitUsage, err
	}
	known, err := j.known()
	if err != nil {
		return exitUsage, err
	}
	reports := make([]*evidence.Report, 0, len(files))
	for _, name := range files {
		r, err := readReport(name)
		if err != nil {
			return exitUsage, err
		}
		reports = append(reports, r)
	}
	merged, err := evidence.Merge(reports...)
	if err != nil {
		return exitUsage, err
	}
	return j.publish(merged, known, std.out, std.err, std.getenv)
}

// separate tells flags, which may stand before, between and after the names, from
// the names.
func separate(fs *flag.FlagSet, args []string) (flags, names []string) {
	for len(args) > 0 {
		if args[0] == "--" {
			return flags, append(names, args[1:]...)
		}
		if err := fs.Parse(args); err != nil { // told where the flags are read
			return append(flags, args...), names
		}
		rest := fs.Args()
		taken := args[:len(args)-len(rest)]
		if n := len(taken); n > 0 && taken[n-1] == "--" {
			return append(flags, taken[:n-1]...), append(names, rest...)
		}
		flags = append(flags, taken...)
		if len(rest) == 0 {
			break
		}
		names = append(names, rest[0])
		args = rest[1:]
	}
	return flags, names
}

func readReport(name string) (*evidence.Report, error) {
	file, err := os.Open(name) //nolint:gosec // the file that the caller named
	if err != nil {
		return nil, err
	}
	defer file.Close()
	r, err := evidence.ReadReport(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return r, nil
}
