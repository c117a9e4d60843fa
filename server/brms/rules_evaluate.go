package brms

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"github.com/understudy-api/understudy/gen/brms"
	"github.com/understudy-api/understudy/server/decision"
	"github.com/understudy-api/understudy/server/site"
	"github.com/understudy-api/understudy/storage"
)

// ruleEvaluation is the answer of an evaluation of the rules surface: what the engine
// answers, and of what that is.
type ruleEvaluation struct {
	*decision.Response

	meta    ruleMeta
	release string // the id
}

// ruleMeta says what was evaluated.
type ruleMeta struct {
	Type        string        `json:"type"`
	Path        string        `json:"path"`
	Project     configProject `json:"project"`
	Release     metaRelease   `json:"release"`
	Environment *configNamed  `json:"environment,omitempty"`
}

type metaRelease struct {
	ID       string  `json:"id"`
	Name     *string `json:"name"`
	Version  *string `json:"version"`
	Status   string  `json:"status"`
	CommitID string  `json:"commitId"`
}

func (e *ruleEvaluation) write(w http.ResponseWriter) error {
	meta, err := json.Marshal(e.meta)
	if err != nil {
		return err
	}
	text := e.AppendJSON(make([]byte, 0, 1024))
	text = append(append(text[:len(text)-1], `,"meta":`...), meta...)
	w.Header().Set("X-Release-Id", e.release)
	return writeJSON(w, append(text, '}'))
}

// VisitEvaluateEnvironmentRuleResponse writes the answer.
func (e *ruleEvaluation) VisitEvaluateEnvironmentRuleResponse(w http.ResponseWriter) error {
	return e.write(w)
}

// VisitEvaluateReleaseRuleResponse writes the answer.
func (e *ruleEvaluation) VisitEvaluateReleaseRuleResponse(w http.ResponseWriter) error {
	return e.write(w)
}

// evaluateRule evaluates a file of a release that find finds.
func (a *API) evaluateRule(ctx context.Context, project, key string, body *brms.RulesEvaluateRequest, find func(storage.ReadTx, string, *ruleMeta) (storage.Item[release], error)) (*ruleEvaluation, error) {
	answer := &ruleEvaluation{}
	response, err := a.evaluate(ctx, func(tx storage.ReadTx) (q question, err error) {
		p, err := visibleProject(ctx, tx, project)
		if err != nil {
			return q, err
		}
		answer.meta = ruleMeta{Path: key, Project: configProject{ID: p.ID, Key: p.Value.Key, Name: p.Value.Name}}
		r, err := find(tx, p.ID, &answer.meta)
		if err != nil {
			return q, err
		}
		files, err := a.manifests.of(tx, &r.Value)
		if err != nil {
			return q, err
		}
		if _, ok := files[key]; !ok {
			return q, &site.Refusal{Kind: site.KindNotFound, Code: "documents.invalid", Message: "File not found", Err: &fileMissing{key}}
		}
		version := or(r.Value.semanticVersion(), strconv.FormatInt(r.Value.Version, 10))
		answer.release = r.ID
		answer.meta.Release = metaRelease{ID: r.ID, Name: r.Value.Name, Version: &version, Status: r.Value.Status, CommitID: r.Value.Commit}
		in := ""
		if answer.meta.Environment != nil {
			in = answer.meta.Environment.ID
		}
		return question{
			environment: in, set: files, path: key, project: p.ID, trace: or(body.Trace, false), input: bodyMember(site.BodyFrom(ctx), "context"),
		}, nil
	})
	if failed, ok := errors.AsType[*decision.Error](err); ok {
		err = &site.Refusal{Kind: site.KindUnprocessable, Message: failed.Error(), Err: failed}
	}
	answer.Response = response
	return answer, err
}

// EvaluateEnvironmentRule evaluates a file of what is deployed to an environment.
func (a *API) EvaluateEnvironmentRule(ctx context.Context, request brms.EvaluateEnvironmentRuleRequestObject) (brms.EvaluateEnvironmentRuleResponseObject, error) {
	return a.evaluateRule(ctx, request.ProjectID, request.Key, request.Body, func(tx storage.ReadTx, project string, meta *ruleMeta) (r storage.Item[release], err error) {
		e, err := environmentBy(tx, project, request.EnvironmentID)
		if err != nil {
			return r, err
		}
		meta.Type, meta.Environment = "environment", &configNamed{ID: e.ID, Key: e.Value.Key, Name: e.Value.Name}
		now, err := inUse(tx, e.Value)
		if err == nil && now == nil {
			err = errNothingDeployed
		}
		if err != nil {
			return r, err
		}
		return releases.of(tx, now.Release)
	})
}

// EvaluateReleaseRule evaluates a file of a release.
func (a *API) EvaluateReleaseRule(ctx context.Context, request brms.EvaluateReleaseRuleRequestObject) (brms.EvaluateReleaseRuleResponseObject, error) {
	return a.evaluateRule(ctx, request.ProjectID, request.Key, request.Body, func(tx storage.ReadTx, project string, meta *ruleMeta) (storage.Item[release], error) {
		meta.Type = "release"
		return releaseBy(tx, project, request.ReleaseID)
	})
}
