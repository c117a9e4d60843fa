package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/understudy-api/understudy/server/edge"
	"github.com/understudy-api/understudy/server/evidence"
	"github.com/understudy-api/understudy/server/quota"
	"github.com/understudy-api/understudy/server/site"
)

// What a connection may take of time and of header bytes; site.Limits say it of bodies.
const (
	maxHeaderBytes    = 64 << 10
	readHeaderTimeout = 10 * time.Second
	writeProgress     = 20 * time.Second // for 64 KiB of an answer
	idleTimeout       = 120 * time.Second
	shutdownTimeout   = 20 * time.Second
	// hurryTimeout is how long the other side of a connection may keep the server from
	// ending by sending nothing or taking nothing.
	hurryTimeout = 2 * time.Second
	flushTimeout = time.Second // for the terminal to take the last lines of requests
)

// Serve runs "understudy serve" until the context ends: then requests in flight
// are finished. What a script may wait for goes to stdout, the log to stderr.
func Serve(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	config, err := ParseConfig(args, os.Getenv, stdout)
	if err != nil {
		return err
	}
	return ServeConfig(ctx, config, stdout, stderr, nil)
}

// ServeConfig is Serve of what a configuration says. ready, if there is one, is told once
// requests are answered; its error ends the server.
func ServeConfig(ctx context.Context, config *Config, stdout, stderr io.Writer, ready func(*Server) error) error {
	server, err := Listen(ctx, config, stderr)
	if err != nil {
		return err
	}
	letGoOfStart()
	if server.made {
		// "understudy report" looks there if it is told no file. Where there is no such
		// folder, as in a container, a secret that one wants to know has to be given.
		if name := AdminFile("", server.URL); name != "" {
			if err := server.writeAdmin(name); err != nil {
				server.log.Warn("the administrator's secret can be known only if it is given", "error", err)
			}
		}
	}
	if ready != nil {
		if err := ready(server); err != nil {
			_ = server.Drain(ctx)
			return errors.Join(err, server.App.Close())
		}
	}
	fmt.Fprintf(stdout, "listening on %s\n", server.URL)
	fmt.Fprint(stdout, firstScreen(server.URL, config))
	select {
	case err := <-server.done:
		return errors.Join(fmt.Errorf("serve: %w", err), server.App.Close())
	case <-ctx.Done():
	}
	server.log.Info("shutting down")
	// The context that ended cannot bound the shutdown.
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	if err := server.Drain(limit); err != nil { // whose client hangs is no failure of ours
		server.log.Warn("requests were cut off", "error", err)
	}
	return server.App.Close()
}

// firstScreen says what to do next. A secret that was given is not shown.
func firstScreen(url string, c *Config) string {
	const rest = `     any secret opens a workspace of its own: "Bearer SECRET" for BRMS, "Key SECRET" for Datafold
     what broke the contract: curl -H %[2]s %[1]s/_understudy/violations
`
	if rules, _ := parseRules(c.Rules); len(rules) > 0 {
		header := `"Authorization: Bearer $UNDERSTUDY_RULES_TOKEN"`
		if c.RulesToken == standardRulesToken {
			header = "'Authorization: Bearer " + standardRulesToken + "'"
		}
		return fmt.Sprintf("try: curl -H %[2]s %[1]s/api/projects/%[3]s/entrypoints\n     these are the decisions of --rules, which the token of --rules-token reaches\n"+rest, url, header, rules[0].project)
	}
	return fmt.Sprintf("try: curl -H %[2]s %[1]s/api/projects\n"+rest, url, "'Authorization: Bearer my-token'")
}

// Server is an App that listens.
type Server struct {
	App *App
	URL string // at which it is reached from its own machine
	// AdminToken is the administrator's secret.
	AdminToken string
	// SeedSecret is the secret whose workspace the seed is of; "" if there is no such one.
	SeedSecret string

	made       bool     // the secret is the server's own
	adminFiles []string // which hold it
	http       *http.Server
	listener   *edge.Listener
	requests   *requestLog // nil for none
	log        *slog.Logger
	done       chan error
}

// Listen builds what a configuration says and serves it. The log goes to stderr.
// When it returns, requests are answered and the URL file is written. The caller
// ends it with Drain and App.Close.
func Listen(ctx context.Context, config *Config, stderr io.Writer) (*Server, error) {
	log, err := config.logger(stderr)
	if err != nil {
		return nil, err
	}
	allowed, _ := origins(config.CORS)
	public, _ := publicURL(config.PublicURL)
	limits := site.DefaultLimits()
	limits.Body, limits.JudgeReply = config.MaxBody, config.ValidateResponses
	if config.URLFile != "" {
		if err := removeOld(config.URLFile); err != nil {
			return nil, err
		}
	}
	admin, made, err := config.administrator()
	if err != nil {
		return nil, err
	}
	hosts, _ := edge.ParseHosts(config.Host)
	hosts.Add(public.Host)
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", config.Addr)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	hosts.Listen(listener.Addr())
	key, err := config.storeKey()
	if err != nil {
		_ = listener.Close()
		return nil, err
	}
	requests := config.requestLog(stderr)
	var tell func(*site.Exchange)
	if requests != nil {
		tell = requests.tell
	}
	guarded := edge.NewListener(listener, config.MaxConnections, writeProgress)
	a, err := New(ctx, Options{
		Store: config.Store, StoreKey: key, Auth: config.Auth, Enforce: site.Enforcement(config.Enforce), Limits: &limits, Logger: log,
		Record: evidence.Policy(config.Record), Exchanges: config.Exchanges, AdminToken: admin,
		Quota:    quota.Limits{Workspaces: config.Workspaces, WorkspaceBytes: config.WorkspaceBytes, StoreBytes: config.StoreBytes},
		Requests: tell, CORS: allowed, Hosts: hosts, FullSync: config.Sync == syncFull, PublicURL: public.String(),
		Outgoing: config.Outgoing, OutgoingLocal: config.OutgoingLocal,
		AllowDatabases: config.AllowDatabase, Files: config.Files,
	})
	if err != nil {
		_ = listener.Close()
		return nil, err
	}
	go a.loadAll() // behind the first request's back
	govern(ctx, os.Getenv, a.giveBack)
	seedSecret := ""
	if config.Seed != "" {
		if seedSecret, err = a.Seed(ctx, config.Seed, config.Secret, log); err != nil {
			_ = listener.Close()
			return nil, errors.Join(err, a.Close())
		}
	}
	if config.Rules != "" {
		if err := a.FollowRules(ctx, config.Rules, cmp.Or(config.Secret, config.RulesToken), config.Watch, log); err != nil {
			_ = listener.Close()
			return nil, errors.Join(err, a.Close())
		}
	}
	s := &Server{
		App: a, URL: baseURL(listener.Addr()), AdminToken: admin, SeedSecret: seedSecret, made: made, listener: guarded, requests: requests, log: log, done: make(chan error, 1),
		http: &http.Server{
			Handler:           a,
			MaxHeaderBytes:    maxHeaderBytes,
			ReadHeaderTimeout: readHeaderTimeout,
			ReadTimeout:       limits.BodyTime,
			ConnContext:       edge.Context,
			IdleTimeout:       idleTimeout,
			ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		},
	}
	go func() { s.done <- s.http.Serve(guarded) }()
	if !isLoopback(listener.Addr()) && config.Auth == "open" {
		log.Warn("open mode on an address that other machines can reach: any credential is let in", "addr", listener.Addr().String())
	}
	if config.URLFile != "" { // last: a script that waits for it finds the secret there
		if made {
			err = s.writeAdmin(AdminFile(config.URLFile, s.URL))
		}
		if err == nil {
			err = writeURLFile(config.URLFile, s.URL)
		}
		if err != nil {
			_ = s.http.Close()
			return nil, errors.Join(err, a.Close())
		}
	}
	return s, nil
}

// writeAdmin writes the administrator's secret, which ends with the server.
func (s *Server) writeAdmin(name string) error {
	s.adminFiles = append(s.adminFiles, name)
	return writeAdminFile(name, s.AdminToken)
}

// Drain takes no more connections and waits until the requests in flight are
// answered, or the context ends, and then cuts off the rest. What only waits is answered
// at once. The App can still be asked.
func (s *Server) Drain(ctx context.Context) error {
	for _, name := range s.adminFiles {
		_ = os.Remove(name) // it opens nothing from here on
	}
	s.App.end()
	s.listener.Hurry(hurryTimeout)
	err := s.http.Shutdown(ctx)
	if err != nil {
		_ = s.http.Close()
		err = fmt.Errorf("shut down: %w", err)
	}
	if s.requests != nil {
		limit, cancel := context.WithTimeout(ctx, flushTimeout)
		defer cancel()
		s.requests.flush(limit)
	}
	return err
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
