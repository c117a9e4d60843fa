package datafold

import (
	"context"
	"strconv"
	"strings"

	"github.com/understudy-api/understudy/server/datadiff"
	"github.com/understudy-api/understudy/storage"
)

// materialized is where the rows behind a result were written.
type materialized struct {
	Diff        []materializedResult `json:"diff,omitempty"`
	Duplicates1 []materializedResult `json:"duplicates1,omitempty"`
	Duplicates2 []materializedResult `json:"duplicates2,omitempty"`
	Exclusives  []materializedResult `json:"exclusives,omitempty"`
}

type materializedResult struct {
	DataSourceID int      `json:"data_source_id"`
	Path         []string `json:"path"`
	IsSampled    bool     `json:"is_sampled"`
}

// destination is the source that results are to be written to.
type destination struct {
	id       int
	diff     string
	database Database
	schema   string
	all      bool
	broken   error // what is wrong with the source, to be told
}

// destinationOf is where a diff asks its results to be written; nil if it does not ask.
// The number of a destination is the request: the interface has no other.
func (a *API) destinationOf(tx storage.ReadTx, diff string, r *diffRequest) (*destination, error) {
	if r.Destination == nil {
		return nil, nil
	}
	to := &destination{id: *r.Destination, diff: diff, all: value(r.WithoutSampling)}
	database, err := a.databaseOf(tx, to.id)
	if datadiff.KindOf(err) != "" {
		to.broken = err
		return to, nil
	}
	if err != nil {
		return nil, err
	}
	source, err := held(sourceRecords, tx, strconv.Itoa(to.id))
	if err != nil {
		return nil, err
	}
	to.database, to.schema = database, schemaFor(source.Value.text(memberTempSchema), database)
	return to, nil
}

// schemaFor is the schema that a source has for results, as its database has it: the
// last part of a path. A database with no schemas has none.
func schemaFor(path string, d Database) string {
	if d.Embedded || d.Parts == 1 {
		return ""
	}
	return d.name(path[strings.LastIndexByte(path, '.')+1:])
}

// materialize writes the rows behind a result. That they cannot be written is a note to
// the result, and no failure of it.
func (a *API) materialize(ctx context.Context, workspace string, spec datadiff.Spec, sources [2]datadiff.Source, of *datadiff.Result, to *destination) (*materialized, error) {
	written, err := a.write(ctx, workspace, spec, sources, of, to)
	if err != nil {
		if ctx.Err() != nil || datadiff.KindOf(err) == "" {
			return nil, err
		}
		of.Notes = append(of.Notes, "Results were not materialised: "+strings.TrimSuffix(err.Error(), ".")+".")
		return nil, nil
	}
	m := &materialized{}
	into := map[string]*[]materializedResult{
		datadiff.PartDiff: &m.Diff, datadiff.PartDuplicates1: &m.Duplicates1, datadiff.PartDuplicates2: &m.Duplicates2, datadiff.PartExclusives: &m.Exclusives,
	}
	for _, w := range written {
		*into[w.Part] = append(*into[w.Part], materializedResult{DataSourceID: to.id, Path: w.Path, IsSampled: w.Sampled})
	}
	return m, nil
}

func (a *API) write(ctx context.Context, workspace string, spec datadiff.Spec, sources [2]datadiff.Source, of *datadiff.Result, to *destination) ([]datadiff.Written, error) {
	if to.broken != nil {
		return nil, to.broken
	}
	source, release, err := a.executor.use(ctx, workspace, to.id, to.database)
	if err != nil {
		return nil, err
	}
	defer release()
	return datadiff.Materialize(ctx, spec, sources[0], sources[1], of, datadiff.Target{
		Destination: source, Schema: to.schema, ID: to.diff, All: to.all,
	})
}
