// Command understudy stands in for GoRules BRMS and Datafold.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/understudy-api/understudy/server/app"
)

const usage = `Understudy stands in for the APIs of GoRules BRMS and Datafold.

Usage: understudy COMMAND [flags]

Commands:
  serve    serve both APIs ("understudy serve -h" lists its flags)
  version  print the version
`

// The exit codes.
const (
	exitOK    = 0
	exitError = 1
	exitUsage = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	code := run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string) int {
	if len(args) == 0 {
		fmt.Fprint(os.Stderr, usage)
		return exitUsage
	}
	switch args[0] {
	case "serve":
		return exitCode(app.Serve(ctx, args[1:], os.Stdout, os.Stderr))
	case "version":
		fmt.Println(app.Version())
		return exitOK
	case "help", "-h", "--help", "-help":
		fmt.Print(usage)
		return exitOK
	}
	fmt.Fprintf(os.Stderr, "understudy: unknown command %q\n\n%s", args[0], usage)
	return exitUsage
}

func exitCode(err error) int {
	var use *app.UsageError
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return exitOK
	case errors.As(err, &use):
		fmt.Fprintf(os.Stderr, "understudy: %v\n", err)
		return exitUsage
	}
	fmt.Fprintf(os.Stderr, "understudy: %v\n", err)
	return exitError
}
