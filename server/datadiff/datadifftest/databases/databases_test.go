package databases

import (
	"testing"

	"github.com/understudy-api/understudy/server/datadiff/datadifftest"
)

func TestMain(m *testing.M) { Main(m) }

func TestStoreDialects(t *testing.T) {
	for name, open := range All {
		t.Run(name, func(t *testing.T) { datadifftest.Run(t, open(t)) })
	}
}

// Every two databases find that the same is the same.
func TestStoreAcross(t *testing.T) {
	for left, openLeft := range All {
		for right, openRight := range All {
			if left > right {
				continue // sides are swapped within
			}
			t.Run(left+" and "+right, func(t *testing.T) { datadifftest.Across(t, openLeft(t), openRight(t)) })
		}
	}
}
