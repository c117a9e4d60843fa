package verify

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"

	"github.com/getkin/kin-openapi/openapi3"
)

// pager is how an operation's list is asked for page by page, as the names of its
// query parameters tell.
type pager struct {
	size, page, offset, cursor *openapi3.Parameter
}

var (
	sizeNames   = []string{"perpage", "pagesize", "limit", "size", "maxresults", "top", "first", "take", "resultsperpage", "itemsperpage", "pagelimit"}
	pageNames   = []string{"page", "pagenumber", "pageno", "pageindex", "p"}
	offsetNames = []string{"offset", "skip", "start", "startindex", "startat", "from", "pageoffset"}
	cursorNames = []string{"cursor", "pagetoken", "nextpagetoken", "after", "startingafter", "nexttoken", "continuationtoken", "continuation", "marker", "token", "pagecursor", "pageafter"}
)

func pagerOf(op *operation) pager {
	var pg pager
	for _, p := range op.params {
		if p.In != openapi3.ParameterInQuery || schemaOf(p) == nil {
			continue
		}
		s, name := schemaOf(p), folded(p.Name)
		whole := s.Type.Is(openapi3.TypeInteger) || s.Type.Is(openapi3.TypeNumber)
		switch {
		case whole && slices.Contains(sizeNames, name):
			pg.size = p
		case whole && slices.Contains(pageNames, name):
			pg.page = p
		case whole && slices.Contains(offsetNames, name):
			pg.offset = p
		case slices.Contains(cursorNames, name):
			pg.cursor = p
		}
	}
	return pg
}

// pages reports whether the operation pages at all.
func (pg pager) pages() bool { return pg.page != nil || pg.offset != nil || pg.cursor != nil }

// fits reports whether a page may have this size.
func (pg pager) fits(size int) bool {
	return schemaOf(pg.size).VisitJSON(float64(size)) == nil
}

// largest is the longest page that may be asked for, up to a hundred.
func (pg pager) largest() int {
	for _, size := range []int{100, 50, 25, 20, 10, 5} {
		if pg.fits(size) {
			return size
		}
	}
	return 0
}

// page is one page of a list.
type page struct {
	items    []any
	asked    int // how long it may be; 0 if not asked
	total    int // of all pages, as it tells; -1 if it does not
	last     bool
	exchange *exchange
	linked   bool // it was come to by links
}

// maxPages bounds how far a list is read.
const maxPages = 60

// pages reads a list to its end, or to the bound. Pages have the size, or the
// largest that may be asked for if it is 0. There are none if the answer is no list.
func (l *lane) pages(ctx context.Context, op *operation, pg pager, size int) ([]page, error) {
	in, ok, err := l.minimal(ctx, op)
	if err != nil || !ok {
		return nil, err
	}
	maps.Copy(in.values, l.with)
	if pg.size != nil && size == 0 {
		size = pg.largest()
	}
	if pg.size != nil && size > 0 {
		in.values[place{pg.size.In, pg.size.Name}] = json.Number(strconv.Itoa(size))
	}
	var run []page
	number, seen := pg.firstPage(), 0
	for range maxPages {
		if pg.page != nil && len(run) > 0 {
			in = in.with(place{pg.page.In, pg.page.Name}, json.Number(strconv.Itoa(number)))
		}
		if pg.page == nil && pg.offset != nil && len(run) > 0 {
			in = in.with(place{pg.offset.In, pg.offset.Name}, json.Number(strconv.Itoa(seen)))
		}
		x, err := l.send(ctx, op, in, purposeCase)
		if err != nil {
			return nil, err
		}
		if x == nil || !x.answer.ok() {
			return run, nil
		}
		list, within, isList := items(x.answer.json())
		if !isList {
			return run, nil
		}
		for i := range list {
			list[i] = unwrapped(list[i])
		}
		p := page{items: list, asked: size, total: totalOf(within), exchange: x}
		if p.total < 0 {
			p.total = totalIn(x.answer.header)
		}
		seen += len(list)
		number++
		next, more := pg.next(x, within)
		switch {
		case pg.cursor != nil && pg.page == nil && pg.offset == nil:
			p.last = !more
		case pg.pages():
			p.last = len(list) == 0 || p.total >= 0 && seen >= p.total && p.total > 0 || p.total < 0 && size > 0 && len(list) < size
		case goesOn(x, within), size > 0 && len(list) >= size, size == 0 && p.total > len(list):
			return append(run, p), nil // there may be more, and no way to ask for it
		default:
			p.last = true
		}
		run = append(run, p)
		if p.last {
			return trimmed(run), nil
		}
		if pg.cursor != nil && more && pg.page == nil && pg.offset == nil {
			in = in.with(place{pg.cursor.In, pg.cursor.Name}, next)
			l.cursor = scalarText(next)
		}
	}
	return run, nil
}

// unwrapped is an item with its attributes beside its id, where it has them in an object of
// that name as JSON:API says.
func unwrapped(item any) any {
	object, _ := item.(map[string]any)
	attributes, ok := object["attributes"].(map[string]any)
	if !ok || object["id"] == nil {
		return item
	}
	out := maps.Clone(attributes)
	for name, v := range object {
		if name != "attributes" {
			out[name] = v
		}
	}
	return out
}

// trimmed drops an empty page at the end: it only shows that the one before was the
// last. Its total may be about nothing.
func trimmed(run []page) []page {
	if n := len(run); n > 1 && len(run[n-1].items) == 0 {
		run = run[:n-1]
		run[n-2].last = true
	}
	return run
}

// firstPage is the number of the first page.
func (pg pager) firstPage() int {
	if pg.page == nil {
		return 0
	}
	s := schemaOf(pg.page)
	if s.Default != nil {
		if v, ok := plain(s.Default); ok && scalarText(v) == "0" {
			return 0
		}
		return 1
	}
	if s.Min != nil && *s.Min == 0 {
		return 0
	}
	return 1
}

var (
	nextNames  = []string{"next", "nextcursor", "nextpagetoken", "nexttoken", "endcursor", "cursor", "continuationtoken", "continuation", "marker"}
	totalNames = []string{"total", "totalcount", "totalitems", "totalresults", "totalelements", "totalrecords", "totalsize", "totalrows", "totalhits", "totalentries"}
	nextLink   = regexp.MustCompile(`<([^>]*)>\s*;[^,]*rel="?next"?`)
)

// next is the cursor of the page after.
func (pg pager) next(x *exchange, within []map[string]any) (any, bool) {
	if pg.cursor == nil {
		return nil, false
	}
	if m := nextLink.FindStringSubmatch(x.answer.header.Get("Link")); m != nil {
		if u, err := url.Parse(m[1]); err == nil && u.Query().Get(pg.cursor.Name) != "" {
			return u.Query().Get(pg.cursor.Name), true
		}
	}
	for _, want := range append([]string{folded(pg.cursor.Name)}, nextNames...) {
		for _, object := range within {
			for _, name := range sortedNames(object) {
				text, isText := object[name].(string)
				if folded(name) != want || !isText || text == "" {
					continue
				}
				if u, err := url.Parse(text); err == nil && u.Query().Get(pg.cursor.Name) != "" {
					return u.Query().Get(pg.cursor.Name), true
				}
				return text, true
			}
		}
	}
	return nil, false
}

// goesOn reports whether an answer says that there is more.
func goesOn(x *exchange, within []map[string]any) bool {
	if nextLink.MatchString(x.answer.header.Get("Link")) {
		return true
	}
	for _, object := range within {
		for name, v := range object {
			text, isText := v.(string)
			switch folded(name) {
			case "hasmore", "hasnext", "hasnextpage", "more", "truncated", "istruncated":
				if v == true {
					return true
				}
			case "next", "nextcursor", "nextpagetoken", "nexttoken":
				if isText && text != "" {
					return true
				}
			}
		}
	}
	return false
}

var (
	totalHeaders = []string{"X-Total-Count", "X-Total", "Total-Count", "X-Total-Results", "X-Pagination-Total-Count"}
	contentRange = regexp.MustCompile(`^[a-z-]+ .*/([0-9]+)$`)
)

// totalIn is the total that the header of an answer tells; -1 if it tells none.
func totalIn(header http.Header) int {
	texts := make([]string, 0, len(totalHeaders)+1)
	for _, name := range totalHeaders {
		texts = append(texts, header.Get(name))
	}
	if m := contentRange.FindStringSubmatch(header.Get("Content-Range")); m != nil {
		texts = append(texts, m[1])
	}
	for _, text := range texts {
		if n, err := strconv.Atoi(text); err == nil && n >= 0 {
			return n
		}
	}
	return -1
}

// totalOf is the total that an answer tells; -1 if it tells none.
func totalOf(within []map[string]any) int {
	for _, want := range totalNames {
		for _, object := range within {
			for _, name := range sortedNames(object) {
				number, ok := object[name].(json.Number)
				if folded(name) != want || !ok {
					continue
				}
				if n, err := strconv.Atoi(number.String()); err == nil {
					return n
				}
			}
		}
	}
	return -1
}
