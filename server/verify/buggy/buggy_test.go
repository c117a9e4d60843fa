package buggy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
	"github.com/google/go-cmp/cmp"
)

// routersOf finds operations in both forms of the document.
var routersOf = sync.OnceValues(func() ([]routers.Router, error) {
	var both []routers.Router
	for _, data := range [][]byte{Document(), Document31()} {
		document, err := openapi3.NewLoader().LoadFromData(data)
		if err != nil {
			return nil, err
		}
		r, err := gorillamux.NewRouter(document)
		if err != nil {
			return nil, err
		}
		both = append(both, r)
	}
	return both, nil
})

// client speaks to a shop, and has kin-openapi judge every answer.
type client struct {
	t     *testing.T
	shop  http.Handler
	both  bool     // judge by the 3.1 form too, which is slow
	wrong []string // what kin-openapi found
}

type reply struct {
	*http.Response
	data []byte
}

// do sends a request with a credential, and with a media type and a request token
// where they belong. A header is "Name: value"; "Name:" leaves it out.
func (c *client) do(method, path, body string, headers ...string) reply {
	c.t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+Token)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if method == http.MethodPost && strings.HasSuffix(path, "/orders") {
		r.Header.Set("X-Request-Token", "till-0001")
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ":")
		if value = strings.TrimSpace(value); value == "" {
			r.Header.Del(name)
		} else {
			r.Header.Set(name, value)
		}
	}
	w := httptest.NewRecorder()
	c.shop.ServeHTTP(w, r)
	answer := reply{w.Result(), w.Body.Bytes()}
	c.judge(r, answer)
	return answer
}

func (c *client) judge(r *http.Request, answer reply) {
	c.t.Helper()
	both, err := routersOf()
	if err != nil {
		c.t.Fatal(err)
	}
	if !c.both {
		both = both[:1]
	}
	for _, router := range both {
		asked := r.Clone(r.Context())
		route, params, err := router.FindRoute(asked)
		if err != nil { // no operation, or a path parameter with an odd character
			continue
		}
		err = openapi3filter.ValidateResponse(r.Context(), &openapi3filter.ResponseValidationInput{
			RequestValidationInput: &openapi3filter.RequestValidationInput{Request: asked, Route: route, PathParams: params},
			Status:                 answer.StatusCode,
			Header:                 answer.Header,
			Body:                   io.NopCloser(bytes.NewReader(answer.data)),
			Options: &openapi3filter.Options{
				IncludeResponseStatus:   true,
				SchemaValidationOptions: []openapi3.SchemaValidationOption{openapi3.WithStringFormatValidators(formats)},
			},
		})
		if err != nil {
			c.wrong = append(c.wrong, fmt.Sprintf("%s %s as %s: %v", r.Method, r.URL, route.Spec.OpenAPI, err))
		}
	}
}

// status sends a request and says how it was answered.
func (c *client) status(method, path, body string, headers ...string) string {
	c.t.Helper()
	return fmt.Sprint(c.do(method, path, body, headers...).StatusCode)
}

// made posts something, and returns the answer's body.
func (c *client) made(path, body string) map[string]any {
	c.t.Helper()
	answer := c.do("POST", path, body)
	if answer.StatusCode/100 != 2 {
		c.t.Fatalf("POST %s: %d %s", path, answer.StatusCode, answer.data)
	}
	return answer.object()
}

func (r reply) object() map[string]any {
	var body map[string]any
	_ = json.Unmarshal(r.data, &body)
	return body
}

// member is a member of the body as JSON, or what else came.
func (r reply) member(name string) string {
	body := r.object()
	if body == nil {
		return fmt.Sprintf("%d %s", r.StatusCode, r.data)
	}
	value, ok := body[name]
	if !ok {
		return "absent"
	}
	data, _ := json.Marshal(value)
	return string(data)
}

const (
	itemJSON    = `{"name":"Atlas","sku":"ATL-0001","category":"book","stock":3}`
	orderJSON   = `{"quantity":2,"email":"ada@example.com","payment":{"method":"card","holder":"Ada","lastDigits":"4242"}}`
	accountJSON = `{"email":"ada@example.com","password":"correct horse"}`
	stranger    = "00000000-0000-4000-8000-000000000000"
)

// but is a JSON object with other members; those that are given as "-" are left out.
func but(object, changes string) string {
	var base, other map[string]any
	if err := json.Unmarshal([]byte(object), &base); err != nil {
		panic(err)
	}
	if err := json.Unmarshal([]byte(changes), &other); err != nil {
		panic(err)
	}
	maps.Copy(base, other)
	maps.DeleteFunc(base, func(_ string, v any) bool { return v == "-" })
	data, err := json.Marshal(base)
	if err != nil {
		panic(err)
	}
	return string(data)
}

func TestDocuments(t *testing.T) {
	for name, tc := range map[string]struct {
		data    []byte
		version string
	}{
		"3.0": {Document(), "3.0.3"},
		"3.1": {Document31(), "3.1.0"},
	} {
		t.Run(name, func(t *testing.T) {
			document, err := openapi3.NewLoader().LoadFromData(tc.data)
			if err != nil {
				t.Fatal(err)
			}
			if err := document.Validate(t.Context()); err != nil {
				t.Error(err)
			}
			if document.OpenAPI != tc.version {
				t.Errorf("version %s, want %s", document.OpenAPI, tc.version)
			}
			operations := make(map[string]bool)
			for _, p := range document.Paths.Map() {
				for _, op := range p.Operations() {
					operations[op.OperationID] = true
				}
			}
			handlers := (&server{}).handlers()
			for id := range handlers {
				if !operations[id] {
					t.Errorf("%s is not declared", id)
				}
			}
			if len(operations) != len(handlers) {
				t.Errorf("%d operations and %d handlers", len(operations), len(handlers))
			}
		})
	}
	for _, old := range []string{"nullable", "enum: [card]"} {
		if strings.Contains(string(Document31()), old) {
			t.Errorf("the 3.1 form has %q", old)
		}
	}
	for _, text := range []string{`type: [string, "null"]`, "const: card"} {
		if !strings.Contains(string(Document31()), text) {
			t.Errorf("the 3.1 form lacks %q", text)
		}
	}
}

// furnished is a shop with an item, which has an order, and an account.
func furnished(t *testing.T) http.Handler {
	c := &client{t: t, shop: New()}
	c.made("/items", itemJSON)
	c.made("/items/1/orders", orderJSON)
	c.made("/accounts", accountJSON)
	return c.shop
}

func TestConforming(t *testing.T) {
	long := func(n int, letter string) string { return strings.Repeat(letter, n) }
	item := func(changes string) string { return but(itemJSON, changes) }
	order := func(changes string) string { return but(orderJSON, changes) }
	type request struct {
		method, path, body string
		headers            []string
		want               int
	}
	req := func(want int, method, path, body string, headers ...string) request {
		return request{method, path, body, headers, want}
	}
	untouched := furnished(t) // by requests that are refused
	for _, tc := range []request{
		// Credentials, paths and methods.
		req(200, "GET", "/health", "", "Authorization:"),
		req(200, "GET", "/items", ""),
		req(200, "GET", "/items", "", "Authorization: bearer  "+Token),
		req(401, "GET", "/items", "", "Authorization:"),
		req(401, "GET", "/items", "", "Authorization: "+Token),
		req(401, "GET", "/items", "", "Authorization: Bearer"),
		req(401, "GET", "/items", "", "Authorization: Bearer wrong"),
		req(401, "GET", "/items", "", "Authorization: Basic c2VjcmV0LXRva2Vu"),
		req(401, "POST", "/items", "{", "Authorization:"),
		req(401, "GET", "/items/none", "", "Authorization:"),
		req(404, "GET", "/", ""),
		req(404, "GET", "/items/", ""),
		req(404, "GET", "/items/1/orders/", ""),
		req(404, "GET", "/nothing", "", "Authorization:"),
		req(405, "DELETE", "/items", ""),
		req(405, "POST", "/health", ""),
		req(405, "TRACE", "/items/1", ""),
		req(405, "HEAD", "/accounts", ""),
		req(204, "OPTIONS", "/items", "", "Authorization:"),
		req(200, "HEAD", "/items", ""),
		// Parameters.
		req(200, "GET", "/items?page=1000000&perPage=100&category=tool", ""),
		req(200, "GET", "/items?perPage=1", ""),
		req(400, "GET", "/items?page=0", ""),
		req(400, "GET", "/items?page=1000001", ""),
		req(400, "GET", "/items?page=9223372036854775808", ""),
		req(400, "GET", "/items?page=1.0", ""),
		req(400, "GET", "/items?page=+1", ""),
		req(400, "GET", "/items?page=", ""),
		req(400, "GET", "/items?page=1&page=1", ""),
		req(400, "GET", "/items?perPage=101", ""),
		req(400, "GET", "/items?perPage=null", ""),
		req(400, "GET", "/items?category=boat", ""),
		req(400, "GET", "/items?colour=red", ""),
		req(400, "GET", "/items?page=%zz", ""),
		req(404, "GET", "/items/2147483647", ""),
		req(400, "GET", "/items/2147483648", ""),
		req(400, "GET", "/items/0", ""),
		req(400, "GET", "/items/-1", ""),
		req(400, "GET", "/items/one", ""),
		req(400, "GET", "/items/1%2Forders", ""),
		req(200, "GET", "/items/1/orders?limit=50&cursor=999999999", ""),
		req(400, "GET", "/items/1/orders?limit=51", ""),
		req(400, "GET", "/items/1/orders?cursor=x", ""),
		req(400, "GET", "/items/1/orders/one", ""),
		req(404, "GET", "/items/1/orders/"+stranger, ""),
		req(404, "GET", "/items/7/orders", ""),
		req(404, "POST", "/items/7/orders", orderJSON),
		req(404, "GET", "/accounts/"+stranger, ""),
		req(400, "GET", "/accounts/urn:uuid:"+stranger, ""),
		// The body as such.
		req(400, "POST", "/items", ""),
		req(400, "POST", "/items", "{"),
		req(400, "POST", "/items", "null"),
		req(400, "POST", "/items", "[]"),
		req(400, "POST", "/items", itemJSON+itemJSON),
		req(400, "POST", "/items", `{"name":"a","name":"b","sku":"ATL-0001","category":"book","stock":3}`),
		req(400, "POST", "/items", "{\"name\":\"\xff\",\"sku\":\"ATL-0001\",\"category\":\"book\",\"stock\":3}"),
		req(413, "POST", "/items", item(`{"name":"`+long(1<<20, "n")+`"}`)),
		req(415, "POST", "/items", itemJSON, "Content-Type: text/plain"),
		req(415, "POST", "/items", itemJSON, "Content-Type:"),
		req(415, "POST", "/items", itemJSON, "Content-Type: application/json; charset=latin1"),
		req(415, "POST", "/items", itemJSON, "Content-Encoding: gzip"),
		req(201, "POST", "/items", itemJSON, "Content-Type: Application/JSON; charset=UTF-8"),
		// Every keyword of an item.
		req(201, "POST", "/items", item(`{"weight":0.125,"description":null,"availableFrom":"2026-02-28T23:59:60Z","tags":["a","b"]}`)),
		req(201, "POST", "/items", item(`{"weight":1000,"description":"","availableFrom":null,"tags":[]}`)),
		req(201, "POST", "/items", item(`{"name":"`+long(80, "é")+`","stock":1000}`)),
		req(201, "POST", "/items", item(`{"name":"`+long(80, "😀")+`","stock":0}`)),
		req(201, "POST", "/items", item(`{"name":"'\u0000","stock":5.0}`)),
		req(400, "POST", "/items", item(`{"name":"`+long(81, "é")+`"}`)),
		req(400, "POST", "/items", item(`{"name":""}`)),
		req(400, "POST", "/items", item(`{"name":null}`)),
		req(400, "POST", "/items", item(`{"name":5}`)),
		req(400, "POST", "/items", item(`{"name":["a"]}`)),
		req(400, "POST", "/items", item(`{"name":"-"}`)),
		req(400, "POST", "/items", item(`{"sku":"atl-0001"}`)),
		req(400, "POST", "/items", item(`{"sku":"ATL-0001\n"}`)),
		req(400, "POST", "/items", item(`{"category":"Book"}`)),
		req(400, "POST", "/items", item(`{"category":null}`)),
		req(400, "POST", "/items", item(`{"stock":1001}`)),
		req(400, "POST", "/items", item(`{"stock":-1}`)),
		req(400, "POST", "/items", item(`{"stock":"3"}`)),
		req(400, "POST", "/items", item(`{"stock":3.5}`)),
		req(400, "POST", "/items", item(`{"stock":true}`)),
		req(400, "POST", "/items", strings.Replace(itemJSON, "3", "1e400", 1)),
		req(400, "POST", "/items", item(`{"weight":1000.5}`)),
		req(400, "POST", "/items", item(`{"weight":null}`)),
		req(400, "POST", "/items", item(`{"description":"`+long(201, "d")+`"}`)),
		req(400, "POST", "/items", item(`{"availableFrom":"2026-02-30T00:00:00Z"}`)),
		req(400, "POST", "/items", item(`{"availableFrom":"2026-02-28 00:00:00Z"}`)),
		req(400, "POST", "/items", item(`{"availableFrom":"2026-02-28T0:00:00Z"}`)),
		req(400, "POST", "/items", item(`{"availableFrom":"2026-02-28T00:00:00"}`)),
		req(400, "POST", "/items", item(`{"availableFrom":"2026-02-28T12:59:60Z"}`)),
		req(400, "POST", "/items", item(`{"tags":["a","b","c","d","e","f"]}`)),
		req(400, "POST", "/items", item(`{"tags":["a","a"]}`)),
		req(400, "POST", "/items", item(`{"tags":[""]}`)),
		req(400, "POST", "/items", item(`{"tags":null}`)),
		req(400, "POST", "/items", item(`{"tags":{}}`)),
		req(400, "POST", "/items", item(`{"colour":"red"}`)),
		req(400, "POST", "/items", item(`{"id":9}`)),
		req(200, "PUT", "/items/1", itemJSON),
		req(400, "PUT", "/items/1", item(`{"stock":"-"}`)),
		req(404, "PUT", "/items/7", itemJSON),
		req(200, "PATCH", "/items/1", `{"description":null}`),
		req(400, "PATCH", "/items/1", `{}`),
		req(400, "PATCH", "/items/1", `{"stock":1001}`),
		req(404, "PATCH", "/items/7", `{"stock":1}`),
		req(404, "DELETE", "/items/7", ""),
		// Orders.
		req(201, "POST", "/items/1/orders", order(`{"note":null,"payment":{"method":"transfer","iban":"DE12345678"},"gift":true}`)),
		req(201, "POST", "/items/1/orders", order(`{"email":"a.b+c@example"}`)),
		req(400, "POST", "/items/1/orders", orderJSON, "X-Request-Token:"),
		req(400, "POST", "/items/1/orders", orderJSON, "X-Request-Token: short"),
		req(400, "POST", "/items/1/orders", orderJSON, "X-Request-Token: with_underscore"),
		req(400, "POST", "/items/1/orders", order(`{"quantity":0}`)),
		req(400, "POST", "/items/1/orders", order(`{"quantity":"-"}`)),
		req(400, "POST", "/items/1/orders", order(`{"email":"Ada <ada@example.com>"}`)),
		req(400, "POST", "/items/1/orders", order(`{"email":"ada"}`)),
		req(400, "POST", "/items/1/orders", order(`{"email":"ä@example.com"}`)),
		req(400, "POST", "/items/1/orders", order(`{"payment":{}}`)),
		req(400, "POST", "/items/1/orders", order(`{"payment":{"method":"cash"}}`)),
		req(400, "POST", "/items/1/orders", order(`{"payment":{"method":"card","iban":"DE12345678"}}`)),
		req(400, "POST", "/items/1/orders", order(`{"payment":{"method":"transfer","iban":"DE12345678","holder":"Ada"}}`)),
		req(400, "POST", "/items/1/orders", order(`{"payment":null}`)),
		// Accounts.
		req(201, "POST", "/accounts", but(accountJSON, `{"email":"bob@example.com","displayName":"Bob"}`)),
		req(409, "POST", "/accounts", accountJSON),
		req(400, "POST", "/accounts", but(accountJSON, `{"password":"-"}`)),
		req(400, "POST", "/accounts", but(accountJSON, `{"password":"short"}`)),
		req(400, "POST", "/accounts", but(accountJSON, `{"id":"`+stranger+`"}`)),
		req(400, "POST", "/accounts", but(accountJSON, `{"displayName":""}`)),
	} {
		t.Run(tc.method+" "+tc.path+" "+tc.body[:min(len(tc.body), 100)], func(t *testing.T) {
			c := &client{t: t, shop: untouched, both: true}
			if tc.want < 400 {
				c.shop = furnished(t)
			}
			answer := c.do(tc.method, tc.path, tc.body, tc.headers...)
			if answer.StatusCode != tc.want {
				t.Errorf("answered %d, want %d: %s", answer.StatusCode, tc.want, answer.data)
			}
			if answer.StatusCode >= 400 && tc.method != "HEAD" && !strings.HasPrefix(answer.Header.Get("Content-Type"), "application/problem+json") {
				t.Errorf("a %d of type %q", answer.StatusCode, answer.Header.Get("Content-Type"))
			}
			for _, w := range c.wrong {
				t.Error(w)
			}
		})
	}
	c := &client{t: t, shop: untouched}
	if items, orders := c.do("GET", "/items", "").member("total"), c.do("GET", "/items/1/orders", "").Header.Get("X-Total-Count"); items != "1" || orders != "1" {
		t.Errorf("%s items and %s orders after requests that were refused, want 1 and 1", items, orders)
	}
}

func TestHeaders(t *testing.T) {
	c := &client{t: t, shop: New()}
	c.made("/items", itemJSON)
	for _, tc := range []struct{ method, path, header, want string }{
		{"DELETE", "/items", "Allow", "GET, HEAD, OPTIONS, POST"},
		{"OPTIONS", "/items/1", "Allow", "DELETE, GET, HEAD, OPTIONS, PATCH, PUT"},
		{"OPTIONS", "/accounts", "Allow", "OPTIONS, POST"},
		{"HEAD", "/items", "X-Total-Count", "1"},
		{"HEAD", "/items", "Content-Type", "application/json"},
		{"GET", "/items/1/orders", "X-Total-Count", "0"},
	} {
		if got := c.do(tc.method, tc.path, "").Header.Get(tc.header); got != tc.want {
			t.Errorf("%s %s: %s is %q, want %q", tc.method, tc.path, tc.header, got, tc.want)
		}
	}
	if answer := c.do("HEAD", "/items", ""); len(answer.data) != 0 {
		t.Errorf("HEAD has a body: %s", answer.data)
	}
	r := httptest.NewRequest(http.MethodGet, "/items", nil)
	r.Header["Authorization"] = []string{"Bearer " + Token, "Bearer " + Token}
	w := httptest.NewRecorder()
	c.shop.ServeHTTP(w, r)
	if w.Code != 401 || w.Header().Get("WWW-Authenticate") == "" {
		t.Errorf("two credentials: %d %v", w.Code, w.Header())
	}
}

// TestLife follows an item, its orders and an account from beginning to end.
func TestLife(t *testing.T) {
	c := &client{t: t, shop: New(), both: true}
	full := but(itemJSON, `{"weight":0.1,"description":"large","availableFrom":"2026-02-28T12:00:00+01:00","tags":["b","a"]}`)
	made := c.made("/items", full)
	shown := c.do("GET", "/items/1", "").object()
	if diff := cmp.Diff(made, shown); diff != "" {
		t.Error("created and shown (-, +):\n" + diff)
	}
	var want map[string]any
	if err := json.Unmarshal([]byte(full), &want); err != nil {
		t.Fatal(err)
	}
	want["id"], want["createdAt"] = 1.0, made["createdAt"]
	if diff := cmp.Diff(want, shown); diff != "" {
		t.Error("sent and shown (-, +):\n" + diff)
	}

	c.do("PATCH", "/items/1", `{"stock":9,"description":null}`)
	want["stock"], want["description"] = 9.0, nil
	if diff := cmp.Diff(want, c.do("GET", "/items/1", "").object()); diff != "" {
		t.Error("updated and shown (-, +):\n" + diff)
	}

	c.do("PUT", "/items/1", itemJSON)
	want["stock"], want["availableFrom"], want["tags"] = 3.0, nil, []any{}
	delete(want, "weight")
	if diff := cmp.Diff(want, c.do("GET", "/items/1", "").object()); diff != "" {
		t.Error("replaced and shown (-, +):\n" + diff)
	}

	order := c.made("/items/1/orders", orderJSON)
	orderPath := fmt.Sprintf("/items/1/orders/%v", order["id"])
	if diff := cmp.Diff(order, c.do("GET", orderPath, "").object()); diff != "" {
		t.Error("ordered and shown (-, +):\n" + diff)
	}
	c.made("/items", itemJSON)
	if got := c.status("GET", strings.Replace(orderPath, "/1/", "/2/", 1), ""); got != "404" {
		t.Errorf("another item's order: %s", got)
	}
	for _, step := range []struct{ method, path, want string }{
		{"DELETE", "/items/1", "204"},
		{"DELETE", "/items/1", "404"},
		{"GET", "/items/1", "404"},
		{"GET", "/items/1/orders", "404"},
		{"GET", orderPath, "404"},
		{"GET", "/items/2", "200"},
	} {
		if got := c.status(step.method, step.path, ""); got != step.want {
			t.Errorf("%s %s: %s, want %s", step.method, step.path, got, step.want)
		}
	}

	account := c.made("/accounts", accountJSON)
	if diff := cmp.Diff(account, c.do("GET", fmt.Sprintf("/accounts/%v", account["id"]), "").object()); diff != "" {
		t.Error("opened and shown (-, +):\n" + diff)
	}
	upper := c.do("GET", "/accounts/"+strings.ToUpper(fmt.Sprint(account["id"])), "")
	if diff := cmp.Diff(account, upper.object()); diff != "" {
		t.Error("the id in capitals (-, +):\n" + diff)
	}
	for _, w := range c.wrong {
		t.Error(w)
	}
}

func TestConcurrency(t *testing.T) {
	shop := New()
	var all sync.WaitGroup
	for n := range 8 {
		all.Go(func() {
			c := &client{t: t, shop: shop}
			for i := range 20 {
				path := fmt.Sprintf("/items/%v", c.made("/items", itemJSON)["id"])
				c.made(path+"/orders", orderJSON)
				c.do("PATCH", path, `{"stock":4}`)
				c.do("GET", path+"/orders", "")
				c.do("GET", "/items", "")
				if i%2 == 0 {
					c.do("DELETE", path, "")
				}
				c.made("/accounts", but(accountJSON, fmt.Sprintf(`{"email":"a%d.%d@example.com"}`, n, i)))
			}
			for _, w := range c.wrong {
				t.Error(w)
			}
		})
	}
	all.Wait()
	c := &client{t: t, shop: shop}
	if got := c.do("GET", "/items", "").member("total"); got != "80" {
		t.Errorf("%s items, want 80", got)
	}
}

func TestUnknownBug(t *testing.T) {
	c := &client{t: t, shop: New("no-such-bug")}
	if answer := c.do("GET", "/health", ""); answer.StatusCode != http.StatusInternalServerError || !bytes.Contains(answer.data, []byte("no-such-bug")) {
		t.Errorf("answered %d %s", answer.StatusCode, answer.data)
	}
}
