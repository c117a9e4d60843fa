package datafold

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"

	"github.com/understudy-api/understudy/server/datadiff"
	"github.com/understudy-api/understudy/server/job"
	"github.com/understudy-api/understudy/storage"
)

// runDiff makes a diff, unless it is scripted what it comes to.
func (a *API) runDiff(ctx context.Context, w *job.Work) (any, error) {
	var (
		v         dataDiff
		databases [2]Database
		sources   [2]dataSource
		broken    error // what is wrong with a source, to be told
		to        *destination
	)
	err := a.peek(ctx, w.Workspace, func(tx storage.ReadTx) error {
		broken = nil
		item, err := held(diffRecords, tx, w.Job.ID)
		if err != nil {
			return err
		}
		v = item.Value
		asked, err := v.ask()
		if err != nil {
			return err
		}
		for i, id := range []int{asked.Source1, asked.Source2} {
			if databases[i], err = a.databaseOf(tx, id); err != nil {
				if _, told := errors.AsType[*datadiff.Error](err); told {
					broken = err
					continue
				}
				return err
			}
			source, err := held(sourceRecords, tx, strconv.Itoa(id))
			if err != nil {
				return err
			}
			sources[i] = source.Value
		}
		to, err = a.destinationOf(tx, w.Job.ID, asked)
		return err
	})
	switch {
	case storage.IsNotFound(err):
		return nil, &job.Failure{Code: string(datadiff.Invalid), Message: "The diff is not there any more", Permanent: true}
	case err != nil:
		return nil, err
	case v.Script != nil:
		result, failure := v.Script.outcome()
		if failure != nil {
			return nil, failure
		}
		return result, nil
	case broken != nil:
		return nil, failureOf(ctx, broken)
	}
	asked, err := v.ask()
	if err != nil {
		return nil, err
	}
	result, err := a.make(ctx, w, asked, v.CI, databases, sources, to)
	if err != nil {
		return nil, failureOf(ctx, err)
	}
	return result, nil
}

// make makes a diff in databases, and writes the rows behind it where to says, if it does.
func (a *API) make(ctx context.Context, w *job.Work, asked *diffRequest, ci *ciOrigin, databases [2]Database, of [2]dataSource, to *destination) (*diffResult, error) {
	if err := asked.impossible(); err != nil {
		return nil, err
	}
	spec := asked.spec(databases, of)
	var sources [2]datadiff.Source
	files := []*string{asked.File1, asked.File2}
	options := []*fileOptions{asked.File1Options, asked.File2Options}
	for i, id := range []int{asked.Source1, asked.Source2} {
		if files[i] == nil {
			source, release, err := a.executor.use(ctx, w.Workspace, id, databases[i])
			if err != nil {
				return nil, onSide(err, datadiff.Side(i))
			}
			defer release()
			sources[i] = source
			continue
		}
		if a.executor.databases == nil {
			return nil, &datadiff.Error{Kind: datadiff.Unsupported, Value: "files cannot be read by this program"}
		}
		opened, table, err := a.executor.databases.OpenFile(ctx, fileOf(*files[i], options[i], spec.Unneeded(datadiff.Side(i))))
		if err != nil {
			return nil, onSide(err, datadiff.Side(i))
		}
		[]*datadiff.Input{&spec.Left, &spec.Right}[i].Table = table
		defer func() { _ = opened.Close() }() // it was read
		sources[i] = opened
	}
	if ci != nil {
		if err := ci.fit(ctx, &spec, sources); err != nil {
			return nil, err
		}
	}
	if len(asked.ColumnRules) > 0 {
		if a.executor.databases == nil {
			return nil, &datadiff.Error{Kind: datadiff.Unsupported, Value: "column rules cannot be run by this program"}
		}
		rules, err := a.executor.databases.Rules(ctx)
		if err != nil {
			return nil, err
		}
		defer func() { _ = rules.Close() }()
		spec.Rules = rules
		if spec.Algorithm == datadiff.Join {
			spec.Algorithm = datadiff.FetchAndJoin // where rules are run
		}
	}
	more, total := 0, 0
	if to != nil {
		more = 1
	}
	result, err := datadiff.Run(ctx, spec, sources[0], sources[1], func(s datadiff.Step) {
		total = s.Total + more
		_ = w.Progress(progress{Completed: s.Completed, Total: total}) // numbers can be written
	})
	if err != nil {
		return nil, err
	}
	var written *materialized
	if to != nil {
		if written, err = a.materialize(ctx, w.Workspace, spec, sources, result, to); err != nil {
			return nil, err
		}
		_ = w.Progress(progress{Completed: total, Total: total})
	}
	result.InDB = asked.inDB()
	if !result.InDB {
		result.Schema, result.Stats.DiffSchema = nil, 0
	}
	stored := resultOf(result)
	stored.Materialized = written
	return stored, nil
}

func onSide(err error, side datadiff.Side) error {
	if e, ok := errors.AsType[*datadiff.Error](err); ok {
		copied := *e
		copied.Side = side
		return &copied
	}
	return err
}

func fileOf(uri string, o *fileOptions, unneeded func(string) bool) File {
	f := File{URI: uri, Unneeded: unneeded}
	if o != nil {
		f.Type = orElse(o.Type, "csv")
		if o.Delimiter != nil {
			f.Delimiter = *o.Delimiter
		}
		if o.Head != nil {
			f.Head = int(*o.Head)
		}
		if o.Tail != nil {
			f.Tail = int(*o.Tail)
		}
	}
	return f
}

// impossible is what a diff asks for that no database here can do.
func (r *diffRequest) impossible() error {
	for _, point := range []json.RawMessage{r.TimeTravel1, r.TimeTravel2} {
		if len(point) > 0 && string(point) != "null" {
			return &datadiff.Error{Kind: datadiff.Unsupported, Value: "no database that can be executed here shows an earlier state of its tables"}
		}
	}
	return nil
}

// spec is the diff in the words of the library.
func (r *diffRequest) spec(databases [2]Database, of [2]dataSource) datadiff.Spec {
	left := &databases[datadiff.Left]
	right := &databases[datadiff.Right]
	s := datadiff.Spec{
		Left:  datadiff.Input{Table: left.table(r.Table1), Query: value(r.Query1), Filter: value(r.Filter1)},
		Right: datadiff.Input{Table: right.table(r.Table2), Query: value(r.Query2), Filter: value(r.Filter2)},

		Algorithm: datadiff.Algorithm(r.algorithm()),
		Key:       left.names(r.Key), InferKey: r.InferKey && len(r.Key) == 0, AvoidKeyNames: r.AvoidKeyNames, AvoidKeyTypes: r.AvoidKeyTypes,
		Columns: left.names(r.Compare), Exclude: left.names(r.Exclude),
		DatetimeTolerance: r.DatetimeTolerance, SortArrays: value(r.SortArrays), TimeColumn: left.name(value(r.TimeColumn)),
		TimeStart: value(r.TimeStart), TimeEnd: value(r.TimeEnd),
		Sampling: datadiff.Sampling{
			Tolerance: value(r.SamplingTolerance), Confidence: value(r.SamplingConfidence), Ratio: value(r.SamplingRatio),
			MaxRows: value(r.SamplingMaxRows), Threshold: value(r.SamplingThreshold),
		},
		BisectionFactor: value(r.BisectionFactor), BisectionThreshold: value(r.BisectionThreshold),
		DownloadLimit: value(r.DownloadLimit), ColumnDiffLimit: value(r.ColumnDiffLimit), Profile: r.inDB(),
	}
	if len(s.Columns) == 0 {
		s.Columns = left.names(r.Include)
	}
	if len(s.Columns) == 0 {
		s.Columns = nil // an empty list is none
	}
	for _, pair := range r.ColumnMapping {
		s.ColumnMapping = append(s.ColumnMapping, [2]string{left.name(pair[0]), right.name(pair[1])})
	}
	for _, rule := range r.ColumnRules {
		s.ColumnRules = append(s.ColumnRules, datadiff.ColumnRule{Column: left.name(value(rule.Column)), Type: datadiff.Datatype(value(rule.Type)), EqualIf: rule.EqualIf})
	}
	for _, m := range r.Modifiers {
		switch m {
		case "case_insensitive_strings":
			s.IgnoreCase = true
		case "null_equals_empty_string":
			s.NullIsEmpty = true
		}
	}
	switch mode := datadiff.ToleranceMode(orElse(value(r.ToleranceMode), string(datadiff.Absolute))); {
	case r.Tolerance != nil:
		s.Tolerance = &datadiff.Tolerance{Mode: mode, Value: *r.Tolerance}
	default: // that of the sources
		if t := max(of[0].number(memberTolerance, 0), of[1].number(memberTolerance, 0)); t > 0 {
			s.Tolerance = &datadiff.Tolerance{Mode: datadiff.Absolute, Value: t}
		}
	}
	for _, t := range r.ColumnTolerances {
		if s.ColumnTolerances == nil {
			s.ColumnTolerances = map[string]datadiff.Tolerance{}
		}
		s.ColumnTolerances[left.name(t.Column)] = datadiff.Tolerance{Mode: datadiff.ToleranceMode(t.Mode), Value: t.Value}
	}
	return s
}

// value is what a pointer leads to, or nothing.
func value[T any](p *T) T {
	if p == nil {
		var none T
		return none
	}
	return *p
}
