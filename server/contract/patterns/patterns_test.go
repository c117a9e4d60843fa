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
