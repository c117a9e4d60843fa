package dbt

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// The bounds of a manifest.
const (
	// MaxManifest is the size of a manifest at most, in bytes.
	MaxManifest = 256 << 20
	// maxNode is the size of a node at most, in bytes: it is held as a whole.
	maxNode = 16 << 20
	// maxNodes bounds nodes, and macros.
	maxNodes = 200_000
)

// Manifest is what is read of a manifest.
type Manifest struct {
	Schema  int    `json:"schema"`            // the version of its schema
	Version string `json:"version,omitempty"` // of dbt
	Adapter string `json:"adapter,omitempty"` // such as "snowflake"
	Project string `json:"project,omitempty"`
	// Models are models, snapshots and seeds, by their ids.
	Models []Model `json:"models"`
}

// Model is a node that has a table, or is in the queries of those that have one.
type Model struct {
	ID   string `json:"id"`
	Kind string `json:"kind"` // model, snapshot or seed
	Name string `json:"name"`
	// FQN is the fully qualified name.
	FQN   []string `json:"fqn,omitempty"`
	File  string   `json:"file,omitempty"`  // that it is written in
	Patch string   `json:"patch,omitempty"` // that has its properties
	// Table is the path of the table: database, schema and name, as far as they are known.
	Table []string `json:"table,omitempty"`
	// Ephemeral models are no tables: their queries stand in those of others.
	Ephemeral bool `json:"ephemeral,omitempty"`
	// Fingerprint changes when the code does, that of its macros included, or what dbt
	// makes of it.
	Fingerprint string   `json:"fingerprint"`
	Parents     []string `json:"parents,omitempty"`
	Columns     []string `json:"columns,omitempty"` // that are declared
	Marks       Marks    `json:"marks,omitzero"`
	Options     Options  `json:"options,omitzero"`
}

// Marks are what may say that columns are a key.
type Marks struct {
	// Model is what the meta of the model names, by the names of its members; Meta the
	// columns whose own meta has a member that is true, and Tags those with a tag.
	Model map[string][]string `json:"model,omitempty"`
	Meta  map[string][]string `json:"meta,omitempty"`
	Tags  map[string][]string `json:"tags,omitempty"`
	// Unique are the columns of uniqueness tests.
	Unique [][]string `json:"unique,omitempty"`
	// Config is unique_key of the config, Constraint the primary key of a contract.
	Config     []string `json:"config,omitempty"`
	Constraint []string `json:"constraint,omitempty"`
}

// Options are what the meta of a model says of its comparison (datafold.datadiff).
type Options struct {
	Never      bool     `json:"never,omitempty"`
	Where      string   `json:"where,omitempty"` // which rows
	Include    []string `json:"include,omitempty"`
	Exclude    []string `json:"exclude,omitempty"`
	TimeColumn string   `json:"timeColumn,omitempty"`
	// ProdTime and PRTime are states of the tables to compare.
	ProdTime string `json:"prodTime,omitempty"`
	PRTime   string `json:"prTime,omitempty"`
	// Downstream says that the model is compared whenever it is below a change.
	Downstream bool `json:"downstream,omitempty"`
}

// Error says why a text is no manifest that can be read, in a sentence for people.
type Error struct{ Message string }

// Error is the message.
func (e *Error) Error() string { return e.Message }

func refuse(format string, args ...any) error { return &Error{fmt.Sprintf(format, args...)} }

// schemas are the versions of the schema that are read, with the versions of dbt that
// write them.
var schemas = map[int]string{7: "1.3", 8: "1.4", 9: "1.5", 10: "1.6", 11: "1.7", 12: "1.8 to 1.11", 20: "Fusion 2.0"}

var schemaForm = regexp.MustCompile(`/dbt/manifest/v(\d{1,4})(?:\.json|/|$)`)

// version is the version of a schema by its address.
func version(address string) (int, error) {
	found := schemaForm.FindStringSubmatch(address)
	if found == nil {
		return 0, refuse("It is no manifest of dbt: its metadata names no schema of one.")
	}
	n, err := strconv.Atoi(found[1])
	if _, ok := schemas[n]; err != nil || !ok {
		return 0, refuse("The manifest is of the schema version v%s. Those of dbt 1.3 to 1.11 (v7 to v12) and of Fusion (v20) are read.", found[1])
	}
	return n, nil
}

// Read reads a manifest. What is wrong with the text is an [*Error], any other is r's.
func Read(r io.Reader) (*Manifest, error) {
	s := &reading{
		in:  &limited{r: r, left: MaxManifest},
		out: &Manifest{}, macros: map[string]macro{}, nodes: map[string]*node{}, unique: map[string][][]string{},
	}
	s.dec = jsontext.NewDecoder(s.in, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if err := s.all(); err != nil {
		return nil, s.worded(err)
	}
	return s.finish(), nil
}

// limited reads at most so many bytes, in all and for one value, and keeps an error of
// what it reads.
type limited struct {
	r     io.Reader
	left  int64
	value int64 // bytes that are read still for the value at hand
	err   error
}

var (
	errTooLarge     = errors.New("too large")
	errNodeTooLarge = errors.New("node too large")
)

func (l *limited) Read(p []byte) (int, error) {
	switch {
	case l.left <= 0:
		return 0, errTooLarge
	case l.value <= 0:
		return 0, errNodeTooLarge
	}
	n, err := l.r.Read(p[:min(int64(len(p)), l.left, l.value)])
	l.left -= int64(n)
	l.value -= int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		l.err = err
	}
	return n, err
}

// reading is a manifest that is being read.
type reading struct {
	in     *limited
	dec    *jsontext.Decoder
	out    *Manifest
	nodes  map[string]*node
	macros map[string]macro
	unique map[string][][]string // of tests, by the model they are of
	has    struct{ metadata, nodes bool }
}

// worded puts an error into the words of a sentence, unless it is that of what is read.
func (s *reading) worded(err error) error {
	told, ok := errors.AsType[*Error](err)
	switch {
	case s.in.err != nil:
		return s.in.err
	case ok:
		return told
	case errors.Is(err, errTooLarge):
		return refuse("The manifest is larger than %d bytes.", int64(MaxManifest))
	case errors.Is(err, errNodeTooLarge):
		return refuse("A value in the manifest is larger than %d bytes.", int64(maxNode))
	}
	return refuse("It is no manifest of dbt: it is not JSON, or its members are of other types (near byte %d).", s.dec.InputOffset())
}

// all reads the members of the manifest.
func (s *reading) all() error {
	if err := s.members(func(name string) error {
		switch name {
		case "metadata":
			s.has.metadata = true
			return s.metadata()
		case "nodes":
			s.has.nodes = true
			return s.members(s.node)
		case "macros":
			return s.members(s.macro)
		}
		return s.skip()
	}); err != nil {
		return err
	}
	switch {
	case !s.has.metadata:
		return refuse("It is no manifest of dbt: it has no metadata.")
	case !s.has.nodes:
		return refuse("It is no manifest of dbt: it has no nodes.")
	}
	_, err := s.token()
	if !errors.Is(err, io.EOF) {
		return refuse("There is something behind the manifest.")
	}
	return nil
}

// members hands over the names of an object's members; fn reads the values.
func (s *reading) members(fn func(name string) error) error {
	token, err := s.token()
	if err != nil {
		return err
	}
	if token.Kind() != '{' {
		return refuse("It is no manifest of dbt: an object is expected (near byte %d).", s.dec.InputOffset())
	}
	for s.in.value = maxNode; s.dec.PeekKind() != '}'; s.in.value = maxNode {
		name, err := s.token()
		if err != nil {
			return err
		}
		if err := fn(name.String()); err != nil {
			return err
		}
	}
	_, err = s.token()
	return err
}

// token reads a token. Every one may be as large as a node.
func (s *reading) token() (jsontext.Token, error) {
	s.in.value = maxNode
	return s.dec.ReadToken()
}

// skip passes over a value, whatever its size.
func (s *reading) skip() error {
	for depth := s.dec.StackDepth(); ; {
		if _, err := s.token(); err != nil || s.dec.StackDepth() == depth {
			return err
		}
	}
}

// value reads a value as a whole into v; what does not fit is passed over.
func (s *reading) value(v any) error {
	s.in.value = maxNode
	text, err := s.dec.ReadValue()
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, v); err != nil {
		if _, wrong := errors.AsType[*json.UnmarshalTypeError](err); wrong {
			return nil // the rest of it was read
		}
		return err
	}
	return nil
}

func (s *reading) metadata() error {
	var m struct {
		Schema  string `json:"dbt_schema_version"`
		Version string `json:"dbt_version"`
		Adapter string `json:"adapter_type"`
		Project string `json:"project_name"`
	}
	if err := s.value(&m); err != nil {
		return err
	}
	n, err := version(m.Schema)
	s.out.Schema, s.out.Version, s.out.Adapter, s.out.Project = n, m.Version, m.Adapter, m.Project
	return err
}

// finish makes the manifest of what was read.
func (s *reading) finish() *Manifest {
	prints := fingerprints{macros: s.macros, of: map[string]string{}}
	for _, id := range slices.Sorted(maps.Keys(s.nodes)) {
		n := s.nodes[id]
		m := n.model(id)
		m.Fingerprint = prints.node(n)
		for _, columns := range s.unique[id] {
			if len(columns) > 0 && !slices.ContainsFunc(m.Marks.Unique, func(u []string) bool { return slices.Equal(u, columns) }) {
				m.Marks.Unique = append(m.Marks.Unique, columns)
			}
		}
		slices.SortFunc(m.Marks.Unique, func(a, b []string) int {
			if len(a) != len(b) {
				return len(a) - len(b)
			}
			return slices.Compare(a, b)
		})
		s.out.Models = append(s.out.Models, m)
	}
	if s.out.Models == nil {
		s.out.Models = []Model{}
	}
	return s.out
}

// PathOf is the path of a relation that is written with dots, and with quotes of the
// usual kinds around its parts.
func PathOf(relation string) []string {
	var path []string
	var part strings.Builder
	var closing rune
	for _, c := range relation {
		switch {
		case closing != 0 && c == closing:
			closing = 0
		case closing != 0:
			part.WriteRune(c)
		case c == '"' || c == '`':
			closing = c
		case c == '[':
			closing = ']'
		case c == '.':
			path = append(path, part.String())
			part.Reset()
		default:
			part.WriteRune(c)
		}
	}
	path = append(path, part.String())
	return slices.DeleteFunc(path, func(p string) bool { return strings.TrimSpace(p) == "" })
}
