package buggy

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"net/mail"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/go-json-experiment/json"
)

const maxBody = 1 << 20

var integer = regexp.MustCompile(`^-?(0|[1-9][0-9]*)$`)

// judge reads a request by the schemas of its operation.
func (s *frame) judge(w http.ResponseWriter, r *http.Request, op *operation, values map[string]string) (*call, *answer) {
	c := &call{path: make(map[string]any), query: make(map[string]any), header: r.Header, given: make(map[string]bool)}
	if !op.secured {
		return c, nil // nothing of it is read
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, refuse("The query cannot be read.")
	}
	for name := range query {
		c.given[name] = true
		if op.params.GetByInAndName(openapi3.ParameterInQuery, name) == nil {
			return nil, refuse("A query parameter is not declared.")
		}
	}
	for _, ref := range op.params {
		p := ref.Value
		switch p.In {
		case openapi3.ParameterInPath:
			c.path[p.Name], err = read(p, []string{values[p.Name]})
		case openapi3.ParameterInQuery:
			c.query[p.Name], err = read(p, query[p.Name])
		case openapi3.ParameterInHeader:
			_, err = read(p, r.Header.Values(p.Name))
		}
		if s.has(AnyAccountID) && p.Name == "accountId" || s.has(PageSizeText) && p.Name == "perPage" && c.query["perPage"] == nil {
			err = nil
		}
		if err != nil {
			return nil, refuse("The parameter " + p.Name + " breaks its schema.")
		}
	}
	if op.declared.RequestBody == nil {
		return c, nil
	}
	value, data, refusal := s.body(w, r)
	if refusal != nil {
		return nil, refusal
	}
	c.sent, _ = value.(map[string]any)
	if crash := s.crash(op.declared.OperationID, value); crash != nil {
		return nil, crash
	}
	value = s.coerced(op.declared.OperationID, value)
	schema := op.declared.RequestBody.Value.Content["application/json"].Schema.Value
	if err := visit(schema, value); err != nil {
		refusal := refuse("The body breaks its schema" + at(err) + ".")
		if s.has(HTMLError) && op.declared.OperationID == "createAccount" {
			refusal.media, refusal.data = "text/html; charset=utf-8", []byte("<h1>Bad Request</h1>")
		}
		return nil, refusal
	}
	c.body, _ = value.(map[string]any)
	c.exact = exactly(data)
	return c, nil
}

func refuse(detail string) *answer {
	a := problem(http.StatusBadRequest, detail)
	return &a
}

// at tells where a value breaks its schema, and by which keyword.
func at(err error) string {
	var broken *openapi3.SchemaError
	if !errors.As(err, &broken) {
		return ""
	}
	return " (" + broken.SchemaField + " at /" + strings.Join(broken.JSONPointer(), "/") + ")"
}

func visit(schema *openapi3.Schema, value any) error {
	return schema.VisitJSON(value, openapi3.VisitAsRequest(), openapi3.WithStringFormatValidators(formats))
}

// read reads a parameter from the values that came for it. The value that is read is
// nil if none came and there is no default, or if what came is no integer.
func read(p *openapi3.Parameter, came []string) (any, error) {
	schema := p.Schema.Value
	switch {
	case len(came) == 0 && p.Required:
		return nil, errors.New("missing")
	case len(came) == 0:
		return schema.Default, nil
	case len(came) > 1:
		return nil, errors.New("repeated")
	}
	if schema.Type.Is(openapi3.TypeBoolean) {
		return came[0] == "true", map[bool]error{false: errors.New("no boolean")}[came[0] == "true" || came[0] == "false"]
	}
	if !schema.Type.Is(openapi3.TypeInteger) {
		return came[0], visit(schema, came[0])
	}
	if !integer.MatchString(came[0]) {
		return nil, errors.New("no integer")
	}
	n, err := strconv.ParseFloat(came[0], 64)
	if err != nil {
		return nil, err
	}
	return n, visit(schema, n)
}

func (s *frame) body(w http.ResponseWriter, r *http.Request) (any, []byte, *answer) {
	if r.Body == nil { // a handler that is called without a server
		return nil, nil, refuse("A body is needed.")
	}
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		a := problem(http.StatusRequestEntityTooLarge, "The body is larger than 1 MiB.")
		return nil, nil, &a
	case err != nil:
		return nil, nil, refuse("The body cannot be read.")
	case len(data) == 0:
		return nil, nil, refuse("A body is needed.")
	}
	if !isJSON(r.Header) && !s.has(AnyMediaType) {
		a := problem(http.StatusUnsupportedMediaType, "The body must be application/json.")
		return nil, nil, &a
	}
	var value any
	if err := json.Unmarshal(data, &value); err != nil {
		return nil, nil, refuse("The body is not JSON (RFC 8259, with unique names, in UTF-8).")
	}
	return value, data, nil
}

func isJSON(h http.Header) bool {
	types := h.Values("Content-Type")
	if len(types) != 1 || h.Get("Content-Encoding") != "" {
		return false
	}
	media, params, err := mime.ParseMediaType(types[0])
	charset, given := params["charset"]
	return err == nil && media == "application/json" && (!given || strings.EqualFold(charset, "utf-8"))
}

// formats are those of the document.
var formats = map[string]openapi3.StringFormatValidator{
	"date":      openapi3.NewCallbackValidator(func(text string) error { _, err := time.Parse(time.DateOnly, text); return err }),
	"uuid":      openapi3.NewRegexpFormatValidator(`^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$`),
	"password":  openapi3.NewCallbackValidator(func(string) error { return nil }),
	"date-time": openapi3.NewCallbackValidator(dateTime),
	"email":     openapi3.NewCallbackValidator(email),
}

var rfc3339 = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$`)

// dateTime accepts RFC 3339's date-time, which time.Parse is laxer than, except in
// leap seconds.
func dateTime(text string) error {
	text = strings.ToUpper(text)
	if !rfc3339.MatchString(text) {
		return errors.New("no date-time")
	}
	leap := text[17:19] == "60"
	if leap {
		text = text[:17] + "59" + text[19:]
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return err
	}
	if u := t.UTC(); leap && (u.Hour() != 23 || u.Minute() != 59) {
		return errors.New("no leap second")
	}
	return nil
}

// email accepts a bare address (RFC 5321) in ASCII.
func email(text string) error {
	for i := range len(text) {
		if text[i] >= 0x80 {
			return errors.New("not in ASCII")
		}
	}
	address, err := mail.ParseAddress(text)
	if err == nil && address.Address != text {
		return errors.New("no bare address")
	}
	return err
}
