package sample

import (
	"math/rand/v2"
	"regexp"
	"regexp/syntax"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/understudy-api/understudy/server/contract/patterns"
)

// unlimited is a length, in runes, that no generated text reaches.
const unlimited = 1 << 20

// manyRunes and manySteps are where repeats stop adding what they need not.
const (
	manyRunes = 200
	manySteps = 1000
)

// expression is a pattern to generate from.
type expression struct {
	tree    *syntax.Regexp
	looking *syntax.Regexp // with what it looks for ahead and behind; nil if it does not
	matcher patterns.Matcher
	lengths map[*syntax.Regexp][2]int // of what each part matches, in runes
}

// growing is a text in the making.
type growing struct {
	runes []rune
	steps int
	group map[int][]rune // what the groups wrote last
}

// enough reports whether repeats are to stop: nested ones multiply, even where they
// add nothing.
func (g *growing) enough() bool { return len(g.runes) >= manyRunes || g.steps >= manySteps }

// expressions holds one *expression per pattern, nil for what Go cannot parse. There
// are as many as the documents of the process have patterns.
var expressions sync.Map

// expressionOf parses a pattern; nil if nothing can be generated from it.
func expressionOf(pattern string) *expression {
	if known, ok := expressions.Load(pattern); ok {
		e, _ := known.(*expression)
		return e
	}
	e := parsePattern(pattern)
	expressions.Store(pattern, e)
	return e
}

func parsePattern(pattern string) *expression {
	matcher, err := patterns.Compile(pattern)
	if err != nil {
		return nil
	}
	text, err := patterns.Go(pattern)
	if err != nil {
		return nil
	}
	text = manyTimes.ReplaceAllStringFunc(withMarks(text), fewerTimes)
	// What looks ahead or behind takes no part of the text; the matcher holds it.
	tree, err := syntax.Parse(withoutLooks(text, ""), syntax.Perl)
	if err != nil {
		return nil
	}
	e := &expression{tree: tree, matcher: matcher, lengths: map[*syntax.Regexp][2]int{}}
	e.measure(tree)
	if look.MatchString(text) {
		if e.looking, err = syntax.Parse(withoutLooks(text, "(?:"), syntax.Perl); err == nil {
			e.measure(e.looking)
		}
	}
	return e
}

// manyTimes is a repeat that Go may find too large.
var manyTimes = regexp.MustCompile(`\\.|\{[0-9]*(?:,[0-9]*)?\}`)

// fewerTimes bounds the most of a repeat by what Go reads: the texts that are made are of
// the pattern all the same.
func fewerTimes(text string) string {
	low, high, ranged := strings.Cut(strings.Trim(text, "{}"), ",")
	least, err := strconv.Atoi(low)
	if most, wrong := strconv.Atoi(high); text[0] == '\\' || !ranged || err != nil || wrong != nil || most <= maxRepeat || least > maxRepeat {
		return text
	}
	return "{" + low + "," + strconv.Itoa(maxRepeat) + "}"
}

// maxRepeat is the most that Go's expressions repeat.
const maxRepeat = 1000

// mark stands for what a group matched: the first of private characters, one for each.
const mark = '\U0010f000'

var reference = regexp.MustCompile(`\\\\|\[(?:\\.|[^\]\\])*\]|\\[1-9]|\\k<([^>]*)>|\((\?P?<([A-Za-z_][^>]*)>|\?)?`)

// withMarks puts a mark in the place of each reference to a group.
func withMarks(pattern string) string {
	names := map[string]int{}
	groups := 0
	for _, m := range reference.FindAllStringSubmatch(pattern, -1) {
		if strings.HasPrefix(m[0], "(") && m[2] != "?" {
			if groups++; m[3] != "" {
				names[m[3]] = groups
			}
		}
	}
	return reference.ReplaceAllStringFunc(pattern, func(text string) string {
		switch {
		case strings.HasPrefix(text, `\k<`):
			return string(mark + rune(names[text[3:len(text)-1]]))
		case len(text) == 2 && text[0] == '\\' && text[1] != '\\':
			return string(mark + rune(text[1]-'0'))
		}
		return text
	})
}

// look begins a group that looks ahead or behind.
var look = regexp.MustCompile(`\(\?<?[=!]`)

// withoutLooks leaves out the groups that look ahead or behind, or makes of those that
// look for something groups that begin otherwise.
func withoutLooks(pattern, begin string) string {
	for {
		at := look.FindStringIndex(pattern)
		if at == nil {
			return pattern
		}
		if begin != "" && pattern[at[1]-1] == '=' {
			pattern = pattern[:at[0]] + begin + pattern[at[1]:]
			continue
		}
		end, depth, class := at[1], 1, false
		for ; end < len(pattern) && depth > 0; end++ {
			switch c := pattern[end]; {
			case c == '\\':
				end++
			case class:
				class = c != ']'
			case c == '[':
				class = true
			case c == '(':
				depth++
			case c == ')':
				depth--
			}
		}
		pattern = pattern[:at[0]] + pattern[min(end, len(pattern)):]
	}
}

// measure finds the least and the greatest length that a part matches.
func (e *expression) measure(re *syntax.Regexp) (least, most int) {
	switch re.Op {
	case syntax.OpLiteral:
		least, most = len(re.Rune), len(re.Rune)
	case syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		least, most = 1, 1
	case syntax.OpCapture:
		least, most = e.measure(re.Sub[0])
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			l, m := e.measure(sub)
			least, most = least+l, most+m
		}
	case syntax.OpAlternate:
		least = unlimited
		for _, sub := range re.Sub {
			l, m := e.measure(sub)
			least, most = min(least, l), max(most, m)
		}
	case syntax.OpStar, syntax.OpPlus, syntax.OpQuest, syntax.OpRepeat:
		l, m := e.measure(re.Sub[0])
		low, high := repeats(re)
		least, most = l*low, m*high
	}
	least, most = min(least, unlimited), min(most, unlimited)
	e.lengths[re] = [2]int{least, most}
	return least, most
}

func repeats(re *syntax.Regexp) (low, high int) {
	switch re.Op {
	case syntax.OpStar:
		return 0, unlimited
	case syntax.OpPlus:
		return 1, unlimited
	case syntax.OpQuest:
		return 0, 1
	default:
		if re.Max < 0 {
			return re.Min, unlimited
		}
		return re.Min, re.Max
	}
}

// text makes a text that the pattern matches, of low to high runes. It reports false
// where it finds none until done, if there is one, says that it is enough: one look ahead
// or behind may take long.
func (e *expression) text(r *rand.Rand, low, high int, done func() bool) (string, bool) {
	least, most := e.lengths[e.tree][0], e.lengths[e.tree][1]
	for try := range 24 {
		if done != nil && done() {
			break
		}
		want := -1 // as it comes
		switch {
		case low > least || try > 3:
			want = max(low, least)
			if try > 7 {
				want += r.IntN(min(try*2, max(high-want, 0)+1))
			}
			want = min(want, most, high)
		case least == high:
			want = least
		}
		var b growing
		tree := e.tree
		if e.looking != nil && try%2 == 1 {
			tree = e.looking
		}
		if !e.write(r, tree, want, &b) {
			continue
		}
		text := e.pad(string(b.runes), low)
		if n := utf8.RuneCountInString(text); n >= low && n <= high && e.matcher.MatchString(text) {
			return text, true
		}
	}
	return "", false
}

// pad lengthens a text beside what the pattern asks for: it need not be anchored.
func (e *expression) pad(text string, low int) string {
	missing := low - utf8.RuneCountInString(text)
	if missing <= 0 || missing > unlimited {
		return text
	}
	filling := strings.Repeat("a", missing)
	if longer := text + filling; e.matcher.MatchString(longer) {
		return longer
	}
	if longer := filling + text; e.matcher.MatchString(longer) {
		return longer
	}
	return text
}

// write adds a text for a part of the pattern, of the wanted length if that is not
// negative and if it can be met without search. Assertions add nothing.
func (e *expression) write(r *rand.Rand, re *syntax.Regexp, want int, b *growing) bool {
	b.steps++
	switch re.Op {
	case syntax.OpNoMatch:
		return false
	case syntax.OpLiteral:
		for _, c := range re.Rune {
			if c >= mark {
				b.runes = append(b.runes, b.group[int(c-mark)]...)
				continue
			}
			if re.Flags&syntax.FoldCase != 0 && r.IntN(2) == 0 {
				c = unicode.SimpleFold(c)
			}
			b.runes = append(b.runes, c)
		}
		return true
	case syntax.OpCharClass:
		c, ok := oneOfClass(r, re.Rune)
		if ok {
			b.runes = append(b.runes, c)
		}
		return ok
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		b.runes = append(b.runes, anyRune(r))
		return true
	case syntax.OpCapture:
		from := len(b.runes)
		ok := e.write(r, re.Sub[0], want, b)
		if b.group == nil {
			b.group = map[int][]rune{}
		}
		b.group[re.Cap] = b.runes[from:len(b.runes):len(b.runes)]
		return ok
	case syntax.OpConcat:
		return e.concat(r, re.Sub, want, b)
	case syntax.OpAlternate:
		from := r.IntN(len(re.Sub))
		for i := range re.Sub {
			sub := re.Sub[(from+i)%len(re.Sub)]
			length := e.lengths[sub]
			if want >= 0 && (want < length[0] || want > length[1]) {
				continue
			}
			if e.write(r, sub, want, b) {
				return true
			}
		}
		return want >= 0 && e.write(r, re.Sub[from], -1, b)
	case syntax.OpStar, syntax.OpPlus, syntax.OpQuest, syntax.OpRepeat:
		return e.repeat(r, re, want, b)
	default: // assertions, and the empty match
		return true
	}
}

func (e *expression) concat(r *rand.Rand, subs []*syntax.Regexp, want int, b *growing) bool {
	least, most := 0, 0 // of what is still to come
	for _, sub := range subs {
		least, most = least+e.lengths[sub][0], most+e.lengths[sub][1]
	}
	for _, sub := range subs {
		length := e.lengths[sub]
		least, most = least-length[0], most-length[1]
		part := -1
		if want >= 0 {
			low, high := max(length[0], want-most), min(length[1], want-least)
			part = low
			if high > low {
				part += r.IntN(high - low + 1)
			}
		}
		before := len(b.runes)
		if !e.write(r, sub, part, b) {
			return false
		}
		if want >= 0 {
			want = max(want-(len(b.runes)-before), 0)
		}
	}
	return true
}

func (e *expression) repeat(r *rand.Rand, re *syntax.Regexp, want int, b *growing) bool {
	sub := re.Sub[0]
	low, high := repeats(re)
	least, most := e.lengths[sub][0], e.lengths[sub][1]
	if want < 0 {
		count := low
		if !b.enough() {
			count += r.IntN(min(high-low, 3) + 1)
		}
		for i := range count {
			if !e.write(r, sub, -1, b) {
				return i >= low
			}
		}
		return true
	}
	// count*least <= want <= count*most
	few, many := low, high
	if most > 0 {
		few = max(few, (want+most-1)/most)
	}
	if least > 0 {
		many = min(many, want/least)
	} else {
		many = min(many, max(want, few))
	}
	if few > many {
		few, many = low, low
	}
	count := few
	if many > few && !b.enough() {
		count += r.IntN(many - few + 1)
	}
	for i := range count {
		left := count - i - 1
		part := max(least, want-left*most)
		if high := min(most, want-left*least); high > part {
			part += r.IntN(high - part + 1)
		}
		before := len(b.runes)
		if !e.write(r, sub, part, b) {
			return i >= low
		}
		want = max(want-(len(b.runes)-before), 0)
	}
	return true
}

// oneOfClass picks a rune of a class, a printable one if there is any. It leaves out
// surrogates, which no UTF-8 text holds, and NUL, which databases refuse.
func oneOfClass(r *rand.Rand, ranges []rune) (rune, bool) {
	pick := func(low, high rune) (rune, bool) {
		total := 0
		for i := 0; i+1 < len(ranges); i += 2 {
			if from, to := max(ranges[i], low), min(ranges[i+1], high); from <= to {
				total += int(to-from) + 1
			}
		}
		if total == 0 {
			return 0, false
		}
		n := r.IntN(total)
		for i := 0; i+1 < len(ranges); i += 2 {
			from, to := max(ranges[i], low), min(ranges[i+1], high)
			if from > to {
				continue
			}
			if size := int(to-from) + 1; n >= size {
				n -= size
				continue
			}
			return from + rune(n), true
		}
		return 0, false
	}
	spans := [][2]rune{{'!', '~'}, {' ', ' '}, {0xa1, 0x24f}, {0x250, 0xd7ff}, {0xe000, 0xfffc}, {0x10000, unicode.MaxRune}, {1, 0xa0}, {0xfffd, 0xffff}}
	if r.IntN(8) == 0 {
		spans[0], spans[2] = spans[2], spans[0]
	}
	for _, span := range spans {
		if c, ok := pick(span[0], span[1]); ok {
			return c, true
		}
	}
	return 0, false
}

// odd are runes that texts of any kind may hold.
var odd = []rune("äßéñøçŁžЖяλΩ日本語한글عא€™—\"'\\/<>&%{}[]()#;:,.!?*+-=_@~^`|$ \t\n😀𝒳🚀")

// anyRune is an ASCII letter or digit mostly. It is never a line break.
func anyRune(r *rand.Rand) rune {
	if r.IntN(12) == 0 {
		if c := odd[r.IntN(len(odd))]; c != '\n' {
			return c
		}
	}
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	return rune(plain[r.IntN(len(plain))])
}

// misses lists texts near one that the pattern matches, which may not match.
func misses(text string) []string {
	runes := []rune(text)
	n := len(runes)
	found := []string{text + "!", "!" + text, text + " ", text + "\n", ""}
	if n > 0 {
		found = append(
			found,
			"!"+string(runes[1:]), string(runes[:n-1])+"!", string(runes[:n-1]), string(runes[1:]),
			strings.ToUpper(text), strings.ToLower(text), strings.Repeat("!", n), strings.Repeat(" ", n), strings.Repeat("a", n), strings.Repeat("0", n),
			strings.Repeat("é", n), text+text,
		)
	}
	return append(found, "!", " ", "a", "0", "é", "A-a_0 !")
}
