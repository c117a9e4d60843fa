package verify

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/understudy-api/understudy/server/contract"
)

// StepAnswer is what the server answered to a step when it was found, secrets masked.
type StepAnswer struct {
	Status int                 `json:"status"`
	Header map[string][]string `json:"header,omitempty"`
	Body   string              `json:"body,omitempty"`
	Cut    bool                `json:"cut,omitempty"` // the body was longer
	Millis float64             `json:"milliseconds"`
}

// maxShown is how much of an answer's body a step keeps.
const maxShown = 8 << 10

// answered is the answer of an exchange as its step keeps it; nil if none came.
func answered(x *exchange) *StepAnswer {
	a := x.answer
	if a == nil || a.err != nil {
		return nil
	}
	out := &StepAnswer{Status: a.status, Header: http.Header{}, Millis: float64(a.took.Microseconds()) / 1000}
	for name, values := range a.header {
		if name != "Set-Cookie" {
			out.Header[name] = values
		}
	}
	body := a.body
	if out.Cut = len(body) > maxShown; out.Cut {
		body = body[:maxShown]
	}
	if x.call.op != nil {
		body = x.call.op.Document().MaskText(body)
	}
	out.Body = strings.ToValidUTF8(string(body), "\uFFFD")
	return out
}

// scrubbed is a step's answer without the secrets of the run.
func (a *authorizer) scrubbed(s step) step {
	if s.Answer == nil {
		return s
	}
	answer := *s.Answer
	answer.Body = a.scrub(answer.Body)
	answer.Header = map[string][]string{}
	for name, values := range s.Answer.Header {
		for _, value := range values {
			answer.Header[name] = append(answer.Header[name], a.scrub(value))
		}
	}
	s.Answer = &answer
	return s
}

// The parts of a HAR file (version 1.2 of the format of the Web Performance Working
// Group's draft), as far as there is something to say.
type (
	harFile struct {
		Log harLog `json:"log"`
	}
	harLog struct {
		Version string     `json:"version"`
		Creator harName    `json:"creator"`
		Pages   []harPage  `json:"pages"`
		Entries []harEntry `json:"entries"`
	}
	harName struct {
		Name    string `json:"name"`
		Version string `json:"version"`
	}
	harPage struct {
		StartedDateTime string             `json:"startedDateTime"`
		ID              string             `json:"id"`
		Title           string             `json:"title"`
		PageTimings     map[string]float64 `json:"pageTimings"`
	}
	harPair struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	}
	harEntry struct {
		Pageref         string             `json:"pageref"`
		StartedDateTime string             `json:"startedDateTime"`
		Time            float64            `json:"time"`
		Request         harRequest         `json:"request"`
		Response        harResponse        `json:"response"`
		Cache           map[string]any     `json:"cache"`
		Timings         map[string]float64 `json:"timings"`
		Comment         string             `json:"comment,omitempty"`
	}
	harRequest struct {
		Method      string    `json:"method"`
		URL         string    `json:"url"`
		HTTPVersion string    `json:"httpVersion"`
		Cookies     []harPair `json:"cookies"`
		Headers     []harPair `json:"headers"`
		QueryString []harPair `json:"queryString"`
		PostData    *harBody  `json:"postData,omitempty"`
		HeadersSize int       `json:"headersSize"`
		BodySize    int       `json:"bodySize"`
	}
	harResponse struct {
		Status      int       `json:"status"`
		StatusText  string    `json:"statusText"`
		HTTPVersion string    `json:"httpVersion"`
		Cookies     []harPair `json:"cookies"`
		Headers     []harPair `json:"headers"`
		Content     harBody   `json:"content"`
		RedirectURL string    `json:"redirectURL"`
		HeadersSize int       `json:"headersSize"`
		BodySize    int       `json:"bodySize"`
	}
	harBody struct {
		Size     int    `json:"size"`
		MimeType string `json:"mimeType"`
		Text     string `json:"text,omitempty"`
		Encoding string `json:"encoding,omitempty"`
		Comment  string `json:"comment,omitempty"`
	}
)

// WriteHAR writes the calls of all findings with their answers as an HTTP archive, a page
// for each finding. Credentials are not among it.
func (r *Result) WriteHAR(w io.Writer, version string) error {
	file := harFile{harLog{Version: "1.2", Creator: harName{"Understudy", version}, Pages: []harPage{}, Entries: []harEntry{}}}
	began := r.From.UTC().Format(time.RFC3339Nano)
	for i := range r.Findings {
		f := &r.Findings[i]
		id := "finding_" + scalarText(json.Number(numberOf(i+1)))
		file.Log.Pages = append(file.Log.Pages, harPage{began, id, f.Check + " " + f.Operation + ": " + f.Message, map[string]float64{}})
		for _, s := range f.Steps {
			file.Log.Entries = append(file.Log.Entries, harOf(&s, r.base, id, began))
		}
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(file)
}

func numberOf(n int) string { return string(encode(n)) }

func harOf(s *step, base, id, began string) harEntry {
	e := harEntry{
		Pageref: id, StartedDateTime: began, Cache: map[string]any{}, Timings: map[string]float64{"send": 0, "wait": 0, "receive": 0},
		Request: harRequest{
			Method: s.Method, URL: base + s.Path, HTTPVersion: "HTTP/1.1", Cookies: []harPair{}, Headers: pairs(s.Header), QueryString: []harPair{},
			HeadersSize: -1,
		},
		Response: harResponse{HTTPVersion: "HTTP/1.1", Cookies: []harPair{}, Headers: []harPair{}, HeadersSize: -1, BodySize: -1},
	}
	if s.Query != "" {
		e.Request.URL += "?" + s.Query
		if values, err := url.ParseQuery(s.Query); err == nil {
			e.Request.QueryString = pairs(values)
		}
	}
	if text, has := s.text(); has {
		e.Request.BodySize = len(text)
		e.Request.PostData = &harBody{Size: len(text), MimeType: http.Header(s.Header).Get("Content-Type"), Text: text}
		if !utf8.ValidString(text) {
			e.Request.PostData.Text = string(encode(s.BodyBase64))
			e.Request.PostData.Comment = "the text is base64"
		}
	}
	if a := s.Answer; a != nil {
		e.Time, e.Timings["wait"] = a.Millis, a.Millis
		header := http.Header(a.Header)
		e.Response.Status, e.Response.StatusText, e.Response.Headers = a.Status, http.StatusText(a.Status), pairs(a.Header)
		e.Response.RedirectURL = header.Get("Location")
		e.Response.Content = harBody{Size: len(a.Body), MimeType: contract.MediaType(header.Get("Content-Type")), Text: a.Body}
		if a.Cut {
			e.Response.Content.Comment = "the beginning"
		}
	} else {
		e.Comment = "The server did not answer."
	}
	return e
}

func pairs(values map[string][]string) []harPair {
	out := []harPair{}
	for _, name := range sortedNames(values) {
		for _, value := range values[name] {
			out = append(out, harPair{name, value})
		}
	}
	return out
}
