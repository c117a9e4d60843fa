package openapi_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/understudy-api/understudy/gen/brms"
	"github.com/understudy-api/understudy/gen/datafold"
)

// The generated types carry every example of their schema to and fro without
// losing a member, a null or an empty list.
func TestTypesKeepExamples(t *testing.T) {
	types := map[string]map[string]any{
		"brms.yaml": {
			"ApprovalGroup":              new(brms.ApprovalGroup),
			"BooleanText":                new(brms.BooleanText),
			"CreateIntegrationRequest":   new(brms.CreateIntegrationRequest),
			"CreateProjectRequest":       new(brms.CreateProjectRequest),
			"CreatedProject":             new(brms.CreatedProject),
			"Error":                      new(brms.Error),
			"Health":                     new(brms.Health),
			"HttpIntegrationConfig":      new(brms.HTTPIntegrationConfig),
			"HttpIntegrationConfigInput": new(brms.HTTPIntegrationConfigInput),
			"Integration":                new(brms.Integration),
			"IntegrationPage":            new(brms.IntegrationPage),
			"OperationStatus":            new(brms.OperationStatus),
			"Paginate":                   new(brms.Paginate),
			"Project":                    new(brms.Project),
			"ProjectMember":              new(brms.ProjectMember),
			"ProjectPage":                new(brms.ProjectPage),
			"ProjectUser":                new(brms.ProjectUser),
			"UpdateIntegrationRequest":   new(brms.UpdateIntegrationRequest),
			"UpdateProjectRequest":       new(brms.UpdateProjectRequest),
		},
		"datafold.yaml": {
			"BIIntegration":             new(datafold.BIIntegration),
			"BIIntegrationList":         new(datafold.BIIntegrationList),
			"BIIntegrationRemoved":      new(datafold.BIIntegrationRemoved),
			"BISync":                    new(datafold.BISync),
			"DataSourceBinding":         new(datafold.DataSourceBinding),
			"DbtDataSourceConfig":       new(datafold.DbtDataSourceConfig),
			"ErrorDetail":               new(datafold.ErrorDetail),
			"HTTPValidationError":       new(datafold.HTTPValidationError),
			"HighTouchDataSourceConfig": new(datafold.HighTouchDataSourceConfig),
			"LookerDataSourceConfig":    new(datafold.LookerDataSourceConfig),
			"ModeDataSourceConfig":      new(datafold.ModeDataSourceConfig),
			"PowerBIAuthType":           new(datafold.PowerBIAuthType),
			"PowerBIDataSourceConfig":   new(datafold.PowerBIDataSourceConfig),
			"TableauDataSourceConfig":   new(datafold.TableauDataSourceConfig),
			"ValidationError":           new(datafold.ValidationError),
		},
	}
	for _, s := range served {
		schemas := load(t, s.file).Components.Schemas
		if got, want := slices.Sorted(maps.Keys(types[s.file])), slices.Sorted(maps.Keys(schemas)); !slices.Equal(got, want) {
			t.Errorf("%s: types %v, schemas %v", s.file, got, want)
			continue
		}
		for name, sc := range schemas {
			values := sc.Value.Examples
			if sc.Value.Example != nil {
				values = append(values, sc.Value.Example)
			}
			for _, v := range values {
				into := reflect.New(reflect.TypeOf(types[s.file][name]).Elem()).Interface()
				data, err := json.Marshal(v)
				if err != nil {
					t.Fatal(err)
				}
				if err := json.Unmarshal(data, into); err != nil {
					t.Errorf("%s: %s: %v", s.file, name, err)
					continue
				}
				if got, want := plain(t, into), plain(t, v); !reflect.DeepEqual(got, want) {
					t.Errorf("%s: %s:\n got %v\nwant %v", s.file, name, got, want)
				}
			}
		}
	}
}

// Members that answers always have are there without a value too, as null.
func TestAbsentValuesAreNull(t *testing.T) {
	for _, c := range []struct {
		value any
		nulls []string
	}{
		{brms.Integration{}, []string{"description", "group", "deletedAt"}},
		{brms.Project{}, []string{"deletedAt", "decisionsApprovalMode"}},
		{datafold.BIIntegration{}, []string{"name", "indexing_cron", "sync"}},
		{datafold.BISync{}, []string{"started_at", "finished_at"}},
	} {
		data, err := json.Marshal(c.value)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range c.nulls {
			if !bytes.Contains(data, []byte(`"`+name+`":null`)) {
				t.Errorf("%T: %s is not null in %s", c.value, name, data)
			}
		}
	}
}

// Secrets have no member in any type that an answer is made of.
func TestAnswersHaveNoSecrets(t *testing.T) {
	secrets := make(map[string]bool)
	for name, sc := range load(t, "datafold.yaml").Components.Schemas {
		for p, ps := range sc.Value.Properties {
			for _, s := range append(openapi3.SchemaRefs{ps}, ps.Value.AnyOf...) {
				if s.Value.WriteOnly != (s.Value.Format == "password") {
					t.Errorf("%s.%s: writeOnly and password go together", name, p)
				}
				if s.Value.WriteOnly {
					secrets[p] = true
				}
			}
		}
	}
	if want := []string{"client_secret", "password", "token", "token_value"}; !slices.Equal(slices.Sorted(maps.Keys(secrets)), want) {
		t.Errorf("secrets %v, want %v", slices.Sorted(maps.Keys(secrets)), want)
	}
	for field := range reflect.TypeFor[datafold.BIIntegration]().Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if secrets[name] {
			t.Errorf("an answer has %s", name)
		}
	}
}

// What is embedded is what openapi/ holds, and the table of lines leads back
// into it.
func TestEmbeddedDocuments(t *testing.T) {
	for _, g := range []struct {
		file                  string
		document, lines, yaml []byte
	}{
		{brms.File, brms.Document(), brms.Lines(), brms.YAML()},
		{datafold.File, datafold.Document(), datafold.Lines(), datafold.YAML()},
	} {
		t.Run(g.file, func(t *testing.T) {
			source := read(t, strings.TrimPrefix(g.file, "openapi/"))
			if !bytes.Equal(source, g.yaml) {
				t.Fatal("gen/ is stale: go generate ./openapi")
			}
			doc := parse(t, strings.TrimPrefix(g.file, "openapi/"))
			if !bytes.Equal(doc.JSON(), g.document) || !bytes.Equal(doc.Lines(), g.lines) {
				t.Fatal("gen/ is stale: go generate ./openapi")
			}
			var lines map[string]int
			if err := json.Unmarshal(g.lines, &lines); err != nil {
				t.Fatal(err)
			}
			text := strings.Split(string(source), "\n")
			for pointer, line := range lines {
				last := pointer[strings.LastIndex(pointer, "/")+1:]
				last = strings.NewReplacer("~1", "/", "~0", "~").Replace(last)
				at := strings.TrimLeft(text[line-1], " -")
				var i int
				if _, err := fmt.Sscanf(last, "%d", &i); pointer == "" || err == nil {
					continue // an item, or a status: whatever stands there
				}
				if !strings.HasPrefix(strings.Trim(at, "'"), last) {
					t.Errorf("%s leads to line %d: %s", pointer, line, at)
				}
			}
			if len(lines) < 1000 {
				t.Errorf("%d lines only", len(lines))
			}
		})
	}
}
