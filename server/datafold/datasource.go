package datafold

import (
	"context"
	"encoding/json"
	"maps"
	"strconv"
	"time"

	"github.com/understudy-api/understudy/gen/datafold"
	"github.com/understudy-api/understudy/internal/pydantic"
	"github.com/understudy-api/understudy/internal/union"
	"github.com/understudy-api/understudy/server/job"
	"github.com/understudy-api/understudy/server/site"
	"github.com/understudy-api/understudy/storage"
)

// dataSource is what is remembered of a data source of any type.
type dataSource struct {
	Type string `json:"type"`
	Name string `json:"name"`
	// Members and Options are as they were given; what was not given is not there.
	Members map[string]json.RawMessage `json:"members,omitempty"`
	Options map[string]json.RawMessage `json:"options,omitzero"`
	// Secrets are those of the options, and never answered.
	Secrets map[string]string `json:"secrets,omitempty"`
	// Test is the job of the latest test, Before that of the latest that had ended then.
	Test    string   `json:"test,omitempty"`
	Before  string   `json:"before,omitempty"`
	Backing *backing `json:"backing,omitempty"`
}

// backing is what stands in for the database of a source: another source, or an
// embedded database that a script fills.
type backing struct {
	Source int    `json:"source,omitempty"`
	SQL    string `json:"sql,omitempty"`
	// Embedded tells an empty script from none.
	Embedded bool `json:"embedded,omitempty"`
	// Identifiers says how names are folded: "", "lower" or "upper".
	Identifiers string `json:"identifiers,omitempty"`
}

// Members of a data source with a meaning of their own.
const (
	memberType        = "type"
	memberName        = "name"
	memberID          = "id"
	memberOptions     = "options"
	memberLastTest    = "last_test"
	memberHidden      = "hidden"
	memberPassword    = "password"
	memberOldPassword = "passwd" // as data-diff says it
	memberConnections = "max_allowed_connections"
	memberTolerance   = "float_tolerance"
	memberTempSchema  = "temp_schema"
)

const sequenceSource = "datafold.source"

var sourceRecords = storage.Collection[dataSource]{Kind: "datafold.source"}

var dataSources = resource[dataSource, json.RawMessage]{
	noun: "Data source", sequence: sequenceSource,
	records: sourceRecords,
	removed: func(tx storage.Tx, v dataSource) error {
		for _, id := range []string{v.Test, v.Before} {
			if id != "" {
				if err := sourceTests.Forget(tx, id); err != nil {
					return err
				}
			}
		}
		return nil
	},
	view: viewSource,
}

// viewSource is the source as it is answered: its members in the order of the document,
// without secrets.
func viewSource(tx storage.ReadTx, _ job.Look, item storage.Item[dataSource]) (json.RawMessage, error) {
	all, err := forms()
	if err != nil {
		return nil, err
	}
	v := item.Value
	form := all[v.Type]
	given := make(map[string]json.RawMessage, len(v.Members)+5)
	maps.Copy(given, v.Members)
	given[memberID] = json.RawMessage(item.ID)
	given[memberType], given[memberName] = quoted(v.Type), quoted(v.Name)
	if v.Options != nil {
		given[memberOptions] = ordered(form.options, v.Options)
	}
	tested, err := v.lastTest(tx)
	if err != nil {
		return nil, err
	}
	given[memberLastTest] = tested
	return ordered(form.members, given), nil
}

// lastTest is what the latest test that has ended came to, or null. To show it is no
// read of the test.
func (v *dataSource) lastTest(tx storage.ReadTx) (json.RawMessage, error) {
	for _, id := range []string{v.Test, v.Before} {
		if id == "" {
			continue
		}
		j, err := looking(tx)(sourceTests, id)
		if storage.IsNotFound(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if j.State.Ended() {
			return json.Marshal(datafold.APIDataSourceTestStatus{TestedAt: pydantic.Datetime{Time: j.Finished}, Results: stepsOf(j)})
		}
	}
	return json.RawMessage("null"), nil
}

func quoted(text string) json.RawMessage {
	b, err := json.Marshal(text)
	if err != nil { // no string fails
		return json.RawMessage(`""`)
	}
	return b
}

// number is a member that is a number, otherwise what it is without.
func (v *dataSource) number(name string, otherwise float64) float64 {
	n := otherwise
	if text, ok := v.Members[name]; !ok || string(text) == "null" || json.Unmarshal(text, &n) != nil {
		return otherwise
	}
	return n
}

// flag is a member that is a truth.
func (v *dataSource) flag(name string) bool { return string(v.Members[name]) == "true" }

func (v *dataSource) text(name string) string {
	var text *string
	if json.Unmarshal(v.Members[name], &text) != nil || text == nil {
		return ""
	}
	return *text
}

// sourceOf reads a body that creates a source.
func sourceOf(body []byte) (dataSource, error) {
	all, err := forms()
	if err != nil {
		return dataSource{}, err
	}
	var given map[string]json.RawMessage
	if err := json.Unmarshal(body, &given); err != nil {
		return dataSource{}, err
	}
	v := dataSource{Members: map[string]json.RawMessage{}}
	for name, into := range map[string]*string{memberType: &v.Type, memberName: &v.Name} {
		if err := json.Unmarshal(given[name], into); err != nil {
			return dataSource{}, err
		}
	}
	form := all[v.Type]
	for _, m := range form.members {
		switch m.name {
		case memberType, memberName, memberID, memberLastTest, memberOptions: // ours to say, or said above
		default:
			if value, ok := given[m.name]; ok {
				v.Members[m.name] = value
			}
		}
	}
	var options map[string]json.RawMessage
	if text, ok := given[memberOptions]; ok {
		if err := json.Unmarshal(text, &options); err != nil {
			return dataSource{}, err
		}
	}
	if options != nil {
		v.Options, v.Secrets = map[string]json.RawMessage{}, map[string]string{}
	}
	for _, m := range form.options {
		value, ok := options[m.name]
		if !ok {
			continue
		}
		if !m.secret {
			v.Options[m.name] = value
			continue
		}
		var secret *string
		if err := json.Unmarshal(value, &secret); err != nil {
			return dataSource{}, err
		}
		if secret != nil {
			v.Secrets[m.name] = *secret
		}
	}
	return v, v.rename()
}

// rename gives the password of one client its published name. One is needed where
// the document asks for it, which warns only because of that client.
func (v *dataSource) rename() error {
	old, given := v.Secrets[memberOldPassword]
	delete(v.Secrets, memberOldPassword)
	_, has := v.Secrets[memberPassword]
	switch {
	case v.Type != "mysql" || v.Options == nil || has:
	case given:
		v.Secrets[memberPassword] = old
	default:
		return unprocessable(missingField("body", v.Type, memberOptions, memberPassword))
	}
	return nil
}

// ListDataSources lists the data sources that are not hidden, oldest first.
func (a *API) ListDataSources(ctx context.Context, _ datafold.ListDataSourcesRequestObject) (datafold.ListDataSourcesResponseObject, error) {
	list, err := dataSources.listed(ctx, a, func(v dataSource) bool { return !v.flag(memberHidden) })
	if err != nil {
		return nil, err
	}
	answer := make(datafold.ListDataSources200JSONResponse, len(list))
	for i := range list {
		if answer[i], err = union.Of[datafold.ListDataSources200JSONResponseBody_Item](list[i]); err != nil {
			return nil, err
		}
	}
	return answer, nil
}

// CreateNewDatasource adds a data source. It is not tested.
func (a *API) CreateNewDatasource(ctx context.Context, request datafold.CreateNewDatasourceRequestObject) (datafold.CreateNewDatasourceResponseObject, error) {
	body, err := request.Body.MarshalJSON()
	if err != nil {
		return nil, err
	}
	v, err := sourceOf(body)
	if err != nil {
		return nil, err
	}
	v.seal(a.sealer)
	view, err := dataSources.add(ctx, a, v)
	if err != nil {
		return nil, err
	}
	return union.Of[datafold.CreateNewDatasource200JSONResponse](view)
}

// GetDataSource reads a data source of any type.
func (a *API) GetDataSource(ctx context.Context, request datafold.GetDataSourceRequestObject) (datafold.GetDataSourceResponseObject, error) {
	view, err := dataSources.read(ctx, a, request.DataSourceID)
	if err != nil {
		return nil, err
	}
	return union.Of[datafold.GetDataSource200JSONResponse](view)
}

// GetDataSourceSummary tells the number, name and type of a data source.
func (a *API) GetDataSourceSummary(ctx context.Context, request datafold.GetDataSourceSummaryRequestObject) (datafold.GetDataSourceSummaryResponseObject, error) {
	return reading(ctx, a, func(tx storage.ReadTx, _ job.Look) (datafold.GetDataSourceSummaryResponseObject, error) {
		item, err := dataSources.at(tx, request.DataSourceID)
		if err != nil {
			return nil, err
		}
		return datafold.GetDataSourceSummary200JSONResponse{ID: request.DataSourceID, Name: item.Value.Name, Type: item.Value.Type}, nil
	})
}

// GetDataSourceTypes lists the types of data sources, each with what can be done with
// it here.
func (a *API) GetDataSourceTypes(ctx context.Context, _ datafold.GetDataSourceTypesRequestObject) (datafold.GetDataSourceTypesResponseObject, error) {
	all, err := forms()
	if err != nil {
		return nil, err
	}
	how, err := a.compatibility(ctx)
	if err != nil {
		return nil, err
	}
	answer := datafold.GetDataSourceTypes200JSONResponse{}
	for _, t := range sourceTypes {
		if how.shows(t.name) {
			features := []string{}
			if a.unsupported(t.name) == "" {
				features = append(features, featureDiff)
			}
			answer = append(answer, all[t.name].describe(t.name, t.title, features))
		}
	}
	return answer, nil
}

// TestDataSource begins a test of a data source.
func (a *API) TestDataSource(ctx context.Context, request datafold.TestDataSourceRequestObject) (datafold.TestDataSourceResponseObject, error) {
	return writing(ctx, a, func(w *work) (datafold.TestDataSourceResponseObject, error) {
		item, err := dataSources.at(w, request.DataSourceID)
		if err != nil {
			return nil, err
		}
		j, err := sourceTests.Enqueue(w.Tx, job.Order{Args: sourceTask{Source: request.DataSourceID}})
		if err != nil {
			return nil, err
		}
		before := item.Value.Before
		if item.Value.Test != "" {
			if last, err := looking(w)(sourceTests, item.Value.Test); err == nil && last.State.Ended() {
				before = item.Value.Test
			}
		}
		if err := amend(sourceRecords, w.Tx, item.ID, func(v *dataSource) error {
			v.Test, v.Before = j.ID, before
			return nil
		}); err != nil {
			return nil, err
		}
		id, err := strconv.Atoi(j.ID)
		return datafold.TestDataSource200JSONResponse{JobID: id}, err
	})
}

// GetDataSourceTestResult tells where a test is.
func (a *API) GetDataSourceTestResult(ctx context.Context, request datafold.GetDataSourceTestResultRequestObject) (datafold.GetDataSourceTestResultResponseObject, error) {
	return reading(ctx, a, func(_ storage.ReadTx, look job.Look) (datafold.GetDataSourceTestResultResponseObject, error) {
		j, err := look(sourceTests, strconv.Itoa(request.JobID))
		if storage.IsNotFound(err) {
			return nil, site.NotFound("", "Data source test not found")
		}
		if err != nil {
			return nil, err
		}
		return datafold.GetDataSourceTestResult200JSONResponse{
			ID: request.JobID, Status: datafold.JobStatus(jobWords[j.State]), Results: stepsOf(j),
		}, nil
	})
}

// queryTimeout is how long a request waits for a database.
const queryTimeout = 30 * time.Second
