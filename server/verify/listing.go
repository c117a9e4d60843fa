package verify

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/understudy-api/understudy/server/contract"
)

// listing is a list that is asked in several ways while nothing else runs.
type listing struct {
	*lane

	op     *operation
	pager  pager
	name   func(any) string // the id of an item, or all of it
	made   []step           // that filled it
	whole  []page
	things []*thing
	late   bool // only what an item says of itself is looked at
}

// check looks at what the parameters of the list do.
func (s *listing) check(ctx context.Context) error {
	for _, p := range s.op.params {
		if p.In != openapi3.ParameterInQuery || schemaOf(p) == nil || s.pager.has(p) {
			continue
		}
		if err := s.filters(ctx, p); err != nil {
			return err
		}
		if err := s.ranges(ctx, p); err != nil {
			return err
		}
		if err := s.choices(ctx, p); err != nil {
			return err
		}
		if s.late {
			continue
		}
		if err := s.sorts(ctx, p); err != nil {
			return err
		}
	}
	for _, p := range s.op.params {
		if p.In == openapi3.ParameterInQuery && schemaOf(p) != nil && !s.late {
			if err := s.standard(ctx, p); err != nil {
				return err
			}
		}
	}
	return nil
}

// has reports whether a parameter is one by which the list is paged.
func (pg pager) has(p *openapi3.Parameter) bool {
	return p == pg.size || p == pg.page || p == pg.offset || p == pg.cursor
}

// ask reads the list from its beginning with more parameters.
func (s *listing) ask(ctx context.Context, values map[place]any) ([]page, error) {
	return s.asking(ctx, values, 0)
}

func (s *listing) asking(ctx context.Context, values map[place]any, size int) ([]page, error) {
	before := s.with
	s.with = values
	defer func() { s.with = before }()
	return s.pages(ctx, s.op, s.pager, size)
}

// paged reports whether the list can be read by pages of two.
func (s *listing) paged() bool { return s.pager.pages() && s.pager.size != nil && s.pager.fits(2) }

// filters: a parameter that has the name and the type of a member shows what has that
// value: nothing else, and of it all that was there.
func (s *listing) filters(ctx context.Context, p *openapi3.Parameter) error {
	schema := schemaOf(p)
	if s.parameterSorts(p) || !s.complete() {
		return nil
	}
	all := flatten(s.whole)
	tried := map[string]bool{}
	for _, item := range all {
		object, _ := item.(map[string]any)
		name, v := memberNamed(object, p.Name)
		text := scalarText(v)
		if name == "" || !filterable(schema, v) || tried[text] || len(tried) >= maxFiltered || len(text) > maxParam {
			continue
		}
		if schema.VisitJSON(plainNumbers(v)) != nil {
			continue
		}
		tried[text] = true
		pages, err := s.ask(ctx, map[place]any{{p.In, p.Name}: v})
		if err != nil {
			return err
		}
		if len(pages) == 0 {
			continue
		}
		shown := map[string]bool{}
		for _, page := range pages {
			for _, other := range page.items {
				shown[s.name(other)] = true
				members, _ := other.(map[string]any)
				now, has := members[name]
				if has && now != nil && plainValue(now) && !filtered(schema, v, now) {
					s.reportList(s.op, fault{
						check: CheckFilters, rule: "others", name: p.Name, got: contract.Cut(string(encode(now)), 100), accepted: contract.Cut(string(encode(v)), 100),
						message: fmt.Sprintf("The list for %s=%s has an item whose %s is another.", p.Name, contract.Cut(text, 60), name),
					}, s.made, page.exchange)
					return nil
				}
			}
		}
		for _, other := range all {
			members, _ := other.(map[string]any)
			if pages[len(pages)-1].last && sameValue(nil, members[name], v) && !shown[s.name(other)] && s.still(ctx, other) {
				s.reportList(s.op, fault{
					check: CheckFilters, rule: "omits", name: p.Name, got: fmt.Sprintf("%d items", len(shown)), accepted: contract.Cut(s.name(other), 100),
					message: fmt.Sprintf("The list for %s=%s lacks an item that has it.", p.Name, contract.Cut(text, 60)),
				}, s.made, pages[0].exchange)
				return nil
			}
		}
	}
	return nil
}

// maxFiltered is how many values of one parameter are tried.
const maxFiltered = 4

// still reports whether an item is in the list yet: others may have removed it.
func (s *listing) still(ctx context.Context, item any) bool {
	pages, err := s.ask(ctx, nil)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(flatten(pages), func(other any) bool { return s.name(other) == s.name(item) })
}

// complete reports whether the list was read to its end.
func (s *listing) complete() bool { return s.whole[len(s.whole)-1].last }

// memberNamed finds the member of an item that a parameter is named after.
func memberNamed(object map[string]any, parameter string) (name string, v any) {
	parameter = filteredBy(parameter)
	for _, member := range sortedNames(object) {
		if folded(member) == folded(parameter) && plainValue(object[member]) && object[member] != nil {
			return member, object[member]
		}
	}
	return "", nil
}

// filteredBy is what a parameter like filter[genre] filters by; the parameter itself if it
// is none.
func filteredBy(parameter string) string {
	if m := filterName.FindStringSubmatch(parameter); m != nil {
		return cmp.Or(m[1], m[2])
	}
	return parameter
}

var filterName = regexp.MustCompile(`^(?i:filters?|where)(?:\[([^\[\]]+)\]|[._:](.+))$`)

// filterable reports whether a parameter can ask for a value of a member. What is a time
// may as well be where the list begins.
func filterable(s *openapi3.Schema, v any) bool {
	switch v := v.(type) {
	case string:
		return s.Type.Is(openapi3.TypeString) && v != "" && strings.TrimSpace(v) == v && !timeText(v) && s.Format != "date" && s.Format != "date-time" &&
			!strings.ContainsAny(v, "*%,:!<>~") // signs that may have a meaning of their own
	case bool:
		return s.Type.Is(openapi3.TypeBoolean)
	case json.Number:
		return s.Type.Is(openapi3.TypeInteger)
	}
	return false
}

// filtered reports whether an item may be shown for a value. A text that is not one of
// a few may be looked for within others.
func filtered(s *openapi3.Schema, wanted, has any) bool {
	if text, ok := wanted.(string); ok && len(s.Enum) == 0 && s.Format != "uuid" {
		other, isText := has.(string)
		return isText && strings.Contains(strings.ToLower(other), strings.ToLower(text))
	}
	if text, ok := wanted.(string); ok {
		other, isText := has.(string)
		return isText && strings.EqualFold(text, other)
	}
	return sameValue(s, wanted, has)
}

var (
	sortNames      = []string{"sort", "sortby", "sortfield", "orderby", "ordering", "order", "sortkey"}
	directionNames = []string{"order", "direction", "dir", "sortorder", "sortdirection", "sortdir", "orderdirection"}
	ascending      = []string{"asc", "ascending", "1"}
	descending     = []string{"desc", "descending", "-1"}
	sortSpelling   = regexp.MustCompile(`^([-+]?)(.*?)(?:[ :_.,-](?i:(asc|desc|ascending|descending)))?$`)
)

// parameterSorts reports whether a parameter says how the list is sorted.
func (s *listing) parameterSorts(p *openapi3.Parameter) bool {
	return slices.Contains(sortNames, folded(p.Name)) || slices.Contains(directionNames, folded(p.Name))
}

// direction finds the parameter that says which way the list is sorted.
func (s *listing) direction(by *openapi3.Parameter) (p *openapi3.Parameter, asc, desc any) {
	for _, p := range s.op.params {
		if p == by || p.In != openapi3.ParameterInQuery || schemaOf(p) == nil || !slices.Contains(directionNames, folded(p.Name)) {
			continue
		}
		for _, v := range schemaOf(p).Enum {
			switch text := strings.ToLower(scalarText(v)); {
			case slices.Contains(ascending, text):
				asc = v
			case slices.Contains(descending, text):
				desc = v
			}
		}
		if asc != nil && desc != nil {
			return p, asc, desc
		}
	}
	return nil, nil, nil
}

// sorts: a list that is sorted by a member is in the order of its values. Without a
// direction any will do, and texts may be in the order of any alphabet.
func (s *listing) sorts(ctx context.Context, p *openapi3.Parameter) error {
	if !slices.Contains(sortNames, folded(p.Name)) {
		return nil
	}
	at := place{p.In, p.Name}
	directed, asc, desc := s.direction(p)
	inPages := false
	for i, v := range schemaOf(p).Enum {
		text, isText := v.(string)
		if !isText || i >= maxSorted {
			continue
		}
		m := sortSpelling.FindStringSubmatch(text)
		if m == nil {
			continue
		}
		way := strings.ToLower(m[3])
		ways := []struct {
			values map[place]any
			sign   int // 0 is either
		}{{map[place]any{at: v}, 0}}
		switch {
		case directed != nil:
			ways[0].values = map[place]any{at: v, {directed.In, directed.Name}: asc}
			ways[0].sign = 1
			ways = append(ways, ways[0])
			ways[1].values = map[place]any{at: v, {directed.In, directed.Name}: desc}
			ways[1].sign = -1
		case m[1] == "-" || slices.Contains(descending, way):
			ways[0].sign = -1
		case m[1] == "+" || slices.Contains(ascending, way) || slices.Contains(schemaOf(p).Enum, any("-"+m[2])):
			ways[0].sign = 1
		}
		for _, w := range ways {
			pages, err := s.ask(ctx, w.values)
			if err != nil {
				return err
			}
			if len(pages) == 0 {
				continue
			}
			name, values := valuesOf(flatten(pages), m[2])
			if name == "" {
				continue
			}
			if inOrder(values, w.sign, s.enumOf(name)) {
				if inPages || !s.paged() || len(values) < madeForList || values[0] == values[len(values)-1] {
					continue
				}
				inPages = true // once: of pages of two, each may be in order and not all together
				if pages, err = s.asking(ctx, w.values, 2); err != nil {
					return err
				}
				if _, values = valuesOf(flatten(pages), m[2]); inOrder(values, w.sign, s.enumOf(name)) {
					continue
				}
			}
			s.reportList(s.op, fault{
				check: CheckSorting, name: p.Name, got: contract.Cut(string(encode(values)), 200), accepted: "sorted by " + name,
				message: fmt.Sprintf("The list for %s=%s is not sorted by %s.", p.Name, text, name),
			}, s.made, pages[0].exchange)
			return nil
		}
	}
	return nil
}

// maxSorted is how many values of one parameter are tried.
const maxSorted = 8

// enumOf are the values that a member of a thing may have, in the order of the document.
func (s *listing) enumOf(name string) []any {
	if maker := s.r.makerOf(s.op); maker != nil {
		for _, schema := range propertySchemas(maker.op.body, name) {
			if len(schema.Enum) > 0 {
				return schema.Enum
			}
		}
	}
	return nil
}

// valuesOf are the values of the member that a list is sorted by, where all items have
// one of the same kind.
func valuesOf(items []any, by string) (name string, values []any) {
	for _, item := range items {
		object, _ := item.(map[string]any)
		for member := range object {
			if folded(member) == folded(by) {
				name = member
			}
		}
	}
	if name == "" {
		return "", nil
	}
	for _, item := range items {
		object, _ := item.(map[string]any)
		v, has := object[name]
		if !has || v == nil {
			continue // where nothing stands is nobody's to say
		}
		if !plainValue(v) || len(values) > 0 && fmt.Sprintf("%T", v) != fmt.Sprintf("%T", values[0]) {
			return "", nil
		}
		values = append(values, v)
	}
	return name, values
}

// inOrder reports whether values are sorted: ascending for 1, descending for -1, or
// either for 0; texts by their code points, without case, or by their letters and digits
// alone; values of an enumeration by their place in it, too.
func inOrder(values []any, sign int, enum []any) bool {
	orders := []func(a, b any) int{byValue}
	if len(values) > 0 {
		if text, isText := values[0].(string); isText && !timeText(text) {
			orders = append(orders,
				func(a, b any) int { return cmp.Compare(strings.ToLower(scalarText(a)), strings.ToLower(scalarText(b))) },
				func(a, b any) int { return cmp.Compare(lettersOf(scalarText(a)), lettersOf(scalarText(b))) })
			if len(enum) > 0 {
				place := func(v any) int { return slices.Index(enum, v) }
				orders = append(orders, func(a, b any) int { return cmp.Compare(place(a), place(b)) })
			}
			if slices.ContainsFunc(values, func(v any) bool { return beyondASCII(scalarText(v)) }) {
				return true // by which alphabet, no document says
			}
		}
	}
	for _, order := range orders {
		for _, way := range []int{1, -1} {
			if sign != 0 && way != sign {
				continue
			}
			if slices.IsSortedFunc(values, func(a, b any) int { return way * order(a, b) }) {
				return true
			}
		}
	}
	return false
}

func beyondASCII(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r > unicode.MaxASCII })
}

func lettersOf(s string) string {
	return strings.ToLower(strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return -1
	}, s))
}

func byValue(a, b any) int {
	switch x := a.(type) {
	case json.Number:
		y, _ := b.(json.Number)
		p, okP := new(big.Rat).SetString(x.String())
		q, okQ := new(big.Rat).SetString(y.String())
		if okP && okQ {
			return p.Cmp(q)
		}
	case bool:
		return cmp.Compare(scalarText(a), scalarText(b))
	case string:
		y, _ := b.(string)
		p, errP := time.Parse(time.RFC3339Nano, x)
		q, errQ := time.Parse(time.RFC3339Nano, y)
		if errP == nil && errQ == nil {
			return p.Compare(q)
		}
		return cmp.Compare(x, y)
	}
	return 0
}

// standard: a parameter that is left out does what its declared default does.
func (s *listing) standard(ctx context.Context, p *openapi3.Parameter) error {
	d, ok := plain(schemaOf(p).Default)
	if schemaOf(p).Default == nil || !ok || d == nil || p.Required {
		return nil
	}
	at := place{p.In, p.Name}
	var ids [3][]string
	var shown [2]*exchange
	for i, values := range []map[place]any{{}, {at: d}, {}} {
		in, ok, err := s.minimal(ctx, s.op)
		if err != nil || !ok {
			return err
		}
		maps.Copy(in.values, values)
		x, err := s.send(ctx, s.op, in, purposeCase)
		if err != nil || x == nil || !x.answer.ok() {
			return err
		}
		list, _, isList := items(x.answer.json())
		if !isList {
			return nil
		}
		for _, item := range list {
			ids[i] = append(ids[i], s.name(item))
		}
		if i < 2 {
			shown[i] = x
		}
	}
	if slices.Equal(ids[0], ids[1]) || !slices.Equal(ids[0], ids[2]) { // or it differs each time
		return nil
	}
	s.reportList(s.op, fault{
		check: CheckDefaults, name: p.Name, in: contract.InQuery,
		got: fmt.Sprintf("%d items", len(ids[0])), accepted: fmt.Sprintf("the %d items of %s=%s", len(ids[1]), p.Name, contract.Cut(scalarText(d), 60)),
		message: fmt.Sprintf("The list without %s is another than with its default, %s.", p.Name, contract.Cut(scalarText(d), 60)),
	}, s.made, shown[0], shown[1])
	return nil
}
