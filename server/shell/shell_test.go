package shell

import (
	"encoding/base64"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// fake is a curl that writes down its words, each ended by NUL, and its input.
const fake = `#!/bin/sh
for word in "$@"; do printf '%s\0' "$word"; done >"$WORDS"
case " $* " in *" @- "*) cat >"$WORDS.in" ;; esac
`

// played runs a line in a real shell, and gives the words that curl got and its input.
func played(t testing.TB, line string, env ...string) (words []string, input string) {
	t.Helper()
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("no sh")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "curl"), []byte(fake), 0o755); err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), "sh", "-c", line)
	c.Dir = dir
	c.Env = append(append(c.Environ(), "PATH="+dir+":"+os.Getenv("PATH"), "WORDS="+filepath.Join(dir, "words"), "LC_ALL=C.UTF-8"), env...)
	if out, err := c.CombinedOutput(); err != nil || len(out) > 0 {
		t.Fatalf("%s: %v %s", line, err, out)
	}
	data, err := os.ReadFile(filepath.Join(dir, "words"))
	if err != nil {
		t.Fatalf("%s: curl was not run", line)
	}
	in, _ := os.ReadFile(filepath.Join(dir, "words.in"))
	files, _ := os.ReadDir(dir)
	if len(files) > 3 {
		t.Fatalf("%s: the line made files: %v", line, files)
	}
	return strings.Split(strings.TrimSuffix(string(data), "\x00"), "\x00"), string(in)
}

// after is the word after another.
func after(words []string, option string) string {
	for i, word := range words {
		if word == option && i+1 < len(words) {
			return words[i+1]
		}
	}
	return ""
}

var hostile = []string{
	"", "a", "a b", "'", `"`, `\`, "$(touch PWNED)", "`touch PWNED`", "$HOME", "${HOME}", "a;touch PWNED", "a&&touch PWNED", "a|touch PWNED",
	">PWNED", "~", "*", "!!", "#", "a\nb", "a\n", "\n\n", "\r\n", "\t", "\x01\x1b[2J", "\u202e", "\u009b", "é", "日本", "😀", "%s%b\\n", "--data", "-",
	"@/etc/passwd", "@", "@-", "@./a b", "<@a", "[1-3]{a,b}", "\\'", "'\\''", "''", "a'b\"c`d$e\\f", "(x)", "=x", "\u2028", "\ufeff", "\xff\xfe", "{made:0}", "%00",
}

func TestQuote(t *testing.T) {
	for _, text := range hostile {
		line := "curl " + Quote(text)
		if !printable(line) && !strings.HasSuffix(text, "\n") {
			t.Errorf("%q: the line is not printable: %q", text, line)
		}
		if words, _ := played(t, line); len(words) != 1 || words[0] != text {
			t.Errorf("%q: %s gives %q", text, line, words)
		}
	}
}

// needsJQ skips a test whose lines call jq where there is none; CI has it.
func needsJQ(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("jq"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip("no jq")
	}
}

func TestLine(t *testing.T) {
	needsJQ(t)
	for _, text := range hostile {
		body := Text{{Literal: text}, {Name: "ID0"}, {Literal: "\x00" + text}}
		plain := Literal(text)
		for _, b := range []*Text{nil, &plain, &body} {
			c := Call{
				Method: http.MethodPut, Base: "BASE", Body: b, Target: Text{{Literal: "/a/$count/" + text + "/"}, {Name: "ID0"}, {Literal: "?q="}, {Name: "ID0", Escaped: true}},
				More: []Header{{"Authorization", Text{{Literal: "Bearer "}, {Name: "TOKEN"}}}}, Header: http.Header{"X-A": {"it's `" + text + "."}, "Content-Type": {"a/b"}},
			}
			line := c.Line()
			if !printable(line) {
				t.Errorf("%q: the line is not printable: %q", text, line)
			}
			const id = `i d'"$(touch PWNED)`
			words, input := played(t, line, "BASE=http://h", "ID0="+id, "TOKEN=s e'c")
			if strings.Contains(strings.Join(words, "\x00"), "PWNED") && len(words) > 20 {
				t.Errorf("%s: %q", line, words)
			}
			if got := after(words, "-H"); got != "Authorization: Bearer s e'c" {
				t.Errorf("%s: header %q", line, got)
			}
			if last := words[len(words)-1]; !strings.HasPrefix(last, "http://h/a/$count/") || !strings.Contains(last, "/"+id+"?q=i%20d") {
				t.Errorf("%s: address %q", line, last)
			}
			if b == nil {
				continue
			}
			want := strings.ReplaceAll(text+"<>\x00"+text, "<>", id)
			if b == &plain {
				want = text
			}
			got := after(words, "--data-raw")
			if after(words, "--data-binary") == "@-" {
				got = input
			}
			if got != want {
				t.Errorf("%s: body %q, want %q", line, got, want)
			}
		}
	}
}

// What jq makes of a variable stands in the line, and not the variable.
func TestUser(t *testing.T) {
	needsJQ(t)
	for filter, want := range map[string]string{`split(":")[0]`: "it's:ada", `split(":")[1:]|join(":")`: `it's:p:'"$(x) ä`, "@base64": `it's:` + base64.StdEncoding.EncodeToString([]byte(`ada:p:'"$(x) ä`))} {
		c := Call{Method: http.MethodGet, Target: Literal("/"), User: Text{{Literal: "it's:"}, {Name: "USER", Filter: filter}}}
		words, _ := played(t, c.Line(), `USER=ada:p:'"$(x) ä`)
		if got := after(words, "-u"); got != want {
			t.Errorf("%s: %q, want %q", c.Line(), got, want)
		}
	}
}

func FuzzQuote(f *testing.F) {
	for _, text := range hostile {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.ContainsRune(text, 0) {
			t.Skip("no word holds NUL")
		}
		if words, _ := played(t, "curl "+Quote(text)); len(words) != 1 || words[0] != text {
			t.Errorf("%q: %q", text, words)
		}
	})
}
