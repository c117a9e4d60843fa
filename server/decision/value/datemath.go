package value

import "math"

// with sets what clocks show of one unit (nanoseconds with unitNone) and returns
// the one instant at which they show it; there may be none.
func (d DateTime) with(u unit, n int64) DateTime {
	if !d.Valid() {
		return d
	}
	c := d.civil()
	switch u {
	case unitNone:
		c.nsec = uint32(n)
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
	case unitWeek, unitQuarter:
		return d
	}
	return c.single(d.zone)
}

// quarterMonth and lastDay read the date for the steps below.
func (d DateTime) quarterMonth(last int) int64 { return int64(d.civil().quarter()*3 - last) }

func (d DateTime) lastDay() int64 {
	c := d.civil()
	return int64(monthDays(c.year, c.month))
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
	return d.with(unitYear, int64(d.civil().year)+int64(by.years))
}

func (d DateTime) addMonths(n int64) DateTime {
	c, ok := d.civil().addMonths(n)
	if !ok {
		return DateTime{}
	}
	return c.single(d.zone)
}

// The steps of startOf and endOf are taken one by one, as the engine does: one
// that leads to no time of the zone makes the date invalid.

func (d DateTime) startOf(u unit) DateTime {
	switch u {
	case unitWeek:
		d = d.moveDays(int64(1 - d.civil().weekday()))
	case unitMonth:
		d = d.with(unitDay, 1)
	case unitQuarter:
		d = d.with(unitMonth, d.quarterMonth(2)).with(unitDay, 1)
	case unitYear:
		d = d.with(unitMonth, 1).with(unitDay, 1)
	}
	return d.clock(u, 0, 0, 0).with(unitNone, 0)
}

func (d DateTime) endOf(u unit) DateTime {
	d = d.with(unitNone, 999999999)
	switch u {
	case unitWeek:
		d = d.moveDays(int64(7 - d.civil().weekday()))
	case unitMonth:
		d = d.with(unitDay, d.lastDay())
	case unitQuarter:
		d = d.with(unitMonth, d.quarterMonth(0))
		d = d.with(unitDay, d.lastDay())
	case unitYear:
		d = d.with(unitMonth, 12).with(unitDay, 31)
	}
	return d.clock(u, 23, 59, 59)
}

// clock sets what is smaller than a unit.
func (d DateTime) clock(u unit, hour, minute, second int64) DateTime {
	if u > unitHour {
		d = d.with(unitHour, hour)
	}
	if u > unitMinute {
		d = d.with(unitMinute, minute)
	}
	if u > unitSecond {
		d = d.with(unitSecond, second)
	}
	return d
}

// moveDays moves to another day at the same time.
func (d DateTime) moveDays(n int64) DateTime {
	if n == 0 || !d.Valid() {
		return d
	}
	return d.civil().addDays(n).single(d.zone)
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
