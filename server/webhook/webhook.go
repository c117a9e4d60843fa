// Package webhook tells others what happens in a workspace: it sends what an API calls
// an event to the addresses that the workspace has asked for, signed, and keeps a log
// of it.
//
// A hook and its deliveries are records of the workspace. An API tells of an event in
// the transaction in which it happens ([Emit]), so that what did not happen is told to
// nobody; a job of [server/job] sends it, again while it fails, by the workspace's
// clock.
//
// What is sent is a POST in the form of the Standard Webhooks specification
// (https://www.standardwebhooks.com), whose headers name the delivery, the time and the
// signature; see [Sign].
package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/understudy-api/understudy/server/job"
	"github.com/understudy-api/understudy/storage"
)

// Hook is an address that wants to be told of events.
type Hook struct {
	Name string `json:"name"` // unique in the workspace
	URL  string `json:"url"`  // http or https
	Form Form   `json:"form"` // "" is Plain
	// Events are those that are told; none means all. "release" is all whose names
	// begin with "release.".
	Events []string `json:"events,omitzero"`
	// Project is the id or key of the project that it is about; "" for all.
	Project string `json:"project,omitempty"`
	// Secret signs what is sent: "whsec_" and base64. Without one, one is made.
	Secret string `json:"secret,omitempty"`
	// Off has nothing sent.
	Off bool `json:"off,omitempty"`
}

// Form is how the body of a delivery looks.
type Form string

// The forms. The last three start a pipeline, as the vendor's templates read it.
const (
	Plain  Form = "rest"
	GitHub Form = "github" // the input "payload" of a workflow_dispatch
	GitLab Form = "gitlab" // the variable GRL_PAYLOAD of a pipeline
	Azure  Form = "azure"  // likewise
)

// Event is something that happened.
type Event struct {
	Name    string // "release.deployed"
	Project Project
	Target  string // what to pull now: "env:production"
	Data    any    // what it is about, as the API shows it
	// At is when it is to be told, by the workspace's clock; zero for at once.
	At time.Time
}

// Project is the project that an event is about.
type Project struct {
	ID   string `json:"id"`
	Key  string `json:"key"`
	Name string `json:"name"`
}

// Delivery is an event on its way to a hook, or there.
type Delivery struct {
	ID   string `json:"-"`
	Hook string `json:"hook"` // its name
	// Of is the delivery that this one repeats; "" for none.
	Of        string          `json:"of,omitempty"`
	Event     string          `json:"event"`
	Payload   json.RawMessage `json:"payload"`
	Attempts  []Attempt       `json:"attempts,omitempty"`
	State     job.State       `json:"-"`
	CreatedAt time.Time       `json:"-"`
}

// Attempt is one time that a delivery was sent.
type Attempt struct {
	At     time.Time `json:"at"`
	Status int       `json:"status,omitempty"` // of the answer; 0 for none
	Error  string    `json:"error,omitempty"`  // why there is none
}

var (
	hooks = storage.Collection[Hook]{
		Kind: Kind, Indexes: []storage.Index{{Name: indexName}},
		Keys: func(_ storage.Meta, h Hook) []storage.Key {
			return []storage.Key{{Index: indexName, Value: h.Name, Unique: true}}
		},
	}
	deliveries = storage.Collection[Delivery]{Kind: "understudy.webhook.delivery"}
)

// Kind is the kind of the records that hold hooks.
const Kind = "understudy.webhook"

const indexName = "name"

// Deliver are the jobs that send deliveries, each of the id of its delivery.
var Deliver = &job.Kind{
	Name: "webhook.delivery", About: "Sends an event to a webhook", Plan: job.Plan{Mode: job.Auto}, Attempts: 5,
}

// maxHooks is how many hooks a workspace holds: each is told of every event, with all that
// the event is about.
const maxHooks = 50

// maxDeliveries is how many deliveries of a hook are kept.
const maxDeliveries = 200

// InvalidError says what is wrong with a hook.
type InvalidError struct{ Member, Message string }

// Error is the message.
func (e *InvalidError) Error() string { return e.Member + ": " + e.Message }

// Check finds what is wrong with a hook; nil for nothing.
func (h *Hook) Check() *InvalidError {
	u, err := url.Parse(h.URL)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil:
		return &InvalidError{"url", "want http:// or https://, a host, and no user"}
	case !slices.Contains([]Form{"", Plain, GitHub, GitLab, Azure}, h.Form):
		return &InvalidError{"form", "want rest, github, gitlab or azure"}
	}
	if h.Secret != "" {
		if _, err := key(h.Secret); err != nil {
			return &InvalidError{"secret", `want "whsec_" and 24 to 64 bytes in base64`}
		}
	}
	return nil
}

const secretPrefix = "whsec_"

// key is the key that a secret stands for.
func key(secret string) ([]byte, error) {
	text, ok := strings.CutPrefix(secret, secretPrefix)
	k, err := base64.StdEncoding.DecodeString(text)
	if !ok || err != nil || len(k) < 24 || len(k) > 64 {
		return nil, errors.New("webhook: not a secret")
	}
	return k, nil
}

// Sign is the header "webhook-signature" of a delivery: the HMAC-SHA256 of the id, the
// time in seconds and the body, with full stops between, under the key of the secret.
func Sign(secret, id string, at time.Time, body []byte) (string, error) {
	k, err := key(secret)
	if err != nil {
		return "", err
	}
	mac := hmac.New(sha256.New, k)
	fmt.Fprintf(mac, "%s.%d.", id, at.Unix())
	mac.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)), nil
}

// Create adds a hook; CodeConflict if its name is taken, CodeFull if there are as many as a
// workspace holds. made is its secret if it came without one.
func Create(tx storage.Tx, h Hook) (made string, err error) {
	if made, err = h.complete(tx, ""); err != nil {
		return "", err
	}
	if _, err = hooks.Insert(tx, tx.NewID(), "", h); err != nil {
		return "", err
	}
	if kept, err := tx.Count(hooks.Kind, "", false); err != nil || kept <= maxHooks {
		return made, err
	}
	return "", &storage.Error{Code: storage.CodeFull, Op: "create webhook", Err: &storage.FullError{
		Reason: "A workspace holds at most " + strconv.Itoa(maxHooks) + " webhooks",
	}}
}

// Update replaces the hook of its name; CodeNotFound if there is none. Without a secret
// it keeps the one that is there.
func Update(tx storage.Tx, h Hook) error {
	old, err := hooks.Find(tx, indexName, h.Name)
	if err != nil {
		return err
	}
	if _, err := h.complete(tx, old.Value.Secret); err != nil {
		return err
	}
	_, err = hooks.Update(tx, old.ID, func(stored *Hook) error {
		*stored = h
		return nil
	})
	return err
}

// complete gives a hook what it came without.
func (h *Hook) complete(tx storage.Tx, secret string) (made string, err error) {
	if h.Form == "" {
		h.Form = Plain
	}
	if h.Secret == "" {
		h.Secret = secret
	}
	if h.Secret == "" {
		sum := sha256.Sum256([]byte("webhook secret\x00" + tx.Workspace() + "\x00" + tx.NewID()))
		made = secretPrefix + base64.StdEncoding.EncodeToString(sum[:])
		h.Secret = made
	}
	if invalid := h.Check(); invalid != nil {
		return "", invalid
	}
	return made, nil
}

// Get is the hook of a name; CodeNotFound if there is none.
func Get(tx storage.ReadTx, name string) (Hook, error) {
	found, err := hooks.Find(tx, indexName, name)
	return found.Value, err
}

// List lists the hooks, in the order of their names.
func List(tx storage.ReadTx) ([]Hook, error) {
	list := []Hook{}
	err := hooks.Each(tx, storage.Query{Index: indexName}, func(h storage.Item[Hook]) error {
		list = append(list, h.Value)
		return nil
	})
	return list, err
}

// Delete removes a hook with its deliveries; CodeNotFound if there is none.
func Delete(tx storage.Tx, name string) error {
	found, err := hooks.Find(tx, indexName, name)
	if err != nil {
		return err
	}
	var ids []string
	if err := deliveries.Each(tx, storage.Query{Parent: &found.ID}, func(d storage.Item[Delivery]) error {
		ids = append(ids, d.ID)
		return nil
	}); err != nil {
		return err
	}
	for _, id := range ids {
		if err := forget(tx, id); err != nil {
			return err
		}
	}
	return tx.Purge(hooks.Kind, found.ID)
}

func forget(tx storage.Tx, delivery string) error {
	return errors.Join(Deliver.Forget(tx, delivery), tx.Purge(deliveries.Kind, delivery))
}

// wants reports whether a hook is to be told of an event.
func (h *Hook) wants(e *Event) bool {
	if h.Off || h.Project != "" && h.Project != e.Project.ID && h.Project != e.Project.Key {
		return false
	}
	return len(h.Events) == 0 || slices.ContainsFunc(h.Events, func(name string) bool {
		return name == e.Name || strings.HasPrefix(e.Name, name+".")
	})
}

// payload is what is told of an event.
type payload struct {
	Event     string  `json:"event"`
	CreatedAt string  `json:"createdAt"`
	Project   Project `json:"project"`
	ProjectID string  `json:"projectId"`
	Target    string  `json:"target"`
	Data      any     `json:"data"`
}

// Emit tells the hooks of the workspace of an event, once the transaction is committed.
func Emit(tx storage.Tx, e Event) error {
	var wanting []storage.Item[Hook]
	if err := hooks.Each(tx, storage.Query{}, func(h storage.Item[Hook]) error {
		if h.Value.wants(&e) {
			wanting = append(wanting, h)
		}
		return nil
	}); err != nil || len(wanting) == 0 {
		return err
	}
	text, err := json.Marshal(payload{
		Event: e.Name, CreatedAt: tx.Now().Format("2006-01-02T15:04:05.000Z"),
		Project: e.Project, ProjectID: e.Project.ID, Target: e.Target, Data: e.Data,
	})
	if err != nil {
		return fmt.Errorf("webhook: an event that cannot be told: %w", err)
	}
	for _, h := range wanting {
		if _, err := deliver(tx, h, Delivery{Hook: h.Value.Name, Event: e.Name, Payload: text}, e.At); err != nil {
			return err
		}
	}
	return nil
}

// deliver has a delivery sent, and lets go of the oldest of its hook.
func deliver(tx storage.Tx, to storage.Item[Hook], d Delivery, at time.Time) (storage.Item[Delivery], error) {
	made, err := deliveries.Insert(tx, tx.NewID(), to.ID, d)
	if err != nil {
		return made, err
	}
	if _, err := Deliver.Enqueue(tx, job.Order{ID: made.ID, At: at}); err != nil {
		return made, err
	}
	kept, err := tx.Count(deliveries.Kind, to.ID, false)
	if err != nil || kept <= maxDeliveries {
		return made, err
	}
	oldest, err := deliveries.List(tx, storage.Query{Parent: &to.ID, Limit: 1})
	if err != nil {
		return made, err
	}
	return made, forget(tx, oldest.Items[0].ID)
}

// Redeliver sends a delivery of a hook again, as a new one.
func Redeliver(tx storage.Tx, name, id string) (Delivery, error) {
	h, d, err := find(tx, name, id)
	if err != nil {
		return Delivery{}, err
	}
	again := Delivery{Hook: name, Of: id, Event: d.Value.Event, Payload: d.Value.Payload}
	if d.Value.Of != "" {
		again.Of = d.Value.Of
	}
	made, err := deliver(tx, h, again, time.Time{})
	if err != nil {
		return Delivery{}, err
	}
	return shown(glancing(tx), made)
}

// glancing looks at jobs without being a reader of theirs.
func glancing(tx storage.ReadTx) job.Look {
	return func(k *job.Kind, id string) (job.Job, error) { return k.Get(tx, id) }
}

func find(tx storage.ReadTx, name, id string) (h storage.Item[Hook], d storage.Item[Delivery], err error) {
	if h, err = hooks.Find(tx, indexName, name); err != nil {
		return h, d, err
	}
	d, err = deliveries.Get(tx, id)
	if err == nil && d.Parent != h.ID {
		err = &storage.Error{Code: storage.CodeNotFound, Op: "get", Kind: deliveries.Kind, ID: id}
	}
	return h, d, err
}

// shown is a delivery with the state of its job.
func shown(look job.Look, d storage.Item[Delivery]) (Delivery, error) {
	view := d.Value
	view.ID, view.CreatedAt = d.ID, d.Created
	j, err := look(Deliver, d.ID)
	view.State = j.State
	return view, err
}

// Log lists deliveries of a hook, the newest first.
func Log(tx storage.ReadTx, look job.Look, name string, limit int) ([]Delivery, error) {
	h, err := hooks.Find(tx, indexName, name)
	if err != nil {
		return nil, err
	}
	list := []Delivery{}
	err = deliveries.Each(tx, storage.Query{Parent: &h.ID, Descending: true, Limit: limit}, func(d storage.Item[Delivery]) error {
		view, err := shown(look, d)
		list = append(list, view)
		return err
	})
	return list, err
}

// Logged is a delivery of a hook.
func Logged(tx storage.ReadTx, look job.Look, name, id string) (Delivery, error) {
	_, d, err := find(tx, name, id)
	if err != nil {
		return Delivery{}, err
	}
	return shown(look, d)
}
