package verify

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/understudy-api/understudy/server/contract"
)

// The words of parameters that say from or up to which value of a member things are
// listed: min_price, priceMax, created_after, price[gte].
var (
	atLeast = []string{"min", "minimum", "from", "after", "since", "gte", "gt", "start"}
	atMost  = []string{"max", "maximum", "to", "before", "until", "lte", "lt", "end"}
	words   = regexp.MustCompile(`[A-Z]?[a-z0-9]+|[A-Z]+`)
)

// bounding reads the name of a parameter that bounds a member: which, and whether from
// below (1) or above (-1).
func bounding(parameter string) (member string, sign int) {
	parts := words.FindAllString(filteredBy(parameter), -1)
	if len(parts) < 2 {
		return "", 0
	}
	for i := range parts {
		parts[i] = strings.ToLower(parts[i])
	}
	first, last := parts[0], parts[len(parts)-1]
	for _, way := range []struct {
		words []string
		sign  int
	}{{atLeast, 1}, {atMost, -1}} {
		switch {
		case slices.Contains(way.words, last):
			return strings.Join(parts[:len(parts)-1], ""), way.sign
		case slices.Contains(way.words[:2], first): // "to address" and "start page" mean other things
			return strings.Join(parts[1:], ""), way.sign
		}
	}
	return "", 0
}

// bounded finds the member of an item that a bound is about: "created" is about
// createdAt and createdOn, too.
func bounded(object map[string]any, member string) (string, any) {
	for _, ending := range []string{"", "at", "on", "date", "time"} {
		for _, name := range sortedNames(object) {
			if folded(name) == member+ending && object[name] != nil && plainValue(object[name]) {
				return name, object[name]
			}
		}
	}
	return "", nil
}

// measure is a value that has an order which nobody disputes: a number, a day or a time.
func measure(v any) bool {
	switch v := v.(type) {
	case json.Number:
		return true
	case string:
		_, err := time.Parse(time.DateOnly, v)
		return err == nil || timeText(v)
	}
	return false
}

// ranges: a parameter that bounds a member shows nothing beyond the bound, and all that is
// clearly within. What stands at the bound may be shown or not.
func (s *listing) ranges(ctx context.Context, p *openapi3.Parameter) error {
	member, sign := bounding(p.Name)
	if sign == 0 || !s.complete() {
		return nil
	}
	all := flatten(s.whole)
	name, values := "", []any{}
	for _, item := range all {
		object, _ := item.(map[string]any)
		found, v := bounded(object, member)
		if found == "" || !measure(v) || len(values) > 0 && (found != name || len(scalarText(v)) != len(scalarText(values[0])) && !isNumber(v)) {
			continue
		}
		name, values = found, append(values, v)
	}
	slices.SortFunc(values, byValue)
	values = slices.CompactFunc(values, func(a, b any) bool { return byValue(a, b) == 0 })
	if len(values) < 2 {
		return nil
	}
	bound := values[len(values)/2] // some are beyond it either way
	if !takes(schemaOf(p), plainNumbers(bound)) {
		return nil
	}
	pages, err := s.ask(ctx, map[place]any{{p.In, p.Name}: bound})
	if err != nil || len(pages) == 0 {
		return err
	}
	beyond := func(item any, by int) bool {
		object, _ := item.(map[string]any)
		v := object[name]
		return v != nil && measure(v) && sign*byValue(v, bound) == by
	}
	shown := map[string]bool{}
	for _, page := range pages {
		for _, item := range page.items {
			shown[s.name(item)] = true
			if object, _ := item.(map[string]any); beyond(item, -1) {
				s.reportList(s.op, fault{
					check: CheckFilters, rule: "others", name: p.Name, got: contract.Cut(string(encode(object[name])), 100), accepted: map[int]string{1: "at least ", -1: "at most "}[sign] + scalarText(bound),
					message: fmt.Sprintf("The list for %s=%s has an item whose %s is beyond that.", p.Name, contract.Cut(scalarText(bound), 60), name),
				}, s.made, page.exchange)
				return nil
			}
		}
	}
	for _, item := range all {
		if pages[len(pages)-1].last && beyond(item, 1) && !shown[s.name(item)] && s.still(ctx, item) {
			s.reportList(s.op, fault{
				check: CheckFilters, rule: "omits", name: p.Name, got: fmt.Sprintf("%d items", len(shown)), accepted: contract.Cut(s.name(item), 100),
				message: fmt.Sprintf("The list for %s=%s lacks an item that is within that.", p.Name, contract.Cut(scalarText(bound), 60)),
			}, s.made, pages[0].exchange)
			return nil
		}
	}
	return nil
}

func takes(s *openapi3.Schema, v any) bool { return s.VisitJSON(v) == nil }

func isNumber(v any) bool {
	_, ok := v.(json.Number)
	return ok
}

// choices: a parameter that is a list of values of a member shows what has any of them.
func (s *listing) choices(ctx context.Context, p *openapi3.Parameter) error {
	schema := schemaOf(p)
	if !schema.Type.Is(openapi3.TypeArray) || schema.Items == nil || schema.Items.Value == nil || s.parameterSorts(p) || !s.complete() {
		return nil
	}
	of := schema.Items.Value
	all := flatten(s.whole)
	name, values := "", []any{}
	for _, item := range all {
		object, _ := item.(map[string]any)
		found, v := memberNamed(object, p.Name)
		if found == "" {
			found, v = memberNamed(object, singular(folded(filteredBy(p.Name))))
		}
		if found == "" || name != "" && found != name || !filterable(of, v) || of.VisitJSON(plainNumbers(v)) != nil || len(scalarText(v)) > maxParam {
			continue
		}
		name = found
		if !slices.ContainsFunc(values, func(other any) bool { return sameValue(of, other, v) }) {
			values = append(values, v)
		}
	}
	if len(values) < 2 || len(of.Enum) == 0 && of.Format != "uuid" && of.Type.Is(openapi3.TypeString) && folded(p.Name) == folded(name) {
		return nil // of one value the other law is about; a list of a text of its own may be of words to look for
	}
	wanted := values[:2]
	if !takes(schema, []any{plainNumbers(wanted[0]), plainNumbers(wanted[1])}) {
		return nil
	}
	pages, err := s.ask(ctx, map[place]any{{p.In, p.Name}: wanted})
	if err != nil || len(pages) == 0 {
		return err
	}
	has := func(item any) bool {
		object, _ := item.(map[string]any)
		return object[name] != nil && slices.ContainsFunc(wanted, func(v any) bool { return sameValue(of, v, object[name]) })
	}
	asked := contract.Cut(simpleText(wanted, false), 60)
	shown := map[string]bool{}
	for _, page := range pages {
		for _, item := range page.items {
			shown[s.name(item)] = true
			if object, _ := item.(map[string]any); object[name] != nil && !has(item) {
				s.reportList(s.op, fault{
					check: CheckFilters, rule: "others", name: p.Name, got: contract.Cut(string(encode(object[name])), 100), accepted: asked,
					message: fmt.Sprintf("The list for %s=%s has an item whose %s is another.", p.Name, asked, name),
				}, s.made, page.exchange)
				return nil
			}
		}
	}
	for _, item := range all {
		if pages[len(pages)-1].last && has(item) && !shown[s.name(item)] && s.still(ctx, item) {
			s.reportList(s.op, fault{
				check: CheckFilters, rule: "omits", name: p.Name, got: fmt.Sprintf("%d items", len(shown)), accepted: contract.Cut(s.name(item), 100),
				message: fmt.Sprintf("The list for %s=%s lacks an item that has one of them.", p.Name, asked),
			}, s.made, pages[0].exchange)
			return nil
		}
	}
	return nil
}
