package dbt

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// The kinds of nodes that are read.
const (
	kindModel    = "model"
	kindSnapshot = "snapshot"
	kindSeed     = "seed"
	kindTest     = "test"
)

// node is a node as dbt writes it.
type node struct {
	Kind     string   `json:"resource_type"`
	Name     string   `json:"name"`
	FQN      []string `json:"fqn"`
	File     string   `json:"original_file_path"`
	Patch    string   `json:"patch_path"`
	Database string   `json:"database"`
	Schema   string   `json:"schema"`
	Alias    string   `json:"alias"`
	Relation string   `json:"relation_name"`
	Checksum struct {
		Name  string `json:"name"`
		Value string `json:"checksum"`
	} `json:"checksum"`
	Code    string `json:"raw_code"` // raw_sql before dbt 1.3
	Depends struct {
		Nodes  []string `json:"nodes"`
		Macros []string `json:"macros"`
	} `json:"depends_on"`
	Config      map[string]json.RawMessage `json:"config"`
	Meta        map[string]json.RawMessage `json:"meta"`
	Columns     map[string]column          `json:"columns"`
	Constraints []constraint               `json:"constraints"`

	// Of a test.
	Attached string `json:"attached_node"` // since dbt 1.5
	Test     *struct {
		Name   string                     `json:"name"`
		Kwargs map[string]json.RawMessage `json:"kwargs"`
	} `json:"test_metadata"`
}

type column struct {
	Name        string                     `json:"name"`
	Tags        []string                   `json:"tags"`
	Meta        map[string]json.RawMessage `json:"meta"`
	Constraints []constraint               `json:"constraints"`
	// Config has meta and tags since dbt 1.10.
	Config struct {
		Tags []string                   `json:"tags"`
		Meta map[string]json.RawMessage `json:"meta"`
	} `json:"config"`
}

type constraint struct {
	Type    string   `json:"type"`
	Columns []string `json:"columns"`
}

type macro struct {
	hash    string
	depends []string
}

// node reads a node.
func (s *reading) node(id string) error {
	if len(s.nodes) >= maxNodes {
		return refuse("The manifest has more than %d nodes.", maxNodes)
	}
	n := &node{}
	if err := s.value(n); err != nil {
		return err
	}
	switch n.Kind {
	case kindModel, kindSnapshot, kindSeed:
		n.Code = shortPrint(n.Code) // it may be long
		s.nodes[id] = n
	case kindTest:
		if model, columns := n.unique(); model != "" {
			s.unique[model] = append(s.unique[model], columns)
		}
	}
	return nil
}

// macro reads a macro.
func (s *reading) macro(id string) error {
	if len(s.macros) >= maxNodes {
		return refuse("The manifest has more than %d macros.", maxNodes)
	}
	var m struct {
		SQL     string `json:"macro_sql"`
		Depends struct {
			Macros []string `json:"macros"`
		} `json:"depends_on"`
	}
	if err := s.value(&m); err != nil {
		return err
	}
	s.macros[id] = macro{shortPrint(m.SQL), m.Depends.Macros}
	return nil
}

func shortPrint(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		_, _ = fmt.Fprintf(h, "%d:%s", len(p), p) // a hash takes everything
	}
	return hex.EncodeToString(h.Sum(nil)[:12])
}

// fingerprints makes fingerprints of nodes, and of the macros that they use.
type fingerprints struct {
	macros map[string]macro
	of     map[string]string // of macros with all below them
}

// macro is the fingerprint of a macro and of those that it calls. They may call each
// other in circles.
func (f *fingerprints) macro(id string) string {
	if known, ok := f.of[id]; ok {
		return known
	}
	seen := map[string]bool{id: true}
	queue := []string{id}
	for i := 0; i < len(queue); i++ {
		for _, next := range f.macros[queue[i]].depends {
			if !seen[next] {
				seen[next] = true
				queue = append(queue, next)
			}
		}
	}
	slices.Sort(queue)
	parts := make([]string, 0, 2*len(queue))
	for _, name := range queue {
		parts = append(parts, name, f.macros[name].hash)
	}
	f.of[id] = shortPrint(parts...)
	return f.of[id]
}

// configs are the members of a config that change what is in the table.
var configs = []string{
	"materialized", "incremental_strategy", "unique_key", "on_schema_change", "pre-hook", "post-hook", "strategy", "updated_at",
	"check_cols", "incremental_predicates", "merge_exclude_columns", "merge_update_columns", "full_refresh", "invalidate_hard_deletes",
}

// node is the fingerprint of a node.
func (f *fingerprints) node(n *node) string {
	parts := []string{n.Kind, n.Code}
	// The checksum of a large seed is of its path.
	if n.Checksum.Name != "path" {
		parts = append(parts, n.Checksum.Value)
	}
	for _, name := range configs {
		parts = append(parts, string(compact(n.Config[name])))
	}
	for _, id := range slices.Sorted(slices.Values(n.Depends.Macros)) {
		parts = append(parts, id, f.macro(id))
	}
	return shortPrint(parts...)
}

// compact is a value without spaces; absent is null.
func compact(text json.RawMessage) json.RawMessage {
	var v any
	if json.Unmarshal(text, &v) != nil || v == nil {
		return nil
	}
	out, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	return out
}

// model is the model of a node.
func (n *node) model(id string) Model {
	m := Model{
		ID: id, Kind: n.Kind, Name: n.Name, FQN: n.FQN, File: n.File, Patch: n.Patch, Parents: n.Depends.Nodes,
		Ephemeral: n.Kind == kindModel && text(n.Config["materialized"]) == "ephemeral",
	}
	if m.Name == "" {
		m.Name = id[strings.LastIndexByte(id, '.')+1:]
	}
	if !m.Ephemeral {
		alias := n.Alias
		if alias == "" {
			alias = m.Name
		}
		if m.Table = slices.DeleteFunc([]string{n.Database, n.Schema, alias}, func(p string) bool { return p == "" }); n.Schema == "" && n.Relation != "" {
			m.Table = PathOf(n.Relation)
		}
	}
	m.Columns = slices.Sorted(maps.Keys(n.Columns))
	meta := map[string]json.RawMessage{}
	maps.Copy(meta, object(n.Config["meta"]))
	maps.Copy(meta, n.Meta)
	m.Marks, m.Options = n.marks(meta, m.Columns), options(meta)
	return m
}

// marks are what says in the node that columns are a key.
func (n *node) marks(meta map[string]json.RawMessage, columns []string) Marks {
	k := Marks{Model: map[string][]string{}, Meta: map[string][]string{}, Tags: map[string][]string{}}
	for name, value := range meta {
		if names := texts(value); len(names) > 0 {
			k.Model[name] = names
		}
	}
	for _, key := range columns {
		c := n.Columns[key]
		name := c.Name
		if name == "" {
			name = key
		}
		own := map[string]json.RawMessage{}
		maps.Copy(own, c.Config.Meta)
		maps.Copy(own, c.Meta)
		for member, value := range own {
			if yes(value) {
				k.Meta[member] = append(k.Meta[member], name)
			}
		}
		tags := slices.Concat(c.Tags, c.Config.Tags)
		slices.Sort(tags)
		for _, tag := range slices.Compact(tags) {
			k.Tags[tag] = append(k.Tags[tag], name)
		}
		if slices.ContainsFunc(c.Constraints, func(c constraint) bool { return c.Type == "primary_key" }) {
			k.Constraint = append(k.Constraint, name)
		}
	}
	for _, c := range n.Constraints {
		if c.Type == "primary_key" && len(c.Columns) > 0 {
			k.Constraint = c.Columns
		}
	}
	k.Config = texts(n.Config["unique_key"])
	return k
}

// unique is the model that a uniqueness test is of, and its columns.
func (n *node) unique() (model string, columns []string) {
	if n.Test == nil || text(n.Config["where"]) != "" || string(n.Config["enabled"]) == "false" {
		return "", nil // of some rows only, or not made
	}
	switch n.Test.Name {
	case "unique":
		columns = columnsIn(text(n.Test.Kwargs["column_name"]))
	case "unique_combination_of_columns":
		columns = texts(n.Test.Kwargs["combination_of_columns"])
	case "primary_key":
		if columns = texts(n.Test.Kwargs["column_names"]); columns == nil {
			columns = columnsIn(text(n.Test.Kwargs["column_name"]))
		}
	}
	if len(columns) == 0 {
		return "", nil
	}
	if n.Attached != "" {
		return n.Attached, columns
	}
	if len(n.Depends.Nodes) == 1 {
		return n.Depends.Nodes[0], columns
	}
	return "", nil
}

var (
	columnForm  = regexp.MustCompile(`^(?:[A-Za-z_][\w$]*|"[^"]+"|` + "`[^`]+`" + `)$`)
	literalForm = regexp.MustCompile(`^'(?:[^']|'')*'$`)
	concatForm  = regexp.MustCompile(`(?is)^\s*concat(?:_ws)?\s*\((.*)\)\s*$`)
	castForm    = regexp.MustCompile(`(?is)^cast\s*\(\s*(\S+)\s+as\s+[\w ()]+\)$|^(\S+?)::\w+$`)
)

// columnsIn are the columns in the expression of a uniqueness test: one, or several that
// are joined by || or CONCAT. Any other expression has none.
func columnsIn(expression string) (columns []string) {
	expression = strings.TrimSpace(expression)
	parts := strings.Split(expression, "||")
	if found := concatForm.FindStringSubmatch(expression); found != nil {
		parts = strings.Split(found[1], ",")
	}
	for _, part := range parts {
		part = strings.TrimSpace(part)
		if cast := castForm.FindStringSubmatch(part); cast != nil {
			part = cast[1] + cast[2]
		}
		switch {
		case literalForm.MatchString(part) && len(parts) > 1:
		case columnForm.MatchString(part):
			columns = append(columns, strings.Trim(part, "\"`"))
		default:
			return nil
		}
	}
	return columns
}

// options are what the meta of a model says of its comparison.
func options(meta map[string]json.RawMessage) (o Options) {
	d := object(object(meta["datafold"])["datadiff"])
	return Options{
		Never: yes(d["never_diff"]), Where: text(d["filter"]), Include: texts(d["include_columns"]), Exclude: texts(d["exclude_columns"]),
		TimeColumn: text(d["time_column"]), ProdTime: first(texts(d["prod_time_travel"])), PRTime: first(texts(d["pr_time_travel"])),
		Downstream: text(d["slim_diff"]) == "diff_when_downstream",
	}
}

func first(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}

// The values of a meta, which people write: what is of another type is not there.

func object(value json.RawMessage) (m map[string]json.RawMessage) {
	if json.Unmarshal(value, &m) != nil {
		return nil
	}
	return m
}

func text(value json.RawMessage) (s string) {
	if json.Unmarshal(value, &s) != nil {
		return ""
	}
	return s
}

// texts are the texts of a list, or the one text.
func texts(value json.RawMessage) (list []string) {
	if s := text(value); s != "" {
		return []string{s}
	}
	if json.Unmarshal(value, &list) != nil {
		return nil
	}
	return slices.DeleteFunc(list, func(s string) bool { return s == "" })
}

// yes is whether a value is true, also as a text.
func yes(value json.RawMessage) bool {
	return string(value) == "true" || strings.EqualFold(text(value), "true") || strings.EqualFold(text(value), "yes")
}
