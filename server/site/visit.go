package site

import (
	"context"
	"net/http"
	"sync"

	"github.com/gorilla/mux"

	"github.com/understudy-api/understudy/server/contract"
	"github.com/understudy-api/understudy/storage"
)

// visit is the state of one request on its way through the site. It is the context of
// the request too: that takes no more memory, of which each request would have several
// small pieces.
type visit struct {
	context.Context //nolint:containedctx // it is one

	site      *Site
	exchange  *Exchange
	answer    *answer
	principal Principal
	requestBody
	clock storage.Clock
	force *Force // what is done on purpose; nil for nothing
	// keptSlashes says that slashes within segments stay escaped in the URL.
	keptSlashes bool
	unnamed     bool   // the header that names a workspace cannot be read
	message     string // of a forced error; "" for the status in words
	large       guest  // see guest
	guestOnce   sync.Once
	held        *Refusal // of a request that is served all the same: reported only, or against a rule we guess
}

type visitKey struct{}

// Value implements [context.Context]: with the visit, and for mux with the path parameters.
func (v *visit) Value(key any) any {
	switch key {
	case visitKey{}:
		return v
	case varsKey:
		return v.exchange.Vars
	}
	return v.Context.Value(key)
}

// varsKey is what mux asks a context for, for [mux.Vars].
var varsKey = func() any {
	questioned := &questioned{Context: context.Background()}
	mux.Vars((&http.Request{}).WithContext(questioned))
	return questioned.key
}()

// questioned is a context that keeps what it was asked for last.
type questioned struct {
	context.Context //nolint:containedctx // it is one

	key any
}

// Value implements [context.Context].
func (q *questioned) Value(key any) any {
	q.key = key
	return nil
}

func visitOf(ctx context.Context) *visit {
	v, _ := ctx.Value(visitKey{}).(*visit)
	return v
}

// PrincipalFrom gives the caller of the request being served.
func PrincipalFrom(ctx context.Context) Principal {
	if v := visitOf(ctx); v != nil {
		return v.principal
	}
	return Principal{}
}

// ExchangeFrom gives the id of the exchange being served; "" outside of one.
func ExchangeFrom(ctx context.Context) string {
	if v := visitOf(ctx); v != nil {
		return v.exchange.ID
	}
	return ""
}

// AddressFrom gives the address that the request being served came from; "" outside of
// one.
func AddressFrom(ctx context.Context) string {
	if v := visitOf(ctx); v != nil {
		return v.answer.request.RemoteAddr
	}
	return ""
}

// VarFrom gives a path parameter of the request being served, decoded; "" if its path
// has none of that name.
func VarFrom(ctx context.Context, name string) string {
	if v := visitOf(ctx); v != nil {
		return v.exchange.Vars[name]
	}
	return ""
}

// Warn notes a violation of the request being served that is no reason to refuse it.
func Warn(ctx context.Context, violation contract.Violation) {
	if v := visitOf(ctx); v != nil {
		v.exchange.Violations = append(v.exchange.Violations, violation)
	}
}

// Fail answers a request with an error, in the API's words. It is what the
// generated code's error handlers call.
func Fail(w http.ResponseWriter, r *http.Request, err error) {
	v := visitOf(r.Context())
	if v == nil {
		http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		return
	}
	refusal := AsRefusal(err)
	if v.held != nil && refusal.Kind == KindInternal {
		refusal = v.held // what is wrong with the request keeps it from being served
	}
	v.refuse(r, refusal)
}

// pathValues gives the path parameters. Where slashes within segments were kept from
// the router they are decoded, also for the generated code, which binds these
// values as they are.
func (v *visit) pathValues(vars map[string]string) map[string]string {
	if v.keptSlashes {
		for name, value := range vars {
			vars[name] = contract.DecodeSegment(value)
		}
	}
	return vars
}

// attribute says whose exchange it is where no credential is asked for.
func (v *visit) attribute(r *http.Request) {
	if !v.site.document.Anyone().CarriesCredential(r) {
		return
	}
	if principal, refusal := v.site.api.Authenticate(r, v.site.document.Anyone()); refusal == nil {
		v.identified(r, principal)
		v.principal = Principal{} // nobody was asked to be one
	}
}

// identified notes who calls, and in which of their workspaces.
func (v *visit) identified(r *http.Request, principal Principal) {
	name, ok := subWorkspace(r)
	if !principal.Bound {
		principal.Workspace = SubWorkspace(principal.Workspace, name)
	}
	v.principal = principal
	v.exchange.Workspace = principal.Workspace
	if !ok {
		v.unnamed = true
	}
}

// forcesAnswer reports whether the answer is forced whatever the request says.
func (v *visit) forcesAnswer() bool { return v.force != nil && v.force.Status != 0 }

// refuse answers with a refusal, through the API's one function.
func (v *visit) refuse(r *http.Request, refusal *Refusal) {
	a := v.answer
	if a.sent || a.ended != nil {
		a.fail(refusal)
		return // too late: the status is out
	}
	a.reset()
	if refusal.Kind == KindInternal {
		v.exchange.Err = refusal
	}
	type rule struct {
		rule string
		in   contract.In
	}
	told := map[rule]bool{}
	for i := range v.exchange.Violations {
		told[rule{v.exchange.Violations[i].Rule, v.exchange.Violations[i].In}] = true
	}
	for i := range refusal.Violations {
		if of := (rule{refusal.Violations[i].Rule, refusal.Violations[i].In}); !told[of] {
			told[of] = true
			v.exchange.Violations = append(v.exchange.Violations, refusal.Violations[i])
		}
	}
	v.exchange.Refused = refusal.Kind != KindInternal && len(refusal.Violations) > 0
	a.Header().Set("Understudy-Exchange", v.exchange.ID)
	if r.Context().Err() != nil && len(refusal.Violations) > 1 {
		gone := *refusal // nobody is left to read what is worded of the others
		gone.Violations = gone.Violations[:1]
		refusal = &gone
	}
	v.site.api.Refuse(a, r, refusal)
}
