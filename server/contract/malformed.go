package contract

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// excerptBytes is how much of a body is shown before and behind the place at which it
// stopped being JSON.
const excerptBytes = 20

// malformed completes a violation of [RuleJSON]: with what stands at the place, and
// with what it probably was meant to be. Of a body that may hold secrets, as the
// operation or the body itself tells, one character is shown.
func (o *Operation) malformed(v *Violation, c *content, data []byte) {
	at := int(min(max(v.Offset, 0), int64(len(data))))
	v.Mistake = mistakeAt(data, at)
	from, to := max(0, at-excerptBytes), min(len(data), at+excerptBytes)
	if soundsSecret(data) || c != nil && holdsSecrets(c.schema, map[*Schema]bool{}) {
		_, size := utf8.DecodeRune(data[at:])
		from, to = at, at+size
	}
	for from > 0 && from < at && !utf8.RuneStart(data[from]) {
		from++
	}
	for to > at && to < len(data) && !utf8.RuneStart(data[to]) {
		to--
	}
	v.Raw = strings.ToValidUTF8(string(data[from:to]), "\uFFFD")
}

// mistakeAt names a common mistake, as the end of a sentence; "" for none that is
// known.
func mistakeAt(data []byte, at int) string {
	rest := data[at:]
	has := func(prefix string) bool { return bytes.HasPrefix(rest, []byte(prefix)) }
	behind := bytes.TrimRight(data[:at], " \t\r\n")
	switch {
	case bytes.HasPrefix(data, []byte("[object Object]")):
		return "it is an object of JavaScript made a text, so that nothing of it is left: send JSON.stringify of it"
	case bytes.HasPrefix(data, []byte("\xFF\xFE")), bytes.HasPrefix(data, []byte("\xFE\xFF")), len(data) > 1 && (data[0] == 0 || data[1] == 0):
		return "it is UTF-16: encode it as UTF-8"
	case len(data) > 0 && data[0] == '<':
		return "it is XML or HTML"
	case has("'"):
		if bytes.Contains(data, []byte("True")) || bytes.Contains(data, []byte("False")) || bytes.Contains(data, []byte("None")) || bytes.Contains(data, []byte("': ")) {
			return "there is a single quote: it looks like a dictionary of Python made a text; send json.dumps of it"
		}
		return "there is a single quote: names and texts stand in double quotes"
	case has("True"), has("False"), has("None"):
		return "JSON writes true, false and null, in lower case"
	case has("undefined"):
		return "undefined is no JSON: leave the member out, or send null"
	case has("//"), has("/*"), has("#"):
		return "JSON has no comments"
	case (has("}") || has("]")) && bytes.HasSuffix(behind, []byte(",")),
		has(",") && bytes.IndexAny(bytes.TrimLeft(rest[1:], " \t\r\n"), "}]") == 0:
		return "there is a comma after the last member"
	case has("}"), has("]"):
		return "something is missing before the closing bracket"
	case at == 0 && bytes.IndexByte(data, '=') > 0 && !bytes.ContainsAny(data, " {}[]\"\n"):
		return "it is a form (name=value): send JSON, as the Content-Type says"
	case len(rest) > 0 && rest[0] < 0x20:
		return "a line break or another control character within a text is escaped, as \\n"
	case has(`"`) && len(behind) > 0 && !bytes.ContainsAny(behind[len(behind)-1:], ",:{["):
		return "there is no comma between two members, or a double quote within a text is not escaped"
	case len(rest) > 0 && (rest[0] == '+' || rest[0] == '.' || rest[0] >= '0' && rest[0] <= '9' || rest[0] == 'x'):
		return "a number is written as -1.5e3, without plus, leading zero or prefix"
	case len(rest) > 0 && (rest[0] >= 'a' && rest[0] <= 'z' || rest[0] >= 'A' && rest[0] <= 'Z' || rest[0] == '_' || rest[0] == '$'):
		return "names and texts stand in double quotes"
	}
	return ""
}

// Excerpts are what stands in a body around the places of pointers, in which "*" is any
// index; of a short one all. The body is read once, however many places are sought.
func Excerpts(body string, pointers []string, most int) map[string]string {
	shown := make(map[string]string, len(pointers))
	if len(body) <= most {
		for _, p := range pointers {
			shown[p] = body
		}
		return shown
	}
	sought := &soughtPlace{}
	for _, p := range pointers {
		sought.add(p)
	}
	// Of a body that ends early, or is no JSON, what was found until then counts.
	_ = sought.find(jsontext.NewDecoder(strings.NewReader(body)))
	for _, p := range pointers {
		shown[p] = excerptAround(body, sought.at(p), most)
	}
	return shown
}

// maxSought is how many segments a pointer has at most that is sought in a body.
const maxSought = 200

// soughtPlace is a place in a body that is sought, or leads to such.
type soughtPlace struct {
	below  map[string]*soughtPlace
	offset int // behind the name or the beginning of what was found first there, 0 for nothing
}

func (s *soughtPlace) add(pointer string) {
	segments := strings.Split(pointer, "/")[1:]
	if len(segments) > maxSought {
		return
	}
	for _, segment := range segments {
		next := s.below[segment]
		if next == nil {
			next = &soughtPlace{}
			if s.below == nil {
				s.below = map[string]*soughtPlace{}
			}
			s.below[segment] = next
		}
		s = next
	}
}

// at is where the place of a pointer is, 0 if it was not found.
func (s *soughtPlace) at(pointer string) int {
	for _, segment := range strings.Split(pointer, "/")[1:] {
		if s = s.below[segment]; s == nil {
			return 0
		}
	}
	return s.offset
}

func (s *soughtPlace) found(dec *jsontext.Decoder) {
	if s.offset == 0 {
		s.offset = int(dec.InputOffset())
	}
}

// find reads a value, and what is sought within it.
func (s *soughtPlace) find(dec *jsontext.Decoder) error {
	if s == nil || len(s.below) == 0 {
		return dec.SkipValue()
	}
	opened, err := dec.ReadToken()
	if err != nil {
		return err
	}
	switch opened.Kind() {
	case '{':
		for dec.PeekKind() == '"' {
			name, err := dec.ReadToken()
			if err != nil {
				return err
			}
			next := s.below[strings.TrimPrefix(SegmentsFolded(string(jsontext.Pointer("").AppendToken(name.String()))), "/")]
			if next != nil {
				next.found(dec)
			}
			if err := next.find(dec); err != nil {
				return err
			}
		}
	case '[':
		next := s.below["*"]
		for dec.PeekKind() != ']' {
			if dec.PeekKind() == 0 {
				break // which the next read tells
			}
			if next != nil && next.offset == 0 {
				next.offset = int(dec.InputOffset()) + 1
			}
			if err := next.find(dec); err != nil {
				return err
			}
		}
	default:
		return nil
	}
	_, err = dec.ReadToken()
	return err
}

func excerptAround(body string, at, most int) string {
	from := max(0, min(at-most/2, len(body)-most))
	shown := strings.ToValidUTF8(body[from:min(len(body), from+most)], "")
	if from > 0 {
		shown = "..." + shown
	}
	if from+most < len(body) {
		shown += "..."
	}
	return shown
}
