package contract

import (
	"bytes"
	"hash/maphash"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/understudy-api/understudy/server/contract/formats"
)

// verdicts remembers which answers were judged and found right, so that an answer
// given again is not judged again. Judging a small answer costs 10 us, looking it
// up 0.3, and 0.1 if it is among the latest. Only a repetition counts: operation,
// status, media type and every byte of the body go into two independent 64-bit
// hashes. Where no rule of the answer's schema looks at the value of a number, plain
// integers count as alike, since they cannot change the verdict: an answer with the
// next id is a repetition.
//
// Two generations bound it: when the young one is full it becomes the old one.
type verdicts struct {
	mu         sync.RWMutex
	young, old map[verdict]struct{}
	// Answers that were found right before, whole, each in the place of its fingerprint.
	last [1 << 10]atomic.Pointer[verdict]
}

// verdict is the fingerprint of an answer.
type verdict struct {
	operation *Operation
	status    int
	mediaType string
	a, b      uint64
}

// maxVerdicts bounds a generation. An entry takes some 80 bytes.
const maxVerdicts = 1 << 15

var (
	seedA, seedB = maphash.MakeSeed(), maphash.MakeSeed()
	scratches    = sync.Pool{New: func() any { return new([]byte) }}
)

// take takes the fingerprint of a body.
func (v *verdict) take(body []byte) {
	v.a, v.b = maphash.Bytes(seedA, body), maphash.Bytes(seedB, body)
}

// takeMasked takes the fingerprint of a body to which its integers are all the same.
func (v *verdict) takeMasked(body []byte) {
	scratch, _ := scratches.Get().(*[]byte)
	*scratch = appendMasked((*scratch)[:0], body)
	v.take(*scratch)
	scratches.Put(scratch)
}

// maxPlain is how many digits an integer has that is the same number everywhere.
const maxPlain = 15

// appendMasked appends a JSON text in which every plain integer is a 7. Texts that
// are masked alike differ in the values of integers only. Anything unusual stays:
// strings, fractions, exponents, leading zeros, many digits.
func appendMasked(dst, text []byte) []byte {
	kept := 0 // what is before it was appended
	for i := 0; i < len(text); {
		start := i
		switch c := text[i]; {
		case c == '"':
			i = pastString(text, i)
		case c >= '0' && c <= '9':
			plain := true
			for ; i < len(text); i++ {
				c := text[i]
				if c == '.' || c == 'e' || c == 'E' || c == '+' || c == '-' {
					plain = false
				} else if c < '0' || c > '9' {
					break
				}
			}
			if plain && i-start <= maxPlain && (text[start] != '0' || i-start == 1) {
				dst = append(append(dst, text[kept:start]...), '7')
				kept = i
			}
		default:
			i++
		}
	}
	return append(dst, text[kept:]...)
}

// pastString is where the string ends that begins at i: at the first quote that is not
// escaped, which is one behind an odd number of backslashes.
func pastString(text []byte, i int) int {
	for i++; ; i++ {
		n := bytes.IndexByte(text[i:], '"')
		if n < 0 {
			return len(text)
		}
		i += n
		before := i
		for text[before-1] == '\\' {
			before--
		}
		if (i-before)%2 == 0 {
			return i + 1
		}
	}
}

// looksAtNumbers reports whether a rule within the schema depends on the value of a
// number.
func looksAtNumbers(s *Schema, seen map[*Schema]bool) bool {
	if s == nil || seen[s] {
		return false
	}
	seen[s] = true
	if s.Min != nil || s.Max != nil || s.ExclusiveMin.IsSet() || s.ExclusiveMax.IsSet() || s.MultipleOf != nil ||
		s.UniqueItems || slices.ContainsFunc(s.Enum, holdsNumber) || formats.Numeric(s.Format) || s.Not != nil {
		return true
	}
	found := false
	eachChild(s, func(_ string, ref *openapi3.SchemaRef) { found = found || looksAtNumbers(ref.Value, seen) })
	return found
}

// holdsNumber reports whether a value of a document is a number, or one is within it.
func holdsNumber(v any) bool {
	switch v := v.(type) {
	case nil, bool, string:
		return false
	case []any:
		return slices.ContainsFunc(v, holdsNumber)
	case map[string]any:
		for _, member := range v {
			if holdsNumber(member) {
				return true
			}
		}
		return false
	}
	return true
}

// latest reports whether the answer is, byte by byte, among the latest that were found
// right before.
func (s *verdicts) latest(v verdict) bool {
	last := s.last[v.a%uint64(len(s.last))].Load()
	return last != nil && *last == v
}

// met notes an answer that was found right before.
func (s *verdicts) met(v verdict) {
	s.last[v.a%uint64(len(s.last))].Store(&v)
}

// right reports whether the answer was found right before.
func (s *verdicts) right(v verdict) bool {
	s.mu.RLock()
	_, young := s.young[v]
	_, old := s.old[v]
	s.mu.RUnlock()
	if old && !young {
		s.remember(v)
	}
	return young || old
}

// remember keeps that the answer was found right.
func (s *verdicts) remember(v verdict) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.young) >= maxVerdicts || s.young == nil {
		s.young, s.old = make(map[verdict]struct{}), s.young
	}
	s.young[v] = struct{}{}
}

// first is the first value of a header; "" if there is none. It is for canonical names,
// which [http.Header.Get] would look at once more.
func first(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[0]
}
