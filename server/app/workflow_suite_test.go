package app

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

// A team tests a rule before it is published: the events that it keeps are simulated on
// the draft, each with its trace, beside what is published; the draft is published once
// both are equal, and what was published answers until then.
func TestSuiteOfRules(t *testing.T) {
	t.Parallel()
	w := startServer(t, Options{})
	p := newPipeline(t, w, "suite", "suite")
	document := p.publish("", "fees/shipping", fee(1))
	inputs := []string{`{"total":0}`, `{"total":99.5}`, `{"total":-3,"more":{"a":[null]}}`}
	for i, input := range inputs {
		p.send(200, "POST", p.in("/test-events"), fmt.Sprintf(
			`{"testEvent":{"id":%q,"name":"event %d","context":%q,"category":"shared","documentId":%q}}`, uuid.New(), i, input, document))
	}
	type simulated struct {
		Result json.RawMessage
		Trace  map[string]struct{ Name string }
	}
	// failing are the names of the events for which a draft does not answer as what is
	// published does.
	failing := func(draft string) (names []string) {
		t.Helper()
		var events []struct{ Name, Context, DocumentID string }
		if err := json.Unmarshal([]byte(p.send(200, "GET", p.in("/test-events?documentId=%s", document), "")), &events); err != nil || len(events) != len(inputs) {
			t.Fatal(events, err)
		}
		for _, e := range events {
			var got simulated
			var want struct{ Result json.RawMessage }
			answer := p.send(200, "POST", p.in("/decisions/simulate"), fmt.Sprintf(`{"graph":%s,"context":%s}`, draft, e.Context))
			published := p.send(200, "POST", p.in("/evaluate/fees/shipping"), `{"context":`+e.Context+`}`)
			if err := json.Unmarshal([]byte(answer), &got); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal([]byte(published), &want); err != nil {
				t.Fatal(err)
			}
			if len(got.Trace) == 0 || got.Trace["fee"].Name != "fee" {
				t.Errorf("%s is not traced: %s", e.Name, answer)
			}
			if string(got.Result) != string(want.Result) {
				names = append(names, e.Name)
			}
		}
		return names
	}
	if diff := cmp.Diff([]string{"event 0", "event 1", "event 2"}, failing(fee(2))); diff != "" {
		t.Error("a draft that answers otherwise:", diff)
	}
	if got := p.send(400, "POST", p.in("/decisions/simulate"), fmt.Sprintf(`{"graph":%s,"context":{"total":"x"}}`, fee(1))); !strings.Contains(got, `"nodeId":"fee"`) {
		t.Error(got)
	}
	// Another way to say the same is equal, and goes out.
	same := strings.Replace(fee(1), "total + 1", "1 + total", 1)
	if names := failing(same); len(names) > 0 {
		t.Errorf("the same in other words: %v", names)
	}
	p.publish(document, "", same)
	var now struct {
		Versions []struct{ Content json.RawMessage }
	}
	if err := json.Unmarshal([]byte(p.send(200, "GET", p.in("/documents/%s", document), "")), &now); err != nil || !strings.Contains(string(now.Versions[0].Content), "1 + total") {
		t.Errorf("%s %v", now.Versions[0].Content, err)
	}
	if names := failing(same); len(names) > 0 {
		t.Errorf("after it was published: %v", names)
	}
}

// A folder that is followed is published again when a file in it changes, and keeps what
// was good while one is broken.
func TestRulesWatched(t *testing.T) {
	t.Parallel()
	w := startServer(t, Options{})
	if kindOf(t) == replicated {
		t.Skip("a folder is followed by one server")
	}
	folder := t.TempDir()
	writeFiles(t, folder, map[string]string{"fees.json": ruleOf("1")})
	if err := w.app.FollowRules(t.Context(), "pricing="+folder, "watched", true, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	header := bearer("watched")
	header.Set("Content-Type", "application/json")
	answers := func(path, want string) func() bool {
		return func() bool {
			return strings.Contains(w.do(t, "POST", "/api/projects/pricing/evaluate/"+path, header, strings.NewReader(`{"context":{}}`)).body, want)
		}
	}
	if !answers("fees.json", `"result":{"v":1}`)() {
		t.Error("not published at the start")
	}
	writeFiles(t, folder, map[string]string{"fees.json": ruleOf("1000 + 1")})
	eventually(t, "the change", answers("fees.json", `"result":{"v":1001}`))
	writeFiles(t, folder, map[string]string{"fees.json": `{"nodes":[`, "more/new.json": ruleOf("3")})
	writeFiles(t, folder, map[string]string{"fees.json": ruleOf("4000 + 4")})
	eventually(t, "the file that was added", answers("more/new.json", `"result":{"v":3}`))
	eventually(t, "the file that was mended", answers("fees.json", `"result":{"v":4004}`))
}
