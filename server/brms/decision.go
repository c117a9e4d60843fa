package brms

import (
	"bytes"
	"context"

	"github.com/google/uuid"

	"github.com/understudy-api/understudy/gen/brms"
	"github.com/understudy-api/understudy/server/decision"
	"github.com/understudy-api/understudy/server/site"
	"github.com/understudy-api/understudy/storage"
)

// asking gives the members of the body of an evaluation whose text counts: numbers are
// exact in it.
func asking(ctx context.Context, body *brms.EvaluateRequest) (input, graph []byte) {
	text := site.BodyFrom(ctx)
	if body.Context != nil {
		input = bodyMember(text, "context")
	}
	if body.Content != nil {
		graph = bodyMember(text, "content")
	}
	return input, graph
}

// given is a graph that comes with the question.
func (a *API) given(ctx context.Context, graph []byte) func(storage.ReadTx) (*decision.Decision, error) {
	return func(storage.ReadTx) (*decision.Decision, error) {
		if err := fits(ctx, graph); err != nil {
			return nil, err
		}
		return a.engines.compiled.Parse(graph)
	}
}

// EvaluateDecision evaluates what is published at a path, a version of it, or the graph
// that the request brings.
func (a *API) EvaluateDecision(ctx context.Context, request brms.EvaluateDecisionRequestObject) (brms.EvaluateDecisionResponseObject, error) {
	input, graph := asking(ctx, request.Body)
	return answered(a.evaluate(ctx, func(tx storage.ReadTx) (q question, err error) {
		p, err := projectBy(ctx, tx, request.ProjectID)
		if err != nil {
			return q, err
		}
		q = question{
			set: publishedSet{p.ID}, path: request.Key, project: p.ID,
			input: input, trace: or(request.Body.Trace, false),
		}
		switch {
		case graph != nil:
			q.root = a.given(ctx, graph)
		case request.Params.VersionID != nil:
			q.root = func(tx storage.ReadTx) (*decision.Decision, error) {
				return a.versionAt(ctx, tx, p.ID, request.Key, *request.Params.VersionID)
			}
		}
		return q, nil
	}))
}

// versionAt is the decision of a version of the document at a path.
func (a *API) versionAt(ctx context.Context, tx storage.ReadTx, project, path string, id uuid.UUID) (*decision.Decision, error) {
	d, err := documents.by(tx, indexPath, pathKey(project, path))
	if err != nil {
		return nil, err
	}
	v, err := versions.of(tx, id.String())
	if err == nil && v.Parent != d.ID {
		err = versions.notFound()
	}
	if err != nil {
		return nil, err
	}
	return a.engines.compile(ctx, tx, v.Value.Hash)
}

// EvaluateEnvironmentDecision evaluates a file of the release that is deployed in an
// environment.
func (a *API) EvaluateEnvironmentDecision(ctx context.Context, request brms.EvaluateEnvironmentDecisionRequestObject) (brms.EvaluateEnvironmentDecisionResponseObject, error) {
	input, graph := asking(ctx, request.Body)
	return answered(a.evaluate(ctx, func(tx storage.ReadTx) (q question, err error) {
		p, err := projectBy(ctx, tx, request.ProjectID)
		if err != nil {
			return q, err
		}
		q = question{path: request.Key, project: p.ID, input: input, trace: or(request.Body.Trace, false)}
		if e, err := environmentBy(tx, p.ID, request.EnvironmentID); err == nil {
			q.environment = e.ID
		}
		if q.set, err = a.deployedFiles(tx, p.ID, request.EnvironmentID); err == nil && graph != nil {
			q.root = a.given(ctx, graph)
		}
		return q, err
	}))
}

// SimulateDecision evaluates a graph that the request brings, with its trace. What the
// graph refers to comes from what is published, from the newest versions, or from a
// release.
func (a *API) SimulateDecision(ctx context.Context, request brms.SimulateDecisionRequestObject) (brms.SimulateDecisionResponseObject, error) {
	body, text := request.Body, site.BodyFrom(ctx)
	graph := bodyMember(text, "graph")
	input := bodyMember(text, "context")
	if bytes.Equal(input, []byte("null")) {
		input = nil
	}
	return answered(a.evaluate(ctx, func(tx storage.ReadTx) (q question, err error) {
		p, err := projects.at(tx, request.ProjectID)
		if err != nil {
			return q, err
		}
		q = question{set: newestSet{p.ID}, project: p.ID, root: a.given(ctx, graph), input: input, trace: true}
		switch {
		case body.ReleaseID != nil && *body.ReleaseID != "":
			q.set, err = a.releasedFiles(tx, p.ID, *body.ReleaseID)
		case or(body.Published, true):
			q.set = publishedSet{p.ID}
		}
		return q, err
	}))
}
