package brms

import (
	"context"
	"encoding/json"
	"net/url"
	"strconv"
	"strings"

	"github.com/understudy-api/understudy/gen/brms"
	"github.com/understudy-api/understudy/server/brms/schemas"
	"github.com/understudy-api/understudy/server/site"
	"github.com/understudy-api/understudy/storage"
)

// graphNodes is what a document of the rules tells of a decision: what goes in and what
// comes out.
type graphNodes struct {
	Nodes []struct {
		Type    string          `json:"type"`
		Content json.RawMessage `json:"content"`
	} `json:"nodes"`
	Edges []json.RawMessage `json:"edges"`
}

// schemasOf are the schemas of the input and output nodes of a content, as far as they
// have some; not ok if the content is no graph.
func schemasOf(content []byte) (in, out []any, ok bool) {
	var graph graphNodes
	if json.Unmarshal(content, &graph) != nil || graph.Nodes == nil || graph.Edges == nil {
		return nil, nil, false
	}
	for _, n := range graph.Nodes {
		if n.Type != "inputNode" && n.Type != "outputNode" {
			continue
		}
		var schema any = map[string]any{}
		var held struct {
			Schema *string `json:"schema"`
		}
		if json.Unmarshal(n.Content, &held) == nil && held.Schema != nil {
			var parsed any
			if json.Unmarshal([]byte(*held.Schema), &parsed) == nil {
				schema = parsed
			}
		}
		if n.Type == "inputNode" {
			in = append(in, schema)
		} else {
			out = append(out, schema)
		}
	}
	return in, out, true
}

// openAPI is the OpenAPI document of a set: an operation for each decision, whose
// schemas are those of its input and output nodes.
func (s *ruleSet) openAPI(tx storage.ReadTx, server string) (brms.RulesDocument, error) {
	components := schemas.New()
	errorSchema := components.Add("Error", map[string]any{"type": "object", "properties": map[string]any{
		"code": map[string]any{"type": "string"}, "details": map[string]any{}, "key": map[string]any{"type": "string"},
	}})
	refusal := func(description string) any {
		return map[string]any{"description": description, "content": jsonContent(errorSchema)}
	}
	paths := map[string]any{}
	for i := range s.files {
		f := &s.files[i]
		content, err := tx.Blob(f.Hash)
		if err != nil {
			return nil, err
		}
		in, out, ok := schemasOf(content)
		if !ok {
			continue // it cannot be evaluated, nor is it an entrypoint
		}
		name := components.Name(f.Path)
		input, output := map[string]any{"type": "object"}, map[string]any{}
		if len(in) > 0 {
			input = components.Add(name+"Input", in[0])
		}
		if len(out) == 1 {
			output = components.Add(name+"Output", out[0])
		} else if len(out) > 1 {
			branches := make([]any, len(out))
			for i := range out {
				branches[i] = components.Add(name+"Output"+strconv.Itoa(i+1), out[i])
			}
			output = map[string]any{"anyOf": branches}
		}
		paths[s.evaluatePath(f.Path)] = map[string]any{"post": map[string]any{
			"operationId": "evaluate" + name,
			"summary":     "Evaluate " + f.Path,
			"requestBody": map[string]any{"required": true, "content": jsonContent(map[string]any{
				"type": "object", "required": []any{"context"},
				"properties": map[string]any{"context": input, "trace": map[string]any{"type": "boolean", "default": false}},
			})},
			"responses": map[string]any{
				"200": map[string]any{"description": "What the decision comes to", "content": jsonContent(map[string]any{
					"type": "object", "required": []any{"performance", "result"},
					"properties": map[string]any{
						"performance": map[string]any{"type": "string"}, "result": output, "trace": map[string]any{"type": "object"},
					},
				})},
				"400": refusal("The decision cannot be evaluated"),
				"401": refusal("There is no token, or it is not good"),
				"404": refusal("The project, environment or release does not exist"),
			},
		}}
	}
	document := brms.RulesDocument{
		"openapi": "3.1.0",
		"info":    map[string]any{"title": s.project.Value.Name, "version": s.version(), "description": "The decisions of " + s.title()},
		"servers": []any{map[string]any{"url": server}},
		"paths":   paths,
		"components": map[string]any{
			"schemas": components.All(),
			"securitySchemes": map[string]any{
				"accessToken": map[string]any{"type": "apiKey", "in": "header", "name": "X-Access-Token"},
			},
		},
		"security": []any{map[string]any{"accessToken": []any{}}},
	}
	return document, nil
}

func jsonContent(schema any) any {
	return map[string]any{"application/json": map[string]any{"schema": schema}}
}

// version is that of the document of a set.
func (s *ruleSet) version() string {
	if s.release == nil {
		return s.commit
	}
	return or(s.release.Value.semanticVersion(), strconv.FormatInt(s.release.Value.Version, 10))
}

// title says what a set is of.
func (s *ruleSet) title() string {
	switch {
	case s.environment != nil:
		return "environment " + s.environment.Value.Key
	case s.release != nil:
		return "release " + strconv.FormatInt(s.release.Value.Version, 10)
	}
	return "commit " + s.commit
}

// evaluatePath is where a decision of the set is evaluated.
func (s *ruleSet) evaluatePath(path string) string {
	parts := strings.Split(path, "/")
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	key := strings.Join(parts, "/")
	project := url.PathEscape(s.project.Value.Key)
	switch {
	case s.environment != nil:
		return "/api/rules/" + project + "/env/" + url.PathEscape(s.environment.Value.Key) + "/evaluate/" + key
	case s.release != nil:
		return "/api/rules/" + project + "/release/" + strconv.FormatInt(s.release.Value.Version, 10) + "/evaluate/" + key
	}
	return "/api/projects/" + project + "/evaluate/" + key
}

// rulesDocument is the OpenAPI document of what find finds in a project, and the
// proposal of a name for it if that was asked for.
func (a *API) rulesDocument(ctx context.Context, ref string, download *brms.BooleanText, find func(storage.ReadTx, storage.Item[project]) (ruleSet, error)) (brms.RulesDocument, *string, error) {
	var disposition *string
	document, err := reading(ctx, a, func(tx storage.ReadTx) (brms.RulesDocument, error) {
		p, err := visibleProject(ctx, tx, ref)
		if err != nil {
			return nil, err
		}
		set, err := find(tx, p)
		if err == nil && !set.reachedBy(site.PrincipalFrom(ctx)) {
			err = site.Forbidden("forbidden", "Forbidden")
		}
		if err == nil && set.environment != nil && set.release == nil {
			err = errNothingDeployed
		}
		if err == nil {
			err = set.read(tx)
		}
		if err != nil {
			return nil, err
		}
		if truth(download) {
			disposition = new(attachment(p.Value.Key, ".json"))
		}
		return set.openAPI(tx, site.BaseURLFrom(ctx))
	})
	return document, disposition, a.unlessStrange(ctx, err)
}

// visibleProject is the project that a client names, if its credential reaches it.
func visibleProject(ctx context.Context, tx storage.ReadTx, ref string) (storage.Item[project], error) {
	p, err := projectNamed(tx, ref)
	if caller := site.PrincipalFrom(ctx); err == nil && !caller.Sees(p.ID) {
		err = projects.notFound()
	}
	return p, err
}

// GetRulesDocument is the document of what is published.
func (a *API) GetRulesDocument(ctx context.Context, request brms.GetRulesDocumentRequestObject) (brms.GetRulesDocumentResponseObject, error) {
	document, as, err := a.rulesDocument(ctx, request.ProjectID, request.Params.Download, mainSet)
	return brms.GetRulesDocument200JSONResponse{Body: document, Headers: brms.GetRulesDocument200ResponseHeaders{ContentDisposition: as}}, err
}

// GetCommitRulesDocument is the document of a commit.
func (a *API) GetCommitRulesDocument(ctx context.Context, request brms.GetCommitRulesDocumentRequestObject) (brms.GetCommitRulesDocumentResponseObject, error) {
	document, as, err := a.rulesDocument(ctx, request.ProjectID, request.Params.Download, func(tx storage.ReadTx, p storage.Item[project]) (ruleSet, error) {
		main, err := mainSet(tx, p)
		if err != nil {
			return main, err
		}
		return commitSet(tx, main, request.CommitID)
	})
	return brms.GetCommitRulesDocument200JSONResponse{Body: document, Headers: brms.GetCommitRulesDocument200ResponseHeaders{ContentDisposition: as}}, err
}

// GetEnvironmentRulesDocument is the document of what is deployed to an environment.
func (a *API) GetEnvironmentRulesDocument(ctx context.Context, request brms.GetEnvironmentRulesDocumentRequestObject) (brms.GetEnvironmentRulesDocumentResponseObject, error) {
	document, as, err := a.rulesDocument(ctx, request.ProjectID, request.Params.Download, func(tx storage.ReadTx, p storage.Item[project]) (ruleSet, error) {
		return environmentSet(tx, p, request.EnvironmentID)
	})
	return brms.GetEnvironmentRulesDocument200JSONResponse{Body: document, Headers: brms.GetEnvironmentRulesDocument200ResponseHeaders{ContentDisposition: as}}, err
}

// GetReleaseRulesDocument is the document of a release.
func (a *API) GetReleaseRulesDocument(ctx context.Context, request brms.GetReleaseRulesDocumentRequestObject) (brms.GetReleaseRulesDocumentResponseObject, error) {
	document, as, err := a.rulesDocument(ctx, request.ProjectID, request.Params.Download, func(tx storage.ReadTx, p storage.Item[project]) (ruleSet, error) {
		return releaseSet(tx, p, request.ReleaseID)
	})
	return brms.GetReleaseRulesDocument200JSONResponse{Body: document, Headers: brms.GetReleaseRulesDocument200ResponseHeaders{ContentDisposition: as}}, err
}

const (
	entrypointsOperation = "listEntrypoints"
	// entrypointGraph is the one type of entrypoints.
	entrypointGraph = "graph"
)

// ListEntrypoints lists what is published of a project and can be evaluated.
func (a *API) ListEntrypoints(ctx context.Context, request brms.ListEntrypointsRequestObject) (brms.ListEntrypointsResponseObject, error) {
	found, err := reading(ctx, a, func(tx storage.ReadTx) (found brms.ListEntrypoints200JSONResponse, err error) {
		found.Entrypoints = []brms.Entrypoint{}
		p, err := visibleProject(ctx, tx, request.ProjectID)
		if err != nil {
			return found, err
		}
		set := ruleSet{project: p}
		if !set.reachedBy(site.PrincipalFrom(ctx)) {
			return found, site.Forbidden("forbidden", "Forbidden")
		}
		if set.files, _, err = current(tx, p.ID); err != nil {
			return found, err
		}
		for i := range set.files {
			content, err := tx.Blob(set.files[i].Hash)
			if err != nil {
				return found, err
			}
			if _, _, ok := schemasOf(content); ok {
				found.Entrypoints = append(found.Entrypoints, brms.Entrypoint{Path: set.files[i].Path, Type: entrypointGraph})
			}
		}
		return found, nil
	})
	return found, a.unlessStrange(ctx, err)
}
