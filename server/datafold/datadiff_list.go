package datafold

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/understudy-api/understudy/gen/datafold"
	"github.com/understudy-api/understudy/server/job"
	"github.com/understudy-api/understudy/storage"
)

const (
	standardPage = 100
	// maxPage bounds what one answer costs. Basis: none; a larger page is cut to it,
	// and says so.
	maxPage = 1000
)

// diffPage is a page of diffs.
type diffPage struct {
	Page       int               `json:"page"`
	PageSize   int               `json:"page_size"`
	Count      int               `json:"count"`
	TotalPages int               `json:"total_pages"`
	Results    []json.RawMessage `json:"results"`
}

// ListDatadiffs lists diffs by pages. A page beyond the last is empty.
func (a *API) ListDatadiffs(ctx context.Context, request datafold.ListDatadiffsRequestObject) (datafold.ListDatadiffsResponseObject, error) {
	filters, err := filtersOf(request.Params)
	if err != nil {
		return nil, err
	}
	p := request.Params
	page := diffPage{Page: 1, PageSize: standardPage}
	if p.Page != nil {
		page.Page = max(1, *p.Page)
	}
	if p.PageSize != nil {
		page.PageSize = min(max(1, *p.PageSize), maxPage)
	}
	order, descending := "id", p.SortOrder != nil && *p.SortOrder == datafold.APISortOrderDesc
	if p.OrderBy != nil {
		order = string(*p.OrderBy)
	}
	return reading(ctx, a, func(tx storage.ReadTx, _ job.Look) (datafold.ListDatadiffsResponseObject, error) {
		page := page // it may run again
		page.Results = []json.RawMessage{}
		first := (page.Page - 1) * page.PageSize
		if page.Page > 1<<40/page.PageSize { // far beyond any last page
			first = 1 << 40
		}
		take := func(i int) bool { return i >= first && i < first+page.PageSize }
		// To be listed is no read of the jobs.
		look := looking(tx)
		if order == "id" && len(filters) == 0 {
			err := every(diffRecords, tx, descending, func(item storage.Item[dataDiff]) error {
				if take(page.Count) {
					view, err := viewDiff(tx, look, item)
					if err != nil {
						return err
					}
					page.Results = append(page.Results, view)
				}
				page.Count++
				return nil
			})
			page.TotalPages = pages(page)
			return jsonAnswer{page}, err
		}
		type found struct {
			view json.RawMessage
			by   any
		}
		var all []found
		err := every(diffRecords, tx, false, func(item storage.Item[dataDiff]) error {
			view, err := viewDiff(tx, look, item)
			if err != nil {
				return err
			}
			var members map[string]any
			if err := json.Unmarshal(view, &members); err != nil {
				return err
			}
			if matches(members, filters) {
				all = append(all, found{view, sortValue(members, order)})
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		slices.SortStableFunc(all, func(a, b found) int { return compareValues(a.by, b.by, descending) })
		page.Count = len(all)
		for i, f := range all {
			if take(i) {
				page.Results = append(page.Results, f.view)
			}
		}
		page.TotalPages = pages(page)
		return jsonAnswer{page}, nil
	})
}

func pages(p diffPage) int { return (p.Count + p.PageSize - 1) / p.PageSize }

// sortWords are the values of order_by that are no member of a diff, and where they
// stand; what this service does not know of a diff is null.
var sortWords = map[string][]string{
	"diff_stats_pks": {"diff_stats", "diff_pks"}, "diff_stats_rows": {"diff_stats", "diff_rows"},
	"diff_stats_values": {"diff_stats", "diff_values"}, "stats.match_ratio": {"diff_stats", "match_ratio"},
	"pr_user_id": {"ci_pr_user_id"}, "pr_username": {"ci_pr_username"}, "pr_user_email": {"ci_pr_user_email"},
	"pr_user_display_name": {"ci_pr_user_display_name"}, "pr_num": {"ci_pr_num"}, "pr_branch": {"ci_pr_branch"},
}

func sortValue(members map[string]any, order string) any {
	path, ok := sortWords[order]
	if !ok {
		path = []string{order}
	}
	var value any = members
	for _, name := range path {
		inner, _ := value.(map[string]any)
		value = inner[name]
	}
	return value
}

// compareValues orders values; null comes last in either order.
func compareValues(a, b any, descending bool) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return 1
	case b == nil:
		return -1
	}
	order := 0
	if x, ok := a.(float64); ok {
		if y, ok := b.(float64); ok {
			order = cmp.Compare(x, y)
		}
	} else {
		order = strings.Compare(textOf(a), textOf(b))
	}
	if descending {
		return -order
	}
	return order
}

// textOf is a value as filters and orders see it.
func textOf(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case string:
		return v
	case []any:
		parts := make([]string, len(v))
		for i := range v {
			parts[i] = textOf(v[i])
		}
		return strings.Join(parts, ".")
	}
	text, err := json.Marshal(value)
	if err != nil { // it was read from JSON
		return ""
	}
	return string(text)
}

// paging are the parameters of a list that are no filters.
var paging = []string{"page", "page_size", "sort_order", "order_by", "accessible_only"}

// filtersOf are the members that a list is restricted by. All sources are accessible.
func filtersOf(p datafold.ListDatadiffsParams) (map[string]string, error) {
	text, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	var given map[string]any
	if err := json.Unmarshal(text, &given); err != nil {
		return nil, err
	}
	filters := map[string]string{}
	for name, value := range given {
		if filter, ok := value.(string); ok && !slices.Contains(paging, name) {
			filters[name] = filter
		}
	}
	return filters, nil
}

// matches says whether a diff has, for each filter, one of its values: they are
// separated by commas. Of times there are ranges.
func matches(members map[string]any, filters map[string]string) bool {
	for name, filter := range filters {
		value := members[name]
		if at, ok := value.(string); ok && strings.HasSuffix(name, "_at") {
			moment, err := time.Parse(time.RFC3339Nano, at)
			if err != nil || !within(moment, filter) {
				return false
			}
			continue
		}
		wanted := strings.Split(filter, ",")
		one := slices.ContainsFunc(wanted, func(w string) bool { return strings.EqualFold(strings.TrimSpace(w), textOf(value)) })
		if list, ok := value.([]any); ok && !one {
			one = slices.ContainsFunc(list, func(item any) bool { return slices.Contains(wanted, textOf(item)) })
		}
		if !one {
			return false
		}
	}
	return true
}

// within says whether a moment is in a range: "<T", ">T", "A<<B", a minute "T" or a
// day "DATE". What cannot be read holds nothing.
func within(at time.Time, filter string) bool {
	from, to, between := strings.Cut(filter, "<<")
	switch {
	case between:
		a, _, okA := moment(from)
		b, _, okB := moment(to)
		return okA && okB && !at.Before(a) && at.Before(b)
	case strings.HasPrefix(filter, "<"):
		t, _, ok := moment(filter[1:])
		return ok && at.Before(t)
	case strings.HasPrefix(filter, ">"):
		t, _, ok := moment(filter[1:])
		return ok && at.After(t)
	}
	t, length, ok := moment(filter)
	return ok && !at.Before(t) && at.Before(t.Add(length))
}

// moment reads a time or a day, and how long what it names lasts.
func moment(text string) (time.Time, time.Duration, bool) {
	text = strings.TrimSpace(text)
	for layout, length := range map[string]time.Duration{
		time.DateOnly: 24 * time.Hour, time.RFC3339Nano: time.Minute, "2006-01-02T15:04:05": time.Minute, "2006-01-02T15:04": time.Minute,
		"2006-01-02 15:04:05": time.Minute, "2006-01-02T15:04Z07:00": time.Minute,
	} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, length, true
		}
	}
	return time.Time{}, 0, false
}
