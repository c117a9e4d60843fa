package app_test

import (
	"testing"

	"github.com/understudy-api/understudy/server/brms"
	"github.com/understudy-api/understudy/server/contract"
	"github.com/understudy-api/understudy/server/control"
	"github.com/understudy-api/understudy/server/datafold"
)

// BenchmarkLoad is what start-up pays for each document.
func BenchmarkLoad(b *testing.B) {
	for _, api := range []contract.API{
		brms.New(nil, nil), datafold.New(nil, nil), control.New(control.Options{}),
	} {
		b.Run(api.Source().API, func(b *testing.B) {
			for b.Loop() {
				if _, err := contract.NewSite(contract.Options{API: api}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
