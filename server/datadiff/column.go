package datadiff

import (
	"slices"
	"strings"
)

// pair is a column that both sides have.
type pair struct {
	name   string // the left side's
	column [2]Column
	form   Form
	// soft says of two texts that differ whether the values do; nil: they do.
	soft func(a, b []byte) (equal bool, err error)
}

// plan is what a diff compares, and how.
type plan struct {
	spec     *Spec
	inDB     bool
	columns  [2][]Column // those considered, in order
	keys     []pair
	compared []pair
	unique   [2]bool // the key is declared to be unique and not null
	schema   *Schema
	notes    []string
}

func (s *Spec) columnsOf(side Side, all []Column) ([]Column, error) {
	var columns []Column
	for i, c := range all {
		if c.Name == "" {
			return nil, problem(Invalid, "column %d of the query has no name", i+1)
		}
		if slices.ContainsFunc(all[:i], func(other Column) bool { return other.Name == c.Name }) {
			return nil, problem(Invalid, "two columns are named %s", c.Name)
		}
		if s.keeps(side, c.Name) {
			columns = append(columns, c)
		}
	}
	return columns, nil
}

// keeps says whether a column of a side is looked at.
func (s *Spec) keeps(side Side, name string) bool {
	name = s.leftName(side, name)
	switch {
	case slices.Contains(s.Key, name):
		return true
	case s.Columns != nil:
		return slices.Contains(s.Columns, name)
	}
	return !slices.Contains(s.Exclude, name)
}

// Unneeded says which columns of a side are not looked at, so that they may be of any
// type.
func (s *Spec) Unneeded(side Side) func(name string) bool {
	return func(name string) bool { return !s.keeps(side, name) }
}

// leftName is what a column is called on the left.
func (s *Spec) leftName(side Side, name string) string {
	if side == Right {
		for _, m := range s.ColumnMapping {
			if m[Right] == name {
				return m[Left]
			}
		}
	}
	return name
}

// partners pairs columns by name: exactly, and those left over by names that differ
// in case alone, where that is unambiguous.
func (s *Spec) partners(columns [2][]Column) (partner map[string]int, notes []string) {
	partner = map[string]int{}
	taken := map[int]bool{}
	for i, c := range columns[Right] {
		name := s.leftName(Right, c.Name)
		if _, twice := partner[name]; !twice && slices.ContainsFunc(columns[Left], func(l Column) bool { return l.Name == name }) {
			partner[name], taken[i] = i, true
		}
	}
	for _, l := range columns[Left] {
		if _, ok := partner[l.Name]; ok {
			continue
		}
		var found []int
		for i, r := range columns[Right] {
			if !taken[i] && strings.EqualFold(s.leftName(Right, r.Name), l.Name) {
				found = append(found, i)
			}
		}
		rivals := 0
		for _, other := range columns[Left] {
			if _, ok := partner[other.Name]; !ok && strings.EqualFold(other.Name, l.Name) {
				rivals++
			}
		}
		if len(found) == 1 && rivals == 1 {
			partner[l.Name], taken[found[0]] = found[0], true
			notes = append(notes, "Column "+l.Name+" was compared with "+columns[Right][found[0]].Name+": their names differ in case.")
		}
	}
	return partner, notes
}

func (s *Spec) plan(inDB bool, dialects [2]Dialect, all [2][]Column) (*plan, error) {
	p := &plan{spec: s, inDB: inDB}
	for _, m := range s.ColumnMapping {
		for side, name := range m {
			if !slices.ContainsFunc(all[side], func(c Column) bool { return c.Name == name }) {
				return nil, &Error{Kind: NoSuchColumn, Value: name, Side: Side(side)}
			}
		}
	}
	partner, notes := s.partners(all)
	p.notes = notes
	// A column found by its name in another case is considered like its partner.
	renamed := *s
	for name, i := range partner {
		if right := all[Right][i].Name; s.leftName(Right, right) != name {
			renamed.ColumnMapping = append(slices.Clip(renamed.ColumnMapping), [2]string{name, right})
		}
	}
	var err error
	for side := range all {
		if p.columns[side], err = renamed.columnsOf(Side(side), all[side]); err != nil {
			return nil, onSide(err, Side(side))
		}
	}
	for _, name := range s.Columns {
		if !slices.ContainsFunc(p.columns[Left], func(c Column) bool { return c.Name == name }) {
			return nil, problem(NoSuchColumn, "%s", name)
		}
	}
	sameDialect := dialects[Left].Name() == dialects[Right].Name()
	matched, differs, order := 0, []string{}, []int{}
	for _, l := range p.columns[Left] {
		i, ok := partner[l.Name]
		if !ok {
			continue
		}
		r := all[Right][i]
		order = append(order, i)
		q := pair{name: l.Name, column: [2]Column{l, r}}
		sameType := strings.EqualFold(l.Type, r.Type)
		isKey := slices.Contains(s.Key, l.Name)
		q.form, ok = common(l, r)
		switch {
		case inDB && !sameType:
			differs, ok = append(differs, l.Name), false
		case sameDialect && sameType && (inDB || l.Digits == r.Digits):
			q.form, ok = Form{Native: true, Datatype: l.Datatype, Digits: q.form.Digits}, true
		}
		if !ok {
			if _, like := common(l, r); isKey && like {
				continue // int and bigint can be joined
			}
			if isKey {
				return nil, problem(TypeMismatch, "the key's column %s is %s on the left and %s on the right", l.Name, l.Full, r.Full)
			}
			if !inDB {
				p.notes = append(p.notes, "Column "+l.Name+" was not compared: it is "+l.Full+" on the left and "+r.Full+" on the right.")
			}
			continue
		}
		matched++
		if isKey {
			continue
		}
		if q.soft, err = s.soft(q, dialects); err != nil {
			return nil, err
		}
		p.compared = append(p.compared, q)
	}
	for _, name := range s.Key {
		q, err := p.key(name, partner, all, sameDialect)
		if err != nil {
			return nil, err
		}
		p.keys = append(p.keys, q)
	}
	if inDB {
		p.schema = s.schema(p, partner, all, matched, differs, order)
	}
	return p, nil
}

func (p *plan) key(name string, partner map[string]int, all [2][]Column, sameDialect bool) (pair, error) {
	at := slices.IndexFunc(all[Left], func(c Column) bool { return c.Name == name })
	if at < 0 {
		return pair{}, &Error{Kind: NoSuchColumn, Value: name, Side: Left}
	}
	i, ok := partner[name]
	if !ok {
		return pair{}, &Error{Kind: NoSuchColumn, Value: name, Side: Right}
	}
	l, r := all[Left][at], all[Right][i]
	form, _ := common(l, r)
	if sameDialect && strings.EqualFold(l.Type, r.Type) && (p.inDB || l.Digits == r.Digits) {
		form = Form{Native: true, Datatype: l.Datatype, Digits: form.Digits}
	}
	if slices.Contains([]Datatype{JSON, Array, UnknownType}, form.Datatype) {
		return pair{}, problem(TypeMismatch, "column %s of type %s cannot be a key", name, l.Full)
	}
	return pair{name: name, column: [2]Column{l, r}, form: form}, nil
}

func (s *Spec) schema(p *plan, partner map[string]int, all [2][]Column, matched int, differs []string, order []int) *Schema {
	n := Pair{int64(len(p.columns[Left])), int64(len(p.columns[Right]))}
	m := int64(matched)
	schema := &Schema{
		ColumnCounts: n, Mismatched: Pair{n[Left] - m, n[Right] - m},
		TypeDiffers: differs, TypeMismatches: MismatchesPerColumn * len(differs),
		Reorders: len(order) - longestRising(order), ExclusiveColumns: [2][]string{{}, {}},
	}
	has := map[int]bool{}
	for _, l := range p.columns[Left] {
		if i, ok := partner[l.Name]; ok {
			has[i] = true
		} else {
			schema.ExclusiveColumns[Left] = append(schema.ExclusiveColumns[Left], l.Name)
		}
	}
	for _, r := range p.columns[Right] {
		if i := slices.IndexFunc(all[Right], func(c Column) bool { return c.Name == r.Name }); !has[i] {
			schema.ExclusiveColumns[Right] = append(schema.ExclusiveColumns[Right], r.Name)
		}
	}
	return schema
}

// longestRising is the length of the longest rising subsequence.
func longestRising(numbers []int) int {
	var ends []int
	for _, n := range numbers {
		i, _ := slices.BinarySearch(ends, n)
		if i == len(ends) {
			ends = append(ends, n)
		} else {
			ends[i] = n
		}
	}
	return len(ends)
}

// common is what columns of two databases can both be taken for.
func common(l, r Column) (Form, bool) {
	a, b := l.Datatype, r.Datatype
	either := func(d Datatype) bool { return a == d || b == d }
	text := func(d Datatype) bool { return d.textual() || d == XML }
	digits := AnyDigits
	if l.Digits == r.Digits {
		digits = l.Digits
	}
	as := func(d Datatype) (Form, bool) { return Form{Datatype: d, Digits: digits}, true }
	switch {
	case a == UnknownType || b == UnknownType:
		return Form{Digits: digits}, false
	case a.numeric() && b.numeric():
		switch {
		case either(Float):
			return as(Float)
		case either(UnboundedDecimal):
			return as(UnboundedDecimal)
		case either(Decimal):
			return as(Decimal)
		}
		return as(Integer)
	case either(Boolean) && (a == b || either(Integer)):
		return as(Boolean)
	case either(UUID) && (a == b || text(a) || text(b)):
		return as(UUID)
	case (either(JSON) || either(Array)) && (a == b || a == JSON || b == JSON || text(a) || text(b)):
		return as(JSON)
	case a.binary() && b.binary():
		return as(Binary)
	case text(a) && text(b):
		return as(String)
	case a == b:
		return as(a)
	}
	return Form{Digits: digits}, false
}
