package datadiff

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// What is tried to find a key.
const (
	mostKeyColumns = 3
	// mostCandidates are the columns that are combined, and mostGuesses the
	// combinations that are tried of them.
	mostCandidates = 12
	mostGuesses    = 80
)

// neverKeys are datatypes that make no key.
var neverKeys = []Datatype{Float, Timestamp, Array, Boolean, Binary, Varbinary, JSON, Struct, Map, Super, XML, Void, UnknownType}

// inferKey finds the key: that which the left side declares or, failing that, the
// fewest columns that are unique and never null there; where the left side is empty,
// on the right.
func (x *execution) inferKey(ctx context.Context, inputs [2]Input, all [2][]Column) error {
	partner, _ := x.spec.partners(all)
	for i, s := range x.side {
		var columns []Column
		for _, c := range all[i] {
			shared := slices.ContainsFunc(all[Left], func(l Column) bool {
				at, ok := partner[l.Name]
				return ok && (Side(i) == Left && l.Name == c.Name || Side(i) == Right && all[Right][at].Name == c.Name)
			})
			if shared && !x.spec.avoided(c) {
				columns = append(columns, c)
			}
		}
		keys, err := s.guess(ctx, inputs[i], columns, 1)
		if err != nil {
			return onSide(err, Side(i))
		}
		if len(keys) == 0 {
			n, err := s.numbers(ctx, s.query([]string{"count(*)"}))
			if err != nil {
				return onSide(err, Side(i))
			}
			if n[0] > 0 {
				break
			}
			continue
		}
		for _, name := range keys[0] {
			if Side(i) == Right {
				for left, at := range partner {
					if all[Right][at].Name == name {
						name = left
						break
					}
				}
			}
			x.spec.Key = append(x.spec.Key, name)
		}
		return nil
	}
	return problem(NoKey, "no columns were found that are unique and never null")
}

func (s *Spec) avoided(c Column) bool {
	return slices.ContainsFunc(s.AvoidKeyNames, func(name string) bool { return strings.EqualFold(name, c.Name) }) ||
		slices.ContainsFunc(s.AvoidKeyTypes, func(name string) bool {
			raw, isRaw := strings.CutPrefix(name, "db:")
			return isRaw && strings.EqualFold(raw, c.Type) || !isRaw && strings.EqualFold(name, string(c.Datatype))
		})
}

// GuessKeys finds keys of a table or query, the likeliest first, up to a number of
// them. It holds one connection of the budget.
func GuessKeys(ctx context.Context, source Source, in Input, most int) (keys [][]string, err error) {
	err = with(ctx, source, in, func(s *side) error {
		columns, err := s.conn.Describe(ctx, in)
		if err == nil {
			keys, err = s.guess(ctx, in, columns, most)
		}
		return err
	})
	return keys, err
}

// Describe names the columns of a table or query. It holds one connection of the
// budget.
func Describe(ctx context.Context, source Source, in Input) (columns []Column, err error) {
	err = with(ctx, source, in, func(s *side) error {
		columns, err = s.conn.Describe(ctx, in)
		return err
	})
	return columns, err
}

// Ping says whether a source can be reached. It holds one connection of the budget.
func Ping(ctx context.Context, source Source) error {
	return with(ctx, source, Input{}, func(*side) error { return nil })
}

func with(ctx context.Context, source Source, in Input, f func(*side) error) error {
	if err := source.Budget().take(ctx, 1); err != nil {
		return err
	}
	defer source.Budget().give(1)
	conn, err := source.Connect(ctx)
	if err != nil {
		return asError(ctx, err)
	}
	defer func() { _ = conn.Close() }() // it read; there is nothing to lose
	s := &side{conn: conn, dialect: source.Dialect()}
	s.place(in)
	if err := f(s); err != nil {
		return asError(ctx, err)
	}
	return nil
}

// guess finds keys among columns.
func (s *side) guess(ctx context.Context, in Input, columns []Column, most int) (keys [][]string, err error) {
	among := func(names []string) bool {
		return !slices.ContainsFunc(names, func(name string) bool {
			return !slices.ContainsFunc(columns, func(c Column) bool { return c.Name == name })
		})
	}
	if len(in.Table) > 0 {
		declared, err := s.conn.UniqueKeys(ctx, in.Table)
		if err != nil {
			return nil, err
		}
		for _, names := range declared {
			if among(names) {
				keys = append(keys, names)
			}
		}
	}
	if len(keys) >= most {
		return keys[:most], nil
	}
	columns = slices.DeleteFunc(slices.Clone(columns), func(c Column) bool { return slices.Contains(neverKeys, c.Datatype) })
	// Leftmost first, but what is called like a key before what is not.
	slices.SortStableFunc(columns, func(a, b Column) int { return likeness(a.Name) - likeness(b.Name) })
	found, err := s.tryKeys(ctx, columns, most-len(keys))
	for _, names := range found {
		if !slices.ContainsFunc(keys, func(other []string) bool { return slices.Equal(other, names) }) {
			keys = append(keys, names)
		}
	}
	return keys, err
}

func likeness(name string) int {
	name = strings.ToLower(name)
	switch {
	case name == "id":
		return 0
	case strings.HasSuffix(name, "id") || strings.HasSuffix(name, "key"):
		return 1
	}
	return 2
}

// tryKeys tries single columns in one pass, and then pairs and triples.
func (s *side) tryKeys(ctx context.Context, columns []Column, most int) (keys [][]string, err error) {
	if len(columns) == 0 {
		return nil, nil
	}
	expression := make([]string, len(columns))
	list := []string{"count(*)"}
	for i, c := range columns {
		expression[i] = s.dialect.Key(c, Form{Native: true, Datatype: c.Datatype, Digits: c.Digits}, s.dialect.Quote(c.Name))
		list = append(list, "count("+s.dialect.Quote(c.Name)+")", "count(DISTINCT "+expression[i]+")")
	}
	n, err := s.numbers(ctx, s.query(list))
	if err != nil || n[0] == 0 {
		return nil, err
	}
	rows := n[0]
	var whole []int // columns without nulls that are not keys themselves
	for i, c := range columns {
		switch {
		case n[1+2*i] != rows:
		case n[2+2*i] != rows:
			whole = append(whole, i)
		case len(keys) < most:
			keys = append(keys, []string{c.Name})
		}
	}
	whole = whole[:min(len(whole), mostCandidates)]
	guesses := 0
	for size := 2; size <= mostKeyColumns && len(keys) == 0; size++ {
		for _, chosen := range combinations(whole, size) {
			distinct := 1.0 // at most so many keys there can be
			var names, parts []string
			for _, i := range chosen {
				distinct *= float64(n[2+2*i])
				names, parts = append(names, columns[i].Name), append(parts, fmt.Sprintf("%s AS k%d", expression[i], i))
			}
			if guesses++; distinct < float64(rows) || guesses > mostGuesses {
				continue
			}
			m, err := s.numbers(ctx, "SELECT count(*) FROM ("+s.query([]string{"DISTINCT " + strings.Join(parts, ", ")})+") t")
			if err != nil {
				return nil, err
			}
			if m[0] == rows && len(keys) < most {
				keys = append(keys, names)
				if len(keys) == most {
					return keys, nil
				}
			}
		}
	}
	return keys, nil
}

// combinations are the ways to choose a number of things, in order.
func combinations(of []int, size int) (all [][]int) {
	if size == 0 {
		return [][]int{nil}
	}
	for i := range of {
		for _, rest := range combinations(of[i+1:], size-1) {
			all = append(all, append([]int{of[i]}, rest...))
		}
	}
	return all
}
