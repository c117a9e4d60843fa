package brms

import (
	"time"

	"github.com/understudy-api/understudy/server/webhook"
)

// What webhooks are told of.
const (
	eventCommit           = "commit.created"
	eventReleaseCreated   = "release.created"
	eventReleasePublished = "release.published"
	eventDeploy           = "release.deployed"
	eventUndeploy         = "release.undeployed"
	eventChangeRequest    = "changeRequest.created"
)

// mainTarget is what webhooks name and clients sync where nothing else is meant.
const mainTarget = "main"

// tell tells the webhooks of something that happened in a project.
func tell(w *work, project, what string, data any) error {
	return tellAt(w, w.Now(), project, what, mainTarget, data)
}

// tellAt is tell of what is true from a certain time on, and of what is to be synced
// then.
func tellAt(w *work, at time.Time, project, what, target string, data any) error {
	p, err := projects.of(w, project)
	if err != nil {
		return err
	}
	return webhook.Emit(w.Tx, webhook.Event{
		Name: what, Target: target, Data: data, At: at, Project: webhook.Project{ID: project, Key: p.Value.Key, Name: p.Value.Name},
	})
}
