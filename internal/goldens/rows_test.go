package goldens

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/url"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// A row is a difference that docs/fidelity.md lists. It explains two answers if the
// framework answers as we do once that is taken out of the request which only it
// looks at, or looks at otherwise.
type row struct {
	name   string
	change func(request) (request, bool)
}

const (
	unknownFirst = "unknown routes come first"
	bodylessWarn = "a body-less DELETE warns"
)

var fastifyRows = []row{
	{"raw bytes in a target", func(r request) (request, bool) {
		escaped := rawBytes.ReplaceAllStringFunc(r.Target, url.QueryEscape)
		return with(r, escaped), escaped != r.Target
	}},
	{"the rest of a path is not empty", func(r request) (request, bool) {
		path, query, _ := strings.Cut(r.Target, "?")
		return with(r, strings.TrimSuffix(path, "/")+"?"+query), strings.HasSuffix(path, "/evaluate/")
	}},
	{bodylessWarn, func(r request) (request, bool) {
		_, typed := r.header("Content-Type")
		return r.without("Content-Type"), typed && r.Method == http.MethodDelete && len(r.Body) == 0
	}},
	{unknownFirst, func(r request) (request, bool) {
		_, typed := r.header("Content-Type")
		r.Body = nil
		return r.without("Content-Type"), typed
	}},
	{"repeated parameters warn", func(r request) (request, bool) { return changeQuery(r, firstOnly) }},
	{"long path parameters", func(r request) (request, bool) {
		short := longSegment.ReplaceAllString(r.Target, "/$1")
		return with(r, short), short != r.Target
	}},
	{"numbers beyond a double", func(r request) (request, bool) {
		return changeQuery(r, func(name, value string, _ bool) (string, bool) {
			if f, err := strconv.ParseFloat(value, 64); err != nil && f != 0 && isPaging(name) {
				return "x", true
			}
			return value, true
		})
	}},
	{"numbers in the query are decimal", func(r request) (request, bool) {
		return changeQuery(r, func(name, value string, _ bool) (string, bool) {
			if isPaging(name) && value != "" && strings.Trim(value, "0123456789+-.eE") != "" {
				return "x", true
			}
			return value, true
		})
	}},
	{"uuid in its plain form", func(r request) (request, bool) {
		changed := r
		changed.Target = strings.ReplaceAll(r.Target, "urn:uuid:", "urn-uuid-")
		changed.Body = bytes.ReplaceAll(r.Body, []byte("urn:uuid:"), []byte("urn-uuid-"))
		return changed, changed.Target != r.Target || !bytes.Equal(changed.Body, r.Body)
	}},
}

var rawBytes = regexp.MustCompile(`[^\x21-\x7e]+`)

var longSegment = regexp.MustCompile(`/([^/?]{100})[^/?]+`)

func isPaging(name string) bool { return name == "page" || name == "perPage" }

func with(r request, target string) request { r.Target = target; return r }

func firstOnly(_, value string, counts bool) (string, bool) { return value, counts }

// changeQuery changes or drops the parameters of a query. Of repeated ones it is told
// which one counts: the first that is not empty, else the first.
func changeQuery(r request, change func(name, value string, counts bool) (string, bool)) (request, bool) {
	path, query, _ := strings.Cut(r.Target, "?")
	if query == "" {
		return r, false
	}
	type pair struct{ name, value, text string }
	var pairs []pair
	chosen := map[string]int{}
	for text := range strings.SplitSeq(query, "&") {
		name, raw, _ := strings.Cut(text, "=")
		if plain, err := url.QueryUnescape(name); err == nil {
			name = plain
		}
		value, err := url.QueryUnescape(raw)
		if err != nil {
			value = raw
		}
		if at, known := chosen[name]; !known || pairs[at].value == "" && value != "" {
			chosen[name] = len(pairs)
		}
		pairs = append(pairs, pair{name, value, text})
	}
	var kept []string
	for i, p := range pairs {
		changed, keep := change(p.name, p.value, chosen[p.name] == i)
		switch {
		case !keep:
		case changed != p.value:
			kept = append(kept, p.name+"="+url.QueryEscape(changed))
		default:
			kept = append(kept, p.text)
		}
	}
	target := path + "?" + strings.Join(kept, "&")
	return with(r, target), target != r.Target
}

const notJSON = "Body is not valid JSON but content-type is set to 'application/json'"

// explainFastify names the row by which two answers differ: "equal" if they do not,
// "" if there is none. In report mode the stock Fastify is asked.
func explainFastify(r request, ours, theirs answer, again func(request) answer, report bool) string {
	agree := func(theirs answer, changed bool) string {
		switch {
		case ours.same(theirs):
			return equal
		case report && ours.Status == 400 && theirs.Status == 400 && (r.Method == http.MethodHead || isValidation(ours) && isValidation(theirs)):
			return "allErrors"
		case changed && (isUnknown(ours) && isUnknown(theirs) || r.Method == http.MethodHead && ours.Status == theirs.Status):
			return equal // but for the path, or its length
		}
		return ""
	}
	if name := agree(theirs, false); name == equal && report && ours.Status == 200 && keeps.MatchString(r.Target) && !converted(ours, theirs) {
		return ""
	} else if name != "" {
		return name
	}
	var used []string
	rewritten := theirs
	for _, row := range fastifyRows {
		changed, ok := row.change(r)
		if !ok || row.name == unknownFirst && !isUnknown(ours) || row.name == bodylessWarn && bytes.Contains(ours.Body, []byte("FST_ERR_CTP_")) {
			continue
		}
		r, used = changed, append(used, row.name)
		rewritten = again(r)
		if agree(rewritten, true) != "" {
			return used[len(used)-1]
		}
	}
	if emptyParameter.Match(ours.Body) && strings.Contains(r.Target, "//") {
		rest := emptyParameter.ReplaceAll(ours.Body, nil)
		if bytes.Equal(rest, theirs.Body) || bytes.Equal(rest, rewritten.Body) || bytes.Contains(rest, []byte(`"message":""`)) && theirs.Status != 400 {
			return "empty parameters"
		}
	}
	if bytes.Contains(ours.Body, []byte(notJSON)) {
		if reason := lenient(r.Body); reason != "" && ours.Status == 400 {
			if reason == "depth" {
				return reason
			}
			return "strict JSON"
		}
	}
	if ours.Status == 400 && isValidation(ours) && overflows(r.Body) {
		return "numbers beyond a double"
	}
	var told, wanted any
	if ours.Status == theirs.Status && json.Unmarshal(ours.Body, &told) == nil && json.Unmarshal(theirs.Body, &wanted) == nil && reflect.DeepEqual(told, wanted) {
		return "numbers as they came"
	}
	return ""
}

func isUnknown(a answer) bool { return bytes.HasPrefix(a.Body, []byte(`{"message":"Route `)) }

func isValidation(a answer) bool {
	return bytes.Contains(a.Body, []byte(`"FST_ERR_VALIDATION"`))
}

// keeps are the paths of what is kept as it is sent.
var keeps = regexp.MustCompile(`^/api/projects(/[^/]*)?(/integrations(/[^/]*)?)?(\?|$)`)

// converted reports whether an answer tells the values that Fastify made of a body.
func converted(ours, theirs answer) bool {
	text, err := base64.StdEncoding.DecodeString(theirs.Header["x-converted"])
	if err != nil {
		return false
	}
	var asked, told any
	if json.Unmarshal(text, &asked) != nil || json.Unmarshal(ours.Body, &told) != nil {
		return len(ours.Body) == 0 || asked == nil // HEAD, and answers of text
	}
	if wrapped, ok := told.(map[string]any); ok && wrapped["project"] != nil {
		told = wrapped["project"]
	}
	return tells(asked, told)
}

func tells(asked, told any) bool {
	a, isObject := asked.(map[string]any)
	b, _ := told.(map[string]any)
	if !isObject || b == nil {
		return true
	}
	for name, value := range a {
		other, there := b[name]
		if _, inner := value.(map[string]any); inner {
			if !tells(value, other) {
				return false
			}
			continue
		}
		x, _ := json.Marshal(value)
		y, _ := json.Marshal(other)
		// What a client must not set stays what it is, and no key is a key to be made.
		if there && (name != "key" || value != "") && !bytes.Equal(x, y) && !slices.Contains([]string{"id", "projectId", "createdAt", "updatedAt", "deletedAt", "type", "kind", "version"}, name) {
			return false
		}
	}
	return true
}

// lenient tells for what reason a text that JavaScript or CPython reads as JSON is
// refused here; "" for none.
func lenient(text []byte) string {
	switch {
	case bytes.HasPrefix(text, []byte("\xef\xbb\xbf")), !utf8.Valid(text):
		return "encoding"
	case bytes.Count(text, []byte("["))+bytes.Count(text, []byte("{")) > 200:
		return "depth"
	}
	dec := jsontext.NewDecoder(bytes.NewReader(text))
	for {
		_, err := dec.ReadToken()
		switch {
		case errors.Is(err, jsontext.ErrDuplicateName):
			return "duplicate-members"
		case errors.Is(err, io.EOF):
			return ""
		case err != nil && strings.Contains(err.Error(), "surrogate"):
			return "lone-surrogates"
		case err != nil:
			if strings.Contains(string(text), "NaN") || strings.Contains(string(text), "Infinity") {
				return "nan"
			}
			return ""
		}
	}
}

var emptyParameter = regexp.MustCompile(`params must have required property '[^']*'(, )?`)

var number = regexp.MustCompile(`-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?`)

// overflows reports whether a text holds a number beyond the range of a double.
func overflows(text []byte) bool {
	return slices.ContainsFunc(number.FindAll(text, -1), func(n []byte) bool {
		_, err := strconv.ParseFloat(string(n), 64)
		return err != nil
	})
}

// ourReasons are our words for what CPython reads, by row.
var ourReasons = map[string]string{
	"A member name occurs twice in one object": "duplicate-members", "NaN and Infinity are not JSON": "nan", "Invalid UTF-8": "encoding",
	"Unexpected UTF-8 BOM (decode using utf-8-sig)": "encoding", "Half of a surrogate pair": "lone-surrogates", "Arrays and objects nest too deeply": "depth",
}

type detailItem struct {
	Type  string
	Loc   jsontext.Value
	Msg   string
	Input jsontext.Value
	Ctx   struct{ Error any }
	raw   jsontext.Value
}

func itemsOf(a answer) (items []detailItem, ok bool) {
	var body struct{ Detail []jsontext.Value }
	if a.Status != 422 || json.Unmarshal(a.Body, &body) != nil {
		return nil, a.Status == 200 || a.Status == 404
	}
	for _, raw := range body.Detail {
		var it detailItem
		if json.Unmarshal(raw, &it) != nil {
			return nil, false
		}
		it.raw = raw
		items = append(items, it)
	}
	return items, true
}

// explainFastAPI is explainFastify for Datafold. strict is what FastAPI answers
// without conversions.
func explainFastAPI(r request, ours, lax, strict answer, report bool) string {
	rest := func(a answer) answer {
		a.Header = mapsWithout(a.Header, "content-length")
		return a
	}
	for _, theirs := range []answer{lax, strict} {
		switch {
		case ours.same(theirs) && theirs.same(lax):
			return equal
		case ours.same(theirs) && !report:
			return "strict-mode"
		case ours.Status == theirs.Status && rest(ours).difference(rest(theirs)) == "" && masked(ours.Body, theirs.Body) && (!report || theirs.same(lax)):
			if bytes.Contains(ours.Body, []byte(notRepeated)) {
				return "long-inputs"
			}
			return "secrets"
		case ours.Status == 405 && theirs.Status == 405 && bytes.Equal(ours.Body, theirs.Body) && ours.difference(theirs) == "allow" &&
			slices.Contains(strings.Split(ours.Header["allow"], ", "), theirs.Header["allow"]):
			return "allow"
		}
	}
	if ours.Status == 401 && (lax.Status == 422 || lax.Status == 400) && (!json.Valid(r.Body) || !utf8.Valid(r.Body)) {
		return "credentials-first"
	}
	if ours.Status == 307 && lax.Status == 307 && redirected.ReplaceAllStringFunc(ours.Header["location"], unescape) == redirected.ReplaceAllStringFunc(lax.Header["location"], unescape) {
		return "redirect-escapes"
	}
	if lax.Status == 500 && ours.Status == 422 && !utf8.Valid(r.Body) {
		return "undecodable-text"
	}
	if mediaType, _ := r.header("Content-Type"); !report && lax.Status == 400 && ours.Status == 422 && !utf8.Valid(r.Body) && strings.Contains(mediaType, "+json") {
		return "strict-mode" // FastAPI reads it as JSON, and cannot; we take it for a text
	}
	items, ok := itemsOf(ours)
	if !ok {
		return ""
	}
	if len(items) > 0 && items[0].Type == "json_invalid" {
		reason, _ := items[0].Ctx.Error.(string)
		if name := ourReasons[reason]; name != "" && lenient(r.Body) != "" {
			return name
		}
		if theirs, _ := itemsOf(lax); len(theirs) == 1 && masked(items[0].raw, theirs[0].raw) {
			return "one-answer"
		}
		return ""
	}
	if ours.Status == 422 && overflows(r.Body) {
		return "infinite-numbers"
	}
	for _, theirs := range []answer{strict, lax} {
		if name := explainItems(items, theirs); name != "" && (!report || theirs.same(lax)) {
			return name
		}
	}
	return ""
}

// redirected are the escapes that Starlette takes for parts of a URL when it writes one.
var redirected = regexp.MustCompile(`(?i)%(2[13456789abcdf]|3[abdf]|40|5[bd])`)

func unescape(text string) string {
	plain, err := url.PathUnescape(text)
	if err != nil { // the expression finds none
		return text
	}
	return plain
}

func mapsWithout(m map[string]string, name string) map[string]string {
	without := map[string]string{}
	for n, v := range m {
		if n != name {
			without[n] = v
		}
	}
	return without
}

// guessed are the members of bodies that only clients were seen to send.
var guessed = map[string]bool{}

// explainItems names the row of the items that only we have.
func explainItems(items []detailItem, theirs answer) (name string) {
	wanted, ok := itemsOf(theirs)
	if !ok {
		return ""
	}
	if len(items) >= 950 && len(wanted) > len(items) && subset(items, wanted) { // of a thousand some share a place
		return "many-mistakes"
	}
	// Of a union, each branch says that it does not take what one of them does not.
	united := map[string]string{}
	for _, it := range items {
		if row := rowOfItem(it); row != "" {
			united[it.union()] = row
		}
	}
	for _, it := range items {
		if i := slices.IndexFunc(wanted, func(w detailItem) bool { return masked(it.raw, w.raw) }); i >= 0 {
			wanted = slices.Delete(wanted, i, i+1)
			continue
		}
		if name = rowOfItem(it); name == "" {
			name = united[it.union()]
		}
		if name == "" {
			return ""
		}
		wanted = slices.DeleteFunc(wanted, func(w detailItem) bool { return bytes.Equal(w.Loc, it.Loc) })
	}
	all := len(wanted)
	wanted = slices.DeleteFunc(wanted, func(w detailItem) bool {
		var loc []any
		return json.Unmarshal(w.Loc, &loc) == nil && len(loc) > 1 && guessed[fmt.Sprint(loc[1])]
	})
	if len(wanted) > 0 {
		return ""
	}
	if all > 0 {
		return "guessed-members"
	}
	return name
}

// rowOfItem is the row of an item about a value that pydantic takes; "" for none.
func rowOfItem(it detailItem) string {
	value, isNumber := new(big.Rat).SetString(strings.Trim(it.Input.String(), `" `))
	switch {
	case it.Type == "int_parsing_size" && isNumber && value.Num().BitLen() >= 64:
		return "big-integers"
	case it.Type == "int_from_float" && isNumber:
		return "exact-fractions"
	case it.Type == "datetime_type" || it.Type == "timezone_aware" || it.Type == "date_type":
		return "date-times"
	case it.Type == "value_error" && strings.HasSuffix(it.Msg, "the list has duplicated items"):
		return "duplicate-items"
	}
	return ""
}

// union is the place of an item without the branch of a union, and what stands there.
func (it detailItem) union() string {
	var loc []json.RawMessage
	if json.Unmarshal(it.Loc, &loc) != nil || len(loc) < 3 {
		return "none of " + string(it.Loc)
	}
	return fmt.Sprintf("%s %s", loc[:len(loc)-1], it.Input)
}

// subset reports whether our items are some of theirs, in their order.
func subset(items, theirs []detailItem) bool {
	for _, w := range theirs {
		if len(items) > 0 && masked(items[0].raw, w.raw) {
			items = items[1:]
		}
	}
	return len(items) == 0
}

// notRepeated stands for an input that is left out, for the length of the answer.
const notRepeated = "(not repeated: the answer would be too long)"

// masked reports whether two JSON texts are equal but for what is masked in ours.
func masked(ours, theirs []byte) bool {
	a, b := jsontext.NewDecoder(bytes.NewReader(ours)), jsontext.NewDecoder(bytes.NewReader(theirs))
	for {
		x, err := a.ReadToken()
		if err != nil {
			_, other := b.ReadToken()
			return errors.Is(err, io.EOF) && errors.Is(other, io.EOF)
		}
		if text := x.String(); x.Kind() == '"' && (text == "**********" || text == notRepeated) {
			if b.SkipValue() != nil {
				return false
			}
			continue
		}
		text := x.String()
		y, err := b.ReadToken()
		if err != nil || x.Kind() != y.Kind() || text != y.String() {
			return false
		}
	}
}

// Every row that explains is in docs/fidelity.md.
func TestRowsAreListed(t *testing.T) {
	text, err := os.ReadFile("../../docs/fidelity.md")
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"allErrors", "inferred rules warn", "numbers as they came", "empty parameters", "strict JSON", "depth", "secrets", "strict-mode", "allow", "credentials-first", "undecodable-text", "many-mistakes", "long-inputs", "one-answer", "infinite-numbers", "big-integers", "exact-fractions", "date-times", "duplicate-items", "redirect-escapes", "guessed-members"}
	for _, row := range fastifyRows {
		names = append(names, row.name)
	}
	for _, name := range ourReasons {
		names = append(names, name)
	}
	for _, name := range names {
		if !bytes.Contains(text, []byte("\n| "+name+" |")) && !bytes.Contains(text, []byte("\n| `"+name+"` |")) {
			t.Errorf("docs/fidelity.md has no row %q", name)
		}
	}
	for _, name := range transport {
		if name != "x-converted" && !strings.Contains(strings.ToLower(string(text)), "`"+name+"`") {
			t.Errorf("docs/fidelity.md does not say that %s is not compared", name)
		}
	}
}
