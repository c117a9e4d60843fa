package value

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf16"
	"unicode/utf8"
)

// DefaultDepth is how deep arrays and objects may be nested in JSON.
const DefaultDepth = 128

// Limits bound what [ParseLimited] reads; 0 stands for the default.
type Limits struct {
	Bytes int // length of the text; any by default
	Depth int // of nested arrays and objects; DefaultDepth by default
}

// SyntaxError tells why a text is not the JSON that is read.
type SyntaxError struct {
	Offset int    // in bytes
	Reason string // a phrase
}

// Error returns the reason and its place.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("invalid JSON at byte %d: %s", e.Offset, e.Reason)
}

// Parse reads one JSON value, nested at most DefaultDepth deep.
//
// Members are sorted by key; of two with one key the later counts. A number is
// read exactly if it fits a [Decimal], else by way of a binary floating point
// number; one beyond the range of decimals is null. What is not UTF-8, or half a
// surrogate pair, is a [*SyntaxError].
func Parse(data []byte) (Value, error) { return ParseLimited(data, Limits{}) }

// ParseLimited is [Parse] within limits.
func ParseLimited(data []byte, limits Limits) (Value, error) {
	if limits.Bytes > 0 && len(data) > limits.Bytes {
		return Value{}, &SyntaxError{limits.Bytes, "longer than the limit of " + strconv.Itoa(limits.Bytes) + " bytes"}
	}
	// Strings without escapes are parts of this one copy.
	return parseString(string(data), limits.Depth)
}

// ParseString is [Parse] for a text, which strings of the value share.
func ParseString(text string) (Value, error) { return parseString(text, 0) }

func parseString(text string, depth int) (Value, error) {
	if depth <= 0 {
		depth = DefaultDepth
	}
	p, _ := parsers.Get().(*parser)
	p.text, p.at, p.depth = text, 0, depth
	v, err := p.document()
	p.release()
	return v, err
}

var parsers = sync.Pool{New: func() any { return new(parser) }}

type parser struct {
	text  string
	at    int
	depth int // left
	// Elements and members of the containers that are open; kept for the next text.
	items   []Value
	members []member
	// Where containers' contents and maps are taken from, several at a time.
	itemSlab   []Value
	memberSlab []member
	mapSlab    []Map
}

// release gives the parser back without what it has read.
func (p *parser) release() {
	if cap(p.items) > maxScratch || cap(p.members) > maxScratch {
		return
	}
	clear(p.items)
	clear(p.members)
	*p = parser{items: p.items[:0], members: p.members[:0]}
	parsers.Put(p)
}

// maxScratch bounds the elements that a parser keeps room for.
const maxScratch = 1 << 12

func (p *parser) document() (Value, error) {
	v, err := p.value()
	if err != nil {
		return Value{}, err
	}
	if p.next() != 0 || p.at < len(p.text) {
		return Value{}, p.fail("more after the value")
	}
	return v, nil
}

func (p *parser) fail(reason string) error { return &SyntaxError{p.at, reason} }

// next skips white space and returns the byte that follows, 0 at the end.
func (p *parser) next() byte {
	for p.at < len(p.text) {
		b := p.text[p.at]
		if b > ' ' {
			return b
		}
		if b != ' ' && b != '\n' && b != '\r' && b != '\t' {
			return b
		}
		p.at++
	}
	return 0
}

func (p *parser) value() (Value, error) {
	switch b := p.next(); b {
	case '"':
		s, err := p.str()
		return String(s), err
	case '{':
		return p.object()
	case '[':
		return p.array()
	case 't':
		return p.word("true", Bool(true))
	case 'f':
		return p.word("false", Bool(false))
	case 'n':
		return p.word("null", Value{})
	default:
		if b == '-' || b >= '0' && b <= '9' {
			return p.number()
		}
		if p.at >= len(p.text) {
			return Value{}, p.fail("a value is missing")
		}
		return Value{}, p.fail("no value begins so")
	}
}

func (p *parser) word(word string, v Value) (Value, error) {
	if len(p.text)-p.at < len(word) || p.text[p.at:p.at+len(word)] != word {
		return Value{}, p.fail("no value begins so")
	}
	p.at += len(word)
	return v, nil
}

func (p *parser) number() (Value, error) {
	start, text, i := p.at, p.text, p.at
	neg := text[i] == '-'
	if neg {
		i++
	}
	var n uint64
	first := i
	for ; i < len(text) && text[i]-'0' <= 9; i++ {
		n = n*10 + uint64(text[i]-'0')
	}
	digits, places, plain := i-first, 0, true
	if digits == 0 || digits > 1 && text[first] == '0' {
		p.at = first
		return Value{}, p.fail("no number is written so")
	}
	if i < len(text) && text[i] == '.' {
		i++
		first = i
		for ; i < len(text) && text[i]-'0' <= 9; i++ {
			n = n*10 + uint64(text[i]-'0')
		}
		if places = i - first; places == 0 {
			p.at = i
			return Value{}, p.fail("a digit is missing after the point")
		}
	}
	if i < len(text) && text[i]|0x20 == 'e' {
		plain = false
		if i++; i < len(text) && (text[i] == '+' || text[i] == '-') {
			i++
		}
		first = i
		for i < len(text) && text[i]-'0' <= 9 {
			i++
		}
		if i == first {
			p.at = i
			return Value{}, p.fail("a digit is missing in the exponent")
		}
	}
	p.at = i
	if plain && digits+places <= 19 {
		return Number(newDecimal(u128{lo: n}, places, neg)), nil
	}
	return parseJSONNumber(text[start:i]), nil
}

// str reads a string, at its first quote.
func (p *parser) str() (string, error) {
	p.at++
	start, ascii := p.at, true
	for i := start; i < len(p.text); i++ {
		b := p.text[i]
		if plain[b] {
			continue
		}
		switch {
		case b == '"':
			p.at = i + 1
			s := p.text[start:i]
			if !ascii && !utf8.ValidString(s) {
				p.at = start
				return "", p.fail("a string is not UTF-8")
			}
			return s, nil
		case b == '\\':
			return p.escaped(start, i)
		case b < ' ':
			p.at = i
			return "", p.fail("a control character in a string")
		default:
			ascii = false
		}
	}
	p.at = len(p.text)
	return "", p.fail("a string has no end")
}

// escaped reads the rest of a string from its first backslash on.
func (p *parser) escaped(start, i int) (string, error) {
	buf := append(make([]byte, 0, 2*(i-start)+16), p.text[start:i]...)
	for i < len(p.text) {
		b := p.text[i]
		switch {
		case b == '"':
			p.at = i + 1
			if !utf8.Valid(buf) {
				p.at = start
				return "", p.fail("a string is not UTF-8")
			}
			return string(buf), nil
		case b < ' ':
			p.at = i
			return "", p.fail("a control character in a string")
		case b != '\\':
			buf = append(buf, b)
			i++
			continue
		}
		p.at = i
		if i++; i == len(p.text) {
			break
		}
		if p.text[i] == 'u' {
			r, n := p.unicode(i + 1)
			if n == 0 {
				return "", p.fail("no character is escaped so")
			}
			buf = utf8.AppendRune(buf, r)
			i += 1 + n
			continue
		}
		c, ok := unescape(p.text[i])
		if !ok {
			return "", p.fail("no character is escaped so")
		}
		buf = append(buf, c)
		i++
	}
	p.at = len(p.text)
	return "", p.fail("a string has no end")
}

func unescape(b byte) (byte, bool) {
	switch b {
	case '"', '\\', '/':
		return b, true
	case 'b':
		return '\b', true
	case 'f':
		return '\f', true
	case 'n':
		return '\n', true
	case 'r':
		return '\r', true
	case 't':
		return '\t', true
	default:
		return 0, false
	}
}

// unicode reads the hexadecimal digits of an escape, and the whole second one of
// a surrogate pair; n is their length, 0 when they are none.
func (p *parser) unicode(i int) (r rune, n int) {
	r, ok := p.hex(i)
	if !ok {
		return 0, 0
	}
	if !utf16.IsSurrogate(r) {
		return r, 4
	}
	if len(p.text) < i+6 || p.text[i+4:i+6] != `\u` {
		return 0, 0
	}
	low, ok := p.hex(i + 6)
	if r = utf16.DecodeRune(r, low); !ok || r == utf8.RuneError {
		return 0, 0
	}
	return r, 10
}

func (p *parser) hex(i int) (rune, bool) {
	if len(p.text) < i+4 {
		return 0, false
	}
	var r rune
	for _, b := range []byte(p.text[i : i+4]) {
		switch {
		case b >= '0' && b <= '9':
			b -= '0'
		case b|0x20 >= 'a' && b|0x20 <= 'f':
			b = b | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		r = r<<4 | rune(b)
	}
	return r, true
}

func (p *parser) enter() error {
	if p.depth--; p.depth < 0 {
		return p.fail("nested too deep")
	}
	p.at++
	return nil
}

func (p *parser) array() (Value, error) {
	if err := p.enter(); err != nil {
		return Value{}, err
	}
	base := len(p.items)
	if p.next() == ']' {
		p.at++
		p.depth++
		return Array(nil), nil
	}
	for {
		v, err := p.value()
		if err != nil {
			return Value{}, err
		}
		p.items = append(p.items, v)
		switch p.next() {
		case ',':
			p.at++
			continue
		case ']':
		default:
			return Value{}, p.fail("an array goes on with a comma or ends")
		}
		p.at++
		p.depth++
		items := take(&p.itemSlab, p.items[base:], p.text, ",")
		clear(p.items[base:])
		p.items = p.items[:base]
		return Array(items), nil
	}
}

func (p *parser) object() (Value, error) {
	if err := p.enter(); err != nil {
		return Value{}, err
	}
	base := len(p.members)
	if p.next() == '}' {
		p.at++
		p.depth++
		return Object(nil), nil
	}
	sorted := true
	for {
		if p.next() != '"' {
			return Value{}, p.fail("a member begins with its key")
		}
		key, err := p.str()
		if err != nil {
			return Value{}, err
		}
		if p.next() != ':' {
			return Value{}, p.fail("a key is followed by a colon")
		}
		p.at++
		v, err := p.value()
		if err != nil {
			return Value{}, err
		}
		if n := len(p.members); sorted && n > base && p.members[n-1].key >= key {
			sorted = false
		}
		p.members = append(p.members, member{key, v})
		switch p.next() {
		case ',':
			p.at++
			continue
		case '}':
		default:
			return Value{}, p.fail("an object goes on with a comma or ends")
		}
		p.at++
		p.depth++
		if len(p.mapSlab) == 0 {
			p.mapSlab = make([]Map, expect(p.text, "{"))
		}
		m := &p.mapSlab[0]
		p.mapSlab = p.mapSlab[1:]
		m.members, m.sorted = p.takeMembers(p.members[base:], sorted), true
		clear(p.members[base:])
		p.members = p.members[:base]
		return Object(m), nil
	}
}

// takeMembers returns a copy of members, sorted by key, with the last of several
// that have one key.
func (p *parser) takeMembers(members []member, sorted bool) []member {
	switch {
	case sorted:
		return take(&p.memberSlab, members, p.text, ":")
	case len(members) > maxOrder:
		slices.SortStableFunc(members, func(a, b member) int { return strings.Compare(a.key, b.key) })
		kept := members[:1]
		for _, m := range members[1:] {
			if last := &kept[len(kept)-1]; last.key == m.key {
				*last = m
			} else {
				kept = append(kept, m)
			}
		}
		return take(&p.memberSlab, kept, p.text, ":")
	}
	// Places are sorted, so that each member is written once.
	var order [maxOrder]uint8
	n := 0
	for i := range members {
		at, key := n, members[i].key
		for at > 0 && members[order[at-1]].key > key {
			at--
		}
		if at > 0 && members[order[at-1]].key == key {
			order[at-1] = uint8(i)
			continue
		}
		copy(order[at+1:n+1], order[at:n])
		order[at] = uint8(i)
		n++
	}
	taken := take(&p.memberSlab, members[:n], p.text, ":")
	for i := range taken {
		if int(order[i]) != i {
			taken[i] = members[order[i]]
		}
	}
	return taken
}

// maxOrder is how many members are sorted by looking at each.
const maxOrder = 16

// maxSlab is how many small things are allocated at once, at most.
const maxSlab = 64

// expect guesses how many of something a text holds from the byte that each has;
// the root's own is not counted.
func expect(text string, mark string) int {
	if len(text) > 1<<14 {
		return maxSlab
	}
	return min(strings.Count(text, mark)+1, maxSlab)
}

// take returns a copy of its own of part; small ones share an allocation, made
// for as many as the text seems to hold.
func take[T any](slab *[]T, part []T, text, mark string) []T {
	n := len(part)
	if n >= maxSlab/4 {
		return slices.Clone(part)
	}
	if cap(*slab)-len(*slab) < n {
		*slab = make([]T, 0, max(n, expect(text, mark)))
	}
	start := len(*slab)
	*slab = append(*slab, part...)
	return (*slab)[start : start+n : start+n]
}
