// Package brms implements the operations of openapi/brms: GoRules BRMS, one
// file per resource. What is known of the API's behaviour, and what is a guess,
// stands in that document, marked by basis.
//
// A new resource is added in three places:
//
//   - openapi/brms/<resource>.yaml declares its operations. One that is secured and
//     writes names the permission it takes (x-understudy-permission). "make generate"
//     makes the interface of it, and the compiler lists the methods that are missing.
//   - <resource>.go declares the type that is stored, which holds no generated type, and
//     the resource: its indexes, its words, what it is in and how it is answered (see
//     resource.go, the kit). A handler then is one call of the kit: list, read, add,
//     change or remove, with the ids of the path as they stand there; more than one
//     step in a transaction is a write. What the kit has no method for is added to the
//     kit: no other file reaches the store. If a seed can hold the resource, its seeded
//     stands beside it, and in the list "within" of what it is in, or in Seed: the order
//     of those lists is the order of planting.
//   - <resource>_test.go calls the operations through the generated client, and
//     stored_test.go holds the type to what this release stores.
//
// Permissions are asked for in one place (permitted), and whatever writes tells the
// audit what it did, in its transaction, by way of the kit.
package brms

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/understudy-api/understudy/gen/brms"
	"github.com/understudy-api/understudy/server/audit"
	"github.com/understudy-api/understudy/server/contract"
	"github.com/understudy-api/understudy/server/decision"
	"github.com/understudy-api/understudy/server/site"
	"github.com/understudy-api/understudy/server/voice/fastify"
	"github.com/understudy-api/understudy/storage"
)

// API serves GoRules BRMS. It is a [site.API].
type API struct {
	store storage.Store
	keys  site.Keyring
	// audit keeps what was done, in the transaction that did it.
	audit     audit.Keep
	engines   *engines
	manifests manifests
	released  released
	unpacking *unpacking
	tokens    *tokens
	key       []byte            // of the store; nil for one of this process
	transport http.RoundTripper // of outgoing requests; nil if there are none
	version   string            // of this server; "" if it is not known
}

// Option is something that the API can do if it is given the means.
type Option func(*API)

// WithKey sets the key under which the tokens that the API gives out are encrypted: 32
// bytes, the same for all who share a store. Without one they end with the process.
func WithKey(key []byte) Option { return func(a *API) { a.key = key } }

// WithFunctions lets function nodes run.
func WithFunctions(h decision.FunctionHandler) Option {
	return func(a *API) { a.engines.functions = h }
}

// WithOutgoing lets the decisions and the proxy make HTTP requests. The transport is
// asked for each, redirects included, with the context of the request that is being
// served; it refuses with [ErrOutgoing] what may not go out.
func WithOutgoing(transport http.RoundTripper) Option {
	return func(a *API) { a.transport = transport }
}

// WithVersion sets the version that the API tells of itself.
func WithVersion(version string) Option { return func(a *API) { a.version = version } }

var (
	_ site.API                   = (*API)(nil)
	_ brms.StrictServerInterface = (*API)(nil)
)

// New makes the API over a store, with the keyring that knows its tokens.
func New(store storage.Store, keys site.Keyring, options ...Option) *API {
	a := &API{
		store: store, keys: keys, audit: func(storage.Tx, audit.Event) error { return nil },
		engines: &engines{compiled: decision.NewCache(compiledBytes, decision.Limits{})}, unpacking: newUnpacking(),
	}
	for _, option := range options {
		option(a)
	}
	var err error
	if a.tokens, err = newTokens(a.key); err != nil {
		panic(err) //nolint:forbidigo // a key of another size, which is refused where it is read
	}
	return a
}

// Source is the served document.
func (a *API) Source() contract.Source {
	return contract.Source{
		API: "brms", File: brms.File, JSON: brms.Document(), Lines: brms.Lines(), Marks: brms.Bases(),
		EagerBody: true, EncodedSlash: true, EmptyParameter: true, WholeEscapes: true, ContentType: contentType, Convert: fastify.Convert,
	}
}

// contentType is Fastify's for an answer that it serialises itself.
const contentType = "application/json; charset=utf-8"

// Register hands over the generated handlers.
func (a *API) Register(route site.Route) {
	strict := brms.NewStrictHandlerWithOptions(a, []brms.StrictMiddlewareFunc{permitted}, brms.StrictHTTPServerOptions{
		RequestErrorHandlerFunc:  site.Fail,
		ResponseErrorHandlerFunc: site.Fail,
	})
	brms.Routes(strict, brms.GorillaServerOptions{ErrorHandlerFunc: site.Fail}, route)
}

// permitted refuses what the caller's credential does not allow, as far as the vendor
// says what it takes: what is a guess of ours keeps nobody out.
func permitted(next brms.StrictHandlerFunc, _ string) brms.StrictHandlerFunc {
	return func(ctx context.Context, w http.ResponseWriter, r *http.Request, request any) (any, error) {
		caller := site.PrincipalFrom(ctx)
		if op := site.OperationFrom(ctx); op != nil && caller.Permissions != nil {
			needed, basis := op.Permission()
			if needed != "" && basis.Refuses() && !caller.May(needed) && !caller.May(ownerPermission) {
				return nil, site.Forbidden("forbidden", "Forbidden")
			}
		}
		return next(ctx, w, r, request)
	}
}

// ownerPermission allows everything.
const ownerPermission = "owner"

// HeadAsGet is true: Fastify exposes a HEAD route beside each GET route.
func (a *API) HeadAsGet() bool { return true }

// Unmatched refuses as Fastify does: it knows no 405, and a final slash makes
// another path.
func (a *API) Unmatched(r *http.Request, allow []string, _ string) *site.Refusal {
	url := r.RequestURI // as it came: routing may see another form of it
	if url == "" {
		url = r.URL.RequestURI()
	}
	return &site.Refusal{
		Kind: site.KindRouteNotFound, Allow: slices.Clone(allow),
		Message: "Route " + cut(r.Method, 100) + ":" + cut(withoutUser(url), maxTarget) + " not found",
	}
}

// maxTarget is how much of a target is repeated, in bytes.
const maxTarget = 1000

// cut shortens a text to so many bytes.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "..."
}

// withoutUser drops the user and the password of a target that is a whole URL.
func withoutUser(target string) string {
	scheme, rest, absolute := strings.Cut(target, "://")
	if !absolute || strings.HasPrefix(target, "/") {
		return target
	}
	authority, path := rest, ""
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		authority, path = rest[:i], rest[i:]
	}
	if i := strings.LastIndexByte(authority, '@'); i >= 0 {
		authority = authority[i+1:]
	}
	return scheme + "://" + authority + path
}

// timestamp words a time as JavaScript's toISOString does.
func timestamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

func deletedAt(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	s := timestamp(t)
	return &s
}

// derivedID is an id that a workspace has without storing it, such as that of its
// organisation.
func derivedID(workspace, of string) uuid.UUID {
	return uuid.NewSHA1(uuid.NameSpaceURL, []byte("understudy:"+workspace+":"+of))
}

// The paging of BRMS: numbers from 1, ten to a page unless asked otherwise. The
// API publishes no maximum; clients ask for up to 500.
const (
	defaultPerPage = 10
	maxPerPage     = 1000
	maxPage        = 1 << 40
)

// paging is a page number and a page size made usable.
type paging struct{ page, perPage int }

func newPaging(page, perPage *float64) paging {
	whole := func(f *float64, absent, most int) int {
		if f == nil || !(*f >= 1) { // NaN is not at least 1 either
			return absent
		}
		return int(min(*f, float64(most)))
	}
	return paging{page: whole(page, 1, maxPage), perPage: whole(perPage, defaultPerPage, maxPerPage)}
}

func (p paging) offset() int { return (p.page - 1) * p.perPage }

func (p paging) envelope(items int, total int64) brms.Paginate {
	e := brms.Paginate{Current: p.page, Total: int(total), PageSize: p.perPage}
	if items > 0 {
		e.From, e.To = p.offset()+1, p.offset()+items
	}
	return e
}

// truth reads the spellings that BRMS takes for true.
func truth(b *brms.BooleanText) bool { return b != nil && strings.EqualFold(string(*b), "true") }

// statusOK is what a delete answers.
const statusOK = "ok"

func or[T any](given *T, absent T) T {
	if given == nil {
		return absent
	}
	return *given
}
