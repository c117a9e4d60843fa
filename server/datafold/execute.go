package datafold

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/understudy-api/understudy/server/datadiff"
	"github.com/understudy-api/understudy/storage"
)

// Databases opens what data sources name. It knows the drivers, this package does not.
type Databases interface {
	// Unsupported is why databases of a type cannot be executed, in a sentence; "" if
	// they can.
	Unsupported(sourceType string) string
	// Open is the database of a source. It need not be reached yet. Errors are of type
	// [*datadiff.Error].
	Open(ctx context.Context, d Database) (OpenSource, error)
	// OpenFile reads a file, which is a table of its source.
	OpenFile(ctx context.Context, f File) (source OpenSource, table []string, err error)
	// Rules runs the conditions of column rules.
	Rules(ctx context.Context) (OpenRules, error)
}

// OpenSource is a source that is to be closed.
type OpenSource interface {
	datadiff.Source
	Close() error
}

// OpenRules are rules that are to be closed.
type OpenRules interface {
	datadiff.Rules
	Close() error
}

// Database is what a data source names.
type Database struct {
	Type    string
	Options map[string]json.RawMessage // as the document has them, secrets included
	// Embedded is a database of this program, filled by Script.
	Embedded bool
	Script   string
	// Connections is how many all diffs may hold at once; 0 for what is usual.
	Connections int
	// Identifiers says how names are folded on their way to it.
	Identifiers string
	// Parts is how many parts a table's path has at most; 0 for any.
	Parts int
}

// File is a file that is one side of a diff.
type File struct {
	URI       string
	Type      string // csv, excel or parquet
	Delimiter string
	Head      int // rows that are left out
	Tail      int
	// Unneeded says which columns the diff does not look at; nil for none.
	Unneeded func(name string) bool
}

// What the kinds of errors are that this package adds.
const (
	kindNotAllowed datadiff.Kind = "DatabaseNotAllowed"
	kindPurged     datadiff.Kind = "ResultsPurged"
)

// NotAllowed is the error of a database that must not be reached from here.
func NotAllowed(format string, args ...any) error {
	return &datadiff.Error{Kind: kindNotAllowed, Value: fmt.Sprintf(format, args...)}
}

const (
	maxConnections = 64 // of a source, as the vendor bounds them
	maxBackings    = 8  // that stand behind one another
	maxOpen        = 16 // sources that are kept open though nobody uses them
	openTimeout    = 30 * time.Second
)

// databaseOf is what a source executes on, its backing taken into account. The error
// is told to clients.
func (a *API) databaseOf(tx storage.ReadTx, id int) (Database, error) {
	item, err := held(sourceRecords, tx, strconv.Itoa(id))
	if storage.IsNotFound(err) {
		return Database{}, &datadiff.Error{Kind: datadiff.Unreachable, Value: fmt.Sprintf("the data source %d is not there any more", id)}
	}
	if err != nil {
		return Database{}, err
	}
	v := item.Value
	connections := min(int(v.number(memberConnections, 0)), maxConnections)
	identifiers, backed := "", false
	for range maxBackings {
		switch b := v.Backing; {
		case b == nil:
			d := Database{Type: v.Type, Connections: connections, Identifiers: identifiers, Options: map[string]json.RawMessage{}, Embedded: v.Type == "duckdb"}
			maps.Copy(d.Options, v.Options)
			for name, value := range v.Secrets {
				secret, err := a.sealer.open(value)
				if err != nil {
					return Database{}, err
				}
				d.Options[name] = quoted(secret)
			}
			if backed {
				d.Parts = partsOf(d)
			}
			return d, nil
		case b.Source == 0:
			return Database{Type: v.Type, Connections: connections, Embedded: true, Script: b.SQL, Identifiers: orElse(identifiers, b.Identifiers), Parts: 1}, nil
		default:
			identifiers, backed = orElse(identifiers, b.Identifiers), true
			if item, err = held(sourceRecords, tx, strconv.Itoa(b.Source)); err != nil {
				if !storage.IsNotFound(err) {
					return Database{}, err
				}
				return Database{}, &datadiff.Error{Kind: datadiff.Unreachable, Value: fmt.Sprintf("the data source %d, which is to stand in for this one, is not there", b.Source)}
			}
			v = item.Value
		}
	}
	return Database{}, &datadiff.Error{Kind: datadiff.Invalid, Value: "the data sources that stand in for one another never end at a database"}
}

// partsOf is how many parts the path of a table has in a database, where a source of
// another type may have more.
func partsOf(d Database) int {
	switch {
	case d.Embedded, d.Type == "mysql", d.Type == "mariadb":
		return 1
	}
	return 2
}

func orElse(a, b string) string {
	if a == "" {
		return b
	}
	return a
}

// table is the path of a table as the database has it.
func (d *Database) table(path []string) []string {
	if d.Parts > 0 && len(path) > d.Parts {
		path = path[len(path)-d.Parts:]
	}
	return d.names(path)
}

// names are names as the database has them.
func (d *Database) names(all []string) []string {
	if all == nil || d.Identifiers == "" {
		return all
	}
	folded := make([]string, len(all))
	for i, name := range all {
		folded[i] = d.name(name)
	}
	return folded
}

func (d *Database) name(name string) string {
	switch d.Identifiers {
	case "lower":
		return strings.ToLower(name)
	case "upper":
		return strings.ToUpper(name)
	}
	return name
}

// executor keeps sources open: their budgets hold for all that uses them in this
// process.
type executor struct {
	databases Databases

	mu   sync.Mutex
	open map[string]*openSource
}

// openSource is a source that somebody uses, or has used.
type openSource struct {
	ready  chan struct{} // closed once it is opened, or could not be
	source OpenSource
	err    error
	users  int
	used   time.Time
}

// use is the source of a workspace, opened if it is not. What release is told must not
// be used after it.
func (x *executor) use(ctx context.Context, workspace string, id int, d Database) (source datadiff.Source, release func(), err error) {
	if x.databases == nil {
		return nil, nil, &datadiff.Error{Kind: datadiff.Unsupported, Value: "there are no database drivers in this program"}
	}
	if !d.Embedded {
		if why := x.databases.Unsupported(d.Type); why != "" {
			return nil, nil, &datadiff.Error{Kind: datadiff.Unsupported, Value: why}
		}
	}
	text, err := json.Marshal(d) //nolint:musttag // only to tell one from another
	if err != nil {
		return nil, nil, err
	}
	key := fmt.Sprintf("%s/%d/%x", workspace, id, sha256.Sum256(text))
	x.mu.Lock()
	o, known := x.open[key]
	if !known {
		o = &openSource{ready: make(chan struct{})}
		if x.open == nil {
			x.open = map[string]*openSource{}
		}
		x.open[key] = o
	}
	o.users++
	x.mu.Unlock()
	release = sync.OnceFunc(func() { x.release(key, o) })
	if !known {
		// Others wait for it, whose contexts are not this one.
		inner, cancel := context.WithTimeout(context.WithoutCancel(ctx), openTimeout)
		o.source, o.err = x.databases.Open(inner, d)
		cancel()
		close(o.ready)
	}
	select {
	case <-o.ready:
	case <-ctx.Done():
		release()
		return nil, nil, &datadiff.Error{Kind: datadiff.Cancelled, Value: "the diff was cancelled", Err: context.Cause(ctx)}
	}
	if o.err != nil {
		release()
		return nil, nil, o.err
	}
	return o.source, release, nil
}

// release lets go of a source, and closes those that nobody used for the longest time
// if there are too many.
func (x *executor) release(key string, o *openSource) {
	x.mu.Lock()
	o.users--
	o.used = time.Now()
	var closing []*openSource
	if o.users == 0 && o.err != nil && x.open[key] == o {
		delete(x.open, key) // the next one tries again
	}
	for len(x.open) > maxOpen {
		oldest := ""
		for k, other := range x.open {
			if other.users == 0 && (oldest == "" || other.used.Before(x.open[oldest].used)) {
				oldest = k
			}
		}
		if oldest == "" {
			break
		}
		closing = append(closing, x.open[oldest])
		delete(x.open, oldest)
	}
	x.mu.Unlock()
	for _, c := range closing {
		_ = c.source.Close() // it was read, there is nothing to lose
	}
}

// Close closes all sources. Nobody uses them any more.
func (x *executor) Close() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	var failed []error
	for key, o := range x.open {
		if o.users == 0 && o.source != nil {
			failed = append(failed, o.source.Close())
		}
		delete(x.open, key)
	}
	return errors.Join(failed...)
}

// unsupported is why sources of a type cannot be executed here; "" if they can.
func (a *API) unsupported(sourceType string) string {
	switch {
	case sourceType == "duckdb":
		return ""
	case a.executor.databases == nil:
		return "there are no database drivers in this program"
	}
	return a.executor.databases.Unsupported(sourceType)
}

// with runs fn on the source of a workspace.
func (a *API) with(ctx context.Context, workspace string, id int, fn func(source datadiff.Source, d Database) error) error {
	var d Database
	if err := a.peek(ctx, workspace, func(tx storage.ReadTx) (err error) {
		d, err = a.databaseOf(tx, id)
		return err
	}); err != nil {
		return err
	}
	source, release, err := a.executor.use(ctx, workspace, id, d)
	if err != nil {
		return err
	}
	defer release()
	return fn(source, d)
}
