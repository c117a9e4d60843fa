package buggy

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// bend changes the rules that requests are judged by: what a bug accepts or refuses
// wrongly is a keyword that is missing or too much.
func (s *server) bend(document *openapi3.T) {
	schema := func(name string) *openapi3.Schema { return document.Components.Schemas[name].Value }
	property := func(of, name string) *openapi3.Schema { return schema(of).Properties[name].Value }
	pageSize := document.Paths.Value("/items").Get.Parameters.GetByInAndName(openapi3.ParameterInQuery, "perPage").Schema.Value
	if s.has(AnyCategory) {
		schema("Category").Enum = nil
	}
	if s.has(NoMaximum) {
		schema("Stock").Max = nil
	}
	if s.has(NoMinimum) {
		schema("Stock").Min = nil
	}
	if s.has(NoMaxLength) {
		schema("Name").MaxLength = nil
	}
	if s.has(NoMinLength) {
		property("AccountInput", "password").MinLength = 0
	}
	if s.has(NoPattern) {
		schema("Sku").Pattern = ""
	}
	if s.has(NoDateTime) {
		schema("AvailableFrom").Format = ""
	}
	if s.has(NoEmail) {
		property("OrderInput", "email").Format = ""
	}
	if s.has(NoMaxItems) {
		schema("Tags").MaxItems = nil
	}
	if s.has(NoUniqueItems) {
		schema("Tags").UniqueItems = false
	}
	if s.has(NoMinProperties) {
		schema("ItemPatch").MinProps = 0
	}
	if s.has(ExtraAccepted) {
		schema("ItemInput").AdditionalProperties = openapi3.AdditionalProperties{}
	}
	if s.has(AnyPayment) {
		schema("OrderInput").Properties["payment"] = openapi3.NewObjectSchema().NewRef()
	}
	if s.has(AnyPageSize) {
		pageSize.Max = nil
	}
	if s.has(ToolRefused) {
		schema("Category").Enum = []any{"book", "game"}
	}
	if s.has(MaximumRefused) {
		schema("Stock").Max = new(999.0)
	}
	if s.has(AbsentRefused) {
		schema("ItemInput").Required = append(schema("ItemInput").Required, "description")
	}
	if s.has(NullRefused) {
		schema("Description").Nullable = false
	}
	if s.has(NonASCIIRefused) {
		schema("Name").Pattern = "^[\x00-\x7f]*$"
	}
	if s.has(PageSizeRefused) {
		pageSize.Max = new(99.0)
	}
	if s.has(TransferRefused) {
		schema("OrderInput").Properties["payment"] = document.Components.Schemas["Card"]
	}
	if s.has(HeaderOptional) {
		document.Paths.Value("/items/{itemId}/orders").Post.Parameters.GetByInAndName(openapi3.ParameterInHeader, "X-Request-Token").Required = false
	}
}

// coerced is the body that a bug makes of another.
func (s *server) coerce(operation string, body any) any {
	members, ok := body.(map[string]any)
	if !ok {
		return body
	}
	members = maps.Clone(members)
	switch operation {
	case "createItem":
		if name, there := members["name"]; there && name == nil && s.has(NullAccepted) {
			members["name"] = "unnamed"
		}
		if stock, isText := members["stock"].(string); isText && s.has(TextAsInteger) {
			if n, err := strconv.ParseUint(stock, 10, 10); err == nil {
				members["stock"] = float64(n)
			}
		}
	case "createOrder":
		if _, there := members["quantity"]; !there && s.has(NothingRequired) {
			members["quantity"] = 1.0
		}
	}
	return members
}

// crash is the 500 of a bug that stumbles over a body.
func (s *server) stumbles(operation string, body any) *answer {
	stumbles := false
	switch members, _ := body.(map[string]any); operation {
	case "createAccount":
		stumbles = s.has(NullBody) && body == nil
	case "createItem":
		name, isText := members["name"].(string)
		value, there := members["name"]
		stock, _ := members["stock"].(float64)
		stumbles = s.has(LongName) && len([]rune(name)) > 64 ||
			s.has(QuoteInName) && strings.Contains(name, "'") ||
			s.has(AstralInName) && slices.ContainsFunc([]rune(name), func(r rune) bool { return r > 0xffff }) ||
			s.has(NameNotString) && there && value != nil && !isText ||
			s.has(NegativeStock) && stock < 0
	}
	if !stumbles {
		return nil
	}
	a := problem(http.StatusInternalServerError, "The shop stumbled.")
	return &a
}
