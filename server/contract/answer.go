package contract

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/getkin/kin-openapi/openapi3"
)

// answer is what an operation declares for a status, a range of them, or all others.
type answer struct {
	key      string // as the document has it: "200", "4XX", "default"
	at       string // the pointer of the response
	declared *openapi3.Response
	contents []*content // by media type
	headers  []*answerHeader
	known    atomic.Pointer[[]*answerType]

	anyInteger bool // it is judged alike whatever its integers
}

// answerType is what is declared for a Content-Type that came. It is remembered, since
// nearly all answers with a status have the same, as the handler sets it and as it is sent.
type answerType struct {
	contentType string
	content     *content
	streams     bool
}

// What is remembered of the types that came for an answer, in types and in bytes of each.
const (
	maxKnownTypes = 4
	maxKnownType  = 200
)

// as is what is declared for a Content-Type.
func (a *answer) as(contentType string) *answerType {
	var known []*answerType
	if all := a.known.Load(); all != nil {
		known = *all
	}
	for _, t := range known {
		if t.contentType == contentType {
			return t
		}
	}
	return a.learn(contentType, known)
}

// learn finds what is declared for a Content-Type that is not among the known.
func (a *answer) learn(contentType string, known []*answerType) *answerType {
	media := parseMedia(contentType)
	t := &answerType{contentType: strings.Clone(contentType), content: bestOf(a.contents, media).as(media)}
	t.streams = media.essence() == eventStream || t.content != nil && t.content.streams()
	if len(known) < maxKnownTypes && len(contentType) <= maxKnownType {
		more := append(slices.Clone(known), t)
		a.known.Store(&more)
	}
	return t
}

type answerHeader struct {
	name   string
	header *openapi3.Header
	reader *parameterReader
}

// newAnswers lists the answers by their status, those of a range by its first digit, and
// the default by 0.
func newAnswers(at string, responses *openapi3.Responses) map[int]*answer {
	answers := make(map[int]*answer, responses.Len())
	for key, ref := range responses.Map() {
		a := &answer{key: key, at: at + "/responses/" + key, declared: ref.Value}
		for _, name := range slices.Sorted(maps.Keys(ref.Value.Content)) {
			a.contents = append(a.contents, newContent(name, ref.Value.Content[name]))
		}
		for _, name := range slices.Sorted(maps.Keys(ref.Value.Headers)) {
			if strings.EqualFold(name, "Content-Type") { // it says nothing (OpenAPI, section Response Object)
				continue
			}
			h := ref.Value.Headers[name].Value
			p := h.Parameter
			p.Name, p.In = name, openapi3.ParameterInHeader
			a.headers = append(a.headers, &answerHeader{name, h, newParameterReader(&p)})
		}
		if c := jsonContent(a.contents); c != nil && c.schema != nil {
			a.anyInteger = !looksAtNumbers(c.schema, map[*Schema]bool{})
		}
		status, _ := strconv.Atoi(strings.TrimSuffix(key, "XX")) // of the default none
		answers[status] = a
	}
	return answers
}

// answer finds what is declared for a status: by itself before its range, and the
// default of the operation at last; nil if nothing is.
func (o *Operation) answer(status int) *answer {
	answers := o.facts().answers
	if a := answers[status]; a != nil {
		return a
	}
	if a := answers[status/100]; a != nil {
		return a
	}
	return answers[0]
}

// bodiless reports whether answers of a status have no body, whatever is declared
// (RFC 9110, sections 15.2, 15.3.5, 15.3.6 and 15.4.5).
func bodiless(status int) bool {
	return status < http.StatusOK || status == http.StatusNoContent || status == http.StatusResetContent || status == http.StatusNotModified
}

// unjudged are the statuses whose answers are not held against the document: what
// stands between client and server sends them, too.
var unjudged = []int{
	http.StatusNotModified, http.StatusPermanentRedirect, http.StatusTemporaryRedirect, http.StatusMovedPermanently,
}

// answerJudge holds one answer against the document.
type answerJudge struct {
	*finder
	answer *answer
	header http.Header
	body   []byte
}

// JudgeResponse judges an answer to a request for this operation: its status, each of
// its headers, its media type and its body, every mistake of each.
func (o *Operation) JudgeResponse(ctx context.Context, method string, status int, header http.Header, body []byte) []Violation {
	if method == http.MethodHead {
		return nil
	}
	a := o.answer(status)
	var known verdict
	repeatable := a != nil && len(a.headers) == 0
	if repeatable { // headers differ from answer to answer
		known = verdict{operation: o, status: status, mediaType: first(header["Content-Type"]) + first(header["Content-Encoding"])}
		known.take(body)
		if o.document.verdicts.latest(known) {
			return nil
		}
		whole := known
		if a.anyInteger {
			known.takeMasked(body)
		}
		if o.document.verdicts.right(known) {
			o.document.verdicts.met(whole)
			return nil
		}
	}
	j := o.answerJudge(ctx, status, header, a)
	if j.head() {
		j.body = body
		j.content()
	}
	found := j.found.found
	if len(found) == 0 {
		if repeatable {
			o.document.verdicts.remember(known)
		}
		return nil
	}
	o.arrangeBranches(found, j.payload)
	return found
}

func (o *Operation) answerJudge(ctx context.Context, status int, header http.Header, a *answer) *answerJudge {
	return &answerJudge{
		finder: &finder{operation: o, side: SideServer, status: status, payload: &payload{}, found: newCollector(ctx)},
		answer: a, header: header,
	}
}

// JudgeHead judges what comes before the body of an answer: its status, its media
// type and its headers.
func (o *Operation) JudgeHead(method string, status int, header http.Header) []Violation {
	if method == http.MethodHead {
		return nil
	}
	j := o.answerJudge(context.Background(), status, header, o.answer(status))
	if j.head() && len(j.answer.contents) > 0 && !bodiless(status) && !slices.Contains(unjudged, status) {
		j.declaration()
	}
	return j.found.found
}

// head judges the status and the headers. It reports whether the status is declared.
func (j *answerJudge) head() bool {
	o := j.operation
	if j.answer == nil {
		if slices.Contains(unjudged, j.status) {
			return false
		}
		v := j.violation(InMessage)
		v.Rule, v.Where, v.Got = RuleStatus, o.document.locate(o.Pointer()+"/responses"), j.status
		j.add(v)
		return false
	}
	if slices.Contains(unjudged, j.status) {
		return true
	}
	for _, h := range j.answer.headers {
		j.one(h)
	}
	return true
}

// one judges a header by its schema.
func (j *answerJudge) one(h *answerHeader) {
	o := j.operation
	base := j.violation(InHeader)
	base.Name = h.name
	at := j.answer.at + "/headers/" + pointerEscaper.Replace(h.name)
	base.Where = o.document.locate(at)
	base.Schema = h.reader.schema
	base.root = base.Schema
	values := j.header.Values(h.name)
	if len(values) == 0 {
		if h.header.Required {
			base.Rule = "required"
			j.add(base)
		}
		return
	}
	j.reading(h.reader, h.reader.header(o.document, values, SideServer), base)
}

// declaration finds what is declared for the media type of the answer, and tells it if
// there is nothing.
func (j *answerJudge) declaration() *content {
	came := j.header.Get("Content-Type")
	media := parseMedia(came)
	if c := bestOf(j.answer.contents, media).as(media); c != nil {
		return c
	}
	v := j.violation(InBody)
	v.Rule, v.Where = RuleMediaType, j.operation.document.locate(j.answer.at+"/content")
	v.Detail = strings.Join(j.answer.types(), " or ")
	if values := j.header.Values("Content-Type"); len(values) > 0 {
		v.Got = came
	}
	j.add(v)
	return nil
}

func (a *answer) types() []string {
	var types []string
	for _, c := range a.contents {
		types = append(types, c.mediaType)
	}
	return types
}

// content judges the body.
func (j *answerJudge) content() {
	switch {
	case slices.Contains(unjudged, j.status):
		return
	case bodiless(j.status) || len(j.answer.contents) == 0:
		if len(j.body) > 0 {
			v := j.violation(InBody)
			v.Rule, v.Where = RuleBodyUnused, j.operation.document.locate(j.answer.at)
			j.add(v)
		}
		return
	}
	c := j.declaration()
	if c == nil {
		return
	}
	// What another's server sends has come whole, but for events.
	if c.streams() && (c.kind != contentText || c.media.essence() == eventStream || !j.operation.document.foreign) {
		return
	}
	body, judged, err := decoded(j.header.Values("Content-Encoding"), j.body)
	if err != nil {
		v := j.violation(InBody)
		v.Rule, v.Detail, v.Where = RuleTransport, err.Error(), j.operation.document.locate(j.answer.at)
		j.add(v)
	}
	if !judged {
		return
	}
	p := j.operation.read(c, j.header.Get("Content-Type"), &Message{Body: body})
	j.payload = p
	for i := range p.found {
		v := p.found[i]
		v.Side, v.Where = SideServer, j.operation.document.locate(j.answer.at)
		if v.Rule == RuleJSON {
			v.Raw, v.Mistake = "", ""
		}
		j.add(v)
	}
	if len(p.found) > 0 && p.value == nil || c.schema == nil || c.kind == contentBinary {
		return
	}
	base := j.violation(InBody)
	base.root, base.Where = c.schema, j.operation.document.locate(j.answer.at)
	odd := p.numbers != nil && len(p.numbers.odd) > 0 || p.json == nil && holdsOdd(p.value)
	if odd && p.numbers != nil && !j.operation.document.foreign {
		p.numbers.plain(false)
		p.value = p.numbers.value
	}
	j.visit(c.schema, p.value, odd, base)
}

// contentsOf are what is declared for the bodies of an answer.
func (o *Operation) contentsOf(status int) []*content {
	if a := o.answer(status); a != nil {
		return a.contents
	}
	return nil
}

// answerContent is what the operation declares for an answer of a media type; nil if it
// declares nothing.
func (o *Operation) answerContent(status int, contentType string) *content {
	if a := o.answer(status); a != nil && contentType != "" {
		return a.as(contentType).content
	}
	return nil
}

// Streams reports whether an answer is sent as it comes, instead of being judged as a
// whole: events, and downloads whose bytes no schema describes.
func (o *Operation) Streams(status int, contentType string) bool {
	if a := o.answer(status); a != nil {
		return a.as(contentType).streams
	}
	return mediaTypeOf(contentType) == eventStream
}

const eventStream = "text/event-stream"

// streams reports whether bodies of the media type are sent as they come.
func (c *content) streams() bool {
	return c.kind == contentBinary || c.media.essence() == eventStream || c.media.essence() == "text/csv"
}

// content is what the document says of the bodies of an answer with a status.
func (o *Operation) content(status int) openapi3.Content {
	if a := o.answer(status); a != nil {
		return a.declared.Content
	}
	return nil
}

// jsonContent is the first declaration of JSON among contents; application/json
// before other types.
func jsonContent(contents []*content) *content {
	var found *content
	for _, c := range contents {
		if c.kind == contentJSON && (found == nil || c.media.essence() == jsonType && found.media.essence() != jsonType) {
			found = c
		}
	}
	return found
}
