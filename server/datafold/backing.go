package datafold

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/understudy-api/understudy/server/site"
	"github.com/understudy-api/understudy/storage"
)

// backingText is a backing as the control API writes it.
type backingText struct {
	Source      *int    `json:"source,omitempty"`
	SQL         *string `json:"sql,omitempty"`
	Identifiers string  `json:"identifiers,omitempty"`
}

func (b *backing) written() *backingText {
	if b == nil {
		return nil
	}
	t := &backingText{Identifiers: b.Identifiers}
	if b.Embedded {
		t.SQL = &b.SQL
	} else {
		t.Source = &b.Source
	}
	return t
}

func (t *backingText) read() (*backing, error) {
	switch {
	case (t.Source == nil) == (t.SQL == nil):
		return nil, &site.Refusal{Kind: site.KindUnprocessable, Message: "A backing is one of source and sql."}
	case t.SQL != nil:
		return &backing{SQL: *t.SQL, Embedded: true, Identifiers: t.Identifiers}, nil
	}
	return &backing{Source: *t.Source, Identifiers: t.Identifiers}, nil
}

// Backing is what stands in for the database of a source, as JSON.
func (a *API) Backing(ctx context.Context, workspace string, source int) (json.RawMessage, error) {
	var b *backing
	if err := a.peek(ctx, workspace, func(tx storage.ReadTx) error {
		item, err := dataSources.at(tx, source)
		b = item.Value.Backing
		return err
	}); err != nil {
		return nil, err
	}
	if b == nil {
		return nil, site.NotFound("", "Nothing stands in for this data source")
	}
	return json.Marshal(b.written())
}

// SetBacking says what stands in for the database of a source: another source, or an
// embedded database that SQL fills. nil is nothing.
func (a *API) SetBacking(ctx context.Context, workspace string, source int, text json.RawMessage) (json.RawMessage, error) {
	var b *backing
	if text != nil {
		var given backingText
		if err := json.Unmarshal(text, &given); err != nil {
			return nil, &site.Refusal{Kind: site.KindUnprocessable, Message: "The body cannot be read."}
		}
		var err error
		if b, err = given.read(); err != nil {
			return nil, err
		}
	}
	if b != nil && b.Embedded && a.executor.databases != nil {
		// What is wrong with the SQL is told here, and not by every diff.
		opened, err := a.executor.databases.Open(ctx, Database{Type: "duckdb", Embedded: true, Script: b.SQL})
		if err != nil {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			return nil, &site.Refusal{Kind: site.KindUnprocessable, Message: sentence(err.Error())}
		}
		_ = opened.Close() // nobody read it
	}
	err := a.alter(ctx, workspace, func(tx storage.Tx) error {
		if _, err := dataSources.at(tx, source); err != nil {
			return err
		}
		if b != nil && !b.Embedded {
			if _, err := dataSources.at(tx, b.Source); err != nil {
				return &site.Refusal{Kind: site.KindUnprocessable, Message: fmt.Sprintf("There is no data source %d.", b.Source)}
			}
		}
		if err := amend(sourceRecords, tx, strconv.Itoa(source), func(v *dataSource) error {
			v.Backing = b
			return nil
		}); err != nil {
			return err
		}
		_, err := a.databaseOf(tx, source)
		if err != nil && b != nil {
			return &site.Refusal{Kind: site.KindUnprocessable, Message: sentence(err.Error())}
		}
		return nil
	})
	if err != nil || b == nil {
		return nil, err
	}
	return json.Marshal(b.written())
}

// RemoveSource removes a data source, which Datafold's own API cannot.
func (a *API) RemoveSource(ctx context.Context, workspace string, source int) error {
	return a.alter(ctx, workspace, func(tx storage.Tx) error {
		return dataSources.delete(&work{Tx: tx}, source)
	})
}
