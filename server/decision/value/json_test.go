package value

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

// parse reads JSON that a test writes.
func parse(t testing.TB, text string) Value {
	t.Helper()
	v, err := Parse([]byte(text))
	if err != nil {
		t.Fatalf("Parse(%s): %v", text, err)
	}
	return v
}

func TestParse(t *testing.T) {
	for in, want := range map[string]string{
		`null`: `null`, ` true `: `true`, "\t[\r\n]\n": `[]`, `{}`: `{}`, `""`: `""`,
		`{"b":1,"a":[2,{"d":null,"c":false}]}`: `{"a":[2,{"c":false,"d":null}],"b":1}`,
		// Of members with one key the last counts.
		`{"a":1,"b":2,"a":3}`:                  `{"a":3,"b":2}`,
		`{"a":{"x":1},"a":{"y":2}}`:            `{"a":{"y":2}}`,
		`"\"\\\/\b\f\n\r\t\u0041\u001f"`:       `"\"\\/\b\f\n\r\tA\u001f"`,
		`"\ud83d\ude00 \uD83D\uDE00 \u00e9"`:   `"😀 😀 é"`,
		`"é😀"`:                                 `"é😀"`,
		`{"\u0061":1,"a":2}`:                   `{"a":2}`,
		`[0,-0,1.50,1e2,1E-2,-1.25e1]`:         `[0,0,1.5,100,0.01,-12.5]`,
		`[9223372036854775808]`:                `[9223372036854776000]`,
		`[1234567890123456789]`:                `[1234567890123456800]`,
		`[0.12345678901234567890123456789]`:    `[0.1234567890123457]`,
		`[79228162514264337593543950335]`:      `[7.922816251426434e+28]`,
		`[79228162514264337593543950336,1e40]`: `[null,null]`,
		`[1e400,-1e400,1e-400]`:                `[null,null,0]`,
		`"` + "\u007f\u2028" + `"`:             `"` + "\u007f\u2028" + `"`,
	} {
		if got := string(parse(t, in).AppendJSON(nil)); got != want {
			t.Errorf("%s reads as %s, want %s", in, got, want)
		}
	}
}

func TestParseFails(t *testing.T) {
	for in, offset := range map[string]int{
		``: 0, ` `: 1, `nul`: 0, `nulL`: 0, `truefalse`: 4, `[1,]`: 3, `[1 2]`: 3, `[`: 1, `{`: 1, `{"a"}`: 4, `{"a":}`: 5,
		`{"a":1,}`: 7, `{a:1}`: 1, `{"a":1 "b":2}`: 7, `]`: 0, `'a'`: 0, `01`: 0, `-`: 1, `+1`: 0, `.5`: 0, `1.`: 2,
		`1.e5`: 2, `1e`: 2, `1e+`: 3, `0x1`: 1, `NaN`: 0, `"a`: 2, "\"a\nb\"": 2, `"\x"`: 1, `"\u12"`: 1, `"\u12g4"`: 1,
		`"\ud800"`: 1, `"\ud800\u0041"`: 1, `"\udc00"`: 1, `"\`: 2, "\"a\\n\nb\"": 4, "\"\xff\"": 1, "\"\\n\xff\"": 1, "\"\xed\xa0\x80\"": 1,
		"1 \x00": 2, "\ufeff1": 0,
	} {
		_, err := Parse([]byte(in))
		var syntax *SyntaxError
		if !errors.As(err, &syntax) {
			t.Errorf("%q: %v, want a syntax error", in, err)
			continue
		}
		if syntax.Offset != offset {
			t.Errorf("%q fails at %d (%v), want %d", in, syntax.Offset, err, offset)
		}
	}
}

func TestParseLimits(t *testing.T) {
	nested := func(n int) []byte {
		return []byte(strings.Repeat(`[{"a":`, n/2) + "1" + strings.Repeat(`}]`, n/2))
	}
	if _, err := Parse(nested(DefaultDepth)); err != nil {
		t.Error(err)
	}
	if _, err := Parse(nested(DefaultDepth + 2)); err == nil {
		t.Error("too deep was read")
	}
	if _, err := Parse([]byte(strings.Repeat("[", 1<<20))); err == nil {
		t.Error("a megabyte of brackets was read")
	}
	if _, err := ParseLimited(nested(10), Limits{Depth: 9}); err == nil {
		t.Error("deeper than the limit was read")
	}
	if _, err := ParseLimited([]byte(`"abc"`), Limits{Bytes: 4}); err == nil {
		t.Error("longer than the limit was read")
	}
	// Side by side is not deep.
	if _, err := ParseLimited([]byte(`[[],[],{},{},[[]]]`), Limits{Depth: 3}); err != nil {
		t.Error(err)
	}
}

// Large objects are found by halving while sorted, and by an index afterwards.
func TestObjects(t *testing.T) {
	var text strings.Builder
	for i := range 1000 {
		if i > 0 {
			text.WriteByte(',')
		}
		key, _ := json.Marshal(strings.Repeat("k", i%7) + string(rune('a'+i%26)) + string(rune('0'+i/26)))
		text.Write(key)
		text.WriteString(":" + dec(t, "1").String())
	}
	m := parse(t, "{"+text.String()+"}").AsObject().Clone()
	n := m.Len()
	for i := range n {
		if key, _ := m.At(i); m.find(key) != i {
			t.Fatalf("member %d (%q) is found at %d", i, key, m.find(key))
		}
	}
	for _, key := range []string{"", "a", "zzzz", "k"} {
		if _, ok := m.Get(key); ok {
			t.Errorf("%q is found", key)
		}
	}
	first, _ := m.At(0)
	copied := m.Clone()
	m.Set("A", Int(1)) // not in order
	m.Set("B", Int(2))
	m.Delete(first)
	m.Delete("nothing")
	if v, _ := m.Get("B"); !Equal(v, Int(2)) || m.Len() != n+1 {
		t.Errorf("after Set and Delete there are %d members, B is %s", m.Len(), v)
	}
	if key, _ := m.At(m.Len() - 1); key != "B" {
		t.Errorf("the last member is %q, want B", key)
	}
	if _, ok := copied.Get(first); !ok || copied.Len() != n {
		t.Error("a copy changed with its original")
	}
	for i, key := range m.Keys() {
		if m.find(key) != i {
			t.Fatalf("member %d (%q) is found at %d", i, key, m.find(key))
		}
	}
}

func TestMarshal(t *testing.T) {
	var v Value
	if err := json.Unmarshal([]byte(`{"a":[1.0,"<&>"]}`), &v); err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(map[string]Value{"v": v, "n": {}})
	if err != nil || string(got) != `{"n":null,"v":{"a":[1,"\u003c\u0026\u003e"]}}` {
		t.Errorf("%s (%v)", got, err)
	}
	if err := json.Unmarshal([]byte(`"\ud800"`), &v); err == nil {
		t.Error("half a surrogate pair was read")
	}
	if got := string(String("a\xffb").AppendJSON(nil)); got != `"a`+"\ufffd"+`b"` {
		t.Errorf("text that is not UTF-8 prints as %s", got)
	}
}

func TestMerge(t *testing.T) {
	for _, c := range []struct{ doc, patch, want string }{
		{`{"a":1}`, `[1]`, `[1]`},
		{`{"a":1}`, `5`, `{"a":1}`},
		{`{"a":1}`, `null`, `{"a":1}`},
		{`5`, `{"a":null}`, `{"a":null}`},
		{`[1]`, `{"a":1}`, `{"a":1}`},
		{`{"a":1,"b":2}`, `{"b":3,"c":4}`, `{"a":1,"b":3,"c":4}`},
		{`{"a":1,"b":2}`, `{"a":null,"x":null}`, `{"b":2}`},
		{`{"a":{"x":1,"y":2}}`, `{"a":{"y":null,"z":{"n":null}}}`, `{"a":{"x":1,"z":{"n":null}}}`},
		{`{"a":{"x":1}}`, `{"a":[1]}`, `{"a":[1]}`},
		{`{"a":{"x":1}}`, `{"a":2}`, `{"a":2}`},
		{`{"a":1}`, `{"a":{"x":null}}`, `{"a":{"x":null}}`},
		{`{}`, `{"a":null,"b":{"c":null}}`, `{"b":{"c":null}}`},
		{`{"a":1}`, `{}`, `{"a":1}`},
	} {
		doc, patch := parse(t, c.doc), parse(t, c.patch)
		if got := Merge(doc, patch); !Same(got, parse(t, c.want)) {
			t.Errorf("%s with %s is %s, want %s", c.doc, c.patch, got, c.want)
		}
		if !Same(doc, parse(t, c.doc)) || !Same(patch, parse(t, c.patch)) {
			t.Errorf("merging %s with %s changed one of them", c.doc, c.patch)
		}
	}
	self := parse(t, `{"a":{"b":null},"c":null}`)
	if got := Merge(self, self); !Same(got, self) {
		t.Errorf("an object merged with itself is %s", got)
	}
}

func TestSetPath(t *testing.T) {
	shared := parse(t, `{"a":{"b":{"c":1},"n":null},"s":"text"}`)
	for path, want := range map[string]string{
		"x":     `{"a":{"b":{"c":1},"n":null},"s":"text","x":true}`,
		"x.y.z": `{"a":{"b":{"c":1},"n":null},"s":"text","x":{"y":{"z":true}}}`,
		"a.b.c": `{"a":{"b":{"c":true},"n":null},"s":"text"}`,
		"a.b.d": `{"a":{"b":{"c":1,"d":true},"n":null},"s":"text"}`,
		"a":     `{"a":true,"s":"text"}`,
		// Something else than an object is in the way.
		"s.x":                              `{"a":{"b":{"c":1},"n":null},"s":"text"}`,
		"a.n.x":                            `{"a":{"b":{"c":1},"n":null},"s":"text"}`,
		"a.b.c.d":                          `{"a":{"b":{"c":1},"n":null},"s":"text"}`,
		"x[0]":                             `{"a":{"b":{"c":1},"n":null},"s":"text","x[0]":true}`,
		"x..":                              `{"a":{"b":{"c":1},"n":null},"s":"text","x":{"":{"":true}}}`,
		strings.Repeat("x.", maxPathDepth): `{"a":{"b":{"c":1},"n":null},"s":"text"}`,
	} {
		m := shared.AsObject().Clone()
		SetPath(m, path, Bool(true))
		if got := Object(m); !Same(got, parse(t, want)) {
			t.Errorf("%.20q written: %s, want %s", path, got, want)
		}
	}
	if !Same(shared, parse(t, `{"a":{"b":{"c":1},"n":null},"s":"text"}`)) {
		t.Errorf("a shared object was changed: %s", shared)
	}
	if got := PathValue("a.b", Int(1)); !Same(got, parse(t, `{"a":{"b":1}}`)) {
		t.Errorf("PathValue: %s", got)
	}
}
