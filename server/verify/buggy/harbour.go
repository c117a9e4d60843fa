package buggy

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"
)

// The harbour is the other server: where the shop is about single requests, it is about
// what things mean to each other. They refer to one another in their bodies, stand in
// one another, are acted upon, are made later than they are asked for; its lists are
// sorted and filtered; its credentials are two, or one of two.

// Credentials of the harbour, beside [Token].
const (
	DockKey  = "dock-key-5150"
	GatePass = "keeper:open-sesame"
)

//go:embed harbour.yaml
var harbourYAML []byte

// HarbourDocument returns the harbour's document, OpenAPI 3.0.3 in YAML.
func HarbourDocument() []byte { return slices.Clone(harbourYAML) }

var harbourJSON = asJSON(harbourYAML)

// harbour is the other server.
type harbour struct {
	frame

	made     map[string]int
	rows     map[string][]*row // by kind, oldest first
	settings map[string]any
	asked    int // requests until now
	gone     int // vessels
}

// row is a thing of the harbour.
type row struct {
	id      any
	parent  *row
	members map[string]any // as they are shown
	due     int            // the request from which on it is there
	end     int            // the request from which on it is gone; 0 is never
	beacon  map[string]any
	pin     any
}

// NewHarbour returns a harbour that is empty, and has the bugs, or the ways of its own,
// that are given.
func NewHarbour(bugs ...Bug) http.Handler {
	h := &harbour{
		made: map[string]int{}, rows: map[string][]*row{},
		settings: map[string]any{"name": "Harbour", "pilots": json.Number("3"), "night": false},
	}
	h.authorized = h.admits
	h.crash = h.stumbles
	h.coerced = h.coerce
	return h.open(harbourJSON, slices.Concat(harbourCatalogue, harbourWays), bugs, h.bend, h.handlers())
}

func (h *harbour) handlers() map[string]func(*call) answer {
	handlers := map[string]func(*call) answer{
		"ping":        h.ping,
		"listVessels": h.listVessels, "addVessel": h.addVessel, "showVessel": h.showVessel,
		"replaceVessel": h.replaceVessel, "changeVessel": h.changeVessel, "removeVessel": h.removeVessel,
		"showBeacon": h.showBeacon, "setBeacon": h.setBeacon,
		"listCrew": h.listCrew, "hire": h.hire, "showSailor": h.showSailor, "replaceSailor": h.replaceSailor, "dismiss": h.dismiss,
		"listShippers": h.listShippers, "addShipper": h.addShipper, "showShipper": h.showShipper, "removeShipper": h.removeShipper,
		"listBerths": h.listBerths, "addBerth": h.addBerth, "showBerth": h.showBerth, "removeBerth": h.removeBerth,
		"listVisits": h.listVisits, "announce": h.announce, "showVisit": h.showVisit, "cancel": h.cancel, "moor": h.moor, "depart": h.depart,
		"listSurveys": h.listSurveys, "order": h.order, "showSurvey": h.showSurvey, "withdraw": h.withdraw, "showProgress": h.showProgress,
		"listPilots": h.listPilots, "addPilot": h.addPilot, "showPilot": h.showPilot, "changePilot": h.changePilot, "removePilot": h.removePilot,
		"showSettings": h.showSettings, "setSettings": h.setSettings, "changeSettings": h.changeSettings,
		"watchTides": h.watchTides, "showCustoms": h.due, "showWeather": h.due, "showGate": h.due,
	}
	for id, handle := range handlers {
		handlers[id] = func(c *call) answer {
			h.asked++
			return handle(c)
		}
	}
	return handlers
}

// admits looks at the credentials of a request.
func (h *harbour) admits(r *http.Request, operation string) bool {
	same := func(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	bearer := strings.EqualFold(scheme, "Bearer") && (same(token, Token) || h.has(AnyBearer) && token != "" && operation == "listVessels")
	key := same(r.Header.Get("X-Dock-Key"), DockKey) || h.has(AnyDockKey) && r.Header.Get("X-Dock-Key") != ""
	switch operation {
	case "showCustoms":
		return bearer && key || h.has(CustomsByBearer) && bearer || h.has(CustomsByKey) && key
	case "showWeather":
		return bearer || key && !h.has(WeatherNoKey)
	case "showGate":
		user, password, ok := r.BasicAuth()
		name, secret, _ := strings.Cut(GatePass, ":")
		return ok && (same(user, name) || h.has(AnyUser)) && (same(password, secret) || h.has(AnyPassword))
	}
	return bearer
}

// row finds a thing that is there.
func (h *harbour) row(kind string, id any) *row {
	for _, r := range h.rows[kind] {
		if scalar(r.id) == scalar(id) && h.there(r) {
			return r
		}
	}
	return nil
}

// there reports whether a thing is there by now.
func (h *harbour) there(r *row) bool { return r.due <= h.asked && (r.end == 0 || h.asked < r.end) }

func scalar(v any) string {
	if f, ok := v.(float64); ok {
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	return strings.ToLower(fmt.Sprint(v))
}

// number is the next number of a kind.
func (h *harbour) number(kind string) int {
	if h.has(LowestID) { // the lowest that nothing has
		for n := 1; ; n++ {
			if !slices.ContainsFunc(h.rows[kind], func(r *row) bool { return scalar(r.id) == strconv.Itoa(n) }) {
				return n
			}
		}
	}
	h.made[kind]++
	return h.made[kind]
}

func (h *harbour) uuid(kind string) string {
	h.made[kind]++
	n := h.made[kind]
	if h.has(ShipperIDsRepeat) && kind == "shipper" && n%3 == 0 {
		n--
	}
	return uuid.NewSHA1(uuid.NameSpaceURL, fmt.Appendf(nil, "harbour:%s:%d", kind, n)).String()
}

func (h *harbour) add(kind string, r *row) { h.rows[kind] = append(h.rows[kind], r) }

func (h *harbour) remove(kind string, r *row) {
	h.rows[kind] = slices.DeleteFunc(slices.Clone(h.rows[kind]), func(other *row) bool { return other == r })
}

func refused(status int, title string) answer {
	return answer{status: status, media: "application/problem+json", body: map[string]any{"title": title, "status": status}}
}

func noSuch(what string) answer { return refused(http.StatusNotFound, "There is no such "+what+".") }

func shown(members map[string]any) answer { return answer{status: http.StatusOK, body: members} }

// tag is the entity tag of a thing.
func (h *harbour) tag(r *row) string {
	data := fmt.Append(nil, r.members) // maps are printed in the order of their keys
	if h.has(TagStays) {
		data = fmt.Append(nil, r.id)
	}
	sum := sha256.Sum256(data)
	weak := ""
	if h.has(WeakTags) {
		weak = "W/"
	}
	return weak + `"` + hex.EncodeToString(sum[:8]) + `"`
}

// stale reports whether a request is about another state of a thing than it has.
func (h *harbour) stale(c *call, r *row) bool {
	given := c.header.Get("If-Match")
	if given == "" || given == "*" {
		return false
	}
	return strings.TrimPrefix(given, "W/") != strings.TrimPrefix(h.tag(r), "W/")
}

// whole64 reports whether the tonnage of a body is a number of 64 bits.
func whole64(c *call) bool {
	n, ok := c.exact["tonnage"].(json.Number)
	if !ok || len(n) > 40 {
		return !ok
	}
	r, ok := new(big.Rat).SetString(n.String())
	return ok && r.IsInt() && r.Num().IsInt64()
}

// integral spells a whole number without an exponent or a fraction.
func integral(v any) any {
	n, ok := v.(json.Number)
	if !ok {
		return v
	}
	if r, ok := new(big.Rat).SetString(n.String()); ok && r.IsInt() {
		return json.Number(r.Num().String())
	}
	return v
}

// exactly reads a body with its numbers as they are written.
func exactly(data []byte) map[string]any {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v map[string]any
	if d.Decode(&v) != nil {
		return nil
	}
	return v
}

// part is a part of rows, as it is shown.
func part(rows []*row, start, size int) []map[string]any {
	out := make([]map[string]any, 0, size)
	for _, r := range rows[min(max(start, 0), len(rows)):min(max(start+size, 0), len(rows))] {
		out = append(out, maps.Clone(r.members))
	}
	return out
}

func (h *harbour) ping(*call) answer {
	if h.has(PingOK) {
		return answer{status: http.StatusOK}
	}
	return answer{status: http.StatusNoContent}
}

func (h *harbour) due(*call) answer { return shown(map[string]any{"amount": 0}) }

func (h *harbour) watchTides(*call) answer {
	return answer{status: http.StatusOK, media: "application/x-ndjson", stream: []byte(`"high"` + "\n")}
}

func (h *harbour) showSettings(*call) answer { return shown(maps.Clone(h.settings)) }

func (h *harbour) setSettings(c *call) answer {
	next := maps.Clone(c.exact)
	if channel, was := h.settings["channel"]; was && c.exact["channel"] == nil && h.has(SettingsKeep) {
		next["channel"] = channel
	}
	if !h.has(SettingsLost) {
		h.settings = next
	}
	return shown(maps.Clone(next))
}

func (h *harbour) changeSettings(c *call) answer {
	next := maps.Clone(h.settings)
	if h.has(SettingsReset) && c.exact["pilots"] == nil {
		next["pilots"] = 0
	}
	maps.Copy(next, c.exact)
	if n, ok := c.exact["pilots"].(json.Number); ok && n == "0" && h.has(PilotsStay) {
		next["pilots"] = h.settings["pilots"]
	}
	if h.has(NightIgnored) {
		next["night"] = h.settings["night"]
	}
	h.settings = next
	return shown(maps.Clone(next))
}
