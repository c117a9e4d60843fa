package datafold

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/understudy-api/understudy/gen/datafold"
	"github.com/understudy-api/understudy/server/datadiff"
	"github.com/understudy-api/understudy/server/job"
	"github.com/understudy-api/understudy/server/site"
	"github.com/understudy-api/understudy/storage"
)

// sourceTests are the tests of data sources.
var sourceTests = &job.Kind{Name: "datafold.source.test", About: "Tests a data source"}

// schemaTasks read the columns of tables.
var schemaTasks = &job.Kind{Name: "datafold.source.schema", About: "Reads the columns of a table"}

// sourceTask is what a job about a source needs to know.
type sourceTask struct {
	Source int      `json:"source"`
	Table  []string `json:"table,omitempty"`
}

// checkSteps are what a test checks, in this order. Lineage is read of no type here.
var checkSteps = []string{"connection", "temp_schema", "schema_download"}

// checked is what a step of a test came to. A step that found something wrong is done
// all the same: clients read its code.
type checked struct {
	Code    string `json:"code"` // ok, error or skip
	Message string `json:"message"`
	Outcome string `json:"outcome"`
}

// The codes of a step, and its outcomes.
const (
	codeOK    = "ok"
	codeError = "error"
	codeSkip  = "skip"
)

func found(code, format string, args ...any) checked {
	outcome := map[string]string{codeOK: "success", codeError: "failed", codeSkip: "skipped"}[code]
	return checked{Code: code, Message: fmt.Sprintf(format, args...), Outcome: outcome}
}

// stepsOf are the steps of a test as they show: those that are over with what they
// came to, the next one as far as the test is, the others waiting.
func stepsOf(j job.Job) []datafold.TestResultStep {
	var over []checked
	for _, text := range []json.RawMessage{j.Result, j.Progress} {
		if over == nil && text != nil && (j.State == job.Running || j.State.Ended()) {
			if err := json.Unmarshal(text, &over); err != nil {
				over = nil
			}
		}
	}
	steps := make([]datafold.TestResultStep, len(checkSteps))
	for i, name := range checkSteps {
		steps[i] = datafold.TestResultStep{Step: datafold.ConfigurationCheckStep(name), Status: datafold.JobStatus(jobWords[job.Waiting])}
		switch {
		case i < len(over):
			steps[i].Status, steps[i].Result = datafold.JobStatus(jobWords[job.Done]), over[i]
		case j.State == job.Running && i == len(over):
			steps[i].Status = datafold.JobStatus(jobWords[job.Running])
		case j.State == job.Failed || j.State == job.Cancelled:
			steps[i].Status = datafold.JobStatus(jobWords[j.State])
		}
	}
	return steps
}

// runTest tests a source.
func (a *API) runTest(ctx context.Context, w *job.Work) (any, error) {
	var task sourceTask
	if err := json.Unmarshal(w.Job.Args, &task); err != nil {
		return nil, err
	}
	var v dataSource
	if err := a.peek(ctx, w.Workspace, func(tx storage.ReadTx) error {
		item, err := held(sourceRecords, tx, strconv.Itoa(task.Source))
		v = item.Value
		return err
	}); err != nil {
		if storage.IsNotFound(err) {
			return nil, &job.Failure{Code: string(datadiff.Unreachable), Message: "The data source is not there any more", Permanent: true}
		}
		return nil, err
	}
	var over []checked
	end := func(c checked) error {
		over = append(over, c)
		return w.Progress(over)
	}
	err := a.with(ctx, w.Workspace, task.Source, func(source datadiff.Source, d Database) error {
		if err := datadiff.Ping(ctx, source); err != nil {
			return err
		}
		if err := end(found(codeOK, "The database was reached.")); err != nil {
			return err
		}
		for _, check := range []func(context.Context, datadiff.Source, *dataSource, Database) checked{checkTempSchema, checkSchema} {
			if err := end(check(ctx, source, &v, d)); err != nil {
				return err
			}
		}
		return nil
	})
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if told, ok := errors.AsType[*datadiff.Error](err); ok && len(over) == 0 {
		over = append(over, found(codeError, "%s", sentence(told.Error())))
		for len(over) < len(checkSteps) {
			over = append(over, found(codeSkip, "The database was not reached."))
		}
		return over, nil
	}
	return over, err
}

// sentence makes a sentence of the words of an error.
func sentence(words string) string {
	if words == "" {
		return words
	}
	words = strings.ToUpper(words[:1]) + words[1:]
	if strings.HasSuffix(words, ".") {
		return words
	}
	return words + "."
}

// checkTempSchema looks whether the schema for results is there. Nothing is written.
func checkTempSchema(ctx context.Context, source datadiff.Source, v *dataSource, d Database) checked {
	name := v.text(memberTempSchema)
	switch {
	case name == "":
		return found(codeSkip, "The source has no temporary schema.")
	case d.Embedded || d.Parts > 0:
		return found(codeSkip, "Another database stands in for the one of the source.")
	}
	last := name[strings.LastIndexByte(name, '.')+1:]
	query := "SELECT schema_name FROM information_schema.schemata WHERE schema_name = " + literal(last, source.Dialect())
	t, err := datadiff.Select(ctx, source, query, 1)
	switch {
	case err != nil:
		return found(codeError, "%s", sentence(err.Error()))
	case len(t.Rows) == 0:
		return found(codeError, "There is no schema %s.", last)
	}
	return found(codeOK, "The schema %s is there; nothing was written to it.", last)
}

// checkSchema counts the tables.
func checkSchema(ctx context.Context, source datadiff.Source, _ *dataSource, _ Database) checked {
	query := "SELECT count(*) AS n FROM information_schema.tables"
	if source.Dialect().Name() == "sqlite" {
		query = "SELECT count(*) AS n FROM sqlite_master WHERE type IN ('table', 'view')"
	}
	t, err := datadiff.Select(ctx, source, query, 1)
	if err != nil {
		return found(codeError, "%s", sentence(err.Error()))
	}
	return found(codeOK, "There are %s tables and views.", t.Rows[0][0])
}

// literal is a text of a dialect.
func literal(text string, d datadiff.Dialect) string {
	if d.Name() == "mysql" {
		text = strings.ReplaceAll(text, `\`, `\\`)
	}
	return "'" + strings.ReplaceAll(text, "'", "''") + "'"
}

// RequestDatasetSchema begins to read the columns of a table.
func (a *API) RequestDatasetSchema(ctx context.Context, request datafold.RequestDatasetSchemaRequestObject) (datafold.RequestDatasetSchemaResponseObject, error) {
	if request.Body == nil || request.Body.Table == nil { // which only warns
		return nil, unprocessable(missingField("body", "table"))
	}
	return writing(ctx, a, func(w *work) (datafold.RequestDatasetSchemaResponseObject, error) {
		if _, err := dataSources.at(w, request.DataSourceID); err != nil {
			return nil, err
		}
		j, err := schemaTasks.Enqueue(w.Tx, job.Order{Args: sourceTask{Source: request.DataSourceID, Table: request.Body.Table}})
		if err != nil {
			return nil, err
		}
		id, err := strconv.Atoi(j.ID)
		return datafold.RequestDatasetSchema200JSONResponse{TaskID: id}, err
	})
}

// GetDatasetSchema tells where the reading of a schema is.
func (a *API) GetDatasetSchema(ctx context.Context, request datafold.GetDatasetSchemaRequestObject) (datafold.GetDatasetSchemaResponseObject, error) {
	return reading(ctx, a, func(tx storage.ReadTx, look job.Look) (datafold.GetDatasetSchemaResponseObject, error) {
		if _, err := dataSources.at(tx, request.DataSourceID); err != nil {
			return nil, err
		}
		j, err := look(schemaTasks, strconv.Itoa(request.TaskID))
		var task sourceTask
		if err == nil {
			err = json.Unmarshal(j.Args, &task)
		}
		if storage.IsNotFound(err) || err == nil && task.Source != request.DataSourceID {
			return nil, site.NotFound("", "Task not found")
		}
		if err != nil {
			return nil, err
		}
		answer := datafold.GetDatasetSchema200JSONResponse{Status: jobWords[j.State]}
		switch {
		case j.State == job.Failed && j.Failure != nil:
			answer.Result = &map[string]any{"error": j.Failure.Message}
		case j.State == job.Done:
			var columns []datafold.APIQueryColumn
			if err := json.Unmarshal(j.Result, &columns); err != nil {
				return nil, err
			}
			answer.Result = &map[string]any{"columns": columns}
		}
		return answer, nil
	})
}

// columnView is a column as clients see it.
func columnView(i int, c datadiff.Column) datafold.APIQueryColumn {
	return datafold.APIQueryColumn{Name: c.Name, DBType: &c.Type, IsNullable: &c.Nullable, Number: &i, Type: new(string(c.Datatype))}
}

// runSchema reads the columns of a table.
func (a *API) runSchema(ctx context.Context, w *job.Work) (any, error) {
	var task sourceTask
	if err := json.Unmarshal(w.Job.Args, &task); err != nil {
		return nil, err
	}
	columns := []datafold.APIQueryColumn{}
	err := a.with(ctx, w.Workspace, task.Source, func(source datadiff.Source, d Database) error {
		described, err := datadiff.Describe(ctx, source, datadiff.Input{Table: d.table(task.Table)})
		for i, c := range described {
			columns = append(columns, columnView(i, c))
		}
		return err
	})
	return columns, failureOf(ctx, err)
}

// failureOf is the failure of a job, in words that may be shown.
func failureOf(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if told, ok := errors.AsType[*datadiff.Error](err); ok {
		return &job.Failure{Code: string(told.Kind), Message: told.Value, Permanent: true}
	}
	return err
}

// mostKeys are as many keys as are guessed at a time.
const mostKeys = 5

// GuessPrimaryKey looks for keys of a table. What the database says of it is told in
// the answer.
func (a *API) GuessPrimaryKey(ctx context.Context, request datafold.GuessPrimaryKeyRequestObject) (datafold.GuessPrimaryKeyResponseObject, error) {
	if err := a.has(ctx, request.DataSourceID); err != nil {
		return nil, err
	}
	if request.Body == nil || request.Body.Table == nil { // which only warns
		return nil, unprocessable(missingField("body", "table"))
	}
	limited, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	answer := datafold.GuessPrimaryKey200JSONResponse{Candidates: []datafold.GuessedKey{}}
	err := a.with(limited, site.PrincipalFrom(ctx).Workspace, request.DataSourceID, func(source datadiff.Source, d Database) error {
		keys, err := datadiff.GuessKeys(limited, source, datadiff.Input{Table: d.table(request.Body.Table)}, mostKeys)
		for _, key := range keys {
			if request.Body.Candidates == nil || among(key, *request.Body.Candidates) {
				answer.Candidates = append(answer.Candidates, datafold.GuessedKey{Pk: key})
			}
		}
		return err
	})
	told, ok := errors.AsType[*datadiff.Error](err)
	switch {
	case ok && ctx.Err() == nil:
		answer.Error = new(told.Error())
	case err != nil:
		return nil, err
	case len(answer.Candidates) == 0:
		answer.Error = new("No columns were found that are unique and never null.")
	}
	return answer, nil
}

// among says whether a key is made of columns that were named, or is one that was.
func among(key []string, named []any) bool {
	if len(named) == 0 {
		return true
	}
	one := func(name string) bool {
		for _, n := range named {
			if text, ok := n.(string); ok && strings.EqualFold(text, name) {
				return true
			}
		}
		return false
	}
	all := true
	for _, name := range key {
		all = all && one(name)
	}
	if all {
		return true
	}
	for _, n := range named {
		if list, ok := n.([]any); ok && fmt.Sprint(list...) == fmt.Sprint(asAny(key)...) {
			return true
		}
	}
	return false
}

func asAny(names []string) []any {
	all := make([]any, len(names))
	for i, name := range names {
		all[i] = name
	}
	return all
}

// has refuses if there is no such source.
func (a *API) has(ctx context.Context, id int) error {
	_, err := reading(ctx, a, func(tx storage.ReadTx, _ job.Look) (struct{}, error) {
		_, err := dataSources.at(tx, id)
		return struct{}{}, err
	})
	return err
}
