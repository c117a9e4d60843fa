package buggy

import (
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
)

// frame is what servers with bugs have in common: it finds the operation, and judges
// the request by the document.
type frame struct {
	bugs  map[Bug]bool
	paths []*path

	mu         sync.Mutex
	authorized func(r *http.Request, operation string) bool
	crash      func(operation string, body any) *answer // what a body makes stumble
	coerced    func(operation string, body any) any     // what a bug makes of a body
}

// server is the shop.
type server struct {
	frame

	uuids    int           // handed out
	items    map[int]*item // the deleted ones too
	listed   []*item
	orders   map[string]*order
	accounts map[string]*account
	emails   map[string]bool // of the accounts
	newest   string          // the id of the newest account
}

func (s *frame) has(b Bug) bool { return s.bugs[b] }

// path is a path of the document.
type path struct {
	segments   []string
	operations map[string]*operation // by method
	allow      string
}

type operation struct {
	declared *openapi3.Operation
	secured  bool
	params   openapi3.Parameters // those of the path too
	handle   func(*call) answer
}

// call is a request that its operation's schemas accepted. A parameter that is left
// out has its default, or is not there.
type call struct {
	path, query map[string]any // integers are float64
	header      http.Header
	body        map[string]any
	sent        map[string]any  // the body before a server has left out anything
	exact       map[string]any  // the body with its numbers as they are written
	given       map[string]bool // parameters of the query that came
}

func (s *server) handlers() map[string]func(*call) answer {
	return map[string]func(*call) answer{
		"getHealth":     s.getHealth,
		"listItems":     s.listItems,
		"createItem":    s.createItem,
		"getItem":       s.getItem,
		"replaceItem":   s.replaceItem,
		"updateItem":    s.updateItem,
		"deleteItem":    s.deleteItem,
		"listOrders":    s.listOrders,
		"createOrder":   s.createOrder,
		"getOrder":      s.getOrder,
		"createAccount": s.createAccount,
		"getAccount":    s.getAccount,
	}
}

// prepare makes the paths from the document, in which the rules that a bug is about
// were changed.
func (s *frame) prepare(document *openapi3.T, handlers map[string]func(*call) answer) error {
	for _, template := range document.Paths.InMatchingOrder() {
		pathItem := document.Paths.Value(template)
		p := &path{segments: strings.Split(template, "/"), operations: make(map[string]*operation)}
		for method, declared := range pathItem.Operations() {
			handle, ok := handlers[declared.OperationID]
			if !ok {
				return fmt.Errorf("operation %q has no handler", declared.OperationID)
			}
			p.operations[method] = &operation{
				declared: declared,
				secured:  declared.Security == nil || len(*declared.Security) > 0,
				params:   slices.Concat(pathItem.Parameters, declared.Parameters),
				handle:   handle,
			}
		}
		methods := []string{http.MethodOptions}
		for method := range p.operations {
			methods = append(methods, method)
			if method == http.MethodGet {
				methods = append(methods, http.MethodHead)
			}
		}
		slices.Sort(methods)
		p.allow = strings.Join(methods, ", ")
		if s.has(WrongAllow) {
			p.allow = "DELETE, GET, HEAD, OPTIONS, PUT"
		}
		s.paths = append(s.paths, p)
	}
	return nil
}

func (s *frame) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.answer(w, r).write(w, r)
}

func (s *frame) answer(w http.ResponseWriter, r *http.Request) answer {
	p, values := s.find(r.URL)
	if p == nil {
		return problem(http.StatusNotFound, "The path is not declared.")
	}
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	op := p.operations[method]
	switch {
	case op != nil:
	case method == http.MethodOptions:
		return answer{status: http.StatusNoContent}.with("Allow", p.allow)
	case s.has(UndeclaredMethod) && method == http.MethodDelete && p.segments[1] == "accounts":
		return answer{status: http.StatusOK, body: map[string]any{}}
	case s.has(NoAllow):
		return problem(http.StatusMethodNotAllowed, "The path has other methods.")
	default:
		return problem(http.StatusMethodNotAllowed, "The path has other methods.").with("Allow", p.allow)
	}
	if op.secured && !s.authorized(r, op.declared.OperationID) {
		refusal := problem(http.StatusUnauthorized, "A bearer token is needed.")
		if s.has(NoAuthChallenge) {
			return refusal
		}
		return refusal.with("WWW-Authenticate", `Bearer realm="shop"`)
	}
	c, refusal := s.judge(w, r, op, values)
	if refusal != nil {
		return *refusal
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return op.handle(c).encoded()
}

// find finds the path of a URL, and the values of the path's parameters.
func (s *frame) find(u *url.URL) (*path, map[string]string) {
	segments := strings.Split(u.EscapedPath(), "/")
next:
	for _, p := range s.paths {
		if len(p.segments) != len(segments) {
			continue
		}
		values := make(map[string]string)
		for i, want := range p.segments {
			got, err := url.PathUnescape(segments[i])
			name, variable := strings.CutPrefix(want, "{")
			switch {
			case err != nil, !variable && got != want, variable && got == "":
				continue next
			case variable:
				values[strings.TrimSuffix(name, "}")] = got
			}
		}
		return p, values
	}
	return nil, nil
}

func (s *server) admits(r *http.Request, operation string) bool {
	if s.has(NoAuth) && operation == "listItems" {
		return true
	}
	credentials := r.Header.Values("Authorization")
	if len(credentials) != 1 {
		return false
	}
	scheme, token, _ := strings.Cut(credentials[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return s.has(WrongScheme) && operation == "getItem"
	}
	token = strings.TrimLeft(token, " ")
	return subtle.ConstantTimeCompare([]byte(token), []byte(Token)) == 1
}

// answer is what is sent.
type answer struct {
	status int
	header http.Header
	media  string // application/json if empty
	body   any    // none if nil
	data   []byte // the body, encoded
	stream []byte // the beginning of a body that does not end
}

// problem is an error (RFC 9457).
func problem(status int, detail string) answer {
	return answer{status: status, media: "application/problem+json", body: map[string]any{
		"type": "about:blank", "title": http.StatusText(status), "status": status, "detail": detail,
	}}
}

func (a answer) with(name, value string) answer {
	a.header = a.header.Clone()
	if a.header == nil {
		a.header = make(http.Header)
	}
	a.header.Set(name, value)
	return a
}

// encoded is the answer with its body encoded, which may hold state that changes as
// soon as the lock is released.
func (a answer) encoded() answer {
	if a.body == nil || a.data != nil {
		return a
	}
	data, err := json.Marshal(a.body)
	if err != nil {
		return answer{status: http.StatusInternalServerError}
	}
	a.data = data
	return a
}

func (a answer) write(w http.ResponseWriter, r *http.Request) {
	a = a.encoded()
	maps.Copy(w.Header(), a.header)
	if a.stream != nil {
		w.Header().Set("Content-Type", a.media)
		w.WriteHeader(a.status)
		if r.Method == http.MethodHead {
			return
		}
		_, _ = w.Write(a.stream)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
		return
	}
	if a.data == nil {
		w.WriteHeader(a.status)
		return
	}
	if a.media == "" {
		a.media = "application/json"
	}
	w.Header()["Content-Type"] = []string{a.media}
	if a.media == untyped {
		w.Header()["Content-Type"] = nil // or net/http would guess one
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(a.data)))
	w.WriteHeader(a.status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(a.data)
	}
}

// untyped stands for no Content-Type at all.
const untyped = "-"
