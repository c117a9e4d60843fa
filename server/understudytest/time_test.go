package understudytest_test

import (
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/understudy-api/understudy/internal/cputime"
	"github.com/understudy-api/understudy/server/understudytest"
)

// poll asks every five seconds until the synchronisation of an integration is done, as a
// client does.
func poll(t *testing.T, client *http.Client, url, token string) (asked int) {
	t.Helper()
	for {
		asked++
		switch text := want(t, 200, client, "GET", url, "Key "+token, ""); {
		case strings.Contains(text, `"status":"done"`):
			return asked
		case strings.Contains(text, `"status":"failed"`):
			t.Fatalf("the job failed: %s", text)
		}
		time.Sleep(5 * time.Second) //nolint:forbidigo // in a bubble nobody waits
	}
}

// tenMinutes makes synchronisations take ten minutes by the clock of the workspace.
func tenMinutes(t *testing.T, u *understudytest.Understudy) {
	t.Helper()
	want(t, 200, u.Client(), "PUT", understudytest.BaseURL+"/_understudy/jobs/modes/datafold.bi.sync", "Bearer "+u.Token(),
		`{"mode":"clock","durations":{"queued":"0s","running":"10m"}}`)
	want(t, 200, u.Client(), "POST", bi+"powerbi/", "Key "+u.Token(), `{"name":"Sales"}`)
	want(t, 200, u.Client(), "GET", bi+"1/sync/", "Key "+u.Token(), "")
}

// In a bubble ten minutes of polling take no time, and the time is the bubble's.
func TestPollingInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := understudytest.New(t)
		tenMinutes(t, u)
		began := time.Now()
		asked := poll(t, u.Client(), bi+"1/", u.Token())
		if took := time.Since(began); took != 10*time.Minute || asked != 121 {
			t.Errorf("asked %d times in %v", asked, took)
		}
	})
}

// A stand-in leaves nothing running.
func TestNothingIsLeft(t *testing.T) {
	before := len(goroutines())
	within(t, t.Name(), func(s *spy) {
		u := understudytest.New(s)
		want(t, 200, http.DefaultClient, "GET", u.URL()+"/api/projects", "Bearer "+u.Token(), "")
		http.DefaultClient.CloseIdleConnections()
		want(t, 200, u.Client(), "GET", projects, "Bearer "+u.Token(), "")
		want(t, 200, u.Client(), "GET", bi, "Key "+u.Token(), "")
	})
	// Goroutines that were told to end are given the processor until they have.
	left := goroutines()
	for deadline := time.Now().Add(10 * time.Second); len(left) > before && time.Now().Before(deadline); left = goroutines() {
		runtime.Gosched()
	}
	if len(left) > before {
		t.Errorf("%d goroutines, %d before:\n%s", len(left), before, strings.Join(left, "\n\n"))
	}
}

// goroutines are the stacks of those that are in our code, but for the tests' own.
func goroutines() []string {
	buffer := make([]byte, 1<<20)
	stacks := strings.Split(string(buffer[:runtime.Stack(buffer, true)]), "\n\n")
	return slices.DeleteFunc(stacks, func(stack string) bool {
		return !strings.Contains(stack, "understudy-api/understudy/") || strings.Contains(stack, "understudytest_test.")
	})
}

// What the package promises of its cost. What is judged is processors' time, which is the
// same whoever else is at work; what a clock says is told beside it.
func TestStoreCosts(t *testing.T) {
	within(t, t.Name(), func(s *spy) { // what is once for a process
		u := understudytest.New(s)
		want(t, 200, u.Client(), "GET", projects, "Bearer "+u.Token(), "")
		want(t, 200, u.Client(), "GET", bi, "Key "+u.Token(), "")
	})
	runtime.GC()

	const times = 51
	var took []time.Duration
	used := cputime.Used()
	for i := range times {
		within(t, fmt.Sprint(t.Name(), i), func(s *spy) {
			began := time.Now()
			understudytest.New(s)
			took = append(took, time.Since(began))
		})
	}
	used = (cputime.Used() - used) / times
	slices.Sort(took)
	t.Logf("New: median %v, from %v to %v; with its end %v of processors", took[times/2], took[0], took[times-1], used)
	if min(used, took[times/2]) > 3*time.Millisecond {
		t.Errorf("New takes %v, and %v of processors", took[times/2], used)
	}

	before := len(goroutines())
	used = cputime.Used()
	t.Run("subtests", func(t *testing.T) {
		u := understudytest.New(t)
		for i := range 200 {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				t.Parallel()
				u := u.Sub(t)
				want(t, 200, u.Client(), "POST", projects, "Bearer "+u.Token(), shop)
				want(t, 200, u.Client(), "GET", projects, "Bearer "+u.Token(), "")
				want(t, 200, u.Client(), "GET", bi, "Key "+u.Token(), "")
			})
		}
	})
	used = cputime.Used() - used
	left := len(goroutines())
	t.Logf("200 parallel subtests: %v of processors, %d goroutines, %d before", used, left, before)
	if used > 2*time.Second || left > before {
		t.Errorf("200 parallel subtests take %v of processors, and leave %d goroutines of %d", used, left, before)
	}

	used = cputime.Used()
	began := time.Now()
	synctest.Test(t, func(t *testing.T) {
		u := understudytest.New(t)
		tenMinutes(t, u)
		poll(t, u.Client(), bi+"1/", u.Token())
	})
	used = cputime.Used() - used
	t.Logf("ten minutes of polling: %v, %v of processors", time.Since(began), used)
	if min(used, time.Since(began)) > 100*time.Millisecond {
		t.Errorf("ten minutes of polling take %v, and %v of processors", time.Since(began), used)
	}
}
