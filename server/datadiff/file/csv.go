// Package file compares tables that are files: it reads them into a SQLite database
// of their own, which is gone when the source is closed.
package file

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/understudy-api/understudy/server/datadiff"
	"github.com/understudy-api/understudy/server/datadiff/sqldb"
	"github.com/understudy-api/understudy/server/datadiff/sqlite"
)

// EmptyIsNull says what an empty field is. Basis: the engine of the service reads an
// empty field without quotes as NULL; quotes are not told from none here.
const EmptyIsNull = true

// Options say how a file is to be read.
type Options struct {
	Delimiter    rune // 0 is the comma
	SkipHeadRows int  // before the row of names
	SkipTailRows int
	MaxBytes     int64  // 0 is no limit
	Dir          string // for the database; "" is that of temporary files
	SQLite       sqlite.Options
}

// Source is a file that was read.
type Source struct {
	*sqlite.Source
	dir string
}

// Table is the path of the table that a file is, within its source.
var Table = []string{"data"}

// Close removes what was read.
func (s *Source) Close() error { return errors.Join(s.Source.Close(), os.RemoveAll(s.dir)) }

// New is the source of a database that load fills with the table [Table]: it is handed
// the path of an empty one. The size of what it reads is for load to bound.
func New(ctx context.Context, o Options, load func(path string) error) (s *Source, err error) {
	dir, err := os.MkdirTemp(o.Dir, "datadiff")
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "file.db")
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}()
	if err := load(path); err != nil {
		if ctx.Err() != nil {
			return nil, &datadiff.Error{Kind: datadiff.Cancelled, Value: "the diff was cancelled", Err: err}
		}
		return nil, err
	}
	source, err := sqlite.Open(path, o.SQLite)
	if err != nil {
		return nil, err
	}
	return &Source{Source: source, dir: dir}, nil
}

// CSV reads a file of comma-separated values whose first row has the names. The type
// of a column is what all of its values are: integers, decimals, floats, booleans,
// dates, timestamps, or else texts. Kinds of errors: Invalid, Cancelled.
func CSV(ctx context.Context, r io.Reader, o Options) (*Source, error) {
	return New(ctx, o, func(path string) error { return load(ctx, r, path, o) })
}

// Create opens the database of a file to be filled, in one transaction.
func Create(ctx context.Context, path string, fill func(tx *sql.Tx) error) (err error) {
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(off)&_pragma=synchronous(0)")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(1)
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := fill(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

func invalid(format string, args ...any) error {
	return &datadiff.Error{Kind: datadiff.Invalid, Value: fmt.Sprintf(format, args...)}
}

func load(ctx context.Context, r io.Reader, path string, o Options) error {
	r = o.Limit(r)
	lines := bufio.NewReader(r)
	if mark, _ := lines.Peek(len(byteOrderMark)); string(mark) == byteOrderMark {
		_, _ = lines.Discard(len(byteOrderMark))
	}
	for range o.SkipHeadRows {
		if _, err := lines.ReadString('\n'); err != nil {
			return invalid("the file has fewer rows than are to be skipped")
		}
	}
	reader := csv.NewReader(lines)
	reader.ReuseRecord = true
	if o.Delimiter != 0 {
		reader.Comma = o.Delimiter
	}
	names, err := reader.Read()
	if err != nil {
		return invalid("the file has no row of names: %v", err)
	}
	names = append([]string(nil), names...)
	columns := make([]column, len(names))
	quoted := make([]string, len(names))
	for i, name := range names {
		columns[i].may = anything
		quoted[i] = sqldb.Quote(name, `"`)
	}
	return Create(ctx, path, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "CREATE TABLE texts ("+strings.Join(quoted, " TEXT, ")+" TEXT)"); err != nil {
			return invalid("the row of names: %v", err)
		}
		if err := insert(ctx, tx, reader, columns, o.SkipTailRows); err != nil {
			return err
		}
		definitions, values := make([]string, len(names)), make([]string, len(names))
		for i, c := range columns {
			definitions[i], values[i] = quoted[i]+" "+c.declared(), quoted[i]
			switch c.declared() {
			case "BOOLEAN":
				values[i] = "lower(" + quoted[i] + ") = 'true'"
			case "TIMESTAMP":
				values[i] = sqlite.CanonicalTime(quoted[i])
			}
		}
		for _, statement := range []string{
			"CREATE TABLE data (" + strings.Join(definitions, ", ") + ")",
			"INSERT INTO data SELECT " + strings.Join(values, ", ") + " FROM texts", "DROP TABLE texts",
		} {
			if _, err := tx.ExecContext(ctx, statement); err != nil {
				return err
			}
		}
		return nil
	})
}

const byteOrderMark = "\ufeff"

// insert reads all rows but the last ones that are to be skipped.
func insert(ctx context.Context, tx *sql.Tx, reader *csv.Reader, columns []column, tail int) error {
	statement, err := tx.PrepareContext(ctx, "INSERT INTO texts VALUES (?"+strings.Repeat(", ?", len(columns)-1)+")")
	if err != nil {
		return err
	}
	defer func() { _ = statement.Close() }()
	var waiting [][]any
	for {
		record, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if own, ok := errors.AsType[*csv.ParseError](err); ok {
			return invalid("line %d of the file: %v", own.Line, own.Err)
		}
		if err != nil {
			return invalid("the file cannot be read: %v", err)
		}
		row := make([]any, len(record))
		for i, field := range record {
			if field != "" || !EmptyIsNull {
				row[i] = field
			}
		}
		if waiting = append(waiting, row); len(waiting) <= tail {
			continue
		}
		row, waiting = waiting[0], waiting[1:]
		for i, v := range row {
			if text, ok := v.(string); ok {
				columns[i].see(text)
			}
		}
		if _, err := statement.ExecContext(ctx, row...); err != nil {
			return err
		}
	}
}

// Limit bounds what is read of a file.
func (o Options) Limit(r io.Reader) io.Reader {
	if o.MaxBytes > 0 {
		return &limited{r: r, left: o.MaxBytes}
	}
	return r
}

// limited fails where a file is longer than it may be.
type limited struct {
	r    io.Reader
	left int64
}

func (l *limited) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, errors.New("it is longer than files may be")
	}
	n, err := l.r.Read(p[:min(int64(len(p)), l.left)])
	l.left -= int64(n)
	return n, err
}

// column is what a column's values may all be.
type column struct {
	may    kinds
	values bool
}

type kinds int

const (
	integers kinds = 1 << iota
	decimals
	floats
	booleans
	dates
	timestamps
	anything = integers | decimals | floats | booleans | dates | timestamps
)

// exactDigits is how many digits of a decimal SQLite keeps.
const exactDigits = 15

func (c *column) see(text string) {
	c.values = true
	for kind := integers; kind <= timestamps; kind <<= 1 {
		if c.may&kind != 0 && !is(text, kind) {
			c.may &^= kind
		}
	}
}

func is(text string, kind kinds) bool {
	digits := strings.TrimPrefix(text, "-")
	// 007 is a name, not a number.
	padded := len(digits) > 1 && digits[0] == '0' && digits[1] != '.'
	switch kind {
	case integers:
		_, err := strconv.ParseInt(text, 10, 64)
		return err == nil && !padded && text[0] != '+' && text != "-0"
	case decimals:
		return !padded && len(digits) <= exactDigits+1 && strings.Trim(digits, "0123456789.") == "" && strings.Count(digits, ".") <= 1 && digits != "" && digits != "."
	case floats:
		_, err := strconv.ParseFloat(text, 64)
		return err == nil && !padded && strings.Trim(text, "+-0123456789.eE") == ""
	case booleans:
		return strings.EqualFold(text, "true") || strings.EqualFold(text, "false")
	case dates:
		_, err := time.Parse(time.DateOnly, text)
		return err == nil
	}
	_, ok := datadiff.ParseTime([]byte(text))
	return ok && len(text) > len(time.DateOnly)
}

// declared is the column's type in SQLite.
func (c *column) declared() string {
	switch {
	case !c.values:
		return "TEXT"
	case c.may&integers != 0:
		return "INTEGER"
	case c.may&decimals != 0:
		return "DECIMAL"
	case c.may&floats != 0:
		return "REAL"
	case c.may&booleans != 0:
		return "BOOLEAN"
	case c.may&dates != 0:
		return "DATE"
	case c.may&timestamps != 0:
		return "TIMESTAMP"
	}
	return "TEXT"
}
