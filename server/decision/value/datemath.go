package value

import "math"

// with changes what clocks show and returns the one instant at which they show
// it; there may be none.
func (d DateTime) with(change func(*civil)) DateTime {
	if !d.Valid() {
		return d
	}
	c := d.civil()
	change(&c)
	return c.single(d.zone)
}

// add adds elapsed seconds, then months (the day becomes the last of a shorter
// month), then years (a day that the year lacks is invalid).
func (d DateTime) add(by duration) DateTime {
	if !d.Valid() || by.seconds > maxSec-minSec || by.seconds < minSec-maxSec {
		return DateTime{}
	}
	d.sec += by.seconds
	if d = d.checked(); !d.Valid() {
		return d
	}
	if d = d.addMonths(int64(by.months)); !d.Valid() {
		return d
	}
	return d.with(func(c *civil) { c.year += int(by.years) })
}

func (d DateTime) addMonths(n int64) DateTime {
	c, ok := d.civil().addMonths(n)
	if !ok {
		return DateTime{}
	}
	return c.single(d.zone)
}

// set replaces a part of the date; weeks and quarters are none.
func (d DateTime) set(u unit, n int64) DateTime {
	return d.with(func(c *civil) {
		switch u {
		case unitSecond:
			c.second = int(n)
		case unitMinute:
			c.minute = int(n)
		case unitHour:
			c.hour = int(n)
		case unitDay:
			c.day = int(n)
		case unitMonth:
			c.month = int(n)
		case unitYear:
			c.year = int(n)
		}
	})
}

// The steps of startOf and endOf are taken one by one, as the engine does: one
// that leads to no time of the zone makes the date invalid.

// steps takes each step that is one of the unit.
func (d DateTime) steps(steps ...func(*civil)) DateTime {
	for _, step := range steps {
		d = d.with(step)
	}
	return d
}

func (d DateTime) startOf(u unit) DateTime {
	if !d.Valid() {
		return d
	}
	c := d.civil()
	switch u {
	case unitWeek:
		if days := int64(c.weekday() - 1); days > 0 {
			d = c.addDays(-days).single(d.zone)
		}
	case unitMonth:
		d = d.steps(func(c *civil) { c.day = 1 })
	case unitQuarter:
		d = d.steps(func(c *civil) { c.month = c.quarter()*3 - 2 }, func(c *civil) { c.day = 1 })
	case unitYear:
		d = d.steps(func(c *civil) { c.month = 1 }, func(c *civil) { c.day = 1 })
	}
	if u > unitHour {
		d = d.steps(func(c *civil) { c.hour = 0 })
	}
	if u > unitMinute {
		d = d.steps(func(c *civil) { c.minute = 0 })
	}
	if u > unitSecond {
		d = d.steps(func(c *civil) { c.second = 0 })
	}
	return d.steps(func(c *civil) { c.nsec = 0 })
}

func (d DateTime) endOf(u unit) DateTime {
	if !d.Valid() {
		return d
	}
	d = d.steps(func(c *civil) { c.nsec = 999999999 })
	if !d.Valid() {
		return d
	}
	c := d.civil()
	last := func(c *civil) { c.day = monthDays(c.year, c.month) }
	switch u {
	case unitWeek:
		if days := int64(7 - c.weekday()); days > 0 {
			d = c.addDays(days).single(d.zone)
		}
	case unitMonth:
		d = d.steps(last)
	case unitQuarter:
		d = d.steps(func(c *civil) { c.month = c.quarter() * 3 }, last)
	case unitYear:
		d = d.steps(func(c *civil) { c.month = 12 }, last)
	}
	if u > unitHour {
		d = d.steps(func(c *civil) { c.hour = 23 })
	}
	if u > unitMinute {
		d = d.steps(func(c *civil) { c.minute = 59 })
	}
	if u > unitSecond {
		d = d.steps(func(c *civil) { c.second = 59 })
	}
	return d
}

func (d DateTime) isSame(o DateTime, u unit) bool {
	if u == unitNone {
		return d.Millis() == o.Millis()
	}
	start, end := d.startOf(u), d.endOf(u)
	return start.Valid() && end.Valid() && start.Compare(o) <= 0 && o.Compare(end) <= 0
}

func (d DateTime) isBefore(o DateTime, u unit) bool {
	if u == unitNone {
		return d.Compare(o) < 0
	}
	end := d.endOf(u)
	return end.Valid() && end.Compare(o) < 0
}

func (d DateTime) isAfter(o DateTime, u unit) bool {
	if u == unitNone {
		return d.Compare(o) > 0
	}
	start := d.startOf(u)
	return start.Valid() && o.Compare(start) < 0
}

// diff returns d - o in whole units, cut toward zero, or in milliseconds; false
// when one of them is invalid. Days and weeks are those of calendars: clocks set
// forward or back between the two do not count.
func (d DateTime) diff(o DateTime, u unit) (int64, bool) {
	if !d.Valid() || !o.Valid() {
		return 0, false
	}
	ms := d.Millis() - o.Millis()
	var n float64
	switch u {
	case unitNone:
		return ms, true
	case unitYear:
		n = monthDiff(d, o) / 12
	case unitQuarter:
		n = monthDiff(d, o) / 3
	case unitMonth:
		n = monthDiff(d, o)
	case unitDay, unitWeek:
		here, _ := d.offset()
		there, _ := o.offset()
		n = float64(ms-int64(there-here)*1000) / float64(u.seconds()*1000)
	default:
		n = float64(ms) / float64(u.seconds()*1000)
	}
	return int64(math.Trunc(n)), true
}

// monthDiff returns a - b in months: whole ones by the calendar, and the rest as
// a part of the month it falls in.
func monthDiff(a, b DateTime) float64 {
	ca, cb := a.civil(), b.civil()
	if ca.day < cb.day {
		return -monthDiff(b, a)
	}
	whole := int64(cb.year-ca.year)*12 + int64(cb.month-ca.month)
	anchor := a.orMonths(whole)
	rest := b.Millis() - anchor.Millis()
	var month int64
	if rest < 0 {
		month = anchor.Millis() - a.orMonths(whole-1).Millis()
	} else {
		month = a.orMonths(whole+1).Millis() - anchor.Millis()
	}
	part := 0.0
	if month != 0 {
		part = float64(rest) / float64(month)
	}
	return -(float64(whole) + part)
}

// orMonths adds months, or nothing where that leads to no time.
func (d DateTime) orMonths(n int64) DateTime {
	if moved := d.addMonths(n); moved.Valid() {
		return moved
	}
	return d
}
