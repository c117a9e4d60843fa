package zen

import (
	"errors"
	"regexp"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/understudy-api/understudy/server/decision/value"
)

// pattern is a compiled regular expression. On texts of ASCII its classes come to
// little, and most texts are: what they come to beyond is compiled when a text asks.
type pattern struct {
	re *regexp.Regexp
	// size is about how many instructions are tried per character.
	size int
	full func() (*wide, error)
}

// wide is a pattern for texts of any characters.
type wide struct {
	re *regexp.Regexp
	// words runs patterns that ask for the bounds of words, of which re knows only
	// ASCII's.
	words *machine
}

var errPattern = reason("Invalid regular expression")

// newPattern compiles a regular expression in Rust's syntax.
func newPattern(source string) (*pattern, error) {
	t, err := translate(source, true)
	if err != nil {
		return nil, errPattern
	}
	re, err := regexp.Compile(string(t.out))
	if err != nil {
		return nil, errPattern
	}
	return &pattern{re: re, size: t.steps, full: sync.OnceValues(func() (*wide, error) { return newWide(source) })}, nil
}

func newWide(source string) (*wide, error) {
	t, err := translate(source, false)
	if err != nil {
		return nil, errPattern
	}
	re, err := regexp.Compile(string(t.out))
	if err != nil {
		return nil, errPattern
	}
	if !t.words {
		return &wide{re: re}, nil
	}
	tree, err := syntax.Parse(string(t.out), syntax.Perl)
	if err != nil {
		return nil, errPattern
	}
	prog, err := syntax.Compile(tree.Simplify())
	if err != nil {
		return nil, errPattern
	}
	return &wide{re: re, words: newMachine(prog)}, nil
}

// find returns the bounds of the first match and of its groups, nil for none.
// Without groups it says only whether there is one.
func (p *pattern) find(f *frame, s string, groups bool) ([]int, error) {
	if err := f.step(len(s)*(p.size/8+1)/8 + 1); err != nil {
		return nil, err
	}
	re := p.re
	if !isASCII(s) {
		full, err := p.full()
		if err != nil {
			return nil, err
		}
		if full.words != nil {
			return full.words.find(f, s)
		}
		re = full.re
	}
	if groups {
		return re.FindStringSubmatchIndex(s), nil
	}
	if re.MatchString(s) {
		return []int{}, nil
	}
	return nil, nil
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// search compiles matches and extract with a constant pattern: it is translated
// once, and what is wrong with it said on every call.
func (c *compiler) search(fn *function, in eval, source value.Value) code {
	groups := fn.name == "extract"
	p, failure := newPattern(source.AsString())
	return dynamic(func(f *frame) (value.Value, error) {
		v, err := in(f)
		if err != nil {
			return value.Value{}, err
		}
		if v.Kind() != value.KindString {
			return value.Value{}, callError(fn.name, notA(0, "string"))
		}
		if failure != nil {
			return value.Value{}, callError(fn.name, failure)
		}
		if v, err = found(f, p, v.AsString(), groups); err != nil {
			return value.Value{}, callError(fn.name, err)
		}
		return v, nil
	})
}

func found(f *frame, p *pattern, s string, groups bool) (value.Value, error) {
	bounds, err := p.find(f, s, groups)
	if err != nil {
		return value.Value{}, err
	}
	if !groups {
		return value.Bool(bounds != nil), nil
	}
	if err := f.grow(len(bounds) / 2); err != nil {
		return value.Value{}, err
	}
	parts := make([]value.Value, 0, len(bounds)/2)
	for i := 0; i < len(bounds); i += 2 {
		if bounds[i] >= 0 {
			parts = append(parts, value.String(s[bounds[i]:bounds[i+1]]))
		}
	}
	return value.Array(parts), nil
}

func matches(f *frame, args []value.Value) (value.Value, error) { return searched(f, args, false) }

func extract(f *frame, args []value.Value) (value.Value, error) { return searched(f, args, true) }

func searched(f *frame, args []value.Value, groups bool) (value.Value, error) {
	if err := texts(args); err != nil {
		return value.Value{}, err
	}
	source := args[1].AsString()
	if err := f.step(len(source)); err != nil {
		return value.Value{}, err
	}
	p, err := patterns.get(source)
	if err != nil {
		return value.Value{}, err
	}
	return found(f, p, args[0].AsString(), groups)
}

// patterns keeps regular expressions that are no constants.
var patterns = patternCache{known: map[string]*pattern{}}

type patternCache struct {
	mu    sync.Mutex
	known map[string]*pattern
	bytes int
}

// The cache forgets everything when it holds more than this.
const (
	cachedPatterns     = 512
	cachedPatternBytes = 1 << 20
)

func (c *patternCache) get(source string) (*pattern, error) {
	c.mu.Lock()
	p, ok := c.known[source]
	c.mu.Unlock()
	if ok {
		return p, nil
	}
	p, err := newPattern(source)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.known) >= cachedPatterns || c.bytes > cachedPatternBytes {
		clear(c.known)
		c.bytes = 0
	}
	c.known[strings.Clone(source)] = p
	c.bytes += len(source)
	return p, nil
}

var errUnsupported = errors.New("unsupported")

const (
	// maxGroups is how deep groups and classes may stand in each other.
	maxGroups = 250
	// maxCost bounds a compiled expression, about where the engine does.
	maxCost = 300_000
)

// translator rewrites a regular expression from Rust's syntax to Go's. What has
// the same meaning is kept, classes are written out where Go cannot say them.
type translator struct {
	in    string
	at    int
	out   []byte
	depth int
	// cost estimates the size of the compiled expression, steps its instructions: a
	// class is large but one of them.
	cost, steps int
	names       map[string]bool
	// narrow leaves out of classes what is beyond ASCII.
	narrow bool
	// words is set when the bounds of words are asked for.
	words bool
}

// flags are those of the group around, as far as they change what is written.
type flags struct {
	verbose, fold, ascii, crlf bool
}

func translate(source string, narrow bool) (*translator, error) {
	if !utf8.ValidString(source) || len(source) > maxCost {
		return nil, errUnsupported
	}
	t := &translator{in: source, narrow: narrow, names: map[string]bool{}}
	set := flags{}
	if err := t.alternatives(&set); err != nil {
		return nil, err
	}
	if t.at < len(t.in) {
		return nil, errUnsupported // a closing parenthesis too many
	}
	return t, nil
}

func (t *translator) peek() (rune, int) {
	if t.at >= len(t.in) {
		return -1, 0
	}
	return utf8.DecodeRuneInString(t.in[t.at:])
}

// skip steps over white space and comments in verbose mode.
func (t *translator) skip(set *flags) {
	for set.verbose && t.at < len(t.in) {
		c, size := t.peek()
		switch {
		case isPatternSpace(c):
			t.at += size
		case c == '#':
			end := strings.IndexByte(t.in[t.at:], '\n')
			if end < 0 {
				t.at = len(t.in)
				return
			}
			t.at += end + 1
		default:
			return
		}
	}
}

func isPatternSpace(c rune) bool {
	for _, r := range spaceSet() {
		if r.low <= c && c <= r.high {
			return true
		}
	}
	return false
}

// alternatives translates up to the end of the group.
func (t *translator) alternatives(set *flags) error {
	if t.depth++; t.depth > maxGroups {
		return errUnsupported
	}
	defer func() { t.depth-- }()
	for {
		t.skip(set)
		c, size := t.peek()
		switch c {
		case -1, ')':
			return nil
		case '|':
			t.at += size
			t.add("|")
			continue
		case '*', '+', '?', '{':
			return errUnsupported // nothing to repeat
		}
		start, cost, steps := len(t.out), t.cost, t.steps
		isAtom, err := t.atom(c, size, set)
		if err != nil {
			return err
		}
		t.steps++
		if t.cost++; t.cost > maxCost {
			return errUnsupported
		}
		if isAtom {
			if err := t.repetitions(start, cost, steps, set); err != nil {
				return err
			}
		}
	}
}

// atom translates one piece; flags alone are none.
func (t *translator) atom(c rune, size int, set *flags) (bool, error) {
	switch c {
	case '(':
		return t.group(set)
	case '[':
		class, err := t.class(set)
		if err != nil {
			return false, err
		}
		t.write(class)
		return true, nil
	case '\\':
		return true, t.escape(set)
	case '.':
		t.at += size
		if set.crlf {
			return false, errUnsupported
		}
		t.add(".")
		return true, nil
	case '^', '$':
		t.at += size
		if set.crlf {
			return false, errUnsupported
		}
		t.add(string(c))
		return true, nil
	default:
		t.at += size
		t.literal(c)
		return true, nil
	}
}

func (t *translator) add(text string) { t.out = append(t.out, text...) }

func (t *translator) literal(c rune) {
	t.cost++
	t.add(regexp.QuoteMeta(string(c)))
}

// repetitions translates the operators behind a piece. Go knows only one; more
// stand around the piece with the one before.
func (t *translator) repetitions(start, cost, steps int, set *flags) error {
	for n := 0; ; n++ {
		t.skip(set)
		c, size := t.peek()
		var op string
		switch c {
		case '*', '+', '?':
			t.at += size
			op = string(c)
		case '{':
			var err error
			var times int
			if op, times, err = t.counted(); err != nil {
				return err
			}
			t.steps = steps + (t.steps-steps)*max(times, 1)
			if t.cost = cost + (t.cost-cost)*max(times, 1); t.cost > maxCost {
				return errUnsupported
			}
		default:
			return nil
		}
		t.skip(set)
		if c, size := t.peek(); c == '?' {
			t.at += size
			op += "?"
		}
		if n > maxGroups {
			return errUnsupported
		}
		if n > 0 {
			t.out = slices.Insert(t.out, start, []byte("(?:")...)
			t.out = append(t.out, ')')
		}
		t.add(op)
	}
}

// counted translates {n}, {n,} and {n,m}; times is about how often that is.
func (t *translator) counted() (op string, times int, err error) {
	end := strings.IndexByte(t.in[t.at:], '}')
	if end < 0 {
		return "", 0, errUnsupported
	}
	text := t.in[t.at+1 : t.at+end]
	t.at += end + 1
	low, high, ranged := strings.Cut(text, ",")
	least, err := strconv.ParseUint(strings.TrimSpace(low), 10, 16)
	if err != nil {
		return "", 0, errUnsupported
	}
	op, times = "{"+strconv.FormatUint(least, 10), int(least)
	if ranged {
		op += ","
		times++
		if high = strings.TrimSpace(high); high != "" {
			most, err := strconv.ParseUint(high, 10, 16)
			if err != nil {
				return "", 0, errUnsupported
			}
			op += strconv.FormatUint(most, 10)
			times = int(most)
		}
	}
	return op + "}", times, nil
}

// group translates a parenthesis; flags alone hold until the group around ends.
func (t *translator) group(set *flags) (bool, error) {
	t.at++
	inner := *set
	if !strings.HasPrefix(t.in[t.at:], "?") {
		t.add("(")
		return true, t.rest(&inner)
	}
	t.at++
	for _, opener := range []string{"P<", "<"} {
		if name, ok := strings.CutPrefix(t.in[t.at:], opener); ok {
			end := strings.IndexByte(name, '>')
			if end <= 0 || !isGroupName(name[:end]) {
				return false, errUnsupported // a look behind, too
			}
			t.at += len(opener) + end + 1
			if t.names[name[:end]] {
				return false, errUnsupported
			}
			t.names[name[:end]] = true
			// Names may hold more than Go's; groups are read by number.
			t.add("(")
			return true, t.rest(&inner)
		}
	}
	text, ends, err := t.flags(&inner)
	if err != nil {
		return false, err
	}
	if ends {
		*set = inner
		if text != "" {
			t.add("(?" + text + ")")
		}
		return false, nil
	}
	t.add("(?" + text + ":")
	return true, t.rest(&inner)
}

func isGroupName(name string) bool {
	for i, c := range name {
		letter := c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z' || c >= utf8.RuneSelf
		digit := c >= '0' && c <= '9' || c == '.' || c == '[' || c == ']'
		if !letter && (i == 0 || !digit) {
			return false
		}
	}
	return true
}

func (t *translator) rest(set *flags) error {
	if err := t.alternatives(set); err != nil {
		return err
	}
	if c, _ := t.peek(); c != ')' {
		return errUnsupported
	}
	t.at++
	t.add(")")
	return nil
}

// flags translates what stands between (? and : or the closing parenthesis, which
// ends it.
func (t *translator) flags(set *flags) (text string, ends bool, err error) {
	on, given := true, false
	seen := map[rune]bool{}
	for {
		c, size := t.peek()
		t.at += size
		if c != ':' && c != ')' && c != '-' {
			if seen[c] {
				return "", false, errUnsupported
			}
			seen[c] = true
		}
		switch c {
		case '-':
			if !on {
				return "", false, errUnsupported
			}
			on, given = false, false
			text += "-"
			continue
		case ':', ')':
			if !given && (!on || c == ')') {
				return "", false, errUnsupported
			}
			return strings.TrimSuffix(text, "-"), c == ')', nil
		case 'i':
			set.fold = on
			text += "i"
		case 'm', 's', 'U':
			text += string(c)
		case 'x':
			set.verbose = on
		case 'u':
			set.ascii = !on
		case 'R':
			set.crlf = on
		default:
			return "", false, errUnsupported // a look around, too
		}
		given = true
	}
}

// escape translates what follows a backslash outside of a class.
func (t *translator) escape(set *flags) error {
	if rest := t.in[t.at+1:]; rest != "" {
		switch rest[0] {
		case 'b', 'B':
			if strings.HasPrefix(rest, "b{") {
				return errUnsupported // the start or end of a word
			}
			t.at += 2
			t.words = t.words || !set.ascii
			t.add(`\` + rest[:1])
			return nil
		case 'A', 'z':
			t.at += 2
			t.add(`\` + rest[:1])
			return nil
		}
	}
	c, set2, err := t.escaped(set)
	if err != nil {
		return err
	}
	if set2 != nil {
		t.write(set2)
		return nil
	}
	t.literal(c)
	return nil
}
