// Package understudytest puts Understudy into a Go test: both APIs in process, in memory,
// judged by their documents, and gone when the test ends.
//
//	func TestFees(t *testing.T) {
//		u := understudytest.New(t)
//		client := fees.New("https://acme.gorules.io", u.Token(), u.Client())
//		if err := client.Publish(t.Context(), "fees.json"); err != nil {
//			t.Fatal(err)
//		}
//	}
//
// A request that breaks the contract is answered as the real service would answer it, and
// fails the test that made it, at the line of the test from which it was made: with the
// rule, the place, what came, what is accepted, where the rule stands in the document, and a
// line for a shell that sends the request again. Nothing has to be asked for at the end.
//
// # One server, many tests
//
// [New] is a server of the test's own. [Understudy.Sub] is a workspace of its own on that
// server, which costs next to nothing: for subtests, parallel ones too. What a subtest does
// fails the subtest. [Main] takes one report of all tests of a package, and asks for
// coverage.
//
// # Time
//
// Inside a bubble of testing/synctest a server that was made there takes the bubble's time,
// so that a client which polls for ten minutes ends at once. [Understudy.URL] listens on the
// network, which a bubble cannot wait for: use [Understudy.Client] there. Outside of one,
// [Understudy.Clock] moves the time of the workspace.
//
// # Dependencies
//
// The only database in the dependencies of this package is SQLite (modernc.org/sqlite, in
// Go, without cgo): memory is a SQLite database in memory, and so are the tables of data
// diffs. Data sources of Datafold in PostgreSQL and MySQL need their drivers:
//
//	import _ "github.com/understudy-api/understudy/server/drivers"
//
// # Stability
//
// What this package exports follows semantic versioning together with the module: within a
// major version nothing is removed or changes its meaning, and what compiles goes on to
// compile, but for struct literals without member names. The wording of failures may change
// in any version, and a newer version may find violations that an older one did not.
package understudytest
