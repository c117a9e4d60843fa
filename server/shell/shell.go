// Package shell writes lines for a POSIX shell (IEEE Std 1003.1, Shell Command
// Language), so that a line that is copied does what it says and nothing else.
package shell

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Quote is a text as one word. What a terminal would not show as it is stands in it as
// the bytes that printf makes of it, unless it ends in a line feed, which the shell would
// take away. No word holds NUL.
func Quote(s string) string {
	switch {
	case !printable(s) && !strings.HasSuffix(s, "\n"):
		return `"$(printf %b '` + octal(s) + `')"`
	case s != "" && !strings.ContainsFunc(s, special):
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

func special(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-_./:=@%+,", r)
}

// printable reports whether a text is UTF-8 that shows as it is.
func printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

// octal is a text as printf's %b reads it, in printable ASCII without quotes.
func octal(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c > ' ' && c <= '~' && c != '\\' && c != '\'' || c == ' ' {
			b.WriteByte(c)
			continue
		}
		fmt.Fprintf(&b, `\0%03o`, s[i])
	}
	return b.String()
}

// Text is a text of which parts are variables.
type Text []Part

// Part is a part of a text: itself, or what a variable holds.
type Part struct {
	Literal string
	Name    string // of the variable
	Escaped bool   // the variable's value is escaped as a part of a URI
	Filter  string // of jq, which makes what stands here of the variable's value
}

// Literal is a text as it is.
func Literal(s string) Text { return Text{{Literal: s}} }

// Quote is the text as one word.
func (t Text) Quote() string {
	var b strings.Builder
	for _, p := range t.joined() {
		switch {
		case p.Name != "" && p.Escaped:
			b.WriteString(Text{{Name: p.Name, Filter: "@uri"}}.Quote())
		case p.Name != "" && p.Filter != "":
			b.WriteString(`"$(printf %s "$` + p.Name + `" | jq -sRr ` + Quote(p.Filter) + `)"`)
		case p.Name != "":
			b.WriteString(`"$` + p.Name + `"`)
		case p.Literal != "":
			b.WriteString(Quote(p.Literal))
		}
	}
	if b.Len() == 0 {
		return "''"
	}
	return b.String()
}

// joined is the text with what stands side by side as it is in one part.
func (t Text) joined() Text {
	var out Text
	for _, p := range t {
		if n := len(out); n > 0 && p.Name == "" && out[n-1].Name == "" {
			out[n-1].Literal += p.Literal
			continue
		}
		out = append(out, p)
	}
	return out
}

// plain reports whether the text can stand in a line as a word.
func (t Text) plain() bool {
	return !slices.ContainsFunc(t, func(p Part) bool { return !printable(p.Literal) })
}

// printf is a command that writes the text, byte for byte.
func (t Text) printf() string {
	var format, words strings.Builder
	for _, p := range t {
		if p.Name != "" {
			format.WriteString("%s")
			words.WriteString(" " + Text{p}.Quote())
			continue
		}
		format.WriteString("%b")
		words.WriteString(" '" + octal(p.Literal) + "'")
	}
	return "printf '" + format.String() + "'" + words.String()
}

// Header is a header with variables in its value.
type Header struct {
	Name  string
	Value Text
}

// Call is a request as curl makes it.
type Call struct {
	Method string
	Base   string // the variable that holds what addresses begin with; none if empty
	Target Text   // path and query, or the whole address if there is no base
	Header http.Header
	More   []Header // those with variables in them
	User   Text     // user and password; none if empty
	Body   *Text    // nil for none
	File   string   // that holds the body instead, if it is too long for a line
}

// Line is the call as a line, of printable characters only.
func (c *Call) Line() string {
	words := []string{"curl", "-sS", "--globoff", "--path-as-is"}
	switch {
	case c.Method == http.MethodHead:
		words = append(words, "-I")
	case c.Method == http.MethodGet && c.Body == nil, c.Method == http.MethodPost && c.Body != nil:
	default:
		words = append(words, "-X", Quote(c.Method))
	}
	if len(c.User) > 0 {
		words = append(words, "-u", c.User.Quote())
	}
	for _, h := range c.More {
		words = append(words, "-H", append(Literal(h.Name+": "), h.Value...).Quote())
	}
	for _, name := range slices.Sorted(maps.Keys(c.Header)) {
		for _, value := range c.Header[name] {
			if value == "" {
				words = append(words, "-H", Quote(name+";"))
				continue
			}
			words = append(words, "-H", Quote(name+": "+value))
		}
	}
	from := ""
	if c.Body != nil {
		if c.Header.Get("Content-Type") == "" {
			words = append(words, "-H", "Content-Type:") // curl would add one
		}
		switch {
		case c.File != "":
			words = append(words, "--data-binary", Quote("@"+c.File))
		case c.Body.plain():
			words = append(words, "--data-raw", c.Body.Quote())
		default:
			from = c.Body.printf() + " | "
			words = append(words, "--data-binary", "@-")
		}
	}
	address := ascii(c.Target).Quote()
	if c.Base != "" {
		address = `"$` + c.Base + `"` + address
	}
	return from + strings.Join(append(words, address), " ")
}

// ascii is a text whose bytes beyond ASCII are escaped as in a URI.
func ascii(t Text) Text {
	out := slices.Clone(t)
	for i, p := range out {
		var b strings.Builder
		for j := range len(p.Literal) {
			if c := p.Literal[j]; c <= ' ' || c > '~' {
				fmt.Fprintf(&b, "%%%02X", c)
			} else {
				b.WriteByte(c)
			}
		}
		out[i].Literal = b.String()
	}
	return out
}
