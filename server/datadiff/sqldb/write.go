package sqldb

import (
	"bytes"
	"strings"

	"github.com/understudy-api/understudy/server/datadiff"
)

// Names are the columns of a table of results in brackets, each quoted.
func Names(columns []datadiff.TargetColumn, quote string) string {
	return definitions(columns, quote, "", "")
}

// Definitions are the columns of a table of results with their types, in brackets.
func Definitions(columns []datadiff.TargetColumn, quote, text, flag string) string {
	return definitions(columns, quote, " "+text, " "+flag)
}

func definitions(columns []datadiff.TargetColumn, quote, text, flag string) string {
	list := make([]string, len(columns))
	for i, c := range columns {
		list[i] = Quote(c.Name, quote) + text
		if c.Flag {
			list[i] = Quote(c.Name, quote) + flag
		}
	}
	return "(" + strings.Join(list, ", ") + ")"
}

// Insert adds lines (see [datadiff.Writing]) to a table by statements that have no more
// than so many parameters, unless a row has.
func Insert(into string, columns, parameters int, lines []byte, exec func(query string, args []any) error) error {
	row := "(" + strings.TrimSuffix(strings.Repeat("?, ", columns), ", ") + ")"
	var (
		args   []any
		fields [][]byte
	)
	send := func() error {
		if len(args) == 0 {
			return nil
		}
		rows := strings.TrimSuffix(strings.Repeat(row+", ", len(args)/columns), ", ")
		err := exec("INSERT INTO "+into+" VALUES "+rows, args)
		args = args[:0]
		return err
	}
	for line := range bytes.Lines(lines) {
		fields = datadiff.Fields(fields, bytes.TrimSuffix(line, []byte{'\n'}))
		if len(args)+columns > parameters {
			if err := send(); err != nil {
				return err
			}
		}
		for _, f := range fields {
			if f == nil {
				args = append(args, nil)
			} else {
				args = append(args, string(f))
			}
		}
	}
	return send()
}

// NoSchema is the error of a schema for results that is not there.
func NoSchema(schema string) *datadiff.Error {
	if schema == "" {
		return &datadiff.Error{Kind: datadiff.Invalid, Value: "the connection has no schema of its own to write to"}
	}
	return &datadiff.Error{Kind: datadiff.Invalid, Value: "there is no schema " + schema + " to write to"}
}
