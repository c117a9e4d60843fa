// Package pydantic holds the types of values that pydantic 2 writes otherwise than
// encoding/json does.
package pydantic

import "time"

// Datetime is a time that is written as pydantic writes a datetime: RFC 3339 with
// six digits of a second, or none if it is a whole one. It reads any RFC 3339 text.
type Datetime struct{ time.Time }

// layout has the two forms, by whether there is a fraction.
var layout = map[bool]string{true: "2006-01-02T15:04:05.000000Z07:00", false: time.RFC3339}

// MarshalJSON writes the time, cut to microseconds.
func (d Datetime) MarshalJSON() ([]byte, error) {
	cut := d.Truncate(time.Microsecond)
	return []byte(`"` + cut.Format(layout[cut.Nanosecond() > 0]) + `"`), nil
}
