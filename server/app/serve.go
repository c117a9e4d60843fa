package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"time"

	"github.com/understudy-api/understudy/server/contract"
)

// What a connection may take of time and of header bytes. A body of the largest
// size arrives within readTimeout even over a slow line.
const (
	maxHeaderBytes    = 64 << 10
	readHeaderTimeout = 10 * time.Second
	readTimeout       = 60 * time.Second
	idleTimeout       = 120 * time.Second
	shutdownTimeout   = 20 * time.Second
)

// gcPercent is the garbage collector's target unless GOGC says otherwise.
const gcPercent = 400

// Serve runs "understudy serve" until the context ends: then requests in flight
// are finished. What a script may wait for goes to stdout, the log to stderr.
func Serve(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	config, err := ParseConfig(args, os.Getenv, stdout)
	if err != nil {
		return err
	}
	log, err := config.logger(stderr)
	if err != nil {
		return err
	}
	if os.Getenv("GOGC") == "" {
		// Little lives and much is thrown away: collecting less often buys a
		// quarter of the throughput for some tens of megabytes.
		debug.SetGCPercent(gcPercent)
	}
	limits := contract.DefaultLimits()
	limits.Body, limits.JudgeReply = config.MaxBody, config.ValidateResponses
	if config.URLFile != "" {
		// A script that waits for the file must not read the address of an
		// earlier run.
		if err := os.Remove(config.URLFile); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove the old url file: %w", err)
		}
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", config.Addr)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	a, err := New(ctx, Options{Store: config.Store, Auth: config.Auth, Enforce: contract.Enforcement(config.Enforce), Limits: &limits, Logger: log})
	if err != nil {
		_ = listener.Close()
		return err
	}
	err = serve(ctx, a, listener, config, log, stdout)
	return errors.Join(err, a.Close())
}

func serve(ctx context.Context, a *App, listener net.Listener, config *Config, log *slog.Logger, stdout io.Writer) error {
	server := &http.Server{
		Handler:           a,
		MaxHeaderBytes:    maxHeaderBytes,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		IdleTimeout:       idleTimeout,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()

	url := baseURL(listener.Addr())
	if !isLoopback(listener.Addr()) && config.Auth == "open" {
		log.Warn("open mode on an address that other machines can reach: any credential is let in", "addr", listener.Addr().String())
	}
	fmt.Fprintf(stdout, "listening on %s\n", url)
	fmt.Fprintf(stdout, "try: curl -H 'Authorization: Bearer my-token' %s/api/projects\n", url)
	if config.URLFile != "" {
		if err := writeURLFile(config.URLFile, url); err != nil {
			_ = server.Close()
			return err
		}
	}

	select {
	case err := <-done:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	log.Info("shutting down")
	// The context that ended cannot bound the shutdown.
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	if err := server.Shutdown(limit); err != nil {
		return fmt.Errorf("shut down: %w", err)
	}
	return nil
}

// baseURL is the URL at which a listener is reached from its own machine.
func baseURL(addr net.Addr) string {
	host, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return "http://" + addr.String()
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}

func isLoopback(addr net.Addr) bool {
	tcp, ok := addr.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

// Version is the module's version as the build recorded it.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "understudy (unknown version)"
	}
	return "understudy " + info.Main.Version + " " + info.GoVersion
}
