// Package app wires Understudy: configuration, store, the served APIs and the
// HTTP server. It is the only package that knows all the others; the binary in
// package main is a thin shell around it, and so can a Go test be.
package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/understudy-api/understudy/server/contract"
	"github.com/understudy-api/understudy/server/control"
	"github.com/understudy-api/understudy/server/databases"
	"github.com/understudy-api/understudy/server/edge"
	"github.com/understudy-api/understudy/server/evidence"
	"github.com/understudy-api/understudy/server/job"
	"github.com/understudy-api/understudy/server/quota"
	"github.com/understudy-api/understudy/server/seed"
	"github.com/understudy-api/understudy/server/site"
	"github.com/understudy-api/understudy/server/webhook"
	"github.com/understudy-api/understudy/server/workspace"
	"github.com/understudy-api/understudy/storage"
	"github.com/understudy-api/understudy/storage/sqlite"
)

// Options say what to build. The zero value is a server in memory, in open mode,
// with the default limits and no log.
type Options struct {
	Store string // "memory" (also ""), "sqlite:PATH" or "postgres://..."
	// StoreKey is the key under which the tokens that projects give out are encrypted, 32
	// bytes; nil for one that ends with the App.
	StoreKey []byte
	Auth     string // "open" (also "")
	// FullSync makes every commit to a SQLite file wait for the disk; see sqlite.Options.
	FullSync bool
	Enforce  site.Enforcement // "" is strict
	Limits   *site.Limits     // nil for the defaults
	Logger   *slog.Logger     // nil for none
	Now      func() time.Time // nil for the system's clock
	NewID    func() string    // nil for random UUIDs
	// Record says which exchanges outlive the process; "" is those with violations.
	Record     evidence.Policy
	Exchanges  int      // the newest that are kept of each workspace; 0 for the default
	AdminToken string   // the administrator's secret, which opens every workspace to the control API; "" opens them to nobody
	CORS       []string // origins whose pages may call; "*" is any, but for the control API
	// Hosts are the names that are answered to; nil for all names.
	Hosts *edge.Hosts
	// PublicURL is where clients reach the server, without a final slash: what redirects
	// and signed addresses begin with. "" for what each request came for.
	PublicURL string
	// Outgoing lets the requests of decisions and webhooks out, OutgoingLocal also to this
	// machine, where webhooks go anyway, and to private networks.
	Outgoing, OutgoingLocal bool
	// Wait waits for a delay that a fault asks for; nil waits by the real clock.
	Wait func(ctx context.Context, delay time.Duration)

	// Quota bounds what may be kept; zeros are the defaults.
	Quota quota.Limits
	// Judge is shown every exchange before it is recorded, and may mark violations as
	// expected; nil for nobody.
	Judge func(*site.Exchange)
	// Requests is told of every exchange, once it is recorded; nil for nobody.
	Requests func(*site.Exchange)

	// AllowDatabases are hosts, networks and paths of sockets that data sources may name,
	// separated by commas, beside this machine.
	AllowDatabases string
	Files          string // ADDRESS=FOLDER pairs, separated by commas; see databases.ParseFiles

	record func(*site.Exchange) // likewise; for tests
}

// App serves both APIs and the control API from one store.
type App struct {
	store      storage.Store
	keys       site.Keyring
	evidence   *evidence.Recorder
	jobs       *job.Room
	workspaces *workspace.Manager
	seeds      *seed.Seeder
	apis       []*service
	control    *service
	closing    []io.Closer  // what is to be closed after the jobs
	handler    http.Handler // route, behind CORS if that is wanted
	hosts      *edge.Hosts
	origins    []string // that are let in by name
	publicURL  string
	strangers  strangers
	end        context.CancelFunc // of the life of what only waits
	unfollow   func()             // ends the watch over folders of rules; nil if there is none
}

// service is one served API with what tells its requests from another's. Its document
// is loaded when first needed, so that the first request waits for one document
// and not for all.
type service struct {
	scheme string    // the credential's scheme that speaks for this API
	paths  beginning // of its paths
	load   func() (*site.Site, error)
	log    *slog.Logger
}

func newService(api site.API, scheme string, o site.Options) (*service, error) {
	d := documentOf(api.Source())
	paths, err := d.beginnings()
	if err != nil {
		return nil, err
	}
	o.API = api
	return &service{
		scheme: scheme, paths: paths, log: o.Logger,
		load: sync.OnceValues(func() (*site.Site, error) {
			var err error
			if o.Prepared, err = d.prepared(); err != nil {
				return nil, err
			}
			return site.NewSite(o)
		}),
	}, nil
}

// document is a served document, which takes far longer to open than all else that an App
// is made of, and is the same for every App of a process.
type document struct {
	beginnings func() (beginning, error)
	prepared   func() (*site.Prepared, error)
}

var opened sync.Map // of documents, by API

func documentOf(source contract.Source) *document {
	d, _ := opened.LoadOrStore(source.API, &document{
		beginnings: sync.OnceValues(func() (beginning, error) {
			paths, err := source.Paths()
			return beginnings(paths), err
		}),
		prepared: sync.OnceValues(func() (*site.Prepared, error) { return site.Prepare(source) }),
	})
	return d.(*document) //nolint:forcetypeassert // nothing else is put in
}

// ServeHTTP serves a request of this API.
func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if loaded := s.loaded(w, r); loaded != nil {
		loaded.ServeHTTP(w, r)
	}
}

// refuse answers a request that is not to be looked at any further.
func (s *service) refuse(w http.ResponseWriter, r *http.Request, refusal *site.Refusal) {
	if loaded := s.loaded(w, r); loaded != nil {
		loaded.Refuse(w, r, refusal)
	}
}

// loaded is the API; where it cannot be had, the request is answered.
func (s *service) loaded(w http.ResponseWriter, r *http.Request) *site.Site {
	loaded, err := s.load()
	if err != nil { // tests load every document: this is a broken build
		s.log.ErrorContext(r.Context(), "the document cannot be served", "error", err)
		w.WriteHeader(http.StatusInternalServerError)
		return nil
	}
	return loaded
}

// New opens the store and builds the handler.
func New(ctx context.Context, o Options) (*App, error) {
	store, err := openStore(ctx, o)
	if err != nil {
		return nil, err
	}
	a, err := build(store, o)
	if err != nil {
		_ = store.Close()
		return nil, err
	}
	return a, nil
}

func build(store storage.Store, o Options) (*App, error) {
	keys, err := keyring(o.Auth)
	if err != nil {
		return nil, err
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	replicas, can := store.(interface{ Shared() bool })
	shared := can && replicas.Shared()
	store = quota.New(store, o.Quota)
	a := &App{store: store, keys: keys, hosts: o.Hosts, origins: o.CORS, publicURL: o.PublicURL, strangers: strangers{log: o.Logger}}
	a.handler = allowOrigins(http.HandlerFunc(a.route), o.CORS)
	version, goVersion := versions()
	a.evidence = evidence.New(store, evidence.Options{
		Documents: a.documents, Version: version, Record: o.Record, Exchanges: o.Exchanges, Logger: o.Logger,
		Shared: shared,
	})
	a.workspaces = workspace.New(workspace.Options{Store: store, Evidence: a.evidence, Documents: a.documents, Now: o.Now})
	a.seeds = newSeeder(means{store: store, keys: keys, key: o.StoreKey}, a.workspaces, a.documents)
	options := site.Options{
		Limits: site.DefaultLimits(), Enforce: o.Enforce, Logger: o.Logger, Record: a.evidence.Record,
		Steer: a.workspaces.Steer, Wait: o.Wait, PublicURL: o.PublicURL,
	}
	options.Life, a.end = context.WithCancel(context.Background())
	if o.Limits != nil {
		options.Limits = *o.Limits
	}
	options.Gate = site.NewGate(options.Limits.Body)
	for _, tell := range []func(*site.Exchange){o.record, o.Requests} {
		if record := options.Record; tell != nil {
			options.Record = func(x *site.Exchange) {
				record(x)
				tell(x)
			}
		}
	}
	if record := options.Record; o.Judge != nil {
		options.Record = func(x *site.Exchange) {
			o.Judge(x)
			record(x)
		}
	}
	a.jobs = job.New(job.Options{Store: store, Shared: shared, Logger: o.Logger})
	if err := a.jobs.Handle(webhook.NewSender(store, o.Outgoing, o.OutgoingLocal).Jobs()...); err != nil {
		return nil, err
	}
	opener, err := databases.New(o.AllowDatabases, o.Files)
	if err != nil {
		return nil, err
	}
	var datafold control.Datafold
	out := newOutgoing(o.Outgoing, o.OutgoingLocal)
	out.steer, out.wait = a.workspaces.SteerOutgoing, o.Wait
	for i, api := range apis(means{store: store, keys: keys, key: o.StoreKey, outgoing: out}) {
		if of, has := api.(hasDatabases); has {
			of.Execute(opener)
			a.closing = append(a.closing, of)
		}
		if of, has := api.(control.Datafold); has {
			datafold = of
		}
		if of, has := api.(hasJobs); has {
			if err := a.jobs.Handle(of.Jobs()...); err != nil {
				return nil, err
			}
		}
		s, err := newService(api, served[i].scheme, options)
		if err != nil {
			return nil, err
		}
		a.apis = append(a.apis, s)
	}
	options.Steer = nil // nobody locks themselves out
	if a.control, err = newService(control.New(control.Options{
		Store: store, Keys: keys, Evidence: a.evidence, Jobs: a.jobs.Kinds(), Workspaces: a.workspaces, Seeds: a.seeds, AdminToken: o.AdminToken, Logger: o.Logger, Version: version, Go: goVersion,
		Documents: documents(), Datafold: datafold,
	}), "", options); err != nil {
		return nil, err
	}
	a.jobs.Start()
	return a, nil
}

// loadAll loads the APIs before they are asked.
func (a *App) loadAll() {
	for _, s := range append(slices.Clone(a.apis), a.control) {
		_, _ = s.load() // told when it is served
	}
}

func openStore(ctx context.Context, o Options) (storage.Store, error) {
	kind, path, ok := parseStore(cmp.Or(o.Store, "memory"))
	if !ok {
		return nil, fmt.Errorf("store: want %s", wantStore)
	}
	if kind == "postgres" {
		open, known := storage.Driver(kind)
		if !known {
			return nil, errors.New("open store: this program has no driver for PostgreSQL")
		}
		store, err := open(ctx, path, storage.Options{Now: o.Now, NewID: o.NewID})
		if err != nil { // without the DSN, which may hold a password
			return nil, fmt.Errorf("open store: %w", err)
		}
		return store, nil
	}
	store, err := sqlite.Open(ctx, sqlite.Options{Path: path, Now: o.Now, NewID: o.NewID, FullSync: o.FullSync})
	if err != nil {
		return nil, fmt.Errorf("open store %q: %w", o.Store, err)
	}
	return store, nil
}

// wantStore is what a store can be.
const wantStore = `"memory", "sqlite:PATH" or "postgres://..."`

// parseStore tells a kind of store ("memory", "sqlite" or "postgres") and where it
// is: a path, or a DSN.
func parseStore(text string) (kind, where string, ok bool) {
	kind, where, _ = strings.Cut(text, ":")
	switch kind {
	case "memory":
		return kind, "", text == kind
	case "sqlite":
		return kind, where, where != ""
	case "postgres", "postgresql":
		return "postgres", text, strings.HasPrefix(where, "//")
	}
	return "", "", false
}

// documents gives the served documents, in the order of a report.
func (a *App) documents() ([]*contract.Document, error) {
	documents := make([]*contract.Document, 0, len(a.apis)+1)
	for _, s := range append(slices.Clone(a.apis), a.control) {
		loaded, err := s.load()
		if err != nil {
			return nil, err
		}
		documents = append(documents, loaded.Document())
	}
	return documents, nil
}

// Report is the report of all workspaces on both APIs; of says what the coverage is
// taken of.
func (a *App) Report(ctx context.Context, of string) (*evidence.Report, error) {
	return a.evidence.Report(ctx, evidence.Scope{All: true}, of)
}

// Evidence is what was seen of all workspaces.
func (a *App) Evidence() *evidence.Recorder { return a.evidence }

// Workspaces steers the calls of workspaces: faults, snapshots, clocks.
func (a *App) Workspaces() *workspace.Manager { return a.workspaces }

// Principal is who has a secret; false if nobody does.
func (a *App) Principal(secret string) (site.Principal, bool) { return a.keys.Principal(secret) }

// Plant makes workspaces what a seed says. One that names no credential is that of the
// caller. The error is of type [seed.Mistakes] if the seed has any.
func (a *App) Plant(ctx context.Context, text seed.Input, caller site.Principal) (seed.Result, error) {
	return a.seeds.Put(ctx, text, caller)
}

// jobsTimeout is how long Close waits for jobs that have been told to end.
const jobsTimeout = 5 * time.Second

// Close leaves running jobs to the next process, stores the last evidence and
// releases the store. Requests still running fail as unavailable.
func (a *App) Close() error {
	a.end()
	ctx, cancel := context.WithTimeout(context.Background(), jobsTimeout)
	defer cancel()
	if a.unfollow != nil {
		a.unfollow()
	}
	failed := []error{a.jobs.Close(ctx)}
	for _, c := range a.closing {
		failed = append(failed, c.Close())
	}
	return errors.Join(append(failed, a.evidence.Close(), a.store.Close())...)
}

// route hands a request to the API it belongs to.
func (a *App) route(w http.ResponseWriter, r *http.Request) { a.owner(r).ServeHTTP(w, r) }

// owner is the API that a request belongs to.
func (a *App) owner(r *http.Request) *service {
	if ofControl(r.URL.Path) {
		return a.control
	}
	return a.identify(r)
}

// identify finds the API a request belongs to: the one whose paths share the most
// leading static segments with it, then the one whose scheme the credential has,
// then the first. It judges nothing.
func (a *App) identify(r *http.Request) *service {
	best, most, tie := a.apis[0], -1, false
	for _, s := range a.apis {
		n := s.paths.shared(r.URL.Path)
		switch {
		case n > most:
			best, most, tie = s, n, false
		case n == most:
			tie = true
		}
	}
	if !tie {
		return a.nearer(best, r)
	}
	scheme, _, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	for _, s := range a.apis {
		if s.paths.shared(r.URL.Path) == most && strings.EqualFold(scheme, s.scheme) {
			return s
		}
	}
	return best
}

// nearer is the API whose credential a request carries, if its path is much nearer to one
// of that API than to any of the API that its first segments speak for.
func (a *App) nearer(best *service, r *http.Request) *service {
	scheme, _, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if strings.EqualFold(scheme, best.scheme) {
		return best
	}
	for _, s := range a.apis {
		if s == best || !strings.EqualFold(scheme, s.scheme) {
			continue
		}
		its, err := s.load()
		own, err2 := best.load()
		if err == nil && err2 == nil && 2*its.Document().Distance(r.URL.Path) < own.Document().Distance(r.URL.Path) {
			return s
		}
	}
	return best
}

// beginning is what may follow in the paths of an API that begin alike, by segment, up to
// the first parameter of each: every request asks for it, of every API.
type beginning map[string]beginning

func beginnings(paths []string) beginning {
	all := beginning{}
	for _, path := range paths {
		t, at := contract.ParseTemplate(path), all
		for i := 0; t.Static(i) != ""; i++ {
			next, ok := at[t.Static(i)]
			if !ok {
				next = beginning{}
				at[t.Static(i)] = next
			}
			at = next
		}
	}
	return all
}

// shared counts the leading segments that a path has in common with those.
func (b beginning) shared(path string) int {
	rest, more := strings.TrimPrefix(path, "/"), true
	for n := 0; ; n++ {
		var segment string
		if !more {
			return n
		}
		segment, rest, more = strings.Cut(rest, "/")
		if b = b[segment]; b == nil {
			return n
		}
	}
}
