package brms

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/understudy-api/understudy/gen/brms"
	"github.com/understudy-api/understudy/server/decision"
	"github.com/understudy-api/understudy/server/decision/value"
	"github.com/understudy-api/understudy/server/decision/zen"
	"github.com/understudy-api/understudy/server/site"
	"github.com/understudy-api/understudy/storage"
)

// ErrOutgoing is what the transport of outgoing requests returns, wrapped, for an
// address that requests may not go to. Its text says why and is told to clients.
var ErrOutgoing = errors.New("outgoing requests are off: --allow-outgoing lets them out")

const (
	// maxAnswer is how long an answer to an outgoing request may be, in bytes.
	maxAnswer = 8 << 20
	// longestCall is how long an outgoing request may take.
	longestCall = 30 * time.Second
)

// outgoing makes a request and reads its answer.
func (a *API) outgoing(ctx context.Context, method, address string, header map[string]string, body []byte, timeout time.Duration) (*reply, error) {
	if a.transport == nil {
		return nil, ErrOutgoing
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, strings.ToUpper(method), address, bytes.NewReader(body))
	if err != nil {
		return nil, errors.New("the address of the request cannot be read")
	}
	if scheme := request.URL.Scheme; scheme != "http" && scheme != "https" || request.URL.Host == "" {
		return nil, errors.New("the address of the request is not one of HTTP")
	}
	for name, text := range header {
		request.Header.Set(name, text)
	}
	for _, name := range hopByHop {
		request.Header.Del(name)
	}
	response, err := (&http.Client{Transport: a.transport}).Do(request)
	if err != nil {
		if failure, ok := errors.AsType[*url.Error](err); ok {
			err = failure.Err // without the address, which may hold a secret
		}
		if errors.Is(err, ErrOutgoing) {
			return nil, err
		}
		if unknown, ok := errors.AsType[*net.DNSError](err); ok {
			unknown.Server = "" // who resolves names here is nobody's business
		}
		return nil, fmt.Errorf("the request was not answered: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err == nil && len(text) > maxAnswer {
		err = fmt.Errorf("it has more than %d bytes", maxAnswer)
	}
	if err != nil {
		return nil, fmt.Errorf("the answer cannot be read: %w", err)
	}
	data, err := value.Parse(text)
	if err != nil {
		data = value.String(strings.ToValidUTF8(string(text), "\uFFFD"))
	}
	return &reply{status: response.StatusCode, header: response.Header, data: data}, nil
}

// hopByHop are the headers that are about a connection, which is the server's own and
// not the client's (RFC 9110, section 7.6.1).
var hopByHop = []string{"Connection", "Proxy-Connection", "Keep-Alive", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "Proxy-Authorization"}

// reply is the answer to an outgoing request.
type reply struct {
	status int
	header http.Header
	data   value.Value // decoded where it is JSON
}

// value is the reply as functions of decisions see one.
func (r *reply) value() value.Value {
	headers := value.NewMap(len(r.header))
	for _, name := range slices.Sorted(maps.Keys(r.header)) {
		headers.Set(strings.ToLower(name), value.String(strings.Join(r.header[name], ", ")))
	}
	v := value.NewMap(3)
	v.Set("status", value.Int(int64(r.status)))
	v.Set("headers", value.Object(headers))
	v.Set("data", r.data)
	return value.Object(v)
}

// proxied is the answer of the proxy.
type proxied struct{ text []byte }

// VisitHTTPProxyResponse writes the answer.
func (p proxied) VisitHTTPProxyResponse(w http.ResponseWriter) error {
	return writeJSON(w, p.text)
}

// HTTPProxy makes a request, if requests may go out. What "auth" holds is not published:
// of an object with a name and a password, as axios takes it, basic authentication is made.
func (a *API) HTTPProxy(ctx context.Context, request brms.HTTPProxyRequestObject) (brms.HTTPProxyResponseObject, error) {
	if _, err := projects.read(ctx, a, request.ProjectID); err != nil {
		return nil, err
	}
	body, text := request.Body, site.BodyFrom(ctx)
	header := map[string]string{}
	given := texts(body.Headers)
	for _, name := range slices.Sorted(maps.Keys(given)) { // of two spellings the same one each time
		header[http.CanonicalHeaderKey(name)] = given[name]
	}
	if auth := texts(body.Auth); auth["username"] != "" && header["Authorization"] == "" {
		header["Authorization"] = "Basic " + base64.StdEncoding.EncodeToString([]byte(auth["username"]+":"+auth["password"]))
	}
	var sent []byte
	switch given := body.Body.(type) {
	case nil:
	case string:
		sent = []byte(given)
	default:
		sent = bodyMember(text, "body")
		if header["Content-Type"] == "" {
			header["Content-Type"] = "application/json"
		}
	}
	address := body.URL
	if params := texts(body.Params); len(params) > 0 {
		query := url.Values{}
		for name, text := range params {
			query.Set(name, text)
		}
		address, _, _ = strings.Cut(address, "#")
		separator := "?"
		if strings.Contains(address, "?") {
			separator = "&"
		}
		address += separator + query.Encode()
	}
	answer, err := a.outgoing(ctx, or(body.Method, http.MethodGet), address, header, sent, longestCall)
	switch {
	case errors.Is(err, ErrOutgoing):
		return nil, site.Forbidden("outgoing.notAllowed", sentence(err))
	case err != nil:
		return nil, site.Conflict("outgoing.failed", sentence(err))
	}
	return proxied{answer.value().AppendJSON(nil)}, nil
}

// sentence is the text of an error of ours as one for people.
func sentence(err error) string {
	text := err.Error()
	return strings.ToUpper(text[:1]) + text[1:]
}

// texts are the members of an object as texts; none of what is no object.
func texts(v any) map[string]string {
	found := map[string]string{}
	members, _ := v.(map[string]any)
	for name, member := range members {
		if text, ok := member.(string); ok {
			found[name] = text
		} else if b, err := json.Marshal(member); err == nil {
			found[name] = string(b)
		}
	}
	return found
}

// integrationNodes runs custom nodes: each by the integration of the project that has
// its kind. It is a [decision.CustomHandler].
//
// How the real service does that is not published. The address, the headers and the
// cookies of the integration may have "{{ expression }}" in them, which sees the input
// of the node and, beside and before it, the node's own configuration. Where the inputs
// of the integration are in use, the configuration is the body, else the input is.
type integrationNodes struct {
	api     *API
	project string
}

// Handle runs a custom node.
func (n *integrationNodes) Handle(ctx context.Context, request *decision.CustomRequest) (answer decision.CustomResponse, _ error) {
	config, err := reading(ctx, n.api, func(tx storage.ReadTx) (httpConfig, error) {
		found, err := integrations.by(tx, indexKind, n.project+"\x00"+request.Kind)
		return found.Value.Config, err
	})
	if err != nil {
		if site.AsRefusal(err).Kind == site.KindNotFound {
			return answer, fmt.Errorf("no integration of the kind %q in the project", request.Kind)
		}
		return answer, err
	}
	own, err := request.Rendered()
	if err != nil {
		return answer, err
	}
	input := withoutMember(request.Input, "$nodes")
	scope := value.Merge(request.Input, own)
	render := func(text string) (string, error) {
		template, err := zen.CompileTemplate(text)
		if err != nil {
			return "", err
		}
		v, err := template.Eval(&zen.Env{Root: scope, Zone: time.UTC, Clock: time.Now, Context: ctx})
		if err != nil {
			return "", err
		}
		if v.Kind() == value.KindString {
			return v.AsString(), nil
		}
		return string(v.AppendJSON(nil)), nil
	}
	address, err := render(config.URL)
	if err != nil {
		return answer, err
	}
	header := map[string]string{"Accept": "application/json"}
	if err := pairs(config.Headers, ":", render, func(name, text string) { header[name] = text }); err != nil {
		return answer, err
	}
	var cookies []string
	if err := pairs(config.Cookies, "=", render, func(name, text string) { cookies = append(cookies, name+"="+text) }); err != nil {
		return answer, err
	}
	if len(cookies) > 0 {
		header["Cookie"] = strings.Join(cookies, "; ")
	}
	var body []byte
	switch strings.ToUpper(config.Method) {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodDelete:
	default:
		header["Content-Type"] = "application/json"
		if body = input.AppendJSON(nil); config.EnableInputs {
			body = own.AppendJSON(nil)
		}
	}
	timeout := min(time.Duration(config.Timeout*float64(time.Millisecond)), longestCall)
	got, err := n.api.outgoing(ctx, config.Method, address, header, body, timeout)
	if err != nil {
		return answer, err
	}
	answer.TraceData = got.value()
	if got.status < 200 || got.status > 299 {
		return answer, fmt.Errorf("the integration was answered with status %d", got.status)
	}
	answer.Output = got.data
	if path := or(config.Output, ""); path != "" {
		answer.Output = value.PathValue(path, got.data)
	}
	return answer, nil
}

// withoutMember is an object without one of its members; another value as it is.
func withoutMember(v value.Value, name string) value.Value {
	if v.Kind() != value.KindObject {
		return v
	}
	rest := value.NewMap(v.AsObject().Len())
	for i := range v.AsObject().Len() {
		if key, member := v.AsObject().At(i); key != name {
			rest.Set(key, member)
		}
	}
	return value.Object(rest)
}

// pairs calls add with the names and rendered values of a list whose entries are
// objects {"key" or "name", "value"}, or texts with a mark between the two: the form is
// not published.
func pairs(list []any, mark string, render func(string) (string, error), add func(name, text string)) error {
	for _, entry := range list {
		var name, text string
		switch entry := entry.(type) {
		case string:
			name, text, _ = strings.Cut(entry, mark)
		case map[string]any:
			members := texts(entry)
			if name = members["key"]; name == "" {
				name = members["name"]
			}
			text = members["value"]
		}
		if name = strings.TrimSpace(name); name == "" {
			continue
		}
		rendered, err := render(strings.TrimSpace(text))
		if err != nil {
			return err
		}
		add(name, rendered)
	}
	return nil
}
