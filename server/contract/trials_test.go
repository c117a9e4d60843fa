package contract

import (
	"encoding/json"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maker makes values from the schemas of a document as it stands. wrong is how
// often it leaves the path of what is allowed.
type maker struct {
	*rand.Rand
	raw   map[string]any
	wrong float64
}

func (m *maker) odds(p float64) bool { return m.Float64() < p }

func pick[T any](m *maker, from ...T) T { return from[m.IntN(len(from))] }

func newTrial(rng *rand.Rand, s *arena) *trial {
	m := &maker{Rand: rng, raw: s.raw, wrong: []float64{0, 0.02, 0.1, 0.1, 0.3}[rng.IntN(5)]}
	ops := s.document.Operations()
	op := ops[rng.IntN(len(ops))]
	if !op.HasBody() && m.odds(0.5) {
		op = ops[rng.IntN(len(ops))]
	}
	c := &trial{document: s.name, operation: op.Method + " " + op.Path, vars: map[string]string{}, response: m.odds(0.4), header: http.Header{}}
	raw := object(s.raw, "paths", op.Path)
	rawOp := asObject(raw[strings.ToLower(op.Method)])
	if c.response {
		m.answer(c, rawOp)
		return c
	}
	query := url.Values{}
	for _, list := range []any{raw["parameters"], rawOp["parameters"]} {
		parameters, _ := list.([]any)
		for _, p := range parameters {
			m.parameter(c, m.resolve(asObject(p)), query)
		}
	}
	if m.odds(0.03) {
		query.Set("unheard-of", "1")
	}
	c.query = query.Encode()
	if schema := object(m.resolve(asObject(rawOp["requestBody"])), "content", "application/json", "schema"); schema != nil {
		c.body = m.text(schema)
	} else if m.odds(0.1 * m.wrong) {
		c.body = pick(m, "{}", "{", "", "1")
	}
	if m.odds(m.wrong * 0.1) {
		c.header["Content-Type"] = pick(m, nil, []string{"text/plain"}, []string{"application/json; charset=utf-8"}, []string{"Application/JSON"}, []string{"application/xml"})
	}
	return c
}

func (m *maker) answer(c *trial, rawOp map[string]any) {
	responses := asObject(rawOp["responses"])
	status := pick(m, slices.Sorted(maps.Keys(responses))...)
	c.status, _ = strconv.Atoi(status)
	response := m.resolve(asObject(responses[status]))
	for name, header := range asObject(response["headers"]) {
		header := m.resolve(asObject(header))
		if header["required"] == true && !m.odds(m.wrong*0.2) || m.odds(0.5) {
			c.header.Set(name, m.parameterText(asObject(header["schema"])))
		}
	}
	if m.odds(m.wrong * 0.1) {
		c.status = pick(m, 200, 201, 299, 404, 418, 500)
		response = m.resolve(asObject(responses[strconv.Itoa(c.status)]))
	}
	for _, mt := range asObject(response["content"]) {
		c.body = m.text(asObject(asObject(mt)["schema"]))
	}
	if c.body == "" && m.odds(m.wrong*0.1) {
		c.body = "{}"
	}
	if m.odds(m.wrong * 0.1) {
		c.header["Content-Type"] = pick(m, nil, []string{"text/plain"}, []string{"application/json; charset=utf-8"})
	}
}

func (m *maker) parameter(c *trial, p map[string]any, query url.Values) {
	name, _ := p["name"].(string)
	schema := asObject(p["schema"])
	in, _ := p["in"].(string)
	if in != "path" && (p["required"] != true && m.odds(0.4) || m.odds(m.wrong*0.2)) {
		return
	}
	resolved := m.resolve(schema)
	texts := []string{m.parameterText(schema)}
	if resolved["type"] == "array" {
		texts = nil
		for range m.IntN(4) {
			texts = append(texts, m.parameterText(asObject(resolved["items"])))
		}
		if p["explode"] == false || in == "header" {
			texts = []string{strings.Join(texts, ",")}
		}
	}
	if m.odds(m.wrong * 0.2) {
		texts = append(texts, m.parameterText(schema))
	}
	switch in {
	case "path":
		c.vars[name] = strings.Join(texts, ",")
		if c.vars[name] == "" {
			c.vars[name] = "0"
		}
	case "query":
		query[name] = texts
	case "header":
		c.header[http.CanonicalHeaderKey(name)] = texts
	case "cookie":
		c.header["Cookie"] = []string{name + "=" + url.QueryEscape(strings.Join(texts, ","))}
	}
}

// parameterText writes a value of the schema as a parameter.
func (m *maker) parameterText(schema map[string]any) string {
	if m.odds(m.wrong) {
		return pick(m, "", "abc", "1.5", "7.0", "1e2", "99999999999999999999", "-0", "+1", " 1", "1 ", "true", "TRUE", "1_000",
			"0x1p4", "null", "٣", "1e400", "NaN", "Inf", "-1", "2147483648", "a,b", "\x00", "é", strings.Repeat("9", 400))
	}
	switch v := m.value(schema, 3).(type) {
	case string:
		return v
	case nil:
		return ""
	default:
		return encode(v)
	}
}

// text writes a value of the schema as JSON, mutated.
func (m *maker) text(schema map[string]any) string {
	value := m.value(schema, 0)
	if m.wrong > 0 {
		for range m.IntN(4) {
			if m.odds(0.4) {
				value = m.mutated(value)
			}
		}
	}
	text := encode(value)
	if !m.odds(m.wrong * 0.2) {
		return text
	}
	i := m.IntN(len(text) + 1)
	switch m.IntN(8) {
	case 0:
		return text[:i]
	case 1:
		return text + pick(m, " ", "\n", "{}", ",", "x", "\x00")
	case 2:
		return text[:i] + pick(m, "\xff", "\x00", "\"", "}", "é", "\ufeff") + text[i:]
	case 3:
		return strings.Replace(text, "{", `{"name":1,"name":2,`, 1)
	case 4:
		return regexp.MustCompile(`[0-9]+`).ReplaceAllStringFunc(text, func(string) string {
			return pick(m, "1e400", "7.0", "1e2", "9223372036854775808", "1.00000000000000000000001", "-0", "-0.0", "1E+2", "9007199254740993")
		})
	case 5:
		return strings.Replace(text, "{", `{"__proto__":{},`, 1)
	case 6:
		return " \t\r\n" + text
	default:
		return ""
	}
}

func (m *maker) resolve(s map[string]any) map[string]any {
	for {
		ref, ok := s["$ref"].(string)
		if !ok {
			return s
		}
		var v any = m.raw
		for token := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
			v = asObject(v)[strings.NewReplacer("~1", "/", "~0", "~").Replace(token)]
		}
		s = asObject(v)
	}
}

// junk is a value of no schema's.
func (m *maker) junk() any {
	return pick[any](m, nil, true, false, json.Number("0"), json.Number("1"), json.Number("-1"), json.Number("1.5"), json.Number("7.0"),
		"", "a", "null", "1", "true", []any{}, []any{nil}, []any{json.Number("1"), json.Number("1.0")}, map[string]any{},
		map[string]any{"a": json.Number("1")}, "é", "\U0001F600", map[string]any{"type": "dog"}, map[string]any{"kind": "circle"},
		json.Number("1e400"), json.Number("-9223372036854775809"), "2026-11-21T09:00:00Z", strings.Repeat("x", 300))
}

func (m *maker) value(schema map[string]any, depth int) any {
	s := m.resolve(schema)
	if m.odds(m.wrong * 0.1) {
		return m.junk()
	}
	if s["nullable"] == true && m.odds(0.15) {
		return nil
	}
	if v, ok := s["const"]; ok {
		return m.number(v)
	}
	if enum, ok := s["enum"].([]any); ok && !m.odds(m.wrong*0.3) {
		return m.number(enum[m.IntN(len(enum))])
	}
	for _, keyword := range []string{"anyOf", "oneOf", "allOf"} {
		branches, ok := s[keyword].([]any)
		if !ok {
			continue
		}
		chosen := branches
		if keyword != "allOf" {
			i := m.IntN(len(branches))
			chosen = branches[i : i+1]
		}
		rest := maps.Clone(s)
		delete(rest, keyword)
		delete(rest, "discriminator")
		var result any
		if len(object(rest, "properties")) > 0 || rest["type"] == "object" {
			result = m.value(rest, depth)
		}
		for _, branch := range chosen {
			v := m.value(asObject(branch), depth)
			into, both := result.(map[string]any)
			if from, ok := v.(map[string]any); ok && both {
				maps.Copy(into, from)
			} else {
				result = v
			}
		}
		return result
	}
	kind := m.kind(s)
	switch kind {
	case "object":
		return m.object(s, depth)
	case "array":
		return m.array(s, depth)
	case "string":
		return m.string(s)
	case "integer", "number":
		return m.numeric(s, kind)
	case "boolean":
		return m.odds(0.5)
	case "null":
		return nil
	}
	return m.junk()
}

// kind is the type that a value of the schema is made of.
func (m *maker) kind(s map[string]any) string {
	switch t := s["type"].(type) {
	case string:
		return t
	case []any:
		name, _ := t[m.IntN(len(t))].(string)
		return name
	}
	switch {
	case s["properties"] != nil || s["required"] != nil:
		return "object"
	case s["items"] != nil:
		return "array"
	}
	return ""
}

// number gives a number of the document as a literal.
func (m *maker) number(v any) any {
	if f, ok := v.(float64); ok {
		return json.Number(strconv.FormatFloat(f, 'f', -1, 64))
	}
	return v
}

func (m *maker) object(s map[string]any, depth int) any {
	properties := asObject(s["properties"])
	required := map[string]bool{}
	for _, name := range anys(s["required"]) {
		text, _ := name.(string)
		required[text] = true
	}
	result := map[string]any{}
	for name, property := range properties {
		deep := depth > 4
		switch {
		case required[name] && m.odds(m.wrong*0.2):
		case required[name], !deep && m.odds(0.4):
			result[name] = m.value(asObject(property), depth+1)
		}
	}
	for name := range required {
		if _, known := properties[name]; !known && !m.odds(m.wrong*0.2) {
			result[name] = m.junkScalar()
		}
	}
	if extra, ok := s["additionalProperties"].(map[string]any); ok && depth < 5 {
		for range m.IntN(3) {
			result[pick(m, "x", "y", "z", "a/b")] = m.value(extra, depth+1)
		}
	}
	for n, _ := asInt(s["minProperties"]); len(result) < n && !m.odds(m.wrong); {
		result["extra"+strconv.Itoa(len(result))] = m.junkScalar()
	}
	if m.odds(m.wrong * 0.2) {
		result[pick(m, "surplus", "name", "id", "Name", "__proto__", "constructor", "", "é")] = m.junk()
	}
	return result
}

func (m *maker) junkScalar() any { return pick[any](m, "a", json.Number("1"), true) }

func anys(v any) []any {
	list, _ := v.([]any)
	return list
}

func asInt(v any) (int, bool) {
	f, ok := v.(float64)
	return int(f), ok
}

func (m *maker) array(s map[string]any, depth int) any {
	low, _ := asInt(s["minItems"])
	high, bounded := asInt(s["maxItems"])
	if !bounded {
		high = low + 2
	}
	if depth > 5 {
		high = low
	}
	n := low
	if high > low {
		n += m.IntN(high - low + 1)
	}
	if m.odds(m.wrong) {
		n = max(0, n+pick(m, -1, 1))
	}
	items := asObject(s["items"])
	prefix := anys(s["prefixItems"])
	result := []any{}
	for i := range n {
		schema := items
		if i < len(prefix) {
			schema = asObject(prefix[i])
		}
		if schema == nil {
			result = append(result, m.junk())
			continue
		}
		v := m.value(schema, depth+1)
		if s["uniqueItems"] == true && !m.odds(m.wrong) && slices.ContainsFunc(result, func(x any) bool { return encode(x) == encode(v) }) {
			continue
		}
		result = append(result, v)
	}
	return result
}

var texts = []string{
	"a", "aa", "ab", "abc", "abcd", "x", "xy", "a-b", "12345", "0123456789abcdef", `"`, `\/`, "forbidden", "é", "\U0001F600b",
	"A", "a b", "", "a\nb", "shipping-fees", "red", "12", "xabcd",
}

var formatted = map[string][2][]string{
	"uuid": {
		{"3f1c2d4e-5b6a-4c7d-8e9f-0a1b2c3d4e5f", "00000000-0000-0000-0000-000000000000", "3F1C2D4E-5B6A-4C7D-8E9F-0A1B2C3D4E5F"},
		{"3f1c2d4e5b6a4c7d8e9f0a1b2c3d4e5f", "{3f1c2d4e-5b6a-4c7d-8e9f-0a1b2c3d4e5f}", "3f1c2d4e-5b6a-4c7d-8e9f-0a1b2c3d4e5", "urn:uuid:3f1c2d4e-5b6a-4c7d-8e9f-0a1b2c3d4e5f", "3f1c2d4e-5b6a-4c7d-8e9f-0a1b2c3d4e5g"},
	},
	"date-time": {
		{"2026-11-21T09:00:00Z", "2026-11-21T09:00:00.123456+01:00", "0001-01-01T00:00:00Z"},
		{"2026-11-21", "2026-11-21 09:00:00Z", "2026-02-30T09:00:00Z", "2026-11-21T09:00:00", "2026-11-21T24:00:00Z", "2026-11-21T09:00:60Z", "2026-11-21t09:00:00z", "1"},
	},
	"date":     {{"2026-11-21", "2024-02-29"}, {"2026-02-29", "2026-11-21T09:00:00Z", "21.11.2026", "2026-1-1"}},
	"email":    {{"jane@example.com"}, {"jane", "Jane <jane@example.com>", "@example.com", "a b@c"}},
	"uri":      {{"https://example.com/a?b=c", "urn:a:b"}, {"example.com", "/a", "", "https://", "http://a:99999/", "ht tp://a"}},
	"password": {{"correct horse", "hunter22"}, {"", "short"}},
}

func (m *maker) string(s map[string]any) any {
	format, _ := s["format"].(string)
	if lists, ok := formatted[format]; ok && s["pattern"] == nil {
		if m.odds(m.wrong) {
			return pick(m, lists[1]...)
		}
		return pick(m, lists[0]...)
	}
	if pattern, ok := s["pattern"].(string); ok && !m.odds(m.wrong) {
		re := regexp.MustCompile(pattern)
		for range 20 {
			if text := pick(m, texts...); re.MatchString(text) {
				return text
			}
		}
	}
	low, _ := asInt(s["minLength"])
	high, bounded := asInt(s["maxLength"])
	if !bounded && m.odds(0.6) {
		if text := pick(m, texts...); utf8.RuneCountInString(text) >= low || m.odds(m.wrong) {
			return text
		}
	}
	if !bounded {
		high = low + 5
	}
	n := low + m.IntN(max(1, high-low+1))
	if m.odds(m.wrong) {
		n = pick(m, low-1, high+1)
	}
	letters := []rune("abcxyz01é\U0001F600- ")
	var b strings.Builder
	for range max(0, n) {
		b.WriteRune(letters[m.IntN(len(letters))])
	}
	return b.String()
}

func (m *maker) numeric(s map[string]any, kind string) any {
	low, high := -10.0, 1000.0
	if f, ok := s["minimum"].(float64); ok {
		low = f
	}
	if f, ok := s["exclusiveMinimum"].(float64); ok {
		low = f
	}
	if f, ok := s["maximum"].(float64); ok {
		high = f
	}
	if f, ok := s["exclusiveMaximum"].(float64); ok {
		high = f
	}
	f := low + m.Float64()*(high-low)
	if m.odds(0.2) {
		f = pick(m, low, high)
	}
	if m.odds(m.wrong) {
		f = pick(m, low-1, high+1, low-0.5, high+0.5, low, high)
	}
	if of, ok := s["multipleOf"].(float64); ok && !m.odds(m.wrong) {
		f = float64(int64(f/of)) * of
	}
	if kind == "integer" && !m.odds(m.wrong*0.5) {
		f = float64(int64(f))
	}
	literal := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(literal, ".") && m.odds(0.1) {
		literal += pick(m, ".0", "e0", "E+0", ".00e0")
	}
	if m.odds(m.wrong * 0.1) {
		literal = pick(m, "9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809", "9007199254740993",
			"1e400", "1e-400", "-0", "0.1e1", "2147483647", "2147483648", "3.4e38", "3.5e38", "0.30000000000000004", "1e22",
			"1.00000000000000000000001", "1e1000000000", "0e1000000000")
	}
	return json.Number(literal)
}

// mutated changes one place of a value.
func (m *maker) mutated(v any) any {
	switch c := v.(type) {
	case map[string]any:
		if len(c) == 0 || m.odds(0.1) {
			break
		}
		name := pick(m, slices.Sorted(maps.Keys(c))...)
		switch m.IntN(8) {
		case 0:
			delete(c, name)
		case 1:
			c[name] = m.junk()
		case 2:
			c[pick(m, "surplus", strings.ToUpper(name), name+" ")] = c[name]
		case 3:
			c[name] = nil
		default:
			c[name] = m.mutated(c[name])
		}
		return c
	case []any:
		if len(c) == 0 || m.odds(0.1) {
			break
		}
		i := m.IntN(len(c))
		switch m.IntN(8) {
		case 0:
			return slices.Delete(c, i, i+1)
		case 1:
			c[i] = m.junk()
		case 2:
			return append(c, c[i])
		case 3:
			c[i] = nil
		default:
			c[i] = m.mutated(c[i])
		}
		return c
	case string:
		return pick[any](m, c+c, strings.ToUpper(c), c+" ", []any{c}, json.Number("1"), "")
	case json.Number:
		return pick[any](m, "1", c.String(), json.Number("-1"), json.Number("0.5"), []any{c}, json.Number("1e3"), true)
	case bool:
		return pick[any](m, strconv.FormatBool(c), json.Number("0"), !c, nil)
	}
	return m.junk()
}
