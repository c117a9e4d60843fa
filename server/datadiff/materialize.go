package datadiff

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"
)

// Writer is a source to which results can be written.
type Writer interface {
	Source
	// Write opens a connection that writes to a schema, "" being the connection's own.
	// It does not ask the budget. Others that write tables of the same name wait for
	// each other. Kinds: Unreachable, NoSuchTable where there is no such schema,
	// QueryFailed, Unsupported.
	Write(ctx context.Context, schema, name string) (Writing, error)
}

// Writing is a connection that writes tables, none of which anybody sees before all
// are committed. It is used by one goroutine, and of no use after an error.
type Writing interface {
	// Path is where a table will stand.
	Path(table string) []string
	// Create makes a table, of texts and flags, in the place of one of the same name.
	Create(ctx context.Context, table string, columns []TargetColumn) error
	// Insert adds rows to a table that was made: lines (see AppendField), each with an
	// end of line behind it.
	Insert(ctx context.Context, table string, columns []TargetColumn, lines []byte) error
	// Commit puts all tables in their places.
	Commit(ctx context.Context) error
	// Close gives the connection back. What was not committed is as if it had never
	// been.
	Close() error
}

// TargetColumn is a column of a table of results.
type TargetColumn struct {
	Name string
	Flag bool // 0 or 1, else a text
}

// Target is where results are to be written.
type Target struct {
	Destination Source
	Schema      string // "" for the connection's own
	ID          string // of the diff
	All         bool   // rows that no sample chose, too
}

// Written is a table of results.
type Written struct {
	Part    string // diff, duplicates1, duplicates2 or exclusives
	Path    []string
	Sampled bool
}

// The parts of materialised results, in their order.
const (
	PartDiff        = "diff"
	PartDuplicates1 = "duplicates1"
	PartDuplicates2 = "duplicates2"
	PartExclusives  = "exclusives"
)

var parts = []string{PartDiff, PartDuplicates1, PartDuplicates2, PartExclusives}

// batch is how many bytes of rows are sent at once.
const batch = 256 << 10

// Materialize writes the rows behind a result to tables of the target's destination:
// they are read anew. It takes one connection of each side's source, two where both
// are one source, and one of the destination. Its errors are of type [*Error].
func Materialize(ctx context.Context, spec Spec, left, right Source, of *Result, to Target) (_ []Written, err error) {
	w, ok := to.Destination.(Writer)
	if !ok {
		return nil, problem(Unsupported, "results cannot be written to a source of this type")
	}
	spec.Key, spec.InferKey, spec.AvoidKeyNames, spec.AvoidKeyTypes, spec.Profile = of.Key, false, nil, nil, false
	sampled := of.Sample != nil && !to.All
	if !sampled {
		spec.Sampling = Sampling{}
	}
	if spec.Algorithm != Hash {
		spec.Algorithm = FetchAndJoin
	}
	x, err := beginWith(ctx, spec, left, right, nil, w.Budget())
	if err != nil {
		return nil, err
	}
	end := sync.OnceFunc(x.close)
	defer x.release()
	defer end()
	defer func() {
		if err != nil {
			err = asError(ctx, err)
		}
	}()
	name := ResultTables + to.ID
	c, err := w.Write(ctx, to.Schema, name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.Close() }() // what there is to lose was committed
	var (
		tables  = x.targets(name)
		written []Written
	)
	for _, part := range parts {
		t := tables[part]
		if err := c.Create(ctx, t.name, t.columns); err != nil {
			return nil, err
		}
		written = append(written, Written{Part: part, Path: c.Path(t.name), Sampled: sampled && part == PartDiff})
	}
	flush := func(t *target, least int) error {
		if len(t.lines) <= least {
			return nil
		}
		err := c.Insert(ctx, t.name, t.columns, t.lines)
		t.lines = t.lines[:0]
		return err
	}
	if err := x.show(ctx, func(r Row) error {
		t := tables[partOf(r)]
		t.add(r)
		return flush(t, batch)
	}); err != nil {
		return nil, err
	}
	for _, part := range parts {
		if err := flush(tables[part], 0); err != nil {
			return nil, err
		}
	}
	end() // a database in which readers shut out who commits is free
	if err := c.Commit(ctx); err != nil {
		return nil, err
	}
	return written, nil
}

func partOf(r Row) string {
	switch {
	case r.Kind == DiffRow:
		return PartDiff
	case r.Kind == ExclusiveRow:
		return PartExclusives
	case r.Side == Left:
		return PartDuplicates1
	}
	return PartDuplicates2
}

// target is a table that is being written.
type target struct {
	name    string
	columns []TargetColumn
	lines   []byte
}

// targets are the tables of a diff: where rows of both sides may stand, each column is
// there twice.
func (x *execution) targets(name string) map[string]*target {
	var single, both, differs []TargetColumn
	for _, k := range x.spec.Key {
		single = append(single, TargetColumn{Name: k})
	}
	both = slices.Clone(single)
	for _, q := range x.compared {
		single = append(single, TargetColumn{Name: q.name})
		for _, prefix := range ResultPrefixes {
			both = append(both, TargetColumn{Name: prefix + q.name})
		}
		differs = append(differs, TargetColumn{Name: ResultDiffers + q.name, Flag: true})
	}
	exclusive := slices.Clone(both)
	for _, flag := range ResultExclusive {
		exclusive = append(exclusive, TargetColumn{Name: flag, Flag: true})
	}
	all := map[string]*target{}
	for part, columns := range map[string][]TargetColumn{
		PartDiff: append(both, differs...), PartDuplicates1: single, PartDuplicates2: slices.Clone(single), PartExclusives: exclusive,
	} {
		all[part] = &target{name: name + "_" + part, columns: distinct(columns)}
	}
	return all
}

// longest is the length of a name in bytes that every database takes.
const longest = 63

// distinct gives columns names that a database can tell apart, whatever it makes of
// their case: those that come later are numbered.
func distinct(columns []TargetColumn) []TargetColumn {
	taken := map[string]bool{}
	for i := range columns {
		name := short(columns[i].Name, longest)
		for n := 2; taken[strings.ToLower(name)]; n++ {
			suffix := fmt.Sprintf("_%d", n)
			name = short(columns[i].Name, longest-len(suffix)) + suffix
		}
		taken[strings.ToLower(name)] = true
		columns[i].Name = name
	}
	return columns
}

// short is the beginning of a name, cut between two letters.
func short(name string, most int) string {
	if len(name) <= most {
		return name
	}
	for most > 0 && !utf8.RuneStart(name[most]) {
		most--
	}
	return name[:most]
}

// add writes a row as the table has it.
func (t *target) add(r Row) {
	first := true
	put := func(field []byte) {
		t.lines = AppendField(t.lines, field, first)
		first = false
	}
	flag := func(set bool) {
		if set {
			put([]byte{'1'})
		} else {
			put([]byte{'0'})
		}
	}
	for _, k := range r.Key {
		put(k)
	}
	of := func(values [][]byte, i int) []byte {
		if values == nil {
			return nil
		}
		return values[i]
	}
	for i := range max(len(r.Left), len(r.Right)) {
		switch {
		case r.Kind != DuplicateRow:
			put(of(r.Left, i))
			put(of(r.Right, i))
		case r.Side == Left:
			put(of(r.Left, i))
		default:
			put(of(r.Right, i))
		}
	}
	switch r.Kind {
	case DiffRow:
		for _, differs := range r.Differs {
			flag(differs)
		}
	case ExclusiveRow:
		flag(r.Side == Left)
		flag(r.Side == Right)
	case DuplicateRow:
	}
	t.lines = append(t.lines, '\n')
}
