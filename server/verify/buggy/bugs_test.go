package buggy

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// visible is how a bug shows: what a look at the shop sees without it and with it.
type visible struct {
	look          func(*client) string
	without, with string
}

// status is a look at the status of one answer.
func status(method, path, body string, headers ...string) func(*client) string {
	return func(c *client) string { return c.status(method, path, body, headers...) }
}

// after is a look at a shop in which these things were made first: a path and a
// body, and so on.
func after(look func(*client) string, made ...string) func(*client) string {
	return func(c *client) string {
		for i := 0; i+1 < len(made); i += 2 {
			c.made(made[i], made[i+1])
		}
		return look(c)
	}
}

func header(method, path, body, name string, headers ...string) func(*client) string {
	return func(c *client) string { return c.do(method, path, body, headers...).Header.Get(name) }
}

func member(method, path, body, name string) func(*client) string {
	return func(c *client) string { return c.do(method, path, body).member(name) }
}

func addItem(changes string) func(*client) string {
	return status("POST", "/items", but(itemJSON, changes))
}

func addOrder(changes string, headers ...string) func(*client) string {
	return after(status("POST", "/items/1/orders", but(orderJSON, changes), headers...), "/items", itemJSON)
}

// orderShown looks at an order that was just made.
func orderShown(look func(reply) string) func(*client) string {
	return func(c *client) string {
		c.made("/items", itemJSON)
		return look(c.do("GET", fmt.Sprintf("/items/1/orders/%v", c.made("/items/1/orders", orderJSON)["id"]), ""))
	}
}

// accountShown looks at an account that was just opened.
func accountShown(look func(reply) string) func(*client) string {
	return func(c *client) string {
		return look(c.do("GET", fmt.Sprintf("/accounts/%v", c.made("/accounts", accountJSON)["id"]), ""))
	}
}

// deleted looks at a shop whose item 1 was deleted.
func deleted(look func(*client) string) func(*client) string {
	return after(func(c *client) string {
		c.do("DELETE", "/items/1", "")
		return look(c)
	}, "/items", itemJSON)
}

// changed looks at the item 1 after a request to it.
func changed(method, body, name string) func(*client) string {
	full := but(itemJSON, `{"weight":2,"tags":["a"]}`)
	return after(func(c *client) string {
		answered := c.do(method, "/items/1", body).member(name)
		return answered + " then " + c.do("GET", "/items/1", "").member(name)
	}, "/items", full)
}

// ids are those of the listed things.
func ids(answer reply, list string) string {
	var found []string
	listed, _ := answer.object()[list].([]any)
	for _, it := range listed {
		found = append(found, fmt.Sprint(it.(map[string]any)["id"]))
	}
	return strings.Join(found, " ")
}

// pages are the ids and the totals on two pages of three items.
func pages(c *client) string {
	for range 3 {
		c.made("/items", itemJSON)
	}
	first, second := c.do("GET", "/items?perPage=2", ""), c.do("GET", "/items?perPage=2&page=2", "")
	return ids(first, "items") + " of " + first.member("total") + ", " + ids(second, "items") + " of " + second.member("total")
}

// walk counts the orders on each page while there is a cursor, five pages at most.
func walk(c *client) string {
	c.made("/items", itemJSON)
	for range 5 {
		c.made("/items/1/orders", orderJSON)
	}
	var counts []string
	path := "/items/1/orders?limit=2"
	for range 5 {
		answer := c.do("GET", path, "")
		listed, _ := answer.object()["orders"].([]any)
		counts = append(counts, fmt.Sprint(len(listed)))
		cursor, ok := answer.object()["nextCursor"].(string)
		if !ok {
			break
		}
		path = "/items/1/orders?limit=2&cursor=" + cursor
	}
	return strings.Join(counts, " ")
}

// accountIDs counts the different ids of five accounts.
func accountIDs(c *client) string {
	seen := make(map[any]bool)
	for i := range 5 {
		seen[c.made("/accounts", but(accountJSON, fmt.Sprintf(`{"email":"a%d@example.com"}`, i)))["id"]] = true
	}
	return fmt.Sprint(len(seen))
}

// contentTypeOf tells nothing sent from an empty text.
func contentTypeOf(answer reply) string {
	if values := answer.Header.Values("Content-Type"); len(values) > 0 {
		return values[0]
	}
	return "none"
}

func wholeJSON(answer reply) string { return fmt.Sprint(json.Valid(answer.data)) }

var visibles = map[Bug]visible{
	LongName:           {addItem(`{"name":"` + strings.Repeat("n", 65) + `"}`), "201", "500"},
	QuoteInName:        {addItem(`{"name":"it's"}`), "201", "500"},
	AstralInName:       {addItem(`{"name":"😀"}`), "201", "500"},
	NegativeStock:      {addItem(`{"stock":-1}`), "400", "500"},
	NullBody:           {status("POST", "/accounts", "null"), "400", "500"},
	NameNotString:      {addItem(`{"name":{}}`), "400", "500"},
	FarPage:            {status("GET", "/items?page=1000000", ""), "200", "500"},
	OrphanedOrders:     {deleted(status("GET", "/items/1/orders", "")), "404", "500"},
	UpdatedAfterDelete: {deleted(status("PATCH", "/items/1", `{"stock":1}`)), "404", "500"},

	Created202: {addItem(`{}`), "201", "202"},
	Created200: {addOrder(`{}`), "201", "200"},
	Absent410:  {status("GET", "/items/1", ""), "404", "410"},

	TextPlain:     {after(header("GET", "/items/1", "", "Content-Type"), "/items", itemJSON), "application/json", "text/plain; charset=utf-8"},
	NoContentType: {orderShown(contentTypeOf), "application/json", "none"},
	HTMLError:     {header("POST", "/accounts", "{}", "Content-Type"), "application/problem+json", "text/html; charset=utf-8"},

	NoLocation: {header("POST", "/items", itemJSON, "Location"), "/items/1", ""},
	WrongLocation: {func(c *client) string {
		return fmt.Sprint(strings.HasPrefix(c.do("POST", "/accounts", accountJSON).Header.Get("Location"), "/accounts/"))
	}, "true", "false"},
	TotalCountText:  {header("GET", "/items", "", "X-Total-Count"), "0", "many"},
	NoAuthChallenge: {header("GET", "/items/1", "", "WWW-Authenticate", "Authorization:"), `Bearer realm="shop"`, ""},

	MemberMissing: {func(c *client) string {
		c.made("/items", itemJSON)
		return fmt.Sprint(c.do("GET", "/items/1", "").member("createdAt") == "absent")
	}, "false", "true"},
	MemberType: {after(member("GET", "/items/1", "", "stock"), "/items", itemJSON), "3", `"plenty"`},
	MemberNull: {after(func(c *client) string {
		return fmt.Sprint(strings.Contains(c.do("GET", "/items", "").member("items"), `"name":null`))
	}, "/items", itemJSON), "false", "true"},
	EnumUndeclared: {after(member("POST", "/items/1/orders", orderJSON, "status"), "/items", itemJSON), `"placed"`, `"lost"`},
	DateFormat: {func(c *client) string {
		return fmt.Sprint(c.do("POST", "/items", itemJSON).member("createdAt") == `"yesterday"`)
	}, "false", "true"},
	MemberExtra: {member("POST", "/items", itemJSON, "margin"), "absent", "0.4"},
	TooManyTags: {after(member("GET", "/items/1", "", "tags"), "/items", itemJSON), "[]", `["a","b","c","d","e","f"]`},
	ProblemType: {member("GET", "/accounts/"+stranger, "", "status"), "404", `"absent"`},
	PaymentVague: {
		orderShown(func(r reply) string { return fmt.Sprint(strings.Contains(r.member("payment"), "method")) }),
		"true", "false",
	},
	BrokenJSON: {
		after(func(c *client) string { return wholeJSON(c.do("GET", "/items/1/orders", "")) }, "/items", itemJSON),
		"true", "false",
	},
	EmptyList: {member("GET", "/items", "", "items"), "[]", "null"},

	AnyCategory:     {addItem(`{"category":"boat"}`), "400", "201"},
	NoMaximum:       {addItem(`{"stock":1001}`), "400", "201"},
	NoMinimum:       {addItem(`{"stock":-1}`), "400", "201"},
	NoMaxLength:     {addItem(`{"name":"` + strings.Repeat("n", 81) + `"}`), "400", "201"},
	NoMinLength:     {status("POST", "/accounts", but(accountJSON, `{"password":"short"}`)), "400", "201"},
	NoPattern:       {addItem(`{"sku":"atlas"}`), "400", "201"},
	NoDateTime:      {addItem(`{"availableFrom":"soon"}`), "400", "201"},
	NoEmail:         {addOrder(`{"email":"ada"}`), "400", "201"},
	NoMaxItems:      {addItem(`{"tags":["a","b","c","d","e","f"]}`), "400", "201"},
	NoUniqueItems:   {addItem(`{"tags":["a","a"]}`), "400", "201"},
	NoMinProperties: {after(status("PATCH", "/items/1", "{}"), "/items", itemJSON), "400", "200"},
	NothingRequired: {addOrder(`{"quantity":"-"}`), "400", "201"},
	ExtraAccepted:   {addItem(`{"colour":"red"}`), "400", "201"},
	NullAccepted:    {addItem(`{"name":null}`), "400", "201"},
	TextAsInteger:   {addItem(`{"stock":"3"}`), "400", "201"},
	AnyPayment:      {addOrder(`{"payment":{"method":"cash"}}`), "400", "201"},
	AnyMediaType:    {status("POST", "/items", itemJSON, "Content-Type: text/plain"), "415", "201"},
	AnyAccountID:    {status("GET", "/accounts/me", ""), "400", "200"},
	AnyPageSize:     {status("GET", "/items?perPage=101", ""), "400", "200"},
	PageSizeText:    {status("GET", "/items?perPage=all", ""), "400", "200"},

	ToolRefused:     {addItem(`{"category":"tool"}`), "201", "400"},
	MaximumRefused:  {addItem(`{"stock":1000}`), "201", "400"},
	AbsentRefused:   {addItem(`{}`), "201", "400"},
	NullRefused:     {addItem(`{"description":null}`), "201", "400"},
	NonASCIIRefused: {addItem(`{"name":"é"}`), "201", "400"},
	PageSizeRefused: {status("GET", "/items?perPage=100", ""), "200", "400"},
	TransferRefused: {addOrder(`{"payment":{"method":"transfer","iban":"DE12345678"}}`), "201", "400"},

	HeaderOptional: {addOrder(`{}`, "X-Request-Token:"), "400", "201"},

	UndeclaredMethod: {status("DELETE", "/accounts/"+stranger, ""), "405", "200"},
	NoAllow:          {header("DELETE", "/items", "", "Allow"), "GET, HEAD, OPTIONS, POST", ""},
	WrongAllow:       {header("OPTIONS", "/items", "", "Allow"), "GET, HEAD, OPTIONS, POST", "DELETE, GET, HEAD, OPTIONS, PUT"},

	DeletedReadable:  {deleted(status("GET", "/items/1", "")), "404", "200"},
	DeletedUpdatable: {deleted(status("PATCH", "/items/1", `{"stock":1}`)), "404", "200"},

	CreatedItemAbsent:  {after(status("GET", "/items/1", ""), "/items", itemJSON), "200", "404"},
	CreatedOrderAbsent: {orderShown(func(r reply) string { return fmt.Sprint(r.StatusCode) }), "200", "404"},

	NoAuth:      {status("GET", "/items", "", "Authorization:"), "401", "200"},
	WrongScheme: {after(status("GET", "/items/1", "", "Authorization: Basic YTpi"), "/items", itemJSON), "401", "200"},

	IDsRepeat: {accountIDs, "5", "4"},

	PageOverlap: {pages, "1 2 of 3, 3 of 3", "1 2 of 3, 2 3 of 3"},
	PageGap:     {pages, "1 2 of 3, 3 of 3", "1 2 of 3,  of 3"},
	TotalOfPage: {pages, "1 2 of 3, 3 of 3", "1 2 of 2, 3 of 1"},
	CursorGap:   {walk, "2 2 1", "2 2"},
	CursorLoop:  {walk, "2 2 1", "2 2 1 2 2"},

	PasswordReturned: {accountShown(func(r reply) string { return r.member("password") }), "absent", `"correct horse"`},

	DeletedTwice200: {deleted(status("DELETE", "/items/1", "")), "404", "200"},
	DeletedTwice500: {deleted(status("DELETE", "/items/1", "")), "404", "500"},

	ListOmitsNew: {after(func(c *client) string { return ids(c.do("GET", "/items", ""), "items") }, "/items", itemJSON), "1", ""},

	PutLosesMember:  {changed("PUT", but(itemJSON, `{"stock":8}`), "stock"), "8 then 8", "8 then 3"},
	PutKeepsAbsent:  {changed("PUT", itemJSON, "weight"), "absent then absent", "absent then 2"},
	PatchNotStored:  {changed("PATCH", `{"stock":8}`, "stock"), "8 then 8", "8 then 3"},
	PatchResetsTags: {changed("PATCH", `{"stock":8}`, "tags"), `["a"] then ["a"]`, `[] then []`},
	NameCut: {
		after(member("GET", "/items/1", "", "name"), "/items", but(itemJSON, `{"name":"`+strings.Repeat("n", 41)+`"}`)),
		`"` + strings.Repeat("n", 41) + `"`, `"` + strings.Repeat("n", 40) + `"`,
	},
}

// byDocument are the checks that need one answer and the document.
var byDocument = map[string]bool{statusCode: true, contentType: true, answerHeaders: true, answerSchema: true, writeOnly: true}

func TestBugs(t *testing.T) {
	for _, info := range Bugs() {
		t.Run(string(info.Bug), func(t *testing.T) {
			v, ok := visibles[info.Bug]
			if !ok {
				t.Fatal("nothing shows that it is there")
			}
			if v.without == v.with {
				t.Fatal("it makes no difference")
			}
			right := &client{t: t, shop: New()}
			if got := v.look(right); got != v.without {
				t.Errorf("without the bug: %s, want %s", got, v.without)
			}
			for _, w := range right.wrong {
				t.Error(w)
			}
			wrong := &client{t: t, shop: New(info.Bug)}
			if got := v.look(wrong); got != v.with {
				t.Errorf("with the bug: %s, want %s", got, v.with)
			}
			if byDocument[info.Check] && len(wrong.wrong) == 0 {
				t.Error("the answer keeps to the document")
			}
		})
	}
}

func TestCatalogue(t *testing.T) {
	seen := make(map[Bug]bool)
	for _, info := range Bugs() {
		if seen[info.Bug] {
			t.Errorf("%s is there twice", info.Bug)
		}
		seen[info.Bug] = true
		if (&server{}).handlers()[info.Operation] == nil {
			t.Errorf("%s shows at %q, which is no operation", info.Bug, info.Operation)
		}
		if !strings.HasSuffix(info.What, ".") || info.Check == "" {
			t.Errorf("%s is not described", info.Bug)
		}
	}
	for b := range visibles {
		if !seen[b] {
			t.Errorf("%s is not listed", b)
		}
	}
}
