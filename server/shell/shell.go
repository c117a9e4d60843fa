// Package shell writes lines for a POSIX shell (IEEE Std 1003.1, Shell Command
// Language), so that a line that is copied does what it says and nothing else.
package shell

import (
	"maps"
	"net/http"
	"slices"
	"strings"
)

// Quote is a text as one word.
func Quote(s string) string {
	if s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-_./:=@%+,", r)
	}) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// Call is a request as curl makes it.
type Call struct {
	Method string
	Base   string // the variable that holds what addresses begin with
	Target string // path and query
	Header http.Header
	Body   *string // nil for none
	File   string  // that holds the body instead, if it is too long for a line
}

// Line is the call as a line.
func (c *Call) Line() string {
	words := []string{"curl", "-sS", "--globoff", "--path-as-is"}
	switch {
	case c.Method == http.MethodHead:
		words = append(words, "-I")
	case c.Method == http.MethodGet && c.Body == nil, c.Method == http.MethodPost && c.Body != nil:
	default:
		words = append(words, "-X", Quote(c.Method))
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
	if c.Body != nil {
		if c.Header.Get("Content-Type") == "" {
			words = append(words, "-H", "Content-Type:") // curl would add one
		}
		if c.File != "" {
			words = append(words, "--data-binary", Quote("@"+c.File))
		} else {
			words = append(words, "--data-raw", Quote(*c.Body))
		}
	}
	return strings.Join(append(words, `"$`+c.Base+`"`+Quote(c.Target)), " ")
}
