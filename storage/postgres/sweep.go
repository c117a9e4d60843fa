package postgres

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/understudy-api/understudy/storage"
	"github.com/understudy-api/understudy/storage/internal/book"
)

// Sweeping is done in steps, each a short transaction, by one process at a time. A step
// removes some rows of a layer that nobody has any more, or brings two layers nearer to
// being one. After each of them every workspace holds what it held before.

const (
	// sweepLock is the advisory lock of who sweeps a schema: "Undt", hashed with its name.
	sweepLock = migrationLock + 1
	// broom is how many rows of a sort a step removes, spade how many records it moves.
	broom, spade = 500, 50
	// sweepPause is between two steps, and busyPause when somebody writes to what is to
	// be swept.
	sweepPause, busyPause = 2 * time.Millisecond, 20 * time.Millisecond
	// sweepEvery is how often it is looked for what other processes have left.
	sweepEvery = time.Minute
)

var (
	errBusy = errors.New("a workspace is written to")
	// errUnmerged is about names so long that places are digests, and do not tell the
	// kind: such layers stay as they are.
	errUnmerged = errors.New("a layer cannot be merged")
)

// deep is the workspaces that have many layers, and the copying by which they get
// fewer.
type deep struct {
	mu    sync.Mutex
	names []string
	// pull and handed are of who sweeps: the copying under way, and the layer that was
	// last found to need none.
	pull   *pull
	handed int64
}

// pull is the copying of a layer that several workspaces have into the one above.
type pull struct {
	from, to int64
	last     int64 // the key of the record that was copied last
}

func (d *deep) add(names []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.names = append(d.names, names...)
}

func (d *deep) first() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.names) == 0 {
		return ""
	}
	return d.names[0]
}

func (d *deep) drop() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.names = d.names[1:]
}

// sweepAll sweeps whenever there is something to sweep, until the store is closed.
func (s *Store) sweepAll() {
	for {
		pause := sweepPause
		more, err := s.sweep()
		switch {
		case errors.Is(err, errBusy):
			pause = busyPause
		case err != nil || !more:
			pause = sweepEvery
		}
		timer := time.NewTimer(pause)
		left := s.left
		if pause != sweepEvery {
			left = nil
		}
		select {
		case <-s.ending:
			timer.Stop()
			return
		case <-timer.C:
		case <-left:
			timer.Stop()
		}
	}
}

// sweep is one step.
func (s *Store) sweep() (more bool, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), s.timeout)
	defer cancel()
	next := s.deep.pull
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		w := &sweeper{ctx, tx}
		// An index of arrays is only read by way of a bitmap.
		if err := w.exec("SELECT set_config('enable_seqscan', 'off', true)"); err != nil {
			return err
		}
		mine := false
		if err := tx.QueryRow(ctx, "SELECT pg_try_advisory_xact_lock(hashtextextended(current_schema(), $1::bigint))", int64(sweepLock)).Scan(&mine); err != nil || !mine {
			return err
		}
		var layer int64
		err := tx.QueryRow(ctx, "SELECT layer FROM garbage ORDER BY layer LIMIT 1 FOR UPDATE SKIP LOCKED").Scan(&layer)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			next, more, err = w.shorten(&s.deep)
		case err == nil:
			more, err = true, w.tidy(layer)
		}
		return err
	})
	if err == nil {
		s.deep.pull = next
	}
	return more, err
}

// sweeper is one step of sweeping.
type sweeper struct {
	ctx context.Context //nolint:containedctx // it lives as long as the transaction
	tx  pgx.Tx
}

func (w *sweeper) exec(sql string, args ...any) error {
	_, err := w.tx.Exec(w.ctx, sql, args...)
	return err
}

func (w *sweeper) rows(sql string, args []any, row func(pgx.Rows) error) error {
	rows, err := w.tx.Query(w.ctx, sql, args...)
	if err != nil {
		return err
	}
	return readAll(rows, row)
}

// user is a workspace that has a layer.
type user struct {
	number int64
	layers []int64
}

func (w *sweeper) users(layer int64) (users []user, err error) {
	err = w.rows(`SELECT number, layers FROM workspace WHERE layers @> ARRAY[$1::bigint]
		UNION ALL SELECT number, ARRAY[number] FROM workspace WHERE number = $1::bigint AND layers IS NULL`, []any{layer}, func(r pgx.Rows) error {
		var u user
		err := r.Scan(&u.number, &u.layers)
		users = append(users, u)
		return err
	})
	return users, err
}

// lock keeps workspaces from being written to, without waiting for who does.
func (w *sweeper) lock(users []user) error {
	numbers := make([]int64, len(users))
	for i, u := range users {
		numbers[i] = u.number
	}
	locked := 0
	err := w.rows("SELECT FROM workspace WHERE number = ANY ($1::bigint[]) ORDER BY name FOR UPDATE SKIP LOCKED", []any{numbers}, func(pgx.Rows) error {
		locked++
		return nil
	})
	if err == nil && locked < len(users) {
		err = errBusy
	}
	return err
}

// above is the layer right above one in all workspaces that have it, 0 if it is not the
// same in all; below is what is below it in them.
func above(users []user, layer int64) (above int64, below []int64) {
	for i, u := range users {
		at := slices.Index(u.layers, layer)
		if at <= 0 || i > 0 && u.layers[at-1] != above {
			return 0, nil
		}
		above, below = u.layers[at-1], u.layers[at+1:]
	}
	return above, below
}

// tidy sees to a layer that a workspace has left.
func (w *sweeper) tidy(layer int64) error {
	users, err := w.users(layer)
	if err != nil {
		return err
	}
	done := false
	if len(users) == 0 {
		done, err = w.throwAway(layer)
	} else if from, _ := above(users, layer); from == 0 {
		done = true
	} else if err = w.lock(users); err == nil {
		if users, err = w.users(layer); err != nil {
			return err
		}
		now, below := above(users, layer)
		if now != from {
			return errBusy
		}
		if err = w.mergeDown(from, layer, below); errors.Is(err, errUnmerged) {
			done, err = true, nil
		}
	}
	if err == nil && done {
		err = w.exec("DELETE FROM garbage WHERE layer = $1::bigint", layer)
	}
	return err
}

// throwAway removes some rows of a layer; done if there were none.
func (w *sweeper) throwAway(layer int64) (done bool, err error) {
	from, to := within(layer, nil), within(layer+1, nil)
	for _, s := range []struct {
		table, where string
		args         []any
		limit        int
	}{
		{"entry", "list >= $1::bytea AND list < $2::bytea", []any{from, to}, broom},
		{"record", "key >= $1::bigint AND key < $2::bigint", []any{book.KeyOf(layer, 0), book.KeyOf(layer+1, 0)}, broom},
		{"counter", "place >= $1::bytea AND place < $2::bytea", []any{from, to}, broom},
		{"blob", "workspace >= $1::bigint AND workspace < $2::bigint", []any{layer, layer + 1}, 4},
	} {
		tag, err := w.tx.Exec(w.ctx, "DELETE FROM "+s.table+" WHERE ctid = ANY (ARRAY(SELECT ctid FROM "+s.table+" WHERE "+s.where+
			" LIMIT $3::bigint))", append(s.args, s.limit)...)
		if err != nil || tag.RowsAffected() > 0 {
			return false, err
		}
	}
	return true, nil
}

// row is a record in a layer.
type row struct {
	storage.Record

	key    int64
	keys   []storage.Key
	hidden bool // it says of a record that it is gone
}

const rowColumns = "key, seq, address, id, parent, deleted IS NOT NULL, keys, version = 0"

func (w *sweeper) readRows(where string, args ...any) (found []row, err error) {
	err = w.rows("SELECT "+rowColumns+" FROM record WHERE "+where, args, func(rows pgx.Rows) error {
		var r row
		var address, id, parent, packed []byte
		gone := false
		err := rows.Scan(&r.key, &r.Seq, &address, &id, &parent, &gone, &packed, &r.hidden)
		if err != nil {
			return err
		}
		if r.keys, err = storage.DecodeKeys(packed); err != nil {
			return err
		}
		r.ID, r.Parent = string(id), string(parent)
		if gone {
			r.Deleted = time.UnixMicro(0)
		}
		if !r.hidden {
			if r.Kind = kindOf(address); r.Kind == "" {
				return errUnmerged
			}
		}
		found = append(found, r)
		return nil
	})
	return found, err
}

// some are some records of a layer behind a key.
func (w *sweeper) some(layer, behind int64) ([]row, error) {
	return w.readRows("key > $1::bigint AND key < $2::bigint ORDER BY key LIMIT $3::bigint", max(behind, book.KeyOf(layer, 0)), book.KeyOf(layer+1, 0), spade)
}

// spots are where the entries of records stand, in columns.
func spots(rows []row) (lists, heads [][]byte, keys []int64) {
	for _, r := range rows {
		for _, k := range r.keys {
			s := spotOf(book.NumberOf(r.key), r.Record, k)
			lists, heads, keys = append(lists, s.list), append(heads, s.head), append(keys, r.key)
		}
	}
	return lists, heads, keys
}

func keysOf(rows []row) []int64 {
	keys := make([]int64, len(rows))
	for i, r := range rows {
		keys[i] = r.key
	}
	return keys
}

// theseEntries joins entries, as e, with their spots, which are the first arguments.
const theseEntries = ` FROM unnest($1::bytea[], $2::bytea[], $3::bigint[]) u (list, head, key)
	WHERE e.list = u.list AND e.head = u.head AND e.key = u.key`

// drop removes records with their entries.
func (w *sweeper) drop(keys []int64) error {
	rows, err := w.readRows("key = ANY ($1::bigint[])", keys)
	if err != nil || len(rows) == 0 {
		return err
	}
	lists, heads, of := spots(rows)
	if err := w.exec("DELETE FROM entry e USING unnest($1::bytea[], $2::bytea[], $3::bigint[]) u (list, head, key) WHERE e.list = u.list AND e.head = u.head AND e.key = u.key",
		lists, heads, of); err != nil {
		return err
	}
	return w.exec("DELETE FROM record WHERE key = ANY ($1::bigint[])", keysOf(rows))
}

// mergeDown moves some of what lies in a layer into the one below, of which nobody
// else makes use.
func (w *sweeper) mergeDown(from, to int64, below []int64) error {
	rows, err := w.some(from, 0)
	if err != nil {
		return err
	}
	if len(rows) > 0 {
		return w.moveRecords(rows, to, below)
	}
	tag, err := w.tx.Exec(w.ctx, `WITH moved AS (DELETE FROM blob WHERE workspace = $1::bigint AND sha256 IN
		(SELECT sha256 FROM blob WHERE workspace = $1::bigint LIMIT 4) RETURNING sha256, content)
		INSERT INTO blob (workspace, sha256, content) SELECT $2::bigint, sha256, content FROM moved ON CONFLICT DO NOTHING`, from, to)
	if err != nil || tag.RowsAffected() > 0 {
		return err
	}
	first, end, prefix := within(from, nil), within(from+1, nil), within(to, nil)
	if err := w.exec(`INSERT INTO counter (place, last, living, gone, own_living, own_gone)
		SELECT $3::bytea || substr(place, 9), last, living, gone, own_living, own_gone FROM counter WHERE place >= $1::bytea AND place < $2::bytea
		ON CONFLICT (place) DO UPDATE SET last = excluded.last, living = excluded.living, gone = excluded.gone,
		own_living = excluded.own_living, own_gone = excluded.own_gone`, first, end, prefix); err != nil {
		return err
	}
	if err := w.exec("DELETE FROM counter WHERE place >= $1::bytea AND place < $2::bytea", first, end); err != nil {
		return err
	}
	return w.exec("UPDATE workspace SET layers = array_remove(layers, $1::bigint) WHERE layers @> ARRAY[$1::bigint]", from)
}

func (w *sweeper) moveRecords(rows []row, to int64, below []int64) error {
	// What the layer has of these records goes, and what it has of others under their
	// names: a newer layer hides it, or it would hold the names now.
	var doomed []int64
	var addresses, uniques [][]byte
	for _, r := range rows {
		doomed = append(doomed, book.KeyOf(to, r.Seq))
		if r.hidden {
			continue
		}
		addresses = append(addresses, within(to, place(living, r.Kind, r.ID)))
		for _, k := range r.keys {
			if s := spotOf(to, r.Record, k); s.uniq != nil {
				uniques = append(uniques, s.uniq)
			}
		}
	}
	if err := w.rows(`SELECT key FROM record WHERE address = ANY ($1::bytea[])
		UNION ALL SELECT key FROM entry WHERE uniq = ANY ($2::bytea[])`, []any{addresses, uniques}, func(r pgx.Rows) error {
		var key int64
		err := r.Scan(&key)
		doomed = append(doomed, key)
		return err
	}); err != nil {
		return err
	}
	if err := w.drop(doomed); err != nil {
		return err
	}
	rows, err := w.needed(rows, below)
	if err != nil {
		return err
	}
	lists, heads, keys := spots(rows)
	prefix := within(to, nil)
	if err := w.exec(`UPDATE entry e SET list = $4::bytea || substr(e.list, 9), family = $4::bytea || substr(e.family, 9),
		uniq = $4::bytea || substr(e.uniq, 9), key = $5::bigint + (e.key & 4294967295)`+theseEntries,
		lists, heads, keys, prefix, book.KeyOf(to, 0)); err != nil {
		return err
	}
	return w.exec(`UPDATE record SET key = $3::bigint + seq, list = $2::bytea || substr(list, 9), family = $2::bytea || substr(family, 9),
		address = $2::bytea || substr(address, 9) WHERE key = ANY ($1::bigint[])`, keysOf(rows), prefix, book.KeyOf(to, 0))
}

// needed removes those rows that say that a record is gone of which the layers below
// have nothing, and gives the others.
func (w *sweeper) needed(rows []row, below []int64) ([]row, error) {
	var ask []int64
	for _, r := range rows {
		for _, layer := range below {
			if r.hidden {
				ask = append(ask, book.KeyOf(layer, r.Seq))
			}
		}
	}
	lies := map[int64]bool{}
	if err := w.rows("SELECT seq FROM record WHERE key = ANY ($1::bigint[])", []any{ask}, func(r pgx.Rows) error {
		var seq int64
		err := r.Scan(&seq)
		lies[seq] = true
		return err
	}); err != nil {
		return nil, err
	}
	idle := func(r row) bool { return r.hidden && !lies[r.Seq] }
	var gone []int64
	for _, r := range rows {
		if idle(r) {
			gone = append(gone, r.key)
		}
	}
	return slices.DeleteFunc(rows, idle), w.exec("DELETE FROM record WHERE key = ANY ($1::bigint[])", gone)
}

// shorten makes the chain of a workspace shorter; next is the copying to go on with.
func (w *sweeper) shorten(d *deep) (next *pull, more bool, err error) {
	p := d.pull
	if p == nil {
		name := d.first()
		if name == "" {
			return nil, false, nil
		}
		if p, err = w.choose(name); err != nil || p == nil {
			if err == nil {
				d.drop()
			}
			return nil, true, err
		}
	}
	users, err := w.users(p.from)
	if err != nil {
		return nil, false, err
	}
	if from, _ := above(users, p.from); from != 0 || !slices.ContainsFunc(users, func(u user) bool {
		at := slices.Index(u.layers, p.from)
		return at > 0 && u.layers[at-1] == p.to
	}) { // it is merged, or can be
		if d.handed == p.from { // it was tried, and cannot
			d.drop()
			d.handed = 0
			return nil, true, nil
		}
		if err := w.exec("INSERT INTO garbage (layer) VALUES ($1::bigint) ON CONFLICT DO NOTHING", p.from); err != nil {
			return nil, false, err
		}
		d.handed = p.from
		return nil, true, nil
	}
	rows, err := w.some(p.from, p.last)
	if errors.Is(err, errUnmerged) {
		d.drop()
		return nil, true, nil
	}
	if err != nil {
		return nil, false, err
	}
	if len(rows) > 0 {
		next = &pull{p.from, p.to, rows[len(rows)-1].key}
		return next, true, w.copyRecords(rows, p.to)
	}
	first, end, prefix := within(p.from, nil), within(p.from+1, nil), within(p.to, nil)
	if err := w.exec(`INSERT INTO counter (place, last, living, gone, own_living, own_gone)
		SELECT $3::bytea || substr(place, 9), last, living, gone, own_living, own_gone FROM counter WHERE place >= $1::bytea AND place < $2::bytea
		ON CONFLICT DO NOTHING`, first, end, prefix); err != nil {
		return nil, false, err
	}
	if err := w.exec("INSERT INTO blob (workspace, sha256, content) SELECT $2::bigint, sha256, content FROM blob WHERE workspace = $1::bigint ON CONFLICT DO NOTHING", p.from, p.to); err != nil {
		return nil, false, err
	}
	if users, err = w.users(p.to); err != nil {
		return nil, false, err
	}
	if err := w.lock(users); err != nil {
		return nil, false, err
	}
	if err := w.exec("UPDATE workspace SET layers = array_remove(layers, $1::bigint) WHERE layers @> ARRAY[$2::bigint]", p.from, p.to); err != nil {
		return nil, false, err
	}
	d.handed = 0
	return nil, true, w.exec("INSERT INTO garbage (layer) VALUES ($1::bigint) ON CONFLICT DO NOTHING", p.from)
}

// choose finds two layers of a workspace with many, of which the older is not so large
// that copying it again and again would cost more than was written.
func (w *sweeper) choose(name string) (*pull, error) {
	var layers []int64
	err := w.tx.QueryRow(w.ctx, "SELECT layers FROM workspace WHERE digest = $1::bytea", digestOf(name)).Scan(&layers)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) || len(layers) <= maxDepth {
		if errors.Is(err, pgx.ErrNoRows) {
			err = nil
		}
		return nil, err
	}
	newer := int64(-1)
	for i, layer := range layers[1:] {
		n := int64(0)
		if err := w.tx.QueryRow(w.ctx, "SELECT count(*) FROM (SELECT key FROM record WHERE key >= $1::bigint AND key < $2::bigint LIMIT 30000) r",
			book.KeyOf(layer, 0), book.KeyOf(layer+1, 0)).Scan(&n); err != nil {
			return nil, err
		}
		if newer >= 0 && n <= 2*newer+spade {
			return &pull{from: layer, to: layers[i]}, nil
		}
		newer = n
	}
	return nil, nil
}

// copyRecords copies records into the layer above, but for those that it hides.
func (w *sweeper) copyRecords(rows []row, to int64) error {
	var ask []int64
	for _, r := range rows {
		ask = append(ask, book.KeyOf(to, r.Seq))
	}
	hides := map[int64]bool{}
	if err := w.rows("SELECT seq FROM record WHERE key = ANY ($1::bigint[])", []any{ask}, func(r pgx.Rows) error {
		var seq int64
		err := r.Scan(&seq)
		hides[seq] = true
		return err
	}); err != nil {
		return err
	}
	rows = slices.DeleteFunc(rows, func(r row) bool { return hides[r.Seq] })
	lists, heads, keys := spots(rows)
	prefix := within(to, nil)
	if err := w.exec(`INSERT INTO record (seq, key, list, family, address, id, parent, created, updated, deleted, version, keys, body)
		SELECT seq, $3::bigint + seq, $2::bytea || substr(list, 9), $2::bytea || substr(family, 9), $2::bytea || substr(address, 9),
		id, parent, created, updated, deleted, version, keys, body FROM record WHERE key = ANY ($1::bigint[])`, keysOf(rows), prefix, book.KeyOf(to, 0)); err != nil {
		return err
	}
	return w.exec(`INSERT INTO entry (list, head, tail, family, uniq, key)
		SELECT $4::bytea || substr(e.list, 9), e.head, e.tail, $4::bytea || substr(e.family, 9), $4::bytea || substr(e.uniq, 9),
		$5::bigint + (e.key & 4294967295) FROM entry e, unnest($1::bytea[], $2::bytea[], $3::bigint[]) u (list, head, key)
		WHERE e.list = u.list AND e.head = u.head AND e.key = u.key`, lists, heads, keys, prefix, book.KeyOf(to, 0))
}
