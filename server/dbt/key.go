package dbt

import (
	"fmt"
	"slices"
	"strings"
)

// KeySource says how the key of a model was found, in the words of the vendor's client as
// far as they are known.
type KeySource string

// The ways in which a key is found, in the order in which they are tried.
const (
	KeyMetaTable  KeySource = "meta_table"
	KeyMeta       KeySource = "meta"
	KeyTags       KeySource = "tags"
	KeyUniqueness KeySource = "uniqueness"
	KeyConfig     KeySource = "unique_key"  // ours
	KeyConstraint KeySource = "constraints" // ours
	KeyNone       KeySource = "none"
)

// DefaultKeyTag is what marks the columns of a key, unless something else does.
const DefaultKeyTag = "primary-key"

// Key is the key of a model by what marks it, how it was found, and what to look at.
func (m *Model) Key(tag string) (columns []string, source KeySource, warnings []string) {
	if tag == "" {
		tag = DefaultKeyTag
	}
	// YAML and Jinja do not both like hyphens: either spelling is the mark.
	of := func(marks map[string][]string) []string {
		if found := marks[tag]; found != nil {
			return found
		}
		return marks[strings.ReplaceAll(tag, "-", "_")]
	}
	var unique []string
	if len(m.Marks.Unique) > 0 {
		unique = m.Marks.Unique[0]
	}
	for _, way := range []struct {
		source  KeySource
		columns []string
	}{
		{KeyMetaTable, of(m.Marks.Model)},
		{KeyMeta, of(m.Marks.Meta)},
		{KeyTags, of(m.Marks.Tags)},
		{KeyUniqueness, unique},
		{KeyConfig, m.Marks.Config},
		{KeyConstraint, m.Marks.Constraint},
	} {
		// "primary-key: true" at a model names no column.
		if len(way.columns) == 0 || way.source == KeyMetaTable && slices.Equal(way.columns, []string{"true"}) {
			continue
		}
		source, columns = way.source, way.columns
		break
	}
	warnings = []string{}
	switch {
	case source == "":
		return []string{}, KeyNone, []string{"No primary key was found."}
	case source == KeyUniqueness && len(m.Marks.Unique) > 1:
		warnings = append(warnings, fmt.Sprintf("There are %d uniqueness tests; that of %s was taken.", len(m.Marks.Unique), strings.Join(columns, ", ")))
	}
	for _, c := range columns {
		if len(m.Columns) > 0 && !slices.ContainsFunc(m.Columns, func(name string) bool { return strings.EqualFold(name, c) }) {
			warnings = append(warnings, fmt.Sprintf("The column %s of the key is not declared.", c))
		}
	}
	return columns, source, warnings
}
