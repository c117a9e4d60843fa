package value

import (
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // zones where the machine has none
)

// Calendar is what dates take from their surroundings. It belongs to the caller:
// nothing here looks at the machine's clock or zone.
type Calendar struct {
	// Now is the clock. Without one, what needs the time of day is invalid.
	Now func() time.Time
	// Zone is that of dates that name none; nil is UTC.
	Zone *time.Location
}

func (c Calendar) zone() *time.Location {
	if c.Zone == nil {
		return time.UTC
	}
	return c.Zone
}

// now returns the present in the calendar's zone.
func (c Calendar) now() DateTime {
	if c.Now == nil {
		return DateTime{}
	}
	return FromTime(c.Now()).In(c.zone())
}

// zones holds what LookupZone has found, by name: there are about 600.
var zones sync.Map

// LookupZone returns the zone of the IANA database with a name (Europe/Berlin,
// EST, Etc/GMT-2, UTC).
func LookupZone(name string) (*time.Location, bool) {
	if zone, ok := zones.Load(name); ok {
		return zone.(*time.Location), true //nolint:forcetypeassert // nothing else is stored
	}
	if !zoneName(name) {
		return nil, false
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, false
	}
	if name == "UTC" {
		zone = time.UTC
	}
	zones.Store(strings.Clone(name), zone)
	return zone, true
}

// zoneName reports whether a text can be the name of a zone, before files are
// looked for.
func zoneName(name string) bool {
	if name == "" || len(name) > 40 || name[0] < 'A' || name[0] > 'Z' || name == "Local" || name == "Factory" {
		return false
	}
	for i := range len(name) {
		switch b := name[i]; {
		case b >= 'A' && b <= 'Z', b >= 'a' && b <= 'z', b >= '0' && b <= '9',
			b == '_', b == '-', b == '+', b == '/':
		default:
			return false
		}
	}
	return true
}

// longestOffset bounds how far zones are and were from UTC.
const longestOffset = 16 * 3600

// at returns the instants at which clocks in a zone show a time: usually one,
// none in a gap, two where clocks were set back. The earlier comes first.
func (c civil) at(zone *time.Location) (first, second DateTime, n int) {
	if !c.valid() {
		return DateTime{}, DateTime{}, 0
	}
	local := c.seconds()
	show := func(offset int) DateTime {
		d := DateTime{local - int64(offset), c.nsec, zone}.checked()
		if there, _ := d.offset(); there != offset {
			return DateTime{}
		}
		return d
	}
	if zone == time.UTC {
		first = show(0)
		return first, DateTime{}, boolInt(first.Valid())
	}
	// Clocks are not changed twice within so short a time: the offset is that of
	// its begin or of its end.
	before, _ := DateTime{sec: local - longestOffset, zone: zone}.offset()
	after, _ := DateTime{sec: local + longestOffset, zone: zone}.offset()
	first = show(before)
	if after != before {
		second = show(after)
	}
	switch {
	case !first.Valid():
		return second, DateTime{}, boolInt(second.Valid())
	case !second.Valid():
		return first, DateTime{}, 1
	case second.sec < first.sec:
		return second, first, 2
	default:
		return first, second, 2
	}
}

// earliest returns the first instant at which clocks show the time; in a gap it
// is invalid.
func (c civil) earliest(zone *time.Location) DateTime {
	first, _, _ := c.at(zone)
	return first
}

// single returns the one instant at which clocks show the time; in a gap, and
// where they show it twice, it is invalid.
func (c civil) single(zone *time.Location) DateTime {
	first, _, n := c.at(zone)
	if n != 1 {
		return DateTime{}
	}
	return first
}
