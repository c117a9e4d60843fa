package postgres

import (
	"context"
	"embed"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/understudy-api/understudy/storage"
	"github.com/understudy-api/understudy/storage/internal/book"
)

// Options say where a store is kept and how.
type Options struct {
	// DSN is the database: a URL or the key=value words of libpq. The standard
	// PG* environment variables stand in for what it leaves out.
	DSN string
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// NewID is the source of ids; nil means random UUIDs.
	NewID func() string
	// MaxConns is the most connections at a time; 0 means what the DSN says
	// (pool_max_conns), or 16.
	MaxConns int
}

const (
	minServerVersion = 140000
	defaultMaxConns  = 16
	// migrationLock is the advisory lock under which the schema changes: "Unds".
	migrationLock = 0x556e6473
	// migrationTimeout bounds the migrations, waiting for those of others included.
	migrationTimeout = time.Minute
)

//go:embed migrations/*.sql
var migrations embed.FS

// Open opens the store in a database, and creates its tables if there are none.
// Any number of processes may open it, also at the same time on an empty
// database. A DSN that cannot be read is CodeInvalid; a database that cannot be
// reached or used, or is older than PostgreSQL 14, CodeUnavailable; tables that
// are another program's, or were written by a newer version, CodeCorrupt.
func Open(ctx context.Context, o Options) (*Store, error) {
	if err := ctx.Err(); err != nil {
		return nil, book.Unavailable("open", err)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.NewID == nil {
		o.NewID = uuid.NewString
	}
	config, err := configOf(o)
	if err != nil {
		return nil, err
	}
	pool, err := pgxpool.NewWithConfig(context.WithoutCancel(ctx), config)
	if err != nil {
		return nil, mapError("open", err)
	}
	s := &Store{options: o, pool: pool, gates: gates{open: map[string]*gate{}}, timeout: defaultTimeout, alarms: make(chan struct{}, 1), left: make(chan struct{}, 1), ending: make(chan struct{})}
	if err := s.migrate(ctx); err != nil {
		pool.Close()
		return nil, err
	}
	s.sweeping.Go(s.sweepAll)
	return s, nil
}

func configOf(o Options) (*pgxpool.Config, error) {
	config, err := pgxpool.ParseConfig(o.DSN)
	if err != nil { // its text quotes the DSN
		return nil, book.Failure(storage.CodeInvalid, "open", "the DSN is not one that can be read")
	}
	plain, err := pgconn.ParseConfig(o.DSN)
	if err != nil {
		return nil, book.Failure(storage.CodeInvalid, "open", "the DSN is not one that can be read")
	}
	_, said := plain.RuntimeParams["pool_max_conns"]
	switch {
	case o.MaxConns > 0:
		config.MaxConns = int32(min(o.MaxConns, 1<<16))
	case !said:
		config.MaxConns = defaultMaxConns
	}
	if config.ConnConfig.ConnectTimeout == 0 {
		config.ConnConfig.ConnectTimeout = defaultTimeout
	}
	return config, nil
}

// migrate brings the schema to the newest version. Whoever comes at the same time
// waits, and finds it done.
func (s *Store) migrate(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, migrationTimeout)
	defer cancel()
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		var server int
		if err := tx.QueryRow(ctx, "SELECT current_setting('server_version_num')::int").Scan(&server); err != nil {
			return err
		}
		if server < minServerVersion {
			return book.Failure(storage.CodeUnavailable, "open", fmt.Sprintf(
				"the server has version %d of PostgreSQL, 14 is needed", server/10000))
		}
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1::bigint)", int64(migrationLock)); err != nil {
			return err
		}
		return s.migrateLocked(ctx, tx)
	})
	return mapError("open", err)
}

func (s *Store) migrateLocked(ctx context.Context, tx pgx.Tx) error {
	files, err := migrations.ReadDir("migrations")
	if err != nil {
		return err
	}
	var there bool
	if err := tx.QueryRow(ctx, "SELECT to_regclass('schema_version') IS NOT NULL").Scan(&there); err != nil {
		return err
	}
	version := 0
	if there {
		if err := tx.QueryRow(ctx, "SELECT coalesce(max(version), 0) FROM schema_version").Scan(&version); err != nil {
			return damaged(err)
		}
		if version < 1 {
			return book.Failure(storage.CodeCorrupt, "open", "the schema has no version")
		}
	} else if _, err := tx.Exec(ctx, "CREATE TABLE schema_version (version integer PRIMARY KEY, applied bigint NOT NULL)"); err != nil {
		return err
	}
	if newest := len(files); version > newest {
		return book.Failure(storage.CodeCorrupt, "open", fmt.Sprintf(
			"schema version %d was written by a newer version of this program, which knows %d", version, newest))
	}
	for i, f := range files[version:] {
		sql, err := migrations.ReadFile("migrations/" + f.Name())
		if err != nil {
			return err
		}
		// The simple protocol takes several statements at once.
		if _, err := tx.Conn().PgConn().Exec(ctx, string(sql)).ReadAll(); err != nil {
			return damaged(err)
		}
		if _, err := tx.Exec(ctx, "INSERT INTO schema_version (version, applied) VALUES ($1::integer, $2::bigint)",
			version+i+1, s.options.Now().UnixMicro()); err != nil {
			return err
		}
	}
	if version > 0 && version < searchedVersion {
		if err := addSearched(ctx, tx); err != nil {
			return err
		}
	}
	if version > 0 && version < usageVersion {
		if err := addUsage(ctx, tx); err != nil {
			return err
		}
	}
	for _, table := range []string{"workspace", "record", "entry", "counter", "blob", "alarm", "garbage"} {
		if _, err := tx.Exec(ctx, "SELECT FROM "+table+" LIMIT 1"); err != nil {
			return damaged(err)
		}
	}
	return nil
}

// usageVersion is the version of the schema from which on it is counted how much a
// workspace holds.
const usageVersion = 4

// addUsage counts that in an older database.
func addUsage(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, `UPDATE workspace w SET records = u.records, bytes = u.bytes FROM (
		SELECT number, sum(records) AS records, sum(bytes) AS bytes FROM (
			SELECT key >> 32 AS number, count(*) AS records, sum(length(body) + length(id) + length(parent) + length(keys)) AS bytes FROM record GROUP BY 1
			UNION ALL SELECT workspace, 0, sum(length(content)) FROM blob GROUP BY 1
		) o GROUP BY 1) u WHERE w.number = u.number`)
	return err
}

// searchedVersion is the version of the schema from which on living records have keys
// by which they are searched.
const searchedVersion = 3

// addSearched adds those keys to the records of an older database. The place of a key
// begins with the number of its workspace, and a list's with kind and index.
func addSearched(ctx context.Context, tx pgx.Tx) error {
	type old struct {
		key int64
		storage.Record
		keys []storage.Key
	}
	rows, err := tx.Query(ctx, `SELECT r.key, r.parent, r.address, r.id, r.keys FROM record r
		WHERE r.deleted IS NULL AND position($1::bytea IN r.keys) > 0`, []byte(storage.FirstSearched))
	if err != nil {
		return damaged(err)
	}
	var records []old
	for rows.Next() {
		var r old
		var parent, address, id, packed []byte
		if err := rows.Scan(&r.key, &parent, &address, &id, &packed); err != nil {
			return err
		}
		if r.keys, err = storage.DecodeKeys(packed); err != nil {
			return err
		}
		r.Kind, r.ID, r.Parent = kindOf(address), string(id), string(parent)
		records = append(records, r)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for _, r := range records {
		workspace, keys := book.NumberOf(r.key), r.keys
		for _, k := range r.keys {
			if k.Index == storage.FirstSearched && r.Kind != "" {
				keys = append(keys, storage.SearchKeys(k)...)
			}
		}
		for _, k := range keys[len(r.keys):] {
			s := spotOf(workspace, r.Record, k)
			if _, err := tx.Exec(ctx, `INSERT INTO entry (list, head, tail, family, uniq, key)
				VALUES ($1::bytea, $2::bytea, $3::bytea, $4::bytea, $5::bytea, $6::bigint)`, s.list, s.head, s.tail, s.family, s.uniq, r.key); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(ctx, "UPDATE record SET keys = $1::bytea WHERE key = $2::bigint", storage.EncodeKeys(keys), r.key); err != nil {
			return err
		}
	}
	return nil
}

// kindOf is the kind in the address of a record, "" if it is a digest: such names are
// no resource's.
func kindOf(address []byte) string {
	const number = 8
	if len(address) <= number || address[number]&digested != 0 {
		return ""
	}
	n, l := binary.Uvarint(address[number+1:])
	if l <= 0 || n > uint64(len(address)-number-1-l) {
		return ""
	}
	return string(address[number+1+l:][:n])
}

// damaged turns "there is such a table already", or "no such", into what it means
// here.
func damaged(err error) error {
	if slices.Contains([]string{codeTableExists, codeNoTable, codeNoColumn}, codeOf(err)) {
		return &storage.Error{Code: storage.CodeCorrupt, Op: "open", Err: errors.Join(
			errors.New("the database holds tables of another program, or lacks some of ours"), cause{err})}
	}
	return err
}
