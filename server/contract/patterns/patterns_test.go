package patterns

import (
	"regexp"
	"strings"
	"testing"
)

func TestCompile(t *testing.T) {
	const decimal = `^(?!^[-+.]*$)[+-]?0*\d*\.?\d*$`
	for _, c := range []struct {
		pattern, text string
		want          bool
	}{
		{`^[a-z]+$`, "abc", true},
		{decimal, "12.50", true},
		{decimal, "-0.5", true},
		{decimal, "+.", false},
		{decimal, "", false},
		{decimal, "1e5", false},
		{`^(?=.*\d)(?=.*[a-z]).{4,}$`, "abc1", true},
		{`^(?=.*\d)(?=.*[a-z]).{4,}$`, "abcd", false},
		{`(?<!a)b`, "cb", true},
		{`(?<!a)b`, "ab", false},
		{`^\u00e9$`, "é", true},
	} {
		m, err := Compile(c.pattern)
		if err != nil {
			t.Errorf("%s: %v", c.pattern, err)
			continue
		}
		if m.MatchString(c.text) != c.want {
			t.Errorf("%s: %q matches: %t, want %t", c.pattern, c.text, !c.want, c.want)
		}
	}
	if m, err := Compile("a+"); err != nil {
		t.Error(err)
	} else if _, plain := m.(*regexp.Regexp); !plain {
		t.Errorf("%T for what Go's engine can do", m)
	}
	if _, err := Compile("(?!"); err == nil {
		t.Error("a broken pattern compiles")
	}
}

// Patterns mean what they mean in ECMA-262, by either engine.
func TestECMA(t *testing.T) {
	long := strings.Repeat("a", 1500)
	for _, c := range []struct {
		pattern, text string
		want          bool
	}{
		{`^a\sb$`, "a\u00a0b", true},
		{`^a\sb$`, "a\ufeffb", true},
		{`^a\sb$`, "a\u000bb", true},
		{`^a\sb$`, "a\u2028b", true},
		{`^a\sb$`, "a\u3000b", true},
		{`^\S+$`, "a\u00a0b", false},
		{`^[\S]+$`, "a\u2029b", false},
		{`^[^\s]+$`, "a\u00a0", false},
		{`^[\s\S]*$`, "a\n\u00a0", true},
		{`^.$`, "\u2028", false},
		{`^.$`, "\r", false},
		{`^.$`, "\n", false},
		{`^.$`, "\u0085", true},
		{`^.$`, "😀", true},
		{`^a$`, "a\n", false},
		{`^(?!b)a$`, "a\n", false},
		{`a$`, "a\n", false},
		{`^\\u0041$`, `\u0041`, true},
		{`^\\u0041$`, "A", false},
		{`^\u0041$`, "A", true},
		{`^\u{1F600}$`, "😀", true},
		{`^\ud83d\ude00$`, "😀", true},
		{`^[\u4e00-\u9fff]+$`, "中文", true},
		{`^\x41\cJ\0$`, "A\n\x00", true},
		{`^[\b]$`, "\b", true},
		{`\bfoo\b`, "a foo b", true},
		{`(?=.)\bé`, "é", false},
		{`^\d+$`, "٣", false},
		{`^(?=.)\d+$`, "٣", false},
		{`^\w$`, "é", false},
		{`^(?=.)\w$`, "é", false},
		{`^\/a\-\@\_\ \"$`, `/a-@_ "`, true},
		{`^[\w-]+$`, "a-b", true},
		{`^[\w-.]+$`, "a-.", true},
		{`^[a-]$`, "-", true},
		{`^[[a]+$`, "[a", true},
		{`^[^]$`, "\n", true},
		{`^[]$`, "a", false},
		{`^[[:alpha:]]$`, "a]", true},
		{`^\p{L}+$`, "é", true},
		{`^\p{Letter}+$`, "é", true},
		{`^\p{Script=Greek}+$`, "αβ", true},
		{`^\p{sc=Latin}$`, "a", true},
		{`^[\p{Lu}-]+$`, "A-", true},
		{`^\P{Lu}$`, "a", true},
		{`^\p{ASCII}+$`, "aé", false},
		{`^a{1,1500}$`, long, true},
		{`^a{1,1001}$`, long, false},
		{`^(?<n>a)\k<n>$`, "aa", true},
		{`^(a)\1$`, "ab", false},
		{`^(?<n>a)$`, "a", true},
		{`^(?<year>\d{4})(-)\d{2}\2\d{2}$`, "2024-01-02", true},
		{`^(?<year>\d{4})(-)\d{2}\1\d{2}$`, "2024-01202402", true},
		{`^(?<a>.)(?<b>.)\k<b>\k<a>$`, "xyyx", true},
		{`^(?<a>.)(?<b>.)\k<b>\k<a>$`, "xyxy", false},
		{`^(a)?\1b$`, "b", true},
		{`^(a)?\1b$`, "aab", true},
		{`^(a)?\1b$`, "ab", false},
		{`^(a)\10$`, "aa0", true},
		{`^\1(a)$`, "a", true},
		{`^[(]\((x)\1$`, "((xx", true},
		{`^(?<é>a)\k<é>$`, "aa", true},
		{`^(?i:A)b$`, "ab", true},
		{`^x*?$`, "xx", true},
		{`^(?:a|b)$`, "b", true},
		{`(?<=a)b`, "ab", true},
		{`^[^a-z]$`, "A", true},
		{`^a|b$`, "xb", true},
		{`^\.$`, "a", false},
	} {
		m, err := Compile(c.pattern)
		if err != nil {
			t.Errorf("%s: %v", c.pattern, err)
		} else if m.MatchString(c.text) != c.want {
			t.Errorf("%s: %q matches: %t", c.pattern, c.text, !c.want)
		}
	}
	for _, pattern := range []string{
		`(?i)a`, `(?P<n>a)`, `\Aa`, `a\z`, `\Qa\E`, `\a`, `(?>a)`, `(?#c)`, `a**`, `[b-a]`, `(`, `\`, `\u{110000}`, `\xZ`, `\p{Nothing}`, `\pL`, `(?s)a`, `[a`, `\u00`, `\1`, `(a)\2`, `\k<n>`, `(?<n>a)\k<m>`, `(?<n>a)\k<n`, `(?<na`,
	} {
		if m, err := Compile(pattern); err == nil {
			t.Errorf("%s compiles to %v", pattern, m)
		}
	}
}

// A text that would take the second engine for ever does not match.
func TestLimit(t *testing.T) {
	m, err := Compile(`^(?!b)(a+)+$`)
	if err != nil {
		t.Fatal(err)
	}
	if m.MatchString(strings.Repeat("a", 40) + "!") {
		t.Error("it matches")
	}
}

func FuzzCompile(f *testing.F) {
	f.Add(`^(?!^[-+.]*$)[+-]?0*\d*\.?\d*$`, "1.5")
	f.Add(`(?<=a)b|\1(c)`, "ab")
	f.Fuzz(func(_ *testing.T, pattern, text string) {
		if m, err := Compile(pattern); err == nil && len(pattern) < 100 && len(text) < 100 {
			m.MatchString(text)
		}
	})
}
