package brms

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/understudy-api/understudy/gen/brms"
	"github.com/understudy-api/understudy/server/site"
	"github.com/understudy-api/understudy/storage"
)

// environment is what is stored of an environment.
type environment struct {
	authors

	Name           string   `json:"name"`
	Type           string   `json:"type"`
	Key            string   `json:"key"`
	DeploymentID   string   `json:"deploymentId,omitempty"`
	ApprovalMode   string   `json:"approvalMode"`
	ApprovalGroups []string `json:"approvalGroups"`
	// Order is its place in the deployment workflow, from 1.
	Order int64 `json:"order"`
	// Deployed is what is in use in it, as far as Running does not change that.
	Deployed *deployed `json:"deployed,omitempty"`
	// Running is the run that changes it last, if that was not done at once.
	Running string `json:"running,omitempty"`
}

// deployed is a release in use, and since when.
type deployed struct {
	Release string    `json:"release"`
	By      string    `json:"by,omitempty"` // the id of a user
	At      time.Time `json:"at"`
}

// The types of environments.
const (
	typeBRMS       = "brms"
	typeDeployment = "deployment"
)

// The modes of approval.
const approvalNone = "none"

var environments = resource[environment, brms.Environment]{
	code: "environment", noun: "Environment", in: &projects,
	records: storage.Collection[environment]{
		Kind:    "brms.environment",
		Indexes: []storage.Index{{Name: indexKey}},
		Keys: func(m storage.Meta, e environment) []storage.Key {
			return []storage.Key{{Index: indexKey, Value: m.Parent + "\x00" + e.Key, Unique: true}}
		},
	},
	unique: []unique{{
		index: indexKey, code: "keyTaken", message: "An environment with this key already exists in the project",
		member: "key", twice: "Another environment of the project has this key. Give each its own, or none to have one made of the name.",
	}},
}

func init() { environments.view = viewEnvironment } // which refers to what refers to environments

func viewEnvironment(tx storage.ReadTx, e storage.Item[environment]) (view brms.Environment, err error) {
	project, err := projects.of(tx, e.Parent)
	if err != nil {
		return view, err
	}
	v := e.Value
	view = brms.Environment{
		ID: uuid.MustParse(e.ID), Name: v.Name, Type: v.Type, ProjectID: uuid.MustParse(e.Parent), Key: v.Key,
		RequiredReviewers: asksApproval(v.ApprovalMode), AddToWorkflow: true, ApprovalMode: v.ApprovalMode,
		CreatedAt: timestamp(e.Created), UpdatedAt: timestamp(e.Updated),
		Project:   brms.EnvironmentProject{ID: uuid.MustParse(e.Parent), Name: project.Value.Name, Key: project.Value.Key},
		Reviewers: []brms.ProjectUser{}, WorkflowOrder: float64(v.Order),
	}
	if view.ApprovalGroups, err = approvers(tx, v.ApprovalGroups); err != nil {
		return view, err
	}
	if now, err := inUse(tx, v); err != nil {
		return view, err
	} else if now != nil {
		release, err := releases.of(tx, now.Release)
		if err != nil {
			return view, err
		}
		id := uuid.MustParse(release.ID)
		view.ReleaseID = &id
		view.Release = &brms.EnvironmentRelease{
			ID: id, Name: release.Value.Name, Status: release.Value.Status, CreatedAt: timestamp(release.Created),
			Version: float64(release.Value.Version), SemanticVersion: release.Value.semanticVersion(),
		}
	}
	if v.DeploymentID != "" {
		id := uuid.MustParse(v.DeploymentID)
		view.DeploymentID = &id
		d, err := deployments.ifOf(tx, v.DeploymentID) // a seed may name one that it does not have
		if err != nil {
			return view, err
		}
		if d != nil {
			shown, err := deployments.view(tx, *d)
			if err != nil {
				return view, err
			}
			view.Deployment = &shown
		}
	}
	view.ChangeRequests, err = waiting(tx, e.ID)
	return view, err
}

// asksApproval reports whether a mode of approval has something wait.
func asksApproval(mode string) bool { return mode != "" && mode != approvalNone }

// newEnvironment is what a body asks for, without what a transaction adds.
func newEnvironment(body *brms.CreateEnvironmentRequest) environment {
	e := environment{
		Name: body.Name, Type: body.Type, Key: or(body.Key, ""), ApprovalMode: or(body.ApprovalMode, approvalNone), ApprovalGroups: []string{},
	}
	if e.Type == "" {
		e.Type = typeBRMS
	}
	if body.DeploymentID != nil {
		e.DeploymentID = body.DeploymentID.String()
	}
	for _, id := range or(body.ApprovalGroups, nil) {
		e.ApprovalGroups = append(e.ApprovalGroups, id.String())
	}
	return e
}

// placed gives an environment what it has of the project that it comes to.
func (e *environment) placed(w *work, project string) error {
	before, err := environments.made(w, project)
	if err != nil {
		return err
	}
	e.Order = before + 1
	if e.Key == "" {
		e.Key = firstFree(keyFrom(e.Name, 1, "environment"), func(key string) (taken bool) {
			if err == nil {
				taken, err = environments.has(w, indexKey, project+"\x00"+key)
			}
			return taken
		})
	}
	return err
}

// tokenOf is the token of an environment of the caller's, which no record holds.
func (a *API) tokenOf(ctx context.Context, id uuid.UUID) string {
	return a.tokens.of(holder{tokenOfEnvironment, site.PrincipalFrom(ctx).Workspace, id.String()})
}

// ListEnvironments lists the environments of a project, in the order of its workflow.
func (a *API) ListEnvironments(ctx context.Context, request brms.ListEnvironmentsRequestObject) (brms.ListEnvironmentsResponseObject, error) {
	found, err := environments.unpaged(ctx, a, request.ProjectID)
	for i := range found {
		found[i].AccessToken = a.tokenOf(ctx, found[i].ID)
	}
	return brms.ListEnvironments200JSONResponse(found), err
}

// CreateEnvironment adds an environment. Without a key it gets one made from its name.
func (a *API) CreateEnvironment(ctx context.Context, request brms.CreateEnvironmentRequestObject) (brms.CreateEnvironmentResponseObject, error) {
	made, err := environments.write(ctx, a, func(w *work) (made storage.Item[environment], err error) {
		e := newEnvironment(request.Body)
		if _, err := projects.at(w, request.ProjectID); err != nil {
			return made, err
		}
		if e.ApprovalGroups, err = groupIDs(w, request.ProjectID, request.Body.ApprovalGroups); err != nil {
			return made, err
		}
		if to := request.Body.DeploymentID; to != nil {
			d, err := deployments.ifOf(w, to.String())
			if err != nil {
				return made, err
			}
			if d == nil {
				return made, site.Conflict("environment.deploymentUnknown", "The organisation has no such deployment")
			}
		}
		if err := e.placed(w, request.ProjectID.String()); err != nil {
			return made, err
		}
		return environments.insert(w, e, request.ProjectID)
	})
	made.AccessToken = a.tokenOf(ctx, made.ID)
	return brms.CreateEnvironment200JSONResponse(made), err
}

// UpdateEnvironment changes name, key and approvals; approvals that are left out are as
// those of a new environment, which the document has as their default. The type is taken
// and ignored.
func (a *API) UpdateEnvironment(ctx context.Context, request brms.UpdateEnvironmentRequestObject) (brms.UpdateEnvironmentResponseObject, error) {
	body := request.Body
	changed, err := environments.write(ctx, a, func(w *work) (storage.Item[environment], error) {
		// The environment is looked for first: it is what the request is about.
		if _, err := environments.at(w, request.ProjectID, request.EnvironmentID); err != nil {
			return storage.Item[environment]{}, err
		}
		ids, err := groupIDs(w, request.ProjectID, body.ApprovalGroups)
		if err != nil {
			return storage.Item[environment]{}, err
		}
		return environments.update(w, func(e *environment) error {
			e.Name, e.ApprovalMode = body.Name, or(body.ApprovalMode, approvalNone)
			e.ApprovalGroups = ids
			if body.Key != "" {
				e.Key = body.Key
			}
			return nil
		}, request.ProjectID, request.EnvironmentID)
	})
	changed.AccessToken = a.tokenOf(ctx, changed.ID)
	return brms.UpdateEnvironment200JSONResponse(changed), err
}

// DeleteEnvironment soft deletes an environment to which nothing is deployed, nor being
// deployed.
func (a *API) DeleteEnvironment(ctx context.Context, request brms.DeleteEnvironmentRequestObject) (brms.DeleteEnvironmentResponseObject, error) {
	_, err := writing(ctx, a, func(w *work) (storage.Item[environment], error) {
		e, err := environments.at(w, request.ProjectID, request.EnvironmentID)
		if err != nil {
			return e, err
		}
		if now, err := settled(w, e.Value); err != nil {
			return e, err
		} else if now.Deployed != nil {
			return e, site.Conflict("environment.deployed", "A release is deployed to the environment: undeploy it first")
		}
		return environments.delete(w, request.ProjectID, request.EnvironmentID)
	})
	return brms.DeleteEnvironment200JSONResponse{Status: statusOK}, err
}
