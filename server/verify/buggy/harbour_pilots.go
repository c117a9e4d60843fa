package buggy

import (
	"encoding/json"
	"maps"
	"net/http"
	"strconv"
)

// Pilots stand in envelopes, as JSON:API has them.

// pilotData is what a pilot is shown as.
func (h *harbour) pilotData(r *row) map[string]any {
	attributes := maps.Clone(r.members)
	if attributes["depth"] == json.Number("0") && h.has(DepthLeftOut) {
		delete(attributes, "depth")
	}
	return map[string]any{"type": "pilots", "id": r.id, "attributes": attributes}
}

// attributesOf are those of a body.
func attributesOf(c *call) map[string]any {
	data, _ := c.exact["data"].(map[string]any)
	attributes, _ := data["attributes"].(map[string]any)
	next := maps.Clone(attributes)
	if depth, ok := next["depth"]; ok {
		next["depth"] = integral(depth)
	}
	return next
}

func (h *harbour) addPilot(c *call) answer {
	r := &row{id: strconv.Itoa(h.number("pilot")), members: attributesOf(c)}
	h.add("pilot", r)
	return answer{status: http.StatusCreated, body: map[string]any{"data": h.pilotData(r)}}
}

func (h *harbour) showPilot(c *call) answer {
	r := h.row("pilot", c.path["pilotId"])
	if r == nil {
		return noSuch("pilot")
	}
	return shown(map[string]any{"data": h.pilotData(r)})
}

func (h *harbour) changePilot(c *call) answer {
	r := h.row("pilot", c.path["pilotId"])
	if r == nil {
		return noSuch("pilot")
	}
	data, _ := c.exact["data"].(map[string]any)
	if data["id"] != r.id { // JSON:API, section Updating Resources
		return refused(http.StatusConflict, "It is another pilot.")
	}
	change, next := attributesOf(c), maps.Clone(r.members)
	if h.has(NightsReset) && change["name"] != nil {
		next["nights"] = false
	}
	if h.has(TonguesLost) {
		delete(next, "tongues")
	}
	if h.has(DepthStays) && change["depth"] == json.Number("0") {
		delete(change, "depth")
	}
	if h.has(NightsIgnored) {
		delete(change, "nights")
	}
	maps.Copy(next, change)
	r.members = next
	return shown(map[string]any{"data": h.pilotData(r)})
}

func (h *harbour) removePilot(c *call) answer {
	r := h.row("pilot", c.path["pilotId"])
	if r == nil {
		return noSuch("pilot")
	}
	h.remove("pilot", r)
	return answer{status: http.StatusNoContent}
}

func (h *harbour) listPilots(*call) answer {
	all := []map[string]any{}
	for _, r := range h.rows["pilot"] {
		all = append(all, h.pilotData(r))
	}
	return shown(map[string]any{"data": all})
}
