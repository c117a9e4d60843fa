package buggy

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"
)

type item struct {
	id      int
	deleted bool
	members map[string]any // as they are shown
	orders  []*order
}

func now() string { return time.Now().UTC().Format(time.RFC3339Nano) }

func (*server) getHealth(*call) answer {
	return answer{status: http.StatusOK, body: map[string]any{"status": "open"}}
}

// whole is the members of an item by what was sent for it.
func whole(sent map[string]any) map[string]any {
	members := map[string]any{"description": nil, "availableFrom": nil, "tags": []any{}}
	for name := range itemMembers {
		if value, ok := sent[name]; ok {
			members[name] = value
		}
	}
	return members
}

var itemMembers = map[string]bool{
	"name": true, "sku": true, "category": true, "stock": true,
	"weight": true, "description": true, "availableFrom": true, "tags": true,
}

func (s *server) listItems(c *call) answer {
	living := make([]map[string]any, 0, len(s.listed))
	for _, it := range s.listed {
		if !it.deleted && (c.query["category"] == nil || c.query["category"] == it.members["category"]) {
			living = append(living, it.members)
		}
	}
	if s.has(ListOmitsNew) && len(living) > 0 {
		living = living[:len(living)-1]
	}
	page, size := int(number(c.query["page"], 1)), int(number(c.query["perPage"], 20))
	if s.has(FarPage) && page > 100_000 {
		return problem(http.StatusInternalServerError, "The shop stumbled.")
	}
	size = min(size, 100) // what AnyPageSize lets through
	start := (page - 1) * size
	end := start + size
	if s.has(PageOverlap) && page > 1 {
		start--
	}
	if s.has(PageGap) && page > 1 {
		start++
	}
	total := len(living)
	shown := living[min(start, total):min(end, total)]
	if s.has(TotalOfPage) {
		total = len(shown)
	}
	if s.has(MemberNull) {
		for i := range shown {
			nameless := maps.Clone(shown[i])
			nameless["name"] = nil
			shown[i] = nameless
		}
	}
	body := map[string]any{"items": shown, "page": page, "perPage": size, "total": total}
	if s.has(EmptyList) && len(shown) == 0 {
		body["items"] = nil
	}
	count := strconv.Itoa(total)
	if s.has(TotalCountText) {
		count = "many"
	}
	return answer{status: http.StatusOK, body: body}.with("X-Total-Count", count)
}

// number is a value as a number, or what it stands for if it is none.
func number(value any, otherwise float64) float64 {
	if n, ok := value.(float64); ok {
		return n
	}
	return otherwise
}

func (s *server) createItem(c *call) answer {
	it := &item{id: len(s.items) + 1, members: whole(c.body)}
	it.members["id"] = it.id
	it.members["createdAt"] = now()
	if name, _ := it.members["name"].(string); s.has(NameCut) && len([]rune(name)) > 40 {
		it.members["name"] = string([]rune(name)[:40])
	}
	s.items[it.id] = it
	s.listed = append(s.listed, it)
	shown := maps.Clone(it.members)
	if s.has(NameCut) {
		shown["name"] = c.body["name"]
	}
	if s.has(DateFormat) {
		shown["createdAt"] = "yesterday"
	}
	if s.has(MemberExtra) {
		shown["margin"] = 0.4
	}
	created := answer{status: http.StatusCreated, body: shown}
	if s.has(Created202) {
		created.status = http.StatusAccepted
	}
	if s.has(NoLocation) {
		return created
	}
	return created.with("Location", "/items/"+strconv.Itoa(it.id))
}

// item finds the living item of a call.
func (s *server) item(c *call) *item {
	it := s.items[int(number(c.path["itemId"], 0))]
	if it == nil || it.deleted {
		return nil
	}
	return it
}

// deletedItem finds the item of a call if it was deleted.
func (s *server) deletedItem(c *call) *item {
	it := s.items[int(number(c.path["itemId"], 0))]
	if it == nil || !it.deleted {
		return nil
	}
	return it
}

func noItem() answer { return problem(http.StatusNotFound, "There is no such item.") }

func (s *server) getItem(c *call) answer {
	it := s.item(c)
	if it == nil && s.has(DeletedReadable) {
		it = s.deletedItem(c)
	}
	if it == nil && s.has(Absent410) {
		return problem(http.StatusGone, "There is no such item.")
	}
	if it == nil || s.has(CreatedItemAbsent) {
		return noItem()
	}
	shown := answer{status: http.StatusOK}
	members := maps.Clone(it.members)
	if s.has(MemberMissing) {
		delete(members, "createdAt")
	}
	if s.has(MemberType) {
		members["stock"] = "plenty"
	}
	if s.has(TooManyTags) {
		members["tags"] = []string{"a", "b", "c", "d", "e", "f"}
	}
	if s.has(TextPlain) {
		shown.media = "text/plain; charset=utf-8"
	}
	shown.body = members
	return shown
}

func (s *server) replaceItem(c *call) answer {
	it := s.item(c)
	if it == nil {
		return noItem()
	}
	old := it.members
	it.members = whole(c.body)
	it.members["id"], it.members["createdAt"] = old["id"], old["createdAt"]
	shown := maps.Clone(it.members)
	if weight, ok := old["weight"]; ok && c.body["weight"] == nil && s.has(PutKeepsAbsent) {
		it.members["weight"] = weight
	}
	if s.has(PutLosesMember) {
		it.members["stock"] = old["stock"]
	}
	return answer{status: http.StatusOK, body: shown}
}

func (s *server) updateItem(c *call) answer {
	it := s.item(c)
	if deleted := s.deletedItem(c); deleted != nil {
		if s.has(UpdatedAfterDelete) {
			return problem(http.StatusInternalServerError, "The shop stumbled.")
		}
		if s.has(DeletedUpdatable) {
			it = deleted
		}
	}
	if it == nil {
		return noItem()
	}
	members := maps.Clone(it.members)
	maps.Copy(members, c.body)
	if _, mentioned := c.body["tags"]; !mentioned && s.has(PatchResetsTags) {
		members["tags"] = []any{}
	}
	if !s.has(PatchNotStored) {
		it.members = members
	}
	return answer{status: http.StatusOK, body: members}
}

func (s *server) deleteItem(c *call) answer {
	if s.deletedItem(c) != nil {
		if s.has(DeletedTwice200) {
			return answer{status: http.StatusOK, body: map[string]any{}}
		}
		if s.has(DeletedTwice500) {
			return problem(http.StatusInternalServerError, "The shop stumbled.")
		}
	}
	it := s.item(c)
	if it == nil {
		return noItem()
	}
	it.deleted = true
	for _, o := range it.orders {
		delete(s.orders, o.id)
	}
	it.orders = nil
	s.listed = slices.DeleteFunc(s.listed, func(other *item) bool { return other == it })
	return answer{status: http.StatusNoContent}
}
