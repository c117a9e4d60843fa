package datadiff

import (
	"context"
	"errors"
)

// Table is what a query returns.
type Table struct {
	Columns []Column
	Rows    [][][]byte // texts as the database writes them, nil being NULL
	More    bool       // there were more rows than asked for
}

// Select runs a query that reads, and returns up to a number of its rows. It holds
// one connection of the budget. Kinds of errors: those of [Conn].
func Select(ctx context.Context, source Source, query string, most int) (*Table, error) {
	t := &Table{}
	enough := errors.New("enough rows")
	in := Input{Query: query}
	err := with(ctx, source, in, func(s *side) (err error) {
		if t.Columns, err = s.conn.Describe(ctx, in); err != nil {
			return err
		}
		err = s.conn.Read(ctx, Trimmed(query), func(line []byte) error {
			if len(t.Rows) == most {
				t.More = true
				return enough
			}
			t.Rows = append(t.Rows, clone(Fields(nil, line)))
			return nil
		})
		if errors.Is(err, enough) {
			return nil
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return t, nil
}
