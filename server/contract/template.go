package contract

import (
	"cmp"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/understudy-api/understudy/server/contract/spelling"
)

// multiSegmentKey marks a path parameter that takes the rest of a path, slashes
// included: "evaluate/{key}" then takes "evaluate/pricing/main". OpenAPI has no
// word for it.
const multiSegmentKey = "x-understudy-multi-segment"

// Template is the path of an operation as the document writes it: texts and
// parameters between slashes. A parameter takes one segment, which is not empty
// unless the API lets it be; one that stands last may take the rest of the path.
type Template struct {
	text     string
	segments []templateSegment
	Rest     bool // the last segment takes the rest of the path
	empty    bool // a parameter may be empty
}

// templateSegment is one segment of a path template: texts around parameters, or one
// text where there is no parameter.
type templateSegment struct {
	texts []string
	names []string
	many  *regexp.Regexp // gives the values of several parameters
}

// ParseTemplate reads a path template of which nothing else is known: none of its
// parameters takes the rest of a path or may be empty.
func ParseTemplate(text string) Template {
	t, _ := newTemplate(text, nil, false) // fails for a rest only
	return t
}

// newTemplate reads a path template. rest names the parameters that take the rest
// of a path; empty says that other parameters may be empty.
func newTemplate(text string, rest map[string]bool, empty bool) (Template, error) {
	t := Template{text: text, empty: empty, segments: make([]templateSegment, 0, 1+strings.Count(text, "/"))}
	for part := range strings.SplitSeq(text, "/") {
		t.segments = append(t.segments, newTemplateSegment(part, empty))
	}
	for i, s := range t.segments {
		for _, name := range s.names {
			if !rest[name] {
				continue
			}
			if i < len(t.segments)-1 || len(s.names) > 1 || s.texts[0] != "" || s.texts[1] != "" {
				return Template{}, fmt.Errorf("%s: a parameter takes the rest of a path only as the whole of its last segment", name)
			}
			t.Rest = true
		}
	}
	return t, nil
}

func newTemplateSegment(text string, empty bool) templateSegment {
	var s templateSegment
	value := "(.+)"
	if empty {
		value = "(.*)"
	}
	pattern := "(?s)^"
	for {
		before, after, found := strings.Cut(text, "{")
		name, behind, closed := strings.Cut(after, "}")
		if !found || !closed {
			s.texts = append(s.texts, text)
			if len(s.names) > 1 {
				s.many, _ = regexp.Compile(pattern + regexp.QuoteMeta(text) + "$") // fails for what is no UTF-8
			}
			return s
		}
		pattern += regexp.QuoteMeta(before) + value
		s.texts, s.names = append(s.texts, before), append(s.names, name)
		text = behind
	}
}

// String is the template as the document writes it.
func (t Template) String() string { return t.text }

// Slashes is how many slashes a path has at least that the template matches.
func (t Template) Slashes() int { return len(t.segments) - 1 }

// Match reports whether a path, decoded but for the slashes within its segments, is
// one of the template's.
func (t Template) Match(path string) bool {
	for i := range t.segments {
		s := &t.segments[i]
		part, more, found := strings.Cut(path, "/")
		last := i == len(t.segments)-1
		switch {
		case last && t.Rest:
			return path != ""
		case found == last, !s.match(part, t.empty):
			return false
		}
		path = more
	}
	return true
}

// match reports whether a segment of a path is one of those that s describes.
func (s *templateSegment) match(part string, empty bool) bool {
	if len(s.names) == 0 {
		return part == s.texts[0]
	}
	least := 1
	if empty {
		least = 0
	}
	part, ok := strings.CutPrefix(part, s.texts[0])
	if !ok {
		return false
	}
	final := s.texts[len(s.names)]
	if part, ok = strings.CutSuffix(part, final); !ok {
		return false
	}
	for _, text := range s.texts[1:len(s.names)] {
		if len(part) < least {
			return false
		}
		first := 0 // bytes of the character that the parameter has at least
		if !empty {
			_, first = utf8.DecodeRuneInString(part)
		}
		i := strings.Index(part[first:], text)
		if i < 0 {
			return false
		}
		part = part[first+i+len(text):]
	}
	return len(part) >= least
}

// maxCompared bounds the segments of a path that are compared.
const maxCompared = 64

// Distance is how much a path differs from the template's: segment by segment, a
// parameter taking anything, texts compared by edit distance. The first segment may be
// missing, as that of a base URL that was left out.
func (t Template) Distance(path string) int {
	got := strings.SplitN(path, "/", maxCompared)
	least := t.distance(got)
	// What is before the first slash is the zeroth.
	if len(t.segments) > 2 && len(got) > 1 && len(t.segments[2].names) == 0 && t.segments[2].texts[0] == got[1] {
		shorter := t
		shorter.segments = slices.Concat(t.segments[:1], t.segments[2:])
		least = min(least, 5+min(t.segments[1].length(), 10)+shorter.distance(got))
	}
	return least
}

func (t Template) distance(got []string) int {
	total := 0
	for i := range max(len(t.segments), len(got)) {
		switch {
		case i >= len(t.segments) && t.Rest:
			return total
		case i >= len(t.segments):
			total += 5 + min(len(got[i]), 10)
		default:
			total += t.segments[i].cost(got, i)
		}
	}
	return total
}

// cost is how much a segment differs from the i-th of a path, which may have none.
func (s *templateSegment) cost(got []string, i int) int {
	switch {
	case i >= len(got):
		return 5 + min(s.length(), 10)
	case len(s.names) == 0:
		return 2 * spelling.Distance(s.texts[0], got[i])
	case got[i] == "":
		return 5
	default:
		return 1 // a text that matches exactly is nearer than a parameter
	}
}

// length is how long a segment is as it is written.
func (s *templateSegment) length() int {
	n := s.text()
	for _, name := range s.names {
		n += len("{") + len(name) + len("}")
	}
	return n
}

// Compare orders templates by how much they ask of a path, the most first: one
// that takes the rest of a path comes after those that do not, more segments with
// parameters after fewer, and then by the first segment in which they differ: a text
// comes before parameters, and more text around these before less. A path that several
// match belongs to the first.
func (t Template) Compare(other Template) int {
	if t.Rest != other.Rest {
		if t.Rest {
			return 1
		}
		return -1
	}
	return cmp.Or(cmp.Compare(t.open(), other.open()), t.compare(other))
}

// open is how many segments have parameters.
func (t Template) open() int {
	n := 0
	for _, s := range t.segments {
		if len(s.names) > 0 {
			n++
		}
	}
	return n
}

func (t Template) compare(other Template) int {
	for i := range min(len(t.segments), len(other.segments)) {
		s, o := &t.segments[i], &other.segments[i]
		switch plain, otherPlain := len(s.names) == 0, len(o.names) == 0; {
		case plain && otherPlain:
		case plain:
			return -1
		case otherPlain:
			return 1
		case s.text() != o.text():
			return cmp.Compare(o.text(), s.text())
		}
	}
	return 0
}

// text is how much text is around the parameters of a segment.
func (s *templateSegment) text() int {
	n := 0
	for _, text := range s.texts {
		n += len(text)
	}
	return n
}

// Shape is the template with the names of its parameters left out: templates of one
// shape match the same paths.
func (t Template) Shape() string {
	var b strings.Builder
	for i, s := range t.segments {
		if i > 0 {
			b.WriteByte('/')
		}
		b.WriteString(strings.Join(s.texts, "{}"))
	}
	return b.String()
}

// Values reads the parameters of an escaped path that the template matches, decoded.
func (t Template) Values(path string) (map[string]string, bool) {
	values, ok := t.Escaped(path)
	for name, text := range values {
		plain, err := url.PathUnescape(text)
		if err != nil {
			return nil, false
		}
		values[name] = plain
	}
	return values, ok
}

// Escaped reads the parameters of an escaped path that the template matches, as they
// stand there. Of several in one segment the first takes as much as it can, as the
// router gives it.
func (t Template) Escaped(path string) (map[string]string, bool) {
	if !t.Match(path) {
		return nil, false
	}
	values := make(map[string]string, 4)
	for i := range t.segments {
		s := &t.segments[i]
		part, more, _ := strings.Cut(path, "/")
		if t.Rest && i == len(t.segments)-1 {
			part = path
		}
		path = more
		switch len(s.names) {
		case 0:
		case 1:
			values[s.names[0]] = strings.TrimSuffix(strings.TrimPrefix(part, s.texts[0]), s.texts[1])
		default:
			if s.many == nil {
				return nil, false
			}
			found := s.many.FindStringSubmatch(part)
			if found == nil {
				return nil, false
			}
			for j, name := range s.names {
				values[name] = found[j+1]
			}
		}
	}
	return values, true
}

// Outranks reports whether a path that both templates match belongs to t: where
// they differ first, t says in plain words, or in more of them, what other has a
// parameter for.
func (t Template) Outranks(other Template) bool {
	if order := t.compare(other); order != 0 {
		return order < 0
	}
	return other.Rest && !t.Rest
}

// Stretched is the template with the parameter that takes the rest of a path
// written as often as makes a path of so many slashes; the template itself if there
// is none or it has as many.
func (t Template) Stretched(slashes int) string {
	if !t.Rest || slashes <= t.Slashes() {
		return t.text
	}
	last := t.text[strings.LastIndexByte(t.text, '/'):]
	return t.text + strings.Repeat(last, slashes-t.Slashes())
}

// TakesRest reports whether a parameter takes the rest of a path.
func (t Template) TakesRest(name string) bool {
	return t.Rest && t.segments[len(t.segments)-1].names[0] == name
}

// Static is the text of the segment after the given slash, or "" where any text may
// stand.
func (t Template) Static(position int) string {
	if position+1 >= len(t.segments) || len(t.segments[position+1].names) > 0 {
		return ""
	}
	return t.segments[position+1].texts[0]
}

// KeepSlashes gives an escaped path in which everything is decoded but the slashes
// within segments, which stay "%2F" as percent signs stay "%25": routing then sees
// segments, and [decodeSegment] what is in them. ok is false if there is no such
// slash, or an escape is malformed: then the path is used as it is decoded.
func KeepSlashes(escaped string) (kept string, ok bool) {
	if !strings.Contains(escaped, "%2F") && !strings.Contains(escaped, "%2f") {
		return "", false
	}
	var b strings.Builder
	for i := 0; i < len(escaped); i++ {
		c := escaped[i]
		if c != '%' {
			b.WriteByte(c)
			continue
		}
		if i+2 >= len(escaped) || !isHex(escaped[i+1]) || !isHex(escaped[i+2]) {
			return "", false
		}
		switch c = unhex(escaped[i+1])<<4 | unhex(escaped[i+2]); c {
		case '/':
			b.WriteString("%2F")
		case '%':
			b.WriteString("%25")
		default:
			b.WriteByte(c)
		}
		i += 2
	}
	return b.String(), true
}

var segmentDecoder = strings.NewReplacer("%2F", "/", "%25", "%")

// DecodeSegment decodes what KeepSlashes left.
func DecodeSegment(text string) string { return segmentDecoder.Replace(text) }

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func unhex(c byte) byte {
	switch {
	case c >= 'a':
		return c - 'a' + 10
	case c >= 'A':
		return c - 'A' + 10
	}
	return c - '0'
}
