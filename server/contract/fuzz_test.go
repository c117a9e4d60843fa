package contract

import (
	"bytes"
	"encoding/json"
	"math/big"
	"net/http"
	"net/url"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// FuzzGate holds the JSON gate against encoding/json: it takes no more than that,
// and no less but for what is refused on purpose; what it gives back is the value
// that came.
func FuzzGate(f *testing.F) {
	for _, seed := range []string{
		``, ` `, `null`, `{}`, `[]`, `{"a":1}`, `{"a":1,"a":2}`, `{"integer":7.0,"number":1e2,"five":-0}`, `{"integer":1e400}`,
		`[1,2`, `{"a"`, `{"a":`, "{\"a\":\"\xff\"}", `{"a":"\ud800"}`, `{"a":"\ud83d\ude00"}`, `1 2`, `1x`, `nul`, "\ufeff{}",
		`{"integer":9223372036854775808}`, `{"integer":1.00000000000000000000001}`, `{"integer":0e1000000000}`, `01`, `+1`, `.5`, `1.`, `-`,
		strings.Repeat("[", 201) + strings.Repeat("]", 201), `"\u0000"`, "\"\x00\"", `{"int64":1E+2,"cents":0.1e1}`, "[1\t,\r\n2]", "/**/1",
	} {
		f.Add([]byte(seed))
	}
	words := arenaFor(f, "words").document.Operation(http.MethodPost, "/numbers").facts().bodySchema
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := decodeJSON(data)
		want, accepted := loosely(data)
		if err != nil {
			syntax, ok := err.(*jsonError) //nolint:errorlint // decodeJSON gives no other
			if !ok || syntax.Reason == "" || syntax.Offset < 0 || syntax.Offset > int64(len(data)) {
				t.Fatalf("%#v of %d bytes", err, len(data))
			}
			switch syntax.Reason {
			case reasonDuplicate, reasonUTF8, reasonDepth:
			default:
				if accepted && utf8.Valid(data) && !bytes.Contains(data, []byte(`\u`)) {
					t.Fatalf("refused as %q at %d", syntax.Reason, syntax.Offset)
				}
			}
		} else {
			if !accepted {
				t.Fatal("encoding/json refuses it")
			}
			if !reflect.DeepEqual(got, want) {
				t.Fatalf("%#v, encoding/json gives %#v", got, want)
			}
		}

		text, err := readJSON(data)
		if err != nil {
			return
		}
		for i := range text.odd {
			n := &text.odd[i]
			if start := n.end - len(n.literal); string(data[start:n.end]) != n.literal || !isOdd(n.literal) || valueAt(got, n.path()) != json.Number(n.literal) {
				t.Fatalf("%q at %v", n.literal, n.path())
			}
		}
		text.plain(true)
		if again, _ := json.Marshal(text.value); !json.Valid(again) {
			t.Fatalf("%q is no JSON", again)
		}
		text.restore(nil)
		if !reflect.DeepEqual(text.value, want) {
			t.Fatalf("%#v, %#v came", text.value, want)
		}
		text.restore(words)
		if !sameValue(got, text.value) {
			t.Fatalf("%q became %#v", data, text.value)
		}
		if again, err := decodeJSON(text.bytes(words)); err != nil || !reflect.DeepEqual(again, text.value) {
			t.Fatalf("%q is written as %q", data, text.bytes(words))
		}
	})
}

// holdsOddNumbers reports whether a JSON text has a number that is none of the
// plainest.
func holdsOddNumbers(text string) bool {
	read, err := readJSON([]byte(text))
	return err == nil && len(read.odd) > 0
}

// loosely decodes as encoding/json does, one value and nothing behind it.
func loosely(data []byte) (any, bool) {
	if !json.Valid(data) {
		return nil, false
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var v any
	return v, decoder.Decode(&v) == nil && reflect.ValueOf(&v).Elem().IsValid()
}

// sameValue compares values, numbers by what they are and not how they are written.
func sameValue(a, b any) bool {
	switch a := a.(type) {
	case json.Number:
		b, ok := b.(json.Number)
		return ok && (a == b || sameNumber(a.String(), b.String()))
	case []any:
		b, ok := b.([]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range a {
			if !sameValue(a[i], b[i]) {
				return false
			}
		}
		return true
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for name := range a {
			if other, ok := b[name]; !ok || !sameValue(a[name], other) {
				return false
			}
		}
		return true
	}
	return reflect.DeepEqual(a, b)
}

func sameNumber(a, b string) bool {
	x, errA := strconv.ParseFloat(a, 64)
	y, errB := strconv.ParseFloat(b, 64)
	if errA != nil || errB != nil {
		return false
	}
	if x != y || x == 0 {
		return x == y
	}
	if p, err := strconv.ParseInt(b, 10, 64); err == nil {
		r, ok := new(big.Rat).SetString(a)
		return ok && (r.Cmp(new(big.Rat).SetInt64(p)) == 0 || !r.IsInt())
	}
	return true
}

// FuzzJudgeRequest gives every operation arbitrary parameters and an arbitrary
// body.
func FuzzJudgeRequest(f *testing.F) {
	f.Add("1", "n=1&ids=1,2&tags=a&tags=b", "X-Count", "3", "application/json", []byte(`{"n":1}`))
	f.Add("3f1c2d4e-5b6a-4c7d-8e9f-0a1b2c3d4e5f", "page=1e2&search=%ff&page=2", "Cookie", "session=x; session=y", "", []byte(``))
	f.Add("", "limit=99999999999999999999&either=true&maybe=null&flag=&ratio=0x1p4&slug", "X-Words", "a,b,,c", "text/plain", []byte(`{`))
	f.Add("%00", "a=1;b=2&%zz=1&ids=,&tags=", "X-Count", "", "application/json; charset=x", []byte(`[1e400]`))
	f.Add("1e1000000000", "ids[]=1&ids[a]=2&color=red&color=blue", "Content-Type", "a/b", "application/json", []byte(`{"a":{"__proto__":1}}`))
	loadArenas(f)
	f.Fuzz(func(t *testing.T, path, query, name, value, contentType string, body []byte) {
		header := http.Header{}
		if contentType != "" {
			header.Set("Content-Type", contentType)
		}
		header.Add(name, value)
		for _, s := range arenas {
			for _, op := range s.document.Operations() {
				vars := map[string]string{}
				for _, p := range op.facts().parameters {
					if p.In == "path" {
						vars[p.Name] = path
					}
				}
				m := &Message{
					Method: op.Method, URL: &url.URL{Path: "/", RawQuery: query}, Header: header, Vars: vars, Body: body,
				}
				judged := op.JudgeRequest(tbContext, m)
				for i := range judged.Violations {
					checkViolation(t, &judged.Violations[i], body)
				}
				if judged.Refused() {
					op.Understand(tbContext, m, judged)
				}
				if names := judged.repeated(); judged.query.foreign || len(names) > 0 {
					r := withQuery(&http.Request{URL: &url.URL{RawQuery: query}}, judged.query.Values, names, judged.unread())
					if _, err := url.ParseQuery(r.URL.RawQuery); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
	})
}

func checkViolation(t *testing.T, v *Violation, body []byte) {
	t.Helper()
	if v.Rule == "" || v.Rule == "unknown" || v.Side != SideClient || v.In == "" || v.Basis == "" || v.Operation == "" {
		t.Fatalf("incomplete: rule %q, in %q, basis %q, operation %q", v.Rule, v.In, v.Basis, v.Operation)
	}
	if v.Offset < 0 || v.Offset > int64(len(body)) {
		t.Fatalf("offset %d of %d", v.Offset, len(body))
	}
	if e := v.Explain(); e.Message == "" || !utf8.ValidString(e.Message) || !utf8.ValidString(e.Got) {
		t.Fatalf("%s: explained as %q, got %q", v.Rule, e.Message, e.Got)
	}
}

// FuzzJudgeResponse gives every operation arbitrary answers.
func FuzzJudgeResponse(f *testing.F) {
	f.Add(200, "application/json", "X-Rate", "1", []byte(`{}`))
	f.Add(204, "", "X-Rate", "x", []byte(`1`))
	f.Add(404, "application/problem+json", "X-Word", "long word", []byte(`{"status":404}`))
	f.Add(307, "text/plain", "", "", []byte("\xff"))
	loadArenas(f)
	f.Fuzz(func(t *testing.T, status int, contentType, name, value string, body []byte) {
		header := http.Header{"Content-Type": {contentType}}
		header.Add(name, value)
		for _, s := range arenas {
			for _, op := range s.document.Operations() {
				for _, v := range op.JudgeResponse(tbContext, op.Method, status, header, body) {
					if v.Rule == "" || v.Rule == "unknown" || v.Side != SideServer {
						t.Fatalf("rule %q of %q", v.Rule, v.Side)
					}
					v.Explain()
				}
			}
		}
	})
}

// FuzzCredential reads arbitrary Authorization headers.
func FuzzCredential(f *testing.F) {
	for _, seed := range []string{"", "Bearer x", "bearer  x", "Key a,b", "Bearer", "Bearer ", " Bearer x", "Bearer x y", "Bearer \"x\"", "Bearer\tx", "Bearer é"} {
		f.Add(seed, "", "Bearer")
	}
	f.Add("Bearer x", "Bearer y", "Bearer")
	f.Fuzz(func(t *testing.T, value, second, want string) {
		r := &http.Request{Header: http.Header{"Authorization": {value}}}
		if second != "" {
			r.Header.Add("Authorization", second)
		}
		scheme, secret, ok := Credential(r, want)
		if !ok {
			if secret != "" {
				t.Fatal("a secret of a credential that is not well-formed")
			}
			return
		}
		if second != "" || !strings.EqualFold(scheme, want) || secret == "" || len(secret) > maxSecret ||
			strings.ContainsAny(secret, " \t\r\n,\"\x00\x7f") || !strings.HasSuffix(value, secret) || !strings.HasPrefix(value, scheme+" ") {
			t.Fatalf("scheme %q, secret %q of %q", scheme, secret, value)
		}
	})
}

// FuzzLoad loads arbitrary documents: whole ones, and an arbitrary schema within
// one, which is then judged by.
func FuzzLoad(f *testing.F) {
	for _, seed := range []string{
		`{}`, `null`, `{"openapi":"3.0.3"}`, `{"openapi":"3.1.0","info":{"title":"","version":""},"paths":{"/a":null}}`,
		`{"openapi":"3.1.0","paths":{"/a":{"get":{"responses":{"200":null}}}}}`,
		`{"type":["string","null"],"enum":["a",null]}`, `{"anyOf":[{"type":"null"},{"$ref":"#/components/schemas/S"}]}`,
		`{"oneOf":[{"type":"null"}]}`, `{"prefixItems":[{},{}],"maxItems":2}`, `{"not":{"type":"null"}}`, `true`, `false`, `{"items":false}`,
		`{"allOf":[{"$ref":"#/components/schemas/S"}]}`, `{"discriminator":{"propertyName":"a"},"oneOf":[{"$ref":"#/components/schemas/S"}]}`,
		`{"type":"object","additionalProperties":false,"required":["a"],"properties":{"a":{"const":1}}}`, `{"properties":{"a":null}}`,
		`{"if":{}}`, `{"pattern":"("}`, `{"$ref":"#/nowhere"}`, `{"const":null}`, `{"multipleOf":0}`, `{"minLength":-1}`, `{"anyOf":[null]}`,
	} {
		f.Add([]byte(seed), []byte(`{"a":1}`))
	}
	if words, err := os.ReadFile("../brms/testdata/words.json"); err == nil {
		f.Add(words, []byte(`{}`))
	}
	f.Fuzz(func(_ *testing.T, text, body []byte) {
		late := time.AfterFunc(20*time.Second, func() { panic("the load does not end") })
		defer late.Stop()
		if !json.Valid(text) {
			return // kin-openapi would try it as YAML, which no document of ours is
		}
		load := func(text []byte) {
			d, err := Load(Source{API: "fuzz", File: "fuzz", JSON: text})
			if err != nil {
				return
			}
			for _, op := range d.Operations() {
				judged := op.JudgeRequest(tbContext, &Message{Method: op.Method, URL: &url.URL{Path: "/"}, Header: http.Header{}, Body: body})
				for i := range judged.Violations {
					judged.Violations[i].Explain()
				}
			}
		}
		load(text)
		for _, version := range []string{"3.0.3", "3.1.0"} {
			load([]byte(`{"openapi":"` + version + `","info":{"title":"t","version":"1"},"paths":{"/a":{"post":{"operationId":"a",
"requestBody":{"required":true,"content":{"application/json":{"schema":{"$ref":"#/components/schemas/S"}}}},"responses":{"200":{"description":"ok"}}}}},
"components":{"schemas":{"S":` + string(text) + `}}}`))
		}
	})
}

func arenaFor(tb testing.TB, name string) *arena {
	tb.Helper()
	loadArenas(tb)
	return arenaOf(name)
}

func TestNumberOf(t *testing.T) {
	for literal, want := range map[string]struct {
		integral, inFloat, inInt bool
		n                        int64
	}{
		"0": {true, true, true, 0}, "-0": {true, true, true, 0}, "-0.0": {true, true, true, 0}, "7.0": {true, true, true, 7},
		"1e2": {true, true, true, 100}, "1E+2": {true, true, true, 100}, "0.1e1": {true, true, true, 1}, "120e-1": {true, true, true, 12},
		"125e-1": {false, true, false, 0}, "1.5": {false, true, false, 0}, "1e-400": {false, true, false, 0},
		"9223372036854775807": {true, true, true, 1<<63 - 1}, "9223372036854775808": {true, true, false, 0},
		"-9223372036854775808.0": {true, true, true, -1 << 63}, "922337203685477580.7e1": {true, true, true, 1<<63 - 1},
		"1e18": {true, true, true, 1e18}, "1e19": {true, true, false, 0}, "1e400": {true, false, false, 0},
		"1e1000000000": {true, false, false, 0}, "1e-1000000000": {false, true, false, 0}, "0e1000000000": {true, true, true, 0},
		"1e99999999999999999999": {true, false, false, 0}, "1e-99999999999999999999": {false, true, false, 0},
		"1" + strings.Repeat("0", 5000) + "e-5000": {true, true, true, 1}, "0." + strings.Repeat("0", 5000) + "1e5001": {true, true, true, 1},
		"": {}, "abc": {}, "1/2": {}, "0x1p4": {inFloat: true}, "1_000": {inFloat: true}, "NaN": {inFloat: true}, "--1": {}, "1e": {}, "e1": {}, "\t1": {},
	} {
		integral, inFloat, inInt, n := numberOf(literal)
		if integral != want.integral || inFloat != want.inFloat || inInt != want.inInt || n != want.n {
			t.Errorf("%.40s: %v, %v, %v, %d", literal, integral, inFloat, inInt, n)
		}
	}
}
