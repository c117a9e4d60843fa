package render

import "github.com/understudy-api/understudy/server/contract"

// ruleText is what is said of a rule to readers who meet its name only: what it asks, why
// that matters, and how what breaks it is mended. docs/rules is made from it.
type ruleText struct{ what, why, mend string }

// Of the checks of "understudy verify" all is said by what they ask.
const (
	checkWhy  = "A client cannot rely on a server that breaks its own document."
	checkMend = "Mend the server, or its document: the finding's line for curl makes the request anew. docs/verify.md says what the check lets pass."
)

var ruleTexts = map[string]ruleText{
	"additionalProperties": {
		"A member was sent that the schema does not declare, and it allows no others. Remove it, or correct its name.",
		"The schema says that there are no others, and the service refuses the request.",
		"Remove the member, or correct its name: the message names the nearest that is declared.",
	},
	"allOf": {
		"The value must fit every one of several schemas.",
		"Each of the schemas says a part of what is wanted.",
		"Look at the message: it names the part that does not fit.",
	},
	"anyOf": {
		"The value must fit at least one of several schemas.",
		"Without an alternative that fits, the service cannot tell what is meant.",
		"Choose one alternative and send what it asks for; the message tells of the nearest.",
	},
	"const": {
		"The value must be the one that the schema names.",
		"The service knows one value at this place.",
		"Send that value.",
	},
	"discriminator": {
		"The member that says which alternative an object is must name one of them.",
		"The service reads the rest of the object by what this member says.",
		"Send one of the names that the message lists.",
	},
	"enum": {
		"The value must be one of those that the schema lists.",
		"Other values mean nothing to the service. A list that we guessed warns only.",
		"Send one of the listed values, in this spelling.",
	},
	"exclusiveMaximum": {
		"The number must be below a bound.",
		"The service refuses numbers beyond its bounds.",
		"Send a smaller number.",
	},
	"exclusiveMinimum": {
		"The number must be above a bound.",
		"The service refuses numbers beyond its bounds.",
		"Send a larger number.",
	},
	"format": {
		"The text must have the form that the schema names, such as a date or a UUID.",
		"The service reads the text in this form and refuses another.",
		"Write it in the form that the message names; where the text is \"undefined\" or empty, look for the variable.",
	},
	"maxItems": {
		"The list has too many items.",
		"The service bounds its lists.",
		"Send fewer items, in several requests if need be.",
	},
	"maxLength": {
		"The text is too long.",
		"The service bounds its texts.",
		"Shorten the text.",
	},
	"maxProperties": {
		"The object has too many members.",
		"The service bounds its objects.",
		"Send fewer members.",
	},
	"maximum": {
		"The number is too large.",
		"The service refuses numbers beyond its bounds.",
		"Send a smaller number.",
	},
	"minItems": {
		"The list has too few items.",
		"With fewer there is nothing to be done.",
		"Send more items.",
	},
	"minLength": {
		"The text is too short.",
		"With a shorter text nothing can be meant, least with an empty one.",
		"Send a longer text; where it is empty, look for the variable.",
	},
	"minProperties": {
		"The object has too few members.",
		"With fewer there is nothing to be done.",
		"Send more members.",
	},
	"minimum": {
		"The number is too small.",
		"The service refuses numbers beyond its bounds.",
		"Send a larger number.",
	},
	"multipleOf": {
		"The number must be a multiple of another.",
		"The service counts in steps.",
		"Send a number that is a multiple of the step.",
	},
	"not": {
		"The value must not fit the schema that is excluded.",
		"The service takes anything but this.",
		"Send another value.",
	},
	"oneOf": {
		"The value must fit exactly one of several schemas.",
		"With several that fit, or none, the service cannot tell what is meant.",
		"Send what exactly one alternative asks for.",
	},
	"pattern": {
		"The text must match a regular expression.",
		"The service refuses texts of another form. A pattern that we guessed, or saw in a client, warns only.",
		"Write the text so that it matches the expression that the message shows.",
	},
	"readOnly": {
		"A member was sent that only the server sets. Do not send it.",
		"The service sets the member and refuses, or ignores, what a client says of it.",
		"Leave the member out; of an object that was read before, take it out before it is sent back.",
	},
	"required": {
		"Something that must be sent is missing.",
		"Without it the service does not know what is wanted.",
		"Send it; where a misspelled member stands in its place, the message names that.",
	},
	"type": {
		"The value has the wrong JSON type.",
		"JSON tells texts, numbers, switches, objects and lists apart, and so does the service.",
		"Send the type that the message names: no quotation marks around numbers, and an object rather than its JSON text.",
	},
	"uniqueItems": {
		"The items of the list must differ.",
		"The service takes the list for a set.",
		"Remove what is there twice.",
	},
	"writeOnly": {
		"A member was answered that must never be.",
		"Such a member is a secret, which must not leave the service.",
		"Nothing a client does: it is a mistake of the server.",
	},
	contract.RuleBodySize: {
		"The body is larger than the server takes.",
		"The server bounds what it reads.",
		"Send less at a time, or raise the server's --max-body.",
	},
	contract.RuleBodyUnused: {
		"The operation declares no body, and one was sent.",
		"Nobody reads it.",
		"Leave the body out.",
	},
	contract.RuleCredential: {
		"The credential is missing, malformed or of another scheme than the document declares.",
		"The service lets nobody in without one.",
		"Send the header that the message shows, with your secret; where the secret is missing, look for the variable of the environment.",
	},
	contract.RuleIntegerRange: {
		"The integer does not fit in 64 bits.",
		"Neither Go nor the services' languages keep such a number exactly.",
		"Send a smaller integer, or a text where the document takes one.",
	},
	contract.RuleJSON: {
		"The body is not one JSON value (RFC 8259).",
		"The service reads nothing of a body that it cannot parse.",
		"Write the body with your language's JSON encoder and never by hand; the message names the byte and the likely mistake.",
	},
	contract.RuleMultipart: {
		"The body is not multipart/form-data (RFC 7578).",
		"The service reads nothing of a body whose parts it cannot tell apart.",
		"Let your HTTP library write the body and the Content-Type, boundary included.",
	},
	contract.RuleMediaType: {
		"The Content-Type is not declared for the operation.",
		"The service chooses how to read the body by its Content-Type.",
		"Send the Content-Type that the message names.",
	},
	contract.RuleMethod: {
		"The path is declared, the method is not.",
		"The service has the path for other things.",
		"Use one of the methods that the message names.",
	},
	contract.RuleNumberRange: {
		"The number is beyond the range of a double.",
		"No double holds it.",
		"Send a number within the range.",
	},
	contract.RuleRepeated: {
		"A parameter that takes one value was given more than once.",
		"Only one of them is read, so that the others are lost.",
		"Send the parameter once.",
	},
	contract.RuleStatus: {
		"The answer has a status that the operation does not declare.",
		"A client cannot be ready for what is not declared.",
		"Nothing a client does: it is a mistake of the server.",
	},
	contract.RuleTransport: {
		"The body ended early or could not be read.",
		"What came is not what was announced.",
		"Let your HTTP library count the length, and look for connections that break off.",
	},
	contract.RuleUnknownPath: {
		"No path of the document matches the request.",
		"The service answers 404 whatever else is right.",
		"Correct the path or the base URL: the message names the nearest path, a slash that is doubled and a variable that is empty.",
	},
	contract.RuleUnserved: {
		"The vendor has the operation, and Understudy does not serve it. It is no mistake of the client's.",
		"The stand-in covers a part of the vendor's interface.",
		"Nothing. To have a job fail on it, use --fail-on-unserved.",
	},
	contract.RuleExpected: {
		"The header Understudy-Expect says that the request breaks the contract on purpose, and it did not.",
		"A test of how a client bears a refusal that is none proves nothing.",
		"Correct the test so that its request is wrong, or leave the header Understudy-Expect out.",
	},
	ruleRequests: {
		"Nothing was asked of the stand-in, so that nothing can be said of the client.",
		"A client that takes its base URL from elsewhere talks to the real service, and its job would be green for ever.",
		"Let the client take its base URL from BRMS_URL and DATAFOLD_HOST; for a run that needs no request there is --allow-no-requests.",
	},
	contract.RuleUnknownMember: {
		"The body has a member that the operation does not declare, and that is dropped.",
		"The vendor's services drop such members, so that what was meant never happens. As nothing forbids it, it only warns.",
		"Correct the name, which the message suggests, or remove the member.",
	},
	contract.RuleUnknownQuery: {
		"The query has a parameter that the operation does not declare.",
		"The vendor's services ignore such parameters. As nothing forbids it, it only warns.",
		"Correct the name, which the message suggests, or remove the parameter.",
	},
	"allow_header_conformance":     {"An answer 405 must list in Allow what the path declares, and not the refused method.", checkWhy, checkMend},
	"content_type_conformance":     {"The Content-Type of the answer is not declared for its status.", checkWhy, checkMend},
	"ensure_resource_availability": {"What was just created or changed must be there.", checkWhy, checkMend},
	"idempotent_delete":            {"Deleting what is gone must be answered 404, 410 or as the first time, and each time the same.", checkWhy, checkMend},
	"ignored_auth":                 {"A call without a valid credential must be answered 401 or 403.", checkWhy, checkMend},
	"list_reflects_create":         {"What was created must be in the list of its collection.", checkWhy, checkMend},
	"max_response_time":            {"The answer took longer than was asked for.", checkWhy, checkMend},
	"missing_required_header":      {"A request without a required header must be refused.", checkWhy, checkMend},
	"negative_data_rejection":      {"A request that breaks the document must be refused.", checkWhy, checkMend},
	"not_a_server_error":           {"No request is reason enough for a 5xx, and every one is answered.", checkWhy, checkMend},
	"paging_laws":                  {"Pages must hold every item once, no more items than asked for, and agree with the total.", checkWhy, checkMend},
	"positive_data_acceptance":     {"A request that keeps the document must not be refused.", checkWhy, checkMend},
	"response_headers_conformance": {"A header of the answer is missing or breaks its schema.", checkWhy, checkMend},
	"response_schema_conformance":  {"The body of the answer breaks its schema.", checkWhy, checkMend},
	"status_code_conformance":      {"The status of the answer is not declared for the operation.", checkWhy, checkMend},
	"unique_ids":                   {"Everything that is created must have an id of its own.", checkWhy, checkMend},
	"unsupported_method":           {"A method that the path does not declare must not be served.", checkWhy, checkMend},
	"update_round_trip":            {"What was written must be read back, and what was not mentioned must stay.", checkWhy, checkMend},
	"use_after_free":               {"What was deleted must be gone.", checkWhy, checkMend},
	"write_only_never_returned":    {"What the document says is writeOnly must be in no answer.", checkWhy, checkMend},
	ruleCoverage: {
		"The client's tests use less of the contract than the job asks for. The report lists the rows that were never met, each with the way to meet it.",
		"What tests never use can break unseen.",
		"Add tests for the rows that the report lists, each with the way to meet it.",
	},
}

// ruleCoverage is the rule that the threshold of the coverage is.
const (
	ruleCoverage = "coverage"
	ruleRequests = "requests"
)

func helpFor(rule string) string {
	if text, known := ruleTexts[rule]; known {
		return text.what + " " + text.why + " " + text.mend
	}
	return "The rule " + clean(rule) + " of the document was not kept."
}

// pages is where the pages of rules are read.
const pages = "https://github.com/understudy-api/understudy/blob/main/docs/rules/"

// Rules gives the page of each rule, by the name of its file: what it asks, why, and how
// what breaks it is mended.
func Rules() map[string]string {
	all := map[string]string{}
	for rule, text := range ruleTexts {
		all[rule+".md"] = "# " + rule + "\n\n" + text.what + "\n\n**Why.** " + text.why + "\n\n**How to mend it.** " + text.mend + "\n"
	}
	return all
}
