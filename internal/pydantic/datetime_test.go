package pydantic

import (
	"encoding/json"
	"testing"
	"time"
)

func TestDatetime(t *testing.T) {
	for text, want := range map[string]string{
		"2026-01-01T00:00:00Z":               "2026-01-01T00:00:00Z",
		"2026-01-01T00:00:00.5Z":             "2026-01-01T00:00:00.500000Z",
		"2026-01-01T00:00:00.123456789Z":     "2026-01-01T00:00:00.123456Z",
		"2026-01-01T00:00:00.000000999Z":     "2026-01-01T00:00:00Z",
		"2026-01-01T00:00:00.000001+02:00":   "2026-01-01T00:00:00.000001+02:00",
		"2026-12-31T23:59:59.999999999-0330": "",
	} {
		var d Datetime
		if err := json.Unmarshal([]byte(`"`+text+`"`), &d); (err != nil) != (want == "") {
			t.Fatal(text, err)
		}
		if want == "" {
			continue
		}
		got, err := json.Marshal(struct{ At *Datetime }{&d})
		if err != nil || string(got) != `{"At":"`+want+`"}` {
			t.Errorf("%s: %s, %v", text, got, err)
		}
	}
	if got := (Datetime{time.Time{}}).String(); got == "" {
		t.Error("no text")
	}
}
