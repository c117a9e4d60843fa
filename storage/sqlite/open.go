package sqlite

import (
	"context"
	"database/sql/driver"
	"embed"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/understudy-api/understudy/storage"
	"github.com/understudy-api/understudy/storage/internal/book"
)

// Options say where a store is kept and how.
type Options struct {
	// Path is the database file, created if missing; "" keeps everything in
	// memory. SQLite keeps Path-wal and Path-shm beside it, the store Path.lock.
	Path string
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// NewID is the source of ids; nil means random UUIDs.
	NewID func() string
	// FullSync makes every commit wait for the disk, so that it survives a power
	// cut. Without it an acknowledged write survives the death of the process,
	// kill -9 included, but a power cut may lose the last ones (never part of
	// one).
	FullSync bool
	// CacheBytes bounds the cache of records; 0 means 128 MiB, which is about a
	// hundred thousand of them.
	CacheBytes int
}

const (
	applicationID = 0x556e6473 // "Unds", at offset 68 of our files
	magic         = "SQLite format 3\x00"
	headerSize    = 100

	defaultCacheBytes = 128 << 20
	maxReaders        = 8
	// maxChecked is the size up to which a file is looked through when it is
	// opened, which takes 5 ms for each MiB.
	maxChecked = 256 << 20
)

// memoryDSN has larger pages than SQLite's default. Now and then a tree that is
// balanced makes the commit look at every page that is in memory: of larger ones
// there are fewer, and it happens less often.
const memoryDSN = "file::memory:?_pragma=page_size%288192%29&"

//go:embed migrations/*.sql
var migrations embed.FS

var errLocked = errors.New("another process has it open")

// Open opens or creates a store. A file that is not a database of ours, is
// damaged, or was written by a newer version is CodeCorrupt and stays
// untouched; one that another process has open, or that cannot be opened or
// written, is CodeUnavailable.
func Open(ctx context.Context, o Options) (_ *Store, err error) {
	if err := ctx.Err(); err != nil {
		return nil, &storage.Error{Code: storage.CodeUnavailable, Op: "open", Err: err}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.NewID == nil {
		o.NewID = uuid.NewString
	}
	if o.CacheBytes <= 0 {
		o.CacheBytes = defaultCacheBytes
	}
	s := &Store{
		options: o,
		began:   time.Now(),
		alarms:  make(chan struct{}, 1),
		cache:   newCache(o.CacheBytes),
		queue:   newQueue(),
		stopped: make(chan struct{}),
		readers: make(chan *conn, maxReaders),
		release: func() error { return nil },
	}
	defer func() {
		if err != nil {
			err = describe(o.Path, err)
			if s.writer.conn != nil {
				_ = s.writer.conn.close()
			}
			_ = s.release()
		}
	}()
	dsn := memoryDSN + writerPragmas(o)
	if o.Path != "" {
		path, err := filepath.Abs(o.Path)
		if err != nil {
			return nil, err
		}
		if s.release, err = s.guard(path); err != nil {
			return nil, err
		}
		if err := inspect(path); err != nil {
			return nil, err
		}
		s.readerDSN = fileDSN(path, readerPragmas("rw"))
		dsn = fileDSN(path, writerPragmas(o))
	}
	if s.writer.conn, err = dial(dsn); err != nil {
		return nil, err
	}
	if err := s.migrate(s.writer.conn); err != nil {
		return nil, err
	}
	// A number that was given to a workspace is not given again, whatever becomes
	// of the workspace and of the transaction: the cache may hold what had it.
	// Another process begins with an empty cache, so this need not be kept.
	if s.writer.numbers, err = s.writer.conn.number(`SELECT max(n) FROM (SELECT max(id) AS n FROM workspace
		UNION ALL SELECT max(layer) FROM chain UNION ALL SELECT max(layer) FROM garbage)`); err != nil {
		return nil, err
	}
	if s.onDisk() {
		// Only now, for it writes to the file: a new one gets its application
		// id first, an existing one has been recognised.
		if err := setWAL(s.writer.conn); err != nil {
			return nil, err
		}
		// What a killed process left in the log counts, or a log would grow with
		// every kill that comes before its checkpoint.
		if info, err := os.Stat(o.Path + "-wal"); err == nil {
			s.writer.conn.work = int(info.Size() / pageSize)
		}
		for range min(maxReaders, max(2, runtime.GOMAXPROCS(0))) {
			s.readers <- nil // dialled when first needed
		}
	}
	s.writer.store = s
	if err := s.writer.look(); err != nil {
		return nil, err
	}
	go s.writer.loop()
	return s, nil
}

// guard locks the file against other processes and looks whether it is ours,
// before SQLite touches it.
func (s *Store) guard(path string) (release func() error, err error) {
	release, err = lockFile(path + ".lock")
	if err != nil {
		return func() error { return nil }, err
	}
	// SQLite would content itself with reading, and refuse every write later.
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, os.ErrNotExist) {
		// It is its user's alone, whatever the umask; SQLite gives what it keeps beside
		// a file the mode of that.
		if f, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600); err == nil {
			err = f.Close()
		}
		return release, err
	}
	if err != nil {
		return release, err
	}
	defer func() { _ = f.Close() }()
	head := make([]byte, headerSize)
	switch n, err := io.ReadFull(f, head); {
	case n == 0 && errors.Is(err, io.EOF):
		return release, nil // empty: as good as new
	case err != nil && !errors.Is(err, io.ErrUnexpectedEOF):
		return release, err
	case n < headerSize || string(head[:len(magic)]) != magic:
		return release, book.Failure(storage.CodeCorrupt, "open", "not a SQLite database")
	case binary.BigEndian.Uint32(head[68:]) != applicationID:
		return release, book.Failure(storage.CodeCorrupt, "open", "a database of another program")
	}
	return release, nil
}

// inspect looks whether a file of ours can be used, over a connection that cannot
// write to it: any other one moves the log of a killed process into the file when
// it is closed, damaged or not.
func inspect(path string) error {
	info, err := os.Stat(path)
	if err != nil || info.Size() == 0 {
		return nil // nothing to look at; guard has told what else there is to tell
	}
	if journal, err := os.Stat(path + "-journal"); err == nil && journal.Size() > 0 {
		return nil // the process that made it was killed while it did: SQLite undoes that
	}
	c, err := dial(fileDSN(path, readerPragmas("ro")))
	if err != nil {
		return err
	}
	defer func() { _ = c.close() }()
	version, newest, err := schemaVersion(c)
	if err != nil || version == 0 {
		return err
	}
	if info.Size() <= maxChecked {
		err = c.query("PRAGMA quick_check(1)", func(v []driver.Value) error {
			if said := text(v[0]); said != "ok" {
				said = strings.TrimPrefix(said, "*** in database main ***")
				return book.Failure(storage.CodeCorrupt, "open", "damaged: "+strings.Join(strings.Fields(said), " "))
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	if version < newest {
		return nil // it gets its tables
	}
	return lookForTables(c)
}

func lookForTables(c *conn) error {
	for _, table := range []string{"workspace", "record", "entry", "counter", "blob", "alarm", "chain", "garbage"} {
		if _, err := c.number("SELECT 1 FROM " + table + " LIMIT 1"); err != nil {
			return damaged(err)
		}
	}
	return nil
}

// schemaVersion is the version of the tables, 0 if there are none, and the newest
// one that there is.
func schemaVersion(c *conn) (version, newest int64, err error) {
	files, err := migrations.ReadDir("migrations")
	if err != nil {
		return 0, 0, err
	}
	newest = int64(len(files))
	tables, err := c.number("SELECT count(*) FROM sqlite_schema")
	if err != nil || tables == 0 {
		return 0, newest, err
	}
	if version, err = c.number("SELECT max(version) FROM schema_version"); err != nil {
		return 0, newest, damaged(err)
	}
	switch {
	case version < 1:
		err = book.Failure(storage.CodeCorrupt, "open", "the schema has no version")
	case version > newest:
		err = book.Failure(storage.CodeCorrupt, "open", fmt.Sprintf(
			"schema version %d was written by a newer version of this program, which knows %d", version, newest))
	}
	return version, newest, err
}

func fileDSN(path, pragmas string) string {
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") { // a Windows drive
		path = "/" + path
	}
	return (&url.URL{Scheme: "file", Path: path}).String() + "?" + pragmas
}

// Pragmas stand in the DSN so that no connection can be without them.
func writerPragmas(o Options) string {
	sync := "NORMAL"
	if o.FullSync {
		sync = "FULL"
	}
	return dsnPragmas(
		"busy_timeout(5000)", // somebody's backup tool may hold a lock
		"synchronous("+sync+")",
		"wal_autocheckpoint(0)", // the writer does it after it has acknowledged
		"cache_size(-16384)",    // a page of 4 KiB takes 8: memory comes in powers of two
		"temp_store(MEMORY)",
		"journal_size_limit(67108864)",
	) + "&_error_rc=1&_dqs=0"
}

func readerPragmas(mode string) string {
	return dsnPragmas(
		"busy_timeout(5000)",
		"cache_size(-8192)",
		"temp_store(MEMORY)",
		"query_only(1)",
	) + "&_error_rc=1&_dqs=0&mode=" + mode
}

func dsnPragmas(pragmas ...string) string {
	v := url.Values{}
	for _, p := range pragmas {
		v.Add("_pragma", p)
	}
	return v.Encode()
}

func setWAL(c *conn) error {
	var mode string
	err := c.query("PRAGMA journal_mode = WAL", func(v []driver.Value) error {
		mode = text(v[0])
		return nil
	})
	if err == nil && mode != "wal" {
		err = book.Failure(storage.CodeUnavailable, "open", "the file system does not support write-ahead logging")
	}
	return err
}

// migrate brings the schema to the newest version, under the write lock.
func (s *Store) migrate(c *conn) (err error) {
	files, err := migrations.ReadDir("migrations")
	if err != nil {
		return err
	}
	if err := c.exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = c.exec("ROLLBACK")
		}
	}()
	version, _, err := schemaVersion(c)
	if err != nil {
		return err
	}
	if version == 0 {
		for _, q := range []string{
			fmt.Sprintf("PRAGMA application_id = %d", applicationID),
			"CREATE TABLE schema_version (version INTEGER PRIMARY KEY, applied INTEGER NOT NULL) STRICT",
		} {
			if err := c.exec(q); err != nil {
				return err
			}
		}
	}
	for i, f := range files[version:] {
		sql, err := migrations.ReadFile("migrations/" + f.Name())
		if err != nil {
			return err
		}
		if err := c.exec(string(sql)); err != nil {
			return fmt.Errorf("migration %s: %w", f.Name(), err)
		}
		if err := c.exec("INSERT INTO schema_version (version, applied) VALUES (?, ?)",
			version+int64(i)+1, s.options.Now().UnixMicro()); err != nil {
			return err
		}
	}
	if err := lookForTables(c); err != nil {
		return err
	}
	if version > 0 && version < searchedVersion {
		if err := addSearched(c); err != nil {
			return err
		}
	}
	if version > 0 && version < usageVersion {
		if err := addUsage(c); err != nil {
			return err
		}
	}
	if err := ringAll(c); err != nil {
		return err
	}
	err = c.exec("COMMIT")
	return err
}

// usageVersion is the version of the schema from which on it is counted how much a
// workspace holds.
const usageVersion = 5

// addUsage counts that in an older file.
func addUsage(c *conn) error {
	for _, of := range []string{
		`SELECT workspace, '', '', 0, count(*), sum(length(body) + length(CAST(id AS BLOB)) + length(CAST(parent AS BLOB)) + length(keys)), 0, 0
			FROM record GROUP BY workspace`,
		"SELECT workspace, '', '', 0, 0, sum(length(content)), 0, 0 FROM blob GROUP BY workspace",
	} {
		if err := c.exec(`INSERT INTO counter (workspace, kind, name, last, living, gone, own_living, own_gone)
			` + of + ` HAVING true ON CONFLICT DO UPDATE SET living = living + excluded.living, gone = gone + excluded.gone`); err != nil {
			return err
		}
	}
	return nil
}

// searchedVersion is the version of the schema from which on living records have keys
// by which they are searched.
const searchedVersion = 4

// addSearched adds those keys to the records of an older file.
func addSearched(c *conn) error {
	type old struct {
		key, workspace int64
		kind, parent   string
		keys           []storage.Key
	}
	var records []old
	if err := c.query(`SELECT r.key, r.workspace, r.kind, r.parent, r.keys FROM record r
		WHERE r.gone = 0 AND r.key IN (SELECT e.key FROM entry e WHERE e.name = ?)`, func(v []driver.Value) error {
		keys, err := storage.DecodeKeys(blob(v[4]))
		records = append(records, old{integer(v[0]), integer(v[1]), text(v[2]), text(v[3]), keys})
		return err
	}, storage.FirstSearched); err != nil {
		return damaged(err)
	}
	for _, r := range records {
		keys := r.keys
		for _, k := range r.keys {
			if k.Index != storage.FirstSearched {
				continue
			}
			for _, added := range storage.SearchKeys(k) {
				keys = append(keys, added)
				if err := c.exec(insertEntry, r.workspace, r.kind, added.Index, int64(0), added.Value, r.key, int64(0), r.parent); err != nil {
					return err
				}
			}
		}
		if err := c.exec("UPDATE record SET keys = ? WHERE key = ?", storage.EncodeKeys(keys), r.key); err != nil {
			return err
		}
	}
	return nil
}

// damaged turns "there is no such table" into what it means here.
func damaged(err error) error {
	if e := mapError("open", err); storage.CodeOf(e) != storage.CodeInternal {
		return e
	}
	return &storage.Error{Code: storage.CodeCorrupt, Op: "open", Err: err}
}

// describe adds the path, and the code of errors from the file system.
func describe(path string, err error) error {
	err = mapError("open", err)
	kind := storage.CodeOf(err)
	var pathError *os.PathError
	if errors.As(err, &pathError) || errors.Is(err, errLocked) {
		kind = storage.CodeUnavailable
	}
	cause := err
	if e, ok := errors.AsType[*storage.Error](err); ok && e.Err != nil {
		cause = e.Err
	}
	if path != "" {
		cause = fmt.Errorf("%s: %w", path, cause)
	}
	return &storage.Error{Code: kind, Op: "open", Err: cause}
}
