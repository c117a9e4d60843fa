package understudytest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net"
	"net/http"
	"path"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/understudy-api/understudy/server/app"
	"github.com/understudy-api/understudy/server/site"
)

// BaseURL is where both APIs are reached through [Understudy.Client] by clients that have
// no address of the vendor's own. It leads nowhere else: ".test" is reserved (RFC 6761).
const BaseURL = "http://understudy.test"

// vendors are the names of hosts that belong to the APIs, and those below them.
var vendors = []string{"gorules.io", "datafold.com", "understudy.test"}

// Option is a choice for [New].
type Option func(*options)

type options struct {
	hosts     []string
	elsewhere http.RoundTripper
	failOn    FailOn
	lenient   bool
}

// Hosts names hosts beside the vendors' whose requests the client sends to the stand-in: of
// an installation of one's own, for instance. A name as "*.example.com" is all hosts below
// it. A port is not compared.
func Hosts(names ...string) Option {
	return func(o *options) { o.hosts = append(o.hosts, names...) }
}

// Elsewhere lets the client send requests to all other hosts, by a transport such as
// [http.DefaultTransport]. Without it they fail, so that no test talks to a real service.
func Elsewhere(transport http.RoundTripper) Option {
	return func(o *options) { o.elsewhere = transport }
}

// FailOn says which violations fail a test.
type FailOn int

// What can fail a test.
const (
	// FailOnViolations is rules that the vendor publishes or documents, and mistakes of
	// the stand-in's own. Others are logged.
	FailOnViolations FailOn = iota
	// FailOnInferred is those, and rules that were only seen in clients or are a guess.
	FailOnInferred
	// FailOnNone is nothing: all are logged.
	FailOnNone
)

// Failing says which violations fail the test; without it, [FailOnViolations].
func Failing(on FailOn) Option { return func(o *options) { o.failOn = on } }

// Lenient serves requests that break the contract where the real service would serve them,
// values converted. They are violations all the same.
func Lenient() Option { return func(o *options) { o.lenient = true } }

// Understudy is the stand-in of one test: a workspace on a server in this process. It is
// safe for concurrent use.
type Understudy struct {
	tb     testing.TB
	server *server
	name   string // of the test
	token  string
	caller site.Principal
	made   string // the place where it was made

	mutex     sync.Mutex
	ended     bool
	expected  []*expectation
	exchanges []string // ids, oldest first
	snapshots int
	faults    int
}

// server is what the stand-ins of one New have in common.
type server struct {
	app     *app.App
	options options
	root    *Understudy

	mutex   sync.Mutex
	of      map[string]*Understudy // by workspace
	ended   bool
	url     string
	stop    func()
	handler http.Handler
}

// New starts a stand-in for a test and ends it with the test. What it cannot do fails the
// test at once.
func New(tb testing.TB, choices ...Option) *Understudy {
	tb.Helper()
	s := &server{of: map[string]*Understudy{}, stop: func() {}}
	for _, choose := range choices {
		choose(&s.options)
	}
	o := app.Options{Judge: s.judge}
	if s.options.lenient {
		o.Enforce = site.EnforceReport
	}
	var err error
	if s.app, err = app.New(context.Background(), o); err != nil {
		tb.Fatalf("understudytest: %v", err)
	}
	s.handler = s.app
	s.root = s.newUnderstudy(tb, place(callers()))
	// After what the test itself cleans up, which may still ask.
	tb.Cleanup(func() {
		tb.Helper()
		s.close(tb)
		s.root.end()
	})
	return s.root
}

// Sub is the stand-in of a subtest, or of any other test that ends before the one that New
// was called for: on the same server, in a workspace of its own, which begins empty. What
// breaks the contract in it fails that test.
func (u *Understudy) Sub(tb testing.TB) *Understudy {
	tb.Helper()
	sub := u.server.newUnderstudy(tb, place(callers()))
	tb.Cleanup(func() {
		tb.Helper()
		sub.end()
	})
	return sub
}

func (s *server) newUnderstudy(tb testing.TB, made string) *Understudy {
	tb.Helper()
	u := &Understudy{tb: tb, server: s, name: tb.Name(), token: tokenOf(tb.Name()), made: made}
	u.caller, _ = s.app.Principal(u.token)
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for n := 2; s.of[u.caller.Workspace] != nil; n++ { // several of one test
		u.token = tokenOf(u.name) + "-" + strconv.Itoa(n)
		u.caller, _ = s.app.Principal(u.token)
	}
	s.of[u.caller.Workspace] = u
	return u
}

// tokenOf is a secret that tells the name of a test.
func tokenOf(name string) string {
	plain := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || strings.ContainsRune("-._/", r) {
			return r
		}
		return '-'
	}, name)
	if plain != name || len(plain) > 200 {
		plain = plain[:min(len(plain), 200)] + "-" + hash(name)
	}
	return "test-" + plain
}

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:6])
}

// Token is the secret of the workspace, for both APIs: it tells the name of the test.
func (u *Understudy) Token() string { return u.token }

// Client sends requests to the vendors' hosts, and to those that [Hosts] names, to the
// stand-in, within this process.
func (u *Understudy) Client() *http.Client { return &http.Client{Transport: u} }

// URL is the address of the stand-in on this machine, for clients that take no
// [http.Client], in this process or another. It begins to listen when it is first asked for.
// What breaks the contract there is told where the stand-in was made; a request names
// another test by its token.
func (u *Understudy) URL() string {
	u.tb.Helper()
	s := u.server
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.url != "" || s.ended {
		return s.url
	}
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		u.tb.Fatalf("understudytest: %v", err)
	}
	served := &http.Server{Handler: s.handler, ReadHeaderTimeout: time.Minute}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = served.Serve(listener) // until it is closed
	}()
	s.url = "http://" + listener.Addr().String()
	s.stop = func() {
		_ = served.Close()
		<-done
	}
	return s.url
}

// close ends the server.
func (s *server) close(tb testing.TB) {
	tb.Helper()
	s.mutex.Lock()
	stop := s.stop
	s.ended = true
	s.mutex.Unlock()
	stop()
	if err := s.app.Close(); err != nil {
		tb.Errorf("understudytest: the stand-in did not end well: %v", err)
	}
}

// serves reports whether a host is the stand-in's to answer for.
func (s *server) serves(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	for _, name := range vendors {
		if host == name || strings.HasSuffix(host, "."+name) {
			return true
		}
	}
	for _, name := range s.options.hosts {
		if matched, _ := path.Match(strings.ToLower(name), host); matched || strings.EqualFold(name, host) {
			return true
		}
	}
	return false
}

// listens reports whether an address is that of URL.
func (s *server) listens(host string) bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.url == "http://"+host
}

// callers is the stack of who calls the package.
func callers() []uintptr {
	pcs := make([]uintptr, 64)
	return pcs[:runtime.Callers(3, pcs)]
}
