package command

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/understudy-api/understudy/server/app"
)

const healthUsage = `understudy health [flags]

Asks a server whether it can serve: the one at --url or in --url-file, else the one of this
machine that listens on --addr, as its own variable of the environment says. It is what the
health check of a container runs:

  HEALTHCHECK CMD ["/understudy", "health"]

Exits with 0 if it can, 1 if it cannot or none answers, 2 after a mistake in the flags.`

// healthTimeout is how long a server may take to say how it is.
const healthTimeout = 3 * time.Second

// maxHealth is how much of an answer is read, in bytes.
const maxHealth = 64 << 10

type healthCheck struct {
	place

	addr    string
	live    bool
	timeout time.Duration
}

func healthFlags() (*flag.FlagSet, *healthCheck) {
	fs, h := newFlagSet("health"), &healthCheck{}
	h.declare(fs)
	f := fs.Lookup("url")
	_ = f.Value.Set("") // a text takes any
	f.DefValue = ""
	fs.StringVar(&h.addr, "addr", "127.0.0.1:8080", "`HOST:PORT` that the server was told to listen on")
	fs.BoolVar(&h.live, "live", false, "ask only whether the process runs")
	fs.DurationVar(&h.timeout, "timeout", healthTimeout, "how long to wait for the answer")
	return fs, h
}

func health(args []string, std stdio) (int, error) {
	fs, h := healthFlags()
	if err := app.ParseFlags(fs, healthUsage, args, std.getenv, std.out); err != nil {
		return exitUsage, err
	}
	if fs.NArg() > 0 {
		return exitUsage, usageError("health takes no arguments, only flags")
	}
	if h.url == "" && h.urlFile == "" {
		host, port, err := net.SplitHostPort(h.addr)
		if err != nil || port == "0" {
			return exitUsage, usageError("--addr %q: want HOST:PORT, and --url-file for a port that was free", h.addr)
		}
		if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
			host = "127.0.0.1"
		}
		h.url = "http://" + net.JoinHostPort(host, port)
	}
	if err := h.validate(); err != nil {
		return exitUsage, err
	}
	if err := askHealth(context.Background(), h.url, h.live, h.timeout); err != nil {
		return exitFailed, err
	}
	return exitOK, nil
}

// askHealth asks a server whether it can serve, or only whether its process runs. It goes
// through no proxy.
func askHealth(ctx context.Context, base string, live bool, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	what := "ready"
	if live {
		what = "live"
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/_understudy/health/"+what, http.NoBody)
	if err != nil {
		return err
	}
	transport := &http.Transport{DisableKeepAlives: true}
	answer, err := transport.RoundTrip(r)
	if err != nil {
		if inner, ok := errors.AsType[*url.Error](err); ok {
			err = inner.Err
		}
		return fmt.Errorf("%s does not answer: %w", base, err)
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, maxHealth))
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s is not %s: %s", base, what, answer.Status)
	}
	return nil
}
