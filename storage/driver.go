package storage

import (
	"encoding/binary"
	"errors"
	"math"
	"time"
	"unicode/utf8"
)

// What every driver needs of records, keys and settings.

// MaxOneOfMany is the length of a value at most, in bytes, if its record has several
// in the index.
const MaxOneOfMany = 1000

// CheckRecord returns a CodeInvalid error if a record with these keys cannot be
// written. Drivers call it first; op is theirs.
func CheckRecord(op string, r Record, keys []Key) error {
	if err := checkRecord(r, keys); err != nil {
		return &Error{Code: CodeInvalid, Op: op, Kind: r.Kind, Err: err}
	}
	return nil
}

func checkRecord(r Record, keys []Key) error {
	switch {
	case r.Kind == "" || r.ID == "":
		return errors.New("a record needs a kind and an id")
	case !utf8.ValidString(r.Kind) || !utf8.ValidString(r.ID) || !utf8.ValidString(r.Parent):
		return errors.New("kind, id or parent is not UTF-8")
	}
	for i, k := range keys {
		if k.Index == "" {
			return errors.New("a key needs an index")
		}
		if !utf8.ValidString(k.Index) || !utf8.ValidString(k.Value) {
			return errors.New("a key is not UTF-8")
		}
		for _, other := range keys[:i] {
			switch {
			case other.Index != k.Index:
			case other.Value == k.Value:
				return errors.New("a key twice")
			case max(len(k.Value), len(other.Value)) > MaxOneOfMany:
				return errors.New("several keys in one index, and one of them is too long")
			}
		}
	}
	return nil
}

// CheckAlarm returns a CodeInvalid error if an alarm cannot have this name or ring at
// this time; the time of a timer is the zero time.
func CheckAlarm(op, name string, at time.Time) error {
	switch {
	case name == "" || len(name) > MaxAlarmName || !utf8.ValidString(name):
		return &Error{Code: CodeInvalid, Op: op, Err: errors.New("an alarm needs a name in UTF-8 of 255 bytes at most")}
	case at.UTC().Year() < 1 || at.UTC().Year() > 9999:
		return &Error{Code: CodeInvalid, Op: op, Err: errors.New("the time of an alarm is out of range")}
	}
	return nil
}

// Never is the real time of what does not ring as long as the clock stands.
const Never = math.MaxInt64

// Reaches is the real time, in microseconds since 1970, at which a clock shows at or
// more: [Never] if it stands before that, 0 if it stands there.
func (c Clock) Reaches(at time.Time) int64 {
	switch {
	case !c.Frozen:
		return at.UnixMicro() - floorMicro(c.Offset)
	case at.UnixMicro() <= c.At.UnixMicro():
		return 0
	}
	return Never
}

// Shift is how [Clock.Reaches] depends on the time, for drivers that compute it where
// the alarms are: the time less shift if the clock runs, else whether the time is
// later than shift.
func (c Clock) Shift() (frozen bool, shift int64) {
	if c.Frozen {
		return true, c.At.UnixMicro()
	}
	return false, floorMicro(c.Offset)
}

func floorMicro(d time.Duration) int64 {
	n := d.Microseconds()
	if d%time.Microsecond < 0 {
		n--
	}
	return n
}

// EncodeKeys packs keys, so that a driver can keep them in a record's row and a Put
// knows which entries to change without looking for them.
func EncodeKeys(keys []Key) []byte {
	b := make([]byte, 0, 64)
	for _, k := range keys {
		unique := byte(0)
		if k.Unique {
			unique = 1
		}
		b = append(b, unique)
		b = binary.AppendUvarint(b, uint64(len(k.Index)))
		b = append(b, k.Index...)
		b = binary.AppendUvarint(b, uint64(len(k.Value)))
		b = append(b, k.Value...)
	}
	return b
}

// FirstSearched is the name of the indexes that were searched when [Index.Searched]
// came to be: their records have no keys for it where a store is older.
const FirstSearched = "search"

// DecodeKeys is the inverse of EncodeKeys; CodeCorrupt if it is given anything else.
func DecodeKeys(b []byte) (keys []Key, err error) {
	take := func() string {
		n, l := binary.Uvarint(b)
		if l <= 0 || n > uint64(len(b)-l) {
			err = &Error{Code: CodeCorrupt, Op: "read keys", Err: errors.New("the keys of a record are damaged")}
			b = nil
			return ""
		}
		s := string(b[l : l+int(n)])
		b = b[l+int(n):]
		return s
	}
	for len(b) > 0 {
		k := Key{Unique: b[0] == 1}
		b = b[1:]
		k.Index = take()
		k.Value = take()
		keys = append(keys, k)
	}
	return keys, err
}

// Canonical is the settings as every driver gives them back: without what means
// nothing, and to the microsecond.
func (s Settings) Canonical() Settings {
	if s.Clock.Frozen {
		s.Clock = s.Clock.Freeze(s.Clock.At)
	} else {
		s.Clock.At = time.Time{}
	}
	return s
}
