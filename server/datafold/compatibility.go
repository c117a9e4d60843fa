package datafold

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/understudy-api/understudy/server/job"
	"github.com/understudy-api/understudy/server/site"
	"github.com/understudy-api/understudy/storage"
)

// compatibility is how a workspace answers where clients of different years want
// different things.
type compatibility struct {
	// Dependencies are a "list", as the document has them, or an "object" as in 2023.
	Dependencies string `json:"dependencies,omitempty"`
	// SourceTypes are "all", or the "old" eight.
	SourceTypes string `json:"sourceTypes,omitempty"`
	// DoneStatus is what the results of a diff that is done say: "success" or "done".
	DoneStatus string `json:"doneStatus,omitempty"`
}

var compatibilities = storage.Collection[compatibility]{Kind: "datafold.compatibility"}

// theOne is the id of the one record of its kind in a workspace.
const theOne = "1"

func compatibilityOf(tx storage.ReadTx) (compatibility, error) {
	item, err := held(compatibilities, tx, theOne)
	if storage.IsNotFound(err) {
		err = nil
	}
	return item.Value, err
}

func (a *API) compatibility(ctx context.Context) (c compatibility, err error) {
	return reading(ctx, a, func(tx storage.ReadTx, _ job.Look) (compatibility, error) { return compatibilityOf(tx) })
}

func (c compatibility) shows(sourceType string) bool {
	return c.SourceTypes != "old" || slices.Contains(oldTypes, sourceType)
}

func (c compatibility) done() string { return orElse(c.DoneStatus, "success") }

// dependencies are what depends on a table: nothing that is known here.
func (c compatibility) dependencies() any {
	if c.Dependencies == "object" {
		return map[string]map[string][]any{"deps": {"looker": {}, "hightouch": {}}}
	}
	return []any{}
}

// complete says everything.
func (c compatibility) complete() compatibility {
	return compatibility{orElse(c.Dependencies, "list"), orElse(c.SourceTypes, "all"), c.done()}
}

// Compatibility tells how a workspace answers, as JSON.
func (a *API) Compatibility(ctx context.Context, workspace string) (json.RawMessage, error) {
	var c compatibility
	if err := a.peek(ctx, workspace, func(tx storage.ReadTx) (err error) {
		c, err = compatibilityOf(tx)
		return err
	}); err != nil {
		return nil, err
	}
	return json.Marshal(c.complete())
}

// SetCompatibility says how a workspace answers. What the text does not name is as at
// first.
func (a *API) SetCompatibility(ctx context.Context, workspace string, text json.RawMessage) (json.RawMessage, error) {
	var c compatibility
	if err := json.Unmarshal(text, &c); err != nil {
		return nil, &site.Refusal{Kind: site.KindUnprocessable, Message: "The body cannot be read."}
	}
	if err := a.alter(ctx, workspace, func(tx storage.Tx) error { return stow(compatibilities, tx, theOne, c) }); err != nil {
		return nil, err
	}
	return json.Marshal(c.complete())
}
