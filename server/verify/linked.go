package verify

import (
	"context"
	"encoding/json"
	"net/url"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// linkedPages reads a list by the addresses of next pages that its answers give, in the
// header Link (RFC 8288) or in their bodies. There are none if the list is asked for by
// cursors, which pages follow anyhow, or gives no such addresses.
func (l *lane) linkedPages(ctx context.Context, op *operation, pg pager) ([]page, error) {
	if pg.page == nil && pg.offset == nil {
		return nil, nil
	}
	in, ok, err := l.minimal(ctx, op)
	if err != nil || !ok {
		return nil, err
	}
	size := 0
	if pg.size != nil && pg.fits(2) {
		size = 2
		in.values[place{pg.size.In, pg.size.Name}] = json.Number(strconv.Itoa(size))
	}
	x, err := l.send(ctx, op, in, purposeCase)
	if err != nil {
		return nil, err
	}
	var run []page
	for range maxPages {
		if x == nil || !x.answer.ok() {
			return run, nil
		}
		list, within, isList := items(x.answer.json())
		if !isList {
			return run, nil
		}
		query, more := l.r.nextPage(x, within)
		if !more && len(run) == 0 {
			return nil, nil // it has one page, or gives no addresses
		}
		run = append(run, page{items: list, asked: size, total: -1, last: !more, exchange: x, linked: true})
		if !more {
			return run, nil
		}
		c := *x.call
		c.in, c.query = nil, query
		next := &exchange{call: &c, purpose: purposeSetUp, judged: l.r.judge(ctx, &c)}
		if err := l.do(ctx, next); err != nil {
			return nil, err
		}
		x = next
	}
	return run, nil
}

// nextPage is the query of the next page's address; false if there is none, or it is not
// that of the same list.
func (r *runner) nextPage(x *exchange, within []map[string]any) (query string, ok bool) {
	address := ""
	if m := nextLink.FindStringSubmatch(x.answer.header.Get("Link")); m != nil {
		address = m[1]
	}
	for _, object := range within {
		for _, name := range sortedNames(object) {
			if text, isText := object[name].(string); isText && folded(name) == "next" && strings.Contains(text, "?") && address == "" {
				address = text
			}
		}
	}
	base := strings.TrimSuffix(r.target.base.EscapedPath(), "/")
	from, err := url.Parse(base + x.call.path)
	if err != nil || address == "" {
		return "", false
	}
	to, err := from.Parse(address)
	if err != nil || to.Host != "" && to.Host != r.target.base.Host || to.EscapedPath() != from.EscapedPath() {
		return "", false
	}
	return r.target.auth.withoutKeys(to.RawQuery), true
}

// withoutKeys is a query without the keys that every request gets by itself.
func (a *authorizer) withoutKeys(query string) string {
	var parts []string
	for part := range strings.SplitSeq(query, "&") {
		name, _, _ := strings.Cut(part, "=")
		plain, err := url.QueryUnescape(name)
		own := false
		for _, scheme := range a.schemes {
			own = own || err == nil && scheme.Value != nil && scheme.Value.Type == "apiKey" && scheme.Value.In == openapi3.ParameterInQuery && scheme.Value.Name == plain
		}
		if !own {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, "&")
}
