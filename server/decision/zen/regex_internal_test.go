package zen

import (
	"strings"
	"testing"
)

func TestRegularExpressions(t *testing.T) {
	for _, c := range []struct {
		pattern  string
		yes, no  []string
		captures string // of the first yes, joined
	}{
		{pattern: "b", yes: []string{"abc"}, no: []string{"ac"}},
		{pattern: "^a.c$", yes: []string{"abc", "aéc"}, no: []string{"a\nc", "xabc", "abc\n"}},
		{pattern: "(?s)a.c", yes: []string{"a\nc"}},
		{pattern: "(?m)^b$", yes: []string{"a\nb\nc"}, no: []string{"ab"}},
		{pattern: "(?i)ÀB", yes: []string{"àb", "ÀB"}, no: []string{"ab"}},
		{pattern: "a(?i)b", yes: []string{"aB"}, no: []string{"AB"}},
		{pattern: "(a(?i)b)c", yes: []string{"aBc"}, no: []string{"aBC"}},
		{pattern: "(?i:a)b", yes: []string{"Ab"}, no: []string{"AB"}},
		{pattern: "(?i)a(?-i:b)c", yes: []string{"AbC"}, no: []string{"ABC"}},
		{pattern: `^\d+$`, yes: []string{"12", "١٢"}, no: []string{"½", "a"}},
		{pattern: `(?-u)^\d+$`, yes: []string{"12"}, no: []string{"١٢"}},
		{pattern: `^\D$`, yes: []string{"½", "é"}, no: []string{"٣"}},
		{pattern: `^\w+$`, yes: []string{"aé_1٣", "日本", "a\u0301", "Ⓐ"}, no: []string{"a-b", "€"}},
		{pattern: `(?-u:^\w+$)`, yes: []string{"a_1"}, no: []string{"é"}},
		{pattern: `^\W$`, yes: []string{"€", "-"}, no: []string{"é"}},
		{pattern: `^\s\S$`, yes: []string{"\u00a0a", "\u2003é"}, no: []string{"a\u00a0"}},
		{pattern: `\bb\b`, yes: []string{"a b c", "b", "é b"}, no: []string{"éb", "bé", "abc"}},
		{pattern: `\Bb`, yes: []string{"éb", "ab"}, no: []string{"b", "é b"}},
		{pattern: `(?-u:\bb)`, yes: []string{"éb"}, no: []string{"ab"}},
		{pattern: `(\bé\w*) (x)?`, yes: []string{"a été b"}, no: []string{"aété"}, captures: "été |été"},
		{pattern: `\b(a|ab)(c|bcd)(d*)`, yes: []string{"éa abcd"}, captures: "abcd|a|bcd|"},
		{pattern: `(a*?)(a*)\b`, yes: []string{"aaé aa"}, captures: "||"},
		{pattern: `\A\x61\x{62}\u0063\u{64}\U00000065\z`, yes: []string{"abcde"}},
		{pattern: `\.\*\+\?\(\)\[\]\{\}\|\^\$\-\/\"\'\ \#\&\~`, yes: []string{`.*+?()[]{}|^$-/"' #&~`}},
		{pattern: `\t\n\r\f\v\a`, yes: []string{"\t\n\r\f\v\a"}},
		{pattern: "[a-c&&[^b]]+$", yes: []string{"ac"}, no: []string{"b"}},
		{pattern: "^[a-z&&[aeiou]--e]$", yes: []string{"a", "u"}, no: []string{"e", "b"}},
		{pattern: "^[a-f~~d-h]$", yes: []string{"a", "h"}, no: []string{"d", "f"}},
		{pattern: `^[\w--\d]$`, yes: []string{"é"}, no: []string{"1"}},
		{pattern: `^[^\W\d_]+$`, yes: []string{"aé"}, no: []string{"a1", "a_"}},
		{pattern: "^[[:alpha:][:^digit:]]$", yes: []string{"é", "a"}, no: []string{"1"}},
		{pattern: "^[[:digit:]x]+$", yes: []string{"1x"}, no: []string{"٣"}},
		{pattern: "^[]a]+$", yes: []string{"]a"}, no: []string{"b"}},
		{pattern: "^[^]a]+$", yes: []string{"b"}, no: []string{"]"}},
		{pattern: "^[a-]+$", yes: []string{"a-"}},
		{pattern: "^[-a]+$", yes: []string{"a-"}},
		{pattern: "^[--/]+$", yes: []string{"-/"}, no: []string{"."}},
		{pattern: `^[\]\-\\]+$`, yes: []string{`]-\`}},
		{pattern: "^[a&b]+$", yes: []string{"a&b"}},
		{pattern: "^[.*]$", yes: []string{"."}, no: []string{"a"}},
		{pattern: "(?i)^[a-c]+$", yes: []string{"aBC"}, no: []string{"d"}},
		{pattern: "(?i)^[^a-c]+$", yes: []string{"D"}, no: []string{"B"}},
		{pattern: "(?i)^[k]$", yes: []string{"K", "\u212a"}},
		{pattern: `^\p{Lu}\p{Greek}\pL\P{L}$`, yes: []string{"Aαb1"}, no: []string{"aαb1"}},
		{pattern: `^\p{Uppercase_Letter}\p{script=Cyrillic}\p{gc=Nd}\p{Alphabetic}\p{white space}$`, yes: []string{"AЯ1a "}},
		{pattern: `(?i)^\p{Lu}$`, yes: []string{"a"}},
		{pattern: "(?x) a b # c\n [ d e ] \\ f", yes: []string{"abd f"}, no: []string{"ab d f"}},
		{pattern: "(?x: a )b c", yes: []string{"ab c"}},
		{pattern: "a{2}b{1,}c{0,2}", yes: []string{"aabcc", "aab"}, no: []string{"ab"}},
		{pattern: "a{ 2 }", yes: []string{"aa"}},
		{pattern: "^a**$", yes: []string{"", "aa"}},
		{pattern: "^(?:ab){2}{2}$", yes: []string{"abababab"}, no: []string{"abab"}},
		{pattern: "^a{2}+?$", yes: []string{"aaaa"}, no: []string{"aaa"}},
		{pattern: "(?U)a+", yes: []string{"aa"}, captures: "a"},
		{pattern: "a+?", yes: []string{"aa"}, captures: "a"},
		{pattern: "(?P<year>\\d{4})-(?<m>\\d\\d)", yes: []string{"on 2024-05-31"}, captures: "2024-05|2024|05"},
		{pattern: "(a)|(b)", yes: []string{"b"}, captures: "b|b"},
		{pattern: "(a|ab)(c|bcd)", yes: []string{"abcd"}, captures: "abcd|a|bcd"},
		{pattern: "()|x", yes: []string{"a"}, captures: "|"},
		{pattern: "", yes: []string{"", "a"}},
		{pattern: "|", yes: []string{"a"}},
		{pattern: "}]", yes: []string{"}]"}},
		{pattern: "日本", yes: []string{"日本語"}},
		{pattern: "[日-本]", yes: []string{"本"}},
		{pattern: `[\d&&\D]`, no: []string{"1", "a"}},
	} {
		p, err := newPattern(c.pattern)
		if err != nil {
			t.Errorf("%s: %v", c.pattern, err)
			continue
		}
		f := &frame{}
		_ = f.start(&Env{}, 0)
		for i, s := range append(append([]string(nil), c.yes...), c.no...) {
			want := i < len(c.yes)
			bounds, err := p.find(f, s, true)
			if err != nil || (bounds != nil) != want {
				t.Errorf("%s on %q: %v, %v; want %v (as %s)", c.pattern, s, bounds, err, want, p.re)
				continue
			}
			short, err := p.find(f, s, false)
			if err != nil || (short != nil) != want {
				t.Errorf("%s on %q without groups: %v, %v", c.pattern, s, short, err)
			}
			if i == 0 && want && c.captures != "" {
				v, err := found(f, p, s, true)
				var parts []string
				for _, part := range v.AsArray() {
					parts = append(parts, part.AsString())
				}
				if got := strings.Join(parts, "|"); err != nil || got != c.captures {
					t.Errorf("%s on %q: %q, %v; want %q", c.pattern, s, got, err, c.captures)
				}
			}
		}
	}
	for _, pattern := range []string{
		"(", ")", "a)", "(a", "[", "[a", "[]", "[^]", "[a-", "[b-a]", `[\d-z]`, `[a-\d]`, "[[:nope:]", "*", "+a", "?", "{2}", "a{", "a{2", "a{,2}",
		"a{x}", "a{2,1}", "a{1001}", "(a{100}){100}", "a|*", "(*)", `\1`, `(a)\1`, "(?=a)", "(?!a)", "(?<=a)", "(?<!a)", "(?>a)", "(?#a)",
		"(?P=a)", "(?P<>a)", "(?P<1>a)", "(?P<a>b)(?P<a>c)", "(?", "(?i", "(?z)", "(?)", "(?-)", "(?i-)", "(?ii)", "(?i-i)", `\`, `\Q`, `\E`, `\Z`,
		`\G`, `\h`, `\R`, `\X`, `\K`, `\N`, `\C`, `\c`, `\0`, `\<`, `\>`, `\é`, `\b{start}`, `\p{Emoji}`, `\x`, `\x6`, `\xzz`, `\x{`, `\x{}`, `\x{110000}`, `\u12`,
		`\u{d800}`, `\p`, `\p{`, `\p{Nope}`, `\p{sc=Nope}`, `\p{nope=Lu}`, `\pé`, "(?R)a$", "\xff", `\w{1000}`, `(?:\w{100}){100}`,
		strings.Repeat("(", 1000) + strings.Repeat(")", 1000), strings.Repeat("[", 1000), strings.Repeat("a{900}", 1000), "a" + strings.Repeat("*", 1000),
	} {
		if p, err := newPattern(pattern); err == nil {
			t.Errorf("%.60s: accepted as %.60s", pattern, p.re)
		}
	}
}

// FuzzRegularExpression has patterns that anybody may write: no panic, no long
// time, and on texts of ASCII both ways to run one agree.
func FuzzRegularExpression(f *testing.F) {
	for _, seed := range []string{
		"(?i)^[a-z&&[^b]]+\\b", `\p{Greek}{2,3}?|(?x: a # b` + "\n)", "((a*)*b{1,9}){2}", `[\w--\d~~[:alpha:]]\B$`,
	} {
		f.Add(seed, "ab ba aab")
	}
	f.Fuzz(func(t *testing.T, pattern, text string) {
		if len(text) > 200 {
			text = text[:200]
		}
		p, err := newPattern(pattern)
		if err != nil {
			return
		}
		fr := &frame{}
		_ = fr.start(&Env{}, 0)
		bounds, err := p.find(fr, text, true)
		if err != nil {
			return
		}
		if _, err := found(fr, p, text, true); err != nil && !Stopped(err) {
			t.Fatal(err)
		}
		full, err := p.full()
		if err != nil {
			t.Fatalf("%q compiles for ASCII only", pattern)
		}
		if full.words == nil || !isASCII(text) {
			if isASCII(text) && (full.re.FindStringIndex(text) != nil) != (bounds != nil) {
				t.Fatalf("%q on %q: %v, beyond ASCII not", pattern, text, bounds)
			}
			return
		}
		same, err := full.words.find(fr, text)
		if err != nil {
			return
		}
		if len(bounds) != len(same) {
			t.Fatalf("%q on %q: %v, %v", pattern, text, bounds, same)
		}
		for i := range same {
			if bounds[i] != same[i] {
				t.Fatalf("%q on %q: %v, %v", pattern, text, bounds, same)
			}
		}
	})
}
