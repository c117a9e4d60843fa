package buggy

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// vesselOf is what a vessel is by what was sent for it.
func (h *harbour) vesselOf(c *call) map[string]any {
	members := map[string]any{"flag": "norway", "armed": false}
	if h.has(FlagDefault) {
		members["flag"] = "malta"
	}
	if h.has(ArmedDefault) {
		members["armed"] = true
	}
	for name, v := range c.exact {
		switch name {
		case "id", "version", "register":
		default:
			members[name] = v
		}
	}
	members["tonnage"] = integral(members["tonnage"])
	if n, ok := members["tonnage"].(json.Number); ok && h.has(TonnageDouble) {
		f, _ := n.Float64()
		members["tonnage"] = json.Number(strconv.FormatFloat(f, 'f', -1, 64))
	}
	if name, _ := members["name"].(string); h.has(NameTrimmed) {
		members["name"] = strings.TrimSpace(name)
	}
	return members
}

func (h *harbour) showing(status int, r *row) answer {
	members := maps.Clone(r.members)
	if list, ok := members["equipment"].([]any); ok && len(list) == 0 && h.has(EquipmentLeftOut) {
		delete(members, "equipment")
	}
	a := answer{status: status, body: members}
	if h.has(NoTag) {
		return a
	}
	return a.with("ETag", h.tag(r))
}

func (h *harbour) addVessel(c *call) answer {
	if !whole64(c) && !h.has(FractionTonnage) {
		return refused(http.StatusBadRequest, "The tonnage is no integer of 64 bits.")
	}
	r := &row{id: h.number("vessel"), members: h.vesselOf(c), beacon: map[string]any{"call": "CQD", "every": 30}}
	if n, ok := c.sent["id"].(float64); ok && h.has(ClientID) {
		r.id = int(n)
	}
	r.members["id"], r.members["version"] = r.id, 1
	r.members["register"] = fmt.Sprintf("register-%04d", h.made["vessel"])
	if text, ok := c.sent["register"].(string); ok && h.has(ClientRegister) {
		r.members["register"] = text
	}
	h.add("vessel", r)
	location := fmt.Sprint("/vessels/", r.id)
	switch {
	case h.has(LocationAstray):
		location = fmt.Sprint("/ships/", r.id)
	case h.has(LocationOther) && len(h.rows["vessel"]) > 1:
		location = fmt.Sprint("/vessels/", h.rows["vessel"][0].id)
	case h.has(RelativeLocation):
		location = fmt.Sprint("vessels/", r.id)
	}
	return h.showing(http.StatusCreated, r).with("Location", location)
}

func (h *harbour) vessel(c *call) *row { return h.row("vessel", c.path["vesselId"]) }

func (h *harbour) showVessel(c *call) answer {
	if r := h.vessel(c); r != nil {
		return h.showing(http.StatusOK, r)
	}
	return noSuch("vessel")
}

// update gives a vessel other members, and a new version.
func (h *harbour) update(r *row, members map[string]any) {
	next := maps.Clone(members)
	version, _ := r.members["version"].(int)
	next["id"], next["version"], next["register"] = r.id, version+1, r.members["register"]
	r.members = next
}

func (h *harbour) replaceVessel(c *call) answer {
	r := h.vessel(c)
	switch {
	case r == nil:
		return noSuch("vessel")
	case h.stale(c, r) && !h.has(PutStale):
		return refused(http.StatusPreconditionFailed, "It has changed.")
	case !whole64(c):
		return refused(http.StatusBadRequest, "The tonnage is no integer of 64 bits.")
	}
	members := h.vesselOf(c)
	if old := r.members["nickname"]; old != nil && c.exact["nickname"] == nil && h.has(PutKeepsNickname) {
		members["nickname"] = old
	}
	if old, ok := r.members["labels"].(map[string]any); ok && h.has(LabelsMerged) {
		merged := maps.Clone(old)
		if labels, ok := members["labels"].(map[string]any); ok {
			maps.Copy(merged, labels)
		}
		members["labels"] = merged
	}
	h.update(r, members)
	if text, ok := c.sent["register"].(string); ok && h.has(RegisterReplaced) {
		r.members["register"] = text
	}
	return h.showing(http.StatusOK, r)
}

func (h *harbour) changeVessel(c *call) answer {
	r := h.vessel(c)
	switch {
	case r == nil:
		return noSuch("vessel")
	case h.stale(c, r) && !h.has(PatchStale):
		return refused(http.StatusPreconditionFailed, "It has changed.")
	case !whole64(c):
		return refused(http.StatusBadRequest, "The tonnage is no integer of 64 bits.")
	}
	members := maps.Clone(r.members)
	maps.Copy(members, c.exact)
	members["tonnage"] = integral(members["tonnage"])
	if c.exact["nickname"] == nil && h.has(PatchNulls) {
		members["nickname"] = nil
	}
	if h.has(PatchIgnoresFalse) && c.exact["armed"] == false {
		members["armed"] = r.members["armed"]
	}
	if list, ok := c.exact["equipment"].([]any); ok && len(list) == 0 && h.has(PatchIgnoresEmpty) {
		members["equipment"] = r.members["equipment"]
	}
	if h.has(AnswersChanged) { // and stores what was
		said := &row{id: r.id, members: r.members}
		h.update(said, members)
		return h.showing(http.StatusOK, said)
	}
	h.update(r, members)
	return h.showing(http.StatusOK, r)
}

func (h *harbour) removeVessel(c *call) answer {
	r := h.vessel(c)
	switch {
	case r == nil:
		return noSuch("vessel")
	case h.stale(c, r) && !h.has(DeleteStale):
		return refused(http.StatusPreconditionFailed, "It has changed.")
	}
	h.remove("vessel", r)
	h.gone++
	if !h.has(OrphanedCrew) {
		h.rows["sailor"] = slices.DeleteFunc(slices.Clone(h.rows["sailor"]), func(s *row) bool { return s.parent == r })
	}
	return answer{status: http.StatusNoContent}
}

func (h *harbour) listVessels(c *call) answer {
	if h.has(FalseRefused) && c.given["armed"] && c.query["armed"] == false {
		return refused(http.StatusBadRequest, "No vessel is unarmed.")
	}
	rows := slices.DeleteFunc(slices.Clone(h.rows["vessel"]), func(r *row) bool {
		flag, armed, name := c.query["flag"], c.query["armed"], c.query["name"]
		shownName, _ := r.members["name"].(string)
		part, _ := name.(string)
		switch {
		case flag != nil && r.members["flag"] != flag && !h.has(FlagIgnored):
			return true
		case armed != nil && r.members["armed"] != armed && (!h.has(ArmedIgnored) || armed == true):
			return true
		}
		return name != nil && !strings.Contains(shownName, part) && !h.has(NameIgnored)
	})
	if c.query["flag"] != nil && h.has(FilterOmits) && len(rows) > 0 {
		rows = rows[1:]
	}
	sort, _ := c.query["sort"].(string)
	by := strings.TrimPrefix(sort, "-")
	if !h.has(SortIgnored) && (!h.has(DownIgnored) || by == sort) {
		slices.SortStableFunc(rows, func(a, b *row) int {
			n := compared(a.members[by], b.members[by], h.has(SortAsText))
			if by != sort && !h.has(DownIsUp) {
				n = -n
			}
			return n
		})
	}
	if h.has(SortDefault) && !c.given["sort"] {
		slices.Reverse(rows)
	}
	total := len(rows)
	start, size := int(number(c.query["offset"], 0)), int(number(c.query["limit"], 20))
	if h.has(LimitPlusOne) {
		size++
	}
	if h.has(LimitDefault) && !c.given["limit"] {
		size = 2
	}
	if h.has(TotalOfGone) {
		total += h.gone
	}
	out := answer{status: http.StatusOK, body: part(rows, start, size)}
	return out.with("X-Total-Count", strconv.Itoa(total))
}

// compared orders values of members.
func compared(a, b any, asText bool) int {
	x, errX := strconv.ParseFloat(scalar(a), 64)
	y, errY := strconv.ParseFloat(scalar(b), 64)
	if errX == nil && errY == nil && !asText {
		switch {
		case x < y:
			return -1
		case x > y:
			return 1
		}
	}
	return strings.Compare(fmt.Sprint(a), fmt.Sprint(b))
}

func (h *harbour) showBeacon(c *call) answer {
	r := h.vessel(c)
	if r == nil {
		return noSuch("vessel")
	}
	beacon := maps.Clone(r.beacon)
	if h.has(BeaconNull) {
		beacon["call"] = nil
	}
	if beacon["silent"] == false && h.has(SilentLeftOut) {
		delete(beacon, "silent")
	}
	beacon["sentAt"] = now()
	return shown(beacon)
}

func (h *harbour) setBeacon(c *call) answer {
	r := h.vessel(c)
	if r == nil {
		return noSuch("vessel")
	}
	next := maps.Clone(c.exact)
	delete(next, "sentAt")
	if text, _ := next["call"].(string); h.has(BeaconUpper) {
		next["call"] = strings.ToUpper(text)
	}
	if !h.has(BeaconLost) {
		r.beacon = next
	}
	said := maps.Clone(next)
	said["sentAt"] = now()
	return shown(said)
}
