package brms

import (
	"github.com/google/uuid"

	"github.com/understudy-api/understudy/gen/brms"
	"github.com/understudy-api/understudy/storage"
)

// changeRequest is what is stored of something that waits for approval.
type changeRequest struct {
	authors

	Type        string  `json:"type"`
	Status      string  `json:"status"`
	Environment string  `json:"environment,omitempty"`
	Release     string  `json:"release,omitempty"`
	Document    string  `json:"document,omitempty"`
	Version     string  `json:"version,omitempty"`
	Comment     *string `json:"comment,omitempty"`
}

// What a change request asks for.
const (
	requestDeploy    = "deploy"
	requestUndeploy  = "undeploy"
	requestPublish   = "publish"
	requestUnpublish = "unpublish"
)

// statusPending is that of a change request that waits.
const statusPending = "pending"

// indexAbout is the index of what waits, by the id of what it is about.
const indexAbout = "about"

var changeRequests = resource[changeRequest, brms.ChangeRequest]{
	code: "changeRequest", noun: "Change request", in: &projects,
	records: storage.Collection[changeRequest]{
		Kind:    "brms.changeRequest",
		Indexes: []storage.Index{{Name: indexAbout, Many: true}},
		Keys: func(_ storage.Meta, c changeRequest) (keys []storage.Key) {
			if c.Status != statusPending {
				return nil
			}
			for _, about := range []string{c.Environment, c.Release, c.Document} {
				if about != "" {
					keys = append(keys, storage.Key{Index: indexAbout, Value: about})
				}
			}
			return keys
		},
	},
}

func init() { changeRequests.view = viewChangeRequest } // which looks at environments, whose view looks at these

func viewChangeRequest(tx storage.ReadTx, c storage.Item[changeRequest]) (view brms.ChangeRequest, err error) {
	view = brms.ChangeRequest{
		ID: uuid.MustParse(c.ID), ProjectID: uuid.MustParse(c.Parent), Type: c.Value.Type, Status: c.Value.Status,
		CreatedAt: timestamp(c.Created), Comment: c.Value.Comment,
		ReleaseID: optionalID(c.Value.Release), DocumentID: optionalID(c.Value.Document),
	}
	if c.Value.Environment != "" {
		e, err := environments.ever(tx, c.Value.Environment)
		if err != nil {
			return view, err
		}
		view.Environment = &brms.ChangeRequestEnvironment{ID: uuid.MustParse(e.ID), Name: e.Value.Name}
	}
	return view, nil
}

// optionalID is an id, or nil for "".
func optionalID(id string) *uuid.UUID {
	if id == "" {
		return nil
	}
	parsed := uuid.MustParse(id)
	return &parsed
}

// waiting are the change requests that wait about something, in the order in which they
// were made.
func waiting(tx storage.ReadTx, about string) ([]brms.ChangeRequest, error) {
	list := []brms.ChangeRequest{}
	err := changeRequests.each(tx, storage.Query{Index: indexAbout, Equal: &about}, func(c storage.Item[changeRequest]) error {
		view, err := changeRequests.view(tx, c)
		list = append(list, view)
		return err
	})
	return list, err
}

// requestChange has something wait for approval.
func requestChange(w *work, c changeRequest, project uuid.UUID) (view brms.ChangeRequest, err error) {
	c.Status = statusPending
	made, err := changeRequests.insert(w, c, project)
	if err != nil {
		return view, err
	}
	if view, err = changeRequests.view(w, made); err != nil {
		return view, err
	}
	return view, tell(w, project.String(), eventChangeRequest, view)
}
