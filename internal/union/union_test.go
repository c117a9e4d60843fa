package union_test

import (
	"encoding/json"
	"testing"

	"github.com/understudy-api/understudy/internal/union"
)

// pet is a union as the generator writes one.
type pet struct{ union json.RawMessage }

func (p pet) MarshalJSON() ([]byte, error)     { return p.union.MarshalJSON() }
func (p *pet) UnmarshalJSON(text []byte) error { return p.union.UnmarshalJSON(text) }

type cat struct {
	Type  string `json:"type"`
	Lives int    `json:"lives"`
}

func TestUnion(t *testing.T) {
	u, err := union.Of[pet](cat{"cat", 7})
	if err != nil || string(u.union) != `{"type":"cat","lives":7}` {
		t.Errorf("%s, %v", u.union, err)
	}
	if back, err := union.As[cat](u); err != nil || back != (cat{"cat", 7}) {
		t.Errorf("%+v, %v", back, err)
	}
	if _, err := union.As[[]int](u); err == nil {
		t.Error("an object is a list")
	}
	if _, err := union.Of[pet](func() {}); err == nil {
		t.Error("a function has JSON")
	}
}
