package app_test

import (
	"testing"

	"github.com/understudy-api/understudy/server/brms"
	"github.com/understudy-api/understudy/server/control"
	"github.com/understudy-api/understudy/server/datafold"
	"github.com/understudy-api/understudy/server/site"
)

// BenchmarkLoad is what start-up pays for each document.
func BenchmarkLoad(b *testing.B) {
	for _, api := range []site.API{
		brms.New(nil, nil), datafold.New(nil, nil), control.New(control.Options{}),
	} {
		b.Run(api.Source().API, func(b *testing.B) {
			for b.Loop() {
				if _, err := site.NewSite(site.Options{API: api}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
