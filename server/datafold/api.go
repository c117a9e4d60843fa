// Package datafold implements the operations of openapi/datafold: Datafold,
// one file per resource family. What is known of the API's behaviour, and what is
// a guess, stands in that document, marked by basis.
//
// A new resource is added in three places:
//
//   - openapi/datafold/<resource>.yaml declares its operations; "make generate" makes the
//     interface of it, and the compiler lists the methods that are missing.
//   - <resource>.go declares the type that is stored, which holds no generated type, and
//     the resource: the sequence of its ids, its words, what it is in and how it is
//     answered (see resource.go, the kit). A handler then is one call of the kit: list,
//     read, add, change or remove, with the numbers of the path as they stand there; more
//     than one step in a transaction is a write. What the kit has no method for is added
//     to the kit: no other file reaches the store. If a seed can hold the resource, its
//     seeded stands in <resource>_seed.go, and in the list of Seed.
//   - <resource>_test.go calls the operations through the generated client, and
//     stored_test.go holds the type to what this release stores.
//
// Whatever writes tells the audit what it did, in its transaction, by way of the kit.
package datafold

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/understudy-api/understudy/gen/datafold"
	"github.com/understudy-api/understudy/server/audit"
	"github.com/understudy-api/understudy/server/contract"
	"github.com/understudy-api/understudy/server/job"
	"github.com/understudy-api/understudy/server/site"
	"github.com/understudy-api/understudy/server/voice/fastapi"
	"github.com/understudy-api/understudy/storage"
)

// API serves Datafold. It is a [site.API].
type API struct {
	store    storage.Store
	keys     site.Keyring
	audit    audit.Keep // what was done, in the transaction that did it; nil for nobody
	executor executor
	sealer   *sealer
}

var (
	_ site.API                       = (*API)(nil)
	_ datafold.StrictServerInterface = (*API)(nil)
)

// New makes the API over a store, with the keyring that knows its keys.
func New(store storage.Store, keys site.Keyring) *API {
	return &API{store: store, keys: keys}
}

// Encrypt says under which key the secrets of data sources are encrypted, before anything
// is served: 32 bytes, the same for all who share a store. nil is none.
func (a *API) Encrypt(key []byte) (err error) {
	a.sealer, err = newSealer(key)
	return err
}

// Execute says what opens databases, before anything is served. Without it no data source
// can be executed.
func (a *API) Execute(databases Databases) { a.executor.databases = databases }

// Close closes the databases that are open. Nothing is served and no job runs any more.
func (a *API) Close() error { return a.executor.Close() }

// Jobs are the kinds of jobs of the API, and how they are run.
func (a *API) Jobs() []job.Handler {
	return []job.Handler{
		{Kind: syncs, Run: func(context.Context, *job.Work) (any, error) { return nil, nil }},
		{Kind: sourceTests, Run: a.runTest},
		{Kind: schemaTasks, Run: a.runSchema},
		{Kind: diffJobs, Run: a.runDiff},
		{Kind: ciJobs, Run: a.runCI},
	}
}

// Source is the served document.
func (a *API) Source() contract.Source {
	return contract.Source{API: "datafold", File: datafold.File, JSON: datafold.Document(), Lines: datafold.Lines(), Marks: datafold.Bases(), Starlette: true, Convert: fastapi.Convert}
}

// Register hands over the generated handlers.
func (a *API) Register(route site.Route) {
	strict := datafold.NewStrictHandlerWithOptions(a, nil, datafold.StrictHTTPServerOptions{
		RequestErrorHandlerFunc:  failRequest,
		ResponseErrorHandlerFunc: site.Fail,
	})
	datafold.Routes(strict, datafold.GorillaServerOptions{ErrorHandlerFunc: site.Fail}, route)
}

// Authenticate accepts an API key in the form "Key <api-key>", as the document's
// scheme describes it. A bare key, as some clients send it, is accepted with a warning.
func (a *API) Authenticate(r *http.Request, op *contract.Operation) (site.Principal, *site.Refusal) {
	principal, refusal := site.Authenticate(r, op, a.keys)
	if refusal == nil {
		return principal, nil
	}
	came := r.Header.Values("Authorization")
	if len(came) != 1 || strings.Contains(came[0], " ") || slices.Contains(schemes, strings.ToLower(came[0])) {
		return principal, refusal
	}
	worded := r.Clone(r.Context())
	worded.Header.Set("Authorization", "Key "+came[0])
	bare, refused := site.Authenticate(worded, op, a.keys)
	if refused != nil {
		return principal, refusal
	}
	v := op.CredentialViolation(r)
	v.Basis = contract.BasisClient
	site.Warn(r.Context(), v)
	return bare, nil
}

// schemes are words that are no keys: who sends one alone has left out the key.
var schemes = []string{"key", "bearer", "basic", "digest", "token", "apikey"}

// HeadAsGet is false: FastAPI's routes answer HEAD with 405.
func (a *API) HeadAsGet() bool { return false }

// Unmatched refuses as Starlette does: 405 for another method, a redirect when
// only the final slash differs, else 404.
func (a *API) Unmatched(_ *http.Request, allow []string, other string) *site.Refusal {
	switch {
	case len(allow) > 0:
		return &site.Refusal{Kind: site.KindMethodNotAllowed, Allow: slices.Clone(allow)}
	case other != "":
		return &site.Refusal{Kind: site.KindSlashRedirect, Location: other}
	}
	return &site.Refusal{Kind: site.KindRouteNotFound}
}
