// Package databases reaches what data sources of Datafold name: databases, by the drivers
// that were registered, and files. Without any driver it has SQLite in memory, which
// memory takes anyway.
package databases

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/understudy-api/understudy/server/datadiff"
	"github.com/understudy-api/understudy/server/datadiff/sqlite"
	"github.com/understudy-api/understudy/server/datafold"
)

// statementTimeout is how long a statement of a diff may take.
const statementTimeout = 10 * time.Minute

// Driver opens a database of a type that it is registered for. It reaches nothing but
// what reach lets it.
type Driver func(ctx context.Context, reach *Reach, d datafold.Database) (datafold.OpenSource, error)

// Reach is what a driver may reach, and for how long.
type Reach struct {
	allowed Allowed
	Timeout time.Duration // of a statement
}

var drivers struct {
	mutex sync.RWMutex
	of    map[string]Driver
	files map[string]FileReader
}

// Register has a driver open the data sources of some types. It is called from init
// functions. Of two drivers for one type the later counts.
func Register(driver Driver, types ...string) {
	drivers.mutex.Lock()
	defer drivers.mutex.Unlock()
	if drivers.of == nil {
		drivers.of = map[string]Driver{}
	}
	for _, name := range types {
		drivers.of[name] = driver
	}
}

func driverOf(sourceType string) Driver {
	drivers.mutex.RLock()
	defer drivers.mutex.RUnlock()
	return drivers.of[sourceType]
}

// Opener opens what data sources name. It is a [datafold.Databases].
type Opener struct {
	reach Reach
	files map[string]string // folders, by the beginning of the addresses they stand for
}

var _ datafold.Databases = (*Opener)(nil)

// New makes an Opener that reaches the hosts that are allowed (see [ParseAllowed]), and
// the folders that stand for files (see [ParseFiles]).
func New(allowed, files string) (*Opener, error) {
	hosts, bad := ParseAllowed(allowed)
	if bad != "" {
		return nil, fmt.Errorf("allowed databases: %q is no host", bad)
	}
	folders, bad := ParseFiles(files)
	if bad != "" {
		return nil, fmt.Errorf("files: %q is no pair of an address and a folder", bad)
	}
	return &Opener{reach: Reach{allowed: hosts, Timeout: statementTimeout}, files: folders}, nil
}

// Unsupported is why databases of a type cannot be executed, in a sentence.
func (*Opener) Unsupported(sourceType string) string {
	if driverOf(sourceType) != nil || sourceType == "duckdb" {
		return ""
	}
	switch sourceType {
	case "aws_s3", "google_cloud_storage", "files_azure_datalake":
		return "a source of files of type " + sourceType + " has no tables: name a file of it"
	}
	return "no driver for " + sourceType + " is in this program; give the source a backing to execute on"
}

// Open is the database of a source.
func (o *Opener) Open(ctx context.Context, d datafold.Database) (datafold.OpenSource, error) {
	if d.Embedded {
		return sqlite.Embed(ctx, d.Script, sqlite.Options{Connections: d.Connections, Timeout: o.reach.Timeout})
	}
	open := driverOf(d.Type)
	if open == nil {
		return nil, &datadiff.Error{Kind: datadiff.Unsupported, Value: o.Unsupported(d.Type)}
	}
	return open(ctx, &o.reach, d)
}

// Rules runs column rules.
func (*Opener) Rules(ctx context.Context) (datafold.OpenRules, error) {
	return sqlite.NewRules(ctx)
}

// Option is an option of a source; what is not given is zero.
func Option[T any](d datafold.Database, name string) T {
	var v *T
	if json.Unmarshal(d.Options[name], &v) != nil || v == nil {
		var none T
		return none
	}
	return *v
}

// Address is where a source is, if that may be reached; standard is the port of a source
// that names none. A socket is named by its path.
func (r *Reach) Address(ctx context.Context, d datafold.Database, standard int) (host string, port uint16, err error) {
	host = Option[string](d, "host")
	number := Option[int](d, "port")
	if number == 0 {
		number = standard
	}
	if number < 1 || number > 65535 {
		return "", 0, &datadiff.Error{Kind: datadiff.Invalid, Value: "the port of the database is none"}
	}
	if host == "" {
		return "", 0, &datadiff.Error{Kind: datadiff.Invalid, Value: "the source has no host"}
	}
	return host, uint16(number), r.allowed.Check(ctx, host)
}

// Dial connects to an address if it may be reached.
func (r *Reach) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	return r.allowed.Dial(ctx, network, address)
}
