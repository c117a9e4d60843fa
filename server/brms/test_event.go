package brms

import (
	"context"

	"github.com/google/uuid"

	"github.com/understudy-api/understudy/gen/brms"
	"github.com/understudy-api/understudy/storage"
)

// testEvent is what is stored of an input to try decisions with.
type testEvent struct {
	authors

	Name     string `json:"name"`
	Context  string `json:"context"` // JSON
	Category string `json:"category"`
	User     string `json:"user,omitempty"`     // the id of whose it is; "" for nobody's
	Document string `json:"document,omitempty"` // the id of the document that it is for
}

const indexDocument = "document"

var testEvents = resource[testEvent, brms.TestEvent]{
	code: "testEvent", noun: "Test event", in: &projects,
	records: storage.Collection[testEvent]{
		Kind:    "brms.test-event",
		Indexes: []storage.Index{{Name: indexDocument}},
		Keys: func(m storage.Meta, e testEvent) []storage.Key {
			return []storage.Key{{Index: indexDocument, Value: pathKey(m.Parent, e.Document)}}
		},
	},
	view: func(_ storage.ReadTx, e storage.Item[testEvent]) (brms.TestEvent, error) {
		return brms.TestEvent{
			ID: uuid.MustParse(e.ID), ProjectID: uuid.MustParse(e.Parent), Name: e.Value.Name, Context: e.Value.Context,
			Category: e.Value.Category, UserID: idOrNull(e.Value.User), DocumentID: idOrNull(e.Value.Document),
		}, nil
	},
}

// newTestEvent is what a body asks for.
func newTestEvent(body *brms.TestEventInput) testEvent {
	e := testEvent{Name: body.Name, Context: body.Context, Category: body.Category}
	if body.UserID != nil {
		e.User = body.UserID.String()
	}
	if body.DocumentID != nil {
		e.Document = body.DocumentID.String()
	}
	return e
}

// ListTestEvents lists the test events of a project, or those of a document of it, in
// the order in which they were made.
func (a *API) ListTestEvents(ctx context.Context, request brms.ListTestEventsRequestObject) (brms.ListTestEventsResponseObject, error) {
	found, err := reading(ctx, a, func(tx storage.ReadTx) ([]brms.TestEvent, error) {
		project, err := projects.place(tx, []uuid.UUID{request.ProjectID})
		if err != nil {
			return nil, err
		}
		q := storage.Query{Parent: &project}
		if of := request.Params.DocumentID; of != nil {
			q.Where = []storage.Condition{{Index: indexDocument, In: []string{pathKey(project, of.String())}}}
		}
		list := []brms.TestEvent{}
		err = testEvents.each(tx, q, func(e storage.Item[testEvent]) error {
			view, err := testEvents.view(tx, e)
			list = append(list, view)
			return err
		})
		return list, err
	})
	return brms.ListTestEvents200JSONResponse(found), err
}

// CreateTestEvent keeps a test event under the id that the client has chosen. One that
// has the id already is replaced.
func (a *API) CreateTestEvent(ctx context.Context, request brms.CreateTestEventRequestObject) (brms.CreateTestEventResponseObject, error) {
	body := request.Body.TestEvent
	made, err := testEvents.write(ctx, a, func(w *work) (storage.Item[testEvent], error) {
		return testEvents.upsert(w, body.ID, newTestEvent(&body), request.ProjectID)
	})
	return brms.CreateTestEvent200JSONResponse(made), err
}

// RemoveTestEvent removes a test event.
func (a *API) RemoveTestEvent(ctx context.Context, request brms.RemoveTestEventRequestObject) (brms.RemoveTestEventResponseObject, error) {
	gone, err := testEvents.write(ctx, a, func(w *work) (storage.Item[testEvent], error) {
		return testEvents.delete(w, request.ProjectID, request.TestEventID)
	})
	return brms.RemoveTestEvent200JSONResponse(gone), err
}
