package buggy

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// HarbourBugs lists every bug of the harbour, by check.
func HarbourBugs() []Info { return slices.Clone(harbourCatalogue) }

// HarbourWays lists what the harbour may do in another way, and keeps its contract.
func HarbourWays() []Info { return slices.Clone(harbourWays) }

// The checks that the shop has no bugs for.
const (
	filters      = "list_filters"
	sorting      = "list_sorting"
	defaults     = "declared_defaults"
	locations    = "location_resolves"
	precondition = "precondition_enforced"
	parentScope  = "parent_scope"
	readOnly     = "read_only_ignored"
	wrongSecret  = "wrong_secret"
)

// The ways of the harbour that are right.
const (
	LowestID         Bug = "lowest-free-id"
	ReadOnlyRefused  Bug = "read-only-refused"
	WeakTags         Bug = "weak-tags"
	RelativeLocation Bug = "relative-location"
	SurveyAhead      Bug = "survey-ahead"
)

var harbourWays = []Info{
	{LowestID, "A thing gets the lowest id that nothing has.", "", "addVessel"},
	{ReadOnlyRefused, "A body with a member that is readOnly is refused.", "", "addVessel"},
	{WeakTags, "Entity tags are weak.", "", "showVessel"},
	{RelativeLocation, "Location is relative to the address of the request.", "", "addVessel"},
	{SurveyAhead, "The Location of a survey is where it will be.", "", "order"},
}

// The bugs of the harbour. HarbourBugs says what each does.
const (
	NULBreaks       Bug = "nul-500"
	MooredTwice     Bug = "moored-twice-500"
	OrphanedVisit   Bug = "visit-of-no-vessel-500"
	ManyLots        Bug = "many-lots-500"
	EmptyEquipment  Bug = "no-equipment-500"
	HangsUp         Bug = "hangs-up"
	PingOK          Bug = "ping-200"
	ShipperPDF      Bug = "shipper-pdf"
	NoTag           Bug = "no-tag"
	StatusCase      Bug = "status-case"
	DepthText       Bug = "depth-text"
	BeaconNull      Bug = "beacon-null"
	TotalAsText     Bug = "total-text"
	NextNumber      Bug = "next-number"
	NoteLost        Bug = "cargo-missing"
	TwelveLots      Bug = "lots-of-cargo"
	LotWithout      Bug = "lot-without-shipper"
	AnyDay          Bug = "thirtieth-of-february"
	FractionTonnage Bug = "tonnage-fraction"
	TrueTons        Bug = "tons-true"
	IMOAnywhere     Bug = "imo-anywhere"
	IMONewline      Bug = "imo-newline"
	FlagCase        Bug = "flag-case"
	ZeroDraught     Bug = "draught-zero"
	EveryAny        Bug = "every-any"
	LimitZero       Bug = "limit-zero"
	OffsetNegative  Bug = "offset-negative"
	AnySort         Bug = "any-sort"
	SailorExtra     Bug = "sailor-extra"
	SameEquipment   Bug = "equipment-twice"
	LabelNumber     Bug = "label-number"
	NullBerth       Bug = "berth-null"
	EmptyChange     Bug = "empty-change"
	ManyLabels      Bug = "many-labels"
	LongGoods       Bug = "long-goods"
	NoCargo         Bug = "no-cargo"

	BytesCounted    Bug = "name-bytes"
	BlankRefused    Bug = "blank-refused"
	BigTonnage      Bug = "big-tonnage-refused"
	NullNickname    Bug = "null-nickname-refused"
	DownRefused     Bug = "down-refused"
	DraughtRefused  Bug = "draught-refused"
	NoLabelsRefused Bug = "no-labels-refused"
	FalseRefused    Bug = "false-refused"
	WeatherNoKey    Bug = "weather-no-key"

	CancelledStays Bug = "cancelled-stays"
	DismissedStay  Bug = "dismissed-stay"
	OrphanedCrew   Bug = "orphaned-crew"
	PutRenews      Bug = "put-renews-id"

	CustomsByBearer Bug = "customs-by-bearer"
	CustomsByKey    Bug = "customs-by-key"
	AnyBearer       Bug = "any-bearer"
	AnyDockKey      Bug = "any-dock-key"
	AnyPassword     Bug = "any-password"
	AnyUser         Bug = "any-user"

	ShipperIDsRepeat Bug = "shipper-ids-repeat"
	LimitPlusOne     Bug = "limit-plus-one"
	TotalOfGone      Bug = "total-of-gone"
	LastPageTotal    Bug = "last-page-total"
	LastShipperLost  Bug = "last-shipper-lost"
	VisitTwice       Bug = "visit-twice"
	CrewTotal        Bug = "crew-total"
	PinShown         Bug = "pin-shown"
	DismissedTwice   Bug = "dismissed-twice-409"

	SettingsLost      Bug = "settings-lost"
	SettingsReset     Bug = "settings-reset"
	SettingsKeep      Bug = "settings-keep"
	NightIgnored      Bug = "night-ignored"
	BeaconLost        Bug = "beacon-lost"
	BeaconUpper       Bug = "beacon-upper"
	TonnageDouble     Bug = "tonnage-double"
	NameTrimmed       Bug = "name-trimmed"
	PatchNulls        Bug = "patch-nulls"
	PatchIgnoresFalse Bug = "patch-ignores-false"
	PatchIgnoresEmpty Bug = "patch-ignores-empty"
	AnswersChanged    Bug = "answers-changed"
	PutKeepsNickname  Bug = "put-keeps-nickname"
	PutKeepsCabin     Bug = "put-keeps-cabin"
	LabelsMerged      Bug = "labels-merged"
	CargoReversed     Bug = "cargo-reversed"
	MoorLost          Bug = "moor-lost"
	DepartLost        Bug = "depart-lost"

	FlagIgnored      Bug = "flag-ignored"
	ArmedIgnored     Bug = "armed-ignored"
	NameIgnored      Bug = "name-ignored"
	FilterOmits      Bug = "filter-omits"
	QuayIgnored      Bug = "quay-ignored"
	StatusIgnored    Bug = "status-ignored"
	VesselIgnored    Bug = "vessel-ignored"
	RankIgnored      Bug = "rank-ignored"
	SortIgnored      Bug = "sort-ignored"
	DownIgnored      Bug = "down-ignored"
	DownIsUp         Bug = "down-is-up"
	SortAsText       Bug = "sort-as-text"
	SortByIgnored    Bug = "sort-by-ignored"
	DirectionIgnored Bug = "direction-ignored"
	DepthAsText      Bug = "depth-as-text"
	FlagDefault      Bug = "flag-default"
	ArmedDefault     Bug = "armed-default"
	RankDefault      Bug = "rank-default"
	LimitDefault     Bug = "limit-default"
	SortDefault      Bug = "sort-default"
	CrewDefault      Bug = "crew-default"
	SurveyAstray     Bug = "survey-astray"
	SubjectIgnored   Bug = "subject-ignored"
	NoteLeftOut      Bug = "note-left-out"
	SilentLeftOut    Bug = "silent-left-out"
	EquipmentLeftOut Bug = "equipment-left-out"
	DepthLeftOut     Bug = "depth-left-out"
	DepthStays       Bug = "depth-stays"
	NightsReset      Bug = "nights-reset"
	TonguesLost      Bug = "tongues-lost"
	NightsIgnored    Bug = "nights-ignored"
	LocationAstray   Bug = "location-astray"
	LocationOther    Bug = "location-other"
	BerthLocation    Bug = "berth-location"
	PutStale         Bug = "put-stale"
	PatchStale       Bug = "patch-stale"
	DeleteStale      Bug = "delete-stale"
	TagStays         Bug = "tag-stays"
	AnyVesselsCrew   Bug = "any-vessels-crew"
	ClientID         Bug = "client-id"
	ClientRegister   Bug = "client-register"
	ClientSailorID   Bug = "client-sailor-id"
	RegisterReplaced Bug = "register-replaced"
	BerthsCounted    Bug = "berths-counted"
	PageSorted       Bug = "page-sorted"
	MinDepthIgnored  Bug = "min-depth-ignored"
	MinDepthOmits    Bug = "min-depth-omits"
	PilotsStay       Bug = "pilots-stay"
)

var harbourCatalogue = []Info{
	{NULBreaks, "U+0000 in a name is answered 500.", serverError, "addVessel"},
	{MooredTwice, "A visit that is moored again is answered 500.", serverError, "moor"},
	{OrphanedVisit, "A visit whose vessel is gone is answered 500.", serverError, "showVisit"},
	{ManyLots, "More than six lots of cargo, of eight, are answered 500.", serverError, "announce"},
	{EmptyEquipment, "An empty list of equipment is answered 500.", serverError, "addVessel"},
	{HangsUp, "An unknown berth is not answered at all.", serverError, "showBerth"},
	{PingOK, "The harbour answers a ping with the undeclared status 200.", statusCode, "ping"},
	{ShipperPDF, "A shipper is shown as application/pdf.", contentType, "showShipper"},
	{NoTag, "A vessel is shown without its entity tag.", answerHeaders, "showVessel"},
	{StatusCase, "Listed visits have their status in another case.", answerSchema, "listVisits"},
	{DepthText, "The depth of a berth is a text.", answerSchema, "showBerth"},
	{BeaconNull, "The call of a beacon is null.", answerSchema, "showBeacon"},
	{TotalAsText, "The total of the berths is a text.", answerSchema, "listBerths"},
	{NextNumber, "The cursor of the shippers is a number.", answerSchema, "listShippers"},
	{NoteLost, "A visit is shown without its cargo.", answerSchema, "showVisit"},

	{TwelveLots, "More lots of cargo than eight are accepted.", negative, "announce"},
	{LotWithout, "A lot of cargo without its shipper is accepted.", negative, "announce"},
	{AnyDay, "A day that is in no calendar is accepted.", negative, "hire"},
	{FractionTonnage, "A tonnage with a fraction is accepted.", negative, "addVessel"},
	{TrueTons, "The tons of a lot may be true.", negative, "announce"},
	{IMOAnywhere, "The IMO number may stand within any text.", negative, "addVessel"},
	{IMONewline, "The IMO number may end with a line feed.", negative, "addVessel"},
	{FlagCase, "The flag is accepted in any case.", negative, "addVessel"},
	{ZeroDraught, "A draught of zero is accepted.", negative, "addVessel"},
	{EveryAny, "A beacon may send in any number of seconds.", negative, "setBeacon"},
	{LimitZero, "A limit of zero is accepted.", negative, "listVessels"},
	{OffsetNegative, "A negative offset is accepted.", negative, "listVessels"},
	{AnySort, "Any text is accepted as the order.", negative, "listVessels"},
	{SailorExtra, "An undeclared member of a sailor is accepted.", negative, "hire"},
	{SameEquipment, "Repeated equipment is accepted.", negative, "addVessel"},
	{LabelNumber, "A label that is a number is accepted.", negative, "addVessel"},
	{NullBerth, "A berth that is null is accepted.", negative, "announce"},
	{EmptyChange, "A change of nothing is accepted.", negative, "changeSettings"},
	{ManyLabels, "Any number of labels is accepted.", negative, "addVessel"},
	{LongGoods, "Goods of any length are accepted.", negative, "announce"},
	{NoCargo, "A visit without any cargo is accepted.", negative, "announce"},

	{BytesCounted, "The length of a name is counted in bytes.", positive, "addVessel"},
	{BlankRefused, "A name of blanks is refused.", positive, "addVessel"},
	{BigTonnage, "A tonnage beyond 2^53 is refused.", positive, "addVessel"},
	{NullNickname, "A nickname that is null is refused.", positive, "addVessel"},
	{DownRefused, "The order -tonnage is refused.", positive, "listVessels"},
	{DraughtRefused, "A draught of exactly the maximum is refused.", positive, "addVessel"},
	{NoLabelsRefused, "A vessel with no label among its labels is refused.", positive, "addVessel"},
	{FalseRefused, "A pattern of false for armed is refused in the query.", positive, "listVessels"},

	{CancelledStays, "A cancelled visit is still shown.", afterFree, "showVisit"},
	{DismissedStay, "A sailor that was dismissed is still listed.", afterFree, "listCrew"},
	{OrphanedCrew, "The crew of a vessel that is gone is still shown.", afterFree, "showSailor"},
	{PutRenews, "A sailor that is replaced gets another id.", availability, "showSailor"},

	{CustomsByBearer, "The token alone opens the customs, which ask for the key too.", auth, "showCustoms"},
	{CustomsByKey, "The key alone opens the customs, which ask for the token too.", auth, "showCustoms"},
	{WeatherNoKey, "The key alone does not open the weather, though it should.", positive, "showWeather"},
	{AnyBearer, "Any token lists the vessels.", wrongSecret, "listVessels"},
	{AnyDockKey, "Any key opens the weather.", wrongSecret, "showWeather"},
	{AnyPassword, "Any password opens the gate.", wrongSecret, "showGate"},
	{AnyUser, "Any user opens the gate by the password.", wrongSecret, "showGate"},

	{ShipperIDsRepeat, "Every third shipper has the id of the one before.", uniqueIDs, "addShipper"},
	{LimitPlusOne, "A page of vessels has one more than was asked for.", paging, "listVessels"},
	{TotalOfGone, "The total counts vessels that are gone.", paging, "listVessels"},
	{LastPageTotal, "The total is wrong on the last page.", paging, "listBerths"},
	{LastShipperLost, "A last page with one shipper is not led to.", paging, "listShippers"},
	{VisitTwice, "Every page of visits but the first begins with the last of the one before.", paging, "listVisits"},
	{CrewTotal, "The total of a crew is one too many.", paging, "listCrew"},
	{PinShown, "A sailor that is shown has the pin.", writeOnly, "showSailor"},
	{DismissedTwice, "Dismissing a sailor again is answered 409.", idempotent, "dismiss"},

	{SettingsLost, "Settings are answered and not stored.", roundTrip, "setSettings"},
	{SettingsReset, "Changing the settings resets the pilots.", roundTrip, "changeSettings"},
	{SettingsKeep, "Replacing the settings keeps the channel that was left out.", roundTrip, "setSettings"},
	{NightIgnored, "Changing the settings leaves the night as it was.", roundTrip, "changeSettings"},
	{BeaconLost, "A beacon is answered and not stored.", roundTrip, "setBeacon"},
	{BeaconUpper, "The call of a beacon is stored in upper case.", roundTrip, "setBeacon"},
	{TonnageDouble, "The tonnage is kept as a double.", roundTrip, "addVessel"},
	{NameTrimmed, "The name of a vessel loses its blanks.", roundTrip, "addVessel"},
	{PatchNulls, "Changing a vessel makes a nickname null that was not mentioned.", roundTrip, "changeVessel"},
	{PatchIgnoresFalse, "Changing a vessel leaves armed as it was when it is false.", roundTrip, "changeVessel"},
	{PatchIgnoresEmpty, "Changing a vessel leaves its equipment when the new one is empty.", roundTrip, "changeVessel"},
	{AnswersChanged, "Changing a vessel answers the new state and keeps the old.", roundTrip, "changeVessel"},
	{PutKeepsNickname, "Replacing a vessel keeps the nickname that was left out.", roundTrip, "replaceVessel"},
	{PutKeepsCabin, "Replacing a sailor keeps the cabin that was left out.", roundTrip, "replaceSailor"},
	{LabelsMerged, "Replacing a vessel merges its labels.", roundTrip, "replaceVessel"},
	{CargoReversed, "The lots of cargo are kept in the reverse order.", roundTrip, "announce"},
	{MoorLost, "Mooring answers so, and the visit stays expected.", roundTrip, "moor"},
	{DepartLost, "Departing answers so, and the visit stays.", roundTrip, "depart"},

	{FlagIgnored, "Vessels of every flag are listed for one.", filters, "listVessels"},
	{ArmedIgnored, "Armed vessels are listed among those that are not.", filters, "listVessels"},
	{NameIgnored, "Vessels of every name are listed for one.", filters, "listVessels"},
	{FilterOmits, "The first vessel of a flag is not listed for it.", filters, "listVessels"},
	{QuayIgnored, "Berths of every quay are listed for one.", filters, "listBerths"},
	{StatusIgnored, "Visits of every status are listed for one.", filters, "listVisits"},
	{VesselIgnored, "Visits of every vessel are listed for one.", filters, "listVisits"},
	{RankIgnored, "Sailors of every rank are listed for one.", filters, "listCrew"},
	{SortIgnored, "Vessels are listed in no order that was asked for.", sorting, "listVessels"},
	{DownIgnored, "Vessels are not listed in a descending order.", sorting, "listVessels"},
	{DownIsUp, "A descending order is ascending.", sorting, "listVessels"},
	{SortAsText, "Tonnages are sorted as texts.", sorting, "listVessels"},
	{SortByIgnored, "Berths are listed in no order that was asked for.", sorting, "listBerths"},
	{DirectionIgnored, "Berths are always in ascending order.", sorting, "listBerths"},
	{DepthAsText, "Depths are sorted as texts.", sorting, "listBerths"},
	{RegisterReplaced, "Replacing a vessel takes the register from the request.", readOnly, "replaceVessel"},
	{BerthsCounted, "A berth gets the number of berths as its id, whatever was removed.", uniqueIDs, "addBerth"},
	{PageSorted, "Berths are sorted on their page only.", sorting, "listBerths"},
	{MinDepthIgnored, "Berths of every depth are listed from one on.", filters, "listBerths"},
	{MinDepthOmits, "Only berths of a depth are listed from it on.", filters, "listBerths"},
	{PilotsStay, "Changing the settings leaves the pilots as they were when there are to be none.", roundTrip, "changeSettings"},
	{FlagDefault, "A vessel without a flag gets another than the default.", defaults, "addVessel"},
	{ArmedDefault, "A vessel is armed where nothing is said.", defaults, "addVessel"},
	{RankDefault, "A sailor without a rank gets another than the default.", defaults, "hire"},
	{LimitDefault, "Without a limit two vessels are listed.", defaults, "listVessels"},
	{SortDefault, "Without an order vessels are listed from the last.", defaults, "listVessels"},
	{CrewDefault, "Without a limit one sailor is listed.", defaults, "listCrew"},
	{LocationAstray, "The Location of a vessel is no path of the harbour.", locations, "addVessel"},
	{LocationOther, "The Location of a vessel is that of the oldest.", locations, "addVessel"},
	{BerthLocation, "The Location of a berth is that of the next.", locations, "addBerth"},
	{SurveyAstray, "The Location of a survey that is ordered leads nowhere.", locations, "order"},
	{SubjectIgnored, "Surveys of every subject are listed for one, though they come and go late.", filters, "listSurveys"},
	{NoteLeftOut, "A note that is empty is not shown.", roundTrip, "announce"},
	{SilentLeftOut, "A beacon that is not silent does not say so, though it was told.", roundTrip, "setBeacon"},
	{EquipmentLeftOut, "An empty list of equipment is not shown.", roundTrip, "addVessel"},
	{DepthLeftOut, "A depth of zero is not shown.", roundTrip, "addPilot"},
	{DepthStays, "Changing a pilot leaves the depth as it was when it is to be zero.", roundTrip, "changePilot"},
	{NightsReset, "Changing a pilot's name makes the nights false.", roundTrip, "changePilot"},
	{TonguesLost, "Changing a pilot without the tongues takes them away.", roundTrip, "changePilot"},
	{NightsIgnored, "Changing a pilot never changes the nights.", roundTrip, "changePilot"},
	{PutStale, "Replacing a vessel passes If-Match over.", precondition, "replaceVessel"},
	{PatchStale, "Changing a vessel passes If-Match over.", precondition, "changeVessel"},
	{DeleteStale, "Removing a vessel passes If-Match over.", precondition, "removeVessel"},
	{TagStays, "The entity tag stays when the vessel changes.", precondition, "showVessel"},
	{AnyVesselsCrew, "A sailor is shown by the path of any vessel.", parentScope, "showSailor"},
	{ClientID, "The id of a vessel is taken from who makes it.", readOnly, "addVessel"},
	{ClientRegister, "The register of a vessel is taken from who makes it.", readOnly, "addVessel"},
	{ClientSailorID, "The id of a sailor is taken from who hires.", readOnly, "hire"},
}

// bend changes the rules that requests are judged by.
func (h *harbour) bend(document *openapi3.T) {
	schema := func(name string) *openapi3.Schema { return document.Components.Schemas[name].Value }
	property := func(of, name string) *openapi3.Schema { return schema(of).Properties[name].Value }
	query := func(path, name string) *openapi3.Schema {
		return document.Paths.Value(path).Get.Parameters.GetByInAndName(openapi3.ParameterInQuery, name).Schema.Value
	}
	cargo := property("Visit", "cargo")
	lot := cargo.Items.Value
	for b, bend := range map[Bug]func(){
		TwelveLots: func() { cargo.MaxItems = nil },
		NoCargo:    func() { cargo.MinItems = 0 },
		LotWithout: func() { lot.Required = []string{"tons"} },
		LongGoods:  func() { lot.Properties["goods"].Value.MaxLength = nil },
		AnyDay: func() {
			property("Sailor", "born").Format, property("Sailor", "born").Pattern = "", "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
		},
		IMOAnywhere:     func() { property("Vessel", "imo").Pattern = "IMO[0-9]{7}" },
		ZeroDraught:     func() { property("Vessel", "draught").ExclusiveMin = openapi3.ExclusiveBound{} },
		EveryAny:        func() { property("Beacon", "every").MultipleOf = nil },
		LimitZero:       func() { query("/vessels", "limit").Min = nil },
		OffsetNegative:  func() { query("/vessels", "offset").Min = nil },
		AnySort:         func() { query("/vessels", "sort").Enum = nil },
		DownRefused:     func() { query("/vessels", "sort").Enum = []any{"id", "name", "-name", "tonnage"} },
		SailorExtra:     func() { schema("Sailor").AdditionalProperties = openapi3.AdditionalProperties{} },
		SameEquipment:   func() { property("Vessel", "equipment").UniqueItems = false },
		LabelNumber:     func() { property("Vessel", "labels").AdditionalProperties = openapi3.AdditionalProperties{} },
		ManyLabels:      func() { property("Vessel", "labels").MaxProps = nil },
		NoLabelsRefused: func() { property("Vessel", "labels").MinProps = 1 },
		NullBerth:       func() { property("Visit", "berth").Nullable = true },
		EmptyChange:     func() { schema("SettingsChange").MinProps = 0 },
		NullNickname:    func() { property("Vessel", "nickname").Nullable = false },
		DraughtRefused:  func() { property("Vessel", "draught").Max = new(29.0) },
		BigTonnage:      func() { property("Vessel", "tonnage").Max = new(9007199254740991.0) },
	} {
		if h.has(b) {
			bend()
		}
	}
}

var imo = regexp.MustCompile(`^IMO[0-9]{7}\n$`)

// coerce is the body without what is not a client's to set, and what a bug makes of it.
func (h *harbour) coerce(operation string, body any) any {
	members, ok := body.(map[string]any)
	if !ok {
		return body
	}
	members = maps.Clone(members)
	if !h.has(ReadOnlyRefused) {
		for _, name := range []string{"id", "version", "register", "status", "opened_on", "sentAt"} {
			delete(members, name)
		}
	}
	switch operation {
	case "addVessel":
		if text, _ := members["imo"].(string); h.has(IMONewline) && imo.MatchString(text) {
			members["imo"] = strings.TrimSpace(text)
		}
		if text, isText := members["flag"].(string); isText && h.has(FlagCase) {
			members["flag"] = strings.ToLower(text)
		}
		if n, isNumber := members["tonnage"].(float64); isNumber && h.has(FractionTonnage) && n >= 0 {
			members["tonnage"] = 1.0
		}
	case "announce":
		if lots, ok := members["cargo"].([]any); ok && h.has(TrueTons) {
			members["cargo"] = trueAsOne(lots)
		}
	}
	return members
}

func trueAsOne(lots []any) []any {
	out := slices.Clone(lots)
	for i, item := range out {
		if lot, ok := item.(map[string]any); ok && lot["tons"] == true {
			out[i] = maps.Clone(lot)
			out[i].(map[string]any)["tons"] = 1.0 //nolint:forcetypeassert // it is a copy of one
		}
	}
	return out
}

// stumbles is the refusal of a bug that looks at a body before the rules do.
func (h *harbour) stumbles(operation string, body any) *answer {
	members, _ := body.(map[string]any)
	name, _ := members["name"].(string)
	equipment, isList := members["equipment"].([]any)
	cargo, _ := members["cargo"].([]any)
	tell := func(status int) *answer {
		a := refused(status, "The harbour stumbled.")
		return &a
	}
	switch {
	case operation == "announce" && h.has(ManyLots) && len(cargo) > 6 && len(cargo) < 9:
		return tell(500)
	case operation != "addVessel":
		return nil
	case h.has(NULBreaks) && strings.Contains(name, "\x00"), h.has(EmptyEquipment) && isList && len(equipment) == 0:
		return tell(500)
	case h.has(BytesCounted) && len(name) > 24, h.has(BlankRefused) && name != "" && strings.TrimSpace(name) == "":
		return tell(400)
	}
	return nil
}
