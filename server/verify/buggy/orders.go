package buggy

import (
	"fmt"
	"maps"
	"net/http"
	"strconv"

	"github.com/google/uuid"
)

type order struct {
	id      string
	item    *item
	members map[string]any // as they are shown
}

// newUUID is an id that follows from how many were handed out.
func (s *server) newUUID() string {
	s.uuids++
	return uuid.NewSHA1(uuid.NameSpaceURL, fmt.Appendf(nil, "shop:%d", s.uuids)).String()
}

func (s *server) listOrders(c *call) answer {
	it := s.item(c)
	if it == nil {
		if s.has(OrphanedOrders) && s.deletedItem(c) != nil {
			return problem(http.StatusInternalServerError, "The shop stumbled.")
		}
		return noItem()
	}
	start := 0
	if cursor, ok := c.query["cursor"].(string); ok {
		start, _ = strconv.Atoi(cursor) // nine digits at most, by the schema
	}
	total := len(it.orders)
	start = min(start, total)
	end := min(start+int(number(c.query["limit"], 10)), total)
	shown := make([]any, 0, end-start)
	for _, o := range it.orders[start:end] {
		shown = append(shown, o.members)
	}
	body := map[string]any{"orders": shown, "nextCursor": nil}
	switch {
	case end < total && s.has(CursorGap):
		body["nextCursor"] = strconv.Itoa(end + 1)
	case end < total:
		body["nextCursor"] = strconv.Itoa(end)
	case s.has(CursorLoop):
		body["nextCursor"] = "0"
	}
	listed := answer{status: http.StatusOK, body: body}.with("X-Total-Count", strconv.Itoa(total))
	if s.has(BrokenJSON) {
		listed = listed.encoded()
		listed.data = listed.data[:len(listed.data)-1]
	}
	return listed
}

func (s *server) createOrder(c *call) answer {
	it := s.item(c)
	if it == nil {
		return noItem()
	}
	id := s.newUUID()
	o := &order{id: id, item: it, members: map[string]any{
		"id": id, "itemId": it.id, "status": "placed", "placedAt": now(),
		"quantity": c.body["quantity"], "email": c.body["email"], "note": c.body["note"], "payment": c.body["payment"],
	}}
	s.orders[id] = o
	it.orders = append(it.orders, o)
	shown := maps.Clone(o.members)
	if s.has(EnumUndeclared) {
		shown["status"] = "lost"
	}
	created := answer{status: http.StatusCreated, body: shown}
	if s.has(Created200) {
		created.status = http.StatusOK
	}
	return created.with("Location", fmt.Sprintf("/items/%d/orders/%s", it.id, id))
}

func (s *server) getOrder(c *call) answer {
	it := s.item(c)
	if it == nil {
		return noItem()
	}
	id, _ := c.path["orderId"].(string)
	o := s.orders[canonical(id)]
	if o == nil || o.item != it || s.has(CreatedOrderAbsent) {
		return problem(http.StatusNotFound, "There is no such order.")
	}
	shown := answer{status: http.StatusOK}
	members := maps.Clone(o.members)
	if payment, ok := members["payment"].(map[string]any); ok && s.has(PaymentVague) {
		vague := maps.Clone(payment)
		delete(vague, "method")
		members["payment"] = vague
	}
	if s.has(NoContentType) {
		shown.media = untyped
	}
	shown.body = members
	return shown
}
