package control

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/understudy-api/understudy/gen/understudy"
	"github.com/understudy-api/understudy/server/job"
	"github.com/understudy-api/understudy/server/seed"
	"github.com/understudy-api/understudy/server/site"
	"github.com/understudy-api/understudy/server/webhook"
	"github.com/understudy-api/understudy/storage"
)

func webhookView(h webhook.Hook, generated string) understudy.Webhook {
	view := understudy.Webhook{
		Name: h.Name, URL: h.URL, Form: understudy.WebhookForm(h.Form), Project: text(h.Project), Active: !h.Off, GeneratedSecret: text(generated),
	}
	if h.Events != nil {
		view.Events = &h.Events
	}
	return view
}

func hookOf(body *understudy.NewWebhook) webhook.Hook {
	return webhook.Hook{
		Name: body.Name, URL: body.URL, Form: webhook.Form(value(body.Form)), Events: value(body.Events),
		Project: value(body.Project), Secret: value(body.Secret), Off: body.Active != nil && !*body.Active,
	}
}

func noWebhook(name string) string { return "There is no webhook " + name }

// webhookError turns an error of a webhook into a refusal; missing is the message for
// something that is not there.
func webhookError(err error, missing string) error {
	if invalid, ok := errors.AsType[*webhook.InvalidError](err); ok {
		return &site.Refusal{Kind: site.KindUnprocessable, Message: invalid.Error()}
	}
	switch {
	case storage.IsNotFound(err):
		return site.NotFound("", missing)
	case storage.IsConflict(err):
		return site.Conflict("", "There is a webhook of this name")
	}
	return err
}

// view and update run fn on the caller's workspace.
func (a *API) view(ctx context.Context, fn func(storage.ReadTx) error) error {
	workspace, err := own(ctx)
	if err != nil {
		return err
	}
	return a.o.Store.View(ctx, workspace, fn)
}

// watching is view for a reader of jobs: nobody else reads those that deliver.
func watching[R any](ctx context.Context, a *API, fn func(storage.ReadTx, job.Look) (R, error)) (none R, err error) {
	workspace, err := own(ctx)
	if err != nil {
		return none, err
	}
	return job.View(ctx, a.o.Store, workspace, fn)
}

func (a *API) update(ctx context.Context, fn func(storage.Tx) error) error {
	workspace, err := own(ctx)
	if err != nil {
		return err
	}
	return a.o.Store.Update(ctx, workspace, fn)
}

// ListWebhooks lists the webhooks of the caller's workspace.
func (a *API) ListWebhooks(ctx context.Context, _ understudy.ListWebhooksRequestObject) (understudy.ListWebhooksResponseObject, error) {
	var list understudy.WebhookList
	err := a.view(ctx, func(tx storage.ReadTx) error {
		found, err := webhook.List(tx)
		list.Webhooks = make([]understudy.Webhook, len(found))
		for i, h := range found {
			list.Webhooks[i] = webhookView(h, "")
		}
		return err
	})
	return understudy.ListWebhooks200JSONResponse(list), err
}

// CreateWebhook adds a webhook. A secret that was made is told now and never again.
func (a *API) CreateWebhook(ctx context.Context, request understudy.CreateWebhookRequestObject) (understudy.CreateWebhookResponseObject, error) {
	var made webhook.Hook
	var generated string
	err := a.update(ctx, func(tx storage.Tx) (err error) {
		if generated, err = webhook.Create(tx, hookOf(request.Body)); err == nil {
			made, err = webhook.Get(tx, request.Body.Name)
		}
		return err
	})
	return understudy.CreateWebhook200JSONResponse(webhookView(made, generated)), webhookError(err, "")
}

// GetWebhook gives a webhook.
func (a *API) GetWebhook(ctx context.Context, request understudy.GetWebhookRequestObject) (understudy.GetWebhookResponseObject, error) {
	var found webhook.Hook
	err := a.view(ctx, func(tx storage.ReadTx) (err error) {
		found, err = webhook.Get(tx, request.WebhookName)
		return err
	})
	return understudy.GetWebhook200JSONResponse(webhookView(found, "")), webhookError(err, noWebhook(request.WebhookName))
}

// UpdateWebhook replaces what a webhook is.
func (a *API) UpdateWebhook(ctx context.Context, request understudy.UpdateWebhookRequestObject) (understudy.UpdateWebhookResponseObject, error) {
	body := request.Body
	h := hookOf(&understudy.NewWebhook{
		Name: request.WebhookName, URL: body.URL, Form: (*understudy.NewWebhookForm)(body.Form), Events: body.Events,
		Project: body.Project, Active: body.Active, Secret: body.Secret,
	})
	err := a.update(ctx, func(tx storage.Tx) (err error) {
		if err = webhook.Update(tx, h); err == nil {
			h, err = webhook.Get(tx, h.Name)
		}
		return err
	})
	return understudy.UpdateWebhook200JSONResponse(webhookView(h, "")), webhookError(err, noWebhook(request.WebhookName))
}

// DeleteWebhook deletes a webhook.
func (a *API) DeleteWebhook(ctx context.Context, request understudy.DeleteWebhookRequestObject) (understudy.DeleteWebhookResponseObject, error) {
	err := a.update(ctx, func(tx storage.Tx) error { return webhook.Delete(tx, request.WebhookName) })
	return understudy.DeleteWebhook204Response{}, webhookError(err, noWebhook(request.WebhookName))
}

// deliveryView is a delivery as it is answered: what was told is as it was told.
type deliveryView struct {
	ID           string                       `json:"id"`
	RedeliveryOf string                       `json:"redeliveryOf,omitempty"`
	Event        string                       `json:"event"`
	State        job.State                    `json:"state"`
	CreatedAt    time.Time                    `json:"createdAt"`
	Payload      json.RawMessage              `json:"payload"`
	Attempts     []understudy.DeliveryAttempt `json:"attempts"`
}

func viewDelivery(d *webhook.Delivery) deliveryView {
	view := deliveryView{
		ID: d.ID, RedeliveryOf: d.Of, Event: d.Event, State: d.State, CreatedAt: d.CreatedAt, Payload: d.Payload,
		Attempts: make([]understudy.DeliveryAttempt, len(d.Attempts)),
	}
	for i, attempt := range d.Attempts {
		view.Attempts[i] = understudy.DeliveryAttempt{At: attempt.At, Error: text(attempt.Error)}
		if attempt.Status != 0 {
			view.Attempts[i].Status = &attempt.Status
		}
	}
	return view
}

// VisitListDeliveriesResponse answers with deliveries.
func (a jsonAnswer) VisitListDeliveriesResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitGetDeliveryResponse answers with a delivery.
func (a jsonAnswer) VisitGetDeliveryResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitRedeliverResponse answers with a delivery.
func (a jsonAnswer) VisitRedeliverResponse(w http.ResponseWriter) error { return a.write(w) }

// defaultDeliveries is how many deliveries are listed unless the request says.
const defaultDeliveries = 50

// ListDeliveries lists the deliveries of a webhook.
func (a *API) ListDeliveries(ctx context.Context, request understudy.ListDeliveriesRequestObject) (understudy.ListDeliveriesResponseObject, error) {
	limit := defaultDeliveries
	if request.Params.Limit != nil {
		limit = *request.Params.Limit
	}
	found, err := watching(ctx, a, func(tx storage.ReadTx, look job.Look) ([]webhook.Delivery, error) {
		return webhook.Log(tx, look, request.WebhookName, limit)
	})
	if err != nil {
		return nil, webhookError(err, noWebhook(request.WebhookName))
	}
	list := struct {
		Deliveries []deliveryView `json:"deliveries"`
	}{make([]deliveryView, len(found))}
	for i := range found {
		list.Deliveries[i] = viewDelivery(&found[i])
	}
	return jsonAnswer{list}, nil
}

// GetDelivery gives a delivery.
func (a *API) GetDelivery(ctx context.Context, request understudy.GetDeliveryRequestObject) (understudy.GetDeliveryResponseObject, error) {
	found, err := watching(ctx, a, func(tx storage.ReadTx, look job.Look) (webhook.Delivery, error) {
		return webhook.Logged(tx, look, request.WebhookName, request.DeliveryID)
	})
	if err != nil {
		return nil, webhookError(err, "There is no such delivery")
	}
	return jsonAnswer{viewDelivery(&found)}, nil
}

// Redeliver sends once more what was told.
func (a *API) Redeliver(ctx context.Context, request understudy.RedeliverRequestObject) (understudy.RedeliverResponseObject, error) {
	var made webhook.Delivery
	err := a.update(ctx, func(tx storage.Tx) (err error) {
		made, err = webhook.Redeliver(tx, request.WebhookName, request.DeliveryID)
		return err
	})
	if err != nil {
		return nil, webhookError(err, "There is no such delivery")
	}
	return jsonAnswer{viewDelivery(&made)}, nil
}

// Seed describes what of the control API a seed holds.
func (a *API) Seed() seed.Part {
	return seed.Part{Jobs: []*job.Kind{webhook.Deliver}, Resources: []*seed.Resource{{
		List: "webhooks", Name: "webhook", Kind: webhook.Kind,
		Creates: []seed.Create{{Path: "/_understudy/webhooks", Read: seed.Into[understudy.NewWebhook]}},
		Check: func(entries []*seed.Entry, report seed.Report) {
			names := map[string]bool{}
			for _, e := range entries {
				if name, given := e.Text("name"); given && names[name] {
					report(e, "name", "Another webhook has this name. Give each its own.")
				} else if given {
					names[name] = true
				}
				if body, ok := e.Body.(*understudy.NewWebhook); ok {
					h := hookOf(body)
					if body.Secret != nil && *body.Secret == seed.Placeholder {
						h.Secret = ""
					}
					if invalid := h.Check(); invalid != nil {
						report(e, invalid.Member, invalid.Error())
					}
				}
			}
		},
		Insert: func(tx storage.Tx, e *seed.Entry, _ string) (string, error) {
			body, _ := e.Body.(*understudy.NewWebhook)
			h := hookOf(body)
			if h.Secret == seed.Placeholder {
				h.Secret = ""
			}
			_, err := webhook.Create(tx, h)
			return h.Name, err
		},
		Export: func(tx storage.ReadTx, _ string) ([]seed.Exported, error) {
			found, err := webhook.List(tx)
			exported := make([]seed.Exported, len(found))
			for i, h := range found {
				form, active := understudy.NewWebhookForm(h.Form), !h.Off
				body := understudy.NewWebhook{Name: h.Name, URL: h.URL, Form: &form, Project: text(h.Project), Active: &active}
				if h.Events != nil {
					body.Events = &h.Events
				}
				exported[i] = seed.Exported{ID: h.Name, Body: body}
			}
			return exported, err
		},
	}}}
}
