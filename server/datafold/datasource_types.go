package datafold

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/understudy-api/understudy/gen/datafold"
)

// sourceTypes are the types of data sources, in the order of the document, with the
// names by which people know them.
var sourceTypes = []struct{ name, title string }{
	{"bigquery", "BigQuery"},
	{"databricks", "Databricks"},
	{"duckdb", "DuckDB"},
	{"mongodb", "MongoDB"},
	{"mysql", "MySQL"},
	{"mariadb", "MariaDB"},
	{"mssql", "Microsoft SQL Server"},
	{"oracle", "Oracle"},
	{"pg", "PostgreSQL"},
	{"postgres_aurora", "PostgreSQL Aurora"},
	{"postgres_aws_rds", "PostgreSQL RDS"},
	{"redshift", "Amazon Redshift"},
	{"teradata", "Teradata"},
	{"sap_hana", "SAP HANA"},
	{"db2", "IBM Db2"},
	{"athena", "Amazon Athena"},
	{"snowflake", "Snowflake"},
	{"dremio", "Dremio"},
	{"starburst", "Starburst"},
	{"netezza", "Netezza"},
	{"files_azure_datalake", "Azure Data Lake"},
	{"google_cloud_storage", "Google Cloud Storage"},
	{"aws_s3", "Amazon S3"},
	{"azure_synapse", "Azure Synapse"},
	{"microsoft_fabric", "Microsoft Fabric"},
	{"vertica", "Vertica"},
	{"trino", "Trino"},
}

// oldTypes are those that data-diff can read: it stops at any other.
var oldTypes = []string{"bigquery", "databricks", "mysql", "pg", "postgres_aurora", "postgres_aws_rds", "redshift", "snowflake"}

// featureDiff is the one feature that a type can have here.
const featureDiff = "datadiff"

// member is a member of an object, as the document declares it.
type member struct {
	name     string
	standard json.RawMessage // what it is where nothing is given: its default, or null
	secret   bool
	schema   memberSchema
}

// memberSchema is what is read of the schema of a member.
type memberSchema struct {
	Ref       string            `json:"$ref"`
	Title     string            `json:"title"`
	Type      string            `json:"type"`
	WriteOnly bool              `json:"writeOnly"`
	Default   json.RawMessage   `json:"default"`
	Enum      []json.RawMessage `json:"enum"`
	AnyOf     []memberSchema    `json:"anyOf"`
}

// sourceForm is what sources of a type are made of.
type sourceForm struct {
	members  []member
	options  []member
	title    string   // of the options
	required []string // of them
}

// forms are the forms of all types, read from the document once.
var forms = sync.OnceValues(func() (map[string]sourceForm, error) {
	var document struct {
		Components struct {
			Schemas map[string]json.RawMessage `json:"schemas"`
		} `json:"components"`
	}
	if err := json.Unmarshal(datafold.Document(), &document); err != nil {
		return nil, err
	}
	schemas := document.Components.Schemas
	var union struct {
		Discriminator struct {
			Mapping map[string]string `json:"mapping"`
		} `json:"discriminator"`
	}
	if err := json.Unmarshal(schemas["ApiDataSourceForm"], &union); err != nil {
		return nil, err
	}
	all := make(map[string]sourceForm, len(sourceTypes))
	for _, t := range sourceTypes {
		members, _, err := membersOf(schemas, union.Discriminator.Mapping[t.name])
		if err != nil {
			return nil, err
		}
		form := sourceForm{members: members}
		at := slices.IndexFunc(members, func(m member) bool { return m.name == memberOptions })
		if at < 0 {
			return nil, fmt.Errorf("a data source of type %s has no options", t.name)
		}
		ref := members[at].schema.AnyOf[0].Ref
		var head struct {
			Title    string   `json:"title"`
			Required []string `json:"required"`
		}
		if form.options, head.Title, err = membersOf(schemas, ref); err != nil {
			return nil, err
		}
		if err := json.Unmarshal(schemas[nameOf(ref)], &head); err != nil {
			return nil, err
		}
		form.title, form.required = head.Title, head.Required
		all[t.name] = form
	}
	return all, nil
})

func nameOf(ref string) string { return ref[strings.LastIndexByte(ref, '/')+1:] }

// membersOf reads the members of a component in their order.
func membersOf(schemas map[string]json.RawMessage, ref string) (members []member, title string, err error) {
	var component struct {
		Title      string          `json:"title"`
		Properties json.RawMessage `json:"properties"`
	}
	text, ok := schemas[nameOf(ref)]
	if !ok {
		return nil, "", fmt.Errorf("no component is called %q", ref)
	}
	if err := json.Unmarshal(text, &component); err != nil {
		return nil, "", err
	}
	if component.Properties == nil {
		return nil, component.Title, nil
	}
	dec := json.NewDecoder(bytes.NewReader(component.Properties))
	if _, err := dec.Token(); err != nil {
		return nil, "", err
	}
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return nil, "", err
		}
		name, ok := token.(string)
		m := member{name: name, standard: json.RawMessage("null")}
		if err := errors.Join(dec.Decode(&m.schema)); err != nil || !ok {
			return nil, "", errors.Join(err, fmt.Errorf("%s: the members cannot be read", ref))
		}
		if m.schema.Default != nil {
			m.standard = m.schema.Default
		}
		m.secret = m.schema.secret()
		if m.schema.Ref != "" {
			var enum memberSchema
			if err := json.Unmarshal(schemas[nameOf(m.schema.Ref)], &enum); err != nil {
				return nil, "", err
			}
			m.schema.Type, m.schema.Enum = enum.Type, enum.Enum
		}
		members = append(members, m)
	}
	return members, component.Title, nil
}

func (s *memberSchema) secret() bool {
	return s.WriteOnly || slices.ContainsFunc(s.AnyOf, func(b memberSchema) bool { return b.secret() })
}

// plain is the schema without its null, as the configuration of a type shows it: old
// clients want a type of each member.
func (s *memberSchema) plain() map[string]any {
	kind, enum := s.Type, s.Enum
	for _, b := range s.AnyOf {
		switch {
		case b.Type == "null":
		case b.Ref != "":
			kind = "string"
		default:
			kind, enum = b.Type, b.Enum
		}
	}
	shown := map[string]any{"title": s.Title, "type": kind}
	if s.Default != nil {
		shown["default"] = s.Default
	}
	if len(enum) > 0 {
		shown["enum"] = enum
	}
	return shown
}

// describe is the type as clients are told of it.
func (f sourceForm) describe(name, title string, features []string) datafold.APIDataSourceType {
	properties, secret := map[string]any{}, []string{}
	for _, m := range f.options {
		if m.name == memberOldPassword {
			continue // the name of one client
		}
		properties[m.name] = m.schema.plain()
		if m.secret {
			secret = append(secret, m.name)
		}
	}
	required := f.required
	if required == nil {
		required = []string{}
	}
	return datafold.APIDataSourceType{
		Name: title, Type: name, Features: features,
		ConfigurationSchema: map[string]any{"title": f.title, "type": "object", "properties": properties, "required": required, "secret": secret},
	}
}

// ordered writes an object with its members in order; absent ones get their standard.
func ordered(members []member, given map[string]json.RawMessage) json.RawMessage {
	var text bytes.Buffer
	text.WriteByte('{')
	for _, m := range members {
		if m.secret {
			continue
		}
		if text.Len() > 1 {
			text.WriteByte(',')
		}
		value := m.standard
		if v, ok := given[m.name]; ok {
			value = v
		}
		fmt.Fprintf(&text, "%q:", m.name)
		text.Write(value)
	}
	text.WriteByte('}')
	return text.Bytes()
}
