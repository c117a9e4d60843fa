package goldens

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// request is an HTTP request as it goes over the wire.
type request struct {
	Method, Target string
	Header         [][2]string
	Body           []byte // nil for none
}

func (r request) header(name string) (string, bool) {
	for _, h := range r.Header {
		if strings.EqualFold(h[0], name) {
			return h[1], true
		}
	}
	return "", false
}

func (r request) without(name string) request {
	r.Header = slices.DeleteFunc(slices.Clone(r.Header), func(h [2]string) bool { return strings.EqualFold(h[0], name) })
	return r
}

func (r request) String() string {
	return fmt.Sprintf("%s %s %v %q", r.Method, r.Target, r.Header, r.Body)
}

// random makes requests for the operations of a document: right ones, ones with a
// mistake or several anywhere, and ones for what there is not.
type random struct {
	*rand.Rand
	document   *openapi3.T
	operations []operation
	ids        map[string][]string // of path parameters: what there is
	scheme     string              // of the credential: "Bearer"
}

type operation struct {
	path, method string
	parameters   openapi3.Parameters
	body         *openapi3.Schema
}

func newRandom(document *openapi3.T, seed uint64, scheme string, ids map[string][]string) *random {
	g := &random{Rand: rand.New(rand.NewPCG(seed, 11)), document: document, scheme: scheme, ids: ids}
	for _, path := range document.Paths.InMatchingOrder() {
		item := document.Paths.Value(path)
		for method, op := range item.Operations() {
			if !modelled(path, op, item.Extensions["x-understudy-basis"]) {
				continue
			}
			o := operation{path: path, method: method, parameters: slices.Concat(item.Parameters, op.Parameters)}
			if op.RequestBody != nil {
				if op.RequestBody.Value.Extensions["x-understudy-basis"] == "client" {
					continue
				}
				mt := op.RequestBody.Value.Content["application/json"]
				if mt == nil {
					continue // of a form or a file
				}
				o.body = mt.Schema.Value
			}
			g.operations = append(g.operations, o)
		}
	}
	slices.SortFunc(g.operations, func(a, b operation) int { return strings.Compare(a.path+a.method, b.path+b.method) })
	return g
}

// modelled reports whether the frameworks word what is wrong with a request for an operation:
// those of the agent have errors of their own, and of FastAPI's the published ones are
// made of models that are known.
func modelled(path string, op *openapi3.Operation, basis any) bool {
	if own := op.Extensions["x-understudy-basis"]; own != nil {
		basis = own
	}
	return !strings.HasPrefix(path, "/api/rules/") && !strings.HasSuffix(path, "/entrypoints") && (basis != "client" || !strings.HasPrefix(path, "/api/v1/") && !strings.HasPrefix(path, "/api/internal/"))
}

func (g *random) chance(percent int) bool { return g.IntN(100) < percent }

func pick[T any](g *random, of ...T) T { return of[g.IntN(len(of))] }

// oddSegments are texts for a path parameter, as they stand in a URL.
var oddSegments = []string{
	"x", "1", "0", "-1", "abc", "1.0", "1.5", "%201", "1_000", "+1", "01", "1e2", "9223372036854775807", "9223372036854775808", "true", "null",
	"urn:uuid:7d1a2c1e-27c5-4a3f-8f0e-2f4f2b1f6c77", "7D1A2C1E-27C5-4A3F-8F0E-2F4F2B1F6C77", "%7B1%7D", "a%20b", "%C3%A9", "%00", "a%2Fb",
	strings.Repeat("9", 101), strings.Repeat("a", 100), "7d1a2c1e-27c5-4a3f-8f0e-2f4f2b1f6c7", "a.b~c", "%EF%BC%91", "",
}

var oddQueries = []string{
	"x", "", "0", "1", "2", "-1", "1.5", "1e1", "1e400", "NaN", "Infinity", "-inf", "0x10", "1_000", "%201", "+1", "true", "True", "TRUE", "tRue", "false", "yes", "null", "%C3%A9",
	"%zz", "a%", "[]", "1,2", "%00",
}

// oddValues are JSON texts that stand where others should.
var oddValues = []string{
	"null", "true", "false", "0", "-0", "1", "1.0", "1.5", "-1.5e3", "1e2", "1e16", "1e-7", "123456789012345", "9223372036854775807", "9223372036854775808", "3.0000000000000001", "1E+2",
	`""`, `"x"`, `"12"`, `" 12 "`, `"1_000"`, `"1.0"`, `"0x10"`, `"1.5"`, `"true"`, `"false"`, `"yes"`, `"on"`, `"é"`, `"<b>&\u2028"`, `"\u0001\n\t\"\\"`, `"😀"`, `"null"`, `"urn:uuid:7d1a2c1e-27c5-4a3f-8f0e-2f4f2b1f6c77"`,
	"[]", "[1]", `["x"]`, "[null]", "[true]", "[[]]", "[{}]", `["12",1.5,null]`, "{}", `{"a":1}`, `{"b":[1],"a":{"c":null}}`, `{"url":5}`, `[{"remoteId":1,"boundIds":["x",2.5]}]`, "1e400",
}

func (g *random) next() request {
	o := g.operations[g.IntN(len(g.operations))]
	r := request{Method: o.method}
	r.Target = o.path
	for _, p := range o.parameters {
		if p.Value.In == "path" {
			r.Target = strings.Replace(r.Target, "{"+p.Value.Name+"}", g.segment(p.Value), 1)
		}
	}
	other := g.chance(3)
	if other {
		r.Target = g.otherPath(r.Target)
	}
	switch n := g.IntN(100); {
	case n < 3:
		r.Method = pick(g, "GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "PROPFIND", "REPORT")
	case n < 6 && r.Method == http.MethodGet:
		r.Method = http.MethodHead
	}
	if query := g.queryOf(o); query != "" {
		r.Target += "?" + query
	}
	switch n := g.IntN(100); {
	case n < 94 || other: // it tells which API is meant
		r.Header = append(r.Header, [2]string{"Authorization", g.scheme + " oracle"})
	case n < 96:
		bare := map[bool]string{true: "oracle", false: "Token key"}[g.scheme == "Bearer"] // Datafold takes a bare key, and warns
		r.Header = append(r.Header, [2]string{"Authorization", pick(g, "Basic eDp5", "Token oracle", bare, g.scheme, "")})
	case n < 97:
		r.Header = append(r.Header, [2]string{"authorization", strings.ToUpper(g.scheme) + "  oracle"})
	}
	if o.body != nil && r.Method != http.MethodHead && r.Method != http.MethodGet {
		r.Body = g.bodyOf(o.body)
		if kind := g.contentType(); kind != "none" {
			r.Header = append(r.Header, [2]string{"Content-Type", kind})
		}
		if g.chance(1) {
			r.Header = append(r.Header, [2]string{"Content-Type", g.contentType()})
		}
	} else if g.chance(25) {
		r.Header = append(r.Header, [2]string{"Content-Type", pick(g, "application/json", "application/json; charset=utf-8", "text/csv", "text/plain", "x")})
		if g.chance(50) {
			r.Body = []byte(pick(g, "{}", "", "[1]", `{"a":`, "x"))
		}
	}
	if g.chance(5) { // nobody looks at these
		r.Header = append(r.Header, pick(g, oddHeaders...))
	}
	return r
}

var oddHeaders = [][2]string{
	{"Accept", "text/html"},
	{"Accept", "application/json;q=0"},
	{"Accept-Encoding", "gzip, br"},
	{"Accept-Encoding", "identity;q=0"},
	{"Accept-Charset", "latin1"},
	{"Origin", "http://127.0.0.1:8080"},
	{"Range", "bytes=0-1"},
	{"If-None-Match", "*"},
	{"If-Modified-Since", "Sat, 01 Jan 2022 00:00:00 GMT"},
	{"Cookie", "a=b; =; c"},
	{"X-HTTP-Method-Override", "DELETE"},
	{"Content-Encoding", "identity"},
	{"Content-Encoding", "gzip"},
	{"Content-Language", "x"},
	{"Prefer", "return=minimal"},
	{"Expect", "100-continue"},
	{"X-Forwarded-Prefix", "/x"},
	{"Accept", ""},
	{"Accept", "*/*;;q=x"},
	{"Traceparent", "x"},
	{"Content-MD5", "x"},
	{"User-Agent", ""},
}

func (g *random) contentType() string {
	if g.chance(85) {
		return "application/json"
	}
	return pick(g, "none", "application/json; charset=utf-8", "application/json;charset=latin1", "application/json; charset=\"utf-8\"", "application/json ; a=b", "application/json, text/plain",
		"application/json charset=utf-8", "application/jsonx", "text/json", "application/ json", "APPLICATION/JSON;CHARSET=UTF-8", "application/json;;", "application/json; charset", "text/html; application/json",
		"application/json+x", "application/problem+json", "multipart/form-data", "application/json; a=\"x; y\"", "text/plain;", "TEXT/PLAIN", "application/octet-stream", "application/json; charset=", "Application/JSON", "application/json;", "application/json; =", "", "text/plain", "text/plain; charset=utf-8",
		"text/csv", "application/x-www-form-urlencoded", "application/vnd.api+json", "application/xml", "json", "*/*")
}

func (g *random) segment(p *openapi3.Parameter) string {
	if ids := g.ids[p.Name]; len(ids) > 0 && g.chance(65) {
		return pick(g, ids...)
	}
	if p.Schema.Value.Type.Includes("integer") && g.chance(65) {
		return strconv.Itoa(g.IntN(9))
	}
	if p.Schema.Value.Format == "uuid" && g.chance(30) {
		return fmt.Sprintf("%08x-%04x-4%03x-8%03x-%012x", g.Uint32(), g.IntN(1<<16), g.IntN(1<<12), g.IntN(1<<12), g.Uint64()&(1<<48-1))
	}
	return pick(g, oddSegments...)
}

func (g *random) otherPath(path string) string {
	at := g.IntN(len(path))
	last := strings.LastIndex(strings.TrimSuffix(path, "/"), "/")
	return pick(g, path+"/.", path+"/..", path+"/%2e", path+"%2F", path+"%20", path+";a=b", path+"//", path[:last]+"%2F"+path[last+1:], path[:last]+"/./"+path[last+1:], path+"?", path+"??", path+"%3F", path+"%23",
		path[:last]+"/%2e%2e/"+path[last+1:], "/."+path, "/"+path, path+"%c3%a9", path+"\u00e9", path+"'\"<>", path+"*", path+"$", path+"%25zz",
		path+"/", strings.TrimSuffix(path, "/"), strings.Replace(path, "/", "//", 1), path+"x", strings.ToUpper(path[:at])+path[at:],
		path+"/more", "/api/"+map[string]string{"Bearer": "nope", "Key": "v1/nope/"}[g.scheme], strings.Replace(path, "api", "ap%69", 1))
}

func (g *random) queryOf(o operation) string {
	if g.chance(60) {
		return ""
	}
	var pairs []string
	for _, p := range o.parameters {
		if p.Value.In != "query" || g.chance(50) {
			continue
		}
		value := pick(g, oddQueries...)
		if p.Value.Example != nil && g.chance(40) {
			value = url.QueryEscape(fmt.Sprint(p.Value.Example))
		}
		pairs = append(pairs, p.Value.Name+"="+value)
		if g.chance(10) {
			pairs = append(pairs, p.Value.Name+"="+pick(g, oddQueries...))
		}
	}
	if g.chance(15) {
		pairs = append(pairs, pick(g, "other=1", "a=b&c", "x[]=1", "=", "%zz=1", "colour=%C3%A9", "&&", "a=1;b=2", "?", "a=?", "é=ü", "page[]=x", "p%61ge=x", "page+=1", "Page=x", "%70age=", "page", "a==b", "__proto__=1", "constructor=1", "page=1#x"))
	}
	return strings.Join(pairs, "&")
}

func (g *random) bodyOf(s *openapi3.Schema) []byte {
	right := g.value(s)
	switch n := g.IntN(100); {
	case n < 35:
		return encode(right)
	case n < 80:
		for range 1 + g.IntN(3) {
			right = g.spoil(right)
		}
		return encode(right)
	case n < 86:
		return []byte(pick(g, oddValues...))
	case n < 87: // as deep, and as wrong, as it may be
		return encode(g.spoil(object{
			{"bindings", pick(g, nested(150), nested(201), "["+strings.Repeat(`{"remoteId":1},`, 700)+"{}]", `[{"boundIds":[`+strings.Repeat(`"x",`, pick(g, 300, 1200))+"1]}]")},
			{"config", pick(g, nested(150), nested(201), `{"headers":`+nested(190)+"}")},
		}))
	case n < 95:
		return g.malformed(encode(right))
	default:
		return []byte(pick(g, "", " ", "{}", "null", "[]", "{} ", "\n"+string(encode(right))+"\t"))
	}
}

func nested(levels int) string { return strings.Repeat("[", levels) + strings.Repeat("]", levels) }

// object is a JSON object whose members have an order.
type object []member

type member struct {
	name  string
	value any
}

// encode writes a value made of object, []any and texts of JSON.
func encode(v any) []byte {
	switch v := v.(type) {
	case object:
		parts := make([]string, len(v))
		for i, m := range v {
			name, _ := json.Marshal(m.name)
			parts[i] = string(name) + ":" + string(encode(m.value))
		}
		return []byte("{" + strings.Join(parts, ",") + "}")
	case []any:
		parts := make([]string, len(v))
		for i, item := range v {
			parts[i] = string(encode(item))
		}
		return []byte("[" + strings.Join(parts, ",") + "]")
	}
	text, _ := v.(string)
	return []byte(text)
}

func quote(s string) string { text, _ := json.Marshal(s); return string(text) }

// value makes a value that keeps a schema.
func (g *random) value(s *openapi3.Schema) any {
	for _, refs := range []openapi3.SchemaRefs{s.OneOf, s.AnyOf, s.AllOf} {
		if len(refs) > 0 {
			return g.value(refs[g.IntN(len(refs))].Value)
		}
	}
	switch {
	case s.Nullable && g.chance(20):
		return "null"
	case len(s.Enum) > 0:
		text, _ := json.Marshal(s.Enum[g.IntN(len(s.Enum))])
		return string(text)
	case s.Type == nil:
		return pick(g, `"x"`, "1", "{}", "null")
	case s.Type.Includes("object"):
		var made object
		for _, name := range slices.Sorted(maps.Keys(s.Properties)) { // of a seed come the same requests
			if slices.Contains(s.Required, name) || g.chance(50) {
				made = append(made, member{name, g.value(s.Properties[name].Value)})
			}
		}
		g.Shuffle(len(made), func(i, j int) { made[i], made[j] = made[j], made[i] })
		return made
	case s.Type.Includes("array"):
		items := make([]any, g.IntN(3))
		if s.Items == nil {
			return items[:0]
		}
		for i := range items {
			items[i] = g.value(s.Items.Value)
		}
		return items
	case s.Type.Includes("integer"):
		return strconv.Itoa(g.IntN(1000))
	case s.Type.Includes("number"):
		return pick(g, "1", "2.5", "1000", "0", "1e3")
	case s.Type.Includes("boolean"):
		return pick(g, "true", "false")
	case s.Type.Includes("null"):
		return "null"
	case s.Format == "uuid":
		return `"7d1a2c1e-27c5-4a3f-8f0e-2f4f2b1f6c77"`
	case s.Pattern != "":
		return quote(fmt.Sprintf("k%08x", g.Uint32()))
	}
	return pick(g, `"x"`, `"é"`, `"some text"`, quote(fmt.Sprintf("n%d", g.IntN(1_000_000))), `"a <b> & 'c' \"d\" \\ \u2028"`)
}

// spoil changes one thing in a value.
func (g *random) spoil(v any) any {
	switch v := v.(type) {
	case object:
		if len(v) == 0 || g.chance(15) {
			return append(slices.Clone(v), member{pick(g, "other", "a/b", "é", "NAME", "x y", "__proto__", "constructor"), pick[any](g, "1", `"x"`, "{}", `{"prototype":{}}`)})
		}
		i := g.IntN(len(v))
		changed := slices.Clone(v)
		switch n := g.IntN(100); {
		case n < 25:
			return slices.Delete(changed, i, i+1)
		case n < 28: // twice
			return append(changed, changed[i])
		default:
			changed[i].value = g.spoil(v[i].value)
		}
		return changed
	case []any:
		if len(v) == 0 || g.chance(40) {
			return any(pick(g, oddValues...))
		}
		changed := slices.Clone(v)
		i := g.IntN(len(v))
		changed[i] = g.spoil(v[i])
		return changed
	}
	if g.chance(1) {
		return "1e400"
	}
	return pick(g, oddValues[:len(oddValues)-1]...)
}

// malformed makes a text that is probably no JSON.
func (g *random) malformed(text []byte) []byte {
	if len(text) == 0 {
		return []byte("{")
	}
	at := g.IntN(len(text))
	switch g.IntN(8) {
	case 0, 1:
		return text[:at]
	case 2:
		return slices.Concat(text[:at], text[at+1:])
	case 3, 4:
		return slices.Concat(text[:at], []byte(pick(g, ",", ":", "}", "]", "\"", "\\", "x", "\n", "'", "é", "0")), text[at:])
	case 5:
		return append(slices.Clone(text), pick(g, "x", "{}", ",", " 1", "]", "}")...)
	case 6:
		return []byte(pick(g, "{a:1}", "{'a':1}", "NaN", "[1,]", `{"a":1,}`, "undefined", "01", "+1", ".5", "1.", `"\x"`, `"\u12"`, "[Infinity]", "\xef\xbb\xbf{}", "{\"a\":\"\xff\"}", `{"a":"\ud800"}`))
	}
	return slices.Concat(text[:at], []byte{text[at] ^ byte(1<<g.IntN(6))}, text[at+1:])
}
