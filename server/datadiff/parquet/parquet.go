// Package parquet compares tables that are Parquet files: it reads them into a SQLite
// database of their own, as package file does others.
package parquet

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"

	"github.com/parquet-go/parquet-go"

	"github.com/understudy-api/understudy/server/datadiff"
	"github.com/understudy-api/understudy/server/datadiff/file"
	"github.com/understudy-api/understudy/server/datadiff/sqldb"
)

// Options say how a file is to be read. Of its file.Options, those of rows of text
// mean nothing.
type Options struct {
	file.Options
	// Leave says which columns nobody will ask for: they may be of any type.
	Leave func(name string) bool
}

// Open reads a Parquet file of flat columns. Values are exact: decimals of any
// precision, times to the nanosecond. It holds no more than [MaxHeld] bytes of it at
// once, whatever the file claims of itself. Kinds of errors: Invalid, Unsupported,
// Cancelled.
func Open(ctx context.Context, r io.Reader, o Options) (*file.Source, error) {
	return file.New(ctx, o.Options, func(path string) error {
		content, size, done, err := spooled(o.Limit(r), filepath.Dir(path))
		if err != nil {
			return err
		}
		defer done()
		return load(ctx, content, size, path, o)
	})
}

func invalid(format string, args ...any) error {
	return &datadiff.Error{Kind: datadiff.Invalid, Value: fmt.Sprintf(format, args...)}
}

func unsupported(format string, args ...any) error {
	return &datadiff.Error{Kind: datadiff.Unsupported, Value: fmt.Sprintf(format, args...)}
}

// spooled is what is read, to be read from anywhere: a Parquet file begins at its end.
func spooled(r io.Reader, dir string) (content io.ReaderAt, size int64, done func(), err error) {
	f, err := os.CreateTemp(dir, "content")
	if err != nil {
		return nil, 0, nil, err
	}
	done = func() { _ = f.Close() } // it goes with its folder
	if size, err = io.Copy(f, r); err != nil {
		done()
		return nil, 0, nil, invalid("the file cannot be read: %v", err)
	}
	return f, size, done, nil
}

// load fills the database.
func load(ctx context.Context, content io.ReaderAt, size int64, path string, o Options) error {
	return decode(ctx, content, size, o.Leave, func(columns []column, rows func(each func(row []any) error) error) error {
		definitions := make([]string, len(columns))
		for i, c := range columns {
			definitions[i] = sqldb.Quote(c.name, `"`) + " " + c.declared
		}
		return file.Create(ctx, path, func(tx *sql.Tx) error {
			if _, err := tx.ExecContext(ctx, "CREATE TABLE data ("+strings.Join(definitions, ", ")+")"); err != nil {
				return invalid("the columns of the file: %v", err)
			}
			statement, err := tx.PrepareContext(ctx, "INSERT INTO data VALUES (?"+strings.Repeat(", ?", len(columns)-1)+")")
			if err != nil {
				return err
			}
			defer func() { _ = statement.Close() }()
			return rows(func(row []any) error {
				_, err := statement.ExecContext(ctx, row...)
				return err
			})
		})
	})
}

// decode hands over the columns and the rows of a file. The decoder trusts what it
// reads here and there: what it breaks on is a damaged file.
func decode(ctx context.Context, content io.ReaderAt, size int64, leave func(string) bool,
	use func(columns []column, rows func(each func(row []any) error) error) error,
) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if broken := recover(); broken != nil {
			err = damaged("%v", broken)
		}
	}()
	if err := checkFooter(content, size); err != nil {
		return err
	}
	f, err := parquet.OpenFile(content, size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return damaged("%v", err)
	}
	columns, err := columnsOf(f, leave)
	if err != nil {
		return err
	}
	if err := checkPages(ctx, f, columns); err != nil {
		return err
	}
	return use(columns, func(each func(row []any) error) error {
		row := make([]any, len(columns))
		for _, group := range f.RowGroups() {
			if err := eachRow(ctx, group, columns, row, func() error { return each(row) }); err != nil {
				return err
			}
		}
		return nil
	})
}

func damaged(format string, args ...any) error {
	return invalid("the file is no Parquet file, or a damaged one: %s", fmt.Sprintf(format, args...))
}

// eachRow reads a row group, of each column one page at a time.
func eachRow(ctx context.Context, group parquet.RowGroup, columns []column, row []any, each func() error) error {
	chunks := group.ColumnChunks()
	readers := make([]*reader, len(columns))
	for i, c := range columns {
		readers[i] = &reader{pages: chunks[c.index].Pages()}
		defer readers[i].close()
	}
	for range group.NumRows() {
		for i := range columns {
			c := &columns[i]
			v, err := readers[i].next()
			if err == nil && !v.IsNull() {
				row[i], err = c.value(v)
			} else {
				row[i] = nil
			}
			switch {
			case ctx.Err() != nil:
				return ctx.Err()
			case datadiff.KindOf(err) != "":
				return err
			case err != nil:
				return damaged("column %s: %v", c.name, err)
			}
		}
		if err := each(); err != nil {
			return err
		}
	}
	return nil
}

// reader walks through the values of a column.
type reader struct {
	pages  parquet.Pages
	page   parquet.Page
	values parquet.ValueReader
	buffer [64]parquet.Value
	left   []parquet.Value
}

func (r *reader) next() (parquet.Value, error) {
	for len(r.left) == 0 {
		if r.values != nil {
			n, err := r.values.ReadValues(r.buffer[:])
			r.left = r.buffer[:n]
			if n > 0 {
				break
			}
			if err != nil && !errors.Is(err, io.EOF) {
				return parquet.Value{}, err
			}
			parquet.Release(r.page)
			r.page, r.values = nil, nil
		}
		page, err := r.pages.ReadPage()
		if errors.Is(err, io.EOF) {
			return parquet.Value{}, io.ErrUnexpectedEOF
		}
		if err != nil {
			return parquet.Value{}, err
		}
		r.page, r.values = page, page.Values()
	}
	v := r.left[0]
	r.left = r.left[1:]
	return v, nil
}

func (r *reader) close() {
	if r.page != nil {
		parquet.Release(r.page)
	}
	_ = r.pages.Close() // it was read
}
