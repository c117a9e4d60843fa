package datafold

import (
	"errors"
	"strings"
	"testing"
)

// A secret is stored encrypted, each time in another way, and read with its key alone;
// what was stored as it came stays readable.
func TestSealer(t *testing.T) {
	t.Parallel()
	key := []byte(strings.Repeat("k", 32))
	s, err := newSealer(key)
	if err != nil {
		t.Fatal(err)
	}
	v := dataSource{Secrets: map[string]string{"password": "example-secret"}}
	v.seal(s)
	stored := v.Secrets["password"]
	if strings.Contains(stored, "example") || stored == s.sealed("example-secret") {
		t.Errorf("stored as %q", stored)
	}
	if text, err := s.open(stored); err != nil || text != "example-secret" {
		t.Errorf("%q, %v", text, err)
	}
	other, err := newSealer([]byte(strings.Repeat("o", 32)))
	if err != nil {
		t.Fatal(err)
	}
	var none *sealer
	for _, wrong := range []*sealer{other, none} {
		if text, err := wrong.open(stored); !errors.Is(err, errSealed) || strings.Contains(err.Error(), "example") {
			t.Errorf("%q, %v", text, err)
		}
	}
	if text, err := none.open(none.sealed("plain")); err != nil || text != "plain" {
		t.Errorf("%q, %v", text, err)
	}
	if _, err := s.open(sealedPrefix + "!"); !errors.Is(err, errSealed) {
		t.Error(err)
	}
}
