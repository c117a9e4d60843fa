package brms

import (
	"context"
	"net/http"
	"strings"

	"github.com/google/uuid"

	"github.com/understudy-api/understudy/gen/brms"
	"github.com/understudy-api/understudy/server/contract"
	"github.com/understudy-api/understudy/server/site"
	"github.com/understudy-api/understudy/storage"
)

// projectToken is what is stored of an access token of a project: not its secret.
type projectToken struct {
	authors

	Name string `json:"name"`
}

var projectTokens = resource[projectToken, brms.ProjectToken]{
	code: "token", noun: "Token", in: &projects,
	records: storage.Collection[projectToken]{Kind: "brms.project.token"},
}

// shown answers a token, with its secret.
func (a *API) shown(tx storage.ReadTx, t storage.Item[projectToken]) brms.ProjectToken {
	return brms.ProjectToken{
		ID: uuid.MustParse(t.ID), ProjectID: uuid.MustParse(t.Parent), Name: t.Value.Name,
		Token:     a.tokens.of(holder{tokenOfProject, tx.Workspace(), t.ID}),
		CreatedAt: timestamp(t.Created), CreatedBy: person(tx.Workspace()),
	}
}

// ListProjectTokens lists the tokens of a project, newest first.
func (a *API) ListProjectTokens(ctx context.Context, request brms.ListProjectTokensRequestObject) (brms.ListProjectTokensResponseObject, error) {
	found, err := reading(ctx, a, func(tx storage.ReadTx) ([]brms.ProjectToken, error) {
		project, err := projects.place(tx, []uuid.UUID{request.ProjectID})
		if err != nil {
			return nil, err
		}
		list := []brms.ProjectToken{}
		return list, projectTokens.each(tx, storage.Query{Parent: &project, Descending: true}, func(t storage.Item[projectToken]) error {
			list = append(list, a.shown(tx, t))
			return nil
		})
	})
	return brms.ListProjectTokens200JSONResponse(found), err
}

// CreateProjectToken makes a token of a project.
func (a *API) CreateProjectToken(ctx context.Context, request brms.CreateProjectTokenRequestObject) (brms.CreateProjectTokenResponseObject, error) {
	made, err := writing(ctx, a, func(w *work) (view brms.ProjectToken, _ error) {
		t, err := projectTokens.insert(w, projectToken{Name: request.Body.Name}, request.ProjectID)
		if err != nil {
			return view, err
		}
		return a.shown(w, t), nil
	})
	return brms.CreateProjectToken200JSONResponse(made), err
}

// DeleteProjectToken takes a token back.
func (a *API) DeleteProjectToken(ctx context.Context, request brms.DeleteProjectTokenRequestObject) (brms.DeleteProjectTokenResponseObject, error) {
	gone, err := writing(ctx, a, func(w *work) (view brms.ProjectToken, _ error) {
		t, err := projectTokens.delete(w, request.ProjectID, request.TokenID)
		if err != nil {
			return view, err
		}
		return a.shown(w, t), nil
	})
	return brms.DeleteProjectToken200JSONResponse(gone), err
}

// The security schemes of the document. Its third, "internal", cannot be used directly:
// it never authenticates.
const (
	schemePersonal = "personalAccessToken"
	schemeProject  = "projectAccessToken"
)

// Authenticate accepts personal access tokens as bearer tokens, and the tokens that
// projects and environments give out in either header, for the operations that take
// them. Of two headers the bearer token decides. A token that was given out belongs to
// the workspace that did, and opens nothing but its project.
func (a *API) Authenticate(r *http.Request, op *contract.Operation) (site.Principal, *site.Refusal) {
	caller, refusal := site.Authenticate(r, op, issuing{a, r.Context()}, schemePersonal, schemeProject)
	if refusal == nil && caller.Projects != nil && op.ID != "" && !takes(op, schemeProject) {
		return caller, site.Forbidden("forbidden", "Forbidden")
	}
	return caller, refusal
}

// takes reports whether an operation declares a security scheme.
func takes(op *contract.Operation, scheme string) bool {
	for _, way := range op.Bearers() {
		for i := range way {
			if way[i].Name == scheme {
				return true
			}
		}
	}
	return false
}

// issuing is the keyring of a request: the tokens that were given out, and those that
// the server knows anyway.
type issuing struct {
	api *API
	ctx context.Context //nolint:containedctx // it lives as long as the request is asked who calls
}

// Principal finds whose a secret is.
func (k issuing) Principal(secret string) (site.Principal, bool) {
	h, ours := k.api.tokens.holder(secret)
	if !ours {
		return k.api.keys.Principal(secret)
	}
	var project string
	err := k.api.look(k.ctx, h.workspace, func(tx storage.ReadTx) (err error) {
		project, err = projectOf(tx, h)
		return err
	})
	if err != nil {
		return site.Principal{}, false
	}
	may := anywhere
	if h.kind == tokenOfEnvironment {
		may = inEnvironment(h.id)
	}
	return site.Principal{Workspace: h.workspace, Bound: true, Permissions: []string{may}, Projects: []string{project}}, true
}

// anywhere is what the token of a project permits: evaluation, of whatever is in it.
const anywhere = "evaluate"

// inEnvironment is what the token of an environment permits.
func inEnvironment(id string) string { return anywhere + " " + id }

// projectOf is the living project that a holder of a token belongs to.
func projectOf(tx storage.ReadTx, h holder) (string, error) {
	switch h.kind {
	case tokenOfProject:
		t, err := projectTokens.of(tx, h.id)
		if err != nil {
			return "", err
		}
		p, err := projects.of(tx, t.Parent)
		return p.ID, err
	case tokenOfEnvironment:
		e, err := environments.of(tx, h.id)
		if err != nil {
			return "", err
		}
		p, err := projects.of(tx, e.Parent)
		return p.ID, err
	default:
		return "", projectTokens.notFound()
	}
}

// maxSearched is how many workspaces are looked through for a project.
const maxSearched = 256

// unlessStrange is an error, unless it is that a caller finds no project for a reason: a
// token in X-Access-Token that nobody gave out opens a workspace of its own, in which
// there is none. Where just one other workspace has the project, the token is what is
// wrong.
func (a *API) unlessStrange(ctx context.Context, err error) error {
	if err == nil || site.AsRefusal(err).Code != projects.code+".notFound" {
		return err
	}
	op, caller, notFound := site.OperationFrom(ctx), site.PrincipalFrom(ctx), err
	if op == nil || caller.Scheme != schemeProject || caller.Bound {
		return notFound
	}
	ref := site.VarFrom(ctx, "projectId")
	names, err := a.store.Workspaces(ctx, "")
	if err != nil || len(names) > maxSearched {
		return orStore(err, notFound)
	}
	found := 0
	for _, name := range names {
		if strings.HasPrefix(name, caller.Workspace) {
			continue
		}
		err := a.look(ctx, name, func(tx storage.ReadTx) error {
			_, err := projectNamed(tx, ref)
			return err
		})
		switch {
		case err == nil:
			found++
		case site.AsRefusal(err).Kind != site.KindNotFound:
			return err
		}
	}
	if found != 1 {
		return notFound
	}
	return &site.Refusal{Kind: site.KindUnauthenticated, Violations: []contract.Violation{op.ForeignCredential("X-Access-Token")}}
}
