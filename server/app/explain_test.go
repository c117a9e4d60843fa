package app

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/understudy-api/understudy/gen/understudy"
	"github.com/understudy-api/understudy/server/brms"
	"github.com/understudy-api/understudy/server/contract"
	"github.com/understudy-api/understudy/server/contract/lines"
	"github.com/understudy-api/understudy/server/control"
	"github.com/understudy-api/understudy/server/datafold"
	"github.com/understudy-api/understudy/server/evidence"
	"github.com/understudy-api/understudy/server/site"
)

// madeUp is a document that holds keywords which the served ones lack, behind the
// wording of one of the APIs.
type madeUp struct {
	site.API
	source     contract.Source
	operations []*contract.Operation
}

func (m *madeUp) Source() contract.Source { return m.source }

func (m *madeUp) Register(route site.Route) {
	for _, op := range m.operations {
		route(op.Method, op.Path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte("{}"))
		})
	}
}

// newMadeUp reads a document, with a line for each of its nodes.
func newMadeUp(t *testing.T, api site.API, file string) *madeUp {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	places := map[string]lines.Place{}
	dec := jsontext.NewDecoder(bytes.NewBuffer(data))
	for {
		if _, err := dec.ReadToken(); err != nil {
			break
		}
		at := string(dec.StackPointer())
		if _, known := places[at]; !known {
			places[at] = lines.Place{File: file, Line: 1 + bytes.Count(data[:dec.InputOffset()], []byte("\n"))}
		}
	}
	source := api.Source()
	source.File, source.JSON, source.Lines, source.Marks = file, data, lines.Encode(places, file), nil
	document, err := contract.Load(source)
	if err != nil {
		t.Fatal(err)
	}
	return &madeUp{API: api, source: source, operations: document.Operations()}
}

// startMadeUp serves the made-up documents of both APIs under /brms and /datafold,
// and the control API over their exchanges.
func startMadeUp(t *testing.T, enforce site.Enforcement) *standIn {
	t.Helper()
	store := memory(t)
	t.Cleanup(func() { _ = store.Close() })
	recent := evidence.New(store, evidence.Options{})
	t.Cleanup(func() { _ = recent.Close() })
	handler := http.NewServeMux()
	for prefix, api := range map[string]site.API{
		"/_understudy": control.New(control.Options{Store: store, Keys: site.OpenKeyring{}, Evidence: recent}),
		"/brms":        newMadeUp(t, brms.New(store, site.OpenKeyring{}), "../brms/testdata/words.json"),
		"/datafold":    newMadeUp(t, datafold.New(store, site.OpenKeyring{}), "../datafold/testdata/shapes.json"),
	} {
		// The made-up documents declare the status 200 alone.
		site, err := site.NewSite(site.Options{API: api, Limits: *unjudged(), Enforce: enforce, Record: recent.Record})
		if err != nil {
			t.Fatal(err)
		}
		if prefix == "/_understudy" {
			handler.Handle(prefix+"/", site)
		} else {
			handler.Handle(prefix+"/", http.StripPrefix(prefix, site))
		}
	}
	listener := httptest.NewServer(handler)
	t.Cleanup(listener.Close)
	return &standIn{url: listener.URL, client: http.DefaultClient}
}

// record reads the record of the exchange that an answer names.
func (w *standIn) record(t *testing.T, got answered, authorization string) understudy.Exchange {
	t.Helper()
	id := got.header.Get("Understudy-Exchange")
	if id == "" {
		t.Fatalf("the answer names no exchange: %d %s", got.status, got.body)
	}
	read := w.do(t, "GET", "/_understudy/exchanges/"+id, http.Header{"Authorization": {authorization}}, nil)
	if read.status != 200 {
		t.Fatalf("exchange %s: %d %s", id, read.status, read.body)
	}
	var x understudy.Exchange
	if err := json.Unmarshal([]byte(read.body), &x); err != nil {
		t.Fatal(err)
	}
	return x
}

// mistaken sends a request as it is told to. Several values of a header stand
// between bars.
func (w *standIn) mistaken(t *testing.T, method, target, authorization, contentType, body string) answered {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, w.url+target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range map[string]string{"Authorization": authorization, "Content-Type": contentType} {
		switch values {
		case "":
		case "EMPTY":
			r.Header[name] = []string{""}
		default:
			r.Header[name] = strings.Split(values, "|")
		}
	}
	resp, err := w.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answered{resp.StatusCode, resp.Header, string(text)}
}

// mistake is a request with one thing wrong, and the record that it leaves.
type mistake struct {
	name, method, target, authorization, contentType string
	body                                             string
	status                                           int
	refused                                          bool
	rule, basis, in, parameter, pointer              string
	got, accepted                                    string
	message                                          string
	file, at, line                                   string // the line is told by its text
}

// large is a body beyond the limit.
var large = strings.Repeat(" ", mebibyte) + "{}"

// Every sentence below has been read: alone it is enough to mend the client.
func TestExplanations(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	check := func(w *standIn, m mistake) func(t *testing.T) {
		return func(t *testing.T) {
			got := w.mistaken(t, m.method, m.target, m.authorization, m.contentType, m.body)
			caller := "Bearer s"
			if m.authorization == "Key s" {
				caller = m.authorization
			}
			x := w.record(t, got, caller)
			if got.status != m.status || x.Status != m.status || x.Refused != m.refused {
				t.Errorf("status %d, recorded %d, refused %t", got.status, x.Status, x.Refused)
			}
			if x.Method != m.method || !strings.Contains(m.target, x.Path) {
				t.Errorf("recorded as %s %s", x.Method, x.Path)
			}
			if len(x.Violations) != 1 {
				t.Fatalf("%d violations: %+v", len(x.Violations), x.Violations)
			}
			v := x.Violations[0]
			refuses := m.basis == "published" || m.basis == "documented"
			if v.Side != "client" || v.Refused != refuses || v.Document.File != m.file {
				t.Errorf("side %s, refused %t, file %s", v.Side, v.Refused, v.Document.File)
			}
			for _, text := range []struct{ what, got, want string }{
				{"message", v.Message, m.message},
				{"rule", v.Rule, m.rule},
				{"basis", string(v.Basis), m.basis},
				{"in", string(v.In), m.in},
				{"name", textOf(v.Name), m.parameter},
				{"pointer", textOf(v.Pointer), m.pointer},
				{"got", textOf(v.Got), m.got},
				{"accepted", textOf(v.Accepted), m.accepted},
				{"place", v.Document.Pointer, m.at},
				{"line", lineOf(t, v.Document), m.line},
			} {
				if text.got != text.want {
					t.Errorf("%s\n got %s\nwant %s", text.what, text.got, text.want)
				}
			}
			whole, _ := json.Marshal(x)
			for _, secret := range []string{"HUSH", "SECRET", "SEC,RET", "OTHER", "dTpTRUNSRVQ="} {
				if strings.Contains(string(whole), secret) {
					t.Errorf("the record holds a secret: %s", whole)
				}
			}
		}
	}
	for _, list := range []struct {
		w    *standIn
		rows []mistake
	}{{startServer(t, Options{}), slices.Concat(servedMistakes, moreMistakes)}, {startMadeUp(t, site.EnforceStrict), madeUpMistakes}} {
		for _, m := range list.rows {
			if seen[m.name] {
				t.Errorf("two rows named %q", m.name)
			}
			seen[m.name] = true
			t.Run(m.name, check(list.w, m))
		}
	}
}

func textOf(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// lineOf reads a line of a document as it stands in the repository.
func lineOf(t *testing.T, l understudy.Location) string {
	t.Helper()
	file := l.File
	if strings.HasPrefix(file, "openapi/") {
		file = "../../" + file
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(data), "\n")
	if l.Line < 1 || l.Line > len(lines) {
		t.Fatalf("%s has no line %d", l.File, l.Line)
	}
	return strings.TrimSpace(lines[l.Line-1])
}
