package site

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"os"
	"strings"
	"testing"

	"github.com/understudy-api/understudy/server/contract"
)

// contentAPI serves the document as generated code would.
type contentAPI struct {
	madeAPI
	came   string                                       // what the handler was given
	answer func(w http.ResponseWriter, r *http.Request) // of the GETs
}

func (a *contentAPI) Register(route Route) {
	for _, path := range []string{"/upload", "/form"} {
		route(http.MethodPost, path, a.take)
	}
	route(http.MethodPut, "/bytes", a.take)
	for _, path := range []string{"/events", "/csv", "/file", "/text"} {
		route(http.MethodGet, path, func(w http.ResponseWriter, r *http.Request) { a.answer(w, r) })
	}
}

// take reads a request as the strict handlers of oapi-codegen do.
func (a *contentAPI) take(w http.ResponseWriter, r *http.Request) {
	var came []string
	contentType := r.Header.Get("Content-Type")
	switch {
	case strings.HasPrefix(contentType, "multipart/form-data"):
		reader, err := r.MultipartReader()
		for err == nil {
			var part *multipart.Part
			if part, err = reader.NextPart(); err == nil {
				text, _ := io.ReadAll(part)
				if len(text) > 40 {
					text = fmt.Appendf(nil, "%d bytes", len(text))
				}
				came = append(came, part.FormName()+"="+part.FileName()+":"+string(text))
			}
		}
		if !errors.Is(err, io.EOF) {
			came = append(came, err.Error())
		}
	case strings.HasPrefix(contentType, "application/x-www-form-urlencoded"):
		if err := r.ParseForm(); err != nil {
			came = append(came, err.Error())
		}
		came = append(came, r.Form.Encode())
	default:
		text, _ := io.ReadAll(r.Body)
		came = append(came, contentType, string(text))
	}
	a.came = strings.Join(came, " | ")
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write([]byte(`"ok"`))
}

func (a *contentAPI) Authenticate(*http.Request, *contract.Operation) (Principal, *Refusal) {
	return Principal{Workspace: "w"}, nil
}

func (a *contentAPI) Refuse(w http.ResponseWriter, _ *http.Request, refusal *Refusal) {
	status := map[Kind]int{KindInvalid: 422, KindTooLarge: 413, KindInternal: 500, KindUnavailable: 503}[refusal.Kind]
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(`{}`))
}

// contentSource is a document with bodies and answers of every sort.
func contentSource(t testing.TB) contract.Source {
	t.Helper()
	text, err := os.ReadFile("../contract/testdata/content.json")
	if err != nil {
		t.Fatal(err)
	}
	return contract.Source{API: "made", File: "made.json", JSON: text, Lines: []byte(`{}`)}
}

func contentSite(t testing.TB, api *contentAPI, options Options) *Site {
	t.Helper()
	api.source = contentSource(t)
	options.API = api
	if options.Limits == (Limits{}) {
		options.Limits = DefaultLimits()
	}
	site, err := NewSite(options)
	if err != nil {
		t.Fatal(err)
	}
	return site
}

// partOf is one part of a multipart body: "name=text", "name=@file:text", or
// "name={type}text".
func multipartOf(t testing.TB, parts ...string) (contentType string, body []byte) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, part := range parts {
		name, text, _ := strings.Cut(part, "=")
		header := textproto.MIMEHeader{"Content-Disposition": {`form-data; name="` + name + `"`}}
		if rest, ok := strings.CutPrefix(text, "@"); ok {
			file, content, _ := strings.Cut(rest, ":")
			header.Set("Content-Disposition", `form-data; name="`+name+`"; filename="`+file+`"`)
			header.Set("Content-Type", "application/zip")
			text = content
		} else if rest, ok := strings.CutPrefix(text, "{"); ok && strings.Contains(rest, "/") {
			kind, content, _ := strings.Cut(rest, "}")
			header.Set("Content-Type", kind)
			text = content
		}
		part, err := w.CreatePart(header)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = part.Write([]byte(text))
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return w.FormDataContentType(), b.Bytes()
}

// A body of any declared type is judged, handed to the handler as it came, and
// recorded without its secrets.
func TestBodies(t *testing.T) {
	var x *Exchange
	api := &contentAPI{}
	site := contentSite(t, api, Options{Record: func(e *Exchange) { x = e }})
	big := strings.Repeat("x", 2_000_000)
	upload := func(parts ...string) func(*testing.T) (string, []byte) {
		return func(t *testing.T) (string, []byte) { t.Helper(); return multipartOf(t, parts...) }
	}
	raw := func(contentType, body string) func(*testing.T) (string, []byte) {
		return func(*testing.T) (string, []byte) { return contentType, []byte(body) }
	}
	for _, c := range []struct {
		what, target string
		request      func(*testing.T) (string, []byte)
		rules        string // "rule pointer" of each violation
		came         string // what the handler was given
		recorded     string // a part of the record
	}{
		{"an upload", "/upload", upload("name=rules", "file=@r.zip:PK", "count=3"), "", "name=:rules | file=r.zip:PK | count=:3", "(2 bytes)"},
		{"a large upload", "/upload", upload("name=rules", "file=@r.zip:"+big, "secret=hush"), "", "name=:rules | file=r.zip:2000000 bytes | secret=:hush", "of 2000"},
		{"too large", "/upload", upload("name=rules", "file=@r.zip:"+big+big), "bodySize ", "", ""},
		{"no file", "/upload", upload("name=rules"), "required /file", "", "rules"},
		{"fields of wrong types", "/upload", upload("name=r", "file=@a:b", "count=x"), "type /count minLength /name", "", "count"},
		{"an undeclared field", "/upload", upload("name=rules", "file=@a:b", "other=1"), "additionalProperties /other", "", ""},
		{"several fields of a name", "/upload", upload("name=rules", "file=@a:b", "tags=x", "tags=y"), "", "name=:rules | file=a:b | tags=:x | tags=:y", ""},
		{"too many of a name", "/upload", upload("name=rules", "file=@a:b", "tags=x", "tags=y", "tags=z"), "maxItems /tags", "", ""},
		{"several files", "/upload", upload("name=rules", "file=@a:b", "more=@c:d", "more=@e:f"), "", "name=:rules | file=a:b | more=c:d | more=e:f", ""},
		{"JSON in a part", "/upload", upload("name=rules", "file=@a:b", `meta={application/json}{"a":1}`), "", `name=:rules | file=a:b | meta=:{"a":1}`, `{"a":1}`},
		{"wrong JSON in a part", "/upload", upload("name=rules", "file=@a:b", `meta={"a":"x"}`), "type /meta/a", "", ""},
		{"no JSON in a part", "/upload", upload("name=rules", "file=@a:b", `meta={`), "json /meta", "", ""},
		{"a secret in a part", "/upload", upload("name=rules", "file=@a:b", "secret=hush"), "", "name=:rules | file=a:b | secret=:hush", contract.Mask},
		{"a secret in JSON in a part", "/upload", upload("name=rules", "file=@a:b", `meta={"a":1,"apiToken":"hush"}`), "", `name=:rules | file=a:b | meta=:{"a":1,"apiToken":"hush"}`, `{"a":1,"apiToken":"` + contract.Mask + `"}`},
		{"a secret in JSON that is not declared", "/upload", upload("name=rules", "file=@a:b", `tags=[{"password":"hush"}]`), "", `name=:rules | file=a:b | tags=:[{"password":"hush"}]`, `[{"password":"` + contract.Mask + `"}]`},
		{"a secret in broken JSON", "/upload", upload("name=rules", "file=@a:b", `meta={"password":"hush"`), "json /meta", "", contract.Mask},
		{"a secret in a part without a name", "/upload", raw("multipart/form-data"+"; boundary=b", "--b\r\n\r\nhush\r\n--b--"), "multipart ", "", contract.Mask},
		{"a secret after a name given twice", "/upload", raw("multipart/form-data"+"; boundary=b", "--b\r\nContent-Disposition: form-data; name=a; name=secret\r\n\r\nhush\r\n--b--"), "multipart ", "", contract.Mask},
		{"a number in a part beyond all", "/upload", upload("name=rules", "file=@a:b", "count=1e999"), "numberRange /count", "", ""},
		{"an integer in a part beyond 64 bits", "/upload", upload("name=rules", "file=@a:b", "count=99999999999999999999"), "integerRange /count", "", ""},
		{"a fraction in a part", "/upload", upload("name=rules", "file=@a:b", "count=9007199254740993.5"), "type /count", "", ""},
		{"numbers beyond all in JSON in a part", "/upload", upload("name=rules", "file=@a:b", `meta={"a":99999999999999999999,"b":1e999}`), "integerRange /meta/a numberRange /meta/b", "", ""},
		{"too many parts", "/upload", raw("multipart/form-data"+"; boundary=b", strings.Repeat("--b\r\nContent-Disposition: form-data; name=x\r\n\r\n\r\n", 1001)+"--b--"), "multipart ", "", ""},
		{"endless headers", "/upload", raw("multipart/form-data"+"; boundary=b", "--b\r\n"+strings.Repeat("X-A: b\r\n", 100_000)+"\r\n\r\n--b--"), "multipart ", "", ""},
		{"fields too large", "/upload", upload("name=rules", "file=@a:b", "tags="+big), "bodySize ", "", ""},
		{"an empty name", "/upload", raw("multipart/form-data"+"; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"\"\r\n\r\nx\r\n--b--"), "multipart ", "", ""},
		{"no boundary", "/upload", raw("multipart/form-data", "x"), "multipart ", "", ""},
		{"cut off", "/upload", raw("multipart/form-data"+"; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\nru"), "multipart ", "", ""},
		{"a part without a name", "/upload", raw("multipart/form-data"+"; boundary=b", "--b\r\n\r\nru\r\n--b--"), "multipart ", "", ""},
		{"JSON where it is not declared", "/upload", raw("application/json", "{}"), "mediaType ", "", ""},
		{"nothing", "/upload", raw("", ""), "required ", "", ""},

		{"a form", "/form", raw("application/x-www-form-urlencoded", "grant=a&n=4&on=true&ids=1&ids=2"), "", "grant=a&ids=1&ids=2&n=4&on=true", "grant=a"},
		{"a form in other spellings", "/form", raw("application/x-www-form-urlencoded", "grant=a&grant=b&n=4.0&on=true&ids=1e1&ids=-0"), "", "grant=a&ids=10&ids=0&n=4&on=true", ""},
		{"spaces in a form", "/form", raw("application/x-www-form-urlencoded", "grant=a&n=+4&on=true+"), "type /n type /on", "", ""},
		{"a form beside a query", "/form?q=x", raw("application/x-www-form-urlencoded", "grant=a"), "", "grant=a", ""},
		{"a wrong form", "/form", raw("application/x-www-form-urlencoded", "n=1&on=yes&ids=x&grant=c"), "enum /grant minimum /n type /on type /ids/0", "", ""},
		{"a form without a member", "/form", raw("application/x-www-form-urlencoded"+"; charset=utf-8", "n=3"), "required /grant", "", ""},
		{"an empty form", "/form", raw("application/x-www-form-urlencoded", ""), "required /grant", "", ""},
		{"a malformed form", "/form", raw("application/x-www-form-urlencoded", "grant=a&x=%zz;"), "", "grant=a&x=%25zz%3B", ""},
		{"a secret in a form", "/form", raw("application/x-www-form-urlencoded", "client_secret=hush&grant=a"), "", "client_secret=hush&grant=a", "client_secret=" + contract.Mask},
		{"a secret in JSON in a form", "/form", raw("application/x-www-form-urlencoded", "grant=a&x=%7B%22token%22%3A%22hush%22%7D"), "", "grant=a&x=%7B%22token%22%3A%22hush%22%7D", "grant=a&x=" + `%7B%22token%22%3A%22%2A%2A%2A%2A%2A%2A%2A%2A%2A%2A%22%7D`},
		{"odd numbers in a form", "/form", raw("application/x-www-form-urlencoded", "grant=a&n=99999999999999999999&ids=1e999&ids=1.0&ids=1.5"), "integerRange /n numberRange /ids/0 type /ids/2", "", ""},
		{"JSON beside a form", "/form", raw("Application/JSON", `{"grant":"x"}`), "", `application/json | {"grant":"x"}`, `{"grant":"x"}`},

		{"bytes", "/bytes", raw("application/octet-stream", "\x00\xff"), "", "application/octet-stream | \x00\xff", "(2 bytes)"},
		{"a range of types", "/bytes", raw("image/png", "\x89PNG"), "", "image/png | \x89PNG", "(4 bytes)"},
		{"CSV", "/bytes", raw("text/csv; header=present", "a,b\n1,2"), "", "text/csv; header=present | a,b\n1,2", "a,b\n1,2"},
		{"text", "/bytes", raw("text/plain", "short"), "", "text/plain | short", "short"},
		{"too long a text", "/bytes", raw("text/plain", "longer"), "maxLength ", "", ""},
		{"an undeclared type", "/bytes", raw("application/xml", "<a/>"), "mediaType ", "", ""},
		{"no bytes", "/bytes", raw("application/octet-stream", ""), "required ", "", ""},
	} {
		t.Run(c.what, func(t *testing.T) {
			contentType, body := c.request(t)
			method := http.MethodPost
			if c.target == "/bytes" {
				method = http.MethodPut
			}
			r := httptest.NewRequest(method, c.target, bytes.NewReader(body))
			if contentType != "" {
				r.Header.Set("Content-Type", contentType)
			}
			api.came = ""
			w := answerOf(site, r)
			var rules []string
			for _, e := range x.Explained {
				if e.Side == contract.SideClient && e.Rule != contract.RuleUnknownMember { // the refusals are not declared
					rules = append(rules, e.Rule+" "+e.Pointer)
				}
			}
			if got := strings.Join(rules, " "); got != c.rules {
				t.Fatalf("rules %q, want %q: %+v", got, c.rules, x.Explained)
			}
			if (w.Code == http.StatusOK) != (c.rules == "") || api.came != c.came {
				t.Errorf("status %d, the handler got %q, want %q", w.Code, api.came, c.came)
			}
			recorded := string(x.Operation.MaskRequest(contentType, x.RequestBody))
			if len(x.RequestBody) < int(x.RequestSize) {
				recorded += fmt.Sprint(" of ", x.RequestSize)
			}
			if !strings.Contains(recorded, c.recorded) || strings.Contains(recorded, "hush") || len(recorded) > 100_000 {
				t.Errorf("recorded as %.300q, want %q", recorded, c.recorded)
			}
			if left, _ := os.ReadDir(os.TempDir()); strings.Contains(fmt.Sprint(left), "understudy-body-") {
				t.Error("a file is left")
			}
		})
	}
}

// However many mistakes a request has, a bounded number is told.
func TestManyMistakes(t *testing.T) {
	site := contentSite(t, &contentAPI{}, Options{})
	many := func(text string) string { return strings.Repeat(text, 30_000) }
	for _, c := range []struct{ what, path, query, contentType, body string }{
		{"undeclared parameters", "/form", func() string {
			var b strings.Builder
			for i := range 30_000 {
				fmt.Fprintf(&b, "a%d&", i)
			}
			return b.String()
		}(), "application/x-www-form-urlencoded", "grant=a"},
		{"malformed parameters", "/form", func() string {
			var b strings.Builder
			for i := range 30_000 {
				fmt.Fprintf(&b, "q=%%z&a%d=%%z&", i)
			}
			return b.String()
		}(), "application/x-www-form-urlencoded", "grant=a"},
		{"odd numbers in JSON", "/form", "", "application/json", `{"grant":"a","x":[` + many("1e999,") + `0]}`},
		{"odd numbers in a form", "/form", "", "application/x-www-form-urlencoded", "grant=a&" + many("ids=1e999&")},
		{"wrong numbers in a form", "/form", "", "application/x-www-form-urlencoded", "grant=a&" + many("ids=x&")},
	} {
		t.Run(c.what, func(t *testing.T) {
			op := site.document.Operation(http.MethodPost, c.path)
			r := httptest.NewRequest(http.MethodPost, c.path+"?"+c.query, http.NoBody)
			judged := op.JudgeRequest(t.Context(), &contract.Message{
				Method: r.Method, URL: r.URL, Header: http.Header{"Content-Type": {c.contentType}}, Body: []byte(c.body),
			})
			if n := len(judged.Violations); n < contract.MaxExplained || n > 2*contract.MaxExplained {
				t.Errorf("%d violations", n)
			}
		})
	}
}

// A client that has read an answer finds its record.
func TestRecordedBeforeSent(t *testing.T) {
	var w *httptest.ResponseRecorder
	site := contentSite(t, &contentAPI{}, Options{Record: func(x *Exchange) {
		if w.Body.Len() > 0 || x.Status != http.StatusOK || string(x.ResponseBody) != `"ok"` || x.ResponseHeader.Get("Content-Length") != "4" {
			t.Errorf("recorded as %+v with %q sent", x, w.Body)
		}
	}})
	r := httptest.NewRequest(http.MethodPost, "/form?other", strings.NewReader("grant=a"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w = httptest.NewRecorder()
	site.ServeHTTP(w, r)
	if w.Body.String() != `"ok"` {
		t.Errorf("sent %q", w.Body)
	}
}

// A stream is judged by its head, goes out as it comes and is kept in part.
func TestStreams(t *testing.T) {
	done := make(chan *Exchange, 1)
	api := &contentAPI{}
	next := make(chan string)
	site := contentSite(t, api, Options{Record: func(x *Exchange) { done <- x }})
	server := httptest.NewServer(site)
	defer server.Close()
	api.answer = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		w.Header().Set("X-Run", "1")
		w.WriteHeader(http.StatusOK)
		for event := range next {
			if _, err := w.Write([]byte(event)); err != nil {
				t.Error(err)
			}
			w.(http.Flusher).Flush() // as generated code does
		}
	}
	response, err := http.Get(server.URL + "/events")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	buffer := make([]byte, 100)
	for _, event := range []string{"data: 1\n\n", "data: 2\n\n"} {
		next <- event // the one before has arrived
		if n, err := io.ReadAtLeast(response.Body, buffer, len(event)); err != nil || string(buffer[:n]) != event {
			t.Fatalf("%q, %v", buffer[:n], err)
		}
	}
	close(next)
	if rest, err := io.ReadAll(response.Body); err != nil || len(rest) > 0 {
		t.Fatalf("%q, %v", rest, err)
	}
	x := <-done
	if string(x.ResponseBody) != "data: 1\n\ndata: 2\n\n" || x.Status != 200 || x.Err != nil || len(x.Explained) > 0 || x.ResponseSize != 18 {
		t.Errorf("recorded as %+v", x)
	}

	big := strings.Repeat("1,2,3,4,5,6,7,8\n", 20_000)
	three := int64(3)
	for _, c := range []struct {
		what, method, path string
		header             map[string]string
		status             int
		body               string
		fails              bool   // the handler
		force              *Force // what is done on purpose
		want               string // what the client gets
		wantStatus         int    // 0 if it cannot read the answer
		kept               int64
	}{
		{"CSV", "GET", "/csv", map[string]string{"Content-Type": "text/csv; charset=utf-8"}, 200, big, false, nil, big, 200, maxKept},
		{"a file", "GET", "/file", map[string]string{"Content-Type": "application/octet-stream", "Content-Length": "3"}, 200, "\x00\x01\x02", false, nil, "\x00\x01\x02", 200, 3},
		{"HEAD", "HEAD", "/file", map[string]string{"Content-Type": "application/octet-stream"}, 200, "abc", false, nil, "", 200, 0},
		{"a header is missing", "GET", "/events", map[string]string{"Content-Type": "text/event-stream"}, 200, "data: 1\n\n", false, nil, "{}", 500, 2},
		{"a header is wrong", "GET", "/events", map[string]string{"Content-Type": "text/event-stream", "X-Run": "x"}, 200, "data: 1\n\n", false, nil, "{}", 500, 2},
		{"an undeclared status", "GET", "/events", map[string]string{"Content-Type": "text/event-stream", "X-Run": "1"}, 201, "data: 1\n\n", false, nil, "{}", 500, 2},
		{"events where none are declared", "GET", "/csv", map[string]string{"Content-Type": "text/event-stream"}, 200, "data: 1\n\n", false, nil, "{}", 500, 2},
		{"an undeclared type", "GET", "/csv", map[string]string{"Content-Type": "text/html"}, 200, "<p>", false, nil, "{}", 500, 2},
		{"a text", "GET", "/text", map[string]string{"Content-Type": "text/plain"}, 200, "short", false, nil, "short", 200, 5},
		{"a text against its schema", "GET", "/text", map[string]string{"Content-Type": "text/plain"}, 200, "longer", false, nil, "{}", 500, 2},
		{"broken off", "GET", "/csv", map[string]string{"Content-Type": "text/csv"}, 200, "1,2", true, nil, "1,2", 0, 3},
		{"cut on purpose", "GET", "/csv", map[string]string{"Content-Type": "text/csv"}, 200, "1,2,3", false, &Force{Truncate: &three}, "1,2", 0, 3},
		{"reset on purpose", "GET", "/csv", map[string]string{"Content-Type": "text/csv"}, 200, "1,2,3", false, &Force{Connection: ConnectionResetAfter}, "", 0, 0},
	} {
		t.Run(c.what, func(t *testing.T) {
			api.head = true
			site.steer = func(context.Context, Call) (Treatment, error) { return Treatment{Force: c.force}, nil }
			api.answer = func(w http.ResponseWriter, r *http.Request) {
				for name, value := range c.header {
					w.Header().Set(name, value)
				}
				w.WriteHeader(c.status)
				_, err := io.Copy(struct{ io.Writer }{w}, strings.NewReader(c.body))
				if c.fails {
					err = errors.New("no more")
				}
				if err != nil {
					Fail(w, r, err)
				}
			}
			request, err := http.NewRequestWithContext(t.Context(), c.method, server.URL+c.path, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Authorization", "Bearer s")
			response, err := http.DefaultClient.Do(request)
			status := 0
			var body []byte
			if err == nil {
				if body, err = io.ReadAll(response.Body); err == nil {
					status = response.StatusCode
				}
				_ = response.Body.Close()
			}
			if status != c.wantStatus || string(body) != c.want {
				t.Errorf("status %d, %.80q (%v), want %d, %.80q", status, body, err, c.wantStatus, c.want)
			}
			x := <-done
			if int64(len(x.ResponseBody)) != c.kept || (c.wantStatus == 500) != (len(x.Explained) > 0) || c.fails != (x.Err != nil) && c.wantStatus != 500 {
				t.Errorf("%d bytes recorded, %v, %+v", len(x.ResponseBody), x.Err, x.Explained)
			}
		})
	}
}

// A body that is announced as too large is not asked for, whether it would go through
// memory or a file.
func TestExpectTooLarge(t *testing.T) {
	server := httptest.NewServer(contentSite(t, &contentAPI{}, Options{}))
	defer server.Close()
	for _, path := range []string{"/upload", "/form"} {
		connection, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer connection.Close()
		_, err = fmt.Fprintf(connection, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: %s; boundary=b\r\nContent-Length: 3000001\r\nExpect: 100-continue\r\n\r\n", path, "multipart/form-data")
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.ReadResponse(bufio.NewReader(connection), nil)
		if err != nil || response.StatusCode == http.StatusContinue || !response.Close {
			t.Errorf("%s: %+v, %v", path, response, err)
		}
		_ = response.Body.Close()
	}
}
