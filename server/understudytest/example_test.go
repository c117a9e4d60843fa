package understudytest_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/understudy-api/understudy/server/understudytest"
)

// aTest stands for the t of a test: it prints what that would log when end is called.
func aTest(name string) (t testing.TB, end func()) {
	s := &spy{name: name}
	return s, func() {
		for _, cleanup := range slices.Backward(s.cleanups) {
			cleanup()
		}
		// All but the lines and the curl lines, which are long.
		for line := range strings.Lines(s.out.String()) {
			if _, rest, found := strings.Cut(line, "_test.go:"); found {
				_, line, _ = strings.Cut(rest, ": ")
			}
			if !strings.Contains(line, "curl ") && !strings.Contains(line, "openapi/") {
				fmt.Print(line)
			}
		}
		fmt.Println("failed:", s.failed)
	}
}

// create is a client: it makes a project.
func create(client *http.Client, token, body string) int {
	r, _ := http.NewRequest(http.MethodPost, "https://acme.gorules.io/api/projects", strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	answer, err := client.Do(r)
	if err != nil {
		return 0
	}
	_ = answer.Body.Close()
	return answer.StatusCode
}

// A request that breaks the contract fails the test that makes it.
func Example() {
	t, end := aTest("TestFees")
	defer end()

	u := understudytest.New(t)
	create(u.Client(), u.Token(), `{"name":7,"key":"fees"}`)
	// Output:
	// POST /api/projects: body /name: type
	//     The body member /name must be a string, not 7.
	//     got 7
	//     accepts a string
	// failed: true
}

// How a client bears a refusal is tested by a request that is wrong on purpose.
func ExampleUnderstudy_ExpectViolation() {
	t, end := aTest("TestRefusal")
	defer end()

	u := understudytest.New(t)
	u.ExpectViolation(understudytest.Violation{Rule: "required", Pointer: "/name"})
	fmt.Println(create(u.Client(), u.Token(), `{"key":"fees"}`))
	// Output:
	// 400
	// failed: false
}

// The second project cannot be made.
func ExampleUnderstudy_Fault() {
	t, end := aTest("TestOutage")
	defer end()

	u := understudytest.New(t)
	u.Fault(understudytest.Fault{Operation: "createProject", From: 2, Status: http.StatusServiceUnavailable})
	fmt.Println(create(u.Client(), u.Token(), `{"name":"Fees","key":"fees"}`))
	fmt.Println(create(u.Client(), u.Token(), `{"name":"More fees","key":"more-fees"}`))
	// Output:
	// 200
	// 503
	// failed: false
}

// Each subtest has a workspace, which begins empty, on one server.
func ExampleUnderstudy_Sub() {
	t, end := aTest("TestMany")
	defer end()

	u := understudytest.New(t)
	for range 2 {
		sub := u.Sub(t)
		fmt.Println(create(sub.Client(), sub.Token(), `{"name":"Fees","key":"fees"}`))
	}
	// Output:
	// 200
	// 200
	// failed: false
}

// A workspace begins as a file says, and goes back to where it was.
func ExampleUnderstudy_Seed() {
	t, end := aTest("TestSeeded")
	defer end()
	files := fstest.MapFS{"world.yaml": {Data: []byte(`
workspaces:
  - brms:
      projects:
        - {name: Fees, key: fees}
`)}}

	u := understudytest.New(t)
	u.Seed(files, "world.yaml")
	seeded := u.Snapshot()
	fmt.Println(create(u.Client(), u.Token(), `{"name":"More","key":"more"}`))
	seeded.Restore()
	fmt.Println(create(u.Client(), u.Token(), `{"name":"More","key":"more"}`))
	// Output:
	// 200
	// 200
	// failed: false
}

// What takes a day takes no time.
func ExampleClock_Advance() {
	t, end := aTest("TestTomorrow")
	defer end()

	u := understudytest.New(t)
	u.Clock().Freeze(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	fmt.Println(u.Clock().Advance(24 * time.Hour))
	// Output:
	// 2026-01-02 00:00:00 +0000 UTC
	// failed: false
}
