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
	"runtime"
	"runtime/debug"
	"time"

	"github.com/understudy-api/understudy/server/evidence"
	"github.com/understudy-api/understudy/server/site"
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

// The garbage collector's target unless GOGC says otherwise: little lives and much
// is thrown away, so that collecting rarely buys a sixth of the throughput for some
// 150 MiB under load. memoryLimit makes it collect more often before it is too much.
const (
	gcPercent   = 1200
	memoryLimit = 512 << 20 // bytes, unless GOMEMLIMIT says otherwise
)

// Serve runs "understudy serve" until the context ends: then requests in flight
// are finished. What a script may wait for goes to stdout, the log to stderr.
func Serve(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	config, err := ParseConfig(args, os.Getenv, stdout)
	if err != nil {
		return err
	}
	server, err := Listen(ctx, config, stderr)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "listening on %s\n", server.URL)
	fmt.Fprintf(stdout, "try: curl -H 'Authorization: Bearer my-token' %s/api/projects\n", server.URL)
	select {
	case err := <-server.done:
		return errors.Join(fmt.Errorf("serve: %w", err), server.App.Close())
	case <-ctx.Done():
	}
	server.log.Info("shutting down")
	// The context that ended cannot bound the shutdown.
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	return errors.Join(server.Drain(limit), server.App.Close())
}

// Server is an App that listens.
type Server struct {
	App  *App
	URL  string // at which it is reached from its own machine
	http *http.Server
	log  *slog.Logger
	done chan error
}

// Listen builds what a configuration says and serves it. The log goes to stderr.
// When it returns, requests are answered and the URL file is written. The caller
// ends it with Drain and App.Close.
func Listen(ctx context.Context, config *Config, stderr io.Writer) (*Server, error) {
	log, err := config.logger(stderr)
	if err != nil {
		return nil, err
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
	allowed, _ := origins(config.CORS)
	public, _ := publicURL(config.PublicURL)
	limits := site.DefaultLimits()
	limits.Body, limits.JudgeReply = config.MaxBody, config.ValidateResponses
	if config.URLFile != "" {
		// A script that waits for the file must not read the address of an
		// earlier run.
		if err := os.Remove(config.URLFile); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("remove the old url file: %w", err)
		}
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", config.Addr)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	a, err := New(ctx, Options{
		Store: config.Store, Auth: config.Auth, Enforce: site.Enforcement(config.Enforce), Limits: &limits, Logger: log,
		Record: evidence.Policy(config.Record), Exchanges: config.Exchanges, AdminToken: config.AdminToken,
		CORS: allowed, FullSync: config.Sync == syncFull, PublicURL: public.String(),
	})
	if err != nil {
		_ = listener.Close()
		return nil, err
	}
	if config.Seed != "" {
		if err := a.Seed(ctx, config.Seed, log); err != nil {
			_ = listener.Close()
			return nil, errors.Join(err, a.Close())
		}
	}
	s := &Server{
		App: a, URL: baseURL(listener.Addr()), log: log, done: make(chan error, 1),
		http: &http.Server{
			Handler:           a,
			MaxHeaderBytes:    maxHeaderBytes,
			ReadHeaderTimeout: readHeaderTimeout,
			ReadTimeout:       readTimeout,
			IdleTimeout:       idleTimeout,
			ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		},
	}
	go func() { s.done <- s.http.Serve(listener) }()
	if !isLoopback(listener.Addr()) && config.Auth == "open" {
		log.Warn("open mode on an address that other machines can reach: any credential is let in", "addr", listener.Addr().String())
	}
	if config.URLFile != "" {
		if err := writeURLFile(config.URLFile, s.URL); err != nil {
			_ = s.http.Close()
			return nil, errors.Join(err, a.Close())
		}
	}
	return s, nil
}

// Drain takes no more connections and waits until the requests in flight are
// answered, or the context ends. The App can still be asked.
func (s *Server) Drain(ctx context.Context) error {
	if err := s.http.Shutdown(ctx); err != nil {
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
	version, goVersion := versions()
	return "understudy " + version + " " + goVersion
}

// versions gives the version of the module and of the Go it was built with.
func versions() (version, goVersion string) {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(unknown version)", runtime.Version()
	}
	return info.Main.Version, info.GoVersion
}
