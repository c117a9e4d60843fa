package app

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/understudy-api/understudy/server/contract"
)

// numberTexts are the numbers that software disagrees on.
var numberTexts = []string{
	"7", "7.0", "1e2", "1E+2", "-0", "-0.0", "0.1e1", "7.5", "9007199254740993", "9223372036854775807", "9223372036854775808",
	"-9223372036854775808", "-9223372036854775809", "1180591620717411303424", "1e400", "-1e400", "1e-400", "1e1000000000",
	"-1e1000000000", "0e1000000000", "1e-1000000000", "1.7976931348623157e308", "1.00000000000000000000001",
	strings.Repeat("9", 5000), "0." + strings.Repeat("3", 5000), "1" + strings.Repeat("0", 5000) + "e-5000",
}

const hole = "\x00hole"

// numberPlaces finds every integer and number position of a schema. Each is a
// value of the schema, as small as may be, with a hole in that place.
func numberPlaces(s *contract.Schema, seen []*contract.Schema) (places []place) {
	if s == nil || slices.Contains(seen, s) {
		return nil
	}
	seen = append(seen, s)
	if s.Type.Includes(openapi3.TypeInteger) || s.Type.Includes(openapi3.TypeNumber) {
		places = append(places, place{value: hole, schema: s})
	}
	for _, branch := range slices.Concat(s.AnyOf, s.OneOf) {
		places = append(places, numberPlaces(branch.Value, seen)...)
	}
	for _, part := range s.AllOf {
		for _, p := range numberPlaces(part.Value, seen) {
			whole, _ := smallest(s).(map[string]any)
			inner, ok := p.value.(map[string]any)
			if ok && whole != nil {
				maps.Copy(whole, inner)
				p.value = whole
			}
			places = append(places, p)
		}
	}
	if s.Items != nil {
		for _, p := range numberPlaces(s.Items.Value, seen) {
			p.path = append([]any{0}, p.path...)
			p.value = []any{p.value}
			places = append(places, p)
		}
	}
	for name, property := range s.Properties {
		for _, p := range numberPlaces(property.Value, seen) {
			whole, _ := smallest(s).(map[string]any)
			whole[name] = p.value
			p.path = append([]any{name}, p.path...)
			p.value = whole
			places = append(places, p)
		}
	}
	if s.AdditionalProperties.Schema != nil {
		for _, p := range numberPlaces(s.AdditionalProperties.Schema.Value, seen) {
			whole, _ := smallest(s).(map[string]any)
			whole["extra"] = p.value
			p.path = append([]any{"extra"}, p.path...)
			p.value = whole
			places = append(places, p)
		}
	}
	return places
}

type place struct {
	path   []any
	value  any
	schema *contract.Schema
}

// smallest is a small right value of a schema.
func smallest(s *contract.Schema) any {
	switch {
	case len(s.Enum) > 0:
		return s.Enum[0]
	case len(s.AnyOf) > 0:
		return smallest(s.AnyOf[0].Value)
	case len(s.OneOf) > 0:
		return smallest(s.OneOf[0].Value)
	}
	switch {
	case s.Type.Includes(openapi3.TypeObject), s.Type == nil:
		object := map[string]any{}
		for _, part := range s.AllOf {
			inner, _ := smallest(part.Value).(map[string]any)
			maps.Copy(object, inner)
		}
		for _, name := range s.Required {
			if property := s.Properties[name]; property != nil && !property.Value.ReadOnly {
				object[name] = smallest(property.Value)
			}
		}
		for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
			if len(object) < int(s.MinProps) && len(s.Properties[name].Value.Enum) > 0 {
				object[name] = smallest(s.Properties[name].Value)
			}
		}
		return object
	case s.Type.Includes(openapi3.TypeArray):
		return []any{}
	case s.Type.Includes(openapi3.TypeInteger), s.Type.Includes(openapi3.TypeNumber):
		if s.Min != nil {
			return *s.Min
		}
		return 1
	case s.Type.Includes(openapi3.TypeBoolean):
		return true
	case s.Format == "uuid":
		return "3f1c2d4e-5b6a-4c7d-8e9f-0a1b2c3d4e5f"
	case s.Format == "uri":
		return "https://example.com"
	}
	return strings.Repeat("x", max(1, int(s.MinLength)))
}

// fill writes a value with the literal in its hole.
func fill(t *testing.T, v any, literal string) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	mark, _ := json.Marshal(hole)
	if bytes.Count(text, mark) != 1 {
		t.Fatalf("%s has not one hole", text)
	}
	return strings.Replace(string(text), string(mark), literal, 1)
}

// short names a literal.
func short(literal string) string {
	if len(literal) > 30 {
		return fmt.Sprintf("%s...(%d)", literal[:10], len(literal))
	}
	return literal
}

// whole tells what a literal is as an integer of 64 bits.
func whole(literal string) (int64, bool) {
	mantissa, exponent, _ := strings.Cut(strings.ToLower(literal), "e")
	if len(exponent) > 6 {
		return 0, strings.Trim(mantissa, "-0.") == ""
	}
	r, ok := new(big.Rat).SetString(literal)
	if !ok || !r.IsInt() || !r.Num().IsInt64() {
		return 0, false
	}
	return r.Num().Int64(), true
}

// Every number position of every document takes each number or refuses it, in the
// API's words, and gives back the number that came.
func TestVerifyNumbers(t *testing.T) {
	t.Parallel()
	p := newInProcess(t, Options{})
	send := func(t *testing.T, api, method, target, body string) answered {
		t.Helper()
		header := http.Header{"Authorization": {map[string]string{"brms": "Bearer n", "datafold": "Key n", "understudy": "Bearer n"}[api]}}
		if body != "" {
			header.Set("Content-Type", "application/json")
		}
		r := sendable(method, target, header, []byte(body))
		if r == nil {
			t.Fatalf("%s cannot be sent", target)
		}
		return p.ask(t, r)
	}
	project := idOf(t, send(t, "brms", "POST", "/api/projects", `{"name":"n","key":"numbers"}`).body)
	integration := func(t *testing.T) string {
		t.Helper()
		return idOf(t, send(t, "brms", "POST", "/api/projects/"+project+"/integrations",
			`{"name":"n","type":"http","kind":"k`+strconv.Itoa(len(t.Name()))+`","config":{"url":"https://example.com"}}`).body)
	}(t)
	unknown := regexp.MustCompile(`\{\w+\}`)
	known := strings.NewReplacer("{projectId}", project, "{integrationId}", integration, "{exchangeId}", "0123456789abcdef", "{faultName}", "f", "{snapshotName}", "s")

	documents, err := documentsOnce()
	if err != nil {
		t.Fatal(err)
	}
	positions, served, refused, read := 0, 0, 0, 0
	count := func(a answered) {
		if a.status < 300 {
			served++
		} else {
			refused++
		}
	}
	for _, d := range documents {
		api := d.document.API
		for _, op := range d.document.Operations() {
			for _, parameter := range op.Parameters() {
				for _, at := range numberPlaces(parameter.Schema.Value, nil) {
					positions++
					for _, literal := range numberTexts {
						t.Run(op.ID+"/"+parameter.Name+"/"+short(literal), func(t *testing.T) {
							target := known.Replace(op.Path)
							if parameter.In == openapi3.ParameterInPath {
								target = strings.Replace(target, "{"+parameter.Name+"}", literal, 1)
							} else {
								target += "?" + parameter.Name + "=" + url.QueryEscape(literal)
							}
							body := ""
							if s := op.BodySchema(); s != nil {
								body = fill(t, withHole(smallest(s)), "1")
							}
							a := send(t, api, op.Method, target, body)
							count(a)
							if _, err := strconv.ParseInt(literal, 10, 64); err != nil && a.status < 300 && at.schema.Type.Is("integer") {
								t.Errorf("status %d: no integer in a parameter", a.status)
							}
						})
					}
				}
			}
			if op.BodySchema() == nil {
				continue
			}
			told := map[string]bool{} // a place that several branches of a union have is one
			for _, at := range numberPlaces(op.BodySchema(), nil) {
				if told[fmt.Sprint(at.path)] {
					continue
				}
				told[fmt.Sprint(at.path)] = true
				positions++
				settled := false
				for i, literal := range numberTexts {
					t.Run(op.ID+"/"+fmt.Sprint(at.path)+"/"+short(literal), func(t *testing.T) {
						id := ""
						target := known.Replace(op.Path)
						if !strings.Contains(target, "{bi_datasource_id}") {
							target = unknown.ReplaceAllString(target, "1")
						} else {
							create := strings.Replace(op.Path, "{bi_datasource_id}/", "", 1)
							id = idOf(t, send(t, api, "POST", create, fill(t, withHole(smallest(op.BodySchema())), "1")).body)
							target = strings.Replace(target, "{bi_datasource_id}", id, 1)
						}
						body := fill(t, unique(at.value, i), literal)
						a := send(t, api, op.Method, target, body)
						count(a)
						n, isWhole := whole(literal)
						bounded := at.schema.Min != nil || at.schema.Max != nil || len(at.schema.Enum) > 0
						// Where even a 7 is refused it is for something else: a rule that no schema
						// states, or a thing that is not there.
						if literal == numberTexts[0] {
							settled = a.status < 300
						}
						if at.schema.Type.Is("integer") && !bounded && settled && isWhole != (a.status < 300) {
							t.Fatalf("status %d: %s", a.status, a.body)
						}
						if a.status >= 300 || fmt.Sprint(at.path) == "[id]" || strings.HasPrefix(op.ID, "update_looker") { // the server's own, or // which changes the schedule only
							return
						}
						if api == "understudy" && len(literal) > 800 { // what strconv reads of a float64
							return
						}
						same := func(where, text string) {
							came, ok := lookUp(text, at.path)
							if !ok {
								return
							}
							read++
							if at.schema.Type.Is("integer") && came != strconv.FormatInt(n, 10) {
								t.Errorf("%s gives %s for %s", where, came, short(literal))
							}
							f, _ := strconv.ParseFloat(literal, 64)
							if isWhole { // strconv counts only 800 digits before the exponent
								f = float64(n)
							}
							if g, err := strconv.ParseFloat(came, 64); err != nil || f != g {
								t.Errorf("%s gives %s for %s", where, came, short(literal))
							}
						}
						same("the answer", a.body)
						if id == "" {
							if created, ok := lookUp(a.body, []any{"id"}); ok {
								id = created
							}
						}
						switch api {
						case "datafold":
							same("a read", send(t, api, "GET", "/api/v1/lineage/bi/"+id+"/", "").body)
						case "brms":
							if op.Method == http.MethodPost && strings.HasSuffix(op.Path, "/integrations") {
								same("a read", send(t, api, "GET", target+"/"+id, "").body)
							} else {
								same("a read", send(t, api, "GET", target, "").body)
							}
						}
					})
				}
			}
		}
	}
	t.Logf("%d positions: %d served, %d refused, %d read back", positions, served, refused, read)
	if positions < 20 || served == 0 || refused == 0 || read == 0 {
		t.Errorf("%d positions, %d served, %d refused, %d read back", positions, served, refused, read)
	}
}

// withHole puts the hole where it does not matter, for a value that has none.
func withHole(v any) any {
	if object, ok := v.(map[string]any); ok {
		object["unheard-of"] = hole
	}
	if list, ok := v.([]any); ok {
		return append(list, hole)
	}
	return v
}

// unique gives members that must differ from record to record a text of their own.
func unique(v any, i int) any {
	if object, ok := v.(map[string]any); ok {
		for _, name := range []string{"key", "kind"} {
			if _, ok := object[name].(string); ok {
				object[name] = "k" + strconv.Itoa(i)
			}
		}
	}
	return v
}

func idOf(t *testing.T, body string) string {
	t.Helper()
	for _, path := range [][]any{{"id"}, {"project", "id"}} {
		if id, ok := lookUp(body, path); ok {
			return id
		}
	}
	t.Fatalf("no id in %s", body)
	return ""
}

// lookUp finds a scalar in a JSON text, as it is written.
func lookUp(text string, path []any) (string, bool) {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var v any
	if decoder.Decode(&v) != nil {
		return "", false
	}
	for _, step := range path {
		switch step := step.(type) {
		case string:
			object, _ := v.(map[string]any)
			v = object[step]
		case int:
			list, _ := v.([]any)
			if step >= len(list) {
				return "", false
			}
			v = list[step]
		}
	}
	switch v := v.(type) {
	case json.Number:
		return v.String(), true
	case string:
		return v, true
	}
	return "", false
}
