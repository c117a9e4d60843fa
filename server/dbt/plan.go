package dbt

import (
	"path"
	"regexp"
	"slices"
	"strings"
)

// PlanOptions say how a plan is made.
type PlanOptions struct {
	// KeyTag marks the columns of keys; "" is [DefaultKeyTag].
	KeyTag string
	// Slim leaves out models whose own code has not changed.
	Slim bool
	// Ignore are columns that are never compared, as patterns in the syntax of gitignore.
	Ignore []string
	// Renames are columns with other names now.
	Renames []Rename
}

// Rename says that a column has another name in the tables of a pull request.
type Rename struct {
	Old  string `json:"old"`
	New  string `json:"new"`
	Glob string `json:"glob,omitempty"` // of the models' names; "" is all
}

// Comparison is a pair of tables that a pull request wants to be compared.
type Comparison struct {
	Model     string      `json:"model"` // its name
	ID        string      `json:"id"`
	Prod      []string    `json:"prod"`
	PR        []string    `json:"pr"`
	Key       []string    `json:"key"`
	KeySource KeySource   `json:"keySource"`
	Renames   [][2]string `json:"renames,omitempty"`
	Exclude   []string    `json:"exclude,omitempty"`
	Options   Options     `json:"options,omitzero"`
	// Modified says that the model's own code changed, and not only what it is made of.
	Modified bool     `json:"modified"`
	Notes    []string `json:"notes,omitempty"`
}

// Left is a model that is not compared although it changed.
type Left struct {
	Model string `json:"model"`
	Why   string `json:"why"`
}

// Plan is what has changed from one manifest to another.
type Plan struct {
	Comparisons []Comparison `json:"comparisons"`
	Left        []Left       `json:"left"`
	Added       []string     `json:"added"`
	Removed     []string     `json:"removed"`
}

// NewPlan compares the manifest of a pull request with that of production. The models
// stand in the order of their ids.
func NewPlan(base, pr *Manifest, o PlanOptions) *Plan {
	p := &Plan{Comparisons: []Comparison{}, Left: []Left{}, Added: []string{}, Removed: []string{}}
	before, now := byID(base), byID(pr)
	for i := range base.Models {
		if m := &base.Models[i]; m.compared() && now[m.ID] == nil {
			p.Removed = append(p.Removed, m.Name)
		}
	}
	g := newGraph(pr, before)
	for i := range pr.Models {
		m := &pr.Models[i]
		if !m.compared() {
			continue
		}
		old := before[m.ID]
		modified := g.modified[m.ID] || g.inlines(m.ID)
		switch below := g.below[m.ID]; {
		case old == nil:
			p.Added = append(p.Added, m.Name)
			continue
		case !modified && (!below || o.Slim && !m.Options.Downstream):
			continue
		case m.Options.Never:
			p.Left = append(p.Left, Left{m.Name, "never_diff is set."})
			continue
		case len(old.Table) == 0:
			p.Left = append(p.Left, Left{m.Name, "It has no table in production."})
			continue
		}
		p.Comparisons = append(p.Comparisons, comparison(old, m, modified, &o))
	}
	return p
}

// compared says whether a model has a table that is compared.
func (m *Model) compared() bool { return !m.Ephemeral && m.Kind != kindSeed && len(m.Table) > 0 }

func byID(m *Manifest) map[string]*Model {
	models := make(map[string]*Model, len(m.Models))
	for i := range m.Models {
		models[m.Models[i].ID] = &m.Models[i]
	}
	return models
}

// graph is how the models of a manifest depend on each other.
type graph struct {
	now      map[string]*Model
	modified map[string]bool // whose own code changed
	below    map[string]bool // something that changed
	inlined  map[string]bool
}

func newGraph(pr *Manifest, before map[string]*Model) *graph {
	g := &graph{now: byID(pr), modified: map[string]bool{}, below: map[string]bool{}, inlined: map[string]bool{}}
	children := map[string][]string{}
	var queue []string
	for i := range pr.Models {
		m := &pr.Models[i]
		for _, parent := range m.Parents {
			children[parent] = append(children[parent], m.ID)
		}
		if old := before[m.ID]; old == nil || old.Fingerprint != m.Fingerprint {
			g.modified[m.ID] = true
			queue = append(queue, m.ID)
		}
	}
	for len(queue) > 0 {
		id := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		for _, child := range children[id] {
			if !g.below[child] {
				g.below[child] = true
				queue = append(queue, child)
			}
		}
	}
	// What changed in an ephemeral model changed in those that its query stands in.
	for id := range g.modified {
		if m := g.now[id]; m.Ephemeral {
			queue = append(queue, id)
		}
	}
	for len(queue) > 0 {
		id := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		for _, child := range children[id] {
			if !g.inlined[child] {
				if g.inlined[child] = true; g.now[child].Ephemeral {
					queue = append(queue, child)
				}
			}
		}
	}
	return g
}

// inlines says whether the query of an ephemeral model that changed stands in that of a
// model.
func (g *graph) inlines(id string) bool { return g.inlined[id] }

func comparison(old, m *Model, modified bool, o *PlanOptions) Comparison {
	c := Comparison{Model: m.Name, ID: m.ID, Prod: old.Table, PR: m.Table, Modified: modified, Options: m.Options}
	c.Key, c.KeySource, c.Notes = m.Key(o.KeyTag)
	if c.KeySource == KeyNone {
		c.Notes = append(c.Notes, "It is inferred from the data.")
	}
	if slices.Equal(c.Prod, c.PR) {
		c.Notes = append(c.Notes, "Production and pull request have one table: "+strings.Join(c.PR, ".")+".")
	}
	for _, r := range o.Renames {
		if r.of(m) && !declares(old.Columns, r.New, r.Old) && !declares(m.Columns, r.Old, r.New) {
			c.Renames = append(c.Renames, [2]string{r.Old, r.New})
		}
	}
	// Keys are named as in production.
	for i, name := range c.Key {
		for _, r := range c.Renames {
			if strings.EqualFold(r[1], name) {
				c.Key = slices.Clone(c.Key)
				c.Key[i] = r[0]
			}
		}
	}
	for _, name := range old.Columns {
		if Ignored(o.Ignore, name) && !slices.ContainsFunc(c.Key, func(k string) bool { return strings.EqualFold(k, name) }) {
			c.Exclude = append(c.Exclude, name)
		}
	}
	return c
}

// declares says whether columns are declared to have one name and not another, which a
// rename says they have. Few projects declare all columns.
func declares(columns []string, name, not string) bool {
	has := func(name string) bool {
		return slices.ContainsFunc(columns, func(c string) bool { return strings.EqualFold(c, name) })
	}
	return has(name) && !has(not)
}

// of says whether a rename is of a model.
func (r *Rename) of(m *Model) bool {
	return r.Names(m.Name) || len(m.Table) > 0 && r.Names(m.Table[len(m.Table)-1])
}

// Names says whether a rename is of a model or table of a name.
func (r *Rename) Names(name string) bool { return r.Glob == "" || fits(r.Glob, name) }

func fits(glob, name string) bool {
	ok, err := path.Match(strings.ToLower(glob), strings.ToLower(name))
	return err == nil && ok
}

// Ignored says whether patterns in the syntax of gitignore leave out a column: the last
// that fits decides, and one that begins with ! takes it in again.
func Ignored(patterns []string, column string) (ignored bool) {
	for _, p := range patterns {
		p = strings.TrimSpace(p)
		if p == "" || p[0] == '#' {
			continue
		}
		p, not := strings.CutPrefix(p, "!")
		p = strings.TrimPrefix(strings.ReplaceAll(strings.Trim(p, "/"), "**", "*"), `\`)
		if fits(p, column) {
			ignored = !not
		}
	}
	return ignored
}

var renameForm = regexp.MustCompile(`(?i)^\s*(?:datafold:?|x-datafold:|/datafold)\s+(?:remap|remapped|rename|renamed)\s+(\S+)\s+(\S+)(?:\s+(\S+))?\s*$`)

// RenamesIn are the renames that commit messages tell of, the oldest first: what was
// renamed twice has its last name, and what was renamed back is not renamed.
func RenamesIn(messages []string) []Rename {
	var renames []Rename
	for _, message := range messages {
		for line := range strings.Lines(message) {
			found := renameForm.FindStringSubmatch(strings.TrimRight(line, "\r\n"))
			if found == nil {
				continue
			}
			r := Rename{found[1], found[2], found[3]}
			i := slices.IndexFunc(renames, func(o Rename) bool {
				return strings.EqualFold(o.New, r.Old) && strings.EqualFold(o.Glob, r.Glob)
			})
			if i < 0 {
				renames = append(renames, r)
				continue
			}
			renames[i].New = r.New
		}
	}
	return slices.DeleteFunc(renames, func(r Rename) bool { return strings.EqualFold(r.Old, r.New) })
}
