package seed_test

import (
	"context"
	"fmt"

	"github.com/understudy-api/understudy/server/brms"
	"github.com/understudy-api/understudy/server/datafold"
	"github.com/understudy-api/understudy/server/seed"
	"github.com/understudy-api/understudy/server/site"
	"github.com/understudy-api/understudy/server/workspace"
)

const mistaken = `workspaces:
  - brms:
      projects:
        - namee: Pricing
    clock: {frozen: true, now: yesterday}
`

// A seed is read without a store: all that is wrong with it is told, and where.
func ExampleSeeder_Parse() {
	seeder := seed.New(seed.Options{
		Documents:  loadDocuments,
		Workspaces: workspace.New(workspace.Options{Documents: loadDocuments}),
		APIs:       []seed.API{brms.New(nil, site.OpenKeyring{}), datafold.New(nil, site.OpenKeyring{})},
	})
	_, problems, err := seeder.Parse(context.Background(), seed.Input{YAML: []byte(mistaken)})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(seed.Mistakes(problems).In("seed.yaml"))
	// Output:
	// seed.yaml:4:11: There is no member "namee" here. It is perhaps meant to be "name".
	// seed.yaml:5:32: "yesterday" is not a time. Write it as 2026-01-31T09:30:00Z, or with an offset such as +02:00 (RFC 3339).
}
