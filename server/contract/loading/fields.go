package loading

// kind is what a node of an OpenAPI document is.
type kind string

const (
	data           kind = "" // a value, or what nobody asks
	documentKind   kind = "document"
	componentsKind kind = "components object"
	pathItem       kind = "path item"
	operation      kind = "operation"
	parameter      kind = "parameter"
	requestBody    kind = "request body"
	response       kind = "response"
	header         kind = "header"
	mediaType      kind = "media type"
	encoding       kind = "encoding"
	example        kind = "example"
	link           kind = "link"
	schema         kind = "schema"
	securityScheme kind = "security scheme"
)

// shape says how the nodes of a kind sit below a member.
type shape int

const (
	one    shape = iota
	listOf       // a list of them
	mapOf        // by names that the author chose
)

type field struct {
	name  string
	shape shape
	kind  kind
}

// fields are the members of each kind that hold others.
var fields = map[kind][]field{
	documentKind:   {{"paths", mapOf, pathItem}, {"components", one, componentsKind}},
	pathItem:       append([]field{{"parameters", listOf, parameter}}, methodFields()...),
	operation:      {{"parameters", listOf, parameter}, {"requestBody", one, requestBody}, {"responses", mapOf, response}},
	parameter:      {{"schema", one, schema}, {"content", mapOf, mediaType}, {"examples", mapOf, example}},
	header:         {{"schema", one, schema}, {"content", mapOf, mediaType}, {"examples", mapOf, example}},
	requestBody:    {{"content", mapOf, mediaType}},
	response:       {{"headers", mapOf, header}, {"content", mapOf, mediaType}, {"links", mapOf, link}},
	mediaType:      {{"schema", one, schema}, {"examples", mapOf, example}, {"encoding", mapOf, encoding}},
	encoding:       {{"headers", mapOf, header}},
	example:        nil,
	link:           nil,
	securityScheme: nil,
	schema: {
		{"properties", mapOf, schema},
		{"patternProperties", mapOf, schema},
		{"dependentSchemas", mapOf, schema},
		{"$defs", mapOf, schema},
		{"items", one, schema},
		{"additionalProperties", one, schema},
		{"not", one, schema},
		{"contains", one, schema},
		{"propertyNames", one, schema},
		{"if", one, schema},
		{"then", one, schema},
		{"else", one, schema},
		{"unevaluatedItems", one, schema},
		{"unevaluatedProperties", one, schema},
		{"contentSchema", one, schema},
		{"allOf", listOf, schema},
		{"anyOf", listOf, schema},
		{"oneOf", listOf, schema},
		{"prefixItems", listOf, schema},
	},
	componentsKind: {
		{"schemas", mapOf, schema},
		{"responses", mapOf, response},
		{"parameters", mapOf, parameter},
		{"headers", mapOf, header},
		{"requestBodies", mapOf, requestBody},
		{"examples", mapOf, example},
		{"links", mapOf, link},
		{"securitySchemes", mapOf, securityScheme},
	},
}

// methods are the operations that a path may have.
var methods = []string{"get", "put", "post", "delete", "patch", "head", "options", "trace"}

func methodFields() []field {
	var all []field
	for _, method := range methods {
		all = append(all, field{method, one, operation})
	}
	return all
}

// sections are where the components of a kind stand.
var sections = map[kind]string{
	schema: "schemas", response: "responses", parameter: "parameters", header: "headers",
	requestBody: "requestBodies", example: "examples", link: "links", securityScheme: "securitySchemes",
}

// unread are the members of a kind that nothing is judged by. They are left out, so that
// a mistake in them costs nothing.
var unread = map[kind][]string{
	documentKind:   {"webhooks", "tags", "externalDocs"},
	componentsKind: {"callbacks", "pathItems", "mediaTypes"},
	operation:      {"callbacks", "externalDocs"},
	schema:         {"xml", "externalDocs", "$comment", "$schema", "$vocabulary"},
}

// texts are the members of a kind that are texts, and are made texts if they are not.
var texts = map[kind][]string{
	pathItem: {"summary", "description"}, operation: {"summary", "description"}, parameter: {"description"},
	requestBody: {"description"}, response: {"description"}, header: {"description"}, example: {"summary", "description"},
	link: {"description"}, schema: {"title", "description"}, securityScheme: {"description"},
}

// booleans are the members of a kind that are true or false.
var booleans = map[kind][]string{
	operation:   {"deprecated"},
	parameter:   {"required", "deprecated", "allowEmptyValue", "explode", "allowReserved"},
	header:      {"required", "deprecated", "explode"},
	requestBody: {"required"},
	encoding:    {"explode", "allowReserved"},
	schema:      {"nullable", "readOnly", "writeOnly", "deprecated", "uniqueItems"},
}
