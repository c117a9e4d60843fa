package storage_test

import (
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/understudy-api/understudy/storage"
)

func TestClock(t *testing.T) {
	elsewhere := time.FixedZone("elsewhere", -2*3600)
	now := time.Date(2026, 11, 21, 12, 0, 0, 123456789, elsewhere)
	at := time.Date(2001, 2, 3, 4, 5, 6, 777777777, elsewhere)
	atMicro := time.Date(2001, 2, 3, 6, 5, 6, 777777000, time.UTC)
	realMicro := time.Date(2026, 11, 21, 14, 0, 0, 123456000, time.UTC)
	var running storage.Clock
	for _, test := range []struct {
		name  string
		clock storage.Clock
		want  time.Time
	}{
		{"zero", running, realMicro},
		{"ahead", storage.Clock{Offset: time.Hour}, realMicro.Add(time.Hour)},
		{"the sum is cut, not the offset", storage.Clock{Offset: 211 * time.Nanosecond}, realMicro.Add(time.Microsecond)},
		{"before 1970, cut downwards", running.Freeze(time.Unix(0, -1)), time.Unix(0, -1000).UTC()},
		{"frozen", running.Freeze(at), atMicro},
		{"frozen by hand", storage.Clock{Frozen: true, At: at, Offset: time.Hour}, atMicro},
		{"frozen again", running.Freeze(now).Freeze(at), atMicro},
		{"advanced", running.Freeze(at).Advance(time.Hour).Advance(-time.Minute), atMicro.Add(59 * time.Minute)},
		{"advanced by too little", running.Freeze(at).Advance(999 * time.Nanosecond), atMicro},
		{"running, advanced", running.Advance(time.Hour).Advance(time.Hour), realMicro.Add(2 * time.Hour)},
		{"running, put back", running.Advance(-36 * time.Hour), realMicro.Add(-36 * time.Hour)},
		{"advanced by nothing", running.Advance(0), realMicro},
		{"run again", running.Freeze(at).Run(now), atMicro},
		{"run though running", running.Advance(time.Hour).Run(now.Add(time.Minute)), realMicro.Add(time.Hour)},
	} {
		got := test.clock.Now(now)
		if got != test.want || got.Location() != time.UTC {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
	// A clock that runs again goes on at the real pace.
	if got := running.Freeze(at).Run(now).Now(now.Add(time.Second)); got != atMicro.Add(time.Second) {
		t.Errorf("a second later: %v", got)
	}
	for _, test := range []struct {
		from storage.Clock
		by   time.Duration
		want storage.Clock
	}{
		{storage.Clock{Offset: math.MaxInt64}, 1, storage.Clock{Offset: math.MaxInt64}},
		{storage.Clock{Offset: math.MaxInt64 - 1}, 1, storage.Clock{Offset: math.MaxInt64}},
		{storage.Clock{Offset: 2}, math.MaxInt64, storage.Clock{Offset: math.MaxInt64}},
		{storage.Clock{Offset: math.MinInt64}, -1, storage.Clock{Offset: math.MinInt64}},
		{storage.Clock{Offset: -2}, math.MinInt64, storage.Clock{Offset: math.MinInt64}},
		{storage.Clock{Offset: math.MinInt64}, math.MaxInt64, storage.Clock{Offset: -1}},
		{storage.Clock{Offset: math.MaxInt64}, math.MinInt64, storage.Clock{Offset: -1}},
		{storage.Clock{Offset: -5}, 5, storage.Clock{}},
	} {
		if got := test.from.Advance(test.by); got != test.want {
			t.Errorf("%+v advanced by %d: %+v, want %+v", test.from, test.by, got, test.want)
		}
	}
}

func TestSettingsValidate(t *testing.T) {
	frozen := func(year int) storage.Settings {
		return storage.Settings{Clock: storage.Clock{Frozen: true, At: time.Date(year, 6, 1, 0, 0, 0, 0, time.UTC)}}
	}
	for _, test := range []struct {
		name     string
		settings storage.Settings
		valid    bool
	}{
		{"zero", storage.Settings{}, true},
		{"data", storage.Settings{Data: "\x00 日本語"}, true},
		{"data not UTF-8", storage.Settings{Data: "a\xc3"}, false},
		{"seeded", storage.Settings{IDs: storage.IDs{Source: storage.IDsSeeded, Seed: -1}}, true},
		{"sequential", storage.Settings{IDs: storage.IDs{Source: storage.IDsSequential}}, true},
		{"another source", storage.Settings{IDs: storage.IDs{Source: "Seeded"}}, false},
		{"the first year", frozen(1), true},
		{"the last year", frozen(9999), true},
		{"no year", frozen(0), false},
		{"a year of five digits", frozen(10_000), false},
		{"of a running clock no matter", storage.Settings{Clock: storage.Clock{At: time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC)}}, true},
	} {
		err := test.settings.Validate()
		if (err == nil) != test.valid || err != nil && storage.CodeOf(err) != storage.CodeInvalid {
			t.Errorf("%s: %v", test.name, err)
		}
		if err != nil && strings.Contains(err.Error(), "Seeded") {
			t.Errorf("%s: the error quotes a value: %v", test.name, err)
		}
	}
}

func TestIDs(t *testing.T) {
	sequential, seeded := storage.IDsSequential, storage.IDsSeeded
	for _, test := range []struct {
		ids  storage.IDs
		n    int64
		want string // computed from the definition, by other means
	}{
		{storage.IDs{Source: sequential}, 1, "00000000-0000-4000-8000-000000000001"},
		{storage.IDs{Source: sequential}, 0x1234, "00000000-0000-4000-8000-000000001234"},
		{storage.IDs{Source: sequential, Seed: 7}, 1, "00000007-0000-4000-8000-000000000001"},
		{storage.IDs{Source: sequential, Seed: -1}, 2, "ffffffff-0000-4000-8000-000000000002"},
		{storage.IDs{Source: sequential}, 1<<48 - 1, "00000000-0000-4000-8000-ffffffffffff"},
		{storage.IDs{Source: seeded}, 1, "187dbda0-9222-49ee-addb-50f95fc61d08"},
		{storage.IDs{Source: seeded, Seed: -7}, 2, "88555c25-edcc-4837-9431-fc30c259acde"},
	} {
		if got := test.ids.ID(test.n); got != test.want {
			t.Errorf("%+v: id %d is %s, want %s", test.ids, test.n, got, test.want)
		}
	}
	form := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	const each = 100_000
	seen := make(map[string]bool, 5*each)
	sources := []storage.IDs{
		{Source: sequential},
		{Source: sequential, Seed: 1},
		{Source: seeded},
		{Source: seeded, Seed: 1},
		{Source: seeded, Seed: math.MinInt64},
	}
	for _, ids := range sources {
		for n := int64(1); n <= each; n++ {
			id := ids.ID(n)
			if seen[id] {
				t.Fatalf("%+v: id %d, %s, was there before", ids, n, id)
			}
			seen[id] = true
			if n%1000 != 1 {
				continue
			}
			if u, err := uuid.Parse(id); err != nil || u.Version() != 4 || u.Variant() != uuid.RFC4122 || !form.MatchString(id) {
				t.Fatalf("%+v: id %d, %s, is no version 4 UUID: %v", ids, n, id, err)
			}
			if ids.ID(n) != id {
				t.Fatalf("%+v: id %d is not always the same", ids, n)
			}
		}
	}
	for _, n := range []int64{0, -1, math.MaxInt64, math.MinInt64} { // never drawn, but of the form
		for _, ids := range sources {
			if id := ids.ID(n); !form.MatchString(id) {
				t.Errorf("%+v: id %d is %s", ids, n, id)
			}
		}
	}
}

// What is not packed keys is told as damage, and what is comes back as it was.
func FuzzKeys(f *testing.F) {
	f.Add([]byte{}, "i", "v", true)
	f.Add([]byte{1, 200, 1}, "", "\x00", false)
	f.Fuzz(func(t *testing.T, data []byte, index, value string, unique bool) {
		if _, err := storage.DecodeKeys(data); err != nil && storage.CodeOf(err) != storage.CodeCorrupt {
			t.Fatal(err)
		}
		keys := []storage.Key{{Index: index, Value: value, Unique: unique}, {Index: value, Value: index}}
		got, err := storage.DecodeKeys(storage.EncodeKeys(keys))
		if err != nil || !slices.Equal(got, keys) {
			t.Fatalf("%v (%v), want %v", got, err, keys)
		}
	})
}

// An alarm rings, by the real time that is kept for it, exactly when its clock shows
// what it was set to.
func TestReaches(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := time.UnixMicro(rapid.Int64Range(1e9, 1e16).Draw(t, "at"))
		wall := time.UnixMicro(at.UnixMicro() + rapid.Int64Range(-3, 3).Draw(t, "wall"))
		clock := storage.Clock{Offset: time.Duration(rapid.Int64Range(-3000, 3000).Draw(t, "offset"))}
		if rapid.Bool().Draw(t, "frozen") {
			clock = clock.Freeze(wall)
		}
		due := clock.Reaches(at)
		if rings, want := due <= wall.UnixMicro(), !clock.Now(wall).Before(at); rings != want {
			t.Fatalf("rings %v, want %v", rings, want)
		}
		computed := at.UnixMicro()
		switch frozen, shift := clock.Shift(); {
		case !frozen:
			computed -= shift
		case computed <= shift:
			computed = 0
		default:
			computed = storage.Never
		}
		if computed != due {
			t.Fatalf("%d where the alarms are, %d here", computed, due)
		}
	})
}
