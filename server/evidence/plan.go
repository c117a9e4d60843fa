package evidence

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/understudy-api/understudy/server/contract"
	"github.com/understudy-api/understudy/server/site"
)

// plan is what can be counted of an operation, prepared so that counting is a few
// look-ups.
type plan struct {
	op       *contract.Operation
	key      string // in a tally: the API and the operationId
	where    contract.Location
	hasBody  bool
	rows     []contract.Row
	byStatus map[int][]int // into rows

	names   []string // of what can be seen, as a tally names it
	path    []int    // parameters that come with every request
	pathAt  []part   // those of them with listed values
	query   map[string]part
	headers []part
	body    *place

	// What of these was seen a report lists, in the order of the document.
	parameters, enums, properties []Seen
}

// What can be seen is named by its sort first.
const (
	seenParameter = "p "
	seenValue     = "v "
	seenMember    = "m "
)

// part is a parameter to count.
type part struct {
	name   string
	cookie bool
	index  int
	values map[string]int
}

// place is a place in a body to count.
type place struct {
	index   int // -1 for the body itself and for items
	values  map[string]int
	members map[string]*place
	item    *place
}

func newPlan(op *contract.Operation) *plan {
	p := &plan{
		op: op, key: op.Document().API + " " + op.ID, where: op.Document().Locate(op.Pointer()), hasBody: op.HasBody(), rows: op.Rows(),
		byStatus: map[int][]int{}, query: map[string]part{},
	}
	for i, row := range p.rows {
		p.byStatus[row.Status] = append(p.byStatus[row.Status], i)
	}
	for _, d := range op.Parts() {
		name := string(d.In) + " " + d.Name
		counted := part{name: d.Name, index: p.name(seenParameter + name)}
		p.parameters = append(p.parameters, Seen{Name: name, Basis: d.Basis})
		for _, value := range d.Enum {
			if counted.values == nil {
				counted.values = map[string]int{}
			}
			counted.values[value] = p.value(name, value, d.EnumBasis)
		}
		switch d.In {
		case contract.InQuery:
			p.query[d.Name] = counted
		case contract.InHeader:
			counted.name = http.CanonicalHeaderKey(d.Name)
			p.headers = append(p.headers, counted)
		case contract.InCookie:
			counted.cookie = true
			p.headers = append(p.headers, counted)
		case contract.InPath:
			p.path = append(p.path, counted.index)
			if counted.values != nil {
				p.pathAt = append(p.pathAt, counted)
			}
		case contract.InBody, contract.InMessage:
		}
	}
	if body := op.Body(); body != nil {
		p.body = p.place(body, false)
	}
	return p
}

func (p *plan) name(name string) int {
	p.names = append(p.names, name)
	return len(p.names) - 1
}

func (p *plan) value(of, value string, basis contract.Basis) int {
	name := of + "=" + value
	p.enums = append(p.enums, Seen{Name: name, Basis: basis})
	return p.name(seenValue + name)
}

func (p *plan) place(m *contract.Member, named bool) *place {
	at := &place{index: -1}
	if named {
		at.index = p.name(seenMember + m.Pointer)
		p.properties = append(p.properties, Seen{Name: m.Pointer, Basis: m.Basis})
	}
	for _, value := range m.Enum {
		if at.values == nil {
			at.values = map[string]int{}
		}
		at.values[value] = p.value("body "+m.Pointer, value, m.EnumBasis)
	}
	for _, name := range m.Names {
		if at.members == nil {
			at.members = map[string]*place{}
		}
		at.members[name] = p.place(m.Members[name], true)
	}
	if m.Item != nil {
		at.item = p.place(m.Item, false)
	}
	return at
}

// bits is a set of indices.
type bits []uint64

func (b bits) set(i int) { b[i>>6] |= 1 << (i & 63) }

// row finds the row of an exchange; -1 if none is declared.
func (p *plan) row(requestType string, status int, responseType string) int {
	found := -1
	for _, i := range p.byStatus[status] {
		row := &p.rows[i]
		if row.ResponseType != responseType {
			continue
		}
		if row.RequestType == requestType {
			return i
		}
		if status >= http.StatusMultipleChoices && found < 0 {
			found = i // refused, whatever came
		}
	}
	return found
}

// types gives the media types of an exchange.
func (p *plan) types(x *site.Exchange) (request, response string) {
	if p.hasBody {
		request = p.op.RequestType(contentType(x.RequestHeader))
	}
	return request, p.op.ResponseType(x.Status, contentType(x.ResponseHeader))
}

func contentType(h http.Header) string {
	if values := h["Content-Type"]; len(values) > 0 {
		return values[0]
	}
	return ""
}

// mark puts into seen what the request used.
func (p *plan) mark(x *site.Exchange, seen bits) {
	for _, i := range p.path {
		seen.set(i)
	}
	for _, c := range p.pathAt {
		c.value(x.Vars[c.name], seen)
	}
	if x.Query != "" && len(p.query) > 0 {
		p.markQuery(x.Query, seen)
	}
	for _, c := range p.headers {
		if c.cookie {
			if cookie, err := (&http.Request{Header: x.RequestHeader}).Cookie(c.name); err == nil {
				seen.set(c.index)
				c.value(cookie.Value, seen)
			}
			continue
		}
		for i, value := range x.RequestHeader[c.name] {
			if i == 0 {
				seen.set(c.index)
			}
			c.value(value, seen)
		}
	}
	if p.body != nil && x.Value != nil {
		p.body.mark(x.Value, seen)
	}
}

func (p *plan) markQuery(query string, seen bits) {
	for query != "" {
		var pair string
		pair, query, _ = strings.Cut(query, "&")
		name, value, _ := strings.Cut(pair, "=")
		if strings.ContainsAny(name, "%+") {
			if plain, err := url.QueryUnescape(name); err == nil {
				name = plain
			}
		}
		c, declared := p.query[name]
		if !declared {
			continue
		}
		seen.set(c.index)
		if c.values == nil {
			continue
		}
		if strings.ContainsAny(value, "%+") {
			if plain, err := url.QueryUnescape(value); err == nil {
				value = plain
			}
		}
		c.value(value, seen)
	}
}

// value counts a listed value, or the listed values that stand between commas.
func (c part) value(value string, seen bits) {
	if c.values == nil {
		return
	}
	if i, listed := c.values[value]; listed {
		seen.set(i)
		return
	}
	for strings.Contains(value, ",") {
		var one string
		one, value, _ = strings.Cut(value, ",")
		if i, listed := c.values[one]; listed {
			seen.set(i)
		}
		if i, listed := c.values[value]; listed {
			seen.set(i)
		}
	}
}

func (at *place) mark(value any, seen bits) {
	if at.index >= 0 {
		seen.set(at.index)
	}
	switch v := value.(type) {
	case map[string]any:
		if len(at.members) == 0 {
			return
		}
		for name, member := range v {
			if next := at.members[name]; next != nil {
				next.mark(member, seen)
			}
		}
	case []any:
		if at.item == nil {
			return
		}
		for _, item := range v {
			at.item.mark(item, seen)
		}
	case nil:
	default:
		if at.values != nil {
			if i, listed := at.values[contract.ValueText(v)]; listed {
				seen.set(i)
			}
		}
	}
}

// rowKey names a row in a tally.
func rowKey(requestType string, status int, responseType string) string {
	return requestType + "|" + strconv.Itoa(status) + "|" + responseType
}

// rowOf reads a name that rowKey made.
func rowOf(key string) (requestType string, status int, responseType string) {
	requestType, rest, _ := strings.Cut(key, "|")
	code, responseType, _ := strings.Cut(rest, "|")
	status, _ = strconv.Atoi(code)
	return requestType, status, responseType
}
