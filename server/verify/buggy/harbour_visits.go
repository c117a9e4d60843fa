package buggy

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
)

func (h *harbour) sailor(c *call) *row {
	r, vessel := h.row("sailor", c.path["sailorId"]), h.vessel(c)
	switch {
	case r == nil, vessel == nil && !h.has(OrphanedCrew), r.parent != vessel && vessel != nil && !h.has(AnyVesselsCrew):
		return nil
	}
	return r
}

func (h *harbour) sailorOf(c *call) map[string]any {
	members := map[string]any{"rank": "cook"}
	if h.has(RankDefault) {
		members["rank"] = "sailor"
	}
	maps.Copy(members, c.exact)
	delete(members, "id")
	delete(members, "pin")
	return members
}

func (h *harbour) hire(c *call) answer {
	vessel := h.vessel(c)
	if vessel == nil {
		return noSuch("vessel")
	}
	r := &row{id: h.uuid("sailor"), parent: vessel, members: h.sailorOf(c), pin: c.exact["pin"]}
	if id, ok := c.sent["id"].(string); ok && h.has(ClientSailorID) {
		r.id = id
	}
	r.members["id"] = r.id
	h.add("sailor", r)
	return answer{status: http.StatusCreated, body: maps.Clone(r.members)}
}

func (h *harbour) showSailor(c *call) answer {
	r := h.sailor(c)
	if r == nil {
		return noSuch("sailor")
	}
	members := maps.Clone(r.members)
	if r.pin != nil && h.has(PinShown) {
		members["pin"] = r.pin
	}
	return shown(members)
}

func (h *harbour) replaceSailor(c *call) answer {
	r := h.sailor(c)
	if r == nil {
		return noSuch("sailor")
	}
	next := h.sailorOf(c)
	if cabin := r.members["cabin"]; cabin != nil && c.exact["cabin"] == nil && h.has(PutKeepsCabin) {
		next["cabin"] = cabin
	}
	next["id"] = r.id
	r.members = next
	if h.has(PutRenews) {
		r.id = h.uuid("sailor")
		r.members["id"] = r.id
	}
	return shown(maps.Clone(r.members))
}

func (h *harbour) dismiss(c *call) answer {
	r := h.sailor(c)
	if r == nil {
		if h.has(DismissedTwice) {
			return refused(http.StatusConflict, "The sailor has left.")
		}
		return noSuch("sailor")
	}
	if !h.has(DismissedStay) {
		h.remove("sailor", r)
	}
	return answer{status: http.StatusNoContent}
}

func (h *harbour) listCrew(c *call) answer {
	vessel := h.vessel(c)
	if vessel == nil {
		return noSuch("vessel")
	}
	var crew []*row
	for _, r := range slices.Backward(h.rows["sailor"]) {
		if r.parent == vessel && (c.query["rank"] == nil || r.members["rank"] == c.query["rank"] || h.has(RankIgnored)) {
			crew = append(crew, r)
		}
	}
	limit := int(number(c.query["limit"], 3))
	if h.has(CrewDefault) && !c.given["limit"] {
		limit = 1
	}
	body := map[string]any{"crew": part(crew, 0, limit), "total": len(crew)}
	if h.has(CrewTotal) {
		body["total"] = len(crew) + 1
	}
	return shown(body)
}

func (h *harbour) addShipper(c *call) answer {
	r := &row{id: h.uuid("shipper"), members: maps.Clone(c.exact)}
	r.members["id"] = r.id
	h.add("shipper", r)
	return answer{status: http.StatusCreated, body: maps.Clone(r.members)}
}

func (h *harbour) showShipper(c *call) answer {
	r := h.row("shipper", c.path["shipperId"])
	if r == nil {
		return noSuch("shipper")
	}
	a := shown(maps.Clone(r.members))
	if h.has(ShipperPDF) {
		a.media = "application/pdf"
	}
	return a
}

func (h *harbour) removeShipper(c *call) answer {
	r := h.row("shipper", c.path["shipperId"])
	if r == nil {
		return noSuch("shipper")
	}
	h.remove("shipper", r)
	return answer{status: http.StatusNoContent}
}

func (h *harbour) listShippers(c *call) answer {
	start := 0
	if cursor, ok := c.query["cursor"].(string); ok {
		start, _ = strconv.Atoi(cursor) // nine digits at most
	}
	size := int(number(c.query["limit"], 10))
	rows := h.rows["shipper"]
	body := map[string]any{"shippers": part(rows, start, size), "next": nil}
	left := len(rows) - start - size
	switch {
	case left == 1 && h.has(LastShipperLost):
	case left > 0 && h.has(NextNumber):
		body["next"] = start + size
	case left > 0:
		body["next"] = strconv.Itoa(start + size)
	}
	return shown(body)
}

func (h *harbour) addBerth(c *call) answer {
	id := h.number("berth")
	if h.has(BerthsCounted) {
		id = len(h.rows["berth"]) + 1
	}
	r := &row{id: id, members: map[string]any{
		"id": id, "quay": c.exact["quay"], "depth": integral(c.exact["depth"]), "opened_on": fmt.Sprintf("2024-%02d-%02d", 1+id%12, 1+id%28),
	}}
	h.add("berth", r)
	location := fmt.Sprint("/berths/", id)
	if h.has(BerthLocation) {
		location = fmt.Sprint("/berths/", id+1)
	}
	return answer{status: http.StatusCreated, body: maps.Clone(r.members)}.with("Location", location)
}

func (h *harbour) showBerth(c *call) answer {
	r := h.row("berth", c.path["berth_id"])
	if r == nil {
		if h.has(HangsUp) {
			panic(http.ErrAbortHandler) //nolint:forbidigo // net/http's way to hang up
		}
		return noSuch("berth")
	}
	members := maps.Clone(r.members)
	if h.has(DepthText) {
		members["depth"] = fmt.Sprint(members["depth"])
	}
	return shown(members)
}

func (h *harbour) removeBerth(c *call) answer {
	r := h.row("berth", c.path["berth_id"])
	if r == nil {
		return noSuch("berth")
	}
	h.remove("berth", r)
	return answer{status: http.StatusNoContent}
}

func (h *harbour) listBerths(c *call) answer {
	rows := slices.DeleteFunc(slices.Clone(h.rows["berth"]), func(r *row) bool {
		return c.query["quay"] != nil && r.members["quay"] != c.query["quay"] && !h.has(QuayIgnored)
	})
	if least, ok := c.query["min_depth"].(float64); ok && !h.has(MinDepthIgnored) {
		rows = slices.DeleteFunc(rows, func(r *row) bool {
			depth, _ := strconv.ParseFloat(scalar(r.members["depth"]), 64)
			return depth < least || depth > least && h.has(MinDepthOmits)
		})
	}
	size := int(number(c.query["per_page"], 12))
	start := (int(number(c.query["page"], 1)) - 1) * size
	if by, ok := c.query["sort_by"].(string); ok && !h.has(SortByIgnored) {
		sorted := rows
		if h.has(PageSorted) {
			sorted = rows[min(start, len(rows)):min(start+size, len(rows))]
		}
		down := c.query["direction"] == "desc" && !h.has(DirectionIgnored)
		slices.SortStableFunc(sorted, func(a, b *row) int {
			n := compared(a.members[by], b.members[by], h.has(DepthAsText))
			if down {
				n = -n
			}
			return n
		})
	}
	body := map[string]any{"data": part(rows, start, size), "meta": map[string]any{"total": len(rows)}}
	switch {
	case h.has(LastPageTotal) && start > 0 && start+size >= len(rows):
		body["meta"] = map[string]any{"total": len(rows) - 1}
	case h.has(TotalAsText):
		body["meta"] = map[string]any{"total": strconv.Itoa(len(rows))}
	}
	return shown(body)
}

func (h *harbour) announce(c *call) answer {
	berth, _ := c.exact["berth"].(map[string]any)
	cargo, _ := c.exact["cargo"].([]any)
	if h.row("vessel", integral(c.exact["vesselId"])) == nil || h.row("berth", integral(berth["id"])) == nil && (berth != nil || !h.has(NullBerth)) {
		return refused(http.StatusUnprocessableEntity, "There is no such vessel or berth.")
	}
	for _, item := range cargo {
		lot, _ := item.(map[string]any)
		if h.row("shipper", lot["shipper_id"]) == nil && (!h.has(LotWithout) || lot["shipper_id"] != nil) {
			return refused(http.StatusUnprocessableEntity, "There is no such shipper.")
		}
	}
	id := h.number("visit")
	r := &row{id: id, members: maps.Clone(c.exact)}
	r.members["id"], r.members["status"], r.members["vesselId"] = id, "expected", integral(c.exact["vesselId"])
	if h.has(CargoReversed) {
		reversed := slices.Clone(cargo)
		slices.Reverse(reversed)
		r.members["cargo"] = reversed
	}
	h.add("visit", r)
	return answer{status: http.StatusCreated, body: maps.Clone(r.members)}
}

func (h *harbour) visit(c *call) *row { return h.row("visit", c.path["visitId"]) }

func (h *harbour) showVisit(c *call) answer {
	r := h.visit(c)
	if r == nil {
		return noSuch("visit")
	}
	if h.has(OrphanedVisit) && h.row("vessel", r.members["vesselId"]) == nil {
		return refused(http.StatusInternalServerError, "The vessel has sunk.")
	}
	members := maps.Clone(r.members)
	if h.has(NoteLost) {
		delete(members, "cargo")
	}
	if members["note"] == "" && h.has(NoteLeftOut) {
		delete(members, "note")
	}
	return shown(members)
}

func (h *harbour) cancel(c *call) answer {
	r := h.visit(c)
	if r == nil {
		return noSuch("visit")
	}
	if !h.has(CancelledStays) {
		h.remove("visit", r)
	}
	return answer{status: http.StatusNoContent}
}

func (h *harbour) moor(c *call) answer {
	r := h.visit(c)
	switch {
	case r == nil:
		return noSuch("visit")
	case r.members["status"] == "moored" && h.has(MooredTwice):
		return refused(http.StatusInternalServerError, "The berth is full.")
	}
	return h.turn(r, "moored", h.has(MoorLost))
}

func (h *harbour) depart(c *call) answer {
	r := h.visit(c)
	if r == nil {
		return noSuch("visit")
	}
	return h.turn(r, "departed", h.has(DepartLost))
}

// turn gives a visit another status.
func (h *harbour) turn(r *row, status string, lost bool) answer {
	next := maps.Clone(r.members)
	next["status"] = status
	if !lost {
		r.members = next
	}
	return shown(maps.Clone(next))
}

func (h *harbour) listVisits(c *call) answer {
	rows := slices.DeleteFunc(slices.Clone(h.rows["visit"]), func(r *row) bool {
		status, vessel := c.query["status"], c.query["vesselId"]
		return status != nil && r.members["status"] != status && !h.has(StatusIgnored) ||
			vessel != nil && scalar(r.members["vesselId"]) != scalar(vessel) && !h.has(VesselIgnored)
	})
	size := int(number(c.query["size"], 10))
	start := int(number(c.query["page"], 0)) * size
	visits := part(rows, start, size)
	if h.has(StatusCase) {
		for i := range visits {
			visits[i]["status"] = "Expected"
		}
	}
	if c.query["page"] != nil && start > 0 && len(visits) > 0 && h.has(VisitTwice) {
		visits[0] = maps.Clone(rows[start-1].members)
	}
	return shown(map[string]any{"visits": visits, "totalElements": len(rows)})
}

// soon is after how many further requests it is there what was asked for with 202.
const soon = 25

func (h *harbour) order(c *call) answer {
	id := h.number("survey")
	r := &row{id: id, members: map[string]any{"id": id, "subject": c.exact["subject"]}, due: h.asked + soon}
	location := fmt.Sprintf("/surveys/%d/progress", id)
	switch {
	case h.has(SurveyAstray):
		location = fmt.Sprintf("/surveys/%d/state", id)
	case h.has(SurveyAhead):
		location, r.due = fmt.Sprintf("/surveys/%d", id), h.asked+4
	}
	h.add("survey", r)
	return answer{status: http.StatusAccepted, body: maps.Clone(r.members)}.with("Location", location)
}

func (h *harbour) showProgress(c *call) answer {
	for _, r := range h.rows["survey"] {
		if scalar(r.id) == scalar(c.path["surveyId"]) {
			return shown(map[string]any{"done": h.there(r)})
		}
	}
	return noSuch("survey")
}

func (h *harbour) showSurvey(c *call) answer {
	if r := h.row("survey", c.path["surveyId"]); r != nil {
		return shown(maps.Clone(r.members))
	}
	return noSuch("survey")
}

func (h *harbour) withdraw(c *call) answer {
	r := h.row("survey", c.path["surveyId"])
	if r == nil {
		return noSuch("survey")
	}
	if r.end == 0 {
		r.end = h.asked + soon
	}
	return answer{status: http.StatusAccepted}
}

func (h *harbour) listSurveys(c *call) answer {
	subject := c.query["subject"]
	rows := slices.DeleteFunc(slices.Clone(h.rows["survey"]), func(r *row) bool {
		return !h.there(r) || subject != nil && r.members["subject"] != subject && !h.has(SubjectIgnored)
	})
	return answer{status: http.StatusOK, body: part(rows, 0, len(rows))}
}
