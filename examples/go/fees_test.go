package fees

import (
	"os"
	"testing"
	"testing/synctest"

	"github.com/understudy-api/understudy/server/understudytest"
)

// One report of all tests, which have to meet half of what the operations publish that the
// client calls.
func TestMain(m *testing.M) {
	understudytest.Main(m, understudytest.MinCoverage(50),
		understudytest.Operations("brms:evaluateDecision", "datafold:create_datadiff*", "datafold:*summary_results*"))
}

// client talks to a stand-in of the test's own, which holds what world.yaml says.
func client(t *testing.T) *Client {
	t.Helper()
	u := understudytest.New(t)
	u.Seed(os.DirFS(".."), "world.yaml")
	return &Client{
		HTTP: u.Client(), GoRules: "https://acme.gorules.io", Datafold: "https://app.datafold.com",
		GoRulesToken: u.Token(), DatafoldKey: u.Token(),
	}
}

func TestSmallOrdersPayForShipping(t *testing.T) {
	if fee := client(t).Fee(t.Context(), 50); fee != 4.90 {
		t.Errorf("shipping costs %v", fee)
	}
}

// The client looks every five seconds; in a bubble nobody waits for that.
func TestMigrationKeepsOrders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		same, err := client(t).Same(t.Context(), 1, "orders", "orders_migrated")
		if err != nil || !same {
			t.Errorf("the same: %v, %v", same, err)
		}
	})
}
