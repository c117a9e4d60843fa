package fastapi

import (
	"bytes"
	stdcontext "context"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/understudy-api/understudy/gen/datafold"
	"github.com/understudy-api/understudy/server/contract"
	"github.com/understudy-api/understudy/server/contract/lines"
	"github.com/understudy-api/understudy/server/site"
)

// differences are the only ways in which our words differ from those of FastAPI on
// pydantic, on purpose. docs/fidelity.md has a row for each.
var differences = map[string]string{
	"secrets":              "a secret is never echoed: the mask of pydantic's SecretStr stands in its place",
	"one-answer":           "FastAPI answers a malformed body alone; we add what is wrong with the parameters",
	"duplicate-members":    "CPython takes the last of two members of one name",
	"nan":                  "CPython takes NaN and Infinity for numbers",
	"encoding":             "CPython takes UTF-8 with a byte order mark, UTF-16 and UTF-32; FastAPI answers other bytes with a 400",
	"lone-surrogates":      "CPython takes half of a surrogate pair for a character",
	"depth":                "CPython nests about 1,000 levels, then FastAPI answers with a 400; the gate ends at 200",
	"big-integers":         "Python's integers have no end, ours have 64 bits",
	"infinite-numbers":     "Python takes numbers beyond a float64 for infinity, which FastAPI then cannot answer",
	"exact-fractions":      "Python rounds a number before it asks whether it is whole",
	"date-times":           "the document's date-time and date are RFC 3339's; pydantic takes more",
	"uuid-forms":           "the document's uuid is the canonical form; pydantic takes more",
	"duplicate-items":      "the document wants unique items; pydantic drops the duplicates",
	"enum-conversions":     "pydantic converts a text to the number of an enum",
	"json-suffix":          "FastAPI takes every +json media type; the document declares application/json",
	"converted-parameters": "pydantic takes more spellings of integers and booleans in a parameter",
}

type golden struct {
	Name, Doc, Method, Path, URL, Mode string
	Headers                            map[string]string
	ContentType                        *string
	Body                               *string
	Body64                             []byte
	Detail, Ours                       []jsontext.Value
	Difference                         string
}

func readGoldens(t *testing.T) []golden {
	t.Helper()
	data, err := os.ReadFile("../../datafold/testdata/goldens.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Cases []golden }
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	return file.Cases
}

// shapes is the made-up document, with a line for each of its nodes.
func shapes(t testing.TB) *contract.Document {
	t.Helper()
	data, err := os.ReadFile("../../datafold/testdata/shapes.json")
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
			places[at] = lines.Place{File: "shapes.json", Line: 1 + bytes.Count(data[:dec.InputOffset()], []byte("\n"))}
		}
	}
	d, err := contract.Load(contract.Source{API: "shapes", File: "shapes.json", JSON: data, Lines: lines.Encode(places, "shapes.json")})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func served(t testing.TB) *contract.Document {
	t.Helper()
	d, err := contract.Load(contract.Source{API: "datafold", File: datafold.File, JSON: datafold.Document(), Lines: datafold.Lines()})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (g golden) message(t *testing.T) *contract.Message {
	t.Helper()
	u, err := url.Parse(g.URL)
	if err != nil {
		t.Fatal(err)
	}
	m := &contract.Message{Method: g.Method, URL: u, Header: http.Header{}, Vars: map[string]string{}, Body: g.Body64}
	if g.Body != nil {
		m.Body = []byte(*g.Body)
	}
	if g.ContentType != nil {
		m.Header.Set("Content-Type", *g.ContentType)
	}
	for name, value := range g.Headers {
		m.Header.Set(name, value)
	}
	got := strings.Split(u.Path, "/")
	for i, part := range strings.Split(g.Path, "/") {
		if name, found := strings.CutPrefix(part, "{"); found {
			m.Vars[strings.TrimSuffix(name, "}")] = got[i]
		}
	}
	return m
}

func judge(t *testing.T, o *contract.Operation, m *contract.Message) []Item {
	t.Helper()
	judged := o.JudgeRequest(stdcontext.Background(), m)
	refused := slices.DeleteFunc(slices.Clone(judged.Violations), func(v contract.Violation) bool { return !v.Refuses() })
	return Words(&site.Refusal{Kind: site.KindInvalid, Violations: refused, Body: m.Body})
}

// spelled gives each item as a text in which only the escapes of strings are
// made alike: order of members and spelling of numbers stay.
func spelled(t *testing.T, items any) []string {
	t.Helper()
	text, err := json.Marshal(items)
	if err != nil {
		t.Fatal(err)
	}
	var raw []jsontext.Value
	if err := json.Unmarshal(text, &raw); err != nil {
		t.Fatal(err)
	}
	texts := make([]string, len(raw))
	for i, item := range raw {
		if err := item.Format(jsontext.CanonicalizeRawFloats(false), jsontext.CanonicalizeRawInts(false), jsontext.PreserveRawStrings(false)); err != nil {
			t.Fatal(err)
		}
		texts[i] = item.String()
	}
	return texts
}

func TestWordingGoldens(t *testing.T) {
	documents := map[string]*contract.Document{"datafold": served(t), "shapes": shapes(t)}
	used := map[string]bool{}
	goldens := readGoldens(t)
	if len(goldens) < 200 {
		t.Errorf("%d goldens", len(goldens))
	}
	for _, g := range goldens {
		t.Run(g.Name, func(t *testing.T) {
			o := documents[g.Doc].Operation(g.Method, g.Path)
			if o == nil {
				t.Fatalf("no operation %s %s", g.Method, g.Path)
			}
			want := g.Detail
			if g.Difference != "" {
				if differences[g.Difference] == "" {
					t.Fatalf("the difference %q has no reason", g.Difference)
				}
				used[g.Difference] = true
				want = g.Ours
			}
			items := judge(t, o, g.message(t))
			got := spelled(t, items)
			if g.Doc == "datafold" {
				// The answer keeps the document, numbers beyond a float64 included.
				text, _ := json.Marshal(struct {
					Detail any `json:"detail"`
				}{items})
				header := http.Header{"Content-Type": {"application/json"}}
				if found := o.JudgeResponse(stdcontext.Background(), g.Method, http.StatusUnprocessableEntity, header, text); len(found) > 0 {
					t.Errorf("the answer breaks the document: %s at %s", found[0].Rule, found[0].Pointer())
				}
			}
			if diff := cmp.Diff(spelled(t, want), got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
	for name := range differences {
		if !used[name] {
			t.Errorf("no golden shows the difference %q", name)
		}
	}
}

// Every difference has a row in docs/fidelity.md, and every row a difference or
// the name of a test.
func TestFidelityDocument(t *testing.T) {
	text, err := os.ReadFile("../../../docs/fidelity.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(text), "### Differences from FastAPI")
	if !found {
		t.Fatal("no table")
	}
	rows := map[string]bool{}
	for line := range strings.Lines(section) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), " | ")
		name := strings.Trim(cells[0], "` ")
		if len(cells) != 5 || name == "Difference" || !strings.HasPrefix(line, "| `") {
			continue
		}
		rows[name] = true
		proof := strings.Trim(cells[4], "` ")
		_, listed := differences[name]
		switch {
		case proof == "goldens" && !listed && name != "strict-mode":
			t.Errorf("%q is no difference of the goldens", name)
		case proof != "goldens" && !hasTest(t, proof):
			t.Errorf("%q names the test %q, which there is not", name, proof)
		}
	}
	for name := range differences {
		if !rows[name] {
			t.Errorf("the difference %q has no row", name)
		}
	}
}

// hasTest reports whether a test or fuzz target of the server, or of the goldens, has
// the name.
func hasTest(t *testing.T, name string) bool {
	t.Helper()
	files, err := filepath.Glob("../../*/*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	deeper, err := filepath.Glob("../../*/*/*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	files = append(files, deeper...)
	files = append(files, "../../../internal/goldens/oracle_test.go")
	return slices.ContainsFunc(files, func(file string) bool {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return bytes.Contains(data, []byte("\nfunc "+name+"("))
	})
}

func TestMailWords(t *testing.T) {
	d, err := contract.Load(contract.Source{API: "t", File: "t.json", JSON: []byte(`{
		"openapi": "3.1.0", "info": {"title": "t", "version": "1"},
		"paths": {"/t": {"post": {"operationId": "t", "responses": {"200": {"description": "ok"}},
			"requestBody": {"required": true, "content": {"application/json": {"schema": {"type": "string", "format": "email"}}}}}}}}`)})
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"ada":     "An email address must have an @-sign.",
		"@b.com":  "There must be something before the @-sign.",
		"ada@":    "There must be something after the @-sign.",
		"a b@c.d": "The email address is not valid.",
	} {
		body, _ := json.Marshal(text)
		judged := d.Operation(http.MethodPost, "/t").JudgeRequest(t.Context(), &contract.Message{
			Method: http.MethodPost, URL: &url.URL{Path: "/t"}, Header: http.Header{"Content-Type": {"application/json"}}, Body: body,
		})
		items := Words(&site.Refusal{Violations: judged.Violations, Body: body})
		if len(items) != 1 || items[0].Msg != "value is not a valid email address: "+want {
			t.Errorf("%s: %+v", text, items)
		}
	}
}

func FuzzPyJSON(f *testing.F) {
	for _, seed := range []string{"", "{", `{"a":1}`, `["\ud83d\u12x4"]`, "NaN", "1.5e", `{"é":tru}`, "\xff", "[1,]", `{"a":1,"a":2}`, `"\u`} {
		f.Add([]byte(seed))
	}
	document := shapes(f)
	o := document.Operation(http.MethodPost, "/person")
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) == 0 {
			return
		}
		reason, offset, ok := scanJSON(text)
		if offset < 0 || offset > len(text) || !ok && reason == "" {
			t.Fatalf("%q at %d, %v", reason, offset, ok)
		}
		judged := o.JudgeRequest(stdcontext.Background(), &contract.Message{
			Method: http.MethodPost, URL: &url.URL{Path: "/person"}, Header: http.Header{}, Body: text,
		})
		refused := slices.ContainsFunc(judged.Violations, func(v contract.Violation) bool { return v.Rule == contract.RuleJSON })
		items := Words(&site.Refusal{Violations: judged.Violations, Body: text})
		worded := slices.ContainsFunc(items, func(it Item) bool { return it.Type == "json_invalid" })
		if worded != refused {
			t.Fatalf("refused as JSON: %v, worded so: %v", refused, worded)
		}
		// What the strict decoder takes, CPython takes too.
		if !refused && (!ok || reason != "") {
			t.Fatalf("the gate accepts what the scanner refuses: %q at %d", reason, offset)
		}
		if len(items) == 0 && len(judged.Violations) > 0 {
			t.Fatal("violations without words")
		}
	})
}
