package render

import "github.com/understudy-api/understudy/server/contract"

// ruleHelp says what each rule asks, for readers who meet its name only.
var ruleHelp = map[string]string{
	"additionalProperties":     "A member was sent that the schema does not declare, and it allows no others. Remove it, or correct its name.",
	"allOf":                    "The value must fit every one of several schemas.",
	"anyOf":                    "The value must fit at least one of several schemas.",
	"const":                    "The value must be the one that the schema names.",
	"discriminator":            "The member that says which alternative an object is must name one of them.",
	"enum":                     "The value must be one of those that the schema lists.",
	"exclusiveMaximum":         "The number must be below a bound.",
	"exclusiveMinimum":         "The number must be above a bound.",
	"format":                   "The text must have the form that the schema names, such as a date or a UUID.",
	"maxItems":                 "The list has too many items.",
	"maxLength":                "The text is too long.",
	"maxProperties":            "The object has too many members.",
	"maximum":                  "The number is too large.",
	"minItems":                 "The list has too few items.",
	"minLength":                "The text is too short.",
	"minProperties":            "The object has too few members.",
	"minimum":                  "The number is too small.",
	"multipleOf":               "The number must be a multiple of another.",
	"not":                      "The value must not fit the schema that is excluded.",
	"oneOf":                    "The value must fit exactly one of several schemas.",
	"pattern":                  "The text must match a regular expression.",
	"readOnly":                 "A member was sent that only the server sets. Do not send it.",
	"required":                 "Something that must be sent is missing.",
	"type":                     "The value has the wrong JSON type.",
	"uniqueItems":              "The items of the list must differ.",
	"writeOnly":                "A member was answered that must never be.",
	contract.RuleBodySize:      "The body is larger than the server takes.",
	contract.RuleBodyUnused:    "The operation declares no body, and one was sent.",
	contract.RuleCredential:    "The credential is missing, malformed or of another scheme than the document declares.",
	contract.RuleIntegerRange:  "The integer does not fit in 64 bits.",
	contract.RuleJSON:          "The body is not one JSON value (RFC 8259).",
	contract.RuleMediaType:     "The Content-Type is not declared for the operation.",
	contract.RuleMethod:        "The path is declared, the method is not.",
	contract.RuleNumberRange:   "The number is beyond the range of a double.",
	contract.RuleRepeated:      "A parameter that takes one value was given more than once.",
	contract.RuleStatus:        "The answer has a status that the operation does not declare.",
	contract.RuleTransport:     "The body ended early or could not be read.",
	contract.RuleUnknownPath:   "No path of the document matches the request.",
	contract.RuleUnserved:      "The vendor has the operation, and Understudy does not serve it. It is no mistake of the client's.",
	contract.RuleExpected:      "The header Understudy-Expect says that the request breaks the contract on purpose, and it did not.",
	ruleRequests:               "Nothing was asked of the stand-in, so that nothing can be said of the client.",
	contract.RuleUnknownMember: "The body has a member that the operation does not declare, and that is dropped.",
	contract.RuleUnknownQuery:  "The query has a parameter that the operation does not declare.",
	// The checks of "understudy verify"; docs/verify.md says what each lets pass.
	"allow_header_conformance":     "An answer 405 must list in Allow what the path declares, and not the refused method.",
	"content_type_conformance":     "The Content-Type of the answer is not declared for its status.",
	"ensure_resource_availability": "What was just created or changed must be there.",
	"idempotent_delete":            "Deleting what is gone must be answered 404, 410 or as the first time, and each time the same.",
	"ignored_auth":                 "A call without a valid credential must be answered 401 or 403.",
	"list_reflects_create":         "What was created must be in the list of its collection.",
	"max_response_time":            "The answer took longer than was asked for.",
	"missing_required_header":      "A request without a required header must be refused.",
	"negative_data_rejection":      "A request that breaks the document must be refused.",
	"not_a_server_error":           "No request is reason enough for a 5xx, and every one is answered.",
	"paging_laws":                  "Pages must hold every item once, no more items than asked for, and agree with the total.",
	"positive_data_acceptance":     "A request that keeps the document must not be refused.",
	"response_headers_conformance": "A header of the answer is missing or breaks its schema.",
	"response_schema_conformance":  "The body of the answer breaks its schema.",
	"status_code_conformance":      "The status of the answer is not declared for the operation.",
	"unique_ids":                   "Everything that is created must have an id of its own.",
	"unsupported_method":           "A method that the path does not declare must not be served.",
	"update_round_trip":            "What was written must be read back, and what was not mentioned must stay.",
	"use_after_free":               "What was deleted must be gone.",
	"write_only_never_returned":    "What the document says is writeOnly must be in no answer.",
	ruleCoverage:                   "The client's tests use less of the contract than the job asks for. The report lists the rows that were never met, each with the way to meet it.",
}

// ruleCoverage is the rule that the threshold of the coverage is.
const (
	ruleCoverage = "coverage"
	ruleRequests = "requests"
)

func helpFor(rule string) string {
	if help := ruleHelp[rule]; help != "" {
		return help
	}
	return "The rule " + clean(rule) + " of the document was not kept."
}
