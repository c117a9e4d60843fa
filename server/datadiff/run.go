package datadiff

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Step is where a diff stands.
type Step struct {
	Name             string // what is done next, "" at the end
	Completed, Total int
}

// Progress is told each step, by one goroutine at a time. It may be nil.
type Progress func(Step)

// Run makes a diff. It holds one connection of each source's budget, or of the one
// source's, which it waits for; where a source is compared with itself by another
// algorithm than [Join], two. Its errors are of type [*Error].
func Run(ctx context.Context, spec Spec, left, right Source, progress Progress) (*Result, error) {
	x, err := begin(ctx, spec, left, right, progress)
	if err != nil {
		return nil, err
	}
	result, err := x.run(ctx)
	x.end()
	if err != nil {
		return nil, asError(ctx, err)
	}
	return result, nil
}

// asError leaves no other errors than ours, and blames the caller's context first.
func asError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return stopped(ctx)
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return &Error{Kind: QueryFailed, Value: err.Error(), Err: err}
}

// side is what a diff holds of one side.
type side struct {
	conn    Conn
	dialect Dialect
	from    string
	where   []string
	// keys and their texts are expressions; so are the values.
	keys, keyTexts, texts []string
	notNull               []string
}

// execution is a diff under way.
type execution struct {
	*plan
	algorithm  Algorithm
	side       [2]*side
	release    func()
	progress   Progress
	done       int
	total      int
	counts     Counts
	downloaded int64
	truncated  bool
}

func begin(ctx context.Context, spec Spec, left, right Source, progress Progress) (*execution, error) {
	return beginWith(ctx, spec, left, right, progress)
}

// beginWith begins a diff that needs a connection of other budgets, too: what it needs
// is taken at once, so that no two wait for each other.
func beginWith(ctx context.Context, spec Spec, left, right Source, progress Progress, more ...*Budget) (_ *execution, err error) {
	if err := spec.check(); err != nil {
		return nil, err
	}
	same := left == right
	x := &execution{algorithm: spec.Algorithm, progress: progress, release: func() {}}
	switch {
	case x.algorithm == Auto && same:
		x.algorithm = Join
	case x.algorithm == Auto:
		x.algorithm = FetchAndJoin
		if spec.BisectionFactor > 0 || spec.BisectionThreshold > 0 {
			x.algorithm = Hash
		}
	case x.algorithm == Join && !same:
		return nil, problem(Invalid, "a join needs both sides in one source")
	}
	x.total = 4
	each := 1
	if same && x.algorithm != Join {
		each = 2
	}
	if x.release, err = reserve(ctx, left.Budget(), right.Budget(), each, more...); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			x.end()
			err = asError(ctx, err)
		}
	}()
	x.step("schema")
	sources := [2]Source{left, right}
	for i, source := range sources {
		x.side[i] = &side{dialect: source.Dialect()}
		if i == 1 && x.algorithm == Join {
			x.side[1].conn = x.side[0].conn
			break
		}
		if x.side[i].conn, err = source.Connect(ctx); err != nil {
			return nil, onSide(err, Side(i))
		}
	}
	if err := x.prepare(ctx, &spec, same); err != nil {
		return nil, err
	}
	return x, nil
}

// prepare plans the diff from what the databases say of its inputs.
func (x *execution) prepare(ctx context.Context, spec *Spec, same bool) error {
	var all [2][]Column
	inputs := [2]Input{spec.Left, spec.Right}
	err := x.both(ctx, func(ctx context.Context, i Side, s *side) (err error) {
		s.place(inputs[i])
		all[i], err = s.conn.Describe(ctx, inputs[i])
		return err
	})
	if err != nil {
		return err
	}
	x.plan = &plan{spec: spec}
	if err := x.restrict(all); err != nil {
		return err
	}
	if len(spec.Key) == 0 {
		if err := x.inferKey(ctx, inputs, all); err != nil {
			return err
		}
	}
	p, err := spec.plan(same, [2]Dialect{x.side[Left].dialect, x.side[Right].dialect}, all)
	if err != nil {
		return err
	}
	x.plan = p
	for i := range x.side {
		x.expressions(Side(i))
	}
	return x.both(ctx, func(ctx context.Context, i Side, s *side) error {
		if len(inputs[i].Table) == 0 {
			return nil
		}
		declared, err := s.conn.UniqueKeys(ctx, inputs[i].Table)
		x.unique[i] = err == nil && covers(declared, x.keys, i) && !x.spec.NullIsEmpty
		return err
	})
}

// covers says whether one of the declared keys is part of the key: then that is
// unique too.
func covers(declared [][]string, keys []pair, i Side) bool {
	for _, columns := range declared {
		found, plain := 0, true
		for _, k := range keys {
			for _, c := range columns {
				if c == k.column[i].Name {
					found++
				}
			}
			plain = plain && !k.column[i].Nullable
		}
		if found == len(columns) && plain {
			return true
		}
	}
	return false
}

// place makes the FROM and WHERE clauses.
func (s *side) place(in Input) {
	if len(in.Table) > 0 {
		s.from = s.dialect.Path(in.Table)
	} else {
		s.from = "(" + Trimmed(in.Query) + "\n) q"
	}
	if strings.TrimSpace(in.Filter) != "" {
		s.where = append(s.where, "("+in.Filter+"\n)")
	}
}

// Trimmed is a query without the semicolons and the space at its end, so that it
// can stand in brackets.
func Trimmed(query string) string { return strings.TrimRight(strings.TrimSpace(query), "; \t\r\n") }

// restrict adds the interval of time to what is read.
func (x *execution) restrict(all [2][]Column) error {
	s := x.spec
	if s.TimeColumn == "" || s.TimeStart.IsZero() && s.TimeEnd.IsZero() {
		return nil
	}
	for i := range all {
		found := false
		for _, c := range all[i] {
			if s.leftName(Side(i), c.Name) != s.TimeColumn {
				continue
			}
			found = true
			d := x.side[i].dialect
			at := func(t time.Time) string { return d.Time(c, t.UTC().Format("2006-01-02 15:04:05.000000")) }
			if !s.TimeStart.IsZero() {
				x.side[i].where = append(x.side[i].where, d.Quote(c.Name)+" >= "+at(s.TimeStart))
			}
			if !s.TimeEnd.IsZero() {
				x.side[i].where = append(x.side[i].where, d.Quote(c.Name)+" < "+at(s.TimeEnd))
			}
		}
		if !found {
			return &Error{Kind: NoSuchColumn, Value: s.TimeColumn, Side: Side(i)}
		}
	}
	return nil
}

func (x *execution) expressions(i Side) {
	s := x.side[i]
	for _, k := range x.keys {
		c := k.column[i]
		column := x.keyColumn(k, i)
		s.keys = append(s.keys, s.dialect.Key(c, k.form, column))
		text, _ := s.dialect.Text(c, k.form, column)
		s.keyTexts = append(s.keyTexts, text)
		if c.Nullable && column == s.dialect.Quote(c.Name) {
			s.notNull = append(s.notNull, column+" IS NOT NULL")
		}
	}
	for _, q := range x.compared {
		text, _ := s.dialect.Text(q.column[i], q.form, s.dialect.Quote(q.column[i].Name))
		s.texts = append(s.texts, text)
	}
}

// keyColumn is a column of the key, in which NULL may be the empty string.
func (x *execution) keyColumn(k pair, i Side) string {
	column := x.side[i].dialect.Quote(k.column[i].Name)
	if x.spec.NullIsEmpty && k.form.Datatype.textual() {
		return "COALESCE(" + column + ", '')"
	}
	return column
}

// query selects from a side.
func (s *side) query(list []string, conditions ...string) string {
	q := "SELECT " + strings.Join(list, ", ") + " FROM " + s.from
	where := s.where
	for _, c := range conditions {
		if c != "" {
			where = append(slices.Clip(where), c)
		}
	}
	if len(where) > 0 {
		q += " WHERE " + strings.Join(where, " AND ")
	}
	return q
}

// named gives expressions names to be used from outside: prefix and number.
func named(expressions []string, prefix string) []string {
	list := make([]string, len(expressions))
	for i, e := range expressions {
		list[i] = fmt.Sprintf("%s AS %s%d", e, prefix, i)
	}
	return list
}

func all(conditions []string) string { return strings.Join(conditions, " AND ") }

// numbers is the one row of a query of numbers; NULL is 0.
func (s *side) numbers(ctx context.Context, query string) ([]int64, error) {
	var row []int64
	err := s.conn.Read(ctx, query, func(line []byte) error {
		for _, field := range Fields(nil, line) {
			n := int64(0)
			if field != nil {
				var err error
				if n, err = strconv.ParseInt(strings.TrimSuffix(string(field), ".0"), 10, 64); err != nil {
					return err
				}
			}
			row = append(row, n)
		}
		return nil
	})
	if err == nil && row == nil {
		err = problem(QueryFailed, "the database answered without a row")
	}
	return row, err
}

// both runs a function for each side: side by side if they have connections of
// their own. The first error ends the other side's.
func (x *execution) both(ctx context.Context, f func(ctx context.Context, i Side, s *side) error) error {
	if x.side[Left].conn == x.side[Right].conn {
		for i, s := range x.side {
			if err := f(ctx, Side(i), s); err != nil {
				return onSide(err, Side(i))
			}
		}
		return nil
	}
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	var (
		wait  sync.WaitGroup
		once  sync.Once
		first error
	)
	for i, s := range x.side {
		wait.Go(func() {
			if err := f(inner, Side(i), s); err != nil {
				once.Do(func() { first = onSide(err, Side(i)) })
				cancel()
			}
		})
	}
	wait.Wait()
	return first
}

func (x *execution) step(name string) {
	if x.progress != nil {
		x.progress(Step{Name: name, Completed: x.done, Total: x.total})
	}
	x.done++
}

func (x *execution) end() {
	x.close()
	x.release()
}

// close closes the connections, which the budgets go on to count.
func (x *execution) close() {
	for i, s := range x.side {
		if s != nil && s.conn != nil && (i == 0 || s.conn != x.side[0].conn) {
			_ = s.conn.Close() // it read; there is nothing to lose
		}
	}
}

func (x *execution) run(ctx context.Context) (*Result, error) {
	c := &x.counts
	c.Schema, c.KeyColumns = x.schema, len(x.keys)
	c.Columns = Pair{int64(len(x.columns[Left])), int64(len(x.columns[Right]))}
	for _, q := range x.compared {
		c.ColumnNames = append(c.ColumnNames, q.name)
	}
	c.Differences = make([]int64, len(x.compared))
	var (
		profile *Profile
		err     error
	)
	if x.algorithm == Join {
		profile, err = x.join(ctx)
	} else {
		err = x.fetch(ctx)
	}
	if err != nil {
		return nil, err
	}
	r := c.Result()
	r.Algorithm, r.InDB, r.Key, r.Notes = x.algorithm, x.inDB, x.spec.Key, x.notes
	r.Profile, r.Downloaded, r.Truncated = profile, x.downloaded, x.truncated
	x.done = x.total
	x.step("")
	return r, nil
}

// keyCounts are the statistics of one side's keys.
type keyCounts struct{ rows, nulls, distinct, dupes, duplicated int64 }

// countKeys counts a side's keys, or those of its rows that meet a condition.
func (x *execution) countKeys(ctx context.Context, i Side, condition string) (k keyCounts, err error) {
	s := x.side[i]
	if x.unique[i] {
		n, err := s.numbers(ctx, s.query([]string{"count(*)"}, condition))
		if err != nil {
			return k, err
		}
		return keyCounts{rows: n[0], distinct: n[0]}, nil
	}
	if len(s.notNull) > 0 {
		n, err := s.numbers(ctx, s.query([]string{"count(*)"}, "NOT ("+all(s.notNull)+")", condition))
		if err != nil {
			return k, err
		}
		k.nulls = n[0]
	}
	g, err := x.countGroups(ctx, i, condition)
	g.rows, g.nulls = g.rows+k.nulls, k.nulls
	return g, err
}

// countGroups counts the keys of the rows whose key is whole.
func (x *execution) countGroups(ctx context.Context, i Side, condition string) (k keyCounts, err error) {
	s := x.side[i]
	groups := s.query([]string{"count(*) AS g"}, append(slices.Clip(s.notNull), condition)...) + " GROUP BY " + strings.Join(s.keys, ", ")
	n, err := s.numbers(ctx, "SELECT sum(g), count(*), sum(CASE WHEN g > 1 THEN g ELSE 0 END), "+s.dialect.CountIf("g > 1")+" FROM ("+groups+") t")
	if err != nil {
		return k, err
	}
	return keyCounts{rows: n[0], distinct: n[1], dupes: n[2], duplicated: n[3]}, nil
}

func (x *execution) setKeys(i Side, k keyCounts) {
	x.counts.Keys.TotalRows[i], x.counts.Keys.Nulls[i] = k.rows, k.nulls
	x.counts.Keys.Distincts[i], x.counts.Keys.Dupes[i] = k.distinct, k.dupes
}

// sampled notes how the compared keys were chosen.
func (x *execution) sampled(ratio float64, common int64) {
	x.counts.Sample = &Sample{Ratio: ratio, Confidence: x.spec.Sampling.confidence(), Common: common}
}

func (x *execution) giveUpSampling() {
	x.notes = append(x.notes, "Sampling was not used: the share of bad keys exceeds its tolerance.")
}
