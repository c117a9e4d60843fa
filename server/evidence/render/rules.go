package render

import "github.com/understudy-api/understudy/server/contract"

// ruleHelp says what each rule asks, for readers who meet its name only.
var ruleHelp = map[string]string{
	"additionalProperties":    "A member was sent that the schema does not declare, and it allows no others. Remove it, or correct its name.",
	"allOf":                   "The value must fit every one of several schemas.",
	"anyOf":                   "The value must fit at least one of several schemas.",
	"const":                   "The value must be the one that the schema names.",
	"discriminator":           "The member that says which alternative an object is must name one of them.",
	"enum":                    "The value must be one of those that the schema lists.",
	"exclusiveMaximum":        "The number must be below a bound.",
	"exclusiveMinimum":        "The number must be above a bound.",
	"format":                  "The text must have the form that the schema names, such as a date or a UUID.",
	"maxItems":                "The list has too many items.",
	"maxLength":               "The text is too long.",
	"maxProperties":           "The object has too many members.",
	"maximum":                 "The number is too large.",
	"minItems":                "The list has too few items.",
	"minLength":               "The text is too short.",
	"minProperties":           "The object has too few members.",
	"minimum":                 "The number is too small.",
	"multipleOf":              "The number must be a multiple of another.",
	"not":                     "The value must not fit the schema that is excluded.",
	"oneOf":                   "The value must fit exactly one of several schemas.",
	"pattern":                 "The text must match a regular expression.",
	"readOnly":                "A member was sent that only the server sets. Do not send it.",
	"required":                "Something that must be sent is missing.",
	"type":                    "The value has the wrong JSON type.",
	"uniqueItems":             "The items of the list must differ.",
	"writeOnly":               "A member was answered that must never be.",
	contract.RuleBodySize:     "The body is larger than the server takes.",
	contract.RuleBodyUnused:   "The operation declares no body, and one was sent.",
	contract.RuleCredential:   "The credential is missing, malformed or of another scheme than the document declares.",
	contract.RuleIntegerRange: "The integer does not fit in 64 bits.",
	contract.RuleJSON:         "The body is not one JSON value (RFC 8259).",
	contract.RuleMediaType:    "The Content-Type is not declared for the operation.",
	contract.RuleMethod:       "The path is declared, the method is not.",
	contract.RuleNumberRange:  "The number is beyond the range of a double.",
	contract.RuleRepeated:     "A parameter that takes one value was given more than once.",
	contract.RuleStatus:       "The answer has a status that the operation does not declare.",
	contract.RuleTransport:    "The body ended early or could not be read.",
	contract.RuleUnknownPath:  "No path of the document matches the request.",
	contract.RuleUnknownQuery: "The query has a parameter that the operation does not declare.",
	ruleCoverage:              "The client's tests use less of the contract than the job asks for. The report lists the rows that were never met, each with the way to meet it.",
}

// ruleCoverage is the rule that the threshold of the coverage is.
const ruleCoverage = "coverage"

func helpFor(rule string) string {
	if help := ruleHelp[rule]; help != "" {
		return help
	}
	return "The rule " + clean(rule) + " of the document was not kept."
}
