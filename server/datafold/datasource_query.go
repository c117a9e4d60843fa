package datafold

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/understudy-api/understudy/gen/datafold"
	"github.com/understudy-api/understudy/server/datadiff"
	"github.com/understudy-api/understudy/server/site"
)

// maxQueryRows are the rows that a query gives at most. Basis: the vendor speaks of a
// reasonable limit.
const maxQueryRows = 10_000

// ExecuteQuery runs a query that reads.
func (a *API) ExecuteQuery(ctx context.Context, request datafold.ExecuteQueryRequestObject) (datafold.ExecuteQueryResponseObject, error) {
	if err := a.has(ctx, request.DataSourceID); err != nil {
		return nil, err
	}
	limited, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	var answer datafold.ExecuteQuery200JSONResponse
	err := a.with(limited, site.PrincipalFrom(ctx).Workspace, request.DataSourceID, func(source datadiff.Source, _ Database) error {
		query := request.Body.Query
		if request.Body.Params != nil {
			var err error
			if query, err = substitute(query, *request.Body.Params, source.Dialect()); err != nil {
				return err
			}
		}
		table, err := datadiff.Select(limited, source, query, maxQueryRows)
		if err != nil {
			return err
		}
		columns := make([]datafold.APIQueryColumn, len(table.Columns))
		for i, c := range table.Columns {
			columns[i] = columnView(i, c)
		}
		answer.Columns, answer.Rows = &columns, make([]map[string]any, len(table.Rows))
		for i, row := range table.Rows {
			answer.Rows[i] = map[string]any{}
			for j, text := range row {
				answer.Rows[i][table.Columns[j].Name] = valueOf(text, table.Columns[j])
			}
		}
		return nil
	})
	if told, ok := errors.AsType[*datadiff.Error](err); ok && ctx.Err() == nil {
		return nil, &site.Refusal{Kind: site.KindUnprocessable, Message: told.Error()}
	}
	return answer, err
}

// valueOf is a value of a database as JSON.
func valueOf(text []byte, c datadiff.Column) any {
	if text == nil {
		return nil
	}
	switch c.Datatype {
	case datadiff.Boolean:
		return slices.Contains([]string{"t", "true", "1"}, strings.ToLower(string(text)))
	case datadiff.Integer, datadiff.Year, datadiff.Decimal, datadiff.UnboundedDecimal, datadiff.Float:
		if f, err := strconv.ParseFloat(string(text), 64); err == nil && !math.IsNaN(f) && !math.IsInf(f, 0) && json.Valid(text) {
			return json.Number(text)
		}
	}
	return strings.ToValidUTF8(string(text), "\uFFFD")
}

// substitute puts values in the place of placeholders, $1 or ?, outside of quotes and
// comments. Too few values are an error, as are too many.
func substitute(query string, values []string, d datadiff.Dialect) (string, error) {
	var text strings.Builder
	next, numbered := 0, 0
	wrong := func() error {
		return &datadiff.Error{Kind: datadiff.Invalid, Value: "there are not as many params as the query has placeholders"}
	}
	for i := 0; i < len(query); {
		rest := query[i:]
		length := max(1, datadiff.Comment(rest), datadiff.Quoted(rest))
		switch {
		case rest[0] == '?':
			if next >= len(values) {
				return "", wrong()
			}
			text.WriteString(literal(values[next], d))
			next++
			i++
			continue
		case rest[0] == '$' && len(rest) > 1 && rest[1] >= '1' && rest[1] <= '9':
			for length < len(rest) && rest[length] >= '0' && rest[length] <= '9' {
				length++
			}
			n, err := strconv.Atoi(rest[1:length])
			if err != nil || n > len(values) {
				return "", wrong()
			}
			text.WriteString(literal(values[n-1], d))
			numbered = max(numbered, n)
			i += length
			continue
		}
		text.WriteString(rest[:length])
		i += length
	}
	if max(next, numbered) != len(values) {
		return "", wrong()
	}
	return text.String(), nil
}
